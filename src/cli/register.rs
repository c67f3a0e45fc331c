//! `cgwd register`: create or adopt, never replace. Through the daemon where one runs, alone where not.

use super::Context;
use super::document::step_json;
use super::exit::{Exit, Failure};
use super::output::{Output, Tone};
use super::plan::{Decided, decide, exit_of, in_full};
use super::plan_text::plan_text;
use super::replace::add_consequences;
use super::survey::Survey;
use crate::daemon::control::{self, AskError, Places};
use crate::daemon::replacement::document::consequences_json;
use crate::daemon::want::{Wanted, refused_gates};
use crate::daemon::{auth_key, owner};
use crate::execute::replacement::Draft;
use crate::execute::{ExecuteError, Executor, Registration, Want};
use crate::journal::Journal;
use crate::plan::{Decision, DecisionKind, HoldReason, Next};
use crate::system::lock::{Lock, LockError};
use crate::system::machine;
use crate::system::signals::Signals;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// Longer than this and the person is told to come back: the write stays open in the journal.
const PATIENCE: Duration = Duration::from_secs(90);
/// The sources' time limits, and two visits to a slow cloud: what takes longer is stuck.
const LOOK_PATIENCE: Duration = Duration::from_secs(300);

pub async fn run(context: &Context) -> Result<Exit, Failure> {
    let survey = context.survey(context.load()?.settings).await?;
    let Some(wanted) = survey.wanted() else {
        let findings = survey.examined.findings.clone();
        let decision = Decision::blocked(findings.clone(), refused_gates(&findings));
        return Ok(show(context, &survey, &Decided::without_plan(decision, survey.configured_region()), 0));
    };
    match Lock::take_for("register", &survey.settings.state_directory) {
        Ok(lock) => {
            let exit = alone(context, &survey, &wanted).await;
            drop(lock);
            exit
        }
        Err(LockError::Held { pid, command: None, .. }) => through_daemon(context, &survey, pid.map(|pid| pid.to_string())).await,
        Err(error) => Err(Failure::new(Exit::Failed, crate::daemon::with_causes(&error), error.remedy())),
    }
}

async fn alone(context: &Context, survey: &Survey, wanted: &Wanted) -> Result<Exit, Failure> {
    let settings = &survey.settings;
    let journal = Journal::open(&settings.state_directory, machine::device_id().ok().flatten())?;
    let client = context.client(settings)?;
    let located = context.locate(&client, settings, survey.progress.as_ref()).await?;
    let Some(region) = &located.region else {
        let findings = [survey.examined.findings.as_slice(), &located.findings].concat();
        let gates = [wanted.gates.clone(), refused_gates(&located.findings)].concat();
        let decision = Decision::blocked(findings, gates);
        return Ok(show(context, survey, &Decided::without_plan(decision, settings.cloud.region.clone()), 0));
    };
    let owner = owner(settings, &journal);
    let want = wanted.in_region(settings, &owner, region, &located.evidence);
    let journal = Rc::new(RefCell::new(journal));
    let executor = Executor { client: Rc::new(client), journal, clock: context.clock.clone(), auth_key: auth_key(settings)? };
    executor.note_regions(&located)?;
    let mut signals = Signals::listen().map_err(Failure::system)?;
    let registered = async {
        let registration = register(&executor, &want, survey).await?;
        // What will not be done is shown as `plan` shows it.
        let draft = match registration.decision.kind == DecisionKind::Replace && !executor.has_open_replacement() {
            true => Some(in_full(context, survey, &executor, want.clone()).await?),
            false => None,
        };
        Ok::<_, Failure>((registration, draft))
    };
    let (registration, draft) = tokio::select! {
        registered = registered => registered?,
        _ = signals.next() => return Err(Failure::new(
            Exit::Interrupted,
            "interrupted; what was sent is in the journal",
            "run `cgwd register` again: it looks what became of it first",
        )),
    };
    Ok(conclude(context, survey, &registration, draft.as_ref(), region))
}

/// The person's word settles the address: they see it and act on it.
async fn register(executor: &Executor, want: &Want, survey: &Survey) -> Result<Registration, ExecuteError> {
    let registration = executor.register(want, PATIENCE).await?;
    let ours = registration.decision.kind == DecisionKind::InSync;
    if let Some(address) = survey.examined.address.as_ref().filter(|_| ours) {
        executor.note_settled(address.value, &address.source, survey.examined.asn.as_ref().map(|asn| (asn.asn, asn.source.as_str())))?;
    }
    executor.note_decision(&registration)?;
    Ok(registration)
}

fn conclude(context: &Context, survey: &Survey, registration: &Registration, draft: Option<&Draft>, region: &str) -> Exit {
    let decision = draft.map_or(&registration.decision, |draft| &draft.decision);
    let findings = [registration.mended.as_slice(), &decision.findings].concat();
    let decision = Decision { findings, ..decision.clone() };
    let consequences = draft.map_or_else(Decided::no_consequences, consequences_json);
    let exit = show(context, survey, &Decided { decision, region: Some(region.to_owned()), consequences }, registration.done.len());
    match &registration.held {
        None => exit,
        Some(hold) => held(context, &hold.until.to_string()),
    }
}

fn show(context: &Context, survey: &Survey, decided: &Decided, done: usize) -> Exit {
    let Decided { decision, region, consequences } = decided;
    let mut document = survey.plan_document(decision, region.as_deref());
    add_consequences(&mut document, consequences);
    document["changed"] = json!(done > 0);
    context.output.result(&document, |output| plan_text(output, &document) + &summary(output, done, decision));
    exit_of(decision)
}

/// What was done about the decision, or what is in the way.
fn summary(output: &Output, done: usize, decision: &Decision) -> String {
    match (done, exit_of(decision)) {
        (0, Exit::Done) => output.paint(Tone::Good, "\nnothing to do\n"),
        (_, Exit::Done) => output.paint(Tone::Good, "\nregistered\n"),
        (_, Exit::ChangeNeeded) if decision.kind == DecisionKind::Replace => {
            output.paint(Tone::Caution, "\nnot changed: `register` never replaces\n")
        }
        (_, Exit::ChangeNeeded) => output.paint(Tone::Caution, &format!("\nnot done yet: {}\n", waits_for(decision))),
        _ => output.paint(Tone::Bad, "\nnot registered\n"),
    }
}

/// Why a `create` or `adopt` was not carried out.
fn waits_for(decision: &Decision) -> String {
    let refused: Vec<&str> = decision.gates.iter().filter(|gate| !gate.passed).map(|gate| gate.detail.as_str()).collect();
    match &decision.next {
        Next::Wait(hold) if hold.reason == HoldReason::Unconfirmed => match refused.as_slice() {
            [] => format!("an earlier write has no confirmed outcome; it can take effect until {}", hold.until),
            reasons => reasons.join("; "),
        },
        Next::Wait(hold) => format!("the cloud's lists can lag behind a write of a moment ago; they count at {}", hold.until),
        Next::Do(_) | Next::Nothing => {
            "the daemon waits for what it reads to settle, or cannot write its state; `cgwd status` tells".to_owned()
        }
    }
}

/// The daemon holds the journal, so it does the work; what came of it is read afresh.
async fn through_daemon(context: &Context, survey: &Survey, pid: Option<String>) -> Result<Exit, Failure> {
    context.output.progress(&format!("the daemon (pid {}) does it", pid.as_deref().unwrap_or("unknown")));
    let places = Places::new(&context.environment, &survey.settings.state_directory);
    let answer = control::ask(&places, "refresh", LOOK_PATIENCE).await.map_err(|error| not_asked(&error, pid))?;
    if answer["error"].is_object() {
        return Err(of_daemon(&answer["error"]));
    }
    let done = answer["done"].as_u64().unwrap_or(0) as usize;
    let decided = decide(context, survey).await?;
    if exit_of(&decided.decision) == Exit::ChangeNeeded && !decided.decision.steps.is_empty() {
        tracing::debug!(steps = ?decided.decision.steps.iter().map(step_json).collect::<Vec<_>>(), "the daemon has not done these yet");
    }
    let exit = show(context, survey, &decided, done);
    match answer["held_until"].as_str() {
        None => Ok(exit),
        Some(until) => Ok(held(context, until)),
    }
}

/// What the daemon could not do, as it would be told without a daemon.
fn of_daemon(error: &Value) -> Failure {
    let text = |key: &str| error[key].as_str().map(str::to_owned);
    let exit = if error["resumable"] == true { Exit::Interrupted } else { Exit::Failed };
    let remedy = text("remedy").unwrap_or_else(|| "`cgwd status` and the journal tell more".to_owned());
    Failure { code: text("code"), request_id: text("request_id"), ..Failure::new(exit, text("message").unwrap_or_default(), remedy) }
}

fn held(context: &Context, until: &str) -> Exit {
    context
        .output
        .progress(&format!("could not confirm an earlier call; it can take effect until {until}. Run `cgwd register` again then."));
    Exit::Interrupted
}

fn not_asked(error: &AskError, pid: Option<String>) -> Failure {
    let pid = pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"));
    Failure::new(
        Exit::Failed,
        format!("{pid} holds the state directory, and {}", crate::daemon::with_causes(error)),
        "wait for the other cgwd command to end, or stop the daemon (`systemctl stop cgwd`)",
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::plan::{Gate, Hold};
    use crate::system::environment::Environment;

    fn told(kind: DecisionKind, next: Next, gates: Vec<Gate>) -> String {
        let decision = Decision { kind, next, ..Decision::blocked(Vec::new(), gates) };
        summary(&Output::new(true, &Environment::default()), 0, &decision)
    }

    #[test]
    fn what_was_not_done_is_told_by_what_it_waits_for() {
        let hold = |reason| Next::Wait(Hold { reason, until: "2026-11-23T03:04:05Z".parse().unwrap() });
        assert!(told(DecisionKind::Replace, Next::Nothing, Vec::new()).contains("`register` never replaces"));
        let lag = told(DecisionKind::Create, hold(HoldReason::ReadsLag), Vec::new());
        assert!(lag.contains("not done yet") && lag.contains("2026-11-23T03:04:05Z") && !lag.contains("never replaces"), "{lag}");
        let gate = Gate::refused("unconfirmed", "CreateCustomerGateway for 203.0.113.7 has no confirmed outcome".to_owned());
        let open = told(DecisionKind::Create, hold(HoldReason::Unconfirmed), vec![gate]);
        assert!(open.contains("has no confirmed outcome") && !open.contains("never replaces"), "{open}");
        let settling = told(DecisionKind::Adopt, Next::Nothing, Vec::new());
        assert!(settling.contains("cgwd status") && !settling.contains("never replaces"), "{settling}");
    }
}
