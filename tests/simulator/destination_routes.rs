use crate::connections::{ALL, with};
use crate::*;
use serde_json::Value;

pub const NEW: [(&str, &str); 5] = [
    ("VpnGatewayId", "vpn-single"),
    ("RouteDest", "192.168.1.0/24"),
    ("NextHop", "vco-single"),
    ("Weight", "100"),
    ("PublishVpc", "false"),
];

/// Without `PublishVpc`, which other calls than Create don't take.
const THAT: [(&str, &str); 4] = [NEW[0], NEW[1], NEW[2], NEW[3]];

fn rows(cloud: &mut Cloud, now: Timestamp, gateway: &str) -> Vec<Value> {
    let page = succeed(cloud, now, "DescribeVpnRouteEntries", &[("VpnGatewayId", gateway), ("PageSize", "50")]);
    page.body["VpnRouteEntries"]["VpnRouteEntry"].as_array().unwrap().clone()
}

fn gateway_status(cloud: &mut Cloud, now: Timestamp) -> String {
    text(&succeed(cloud, now, "DescribeVpnGateway", &[("VpnGatewayId", "vpn-single")]), "Status")
}

#[test]
fn the_life_of_a_destination_route() {
    let mut cloud = cloud(ALL);
    let new = with(&NEW, &[("PublishVpc", "true"), ("Description", "to the branch"), ("OverlayMode", "Ipsec")]);
    let made = succeed(&mut cloud, at(0), "CreateVpnRouteEntry", &new);
    assert_eq!((text(&made, "Description"), text(&made, "OverlayMode")), ("to the branch".to_owned(), "Ipsec".to_owned()));
    assert_eq!((text(&made, "VpnInstanceId"), text(&made, "RouteDest")), ("vpn-single".to_owned(), "192.168.1.0/24".to_owned()));
    assert_eq!(gateway_status(&mut cloud, at(999)), "updating");

    let found = rows(&mut cloud, at(1000), "vpn-single");
    assert_eq!((found.len(), gateway_status(&mut cloud, at(1000)).as_str()), (1, "active"));
    assert_eq!((&found[0]["State"], &found[0]["NextHop"], &found[0]["Weight"]), (&"published".into(), &"vco-single".into(), &100.into()));
    assert!(found[0].get("Description").is_none() && found[0].get("OverlayMode").is_none(), "neither is told again: {}", found[0]);

    succeed(&mut cloud, at(1000), "ModifyVpnRouteEntryWeight", &with(&THAT, &[("NewWeight", "0")]));
    let old_weight = ask(&mut cloud, at(2000), "DeleteVpnRouteEntry", &THAT);
    assert_eq!((old_weight.status, old_weight.code()), (404, "InvalidRouteEntry.NotFound"));
    let standby = with(&THAT, &[("Weight", "0")]);
    succeed(&mut cloud, at(2000), "DeleteVpnRouteEntry", &standby);
    assert_eq!(rows(&mut cloud, at(2999), "vpn-single").len(), 1, "still there while the gateway is updating");
    assert_eq!(ask(&mut cloud, at(2999), "DeleteVpnRouteEntry", &standby).code(), "VpnRouteEntry.Configuring");
    assert_eq!(rows(&mut cloud, at(3000), "vpn-single").len(), 0);
    assert_eq!(ask(&mut cloud, at(3000), "DeleteVpnRouteEntry", &standby).code(), "InvalidRouteEntry.NotFound");
}

#[test]
fn one_change_of_a_gateway_at_a_time() {
    let mut cloud = cloud(ALL);
    succeed(&mut cloud, at(0), "CreateVpnRouteEntry", &NEW);
    let other = with(&NEW, &[("RouteDest", "192.168.2.0/24")]);
    assert_eq!(ask(&mut cloud, at(999), "CreateVpnRouteEntry", &other).code(), "VpnGateway.Configuring");
    assert_eq!(ask(&mut cloud, at(999), "DeleteVpnConnection", &[("VpnConnectionId", "vco-single")]).code(), "VpnGateway.Configuring");
    succeed(&mut cloud, at(999), "CreateVpnRouteEntry", &with(&NEW, &[("VpnGatewayId", "vpn-dual"), ("NextHop", "vco-dual")]));
    succeed(&mut cloud, at(1000), "DeleteVpnConnection", &[("VpnConnectionId", "vco-single")]);
    assert_eq!(ask(&mut cloud, at(1999), "CreateVpnRouteEntry", &other).code(), "VpnGateway.Configuring");
}

#[test]
fn what_a_new_route_must_be() {
    let cases = [
        (("RouteDest", "0.0.0.0/0"), "IllegalParam.RouteDest"),
        (("RouteDest", "192.168.1.1/24"), "IllegalParam.RouteDest"),
        (("RouteDest", ""), "MissingParameter"),
        (("Weight", "50"), "IllegalParam.Weight"),
        (("Weight", ""), "MissingParameter"),
        (("PublishVpc", ""), "MissingParameter"),
        (("OverlayMode", "Gre"), "IllegalParam.OverlayMode"),
        (("Description", "http://x"), "InvalidDescription"),
        (("NextHop", "vco-x"), "InvalidVpnConnectionInstanceId.NotFound"),
        (("NextHop", "vco-dual"), "IllegalParam.NextHop"),
        (("VpnGatewayId", "vpn-x"), "InvalidVpnGatewayInstanceId.NotFound"),
        (("VpnGatewayId", "vpn-locked"), "VpnGateway.FinancialLocked"),
        (("DryRun", "true"), "DryRunOperation"),
    ];
    for (change, code) in cases {
        assert_eq!(ask(&mut cloud(ALL), at(0), "CreateVpnRouteEntry", &with(&NEW, &[change])).code(), code, "{change:?}");
    }
    let mut cloud = cloud(ALL);
    succeed(&mut cloud, at(0), "CreateVpnRouteEntry", &NEW);
    assert_eq!(ask(&mut cloud, at(1000), "CreateVpnRouteEntry", &NEW).code(), "InvalidRouteEntry.AlreadyExists");
}

#[test]
fn a_repeated_token_makes_one_route() {
    let mut cloud = cloud(ALL);
    let new = with(&NEW, &[("ClientToken", "t-1")]);
    succeed(&mut cloud, at(0), "CreateVpnRouteEntry", &new);
    succeed(&mut cloud, at(1), "CreateVpnRouteEntry", &new);
    assert_eq!(rows(&mut cloud, at(1), "vpn-single").len(), 1);
}

#[test]
fn twenty_destination_routes_per_gateway() {
    let mut cloud = cloud(ALL);
    for number in 0..20 {
        let destination = format!("192.168.{number}.0/24");
        succeed(&mut cloud, at(1000 * number), "CreateVpnRouteEntry", &with(&NEW, &[("RouteDest", &destination)]));
    }
    let one_more = with(&NEW, &[("RouteDest", "192.168.20.0/24")]);
    assert_eq!(ask(&mut cloud, at(20_000), "CreateVpnRouteEntry", &one_more).code(), "Resource.QuotaFull");
    succeed(&mut cloud, at(20_000), "CreateVpnPbrRouteEntry", &with(&one_more, &[("RouteSource", "10.0.0.0/16")]));
}

#[test]
fn the_quota_of_the_seed_counts() {
    let mut cloud = cloud(&ALL.replacen('{', r#"{"Quota": {"DestinationRoutesPerVpnGateway": 1}, "#, 1));
    succeed(&mut cloud, at(0), "CreateVpnRouteEntry", &NEW);
    let second = with(&NEW, &[("RouteDest", "192.168.2.0/24")]);
    assert_eq!(ask(&mut cloud, at(1000), "CreateVpnRouteEntry", &second).code(), "Resource.QuotaFull");
}

#[test]
fn routes_are_told_in_pages_and_by_type() {
    let mut cloud = cloud(&format!(
        r#"{}, "VpnRouteEntries": [
            {{"RouteDest": "192.168.1.0/24", "NextHop": "vco-dual"}}, {{"RouteDest": "192.168.2.0/24", "NextHop": "vco-dual"}},
            {{"RouteDest": "192.168.2.0/24", "NextHop": "vco-dual", "RouteEntryType": "bgp", "Source": "peer", "AsPath": "65001"}}
        ]}}"#,
        ALL.trim_end().strip_suffix('}').unwrap()
    ));
    let gateway = ("VpnGatewayId", "vpn-dual");
    let second = succeed(&mut cloud, at(0), "DescribeVpnRouteEntries", &[gateway, ("PageSize", "1"), ("PageNumber", "2")]);
    assert_eq!((&second.body["TotalCount"], &second.body["PageNumber"]), (&2.into(), &2.into()));
    let row = &second.body["VpnRouteEntries"]["VpnRouteEntry"][0];
    assert_eq!((&row["RouteDest"], &row["RouteEntryType"], &row["State"]), (&"192.168.2.0/24".into(), &"custom".into(), &"normal".into()));
    assert!(row["NextHopTunnelId"].as_str().unwrap().starts_with("tun-"));
    let bgp = succeed(&mut cloud, at(0), "DescribeVpnRouteEntries", &[gateway, ("RouteEntryType", "bgp")]);
    assert_eq!(bgp.body["VpnRouteEntries"]["VpnRouteEntry"][0]["AsPath"], "65001");
    let counts = bgp.body["VpnRouteCounts"]["VpnRouteCount"].as_array().unwrap().clone();
    let counts: Vec<_> = counts.iter().map(|row| (row["RouteEntryType"].as_str().unwrap(), row["RouteCount"].as_u64().unwrap())).collect();
    assert_eq!(counts, [("bgp", 1), ("custom", 2)]);
    let learnt = [gateway, ("RouteDest", "192.168.2.0/24"), ("NextHop", "vco-dual"), ("Weight", "100")];
    succeed(&mut cloud, at(0), "DeleteVpnRouteEntry", &learnt);
    assert_eq!(ask(&mut cloud, at(1000), "DeleteVpnRouteEntry", &learnt).code(), "InvalidRouteEntry.NotFound", "the learnt one stays");
    let wrong = ask(&mut cloud, at(0), "DescribeVpnRouteEntries", &[gateway, ("RouteEntryType", "static")]);
    assert_eq!(wrong.code(), "IllegalParam.RouteEntryType");
}

#[test]
fn the_weight_of_a_pair_does_not_change() {
    let pair = r#", "VpnConnections": [
        {"VpnConnectionId": "vco-a", "VpnGatewayId": "vpn-1", "CustomerGatewayId": "cgw-1"},
        {"VpnConnectionId": "vco-b", "VpnGatewayId": "vpn-1", "CustomerGatewayId": "cgw-1", "RemoteSubnet": "192.168.0.0/16"}
    ], "VpnRouteEntries": [{"RouteDest": "192.168.1.0/24", "NextHop": "vco-a"}, {"RouteDest": "192.168.1.0/24", "NextHop": "vco-b", "Weight": 0}]}"#;
    let region = r#""cn-hangzhou": {"CustomerGateways": [{"CustomerGatewayId": "cgw-1", "IpAddress": "203.0.113.1"}], "VpnGateways": [{"VpnGatewayId": "vpn-1"}]"#;
    let mut cloud = cloud(&format!("{region}{pair}"));
    let active = [("VpnGatewayId", "vpn-1"), ("RouteDest", "192.168.1.0/24"), ("NextHop", "vco-a"), ("Weight", "100")];
    let standby = with(&active, &[("NextHop", "vco-b"), ("Weight", "0")]);
    let raised = with(&standby, &[("NewWeight", "100")]);
    assert_eq!(ask(&mut cloud, at(0), "ModifyVpnRouteEntryWeight", &raised).code(), "IllegalParam.NewWeight");
    succeed(&mut cloud, at(0), "DeleteVpnRouteEntry", &active);
    succeed(&mut cloud, at(1000), "ModifyVpnRouteEntryWeight", &raised);
    assert_eq!(rows(&mut cloud, at(2000), "vpn-1")[0]["Weight"], 100);
}
