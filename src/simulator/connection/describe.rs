//! DescribeVpnConnection, DescribeVpnConnections, DescribeVpnAttachments: three shapes of the same object.

use super::{NOT_FOUND, parse};
use crate::simulator::check;
use crate::simulator::customer_gateway::shown_tags;
use crate::simulator::device::ESTABLISHED;
use crate::simulator::objects::{Bgp, Carrier, Connection, Health, Ike, Objects, Tunnel};
use crate::simulator::request::Request;
use crate::simulator::response::{ApiError, Reply};
use crate::simulator::switches::{MaskPsk, Switches};
use serde_json::{Map, Value, json};

pub fn one(objects: &Objects, request: &Request, mask: MaskPsk) -> Reply {
    let connection = objects.connection(request.required("VpnConnectionId")?).ok_or_else(|| ApiError::not_found(NOT_FOUND))?;
    let mut fields = shown(objects, connection, mask);
    fields.insert("ZoneNo".to_owned(), Value::from(connection.zone.as_str()));
    fields.insert("Tags".to_owned(), json!({"Tag": shown_tags(&connection.tags)}));
    Ok(Value::Object(fields))
}

/// In a list the tags sit under `Tag`, and `VpnBgpConfig` has no `EnableBgp` (cloud/api.md 2.3).
pub fn list(objects: &Objects, request: &Request, switches: &Switches) -> Reply {
    let Switches { mask_psk: mask, filter_matches_tunnels, .. } = *switches;
    let page = check::page(request)?;
    let is = |parameter: &str, value: &str| request.filter(parameter).is_none_or(|wanted| wanted == value);
    let uses = |connection: &Connection, gateway: &str| {
        if filter_matches_tunnels { connection.refers_to(gateway) } else { connection.customer_gateway == gateway }
    };
    let wanted = |connection: &&Connection| {
        is("VpnConnectionId", &connection.id)
            && is("VpnGatewayId", connection.vpn_gateway().unwrap_or(NO_GATEWAY))
            && is("ResourceGroupId", &connection.resource_group)
            && request.filter("CustomerGatewayId").is_none_or(|gateway| uses(connection, gateway))
            && check::bears(&connection.tags, request)
    };
    let found: Vec<_> = objects.connections.iter().filter(wanted).collect();
    let total = found.len();
    let row = |connection: &Connection| {
        let mut fields = shown(objects, connection, mask);
        fields.insert("Tag".to_owned(), json!({"Tag": shown_tags(&connection.tags)}));
        if let Some(Value::Object(bgp)) = fields.get_mut("VpnBgpConfig") {
            bgp.remove("EnableBgp");
        }
        Value::Object(fields)
    };
    let rows: Vec<_> = page.of(found).into_iter().map(row).collect();
    Ok(page.answer(total, "VpnConnections", "VpnConnection", rows))
}

/// Only what is bound to a transit router; the one place that tells the Description.
pub fn attachments(objects: &Objects, request: &Request) -> Reply {
    let page = check::page(request)?;
    if request.filter("AttachType").is_some_and(|kind| kind != "CEN") {
        return Err(ApiError::illegal("AttachType"));
    }
    let bound = objects.connections.iter().filter(|connection| matches!(connection.carrier, Carrier::TransitRouter(_)));
    let found: Vec<_> = bound.filter(|connection| request.filter("VpnConnectionId").is_none_or(|id| connection.id == id)).collect();
    let total = found.len();
    let row = |connection: &Connection| {
        let (router, name) = router_of(objects, connection);
        json!({
            "InstanceId": connection.id, "Name": connection.name, "Description": connection.description, "AttachType": "CEN",
            "TransitRouterId": router, "TransitRouterName": name, "TunnelBandwidth": connection.tunnel_bandwidth,
            "CrossAccountAuthorized": connection.cross_account_authorized, "Tags": shown_tags(&connection.tags),
        })
    };
    let rows: Vec<_> = page.of(found).into_iter().map(row).collect();
    Ok(page.answer(total, "VpnAttachments", "", rows))
}

/// What stands in `VpnGatewayId` where there is none (cloud/api.md 2.3).
pub const NO_GATEWAY: &str = "vpn-not-exist";

/// The bandwidth class of every connection.
pub const SPEC: &str = "1000M";

fn shown(objects: &Objects, connection: &Connection, mask: MaskPsk) -> Map<String, Value> {
    let (router, router_name) = router_of(objects, connection);
    let (attach_type, attach_instance) = attached_to(objects, connection);
    let tunnels: Vec<_> = connection.tunnels.iter().map(|tunnel| shown_tunnel(objects, tunnel, mask)).collect();
    let shown = json!({
        "VpnConnectionId": connection.id, "Name": connection.name, "CreateTime": connection.created.as_millisecond(),
        "VpnGatewayId": connection.vpn_gateway().unwrap_or(NO_GATEWAY), "CustomerGatewayId": connection.customer_gateway,
        "AttachType": attach_type, "AttachInstanceId": attach_instance,
        "TransitRouterId": router, "TransitRouterName": router_name,
        "CrossAccountAuthorized": connection.cross_account_authorized,
        "LocalSubnet": connection.local_subnet, "RemoteSubnet": connection.remote_subnet,
        "EffectImmediately": connection.effect_immediately, "EnableDpd": connection.enable_dpd,
        "EnableNatTraversal": connection.enable_nat_traversal, "EnableTunnelsBgp": connection.enable_tunnels_bgp,
        "InternetIp": connection.internet_ip, "NetworkType": connection.network_type, "Spec": SPEC,
        "TunnelBandwidth": connection.tunnel_bandwidth, "RemoteCaCertificate": connection.remote_ca,
        "ResourceGroupId": connection.resource_group, "State": connection.state, "Status": negotiation(connection),
        "VcoHealthCheck": shown_health(&connection.health),
    });
    let Value::Object(mut fields) = shown else { return Map::new() };
    if connection.is_dual() {
        let options = Map::from_iter([("TunnelOptions".to_owned(), Value::Array(tunnels))]);
        fields.insert("TunnelOptionsSpecification".to_owned(), options.into());
    } else {
        fields.insert("IkeConfig".to_owned(), shown_ike(&connection.ike, mask));
        fields.insert("IpsecConfig".to_owned(), json!(connection.ipsec));
        fields.insert("VpnBgpConfig".to_owned(), shown_bgp(objects, &connection.bgp, &connection.customer_gateway));
    }
    fields
}

/// Type and id of what it is attached to.
pub fn attached_to<'a>(objects: &'a Objects, connection: &'a Connection) -> (&'static str, &'a str) {
    match &connection.carrier {
        Carrier::VpnGateway(id) => ("VPNGW", id),
        Carrier::TransitRouter(id) => ("CEN", cen_of(objects, id)),
        Carrier::Unbound => ("NO_ASSOCIATED", ""),
    }
}

/// Of a dual-tunnel connection: the better of its tunnels.
pub fn negotiation(connection: &Connection) -> &str {
    let established = connection.tunnels.iter().find(|tunnel| tunnel.status == ESTABLISHED);
    established.or(connection.tunnels.first()).map_or(&connection.status, |tunnel| &tunnel.status)
}

/// Here booleans and numbers are text (cloud/api.md 2.3).
fn shown_tunnel(objects: &Objects, tunnel: &Tunnel, mask: MaskPsk) -> Value {
    let mut bgp = json!({});
    if tunnel.bgp.enable_bgp {
        let asn = objects.customer_gateway(&tunnel.customer_gateway).and_then(|gateway| gateway.asn);
        bgp = json!({
            "BgpStatus": tunnel.bgp.bgp_status, "LocalAsn": tunnel.bgp.local_asn.to_string(), "LocalBgpIp": tunnel.bgp.local_bgp_ip,
            "PeerAsn": asn.map(|asn| asn.to_string()), "PeerBgpIp": parse::peer_bgp_ip(&tunnel.bgp), "TunnelCidr": tunnel.bgp.tunnel_cidr,
        });
    }
    let text = |number: i64| number.to_string();
    json!({
        "TunnelId": tunnel.id, "TunnelIndex": tunnel.index, "Role": tunnel.role, "CustomerGatewayId": tunnel.customer_gateway,
        "EnableDpd": tunnel.enable_dpd.to_string(), "EnableNatTraversal": tunnel.enable_nat_traversal.to_string(),
        "InternetIp": tunnel.internet_ip, "RemoteCaCertificate": tunnel.remote_ca, "ZoneNo": tunnel.zone,
        "State": tunnel.state, "Status": tunnel.status, "TunnelBgpConfig": bgp,
        "TunnelIkeConfig": with_text(&tunnel.ike, mask, text),
        "TunnelIpsecConfig": {
            "IpsecEncAlg": tunnel.ipsec.ipsec_enc_alg, "IpsecAuthAlg": tunnel.ipsec.ipsec_auth_alg,
            "IpsecPfs": tunnel.ipsec.ipsec_pfs, "IpsecLifetime": text(tunnel.ipsec.ipsec_lifetime),
        },
    })
}

pub fn shown_ike(ike: &Ike, mask: MaskPsk) -> Value {
    let mut shown = json!(ike);
    match mask {
        MaskPsk::None => {}
        MaskPsk::Stars => shown["Psk"] = json!("****"),
        MaskPsk::Empty => shown["Psk"] = json!(""),
    }
    shown
}

fn with_text(ike: &Ike, mask: MaskPsk, text: impl Fn(i64) -> String) -> Value {
    let mut shown = shown_ike(ike, mask);
    shown["IkeLifetime"] = Value::from(text(ike.ike_lifetime));
    shown
}

pub fn shown_bgp(objects: &Objects, bgp: &Bgp, customer_gateway: &str) -> Value {
    let mut shown = json!({"EnableBgp": bgp.enable_bgp.to_string()});
    if bgp.enable_bgp {
        let peer = objects.customer_gateway(customer_gateway);
        shown["AuthKey"] = json!(peer.map(|gateway| &gateway.auth_key));
        shown["PeerAsn"] = json!(peer.and_then(|gateway| gateway.asn));
        shown["LocalAsn"] = json!(bgp.local_asn);
        shown["LocalBgpIp"] = json!(bgp.local_bgp_ip);
        shown["PeerBgpIp"] = json!(parse::peer_bgp_ip(bgp));
        shown["TunnelCidr"] = json!(bgp.tunnel_cidr);
        shown["Status"] = json!(bgp.bgp_status);
    }
    shown
}

fn shown_health(health: &Health) -> Value {
    json!({
        "Enable": health.enable.to_string(), "Dip": health.dip, "Sip": health.sip, "Interval": health.interval,
        "Retry": health.retry, "Policy": health.policy, "Status": health.status,
    })
}

/// Id and name of the transit router that holds it; empty where none does.
fn router_of<'a>(objects: &'a Objects, connection: &'a Connection) -> (&'a str, &'a str) {
    let Carrier::TransitRouter(id) = &connection.carrier else { return ("", "") };
    let name = objects.transit_routers.iter().find(|router| &router.id == id).map_or("", |router| router.name.as_str());
    (id, name)
}

fn cen_of<'a>(objects: &'a Objects, router: &str) -> &'a str {
    objects.transit_routers.iter().find(|own| own.id == router).map_or("", |router| router.cen.as_str())
}
