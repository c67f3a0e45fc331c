//! The replacement that is open: on to its end, away from it at a safe point, or given up. What it is for is in its plan; what
//! can be read of the device only matters where it speaks against that.

use super::alone::{Parts, broke_off, seen};
use super::report::{Report, show_report};
use super::{ReplaceArgs, confirm, end_it_first, settle, what_is_open};
use crate::cli::Context;
use crate::cli::exit::{Exit, Failure};
use crate::cli::survey::Survey;
use crate::daemon::owner;
use crate::daemon::replacement::policy::contradicts;
use crate::execute::replacement::{Abandoned, LOST_FOR_GOOD, Unread, Word};
use crate::execute::{ExecuteError, Executor};
use crate::journal::Journal;
use crate::model::{Asn, ReplacementPlan, Settings};
use crate::plan::Owner;
use crate::plan::replacement::what_is_unsafe;
use crate::system::machine;
use crate::system::seal::{SealError, SealKey};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// Between two looks at what giving up waits for.
const WAITS_LOOK: Duration = Duration::from_secs(2);
/// After so long a person wants to hear again what is waited for.
const WAITS_AGAIN: Duration = Duration::from_secs(30);

/// What is left to do for the command.
pub enum After {
    Over(Exit),
    /// The device has changed again, and nothing is open any more.
    Anew,
}

pub async fn run(context: &Context, settings: Settings, arguments: ReplaceArgs) -> Result<After, Failure> {
    if arguments.abort {
        context.output.progress("giving up the replacement that is open: what it has done is looked at first");
    }
    let survey = context.survey(settings).await?;
    if !arguments.abort {
        return Parts::of_open(context, survey, arguments)?.go_on().await;
    }
    let shut = match SealKey::load(&survey.settings.state_directory, &context.environment) {
        Err(why) if why.is_a_loss() => {
            let journal = Journal::open(&survey.settings.state_directory, machine::device_id().ok().flatten())?;
            let owner = owner(&survey.settings, &journal);
            let (client, journal) = (Rc::new(context.client(&survey.settings)?), Rc::new(RefCell::new(journal)));
            let executor = Executor { client, journal, clock: context.clock.clone(), auth_key: None };
            Shut { context, survey: &survey, executor: &executor, owner: &owner, why }.abandon(arguments.yes).await
        }
        _ => Parts::of_open(context, survey, arguments)?.abandon().await,
    };
    shut.map(After::Over)
}

/// A replacement whose snapshot cannot be opened here.
struct Shut<'a> {
    context: &'a Context,
    survey: &'a Survey,
    executor: &'a Executor,
    owner: &'a Owner,
    why: SealError,
}

impl Shut<'_> {
    /// `yes`: nobody is asked.
    async fn abandon(&self, yes: bool) -> Result<Exit, Failure> {
        match self.let_go(&[]).await? {
            Unread::InAGap { known, waits: None } if !yes && confirm::somebody_is_there() => {
                let (ids, known): (Vec<String>, Vec<String>) = known.into_iter().unzip();
                confirm::lost_for_good(self.context, &ids, &format!("{}\n{}; {}", known.join("\n"), self.why, self.way_to_the_key()))
                    .await?;
                let ended = self.let_go(&ids).await?;
                self.told(ended)
            }
            other => self.told(other),
        }
    }

    async fn let_go(&self, agreed: &[String]) -> Result<Unread, Failure> {
        let ended = self.executor.let_go_unread(self.owner, Word::APersons, agreed).await;
        let is_open = || self.executor.journal.borrow().progress().replacements.open.is_some();
        ended.map_err(|error| broke_off(error, is_open(), "`cgwd replace --abort` tries it again"))
    }

    fn told(&self, ended: Unread) -> Result<Exit, Failure> {
        match ended {
            Unread::Over { stays } => given_up(self.context, self.survey, self.executor, stays),
            Unread::Waits(why) => {
                let remedy = format!("run `cgwd replace --abort` again then; or, sooner: {}", self.way_to_the_key());
                Err(not_given_up(&why, &remedy))
            }
            Unread::InAGap { known, waits } => {
                let known = known.into_iter().map(|(_, known)| known).chain(waits).collect::<Vec<_>>().join("; ");
                Err(not_given_up(&format!("{known} ({})", self.why), &format!("{}; {LOST_FOR_GOOD}", self.way_to_the_key())))
            }
        }
    }

    /// A command beside the service may only be at the wrong place.
    fn way_to_the_key(&self) -> String {
        match self.why.may_be_elsewhere() {
            true => "where the service has the key as a credential, which is there only while it runs, `systemctl start cgwd.service` and then `cgwd replace --abort` go by it; else put the key back".to_owned(),
            false => self.why.remedy(),
        }
    }
}

fn given_up(context: &Context, survey: &Survey, executor: &Executor, stays: Vec<String>) -> Result<Exit, Failure> {
    let journal = executor.journal.borrow();
    let region = journal.progress().replacements.last.as_ref().map(|last| last.progress.plan.region.clone()).unwrap_or_default();
    let report = Report::abandoned(&journal, stays)?;
    Ok(show_report(context, survey, &report, &region, ""))
}

fn not_given_up(why: &str, remedy: &str) -> Failure {
    Failure::new(Exit::Refused, format!("not given up: {why}"), remedy)
}

impl Parts<'_> {
    async fn abandon(&self) -> Result<Exit, Failure> {
        if let Err(ExecuteError::Seal(why)) = self.replacer.opened()
            && why.is_a_loss()
        {
            let (survey, executor, owner) = (&self.survey, self.executor(), &self.replacer.owner);
            return Shut { context: self.context, survey, executor, owner, why }.abandon(self.arguments.yes).await;
        }
        let abandoned = tokio::select! {
            abandoned = self.replacer.abandon(Word::APersons) => abandoned.map_err(|error| self.broke_off(error))?,
            () = self.tell_what_it_waits_for() => return Err(Failure::failed("the wait has no end")),
        };
        match abandoned {
            Abandoned::Yes { stays } => given_up(self.context, &self.survey, self.executor(), stays),
            Abandoned::NotSafe(why) => {
                Err(not_given_up(&why, "`cgwd replace --abort` tries it again; `cgwd replace --resume` goes on instead"))
            }
        }
    }

    /// Never ends: what keeps it from being given up, said when it begins, and again where that takes long.
    async fn tell_what_it_waits_for(&self) {
        let mut told: Option<(String, Duration)> = None;
        loop {
            tokio::time::sleep(WAITS_LOOK).await;
            let now = self.executor().now();
            let why = {
                let journal = self.executor().journal.borrow();
                journal
                    .progress()
                    .replacements
                    .open
                    .as_ref()
                    .and_then(|open| what_is_unsafe(open, &[], now))
                    .map(|unsafe_yet| unsafe_yet.why)
            };
            let Some(why) = why else { continue };
            // Seconds that count down are no news.
            let words: String = why.chars().filter(|letter| !letter.is_ascii_digit()).collect();
            let uptime = self.context.clock.uptime().unsigned_abs();
            if told.as_ref().is_none_or(|(before, at)| *before != words || uptime >= *at + WAITS_AGAIN) {
                self.context.output.progress(&format!("  waits: {why}"));
                told = Some((words, uptime));
            }
        }
    }

    /// The open plan to its end; or, where the device has changed again, away from it at a safe point. Whoever refuses does so
    /// before anything is given up.
    async fn go_on(&self) -> Result<After, Failure> {
        self.refuse_another()?;
        let is_another = self.is_another().await?;
        if is_another && !self.arguments.yes {
            self.agree_to_give_up().await?;
        }
        if is_another && self.is_given_up().await? {
            self.context.output.progress("the device has changed again: the open replacement is given up at a safe point and planned anew");
            return Ok(After::Anew);
        }
        if self.survey.is_settled() {
            self.note_observed()?;
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

    /// Whether the device reads otherwise than what the plan is for, and keeps doing so. A person's word stands for what is read.
    async fn is_another(&self) -> Result<bool, Failure> {
        let Some(plan) = self.open_plan() else { return Ok(false) };
        if self.arguments.overrides() || !contradicts(&plan, self.seen.get()) {
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

    /// Whoever asks for another address or ASN than the open plan's does not mean to go on with it, nor has said to give it up.
    fn refuse_another(&self) -> Result<(), Failure> {
        match self.open_plan() {
            Some(plan) if self.arguments.overrides() && self.is_asked_otherwise(&plan) => {
                Err(end_it_first(&plan.id, &plan.new.ip.to_string(), plan.new.asn.map(Asn::number)))
            }
            _ => Ok(()),
        }
    }

    async fn agree_to_give_up(&self) -> Result<(), Failure> {
        let Some(plan) = self.open_plan() else { return Ok(()) };
        let now = self.seen.get();
        let ip = now.ip.map_or_else(|| plan.new.ip.to_string(), |ip| ip.to_string());
        let asn = now.asn.map(|asn| format!(" with ASN {asn}")).unwrap_or_default();
        let what = format!(
            "the device has changed again: {} and this device is {ip}{asn} now",
            what_is_open(&plan.id, &plan.new.ip.to_string(), plan.new.asn.map(Asn::number))
        );
        if !confirm::somebody_is_there() {
            let remedy = "nobody is there to confirm that it is given up and planned anew: run it on a terminal, or add `--yes`";
            return Err(Failure::new(Exit::Usage, what, remedy));
        }
        let what = format!("\n{what}.\nThe open replacement is given up at a safe point; what is planned anew is shown before it begins.");
        confirm::by_name(self.context, &self.survey.settings.device, &what).await
    }

    fn is_asked_otherwise(&self, plan: &ReplacementPlan) -> bool {
        let wish = self.arguments.wish();
        let (ip, asn) = (wish.to.or(seen(&self.survey).ip), wish.asn);
        ip.is_some_and(|ip| ip != plan.new.ip) || asn.is_some_and(|asn| plan.new.asn != Some(asn))
    }
}
