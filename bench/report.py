"""Measures cgwd beside its peers and prints one table. A report, never a verdict: it ends with 0 whatever came out.

Runs in network, process and mount namespaces of its own (bench/run sees to that), so whatever it starts ends with it.
Times on a shared machine are noisy: read the ratios, which are of one run, and the counts.
"""

import argparse
import contextlib
import json
import os
import pathlib
import select
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

# Nothing listens there: a peer that asks in vain is what an idle peer on a cut-off device looks like.
NOBODY = "127.0.0.1:9"
REGISTERED = "203.0.113.7"
# Twice the interval at which systemd is fed, as in systemd/cgwd.service (WatchdogSec=120).
WATCHDOG_SECONDS = 120
# The steady state: one visit to the cloud and one reading of all sources in this time.
STEADY_MINUTES = 5
# After a look at the cloud its connection is kept this long, and closed (cloud::https), which is part of the look.
PAUSE = 17
# Changes of address that one daemon tells one by one; a seventh within a minute is held back as flapping (alert::raise).
BURST = 5
KEYS = {"ALIBABA_CLOUD_ACCESS_KEY_ID": "bench-id", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "bench-secret"}


def main():
    arguments = parse()
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(tempfile.mkdtemp(prefix="bench-", dir=arguments.scratch))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "wan0", "type", "veth", "peer", "name", "isp0")
        run("ip", "link", "set", "isp0", "up")
        run("ip", "link", "set", "wan0", "up")
        run("ip", "addr", "add", f"{REGISTERED}/24", "dev", "wan0")
        cloud = Simulator(stack, arguments.binary, folder)
        results = Results()
        results.size = os.path.getsize(arguments.binary)
        register(arguments, folder, cloud)
        idle(stack, arguments, folder, cloud, results)
        cold(arguments, folder, cloud, results)
        latency(stack, arguments, folder, cloud, results)
        print(results.text())


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", required=True)
    parser.add_argument("--python", required=True, help="a Python that has the official SDK")
    parser.add_argument("--scratch", required=True, help="where state is kept meanwhile; a real disk")
    parser.add_argument("--idle", type=int, default=100, help="seconds of idleness that are measured")
    parser.add_argument("--cold", type=int, default=10, help="cold starts of each program")
    parser.add_argument("--changes", type=int, default=50, help="changes of address")
    return parser.parse_args()


def register(arguments, folder, cloud):
    """As a person would at the beginning, so that every start that follows is one of a known device."""
    config = write_config(folder / "register", cloud, sources=[f"static:{REGISTERED}"])
    subprocess.run([arguments.binary, "--config", str(config), "register"], env=cloud.environment, check=True, stdout=subprocess.DEVNULL)


# ---------------------------------------------------------------------------------------------- idle


def idle(stack, arguments, folder, cloud, results):
    """cgwd in sync beside chronyd and inadyn, all at the same time."""
    say(f"idle: cgwd, chronyd and inadyn side by side for {arguments.idle} s")
    config = write_config(folder / "idle", cloud, sources=["interface:wan0", f"static:{REGISTERED}"])
    daemon = Daemon(stack, arguments.binary, config, cloud)
    peers = {"cgwd run": daemon.process.pid}
    for name, start in [("chronyd", start_chronyd), ("inadyn", start_inadyn)]:
        process = start(stack, folder)
        if process is not None:
            peers[name] = process.pid
    daemon.wait_for_status("in sync")
    results.ready = daemon.ready_after
    daemon.settle_down(PAUSE)
    before = {name: Sight(pid) for name, pid in peers.items()}
    daemon.settle_down(arguments.idle)
    for name, pid in peers.items():
        results.idle[name] = Idle(before[name], Sight(pid))
    results.visit = daemon.cost_of_a_visit()
    daemon.stop()


def start_chronyd(stack, folder):
    if shutil.which("chronyd") is None:
        return missing("chronyd")
    host, port = NOBODY.split(":")
    config = folder / "chrony.conf"
    lines = [f"server {host} port {port}", "cmdport 0", "bindcmdaddress /", f"pidfile {folder}/chronyd.pid", f"driftfile {folder}/drift"]
    config.write_text("\n".join(lines) + "\n")
    # -x: the clock stays as it is.
    return child(stack, ["chronyd", "-d", "-x", "-u", "root", "-f", str(config)])


def start_inadyn(stack, folder):
    if shutil.which("inadyn") is None:
        return missing("inadyn")
    config = folder / "inadyn.conf"
    config.write_text(
        f"""period = 300
custom bench {{
    hostname = bench.example
    username = bench
    password = bench
    checkip-server = "{NOBODY}"
    checkip-path = "/"
    checkip-ssl = false
    ddns-server = "{NOBODY}"
    ddns-path = "/%h"
    ssl = false
}}
"""
    )
    config.chmod(0o600)
    return child(stack, ["inadyn", "-n", "-f", str(config), "-P", f"{folder}/inadyn.pid", "--cache-dir", str(folder)])


class Sight:
    """One look at a process."""

    def __init__(self, pid):
        self.at = time.monotonic()
        self.memory = sizes(f"/proc/{pid}/smaps_rollup")
        tasks = list(pathlib.Path(f"/proc/{pid}/task").iterdir())
        self.threads = len(tasks)
        self.waits = sum(sizes(task / "status")["voluntary_ctxt_switches"] for task in tasks)
        # Nanoseconds on a processor.
        self.cpu = sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)


class Idle:
    def __init__(self, before, after):
        self.minutes = (after.at - before.at) / 60
        self.rss, self.pss, self.anon = (after.memory[name] for name in ("Rss", "Pss", "Anonymous"))
        self.threads = after.threads
        self.wakeups = (after.waits - before.waits) / self.minutes
        self.cpu_ms = (after.cpu - before.cpu) / 1e6 / self.minutes


def sizes(path):
    """The `Name: number` lines of a file of /proc."""
    rows = (line.split() for line in pathlib.Path(path).read_text().splitlines())
    return {row[0].rstrip(":"): int(row[1]) for row in rows if len(row) > 1 and row[0].endswith(":") and row[1].isdigit()}


# ---------------------------------------------------------------------------------------------- cold


def cold(arguments, folder, cloud, results):
    """Whole lives of short programs, taken in turn; the files are in the page cache, the processes are new."""
    say(f"cold: {arguments.cold} starts each of `cgwd check`, `cgwd plan` and a script with the official SDK")
    config = write_config(folder / "cold", cloud, sources=[f"static:{REGISTERED}"])
    script = pathlib.Path(__file__).with_name("describe.py")
    programs = {
        "cgwd check": [arguments.binary, "--config", str(config), "check"],
        "cgwd plan": [arguments.binary, "--config", str(config), "plan"],
        "official SDK": [arguments.python, str(script)],
    }
    environment = {**cloud.environment, "CGWD_BENCH_ENDPOINT": cloud.endpoint.removeprefix("http://")}
    for command in programs.values():
        # Once beforehand, for the page cache and for Python's compiled modules.
        life(command, environment)
    lives = {name: [] for name in programs}
    for _ in range(arguments.cold):
        for name, command in programs.items():
            lives[name].append(life(command, environment))
    results.cold = {name: statistics.median(seconds) for name, seconds in lives.items()}


def life(command, environment):
    started = time.monotonic()
    subprocess.run(command, env=environment, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return time.monotonic() - started


# ---------------------------------------------------------------------------------------------- latency


def latency(stack, arguments, folder, cloud, results):
    """From a change of address in the kernel to the alert on cgwd's stderr."""
    say(f"alerts: {arguments.changes} changes of address by `ip addr`")
    config = write_config(folder / "latency", cloud, sources=["interface:wan0"], settle="1h")
    # RTMGRP_IPV4_IFADDR: the kernel tells us and cgwd at the same moment.
    kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    kernel.bind((0, 0x10))
    address = REGISTERED
    for first in range(0, arguments.changes, BURST):
        # A fresh one, whose patience with a flapping address is not used up.
        daemon = Daemon(stack, arguments.binary, config, cloud)
        daemon.wait_for_status("in sync")
        for index in range(first, min(first + BURST, arguments.changes)):
            address = change(kernel, daemon, address, f"203.0.113.{20 + index % 200}", results)
        daemon.stop()
        address = move(address, REGISTERED)


def change(kernel, daemon, old, new, results):
    run("ip", "addr", "del", f"{old}/24", "dev", "wan0")
    daemon.settle_down(0.1)
    drain(kernel)
    asked = time.monotonic()
    command = subprocess.Popen(["ip", "addr", "add", f"{new}/24", "dev", "wan0"])
    told, alerted = wait_for_alert(kernel, daemon, f"to {new} ")
    command.wait()
    if alerted is None:
        results.missed += 1
    else:
        results.from_kernel.append(alerted - told)
        results.from_command.append(alerted - asked)
    return new


def move(old, new):
    run("ip", "addr", "del", f"{old}/24", "dev", "wan0")
    run("ip", "addr", "add", f"{new}/24", "dev", "wan0")
    return new


def wait_for_alert(kernel, daemon, words):
    """When the kernel's event and when the alert came; both are waited for by the same loop."""
    told = None
    stderr = daemon.process.stderr
    deadline = time.monotonic() + 5
    while (left := deadline - time.monotonic()) > 0:
        ready, _, _ = select.select([kernel, stderr, daemon.manager], [], [], left)
        now = time.monotonic()
        if kernel in ready:
            drain(kernel)
            told = told or now
        if daemon.manager in ready:
            daemon.hear()
        if stderr in ready and words in daemon.read_log():
            return told or now, now
    return told, None


def drain(kernel):
    with contextlib.suppress(BlockingIOError):
        while True:
            kernel.recv(65536, socket.MSG_DONTWAIT)


# ---------------------------------------------------------------------------------------------- parts


class Simulator:
    """`cgwd simulate`: the cloud on loopback."""

    def __init__(self, stack, binary, folder):
        self.environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **KEYS}
        # From a copy: the pages of a file that two processes run would count half for each.
        copy = shutil.copy(binary, folder / "simulated-cloud")
        process = child(stack, [copy, "simulate"], env=self.environment, stdout=subprocess.PIPE, text=True)
        line = process.stdout.readline()
        self.endpoint = line.removeprefix("listening on ").strip()


class Daemon:
    """`cgwd run` as systemd starts it: readiness and watchdog over NOTIFY_SOCKET, a directory for the control socket."""

    def __init__(self, stack, binary, config, cloud):
        folder = config.parent
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        with contextlib.suppress(FileNotFoundError):
            (folder / "notify").unlink()
        self.manager.bind(str(folder / "notify"))
        self.manager.setblocking(False)
        self.socket = folder / "run" / "control.sock"
        self.socket.parent.mkdir(exist_ok=True)
        environment = {
            **cloud.environment,
            "NOTIFY_SOCKET": str(folder / "notify"),
            "WATCHDOG_USEC": str(WATCHDOG_SECONDS * 1_000_000),
            "RUNTIME_DIRECTORY": str(self.socket.parent),
        }
        self.status, self.ready_after, self.log = "", None, ""
        self.started = time.monotonic()
        self.process = child(stack, [binary, "--config", str(config), "run"], env=environment, stderr=subprocess.PIPE)
        os.set_blocking(self.process.stderr.fileno(), False)

    def hear(self):
        """Takes in what it told its service manager."""
        with contextlib.suppress(BlockingIOError):
            while True:
                for line in self.manager.recv(4096).decode().splitlines():
                    if line == "READY=1" and self.ready_after is None:
                        self.ready_after = time.monotonic() - self.started
                    if line.startswith("STATUS="):
                        self.status = line.removeprefix("STATUS=")

    def read_log(self):
        new = (self.process.stderr.read() or b"").decode(errors="replace")
        self.log += new
        return new

    def wait_for_status(self, words):
        deadline = time.monotonic() + 20
        while words not in self.status:
            if time.monotonic() > deadline or self.process.poll() is not None:
                sys.exit(f"cgwd did not come to be {words!r}: {self.status!r}\n{self.log}")
            select.select([self.manager, self.process.stderr], [], [], 1)
            self.hear()
            self.read_log()

    def settle_down(self, seconds):
        """Lets time pass, with an ear for what it says, so that it never waits for us."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            select.select([self.manager, self.process.stderr], [], [], left)
            self.hear()
            self.read_log()

    def cost_of_a_visit(self):
        """Wake-ups that one reading of all sources and one look at the cloud take."""
        before = Sight(self.process.pid).waits
        with socket.socket(socket.AF_UNIX) as asked:
            asked.connect(str(self.socket))
            asked.sendall(b'{"command":"refresh"}\n')
            answer = b""
            while part := asked.recv(65536):
                answer += part
        if json.loads(answer)["error"] is not None:
            sys.exit(f"the look at the cloud failed: {answer}")
        self.settle_down(PAUSE)
        return Sight(self.process.pid).waits - before

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
        self.process.stderr.close()
        self.manager.close()


def write_config(folder, cloud, sources, settle="30s"):
    folder.mkdir()
    config = folder / "config.toml"
    config.write_text(
        f"""[device]
name = "bench"
[address]
network = "public"
sources = {json.dumps(sources)}
settle = "{settle}"
[bgp]
asn = 65001
[cloud]
region = "cn-hangzhou"
endpoint = "{cloud.endpoint}"
[state]
directory = "{folder.parent}/state"
"""
    )
    return config


def child(stack, command, **options):
    """In the foreground, so that it can be waited for."""
    options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **options}
    process = subprocess.Popen(command, **options)

    def end():
        process.kill()
        process.wait()

    stack.callback(end)
    return process


def run(*command):
    subprocess.run(command, check=True)


def missing(program):
    say(f"COULD NOT MEASURE {program}: it is not installed")


def say(text):
    print(text, file=sys.stderr, flush=True)


# ---------------------------------------------------------------------------------------------- the table


class Results:
    def __init__(self):
        self.idle, self.cold = {}, {}
        self.size, self.ready, self.visit, self.missed = 0, None, 0, 0
        self.from_kernel, self.from_command = [], []

    def text(self):
        return "\n".join([*self.idle_lines(), *self.cold_lines(), *self.latency_lines(), *self.aims()])

    def idle_lines(self):
        minutes = self.idle["cgwd run"].minutes
        yield f"\nidle for {minutes:.1f} min         RSS kB   PSS kB  anon kB  threads  wake-ups/min  CPU ms/min"
        for name, row in self.idle.items():
            yield f"  {name:<22}{row.rss:>8}{row.pss:>9}{row.anon:>9}{row.threads:>9}{row.wakeups:>14.1f}{row.cpu_ms:>12.2f}"
        yield f"  one look at all sources and at the cloud (every {STEADY_MINUTES} min, not within the time above): {self.visit} wake-ups"
        yield f"  start to READY: {self.ready * 1000:.1f} ms"

    def cold_lines(self):
        yield "\nfrom start to end        median ms   of the script"
        script = self.cold["official SDK"]
        for name, seconds in self.cold.items():
            yield f"  {name:<22}{seconds * 1000:>10.1f}{'1/' + format(script / seconds, '.0f'):>16}"

    def latency_lines(self):
        yield f"\nalert after `ip addr`        p50 ms   p99 ms   max ms   ({len(self.from_kernel)} changes, {self.missed} not told within 5 s)"
        for name, values in [("since the kernel's event", self.from_kernel), ("since `ip` was started", self.from_command)]:
            p50, p99, most = (quantile(values, share) * 1000 for share in (0.5, 0.99, 1))
            yield f"  {name:<25}{p50:>9.2f}{p99:>9.2f}{most:>9.2f}"
        yield "  (the event as a second netlink listener receives it; the alert as its line arrives on stderr)"

    def aims(self):
        own = self.idle["cgwd run"]
        yield "\naim                                              measured"
        if chronyd := self.idle.get("chronyd"):
            yield aim("RSS at most 1.2 x chronyd", f"{own.rss / chronyd.rss:.2f} x", own.rss <= 1.2 * chronyd.rss)
        steady = own.wakeups + self.visit / STEADY_MINUTES
        yield aim("at most 2 wake-ups/min, waiting", f"{own.wakeups:.1f}", own.wakeups <= 2)
        yield aim("  the same with the looks spread over time", f"{steady:.1f}", steady <= 2)
        yield aim("binary at most 6 MB", f"{self.size / 1e6:.2f} MB", self.size <= 6e6)
        for name in ("cgwd check", "cgwd plan"):
            ratio = self.cold["official SDK"] / self.cold[name]
            yield aim(f"{name} at most 1/50 of the script", f"1/{ratio:.0f}", ratio >= 50)
        worst = quantile(self.from_kernel, 0.99)
        yield aim("alert within 100 ms of the kernel's event", f"{worst * 1000:.1f} ms (p99)", self.missed == 0 and worst <= 0.1)


def aim(words, measured, met):
    return f"  {words:<46} {measured:<18}{'met' if met else 'not met'}"


def quantile(values, share):
    """The smallest value that at least this share of them does not exceed."""
    ordered = sorted(values) or [float("nan")]
    return ordered[max(0, min(len(ordered), round(share * len(ordered) + 0.499)) - 1)]


main()
