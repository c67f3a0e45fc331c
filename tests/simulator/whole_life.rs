//! One device's move from its beginning to its end: everything that hangs on a customer gateway, on one seed.

use crate::*;
use serde_json::{Value, json};

const UP: &str = "ipsec_sa_established";
const DOWN: &str = "ike_sa_not_established";

/// A branch with BGP over both tunnels of a connection, and a route of each kind over it.
const SEED: &str = r#"{
    "Switches": {"CheckSignatures": false},
    "Devices": [{"Name": "branch", "Address": "203.0.113.1", "Asn": 65001}],
    "Regions": {"cn-hangzhou": {
        "CustomerGateways": [{"CustomerGatewayId": "cgw-old", "IpAddress": "203.0.113.1", "Asn": 65001}],
        "VpnGateways": [{"VpnGatewayId": "vpn-1", "InternetIp": "47.96.0.1", "DisasterRecoveryInternetIp": "47.96.0.2", "EnableBgp": true}],
        "VpnConnections": [{
            "VpnConnectionId": "vco-1", "VpnGatewayId": "vpn-1", "EnableTunnelsBgp": true,
            "TunnelOptionsSpecification": [
                {"TunnelId": "tun-1", "CustomerGatewayId": "cgw-old", "TunnelIkeConfig": {"Psk": "key-one"},
                 "TunnelBgpConfig": {"TunnelCidr": "169.254.10.0/30", "LocalBgpIp": "169.254.10.1"}},
                {"TunnelId": "tun-2", "CustomerGatewayId": "cgw-old", "TunnelIkeConfig": {"Psk": "key-two"},
                 "TunnelBgpConfig": {"TunnelCidr": "169.254.11.0/30", "LocalBgpIp": "169.254.11.1"}}
            ]
        }],
        "VpnRouteEntries": [{"RouteDest": "192.168.1.0/24", "NextHop": "vco-1", "State": "published"}],
        "VpnPbrRouteEntries": [{"RouteSource": "10.0.0.0/16", "RouteDest": "192.168.2.0/24", "NextHop": "vco-1"}]
    }}
}"#;

const CONNECTION: (&str, &str) = ("VpnConnectionId", "vco-1");
const ON_GATEWAY: (&str, &str) = ("VpnGatewayId", "vpn-1");
const LATER_ROUTE: [(&str, &str); 5] =
    [ON_GATEWAY, ("RouteDest", "192.168.3.0/24"), ("NextHop", "vco-1"), ("Weight", "100"), ("PublishVpc", "false")];

/// Customer gateway, status and BGP of each tunnel.
fn tunnels(cloud: &mut Cloud, now: Timestamp) -> Value {
    let shown = succeed(cloud, now, "DescribeVpnConnection", &[CONNECTION]).body;
    let told = |tunnel: &Value| json!([tunnel["CustomerGatewayId"], tunnel["Status"], tunnel["TunnelBgpConfig"]["BgpStatus"]]);
    shown["TunnelOptionsSpecification"]["TunnelOptions"].as_array().unwrap().iter().map(told).collect()
}

/// Destination, next hop and state of each route of the VPN gateway, destination routes first.
fn routes(cloud: &mut Cloud, now: Timestamp) -> Vec<String> {
    let destinations = succeed(cloud, now, "DescribeVpnRouteEntries", &[ON_GATEWAY]).body["VpnRouteEntries"]["VpnRouteEntry"].clone();
    let policies = succeed(cloud, now, "DescribeVpnPbrRouteEntries", &[ON_GATEWAY]).body["VpnPbrRouteEntries"]["VpnPbrRouteEntry"].clone();
    let rows = [destinations, policies].into_iter().flat_map(|rows| rows.as_array().unwrap().clone());
    rows.map(|row| ["RouteDest", "NextHop", "State"].map(|field| row[field].as_str().unwrap().to_owned()).join(" ")).collect()
}

fn rebind(cloud: &mut Cloud, now: Timestamp, tunnel: &str, gateway: &str) {
    let (id, remote) = ("TunnelOptionsSpecification.CustomerGatewayId", "TunnelOptionsSpecification.TunnelIkeConfig.RemoteId");
    succeed(cloud, now, "ModifyTunnelAttribute", &[CONNECTION, ("TunnelId", tunnel), (id, gateway), (remote, "203.0.113.2")]);
}

fn delete(cloud: &mut Cloud, now: Timestamp, gateway: &str) -> String {
    ask(cloud, now, "DeleteCustomerGateway", &[("CustomerGatewayId", gateway)]).code().to_owned()
}

#[test]
fn a_moved_device_is_followed_and_its_old_gateway_goes() {
    let mut cloud = Cloud::new(&Seed::parse(SEED).unwrap(), start()).unwrap();
    let old_up = json!(["cgw-old", UP, "success"]);
    let old_down = json!(["cgw-old", DOWN, "false"]);
    let seeded = ["192.168.1.0/24 vco-1 published", "192.168.2.0/24 vco-1 normal"];
    assert_eq!(tunnels(&mut cloud, at(0)), json!([old_up, old_up]));
    assert_eq!(routes(&mut cloud, at(0)), seeded);

    // The device gets another address: the tunnels are lost, and nothing else changes.
    assert!(cloud.move_device("branch", &["203.0.113.2"], at(1000)));
    assert_eq!(tunnels(&mut cloud, at(1000)), json!([old_down, old_down]));
    assert_eq!(routes(&mut cloud, at(1000)), seeded);
    let registration = [("IpAddress", "203.0.113.2"), ("Asn", "65001")];
    let new = text(&succeed(&mut cloud, at(1000), "CreateCustomerGateway", &registration), "CustomerGatewayId");
    let (new_up, new_down) = (json!([new, UP, "success"]), json!([new, DOWN, "false"]));
    assert_eq!(delete(&mut cloud, at(1000), "cgw-old"), "DependencyViolation.VpnConnection");

    // One tunnel, then the other. Meanwhile the VPN gateway takes no other change: neither a tunnel nor a route.
    rebind(&mut cloud, at(2000), "tun-2", &new);
    assert_eq!(ask(&mut cloud, at(2999), "CreateVpnRouteEntry", &LATER_ROUTE).code(), "VpnGateway.Configuring");
    assert_eq!(delete(&mut cloud, at(2999), "cgw-old"), "VpnGateway.task.conflict");
    assert_eq!(tunnels(&mut cloud, at(3199)), json!([old_down, new_down]), "configured at 3000, and it takes 200");
    assert_eq!(tunnels(&mut cloud, at(3200)), json!([old_down, new_up]));
    assert_eq!(delete(&mut cloud, at(3200), "cgw-old"), "DependencyViolation.VpnConnection", "of the other tunnel");

    // A route is changed while the second negotiation is still to come.
    succeed(&mut cloud, at(3200), "CreateVpnRouteEntry", &LATER_ROUTE);
    let tunnel_1 = [CONNECTION, ("TunnelId", "tun-1"), ("TunnelOptionsSpecification.CustomerGatewayId", new.as_str())];
    assert_eq!(ask(&mut cloud, at(4199), "ModifyTunnelAttribute", &tunnel_1).code(), "VpnGateway.Configuring");
    rebind(&mut cloud, at(4200), "tun-1", &new);
    assert_eq!(tunnels(&mut cloud, at(5399)), json!([new_down, new_up]), "the other tunnel stays up");
    assert_eq!(tunnels(&mut cloud, at(5400)), json!([new_up, new_up]));
    let all = ["192.168.1.0/24 vco-1 published", "192.168.3.0/24 vco-1 normal", "192.168.2.0/24 vco-1 normal"];
    assert_eq!(routes(&mut cloud, at(5400)), all, "the connection is the same, and so is the next hop");

    // Nothing uses the old customer gateway any more.
    assert_eq!(delete(&mut cloud, at(5400), "cgw-old"), "");
    assert_eq!(listed(&mut cloud, at(5400)), ["203.0.113.2"]);
    assert_eq!(delete(&mut cloud, at(5400), &new), "DependencyViolation.VpnConnection");
    assert_eq!(tunnels(&mut cloud, at(60_000)), json!([new_up, new_up]));
    assert_eq!(routes(&mut cloud, at(60_000)), all);

    // The branch is closed: with the connection go its routes, and then the customer gateway may.
    succeed(&mut cloud, at(60_000), "DeleteVpnConnection", &[CONNECTION]);
    assert_eq!(routes(&mut cloud, at(60_999)), all);
    assert_eq!(routes(&mut cloud, at(61_000)), [""; 0]);
    assert_eq!(delete(&mut cloud, at(61_000), &new), "");
    assert_eq!(listed(&mut cloud, at(61_000)), [""; 0]);
}
