//! The replacement that is open: on to its end, away from it at a safe point, or given up. What it is for is in its plan; what
//! can be read of the device only matters where it speaks against that.

use super::alone::{Parts, seen};
use super::report::{Report, show_report};
use super::{ReplaceArgs, settle};
use crate::cli::Context;
use crate::cli::exit::{Exit, Failure};
use crate::daemon::replacement::policy::contradicts;
use crate::execute::replacement::{Abandoned, Word};
use crate::model::{ReplacementPlan, Settings};

/// What is left to do for the command.
pub enum After {
    Over(Exit),
    /// The device has changed again, and nothing is open any more.
    Anew,
}

pub async fn run(context: &Context, settings: Settings, arguments: ReplaceArgs) -> Result<After, Failure> {
    let parts = Parts::of_open(context, context.survey(settings).await?, arguments)?;
    if arguments.abort { parts.abandon().await.map(After::Over) } else { parts.go_on().await }
}

impl Parts<'_> {
    async fn abandon(&self) -> Result<Exit, Failure> {
        match self.replacer.abandon(Word::APersons).await.map_err(|error| self.broke_off(error))? {
            Abandoned::Yes { stays } => {
                let report = Report::abandoned(&self.executor().journal.borrow(), stays)?;
                Ok(show_report(self.context, &self.survey, &report, &self.region, ""))
            }
            Abandoned::NotSafe(why) => {
                Err(Failure::new(Exit::Refused, format!("not given up: {why}"), "`cgwd replace --resume` goes on with it"))
            }
        }
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
