//! A state that cannot be kept: read-only, full, newer, damaged. Without a durable journal nothing is written to the cloud.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test program that runs real processes")]

mod common;

use common::daemon::{Daemon, count};
use common::device::{ADDRESS, Device, alerts, writes};
use common::simulated::Sim;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

fn mount(words: &[&str], path: &Path) {
    std::fs::create_dir_all(path).unwrap();
    let status = Command::new("mount").args(words).arg(path).status().unwrap();
    assert!(status.success(), "mount {words:?}");
}

/// The control socket lies where it can be made, as with systemd.
fn with_runtime_directory(sim: &Sim) -> Device {
    Device::new(sim).with(|device| {
        let runtime = device.dir.join("runtime");
        std::fs::create_dir(&runtime).unwrap();
        device.env("RUNTIME_DIRECTORY", runtime.to_str().unwrap());
    })
}

fn stands(status: &Value, code: &str) -> bool {
    status["alerts"].as_array().unwrap().iter().any(|alert| alert["code"] == code)
}

#[test]
fn with_a_read_only_state_it_watches_and_writes_nothing() {
    if !common::inside_a_network_of_its_own("with_a_read_only_state_it_watches_and_writes_nothing") {
        return;
    }
    let sim = Sim::empty();
    let device = with_runtime_directory(&sim);
    mount(&["-t", "tmpfs", "tmpfs"], &device.state());
    device.cgwd(&["register"]).expect(0);
    mount(&["-o", "remount,ro"], &device.state());

    let mut daemon = Daemon::start(&device);
    daemon.wait_heard("READY=1");
    let status = daemon.wait_decision("in_sync");
    assert!(stands(&status, "state.watch_only"), "{status:#}");
    daemon.wait("the alert", || daemon.stderr().contains("state.watch_only raised"));
    // It still tells what changes, and does not act on it.
    sim.delete_gateway(sim.only_gateway()["CustomerGatewayId"].as_str().unwrap());
    device.move_to("203.0.113.70");
    daemon.wait("the change", || daemon.stderr().contains("address.changed occurred"));
    daemon.wait_decision("create");
    assert!(sim.gateways().is_empty());
    // Nor does a person's command.
    let output = device.cgwd(&["register"]);
    output.expect(1).json();
    assert!(output.stderr.contains("what to do"), "{}", output.stderr);
    assert!(sim.gateways().is_empty());
    daemon.stop();
    let stopped = device.status();
    assert_eq!((stopped["daemon"].clone(), stopped["address"]["value"].clone()), (json!("stopped"), json!("203.0.113.7")));
    device.cgwd(&["plan"]).expect(4);
    assert_eq!(writes(&device.history()).len(), 1);
    mount(&["-o", "remount,rw"], &device.state());
    // With another address it would look for the old customer gateway twice, a minute apart.
    device.move_to("203.0.113.7");
    let mut daemon = Daemon::start(&device);
    let status = daemon.wait_decision("in_sync");
    assert!(!stands(&status, "state.watch_only"), "{status:#}");
    assert_eq!(sim.gateways().len(), 1);
    daemon.stop();
}

#[test]
fn where_no_state_can_be_made_it_watches() {
    if !common::inside_a_network_of_its_own("where_no_state_can_be_made_it_watches") {
        return;
    }
    let sim = Sim::empty();
    let device = with_runtime_directory(&sim).with(|device| device.env("STATE_DIRECTORY", "/proc/nonexistent/cgwd"));
    let mut daemon = Daemon::start(&device);
    let status = daemon.wait_decision("create");
    assert!(stands(&status, "state.watch_only"), "{status:#}");
    assert!(sim.gateways().is_empty());
    daemon.stop();
}

#[test]
fn with_a_full_disk_it_watches_and_writes_nothing() {
    if !common::inside_a_network_of_its_own("with_a_full_disk_it_watches_and_writes_nothing") {
        return;
    }
    let sim = Sim::empty();
    let device = with_runtime_directory(&sim);
    mount(&["-t", "tmpfs", "-o", "size=4m", "tmpfs"], &device.state());
    let mut daemon = Daemon::start(&device);
    daemon.wait_decision("in_sync");
    // Full while it runs.
    let fill = || {
        let _until_it_is_full = std::fs::write(device.state().join("fill"), vec![1; 8 << 20]);
    };
    fill();
    sim.delete_gateway(sim.only_gateway()["CustomerGatewayId"].as_str().unwrap());
    // Fewer than the alerts of one kind that are told in a minute.
    for address in 71..74 {
        device.move_to(&format!("203.0.113.{address}"));
        daemon.wait("the change", || daemon.stderr().contains(&format!("to 203.0.113.{address} ")));
    }
    daemon.wait_status("watch-only", |status| stands(status, "state.watch_only"));
    daemon.wait("the alert", || daemon.stderr().contains("state.watch_only raised"));
    let status = daemon.wait_decision("blocked");
    assert!(stands(&status, "registration.blocked"), "{status:#}");
    assert!(daemon.stderr().contains("less than 1 MiB is free"), "{}", daemon.stderr());
    assert!(sim.gateways().len() <= 1);
    let before = sim.gateways();
    device.move_to("203.0.113.99");
    daemon.wait("the change", || daemon.stderr().contains("to 203.0.113.99 "));
    daemon.wait_status("the new address", |status| status["address"]["value"] == "203.0.113.99");
    assert_eq!(sim.gateways(), before);
    daemon.stop();
    // Full from the beginning.
    fill();
    let mut daemon = Daemon::start(&device);
    daemon.wait_status("watch-only", |status| status["daemon"] == "running" && stands(status, "state.watch_only"));
    assert_eq!(sim.gateways(), before);
    daemon.stop();
    std::fs::remove_file(device.state().join("fill")).unwrap();
    let mut daemon = Daemon::start(&device);
    let status = daemon.wait_status("a decision", |status| status["daemon"] == "running" && !status["decision"].is_null());
    assert!(!stands(&status, "state.watch_only"), "{status:#}");
    daemon.stop();
}

/// One process whose record was lost writes nothing more; its successor under the same id does.
#[test]
fn once_the_state_can_be_written_again_it_begins_anew() {
    if !common::inside_a_network_of_its_own("once_the_state_can_be_written_again_it_begins_anew") {
        return;
    }
    let sim = Sim::empty();
    let device = with_runtime_directory(&sim).with(|device| device.address += "\npoll = \"1s\"");
    mount(&["-t", "tmpfs", "-o", "size=4m", "tmpfs"], &device.state());
    let mut daemon = Daemon::start(&device);
    let pid = daemon.wait_decision("in_sync")["pid"].clone();
    let is_back = |status: &Value| status["daemon"] == "running" && status["watch_only"].is_null() && status["pid"] == pid;

    // Full for a while.
    let _until_it_is_full = std::fs::write(device.state().join("fill"), vec![1; 8 << 20]);
    device.move_to("203.0.113.71");
    let since = |status: &Value| {
        let mut alerts = status["alerts"].as_array().unwrap().iter();
        alerts.find(|alert| alert["code"] == "state.watch_only").map(|alert| alert["since"].clone())
    };
    let began = since(&daemon.wait_status("watch-only", |status| stands(status, "state.watch_only")));
    sim.delete_gateway(sim.only_gateway()["CustomerGatewayId"].as_str().unwrap());
    device.move_to(ADDRESS);
    daemon.wait_status("the address", |status| status["address"]["value"] == ADDRESS);
    assert!(sim.gateways().is_empty());
    std::fs::remove_file(device.state().join("fill")).unwrap();
    daemon.wait_status("the state again", is_back);
    daemon.wait_alert("cleared state.watch_only", 1);
    assert_eq!(daemon.stderr().matches("beginning anew").count(), 1, "{}", daemon.stderr());
    // What waited for it is done now.
    daemon.wait_decision("in_sync");
    assert_eq!(sim.only_gateway()["IpAddress"], ADDRESS);

    // What was told meanwhile is in the history, once and at its time.
    let history = device.history();
    let raised = history.iter().find(|entry| entry["code"] == "state.watch_only" && entry["phase"] == "raised").unwrap();
    // It is told before it is written: milliseconds, and not the seconds that the disk was full.
    let at = |value: &Value| -> jiff::Timestamp { value.as_str().unwrap().parse().unwrap() };
    let apart = at(&raised["at"]).duration_since(at(&began.unwrap()));
    assert!(apart.abs() < jiff::SignedDuration::from_millis(500), "{apart:?}");
    let told = alerts(&history);
    for (what, times) in [("raised state.watch_only", 1), ("occurred address.changed", 2), ("raised replacement.needed", 1)] {
        assert_eq!(count(&told, what), times, "{what}: {told:?}");
    }

    // Read-only at the start, and writable later.
    daemon.stop();
    mount(&["-o", "remount,ro"], &device.state());
    let mut daemon = Daemon::start(&device);
    daemon.wait_status("watch-only", |status| status["daemon"] == "running" && stands(status, "state.watch_only"));
    let pid = device.status()["pid"].clone();
    mount(&["-o", "remount,rw"], &device.state());
    let status = daemon.wait_status("the state again", |status| status["daemon"] == "running" && status["watch_only"].is_null());
    assert_eq!(status["pid"], pid);
    let stderr = daemon.stop();
    assert!(stderr.contains("state.watch_only cleared"), "{stderr}");
}

fn journal(device: &Device) -> std::path::PathBuf {
    device.state().join("journal.db")
}

#[track_caller]
/// `exit`: a newer version's state is refused (5), a damaged one is a failure (1); the unit starts cgwd again after the latter only.
fn refuses(device: &Device, words: &str, exit: i32) {
    for command in ["run", "register", "deregister", "plan", "status", "history"] {
        let output = device.cgwd(&[command]);
        let document = output.expect(exit).json();
        let message = document["error"]["message"].as_str().unwrap();
        assert!(message.contains(words) && message.contains("journal.db"), "{command}: {message}");
        let remedy = document["error"]["remedy"].as_str().unwrap();
        assert!(remedy.contains("move") && remedy.contains("journal.db"), "{command}: how to go on: {remedy}");
    }
}

#[test]
fn a_newer_journal_is_refused_with_the_way_on() {
    let sim = Sim::empty();
    let device = Device::new(&sim);
    device.cgwd(&["register"]).expect(0);
    let database = rusqlite::Connection::open(journal(&device)).unwrap();
    database.pragma_update(None, "user_version", 99).unwrap();
    database.close().unwrap();
    refuses(&device, "99", 5);
    sim.only_gateway();
    goes_on(&sim, &device);
}

#[test]
fn a_damaged_journal_is_refused_with_the_way_on() {
    type Damage = fn(&mut Vec<u8>);
    let damages: [(&str, Damage); 3] = [
        ("its head", |bytes| bytes[..100].fill(0x55)),
        ("a page", |bytes| {
            let end = bytes.len().min(4096 * 3);
            bytes[4096..end].fill(0xaa);
        }),
        ("its end", |bytes| bytes.truncate(4096 + 100)),
    ];
    for (what, damage) in damages {
        let sim = Sim::empty();
        let device = Device::new(&sim);
        device.cgwd(&["register"]).expect(0);
        // Everything into the one file.
        rusqlite::Connection::open(journal(&device)).unwrap().close().unwrap();
        let mut bytes = std::fs::read(journal(&device)).unwrap();
        damage(&mut bytes);
        std::fs::write(journal(&device), bytes).unwrap();
        println!("{what}");
        refuses(&device, "damaged", 1);
        goes_on(&sim, &device);
    }
}

/// As the remedy says: moved away, a new one begins and the customer gateway is found by its mark.
fn goes_on(sim: &Sim, device: &Device) {
    let before = sim.only_gateway();
    for name in ["journal.db", "journal.db-wal", "journal.db-shm"] {
        let _may_be_missing = std::fs::rename(device.state().join(name), device.dir.join(name));
    }
    let mut daemon = Daemon::start(device);
    let status = daemon.wait_decision("in_sync");
    assert_eq!(status["customer_gateway"]["id"], before["CustomerGatewayId"]);
    assert_eq!(sim.only_gateway(), before);
    daemon.stop();
}

#[test]
fn the_state_is_private_also_where_the_directory_was_there_before() {
    let sim = Sim::empty();
    let device = Device::new(&sim);
    std::fs::create_dir_all(device.state()).unwrap();
    std::fs::set_permissions(device.state(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    device.cgwd(&["register"]).expect(0);
    for entry in std::fs::read_dir(device.state()).unwrap() {
        let entry = entry.unwrap();
        let mode = std::os::unix::fs::PermissionsExt::mode(&entry.metadata().unwrap().permissions());
        assert_eq!(mode & 0o077, 0, "{:?} is {mode:o}", entry.path());
    }
}

#[test]
fn the_state_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let sim = Sim::empty();
    let device = Device::new(&sim);
    let mut daemon = Daemon::start(&device);
    daemon.wait_decision("in_sync");
    assert_eq!(std::fs::metadata(device.state()).unwrap().permissions().mode() & 0o777, 0o700);
    daemon.stop();
}
