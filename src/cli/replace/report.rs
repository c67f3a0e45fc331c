//! What came of it: the document, and the same for a person, with a timeline.

use super::alone::is_a_refusal;
use crate::cli::Context;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::{Output, Tone};
use crate::cli::survey::Survey;
use crate::daemon::replacing::{Moved, moved};
use crate::execute::replacement::{Draft, Ended};
use crate::journal::Journal;
use crate::journal::replay::ReplacementProgress;
use crate::model::{Op, ReplacementOutcome, ReplacementPlan, SNAPSHOT_FORMAT, Snapshot};
use crate::plan::replacement::{describe, interruption, losses, rewrites};
use crate::plan::{Decision, DecisionKind, StepAction};
use serde_json::{Value, json};

/// How a replacement stands at the end of a command.
pub struct Report {
    pub outcome: &'static str,
    pub exit: Exit,
    pub decision: Option<Decision>,
    pub plan: Option<ReplacementPlan>,
    pub connections: Vec<Moved>,
    pub old_gateway: Option<String>,
    pub new_gateway: Option<String>,
    pub leftover: Vec<String>,
    /// Why it is not done, and what to do.
    pub why: Option<(String, String)>,
    pub timeline: Vec<String>,
    pub millis: i128,
    was_told_to_end: bool,
}

impl Report {
    pub fn is_done(&self) -> bool {
        self.outcome == "done"
    }

    /// Nobody told the command to end.
    pub fn goes_on(&self) -> bool {
        !self.was_told_to_end
    }

    /// `ended` is `None` where the command was told to end.
    pub fn of(journal: &Journal, ended: Option<Ended>, decision: Option<Decision>, millis: i128) -> Result<Report, Failure> {
        let replacements = &journal.progress().replacements;
        let (outcome, exit, why) = match &ended {
            None => ("interrupted", Exit::Interrupted, Some(("interrupted; everything is in the journal".to_owned(), GO_ON.to_owned()))),
            Some(Ended::Done { .. }) => ("done", Exit::Done, None),
            Some(Ended::RolledBack { why }) => ("rolled_back", Exit::Failed, Some((why.clone(), AFTER_ROLLBACK.to_owned()))),
            Some(ended @ Ended::Stopped(stopped)) => {
                let why = Some((stopped.message.clone(), stopped.remedy.clone()));
                if is_a_refusal(ended) { ("blocked", Exit::Refused, why) } else { ("interrupted", Exit::Interrupted, why) }
            }
        };
        let open = replacements.open.as_ref();
        let last = replacements.last.as_ref();
        let progress = open.or(last.map(|last| &*last.progress));
        let new_gateway = match open {
            Some(open) => made_gateway(open),
            None => last.and_then(|last| last.new_gateway.clone()),
        };
        let leftover = last.filter(|last| open.is_none() && last.outcome == ReplacementOutcome::Done).map(|last| last.leftover.clone());
        Ok(Report {
            outcome,
            exit,
            decision,
            plan: progress.map(|progress| progress.plan.clone()),
            connections: progress.map(moved).unwrap_or_default(),
            old_gateway: progress.and_then(|progress| progress.plan.old.first()).map(|old| old.id.clone()),
            new_gateway,
            leftover: leftover.unwrap_or_default(),
            why,
            timeline: progress.map(timeline).unwrap_or_default(),
            millis,
            was_told_to_end: ended.is_none(),
        })
    }
}

const GO_ON: &str = "`cgwd replace --resume` goes on from there";
const AFTER_ROLLBACK: &str = "correct the device's side, then run `cgwd replace` again";

fn made_gateway(progress: &ReplacementProgress) -> Option<String> {
    let makes = |op: &Op| matches!(op, Op::CreateGateway { slot: crate::model::Slot::New } | Op::AdoptGateway { .. });
    let made = progress.plan.steps().filter(|step| makes(&step.op)).find_map(|step| progress.step(&step.id).id);
    progress.plan.new.id.clone().or(made)
}

/// When each connection was touched and when it came back.
fn timeline(progress: &ReplacementProgress) -> Vec<String> {
    let mut lines = Vec::new();
    for id in progress.plan.connections() {
        let steps: Vec<_> = progress.plan.steps().filter(|step| step.op.connection() == Some(id)).collect();
        let touched = steps.iter().filter_map(|step| progress.step(&step.id).first_sent).min();
        let back = steps.iter().filter(|step| matches!(step.op, Op::Verify { .. })).filter_map(|step| progress.step(&step.id).proven).max();
        let all_back = steps.iter().filter(|step| matches!(step.op, Op::Verify { .. })).all(|step| progress.is_proven(&step.id));
        let line = match (touched, back.filter(|_| all_back)) {
            (Some(touched), Some(back)) => {
                format!("{id}: first touched {touched:.3}, works since {back:.3} ({:.1} s)", back.duration_since(touched).as_secs_f64())
            }
            (Some(touched), None) => format!("{id}: first touched {touched:.3}, not seen to work yet"),
            (None, _) => format!("{id}: not touched"),
        };
        lines.push(line);
    }
    lines
}

/// A plan that was not carried out, with how that ends where the command is `replace`.
pub fn show_draft(context: &Context, survey: &Survey, decision: &Decision, region: Option<&str>, outcome: Option<&str>) {
    let mut document = survey.plan_document(decision, region);
    document["outcome"] = json!(outcome.unwrap_or("blocked"));
    document["old_customer_gateway_id"] = json!(decision.customer_gateway.as_ref().map(|gateway| gateway.id.clone()));
    document["new_customer_gateway_id"] = Value::Null;
    document["connections"] = json!([]);
    document["millis"] = json!(0);
    context.output.result(&document, |output| {
        let text = survey.plan_text(output, decision, region);
        text + &match decision.kind {
            DecisionKind::InSync => output.paint(Tone::Good, "\nnothing to replace\n"),
            DecisionKind::Create | DecisionKind::Adopt => output.paint(Tone::Caution, "\nnothing to replace: `cgwd register` does this\n"),
            DecisionKind::Replace => output.paint(Tone::Caution, "\nnot replaced\n"),
            DecisionKind::Blocked => output.paint(Tone::Bad, "\nnot replaced: see above\n"),
        }
    });
}

/// The plan as a person reads it before saying yes.
pub fn draft_text(output: &Output, survey: &Survey, draft: &Draft, region: &str) -> String {
    let mut text = survey.plan_text(output, &draft.decision, Some(region));
    let Some(plan) = &draft.plan else { return text };
    text += "\ngates\n";
    for gate in &draft.decision.gates {
        let tone = if gate.passed { Tone::Good } else { Tone::Bad };
        text += &format!("  {} {}\n", output.paint(tone, gate.name), gate.detail);
    }
    text += "\ninterruption\n";
    for connection in &draft.snapshot.connections {
        text += &format!("  {}: {}\n", connection.id, interruption(plan, connection));
    }
    let changed = rewrites(plan, &draft.snapshot);
    if !changed.is_empty() {
        text += "\nfields that hold the old address\n";
        for rewrite in changed {
            text += &format!("  {} {}: {} becomes {}\n", rewrite.connection, rewrite.field, rewrite.before, rewrite.after);
        }
    }
    let lost = losses(plan, &draft.subjects, &draft.snapshot);
    if !lost.is_empty() {
        text += "\nwhat the cloud cannot give back\n";
        for line in lost {
            text += &format!("  {line}\n");
        }
    }
    text
}

pub fn show_report(context: &Context, survey: &Survey, report: &Report, region: &str, snippets: &str) -> Exit {
    let decision = report.decision.clone().unwrap_or_else(|| resumed(report));
    let mut document = survey.plan_document(&decision, Some(region));
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
        let finding = leftover(&report.leftover);
        if let Some(findings) = document["findings"].as_array_mut() {
            findings.push(json!(finding));
        }
    }
    if let Some((why, remedy)) = &report.why {
        document["reason"] = json!({"message": why, "remedy": remedy});
    }
    context.output.result(&document, |output| report_text(output, report, snippets));
    report.exit
}

pub(super) fn leftover(ids: &[String]) -> crate::model::Finding {
    crate::model::Finding::warning(
        crate::facts::findings::GATEWAY_LEFTOVER,
        format!("the old customer gateway {} could not be deleted", ids.join(", ")),
        "the daemon tries again; or delete it in the console once nothing refers to it",
    )
}

/// What goes on with a plan was decided before: its steps are those of the plan.
fn resumed(report: &Report) -> Decision {
    let mut decision = Decision::blocked(Vec::new(), Vec::new());
    decision.kind = DecisionKind::Replace;
    if let Some(plan) = &report.plan {
        let snapshot = Snapshot {
            format: SNAPSHOT_FORMAT,
            region: plan.region.clone(),
            taken_at: crate::model::Timestamp::UNIX_EPOCH,
            gateways: Vec::new(),
            connections: Vec::new(),
        };
        decision.steps =
            plan.steps().map(|step| describe(plan, &snapshot, step)).filter(|step| step.action != StepAction::Verify).collect();
    }
    decision
}

fn report_text(output: &Output, report: &Report, snippets: &str) -> String {
    let (tone, title) = match report.outcome {
        "done" => (Tone::Good, "replaced"),
        "rolled_back" => (Tone::Bad, "rolled back: what did not come up is at the old customer gateway again"),
        "blocked" => (Tone::Bad, "not replaced"),
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
    if !report.leftover.is_empty() {
        text += &output.finding(&leftover(&report.leftover));
    }
    if !report.timeline.is_empty() {
        text += "\ntimeline\n";
        for line in &report.timeline {
            text += &format!("  {line}\n");
        }
    }
    text + snippets
}
