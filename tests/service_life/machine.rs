//! A real systemd as process 1 of a throw-away machine: systemd-nspawn on an overlay of the root that tests/service/root.sh
//! makes, in mount and process namespaces of its own. When the test's end of a pipe closes, in whatever way, the kernel ends
//! every process of it and its mounts go with them.

use crate::common;
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

pub const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/lab/root");
pub const DEBIAN_11: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/lab/root-bullseye");
pub const DEBIAN_13: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/lab/root-trixie");

/// What would change the clock, the kernel or the devices of the host (systemd-nspawn(1) keeps these from its machines too).
const NOT_INSIDE: &str = "-sys_time,-sys_module,-sys_rawio,-syslog,-sys_boot,-mknod,-wake_alarm,-block_suspend,-mac_admin,-mac_override";

/// So many machines at a time: their stories wait more than they work, but two cores are soon busy, and memory has an end.
const AT_A_TIME: usize = 3;
static TURNS: (Mutex<usize>, Condvar) = (Mutex::new(AT_A_TIME), Condvar::new());

struct Turn;

impl Turn {
    fn take() -> Turn {
        let mut left = TURNS.1.wait_while(TURNS.0.lock().unwrap(), |left| *left == 0).unwrap();
        *left -= 1;
        Turn
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *TURNS.0.lock().unwrap() += 1;
        TURNS.1.notify_one();
    }
}

/// Process 1 of the outer namespaces. Each line of its standard input is a boot of the same root, and holds what systemd-nspawn is
/// told beside; the one that runs has to be on its way down. When the input ends, so does everything.
const STAGE: &str = r#"
for group in /sys/fs/cgroup/unified /sys/fs/cgroup/systemd /sys/fs/cgroup; do
  if [ -e $group/cgroup.procs ]; then mkdir -p $group/$3 && echo $$ >$group/$3/cgroup.procs; fi
done
mount -t tmpfs -o mode=755 tmpfs "$2"
mkdir "$2/upper" "$2/work" "$2/root"
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/root"
export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
# A small flash of its own beside the root, for who mounts it.
mkdir "$2/flash"
mount -t tmpfs -o size=4m,mode=700 tmpfs "$2/flash"
while read -r options; do
  wait
  # With eBPF, which systemd filters packets and ports with (IPAddressDeny=, SocketBindDeny=).
  systemd-nspawn -q -D "$2/root" --boot --register=no --keep-unit -M gateway --console=pipe --private-network \
    --system-call-filter=bpf --capability=CAP_BPF,CAP_NET_ADMIN,CAP_PERFMON $options </dev/null &
done
"#;

/// How a machine boots again.
pub enum Reboot {
    AsBefore,
    /// As an appliance has it: nothing can be written but /run, and a flash of 4 MB on this folder.
    ReadOnlyBut(&'static str),
}

impl Reboot {
    fn options(&self, scratch: &Path) -> String {
        match self {
            Reboot::AsBefore => String::new(),
            Reboot::ReadOnlyBut(folder) => format!("--read-only --bind={}/flash:{folder}", scratch.display()),
        }
    }
}

pub struct Machine {
    stage: Child,
    leader: String,
    scratch: PathBuf,
    group: String,
    _turn: Turn,
}

impl Machine {
    /// Boots one. `None`, said loudly, where that can't be done here.
    pub fn boot() -> Option<Machine> {
        Machine::boot_of(ROOT)
    }

    pub fn boot_of(root: &str) -> Option<Machine> {
        if let Some(why) = unavailable(root) {
            common::missing("a machine with a real systemd", &why);
            return None;
        }
        let turn = Turn::take();
        let scratch = sh(&format!("mktemp -d -p {REPOSITORY}/target/lab machine-XXXXXX"));
        let group = format!("cgwd-test-{}", scratch.rsplit('-').next().unwrap());
        let mut command = Command::new("unshare");
        command.args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--", "sh", "-ec", STAGE, "stage", root]);
        command.args([&scratch, &group]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let started = Instant::now();
        let stage = command.spawn().unwrap();
        let mut machine = Machine { stage, leader: String::new(), scratch: scratch.into(), group, _turn: turn };
        machine.switch_on("");
        machine.await_boot(started, &["running", "degraded"]);
        common::measured("boot", started.elapsed());
        Some(machine)
    }

    /// Shuts it down and boots the same root again. What was in memory is gone: /run, the network, and every process.
    pub fn reboot(&mut self, how: &Reboot) {
        let started = Instant::now();
        self.run("systemctl --no-block reboot");
        self.switch_on(&how.options(&self.scratch));
        // What still starts may be waiting for what the story has not brought yet.
        self.await_boot(started, &["running", "degraded", "starting"]);
        common::measured("reboot", started.elapsed());
    }

    fn switch_on(&mut self, options: &str) {
        writeln!(self.stage.stdin.as_mut().unwrap(), "{options}").unwrap();
    }

    fn await_boot(&mut self, started: Instant, states: &[&str]) {
        let before = std::mem::take(&mut self.leader);
        while started.elapsed() < Duration::from_secs(90) {
            if let Some(status) = self.stage.try_wait().unwrap() {
                let mut text = String::new();
                let _ = std::io::Read::read_to_string(&mut self.stage.stderr.take().unwrap(), &mut text);
                panic!("the machine did not come up ({status}): {text}");
            }
            // unshare, the stage, systemd-nspawn, process 1.
            let pid = self.stage.id().to_string();
            let child = |parent: &str| sh_or_nothing(&format!("pgrep -P {parent} -x 'sh|systemd-nspawn|systemd' | head -1"));
            self.leader = [0; 3].iter().fold(pid, |pid, _| if pid.is_empty() { pid } else { child(&pid) });
            if !self.leader.is_empty() && self.leader != before {
                let state = self.attempt("systemctl is-system-running");
                if states.contains(&stdout(&state).trim()) {
                    return;
                }
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("the machine did not come up within 90 s");
    }

    /// Runs a line of shell inside as root; its standard output without the last line break.
    pub fn run(&self, line: &str) -> String {
        let output = self.attempt(line);
        assert!(output.status.success(), "`{line}`: {}\n{}{}", output.status, stdout(&output), stderr(&output));
        stdout(&output).trim_end().to_owned()
    }

    /// The same for a line that may fail.
    pub fn attempt(&self, line: &str) -> Output {
        self.command(line).output().unwrap()
    }

    /// What a line that must fail says on both streams.
    pub fn refused(&self, line: &str) -> String {
        let output = self.attempt(line);
        assert!(!output.status.success(), "`{line}` succeeded: {}{}", stdout(&output), stderr(&output));
        stdout(&output) + &stderr(&output)
    }

    /// In no file below these places, as far as there are any.
    pub fn holds_nowhere(&self, text: &str, places: &[&str]) {
        for place in places.iter().filter(|place| self.attempt(&format!("test -e {place}")).status.success()) {
            let looked = self.attempt(&format!("grep -r -a -l -e {text} {place}"));
            // 0 is found, and 2 that something could not be read.
            assert_eq!(looked.status.code(), Some(1), "{text} below {place}: {}{}", stdout(&looked), stderr(&looked));
        }
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.leader, "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w", "--"]);
        // Who enters from outside brings the outside's privileges along: those that reach beyond the machine stay here.
        command.args(["setpriv", "--bounding-set", NOT_INSIDE, "--inh-caps", NOT_INSIDE, "--", "sh", "-ec", line]);
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", "/root").env("LANG", "C.UTF-8");
        command.stdin(Stdio::null());
        command
    }

    pub fn get(&self, path: &str) -> Vec<u8> {
        let output = self.attempt(&format!("cat {path}"));
        assert!(output.status.success(), "{path}: {}", stderr(&output));
        output.stdout
    }

    /// Writes a file inside, its directories too.
    pub fn put(&self, path: &str, content: impl AsRef<[u8]>) {
        let mut command = self.command(&format!("mkdir -p \"$(dirname {path})\"; cat >{path}"));
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(content.as_ref()).unwrap();
        assert!(child.wait().unwrap().success(), "could not write {path}");
    }

    pub fn put_from(&self, path: &str, source: impl AsRef<Path>) {
        let source = Path::new(REPOSITORY).join(source);
        self.put(path, std::fs::read(&source).unwrap_or_else(|error| panic!("{}: {error}", source.display())));
    }

    /// One of the shipped example drop-ins, put in force as the operator does it.
    pub fn drop_in(&self, name: &str) {
        self.put_from(&format!("/etc/systemd/system/cgwd.service.d/{name}.conf"), format!("systemd/cgwd.service.d/{name}.conf.example"));
        self.run("systemctl daemon-reload");
    }

    /// The journal's entries under these arguments of journalctl, oldest first.
    pub fn journal(&self, arguments: &str) -> Vec<Value> {
        let lines = stdout(&self.attempt(&format!("journalctl --sync; journalctl -o json --all {arguments}")));
        lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The alerts of this code, as `journalctl -u cgwd` shows them.
    pub fn alerts(&self, code: &str) -> Vec<Value> {
        self.journal("-u cgwd").into_iter().filter(|entry| entry["CGWD_EVENT"] == code).collect()
    }

    pub fn eventually_alerts(&self, code: &str) -> Vec<Value> {
        self.eventually(&format!("the alert {code}"), || Some(self.alerts(code)).filter(|alerts| !alerts.is_empty()))
    }

    /// A document of cgwd's own, e.g. `status`; the exit code does not count.
    pub fn cgwd(&self, command: &str) -> Value {
        let output = self.attempt(&format!("cgwd --json {command}"));
        serde_json::from_str(&stdout(&output)).unwrap_or_else(|error| panic!("cgwd {command}: {error}: {}", stderr(&output)))
    }

    /// A property of the service, as systemd has it.
    pub fn service(&self, property: &str) -> String {
        self.run(&format!("systemctl show cgwd --property={property} --value"))
    }

    pub fn await_status(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        self.eventually(what, || Some(self.cgwd("status")).filter(|status| status["daemon"] == "running" && is_so(status)))
    }

    /// Asks again until the answer is there; panics after a minute, with what the service said.
    pub fn eventually<T>(&self, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
        let started = Instant::now();
        loop {
            if let Some(answer) = ask() {
                return answer;
            }
            if started.elapsed() > Duration::from_secs(60) {
                let status = stdout(&self.attempt("cgwd status; systemctl status --no-pager cgwd; journalctl --no-pager -u cgwd -n 60"));
                panic!("{what} did not happen within a minute:\n{status}");
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        drop(self.stage.stdin.take());
        let _ = self.stage.kill();
        let _ = self.stage.wait();
        let _ = std::fs::remove_dir(&self.scratch);
        for hierarchy in ["unified/", "systemd/", ""] {
            let group = format!("/sys/fs/cgroup/{hierarchy}{}", self.group);
            // The kernel empties them a moment after the processes are gone.
            let remove = format!("for i in 1 2 3 4 5 6 7 8 9; do find {group} -depth -type d -exec rmdir {{}} + && break; sleep 0.1; done");
            let _ = Command::new("sh").args(["-c", &format!("[ ! -d {group} ] || {{ {remove}; }}")]).stderr(Stdio::null()).status();
        }
    }
}

fn unavailable(root: &str) -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("it needs root".to_owned());
    }
    let missing =
        ["systemd-nspawn", "nsenter", "unshare", "pgrep"].into_iter().find(|tool| sh_or_nothing(&format!("command -v {tool}")).is_empty());
    if let Some(tool) = missing {
        return Some(format!("{tool} is not installed"));
    }
    (!Path::new(root).join("etc/cgwd-test-root").exists()).then(|| format!("{root} is not there; tests/service/root.sh makes it"))
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A line of shell outside, which must succeed.
pub fn sh(line: &str) -> String {
    let output = Command::new("sh").args(["-ec", line]).output().unwrap();
    assert!(output.status.success(), "`{line}`: {}", stderr(&output));
    stdout(&output).trim().to_owned()
}

fn sh_or_nothing(line: &str) -> String {
    let output = Command::new("sh").args(["-c", line]).output().unwrap();
    stdout(&output).trim().to_owned()
}
