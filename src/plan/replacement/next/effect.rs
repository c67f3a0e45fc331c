//! What a reading shows of a step's effect.

mod gateway;
mod made;

pub(super) use gateway::is_another_s;
pub use gateway::made_gateways;
pub use made::stands_in;

use super::view::{Reads, View};
use crate::facts::states::{ATTACHED, BGP_UP, CONNECTION_READY, HEALTH_BAD, NEGOTIATED, TUNNEL_READY, VPN_GATEWAY_READY};
use crate::model::{
    Attachment, ConnectionRoute, DestinationRoute, IpsecConnection, Op, PlannedStep, PolicyRoute, RouterAttachment, Slot, Stopped,
};
use crate::plan::ownership::Ownership;
use crate::plan::replacement::MARK_PLAN;
use crate::plan::replacement::body::{tunnels, unlike};
use gateway::created_gateway;
use made::{came_out_as_it_was, made_connection};

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

impl Effect {
    fn with_remedy(self, remedy: &str) -> Effect {
        match self {
            Effect::Contradiction(stopped) => Effect::Contradiction(Stopped { remedy: remedy.to_owned(), ..stopped }),
            other => other,
        }
    }
}

/// What the reading shows of the step's effect.
pub fn effect(view: &View<'_>, step: &PlannedStep, reads: &Reads) -> Effect {
    if !is_ready(reads) {
        return Effect::Settling;
    }
    match &step.op {
        Op::CreateGateway { slot } => created_gateway(view, step, slot, reads),
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
        Op::Dissociate { table, .. } => untied(reads, table, |attachment| &attachment.associations),
        Op::StopPropagating { table, .. } => untied(reads, table, |attachment| &attachment.propagations),
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
pub(super) fn is_at_new(view: &View<'_>, shape: &IpsecConnection, index: u8) -> bool {
    let new = view.gateway(&Slot::New);
    match shape.tunnels.iter().find(|tunnel| tunnel.index == index) {
        Some(tunnel) => Some(&tunnel.customer_gateway_id) == new.as_ref() && (tunnel.state.is_empty() || tunnel.state == TUNNEL_READY),
        None => Some(&shape.customer_gateway_id) == new.as_ref() && CONNECTION_READY.contains(&shape.state.as_str()),
    }
}

/// Whether the cloud has told the state of BGP there before: then an empty one is no good news.
pub(super) fn tells_bgp(view: &View<'_>, connection: &str, index: u8) -> bool {
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

pub(super) fn is_ready(reads: &Reads) -> bool {
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

/// A route table that the attachment is no longer tied to.
fn untied(reads: &Reads, table: &str, of: impl Fn(&RouterAttachment) -> &Vec<String>) -> Effect {
    match &reads.attachment {
        Some(Some(attachment)) if of(attachment).iter().any(|tied| tied == table) => Effect::Missing,
        Some(Some(attachment)) if !attachment.under_way.is_empty() || !attachment.status.eq_ignore_ascii_case(ATTACHED) => Effect::Settling,
        Some(_) => Effect::Shown(None),
        None => Effect::Settling,
    }
}

fn listed(reads: &Reads, has: impl Fn(&RouterAttachment) -> bool) -> Effect {
    match reads.attachment.as_ref().and_then(Option::as_ref) {
        Some(attachment) if has(attachment) => Effect::Shown(None),
        _ => Effect::Missing,
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
pub(super) fn elsewhere(view: &View<'_>, connection: &str, found: &str) -> Effect {
    let ours = [view.gateway(&Slot::New), view.gateway(&Slot::Temporary)].into_iter().flatten().any(|id| id == found);
    if ours || view.plan().is_old(found) {
        return Effect::Missing;
    }
    contradiction("drift", format!("somebody pointed {connection} at {found}, which this replacement is not about"))
}

/// Of a tunnel, or of a single-tunnel connection.
pub(super) fn gateway_of(shape: &IpsecConnection, index: u8) -> &str {
    shape.tunnels.iter().find(|tunnel| tunnel.index == index).map_or(&shape.customer_gateway_id, |tunnel| &tunnel.customer_gateway_id)
}

pub(super) fn gone_connection(connection: &str) -> Effect {
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
