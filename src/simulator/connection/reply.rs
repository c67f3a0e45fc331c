//! What the Modify calls answer: booleans and numbers as such, where the Describe calls have texts (cloud/api.md 2.3, 2.4).

use super::{describe, parse};
use crate::simulator::objects::{Bgp, Connection, Health, Objects, Tunnel};
use crate::simulator::region::Region;
use crate::simulator::switches::MaskPsk;
use serde_json::{Map, Value, json};

/// The tunnels under `TunnelOptions`.
pub fn connection(region: &Region, connection: &Connection) -> Value {
    let (objects, mask) = (region.objects(), region.switches.mask_psk);
    let mut fields = common(objects, connection, mask);
    if connection.is_dual() {
        let tunnels: Vec<_> = connection.tunnels.iter().map(|own| Value::Object(shown_tunnel(objects, own, mask))).collect();
        fields.insert("TunnelOptionsSpecification".to_owned(), json!({"TunnelOptions": tunnels}));
    }
    fields.insert("VcoHealthCheck".to_owned(), health(&connection.health, false));
    Value::Object(fields)
}

/// The tunnels as a plain array.
pub fn attachment(region: &Region, connection: &Connection) -> Value {
    let (objects, mask) = (region.objects(), region.switches.mask_psk);
    let (attach_type, attach_instance) = describe::attached_to(objects, connection);
    let mut fields = common(objects, connection, mask);
    if connection.is_dual() {
        let tunnels = connection.tunnels.iter().map(|own| {
            let mut fields = shown_tunnel(objects, own, mask);
            fields.retain(|name, _| name != "RemoteCaCertificate" && name != "ZoneNo");
            fields.insert("TunnelIndex".to_owned(), json!(own.index));
            Value::Object(fields)
        });
        fields.insert("TunnelOptionsSpecification".to_owned(), tunnels.collect());
    }
    fields.insert("VcoHealthCheck".to_owned(), health(&connection.health, true));
    let own = [
        ("AttachType", attach_type),
        ("AttachInstanceId", attach_instance),
        ("NetworkType", &connection.network_type),
        ("Spec", describe::SPEC),
        ("Status", describe::negotiation(connection)),
    ];
    fields.extend(own.map(|(name, value)| (name.to_owned(), Value::from(value))));
    Value::Object(fields)
}

/// One tunnel, without a wrapper.
pub fn tunnel(region: &Region, tunnel: &Tunnel) -> Value {
    let mut fields = shown_tunnel(region.objects(), tunnel, region.switches.mask_psk);
    if let Some(Value::Object(bgp)) = fields.get_mut("TunnelBgpConfig") {
        bgp.insert("EnableBgp".to_owned(), json!(tunnel.bgp.enable_bgp));
    }
    Value::Object(fields)
}

fn common(objects: &Objects, connection: &Connection, mask: MaskPsk) -> Map<String, Value> {
    let shown = json!({
        "VpnConnectionId": connection.id, "VpnGatewayId": connection.vpn_gateway().unwrap_or(describe::NO_GATEWAY),
        "CustomerGatewayId": connection.customer_gateway, "Name": connection.name, "Description": connection.description,
        "CreateTime": connection.created.as_millisecond(), "ResourceGroupId": connection.resource_group,
        "LocalSubnet": connection.local_subnet, "RemoteSubnet": connection.remote_subnet,
        "EffectImmediately": connection.effect_immediately, "EnableDpd": connection.enable_dpd,
        "EnableNatTraversal": connection.enable_nat_traversal, "EnableTunnelsBgp": connection.enable_tunnels_bgp,
    });
    let Value::Object(mut fields) = shown else { return Map::new() };
    if !connection.is_dual() {
        let mut bgp = describe::shown_bgp(objects, &connection.bgp, &connection.customer_gateway);
        if let Value::Object(bgp) = &mut bgp {
            bgp.remove("AuthKey");
        }
        fields.insert("IkeConfig".to_owned(), describe::shown_ike(&connection.ike, mask));
        fields.insert("IpsecConfig".to_owned(), json!(connection.ipsec));
        fields.insert("VpnBgpConfig".to_owned(), bgp);
    }
    fields
}

fn shown_tunnel(objects: &Objects, tunnel: &Tunnel, mask: MaskPsk) -> Map<String, Value> {
    let shown = json!({
        "TunnelId": tunnel.id, "Role": tunnel.role, "CustomerGatewayId": tunnel.customer_gateway,
        "EnableDpd": tunnel.enable_dpd, "EnableNatTraversal": tunnel.enable_nat_traversal,
        "InternetIp": tunnel.internet_ip, "RemoteCaCertificate": tunnel.remote_ca, "ZoneNo": tunnel.zone, "State": tunnel.state,
        "TunnelIkeConfig": describe::shown_ike(&tunnel.ike, mask), "TunnelIpsecConfig": tunnel.ipsec,
        "TunnelBgpConfig": bgp(objects, tunnel),
    });
    if let Value::Object(fields) = shown { fields } else { Map::new() }
}

fn bgp(objects: &Objects, tunnel: &Tunnel) -> Value {
    let Bgp { enable_bgp, local_asn, tunnel_cidr, local_bgp_ip, .. } = &tunnel.bgp;
    if !enable_bgp {
        return json!({});
    }
    json!({
        "LocalAsn": local_asn, "LocalBgpIp": local_bgp_ip, "TunnelCidr": tunnel_cidr, "PeerBgpIp": parse::peer_bgp_ip(&tunnel.bgp),
        "PeerAsn": objects.customer_gateway(&tunnel.customer_gateway).and_then(|gateway| gateway.asn),
    })
}

fn health(health: &Health, with_policy: bool) -> Value {
    let mut shown = json!({
        "Enable": health.enable.to_string(), "Dip": health.dip, "Sip": health.sip, "Interval": health.interval, "Retry": health.retry,
    });
    if with_policy {
        shown["Policy"] = json!(health.policy);
    }
    shown
}
