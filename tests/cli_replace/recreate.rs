//! What cannot be pointed elsewhere is made again, with everything that hangs on it.

use crate::replacing::estate::Estate;
use crate::replacing::wire::Wire;
use crate::replacing::{NEW, OLD, Scene, fault, gateway_was_replaced, is_done, only_changed, pointed, written};
use serde_json::{Value, json};
use std::time::Duration;

#[test]
fn a_single_tunnel_connection_comes_back_whole() {
    let scene = Scene::of(Estate::new().single());
    let before = scene.world();
    let document = scene.replace(&[]).expect(0).json();
    is_done(&document);
    let after = scene.world();
    gateway_was_replaced(&before, &after, OLD, NEW);
    only_changed(&before, &after, &[pointed("single", 0)]);
    let (old, new) = (&before.ids["single"], &after.ids["single"]);
    assert_ne!(old, new);
    assert_eq!(document["connections"], json!([{"old_id": old, "new_id": new, "strategy": "recreate", "verified": true}]));
    // Exactly its tags: no mark of the replacement is left.
    assert_eq!(after.connection("single")["Tags"]["Tag"], json!({"cost center": "4711 / a+b", "team": "network"}));
    let routes = after.all["routes"]["vpn-single destination"].as_array().unwrap();
    let shown: Vec<Value> = routes.iter().map(|route| json!([route["RouteDest"], route["Weight"], route["State"]])).collect();
    assert_eq!(shown, [json!(["192.168.50.0/24", 100, "published"]), json!(["192.168.51.0/24", 0, "normal"])]);
    assert_eq!(after.all["routes"], before.all["routes"]);
}

/// Whatever the cloud does with routes that lead into a connection that is deleted.
#[test]
fn routes_survive_whatever_becomes_of_them_with_the_connection() {
    for dangling in ["removed", "kept", "refused"] {
        let scene = Scene::of(Estate::new().single().switch("DanglingRoutes", json!(dangling)));
        let before = scene.world();
        is_done(&scene.replace(&[]).expect(0).json());
        only_changed(&before, &scene.world(), &[pointed("single", 0)]);
    }
}

/// The routes of a neighbour on the same VPN gateway stay.
#[test]
fn a_neighbour_on_the_same_vpn_gateway_is_untouched() {
    let estate = Estate::new().single().with(|seed| {
        let region = &mut seed["Regions"]["cn-hangzhou"];
        let neighbour = json!({"VpnConnectionId": "vco-neighbour", "Name": "neighbour", "VpnGatewayId": "vpn-single",
            "CustomerGatewayId": "cgw-stranger", "LocalSubnet": "10.0.0.0/8", "RemoteSubnet": "192.168.99.0/24",
            "IkeConfig": {"Psk": "neighbours-psk", "RemoteId": "203.0.113.99"}});
        region["VpnConnections"].as_array_mut().unwrap().push(neighbour);
        let route = json!({"RouteDest": "192.168.99.0/24", "NextHop": "vco-neighbour", "Weight": 100, "State": "published"});
        region["VpnRouteEntries"].as_array_mut().unwrap().push(route);
    });
    let scene = Scene::of(estate);
    let before = scene.world();
    is_done(&scene.replace(&[]).expect(0).json());
    let after = scene.world();
    only_changed(&before, &after, &[pointed("single", 0)]);
    assert_eq!(after.connection("neighbour"), before.connection("neighbour"));
}

/// What BGP brought in comes back by BGP: it is not made by hand.
#[test]
fn a_connection_with_bgp_gets_no_routes_that_it_never_had() {
    let estate = Estate::new().single().with(|seed| {
        let region = &mut seed["Regions"]["cn-hangzhou"];
        region["VpnGateways"][0]["EnableBgp"] = json!(true);
        region["VpnConnections"][0]["VpnBgpConfig"] =
            json!({"EnableBgp": true, "LocalAsn": 45104, "TunnelCidr": "169.254.12.0/30", "LocalBgpIp": "169.254.12.1"});
        let learnt = json!({"RouteDest": "192.168.77.0/24", "NextHop": "vco-single", "RouteEntryType": "bgp", "Source": "VPN_BGP", "AsPath": "65001"});
        region["VpnRouteEntries"].as_array_mut().unwrap().push(learnt);
    });
    let scene = Scene::of(estate);
    let before = scene.world();
    is_done(&scene.replace(&[]).expect(0).json());
    let after = scene.world();
    let of = |world: &crate::replacing::world::World| world.connection("single")["VpnBgpConfig"].clone();
    assert_eq!(of(&after)["Status"], "success");
    for field in ["EnableBgp", "LocalAsn", "TunnelCidr", "LocalBgpIp", "PeerBgpIp"] {
        assert_eq!(of(&after)[field], of(&before)[field], "{field}");
    }
    let destinations: Vec<&Value> =
        after.all["routes"]["vpn-single destination"].as_array().unwrap().iter().map(|route| &route["RouteDest"]).collect();
    assert_eq!(destinations, ["192.168.50.0/24", "192.168.51.0/24"]);
}

#[test]
fn the_configuration_can_want_a_dual_tunnel_connection_made_again() {
    let scene = Scene::of(Estate::new().dual()).set("strategy", "\"recreate\"");
    let before = scene.world();
    let document = scene.replace(&[]).expect(0).json();
    is_done(&document);
    assert_eq!(document["connections"][0]["strategy"], "recreate");
    let after = scene.world();
    only_changed(&before, &after, &[pointed("dual", 1), pointed("dual", 2)]);
    assert_ne!(after.ids["dual"], before.ids["dual"]);
    gateway_was_replaced(&before, &after, OLD, NEW);
}

/// Its ties come back; its addresses on the cloud's side do not, which the plan says in capitals.
#[test]
fn a_transit_router_attachment_that_is_made_again_gets_its_ties_back() {
    let scene = Scene::of(with_identities(Estate::new().attached().legacy())).set("strategy", "\"recreate\"");
    let before = scene.world();
    let output = scene.device.plain(&["plan"]);
    assert!(output.expect(4).stdout.contains("CLOUD-SIDE ADDRESSES"), "{}", output.stdout);
    let document = scene.replace(&[]).expect(0).json();
    is_done(&document);
    let strategies: Vec<Value> =
        document["connections"].as_array().unwrap().iter().map(|moved| json!([moved["old_id"], moved["strategy"]])).collect();
    assert_eq!(strategies, [json!(["vco-attached", "recreate"]), json!(["vco-legacy", "rebind"])]);
    let after = scene.world();
    assert_ne!(after.ids["attached"], before.ids["attached"]);
    let changes = before.changes(&after);
    let others: Vec<&String> =
        changes.iter().filter(|change| !change.starts_with("gateways.") && !change.contains("InternetIp:")).collect();
    let mut expected: Vec<String> = [pointed("attached", 1), pointed("attached", 2), pointed("legacy", 0)].concat();
    expected.sort();
    assert_eq!(others, expected.iter().collect::<Vec<_>>());
    let ties = &after.all["attachments"]["<attached>"];
    assert_eq!((&ties["Associations"], &ties["Propagations"]), (&json!(["vtb-custom"]), &json!(["vtb-system", "vtb-custom"])));
    let writes = written(&scene.device);
    for action in [
        "DissociateTransitRouterAttachmentFromRouteTable",
        "DeleteTransitRouterVpnAttachment",
        "DeleteVpnAttachment",
        "CreateVpnAttachment",
        "CreateTransitRouterVpnAttachment",
        "CreateVcoRouteEntry",
    ] {
        assert_eq!(writes.iter().filter(|write| *write == action).count(), 1, "{action} in {writes:?}");
    }
    let untied = writes.iter().filter(|write| *write == "DisableTransitRouterRouteTablePropagation");
    assert_eq!(untied.count(), 2, "each table by itself: {writes:?}");
}

/// The device goes by a name of the cloud's side, not by its address.
fn with_identities(estate: Estate) -> Estate {
    estate.with(|seed| {
        for tunnel in [0, 1] {
            seed["Regions"]["cn-hangzhou"]["VpnConnections"][0]["TunnelOptionsSpecification"][tunnel]["TunnelIkeConfig"]["LocalId"] =
                json!("hub.example.com");
        }
    })
}

/// The cloud's own count of what is tied to a binding can lag behind what it shows.
#[test]
fn a_binding_that_the_cloud_still_counts_as_tied_is_waited_for() {
    let refusal = "nth = 1\nkind = \"error_before\"\nstatus = 400\ncode = \"OperationFailed.RouteTableAssociationExist\"";
    let estate = with_identities(Estate::new().attached());
    let scene = Scene::with_faults(estate, &fault("DeleteTransitRouterVpnAttachment", refusal)).set("strategy", "\"recreate\"");
    is_done(&scene.replace(&[]).expect(0).json());
    assert_eq!(written(&scene.device).iter().filter(|write| *write == "DeleteTransitRouterVpnAttachment").count(), 2);
}

/// A device that goes by the cloud's address has to be told the new one; until then the replacement waits, and says so.
#[test]
fn a_device_that_knows_only_the_old_cloud_side_address_is_named_as_the_reason() {
    let scene = Scene::of(Estate::new().attached()).set("strategy", "\"recreate\"").set("verify_timeout", "\"1s\"");
    let document = scene.replace(&[]).expect(6).json();
    assert_eq!(document["outcome"], "interrupted");
    let reason = document["reason"]["message"].as_str().unwrap();
    assert!(reason.contains("did not come up") && reason.contains("LocalId"), "{reason}");
    let world = scene.world();
    assert_eq!(world.all["attachments"]["<attached>"]["Propagations"], json!(["vtb-system", "vtb-custom"]), "all is there");
    assert_eq!(world.addresses(), [OLD, NEW, "203.0.113.99"], "the old customer gateway stays until then");
}

/// A shared connection is never deleted, whatever the configuration wants.
#[test]
fn a_strangers_tunnel_keeps_a_connection_from_being_deleted() {
    let scene = Scene::of(Estate::new().shared()).set("strategy", "\"recreate\"");
    let before = scene.world();
    is_done(&scene.replace(&[]).expect(0).json());
    let after = scene.world();
    assert_eq!(after.ids, before.ids);
    only_changed(&before, &after, &[pointed("shared", 1)]);
}

/// What a deletion relies on is read twice, `recheck` apart, the second time right before it.
#[test]
fn a_deletion_relies_on_two_readings() {
    let scene = Scene::of(Estate::new().single()).set("recheck", "\"1s\"");
    let wire = Wire::listening(&scene.sim);
    let scene = scene.over(&wire.url());
    is_done(&scene.replace(&[]).expect(0).json());
    let calls = wire.calls();
    // The first deletion of what is in the snapshot alone from then on.
    let deletion = calls.iter().position(|call| call.action == "DeleteVpnRouteEntry").unwrap();
    let readings: Vec<_> = calls[..deletion].iter().filter(|call| call.action == "DescribeVpnConnection").collect();
    let (first, last) = (readings[0], readings[readings.len() - 1]);
    assert!(calls[deletion].at.duration_since(first.at) >= Duration::from_secs(1), "{readings:?}");
    assert!(last.at.duration_since(first.at) >= Duration::from_secs(1), "{readings:?}");
    let between = calls[..deletion].iter().filter(|call| call.write > 0 && call.at > last.at).count();
    assert_eq!(between, 0, "the second reading is the last thing before it");
}
