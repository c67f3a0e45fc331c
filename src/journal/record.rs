//! The records of the journal, format 2 (1 had no replacements). They are stored as JSON; fields are only ever added, as optional ones.

use crate::model::{Asn, Label, ReplacementOutcome, ReplacementPlan, Severity, Stopped, Timestamp, Worked};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// A record with its place and time.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub seq: i64,
    pub at: Timestamp,
    pub record: Record,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Record {
    /// An address was seen that is not the settled one.
    AddressNoticed {
        value: IpAddr,
        source: String,
        previous: Option<IpAddr>,
    },
    /// A reading held for the configured time.
    AddressSettled {
        value: IpAddr,
        source: String,
        previous: Option<IpAddr>,
    },
    AsnSettled {
        value: Option<u32>,
        source: String,
        previous: Option<u32>,
    },
    /// Where a configured resource was found.
    RegionFound {
        selector: String,
        region: String,
    },
    DecisionChanged {
        decision: String,
        summary: String,
    },

    /// A cloud write is about to be sent.
    WriteIntended {
        action: String,
        /// The object's id, or the address of a customer gateway that does not exist yet.
        target: String,
        region: String,
        client_token: String,
        generation: u32,
        /// SHA-256 over action and parameters.
        request_hash: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sent: Option<Sent>,
        /// Of a replacement: which step it is for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<StepRef>,
        /// Of a customer gateway that is deleted before the next one is made: what somebody has written on it since the snapshot.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        edited: Option<Label>,
    },
    /// The same write goes out once more, under the same token.
    WriteResent {
        intent: i64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sent: Option<Sent>,
        /// As of the intent; absent where nothing was written since the sending before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        edited: Option<Label>,
    },
    WriteDone {
        intent: i64,
        request_id: Option<String>,
        result: Option<String>,
        /// An earlier try of the same sending got no answer and may still take effect.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        in_doubt: bool,
        /// Of a replacement's step that takes more than this call.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        partial: bool,
    },
    /// The cloud refused it: it did not happen.
    WriteRefused {
        intent: i64,
        request_id: Option<String>,
        code: String,
        message: String,
    },
    /// No trustworthy answer: it may have happened. `poisoned`: its token cannot be used again. `refused`: this sending was
    /// refused, and only an earlier one may have happened.
    WriteUnconfirmed {
        intent: i64,
        request_id: Option<String>,
        code: String,
        message: String,
        poisoned: bool,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        refused: bool,
    },
    /// Found out by looking.
    WriteConcluded {
        intent: i64,
        found: Option<String>,
    },

    /// This customer gateway is this device's.
    GatewayRegistered {
        id: String,
        ip: IpAddr,
        asn: Option<Asn>,
        region: String,
        how: String,
    },
    /// It is no longer.
    GatewayReleased {
        id: String,
        why: String,
    },

    /// A replacement begins. `sealed`: the snapshot in base64, encrypted (`system::seal`).
    ReplacementPlanned {
        plan: Box<ReplacementPlan>,
        sealed: String,
    },
    /// A reading showed the effect of a step; `id`: of what it made. `since`: when one showed it first, where more than one had to.
    StepProven {
        plan: String,
        step: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<Timestamp>,
    },
    /// What the cloud had accepted did not come about, or is gone again: the step is done anew, and with it what hung on it.
    StepUndone {
        plan: String,
        step: String,
        /// In one record: a process that died between two would take for made what is not.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        later: Vec<String>,
    },
    /// From here on a tunnel has its time to come up.
    VerificationBegan {
        plan: String,
        step: String,
        sent: Sent,
    },
    /// It goes back instead of on.
    ReplacementTurned {
        plan: String,
        why: String,
    },
    /// It does not go on by itself, or not now.
    ReplacementStopped {
        plan: String,
        stopped: Stopped,
    },
    /// It goes on.
    ReplacementResumed {
        plan: String,
    },
    ReplacementEnded {
        plan: String,
        outcome: ReplacementOutcome,
        new_gateway: Option<String>,
        /// Old customer gateways that the cloud would not delete.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        leftover: Vec<String>,
        /// Given up without a person's word: it could not begin, or the device has changed again.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        by_itself: bool,
    },

    AlertRaised {
        alert: AlertText,
    },
    AlertReminded {
        code: String,
        key: String,
    },
    AlertCleared {
        code: String,
        key: String,
    },
    /// Something that happened once.
    AlertOccurred {
        alert: AlertText,
    },

    /// Which tunnels worked while the device was where its customer gateway says, and nothing was to be replaced.
    TunnelsWorked {
        worked: Worked,
    },

    /// When the cloud was last heard of, kept as a process ends.
    CloudContact {
        last_cloud_contact: Option<Timestamp>,
    },
}

/// A step of a replacement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRef {
    pub plan: String,
    pub step: String,
}

/// When a write went out, by clocks that nobody sets on this device. The time of the record itself is the wall clock's, which
/// is for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// The kernel's id of the boot; empty where it gives none.
    pub boot: String,
    /// Milliseconds since that boot, sleep included.
    pub uptime_ms: u64,
    /// The cloud's time, as its answers had told it.
    pub cloud: Option<Timestamp>,
}

/// An alert as it was told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlertText {
    pub code: String,
    pub key: String,
    /// Where it is not the event's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    pub message: String,
    pub remedy: String,
    /// Field names without the `CGWD_` prefix, in lower case.
    #[serde(default)]
    pub fields: std::collections::BTreeMap<String, String>,
}
