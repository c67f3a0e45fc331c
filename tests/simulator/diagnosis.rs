//! The cloud says why a tunnel is down, and how to configure the device.

use crate::modify::KINDS;
use crate::*;
use serde_json::{Value, json};

const DIAGNOSE: &str = "DiagnoseVpnConnections";
const LOGS: &str = "DescribeVpnConnectionLogs";

fn with_device(details: &str) -> Cloud {
    let device = format!(r#"[{{"Name": "d", "Address": "203.0.113.1"{details}}}]"#);
    let seed = format!(r#"{{"Switches": {{"CheckSignatures": false}}, "Devices": {device}, "Regions": {{{KINDS}}}}}"#);
    Cloud::new(&Seed::parse(&seed).unwrap(), start()).unwrap()
}

/// The row of tun-2 after its customer gateway, or what is sent besides, was changed at 0 and given a minute.
fn after(cloud: &mut Cloud, changes: &[(&str, &str)]) -> Value {
    succeed(cloud, at(0), "ModifyTunnelAttribute", &[&[("VpnConnectionId", "vco-dual"), ("TunnelId", "tun-2")][..], changes].concat());
    let page = succeed(cloud, at(60_000), DIAGNOSE, &[("TunnelIds.1", "tun-2")]).body;
    assert_eq!(page["TotalCount"], 1);
    page["VpnConnections"][0].clone()
}

fn field(name: &str) -> String {
    format!("TunnelOptionsSpecification.{name}")
}

#[test]
fn each_reason_is_told_apart() {
    let gateway = field("CustomerGatewayId");
    let psk = field("TunnelIkeConfig.Psk");
    let cases: Vec<(Parameters<'_>, &str, [&str; 2], &str)> = vec![
        (vec![], "", ["", ""], ""),
        (vec![(&gateway, "cgw-new")], "NegotiationTimeout", ["", ""], "giving up after 5 retransmits"),
        (vec![(&psk, "a-random-one")], "PskMismatch", ["", ""], "pre-shared keys may differ"),
    ];
    for (changes, code, params, log) in cases {
        let row = after(&mut with_device(""), &changes);
        assert_eq!(
            json!([row["FailedReasonCode"], row["MismatchLocalParam"], row["MismatchRemoteParam"]]),
            json!([code, params[0], params[1]])
        );
        assert!(row["SourceLog"].as_str().unwrap_or_default().contains(log), "{row}");
        assert!(!row.to_string().contains("a-random-one"), "no key is told");
    }
    let mut moved = with_device("");
    moved.move_device("d", &["203.0.113.2"], at(0));
    let row = after(&mut moved, &[(&gateway, "cgw-new")]);
    let told =
        ["FailedReasonCode", "MismatchLocalParam", "MismatchRemoteParam", "VpnConnectionId", "TunnelId"].map(|name| row[name].clone());
    assert_eq!(json!(told), json!(["RemoteIdMismatch", "203.0.113.1", "203.0.113.2", "vco-dual", "tun-2"]));
    assert_eq!(row["FailedTime"], at(0).as_millisecond());
    let row = after(&mut with_device(""), &[(&field("TunnelIkeConfig.IkeAuthAlg"), "sha512")]);
    assert_eq!(row["FailedReasonCode"], "AlgorithmMismatch");
    assert!(row["MismatchLocalParam"].as_str().unwrap().contains("sha512"), "{row}");
    let row = after(&mut with_device(""), &[(&field("TunnelIkeConfig.LocalId"), "cloud")]);
    assert_eq!(
        json!([row["FailedReasonCode"], row["MismatchLocalParam"], row["MismatchRemoteParam"]]),
        json!(["LocalIdMismatch", "cloud", "47.96.0.2"])
    );
}

#[test]
fn whom_a_diagnosis_is_about() {
    let mut cloud = cloud(KINDS);
    let ids = |cloud: &mut Cloud, parameters: &[(&str, &str)]| {
        let page = succeed(cloud, at(0), DIAGNOSE, parameters).body;
        let id = |row: &Value| format!("{}{}", row["VpnConnectionId"].as_str().unwrap(), row["TunnelId"].as_str().unwrap());
        page["VpnConnections"].as_array().unwrap().iter().map(id).collect::<Vec<_>>()
    };
    assert_eq!(ids(&mut cloud, &[("VpnConnectionIds.1", "vco-single"), ("TunnelIds.1", "tun-1")]), ["vco-dualtun-1", "vco-single"]);
    assert_eq!(ids(&mut cloud, &[("VpnGatewayId", "vpn-dual")]), ["vco-dualtun-1", "vco-dualtun-2"]);
    assert_eq!(ids(&mut cloud, &[("TunnelIds.1", "vco-single")]), [""; 0]);
    assert_eq!(ids(&mut cloud, &[("PageSize", "3"), ("PageNumber", "2")]).len(), 3);
    let waiting = succeed(&mut cloud, at(0), DIAGNOSE, &[("TunnelIds.1", "tun-1")]).body;
    assert_eq!(waiting["VpnConnections"][0]["FailedReasonCode"], "NegotiationTimeout");
    let mut get = Request::of(DIAGNOSE, &[("RegionId", REGION)]);
    get.method = "GET".to_owned();
    assert_eq!(cloud.handle(&get, at(0)).code(), "UnsupportedHTTPMethod");
}

fn lines(cloud: &mut Cloud, millis: u64, parameters: &[(&str, &str)]) -> (Vec<String>, Value) {
    let body = succeed(cloud, at(millis), LOGS, &[&[("VpnConnectionId", "vco-dual")][..], parameters].concat()).body;
    (body["Data"]["Logs"].as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned()).collect(), Value::clone(&body))
}

#[test]
fn the_log_tells_what_happened() {
    let mut cloud = with_device("");
    cloud.move_device("d", &["203.0.113.2"], at(60_000));
    let change = [(field("CustomerGatewayId"), "cgw-new"), (field("TunnelIkeConfig.RemoteId"), "203.0.113.2")];
    let change: Vec<(&str, &str)> = change.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    succeed(
        &mut cloud,
        at(130_000),
        "ModifyTunnelAttribute",
        &[&[("VpnConnectionId", "vco-dual"), ("TunnelId", "tun-2")][..], &change].concat(),
    );
    let (of_tunnel, body) = lines(&mut cloud, 200_000, &[("MinutePeriod", "10"), ("TunnelId", "tun-2"), ("PageSize", "50")]);
    assert!(of_tunnel.iter().all(|line| line.contains("<tun-2>")), "{of_tunnel:#?}");
    assert_eq!((&body["Count"], &body["IsCompleted"]), (&json!(of_tunnel.len()), &json!(true)));
    let count = |text: &str| of_tunnel.iter().filter(|line| line.contains(text)).count();
    assert_eq!(count("giving up after 5 retransmits"), 2, "at 60 s and at 120 s: {of_tunnel:#?}");
    assert_eq!(of_tunnel[0], "2025-01-02T03:04:05Z [CFG] <tun-2> loaded connection, peer 203.0.113.1");
    let last = of_tunnel.last().unwrap();
    assert!(last.starts_with("2025-01-02T03:06:16Z") && last.contains("CHILD_SA established"), "{last}");

    let (both, _) = lines(&mut cloud, 200_000, &[("MinutePeriod", "10"), ("PageSize", "50")]);
    assert!(both.iter().any(|line| line.contains("<tun-1>")) && both.len() > of_tunnel.len());
    let (first_page, body) = lines(&mut cloud, 200_000, &[("MinutePeriod", "10"), ("TunnelId", "tun-2"), ("PageSize", "3")]);
    assert_eq!((first_page.len(), &body["IsCompleted"]), (3, &json!(false)));
    let second = |millis| at(millis).as_second().to_string();
    let (recent, _) = lines(&mut cloud, 200_000, &[("From", &second(131_000)), ("To", &second(140_000)), ("TunnelId", "tun-2")]);
    assert_eq!(recent.len(), 3, "the last negotiation: {recent:#?}");
}

#[test]
fn refused_questions_for_logs() {
    let mut cloud = cloud(KINDS);
    for (parameters, code) in [
        (vec![("VpnConnectionId", "vco-dual")], "MissingParameter"),
        (vec![("VpnConnectionId", "vco-dual"), ("MinutePeriod", "11")], "IllegalParam.MinutePeriod"),
        (vec![("VpnConnectionId", "vco-dual"), ("From", "9"), ("To", "8")], "IllegalParam.From"),
        (vec![("VpnConnectionId", "vco-dual"), ("MinutePeriod", "1"), ("TunnelId", "tun-3")], "IllegalParam.TunnelId"),
        (vec![("VpnConnectionId", "vco-single"), ("MinutePeriod", "1"), ("TunnelId", "vco-single")], "IllegalParam.TunnelId"),
        (vec![("VpnConnectionId", "vco-x"), ("MinutePeriod", "1")], "InvalidVpnConnectionInstanceId.NotFound"),
    ] {
        assert_eq!(ask(&mut cloud, at(0), LOGS, &parameters).code(), code, "{parameters:?}");
    }
}

#[test]
fn a_tunnel_that_stays_down_for_long_has_a_log_of_a_day() {
    let mut cloud = with_device("");
    cloud.move_device("d", &[], at(0));
    let month = 30 * 24 * 3600 * 1000;
    let (from, to) = (at(0).as_second().to_string(), at(month).as_second().to_string());
    let (_, body) = lines(&mut cloud, month, &[("From", &from), ("To", &to), ("TunnelId", "tun-1")]);
    let count = body["Count"].as_u64().unwrap();
    assert!((10_000..11_000).contains(&count), "{count}");
}

#[test]
fn the_configuration_of_the_device() {
    let masked = r#""CheckSignatures": false, "MaskPsk": "stars""#;
    let mut cloud = cloud_with(masked, KINDS);
    let config = |cloud: &mut Cloud, id| {
        succeed(cloud, at(0), "DownloadVpnConnectionConfig", &[("VpnConnectionId", id)]).body["VpnConnectionConfig"].clone()
    };
    let single = config(&mut cloud, "vco-single");
    assert_eq!(json!([single["Local"], single["Remote"]]), json!(["203.0.113.1", "47.96.0.3"]), "the device's side is local");
    let ike = &single["IkeConfig"];
    assert_eq!(
        json!([ike["Psk"], ike["LocalId"], ike["RemoteId"], ike["IkeLifetime"]]),
        json!(["key-single", "203.0.113.1", "47.96.0.3", 86_400])
    );
    let dual = config(&mut cloud, "vco-dual");
    let tunnels = dual["TunnelsConfig"]["TunnelConfig"].as_array().unwrap();
    assert_eq!(
        json!([tunnels[1]["TunnelId"], tunnels[1]["IkeConfig"]["Psk"], tunnels[1]["Remote"]]),
        json!(["tun-2", "key-two", "47.96.0.2"])
    );
    assert_eq!(json!([dual["LocalSubnet"], dual["BgpConfigs"]["BgpConfig"]]), json!(["0.0.0.0/0", []]));
    assert_eq!(
        ask(&mut cloud, at(0), "DownloadVpnConnectionConfig", &[("VpnConnectionId", "x")]).code(),
        "InvalidVpnConnectionInstanceId.NotFound"
    );
}
