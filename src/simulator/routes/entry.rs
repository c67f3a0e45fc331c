//! Route entries as values.

use crate::model::Timestamp;
use crate::simulator::objects::{Connection, Pending};

#[derive(Clone, Debug, PartialEq)]
pub struct RouteEntry {
    pub kind: RouteKind,
    pub destination: String,
    /// The connection's id; after the deletion of the connection it may lead nowhere.
    pub next_hop: String,
    /// 100 (active) or 0 (standby).
    pub weight: i64,
    /// Told by the reply to its creation and by no Describe call (cloud/api.md 1.2).
    pub description: String,
    /// Told by the reply to its creation and by no Describe call (cloud/api.md 1.2).
    pub overlay_mode: String,
    /// `normal`, or `published` to the VPC's system route table.
    pub state: String,
    pub pending: Option<Pending>,
    pub created: Timestamp,
    /// Where it came in by BGP.
    pub learnt: Option<Learnt>,
}

/// Where a route lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteKind {
    Destination {
        vpn_gateway: String,
    },
    Policy {
        vpn_gateway: String,
        source: String,
        priority: i64,
    },
    /// In its next hop, a connection on a transit router.
    Connection,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Learnt {
    pub source: String,
    pub as_path: String,
    pub community: String,
}

pub const NORMAL: &str = "normal";
pub const PUBLISHED: &str = "published";

pub fn state(published: bool) -> &'static str {
    if published { PUBLISHED } else { NORMAL }
}

impl RouteEntry {
    pub fn vpn_gateway(&self) -> Option<&str> {
        match &self.kind {
            RouteKind::Destination { vpn_gateway } | RouteKind::Policy { vpn_gateway, .. } => Some(vpn_gateway),
            RouteKind::Connection => None,
        }
    }

    pub fn is_destination_on(&self, gateway: &str) -> bool {
        matches!(&self.kind, RouteKind::Destination { vpn_gateway } if vpn_gateway == gateway)
    }

    pub fn is_policy_on(&self, gateway: &str) -> bool {
        matches!(&self.kind, RouteKind::Policy { vpn_gateway, .. } if vpn_gateway == gateway)
    }

    pub fn is_of(&self, connection: &str) -> bool {
        self.kind == RouteKind::Connection && self.next_hop == connection
    }

    /// The source of a policy route.
    pub fn source(&self) -> Option<&str> {
        match &self.kind {
            RouteKind::Policy { source, .. } => Some(source),
            RouteKind::Destination { .. } | RouteKind::Connection => None,
        }
    }

    /// `custom` or `bgp`.
    pub fn entry_type(&self) -> &'static str {
        if self.learnt.is_some() { "bgp" } else { "custom" }
    }

    /// Whether both cannot exist together. What the cloud compares is not documented; ours is all but weight and priority.
    pub fn clashes_with(&self, other: &RouteEntry) -> bool {
        let same_place = match (&self.kind, &other.kind) {
            (RouteKind::Policy { source: one, .. }, RouteKind::Policy { source: two, .. }) => one == two,
            (RouteKind::Destination { .. }, RouteKind::Destination { .. }) | (RouteKind::Connection, RouteKind::Connection) => true,
            _ => false,
        };
        same_place
            && self.vpn_gateway() == other.vpn_gateway()
            && (&self.destination, &self.next_hop, self.entry_type()) == (&other.destination, &other.next_hop, other.entry_type())
    }
}

/// The tunnels that a route over this connection may take; none for a single-tunnel one.
pub fn tunnel_ids(next_hop: Option<&Connection>) -> Vec<&str> {
    next_hop.map_or_else(Vec::new, |connection| connection.tunnels.iter().map(|tunnel| tunnel.id.as_str()).collect())
}
