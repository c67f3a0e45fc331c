//! When to try again: pure functions of the attempt, a random number and what the cloud said.

use super::error::Retry;
use std::time::Duration;

/// How often and how long one call is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Tries in all, the first included.
    pub tries: u32,
    /// Sum of all waits between them.
    pub waiting: Duration,
    /// No try begins later than this after the first.
    pub time: Duration,
}

/// Reads change nothing, so they may take their time; a person or the loop waits behind them.
pub const READ: Budget = Budget { tries: 6, waiting: Duration::from_secs(20), time: Duration::from_secs(30) };
/// Quick tries alone: what is uncertain after them is resolved by looking, not by insisting (reliability.md 3.2).
pub const WRITE: Budget = Budget { tries: 3, waiting: Duration::from_secs(5), time: Duration::from_secs(30) };

/// Longest back-off between two tries, the cloud's own hint apart.
const CAP: Duration = Duration::from_secs(5);

/// The most that a hint of the cloud is taken for; an absurd one must not stop us for good.
const LONGEST_HINT: Duration = Duration::from_secs(300);

/// Full jitter (anywhere from nothing to the exponential step), so that many devices with one trigger spread out.
///
/// `attempt` counts from 0, `random` lies in 0..1. A hint of the cloud is a lower bound,
/// up to five minutes.
pub fn delay(retry: Retry, attempt: u32, random: f64) -> Duration {
    let step = match retry {
        Retry::Throttled(_) | Retry::Busy => Duration::from_millis(500),
        Retry::Transient => Duration::from_millis(200),
        // What the next try needs is already there: new credentials, the learnt offset.
        Retry::Credentials | Retry::Clock | Retry::Never => Duration::ZERO,
    };
    let exponential = step.saturating_mul(2_u32.saturating_pow(attempt)).min(CAP);
    let jittered = exponential.mul_f64(random.clamp(0.0, 1.0));
    match retry {
        Retry::Throttled(Some(hint)) => hint.min(LONGEST_HINT) + jittered.min(step),
        _ => jittered,
    }
}

/// The progress of one call through its budget.
#[derive(Debug)]
pub struct Tries {
    budget: Budget,
    made: u32,
    waited: Duration,
    renewed: bool,
    resigned: bool,
}

impl Tries {
    pub fn new(budget: Budget) -> Tries {
        Tries { budget, made: 0, waited: Duration::ZERO, renewed: false, resigned: false }
    }

    /// After a failed try, `elapsed` after the first began: how long to wait before the next, or `None` to give up.
    ///
    /// New credentials and a learnt offset help once; a busy object is the caller's to wait for when `wait_busy` is false.
    pub fn after(&mut self, retry: Retry, wait_busy: bool, random: f64, elapsed: Duration) -> Option<Duration> {
        self.made += 1;
        if self.made >= self.budget.tries {
            return None;
        }
        match retry {
            Retry::Never => return None,
            Retry::Busy if !wait_busy => return None,
            Retry::Credentials if std::mem::replace(&mut self.renewed, true) => return None,
            Retry::Clock if std::mem::replace(&mut self.resigned, true) => return None,
            _ => {}
        }
        let wait = delay(retry, self.made - 1, random);
        self.waited = self.waited.saturating_add(wait);
        (self.waited <= self.budget.waiting && elapsed.saturating_add(wait) <= self.budget.time).then_some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_hint_of_the_cloud_is_a_lower_bound() {
        let hint = Duration::from_secs(2);
        assert_eq!(delay(Retry::Throttled(Some(hint)), 3, 0.0), hint);
        assert!(delay(Retry::Throttled(Some(hint)), 3, 0.9) > hint);
        assert_eq!(delay(Retry::Throttled(None), 0, 1.0), Duration::from_millis(500));
    }

    #[test]
    fn a_hint_beyond_the_budget_ends_the_tries() {
        let mut tries = Tries::new(WRITE);
        assert_eq!(tries.after(Retry::Throttled(Some(Duration::from_secs(60))), false, 0.0, Duration::ZERO), None);
    }

    #[test]
    fn an_absurd_hint_is_a_long_one_and_no_overflow() {
        let absurd = Retry::Throttled(Some(Duration::MAX));
        assert_eq!(delay(absurd, 0, 0.0), LONGEST_HINT);
        assert!(delay(absurd, u32::MAX, 1.0) <= LONGEST_HINT + Duration::from_millis(500));
        for budget in [READ, WRITE, Budget { tries: u32::MAX, waiting: Duration::MAX, time: Duration::MAX }] {
            let mut tries = Tries::new(budget);
            tries.waited = Duration::MAX;
            let next = tries.after(absurd, true, 1.0, Duration::MAX);
            assert_eq!(next.is_some(), budget.time == Duration::MAX);
        }
    }

    #[test]
    fn slow_failures_use_the_time_up() {
        let mut tries = Tries::new(READ);
        assert!(tries.after(Retry::Transient, true, 0.5, Duration::from_secs(20)).is_some());
        assert_eq!(tries.after(Retry::Transient, true, 0.5, Duration::from_secs(30)), None);
    }

    #[test]
    fn credentials_and_clock_help_once() {
        for retry in [Retry::Credentials, Retry::Clock] {
            let mut tries = Tries::new(READ);
            assert_eq!(tries.after(retry, true, 0.5, Duration::ZERO), Some(Duration::ZERO));
            assert_eq!(tries.after(retry, true, 0.5, Duration::ZERO), None);
        }
    }

    #[test]
    fn a_write_leaves_a_busy_object_to_its_caller() {
        assert_eq!(Tries::new(WRITE).after(Retry::Busy, false, 0.5, Duration::ZERO), None);
        assert!(Tries::new(READ).after(Retry::Busy, true, 0.5, Duration::ZERO).is_some());
    }

    proptest! {
        #[test]
        fn waits_and_tries_stay_within_the_budget(random in 0.0..1.0_f64, hint in proptest::option::of(0..5000_u64)) {
            let mut tries = Tries::new(READ);
            let (mut count, mut waited) = (1, Duration::ZERO);
            while let Some(wait) = tries.after(Retry::Throttled(hint.map(Duration::from_millis)), true, random, Duration::ZERO) {
                count += 1;
                waited += wait;
            }
            prop_assert!(count <= READ.tries && waited <= READ.waiting);
        }
    }
}
