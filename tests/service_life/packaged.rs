//! The package's life: upgrade in the middle of a registration, downgrade, removal, purge, reinstallation.

use crate::common;
use crate::gateway::{CONFIGURATION, deb};
use crate::machine::Machine;
use cgwd::journal::store::SCHEMA;

const STATE: &str = "/var/lib/cgwd/journal.db";

#[test]
fn a_package_is_upgraded_downgraded_removed_purged_and_installed_again() {
    let Some(deb) = deb() else {
        return common::missing("the package's life", "CGWD_PACKAGES names no directory with packages; packaging/build.sh makes one");
    };
    let Some(machine) = Machine::boot() else { return };
    put_two_versions(&machine, &deb);

    // Installed, not started: it needs a configuration first.
    install_from(&machine, "/opt/cgwd.deb");
    assert_eq!(machine.attempt("systemctl is-enabled cgwd").status.code(), Some(1));
    assert_eq!(machine.service("ActiveState"), "inactive");
    machine.refused("systemctl start cgwd");
    assert_eq!((machine.service("ExecMainStatus"), machine.service("NRestarts")), ("2".to_owned(), "0".to_owned()));
    machine.run("systemctl reset-failed cgwd");

    upgraded_while_registering(&machine);
    downgraded_with_a_newer_state(&machine);
    removed_and_installed_again(&machine);
    purged_and_installed_again(&machine);
}

fn upgraded_while_registering(machine: &Machine) {
    machine.add_address();
    machine.start_cloud("[[fault]]\naction = \"CreateCustomerGateway\"\nnth = 1\nkind = \"latency\"\nlatency_ms = 45000\n");
    machine.configure(&format!("{CONFIGURATION}timeout = \"60s\"\n"));
    machine.store_key();
    machine.run("systemctl enable --now cgwd");
    let before = machine.service("MainPID");
    let writes = || {
        let entries = machine.cgwd("history")["entries"].as_array().cloned().unwrap_or_default();
        entries.into_iter().filter(|entry| entry["action"] == "CreateCustomerGateway").collect::<Vec<_>>()
    };
    machine.eventually("the call is under way", || (!writes().is_empty()).then_some(()));
    install_from(machine, "/opt/next.deb");
    assert_eq!(machine.run("dpkg-query -W -f '${Version}' cgwd"), "99.0");
    assert_ne!(machine.service("MainPID"), before, "the new version runs");
    machine.await_in_sync();
    let by_the_old = machine.alerts("registration.created").iter().any(|alert| alert["_PID"] == before);
    assert!(!by_the_old, "the old version was to leave in the middle of the call");
    let tokens: std::collections::BTreeSet<String> = writes().iter().map(|write| write["client_token"].to_string()).collect();
    assert_eq!(tokens.len(), 1, "one intent, under one token: {:?}", writes());
    let plan = machine.cgwd("plan");
    assert_eq!(plan["decision"], "in_sync");
    assert!(!plan.to_string().contains("gateway.duplicate"), "{plan}");
}

/// The number of the state's format, at its place in SQLite's header (<https://www.sqlite.org/fileformat.html>, offset 60).
fn downgraded_with_a_newer_state(machine: &Machine) {
    let set_format = |number: i64| {
        machine.run(&format!(
            "[ ! -s {STATE}-wal ]; printf '\\000\\000\\000\\{number:03o}' | dd of={STATE} bs=1 seek=60 conv=notrunc 2>/dev/null"
        ));
    };
    machine.run("systemctl stop cgwd");
    set_format(SCHEMA + 1);
    install_from(machine, "/opt/cgwd.deb");
    machine.refused("systemctl start cgwd");
    assert_eq!((machine.service("ExecMainStatus"), machine.service("NRestarts")), ("5".to_owned(), "0".to_owned()));
    let said = machine.run("journalctl -u cgwd -o cat -n 20");
    let newer = format!("has format {}, this cgwd knows {SCHEMA}", SCHEMA + 1);
    assert!(said.contains(&newer) && said.contains("install the newer cgwd again"), "{said}");
    assert_eq!(machine.eventually_alerts("service.failed").last().unwrap()["CGWD_EVENT"], "service.failed");
    set_format(SCHEMA);
    machine.run("systemctl reset-failed cgwd; systemctl start cgwd");
    machine.await_in_sync();
}

fn removed_and_installed_again(machine: &Machine) {
    let id = machine.await_in_sync()["customer_gateway"]["id"].clone();
    machine.run("apt-get remove -q -y cgwd");
    assert_eq!(machine.run(&format!("ls {STATE} /etc/cgwd/config.toml")), format!("/etc/cgwd/config.toml\n{STATE}"));
    machine.refused("pgrep -x cgwd");
    machine.refused("test -e /usr/bin/cgwd -o -e /usr/lib/systemd/system/cgwd.service");
    install_from(machine, "/opt/cgwd.deb");
    machine.run("systemctl start cgwd");
    let status = machine.await_in_sync();
    assert_eq!(status["customer_gateway"]["id"], id);
    assert_eq!(machine.created(), 1);
}

/// The device id is made of the machine's, so what was purged knows its customer gateway again.
fn purged_and_installed_again(machine: &Machine) {
    let id = machine.await_in_sync()["customer_gateway"]["id"].clone();
    let said = machine.run("apt-get purge -q -y cgwd");
    assert!(said.contains("What is in the cloud stays"), "{said}");
    machine.refused("test -e /var/lib/cgwd -o -e /etc/cgwd -o -e /etc/systemd/system/multi-user.target.wants/cgwd.service");
    install_from(machine, "/opt/cgwd.deb");
    machine.configure(CONFIGURATION);
    machine.run("systemctl start cgwd");
    let status = machine.await_in_sync();
    assert_eq!(status["customer_gateway"]["id"], id, "its own again");
    assert_eq!(machine.created(), 0, "nothing was made");
}

/// /opt/cgwd.deb, and the same files as a later version in /opt/next.deb.
pub fn put_two_versions(machine: &Machine, deb: &str) {
    machine.put("/opt/cgwd.deb", std::fs::read(deb).unwrap());
    machine.run(
        "dpkg-deb -R /opt/cgwd.deb /opt/next; sed -i 's/^Version: .*/Version: 99.0/' /opt/next/DEBIAN/control; \
         dpkg-deb -Znone -b /opt/next /opt/next.deb >/dev/null; rm -r /opt/next",
    );
}

pub fn install_from(machine: &Machine, path: &str) {
    machine.run(&format!("apt-get install -q -y --allow-downgrades {path}"));
}
