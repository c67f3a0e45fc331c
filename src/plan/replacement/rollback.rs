//! The way back: every tunnel that does not work at the new customer gateway is pointed at the old one, while that exists.

use crate::journal::replay::{ReplacementProgress, StepProgress};
use crate::model::{Lane, Op, PlannedStep, ReplacementPlan, Slot, Snapshot, is_back};

/// In the place of an id beside the proof of a step back: it works where it is, and stays there.
pub const KEPT: &str = "kept";

/// A connection has so many at most.
const TUNNELS: u8 = 2;

/// What is pointed back, as lanes; then the new customer gateway where nothing is left on it. What came up at the new one stays
/// there: a tunnel that works is never touched.
pub fn back_lanes(progress: &ReplacementProgress, snapshot: &Snapshot) -> Vec<Lane> {
    let lanes = progress.plan.lanes().filter_map(|lane| {
        let steps: Vec<PlannedStep> = lane.steps.iter().rev().filter_map(|step| back(progress, snapshot, step)).collect();
        (!steps.is_empty()).then(|| Lane { steps, ..lane.clone() })
    });
    lanes.collect()
}

fn back(progress: &ReplacementProgress, snapshot: &Snapshot, step: &PlannedStep) -> Option<PlannedStep> {
    // Only what was sent can be anywhere else.
    if !progress.steps.get(&step.id).is_some_and(StepProgress::may_have_happened) {
        return None;
    }
    match &step.op {
        Op::RebindTunnel { connection, index, .. } if !stays(progress, connection, *index) => {
            let tunnel = snapshot.connection(connection)?.shape.tunnels.iter().find(|tunnel| tunnel.index == *index)?;
            let to = Slot::Old(tunnel.customer_gateway_id.clone());
            Some(PlannedStep::back(&step.id, Op::RebindTunnel { connection: connection.clone(), index: *index, to }))
        }
        Op::RebindConnection { connection, .. } if !stays(progress, connection, 0) => {
            let to = Slot::Old(snapshot.connection(connection)?.shape.customer_gateway_id.clone());
            Some(PlannedStep::back(&step.id, Op::RebindConnection { connection: connection.clone(), to }))
        }
        _ => None,
    }
}

/// What was not asked to come up stays beside what did.
fn stays(progress: &ReplacementProgress, connection: &str, index: u8) -> bool {
    let works = |index: &u8| progress.came_up(connection, *index);
    works(&index) || progress.left_down(connection).contains(&index) && (0..=TUNNELS).any(|other| works(&other))
}

/// Whether the new customer gateway is of no use once everything was pointed back: nothing came up at it, and nothing was made on it.
pub fn leaves_nothing_behind(progress: &ReplacementProgress) -> bool {
    let plan: &ReplacementPlan = &progress.plan;
    let uses = |op: &Op| matches!(op, Op::Verify { .. } | Op::CreateConnection { .. });
    let is_kept = |(id, step): (&String, &StepProgress)| is_back(id) && step.id.as_deref() == Some(KEPT);
    plan.new.id.is_none()
        && !progress.steps.iter().any(is_kept)
        && !plan.steps().any(|step| uses(&step.op) && progress.steps.contains_key(&step.id) && is_used(progress, step))
}

fn is_used(progress: &ReplacementProgress, step: &PlannedStep) -> bool {
    match &step.op {
        Op::Verify { connection, index } => progress.came_up(connection, *index),
        _ => true,
    }
}
