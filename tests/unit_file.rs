//! The units as files: systemd understands every line, they confine as far as they say, with every shipped drop-in, and each
//! line has its sentence. What they do in a booted systemd, tests/service_life tells.

#![allow(clippy::disallowed_methods, reason = "a test program lays out files")]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Of 100; what is left is the network, netlink and Unix sockets, which it is there for.
const EXPOSURE: &str = "13";
const SYSTEMD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/systemd");

#[test]
fn systemd_accepts_every_line_of_the_units() {
    for drop_in in [None].into_iter().chain(drop_ins().iter().map(Some)) {
        let Some(verified) = analyze(&["verify", "--man=no"], "cgwd.service", drop_in) else { return };
        let words = String::from_utf8_lossy(&verified.stderr).into_owned();
        assert!(verified.status.success() && words.is_empty(), "{drop_in:?}: {words}");
    }
    let Some(verified) = analyze(&["verify", "--man=no"], "cgwd-failed@cgwd.service.service", None) else { return };
    let words = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert!(verified.status.success() && words.is_empty(), "{words}");
}

#[test]
fn the_units_confine_the_daemon_with_every_drop_in_too() {
    let judge = ["security", "--offline=true", "--no-pager", &format!("--threshold={EXPOSURE}")];
    for drop_in in [None].into_iter().chain(drop_ins().iter().map(Some)) {
        let Some(judged) = analyze(&judge, "cgwd.service", drop_in) else { return };
        let words = String::from_utf8_lossy(&judged.stdout).into_owned();
        assert!(judged.status.success(), "{drop_in:?}: {words}{}", String::from_utf8_lossy(&judged.stderr));
        assert!(words.contains("Overall exposure level"), "{words}");
    }
    let Some(judged) = analyze(&judge, "cgwd-failed@cgwd.service.service", None) else { return };
    assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stdout));
}

/// Directly above it, and a sentence that says something: a new line without one is refused.
#[test]
fn every_line_of_the_units_has_its_sentence() {
    let units = ["cgwd.service", "cgwd-failed@.service"].map(|unit| Path::new(SYSTEMD).join(unit));
    for path in units.into_iter().chain(drop_ins()) {
        let unit = std::fs::read_to_string(&path).expect("it is there");
        let without = settings_without_a_sentence(&unit);
        assert!(without.is_empty(), "{}: nobody says what these lines are for: {without:#?}", path.display());
    }
}

#[test]
fn a_line_without_a_sentence_is_noticed() {
    let unit = std::fs::read_to_string(format!("{SYSTEMD}/cgwd.service")).expect("the unit is there");
    let after_another = unit.replace("\nProtectClock=yes\n", "\nProtectClock=yes\nProtectNothing=yes\n");
    assert_eq!(settings_without_a_sentence(&after_another), ["ProtectNothing=yes"]);
    let below_a_heading = unit.replace("\n# --- Kernel ---\n", "\n# --- Kernel ---\nProtectNothing=yes\n");
    assert_eq!(settings_without_a_sentence(&below_a_heading), ["ProtectNothing=yes"]);
    let below_a_rule = unit.replace("\nProtectClock=yes\n", "\nProtectClock=yes\n#\nProtectNothing=yes\n");
    assert_eq!(settings_without_a_sentence(&below_a_rule), ["ProtectNothing=yes"]);
}

/// However it fails, ten times in a row are within the time in which ten are too many: else nobody would ever be told.
#[test]
fn systemd_gives_up_in_the_end_however_slowly_it_fails() {
    let unit = std::fs::read_to_string(format!("{SYSTEMD}/cgwd.service")).expect("the unit is there");
    let seconds = |key: &str| -> u64 {
        let line = unit.lines().find_map(|line| line.strip_prefix(&format!("{key}="))).unwrap_or_else(|| panic!("{key} is set"));
        line.parse().expect("a plain number")
    };
    // Killed by the watchdog it has the time to stop first.
    let slowest = seconds("TimeoutStartSec").max(seconds("WatchdogSec")) + seconds("TimeoutStopSec") + seconds("RestartSec");
    assert!(seconds("StartLimitBurst") * slowest < seconds("StartLimitIntervalSec"), "{slowest} s each");
}

/// Two speak for themselves: what the unit is called, and where it is described.
fn settings_without_a_sentence(unit: &str) -> Vec<String> {
    let mut without = Vec::new();
    let mut explained = false;
    for line in unit.lines() {
        match line.chars().next() {
            // Not a heading, not a rule, and not a setting that somebody took out of force.
            Some('#') => explained = line.starts_with("# ") && !line.starts_with("# ---") && line.split_whitespace().count() > 2,
            Some('[') | None => explained = false,
            Some(_) => {
                if !explained && !line.starts_with("Description=") && !line.starts_with("Documentation=") {
                    without.push(line.to_owned());
                }
                explained = false;
            }
        }
    }
    without
}

fn drop_ins() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(format!("{SYSTEMD}/cgwd.service.d")).expect("the drop-ins are there");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("it can be listed").path()).collect();
    paths.sort();
    assert!(paths.len() >= 7 && paths.iter().all(|path| path.to_string_lossy().ends_with(".conf.example")), "{paths:?}");
    paths
}

/// Runs it on the unit in a tree that has the programs where the units look for them.
fn analyze(arguments: &[&str], unit: &str, drop_in: Option<&PathBuf>) -> Option<Output> {
    let name = drop_in.and_then(|path| path.file_stem()).map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let tree = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("unit-{}-{unit}-{name}", arguments[0]));
    let units = tree.join("etc/systemd/system");
    let _absent = std::fs::remove_dir_all(&tree);
    std::fs::create_dir_all(units.join("cgwd.service.d")).expect("a tree can be laid out");
    for program in ["usr/bin/cgwd", "bin/sh"] {
        write(&tree.join(program), "");
        std::fs::set_permissions(tree.join(program), std::fs::Permissions::from_mode(0o755)).expect("it can be made executable");
    }
    // Units of the distribution that ours order themselves by; an empty tree has none.
    for other in ["network.target", "nss-lookup.target", "sysinit.target", "basic.target", "shutdown.target", "multi-user.target"] {
        write(&units.join(other), "[Unit]\nDescription=of the distribution\n");
    }
    for slice in ["system.slice", "system-cgwd\\x2dfailed.slice"] {
        write(&units.join(slice), "[Unit]\nDescription=of the distribution\n");
    }
    for own in ["cgwd.service", "cgwd-failed@.service"] {
        std::fs::copy(Path::new(SYSTEMD).join(own), units.join(own)).expect("the unit is there");
    }
    if let Some(drop_in) = drop_in {
        std::fs::copy(drop_in, units.join("cgwd.service.d").join(name)).expect("the drop-in is there");
    }
    match Command::new("systemd-analyze").args(arguments).arg(format!("--root={}", tree.display())).arg(unit).output() {
        Ok(output) => Some(output),
        Err(error) => {
            common::missing("systemd-analyze", &error.to_string());
            None
        }
    }
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().expect("it has one")).expect("a tree can be laid out");
    std::fs::write(path, text).expect("a file can be written");
}
