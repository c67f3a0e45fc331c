//! The configuration objects of connections and their limits (cloud/api.md 2.6, 2.7).

use crate::simulator::objects::{Bgp, Health, Ike, Ipsec};
use crate::simulator::request::{Request, boolean};
use crate::simulator::response::ApiError;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// A parameter whose value is JSON in a string; the defaults where it was not sent.
pub fn json<T: DeserializeOwned + Default>(request: &Request, parameter: &str) -> Result<T, ApiError> {
    let Some(text) = request.filter(parameter) else { return Ok(T::default()) };
    serde_json::from_str(text).map_err(|error| {
        let place = format!("line {} column {}", error.line(), error.column());
        ApiError::new(
            400,
            format!("IllegalParam.{parameter}"),
            format!("The parameter {parameter} is not the JSON it should be at {place}."),
        )
    })
}

/// What one `TunnelOptionsSpecification.N` says, defaults filled in.
pub struct TunnelOptions {
    pub customer_gateway: String,
    pub role: Option<String>,
    pub index: Option<u8>,
    pub enable_dpd: bool,
    pub enable_nat_traversal: bool,
    pub remote_ca: String,
    pub bgp: Bgp,
    pub ike: Ike,
    pub ipsec: Ipsec,
}

/// The defaults of CreateVpnConnection and CreateVpnAttachment differ (cloud/api.md 2.7).
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Defaults {
    Connection,
    Attachment,
}

const OPTIONS: &str = "TunnelOptionsSpecification";

pub fn tunnel(fields: &BTreeMap<String, String>, defaults: Defaults) -> Result<TunnelOptions, ApiError> {
    let mut options = default_options(defaults);
    for (name, value) in fields {
        set(&mut options, name, value).ok_or_else(|| ApiError::illegal(&format!("{OPTIONS}.{name}")))?;
    }
    if options.customer_gateway.is_empty() {
        return Err(ApiError::missing(&format!("{OPTIONS}.CustomerGatewayId")));
    }
    check_ike(&options.ike)?;
    check_ipsec(&options.ipsec)?;
    Ok(options)
}

fn default_options(defaults: Defaults) -> TunnelOptions {
    TunnelOptions {
        customer_gateway: String::new(),
        role: None,
        index: None,
        enable_dpd: true,
        enable_nat_traversal: true,
        remote_ca: String::new(),
        bgp: Bgp::default(),
        ike: default_ike(defaults),
        ipsec: default_ipsec(defaults),
    }
}

pub fn default_ike(defaults: Defaults) -> Ike {
    match defaults {
        Defaults::Connection => Ike::default(),
        Defaults::Attachment => Ike { ike_version: "ikev2".to_owned(), ike_auth_alg: "sha1".to_owned(), ..Ike::default() },
    }
}

pub fn default_ipsec(defaults: Defaults) -> Ipsec {
    match defaults {
        Defaults::Connection => Ipsec::default(),
        Defaults::Attachment => Ipsec { ipsec_auth_alg: "sha1".to_owned(), ..Ipsec::default() },
    }
}

/// `None` for a field that does not exist, or a value that its type refuses.
fn set(options: &mut TunnelOptions, name: &str, value: &str) -> Option<()> {
    let text = value.to_owned();
    match name {
        "CustomerGatewayId" => options.customer_gateway = text,
        "Role" => options.role = Some(text).filter(|role| role == "master" || role == "slave").map(Some)?,
        "TunnelIndex" => options.index = Some(value.parse().ok().filter(|index| (1..=2).contains(index))?),
        "EnableDpd" => options.enable_dpd = boolean(value)?,
        "EnableNatTraversal" => options.enable_nat_traversal = boolean(value)?,
        "RemoteCaCertificate" => options.remote_ca = text,
        "TunnelBgpConfig.LocalAsn" => options.bgp.local_asn = value.parse().ok()?,
        "TunnelBgpConfig.LocalBgpIp" => options.bgp.local_bgp_ip = text,
        "TunnelBgpConfig.TunnelCidr" => options.bgp.tunnel_cidr = text,
        "TunnelIkeConfig.Psk" => options.ike.psk = text,
        "TunnelIkeConfig.IkeVersion" => options.ike.ike_version = text,
        "TunnelIkeConfig.IkeMode" => options.ike.ike_mode = text,
        "TunnelIkeConfig.IkeEncAlg" => options.ike.ike_enc_alg = text,
        "TunnelIkeConfig.IkeAuthAlg" => options.ike.ike_auth_alg = text,
        "TunnelIkeConfig.IkePfs" => options.ike.ike_pfs = text,
        "TunnelIkeConfig.IkeLifetime" => options.ike.ike_lifetime = value.parse().ok()?,
        "TunnelIkeConfig.LocalId" => options.ike.local_id = text,
        "TunnelIkeConfig.RemoteId" => options.ike.remote_id = text,
        "TunnelIpsecConfig.IpsecEncAlg" => options.ipsec.ipsec_enc_alg = text,
        "TunnelIpsecConfig.IpsecAuthAlg" => options.ipsec.ipsec_auth_alg = text,
        "TunnelIpsecConfig.IpsecPfs" => options.ipsec.ipsec_pfs = text,
        "TunnelIpsecConfig.IpsecLifetime" => options.ipsec.ipsec_lifetime = value.parse().ok()?,
        _ => return None,
    }
    Some(())
}

const ENCRYPTION: [&str; 5] = ["aes", "aes192", "aes256", "des", "3des"];
const AUTHENTICATION: [&str; 5] = ["md5", "sha1", "sha256", "sha384", "sha512"];
const GROUPS: [&str; 4] = ["group1", "group2", "group5", "group14"];
const PSK_PUNCTUATION: &str = "~!`@#$%^&*()_-+={}[]|;:\\\",.<>/?";

pub fn check_ike(ike: &Ike) -> Result<(), ApiError> {
    let psk = ike.psk.len() <= 100 && ike.psk.chars().all(|c| c.is_ascii_alphanumeric() || PSK_PUNCTUATION.contains(c));
    let rules = [
        ("Psk", psk),
        ("IkeVersion", ["ikev1", "ikev2"].contains(&ike.ike_version.as_str())),
        ("IkeMode", ["main", "aggressive"].contains(&ike.ike_mode.as_str())),
        ("IkeEncAlg", ENCRYPTION.contains(&ike.ike_enc_alg.as_str())),
        ("IkeAuthAlg", AUTHENTICATION.contains(&ike.ike_auth_alg.as_str())),
        ("IkePfs", GROUPS.contains(&ike.ike_pfs.as_str())),
        ("IkeLifetime", (0..=86_400).contains(&ike.ike_lifetime)),
        ("LocalId", ike.local_id.chars().count() <= 100),
        ("RemoteId", ike.remote_id.chars().count() <= 100),
    ];
    all(&rules)
}

pub fn check_ipsec(ipsec: &Ipsec) -> Result<(), ApiError> {
    let rules = [
        ("IpsecEncAlg", ENCRYPTION.contains(&ipsec.ipsec_enc_alg.as_str())),
        ("IpsecAuthAlg", AUTHENTICATION.contains(&ipsec.ipsec_auth_alg.as_str())),
        ("IpsecPfs", ipsec.ipsec_pfs == "disabled" || GROUPS.contains(&ipsec.ipsec_pfs.as_str())),
        ("IpsecLifetime", (0..=86_400).contains(&ipsec.ipsec_lifetime)),
    ];
    all(&rules)
}

pub fn check_health(health: &Health) -> Result<(), ApiError> {
    let address = |text: &str| !health.enable || text.parse::<Ipv4Addr>().is_ok();
    all(&[
        ("HealthCheckConfig.dip", address(&health.dip)),
        ("HealthCheckConfig.sip", address(&health.sip)),
        ("HealthCheckConfig.interval", health.interval > 0),
        ("HealthCheckConfig.retry", health.retry > 0),
        ("HealthCheckConfig.Policy", ["revoke_route", "reserve_route"].contains(&health.policy.as_str())),
    ])
}

/// A /30 of 169.254.0.0/16 that is not among the reserved ones, with the cloud's own address in it.
pub fn check_bgp(bgp: &Bgp) -> Result<(), ApiError> {
    let block = tunnel_block(&bgp.tunnel_cidr);
    let inside = |block: u32| bgp.local_bgp_ip.parse::<Ipv4Addr>().is_ok_and(|ip| [block + 1, block + 2].contains(&u32::from(ip)));
    all(&[
        ("LocalAsn", (1..=i64::from(u32::MAX)).contains(&bgp.local_asn)),
        ("TunnelCidr", block.is_some()),
        ("LocalBgpIp", block.is_some_and(inside)),
    ])
}

/// The other host of the tunnel's /30; `None` where the tunnel has no such addresses.
pub fn peer_bgp_ip(bgp: &Bgp) -> Option<String> {
    let block = tunnel_block(&bgp.tunnel_cidr)?;
    let own = u32::from(bgp.local_bgp_ip.parse::<Ipv4Addr>().ok()?);
    let place = own.checked_sub(block).filter(|place| (1..=2).contains(place))?;
    Some(Ipv4Addr::from(block + 3 - place).to_string())
}

fn tunnel_block(cidr: &str) -> Option<u32> {
    let block: Ipv4Addr = cidr.strip_suffix("/30")?.parse().ok()?;
    let [first, second, third, fourth] = block.octets();
    // Reserved: 169.254.0.0/30, .1.0/30, … .6.0/30, and 169.254.169.252/30.
    let reserved = (third <= 6 && fourth == 0) || (third == 169 && fourth == 252);
    ([first, second] == [169, 254] && fourth % 4 == 0 && !reserved).then(|| u32::from(block))
}

/// A comma list of at most ten CIDRs without host bits.
pub fn subnets(request: &Request, parameter: &str) -> Result<String, ApiError> {
    let text = request.required(parameter)?;
    let fits = text.split(',').count() <= 10 && text.split(',').all(|cidr| is_cidr(cidr.trim()));
    if fits { Ok(text.to_owned()) } else { Err(ApiError::illegal(parameter)) }
}

pub fn is_cidr(text: &str) -> bool {
    let Some((address, length)) = text.split_once('/') else { return false };
    let (Ok(address), Ok(length)) = (address.parse::<Ipv4Addr>(), length.parse::<u32>()) else { return false };
    length <= 32 && u32::from(address).checked_shl(length).unwrap_or(0) == 0
}

fn all(rules: &[(&str, bool)]) -> Result<(), ApiError> {
    rules.iter().find(|(_, holds)| !holds).map_or(Ok(()), |(name, _)| Err(ApiError::illegal(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bgp(cidr: &str, own: &str) -> Bgp {
        Bgp { tunnel_cidr: cidr.to_owned(), local_bgp_ip: own.to_owned(), ..Bgp::default() }
    }

    #[test]
    fn tunnel_addresses() {
        assert!(check_bgp(&bgp("169.254.10.0/30", "169.254.10.1")).is_ok());
        assert_eq!(peer_bgp_ip(&bgp("169.254.10.0/30", "169.254.10.1")).as_deref(), Some("169.254.10.2"));
        assert_eq!(peer_bgp_ip(&bgp("169.254.10.4/30", "169.254.10.6")).as_deref(), Some("169.254.10.5"));
        for wrong in ["169.254.0.0/30", "169.254.6.0/30", "169.254.169.252/30", "169.254.10.1/30", "169.254.10.0/29", "10.0.0.0/30"] {
            assert_eq!(check_bgp(&bgp(wrong, "169.254.10.1")).unwrap_err().code, "IllegalParam.TunnelCidr", "{wrong}");
        }
        assert_eq!(check_bgp(&bgp("169.254.10.0/30", "169.254.10.3")).unwrap_err().code, "IllegalParam.LocalBgpIp");
    }

    #[test]
    fn cidrs() {
        for right in ["0.0.0.0/0", "10.0.0.0/8", "192.168.1.1/32", "192.168.2.0/23"] {
            assert!(is_cidr(right), "{right}");
        }
        for wrong in ["10.0.0.1/8", "10.0.0.0", "10.0.0.0/33", "x/8", "0.0.0.1/0"] {
            assert!(!is_cidr(wrong), "{wrong}");
        }
    }

    #[test]
    fn keys() {
        let ike = |psk: &str| Ike { psk: psk.to_owned(), ..Ike::default() };
        assert!(check_ike(&ike("aB3~!`@#$%^&*()_-+={}[]|;:\\\",.<>/?")).is_ok());
        for wrong in ["with space", "quote'", "ключ", &"x".repeat(101)] {
            assert_eq!(check_ike(&ike(wrong)).unwrap_err().code, "IllegalParam.Psk");
        }
    }
}
