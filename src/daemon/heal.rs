//! A state that cannot be written is tried again. A process whose record was lost once does not trust its disk any more
//! (reliability.md 4): where the state can be written again, cgwd begins anew and reads what is really there.

use super::{Daemon, with_causes};
use crate::journal::Journal;
use crate::model::Timestamp;
use crate::system::space;
use crate::system::wake::since_boot;
use std::fmt;
use std::time::Duration;

/// Rarely: it is a write, and a full disk does not empty itself.
const EVERY: Duration = Duration::from_secs(60);

/// Since when and why only was watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Healed {
    pub since: Timestamp,
    pub why: String,
}

/// From one process image to the next.
impl fmt::Display for Healed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.since, self.why)
    }
}

impl Healed {
    /// `None`: not what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Healed> {
        let (since, why) = text.split_once(' ')?;
        Some(Healed { since: since.parse().ok()?, why: why.to_owned() })
    }
}

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

    /// That only was watched until now, where that is over.
    pub(super) fn healed(&mut self) -> Option<Healed> {
        if self.next_heal().is_none_or(|at| at > since_boot()) {
            return None;
        }
        self.heal_at = None;
        let why = self.watch_only()?;
        // What is under way wants to tell how it ended.
        if self.background.cloud_is_busy() || self.background.job_kind().is_some() {
            return None;
        }
        let directory = &self.settings.state_directory;
        match space::free_bytes(directory) {
            Ok(free) if free >= crate::plan::LEAST_SPACE => {}
            Ok(_) => return None,
            Err(error) => {
                tracing::debug!(%error, "the state directory cannot be looked at");
                return None;
            }
        }
        match Journal::try_to_write(directory) {
            Ok(()) => Some(Healed { since: self.watched_only_since(), why }),
            Err(error) => {
                tracing::debug!(error = with_causes(&error), "the state still cannot be written");
                None
            }
        }
    }

    fn watched_only_since(&self) -> Timestamp {
        let told = self.book.standing().find(|standing| standing.alert.event.code == "state.watch_only");
        told.map_or_else(|| self.clock.now(), |standing| standing.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_process_image_says_the_next_understands() {
        let healed = Healed { since: Timestamp::UNIX_EPOCH, why: "the disk is full: really".to_owned() };
        assert_eq!(Healed::parse(&healed.to_string()), Some(healed));
        assert_eq!(Healed::parse("nonsense"), None);
        assert_eq!(Healed::parse("not-a-time why"), None);
    }
}
