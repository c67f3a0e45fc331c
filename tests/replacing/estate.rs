//! What one device has in the cloud before its address changes, as the seed of a simulated cloud: each kind of connection with
//! settings that are nobody's default, so that one that is lost shows.

use super::{BGP_KEY, DEVICE, NEW, OLD, own_mark};
use serde_json::{Value, json};

/// Short, so that a story takes seconds; long enough that a change is seen to be under way.
const SWITCHES: &str = r#"{"GatewayChangeMs": 20, "NegotiationMs": 20, "AttachMs": 20, "RouteTableChangeMs": 20}"#;

#[derive(Clone)]
pub struct Estate(Value);

impl Estate {
    /// A customer gateway of ours at the old address, a stranger's, and the device at the new one. No connection yet.
    pub fn new() -> Estate {
        let gateways = json!([
            {"CustomerGatewayId": "cgw-old", "IpAddress": OLD, "Asn": 65001, "Name": "shanghai", "Description": "branch in Shanghai",
             "AuthKey": BGP_KEY, "ResourceGroupId": "rg-branches", "CreateTime": 1735787045000u64,
             "Tags": {"site": "sh-01", "owner": "network team", "cgwd-device": DEVICE, "cgwd-owner": own_mark()}},
            {"CustomerGatewayId": "cgw-stranger", "IpAddress": "203.0.113.99", "Asn": 65099, "Name": "stranger"},
        ]);
        Estate(json!({
            "Switches": serde_json::from_str::<Value>(SWITCHES).unwrap(),
            "Devices": [{"Name": DEVICE, "Address": [NEW]}, {"Name": "stranger", "Address": ["203.0.113.99"]}],
            "Regions": {"cn-hangzhou": {"CustomerGateways": gateways}},
        }))
    }

    /// Everything that a device can have.
    pub fn all() -> Estate {
        Estate::new().dual().single().attached().legacy().shared()
    }

    pub fn seed(&self) -> &Value {
        &self.0
    }

    /// Any other change, on the whole seed.
    pub fn with(mut self, change: impl FnOnce(&mut Value)) -> Estate {
        change(&mut self.0);
        self
    }

    pub fn switch(self, name: &str, value: Value) -> Estate {
        self.with(|seed| seed["Switches"][name] = value)
    }

    /// Where the device answers: one address, both, none.
    pub fn device_at(self, addresses: &[&str]) -> Estate {
        self.with(|seed| seed["Devices"][0]["Address"] = json!(addresses))
    }

    /// It speaks BGP under this ASN alone.
    pub fn device_asn(self, asn: u32) -> Estate {
        self.with(|seed| seed["Devices"][0]["Asn"] = json!(asn))
    }

    /// From then on, counted from the cloud's beginning, it answers there.
    pub fn device_later_at(self, millis: u64, addresses: &[&str]) -> Estate {
        self.with(|seed| seed["Devices"][0]["AddressAt"] = json!([{"AfterMs": millis, "Address": addresses}]))
    }

    pub fn gateway(self, gateway: Value) -> Estate {
        self.add("CustomerGateways", [gateway])
    }

    fn add(mut self, list: &str, items: impl IntoIterator<Item = Value>) -> Estate {
        let list = &mut self.0["Regions"]["cn-hangzhou"][list];
        if list.is_null() {
            *list = json!([]);
        }
        list.as_array_mut().unwrap().extend(items);
        self
    }

    /// Of the kind that there may be several of.
    fn add_once(self, list: &str, key: &str, item: Value) -> Estate {
        let there = self.0["Regions"]["cn-hangzhou"][list].as_array().is_some_and(|all| all.iter().any(|own| own[key] == item[key]));
        if there { self } else { self.add(list, [item]) }
    }

    fn dual_gateway(self) -> Estate {
        let gateway = json!({"VpnGatewayId": "vpn-dual", "InternetIp": "47.96.1.1", "DisasterRecoveryInternetIp": "47.96.1.2"});
        self.add_once("VpnGateways", "VpnGatewayId", gateway)
    }

    fn router(self) -> Estate {
        let router = json!({"TransitRouterId": "tr-1", "CenId": "cen-1", "Name": "router", "Cidr": "10.127.0.0/24",
            "SystemRouteTable": "vtb-system", "CustomRouteTables": ["vtb-custom"]});
        self.add_once("TransitRouters", "TransitRouterId", router)
    }

    /// On a VPN gateway, two tunnels with BGP, and routes that must not be touched.
    pub fn dual(self) -> Estate {
        let connection = json!({
            "VpnConnectionId": "vco-dual", "Name": "dual", "VpnGatewayId": "vpn-dual", "LocalSubnet": "10.0.0.0/8",
            "RemoteSubnet": "192.168.1.0/24", "EnableTunnelsBgp": true, "EffectImmediately": true, "TunnelBandwidth": "", "Tags": {"site": "sh-01"},
            "TunnelOptionsSpecification": [
                tunnel("tun-d1", "cgw-old", "canary-psk-dual-1-a1b2", json!({"LocalAsn": 45104, "TunnelCidr": "169.254.10.0/30", "LocalBgpIp": "169.254.10.1"})),
                tunnel("tun-d2", "cgw-old", "canary-psk-dual-2-c3d4", json!({"LocalAsn": 45104, "TunnelCidr": "169.254.11.0/30", "LocalBgpIp": "169.254.11.1"})),
            ],
        });
        let route = json!({"RouteDest": "192.168.10.0/24", "NextHop": "vco-dual", "Weight": 100, "State": "published"});
        self.dual_gateway().add("VpnConnections", [connection]).add("VpnRouteEntries", [route])
    }

    /// On a VPN gateway, one tunnel: it has to be made again, with everything that hangs on it.
    pub fn single(self) -> Estate {
        let connection = json!({
            "VpnConnectionId": "vco-single", "Name": "single", "VpnGatewayId": "vpn-single", "CustomerGatewayId": "cgw-old",
            "LocalSubnet": "10.0.0.0/8,172.16.0.0/16", "RemoteSubnet": "192.168.2.0/24,192.168.3.0/24", "EffectImmediately": true,
            "EnableDpd": false, "EnableNatTraversal": false, "TunnelBandwidth": "", "Tags": {"team": "network", "cost center": "4711 / a+b"},
            "IkeConfig": ike("canary-psk-single-e5f6"), "IpsecConfig": ipsec(),
            "VcoHealthCheck": {"Enable": true, "Dip": "192.168.2.1", "Sip": "10.0.0.1", "Interval": 5, "Retry": 4, "Policy": "revoke_route"},
        });
        let routes = [
            json!({"RouteDest": "192.168.50.0/24", "NextHop": "vco-single", "Weight": 100, "State": "published"}),
            json!({"RouteDest": "192.168.51.0/24", "NextHop": "vco-single", "Weight": 0, "State": "normal"}),
        ];
        let policies = [
            json!({"RouteSource": "10.0.0.0/8", "RouteDest": "192.168.2.0/24", "NextHop": "vco-single", "Weight": 100, "Priority": 7, "State": "published"}),
            json!({"RouteSource": "10.1.0.0/16", "RouteDest": "192.168.3.0/24", "NextHop": "vco-single", "Weight": 0, "Priority": 33, "State": "normal"}),
        ];
        self.add_once("VpnGateways", "VpnGatewayId", json!({"VpnGatewayId": "vpn-single", "InternetIp": "47.96.2.1"}))
            .add("VpnConnections", [connection])
            .add("VpnRouteEntries", routes)
            .add("VpnPbrRouteEntries", policies)
    }

    /// On a transit router, two tunnels, with a route of its own, an association and propagations.
    pub fn attached(self) -> Estate {
        let connection = json!({
            "VpnConnectionId": "vco-attached", "Name": "attached", "TransitRouterId": "tr-1", "LocalSubnet": "0.0.0.0/0",
            "RemoteSubnet": "0.0.0.0/0", "TransitRouterAttachmentId": "tr-attach-1", "TransitRouterAttachmentName": "to the branch",
            "TransitRouterAttachmentDescription": "the branch in Shanghai", "TransitRouterAttachmentTags": {"site": "sh-01"},
            "ResourceGroupId": "rg-branches", "Tags": {"router": "one"},
            "TunnelOptionsSpecification": [
                tunnel("tun-a1", "cgw-old", "canary-psk-attached-1-a7b8", json!({})),
                tunnel("tun-a2", "cgw-old", "canary-psk-attached-2-c9d0", json!({})),
            ],
        });
        self.router()
            .add("VpnConnections", [connection])
            .add("VcoRouteEntries", [json!({"RouteDest": "192.168.60.0/24", "NextHop": "vco-attached", "Weight": 100})])
            .add("TransitRouterAssociations", [json!({"ResourceId": "vco-attached", "TransitRouterRouteTableId": "vtb-custom"})])
            .add(
                "TransitRouterPropagations",
                ["vtb-system", "vtb-custom"].map(|table| json!({"ResourceId": "vco-attached", "TransitRouterRouteTableId": table})),
            )
    }

    /// On a transit router, one tunnel: the cloud no longer lets such a one be made.
    pub fn legacy(self) -> Estate {
        let connection = json!({
            "VpnConnectionId": "vco-legacy", "Name": "legacy", "TransitRouterId": "tr-1", "CustomerGatewayId": "cgw-old",
            "LocalSubnet": "0.0.0.0/0", "RemoteSubnet": "0.0.0.0/0", "InternetIp": "47.96.3.1", "TransitRouterAttachmentId": "tr-attach-2",
            "EnableDpd": false, "IkeConfig": ike("canary-psk-legacy-1a2b"), "IpsecConfig": ipsec(), "Tags": {"router": "one"},
        });
        self.router().add("VpnConnections", [connection])
    }

    /// On a VPN gateway, one tunnel ours and one a stranger's.
    pub fn shared(self) -> Estate {
        let mut theirs = tunnel("tun-s2", "cgw-stranger", "canary-psk-shared-2-5e6f", json!({}));
        theirs["TunnelIkeConfig"]["RemoteId"] = json!("203.0.113.99");
        let connection = json!({
            "VpnConnectionId": "vco-shared", "Name": "shared", "VpnGatewayId": "vpn-dual", "LocalSubnet": "10.0.0.0/8",
            "RemoteSubnet": "192.168.7.0/24",
            "TunnelOptionsSpecification": [tunnel("tun-s1", "cgw-old", "canary-psk-shared-1-3c4d", json!({})), theirs],
        });
        self.dual_gateway().add("VpnConnections", [connection])
    }
}

fn tunnel(id: &str, gateway: &str, psk: &str, bgp: Value) -> Value {
    json!({"TunnelId": id, "CustomerGatewayId": gateway, "EnableDpd": false, "TunnelIkeConfig": ike(psk), "TunnelIpsecConfig": ipsec(),
        "TunnelBgpConfig": bgp})
}

fn ike(psk: &str) -> Value {
    json!({"Psk": psk, "IkeVersion": "ikev2", "IkeMode": "aggressive", "IkeEncAlg": "aes256", "IkeAuthAlg": "sha384", "IkePfs": "group14",
        "IkeLifetime": 43200, "RemoteId": OLD})
}

fn ipsec() -> Value {
    json!({"IpsecEncAlg": "aes192", "IpsecAuthAlg": "sha512", "IpsecPfs": "group5", "IpsecLifetime": 7200})
}

/// The pre-shared keys of all of them.
pub const PSKS: &[&str] = &[
    "canary-psk-dual-1-a1b2",
    "canary-psk-dual-2-c3d4",
    "canary-psk-single-e5f6",
    "canary-psk-attached-1-a7b8",
    "canary-psk-attached-2-c9d0",
    "canary-psk-legacy-1a2b",
    "canary-psk-shared-1-3c4d",
    "canary-psk-shared-2-5e6f",
];
