//! When the sources that take time are asked. Pure: the time is an argument.

use std::time::Duration;

/// Between two askings that something outside sets off. A change of an address makes the kernel announce several things at
/// once, and an echo service is somebody else's.
const PAUSE: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
pub struct Asking {
    begun: u64,
    answered: u64,
    /// When the last one was begun, in time since boot.
    started: Option<Duration>,
    /// When the next one may begin, where one is wanted.
    due: Option<Duration>,
}

impl Asking {
    /// Something happened: what the sources say from now on counts, so an asking that is under way is followed by another.
    pub fn wake(&mut self, now: Duration) {
        let free = self.started.map_or(now, |started| now.max(started + PAUSE));
        self.due = Some(self.due.map_or(free, |due| due.min(free)));
    }

    /// As soon as the one that is under way is over.
    pub fn at_once(&mut self, now: Duration) {
        self.due = Some(now);
    }

    pub fn due(&self) -> Option<Duration> {
        self.due
    }

    pub fn begin(&mut self, now: Duration) {
        self.begun += 1;
        self.started = Some(now);
        self.due = None;
    }

    /// The one that was begun last is over.
    pub fn end(&mut self) {
        self.answered = self.begun;
    }

    /// The next one to begin, for [`Asking::is_over`].
    pub fn next(&self) -> u64 {
        self.begun + 1
    }

    pub fn is_over(&self, number: u64) -> bool {
        self.answered >= number
    }

    pub fn started(&self) -> Option<Duration> {
        self.started
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn the_first_wake_asks_at_once_and_a_burst_once_more() {
        let mut asking = Asking::default();
        asking.wake(at(10_000));
        assert_eq!(asking.due(), Some(at(10_000)));
        asking.begin(at(10_000));
        assert_eq!(asking.due(), None);
        for millis in [10_010, 10_500, 11_900] {
            asking.wake(at(millis));
            assert_eq!(asking.due(), Some(at(12_000)));
        }
        asking.begin(at(12_000));
        assert_eq!(asking.due(), None);
        asking.wake(at(20_000));
        assert_eq!(asking.due(), Some(at(20_000)));
    }

    #[test]
    fn what_was_begun_before_is_no_answer_to_what_is_asked_now() {
        let mut asking = Asking::default();
        asking.begin(at(0));
        let number = asking.next();
        asking.end();
        assert!(!asking.is_over(number));
        asking.at_once(at(5));
        assert_eq!(asking.due(), Some(at(5)));
        asking.begin(at(5));
        asking.end();
        assert!(asking.is_over(number));
    }
}
