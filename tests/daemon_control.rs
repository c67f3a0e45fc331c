//! The control socket: where it is found, who is asked, and what is told while nobody answers.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test program that runs real processes")]

mod common;

use common::daemon::{Daemon, count};
use common::device::{ADDRESS, Device, alerts};
use common::simulated::Sim;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

fn ask(directory: &Path, request: &Value) -> Value {
    let mut stream = UnixStream::connect(directory.join("control.sock")).unwrap();
    writeln!(stream, "{request}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    serde_json::from_str(&answer).unwrap()
}

#[test]
fn a_daemon_with_a_runtime_directory_is_found_without_one() {
    let sim = Sim::empty();
    let device = Device::new(&sim);
    let runtime = device.dir.join("runtime");
    std::fs::create_dir(&runtime).unwrap();
    // As the unit has it; a person's shell has not.
    let mut daemon = Daemon::start_with(&device, |command| {
        command.env("RUNTIME_DIRECTORY", &runtime);
    });
    let status = daemon.wait_decision("in_sync");
    assert_eq!((status["daemon"].clone(), status["responds"].clone()), (json!("running"), json!(true)));
    sim.delete_gateway(sim.only_gateway()["CustomerGatewayId"].as_str().unwrap());
    assert_eq!(device.cgwd(&["register"]).expect(0).json()["changed"], true);
    assert!(runtime.join("control.sock").exists());

    // Another device that shares the runtime directory is another device.
    let other = Device::new(&sim).with(|other| {
        other.name = "branch-2".into();
        other.env("RUNTIME_DIRECTORY", runtime.to_str().unwrap());
    });
    assert_eq!(other.status()["daemon"], "stopped");
    other.move_to("203.0.113.90");
    let mut second = Daemon::start(&other);
    second.wait_decision("in_sync");
    assert_eq!(device.status()["device"], "branch-1");
    second.stop();
    assert!(runtime.join("control.sock").exists(), "the first one's socket is not the second one's");
    daemon.stop();
    assert!(!runtime.join("control.sock").exists());
}

#[test]
fn a_stuck_daemon_is_told_and_waited_for_no_longer_than_need_be() {
    let sim = Sim::empty();
    let device = Device::new(&sim);
    let daemon = Daemon::start(&device);
    daemon.wait_decision("in_sync");
    daemon.signal(Signal::STOP);
    let started = Instant::now();
    let status = device.status();
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
    assert_eq!((status["daemon"].clone(), status["responds"].clone()), (json!("running"), json!(false)), "{status:#}");
    assert_eq!((status["pid"].clone(), status["address"]["value"].clone()), (json!(daemon.pid()), json!(ADDRESS)));
    let words = device.plain(&["status"]);
    words.expect(0);
    assert!(words.stdout.contains(&format!("the daemon (pid {}) does not answer", daemon.pid())), "{}", words.stdout);
    daemon.signal(Signal::CONT);
    daemon.wait_status("an answer", |status| status["responds"] == true);
}

#[test]
fn a_state_that_cannot_be_read_is_not_an_empty_one() {
    let sim = Sim::empty();
    let device = Device::new(&sim);
    // A journal that nobody can open, not even root.
    std::fs::create_dir(device.state()).unwrap();
    std::os::unix::fs::symlink("journal.db", device.state().join("journal.db")).unwrap();
    let output = device.plain(&["status"]);
    output.expect(1);
    assert!(output.stderr.contains("cannot be read") && output.stderr.contains("what to do"), "{}", output.stderr);
    assert!(!output.stdout.contains("none standing"), "{}", output.stdout);
}

#[test]
fn where_nothing_can_be_written_the_socket_is_in_run() {
    if !common::inside_a_network_of_its_own("where_nothing_can_be_written_the_socket_is_in_run") {
        return;
    }
    let mounted = std::process::Command::new("mount").args(["-t", "tmpfs", "tmpfs", "/run"]).status().unwrap();
    assert!(mounted.success());
    let sim = Sim::empty();
    let device = Device::new(&sim).with(|device| device.env("STATE_DIRECTORY", "/proc/nonexistent/cgwd"));
    let mut daemon = Daemon::start(&device);
    let status = daemon.wait_decision("create");
    assert_eq!((status["daemon"].clone(), status["alerts"][0]["code"].clone()), (json!("running"), json!("state.watch_only")));
    daemon.stop();
}

#[test]
fn however_often_the_status_is_asked_for_the_rest_goes_on() {
    let sim = Sim::empty();
    let device = Device::new(&sim);
    let mut daemon = Daemon::start_with(&device, |command| {
        command.env("WATCHDOG_USEC", "1000000");
    });
    daemon.wait_decision("in_sync");
    let over = AtomicBool::new(false);
    let state = device.state();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    ask(&state, &json!({"command": "status"}));
                }
            });
        }
        let beats = || daemon.heard().iter().filter(|message| message.contains("WATCHDOG=1")).count();
        std::thread::sleep(Duration::from_millis(600));
        let before = beats();
        let limit = Instant::now() + Duration::from_secs(60);
        while beats() < before + 3 && Instant::now() < limit {
            std::thread::sleep(Duration::from_millis(50));
        }
        let after = beats();
        over.store(true, Ordering::Relaxed);
        assert!(after >= before + 3, "{before} and then {after} in a minute");
    });
    daemon.stop();
}

#[test]
fn a_refresh_answers_with_what_it_found() {
    let sim = Sim::empty();
    let device = Device::new(&sim);
    let mut daemon = Daemon::start(&device);
    let first = daemon.wait_decision("in_sync")["customer_gateway"]["id"].clone();
    sim.delete_gateway(first.as_str().unwrap());
    let answer = ask(&device.state(), &json!({"command": "refresh"}));
    assert_eq!((answer["done"].clone(), answer["error"].clone()), (json!(1), Value::Null), "{answer:#}");
    assert_eq!(answer["status"]["decision"], "in_sync");
    assert_eq!(answer["status"]["customer_gateway"]["id"], sim.only_gateway()["CustomerGatewayId"]);
    // What an earlier visit did is not this one's.
    let answer = ask(&device.state(), &json!({"command": "refresh"}));
    assert_eq!(answer["done"], 0, "{answer:#}");
    daemon.stop();
}

#[test]
fn a_write_under_way_is_no_alert() {
    let sim = Sim::with_faults("[[fault]]\naction = \"CreateCustomerGateway\"\nnth = 1\nkind = \"latency\"\nlatency_ms = 2500\n");
    let device = Device::new(&sim);
    let mut daemon = Daemon::start(&device);
    daemon.wait("the effect, of which no answer has come yet", || sim.gateways().len() == 1);
    // It looks at everything meanwhile.
    device.move_to(ADDRESS);
    daemon.wait_decision("in_sync");
    let told = alerts(&device.history());
    assert_eq!(count(&told, "raised write.unconfirmed"), 0, "{told:?}");
    daemon.stop();
}

#[test]
fn missing_credentials_are_told_at_once_and_their_end_also_while_nothing_is_wanted() {
    let sim = Sim::empty();
    let device = Device::new(&sim);
    let (id, secret) = (device.dir.join("id"), device.dir.join("secret"));
    let device = device.with(|device| {
        device.rest =
            format!("[cloud.credentials]\naccess_key_id_file = \"{}\"\naccess_key_secret_file = \"{}\"", id.display(), secret.display());
    });
    let mut daemon = Daemon::start(&device);
    daemon.wait_alert("raised cloud.refused", 1);
    device.move_to("100.64.0.9");
    daemon.wait_alert("raised address.unusable", 1);
    device.dir.write("id", common::simulated::KEY_ID);
    device.dir.write("secret", common::simulated::SECRET);
    daemon.signal(Signal::HUP);
    daemon.wait_alert("cleared cloud.refused", 1);
    assert!(sim.gateways().is_empty());
    let over = device.history().into_iter().find(|entry| entry["phase"] == "cleared").unwrap();
    assert!(over["message"].as_str().is_some_and(|message| message.contains("credentials")), "{over:#}");
    assert!(device.plain(&["history"]).stdout.lines().any(|line| line.contains("cloud.refused cleared: ") && !line.ends_with(": -")));
    daemon.stop();
}
