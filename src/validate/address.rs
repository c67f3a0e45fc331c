//! Whether an address can be a customer gateway's (product.md 2).

use crate::facts::findings;
use crate::facts::ranges::{self, Range, RangeKind};
use crate::model::{Finding, Network};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const BEHIND_NAT: &str = "behind NAT? add a stun: or https: source (stun: comes with a later version)";

/// Every finding about the address. An address that can't be registered at all gets one error, whatever the network.
pub fn address(address: IpAddr, network: Network) -> Vec<Finding> {
    match address {
        IpAddr::V6(address) => vec![ipv6(address)],
        IpAddr::V4(address) => ipv4(address, network),
    }
}

fn ipv6(address: Ipv6Addr) -> Finding {
    let remedy = match address.to_ipv4_mapped() {
        Some(inner) => format!("this is an IPv4 address in IPv6 form: let the source give {inner}"),
        None => "use a source that gives the device's IPv4 address".to_owned(),
    };
    Finding::error(findings::ADDRESS_IPV6, format!("{address} is an IPv6 address, and a customer gateway has an IPv4 one"), remedy)
}

fn ipv4(address: Ipv4Addr, network: Network) -> Vec<Finding> {
    let range = ranges::of(address);
    match range.map(|range| range.kind) {
        Some(RangeKind::RefusedByCloud | RangeKind::Unusable) => range.map(|range| unusable(address, network, range)).into_iter().collect(),
        _ => [documentation(address, range), wrong_network(address, network, range)].into_iter().flatten().collect(),
    }
}

fn unusable(address: Ipv4Addr, network: Network, range: &Range) -> Finding {
    let refusal = if range.kind == RangeKind::RefusedByCloud { "the cloud refuses it" } else { "no device can have it" };
    let message = format!("{address} is in {}, {}: {refusal}", range.written, range.what);
    let remedy = match (range.code, network) {
        (findings::ADDRESS_SHARED_SPACE, Network::Public) => {
            format!("{BEHIND_NAT}; carrier-grade NAT usually needs a public address from the provider")
        }
        (findings::ADDRESS_LINK_LOCAL, _) => {
            "the interface has no proper address yet (DHCP?): give it one or name another source".to_owned()
        }
        (_, Network::Public) => "name a source that gives the device's own public address".to_owned(),
        (_, Network::Private) => "name a source that gives the device's address on the private line".to_owned(),
    };
    Finding::error(range.code, message, remedy)
}

fn documentation(address: Ipv4Addr, range: Option<&Range>) -> Option<Finding> {
    let range = range.filter(|range| range.kind == RangeKind::Documentation)?;
    let message = format!("{address} is in {}, {}", range.written, range.what);
    Some(Finding::warning(range.code, message, "fine for a test; a real device needs an address of its own"))
}

fn wrong_network(address: Ipv4Addr, network: Network, range: Option<&Range>) -> Option<Finding> {
    let kind = range.map(|range| range.kind);
    match (network, range) {
        (Network::Public, Some(range)) if matches!(range.kind, RangeKind::Private | RangeKind::NotPublic) => {
            let message = format!("{address} is in {}, {}: it can't be reached over the Internet", range.written, range.what);
            Some(Finding::error(range.code, message, format!("{BEHIND_NAT}, or set `[address] network = \"private\"`")))
        }
        (Network::Private, _) if kind != Some(RangeKind::Private) => {
            let message = format!("{address} is not in private space (RFC 1918), and `[address] network` is \"private\"");
            let remedy = "if the connections run over the Internet, set `[address] network = \"public\"`";
            Some(Finding::warning(findings::ADDRESS_NOT_PRIVATE, message, remedy))
        }
        _ => None,
    }
}
