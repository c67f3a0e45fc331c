//! The steps of a plan, in their order.

use super::next::is_in_use;
use super::{Manner, Subjects, is_shown, strategy};
use crate::model::{Attachment, ConnectionSnapshot, Lane, Op, Order, PlannedStep, ReplacementPlan, Slot, Snapshot, TunnelRole};
use crate::plan::Strategy;

/// Whether something has to be pointed elsewhere while the old customer gateway goes before the new one comes: the address is
/// taken, or the documented order was asked for, and a connection cannot or must not be deleted.
///
/// Where only the ASN changes, one is made also for nobody to wait at: it proves the right to create, and that there is room, before
/// anything is deleted. Only the cloud knows whether there is, and a person may then go on without it. The literal order to another
/// address stays literal.
pub(super) fn needs_a_place_to_wait(plan: &ReplacementPlan, snapshot: &Snapshot, subjects: &Subjects, manner: Manner) -> bool {
    let composer = Composer::of(plan, subjects, manner);
    let proves = subjects.holds_address(plan.new.ip) && !manner.unproven;
    let waits = || snapshot.connections.iter().any(|connection| composer.strategy(connection) == Strategy::Rebind);
    composer.old_goes_first() && (proves || waits())
}

pub(super) fn stages(plan: &ReplacementPlan, subjects: &Subjects, snapshot: &Snapshot, manner: Manner, waits: bool) -> Vec<Vec<Lane>> {
    let composer = Composer::of(plan, subjects, manner);
    let stages = if composer.old_goes_first() { composer.old_first(snapshot, waits) } else { composer.new_first(snapshot) };
    numbered(stages)
}

struct Composer<'a> {
    plan: &'a ReplacementPlan,
    subjects: &'a Subjects,
    manner: Manner,
}

impl<'a> Composer<'a> {
    fn of(plan: &'a ReplacementPlan, subjects: &'a Subjects, manner: Manner) -> Composer<'a> {
        Composer { plan, subjects, manner }
    }

    /// What is there already needs nobody to make room for it.
    fn old_goes_first(&self) -> bool {
        let exists = self.subjects.new.is_some() || self.subjects.adoptable.is_some();
        !exists && (self.manner.order == Order::Documented || self.subjects.holds_address(self.plan.new.ip))
    }

    fn is_ours(&self, id: &str) -> bool {
        self.subjects.moved().any(|gateway| gateway.id == id)
    }

    fn strategy(&self, connection: &ConnectionSnapshot) -> Strategy {
        let recreate = self.manner.recreate || self.manner.order == Order::Documented;
        strategy(&connection.shape, recreate, |id| self.is_ours(id)).0
    }

    fn new_first(&self, snapshot: &Snapshot) -> Vec<Vec<Lane>> {
        let mut stages = Vec::new();
        stages.extend(self.make_new());
        stages.push(snapshot.connections.iter().map(|connection| self.moved_lane(connection)).collect());
        stages.push(vec![self.retire()]);
        stages
    }

    /// The literal documented order: what can be deleted is, and what cannot waits at a temporary customer gateway.
    fn old_first(&self, snapshot: &Snapshot, waits: bool) -> Vec<Vec<Lane>> {
        let mut stages = Vec::new();
        if waits && self.subjects.temporary.is_none() {
            stages.push(vec![gateways(vec![Op::CreateGateway { slot: Slot::Temporary }])]);
        }
        let lane = |connection: &ConnectionSnapshot, ops| on(connection, ops);
        stages.push(
            snapshot
                .connections
                .iter()
                .map(|connection| match self.strategy(connection) {
                    Strategy::Recreate => lane(connection, deletion(connection)),
                    Strategy::Rebind => lane(connection, self.rebinding(connection, &Slot::Temporary, false)),
                })
                .collect(),
        );
        stages.push(vec![gateways(self.plan.old.iter().map(|old| Op::DeleteGateway { id: old.id.clone() }).collect())]);
        stages.push(vec![gateways(vec![Op::CreateGateway { slot: Slot::New }])]);
        stages.push(
            snapshot
                .connections
                .iter()
                .map(|connection| match self.strategy(connection) {
                    Strategy::Recreate => lane(connection, creation(connection)),
                    Strategy::Rebind => lane(connection, self.rebinding(connection, &Slot::New, true)),
                })
                .collect(),
        );
        let temporary = self.plan.temporary.as_ref().map(|_| Op::DeleteMade { slot: Slot::Temporary });
        stages.push(vec![gateways([Op::UnmarkGateway].into_iter().chain(temporary).collect())]);
        stages
    }

    fn make_new(&self) -> Option<Vec<Lane>> {
        if self.subjects.new.is_some() {
            return None;
        }
        let op = match &self.subjects.adoptable {
            Some(gateway) => Op::AdoptGateway { id: gateway.id.clone() },
            None => Op::CreateGateway { slot: Slot::New },
        };
        Some(vec![gateways(vec![op])])
    }

    fn retire(&self) -> Lane {
        let old = self.plan.old.iter().map(|old| Op::DeleteGateway { id: old.id.clone() });
        let temporary = self.plan.temporary.as_ref().map(|_| Op::DeleteMade { slot: Slot::Temporary });
        gateways([Op::UnmarkGateway].into_iter().chain(temporary).chain(old).collect())
    }

    fn moved_lane(&self, connection: &ConnectionSnapshot) -> Lane {
        match self.strategy(connection) {
            Strategy::Rebind => on(connection, self.rebinding(connection, &Slot::New, true)),
            Strategy::Recreate => on(connection, deletion(connection).into_iter().chain(creation(connection)).collect()),
        }
    }

    /// What carries nothing first, then the standby. Where a tunnel works, the next one waits until the one before has come up, so that
    /// traffic stays where it is.
    fn rebinding(&self, connection: &ConnectionSnapshot, to: &Slot, verified: bool) -> Vec<Op> {
        let id = &connection.id;
        let verify = |index| (verified && is_bound(connection)).then(|| Op::Verify { connection: id.clone(), index });
        if !connection.shape.is_dual() {
            let rebind = Op::RebindConnection { connection: id.clone(), to: to.clone() };
            return [Some(rebind), verify(0)].into_iter().flatten().collect();
        }
        let mut tunnels: Vec<_> = connection.shape.tunnels.iter().filter(|tunnel| self.is_ours(&tunnel.customer_gateway_id)).collect();
        tunnels.sort_by_key(|tunnel| (is_in_use(&connection.shape, tunnel.index), tunnel.role == TunnelRole::Active));
        let rebind = |index| Op::RebindTunnel { connection: id.clone(), index, to: to.clone() };
        let indexes = || tunnels.iter().map(|tunnel| tunnel.index);
        // Where none works, also because all wait elsewhere, the second does not wait for the first: that may be one that the device
        // does not have. In a planned move what worked a moment ago counts, too.
        let worked = || self.plan.planned && self.plan.worked.get(id).is_some_and(|worked| !worked.is_empty());
        if self.old_goes_first() || !(worked() || indexes().any(|index| is_in_use(&connection.shape, index))) {
            return indexes().map(rebind).chain(indexes().filter_map(verify)).collect();
        }
        indexes().flat_map(|index| [Some(rebind(index)), verify(index)]).flatten().collect()
    }
}

/// What has no address on the cloud's side cannot come up.
fn is_bound(connection: &ConnectionSnapshot) -> bool {
    connection.shape.attachment != Attachment::Unbound
}

/// Routes first: whether the cloud drops them, keeps them or refuses to delete the connection is not known (cloud/api.md 10).
fn deletion(connection: &ConnectionSnapshot) -> Vec<Op> {
    let id = || connection.id.clone();
    let mut ops: Vec<Op> = Vec::new();
    ops.extend((0..connection.routes.len()).map(|route| Op::DeleteRoute { connection: id(), route }));
    ops.extend((0..connection.policies.len()).map(|policy| Op::DeletePolicy { connection: id(), policy }));
    if let Some(attachment) = &connection.attachment {
        // Each by itself and none by force: a table that somebody adds in the last moment then keeps the cloud from the deletion.
        ops.extend(attachment.associations.iter().map(|table| Op::Dissociate { connection: id(), table: table.clone() }));
        ops.extend(attachment.propagations.iter().map(|table| Op::StopPropagating { connection: id(), table: table.clone() }));
        ops.push(Op::Detach { connection: id() });
    }
    ops.push(Op::DeleteConnection { connection: id() });
    ops
}

fn creation(connection: &ConnectionSnapshot) -> Vec<Op> {
    let id = || connection.id.clone();
    let mut ops = vec![Op::CreateConnection { connection: id() }];
    if let Some(attachment) = &connection.attachment {
        ops.push(Op::Attach { connection: id() });
        ops.extend(attachment.associations.iter().map(|table| Op::Associate { connection: id(), table: table.clone() }));
        ops.extend(attachment.propagations.iter().map(|table| Op::Propagate { connection: id(), table: table.clone() }));
    }
    ops.extend((0..connection.routes.len()).map(|route| Op::CreateRoute { connection: id(), route }));
    ops.extend((0..connection.policies.len()).map(|policy| Op::CreatePolicy { connection: id(), policy }));
    ops.extend((0..connection.connection_routes.len()).map(|route| Op::CreateConnectionRoute { connection: id(), route }));
    ops.push(Op::UnmarkConnection { connection: id() });
    if is_bound(connection) {
        let single = [0].as_slice();
        let indexes: Vec<u8> = connection.shape.tunnels.iter().map(|tunnel| tunnel.index).collect();
        let indexes = if indexes.is_empty() { single } else { &indexes };
        ops.extend(indexes.iter().map(|index| Op::Verify { connection: id(), index: *index }));
    }
    ops
}

fn gateways(ops: Vec<Op>) -> Lane {
    Lane { connection: None, lock: None, steps: unnumbered(ops) }
}

fn on(connection: &ConnectionSnapshot, ops: Vec<Op>) -> Lane {
    let lock = match &connection.shape.attachment {
        Attachment::VpnGateway(id) => id.clone(),
        Attachment::TransitRouter(_) | Attachment::Unbound => connection.id.clone(),
    };
    Lane { connection: Some(connection.id.clone()), lock: Some(lock), steps: unnumbered(ops) }
}

fn unnumbered(ops: Vec<Op>) -> Vec<PlannedStep> {
    ops.into_iter().map(|op| PlannedStep { id: String::new(), op }).collect()
}

/// Lanes and stages without a step are left out. What a plan shows is numbered `1`, `2`, …; what only waits or tidies up after a
/// step is `2.1`, `2.2`, …
fn numbered(stages: Vec<Vec<Lane>>) -> Vec<Vec<Lane>> {
    let (mut last, mut below) = (0, 0);
    let mut kept = Vec::new();
    for stage in stages {
        let mut lanes: Vec<Lane> = stage.into_iter().filter(|lane| !lane.steps.is_empty()).collect();
        for step in lanes.iter_mut().flat_map(|lane| &mut lane.steps) {
            if is_shown(&step.op) {
                (last, below) = (last + 1, 0);
                step.id = last.to_string();
            } else {
                below += 1;
                step.id = format!("{last}.{below}");
            }
        }
        if !lanes.is_empty() {
            kept.push(lanes);
        }
    }
    kept
}
