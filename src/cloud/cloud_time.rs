//! The cloud's time: our clock and how far it is off, learnt from the `Date` of the answers.
//!
//! `Date` comes through TLS, so it is as trustworthy as the answer itself. The system's clock is never set.

use super::transport::RawResponse;
use crate::model::Timestamp;
use crate::system::clock::Clock;
use jiff::SignedDuration;
use std::cell::Cell;

/// Beyond this nobody should act on what this device believes: reads still work, writes are refused
/// (reliability.md 4.3, item 7).
pub const MAX_OFFSET_FOR_WRITES: SignedDuration = SignedDuration::from_hours(24);

pub struct CloudTime {
    clock: Clock,
    offset: Cell<Option<SignedDuration>>,
    last_contact: Cell<Option<Timestamp>>,
}

impl CloudTime {
    pub fn new(clock: Clock) -> CloudTime {
        CloudTime { clock, offset: Cell::new(None), last_contact: Cell::new(None) }
    }

    /// The time to sign with, and to compare expiry with.
    pub fn now(&self) -> Timestamp {
        let own = self.clock.now();
        own.checked_add(self.offset()).unwrap_or(own)
    }

    /// What the cloud's own clock shows; `None` until an answer has told it.
    pub fn told(&self) -> Option<Timestamp> {
        self.offset.get().map(|_| self.now())
    }

    /// How far the cloud's clock is ahead of ours; zero until an answer came. To the second.
    pub fn offset(&self) -> SignedDuration {
        self.offset.get().unwrap_or_default()
    }

    /// Our time of the last HTTP answer of the cloud.
    pub fn last_contact(&self) -> Option<Timestamp> {
        self.last_contact.get()
    }

    /// Notes that an answer came, and what its `Date` says.
    pub fn learn(&self, answer: &RawResponse) {
        let own = self.clock.now();
        self.last_contact.set(Some(own));
        let date = answer.header("date").and_then(|text| jiff::fmt::rfc2822::parse(text).ok());
        if let Some(date) = date {
            self.offset.set(Some(date.timestamp().duration_since(own)));
        }
    }

    pub fn too_far_off_to_write(&self) -> bool {
        self.offset().abs() > MAX_OFFSET_FOR_WRITES
    }
}

/// `yyyy-MM-ddTHH:mm:ssZ`, as both signatures want it.
pub fn wire_time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_offset_follows_the_date_header() {
        let start: Timestamp = "2025-01-02T03:04:05Z".parse().expect("a time");
        let time = CloudTime::new(Clock::on_runtime_time(start));
        assert_eq!((time.now(), time.told(), time.last_contact()), (start, None, None));
        let answer = |date: &str| RawResponse { status: 200, headers: vec![("date".into(), date.into())], body: Vec::new().into() };
        time.learn(&answer("Thu, 02 Jan 2025 03:14:05 GMT"));
        assert_eq!(time.offset(), SignedDuration::from_mins(10));
        assert_eq!(wire_time(time.now()), "2025-01-02T03:14:05Z");
        assert_eq!(time.told(), Some(time.now()));
        assert_eq!(time.last_contact(), Some(start));
        time.learn(&answer("no date at all"));
        assert_eq!(time.offset(), SignedDuration::from_mins(10));
        assert!(!time.too_far_off_to_write());
        time.learn(&answer("Sat, 04 Jan 2025 03:04:05 GMT"));
        assert!(time.too_far_off_to_write());
    }
}
