//! Where a replacement can be given up without losing anything, and what then stays.

use super::next::{View, dead_at};
use crate::journal::replay::{ReplacementProgress, StepProgress};
use crate::model::{Op, Slot};
use crate::plan::Now;
use jiff::SignedDuration;

/// Why it cannot be given up here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsafe {
    pub why: String,
    /// For how long at least it has to be waited, where waiting alone ends it.
    pub passes_in: Option<SignedDuration>,
}

/// A connection that is deleted and not wholly made again is in the journal alone; and a call that can still take effect would
/// surprise the next plan.
pub fn what_is_unsafe(progress: &ReplacementProgress, now: Now) -> Option<Unsafe> {
    if let Some(connection) = in_a_gap(progress) {
        let why = format!("{connection} is deleted and not made again yet: `cgwd replace --resume` makes it again first");
        return Some(Unsafe { why, passes_in: None });
    }
    for (id, step) in &progress.steps {
        if let Some(open) = &step.open {
            let why = format!("{} for {} has no confirmed outcome yet; try again in some minutes", open.action, open.target);
            return Some(Unsafe { why, passes_in: Some(SignedDuration::ZERO) });
        }
        if let Some(sending) = &step.doubtful
            && now.uptime < dead_at(sending, now)
        {
            let left = dead_at(sending, now) - now.uptime;
            let why = format!("an earlier copy of step {id} can still take effect for {} s; try again then", left.as_secs());
            return Some(Unsafe { why, passes_in: Some(left) });
        }
    }
    None
}

/// The connection that has been touched by what deletes it and is not made again to the last route.
pub fn in_a_gap(progress: &ReplacementProgress) -> Option<String> {
    let connections = progress.plan.connections();
    let in_gap = connections.into_iter().find(|id| {
        let steps = || progress.plan.steps().filter(|step| step.op.connection() == Some(id));
        // Routes alone are put back while the connection is still there.
        let is_gap = |op: &Op| matches!(op, Op::Detach { .. } | Op::DeleteConnection { .. });
        let begun = steps().any(|step| is_gap(&step.op) && progress.steps.get(&step.id).is_some_and(StepProgress::may_have_happened));
        let is_made = |op: &Op| !op.opens_a_gap() && !matches!(op, Op::Verify { .. } | Op::UnmarkConnection { .. });
        let whole = steps().filter(|step| is_made(&step.op)).all(|step| progress.is_proven(&step.id));
        begun && !whole
    });
    in_gap.map(str::to_owned)
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
