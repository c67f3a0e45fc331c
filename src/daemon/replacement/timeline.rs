//! When each tunnel went down and came back, as lines for people.

use crate::journal::replay::ReplacementProgress;
use crate::model::{NOT_UP, Op, PlannedStep, Timestamp};
use crate::plan::replacement::{Demand, KEPT, demand, named};

/// Of a plan that is open, or that has ended.
pub fn timeline(progress: &ReplacementProgress) -> Vec<String> {
    let earlier = progress.plan.moved_before.iter().map(|moved| {
        let works = if moved.works { "works" } else { "was not seen to work" };
        format!("{}: moved by an earlier replacement, and {works} there when this one began", moved.new_id)
    });
    progress.plan.connections().into_iter().flat_map(|id| of_connection(progress, id)).chain(earlier).collect()
}

fn of_connection(progress: &ReplacementProgress, id: &str) -> Vec<String> {
    let verified = progress.plan.steps().filter_map(|step| match &step.op {
        Op::Verify { connection, index } if connection == id => Some((*index, step.id.as_str())),
        _ => None,
    });
    let mut tunnels: Vec<(u8, &str)> = verified.collect();
    tunnels.sort_unstable();
    if tunnels.is_empty() {
        return vec![of_unbound(progress, id)];
    }
    tunnels.into_iter().map(|(index, step)| of_tunnel(progress, id, index, step)).collect()
}

/// What is bound to nothing carries nothing, and cannot come up.
fn of_unbound(progress: &ReplacementProgress, id: &str) -> String {
    let touched =
        progress.plan.steps().filter(|step| step.op.connection() == Some(id)).filter_map(|step| progress.step(&step.id).first_sent);
    match touched.min() {
        Some(touched) => format!("{id}: first touched {touched:.3}; it is bound to nothing, so nothing had to come up"),
        None => format!("{id}: not touched"),
    }
}

fn of_tunnel(progress: &ReplacementProgress, id: &str, index: u8, verification: &str) -> String {
    let tunnel = named(id, index);
    let demand = demand(&progress.plan, id, index);
    let Some(touched) = touched(progress, id, index) else { return format!("{tunnel}: not touched") };
    // Without a plan that may interrupt, nothing is touched that works.
    let since = match (progress.plan.planned, demand) {
        (true, Demand::ToComeUp) => format!("{tunnel}: down from {touched:.3}"),
        (true, Demand::OneOfThem) => format!("{tunnel}: moved {touched:.3}"),
        (false, _) | (true, Demand::Nothing) => format!("{tunnel}: down before, moved {touched:.3}"),
    };
    let verification = progress.step(verification);
    match (verification.shown, verification.id.as_deref() == Some(NOT_UP)) {
        (Some(up), false) => format!("{since}, works since {up:.3} ({:.1} s)", up.duration_since(touched).as_secs_f64().max(0.0)),
        (Some(_), true) if demand == Demand::Nothing => format!("{since}, and down, as it was before"),
        (Some(_), true) => {
            format!("{since}, and did not come up; whether it worked before is not known, and its connection works without it")
        }
        (None, _) => match pointed_back(progress, id, index) {
            Some(back) => format!("{since}, did not come up, pointed back {back:.3}"),
            None => format!("{since}, not seen to work yet"),
        },
    }
}

/// When the first call went out that takes it from where it was.
fn touched(progress: &ReplacementProgress, id: &str, index: u8) -> Option<Timestamp> {
    let interrupts = |op: &Op| moves(op, id, index) || op.connection() == Some(id) && op.opens_a_gap();
    progress.plan.steps().filter(|step| interrupts(&step.op)).filter_map(|step| progress.step(&step.id).first_sent).min()
}

fn pointed_back(progress: &ReplacementProgress, id: &str, index: u8) -> Option<Timestamp> {
    let moved = progress.plan.steps().filter(|step| moves(&step.op, id, index));
    let back = moved.filter_map(|step| progress.steps.get(&PlannedStep::back(&step.id, step.op.clone()).id));
    back.filter(|step| step.id.as_deref() != Some(KEPT)).filter_map(|step| step.proven).max()
}

fn moves(op: &Op, id: &str, index: u8) -> bool {
    match op {
        Op::RebindTunnel { connection, index: own, .. } => connection == id && *own == index,
        Op::RebindConnection { connection, .. } => connection == id,
        _ => false,
    }
}
