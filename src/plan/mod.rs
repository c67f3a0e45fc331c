//! What to do, as a function of what we want, what the cloud holds, what the journal says we meant, and the time.
//!
//! The decision names the next step so precisely that executing it leaves nothing to decide. It is computed anew after
//! every step and after every restart; nothing else remembers where we were.

mod decision;
mod ownership;
mod registration;
mod removal;
mod replacement;
mod token;

pub use decision::{Concluded, Decision, DecisionKind, Gate, Hold, HoldReason, Next, Step, StepAction, Strategy};
pub use ownership::{MARK_DEVICE, MARK_OWNER, MARK_PLAN, Owner, Ownership};
pub use registration::{LATE_EFFECT, Pending, effect_of, plan, settle_pending};
pub use removal::{Removal, plan_removal};
pub use token::client_token;

use crate::model::{Asn, Finding, Inventory, RegistrationPolicy, Tags};
use std::net::Ipv4Addr;

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

    /// Everything that a create sends, as one text: equal texts are one intention and so carry one ClientToken.
    pub fn intention(&self) -> String {
        let tags: Vec<String> = self.marked_tags().iter().map(|(key, value)| format!("{key}={value}")).collect();
        format!(
            "{}\n{}\n{:?}\n{:?}\n{:?}\n{:?}\n{}",
            self.region,
            self.ip,
            self.asn,
            self.name,
            self.description,
            self.resource_group,
            tags.join("\n")
        )
    }
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
    pub inventory: &'a Inventory,
}

#[cfg(test)]
mod tests;
