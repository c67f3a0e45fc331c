//! What the daemon tells, when, and how often.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test program that runs real processes")]

mod common;

use common::daemon::{Daemon, count};
use common::device::{ADDRESS, Device, alerts, has_finding, shape, writes};
use common::journal::{self, Journald};
use common::simulated::{REGION, Sim};
use serde_json::{Value, json};

const ELSEWHERE: &str = "203.0.113.88";

fn settling(sim: &Sim, time: &str) -> Device {
    Device::new(sim).with(|device| device.address = device.address.replace("0s", time))
}

/// Registered, with a daemon that has seen it.
fn registered<'a>(device: &'a Device) -> Daemon<'a> {
    device.cgwd(&["register"]).expect(0);
    let daemon = Daemon::start(device);
    daemon.wait_decision("in_sync");
    daemon
}

fn decisions(history: &[Value]) -> Vec<String> {
    let decisions = history.iter().filter(|entry| entry["kind"] == "decision");
    decisions.map(|entry| entry["decision"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_change_is_told_at_once_and_judged_after_it_has_held() {
    let sim = Sim::empty();
    let device = settling(&sim, "3s");
    let mut daemon = registered(&device);
    device.move_to(ELSEWHERE);
    daemon.wait_alert("occurred address.changed", 1);
    let history = device.history();
    if count(&alerts(&history), "occurred address.settled") == 0 {
        let status = device.status();
        assert_eq!(status["decision"], "in_sync", "not judged yet: {status:#}");
        assert_eq!(status["address"]["settled"], false);
    }
    daemon.wait_decision("replace");
    daemon.wait_alert("raised replacement.needed", 1);
    let history = device.history();
    let told = alerts(&history);
    let at = |alert: &str| told.iter().position(|each| each == alert).unwrap_or_else(|| panic!("no {alert} in {told:?}"));
    assert!(at("occurred address.changed") < at("occurred address.settled"), "{told:?}");
    assert!(at("occurred address.settled") < at("raised replacement.needed"), "{told:?}");
    let changed = history.iter().find(|entry| entry["code"] == "address.changed").unwrap();
    assert_eq!(changed["fields"]["address_old"], ADDRESS);
    assert_eq!(changed["fields"]["address_new"], ELSEWHERE);
    assert_eq!(changed["fields"]["device"], "branch-1");
    assert_eq!(changed["fields"]["customer_gateway_id"], sim.only_gateway()["CustomerGatewayId"]);
    assert_eq!(writes(&history).len(), 1, "it is alerted, not replaced");
    // Back again: the end is told, and status is clean.
    device.move_to(ADDRESS);
    daemon.wait_alert("cleared replacement.needed", 1);
    let status = daemon.wait_decision("in_sync");
    assert_eq!(status["alerts"], json!([]));
    assert_eq!(decisions(&device.history()), ["in_sync", "replace", "in_sync"]);
    daemon.stop();
}

#[test]
fn what_does_not_hold_changes_no_decision() {
    let sim = Sim::empty();
    let device = settling(&sim, "1h");
    let mut daemon = registered(&device);
    for flap in 1..=2 {
        device.move_to(ELSEWHERE);
        daemon.wait_alert("occurred address.changed", 2 * flap - 1);
        assert_eq!(device.status()["decision"], "in_sync");
        device.move_to(ADDRESS);
        daemon.wait_alert("occurred address.changed", 2 * flap);
    }
    let status = device.status();
    assert_eq!((status["decision"].clone(), status["address"]["settled"].clone()), (json!("in_sync"), json!(true)));
    let history = device.history();
    assert_eq!(decisions(&history), ["in_sync"]);
    assert_eq!(count(&alerts(&history), "occurred address.settled"), 0);
    daemon.stop();
}

#[test]
fn an_unusable_address_is_told_and_blocks() {
    let sim = Sim::empty();
    let device = Device::new(&sim);
    let mut daemon = registered(&device);
    device.move_to("100.64.0.9");
    daemon.wait_decision("blocked");
    daemon.wait_alert("raised address.unusable", 1);
    let status = device.status();
    assert_eq!(status["address"]["value"], "100.64.0.9");
    let alert = &status["alerts"][0];
    shape(alert, &["code", "severity", "message", "remedy", "since"]);
    assert_eq!((alert["code"].clone(), alert["severity"].clone()), (json!("address.unusable"), json!("error")));
    daemon.wait("the decision in the journal", || decisions(&device.history()) == ["in_sync", "blocked"]);
    let reason = device.history().into_iter().rfind(|entry| entry["kind"] == "decision").unwrap();
    assert!(reason["summary"].as_str().unwrap().contains("100.64.0.9"), "{reason:#}");
    device.move_to(ADDRESS);
    daemon.wait_alert("cleared address.unusable", 1);
    daemon.wait_decision("in_sync");
    assert_eq!(decisions(&device.history()), ["in_sync", "blocked", "in_sync"]);
    device.move_to("100.64.0.9");
    daemon.wait_decision("blocked");
    daemon.stop();
    let stopped = device.status();
    assert_eq!((stopped["daemon"].clone(), stopped["decision"].clone()), (json!("stopped"), json!("blocked")));
}

#[test]
fn while_an_unusable_address_settles_nothing_is_written() {
    let sim = Sim::empty();
    let device = settling(&sim, "1h");
    let daemon = registered(&device);
    device.move_to("10.1.1.1");
    daemon.wait_alert("raised address.unusable", 1);
    sim.delete_gateway(sim.only_gateway()["CustomerGatewayId"].as_str().unwrap());
    // It is made to look at the cloud.
    daemon.signal(rustix::process::Signal::HUP);
    device.cgwd(&["register"]).expect(3);
    daemon.wait_heard("STATUS=reading the configuration");
    assert!(sim.gateways().is_empty());
    assert_eq!(writes(&device.history()).len(), 1);
}

#[test]
fn a_source_that_fails_changes_nothing_and_is_told() {
    let sim = Sim::empty();
    let device = Device::new(&sim);
    let mut daemon = registered(&device);
    std::fs::remove_file(device.dir.join("address")).unwrap();
    daemon.wait_alert("raised observation.blind", 1);
    let status = device.status();
    assert_eq!((status["decision"].clone(), status["address"]["value"].clone()), (json!("in_sync"), json!(ADDRESS)));
    device.move_to(ADDRESS);
    daemon.wait_alert("cleared observation.blind", 1);
    let history = device.history();
    assert_eq!(decisions(&history), ["in_sync"]);
    assert_eq!(count(&alerts(&history), "occurred address.changed"), 0);
    daemon.stop();
}

#[test]
fn sources_that_contradict_one_another_block_once_that_lasts() {
    let sim = Sim::empty();
    let device = Device::new(&sim);
    let other = device.dir.write("other", ADDRESS);
    let device = device.with(|device| {
        device.address = device.address.replace("/address\"]", &format!("/address\", \"file:{}\"]\nagreement = \"all\"", other.display()));
    });
    let mut daemon = registered(&device);
    device.dir.write("other", ELSEWHERE);
    daemon.wait_alert("raised observation.disagreement", 1);
    daemon.wait_decision("blocked");
    device.dir.write("other", ADDRESS);
    daemon.wait_alert("cleared observation.disagreement", 1);
    daemon.wait_decision("in_sync");
    assert_eq!(writes(&device.history()).len(), 1);
    daemon.stop();
}

#[test]
fn an_asn_source_that_fails_keeps_the_asn() {
    let sim = Sim::empty();
    let device = Device::new(&sim);
    let asn = device.dir.write("asn", "65001\n");
    let device = device.with(|device| device.bgp = format!("source = \"file:{}\"", asn.display()));
    let mut daemon = registered(&device);
    std::fs::remove_file(&asn).unwrap();
    daemon.wait_alert("raised asn.unknown", 1);
    let status = device.status();
    assert_eq!((status["decision"].clone(), status["asn"]["value"].clone()), (json!("in_sync"), json!(65001)));
    device.dir.write("asn", "65002\n");
    daemon.wait_alert("occurred asn.changed", 1);
    daemon.wait_alert("cleared asn.unknown", 1);
    daemon.wait_decision("replace");
    daemon.wait_alert("raised replacement.needed", 1);
    device.dir.write("asn", "0\n");
    daemon.wait_alert("raised asn.unusable", 1);
    daemon.wait_decision("blocked");
    assert_eq!(writes(&device.history()).len(), 1);
    daemon.stop();
}

#[test]
fn what_others_do_to_the_customer_gateway_is_told() {
    let sim = Sim::empty();
    let device = Device::new(&sim).with(|device| device.rest = "[gateway]\nname = \"first line\"".into());
    let mut daemon = registered(&device);
    let id = sim.only_gateway()["CustomerGatewayId"].as_str().unwrap().to_owned();
    let name = |name: &str| {
        sim.call("ModifyCustomerGatewayAttribute", &[("RegionId", REGION), ("CustomerGatewayId", &id), ("Name", name)]);
        device.cgwd(&["register"]).expect(0);
    };
    name("edited");
    daemon.wait_alert("raised gateway.drift", 1);
    name("first line");
    daemon.wait_alert("cleared gateway.drift", 1);
    // Deleted: made anew, with a word about the one that is gone.
    sim.delete_gateway(&id);
    device.cgwd(&["register"]).expect(0);
    daemon.wait_alert("occurred registration.created", 1);
    let history = device.history();
    let created = history.iter().find(|entry| entry["code"] == "registration.created").unwrap();
    assert!(created["message"].as_str().unwrap().contains(&id), "{created:#}");
    daemon.stop();
}

#[test]
fn what_stood_about_a_customer_gateway_ends_with_its_registration() {
    let sim = Sim::empty();
    let device = Device::new(&sim);
    let mut daemon = registered(&device);
    device.move_to(ELSEWHERE);
    daemon.wait_alert("raised replacement.needed", 1);
    daemon.stop();
    device.cgwd(&["deregister"]).expect(0);
    let told = alerts(&device.history());
    assert_eq!(count(&told, "cleared replacement.needed"), 1, "{told:?}");
    assert_eq!(count(&told, "occurred registration.removed"), 1, "{told:?}");
    assert_eq!(device.status()["alerts"], json!([]));
    let over = device.history().into_iter().find(|entry| entry["phase"] == "cleared").unwrap();
    assert!(over["message"].as_str().is_some_and(|message| message.contains(ELSEWHERE)), "{over:#}");
}

#[test]
fn a_second_customer_gateway_of_ours_is_a_warning_while_one_fits() {
    let sim = Sim::empty();
    let device = Device::new(&sim);
    device.cgwd(&["register"]).expect(0);
    let made = sim.only_gateway();
    let mark = |key: &str| common::simulated::tag(&made, key).unwrap().to_owned();
    let (name, owner) = (mark("cgwd-device"), mark("cgwd-owner"));
    sim.create_gateway("203.0.113.81", &[("cgwd-device", name.as_str()), ("cgwd-owner", owner.as_str())]);
    let mut daemon = Daemon::start(&device);
    daemon.wait_alert("raised gateway.duplicate", 1);
    let status = daemon.wait_decision("in_sync");
    assert_eq!(
        (status["alerts"][0]["code"].clone(), status["alerts"][0]["severity"].clone()),
        (json!("gateway.duplicate"), json!("warning"))
    );
    let stderr = daemon.stop();
    assert!(!stderr.contains("ERROR"), "{stderr}");
    assert_eq!(device.status()["alerts"][0]["severity"], "warning", "also from the journal");
}

/// A source that is asked at every poll and counts that.
fn counting(device: &Device) -> String {
    let (program, count) = (device.program("count", ""), device.dir.join("count"));
    let (address, count) = (device.dir.join("address"), count.display().to_string());
    device.program("count", &format!("#!/bin/sh\necho >> {count}\ncat {}\n", address.display()));
    format!("sources = [\"command:{}\"]\nsettle = \"0s\"\npoll = \"1s\"", program.display())
}

fn polls(device: &Device) -> usize {
    std::fs::read_to_string(device.dir.join("count")).unwrap_or_default().len()
}

#[test]
fn while_nothing_changes_nothing_is_told_and_nothing_written() {
    let sim = Sim::empty();
    let device = Device::new(&sim);
    let sources = counting(&device);
    let device = device.with(|device| device.address = sources);
    let mut daemon = registered(&device);
    device.move_to(ELSEWHERE);
    daemon.wait_alert("raised replacement.needed", 1);
    daemon.wait_decision("replace");
    let idle = |daemon: &Daemon<'_>| {
        let before = polls(&device);
        daemon.wait("some rounds", || polls(&device) >= before + 5);
    };
    idle(&daemon);
    let (bytes, stderr) = (device.state_bytes(), daemon.stderr());
    idle(&daemon);
    let after = device.state_bytes();
    let names = |files: &[(String, Vec<u8>)]| files.iter().map(|(name, bytes)| format!("{name} {}", bytes.len())).collect::<Vec<_>>();
    assert!(bytes == after, "the state changed: {:?} {:?}", names(&bytes), names(&after));
    assert_eq!(daemon.stderr(), stderr, "nothing is told");
    let before = device.history();
    daemon.stop();

    // Nor after a restart, as long as it is the same.
    let mut daemon = Daemon::start(&device);
    daemon.wait_decision("replace");
    idle(&daemon);
    let told = alerts(&device.history());
    assert_eq!(told, alerts(&before), "nothing is told again");
    assert!(!daemon.stderr().contains("replacement.needed raised"), "{}", daemon.stderr());
    assert_eq!(device.status()["alerts"][0]["code"], "replacement.needed");
    daemon.stop();
    let stopped = device.status();
    assert_eq!(stopped["alerts"][0]["code"], "replacement.needed", "{stopped:#}");
    // What ended while it was down is told to have ended.
    device.move_to(ADDRESS);
    let mut daemon = Daemon::start(&device);
    daemon.wait_alert("cleared replacement.needed", 1);
    daemon.wait_decision("in_sync");
    daemon.stop();
    assert_eq!(writes(&device.history()).len(), 1);
}

#[test]
fn alerts_are_found_in_the_journal() {
    if journal::outside("alerts_are_found_in_the_journal").is_some() {
        return;
    }
    journal::prepare();
    let _journald = Journald::start();
    let sim = Sim::empty();
    let device = Device::new(&sim);
    let mut daemon = Daemon::start(&device);
    daemon.wait_decision("in_sync");
    device.move_to(ELSEWHERE);
    daemon.wait_decision("replace");
    daemon.wait_alert("raised replacement.needed", 1);
    device.move_to(ADDRESS);
    daemon.wait_alert("cleared replacement.needed", 1);
    daemon.stop();
    let entries = journal::entries(5);
    let found = |code: &str, phase: &str| {
        let entry = entries.iter().find(|entry| entry["CGWD_EVENT"] == code && entry["CGWD_PHASE"] == phase);
        entry.unwrap_or_else(|| panic!("no {phase} {code} in {entries:#?}")).clone()
    };
    let id = sim.only_gateway()["CustomerGatewayId"].clone();
    let created = found("registration.created", "occurred");
    assert_eq!(created["MESSAGE_ID"], "065dbd83ff2f483b8df23937d9694ac8");
    assert_eq!(created["CGWD_CUSTOMER_GATEWAY_ID"], id);
    let changed = found("address.changed", "occurred");
    assert_eq!(changed["MESSAGE_ID"], "8f4f8839e4274ce9bb4fb1371d123326");
    assert_eq!((changed["CGWD_ADDRESS_OLD"].clone(), changed["CGWD_ADDRESS_NEW"].clone()), (json!(ADDRESS), json!(ELSEWHERE)));
    let needed = found("replacement.needed", "raised");
    assert_eq!(needed["MESSAGE_ID"], "203e75e3203a47a79680f6978c388efc");
    assert_eq!(
        (needed["PRIORITY"].clone(), needed["CGWD_DEVICE"].clone(), needed["CGWD_ASN"].clone()),
        (json!("3"), json!("branch-1"), json!("65001"))
    );
    assert_eq!(needed["CGWD_CUSTOMER_GATEWAY_ID"], id);
    assert!(needed["CGWD_REMEDY"].is_string());
    assert_eq!(found("replacement.needed", "cleared")["PRIORITY"], "6");
    // The same as in the history, once each.
    let journaled: Vec<String> = entries
        .iter()
        .map(|entry| format!("{} {}", entry["CGWD_PHASE"].as_str().unwrap(), entry["CGWD_EVENT"].as_str().unwrap()))
        .collect();
    assert_eq!(journaled, alerts(&device.history()));
}

/// The auditor asks what was deleted, also where it was mended in the same breath.
#[test]
fn what_others_did_is_told_where_it_is_mended_at_once() {
    let sim = Sim::empty();
    let device = Device::new(&sim);
    device.cgwd(&["register"]).expect(0);
    let id = sim.only_gateway()["CustomerGatewayId"].as_str().unwrap().to_owned();
    sim.delete_gateway(&id);
    let mut daemon = Daemon::start(&device);
    daemon.wait_alert("raised gateway.drift", 1);
    daemon.wait_decision("in_sync");
    let drift = device.history().iter().find(|entry| entry["code"] == "gateway.drift").unwrap().clone();
    assert!(drift.to_string().contains(&id), "{drift:#}");
    assert_eq!(sim.gateways().len(), 1);
    daemon.stop();

    // The same by hand: the document names it beside what was done.
    sim.delete_gateway(sim.only_gateway()["CustomerGatewayId"].as_str().unwrap());
    let document = device.cgwd(&["register"]).expect(0).json();
    assert_eq!(document["changed"], true);
    has_finding(&document, "warning gateway.drift");
}

/// What cannot be registered cannot be replaced by either.
#[test]
fn an_unusable_asn_takes_the_call_for_a_replacement_back() {
    let sim = Sim::empty();
    let device = Device::new(&sim);
    let asn = device.dir.write("asn", "65001");
    let device = device.with(|device| {
        device.bgp = format!("source = \"file:{}\"", asn.display());
    });
    let mut daemon = Daemon::start(&device);
    daemon.wait_decision("in_sync");
    device.dir.write("asn", "65002");
    daemon.wait_alert("raised replacement.needed", 1);
    device.dir.write("asn", "45104");
    daemon.wait_alert("raised asn.unusable", 1);
    daemon.wait_alert("cleared replacement.needed", 1);
    daemon.wait_decision("blocked");
    daemon.stop();
    assert_eq!(count(&alerts(&device.history()), "changed asn.unusable"), 0, "nothing new was to be said");
}
