//! The cloud's description of a connection, as a value: what in it is ours to send back, what is rewritten, what is equal.

mod compare;

pub use compare::{differences, unlike, with_keys_of};

use crate::facts::connection_fields::{KNOWN, REPORTS, UNLISTED};
use crate::facts::states::{ROLE_ACTIVE, ROLE_STANDBY};
use crate::model::{ConnectionSnapshot, ReplacementPlan, Verbatim};
use compare::settings;
use serde_json::{Map, Value};
use std::net::Ipv4Addr;

const TUNNELS: &str = "TunnelOptionsSpecification";
const TUNNEL: &str = "TunnelOptions";

/// A field that holds an old address, before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewrite {
    pub connection: String,
    /// E.g. `tunnel 1 TunnelIkeConfig.RemoteId`.
    pub field: String,
    pub before: String,
    pub after: String,
}

/// The addresses that fields are rewritten from, and the one that they are rewritten to. Nothing is where only the ASN changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    pub old: Vec<Ipv4Addr>,
    pub new: Ipv4Addr,
}

impl Addresses {
    /// Of a whole plan. What waits at the temporary customer gateway, in this plan or since an earlier one, bears that address.
    pub fn of(plan: &ReplacementPlan) -> Addresses {
        let old = plan.old.iter().map(|old| old.ip).chain(plan.temporary.as_ref().map(|temporary| temporary.ip));
        Addresses { old: old.collect(), new: plan.new.ip }
    }

    /// Of the way to the temporary customer gateway.
    pub fn to_wait(plan: &ReplacementPlan) -> Addresses {
        let new = plan.temporary.as_ref().map_or(plan.new.ip, |temporary| temporary.ip);
        Addresses { old: plan.old.iter().map(|old| old.ip).collect(), new }
    }

    /// Of the way back: as it was.
    pub fn none(plan: &ReplacementPlan) -> Addresses {
        Addresses { old: Vec::new(), new: plan.new.ip }
    }
}

/// The tunnel objects of a description: none of a single-tunnel connection.
pub fn tunnels(body: &Value) -> Vec<&Value> {
    match body.get(TUNNELS) {
        Some(Value::Array(items)) => items.iter().collect(),
        Some(Value::Object(wrapper)) => {
            wrapper.get(TUNNEL).and_then(Value::as_array).map(|items| items.iter().collect()).unwrap_or_default()
        }
        _ => Vec::new(),
    }
}

/// The tunnel with this index (1 or 2) of a snapshot.
pub fn tunnel(connection: &ConnectionSnapshot, index: u8) -> Option<&Value> {
    let place = connection.shape.tunnels.iter().position(|tunnel| tunnel.index == index)?;
    tunnels(&connection.body.0).get(place).copied()
}

/// A tunnel as it is to be: on this customer gateway, and its peer under the new address.
pub fn rebound_tunnel(tunnel: &Value, gateway: &str, addresses: &Addresses) -> Value {
    with_gateway(tunnel.clone(), gateway, addresses)
}

/// A single-tunnel connection as it is to be.
pub fn rebound_connection(body: &Value, gateway: &str, addresses: &Addresses) -> Value {
    with_gateway(body.clone(), gateway, addresses)
}

/// A whole connection as it is to be made again: every tunnel that was on one of `old_ids` is on `gateway`.
pub fn recreated(connection: &ConnectionSnapshot, old_ids: &[String], gateway: &str, addresses: &Addresses) -> Value {
    let mut body = rebound_connection(&connection.body.0, gateway, addresses);
    let was_ours: Vec<bool> = connection.shape.tunnels.iter().map(|tunnel| old_ids.contains(&tunnel.customer_gateway_id)).collect();
    for (tunnel, ours) in tunnels_mut(&mut body).into_iter().zip(was_ours) {
        if ours {
            *tunnel = with_gateway(tunnel.take(), gateway, addresses);
        }
    }
    made_anew(body)
}

/// The same where it was.
pub fn as_it_was(connection: &ConnectionSnapshot) -> Value {
    made_anew(Value::clone(&connection.body.0))
}

fn made_anew(mut body: Value) -> Value {
    tunnels_mut(&mut body).into_iter().for_each(|tunnel| forget_default_identity(tunnel, "TunnelIkeConfig"));
    // Paths of fields count tunnels by their index, whatever order the cloud listed them in.
    if let Some(tunnels) = tunnel_list_mut(&mut body) {
        tunnels.sort_by_key(index_of);
    }
    body
}

/// The index of a tunnel. Tunnel 1 is the active one and tunnel 2 the standby (cloud/api.md 2.7), so either field tells it.
fn index_of(tunnel: &Value) -> Option<u64> {
    let index = tunnel.get("TunnelIndex");
    let index = index.and_then(|index| index.as_u64().or_else(|| index.as_str()?.parse().ok()));
    index.or_else(|| {
        let role = tunnel.get("Role")?.as_str()?;
        [(ROLE_ACTIVE, 1), (ROLE_STANDBY, 2)].into_iter().find(|(name, _)| role.eq_ignore_ascii_case(name)).map(|(_, index)| index)
    })
}

/// The cloud's own address as the cloud's identity is a default, and follows where the address does (cloud/api.md 2.7).
fn forget_default_identity(tunnel: &mut Value, ike: &str) {
    let own = tunnel.get("InternetIp").and_then(Value::as_str).map(str::to_owned);
    if let Some(Value::Object(ike)) = tunnel.get_mut(ike)
        && own.is_some()
        && ike.get("LocalId").and_then(Value::as_str) == own.as_deref()
    {
        ike.remove("LocalId");
    }
}

fn tunnels_mut(body: &mut Value) -> Vec<&mut Value> {
    tunnel_list_mut(body).map(|items| items.iter_mut().collect()).unwrap_or_default()
}

fn tunnel_list_mut(body: &mut Value) -> Option<&mut Vec<Value>> {
    match body.get_mut(TUNNELS)? {
        Value::Array(items) => Some(items),
        Value::Object(wrapper) => wrapper.get_mut(TUNNEL)?.as_array_mut(),
        _ => None,
    }
}

fn with_gateway(mut object: Value, gateway: &str, addresses: &Addresses) -> Value {
    if let Value::Object(fields) = &mut object {
        if fields.get("CustomerGatewayId").and_then(Value::as_str).is_some_and(|id| !id.is_empty()) {
            fields.insert("CustomerGatewayId".to_owned(), Value::from(gateway));
        }
        for (name, value) in fields.iter_mut().filter(|(name, _)| !KEPT.contains(&name.as_str())) {
            rewrite(name, value, addresses);
        }
    }
    object
}

/// Addresses of the cloud's side, other tunnels, and what no address is in.
const KEPT: &[&str] = &["InternetIp", TUNNELS, "LocalSubnet"];

fn rewrite(name: &str, value: &mut Value, addresses: &Addresses) {
    match value {
        Value::String(text) => {
            if let Some(after) = rewritten(name, text, addresses) {
                *text = after;
            }
        }
        Value::Object(fields) => {
            fields.iter_mut().filter(|(name, _)| *name != "Psk").for_each(|(name, value)| rewrite(name, value, addresses));
        }
        _ => {}
    }
}

/// The text with the new address in the place of an old one; `None` where it holds none.
fn rewritten(name: &str, text: &str, addresses: &Addresses) -> Option<String> {
    let is_old = |part: &str| addresses.old.iter().any(|old| *old != addresses.new && old.to_string() == part);
    if is_old(text) {
        return Some(addresses.new.to_string());
    }
    if name != "RemoteSubnet" {
        return None;
    }
    let mut changed = false;
    let parts: Vec<String> = text
        .split(',')
        .map(|part| match part.trim().strip_suffix("/32").filter(|host| is_old(host)) {
            Some(_) => {
                changed = true;
                format!("{}/32", addresses.new)
            }
            None => part.to_owned(),
        })
        .collect();
    changed.then(|| parts.join(","))
}

/// Every field that differs between two descriptions by a rewriting, for people.
pub fn rewrites(connection: &str, place: &str, before: &Value, after: &Value) -> Vec<Rewrite> {
    let (before, after) = (settings(before), settings(after));
    let changed = before.iter().filter_map(|(field, was)| {
        let is = after.get(field)?;
        (is != was).then(|| Rewrite {
            connection: connection.to_owned(),
            field: if place.is_empty() { field.clone() } else { format!("{place} {field}") },
            before: was.clone(),
            after: is.clone(),
        })
    });
    changed.collect()
}

/// Fields that we don't know, hold something and look like settings: nobody can promise to restore them.
pub fn unknown_fields(body: &Verbatim) -> Vec<String> {
    let mut unknown = Vec::new();
    if let Value::Object(fields) = &*body.0 {
        look_for_unknown("", "", fields, &mut unknown);
    }
    unknown
}

fn look_for_unknown(parent: &str, path: &str, fields: &Map<String, Value>, unknown: &mut Vec<String>) {
    let known = KNOWN.iter().find(|(name, _)| *name == parent).map(|(_, fields)| *fields);
    for (name, value) in fields {
        let place = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let is_known = known.is_some_and(|known| known.contains(&name.as_str())) || parent == TUNNELS && name == TUNNEL;
        if !is_known {
            if !is_nothing(value) && !REPORTS.iter().any(|report| name.ends_with(report)) {
                unknown.push(place);
            }
            continue;
        }
        match value {
            Value::Object(inner) if name == TUNNELS => look_for_unknown(TUNNELS, &place, inner, unknown),
            Value::Object(inner) if !UNLISTED.contains(&name.as_str()) => look_for_unknown(name, &place, inner, unknown),
            Value::Array(items) if name == TUNNELS || name == TUNNEL => {
                for (index, item) in items.iter().enumerate() {
                    if let Value::Object(item) = item {
                        look_for_unknown(TUNNEL, &format!("{place}[{}]", index + 1), item, unknown);
                    }
                }
            }
            _ => {}
        }
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Whether the cloud shows this pre-shared key as it is.
pub fn is_readable(psk: &str) -> bool {
    !psk.is_empty() && !psk.contains("***")
}

/// Where the pre-shared key of one of our tunnels, or of the connection, is missing or masked.
pub fn masked_keys(connection: &ConnectionSnapshot, is_ours: impl Fn(&str) -> bool) -> Vec<String> {
    let psk =
        |object: &Value, ike: &str| object.get(ike).and_then(|ike| ike.get("Psk")).and_then(Value::as_str).unwrap_or_default().to_owned();
    if !connection.shape.is_dual() {
        let masked = !is_readable(&psk(&connection.body.0, "IkeConfig"));
        return masked.then(|| connection.id.clone()).into_iter().collect();
    }
    let shown = connection.shape.tunnels.iter().zip(tunnels(&connection.body.0));
    shown
        .filter(|(tunnel, object)| is_ours(&tunnel.customer_gateway_id) && !is_readable(&psk(object, "TunnelIkeConfig")))
        .map(|(tunnel, _)| tunnel.id.clone())
        .collect()
}

/// Puts a pre-shared key where the cloud shows none: one that it shows is what the device uses. `index` 0: of a single-tunnel connection.
pub fn supply_key(connection: &mut ConnectionSnapshot, index: u8, psk: &str) {
    let place = connection.shape.tunnels.iter().position(|tunnel| tunnel.index == index);
    let ike = match place {
        Some(place) => tunnels_mut(connection.body.edit()).into_iter().nth(place).and_then(|tunnel| tunnel.get_mut("TunnelIkeConfig")),
        None => connection.body.edit().get_mut("IkeConfig"),
    };
    let shown = |ike: &Map<String, Value>| ike.get("Psk").and_then(Value::as_str).is_some_and(is_readable);
    if let Some(Value::Object(ike)) = ike
        && !shown(ike)
    {
        ike.insert("Psk".to_owned(), Value::from(psk));
    }
}
