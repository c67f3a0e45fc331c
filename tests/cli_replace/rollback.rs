//! A tunnel that does not come up: explained, and pointed back while the old customer gateway is there.

use crate::replacing::estate::Estate;
use crate::replacing::{NEW, OLD, Scene, THIRD, is_done, only_changed, pointed};
use serde_json::json;
use std::time::{Duration, Instant};

/// The device is at neither address.
#[test]
fn everything_is_as_it_was_where_nothing_comes_up() {
    let estate = Estate::new().dual().attached().legacy().shared().device_at(&[THIRD]);
    let scene = Scene::of(estate).set("verify_timeout", "\"1s\"");
    let before = scene.world();
    let output = scene.replace(&[]);
    let document = output.expect(1).json();
    assert_eq!(document["outcome"], "rolled_back");
    let why = document["reason"]["message"].as_str().unwrap();
    for part in ["did not come up within 1 s", "the cloud says", "UDP 500 and 4500"] {
        assert!(why.contains(part), "no `{part}` in {why}");
    }
    assert_eq!(scene.world(), before, "the new customer gateway is gone, every tunnel at the old one, no setting changed");
    for connection in document["connections"].as_array().unwrap() {
        assert_eq!(connection["verified"], false);
        assert_eq!(connection["old_id"], connection["new_id"]);
    }
    let text = Scene::of(Estate::new().dual().device_at(&[])).set("verify_timeout", "\"1s\"").device.plain(&["replace", "--yes"]);
    assert!(text.expect(1).stdout.contains("rolled back"), "{}", text.stdout);
    assert!(text.stderr.contains("going back: "), "{}", text.stderr);
}

/// What works at the new place stays there: a tunnel that works is never touched.
#[test]
fn what_came_up_stays() {
    let estate = Estate::new().dual().attached().with(|seed| seed["Devices"][0]["Tunnels"] = json!([{"VpnConnectionId": "vco-dual"}]));
    let scene = Scene::of(estate).set("verify_timeout", "\"1s\"");
    let before = scene.world();
    let document = scene.replace(&[]).expect(1).json();
    assert_eq!(document["outcome"], "rolled_back");
    let after = scene.world();
    only_changed(&before, &after, &[pointed("dual", 1), pointed("dual", 2)]);
    assert_eq!(after.addresses(), [OLD, NEW, "203.0.113.99"], "both are in use");
    let verified: Vec<_> =
        document["connections"].as_array().unwrap().iter().map(|moved| (moved["old_id"].clone(), moved["verified"].clone())).collect();
    assert_eq!(verified, [(json!("vco-dual"), json!(true)), (json!("vco-attached"), json!(false))]);
}

/// A device that configures one of the two tunnels, as many do.
fn with_one_tunnel() -> Estate {
    Estate::new().dual().with(|seed| seed["Devices"][0]["Tunnels"] = json!([{"TunnelId": "tun-d1"}]))
}

/// As the daemon has seen it while the device was at its old address.
fn worked_before(scene: &Scene, tunnels: &[u8]) {
    scene.device.cgwd(&["register"]).expect(4);
    let journal = rusqlite::Connection::open(scene.device.state().join("journal.db")).unwrap();
    let record = json!({"kind": "tunnels_worked", "worked": {"vco-dual": tunnels}}).to_string();
    journal.execute("INSERT INTO record (at, body) VALUES ('2026-01-02T03:04:05Z', ?1)", [record]).unwrap();
}

#[test]
fn a_tunnel_that_the_device_does_not_have_is_no_reason_to_go_back() {
    let scene = Scene::of(with_one_tunnel()).set("verify_timeout", "\"2s\"");
    let before = scene.world();
    let document = scene.replace(&[]).expect(0).json();
    is_done(&document);
    assert!(document["not_asked_to_come_up"][0].as_str().unwrap().contains("one that comes up is enough"), "{document:#}");
    only_changed(&before, &scene.world(), &[pointed("dual", 1), pointed("dual", 2)]);
    let text = Scene::of(with_one_tunnel()).set("verify_timeout", "\"2s\"").device.plain(&["replace", "--yes"]);
    assert!(text.expect(0).stdout.contains("did not come up; whether it worked before is not known"), "{}", text.stdout);
}

/// The standby is judged first and comes up for nobody; the other is seen as soon as it works.
#[test]
fn a_dead_tunnel_does_not_hold_up_the_proof_of_the_other() {
    let text = Scene::of(with_one_tunnel()).set("verify_timeout", "\"5s\"").device.plain(&["replace", "--yes"]);
    let timeline: Vec<&str> = text.expect(0).stdout.lines().filter(|line| line.contains(", moved ")).collect();
    let [first, second] = timeline[..] else { panic!("{}", text.stdout) };
    assert!(first.contains("tunnel 1 of vco-dual: down before, moved ") && first.contains(", works since "), "{first}");
    let took: f64 = first.rsplit_once('(').unwrap().1.trim_end_matches(" s)").parse().unwrap();
    assert!(took < 4.0, "{first}");
    assert!(second.contains("tunnel 2 of vco-dual: down before, moved ") && second.contains("did not come up"), "{second}");
}

/// It is known to have been down: nobody waits for it.
#[test]
fn a_tunnel_that_was_down_before_is_not_waited_for() {
    let scene = Scene::of(with_one_tunnel()).set("verify_timeout", "\"10m\"");
    worked_before(&scene, &[1]);
    let began = Instant::now();
    let document = scene.replace(&[]).expect(0).json();
    is_done(&document);
    assert!(began.elapsed() < Duration::from_secs(120), "{:?}", began.elapsed());
    assert_eq!(document["not_asked_to_come_up"], json!(["tunnel 2 of vco-dual was down before: it is moved, and need not come up"]));
}

#[test]
fn a_tunnel_that_worked_before_has_to_come_up() {
    let scene = Scene::of(with_one_tunnel()).set("verify_timeout", "\"2s\"");
    worked_before(&scene, &[1, 2]);
    let before = scene.world();
    let document = scene.replace(&[]).expect(1).json();
    assert_eq!(document["outcome"], "rolled_back");
    only_changed(&before, &scene.world(), &[pointed("dual", 1)]);
}

/// The cloud's own words for what is wrong.
#[test]
fn a_wrong_pre_shared_key_is_named() {
    let estate = Estate::new().dual().with(|seed| seed["Devices"][0]["Tunnels"] = json!([{"Psk": "another-key-entirely"}]));
    let scene = Scene::of(estate).set("verify_timeout", "\"1s\"");
    let document = scene.replace(&[]).expect(1).json();
    let why = document["reason"]["message"].as_str().unwrap();
    assert!(why.contains("compare the pre-shared key"), "{why}");
    crate::replacing::tells_nothing("the explanation", why.as_bytes());
    assert!(!why.contains("another-key-entirely"));
}

/// Where nobody wants to go back, it waits for a person and goes on when the device's side is right.
#[test]
fn without_rollback_it_waits_and_is_resumed() {
    const LATER: u64 = 12_000;
    let began = Instant::now();
    let estate = Estate::new().dual().device_at(&[THIRD]).device_later_at(LATER, &[NEW]);
    let scene = Scene::of(estate).set("verify_timeout", "\"1s\"").set("rollback", "false");
    let before = scene.world();
    let document = scene.replace(&[]).expect(6).json();
    assert_eq!(document["outcome"], "interrupted");
    assert!(document["reason"]["message"].as_str().unwrap().contains("did not come up"), "{document:#}");
    assert_eq!(scene.world().addresses(), [OLD, NEW, "203.0.113.99"]);
    std::thread::sleep(Duration::from_millis(LATER + 500).saturating_sub(began.elapsed()));
    is_done(&scene.replace(&["--resume"]).expect(0).json());
    only_changed(&before, &scene.world(), &[pointed("dual", 1), pointed("dual", 2)]);
}

/// What had to be made again cannot go back: it waits.
#[test]
fn what_was_made_again_does_not_go_back() {
    let scene = Scene::of(Estate::new().single().device_at(&[THIRD])).set("verify_timeout", "\"1s\"");
    let before = scene.world();
    let document = scene.replace(&[]).expect(6).json();
    assert_eq!(document["outcome"], "interrupted");
    let after = scene.world();
    only_changed(&before, &after, &[pointed("single", 0)]);
    assert_eq!(after.addresses(), [OLD, NEW, "203.0.113.99"], "nothing that could be needed is deleted");
}

/// After going back the same can be tried again.
#[test]
fn after_a_rollback_a_person_may_try_again() {
    const LATER: u64 = 12_000;
    let began = Instant::now();
    let estate = Estate::new().dual().device_at(&[THIRD]).device_later_at(LATER, &[NEW]);
    let scene = Scene::of(estate).set("verify_timeout", "\"1s\"");
    assert_eq!(scene.replace(&[]).expect(1).json()["outcome"], "rolled_back");
    std::thread::sleep(Duration::from_millis(LATER + 500).saturating_sub(began.elapsed()));
    let document = scene.replace(&[]).json_of(&[0, 5]);
    assert_eq!(document["outcome"], "done", "{document:#}");
}
