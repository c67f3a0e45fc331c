//! The cloud of a topology, as a seed. What must never be seen in the clear begins with [`CANARY`].

use super::topology::{ASN, Besides, DEVICE, DEVICE_ID, FOREIGN_GATEWAY, NEW, OLD, OLD_GATEWAY, Part, Place, REGION, Topology, Way};
use serde_json::{Value, json};

/// How every secret of the seed begins.
pub const CANARY: &str = "Canary-";

pub fn of(topology: &Topology) -> Value {
    let gateways = customer_gateways(topology);
    // One is free where a temporary one is needed: then the documented order is a wish, and no necessity.
    let room = usize::from(topology.parts.contains(&Part::Shared));
    let quota = if topology.way == Way::Documented { gateways.len() + room } else { 100 };
    json!({
        "Credentials": [{"AccessKeyId": "AKID", "AccessKeySecret": "SECRET"}],
        "Devices": devices(topology),
        "Regions": {REGION: {
            "Quota": {"CustomerGateways": quota},
            "CustomerGateways": gateways,
            "VpnGateways": [
                {"VpnGatewayId": "vpn-single", "InternetIp": "47.96.2.1"},
                {"VpnGatewayId": "vpn-dual", "InternetIp": "47.96.1.1", "DisasterRecoveryInternetIp": "47.96.1.2", "EnableBgp": true},
            ],
            "TransitRouters": [{"TransitRouterId": "tr-1", "CenId": "cen-1", "SystemRouteTable": "vtb-1", "CustomRouteTables": ["vtb-2"]}],
            "VpnConnections": connections(topology),
            "VpnRouteEntries": routes(topology),
            "VpnPbrRouteEntries": policies(topology),
            "VcoRouteEntries": connection_routes(topology),
            "TransitRouterAssociations": links(topology),
            "TransitRouterPropagations": links(topology),
        }},
    })
}

fn customer_gateways(topology: &Topology) -> Vec<Value> {
    let owner = format!("{DEVICE_ID}.1");
    let mut all = vec![
        json!({
            "CustomerGatewayId": OLD_GATEWAY, "IpAddress": OLD.to_string(), "Asn": ASN, "Name": "branch", "Description": "the branch",
            "AuthKey": format!("{CANARY}auth"), "Tags": {"site": "sh-01", "cgwd-device": DEVICE, "cgwd-owner": owner},
        }),
        json!({"CustomerGatewayId": FOREIGN_GATEWAY, "IpAddress": "198.51.100.1", "Asn": 65010, "Tags": {"cgwd-device": "box-2", "cgwd-owner": "ffff.1"}}),
    ];
    match topology.besides {
        Besides::Nothing | Besides::OneTunnel | Besides::Masked => {}
        Besides::Crowd => all.extend((10..21).map(|host| {
            json!({"CustomerGatewayId": format!("cgw-{host}"), "IpAddress": format!("198.51.100.{host}"), "Asn": 65100 + host, "Tags": {"team": "others"}})
        })),
        Besides::Adoptable => all.push(json!({"CustomerGatewayId": "cgw-hand", "IpAddress": NEW.to_string(), "Asn": ASN, "AuthKey": format!("{CANARY}auth")})),
        Besides::Foreign => all.push(json!({
            "CustomerGatewayId": "cgw-foreign", "IpAddress": NEW.to_string(), "Asn": ASN, "Tags": {"cgwd-device": "box-2", "cgwd-owner": "ffff.1"},
        })),
    }
    all
}

fn devices(topology: &Topology) -> Value {
    let address = match topology.place {
        Place::Moved => vec![NEW.to_string()],
        Place::Both => vec![OLD.to_string(), NEW.to_string()],
        Place::Stayed => vec![OLD.to_string()],
    };
    let strangers: Vec<String> = [1].into_iter().chain(10..21).map(|host| format!("198.51.100.{host}")).collect();
    let tunnels = match topology.besides {
        Besides::OneTunnel => json!([{"TunnelId": format!("tun-{}-1", Part::Dual.id())}]),
        _ => json!([{"VpnConnectionId": "vco-legacy", "LocalId": "branch.example"}, {}]),
    };
    json!([
        {"Name": DEVICE, "Address": address, "Tunnels": tunnels},
        {"Name": "strangers", "Address": strangers},
    ])
}

fn connections(topology: &Topology) -> Vec<Value> {
    let ours = topology.parts.iter().map(|part| connection(*part));
    let strangers = match topology.besides {
        Besides::Crowd => vec![
            json!({
                "VpnConnectionId": "vco-stranger-1", "VpnGatewayId": "vpn-single", "CustomerGatewayId": "cgw-10",
                "LocalSubnet": "10.0.0.0/16", "RemoteSubnet": "172.16.0.0/16", "IkeConfig": {"Psk": format!("{CANARY}stranger")},
            }),
            json!({"VpnConnectionId": "vco-stranger-2", "VpnGatewayId": "vpn-dual", "TunnelOptionsSpecification": [{"CustomerGatewayId": "cgw-11"}, {"CustomerGatewayId": "cgw-12"}]}),
        ],
        _ => vec![json!({
            "VpnConnectionId": "vco-stranger-1", "VpnGatewayId": "vpn-single", "CustomerGatewayId": FOREIGN_GATEWAY,
            "LocalSubnet": "10.0.0.0/16", "RemoteSubnet": "172.16.0.0/16", "IkeConfig": {"Psk": format!("{CANARY}stranger")},
        })],
    };
    ours.chain(strangers).collect()
}

fn connection(part: Part) -> Value {
    let ike = |number: u8| json!({"Psk": format!("{CANARY}{}-{number}", part.id()), "IkeVersion": "ikev2", "IkeEncAlg": "aes256", "IkeLifetime": 43_200});
    let tunnel = |number: u8, gateway: &str| json!({"TunnelId": format!("tun-{}-{number}", part.id()), "CustomerGatewayId": gateway, "EnableDpd": number == 1, "TunnelIkeConfig": ike(number)});
    let speaks = |number: u8, mut tunnel: Value| {
        tunnel["TunnelBgpConfig"] = json!({"LocalAsn": 45104, "TunnelCidr": format!("169.254.{}.0/30", 10 + number), "LocalBgpIp": format!("169.254.{}.1", 10 + number)});
        tunnel
    };
    let mut given_identity = tunnel(1, OLD_GATEWAY);
    given_identity["TunnelIkeConfig"]["RemoteId"] = json!(OLD.to_string());
    let dual = json!([given_identity, tunnel(2, OLD_GATEWAY)]);
    let mut whole = match part {
        Part::Single => json!({
            "VpnGatewayId": "vpn-single", "CustomerGatewayId": OLD_GATEWAY, "LocalSubnet": "10.0.0.0/16", "RemoteSubnet": "192.168.0.0/16",
            "EffectImmediately": true, "EnableNatTraversal": false, "IkeConfig": ike(1), "IpsecConfig": {"IpsecPfs": "group14"},
            "VcoHealthCheck": {"Enable": true, "Dip": "192.168.1.1", "Sip": "10.0.1.1", "Interval": 5, "Retry": 4},
        }),
        Part::Dual => {
            json!({"VpnGatewayId": "vpn-dual", "LocalSubnet": "10.1.0.0/16", "RemoteSubnet": "192.168.0.0/16", "TunnelOptionsSpecification": dual})
        }
        Part::Shared => {
            json!({"VpnGatewayId": "vpn-dual", "LocalSubnet": "10.2.0.0/16", "RemoteSubnet": "192.168.0.0/16", "TunnelOptionsSpecification": [tunnel(1, FOREIGN_GATEWAY), tunnel(2, OLD_GATEWAY)]})
        }
        Part::Bgp => {
            json!({"VpnGatewayId": "vpn-dual", "EnableTunnelsBgp": true, "TunnelOptionsSpecification": [speaks(1, tunnel(1, OLD_GATEWAY)), speaks(2, tunnel(2, OLD_GATEWAY))]})
        }
        Part::Router => json!({
            "TransitRouterId": "tr-1", "TransitRouterAttachmentId": "tr-attach-1", "TransitRouterAttachmentName": "branch",
            "TransitRouterAttachmentDescription": "the branch", "TransitRouterAttachmentTags": {"site": "sh-01"}, "AutoPublishRouteEnabled": false,
            "TunnelOptionsSpecification": dual,
        }),
        Part::Legacy => {
            let mut ike = ike(1);
            ike["RemoteId"] = json!("branch.example");
            json!({"TransitRouterId": "tr-1", "TransitRouterAttachmentId": "tr-attach-2", "CustomerGatewayId": OLD_GATEWAY, "InternetIp": "47.96.3.1", "Zones": ["cn-hangzhou-h"], "ZoneNo": "cn-hangzhou-h", "IkeConfig": ike})
        }
    };
    whole["VpnConnectionId"] = json!(part.id());
    whole["Name"] = json!(format!("branch {}", part.id()));
    whole["Tags"] = json!({"site": "sh-01", "team": "network"});
    whole
}

fn routes(topology: &Topology) -> Vec<Value> {
    let of = |part: &Part| match part {
        Part::Single => Some(json!({"RouteDest": "192.168.10.0/24", "NextHop": part.id(), "Weight": 100, "State": "published"})),
        Part::Dual => Some(json!({"RouteDest": "192.168.11.0/24", "NextHop": part.id(), "Weight": 0, "State": "normal"})),
        _ => None,
    };
    topology.parts.iter().filter_map(of).collect()
}

fn policies(topology: &Topology) -> Vec<Value> {
    let single = topology.parts.iter().filter(|part| **part == Part::Single);
    single.map(|part| json!({"RouteSource": "10.0.0.0/16", "RouteDest": "192.168.0.0/16", "NextHop": part.id(), "Priority": 20, "Weight": 100, "State": "normal"})).collect()
}

fn connection_routes(topology: &Topology) -> Vec<Value> {
    let routers = topology.parts.iter().filter(|part| **part == Part::Router);
    routers.map(|part| json!({"RouteDest": "192.168.30.0/24", "NextHop": part.id(), "Weight": 100})).collect()
}

/// One table each: what its traffic is routed by, and what learns its routes.
fn links(topology: &Topology) -> Vec<Value> {
    let routers = topology.parts.iter().filter(|part| **part == Part::Router);
    routers.map(|part| json!({"ResourceId": part.id(), "TransitRouterRouteTableId": "vtb-1"})).collect()
}
