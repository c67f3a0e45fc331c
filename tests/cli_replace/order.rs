//! The documented order, and a change of the ASN alone, which needs a place to wait.

use crate::common::device::writes;
use crate::replacing::estate::Estate;
use crate::replacing::world::World;
use crate::replacing::{NEW, OLD, Scene, gate, gateway_was_replaced, is_done, only_changed, pointed, written};
use serde_json::{Value, json};

/// Everything that is deleted is deleted before the old customer gateway goes, and made again after the new one is there.
#[track_caller]
fn is_in_documented_order(actions: &[String]) {
    let at = |action: &str| actions.iter().position(|write| write == action).unwrap_or_else(|| panic!("no {action} in {actions:?}"));
    let (deleted, created) = (at("DeleteCustomerGateway"), at("CreateCustomerGateway"));
    assert!(deleted < created, "{actions:?}");
    for (place, action) in actions.iter().enumerate().filter(|(_, action)| !action.ends_with("CustomerGateway")) {
        match action.as_str() {
            delete if ["Delete", "Dissociate", "Disable"].iter().any(|verb| delete.starts_with(verb)) => {
                assert!(place < deleted, "{action} at {place} in {actions:?}")
            }
            create if create.starts_with("Create") || create.starts_with("Publish") => {
                assert!(place > created, "{action} at {place} in {actions:?}")
            }
            "AssociateTransitRouterAttachmentWithRouteTable" | "EnableTransitRouterRouteTablePropagation" => assert!(place > created),
            "UnTagResources" => assert!(place > created),
            _ => panic!("{action} has no place in the documented order: {actions:?}"),
        }
    }
}

#[test]
fn the_documented_order_is_the_documented_one() {
    let scene = Scene::of(Estate::new().dual().single()).set("order", "\"documented\"");
    let before = scene.world();
    let document = scene.replace(&[]).expect(0).json();
    is_done(&document);
    is_in_documented_order(&written(&scene.device));
    let after = scene.world();
    only_changed(&before, &after, &[pointed("dual", 1), pointed("dual", 2), pointed("single", 0)]);
    gateway_was_replaced(&before, &after, OLD, NEW);
    let strategies: Vec<&Value> = document["connections"].as_array().unwrap().iter().map(|moved| &moved["strategy"]).collect();
    assert_eq!(strategies, ["recreate", "recreate"]);
}

/// What cannot be deleted waits at a temporary customer gateway.
#[test]
fn in_the_documented_order_what_cannot_be_made_again_waits() {
    let scene = Scene::of(Estate::new().single().legacy().shared()).set("order", "\"documented\"");
    let before = scene.world();
    is_done(&scene.replace(&[]).expect(0).json());
    let after = scene.world();
    only_changed(&before, &after, &[pointed("legacy", 0), pointed("shared", 1), pointed("single", 0)]);
    gateway_was_replaced(&before, &after, OLD, NEW);
    assert_eq!(after.ids["legacy"], before.ids["legacy"]);
    assert_eq!(after.tunnel("shared", 2), before.tunnel("shared", 2), "the stranger's tunnel");
    let history = scene.device.history();
    let created: Vec<&Value> =
        writes(&history).into_iter().filter(|write| write["action"] == "CreateCustomerGateway").map(|write| &write["target"]).collect();
    assert_eq!(created.len(), 2, "{created:?}");
    assert!(created[0].as_str().unwrap().starts_with("192.0.2."), "a documentation address: {created:?}");
    assert_eq!(created[1], NEW);
}

/// The device is where it was, and speaks BGP under another ASN: the tunnels are up.
fn with_another_asn(estate: Estate) -> Scene {
    let scene = Scene::of(estate.device_at(&[OLD]).device_asn(65009)).asn("65009");
    scene.device.move_to(OLD);
    scene
}

/// What is shown of a customer gateway's ASN where BGP is on.
fn peer(name: &str, index: usize) -> Vec<String> {
    let place = format!("connections.{name}.TunnelOptionsSpecification.TunnelOptions.{index}");
    vec![format!("{place}.TunnelBgpConfig.PeerAsn: 65001 -> 65009")]
}

#[track_caller]
fn only_the_asn_is_new(before: &World, after: &World) {
    let mut expected = before.gateway(OLD).clone();
    expected["Asn"] = json!(65009);
    assert_eq!(after.gateway(OLD), &expected);
    assert_eq!(after.addresses(), [OLD, "203.0.113.99"], "the temporary one is gone");
}

#[test]
fn a_change_of_the_asn_alone_wants_a_person() {
    let scene = with_another_asn(Estate::new().dual());
    let before = scene.world();
    let document = scene.replace(&[]).expect(5).json();
    assert_eq!(document["outcome"], "blocked");
    assert_eq!(gate(&document, "planned")["passed"], false, "{document:#}");
    assert!(gate(&document, "planned")["detail"].as_str().unwrap().contains("--planned"));
    assert_eq!(scene.world(), before);
}

#[test]
fn a_change_of_the_asn_alone_goes_through_a_temporary_customer_gateway() {
    let scene = with_another_asn(Estate::new().dual().attached().legacy().shared());
    let before = scene.world();
    assert_eq!(before.tunnel("dual", 1)["TunnelBgpConfig"]["BgpStatus"], "false", "the registered ASN is not the device's");
    let document = scene.replace(&["--planned"]).expect(0).json();
    is_done(&document);
    let after = scene.world();
    only_the_asn_is_new(&before, &after);
    only_changed(&before, &after, &[peer("dual", 1), peer("dual", 2)]);
    assert_eq!(after.tunnel("dual", 1)["TunnelBgpConfig"]["BgpStatus"], "success");
    assert_eq!(after.ids, before.ids, "nothing had to be made again");
}

/// A connection that has to be made again is, in documented order, beside those that wait.
#[test]
fn a_change_of_the_asn_alone_where_a_connection_cannot_wait() {
    let scene = with_another_asn(Estate::all());
    let before = scene.world();
    is_done(&scene.replace(&["--planned"]).expect(0).json());
    let after = scene.world();
    only_the_asn_is_new(&before, &after);
    only_changed(&before, &after, &[peer("dual", 1), peer("dual", 2)]);
    assert_ne!(after.ids["single"], before.ids["single"]);
}

/// The ASN from the command line, in two segments.
#[test]
fn a_person_may_name_the_asn() {
    let scene = Scene::of(Estate::new().dual().device_at(&[OLD]));
    scene.device.move_to(OLD);
    let before = scene.world();
    is_done(&scene.replace(&["--asn", "1.2", "--planned"]).expect(0).json());
    let after = scene.world();
    assert_eq!(after.gateway(OLD)["Asn"], 65538);
    assert_eq!(after.addresses(), before.addresses());
}

#[test]
fn address_and_asn_change_together() {
    let scene = Scene::of(Estate::all().device_asn(65009)).asn("65009");
    let before = scene.world();
    let document = scene.replace(&[]).expect(0).json();
    is_done(&document);
    let after = scene.world();
    assert_eq!(after.gateway(NEW)["Asn"], 65009);
    assert_eq!(after.addresses(), [NEW, "203.0.113.99"]);
    let moved = [("dual", 1), ("dual", 2), ("attached", 1), ("attached", 2), ("legacy", 0), ("shared", 1), ("single", 0)];
    only_changed(
        &before,
        &after,
        &[moved.map(|(name, index)| pointed(name, index)).to_vec(), vec![peer("dual", 1), peer("dual", 2)]].concat(),
    );
    assert!(!written(&scene.device).iter().any(|write| write == "DeleteVpnAttachment"));
}

/// Without a `[bgp]` table the ASN is not this device's business: it carries over.
#[test]
fn without_bgp_the_asn_carries_over() {
    let mut scene = Scene::of(Estate::new().single());
    scene.device.bgp = String::new();
    scene.configure();
    is_done(&scene.replace(&[]).expect(0).json());
    assert_eq!(scene.world().gateway(NEW)["Asn"], 65001);
}
