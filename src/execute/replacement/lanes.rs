//! A stage: its lanes side by side, the steps of a lane one after the other.

use super::side_by_side::side_by_side;
use super::step::StepEnd;
use super::{Course, ExecuteError, StageEnd};
use crate::model::{Lane, Op, Slot, Stopped};

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
            (Some(stopped), _) => StageEnd::Stopped(stopped),
            (None, Some((why, rebound))) => StageEnd::NotVerified { why, rebound },
            (None, None) => StageEnd::Done,
        })
    }

    async fn lane(&self, lane: &Lane) -> Result<LaneEnd, ExecuteError> {
        for step in &lane.steps {
            if self.is_proven(&step.id) {
                continue;
            }
            match self.step(lane, step).await? {
                StepEnd::Proven => {}
                StepEnd::NotVerified(why) => {
                    let rebound = !lane.steps.iter().any(|step| matches!(step.op, Op::CreateConnection { .. }));
                    return Ok(LaneEnd::NotVerified { why, rebound });
                }
                StepEnd::Stopped(stopped) => return Ok(LaneEnd::Stopped(stopped)),
            }
        }
        Ok(LaneEnd::Done)
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
