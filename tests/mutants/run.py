#!/usr/bin/env python3
"""Takes safety rules out of the program, one or two at a time, and shows that the tests notice.

Every rule of mutants.toml is put behind a switch in one copy of the tree, which is built once. With all switches off the copy has to
hold. Then the tests run with one switch on, or with two that mask each other, until an invariant is broken. The table says which one
that was, and by which schedule; a mutant that nothing notices is a failure, and so is a crash or a test that does not end.

    tests/mutants/run.py             all of them
    tests/mutants/run.py NAME...     these

CGWD_MUTANT=masked-key in the environment of the built test program (its path is in the output) repeats a line by hand.
"""

import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import time
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
COPY = ROOT / "target" / "mutants" / "tree"
BUILD = ROOT / "target"
SWITCH = "crate::mutant::on"
REPLAY = {"replacement_faults": ("one_line", "CGWD_REPLAY"), "registration_faults": ("one_schedule", "CGWD_SCHEDULE")}
TEST, ONLY = "replacement_faults", "the_search"
# What a mutant is searched through that no line is known for, or whose line no longer notices.
SCHEDULES = 12000
# What the rules that mask others are searched through alone, and the copy with every rule in force.
USUALLY = 1500
# Seconds that one mutant may take.
LONGEST = 300
# One for each core: each search is given one thread.
AT_A_TIME = os.cpu_count() or 2


class Broken(Exception):
    """Something other than a test that notices."""


def main():
    everything = tomllib.loads((ROOT / "tests/mutants/mutants.toml").read_text())["mutant"]
    unknown = set(sys.argv[1:]) - {mutant["name"] for mutant in everything}
    if unknown:
        sys.exit(f"no mutant is called {', '.join(unknown)}")
    wanted = [mutant for mutant in everything if not sys.argv[1:] or mutant["name"] in sys.argv[1:]]
    started = time.monotonic()
    mirror(everything)
    programs = build(sorted({mutant.get("test", TEST) for mutant in everything}))
    say(f"one copy of the tree with {sum('change' in mutant for mutant in everything)} switches, built in {time.monotonic() - started:.0f} s")
    with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool:
        rows = [row for rows in pool.map(lambda job: job(), jobs(wanted, programs)) for row in rows]
    print_table(rows)
    wrong = [row for row in rows if row[3]]
    say(f"{sum(1 for row in rows if row[0])} mutants in {time.monotonic() - started:.0f} s")
    if wrong:
        sys.exit("\n".join(f"WRONG: {name or rule}: {by}" for name, rule, by, _ in wrong))
    say("each is caught")


def jobs(wanted, programs):
    """Each gives rows of mutant, rule, what noticed, and whether that is wrong."""
    tests = sorted({(mutant.get("test", TEST), mutant.get("only", ONLY)) for mutant in wanted})
    lines = sorted({(mutant.get("test", TEST), mutant["first"]) for mutant in wanted if "first" in mutant})
    everything_holds = [lambda test=test, only=only: in_force(programs, test, only) for test, only in tests]
    seen, mutants = set(), []
    for mutant in wanted:
        if "masked_by" not in mutant:
            mutants.append(lambda mutant=mutant: [single(programs, mutant)])
            continue
        mutants.append(lambda mutant=mutant: [masked(programs, mutant)])
        pair = frozenset([mutant["name"], mutant["masked_by"]])
        if pair not in seen:
            seen.add(pair)
            mutants.append(lambda mutant=mutant: [both(programs, mutant)])
    return [*everything_holds, lambda: lines_hold(programs, lines), *mutants]


def in_force(programs, test, only):
    try:
        noticed = run(programs, [], test, only, USUALLY)
    except Broken as why:
        noticed = str(why)
    return [("", f"{test} {only}, every rule in force", noticed or "holds", noticed is not None)]


def lines_hold(programs, lines):
    """A line that fails by itself would prove nothing."""
    failing = []
    for test, line in lines:
        try:
            noticed = replay(programs, [], test, line)
        except Broken as why:
            noticed = str(why)
        if noticed:
            failing.append(noticed)
    return [("", f"the {len(lines)} known schedules, every rule in force", "; ".join(failing) or "hold", bool(failing))]


def single(programs, mutant):
    return row(mutant["name"], mutant["rule"], lambda: caught(programs, [switch(mutant)], mutant), "NOBODY NOTICES")


def both(programs, mutant):
    on = [switch(mutant), mutant["masked_by"]]
    return row(" + ".join(on), "both", lambda: caught(programs, on, mutant), "NOBODY NOTICES")


def masked(programs, mutant):
    """Alone it is harmless as long as the other rule holds. That somebody notices all the same is as good."""

    def alone():
        test = mutant.get("test", TEST)
        line = "first" in mutant and replay(programs, [switch(mutant)], test, mutant["first"])
        return line or run(programs, [switch(mutant)], test, mutant.get("only", ONLY), USUALLY) or f"masked by {mutant['masked_by']}"

    return row(mutant["name"], mutant["rule"], alone, "")


def row(name, rule, noticed, otherwise):
    try:
        by = noticed()
        result = (name, rule, by or otherwise, not by)
    except Broken as why:
        result = (name, rule, str(why), True)
    say(f"{result[0]}: {result[2]}")
    return result


def caught(programs, on, mutant):
    test, only, line = mutant.get("test", TEST), mutant.get("only", ONLY), mutant.get("first")
    if line is None:
        return run(programs, on, test, only, SCHEDULES)
    noticed = replay(programs, on, test, line)
    if noticed is None and (noticed := run(programs, on, test, only, SCHEDULES)):
        noticed += f" (no longer by {line})"
    return noticed


def switch(mutant):
    return mutant.get("as", mutant["name"])


def replay(programs, on, test, line):
    only, variable = REPLAY[test]
    return run(programs, on, test, only, 0, {variable: line})


def run(programs, on, test, only, schedules, environment=()):
    """What the test noticed, `None` where it holds."""
    settings = {"RUST_BACKTRACE": "0", "CGWD_STOP_AT_FIRST": "1", "CGWD_SEARCH_THREADS": "1", "CGWD_SEARCH_SCHEDULES": str(schedules)}
    settings |= {"CGWD_MUTANT": ",".join(on), **dict(environment)}
    command = [programs[test], "--exact", only, "--nocapture"]
    try:
        ended = subprocess.run(command, cwd=COPY, env={**os.environ, **settings}, capture_output=True, text=True, timeout=LONGEST)
    except subprocess.TimeoutExpired:
        raise Broken(f"takes longer than {LONGEST} s")
    output = ended.stdout + ended.stderr
    if "running 1 test" not in output:
        raise Broken(f"{test} has no test {only}")
    if ended.returncode == 0:
        return None
    noticed = reason(output)
    if ended.returncode != 101 or noticed is None or noticed.startswith("panicked"):
        raise Broken(f"fails otherwise: {noticed or output[-2000:]}")
    return noticed


def reason(output):
    """What the tests print where they notice, each in its own way."""
    for form in (
        r"^\d+ x (?P<why>.*)\n\s*CGWD_REPLAY='(?P<line>[^']*)'",
        r"^(?P<why>.*)\n.*CGWD_SCHEDULE='(?P<line>[^']+)'",
        r"panicked at tests/.*\n(?P<line>\S+/\S+:) fails without any fault: (?P<why>.*)",
        r"panicked at tests/.*\n(?P<line>\S+/[^\s:]+:(?: \S+=\S+)*): (?P<why>.*)",
        r"panicked at tests/.*\n(?P<line>)(?P<why>assertion .*\n.*\n.*)",
        r"panicked at tests/.*\n(?P<line>)(?P<why>.*)",
    ):
        if found := re.search(form, output, re.MULTILINE):
            words = " ".join(found["why"].split())
            words = words if len(words) <= 160 else f"{words[:160]}…"
            return f"{words} [{found['line']}]" if found["line"] else words
    return None


def build(tests):
    """The test programs by name."""
    chosen = [word for test in tests for word in ("--test", test)]
    command = ["cargo", "test", "--locked", "--profile", "switched", "--no-run", "--message-format", "json-render-diagnostics", *chosen]
    built = subprocess.run(command, cwd=COPY, env={**os.environ, "CARGO_TARGET_DIR": str(BUILD)}, stdout=subprocess.PIPE, text=True)
    if built.returncode != 0:
        sys.exit("the copy with the switches does not compile: see above")
    messages = [json.loads(line) for line in built.stdout.splitlines()]
    return {message["target"]["name"]: message["executable"] for message in messages if message.get("executable") and "test" in message["target"]["kind"]}


def mirror(everything):
    """The tree with the switches. What has not changed is left alone: cargo goes by the time of the last change."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True)
    names = [name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]
    files = {name: (ROOT / name).read_bytes() for name in names}
    files["src/mutant.rs"] = files["tests/mutants/mutant.rs"]
    add_switches(files, everything)
    files["src/lib.rs"] += b"\nmod mutant;\n"
    # Cargo would take a copy of the same version for the tree itself.
    for name in ("Cargo.toml", "Cargo.lock"):
        text = files[name].decode()
        other = re.sub(r'(name = "cgwd"\nversion = "[^"+]+)', r"\1+mutants", text, count=1)
        if other == text:
            sys.exit(f"{name} does not name the version of cgwd")
        files[name] = other.encode()
    for name, content in files.items():
        copy = COPY / name
        if not (copy.is_file() and copy.read_bytes() == content):
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(content)
            copy.chmod(0o755 if (ROOT / name).is_file() and os.access(ROOT / name, os.X_OK) else 0o644)
    gone = [path for path in COPY.rglob("*") if path.is_file() and str(path.relative_to(COPY)) not in files]
    for path in gone:
        path.unlink()


def add_switches(files, everything):
    """Each `from` is looked for in the source as it is, so the order of the mutants makes no difference."""
    places = {}
    for mutant in everything:
        for change in mutant.get("change", []):
            source = files[change["file"]].decode()
            if source.count(change["from"]) != 1:
                sys.exit(f"{mutant['name']}: {change['file']} has {source.count(change['from'])} times: {change['from']}")
            on = re.sub(r"\bON\b", f'{SWITCH}("{mutant["name"]}")', change["to"])
            at = source.index(change["from"])
            places.setdefault(change["file"], []).append((at, at + len(change["from"]), on, mutant["name"]))
    for name, changes in places.items():
        text, last = files[name].decode(), None
        for start, end, on, mutant in sorted(changes, reverse=True):
            if last is not None and end > last:
                sys.exit(f"{mutant}: changes in {name} what another mutant changes")
            text, last = text[:start] + on + text[end:], start
        files[name] = text.encode()


def print_table(rows):
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    say("")
    for name, rule, by, *_ in [("mutant", "rule taken out", "caught by"), *rows]:
        say(f"{name.ljust(widths[0])}  {rule.ljust(widths[1])}  {by}")


def say(line):
    print(line, flush=True)


main()
