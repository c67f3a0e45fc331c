//! The daemon carries replacements out: by itself where the policy says so, for the person who asks, and on from where an
//! earlier process left off.
//!
//! ```text
//!  what is known ─► policy ─► course ─► job (beside the loop) ─► notices, ending ─► alerts, status, who watches
//! ```
//!
//! `policy` decides and is pure; `task` does one job at a time; `jobs` starts it and takes in how it ended; `asked` is what a
//! person wants; `document` has the JSON.

mod asked;
pub mod document;
mod jobs;
pub mod policy;
pub mod show;
pub mod task;
pub mod timeline;

use self::document::Drafted;
use self::policy::{Course, Needed, Open, Refusals, Refused, Retry, Seen, fit, of_needed, of_open};
use self::task::JobKind;
use super::conditions::replacement::{Ahead, Replaced, down, leftover};
use super::control::Replace;
use super::{CloudReport, Daemon, Examined, SOON};
use crate::execute::replacement::{Agreed, Kept};
use crate::journal::record::Record;
use crate::journal::replay::PastReplacement;
use crate::journal::store::NEVER_PRUNED;
use crate::journal::{Journal, JournalError, Progress};
use crate::model::{Asn, ReplacementOutcome, Settings, Stopped, Timestamp};
use crate::observe::{Change, Settle};
use crate::plan::DecisionKind;
use crate::system::wake::since_boot;
use crate::system::zone::Zone;
use serde_json::Value;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Bounds of the pause before something that stopped for a reason that passes is tried again.
const RETRY_FIRST: Duration = Duration::from_secs(30);
const RETRY_MOST: Duration = Duration::from_secs(600);
/// A full quota, or a right that is missing, is a person's to mend.
const AGAIN_FIRST: Duration = Duration::from_secs(300);
/// The tunnels do not depend on what was left behind.
const LEFTOVER_MOST: Duration = Duration::from_secs(6 * 3600);
/// So many starts without progress, and going on by itself has not helped (reliability.md 2, fault 56).
const STARTS: usize = 5;

/// What the daemon keeps about replacements beside the journal.
pub struct Replacing {
    /// What this device is at this moment: looked at before each step that interrupts.
    seen: Rc<Cell<Seen>>,
    /// The registered address and ASN, or what has held for `[replacement] settle` since.
    held: Settle<(IpAddr, Option<Asn>)>,
    held_until: Option<Duration>,
    course: Course,
    /// The open replacement that an earlier process left, until that is told.
    found: Option<String>,
    /// The plan whose beginning was told.
    told: Option<String>,
    /// The last one has ended, and the process that ended it did so before it told.
    untold_end: bool,
    /// Connections whose move was told.
    moved: BTreeSet<String>,
    retry: Retry,
    refusals: Refusals,
    not_safe: Option<String>,
    refused: Option<Refused>,
    /// The visit to the cloud on whose word something was tried last.
    tried: u64,
    /// The first visit that saw the cloud as the last replacement has left it.
    counts_from: u64,
    /// As it was told: what differs each time in the words is no news.
    stopped: Option<Stopped>,
    leftover: Retry,
    why_left: BTreeMap<String, Kept>,
    gone: Vec<String>,
    /// What broke off, where no record says so.
    failed: Option<Stopped>,
    job: Option<JobKind>,
    /// The job gives up for somebody who waits for just that.
    asked_to_end: bool,
    /// When the job that runs was begun, in time since boot.
    began: Option<Duration>,
    agreed: Rc<Agreed>,
    /// What happens at this moment, in words.
    now: Option<String>,
    drafted: Option<Drafted>,
    queue: VecDeque<(Replace, mpsc::Sender<Value>)>,
    watchers: Vec<mpsc::Sender<Value>>,
    wake: Option<Duration>,
}

impl Replacing {
    pub fn new(settings: &Settings, progress: &Progress) -> Replacing {
        let open = progress.replacements.open.as_ref().map(|open| open.plan.id.clone());
        let registered = progress.registered.as_ref().map(|known| (known.ip, known.asn.filter(|_| settings.bgp.is_some())));
        Replacing {
            seen: Rc::default(),
            held: Settle::restored(registered),
            held_until: None,
            course: Course::Rest,
            found: open.clone(),
            told: open.or_else(|| progress.replacements.last.as_ref().map(|last| last.progress.plan.id.clone())),
            untold_end: false,
            moved: BTreeSet::new(),
            retry: Retry::growing(RETRY_FIRST, RETRY_MOST),
            refusals: Refusals::new(Retry::growing(AGAIN_FIRST, LEFTOVER_MOST), Retry::growing(RETRY_FIRST, RETRY_MOST)),
            not_safe: None,
            refused: None,
            tried: 0,
            counts_from: 0,
            stopped: None,
            leftover: Retry::growing(RETRY_FIRST, LEFTOVER_MOST),
            why_left: BTreeMap::new(),
            gone: Vec::new(),
            failed: None,
            job: None,
            asked_to_end: false,
            began: None,
            agreed: Rc::default(),
            now: None,
            drafted: None,
            queue: VecDeque::new(),
            watchers: Vec::new(),
            wake: None,
        }
    }

    /// Looks in the journal whether the end of the last one was told.
    pub fn with_untold_end(self, journal: &Journal) -> Replacing {
        let untold_end = match untold_end(journal) {
            Ok(untold) => untold,
            Err(error) => {
                tracing::debug!(error = super::with_causes(&error), "the journal cannot be read");
                false
            }
        };
        Replacing { untold_end, ..self }
    }

    pub fn wake(&self) -> Option<Duration> {
        self.wake
    }

    /// Whether a visit saw the cloud as the last replacement has left it.
    pub fn counts(&self, report: &CloudReport) -> bool {
        report.number >= self.counts_from
    }

    /// What was read before counts for nothing: the time does not run on.
    pub fn distrust(&mut self, settings: &Settings) {
        self.held.observe(None, since_boot(), settings.replacement.settle);
    }

    /// Another configuration: what refused may be otherwise.
    pub fn forget_refusals(&mut self) {
        self.refused = None;
        self.tried = 0;
        self.refusals.forget();
    }
}

impl Daemon {
    /// What there is to do about replacing; before anything is told, since it can be worth an alert.
    pub(super) fn judge_replacement(&mut self, examined: &Examined) {
        let current = self.seen_now(examined);
        self.replacing.seen.set(current);
        self.hold(examined);
        if self.is_not_needed() || self.was_refused_for_another() {
            self.replacing.refusals.forget();
        }
        self.note_found();
        self.tell_untold_end();
        self.replacing.course = self.course(current);
        self.look_when_held(examined.address.is_none());
        self.replacing.refused = match &self.replacing.course {
            Course::Wait(wait) => self.told_before(wait.gate.clone()),
            Course::Rest | Course::CarryOn { .. } | Course::GiveUp | Course::Begin => None,
        };
        let stopped = self.state.progress(|progress| progress.replacements.open.as_ref().and_then(|open| open.stopped.clone()));
        let stopped = stopped.or_else(|| self.replacing.failed.clone());
        self.replacing.stopped = stopped.map(|stopped| match self.replacing.stopped.take() {
            Some(told) if is_no_news(&told, &stopped) => told,
            _ => stopped,
        });
    }

    /// The same gate with the same words but for its counts and times.
    fn told_before(&self, refused: Option<Refused>) -> Option<Refused> {
        let refused = refused?;
        let told = self
            .replacing
            .refused
            .as_ref()
            .filter(|told| told.gate == refused.gate && policy::says_the_same(&told.detail, &refused.detail));
        Some(told.cloned().unwrap_or(refused))
    }

    fn seen_now(&self, examined: &Examined) -> Seen {
        let ip = examined.address.as_ref().and_then(|address| ipv4(address.value));
        Seen { ip, asn: self.asn_reading(examined).flatten() }
    }

    fn settled(&self) -> Seen {
        Seen { ip: self.address.settled().copied().and_then(ipv4), asn: self.asn.settled().copied().flatten() }
    }

    /// How long what is read has been so. A silent source of the ASN changes nothing.
    fn hold(&mut self, examined: &Examined) {
        let settle = self.settings.replacement.settle;
        let asn = self.asn_reading(examined).unwrap_or_else(|| self.asn.settled().copied().flatten());
        let reading = examined.address.as_ref().map(|address| (address.value, asn));
        let taken = examined.address.as_ref().map_or_else(since_boot, |address| address.taken);
        let taken = examined.asn_taken.map_or(taken, |asn| asn.min(taken));
        self.replacing.held_until = match self.replacing.held.observe(reading, taken, settle) {
            Change::Noticed { until, .. } | Change::Waiting { until } => Some(until),
            Change::Unchanged | Change::Settled { .. } | Change::Reverted { .. } => None,
        };
    }

    /// A candidate holds only where it is read again when its time is over.
    fn look_when_held(&mut self, silent: bool) {
        let Course::Wait(wait) = &self.replacing.course else { return };
        let Some(at) = wait.at.filter(|at| Some(*at) == self.replacing.held_until) else { return };
        let at = if silent { self.after_silence(at) } else { at };
        self.settles_at = Some(self.settles_at.map_or(at, |settles| settles.min(at)));
    }

    fn course(&self, current: Seen) -> Course {
        if self.watch_only().is_some() {
            return Course::Rest;
        }
        let now = since_boot();
        let settled = self.settled();
        let open = self
            .state
            .progress(|progress| progress.replacements.open.as_ref().map(|open| (open.stopped.clone(), fit(&open.plan, settled, current))));
        match open {
            Some((stopped, fit)) => of_open(
                &Open { stopped: stopped.as_ref(), fit, not_safe: self.replacing.not_safe.as_deref(), retry_at: self.replacing.retry.at },
                now,
            ),
            None => self.needed(current).map_or(Course::Rest, |needed| of_needed(&needed, now)),
        }
    }

    /// The last word of the cloud is that nothing is to be replaced.
    fn is_not_needed(&self) -> bool {
        let report = self.cloud.report.as_ref().filter(|report| self.replacing.counts(report));
        let registration = report.and_then(|report| report.result.as_ref().ok()).and_then(Option::as_ref);
        registration.is_some_and(|registration| registration.decision.kind != DecisionKind::Replace)
    }

    /// What was refused is not what this device is by the last look at the cloud.
    fn was_refused_for_another(&self) -> bool {
        let wanted = self.cloud.report.as_ref().and_then(|report| report.wanted.as_ref());
        wanted.is_some_and(|wanted| self.replacing.refusals.are_of_another((wanted.ip, wanted.asn)))
    }

    /// `None` while the last word of the cloud is not that something is to be replaced.
    fn needed(&self, current: Seen) -> Option<Needed> {
        let report = self.cloud.report.as_ref().filter(|report| self.replacing.counts(report))?;
        let registration = report.result.as_ref().ok()?.as_ref()?;
        let wanted = report.wanted.as_ref()?;
        let is_current = self.cloud.looked_for.as_ref().is_some_and(|looked| (looked.ip, looked.asn) == (wanted.ip, wanted.asn));
        if registration.decision.kind != DecisionKind::Replace || !is_current {
            return None;
        }
        let is_read = current.ip == Some(wanted.ip) && current.asn.is_none_or(|asn| wanted.asn == Some(asn));
        let has_held = self.replacing.held.settled() == Some(&(IpAddr::V4(wanted.ip), wanted.asn));
        let old = registration.decision.customer_gateway.as_ref();
        Some(Needed {
            policy: self.settings.replacement.policy,
            held: if is_read && has_held { Ok(()) } else { Err(self.replacing.held_until) },
            only_asn: old.is_some_and(|old| old.ip == wanted.ip),
            ahead: self.state.progress(|progress| moved_by_a_person(progress, wanted.ip, wanted.asn)),
            decided: self.state.progress(|progress| decided_by_a_person(progress, wanted.ip, wanted.asn)),
            write_is_open: self.state.progress(|progress| progress.pending.is_some()),
            closed: self.closed_window(),
            tried: self.replacing.tried == report.number,
            refused: self.replacing.refusals.last().cloned().or_else(|| self.replacing.refused.clone()),
            again_at: self.replacing.refusals.at(),
        })
    }

    fn closed_window(&self) -> Option<(String, Option<Duration>)> {
        let window = self.settings.replacement.window.as_ref()?;
        let now = self.clock.now();
        let zone = match Zone::of_this_device() {
            Ok(zone) => zone,
            Err(error) => return Some((format!("{window} cannot be judged: {}", super::with_causes(&error)), None)),
        };
        let local = zone.local(now);
        if window.allows(local) {
            return None;
        }
        let opens = window.next_opening(local);
        let wait = opens.and_then(|opens| zone.instant(opens)).map(|at| Duration::try_from(at.duration_since(now)).unwrap_or_default());
        let words =
            opens.map_or_else(|| format!("{window} is closed"), |opens| format!("{window} is closed; it opens at {opens} (local time)"));
        Some((words, wait.map(|wait| since_boot() + wait)))
    }

    /// A replacement that an earlier process left: told, and stopped where going on has not helped again and again.
    fn note_found(&mut self) {
        if self.watch_only().is_some() {
            return;
        }
        let Some(plan) = self.replacing.found.take() else { return };
        let open = self.state.progress(|progress| progress.replacements.open.as_ref().map(|open| (open.seq, open.stopped.clone())));
        let Some((seq, stopped)) = open else { return };
        if stopped.is_some_and(|stopped| !stopped.passes && stopped.reason != policy::CHANGED_AGAIN) {
            return;
        }
        if self.starts_without_progress(seq) >= STARTS {
            let stopped = Stopped {
                reason: "no_progress".to_owned(),
                message: format!("{STARTS} starts of cgwd brought it no further"),
                remedy: "see in the journal why cgwd ends again and again, then `sudo cgwd replace --resume`".to_owned(),
                step: None,
                passes: false,
            };
            return self.journal(Record::ReplacementStopped { plan, stopped });
        }
        let message = format!("replacement {plan} was interrupted; it goes on from the journal");
        let fields = crate::alert::raise::Fields { plan_id: Some(plan.clone()), ..self.fields() };
        self.occur("replacement.interrupted", &plan, message, fields);
    }

    fn tell_untold_end(&mut self) {
        if !std::mem::take(&mut self.replacing.untold_end) || self.watch_only().is_some() {
            return;
        }
        let how = self.state.progress(|progress| {
            let last = progress.replacements.last.as_ref()?;
            Some((last.outcome, last.progress.turned.clone().unwrap_or_default()))
        });
        match how {
            Some((ReplacementOutcome::Done, _)) => self.tell_done(),
            Some((ReplacementOutcome::RolledBack, why)) => self.tell_rolled_back(&why),
            Some((ReplacementOutcome::Abandoned, _)) | None => {}
        }
    }

    /// Each start leaves a told interruption; what the cloud was seen to do since wipes them out.
    fn starts_without_progress(&self, seq: i64) -> usize {
        let entries = match self.state.journal().borrow().entries_after(seq) {
            Ok(entries) => entries,
            Err(error) => {
                tracing::debug!(error = super::with_causes(&error), "the journal cannot be read");
                return 0;
            }
        };
        let since = entries.iter().rev().take_while(|entry| !is_progress(&entry.record));
        since.filter(|entry| matches!(&entry.record, Record::AlertOccurred { alert } if alert.code == "replacement.interrupted")).count()
    }

    /// What the conditions are judged by.
    pub(super) fn replaced(&self) -> Replaced {
        let (plan, down, left) = self.state.progress(|progress| {
            let open = progress.replacements.open.as_ref();
            (open.map(|open| open.plan.id.clone()), open.map(down).unwrap_or_default(), leftover(&progress.replacements))
        });
        let wanted = self.cloud.report.as_ref().and_then(|report| report.wanted.as_ref());
        let ahead = wanted.and_then(|wanted| self.state.progress(|progress| moved_by_a_person(progress, wanted.ip, wanted.asn)));
        let is_late = self.cloud.report.as_ref().is_some_and(|report| !self.replacing.counts(report));
        Replaced {
            changes_the_cloud: plan.is_some() || is_late,
            plan,
            policy: self.settings.replacement.policy,
            ahead,
            stopped: self.replacing.stopped.clone(),
            refused: self.replacing.refused.clone(),
            down,
            leftover: left.into_iter().map(|id| (id.clone(), self.replacing.why_left.get(&id).cloned())).collect(),
            gone: self.replacing.gone.clone(),
        }
    }

    /// Whether a replacement is open: then nothing but it writes to the cloud.
    pub(super) fn replacement_is_open(&self) -> bool {
        self.state.progress(|progress| progress.replacements.open.is_some())
    }

    /// The earliest moment at which there is something to do, or to tell, though nothing happens.
    pub(super) fn replacement_wake(&self, now: Timestamp) -> Option<Duration> {
        let course = match &self.replacing.course {
            Course::Wait(wait) if self.background.job_kind().is_none() => wait.at.filter(|at| Some(*at) != self.replacing.held_until),
            _ => None,
        };
        let since_now = |at: Timestamp| since_boot() + Duration::try_from(at.duration_since(now)).unwrap_or_default();
        let down = self.replaced().down.into_iter().filter(|down| !down.is_long(now)).map(|down| since_now(down.is_long_at())).min();
        let leftover = self.replacing.leftover.at.filter(|_| self.has_leftover());
        let wake = [course, down, leftover].into_iter().flatten().min();
        wake.map(|at| at.max(since_boot() + SOON))
    }

    fn has_leftover(&self) -> bool {
        self.state.progress(|progress| !leftover(&progress.replacements).is_empty())
    }
}

/// Whether the last replacement has an end that no alert tells. What lies so far back that its alert can have been pruned was told.
fn untold_end(journal: &Journal) -> Result<bool, JournalError> {
    let Some((seq, plan)) = journal.progress().replacements.last.as_ref().map(|last| (last.seq, last.progress.plan.id.clone())) else {
        return Ok(false);
    };
    let later = journal.entries_after(seq)?;
    let tells = |record: &Record| {
        matches!(record, Record::AlertOccurred { alert }
            if alert.key == plan && ["replacement.done", "replacement.rolled_back"].contains(&alert.code.as_str()))
    };
    Ok(later.len() < NEVER_PRUNED && !later.iter().any(|entry| tells(&entry.record)))
}

/// Only the words that differ each time do.
fn is_no_news(told: &Stopped, stopped: &Stopped) -> bool {
    let matter = |stopped: &Stopped| (stopped.reason.clone(), stopped.step.clone(), stopped.passes);
    matter(told) == matter(stopped) && policy::says_the_same(&told.message, &stopped.message)
}

fn is_progress(record: &Record) -> bool {
    matches!(
        record,
        Record::WriteDone { .. }
            | Record::WriteConcluded { .. }
            | Record::StepProven { .. }
            | Record::VerificationBegan { .. }
            | Record::ReplacementTurned { .. }
            | Record::ReplacementResumed { .. }
    )
}

/// What a person decided about what the device is now, where it has been that since before. The daemon itself gives a plan up
/// only for another address or ASN.
fn decided_by_a_person(progress: &Progress, ip: Ipv4Addr, asn: Option<Asn>) -> Option<&'static str> {
    let last = last_while_unchanged(progress)?;
    let plan = &last.progress.plan;
    let is_same = plan.new.ip == ip && asn.is_none_or(|asn| plan.new.asn == Some(asn));
    let is_given_up = last.outcome == ReplacementOutcome::Abandoned && !last.by_itself;
    (is_same && is_given_up).then_some("this replacement was given up before")
}

/// Where a person has moved the customer gateway, before the device that is still what it was.
pub(super) fn moved_by_a_person(progress: &Progress, ip: Ipv4Addr, asn: Option<Asn>) -> Option<Ahead> {
    let last = last_while_unchanged(progress).filter(|last| last.outcome == ReplacementOutcome::Done)?;
    let plan = &last.progress.plan;
    if !plan.planned || !plan.old.iter().any(|old| old.ip == ip) {
        return None;
    }
    let words = |asn: Option<Asn>| asn.map_or_else(|| "no ASN".to_owned(), |asn| format!("ASN {asn}"));
    Some(match plan.new.ip == ip {
        true => Ahead { to: words(plan.new.asn), has: words(asn) },
        false => Ahead { to: plan.new.ip.to_string(), has: ip.to_string() },
    })
}

/// The last replacement, where the device has been the same since.
fn last_while_unchanged(progress: &Progress) -> Option<&PastReplacement> {
    let address_since = progress.address.as_ref().map(|settled| settled.at);
    let asn_since = progress.asn.as_ref().map(|settled| settled.at);
    progress.replacements.last.as_ref().filter(|last| address_since.max(asn_since).is_some_and(|since| since <= last.ended))
}

fn ipv4(address: IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V4(ip) => Some(ip),
        IpAddr::V6(_) => None,
    }
}
