//! A start that hangs: systemd ends it, tries again, and in the end gives cgwd up and says so.

use crate::gateway::CONFIGURATION;
use crate::machine::{DEBIAN_13, Machine};
use crate::versions::installed_on;

/// So that nobody waits for the unit's half minutes; how often it is tried stays the unit's own. While a file is there its program never
/// says that it is ready, and does not listen when it is asked to end.
const QUICK: &str = "[Service]\nTimeoutStartSec=1\nTimeoutStopSec=500ms\nRestartSec=100ms\nExecStart=\n\
    ExecStart=/bin/sh -c 'if [ -e /run/hangs ]; then trap \"\" TERM; exec sleep infinity; fi; exec /usr/bin/cgwd run'\n";

#[test]
fn a_start_that_hangs_is_tried_again_and_given_up_in_the_end() {
    let Some(machine) = Machine::boot() else { return };
    machine.install();
    hangs(&machine);
}

/// There a service counts as failed each time that it is started again, unless it is told otherwise.
#[test]
fn a_start_that_hangs_on_debian_13_is_told_once_too() {
    let Some(machine) = installed_on("Debian 13", DEBIAN_13, "systemd 257 ") else { return };
    assert_eq!(machine.service("RestartMode"), "direct");
    hangs(&machine);
}

fn hangs(machine: &Machine) {
    machine.add_address();
    machine.start_cloud("");
    machine.configure(CONFIGURATION);
    machine.store_key();
    let limits = ["TimeoutStartUSec", "TimeoutStopUSec", "StartLimitBurst", "StartLimitIntervalUSec"].map(|limit| machine.service(limit));
    assert_eq!(limits, ["30s", "30s", "10", "30min"]);
    machine.put("/etc/systemd/system/cgwd.service.d/quick.conf", QUICK);
    machine.run("systemctl enable -q cgwd; systemctl daemon-reload");

    over_before_it_is_given_up(machine);
    machine.run("systemctl stop cgwd; systemctl reset-failed cgwd");
    lasting(machine);
    as_the_alert_says(machine);
}

/// Each start that hung: nothing came of it, and what was left of it was killed.
fn timeouts(machine: &Machine) -> usize {
    let said = machine.run("journalctl -u cgwd -o cat");
    let (ended, killed) = (said.matches("start operation timed out. Terminating.").count(), said.matches("with signal SIGKILL").count());
    ended.min(killed)
}

/// What was wrong is over while it is tried again, and nobody has to do anything.
fn over_before_it_is_given_up(machine: &Machine) {
    machine.run("touch /run/hangs");
    machine.run("systemctl start --no-block cgwd");
    machine.eventually("a second start", || (timeouts(machine) >= 2).then_some(()));
    machine.run("rm /run/hangs");
    machine.await_in_sync();
    let restarts: usize = machine.service("NRestarts").parse().unwrap();
    assert_eq!(restarts, timeouts(machine), "each that hung was followed by another start");
    assert!(restarts < 10);
    assert_eq!(machine.alerts("service.failed").len(), 0, "it is not given up yet");
}

fn lasting(machine: &Machine) {
    let before = timeouts(machine);
    machine.run("touch /run/hangs");
    machine.refused("systemctl start cgwd");
    let failed = machine.eventually_alerts("service.failed");
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!(timeouts(machine) - before, 10, "as often as the unit says");
    assert_eq!((machine.service("ActiveState"), machine.service("MainPID")), ("failed".to_owned(), "0".to_owned()));
    let words = failed[0]["MESSAGE"].as_str().unwrap();
    assert!(words.contains("is not started again") && words.contains("this device is not watched"), "{words}");
    assert!(words.contains("(result timeout,"), "{words}");
    assert_eq!(failed[0]["PRIORITY"], "3");
    assert_eq!(failed[0]["MESSAGE_ID"], "8f0d3769669a4ff48d88f695a3d02b73");
    // Given up means that nothing of it goes on.
    machine.refused("pgrep -x 'cgwd|sleep'");
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert_eq!((machine.alerts("service.failed").len(), timeouts(machine) - before), (1, 10));
}

/// The alert names the two commands.
fn as_the_alert_says(machine: &Machine) {
    machine.run("rm /run/hangs");
    let said = machine.alerts("service.failed")[0]["MESSAGE"].as_str().unwrap().to_owned();
    let commands = said.split_once("mend it, then: ").unwrap_or_else(|| panic!("{said}")).1;
    assert_eq!(commands, "systemctl reset-failed cgwd.service; systemctl start cgwd.service");
    machine.run(commands);
    machine.await_in_sync();
    assert_eq!((machine.service("Result"), machine.service("NRestarts")), ("success".to_owned(), "0".to_owned()));
}
