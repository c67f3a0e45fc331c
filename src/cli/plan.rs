//! `cgwd plan`: what would be done, and why. Reads only.

use super::Context;
use super::exit::{Exit, Failure};
use super::survey::Survey;
use crate::daemon::owner;
use crate::daemon::want::refused_gates;
use crate::execute::Executor;
use crate::journal::store::Memory;
use crate::journal::{Journal, JournalError};
use crate::model::Settings;
use crate::plan::{Decision, DecisionKind};
use std::cell::RefCell;
use std::rc::Rc;

pub async fn run(context: &Context) -> Result<Exit, Failure> {
    let survey = context.survey(context.load()?.settings).await?;
    let (decision, region) = decide(context, &survey).await?;
    let document = survey.plan_document(&decision, region.as_deref());
    context.output.result(&document, |output| survey.plan_text(output, &decision, region.as_deref()));
    Ok(exit_of(&decision))
}

/// What the device, the cloud and the journal add up to, without writing anywhere.
pub async fn decide(context: &Context, survey: &Survey) -> Result<(Decision, Option<String>), Failure> {
    let findings = &survey.examined.findings;
    let Some(wanted) = survey.wanted() else {
        return Ok((Decision::blocked(findings.clone(), refused_gates(findings)), survey.configured_region()));
    };
    let client = context.client(&survey.settings)?;
    let located = context.locate(&client, &survey.settings, survey.progress.as_ref()).await?;
    let Some(region) = &located.region else {
        let findings = [findings.as_slice(), &located.findings].concat();
        let gates = [wanted.gates, refused_gates(&located.findings)].concat();
        return Ok((Decision::blocked(findings, gates), survey.settings.cloud.region.clone()));
    };
    let journal = Rc::new(RefCell::new(journal_to_read(&survey.settings)?));
    let owner = owner(&survey.settings, &journal.borrow());
    let want = wanted.in_region(&survey.settings, &owner, region, &located.evidence);
    let executor = Executor { client: Rc::new(client), journal, clock: context.clock.clone(), auth_key: None };
    Ok((executor.preview(&want).await?, Some(region.clone())))
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
