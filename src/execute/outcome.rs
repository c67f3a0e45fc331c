//! What an answer proves, and its record.

use super::call::Order;
use super::{ExecuteError, Executor};
use crate::cloud::customer_gateways::created_id;
use crate::cloud::error::{Certainty, CloudError};
use crate::cloud::write_call::Written;
use crate::journal::{JournalError, Record};
use crate::plan::{Concluded, Owner, Pending, Step, StepAction, settle_pending};
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
                self.append(Record::WriteUnconfirmed { intent, request_id, code, message, poisoned })?;
                match error.certainty {
                    Certainty::DidNotHappen if !poisoned => Ok(Outcome::Refused(error)),
                    _ => Ok(Outcome::Unconfirmed(error.to_string())),
                }
            }
        }
    }

    fn record_done(&self, intent: i64, step: &Step, order: Order<'_>, written: Written) -> Result<Outcome, JournalError> {
        let request_id = Some(written.request_id.clone());
        let Some(desired) = order.desired.filter(|_| step.action == StepAction::CreateCustomerGateway) else {
            self.append(Record::WriteDone { intent, request_id, result: Some(step.target.clone()) })?;
            return Ok(Outcome::Done);
        };
        let id = match created_id(&written) {
            Ok(id) => id,
            Err(error) => {
                let message = error.to_string();
                let code = String::new();
                self.append(Record::WriteUnconfirmed { intent, request_id, code, message: message.clone(), poisoned: false })?;
                return Ok(Outcome::Unconfirmed(message));
            }
        };
        self.append(Record::WriteDone { intent, request_id, result: Some(id.clone()) })?;
        self.append(Record::GatewayRegistered {
            id,
            ip: desired.ip.into(),
            asn: desired.asn,
            region: desired.region.clone(),
            how: "created".to_owned(),
        })?;
        Ok(Outcome::Done)
    }

    fn was_sent_before(&self) -> bool {
        self.journal.borrow().progress().pending.as_ref().is_some_and(|pending| pending.resent)
    }

    /// The pending write cannot go out again as it was: only looking can tell what became of it.
    pub(super) fn give_up_token(&self, intent: i64) -> Result<Outcome, JournalError> {
        let message = "what it would send has changed since it was sent; its ClientToken cannot be used again".to_owned();
        let record = Record::WriteUnconfirmed { intent, request_id: None, code: String::new(), message: message.clone(), poisoned: true };
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
        let mut last = String::new();
        for attempt in 0..ATTEMPTS {
            match self.perform(step, order).await? {
                Outcome::Done => return Ok(()),
                Outcome::Refused(error) if error.is_not_found() => {
                    self.resolve_open_write(owner).await?;
                    return Ok(());
                }
                Outcome::Refused(error) => return Err(error.into()),
                Outcome::Unconfirmed(why) => last = why,
            }
            tokio::time::sleep(Duration::from_secs(1 << attempt.min(4))).await;
            if self.resolve_open_write(owner).await? {
                return Ok(());
            }
        }
        Err(ExecuteError::Unconfirmed { action: step.action.name(), target: step.target.clone(), why: last })
    }

    /// Looks what became of the open write, in the region that it went to. True where there is none (any more).
    pub async fn resolve_open_write(&self, owner: &Owner) -> Result<bool, ExecuteError> {
        let Some(pending) = self.journal.borrow().progress().pending.clone() else { return Ok(true) };
        let inventory = self.look(&pending.region, false).await?;
        self.remember_absences(&inventory);
        match settle_pending(&pending, owner, None, &inventory, self.clock.now()) {
            Pending::Concluded(concluded) => {
                self.conclude(&concluded)?;
                Ok(true)
            }
            Pending::Resend | Pending::Wait(_) => Ok(false),
        }
    }
}
