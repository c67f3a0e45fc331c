//! The reads of a replacement against a scripted cloud: in which forms answers are taken, when a list is no list, what is absent
//! and what is only not shown.

#![allow(clippy::unwrap_used)]

use cgwd::cloud::client::Client;
use cgwd::cloud::connection_writes::{create_vpn_attachment, create_vpn_connection, delete_vpn_connection};
use cgwd::cloud::credentials::Credentials;
use cgwd::cloud::endpoint::Endpoints;
use cgwd::cloud::entropy::Entropy;
use cgwd::cloud::error::{Certainty, CloudError, Retry};
use cgwd::cloud::transport::{Answer, RawResponse, SignedRequest, Transport, TransportError};
use cgwd::cloud::wire::decoded_pairs;
use cgwd::model::{Authorization, ConnectionRoute, DestinationRoute, PolicyRoute, Tags};
use cgwd::simulator::{Cloud, InMemory, Seed};
use cgwd::system::clock::Clock;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

const REGION: &str = "cn-shanghai";

type Reply = Result<RawResponse, TransportError>;

/// Answers one script line a request, and keeps the requests.
#[derive(Default)]
struct Script {
    replies: RefCell<VecDeque<Reply>>,
    requests: RefCell<Vec<SignedRequest>>,
}

impl Transport for Script {
    fn send(&self, request: SignedRequest) -> Answer<'_> {
        self.requests.borrow_mut().push(request);
        let reply = self.replies.borrow_mut().pop_front().expect("the script has ended");
        Box::pin(async move { reply })
    }
}

impl Script {
    /// What was sent, once nothing of the script is left: the actions.
    fn actions(&self) -> Vec<String> {
        assert!(self.replies.borrow().is_empty(), "{} replies were not asked for", self.replies.borrow().len());
        self.requests.borrow().iter().map(|request| request.action.clone()).collect()
    }

    fn query(&self, index: usize) -> BTreeMap<String, String> {
        decoded_pairs(&self.requests.borrow()[index].query).unwrap().into_iter().collect()
    }
}

fn client(replies: impl IntoIterator<Item = Reply>) -> (Client, Rc<Script>) {
    let script = Rc::new(Script { replies: RefCell::new(replies.into_iter().collect()), ..Script::default() });
    let clock = Clock::on_runtime_time("2025-01-02T03:04:05Z".parse().unwrap());
    let credentials = Credentials::lasting("AKID", "canary-access-key-secret", "test");
    let client = Client::with_transport(script.clone(), credentials, Endpoints::public(), clock, Entropy::seeded(7));
    (client, script)
}

fn ok(mut body: Value) -> Reply {
    body["RequestId"] = "R-OK".into();
    Ok(RawResponse { status: 200, headers: Vec::new(), body: body.to_string().into_bytes() })
}

fn refusal(status: u16, code: &str) -> Reply {
    let body = json!({"RequestId": "R-NO", "HostId": "h", "Code": code, "Message": "m"});
    Ok(RawResponse { status, headers: Vec::new(), body: body.to_string().into_bytes() })
}

fn no_answer() -> Reply {
    Err(TransportError::NoAnswer { host: "h".into(), reason: "reset".into() })
}

fn not_sent() -> Reply {
    Err(TransportError::NotSent { host: "h".into(), reason: "connection refused".into() })
}

fn page(total: usize, outer: &str, list: Value) -> Reply {
    ok(json!({"TotalCount": total, "PageNumber": 1, "PageSize": 50, outer: list}))
}

// Connections.

fn single(id: &str) -> Value {
    json!({"VpnConnectionId": id, "VpnGatewayId": "vpn-1", "CustomerGatewayId": "cgw-1", "State": "active", "Status": "ipsec_sa_established",
           "IkeConfig": {"Psk": "canary-psk", "RemoteId": "203.0.113.10"}, "VpnBgpConfig": {"EnableBgp": "true", "Status": "success"},
           "VcoHealthCheck": {"Enable": "true", "Status": "failed"}, "CrossAccountAuthorized": "true",
           "Tags": {"Tag": [{"Key": "site", "Value": "north"}]}, "Unheard": {"Of": 1}})
}

#[tokio::test(start_paused = true)]
async fn a_connection_comes_with_the_whole_answer() {
    let (client, script) = client([ok(single("vco-1")), refusal(404, "InvalidVpnConnectionInstanceId.NotFound")]);
    let (shape, body) = client.whole_connection(REGION, "vco-1").await.unwrap().unwrap();
    assert_eq!(body.0, single("vco-1"), "all of it but the RequestId");
    assert_eq!((shape.bgp_status.as_str(), shape.health_enabled, shape.health_status.as_str()), ("success", true, "failed"));
    assert!(shape.cross_account && shape.tags == Tags::from([("site".into(), "north".into())]));
    assert!(!format!("{body:?}").contains("canary"));
    assert_eq!(client.whole_connection(REGION, "vco-1").await, Ok(None));
    assert_eq!(script.actions(), ["DescribeVpnConnection", "DescribeVpnConnection"]);
}

#[tokio::test(start_paused = true)]
async fn only_the_connection_s_own_code_means_that_it_is_gone() {
    for (status, code) in [
        (403, "InvalidVpnConnectionInstanceId.NotFound"),
        (404, "InvalidVpnGatewayInstanceId.NotFound"),
        (403, "Forbidden"),
        (404, "InvalidRegionId.NotFound"),
    ] {
        let (client, _) = client([refusal(status, code)]);
        assert_eq!(client.whole_connection(REGION, "vco-1").await.unwrap_err().code, code);
    }
    let (client, _) = client([ok(single("vco-other"))]);
    assert!(client.whole_connection(REGION, "vco-1").await.unwrap_err().message.contains("VpnConnectionId"));
}

#[tokio::test(start_paused = true)]
async fn the_tags_of_a_list_are_read_where_the_list_has_them() {
    let mut row = single("vco-1");
    row["Tag"] = row["Tags"].take();
    let (client, _) = client([page(1, "VpnConnections", json!({"VpnConnection": [row]}))]);
    assert_eq!(client.ipsec_connections(REGION).await.unwrap()[0].tags["site"], "north");
}

#[tokio::test(start_paused = true)]
async fn descriptions_and_authorizations() {
    let descriptions = json!([{"InstanceId": "vco-1", "Description": "by hand"}, {"InstanceId": "vco-2"}]);
    let granted = json!([{"VpnConnectionId": "vco-1", "BindUid": 1234, "AliUid": 1, "BindInstance": "tr-1"},
                         {"VpnConnectionId": "vco-1", "BindUid": "1234", "BindInstance": "tr-2"}]);
    let (client, script) = client([
        page(2, "VpnAttachments", descriptions),
        page(2, "CrossAccountAuthorizations", granted),
        page(1, "CrossAccountAuthorizations", json!([{"VpnConnectionId": "vco-2", "BindUid": 1}])),
        ok(json!({"TotalCount": 0})),
    ]);
    let expected = BTreeMap::from([("vco-1".to_owned(), "by hand".to_owned()), ("vco-2".to_owned(), String::new())]);
    assert_eq!(client.attachment_descriptions(REGION).await, Ok(expected));
    let one = |instance: &str| Authorization { account: "1234".into(), instance: instance.into() };
    assert_eq!(client.authorizations(REGION, "vco-1").await, Ok(vec![one("tr-1"), one("tr-2")]));
    assert_eq!(script.query(1)["VpnConnectionId"], "vco-1");
    assert!(client.authorizations(REGION, "vco-1").await.is_err(), "a row about another connection");
    assert!(client.authorizations(REGION, "vco-1").await.is_err(), "no list");
}

// Routes.

fn route(destination: &str, state: &str) -> Value {
    json!({"RouteDest": destination, "NextHop": "vco-1", "Weight": 100, "State": state, "VpnInstanceId": "vpn-1", "RouteEntryType": "custom"})
}

#[tokio::test(start_paused = true)]
async fn routes_are_read_in_all_their_forms() {
    let mut text = route("10.2.0.0/16", "normal");
    text["Weight"] = json!("0");
    let mut learnt = route("10.3.0.0/16", "normal");
    learnt["RouteEntryType"] = json!("BGP");
    let mut policy = route("10.1.0.0/16", "published");
    policy["RouteSource"] = json!("172.16.0.0/12");
    let mut prior = policy.clone();
    prior["Priority"] = json!("10");
    let own = json!({"RouteDest": "10.1.0.0/16", "NextHop": "vco-1", "Weight": 100, "VpnConnectionId": "vco-1", "State": "normal"});
    let (client, script) = client([
        page(3, "VpnRouteEntries", json!({"VpnRouteEntry": [text, route("10.1.0.0/16", "Published"), learnt]})),
        page(2, "VpnPbrRouteEntries", json!([policy, prior])),
        page(1, "VcoRouteEntries", json!([own])),
    ]);
    let wanted = |destination: &str, weight, published| DestinationRoute {
        next_hop: "vco-1".into(),
        destination: destination.into(),
        weight,
        published,
    };
    let routes = client.destination_routes(REGION, "vpn-1").await.unwrap();
    assert_eq!(routes, [wanted("10.1.0.0/16", 100, true), wanted("10.2.0.0/16", 0, false)]);
    let policies = client.policy_routes(REGION, "vpn-1").await.unwrap();
    let first = PolicyRoute {
        next_hop: "vco-1".into(),
        source: "172.16.0.0/12".into(),
        destination: "10.1.0.0/16".into(),
        weight: 100,
        priority: None,
        published: true,
    };
    assert_eq!(policies, [first.clone(), PolicyRoute { priority: Some(10), ..first }]);
    let routes = client.connection_routes(REGION, "vco-1").await.unwrap();
    assert_eq!(routes, [ConnectionRoute { destination: "10.1.0.0/16".into(), weight: 100 }]);
    assert_eq!(script.actions(), ["DescribeVpnRouteEntries", "DescribeVpnPbrRouteEntries", "DescribeVcoRouteEntries"]);
    let custom = |index: usize| script.query(index).get("RouteEntryType").cloned();
    assert_eq!((custom(0).as_deref(), custom(1), custom(2).as_deref()), (Some("custom"), None, Some("custom")));
    assert_eq!((&*script.query(0)["VpnGatewayId"], &*script.query(2)["VpnConnectionId"]), ("vpn-1", "vco-1"));
}

#[tokio::test(start_paused = true)]
async fn a_route_that_is_shown_for_each_tunnel_is_one_route_and_a_repeated_row_is_a_torn_list() {
    let through = |tunnel: &str| {
        let mut row = route("10.1.0.0/16", "normal");
        row["NextHopTunnelId"] = json!(tunnel);
        row
    };
    let twice = || page(2, "VpnRouteEntries", json!({"VpnRouteEntry": [through("tun-1"), through("tun-1")]}));
    let (client, script) =
        client([page(2, "VpnRouteEntries", json!({"VpnRouteEntry": [through("tun-1"), through("tun-2")]})), twice(), twice()]);
    assert_eq!(client.destination_routes(REGION, "vpn-1").await.unwrap().len(), 1);
    let error = client.destination_routes(REGION, "vpn-1").await.unwrap_err();
    assert!(error.message.contains("twice"), "{error}");
    assert_eq!((error.retry, script.actions().len()), (Retry::Transient, 3));
}

#[tokio::test(start_paused = true)]
async fn routes_that_cannot_be_told_are_errors() {
    let changed = |field: &str, value: Value| {
        let mut row = route("10.1.0.0/16", "normal");
        row[field] = value;
        row
    };
    for (field, value) in [
        ("State", Value::Null),
        ("Weight", json!("heavy")),
        ("Weight", json!(4_294_967_296_u64)),
        ("Weight", Value::Null),
        ("NextHop", json!("")),
        ("RouteDest", Value::Null),
        ("VpnInstanceId", json!("vpn-2")),
    ] {
        let (client, _) = client([page(1, "VpnRouteEntries", json!({"VpnRouteEntry": [changed(field, value.clone())]}))]);
        let error = client.destination_routes(REGION, "vpn-1").await.unwrap_err();
        assert!(error.message.contains(field), "{field}={value}: {error}");
    }
    let (client, _) = client([refusal(404, "InvalidVpnGatewayInstanceId.NotFound"), ok(json!({"TotalCount": 0}))]);
    assert!(client.destination_routes(REGION, "vpn-1").await.is_err(), "a gateway that is gone is not one without routes");
    assert!(client.destination_routes(REGION, "vpn-1").await.is_err(), "no list");
}

// Transit routers.

const TABLES: &str = "TransitRouterRouteTables";
const ATTACHMENTS: &str = "TransitRouterAttachments";

fn attached(id: &str, connection: &str) -> Value {
    json!({"TransitRouterAttachmentId": id, "TransitRouterId": "tr-1", "VpnId": connection, "Status": "Attached", "VpnOwnerId": 1210,
           "AutoPublishRouteEnabled": true, "TransitRouterAttachmentName": "n", "TransitRouterAttachmentDescription": "d",
           "Zones": [{"ZoneId": "cn-shanghai-h"}], "Tags": [{"Key": "site", "Value": "north"}]})
}

fn tables(ids: &[&str]) -> Reply {
    let rows: Vec<Value> = ids.iter().map(|id| json!({"TransitRouterId": "tr-1", "TransitRouterRouteTableId": id})).collect();
    ok(json!({"TotalCount": ids.len(), TABLES: rows}))
}

fn linked(outer: &str, rows: &[(&str, &str)]) -> Reply {
    let row = |(table, status): &(&str, &str)| json!({"TransitRouterAttachmentId": "tr-attach-1", "TransitRouterRouteTableId": table, "Status": status, "ResourceId": "vco-1"});
    let rows: Vec<Value> = rows.iter().map(row).collect();
    ok(json!({"TotalCount": rows.len(), outer: rows}))
}

fn chained(total: usize, ids: std::ops::Range<usize>, next: Option<&str>) -> Reply {
    let rows: Vec<Value> = ids.map(|id| attached(&format!("tr-attach-{id}"), &format!("vco-{id}"))).collect();
    ok(json!({"TotalCount": total, "MaxResults": 50, "NextToken": next, ATTACHMENTS: rows}))
}

#[tokio::test(start_paused = true)]
async fn an_attachment_is_read_with_its_route_tables() {
    let (client, script) = client([
        chained(60, 10..60, Some("next")),
        chained(60, 1..10, Some("")).map(|mut answer| {
            let text = String::from_utf8(answer.body).unwrap().replace("\"TotalCount\":60", "\"TotalCount\":\"59\"");
            answer.body = text.into_bytes();
            answer
        }),
        chained(59, 10..60, Some("next")),
        chained(59, 1..10, None),
        linked("TransitRouterAssociations", &[("vtb-1", "Active"), ("vtb-9", "Dissociating")]),
        tables(&["vtb-1", "vtb-2", "vtb-3"]),
        linked("TransitRouterPropagations", &[("vtb-1", "active")]),
        linked("TransitRouterPropagations", &[("vtb-2", "Enabling")]),
        ok(json!({"TotalCount": 0, "MaxResults": 50})),
    ]);
    let found = client.router_attachment(REGION, "tr-1", "vco-1").await.unwrap().unwrap();
    assert_eq!((found.id.as_str(), found.connection.as_str(), found.status.as_str()), ("tr-attach-1", "vco-1", "Attached"));
    assert_eq!((found.name.as_str(), found.description.as_str(), found.auto_publish), ("n", "d", true));
    assert_eq!((&found.zones[..], found.connection_owner.as_deref()), (&["cn-shanghai-h".to_owned()][..], Some("1210")));
    assert_eq!(found.tags["site"], "north");
    assert_eq!((found.associations, found.propagations), (vec!["vtb-1".to_owned()], vec!["vtb-1".to_owned()]));
    let list = "ListTransitRouterVpnAttachments";
    let propagations = "ListTransitRouterRouteTablePropagations";
    let expected = [
        list,
        list,
        list,
        list,
        "ListTransitRouterRouteTableAssociations",
        "ListTransitRouterRouteTables",
        propagations,
        propagations,
        propagations,
    ];
    assert_eq!(script.actions(), expected);
    assert_eq!((script.query(0).get("NextToken"), &*script.query(3)["NextToken"]), (None, "next"));
    assert_eq!((&*script.query(3)["TransitRouterId"], &*script.query(3)["RegionId"]), ("tr-1", REGION));
    assert_eq!(script.query(4)["TransitRouterAttachmentId"], "tr-attach-1");
    assert_eq!((&*script.query(7)["TransitRouterRouteTableId"], &*script.query(7)["TransitRouterAttachmentId"]), ("vtb-2", "tr-attach-1"));
    assert_eq!(script.requests.borrow()[4].base_url, "https://cbn.aliyuncs.com");
}

#[tokio::test(start_paused = true)]
async fn a_list_by_cursor_that_does_not_add_up_is_read_once_more_and_then_refused() {
    let nowhere = || vec![chained(2, 1..2, Some("a")), chained(2, 0..0, Some("b"))];
    let stays = || vec![chained(9, 1..2, Some("a")), chained(9, 2..3, Some("a"))];
    let fewer = || vec![chained(3, 1..3, None)];
    let more = || vec![chained(1, 1..3, None)];
    let changes = || vec![chained(2, 1..2, Some("a")), chained(3, 2..3, None)];
    let repeats = || vec![chained(2, 1..2, Some("a")), chained(2, 1..2, None)];
    let broken: [&dyn Fn() -> Vec<Reply>; 6] = [&nowhere, &stays, &fewer, &more, &changes, &repeats];
    for script in broken {
        let (client, sent) = client(script().into_iter().chain(script()));
        let error = client.router_attachment(REGION, "tr-1", "vco-1").await.unwrap_err();
        assert!(error.message.contains("contradicts itself"), "{error}");
        assert_eq!((error.retry, error.certainty), (Retry::Transient, Certainty::DidNotHappen));
        sent.actions();
    }
}

#[tokio::test(start_paused = true)]
async fn an_attachment_is_absent_only_where_its_transit_router_is_shown() {
    let none = || [ok(json!({"TotalCount": 0, ATTACHMENTS: []})), ok(json!({"TotalCount": 0})), chained(1, 7..8, None)];
    for listed in none() {
        let (client, script) = client([listed, tables(&["vtb-1"])]);
        assert_eq!(client.router_attachment(REGION, "tr-1", "vco-1").await, Ok(None));
        assert_eq!(script.actions().last().map(String::as_str), Some("ListTransitRouterRouteTables"));
    }
    for listed in none() {
        let (client, _) = client([listed, tables(&[])]);
        let error = client.router_attachment(REGION, "tr-1", "vco-1").await.unwrap_err();
        assert!(error.message.contains("tr-1") && !error.is_not_found(), "{error}");
    }
    let (client, _) = client([ok(json!({"TotalCount": 0, ATTACHMENTS: []})), tables(&["vtb-1"])]);
    assert_eq!(client.attachment_by_id("tr-1", "tr-attach-1").await, Ok(None));
}

/// A RequestId alone is how wrong parameters are answered.
#[tokio::test(start_paused = true)]
async fn an_answer_without_its_list_is_an_error() {
    let (client, _) = client((0..4).map(|_| ok(json!({}))));
    let errors = [
        client.router_attachment(REGION, "tr-1", "vco-1").await.err(),
        client.attachment_by_id("tr-1", "tr-attach-1").await.err(),
        client.associations("tr-attach-1").await.err(),
        client.propagations("tr-1", "tr-attach-1").await.err(),
    ];
    for error in errors {
        assert!(error.as_ref().is_some_and(|error| error.message.contains("is missing")), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_about_something_else_is_refused() {
    let other_router = {
        let mut row = attached("tr-attach-1", "vco-1");
        row["TransitRouterId"] = json!("tr-2");
        ok(json!({"TotalCount": 1, ATTACHMENTS: [row]}))
    };
    let stranger = json!([{"TransitRouterAttachmentId": "tr-attach-2", "TransitRouterRouteTableId": "vtb-1", "Status": "Active"}]);
    let (client, _) = client([
        other_router,
        chained(1, 2..3, None),
        ok(json!({"TotalCount": 1, "TransitRouterAssociations": stranger})),
        tables(&["vtb-1"]),
        ok(json!({"TotalCount": 1, "TransitRouterPropagations": stranger})),
        ok(json!({"TotalCount": 2, ATTACHMENTS: [attached("tr-attach-1", "vco-1"), attached("tr-attach-2", "vco-1")]})),
    ]);
    assert!(client.router_attachment(REGION, "tr-1", "vco-1").await.unwrap_err().message.contains("TransitRouterId"));
    assert!(client.attachment_by_id("tr-1", "tr-attach-1").await.unwrap_err().message.contains("TransitRouterAttachmentId"));
    assert!(client.associations("tr-attach-1").await.is_err());
    assert!(client.propagations("tr-1", "tr-attach-1").await.is_err());
    assert!(client.router_attachment(REGION, "tr-1", "vco-1").await.unwrap_err().message.contains("twice"));
}

#[tokio::test(start_paused = true)]
async fn cen_s_trouble_is_waited_for_and_a_refusal_is_not_an_absence() {
    let (client, script) = client([
        refusal(400, "Throttling.user"),
        refusal(400, "Operation.Blocking"),
        refusal(400, "IncorrectStatus.Status"),
        chained(1, 1..2, None),
    ]);
    assert!(client.attachment_by_id("tr-1", "tr-attach-1").await.unwrap().is_some());
    assert_eq!(script.actions().len(), 4);
    let (client, _) = self::client([refusal(403, "Forbidden.RAM")]);
    assert!(client.router_attachment(REGION, "tr-1", "vco-1").await.unwrap_err().is_forbidden());
}

// The other side.

#[tokio::test(start_paused = true)]
async fn a_diagnosis_is_about_what_was_asked_for() {
    let row = json!({"VpnConnectionId": "vco-1", "TunnelId": "tun-1", "FailedReasonCode": "PskMismatch", "FailedReason": "keys\u{1b}[1m differ",
                     "Severity": "Error", "MismatchLocalParam": "a", "MismatchRemoteParam": "b", "SourceLog": "AUTH_FAILED"});
    let (client, script) = client([
        page(2, "VpnConnections", json!([row, row])),
        page(1, "VpnConnections", json!([{"VpnConnectionId": "vco-1", "FailedReasonCode": "", "Severity": "Info"}])),
        page(1, "VpnConnections", json!([row])),
        page(1, "VpnConnections", json!([row])),
    ]);
    let found = client.diagnosis(REGION, "vco-1", Some("tun-1")).await.unwrap();
    assert_eq!((found.len(), found[0].code.as_str(), found[0].severity.as_str()), (2, "PskMismatch", "Error"));
    assert_eq!((found[0].local.as_str(), found[0].remote.as_str(), found[0].log.as_str()), ("a", "b", "AUTH_FAILED"));
    assert!(!found[0].reason.contains('\u{1b}'));
    assert_eq!(client.diagnosis(REGION, "vco-1", None).await, Ok(Vec::new()));
    assert!(client.diagnosis(REGION, "vco-1", Some("tun-2")).await.is_err());
    assert!(client.diagnosis(REGION, "vco-2", Some("tun-1")).await.is_err());
    assert_eq!((&*script.query(0)["TunnelIds.1"], script.query(0).get("VpnConnectionIds.1")), ("tun-1", None));
    assert_eq!((&*script.query(1)["VpnConnectionIds.1"], script.query(1).get("TunnelIds.1")), ("vco-1", None));
}

#[tokio::test(start_paused = true)]
async fn the_last_two_hundred_lines_of_a_log_are_read() {
    let logs = |lines: std::ops::Range<usize>| {
        let lines: Vec<String> = lines.map(|line| format!("line {line}\n")).collect();
        ok(json!({"Count": lines.len(), "Data": {"Logs": lines}, "IsCompleted": true}))
    };
    let (client, script) = client([logs(0..50), logs(50..63)]);
    let lines = client.connection_logs(REGION, "vco-1", Some("tun-1"), 60).await.unwrap();
    assert_eq!((lines.len(), lines[62].as_str()), (63, "line 62 "));
    let query = script.query(1);
    assert_eq!((&*query["PageNumber"], &*query["MinutePeriod"], &*query["TunnelId"]), ("2", "10", "tun-1"));
    assert_eq!(script.actions().len(), 2);

    let (client, script) = self::client((0..5).map(|page| logs(page * 50..page * 50 + 50)).chain([logs(250..250)]));
    let lines = client.connection_logs(REGION, "vco-1", None, 0).await.unwrap();
    assert_eq!((lines.len(), lines[0].as_str(), lines[199].as_str()), (200, "line 50 ", "line 249 "));
    assert_eq!((script.actions().len(), &*script.query(0)["MinutePeriod"], script.query(0).get("TunnelId")), (6, "1", None));

    let (client, script) = self::client((0..40).map(|page| logs(page * 50..page * 50 + 50)));
    assert_eq!(client.connection_logs(REGION, "vco-1", None, 1).await.unwrap().len(), 200, "one without an end has its bounds");
    assert_eq!(script.actions().len(), 40);

    let (client, _) = self::client([ok(json!({"Data": {}})), ok(json!({})), ok(json!({"Data": {"Logs": [1]}}))]);
    assert_eq!(client.connection_logs(REGION, "vco-1", None, 5).await, Ok(Vec::new()));
    assert!(client.connection_logs(REGION, "vco-1", None, 5).await.is_err());
    assert!(client.connection_logs(REGION, "vco-1", None, 5).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn the_device_s_configuration_of_both_kinds_of_connections() {
    let tunnel = |id: &str, lifetime: Value| {
        json!({"TunnelId": id, "Local": "203.0.113.10", "Remote": "198.51.100.1",
               "IkeConfig": {"IkeVersion": "ikev2", "IkeMode": "main", "IkeEncAlg": "aes256", "IkeAuthAlg": "sha256", "IkePfs": "group14",
                             "IkeLifetime": lifetime, "LocalId": "203.0.113.10", "RemoteId": "198.51.100.1", "Psk": "canary-psk"},
               "IpsecConfig": {"IpsecEncAlg": "aes", "IpsecAuthAlg": "sha1", "IpsecPfs": "disabled", "IpsecLifetime": "3600"}})
    };
    let bgp = json!({"TunnelId": "tun-2", "LocalAsn": 45104, "LocalBgpIp": "169.254.12.1", "PeerAsn": "65001", "PeerBgpIp": "169.254.12.2",
                     "TunnelCidr": "169.254.12.0/30"});
    let dual = json!({"LocalSubnet": "10.0.0.0/8", "RemoteSubnet": "192.168.0.0/16", "BgpConfigs": {"BgpConfig": [bgp]},
                      "TunnelsConfig": {"TunnelConfig": [tunnel("tun-1", json!(86400)), tunnel("tun-2", json!("86400"))]}});
    let mut single = tunnel("", json!(86400));
    single["TunnelsConfig"] = json!({});
    single["BgpConfigs"] = json!({"BgpConfig": [{"TunnelCidr": ""}]});
    let mut broken = single.clone();
    broken["IkeConfig"] = Value::Null;
    let shown = |configuration: &Value| ok(json!({"VpnConnectionConfig": configuration}));
    let (client, _) = client([shown(&dual), shown(&single), shown(&broken), ok(json!({}))]);

    let read = client.peer_configuration(REGION, "vco-1").await.unwrap();
    let ids: Vec<&str> = read.tunnels.iter().map(|tunnel| tunnel.id.as_str()).collect();
    assert_eq!((ids, read.local_subnet.as_str(), read.remote_subnet.as_str()), (vec!["tun-1", "tun-2"], "10.0.0.0/8", "192.168.0.0/16"));
    assert_eq!((&read.tunnels[0].bgp, read.tunnels[1].bgp.as_ref().unwrap().local_asn.as_str()), (&None, "45104"));
    let second = &read.tunnels[1];
    assert_eq!((second.ike_version.as_str(), second.ike_lifetime, second.ipsec_lifetime), ("ikev2", Some(86400), Some(3600)));
    assert_eq!((second.ike_encryption.as_str(), second.ipsec_authentication.as_str()), ("aes256", "sha1"));
    assert_eq!((second.local.as_str(), second.remote_id.as_str()), ("203.0.113.10", "198.51.100.1"));
    assert_eq!(second.psk.as_ref().unwrap().reveal(), "canary-psk");
    assert!(!format!("{read:?}").contains("canary"));

    let read = client.peer_configuration(REGION, "vco-1").await.unwrap();
    assert_eq!((read.tunnels.len(), read.tunnels[0].id.as_str(), &read.tunnels[0].bgp), (1, "", &None));
    let error = client.peer_configuration(REGION, "vco-1").await.unwrap_err();
    assert!(error.message.contains("IkeConfig") && !error.to_string().contains("canary"), "{error}");
    assert!(client.peer_configuration(REGION, "vco-1").await.is_err());
}

// All of it, against the simulated cloud's example.

fn example() -> Client {
    let clock = Clock::on_runtime_time("2025-06-15T03:04:05Z".parse().unwrap());
    let seed = Seed::parse(include_str!("../src/simulator/seed.example.json")).unwrap();
    let cloud = Rc::new(RefCell::new(Cloud::new(&seed, clock.now()).unwrap()));
    let now = clock.clone();
    let transport = Rc::new(InMemory::new(cloud, Rc::new(move || now.now())));
    let credentials = Credentials::lasting("simulated-access-key", "simulated-secret", "test");
    Client::with_transport(transport, credentials, Endpoints::public(), clock, Entropy::seeded(7))
}

#[tokio::test(start_paused = true)]
async fn the_simulated_cloud_is_read_whole() {
    let (client, region) = (example(), "cn-hangzhou");
    let connections = client.ipsec_connections(region).await.unwrap();
    assert_eq!((connections.len(), connections[0].tags["site"].as_str()), (5, "sh-01"));
    for listed in &connections {
        let (shape, body) = client.whole_connection(region, &listed.id).await.unwrap().unwrap();
        assert_eq!((&shape, body.0.get("RequestId")), (listed, None));
        let tunnels = client.peer_configuration(region, &listed.id).await.unwrap().tunnels;
        assert_eq!(tunnels.len(), shape.tunnels.len().max(1));
        assert!(tunnels.iter().all(|tunnel| tunnel.psk.as_ref().is_some_and(|psk| !psk.is_empty())));
        assert!(tunnels.iter().all(|tunnel| tunnel.bgp.is_some() == shape.bgp_enabled), "{tunnels:?}");
        let first = shape.tunnels.first().map(|tunnel| tunnel.id.as_str());
        client.diagnosis(region, &listed.id, first).await.unwrap();
        client.connection_logs(region, &listed.id, first, 10).await.unwrap();
    }
    assert_eq!(client.destination_routes(region, "vpn-dual").await.unwrap().len(), 1, "the one of BGP's is not");
    assert_eq!(client.policy_routes(region, "vpn-single").await.unwrap()[0].priority, Some(10));
    assert_eq!(client.connection_routes(region, "vco-attached").await.unwrap()[0].destination, "192.168.30.0/24");
    assert_eq!(client.connection_routes(region, "vco-legacy").await, Ok(Vec::new()));
    assert_eq!(client.attachment_descriptions(region).await.unwrap()["vco-attached"], "shown by DescribeVpnAttachments");
    assert_eq!(client.authorizations(region, "vco-unbound").await.unwrap()[0].account, "1111222233334444");
    let attachment = client.router_attachment(region, "tr-1", "vco-attached").await.unwrap().unwrap();
    assert_eq!((attachment.id.as_str(), &attachment.associations[..]), ("tr-attach-1", &["vtb-system".to_owned()][..]));
    assert_eq!((attachment.propagations.len(), attachment.zones.len()), (2, 0));
    let legacy = client.router_attachment(region, "tr-1", "vco-legacy").await.unwrap().unwrap();
    assert_eq!((legacy.zones.len(), legacy.associations.len(), legacy.propagations.len()), (1, 0, 0));
    assert_eq!(client.attachment_by_id("tr-1", &legacy.id).await.unwrap().unwrap().connection, "vco-legacy");
    assert_eq!(client.router_attachment(region, "tr-1", "vco-unbound").await, Ok(None));
    assert_eq!(client.attachment_by_id("tr-1", "tr-attach-gone").await, Ok(None));
    assert!(client.router_attachment(region, "tr-9", "vco-unbound").await.is_err(), "a transit router that nobody knows");
}

// Dry runs.

async fn dry(replies: Vec<Reply>) -> Result<(), CloudError> {
    let (client, script) = client(replies);
    let call = create_vpn_attachment(REGION, &json!({"Name": "n"}), &Tags::new(), None, true, "token");
    let result = client.dry_run(&call).await;
    assert!(script.actions().iter().all(|action| action == "CreateVpnAttachment"));
    assert_eq!(script.query(0)["DryRun"], "true");
    result
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_succeeds_by_one_error_and_by_nothing_else() {
    for status in [400, 200, 403, 500] {
        assert_eq!(dry(vec![refusal(status, "DryRunOperation").map(unsuccessful)]).await, Ok(()), "{status}");
    }
    let error = dry(vec![ok(json!({"VpnConnectionId": "vco-new"}))]).await.unwrap_err();
    assert_eq!((error.certainty, error.retry, error.request_id.as_deref()), (Certainty::MayHaveHappened, Retry::Never, Some("R-OK")));
    assert!(error.message.contains("may exist"), "{error}");
    for code in ["Resource.QuotaFull", "VpnConnection.InvalidCreateTunnelOptions", "Forbidden.RAM", "IllegalParam.LocalSubnet"] {
        let error = dry(vec![refusal(400, code)]).await.unwrap_err();
        assert_eq!((error.code.as_str(), error.certainty), (code, Certainty::DidNotHappen));
    }
    let error = dry(vec![no_answer()]).await.unwrap_err();
    assert_eq!(error.certainty, Certainty::MayHaveHappened, "the answer that got lost can have been a success");
    assert_eq!(dry(vec![not_sent(), refusal(400, "Throttling"), refusal(400, "DryRunOperation")]).await, Ok(()));
}

/// The calls that say so answer a refusal with HTTP 200 (cloud/api.md 2.4).
fn unsuccessful(mut answer: RawResponse) -> RawResponse {
    let mut body: Value = serde_json::from_slice(&answer.body).unwrap();
    body["Success"] = json!(false);
    answer.body = body.to_string().into_bytes();
    answer
}

#[tokio::test(start_paused = true)]
async fn what_is_no_dry_run_is_not_sent_as_one() {
    let (client, script) = client([]);
    for call in [
        create_vpn_connection(REGION, &json!({"VpnGatewayId": "vpn-1"}), true, &Tags::new(), false, "token"),
        delete_vpn_connection(REGION, "vco-1", "token"),
    ] {
        let error = client.dry_run(&call).await.unwrap_err();
        assert_eq!((error.certainty, error.retry), (Certainty::DidNotHappen, Retry::Never));
    }
    assert_eq!(script.actions().len(), 0);
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

proptest! {
    /// Every route of a list of any length is read, whatever the pages, and comes sorted.
    #[test]
    fn every_route_is_read(count in 0..130_usize) {
        let rows: Vec<Value> = (0..count).rev().map(|row| route(&format!("10.{row}.0.0/16"), "normal")).collect();
        let whole = |chunk: &[Value]| page(count, "VpnRouteEntries", json!({"VpnRouteEntry": chunk}));
        let mut pages: Vec<Reply> = rows.chunks(50).map(whole).collect();
        if count == 0 { pages.push(whole(&[])); }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let (client, script) = client(pages);
        let routes = runtime.block_on(client.destination_routes(REGION, "vpn-1")).unwrap();
        script.actions();
        let mut expected: Vec<String> = (0..count).map(|row| format!("10.{row}.0.0/16")).collect();
        expected.sort();
        prop_assert_eq!(routes.into_iter().map(|route| route.destination).collect::<Vec<_>>(), expected);
    }
}
