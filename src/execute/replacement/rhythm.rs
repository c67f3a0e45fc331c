//! When to look again: soon and then gently more seldom, and not before the cloud can be done where it is known how long it takes.

use jiff::SignedDuration;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

/// Bounds of the pause between two looks (product.md 4).
const POLL_FIRST: Duration = Duration::from_millis(200);
const POLL_MOST: Duration = Duration::from_secs(5);
/// Gently: what is waited too long is the user's outage.
const GROWTH: f64 = 1.15;
/// A little less than the shortest time so far, so that a cloud that gets faster is noticed.
const EARLY: f64 = 0.95;
/// Where the last look in vain and the shortest time are this near to each other, nothing is won between them.
const NEAR: Duration = Duration::from_millis(100);
/// After a look that came too early, so many do not try to be early.
const REST: u32 = 4;

/// How long each thing took so far.
#[derive(Default)]
pub struct Times(RefCell<BTreeMap<String, Took>>);

#[derive(Clone, Copy)]
struct Took {
    shortest: Duration,
    /// When it was last looked at in vain; zero where that tells nothing of the shortest.
    in_vain: Duration,
    rest: u32,
}

/// The pauses between the looks at one thing.
pub struct Rhythm<'a> {
    times: &'a Times,
    /// What takes about the same time again and again; `None`: the cloud has done it when it answers.
    what: Option<String>,
    began: Option<SignedDuration>,
    pause: Duration,
    in_vain: Duration,
    too_early: bool,
}

impl<'a> Rhythm<'a> {
    pub fn new(times: &'a Times, what: Option<String>) -> Rhythm<'a> {
        Rhythm { times, what, began: None, pause: POLL_FIRST, in_vain: Duration::ZERO, too_early: false }
    }

    /// The cloud is at work from now on, in time since boot. Gives the pause before the first look.
    pub fn begin(&mut self, now: SignedDuration) -> Duration {
        (self.began, self.pause, self.in_vain, self.too_early) = (Some(now), POLL_FIRST, Duration::ZERO, false);
        self.usual().min(POLL_MOST)
    }

    /// It is not over. Gives the pause before the next look.
    pub fn next(&mut self, now: SignedDuration) -> Duration {
        self.in_vain = self.since(now).unwrap_or_default();
        let left = self.usual().saturating_sub(self.in_vain);
        if self.began.is_some() && !left.is_zero() {
            return left.min(POLL_MOST);
        }
        self.too_early = true;
        let pause = self.pause;
        self.pause = pause.mul_f64(GROWTH).min(POLL_MOST);
        pause
    }

    /// It is seen to be over. That it is seen again tells nothing new.
    pub fn end(&mut self, now: SignedDuration) {
        let (Some(what), Some(took)) = (&self.what, self.since(now)) else { return };
        self.began = None;
        let mut times = self.times.0.borrow_mut();
        let known = times.get(what).copied();
        let shortest = known.map_or(took, |known| known.shortest.min(took));
        let in_vain = if self.in_vain.is_zero() { known.map_or(Duration::ZERO, |known| known.in_vain) } else { self.in_vain };
        let rest = match known {
            Some(_) if self.too_early => REST,
            Some(known) => known.rest.saturating_sub(1),
            None => 0,
        };
        times.insert(what.clone(), Took { shortest, in_vain: if in_vain < shortest { in_vain } else { Duration::ZERO }, rest });
    }

    fn since(&self, now: SignedDuration) -> Option<Duration> {
        self.began.and_then(|began| Duration::try_from(now - began).ok())
    }

    fn usual(&self) -> Duration {
        let Some(what) = &self.what else { return Duration::ZERO };
        self.times.0.borrow().get(what).map_or(POLL_FIRST, |took| took.first_look().max(POLL_FIRST))
    }
}

impl Took {
    fn first_look(&self) -> Duration {
        let between = self.shortest.saturating_sub(self.in_vain);
        match self.rest {
            0 if self.in_vain.is_zero() || between <= NEAR => self.shortest.mul_f64(EARLY),
            0 => self.shortest.saturating_sub(between / 2),
            _ => self.shortest,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// When each look was, and the last one found it done, of something that takes so many milliseconds.
    fn looks(times: &Times, takes: i64) -> Vec<i64> {
        let mut rhythm = Rhythm::new(times, Some("vpn-1".to_owned()));
        let mut now = SignedDuration::ZERO;
        let mut looks = Vec::new();
        let mut pause = rhythm.begin(now);
        loop {
            now += SignedDuration::try_from(pause).unwrap();
            looks.push(i64::try_from(now.as_millis()).unwrap());
            if now.as_millis() >= i128::from(takes) {
                rhythm.end(now);
                return looks;
            }
            pause = rhythm.next(now);
        }
    }

    #[test]
    fn the_first_looks_come_soon_and_the_pauses_grow() {
        let looks = looks(&Times::default(), 60_000);
        assert_eq!(looks[..3], [200, 400, 630]);
        let pauses: Vec<i64> = looks.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(pauses.is_sorted() && pauses.iter().all(|pause| *pause <= 5000), "{pauses:?}");
    }

    #[test]
    fn what_is_known_to_take_its_time_is_looked_at_when_it_may_be_done() {
        let times = Times::default();
        assert!(looks(&times, 3000).len() > 7);
        let all: Vec<Vec<i64>> = (0..20).map(|_| looks(&times, 3000)).collect();
        assert!(all.iter().skip(2).all(|looks| *looks.last().unwrap() <= 3200), "{all:?}");
        let in_vain = all.iter().filter(|looks| looks.len() > 1).count();
        assert!(in_vain <= 5 && all.iter().all(|looks| looks.len() <= 2), "{all:?}");
        let waited: i64 = all.iter().map(|looks| looks.last().unwrap() - 3000).sum();
        assert!(waited < 20 * 75, "{all:?}");
    }

    #[test]
    fn a_cloud_that_gets_faster_is_noticed() {
        let times = Times::default();
        (0..10).for_each(|_| drop(looks(&times, 3000)));
        (0..40).for_each(|_| drop(looks(&times, 1000)));
        assert!(*looks(&times, 1000).last().unwrap() < 1250);
    }

    #[test]
    fn one_that_took_long_does_not_hide_that_the_next_is_soon_over() {
        let times = Times::default();
        looks(&times, 60_000);
        assert_eq!(looks(&times, 3000), [5000]);
        assert!(looks(&times, 3000)[0] < 5000);
        let slow = looks(&times, 60_000);
        assert!(slow.windows(2).all(|pair| pair[1] - pair[0] <= 5000));
    }

    #[test]
    fn what_is_done_with_the_answer_is_looked_at_at_once() {
        let times = Times::default();
        let mut rhythm = Rhythm::new(&times, None);
        assert_eq!(rhythm.begin(SignedDuration::from_secs(9)), Duration::ZERO);
        assert_eq!(rhythm.next(SignedDuration::from_secs(9)), POLL_FIRST);
    }
}
