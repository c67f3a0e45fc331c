//! Where a replacement can be given up without losing anything, and what then stays.

use super::next::{View, dead_at};
use crate::journal::replay::{ReplacementProgress, StepProgress};
use crate::model::{Lane, Op, PlannedStep, Slot};
use crate::plan::Now;

/// Why it cannot be given up here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsafe {
    pub why: String,
    /// Whether waiting alone ends it.
    pub passes: bool,
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
    if let Some((connection, gap)) = gaps(progress).into_iter().find(|(connection, _)| !lost.contains(connection)) {
        let why = match gap {
            Gap::TakenOff => format!("{connection} lacks what was taken off it"),
            Gap::Deleted => format!("{connection} is deleted and not made again yet: `cgwd replace --resume` makes it again first"),
            Gap::Unfinished => format!("{connection} is not wholly made again yet: `cgwd replace --resume` does that first"),
        };
        return Some(Unsafe { why, passes: false });
    }
    for (id, step) in &progress.steps {
        if let Some(open) = &step.open {
            let why = format!("{} for {} has no confirmed outcome yet; try again in some minutes", open.action, open.target);
            return Some(Unsafe { why, passes: true });
        }
        if let Some(sending) = &step.doubtful
            && now.uptime < dead_at(sending, now)
        {
            let left = (dead_at(sending, now) - now.uptime).as_secs();
            return Some(Unsafe { why: format!("an earlier copy of step {id} can still take effect for {left} s"), passes: true });
        }
    }
    None
}

/// The connections that have been touched by what deletes them and are not whole again.
pub fn gaps(progress: &ReplacementProgress) -> Vec<(String, Gap)> {
    let connections = progress.plan.connections();
    connections.into_iter().filter_map(|id| gap(progress, id).map(|gap| (id.to_owned(), gap))).collect()
}

fn gap(progress: &ReplacementProgress, connection: &str) -> Option<Gap> {
    let steps = || progress.plan.steps().filter(|step| step.op.connection() == Some(connection));
    let had_effect = |step: &PlannedStep| progress.steps.get(&step.id).is_some_and(StepProgress::may_have_had_effect);
    let begun = steps().any(|step| step.op.opens_a_gap() && had_effect(step));
    let is_made = |op: &Op| !op.opens_a_gap() && !matches!(op, Op::Verify { .. });
    let whole = steps().filter(|step| is_made(&step.op)).all(|step| progress.is_proven(&step.id));
    if !begun || whole || put_back(progress, connection).is_none() {
        return None;
    }
    let deletes = |step: &&PlannedStep| matches!(step.op, Op::DeleteConnection { .. });
    let makes = |step: &&PlannedStep| matches!(step.op, Op::CreateConnection { .. });
    Some(match steps().find(makes).is_some_and(|step| progress.step(&step.id).id.is_some()) {
        true => Gap::Unfinished,
        false if steps().find(deletes).is_some_and(had_effect) => Gap::Deleted,
        false => Gap::TakenOff,
    })
}

/// What was taken off a connection that is there itself, put back as the plan would have done it for the one made again; `None`
/// where that is done.
pub fn put_back(progress: &ReplacementProgress, connection: &str) -> Option<Lane> {
    let lane = progress.plan.lanes().find(|lane| lane.connection.as_deref() == Some(connection))?;
    let steps = || progress.plan.steps().filter(|step| step.op.connection() == Some(connection));
    let taken = |op: &Op| steps().any(|step| step.op == *op && progress.steps.get(&step.id).is_some_and(StepProgress::may_have_had_effect));
    let id = || connection.to_owned();
    let was_taken = |op: &Op| match op {
        Op::CreateRoute { route, .. } => taken(&Op::DeleteRoute { connection: id(), route: *route }),
        Op::CreatePolicy { policy, .. } => taken(&Op::DeletePolicy { connection: id(), policy: *policy }),
        Op::Attach { .. } | Op::Associate { .. } | Op::Propagate { .. } | Op::CreateConnectionRoute { .. } => taken(&Op::Detach { connection: id() }),
        _ => false,
    };
    let back = |step: &PlannedStep| PlannedStep { id: format!("back-{}", step.id), op: step.op.clone() };
    let steps: Vec<PlannedStep> = steps().filter(|step| was_taken(&step.op)).map(back).collect();
    let is_done = steps.iter().all(|step| progress.is_proven(&step.id)) && !taken(&Op::DeleteConnection { connection: id() });
    (!is_done).then(|| Lane { steps, ..lane.clone() })
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
