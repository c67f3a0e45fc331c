//! Whether a question would leave through IPsec. Echo services and the cloud's API must be reached without the tunnels that
//! they are to repair (product.md 3); a policy for 0.0.0.0/0 takes everything along that has no exception of its own.
//!
//! The kernel is asked twice: which way it would go ([`way`]), and which IPsec policies there are ([`policies`]). What the
//! answers mean is pure ([`judge`]).

use crate::model::Prefix;
use crate::system::netlink::{self, Family, attribute, attributes, number, short};
use std::fmt;
use std::io;
use std::net::Ipv4Addr;

// linux/rtnetlink.h, linux/if_link.h.
const RTM_GETLINK: u16 = 18;
const RTM_GETROUTE: u16 = 26;
const RTMSG: usize = 12;
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_PREFSRC: u16 = 7;
const IFINFOMSG: usize = 16;
const IFLA_IFNAME: u16 = 3;
const IFLA_LINKINFO: u16 = 18;
const IFLA_INFO_KIND: u16 = 1;
const AF_INET: u8 = 2;

// linux/xfrm.h.
const XFRM_MSG_GETPOLICY: u16 = 21;
const XFRM_USERPOLICY_ID: usize = 64;
const XFRM_USERPOLICY_INFO: usize = 168;
const XFRMA_TMPL: u16 = 5;
const XFRMA_MARK: u16 = 21;
const XFRMA_IF_ID: u16 = 31;
const OUT: u8 = 1;

/// Kinds of interfaces behind which IPsec stands, as the kernel names them.
const OF_IPSEC: [&str; 2] = ["xfrm", "vti"];
/// KLIPS and kernel-libipsec name theirs so; the latter are `tun`.
const NAMED_FOR_IPSEC: &str = "ipsec";

const TCP: u8 = 6;

/// The way that the kernel would choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    pub source: Ipv4Addr,
    pub interface: String,
    pub index: u32,
    /// `vti`, `xfrm`, `tun` …; `None` for hardware.
    pub kind: Option<String>,
}

/// An IPsec policy for what leaves this device over IPv4 (`struct xfrm_userpolicy_info`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    pub source: Prefix,
    pub destination: Prefix,
    /// Zero: any.
    pub protocol: u8,
    /// Port and mask of the destination.
    pub port: (u16, u16),
    /// The interface that it is for; zero: any.
    pub interface: u32,
    /// The lowest wins.
    pub priority: u32,
    /// It transforms; without, it is an exception that lets pass or discards.
    pub transforms: bool,
    /// Only for packets of an xfrm interface or with a mark, which ours are not.
    pub is_for_others: bool,
}

/// How a question would leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leaves {
    InTheClear,
    IntoIpsec(Tunnel),
    /// The policies cannot be seen.
    Unknown(String),
}

/// What takes it along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tunnel {
    /// An interface that IPsec stands behind.
    Interface(String),
    Policy(Policy),
}

/// Over TCP to this address and port. `policies` matters only where the interface says nothing.
pub fn judge(to: Ipv4Addr, port: u16, way: &Way, policies: &Result<Vec<Policy>, String>) -> Leaves {
    let is_ipsec = way.kind.as_deref().is_some_and(|kind| OF_IPSEC.contains(&kind)) || way.interface.starts_with(NAMED_FOR_IPSEC);
    if is_ipsec {
        return Leaves::IntoIpsec(Tunnel::Interface(way.interface.clone()));
    }
    let policies = match policies {
        Ok(policies) => policies,
        Err(why) => return Leaves::Unknown(why.clone()),
    };
    // The kernel takes the first of equals.
    let chosen = policies.iter().filter(|policy| policy.matches(to, port, way)).min_by_key(|policy| policy.priority);
    match chosen {
        Some(policy) if policy.transforms => Leaves::IntoIpsec(Tunnel::Policy(policy.clone())),
        _ => Leaves::InTheClear,
    }
}

impl Policy {
    fn matches(&self, to: Ipv4Addr, port: u16, way: &Way) -> bool {
        let (wanted, mask) = self.port;
        !self.is_for_others
            && self.destination.contains(to)
            && self.source.contains(way.source)
            && (self.protocol == 0 || self.protocol == TCP)
            && wanted & mask == port & mask
            && (self.interface == 0 || self.interface == way.index)
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the IPsec policy {} -> {} (priority {})", self.source, self.destination, self.priority)
    }
}

/// Asks the kernel for its way to an address.
///
/// # Errors
/// Where there is none, or the kernel's answer cannot be understood.
pub fn way(to: Ipv4Addr) -> io::Result<Way> {
    let mut question = vec![0; RTMSG];
    question[0] = AF_INET;
    question[1] = 32;
    question.extend(attribute(RTA_DST, &to.octets()));
    let answers = netlink::ask(Family::Route, RTM_GETROUTE, &question)?;
    let route = answers.first().and_then(|answer| answer.get(RTMSG..)).ok_or_else(not_understood)?;
    let mut source = None;
    let mut index = None;
    for (kind, value) in attributes(route) {
        match kind {
            RTA_PREFSRC => source = value.first_chunk().map(|octets: &[u8; 4]| Ipv4Addr::from(*octets)),
            RTA_OIF => index = number(value, 0),
            _ => {}
        }
    }
    let index = index.ok_or_else(not_understood)?;
    let (interface, kind) = link(index)?;
    Ok(Way { source: source.ok_or_else(not_understood)?, interface, index, kind })
}

fn link(index: u32) -> io::Result<(String, Option<String>)> {
    let mut question = vec![0; IFINFOMSG];
    question[4..8].copy_from_slice(&index.to_ne_bytes());
    let answers = netlink::ask(Family::Route, RTM_GETLINK, &question)?;
    let link = answers.first().and_then(|answer| answer.get(IFINFOMSG..)).ok_or_else(not_understood)?;
    let (mut name, mut kind) = (None, None);
    for (attribute, value) in attributes(link) {
        match attribute {
            IFLA_IFNAME => name = Some(text(value)),
            IFLA_LINKINFO => kind = attributes(value).find(|(kind, _)| *kind == IFLA_INFO_KIND).map(|(_, value)| text(value)),
            _ => {}
        }
    }
    Ok((name.ok_or_else(not_understood)?, kind))
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value.strip_suffix(&[0]).unwrap_or(value)).into_owned()
}

fn not_understood() -> io::Error {
    io::Error::other("the kernel's answer is not understood")
}

/// Every policy for what leaves over IPv4. A kernel without IPsec has none.
///
/// # Errors
/// Where the kernel does not show them, above all without CAP_NET_ADMIN.
pub fn policies() -> io::Result<Vec<Policy>> {
    match netlink::dump(Family::Xfrm, XFRM_MSG_GETPOLICY, &[0; XFRM_USERPOLICY_ID]) {
        Ok(answers) => Ok(answers.iter().filter_map(|answer| policy(answer)).collect()),
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::PROTONOSUPPORT.raw_os_error()) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// `None`: it is for IPv6, or for another direction.
fn policy(message: &[u8]) -> Option<Policy> {
    let address = |at: usize| message.get(at..)?.first_chunk().map(|octets: &[u8; 4]| Ipv4Addr::from(*octets));
    let network_order = |at: usize| short(message, at).map(u16::from_be);
    let byte = |at: usize| message.get(at).copied();
    if byte(160)? != OUT || short(message, 40)? != u16::from(AF_INET) {
        return None;
    }
    let (mut transforms, mut is_for_others) = (false, false);
    for (kind, value) in attributes(message.get(XFRM_USERPOLICY_INFO..)?) {
        match kind {
            XFRMA_TMPL => transforms = !value.is_empty(),
            // `struct xfrm_mark`, the value first: no packet of ours bears a mark.
            XFRMA_MARK => is_for_others |= number(value, 0)? != 0,
            XFRMA_IF_ID => is_for_others |= number(value, 0)? != 0,
            _ => {}
        }
    }
    Some(Policy {
        destination: Prefix { network: address(0)?, length: byte(42)? },
        source: Prefix { network: address(16)?, length: byte(43)? },
        port: (network_order(32)?, network_order(34)?),
        protocol: byte(44)?,
        interface: number(message, 48)?,
        priority: number(message, 152)?,
        transforms,
        is_for_others,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const TO: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 80);

    fn uplink(name: &str, kind: Option<&str>) -> Way {
        Way { source: Ipv4Addr::new(203, 0, 113, 7), interface: name.into(), index: 2, kind: kind.map(str::to_owned) }
    }

    /// Everything into the tunnel, as a policy-based site with 0.0.0.0/0 has it.
    fn everything() -> Policy {
        let any = Prefix { network: Ipv4Addr::UNSPECIFIED, length: 0 };
        Policy {
            source: any,
            destination: any,
            protocol: 0,
            port: (0, 0),
            interface: 0,
            priority: 3000,
            transforms: true,
            is_for_others: false,
        }
    }

    fn by(policy: Policy) -> Leaves {
        Leaves::IntoIpsec(Tunnel::Policy(policy))
    }

    fn leaves(policies: &[Policy]) -> Leaves {
        judge(TO, 443, &uplink("wan0", None), &Ok(policies.to_vec()))
    }

    #[test]
    fn a_policy_for_everything_takes_it_along_and_an_exception_in_front_does_not() {
        assert_eq!(leaves(&[]), Leaves::InTheClear);
        assert_eq!(leaves(&[everything()]), by(everything()));
        let exception = Policy { destination: Prefix { network: TO, length: 32 }, priority: 100, transforms: false, ..everything() };
        assert_eq!(leaves(&[everything(), exception.clone()]), Leaves::InTheClear);
        let behind = Policy { priority: 5000, ..exception };
        assert_eq!(leaves(&[everything(), behind]), by(everything()));
    }

    #[test]
    fn a_policy_for_something_else_does_not() {
        let net = |a, b, c, d, length| Prefix { network: Ipv4Addr::new(a, b, c, d), length };
        for other in [
            Policy { destination: net(10, 0, 0, 0, 8), ..everything() },
            Policy { source: net(192, 168, 0, 0, 16), ..everything() },
            Policy { protocol: 17, ..everything() },
            Policy { port: (4500, u16::MAX), ..everything() },
            Policy { interface: 9, ..everything() },
            Policy { is_for_others: true, ..everything() },
        ] {
            assert_eq!(leaves(std::slice::from_ref(&other)), Leaves::InTheClear, "{other:?}");
        }
        for ours in [
            Policy { destination: net(198, 51, 100, 0, 24), source: net(203, 0, 113, 7, 32), ..everything() },
            Policy { protocol: TCP, port: (443, u16::MAX), interface: 2, ..everything() },
        ] {
            assert_eq!(leaves(std::slice::from_ref(&ours)), by(ours));
        }
    }

    #[test]
    fn an_interface_of_ipsec_is_one_whatever_the_policies_are() {
        let unseen = Err("not permitted".to_owned());
        for (name, kind) in [("vti0", Some("vti")), ("tunnel7", Some("xfrm")), ("ipsec0", Some("tun"))] {
            assert_eq!(judge(TO, 443, &uplink(name, kind), &unseen), Leaves::IntoIpsec(Tunnel::Interface(name.to_owned())));
        }
        for (name, kind) in [("wan0", None), ("wg0", Some("wireguard")), ("tun0", Some("tun"))] {
            assert_eq!(judge(TO, 443, &uplink(name, kind), &unseen), Leaves::Unknown("not permitted".to_owned()));
            assert_eq!(judge(TO, 443, &uplink(name, kind), &Ok(Vec::new())), Leaves::InTheClear);
        }
    }

    #[test]
    fn what_the_kernel_cuts_short_is_no_policy() {
        for length in [0, 40, XFRM_USERPOLICY_INFO - 1] {
            let mut message = vec![0; length];
            if let Some(direction) = message.get_mut(160) {
                *direction = OUT;
            }
            assert_eq!(policy(&message), None);
        }
    }
}
