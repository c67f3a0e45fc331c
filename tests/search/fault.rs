//! What can go wrong, and the one word by which a schedule names it.

use cgwd::simulator::Fault;
use cgwd::simulator::fault::{Answer, Effect, Lag};
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

impl Pause {
    pub fn length(self) -> Duration {
        Duration::from_secs(match self {
            Pause::None => 0,
            Pause::Minutes => 600,
            Pause::Days => 3 * 86_400,
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Deletes our customer gateway.
    Deletes,
    /// Takes the mark off it.
    Unmarks,
    /// Makes one with our address and ASN, where none has the address.
    Makes,
}

#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Of one call, on the cloud's side or on the way.
    Cloud(fn() -> Fault),
    /// The process dies before this call goes out.
    CrashBefore(Pause),
    /// The process dies after the call's effect, before its answer.
    CrashAfter(Pause),
    /// Before this call goes out the machine dies. It starts anew, with a wall clock that is so many hours off.
    Reboot(i64),
    /// The wall clock is set to so many hours off.
    Clock(i64),
    /// An operator acts right before this call.
    Operator(Act),
    /// The process dies before, or after, this record is on disk.
    CutBefore,
    CutAfter,
    /// The disk is full when this record is to be written.
    Full,
}

/// Every fault of a call.
pub const OF_CALLS: &[(&str, Kind)] = &[
    ("unreachable", Kind::Cloud(Fault::unreachable)),
    ("drop-before", Kind::Cloud(Fault::drop_before)),
    ("lost-answer", Kind::Cloud(Fault::drop_after)),
    ("slow", Kind::Cloud(|| Fault::latency(Duration::from_secs(40)))),
    ("500-before", Kind::Cloud(|| Fault::error_before(500, "InternalError"))),
    ("500-after", Kind::Cloud(|| Fault::error_after(500, "InternalError"))),
    ("503-before", Kind::Cloud(|| Fault::error_before(503, "ServiceUnavailable"))),
    ("503-after", Kind::Cloud(|| Fault::error_after(503, "ServiceUnavailable"))),
    ("400-internal-after", Kind::Cloud(|| Fault::error_after(400, "InternalError"))),
    ("unknown-error-after", Kind::Cloud(|| Fault::error_after(400, "UnknownError"))),
    ("throttled", Kind::Cloud(|| Fault::throttle(None))),
    ("throttled-2s", Kind::Cloud(|| Fault::throttle(Some(Duration::from_secs(2))))),
    ("throttled-60s", Kind::Cloud(|| Fault::throttle(Some(Duration::from_secs(60))))),
    ("garbage", Kind::Cloud(Fault::garbage_after)),
    ("truncated", Kind::Cloud(Fault::truncated_after)),
    ("stale-2", Kind::Cloud(|| Fault::stale(Lag::Reads(2)))),
    ("stale-9", Kind::Cloud(|| Fault::stale(Lag::Reads(9)))),
    ("late-20s", Kind::Cloud(|| Fault::late(Duration::from_secs(20)))),
    ("late-14m", Kind::Cloud(|| Fault::late(Duration::from_secs(14 * 60)))),
    ("late-503", Kind::Cloud(late_503)),
    ("forbidden", Kind::Cloud(|| Fault::error_before(403, "Forbidden.RAM"))),
    ("forbidden-not-found", Kind::Cloud(|| Fault::error_before(403, "InvalidCustomerGatewayInstanceId.NotFound"))),
    ("already-exist", Kind::Cloud(|| Fault::error_before(400, "InvalidIpAddress.AlreadyExist"))),
    ("quota", Kind::Cloud(|| Fault::error_before(400, "Resource.QuotaFull"))),
    ("mismatch", Kind::Cloud(|| Fault::error_before(400, "IdempotentParameterMismatch"))),
    ("mismatch-after", Kind::Cloud(|| Fault::error_after(400, "IdempotentParameterMismatch"))),
    ("token-failed", Kind::Cloud(|| Fault::error_before(400, "IdempotentFailed"))),
    ("processing-after", Kind::Cloud(|| Fault::error_after(400, "IdempotentProcessing"))),
    ("busy", Kind::Cloud(|| Fault::error_before(400, "OperationConflict"))),
    ("expired", Kind::Cloud(|| Fault::clock_skew(SignedDuration::from_mins(20)))),
    ("date-off", Kind::Cloud(|| Fault::date_skew(SignedDuration::from_mins(-20)))),
    ("nonce-used-before", Kind::Cloud(|| Fault::error_before(400, "SignatureNonceUsed"))),
    ("nonce-used-after", Kind::Cloud(|| Fault::error_after(400, "SignatureNonceUsed"))),
    ("crash-before", Kind::CrashBefore(Pause::None)),
    ("crash-before-days", Kind::CrashBefore(Pause::Days)),
    ("crash-after", Kind::CrashAfter(Pause::None)),
    ("crash-after-minutes", Kind::CrashAfter(Pause::Minutes)),
    ("crash-after-days", Kind::CrashAfter(Pause::Days)),
    ("reboot", Kind::Reboot(0)),
    ("reboot-ahead", Kind::Reboot(20)),
    ("reboot-behind", Kind::Reboot(-20)),
    ("clock-ahead", Kind::Clock(20)),
    ("clock-behind", Kind::Clock(-20)),
];

/// Acts of an operator at a call.
pub const OF_OPERATORS: &[(&str, Kind)] = &[
    ("operator-deletes", Kind::Operator(Act::Deletes)),
    ("operator-unmarks", Kind::Operator(Act::Unmarks)),
    ("operator-makes", Kind::Operator(Act::Makes)),
];

/// Every fault of a record.
pub const OF_RECORDS: &[(&str, Kind)] = &[("cut-before", Kind::CutBefore), ("cut-after", Kind::CutAfter), ("full", Kind::Full)];

/// The cloud's own trouble is told, and the effect comes minutes later.
fn late_503() -> Fault {
    let told = Fault::error_before(503, "ServiceUnavailable");
    Fault { effect: Effect::Late(Duration::from_secs(300)), ..told }
}

pub fn named(name: &str) -> Option<Kind> {
    let all = OF_CALLS.iter().chain(OF_OPERATORS).chain(OF_RECORDS);
    all.into_iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
}

/// Whether the cloud refuses for lack of rights: nothing more may be asked then.
pub fn is_refusal_of_rights(fault: &Fault) -> bool {
    matches!(fault.answer, Answer::Error { status: 403, .. })
}
