//! From a step to the call that performs it, with its intent on disk first.

use super::outcome::Outcome;
use super::{ExecuteError, Executor};
use crate::cloud::customer_gateways::{self as gateways, NewCustomerGateway};
use crate::cloud::write_call::WriteCall;
use crate::journal::Record;
use crate::journal::record::Sent;
use crate::plan::{Desired, MARK_DEVICE, MARK_OWNER, Step, StepAction, client_token};

/// What a step is performed for.
#[derive(Clone, Copy)]
pub(super) struct Order<'a> {
    pub region: &'a str,
    /// What a customer gateway or a mark is made from; a removal has none.
    pub desired: Option<&'a Desired>,
}

impl Executor {
    /// Intent on disk, the call, the outcome on disk.
    pub(super) async fn perform(&self, step: &Step, order: Order<'_>) -> Result<Outcome, ExecuteError> {
        let (intent, call) = match self.intend(step, order)? {
            Intention::Send(intent, call) => (intent, call),
            Intention::Changed(intent) => return self.give_up_token(intent).map_err(ExecuteError::from),
        };
        tracing::info!(action = step.action.name(), target = step.target, "writing to the cloud");
        let answer = self.client.write(&call).await;
        self.record_outcome(intent, step, order, answer).map_err(ExecuteError::from)
    }

    /// The write that is still unresolved goes out again under its token; any other gets an intent of its own.
    fn intend(&self, step: &Step, order: Order<'_>) -> Result<Intention, ExecuteError> {
        let (journal_id, generation, pending) = {
            let journal = self.journal.borrow();
            let progress = journal.progress();
            (progress.journal_id.clone(), progress.generation, progress.pending.clone())
        };
        if let Some(pending) = pending {
            let call = self.call(step, order, &pending.client_token)?;
            if call.request_hash() != pending.request_hash {
                return Ok(Intention::Changed(pending.intent));
            }
            self.append(Record::WriteResent { intent: pending.intent, sent: Some(self.sent_now()), edited: None })?;
            return Ok(Intention::Send(pending.intent, call));
        }
        let purpose = order.desired.map_or_else(|| step.target.clone(), |desired| desired.purpose(step.action, &step.target));
        let client_token = client_token(&journal_id, step.action.name(), &purpose, generation);
        let call = self.call(step, order, &client_token)?;
        let intent = self.append(Record::WriteIntended {
            action: step.action.name().to_owned(),
            target: step.target.clone(),
            region: order.region.to_owned(),
            client_token,
            generation,
            request_hash: call.request_hash(),
            sent: Some(self.sent_now()),
            step: None,
            edited: None,
        })?;
        Ok(Intention::Send(intent, call))
    }

    /// By the clocks that nobody sets on this device: what a later process, or the next boot, counts from.
    pub(super) fn sent_now(&self) -> Sent {
        let uptime_ms = u64::try_from(self.clock.uptime().as_millis()).unwrap_or_default();
        Sent { boot: self.clock.boot().to_owned(), uptime_ms, cloud: self.client.cloud_time() }
    }

    fn call(&self, step: &Step, order: Order<'_>, token: &str) -> Result<WriteCall, ExecuteError> {
        let (region, target) = (order.region, step.target.as_str());
        let unsupported = || ExecuteError::NotInThisVersion(step.action.name());
        match (step.action, order.desired) {
            (StepAction::CreateCustomerGateway, Some(desired)) => Ok(gateways::create_customer_gateway(&self.new_gateway(desired), token)),
            (StepAction::TagResources, Some(desired)) => Ok(gateways::tag_customer_gateway(region, target, &desired.owner.mark())),
            (StepAction::UnTagResources, _) => Ok(gateways::untag_customer_gateway(region, target, [MARK_DEVICE, MARK_OWNER])),
            (StepAction::DeleteCustomerGateway, _) => Ok(gateways::delete_customer_gateway(region, target, token)),
            _ => Err(unsupported()),
        }
    }

    fn new_gateway(&self, desired: &Desired) -> NewCustomerGateway {
        NewCustomerGateway {
            region: desired.region.clone(),
            ip: desired.ip,
            asn: desired.asn,
            name: desired.name.clone().unwrap_or_else(|| desired.owner.device.clone()),
            description: desired.description.clone().unwrap_or_default(),
            auth_key: self.auth_key.clone(),
            resource_group: desired.resource_group.clone(),
            tags: desired.marked_tags(),
        }
    }
}

enum Intention {
    Send(i64, WriteCall),
    /// What the pending write would send is no longer what it sent: its token cannot be used for it.
    Changed(i64),
}
