//! Replacing a customer gateway: from what is wanted and what is there to a plan, and from a plan, the journal and a reading to
//! the next thing to do.
//!
//! ```text
//!  wanted, inventory ─► subjects ─► snapshot ─► draft ─► gates ─┬─► refused, named
//!                                                               └─► the plan in the journal
//!  plan, journal, reading, now ─► next ─► send | look again | proven | stop
//! ```
//!
//! The plan is made once. After any crash the next step follows from the plan, from what the journal says of it and from a
//! reading. A plan that is given up at a safe point is followed by a new one, made from what is there then.

mod before;
pub mod body;
mod earlier;
pub mod gates;
pub mod next;
mod outline;
mod rollback;
mod safe_point;
mod stages;
mod words;

pub use before::{Demand, demand, half_in_use, named, not_asked_for, seen_at_work, tunnels_at};
pub use earlier::moved_before;
pub use gates::{AT_THE_BEGINNING, Case, Evidence, NotTried, SNAPSHOT_READABLE, gates, opens_by_itself, refused_later};
pub use outline::{is_shown, listed, outline};
pub use rollback::{KEPT, back_lanes, leaves_nothing_behind};
pub use safe_point::{Gap, Unsafe, gaps, made_anew, made_whole, may_change_still, what_is_unsafe, what_stays};
pub use words::{as_planned, auto_config_route, describe, interruption, losses, rewrites};

use super::ownership::Ownership;
use super::{Desired, Owner, Strategy};
use crate::facts::ranges;
use crate::model::{
    Attachment, CustomerGateway, GatewayRef, Inventory, IpsecConnection, Op, Order, ReplacementPlan, Slot, Snapshot, Target, Worked,
};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

pub use crate::facts::names::TAG_PLAN as MARK_PLAN;

/// The customer gateways that a replacement is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subjects {
    /// Ours, with another address or ASN than the wanted.
    pub old: Vec<CustomerGateway>,
    /// Ours, as wanted: left by a replacement that was given up, or what the device comes back to.
    pub new: Option<CustomerGateway>,
    /// Nobody's, as wanted.
    pub adoptable: Option<CustomerGateway>,
    /// Where tunnels wait, left by a replacement that was given up.
    pub temporary: Option<CustomerGateway>,
}

/// How a person or the configuration wants it done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manner {
    pub order: Order,
    /// Delete and make again also what could be pointed elsewhere in place.
    pub recreate: bool,
    pub planned: bool,
    /// A person agreed that what exists is deleted before anything proves that the new customer gateway can be made.
    pub unproven: bool,
    pub rollback: bool,
    pub recheck_ms: u64,
    pub verify_ms: u64,
}

/// The plain way.
impl Default for Manner {
    fn default() -> Manner {
        Manner {
            order: Order::NewFirst,
            recreate: false,
            planned: false,
            unproven: false,
            rollback: true,
            recheck_ms: 60_000,
            verify_ms: 300_000,
        }
    }
}

impl Subjects {
    pub fn find(desired: &Desired, inventory: &Inventory) -> Subjects {
        let gateways = &inventory.customer_gateways;
        let ours = gateways.iter().filter(|gateway| desired.owner.ownership(gateway) == Ownership::Ours);
        let (mut new, mut old, mut temporary) = (None, Vec::new(), None);
        for gateway in ours {
            if is_as_wanted(gateway, desired) {
                new = Some(gateway.clone());
            } else if is_temporary(gateway) && gateway.ip != desired.ip {
                temporary = Some(gateway.clone());
            } else {
                old.push(gateway.clone());
            }
        }
        let unmarked =
            |gateway: &&CustomerGateway| is_as_wanted(gateway, desired) && desired.owner.ownership(gateway) == Ownership::Unmarked;
        Subjects { old, new, adoptable: gateways.iter().find(unmarked).cloned(), temporary }
    }

    /// Every customer gateway whose tunnels are to be moved.
    pub fn moved(&self) -> impl Iterator<Item = &CustomerGateway> {
        self.old.iter().chain(&self.temporary)
    }

    pub fn moves(&self, connection: &IpsecConnection) -> bool {
        self.moved().any(|gateway| connection.refers_to(&gateway.id))
    }

    /// Whether the wanted address is held by one of ours with another ASN: the cloud refuses a second one (cloud/api.md 1.3).
    pub fn holds_address(&self, ip: Ipv4Addr) -> bool {
        self.old.iter().any(|gateway| gateway.ip == ip)
    }
}

/// Address and ASN are as wanted. Without a `[bgp]` table the ASN is not ours to judge.
pub fn is_as_wanted(gateway: &CustomerGateway, desired: &Desired) -> bool {
    gateway.ip == desired.ip && desired.asn.is_none_or(|asn| gateway.asn == Some(asn))
}

/// Made by a replacement to wait at: it bears a plan's mark and a documentation address.
pub fn is_temporary(gateway: &CustomerGateway) -> bool {
    gateway.tags.contains_key(MARK_PLAN) && ranges::is_documentation(gateway.ip) && gateway.name.ends_with(TEMPORARY)
}

/// How the name of a temporary customer gateway ends.
pub const TEMPORARY: &str = "(temporary)";

/// The plan, as a value: nothing is written, nothing asked. `remembered`: what worked when the device was last seen at work.
pub fn draft(
    id: &str,
    desired: &Desired,
    subjects: &Subjects,
    snapshot: &Snapshot,
    inventory: &Inventory,
    manner: Manner,
    remembered: &Worked,
) -> ReplacementPlan {
    let new = Target { ip: desired.ip, asn: wanted_asn(desired, subjects), id: subjects.new.as_ref().map(|new| new.id.clone()) };
    let mut plan = ReplacementPlan {
        id: id.to_owned(),
        device: desired.owner.device.clone(),
        region: desired.region.clone(),
        old: subjects.old.iter().map(|old| GatewayRef { id: old.id.clone(), ip: old.ip, asn: old.asn }).collect(),
        new,
        temporary: None,
        order: manner.order,
        planned: manner.planned,
        rollback: manner.rollback,
        recheck_ms: manner.recheck_ms,
        verify_ms: manner.verify_ms,
        worked: before::worked(subjects, snapshot, remembered),
        moved_before: Vec::new(),
        stages: Vec::new(),
        words: BTreeMap::new(),
    };
    let waits = stages::needs_a_place_to_wait(&plan, snapshot, subjects, manner);
    if let Some(temporary) = &subjects.temporary {
        plan.temporary = Some(Target { ip: temporary.ip, asn: temporary.asn, id: Some(temporary.id.clone()) });
    } else if waits {
        plan.temporary = Some(Target { ip: free_documentation_address(id, inventory), asn: plan.new.asn, id: None });
    }
    plan.stages = stages::stages(&plan, subjects, snapshot, manner, waits);
    plan.words = words::of_plan(&plan, snapshot);
    plan
}

/// Without a `[bgp]` table the old one's ASN carries over.
fn wanted_asn(desired: &Desired, subjects: &Subjects) -> Option<crate::model::Asn> {
    desired.asn.or_else(|| subjects.old.first().and_then(|old| old.asn))
}

/// The cloud's own example has such an address, so it takes one; no device answers there.
fn free_documentation_address(id: &str, inventory: &Inventory) -> Ipv4Addr {
    let start = id.bytes().fold(0u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
    let taken = |ip: &Ipv4Addr| inventory.customer_gateways.iter().any(|gateway| gateway.ip == *ip);
    let address = |offset: u32| Ipv4Addr::new(192, 0, 2, u8::try_from(1 + (start.wrapping_add(offset)) % 254).unwrap_or(1));
    (0..254).map(address).find(|ip| !taken(ip)).unwrap_or(address(0))
}

/// Whether the documented order, taken on a person's word, makes no customer gateway before something goes, and this plan does. What
/// cannot be deleted waits at a temporary one in that order too.
pub fn could_make_none_first(plan: &ReplacementPlan) -> bool {
    let waits = |op: &Op| matches!(op, Op::RebindTunnel { to: Slot::Temporary, .. } | Op::RebindConnection { to: Slot::Temporary, .. });
    !plan.old.is_empty() && (plan.order == Order::NewFirst || plan.temporary.is_some() && !plan.steps().any(|step| waits(&step.op)))
}

/// How a connection comes to refer to another customer gateway, and why so (product.md 4).
pub fn strategy(connection: &IpsecConnection, recreate: bool, is_ours: impl Fn(&str) -> bool) -> (Strategy, &'static str) {
    let shared = connection.tunnels.iter().any(|tunnel| !is_ours(&tunnel.customer_gateway_id));
    match (&connection.attachment, connection.is_dual()) {
        (Attachment::VpnGateway(_), false) => {
            (Strategy::Recreate, "a single-tunnel connection on a VPN gateway cannot be pointed at another customer gateway")
        }
        (_, false) => (Strategy::Rebind, "the cloud no longer lets a single-tunnel attachment be created, so it is pointed there in place"),
        (_, true) if recreate && shared => (Strategy::Rebind, "its other tunnel belongs to somebody else, so it is never deleted"),
        (_, true) if recreate && connection.cross_account => {
            (Strategy::Rebind, "another account's transit router uses it, so it is never deleted")
        }
        (_, true) if recreate => (Strategy::Recreate, "the configuration or the documented order wants it made again"),
        (_, true) => (Strategy::Rebind, "its tunnels can be pointed at another customer gateway in place, one after the other"),
    }
}

/// Whether a connection is deleted and made again, and not pointed elsewhere in place.
pub fn is_made_again(connection: &IpsecConnection, subjects: &Subjects, manner: Manner) -> bool {
    let recreate = manner.recreate || manner.order == Order::Documented;
    let is_ours = |id: &str| subjects.moved().any(|gateway| gateway.id == id);
    strategy(connection, recreate, is_ours).0 == Strategy::Recreate
}

/// Who may be touched at all.
pub fn is_foreign(owner: &Owner, gateway: &CustomerGateway) -> bool {
    matches!(owner.ownership(gateway), Ownership::Foreign(_))
}
