//! The package's life: upgrade in the middle of a registration, downgrade, removal, purge, reinstallation.

use crate::common;
use crate::common::simulated::tempdir::Dir;
use crate::gateway::{CONFIGURATION, deb};
use crate::machine::Machine;
use cgwd::journal::store::SCHEMA;
use std::time::Duration;

const STATE: &str = "/var/lib/cgwd/journal.db";

#[test]
fn a_package_is_upgraded_downgraded_removed_purged_and_installed_again() {
    let Some(deb) = deb() else {
        return common::missing("the package's life", "CGWD_PACKAGES names no directory with packages; packaging/build.sh makes one");
    };
    let Some(machine) = Machine::boot() else { return };
    put_two_versions(&machine, &deb);

    installed_and_not_configured(&machine);
    upgraded_while_registering(&machine);
    the_operator_s_configuration_stays(&machine);
    downgraded_with_a_newer_state(&machine);
    removed_and_installed_again(&machine);
    purged_and_installed_again(&machine);
}

/// It needs a configuration first, and says which lines of the file that came with it.
fn installed_and_not_configured(machine: &Machine) {
    let said = machine.run("apt-get install -q -y /opt/cgwd.deb");
    assert!(said.contains("cgwd: configure it in /etc/cgwd/config.toml"), "{said}");
    assert_eq!(machine.attempt("systemctl is-enabled cgwd").status.code(), Some(1));
    assert_eq!(machine.service("ActiveState"), "inactive");

    machine.refused("systemctl start cgwd");
    assert_eq!((machine.service("ExecMainStatus"), machine.service("NRestarts")), ("2".to_owned(), "0".to_owned()));
    let entries = machine.journal("-u cgwd _COMM=cgwd PRIORITY=3");
    let said: Vec<&str> = entries.iter().filter_map(|entry| entry["MESSAGE"].as_str()).collect();
    let said = said.join("\n");
    for missing in ["address.network", "address.sources", "neither the region nor"] {
        assert!(said.contains(missing), "nothing about {missing} in: {said}");
    }
    assert!(said.contains("/etc/cgwd/config.toml"), "{said}");
    assert_eq!(machine.eventually_alerts("service.failed").len(), 1);
    // Longer than RestartSec=: it is not started again in vain.
    std::thread::sleep(Duration::from_secs(6));
    assert_eq!((machine.service("ActiveState"), machine.service("NRestarts")), ("failed".to_owned(), "0".to_owned()));
    machine.run("systemctl reset-failed cgwd");

    // A file that nobody touched follows the package, without a question.
    machine.refused("grep 'of 99.0' /etc/cgwd/config.toml");
    machine.run("apt-get install -q -y /opt/next.deb");
    machine.run("grep 'of 99.0' /etc/cgwd/config.toml");
    machine.run("apt-get install -q -y --allow-downgrades /opt/cgwd.deb");
    machine.refused("grep 'of 99.0' /etc/cgwd/config.toml");
    assert_eq!(machine.service("ActiveState"), "inactive", "an upgrade starts nothing that did not run");
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
    upgrade_to_the_next(machine, &before);
    machine.await_in_sync();
    let by_the_old = machine.alerts("registration.created").iter().any(|alert| alert["_PID"] == before);
    assert!(!by_the_old, "the old version was to leave in the middle of the call");
    let tokens: std::collections::BTreeSet<String> = writes().iter().map(|write| write["client_token"].to_string()).collect();
    assert_eq!(tokens.len(), 1, "one intent, under one token: {:?}", writes());
    let plan = machine.cgwd("plan");
    assert_eq!(plan["decision"], "in_sync");
    assert!(!plan.to_string().contains("gateway.duplicate"), "{plan}");
}

/// The next version ships another example, and the operator has edited this one's.
fn the_operator_s_configuration_stays(machine: &Machine) {
    let configured = machine.run("cat /etc/cgwd/config.toml");
    assert!(configured.contains("gateway-1") && !configured.contains("of 99.0"), "{configured}");
    machine.run("grep 'of 99.0' /etc/cgwd/config.toml.dpkg-dist");

    // Where nobody answers and nothing was said beforehand, dpkg asks, gets no answer and stops; cgwd runs on meanwhile.
    let pid = machine.service("MainPID");
    let said = machine.refused("apt-get install -q -y --allow-downgrades /opt/cgwd.deb </dev/null");
    assert!(said.contains("config.toml"), "{said}");
    assert_eq!((machine.service("ActiveState"), machine.service("MainPID")), ("active".to_owned(), pid.clone()));
    assert_eq!(machine.run("cat /etc/cgwd/config.toml"), configured);
    // The README's option ends it, then and there.
    install_from(machine, "/opt/next.deb");
    assert_eq!(machine.run("cat /etc/cgwd/config.toml"), configured);
    assert_ne!(machine.service("MainPID"), pid);
    machine.await_in_sync();
}

/// There is no later version yet, so its state is made as one would be: a higher number, a table and a kind of record that this
/// version does not know.
fn downgraded_with_a_newer_state(machine: &Machine) {
    let failed = machine.alerts("service.failed").len();
    machine.run("systemctl stop cgwd");
    let ours = machine.get(STATE);
    machine.put(STATE, of_a_later_version(&ours));
    let as_it_was = machine.run(&format!("sha256sum {STATE}"));
    // As of a version that ran until now: the upgrade's script restarts what was given up, and this one is given up again.
    machine.attempt("systemctl start cgwd");
    install_from(machine, "/opt/cgwd.deb");
    assert_eq!(machine.run("dpkg-query -W -f '${Version}' cgwd"), env!("CARGO_PKG_VERSION"));
    machine.eventually("that it is given up", || (machine.service("ActiveState") == "failed").then_some(()));
    assert_eq!((machine.service("ExecMainStatus"), machine.service("NRestarts")), ("5".to_owned(), "0".to_owned()));
    let said = machine.run("journalctl -u cgwd -o cat -n 20");
    let newer = format!("has format {}, this cgwd knows {SCHEMA}", SCHEMA + 1);
    assert!(said.contains(&newer) && said.contains("install the newer cgwd again"), "{said}");
    machine.eventually(&format!("the alert that it failed, after {failed} earlier ones"), || {
        (machine.alerts("service.failed").len() > failed).then_some(())
    });
    // Root's commands refuse it too, and nobody has touched it.
    for command in ["status", "history", "register"] {
        let refused = machine.attempt(&format!("cgwd {command}"));
        assert_eq!(refused.status.code(), Some(5), "{command}: {}", crate::machine::stderr(&refused));
    }
    assert_eq!(machine.run(&format!("sha256sum {STATE}")), as_it_was);
    // What this version can't read may hold a replacement that is not finished: whoever removes it now is told, and a purge keeps it.
    let said = machine.run("sh /var/lib/dpkg/info/cgwd.prerm remove 2>&1");
    assert!(said.contains("cannot be read") && said.contains("stays in /var/lib/cgwd"), "{said}");
    machine.run("rm /var/lib/cgwd/unfinished");
    machine.put(STATE, ours);
    // The newer version again, and nobody has to start it.
    install_from(machine, "/opt/next.deb");
    machine.await_in_sync();
    install_from(machine, "/opt/cgwd.deb");
    machine.await_in_sync();
}

fn of_a_later_version(state: &[u8]) -> Vec<u8> {
    let folder = Dir::new();
    let file = folder.join("journal.db");
    std::fs::write(&file, state).unwrap();
    let database = rusqlite::Connection::open(&file).unwrap();
    database.execute_batch("CREATE TABLE of_a_later_version (what TEXT); INSERT INTO of_a_later_version VALUES ('unknown here')").unwrap();
    database.pragma_update(None, "user_version", SCHEMA + 1).unwrap();
    // Into the file itself, not into a log beside it.
    database.pragma_update(None, "wal_checkpoint", "TRUNCATE").unwrap_or(());
    database.close().unwrap();
    std::fs::read(&file).unwrap()
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
    // A configuration that is broken says nothing of replacements.
    machine.run("echo 'nonsense = [' >/etc/cgwd/config.toml");
    let said = machine.run("apt-get purge -q -y cgwd");
    assert!(said.contains("configuration and state are removed") && said.contains("what is in the cloud stays"), "{said}");
    assert!(!said.contains("not finished"), "{said}");
    machine.refused("test -e /var/lib/cgwd -o -e /etc/cgwd -o -e /etc/systemd/system/multi-user.target.wants/cgwd.service");
    install_from(machine, "/opt/cgwd.deb");
    machine.configure(CONFIGURATION);
    machine.run("systemctl start cgwd");
    let status = machine.await_in_sync();
    assert_eq!(status["customer_gateway"]["id"], id, "its own again");
    assert_eq!(machine.created(), 0, "nothing was made");
}

/// /opt/cgwd.deb, and in /opt/next.deb a later version, in which everything differs that dpkg treats in a way of its own: another
/// program (a linker's last byte is not the file's), another unit, another example of the configuration.
pub fn put_two_versions(machine: &Machine, deb: &str) {
    machine.put("/opt/cgwd.deb", std::fs::read(deb).unwrap());
    machine.run(
        "dpkg-deb -R /opt/cgwd.deb /opt/next; cd /opt/next; sed -i 's/^Version: .*/Version: 99.0/' DEBIAN/control; \
         echo '# of 99.0' >>etc/cgwd/config.toml; echo '# of 99.0' >>usr/bin/cgwd; \
         sed -i 's/^Description=.*/& of 99.0/' usr/lib/systemd/system/cgwd.service; \
         find * -path DEBIAN -prune -o -type f -print0 | xargs -0 md5sum >DEBIAN/md5sums; \
         dpkg-deb -Znone -b /opt/next /opt/next.deb >/dev/null; rm -r /opt/next",
    );
}

/// Where nobody answers questions, as the README says it.
pub fn install_from(machine: &Machine, path: &str) {
    machine.run(&format!("apt-get install -q -y --allow-downgrades -o Dpkg::Options::=--force-confold {path}"));
}

/// `before` is the process that runs until then; after it the next version's program runs, under its unit.
pub fn upgrade_to_the_next(machine: &Machine, before: &str) {
    install_from(machine, "/opt/next.deb");
    assert_eq!(machine.run("dpkg-query -W -f '${Version}' cgwd; dpkg --verify cgwd | grep -v /etc/cgwd/config.toml || true"), "99.0");
    assert_ne!(machine.service("MainPID"), before, "the new version runs");
    machine.run("tail -c 9 /proc/$(systemctl show cgwd -P MainPID)/exe | grep -a 'of 99.0'");
    assert_eq!(machine.service("Description"), "Customer gateway daemon of 99.0");
    assert_eq!(machine.service("NeedDaemonReload"), "no");
}
