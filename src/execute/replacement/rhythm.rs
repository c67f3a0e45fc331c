//! When to look again: soon and then gently more seldom, and not before the cloud can be done where it is known how long it takes.
//!
//! What is not known yet is seen at most a fifteenth or a tenth later than it is over, or 0.2 s, as long as that is soon: a replacement of one connection waits
//! for two such things, its first change and its first negotiation, and most of what it takes beyond the cloud's own time is how late it
//! sees them.

use jiff::SignedDuration;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

/// Bounds of the pause between two looks (product.md 4).
const POLL_FIRST: Duration = Duration::from_millis(200);
const POLL_MOST: Duration = Duration::from_secs(5);
/// Gently: what is waited too long is the user's outage.
const GROWTH: f64 = 1.15;
/// While a change is under way no pause is a larger part of what it has taken so far.
const OF_A_CHANGE: u32 = 15;
/// A tunnel may never come up, and is looked at until its time is over: finer than this, that would be ever more looks in vain. The
/// more so once it takes longer than negotiations do.
const OF_A_NEGOTIATION: u32 = 10;
const OF_A_LONG_ONE: u32 = 6;
const LONG: Duration = Duration::from_secs(5);
/// So many may look as often as one alone does. One looks 62 times in its first minute at most, and the cloud allows 600 such readings
/// (cloud/api.md 3.1), which are others' as well: these are five sixths of them.
const CROWD: u32 = 8;
/// So long what a person has to mend is tried as often as what passes by itself.
const OFTEN: Duration = Duration::from_secs(60);
/// A little less than the shortest time so far, so that a cloud that gets faster is noticed.
const EARLY: f64 = 0.95;
/// Where the last look in vain and the shortest time are this near to each other, nothing is won between them.
const NEAR: Duration = Duration::from_millis(100);
/// After a look that came too early, so many do not try to be early.
const REST: u32 = 4;

/// How long each thing took so far, and how many are waited for at this moment.
#[derive(Default)]
pub struct Times {
    took: RefCell<BTreeMap<What, Took>>,
    waiting: Cell<u32>,
}

#[derive(Clone, Copy)]
struct Took {
    shortest: Duration,
    /// The latest look in vain before that; zero where that tells nothing of the shortest.
    in_vain: Duration,
    rest: u32,
}

/// What takes about the same time again and again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// Of this, which takes one change at a time.
    Change(String),
    /// A tunnel comes up.
    Negotiation,
    /// The same, where it did not come up in its time before: nothing is won by seeing it a second sooner.
    AnotherNegotiation,
}

/// The pauses between the looks at one thing.
pub struct Rhythm<'a> {
    times: &'a Times,
    /// `None`: the cloud has done it when it answers.
    what: Option<What>,
    began: Option<SignedDuration>,
    pause: Duration,
    in_vain: Duration,
    too_early: bool,
}

impl<'a> Rhythm<'a> {
    pub fn new(times: &'a Times, what: Option<What>) -> Rhythm<'a> {
        Rhythm { times, what, began: None, pause: POLL_FIRST, in_vain: Duration::ZERO, too_early: false }
    }

    /// The cloud is at work from now on, in time since boot. Gives the pause before the first look.
    pub fn begin(&mut self, now: SignedDuration) -> Duration {
        self.waits_since(Some(now));
        (self.pause, self.in_vain, self.too_early) = (POLL_FIRST, Duration::ZERO, false);
        self.usual().min(POLL_MOST)
    }

    /// It is not over. Gives the pause before the next look.
    pub fn next(&mut self, now: SignedDuration) -> Duration {
        let since = self.since(now);
        self.in_vain = since.unwrap_or_default();
        let left = self.usual().saturating_sub(self.in_vain);
        if self.began.is_some() && !left.is_zero() {
            return left.min(POLL_MOST);
        }
        self.too_early = true;
        let pause = self.trouble();
        // Right after the time that it took before the pauses are as short as at the beginning, and grow to that part.
        let alone = since.map_or(pause, |since| pause.min((since / self.part(since)).max(POLL_FIRST)));
        self.times.among_others(alone).min(POLL_MOST)
    }

    /// Nothing was seen, or it could not begin. Gives the pause before it is tried again.
    pub fn trouble(&mut self) -> Duration {
        let pause = self.pause;
        self.pause = pause.mul_f64(GROWTH).min(POLL_MOST);
        pause
    }

    /// The same where a person has to mend it, since so long: the longer it takes, the rarer it is tried.
    pub fn until_mended(&mut self, since: Duration) -> Duration {
        let pause = self.trouble();
        if since < OFTEN { pause } else { pause.max(since / 8) }
    }

    /// It is seen to be over. That it is seen again tells nothing new.
    pub fn end(&mut self, now: SignedDuration) {
        let (Some(what), Some(took)) = (&self.what, self.since(now)) else { return };
        let mut times = self.times.took.borrow_mut();
        let known = times.get(what).copied();
        let shortest = known.map_or(took, |known| known.shortest.min(took));
        // The latest one: a look that a long wait has in its middle tells less than what is known already.
        let in_vain = [Some(self.in_vain), known.map(|known| known.in_vain)].into_iter().flatten().filter(|look| *look < shortest).max();
        let rest = match known {
            Some(_) if self.too_early => REST,
            Some(known) => known.rest.saturating_sub(1),
            None => 0,
        };
        times.insert(what.clone(), Took { shortest, in_vain: in_vain.unwrap_or_default(), rest });
        self.waits_since(None);
    }

    fn waits_since(&mut self, began: Option<SignedDuration>) {
        let others = self.times.waiting.get() - u32::from(self.began.is_some());
        self.times.waiting.set(others + u32::from(began.is_some()));
        self.began = began;
    }

    fn since(&self, now: SignedDuration) -> Option<Duration> {
        self.began.and_then(|began| Duration::try_from(now - began).ok())
    }

    fn part(&self, since: Duration) -> u32 {
        match self.what {
            Some(What::Negotiation) if since < LONG => OF_A_NEGOTIATION,
            Some(What::Negotiation) => OF_A_LONG_ONE,
            Some(What::AnotherNegotiation) => 1,
            _ => OF_A_CHANGE,
        }
    }

    fn usual(&self) -> Duration {
        let Some(what) = &self.what else { return Duration::ZERO };
        self.times.took.borrow().get(what).map_or(POLL_FIRST, |took| took.first_look().max(POLL_FIRST))
    }
}

impl Drop for Rhythm<'_> {
    fn drop(&mut self) {
        self.waits_since(None);
    }
}

impl Times {
    /// The readings are one account's: the more look, the less often each does.
    fn among_others(&self, pause: Duration) -> Duration {
        pause * self.waiting.get().max(CROWD) / CROWD
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

    fn change(place: usize) -> What {
        What::Change(format!("vpn-{place}"))
    }

    /// When each look was, and the last one found it done, of a change that takes so many milliseconds.
    fn looks(times: &Times, takes: i64) -> Vec<i64> {
        looks_at(times, change(1), takes)
    }

    fn looks_at(times: &Times, what: What, takes: i64) -> Vec<i64> {
        let mut rhythm = Rhythm::new(times, Some(what));
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
        assert_eq!(looks[..3], [200, 400, 600]);
        let pauses: Vec<i64> = looks.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(pauses.is_sorted() && pauses.iter().all(|pause| *pause <= 5000), "{pauses:?}");
    }

    #[test]
    fn what_takes_an_unknown_time_is_seen_soon_after_it_is_over() {
        for takes in (100..300_000).step_by(70) {
            for (what, part) in [(change(1), 15), (What::Negotiation, if takes < 5_000 { 10 } else { 6 })] {
                let late = looks_at(&Times::default(), what, takes).last().unwrap() - takes;
                assert!(late <= (takes / part).clamp(200, 5000), "{late} ms after {takes} ms");
            }
        }
    }

    #[test]
    fn one_that_is_waited_for_long_is_not_looked_at_without_end() {
        let within = |what, milliseconds| looks_at(&Times::default(), what, milliseconds).len();
        assert!(within(change(1), 60_000) <= 62);
        assert!(within(What::Negotiation, 300_000) <= 86, "a dead tunnel has five minutes");
        assert!(within(What::AnotherNegotiation, 300_000) <= 78, "each time");
    }

    /// How many looks there are in the first minute, where so many things begin at once and none comes to its end.
    fn looks_of_many(many: usize) -> usize {
        let times = Times::default();
        let mut rhythms: Vec<Rhythm<'_>> = (0..many).map(|place| Rhythm::new(&times, Some(change(place)))).collect();
        let mut due: Vec<SignedDuration> =
            rhythms.iter_mut().map(|rhythm| SignedDuration::try_from(rhythm.begin(SignedDuration::ZERO)).unwrap()).collect();
        let mut looks = 0;
        for (rhythm, due) in rhythms.iter_mut().zip(&mut due) {
            while *due < SignedDuration::from_mins(1) {
                looks += 1;
                *due += SignedDuration::try_from(rhythm.next(*due)).unwrap();
            }
        }
        looks
    }

    #[test]
    fn many_together_do_not_use_up_what_the_cloud_allows() {
        let alone = looks_of_many(1);
        assert_eq!(looks_of_many(8), 8 * alone);
        for many in 1..=25 {
            let looks = looks_of_many(many);
            assert!(looks <= 600, "{many} look {looks} times in a minute");
        }
        // More than that come near it with a look every five seconds alone.
        assert!(looks_of_many(50) <= 900, "{}", looks_of_many(50));
    }

    #[test]
    fn what_is_no_longer_waited_for_slows_no_other_down() {
        let (times, begin) = (Times::default(), SignedDuration::from_secs(9));
        let mut others: Vec<Rhythm<'_>> = (0..15).map(|_| Rhythm::new(&times, Some(What::Negotiation))).collect();
        for other in &mut others {
            other.begin(begin);
        }
        let mut rhythm = Rhythm::new(&times, Some(change(1)));
        rhythm.begin(begin);
        let look = begin + SignedDuration::from_millis(200);
        assert_eq!(rhythm.next(look), POLL_FIRST * 2);
        // The one is seen to be over, and seen so again; the others are given up.
        others[0].end(look);
        others[0].end(look);
        assert_eq!(rhythm.next(look), POLL_FIRST * 15 / 8);
        drop(others);
        assert_eq!(rhythm.next(look), POLL_FIRST);
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
    fn the_look_in_the_middle_of_a_long_wait_does_not_make_the_next_ones_guess_anew() {
        let times = Times::default();
        let all: Vec<Vec<i64>> = (0..20).map(|_| looks(&times, 7000)).collect();
        assert!(all.iter().skip(1).all(|looks| looks[0] == 5000), "{all:?}");
        let in_vain = all.iter().skip(2).filter(|looks| looks.len() > 2).count();
        assert!(in_vain <= 5 && all.iter().skip(2).all(|looks| looks.len() <= 4), "{all:?}");
        assert!(all.iter().skip(2).all(|looks| *looks.last().unwrap() <= 7200), "{all:?}");
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
    fn trouble_is_no_look_in_vain() {
        let times = Times::default();
        let mut rhythm = Rhythm::new(&times, Some(change(1)));
        let second = |second| SignedDuration::from_secs(second);
        rhythm.begin(second(0));
        let pauses: Vec<Duration> = (0..30).map(|_| rhythm.trouble()).collect();
        assert!(pauses[0] == POLL_FIRST && pauses.is_sorted() && pauses[29] == POLL_MOST, "{pauses:?}");
        rhythm.end(second(60));
        let took = *times.took.borrow().get(&change(1)).unwrap();
        assert_eq!((took.shortest, took.in_vain), (Duration::from_secs(60), Duration::ZERO));
    }

    #[test]
    fn what_a_person_has_to_mend_is_tried_the_rarer_the_longer_it_takes() {
        let times = Times::default();
        let mut rhythm = Rhythm::new(&times, None);
        let (mut since, mut tries) = (Duration::ZERO, 0);
        while since < Duration::from_secs(600) {
            since += rhythm.until_mended(since);
            tries += 1;
        }
        assert!((30..60).contains(&tries), "{tries} in ten minutes");
        assert!(since < Duration::from_secs(675), "{since:?}");
    }

    #[test]
    fn what_is_done_with_the_answer_is_looked_at_at_once() {
        let times = Times::default();
        let mut rhythm = Rhythm::new(&times, None);
        assert_eq!(rhythm.begin(SignedDuration::from_secs(9)), Duration::ZERO);
        assert_eq!(rhythm.next(SignedDuration::from_secs(9)), POLL_FIRST);
    }
}
