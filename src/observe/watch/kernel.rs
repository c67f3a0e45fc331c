//! The kernel's routing announcements (rtnetlink multicast groups, `man 7 rtnetlink`).

use super::feed::{Announcements, Drained};
use crate::model::{Prefix, RouteTarget};
use crate::system::netlink;
use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, bind, recv, socket_with, sockopt};
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;

// linux/rtnetlink.h, RTMGRP_*.
const LINKS: u32 = 0x1;
const IPV4_ADDRESSES: u32 = 0x10;
const IPV4_ROUTES: u32 = 0x40;
const IPV4_RULES: u32 = 0x80;

// linux/rtnetlink.h, RTM_*; below 16 are netlink's own messages.
const FIRST_RTNETLINK: u16 = 16;
const NEW_ROUTE: u16 = 24;
const DELETED_ROUTE: u16 = 25;

/// The default of 208 kB holds 256 announcements, which 140 quick changes overrun.
const BUFFER: usize = 1 << 20;
/// Announcements come one to a datagram, of a few hundred bytes; one with more statistics is cut, which is harmless.
const DATAGRAM: usize = 16 * 1024;
/// So that a machine that announces without end still lets us look.
const AT_ONCE: usize = 4096;

pub struct Kernel {
    /// Of the `route:` sources. Other routes are a BGP router's daily business and wake nobody.
    targets: Vec<RouteTarget>,
    buffer: Vec<u8>,
}

impl Kernel {
    pub fn new(targets: Vec<RouteTarget>) -> Kernel {
        Kernel { targets, buffer: vec![0; DATAGRAM] }
    }
}

impl Announcements for Kernel {
    const NAME: &'static str = "changes of addresses, links and routes";

    fn open(&mut self) -> io::Result<OwnedFd> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        // No protocol means 0, which is NETLINK_ROUTE.
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
        // Beyond the system's limit only with CAP_NET_ADMIN; a smaller buffer means an overrun earlier, nothing worse.
        if sockopt::set_socket_recv_buffer_size_force(&socket, BUFFER).is_err() {
            sockopt::set_socket_recv_buffer_size(&socket, BUFFER)?;
        }
        let routes = if self.targets.is_empty() { 0 } else { IPV4_ROUTES | IPV4_RULES };
        bind(&socket, &SocketAddrNetlink::new(0, LINKS | IPV4_ADDRESSES | routes))?;
        Ok(socket)
    }

    fn drain(&mut self, socket: &OwnedFd) -> io::Result<Drained> {
        let mut drained = Drained::default();
        for _ in 0..AT_ONCE {
            match recv(socket, self.buffer.as_mut_slice(), RecvFlags::DONTWAIT) {
                Ok((0, _)) => return Err(io::Error::other("the kernel closed the socket")),
                Ok((length, _)) => drained.relevant |= concerns(&self.buffer[..length], &self.targets),
                Err(Errno::NOBUFS) => drained.overrun = true,
                Err(Errno::AGAIN) => return Ok(drained),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        drained.more = true;
        Ok(drained)
    }
}

/// Whether any of the messages in a datagram can change an answer of ours. What can't be understood concerns us.
fn concerns(datagram: &[u8], targets: &[RouteTarget]) -> bool {
    const HEADER: usize = 16;
    let mut rest = datagram;
    while rest.len() >= HEADER {
        let length = u32::from_ne_bytes([rest[0], rest[1], rest[2], rest[3]]) as usize;
        let kind = u16::from_ne_bytes([rest[4], rest[5]]);
        if length < HEADER || length > rest.len() {
            return true;
        }
        let relevant = match kind {
            NEW_ROUTE | DELETED_ROUTE => concerns_route(&rest[HEADER..length], targets),
            kind => kind >= FIRST_RTNETLINK,
        };
        if relevant {
            return true;
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    false
}

/// A route that covers no target of ours does not decide how we get there. The message is `struct rtmsg` (12 bytes, the
/// prefix length in the second) and attributes, RTA_DST among them unless it is the default route.
fn concerns_route(message: &[u8], targets: &[RouteTarget]) -> bool {
    const RTMSG: usize = 12;
    const RTA_DST: u16 = 1;
    let Some((&length, attributes)) = message.get(1).zip(message.get(RTMSG..)) else { return true };
    let destination = netlink::attributes(attributes).find(|(kind, _)| *kind == RTA_DST);
    let octets: Option<&[u8; 4]> = destination.and_then(|(_, value)| value.first_chunk());
    let network = octets.map_or(Ipv4Addr::UNSPECIFIED, |octets| Ipv4Addr::from(*octets));
    let covering = Prefix { network, length: length.min(32) };
    targets.iter().any(|target| match target {
        RouteTarget::Address(address) => covering.contains(*address),
        // Its address is the cloud's to tell; any route may be the one.
        RouteTarget::VpnGateway => true,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn message(kind: u16, payload: &[u8]) -> Vec<u8> {
        let length = 16 + payload.len();
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&u32::try_from(length).unwrap().to_ne_bytes());
        bytes.extend_from_slice(&kind.to_ne_bytes());
        bytes.resize(16, 0);
        bytes.extend_from_slice(payload);
        bytes.resize(length.next_multiple_of(4), 0);
        bytes
    }

    fn route(destination: Option<Ipv4Addr>, length: u8) -> Vec<u8> {
        let mut payload = vec![0; 12];
        payload[1] = length;
        // RTA_TABLE first, as the kernel writes it.
        payload.extend([8, 0, 15, 0].map(|byte: u8| byte));
        payload.extend([254, 0, 0, 0]);
        if let Some(destination) = destination {
            payload.extend(8u16.to_ne_bytes());
            payload.extend(1u16.to_ne_bytes());
            payload.extend(destination.octets());
        }
        message(NEW_ROUTE, &payload)
    }

    #[test]
    fn addresses_links_and_rules_concern_us() {
        for kind in [16, 17, 20, 21, 32, 33] {
            assert!(concerns(&message(kind, &[0; 8]), &[]), "{kind}");
        }
        for kind in [1, 2, 3] {
            assert!(!concerns(&message(kind, &[0; 8]), &[]), "{kind}");
        }
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn a_route_concerns_us_if_it_covers_a_target() {
        let target = RouteTarget::Address(Ipv4Addr::new(198, 51, 100, 9));
        let covering = route(Some(Ipv4Addr::new(198, 51, 100, 0)), 24);
        let other = route(Some(Ipv4Addr::new(10, 1, 0, 0)), 16);
        let default = route(None, 0);
        let targets = std::slice::from_ref(&target);
        assert!(concerns(&covering, targets) && concerns(&default, targets) && !concerns(&other, targets));
        assert!(concerns(&other, &[RouteTarget::VpnGateway]));
        assert!(!concerns(&default, &[]));
        assert!(concerns(&[other, covering].concat(), targets), "the second message of a datagram counts too");
    }

    #[test]
    fn what_is_cut_or_garbled_concerns_us() {
        let target = [RouteTarget::VpnGateway];
        assert!(concerns(&message(NEW_ROUTE, &[0; 4]), &target));
        let mut cut = message(20, &[0; 40]);
        cut.truncate(30);
        assert!(concerns(&cut, &[]));
        let mut none = message(20, &[0; 8]);
        none[..4].copy_from_slice(&0u32.to_ne_bytes());
        assert!(concerns(&none, &[]));
    }
}
