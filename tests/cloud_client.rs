//! The client against a scripted cloud: what is sent, how often, and what the answers are taken to mean.

#![allow(clippy::unwrap_used)]

mod common;

use cgwd::cloud::customer_gateways::{
    NewCustomerGateway, create_customer_gateway, created_id, delete_customer_gateway, tag_customer_gateway,
};
use cgwd::cloud::error::{Certainty, CloudError, Retry};
use cgwd::cloud::transport::RawResponse;
use cgwd::model::{Attachment, Secret, Tags, Timestamp, TunnelRole};
use common::scripted::{Reply, SECRET, START, answer, client, no_answer, not_sent, ok, refusal};
use serde_json::{Value, json};
use std::time::Duration;

fn with_header(reply: Reply, name: &str, value: &str) -> Reply {
    reply.map(|mut answer| {
        answer.headers.push((name.to_owned(), value.to_owned()));
        answer
    })
}

fn gateway(number: usize) -> Value {
    json!({"CustomerGatewayId": format!("cgw-{number}"), "IpAddress": format!("203.0.113.{}", number % 250), "Asn": 65001,
           "Name": "n", "Description": "d", "CreateTime": 1_735_787_045_000_i64, "ResourceGroupId": "rg-1",
           "Tags": {"Tag": [{"Key": "cgwd-device", "Value": "branch"}]}})
}

fn page(total: usize, rows: impl IntoIterator<Item = usize>) -> Reply {
    let rows: Vec<Value> = rows.into_iter().map(gateway).collect();
    ok(json!({"TotalCount": total, "PageNumber": 1, "PageSize": 50, "CustomerGateways": {"CustomerGateway": rows}}))
}

fn new_gateway() -> NewCustomerGateway {
    NewCustomerGateway {
        region: "cn-shanghai".into(),
        ip: "203.0.113.10".parse().unwrap(),
        asn: "65001".parse().ok(),
        name: "branch".into(),
        description: String::new(),
        auth_key: Some(Secret::new("canary-auth-key")),
        resource_group: None,
        tags: Tags::from([("cgwd-device".into(), "branch".into())]),
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_is_read_to_its_end() {
    let (client, script) = client([page(120, 0..50), page(120, 50..100), page(120, 100..120)]);
    let gateways = client.customer_gateways("cn-shanghai").await.unwrap();
    assert_eq!((gateways.len(), script.sent()), (120, 3));
    for (index, number) in ["1", "2", "3"].iter().enumerate() {
        let query = script.query(index);
        assert_eq!((&*query["PageNumber"], &*query["PageSize"], &*query["RegionId"]), (*number, "50", "cn-shanghai"));
    }
    let first = &gateways[0];
    assert_eq!((first.asn.map(|asn| asn.number()), first.tags["cgwd-device"].as_str()), (Some(65001), "branch"));
    assert_eq!(first.created, START.parse::<Timestamp>().ok());
    assert_eq!(script.requests.borrow()[0].1.base_url, "https://vpc.cn-shanghai.aliyuncs.com");
}

#[tokio::test(start_paused = true)]
async fn a_list_that_does_not_add_up_is_read_once_more_and_then_refused() {
    let broken: [&dyn Fn() -> Vec<Reply>; 6] = [
        &|| vec![page(120, 0..50), page(120, 50..90)],
        &|| vec![page(60, 0..50), page(61, 50..60)],
        &|| vec![page(60, 0..50), page(60, 45..55)],
        &|| vec![page(3, 0..2)],
        &|| vec![page(1, 0..2)],
        &|| vec![page(2, [7, 7])],
    ];
    for script in broken {
        let (once, sent) = client(script().into_iter().chain([page(1, 0..1)]));
        assert_eq!(once.customer_gateways("cn-shanghai").await.unwrap().len(), 1);
        sent.sent();
        let (twice, sent) = client(script().into_iter().chain(script()));
        let error = twice.customer_gateways("cn-shanghai").await.unwrap_err();
        assert!(error.message.contains("contradicts itself"), "{error}");
        assert_eq!((error.retry, error.certainty), (Retry::Transient, Certainty::DidNotHappen));
        sent.sent();
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_region_is_an_empty_list_and_a_missing_list_is_an_error() {
    let (client, _) = client([page(0, []), ok(json!({"TotalCount": 0})), ok(json!({"TotalCount": 0, "CustomerGateways": {}}))]);
    assert_eq!(client.customer_gateways("cn-shanghai").await, Ok(Vec::new()));
    for _ in 0..2 {
        let error = client.customer_gateways("cn-shanghai").await.unwrap_err();
        assert!(error.message.contains("CustomerGateways"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_odd_field_is_an_error_that_names_it() {
    let odd = [
        ("IpAddress", Value::Null),
        ("IpAddress", json!("2001:db8::1")),
        ("IpAddress", json!(["203.0.113.1"])),
        ("Asn", json!("70000.1")),
        ("Asn", json!({})),
        ("CreateTime", json!("yesterday")),
        ("CustomerGatewayId", json!("")),
        ("Tags", json!("none")),
    ];
    for (field, value) in odd {
        let mut row = gateway(1);
        row[field] = value.clone();
        let (client, _) = client([ok(json!({"TotalCount": 1, "CustomerGateways": {"CustomerGateway": [row]}}))]);
        let error = client.customer_gateways("cn-shanghai").await.unwrap_err();
        assert!(error.message.contains(&format!("CustomerGateways.CustomerGateway[0].{field}")), "{value}: {error}");
        assert_eq!(error.request_id.as_deref(), Some("R-OK"));
    }
}

#[tokio::test(start_paused = true)]
async fn only_the_real_code_means_that_it_does_not_exist() {
    let (client, _) = client([
        refusal(404, "InvalidCustomerGatewayInstanceId.NotFound"),
        refusal(403, "InvalidCustomerGatewayInstanceId.NotFound"),
        refusal(403, "Forbidden"),
        refusal(403, "Forbbiden.SubUser"),
        refusal(404, "InvalidAccessKeyId.NotFound"),
        refusal(404, "InvalidRegionId.NotFound"),
        refusal(404, "InvalidVpnGatewayInstanceId.NotFound"),
        ok(json!({"CustomerGatewayId": "cgw-other", "IpAddress": "203.0.113.1"})),
    ]);
    assert_eq!(client.customer_gateway("cn-shanghai", "cgw-1").await, Ok(None));
    for forbidden in [true, true, true, false, false] {
        let error = client.customer_gateway("cn-shanghai", "cgw-1").await.unwrap_err();
        assert!(!error.is_not_found(), "{error}");
        assert!(!forbidden || error.status == 403);
    }
    assert!(client.customer_gateway("cn-shanghai", "cgw-1").await.is_err(), "another resource's code");
    let error = client.customer_gateway("cn-shanghai", "cgw-1").await.unwrap_err();
    assert!(error.message.contains("CustomerGatewayId"), "an answer about another one: {error}");
}

#[tokio::test(start_paused = true)]
async fn a_read_waits_as_long_as_the_cloud_says_and_no_less() {
    let throttled = with_header(refusal(400, "Throttling.User"), "x-acs-retry-after", "2000");
    let (client, script) = client([throttled, page(0, [])]);
    client.customer_gateways("cn-shanghai").await.unwrap();
    assert_eq!(script.sent(), 2);
    let requests = script.requests.borrow();
    assert!(requests[1].0 - requests[0].0 >= Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn a_read_outlives_passing_trouble_within_bounds() {
    let garbage = || Ok(RawResponse { status: 200, headers: Vec::new(), body: b"<html>portal".to_vec().into() });
    let (client, script) =
        client([not_sent(), no_answer(), refusal(503, "ServiceUnavailable"), garbage(), refusal(400, "TaskConflict"), page(0, [])]);
    client.customer_gateways("cn-shanghai").await.unwrap();
    assert_eq!(script.sent(), 6);
    let nonces: std::collections::BTreeSet<String> = (0..6).map(|index| script.header(index, "x-acs-signature-nonce")).collect();
    assert_eq!(nonces.len(), 6, "every try is signed anew");

    let (client, script) = self::client((0..6).map(|_| no_answer()));
    let started = tokio::time::Instant::now();
    let error = client.customer_gateways("cn-shanghai").await.unwrap_err();
    assert_eq!((error.retry, error.certainty, script.sent()), (Retry::Transient, Certainty::DidNotHappen, 6));
    assert!(started.elapsed() <= Duration::from_secs(20));
}

#[tokio::test(start_paused = true)]
async fn final_refusals_are_sent_once() {
    for (status, code) in [
        (403, "Forbidden.RAM"),
        (403, "NoPermission"),
        (404, "InvalidAccessKeyId.NotFound"),
        (400, "InvalidParameter.X"),
        (400, "NeverHeardOf"),
    ] {
        let (client, script) = client([refusal(status, code)]);
        let error = client.customer_gateways("cn-shanghai").await.unwrap_err();
        assert_eq!((error.retry, error.code.as_str(), script.sent()), (Retry::Never, code, 1));
        assert!(!error.remedy.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn the_cloud_s_clock_is_learnt_and_used_once() {
    let late = || with_header(refusal(400, "InvalidTimeStamp.Expired"), "date", "Thu, 02 Jan 2025 04:04:05 GMT");
    let (client, script) = client([late(), page(0, []), late(), late()]);
    assert_eq!((client.clock_offset(), client.last_contact()), (jiff::SignedDuration::ZERO, None));
    client.customer_gateways("cn-shanghai").await.unwrap();
    assert_eq!(client.clock_offset(), jiff::SignedDuration::from_hours(1));
    assert_eq!(client.last_contact(), START.parse().ok());
    assert_eq!(script.header(0, "x-acs-date"), START);
    assert_eq!(script.header(1, "x-acs-date"), "2025-01-02T04:04:05Z");
    let error = client.customer_gateways("cn-shanghai").await.unwrap_err();
    assert_eq!((error.retry, script.sent()), (Retry::Clock, 4));
}

#[tokio::test(start_paused = true)]
async fn with_a_clock_far_off_there_are_reads_and_no_writes() {
    let (client, script) = client([with_header(page(0, []), "date", "Thu, 02 Jan 2031 03:04:05 GMT"), page(0, [])]);
    client.customer_gateways("cn-shanghai").await.unwrap();
    client.customer_gateways("cn-shanghai").await.unwrap();
    assert_eq!(script.header(1, "x-acs-date"), "2031-01-02T03:04:05Z");
    let error = client.write(&create_customer_gateway(&new_gateway(), "token")).await.unwrap_err();
    assert_eq!((error.retry, error.certainty, script.sent()), (Retry::Clock, Certainty::DidNotHappen, 2));

    let far = with_header(refusal(400, "InvalidTimeStamp.Expired"), "date", "Thu, 02 Jan 2031 03:04:05 GMT");
    let (client, script) = self::client([far]);
    let error = client.write(&create_customer_gateway(&new_gateway(), "token")).await.unwrap_err();
    assert!(error.message.contains("clock is off"), "{error}");
    assert_eq!((error.retry, script.sent()), (Retry::Clock, 1));
}

#[tokio::test(start_paused = true)]
async fn a_write_is_sent_three_times_at_most_under_one_token() {
    let (client, script) = client([no_answer(), refusal(500, "InternalError"), ok(json!({"CustomerGatewayId": "cgw-new"}))]);
    let written = client.write(&create_customer_gateway(&new_gateway(), "token-1")).await.unwrap();
    assert_eq!((created_id(&written).as_deref(), written.request_id.as_str()), (Ok("cgw-new"), "R-OK"));
    assert_eq!(script.sent(), 3);
    assert_eq!(script.query(0), script.query(1));
    assert_eq!(script.query(1), script.query(2));
    assert_eq!(script.query(0)["ClientToken"], "token-1");
    let differ = |name| script.header(0, name) != script.header(1, name) && script.header(1, name) != script.header(2, name);
    assert!(differ("x-acs-signature-nonce") && differ("authorization"));

    let (client, script) = self::client((0..3).map(|_| no_answer()));
    let error = client.write(&delete_customer_gateway("cn-shanghai", "cgw-1", "token-2")).await.unwrap_err();
    assert_eq!((error.certainty, script.sent()), (Certainty::MayHaveHappened, 3));
}

#[tokio::test(start_paused = true)]
async fn a_write_is_uncertain_when_any_try_was() {
    let cases: Vec<(Vec<Reply>, Certainty)> = vec![
        (vec![not_sent(), not_sent(), not_sent()], Certainty::DidNotHappen),
        (vec![refusal(400, "InvalidIpAddress.AlreadyExist")], Certainty::DidNotHappen),
        (vec![no_answer(), refusal(400, "InvalidIpAddress.AlreadyExist")], Certainty::MayHaveHappened),
        (vec![not_sent(), refusal(403, "Forbidden")], Certainty::DidNotHappen),
        (vec![no_answer(), refusal(403, "Forbidden")], Certainty::MayHaveHappened),
        (vec![no_answer(), not_sent(), refusal(400, "VpnGateway.Configuring")], Certainty::MayHaveHappened),
        (vec![refusal(400, "InternalError"), refusal(400, "InternalError"), refusal(400, "InternalError")], Certainty::MayHaveHappened),
        (vec![answer(200, json!("no object")), refusal(400, "Resource.QuotaFull")], Certainty::MayHaveHappened),
        (vec![answer(502, json!({})), refusal(400, "Resource.QuotaFull")], Certainty::MayHaveHappened),
        (vec![refusal(400, "SignatureNonceUsed"), refusal(400, "Resource.QuotaFull")], Certainty::MayHaveHappened),
        (vec![refusal(400, "IdempotentParameterMismatch")], Certainty::MayHaveHappened),
        (vec![refusal(400, "IdempotentFailed")], Certainty::MayHaveHappened),
        (vec![refusal(400, "IdempotentProcessing")], Certainty::MayHaveHappened),
        (vec![answer(200, json!({"RequestId": "R", "Code": "VpnConnection.Configuring", "Success": false}))], Certainty::MayHaveHappened),
        (vec![refusal(400, "Throttling"), refusal(400, "Throttling"), refusal(400, "Throttling")], Certainty::DidNotHappen),
    ];
    for (replies, certainty) in cases {
        let shown = format!("{replies:?}");
        let (client, script) = client(replies);
        let error = client.write(&create_customer_gateway(&new_gateway(), "token")).await.unwrap_err();
        assert_eq!(error.certainty, certainty, "{shown}: {error}");
        script.sent();
    }
}

#[tokio::test(start_paused = true)]
async fn a_busy_object_is_the_writer_s_to_wait_for() {
    for code in ["VpnGateway.task.conflict", "VpnGateway.Configuring", "OperationConflict", "LastTokenProcessing"] {
        let (client, script) = client([refusal(400, code)]);
        let error = client.write(&delete_customer_gateway("cn-shanghai", "cgw-1", "t")).await.unwrap_err();
        assert!(error.is_busy(), "{error}");
        assert_eq!(script.sent(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn the_hash_of_a_write_is_of_everything_but_its_token() {
    let call = create_customer_gateway(&new_gateway(), "one");
    assert_eq!(call.request_hash(), create_customer_gateway(&new_gateway(), "two").request_hash());
    assert_eq!(call.request_hash().len(), 64);
    let other = NewCustomerGateway { asn: None, ..new_gateway() };
    assert_ne!(call.request_hash(), create_customer_gateway(&other, "one").request_hash());
    let (create, delete) = (tag_customer_gateway("r", "cgw-1", &Tags::new()), delete_customer_gateway("r", "cgw-1", "t"));
    assert_ne!(create.request_hash(), delete.request_hash());
    let shown = format!("{call:?} {:?}", new_gateway());
    assert!(!shown.contains("canary") && shown.contains("AuthKey"), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn no_secret_comes_back_in_an_error() {
    let echo = |code: &str| {
        let message = format!("bad canary-auth-key with {SECRET}\n\u{1b}[31m, string to sign POST&canary-auth-key");
        answer(400, json!({"RequestId": "R", "Code": code, "Message": message}))
    };
    for code in ["InvalidParameter", "SignatureDoesNotMatch", "NeverHeardOf"] {
        let (client, _) = client([echo(code)]);
        let error = client.write(&create_customer_gateway(&new_gateway(), "t")).await.unwrap_err();
        let shown = format!("{error} {error:?} {}", error.remedy);
        assert!(!shown.contains("canary"), "{shown}");
        assert!(!error.to_string().contains(['\n', '\u{1b}']), "{shown}");
    }
    let (client, script) = client([page(0, [])]);
    client.customer_gateways("cn-shanghai").await.unwrap();
    let shown = format!("{:?} {:?}", script.requests.borrow()[0].1, page(1, 0..1));
    assert!(!shown.contains("canary") && !shown.contains("RegionId"), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn a_wrong_region_never_becomes_a_host() {
    let (client, script) = client([]);
    let error = client.customer_gateways("evil.example/x").await.unwrap_err();
    assert_eq!((error.retry, error.certainty, script.sent()), (Retry::Never, Certainty::DidNotHappen, 0));
}

fn tunnel(index: u8, role: &str) -> Value {
    json!({"TunnelId": format!("tun-{index}"), "TunnelIndex": index, "Role": role, "CustomerGatewayId": "cgw-1", "State": "active",
           "Status": "ipsec_sa_established", "InternetIp": "198.51.100.1", "EnableDpd": "true",
           "TunnelIkeConfig": {"RemoteId": "203.0.113.10", "IkeLifetime": "86400", "Psk": "canary-psk"}, "TunnelBgpConfig": {"BgpStatus": "success"}})
}

fn dual() -> Value {
    json!({"VpnConnectionId": "vco-1", "VpnGatewayId": "vpn-1", "CustomerGatewayId": "cgw-1", "Name": "n", "State": "active",
           "Status": "ipsec_sa_established", "LocalSubnet": "10.0.0.0/8", "RemoteSubnet": "192.168.0.0/16", "EnableTunnelsBgp": "true",
           "TunnelOptionsSpecification": {"TunnelOptions": [tunnel(1, "master"), tunnel(2, "slave")]}})
}

fn single() -> Value {
    json!({"VpnConnectionId": "vco-1", "VpnGatewayId": "vpn-not-exist", "CustomerGatewayId": "cgw-1", "TransitRouterId": "tr-1", "State": "attached",
           "Status": "ike_sa_not_established", "InternetIp": "", "IkeConfig": {"RemoteId": "203.0.113.10"},
           "VpnBgpConfig": {"EnableBgp": "false"}, "TunnelOptionsSpecification": {"TunnelOptions": []}})
}

async fn read_connection(body: Value) -> Result<cgwd::model::IpsecConnection, CloudError> {
    let (client, _) = client([ok(body)]);
    client.ipsec_connection("cn-shanghai", "vco-1").await.map(Option::unwrap)
}

#[tokio::test(start_paused = true)]
async fn connections_are_read_in_all_their_forms() {
    let connection = read_connection(dual()).await.unwrap();
    assert!(connection.is_dual() && connection.bgp_enabled && connection.refers_to("cgw-1"));
    assert_eq!(connection.attachment, Attachment::VpnGateway("vpn-1".into()));
    let roles: Vec<(u8, TunnelRole)> = connection.tunnels.iter().map(|tunnel| (tunnel.index, tunnel.role)).collect();
    assert_eq!(roles, [(1, TunnelRole::Active), (2, TunnelRole::Standby)]);
    assert_eq!((connection.tunnels[0].remote_id.as_str(), connection.tunnels[1].bgp_status.as_str()), ("203.0.113.10", "success"));

    let connection = read_connection(single()).await.unwrap();
    assert!(!connection.is_dual() && !connection.bgp_enabled && connection.refers_to("cgw-1"));
    assert_eq!((connection.attachment, connection.internet_ip), (Attachment::TransitRouter("tr-1".into()), None));

    let mut unbound = single();
    unbound["TransitRouterId"] = json!("");
    unbound["State"] = json!("init");
    unbound["TunnelOptionsSpecification"] = json!({});
    unbound["VpnBgpConfig"] = json!({"TunnelCidr": "169.254.11.0/30"});
    let connection = read_connection(unbound).await.unwrap();
    assert_eq!((connection.attachment, connection.bgp_enabled), (Attachment::Unbound, true));

    let mut bare = dual();
    bare["TunnelOptionsSpecification"] =
        json!([tunnel(2, "slave"), {"TunnelId": "tun-1", "TunnelIndex": "1", "CustomerGatewayId": "cgw-2", "TunnelIkeConfig": {}}]);
    let connection = read_connection(bare).await.unwrap();
    assert_eq!((connection.tunnels[1].role, connection.tunnels[1].customer_gateway_id.as_str()), (TunnelRole::Active, "cgw-2"));
}

#[tokio::test(start_paused = true)]
async fn connections_that_cannot_be_told_are_errors() {
    let change = |mut body: Value, pointer: &str, value: Value| {
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    let odd = [
        (change(dual(), "/TunnelOptionsSpecification/TunnelOptions", json!([tunnel(1, "master")])), "TunnelOptionsSpecification"),
        (change(dual(), "/TunnelOptionsSpecification/TunnelOptions/0/Role", json!("boss")), "Role"),
        (
            change(dual(), "/TunnelOptionsSpecification/TunnelOptions/0/CustomerGatewayId", Value::Null),
            "TunnelOptions[0].CustomerGatewayId",
        ),
        (change(dual(), "/EnableTunnelsBgp", json!("maybe")), "EnableTunnelsBgp"),
        (change(dual(), "/State", Value::Null), "State"),
        (change(single(), "/CustomerGatewayId", json!("")), "CustomerGatewayId"),
        (change(single(), "/IkeConfig", Value::Null), "IkeConfig"),
        (change(single(), "/TransitRouterId", Value::Null), "TransitRouterId"),
    ];
    for (body, field) in odd {
        let error = read_connection(body).await.unwrap_err();
        assert!(error.message.contains(field) && !error.to_string().contains("canary"), "{field}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn gateways_regions_and_transit_routers() {
    let (client, script) = client([
        ok(
            json!({"VpnGatewayId": "vpn-1", "Status": "active", "NetworkType": "public", "InternetIp": "198.51.100.1", "DisasterRecoveryInternetIp": "198.51.100.2"}),
        ),
        refusal(404, "InvalidVpnGatewayInstanceId.NotFound"),
        ok(json!({"Regions": {"Region": [{"RegionId": "cn-hangzhou", "RegionEndpoint": "vpc.aliyuncs.com"}, {"RegionId": "cn-x"}]}})),
        ok(json!({"TransitRouterRouteTables": [{"TransitRouterId": "tr-1", "RegionId": "cn-beijing"}]})),
        ok(json!({"TotalCount": 0, "TransitRouterRouteTables": []})),
        ok(json!({})),
        ok(json!({"TransitRouterRouteTables": [{"TransitRouterId": "tr-2", "RegionId": "cn-beijing"}]})),
        ok(json!({"TransitRouterRouteTables": [{"TransitRouterId": "tr-1"}]})),
    ]);
    let gateway = client.vpn_gateway("cn-shanghai", "vpn-1").await.unwrap().unwrap();
    assert_eq!((gateway.status.as_str(), gateway.internet_ips.len()), ("active", 2));
    assert_eq!(client.vpn_gateway("cn-shanghai", "vpn-1").await, Ok(None));
    let regions = client.regions().await.unwrap();
    assert_eq!((regions.len(), regions[0].endpoint.as_deref(), regions[1].endpoint.as_deref()), (2, Some("vpc.aliyuncs.com"), None));
    assert_eq!(client.transit_router("tr-1").await.unwrap().unwrap().region, "cn-beijing");
    assert_eq!(script.requests.borrow()[3].1.base_url, "https://cbn.aliyuncs.com");
    assert_eq!(script.header(3, "x-acs-version"), "2017-09-12");
    assert_eq!(client.transit_router("tr-1").await, Ok(None));
    assert_eq!(client.transit_router("tr-1").await, Ok(None));
    assert!(client.transit_router("tr-1").await.unwrap_err().message.contains("TransitRouterId"));
    assert!(client.transit_router("tr-1").await.unwrap_err().message.contains("RegionId"));
}
