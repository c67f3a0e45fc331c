//! Giving a replacement up at a safe point: nothing is written to the cloud, and what was made stays for the next plan to find.

use super::Replacer;
use crate::execute::ExecuteError;
use crate::journal::Record;
use crate::journal::replay::StepProgress;
use crate::model::{ReplacementOutcome, Snapshot};
use crate::plan::replacement::next::{Act, Standing, View, effect, needs, next};
use crate::plan::replacement::{what_is_unsafe, what_stays};
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

impl Replacer {
    /// # Errors
    /// Where nothing is open, or the journal or the snapshot cannot be read.
    pub async fn abandon(&self) -> Result<Abandoned, ExecuteError> {
        let (plan, snapshot) = self.opened()?;
        let began = tokio::time::Instant::now();
        loop {
            self.look_after_open_writes(&plan.region, &snapshot).await?;
            self.place_sendings();
            let (problem, stays) = {
                let journal = self.executor.journal.borrow();
                let Some(progress) = &journal.progress().replacements.open else { return Err(ExecuteError::NothingOpen) };
                let view = View { progress, snapshot: &snapshot, owner: &self.owner };
                (what_is_unsafe(progress, self.executor.now()), what_stays(&view))
            };
            let Some(problem) = problem else {
                let (outcome, leftover) = (ReplacementOutcome::Abandoned, Vec::new());
                self.executor.append(Record::ReplacementEnded { plan: plan.id, outcome, new_gateway: None, leftover })?;
                return Ok(Abandoned::Yes { stays });
            };
            if !problem.passes || began.elapsed() >= PATIENCE {
                return Ok(Abandoned::NotSafe(problem.why));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// What a reading proves about calls that can still take effect; nothing is sent. Its answer tells the cloud's time, and with
    /// that how old they are.
    async fn look_after_open_writes(&self, region: &str, snapshot: &Snapshot) -> Result<(), ExecuteError> {
        let open = {
            let journal = self.executor.journal.borrow();
            let Some(progress) = &journal.progress().replacements.open else { return Ok(()) };
            progress.plan.steps().filter(|step| may_take_effect(&progress.step(&step.id))).cloned().collect::<Vec<_>>()
        };
        for step in open {
            let wanted = {
                let journal = self.executor.journal.borrow();
                let Some(progress) = &journal.progress().replacements.open else { return Ok(()) };
                needs(&View { progress, snapshot, owner: &self.owner }, &step.op)
            };
            let reads = self.executor.look_for(region, &wanted).await?;
            self.place_sendings();
            let concluded = {
                let journal = self.executor.journal.borrow();
                let Some(progress) = &journal.progress().replacements.open else { return Ok(()) };
                let view = View { progress, snapshot, owner: &self.owner };
                let shown = effect(&view, &step, &reads);
                let standing = Standing { agreed_since: None, looking_since: self.executor.clock.uptime(), changed: None };
                match next(&view, &step, &reads, &shown, &standing, self.executor.now()) {
                    Act::Conclude { intent, found } => Some((intent, found)),
                    _ => None,
                }
            };
            if let Some((intent, found)) = concluded {
                self.executor.append(Record::WriteConcluded { intent, found })?;
            }
        }
        Ok(())
    }
}

fn may_take_effect(step: &StepProgress) -> bool {
    step.open.is_some() || step.doubtful.is_some()
}
