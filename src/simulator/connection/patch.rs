//! Partial settings laid over those that a connection has.

use super::parse::{self, Defaults};
use crate::simulator::customer_gateway;
use crate::simulator::objects::{Bgp, CustomerGateway, Health, Ike, Ipsec, Objects, Tunnel};
use crate::simulator::random::Random;
use crate::simulator::request::{Request, boolean};
use crate::simulator::response::ApiError;
use crate::simulator::switches::{OmittedIkeFields, Switches};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The fields of one object as they were sent; an empty text is a field that was not given.
pub type Sent = Map<String, Value>;
/// The fields of one `TunnelOptionsSpecification`.
pub type Fields = BTreeMap<String, String>;

const OPTIONS: &str = "TunnelOptionsSpecification";

/// Every `TunnelOptionsSpecification.N`.
pub fn sections(request: &Request) -> Result<Vec<Fields>, ApiError> {
    let sections = request.objects(OPTIONS);
    let read: usize = sections.iter().map(BTreeMap::len).sum();
    // A gap in the numbers would leave something unread.
    if read == request.object(OPTIONS).len() { Ok(sections) } else { Err(ApiError::illegal(OPTIONS)) }
}

/// The place of the tunnel that an entry of the array means, by its id, its role or its index. Those that are given
/// must agree; which of them the cloud goes by is not documented.
pub fn which(tunnels: &[Tunnel], fields: &Fields) -> Result<usize, ApiError> {
    let given = |name: &str| fields.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let (id, role, index) = (given("TunnelId"), given("Role"), given("TunnelIndex"));
    if id.is_none() && role.is_none() && index.is_none() {
        return Err(ApiError::missing("TunnelOptionsSpecification.TunnelId"));
    }
    let meant = |tunnel: &Tunnel| {
        id.is_none_or(|id| tunnel.id == id)
            && role.is_none_or(|role| tunnel.role == role)
            && index.is_none_or(|index| index == tunnel.index.to_string())
    };
    tunnels.iter().position(meant).ok_or_else(|| ApiError::illegal("TunnelOptionsSpecification.TunnelId"))
}

/// A parameter whose value is JSON in a string; `None` where it was not sent.
pub fn json(request: &Request, parameter: &str) -> Result<Option<Sent>, ApiError> {
    let Some(text) = request.filter(parameter) else { return Ok(None) };
    let mut sent: Sent = serde_json::from_str(text).map_err(|_| ApiError::illegal(parameter))?;
    sent.retain(|_, value| value != "");
    Ok(Some(sent))
}

pub fn bgp(sent: Option<Sent>, bgp: &mut Bgp) -> Result<(), ApiError> {
    let Some(sent) = sent else { return Ok(()) };
    *bgp = laid_over(bgp, &sent, &["BgpStatus"], "BgpConfig")?;
    Ok(())
}

/// Its keys may be written in lower case, as a creation has them (cloud/api.md 2.6).
pub fn health(sent: Option<Sent>, health: &mut Health) -> Result<(), ApiError> {
    let Some(sent) = sent else { return Ok(()) };
    let capital = |key: String| key[..1].to_ascii_uppercase() + &key[1..];
    let sent: Sent =
        sent.into_iter().filter(|(key, _)| key.is_ascii() && !key.is_empty()).map(|(key, value)| (capital(key), value)).collect();
    *health = laid_over(health, &sent, &["Status"], "HealthCheckConfig")?;
    parse::check_health(health)
}

/// What a change is made with.
pub struct Patch<'a> {
    pub objects: &'a Objects,
    pub switches: Switches,
    pub random: &'a mut Random,
    pub defaults: Defaults,
}

impl<'a> Patch<'a> {
    pub fn gateway(&self, id: &str) -> Result<&'a CustomerGateway, ApiError> {
        self.objects.customer_gateway(id).ok_or_else(|| ApiError::not_found(customer_gateway::NOT_FOUND))
    }

    pub fn tunnel(&mut self, tunnel: &mut Tunnel, fields: &Fields) -> Result<(), ApiError> {
        const SECTIONS: [&str; 3] = ["TunnelIkeConfig.", "TunnelIpsecConfig.", "TunnelBgpConfig."];
        for (name, value) in fields.iter().filter(|(name, _)| !SECTIONS.iter().any(|section| name.starts_with(section))) {
            let wrong = || ApiError::illegal(&format!("{OPTIONS}.{name}"));
            match name.as_str() {
                "TunnelId" | "Role" | "TunnelIndex" => {}
                "CustomerGatewayId" if value.is_empty() => {}
                "CustomerGatewayId" => tunnel.customer_gateway.clone_from(&self.gateway(value)?.id),
                "EnableDpd" => tunnel.enable_dpd = boolean(value).ok_or_else(wrong)?,
                "EnableNatTraversal" => tunnel.enable_nat_traversal = boolean(value).ok_or_else(wrong)?,
                "RemoteCaCertificate" => tunnel.remote_ca.clone_from(value),
                _ => return Err(wrong()),
            }
        }
        let Tunnel { customer_gateway, ike, remote_id_given, ipsec, bgp, internet_ip, .. } = tunnel;
        self.ike(section(fields, SECTIONS[0]), ike, remote_id_given, customer_gateway, internet_ip)?;
        self.ipsec(section(fields, SECTIONS[1]), ipsec)?;
        let Some(sent) = section(fields, SECTIONS[2]) else { return Ok(()) };
        *bgp = laid_over(bgp, &sent, &["EnableBgp", "BgpStatus"], "TunnelOptionsSpecification.TunnelBgpConfig")?;
        Ok(())
    }

    /// `address` is the cloud's own, its default LocalId.
    pub fn ike(&mut self, sent: Option<Sent>, ike: &mut Ike, given: &mut bool, gateway: &str, address: &str) -> Result<(), ApiError> {
        let gateway = self.gateway(gateway)?;
        if let Some(sent) = sent {
            if self.switches.omitted_ike_fields == OmittedIkeFields::Randomise {
                let (psk, remote_id) = (self.random.key(16), gateway.ip.clone());
                *ike = Ike { psk, local_id: address.to_owned(), remote_id, ..parse::default_ike(self.defaults) };
                *given = false;
            }
            *ike = laid_over(ike, &sent, &[], "IkeConfig")?;
            *given |= sent.contains_key("RemoteId");
            parse::check_ike(ike)?;
        }
        if !*given && self.switches.remote_id_follows {
            ike.remote_id.clone_from(&gateway.ip);
        }
        Ok(())
    }

    pub fn ipsec(&self, sent: Option<Sent>, ipsec: &mut Ipsec) -> Result<(), ApiError> {
        let Some(sent) = sent else { return Ok(()) };
        if self.switches.omitted_ike_fields == OmittedIkeFields::Randomise {
            *ipsec = parse::default_ipsec(self.defaults);
        }
        *ipsec = laid_over(ipsec, &sent, &[], "IpsecConfig")?;
        parse::check_ipsec(ipsec)
    }
}

/// The fields under a prefix; `None` where none was sent.
fn section(fields: &Fields, prefix: &str) -> Option<Sent> {
    let own = |(name, value): (&String, &String)| Some((name.strip_prefix(prefix)?.to_owned(), value.clone()));
    let sent: Vec<_> = fields.iter().filter_map(own).collect();
    let given = |(name, value): &(String, String)| (!value.is_empty()).then(|| (name.clone(), Value::from(value.as_str())));
    (!sent.is_empty()).then(|| sent.iter().filter_map(given).collect())
}

/// Refuses fields that the object does not have, and those that can only be read.
fn laid_over<T: Serialize + DeserializeOwned>(base: &T, sent: &Sent, read_only: &[&str], parameter: &str) -> Result<T, ApiError> {
    let wrong = |_| ApiError::illegal(parameter);
    let mut fields: Sent = serde_json::to_value(base).and_then(serde_json::from_value).map_err(wrong)?;
    for (name, value) in sent {
        match fields.get_mut(name) {
            Some(field) if !read_only.contains(&name.as_str()) => *field = value.clone(),
            _ => return Err(ApiError::illegal(&format!("{parameter}.{name}"))),
        }
    }
    serde_json::from_value(Value::Object(fields)).map_err(wrong)
}
