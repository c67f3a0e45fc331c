//! What can go wrong with a replacement, and the one word by which a schedule names it.

use cgwd::simulator::Fault;
use cgwd::simulator::fault::{Effect, Lag};
use jiff::SignedDuration;
use std::time::Duration;

/// How long the device stays dead after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    None,
    /// Within the time in which a request can still take effect.
    Minutes,
    Days,
}

/// What somebody else does right before a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Changes a pre-shared key, on the device too.
    Psk,
    /// Adds a route over a connection.
    Route,
    /// Adds a tag to a connection.
    Tag,
    /// Deletes a connection.
    Deletes,
    /// Points a tunnel, or a single-tunnel connection on a transit router, at somebody else's customer gateway.
    Elsewhere,
    /// Makes a connection by hand in the place of one that is deleted at this moment.
    HandMakes,
    /// Takes our mark off the old customer gateway, or off the new one.
    UnmarksOld,
    UnmarksNew,
    /// Uses our old customer gateway for a connection of their own.
    UsesOld,
    /// The device moves to a third address.
    Moves,
}

#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Of one call, on the cloud's side or on the way.
    Cloud(fn() -> Fault),
    /// From this call on for so many minutes every call is refused for lack of rights.
    Forbidden(u64),
    CrashBefore(Pause),
    /// After the call's effect, before its answer.
    CrashAfter(Pause),
    /// The machine dies before this call, and starts anew with a wall clock that is so many hours off.
    Reboot(i64),
    Act(Act),
    /// The process dies before, or after, this record is on disk.
    CutBefore,
    CutAfter,
    /// The disk is full when this record is to be written.
    Full,
}

/// Which calls a fault can be of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    Reads,
    Writes,
    Both,
}

/// Every fault of a call.
pub const OF_CALLS: &[(&str, Of, Kind)] = &[
    ("unreachable", Of::Both, Kind::Cloud(Fault::unreachable)),
    ("drop-before", Of::Writes, Kind::Cloud(Fault::drop_before)),
    ("lost-answer", Of::Both, Kind::Cloud(Fault::drop_after)),
    ("slow", Of::Writes, Kind::Cloud(|| Fault::latency(Duration::from_secs(40)))),
    ("503-before", Of::Writes, Kind::Cloud(|| Fault::error_before(503, "ServiceUnavailable"))),
    ("503-after", Of::Both, Kind::Cloud(|| Fault::error_after(503, "ServiceUnavailable"))),
    ("400-internal-after", Of::Writes, Kind::Cloud(|| Fault::error_after(400, "InternalError"))),
    ("garbage", Of::Both, Kind::Cloud(Fault::garbage_after)),
    ("truncated", Of::Both, Kind::Cloud(Fault::truncated_after)),
    ("throttled", Of::Both, Kind::Cloud(|| Fault::throttle(Some(Duration::from_secs(2))))),
    ("throttled-60s", Of::Writes, Kind::Cloud(|| Fault::throttle(Some(Duration::from_secs(60))))),
    ("busy", Of::Writes, Kind::Cloud(|| Fault::error_before(400, "VpnGateway.Configuring"))),
    ("processing-after", Of::Writes, Kind::Cloud(|| Fault::error_after(400, "IdempotentProcessing"))),
    ("stale", Of::Reads, Kind::Cloud(|| Fault::stale(Lag::Time(Duration::from_secs(60))))),
    ("stale-10s", Of::Reads, Kind::Cloud(|| Fault::stale(Lag::Time(Duration::from_secs(10))))),
    ("late-3s", Of::Writes, Kind::Cloud(|| Fault::late(Duration::from_secs(3)))),
    ("late-90s", Of::Writes, Kind::Cloud(|| Fault::late(Duration::from_secs(90)))),
    ("late-14m", Of::Writes, Kind::Cloud(|| Fault::late(Duration::from_secs(14 * 60)))),
    ("late-503", Of::Writes, Kind::Cloud(late_503)),
    ("forbidden", Of::Both, Kind::Cloud(|| Fault::error_before(403, "Forbidden.RAM"))),
    ("forbidden-20m", Of::Both, Kind::Forbidden(20)),
    ("refused", Of::Writes, Kind::Cloud(|| Fault::error_before(400, "InvalidParameter"))),
    ("mismatch", Of::Writes, Kind::Cloud(|| Fault::error_before(400, "IdempotentParameterMismatch"))),
    ("mismatch-after", Of::Writes, Kind::Cloud(|| Fault::error_after(400, "IdempotentParameterMismatch"))),
    ("token-failed", Of::Writes, Kind::Cloud(|| Fault::error_before(400, "IdempotentFailed"))),
    ("expired", Of::Writes, Kind::Cloud(|| Fault::error_before(400, "InvalidTimeStamp.Expired"))),
    ("expired-token", Of::Both, Kind::Cloud(|| Fault::error_before(400, "InvalidSecurityToken.Expired"))),
    ("nonce-used-after", Of::Writes, Kind::Cloud(|| Fault::error_after(400, "SignatureNonceUsed"))),
    ("crash-before", Of::Both, Kind::CrashBefore(Pause::None)),
    ("crash-before-days", Of::Both, Kind::CrashBefore(Pause::Days)),
    ("crash-after", Of::Writes, Kind::CrashAfter(Pause::None)),
    ("crash-after-minutes", Of::Writes, Kind::CrashAfter(Pause::Minutes)),
    ("crash-after-days", Of::Writes, Kind::CrashAfter(Pause::Days)),
    ("reboot", Of::Both, Kind::Reboot(0)),
    ("reboot-ahead", Of::Writes, Kind::Reboot(20)),
    ("reboot-behind", Of::Writes, Kind::Reboot(-20)),
];

/// Acts of others at a call.
pub const OF_OTHERS: &[(&str, Of, Kind)] = &[
    ("psk", Of::Both, Kind::Act(Act::Psk)),
    ("route", Of::Both, Kind::Act(Act::Route)),
    ("tag", Of::Both, Kind::Act(Act::Tag)),
    ("deletes", Of::Both, Kind::Act(Act::Deletes)),
    ("elsewhere", Of::Both, Kind::Act(Act::Elsewhere)),
    ("hand-makes", Of::Both, Kind::Act(Act::HandMakes)),
    ("unmarks-old", Of::Both, Kind::Act(Act::UnmarksOld)),
    ("unmarks-new", Of::Both, Kind::Act(Act::UnmarksNew)),
    ("uses-old", Of::Both, Kind::Act(Act::UsesOld)),
    ("moves", Of::Both, Kind::Act(Act::Moves)),
];

/// Every fault of a record.
pub const OF_RECORDS: &[(&str, Kind)] = &[("cut-before", Kind::CutBefore), ("cut-after", Kind::CutAfter), ("full", Kind::Full)];

/// What pairs are made of: one of each kind, where the others differ in a number alone.
pub const TELLING: &[&str] = &[
    "drop-before",
    "lost-answer",
    "503-after",
    "garbage",
    "throttled",
    "busy",
    "stale",
    "late-90s",
    "late-14m",
    "late-503",
    "forbidden",
    "mismatch-after",
    "token-failed",
    "crash-before",
    "crash-after",
    "crash-after-minutes",
    "crash-after-days",
    "reboot-ahead",
    "psk",
    "route",
    "deletes",
    "elsewhere",
    "hand-makes",
    "unmarks-old",
    "moves",
];

impl Pause {
    pub fn length(self) -> Duration {
        Duration::from_secs(match self {
            Pause::None => 0,
            Pause::Minutes => 600,
            Pause::Days => 3 * 86_400,
        })
    }
}

impl Of {
    pub fn includes(self, is_write: bool) -> bool {
        match self {
            Of::Both => true,
            Of::Reads => !is_write,
            Of::Writes => is_write,
        }
    }
}

/// The name as the tables have it, with its kind.
pub fn named(name: &str) -> Option<(&'static str, Kind)> {
    let of_calls = OF_CALLS.iter().chain(OF_OTHERS).map(|(known, _, kind)| (*known, *kind));
    of_calls.chain(OF_RECORDS.iter().copied()).find(|(known, _)| *known == name)
}

/// The cloud's own trouble is told, and the effect comes minutes later.
fn late_503() -> Fault {
    let told = Fault::error_before(503, "ServiceUnavailable");
    Fault { effect: Effect::Late(Duration::from_secs(300)), ..told }
}

/// When the effect of a call lands that was sent with this fault; `None` where it lands at once or never.
pub fn lands_after(fault: &Fault) -> Option<SignedDuration> {
    match fault.effect {
        Effect::Late(after) => SignedDuration::try_from(after).ok(),
        Effect::AtOnce | Effect::Never => None,
    }
}

/// How old what a read shows can be.
pub fn lag(fault: Option<&Fault>) -> SignedDuration {
    match fault.and_then(|fault| fault.stale) {
        Some(Lag::Time(lag)) => SignedDuration::try_from(lag).unwrap_or(SignedDuration::MAX),
        Some(Lag::Reads(_)) => SignedDuration::MAX,
        None => SignedDuration::ZERO,
    }
}
