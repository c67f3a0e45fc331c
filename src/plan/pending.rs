//! The write whose outcome is not known: what a reading says about it, and when it comes to its end.

use super::ownership::Ownership;
use super::{Concluded, Decision, Desired, Gate, Hold, HoldReason, Next, Now, Owner, Step, StepAction, client_token};
use crate::journal::replay::{PendingWrite, Sending};
use crate::model::{CustomerGateway, Inventory, Timestamp};
use jiff::SignedDuration;

/// A request that got no answer is dead, or was accepted, 15 minutes after it was signed: the cloud refuses older
/// signatures (cloud/api.md 3, `InvalidTimeStamp.Expired`). One minute more for the effect to show.
pub const LATE_EFFECT: SignedDuration = SignedDuration::from_mins(16);
/// An absence counts only where two reads at least this far apart agree on it (reliability.md 3.2).
pub const ABSENT_TWICE: SignedDuration = SignedDuration::from_secs(60);

/// What a reading says about the write whose outcome is unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pending {
    Concluded(Concluded),
    /// The same request under the same token is the way to find out.
    Resend,
    Wait(Timestamp),
}

/// Whether the next step is the pending write itself: the same call for the same purpose, and so under the same token.
pub(super) fn is_wanted(pending: &PendingWrite, decision: &Decision, desired: &Desired, journal_id: &str) -> bool {
    let step = decision.steps.first().filter(|_| decision.next != Next::Nothing);
    let is_same = |step: &Step| step.action.name() == pending.action && step.target == pending.target;
    let token = |step: &Step| {
        let purpose = desired.purpose(step.action, &step.target);
        client_token(journal_id, &pending.action, &purpose, pending.generation)
    };
    step.is_some_and(|step| is_same(step) && token(step) == pending.client_token)
}

/// `wanted`: the pending write is what would be sent now. Then it may go out again for as long as its first copy can still
/// arrive; later, and where something else is wanted, only looking tells what became of it.
pub fn settle_pending(pending: &PendingWrite, owner: &Owner, wanted: bool, inventory: &Inventory, now: Now) -> Pending {
    let concluded = |found| Pending::Concluded(Concluded { intent: pending.intent, found });
    if pending.region != inventory.region {
        // What another region shows says nothing about it.
        return Pending::Wait(on_the_wall(dead_at(&pending.last_sent, now).max(now.uptime + ABSENT_TWICE), now));
    }
    if let Some(found) = effect_of(pending, owner, inventory) {
        return concluded(Some(found));
    }
    if wanted && !is_spent(pending) && now.uptime < dead_at(&pending.intended, now) {
        return Pending::Resend;
    }
    match proven_absent(pending, now) {
        Ok(()) => concluded(None),
        Err(until) => Pending::Wait(on_the_wall(until, now)),
    }
}

/// Calls that take no token have none that could be spent: doing them twice is doing them once.
fn is_spent(pending: &PendingWrite) -> bool {
    let takes_none = [StepAction::TagResources, StepAction::UnTagResources].iter().any(|action| action.name() == pending.action);
    pending.poisoned && !takes_none
}

/// From when on, in time since boot, a sending can have no effect any more. Of one that nobody can tell the time of, that
/// begins now.
fn dead_at(sending: &Sending, now: Now) -> SignedDuration {
    sending.uptime.unwrap_or(now.uptime) + LATE_EFFECT
}

/// A time since boot as the wall clock will show it, if nobody sets it until then.
pub(super) fn on_the_wall(uptime: SignedDuration, now: Now) -> Timestamp {
    now.wall.checked_add(uptime - now.uptime).unwrap_or(now.wall)
}

/// The id of what the pending write made or changed, where the reading shows its effect.
pub fn effect_of(pending: &PendingWrite, owner: &Owner, inventory: &Inventory) -> Option<String> {
    let by_id = inventory.customer_gateways.iter().find(|gateway| gateway.id == pending.target);
    let is_ours = |gateway: &&CustomerGateway| owner.ownership(gateway) == Ownership::Ours;
    // Ours too, by its id, where the device was renamed since.
    let is_of_this_machine = |gateway: &&CustomerGateway| is_ours(gateway) || owner.has_marked(gateway);
    match pending.action.as_str() {
        "CreateCustomerGateway" => {
            let made =
                inventory.customer_gateways.iter().filter(|gateway| gateway.ip.to_string() == pending.target).find(is_of_this_machine);
            made.map(|made| made.id.clone())
        }
        "TagResources" => {
            let is_done = |gateway: &&CustomerGateway| owner.is_fully_marked(gateway) || !is_ours(gateway) && owner.has_marked(gateway);
            by_id.filter(is_done).map(|gateway| gateway.id.clone())
        }
        "UnTagResources" => by_id.filter(is_ours).is_none().then(|| pending.target.clone()),
        _ => by_id.is_none().then(|| pending.target.clone()),
    }
}

/// Whether a write that no read shows can no longer take effect; else when, in time since boot, to look again.
fn proven_absent(pending: &PendingWrite, now: Now) -> Result<(), SignedDuration> {
    let dead_at = dead_at(&pending.last_sent, now);
    match pending.absent_since {
        Some(since) if since >= dead_at && since + ABSENT_TWICE <= now.uptime => Ok(()),
        Some(since) if since >= dead_at => Err(since + ABSENT_TWICE),
        _ if now.uptime >= dead_at => Err(now.uptime + ABSENT_TWICE),
        _ => Err(dead_at),
    }
}

/// There is never a second open write: until the pending one is resolved, no other goes out.
pub(super) fn hold_for_pending(decision: &mut Decision, pending: &PendingWrite, until: Timestamp) {
    decision.gates.push(Gate::refused(
        "unconfirmed",
        format!("{} for {} has no confirmed outcome; it can take effect until {until}", pending.action, pending.target),
    ));
    if decision.next != Next::Nothing {
        decision.next = Next::Wait(Hold { reason: HoldReason::Unconfirmed, until });
    }
}
