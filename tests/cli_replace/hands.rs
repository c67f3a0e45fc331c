//! Other hands in the cloud at the same time: nothing of theirs is overwritten or deleted.

use crate::common::device::{Output, findings, writes};
use crate::common::simulated::{self, REGION};
use crate::replacing::estate::Estate;
use crate::replacing::stroke::killed_after;
use crate::replacing::wire::{Fate, Moment, Wire};
use crate::replacing::{NEW, OLD, Scene, fault, is_done, only_changed, pointed, written};
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Runs `replace` while somebody makes this call right after the new customer gateway was made.
fn meanwhile(scene: Scene, action: &'static str, parameters: &[(&'static str, &'static str)]) -> (Scene, Output) {
    right_after("CreateCustomerGateway", scene, action, parameters)
}

/// The same right after the first call of ours with this name.
fn right_after(ours: &'static str, scene: Scene, action: &'static str, parameters: &[(&'static str, &'static str)]) -> (Scene, Output) {
    let cloud = SocketAddr::from(([127, 0, 0, 1], scene.sim.port()));
    let parameters = [&[("RegionId", REGION)], parameters].concat();
    let happened = AtomicBool::new(false);
    let wire = Wire::to(&scene.sim, move |call, moment, _| {
        if call.action == ours && moment == Moment::After && !happened.swap(true, Ordering::Relaxed) {
            let answer = simulated::call(cloud, action, &parameters);
            assert!(answer.get("Code").is_none(), "{answer}");
        }
        Fate::Pass
    });
    let url = scene.device.url.clone();
    let scene = scene.over(&wire.url());
    let output = scene.replace(&[]);
    (scene.over(&url), output)
}

/// The only deletion that is refused is the last: all the same it is done.
#[test]
fn a_stranger_on_the_old_customer_gateway_keeps_it() {
    let scene = Scene::of(Estate::new().dual().single());
    let connection = [
        ("VpnGatewayId", "vpn-single"),
        ("CustomerGatewayId", "cgw-old"),
        ("LocalSubnet", "10.9.0.0/16"),
        ("RemoteSubnet", "192.168.9.0/24"),
        ("Name", "made meanwhile"),
        ("AutoConfigRoute", "false"),
    ];
    let (scene, output) = meanwhile(scene, "CreateVpnConnection", &connection);
    let document = output.expect(0).json();
    is_done(&document);
    is_left_over(&document);
    let world = scene.world();
    assert_eq!(world.addresses(), [OLD, NEW, "203.0.113.99"]);
    assert_eq!(world.connection("made meanwhile")["CustomerGatewayId"], format!("<{OLD}>"));
}

/// The finding that says so.
#[track_caller]
fn is_left_over(document: &Value) -> &Value {
    assert!(findings(document).contains(&"warning gateway.leftover".to_owned()), "{document:#}");
    let finding = document["findings"].as_array().unwrap().iter().find(|finding| finding["code"] == "gateway.leftover").unwrap();
    assert!(finding["message"].as_str().unwrap().contains("cgw-old"), "{finding}");
    finding
}

/// Nothing refers to it, so that is not what a person is sent to look for.
#[test]
fn a_right_that_is_missing_at_the_end_is_named() {
    let refusal = fault("DeleteCustomerGateway", "kind = \"error_before\"\nstatus = 403\ncode = \"Forbidden.RAM\"");
    let scene = Scene::with_faults(Estate::new().dual(), &refusal);
    let document = scene.replace(&[]).expect(0).json();
    let finding = is_left_over(&document);
    let (message, remedy) = (finding["message"].as_str().unwrap(), finding["remedy"].as_str().unwrap());
    assert!(message.contains("Forbidden.RAM") && remedy.contains("missing right") && !remedy.contains("refers"), "{finding:#}");
}

#[test]
fn a_cloud_that_refuses_to_delete_the_old_customer_gateway() {
    let refusal = fault("DeleteCustomerGateway", "kind = \"error_before\"\nstatus = 400\ncode = \"DependencyViolation.VpnConnection\"");
    let scene = Scene::with_faults(Estate::new().dual(), &refusal);
    let document = scene.replace(&[]).expect(0).json();
    is_done(&document);
    is_left_over(&document);
    assert_eq!(scene.world().addresses(), [OLD, NEW, "203.0.113.99"]);
    assert_eq!(scene.device.cgwd(&["plan"]).expect(0).json()["decision"], "in_sync", "what is left over needs no replacement");
    let text = scene.device.plain(&["status"]);
    text.expect(0);
}

/// Edited after it was read: what is deleted then would be lost.
#[test]
fn a_connection_that_somebody_edits_is_not_deleted() {
    for parameters in [
        &[("VpnConnectionId", "vco-single"), ("Name", "renamed meanwhile")][..],
        &[("VpnConnectionId", "vco-single"), ("EnableDpd", "true")],
        &[("VpnConnectionId", "vco-single"), ("IkeConfig", "{\"Psk\": \"changed-meanwhile\"}")],
    ] {
        let (scene, output) = meanwhile(Scene::of(Estate::new().single()), "ModifyVpnConnectionAttribute", parameters);
        let document = output.expect(6).json();
        assert_eq!(document["outcome"], "interrupted");
        let why = document["reason"]["message"].as_str().unwrap();
        assert!(why.contains("vco-single has changed since it was read"), "{why}");
        assert!(!why.contains("changed-meanwhile"), "names alone: {why}");
        assert!(scene.world().ids.values().any(|id| id == "vco-single"));
        assert_eq!(written(&scene.device), ["CreateCustomerGateway"]);
    }
}

#[test]
fn a_route_that_somebody_adds_is_not_lost() {
    let route = [
        ("VpnGatewayId", "vpn-single"),
        ("RouteDest", "192.168.55.0/24"),
        ("NextHop", "vco-single"),
        ("Weight", "100"),
        ("PublishVpc", "true"),
    ];
    let (scene, output) = meanwhile(Scene::of(Estate::new().single()), "CreateVpnRouteEntry", &route);
    let document = output.expect(6).json();
    assert!(document["reason"]["message"].as_str().unwrap().contains("routes"), "{document:#}");
    assert_eq!(written(&scene.device), ["CreateCustomerGateway"]);
    // Given up and planned anew it comes along.
    scene.device.cgwd(&["replace", "--abort"]).expect(0);
    is_done(&scene.replace(&[]).expect(0).json());
    let routes = scene.world().all["routes"]["vpn-single destination"].as_array().unwrap().clone();
    assert_eq!(routes.len(), 3, "{routes:#?}");
    assert!(routes.iter().all(|route| route["NextHop"] == "<single>"), "{routes:#?}");
}

#[test]
fn a_tunnel_that_somebody_points_elsewhere_stays_there() {
    let tunnel =
        [("VpnConnectionId", "vco-dual"), ("TunnelId", "tun-d1"), ("TunnelOptionsSpecification.CustomerGatewayId", "cgw-stranger")];
    let (scene, output) = meanwhile(Scene::of(Estate::new().dual()), "ModifyTunnelAttribute", &tunnel);
    let document = output.expect(6).json();
    assert!(document["reason"]["message"].as_str().unwrap().contains("cgw-stranger"), "{document:#}");
    assert_eq!(scene.world().tunnel("dual", 1)["CustomerGatewayId"], "<203.0.113.99>");
}

#[test]
fn a_connection_that_somebody_deletes_is_left_out_of_the_next_plan() {
    let (scene, output) = meanwhile(Scene::of(Estate::new().dual().legacy()), "DeleteVpnConnection", &[("VpnConnectionId", "vco-dual")]);
    let document = output.expect(6).json();
    assert!(document["reason"]["message"].as_str().unwrap().contains("no longer exists"), "{document:#}");
    scene.device.cgwd(&["replace", "--abort"]).expect(0);
    // What is left comes to the new customer gateway, where it is not there already.
    scene.replace(&[]).expect(0);
    let world = scene.world();
    assert_eq!(world.ids.keys().collect::<Vec<_>>(), ["legacy"]);
    assert_eq!(world.connection("legacy")["CustomerGatewayId"], format!("<{NEW}>"));
}

fn documented(estate: Estate) -> Scene {
    Scene::of(estate).set("order", "\"documented\"")
}

/// Words on a customer gateway that goes are no reason to let its connections wait: the next one bears them, also where another process
/// makes it.
#[test]
fn what_somebody_writes_on_the_old_customer_gateway_in_the_gap_goes_to_the_new_one() {
    let edit = [("CustomerGatewayId", "cgw-old"), ("Name", "pudong"), ("Description", "moved across the river")];
    let refusal = fault("CreateCustomerGateway", "nth = 1\nkind = \"error_before\"\nstatus = 403\ncode = \"Forbidden.RAM\"");
    let scene = Scene::with_faults(Estate::new().single(), &refusal).set("order", "\"documented\"");
    let (scene, output) = right_after("DeleteVpnConnection", scene, "ModifyCustomerGatewayAttribute", &edit);
    output.expect(6);
    assert_eq!(scene.world().addresses(), ["203.0.113.99"], "the old one is gone, and there is no other yet");
    is_done(&scene.replace(&["--resume"]).expect(0).json());
    let history = scene.device.history();
    let deletion = writes(&history).into_iter().find(|write| write["action"] == "DeleteCustomerGateway").unwrap().clone();
    assert_eq!(deletion["edited"]["name"], "pudong", "{deletion:#}");
    let world = scene.world();
    assert_eq!(world.addresses(), [NEW, "203.0.113.99"]);
    assert_eq!((&world.gateway(NEW)["Name"], &world.gateway(NEW)["Description"]), (&"pudong".into(), &"moved across the river".into()));
}

/// The deletion is lost on its way, and somebody writes on the customer gateway before it goes out again: that is on disk with the second
/// copy, and the next one bears it.
#[test]
fn what_somebody_writes_between_two_copies_of_the_deletion_is_not_lost() {
    let scene = documented(Estate::new().single());
    let cloud = SocketAddr::from(([127, 0, 0, 1], scene.sim.port()));
    let lost = AtomicBool::new(false);
    let wire = Wire::to(&scene.sim, move |call, moment, _| {
        if call.action != "DeleteCustomerGateway" || moment != Moment::Before || lost.swap(true, Ordering::Relaxed) {
            return Fate::Pass;
        }
        let edit = [("RegionId", REGION), ("CustomerGatewayId", "cgw-old"), ("Description", "moved across the river")];
        let answer = simulated::call(cloud, "ModifyCustomerGatewayAttribute", &edit);
        assert!(answer.get("Code").is_none(), "{answer}");
        Fate::Cut
    });
    let url = scene.device.url.clone();
    let scene = scene.over(&wire.url());
    is_done(&scene.replace(&[]).expect(0).json());
    let scene = scene.over(&url);
    let history = scene.device.history();
    let deletion = writes(&history).into_iter().find(|write| write["action"] == "DeleteCustomerGateway").unwrap().clone();
    assert_eq!((&deletion["attempts"], &deletion["edited"]["description"]), (&2.into(), &"moved across the river".into()), "{deletion:#}");
    assert_eq!(scene.world().gateway(NEW)["Description"], "moved across the river");
}

/// Whoever takes the mark off says that it is no longer this device's: it is not deleted. What was deleted by then is made again when
/// a person gives the replacement up, since going on does not do it.
#[test]
fn a_mark_that_is_taken_off_in_the_gap_leaves_a_way_out() {
    let scene = documented(Estate::new().single());
    let before = scene.world();
    let unmark =
        [("ResourceType", "CUSTOMERGATEWAY"), ("ResourceId.1", "cgw-old"), ("TagKey.1", "cgwd-owner"), ("TagKey.2", "cgwd-device")];
    let (scene, output) = right_after("DeleteVpnConnection", scene, "UnTagResources", &unmark);
    let document = output.expect(6).json();
    let remedy = document["reason"]["remedy"].as_str().unwrap();
    assert!(remedy.contains("`cgwd-device` = `branch-1`") && remedy.contains("--abort"), "{remedy}");
    scene.replace(&["--resume"]).expect(6);
    let document = scene.device.cgwd(&["replace", "--abort"]).expect(0).json();
    assert_eq!(document["outcome"], "abandoned", "{document:#}");
    let stays = document["stays"].as_array().unwrap();
    assert!(stays.iter().any(|line| line.as_str().unwrap().starts_with("vco-single stays as vco-")), "{stays:?}");
    let after = scene.world();
    let tags: Vec<String> = after.changes(&before).into_iter().filter(|change| !change.contains(".Tags")).collect();
    assert_eq!(tags, Vec::<String>::new(), "the connection is as it was, routes and all, where it was");
}

/// One connection is deleted, and another has been edited: the first is not lost over it.
#[test]
fn drift_at_one_connection_does_not_leave_another_one_deleted() {
    let second = |seed: &mut Value| {
        let region = &mut seed["Regions"]["cn-hangzhou"];
        let mut copy = region["VpnConnections"][0].clone();
        for (key, value) in [("VpnConnectionId", "vco-second"), ("Name", "second"), ("RemoteSubnet", "192.168.4.0/24")] {
            copy[key] = value.into();
        }
        region["VpnConnections"].as_array_mut().unwrap().push(copy);
    };
    let edit = [("ResourceType", "VPNCONNECTION"), ("ResourceId.1", "vco-second"), ("Tag.1.Key", "note"), ("Tag.1.Value", "by hand")];
    let scene = documented(Estate::new().single().with(second));
    let (scene, output) = right_after("DeleteVpnConnection", scene, "TagResources", &edit);
    let document = output.expect(6).json();
    assert!(document["reason"]["message"].as_str().unwrap().contains("vco-second has changed since it was read"), "{document:#}");
    assert!(!scene.world().ids.contains_key("single"), "deleted");
    scene.replace(&["--resume"]).expect(6);
    scene.device.cgwd(&["replace", "--abort"]).expect(0);
    assert_eq!(scene.world().connection("single")["CustomerGatewayId"], format!("<{OLD}>"));
    is_done(&scene.replace(&[]).expect(0).json());
    let world = scene.world();
    assert!(world.connection("second").to_string().contains("by hand"), "{}", world.connection("second"));
    assert_eq!(world.addresses(), [NEW, "203.0.113.99"]);
}

/// A right that is missing in the gap may come back; a person who gives up does not wait for it, and nothing is lost.
#[test]
fn a_right_that_is_missing_in_the_gap_leaves_a_way_out() {
    let refusal = fault("DeleteCustomerGateway", "nth = 1\nkind = \"error_before\"\nstatus = 403\ncode = \"Forbidden.RAM\"");
    let scene = Scene::with_faults(Estate::new().single(), &refusal).set("order", "\"documented\"");
    let before = scene.world();
    scene.replace(&[]).expect(6);
    assert!(!scene.world().ids.contains_key("single"), "deleted");
    scene.device.cgwd(&["replace", "--abort"]).expect(0);
    assert_eq!(scene.world().changes(&before), Vec::<String>::new());
    is_done(&scene.replace(&[]).expect(0).json());
}

/// Also where the old customer gateway is gone by then: giving up makes the new one first.
#[test]
fn a_right_that_is_missing_after_the_old_customer_gateway_is_gone_leaves_a_way_out() {
    let refusal = fault("CreateCustomerGateway", "nth = 1\nkind = \"error_before\"\nstatus = 403\ncode = \"Forbidden.RAM\"");
    let scene = Scene::with_faults(Estate::new().single(), &refusal).set("order", "\"documented\"");
    let before = scene.world();
    scene.replace(&[]).expect(6);
    assert_eq!(scene.world().addresses(), ["203.0.113.99"]);
    let document = scene.device.cgwd(&["replace", "--abort"]).expect(0).json();
    let stays = document["stays"].to_string();
    assert!(stays.contains("the new customer gateway cgw-") && stays.contains("vco-single stays as vco-"), "{stays}");
    only_changed(&before, &scene.world(), &[pointed("single", 0)]);
    is_done(&scene.replace(&[]).expect(0).json());
}

/// What a person gives up stays stopped until it is over, however often that takes: nothing goes forward in between.
#[test]
fn a_giving_up_that_is_refused_is_tried_again() {
    let kept = fault("DeleteCustomerGateway", "nth = 1\nkind = \"error_before\"\nstatus = 403\ncode = \"Forbidden.RAM\"");
    // The first call is the trial.
    let refused = fault("CreateVpnConnection", "nth = 2\nkind = \"error_before\"\nstatus = 403\ncode = \"Forbidden.RAM\"");
    let scene = Scene::with_faults(Estate::new().single(), &(kept + &refused)).set("order", "\"documented\"");
    let before = scene.world();
    scene.replace(&[]).expect(6);
    scene.device.cgwd(&["replace", "--abort"]).expect(5);
    let status = scene.device.status();
    assert_eq!(status["replacement"]["phase"], "stopped", "{status:#}");
    let waits = status["replacement"]["waiting_for"].to_string();
    assert!(waits.contains("CreateVpnConnection"), "what giving up stopped for: {waits}");
    scene.device.cgwd(&["replace", "--abort"]).expect(0);
    assert_eq!(scene.world().changes(&before), Vec::<String>::new());
}

/// Also a giving-up that dies half-way has not become a going-on.
#[test]
fn a_giving_up_that_is_killed_leaves_it_stopped() {
    let kept = fault("DeleteCustomerGateway", "nth = 1\nkind = \"error_before\"\nstatus = 403\ncode = \"Forbidden.RAM\"");
    let mut scene = Scene::with_faults(Estate::new().single(), &kept).set("order", "\"documented\"");
    let before = scene.world();
    scene.replace(&[]).expect(6);
    killed_after(&mut scene, "CreateVpnRouteEntry", &["--abort"]);
    assert_eq!(scene.device.status()["replacement"]["phase"], "stopped");
    scene.device.cgwd(&["replace", "--abort"]).expect(0);
    assert_eq!(scene.world().changes(&before), Vec::<String>::new());
}

/// Nobody has to delete what works: a person may leave there what was made by hand, and hears what it lacks.
#[test]
fn what_was_made_by_hand_in_the_gap_may_stay() {
    // The first call is the trial.
    let refusal = fault("CreateVpnConnection", "nth = 2\nkind = \"error_before\"\nstatus = 403\ncode = \"Forbidden.RAM\"");
    let scene = Scene::with_faults(Estate::new().single(), &refusal);
    scene.replace(&[]).expect(6);
    let gateways = scene.sim.gateways();
    let new = gateways.iter().find(|gateway| gateway["IpAddress"] == NEW).unwrap()["CustomerGatewayId"].as_str().unwrap().to_owned();
    let by_hand = [
        ("RegionId", REGION),
        ("VpnGatewayId", "vpn-single"),
        ("CustomerGatewayId", &new),
        ("LocalSubnet", "10.0.0.0/8,172.16.0.0/16"),
        ("RemoteSubnet", "192.168.2.0/24,192.168.3.0/24"),
        ("AutoConfigRoute", "false"),
    ];
    let made = scene.sim.call("CreateVpnConnection", &by_hand)["VpnConnectionId"].as_str().unwrap().to_owned();
    let route = [
        ("RegionId", REGION),
        ("VpnGatewayId", "vpn-single"),
        ("RouteDest", "192.168.50.0/24"),
        ("NextHop", &made),
        ("Weight", "100"),
        ("PublishVpc", "true"),
    ];
    // The VPN gateway takes one change at a time.
    let answers = std::iter::repeat_with(|| {
        std::thread::sleep(Duration::from_millis(50));
        scene.sim.call("CreateVpnRouteEntry", &route)
    });
    let answer = answers.take(50).find(|answer| answer["Code"] != "VpnGateway.Configuring").unwrap();
    assert!(answer.get("Code").is_none(), "{answer}");
    let reason = scene.replace(&["--resume"]).expect(6).json()["reason"].clone();
    assert!(reason["message"].as_str().unwrap().contains(&format!("{made} was made by hand")), "{reason:#}");
    assert!(reason["remedy"].as_str().unwrap().contains("`cgwd replace --abort` ends it"), "{reason:#}");
    let document = scene.device.cgwd(&["replace", "--abort"]).expect(0).json();
    let stays = document["stays"].as_array().unwrap().iter().filter_map(Value::as_str);
    let line = stays.into_iter().find(|line| line.starts_with(&made)).unwrap_or_else(|| panic!("{document:#}")).to_owned();
    assert!(line.contains("stays in the place of vco-single and lacks CreateVpnRouteEntry 192.168.51.0/24"), "{line}");
    assert!(line.contains("CreateVpnPbrRouteEntry 10.1.0.0/16") && !line.contains("192.168.50.0/24"), "{line}");
    assert!(scene.world().ids.values().any(|id| *id == made), "it is still there");
}
