//! What the journal says of a replacement: the plan, and for each step what was sent, answered and seen.

use super::{Corrupt, PendingWrite, Sending};
use crate::journal::record::{Entry, Record, StepRef};
use crate::model::{Begun, Label, NOT_UP, Op, ReplacementOutcome, ReplacementPlan, Stopped, Timestamp};
use jiff::SignedDuration;
use std::collections::BTreeMap;

/// Begun plans that are remembered, for the daily limit.
const REMEMBERED: usize = 64;

/// Longer than any request can live, whatever becomes of the clock in between.
const FORGOTTEN: SignedDuration = SignedDuration::from_hours(24 * 30);

/// A replacement that has not ended.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplacementProgress {
    /// Sequence number of the record that it began with.
    pub seq: i64,
    pub plan: ReplacementPlan,
    /// The snapshot, sealed, in base64.
    pub sealed: String,
    pub began: Timestamp,
    /// By step; one that nothing was done for is not in it.
    pub steps: BTreeMap<String, StepProgress>,
    /// What earlier replacements sent that may still have taken effect when this one began, the last sending of each.
    pub earlier: Vec<(Op, Sending)>,
    /// It goes back, and why.
    pub turned: Option<String>,
    /// It does not go on until somebody or something says so.
    pub stopped: Option<Stopped>,
    /// Why it had stopped before somebody or something said so.
    pub resumed_from: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepProgress {
    /// A write whose outcome is not known.
    pub open: Option<PendingWrite>,
    /// The cloud said that it was done.
    pub answered: bool,
    /// Of what it made: from the answer, or from looking.
    pub id: Option<String>,
    /// A reading showed its effect.
    pub proven: Option<Timestamp>,
    /// When one showed it first, for the timeline.
    pub shown: Option<Timestamp>,
    /// The next write's ClientToken must be another.
    pub generation: u32,
    /// When its time to come up began.
    pub verifying: Option<Sending>,
    /// The last sending that may still take effect although it was concluded otherwise.
    pub doubtful: Option<Sending>,
    /// How often what the cloud had accepted did not come about.
    pub undone: u32,
    /// When it was first sent, for the timeline.
    pub first_sent: Option<Timestamp>,
    /// What was written on what it deletes, other than in the snapshot.
    pub edited: Option<Label>,
}

/// How the last one ended.
#[derive(Clone, Debug, PartialEq)]
pub struct PastReplacement {
    /// As it was at its end, without the snapshot.
    pub progress: Box<ReplacementProgress>,
    pub ended: Timestamp,
    pub outcome: ReplacementOutcome,
    pub new_gateway: Option<String>,
    /// Old customer gateways that are still to be deleted.
    pub leftover: Vec<String>,
    /// Given up without a person's word.
    pub by_itself: bool,
    /// Sequence number of the record that it ended with.
    pub seq: i64,
}

/// The snapshot of a replacement that is over, still in its record.
#[derive(Clone, Debug, PartialEq)]
pub struct SealedPlan {
    /// Sequence number of the record.
    pub seq: i64,
    pub ended: Timestamp,
    pub outcome: ReplacementOutcome,
}

/// Everything about replacements.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Replacements {
    pub open: Option<ReplacementProgress>,
    pub last: Option<PastReplacement>,
    pub begun: Vec<Begun>,
    /// Of replacements that are over.
    pub sealed: Vec<SealedPlan>,
}

impl ReplacementProgress {
    pub fn step(&self, id: &str) -> StepProgress {
        self.steps.get(id).cloned().unwrap_or_default()
    }

    /// What can still take effect for whoever begins next.
    fn still_doubtful(&self, now: Timestamp) -> Vec<(Op, Sending)> {
        let of_steps = self.plan.steps().filter_map(|step| {
            let known = self.steps.get(&step.id)?;
            let sending = known.open.as_ref().map(|open| &open.last_sent).or(known.doubtful.as_ref())?;
            Some((step.op.clone(), sending.clone()))
        });
        let all = self.earlier.iter().cloned().chain(of_steps);
        all.filter(|(_, sending)| now.duration_since(sending.at) < FORGOTTEN).collect()
    }

    pub fn is_proven(&self, step: &str) -> bool {
        self.steps.get(step).is_some_and(|step| step.proven.is_some())
    }

    /// Whether this connection's tunnel (0: a single-tunnel connection) was seen to work where it was moved to.
    pub fn came_up(&self, connection: &str, index: u8) -> bool {
        let verifies = |op: &Op| matches!(op, Op::Verify { connection: own, index: place } if own == connection && *place == index);
        let steps = self.plan.steps().filter(|step| verifies(&step.op));
        steps.filter_map(|step| self.steps.get(&step.id)).any(|step| step.proven.is_some() && step.id.as_deref() != Some(NOT_UP))
    }

    /// Tunnels of this connection that were done with although they are not up, by index.
    pub fn left_down(&self, connection: &str) -> Vec<u8> {
        let index = |op: &Op| match op {
            Op::Verify { connection: own, index } if own == connection => Some(*index),
            _ => None,
        };
        let verified = self.plan.steps().filter(|step| self.is_proven(&step.id)).filter_map(|step| index(&step.op));
        verified.filter(|index| !self.came_up(connection, *index)).collect()
    }

    /// Steps whose effect was seen, and all.
    pub fn count(&self) -> (usize, usize) {
        let proven = self.plan.steps().filter(|step| self.is_proven(&step.id)).count();
        (proven, self.plan.steps().count())
    }
}

/// So long after its end a snapshot is kept (reliability.md 4.3): by then everything has been up for a day, or somebody has looked
/// for what is missing. Where a plan was given up a connection may be gone that only the snapshot remembers.
const KEPT: SignedDuration = SignedDuration::from_hours(24);
const KEPT_WHERE_GIVEN_UP: SignedDuration = SignedDuration::from_hours(30 * 24);

impl SealedPlan {
    pub fn is_due(&self, now: Timestamp) -> bool {
        let kept = match self.outcome {
            ReplacementOutcome::Done | ReplacementOutcome::RolledBack => KEPT,
            ReplacementOutcome::Abandoned => KEPT_WHERE_GIVEN_UP,
        };
        now.duration_since(self.ended) >= kept
    }
}

impl PastReplacement {
    /// What of its leftover it was to delete itself; the rest was left before it.
    pub fn own_leftover(&self) -> Vec<String> {
        self.leftover.iter().filter(|id| self.progress.plan.is_old(id)).cloned().collect()
    }
}

impl Replacements {
    /// Records whose snapshot has served.
    pub fn to_erase(&self, now: Timestamp) -> Vec<i64> {
        self.sealed.iter().filter(|sealed| sealed.is_due(now)).map(|sealed| sealed.seq).collect()
    }

    pub(super) fn apply(&mut self, entry: &Entry) -> Result<(), Corrupt> {
        let corrupt = |why: String| Corrupt { seq: entry.seq, why };
        let at = entry.at;
        match &entry.record {
            Record::ReplacementPlanned { plan, sealed } => {
                if let Some(open) = &self.open {
                    return Err(corrupt(format!("replacement {} begins while {} is not over", plan.id, open.plan.id)));
                }
                self.begun.push(Begun { plan: plan.id.clone(), at, outcome: None });
                let forget = self.begun.len().saturating_sub(REMEMBERED);
                self.begun.drain(..forget);
                self.open = Some(ReplacementProgress {
                    seq: entry.seq,
                    plan: (**plan).clone(),
                    sealed: sealed.clone(),
                    began: at,
                    steps: BTreeMap::new(),
                    earlier: self.last.as_ref().map(|last| last.progress.still_doubtful(at)).unwrap_or_default(),
                    turned: None,
                    stopped: None,
                    resumed_from: None,
                });
            }
            Record::StepProven { plan, step, id, since } => {
                let step = self.step(plan, step).map_err(corrupt)?;
                step.proven = Some(at);
                step.shown = since.or(Some(at));
                if id.is_some() {
                    step.id.clone_from(id);
                }
            }
            Record::StepUndone { plan, step, later } => {
                for step in std::iter::once(step).chain(later) {
                    let step = self.step(plan, step).map_err(corrupt)?;
                    if step.open.is_some() {
                        return Err(corrupt("a step is undone while a write of it is unresolved".to_owned()));
                    }
                    step.undo();
                }
            }
            Record::VerificationBegan { plan, step, sent } => {
                let sending = Sending { at, sent: Some(sent.clone()), uptime: None };
                self.step(plan, step).map_err(corrupt)?.verifying = Some(sending);
            }
            Record::ReplacementTurned { plan, why } => {
                let open = self.open(plan).map_err(corrupt)?;
                open.turned = Some(why.clone());
                open.stopped = None;
            }
            Record::ReplacementStopped { plan, stopped } => self.open(plan).map_err(corrupt)?.stopped = Some(stopped.clone()),
            Record::ReplacementResumed { plan } => {
                let open = self.open(plan).map_err(corrupt)?;
                open.resumed_from = open.stopped.take().map(|stopped| stopped.reason);
                // Whoever says so gives what did not come up its time once more.
                open.steps.values_mut().filter(|step| step.proven.is_none()).for_each(|step| step.verifying = None);
            }
            Record::ReplacementEnded { plan, outcome, new_gateway, leftover, by_itself } => {
                self.open(plan).map_err(corrupt)?;
                let Some(mut progress) = self.open.take() else { return Ok(()) };
                if !std::mem::take(&mut progress.sealed).is_empty() {
                    self.sealed.push(SealedPlan { seq: progress.seq, ended: at, outcome: *outcome });
                }
                self.begun.iter_mut().filter(|begun| begun.plan == *plan).for_each(|begun| begun.outcome = Some(*outcome));
                let leftover = leftover.iter().cloned().chain(self.left_before(&progress.plan, *outcome)).collect();
                self.last = Some(PastReplacement {
                    progress: Box::new(progress),
                    ended: at,
                    outcome: *outcome,
                    new_gateway: new_gateway.clone(),
                    leftover,
                    by_itself: *by_itself,
                    seq: entry.seq,
                });
            }
            _ => {}
        }
        Ok(())
    }

    /// What an earlier replacement left in this region, and this one did not come to delete: it was given up, or was not about it, because
    /// that did not bear our mark when this one was planned. It is looked at as before, and deleted or let go by what it bears then.
    fn left_before(&self, plan: &ReplacementPlan, outcome: ReplacementOutcome) -> Vec<String> {
        // What is left of what it was to delete its own end says.
        let is_told = |id: &String| outcome == ReplacementOutcome::Done && plan.is_old(id);
        let last = self.last.iter().filter(|last| last.progress.plan.region == plan.region);
        let left = last.flat_map(|last| &last.leftover);
        left.filter(|id| !is_told(id) && plan.new.id.as_ref() != Some(*id)).cloned().collect()
    }

    pub(super) fn intended(&mut self, reference: &StepRef, write: PendingWrite, edited: Option<Label>, seq: i64) -> Result<(), Corrupt> {
        let at = write.intended.at;
        let step = self.step(&reference.plan, &reference.step).map_err(|why| Corrupt { seq, why })?;
        if let Some(open) = &step.open {
            return Err(Corrupt { seq, why: format!("a write is intended while that of record {} is unresolved", open.intent) });
        }
        step.first_sent.get_or_insert(at);
        step.answered = false;
        step.edited = edited;
        step.open = Some(write);
        Ok(())
    }

    /// The step that has this intent open.
    pub(super) fn step_of(&mut self, intent: i64) -> Option<&mut StepProgress> {
        let steps = self.open.as_mut()?.steps.values_mut();
        steps.into_iter().find(|step| step.open.as_ref().is_some_and(|open| open.intent == intent))
    }

    /// An old customer gateway that the cloud would not delete is gone, no longer this device's, or what it is registered as again.
    pub(super) fn released(&mut self, id: &str) {
        if let Some(last) = &mut self.last {
            last.leftover.retain(|left| left != id);
        }
    }

    /// Whoever sent what is open is gone.
    pub(super) fn begin(&mut self) {
        let Some(open) = &mut self.open else { return };
        open.steps.values_mut().filter_map(|step| step.open.as_mut()).for_each(|write| write.unconfirmed = true);
    }

    fn open(&mut self, plan: &str) -> Result<&mut ReplacementProgress, String> {
        self.open.as_mut().filter(|open| open.plan.id == plan).ok_or_else(|| format!("replacement {plan} is not open"))
    }

    fn step(&mut self, plan: &str, step: &str) -> Result<&mut StepProgress, String> {
        Ok(self.open(plan)?.steps.entry(step.to_owned()).or_default())
    }
}

impl StepProgress {
    /// A refusal alone leaves everything as it was.
    pub fn may_have_happened(&self) -> bool {
        self.open.is_some() || self.answered || self.proven.is_some() || self.doubtful.is_some()
    }

    /// It is to be done anew.
    fn undo(&mut self) {
        self.answered = false;
        (self.proven, self.shown) = (None, None);
        self.id = None;
        self.undone = self.undone.saturating_add(1);
    }

    /// The cloud did it; `id` of what was made.
    pub(super) fn done(&mut self, id: Option<String>, in_doubt: bool, partial: bool) {
        if let Some(write) = self.open.as_mut().filter(|_| in_doubt) {
            write.unconfirmed = true;
        }
        self.close();
        self.answered = !partial;
        if id.is_some() {
            self.id = id;
        }
    }

    pub(super) fn refused(&mut self) {
        self.close();
    }

    /// `found`: looking showed its effect.
    pub(super) fn concluded(&mut self, found: Option<String>) {
        self.close();
        if let Some(found) = found {
            self.answered = true;
            self.id = Some(found);
        }
    }

    fn close(&mut self) {
        if let Some(write) = self.open.take() {
            self.generation = write.generation.saturating_add(1);
            if write.resent || write.unconfirmed {
                self.doubtful = Some(write.last_sent);
            }
        }
    }
}
