//! Sends what a step is: intent on disk, the call, what its answer proves on disk.

use super::{Course, ExecuteError};
use crate::cloud::connection_writes::created_connection_id;
use crate::cloud::customer_gateways::created_id;
use crate::cloud::error::{Certainty, CloudError};
use crate::cloud::router_writes::created_attachment_id;
use crate::cloud::write_call::{WriteCall, Written};
use crate::journal::Record;
use crate::journal::record::StepRef;
use crate::journal::replay::StepProgress;
use crate::model::{Label, Op, PlannedStep};
use crate::plan::client_token;
use crate::plan::replacement::next::{Reads, View, edit_of, edit_since_sent};
use std::time::Duration;

/// Of a write: under its intent, or once more.
#[derive(Clone, Copy)]
enum Sending {
    First,
    Further,
}

/// How one attempt of a step ended.
pub(super) enum Sent {
    Done,
    /// It was not sent, because too many went out lately: what it relies on is read again first.
    NotYet,
    /// It may have happened.
    Unconfirmed,
    /// Another change is running there.
    Busy,
    /// The answer says that it is so already, or that what it is about is gone: only looking tells.
    Look,
    Refused(CloudError),
}

impl Course<'_> {
    pub(super) async fn send(&self, step: &PlannedStep, reads: &Reads) -> Result<Sent, ExecuteError> {
        let Some((known, call, token)) = self.prepared(step, reads) else { return Ok(Sent::Look) };
        if let Some(until) = self.pace.wait_until(call.action, self.uptime()) {
            self.notice_waiting(step, "the cloud's rate limit");
            self.sleep_until(until, Duration::from_secs(60)).await;
            return Ok(Sent::NotYet);
        }
        let _under_way = self.replacer.calls.begin().await;
        let executor = &self.replacer.executor;
        let sent = Some(executor.sent_now());
        let intent = match &known.open {
            Some(open) if call.request_hash() != open.request_hash => {
                let message = "what it would send has changed since it was sent; its ClientToken cannot be used again".to_owned();
                self.unconfirmed(open.intent, None, String::new(), message, true, false)?;
                return Ok(Sent::Unconfirmed);
            }
            Some(open) => {
                self.append(Record::WriteResent { intent: open.intent, sent, edited: self.edited(step, reads, Sending::Further) })?;
                open.intent
            }
            None => self.append(Record::WriteIntended {
                action: call.action.to_owned(),
                target: target(&call, step),
                region: self.plan.region.clone(),
                client_token: token,
                generation: known.generation,
                request_hash: call.request_hash(),
                sent,
                step: Some(StepRef { plan: self.plan.id.clone(), step: step.id.clone() }),
                edited: self.edited(step, reads, Sending::First),
            })?,
        };
        self.pace.sent(call.action, self.uptime());
        tracing::info!(action = call.action, step = step.id, plan = self.plan.id, "writing to the cloud");
        let answer = executor.client.write(&call).await;
        self.outcome(intent, step, &call, known.open.is_some(), answer)
    }

    /// The call under the token of the open write, or under the next one.
    fn prepared(&self, step: &PlannedStep, reads: &Reads) -> Option<(StepProgress, WriteCall, String)> {
        let journal = self.replacer.executor.journal.borrow();
        let progress = journal.progress().replacements.open.as_ref()?;
        let view = View { progress, snapshot: self.snapshot, owner: &self.replacer.owner };
        let known = progress.step(&step.id);
        let purpose = format!("{}\n{}", self.plan.id, step.id);
        let fresh = |call: &WriteCall| client_token(&journal.progress().journal_id, call.action, &purpose, known.generation);
        let token = match &known.open {
            Some(open) => open.client_token.clone(),
            None => fresh(&self.call(&view, step, reads, "")?),
        };
        let call = self.call(&view, step, reads, &token)?;
        Some((known, call, token))
    }

    /// What is lost with a customer gateway that the next one is to have, where it has none of it yet.
    fn edited(&self, step: &PlannedStep, reads: &Reads, of: Sending) -> Option<Label> {
        let journal = self.replacer.executor.journal.borrow();
        let progress = journal.progress().replacements.open.as_ref()?;
        let view = View { progress, snapshot: self.snapshot, owner: &self.replacer.owner };
        let edited = match of {
            Sending::First => edit_of(&view, step, reads),
            Sending::Further => edit_since_sent(&view, step, reads),
        };
        if let Some(Label { name, .. }) = &edited {
            let hands_on = matches!(&step.op, Op::DeleteGateway { id } if view.hands_on(id));
            let becomes = if hands_on { "the next one is made with it" } else { "`cgwd history` keeps it, and nothing else does" };
            tracing::info!(step = step.id, name, "somebody has written on a customer gateway that goes: {becomes}");
        }
        edited
    }

    fn outcome(
        &self,
        intent: i64,
        step: &PlannedStep,
        call: &WriteCall,
        sent_before: bool,
        answer: Result<Written, CloudError>,
    ) -> Result<Sent, ExecuteError> {
        let error = match answer {
            Ok(written) => return self.done(intent, step, call, &written),
            Err(error) => error,
        };
        let CloudError { request_id, code, message, .. } = error.clone();
        let refused = error.certainty == Certainty::DidNotHappen && !error.is_token_spent();
        if refused && !sent_before {
            self.append(Record::WriteRefused { intent, request_id, code, message })?;
        } else {
            self.unconfirmed(intent, request_id, code, message, error.is_token_spent(), refused)?;
        }
        Ok(match refused {
            false => Sent::Unconfirmed,
            true if error.is_busy() => Sent::Busy,
            true if says_that_it_is_so(call.action, &error) => Sent::Look,
            true => Sent::Refused(error),
        })
    }

    fn done(&self, intent: i64, step: &PlannedStep, call: &WriteCall, written: &Written) -> Result<Sent, ExecuteError> {
        let request_id = Some(written.request_id.clone());
        match made(&step.op, written) {
            Ok(result) => {
                // A correction on the way to a step's effect is not yet the effect.
                let in_doubt = written.in_doubt;
                self.append(Record::WriteDone { intent, request_id, result, in_doubt, partial: is_partial(&step.op, call.action) })?;
                Ok(Sent::Done)
            }
            Err(problem) => {
                self.unconfirmed(intent, request_id, String::new(), problem, false, false)?;
                Ok(Sent::Unconfirmed)
            }
        }
    }

    fn unconfirmed(
        &self,
        intent: i64,
        request_id: Option<String>,
        code: String,
        message: String,
        poisoned: bool,
        refused: bool,
    ) -> Result<(), ExecuteError> {
        self.append(Record::WriteUnconfirmed { intent, request_id, code, message, poisoned, refused }).map(drop)
    }
}

/// The id of what a call made, where it makes something with an id.
fn made(op: &Op, written: &Written) -> Result<Option<String>, String> {
    let id = match op {
        Op::CreateGateway { .. } => created_id(written),
        Op::CreateConnection { .. } => created_connection_id(written),
        Op::Attach { .. } => created_attachment_id(written),
        Op::AdoptGateway { id } => Ok(id.clone()),
        _ => return Ok(None),
    };
    id.map(Some).map_err(|error| error.to_string())
}

/// Deleting or correcting what the system made itself comes before the step's own call.
fn is_partial(op: &Op, action: &str) -> bool {
    matches!(op, Op::CreateRoute { .. } | Op::CreatePolicy { .. }) && action.starts_with("Delete") || matches!(op, Op::DeleteMade { .. })
}

/// Whether a refusal says that what the call makes is there already, or that what it takes away is gone.
fn says_that_it_is_so(action: &str, error: &CloudError) -> bool {
    error.is_already_exist()
        || error.is_not_found() && removes(action)
        // The same code says of a detachment that something is in its way.
        || ties(action) && error.code.ends_with("Exist")
        || unties(action) && error.code.ends_with("NotExist")
}

/// Whether the call ties an attachment to a route table.
fn ties(action: &str) -> bool {
    ["AssociateTransitRouterAttachmentWithRouteTable", "EnableTransitRouterRouteTablePropagation"].contains(&action)
}

/// Whether the call takes an attachment out of a route table.
fn unties(action: &str) -> bool {
    ["DissociateTransitRouterAttachmentFromRouteTable", "DisableTransitRouterRouteTablePropagation"].contains(&action)
}

/// Of these, that what they are about is gone is as good as done.
fn removes(action: &str) -> bool {
    action.starts_with("Delete") || action.starts_with("UnTag") || unties(action)
}

/// What a call is about, for history.
fn target(call: &WriteCall, step: &PlannedStep) -> String {
    let named = [
        "TunnelId",
        "VpnConnectionId",
        "TransitRouterRouteTableId",
        "RouteDest",
        "CustomerGatewayId",
        "IpAddress",
        "ResourceId.1",
        "VpnId",
    ];
    let value = |name: &&str| call.parameters.value(name).map(str::to_owned);
    named.iter().find_map(value).or_else(|| step.op.connection().map(str::to_owned)).unwrap_or_else(|| step.id.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::error::{CallContext, Retry};

    #[test]
    fn a_tie_that_is_there_already_or_gone_already_is_looked_at() {
        let is_so = |action: &str, code: &str| {
            let call = CallContext { action, secrets: &[] };
            says_that_it_is_so(action, &call.error(code, String::new(), 400, Certainty::DidNotHappen, Retry::Never, ""))
        };
        assert!(is_so("EnableTransitRouterRouteTablePropagation", "OperationFailed.RouteTablePropagationExist"));
        assert!(is_so("DisableTransitRouterRouteTablePropagation", "OperationFailed.RouteTablePropagationNotExist"));
        assert!(is_so("DissociateTransitRouterAttachmentFromRouteTable", "OperationFailed.RouteTableAssociationNotExist"));
        assert!(!is_so("DisableTransitRouterRouteTablePropagation", "OperationFailed.RouteTableAssociationExist"));
        assert!(!is_so("DeleteTransitRouterVpnAttachment", "OperationFailed.RouteTableAssociationExist"));
    }
}
