//! What the daemon knows, as one document: from its socket while it runs, from the journal when it is down.

use super::replacement::show as replacement;
use super::{Daemon, Examined};
use crate::alert::catalogue::find;
use crate::journal::replay::Progress;
use crate::model::{Asn, CustomerGateway, Settings, Severity, Timestamp};
use crate::plan::{DecisionKind, Gate, Step};
use serde_json::{Value, json};
use std::net::IpAddr;

/// The stable document of `cgwd status --json`, with the words for a person made from it.
#[derive(Clone, Debug)]
pub struct Status(Value);

impl Status {
    pub fn starting(settings: &Settings, progress: &Progress, started: Timestamp) -> Status {
        Status(json!({
            "schema": 1, "daemon": "running", "responds": true, "device": settings.device, "pid": std::process::id(), "started": format!("{started:.3}"),
            "decision": null, "address": null, "asn": null, "customer_gateway": null,
            "replacement": replacement::of_journal(progress, Some(settings)),
            "alerts": [], "findings": [], "last_cloud_contact": null,
        }))
    }

    /// As the journal has it; the daemon does not run. `settings`: `None` where the configuration cannot be used.
    pub fn of_journal(settings: Option<&Settings>, progress: Option<&Progress>) -> Status {
        let network = settings.map(|settings| settings.address.network.name());
        let registered = progress.and_then(|progress| progress.registered.as_ref());
        let address = progress.and_then(|progress| progress.address.as_ref());
        let asn = progress.and_then(|progress| progress.asn.as_ref());
        let alerts: Vec<Value> = progress
            .iter()
            .flat_map(|progress| progress.alerts.values())
            .map(|standing| {
                let alert = &standing.alert;
                let severity = alert.severity.or_else(|| find(&alert.code).map(|event| event.severity));
                alert_json(&alert.code, severity, &alert.key, &alert.message, &alert.remedy, standing.since)
            })
            .collect();
        Status(json!({
            "schema": 1,
            "daemon": "stopped",
            "responds": false,
            "device": settings.map(|settings| &settings.device),
            "decision": progress.and_then(|progress| progress.decision.clone()),
            "address": address.map(|settled| address_json(settled.value, &settled.source, network, true)),
            "asn": asn.and_then(|settled| Some(asn_json(Asn::new(settled.value?)?, &settled.source))),
            "customer_gateway": registered.map(|known| json!({
                "id": known.id, "ip": known.ip, "asn": known.asn.map(Asn::number), "name": null, "created": null, "region": known.region,
            })),
            "replacement": progress.map(|progress| replacement::of_journal(progress, settings)),
            "alerts": alerts,
            "findings": [],
            "last_cloud_contact": progress.and_then(|progress| progress.last_cloud_contact).map(|at| format!("{at:.3}")),
        }))
    }

    /// What the journal says, of a daemon that runs and does not answer.
    pub fn of_a_silent_daemon(mut self, pid: Option<i32>) -> Status {
        self.0["daemon"] = json!("running");
        self.0["responds"] = json!(false);
        self.0["pid"] = json!(pid);
        self
    }

    /// From the document that a running daemon sent.
    pub fn from_document(document: Value) -> Status {
        Status(document)
    }

    pub fn json(&self) -> Value {
        self.0.clone()
    }

    /// One line for the service manager.
    pub fn words(&self) -> String {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let address = text(&self.0["address"]["value"]);
        let asn = self.0["asn"]["value"].as_u64().map(|asn| format!(" AS{asn}")).unwrap_or_default();
        let gateway = text(&self.0["customer_gateway"]["id"]);
        let alerts = self.0["alerts"].as_array().map_or(0, Vec::len);
        let state = match self.0["decision"].as_str() {
            _ if self.0["replacement"]["plan"].is_string() => replacing_words(&self.0["replacement"]),
            Some("in_sync") => format!("in sync: {address}{asn} is {gateway}"),
            Some("replace") => format!("replacement needed: {address}{asn} is not what {gateway} holds"),
            Some("blocked") => format!("blocked: {address}{asn}"),
            Some(other) => format!("{other}: {address}{asn}"),
            None if address.is_empty() => "looking for this device's address".to_owned(),
            None => format!("{address}{asn}: not compared with the cloud yet"),
        };
        if alerts == 0 { state } else { format!("{state}; {alerts} alert{} standing", if alerts == 1 { "" } else { "s" }) }
    }
}

impl Daemon {
    pub(super) fn publish(&mut self, examined: &Examined, now: Timestamp) {
        let decision = self.decision(examined).map(|(decision, _)| decision);
        let earlier = self.status.borrow().json();
        let registration = self.cloud.report.as_ref().and_then(|report| report.result.as_ref().ok()).and_then(Option::as_ref);
        let gateway = match registration {
            Some(registration) => registration.customer_gateway.as_ref().map(gateway_json).unwrap_or(Value::Null),
            // A visit that failed takes nothing away from what an earlier one saw.
            None => earlier["customer_gateway"].clone(),
        };
        let decision = decision.map(DecisionKind::name).map(Value::from).unwrap_or_else(|| earlier["decision"].clone());
        let settled = self.address.settled().copied();
        let shown = examined.address.as_ref().map(|address| address.value).or(settled);
        let source = examined.address.as_ref().map(|address| address.source.clone());
        let source = source.or_else(|| self.state.progress(|progress| progress.address.as_ref().map(|settled| settled.source.clone())));
        let alerts: Vec<Value> = self
            .book
            .shown(now)
            .map(|standing| {
                let alert = &standing.alert;
                alert_json(alert.event.code, Some(alert.severity), &alert.key, &alert.message, &alert.remedy, standing.since)
            })
            .collect();
        let mut findings = examined.findings.clone();
        findings.extend(registration.iter().flat_map(|registration| registration.decision.findings.clone()));
        findings.extend(self.cloud.report.iter().flat_map(|report| report.located.findings.clone()));
        findings.dedup();
        let status = json!({
            "schema": 1,
            "daemon": "running",
            "responds": true,
            "device": self.settings.device,
            "pid": std::process::id(),
            "started": format!("{:.3}", self.started),
            "seen": format!("{now:.3}"),
            "region": self.cloud.report.as_ref().and_then(|report| report.located.region.clone()),
            "decision": decision,
            "address": shown.map(|value| json!({
                "value": value, "source": source, "network": self.settings.address.network.name(),
                "settled": settled == Some(value), "candidate": self.address.candidate(),
            })),
            "asn": examined.asn.as_ref().map(|asn| asn_json(asn.asn, &asn.source)),
            "customer_gateway": gateway,
            "replacement": self.replacement_json(),
            "alerts": alerts,
            "findings": findings,
            "watch_only": self.watch_only(),
            "last_cloud_contact": self.cloud.last_contact.map(|at| format!("{at:.3}")),
        });
        *self.status.borrow_mut() = Status(status);
    }
}

/// A replacement that is open, in words.
pub fn replacing_words(replacement: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (old, new) = (&replacement["old"][0], &replacement["new"]);
    let new_id = new["id"].as_str().map(|id| format!(" as {id}")).unwrap_or_default();
    let phase = text(&replacement["phase"]).replace('_', " ");
    let waits = replacement["waiting_for"].as_str().map(|what| format!(", waits for {what}")).unwrap_or_default();
    format!(
        "replacing {} ({}) by {}{new_id}: {phase}, {} of {} steps done{waits}",
        text(&old["id"]),
        text(&old["ip"]),
        text(&new["ip"]),
        replacement["done"],
        replacement["total"],
    )
}

/// A customer gateway as every document shows it.
pub fn gateway_json(gateway: &CustomerGateway) -> Value {
    json!({
        "id": gateway.id,
        "ip": gateway.ip,
        "asn": gateway.asn.map(Asn::number),
        "name": gateway.name,
        "created": gateway.created.map(|created| created.to_string()),
    })
}

/// A step of a plan as every document shows it.
pub fn step_json(step: &Step) -> Value {
    json!({
        "id": step.id,
        "action": step.action.name(),
        "target": step.target,
        "strategy": step.strategy.map(|strategy| strategy.name()),
        "reason": step.reason,
        "destructive": step.destructive,
    })
}

/// A gate with its evidence as every document shows it.
pub fn gate_json(gate: &Gate) -> Value {
    json!({"name": gate.name, "passed": gate.passed, "detail": gate.detail})
}

/// An ASN as every document shows it.
pub fn asn_json(asn: Asn, source: &str) -> Value {
    json!({"value": asn.number(), "dotted": asn.dotted(), "source": source})
}

/// An address as every document shows it.
pub fn address_json(value: IpAddr, source: &str, network: Option<&str>, settled: bool) -> Value {
    json!({"value": value, "source": source, "network": network, "settled": settled})
}

fn alert_json(code: &str, severity: Option<Severity>, key: &str, message: &str, remedy: &str, since: Timestamp) -> Value {
    json!({"code": code, "severity": severity, "key": key, "message": message, "remedy": remedy, "since": format!("{since:.3}")})
}
