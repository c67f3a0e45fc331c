//! From the first start to the watchdog.

use crate::gateway::CONFIGURATION;
use crate::machine::Machine;
use std::time::Duration;

#[test]
fn from_a_first_start_without_configuration_to_a_watched_device() {
    let Some(machine) = Machine::boot() else { return };
    machine.install();

    // First start: it says what to do, once.
    machine.refused("systemctl enable --now cgwd");
    assert_eq!(machine.service("NRestarts"), "0");
    assert_eq!((machine.service("ActiveState"), machine.service("ExecMainStatus")), ("failed".to_owned(), "2".to_owned()));
    let failed = machine.eventually_alerts("service.failed");
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!(failed[0]["PRIORITY"], "3");
    assert!(failed[0]["MESSAGE"].as_str().unwrap().contains("(result exit-code, status 2)"), "{}", failed[0]["MESSAGE"]);
    let said = machine.journal("-u cgwd _COMM=cgwd");
    let told = |entry: &&serde_json::Value, words: &str| entry["MESSAGE"].as_str().is_some_and(|message| message.contains(words));
    let reason = said.iter().find(|entry| told(entry, "there is no configuration file")).expect("the reason");
    assert!(told(&reason, "cgwd config example > /etc/cgwd/config.toml"), "{reason}");
    assert_eq!(reason["PRIORITY"], "3", "an error is logged as one");

    // Configured and started: registered.
    machine.add_address();
    machine.start_cloud("");
    machine.configure(CONFIGURATION);
    machine.store_key();
    machine.run("cgwd config check; systemctl reset-failed cgwd; systemctl start cgwd");
    let status = machine.await_in_sync();
    let created = machine.eventually_alerts("registration.created");
    assert_eq!(created[0]["MESSAGE_ID"], "065dbd83ff2f483b8df23937d9694ac8");
    assert_eq!(created[0]["CGWD_CUSTOMER_GATEWAY_ID"], status["customer_gateway"]["id"]);
    assert_eq!(created[0]["_SYSTEMD_UNIT"], "cgwd.service");
    assert!(machine.alerts("observation.degraded").is_empty(), "kernel events work in the sandbox");
    let shown = machine.run("systemctl status --no-pager cgwd");
    assert!(shown.contains("Status: \"in sync: 198.51.100.10"), "{shown}");

    // The address changes: an alert at once, then what it means.
    machine.renumber("198.51.100.10", "198.51.100.77");
    let changed = machine.eventually_alerts("address.changed");
    assert_eq!(changed[0]["MESSAGE_ID"], "8f4f8839e4274ce9bb4fb1371d123326");
    assert_eq!(changed[0]["CGWD_DEVICE"], "gateway-1");
    assert_eq!(changed[0]["CGWD_ADDRESS_NEW"], "198.51.100.77");
    assert_eq!(changed[0]["PRIORITY"], "4");
    let needed = machine.eventually_alerts("replacement.needed");
    assert_eq!(needed[0]["CGWD_CUSTOMER_GATEWAY_ID"], status["customer_gateway"]["id"]);
    let explained = machine.run("journalctl -x -u cgwd MESSAGE_ID=203e75e3203a47a79680f6978c388efc --no-pager");
    assert!(explained.contains("Subject: the customer gateway no longer matches this device"), "{explained}");
    assert!(explained.contains("What is safe: Reading with `cgwd plan`"), "{explained}");
    let chinese =
        machine.run("LANG=zh_CN.UTF-8 LC_ALL=zh_CN.UTF-8 journalctl -x -u cgwd MESSAGE_ID=203e75e3203a47a79680f6978c388efc --no-pager");
    assert!(chinese.contains("用户网关与本设备不再一致") && chinese.contains("安全的操作"), "{chinese}");
    machine.renumber("198.51.100.77", "198.51.100.10");
    machine.await_in_sync();

    reloads(&machine);
    survives_being_stuck(&machine);
    assert_eq!(machine.created(), 1);
    stops_and_is_found_as_it_was(&machine);
}

/// Without the program `kill` (Debian's package procps), which the package does not ask for.
fn reloads(machine: &Machine) {
    machine.run("mv /usr/bin/kill /usr/bin/kill.away; hash -r");
    let pid = machine.service("MainPID");
    machine.configure(&CONFIGURATION.replace("settle = \"1s\"", "settle = \"0s\""));
    machine.run("systemctl reload cgwd");
    machine.eventually("the reload", || {
        machine
            .journal("-u cgwd")
            .iter()
            .any(|entry| entry["MESSAGE"].as_str().is_some_and(|text| text.contains("configuration reloaded")))
            .then_some(())
    });
    machine.configure("[address]\nnetwork = \"publik\"\n");
    machine.run("systemctl reload cgwd");
    let invalid = machine.eventually_alerts("config.invalid");
    assert!(invalid[0]["MESSAGE"].as_str().unwrap().contains("config.toml"), "{}", invalid[0]["MESSAGE"]);
    assert_eq!((machine.service("ActiveState"), machine.service("MainPID")), ("active".to_owned(), pid));
    machine.configure(CONFIGURATION);
    machine.run("systemctl reload cgwd");
    machine.eventually("the end of the alert", || {
        machine.alerts("config.invalid").iter().any(|alert| alert["CGWD_PHASE"] == "cleared").then_some(())
    });
    machine.await_in_sync();
    assert_eq!(machine.run("systemctl show cgwd -P ExecReload | grep -o 'status=[0-9]*'"), "status=0");
    machine.run("mv /usr/bin/kill.away /usr/bin/kill");
}

/// A process that no longer turns its loop is killed and started anew.
fn survives_being_stuck(machine: &Machine) {
    machine.put("/etc/systemd/system/cgwd.service.d/quick.conf", "[Service]\nWatchdogSec=3\nRestartSec=100ms\n");
    machine.run("systemctl daemon-reload; systemctl restart cgwd");
    machine.await_in_sync();
    // Left alone it feeds the watchdog.
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(machine.service("NRestarts"), "0");
    let stuck = machine.service("MainPID");
    machine.run("kill -STOP $(systemctl show cgwd -P MainPID)");
    machine.eventually("another process", || Some(machine.service("MainPID")).filter(|pid| *pid != stuck && pid != "0"));
    assert_eq!(machine.service("NRestarts"), "1");
    machine.await_in_sync();
    assert!(machine.run("journalctl -u cgwd").contains("Watchdog timeout"));
}

fn stops_and_is_found_as_it_was(machine: &Machine) {
    let started = std::time::Instant::now();
    machine.run("systemctl stop cgwd");
    assert!(started.elapsed() < Duration::from_secs(10));
    assert_eq!(machine.service("Result"), "success");
    // Root looks, and even works, while the service is down; what it leaves must not be in the service's way.
    assert_eq!(machine.cgwd("status")["daemon"], "stopped");
    assert_eq!(machine.cgwd("register")["decision"], "in_sync");
    assert_eq!(machine.run("find /var/lib/cgwd ! -user cgwd"), "", "files of the state that the service could not open");
    machine.run("systemctl start cgwd");
    let status = machine.await_in_sync();
    assert_eq!(status["watch_only"], serde_json::Value::Null);
    assert_eq!(machine.run("stat -c '%U %a' /var/lib/cgwd /run/cgwd"), "cgwd 700\ncgwd 750");
}
