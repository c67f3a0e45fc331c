//! What an earlier replacement has done before it was given up, or went back in part: the next plan ends it, and its report tells all of
//! it.

use super::next::is_in_use;
use super::{Subjects, tunnels_at};
use crate::journal::replay::{ReplacementProgress, Replacements};
use crate::model::{Inventory, MovedBefore, Op, ReplacementOutcome};

/// Connections that are wholly at the new customer gateway already.
pub fn moved_before(subjects: &Subjects, inventory: &Inventory, replacements: &Replacements) -> Vec<MovedBefore> {
    let last = replacements.last.as_ref().filter(|last| last.outcome != ReplacementOutcome::Done);
    let (Some(new), Some(last)) = (&subjects.new, last) else { return Vec::new() };
    let there = inventory.connections.iter().filter(|connection| connection.refers_to(&new.id) && !subjects.moves(connection));
    let moved = there.filter_map(|connection| {
        let old_id = id_before(&last.progress, &connection.id)?.to_owned();
        let works = tunnels_at(connection, |id| id == new.id).into_iter().any(|index| is_in_use(connection, index));
        Some(MovedBefore { old_id, new_id: connection.id.clone(), works })
    });
    moved.collect()
}

/// What that plan, or one before it, called this connection, which may have been made again under another id.
pub(super) fn id_before<'a>(then: &'a ReplacementProgress, now: &str) -> Option<&'a str> {
    let made = then.plan.steps().find_map(|step| match &step.op {
        Op::CreateConnection { connection } if then.step(&step.id).id.as_deref() == Some(now) => Some(connection.as_str()),
        _ => None,
    });
    let known = || then.plan.connections().into_iter().find(|id| *id == now);
    let earlier = || then.plan.moved_before.iter().find(|moved| moved.new_id == now).map(|moved| moved.old_id.as_str());
    made.or_else(known).or_else(earlier)
}
