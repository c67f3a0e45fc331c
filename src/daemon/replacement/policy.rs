//! What the daemon does about replacing, from what is known. Pure.

use crate::daemon::conditions::replacement::Ahead;
use crate::model::{Asn, ReplacementPlan, ReplacementPolicy, Stopped};
use std::net::Ipv4Addr;
use std::time::Duration;

/// Why an executor stops where the device is no longer what the plan was made for.
pub const CHANGED_AGAIN: &str = "changed_again";

/// What this device is, as far as that is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub ip: Option<Ipv4Addr>,
    pub asn: Option<Asn>,
}

/// How the device fits the plan that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    Fits,
    /// Something else is read and has not settled yet.
    Unsettled,
    /// It has settled on something else.
    Another,
}

/// What to do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Course {
    /// Nothing is to be replaced, or nobody but a person may.
    Rest,
    Wait(Wait),
    /// `resume`: what stopped it is over.
    CarryOn {
        resume: bool,
    },
    GiveUp,
    Begin,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wait {
    /// A sentence that goes on from "waits for".
    pub until: String,
    /// The gate that refuses, where that is worth an alert.
    pub gate: Option<Refused>,
    /// When it can be otherwise, in time since boot; `None`: when something happens.
    pub at: Option<Duration>,
}

/// A gate that keeps a replacement from beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub gate: String,
    pub detail: String,
}

/// A replacement that is open and that nobody carries on at this moment.
#[derive(Clone, Copy, Debug)]
pub struct Open<'a> {
    pub stopped: Option<&'a Stopped>,
    pub fit: Fit,
    /// Why it could not be given up when that was tried last.
    pub not_safe: Option<&'a str>,
    /// When to try again, in time since boot.
    pub retry_at: Option<Duration>,
}

/// A replacement that is needed and has not begun.
#[derive(Clone, Debug)]
pub struct Needed {
    pub policy: ReplacementPolicy,
    /// When the new address or ASN will have held long enough, in time since boot; `Ok`: it has.
    pub held: Result<(), Option<Duration>>,
    pub only_asn: bool,
    /// A person has moved the customer gateway on purpose, and the device has not followed yet.
    pub ahead: Option<Ahead>,
    /// What a person decided about this very change; the device has not changed since.
    pub decided: Option<&'static str>,
    /// A write of the registration has no outcome yet.
    pub write_is_open: bool,
    /// The window is closed, and when it opens in time since boot.
    pub closed: Option<(String, Option<Duration>)>,
    /// This reading of the cloud led to an attempt already.
    pub tried: bool,
    /// What refused at the last attempt.
    pub refused: Option<Refused>,
    /// Where that was the cloud's answer to the first write: not before then, in time since boot, is it asked again.
    pub again_at: Option<Duration>,
}

/// What speaks against the plan. Where a person planned the move, what is still as it was does not.
pub fn contradicts(plan: &ReplacementPlan, seen: Seen) -> bool {
    let as_before = |is_so: &dyn Fn(&crate::model::GatewayRef) -> bool| plan.planned && plan.old.iter().any(is_so);
    let another_ip = seen.ip.is_some_and(|ip| ip != plan.new.ip && !as_before(&|old| old.ip == ip));
    let another_asn = seen.asn.is_some_and(|asn| plan.new.asn != Some(asn) && !as_before(&|old| old.asn == Some(asn)));
    another_ip || another_asn
}

/// A reading that fails says nothing: then what had settled counts.
pub fn fit(plan: &ReplacementPlan, settled: Seen, current: Seen) -> Fit {
    let (settled_otherwise, reads_otherwise) = (contradicts(plan, settled), contradicts(plan, current));
    match (settled_otherwise, reads_otherwise, current.ip.is_some()) {
        (false, false, _) => Fit::Fits,
        (false, true, _) | (true, false, true) => Fit::Unsettled,
        (true, true, _) | (true, false, false) => Fit::Another,
    }
}

pub fn of_open(open: &Open<'_>, now: Duration) -> Course {
    let is_due = open.retry_at.is_none_or(|at| at <= now);
    let later = |why: &str| Course::Wait(Wait { until: format!("another try: {why}"), gate: None, at: open.retry_at });
    match (open.fit, open.stopped) {
        (Fit::Another, _) if open.not_safe.is_none() && is_due => Course::GiveUp,
        // Without a word of when, nothing would wake for it before the next poll.
        (Fit::Another, _) if open.not_safe.is_none() => later("it is for something that the device no longer is, and is given up"),
        (_, Some(stopped)) if stopped.passes || stopped.reason == CHANGED_AGAIN => match open.fit {
            Fit::Unsettled if stopped.reason == CHANGED_AGAIN => waits_for("what the device has now to settle"),
            fit if is_due => Course::CarryOn { resume: fit == Fit::Fits && stopped.reason == CHANGED_AGAIN },
            _ => later(open.not_safe.unwrap_or(&stopped.message)),
        },
        (_, Some(stopped)) => waits_for(&format!("a person (`sudo cgwd replace --resume` or `--abort`): {}", stopped.message)),
        (_, None) if is_due => Course::CarryOn { resume: false },
        (_, None) => later(open.not_safe.unwrap_or("the last one broke off")),
    }
}

pub fn of_needed(needed: &Needed, now: Duration) -> Course {
    match (needed.policy, &needed.ahead) {
        (ReplacementPolicy::Alert, _) => Course::Rest,
        (_, Some(ahead)) => waits_for(&ahead.waits_for()),
        (ReplacementPolicy::Guided, None) => waits_for("a person: `sudo cgwd replace`"),
        (ReplacementPolicy::Auto, None) => by_itself(needed, now),
    }
}

fn by_itself(needed: &Needed, now: Duration) -> Course {
    if needed.only_asn {
        return refuses(
            "planned",
            "only the ASN changes, so tunnels that work would be interrupted: `sudo cgwd replace --planned` says that they may",
            None,
        );
    }
    if let Some(decided) = needed.decided {
        return refuses(
            "planned",
            &format!("{decided}, and this device has not changed since: `sudo cgwd replace` does it all the same"),
            None,
        );
    }
    if let Err(at) = needed.held {
        return Course::Wait(Wait { until: "the new address to hold for `[replacement] settle`".to_owned(), gate: None, at });
    }
    if needed.write_is_open {
        return waits_for("the outcome of an earlier write");
    }
    if let Some((why, opens)) = &needed.closed {
        return refuses("window", why, opens.map(|opens| opens.max(now)));
    }
    let not_yet = needed.again_at.filter(|at| *at > now);
    match (&needed.refused, not_yet) {
        (Some(refused), Some(at)) => return refuses(&refused.gate, &refused.detail, Some(at)),
        (None, Some(at)) => return Course::Wait(Wait { until: "another try".to_owned(), gate: None, at: Some(at) }),
        (_, None) => {}
    }
    match &needed.refused {
        _ if !needed.tried => Course::Begin,
        Some(refused) => refuses(&refused.gate, &refused.detail, None),
        None => waits_for("the next look at the cloud"),
    }
}

fn waits_for(until: &str) -> Course {
    Course::Wait(Wait { until: until.to_owned(), gate: None, at: None })
}

fn refuses(gate: &str, detail: &str, at: Option<Duration>) -> Course {
    let refused = Refused { gate: gate.to_owned(), detail: detail.to_owned() };
    Course::Wait(Wait { until: format!("the gate {gate}: {detail}"), gate: Some(refused), at })
}

/// Whether two texts say the same but for what differs each time: counts, times, request ids.
pub fn says_the_same(one: &str, other: &str) -> bool {
    let words = |text: &str| -> Vec<String> {
        let plain = text.split_whitespace().filter(|word| !word.contains(|letter: char| letter.is_ascii_digit()));
        plain.map(str::to_owned).collect()
    };
    words(one) == words(other)
}

/// A pause that grows while nothing helps.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    first: Duration,
    most: Duration,
    failures: u32,
    /// In time since boot.
    pub at: Option<Duration>,
}

impl Retry {
    pub fn growing(first: Duration, most: Duration) -> Retry {
        Retry { first, most, failures: 0, at: None }
    }

    pub fn failed(&mut self, now: Duration) {
        self.at = Some(now + self.first.saturating_mul(1 << self.failures.min(16)).min(self.most));
        self.failures = self.failures.saturating_add(1);
    }

    pub fn helped(&mut self) {
        *self = Retry::growing(self.first, self.most);
    }

    pub fn is_due(&self, now: Duration) -> bool {
        self.at.is_none_or(|at| at <= now)
    }
}

/// What plans were refused for that the first write ended: each leaves a record on disk, so the next one is made after a pause.
#[derive(Clone, Debug)]
pub struct Refusals {
    /// After what a person has to mend.
    lasting: Retry,
    /// After what may be over in seconds.
    passing: Retry,
    last: Option<Refused>,
    of: Option<Wants>,
}

/// The address and the ASN that a plan was for.
type Wants = (Ipv4Addr, Option<Asn>);

impl Refusals {
    pub fn new(lasting: Retry, passing: Retry) -> Refusals {
        Refusals { lasting, passing, last: None, of: None }
    }

    pub fn refused(&mut self, refused: Refused, of: Wants, now: Duration) {
        if self.of != Some(of) {
            self.forget();
        }
        // A full quota, and a right that is missing: the cloud says so until somebody has done something about it.
        let (pause, other) = match LASTING.contains(&refused.gate.as_str()) {
            true => (&mut self.lasting, &mut self.passing),
            false => (&mut self.passing, &mut self.lasting),
        };
        pause.failed(now);
        other.helped();
        (self.last, self.of) = (Some(refused), Some(of));
    }

    /// Something else has refused since, before anything was written.
    pub fn superseded(&mut self) {
        self.last = None;
    }

    pub fn forget(&mut self) {
        (self.last, self.of) = (None, None);
        self.lasting.helped();
        self.passing.helped();
    }

    /// Whether they say nothing of what is wanted now. An ASN that is not wanted carries over, so it may be any.
    pub fn are_of_another(&self, (ip, asn): Wants) -> bool {
        self.of.is_some_and(|(of_ip, of_asn)| of_ip != ip || asn.is_some_and(|asn| of_asn != Some(asn)))
    }

    pub fn last(&self) -> Option<&Refused> {
        self.last.as_ref()
    }

    /// Not before then, in time since boot, is it tried again.
    pub fn at(&self) -> Option<Duration> {
        self.lasting.at.or(self.passing.at)
    }
}

const LASTING: [&str; 2] = ["quota", "rights"];

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
