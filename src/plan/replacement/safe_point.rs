//! Where a replacement can be given up without losing anything, and what then stays.

use super::next::{View, dead_at};
use crate::journal::replay::{ReplacementProgress, StepProgress};
use crate::model::{Lane, Op, PlannedStep, Slot};
use crate::plan::Now;
use jiff::SignedDuration;

/// Why it cannot be given up here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsafe {
    pub why: String,
    /// For how long at least it has to be waited, where waiting alone ends it.
    pub passes_in: Option<SignedDuration>,
}

/// How far a connection is from being whole, where the plan has begun to delete it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// Routes or its transit router were taken off it.
    TakenOff,
    /// Its deletion was sent: it may be in the journal alone.
    Deleted,
    /// It was made again, without all that hangs on it.
    Unfinished,
}

/// A connection that is deleted and not wholly made again is in the journal alone; and a call that can still take effect would
/// surprise the next plan. `lost`: connections that somebody else has deleted since.
pub fn what_is_unsafe(progress: &ReplacementProgress, lost: &[String], now: Now) -> Option<Unsafe> {
    if let Some((connection, gap)) = gaps(progress, now).into_iter().find(|(connection, _)| !lost.contains(connection)) {
        let why = match gap {
            Gap::TakenOff => format!("{connection} lacks what was taken off it"),
            Gap::Deleted => format!("{connection} is deleted and not made again yet: `cgwd replace --resume` makes it again first"),
            Gap::Unfinished => format!("{connection} is not wholly made again yet: `cgwd replace --resume` does that first"),
        };
        // What it lacks is not made while a call for it has no outcome; that comes by looking, twice.
        if gap == Gap::Deleted || !may_change_still(progress, &connection, now) {
            return Some(Unsafe { why, passes_in: None });
        }
        let left = last_effect(progress, &connection, now);
        let until = if left.is_zero() { String::new() } else { format!("; a call for it can still take effect for {} s", left.as_secs()) };
        return Some(Unsafe { why: why + &until, passes_in: Some(left) });
    }
    for (id, step) in &progress.steps {
        if let Some(open) = &step.open {
            let why = format!("{} for {} has no confirmed outcome yet; try again in some minutes", open.action, open.target);
            return Some(Unsafe { why, passes_in: Some(SignedDuration::ZERO) });
        }
        if let Some(sending) = &step.doubtful
            && now.uptime < dead_at(sending, now)
            && !progress.plan.step(id).is_some_and(|step| has_an_id_of_its_own(&step.op))
        {
            let left = dead_at(sending, now) - now.uptime;
            let why = format!("an earlier copy of step {id} can still take effect for {} s; try again then", left.as_secs());
            return Some(Unsafe { why, passes_in: Some(left) });
        }
    }
    None
}

/// What goes by an id that nothing else will ever have cannot be deleted a second time.
fn has_an_id_of_its_own(op: &Op) -> bool {
    matches!(op, Op::DeleteConnection { .. } | Op::Detach { .. } | Op::DeleteGateway { .. })
}

/// The connections that have been touched by what deletes them and are not whole again.
pub fn gaps(progress: &ReplacementProgress, now: Now) -> Vec<(String, Gap)> {
    let connections = progress.plan.connections();
    connections.into_iter().filter_map(|id| gap(progress, id, now).map(|gap| (id.to_owned(), gap))).collect()
}

fn gap(progress: &ReplacementProgress, connection: &str, now: Now) -> Option<Gap> {
    let is_deleted = |step: &PlannedStep| {
        let deletes = matches!(&step.op, Op::DeleteConnection { connection: own } if own == connection);
        deletes && progress.steps.get(&step.id).is_some_and(|step| may_be_done(step, now))
    };
    if is_made_again(progress, connection) {
        return made_whole(progress, connection).map(|_| Gap::Unfinished);
    }
    if progress.plan.steps().any(is_deleted) {
        return Some(Gap::Deleted);
    }
    made_whole(progress, connection).map(|_| Gap::TakenOff)
}

/// Whether it is done, or can be yet.
fn may_be_done(step: &StepProgress, now: Now) -> bool {
    step.answered || step.proven.is_some() || can_take_effect(step, now)
}

fn can_take_effect(step: &StepProgress, now: Now) -> bool {
    step.open.is_some() || step.doubtful.as_ref().is_some_and(|sending| now.uptime < dead_at(sending, now))
}

/// The cloud has told the id of the one that was made again.
fn is_made_again(progress: &ReplacementProgress, connection: &str) -> bool {
    let makes = |op: &Op| matches!(op, Op::CreateConnection { connection: own } if own == connection);
    progress.plan.steps().any(|step| makes(&step.op) && progress.step(&step.id).id.is_some())
}

/// What a connection lacks that is there itself, the one made again or the first one: as steps; `None` where it lacks nothing.
pub fn made_whole(progress: &ReplacementProgress, connection: &str) -> Option<Lane> {
    let lane = progress.plan.lanes().find(|lane| lane.connection.as_deref() == Some(connection))?;
    let steps = match is_made_again(progress, connection) {
        true => still_to_make(progress, connection),
        false => taken_off(progress, connection),
    };
    let is_done = steps.iter().all(|step| progress.is_proven(&step.id));
    (!is_done).then(|| Lane { steps, ..lane.clone() })
}

/// Everything but the connection itself. Whether it is as it was is for somebody to judge who has changed it.
fn still_to_make(progress: &ReplacementProgress, connection: &str) -> Vec<PlannedStep> {
    let hangs_on_it = |op: &Op| !op.opens_a_gap() && !matches!(op, Op::Verify { .. } | Op::CreateConnection { .. });
    let steps = progress.plan.steps().filter(|step| step.op.connection() == Some(connection) && hangs_on_it(&step.op));
    steps.map(|step| if is_mark(&step.op) && !progress.is_proven(&step.id) { put_back(step) } else { step.clone() }).collect()
}

/// The plan's mark waits for a connection that is as it was; giving up ends that too.
fn is_mark(op: &Op) -> bool {
    matches!(op, Op::UnmarkConnection { .. })
}

fn put_back(step: &PlannedStep) -> PlannedStep {
    PlannedStep::back(&step.id, step.op.clone())
}

/// A connection that the plan has deleted and that its own course does not make again any more: all of it, as steps; and before it
/// the new customer gateway, where none is there for it. Else why it cannot be made now.
pub fn made_anew(view: &View<'_>, connection: &str, now: Now) -> Result<Lane, String> {
    let progress = view.progress;
    let lane = progress.plan.lanes().find(|lane| lane.connection.as_deref() == Some(connection));
    let own = || progress.plan.steps().filter(|step| step.op.connection() == Some(connection));
    let makes = own().find(|step| matches!(step.op, Op::CreateConnection { .. }));
    let (Some(lane), Some(makes)) = (lane, makes) else { return Err(format!("{connection} is none that is made again")) };
    if !own().any(|step| matches!(step.op, Op::DeleteConnection { .. }) && progress.is_proven(&step.id)) {
        return Err(format!("the deletion of {connection} is not over yet: `cgwd replace --resume` sees to that"));
    }
    let making = progress.steps.get(&makes.id);
    let place = || view.deletions_below(connection);
    if making.into_iter().any(|step| can_take_effect(step, now)) {
        return Err(format!("a call that makes {connection} again has no outcome yet; try again in some minutes"));
    }
    let mut steps: Vec<PlannedStep> = Vec::new();
    if view.gateway(&Slot::New).is_none() {
        if place().any(|step| step.proven.is_none() && can_take_effect(step, now)) {
            return Err(format!(
                "a call that deletes the customer gateway of {connection} can still take effect; try again in some minutes"
            ));
        }
        if view.lost_its_place(connection) {
            let makes_new = |step: &&PlannedStep| matches!(step.op, Op::CreateGateway { slot: Slot::New });
            steps.extend(progress.plan.steps().find(makes_new).cloned());
        }
    }
    steps.push(makes.clone());
    steps.extend(still_to_make(progress, connection));
    Ok(Lane { steps, ..lane.clone() })
}

/// As the plan would have done it for the one made again.
fn taken_off(progress: &ReplacementProgress, connection: &str) -> Vec<PlannedStep> {
    let steps = || progress.plan.steps().filter(|step| step.op.connection() == Some(connection));
    let had_effect = |step: &PlannedStep| progress.steps.get(&step.id).is_some_and(StepProgress::may_have_happened);
    let taken = |op: &Op| steps().any(|step| step.op == *op && had_effect(step));
    let id = || connection.to_owned();
    let was_taken = |op: &Op| match op {
        Op::CreateRoute { route, .. } => taken(&Op::DeleteRoute { connection: id(), route: *route }),
        Op::CreatePolicy { policy, .. } => taken(&Op::DeletePolicy { connection: id(), policy: *policy }),
        Op::Associate { table, .. } if taken(&Op::Dissociate { connection: id(), table: table.clone() }) => true,
        Op::Propagate { table, .. } if taken(&Op::StopPropagating { connection: id(), table: table.clone() }) => true,
        Op::Attach { .. } | Op::Associate { .. } | Op::Propagate { .. } | Op::CreateConnectionRoute { .. } => {
            taken(&Op::Detach { connection: id() })
        }
        _ => false,
    };
    steps().filter(|step| was_taken(&step.op)).map(put_back).collect()
}

/// Whether a call for this connection can still take effect.
pub fn may_change_still(progress: &ReplacementProgress, connection: &str, now: Now) -> bool {
    let own = progress.plan.steps().filter(|step| step.op.connection() == Some(connection));
    own.filter_map(|step| progress.steps.get(&step.id)).any(|step| can_take_effect(step, now))
}

/// How long a call for this connection can take effect yet.
fn last_effect(progress: &ReplacementProgress, connection: &str, now: Now) -> SignedDuration {
    let own = progress.plan.steps().filter(|step| step.op.connection() == Some(connection));
    let known = own.filter_map(|step| progress.steps.get(&step.id));
    let sent = known.filter_map(|step| step.open.as_ref().map(|open| &open.last_sent).or(step.doubtful.as_ref()));
    sent.map(|sending| dead_at(sending, now) - now.uptime).max().unwrap_or_default().max(SignedDuration::ZERO)
}

/// What the plan has made and moved so far, for the person who gives it up.
pub fn what_stays(view: &View<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    for (slot, name) in [(Slot::New, "the new"), (Slot::Temporary, "the temporary")] {
        let made = view
            .plan()
            .steps()
            .any(|step| matches!(&step.op, Op::CreateGateway { slot: made } if *made == slot) && view.progress.is_proven(&step.id));
        if let Some(id) = view.gateway(&slot).filter(|_| made) {
            lines.push(format!("{name} customer gateway {id} stays"));
        }
    }
    for step in view.plan().steps().filter(|step| view.progress.is_proven(&step.id)) {
        match &step.op {
            Op::RebindTunnel { connection, index, to } => lines.push(format!("tunnel {index} of {connection} stays at {}", words(to))),
            Op::RebindConnection { connection, to } => lines.push(format!("{connection} stays at {}", words(to))),
            Op::CreateConnection { connection } => lines.push(format!("{connection} stays as {}", view.connection_id(connection))),
            _ => {}
        }
    }
    lines.extend(view.plan().old.iter().map(|old| format!("customer gateway {} ({}) stays", old.id, old.ip)));
    lines
}

fn words(to: &Slot) -> &str {
    match to {
        Slot::New => "the new customer gateway",
        Slot::Temporary => "the temporary customer gateway",
        Slot::Old(id) => id,
    }
}
