//! The writes of a replacement: what each sends, against the official SDK's requests and against the table of the tunnel's fields
//! (cloud/api.md 2.7), how often they are sent, and what their refusals mean.

#![allow(clippy::unwrap_used)]

mod common;

use cgwd::cloud::connection_writes::{
    create_vpn_attachment, create_vpn_connection, created_connection_id, delete_vpn_attachment, delete_vpn_connection, modify_attachment,
    modify_attachment_tunnel, modify_tunnel, tag_connection, untag_connection,
};
use cgwd::cloud::error::{CallContext, Certainty, Retry};
use cgwd::cloud::route_writes::{
    create_connection_route, create_policy, create_route, delete_connection_route, delete_policy, delete_route, publish_route,
};
use cgwd::cloud::router_writes::{
    associate, create_router_attachment, created_attachment_id, delete_router_attachment, dissociate, propagate, stop_propagating,
};
use cgwd::cloud::transport::RawResponse;
use cgwd::cloud::wire::Parameters;
use cgwd::cloud::write_call::{WriteCall, Written};
use cgwd::facts::endpoints::{CENTRAL_REGION, Product};
use cgwd::facts::errors::Meaning;
use cgwd::model::{ConnectionRoute, DestinationRoute, PolicyRoute, RouterAttachment, Tags};
use common::scripted::{Reply, answer, client, no_answer, not_sent, refusal};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const REGION: &str = "cn-shanghai";
const TOKEN: &str = "123e4567-e89b-12d3-a456-426655440000";
const PSK: &str = "Psk*~+/=&% 1";
const CA: &str = "-----BEGIN CERTIFICATE-----\nMIIB+/=\n-----END CERTIFICATE-----\n";

type Pairs = BTreeMap<String, String>;

// What is sent.

#[test]
fn every_write_sends_what_the_official_sdk_sends() {
    let (dual, single) = (described_dual(), described_single());
    let tunnel = &dual["TunnelOptionsSpecification"]["TunnelOptions"][1];
    same("create_vpn_connection_single_tunnel", &create_vpn_connection(REGION, &single, true, &tags(), false, TOKEN), &["DryRun"], &[]);
    same("create_vpn_connection_dual_tunnel", &create_vpn_connection(REGION, &dual, true, &tags(), false, TOKEN), &["DryRun"], &[]);
    same("modify_tunnel_attribute_all", &modify_tunnel(REGION, "vco-1", "tun-1", tunnel, TOKEN), &[], &[]);
    same(
        "modify_tunnel_attribute_minimal_repoint",
        &modify_tunnel(REGION, "vco-1", "tun-1", &small_tunnel(), TOKEN),
        &[],
        &["ClientToken"],
    );
    let call = modify_attachment(REGION, "vco-1", &json!({"CustomerGatewayId": "cgw-new"}), TOKEN);
    same("modify_vpn_attachment_single_tunnel_minimal_repoint", &call, &[], &["ClientToken"]);
    // It does not take a certificate, nor AutoConfigRoute where only dual-tunnel can be made (cloud/api.md 2.4).
    let call = create_vpn_attachment(REGION, &dual, &tags(), Some("rg-1"), false, TOKEN);
    same("create_vpn_attachment_dual_tunnel", &call, &["DryRun", "AutoConfigRoute"], &[]);
    same("delete_vpn_connection", &delete_vpn_connection(REGION, "vco-1", TOKEN), &[], &[]);
    same("delete_vpn_attachment", &delete_vpn_attachment(REGION, "vco-1", TOKEN), &[], &[]);

    let route =
        DestinationRoute { next_hop: "vco-0".into(), destination: "192.168.0.0/16".into(), weight: 100, published: true, unknown: vec![] };
    let unread = ["DryRun", "Description", "OverlayMode"];
    same("create_vpn_route_entry", &create_route(REGION, "vpn-1", &route, "vco-1", TOKEN), &unread, &[]);
    same("delete_vpn_route_entry", &delete_route(REGION, "vpn-1", &route, "vco-1", TOKEN), &unread, &[]);
    let call = publish_route(REGION, "vpn-1", &route.destination, "vco-1", "dbr", true, TOKEN);
    same("publish_vpn_route_entry", &call, &[], &[]);
    let policy = policy();
    same("create_vpn_pbr_route_entry", &create_policy(REGION, "vpn-1", &policy, "vco-1", TOKEN), &unread, &[]);
    same("delete_vpn_pbr_route_entry", &delete_policy(REGION, "vpn-1", &policy, "vco-1", TOKEN), &unread, &[]);
    let own = ConnectionRoute { destination: "192.168.0.0/16".into(), weight: 100, unknown: vec![] };
    same("create_vco_route_entry", &create_connection_route(REGION, "vco-1", &own, TOKEN), &unread, &[]);

    let call = create_router_attachment(REGION, &attachment(), "vco-1", TOKEN);
    same("create_transit_router_vpn_attachment", &call, &["DryRun", "CenId", "ChargeType"], &[]);
    same("delete_transit_router_vpn_attachment", &delete_router_attachment("tr-attach-1", TOKEN), &["DryRun", "Force"], &[]);
    same("associate_transit_router_attachment_with_route_table", &associate("tr-attach-1", "vtb-1", TOKEN), &["DryRun"], &[]);
    same("enable_transit_router_route_table_propagation", &propagate("tr-attach-1", "vtb-1", TOKEN), &["DryRun"], &[]);
}

/// No vector has one tunnel alone, so the other is taken off it.
#[test]
fn one_tunnel_of_an_attachment_goes_into_the_body_as_the_first() {
    let dual = described_dual();
    let call = modify_attachment_tunnel(REGION, "vco-1", &dual, &dual["TunnelOptionsSpecification"]["TunnelOptions"][1], TOKEN);
    let vector = vector("modify_vpn_attachment_attribute_dual_tunnel");
    let first: Pairs = pairs_of(&vector["form_body"]).into_iter().filter(|(name, _)| name.contains(".1.")).collect();
    assert_eq!(map(&call.body), first);
    let query = ["ClientToken", "EffectImmediately", "EnableTunnelsBgp", "RegionId", "VpnConnectionId"];
    assert_eq!(names(&call.query()), query.map(str::to_owned).into());
    assert_eq!(map(&call.query())["EnableTunnelsBgp"], "true");
    // The second one is the first of the list too, and says which it is.
    let call = modify_attachment_tunnel(REGION, "vco-1", &dual, &dual["TunnelOptionsSpecification"]["TunnelOptions"][0], TOKEN);
    let sent = map(&call.body);
    assert_eq!((&*sent["TunnelOptionsSpecification.1.TunnelIndex"], &*sent["TunnelOptionsSpecification.1.TunnelId"]), ("2", "tun-2"));
}

#[test]
fn a_single_tunnel_attachment_is_sent_whole() {
    let mut single = described_single();
    single["VcoHealthCheck"]["Policy"] = json!("reserve_route");
    let call = modify_attachment(REGION, "vco-1", &single, TOKEN);
    let vector = pairs_of(&vector("modify_vpn_attachment_attribute_every_parameter")["query"]);
    let mut sent = map(&call.query());
    let health: Value = serde_json::from_str(&sent.remove("HealthCheckConfig").unwrap()).unwrap();
    let mut expected: Value = serde_json::from_str(&vector["HealthCheckConfig"]).unwrap();
    expected["Policy"] = json!("reserve_route");
    assert_eq!(health, expected);
    let fields = ["BgpConfig", "IkeConfig", "IpsecConfig", "LocalSubnet", "RemoteSubnet", "EffectImmediately", "EnableDpd"];
    for field in fields.into_iter().chain(["EnableNatTraversal", "CustomerGatewayId"]) {
        assert_eq!(sent.get(field), vector.get(field), "{field}");
    }
    assert!(sent.contains_key("Name") && !sent.contains_key("RemoteCaCertificate") && !sent.contains_key("EnableTunnelsBgp"));
    assert!(call.body.is_empty());
}

/// Turned off, it still holds what it would check.
#[test]
fn a_health_check_that_is_off_is_made_again_as_it_was() {
    let mut single = described_single();
    single["VcoHealthCheck"] =
        json!({"Enable": "false", "Dip": "192.168.1.1", "Interval": 5, "Policy": "revoke_route", "Status": "failed"});
    let sent = map(&create_vpn_connection(REGION, &single, true, &tags(), false, TOKEN).query());
    let health: Value = serde_json::from_str(&sent["HealthCheckConfig"]).unwrap();
    assert_eq!(health, json!({"enable": "false", "dip": "192.168.1.1", "interval": "5"}));
}

#[test]
fn a_creation_is_the_same_from_text_and_from_natives() {
    let native = replaced(described_dual(), |text| match text {
        "True" | "true" => Some(json!(true)),
        "False" | "false" => Some(json!(false)),
        "86400" | "45104" => text.parse::<u64>().ok().map(Value::from),
        _ => None,
    });
    assert_ne!(native, described_dual());
    let create = |body| {
        let call = create_vpn_connection(REGION, body, true, &tags(), false, TOKEN);
        (map(&call.query()), map(&call.body))
    };
    assert_eq!(create(&native), create(&described_dual()));
    let mut single = described_single();
    single["VpnBgpConfig"]["LocalAsn"] = json!(45104);
    single["VpnBgpConfig"]["EnableBgp"] = json!(true);
    single["IkeConfig"]["IkeLifetime"] = json!("86400");
    let create = |body| map(&create_vpn_connection(REGION, body, true, &tags(), false, TOKEN).query());
    assert_eq!(create(&single), create(&described_single()));
}

#[test]
fn what_is_off_or_empty_is_not_sent() {
    let mut single = described_single();
    single["VpnBgpConfig"]["EnableBgp"] = json!("false");
    single["VcoHealthCheck"] = json!({"Dip": "", "Interval": null});
    single["RemoteCaCertificate"] = json!("");
    single["Name"] = Value::Null;
    single["IpsecConfig"] = json!({"IpsecEncAlg": ""});
    let sent = names(&create_vpn_connection(REGION, &single, false, &Tags::new(), false, TOKEN).query());
    for name in ["BgpConfig", "HealthCheckConfig", "RemoteCaCertificate", "Name", "IpsecConfig", "DryRun", "EnableTunnelsBgp", "Tags.1.Key"]
    {
        assert!(!sent.contains(name), "{name}");
    }
    let mut dual = described_dual();
    dual["EnableTunnelsBgp"] = json!("false");
    for call in [
        create_vpn_connection(REGION, &dual, false, &tags(), true, TOKEN),
        create_vpn_attachment(REGION, &dual, &tags(), None, true, TOKEN),
    ] {
        assert!(!call.body.pairs().any(|(name, _)| name.contains("TunnelBgpConfig")), "{call:?}");
        assert_eq!(map(&call.query())["EnableTunnelsBgp"], "false");
        assert_eq!(map(&call.query())["DryRun"], "true");
    }
    // A tunnel without BGP shows nothing, or no CIDR.
    for bgp in [json!({}), json!({"LocalAsn": "45104"}), json!({"EnableBgp": false, "TunnelCidr": "169.254.12.0/30"}), Value::Null] {
        let call = modify_tunnel(REGION, "vco-1", "tun-1", &json!({"CustomerGatewayId": "cgw-1", "TunnelBgpConfig": bgp}), TOKEN);
        assert!(!call.query().pairs().any(|(name, _)| name.contains("TunnelBgpConfig")), "{bgp}");
    }
    let bare = RouterAttachment {
        zones: Vec::new(),
        name: String::new(),
        description: String::new(),
        connection_owner: None,
        tags: Tags::new(),
        ..attachment()
    };
    let expected = ["RegionId", "TransitRouterId", "VpnId", "AutoPublishRouteEnabled", "ClientToken"];
    assert_eq!(names(&create_router_attachment(REGION, &bare, "vco-1", TOKEN).query()), expected.map(str::to_owned).into());
    let without = PolicyRoute { priority: None, ..policy() };
    assert!(!names(&delete_policy(REGION, "vpn-1", &without, "vco-1", TOKEN).query()).contains("Priority"));
}

#[test]
fn tunnels_are_told_by_role_or_by_index() {
    let with = |one: Value, two: Value| json!({"TunnelOptionsSpecification": [one, two]});
    let by_role = with(json!({"Role": "Slave", "CustomerGatewayId": "cgw-2"}), json!({"Role": "master", "CustomerGatewayId": "cgw-1"}));
    let by_index = with(json!({"TunnelIndex": 2, "CustomerGatewayId": "cgw-2"}), json!({"TunnelIndex": "1", "CustomerGatewayId": "cgw-1"}));
    for body in [by_role, by_index] {
        let sent = map(&create_vpn_connection(REGION, &body, true, &Tags::new(), false, TOKEN).body);
        let tunnel = |place: u8, field: &str| sent[&format!("TunnelOptionsSpecification.{place}.{field}")].clone();
        assert_eq!((tunnel(1, "Role"), tunnel(1, "CustomerGatewayId")), ("master".into(), "cgw-1".into()));
        assert_eq!((tunnel(2, "Role"), tunnel(2, "CustomerGatewayId")), ("slave".into(), "cgw-2".into()));
        let sent = map(&create_vpn_attachment(REGION, &body, &Tags::new(), None, false, TOKEN).body);
        assert_eq!(sent["TunnelOptionsSpecification.2.TunnelIndex"], "2");
        assert_eq!(sent["TunnelOptionsSpecification.2.CustomerGatewayId"], "cgw-2");
        assert!(!sent.contains_key("TunnelOptionsSpecification.2.Role"));
    }
}

#[test]
fn tags_of_the_cloud_s_own_systems_are_left_to_them() {
    let mut tags = tags();
    tags.extend([("acs:rm:rgId".to_owned(), "rg-1".to_owned()), ("Aliyun-x".to_owned(), "y".to_owned())]);
    let attachment = RouterAttachment { tags: tags.clone(), ..attachment() };
    for call in [
        create_vpn_connection(REGION, &described_dual(), true, &tags, false, TOKEN),
        create_vpn_attachment(REGION, &described_dual(), &tags, None, false, TOKEN),
        create_router_attachment(REGION, &attachment, "vco-1", TOKEN),
    ] {
        let keys: Vec<String> = map(&call.query()).into_iter().filter(|(name, _)| name.ends_with(".Key")).map(|(_, key)| key).collect();
        assert_eq!(keys, ["managed-by", "site"], "{}", call.action);
    }
}

#[test]
fn marks_are_taken_off_and_put_on_where_the_connection_is() {
    for (on_router, resource_type) in [(false, "VPNCONNECTION"), (true, "VPNATTACHMENT")] {
        let call = untag_connection(REGION, "vco-1", on_router, ["cgwd-plan", "cgwd-x"]);
        let expected = [
            ("RegionId", REGION),
            ("ResourceType", resource_type),
            ("ResourceId.1", "vco-1"),
            ("TagKey.1", "cgwd-plan"),
            ("TagKey.2", "cgwd-x"),
        ];
        assert_eq!(map(&call.query()), expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        let call = tag_connection(REGION, "vco-1", on_router, &tags());
        assert_eq!((call.action, &*map(&call.query())["ResourceType"]), ("TagResources", resource_type));
        assert!(map(&call.query()).contains_key("Tag.2.Value") && call.client_token.is_none() && call.repeats);
    }
}

#[test]
fn cen_is_asked_at_its_one_endpoint_and_vpc_in_the_region() {
    let (detach, tie) = (delete_router_attachment("a", TOKEN), associate("a", "b", TOKEN));
    for call in [detach, tie, propagate("a", "b", TOKEN), dissociate("a", "b", TOKEN), stop_propagating("a", "b", TOKEN)] {
        assert_eq!((call.product, call.region.as_str()), (Product::Cbn, CENTRAL_REGION));
        assert!(!map(&call.query()).contains_key("RegionId"));
    }
    assert_eq!(create_router_attachment(REGION, &attachment(), "vco-1", TOKEN).product, Product::Cbn);
    assert_eq!(delete_vpn_attachment(REGION, "vco-1", TOKEN).product, Product::Vpc);
}

/// What undoes a call names the same thing as the call.
#[test]
fn what_is_undone_is_what_was_done() {
    let own = ConnectionRoute { destination: "192.168.0.0/16".into(), weight: 0, unknown: vec![] };
    let pairs = [
        (
            create_connection_route(REGION, "vco-1", &own, TOKEN),
            delete_connection_route(REGION, "vco-1", &own, TOKEN),
            "DeleteVcoRouteEntry",
        ),
        (associate("a", "b", TOKEN), dissociate("a", "b", TOKEN), "DissociateTransitRouterAttachmentFromRouteTable"),
        (propagate("a", "b", TOKEN), stop_propagating("a", "b", TOKEN), "DisableTransitRouterRouteTablePropagation"),
    ];
    for (done, undone, action) in pairs {
        assert_eq!((undone.action, map(&undone.query())), (action, map(&done.query())));
    }
}

#[test]
fn a_request_s_hash_is_of_everything_in_a_json_text_but_its_key() {
    let hash = |psk: &str, remote: &str| {
        let body = json!({"VpnGatewayId": "vpn-1", "IkeConfig": {"Psk": psk, "RemoteId": remote}});
        create_vpn_connection(REGION, &body, true, &Tags::new(), false, "token").request_hash()
    };
    assert_eq!(hash("one", "203.0.113.10"), hash("two", "203.0.113.10"), "a hash over a short key is as good as the key");
    assert_ne!(hash("one", "203.0.113.10"), hash("one", "203.0.113.11"));
}

#[test]
fn the_ids_that_were_made_are_in_the_answer_or_missing() {
    let written = |body: Value| Written { request_id: "R".into(), body: body.into(), in_doubt: false };
    assert_eq!(created_connection_id(&written(json!({"VpnConnectionId": "vco-9"}))).as_deref(), Ok("vco-9"));
    assert_eq!(created_connection_id(&written(json!({"VpnConnectionId": ""}))).unwrap_err().field, "VpnConnectionId");
    assert_eq!(created_attachment_id(&written(json!({"TransitRouterAttachmentId": "tr-attach-9"}))).as_deref(), Ok("tr-attach-9"));
    assert_eq!(created_attachment_id(&written(json!({}))).unwrap_err().field, "TransitRouterAttachmentId");
}

/// The table of cloud/api.md 2.7, and by which of our calls a field is taken.
const FIELDS: &[(&str, &[&str])] = &[
    ("CustomerGatewayId", ALL),
    ("EnableDpd", ALL),
    ("EnableNatTraversal", ALL),
    ("RemoteCaCertificate", &["CreateVpnConnection", "ModifyTunnelAttribute"]),
    ("TunnelId", &["ModifyVpnAttachmentAttribute"]),
    ("TunnelBgpConfig.LocalAsn", ALL),
    ("TunnelBgpConfig.LocalBgpIp", ALL),
    ("TunnelBgpConfig.TunnelCidr", ALL),
    ("TunnelIkeConfig.IkeVersion", ALL),
    ("TunnelIkeConfig.IkeMode", ALL),
    ("TunnelIkeConfig.IkeEncAlg", ALL),
    ("TunnelIkeConfig.IkeAuthAlg", ALL),
    ("TunnelIkeConfig.IkePfs", ALL),
    ("TunnelIkeConfig.IkeLifetime", ALL),
    ("TunnelIkeConfig.LocalId", ALL),
    ("TunnelIkeConfig.RemoteId", ALL),
    ("TunnelIkeConfig.Psk", ALL),
    ("TunnelIpsecConfig.IpsecEncAlg", ALL),
    ("TunnelIpsecConfig.IpsecAuthAlg", ALL),
    ("TunnelIpsecConfig.IpsecPfs", ALL),
    ("TunnelIpsecConfig.IpsecLifetime", ALL),
    // Reports: no call takes them.
    ("InternetIp", &[]),
    ("State", &[]),
    ("Status", &[]),
    ("ZoneNo", &[]),
    ("TunnelBgpConfig.BgpStatus", &[]),
    ("TunnelBgpConfig.PeerAsn", &[]),
    ("TunnelBgpConfig.PeerBgpIp", &[]),
    ("SomethingNew", &[]),
];
const ALL: &[&str] = &["CreateVpnConnection", "ModifyTunnelAttribute", "CreateVpnAttachment", "ModifyVpnAttachmentAttribute"];

/// A value for each field of the table, or its absence.
fn any_tunnel() -> impl Strategy<Value = Vec<Option<String>>> {
    let value = prop_oneof![1 => Just(None), 1 => Just(Some(String::new())), 6 => "[a-z0-9./]{1,6}".prop_map(Some)];
    prop::collection::vec(value, FIELDS.len())
}

fn nested(values: &[Option<String>], index: u8) -> Value {
    let mut tunnel = json!({"TunnelIndex": index, "Role": if index == 1 { "master" } else { "slave" }});
    for ((field, _), value) in FIELDS.iter().zip(values) {
        let Some(value) = value else { continue };
        match field.split_once('.') {
            Some((section, field)) => tunnel[section][field] = json!(value),
            None => tunnel[*field] = json!(value),
        }
    }
    tunnel
}

fn expected(values: &[Option<String>], action: &str, prefix: &str, bgp: bool) -> Pairs {
    let taken =
        FIELDS.iter().zip(values).filter(|((field, takers), _)| takers.contains(&action) && (bgp || !field.starts_with("TunnelBgp")));
    taken
        .filter_map(|((field, _), value)| Some((format!("{prefix}{field}"), value.clone()?)))
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

proptest! {
    #[test]
    fn every_field_that_a_call_takes_is_sent_and_no_other(one in any_tunnel(), two in any_tunnel(), bgp: bool) {
        let cidr = FIELDS.iter().position(|(field, _)| *field == "TunnelBgpConfig.TunnelCidr").unwrap();
        let has_cidr = one[cidr].as_ref().is_some_and(|cidr| !cidr.is_empty());
        let tunnel = nested(&one, 1);

        let sent = map(&modify_tunnel(REGION, "vco-1", "tun-1", &tunnel, TOKEN).query());
        let sent: Pairs = sent.into_iter().filter(|(name, _)| name.starts_with("TunnelOptionsSpecification")).collect();
        prop_assert_eq!(sent, expected(&one, "ModifyTunnelAttribute", "TunnelOptionsSpecification.", has_cidr));

        let first = "TunnelOptionsSpecification.1.";
        let mut wanted = expected(&one, "ModifyVpnAttachmentAttribute", first, has_cidr);
        wanted.insert(format!("{first}TunnelIndex"), "1".into());
        prop_assert_eq!(map(&modify_attachment_tunnel(REGION, "vco-1", &Value::Null, &tunnel, TOKEN).body), wanted);

        let body = json!({"EnableTunnelsBgp": bgp, "TunnelOptionsSpecification": {"TunnelOptions": [nested(&two, 2), tunnel]}});
        for (call, own, places) in [
            (create_vpn_connection(REGION, &body, true, &Tags::new(), false, TOKEN), "Role", ["master", "slave"]),
            (create_vpn_attachment(REGION, &body, &Tags::new(), None, false, TOKEN), "TunnelIndex", ["1", "2"]),
        ] {
            let mut wanted = Pairs::new();
            for (place, (values, own_value)) in [&one, &two].into_iter().zip(places).enumerate() {
                let prefix = format!("TunnelOptionsSpecification.{}.", place + 1);
                wanted.extend(expected(values, call.action, &prefix, bgp));
                wanted.insert(format!("{prefix}{own}"), own_value.into());
            }
            prop_assert_eq!(map(&call.body), wanted, "{}", call.action);
        }
    }

    #[test]
    fn a_single_tunnel_connection_is_sent_whole(psk in "[ -~]{1,20}", remote in "[a-z.]{1,9}", lifetime in 0..86401_u32, auto: bool) {
        let mut single = described_single();
        single["IkeConfig"]["Psk"] = json!(psk);
        single["IkeConfig"]["RemoteId"] = json!(remote);
        single["IpsecConfig"]["IpsecLifetime"] = json!(lifetime.to_string());
        let sent = map(&create_vpn_connection(REGION, &single, auto, &Tags::new(), false, TOKEN).query());
        let ike: Value = serde_json::from_str(&sent["IkeConfig"]).unwrap();
        prop_assert_eq!(ike, single["IkeConfig"].clone());
        let ipsec: Value = serde_json::from_str(&sent["IpsecConfig"]).unwrap();
        prop_assert_eq!(ipsec["IpsecLifetime"].clone(), json!(lifetime));
        prop_assert_eq!(sent["AutoConfigRoute"].clone(), auto.to_string());
    }
}

// How often it is sent.

#[tokio::test(start_paused = true)]
async fn a_connection_is_not_created_again_while_it_may_have_been() {
    let creations = [
        create_vpn_connection(REGION, &described_dual(), true, &tags(), false, TOKEN),
        create_vpn_connection(REGION, &described_single(), true, &tags(), false, TOKEN),
        create_vpn_attachment(REGION, &described_dual(), &tags(), None, false, TOKEN),
    ];
    let uncertain: [fn() -> Reply; 6] = [
        no_answer,
        || refusal(500, "InternalError"),
        || refusal(400, "InternalError"),
        || refusal(503, "ServiceUnavailable"),
        || refusal(400, "SignatureNonceUsed"),
        || answer(502, json!({})),
    ];
    for call in &creations {
        assert!(!call.repeats);
        for (number, reply) in uncertain.iter().enumerate() {
            let (client, script) = client([reply()]);
            let error = client.write(call).await.unwrap_err();
            assert_eq!((error.certainty, script.sent()), (Certainty::MayHaveHappened, 1), "{} {number}", call.action);
            let (client, script) = self::client([not_sent(), reply()]);
            let error = client.write(call).await.unwrap_err();
            assert_eq!((error.certainty, script.sent()), (Certainty::MayHaveHappened, 2), "{} {number}", call.action);
        }
        let (client, script) =
            client([refusal(400, "Throttling.User"), not_sent(), answer(200, json!({"RequestId": "R", "VpnConnectionId": "vco-9"}))]);
        let written = client.write(call).await.unwrap();
        assert_eq!((created_connection_id(&written).as_deref(), written.in_doubt, script.sent()), (Ok("vco-9"), false, 3));
        let (client, script) = self::client([not_sent(), not_sent(), not_sent()]);
        assert_eq!((client.write(call).await.unwrap_err().certainty, script.sent()), (Certainty::DidNotHappen, 3));
    }
}

#[tokio::test(start_paused = true)]
async fn everything_else_is_and_says_that_an_earlier_copy_is_about() {
    let others = [
        delete_vpn_connection(REGION, "vco-1", TOKEN),
        modify_tunnel(REGION, "vco-1", "tun-1", &small_tunnel(), TOKEN),
        create_vpn_connection(REGION, &described_dual(), true, &tags(), true, TOKEN),
        create_router_attachment(REGION, &attachment(), "vco-1", TOKEN),
    ];
    for call in others {
        let (client, script) = client([no_answer(), answer(200, json!({"RequestId": "R"}))]);
        let written = client.write(&call).await.unwrap();
        assert_eq!((call.repeats, written.in_doubt, script.sent()), (true, true, 2), "{}", call.action);
    }
}

// What a refusal means.

#[test]
fn every_refusal_of_these_calls_by_name() {
    use Certainty::{DidNotHappen, MayHaveHappened};
    let rows: &[(u16, &str, Meaning, Retry, Certainty)] = &[
        (400, "VpnGateway.Configuring", Meaning::Busy, Retry::Busy, DidNotHappen),
        (400, "VpnGateway.task.conflict", Meaning::Busy, Retry::Busy, DidNotHappen),
        (400, "VpnConnection.Configuring", Meaning::Busy, Retry::Busy, DidNotHappen),
        (400, "VpnRouteEntry.Configuring", Meaning::Busy, Retry::Busy, DidNotHappen),
        (400, "Appliance.Configuring", Meaning::Busy, Retry::Busy, DidNotHappen),
        (400, "TaskConflict", Meaning::Busy, Retry::Busy, DidNotHappen),
        (400, "VpnTask.CONFLICT", Meaning::Busy, Retry::Busy, DidNotHappen),
        (409, "OperationConflict", Meaning::Busy, Retry::Busy, DidNotHappen),
        (400, "IncorrectStatus.Status", Meaning::Busy, Retry::Busy, DidNotHappen),
        (400, "Operation.Blocking", Meaning::Busy, Retry::Busy, DidNotHappen),
        (400, "OperationFailed.AllocateCidrFailed", Meaning::Busy, Retry::Busy, DidNotHappen),
        (400, "Throttling.user", Meaning::Throttled, Retry::Throttled(None), DidNotHappen),
        (400, "VpnGateway.FinancialLocked", Meaning::Unpaid, Retry::Never, DidNotHappen),
        (400, "DependencyViolation.VpnConnection", Meaning::InUse, Retry::Never, DidNotHappen),
        (400, "OperationFailed.RouteTableAssociationExist", Meaning::InUse, Retry::Never, DidNotHappen),
        (400, "OperationFailed.RouteEntryExist", Meaning::InUse, Retry::Never, DidNotHappen),
        (404, "InvalidVpnConnectionInstanceId.NotFound", Meaning::NotFound, Retry::Never, DidNotHappen),
        (404, "InvalidCustomerGatewayInstanceId.NotFound", Meaning::NotFound, Retry::Never, DidNotHappen),
        (404, "InvalidVpnGatewayInstanceId.NotFound", Meaning::NotFound, Retry::Never, DidNotHappen),
        (404, "InvalidRouteEntry.NotFound", Meaning::NotFound, Retry::Never, DidNotHappen),
        (400, "InvalidVpnConnection.AlreadyExists", Meaning::AlreadyExists, Retry::Never, DidNotHappen),
        (400, "VpnConnection.InvalidCreateTunnelOptions", Meaning::Rejected, Retry::Never, DidNotHappen),
        (400, "IllegalParam.LocalSubnet", Meaning::Rejected, Retry::Never, DidNotHappen),
        (400, "QuotaExceeded.PolicyBasedRoute", Meaning::QuotaFull, Retry::Never, DidNotHappen),
        (400, "Resource.QuotaFull", Meaning::QuotaFull, Retry::Never, DidNotHappen),
        (400, "DryRunOperation", Meaning::DryRunAccepted, Retry::Never, DidNotHappen),
        (400, "InternalError", Meaning::Transient, Retry::Transient, MayHaveHappened),
        (500, "InternalError", Meaning::Transient, Retry::Transient, MayHaveHappened),
        (400, "UnknownError", Meaning::Unexplained, Retry::Never, MayHaveHappened),
    ];
    for (status, code, meaning, retry, certainty) in rows {
        for code in [(*code).to_owned(), code.to_uppercase()] {
            let body = json!({"RequestId": "R", "HostId": "h", "Code": code, "Message": "m"}).to_string().into_bytes();
            let context = CallContext { action: "DeleteVpnConnection", secrets: &[] };
            let error = context.accepted(&RawResponse { status: *status, headers: Vec::new(), body: body.into() }).err().unwrap();
            assert_eq!((error.meaning(), error.retry, error.certainty), (Some(*meaning), *retry, *certainty), "{code}");
            assert_eq!(error.is_not_found(), *meaning == Meaning::NotFound, "{code}");
            assert!(!error.remedy.is_empty(), "{code}");
        }
    }
}

/// What merely sounds so says nothing about the object: only reading tells.
#[test]
fn no_other_code_says_that_something_is_gone() {
    for code in [
        "InvalidTransitRouterAttachmentId.NotFound",
        "InvalidRegionId.NotFound",
        "RouteEntry.NotFound",
        "InvalidRouteEntry.NotFoundX",
        "NotFound",
    ] {
        let body = json!({"RequestId": "R", "Code": code, "Message": "m"}).to_string().into_bytes();
        let context = CallContext { action: "DeleteVpnRouteEntry", secrets: &[] };
        let error = context.accepted(&RawResponse { status: 404, headers: Vec::new(), body: body.into() }).err().unwrap();
        assert!(!error.is_not_found(), "{code}");
    }
}

// What is never told.

#[tokio::test(start_paused = true)]
async fn no_pre_shared_key_comes_back_in_an_error_wherever_it_was_sent() {
    let keys = ["canary-key", "canary-key-and-more", r#"can"ary\key"#];
    for key in keys {
        let mut single = described_single();
        single["IkeConfig"]["Psk"] = json!(key);
        let mut dual = described_dual();
        dual["TunnelOptionsSpecification"]["TunnelOptions"][0]["TunnelIkeConfig"]["Psk"] = json!(key);
        dual["TunnelOptionsSpecification"]["TunnelOptions"][1]["TunnelIkeConfig"]["Psk"] = json!("canary-key");
        let tunnel = &dual["TunnelOptionsSpecification"]["TunnelOptions"][0];
        let calls = [
            create_vpn_connection(REGION, &single, true, &tags(), false, TOKEN),
            modify_attachment(REGION, "vco-1", &single, TOKEN),
            create_vpn_connection(REGION, &dual, true, &tags(), false, TOKEN),
            create_vpn_attachment(REGION, &dual, &tags(), None, false, TOKEN),
            modify_tunnel(REGION, "vco-1", "tun-1", tunnel, TOKEN),
            modify_attachment_tunnel(REGION, "vco-1", &dual, tunnel, TOKEN),
        ];
        for call in calls {
            let quoted = json!(key).to_string();
            let whole = call.query().value("IkeConfig").unwrap_or_default().to_owned();
            let message = format!("bad key {key} in {quoted} of {whole}");
            let (client, script) = client([answer(400, json!({"RequestId": "R", "Code": "IllegalParam.Psk", "Message": message}))]);
            let error = client.write(&call).await.unwrap_err();
            let shown = format!("{error} {error:?} {call:?} {:?}", script.requests.borrow());
            assert!(!shown.contains("canary") && !shown.contains("ary\\") && !shown.contains("and-more"), "{}: {shown}", call.action);
            assert!(error.message.contains("[secret]"), "{}: {error}", call.action);
        }
    }
}

#[test]
fn the_hash_that_is_kept_on_disk_is_not_of_a_key() {
    let with = |psk: &str| {
        let mut single = described_single();
        single["IkeConfig"]["Psk"] = json!(psk);
        let tunnel = json!({"CustomerGatewayId": "cgw-1", "TunnelIkeConfig": {"Psk": psk}});
        let calls =
            [create_vpn_connection(REGION, &single, true, &tags(), false, TOKEN), modify_tunnel(REGION, "vco-1", "tun-1", &tunnel, TOKEN)];
        calls.map(|call| call.request_hash())
    };
    assert_eq!(with("one"), with("two"));
}

// The descriptions that the vectors are of.

fn described_dual() -> Value {
    json!({
        "RequestId": "R", "VpnConnectionId": "vco-0", "VpnGatewayId": "vpn-1", "CustomerGatewayId": "cgw-1", "Name": "cgw-branch 1",
        "State": "active", "Status": "ipsec_sa_established", "LocalSubnet": "10.1.0.0/16,10.2.0.0/16",
        "RemoteSubnet": "192.168.0.0/16,172.16.0.0/12", "EffectImmediately": true, "EnableDpd": true, "EnableNatTraversal": true,
        "EnableTunnelsBgp": "True", "NetworkType": "public", "TunnelBandwidth": "Standard", "ResourceGroupId": "rg-1", "Spec": "1000M",
        "IkeConfig": {"RemoteId": "203.0.113.10"}, "VpnBgpConfig": {"EnableBgp": "true", "TunnelCidr": "169.254.99.0/30"},
        "TunnelOptionsSpecification": {"TunnelOptions": [
            described_tunnel(2, "slave", "cgw-2", "169.254.13", "psk-2"),
            described_tunnel(1, "master", "cgw-1", "169.254.12", PSK),
        ]},
    })
}

fn described_tunnel(index: u8, role: &str, gateway: &str, network: &str, psk: &str) -> Value {
    json!({
        "TunnelId": format!("tun-{index}"), "TunnelIndex": index, "Role": role, "CustomerGatewayId": gateway, "State": "active",
        "Status": "ipsec_sa_established", "InternetIp": format!("198.51.100.{index}"), "ZoneNo": "cn-shanghai-a", "EnableDpd": "true",
        "EnableNatTraversal": "false", "RemoteCaCertificate": CA,
        "TunnelBgpConfig": {"BgpStatus": "success", "LocalAsn": "45104", "LocalBgpIp": format!("{network}.1"), "PeerAsn": "65530",
                            "PeerBgpIp": format!("{network}.2"), "TunnelCidr": format!("{network}.0/30")},
        "TunnelIkeConfig": ike(&format!("198.51.100.{index}"), psk, json!("86400")),
        "TunnelIpsecConfig": {"IpsecEncAlg": "aes256", "IpsecAuthAlg": "sha256", "IpsecPfs": "group14", "IpsecLifetime": "86400"},
    })
}

fn described_single() -> Value {
    json!({
        "RequestId": "R", "VpnConnectionId": "vco-0", "VpnGatewayId": "vpn-1", "CustomerGatewayId": "cgw-1", "Name": "cgw-branch 1",
        "State": "active", "Status": "ipsec_sa_established", "InternetIp": "198.51.100.1", "LocalSubnet": "10.1.0.0/16,10.2.0.0/16",
        "RemoteSubnet": "192.168.0.0/16,172.16.0.0/12", "EffectImmediately": true, "EnableDpd": true, "EnableNatTraversal": false,
        "EnableTunnelsBgp": false, "NetworkType": "public", "RemoteCaCertificate": CA, "ResourceGroupId": "rg-1",
        "IkeConfig": ike("198.51.100.1", PSK, json!(86400)),
        "IpsecConfig": {"IpsecEncAlg": "aes256", "IpsecAuthAlg": "sha256", "IpsecPfs": "group14", "IpsecLifetime": 86400},
        "VpnBgpConfig": {"EnableBgp": "true", "LocalAsn": "45104", "LocalBgpIp": "169.254.11.1", "PeerAsn": 65530,
                         "PeerBgpIp": "169.254.11.2", "Status": "success", "TunnelCidr": "169.254.11.0/30", "AuthKey": "bgp-key"},
        "VcoHealthCheck": {"Enable": "true", "Dip": "192.168.1.1", "Sip": "10.1.1.1", "Interval": 3, "Retry": 3, "Policy": "revoke_route", "Status": "success"},
        "TunnelOptionsSpecification": {"TunnelOptions": []},
    })
}

fn ike(local: &str, psk: &str, lifetime: Value) -> Value {
    json!({"IkeAuthAlg": "sha256", "IkeEncAlg": "aes256", "IkeLifetime": lifetime, "IkeMode": "main", "IkePfs": "group14",
           "IkeVersion": "ikev2", "LocalId": local, "Psk": psk, "RemoteId": "203.0.113.10"})
}

fn small_tunnel() -> Value {
    json!({"TunnelId": "tun-1", "Role": "master", "CustomerGatewayId": "cgw-new", "TunnelIkeConfig": {"RemoteId": "203.0.113.11"}})
}

fn policy() -> PolicyRoute {
    PolicyRoute {
        next_hop: "vco-0".into(),
        source: "10.1.0.0/16".into(),
        destination: "192.168.0.0/16".into(),
        weight: 100,
        priority: Some(10),
        published: true,
        unknown: vec![],
    }
}

fn attachment() -> RouterAttachment {
    RouterAttachment {
        id: "tr-attach-0".into(),
        transit_router: "tr-1".into(),
        connection: "vco-0".into(),
        name: "att-1".into(),
        description: "描述".into(),
        auto_publish: true,
        status: "Attached".into(),
        zones: vec!["cn-shanghai-h".into(), "cn-shanghai-g".into()],
        tags: tags(),
        connection_owner: Some("1210123456123456".into()),
        associations: vec!["vtb-1".into()],
        propagations: Vec::new(),
        under_way: vec![],
        static_routes: vec![],
        terms: vec![],
        unknown: vec![],
    }
}

fn tags() -> Tags {
    [("site", "branch 1"), ("managed-by", "守护进程")].map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

// Comparing with the vectors.

/// `not_ours`: what the vector sends and we do not; `extra`: the other way round.
fn same(name: &str, call: &WriteCall, not_ours: &[&str], extra: &[&str]) {
    let vector = vector(name);
    assert_eq!(
        (call.action, call.product.version()),
        (vector["operation"].as_str().unwrap(), vector["version"].as_str().unwrap()),
        "{name}"
    );
    let owners = ["OwnerId", "OwnerAccount", "ResourceOwnerId", "ResourceOwnerAccount"];
    let mut theirs = pairs_of(&vector["query"]);
    theirs.retain(|name, _| !owners.contains(&name.as_str()) && !not_ours.contains(&name.as_str()));
    let mut ours = map(&call.query());
    ours.retain(|name, _| !extra.contains(&name.as_str()));
    assert_eq!(without_tag_order(ours), without_tag_order(theirs), "{name}");
    let mut theirs = pairs_of(&vector["form_body"]);
    theirs.retain(|name, _| call.action != "CreateVpnAttachment" || !name.ends_with("RemoteCaCertificate"));
    assert_eq!(map(&call.body), theirs, "{name}");
}

fn vector(name: &str) -> Value {
    let path = format!("{}/tests/data/flatten_vectors.json", env!("CARGO_MANIFEST_DIR"));
    let vectors: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    vectors["requests"].as_array().unwrap().iter().find(|vector| vector["name"] == name).unwrap().clone()
}

/// The Python SDK prints booleans as `True` and `False`, the Go SDK and we in lower case (cloud/api.md 5.1).
fn pairs_of(vector: &Value) -> Pairs {
    let lower = |text: &str| if ["True", "False"].contains(&text) { text.to_lowercase() } else { text.to_owned() };
    vector.as_object().unwrap().iter().map(|(name, value)| (name.clone(), lower(value.as_str().unwrap()))).collect()
}

fn map(parameters: &Parameters) -> Pairs {
    let pairs: Vec<(String, String)> = parameters.pairs().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let map: Pairs = pairs.iter().cloned().collect();
    assert_eq!(map.len(), pairs.len(), "a parameter is sent twice");
    map
}

fn names(parameters: &Parameters) -> BTreeSet<String> {
    map(parameters).into_keys().collect()
}

/// We send tags in the order of their keys.
fn without_tag_order(mut pairs: Pairs) -> (Pairs, Pairs) {
    let mut tags = Pairs::new();
    for prefix in ["Tag.1", "Tag.2", "Tags.1", "Tags.2"] {
        if let (Some(key), Some(value)) = (pairs.remove(&format!("{prefix}.Key")), pairs.remove(&format!("{prefix}.Value"))) {
            tags.insert(key, value);
        }
    }
    (pairs, tags)
}

fn replaced(value: Value, by: fn(&str) -> Option<Value>) -> Value {
    match value {
        Value::String(text) => by(&text).unwrap_or(Value::String(text)),
        Value::Array(items) => items.into_iter().map(|item| replaced(item, by)).collect(),
        Value::Object(fields) => Value::Object(fields.into_iter().map(|(name, value)| (name, replaced(value, by))).collect()),
        other => other,
    }
}
