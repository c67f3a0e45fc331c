//! Whether the kernel announces more than can be taken in, again and again. Pure: the time is an argument.

use std::time::Duration;

/// What is lost in one flood counts once.
const FLOOD: Duration = Duration::from_secs(5);
/// So many within [`WITHIN`] are no burst any more.
const MANY: usize = 3;
const WITHIN: Duration = Duration::from_secs(60);
/// Quiet for so long, it is over.
const QUIET: Duration = Duration::from_secs(300);
/// While it persists, so often everything is read whether announced or not.
pub const POLL: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub struct Overruns {
    /// The last [`MANY`], in time since boot.
    times: Vec<Duration>,
    persists: bool,
}

impl Overruns {
    pub fn note(&mut self, now: Duration) {
        if self.times.last().is_some_and(|last| now.saturating_sub(*last) < FLOOD) {
            return;
        }
        self.times.push(now);
        if self.times.len() > MANY {
            self.times.remove(0);
        }
        let first = self.times.first().filter(|_| self.times.len() == MANY);
        self.persists |= first.is_some_and(|first| now.saturating_sub(*first) <= WITHIN);
    }

    /// Why announcements are not to be relied on, while that is so.
    pub fn trouble(&mut self, now: Duration) -> Option<&'static str> {
        if self.times.last().is_none_or(|last| now.saturating_sub(*last) >= QUIET) {
            self.persists = false;
        }
        self.persists
            .then_some("more changes of addresses, links and routes are announced than can be taken in, so they are looked for every 30 s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_burst_now_and_then_is_no_trouble_and_one_after_another_is() {
        let mut overruns = Overruns::default();
        for seconds in [0, 1, 2, 50, 100, 150] {
            overruns.note(at(seconds));
            assert_eq!(overruns.trouble(at(seconds)), None, "{seconds}");
        }
        overruns.note(at(155));
        assert!(overruns.trouble(at(155)).is_some());
        assert!(overruns.trouble(at(454)).is_some(), "it is over when it has been quiet");
        assert_eq!(overruns.trouble(at(455)), None);
        overruns.note(at(460));
        assert_eq!(overruns.trouble(at(460)), None, "one more is not the same trouble again");
    }
}
