//! `route:TARGET`: the source address that the kernel would use towards a target. Connecting a UDP socket makes the
//! kernel choose; no packet is sent.

use crate::model::{Observation, RouteTarget};
use std::io;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};

/// IKE's own port, so that policy routing by port decides as it would for IKE.
const IKE: u16 = 500;

pub fn read(target: &RouteTarget, cloud_addresses: &[Ipv4Addr]) -> Observation<IpAddr> {
    match target {
        RouteTarget::Address(target) => towards(std::slice::from_ref(target)),
        RouteTarget::VpnGateway if cloud_addresses.is_empty() => {
            Observation::Unknown("the cloud's own address of the configured connections is not known yet".to_owned())
        }
        RouteTarget::VpnGateway => towards(cloud_addresses),
    }
}

/// One source address for all targets that have a route. Two tunnels that would leave from two addresses are a
/// conflict: one customer gateway can't be both.
fn towards(targets: &[Ipv4Addr]) -> Observation<IpAddr> {
    let mut found: Vec<IpAddr> = Vec::new();
    let mut refused: Option<String> = None;
    for target in targets {
        match source_towards(*target) {
            Ok(address) if found.contains(&address) => {}
            Ok(address) => found.push(address),
            Err(error) => refused = Some(reason(*target, &error)),
        }
    }
    match (found.as_slice(), refused) {
        ([address], _) => Observation::Known(*address),
        ([], Some(reason)) => Observation::Unknown(reason),
        ([], None) => Observation::Unknown("there is no target to look up".to_owned()),
        _ => Observation::Conflicting(found),
    }
}

fn source_towards(target: Ipv4Addr) -> io::Result<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.connect((target, IKE))?;
    let address = socket.local_addr()?.ip();
    if address.is_unspecified() {
        return Err(io::Error::other("the kernel named no source address"));
    }
    Ok(address)
}

fn reason(target: Ipv4Addr, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => format!("there is no route to {target}"),
        _ => format!("could not look up the route to {target}: {error}"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_reached_from_loopback() {
        let target = Ipv4Addr::new(127, 0, 0, 53);
        assert_eq!(read(&RouteTarget::Address(target), &[]), Observation::Known(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        assert_eq!(read(&RouteTarget::VpnGateway, &[target, target]), Observation::Known(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    }

    #[test]
    fn an_unknown_cloud_side_is_unknown_and_says_so() {
        let Observation::Unknown(reason) = read(&RouteTarget::VpnGateway, &[]) else { panic!("a reading out of nothing") };
        assert!(reason.contains("not known yet"), "{reason}");
    }
}
