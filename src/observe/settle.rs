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
    seen: Seen,
}

/// The last reading, in time since boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// It confirmed the candidate; taken then.
    Confirmed(Duration),
    /// It failed, then; what was taken before confirms nothing any more.
    Lost(Duration),
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

    /// Takes one reading that was taken at `taken` (time since boot, which runs on through a suspend). The same reading may be
    /// given again: it says nothing new, so only a later one lets the candidate grow older.
    ///
    /// `None` is a reading that failed. It changes nothing, but the candidate's clock stands still from the last good
    /// reading to the next one, since nobody saw the value in between; and a candidate only ever settles on a fresh
    /// reading. After a suspend, give a `None` first for the same reason.
    pub fn observe(&mut self, reading: Option<T>, taken: Duration, settle: Duration) -> Change<T> {
        let Some(value) = reading else { return self.pause(taken, settle) };
        if self.settled.as_ref() == Some(&value) {
            return match self.candidate.take() {
                Some(candidate) => Change::Reverted { candidate: candidate.value },
                None => Change::Unchanged,
            };
        }
        match &mut self.candidate {
            Some(candidate) if candidate.value == value => candidate.confirm(taken),
            _ => {
                self.candidate = Some(Candidate { value: value.clone(), held: Duration::ZERO, seen: Seen::Confirmed(taken) });
                if !settle.is_zero() {
                    return Change::Noticed { from: self.settled.clone(), to: value, until: taken.saturating_add(settle) };
                }
            }
        }
        self.settle_or_wait(settle)
    }

    fn pause(&mut self, at: Duration, settle: Duration) -> Change<T> {
        let Some(candidate) = &mut self.candidate else { return Change::Unchanged };
        candidate.seen = Seen::Lost(at);
        Change::Waiting { until: candidate.until(settle) }
    }

    fn settle_or_wait(&mut self, settle: Duration) -> Change<T> {
        match self.candidate.take() {
            Some(candidate) if candidate.held >= settle && matches!(candidate.seen, Seen::Confirmed(_)) => {
                let from = self.settled.replace(candidate.value.clone());
                Change::Settled { from, to: candidate.value }
            }
            Some(candidate) => {
                let until = candidate.until(settle);
                self.candidate = Some(candidate);
                Change::Waiting { until }
            }
            None => Change::Unchanged,
        }
    }
}

impl<T> Candidate<T> {
    fn confirm(&mut self, taken: Duration) {
        match self.seen {
            Seen::Confirmed(before) if before < taken => {
                self.held += taken - before;
                self.seen = Seen::Confirmed(taken);
            }
            Seen::Lost(at) if at <= taken => self.seen = Seen::Confirmed(taken),
            Seen::Confirmed(_) | Seen::Lost(_) => {}
        }
    }

    /// When a reading could settle it, were it to hold from the last one on.
    fn until(&self, settle: Duration) -> Duration {
        let (Seen::Confirmed(at) | Seen::Lost(at)) = self.seen;
        at.saturating_add(settle.saturating_sub(self.held))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SETTLE: Duration = Duration::from_secs(30);

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn settled_on(value: &'static str) -> Settle<&'static str> {
        Settle::restored(Some(value))
    }

    #[test]
    fn a_change_is_told_at_once_and_settles_after_it_has_held() {
        let mut state = settled_on("a");
        assert_eq!(state.observe(Some("a"), at(0), SETTLE), Change::Unchanged);
        assert_eq!(state.observe(Some("b"), at(10), SETTLE), Change::Noticed { from: Some("a"), to: "b", until: at(40) });
        assert_eq!(state.observe(Some("b"), at(39), SETTLE), Change::Waiting { until: at(40) });
        assert_eq!(state.settled(), Some(&"a"));
        assert_eq!(state.observe(Some("b"), at(40), SETTLE), Change::Settled { from: Some("a"), to: "b" });
        assert_eq!(state.observe(Some("b"), at(41), SETTLE), Change::Unchanged);
    }

    #[test]
    fn back_again_is_a_reversion_and_starts_over() {
        let mut state = settled_on("a");
        state.observe(Some("b"), at(0), SETTLE);
        assert_eq!(state.observe(Some("a"), at(29), SETTLE), Change::Reverted { candidate: "b" });
        assert_eq!(state.observe(Some("b"), at(30), SETTLE), Change::Noticed { from: Some("a"), to: "b", until: at(60) });
    }

    #[test]
    fn a_third_value_is_a_candidate_of_its_own() {
        let mut state = settled_on("a");
        state.observe(Some("b"), at(0), SETTLE);
        assert_eq!(state.observe(Some("c"), at(29), SETTLE), Change::Noticed { from: Some("a"), to: "c", until: at(59) });
        assert_eq!(state.candidate(), Some(&"c"));
    }

    #[test]
    fn a_failed_reading_stops_the_clock_and_nothing_else() {
        let mut state = settled_on("a");
        assert_eq!(state.observe(None, at(0), SETTLE), Change::Unchanged);
        state.observe(Some("b"), at(10), SETTLE);
        assert_eq!(state.observe(Some("b"), at(20), SETTLE), Change::Waiting { until: at(40) });
        assert_eq!(state.observe(None, at(21), SETTLE), Change::Waiting { until: at(41) });
        // 1000 s later it is read again: 10 s of holding were seen, the gap counts for nothing.
        assert_eq!(state.observe(Some("b"), at(1021), SETTLE), Change::Waiting { until: at(1041) });
        assert_eq!(state.observe(Some("b"), at(1041), SETTLE), Change::Settled { from: Some("a"), to: "b" });
        assert_eq!(state.observe(None, at(1042), SETTLE), Change::Unchanged);
        assert_eq!(state.settled(), Some(&"b"));
    }

    #[test]
    fn the_first_value_must_hold_too() {
        let mut state = Settle::restored(None);
        assert_eq!(state.observe(Some("a"), at(5), SETTLE), Change::Noticed { from: None, to: "a", until: at(35) });
        assert_eq!(state.observe(Some("a"), at(35), SETTLE), Change::Settled { from: None, to: "a" });
    }

    #[test]
    fn without_a_settling_time_a_reading_settles_at_once() {
        let mut state = settled_on("a");
        assert_eq!(state.observe(Some("b"), at(1), Duration::ZERO), Change::Settled { from: Some("a"), to: "b" });
        assert_eq!(state.observe(None, at(2), Duration::ZERO), Change::Unchanged);
        assert_eq!(state.settled(), Some(&"b"));
    }

    #[test]
    fn one_reading_that_is_looked_at_again_and_again_settles_nothing() {
        let mut state = settled_on("a");
        state.observe(Some("b"), at(10), SETTLE);
        for _ in 0..100 {
            assert_eq!(state.observe(Some("b"), at(10), SETTLE), Change::Waiting { until: at(40) });
        }
        assert_eq!(state.observe(Some("b"), at(5), SETTLE), Change::Waiting { until: at(40) });
        assert_eq!(state.observe(Some("b"), at(41), SETTLE), Change::Settled { from: Some("a"), to: "b" });
    }

    #[test]
    fn what_was_read_before_a_suspend_confirms_nothing_after_it() {
        let mut state = settled_on("a");
        state.observe(Some("b"), at(10), SETTLE);
        state.observe(Some("b"), at(30), SETTLE);
        assert_eq!(state.observe(None, at(3600), SETTLE), Change::Waiting { until: at(3610) });
        // The last answer once more, and not even a person's word makes it a fresh one.
        assert_eq!(state.observe(Some("b"), at(30), SETTLE), Change::Waiting { until: at(3610) });
        assert_eq!(state.observe(Some("b"), at(30), Duration::ZERO), Change::Waiting { until: at(3600) });
        assert_eq!(state.observe(Some("b"), at(3620), SETTLE), Change::Waiting { until: at(3630) });
        assert_eq!(state.observe(Some("b"), at(3630), SETTLE), Change::Settled { from: Some("a"), to: "b" });
    }

    /// A reading (`None`: it failed) and the seconds since the one before.
    fn stream() -> impl Strategy<Value = Vec<(Option<u8>, u64)>> {
        prop::collection::vec((prop::option::weighted(0.8, 0u8..3), 0u64..40), 0..60)
    }

    proptest! {
        /// The rule, said in another way: the newest readings, back to the first that differs or failed, agree and
        /// span `settle`; pieces separated by failures add up.
        #[test]
        fn only_what_was_seen_to_hold_settles(start in prop::option::of(0u8..3), readings in stream(), settle in 0u64..60) {
            let mut state = Settle::restored(start);
            let mut now = Duration::ZERO;
            let mut seen: Vec<(Option<u8>, Duration)> = Vec::new();
            for (reading, gap) in readings {
                now += at(gap);
                seen.push((reading, now));
                let before = state.settled().copied();
                let change = state.observe(reading, now, at(settle));
                if let Change::Settled { from, to } = &change {
                    prop_assert_eq!(*from, before);
                    prop_assert_eq!(reading, Some(*to));
                    prop_assert!(held(&seen, *to) >= at(settle));
                    seen.retain(|(_, when)| *when == now);
                } else {
                    prop_assert_eq!(state.settled().copied(), before);
                }
                match change {
                    Change::Unchanged => prop_assert!(reading.is_none() || reading == before),
                    Change::Noticed { to, until, .. } => prop_assert!(Some(to) != before && until == now + at(settle)),
                    Change::Waiting { until } => prop_assert!(until >= now && state.candidate().is_some()),
                    Change::Settled { .. } => prop_assert!(state.candidate().is_none()),
                    Change::Reverted { candidate } => prop_assert!(reading == before && Some(candidate) != before),
                }
            }
        }

        /// However it flaps, a value that never holds never settles.
        #[test]
        fn flapping_never_settles(gaps in prop::collection::vec(0u64..30, 1..80)) {
            let mut state = settled_on("a");
            let mut now = Duration::ZERO;
            for (turn, gap) in gaps.into_iter().enumerate() {
                now += at(gap);
                state.observe(Some(["b", "c"][turn % 2]), now, SETTLE);
                prop_assert_eq!(state.settled(), Some(&"a"));
            }
        }

        /// Each candidacy is told once.
        #[test]
        fn a_candidate_is_noticed_once(gaps in prop::collection::vec(0u64..29, 1..20)) {
            let mut state = settled_on("a");
            let mut now = Duration::ZERO;
            let mut noticed = 0;
            for gap in gaps {
                now += at(gap);
                noticed += u32::from(matches!(state.observe(Some("b"), now, SETTLE), Change::Noticed { .. }));
            }
            prop_assert_eq!(noticed, 1);
        }
    }

    /// How long `value` was seen to hold at the end of `seen`.
    fn held(seen: &[(Option<u8>, Duration)], value: u8) -> Duration {
        let since = seen.iter().rposition(|(reading, _)| reading.is_some_and(|other| other != value)).map_or(0, |last| last + 1);
        seen[since..].windows(2).filter(|pair| pair[0].0.is_some() && pair[1].0.is_some()).map(|pair| pair[1].1 - pair[0].1).sum()
    }
}
