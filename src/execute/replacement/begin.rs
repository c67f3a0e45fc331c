//! The plan and the sealed snapshot go to disk, and are read back from there, before anything is written to the cloud.

use super::{Draft, Ended, Replacer};
use crate::execute::ExecuteError;
use crate::journal::Record;
use crate::model::{ReplacementOutcome, ReplacementPlan, SNAPSHOT_FORMAT, Snapshot, Stopped};
use crate::plan::replacement::SNAPSHOT_READABLE;
use crate::system::seal::SealError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::error::Error;

impl Replacer {
    /// Begins a drafted plan and carries it as far as it goes.
    ///
    /// # Errors
    /// Where the journal cannot be written or what it holds not be read back: nothing was sent to the cloud then.
    pub async fn begin(&self, draft: &Draft) -> Result<Ended, ExecuteError> {
        let Some(plan) = &draft.plan else {
            return Ok(Ended::Stopped(Stopped {
                reason: "nothing".to_owned(),
                message: "nothing is to be replaced".to_owned(),
                remedy: "`cgwd plan` says what is wanted".to_owned(),
                step: None,
                passes: false,
            }));
        };
        if let Err(why) = self.kept(plan, &draft.snapshot)? {
            return Ok(Ended::Stopped(Stopped {
                reason: SNAPSHOT_READABLE.to_owned(),
                message: format!("the snapshot cannot be had from disk again: {}", with_causes(&why)),
                remedy: remedy(&why),
                step: None,
                passes: false,
            }));
        }
        self.carry_on(Some(draft.read_at)).await
    }

    /// On disk, sealed, and opened from there again; else no replacement is open, and nothing was sent to the cloud.
    fn kept(&self, plan: &ReplacementPlan, snapshot: &Snapshot) -> Result<Result<(), ExecuteError>, ExecuteError> {
        self.executor.journal.borrow_mut().erase_snapshots(self.executor.clock.now())?;
        match self.write_down(plan, snapshot) {
            Ok(()) => {}
            Err(error @ ExecuteError::Journal(_)) => return Err(error),
            Err(error) => return Ok(Err(error)),
        }
        // Through the same door as after a crash: what cannot be opened now could not be opened then.
        let why = match self.opened() {
            Ok((read, opened)) if read == *plan && opened == *snapshot => return Ok(Ok(())),
            Ok(_) => ExecuteError::Snapshot("what was read back is not what was written".to_owned()),
            Err(error) => error,
        };
        let (plan, outcome, leftover) = (plan.id.clone(), ReplacementOutcome::Abandoned, Vec::new());
        self.executor.append(Record::ReplacementEnded { plan, outcome, new_gateway: None, leftover, by_itself: true })?;
        Ok(Err(why))
    }

    fn write_down(&self, plan: &ReplacementPlan, snapshot: &Snapshot) -> Result<(), ExecuteError> {
        let text = zeroize::Zeroizing::new(serde_json::to_vec(snapshot).map_err(|error| ExecuteError::Snapshot(error.to_string()))?);
        let sealed = self.seal.seal(&plan.id, &text)?;
        let record = Record::ReplacementPlanned { plan: Box::new(plan.clone()), sealed: STANDARD.encode(&sealed) };
        Ok(self.executor.append(record).map(drop)?)
    }

    /// The open plan and its snapshot, from the journal as it is on disk.
    ///
    /// # Errors
    /// Where none is open, or the snapshot cannot be opened.
    pub fn opened(&self) -> Result<(ReplacementPlan, Snapshot), ExecuteError> {
        let written = self.executor.journal.borrow().replacement_on_disk()?;
        let (plan, sealed) = written.ok_or(ExecuteError::NothingOpen)?;
        let sealed = STANDARD.decode(&sealed).map_err(|_| SealError::Damaged { why: "it is no base64" })?;
        let text = self.seal.open(&plan.id, &sealed)?;
        let snapshot: Snapshot =
            serde_json::from_slice(&text).map_err(|_| ExecuteError::Snapshot("it is not of this format".to_owned()))?;
        if snapshot.format > SNAPSHOT_FORMAT {
            return Err(ExecuteError::Snapshot(format!("it has format {} and was written by a newer cgwd", snapshot.format)));
        }
        Ok((plan, snapshot))
    }
}

fn with_causes(error: &ExecuteError) -> String {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn remedy(error: &ExecuteError) -> String {
    match error {
        ExecuteError::Seal(error) => error.remedy(),
        ExecuteError::Journal(error) => error.remedy(),
        _ => "look at the disk with `dmesg`; nothing was sent to the cloud".to_owned(),
    }
}
