//! What changes IPsec connections (cloud/api.md 2.3, 2.4, 2.6, 2.7): re-pointing tunnels, making connections again, deleting them.
//!
//! Every call is made of a description of DescribeVpnConnection, or of one tunnel of it, as it is to be. What the description
//! leaves empty is not sent, and nothing is added: the cloud's defaults differ between calls and over time (cloud/api.md 2.7).

use super::customer_gateways::{tag_resources, untag_resources, user_tags};
use super::wire::{FieldError, Fields, Parameters};
use super::write_call::{WriteCall, Written};
use crate::facts::states::{ROLE_ACTIVE, ROLE_STANDBY, TAG_TYPE_VPN_ATTACHMENT, TAG_TYPE_VPN_CONNECTION};
use crate::model::Tags;
use serde_json::{Map, Value};

const TUNNELS: &str = "TunnelOptionsSpecification";

/// Of `IkeConfig` and `TunnelIkeConfig` (cloud/api.md 2.6, 2.7).
const IKE: &[&str] = &["Psk", "IkeVersion", "IkeMode", "IkeEncAlg", "IkeAuthAlg", "IkePfs", "IkeLifetime", "LocalId", "RemoteId"];
const IPSEC: &[&str] = &["IpsecEncAlg", "IpsecAuthAlg", "IpsecPfs", "IpsecLifetime"];
const TUNNEL_BGP: &[&str] = &["LocalAsn", "TunnelCidr", "LocalBgpIp"];

/// ModifyTunnelAttribute: one tunnel of a connection on a VPN gateway. Its tunnel is one object, in the query
/// (cloud/api.md 2.3, 2.7; flatten_vectors.json).
pub fn modify_tunnel(region: &str, connection: &str, tunnel_id: &str, tunnel: &Value, client_token: &str) -> WriteCall {
    let parameters = Parameters::new()
        .with("VpnConnectionId", connection)
        .with("TunnelId", tunnel_id)
        .with_object(TUNNELS, tunnel_settings(tunnel, tunnel_has_bgp(tunnel)).and(certificate(tunnel)));
    WriteCall::vpc("ModifyTunnelAttribute", region, parameters, Some(client_token))
}

/// ModifyVpnAttachmentAttribute: one tunnel of a dual-tunnel connection on a transit router, or of an unbound one. What is set for
/// the whole connection goes with it as it is: what becomes of it when it is left out is not documented.
pub fn modify_attachment_tunnel(region: &str, connection: &str, whole: &Value, tunnel: &Value, client_token: &str) -> WriteCall {
    let bgp = boolean(whole, "EnableTunnelsBgp").map_or_else(|| tunnel_has_bgp(tunnel), |on| on == "true");
    let fields = Parameters::new()
        .with_some("TunnelIndex", index(tunnel))
        .with_some("TunnelId", text(tunnel, "TunnelId"))
        .and(tunnel_settings(tunnel, bgp));
    let parameters = Parameters::new()
        .with("VpnConnectionId", connection)
        .with_some("EffectImmediately", boolean(whole, "EffectImmediately"))
        .with_some("EnableTunnelsBgp", boolean(whole, "EnableTunnelsBgp"));
    WriteCall::vpc("ModifyVpnAttachmentAttribute", region, parameters, Some(client_token))
        .with_body(Parameters::new().with_objects(TUNNELS, [fields]))
}

/// ModifyVpnAttachmentAttribute: a single-tunnel connection on a transit router, whole: what becomes of what is left out is not
/// documented (cloud/api.md 1.1, 2.4).
pub fn modify_attachment(region: &str, connection: &str, wanted: &Value, client_token: &str) -> WriteCall {
    let parameters = Parameters::new()
        .with("VpnConnectionId", connection)
        .and(both_modes(wanted))
        .and(single_tunnel(wanted, &[HEALTH, &[("Policy", "Policy")]].concat()));
    WriteCall::vpc("ModifyVpnAttachmentAttribute", region, parameters, Some(client_token))
}

/// CreateVpnConnection; [`created_connection_id`] reads the answer. Each mode takes its own parameters alone (cloud/api.md 2.3).
/// `auto_config_route` is not in any description (cloud/api.md 1.2).
pub fn create_vpn_connection(
    region: &str,
    wanted: &Value,
    auto_config_route: bool,
    tags: &Tags,
    dry_run: bool,
    client_token: &str,
) -> WriteCall {
    let parameters = Parameters::new()
        .with_some("VpnGatewayId", text(wanted, "VpnGatewayId"))
        .and(common(wanted, tags, dry_run))
        .with("AutoConfigRoute", auto_config_route);
    let tunnels = tunnels(wanted);
    let (parameters, body) = if tunnels.is_empty() {
        (parameters.and(single_tunnel(wanted, HEALTH)).and(certificate(wanted)), Parameters::new())
    } else {
        let bgp = is_on(wanted, "EnableTunnelsBgp");
        let options = |tunnel| Parameters::new().with_some("Role", role(tunnel)).and(tunnel_settings(tunnel, bgp)).and(certificate(tunnel));
        let body = Parameters::new().with_objects(TUNNELS, tunnels.into_iter().map(options));
        (parameters.with_some("EnableTunnelsBgp", boolean(wanted, "EnableTunnelsBgp")), body)
    };
    creation("CreateVpnConnection", region, parameters, body, dry_run, client_token)
}

/// DeleteVpnConnection.
pub fn delete_vpn_connection(region: &str, connection: &str, client_token: &str) -> WriteCall {
    let parameters = Parameters::new().with("VpnConnectionId", connection);
    WriteCall::vpc("DeleteVpnConnection", region, parameters, Some(client_token))
}

/// CreateVpnAttachment; [`created_connection_id`] reads the answer. Dual-tunnel alone can be made (cloud/api.md 2.4).
pub fn create_vpn_attachment(
    region: &str,
    wanted: &Value,
    tags: &Tags,
    resource_group: Option<&str>,
    dry_run: bool,
    client_token: &str,
) -> WriteCall {
    let parameters = common(wanted, tags, dry_run)
        .with_some("NetworkType", text(wanted, "NetworkType"))
        .with_some("TunnelBandwidth", text(wanted, "TunnelBandwidth"))
        .with_some("ResourceGroupId", resource_group)
        .with_some("EnableTunnelsBgp", boolean(wanted, "EnableTunnelsBgp"));
    let bgp = is_on(wanted, "EnableTunnelsBgp");
    let options = |tunnel| Parameters::new().with_some("TunnelIndex", index(tunnel)).and(tunnel_settings(tunnel, bgp));
    let body = Parameters::new().with_objects(TUNNELS, tunnels(wanted).into_iter().map(options));
    creation("CreateVpnAttachment", region, parameters, body, dry_run, client_token)
}

/// DeleteVpnAttachment: of a connection that no transit router is bound to any more.
pub fn delete_vpn_attachment(region: &str, connection: &str, client_token: &str) -> WriteCall {
    let parameters = Parameters::new().with("VpnConnectionId", connection);
    WriteCall::vpc("DeleteVpnAttachment", region, parameters, Some(client_token))
}

/// The id in the answer of CreateVpnConnection and of CreateVpnAttachment.
///
/// # Errors
/// Where it is missing: the connection exists all the same.
pub fn created_connection_id(written: &Written) -> Result<String, FieldError> {
    Fields::root(&written.body)?.text("VpnConnectionId")
}

/// TagResources on a connection. Takes no token; doing it twice is doing it once.
pub fn tag_connection(region: &str, connection: &str, on_router: bool, tags: &Tags) -> WriteCall {
    tag_resources(region, tag_type(on_router), connection, tags)
}

/// UnTagResources on a connection. Takes no token; doing it twice is doing it once.
pub fn untag_connection<'a>(region: &str, connection: &str, on_router: bool, keys: impl IntoIterator<Item = &'a str>) -> WriteCall {
    untag_resources(region, tag_type(on_router), connection, keys)
}

fn tag_type(on_router: bool) -> &'static str {
    if on_router { TAG_TYPE_VPN_ATTACHMENT } else { TAG_TYPE_VPN_CONNECTION }
}

/// A second connection would be a second peer with the same key, so a creation is not insisted on; trying it out makes nothing.
fn creation(action: &'static str, region: &str, parameters: Parameters, body: Parameters, dry_run: bool, client_token: &str) -> WriteCall {
    let call = WriteCall::vpc(action, region, parameters, Some(client_token)).with_body(body);
    if dry_run { call } else { call.sent_once() }
}

/// What both creations take in both modes (cloud/api.md 2.3, 2.4).
fn common(wanted: &Value, tags: &Tags, dry_run: bool) -> Parameters {
    both_modes(wanted).with_some("DryRun", dry_run.then_some(true)).with_tags("Tags", &user_tags(tags))
}

/// What is set of single-tunnel and of dual-tunnel connections alike, when they are made and later (cloud/api.md 2.3, 2.4).
fn both_modes(wanted: &Value) -> Parameters {
    Parameters::new()
        .with_some("Name", text(wanted, "Name"))
        .with_some("LocalSubnet", text(wanted, "LocalSubnet"))
        .with_some("RemoteSubnet", text(wanted, "RemoteSubnet"))
        .with_some("EffectImmediately", boolean(wanted, "EffectImmediately"))
}

/// The parameters of a single-tunnel connection alone (cloud/api.md 2.3, 2.4 and 2.6). A health check that is off keeps what it
/// would check.
fn single_tunnel(wanted: &Value, health: &[(&str, &str)]) -> Parameters {
    let bgp = wanted.get("VpnBgpConfig").filter(|bgp| is_on(bgp, "EnableBgp"));
    Parameters::new()
        .with_some("CustomerGatewayId", text(wanted, "CustomerGatewayId"))
        .with_some("EnableDpd", boolean(wanted, "EnableDpd"))
        .with_some("EnableNatTraversal", boolean(wanted, "EnableNatTraversal"))
        .with_some("IkeConfig", json_text(wanted.get("IkeConfig"), &same_names(IKE)))
        .with_some("IpsecConfig", json_text(wanted.get("IpsecConfig"), &same_names(IPSEC)))
        .with_some("BgpConfig", json_text(bgp, &same_names(&[&["EnableBgp"], TUNNEL_BGP].concat())))
        .with_some("HealthCheckConfig", json_text(wanted.get("VcoHealthCheck"), health))
}

/// As the description names them and as the calls do; an attachment's has a policy too (cloud/api.md 2.6).
const HEALTH: &[(&str, &str)] = &[("Enable", "enable"), ("Dip", "dip"), ("Sip", "sip"), ("Interval", "interval"), ("Retry", "retry")];

fn same_names(names: &[&'static str]) -> Vec<(&'static str, &'static str)> {
    names.iter().map(|name| (*name, *name)).collect()
}

/// One parameter that holds an object as JSON text; `None` where nothing is in it.
fn json_text(object: Option<&Value>, names: &[(&str, &str)]) -> Option<String> {
    let object = object?;
    let fields = names.iter().filter_map(|(name, sent_as)| Some(((*sent_as).to_owned(), json_field(name, text(object, name)?))));
    let fields: Map<String, Value> = fields.collect();
    (!fields.is_empty()).then(|| Value::Object(fields).to_string())
}

/// Lifetimes are numbers, all else is text: as the official SDK's examples write them (flatten_vectors.json).
fn json_field(name: &str, value: String) -> Value {
    match value.parse::<u64>() {
        Ok(seconds) if name.ends_with("Lifetime") => Value::from(seconds),
        _ if name.starts_with("Enable") => Value::from(value.to_lowercase()),
        _ => Value::from(value),
    }
}

/// The columns of cloud/api.md 2.7 that every action takes.
fn tunnel_settings(tunnel: &Value, bgp: bool) -> Parameters {
    let section = |name: &str, fields: &[&str]| {
        let object = tunnel.get(name).unwrap_or(&Value::Null);
        let known = fields.iter().fold(Parameters::new(), |known, field| known.with_some(field, text(object, field)));
        Parameters::new().with_object(name, known)
    };
    let settings = Parameters::new()
        .with_some("CustomerGatewayId", text(tunnel, "CustomerGatewayId"))
        .with_some("EnableDpd", boolean(tunnel, "EnableDpd"))
        .with_some("EnableNatTraversal", boolean(tunnel, "EnableNatTraversal"))
        .and(section("TunnelIkeConfig", IKE))
        .and(section("TunnelIpsecConfig", IPSEC));
    if bgp { settings.and(section("TunnelBgpConfig", TUNNEL_BGP)) } else { settings }
}

/// A peer's CA, of SM gateways only; no attachment takes it (cloud/api.md 2.4, 2.7).
fn certificate(object: &Value) -> Parameters {
    Parameters::new().with_some("RemoteCaCertificate", text(object, "RemoteCaCertificate"))
}

/// A tunnel by itself does not say whether its connection speaks BGP; only one that does has a tunnel CIDR.
fn tunnel_has_bgp(tunnel: &Value) -> bool {
    let bgp = tunnel.get("TunnelBgpConfig").unwrap_or(&Value::Null);
    let is_off = boolean(bgp, "EnableBgp").is_some_and(|on| on != "true");
    !is_off && text(bgp, "TunnelCidr").is_some()
}

/// The tunnels of a description, tunnel 1 first; wrapped in the reading calls, bare in one reply (cloud/api.md 2.4).
fn tunnels(wanted: &Value) -> Vec<&Value> {
    let items = match wanted.get(TUNNELS) {
        Some(Value::Array(items)) => Some(items),
        Some(Value::Object(wrapper)) => wrapper.get("TunnelOptions").and_then(Value::as_array),
        _ => None,
    };
    let mut tunnels: Vec<&Value> = items.into_iter().flatten().collect();
    tunnels.sort_by_key(|tunnel| index(tunnel));
    tunnels
}

/// Tunnel 1 is the active one and tunnel 2 the standby (cloud/api.md 2.7), so either field tells the other.
fn index(tunnel: &Value) -> Option<String> {
    text(tunnel, "TunnelIndex").or_else(|| {
        let role = text(tunnel, "Role")?;
        let places = [(ROLE_ACTIVE, "1"), (ROLE_STANDBY, "2")];
        places.iter().find(|(name, _)| role.eq_ignore_ascii_case(name)).map(|(_, index)| (*index).to_owned())
    })
}

fn role(tunnel: &Value) -> Option<String> {
    text(tunnel, "Role").map(|role| role.to_lowercase()).or_else(|| {
        let index = text(tunnel, "TunnelIndex")?;
        let roles = [("1", ROLE_ACTIVE), ("2", ROLE_STANDBY)];
        roles.iter().find(|(place, _)| index == *place).map(|(_, role)| (*role).to_owned())
    })
}

fn is_on(object: &Value, name: &str) -> bool {
    boolean(object, name).as_deref() == Some("true")
}

/// `true` and `"True"` alike (cloud/api.md 2.3); sent in lower case (cloud/api.md 5.1).
fn boolean(object: &Value, name: &str) -> Option<String> {
    text(object, name).map(|value| value.to_lowercase())
}

/// A scalar as it is sent; `None` where it is absent, null or empty.
fn text(object: &Value, name: &str) -> Option<String> {
    match object.get(name)? {
        Value::String(text) => (!text.is_empty()).then(|| text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
