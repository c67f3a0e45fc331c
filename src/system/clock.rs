//! The only place that reads the wall clock.

use crate::model::Timestamp;
use std::rc::Rc;

/// A wall clock. Tests drive one of their own; everything pure takes a `Timestamp` instead.
#[derive(Clone)]
pub struct Clock(Rc<dyn Fn() -> Timestamp>);

impl Clock {
    pub fn system() -> Clock {
        Clock(Rc::new(wall_time))
    }

    /// Shows `start` now and runs with the runtime's timer, which tests can pause and advance.
    pub fn on_runtime_time(start: Timestamp) -> Clock {
        let anchor = tokio::time::Instant::now();
        Clock(Rc::new(move || start + jiff::SignedDuration::try_from(anchor.elapsed()).unwrap_or_default()))
    }

    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

/// For the time of a log line, which comes from wherever something is logged.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the wall clock")]
pub(super) fn wall_time() -> Timestamp {
    let now = Timestamp::now();
    // Milliseconds are what people and records need.
    now.round(jiff::Unit::Millisecond).unwrap_or(now)
}
