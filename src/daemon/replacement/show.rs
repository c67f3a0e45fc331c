//! What is told of a replacement while it goes on: alerts that happen once, lines for those who watch, the status.

use super::document::{needed_json, notice_json, status_json};
use super::policy::Course;
use super::task::JobKind;
use super::{ipv4, moved_by_a_person};
use crate::alert::raise::Fields;
use crate::daemon::Daemon;
use crate::execute::replacement::Notice;
use crate::journal::Progress;
use crate::journal::record::Record;
use crate::journal::replay::ReplacementProgress;
use crate::model::{Asn, ReplacementPlan, ReplacementPolicy, Settings};
use crate::plan::DecisionKind;
use serde_json::Value;
use std::collections::BTreeSet;

impl Daemon {
    /// Something happened on the way.
    pub(in crate::daemon) fn take_notice(&mut self, notice: &Notice) {
        self.note_begun();
        let line = self.state.progress(|progress| notice_json(notice, progress.replacements.open.as_ref()));
        self.replacing.watchers.retain(|watcher| watcher.try_send(line.clone()).is_ok());
        match notice {
            Notice::Began { action, target, .. } if *action == "Verify" => self.replacing.now = Some(format!("{target} to come up")),
            Notice::Began { action, target, .. } => self.replacing.now = Some(format!("{action} {target}")),
            Notice::Waits { reason, .. } => self.replacing.now = Some(reason.clone()),
            Notice::Proven { step, connection } => {
                if let Some(connection) = connection {
                    self.tell_moved(step, connection);
                }
            }
            Notice::Turned(why) => tracing::warn!(why, "the replacement goes back"),
            Notice::Stopped(_) => self.replacing.now = None,
        }
    }

    /// A plan that nobody was told of is in the journal: it has begun.
    pub(super) fn note_begun(&mut self) {
        let plan = self.state.progress(|progress| current(progress).map(|progress| progress.plan.clone()));
        let Some(plan) = plan.filter(|plan| self.replacing.told.as_ref() != Some(&plan.id)) else { return };
        self.replacing.told = Some(plan.id.clone());
        self.replacing.moved.clear();
        self.replacing.drafted = None;
        let count = plan.connections().len();
        let message = format!("replacement {} begins: {}, {count} connections", plan.id, in_words(&plan));
        let fields = self.plan_fields(&plan);
        self.occur("replacement.began", &plan.id, message, fields);
    }

    /// The last step of a connection was proven.
    fn tell_moved(&mut self, step: &str, connection: &str) {
        let found = self.state.progress(|progress| {
            let progress = current(progress)?;
            let mut steps = progress.plan.steps().filter(|step| step.op.connection() == Some(connection));
            let is_whole = steps.all(|step| progress.is_proven(&step.id));
            is_whole.then(|| (progress.plan.clone(), progress.seq))
        });
        let Some((plan, seq)) = found.filter(|_| self.replacing.moved.insert(connection.to_owned())) else { return };
        let fields = Fields {
            connection_id: Some(connection.to_owned()),
            step: Some(step.to_owned()),
            request_id: self.last_request(&plan, seq, connection),
            ..self.plan_fields(&plan)
        };
        self.occur("replacement.step", connection, format!("connection {connection} is at {} now", plan.new.ip), fields);
    }

    /// RequestId of the last call for a connection that the cloud did.
    fn last_request(&self, plan: &ReplacementPlan, seq: i64, connection: &str) -> Option<String> {
        let entries = self.state.journal().borrow().entries_after(seq).ok()?;
        let steps: BTreeSet<&str> =
            plan.steps().filter(|step| step.op.connection() == Some(connection)).map(|step| step.id.as_str()).collect();
        let mut intents = BTreeSet::new();
        let mut last = None;
        for entry in &entries {
            match &entry.record {
                Record::WriteIntended { step: Some(step), .. } if step.plan == plan.id && steps.contains(step.step.as_str()) => {
                    intents.insert(entry.seq);
                }
                Record::WriteDone { intent, request_id: Some(id), .. } if intents.contains(intent) => last = Some(id.clone()),
                _ => {}
            }
        }
        last
    }

    pub(super) fn tell_done(&mut self) {
        let last = self.state.progress(|progress| {
            let last = progress.replacements.last.as_ref()?;
            Some((last.progress.plan.clone(), last.new_gateway.clone(), last.ended.duration_since(last.progress.began)))
        });
        let Some((plan, new, took)) = last else { return };
        let new_id = new.clone().unwrap_or_default();
        let message = format!(
            "the replacement of {} is done: {new_id} is this device's customer gateway, after {} s",
            in_words(&plan),
            took.as_secs()
        );
        let fields = Fields { customer_gateway_id: new, ..self.plan_fields(&plan) };
        self.occur("replacement.done", &plan.id, message, fields);
    }

    pub(super) fn tell_rolled_back(&mut self, why: &str) {
        let plan = self.state.progress(|progress| progress.replacements.last.as_ref().map(|last| last.progress.plan.clone()));
        let Some(plan) = plan else { return };
        let fields = self.plan_fields(&plan);
        self.occur("replacement.rolled_back", &plan.id, format!("replacement {} was taken back: {why}", plan.id), fields);
    }

    /// `replacement` of the status.
    pub(in crate::daemon) fn replacement_json(&self) -> Value {
        let waits = match &self.replacing.course {
            Course::Wait(wait) => Some(wait.until.as_str()),
            Course::Rest | Course::CarryOn { .. } | Course::GiveUp | Course::Begin => None,
        };
        let job = self.background.job_kind();
        let runs = matches!(job, Some(JobKind::Begin | JobKind::CarryOn | JobKind::GiveUp));
        let waiting_for = if runs { self.replacing.now.as_deref() } else { waits };
        let open = self.state.progress(|progress| progress.replacements.open.as_ref().map(|open| status_json(open, runs, waiting_for)));
        open.unwrap_or_else(|| self.waiting_json(waits, job))
    }

    fn waiting_json(&self, waits: Option<&str>, job: Option<JobKind>) -> Value {
        let waits = match (waits, job) {
            (_, Some(JobKind::Begin)) => Some("every gate to be looked at"),
            (waits, _) => waits,
        };
        let registration = self.cloud.report.as_ref().and_then(|report| report.result.as_ref().ok()).and_then(Option::as_ref);
        let steps = registration.map_or(0, |registration| registration.decision.steps.len());
        waits.map_or(Value::Null, |waits| needed_json(steps, waits))
    }
}

/// `replacement` of the status of a daemon that is down.
pub fn of_journal(progress: &Progress, settings: Option<&Settings>) -> Value {
    if let Some(open) = &progress.replacements.open {
        let waits = match &open.stopped {
            Some(stopped) if !stopped.passes => stopped.message.as_str(),
            _ => "cgwd to be started: it goes on by itself",
        };
        return status_json(open, false, Some(waits));
    }
    let is_needed = progress.decision.as_deref() == Some(DecisionKind::Replace.name());
    let settled = progress.address.as_ref().and_then(|settled| ipv4(settled.value));
    let asn = progress.asn.as_ref().and_then(|settled| settled.value).and_then(Asn::new);
    let ahead = settled.and_then(|ip| moved_by_a_person(progress, ip, asn));
    match (settings.map(|settings| settings.replacement.policy), ahead) {
        _ if !is_needed => Value::Null,
        (Some(ReplacementPolicy::Alert) | None, _) => Value::Null,
        (Some(_), Some(ahead)) => needed_json(0, &ahead.waits_for()),
        (Some(ReplacementPolicy::Guided), None) => needed_json(0, "a person: `sudo cgwd replace`"),
        (Some(ReplacementPolicy::Auto), None) => needed_json(0, "cgwd to be started"),
    }
}

/// The open one, else the last.
fn current(progress: &Progress) -> Option<&ReplacementProgress> {
    let replacements = &progress.replacements;
    replacements.open.as_ref().or(replacements.last.as_ref().map(|last| &*last.progress))
}

fn in_words(plan: &ReplacementPlan) -> String {
    let asn = |asn: Option<crate::model::Asn>| asn.map(|asn| format!(" AS{asn}")).unwrap_or_default();
    let old: Vec<String> = plan.old.iter().map(|old| format!("{} ({}{})", old.id, old.ip, asn(old.asn))).collect();
    format!("{} by {}{}", old.join(" and "), plan.new.ip, asn(plan.new.asn))
}
