//! What several test programs share.

#![allow(dead_code, clippy::disallowed_methods, reason = "each test program uses its own part of it")]

pub mod closed_port;
pub mod daemon;
pub mod device;
pub mod in_memory;
pub mod journal;
pub mod replaced;
pub mod scripted;
pub mod simulated;

use std::io::Write;

/// Says that a part of a test could not run on this machine. Where everything is required (`CGWD_REQUIRE_ALL=1`, as
/// `tests/run` sets it) that is a failure.
pub fn missing(part: &str, why: &str) {
    // Straight to stderr: the test harness would keep back what a passing test prints.
    let _ = writeln!(std::io::stderr(), "COULD NOT RUN: {part}: {why}");
    assert!(std::env::var("CGWD_REQUIRE_ALL").as_deref() != Ok("1"), "{part} is required here, but {why}");
}

/// What no machine like this can have: said, and no failure.
pub fn not_here(part: &str, why: &str) {
    let _ = writeln!(std::io::stderr(), "NOT HERE: {part}: {why}");
}

/// A Python that has the packages of tests/requirements.txt, as `tests/run` makes it.
pub fn python() -> Option<std::path::PathBuf> {
    let made = concat!(env!("CARGO_MANIFEST_DIR"), "/target/test-venv/bin/python");
    let python = std::env::var_os("CGWD_TEST_PYTHON").map_or_else(|| made.into(), std::path::PathBuf::from);
    python.exists().then_some(python)
}

/// Whether this runs as root in network and mount namespaces of its own. The first call starts the calling test, whose name it is
/// given, once more inside and answers false.
pub fn inside_a_network_of_its_own(test: &str) -> bool {
    const INSIDE: &str = "CGWD_TEST_NETWORK";
    if std::env::var(INSIDE).as_deref() == Ok(test) {
        ip("link set lo up");
        return true;
    }
    let mut inside = std::process::Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        inside.arg("--map-root-user");
    }
    inside.args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"]);
    inside.args(journal::again(test)).env(INSIDE, test);
    match inside.stdin(std::process::Stdio::null()).output() {
        Err(error) => missing("network namespaces", &format!("unshare: {error}")),
        Ok(output) => {
            let stderr = String::from_utf8_lossy(&output.stderr);
            let _ = std::io::stderr().write_all(stderr.as_bytes());
            match stderr.lines().find(|line| line.starts_with("unshare: ")) {
                Some(why) => missing("network namespaces", why),
                None => assert!(output.status.success(), "{test} failed inside:\n{}\n{stderr}", String::from_utf8_lossy(&output.stdout)),
            }
        }
    }
    false
}

/// `ip(8)` with these words.
pub fn ip(words: &str) {
    let status = std::process::Command::new("ip").args(words.split_whitespace()).status().expect("ip is installed");
    assert!(status.success(), "ip {words}");
}

/// A measurement for the reader of the log; nothing is asserted on the clock of a shared machine.
pub fn measured(what: &str, took: std::time::Duration) {
    let _ = writeln!(std::io::stderr(), "MEASURED: {what}: {took:?}");
}
