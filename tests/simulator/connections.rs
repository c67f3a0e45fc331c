use crate::*;
use serde_json::Value;

/// A single-tunnel connection on a VPN gateway.
pub const SINGLE: &str = r#""cn-hangzhou": {
    "CustomerGateways": [{"CustomerGatewayId": "cgw-1", "IpAddress": "203.0.113.1"}],
    "VpnGateways": [{"VpnGatewayId": "vpn-1", "InternetIp": "47.96.0.1"}],
    "VpnConnections": [{"VpnConnectionId": "vco-1", "VpnGatewayId": "vpn-1", "CustomerGatewayId": "cgw-1"}]
}"#;

/// One of each kind: cgw-1 is used by tunnels only, cgw-2 directly.
pub const ALL: &str = r#""cn-hangzhou": {
    "CustomerGateways": [
        {"CustomerGatewayId": "cgw-1", "IpAddress": "203.0.113.1", "Asn": 65001},
        {"CustomerGatewayId": "cgw-2", "IpAddress": "203.0.113.2"},
        {"CustomerGatewayId": "cgw-free", "IpAddress": "203.0.113.3"}
    ],
    "VpnGateways": [
        {"VpnGatewayId": "vpn-dual", "InternetIp": "47.96.0.1", "DisasterRecoveryInternetIp": "47.96.0.2"},
        {"VpnGatewayId": "vpn-single", "InternetIp": "47.96.0.3"},
        {"VpnGatewayId": "vpn-locked", "BusinessStatus": "FinancialLocked"}
    ],
    "TransitRouters": [{"TransitRouterId": "tr-1"}],
    "VpnConnections": [
        {"VpnConnectionId": "vco-dual", "VpnGatewayId": "vpn-dual", "TunnelOptionsSpecification": [{"CustomerGatewayId": "cgw-1"}, {"CustomerGatewayId": "cgw-1"}]},
        {"VpnConnectionId": "vco-single", "VpnGatewayId": "vpn-single", "CustomerGatewayId": "cgw-2"},
        {"VpnConnectionId": "vco-tr", "TransitRouterId": "tr-1", "TunnelOptionsSpecification": [{"CustomerGatewayId": "cgw-1"}, {"CustomerGatewayId": "cgw-2"}]},
        {"VpnConnectionId": "vco-legacy", "TransitRouterId": "tr-1", "CustomerGatewayId": "cgw-2"},
        {"VpnConnectionId": "vco-unbound", "TunnelOptionsSpecification": [{"CustomerGatewayId": "cgw-1"}, {"CustomerGatewayId": "cgw-1"}]}
    ]
}"#;

pub const NEW_SINGLE: [(&str, &str); 4] =
    [("VpnGatewayId", "vpn-single"), ("CustomerGatewayId", "cgw-1"), ("LocalSubnet", "10.0.0.0/16"), ("RemoteSubnet", "192.168.0.0/16")];

pub const NEW_DUAL: [(&str, &str); 5] = [
    ("VpnGatewayId", "vpn-dual"),
    ("LocalSubnet", "10.0.0.0/16"),
    ("RemoteSubnet", "192.168.0.0/16"),
    ("TunnelOptionsSpecification.1.CustomerGatewayId", "cgw-1"),
    ("TunnelOptionsSpecification.2.CustomerGatewayId", "cgw-2"),
];

pub fn with<'a>(base: &[(&'a str, &'a str)], changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let kept = base.iter().filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    kept.chain(changes).copied().collect()
}

fn connect(changes: &[(&str, &str)], base: &[(&str, &str)]) -> Response {
    ask(&mut cloud(ALL), start(), "CreateVpnConnection", &with(base, changes))
}

fn state(cloud: &mut Cloud, now: Timestamp, id: &str) -> (String, Value) {
    let shown = succeed(cloud, now, "DescribeVpnConnection", &[("VpnConnectionId", id)]);
    (text(&shown, "State"), Value::clone(&shown.body))
}

#[test]
fn one_change_at_a_time_per_gateway() {
    let mut cloud = cloud(ALL);
    let id = text(&succeed(&mut cloud, at(0), "CreateVpnConnection", &NEW_SINGLE), "VpnConnectionId");
    assert_eq!(state(&mut cloud, at(999), &id).0, "provisioning");
    let other = with(&NEW_SINGLE, &[("RemoteSubnet", "192.168.0.0/24")]);
    assert_eq!(ask(&mut cloud, at(999), "CreateVpnConnection", &other).code(), "VpnGateway.Configuring");
    let delete = [("VpnConnectionId", "vco-single")];
    assert_eq!(ask(&mut cloud, at(999), "DeleteVpnConnection", &delete).code(), "VpnGateway.Configuring");
    let delete_new = [("VpnConnectionId", id.as_str())];
    assert_eq!(ask(&mut cloud, at(999), "DeleteVpnConnection", &delete_new).code(), "VpnConnection.Configuring");
    assert_eq!(state(&mut cloud, at(1000), &id).0, "active");
    assert_eq!(ask(&mut cloud, at(1000), "CreateVpnConnection", &NEW_SINGLE).code(), "InvalidVpnConnection.AlreadyExists");
    succeed(&mut cloud, at(1000), "CreateVpnConnection", &with(&NEW_DUAL, &[]));
    succeed(&mut cloud, at(1000), "DeleteVpnConnection", &delete);
    assert_eq!(state(&mut cloud, at(1999), "vco-single").0, "updating");
    let gone = ask(&mut cloud, at(2000), "DescribeVpnConnection", &[("VpnConnectionId", "vco-single")]);
    assert_eq!((gone.status, gone.code()), (404, "InvalidVpnConnectionInstanceId.NotFound"));
}

#[test]
fn dual_tunnel_defaults() {
    let mut cloud = cloud(ALL);
    let id = text(&succeed(&mut cloud, at(0), "CreateVpnConnection", &NEW_DUAL), "VpnConnectionId");
    let (_, shown) = state(&mut cloud, at(1000), &id);
    let tunnels = shown["TunnelOptionsSpecification"]["TunnelOptions"].as_array().unwrap();
    let (one, two) = (&tunnels[0], &tunnels[1]);
    assert_eq!((&one["Role"], &two["Role"]), (&"master".into(), &"slave".into()));
    assert_eq!((&one["InternetIp"], &two["InternetIp"]), (&"47.96.0.1".into(), &"47.96.0.2".into()));
    assert_eq!((&one["EnableDpd"], &one["TunnelIkeConfig"]["IkeLifetime"]), (&"true".into(), &"86400".into()), "texts, not values");
    assert_eq!(two["TunnelIkeConfig"]["RemoteId"], "203.0.113.2");
    assert_eq!(two["TunnelIkeConfig"]["LocalId"], "47.96.0.2");
    assert_eq!((&one["TunnelIkeConfig"]["IkeVersion"], &one["TunnelIkeConfig"]["IkeAuthAlg"]), (&"ikev1".into(), &"md5".into()));
    let psk = |tunnel: &Value| tunnel["TunnelIkeConfig"]["Psk"].as_str().unwrap().to_owned();
    assert_eq!(psk(one).len(), 16);
    assert_ne!(psk(one), psk(two));
    assert_eq!(one["Status"], "ike_sa_not_established");
}

#[test]
fn tunnels_are_ordered_by_their_role() {
    let swapped = [("TunnelOptionsSpecification.1.Role", "slave"), ("TunnelOptionsSpecification.2.Role", "master")];
    let mut cloud = cloud(ALL);
    let id = text(&succeed(&mut cloud, at(0), "CreateVpnConnection", &with(&NEW_DUAL, &swapped)), "VpnConnectionId");
    let (_, shown) = state(&mut cloud, at(0), &id);
    assert_eq!(shown["TunnelOptionsSpecification"]["TunnelOptions"][0]["CustomerGatewayId"], "cgw-2");
}

#[test]
fn refused_dual_tunnels() {
    const BGP: [(&str, &str); 3] = [
        ("EnableTunnelsBgp", "true"),
        ("TunnelOptionsSpecification.1.TunnelBgpConfig.TunnelCidr", "169.254.10.0/30"),
        ("TunnelOptionsSpecification.1.TunnelBgpConfig.LocalBgpIp", "169.254.10.1"),
    ];
    let second = |cidr| {
        [
            ("TunnelOptionsSpecification.2.TunnelBgpConfig.TunnelCidr", cidr),
            ("TunnelOptionsSpecification.2.TunnelBgpConfig.LocalBgpIp", "169.254.10.1"),
            ("TunnelOptionsSpecification.2.CustomerGatewayId", "cgw-1"),
        ]
    };
    let cases: Vec<(Vec<(&str, &str)>, &str)> = vec![
        (vec![("TunnelOptionsSpecification.2.CustomerGatewayId", "")], "MissingParameter"),
        (vec![("TunnelOptionsSpecification.2.CustomerGatewayId", "cgw-x")], "InvalidCustomerGatewayInstanceId.NotFound"),
        (vec![("TunnelOptionsSpecification.3.CustomerGatewayId", "cgw-1")], "IllegalParam.TunnelOptionsSpecification"),
        (vec![("TunnelOptionsSpecification.1.Rolle", "master")], "IllegalParam.TunnelOptionsSpecification.Rolle"),
        (vec![("TunnelOptionsSpecification.1.Role", "x")], "IllegalParam.TunnelOptionsSpecification.Role"),
        (
            vec![("TunnelOptionsSpecification.1.Role", "slave"), ("TunnelOptionsSpecification.2.Role", "slave")],
            "IllegalParam.TunnelOptionsSpecification",
        ),
        (vec![("TunnelOptionsSpecification.1.TunnelIkeConfig.Psk", "a b")], "IllegalParam.Psk"),
        (vec![("TunnelOptionsSpecification.1.TunnelIkeConfig.IkePfs", "group3")], "IllegalParam.IkePfs"),
        (vec![("TunnelOptionsSpecification.1.TunnelIpsecConfig.IpsecLifetime", "86401")], "IllegalParam.IpsecLifetime"),
        (vec![("TunnelOptionsSpecification.1.RemoteCaCertificate", "x")], "IllegalParam.RemoteCaCertificate"),
        (vec![("EnableTunnelsBgp", "true")], "IllegalParam.TunnelCidr"),
        ([&BGP[..], &second("169.254.10.0/30")].concat(), "IllegalParam.TunnelCidr"),
        ([&BGP[..], &second("169.254.11.0/30")].concat(), "IllegalParam.LocalBgpIp"),
        (vec![("LocalSubnet", "10.0.0.1/8")], "IllegalParam.LocalSubnet"),
        (vec![("RemoteSubnet", "")], "MissingParameter"),
        (vec![("DryRun", "True")], "DryRunOperation"),
        (vec![("VpnGatewayId", "vpn-x")], "InvalidVpnGatewayInstanceId.NotFound"),
        (vec![("EffectImmediately", "yes")], "IllegalParam.EffectImmediately"),
    ];
    for (changes, code) in cases {
        assert_eq!(connect(&changes, &NEW_DUAL).code(), code, "{changes:?}");
    }
    let without_tunnels = connect(&[], &with(&NEW_SINGLE, &[("VpnGatewayId", "vpn-dual")]));
    assert_eq!(without_tunnels.code(), "MissingParameter");
}

#[test]
fn refused_single_tunnels() {
    let cases = [
        ("IkeConfig", r#"{"Psk": "a b"}"#, "IllegalParam.Psk"),
        ("IkeConfig", r#"{"PSK": "x"}"#, "IllegalParam.IkeConfig"),
        ("IkeConfig", "not json", "IllegalParam.IkeConfig"),
        ("IpsecConfig", r#"{"IpsecPfs": "group3"}"#, "IllegalParam.IpsecPfs"),
        ("BgpConfig", r#"{"EnableBgp": "true"}"#, "IllegalParam.TunnelCidr"),
        ("HealthCheckConfig", r#"{"enable": "true"}"#, "IllegalParam.HealthCheckConfig.dip"),
        ("CustomerGatewayId", "cgw-x", "InvalidCustomerGatewayInstanceId.NotFound"),
        ("VpnGatewayId", "vpn-locked", "VpnGateway.FinancialLocked"),
        ("TunnelOptionsSpecification.1.CustomerGatewayId", "cgw-1", "IllegalParam.TunnelOptionsSpecification"),
        ("DryRun", "true", "DryRunOperation"),
    ];
    for (name, value, code) in cases {
        assert_eq!(connect(&[(name, value)], &NEW_SINGLE).code(), code, "{name}={value}");
    }
    let bgp = r#"{"EnableBgp": "true", "TunnelCidr": "169.254.10.0/30", "LocalBgpIp": "169.254.10.1"}"#;
    assert_eq!(connect(&[("BgpConfig", bgp)], &NEW_SINGLE).code(), "");
    assert_eq!(
        connect(&[("BgpConfig", bgp), ("CustomerGatewayId", "cgw-2")], &NEW_SINGLE).code(),
        "IllegalParam.BgpConfig",
        "cgw-2 has no ASN"
    );
}

#[test]
fn ten_connections_per_gateway() {
    let mut cloud = cloud(ALL);
    for number in 0..9 {
        let subnet = format!("192.168.{number}.0/24");
        succeed(&mut cloud, at(2000 * number), "CreateVpnConnection", &with(&NEW_SINGLE, &[("RemoteSubnet", &subnet)]));
    }
    assert_eq!(ask(&mut cloud, at(60_000), "CreateVpnConnection", &NEW_SINGLE).code(), "Resource.QuotaFull");
}

#[test]
fn an_attachment_is_made_unbound_and_binds() {
    let mut cloud = cloud(ALL);
    let new = with(&NEW_DUAL[1..], &[]);
    assert_eq!(ask(&mut cloud, at(0), "CreateVpnAttachment", &NEW_SINGLE[1..]).code(), "VpnConnection.InvalidCreateTunnelOptions");
    let id = text(&succeed(&mut cloud, at(0), "CreateVpnAttachment", &new), "VpnConnectionId");
    let (unbound, shown) = state(&mut cloud, at(0), &id);
    assert_eq!((unbound.as_str(), &shown["VpnGatewayId"]), ("init", &"vpn-not-exist".into()));
    let tunnel = &shown["TunnelOptionsSpecification"]["TunnelOptions"][0];
    assert_eq!((&tunnel["TunnelIkeConfig"]["IkeVersion"], &tunnel["InternetIp"]), (&"ikev2".into(), &"".into()));

    let bind = [("TransitRouterId", "tr-1"), ("VpnId", id.as_str())];
    let zoned = with(&bind, &[("Zone.1.ZoneId", "cn-hangzhou-h")]);
    assert_eq!(ask(&mut cloud, at(0), "CreateTransitRouterVpnAttachment", &zoned).code(), "IllegalParam.Zone");
    let attachment = text(&succeed(&mut cloud, at(0), "CreateTransitRouterVpnAttachment", &bind), "TransitRouterAttachmentId");
    assert_eq!(state(&mut cloud, at(1999), &id).0, "attaching");
    assert_eq!(ask(&mut cloud, at(1999), "CreateTransitRouterVpnAttachment", &bind).code(), "IncorrectStatus.Status");
    let (attached, shown) = state(&mut cloud, at(2000), &id);
    assert_eq!((attached.as_str(), &shown["AttachType"]), ("attached", &"CEN".into()));
    assert_ne!(shown["TunnelOptionsSpecification"]["TunnelOptions"][0]["InternetIp"], "");

    assert_eq!(ask(&mut cloud, at(2000), "DeleteVpnAttachment", &[("VpnConnectionId", &id)]).code(), "DependencyViolation.TransitRouter");
    succeed(&mut cloud, at(2000), "DeleteTransitRouterVpnAttachment", &[("TransitRouterAttachmentId", &attachment)]);
    assert_eq!(ask(&mut cloud, at(3999), "DeleteVpnAttachment", &[("VpnConnectionId", &id)]).code(), "VpnConnection.Configuring");
    assert_eq!(state(&mut cloud, at(4000), &id).0, "init");
    succeed(&mut cloud, at(4000), "DeleteVpnAttachment", &[("VpnConnectionId", &id)]);
}

#[test]
fn transit_routers_are_found_by_their_id_in_any_region() {
    let mut cloud = cloud(&format!("{ALL}, \"cn-shanghai\": {{\"TransitRouters\": [{{\"TransitRouterId\": \"tr-2\"}}]}}"));
    let tables = cloud.handle(&Request::of("ListTransitRouterRouteTables", &[("TransitRouterId", "tr-2")]), start());
    assert_eq!(tables.body["TransitRouterRouteTables"][0]["RegionId"], "cn-shanghai");
    let attachments = cloud.handle(&Request::of("ListTransitRouterVpnAttachments", &[("TransitRouterId", "tr-1")]), start());
    assert_eq!(attachments.body["TransitRouterAttachments"].as_array().unwrap().len(), 2);
    let nobody = cloud.handle(&Request::of("ListTransitRouterVpnAttachments", &[("TransitRouterId", "tr-x")]), start());
    assert!(nobody.is_success() && nobody.body.get("TransitRouterAttachments").is_none(), "a RequestId and no list");
}

#[test]
fn the_customer_gateway_filter_looks_at_tunnels_by_switch() {
    let found = |cloud: &mut Cloud| {
        let page = succeed(cloud, start(), "DescribeVpnConnections", &[("CustomerGatewayId", "cgw-2")]);
        page.body["TotalCount"].as_u64().unwrap()
    };
    assert_eq!(found(&mut cloud(ALL)), 2);
    assert_eq!(found(&mut cloud_with(r#""FilterMatchesTunnels": true"#, ALL)), 3);
}
