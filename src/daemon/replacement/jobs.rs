//! Starts what the course says, and takes in what came of it.

use super::document::{abandoned_json, end_json, ended_json};
use super::policy::{Course, Fit, Refused, fit};
use super::task::{Ending, Job, JobKind, Planned, Tools};
use crate::alert::raise::Fields;
use crate::cloud::error::Retry;
use crate::daemon::replacing::{Wish, evidence, findings_with};
use crate::daemon::want::{Wanted, wanted};
use crate::daemon::{Daemon, Examined, with_causes};
use crate::execute::ExecuteError;
use crate::execute::replacement::{Abandoned, Ended, Kept, Leftover, Word};
use crate::model::{Agreement, Finding, ReplacementPlan, ReplacementPolicy, Stopped};
use crate::plan::Now;
use crate::plan::replacement::{Evidence, SNAPSHOT_READABLE, what_is_unsafe};
use crate::system::wake::since_boot;
use crate::system::zone::Zone;
use serde_json::{Value, json};
use std::net::IpAddr;
use std::rc::Rc;

impl Daemon {
    /// Once everything was told: what a person asked for, else what the course says.
    pub(in crate::daemon) fn replace(&mut self, examined: &Examined) {
        self.serve(examined);
        self.erase_snapshots();
        match self.background.job_kind() {
            Some(JobKind::CarryOn | JobKind::Begin) => self.let_go_where_changed(),
            Some(JobKind::Draft | JobKind::GiveUp | JobKind::Retire) => {}
            None => self.follow_course(examined),
        }
        self.replacing.wake = self.replacement_wake(self.clock.now());
    }

    /// Where a replacement runs, what it may append comes first.
    fn erase_snapshots(&mut self) {
        if self.watch_only().is_some() || self.background.job_kind().is_some() {
            return;
        }
        let erased = self.state.journal().borrow_mut().erase_snapshots(self.clock.now());
        match erased {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "snapshots of replacements that are over were erased"),
            Err(error) => tracing::error!(error = with_causes(&error), "the snapshot of a replacement that is over cannot be erased"),
        }
    }

    fn follow_course(&mut self, examined: &Examined) {
        // While a replacement is open no visit writes; else its writes come first.
        let is_free = self.replacement_is_open() || !self.background.cloud_is_busy();
        if !is_free || !self.replacing.queue.is_empty() {
            return;
        }
        match self.replacing.course.clone() {
            Course::CarryOn { resume } => self.start(Job::CarryOn { resume }),
            Course::GiveUp => self.start(Job::GiveUp(Word::Nobodys)),
            Course::Begin => self.begin_by_itself(examined),
            Course::Rest | Course::Wait(_) => self.retire_leftover(),
        }
    }

    fn begin_by_itself(&mut self, examined: &Examined) {
        let Some(report) = &self.cloud.report else { return };
        let Some(wanted) = report.wanted.clone() else { return };
        self.replacing.tried = report.number;
        let wish = Wish::default();
        let held = format!("{} has held for {} s and longer", wanted.ip, self.settings.replacement.settle.as_secs());
        let evidence = self.evidence(examined, wish, Ok(held), false);
        let planned = Planned { wanted, wish, located: Some(report.located.clone()), evidence };
        self.start(Job::Begin { planned: Box::new(planned), agreed: None });
    }

    fn retire_leftover(&mut self) {
        let may = self.settings.replacement.policy != ReplacementPolicy::Alert && self.watch_only().is_none();
        if !may || !self.replacing.leftover.is_due(since_boot()) {
            return;
        }
        let left = self.state.progress(|progress| {
            let last = progress.replacements.last.as_ref().filter(|_| progress.replacements.open.is_none() && progress.pending.is_none());
            last.filter(|last| !last.leftover.is_empty()).map(|last| (last.progress.plan.region.clone(), last.leftover.clone()))
        });
        if let Some((region, ids)) = left {
            self.start(Job::Retire { region, ids });
        }
    }

    pub(super) fn start(&mut self, job: Job) {
        tracing::debug!(job = ?job.kind(), "a job of the replacement begins");
        self.replacing.job = Some(job.kind());
        self.replacing.began = Some(since_boot());
        let tools = Tools {
            client: self.background.client(),
            journal: Rc::clone(self.state.journal()),
            clock: self.clock.clone(),
            settings: self.settings.clone(),
            environment: self.environment.clone(),
            seen: Rc::clone(&self.replacing.seen),
            notices: self.background.notices(),
            calls: Rc::default(),
            agreed: Rc::clone(&self.replacing.agreed),
        };
        self.background.begin_job(tools, job);
    }

    /// The device has settled on something else: what runs is let go as soon as it can be given up without losing anything. Until
    /// then it goes on, and interrupts nothing new.
    fn let_go_where_changed(&mut self) {
        let (settled, current) = (self.settled(), self.replacing.seen.get());
        let now = Now { wall: self.clock.now(), uptime: self.clock.uptime() };
        let can_go = self.state.progress(|progress| {
            let open = progress.replacements.open.as_ref();
            open.is_some_and(|open| fit(&open.plan, settled, current) == Fit::Another && what_is_unsafe(open, &[], now).is_none())
        });
        if can_go {
            tracing::info!("the device has changed again: the replacement is given up where it is safe");
            self.background.let_go();
        }
    }

    /// What a job's beginning is judged by.
    pub(super) fn evidence(&self, examined: &Examined, wish: Wish, settled: Result<String, String>, by_person: bool) -> Evidence {
        let local = Zone::of_this_device().map(|zone| zone.local(self.clock.now()));
        let mut evidence =
            evidence(&self.settings, settled, self.attested(examined, wish), local.as_ref().copied().unwrap_or_default(), by_person);
        if let (Err(error), true) = (&local, self.settings.replacement.window.is_some()) {
            evidence.window = Some(Err(with_causes(error)));
        }
        evidence
    }

    fn attested(&self, examined: &Examined, wish: Wish) -> Result<String, String> {
        let read = examined.address.as_ref().map(|address| address.value);
        match wish.to {
            Some(to) if read == Some(IpAddr::V4(to)) => {}
            Some(to) if wish.planned => return Ok(format!("{to} is a person's word (`--to`)")),
            Some(to) => {
                let read = read.map_or_else(|| "no address".to_owned(), |read| read.to_string());
                return Err(format!("this device has {read} at this moment; `--planned` says that it is moved to {to}"));
            }
            None => {}
        }
        if let Some(error) = examined.findings.iter().find(|finding| finding.is_error()) {
            return Err(error.message.clone());
        }
        let Some(address) = &examined.address else { return Err("no source gives an address".to_owned()) };
        let agreement = match self.settings.address.agreement {
            Agreement::First => "the first that answers decides".to_owned(),
            Agreement::All => "all agree".to_owned(),
            Agreement::Quorum(needed) => format!("{needed} agree"),
        };
        Ok(format!("{} from {} ({agreement})", address.value, address.source))
    }

    /// A person's word takes the place of what was observed; else what has settled counts.
    pub(super) fn wanted_by(&self, examined: &Examined, wish: Wish) -> Result<Wanted, Vec<Finding>> {
        let asn = self.asn.settled().copied().flatten();
        let findings = findings_with(wish, &self.settings, &examined.findings);
        let read = examined.address.as_ref();
        let (ip, source) = match wish.to {
            Some(to) => (Some(IpAddr::V4(to)), "--to".to_owned()),
            None => (read.map(|read| read.value), read.map(|read| read.source.clone()).unwrap_or_default()),
        };
        wanted(ip, &source, asn, &findings).map(|wanted| wish.apply(&wanted)).ok_or(findings)
    }

    /// How a job ended.
    pub(in crate::daemon) fn take_ending(&mut self, ending: Ending) {
        for notice in self.background.heard_notices() {
            self.take_notice(&notice);
        }
        self.note_begun();
        let millis = self.replacing.began.take().map_or(0, |began| since_boot().saturating_sub(began).as_millis());
        let millis = u64::try_from(millis).unwrap_or(u64::MAX);
        let job = self.replacing.job.take();
        let asked_to_end = std::mem::take(&mut self.replacing.asked_to_end);
        (self.replacing.now, self.replacing.failed) = (None, None);
        match ending {
            Ending::Drafted(drafted) => {
                self.answer(&json!({"draft": drafted.document}));
                self.replacing.drafted = Some(*drafted);
            }
            Ending::Changed(drafted) => {
                self.answer(&json!({"changed": drafted.document}));
                self.replacing.drafted = Some(*drafted);
            }
            Ending::Refused(drafted) => {
                self.answer(&json!({"refused": drafted.document}));
                self.replacing.refusals.superseded();
                self.replacing.refused = drafted.refused;
            }
            Ending::Ended(ended) => self.take_end(&ended, millis),
            Ending::Abandoned(Abandoned::NotSafe(why)) if !asked_to_end => self.take_not_safe_yet(why),
            Ending::Abandoned(abandoned) => self.take_abandoned(abandoned, millis),
            Ending::Retired(retired) => self.take_retired(retired),
            Ending::Failed(error) => self.take_failure(job, &error),
            // Whoever watches sees what becomes of it.
            Ending::LetGo => {}
        }
    }

    fn take_end(&mut self, ended: &Ended, millis: u64) {
        let line = self.state.progress(|progress| ended_json(ended, &progress.replacements, millis));
        self.answer(&line);
        self.look_afresh();
        self.replacing.not_safe = None;
        match ended {
            Ended::Done { leftover, kept } => {
                self.replacing.retry.helped();
                self.replacing.refusals.forget();
                self.replacing.leftover.helped();
                if !leftover.is_empty() {
                    self.replacing.leftover.failed(since_boot());
                }
                self.replacing.why_left = leftover.iter().filter_map(|id| Some((id.clone(), kept.clone()?))).collect();
                self.tell_done();
            }
            Ended::RolledBack { why } => {
                self.replacing.retry.helped();
                self.tell_rolled_back(why);
            }
            Ended::Stopped(stopped) if !self.replacement_is_open() => {
                let refused = Refused { gate: stopped.reason.clone(), detail: format!("{}; {}", stopped.message, stopped.remedy) };
                let of = self.state.progress(|progress| {
                    let last = progress.replacements.last.as_ref();
                    last.map(|last| (last.progress.plan.new.ip, last.progress.plan.new.asn))
                });
                if let Some(of) = of {
                    self.replacing.refusals.refused(refused.clone(), of, since_boot());
                }
                self.replacing.refused = Some(refused);
            }
            Ended::Stopped(_) => self.replacing.retry.failed(since_boot()),
        }
    }

    /// What a visit found before says nothing any more.
    fn look_afresh(&mut self) {
        self.replacing.counts_from = self.background.next_visit();
        self.look_again();
    }

    fn take_abandoned(&mut self, abandoned: Abandoned, millis: u64) {
        let line = self.state.progress(|progress| abandoned_json(&abandoned, &progress.replacements, millis));
        self.answer(&line);
        match abandoned {
            Abandoned::Yes { stays } => {
                tracing::info!(stays = stays.join("; "), "the replacement was given up at a safe point");
                self.replacing.not_safe = None;
                self.replacing.retry.helped();
                self.look_afresh();
            }
            Abandoned::NotSafe(why) => {
                tracing::info!(why, "the replacement cannot be given up here");
                self.replacing.not_safe = Some(why);
            }
        }
    }

    /// Whoever waits for its end wants it to go on, as far as where it can be given up.
    fn take_not_safe_yet(&mut self, why: String) {
        tracing::info!(why, "the replacement cannot be given up here");
        self.replacing.not_safe = Some(why);
        if !self.replacing.watchers.is_empty() {
            self.start(Job::CarryOn { resume: true });
        }
    }

    fn take_retired(&mut self, retired: Vec<(String, Leftover)>) {
        let gone = retired.iter().filter(|(_, became)| !matches!(became, Leftover::Kept(_))).map(|(id, _)| id.clone());
        let before = self.replacing.gone.len();
        self.replacing.gone.extend(gone);
        for (id, became) in retired {
            match became {
                Leftover::Gone => tracing::info!(customer_gateway = id, "the replaced customer gateway is gone"),
                Leftover::LetGo(why) => tracing::info!(why, "the replaced customer gateway is let go"),
                Leftover::Kept(kept) => {
                    self.replacing.why_left.entry(id).and_modify(|told| keep_or(told, &kept)).or_insert(kept);
                }
            }
        }
        match self.has_leftover() {
            true => self.replacing.leftover.failed(since_boot()),
            false => self.replacing.leftover.helped(),
        }
        if self.replacing.gone.len() > before {
            self.look_again();
        }
    }

    /// It broke off for a reason that no step knows.
    fn take_failure(&mut self, job: Option<JobKind>, error: &ExecuteError) {
        let (why, remedy) = (with_causes(error), remedy_of(error));
        tracing::warn!(error = why, "the replacement broke off");
        self.answer(&error_json(&why, &remedy, "failed"));
        match job {
            Some(JobKind::Retire) => self.replacing.leftover.failed(since_boot()),
            Some(JobKind::Begin) if !self.replacement_is_open() => {
                self.replacing.refused = gate_of(error, why);
                if self.replacing.refused.is_some() {
                    self.replacing.refusals.superseded();
                }
            }
            Some(JobKind::Begin | JobKind::CarryOn | JobKind::GiveUp) => {
                self.replacing.retry.failed(since_boot());
                let failed = Stopped { reason: "failed".to_owned(), message: why, remedy, step: None, passes: true };
                // That the state cannot be written is told by itself.
                self.replacing.failed = Some(failed).filter(|_| !matches!(error, ExecuteError::Journal(_)));
            }
            Some(JobKind::Draft) | None => {}
        }
    }

    /// The last line of whoever waits for this.
    pub(super) fn answer(&mut self, line: &Value) {
        for watcher in self.replacing.watchers.drain(..) {
            let _gone = watcher.try_send(line.clone());
        }
    }

    /// The process ends: a job that runs is dropped where it is.
    pub(in crate::daemon) fn leave_replacement(&mut self) -> bool {
        let runs = self.background.job_kind().is_some();
        if runs && self.replacement_is_open() {
            tracing::info!("the replacement is interrupted; it goes on at the next start, from the journal");
        }
        self.background.drop_job();
        let somebody_waits = !self.replacing.watchers.is_empty();
        let line = self.state.progress(|progress| end_json("interrupted", &progress.replacements, 0));
        self.answer(&line);
        somebody_waits
    }

    pub(super) fn plan_fields(&self, plan: &ReplacementPlan) -> Fields {
        Fields {
            address_old: plan.old.first().map(|old| old.ip.to_string()),
            address_new: Some(plan.new.ip.to_string()),
            asn: plan.new.asn.map(|asn| asn.to_string()),
            customer_gateway_id: plan.old.first().map(|old| old.id.clone()),
            plan_id: Some(plan.id.clone()),
            ..self.fields()
        }
    }
}

/// What cannot be done at all.
pub(super) fn error_json(message: &str, remedy: &str, code: &str) -> Value {
    json!({"error": {"message": message, "remedy": remedy, "code": code}})
}

fn remedy_of(error: &ExecuteError) -> String {
    match error {
        ExecuteError::Cloud(error) => error.remedy.clone(),
        ExecuteError::Journal(error) => error.remedy(),
        ExecuteError::Seal(error) => error.remedy(),
        _ => "correct what is named, then `sudo cgwd replace`".to_owned(),
    }
}

/// What kept a plan from being made, as the gate that it is. What passes by itself is told by the visits to the cloud.
fn gate_of(error: &ExecuteError, why: String) -> Option<Refused> {
    let gate = match error {
        ExecuteError::Cloud(error) if error.is_forbidden() || error.is_about_credentials() => "rights",
        ExecuteError::Cloud(error) if error.retry != Retry::Never => return None,
        ExecuteError::Journal(_) => return None,
        ExecuteError::Cloud(_) => "inventory",
        ExecuteError::Seal(_) => SNAPSHOT_READABLE,
        _ => "snapshot",
    };
    Some(Refused { gate: gate.to_owned(), detail: why })
}

fn keep_or(told: &mut Kept, kept: &Kept) {
    if !super::policy::says_the_same(&told.why, &kept.why) {
        told.clone_from(kept);
    }
}
