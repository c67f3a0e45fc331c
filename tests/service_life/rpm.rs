//! The rpm's life under a live systemd, with the README's lines for dnf: what its scripts do there. The machine is a Debian with rpm
//! and dnf; what else becomes of the files tests/packages/rpm-life.sh tells.

use crate::common;
use crate::gateway::rpm;
use crate::machine::Machine;
use crate::readme::{CHECKOUT, in_checkout, install_line};
use crate::replacement::{AUTO, left, replacing};
use crate::replacing::estate::Estate;
use crate::replacing::world::World;
use crate::replacing::{NEW, OLD};

#[test]
fn an_rpm_is_installed_upgraded_and_erased_in_the_middle_of_replacements() {
    let Some(rpm) = rpm() else {
        return common::missing("the rpm's life in a machine", "CGWD_PACKAGES names no directory with packages");
    };
    let Some(machine) = Machine::boot() else { return };
    let name = rpm.rsplit('/').next().unwrap();
    let place = format!("{CHECKOUT}/target/packages");
    machine.put(&format!("{place}/{name}"), std::fs::read(&rpm).unwrap());
    for script in ["this-system.sh", "next-rpm.sh"] {
        machine.put_from(&format!("/srv/{script}"), format!("tests/packages/{script}"));
    }
    machine.run("sh /srv/this-system.sh 2>&1");

    installed_and_not_started(&machine);
    machine.run("sh /srv/next-rpm.sh 2>&1");
    let slow = "[[fault]]\naction = \"CreateVpnConnection\"\nnth = 2\nkind = \"latency\"\nlatency_ms = 45000\n";
    machine.stand_before(&left(Estate::all(), 1500), slow, AUTO);
    let before = World::of(&machine);
    upgraded_while_a_connection_is_made_again(&machine, &place, name);
    crate::replacing::gateway_was_replaced(&before, &World::of(&machine), OLD, NEW);
    taken_back_while_it_is_stopped(&machine, &place, name);
    erased_and_installed_again(&machine);
    assert_eq!(before.changes(&World::of(&machine)), Vec::<String>::new(), "there and back again, and nothing is lost");
}

fn installed_and_not_started(machine: &Machine) {
    let said = machine.run(&in_checkout(&format!("{} 2>&1", install_line(0, "dnf"))));
    assert!(said.contains("Complete!") && said.contains("cgwd: configure it in /etc/cgwd/config.toml"), "{said}");
    assert_eq!(machine.run("rpm --verify cgwd"), "");
    // systemd knows the unit already, and nobody has enabled or started it.
    assert_eq!((machine.service("LoadState"), machine.service("NeedDaemonReload")), ("loaded".to_owned(), "no".to_owned()));
    assert_eq!(machine.attempt("systemctl is-enabled cgwd").status.code(), Some(1));
    assert_eq!(machine.service("ActiveState"), "inactive");
    assert_eq!(machine.run("stat -c '%U %a' /var/lib/cgwd"), "cgwd 700");
    assert!(machine.run("journalctl --list-catalog 8f4f8839e4274ce9bb4fb1371d123326").contains("address"));
}

/// The old version leaves while the connection is gone and the call that makes it again has no answer yet.
fn upgraded_while_a_connection_is_made_again(machine: &Machine, place: &str, name: &str) {
    let old = machine.service("MainPID");
    machine.renumber(OLD, NEW);
    machine.eventually("the call", || (!machine.writes("CreateVpnConnection").is_empty()).then_some(()));
    machine.run(&format!("mv {place}/{name} /srv/; mv /next/x86_64/cgwd-99.0-1.x86_64.rpm {place}/"));
    let said = machine.run(&in_checkout(&format!("{} 2>&1", install_line(2, "dnf"))));
    assert!(said.contains("Complete!"), "{said}");
    assert_eq!(machine.run("rpm --query cgwd"), "cgwd-99.0-1.x86_64");
    assert_ne!(machine.service("MainPID"), old, "the new version runs");
    machine.run("tail -c 9 /proc/$(systemctl show cgwd -P MainPID)/exe | grep -a 'of 99.0'");
    assert_eq!(machine.service("Description"), "Customer gateway daemon of 99.0");
    assert_eq!(machine.service("NeedDaemonReload"), "no");
    // Its own configuration stays, the newer example lies beside it, and it comes up with the machine as before.
    assert_eq!(machine.run("cat /etc/cgwd/config.toml"), replacing(AUTO).trim_end());
    machine.run("grep 'of 99.0' /etc/cgwd/config.toml.rpmnew; systemctl is-enabled cgwd");

    machine.await_replaced(NEW, 1);
    let by_the_old = |code: &str| machine.alerts(code).iter().filter(|alert| alert["_PID"] == old.as_str()).count();
    assert_eq!((by_the_old("replacement.began"), by_the_old("replacement.done")), (1, 0), "the old one began it, the new one ended it");
    assert!(machine.run(&format!("journalctl -u cgwd -o cat _PID={old}")).contains("it goes on at the next start"));
    let made = machine.writes("CreateVpnConnection");
    assert!(made.iter().all(|write| write["client_token"] == made[0]["client_token"]), "one intent, under one token: {made:#?}");
}

/// What an operator has stopped no package starts, and what is enabled stays so.
fn taken_back_while_it_is_stopped(machine: &Machine, place: &str, name: &str) {
    machine.run(&format!("systemctl stop cgwd; rm {place}/*.rpm; mv /srv/{name} {place}/"));
    machine.run(&format!("rpm --upgrade --oldpackage {place}/{name} 2>&1"));
    assert_eq!(
        (machine.service("ActiveState"), machine.service("Description")),
        ("inactive".to_owned(), "Customer gateway daemon".to_owned())
    );
    machine.run("systemctl is-enabled cgwd; systemctl start cgwd");
    machine.await_in_sync();
}

/// Erased in the middle: it is stopped, said, and kept, and the next installation finishes what was begun.
fn erased_and_installed_again(machine: &Machine) {
    machine.move_on(NEW, OLD);
    let said = machine.run("dnf remove cgwd 2>&1");
    assert!(said.contains("Complete!") && said.contains("a replacement is not finished"), "{said}");
    assert!(said.contains("stays in /var/lib/cgwd") && said.contains("What is in the cloud stays"), "{said}");
    assert_eq!(machine.alerts("replacement.done").len(), 1, "it was to be erased in the middle");
    machine.refused("pgrep -x cgwd");
    assert_eq!((machine.service("LoadState"), machine.service("Result")), ("not-found".to_owned(), "success".to_owned()));
    machine.refused("test -e /usr/bin/cgwd -o -e /usr/lib/systemd/system/cgwd.service");
    machine.refused("test -L /etc/systemd/system/multi-user.target.wants/cgwd.service");
    machine.run("ls /var/lib/cgwd/journal.db /var/lib/cgwd/journal.key");
    assert_eq!(machine.run("cat /etc/cgwd/config.toml.rpmsave"), replacing(AUTO).trim_end());

    let said = machine.run(&in_checkout(&format!("{} 2>&1", install_line(0, "dnf"))));
    assert!(said.contains("Complete!"), "{said}");
    assert_eq!(machine.service("ActiveState"), "inactive", "erased and installed, it is as new");
    machine.run("mv /etc/cgwd/config.toml.rpmsave /etc/cgwd/config.toml; systemctl enable --now cgwd");
    machine.await_replaced(OLD, 2);
}
