//! A real journald without systemd, in mount and process namespaces of its own: nothing of it is seen outside, nothing stays.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const JOURNALD: &str = "/lib/systemd/systemd-journald";
const SOCKET: &str = "/run/systemd/journal/socket";
const STREAMS: &str = "/run/systemd/journal/stdout";

/// Set in the process that runs inside; its value is the name of the scene.
pub const SCENE: &str = "CGWD_TEST_SCENE";

/// Runs the calling test once more, inside. `Some` with what that printed to stderr when called outside; `None` when called
/// inside, where the test's body has to run. `test` is the calling test's own name.
pub fn outside(test: &str) -> Option<String> {
    if std::env::var_os(SCENE).is_some() {
        return None;
    }
    let why = ["unshare", "journalctl"].into_iter().find(|tool| !is_installed(tool)).map(|tool| format!("{tool} is not installed"));
    let why = why.or_else(|| (!Path::new(JOURNALD).exists()).then(|| format!("{JOURNALD} is not installed")));
    if let Some(why) = why {
        super::missing("a real journald", &why);
        return Some(String::new());
    }
    let mut inside = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        inside.arg("--map-root-user");
    }
    inside.args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"]).args(again(test)).env(SCENE, test);
    for variable in ["JOURNAL_STREAM", "NOTIFY_SOCKET", "NEXTEST"] {
        inside.env_remove(variable);
    }
    let output = inside.stdin(Stdio::null()).output().expect("unshare can be started");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    if let Some(why) = stderr.lines().find(|line| line.starts_with("unshare: ")) {
        super::missing("namespaces for a real journald", why);
        return Some(String::new());
    }
    assert!(output.status.success(), "{test} failed inside:\n{}\n{stderr}", String::from_utf8_lossy(&output.stdout));
    Some(stderr)
}

/// The command that runs one test of this program, printing as it goes.
pub fn again(test: &str) -> Vec<std::ffi::OsString> {
    let program = std::env::current_exe().expect("this program has a path");
    vec![program.into(), "--exact".into(), test.into(), "--nocapture".into(), "--test-threads=1".into()]
}

/// Makes `/run` and the journal's folders our own. To be called once inside, before anything logs.
pub fn prepare() {
    mount_tmpfs("/run");
    if Path::new("/var/log/journal").exists() {
        mount_tmpfs("/var/log/journal");
    }
    std::fs::create_dir_all("/run/systemd/journald.conf.d").unwrap();
    std::fs::create_dir_all("/run/systemd/journal").unwrap();
    // Of the machine's own kernel log and audit we want nothing.
    let settings = "[Journal]\nStorage=volatile\nReadKMsg=no\nAudit=no\nForwardToSyslog=no\n";
    std::fs::write("/run/systemd/journald.conf.d/test.conf", settings).unwrap();
}

pub struct Journald(Child);

impl Journald {
    pub fn start() -> Journald {
        let child = Command::new(JOURNALD).stdin(Stdio::null()).stderr(Stdio::null()).spawn().expect("journald can be started");
        wait_for("journald's socket to answer", || UnixStream::connect(STREAMS).is_ok() && Path::new(SOCKET).exists());
        Journald(child)
    }

    /// As the kernel's memory killer would: the socket's file stays behind.
    pub fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// A stream as systemd gives it to a service as stderr, and the value of `JOURNAL_STREAM` that goes with it.
    pub fn stream(&self) -> (OwnedFd, String) {
        use std::io::Write;
        let mut stream = UnixStream::connect(STREAMS).unwrap();
        // Identifier, unit, priority, level prefixes wanted, and three forwardings (systemd src/journal/journald-stream.c).
        stream.write_all(b"cgwd-stderr\n\n6\n1\n0\n0\n0\n").unwrap();
        let stat = rustix::fs::fstat(&stream).unwrap();
        (OwnedFd::from(stream), format!("{}:{}", stat.st_dev, stat.st_ino))
    }
}

/// Entries of ours, oldest first, once there are at least `count`; a little longer, so that one too many is seen too.
pub fn entries(count: usize) -> Vec<serde_json::Value> {
    wait_for(&format!("{count} entries in the journal"), || read().len() >= count);
    std::thread::sleep(Duration::from_millis(300));
    read()
}

fn read() -> Vec<serde_json::Value> {
    // Where there is no entry at all it also fails.
    let output = Command::new("journalctl").args(["-o", "json", "--all", "-t", "cgwd", "-t", "cgwd-stderr"]).output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < limit, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn mount_tmpfs(path: &str) {
    let status = Command::new("mount").args(["-t", "tmpfs", "tmpfs", path]).status().unwrap();
    assert!(status.success(), "could not mount on {path}");
}

fn is_installed(tool: &str) -> bool {
    std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).any(|directory| directory.join(tool).exists())
}
