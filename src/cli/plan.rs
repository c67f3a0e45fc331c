//! `cgwd plan`: what would be done, and why. Reads only.

use super::Context;
use super::exit::{Exit, Failure};
use super::plan_text::plan_text;
use super::replace::{add_consequences, attested};
use super::survey::Survey;
use crate::daemon::owner;
use crate::daemon::replacement::document::consequences_json;
use crate::daemon::replacing::{self, Wish};
use crate::daemon::want::refused_gates;
use crate::execute::replacement::Draft;
use crate::execute::{Executor, Want};
use crate::journal::store::Memory;
use crate::journal::{Journal, JournalError};
use crate::model::Settings;
use crate::plan::{Decision, DecisionKind};
use crate::system::zone::Zone;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::rc::Rc;

pub async fn run(context: &Context) -> Result<Exit, Failure> {
    let survey = context.survey(context.load()?.settings).await?;
    let Decided { mut decision, region, consequences } = decide(context, &survey).await?;
    survey.doubt(&mut decision);
    let mut document = survey.plan_document(&decision, region.as_deref());
    add_consequences(&mut document, &consequences);
    context.output.result(&document, |output| plan_text(output, &document));
    Ok(exit_of(&decision))
}

pub struct Decided {
    pub decision: Decision,
    pub region: Option<String>,
    /// What a replacement does beside its steps; empty where none would be.
    pub consequences: Value,
}

impl Decided {
    pub fn without_plan(decision: Decision, region: Option<String>) -> Decided {
        Decided { decision, region, consequences: Decided::no_consequences() }
    }

    pub fn no_consequences() -> Value {
        json!({"rewrites": [], "losses": [], "interruptions": [], "not_asked_to_come_up": []})
    }
}

/// What the device, the cloud and the journal add up to, without writing anywhere.
pub async fn decide(context: &Context, survey: &Survey) -> Result<Decided, Failure> {
    let findings = &survey.examined.findings;
    let Some(wanted) = survey.wanted() else {
        return Ok(Decided::without_plan(Decision::blocked(findings.clone(), refused_gates(findings)), survey.configured_region()));
    };
    let client = context.client(&survey.settings)?;
    let located = context.locate(&client, &survey.settings, survey.progress.as_ref()).await?;
    let Some(region) = &located.region else {
        let findings = [findings.as_slice(), &located.findings].concat();
        let gates = [wanted.gates, refused_gates(&located.findings)].concat();
        return Ok(Decided::without_plan(Decision::blocked(findings, gates), survey.settings.cloud.region.clone()));
    };
    let journal = Rc::new(RefCell::new(journal_to_read(&survey.settings)?));
    let owner = owner(&survey.settings, &journal.borrow());
    let want = wanted.in_region(&survey.settings, &owner, region, &located.evidence);
    let executor = Executor { client: Rc::new(client), journal, clock: context.clock.clone(), auth_key: None };
    let decision = executor.preview(&want).await?;
    if decision.kind != DecisionKind::Replace || executor.has_open_replacement() {
        return Ok(Decided::without_plan(decision, Some(region.clone())));
    }
    let draft = in_full(context, survey, &executor, want).await?;
    let consequences = consequences_json(&draft);
    Ok(Decided { decision: draft.decision, region: Some(region.clone()), consequences })
}

/// A replacement with its gates, from a reading of everything that it would touch.
pub async fn in_full(context: &Context, survey: &Survey, executor: &Executor, want: Want) -> Result<Draft, Failure> {
    let local = Zone::of_this_device().map(|zone| zone.local(context.clock.now()));
    let local = local.map_err(|error| Failure::new(Exit::Failed, crate::daemon::with_causes(&error), error.remedy()))?;
    let seen = if survey.is_settled() { "has held" } else { "is seen now; `cgwd replace` waits until it has held" };
    let settled = Ok(format!("{} {seen} for {} s", want.desired.ip, survey.settings.address.settle.as_secs()));
    let evidence = replacing::evidence(&survey.settings, settled, attested(survey), local, true);
    let id = replacing::plan_id(executor);
    let asked = replacing::asked(&survey.settings, want, Wish::default(), evidence, id, false)?;
    Ok(executor.draft(&asked).await?)
}

pub fn exit_of(decision: &Decision) -> Exit {
    match decision.kind {
        DecisionKind::InSync => Exit::Done,
        DecisionKind::Create | DecisionKind::Adopt | DecisionKind::Replace => Exit::ChangeNeeded,
        DecisionKind::Blocked => Exit::of_blocked(&decision.findings),
    }
}

/// The journal as far as it can be read; an empty one where there is none yet.
pub fn journal_to_read(settings: &Settings) -> Result<Journal, JournalError> {
    let empty = || Journal::in_memory(Memory::default(), &crate::system::machine::device_id().ok().flatten().unwrap_or_default());
    match Journal::open_to_read(&settings.state_directory) {
        Ok(Some(journal)) => Ok(journal),
        Ok(None) => empty(),
        Err(error) if error.is_storage() => {
            tracing::debug!(error = crate::daemon::with_causes(&error), "the journal cannot be read; going on without");
            empty()
        }
        Err(error) => Err(error),
    }
}
