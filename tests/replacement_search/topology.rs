//! Where a replacement begins, what is wanted, and how it has to end.

use super::seed;
use cgwd::model::{Asn, Order, Tags};
use cgwd::plan::replacement::Manner;
use cgwd::plan::{Desired, Owner};
use cgwd::simulator::Seed;
use cgwd::simulator::objects::CustomerGateway;
use std::net::Ipv4Addr;

pub const REGION: &str = "cn-hangzhou";
pub const DEVICE: &str = "box-1";
pub const DEVICE_ID: &str = "0123456789abcdef0123456789abcdef";
pub const OLD: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 7);
pub const NEW: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 8);
/// Where the device goes if it moves again.
pub const NEXT: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 9);
pub const ASN: u32 = 65_001;
pub const NEW_ASN: u32 = 65_002;
pub const OLD_GATEWAY: &str = "cgw-old";
pub const FOREIGN_GATEWAY: &str = "cgw-other";

/// A connection behind the customer gateway that is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Single-tunnel on a VPN gateway, with a destination route and a policy route.
    Single,
    /// Dual-tunnel on a VPN gateway, with a destination route.
    Dual,
    /// Dual-tunnel on a VPN gateway, its other tunnel on somebody else's customer gateway.
    Shared,
    /// Dual-tunnel with BGP.
    Bgp,
    /// Dual-tunnel on a transit router, with a route, an association and a propagation.
    Router,
    /// Single-tunnel on a transit router.
    Legacy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Address,
    Asn,
}

/// How the replacement is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Plain,
    /// The documented order: the quota is full.
    Documented,
    /// Delete and make again what could be pointed elsewhere.
    Recreate,
    Planned,
}

/// Where the device answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At the new address alone.
    Moved,
    /// At both.
    Both,
    /// At the old address alone.
    Stayed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Done,
    /// Nothing comes up at the new address: everything is as it was.
    RolledBack,
    /// This gate refuses, and nothing is ever written.
    Refused(&'static str),
}

/// What is there besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Besides {
    Nothing,
    /// Twelve customer gateways of others, and connections on some of them.
    Crowd,
    /// A customer gateway with the new address and ASN that nobody owns.
    Adoptable,
    /// One of another device's with the new address.
    Foreign,
    /// Of each dual-tunnel connection the device has the first tunnel alone.
    OneTunnel,
    /// A field of the connection that nobody knows is not to be expressed in a seed: its pre-shared key is masked, and no key was supplied.
    Masked,
}

pub struct Topology {
    pub name: &'static str,
    pub parts: &'static [Part],
    pub change: Change,
    pub way: Way,
    pub place: Place,
    pub besides: Besides,
    pub end: End,
}

const SINGLE: Topology = Topology {
    name: "single",
    parts: &[Part::Single],
    change: Change::Address,
    way: Way::Plain,
    place: Place::Moved,
    besides: Besides::Nothing,
    end: End::Done,
};
const DUAL: Topology = Topology { name: "dual", parts: &[Part::Dual], ..SINGLE };

pub const ALL: &[Topology] = &[
    SINGLE,
    DUAL,
    Topology { name: "shared", parts: &[Part::Shared], ..SINGLE },
    Topology { name: "bgp", parts: &[Part::Bgp], ..SINGLE },
    Topology { name: "router", parts: &[Part::Router], ..SINGLE },
    Topology { name: "legacy", parts: &[Part::Legacy], ..SINGLE },
    Topology { name: "mixed", parts: &[Part::Single, Part::Dual, Part::Router, Part::Legacy], besides: Besides::Crowd, ..SINGLE },
    Topology { name: "asn", parts: &[Part::Dual], change: Change::Asn, way: Way::Planned, place: Place::Stayed, ..SINGLE },
    Topology { name: "asn-single", parts: &[Part::Single], change: Change::Asn, way: Way::Planned, place: Place::Stayed, ..SINGLE },
    Topology { name: "documented", way: Way::Documented, ..SINGLE },
    Topology { name: "documented-shared", parts: &[Part::Shared], way: Way::Documented, ..SINGLE },
    Topology { name: "planned", way: Way::Planned, place: Place::Both, ..DUAL },
    Topology { name: "dual-again", way: Way::Recreate, ..DUAL },
    Topology { name: "router-again", parts: &[Part::Router], way: Way::Recreate, ..SINGLE },
    Topology { name: "adopt", besides: Besides::Adoptable, ..DUAL },
    Topology { name: "half", besides: Besides::OneTunnel, ..DUAL },
    Topology { name: "half-planned", way: Way::Planned, place: Place::Both, besides: Besides::OneTunnel, ..DUAL },
    Topology { name: "empty", parts: &[], ..SINGLE },
    Topology { name: "back", way: Way::Planned, place: Place::Stayed, end: End::RolledBack, ..DUAL },
    Topology { name: "back-legacy", parts: &[Part::Legacy], way: Way::Planned, place: Place::Stayed, end: End::RolledBack, ..SINGLE },
    Topology { name: "back-half", way: Way::Planned, place: Place::Stayed, besides: Besides::OneTunnel, end: End::RolledBack, ..DUAL },
    Topology { name: "working", place: Place::Both, end: End::Refused("working_tunnel"), ..DUAL },
    Topology { name: "working-single", place: Place::Both, end: End::Refused("working_tunnel"), ..SINGLE },
    Topology { name: "unplanned-asn", change: Change::Asn, end: End::Refused("planned"), ..DUAL },
    Topology { name: "foreign", besides: Besides::Foreign, end: End::Refused("owner"), ..DUAL },
    Topology { name: "masked", besides: Besides::Masked, end: End::Refused("snapshot"), ..SINGLE },
];

pub fn named(name: &str) -> Option<&'static Topology> {
    ALL.iter().find(|topology| topology.name == name)
}

pub fn owner() -> Owner {
    Owner { device: DEVICE.to_owned(), id: DEVICE_ID.to_owned(), epoch: 1 }
}

/// Whether this customer gateway bears our mark.
pub fn is_ours(gateway: &CustomerGateway) -> bool {
    let tag = |key: &str| gateway.tags.get(key);
    tag("cgwd-device").is_some_and(|device| device == DEVICE) && tag("cgwd-owner").is_some_and(|owner| owner.starts_with(DEVICE_ID))
}

impl Part {
    pub fn id(self) -> &'static str {
        match self {
            Part::Single => "vco-single",
            Part::Dual => "vco-dual",
            Part::Shared => "vco-shared",
            Part::Bgp => "vco-bgp",
            Part::Router => "vco-router",
            Part::Legacy => "vco-legacy",
        }
    }
}

impl Topology {
    pub fn seed(&self) -> Seed {
        Seed::parse(&seed::of(self).to_string()).expect("the topology's seed is valid")
    }

    /// The address and the ASN that are wanted at first.
    pub fn wanted(&self) -> (Ipv4Addr, u32) {
        match self.change {
            Change::Address => (NEW, ASN),
            Change::Asn => (OLD, NEW_ASN),
        }
    }

    pub fn is_planned(&self) -> bool {
        self.way == Way::Planned
    }

    pub fn manner(&self) -> Manner {
        Manner {
            order: if self.way == Way::Documented { Order::Documented } else { Order::NewFirst },
            recreate: self.way == Way::Recreate,
            planned: self.is_planned(),
            // Each look at a tunnel that stays down tells the same: a minute has enough of them.
            verify_ms: 60_000,
            ..Manner::default()
        }
    }
}

/// What the customer gateway is to say.
pub fn desired((ip, asn): (Ipv4Addr, u32)) -> Desired {
    Desired {
        owner: owner(),
        region: REGION.to_owned(),
        ip,
        asn: Asn::new(asn),
        name: None,
        description: None,
        resource_group: None,
        tags: Tags::new(),
    }
}
