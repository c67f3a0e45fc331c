//! What can be pointed at the new customer gateway in place is, and nothing else changes.

use crate::replacing::estate::Estate;
use crate::replacing::wire::Wire;
use crate::replacing::{NEW, OLD, Scene, fault, gateway_was_replaced, is_done, only_changed, own_mark, pointed, written};
use serde_json::{Value, json};

#[test]
fn a_dual_tunnel_connection_is_moved_tunnel_by_tunnel_standby_first() {
    let scene = Scene::of(Estate::new().dual());
    let before = scene.world();
    let document = scene.replace(&[]).expect(0).json();
    is_done(&document);
    let after = scene.world();
    gateway_was_replaced(&before, &after, OLD, NEW);
    only_changed(&before, &after, &[pointed("dual", 1), pointed("dual", 2)]);
    assert_eq!(after.ids, before.ids, "nothing was made again");
    for index in [1, 2] {
        assert_eq!(after.tunnel("dual", index)["Status"], "ipsec_sa_established");
        assert_eq!(after.tunnel("dual", index)["TunnelBgpConfig"]["BgpStatus"], "success");
    }
    let history = scene.device.history();
    let targets: Vec<&Value> =
        history.iter().filter(|entry| entry["action"] == "ModifyTunnelAttribute").map(|entry| &entry["target"]).collect();
    assert_eq!(targets, ["tun-d2", "tun-d1"], "standby first");
    let writes = ["CreateCustomerGateway", "ModifyTunnelAttribute", "ModifyTunnelAttribute", "UnTagResources", "DeleteCustomerGateway"];
    assert_eq!(written(&scene.device), writes);
}

/// While they work, each is verified before the next is touched.
#[test]
fn a_tunnel_is_up_again_before_the_other_one_is_touched() {
    let scene = Scene::of(Estate::new().dual().device_at(&[OLD, NEW]).switch("NegotiationMs", json!(700)));
    scene.replace(&["--planned"]).expect(0);
    let history = scene.device.history();
    let at = |is: &dyn Fn(&Value) -> bool| history.iter().position(is).unwrap();
    let modified = |tunnel: &'static str| move |entry: &Value| entry["action"] == "ModifyTunnelAttribute" && entry["target"] == tunnel;
    let (first, second) = (at(&modified("tun-d2")), at(&modified("tun-d1")));
    let verifying = history[first..second].iter().find(|entry| entry["phase"] == "verifying").expect("the first is waited for");
    let proven = history[first..second].iter().find(|entry| entry["phase"] == "proven" && entry["step"] == verifying["step"]);
    assert!(proven.is_some(), "{:#?}", &history[first..=second]);
}

#[test]
fn connections_on_a_transit_router_keep_their_ids_addresses_and_ties() {
    let scene = Scene::of(Estate::new().attached().legacy());
    let before = scene.world();
    is_done(&scene.replace(&[]).expect(0).json());
    let after = scene.world();
    only_changed(&before, &after, &[pointed("attached", 1), pointed("attached", 2), pointed("legacy", 0)]);
    gateway_was_replaced(&before, &after, OLD, NEW);
    assert_eq!(after.ids, before.ids);
    assert_eq!(after.connection("legacy")["InternetIp"], "47.96.3.1");
    let writes = written(&scene.device);
    assert_eq!(writes.iter().filter(|write| *write == "ModifyVpnAttachmentAttribute").count(), 3, "{writes:?}");
    assert!(!writes.iter().any(|write| write.starts_with("Delete") && write != "DeleteCustomerGateway"), "{writes:?}");
}

#[test]
fn of_a_shared_connection_only_our_own_tunnel_is_moved() {
    let scene = Scene::of(Estate::new().shared());
    let before = scene.world();
    assert_eq!(before.tunnel("shared", 2)["Status"], "ipsec_sa_established", "the stranger's works");
    let document = scene.replace(&[]).expect(0).json();
    assert_eq!(document["connections"], json!([{"old_id": "vco-shared", "new_id": "vco-shared", "strategy": "rebind", "verified": true}]));
    let after = scene.world();
    only_changed(&before, &after, &[pointed("shared", 1)]);
    assert_eq!(after.tunnel("shared", 2), before.tunnel("shared", 2));
}

#[test]
fn twelve_customer_gateways_of_others_are_untouched() {
    let mut estate = Estate::new().dual().single();
    for number in 0..12 {
        let tags = match number % 3 {
            0 => json!({}),
            1 => json!({"cgwd-device": format!("branch-{}", 100 + number), "cgwd-owner": "0123456789abcdef0123456789abcdef.1"}),
            _ => json!({"cgwd-device": "branch-1", "cgwd-owner": "0123456789abcdef0123456789abcdef.1"}),
        };
        let ip = format!("203.0.113.{}", 100 + number);
        estate = estate.gateway(json!({"CustomerGatewayId": format!("cgw-{number}"), "IpAddress": ip, "Asn": 65001, "Tags": tags}));
    }
    let scene = Scene::of(estate);
    let before = scene.world();
    is_done(&scene.replace(&[]).expect(0).json());
    let after = scene.world();
    assert_eq!(after.addresses().len(), 14);
    gateway_was_replaced(&before, &after, OLD, NEW);
}

/// What `[gateway]` says counts; where it is silent the old one's attributes carry over.
#[test]
fn the_configuration_has_the_first_word_on_the_new_customer_gateway() {
    let scene = Scene::of(Estate::new().dual()).more("[gateway]\nname = \"renamed\"\ntags = { site = \"sh-02\", floor = \"3\" }\n");
    scene.replace(&[]).expect(0);
    let after = scene.world();
    let made = after.gateway(NEW);
    assert_eq!(made["Name"], "renamed");
    assert_eq!(made["Description"], "branch in Shanghai");
    assert_eq!(made["AuthKey"], crate::replacing::BGP_KEY);
    assert_eq!(made["ResourceGroupId"], "rg-branches");
    let tags = json!({"cgwd-device": "branch-1", "cgwd-owner": own_mark(), "floor": "3", "owner": "network team", "site": "sh-02"});
    assert_eq!(made["Tags"]["Tag"], tags);
}

/// The whole of a tunnel's IKE settings goes back with each change: a cloud that makes up what is left out does no harm.
#[test]
fn no_setting_is_left_to_the_cloud() {
    let estate = Estate::all().switch("OmittedIkeFields", json!("randomise")).switch("RemoteIdFollows", json!(true));
    let scene = Scene::of(estate);
    let before = scene.world();
    is_done(&scene.replace(&[]).expect(0).json());
    let moved = [("dual", 1), ("dual", 2), ("attached", 1), ("attached", 2), ("legacy", 0), ("shared", 1), ("single", 0)];
    only_changed(&before, &scene.world(), &moved.map(|(name, index)| pointed(name, index)));
}

/// A life from the beginning: registered, moved, replaced, in sync.
#[test]
fn what_was_registered_here_is_replaced_here() {
    let estate = Estate::new().dual().with(|seed| {
        seed["Regions"]["cn-hangzhou"]["CustomerGateways"][0]["Tags"] = json!({"site": "sh-01"});
    });
    let scene = Scene::of(estate);
    scene.device.move_to(OLD);
    assert_eq!(scene.device.cgwd(&["register"]).expect(0).json()["changed"], true, "adopted");
    scene.device.move_to(NEW);
    assert_eq!(scene.device.cgwd(&["plan"]).expect(4).json()["decision"], "replace");
    let document = scene.replace(&[]).expect(0).json();
    is_done(&document);
    let plan = scene.device.cgwd(&["plan"]).expect(0).json();
    assert_eq!(plan["decision"], "in_sync");
    assert_eq!(plan["customer_gateway"]["id"], document["new_customer_gateway_id"]);
    let status = scene.device.status();
    assert_eq!(status["customer_gateway"]["id"], document["new_customer_gateway_id"]);
    assert_eq!(status["replacement"], Value::Null);
}

/// Each call that may fail in passing does, and the outcome is the same.
#[test]
fn a_cloud_that_stumbles_is_borne() {
    let faults = [
        fault("CreateCustomerGateway", "nth = 1\nkind = \"drop_after\""),
        fault("ModifyTunnelAttribute", "nth = 1\nkind = \"error_after\""),
        fault("ModifyTunnelAttribute", "nth = 2\nkind = \"drop_before\""),
        fault("ModifyVpnAttachmentAttribute", "nth = 1\nkind = \"throttle\"\nretry_after_ms = 100"),
        fault("DeleteVpnConnection", "nth = 1\nkind = \"garbage_after\""),
        fault("CreateVpnConnection", "nth = 2\nkind = \"truncated_after\""),
        fault("CreateVpnRouteEntry", "nth = 1\nkind = \"drop_after\""),
        fault("PublishVpnRouteEntry", "nth = 1\nkind = \"error_after\""),
        fault("CreateVpnPbrRouteEntry", "nth = 1\nkind = \"error_before\""),
        fault("DeleteCustomerGateway", "nth = 1\nkind = \"drop_after\""),
        fault("DescribeVpnGateway", "every = 5\nkind = \"throttle\"\nretry_after_ms = 50"),
    ];
    let scene = Scene::with_faults(Estate::all(), &faults.concat());
    let wire = Wire::listening(&scene.sim);
    let scene = scene.over(&wire.url());
    let before = scene.world();
    is_done(&scene.replace(&[]).expect(0).json());
    let after = scene.world();
    gateway_was_replaced(&before, &after, OLD, NEW);
    assert_eq!(after.ids.keys().collect::<Vec<_>>(), before.ids.keys().collect::<Vec<_>>());
    let creates = wire.calls().iter().filter(|call| call.action == "CreateVpnConnection" && call.write > 0).count();
    assert_eq!(creates, 1, "what was made is found, not made once more");
}
