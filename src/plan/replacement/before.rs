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

/// What worked before the replacement: of a connection over which traffic may be running, what the cloud shows; of one that is down, what
/// was `remembered` from when the device was where it was. That others work, or that the cloud still shows an SA of theirs, says
/// nothing of it.
pub(super) fn worked(subjects: &Subjects, snapshot: &Snapshot, remembered: &Worked) -> Worked {
    let known = snapshot.connections.iter().filter_map(|connection| {
        let own = tunnels_at(&connection.shape, |id| subjects.moved().any(|gateway| gateway.id == id));
        let in_use: Vec<u8> = own.iter().copied().filter(|index| is_in_use(&connection.shape, *index)).collect();
        if !in_use.is_empty() {
            return Some((connection.id.clone(), in_use));
        }
        let before = remembered.get(&connection.id)?;
        Some((connection.id.clone(), own.into_iter().filter(|index| before.contains(index)).collect()))
    });
    known.collect()
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
