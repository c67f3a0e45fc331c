//! What the tests with real parts share.

#![allow(dead_code, clippy::print_stderr)]

/// Says loudly that a test could not run on this machine; with `CGWD_REQUIRE_ALL=1` that is a failure.
/// Use as `if … { return common::missing("the real FRR", "vtysh is not installed"); }`.
pub fn missing(part: &str, why: &str) {
    let message = format!("COULD NOT RUN: {part} because {why}");
    assert!(std::env::var_os("CGWD_REQUIRE_ALL").is_none_or(|value| value != "1"), "{message}");
    // Written past the test harness, which keeps the output of a test that passes to itself.
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{message}");
}

/// A measurement for the reader of the log; nothing is asserted on the clock of a shared machine.
pub fn measured(what: &str, took: std::time::Duration) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "MEASURED: {what}: {took:?}");
}
