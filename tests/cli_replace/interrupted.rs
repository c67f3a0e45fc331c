//! A replacement that breaks off: resumed, given up, overtaken by another change.

use crate::common::device::Output;
use crate::common::simulated::REGION;
use crate::replacing::estate::Estate;
use crate::replacing::stroke::{killed_after, killed_in, replace, signalled};
use crate::replacing::wire::Moment;
use crate::replacing::{NEW, OLD, Scene, THIRD, fault, gate, gateway_was_replaced, is_done, only_changed, pointed, written};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::process::Child;
use std::time::{Duration, Instant};

#[test]
fn a_service_manager_may_end_it_and_it_is_resumed() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut scene = Scene::of(Estate::new().dual().single());
        let before = scene.world();
        let output = signalled(&mut scene, signal, Moment::After, |call| call.action == "DeleteVpnConnection", replace(&[])).0;
        let document = output.expect(6).json();
        assert_eq!(document["outcome"], "interrupted");
        assert!(document["reason"]["remedy"].as_str().unwrap().contains("--resume"), "{document:#}");
        let status = scene.device.status();
        assert!(status["replacement"]["phase"].is_string() && status["replacement"]["total"].is_u64(), "{status:#}");
        let document = scene.replace(&["--resume"]).expect(0).json();
        is_done(&document);
        only_changed(&before, &scene.world(), &[pointed("dual", 1), pointed("dual", 2), pointed("single", 0)]);
        assert_eq!(scene.device.status()["replacement"], Value::Null);
    }
}

/// A session that breaks off hangs up; the work goes on.
#[test]
fn a_hang_up_ends_nothing() {
    let mut scene = Scene::of(Estate::new().dual());
    let output = signalled(&mut scene, Signal::HUP, Moment::After, |call| call.action == "ModifyTunnelAttribute", replace(&[])).0;
    is_done(&output.expect(0).json());
}

/// A connection that is deleted is in the journal alone: it is made again first.
#[test]
fn it_is_not_given_up_in_a_gap() {
    let mut scene = Scene::of(Estate::new().single());
    let before = scene.world();
    killed_in(&mut scene, "DeleteVpnConnection");
    let began = Instant::now();
    while !scene.world().ids.is_empty() {
        assert!(began.elapsed() < Duration::from_secs(30), "it is not gone");
        std::thread::sleep(Duration::from_millis(50));
    }
    let output = scene.device.cgwd(&["replace", "--abort"]);
    let said = output.expect(5).json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(said.contains("vco-single is deleted and not made again"), "{said}");
    is_done(&scene.replace(&["--resume"]).expect(0).json());
    only_changed(&before, &scene.world(), &[pointed("single", 0)]);
}

/// Routes that are gone while their connection is there are put back.
#[test]
fn routes_are_put_back_where_it_is_given_up_before_the_gap() {
    let mut scene = Scene::of(Estate::new().single());
    let before = scene.world();
    killed_after(&mut scene, "DeleteVpnPbrRouteEntry", &[]);
    scene.device.cgwd(&["replace", "--abort"]).expect(0);
    only_changed(&before, &scene.world(), &[]);
    is_done(&scene.replace(&[]).expect(0).json());
    only_changed(&before, &scene.world(), &[pointed("single", 0)]);
}

/// A call that nobody has heard the end of can still take effect; how long that is so is said at once.
#[test]
fn it_is_not_given_up_while_a_call_can_still_take_effect() {
    let mut scene = Scene::of(Estate::new().dual());
    killed_in(&mut scene, "ModifyTunnelAttribute");
    let began = Instant::now();
    let said = scene.device.cgwd(&["replace", "--abort"]).expect(5).json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(said.contains("can still take effect for 9"), "{said}");
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    is_done(&scene.replace(&["--resume"]).expect(0).json());
}

#[test]
fn it_can_be_given_up_at_a_safe_point() {
    let mut scene = Scene::of(Estate::new().dual());
    let before = scene.world();
    killed_after(&mut scene, "ModifyTunnelAttribute", &[]);
    // What is looked at once more is what the journal has not seen yet.
    let document = scene.device.cgwd(&["replace", "--abort"]).expect(0).json();
    let stays: Vec<&str> = document["stays"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    assert!(stays.iter().any(|line| line.starts_with("the new customer gateway ")), "{stays:?}");
    assert!(stays.iter().any(|line| line.contains("cgw-old") && line.contains(OLD)), "{stays:?}");
    assert_eq!(scene.world().addresses(), [OLD, NEW, "203.0.113.99"], "nothing is deleted by giving up");
    // From there a new plan goes on, with what is there.
    is_done(&scene.replace(&[]).expect(0).json());
    let after = scene.world();
    only_changed(&before, &after, &[pointed("dual", 1), pointed("dual", 2)]);
    gateway_was_replaced(&before, &after, OLD, NEW);
    assert_eq!(written(&scene.device).iter().filter(|write| *write == "CreateCustomerGateway").count(), 1);
}

/// The second plan moves nothing any more; what it ends is told all the same.
#[test]
fn what_was_moved_before_giving_up_is_told_by_the_plan_that_ends_it() {
    let refusal = fault("DeleteVpnPbrRouteEntry", "kind = \"error_before\"\nstatus = 403\ncode = \"Forbidden\"\ncount = 1");
    let scene = Scene::with_faults(Estate::new().dual().single(), &refusal);
    scene.replace(&[]).expect(6);
    assert_eq!(scene.device.cgwd(&["replace", "--abort"]).expect(0).json()["outcome"], "abandoned");
    let document = scene.replace(&[]).expect(0).json();
    is_done(&document);
    let told = |id: &str| document["connections"].as_array().unwrap().iter().find(|moved| moved["old_id"] == id).cloned();
    assert_eq!(told("vco-dual"), Some(json!({"old_id": "vco-dual", "new_id": "vco-dual", "strategy": "rebind", "verified": true})));
    assert_eq!(told("vco-single").unwrap()["strategy"], "recreate", "{document:#}");
}

/// What was moved and never seen to work has the old customer gateway as its way back, also for the next plan.
#[test]
fn the_old_gateway_stays_until_what_was_moved_before_giving_up_works() {
    let estate = Estate::new().dual().device_at(&[]).device_later_at(25_000, &[NEW]).switch("NegotiationMs", json!(200));
    let scene = Scene::of(estate).set("rollback", "false").set("verify_timeout", "\"2s\"");
    let before = scene.world();
    scene.replace(&[]).expect(6);
    scene.device.cgwd(&["replace", "--abort"]).expect(0);
    let document = scene.replace(&[]).expect(5).json();
    let proven = gate(&document, "proven");
    assert_eq!(proven["passed"], false, "{document:#}");
    assert!(proven["detail"].as_str().unwrap().contains("vco-dual went to") && !document["connections"].is_null(), "{proven:#}");
    assert_eq!(scene.world().addresses(), [OLD, NEW, "203.0.113.99"], "it is not deleted");
    assert!(!written(&scene.device).contains(&"DeleteCustomerGateway".to_owned()));

    // The device follows, and it works there.
    let began = Instant::now();
    let done = loop {
        let output = scene.replace(&[]);
        if output.exit == Some(0) {
            break output.json();
        }
        assert!(output.exit == Some(5) && began.elapsed() < Duration::from_secs(60), "{}{}", output.stdout, output.stderr);
        std::thread::sleep(Duration::from_millis(500));
    };
    is_done(&done);
    gateway_was_replaced(&before, &scene.world(), OLD, NEW);
}

/// The device comes back to where it was: what was moved goes back, and what was made goes.
#[test]
fn a_change_back_half_way_leaves_everything_as_it_was() {
    let mut scene = Scene::of(Estate::new().dual().device_at(&[OLD]).switch("NegotiationMs", json!(200)));
    // It is seen somewhere else, wrongly, and a person believes that.
    let before = scene.world();
    killed_after(&mut scene, "ModifyTunnelAttribute", &["--planned"]);
    scene.device.move_to(OLD);
    scene.device.cgwd(&["replace", "--abort"]).expect(0);
    let document = scene.replace(&["--planned"]).expect(0).json();
    is_done(&document);
    assert_eq!(document["new_customer_gateway_id"], "cgw-old");
    assert_eq!(scene.world(), before);
    assert_eq!(scene.device.cgwd(&["plan"]).expect(0).json()["decision"], "in_sync");
}

/// A planned move that breaks off is resumed as it was planned, also while the device is still seen where it was.
#[test]
fn a_planned_move_is_resumed_as_planned() {
    let mut scene = Scene::of(Estate::new().dual().device_at(&[OLD, NEW]));
    scene.device.move_to(OLD);
    let before = scene.world();
    killed_after(&mut scene, "ModifyTunnelAttribute", &["--to", NEW, "--planned"]);
    is_done(&scene.replace(&["--resume"]).expect(0).json());
    let after = scene.world();
    only_changed(&before, &after, &[pointed("dual", 1), pointed("dual", 2)]);
    gateway_was_replaced(&before, &after, OLD, NEW);
}

/// The device moves on while the first replacement is half done: everything ends up at the newest address.
#[test]
fn a_second_change_while_it_is_stopped() {
    for action in ["CreateCustomerGateway", "ModifyTunnelAttribute"] {
        let mut scene = Scene::of(Estate::new().dual().device_at(&[THIRD]));
        let before = scene.world();
        killed_after(&mut scene, action, &[]);
        scene.device.move_to(THIRD);
        is_done(&scene.replace(&[]).expect(0).json());
        let after = scene.world();
        gateway_was_replaced(&before, &after, OLD, THIRD);
        for index in [1, 2] {
            assert_eq!(after.tunnel("dual", index)["TunnelIkeConfig"]["RemoteId"], THIRD, "after {action}");
        }
    }
}

/// Whoever asks for something else than what is open has not said that it is given up, nor has one that nobody can ask.
#[test]
fn a_refused_command_gives_nothing_up() {
    let mut scene = Scene::of(Estate::new().dual().device_at(&[THIRD]));
    let before = scene.world();
    killed_after(&mut scene, "CreateCustomerGateway", &[]);
    let open = scene.device.status()["replacement"]["plan"].clone();
    for asks in [&["--asn", "65002"][..], &["--to", THIRD], &["--to", NEW, "--asn", "65002", "--planned"]] {
        let error = scene.replace(asks).expect(5).json()["error"].clone();
        let said = error["message"].as_str().unwrap();
        assert!(said.contains("is open") && said.contains(NEW) && said.contains("65001"), "{asks:?}: {said}");
        assert!(error["remedy"].as_str().unwrap().contains("end it first"), "{error:#}");
        assert_eq!(scene.device.status()["replacement"]["plan"], open, "{asks:?}");
    }
    scene.device.move_to(THIRD);
    let error = scene.device.cgwd(&["replace", "--resume"]).expect(2).json()["error"].clone();
    assert!(error["message"].as_str().unwrap().contains(THIRD), "{error:#}");
    assert!(error["remedy"].as_str().unwrap().contains("--yes"), "{error:#}");
    assert_eq!(scene.device.status()["replacement"]["plan"], open);
    is_done(&scene.replace(&["--resume"]).expect(0).json());
    gateway_was_replaced(&before, &scene.world(), OLD, THIRD);
}

/// In a gap the connection is made again first, and then moved on.
#[test]
fn a_second_change_in_a_gap() {
    let mut scene = Scene::of(Estate::new().single().device_at(&[THIRD])).set("verify_timeout", "\"1s\"");
    let before = scene.world();
    killed_in(&mut scene, "DeleteVpnConnection");
    scene.device.move_to(THIRD);
    let document = scene.replace(&[]).expect(0).json();
    is_done(&document);
    let after = scene.world();
    gateway_was_replaced(&before, &after, OLD, THIRD);
    let changes = before.changes(&after);
    let others: Vec<&String> = changes.iter().filter(|change| !change.starts_with("gateways.")).collect();
    assert_eq!(
        others,
        [
            &format!("connections.single.CustomerGatewayId: <{OLD}> -> <{THIRD}>"),
            &format!("connections.single.IkeConfig.RemoteId: {OLD} -> {THIRD}"),
        ]
    );
}

/// The sources may be down exactly because a connection is: what is open is finished all the same.
#[test]
fn it_is_resumed_while_the_address_cannot_be_read() {
    let mut scene = Scene::of(Estate::new().single());
    let before = scene.world();
    killed_in(&mut scene, "DeleteVpnConnection");
    std::fs::remove_file(scene.device.dir.join("address")).unwrap();
    is_done(&scene.replace(&["--resume"]).expect(0).json());
    only_changed(&before, &scene.world(), &[pointed("single", 0)]);
}

/// A day's limit counts what was begun, not what is resumed.
#[test]
fn to_resume_is_not_to_begin() {
    let mut scene = Scene::of(Estate::new().dual()).set("max_per_day", "1");
    killed_in(&mut scene, "ModifyTunnelAttribute");
    is_done(&scene.replace(&["--resume"]).expect(0).json());
}

/// Between the deletion and the making-again the service can be asked, and history tells it all.
#[test]
fn status_and_history_tell_of_what_is_open() {
    let mut scene = Scene::of(Estate::new().single());
    killed_in(&mut scene, "DeleteVpnConnection");
    let status = scene.device.status();
    let replacement = &status["replacement"];
    crate::common::device::shape(replacement, &["phase", "done", "total", "waiting_for"]);
    assert!(replacement["done"].as_u64().unwrap() < replacement["total"].as_u64().unwrap(), "{replacement:#}");
    let history = scene.device.history();
    let last = crate::common::device::writes(&history).last().copied().unwrap().clone();
    assert_eq!((&last["action"], &last["outcome"]), (&json!("DeleteVpnConnection"), &json!("intended")));
    // Whoever reads the daemon's plan sees that one is open.
    scene.device.plain(&["plan"]);
    is_done(&scene.replace(&["--resume"]).expect(0).json());
}

/// With another key, or without one, nothing that was sealed can be read. Letting go needs nothing of it.
#[test]
fn a_lost_key_is_no_reason_to_be_stuck() {
    for another in [false, true] {
        let refusal = fault("ModifyTunnelAttribute", "nth = 2\nkind = \"error_before\"\nstatus = 403\ncode = \"Forbidden\"");
        let scene = Scene::with_faults(Estate::new().dual(), &refusal);
        scene.replace(&[]).expect(6);
        let key = scene.device.state().join("journal.key");
        std::fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
        let said = scene.device.cgwd(&["replace", "--abort"]).expect(1).json()["error"].to_string();
        assert!(said.contains("chmod 0600"), "what can be mended is no loss: {said}");
        std::fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
        lose_the_key(&scene, another);
        let said = scene.replace(&["--resume"]).expect(1).json()["error"].to_string();
        assert!(said.contains("--abort"), "{said}");
        let document = scene.device.cgwd(&["replace", "--abort"]).expect(0).json();
        assert_eq!(document["outcome"], "abandoned", "{document:#}");
        let stays = document["stays"].to_string();
        assert!(stays.contains("tunnel 2 of vco-dual stays at the new customer gateway") && stays.contains("cgw-old"), "{stays}");
        let document = scene.replace(&[]).expect(0).json();
        is_done(&document);
    }
}

fn lose_the_key(scene: &Scene, another: bool) {
    let key = scene.device.state().join("journal.key");
    match another {
        true => std::fs::write(&key, std::array::from_fn::<u8, 32, _>(|place| 3 + 7 * u8::try_from(place).unwrap())).unwrap(),
        false => std::fs::remove_file(&key).unwrap(),
    }
}

/// Only the snapshot says what a connection in a gap was: without the key nothing is taken for it, and what is known is said.
#[test]
fn without_the_key_nothing_is_given_up_in_a_gap() {
    for another in [false, true] {
        // The first call is the trial.
        let refusal = fault("CreateVpnConnection", "nth = 2\nkind = \"error_before\"\nstatus = 403\ncode = \"Forbidden\"");
        let scene = Scene::with_faults(Estate::new().single(), &refusal);
        let before = scene.world();
        scene.replace(&[]).expect(6);
        let key = std::fs::read(scene.device.state().join("journal.key")).unwrap();
        lose_the_key(&scene, another);
        let gateways = scene.sim.gateways();
        let new = gateways.iter().find(|gateway| gateway["IpAddress"] == NEW).unwrap()["CustomerGatewayId"].as_str().unwrap().to_owned();
        // A connection of another branch at the same two gateways.
        let made = another_connection(&scene, &new);
        for further in [&["replace", "--abort"][..], &["replace", "--abort", "--yes"]] {
            let error = scene.device.cgwd(further).expect(5).json()["error"].clone();
            let (said, remedy) = (error["message"].as_str().unwrap(), error["remedy"].as_str().unwrap());
            for part in ["vco-single is deleted", "on VPN gateway vpn-single", "CreateVpnRouteEntry 192.168.50.0/24", &new, &made] {
                assert!(said.contains(part), "no `{part}` in {said}");
            }
            for part in ["systemctl start cgwd.service", "put the key back", "by hand", "on a terminal"] {
                assert!(remedy.contains(part), "no `{part}` in {remedy}");
            }
        }
        scene.sim.call("DeleteVpnConnection", &[("RegionId", REGION), ("VpnConnectionId", &made)]);
        put_the_key_back(&scene, &key);
        is_done(&scene.replace(&["--resume"]).expect(0).json());
        only_changed(&before, &scene.world(), &[pointed("single", 0)]);
    }
}

pub fn another_connection(scene: &Scene, gateway: &str) -> String {
    let connection = [
        ("RegionId", REGION),
        ("VpnGatewayId", "vpn-single"),
        ("CustomerGatewayId", gateway),
        ("LocalSubnet", "10.0.0.0/8"),
        ("RemoteSubnet", "192.168.77.0/24"),
        ("AutoConfigRoute", "false"),
    ];
    scene.sim.call("CreateVpnConnection", &connection)["VpnConnectionId"].as_str().unwrap().to_owned()
}

fn put_the_key_back(scene: &Scene, key: &[u8]) {
    let path = scene.device.state().join("journal.key");
    std::fs::write(&path, key).unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
}

/// A credential of the service is not there for a command beside it: the routes that were taken off are not forgotten over that.
#[test]
fn a_key_that_is_elsewhere_loses_no_routes() {
    let mut scene = Scene::of(Estate::new().single());
    let before = scene.world();
    killed_after(&mut scene, "DeleteVpnPbrRouteEntry", &[]);
    let key = std::fs::read(scene.device.state().join("journal.key")).unwrap();
    lose_the_key(&scene, false);
    let error = scene.device.cgwd(&["replace", "--abort"]).expect(5).json()["error"].clone();
    let said = error["message"].as_str().unwrap();
    assert!(said.contains("vco-single lacks what was taken off it: ") && said.contains("CreateVpnPbrRouteEntry 10.0.0.0/8"), "{said}");
    assert!(error["remedy"].as_str().unwrap().contains("systemctl start cgwd.service"), "{error:#}");
    put_the_key_back(&scene, &key);
    scene.device.cgwd(&["replace", "--abort"]).expect(0);
    only_changed(&before, &scene.world(), &[]);
}

/// What is being deleted is still described for a while: that is no connection that stays.
#[test]
fn without_the_key_what_is_being_deleted_does_not_stay() {
    let mut scene = Scene::of(Estate::new().single().switch("GatewayChangeMs", json!(4_000)));
    killed_in(&mut scene, "DeleteVpnConnection");
    lose_the_key(&scene, false);
    assert!(scene.world().ids.contains_key("single"), "it is not deleted yet");
    let said = scene.device.cgwd(&["replace", "--abort"]).expect(5).json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(said.contains("the deletion of vco-single was sent"), "{said}");
    assert!(scene.device.status()["replacement"].is_object(), "it is still open");
}

/// A cloud that cannot be reached is no refusal; and who lets go needs no BGP key.
#[test]
fn what_breaks_off_a_giving_up_without_the_key_can_be_tried_again() {
    let refusal = fault("ModifyTunnelAttribute", "nth = 2\nkind = \"error_before\"\nstatus = 403\ncode = \"Forbidden\"");
    let mut scene = Scene::with_faults(Estate::new().dual(), &refusal);
    scene.replace(&[]).expect(6);
    let key = std::fs::read(scene.device.state().join("journal.key")).unwrap();
    lose_the_key(&scene, false);
    scene.more = "[gateway]\nbgp_auth_key_file = \"/nowhere/bgp-key\"\n".to_owned();
    scene.configure();
    let url = std::mem::replace(&mut scene.device.url, "http://127.0.0.1:9".to_owned());
    scene.device.configure();
    let error = scene.device.cgwd(&["replace", "--abort"]).expect(6).json()["error"].clone();
    assert!(error["remedy"].as_str().unwrap().contains("`cgwd replace --abort` tries it again"), "{error:#}");
    scene.device.url = url;
    scene.device.configure();
    put_the_key_back(&scene, &key);
    scene.device.cgwd(&["replace", "--abort"]).expect(0);
}

/// Without a daemon nobody goes on by themselves: why it stands is told, and what leads on.
#[test]
fn status_says_why_it_stands_and_what_leads_on() {
    let estate = Estate::new().dual().device_at(&[]).device_later_at(12_000, &[NEW]).switch("NegotiationMs", json!(200));
    let scene = Scene::of(estate).set("rollback", "false").set("verify_timeout", "\"2s\"");
    let reason = scene.replace(&[]).expect(6).json()["reason"].clone();
    let status = scene.device.status();
    let replacement = &status["replacement"];
    assert_eq!((&replacement["phase"], &replacement["waiting_for"]), (&json!("stopped"), &reason["message"]), "{status:#}");
    assert_eq!(replacement["remedy"], reason["remedy"]);
    let alert = status["alerts"].as_array().unwrap().iter().find(|alert| alert["code"] == "replacement.stopped").unwrap();
    crate::common::device::shape(alert, &["code", "severity", "key", "message", "remedy", "since"]);
    assert!(alert["message"].as_str().unwrap().ends_with(reason["message"].as_str().unwrap()), "{alert:#}");
    let text = scene.device.plain(&["status"]).expect(0).stdout.clone();
    for part in [&reason["message"], &reason["remedy"]] {
        assert!(text.contains(part.as_str().unwrap()), "no {part} in {text}");
    }
    assert!(!text.contains("by itself"), "{text}");
    // The device follows, and a person says so.
    while scene.replace(&["--resume"]).json_of(&[0, 6])["outcome"] != "done" {}
    assert_eq!(scene.device.status()["alerts"], json!([]));
}

/// A command that is at work is no daemon: it is named, and how it ends.
#[test]
fn another_command_at_work_is_not_taken_for_the_daemon() {
    let scene = Scene::with_faults(Estate::new().dual(), &fault("ModifyTunnelAttribute", "kind = \"latency\"\nlatency_ms = 6000"));
    let child = scene.device.command(&["replace", "--yes"]).spawn().unwrap();
    let began = Instant::now();
    while !written(&scene.device).contains(&"ModifyTunnelAttribute".to_owned()) {
        assert!(began.elapsed() < Duration::from_secs(30), "it is not sent");
        std::thread::sleep(Duration::from_millis(50));
    }
    let its_name = format!("`cgwd replace` (process {})", child.id());
    let replacement = scene.device.status()["replacement"].clone();
    assert_eq!(replacement["phase"], "running");
    assert!(replacement["waiting_for"].as_str().unwrap().contains(&its_name), "{replacement:#}");
    for command in [&["replace", "--abort"][..], &["replace", "--resume"], &["register"], &["deregister"]] {
        let error = scene.device.cgwd(command).expect(1).json()["error"].clone();
        assert!(error["message"].as_str().unwrap().contains(&its_name), "{command:?}: {error:#}");
        assert!(error["remedy"].as_str().unwrap().contains("Ctrl-C"), "{command:?}: {error:#}");
        assert!(!error.to_string().contains("daemon") && !error.to_string().contains("systemctl"), "{command:?}: {error:#}");
    }
    interrupt(&child);
    Output::of(child).expect(6);
    let replacement = scene.device.status()["replacement"].clone();
    assert!(replacement["remedy"].as_str().unwrap().contains("`cgwd replace --resume`"), "{replacement:#}");
}

/// What is waited for is said, and whoever has waited enough may go.
#[test]
fn giving_up_says_what_it_waits_for_and_can_be_interrupted() {
    let scene = Scene::with_faults(Estate::new().dual(), &fault("ModifyTunnelAttribute", "from = 1\nkind = \"drop_before\""));
    let mut child = scene.device.command(&["replace", "--yes"]).spawn().unwrap();
    let began = Instant::now();
    while !written(&scene.device).contains(&"ModifyTunnelAttribute".to_owned()) {
        assert!(began.elapsed() < Duration::from_secs(30) && child.try_wait().unwrap().is_none(), "it is not sent");
        std::thread::sleep(Duration::from_millis(100));
    }
    interrupt(&child);
    Output::of(child).expect(6);

    let mut child = scene.device.command(&["replace", "--abort"]).spawn().unwrap();
    let told = said(&mut child);
    for words in ["giving up the replacement that is open", "ModifyTunnelAttribute for tun-d2 has no confirmed outcome yet"] {
        let line = told.recv_timeout(Duration::from_secs(20)).unwrap_or_else(|_| panic!("no `{words}`"));
        assert!(line.contains(words), "{line}");
    }
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(6));
    let rest: Vec<String> = told.iter().collect();
    assert!(rest.iter().any(|line| line.contains("`cgwd replace --abort` goes on with giving up")), "{rest:?}");
    assert!(scene.device.status()["replacement"]["plan"].is_string(), "it is still open");
}

fn interrupt(child: &Child) {
    rustix::process::kill_process(rustix::process::Pid::from_child(child), Signal::INT).unwrap();
}

/// The lines of its stderr, as they come.
fn said(child: &mut Child) -> std::sync::mpsc::Receiver<String> {
    let (sender, lines) = std::sync::mpsc::channel();
    let stderr = std::io::BufReader::new(child.stderr.take().unwrap());
    std::thread::spawn(move || std::io::BufRead::lines(stderr).map_while(Result::ok).try_for_each(|line| sender.send(line)));
    lines
}

/// Whoever may not look is told so, by every command: what could not be found out is not "nothing".
#[test]
fn who_may_not_read_the_state_is_not_told_that_there_is_none() {
    let refusal = fault("ModifyTunnelAttribute", "nth = 2\nkind = \"error_before\"\nstatus = 403\ncode = \"Forbidden\"");
    let mut scene = Scene::with_faults(Estate::new().dual(), &refusal);
    scene.replace(&[]).expect(6);
    scene.device.address = scene.device.address.replace("settle = \"0s\"", "settle = \"1s\"");
    scene.configure();
    for command in [&["history"][..], &["status"], &["register"], &["replace", "--abort"], &["replace", "--yes"], &["deregister"]] {
        let Some(output) = scene.device.as_nobody(command) else { return };
        let error = output.expect(1).json()["error"].clone();
        assert!(error["remedy"].as_str().unwrap().contains("run this as root (`sudo`)"), "{command:?}: {error:#}");
    }
    let plan = scene.device.as_nobody(&["plan"]).unwrap().expect(4).json();
    crate::common::device::has_finding(&plan, "warning state.unreadable");
    for name in ["settled", "daily_limit", "replacement"] {
        assert_eq!(gate(&plan, name)["passed"], false, "{name}: {plan:#}");
        assert!(gate(&plan, name)["detail"].as_str().unwrap().contains("not known"), "{name}: {plan:#}");
    }
    assert!(gate(&scene.device.cgwd(&["plan"]).expect(4).json(), "replacement")["passed"] == true, "to root it is known");

    let file = scene.device.dir.write("no-directory", "");
    scene.device.env("STATE_DIRECTORY", file.to_str().unwrap());
    let error = scene.device.cgwd(&["history"]).expect(1).json()["error"].clone();
    assert!(error["message"].as_str().unwrap().contains("cannot be read"), "{error:#}");
    assert!(error["remedy"].as_str().unwrap().contains("`[state] directory`"), "{error:#}");
}

/// Each answer has a RequestId of its own; what is waited for is said once, with what ends it.
#[test]
fn what_is_waited_for_is_said_once() {
    let unsigned = fault("DescribeVpnGateway", "count = 6\nkind = \"error_before\"\nstatus = 400\ncode = \"SignatureDoesNotMatch\"");
    let scene = Scene::with_faults(Estate::new().dual(), &unsigned);
    let output = scene.device.plain(&["replace", "--yes"]);
    output.expect(0);
    let said: Vec<&str> = output.stderr.lines().filter(|line| line.contains("waits: the cloud cannot be read")).collect();
    assert!(said.len() == 1 && said[0].contains("SignatureDoesNotMatch") && said[0].contains("secret"), "{said:?}");
}
