//! `cgwd deregister`: our mark off, and with `--delete` the customer gateway itself when nothing refers to it.

use super::Context;
use super::document::step_json;
use super::exit::{Exit, Failure};
use super::output::Tone;
use super::plan_text::steps_text;
use crate::alert::catalogue::event;
use crate::alert::raise::Fields;
use crate::daemon::owner;
use crate::execute::{ExecuteError, Executor, no_such_region};
use crate::journal::record::AlertText;
use crate::journal::replay::StandingAlert;
use crate::journal::{Journal, JournalError, Record};
use crate::model::Settings;
use crate::plan::{Removal, Step, StepAction, plan_removal};
use crate::system::lock::{Lock, LockError};
use crate::system::machine;
use crate::system::signals::Signals;
use serde_json::json;
use std::cell::RefCell;
use std::rc::Rc;

#[derive(Debug, clap::Args)]
pub struct DeregisterArgs {
    /// Also delete the customer gateway, where no connection refers to it
    #[arg(long)]
    delete: bool,
}

pub async fn run(context: &Context, arguments: DeregisterArgs) -> Result<Exit, Failure> {
    let settings = context.load()?.settings;
    let _lock = match Lock::take_for("deregister", &settings.state_directory) {
        Ok(lock) => lock,
        Err(LockError::Held { pid, command: None, .. }) => {
            let pid = pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"));
            return Err(Failure::new(
                Exit::Failed,
                format!("{pid} holds the state directory; a running daemon would register the device again"),
                "stop it first: `systemctl disable --now cgwd`",
            ));
        }
        Err(error) => return Err(Failure::new(Exit::Failed, crate::daemon::with_causes(&error), error.remedy())),
    };
    let mut signals = Signals::listen().map_err(Failure::system)?;
    tokio::select! {
        exit = deregister(context, &settings, arguments.delete) => exit,
        _ = signals.next() => Err(Failure::new(
            Exit::Interrupted,
            "interrupted; what was sent is in the journal",
            "run `cgwd deregister` again: it looks what became of it first",
        )),
    }
}

async fn deregister(context: &Context, settings: &Settings, delete: bool) -> Result<Exit, Failure> {
    let journal = Journal::open(&settings.state_directory, machine::device_id().ok().flatten())?;
    if let Some(open) = &journal.progress().replacements.open {
        return Err(Failure::new(
            Exit::Refused,
            format!("replacement {} is open, and relies on the customer gateways that it found and made", open.plan.id),
            "end it first: `cgwd replace --resume` goes on with it, `cgwd replace --abort` gives it up where nothing is lost by it",
        ));
    }
    let client = context.client(settings)?;
    let located = context.locate(&client, settings, Some(journal.progress())).await?;
    let Some(region) = located.region else {
        return Err(Failure::gate(located.findings));
    };
    let owner = owner(settings, &journal);
    let journal = Rc::new(RefCell::new(journal));
    let executor = Executor { client: Rc::new(client), journal, clock: context.clock.clone(), auth_key: None };
    if !executor.resolve_open_write(&owner).await? {
        return Err(Failure::new(
            Exit::Interrupted,
            "an earlier write has no confirmed outcome and can still take effect",
            "run the same command again in a quarter of an hour; `cgwd history` shows the write",
        ));
    }
    let inventory = match executor.look(&region, delete).await {
        Err(ExecuteError::Cloud(error)) if error.is_no_such_region() => return Err(Failure::gate(vec![no_such_region(&region)])),
        other => other?,
    };
    let removal = plan_removal(&owner, delete, &inventory);
    if !removal.in_use.is_empty() {
        let users: Vec<String> = removal.in_use.iter().map(|(id, users)| format!("{id} is used by {}", users.join(", "))).collect();
        return Err(Failure::new(
            Exit::Refused,
            users.join("; "),
            "delete those connections first, or run `cgwd deregister` without --delete to let go of the customer gateway",
        ));
    }
    let registered = executor.journal.borrow().progress().registered.as_ref().map(|known| known.id.clone());
    let done = executor.deregister(&owner, &region, &removal.steps).await?;
    executor.forget_registered(&inventory)?;
    tell_removed(&executor, settings, &removal, &done)?;
    end_alerts(&executor, removal.gateways.iter().map(|gateway| gateway.id.clone()).chain(registered).collect())?;
    show(context, settings, &region, &removal, done.len());
    Ok(Exit::Done)
}

/// In the journal of this device, where `cgwd history` shows it.
fn tell_removed(executor: &Executor, settings: &Settings, removal: &Removal, done: &[Step]) -> Result<(), JournalError> {
    let event = event("registration.removed");
    for gateway in removal.gateways.iter().filter(|gateway| done.iter().any(|step| step.target == gateway.id)) {
        let deleted = done.iter().any(|step| step.action == StepAction::DeleteCustomerGateway && step.target == gateway.id);
        let what = if deleted { "was deleted" } else { "no longer bears this device's mark" };
        let fields = Fields {
            device: Some(settings.device.clone()),
            address_old: Some(gateway.ip.to_string()),
            asn: gateway.asn.map(|asn| asn.to_string()),
            customer_gateway_id: Some(gateway.id.clone()),
            ..Fields::default()
        };
        let alert = AlertText {
            code: event.code.to_owned(),
            key: gateway.id.clone(),
            severity: None,
            message: format!("customer gateway {} {what}", gateway.id),
            remedy: event.remedy.to_owned(),
            fields: fields.to_map(),
        };
        executor.journal.borrow_mut().append(executor.clock.now(), Record::AlertOccurred { alert })?;
    }
    Ok(())
}

/// What stands about customer gateways that are no longer this device's has ended.
fn end_alerts(executor: &Executor, gone: Vec<String>) -> Result<(), JournalError> {
    let is_about = |standing: &StandingAlert| standing.alert.fields.get("customer_gateway_id").is_some_and(|id| gone.contains(id));
    let mut journal = executor.journal.borrow_mut();
    let ended: Vec<(String, String)> =
        journal.progress().alerts.iter().filter(|(_, standing)| is_about(standing)).map(|(key, _)| key.clone()).collect();
    for (code, key) in ended {
        journal.append(executor.clock.now(), Record::AlertCleared { code, key })?;
    }
    Ok(())
}

fn show(context: &Context, settings: &Settings, region: &str, removal: &Removal, done: usize) {
    let ids: Vec<&str> = removal.gateways.iter().map(|gateway| gateway.id.as_str()).collect();
    let document = json!({
        "schema": 1,
        "device": settings.device,
        "region": region,
        "changed": done > 0,
        "customer_gateways": ids,
        "steps": removal.steps.iter().map(step_json).collect::<Vec<_>>(),
    });
    context.output.result(&document, |output| match done {
        0 => format!("no customer gateway in {region} bears the mark of {}; nothing to do\n", settings.device),
        _ => steps_text(output, &document["steps"]) + &output.paint(Tone::Good, "\ndone\n"),
    });
}
