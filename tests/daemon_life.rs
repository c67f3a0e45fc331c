//! `cgwd run` as a service: told to the service manager, reloaded, stopped, started before the network, alone in its directory.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test program that runs real processes")]

mod common;

use common::closed_port::ClosedPort;
use common::daemon::{Daemon, count};
use common::device::{ADDRESS, Device, alerts, plan_shape, shape, writes};
use common::simulated::{REGION, Sim, tag};
use rustix::process::Signal;
use serde_json::{Value, json};

const STATUS: [&str; 9] =
    ["schema", "daemon", "decision", "address", "asn", "customer_gateway", "replacement", "alerts", "last_cloud_contact"];

#[test]
fn it_registers_by_itself_and_says_how_it_is() {
    let sim = Sim::empty();
    // It has to hold for a second first.
    let device = Device::new(&sim).with(|device| device.address = device.address.replace("0s", "1s"));
    let mut daemon = Daemon::start_with(&device, |command| {
        command.env("WATCHDOG_USEC", "400000");
    });
    daemon.wait_heard("READY=1");
    let status = daemon.wait_decision("in_sync");
    shape(&status, &STATUS);
    assert_eq!(status["address"]["value"], ADDRESS);
    shape(&status["address"], &["value", "source", "network", "settled"]);
    assert_eq!(status["address"]["settled"], true);
    assert_eq!(status["asn"]["value"], 65001);
    let made = sim.only_gateway();
    assert_eq!(status["customer_gateway"]["id"], made["CustomerGatewayId"]);
    shape(&status["customer_gateway"], &["id", "ip", "asn", "name", "created"]);
    assert_eq!(status["replacement"], Value::Null);
    assert_eq!(status["alerts"], json!([]));
    assert!(status["last_cloud_contact"].is_string());
    assert_eq!(status["pid"], daemon.pid());
    // A documentation address: the warning is shown, and no alert.
    let words =
        |part: &str| daemon.heard().iter().any(|message| message.lines().any(|line| line.starts_with("STATUS=") && line.contains(part)));
    daemon.wait("the status in words", || words(ADDRESS));
    let beats = || daemon.heard().iter().filter(|message| message.contains("WATCHDOG=1")).count();
    let before = beats();
    daemon.wait("watchdog messages while nothing happens", || beats() >= before + 3);

    let history = device.history();
    assert_eq!(writes(&history).len(), 1);
    assert_eq!(count(&alerts(&history), "occurred registration.created"), 1, "{history:#?}");
    let stderr = daemon.stop();
    assert!(daemon.heard().iter().any(|message| message.contains("STOPPING=1")));
    assert!(!stderr.contains("ERROR"), "{stderr}");

    let stopped = device.status();
    shape(&stopped, &STATUS);
    assert_eq!(stopped["daemon"], "stopped");
    assert_eq!(stopped["decision"], "in_sync");
    assert_eq!(stopped["customer_gateway"]["id"], made["CustomerGatewayId"]);
    assert_eq!(stopped["address"]["value"], ADDRESS);
    assert!(stopped["last_cloud_contact"].is_string());
    assert_eq!(device.cgwd(&["plan"]).expect(0).json()["address"]["settled"], true);
}

#[test]
fn register_while_the_daemon_runs_goes_through_it() {
    let sim = Sim::empty();
    let device = Device::new(&sim);
    let daemon = Daemon::start(&device);
    daemon.wait_decision("in_sync");
    let first = sim.only_gateway()["CustomerGatewayId"].clone();
    let done = device.cgwd(&["register"]).expect(0).json();
    plan_shape(&done);
    assert_eq!((done["changed"].clone(), done["decision"].clone()), (json!(false), json!("in_sync")));
    // Deleted behind its back: the person's command makes the daemon look, and the daemon makes a new one.
    sim.delete_gateway(first.as_str().unwrap());
    let done = device.cgwd(&["register"]).expect(0).json();
    assert_eq!((done["changed"].clone(), done["decision"].clone()), (json!(true), json!("in_sync")));
    let second = sim.only_gateway()["CustomerGatewayId"].clone();
    assert_ne!(first, second);
    assert_eq!(done["customer_gateway"]["id"], second);
    daemon.wait_status("the new one", |status| status["customer_gateway"]["id"] == second);
    let output = device.plain(&["register"]);
    output.expect(0);
    assert!(output.stderr.contains(&daemon.pid().to_string()), "{}", output.stderr);
    // It would register the device again at once, so letting go is refused while it runs.
    let output = device.cgwd(&["deregister"]);
    output.expect(1).json();
    assert!(output.stderr.contains(&daemon.pid().to_string()), "{}", output.stderr);
    assert!(tag(&sim.only_gateway(), "cgwd-device").is_some());
}

#[test]
fn a_persons_word_registers_what_has_not_settled_and_settles_nothing() {
    let sim = Sim::empty();
    let device = Device::new(&sim).with(|device| device.address = device.address.replace("0s", "1h"));
    let daemon = Daemon::start(&device);
    daemon.wait_status("the address", |status| status["address"]["value"] == ADDRESS);
    assert_eq!(device.status()["address"]["settled"], false);
    let done = device.cgwd(&["register"]).expect(0).json();
    assert_eq!((done["changed"].clone(), done["decision"].clone()), (json!(true), json!("in_sync")));
    let status = daemon.wait_decision("in_sync");
    assert_eq!(status["address"]["settled"], false, "{status:#}");
    assert_eq!(status["customer_gateway"]["id"], sim.only_gateway()["CustomerGatewayId"]);
    // Again it is what is there already.
    assert_eq!(device.cgwd(&["register"]).expect(0).json()["changed"], false);
    sim.only_gateway();
}

#[test]
fn register_through_the_daemon_tells_what_register_alone_tells() {
    // Blocked by a stranger, and a refusal of the cloud: the same exit codes and documents as without a daemon.
    let foreign = json!({"cgwd-device": "branch-2", "cgwd-owner": "0123456789abcdef0123456789abcdef.1"});
    let sim = Sim::with(json!({"CustomerGateways": [{"CustomerGatewayId": "cgw-x", "IpAddress": ADDRESS, "Asn": 65001, "Tags": foreign}]}));
    let device = Device::new(&sim);
    let mut daemon = Daemon::start(&device);
    daemon.wait_decision("blocked");
    daemon.wait_alert("raised registration.blocked", 1);
    let document = device.cgwd(&["register"]).expect(5).json();
    plan_shape(&document);
    assert_eq!((document["decision"].clone(), document["changed"].clone()), (json!("blocked"), json!(false)));
    daemon.stop();
    assert_eq!(device.status()["decision"], "blocked");

    let sim = Sim::with(json!({"Quota": {"CustomerGateways": 1}, "CustomerGateways": [{"IpAddress": "203.0.113.50"}]}));
    let device = Device::new(&sim);
    let daemon = Daemon::start(&device);
    daemon.wait_alert("raised quota.full", 1);
    daemon.wait_decision("blocked");
    let document = device.cgwd(&["register"]).expect(1).json();
    shape(&document["error"], &["message", "remedy", "code", "request_id"]);
    assert!(document["error"]["code"].as_str().is_some_and(|code| code.contains("Quota")), "{document:#}");
    assert!(!document["error"]["remedy"].as_str().unwrap().is_empty(), "{document:#}");
    sim.delete_gateway(sim.only_gateway()["CustomerGatewayId"].as_str().unwrap());
    assert_eq!(device.cgwd(&["register"]).expect(0).json()["changed"], true);
    daemon.wait_alert("cleared quota.full", 1);
}

#[test]
fn an_unusable_address_is_refused_by_register_and_told_by_the_daemon_alike() {
    let sim = Sim::empty();
    let device = Device::new(&sim);
    device.move_to("10.0.0.1");
    let daemon = Daemon::start(&device);
    let status = daemon.wait_decision("blocked");
    assert_eq!(status["address"]["value"], "10.0.0.1");
    let document = device.cgwd(&["register"]).expect(3).json();
    assert_eq!(document["decision"], "blocked");
    daemon.wait_alert("raised address.unusable", 1);
    assert!(sim.gateways().is_empty());
}

#[test]
fn a_reload_takes_over_a_good_file_and_keeps_the_old_for_a_bad_one() {
    let sim = Sim::empty();
    let device = Device::new(&sim);
    let mut daemon = Daemon::start(&device);
    daemon.wait_decision("in_sync");
    let ready = |daemon: &Daemon<'_>| daemon.heard().iter().filter(|message| message.lines().any(|line| line == "READY=1")).count();

    // A mistake: the old one stays in force, the alert stands, READY follows all the same.
    let good = device.config_text();
    device.dir.write("config.toml", &good.replace("[bgp]", "[bpg]"));
    daemon.signal(Signal::HUP);
    daemon.wait_alert("raised config.invalid", 1);
    daemon.wait("READY after RELOADING", || ready(&daemon) == 2);
    let reloading = daemon.heard().iter().position(|message| message.contains("RELOADING=1") && message.contains("MONOTONIC_USEC="));
    let last_ready = daemon.heard().iter().rposition(|message| message.contains("READY=1"));
    assert!(reloading.unwrap() < last_ready.unwrap(), "{:?}", daemon.heard());
    let status = device.status();
    assert_eq!(status["decision"], "in_sync");
    assert!(status["alerts"].as_array().unwrap().iter().any(|alert| alert["code"] == "config.invalid"), "{status:#}");
    assert!(alert_text(&status, "config.invalid").contains("bpg"), "{status:#}");
    // Mended: the end of it is told.
    device.dir.write("config.toml", &good);
    daemon.signal(Signal::HUP);
    daemon.wait_alert("cleared config.invalid", 1);
    daemon.wait_status("no alert", |status| status["alerts"] == json!([]));
    daemon.wait("READY once more", || ready(&daemon) == 3);

    // A new file takes effect: another source.
    device.dir.write("elsewhere", "203.0.113.77\n");
    device.dir.write("config.toml", &good.replace("/address\"]", "/elsewhere\"]"));
    daemon.signal(Signal::HUP);
    daemon.wait_decision("replace");
    assert_eq!(device.status()["address"]["value"], "203.0.113.77");
    daemon.wait_alert("raised replacement.needed", 1);
    daemon.stop();
    assert_eq!(writes(&device.history()).len(), 1);
}

fn alert_text(status: &Value, code: &str) -> String {
    let alerts = status["alerts"].as_array().unwrap();
    let alert = alerts.iter().find(|alert| alert["code"] == code).unwrap_or_else(|| panic!("no {code} in {status:#}"));
    shape(alert, &["code", "severity", "message", "remedy", "since"]);
    alert["message"].as_str().unwrap().to_owned()
}

#[test]
fn another_region_counts_at_once_also_while_the_cloud_is_slow() {
    let faults =
        "[[fault]]\naction = \"DescribeCustomerGateways\"\nregion = \"cn-hangzhou\"\nnth = 1\nkind = \"latency\"\nlatency_ms = 4000\n";
    for faults in ["", faults] {
        let sim = Sim::with_faults(faults);
        let device = Device::new(&sim);
        let mut daemon = Daemon::start(&device);
        match faults {
            "" => drop(daemon.wait_decision("in_sync")),
            _ => daemon.wait_heard("READY=1"),
        }
        let device_there = device.config_text().replace(REGION, "cn-shanghai");
        device.dir.write("config.toml", &device_there);
        daemon.signal(Signal::HUP);
        daemon.wait("a customer gateway in the new region", || sim.gateways_in("cn-shanghai").len() == 1);
        let status = daemon.wait_status("the new region", |status| {
            status["decision"] == "in_sync" && status["customer_gateway"]["id"] == sim.gateways_in("cn-shanghai")[0]["CustomerGatewayId"]
        });
        assert_eq!(status["region"], "cn-shanghai");
        daemon.stop();
        // What was begun in the old region may have been done there, and is known.
        assert_eq!(device.cgwd(&["plan"]).expect(0).json()["region"], "cn-shanghai");
    }
}

#[test]
fn new_credentials_count_at_once() {
    let sim = Sim::empty();
    let device = Device::new(&sim);
    let id = device.dir.write("id", common::simulated::KEY_ID);
    let secret = device.dir.write("secret", "a-wrong-secret");
    let credentials =
        format!("[cloud.credentials]\naccess_key_id_file = \"{}\"\naccess_key_secret_file = \"{}\"", id.display(), secret.display());
    let device = device.with(|device| device.rest = credentials);
    let daemon = Daemon::start(&device);
    daemon.wait_alert("raised cloud.refused", 1);
    assert!(sim.gateways().is_empty());
    device.dir.write("secret", common::simulated::SECRET);
    daemon.signal(Signal::HUP);
    daemon.wait_decision("in_sync");
    daemon.wait_alert("cleared cloud.refused", 1);
    sim.only_gateway();
}

#[test]
fn it_ends_on_sigterm_while_the_cloud_is_slow_and_goes_on_next_time() {
    for fault in [
        "[[fault]]\naction = \"CreateCustomerGateway\"\nnth = 1\nkind = \"latency\"\nlatency_ms = 90000\n",
        "[[fault]]\naction = \"DescribeCustomerGateways\"\nnth = 1\nkind = \"latency\"\nlatency_ms = 90000\n",
    ] {
        let sim = Sim::with_faults(fault);
        let device = Device::new(&sim).with(|device| device.cloud += "\ntimeout = \"100s\"");
        let mut daemon = Daemon::start(&device);
        daemon.wait_heard("READY=1");
        if fault.contains("Create") {
            daemon.wait("the effect", || sim.gateways().len() == 1);
        }
        daemon.stop();
        let mut daemon = Daemon::start(&device);
        let status = daemon.wait_decision("in_sync");
        assert_eq!(status["customer_gateway"]["id"], sim.only_gateway()["CustomerGatewayId"]);
        daemon.stop();
        assert_eq!(writes(&device.history()).len(), 1);
    }
}

#[test]
fn it_ends_on_sigterm_at_any_moment() {
    let nobody = ClosedPort::reserve();
    let device = Device::at(&nobody.url());
    // While the cloud is down.
    let mut daemon = Daemon::start(&device);
    daemon.wait_heard("READY=1");
    daemon.stop();
    drop(daemon);
    // While a source hangs.
    let hangs = device.program("hangs", "#!/bin/sh\nsleep 1000\n");
    let device = device.with(|device| device.address = format!("sources = [\"command:{}\"]", hangs.display()));
    let mut daemon = Daemon::start(&device);
    daemon.wait_heard("READY=1");
    daemon.stop();
    let left = std::process::Command::new("pgrep").args(["-f", &format!("sh {}", hangs.display())]).output().unwrap();
    assert!(left.stdout.is_empty(), "the program it had started is still there");
    // As soon as it has begun, and twice.
    let mut daemon = Daemon::start(&device);
    daemon.wait("its first words", || daemon.stderr().contains("starting") || !daemon.heard().is_empty());
    daemon.wait_heard("READY=1");
    daemon.signal(Signal::TERM);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ended().expect("it ends").code(), Some(0));
}

#[test]
fn it_starts_before_the_network_is_up() {
    let nobody = ClosedPort::reserve();
    let device = Device::at(&nobody.url());
    let mut daemon = Daemon::start(&device);
    daemon.wait_heard("READY=1");
    let status = device.status();
    assert_eq!((status["daemon"].clone(), status["decision"].clone()), (json!("running"), Value::Null));
    assert_eq!(status["address"]["value"], ADDRESS);
    // Nothing is told of an outage shorter than two minutes.
    let sim = Sim::start_at(nobody.number(), &json!({}), "");
    daemon.wait_decision("in_sync");
    sim.only_gateway();
    let stderr = daemon.stop();
    assert!(!stderr.contains("ERROR"), "{stderr}");
    assert!(!alerts(&device.history()).iter().any(|alert| alert.contains("cloud.")));
}

#[test]
fn an_address_that_comes_late_is_registered_when_it_is_there() {
    let sim = Sim::empty();
    let device = Device::new(&sim);
    std::fs::remove_file(device.dir.join("address")).unwrap();
    let daemon = Daemon::start(&device);
    daemon.wait_heard("READY=1");
    let status = device.status();
    assert_eq!((status["address"].clone(), status["decision"].clone()), (Value::Null, Value::Null));
    device.move_to(ADDRESS);
    daemon.wait_decision("in_sync");
    sim.only_gateway();
}

#[test]
fn a_second_one_is_refused_and_told_who_is_first() {
    let sim = Sim::empty();
    let device = Device::new(&sim);
    let mut daemon = Daemon::start(&device);
    daemon.wait_decision("in_sync");
    let second = device.cgwd(&["run"]);
    second.expect(1);
    assert!(second.stderr.contains(&daemon.pid().to_string()), "{}", second.stderr);
    assert!(second.json()["error"]["message"].as_str().unwrap().contains(&daemon.pid().to_string()));
    assert_eq!(device.status()["daemon"], "running", "the first is not disturbed");
    daemon.kill();
    // A killed one is in nobody's way, and status knows that it is gone.
    assert_eq!(device.status()["daemon"], "stopped");
    let mut daemon = Daemon::start(&device);
    daemon.wait_decision("in_sync");
    daemon.stop();
    sim.only_gateway();
}

#[test]
fn killed_while_it_creates_it_makes_no_second_one() {
    let sim = Sim::with_faults("[[fault]]\naction = \"CreateCustomerGateway\"\nnth = 1\nkind = \"latency\"\nlatency_ms = 60000\n");
    let device = Device::new(&sim).with(|device| device.cloud += "\ntimeout = \"90s\"");
    let mut daemon = Daemon::start(&device);
    daemon.wait("the effect", || sim.gateways().len() == 1);
    daemon.kill();
    assert_eq!(writes(&device.history())[0]["outcome"], "intended");
    let daemon = Daemon::start(&device);
    daemon.wait_decision("in_sync");
    sim.only_gateway();
    let history = device.history();
    assert_eq!(writes(&history).len(), 1, "{history:#?}");
    assert_eq!(writes(&history)[0]["outcome"], "done");
}

#[test]
fn the_region_that_was_found_is_journaled_once() {
    let sim = Sim::with(json!({"VpnGateways": [{"VpnGatewayId": "vpn-1", "DualTunnel": true}]}));
    let device = Device::new(&sim).with(|device| device.cloud = "vpn_gateway = \"vpn-1\"".into());
    for _ in 0..2 {
        let mut daemon = Daemon::start(&device);
        daemon.wait_decision("in_sync");
        device.cgwd(&["register"]).expect(0);
        daemon.signal(Signal::HUP);
        daemon.wait_decision("in_sync");
        device.cgwd(&["register"]).expect(0);
        daemon.stop();
    }
    device.cgwd(&["register"]).expect(0);
    let found: Vec<Value> = device.history().into_iter().filter(|entry| entry["kind"] == "region").collect();
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0]["region"], REGION);
    assert!(found[0]["selector"].as_str().unwrap().contains("vpn-1"));

    // Alone, too.
    let device = Device::new(&sim).with(|device| {
        device.cloud = "vpn_gateway = \"vpn-1\"".into();
        device.name = "branch-7".into();
    });
    device.move_to("203.0.113.70");
    device.cgwd(&["register"]).expect(0);
    device.cgwd(&["register"]).expect(0);
    assert_eq!(device.history().iter().filter(|entry| entry["kind"] == "region").count(), 1);
}

#[test]
fn a_region_that_does_not_fit_blocks_and_is_told() {
    let sim = Sim::with(json!({"VpnGateways": [{"VpnGatewayId": "vpn-1", "DualTunnel": true}]}));
    let device = Device::new(&sim).with(|device| device.cloud = "region = \"cn-shanghai\"\nvpn_gateway = \"vpn-1\"".into());
    let mut daemon = Daemon::start(&device);
    let status = daemon.wait_decision("blocked");
    daemon.wait_alert("raised registration.blocked", 1);
    assert!(alert_text(&device.status(), "registration.blocked").contains("region.mismatch"), "{status:#}");
    let decided: Vec<Value> = device.history().into_iter().filter(|entry| entry["kind"] == "decision").collect();
    assert_eq!(decided.len(), 1, "{decided:#?}");
    assert_eq!(decided[0]["decision"], "blocked");
    daemon.stop();
    assert_eq!(device.status()["decision"], "blocked");
    assert!(sim.gateways().is_empty() && sim.gateways_in("cn-shanghai").is_empty());
}

#[test]
fn status_and_history_for_a_person() {
    let sim = Sim::empty();
    let device = Device::new(&sim);
    let mut daemon = Daemon::start(&device);
    daemon.wait_decision("in_sync");
    let running = device.plain(&["status"]);
    running.expect(0);
    let id = sim.only_gateway()["CustomerGatewayId"].as_str().unwrap().to_owned();
    for words in ["running", "in_sync", ADDRESS, "65001", &id, "none standing"] {
        assert!(running.stdout.contains(words), "no {words} in {}", running.stdout);
    }
    daemon.stop();
    assert!(device.plain(&["status"]).expect(0).stdout.contains("stopped"));
    let history = device.plain(&["history"]);
    for words in ["CreateCustomerGateway", "RequestId", "ClientToken", "registration.created", ADDRESS] {
        assert!(history.stdout.contains(words), "no {words} in {}", history.stdout);
    }
    let last = device.cgwd(&["history", "--last", "1"]).expect(0).json();
    assert_eq!(last["entries"].as_array().unwrap().len(), 1);
    assert_eq!(last["entries"][0], *device.history().last().unwrap());
}

#[test]
fn status_can_be_watched() {
    let sim = Sim::empty();
    let device = Device::new(&sim);
    let shown = device.dir.join("shown");
    let mut watch = device.command(&["status", "--watch"]).stdout(std::fs::File::create(&shown).unwrap()).spawn().unwrap();
    let read = || std::fs::read_to_string(&shown).unwrap();
    common::journal::wait_for("the first status", || read().contains("stopped"));
    let daemon = Daemon::start(&device);
    daemon.wait("the status as it changes", || read().contains("in_sync"));
    watch.kill().unwrap();
    watch.wait().unwrap();
    assert!(read().find("stopped") < read().find("in_sync"), "{}", read());
}
