//! The only place that reads the wall clock.

use super::machine::boot_id;
use super::wake::since_boot;
use crate::model::Timestamp;
use jiff::SignedDuration;
use std::rc::Rc;
use std::time::Duration;

/// The clocks of this machine. Tests drive some of their own; everything pure takes their readings instead.
#[derive(Clone)]
pub struct Clock {
    wall: Rc<dyn Fn() -> Timestamp>,
    uptime: Rc<dyn Fn() -> Duration>,
    boot: Rc<str>,
}

impl Clock {
    pub fn system() -> Clock {
        Clock::of(wall_time, since_boot, &boot_id().unwrap_or_default())
    }

    /// Shows `start` now and runs with the runtime's timer, which tests can pause and advance.
    pub fn on_runtime_time(start: Timestamp) -> Clock {
        let anchor = tokio::time::Instant::now();
        let wall = move || start + SignedDuration::try_from(anchor.elapsed()).unwrap_or_default();
        Clock::of(wall, move || anchor.elapsed(), "runtime")
    }

    /// Of a wall clock, the time since boot, and the id of that boot.
    pub fn of(wall: impl Fn() -> Timestamp + 'static, uptime: impl Fn() -> Duration + 'static, boot: &str) -> Clock {
        Clock { wall: Rc::new(wall), uptime: Rc::new(uptime), boot: boot.into() }
    }

    /// The wall clock: what people read, and anybody can set.
    pub fn now(&self) -> Timestamp {
        (self.wall)()
    }

    /// Time since boot, sleep included: nobody can set it.
    pub fn uptime(&self) -> SignedDuration {
        SignedDuration::try_from((self.uptime)()).unwrap_or_default()
    }

    /// Which boot [`Clock::uptime`] counts from; empty where the kernel does not tell.
    pub fn boot(&self) -> &str {
        &self.boot
    }
}

/// For the time of a log line, which comes from wherever something is logged.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the wall clock")]
pub(super) fn wall_time() -> Timestamp {
    let now = Timestamp::now();
    // Milliseconds are what people and records need.
    now.round(jiff::Unit::Millisecond).unwrap_or(now)
}
