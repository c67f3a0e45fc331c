//! Sources that take time to answer: when they are asked, and what one answer of theirs is worth.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test program that runs real processes")]

mod common;

use common::daemon::{Daemon, count};
use common::device::{ADDRESS, Device, alerts, has_finding, writes};
use common::simulated::Sim;
use rustix::process::Signal;
use std::path::PathBuf;

const ELSEWHERE: &str = "203.0.113.88";

/// An address source that is asked with a program: it says what `address` holds, or once what `once` holds, and counts in `asked`.
fn slow_source(device: &Device) -> PathBuf {
    let file = |name: &str| device.dir.join(name).display().to_string();
    let (once, asked, address) = (file("once"), file("asked"), file("address"));
    device
        .program("address", &format!("#!/bin/sh\necho >> {asked}\nif [ -e {once} ]; then cat {once}; rm {once}; else cat {address}; fi\n"))
}

fn asked(device: &Device) -> usize {
    std::fs::read_to_string(device.dir.join("asked")).unwrap_or_default().lines().count()
}

/// Polled never; a file that says the same is there to wake it.
fn device(sim: &Sim, settle: &str, rest: &str) -> Device {
    let device = Device::new(sim);
    let program = slow_source(&device);
    let tick = device.dir.write("tick", ADDRESS);
    device.with(|device| {
        device.address = format!(
            "sources = [\"command:{}\", \"file:{}\"]\nsettle = \"{settle}\"\npoll = \"1h\"\n{rest}",
            program.display(),
            tick.display()
        );
    })
}

#[test]
fn one_wrong_answer_settles_nothing() {
    let sim = Sim::empty();
    let device = device(&sim, "2s", "");
    device.cgwd(&["register"]).expect(0);
    let mut daemon = Daemon::start(&device);
    daemon.wait_decision("in_sync");
    device.dir.write("once", ELSEWHERE);
    daemon.signal(Signal::HUP);
    // Told at once, asked again when it would settle, and taken back.
    daemon.wait_alert("occurred address.changed", 2);
    std::thread::sleep(std::time::Duration::from_secs(3));
    let history = device.history();
    let told = alerts(&history);
    assert_eq!(count(&told, "occurred address.settled"), 0, "{told:?}");
    assert_eq!(count(&told, "raised replacement.needed"), 0, "{told:?}");
    assert_eq!(count(&told, "occurred address.changed"), 2, "{told:?}");
    // One that holds settles.
    device.move_to(ELSEWHERE);
    daemon.signal(Signal::HUP);
    daemon.wait_alert("occurred address.settled", 1);
    daemon.wait_decision("replace");
    daemon.stop();
    assert_eq!(writes(&device.history()).len(), 1);
}

#[test]
fn a_wake_asks_the_slow_sources_too() {
    let sim = Sim::empty();
    let device = device(&sim, "0s", "");
    let mut daemon = Daemon::start(&device);
    daemon.wait_decision("in_sync");
    device.move_to(ELSEWHERE);
    device.dir.write("tick", ELSEWHERE);
    daemon.wait_alert("occurred address.changed", 1);
    daemon.wait_decision("replace");
    // A burst is not a burst of questions.
    let (before, began) = (asked(&device), std::time::Instant::now());
    for turn in 0..20 {
        device.dir.write("tick", if turn % 2 == 0 { ADDRESS } else { ELSEWHERE });
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    std::thread::sleep(std::time::Duration::from_secs(3));
    let burst = asked(&device) - before;
    // Every two seconds at most, however long this machine took.
    let most = began.elapsed().as_secs() as usize / 2 + 2;
    assert!((1..=most).contains(&burst), "asked {burst} times, and {most} at most were expected");
    daemon.stop();
}

#[test]
fn where_all_must_agree_a_change_is_no_disagreement() {
    let sim = Sim::empty();
    let device = device(&sim, "0s", "agreement = \"all\"");
    let mut daemon = Daemon::start(&device);
    daemon.wait_decision("in_sync");
    device.move_to(ELSEWHERE);
    device.dir.write("tick", ELSEWHERE);
    daemon.wait_alert("occurred address.settled", 1);
    daemon.wait_decision("replace");
    assert_eq!(count(&alerts(&device.history()), "raised observation.disagreement"), 0);
    daemon.stop();
}

#[test]
fn an_asn_that_is_configured_counts_while_its_source_is_down() {
    let sim = Sim::empty();
    let device = Device::new(&sim);
    let missing = device.dir.join("asn");
    let device = device.with(|device| device.bgp = format!("asn = 65001\nsource = \"file:{}\"", missing.display()));
    let mut daemon = Daemon::start(&device);
    let status = daemon.wait_decision("in_sync");
    has_finding(&status, "warning asn.unknown");
    assert_eq!(sim.only_gateway()["Asn"], 65001);
    daemon.stop();
}

/// Nothing announces it, and echo services are not asked for it.
#[test]
fn a_routing_daemon_s_new_asn_is_noticed_within_a_minute() {
    let sim = Sim::empty();
    let device = device(&sim, "0s", "");
    let asn = device.dir.write("asn", "65001");
    let program = device.program("asn-source", &format!("#!/bin/sh\ncat {}\n", asn.display()));
    let device = device.with(|device| device.bgp = format!("source = \"command:{}\"", program.display()));
    let mut daemon = Daemon::start(&device);
    daemon.wait_decision("in_sync");
    let before = asked(&device);
    let began = std::time::Instant::now();
    device.dir.write("asn", "65002");
    while !daemon.stderr().contains("asn.changed occurred: the ASN changed from 65001 to 65002") {
        assert!(began.elapsed().as_secs() < 120, "{}", daemon.stderr());
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    daemon.wait_decision("replace");
    assert_eq!(asked(&device), before, "the address's program has nothing to do with it");
    daemon.stop();
}
