//! Giving a replacement up at a safe point: what was made stays for the next plan to find. All that is written to the cloud is what
//! a connection lacks that is there itself; and where the replacement cannot go on, what it has deleted, with the new customer gateway where
//! nothing else is there for it. A stop stays in the journal until it is over: the service does not go forward where this breaks off.

use super::{Replacer, StageEnd, not_verified};
use crate::execute::ExecuteError;
use crate::journal::Record;
use crate::journal::replay::{ReplacementProgress, StepProgress};
use crate::model::{Op, PlannedStep, ReplacementOutcome, ReplacementPlan, Snapshot, Stopped};
use crate::plan::ABSENT_TWICE;
use crate::plan::replacement::next::{Act, Need, Standing, View, effect, needs, next, stands_in};
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
        let goes_nowhere = word == Word::APersons && self.has_stopped();
        let mut seen = Seen { word, goes_nowhere, missing: Missing::default(), by_hand: BTreeMap::new() };
        if self.executor.client.cloud_time().is_none() {
            // Over a restart of the machine the cloud's clock alone tells how long ago a call went out.
            self.executor.client.customer_gateways(&plan.region).await?;
        }
        loop {
            self.executor.place_sendings_of_steps();
            self.look_after_open_writes(&plan.region, &snapshot).await?;
            let trouble = self.mend(&plan, &snapshot, &mut seen).await?;
            let (problem, stays) = {
                let journal = self.executor.journal.borrow();
                let Some(progress) = &journal.progress().replacements.open else { return Err(ExecuteError::NothingOpen) };
                let view = View { progress, snapshot: &snapshot, owner: &self.owner };
                let let_go: Vec<String> =
                    seen.missing.lost(self.executor.clock.uptime()).into_iter().chain(seen.by_hand.keys().cloned()).collect();
                let stays: Vec<String> = what_stays(&view).into_iter().chain(seen.by_hand.values().cloned()).collect();
                (what_is_unsafe(progress, &let_go, self.executor.now()), stays)
            };
            let Some(problem) = problem else {
                let (outcome, by_itself) = (ReplacementOutcome::Abandoned, word == Word::Nobodys);
                let ended = Record::ReplacementEnded { plan: plan.id, outcome, new_gateway: None, leftover: Vec::new(), by_itself };
                self.executor.append(ended)?;
                return Ok(Abandoned::Yes { stays });
            };
            let patience = SignedDuration::try_from(PATIENCE.saturating_sub(began.elapsed())).unwrap_or_default();
            let passes = problem.passes_in.is_some_and(|least| least < patience) || (!seen.missing.0.is_empty() && !patience.is_zero());
            if !passes {
                return Ok(Abandoned::NotSafe(trouble.unwrap_or(problem.why)));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// What was taken off a connection that is there itself is put back, and one that was made again gets what it lacks; what keeps
    /// it from that is returned.
    async fn mend(&self, plan: &ReplacementPlan, snapshot: &Snapshot, seen: &mut Seen) -> Result<Option<String>, ExecuteError> {
        let gaps = self.with_progress(|progress| gaps(progress, self.executor.now()))?;
        // One that cannot be mended is no reason to leave another half-way.
        let mut trouble = None;
        for (connection, gap) in gaps {
            let id = self.with_progress(|progress| View { progress, snapshot, owner: &self.owner }.connection_id(&connection))?;
            let is_there = self.executor.client.whole_connection(&plan.region, &id).await?.is_some();
            seen.missing.saw(&connection, is_there || gap == Gap::Deleted, self.executor.clock.uptime());
            let lane = self.with_progress(|progress| {
                let (view, now) = (View { progress, snapshot, owner: &self.owner }, self.executor.now());
                match gap {
                    Gap::Deleted if !is_there && seen.goes_nowhere => made_anew(&view, &connection, now).map(Some),
                    Gap::TakenOff | Gap::Unfinished if is_there && !may_change_still(progress, &connection, now) => {
                        Ok(made_whole(progress, &connection))
                    }
                    Gap::Deleted | Gap::TakenOff | Gap::Unfinished => Ok(None),
                }
            })?;
            let lane = match lane {
                Ok(Some(lane)) => lane,
                Ok(None) => continue,
                Err(why) => {
                    trouble.get_or_insert(why);
                    continue;
                }
            };
            if gap == Gap::Deleted
                && let Some(line) = self.made_by_hand(plan, snapshot, &connection).await?
            {
                seen.by_hand.insert(connection, line);
                continue;
            }
            if seen.word == Word::APersons && !self.has_stopped() {
                // Before the first write: where this breaks off, nobody but a person goes on, either way.
                self.executor.append(Record::ReplacementStopped { plan: plan.id.clone(), stopped: given_up() })?;
            }
            // What stopped it may be another than what was read.
            self.agreed.forget_all();
            let course = self.course(plan.clone(), snapshot, None);
            let stopped = match course.stage(&[lane]).await? {
                StageEnd::Done => continue,
                StageEnd::Stopped(stopped) => stopped,
                StageEnd::NotVerified { why, .. } => not_verified(why),
            };
            trouble.get_or_insert_with(|| format!("{}; {}", stopped.message, stopped.remedy));
            // What a person gives up does not go forward by itself, also where this can be tried again.
            if seen.word == Word::APersons {
                let remedy = format!("{}; `cgwd replace --abort` goes on with giving up", stopped.remedy);
                course.stop(Stopped { passes: false, remedy, ..stopped })?;
            }
        }
        Ok(trouble)
    }

    /// What a person has made in the place of a connection that is gone, in words: whoever gives up may leave it there.
    async fn made_by_hand(&self, plan: &ReplacementPlan, snapshot: &Snapshot, connection: &str) -> Result<Option<String>, ExecuteError> {
        let makes = |step: &&PlannedStep| matches!(&step.op, Op::CreateConnection { connection: own } if own == connection);
        let Some(step) = plan.steps().find(makes) else { return Ok(None) };
        let mut wanted = self.with_progress(|progress| needs(&View { progress, snapshot, owner: &self.owner }, &step.op))?;
        let gateway = wanted.iter().find_map(|need| if let Need::VpnGateway(id) = need { Some(id.clone()) } else { None });
        wanted.extend(gateway.into_iter().flat_map(|id| [Need::Routes(id.clone()), Need::Policies(id)]));
        let reads = self.executor.look_for(&plan.region, &wanted).await?;
        let found = self.with_progress(|progress| stands_in(&View { progress, snapshot, owner: &self.owner }, step, &reads))?;
        Ok(found.map(|(id, lacks)| {
            let lacking = plan.steps().filter(|own| lacks.contains(&own.op)).filter_map(|own| plan.words.get(&own.id));
            let words: Vec<String> = lacking.map(|words| format!("{} {}", words.action, words.target)).collect();
            let lacks = if words.is_empty() { String::new() } else { format!(" and lacks {}", words.join(", ")) };
            format!("{id}, made by hand, stays in the place of {connection}{lacks}")
        }))
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

fn given_up() -> Stopped {
    Stopped {
        reason: "giving_up".to_owned(),
        message: "it is being given up, and what a connection lacks is not yet put back".to_owned(),
        remedy: "`cgwd replace --abort` goes on with giving up, `cgwd replace --resume` with the replacement".to_owned(),
        step: None,
        passes: false,
    }
}

fn may_take_effect(step: &StepProgress) -> bool {
    step.open.is_some() || step.doubtful.is_some()
}

/// What one giving-up goes by.
struct Seen {
    word: Word,
    /// Going on does not make again what was deleted, so that is done here.
    goes_nowhere: bool,
    missing: Missing,
    /// What stands by a person's hand in the place of a connection, by that one's id, in words.
    by_hand: BTreeMap<String, String>,
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
