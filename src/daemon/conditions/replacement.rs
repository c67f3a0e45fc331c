//! What about a replacement is worth an alert while it lasts.

use super::alert;
use crate::alert::raise::{Alert, Fields};
use crate::daemon::replacement::policy::Refused;
use crate::execute::replacement::Kept;
use crate::journal::replay::{PastReplacement, ReplacementProgress, Replacements, StepProgress};
use crate::model::{Op, PlannedStep, ReplacementPolicy, Severity, Stopped, Timestamp};
use jiff::SignedDuration;

/// A connection may be away for as long as it usually takes to make it again; then somebody has to know (reliability.md I15).
const DOWN_LONG: SignedDuration = SignedDuration::from_secs(120);

/// What is known of replacements.
#[derive(Clone, Debug)]
pub struct Replaced {
    /// The one that has not ended.
    pub plan: Option<String>,
    /// One is open, or has been until after the last visit to the cloud: what that found says nothing.
    pub changes_the_cloud: bool,
    pub policy: ReplacementPolicy,
    pub ahead: Option<Ahead>,
    pub stopped: Option<Stopped>,
    /// What keeps one that is needed from beginning by itself.
    pub refused: Option<Refused>,
    pub down: Vec<Down>,
    /// Old customer gateways that the cloud would not delete, and why they stay.
    pub leftover: Vec<(String, Option<Kept>)>,
    /// Those that are gone by now, which an earlier reading of the cloud still has.
    pub gone: Vec<String>,
}

impl Replaced {
    /// Whether a text is about what a replacement has left behind.
    pub fn is_about_leftover(&self, text: &str) -> bool {
        self.leftover.iter().map(|(id, _)| id).chain(&self.gone).any(|id| text.contains(id.as_str()))
    }
}

/// A customer gateway that a person has moved on purpose, before the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ahead {
    pub to: String,
    /// What the device still has.
    pub has: String,
}

impl Ahead {
    /// A sentence that goes on from "waits for".
    pub fn waits_for(&self) -> String {
        format!("this device to have {}, where a person moved the customer gateway (`sudo cgwd replace --planned` moves it back)", self.to)
    }
}

/// A connection that is deleted and not made again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Down {
    pub connection: String,
    pub since: Timestamp,
}

impl Down {
    /// When that is long. A clock that was set back since then tells nothing: it is long already.
    pub fn is_long(&self, now: Timestamp) -> bool {
        let lasted = now.duration_since(self.since);
        lasted >= DOWN_LONG || lasted < SignedDuration::ZERO
    }

    pub fn is_long_at(&self) -> Timestamp {
        self.since.checked_add(DOWN_LONG).unwrap_or(self.since)
    }
}

/// Connections of which the cloud has nothing at this moment, or not all.
pub fn down(progress: &ReplacementProgress) -> Vec<Down> {
    let connections = progress.plan.connections();
    connections
        .into_iter()
        .filter_map(|connection| down_since(progress, connection).map(|since| Down { connection: connection.to_owned(), since }))
        .collect()
}

fn down_since(progress: &ReplacementProgress, connection: &str) -> Option<Timestamp> {
    let steps = || progress.plan.steps().filter(|step| step.op.connection() == Some(connection));
    let deletion = steps().find(|step| matches!(step.op, Op::DeleteConnection { .. }))?;
    let deleted = progress.steps.get(&deletion.id).filter(|step| may_have_happened(step))?;
    let makes = |step: &PlannedStep| !step.op.opens_a_gap() && !matches!(step.op, Op::Verify { .. } | Op::UnmarkConnection { .. });
    let is_whole = steps().filter(|step| makes(step)).all(|step| progress.is_proven(&step.id));
    deleted.first_sent.filter(|_| !is_whole)
}

fn may_have_happened(step: &StepProgress) -> bool {
    step.open.is_some() || step.answered || step.proven.is_some() || step.doubtful.is_some()
}

/// Customer gateways that the last replacement left and that are still there.
pub fn leftover(replacements: &Replacements) -> Vec<String> {
    let last = replacements.last.as_ref().filter(|_| replacements.open.is_none());
    last.map(|last: &PastReplacement| last.leftover.clone()).unwrap_or_default()
}

pub fn of(known: &Replaced, now: Timestamp, fields: &Fields) -> Vec<Alert> {
    let fields = Fields { plan_id: known.plan.clone(), ..fields.clone() };
    let mut alerts = Vec::new();
    alerts.extend(known.refused.as_ref().map(|refused| blocked(refused, &fields)));
    if let (Some(plan), Some(stopped)) = (&known.plan, &known.stopped) {
        alerts.push(self::stopped(plan, stopped, &fields));
    }
    alerts.extend(known.down.iter().filter(|down| down.is_long(now)).map(|down| down_long(down, &fields)));
    alerts.extend(known.leftover.iter().map(|(id, kept)| left(id, kept.as_ref(), &fields)));
    alerts
}

fn blocked(refused: &Refused, fields: &Fields) -> Alert {
    let message = format!("the replacement does not begin: gate {} refuses: {}", refused.gate, refused.detail);
    let alert = alert("replacement.blocked", &refused.gate, message, None, fields);
    // A closed window was asked for.
    if refused.gate == "window" { alert.with_severity(Severity::Warning) } else { alert }
}

fn stopped(plan: &str, stopped: &Stopped, fields: &Fields) -> Alert {
    let message = match stopped.passes {
        true => format!("replacement {plan} waits and is tried again by itself: {}", stopped.message),
        false => format!("replacement {plan} has stopped: {}", stopped.message),
    };
    let fields = Fields { step: stopped.step.clone(), ..fields.clone() };
    alert("replacement.stopped", plan, message, Some(&stopped.remedy), &fields)
}

fn down_long(down: &Down, fields: &Fields) -> Alert {
    let fields = Fields { connection_id: Some(down.connection.clone()), ..fields.clone() };
    let since = down.since.strftime("%Y-%m-%d %H:%M:%S UTC");
    let message = format!("connection {} was deleted at {since} and is not wholly made again", down.connection);
    alert("connection.down_long", &down.connection, message, None, &fields)
}

fn left(id: &str, kept: Option<&Kept>, fields: &Fields) -> Alert {
    let fields = Fields { customer_gateway_id: Some(id.to_owned()), ..fields.clone() };
    let why = kept.map(|kept| format!(": {}", kept.why)).unwrap_or_default();
    let message = format!("the replaced customer gateway {id} is still there{why}");
    // What refers to it is not in the way here.
    let remedy = kept.and_then(|kept| kept.remedy.as_ref()).map(|remedy| format!("{remedy}; it is then deleted by itself"));
    alert("gateway.leftover", id, message, remedy.as_deref(), &fields)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
