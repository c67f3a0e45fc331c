//! A network namespace for one test: the test runs itself again in namespaces of its own (network, processes, mounts).
//! When that inner process ends, in whatever way, the kernel removes the network and every process left in it.

#![allow(dead_code, clippy::unwrap_used, clippy::disallowed_methods, reason = "each test program uses its own part of it")]

use crate::common;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const INSIDE: &str = "CGWD_TEST_INSIDE";

/// Runs `story` inside. `name` is the test's own name.
pub fn in_namespace(name: &str, story: impl AsyncFnOnce()) {
    if std::env::var_os(INSIDE).is_some_and(|inside| inside == name) {
        sh("ip link set lo up");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        return runtime.block_on(story());
    }
    if let Some(why) = unavailable() {
        return common::missing("network namespaces", &why);
    }
    let inside = unshare().arg(std::env::current_exe().unwrap()).args(["--exact", name, "--nocapture"]).env(INSIDE, name).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&inside.stdout), String::from_utf8_lossy(&inside.stderr));
    assert!(inside.status.success() && text.contains("1 passed"), "inside the namespace:\n{text}");
    for line in text.lines().filter(|line| line.starts_with("COULD NOT RUN") || line.starts_with("MEASURED")) {
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), "{line}");
    }
}

fn unavailable() -> Option<String> {
    let tried = unshare().args(["ip", "link", "add", "va", "type", "veth", "peer", "name", "vb"]).output();
    match tried {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Some(format!("unshare can't be run: {error}")),
    }
}

fn unshare() -> Command {
    let mut command = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["--net", "--mount-proc", "--pid", "--fork", "--kill-child"]);
    command
}

/// Runs a line of shell that must succeed.
pub fn sh(line: &str) {
    let output = output(line);
    assert!(output.status.success(), "`{line}`: {}", String::from_utf8_lossy(&output.stderr));
}

pub fn output(line: &str) -> Output {
    Command::new("sh").args(["-ec", line]).output().unwrap()
}

pub fn is_installed(program: &str) -> bool {
    output(&format!("command -v {program}")).status.success()
}

/// Whether a program of this name runs in the namespace.
pub fn is_running(program: &str) -> bool {
    let names = std::fs::read_dir("/proc").unwrap().filter_map(|entry| std::fs::read_to_string(entry.ok()?.path().join("comm")).ok());
    names.into_iter().any(|name| name.trim() == program)
}

/// A child that ends with the test.
pub struct Daemon(pub Child);

impl Daemon {
    /// In the foreground: process 1 does not reap here, so a daemon that forks away would stay as a zombie.
    pub fn start(line: &str) -> Daemon {
        let mut command = Command::new("sh");
        command.args(["-ec", &format!("exec {line}")]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Daemon(command.spawn().unwrap())
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.0), signal).unwrap();
    }

    pub fn stop(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A directory that ends with the test.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new(name: &str) -> Scratch {
        // Not by process id: inside their namespaces, tests that run at the same time have the same ones.
        let made = output(&format!("mktemp -d -t cgwd-{name}-XXXXXX"));
        assert!(made.status.success(), "mktemp: {}", String::from_utf8_lossy(&made.stderr));
        let path = PathBuf::from(String::from_utf8(made.stdout).unwrap().trim());
        Scratch(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// An executable shell script. Another process writes it: a child that another test starts meanwhile would inherit
    /// our descriptor, and a file that somebody can write to can't be executed.
    pub fn script(&self, name: &str, body: &str) -> PathBuf {
        let path = self.0.join(name);
        let mut writer = Command::new("sh");
        writer.args(["-ec", r#"printf '#!/bin/sh\n%s\n' "$1" > "$2"; chmod 755 "$2""#, "sh", body]).arg(&path);
        assert!(writer.status().unwrap().success());
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Asks again until the answer is there; panics after a minute.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "{what} did not happen within a minute");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
