//! When a change counts: at once for telling, after it has held for `settle` for acting on it.
//!
//! Pure: readings and the time are arguments, the answer is a value.

use std::time::Duration;

/// The settled value and, while a reading differs from it, the candidate to replace it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settle<T> {
    settled: Option<T>,
    candidate: Option<Candidate<T>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Candidate<T> {
    value: T,
    /// How long fresh readings have confirmed it, one after the other.
    held: Duration,
    /// When the last of them was; `None` after a reading that failed.
    confirmed: Option<Duration>,
}

/// What one reading means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change<T> {
    /// The settled value holds, or nothing is known at all.
    Unchanged,
    /// A new value, told once; it settles if it holds.
    Noticed { from: Option<T>, to: T, until: Duration },
    /// The candidate has not held long enough, or was not read this time. A reading at `until` can settle it.
    Waiting { until: Duration },
    /// `to` is the settled value from now on. Where `settle` is 0 no `Noticed` came before.
    Settled { from: Option<T>, to: T },
    /// The settled value is read again; `candidate` did not hold.
    Reverted { candidate: T },
}

impl<T: Clone + PartialEq> Settle<T> {
    /// `settled` is what was settled before a restart.
    pub fn restored(settled: Option<T>) -> Settle<T> {
        Settle { settled, candidate: None }
    }

    pub fn settled(&self) -> Option<&T> {
        self.settled.as_ref()
    }

    /// The value that is waiting to settle.
    pub fn candidate(&self) -> Option<&T> {
        self.candidate.as_ref().map(|candidate| &candidate.value)
    }

    /// Takes one reading at `now` (time since boot, which runs on through a suspend).
    ///
    /// `None` is a reading that failed. It changes nothing, but the candidate's clock stands still from the last good
    /// reading to the next one, since nobody saw the value in between; and a candidate only ever settles on a fresh
    /// reading. After a suspend, give a `None` first for the same reason.
    pub fn observe(&mut self, reading: Option<T>, now: Duration, settle: Duration) -> Change<T> {
        let Some(value) = reading else { return self.pause(now, settle) };
        if self.settled.as_ref() == Some(&value) {
            return match self.candidate.take() {
                Some(candidate) => Change::Reverted { candidate: candidate.value },
                None => Change::Unchanged,
            };
        }
        match &mut self.candidate {
            Some(candidate) if candidate.value == value => {
                let since = candidate.confirmed.unwrap_or(now);
                candidate.held += now.saturating_sub(since);
                candidate.confirmed = Some(now);
            }
            _ => {
                self.candidate = Some(Candidate { value: value.clone(), held: Duration::ZERO, confirmed: Some(now) });
                if !settle.is_zero() {
                    return Change::Noticed { from: self.settled.clone(), to: value, until: now.saturating_add(settle) };
                }
            }
        }
        self.settle_or_wait(now, settle)
    }

    fn pause(&mut self, now: Duration, settle: Duration) -> Change<T> {
        let Some(candidate) = &mut self.candidate else { return Change::Unchanged };
        candidate.confirmed = None;
        Change::Waiting { until: now.saturating_add(settle.saturating_sub(candidate.held)) }
    }

    fn settle_or_wait(&mut self, now: Duration, settle: Duration) -> Change<T> {
        match self.candidate.take() {
            Some(candidate) if candidate.held >= settle => {
                let from = self.settled.replace(candidate.value.clone());
                Change::Settled { from, to: candidate.value }
            }
            Some(candidate) => {
                let until = now.saturating_add(settle.saturating_sub(candidate.held));
                self.candidate = Some(candidate);
                Change::Waiting { until }
            }
            None => Change::Unchanged,
        }
    }
}
