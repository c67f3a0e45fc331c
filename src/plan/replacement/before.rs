//! What has to come up. The measure is what worked before: a tunnel that was down then, such as the second one of a device that
//! configures only one, proves nothing against the new customer gateway.

use super::Subjects;
use super::next::is_in_use;
use crate::model::{IpsecConnection, Op, ReplacementPlan, Snapshot, Worked};

/// What a tunnel is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// It worked before.
    ToComeUp,
    /// It was down before.
    Nothing,
    /// Nobody knows what worked before: one tunnel of its connection has to come up.
    OneOfThem,
}

/// What worked before the replacement: of a connection over which traffic may be running, what the cloud shows, and what was
/// `remembered` from earlier looks, because a tunnel that is down in one of them may be negotiating anew; of one that is down, what was
/// remembered from when the device was where it was. That others work, or that the cloud still shows an SA of theirs, says nothing of
/// it.
pub(super) fn worked(subjects: &Subjects, snapshot: &Snapshot, remembered: &Worked) -> Worked {
    let known = snapshot.connections.iter().filter_map(|connection| {
        let own = tunnels_at(&connection.shape, |id| subjects.moved().any(|gateway| gateway.id == id));
        let is_in_use = |index: &u8| is_in_use(&connection.shape, *index);
        let before = remembered.get(&connection.id);
        if before.is_none() && !own.iter().any(is_in_use) {
            return None;
        }
        let worked = |index: &u8| is_in_use(index) || before.is_some_and(|before| before.contains(index));
        Some((connection.id.clone(), own.into_iter().filter(worked).collect()))
    });
    known.collect()
}

/// The connections of which one tunnel of ours is in use and another not: whether that one is down one look does not tell, because a
/// tunnel negotiates anew now and then.
pub fn half_in_use(subjects: &Subjects, snapshot: &Snapshot) -> Vec<String> {
    let is_half = |shape: &IpsecConnection| {
        let own = tunnels_at(shape, |id| subjects.moved().any(|gateway| gateway.id == id));
        let up = own.iter().filter(|index| is_in_use(shape, **index)).count();
        up > 0 && up < own.len()
    };
    snapshot.connections.iter().filter(|connection| is_half(&connection.shape)).map(|connection| connection.id.clone()).collect()
}

/// What a later look shows at work too.
pub fn seen_at_work(remembered: &mut Worked, shape: &IpsecConnection) {
    let up = tunnels_at(shape, |_| true).into_iter().filter(|index| is_in_use(shape, *index));
    let known = remembered.entry(shape.id.clone()).or_default();
    known.extend(up);
    known.sort_unstable();
    known.dedup();
}

/// The tunnels of a connection at these customer gateways, by index; 0 stands for a single-tunnel connection.
pub fn tunnels_at(connection: &IpsecConnection, is_one: impl Fn(&str) -> bool) -> Vec<u8> {
    if !connection.is_dual() {
        return vec![0];
    }
    connection.tunnels.iter().filter(|tunnel| is_one(&tunnel.customer_gateway_id)).map(|tunnel| tunnel.index).collect()
}

pub fn demand(plan: &ReplacementPlan, connection: &str, index: u8) -> Demand {
    match plan.worked.get(connection) {
        Some(worked) if worked.contains(&index) => Demand::ToComeUp,
        Some(_) => Demand::Nothing,
        None => Demand::OneOfThem,
    }
}

/// What is not asked to come up, and why, for whoever decides about the plan.
pub fn not_asked_for(plan: &ReplacementPlan) -> Vec<String> {
    let mut lines = Vec::new();
    for id in plan.connections() {
        let verified = plan.steps().filter_map(|step| match &step.op {
            Op::Verify { connection, index } if connection == id => Some(*index),
            _ => None,
        });
        let (mut asked, mut down) = (0, Vec::new());
        for index in verified {
            match demand(plan, id, index) {
                Demand::Nothing => down.push(named(id, index)),
                Demand::OneOfThem => asked += 1,
                Demand::ToComeUp => {}
            }
        }
        lines.extend(down.into_iter().map(|tunnel| format!("{tunnel} was down before: it is moved, and need not come up")));
        if asked > 1 {
            lines.push(format!("{id}: which of its tunnels worked before is not known, so one that comes up is enough"));
        }
    }
    lines
}

pub fn named(connection: &str, index: u8) -> String {
    if index == 0 { connection.to_owned() } else { format!("tunnel {index} of {connection}") }
}
