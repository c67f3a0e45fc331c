//! What to do, as a function of what we want, what the cloud holds, what the journal says we meant, and the time.
//!
//! The decision names the next step so precisely that executing it leaves nothing to decide. It is computed anew after
//! every step and after every restart; nothing else remembers where we were.

mod decision;
mod ownership;
mod pending;
mod registration;
mod removal;
pub mod replacement;
mod token;

pub use decision::{Concluded, Decision, DecisionKind, Gate, Hold, HoldReason, Next, Step, StepAction, Strategy};
pub use ownership::{MARK_DEVICE, MARK_OWNER, Owner, Ownership};
pub use pending::{ABSENT_TWICE, LATE_EFFECT, Pending, effect_of, settle_pending};
pub use registration::{CLOCK_TOLERANCE, LEAST_SPACE, NO_SPACE, NO_SPACE_REMEDY, may_be_full, plan};
pub use removal::{Removal, plan_removal};
pub use token::client_token;

use crate::model::{Asn, Finding, Inventory, RegistrationPolicy, Tags, Timestamp};
use jiff::SignedDuration;
use std::net::Ipv4Addr;

/// The time, as far as a decision depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// This device's wall clock. Anybody can set it, so nothing that could harm is measured by it.
    pub wall: Timestamp,
    /// Time since boot, sleep included: nobody can set it.
    pub uptime: SignedDuration,
}

/// What the cloud's record of this device should say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    pub owner: Owner,
    pub region: String,
    pub ip: Ipv4Addr,
    /// `None`: no ASN is managed.
    pub asn: Option<Asn>,
    /// As configured; a created gateway is named after the device where this is `None`.
    pub name: Option<String>,
    pub description: Option<String>,
    pub resource_group: Option<String>,
    /// The user's tags, without our mark.
    pub tags: Tags,
}

impl Desired {
    /// The tags of a customer gateway that we create: the user's and our mark.
    pub fn marked_tags(&self) -> Tags {
        let mut tags = self.tags.clone();
        tags.extend(self.owner.mark());
        tags
    }

    /// What a call is for, as one text: equal texts are one intention and so carry one ClientToken.
    pub fn purpose(&self, action: StepAction, target: &str) -> String {
        match action {
            StepAction::CreateCustomerGateway => self.intention(),
            _ => format!("{target}\n{}", in_lines(&self.owner.mark())),
        }
    }

    /// Everything that a create sends.
    fn intention(&self) -> String {
        format!(
            "{}\n{}\n{:?}\n{:?}\n{:?}\n{:?}\n{}",
            self.region,
            self.ip,
            self.asn,
            self.name,
            self.description,
            self.resource_group,
            in_lines(&self.marked_tags())
        )
    }
}

fn in_lines(tags: &Tags) -> String {
    tags.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("\n")
}

/// What was found out before the cloud was asked: what is wanted, or why that is not known.
#[derive(Clone, Debug)]
pub struct Situation<'a> {
    /// `None` where the findings say why there is nothing usable to register.
    pub desired: Option<&'a Desired>,
    /// Of observation and validation.
    pub findings: &'a [Finding],
    /// Evidence gathered before the cloud was asked.
    pub gates: &'a [Gate],
    pub policy: RegistrationPolicy,
    /// Bytes that the journal's disk has left; `None` where no disk is behind it, or it does not tell.
    pub free_bytes: Option<u64>,
    /// How far the cloud's clock is ahead of ours, as its answers told.
    pub clock_offset: SignedDuration,
    pub inventory: &'a Inventory,
}

#[cfg(test)]
mod tests;
