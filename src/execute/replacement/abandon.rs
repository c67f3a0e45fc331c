//! Giving a replacement up at a safe point: what was made stays for the next plan to find. Nothing is written to the cloud, but for
//! routes that were deleted while their connection is still there: they are put back.

use super::{Replacer, StageEnd};
use crate::execute::ExecuteError;
use crate::journal::Record;
use crate::model::{ReplacementOutcome, ReplacementPlan, Snapshot};
use crate::plan::replacement::next::{Act, Standing, View, effect, needs, next};
use crate::plan::replacement::{route_lanes, what_is_unsafe, what_stays};
use jiff::SignedDuration;
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
        if self.executor.client.cloud_time().is_none() {
            // Over a restart of the machine the cloud's clock alone tells how long ago a call went out.
            self.executor.client.customer_gateways(&plan.region).await?;
        }
        loop {
            self.executor.place_sendings_of_steps();
            self.look_after_open_writes(&plan.region, &snapshot).await?;
            let (problem, stays) = {
                let journal = self.executor.journal.borrow();
                let Some(progress) = &journal.progress().replacements.open else { return Err(ExecuteError::NothingOpen) };
                let view = View { progress, snapshot: &snapshot, owner: &self.owner };
                (what_is_unsafe(progress, self.executor.now()), what_stays(&view))
            };
            let Some(problem) = problem else {
                if let Some(why) = self.put_routes_back(&plan, &snapshot).await? {
                    return Ok(Abandoned::NotSafe(why));
                }
                let (outcome, leftover) = (ReplacementOutcome::Abandoned, Vec::new());
                self.executor.append(Record::ReplacementEnded { plan: plan.id, outcome, new_gateway: None, leftover })?;
                return Ok(Abandoned::Yes { stays });
            };
            let patience = SignedDuration::try_from(PATIENCE.saturating_sub(began.elapsed())).unwrap_or_default();
            if problem.passes_in.is_none_or(|least| least >= patience) {
                return Ok(Abandoned::NotSafe(problem.why));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Routes that are deleted while their connection is still there; why they could not be put back, where that is so.
    async fn put_routes_back(&self, plan: &ReplacementPlan, snapshot: &Snapshot) -> Result<Option<String>, ExecuteError> {
        let lanes = {
            let journal = self.executor.journal.borrow();
            journal.progress().replacements.open.as_ref().map(route_lanes).unwrap_or_default()
        };
        Ok(match self.course(plan, snapshot, None).stage(&lanes).await? {
            StageEnd::Done => None,
            StageEnd::NotVerified { why, .. } => Some(why),
            StageEnd::Stopped(stopped) => Some(format!("deleted routes could not be put back: {}", stopped.message)),
        })
    }

    /// What a reading proves about calls whose outcome is not known; nothing is sent.
    async fn look_after_open_writes(&self, region: &str, snapshot: &Snapshot) -> Result<(), ExecuteError> {
        let open = {
            let journal = self.executor.journal.borrow();
            let Some(progress) = &journal.progress().replacements.open else { return Ok(()) };
            progress.plan.steps().filter(|step| progress.step(&step.id).open.is_some()).cloned().collect::<Vec<_>>()
        };
        for step in open {
            let wanted = {
                let journal = self.executor.journal.borrow();
                let Some(progress) = &journal.progress().replacements.open else { return Ok(()) };
                needs(&View { progress, snapshot, owner: &self.owner }, &step.op)
            };
            let reads = self.executor.look_for(region, &wanted).await?;
            self.executor.place_sendings_of_steps();
            let (concluded, shown) = {
                let journal = self.executor.journal.borrow();
                let Some(progress) = &journal.progress().replacements.open else { return Ok(()) };
                let view = View { progress, snapshot, owner: &self.owner };
                let shown = effect(&view, &step, &reads);
                let looking_since = self.executor.clock.uptime();
                let standing = Standing { agreed_since: None, looking_since, shown_since: None, missing_since: None, changed: None };
                let concluded = match next(&view, &step, &reads, &shown, &standing, self.executor.now()) {
                    Act::Conclude { intent, found } => Some((intent, found)),
                    _ => None,
                };
                (concluded, shown)
            };
            self.executor.remember_absence_of_step(&step.id, &shown);
            if let Some((intent, found)) = concluded {
                self.executor.append(Record::WriteConcluded { intent, found })?;
            }
        }
        Ok(())
    }
}
