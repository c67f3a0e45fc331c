//! In what two descriptions of a connection, or of one tunnel, differ.

use super::{TUNNEL, index_of, is_readable, tunnels};
use crate::facts::connection_fields::{DEFAULTS, DUAL_UNUSED, UNSENT, VOLATILE};
use crate::facts::states::NO_VPN_GATEWAY;
use serde_json::Value;
use std::collections::BTreeMap;

/// The fields in which two descriptions of one thing differ: what is volatile, what no call can set and what only one of them
/// spells out although it is the default left out. Names alone: a value can be a secret.
pub fn differences(expected: &Value, found: &Value) -> Vec<String> {
    let kind = Kind::of(expected, found);
    let given = |body: &Value| -> BTreeMap<String, String> {
        settings(body).into_iter().filter(|(path, value)| kind.is_set(path) && !is_default(path, value)).collect()
    };
    let (expected, found) = (given(expected), given(found));
    let names = expected.keys().chain(found.keys().filter(|name| !expected.contains_key(*name)));
    names.filter(|name| expected.get(*name) != found.get(*name)).cloned().collect()
}

/// Absent and the documented default are the same (cloud/api.md 2.3, 2.6, 2.7).
fn is_default(path: &str, value: &str) -> bool {
    DEFAULTS.iter().any(|(place, default)| value == *default && is_at(path, place))
}

/// Whether a path leads to this field, in the connection or in one of its tunnels.
fn is_at(path: &str, place: &str) -> bool {
    path.strip_suffix(place).is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

/// What decides which fields the calls can set.
struct Kind {
    dual: bool,
    /// On a VPN gateway or not; `None` for a tunnel by itself.
    on_vpn_gateway: Option<bool>,
    /// Where BGP is off, its settings are not sent.
    bgp: bool,
}

impl Kind {
    fn of(expected: &Value, found: &Value) -> Kind {
        let dual = !tunnels(expected).is_empty();
        let gateway = expected.get("VpnGatewayId").and_then(Value::as_str).filter(|id| !id.is_empty());
        let has_cidr = |tunnel: &Value| text_in(tunnel, "TunnelBgpConfig", "TunnelCidr").is_some_and(|cidr| !cidr.is_empty());
        let bgp = match (dual, expected.get("VpnBgpConfig")) {
            (true, _) => is_on(expected.get("EnableTunnelsBgp")),
            (false, Some(bgp)) => is_on(bgp.get("EnableBgp")),
            // A tunnel by itself does not say it; only one with BGP has a tunnel CIDR.
            (false, None) => has_cidr(expected) || has_cidr(found),
        };
        Kind { dual, on_vpn_gateway: gateway.map(|id| id != NO_VPN_GATEWAY), bgp }
    }

    /// Whether any call sets this field of such a connection (cloud/api.md 2.3, 2.4, 2.6, 2.7).
    fn is_set(&self, path: &str) -> bool {
        let top = path.split('.').next().unwrap_or(path);
        let of_bgp = ["VpnBgpConfig", "TunnelBgpConfig"].iter().any(|section| path.split('.').any(|part| part == *section));
        let objections = [
            UNSENT.iter().any(|place| is_at(path, place)),
            self.dual && DUAL_UNUSED.contains(&top),
            of_bgp && !self.bgp && !is_at(path, "VpnBgpConfig.EnableBgp"),
            // A connection on a VPN gateway has no policy of its own, and only one there takes certificates.
            self.on_vpn_gateway == Some(true) && path == "VcoHealthCheck.Policy",
            self.on_vpn_gateway == Some(false) && is_at(path, "RemoteCaCertificate"),
        ];
        !objections.contains(&true)
    }
}

fn text_in<'a>(object: &'a Value, section: &str, field: &str) -> Option<&'a str> {
    object.get(section)?.get(field)?.as_str()
}

fn is_on(value: Option<&Value>) -> bool {
    value.is_some_and(|value| value.as_bool().unwrap_or_else(|| value.as_str().is_some_and(|text| text.eq_ignore_ascii_case("true"))))
}

/// In what a tunnel or a connection is other than wanted. A key that the cloud masks counts as the one that we know; and its own
/// address as its identity, where none was given, is the default that any change can bring into view (cloud/api.md 2.7).
pub fn unlike(wanted: &Value, found: &Value) -> Vec<String> {
    let mut differing = differences(wanted, &with_keys_of(found, wanted));
    differing.retain(|field| !is_default_identity(field, wanted, found));
    differing
}

fn is_default_identity(field: &str, wanted: &Value, found: &Value) -> bool {
    let Some(ike) = field.strip_suffix(".LocalId").filter(|ike| ["IkeConfig", "TunnelIkeConfig"].contains(ike)) else { return false };
    let identity = |body: &Value| body.get(ike).and_then(|ike| ike.get("LocalId")).and_then(Value::as_str).unwrap_or_default().to_owned();
    let own = found.get("InternetIp").and_then(Value::as_str).unwrap_or_default();
    identity(wanted).is_empty() && !own.is_empty() && identity(found) == own
}

/// Every setting by its path. The cloud writes one value now as text, now natively, and leaves out what is empty.
pub(super) fn settings(value: &Value) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    collect(value, &mut String::new(), &mut all);
    all
}

fn collect(value: &Value, path: &mut String, all: &mut BTreeMap<String, String>) {
    let length = path.len();
    match value {
        Value::Null => {}
        Value::Object(fields) => {
            for (name, value) in fields.iter().filter(|(name, _)| !VOLATILE.contains(&name.as_str())) {
                // `{TunnelOptions: [..]}` and a bare list are the same.
                if name != TUNNEL {
                    step_into(path, name);
                }
                collect(value, path, all);
                path.truncate(length);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                // By its own index: the cloud promises no order.
                step_into(path, &index_of(item).map_or_else(|| (index + 1).to_string(), |index| index.to_string()));
                collect(item, path, all);
                path.truncate(length);
            }
        }
        Value::String(text) if text.is_empty() => {}
        Value::String(text) => {
            let text =
                if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false") { text.to_lowercase() } else { text.clone() };
            all.insert(path.clone(), text);
        }
        scalar => {
            all.insert(path.clone(), scalar.to_string());
        }
    }
}

fn step_into(path: &mut String, name: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(name);
}

/// The same description with the keys that were supplied: for comparing with what the cloud shows, where it masks them.
pub fn with_keys_of(found: &Value, known: &Value) -> Value {
    let mut found = found.clone();
    fill_masked(&mut found, known);
    found
}

fn fill_masked(found: &mut Value, known: &Value) {
    match (found, known) {
        (Value::Object(found), Value::Object(known)) => {
            for (name, value) in found.iter_mut() {
                let Some(known) = known.get(name) else { continue };
                match value {
                    Value::String(psk) if name == "Psk" && !is_readable(psk) => *value = known.clone(),
                    _ => fill_masked(value, known),
                }
            }
            if let Some(psk) = known.get("Psk").filter(|_| !found.contains_key("Psk")) {
                found.insert("Psk".to_owned(), psk.clone());
            }
        }
        (Value::Array(found), Value::Array(known)) => {
            for (place, item) in found.iter_mut().enumerate() {
                let index = index_of(item);
                let same = known.iter().find(|known| index.is_some() && index_of(known) == index).or(known.get(place));
                if let Some(same) = same {
                    fill_masked(item, same);
                }
            }
        }
        _ => {}
    }
}
