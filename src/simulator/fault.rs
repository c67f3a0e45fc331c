//! What can go wrong with one call: the answer is lost, comes late or garbled, the effect lands later, reads are stale.

use jiff::SignedDuration;
use std::time::Duration;

/// One fault of one call. The default is no fault; the constructors give the named kinds, and the fields combine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fault {
    pub effect: Effect,
    pub answer: Answer,
    /// How long the answer takes. The effect, where there is one, exists from the start of it.
    pub latency: Duration,
    /// Reads of this call see an older state.
    pub stale: Option<Lag>,
    /// Added to the clock that the `Date` header shows.
    pub date_skew: SignedDuration,
    /// Added to the clock by which the request's own date is judged.
    pub clock_skew: SignedDuration,
}

/// When the call changes something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Effect {
    #[default]
    AtOnce,
    Never,
    /// It lands this much later, with the state that it meets then.
    Late(Duration),
}

/// What the caller gets to see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Answer {
    #[default]
    Real,
    /// The connection is cut without an answer.
    Cut,
    /// The request never left: in memory `TransportError::NotSent`, over HTTP like `Cut`.
    Unreachable,
    /// An error in the cloud's envelope.
    Error { status: u16, code: String, message: String, retry_after: Option<Duration> },
    /// The real status with a body that is no JSON.
    Garbage,
    /// The real answer cut in the middle of its body.
    Truncated,
    /// The real body under another content type.
    ContentType(String),
}

/// How far behind a stale read is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lag {
    /// Changes younger than this are not seen yet.
    Time(Duration),
    /// A change is seen only after this many reads of its region were answered since.
    Reads(u64),
}

impl Fault {
    /// The connection breaks before anything happened.
    pub fn drop_before() -> Fault {
        Fault { effect: Effect::Never, answer: Answer::Cut, ..Fault::default() }
    }

    /// It cannot even be sent.
    pub fn unreachable() -> Fault {
        Fault { effect: Effect::Never, answer: Answer::Unreachable, ..Fault::default() }
    }

    /// It is done and the answer is lost.
    pub fn drop_after() -> Fault {
        Fault { answer: Answer::Cut, ..Fault::default() }
    }

    /// Refused, nothing happened.
    pub fn error_before(status: u16, code: &str) -> Fault {
        Fault { effect: Effect::Never, answer: error(status, code, None), ..Fault::default() }
    }

    /// It is done and an error is told nevertheless.
    pub fn error_after(status: u16, code: &str) -> Fault {
        Fault { answer: error(status, code, None), ..Fault::default() }
    }

    /// Throttled; with the cloud's hint `x-acs-retry-after` in milliseconds (cloud/api.md 3) where one is given.
    pub fn throttle(retry_after: Option<Duration>) -> Fault {
        Fault { effect: Effect::Never, answer: error(400, "Throttling.User", retry_after), ..Fault::default() }
    }

    pub fn garbage_after() -> Fault {
        Fault { answer: Answer::Garbage, ..Fault::default() }
    }

    pub fn truncated_after() -> Fault {
        Fault { answer: Answer::Truncated, ..Fault::default() }
    }

    pub fn content_type_after(content_type: &str) -> Fault {
        Fault { answer: Answer::ContentType(content_type.to_owned()), ..Fault::default() }
    }

    pub fn latency(latency: Duration) -> Fault {
        Fault { latency, ..Fault::default() }
    }

    /// The effect lands `after` this long; the caller sees the connection cut.
    pub fn late(after: Duration) -> Fault {
        Fault { effect: Effect::Late(after), answer: Answer::Cut, ..Fault::default() }
    }

    pub fn stale(lag: Lag) -> Fault {
        Fault { stale: Some(lag), ..Fault::default() }
    }

    /// The cloud's clock is ahead of ours by this much: in its `Date` header and in its judgement of our date.
    pub fn clock_skew(skew: SignedDuration) -> Fault {
        Fault { date_skew: skew, clock_skew: skew, ..Fault::default() }
    }

    /// Only the `Date` header is off.
    pub fn date_skew(skew: SignedDuration) -> Fault {
        Fault { date_skew: skew, ..Fault::default() }
    }
}

fn error(status: u16, code: &str, retry_after: Option<Duration>) -> Answer {
    Answer::Error { status, code: code.to_owned(), message: format!("Injected by the simulated cloud: {code}."), retry_after }
}
