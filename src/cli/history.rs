//! `cgwd history`: what was observed, told and written, newest last.

use super::Context;
use super::exit::{Exit, Failure};
use crate::journal::record::{AlertText, StepRef};
use crate::journal::{Entry, Journal, Record};
use crate::model::{Op, ReplacementPlan};
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[derive(Debug, clap::Args)]
pub struct HistoryArgs {
    /// Only the newest so many entries
    #[arg(short = 'n', long, value_name = "COUNT")]
    last: Option<usize>,
}

pub fn run(context: &Context, arguments: HistoryArgs) -> Result<Exit, Failure> {
    let (directory, loaded) = context.load_to_look()?;
    let journal = Journal::open_to_read(&directory)?;
    match loaded {
        Err(failure) if journal.is_none() => return Err(failure),
        Err(failure) => context.output.problem(&failure),
        Ok(_) => {}
    }
    let entries = journal.as_ref().map(Journal::entries).transpose()?.unwrap_or_default();
    let mut history = history(&entries);
    if let Some(last) = arguments.last {
        history.drain(..history.len().saturating_sub(last));
    }
    context.output.result(&json!({"schema": 1, "entries": history}), |_| match history.is_empty() {
        true => "nothing has happened yet\n".to_owned(),
        false => history.iter().map(line).collect(),
    });
    Ok(Exit::Done)
}

/// One entry for each thing that happened: a cloud write is one, from its intent to its outcome.
pub fn history(entries: &[Entry]) -> Vec<Value> {
    let mut history: Vec<Value> = Vec::new();
    // What stands, in the words that were told last: the records of a reminder and of the end have none.
    let mut standing: BTreeMap<(&str, &str), &AlertText> = BTreeMap::new();
    let mut plans: BTreeMap<&str, &ReplacementPlan> = BTreeMap::new();
    for entry in entries {
        if let Record::AlertRaised { alert } = &entry.record {
            standing.insert((&alert.code, &alert.key), alert);
        }
        if let Record::ReplacementPlanned { plan, .. } = &entry.record {
            plans.insert(&plan.id, plan);
        }
        if !extends_a_write(&mut history, entry) {
            let mut begun = begins(entry, &standing);
            if let Some(entry) = &mut begun {
                explain(entry, &plans);
            }
            history.extend(begun);
        }
    }
    for write in &mut history {
        if let Some(write) = write.as_object_mut() {
            write.remove("seq");
        }
    }
    history
}

/// A step in words, and why it is done: of a write for it, that says why something was deleted.
fn explain(entry: &mut Value, plans: &BTreeMap<&str, &ReplacementPlan>) {
    let (Some(plan), Some(step)) = (entry["plan"].as_str(), entry["step"].as_str()) else { return };
    let Some(plan) = plans.get(plan) else { return };
    match (plan.words.get(step), plan.step(step).map(|step| &step.op)) {
        (Some(words), _) if entry["kind"] == "write" => entry["why"] = json!(words.reason),
        (Some(words), _) if entry["kind"] == "step" => entry["words"] = json!(format!("{} {}", words.action, words.target)),
        (None, Some(Op::Verify { connection, index: 0 })) => entry["words"] = json!(format!("Verify {connection}")),
        (None, Some(Op::Verify { connection, index })) => entry["words"] = json!(format!("Verify tunnel {index} of {connection}")),
        _ => {}
    }
}

fn begins(entry: &Entry, standing: &BTreeMap<(&str, &str), &AlertText>) -> Option<Value> {
    let at = format!("{:.3}", entry.at);
    Some(match &entry.record {
        Record::AddressNoticed { value, source, previous } => {
            json!({"at": at, "kind": "observation", "what": "address", "value": value, "source": source, "previous": previous, "settled": false})
        }
        Record::AddressSettled { value, source, previous } => {
            json!({"at": at, "kind": "observation", "what": "address", "value": value, "source": source, "previous": previous, "settled": true})
        }
        Record::AsnSettled { value, source, previous } => {
            json!({"at": at, "kind": "observation", "what": "asn", "value": value, "source": source, "previous": previous, "settled": true})
        }
        Record::RegionFound { selector, region } => json!({"at": at, "kind": "region", "selector": selector, "region": region}),
        Record::DecisionChanged { decision, summary } => json!({"at": at, "kind": "decision", "decision": decision, "summary": summary}),
        Record::WriteIntended { action, target, region, client_token, request_hash, step, edited, .. } => {
            let mut write = json!({
                "at": at, "kind": "write", "seq": entry.seq, "action": action, "target": target, "region": region,
                "client_token": client_token, "request_hash": request_hash, "request_id": null, "outcome": "intended", "attempts": 1,
            });
            if let Some(StepRef { plan, step }) = step {
                write["plan"] = json!(plan);
                write["step"] = json!(step);
            }
            if let Some(edited) = edited {
                write["edited"] = json!(edited);
            }
            write
        }
        Record::GatewayRegistered { id, ip, asn, region, how } => json!({
            "at": at, "kind": "registered", "customer_gateway_id": id, "ip": ip, "asn": asn, "region": region, "how": how,
        }),
        Record::GatewayReleased { id, why } => json!({"at": at, "kind": "released", "customer_gateway_id": id, "why": why}),
        Record::ReplacementPlanned { plan, .. } => json!({
            "at": at, "kind": "replacement", "phase": "planned", "plan": plan.id, "order": plan.order, "planned": plan.planned,
            "old": plan.old, "ip": plan.new.ip, "asn": plan.new.asn, "connections": plan.connections(), "steps": plan.steps().count(),
        }),
        Record::StepProven { plan, step, id, since } => {
            json!({"at": at, "kind": "step", "phase": "proven", "plan": plan, "step": step, "id": id, "since": since})
        }
        Record::StepUndone { plan, step, later } => {
            json!({"at": at, "kind": "step", "phase": "undone", "plan": plan, "step": step, "id": null, "later": later})
        }
        Record::VerificationBegan { plan, step, .. } => {
            json!({"at": at, "kind": "step", "phase": "verifying", "plan": plan, "step": step, "id": null})
        }
        Record::ReplacementTurned { plan, why } => json!({"at": at, "kind": "replacement", "phase": "turned", "plan": plan, "why": why}),
        Record::ReplacementStopped { plan, stopped } => json!({
            "at": at, "kind": "replacement", "phase": "stopped", "plan": plan, "step": stopped.step, "reason": stopped.reason,
            "message": stopped.message, "remedy": stopped.remedy,
        }),
        Record::ReplacementResumed { plan } => json!({"at": at, "kind": "replacement", "phase": "resumed", "plan": plan}),
        Record::ReplacementEnded { plan, outcome, new_gateway, leftover, .. } => json!({
            "at": at, "kind": "replacement", "phase": "ended", "plan": plan, "outcome": outcome, "customer_gateway_id": new_gateway,
            "leftover": leftover,
        }),
        Record::AlertRaised { alert } => told(&at, "raised", alert),
        Record::AlertOccurred { alert } => told(&at, "occurred", alert),
        Record::AlertReminded { code, key } => again(&at, "reminded", code, key, standing),
        Record::AlertCleared { code, key } => again(&at, "cleared", code, key, standing),
        Record::TunnelsWorked { .. }
        | Record::CloudContact { .. }
        | Record::WriteResent { .. }
        | Record::WriteDone { .. }
        | Record::WriteRefused { .. }
        | Record::WriteUnconfirmed { .. }
        | Record::WriteConcluded { .. } => return None,
    })
}

fn again(at: &str, phase: &str, code: &str, key: &str, standing: &BTreeMap<(&str, &str), &AlertText>) -> Value {
    match standing.get(&(code, key)) {
        Some(alert) => told(at, phase, alert),
        None => json!({"at": at, "kind": "alert", "phase": phase, "code": code, "key": key, "message": null}),
    }
}

fn told(at: &str, phase: &str, alert: &AlertText) -> Value {
    json!({
        "at": at, "kind": "alert", "phase": phase, "code": alert.code, "key": alert.key,
        "message": alert.message, "remedy": alert.remedy, "fields": alert.fields,
    })
}

/// Outcomes go to the entry of their intent.
fn extends_a_write(history: &mut [Value], entry: &Entry) -> bool {
    let (intent, changes) = match &entry.record {
        Record::WriteResent { intent, edited: Some(edited), .. } => (intent, json!({"edited": edited})),
        Record::WriteResent { intent, .. } => (intent, json!({})),
        Record::WriteDone { intent, request_id, result, .. } => {
            (intent, json!({"outcome": "done", "request_id": request_id, "result": result}))
        }
        Record::WriteRefused { intent, request_id, code, message } => {
            (intent, json!({"outcome": "refused", "request_id": request_id, "code": code, "message": message}))
        }
        Record::WriteUnconfirmed { intent, request_id, code, message, .. } => {
            (intent, json!({"outcome": "unconfirmed", "request_id": request_id, "code": code, "message": message}))
        }
        Record::WriteConcluded { intent, found } => (
            intent,
            json!({"outcome": if found.is_some() { "done" } else { "did_not_happen" }, "result": found, "concluded_by": "looking"}),
        ),
        _ => return false,
    };
    let Some(write) = history.iter_mut().find(|write| write["seq"] == *intent) else { return true };
    if matches!(entry.record, Record::WriteResent { .. }) {
        write["attempts"] = json!(write["attempts"].as_u64().unwrap_or(1) + 1);
    }
    for (key, value) in changes.as_object().into_iter().flatten() {
        write[key] = value.clone();
    }
    true
}

/// One entry on a line for a person.
pub fn line(entry: &Value) -> String {
    let word = |key: &str| match &entry[key] {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    };
    let at = word("at");
    let what = match entry["kind"].as_str().unwrap_or_default() {
        "observation" => {
            let state = if entry["settled"] == true { "settled" } else { "noticed" };
            format!("{} {state}: {} (was {}) from {}", word("what"), word("value"), word("previous"), word("source"))
        }
        "write" => {
            let step = entry["step"].as_str().map(|step| format!(" for step {step} of replacement {}", word("plan"))).unwrap_or_default();
            let why = entry["why"].as_str().map(|why| format!(": {why}")).unwrap_or_default();
            format!(
                "{} {}: {} [RequestId {}, ClientToken {}]{step}{why}",
                word("action"),
                word("target"),
                word("outcome"),
                word("request_id"),
                word("client_token")
            )
        }
        "replacement" => replacement_line(entry),
        "step" => {
            let words = entry["words"].as_str().map(|words| format!(" {words}")).unwrap_or_default();
            let id = entry["id"].as_str().map(|id| format!(", as {id}")).unwrap_or_default();
            let phase = match entry["phase"].as_str().unwrap_or_default() {
                "proven" => "done, as a reading shows",
                "verifying" => "has to come up now",
                other => other,
            };
            format!("step {}{words} of replacement {}: {phase}{id}", word("step"), word("plan"))
        }
        "alert" => format!("alert {} {}: {}", word("code"), word("phase"), word("message")),
        "decision" => format!("decision {} {}", word("decision"), word("summary")),
        "registered" => format!("{} {} with {} is this device's", word("how"), word("customer_gateway_id"), word("ip")),
        "released" => format!("{} let go: {}", word("customer_gateway_id"), word("why")),
        "region" => format!("{} is in {}", word("selector"), word("region")),
        other => other.to_owned(),
    };
    format!("{at}  {what}\n")
}

fn replacement_line(entry: &Value) -> String {
    let word = |key: &str| entry[key].as_str().unwrap_or("-").to_owned();
    let begun = format!("replacement {}", word("plan"));
    let asn = |value: &Value| value.as_u64().map(|asn| format!(" AS{asn}")).unwrap_or_default();
    match entry["phase"].as_str().unwrap_or_default() {
        "planned" => {
            let old = entry["old"].as_array().into_iter().flatten();
            let old: Vec<String> = old
                .map(|old| format!("{} ({}{})", old["id"].as_str().unwrap_or("-"), old["ip"].as_str().unwrap_or("-"), asn(&old["asn"])))
                .collect();
            let planned = if entry["planned"] == true { ", a planned move" } else { "" };
            let connections: Vec<&str> = entry["connections"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let connections = if connections.is_empty() { "no connection".to_owned() } else { connections.join(", ") };
            format!(
                "{begun} begins: {} by {}{} for {connections}, {} steps in the order {}{planned}",
                old.join(" and "),
                word("ip"),
                asn(&entry["asn"]),
                entry["steps"],
                word("order"),
            )
        }
        "turned" => format!("{begun} goes back: {}", word("why")),
        "stopped" => {
            let step = entry["step"].as_str().map(|step| format!(" at step {step}")).unwrap_or_default();
            format!("{begun} stops{step}: {} (what to do: {})", word("message"), word("remedy"))
        }
        "resumed" => format!("{begun} goes on"),
        "ended" => {
            let new = entry["customer_gateway_id"].as_str().map(|id| format!(", {id} is this device's")).unwrap_or_default();
            let leftover: Vec<&str> = entry["leftover"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let leftover = if leftover.is_empty() { String::new() } else { format!("; {} could not be deleted", leftover.join(", ")) };
            format!("{begun} has ended: {}{new}{leftover}", word("outcome").replace('_', " "))
        }
        other => format!("{begun}: {other}"),
    }
}
