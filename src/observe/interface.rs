//! `interface:NAME`: which of an interface's addresses is the device's own.

use crate::model::{Observation, Prefix};
use if_addrs::IfAddr;
use rustix::io::Errno;
use rustix::net::netdevice;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

/// One address of one interface, in the kernel's order: primary addresses before their secondaries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assigned {
    /// The interface's name, or its label such as `eth0:1`.
    pub label: String,
    pub address: IpAddr,
    /// Prefix length.
    pub length: u8,
    /// A privacy address of IPv6 (RFC 8981), which is replaced every day.
    pub temporary: bool,
}

/// What an IPv4 address is on its interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The interface's own address.
    Primary,
    /// A further address in the prefix of an earlier one: added by hand, or by keepalived with the prefix's length.
    Secondary,
    /// A /32 beside a wider prefix, or an address of a `vrrp…` interface: it wanders between routers (VRRP).
    Virtual,
    /// It bears a label of its own (`eth0:1`).
    Labelled,
    /// 127.0.0.0/8 or 169.254.0.0/16: nobody outside can reach it.
    Local,
}

/// Reads the interface now.
pub fn read(name: &str, prefer: Option<Prefix>) -> Observation<IpAddr> {
    match snapshot() {
        Ok(assigned) => choose(name, exists(name), &assigned, prefer),
        Err(error) => Observation::Unknown(format!("could not list the interfaces' addresses: {error}")),
    }
}

/// Every address of every interface.
pub fn snapshot() -> std::io::Result<Vec<Assigned>> {
    let temporary = temporary_addresses();
    let of = |interface: if_addrs::Interface| {
        let (address, length) = match &interface.addr {
            IfAddr::V4(v4) => (IpAddr::V4(v4.ip), v4.prefixlen),
            IfAddr::V6(v6) => (IpAddr::V6(v6.ip), v6.prefixlen),
        };
        let temporary = matches!(address, IpAddr::V6(v6) if temporary.contains(&v6));
        Assigned { label: interface.name, address, length, temporary }
    };
    Ok(if_addrs::get_if_addrs()?.into_iter().map(of).collect())
}

/// The device's own address on the interface.
///
/// An address stays the interface's while the link is down: a pulled cable does not change what the appliance is, and
/// must not hand the decision to the next source at once. With `prefer`, only the addresses inside it count, and a
/// secondary or virtual one may be the one meant. Otherwise the primary address wins; several primaries conflict.
/// An interface with IPv6 alone gives that, so that validation can name the problem. `exists` tells an interface
/// without addresses from none at all.
pub fn choose(name: &str, exists: bool, assigned: &[Assigned], prefer: Option<Prefix>) -> Observation<IpAddr> {
    let here: Vec<&Assigned> = assigned.iter().filter(|entry| interface_of(&entry.label) == name || entry.label == name).collect();
    let roles = roles(&here);
    if roles.is_empty() {
        return without_ipv4(name, exists, &here);
    }
    let reachable: Vec<(Ipv4Addr, Role)> = roles.iter().copied().filter(|(_, role)| *role != Role::Local).collect();
    // Where there is nothing better, validation explains what is wrong with a loopback or link-local address.
    let all = if reachable.is_empty() { roles } else { reachable };
    let wanted: Vec<(Ipv4Addr, Role)> =
        all.iter().copied().filter(|(address, _)| prefer.is_none_or(|prefix| prefix.contains(*address))).collect();
    match prefer {
        Some(prefix) if wanted.is_empty() => Observation::Unknown(filtered_out(name, &all, prefix)),
        _ => one_of(&wanted),
    }
}

/// The role of each IPv4 address, in the given order.
pub fn roles(here: &[&Assigned]) -> Vec<(Ipv4Addr, Role)> {
    let ipv4: Vec<(&Assigned, Ipv4Addr)> = here
        .iter()
        .filter_map(|entry| match entry.address {
            IpAddr::V4(address) => Some((*entry, address)),
            IpAddr::V6(_) => None,
        })
        .collect();
    let role = |(position, (entry, address)): (usize, &(&Assigned, Ipv4Addr))| {
        let earlier = &ipv4[..position];
        (*address, role_of(entry, *address, earlier, &ipv4))
    };
    ipv4.iter().enumerate().map(role).collect()
}

fn role_of(entry: &Assigned, address: Ipv4Addr, earlier: &[(&Assigned, Ipv4Addr)], all: &[(&Assigned, Ipv4Addr)]) -> Role {
    let same_prefix = |other: &(&Assigned, Ipv4Addr)| {
        other.0.length == entry.length && Prefix { network: other.1, length: entry.length }.contains(address)
    };
    let wider = |other: &(&Assigned, Ipv4Addr)| other.0.length < 32 && !is_local(other.1);
    if is_local(address) {
        Role::Local
    } else if interface_of(&entry.label).starts_with("vrrp") || (entry.length == 32 && all.iter().any(wider)) {
        Role::Virtual
    } else if earlier.iter().any(same_prefix) {
        Role::Secondary
    } else if entry.label.contains(':') {
        Role::Labelled
    } else {
        Role::Primary
    }
}

fn one_of(wanted: &[(Ipv4Addr, Role)]) -> Observation<IpAddr> {
    let primaries: Vec<IpAddr> =
        wanted.iter().filter(|(_, role)| *role == Role::Primary).map(|(address, _)| IpAddr::V4(*address)).collect();
    let candidates = if primaries.is_empty() { wanted.iter().map(|(address, _)| IpAddr::V4(*address)).collect() } else { primaries };
    match candidates.as_slice() {
        [address] => Observation::Known(*address),
        _ => Observation::Conflicting(candidates),
    }
}

fn filtered_out(name: &str, all: &[(Ipv4Addr, Role)], prefix: Prefix) -> String {
    let list: Vec<String> = all.iter().map(|(address, _)| address.to_string()).collect();
    format!("none of the addresses of {name} ({}) is inside `prefer = \"{prefix}\"`", list.join(", "))
}

fn without_ipv4(name: &str, exists: bool, here: &[&Assigned]) -> Observation<IpAddr> {
    let is_usable = |address: &Ipv6Addr| !address.is_unicast_link_local() && !address.is_loopback();
    let mut ipv6: Vec<(&Assigned, Ipv6Addr)> = here
        .iter()
        .filter_map(|entry| match entry.address {
            IpAddr::V6(address) if is_usable(&address) => Some((*entry, address)),
            _ => None,
        })
        .collect();
    ipv6.sort_by_key(|(entry, _)| entry.temporary);
    match ipv6.first() {
        Some((_, address)) => Observation::Known(IpAddr::V6(*address)),
        None if here.is_empty() && !exists => Observation::Unknown(format!("there is no interface {name}")),
        None => Observation::Unknown(format!("interface {name} has no IPv4 address")),
    }
}

/// Asks the kernel, since an interface without any address is in no list of addresses. Where that fails we say less.
fn exists(name: &str) -> bool {
    let Ok(socket) = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)) else { return true };
    !matches!(netdevice::name_to_index(&socket, interface_of(name)), Err(Errno::NODEV))
}

/// The addresses that the kernel marks as temporary. They matter only where there is no IPv4 address, so a list that
/// can't be read is an empty one.
fn temporary_addresses() -> Vec<Ipv6Addr> {
    std::fs::read_to_string("/proc/thread-self/net/if_inet6").map(|table| temporary_in(&table)).unwrap_or_default()
}

/// Lines such as `20010db8000000000000000000000001 02 40 00 80 eth0`: address, index, length, scope, flags, name.
fn temporary_in(table: &str) -> Vec<Ipv6Addr> {
    const IFA_F_TEMPORARY: u32 = 0x01;
    let line = |line: &str| {
        let mut fields = line.split_ascii_whitespace();
        let address = u128::from_str_radix(fields.next()?, 16).ok()?;
        let flags = u32::from_str_radix(fields.nth(3)?, 16).ok()?;
        (flags & IFA_F_TEMPORARY != 0).then(|| Ipv6Addr::from(address))
    };
    table.lines().filter_map(line).collect()
}

fn interface_of(label: &str) -> &str {
    label.split(':').next().unwrap_or(label)
}

fn is_local(address: Ipv4Addr) -> bool {
    address.is_loopback() || address.is_link_local()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// `eth0 203.0.113.7/24`, a line for each address.
    fn assigned(lines: &str) -> Vec<Assigned> {
        let entry = |line: &str| {
            let mut words = line.split_ascii_whitespace();
            let label = words.next().unwrap().to_owned();
            let (address, length) = words.next().unwrap().split_once('/').unwrap();
            let temporary = words.next() == Some("temporary");
            Assigned { label, address: address.parse().unwrap(), length: length.parse().unwrap(), temporary }
        };
        lines.lines().map(str::trim).filter(|line| !line.is_empty()).map(entry).collect()
    }

    fn eth0(lines: &str, prefer: Option<&str>) -> Observation<IpAddr> {
        let prefer = prefer.map(|text| {
            let (network, length) = text.split_once('/').unwrap();
            Prefix { network: network.parse().unwrap(), length: length.parse().unwrap() }
        });
        choose("eth0", true, &assigned(lines), prefer)
    }

    fn known(address: &str) -> Observation<IpAddr> {
        Observation::Known(address.parse().unwrap())
    }

    fn conflicting(addresses: &[&str]) -> Observation<IpAddr> {
        Observation::Conflicting(addresses.iter().map(|address| address.parse().unwrap()).collect())
    }

    fn reason(observation: Observation<IpAddr>) -> String {
        match observation {
            Observation::Unknown(reason) => reason,
            other => panic!("{other:?} instead of a reason"),
        }
    }

    #[test]
    fn the_only_address_is_the_one() {
        assert_eq!(eth0("lo 127.0.0.1/8\n eth0 203.0.113.7/24\n eth1 198.51.100.1/24\n eth0 fe80::1/64", None), known("203.0.113.7"));
        assert_eq!(eth0("eth0 203.0.113.7/32", None), known("203.0.113.7"));
    }

    #[test]
    fn the_primary_wins_over_what_was_added() {
        for (added, what) in [
            ("eth0 203.0.113.200/24", "a secondary, or keepalived's with the prefix's length"),
            ("eth0 203.0.113.200/32", "keepalived's default length"),
            ("eth0 198.51.100.200/32", "a virtual address of another network"),
            ("eth0:1 198.51.100.3/24", "a label"),
            ("eth0:vip 203.0.113.200/24", "a label in the same prefix"),
            ("eth0 169.254.10.2/16", "link-local"),
            ("vrrp.51 203.0.113.200/32", "keepalived's own interface"),
            ("eth0 2001:db8::7/64", "IPv6"),
        ] {
            assert_eq!(eth0(&format!("eth0 203.0.113.7/24\n{added}"), None), known("203.0.113.7"), "{what}");
        }
        // keepalived can be quicker than the interface's own configuration.
        assert_eq!(eth0("eth0 203.0.113.200/32\neth0 203.0.113.7/24", None), known("203.0.113.7"));
    }

    #[test]
    fn several_primaries_conflict_and_prefer_picks() {
        let two = "eth0 203.0.113.7/24\neth0 10.0.0.7/8";
        assert_eq!(eth0(two, None), conflicting(&["203.0.113.7", "10.0.0.7"]));
        assert_eq!(eth0(two, Some("203.0.113.0/24")), known("203.0.113.7"));
        assert_eq!(eth0(two, Some("10.0.0.0/8")), known("10.0.0.7"));
        assert_eq!(eth0(two, Some("0.0.0.0/0")), conflicting(&["203.0.113.7", "10.0.0.7"]));
    }

    #[test]
    fn prefer_can_mean_an_address_that_was_added() {
        let shared = "eth0 203.0.113.7/24\neth0 203.0.113.200/24\neth0 198.51.100.9/32";
        assert_eq!(eth0(shared, Some("203.0.113.200/32")), known("203.0.113.200"));
        assert_eq!(eth0(shared, Some("198.51.100.0/24")), known("198.51.100.9"));
        assert_eq!(eth0(shared, Some("203.0.113.0/24")), known("203.0.113.7"));
    }

    #[test]
    fn prefer_that_matches_nothing_is_no_reading() {
        // A VRRP backup does not hold the virtual address: that is not a change of address.
        let why = reason(eth0("eth0 203.0.113.7/24", Some("203.0.113.200/32")));
        assert!(why.contains("203.0.113.7") && why.contains("prefer = \"203.0.113.200/32\""), "{why}");
    }

    #[test]
    fn a_vrrp_interface_by_its_own_name_is_what_was_asked_for() {
        let assigned = assigned("eth0 203.0.113.7/24\nvrrp.51 203.0.113.200/32");
        assert_eq!(choose("vrrp.51", true, &assigned, None), known("203.0.113.200"));
        assert_eq!(
            choose("eth0:1", true, &super::tests::assigned("eth0 203.0.113.7/24\neth0:1 203.0.113.8/24"), None),
            known("203.0.113.8")
        );
    }

    #[test]
    fn nothing_usable_says_which_nothing() {
        assert!(reason(eth0("eth1 203.0.113.7/24", None)).contains("interface eth0 has no IPv4 address"));
        assert!(reason(eth0("eth0 fe80::1/64", None)).contains("has no IPv4 address"));
        assert!(reason(choose("eth0", false, &[], None)).contains("there is no interface eth0"));
        // `eth0` is not a prefix of a name.
        assert!(reason(eth0("eth01 203.0.113.7/24", None)).contains("has no IPv4 address"));
    }

    #[test]
    fn what_only_validation_can_refuse_is_passed_on() {
        assert_eq!(eth0("eth0 169.254.3.4/16", None), known("169.254.3.4"));
        assert_eq!(choose("lo", true, &assigned("lo 127.0.0.1/8\nlo ::1/128"), None), known("127.0.0.1"));
        assert_eq!(choose("lo", true, &assigned("lo 127.0.0.1/8\nlo 203.0.113.9/32"), None), known("203.0.113.9"));
        let ipv6 = "eth0 2001:db8::aaaa/64 temporary\neth0 2001:db8::7/64\neth0 fe80::1/64";
        assert_eq!(eth0(ipv6, None), known("2001:db8::7"));
    }

    #[test]
    fn the_kernels_table_tells_temporary_addresses() {
        let table = "20010db800000000000000000000aaaa 02 40 00 01   eth0\n\
                     20010db8000000000000000000000007 02 40 00 80   eth0\n\
                     00000000000000000000000000000001 01 80 10 80     lo\nnonsense\n";
        assert_eq!(temporary_in(table), ["2001:db8::aaaa".parse::<Ipv6Addr>().unwrap()]);
    }
}
