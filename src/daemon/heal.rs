//! A state that cannot be written is tried again. A process whose record was lost once does not trust its disk any more
//! (reliability.md 4): where the state can be written again, what was missed is written down, and cgwd begins anew and reads what
//! is really there.

use super::{Daemon, with_causes};
use crate::journal::{Journal, JournalError, Record};
use crate::system::lock::{Lock, LockError};
use crate::system::wake::since_boot;
use crate::system::{machine, space};
use std::time::Duration;

/// Rarely: it is a write, and a full disk does not empty itself.
const EVERY: Duration = Duration::from_secs(60);
/// Of what was missed: beyond that, occurrences are left out.
const MOST_MISSED: usize = 1000;

impl Daemon {
    /// When to try; `None`: all is well.
    pub(super) fn next_heal(&mut self) -> Option<Duration> {
        if self.watch_only().is_none() {
            self.heal_at = None;
            return None;
        }
        let first = since_boot() + EVERY.min(self.settings.address.poll);
        Some(*self.heal_at.get_or_insert(first))
    }

    /// A record that the journal did not take.
    pub(super) fn miss(&mut self, record: Record) {
        if self.missed.len() >= MOST_MISSED && matches!(record, Record::AlertOccurred { .. } | Record::AddressNoticed { .. }) {
            return;
        }
        self.missed.push((self.clock.now(), record));
    }

    /// Whether the state can be written again, and holds what was missed.
    pub(super) fn is_healed(&mut self) -> bool {
        if self.next_heal().is_none_or(|at| at > since_boot()) {
            return false;
        }
        self.heal_at = None;
        // What is under way wants to tell how it ended.
        if self.background.cloud_is_busy() || self.background.job_kind().is_some() {
            return false;
        }
        match self.write_missed() {
            Ok(healed) => healed,
            Err(error) => {
                tracing::debug!(error = with_causes(&error), "the state still cannot be written");
                false
            }
        }
    }

    fn write_missed(&mut self) -> Result<bool, JournalError> {
        let directory = self.settings.state_directory.clone();
        if !space::free_bytes(&directory).is_ok_and(|free| free >= crate::plan::LEAST_SPACE) {
            return Ok(false);
        }
        // Held by this very process where the trouble began later.
        let _lock = match Lock::take(&directory) {
            Ok(lock) => Some(lock),
            Err(LockError::Held { pid, .. }) if pid == Some(std::process::id()) => None,
            Err(error) => {
                tracing::debug!(error = with_causes(&error), "the state still cannot be locked");
                return Ok(false);
            }
        };
        let mut journal = Journal::open(&directory, machine::device_id().ok().flatten())?;
        while let Some((at, record)) = self.missed.first() {
            match journal.append(*at, record.clone()) {
                Ok(_) => {}
                // Somebody wrote meanwhile: what is there counts.
                Err(error) if !error.is_storage() => tracing::debug!(error = with_causes(&error), "a missed record does not fit any more"),
                Err(error) => return Err(error),
            }
            self.missed.remove(0);
        }
        Ok(true)
    }
}
