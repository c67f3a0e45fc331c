//! The next thing to do about one step, from the plan, the journal, a reading and the time. Pure and total.

use super::MARK_PLAN;
use super::body::{Addresses, rebound_connection, rebound_tunnel, recreated, tunnel, tunnels, unlike};
use crate::facts::connection_fields::INHERITED;
use crate::facts::states::{ATTACHED, BGP_UP, CONNECTION_READY, HEALTH_BAD, NEGOTIATED, TUNNEL_READY, VPN_GATEWAY_READY};
use crate::journal::replay::{PendingWrite, ReplacementProgress, Sending, StepProgress};
use crate::model::{
    Attachment, ConnectionRoute, ConnectionSnapshot, CustomerGateway, DestinationRoute, IpsecConnection, Op, PlannedStep, PolicyRoute,
    ReplacementPlan, RouterAttachment, Slot, Snapshot, Stopped, Tags, Verbatim,
};
use crate::plan::ownership::{Ownership, is_the_users};
use crate::plan::pending::{ABSENT_TWICE, LATE_EFFECT};
use crate::plan::{Now, Owner};
use jiff::SignedDuration;
use serde_json::Value;

/// After the cloud said that it was done, so long for a reading to show it. Lists lag by a minute at most as far as anybody has
/// seen; bindings to a transit router take up to 17 minutes (cloud/api.md 4.1).
const SHOWN_WITHIN: SignedDuration = SignedDuration::from_mins(30);
/// So often what was accepted and did not come about is sent anew.
const MOST_UNDONE: u32 = 3;
/// Why a replacement stops where somebody deleted what was made again.
const MADE_GONE: &str = "made_gone";

/// So long the effect of a call is looked for every few seconds.
const OFTEN: SignedDuration = SignedDuration::from_mins(1);

/// What a step is judged by, besides the reading.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub progress: &'a ReplacementProgress,
    pub snapshot: &'a Snapshot,
    pub owner: &'a Owner,
}

/// What a step has to be read for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    Connection(String),
    VpnGateway(String),
    CustomerGateways,
    CustomerGateway(String),
    Routes(String),
    Policies(String),
    ConnectionRoutes(String),
    /// Transit router and connection.
    Attachment(String, String),
    Connections,
}

/// A reading: what was asked for is `Some`, and what the cloud says does not exist is `None` in there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reads {
    pub connection: Option<Option<(IpsecConnection, Verbatim)>>,
    /// `Status` of the VPN gateway.
    pub vpn_gateway: Option<String>,
    pub customer_gateways: Option<Vec<CustomerGateway>>,
    pub customer_gateway: Option<Option<CustomerGateway>>,
    pub routes: Option<Vec<DestinationRoute>>,
    pub policies: Option<Vec<PolicyRoute>>,
    pub connection_routes: Option<Vec<ConnectionRoute>>,
    pub attachment: Option<Option<RouterAttachment>>,
    pub connections: Option<Vec<IpsecConnection>>,
}

/// What a reading shows of a step's effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It is there; the id of what was made.
    Shown(Option<String>),
    /// It is there, and the cloud is still at work on it.
    Settling,
    Missing,
    /// Neither as before nor as meant: somebody else was here.
    Contradiction(Stopped),
}

/// What the process knows that does both, read and act.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// When this process first read what the step relies on as expected, in time since boot.
    pub agreed_since: Option<SignedDuration>,
    /// When this process first looked at the step, in time since boot.
    pub looking_since: SignedDuration,
    /// Since when every reading of this process has shown the effect, and since when none has.
    pub shown_since: Option<SignedDuration>,
    pub missing_since: Option<SignedDuration>,
    /// The device is no longer what the plan was made for; the text says what it is.
    pub changed: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Intent, call, outcome.
    Send,
    /// The same once more under the same token.
    Resend,
    /// The open write is resolved by looking.
    Conclude {
        intent: i64,
        found: Option<String>,
    },
    /// Its effect is shown: the step is over.
    Prove(Option<String>),
    /// What the cloud accepted did not come about, or is gone again: this step is done anew, under the next token.
    Undo(String),
    /// A tunnel gets its time to come up.
    BeginVerification,
    /// It did not come up in its time.
    NotVerified,
    /// What the step relies on was read as expected for the first time; the second reading is due then, in time since boot.
    Agreed(SignedDuration),
    /// At the latest then, in time since boot.
    LookAgain(SignedDuration),
    /// Then, in time since boot: nothing that is read before would change anything.
    Wait(SignedDuration),
    Stop(Stopped),
}

impl View<'_> {
    pub fn plan(&self) -> &ReplacementPlan {
        &self.progress.plan
    }

    /// The customer gateway in this slot, once it exists.
    pub fn gateway(&self, slot: &Slot) -> Option<String> {
        let (target, makes): (Option<&String>, fn(&Op) -> bool) = match slot {
            Slot::Old(id) => return Some(id.clone()),
            Slot::New => (self.plan().new.id.as_ref(), |op| matches!(op, Op::CreateGateway { slot: Slot::New } | Op::AdoptGateway { .. })),
            Slot::Temporary => (self.plan().temporary.as_ref().and_then(|temporary| temporary.id.as_ref()), |op| {
                matches!(op, Op::CreateGateway { slot: Slot::Temporary })
            }),
        };
        target.cloned().or_else(|| self.made_by(makes))
    }

    /// The id that a connection has now.
    pub fn connection_id(&self, original: &str) -> String {
        let makes = |op: &Op| matches!(op, Op::CreateConnection { connection } if connection == original);
        self.made_by(makes).unwrap_or_else(|| original.to_owned())
    }

    fn made_by(&self, makes: impl Fn(&Op) -> bool) -> Option<String> {
        let steps = self.plan().steps().filter(|step| makes(&step.op));
        steps.filter_map(|step| self.progress.steps.get(&step.id)).find_map(|step| step.id.clone())
    }

    fn addresses(&self, to: &Slot) -> Addresses {
        match to {
            Slot::New => Addresses::of(self.plan()),
            Slot::Temporary => Addresses::to_wait(self.plan()),
            Slot::Old(_) => Addresses::none(self.plan()),
        }
    }

    /// Where among the plan's customer gateways a tunnel is now, other than where it was.
    fn place(&self, gateway: &str) -> Option<Slot> {
        [Slot::New, Slot::Temporary].into_iter().find(|slot| self.gateway(slot).as_deref() == Some(gateway))
    }

    /// Customer gateways whose tunnels are ours to move.
    pub fn moved_ids(&self) -> Vec<String> {
        let temporary = self.plan().temporary.as_ref().and_then(|temporary| temporary.id.clone());
        self.plan().old.iter().map(|old| old.id.clone()).chain(temporary).collect()
    }

    /// Between the two readings that count.
    fn recheck(&self) -> SignedDuration {
        SignedDuration::from_millis(i64::try_from(self.plan().recheck_ms).unwrap_or(i64::MAX))
    }

    /// The mark by which a connection that this step makes is found.
    pub fn mark_of(&self, step: &PlannedStep) -> String {
        format!("{}.{}", self.plan().id, step.id)
    }

    fn snapshot_of(&self, op: &Op) -> Option<&ConnectionSnapshot> {
        op.connection().and_then(|id| self.snapshot.connection(id))
    }

    /// A tunnel as it is to be, bound as this step says.
    pub fn tunnel_bound(&self, connection: &str, index: u8, to: &Slot) -> Option<Value> {
        let before = tunnel(self.snapshot.connection(connection)?, index)?;
        let gateway = self.gateway(to)?;
        Some(rebound_tunnel(before, &gateway, &self.addresses(to)))
    }

    pub fn connection_bound(&self, connection: &str, to: &Slot) -> Option<Value> {
        let before = &self.snapshot.connection(connection)?.body.0;
        let gateway = self.gateway(to)?;
        Some(rebound_connection(before, &gateway, &self.addresses(to)))
    }

    pub fn connection_made_again(&self, connection: &str) -> Option<Value> {
        let gateway = self.gateway(&Slot::New)?;
        Some(recreated(self.snapshot.connection(connection)?, &self.moved_ids(), &gateway, &self.addresses(&Slot::New)))
    }
}

/// What has to be read to judge a step.
pub fn needs(view: &View<'_>, op: &Op) -> Vec<Need> {
    let snapshot = view.snapshot_of(op);
    let id = op.connection().map(|original| view.connection_id(original));
    let gateway = snapshot.and_then(|snapshot| match &snapshot.shape.attachment {
        Attachment::VpnGateway(id) => Some(id.clone()),
        Attachment::TransitRouter(_) | Attachment::Unbound => None,
    });
    let router = snapshot.and_then(|snapshot| snapshot.attachment.as_ref()).map(|attachment| attachment.transit_router.clone());
    let on_gateway = |need: fn(String) -> Need| gateway.clone().map(need);
    let of_connection = |need: fn(String) -> Need| id.clone().map(need);
    let attachment = || router.clone().zip(id.clone()).map(|(router, id)| Need::Attachment(router, id));
    let original = || op.connection().map(|original| Need::Connection(original.to_owned()));
    let old_attachment = || router.clone().zip(op.connection()).map(|(router, id)| Need::Attachment(router, id.to_owned()));
    let needs: Vec<Option<Need>> = match op {
        Op::CreateGateway { .. } => vec![Some(Need::CustomerGateways)],
        Op::AdoptGateway { id } => vec![Some(Need::CustomerGateway(id.clone()))],
        Op::DeleteGateway { id } => vec![Some(Need::CustomerGateway(id.clone())), Some(Need::Connections)],
        Op::DeleteMade { slot } => {
            vec![view.gateway(slot).map(Need::CustomerGateway), Some(Need::CustomerGateways), Some(Need::Connections)]
        }
        Op::UnmarkGateway => vec![view.gateway(&Slot::New).map(Need::CustomerGateway)],
        Op::RebindTunnel { .. } | Op::RebindConnection { .. } => vec![of_connection(Need::Connection), on_gateway(Need::VpnGateway)],
        Op::Verify { .. } | Op::UnmarkConnection { .. } => vec![of_connection(Need::Connection)],
        Op::DeleteRoute { .. } | Op::DeletePolicy { .. } => {
            vec![original(), on_gateway(Need::Routes), on_gateway(Need::Policies), on_gateway(Need::VpnGateway)]
        }
        Op::DeleteConnection { .. } => match gateway {
            Some(_) => vec![original(), on_gateway(Need::Routes), on_gateway(Need::Policies), on_gateway(Need::VpnGateway)],
            None => vec![original(), router.as_ref().and_then(|_| op.connection()).map(|id| Need::ConnectionRoutes(id.to_owned()))],
        },
        Op::Detach { .. } => vec![original(), old_attachment(), op.connection().map(|id| Need::ConnectionRoutes(id.to_owned()))],
        Op::CreateConnection { connection } => {
            let made = id.clone().filter(|id| id != connection).map(Need::Connection);
            vec![made.or(Some(Need::Connections)), on_gateway(Need::VpnGateway)]
        }
        Op::Attach { .. } => vec![attachment(), of_connection(Need::Connection)],
        Op::Associate { .. } | Op::Propagate { .. } => vec![attachment(), of_connection(Need::Connection)],
        Op::CreateRoute { .. } => vec![on_gateway(Need::Routes), on_gateway(Need::VpnGateway)],
        Op::CreatePolicy { .. } => vec![on_gateway(Need::Policies), on_gateway(Need::VpnGateway)],
        Op::CreateConnectionRoute { .. } => vec![of_connection(Need::ConnectionRoutes), of_connection(Need::Connection)],
    };
    needs.into_iter().flatten().collect()
}

/// What the reading shows of the step's effect.
pub fn effect(view: &View<'_>, step: &PlannedStep, reads: &Reads) -> Effect {
    if !is_ready(reads) {
        return Effect::Settling;
    }
    match &step.op {
        Op::CreateGateway { slot } => created_gateway(view, slot, reads),
        Op::AdoptGateway { id } => match reads.customer_gateway.as_ref().and_then(Option::as_ref) {
            Some(gateway) if view.owner.is_fully_marked(gateway) => Effect::Shown(Some(id.clone())),
            Some(gateway) if view.owner.ownership(gateway) == Ownership::Unmarked => Effect::Missing,
            Some(gateway) => contradiction("owner", format!("{} now bears another device's mark", gateway.id)),
            None => contradiction("gone", format!("customer gateway {id}, which was to be adopted, no longer exists")),
        },
        Op::UnmarkGateway => match reads.customer_gateway.as_ref().and_then(Option::as_ref) {
            Some(gateway) if gateway.tags.contains_key(MARK_PLAN) => Effect::Missing,
            Some(_) => Effect::Shown(None),
            // Reads lag, or somebody deletes what we have just made: looked at again, then told.
            None => Effect::Settling,
        },
        Op::DeleteGateway { .. } => match &reads.customer_gateway {
            Some(None) => Effect::Shown(None),
            Some(Some(_)) | None => Effect::Missing,
        },
        Op::DeleteMade { slot } => match made_gateways(view, slot, reads).is_empty() {
            true => Effect::Shown(None),
            false => Effect::Missing,
        },
        Op::RebindTunnel { connection, index, to } => bound_tunnel(view, connection, *index, to, reads),
        Op::RebindConnection { connection, to } => bound_connection(view, connection, to, reads),
        Op::DeleteRoute { connection, route } => {
            let wanted = view.snapshot.connection(connection).and_then(|snapshot| snapshot.routes.get(*route));
            let is_there = |routes: &Vec<DestinationRoute>| {
                wanted.is_some_and(|wanted| {
                    routes.iter().any(|route| route.next_hop == *connection && route.destination == wanted.destination)
                })
            };
            gone(reads.routes.as_ref().map(is_there), reads)
        }
        Op::DeletePolicy { connection, policy } => {
            let wanted = view.snapshot.connection(connection).and_then(|snapshot| snapshot.policies.get(*policy));
            let is_there = |policies: &Vec<PolicyRoute>| {
                wanted.is_some_and(|wanted| policies.iter().any(|policy| same_policy(policy, wanted, connection)))
            };
            gone(reads.policies.as_ref().map(is_there), reads)
        }
        Op::Detach { .. } => match (&reads.attachment, reads.connection.as_ref().and_then(Option::as_ref)) {
            (Some(None), None) => Effect::Shown(None),
            (Some(None), Some((shape, _)))
                if CONNECTION_READY.contains(&shape.state.as_str()) && shape.attachment == Attachment::Unbound =>
            {
                Effect::Shown(None)
            }
            (Some(None), Some(_)) => Effect::Settling,
            (Some(Some(attachment)), _) if attachment.status.eq_ignore_ascii_case(ATTACHED) => Effect::Missing,
            (Some(Some(_)), _) => Effect::Settling,
            (None, _) => Effect::Settling,
        },
        Op::DeleteConnection { .. } => match &reads.connection {
            Some(None) if is_ready(reads) => Effect::Shown(None),
            Some(None) => Effect::Settling,
            _ => Effect::Missing,
        },
        Op::CreateConnection { connection } => made_connection(view, step, connection, reads),
        Op::Attach { .. } => match (&reads.attachment, reads.connection.as_ref().and_then(Option::as_ref)) {
            (Some(Some(attachment)), Some((shape, _)))
                if attachment.status.eq_ignore_ascii_case(ATTACHED) && CONNECTION_READY.contains(&shape.state.as_str()) =>
            {
                Effect::Shown(Some(attachment.id.clone()))
            }
            (Some(Some(_)), _) => Effect::Settling,
            _ => Effect::Missing,
        },
        Op::Associate { table, .. } => listed(reads, |attachment| attachment.associations.contains(table)),
        Op::Propagate { table, .. } => listed(reads, |attachment| attachment.propagations.contains(table)),
        Op::CreateRoute { connection, route } => {
            let id = view.connection_id(connection);
            let wanted = view.snapshot.connection(connection).and_then(|snapshot| snapshot.routes.get(*route));
            let found = |routes: &Vec<DestinationRoute>| {
                let wanted = wanted?;
                let is_same = |route: &&DestinationRoute| route.next_hop == id && route.destination == wanted.destination;
                routes.iter().find(is_same).map(|route| route.weight == wanted.weight && route.published == wanted.published)
            };
            there(reads.routes.as_ref().and_then(found), reads)
        }
        Op::CreatePolicy { connection, policy } => {
            let id = view.connection_id(connection);
            let wanted = view.snapshot.connection(connection).and_then(|snapshot| snapshot.policies.get(*policy));
            let found = |policies: &Vec<PolicyRoute>| {
                let wanted = wanted?;
                let is_as_wanted = |policy: &PolicyRoute| {
                    policy.weight == wanted.weight && policy.published == wanted.published && policy.priority == wanted.priority
                };
                let same: Vec<&PolicyRoute> = policies.iter().filter(|policy| same_policy(policy, wanted, &id)).collect();
                (!same.is_empty()).then(|| same.iter().any(|policy| is_as_wanted(policy)))
            };
            there(reads.policies.as_ref().and_then(found), reads)
        }
        Op::CreateConnectionRoute { connection, route } => {
            let wanted = view.snapshot.connection(connection).and_then(|snapshot| snapshot.connection_routes.get(*route));
            let is_there = |routes: &Vec<ConnectionRoute>| wanted.is_some_and(|wanted| routes.iter().any(|route| route == wanted));
            let ready = reads
                .connection
                .as_ref()
                .and_then(Option::as_ref)
                .is_some_and(|(shape, _)| CONNECTION_READY.contains(&shape.state.as_str()));
            match reads.connection_routes.as_ref().map(is_there) {
                Some(true) if ready => Effect::Shown(None),
                Some(true) => Effect::Settling,
                _ => Effect::Missing,
            }
        }
        Op::UnmarkConnection { connection } => match reads.connection.as_ref().and_then(Option::as_ref) {
            Some((shape, _)) if shape.tags.contains_key(MARK_PLAN) && step.goes_back() => Effect::Missing,
            Some((shape, body)) if shape.tags.contains_key(MARK_PLAN) => came_out_as_it_was(view, connection, shape, body),
            Some(_) => Effect::Shown(None),
            None => Effect::Settling,
        },
        Op::Verify { connection, index } => match reads.connection.as_ref().and_then(Option::as_ref) {
            Some((shape, _)) if is_at_new(view, shape, *index) && works(shape, *index, tells_bgp(view, connection, *index)) => {
                Effect::Shown(None)
            }
            _ => Effect::Missing,
        },
    }
}

fn same_policy(policy: &PolicyRoute, wanted: &PolicyRoute, next_hop: &str) -> bool {
    policy.next_hop == next_hop && policy.source == wanted.source && policy.destination == wanted.destination
}

/// Where it is said to work: an older reading can show the tunnel as it was at the old customer gateway.
fn is_at_new(view: &View<'_>, shape: &IpsecConnection, index: u8) -> bool {
    let new = view.gateway(&Slot::New);
    match shape.tunnels.iter().find(|tunnel| tunnel.index == index) {
        Some(tunnel) => Some(&tunnel.customer_gateway_id) == new.as_ref() && (tunnel.state.is_empty() || tunnel.state == TUNNEL_READY),
        None => Some(&shape.customer_gateway_id) == new.as_ref() && CONNECTION_READY.contains(&shape.state.as_str()),
    }
}

/// Whether the cloud has told the state of BGP there before: then an empty one is no good news.
fn tells_bgp(view: &View<'_>, connection: &str, index: u8) -> bool {
    let Some(before) = view.snapshot.connection(connection) else { return false };
    match before.shape.tunnels.iter().find(|tunnel| tunnel.index == index) {
        Some(tunnel) => !tunnel.bgp_status.is_empty(),
        None => !before.shape.bgp_status.is_empty(),
    }
}

/// IPsec is up, and BGP where it is on and the cloud tells.
pub fn works(shape: &IpsecConnection, index: u8, tells_bgp: bool) -> bool {
    let bgp_is_up =
        |status: &str| !shape.bgp_enabled || status.is_empty() && !tells_bgp || BGP_UP.iter().any(|up| status.eq_ignore_ascii_case(up));
    if index == 0 {
        return shape.status == NEGOTIATED && bgp_is_up(&shape.bgp_status);
    }
    let tunnel = shape.tunnels.iter().find(|tunnel| tunnel.index == index);
    tunnel.is_some_and(|tunnel| tunnel.status == NEGOTIATED && bgp_is_up(&tunnel.bgp_status))
}

/// Whether traffic may be running over it now: IPsec is up and nothing says that the peer does not answer.
pub fn is_in_use(shape: &IpsecConnection, index: u8) -> bool {
    let is_sick = |status: &str| HEALTH_BAD.iter().any(|bad| status.eq_ignore_ascii_case(bad));
    if index == 0 {
        return shape.status == NEGOTIATED && !(shape.health_enabled && is_sick(&shape.health_status));
    }
    shape.tunnels.iter().any(|tunnel| tunnel.index == index && tunnel.status == NEGOTIATED)
}

fn is_ready(reads: &Reads) -> bool {
    reads.vpn_gateway.as_ref().is_none_or(|status| status == VPN_GATEWAY_READY)
}

fn gone(is_there: Option<bool>, reads: &Reads) -> Effect {
    match is_there {
        Some(false) if is_ready(reads) => Effect::Shown(None),
        Some(false) => Effect::Settling,
        _ => Effect::Missing,
    }
}

/// `Some(false)`: there is one, with other attributes.
fn there(found: Option<bool>, reads: &Reads) -> Effect {
    match found {
        Some(true) if is_ready(reads) => Effect::Shown(None),
        Some(true) => Effect::Settling,
        _ => Effect::Missing,
    }
}

fn listed(reads: &Reads, has: impl Fn(&RouterAttachment) -> bool) -> Effect {
    match reads.attachment.as_ref().and_then(Option::as_ref) {
        Some(attachment) if has(attachment) => Effect::Shown(None),
        _ => Effect::Missing,
    }
}

/// What this plan made for a slot and still exists. A create that was sent twice can have made another one later.
pub fn made_gateways(view: &View<'_>, slot: &Slot, reads: &Reads) -> Vec<String> {
    let ip = match slot {
        Slot::Temporary => view.plan().temporary.as_ref().map(|temporary| temporary.ip),
        Slot::New | Slot::Old(_) => Some(view.plan().new.ip),
    };
    let is_made = |gateway: &&CustomerGateway| Some(gateway.ip) == ip && gateway.tags.get(MARK_PLAN) == Some(&view.plan().id);
    let known = reads.customer_gateway.iter().flatten();
    let listed = reads.customer_gateways.iter().flatten().filter(is_made);
    let mut ids: Vec<String> = known.chain(listed).map(|gateway| gateway.id.clone()).collect();
    // What was proven gone by its id can still be listed.
    let gone = matches!(reads.customer_gateway, Some(None)).then(|| view.gateway(slot)).flatten();
    ids.retain(|id| Some(id) != gone.as_ref());
    ids.sort();
    ids.dedup();
    ids
}

fn created_gateway(view: &View<'_>, slot: &Slot, reads: &Reads) -> Effect {
    let target = match slot {
        Slot::Temporary => view.plan().temporary.as_ref(),
        Slot::New | Slot::Old(_) => Some(&view.plan().new),
    };
    let (Some(target), Some(gateways)) = (target, &reads.customer_gateways) else { return Effect::Missing };
    let Some(holder) = gateways.iter().find(|gateway| gateway.ip == target.ip && !view.plan().is_old(&gateway.id)) else {
        return Effect::Missing;
    };
    match view.owner.ownership(holder) {
        Ownership::Ours if target.asn.is_none() || holder.asn == target.asn => Effect::Shown(Some(holder.id.clone())),
        Ownership::Ours | Ownership::Unmarked => contradiction(
            "address_taken",
            format!("customer gateway {} holds {} and is not the one that the plan wants", holder.id, target.ip),
        ),
        Ownership::Foreign(whose) => {
            contradiction("owner", format!("customer gateway {} with {} belongs to {whose}", holder.id, target.ip))
        }
    }
}

fn bound_tunnel(view: &View<'_>, connection: &str, index: u8, to: &Slot, reads: &Reads) -> Effect {
    let Some((shape, body)) = reads.connection.as_ref().and_then(Option::as_ref) else {
        return gone_connection(connection);
    };
    let place = shape.tunnels.iter().position(|tunnel| tunnel.index == index);
    let (Some(place), Some(wanted)) = (place, view.tunnel_bound(connection, index, to)) else {
        return contradiction("drift", format!("tunnel {index} of {connection} is no longer there"));
    };
    let tunnel = &shape.tunnels[place];
    let Some(found) = tunnels(&body.0).get(place).copied() else {
        return contradiction("drift", format!("tunnel {index} of {connection} is no longer described"));
    };
    if Some(&tunnel.customer_gateway_id) != view.gateway(to).as_ref() {
        return elsewhere(view, connection, &tunnel.customer_gateway_id);
    }
    let settled = tunnel.state.is_empty() || tunnel.state == TUNNEL_READY;
    let differing = unlike(&wanted, found);
    match (differing.is_empty(), settled && CONNECTION_READY.contains(&shape.state.as_str()) && is_ready(reads)) {
        (true, true) => Effect::Shown(None),
        (_, false) => Effect::Settling,
        (false, true) => changed_settings(&format!("tunnel {index} of {connection}"), &differing),
    }
}

fn bound_connection(view: &View<'_>, connection: &str, to: &Slot, reads: &Reads) -> Effect {
    let Some((shape, body)) = reads.connection.as_ref().and_then(Option::as_ref) else {
        return gone_connection(connection);
    };
    if Some(&shape.customer_gateway_id) != view.gateway(to).as_ref() {
        return elsewhere(view, connection, &shape.customer_gateway_id);
    }
    let Some(wanted) = view.connection_bound(connection, to) else { return Effect::Missing };
    let differing = unlike(&wanted, &body.0);
    match (differing.is_empty(), CONNECTION_READY.contains(&shape.state.as_str())) {
        (true, true) => Effect::Shown(None),
        (_, false) => Effect::Settling,
        (false, true) => changed_settings(connection, &differing),
    }
}

/// On another customer gateway than the step wants: one of the plan's, or a stranger's.
fn elsewhere(view: &View<'_>, connection: &str, found: &str) -> Effect {
    let ours = [view.gateway(&Slot::New), view.gateway(&Slot::Temporary)].into_iter().flatten().any(|id| id == found);
    if ours || view.plan().is_old(found) {
        return Effect::Missing;
    }
    contradiction("drift", format!("somebody pointed {connection} at {found}, which this replacement is not about"))
}

/// Of a tunnel, or of a single-tunnel connection.
fn gateway_of(shape: &IpsecConnection, index: u8) -> &str {
    shape.tunnels.iter().find(|tunnel| tunnel.index == index).map_or(&shape.customer_gateway_id, |tunnel| &tunnel.customer_gateway_id)
}

fn gone_connection(connection: &str) -> Effect {
    Effect::Contradiction(Stopped {
        reason: "drift".to_owned(),
        message: format!("connection {connection} no longer exists: somebody deleted it"),
        remedy: "ActionTrail tells who; its settings are in the sealed snapshot. `cgwd replace --abort` gives this plan up, and a new one leaves it out"
            .to_owned(),
        step: None,
        passes: false,
    })
}

fn changed_settings(what: &str, fields: &[String]) -> Effect {
    contradiction("drift", format!("{what} has other settings than were read before: {}", fields.join(", ")))
}

fn contradiction(reason: &str, message: String) -> Effect {
    Effect::Contradiction(Stopped {
        reason: reason.to_owned(),
        message,
        remedy: "somebody else is changing this: when they are done, run `cgwd replace --abort` and then `cgwd replace` for a plan of what is there now"
            .to_owned(),
        step: None,
        passes: false,
    })
}

fn made_connection(view: &View<'_>, step: &PlannedStep, original: &str, reads: &Reads) -> Effect {
    let Some(snapshot) = view.snapshot.connection(original) else { return Effect::Missing };
    if let Some(described) = &reads.connection {
        let Some((shape, _)) = described else { return Effect::Missing };
        if !CONNECTION_READY.contains(&shape.state.as_str()) || !is_ready(reads) {
            return Effect::Settling;
        }
        // Whether it came out as it was is judged once its routes are there: until then it carries nothing.
        return Effect::Shown(Some(shape.id.clone()));
    }
    let Some(connections) = &reads.connections else { return Effect::Missing };
    let mark = view.mark_of(step);
    if let Some(made) = connections.iter().find(|connection| connection.tags.get(MARK_PLAN) == Some(&mark)) {
        return Effect::Shown(Some(made.id.clone()));
    }
    let by_hand = |connection: &&IpsecConnection| {
        connection.attachment == snapshot.shape.attachment
            && matches!(connection.attachment, Attachment::VpnGateway(_))
            && connection.local_subnet == snapshot.shape.local_subnet
            && connection.remote_subnet == snapshot.shape.remote_subnet
            && !connection.tags.contains_key(MARK_PLAN)
            && view.snapshot.connection(&connection.id).is_none()
            && view.gateway(&Slot::New).is_some_and(|new| connection.refers_to(&new))
    };
    match connections.iter().find(by_hand) {
        Some(other) => contradiction("drift", format!("{} was made by hand in the place of {original}", other.id)),
        None => Effect::Missing,
    }
}

/// The plan's mark stays on a connection that came out otherwise than it was: somebody has to look at it.
fn came_out_as_it_was(view: &View<'_>, original: &str, shape: &IpsecConnection, body: &Verbatim) -> Effect {
    let (Some(snapshot), Some(wanted)) = (view.snapshot.connection(original), view.connection_made_again(original)) else {
        return Effect::Missing;
    };
    let mut differing = made_differently(&wanted, &body.0, &snapshot.shape.attachment);
    // What an earlier plan made and left when it was given up can bear that plan's mark in the snapshot.
    let is_the_users = |(key, _): &(&String, &String)| *key != MARK_PLAN && !is_of_the_cloud(key);
    if !shape.tags.iter().filter(is_the_users).eq(snapshot.shape.tags.iter().filter(is_the_users)) {
        differing.push("Tags".to_owned());
    }
    if differing.is_empty() {
        return Effect::Missing;
    }
    Effect::Contradiction(Stopped {
        reason: "differs".to_owned(),
        message: format!("{}, made again for {original}, came out with other settings: {}", shape.id, differing.join(", ")),
        remedy: "set these as they were (`cgwd history` has the time before; the old values are in the sealed snapshot), then `cgwd replace --resume`"
            .to_owned(),
        step: None,
        passes: false,
    })
}

/// Tags that only the cloud itself can set (cloud/api.md 2.1).
fn is_of_the_cloud(key: &str) -> bool {
    key.starts_with("aliyun") || key.starts_with("acs:")
}

/// The cloud's own identity is its address, which a connection that is made again can have anew; and a connection on a VPN gateway
/// has what the gateway has.
fn made_differently(wanted: &Value, found: &Value, attachment: &Attachment) -> Vec<String> {
    let mut differing = unlike(wanted, found);
    let inherits = matches!(attachment, Attachment::VpnGateway(_));
    differing.retain(|field| !field.ends_with("LocalId") || has_field(wanted, field));
    differing.retain(|field| !(inherits && INHERITED.contains(&field.as_str())));
    differing
}

fn has_field(body: &Value, path: &str) -> bool {
    let mut place = Some(body);
    for name in path.split('.') {
        place = place.and_then(|value| match (value, name.parse::<usize>()) {
            (Value::Object(fields), _) if fields.contains_key(name) => fields.get(name),
            (Value::Object(fields), Ok(index)) => {
                fields.get("TunnelOptions").and_then(Value::as_array).and_then(|items| items.get(index - 1))
            }
            (Value::Array(items), Ok(index)) => items.get(index.saturating_sub(1)),
            _ => None,
        });
    }
    place.is_some_and(|value| !value.is_null() && value.as_str() != Some(""))
}

/// What to do now.
pub fn next(view: &View<'_>, step: &PlannedStep, reads: &Reads, shown: &Effect, standing: &Standing, now: Now) -> Act {
    let known = view.progress.step(&step.id);
    if let Op::Verify { .. } = step.op {
        return match verify(view, step, &known, shown, standing, now) {
            Act::NotVerified => match (&reads.connection, &step.op) {
                (Some(None), _) => deleted_by_others(view, step),
                (Some(Some((shape, _))), Op::Verify { connection, index }) => {
                    match elsewhere(view, connection, gateway_of(shape, *index)) {
                        Effect::Contradiction(stopped) => Act::Stop(Stopped { step: Some(step.id.clone()), ..stopped }),
                        _ => Act::NotVerified,
                    }
                }
                _ => Act::NotVerified,
            },
            act => act,
        };
    }
    if let Some(act) = gone_again(view, step, reads, standing, now) {
        return act;
    }
    match (&known.open, shown) {
        // Its effect is not there either, and comes no more.
        (Some(open), Effect::Contradiction(_)) if dead_at(&open.last_sent, now) + ABSENT_TWICE <= now.uptime => {
            Act::Conclude { intent: open.intent, found: None }
        }
        (_, Effect::Contradiction(stopped)) => Act::Stop(Stopped { step: Some(step.id.clone()), ..stopped.clone() }),
        (Some(open), Effect::Shown(id)) => {
            Act::Conclude { intent: open.intent, found: Some(id.clone().unwrap_or_else(|| open.target.clone())) }
        }
        (Some(open), Effect::Missing) => unresolved(view, step, reads, open, standing, now),
        (_, Effect::Settling) => settling(step, standing, now),
        (None, Effect::Shown(_)) if is_taken(step) && !known.may_have_happened() => taken_by_others(step),
        (None, Effect::Shown(id)) => match overtaken_until(view, step, now) {
            Some(until) if now.uptime < until => Act::Wait(until),
            _ => Act::Prove(id.clone()),
        },
        (None, Effect::Missing) if known.answered => match overtaken_until(view, step, now) {
            Some(until) if now.uptime < until => Act::Wait(until),
            // A late copy of another request has undone it.
            Some(_) => ready(view, step, reads, standing, now),
            None => answered(step, &known, standing, now),
        },
        (None, Effect::Missing) => ready(view, step, reads, standing, now),
    }
}

/// A write without a trustworthy answer whose effect does not show.
fn unresolved(view: &View<'_>, step: &PlannedStep, reads: &Reads, open: &PendingWrite, standing: &Standing, now: Now) -> Act {
    let dead = dead_at(&open.last_sent, now);
    // A second copy of what makes a connection could make a second connection: the memory of tokens is not proven.
    let repeats = !matches!(step.op, Op::CreateConnection { .. });
    if repeats && !open.poisoned && now.uptime < dead_at(&open.intended, now) {
        match objection(view, step, reads, standing, now) {
            None => return Act::Resend,
            // It is as well where it is: no more copies, and the first ones come to their end.
            Some(Act::Prove(_)) => {}
            // Somebody has changed it since the first copy went out.
            Some(objection) => return objection,
        }
    }
    match open.absent_since {
        Some(since) if since >= dead && since + ABSENT_TWICE <= now.uptime => Act::Conclude { intent: open.intent, found: None },
        // The second of the two readings that count.
        Some(since) if since >= dead => Act::Wait(since + ABSENT_TWICE),
        _ if now.uptime >= dead => Act::LookAgain(now.uptime + ABSENT_TWICE),
        _ => rarer(open.last_sent.uptime.unwrap_or(now.uptime), dead, now),
    }
}

/// Most calls land and most effects show at once or never: the longer it takes, the rarer it is looked for.
fn rarer(since: SignedDuration, until: SignedDuration, now: Now) -> Act {
    let age = now.uptime - since;
    match age < OFTEN {
        true => Act::LookAgain(until.min(now.uptime + SignedDuration::from_secs(5))),
        false => Act::Wait(until.min(now.uptime + age / 8)),
    }
}

/// From when on, in time since boot, a sending can have no effect any more.
pub fn dead_at(sending: &Sending, now: Now) -> SignedDuration {
    sending.uptime.unwrap_or(now.uptime) + LATE_EFFECT
}

/// The cloud said that it was done, and no reading shows it. Readings lag; what is not shown for longer than any request can live did
/// not come about.
fn answered(step: &PlannedStep, known: &StepProgress, standing: &Standing, now: Now) -> Act {
    let missing_for = standing.missing_since.map_or(SignedDuration::ZERO, |since| now.uptime - since);
    if missing_for < LATE_EFFECT + ABSENT_TWICE {
        let since = standing.missing_since.unwrap_or(now.uptime);
        return rarer(since, since + LATE_EFFECT + ABSENT_TWICE, now);
    }
    if known.undone < MOST_UNDONE {
        return Act::Undo(step.id.clone());
    }
    Act::Stop(Stopped {
        reason: "not_shown".to_owned(),
        message: format!("the cloud accepted step {} {} times and never showed its effect", step.id, known.undone + 1),
        remedy: "look at it in the cloud's console; `cgwd replace --resume` looks again".to_owned(),
        step: Some(step.id.clone()),
        passes: true,
    })
}

/// The cloud is at work on it, or something else there is changing.
fn settling(step: &PlannedStep, standing: &Standing, now: Now) -> Act {
    if now.uptime < standing.looking_since + SHOWN_WITHIN {
        return Act::LookAgain(now.uptime + SignedDuration::from_secs(5));
    }
    Act::Stop(Stopped {
        reason: "not_settled".to_owned(),
        message: format!("what step {} is about has been changing for half an hour", step.id),
        remedy: "look at its state in the cloud's console; it is looked at again by itself".to_owned(),
        step: Some(step.id.clone()),
        passes: true,
    })
}

/// Steps that take away what a person may have taken away first.
fn is_taken(step: &PlannedStep) -> bool {
    step.op.opens_a_gap() && !step.goes_back()
}

/// It is gone, and not by us: somebody wanted it gone.
fn taken_by_others(step: &PlannedStep) -> Act {
    Act::Stop(Stopped {
        reason: "drift".to_owned(),
        message: format!("what step {} was to delete is gone already: somebody else deleted it", step.id),
        remedy: "when they are done, `cgwd replace --abort` and then `cgwd replace` plan from what is there now".to_owned(),
        step: Some(step.id.clone()),
        passes: false,
    })
}

/// A connection that was made again has vanished. A person's word to go on has it made once more.
fn gone_again(view: &View<'_>, step: &PlannedStep, reads: &Reads, standing: &Standing, now: Now) -> Option<Act> {
    let original = step.op.connection()?;
    let is_later =
        !step.op.opens_a_gap() && !matches!(step.op, Op::CreateConnection { .. } | Op::RebindTunnel { .. } | Op::RebindConnection { .. });
    let makes = |op: &Op| matches!(op, Op::CreateConnection { connection } if connection == original);
    let is_made = view.plan().steps().any(|step| makes(&step.op));
    if !(is_made && is_later && matches!(reads.connection, Some(None))) {
        return None;
    }
    let since = standing.missing_since.unwrap_or(now.uptime);
    let counts_from = since + LATE_EFFECT;
    Some(if now.uptime < counts_from { rarer(since, counts_from, now) } else { deleted_by_others(view, step) })
}

/// Somebody deleted the connection that a step is about.
fn deleted_by_others(view: &View<'_>, step: &PlannedStep) -> Act {
    let original = step.op.connection().unwrap_or_default();
    let makes = |op: &Op| matches!(op, Op::CreateConnection { connection } if connection == original);
    let maker = view.plan().steps().find(|step| makes(&step.op));
    match (maker, gone_connection(original)) {
        (Some(maker), _) if view.progress.resumed_from.as_deref() == Some(MADE_GONE) => Act::Undo(maker.id.clone()),
        (None, Effect::Contradiction(stopped)) => Act::Stop(Stopped { step: Some(step.id.clone()), ..stopped }),
        _ => Act::Stop(Stopped {
            reason: MADE_GONE.to_owned(),
            message: format!("{}, made again for {original}, no longer exists: somebody deleted it", view.connection_id(original)),
            remedy: "`cgwd replace --resume` makes it again from the snapshot".to_owned(),
            step: Some(step.id.clone()),
            passes: false,
        }),
    }
}

/// An effect counts only once no earlier request can undo it: another pointing of the same tunnel, or the making of what was deleted.
/// When the last one of which that was ever possible is dead.
fn overtaken_until(view: &View<'_>, step: &PlannedStep, now: Now) -> Option<SignedDuration> {
    let undoes = |other: &Op| match (&step.op, other) {
        (Op::RebindTunnel { connection, index, .. }, Op::RebindTunnel { connection: other, index: place, .. }) => {
            connection == other && index == place
        }
        (Op::RebindConnection { connection, .. }, Op::RebindConnection { connection: other, .. }) => connection == other,
        (Op::DeleteMade { slot }, Op::CreateGateway { slot: other }) => slot == other,
        _ => false,
    };
    let others = view.plan().steps().filter(|other| other.id != step.id && undoes(&other.op));
    let sent = others.filter_map(|other| {
        let other = view.progress.steps.get(&other.id)?;
        other.open.as_ref().map(|open| &open.last_sent).or(other.doubtful.as_ref())
    });
    sent.map(|sending| dead_at(sending, now)).max()
}

fn verify(view: &View<'_>, step: &PlannedStep, known: &StepProgress, shown: &Effect, standing: &Standing, now: Now) -> Act {
    let soon = now.uptime + SignedDuration::from_secs(5);
    match (shown, &known.verifying) {
        // A tunnel that was up before may be shown by an old reading: it counts when it is still up later.
        (Effect::Shown(_), _) if view.plan().planned => match standing.shown_since {
            Some(since) if now.uptime >= since + view.recheck() => Act::Prove(None),
            since => Act::LookAgain(since.unwrap_or(now.uptime) + view.recheck()),
        },
        (Effect::Shown(_), _) => Act::Prove(None),
        // Nothing comes up where the device no longer is.
        _ if standing.changed.is_some() => Act::Stop(changed_again(step, standing.changed.as_deref().unwrap_or_default())),
        (_, None) => Act::BeginVerification,
        (_, Some(began)) => {
            let ends =
                began.uptime.unwrap_or(now.uptime) + SignedDuration::from_millis(i64::try_from(view.plan().verify_ms).unwrap_or(i64::MAX));
            if now.uptime >= ends { Act::NotVerified } else { Act::LookAgain(soon.min(ends)) }
        }
    }
}

fn changed_again(step: &PlannedStep, what: &str) -> Stopped {
    Stopped {
        reason: "changed_again".to_owned(),
        message: format!("the device has changed again: {what}"),
        remedy: "`cgwd replace` plans anew from what is there now".to_owned(),
        step: Some(step.id.clone()),
        passes: false,
    }
}

/// What this plan pointed elsewhere is still listed at the old place: the list lags behind, or somebody pointed it back.
fn lists_lag(step: &PlannedStep, ours: &[String], standing: &Standing, now: Now) -> Act {
    let since = standing.looking_since;
    if now.uptime < since + LATE_EFFECT {
        return Act::LookAgain(now.uptime + SignedDuration::from_secs(5));
    }
    Act::Stop(Stopped {
        reason: "in_use".to_owned(),
        message: format!("the customer gateway is still used by {}, which this plan had pointed elsewhere", ours.join(", ")),
        remedy: "somebody pointed it back: `cgwd replace --abort`, then `cgwd replace` for a plan of what is there now".to_owned(),
        step: Some(step.id.clone()),
        passes: false,
    })
}

/// Whether what the step relies on is so, read twice.
fn ready(view: &View<'_>, step: &PlannedStep, reads: &Reads, standing: &Standing, now: Now) -> Act {
    if let Some(objection) = objection(view, step, reads, standing, now) {
        return objection;
    }
    // What does not work goes back at once; what is deleted is read twice also then.
    let points_back = step.goes_back() && !matches!(step.op, Op::DeleteGateway { .. } | Op::DeleteMade { .. });
    if !step.op.is_destructive() || points_back {
        return Act::Send;
    }
    let recheck = view.recheck();
    match standing.agreed_since {
        Some(since) if now.uptime >= since + recheck => Act::Send,
        Some(since) => Act::Wait(since + recheck),
        None if recheck.is_zero() => Act::Send,
        None => Act::Agreed(now.uptime + recheck),
    }
}

/// What this one reading has against the call.
fn objection(view: &View<'_>, step: &PlannedStep, reads: &Reads, standing: &Standing, now: Now) -> Option<Act> {
    let stop = |reason: &str, message: String, remedy: &str| {
        let (reason, remedy, step) = (reason.to_owned(), remedy.to_owned(), Some(step.id.clone()));
        Some(Act::Stop(Stopped { reason, message, remedy, step, passes: false }))
    };
    if !is_ready(reads) {
        return Some(Act::LookAgain(now.uptime + SignedDuration::from_secs(5)));
    }
    if step.op.is_destructive()
        && !step.goes_back()
        && let Some(what) = &standing.changed
    {
        return Some(Act::Stop(changed_again(step, what)));
    }
    if let Some(drift) = drift(view, step, reads) {
        let remedy = "somebody else changed it: `cgwd replace --abort`, then `cgwd replace` for a plan of what is there now";
        return stop("drift", drift, remedy);
    }
    if let Some(whose) = no_longer_ours(view, step, reads) {
        return stop("owner", whose, "nothing is done to what is not this device's; look who took the mark off or changed it");
    }
    match users(view, step, reads) {
        (strangers, _) if !strangers.is_empty() => {
            let message = format!("the customer gateway is still used by {}", strangers.join(", "));
            return stop("in_use", message, "point it elsewhere or delete it; then the old customer gateway can go");
        }
        (_, ours) if !ours.is_empty() => return Some(lists_lag(step, &ours, standing, now)),
        _ => {}
    }
    match in_use(view, step, reads) {
        Some(_) if step.goes_back() => Some(Act::Prove(Some("kept".to_owned()))),
        Some(what) if !view.plan().planned => {
            let remedy = "a tunnel that works contradicts the change; to interrupt it all the same: `cgwd replace --abort`, then `cgwd replace --planned`";
            stop("working_tunnel", format!("{what} works at this moment"), remedy)
        }
        _ => None,
    }
}

/// How what is there differs from what the snapshot can make again.
fn drift(view: &View<'_>, step: &PlannedStep, reads: &Reads) -> Option<String> {
    let snapshot = view.snapshot_of(&step.op)?;
    let (shape, body) = reads.connection.as_ref()?.as_ref()?;
    match &step.op {
        Op::RebindTunnel { connection, index, to } => {
            let place = shape.tunnels.iter().position(|tunnel| tunnel.index == *index)?;
            let found = tunnels(&body.0).get(place).copied()?;
            let was = tunnel(snapshot, *index)?;
            let expected = match view.place(&shape.tunnels[place].customer_gateway_id) {
                Some(slot) => view.tunnel_bound(connection, *index, &slot)?,
                None => was.clone(),
            };
            let differing = unlike(&expected, found);
            let is_there = Some(&shape.tunnels[place].customer_gateway_id) == view.gateway(to).as_ref();
            (!differing.is_empty() && !is_there)
                .then(|| format!("tunnel {index} of {connection} has changed since it was read: {}", differing.join(", ")))
        }
        Op::RebindConnection { connection, to } => {
            let expected = match view.place(&shape.customer_gateway_id) {
                Some(slot) => view.connection_bound(connection, &slot)?,
                None => snapshot.body.0.clone(),
            };
            let differing = unlike(&expected, &body.0);
            let is_there = Some(&shape.customer_gateway_id) == view.gateway(to).as_ref();
            (!differing.is_empty() && !is_there).then(|| format!("{connection} has changed since it was read: {}", differing.join(", ")))
        }
        op if op.opens_a_gap() => {
            let mut differing = unlike(&snapshot.body.0, &body.0);
            if shape.tags != snapshot.shape.tags {
                differing.push("Tags".to_owned());
            }
            if bindings(shape) != bindings(&snapshot.shape) {
                differing.push("CustomerGatewayId".to_owned());
            }
            if has_new_routes(snapshot, reads) {
                differing.push("routes".to_owned());
            }
            (!differing.is_empty()).then(|| format!("{} has changed since it was read: {}", snapshot.id, differing.join(", ")))
        }
        _ => None,
    }
}

fn bindings(shape: &IpsecConnection) -> Vec<&str> {
    [shape.customer_gateway_id.as_str()].into_iter().chain(shape.tunnels.iter().map(|tunnel| tunnel.customer_gateway_id.as_str())).collect()
}

/// A route that leads into the connection and is not in the snapshot as it is: somebody added or edited it.
fn has_new_routes(snapshot: &ConnectionSnapshot, reads: &Reads) -> bool {
    let routes = reads.routes.iter().flatten().filter(|route| route.next_hop == snapshot.id);
    let policies = reads.policies.iter().flatten().filter(|policy| policy.next_hop == snapshot.id);
    let own = reads.connection_routes.iter().flatten();
    let attachment = reads.attachment.as_ref().and_then(Option::as_ref);
    let rebound = |found: &RouterAttachment| {
        snapshot.attachment.as_ref().is_none_or(|had| {
            found.associations.iter().any(|table| !had.associations.contains(table))
                || found.propagations.iter().any(|table| !had.propagations.contains(table))
                || (&found.name, &found.description, found.auto_publish, &found.tags)
                    != (&had.name, &had.description, had.auto_publish, &had.tags)
        })
    };
    routes.into_iter().any(|route| !snapshot.routes.contains(route))
        || policies.into_iter().any(|policy| !snapshot.policies.contains(policy))
        || own.into_iter().any(|route| !snapshot.connection_routes.contains(route))
        || attachment.is_some_and(rebound)
}

/// What works at this moment and would be interrupted.
fn in_use(view: &View<'_>, step: &PlannedStep, reads: &Reads) -> Option<String> {
    let (shape, _) = reads.connection.as_ref()?.as_ref()?;
    let on_temporary = |id: &str| view.gateway(&Slot::Temporary).as_deref() == Some(id);
    match &step.op {
        Op::RebindTunnel { connection, index, .. } => is_in_use(shape, *index).then(|| format!("tunnel {index} of {connection}")),
        Op::RebindConnection { connection, .. } => is_in_use(shape, 0).then(|| connection.clone()),
        op if op.opens_a_gap() => {
            let index = shape.tunnels.iter().find(|tunnel| is_in_use(shape, tunnel.index) && !on_temporary(&tunnel.customer_gateway_id));
            let works = if shape.is_dual() { index.is_some() } else { is_in_use(shape, 0) };
            works.then(|| shape.id.clone())
        }
        _ => None,
    }
}

/// A customer gateway that is to be deleted has lost this device's mark.
fn no_longer_ours(view: &View<'_>, step: &PlannedStep, reads: &Reads) -> Option<String> {
    let is_deleted = matches!(step.op, Op::DeleteGateway { .. } | Op::DeleteMade { .. });
    let gateway = reads.customer_gateway.as_ref().and_then(Option::as_ref).filter(|_| is_deleted)?;
    // It is read twice, alone and in the list: the later one tells too.
    let listed = reads.customer_gateways.iter().flatten().filter(|listed| listed.id == gateway.id);
    if listed.chain([gateway]).any(|reading| view.owner.ownership(reading) != Ownership::Ours) {
        return Some(format!("customer gateway {} no longer bears this device's mark", gateway.id));
    }
    let before = view.snapshot.gateways.iter().find(|before| before.id == gateway.id)?;
    let is_as_it_was = (gateway.ip, gateway.asn, &gateway.name, &gateway.description)
        == (before.ip, before.asn, &before.name, &before.description)
        && users_tags(&gateway.tags).eq(users_tags(&before.tags));
    (!is_as_it_was).then(|| format!("customer gateway {} has been edited since it was read", gateway.id))
}

/// A mark that was taken off and put back is no edit.
fn users_tags(tags: &Tags) -> impl Iterator<Item = (&String, &String)> {
    tags.iter().filter(|(key, _)| is_the_users(key))
}

/// Connections that still refer to a customer gateway that is to be deleted: strangers', and this plan's own.
fn users(view: &View<'_>, step: &PlannedStep, reads: &Reads) -> (Vec<String>, Vec<String>) {
    let ids = match &step.op {
        Op::DeleteGateway { id } => vec![id.clone()],
        Op::DeleteMade { slot } => made_gateways(view, slot, reads),
        _ => Vec::new(),
    };
    // What the plan deleted can still be listed.
    let deleted = |connection: &IpsecConnection| {
        let removes = |op: &Op| matches!(op, Op::DeleteConnection { connection: deleted } if *deleted == connection.id);
        view.plan().steps().any(|step| removes(&step.op) && view.progress.is_proven(&step.id))
    };
    let all = reads.connections.iter().flatten().filter(|connection| ids.iter().any(|id| connection.refers_to(id)) && !deleted(connection));
    all.map(|connection| connection.id.clone()).partition(|id| view.snapshot.connection(id).is_none())
}
