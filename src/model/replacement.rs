//! The plan of a replacement as it is kept in the journal (format 2): what was decided before the first write, and nothing that
//! a reading can tell better. Fields and variants are only ever added.

use super::{Asn, Tags, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplacementPlan {
    /// 16 hexadecimal digits; what the plan makes bears it as the tag `cgwd-plan` while it runs.
    pub id: String,
    pub device: String,
    pub region: String,
    /// The customer gateways to be replaced, the registered one first.
    pub old: Vec<GatewayRef>,
    /// What takes their place.
    pub new: Target,
    /// Where tunnels wait while no customer gateway holds the address (an ASN-only change).
    pub temporary: Option<Target>,
    pub order: Order,
    /// Tunnels that work may be touched: a person said so.
    pub planned: bool,
    pub rollback: bool,
    /// Milliseconds between the two readings that a destructive call relies on.
    pub recheck_ms: u64,
    /// Milliseconds for a tunnel to come up.
    pub verify_ms: u64,
    /// The tunnels that worked before, where that is known: what was down before is not asked to come up.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub worked: Worked,
    /// What an earlier plan has brought to the new customer gateway already, before it was given up or went back in part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moved_before: Vec<MovedBefore>,
    /// One after the other; the lanes of a stage side by side.
    pub stages: Vec<Vec<Lane>>,
    /// Each step that is shown, by its id, as it read when the plan was made: later only the sealed snapshot could tell. Plans of
    /// earlier versions have none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub words: BTreeMap<String, StepWords>,
}

/// Of connections, by their ids: the tunnels on this device's customer gateway that worked, by index (0 stands for a single-tunnel
/// connection). One that is not in it: nobody knows.
pub type Worked = BTreeMap<String, Vec<u8>>;

/// In the place of an id beside the proof of a verification: the tunnel is not up, and was not asked to be.
pub const NOT_UP: &str = "not_up";

/// A step as people and documents see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepWords {
    pub action: String,
    pub target: String,
    pub reason: String,
}

/// A connection that is where it is to be when the plan is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovedBefore {
    pub old_id: String,
    /// Another one where it was made again.
    pub new_id: String,
    /// Whether it worked there when the plan was made.
    pub works: bool,
}

/// What people write on a customer gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    pub name: String,
    pub description: String,
    /// Without this device's marks.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: Tags,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayRef {
    pub id: String,
    pub ip: Ipv4Addr,
    pub asn: Option<Asn>,
}

/// A customer gateway to be made, or one that is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    pub ip: Ipv4Addr,
    pub asn: Option<Asn>,
    /// Where it existed before the plan and was ours.
    pub id: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    NewFirst,
    Documented,
}

/// Steps that follow one another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    /// The connection that it is about; none for a lane of customer gateways.
    pub connection: Option<String>,
    /// What takes one change at a time: a VPN gateway, or the connection itself (cloud/api.md 1.5).
    pub lock: Option<String>,
    pub steps: Vec<PlannedStep>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedStep {
    /// `1`, `2`, … within the plan.
    pub id: String,
    pub op: Op,
}

/// Before the ids of steps that no plan has: those of the way back.
const BACK: &str = "back-";

impl PlannedStep {
    /// On the way back, what takes the place of the plan's own step `of`.
    pub fn back(of: &str, op: Op) -> PlannedStep {
        PlannedStep { id: format!("{BACK}{of}"), op }
    }

    pub fn goes_back(&self) -> bool {
        is_back(&self.id)
    }
}

/// Whether this is the id of a step on the way back.
pub fn is_back(step: &str) -> bool {
    step.starts_with(BACK)
}

/// Which customer gateway a tunnel is pointed at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Slot {
    New,
    Temporary,
    /// Back at the one with this id.
    Old(String),
}

/// What one step does. Each has one cloud call at most, and an effect that a reading shows. Connections go by the id that they
/// had when the plan was made; what was made again is found by the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Op {
    CreateGateway {
        slot: Slot,
    },
    /// Marks a customer gateway that nobody owns and that is as wanted.
    AdoptGateway {
        id: String,
    },
    /// One tunnel of a dual-tunnel connection.
    RebindTunnel {
        connection: String,
        index: u8,
        to: Slot,
    },
    /// A single-tunnel connection on a transit router.
    RebindConnection {
        connection: String,
        to: Slot,
    },
    DeleteRoute {
        connection: String,
        route: usize,
    },
    DeletePolicy {
        connection: String,
        policy: usize,
    },
    /// Takes the association with a route table off a connection.
    Dissociate {
        connection: String,
        table: String,
    },
    /// A route table no longer learns the routes of a connection.
    StopPropagating {
        connection: String,
        table: String,
    },
    /// Takes a connection off its transit router.
    Detach {
        connection: String,
    },
    DeleteConnection {
        connection: String,
    },
    CreateConnection {
        connection: String,
    },
    Attach {
        connection: String,
    },
    Associate {
        connection: String,
        table: String,
    },
    Propagate {
        connection: String,
        table: String,
    },
    CreateRoute {
        connection: String,
        route: usize,
    },
    CreatePolicy {
        connection: String,
        policy: usize,
    },
    CreateConnectionRoute {
        connection: String,
        route: usize,
    },
    /// Takes `cgwd-plan` off a connection that was made again.
    UnmarkConnection {
        connection: String,
    },
    /// Waits until it works: one tunnel, or a single-tunnel connection (index 0).
    Verify {
        connection: String,
        index: u8,
    },
    /// Takes `cgwd-plan` off the customer gateway.
    UnmarkGateway,
    DeleteGateway {
        id: String,
    },
    /// What the plan itself made: the temporary one at its end, the new one on the way back.
    DeleteMade {
        slot: Slot,
    },
}

/// Why a replacement does not go on by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    /// A short stable word, e.g. `drift`, `refused`, `not_verified`.
    pub reason: String,
    pub message: String,
    pub remedy: String,
    pub step: Option<String>,
    /// Whether going on by itself later may help.
    pub passes: bool,
}

/// How a replacement ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplacementOutcome {
    Done,
    RolledBack,
    /// Given up at a safe point: what it made stays and is found by the next plan.
    Abandoned,
}

impl ReplacementOutcome {
    pub fn name(self) -> &'static str {
        match self {
            ReplacementOutcome::Done => "done",
            ReplacementOutcome::RolledBack => "rolled_back",
            ReplacementOutcome::Abandoned => "abandoned",
        }
    }
}

impl ReplacementPlan {
    pub fn lanes(&self) -> impl Iterator<Item = &Lane> {
        self.stages.iter().flatten()
    }

    pub fn steps(&self) -> impl Iterator<Item = &PlannedStep> {
        self.lanes().flat_map(|lane| &lane.steps)
    }

    pub fn step(&self, id: &str) -> Option<&PlannedStep> {
        self.steps().find(|step| step.id == id)
    }

    /// The connections that it is about, each once, in order.
    pub fn connections(&self) -> Vec<&str> {
        let mut ids: Vec<&str> = Vec::new();
        for id in self.lanes().filter_map(|lane| lane.connection.as_deref()) {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        ids
    }

    pub fn is_old(&self, id: &str) -> bool {
        self.old.iter().any(|old| old.id == id)
    }
}

impl Op {
    pub fn connection(&self) -> Option<&str> {
        match self {
            Op::RebindTunnel { connection, .. }
            | Op::RebindConnection { connection, .. }
            | Op::DeleteRoute { connection, .. }
            | Op::DeletePolicy { connection, .. }
            | Op::Dissociate { connection, .. }
            | Op::StopPropagating { connection, .. }
            | Op::Detach { connection }
            | Op::DeleteConnection { connection }
            | Op::CreateConnection { connection }
            | Op::Attach { connection }
            | Op::Associate { connection, .. }
            | Op::Propagate { connection, .. }
            | Op::CreateRoute { connection, .. }
            | Op::CreatePolicy { connection, .. }
            | Op::CreateConnectionRoute { connection, .. }
            | Op::UnmarkConnection { connection }
            | Op::Verify { connection, .. } => Some(connection),
            Op::CreateGateway { .. } | Op::AdoptGateway { .. } | Op::UnmarkGateway | Op::DeleteGateway { .. } | Op::DeleteMade { .. } => {
                None
            }
        }
    }

    /// Whether it can interrupt traffic or removes something.
    pub fn is_destructive(&self) -> bool {
        match self {
            Op::RebindTunnel { .. }
            | Op::RebindConnection { .. }
            | Op::DeleteRoute { .. }
            | Op::DeletePolicy { .. }
            | Op::Dissociate { .. }
            | Op::StopPropagating { .. }
            | Op::Detach { .. }
            | Op::DeleteConnection { .. }
            | Op::DeleteGateway { .. }
            | Op::DeleteMade { .. } => true,
            Op::CreateGateway { .. }
            | Op::AdoptGateway { .. }
            | Op::CreateConnection { .. }
            | Op::Attach { .. }
            | Op::Associate { .. }
            | Op::Propagate { .. }
            | Op::CreateRoute { .. }
            | Op::CreatePolicy { .. }
            | Op::CreateConnectionRoute { .. }
            | Op::UnmarkConnection { .. }
            | Op::Verify { .. }
            | Op::UnmarkGateway => false,
        }
    }

    /// Whether a connection exists in the journal alone from here on, until it is made again.
    pub fn opens_a_gap(&self) -> bool {
        matches!(
            self,
            Op::DeleteRoute { .. }
                | Op::DeletePolicy { .. }
                | Op::Dissociate { .. }
                | Op::StopPropagating { .. }
                | Op::Detach { .. }
                | Op::DeleteConnection { .. }
        )
    }
}

/// When a plan was begun, for the daily limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    pub plan: String,
    pub at: Timestamp,
    /// `None` while it is open.
    pub outcome: Option<ReplacementOutcome>,
}
