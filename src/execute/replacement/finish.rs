//! The ends of a replacement: done, or gone back.

use super::{Course, Ended, ExecuteError, Kept, StageEnd};
use crate::journal::Record;
use crate::journal::replay::ReplacementProgress;
use crate::model::{Lane, Op, PlannedStep, ReplacementOutcome, Slot, Stopped};
use crate::plan::replacement::next::View;
use crate::plan::replacement::{back_lanes, leaves_nothing_behind};

impl Course<'_> {
    /// Everything works at the new customer gateway: it is this device's from now on.
    pub(super) fn finish(&self, refused: Vec<Stopped>) -> Result<Ended, ExecuteError> {
        let leftover: Vec<String> = match refused.is_empty() {
            true => Vec::new(),
            false => self.plan.old.iter().map(|old| old.id.clone()).filter(|id| !self.is_deleted(id)).collect(),
        };
        let new = self.gateway(&Slot::New);
        if let Some(id) = &new {
            self.append(Record::GatewayRegistered {
                id: id.clone(),
                ip: self.plan.new.ip.into(),
                asn: self.plan.new.asn,
                region: self.plan.region.clone(),
                how: "replaced".to_owned(),
            })?;
        }
        self.ended(ReplacementOutcome::Done, new, leftover.clone())?;
        let kept = refused.first().map(Kept::of);
        Ok(Ended::Done { leftover, kept })
    }

    /// What the cloud would not delete at the very end keeps nothing from being done.
    pub(super) fn is_last_deletion(&self, stopped: &Stopped) -> bool {
        let Some(step) = stopped.step.as_ref().and_then(|id| self.plan.step(id)) else { return false };
        let in_last_stage =
            self.plan.stages.last().is_some_and(|lanes| lanes.iter().any(|lane| lane.steps.iter().any(|own| own.id == step.id)));
        in_last_stage && matches!(step.op, Op::DeleteGateway { .. })
    }

    fn is_deleted(&self, id: &str) -> bool {
        let deletes = |step: &&PlannedStep| matches!(&step.op, Op::DeleteGateway { id: deleted } if deleted == id);
        self.plan.steps().filter(deletes).any(|step| self.is_proven(&step.id))
    }

    fn gateway(&self, slot: &Slot) -> Option<String> {
        let journal = self.replacer.executor.journal.borrow();
        let progress = journal.progress().replacements.open.as_ref()?;
        View { progress, snapshot: self.snapshot, owner: &self.replacer.owner }.gateway(slot)
    }

    /// Tunnels that did not come up go back to where they were, then what was made for them goes.
    pub(super) async fn go_back(&self, why: String) -> Result<Ended, ExecuteError> {
        let Some(lanes) = self.with_progress(|progress| back_lanes(progress, self.snapshot)) else {
            return Ok(Ended::RolledBack { why });
        };
        match self.stage(&lanes).await? {
            StageEnd::Done => {}
            StageEnd::NotVerified { why, .. } => return self.stop(super::not_verified(why)),
            StageEnd::Stopped(stopped) => return self.stop(stopped),
        }
        // What has come up meanwhile was kept where it is.
        let kept = match self.with_progress(leaves_nothing_behind) {
            Some(true) => self.delete_unused().await?,
            Some(false) | None => true,
        };
        let new = self.gateway(&Slot::New).filter(|_| kept);
        self.ended(ReplacementOutcome::RolledBack, new, Vec::new())?;
        Ok(Ended::RolledBack { why })
    }

    fn with_progress<T>(&self, read: impl FnOnce(&ReplacementProgress) -> T) -> Option<T> {
        let journal = self.replacer.executor.journal.borrow();
        journal.progress().replacements.open.as_ref().map(read)
    }

    /// The customer gateway that nothing came up at. True where it stays: somebody uses it, or the cloud would not delete it.
    async fn delete_unused(&self) -> Result<bool, ExecuteError> {
        let made = self.plan.steps().any(|step| matches!(step.op, Op::CreateGateway { slot: Slot::New }));
        if !made {
            return Ok(true);
        }
        let op = Op::DeleteMade { slot: Slot::New };
        let lane = Lane { connection: None, lock: None, steps: vec![PlannedStep::back("gateway", op)] };
        Ok(!matches!(self.stage(&[lane]).await?, StageEnd::Done))
    }
}
