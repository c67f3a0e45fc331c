//! What an answer proves, and its record.

use super::call::Order;
use super::{ExecuteError, Executor};
use crate::cloud::customer_gateways::created_id;
use crate::cloud::error::{Certainty, CloudError};
use crate::cloud::write_call::Written;
use crate::journal::{JournalError, Record};
use crate::model::Inventory;
use crate::plan::{Concluded, LATE_EFFECT, Owner, Ownership, Pending, Step, StepAction, settle_pending};
use std::time::Duration;

/// How one attempt of a write ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    Done,
    /// This attempt did not happen. An earlier one under the same token may have; then the write stays open in the journal.
    Refused(CloudError),
    /// It may have happened: look.
    Unconfirmed(String),
}

/// Attempts of one removal step before a person is asked to look.
const ATTEMPTS: u32 = 6;
/// An absence counts only where it is seen twice: so long a command waits for its second look.
const SECOND_LOOK: Duration = Duration::from_secs(90);

impl Executor {
    pub(super) fn record_outcome(
        &self,
        intent: i64,
        step: &Step,
        order: Order<'_>,
        answer: Result<Written, CloudError>,
    ) -> Result<Outcome, JournalError> {
        match answer {
            Ok(written) => self.record_done(intent, step, order, written),
            Err(error) if error.certainty == Certainty::DidNotHappen && !error.is_token_spent() && !self.was_sent_before() => {
                let CloudError { request_id, code, message, .. } = error.clone();
                self.append(Record::WriteRefused { intent, request_id, code, message })?;
                Ok(Outcome::Refused(error))
            }
            Err(error) => {
                let CloudError { request_id, code, message, .. } = error.clone();
                let poisoned = error.is_token_spent();
                let refused = error.certainty == Certainty::DidNotHappen && !poisoned;
                self.append(Record::WriteUnconfirmed { intent, request_id, code, message, poisoned, refused })?;
                if refused { Ok(Outcome::Refused(error)) } else { Ok(Outcome::Unconfirmed(error.to_string())) }
            }
        }
    }

    fn record_done(&self, intent: i64, step: &Step, order: Order<'_>, written: Written) -> Result<Outcome, JournalError> {
        let request_id = Some(written.request_id.clone());
        let became_ours = match (step.action, order.desired) {
            (StepAction::CreateCustomerGateway, Some(desired)) => match created_id(&written) {
                Ok(id) => Some((id, desired, "created")),
                Err(error) => {
                    let message = error.to_string();
                    let code = String::new();
                    self.append(Record::WriteUnconfirmed {
                        intent,
                        request_id,
                        code,
                        message: message.clone(),
                        poisoned: false,
                        refused: false,
                    })?;
                    return Ok(Outcome::Unconfirmed(message));
                }
            },
            (StepAction::TagResources, Some(desired)) => Some((step.target.clone(), desired, "adopted")),
            _ => None,
        };
        let result = Some(became_ours.as_ref().map_or_else(|| step.target.clone(), |(id, ..)| id.clone()));
        // Whose it is comes first: after a crash between the two the write is still open and is looked up, whereas a gateway
        // that nobody knows is missed by the first reading that lags behind.
        if let Some((id, desired, how)) = became_ours {
            let (ip, asn, region) = (desired.ip.into(), desired.asn, desired.region.clone());
            self.append(Record::GatewayRegistered { id, ip, asn, region, how: how.to_owned() })?;
        }
        self.append(Record::WriteDone { intent, request_id, result, in_doubt: written.in_doubt, partial: false })?;
        Ok(Outcome::Done)
    }

    fn was_sent_before(&self) -> bool {
        self.journal.borrow().progress().pending.as_ref().is_some_and(|pending| pending.resent)
    }

    /// The pending write cannot go out again as it was: only looking can tell what became of it.
    pub(super) fn give_up_token(&self, intent: i64) -> Result<Outcome, JournalError> {
        let message = "what it would send has changed since it was sent; its ClientToken cannot be used again".to_owned();
        let (request_id, code) = (None, String::new());
        let record = Record::WriteUnconfirmed { intent, request_id, code, message: message.clone(), poisoned: true, refused: false };
        self.append(record)?;
        Ok(Outcome::Unconfirmed(message))
    }

    /// Journals what a reading proved about the open write.
    pub(super) fn conclude(&self, concluded: &Concluded) -> Result<(), JournalError> {
        self.append(Record::WriteConcluded { intent: concluded.intent, found: concluded.found.clone() }).map(drop)
    }

    /// For a removal: tries until the step is done or seen to be done.
    pub(super) async fn perform_until_known(&self, owner: &Owner, region: &str, step: &Step) -> Result<(), ExecuteError> {
        let order = Order { region, desired: None };
        let mut last = ExecuteError::Endless;
        for attempt in 0..ATTEMPTS {
            self.nothing_else_is_open(step)?;
            match self.perform(step, order).await? {
                Outcome::Done => return Ok(()),
                // Also where an earlier copy is still under way: there is nothing left that it could change.
                Outcome::Refused(error) if error.is_not_found() => return Ok(self.conclude_open(&step.target)?),
                Outcome::Refused(error) if error.is_busy() => last = error.into(),
                Outcome::Refused(error) => return Err(error.into()),
                Outcome::Unconfirmed(why) => {
                    last = ExecuteError::Unconfirmed { action: step.action.name(), target: step.target.clone(), why }
                }
            }
            tokio::time::sleep(Duration::from_secs(1 << attempt.min(4))).await;
            let (inventory, settled) = self.look_after_open_write(owner, region).await?;
            if matches!(settled, Pending::Concluded(Concluded { found: Some(_), .. })) {
                return Ok(());
            }
            let shown = inventory.customer_gateways.iter().find(|gateway| gateway.id == step.target);
            if step.destructive && shown.is_some_and(|gateway| owner.ownership(gateway) != Ownership::Ours) {
                return Err(ExecuteError::MarkLost { id: step.target.clone() });
            }
        }
        Err(last)
    }

    /// Resolves the write that is still open, by looking. False where another one may still take effect; one of a removal is in
    /// no removal's way: the same step sends it again.
    pub async fn resolve_open_write(&self, owner: &Owner) -> Result<bool, ExecuteError> {
        loop {
            let Some(pending) = self.journal.borrow().progress().pending.clone() else { return Ok(true) };
            let until = match self.look_after_open_write(owner, &pending.region).await?.1 {
                Pending::Concluded(_) => return Ok(true),
                Pending::Resend => self.clock.now(),
                Pending::Wait(until) => until,
            };
            let wait = self.time_until(until);
            if wait > SECOND_LOOK {
                return Ok(is_of_removal(&pending.action));
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// One look, and what it tells of the open write, journaled where it does.
    async fn look_after_open_write(&self, owner: &Owner, region: &str) -> Result<(Inventory, Pending), ExecuteError> {
        let inventory = self.look(region, false).await?;
        self.remember_absences(owner, &inventory);
        let pending = self.journal.borrow().progress().pending.clone();
        let settled = pending.map(|pending| settle_pending(&pending, owner, false, &inventory, self.now()));
        let settled = settled.unwrap_or(Pending::Resend);
        if let Pending::Concluded(concluded) = &settled {
            self.conclude(concluded)?;
        }
        Ok((inventory, settled))
    }

    fn conclude_open(&self, target: &str) -> Result<(), JournalError> {
        let open = self.journal.borrow().progress().pending.as_ref().map(|pending| pending.intent);
        open.map_or(Ok(()), |intent| self.conclude(&Concluded { intent, found: Some(target.to_owned()) }))
    }

    fn nothing_else_is_open(&self, step: &Step) -> Result<(), ExecuteError> {
        let journal = self.journal.borrow();
        let other = journal.progress().pending.as_ref();
        let Some(other) = other.filter(|open| open.action != step.action.name() || open.target != step.target) else { return Ok(()) };
        let why =
            format!("an earlier {} for {} can still take effect until {}", other.action, other.target, other.last_sent.at + LATE_EFFECT);
        Err(ExecuteError::Unconfirmed { action: step.action.name(), target: step.target.clone(), why })
    }
}

fn is_of_removal(action: &str) -> bool {
    [StepAction::UnTagResources, StepAction::DeleteCustomerGateway].iter().any(|removal| removal.name() == action)
}
