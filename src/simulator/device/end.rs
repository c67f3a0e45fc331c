//! One end of a tunnel as the cloud has it configured: of a dual-tunnel connection, or of a single-tunnel one.

use crate::simulator::objects::{Bgp, Carrier, Connection, CustomerGateway, Ike, Ipsec, Objects, Tunnel};
use std::hash::{DefaultHasher, Hash, Hasher};

#[derive(Clone, Copy)]
pub struct End<'a> {
    /// The tunnel's, or the single-tunnel connection's.
    pub id: &'a str,
    pub connection: &'a Connection,
    /// 1 or 2; 0 of a single-tunnel connection.
    pub index: u8,
    pub customer_gateway: &'a str,
    /// `None` where it is gone.
    pub customer: Option<&'a CustomerGateway>,
    pub internet_ip: &'a str,
    pub ike: &'a Ike,
    pub ipsec: &'a Ipsec,
    pub bgp: &'a Bgp,
    pub state: &'a str,
    pub status: &'a str,
}

/// Every one there is, in the order of the connections.
pub fn ends(objects: &Objects) -> impl Iterator<Item = End<'_>> {
    objects.connections.iter().flat_map(move |connection| {
        let single = (!connection.is_dual()).then(|| End::of_single(objects, connection));
        connection.tunnels.iter().map(move |tunnel| End::of_tunnel(objects, connection, tunnel)).chain(single)
    })
}

impl<'a> End<'a> {
    pub fn of_tunnel(objects: &'a Objects, connection: &'a Connection, tunnel: &'a Tunnel) -> End<'a> {
        End {
            id: &tunnel.id,
            connection,
            index: tunnel.index,
            customer_gateway: &tunnel.customer_gateway,
            customer: objects.customer_gateway(&tunnel.customer_gateway),
            internet_ip: &tunnel.internet_ip,
            ike: &tunnel.ike,
            ipsec: &tunnel.ipsec,
            bgp: &tunnel.bgp,
            state: &tunnel.state,
            status: &tunnel.status,
        }
    }

    pub fn of_single(objects: &'a Objects, connection: &'a Connection) -> End<'a> {
        let carriers = connection.vpn_gateway().and_then(|id| objects.vpn_gateway(id));
        End {
            id: &connection.id,
            connection,
            index: 0,
            customer_gateway: &connection.customer_gateway,
            customer: objects.customer_gateway(&connection.customer_gateway),
            internet_ip: carriers.map_or(&connection.internet_ip, |gateway| &gateway.internet_ip),
            ike: &connection.ike,
            ipsec: &connection.ipsec,
            bgp: &connection.bgp,
            state: &connection.state,
            status: &connection.status,
        }
    }

    /// Changes with everything that makes both ends negotiate anew.
    pub(super) fn print(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        let Bgp { enable_bgp, local_asn, tunnel_cidr, local_bgp_ip, .. } = self.bgp;
        (self.customer_gateway, self.internet_ip, self.ike, self.ipsec).hash(&mut hasher);
        (enable_bgp, local_asn, tunnel_cidr, local_bgp_ip).hash(&mut hasher);
        hasher.finish()
    }

    /// Whether its configuration is in force, and not just being rolled out.
    pub(super) fn rests(&self) -> bool {
        let on_the_way = ["provisioning", "attaching", "detaching", "init"].contains(&self.connection.state.as_str());
        !on_the_way && ["active", "attached"].contains(&self.state)
    }

    /// What the cloud calls itself; the default where nothing was sent (cloud/api.md 2.7).
    pub fn local_id(&self) -> &'a str {
        if self.ike.local_id.is_empty() { self.internet_ip } else { &self.ike.local_id }
    }

    /// What a connection has to be like to take a deleted one's place.
    pub(super) fn place(&self) -> String {
        let carrier = match &self.connection.carrier {
            Carrier::VpnGateway(id) => id,
            // The cloud gives a connection of a transit router new addresses: no other takes its place.
            Carrier::TransitRouter(_) | Carrier::Unbound => &self.connection.id,
        };
        let Connection { local_subnet, remote_subnet, .. } = self.connection;
        format!("{carrier} {} {local_subnet} {remote_subnet}", self.index)
    }
}
