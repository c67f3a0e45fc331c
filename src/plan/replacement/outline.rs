//! What a replacement would take, from a list of connections alone: for people and alerts, before anything was read whole.

use super::{Manner, Subjects, describe, draft};
use crate::model::{ConnectionSnapshot, Inventory, Op, Order, SNAPSHOT_FORMAT, Snapshot, Worked};
use crate::plan::{Desired, Step};
use serde_json::Value;

/// The steps that write, in their order.
pub fn outline(desired: &Desired, subjects: &Subjects, inventory: &Inventory) -> Vec<Step> {
    let snapshot = listed(subjects, inventory);
    let manner =
        Manner { order: Order::NewFirst, recreate: false, planned: false, unproven: false, rollback: true, recheck_ms: 0, verify_ms: 0 };
    let plan = draft("outline", desired, subjects, &snapshot, inventory, manner, &Worked::new());
    plan.steps().filter(|step| is_shown(&step.op)).map(|step| describe(&plan, &snapshot, step)).collect()
}

/// Waiting writes nothing, and the replacement's own marks are its own business.
pub fn is_shown(op: &Op) -> bool {
    !matches!(op, Op::Verify { .. } | Op::UnmarkGateway | Op::UnmarkConnection { .. })
}

/// The connections as the list shows them, without what only their descriptions tell.
pub fn listed(subjects: &Subjects, inventory: &Inventory) -> Snapshot {
    let connections = inventory.connections.iter().filter(|connection| subjects.moves(connection));
    let known = connections.map(|connection| ConnectionSnapshot {
        id: connection.id.clone(),
        shape: connection.clone(),
        body: Value::Null.into(),
        description: None,
        routes: Vec::new(),
        policies: Vec::new(),
        connection_routes: Vec::new(),
        attachment: None,
        authorizations: Vec::new(),
    });
    Snapshot {
        format: SNAPSHOT_FORMAT,
        region: inventory.region.clone(),
        taken_at: inventory.read_at,
        gateways: subjects.old.iter().map(Into::into).collect(),
        connections: known.collect(),
    }
}
