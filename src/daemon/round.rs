//! One round: look at what is known, tell what has changed, act where that is allowed, say how things stand.

use super::background::CloudTask;
use super::want::{Wanted, wanted};
use super::{CloudReport, Daemon, Examined, examine, instants, with_causes};
use crate::alert::raise::Fields;
use crate::cloud::error::Retry;
use crate::execute::{ExecuteError, Registration};
use crate::facts::findings::{ADDRESS_AMBIGUOUS, ADDRESS_DISAGREEMENT};
use crate::journal::Record;
use crate::model::{Asn, Finding, Worked};
use crate::observe::Change;
use crate::plan::DecisionKind;
use crate::system::wake::{Jump, since_boot};
use crate::validate;
use std::net::IpAddr;
use std::time::Duration;

/// Between two reads of the cloud while all is well: one read in five minutes, spread so that a fleet does not ask at once.
const STEADY: Duration = Duration::from_secs(300);
const STEADY_SPREAD: Duration = Duration::from_secs(60);
/// Bounds of the pause after a failed visit.
const RETRY_FIRST: Duration = Duration::from_secs(5);
const RETRY_MOST: Duration = Duration::from_secs(300);

/// Bounds of the pause after a final refusal.
const REFUSED_FIRST: Duration = Duration::from_secs(60);
const REFUSED_MOST: Duration = Duration::from_secs(3600);

impl Daemon {
    /// Cheap, and never waits: everything slow was started earlier and reports back.
    pub(super) fn round(&mut self) {
        let now = self.clock.now();
        self.notice_jumps();
        self.ask_if_due();
        self.refresh_cloud();
        let Some(examined) = self.examine() else {
            self.cloud.wake = None;
            return self.stay_alive();
        };
        self.settle(&examined);
        self.judge_replacement(&examined);
        let wanted = self.wanted(&examined);
        self.visit_cloud(&examined, wanted.as_ref());
        let looks = self.is_trusted() && (wanted.is_some() || self.must_locate() || self.must_probe());
        self.cloud.wake = self.cloud.next.filter(|_| looks && !self.background.cloud_is_busy());
        self.tell(&examined, now);
        self.note_decision(&examined);
        self.replace(&examined);
        self.publish(&examined, now);
        self.answer_refreshes();
        self.stay_alive();
    }

    /// What the last visit found, told as the process ends.
    pub(super) fn tell_of_the_end(&mut self) {
        let Some(examined) = self.examine() else { return };
        self.tell(&examined, self.clock.now());
        self.note_decision(&examined);
    }

    fn notice_jumps(&mut self) {
        let Some(jump) = self.clock_watch.observe(instants(&self.clock)) else { return };
        let message = match jump {
            Jump::Suspended(slept) => format!("the device slept for {} s", slept.as_secs()),
            Jump::Wall(by) => format!("the wall clock jumped by {} s", by.as_secs()),
        };
        self.occur("clock.jumped", "clock", message, Fields::default());
        // What was read before may no longer be so: a pause in the readings, then fresh ones.
        self.address.observe(None, since_boot(), self.settings.address.settle);
        self.asn.observe(None, since_boot(), self.settings.address.settle);
        self.replacing.distrust(&self.settings);
        self.distrust_sources();
        self.look_again();
    }

    /// `None` until every source was asked once.
    fn examine(&self) -> Option<Examined> {
        let observed = self.observed.as_ref()?;
        Some(examine(observed, &self.settings, self.asn.settled().copied().flatten()))
    }

    /// Tells a change at once, and keeps it once it has held.
    fn settle(&mut self, examined: &Examined) {
        let now = since_boot();
        let hold = self.settings.address.settle;
        let source = examined.address.as_ref().map(|address| address.source.clone()).unwrap_or_default();
        let told = (self.address.candidate().copied(), self.asn.candidate().copied());
        let taken = examined.address.as_ref().map_or(now, |address| address.taken);
        let address = self.address.observe(examined.address.as_ref().map(|address| address.value), taken, hold);
        let asn_reading = self.asn_reading(examined);
        let asn_source = examined.asn.as_ref().map(|asn| asn.source.clone()).unwrap_or_default();
        let silent = examined.address.is_none() || asn_reading.is_none();
        let asn = self.asn.observe(asn_reading, examined.asn_taken.unwrap_or(now), hold);
        let settles_at = [waits_until(&address), waits_until(&asn)].into_iter().flatten().min();
        self.settles_at = settles_at.map(|at| if silent { self.after_silence(at) } else { at });
        self.take_address_change(address, &source, told.0);
        self.take_asn_change(asn, &asn_source, told.1);
    }

    /// `None`: the source is silent, and the configuration does not say it either.
    pub(super) fn asn_reading(&self, examined: &Examined) -> Option<Option<Asn>> {
        match (&self.settings.bgp, &examined.asn) {
            (None, _) => Some(None),
            (Some(_), Some(attested)) if !examined.asn_unknown || attested.source == validate::CONFIG => Some(Some(attested.asn)),
            (Some(_), _) => None,
        }
    }

    /// What should be registered: the settled values, while nothing that is read now speaks against them.
    fn wanted(&self, examined: &Examined) -> Option<Wanted> {
        let settled = self.address.settled().copied()?;
        let asn = self.asn.settled().copied()?;
        let current = examined.address.as_ref().map(|address| address.value);
        // A reading that waits to settle is judged once it has; one that failed changes nothing.
        if current != Some(settled) {
            return self.cloud.looked_for.clone().filter(|wanted| IpAddr::V4(wanted.ip) == settled);
        }
        let source = examined.address.as_ref().map(|address| address.source.as_str()).unwrap_or_default();
        wanted(Some(settled), &format!("{source}, settled"), asn, &examined.findings)
    }

    /// What a person who waits for the next visit sees and means, where it has not settled. It makes nothing settled: a replacement
    /// waits for what has held, whoever asks for a registration meanwhile.
    fn word(&self, examined: &Examined, wanted: Option<&Wanted>) -> Option<Wanted> {
        let read = examined.address.as_ref().filter(|_| self.is_waited_for())?;
        let asn = self.asn_reading(examined).or(self.asn.settled().copied())?;
        let word = super::want::wanted(Some(read.value), &format!("{}, seen now", read.source), asn, &examined.findings)?;
        Some(word).filter(|word| !is_for(wanted, word))
    }

    /// Looks at the cloud when it is time, and when what is wanted has changed.
    fn visit_cloud(&mut self, examined: &Examined, wanted: Option<&Wanted>) {
        let unusable = examined.findings.iter().any(Finding::is_error);
        if wanted.is_none() && unusable && examined.address.is_some() {
            self.cloud.looked_for = None;
        }
        let due = self.cloud.next.is_none_or(|next| next <= since_boot());
        let word = self.word(examined, wanted);
        let by_word = word.is_some();
        let changed = match wanted {
            _ if by_word => true,
            Some(wanted) => !is_for(self.cloud.looked_for.as_ref(), wanted),
            None if self.must_locate() || self.must_probe() => false,
            None => return,
        };
        if self.background.cloud_is_busy() || !(due || changed) || !self.is_trusted() {
            return;
        }
        let located = self.cloud.report.as_ref().map(|report| report.located.clone()).filter(|located| located.region.is_some());
        if let Some(wanted) = wanted.filter(|_| !by_word) {
            self.cloud.looked_for = Some(wanted.clone());
        }
        self.background.visit_cloud(CloudTask {
            settings: self.settings.clone(),
            generation: self.cloud.generation,
            wanted: word.or_else(|| wanted.cloned()),
            by_word,
            located,
            // Also while what is read now is unusable or unknown, and what was settled before still counts.
            watch_only: self.watch_only().is_some() || unusable || self.replacement_is_open() || self.background.job_kind().is_some(),
            probe: wanted.is_none() && !by_word && !self.must_locate(),
            tunnels: self.cloud.tunnels.are_due(since_boot()),
        });
    }

    /// Nothing is wanted, and what stands about the cloud has to be able to end: go on looking at the usual pace.
    fn must_probe(&self) -> bool {
        let about_the_cloud = |code: &str| ["cloud.unreachable", "cloud.refused", "clock.skew"].contains(&code);
        self.cloud.report.is_some() || self.book.standing().any(|standing| about_the_cloud(standing.alert.event.code))
    }

    /// Every source was asked since the device slept or its clock was set.
    fn is_trusted(&self) -> bool {
        self.asking.is_over(self.trusted_from)
    }

    /// Takes in what a visit to the cloud found.
    pub(super) fn take_report(&mut self, report: CloudReport) {
        self.cloud.last_contact = report.last_contact.or(self.cloud.last_contact);
        self.cloud.seen = report.number;
        if report.generation != self.cloud.generation {
            if let Ok(Some(registration)) = &report.result {
                self.note_done(registration);
            }
            self.cloud.again = false;
            self.cloud.next = None;
            return;
        }
        if !report.located.cloud_addresses.is_empty() {
            self.cloud.addresses.clone_from(&report.located.cloud_addresses);
        }
        for (selector, region) in &report.located.found {
            self.journal_region(selector, region);
        }
        if report.by_word {
            if !is_in_sync(&report) {
                return self.take_word(&report);
            }
            self.cloud.looked_for.clone_from(&report.wanted);
        }
        let pause = match &report.result {
            Ok(Some(Registration { held: Some(hold), .. })) => {
                Duration::try_from(hold.until.duration_since(self.clock.now())).unwrap_or_default().max(RETRY_FIRST)
            }
            Ok(_) => STEADY + STEADY_SPREAD.mul_f64(self.entropy.fraction()),
            Err(error) => {
                self.cloud.failures += 1;
                tracing::debug!(error = with_causes(error), "the visit to the cloud failed");
                let fraction = self.entropy.fraction();
                if is_final(error) { after_a_refusal(self.cloud.failures, fraction) } else { backoff(self.cloud.failures, fraction) }
            }
        };
        if report.result.is_ok() {
            self.cloud.failures = 0;
        }
        self.cloud.next = if std::mem::take(&mut self.cloud.again) { None } else { Some(since_boot() + pause) };
        if let Ok(Some(registration)) = &report.result {
            self.note_done(registration);
        }
        if let Some(shown) = &report.worked {
            self.note_tunnels(shown.clone());
        }
        // A failed visit says nothing new of what an earlier one saw.
        let keep = report.result.is_err() && report.located.region.is_none();
        let located = if keep { self.cloud.report.take().map(|before| before.located) } else { None };
        let located = located.unwrap_or_else(|| report.located.clone());
        self.cloud.report = Some(CloudReport { located, ..report });
        // `route:vpn-gateway` may have learnt where the cloud is.
        self.read_local();
    }

    /// What was not registered at a person's word is for them alone; what has settled is looked at in its own right.
    fn take_word(&mut self, report: &CloudReport) {
        if let Ok(Some(registration)) = &report.result {
            self.note_done(registration);
        }
        self.answer_for(report);
        self.cloud.again = false;
        self.cloud.next = None;
    }

    fn note_tunnels(&mut self, shown: Worked) {
        let kept = self.state.progress(|progress| progress.worked.clone());
        if let Some(worked) = self.cloud.tunnels.take(shown, &kept, since_boot()) {
            self.journal(Record::TunnelsWorked { worked });
        }
    }

    fn note_done(&mut self, registration: &Registration) {
        for step in &registration.done {
            let (code, verb) = match step.action {
                crate::plan::StepAction::CreateCustomerGateway => ("registration.created", "created"),
                _ => ("registration.adopted", "marked as this device's"),
            };
            let id = registration.customer_gateway.as_ref().map_or(step.target.clone(), |gateway| gateway.id.clone());
            let fields =
                Fields { customer_gateway_id: Some(id.clone()), address_new: self.address_text(), asn: self.asn_text(), ..self.fields() };
            self.occur(code, &id, format!("customer gateway {id} was {verb}: {}", step.reason), fields);
        }
    }

    /// The decision as it stands and the reason of a `blocked` one; `None` while nothing new can be said.
    pub(super) fn decision(&self, examined: &Examined) -> Option<(DecisionKind, String)> {
        let first = |findings: &[Finding]| findings.iter().find(|finding| finding.is_error()).map(|finding| finding.message.clone());
        if self.replacement_is_open() {
            return Some((DecisionKind::Replace, String::new()));
        }
        if self.is_refused(examined) {
            return Some((DecisionKind::Blocked, first(&examined.findings).unwrap_or_default()));
        }
        let report = self.cloud.report.as_ref().filter(|report| self.replacing.counts(report))?;
        match &report.result {
            Ok(Some(registration)) if report.wanted.as_ref().is_some_and(|wanted| is_for(self.cloud.looked_for.as_ref(), wanted)) => {
                Some((registration.decision.kind, first(&registration.decision.findings).unwrap_or_default()))
            }
            Ok(None) if report.located.region.is_none() => {
                Some((DecisionKind::Blocked, first(&report.located.findings).unwrap_or_default()))
            }
            Err(error) if is_final(error) && is_of_a_write(error) => Some((DecisionKind::Blocked, error.to_string())),
            _ => None,
        }
    }

    /// What this device is cannot be registered. Sources that contradict one another have to do so for as long as it takes
    /// to be told; one that is silent says nothing.
    fn is_refused(&self, examined: &Examined) -> bool {
        let unusable = examined.findings.iter().any(Finding::is_error);
        if examined.address.is_some() {
            return unusable && self.cloud.looked_for.is_none();
        }
        let told = |code: &str| self.book.standing().any(|standing| standing.alert.event.code == code && standing.told.is_some());
        let is = |code: &str| examined.findings.iter().any(|finding| finding.is_error() && finding.code == code);
        is(ADDRESS_AMBIGUOUS) || is(ADDRESS_DISAGREEMENT) && told("observation.disagreement")
    }

    /// What has settled cannot be registered, so nothing is to be replaced by it.
    pub(super) fn settled_is_unusable(&self, examined: &Examined) -> bool {
        let settled = self.address.settled().copied();
        let current = examined.address.as_ref().map(|address| address.value);
        let asn = examined.asn.as_ref().map(|asn| asn.asn);
        let asn_has_settled = self.asn.settled().copied().flatten() == asn;
        let counts = |finding: &Finding| match finding.code.split_once('.') {
            Some(("address", _)) => true,
            Some(("asn", _)) => asn_has_settled,
            _ => false,
        };
        settled.is_some() && current == settled && examined.findings.iter().any(|finding| finding.is_error() && counts(finding))
    }

    fn note_decision(&mut self, examined: &Examined) {
        let Some((decision, summary)) = self.decision(examined) else { return };
        let known = self.state.progress(|progress| progress.decision.clone());
        if known.as_deref() != Some(decision.name()) {
            self.journal(Record::DecisionChanged { decision: decision.name().to_owned(), summary });
        }
    }

    fn stay_alive(&mut self) {
        let words = self.status.borrow().words();
        let told = if words == self.status_words { self.notify.catch_up() } else { self.notify.status(&words) };
        if told.is_ok() {
            self.status_words = words;
        }
        let interval = self.notify.watchdog_interval();
        self.next_alive = interval.map(|interval| since_boot() + interval);
        let alive = || if interval.is_some() { self.notify.alive() } else { Ok(()) };
        if let Err(error) = told.and_then(|()| alive()) {
            tracing::debug!(%error, "the service manager could not be told");
        }
    }
}

/// The cloud said no, and would say it again: a quota, a right, a parameter.
fn is_final(error: &ExecuteError) -> bool {
    match error {
        ExecuteError::Cloud(cloud) | ExecuteError::Hidden { refusal: cloud, .. } => cloud.retry == Retry::Never && cloud.status != 0,
        _ => false,
    }
}

/// What was wanted is known, and the cloud does not let it be done. A refused read says nothing of that.
fn is_of_a_write(error: &ExecuteError) -> bool {
    match error {
        ExecuteError::Cloud(cloud) => !["Describe", "List"].iter().any(|verb| cloud.action.starts_with(verb)),
        ExecuteError::Hidden { .. } => true,
        _ => false,
    }
}

/// Each try writes two records, and every one of them means the same. A person who mends it need not wait: `cgwd register` and a
/// reload try at once.
fn after_a_refusal(failures: u32, random: f64) -> Duration {
    let step = REFUSED_FIRST.saturating_mul(1 << (failures.max(1) - 1).min(6)).min(REFUSED_MOST);
    step + (step / 4).mul_f64(random)
}

/// Full jitter below an exponentially growing step, and never at once.
fn backoff(failures: u32, random: f64) -> Duration {
    let step = RETRY_FIRST.saturating_mul(1 << failures.min(6)).min(RETRY_MOST);
    RETRY_FIRST + (step - RETRY_FIRST).mul_f64(random)
}

fn waits_until<T>(change: &Change<T>) -> Option<Duration> {
    match change {
        Change::Noticed { until, .. } | Change::Waiting { until } => Some(*until),
        Change::Unchanged | Change::Settled { .. } | Change::Reverted { .. } => None,
    }
}

fn is_in_sync(report: &CloudReport) -> bool {
    let registration = report.result.as_ref().ok().and_then(Option::as_ref);
    registration.is_some_and(|registration| registration.decision.kind == DecisionKind::InSync)
}

fn is_for(looked_for: Option<&Wanted>, wanted: &Wanted) -> bool {
    looked_for.is_some_and(|before| (before.ip, before.asn) == (wanted.ip, wanted.asn))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_tried_again_after_a_minute_and_then_ever_more_rarely() {
        assert_eq!(after_a_refusal(1, 0.0), Duration::from_secs(60));
        for failures in 1..10 {
            assert!(after_a_refusal(failures + 1, 0.0) >= after_a_refusal(failures, 0.0));
            assert!(after_a_refusal(failures, 1.0) <= Duration::from_secs(75 * 60), "a fleet is spread, and never by more than a quarter");
        }
        assert_eq!(after_a_refusal(u32::MAX, 0.0), Duration::from_secs(60 * 60));
        assert!(backoff(1, 1.0) < after_a_refusal(1, 0.0), "what may pass by itself is tried sooner");
    }
}
