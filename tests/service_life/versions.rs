//! Other versions of systemd than the stories': 247, the oldest that the package is tried on, and 257, the newest.

use crate::common;
use crate::gateway::{CONFIGURATION, deb};
use crate::machine::{DEBIAN_11, DEBIAN_13, Machine, REPOSITORY};
use std::collections::BTreeSet;

/// What Debian 11's does not know, as the head of the unit says.
const UNKNOWN: [&str; 4] = ["ExecPaths", "NoExecPaths", "PrivateIPC", "SocketBindDeny"];

#[test]
fn it_starts_and_watches_on_debian_11() {
    let Some(machine) = installed_on("Debian 11", DEBIAN_11, "systemd 247 ") else { return };
    // Without the generator that systemd would not even get to our program, for want of an AccessKey.
    says_what_to_do(&machine);
    let said = machine.run("journalctl -b -o cat");
    let unknown: BTreeSet<&str> = said.split("Unknown key name '").skip(1).filter_map(|rest| rest.split('\'').next()).collect();
    assert_eq!(unknown.into_iter().collect::<Vec<_>>(), UNKNOWN);

    // Its keys from files of root's, as the drop-in for such a systemd has it.
    machine.run("umask 077; mkdir /etc/cgwd/credentials; printf LTAItest >/etc/cgwd/credentials/access-key-id; printf the-secret-of-the-test >/etc/cgwd/credentials/access-key-secret");
    machine.drop_in("credentials");
    watches(&machine);
}

#[test]
fn it_starts_and_watches_on_debian_13() {
    let Some(machine) = installed_on("Debian 13", DEBIAN_13, "systemd 257 ") else { return };
    says_what_to_do(&machine);
    // It knows every line, and finds none of them outdated.
    let about_us = machine.run("journalctl -b -o cat _PID=1 | grep -E '/cgwd(-failed@)?\\.(service|conf)' || true");
    assert_eq!(about_us, "");
    machine.store_key();
    watches(&machine);
    serves_nobody(&machine);
}

/// Only a systemd that is built with what SocketBindDeny= needs has it in force: the same unit with a program that listens.
fn serves_nobody(machine: &Machine) {
    assert!(machine.run("systemctl --version").contains("+BPF_FRAMEWORK"));
    let unit = std::fs::read_to_string(format!("{REPOSITORY}/systemd/cgwd.service")).unwrap();
    let replaced = [
        ("ExecStart=/usr/bin/cgwd run", "ExecStart=/usr/bin/cgwd simulate --listen 127.0.0.1:8099"),
        ("Type=notify", "Type=exec"),
        ("Restart=always", "Restart=no"),
    ];
    let unit = replaced.iter().fold(unit, |unit, (from, to)| unit.replace(&format!("\n{from}\n"), &format!("\n{to}\n")));
    machine.put("/etc/systemd/system/trial.service", unit);
    machine.run("systemctl daemon-reload; systemctl start trial");
    machine.eventually("a refusal", || (machine.run("systemctl show trial -P Result") == "exit-code").then_some(()));
    let said = machine.run("journalctl -u trial -o cat _COMM=cgwd");
    assert!(said.contains("127.0.0.1:8099") && said.contains("Operation not permitted"), "{said}");

    // It is that setting: without it the same program listens.
    machine.put("/etc/systemd/system/trial.service.d/serves.conf", "[Service]\nSocketBindDeny=\n");
    machine.run("systemctl daemon-reload; systemctl reset-failed trial; systemctl start trial");
    machine.eventually("that it listens", || {
        machine.attempt("journalctl -u trial -o cat | grep -q '^listening on'").status.success().then_some(())
    });
}

/// The mirrors may not have that release (any more, or yet); the story needs nothing else of them.
pub fn installed_on(debian: &str, root: &str, systemd: &str) -> Option<Machine> {
    let story = format!("a start on {debian}");
    if let Ok(why) = std::fs::read_to_string(format!("{root}-not-made.txt")) {
        common::not_here(&story, why.trim());
        return None;
    }
    let Some(deb) = deb() else {
        common::missing(&story, "CGWD_PACKAGES names no directory with packages");
        return None;
    };
    let machine = Machine::boot_of(root)?;
    assert!(machine.run("systemctl --version").starts_with(systemd));
    machine.put("/opt/cgwd.deb", std::fs::read(deb).unwrap());
    machine.run("apt-get install -q -y /opt/cgwd.deb");
    Some(machine)
}

fn says_what_to_do(machine: &Machine) {
    machine.refused("systemctl start cgwd");
    assert_eq!((machine.service("ExecMainStatus"), machine.service("NRestarts")), ("2".to_owned(), "0".to_owned()));
    assert!(machine.run("journalctl -u cgwd -o cat").contains("`address.network` is required"));
    assert_eq!(machine.eventually_alerts("service.failed").len(), 1);
}

fn watches(machine: &Machine) {
    machine.add_address();
    machine.start_cloud("");
    machine.configure(CONFIGURATION);
    machine.run("systemctl reset-failed cgwd; systemctl enable --now cgwd");
    let status = machine.await_in_sync();
    assert_eq!(machine.eventually_alerts("registration.created")[0]["CGWD_CUSTOMER_GATEWAY_ID"], status["customer_gateway"]["id"]);
    assert!(machine.alerts("observation.degraded").is_empty(), "kernel events work in the sandbox");

    // What an operator does next: a reload, an address that changes, a stop.
    let pid = machine.service("MainPID");
    machine.run("systemctl reload cgwd");
    machine.eventually("the reload", || {
        machine.attempt("journalctl -u cgwd -o cat | grep -q 'configuration reloaded'").status.success().then_some(())
    });
    machine.renumber("198.51.100.10", "198.51.100.77");
    assert_eq!(machine.eventually_alerts("address.changed")[0]["CGWD_ADDRESS_NEW"], "198.51.100.77");
    assert_eq!((machine.service("MainPID"), machine.service("NRestarts")), (pid, "0".to_owned()));
    machine.run("systemctl stop cgwd");
    assert_eq!(machine.service("Result"), "success");
}
