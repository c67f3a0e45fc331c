//! What several test programs share.

#![allow(dead_code, clippy::disallowed_methods, reason = "each test program uses its own part of it")]

pub mod daemon;
pub mod device;
pub mod journal;
pub mod simulated;

use std::io::Write;

/// Says that a part of a test could not run on this machine. Where everything is required (`CGWD_REQUIRE_ALL=1`, as
/// `tests/run` sets it) that is a failure.
pub fn missing(part: &str, why: &str) {
    // Straight to stderr: the test harness would keep back what a passing test prints.
    let _ = writeln!(std::io::stderr(), "COULD NOT RUN: {part}: {why}");
    assert!(std::env::var("CGWD_REQUIRE_ALL").as_deref() != Ok("1"), "{part} is required here, but {why}");
}

/// A Python that has the packages of tests/requirements.txt, as `tests/run` makes it.
pub fn python() -> Option<std::path::PathBuf> {
    let made = concat!(env!("CARGO_MANIFEST_DIR"), "/target/test-venv/bin/python");
    let python = std::env::var_os("CGWD_TEST_PYTHON").map_or_else(|| made.into(), std::path::PathBuf::from);
    python.exists().then_some(python)
}
