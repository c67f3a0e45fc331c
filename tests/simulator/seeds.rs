use crate::*;
use cgwd::simulator::seed::EXAMPLE;
use std::collections::BTreeSet;

#[test]
fn the_printed_seed_is_valid_and_shows_every_kind() {
    let mut cloud = Cloud::new(&Seed::parse(EXAMPLE).unwrap(), start()).unwrap();
    let page = succeed(&mut cloud, start(), "DescribeVpnConnections", &[]);
    assert_eq!(page.body["TotalCount"], 5);
    let gateway = succeed(&mut cloud, start(), "DescribeCustomerGateway", &[("CustomerGatewayId", "cgw-branch-2")]);
    assert_eq!(gateway.body["Asn"], 8_061_384);
    let written = succeed(&mut cloud, start(), "DescribeVpnConnection", &[("VpnConnectionId", "vco-dual")]);
    let tunnel = &written.body["TunnelOptionsSpecification"]["TunnelOptions"][0];
    assert_eq!((&tunnel["TunnelId"], &tunnel["TunnelIkeConfig"]["Psk"]), (&"tun-1".into(), &"a-pre-shared-key".into()));
    assert_eq!(tunnel["TunnelBgpConfig"]["PeerBgpIp"], "169.254.10.2");
    for (call, name, id, total) in [
        ("DescribeVpnRouteEntries", "VpnGatewayId", "vpn-dual", 1),
        ("DescribeVpnPbrRouteEntries", "VpnGatewayId", "vpn-single", 1),
        ("DescribeVcoRouteEntries", "VpnConnectionId", "vco-attached", 1),
        ("DescribeVpnCrossAccountAuthorizations", "VpnConnectionId", "vco-unbound", 1),
        ("ListTransitRouterRouteTables", "TransitRouterId", "tr-1", 3),
        ("ListTransitRouterRouteTableAssociations", "TransitRouterRouteTableId", "vtb-system", 1),
        ("ListTransitRouterRouteTablePropagations", "TransitRouterRouteTableId", "vtb-custom-2", 1),
        ("ListTransitRouterRouteEntries", "TransitRouterRouteTableId", "vtb-custom-2", 1),
    ] {
        assert_eq!(succeed(&mut cloud, start(), call, &[(name, id)]).body["TotalCount"], total, "{call}");
    }
}

/// Every key that the format has is in the example: a key added to the format and not to it is noticed here.
#[test]
fn the_printed_seed_shows_every_key() {
    let source = concat!(
        include_str!("../../src/simulator/seed.rs"),
        include_str!("../../src/simulator/routes/seed.rs"),
        include_str!("../../src/simulator/transit_router/seed.rs")
    );
    let fields = source.lines().filter_map(|line| line.trim().strip_prefix("pub ")?.split_once(": ")).map(|(name, _)| name);
    let pascal = |name: &str| name.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect::<String>();
    let fields: BTreeSet<_> = fields.filter(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_')).map(pascal).collect();
    assert!(fields.len() > 50, "the source was read: {fields:?}");
    let missing: Vec<_> = fields.iter().filter(|field| *field != "SecurityToken" && !EXAMPLE.contains(&format!("\"{field}\""))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_default_cloud() {
    let mut cloud = Cloud::new(&Seed::default_cloud(), start()).unwrap();
    let page = succeed(&mut cloud, start(), "DescribeVpnGateways", &[]);
    let rows = page.body["VpnGateways"]["VpnGateway"].as_array().unwrap().clone();
    let dual: Vec<_> = rows.iter().map(|row| row.get("DisasterRecoveryInternetIp").is_some()).collect();
    assert_eq!(dual, [true, false]);
    let tables = succeed(&mut cloud, start(), "ListTransitRouterRouteTables", &[]);
    assert_eq!(tables.body["TotalCount"], 1);
}

#[test]
fn the_same_seed_gives_the_same_ids() {
    let ids = |random: u64| {
        let seed = Seed::parse(&format!("{{\"Random\": {random}}}")).unwrap();
        let mut cloud = Cloud::new(&seed, start()).unwrap();
        create(&mut cloud, "203.0.113.1")
    };
    assert_eq!(ids(1), ids(1));
    assert_ne!(ids(1), ids(2));
}

#[test]
fn values_may_be_written_as_text() {
    let cloud = cloud(
        r#""cn-hangzhou": {
            "CustomerGateways": [
                {"CustomerGatewayId": "cgw-1", "IpAddress": "203.0.113.1", "Asn": "65001", "Tags": [{"Key": "a", "Value": "1"}]},
                {"IpAddress": "203.0.113.2", "Asn": 0, "Tags": {"Tag": [{"Key": "a"}]}}
            ],
            "VpnConnections": [{
                "CustomerGatewayId": "cgw-1", "IkeConfig": {"IkeLifetime": "3600"},
                "VpnBgpConfig": {"EnableBgp": "True", "LocalAsn": "1.1"}, "VcoHealthCheck": {"Enable": "false", "Interval": "9"}
            }]
        }"#,
    );
    let objects = cloud.region(REGION).unwrap().objects();
    assert_eq!((objects.customer_gateways[0].asn, objects.customer_gateways[1].asn), (Some(65_001), None));
    assert_eq!(objects.customer_gateways[0].tags["a"], "1");
    assert_eq!(objects.customer_gateways[1].tags["a"], "");
    let connection = &objects.connections[0];
    assert_eq!((connection.ike.ike_lifetime, connection.bgp.local_asn, connection.health.interval), (3600, 65_537, 9));
    assert!(connection.bgp.enable_bgp);
}

#[test]
fn mistakes_are_named_with_their_place() {
    let gateway = r#""CustomerGateways": [{"CustomerGatewayId": "cgw-1", "IpAddress": "203.0.113.1"}]"#;
    let connection = |text: &str| format!(r#"{{"Regions": {{"r": {{{gateway}, "VpnConnections": [{{{text}}}]}}}}}}"#);
    let beside = |text: &str| {
        let carriers = r#""VpnGateways": [{"VpnGatewayId": "vpn-1"}], "TransitRouters": [{"TransitRouterId": "tr-1", "CustomRouteTables": ["vtb-1", "vtb-2"]}]"#;
        let connections = r#""VpnConnections": [
            {"VpnConnectionId": "vco-1", "VpnGatewayId": "vpn-1", "CustomerGatewayId": "cgw-1"},
            {"VpnConnectionId": "vco-tr", "TransitRouterId": "tr-1", "CustomerGatewayId": "cgw-1"}
        ]"#;
        format!(r#"{{"Regions": {{"r": {{{gateway}, {carriers}, {connections}, {text}}}}}}}"#)
    };
    let cases = [
        (r#"{"Regionen": {}}"#.to_owned(), "unknown field `Regionen`"),
        ("{\n\"Regions\": {\"r\": {\"CustomerGateways\": [{}]}}}".to_owned(), "line 2"),
        (r#"{"Switches": {"ClientTokens": "12h"}}"#.to_owned(), "12h"),
        (r#"{"Account": "me"}"#.to_owned(), "Account: "),
        (r#"{"Regions": {"r": {"CustomerGateways": [{"IpAddress": "x"}]}}}"#.to_owned(), "Regions.r.CustomerGateways[0].IpAddress: "),
        (
            r#"{"Regions": {"r": {"CustomerGateways": [{"IpAddress": "1.1.1.1"}, {"IpAddress": "1.1.1.1"}]}}}"#.to_owned(),
            "CustomerGateways[1].IpAddress: ",
        ),
        (connection(r#""CustomerGatewayId": "cgw-2""#), "Regions.r.VpnConnections[0].CustomerGatewayId: no customer gateway cgw-2"),
        (connection(""), "Regions.r.VpnConnections[0]: either"),
        (connection(r#""CustomerGatewayId": "cgw-1", "VpnGatewayId": "vpn-1""#), "VpnConnections[0].VpnGatewayId: no VPN gateway vpn-1"),
        (
            connection(r#""CustomerGatewayId": "cgw-1", "TransitRouterId": "tr-1""#),
            "VpnConnections[0].TransitRouterId: no transit router tr-1",
        ),
        (connection(r#""TunnelOptionsSpecification": [{"CustomerGatewayId": "cgw-1"}]"#), "exactly two tunnels"),
        (
            connection(
                r#""TunnelOptionsSpecification": [{"CustomerGatewayId": "cgw-1", "Role": "slave"}, {"CustomerGatewayId": "cgw-1"}]"#,
            ),
            "TunnelOptionsSpecification[0]: ",
        ),
        (connection(r#""VpnConnectionId": "cgw-1", "CustomerGatewayId": "cgw-1""#), "the id cgw-1 is there twice"),
        (
            beside(r#""VpnRouteEntries": [{"RouteDest": "10.0.0.0/8", "NextHop": "vco-x"}]"#),
            "VpnRouteEntries[0].NextHop: no connection vco-x",
        ),
        (beside(r#""VpnRouteEntries": [{"RouteDest": "10.0.0.0/8"}]"#), "missing field `NextHop`"),
        (beside(r#""VpnRouteEntries": [{"RouteDest": "10.0.0.1/8", "NextHop": "vco-1"}]"#), "VpnRouteEntries[0].RouteDest: not a CIDR"),
        (beside(r#""VpnRouteEntries": [{"RouteDest": "10.0.0.0/8", "NextHop": "vco-tr"}]"#), "carries no VpnRouteEntries"),
        (beside(r#""VcoRouteEntries": [{"RouteDest": "10.0.0.0/8", "NextHop": "vco-1"}]"#), "carries no VcoRouteEntries"),
        (beside(r#""VpnRouteEntries": [{"RouteDest": "10.0.0.0/8", "NextHop": "vco-1", "Priority": 1}]"#), "belong to VpnPbrRouteEntries"),
        (beside(r#""VpnPbrRouteEntries": [{"RouteDest": "10.0.0.0/8", "NextHop": "vco-1"}]"#), "needs a RouteSource"),
        (
            beside(r#""VpnPbrRouteEntries": [{"RouteSource": "x", "RouteDest": "10.0.0.0/8", "NextHop": "vco-1"}]"#),
            "VpnPbrRouteEntries[0].RouteSource: ",
        ),
        (beside(r#""VpnRouteEntries": [{"RouteDest": "10.0.0.0/8", "NextHop": "vco-1", "State": "x"}]"#), "normal or published"),
        (beside(r#""VpnRouteEntries": [{"RouteDest": "10.0.0.0/8", "NextHop": "vco-1", "RouteEntryType": "x"}]"#), "custom or bgp"),
        (
            beside(
                r#""VpnRouteEntries": [{"RouteDest": "10.0.0.0/8", "NextHop": "vco-1"}, {"RouteDest": "10.0.0.0/8", "NextHop": "vco-1"}]"#,
            ),
            "VpnRouteEntries[1]: this route is there twice",
        ),
        (beside(r#""TransitRouterAssociations": [{"TransitRouterRouteTableId": "vtb-1"}]"#), "TransitRouterAssociations[0]: either"),
        (
            beside(r#""TransitRouterAssociations": [{"ResourceId": "vco-1", "TransitRouterRouteTableId": "vtb-1"}]"#),
            "TransitRouterAssociations[0]: no such attachment",
        ),
        (
            beside(r#""TransitRouterPropagations": [{"ResourceId": "vco-tr", "TransitRouterRouteTableId": "vtb-x"}]"#),
            "TransitRouterPropagations[0].TransitRouterRouteTableId: ",
        ),
        (
            beside(
                r#""TransitRouterAssociations": [{"ResourceId": "vco-tr", "TransitRouterRouteTableId": "vtb-1"}, {"ResourceId": "vco-tr", "TransitRouterRouteTableId": "vtb-2"}]"#,
            ),
            "TransitRouterAssociations[1]: the attachment has this already",
        ),
        (
            beside(r#""CrossAccountAuthorizations": [{"VpnConnectionId": "vco-x", "BindInstance": "cen-1", "BindUid": 1}]"#),
            "CrossAccountAuthorizations[0].VpnConnectionId: no connection vco-x",
        ),
        (r#"{"Regions": {"r": {"TransitRouters": [{"CustomRouteTables": [{"Id": "vtb-1"}]}]}}}"#.to_owned(), "unknown field `Id`"),
        (r#"{"Regions": {"r": {"TransitRouters": [{"CustomRouteTables": [1]}]}}}"#.to_owned(), "the id of a route table"),
    ];
    for (text, place) in cases {
        let problem = Seed::parse(&text).and_then(|seed| Cloud::new(&seed, start()).map(|_| ())).unwrap_err().to_string();
        assert!(problem.contains(place), "{text}: {problem}");
    }
}
