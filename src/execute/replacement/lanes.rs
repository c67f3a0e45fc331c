//! A stage: its lanes side by side, the steps of a lane one after the other.

use super::side_by_side::side_by_side;
use super::step::{StepEnd, takes_a_turn};
use super::{Course, ExecuteError, StageEnd};
use crate::model::{Lane, Op, PlannedStep, Slot, Stopped};
use crate::plan::replacement::gaps;

/// How a lane ended.
enum LaneEnd {
    Done,
    /// `rebound`: it can be pointed back.
    NotVerified {
        why: String,
        rebound: bool,
    },
    Stopped(Stopped),
}

impl Course<'_> {
    /// All lanes go as far as they can: one that stops is no reason to leave another half-way.
    pub(super) async fn stage(&self, lanes: &[Lane]) -> Result<StageEnd, ExecuteError> {
        let ends = side_by_side(lanes.iter().map(|lane| self.lane(lane)).collect()).await?;
        let mut stopped = None;
        let mut not_verified = None;
        for end in ends {
            match end {
                LaneEnd::Done => {}
                LaneEnd::NotVerified { why, rebound } => {
                    not_verified.get_or_insert((why, false)).1 |= rebound;
                }
                LaneEnd::Stopped(why) => stopped = stopped.or(Some(why)),
            }
        }
        Ok(match (stopped, not_verified) {
            // What stopped may be half-way: going back now would leave it there.
            (Some(_), Some((why, true))) if !self.is_in_a_gap() => StageEnd::NotVerified { why, rebound: true },
            (Some(stopped), _) => StageEnd::Stopped(stopped),
            (None, Some((why, rebound))) => StageEnd::NotVerified { why, rebound },
            (None, None) => StageEnd::Done,
        })
    }

    async fn lane(&self, lane: &Lane) -> Result<LaneEnd, ExecuteError> {
        loop {
            match self.once_through(lane).await? {
                Some(end) => return Ok(end),
                // Something of it has to be done anew.
                None => continue,
            }
        }
    }

    /// One turn for each change, and one for a whole deletion and making again: the connections of a VPN gateway are away one after
    /// the other, and not all of them at once.
    async fn once_through(&self, lane: &Lane) -> Result<Option<LaneEnd>, ExecuteError> {
        let lock = self.lock_of(lane);
        let (mut turn, mut last) = (None, None);
        let mut not_verified = None;
        for (place, step) in lane.steps.iter().enumerate() {
            // What is to go back is judged tunnel by tunnel: also the one after a tunnel that did not come up.
            if not_verified.is_some() && !matches!(step.op, Op::Verify { .. }) {
                break;
            }
            if self.is_proven(&step.id) {
                continue;
            }
            if takes_a_turn(&step.op) && turn.is_none() {
                self.agree_before_the_turn(step).await;
                turn = Some(lock.lock().await);
                // Others had theirs since.
                last = None;
            }
            let end = self.step(lane, step, last.take()).await?;
            if !keeps_its_turn(lane, place) {
                turn = None;
            }
            match end {
                StepEnd::Proven(reading) => last = Some(reading),
                StepEnd::Undone => return Ok(None),
                StepEnd::NotVerified(why) => not_verified = not_verified.or(Some(why)),
                StepEnd::Stopped(_) if not_verified.is_some() => break,
                StepEnd::Stopped(stopped) => return Ok(Some(LaneEnd::Stopped(stopped))),
            }
        }
        let rebound = !lane.steps.iter().any(|step| matches!(step.op, Op::CreateConnection { .. }));
        Ok(Some(not_verified.map_or(LaneEnd::Done, |why| LaneEnd::NotVerified { why, rebound })))
    }

    pub(super) fn is_in_a_gap(&self) -> bool {
        let journal = self.replacer.executor.journal.borrow();
        journal.progress().replacements.open.as_ref().is_some_and(|open| !gaps(open, self.replacer.executor.now()).is_empty())
    }

    pub(super) fn is_in_last_stage(&self, step: &PlannedStep) -> bool {
        self.plan.stages.last().is_some_and(|lanes| lanes.iter().any(|lane| lane.steps.iter().any(|own| own.id == step.id)))
    }

    pub(super) fn is_proven(&self, step: &str) -> bool {
        let journal = self.replacer.executor.journal.borrow();
        journal.progress().replacements.open.as_ref().is_some_and(|open| open.is_proven(step))
    }

    /// What was pointed elsewhere can go back while the old customer gateways exist; what was deleted cannot.
    pub(super) fn can_go_back(&self) -> bool {
        let rebinds = |op: &Op| matches!(op, Op::RebindTunnel { to: Slot::New, .. } | Op::RebindConnection { to: Slot::New, .. });
        let deletes = |op: &Op| matches!(op, Op::DeleteGateway { .. });
        let touched = |step: &str| {
            let journal = self.replacer.executor.journal.borrow();
            journal.progress().replacements.open.as_ref().is_some_and(|open| open.steps.contains_key(step))
        };
        self.plan.rollback
            && self.plan.steps().any(|step| rebinds(&step.op) && touched(&step.id))
            && !self.plan.steps().any(|step| deletes(&step.op) && touched(&step.id))
    }
}

/// Between the first deletion and the last route.
fn keeps_its_turn(lane: &Lane, place: usize) -> bool {
    let begun = lane.steps.iter().take(place + 1).any(|step| step.op.opens_a_gap());
    let ends = lane.steps.iter().skip(place + 1).any(|step| takes_a_turn(&step.op));
    begun && ends
}
