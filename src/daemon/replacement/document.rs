//! Replacements as JSON: a plan to look at, what happens, how it ended, how it stands. The control socket and the status have
//! them; docs of the former are in [`crate::daemon::control`].

use super::policy::Refused;
use super::timeline::timeline;
use crate::daemon::replacing::{Wish, moved};
use crate::daemon::status::{gate_json, gateway_json, step_json};
use crate::execute::replacement::{Abandoned, Draft, Ended, Notice};
use crate::journal::replay::{PastReplacement, ReplacementProgress, Replacements, StepProgress};
use crate::model::{Asn, Op, ReplacementPlan, Slot, Stopped};
use crate::plan::replacement::{as_planned, interruption, is_shown, losses, not_asked_for, rewrites};
use crate::plan::{Decision, DecisionKind, Step};
use serde_json::{Value, json};

/// A plan that has not begun, as the one who asked for it sees it.
#[derive(Clone, Debug)]
pub struct Drafted {
    pub id: String,
    pub wish: Wish,
    pub kind: DecisionKind,
    pub steps: Vec<Step>,
    pub refused: Option<Refused>,
    pub document: Value,
}

impl Drafted {
    pub fn of(draft: &Draft, id: String, region: &str, wish: Wish) -> Drafted {
        let refused = draft.refused().map(|gate| Refused { gate: gate.name.to_owned(), detail: gate.detail.clone() });
        Drafted {
            wish,
            kind: draft.decision.kind,
            steps: draft.decision.steps.clone(),
            refused,
            document: draft_json(draft, &id, region),
            id,
        }
    }

    /// What was not even planned.
    pub fn blocked(decision: &Decision, region: Option<&str>, wish: Wish) -> Drafted {
        let refused = decision.gates.iter().find(|gate| !gate.passed);
        Drafted {
            id: String::new(),
            wish,
            kind: decision.kind,
            steps: Vec::new(),
            refused: refused.map(|gate| Refused { gate: gate.name.to_owned(), detail: gate.detail.clone() }),
            document: plan_json(decision, region),
        }
    }
}

/// Everything that a person decides by.
fn draft_json(draft: &Draft, id: &str, region: &str) -> Value {
    let mut document = plan_json(&draft.decision, Some(region));
    let Some(plan) = &draft.plan else { return document };
    document["plan"] = json!(id);
    document["new"] = json!({"id": plan.new.id, "ip": plan.new.ip, "asn": plan.new.asn.map(Asn::number)});
    document["order"] = json!(plan.order);
    document["planned"] = json!(plan.planned);
    let consequences = consequences_json(draft);
    for key in CONSEQUENCES {
        document[key] = consequences[key].clone();
    }
    document
}

/// Keys of what a replacement does beside its steps.
pub const CONSEQUENCES: [&str; 4] = ["rewrites", "losses", "interruptions", "not_asked_to_come_up"];

/// What is rewritten, what the cloud cannot give back, and for how long each connection carries nothing.
pub fn consequences_json(draft: &Draft) -> Value {
    let Some(plan) = &draft.plan else { return json!({"rewrites": [], "losses": [], "interruptions": [], "not_asked_to_come_up": []}) };
    let rewritten = rewrites(plan, &draft.snapshot).into_iter();
    let connections = draft.snapshot.connections.iter();
    json!({
        "rewrites": rewritten
            .map(|one| json!({"connection": one.connection, "field": one.field, "before": one.before, "after": one.after}))
            .collect::<Vec<_>>(),
        "losses": losses(plan, &draft.subjects, &draft.snapshot),
        "interruptions": connections
            .map(|connection| json!({"connection": connection.id, "interruption": interruption(plan, connection)}))
            .collect::<Vec<_>>(),
        "not_asked_to_come_up": not_asked_for(plan),
    })
}

/// A decision without a plan.
pub fn plan_json(decision: &Decision, region: Option<&str>) -> Value {
    json!({
        "decision": decision.kind.name(),
        "region": region,
        "customer_gateway": decision.customer_gateway.as_ref().map(gateway_json),
        "steps": decision.steps.iter().map(step_json).collect::<Vec<_>>(),
        "gates": decision.gates.iter().map(gate_json).collect::<Vec<_>>(),
        "findings": decision.findings,
        "plan": null, "new": null, "order": null, "planned": null,
        "rewrites": [], "losses": [], "interruptions": [], "not_asked_to_come_up": [],
    })
}

/// Something that happened, on one line.
pub fn notice_json(notice: &Notice, progress: Option<&ReplacementProgress>) -> Value {
    let what = match notice {
        Notice::Began { step, connection, action, target } => {
            json!({"kind": "began", "step": step, "connection": connection, "action": action, "target": target})
        }
        Notice::Waits { step, connection, reason } => json!({"kind": "waits", "step": step, "connection": connection, "reason": reason}),
        Notice::Proven { step, connection } => json!({"kind": "proven", "step": step, "connection": connection}),
        Notice::Turned(why) => json!({"kind": "turned", "why": why}),
        Notice::Stopped(stopped) => json!({"kind": "stopped", "stopped": stopped}),
    };
    let (done, total) = progress.map(ReplacementProgress::count).unwrap_or_default();
    json!({"notice": what, "plan": progress.map(|progress| &progress.plan.id), "done": done, "total": total})
}

/// How this attempt at a replacement ended.
pub fn ended_json(ended: &Ended, replacements: &Replacements, millis: u64) -> Value {
    let (outcome, why, stopped): (&str, Option<&str>, Option<&Stopped>) = match ended {
        Ended::Done { .. } => ("done", None, None),
        Ended::RolledBack { why } => ("rolled_back", Some(why), None),
        Ended::Stopped(stopped) => ("interrupted", Some(&stopped.message), Some(stopped)),
    };
    let mut document = end_json(outcome, replacements, millis);
    document["ended"]["why"] = json!(why);
    document["ended"]["stopped"] = json!(stopped);
    if let Ended::Done { kept: Some(kept), .. } = ended {
        document["ended"]["kept"] = json!({"why": kept.why, "remedy": kept.remedy});
    }
    document
}

/// The same without a word of the executor's: the daemon lets go of it.
pub fn end_json(outcome: &str, replacements: &Replacements, millis: u64) -> Value {
    let last = replacements.last.as_ref().filter(|_| replacements.open.is_none());
    let progress = replacements.open.as_ref().or(last.map(|last| &*last.progress));
    let connections = progress.map(moved).unwrap_or_default();
    let connections: Vec<Value> = connections
        .into_iter()
        .map(|one| json!({"old_id": one.old_id, "new_id": one.new_id, "strategy": one.strategy, "verified": one.verified}))
        .collect();
    let new = last.and_then(|last| last.new_gateway.clone()).or_else(|| progress.and_then(new_gateway));
    json!({"ended": {
        "outcome": outcome,
        "plan": progress.map(|progress| &progress.plan.id),
        "why": null,
        "stopped": null,
        "old_customer_gateway_id": progress.and_then(|progress| progress.plan.old.first()).map(|old| &old.id),
        "new_customer_gateway_id": new,
        "connections": connections,
        "leftover": last.map(PastReplacement::own_leftover).unwrap_or_default(),
        "timeline": progress.map(timeline).unwrap_or_default(),
        "steps": progress.map(|progress| steps(&progress.plan)).unwrap_or_default(),
        "written": progress.is_some_and(has_written),
        "millis": millis,
    }})
}

/// What the plan was to do, for whoever did not see it drafted.
fn steps(plan: &ReplacementPlan) -> Vec<Value> {
    plan.steps().filter(|step| is_shown(&step.op)).map(|step| step_json(&as_planned(plan, step))).collect()
}

/// Whether the plan has done anything to the cloud, or may have: what was refused for certain has not.
pub fn has_written(progress: &ReplacementProgress) -> bool {
    let did = |step: &StepProgress| {
        let sent_and_seen = step.first_sent.is_some() && step.proven.is_some();
        step.open.is_some() || step.answered || step.doubtful.is_some() || sent_and_seen
    };
    progress.steps.values().any(did)
}

pub fn abandoned_json(abandoned: &Abandoned, replacements: &Replacements, millis: u64) -> Value {
    let (outcome, why, stays) = match abandoned {
        Abandoned::Yes { stays } => ("abandoned", None, stays.clone()),
        Abandoned::NotSafe(why) => ("not_safe", Some(why), Vec::new()),
    };
    let mut document = end_json(outcome, replacements, millis);
    document["ended"]["why"] = json!(why);
    document["ended"]["stays"] = json!(stays);
    document["ended"]["by_itself"] = json!(replacements.last.as_ref().is_some_and(|last| last.by_itself));
    document
}

/// The customer gateway that takes the old one's place, once it exists.
pub fn new_gateway(progress: &ReplacementProgress) -> Option<String> {
    let makes = |op: &Op| matches!(op, Op::CreateGateway { slot: Slot::New } | Op::AdoptGateway { .. });
    let made = progress.plan.steps().filter(|step| makes(&step.op)).find_map(|step| progress.step(&step.id).id);
    progress.plan.new.id.clone().or(made)
}

/// `replacement` of the status while one is open. `running`: somebody carries it on at this moment.
pub fn status_json(progress: &ReplacementProgress, running: bool, waiting_for: Option<&str>) -> Value {
    let (done, total) = progress.count();
    let old: Vec<Value> =
        progress.plan.old.iter().map(|old| json!({"id": old.id, "ip": old.ip, "asn": old.asn.map(Asn::number)})).collect();
    let new = &progress.plan.new;
    json!({
        "phase": phase(progress, running),
        "done": done,
        "total": total,
        "waiting_for": waiting_for,
        "plan": progress.plan.id,
        "began": format!("{:.3}", progress.began),
        "old": old,
        "new": {"id": new_gateway(progress), "ip": new.ip, "asn": new.asn.map(Asn::number)},
    })
}

/// `replacement` of the status while one is needed and has not begun.
pub fn needed_json(total: usize, waiting_for: &str) -> Value {
    json!({"phase": "waiting", "done": 0, "total": total, "waiting_for": waiting_for, "plan": null, "began": null, "old": [], "new": null})
}

fn phase(progress: &ReplacementProgress, running: bool) -> &'static str {
    if progress.stopped.is_some() && !running {
        return "stopped";
    }
    if progress.turned.is_some() {
        return "rolling_back";
    }
    if progress.steps.is_empty() {
        return "planned";
    }
    let is_under_way = |id: &str| progress.steps.contains_key(id) && !progress.is_proven(id);
    let under_way: Vec<&Op> = progress.plan.steps().filter(|step| is_under_way(&step.id)).map(|step| &step.op).collect();
    let verifies = |op: &&Op| matches!(op, Op::Verify { .. });
    if !under_way.is_empty() && under_way.iter().all(verifies) { "verifying" } else { "running" }
}
