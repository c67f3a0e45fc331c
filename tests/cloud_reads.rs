//! What a replacement reads, against a scripted cloud: every list to its end or not at all, the cloud's several forms of the same
//! field, nothing made up, nothing taken for absent that was only refused; and the dry run.

#![allow(clippy::unwrap_used)]

mod common;

use cgwd::cloud::error::{Certainty, CloudError};
use cgwd::cloud::transport::TransportError;
use cgwd::cloud::wire::Parameters;
use cgwd::cloud::write_call::WriteCall;
use cgwd::model::{Authorization, ConnectionRoute, DestinationRoute, PolicyRoute, Secret};
use common::scripted::{Reply, answer, client, ok, refusal};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const REGION: &str = "cn-shanghai";
const PSK: &str = "canary-pre-shared-key";

// The connection, whole.

#[tokio::test(start_paused = true)]
async fn a_connection_comes_with_everything_that_the_cloud_said_of_it() {
    let (client, script) = client([ok(connection(PSK))]);
    let (shape, body) = client.whole_connection(REGION, "vco-1").await.unwrap().unwrap();
    assert_eq!((script.sent(), &*shape.id, &*shape.remote_id), (1, "vco-1", "203.0.113.7"));
    assert_eq!(*body.0, connection(PSK), "the RequestId apart, not a field is missing or changed");
    assert_eq!(format!("{body:?}"), "[verbatim]");
}

#[tokio::test(start_paused = true)]
async fn a_masked_key_stays_as_it_came() {
    let (client, _) = client([ok(connection("****"))]);
    let (_, body) = client.whole_connection(REGION, "vco-1").await.unwrap().unwrap();
    assert_eq!(body.0["IkeConfig"]["Psk"], "****");
}

#[tokio::test(start_paused = true)]
async fn only_the_cloud_s_own_code_means_that_a_connection_is_gone() {
    let (gone, _) = client([refusal(404, "InvalidVpnConnectionInstanceId.NotFound")]);
    assert!(gone.whole_connection(REGION, "vco-1").await.unwrap().is_none());
    for (status, code) in [
        (403, "InvalidVpnConnectionInstanceId.NotFound"),
        (403, "Forbidden"),
        (404, "InvalidVpnGatewayInstanceId.NotFound"),
        (404, "InvalidApi.NotFound"),
    ] {
        let (refused, _) = client([refusal(status, code)]);
        assert_eq!(refused.whole_connection(REGION, "vco-1").await.unwrap_err().code, code, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_about_another_connection_is_none() {
    let (client, _) = client([ok(connection(PSK))]);
    let error = client.whole_connection(REGION, "vco-2").await.unwrap_err();
    assert!(error.message.contains("VpnConnectionId") && !error.to_string().contains(PSK), "{error}");
}

// Routes.

#[tokio::test(start_paused = true)]
async fn destination_routes_are_read_to_their_end_in_either_form() {
    let rows: Vec<Value> = (0..60).map(|number| route(&format!("10.0.{number}.0/24"), "vco-1")).collect();
    let bare = ok(json!({"TotalCount": "60", "VpnRouteEntries": rows[50..]}));
    let (client, script) = client([routes(60, &rows[..50]), bare]);
    let read = client.destination_routes(REGION, "vpn-1").await.unwrap();
    assert_eq!((read.len(), script.sent()), (60, 2));
    let expected =
        DestinationRoute { next_hop: "vco-1".into(), destination: "10.0.0.0/24".into(), weight: 100, published: true, unknown: vec![] };
    assert!(read.contains(&expected), "{read:?}");
    let query = script.query(1);
    assert_eq!((&*query["VpnGatewayId"], &*query["RouteEntryType"], &*query["PageNumber"]), ("vpn-1", "custom", "2"));
}

#[tokio::test(start_paused = true)]
async fn what_bgp_learnt_is_left_out_and_a_route_over_two_tunnels_is_one() {
    let mut rows = vec![route("10.1.0.0/16", "vco-1"), route("10.1.0.0/16", "vco-1"), route("10.2.0.0/16", "vco-1"), Value::Null];
    rows[3] = route("10.3.0.0/16", "vco-1");
    for (row, tunnel) in rows.iter_mut().zip(["tun-1", "tun-2"]) {
        row["NextHopTunnelId"] = json!(tunnel);
    }
    for row in &mut rows[2..] {
        row["RouteEntryType"] = json!("bgp");
    }
    let (client, _) = client([routes(4, &rows)]);
    let read = client.destination_routes(REGION, "vpn-1").await.unwrap();
    assert_eq!(read.iter().map(|route| &*route.destination).collect::<Vec<_>>(), ["10.1.0.0/16"]);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_does_not_add_up_is_refused() {
    let row = route("10.1.0.0/16", "vco-1");
    let too_few = || routes(2, std::slice::from_ref(&row));
    let twice = || routes(2, &[row.clone(), row.clone()]);
    for make in [&too_few as &dyn Fn() -> Reply, &twice] {
        let (client, script) = client([make(), make()]);
        let error = client.destination_routes(REGION, "vpn-1").await.unwrap_err();
        assert!(error.message.contains("contradicts itself"), "{error}");
        assert_eq!((script.sent(), error.request_id.as_deref()), (2, Some("R-OK")));
    }
}

#[tokio::test(start_paused = true)]
async fn a_count_that_changes_between_pages_is_read_once_more() {
    let rows: Vec<Value> = (0..52).map(|number| route(&format!("10.0.{number}.0/24"), "vco-1")).collect();
    let first = || routes(51, &rows[..50]);
    let (client, script) = client([first(), routes(52, &rows[50..]), first(), routes(51, &rows[50..51])]);
    assert_eq!(client.destination_routes(REGION, "vpn-1").await.unwrap().len(), 51);
    assert_eq!(script.sent(), 4);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_made_up_for_a_field_that_is_missing() {
    for field in ["NextHop", "RouteDest", "Weight", "State"] {
        let mut row = route("10.1.0.0/16", "vco-1");
        row.as_object_mut().unwrap().remove(field);
        let (client, _) = client([routes(1, &[row])]);
        let error = client.destination_routes(REGION, "vpn-1").await.unwrap_err();
        assert!(error.message.contains(field), "{error}");
    }
    let (absent, _) = client([ok(json!({"TotalCount": 0}))]);
    assert!(absent.destination_routes(REGION, "vpn-1").await.unwrap_err().message.contains("VpnRouteEntries"));
    let (uncounted, _) = client([0, 1].map(|_| ok(json!({"VpnRouteEntries": {"VpnRouteEntry": []}}))));
    assert!(uncounted.destination_routes(REGION, "vpn-1").await.unwrap_err().message.contains("TotalCount"));
}

#[tokio::test(start_paused = true)]
async fn a_route_of_another_gateway_is_no_answer() {
    let mut row = route("10.1.0.0/16", "vco-1");
    row["VpnInstanceId"] = json!("vpn-2");
    let (client, _) = client([routes(1, &[row])]);
    assert!(client.destination_routes(REGION, "vpn-1").await.unwrap_err().message.contains("VpnInstanceId"));
}

#[tokio::test(start_paused = true)]
async fn policy_routes_have_their_source_and_priority() {
    let row = |priority: Value, state: &str| {
        json!({"NextHop": "vco-1", "RouteSource": "192.168.0.0/16", "RouteDest": "10.1.0.0/16", "Weight": "0", "Priority": priority,
               "State": state, "VpnInstanceId": "vpn-1"})
    };
    let rows = json!([row(json!("7"), "normal"), row(json!(20), "published"), row(Value::Null, "normal")]);
    let (client, _) = client([ok(json!({"TotalCount": 3, "VpnPbrRouteEntries": {"VpnPbrRouteEntry": rows}}))]);
    let route = |priority, published| PolicyRoute {
        next_hop: "vco-1".into(),
        source: "192.168.0.0/16".into(),
        destination: "10.1.0.0/16".into(),
        weight: 0,
        priority,
        published,
        unknown: vec![],
    };
    let expected = [route(None, false), route(Some(7), false), route(Some(20), true)];
    assert_eq!(client.policy_routes(REGION, "vpn-1").await.unwrap(), expected);
}

#[tokio::test(start_paused = true)]
async fn routes_of_a_connection_come_in_a_bare_list() {
    let rows = json!([{"RouteDest": "10.1.0.0/16", "Weight": 100, "NextHop": "vco-1", "VpnConnectionId": "vco-1", "State": "normal",
                       "RouteEntryType": "custom", "NextHopTunnelIdList": ["tun-1", "tun-2"]},
                      {"RouteDest": "10.2.0.0/16", "Weight": 100, "RouteEntryType": "bgp"}]);
    let (client, script) = client([ok(json!({"TotalCount": 2, "VcoRouteEntries": rows}))]);
    let read = client.connection_routes(REGION, "vco-1").await.unwrap();
    assert_eq!(read, [ConnectionRoute { destination: "10.1.0.0/16".into(), weight: 100, unknown: vec![] }]);
    assert_eq!(script.query(0)["VpnConnectionId"], "vco-1");
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_is_not_there_has_no_empty_list_of_routes() {
    for (status, code) in [(404, "InvalidVpnGatewayInstanceId.NotFound"), (403, "Forbidden")] {
        let (routes, _) = client([refusal(status, code)]);
        assert_eq!(routes.destination_routes(REGION, "vpn-1").await.unwrap_err().code, code);
        let (policies, _) = client([refusal(status, code)]);
        assert_eq!(policies.policy_routes(REGION, "vpn-1").await.unwrap_err().code, code);
    }
}

// Transit routers.

#[tokio::test(start_paused = true)]
async fn an_attachment_is_found_over_pages_with_the_route_tables_in_force() {
    let (client, script) = client([
        attachments(2, Some("more"), &[attachment("tr-attach-1", "vco-9")]),
        attachments(2, None, &[attachment("tr-attach-2", "vco-1")]),
        links("TransitRouterAssociations", &[("vtb-1", "Active"), ("vtb-2", "Associating"), ("vtb-3", "Dissociating")]),
        tables(&["vtb-1", "vtb-2", "vtb-3", "vtb-4"]),
        links("TransitRouterPropagations", &[("vtb-1", "Active")]),
        links("TransitRouterPropagations", &[("vtb-2", "Enabling")]),
        links("TransitRouterPropagations", &[("vtb-3", "active")]),
        ok(json!({"TotalCount": 0})),
    ]);
    let found = client.router_attachment(REGION, "tr-1", "vco-1").await.unwrap().unwrap();
    assert_eq!(script.sent(), 8);
    assert_eq!((&*found.id, &*found.transit_router, &*found.connection, found.auto_publish), ("tr-attach-2", "tr-1", "vco-1", false));
    assert_eq!((found.associations, found.propagations), (vec!["vtb-1".to_owned()], vec!["vtb-1".to_owned(), "vtb-3".to_owned()]));
    assert_eq!((found.zones, &*found.status), (vec!["cn-shanghai-a".to_owned()], "Attached"));
    assert_eq!((&*found.tags["site"], found.connection_owner.as_deref()), ("branch", Some("1234567890123456")));
    assert!(!script.query(0).contains_key("NextToken"));
    assert_eq!((&*script.query(0)["TransitRouterId"], &*script.query(1)["NextToken"]), ("tr-1", "more"));
    assert_eq!(script.query(2)["TransitRouterAttachmentId"], "tr-attach-2");
    assert_eq!((&*script.query(5)["TransitRouterRouteTableId"], &*script.query(5)["TransitRouterAttachmentId"]), ("vtb-2", "tr-attach-2"));
    assert!(script.requests.borrow().iter().all(|(_, request)| request.base_url == "https://cbn.aliyuncs.com"));
}

#[tokio::test(start_paused = true)]
async fn an_attachment_is_absent_only_where_the_transit_router_is_shown() {
    let empty = [attachments(0, None, &[]), ok(json!({"TotalCount": 0}))];
    for answer in empty.into_iter().chain([attachments(1, None, &[attachment("tr-attach-1", "vco-9")])]) {
        let (client, script) = client([answer, tables(&["vtb-1"])]);
        assert_eq!(client.router_attachment(REGION, "tr-1", "vco-1").await.unwrap(), None);
        assert_eq!(script.sent(), 2);
    }
    let (client, _) = client([attachments(0, None, &[]), tables(&[])]);
    assert!(client.router_attachment(REGION, "tr-1", "vco-1").await.unwrap_err().message.contains("no transit router"));
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_a_list_is_no_empty_list() {
    let (bare, _) = client([ok(json!({}))]);
    assert!(bare.router_attachment(REGION, "tr-1", "vco-1").await.unwrap_err().message.contains("TransitRouterAttachments"));
    let found = || attachments(1, None, &[attachment("tr-attach-1", "vco-1")]);
    let (no_associations, _) = client([found(), ok(json!({}))]);
    assert!(no_associations.router_attachment(REGION, "tr-1", "vco-1").await.unwrap_err().message.contains("TransitRouterAssociations"));
    let (no_tables, _) = client([found(), links("TransitRouterAssociations", &[]), ok(json!({}))]);
    assert!(no_tables.router_attachment(REGION, "tr-1", "vco-1").await.unwrap_err().message.contains("TransitRouterRouteTables"));
}

#[tokio::test(start_paused = true)]
async fn a_cursor_that_does_not_add_up_is_refused() {
    let row = |number: u8| attachment(&format!("tr-attach-{number}"), "vco-9");
    let scripts: [&dyn Fn() -> Vec<Reply>; 5] = [
        &|| vec![attachments(3, Some("more"), &[row(1)]), attachments(3, None, &[row(2)])],
        &|| vec![attachments(1, Some("more"), &[row(1)]), attachments(1, None, &[row(2)])],
        &|| vec![attachments(2, Some("more"), &[row(1)]), attachments(3, None, &[row(2)])],
        &|| vec![attachments(9, Some("more"), &[row(1)]), attachments(9, Some("more"), &[row(2)])],
        &|| vec![attachments(2, Some("more"), &[row(1)]), attachments(2, None, &[row(1)])],
    ];
    for (number, script) in scripts.iter().enumerate() {
        let (client, script) = client(script().into_iter().chain(script()));
        let error = client.router_attachment(REGION, "tr-1", "vco-9").await.unwrap_err();
        assert!(error.message.contains("contradicts itself"), "{number}: {error}");
        assert_eq!(script.sent(), 4, "{number}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_about_another_router_or_attachment_is_refused() {
    let mut elsewhere = attachment("tr-attach-1", "vco-1");
    elsewhere["TransitRouterId"] = json!("tr-2");
    let (other_router, _) = client([attachments(1, None, &[elsewhere])]);
    assert!(other_router.router_attachment(REGION, "tr-1", "vco-1").await.unwrap_err().message.contains("TransitRouterId"));
    let (other_attachment, _) =
        client([attachments(1, None, &[attachment("tr-attach-1", "vco-1")]), links("TransitRouterAssociations", &[("vtb-1", "Active")])]);
    let error = other_attachment.router_attachment(REGION, "tr-1", "vco-1").await.unwrap_err();
    assert!(error.message.contains("TransitRouterAttachmentId"), "{error}");
    let (forbidden, _) = client([refusal(403, "Forbidden")]);
    assert!(forbidden.router_attachment(REGION, "tr-1", "vco-1").await.unwrap_err().is_forbidden());
}

#[tokio::test(start_paused = true)]
async fn descriptions_are_told_by_connection() {
    let rows = json!([{"InstanceId": "vco-1", "Description": "to the branch"}, {"InstanceId": "vco-2"}]);
    let (client, _) = client([ok(json!({"TotalCount": 2, "VpnAttachments": rows}))]);
    let read = client.attachment_descriptions(REGION).await.unwrap();
    assert_eq!(read, BTreeMap::from([("vco-1".into(), "to the branch".into()), ("vco-2".into(), String::new())]));
}

#[tokio::test(start_paused = true)]
async fn authorizations_name_the_account_that_may_bind() {
    let row = |connection: &str, uid: Value| json!({"AliUid": 1, "BindUid": uid, "BindInstance": "cen-1", "VpnConnectionId": connection});
    let answered = |rows: Value| ok(json!({"TotalCount": 1, "CrossAccountAuthorizations": rows}));
    let (known, _) = client([answered(json!([row("vco-1", json!(1_234_567_890_123_456_u64))]))]);
    let expected = Authorization { account: "1234567890123456".into(), instance: "cen-1".into() };
    assert_eq!(known.authorizations(REGION, "vco-1").await.unwrap(), [expected]);
    for (row, field) in [(row("vco-2", json!(1)), "VpnConnectionId"), (row("vco-1", Value::Null), "BindUid")] {
        let (odd, _) = client([answered(json!([row]))]);
        assert!(odd.authorizations(REGION, "vco-1").await.unwrap_err().message.contains(field));
    }
}

// The other side.

#[tokio::test(start_paused = true)]
async fn a_diagnosis_is_what_is_wrong_and_nothing_else() {
    let row = |code: &str, tunnel: &str| {
        json!({"VpnConnectionId": "vco-1", "TunnelId": tunnel, "FailedReasonCode": code, "FailedReason": "", "Severity": "error",
               "MismatchLocalParam": "a\nb", "MismatchRemoteParam": "c", "SourceLog": "line"})
    };
    let answered = |rows: Value| ok(json!({"TotalCount": 1, "VpnConnections": rows}));
    let (wrong, script) = client([answered(json!([row("PskMismatch", "tun-1")]))]);
    let found = wrong.diagnosis(REGION, "vco-1", Some("tun-1")).await.unwrap();
    assert_eq!((found.len(), &*found[0].code, &*found[0].local, &*found[0].remote), (1, "PskMismatch", "a b", "c"));
    assert_eq!(script.query(0)["TunnelIds.1"], "tun-1");
    let (fine, script) = client([answered(json!([row("", "")]))]);
    assert_eq!(fine.diagnosis(REGION, "vco-1", None).await.unwrap(), []);
    assert_eq!(script.query(0)["VpnConnectionIds.1"], "vco-1");
    let (other, _) = client([answered(json!([row("PskMismatch", "tun-2")]))]);
    assert!(other.diagnosis(REGION, "vco-1", Some("tun-1")).await.unwrap_err().message.contains("TunnelId"));
}

#[tokio::test(start_paused = true)]
async fn of_a_long_log_the_last_lines_are_kept() {
    let page = |from: usize, to: usize| {
        let lines: Vec<String> = (from..to).map(|number| format!("line {number}\u{7}")).collect();
        ok(json!({"Count": 260, "IsCompleted": true, "Data": {"Logs": lines}}))
    };
    let pages = [(0, 50), (50, 100), (100, 150), (150, 200), (200, 250), (250, 260)];
    let (client, script) = client(pages.map(|(from, to)| page(from, to)));
    let lines = client.connection_logs(REGION, "vco-1", Some("tun-1"), 60).await.unwrap();
    assert_eq!((lines.len(), &*lines[0], &*lines[199]), (200, "line 60 ", "line 259 "));
    let query = script.query(5);
    assert_eq!((&*query["TunnelId"], &*query["MinutePeriod"], &*query["PageNumber"]), ("tun-1", "10", "6"));
}

#[tokio::test(start_paused = true)]
async fn an_empty_log_is_one_and_a_missing_one_is_not() {
    let (empty, _) = client([ok(json!({"Data": {}}))]);
    assert!(empty.connection_logs(REGION, "vco-1", None, 10).await.unwrap().is_empty());
    let (missing, _) = client([ok(json!({}))]);
    assert!(missing.connection_logs(REGION, "vco-1", None, 10).await.unwrap_err().message.contains("Data"));
}

#[tokio::test(start_paused = true)]
async fn a_device_is_configured_for_both_tunnels() {
    let tunnel = |id: &str, remote: &str, lifetime: Value| {
        let mut shown = side(remote, lifetime);
        shown["TunnelId"] = json!(id);
        shown
    };
    let speaker = json!({"LocalAsn": "65001", "LocalBgpIp": "169.254.10.2", "PeerAsn": 45104, "PeerBgpIp": "169.254.10.1",
                         "TunnelCidr": "169.254.10.0/30", "TunnelId": "tun-2"});
    let tunnels = json!([tunnel("tun-1", "47.0.0.1", json!(86400)), tunnel("tun-2", "47.0.0.2", json!("3600"))]);
    let config = json!({"LocalSubnet": "10.0.0.0/8", "RemoteSubnet": "172.16.0.0/12", "TunnelsConfig": {"TunnelConfig": tunnels},
                        "BgpConfigs": {"BgpConfig": [speaker]}});
    let (client, _) = client([ok(json!({"VpnConnectionConfig": config}))]);
    let read = client.peer_configuration(REGION, "vco-1").await.unwrap();
    assert_eq!((&*read.local_subnet, &*read.remote_subnet, read.tunnels.len()), ("10.0.0.0/8", "172.16.0.0/12", 2));
    let second = &read.tunnels[1];
    assert_eq!((&*second.id, &*second.local, &*second.remote), ("tun-2", "203.0.113.7", "47.0.0.2"));
    assert_eq!((&*second.local_id, &*second.remote_id, &*second.ike_version), ("device.example", "47.0.0.2", "ikev2"));
    assert_eq!((read.tunnels[0].ike_lifetime, second.ike_lifetime, second.ipsec_lifetime), (Some(86400), Some(3600), Some(3600)));
    assert_eq!(second.psk, Some(Secret::new(PSK)));
    let bgp = second.bgp.as_ref().unwrap();
    assert_eq!((&*bgp.local_asn, &*bgp.local_ip, &*bgp.peer_asn, &*bgp.peer_ip), ("65001", "169.254.10.2", "45104", "169.254.10.1"));
    assert!(read.tunnels[0].bgp.is_none() && !format!("{read:?}").contains(PSK));
}

#[tokio::test(start_paused = true)]
async fn a_single_tunnel_is_configured_by_the_connection_itself() {
    for empty in [json!({}), Value::Null, json!({"TunnelConfig": []})] {
        let mut config = side("47.0.0.1", json!("86400"));
        config["TunnelsConfig"] = empty;
        let (client, _) = client([ok(json!({"VpnConnectionConfig": config}))]);
        let read = client.peer_configuration(REGION, "vco-1").await.unwrap();
        let [tunnel] = read.tunnels.as_slice() else { panic!("{read:?}") };
        assert_eq!((&*tunnel.id, &*tunnel.remote, tunnel.ike_lifetime, tunnel.bgp.is_none()), ("", "47.0.0.1", Some(86400), true));
    }
    let (client, _) = client([ok(json!({"VpnConnectionConfig": {"Local": "203.0.113.7"}}))]);
    assert!(client.peer_configuration(REGION, "vco-1").await.unwrap_err().message.contains("IkeConfig"));
}

// The dry run.

#[tokio::test(start_paused = true)]
async fn a_dry_run_succeeds_by_the_cloud_s_own_error_alone() {
    let (accepted, script) = client([refusal(400, "DryRunOperation")]);
    accepted.dry_run(&trial(true)).await.unwrap();
    assert_eq!((script.sent(), &*script.query(0)["DryRun"]), (1, "true"));
    let (refused, _) = client([refusal(400, "Resource.QuotaFull")]);
    let error = refused.dry_run(&trial(true)).await.unwrap_err();
    assert!(error.is_quota() && error.certainty == Certainty::DidNotHappen, "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_that_was_carried_out_says_so() {
    let (client, script) = client([ok(json!({"VpnConnectionId": "vco-2"}))]);
    let error = client.dry_run(&trial(true)).await.unwrap_err();
    let CloudError { certainty, request_id, .. } = &error;
    assert_eq!((*certainty, request_id.as_deref(), script.sent()), (Certainty::MayHaveHappened, Some("R-OK"), 1));
    assert!(error.message.contains("for the call itself"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_is_sent_again_only_while_nothing_can_have_happened() {
    let unsent = Err(TransportError::NotSent { host: "h".into(), reason: "refused".into() });
    let (again, script) = client([unsent, refusal(400, "Throttling.User"), refusal(400, "DryRunOperation")]);
    again.dry_run(&trial(true)).await.unwrap();
    assert_eq!(script.sent(), 3);
    let lost = Err(TransportError::NoAnswer { host: "h".into(), reason: "reset".into() });
    for uncertain in [lost, refusal(503, "ServiceUnavailable"), answer(200, json!("a proxy's page"))] {
        let (once, script) = client([uncertain]);
        assert_eq!(once.dry_run(&trial(true)).await.unwrap_err().certainty, Certainty::MayHaveHappened);
        assert_eq!(script.sent(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_no_dry_run_is_not_sent_as_one() {
    let (client, script) = client([]);
    assert_eq!(client.dry_run(&trial(false)).await.unwrap_err().certainty, Certainty::DidNotHappen);
    assert_eq!(script.sent(), 0);
}

// What the cloud says.

fn connection(psk: &str) -> Value {
    json!({"VpnConnectionId": "vco-1", "Name": "to-branch", "VpnGatewayId": "vpn-1", "CustomerGatewayId": "cgw-1", "State": "active",
           "Status": "ipsec_sa_established", "LocalSubnet": "172.16.0.0/12", "RemoteSubnet": "10.0.0.0/8", "EnableDpd": true,
           "IkeConfig": {"Psk": psk, "IkeVersion": "ikev2", "IkeLifetime": 86400, "RemoteId": "203.0.113.7"},
           "TunnelOptionsSpecification": {}, "SomethingNew": {"RequestId": "inner", "list": [1, null, "x"]}})
}

fn route(destination: &str, next_hop: &str) -> Value {
    json!({"RouteDest": destination, "NextHop": next_hop, "Weight": "100", "State": "published", "VpnInstanceId": "vpn-1"})
}

fn routes(total: usize, rows: &[Value]) -> Reply {
    ok(json!({"TotalCount": total, "PageNumber": 1, "PageSize": 50, "VpnRouteEntries": {"VpnRouteEntry": rows}}))
}

fn attachment(id: &str, connection: &str) -> Value {
    json!({"TransitRouterAttachmentId": id, "TransitRouterId": "tr-1", "VpnId": connection, "AutoPublishRouteEnabled": "false",
           "Status": "Attached", "Tags": [{"Key": "site", "Value": "branch"}], "Zones": [{"ZoneId": "cn-shanghai-a"}],
           "VpnOwnerId": 1_234_567_890_123_456_u64, "TransitRouterAttachmentName": "n"})
}

fn attachments(total: usize, next: Option<&str>, rows: &[Value]) -> Reply {
    ok(json!({"TotalCount": total, "MaxResults": 50, "NextToken": next, "TransitRouterAttachments": rows}))
}

fn tables(ids: &[&str]) -> Reply {
    let rows: Vec<Value> = ids.iter().map(|id| json!({"TransitRouterId": "tr-1", "TransitRouterRouteTableId": id})).collect();
    ok(json!({"TotalCount": rows.len(), "TransitRouterRouteTables": rows}))
}

fn links(list: &str, tables: &[(&str, &str)]) -> Reply {
    let row = |(table, status): &(&str, &str)| json!({"TransitRouterAttachmentId": "tr-attach-2", "TransitRouterRouteTableId": table, "Status": status});
    let rows: Vec<Value> = tables.iter().map(row).collect();
    ok(json!({"TotalCount": rows.len(), list: rows}))
}

fn side(remote: &str, lifetime: Value) -> Value {
    json!({"Local": "203.0.113.7", "Remote": remote,
           "IkeConfig": {"IkeVersion": "ikev2", "IkeLifetime": lifetime, "LocalId": "device.example", "RemoteId": remote, "Psk": PSK},
           "IpsecConfig": {"IpsecEncAlg": "aes", "IpsecLifetime": "3600"}})
}

fn trial(dry: bool) -> WriteCall {
    WriteCall::vpc("CreateVpnConnection", REGION, Parameters::new().with("VpnGatewayId", "vpn-1").with("DryRun", dry), Some("token"))
}
