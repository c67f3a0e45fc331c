//! Giving a replacement up at a safe point: what was made stays for the next plan to find. All that is written to the cloud is what
//! a connection lacks that is there itself; and where the replacement cannot go on, what it has deleted.

use super::{Replacer, StageEnd};
use crate::execute::ExecuteError;
use crate::journal::Record;
use crate::journal::replay::{ReplacementProgress, StepProgress};
use crate::model::{PlannedStep, ReplacementOutcome, ReplacementPlan, Snapshot};
use crate::plan::ABSENT_TWICE;
use crate::plan::replacement::next::{Act, Standing, View, effect, needs, next};
use crate::plan::replacement::{Gap, gaps, made_anew, made_whole, may_change_still, what_is_unsafe, what_stays};
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::time::Duration;

/// So long an unresolved call is looked after before the person is told when to come back.
const PATIENCE: Duration = Duration::from_secs(100);
const PAUSE: Duration = Duration::from_secs(5);

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Abandoned {
    /// It is over; this is what stays.
    Yes { stays: Vec<String> },
    /// Not here: this has to come to its end first.
    NotSafe(String),
}

/// Whose word it is. What a person gave up nobody but a person begins again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    APersons,
    /// The device has changed again, or it came to nothing.
    Nobodys,
}

impl Replacer {
    /// # Errors
    /// Where nothing is open, or the journal or the snapshot cannot be read.
    pub async fn abandon(&self, word: Word) -> Result<Abandoned, ExecuteError> {
        let (plan, snapshot) = match self.opened() {
            Ok(opened) => opened,
            Err(ExecuteError::Seal(error)) if error.is_a_loss() => {
                return self.executor.abandon_unread(&self.owner, word, &error.to_string()).await;
            }
            Err(error) => return Err(error),
        };
        let began = tokio::time::Instant::now();
        let mut missing = Missing::default();
        let goes_nowhere = word == Word::APersons && self.has_stopped();
        if self.executor.client.cloud_time().is_none() {
            // Over a restart of the machine the cloud's clock alone tells how long ago a call went out.
            self.executor.client.customer_gateways(&plan.region).await?;
        }
        loop {
            self.executor.place_sendings_of_steps();
            self.look_after_open_writes(&plan.region, &snapshot).await?;
            let trouble = self.mend(&plan, &snapshot, &mut missing, goes_nowhere).await?;
            let (problem, stays) = {
                let journal = self.executor.journal.borrow();
                let Some(progress) = &journal.progress().replacements.open else { return Err(ExecuteError::NothingOpen) };
                let view = View { progress, snapshot: &snapshot, owner: &self.owner };
                (what_is_unsafe(progress, &missing.lost(self.executor.clock.uptime()), self.executor.now()), what_stays(&view))
            };
            let Some(problem) = problem else {
                let (outcome, by_itself) = (ReplacementOutcome::Abandoned, word == Word::Nobodys);
                let ended = Record::ReplacementEnded { plan: plan.id, outcome, new_gateway: None, leftover: Vec::new(), by_itself };
                self.executor.append(ended)?;
                return Ok(Abandoned::Yes { stays });
            };
            let patience = SignedDuration::try_from(PATIENCE.saturating_sub(began.elapsed())).unwrap_or_default();
            let passes = problem.passes_in.is_some_and(|least| least < patience) || (!missing.0.is_empty() && !patience.is_zero());
            if !passes {
                return Ok(Abandoned::NotSafe(trouble.unwrap_or(problem.why)));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// What was taken off a connection that is there itself is put back, and one that was made again gets what it lacks; what keeps
    /// it from that is returned. `goes_nowhere`: going on does not make again what was deleted, so that is done here.
    async fn mend(
        &self,
        plan: &ReplacementPlan,
        snapshot: &Snapshot,
        missing: &mut Missing,
        goes_nowhere: bool,
    ) -> Result<Option<String>, ExecuteError> {
        let gaps = self.with_progress(|progress| gaps(progress, self.executor.now()))?;
        for (connection, gap) in gaps {
            let id = self.with_progress(|progress| View { progress, snapshot, owner: &self.owner }.connection_id(&connection))?;
            let is_there = self.executor.client.whole_connection(&plan.region, &id).await?.is_some();
            missing.saw(&connection, is_there || gap == Gap::Deleted, self.executor.clock.uptime());
            let lane = self.with_progress(|progress| {
                let (view, now) = (View { progress, snapshot, owner: &self.owner }, self.executor.now());
                match gap {
                    Gap::Deleted if !is_there && goes_nowhere => made_anew(&view, &connection, now),
                    Gap::TakenOff | Gap::Unfinished if is_there && !may_change_still(progress, &connection, now) => {
                        made_whole(progress, &connection)
                    }
                    Gap::Deleted | Gap::TakenOff | Gap::Unfinished => None,
                }
            })?;
            let Some(lane) = lane else { continue };
            self.resume()?;
            match self.course(plan.clone(), snapshot, None).stage(&[lane]).await? {
                StageEnd::Done => {}
                StageEnd::Stopped(stopped) => return Ok(Some(format!("{}; {}", stopped.message, stopped.remedy))),
                StageEnd::NotVerified { why, .. } => return Ok(Some(why)),
            }
        }
        Ok(None)
    }

    /// Also for a reason that may pass: who gives it up does not wait for that.
    fn has_stopped(&self) -> bool {
        let journal = self.executor.journal.borrow();
        journal.progress().replacements.open.as_ref().is_some_and(|open| open.stopped.is_some())
    }

    fn with_progress<T>(&self, read: impl FnOnce(&ReplacementProgress) -> T) -> Result<T, ExecuteError> {
        let journal = self.executor.journal.borrow();
        journal.progress().replacements.open.as_ref().map(read).ok_or(ExecuteError::NothingOpen)
    }

    /// What a reading proves about calls that can still take effect; nothing is sent. Its answer tells the cloud's time, and with
    /// that how old they are.
    async fn look_after_open_writes(&self, region: &str, snapshot: &Snapshot) -> Result<(), ExecuteError> {
        let open = self.with_progress(|progress| {
            let is_open = |step: &&PlannedStep| may_take_effect(&progress.step(&step.id));
            progress.plan.steps().filter(is_open).cloned().collect::<Vec<_>>()
        })?;
        for step in open {
            let wanted = self.with_progress(|progress| needs(&View { progress, snapshot, owner: &self.owner }, &step.op))?;
            let reads = self.executor.look_for(region, &wanted).await?;
            self.executor.place_sendings_of_steps();
            let (shown, act) = self.with_progress(|progress| {
                let view = View { progress, snapshot, owner: &self.owner };
                let shown = effect(&view, &step, &reads);
                let looking_since = self.executor.clock.uptime();
                let standing = Standing { agreed_since: None, looking_since, shown_since: None, missing_since: None, changed: None };
                let act = next(&view, &step, &reads, &shown, &standing, self.executor.now());
                (shown, act)
            })?;
            self.executor.remember_absence_of_step(&step.id, &shown);
            if let Act::Conclude { intent, found } = act {
                self.executor.append(Record::WriteConcluded { intent, found })?;
            }
        }
        Ok(())
    }
}

fn may_take_effect(step: &StepProgress) -> bool {
    step.open.is_some() || step.doubtful.is_some()
}

/// Connections that are gone although the plan did not delete them, and since when, in time since boot, they were not shown.
#[derive(Default)]
struct Missing(BTreeMap<String, SignedDuration>);

impl Missing {
    fn saw(&mut self, connection: &str, is_there: bool, now: SignedDuration) {
        match is_there {
            true => drop(self.0.remove(connection)),
            false => drop(self.0.entry(connection.to_owned()).or_insert(now)),
        }
    }

    /// Those that somebody else has deleted: one reading can be an old one.
    fn lost(&self, now: SignedDuration) -> Vec<String> {
        self.0.iter().filter(|(_, since)| now >= **since + ABSENT_TWICE).map(|(connection, _)| connection.clone()).collect()
    }
}
