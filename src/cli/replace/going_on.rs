//! The replacement that is open: on to its end, away from it at a safe point, or given up. What it is for is in its plan; what
//! can be read of the device only matters where it speaks against that.

use super::alone::{Parts, seen};
use super::report::{Report, show_report};
use super::{ReplaceArgs, settle};
use crate::cli::Context;
use crate::cli::exit::{Exit, Failure};
use crate::cli::survey::Survey;
use crate::daemon::replacement::policy::contradicts;
use crate::daemon::{auth_key, owner};
use crate::execute::replacement::{Abandoned, Word};
use crate::execute::{ExecuteError, Executor};
use crate::journal::Journal;
use crate::model::{ReplacementPlan, Settings};
use crate::system::machine;
use crate::system::seal::{SealError, SealKey};
use std::cell::RefCell;
use std::rc::Rc;

/// What is left to do for the command.
pub enum After {
    Over(Exit),
    /// The device has changed again, and nothing is open any more.
    Anew,
}

pub async fn run(context: &Context, settings: Settings, arguments: ReplaceArgs) -> Result<After, Failure> {
    let survey = context.survey(settings).await?;
    if arguments.abort
        && let Err(error) = SealKey::load(&survey.settings.state_directory, &context.environment)
        && error.is_a_loss()
    {
        return without_a_key(context, &survey, &error).await.map(After::Over);
    }
    let parts = Parts::of_open(context, survey, arguments)?;
    if arguments.abort { parts.abandon().await.map(After::Over) } else { parts.go_on().await }
}

/// Nothing sealed is needed to let go.
async fn without_a_key(context: &Context, survey: &Survey, why: &SealError) -> Result<Exit, Failure> {
    let settings = &survey.settings;
    let journal = Journal::open(&settings.state_directory, machine::device_id().ok().flatten())?;
    let region = journal.progress().replacements.open.as_ref().map(|open| open.plan.region.clone()).ok_or(ExecuteError::NothingOpen)?;
    let owner = owner(settings, &journal);
    let journal = Rc::new(RefCell::new(journal));
    let executor =
        Executor { client: Rc::new(context.client(settings)?), journal, clock: context.clock.clone(), auth_key: auth_key(settings)? };
    let abandoned = executor.abandon_unread(&owner, Word::APersons, &why.to_string()).await?;
    given_up(context, survey, &executor, &region, abandoned)
}

fn given_up(context: &Context, survey: &Survey, executor: &Executor, region: &str, abandoned: Abandoned) -> Result<Exit, Failure> {
    match abandoned {
        Abandoned::Yes { stays } => {
            let report = Report::abandoned(&executor.journal.borrow(), stays)?;
            Ok(show_report(context, survey, &report, region, ""))
        }
        Abandoned::NotSafe(why) => {
            Err(Failure::new(Exit::Refused, format!("not given up: {why}"), "`cgwd replace --resume` goes on with it"))
        }
    }
}

impl Parts<'_> {
    async fn abandon(&self) -> Result<Exit, Failure> {
        let abandoned = self.replacer.abandon(Word::APersons).await.map_err(|error| self.broke_off(error))?;
        given_up(self.context, &self.survey, self.executor(), &self.region, abandoned)
    }

    /// The open plan to its end; or, where the device has changed again, away from it at a safe point.
    async fn go_on(&self) -> Result<After, Failure> {
        let is_another = self.is_another().await?;
        if is_another && self.is_given_up().await? {
            self.context.output.progress("the device has changed again: the open replacement is given up at a safe point and planned anew");
            return Ok(After::Anew);
        }
        self.context.output.progress("going on with the replacement that is open");
        self.replacer.resume().map_err(|error| self.broke_off(error))?;
        let report = self.work(None).await?;
        // It goes only as far as where it can be given up.
        if is_another && report.goes_on() && (self.open_plan().is_none() || self.is_given_up().await?) {
            self.context.output.progress("the device has changed since: planning anew");
            return Ok(After::Anew);
        }
        Ok(After::Over(self.show(&report).await))
    }

    async fn is_given_up(&self) -> Result<bool, Failure> {
        Ok(matches!(self.replacer.abandon(Word::Nobodys).await.map_err(|error| self.broke_off(error))?, Abandoned::Yes { .. }))
    }

    /// Whether something else is wanted than what the plan is for: by the person, or by what is read and keeps being read.
    async fn is_another(&self) -> Result<bool, Failure> {
        let Some(plan) = self.open_plan() else { return Ok(false) };
        if self.arguments.overrides() {
            return Ok(self.is_asked_otherwise(&plan));
        }
        if !contradicts(&plan, self.seen.get()) {
            return Ok(false);
        }
        if self.survey.is_settled() {
            return Ok(true);
        }
        let settings = &self.survey.settings;
        let (keeps, last) = settle::keeps(self.context, settings, self.seen.get(), |now| contradicts(&plan, now)).await?;
        self.seen.set(last);
        Ok(keeps)
    }

    fn is_asked_otherwise(&self, plan: &ReplacementPlan) -> bool {
        let wish = self.arguments.wish();
        let (ip, asn) = (wish.to.or(seen(&self.survey).ip), wish.asn);
        ip.is_some_and(|ip| ip != plan.new.ip) || asn.is_some_and(|asn| plan.new.asn != Some(asn))
    }
}
