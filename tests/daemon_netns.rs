//! A real interface in a network namespace: what `ip addr` does to it, the daemon tells.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test program that runs real processes")]

mod common;

use common::daemon::{Daemon, count};
use common::device::{ADDRESS, Device, alerts};
use common::ip;
use common::simulated::Sim;
use rustix::process::Signal;
use serde_json::json;
use std::time::{Duration, Instant};

fn line() {
    ip("link add g0 type veth peer name i0");
    ip("link set g0 up");
    ip("link set i0 up");
    ip(&format!("addr add {ADDRESS}/24 dev g0"));
}

fn device_on_the_line(sim: &Sim, settle: &str) -> Device {
    Device::new(sim).with(|device| device.address = format!("sources = [\"interface:g0\"]\nsettle = \"{settle}\""))
}

/// A story of the test of this name: the line is there, and its device is registered and watched.
fn on_the_line(test: &str, settle: &str, story: impl FnOnce(&Device, Daemon<'_>)) {
    if !common::inside_a_network_of_its_own(test) {
        return;
    }
    line();
    let sim = Sim::empty();
    let device = device_on_the_line(&sim, settle);
    let daemon = Daemon::start(&device);
    daemon.wait_decision("in_sync");
    story(&device, daemon);
}

#[test]
fn an_address_that_ip_changes_is_told() {
    on_the_line("an_address_that_ip_changes_is_told", "1s", |device, mut daemon| {
        let moves = 5;
        for turn in 1..=moves {
            let old = if turn == 1 { ADDRESS.to_owned() } else { format!("203.0.113.{}", 100 + turn - 1) };
            let new = format!("203.0.113.{}", 100 + turn);
            ip(&format!("addr del {old}/24 dev g0"));
            ip(&format!("addr add {new}/24 dev g0"));
            let changed = Instant::now();
            let told = format!("to {new} ");
            while !daemon.stderr().contains(&told) {
                assert!(changed.elapsed() < common::daemon::PATIENCE, "{}", daemon.stderr());
                std::thread::sleep(Duration::from_micros(200));
            }
            common::measured("ip addr add to the alert on stderr", changed.elapsed());
            daemon.wait_status("the new address", |status| status["address"]["value"] == new && status["address"]["settled"] == true);
        }
        daemon.wait_decision("replace");
        daemon.wait_alert("raised replacement.needed", 1);
        // An interface without an address is one that says nothing.
        ip(&format!("addr del 203.0.113.{}/24 dev g0", 100 + moves));
        daemon.wait_status("still the last one", |status| status["address"]["value"] == format!("203.0.113.{}", 100 + moves));
        assert_eq!(device.status()["decision"], "replace");
        ip(&format!("addr add {ADDRESS}/24 dev g0"));
        daemon.wait_alert("cleared replacement.needed", 1);
        daemon.wait_decision("in_sync");
        let stderr = daemon.stop();
        assert!(!stderr.contains("observation.degraded"), "{stderr}");
        assert!(!alerts(&device.history()).iter().any(|alert| alert.contains("observation.degraded")));
    });
}

/// While it cannot listen, more is announced than the kernel keeps for it: once is nothing, again and again is told.
#[test]
fn floods_one_after_another_are_told() {
    on_the_line("floods_one_after_another_are_told", "0s", |device, mut daemon| {
        // Of another's address beside the device's own.
        let flood = device.dir.write("flood", &"address add 203.0.113.99/24 dev g0\naddress del 203.0.113.99/24 dev g0\n".repeat(6000));
        let lost = "more kernel events than could be taken in";
        for turn in 1..=3 {
            assert_eq!(count(&alerts(&device.history()), "raised observation.degraded"), 0);
            let before = daemon.stderr().matches(lost).count();
            daemon.signal(Signal::STOP);
            ip(&format!("-batch {}", flood.display()));
            daemon.signal(Signal::CONT);
            daemon.wait(&format!("flood {turn}"), || daemon.stderr().matches(lost).count() > before);
            std::thread::sleep(Duration::from_secs(6));
        }
        daemon.wait_alert("raised observation.degraded", 1);
        assert!(daemon.stderr().contains("more changes of addresses, links and routes are announced than can be taken in"));
        // It still notices, and the cloud is in order.
        daemon.wait_decision("in_sync");
        ip(&format!("addr del {ADDRESS}/24 dev g0"));
        ip("addr add 203.0.113.120/24 dev g0");
        daemon.wait_decision("replace");
        daemon.stop();
    });
}

#[test]
fn two_addresses_that_could_both_be_meant_block_at_once() {
    on_the_line("two_addresses_that_could_both_be_meant_block_at_once", "0s", |_device, mut daemon| {
        let asked = Instant::now();
        ip("addr add 198.51.100.9/24 dev g0");
        daemon.wait_decision("blocked");
        daemon.wait_alert("raised observation.disagreement", 1);
        common::measured("a second address to blocked and told", asked.elapsed());
        ip("addr del 198.51.100.9/24 dev g0");
        daemon.wait_decision("in_sync");
        daemon.wait_alert("cleared observation.disagreement", 1);
        daemon.stop();
    });
}

#[test]
fn an_interface_that_comes_later_is_found() {
    if !common::inside_a_network_of_its_own("an_interface_that_comes_later_is_found") {
        return;
    }
    let sim = Sim::empty();
    let device = device_on_the_line(&sim, "0s");
    let mut daemon = Daemon::start(&device);
    daemon.wait_heard("READY=1");
    line();
    daemon.wait_decision("in_sync");
    assert_eq!(sim.only_gateway()["IpAddress"], ADDRESS);
    daemon.stop();
}

#[test]
fn the_way_to_the_vpn_gateway_tells_the_address() {
    if !common::inside_a_network_of_its_own("the_way_to_the_vpn_gateway_tells_the_address") {
        return;
    }
    line();
    ip("link set i0 address 02:00:00:00:00:02");
    ip("route add 47.96.1.0/24 via 203.0.113.1 dev g0 onlink");
    let sim = Sim::with(json!({"VpnGateways": [
        {"VpnGatewayId": "vpn-1", "InternetIp": "47.96.1.1", "DisasterRecoveryInternetIp": "47.96.1.2"},
    ]}));
    let device = Device::new(&sim).with(|device| {
        device.address = "sources = [\"route:vpn-gateway\"]\nsettle = \"0s\"".into();
        device.cloud = "vpn_gateway = \"vpn-1\"".into();
    });
    let plan = device.cgwd(&["plan"]).expect(4).json();
    assert_eq!(plan["address"]["value"], ADDRESS);
    let mut daemon = Daemon::start(&device);
    let status = daemon.wait_decision("in_sync");
    assert_eq!(status["address"]["source"], "route:vpn-gateway");
    assert_eq!(sim.only_gateway()["IpAddress"], ADDRESS);
    daemon.stop();
    // Once more, when there is something in the journal.
    let mut daemon = Daemon::start(&device);
    daemon.wait_decision("in_sync");
    // A reload while the cloud is away: where it was is still known.
    drop(sim);
    daemon.signal(rustix::process::Signal::HUP);
    daemon.wait_heard("STATUS=reading the configuration");
    std::thread::sleep(std::time::Duration::from_secs(1));
    let status = device.status();
    assert_eq!(status["address"]["source"], "route:vpn-gateway");
    let findings = status["findings"].as_array().unwrap();
    assert!(findings.iter().all(|finding| finding["code"] != "address.missing"), "{status:#}");
    daemon.stop();
}
