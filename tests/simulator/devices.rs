//! Tunnels come up where the device is.

use crate::modify::KINDS;
use crate::*;
use serde_json::{Value, json};

const UP: &str = "ipsec_sa_established";
const DOWN: &str = "ike_sa_not_established";
const TO_NEW: [(&str, &str); 2] =
    [("TunnelOptionsSpecification.CustomerGatewayId", "cgw-new"), ("TunnelOptionsSpecification.TunnelIkeConfig.RemoteId", "203.0.113.2")];

fn cloud_of(devices: &str, regions: &str) -> Cloud {
    let seed = format!(r#"{{"Switches": {{"CheckSignatures": false}}, "Devices": {devices}, "Regions": {{{regions}}}}}"#);
    Cloud::new(&Seed::parse(&seed).unwrap(), start()).unwrap()
}

fn at_old(details: &str) -> Cloud {
    cloud_of(&format!(r#"[{{"Name": "d", "Address": "203.0.113.1"{details}}}]"#), KINDS)
}

fn shown(cloud: &mut Cloud, now: Timestamp, id: &str) -> Value {
    Value::clone(&succeed(cloud, now, "DescribeVpnConnection", &[("VpnConnectionId", id)]).body)
}

fn statuses(cloud: &mut Cloud, now: Timestamp, id: &str) -> [String; 2] {
    let shown = shown(cloud, now, id);
    [0, 1].map(|at| shown["TunnelOptionsSpecification"]["TunnelOptions"][at]["Status"].as_str().unwrap().to_owned())
}

fn move_tunnel(cloud: &mut Cloud, now: Timestamp, tunnel: &str, changes: &[(&str, &str)]) {
    succeed(cloud, now, "ModifyTunnelAttribute", &[&[("VpnConnectionId", "vco-dual"), ("TunnelId", tunnel)][..], changes].concat());
}

#[test]
fn seeded_tunnels_are_up_where_their_device_is() {
    let mut cloud = at_old("");
    assert_eq!(statuses(&mut cloud, at(0), "vco-dual"), [UP, UP]);
    assert_eq!(shown(&mut cloud, at(0), "vco-single")["Status"], UP);
    assert_eq!(shown(&mut cloud, at(0), "vco-unbound")["Status"], DOWN);
    let mut nowhere = cloud_of(r#"[{"Name": "d"}]"#, KINDS);
    assert_eq!(statuses(&mut nowhere, at(0), "vco-dual"), [DOWN, DOWN]);
    let mut nobody = cloud_of("[]", KINDS);
    assert_eq!(shown(&mut nobody, at(0), "vco-single")["Status"], DOWN);
}

#[test]
fn a_move_takes_the_tunnels_down_and_rebinding_brings_them_back() {
    let mut cloud = at_old("");
    assert!(cloud.move_device("d", &["203.0.113.2"], at(1000)));
    assert!(!cloud.move_device("nobody", &[], at(1000)));
    assert_eq!(statuses(&mut cloud, at(1000), "vco-dual"), [DOWN, DOWN]);
    move_tunnel(&mut cloud, at(2000), "tun-2", &TO_NEW);
    assert_eq!(statuses(&mut cloud, at(3199), "vco-dual"), [DOWN, DOWN], "configured at 3000, and it takes 200");
    assert_eq!(statuses(&mut cloud, at(3200), "vco-dual"), [DOWN, UP]);
    move_tunnel(&mut cloud, at(3200), "tun-1", &TO_NEW);
    assert_eq!(statuses(&mut cloud, at(3200), "vco-dual"), [DOWN, UP], "the other tunnel stays up");
    assert_eq!(statuses(&mut cloud, at(60_000), "vco-dual"), [UP, UP], "also where nobody looked meanwhile");
}

#[test]
fn a_device_moves_by_itself_and_may_have_two_addresses() {
    let mut cloud = at_old(
        r#", "AddressAt": [{"AfterMs": 9000, "Address": "203.0.113.2"}, {"AfterMs": 5000, "Address": ["203.0.113.1", "203.0.113.2"]}]"#,
    );
    assert_eq!(statuses(&mut cloud, at(4999), "vco-dual"), [UP, UP]);
    move_tunnel(&mut cloud, at(5000), "tun-2", &TO_NEW);
    assert_eq!(statuses(&mut cloud, at(6200), "vco-dual"), [UP, UP], "no outage while both addresses live");
    assert_eq!(statuses(&mut cloud, at(9000), "vco-dual"), [DOWN, UP]);
}

#[test]
fn the_remote_id_must_be_what_the_device_calls_itself() {
    let only_gateway = &TO_NEW[..1];
    let mut cloud = at_old("");
    cloud.move_device("d", &["203.0.113.2"], at(0));
    move_tunnel(&mut cloud, at(0), "tun-2", only_gateway);
    assert_eq!(statuses(&mut cloud, at(60_000), "vco-dual"), [DOWN, DOWN], "RemoteId is the old address");
    let mut named = at_old(r#", "Tunnels": [{"TunnelId": "tun-2", "LocalId": "203.0.113.1"}, {}]"#);
    named.move_device("d", &["203.0.113.2"], at(0));
    move_tunnel(&mut named, at(0), "tun-2", only_gateway);
    assert_eq!(statuses(&mut named, at(60_000), "vco-dual"), [DOWN, UP], "it goes by a name that does not change");
}

#[test]
fn a_changed_key_keeps_the_tunnel_down() {
    const RANDOM: (&str, &str) = ("TunnelOptionsSpecification.TunnelIkeConfig.Psk", "another-key");
    let mut cloud = at_old("");
    move_tunnel(&mut cloud, at(0), "tun-2", &[RANDOM]);
    assert_eq!(statuses(&mut cloud, at(60_000), "vco-dual"), [UP, DOWN]);
    move_tunnel(&mut cloud, at(60_000), "tun-2", &[("TunnelOptionsSpecification.TunnelIkeConfig.Psk", "key-two")]);
    assert_eq!(statuses(&mut cloud, at(61_200), "vco-dual"), [UP, UP]);
    let mut knowing = at_old(r#", "Tunnels": [{"TunnelId": "tun-2", "Psk": "another-key"}]"#);
    assert_eq!(statuses(&mut knowing, at(0), "vco-dual"), [DOWN, DOWN], "it knows nothing of tun-1, and another key for tun-2");
    move_tunnel(&mut knowing, at(0), "tun-2", &[RANDOM]);
    assert_eq!(statuses(&mut knowing, at(1200), "vco-dual"), [DOWN, UP]);
}

#[test]
fn other_algorithms_and_another_local_id_keep_it_down_until_somebody_goes_there() {
    for (field, value) in
        [("TunnelIkeConfig.IkeEncAlg", "aes256"), ("TunnelIpsecConfig.IpsecPfs", "group14"), ("TunnelIkeConfig.LocalId", "cloud")]
    {
        let mut cloud = at_old("");
        move_tunnel(&mut cloud, at(0), "tun-2", &[(&format!("TunnelOptionsSpecification.{field}"), value)]);
        assert_eq!(statuses(&mut cloud, at(60_000), "vco-dual"), [UP, DOWN], "{field}");
        cloud.region_mut(REGION).unwrap().configure_devices(at(60_000));
        assert_eq!(statuses(&mut cloud, at(60_200), "vco-dual"), [UP, UP], "{field}");
    }
    let mut cloud = at_old("");
    move_tunnel(&mut cloud, at(0), "tun-2", &[("TunnelOptionsSpecification.TunnelIkeConfig.IkeLifetime", "3600")]);
    assert_eq!(statuses(&mut cloud, at(1200), "vco-dual"), [UP, UP], "lifetimes may differ");
}

/// A BGP connection with one tunnel on each of two customer gateways.
const BGP: &str = r#""cn-hangzhou": {
    "CustomerGateways": [
        {"CustomerGatewayId": "cgw-1", "IpAddress": "203.0.113.1", "Asn": 65001},
        {"CustomerGatewayId": "cgw-2", "IpAddress": "203.0.113.2", "Asn": 65002}
    ],
    "VpnGateways": [{"VpnGatewayId": "vpn-1", "DualTunnel": true}, {"VpnGatewayId": "vpn-2"}],
    "VpnConnections": [
        {"VpnConnectionId": "vco-bgp", "VpnGatewayId": "vpn-1", "EnableTunnelsBgp": true, "TunnelOptionsSpecification": [
            {"CustomerGatewayId": "cgw-1", "TunnelBgpConfig": {"TunnelCidr": "169.254.10.0/30", "LocalBgpIp": "169.254.10.1"}},
            {"CustomerGatewayId": "cgw-2", "TunnelBgpConfig": {"TunnelCidr": "169.254.11.0/30", "LocalBgpIp": "169.254.11.1"}}
        ]},
        {"VpnConnectionId": "vco-health", "VpnGatewayId": "vpn-2", "CustomerGatewayId": "cgw-1",
         "VcoHealthCheck": {"Enable": true, "Dip": "192.168.1.1", "Sip": "10.0.0.1"}}
    ]
}"#;

#[test]
fn bgp_needs_the_right_autonomous_system() {
    let bgp = |devices: &str| {
        let mut cloud = cloud_of(devices, BGP);
        let tunnels = shown(&mut cloud, at(0), "vco-bgp")["TunnelOptionsSpecification"]["TunnelOptions"].clone();
        json!([tunnels[0]["Status"], tunnels[0]["TunnelBgpConfig"]["BgpStatus"], tunnels[1]["TunnelBgpConfig"]["BgpStatus"]])
    };
    let device = |asn: &str| format!(r#"[{{"Name": "d", "Address": ["203.0.113.1", "203.0.113.2"]{asn}}}]"#);
    assert_eq!(bgp(&device("")), json!([UP, "success", "success"]), "any, where none is stated");
    assert_eq!(bgp(&device(r#", "Asn": "65001""#)), json!([UP, "success", "false"]));
    assert_eq!(bgp(&device(r#", "Asn": 65001, "Tunnels": [{"Asn": 65002}]"#)), json!([UP, "false", "success"]));
    assert_eq!(bgp("[]"), json!([DOWN, "false", "false"]));
}

#[test]
fn health_checks_ask_the_device_or_whom_a_test_says() {
    let health = |cloud: &mut Cloud, millis| shown(cloud, at(millis), "vco-health")["VcoHealthCheck"]["Status"].clone();
    let mut good = cloud_of(r#"[{"Name": "d", "Address": "203.0.113.1"}]"#, BGP);
    assert_eq!(health(&mut good, 0), "success");
    good.region_mut(REGION).unwrap().set_health("vco-health", Some(false), at(1));
    assert_eq!(health(&mut good, 1), "failed");
    good.region_mut(REGION).unwrap().set_health("vco-health", None, at(2));
    assert_eq!(health(&mut good, 2), "success");
    good.move_device("d", &[], at(3));
    assert_eq!(health(&mut good, 3), "failed");
    let mut bad = cloud_of(r#"[{"Name": "d", "Address": "203.0.113.1", "HealthGood": false}]"#, BGP);
    assert_eq!(health(&mut bad, 0), "failed");
    bad.change_device("d", at(1), |device| device.health_good = true);
    assert_eq!(health(&mut bad, 1), "success");
}

const RECREATED: [(&str, &str); 6] = [
    ("VpnGatewayId", "vpn-single"),
    ("LocalSubnet", "0.0.0.0/0"),
    ("RemoteSubnet", "0.0.0.0/0"),
    ("CustomerGatewayId", "cgw-new"),
    ("IkeConfig", r#"{"Psk": "key-single"}"#),
    ("EffectImmediately", "true"),
];

fn recreated(psk: &str) -> Value {
    let mut cloud = at_old("");
    cloud.move_device("d", &["203.0.113.2"], at(0));
    for gateway in cloud.region_mut(REGION).unwrap().change(at(0)).customer_gateways.iter_mut() {
        gateway.tags.insert("cgwd-device".to_owned(), "d".to_owned());
    }
    succeed(&mut cloud, at(0), "DeleteVpnConnection", &[("VpnConnectionId", "vco-single")]);
    let mut parameters = RECREATED;
    parameters[4].1 = psk;
    let id = text(&succeed(&mut cloud, at(1000), "CreateVpnConnection", &parameters), "VpnConnectionId");
    assert_eq!(shown(&mut cloud, at(2199), &id)["Status"], DOWN);
    shown(&mut cloud, at(2200), &id)["Status"].clone()
}

#[test]
fn a_recreated_connection_is_measured_by_the_one_it_replaces() {
    assert_eq!(recreated(r#"{"Psk": "key-single"}"#), UP);
    assert_eq!(recreated("{}"), DOWN, "a random key");
    assert_eq!(recreated(r#"{"Psk": "key-single", "IkeVersion": "ikev2"}"#), DOWN);
}

/// cgw-old bears the mark of a device, and an untagged customer gateway has a connection too.
fn guessed() -> Cloud {
    let marked = KINDS.replace(r#""203.0.113.1", "#, r#""203.0.113.1", "Tags": {"cgwd-device": "d"}, "#);
    cloud(&marked.replace(r#"{"CustomerGatewayId": "cgw-new", "IpAddress": "203.0.113.2", "Asn": 65001, "AuthKey": "bgp-key"},"#, ""))
}

#[test]
fn without_devices_the_newest_mark_tells_where_the_device_is() {
    let mut cloud = guessed();
    assert_eq!(statuses(&mut cloud, at(0), "vco-dual"), [DOWN, DOWN], "one mark: they wait for traffic");
    let mark = [("IpAddress", "203.0.113.2"), ("Tags.1.Key", "cgwd-device"), ("Tags.1.Value", "d")];
    let new = text(&succeed(&mut cloud, at(0), "CreateCustomerGateway", &mark), "CustomerGatewayId");
    move_tunnel(&mut cloud, at(0), "tun-2", &[(TO_NEW[0].0, &new), TO_NEW[1]]);
    assert_eq!(statuses(&mut cloud, at(1200), "vco-dual"), [DOWN, UP], "where it was there is nobody");
    move_tunnel(&mut cloud, at(1200), "tun-1", &[(TO_NEW[0].0, "cgw-no-asn")]);
    assert_eq!(statuses(&mut cloud, at(60_000), "vco-dual"), [DOWN, UP], "nobody knows of the other customer gateway");
}

#[test]
fn a_mark_that_comes_later_counts_like_one_of_the_creation() {
    let mut cloud = guessed();
    let new = create(&mut cloud, "203.0.113.2");
    move_tunnel(&mut cloud, at(0), "tun-2", &[(TO_NEW[0].0, &new), TO_NEW[1]]);
    assert_eq!(statuses(&mut cloud, at(5000), "vco-dual"), [DOWN, DOWN]);
    let tag = [("ResourceType", "CUSTOMERGATEWAY"), ("ResourceId.1", new.as_str()), ("Tag.1.Key", "cgwd-device"), ("Tag.1.Value", "d")];
    succeed(&mut cloud, at(5000), "TagResources", &tag);
    assert_eq!(statuses(&mut cloud, at(5200), "vco-dual"), [DOWN, UP]);
}

#[test]
fn what_a_seed_says_of_a_tunnel_that_waits_holds_until_it_is_changed() {
    let seeded = KINDS.replace(r#""TunnelId": "tun-1","#, r#""TunnelId": "tun-1", "Status": "ipsec_sa_established","#);
    let mut cloud = cloud(&seeded);
    assert_eq!(statuses(&mut cloud, at(60_000), "vco-dual"), [UP, DOWN]);
    move_tunnel(&mut cloud, at(60_000), "tun-1", &TO_NEW);
    assert_eq!(statuses(&mut cloud, at(120_000), "vco-dual"), [DOWN, DOWN]);
}

#[test]
fn an_operators_hand_is_felt_at_its_time() {
    let mut cloud = at_old("");
    let region = cloud.region_mut(REGION).unwrap();
    region.change(at(1000)).connections[0].tunnels[0].ike.psk = "by-hand".to_owned();
    region.change(at(2000)).connections[1].ike.psk = "by-hand".to_owned();
    let mut copy = region.objects().connections[1].clone();
    (copy.id, copy.ike.psk) = ("vco-by-hand".to_owned(), "theirs".to_owned());
    copy.remote_subnet = "10.9.0.0/16".to_owned();
    region.change(at(3000)).connections.push(copy);
    assert_eq!(statuses(&mut cloud, at(3000), "vco-dual"), [DOWN, UP]);
    assert_eq!(shown(&mut cloud, at(3000), "vco-single")["Status"], DOWN);
    assert_eq!(shown(&mut cloud, at(3200), "vco-by-hand")["Status"], UP);
    let region = cloud.region_mut(REGION).unwrap();
    region.change(at(4000)).connections.retain(|connection| connection.id != "vco-by-hand");
    region.change(at(4000)).connections[0].tunnels[0].ike.psk = "key-one".to_owned();
    assert_eq!(statuses(&mut cloud, at(4199), "vco-dual"), [DOWN, UP]);
    assert_eq!(statuses(&mut cloud, at(4200), "vco-dual"), [UP, UP]);
}

#[test]
fn the_negotiation_takes_as_long_as_the_switch_says() {
    let seed = format!(
        r#"{{"Switches": {{"CheckSignatures": false, "NegotiationMs": 30000, "GatewayChangeMs": 0}},
             "Devices": [{{"Name": "d", "Address": "203.0.113.1"}}], "Regions": {{{KINDS}}}}}"#
    );
    let mut cloud = Cloud::new(&Seed::parse(&seed).unwrap(), start()).unwrap();
    move_tunnel(&mut cloud, at(0), "tun-1", &[("TunnelOptionsSpecification.EnableDpd", "false")]);
    move_tunnel(&mut cloud, at(0), "tun-1", &[("TunnelOptionsSpecification.TunnelIkeConfig.IkeLifetime", "7200")]);
    assert_eq!(statuses(&mut cloud, at(29_999), "vco-dual"), [DOWN, UP]);
    assert_eq!(statuses(&mut cloud, at(30_000), "vco-dual"), [UP, UP]);
}

#[test]
fn impossible_devices_are_named() {
    for (devices, place) in [
        (r#"[{"Name": "d", "Address": "x"}]"#, "Devices[0].Address: `x` is no IPv4 address"),
        (r#"[{"Name": "d"}, {"Name": "d"}]"#, "Devices[1].Name: "),
        (r#"[{"Name": "d", "Tunnels": [{"Key": "x"}]}]"#, "unknown field `Key`"),
        (r#"[{"Name": "d", "Address": 1}]"#, "expected an address or a list of addresses"),
    ] {
        let seed = Seed::parse(&format!(r#"{{"Devices": {devices}}}"#));
        let problem = seed.and_then(|seed| Cloud::new(&seed, start()).map(|_| ())).unwrap_err().to_string();
        assert!(problem.contains(place), "{devices}: {problem}");
    }
}
