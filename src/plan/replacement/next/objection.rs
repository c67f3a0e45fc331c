//! What a reading has against a call that is about to go out.

use super::effect::{gateway_of, is_in_use, is_ready, made_gateways};
use super::view::{Reads, View};
use super::{Act, Demand, Standing, demand};
use crate::model::{
    Attachment, ConnectionSnapshot, CustomerGateway, IpsecConnection, Label, Op, PlannedStep, RouterAttachment, Slot, Stopped, Tags,
};
use crate::plan::Now;
use crate::plan::ownership::{Ownership, is_the_users};
use crate::plan::pending::LATE_EFFECT;
use crate::plan::replacement::body::{tunnel, tunnels, unlike};
use crate::plan::replacement::gates::is_masked;
use crate::plan::replacement::{KEPT, gaps};
use jiff::SignedDuration;
use serde_json::Value;

/// What this one reading has against the call.
pub(super) fn objection(view: &View<'_>, step: &PlannedStep, reads: &Reads, standing: &Standing, now: Now) -> Option<Act> {
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
        return stop("owner", whose, &put_the_mark_back(view));
    }
    if let Some(edited) = edited(view, step, reads, now) {
        return stop("owner", edited, &format!("put it as it was, then `cgwd replace --resume`; or {END_IT}"));
    }
    match users(view, step, reads) {
        (strangers, _) if !strangers.is_empty() => {
            let message = format!("the customer gateway is still used by {}", strangers.join(", "));
            return stop("in_use", message, &format!("point it elsewhere or delete it, then `cgwd replace --resume`; or {END_IT}"));
        }
        (_, ours) if ours.iter().any(|id| view.is_made_by_us(id)) => {
            let message = format!("{} was made again where it was, because the replacement was being given up", ours.join(", "));
            return stop("given_up", message, "`cgwd replace --abort` ends that");
        }
        (_, ours) if !ours.is_empty() => return Some(lists_lag(step, &ours, standing, now)),
        _ => {}
    }
    match in_use(view, step, reads) {
        Some(_) if step.goes_back() => Some(Act::Prove(Some(KEPT.to_owned()))),
        Some(what) if !view.plan().planned => {
            let remedy = "a tunnel that works contradicts the change; to interrupt it all the same: `cgwd replace --abort`, then `cgwd replace --planned`";
            stop("working_tunnel", format!("{what} works at this moment"), remedy)
        }
        Some(what) => taken_last(view, step, reads, &what, standing, now),
        None => None,
    }
}

/// A planned move takes the last tunnel of a connection that works only once the one beside it does, if that is to come up at all: it
/// may be negotiating anew, or have gone down since the plan was made. So long as a tunnel has to come up it is waited for.
fn taken_last(view: &View<'_>, step: &PlannedStep, reads: &Reads, what: &str, standing: &Standing, now: Now) -> Option<Act> {
    let Op::RebindTunnel { connection, index, to: Slot::New } = &step.op else { return None };
    let (shape, _) = reads.connection.as_ref()?.as_ref()?;
    // From the temporary one everything has been away since it went there, whatever an old reading shows.
    if view.place(gateway_of(shape, *index)).is_some() {
        return None;
    }
    let mut others = shape.tunnels.iter().map(|tunnel| tunnel.index).filter(|other| other != index);
    if others.clone().any(|other| is_in_use(shape, other)) {
        return None;
    }
    let awaited = others.find(|other| demand(view.plan(), connection, *other) == Demand::ToComeUp)?;
    let until = standing.looking_since + SignedDuration::from_millis(i64::try_from(view.plan().verify_ms).unwrap_or(i64::MAX));
    if now.uptime < until {
        return Some(Act::LookAgain(until.min(now.uptime + SignedDuration::from_secs(5))));
    }
    Some(Act::Stop(Stopped {
        reason: "last_tunnel".to_owned(),
        message: format!("{what} is the only one that works, and tunnel {awaited}, which worked before, is down: nothing would be left"),
        remedy: "it goes on by itself once that one is up; `cgwd replace --abort`, then `cgwd replace --planned` moves what is down first"
            .to_owned(),
        step: Some(step.id.clone()),
        passes: true,
    }))
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
                None => Value::clone(&snapshot.body.0),
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
            // The plan takes it off a transit router itself; what it is bound to otherwise is in no snapshot.
            if shape.attachment != snapshot.shape.attachment && shape.attachment != Attachment::Unbound {
                differing.push("attachment".to_owned());
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

/// What works from wherever a customer gateway cannot go.
const END_IT: &str =
    "`cgwd replace --abort` ends it here, without deleting that customer gateway: what is deleted by then is made again first";

fn put_the_mark_back(view: &View<'_>) -> String {
    let mark: Vec<String> = view.owner.mark().iter().map(|(key, value)| format!("`{key}` = `{value}`")).collect();
    format!("where that was a mistake, give it the tags {} again, then `cgwd replace --resume`; else {END_IT}", mark.join(" and "))
}

/// The customer gateway that this step deletes, as it is read.
fn deleted<'a>(step: &PlannedStep, reads: &'a Reads) -> Option<&'a CustomerGateway> {
    let is_deleted = matches!(step.op, Op::DeleteGateway { .. } | Op::DeleteMade { .. });
    reads.customer_gateway.as_ref().and_then(Option::as_ref).filter(|_| is_deleted)
}

/// A customer gateway that is to be deleted has lost this device's mark.
fn no_longer_ours(view: &View<'_>, step: &PlannedStep, reads: &Reads) -> Option<String> {
    let gateway = deleted(step, reads)?;
    // It is read twice, alone and in the list: the later one tells too.
    let listed = reads.customer_gateways.iter().flatten().filter(|listed| listed.id == gateway.id);
    if listed.chain([gateway]).any(|reading| view.owner.ownership(reading) != Ownership::Ours) {
        return Some(format!("customer gateway {} no longer bears this device's mark", gateway.id));
    }
    None
}

/// What somebody has written since on a customer gateway that is to be deleted, where that would be lost. Where the one that takes its
/// place is still to be made, it goes there: tunnels are away meanwhile, and nothing is won by letting them wait. For the same reason
/// what nothing takes over goes with a further old one, where a connection is deleted and the first old one with it: only a person
/// could end that. `cgwd history` keeps the words.
fn edited(view: &View<'_>, step: &PlannedStep, reads: &Reads, now: Now) -> Option<String> {
    let gateway = deleted(step, reads)?;
    let is_the_old_one = matches!(step.op, Op::DeleteGateway { .. }) && view.gateway(&Slot::New).is_none();
    let lost_its_place = |known: &ConnectionSnapshot| view.lost_its_place(&known.id);
    let nothing_waits = || !view.snapshot.connections.iter().any(lost_its_place) || gaps(view.progress, now).is_empty();
    let goes_on = is_the_old_one && (view.hands_on(&gateway.id) || !nothing_waits());
    let has_other_words = || !goes_on && edit_of(view, step, reads).is_some();
    (has_another_key(view, gateway) || has_other_words())
        .then(|| format!("customer gateway {} has been edited since it was read", gateway.id))
}

/// As far as the cloud shows it. A secret is not kept outside the snapshot, so it is not carried over either.
fn has_another_key(view: &View<'_>, gateway: &CustomerGateway) -> bool {
    let before = view.snapshot.gateways.iter().find(|before| before.id == gateway.id);
    let shown = gateway.auth_key.as_ref().filter(|key| !is_masked(key));
    before.is_some_and(|before| shown.is_some_and(|shown| before.auth_key.as_ref().is_none_or(|then| !is_masked(then) && then != shown)))
}

/// What a customer gateway that this step deletes says now, where that is not what the snapshot says.
pub fn edit_of(view: &View<'_>, step: &PlannedStep, reads: &Reads) -> Option<Label> {
    let gateway = deleted(step, reads)?;
    let before = view.snapshot.gateways.iter().find(|before| before.id == gateway.id)?;
    let is_as_it_was = (&gateway.name, &gateway.description) == (&before.name, &before.description)
        && users_tags(&gateway.tags).eq(users_tags(&before.tags));
    (!is_as_it_was).then(|| label(gateway))
}

/// The same where the call goes out once more and this is not what it went out with last; also where it says again what the snapshot says.
pub fn edit_since_sent(view: &View<'_>, step: &PlannedStep, reads: &Reads) -> Option<Label> {
    let sent_with = view.progress.steps.get(&step.id).and_then(|known| known.edited.as_ref());
    match edit_of(view, step, reads) {
        None => sent_with.and_then(|_| deleted(step, reads)).map(label),
        edited => edited,
    }
    .filter(|edited| sent_with != Some(edited))
}

fn label(gateway: &CustomerGateway) -> Label {
    let tags = users_tags(&gateway.tags).map(|(key, value)| (key.clone(), value.clone())).collect();
    Label { name: gateway.name.clone(), description: gateway.description.clone(), tags }
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
    let is_gone = |connection: &IpsecConnection| {
        let removes = |op: &Op| matches!(op, Op::DeleteConnection { connection: deleted } if *deleted == connection.id);
        view.plan().steps().any(|step| removes(&step.op) && view.progress.is_proven(&step.id))
    };
    let all = reads.connections.iter().flatten().filter(|connection| ids.iter().any(|id| connection.refers_to(id)) && !is_gone(connection));
    all.map(|connection| connection.id.clone()).partition(|id| view.snapshot.connection(id).is_none() && !view.is_made_by_us(id))
}

pub(super) fn changed_again(step: &PlannedStep, what: &str) -> Stopped {
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
