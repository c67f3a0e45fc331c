//! A customer gateway with connections behind it, for stories about replacing it.

use super::device::{ADDRESS, Device};
use super::simulated::{REGION, Sim};
use serde_json::{Value, json};

/// The customer gateway that the device adopts.
pub const OLD: &str = "cgw-old";
/// Where the device goes.
pub const ELSEWHERE: &str = "203.0.113.88";
/// And from there.
pub const THIRD: &str = "203.0.113.99";

pub const PSK: &str = "a-pre-shared-key-of-old";

/// A dual-tunnel connection, and a single-tunnel one with a route; all down. `devices`: where the other ends are; `Null`: where the
/// newest customer gateway says.
pub fn cloud(devices: Value) -> Value {
    let tunnel = |id: &str| json!({"TunnelId": id, "CustomerGatewayId": OLD, "TunnelIkeConfig": {"Psk": PSK}});
    let mut seed = json!({
        "Switches": {"GatewayChangeMs": 300, "NegotiationMs": 100},
        "Regions": {REGION: {
            "CustomerGateways": [{"CustomerGatewayId": OLD, "IpAddress": ADDRESS, "Asn": 65001}],
            "VpnGateways": [
                {"VpnGatewayId": "vpn-dual", "InternetIp": "47.96.1.1", "DisasterRecoveryInternetIp": "47.96.1.2"},
                {"VpnGatewayId": "vpn-single", "InternetIp": "47.96.2.1"},
            ],
            "VpnConnections": [
                {
                    "VpnConnectionId": "vco-dual", "VpnGatewayId": "vpn-dual", "LocalSubnet": "10.0.0.0/16", "RemoteSubnet": "192.168.1.0/24",
                    "AutoConfigRoute": false, "TunnelOptionsSpecification": [tunnel("tun-1"), tunnel("tun-2")],
                },
                {
                    "VpnConnectionId": "vco-single", "VpnGatewayId": "vpn-single", "CustomerGatewayId": OLD, "LocalSubnet": "10.0.0.0/16",
                    "RemoteSubnet": "192.168.2.0/24", "AutoConfigRoute": false, "IkeConfig": {"Psk": PSK}, "Tags": {"team": "network"},
                },
            ],
            "VpnRouteEntries": [
                {"RouteDest": "192.168.2.0/24", "NextHop": "vco-single", "Weight": 100, "State": "published"},
            ],
        }},
    });
    if !devices.is_null() {
        seed["Devices"] = devices;
    }
    seed
}

/// With this in `[replacement]`, and no waits that a test would sit through.
pub fn device(sim: &Sim, replacement: &str) -> Device {
    Device::new(sim).with(|device| device.rest = section(replacement))
}

pub fn section(replacement: &str) -> String {
    let often = if replacement.contains("max_per_day") { "" } else { "max_per_day = 100\n" };
    format!("[replacement]\nrecheck = \"0s\"\n{often}{replacement}\n")
}

/// At once, and by itself.
pub const AUTO: &str = "policy = \"auto\"\nsettle = \"0s\"";

pub fn connections(sim: &Sim) -> Vec<Value> {
    let answer = sim.call("DescribeVpnConnections", &[("RegionId", REGION), ("PageSize", "50")]);
    answer["VpnConnections"]["VpnConnection"].as_array().unwrap_or_else(|| panic!("{answer}")).clone()
}

/// Whether each tunnel of each connection is at the only customer gateway, which has this address, and is up.
pub fn all_at(sim: &Sim, address: &str) -> bool {
    let gateways = sim.gateways();
    let [gateway] = gateways.as_slice() else { return false };
    let id = &gateway["CustomerGatewayId"];
    let up = |end: &Value| end["Status"] == "ipsec_sa_established";
    let is_there = |connection: &Value| match connection["TunnelOptionsSpecification"]["TunnelOptions"].as_array() {
        Some(tunnels) if !tunnels.is_empty() => tunnels.iter().all(|tunnel| tunnel["CustomerGatewayId"] == *id && up(tunnel)),
        _ => connection["CustomerGatewayId"] == *id && up(connection),
    };
    gateway["IpAddress"] == address && connections(sim).len() == 2 && connections(sim).iter().all(is_there)
}
