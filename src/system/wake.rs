//! Notices time that passed unseen: a suspend, a stopped process, a set clock.

use crate::model::Timestamp;
use jiff::SignedDuration;
use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// Below it a difference between the clocks is the ordinary work of a time service: NTP steps only above 128 ms, and two
/// clocks are not read in the same instant. Well below the 22.5 s above which tailscale treats a jump as a change of everything
/// (tailscale net/netmon/netmon.go `majorTimeJumpThreshold`), since we alert and read afresh, which is cheap.
pub const THRESHOLD: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jump {
    /// The machine slept for so long.
    Suspended(Duration),
    /// The wall clock was set by so much, forwards or (negative) back.
    Wall(SignedDuration),
}

/// One look at the three clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instants {
    pub wall: Timestamp,
    /// CLOCK_BOOTTIME: runs on while the machine sleeps and can't be set.
    pub since_boot: Duration,
    /// CLOCK_MONOTONIC: stands still while the machine sleeps.
    pub monotonic: Duration,
}

#[derive(Debug, Default)]
pub struct ClockWatch {
    last: Option<Instants>,
}

impl ClockWatch {
    /// Compares with the look before; the first look tells nothing. A sleep is told rather than the correction of the wall
    /// clock that comes with it.
    pub fn observe(&mut self, now: Instants) -> Option<Jump> {
        let last = self.last.replace(now)?;
        let passed = now.since_boot.saturating_sub(last.since_boot);
        let slept = passed.saturating_sub(now.monotonic.saturating_sub(last.monotonic));
        if slept >= THRESHOLD {
            return Some(Jump::Suspended(slept));
        }
        let passed = SignedDuration::try_from(passed).unwrap_or(SignedDuration::MAX);
        let set_by = now.wall.duration_since(last.wall).saturating_sub(passed);
        (set_by.unsigned_abs() >= THRESHOLD).then_some(Jump::Wall(set_by))
    }
}

impl Instants {
    /// `wall` as `system::clock` shows it, the others as the kernel does.
    pub fn now(wall: Timestamp) -> Instants {
        Instants { wall, since_boot: since_boot(), monotonic: monotonic() }
    }
}

/// Time since boot, sleep included. For waits that must not depend on anybody setting the clock.
pub fn since_boot() -> Duration {
    read(ClockId::Boottime)
}

fn monotonic() -> Duration {
    read(ClockId::Monotonic)
}

/// Neither clock is ever negative.
fn read(clock: ClockId) -> Duration {
    Duration::try_from(clock_gettime(clock)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds of the wall clock, since boot and awake, after a common start.
    fn at(wall: i64, since_boot: u64, awake: u64) -> Instants {
        Instants {
            wall: Timestamp::from_second(1_800_000_000 + wall).unwrap(),
            since_boot: Duration::from_secs(1_000 + since_boot),
            monotonic: Duration::from_secs(900 + awake),
        }
    }

    fn between(before: Instants, after: Instants) -> Option<Jump> {
        let mut watch = ClockWatch::default();
        assert_eq!(watch.observe(before), None, "the first look has nothing to compare with");
        watch.observe(after)
    }

    #[test]
    fn ordinary_time_is_no_jump_however_long() {
        assert_eq!(between(at(0, 0, 0), at(86_400, 86_400, 86_400)), None);
        assert_eq!(between(at(0, 0, 0), at(69, 60, 60)), None, "below the threshold");
        assert_eq!(between(at(0, 0, 0), at(51, 60, 60)), None);
    }

    #[test]
    fn a_set_wall_clock_is_told_with_its_direction() {
        assert_eq!(between(at(0, 0, 0), at(70, 60, 60)), Some(Jump::Wall(SignedDuration::from_secs(10))));
        assert_eq!(between(at(0, 0, 0), at(-3_540, 60, 60)), Some(Jump::Wall(SignedDuration::from_secs(-3_600))));
        let from_1970 = Instants { wall: Timestamp::UNIX_EPOCH, ..at(0, 0, 0) };
        assert_eq!(between(from_1970, at(1, 1, 1)), Some(Jump::Wall(SignedDuration::from_secs(1_800_000_000))));
    }

    #[test]
    fn a_sleep_is_told_whether_or_not_the_wall_clock_followed() {
        let slept = Some(Jump::Suspended(Duration::from_secs(3_600)));
        assert_eq!(between(at(0, 0, 0), at(3_660, 3_660, 60)), slept);
        assert_eq!(between(at(0, 0, 0), at(60, 3_660, 60)), slept);
    }

    #[test]
    fn each_jump_is_told_once() {
        let mut watch = ClockWatch::default();
        watch.observe(at(0, 0, 0));
        assert!(watch.observe(at(3_600, 60, 60)).is_some());
        assert_eq!(watch.observe(at(3_660, 120, 120)), None);
    }

    #[test]
    fn the_kernel_s_clocks_run() {
        let before = Instants::now(Timestamp::UNIX_EPOCH);
        let after = Instants::now(Timestamp::UNIX_EPOCH);
        assert!(before.since_boot > Duration::ZERO && before.since_boot <= after.since_boot);
        assert!(before.monotonic > Duration::ZERO && before.monotonic <= after.monotonic);
    }
}
