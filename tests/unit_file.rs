//! The unit for an install from source: systemd understands every line, and it confines as far as it says.

#![allow(clippy::disallowed_methods, reason = "a test program lays out files")]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};

/// Of 10; what is left is the network, netlink and Unix sockets, which it is there for.
const EXPOSURE: &str = "14";

#[test]
fn systemd_accepts_every_line_of_the_unit() {
    let Some(verified) = analyze(&["verify", "--man=no"]) else { return };
    let words = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert!(verified.status.success() && words.is_empty(), "{words}");
}

#[test]
fn the_unit_confines_the_daemon() {
    let Some(judged) = analyze(&["security", "--offline=true", "--no-pager", &format!("--threshold={EXPOSURE}")]) else { return };
    assert!(judged.status.success(), "{}{}", String::from_utf8_lossy(&judged.stdout), String::from_utf8_lossy(&judged.stderr));
}

/// Runs it on the unit in a tree that has the program where the unit looks for it.
fn analyze(arguments: &[&str]) -> Option<Output> {
    let tree = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("unit-{}", arguments[0]));
    let units = tree.join("etc/systemd/system");
    std::fs::create_dir_all(&units).expect("a tree can be laid out");
    for (program, folder) in [("cgwd", "usr/local/bin"), ("kill", "usr/bin")] {
        let path = tree.join(folder).join(program);
        std::fs::create_dir_all(path.parent().expect("it has one")).expect("a tree can be laid out");
        std::fs::write(&path, "").expect("a file can be written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("and made executable");
    }
    let unit = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/systemd/cgwd.service")).expect("the unit is there");
    // Targets of the distribution that the unit orders itself by; an empty tree has none.
    for target in ["network-online", "time-sync", "nss-lookup", "sysinit", "basic", "shutdown", "multi-user"] {
        std::fs::write(units.join(format!("{target}.target")), "[Unit]\nDescription=of the distribution\n").expect("a file can be written");
    }
    std::fs::write(units.join("system.slice"), "[Unit]\nDescription=of the distribution\n").expect("a file can be written");
    std::fs::write(units.join("cgwd.service"), unit).expect("a file can be written");
    match Command::new("systemd-analyze").args(arguments).arg(format!("--root={}", tree.display())).arg("cgwd.service").output() {
        Ok(output) => Some(output),
        Err(error) => {
            common::missing("systemd-analyze", &error.to_string());
            None
        }
    }
}
