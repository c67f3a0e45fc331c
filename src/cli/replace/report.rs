//! What came of it: the document, and the same for a person, with a timeline.

use super::alone::is_a_refusal;
use crate::cli::Context;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::{Output, Tone};
use crate::cli::plan_text::plan_text;
use crate::cli::survey::Survey;
use crate::daemon::replacement::document::{CONSEQUENCES, consequences_json, has_written};
use crate::daemon::replacement::policy::CHANGED_AGAIN;
use crate::daemon::replacement::timeline::timeline;
use crate::daemon::replacing::{Moved, moved};
use crate::execute::replacement::{Draft, Ended, Kept};
use crate::journal::Journal;
use crate::journal::replay::{PastReplacement, ReplacementProgress};
use crate::model::{Op, ReplacementOutcome, ReplacementPlan, Stopped};
use crate::plan::replacement::{as_planned, is_shown, refused_later};
use crate::plan::{Decision, DecisionKind};
use serde_json::{Value, json};

/// How a replacement stands at the end of a command.
pub struct Report {
    pub outcome: &'static str,
    pub exit: Exit,
    /// Of a plan that was begun by this very command; with what it does beside its steps.
    pub decision: Option<(Decision, Value)>,
    pub plan: Option<ReplacementPlan>,
    pub connections: Vec<Moved>,
    pub old_gateway: Option<String>,
    pub new_gateway: Option<String>,
    pub leftover: Vec<String>,
    pub kept: Option<Kept>,
    /// Why it is not done, and what to do.
    pub why: Option<(String, String)>,
    /// The executor's word for why it stopped.
    pub stopped: Option<String>,
    pub timeline: Vec<String>,
    pub millis: i128,
    pub stays: Vec<String>,
    was_told_to_end: bool,
}

impl Report {
    pub fn is_done(&self) -> bool {
        self.outcome == "done"
    }

    /// The plan was given up; `stays` is what it leaves.
    pub fn abandoned(journal: &Journal, stays: Vec<String>) -> Result<Report, Failure> {
        let report = Report::of(journal, None, None, 0)?;
        Ok(Report { outcome: ABANDONED, exit: Exit::Done, why: None, stopped: None, stays, ..report })
    }

    /// Nobody told the command to end.
    pub fn goes_on(&self) -> bool {
        !self.was_told_to_end
    }

    pub fn is_blocked(&self) -> bool {
        self.outcome == "blocked"
    }

    /// `ended` is `None` where the command was told to end.
    pub fn of(journal: &Journal, ended: Option<Ended>, draft: Option<&Draft>, millis: i128) -> Result<Report, Failure> {
        let replacements = &journal.progress().replacements;
        let (outcome, exit, why) = match &ended {
            None => ("interrupted", Exit::Interrupted, Some(("interrupted; everything is in the journal".to_owned(), GO_ON.to_owned()))),
            Some(Ended::Done { .. }) => ("done", Exit::Done, None),
            Some(Ended::RolledBack { why }) => ("rolled_back", Exit::Failed, Some((why.clone(), AFTER_ROLLBACK.to_owned()))),
            Some(ended @ Ended::Stopped(stopped)) => {
                let why = Some((stopped.message.clone(), remedy(stopped)));
                let has_written = replacements.open.as_ref().is_some_and(has_written);
                // What goes on with a plan waits until the device is again what it is for.
                let is_refused = is_a_refusal(ended) && (draft.is_some() || stopped.reason != CHANGED_AGAIN);
                match is_refused && !has_written {
                    true => ("blocked", Exit::Refused, why),
                    false => ("interrupted", Exit::Interrupted, why),
                }
            }
        };
        let open = replacements.open.as_ref();
        let last = replacements.last.as_ref();
        let progress = open.or(last.map(|last| &*last.progress));
        let new_gateway = match open {
            Some(open) => made_gateway(open),
            None => last.and_then(|last| last.new_gateway.clone()),
        };
        let leftover = last.filter(|last| open.is_none() && last.outcome == ReplacementOutcome::Done).map(PastReplacement::own_leftover);
        Ok(Report {
            outcome,
            exit,
            decision: draft.map(|draft| (draft.decision.clone(), consequences_json(draft))),
            plan: progress.map(|progress| progress.plan.clone()),
            connections: progress.map(moved).unwrap_or_default(),
            old_gateway: progress.and_then(|progress| progress.plan.old.first()).map(|old| old.id.clone()),
            new_gateway,
            leftover: leftover.unwrap_or_default(),
            kept: match &ended {
                Some(Ended::Done { kept, .. }) => kept.clone(),
                _ => None,
            },
            why,
            stopped: match &ended {
                Some(Ended::Stopped(stopped)) => Some(stopped.reason.clone()),
                _ => None,
            },
            timeline: progress.map(timeline).unwrap_or_default(),
            millis,
            stays: Vec::new(),
            was_told_to_end: ended.is_none(),
        })
    }
}

const ABANDONED: &str = "abandoned";
const GO_ON: &str = "`cgwd replace --resume` goes on from there";
const AFTER_ROLLBACK: &str = "correct the device's side, then run `cgwd replace` again";

/// What passes goes on by itself where the service runs; here the command has ended.
pub(in crate::cli) fn remedy(stopped: &Stopped) -> String {
    match stopped.passes && !stopped.remedy.contains("--resume") {
        true => format!("{}; {GO_ON}, and so does the service once it runs", stopped.remedy),
        false => stopped.remedy.clone(),
    }
}

fn made_gateway(progress: &ReplacementProgress) -> Option<String> {
    let makes = |op: &Op| matches!(op, Op::CreateGateway { slot: crate::model::Slot::New } | Op::AdoptGateway { .. });
    let made = progress.plan.steps().filter(|step| makes(&step.op)).find_map(|step| progress.step(&step.id).id);
    progress.plan.new.id.clone().or(made)
}

/// A decision that was not carried out, with how that ends where the command is `replace`.
pub fn show_draft(context: &Context, survey: &Survey, decision: &Decision, region: Option<&str>, outcome: Option<&str>) {
    show_not_begun(context, survey, (decision, &Value::Null), region, outcome);
}

/// The same of a whole draft.
pub fn show_drafted(context: &Context, survey: &Survey, draft: &Draft, region: &str, outcome: &str) {
    show_not_begun(context, survey, (&draft.decision, &consequences_json(draft)), Some(region), Some(outcome));
}

fn show_not_begun(
    context: &Context,
    survey: &Survey,
    (decision, consequences): (&Decision, &Value),
    region: Option<&str>,
    outcome: Option<&str>,
) {
    let mut document = survey.plan_document(decision, region);
    if consequences.is_object() {
        add_consequences(&mut document, consequences);
    }
    document["outcome"] = json!(outcome.unwrap_or("blocked"));
    let old = decision.customer_gateway.as_ref().filter(|_| decision.kind != DecisionKind::InSync);
    document["old_customer_gateway_id"] = json!(old.map(|gateway| gateway.id.clone()));
    document["new_customer_gateway_id"] = Value::Null;
    document["connections"] = json!([]);
    document["millis"] = json!(0);
    context.output.result(&document, |output| {
        plan_text(output, &document)
            + &match decision.kind {
                DecisionKind::InSync => output.paint(Tone::Good, "\nnothing to replace\n"),
                DecisionKind::Create | DecisionKind::Adopt => {
                    output.paint(Tone::Caution, "\nnothing to replace: `cgwd register` does this\n")
                }
                DecisionKind::Replace => output.paint(Tone::Caution, "\nnot replaced\n"),
                DecisionKind::Blocked => output.paint(Tone::Bad, "\nnot replaced: see above\n"),
            }
    });
}

/// The plan as a person reads it before saying yes.
pub fn draft_text(output: &Output, survey: &Survey, draft: &Draft, region: &str) -> String {
    let mut document = survey.plan_document(&draft.decision, Some(region));
    add_consequences(&mut document, &consequences_json(draft));
    plan_text(output, &document)
}

/// What a replacement does beside its steps, as a person reads it: here, from the daemon, and of `cgwd plan`.
pub(in crate::cli) fn consequences_text(consequences: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rows = |name: &str| consequences[name].as_array().cloned().unwrap_or_default();
    let interrupted = rows("interruptions").into_iter().map(|row| format!("{}: {}", text(&row["connection"]), text(&row["interruption"])));
    let rewritten = rows("rewrites").into_iter().map(|row| {
        format!("{} {}: {} becomes {}", text(&row["connection"]), text(&row["field"]), text(&row["before"]), text(&row["after"]))
    });
    section("interruption", interrupted.collect())
        + &section("fields that hold the old address", rewritten.collect())
        + &section("what the cloud cannot give back", rows("losses").iter().map(text).collect())
        + &section("what is not asked to come up", rows("not_asked_to_come_up").iter().map(text).collect())
}

pub(super) fn section(title: &str, lines: Vec<String>) -> String {
    let lines: String = lines.into_iter().map(|line| format!("  {line}\n")).collect();
    if lines.is_empty() { lines } else { format!("\n{title}\n{lines}") }
}

/// Into a document that has a plan's keys.
pub(in crate::cli) fn add_consequences(document: &mut Value, consequences: &Value) {
    for key in CONSEQUENCES {
        document[key] = consequences[key].clone();
    }
}

pub fn show_report(context: &Context, survey: &Survey, report: &Report, region: &str, snippets: &str) -> Exit {
    let document = report_document(survey, report, region);
    context.output.result(&document, |output| report_text(output, report, snippets));
    report.exit
}

fn report_document(survey: &Survey, report: &Report, region: &str) -> Value {
    let (mut decision, consequences) = match &report.decision {
        Some((decision, consequences)) => (decision.clone(), Some(consequences)),
        None => (resumed(report), None),
    };
    if let (true, Some(stopped), Some((why, _))) = (report.is_blocked(), &report.stopped, &report.why) {
        refused_later(&mut decision.gates, stopped, why);
    }
    let mut document = survey.plan_document(&decision, Some(region));
    if let Some(consequences) = consequences {
        add_consequences(&mut document, consequences);
    }
    if report.outcome == "blocked" {
        document["decision"] = json!(DecisionKind::Blocked.name());
    }
    document["outcome"] = json!(report.outcome);
    document["old_customer_gateway_id"] = json!(report.old_gateway);
    document["new_customer_gateway_id"] = json!(report.new_gateway);
    document["connections"] = report
        .connections
        .iter()
        .map(|moved| json!({"old_id": moved.old_id, "new_id": moved.new_id, "strategy": moved.strategy, "verified": moved.verified}))
        .collect();
    document["millis"] = json!(i64::try_from(report.millis).unwrap_or(i64::MAX));
    if !report.leftover.is_empty() {
        let finding = leftover(&report.leftover, report.kept.as_ref());
        if let Some(findings) = document["findings"].as_array_mut() {
            findings.push(json!(finding));
        }
    }
    if let Some((why, remedy)) = &report.why {
        document["reason"] = json!({"message": why, "remedy": remedy});
    }
    if report.outcome == ABANDONED {
        document["stays"] = json!(report.stays);
    }
    document
}

pub(super) fn leftover(ids: &[String], kept: Option<&Kept>) -> crate::model::Finding {
    let why = kept.map(|kept| format!(": {}", kept.why)).unwrap_or_default();
    let remedy = match kept.and_then(|kept| kept.remedy.as_ref()) {
        Some(remedy) => format!("{remedy}; the daemon tries again"),
        None => "the daemon tries again; or delete it in the console once nothing refers to it".to_owned(),
    };
    let message = format!("the old customer gateway {} could not be deleted{why}", ids.join(", "));
    crate::model::Finding::warning(crate::facts::findings::GATEWAY_LEFTOVER, message, remedy)
}

/// What goes on with a plan was decided before: its steps are those of the plan.
fn resumed(report: &Report) -> Decision {
    let mut decision = Decision::blocked(Vec::new(), Vec::new());
    decision.kind = DecisionKind::Replace;
    if let Some(plan) = &report.plan {
        decision.steps = plan.steps().filter(|step| is_shown(&step.op)).map(|step| as_planned(plan, step)).collect();
    }
    decision
}

fn report_text(output: &Output, report: &Report, snippets: &str) -> String {
    let (tone, title) = match report.outcome {
        "done" => (Tone::Good, "replaced"),
        "rolled_back" => (Tone::Bad, "rolled back: what did not come up is at the old customer gateway again"),
        "blocked" => (Tone::Bad, "not replaced"),
        ABANDONED => {
            (Tone::Good, "given up; `cgwd history` has what was written until then, and `cgwd replace` plans anew from what is there")
        }
        _ => (Tone::Caution, "interrupted; it can be resumed"),
    };
    let mut text = format!("\n{}\n", output.paint(tone, title));
    if let Some((why, remedy)) = &report.why {
        text += &format!("  {why}\n  what to do: {remedy}\n");
    }
    if let (Some(old), Some(new)) = (&report.old_gateway, &report.new_gateway) {
        text += &format!("  customer gateway {old} -> {new}\n");
    }
    for moved in &report.connections {
        let verified = if moved.verified { output.paint(Tone::Good, "works") } else { output.paint(Tone::Caution, "not seen to work") };
        let made = if moved.new_id == moved.old_id { String::new() } else { format!(" -> {}", moved.new_id) };
        text += &format!("  {}{made} [{}] {verified}\n", moved.old_id, moved.strategy);
    }
    for line in &report.stays {
        text += &format!("  {line}\n");
    }
    if !report.leftover.is_empty() {
        text += &output.finding(&json!(leftover(&report.leftover, report.kept.as_ref())));
    }
    text += &section("timeline", report.timeline.clone());
    text + snippets
}
