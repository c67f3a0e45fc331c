//! Connections are changed in place.

use crate::*;
use serde_json::{Value, json};

/// One connection of each kind, all on cgw-old; cgw-new is where they may go.
pub const KINDS: &str = r#""cn-hangzhou": {
    "CustomerGateways": [
        {"CustomerGatewayId": "cgw-old", "IpAddress": "203.0.113.1", "Asn": 65001},
        {"CustomerGatewayId": "cgw-new", "IpAddress": "203.0.113.2", "Asn": 65001, "AuthKey": "bgp-key"},
        {"CustomerGatewayId": "cgw-no-asn", "IpAddress": "203.0.113.3"}
    ],
    "VpnGateways": [
        {"VpnGatewayId": "vpn-dual", "InternetIp": "47.96.0.1", "DisasterRecoveryInternetIp": "47.96.0.2"},
        {"VpnGatewayId": "vpn-single", "InternetIp": "47.96.0.3"}
    ],
    "TransitRouters": [{"TransitRouterId": "tr-1", "CenId": "cen-1"}],
    "VpnConnections": [
        {"VpnConnectionId": "vco-dual", "VpnGatewayId": "vpn-dual", "Name": "dual", "Description": "as it was made", "TunnelOptionsSpecification": [
            {"TunnelId": "tun-1", "CustomerGatewayId": "cgw-old", "TunnelIkeConfig": {"Psk": "key-one", "IkeVersion": "ikev2", "IkeLifetime": 3600}},
            {"TunnelId": "tun-2", "CustomerGatewayId": "cgw-old", "TunnelIkeConfig": {"Psk": "key-two", "RemoteId": "203.0.113.1"}}
        ]},
        {"VpnConnectionId": "vco-single", "VpnGatewayId": "vpn-single", "CustomerGatewayId": "cgw-old", "IkeConfig": {"Psk": "key-single"},
         "VcoHealthCheck": {"Enable": true, "Dip": "192.168.1.1", "Sip": "10.0.0.1"}},
        {"VpnConnectionId": "vco-tr", "TransitRouterId": "tr-1", "TunnelOptionsSpecification": [
            {"TunnelId": "tun-3", "CustomerGatewayId": "cgw-old", "TunnelIkeConfig": {"Psk": "key-three", "IkeVersion": "ikev2"}},
            {"TunnelId": "tun-4", "CustomerGatewayId": "cgw-old"}
        ]},
        {"VpnConnectionId": "vco-legacy", "TransitRouterId": "tr-1", "CustomerGatewayId": "cgw-old", "IkeConfig": {"Psk": "key-legacy"}},
        {"VpnConnectionId": "vco-unbound", "TunnelOptionsSpecification": [{"CustomerGatewayId": "cgw-old"}, {"CustomerGatewayId": "cgw-old"}]}
    ]
}"#;

const TO_NEW: (&str, &str) = ("TunnelOptionsSpecification.CustomerGatewayId", "cgw-new");
const TUNNEL_2: [(&str, &str); 2] = [("VpnConnectionId", "vco-dual"), ("TunnelId", "tun-2")];

fn shown(cloud: &mut Cloud, now: Timestamp, id: &str) -> Value {
    Value::clone(&succeed(cloud, now, "DescribeVpnConnection", &[("VpnConnectionId", id)]).body)
}

fn tunnel_of(cloud: &mut Cloud, now: Timestamp, id: &str, index: usize) -> Value {
    shown(cloud, now, id)["TunnelOptionsSpecification"]["TunnelOptions"][index - 1].clone()
}

fn modify_tunnel(cloud: &mut Cloud, changes: &[(&str, &str)]) -> Response {
    ask(cloud, at(0), "ModifyTunnelAttribute", &[&TUNNEL_2[..], changes].concat())
}

#[test]
fn one_tunnel_goes_to_another_customer_gateway() {
    let mut cloud = cloud(KINDS);
    let reply = modify_tunnel(&mut cloud, &[TO_NEW, ("TunnelOptionsSpecification.TunnelIkeConfig.RemoteId", "203.0.113.2")]);
    let own = ["CustomerGatewayId", "EnableDpd", "InternetIp", "Role", "State", "TunnelId"].map(|field| reply.body[field].clone());
    assert_eq!(json!(own), json!(["cgw-new", true, "47.96.0.2", "slave", "updating", "tun-2"]), "one tunnel, natively typed");
    let ike = &reply.body["TunnelIkeConfig"];
    assert_eq!((&ike["Psk"], &ike["RemoteId"], &ike["IkeLifetime"]), (&json!("key-two"), &json!("203.0.113.2"), &json!(86_400)));
    assert_eq!(reply.body["TunnelBgpConfig"], json!({"EnableBgp": false}));

    let during = shown(&mut cloud, at(999), "vco-dual");
    let tunnels = &during["TunnelOptionsSpecification"]["TunnelOptions"];
    assert_eq!(json!([during["State"], tunnels[0]["State"], tunnels[1]["State"]]), json!(["updating", "active", "updating"]));
    assert_eq!(json!([tunnels[0]["CustomerGatewayId"], tunnels[1]["CustomerGatewayId"]]), json!(["cgw-old", "cgw-new"]));
    let gateway =
        |cloud: &mut Cloud, millis| text(&succeed(cloud, at(millis), "DescribeVpnGateway", &[("VpnGatewayId", "vpn-dual")]), "Status");
    assert_eq!((gateway(&mut cloud, 999), gateway(&mut cloud, 1000)), ("updating".to_owned(), "active".to_owned()));
    let after = shown(&mut cloud, at(1000), "vco-dual");
    assert_eq!(json!([after["State"], after["TunnelOptionsSpecification"]["TunnelOptions"][1]["State"]]), json!(["active", "active"]));
}

#[test]
fn one_change_at_a_time() {
    let mut cloud = cloud(KINDS);
    assert!(modify_tunnel(&mut cloud, &[TO_NEW]).is_success());
    let again = |cloud: &mut Cloud, millis, action: &str, id: &str| {
        ask(
            cloud,
            at(millis),
            action,
            &[("VpnConnectionId", id), ("Name", "other"), ("TunnelId", "tun-1")][..if action == "ModifyTunnelAttribute" { 3 } else { 2 }],
        )
        .code()
        .to_owned()
    };
    assert_eq!(again(&mut cloud, 999, "ModifyVpnConnectionAttribute", "vco-dual"), "VpnConnection.Configuring");
    assert_eq!(again(&mut cloud, 999, "ModifyVpnConnectionAttribute", "vco-single"), "", "another VPN gateway");
    assert_eq!(again(&mut cloud, 999, "ModifyVpnAttachmentAttribute", "vco-tr"), "");
    assert_eq!(again(&mut cloud, 1998, "ModifyVpnAttachmentAttribute", "vco-tr"), "VpnConnection.Configuring");
    assert_eq!(again(&mut cloud, 1999, "ModifyVpnAttachmentAttribute", "vco-tr"), "");
    assert_eq!(shown(&mut cloud, at(2999), "vco-tr")["State"], "attached");
    assert_eq!(again(&mut cloud, 1000, "ModifyVpnConnectionAttribute", "vco-dual"), "");
    assert_eq!(ask(&mut cloud, at(1500), "DeleteVpnConnection", &[("VpnConnectionId", "vco-dual")]).code(), "VpnConnection.Configuring");
    assert_eq!(ask(&mut cloud, at(1500), "DeleteCustomerGateway", &[("CustomerGatewayId", "cgw-old")]).code(), "VpnGateway.task.conflict");
}

#[test]
fn a_connection_that_never_comes_to_rest_is_never_changed() {
    let stuck = KINDS.replace(r#""VpnConnectionId": "vco-tr","#, r#""VpnConnectionId": "vco-tr", "State": "upgrading","#);
    let change = [("VpnConnectionId", "vco-tr"), ("Name", "other")];
    assert_eq!(ask(&mut cloud(&stuck), at(1_000_000), "ModifyVpnAttachmentAttribute", &change).code(), "VpnConnection.Configuring");
}

#[test]
fn a_busy_gateway_refuses_its_other_connections() {
    let mut cloud = cloud(KINDS);
    cloud.region_mut(REGION).unwrap().change(at(0)).vpn_gateways[0].busy_until = Some(at(500));
    assert_eq!(modify_tunnel(&mut cloud, &[TO_NEW]).code(), "VpnGateway.Configuring");
    cloud.region_mut(REGION).unwrap().change(at(0)).vpn_gateways[0].business_status = "FinancialLocked".to_owned();
    assert_eq!(modify_tunnel(&mut cloud, &[TO_NEW]).code(), "VpnGateway.FinancialLocked");
}

#[test]
fn both_tunnels_in_one_call() {
    let mut cloud = cloud(KINDS);
    let changes = [
        ("VpnConnectionId", "vco-dual"),
        ("Name", "renamed"),
        ("LocalSubnet", "10.0.0.0/16"),
        ("AutoConfigRoute", "false"),
        ("TunnelOptionsSpecification.1.TunnelId", "tun-2"),
        ("TunnelOptionsSpecification.1.CustomerGatewayId", "cgw-new"),
        ("TunnelOptionsSpecification.2.Role", "master"),
        ("TunnelOptionsSpecification.2.CustomerGatewayId", "cgw-no-asn"),
    ];
    let reply = succeed(&mut cloud, at(0), "ModifyVpnConnectionAttribute", &changes).body;
    let own = ["Name", "Description", "LocalSubnet", "EnableTunnelsBgp", "VpnGatewayId"].map(|field| reply[field].clone());
    assert_eq!(json!(own), json!(["renamed", "as it was made", "10.0.0.0/16", false, "vpn-dual"]));
    let tunnels = &reply["TunnelOptionsSpecification"]["TunnelOptions"];
    assert_eq!(json!([tunnels[0]["CustomerGatewayId"], tunnels[1]["CustomerGatewayId"]]), json!(["cgw-no-asn", "cgw-new"]));
    assert_eq!(tunnels[0]["TunnelIkeConfig"]["IkeLifetime"], 3600);
    assert!(!cloud.region(REGION).unwrap().objects().connection("vco-dual").unwrap().auto_config_route);
    assert_eq!(
        ask(&mut cloud, at(1000), "DeleteCustomerGateway", &[("CustomerGatewayId", "cgw-no-asn")]).code(),
        "DependencyViolation.VpnConnection"
    );
}

#[test]
fn a_new_name_leaves_the_tunnels_alone() {
    let mut cloud = cloud(KINDS);
    succeed(&mut cloud, at(0), "ModifyVpnConnectionAttribute", &[("VpnConnectionId", "vco-dual"), ("Name", "other")]);
    assert_eq!(tunnel_of(&mut cloud, at(0), "vco-dual", 1)["State"], "active");
}

#[test]
fn a_single_tunnel_keeps_its_customer_gateway_on_a_vpn_gateway_only() {
    let mut cloud = cloud(KINDS);
    let change = |id| [("VpnConnectionId", id), ("CustomerGatewayId", "cgw-new")];
    assert_eq!(ask(&mut cloud, at(0), "ModifyVpnConnectionAttribute", &change("vco-single")).code(), "IllegalParam.CustomerGatewayId");
    let ike = r#"{"Psk": "key-legacy", "RemoteId": "203.0.113.2"}"#;
    let reply =
        succeed(&mut cloud, at(0), "ModifyVpnAttachmentAttribute", &[&change("vco-legacy")[..], &[("IkeConfig", ike)]].concat()).body;
    let own = ["CustomerGatewayId", "AttachType", "AttachInstanceId", "NetworkType", "EnableDpd"].map(|field| reply[field].clone());
    assert_eq!(json!(own), json!(["cgw-new", "CEN", "cen-1", "public", true]));
    assert_eq!(json!([reply["IkeConfig"]["Psk"], reply["IkeConfig"]["RemoteId"]]), json!(["key-legacy", "203.0.113.2"]));
    assert_eq!(shown(&mut cloud, at(999), "vco-legacy")["State"], "updating");
    assert_eq!(shown(&mut cloud, at(1000), "vco-legacy")["State"], "attached");
}

#[test]
fn an_attachment_changes_tunnel_by_tunnel() {
    let mut cloud = cloud(KINDS);
    let changes = [
        ("VpnConnectionId", "vco-tr"),
        ("TunnelOptionsSpecification.1.TunnelIndex", "2"),
        ("TunnelOptionsSpecification.1.CustomerGatewayId", "cgw-new"),
    ];
    let reply = succeed(&mut cloud, at(0), "ModifyVpnAttachmentAttribute", &changes).body;
    let tunnels = reply["TunnelOptionsSpecification"].as_array().unwrap();
    assert_eq!(
        json!([tunnels[1]["TunnelIndex"], tunnels[1]["CustomerGatewayId"], tunnels[0]["CustomerGatewayId"]]),
        json!([2, "cgw-new", "cgw-old"])
    );
    assert_eq!(json!([tunnels[0]["State"], tunnels[1]["State"]]), json!(["active", "updating"]));

    let unbound = [("VpnConnectionId", "vco-unbound"), ("Name", "still unbound")];
    succeed(&mut cloud, at(0), "ModifyVpnAttachmentAttribute", &unbound);
    assert_eq!(shown(&mut cloud, at(1000), "vco-unbound")["State"], "init");
}

#[test]
fn refused_changes() {
    const CONNECTION: &str = "ModifyVpnConnectionAttribute";
    const ATTACHMENT: &str = "ModifyVpnAttachmentAttribute";
    const TUNNEL: &str = "ModifyTunnelAttribute";
    let section = |field: &str| format!("TunnelOptionsSpecification.1.{field}");
    let (id, gateway, psk) = (section("TunnelId"), section("CustomerGatewayId"), section("TunnelIkeConfig.Psk"));
    let second = "TunnelOptionsSpecification.2.TunnelId";
    let cases: Vec<(&str, Parameters<'_>, &str)> = vec![
        (CONNECTION, vec![], "MissingParameter"),
        (CONNECTION, vec![("VpnConnectionId", "vco-x")], "InvalidVpnConnectionInstanceId.NotFound"),
        (CONNECTION, vec![("VpnConnectionId", "vco-tr")], "IllegalParam.VpnConnectionId"),
        (CONNECTION, vec![("VpnConnectionId", "vco-dual"), ("IkeConfig", "{}")], "IllegalParam.IkeConfig"),
        (CONNECTION, vec![("VpnConnectionId", "vco-dual"), ("DryRun", "true")], "IllegalParam.DryRun"),
        (CONNECTION, vec![("VpnConnectionId", "vco-single"), ("EnableTunnelsBgp", "true")], "IllegalParam.EnableTunnelsBgp"),
        (CONNECTION, vec![("VpnConnectionId", "vco-single"), (&id, "tun-1")], "IllegalParam.TunnelOptionsSpecification"),
        (CONNECTION, vec![("VpnConnectionId", "vco-single"), ("RemoteCaCertificate", "pem")], "IllegalParam.RemoteCaCertificate"),
        (CONNECTION, vec![("VpnConnectionId", "vco-single"), ("IkeConfig", r#"{"PSK": "x"}"#)], "IllegalParam.IkeConfig.PSK"),
        (CONNECTION, vec![("VpnConnectionId", "vco-single"), ("IkeConfig", r#"{"Psk": "a b"}"#)], "IllegalParam.Psk"),
        (
            CONNECTION,
            vec![("VpnConnectionId", "vco-single"), ("HealthCheckConfig", r#"{"dip": "x"}"#)],
            "IllegalParam.HealthCheckConfig.dip",
        ),
        (CONNECTION, vec![("VpnConnectionId", "vco-single"), ("BgpConfig", r#"{"EnableBgp": "true"}"#)], "IllegalParam.TunnelCidr"),
        (CONNECTION, vec![("VpnConnectionId", "vco-dual"), (&id, "tun-3")], "IllegalParam.TunnelOptionsSpecification.TunnelId"),
        (CONNECTION, vec![("VpnConnectionId", "vco-dual"), (&gateway, "cgw-new")], "MissingParameter"),
        (
            CONNECTION,
            vec![("VpnConnectionId", "vco-dual"), (&id, "tun-1"), (&gateway, "cgw-x")],
            "InvalidCustomerGatewayInstanceId.NotFound",
        ),
        (CONNECTION, vec![("VpnConnectionId", "vco-dual"), (&id, "tun-1"), (&psk, "a b")], "IllegalParam.Psk"),
        (CONNECTION, vec![("VpnConnectionId", "vco-dual"), (&id, "tun-1"), (second, "tun-1")], "IllegalParam.TunnelOptionsSpecification"),
        (CONNECTION, vec![("VpnConnectionId", "vco-dual"), (second, "tun-2")], "IllegalParam.TunnelOptionsSpecification"),
        (CONNECTION, vec![("VpnConnectionId", "vco-dual"), ("EnableTunnelsBgp", "true")], "IllegalParam.TunnelCidr"),
        (CONNECTION, vec![("VpnConnectionId", "vco-dual"), ("LocalSubnet", "10.0.0.1/8")], "IllegalParam.LocalSubnet"),
        (ATTACHMENT, vec![("VpnConnectionId", "vco-dual")], "IllegalParam.VpnConnectionId"),
        (ATTACHMENT, vec![("VpnConnectionId", "vco-tr"), ("CustomerGatewayId", "cgw-new")], "IllegalParam.CustomerGatewayId"),
        (ATTACHMENT, vec![("VpnConnectionId", "vco-tr"), ("NetworkType", "private")], "IllegalParam.NetworkType"),
        (ATTACHMENT, vec![("VpnConnectionId", "vco-legacy"), ("CustomerGatewayId", "cgw-x")], "InvalidCustomerGatewayInstanceId.NotFound"),
        (TUNNEL, vec![("VpnConnectionId", "vco-dual")], "MissingParameter"),
        (TUNNEL, vec![("VpnConnectionId", "vco-dual"), ("TunnelId", "tun-3")], "IllegalParam.TunnelId"),
        (TUNNEL, vec![("VpnConnectionId", "vco-single"), ("TunnelId", "vco-single")], "IllegalParam.TunnelId"),
        (TUNNEL, vec![("VpnConnectionId", "vco-tr"), ("TunnelId", "tun-3")], "IllegalParam.VpnConnectionId"),
        (TUNNEL, vec![("VpnConnectionId", "vco-dual"), ("TunnelId", "tun-1"), ("Name", "x")], "IllegalParam.Name"),
        (
            TUNNEL,
            vec![("VpnConnectionId", "vco-dual"), ("TunnelId", "tun-1"), ("TunnelOptionsSpecification.TunnelBgpConfig.LocalAsn", "65000")],
            "IllegalParam.TunnelOptionsSpecification.TunnelBgpConfig",
        ),
    ];
    for (action, parameters, code) in cases {
        let mut cloud = cloud(KINDS);
        let before = cloud.region(REGION).unwrap().objects().clone();
        assert_eq!(ask(&mut cloud, at(0), action, &parameters).code(), code, "{action} {parameters:?}");
        assert!(*cloud.region(REGION).unwrap().objects() == before, "{action} {parameters:?}: it changed something");
    }
}

#[test]
fn bgp_is_turned_on_for_both_tunnels() {
    let block = |index: &str, third: &str| {
        [
            (format!("TunnelOptionsSpecification.{index}.TunnelId"), format!("tun-{index}")),
            (format!("TunnelOptionsSpecification.{index}.TunnelBgpConfig.TunnelCidr"), format!("169.254.{third}.0/30")),
            (format!("TunnelOptionsSpecification.{index}.TunnelBgpConfig.LocalBgpIp"), format!("169.254.{third}.1")),
            (format!("TunnelOptionsSpecification.{index}.TunnelBgpConfig.LocalAsn"), "65100".to_owned()),
        ]
    };
    let enable = |third: &str| {
        let mut cloud = cloud(KINDS);
        let fields = [block("1", "10"), block("2", third)].concat();
        let mut parameters: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        parameters.extend([("VpnConnectionId", "vco-dual"), ("EnableTunnelsBgp", "true")]);
        let reply = ask(&mut cloud, at(0), "ModifyVpnConnectionAttribute", &parameters);
        (cloud, reply)
    };
    assert_eq!(enable("10").1.code(), "IllegalParam.TunnelCidr", "the two tunnels differ");
    let (mut cloud, reply) = enable("11");
    let bgp = &reply.body["TunnelOptionsSpecification"]["TunnelOptions"][1]["TunnelBgpConfig"];
    assert_eq!(
        *bgp,
        json!({"LocalAsn": 65100, "LocalBgpIp": "169.254.11.1", "TunnelCidr": "169.254.11.0/30", "PeerBgpIp": "169.254.11.2", "PeerAsn": 65001})
    );
    let other = [&TUNNEL_2[..], &[("TunnelOptionsSpecification.CustomerGatewayId", "cgw-no-asn")]].concat();
    assert_eq!(ask(&mut cloud, at(1000), "ModifyTunnelAttribute", &other).code(), "IllegalParam.EnableTunnelsBgp", "its peer needs an ASN");
}

#[test]
fn a_token_covers_a_change() {
    let mut cloud = cloud(KINDS);
    let changes = [TO_NEW, ("ClientToken", "t-1")];
    let (first, again) = (modify_tunnel(&mut cloud, &changes), modify_tunnel(&mut cloud, &changes));
    assert!(again.is_success(), "no VpnConnection.Configuring: it is the same call");
    assert_eq!((&first.body["TunnelId"], cloud.region(REGION).unwrap().changes()), (&again.body["TunnelId"], 1));
    assert_eq!(modify_tunnel(&mut cloud, &[("ClientToken", "t-1")]).code(), "IdempotentParameterMismatch");
}

/// What the IKE configuration of vco-dual's first tunnel is after a change that sends just this.
fn after(switches: &str, sent: &[(&str, &str)]) -> Value {
    let mut cloud = cloud_with(&format!(r#""CheckSignatures": false, {switches}"#), KINDS);
    let all = [&[("VpnConnectionId", "vco-dual"), ("TunnelId", "tun-1"), TO_NEW][..], sent].concat();
    succeed(&mut cloud, at(0), "ModifyTunnelAttribute", &all);
    tunnel_of(&mut cloud, at(0), "vco-dual", 1)["TunnelIkeConfig"].clone()
}

#[test]
fn omitted_fields_are_kept_or_made_anew() {
    const REMOTE_ID: (&str, &str) = ("TunnelOptionsSpecification.TunnelIkeConfig.RemoteId", "203.0.113.2");
    let kept = after(r#""OmittedIkeFields": "keep""#, &[REMOTE_ID]);
    assert_eq!(json!([kept["Psk"], kept["IkeVersion"], kept["IkeLifetime"]]), json!(["key-one", "ikev2", "3600"]));
    let random = after(r#""OmittedIkeFields": "randomise""#, &[REMOTE_ID]);
    assert_eq!(json!([random["IkeVersion"], random["IkeLifetime"], random["LocalId"]]), json!(["ikev1", "86400", "47.96.0.1"]));
    let psk = random["Psk"].as_str().unwrap();
    assert!(psk != "key-one" && psk.len() == 16, "{psk}");
    let untouched = after(r#""OmittedIkeFields": "randomise""#, &[]);
    assert_eq!(json!([untouched["Psk"], untouched["IkeVersion"]]), json!(["key-one", "ikev2"]), "nothing of it was sent");
}

#[test]
fn single_tunnels_lose_omitted_fields_too() {
    let after = |switch: &str, parameter: &str, sent: &str| {
        let mut cloud = cloud_with(&format!(r#""CheckSignatures": false, "OmittedIkeFields": "{switch}""#), KINDS);
        succeed(&mut cloud, at(0), "ModifyVpnConnectionAttribute", &[("VpnConnectionId", "vco-single"), (parameter, sent)]).body
    };
    let lifetime = r#"{"IkeLifetime": "7200"}"#;
    assert_eq!(after("keep", "IkeConfig", lifetime)["IkeConfig"]["Psk"], "key-single");
    assert_ne!(after("randomise", "IkeConfig", lifetime)["IkeConfig"]["Psk"], "key-single");
    assert_eq!(after("randomise", "IkeConfig", lifetime)["IkeConfig"]["IkeLifetime"], 7200);
    assert_eq!(after("randomise", "IpsecConfig", r#"{"IpsecPfs": "group5"}"#)["IkeConfig"]["Psk"], "key-single");
    let health = after("keep", "HealthCheckConfig", r#"{"Interval": 9}"#);
    assert_eq!(json!([health["VcoHealthCheck"]["Interval"], health["VcoHealthCheck"]["Dip"]]), json!([9, "192.168.1.1"]));
}

#[test]
fn a_default_remote_id_follows_by_switch() {
    assert_eq!(after(r#""RemoteIdFollows": false"#, &[])["RemoteId"], "203.0.113.1");
    assert_eq!(after(r#""RemoteIdFollows": true"#, &[])["RemoteId"], "203.0.113.2");
    let mut given = cloud_with(r#""CheckSignatures": false, "RemoteIdFollows": true"#, KINDS);
    assert!(modify_tunnel(&mut given, &[TO_NEW]).is_success());
    assert_eq!(tunnel_of(&mut given, at(0), "vco-dual", 2)["TunnelIkeConfig"]["RemoteId"], "203.0.113.1", "somebody gave it");
}

#[test]
fn pre_shared_keys_are_masked_by_switch() {
    for (switch, psk) in [("none", "key-two"), ("stars", "****"), ("empty", "")] {
        let mut cloud = cloud_with(&format!(r#""CheckSignatures": false, "MaskPsk": "{switch}""#), KINDS);
        assert_eq!(tunnel_of(&mut cloud, at(0), "vco-dual", 2)["TunnelIkeConfig"]["Psk"], psk);
        let page = succeed(&mut cloud, at(0), "DescribeVpnConnections", &[("VpnConnectionId", "vco-single")]).body;
        let single = &page["VpnConnections"]["VpnConnection"][0]["IkeConfig"]["Psk"];
        assert_eq!(*single, psk.replace("two", "single"));
        assert_eq!(modify_tunnel(&mut cloud, &[TO_NEW]).body["TunnelIkeConfig"]["Psk"], psk);
        let objects = cloud.region(REGION).unwrap().objects();
        assert_eq!(objects.connection("vco-dual").unwrap().tunnels[1].ike.psk, "key-two", "only the replies are masked");
    }
}
