//! From what is known to what is worth an alert. Pure.

pub mod replacement;

use self::replacement::{Ahead, Replaced};
use super::background::CloudReport;
use super::want::Wanted;
use super::{Examined, with_causes};
use crate::alert::catalogue::{event, find};
use crate::alert::raise::{Alert, Fields, Standing};
use crate::cloud::cloud_time::MAX_OFFSET_FOR_WRITES;
use crate::cloud::error::CloudError;
use crate::execute::{ExecuteError, Registration};
use crate::facts::findings as codes;
use crate::journal::record::AlertText;
use crate::journal::replay::{PendingWrite, Progress};
use crate::model::{Finding, ReplacementPolicy, Severity, Timestamp};
use crate::plan::{CLOCK_TOLERANCE, Decision, DecisionKind};
use jiff::SignedDuration;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

/// Somebody who gives an interface its new address before taking the old one away is done by then.
const MOMENT: Duration = Duration::from_millis(500);

/// Everything that the conditions are judged by.
pub struct Known<'a> {
    pub examined: &'a Examined,
    pub settled: Option<IpAddr>,
    pub report: Option<&'a CloudReport>,
    pub deaf: Option<&'a str>,
    pub watch_only: Option<&'a str>,
    pub config_problem: Option<&'a str>,
    /// See [`open_writes`].
    pub pending: Vec<PendingWrite>,
    /// The settled address or ASN itself cannot be registered.
    pub unusable: bool,
    pub replacement: &'a Replaced,
    pub now: Timestamp,
    pub fields: Fields,
}

/// Conditions that only a successful reading of the cloud can judge.
const OF_THE_CLOUD: &[&str] = &["replacement.needed", "registration.blocked", "gateway.drift", "gateway.duplicate", "quota.full"];

/// What is so now, and the codes that could not be judged.
pub fn of(known: &Known<'_>) -> (Vec<Alert>, BTreeSet<&'static str>) {
    let mut alerts: Vec<Alert> = known.examined.findings.iter().filter_map(|finding| of_observation(finding, known)).collect();
    let mut not_evaluated = BTreeSet::new();
    if let Some(reason) = known.deaf {
        alerts.push(alert("observation.degraded", "netlink", format!("kernel events are not available: {reason}"), None, &known.fields));
    }
    if let Some(reason) = known.watch_only {
        alerts.push(watch_only(reason, &known.fields));
    }
    if let Some(problem) = known.config_problem {
        alerts.push(alert("config.invalid", "config", problem.to_owned(), None, &known.fields));
    }
    let of_replacement = Fields { plan_id: known.replacement.plan.clone(), ..known.fields.clone() };
    alerts.extend(known.pending.iter().filter(|pending| pending.unconfirmed).map(|pending| of_pending(pending, &of_replacement)));
    alerts.extend(replacement::of(known.replacement, known.now, &known.fields));
    match known.report {
        None => not_evaluated.extend(OF_THE_CLOUD.iter().chain(&["cloud.unreachable", "cloud.refused", "clock.skew"]).copied()),
        Some(report) => {
            if report.clock_offset.abs() > CLOCK_TOLERANCE {
                alerts.push(clock_skew(report.clock_offset, &known.fields));
            }
            match &report.result {
                // What is there belongs to the replacement until it is over.
                Ok(_) if known.replacement.changes_the_cloud => not_evaluated.extend(OF_THE_CLOUD.iter().copied()),
                // Only where we are was asked.
                Ok(None) if report.located.region.is_some() => not_evaluated.extend(OF_THE_CLOUD.iter().copied()),
                Ok(registration) => alerts.extend(of_visit(registration.as_ref(), report, known)),
                Err(error) => {
                    not_evaluated.extend(OF_THE_CLOUD.iter().copied());
                    alerts.extend(of_failure(error, &known.fields));
                }
            }
        }
    }
    if known.unusable {
        // It spoke of what this device no longer is.
        not_evaluated.remove("replacement.needed");
        alerts.retain(|alert| alert.event.code != "replacement.needed");
    }
    // A failed write can say what a reading would have said.
    not_evaluated.retain(|code| !alerts.iter().any(|alert| alert.event.code == *code));
    (alerts, not_evaluated)
}

/// Writes that have no outcome yet: of the registration, and of the steps of a replacement.
pub fn open_writes(progress: &Progress) -> Vec<PendingWrite> {
    let steps = progress.replacements.open.iter().flat_map(|open| open.steps.values());
    progress.pending.iter().chain(steps.filter_map(|step| step.open.as_ref())).cloned().collect()
}

fn alert(code: &str, key: &str, message: String, remedy: Option<&str>, fields: &Fields) -> Alert {
    let event = event(code);
    Alert::new(event, key, message).with_remedy(remedy.unwrap_or(event.remedy)).with_fields(fields.clone())
}

/// Without a number: it changes while the matter stays the same.
fn clock_skew(offset: SignedDuration, fields: &Fields) -> Alert {
    let direction = if offset.is_positive() { "behind" } else { "ahead of" };
    let message = if offset.abs() > MAX_OFFSET_FOR_WRITES {
        format!("this device's clock is more than a day {direction} the cloud's, so nothing is written")
    } else {
        format!("this device's clock is minutes {direction} the cloud's")
    };
    alert("clock.skew", "clock", message, None, fields)
}

fn of_observation(finding: &Finding, known: &Known<'_>) -> Option<Alert> {
    let code = match finding.code {
        codes::ADDRESS_MISSING => "observation.blind",
        codes::ADDRESS_DISAGREEMENT | codes::ADDRESS_AMBIGUOUS => "observation.disagreement",
        codes::ASN_MISSING | codes::ASN_UNKNOWN => "asn.unknown",
        other if finding.is_error() && other.starts_with("address.") => "address.unusable",
        other if finding.is_error() && other.starts_with("asn.") => "asn.unusable",
        _ => return None,
    };
    let address = known.examined.address.as_ref().map(|address| address.value.to_string());
    // Without the settled one: it becomes this very address while the matter stays the same.
    let fields = Fields { address_new: address, ..known.fields.clone() };
    let alert = alert(code, finding.code, finding.message.clone(), Some(&finding.remedy), &fields);
    // One source's own answer, which no slow source can explain away.
    Some(if finding.code == codes::ADDRESS_AMBIGUOUS { alert.with_patience(MOMENT) } else { alert })
}

fn of_pending(pending: &PendingWrite, fields: &Fields) -> Alert {
    let message = format!("could not confirm {} for {} in {}; looking again", pending.action, pending.target, pending.region);
    // Without a time: each attempt moves it.
    alert("write.unconfirmed", &pending.client_token, message, None, fields)
}

fn of_visit(registration: Option<&Registration>, report: &CloudReport, known: &Known<'_>) -> Vec<Alert> {
    let Some(registration) = registration else {
        return report.located.findings.iter().map(|finding| blocked(finding, &known.fields)).collect();
    };
    let decision = &registration.decision;
    let id = decision.customer_gateway.as_ref().map(|gateway| gateway.id.clone());
    let fields = Fields { customer_gateway_id: id, ..known.fields.clone() };
    let mut alerts = of_decision(decision, report, known.replacement, &fields);
    // What was mended in the same visit stands until the next one.
    alerts.extend(decision.findings.iter().chain(&registration.mended).filter_map(|finding| match finding.code {
        // What a replacement left behind has an alert of its own.
        codes::GATEWAY_DUPLICATE if !finding.is_error() && known.replacement.is_about_leftover(&finding.message) => None,
        codes::GATEWAY_DRIFT => {
            let drift = alert("gateway.drift", &finding.message, finding.message.clone(), Some(&finding.remedy), &fields);
            Some(drift.with_severity(finding.severity))
        }
        codes::GATEWAY_DUPLICATE => {
            let duplicate = alert("gateway.duplicate", &finding.message, finding.message.clone(), Some(&finding.remedy), &fields);
            Some(duplicate.with_severity(finding.severity))
        }
        _ => None,
    }));
    alerts
}

fn of_decision(decision: &Decision, report: &CloudReport, replaced: &Replaced, fields: &Fields) -> Vec<Alert> {
    match decision.kind {
        DecisionKind::Replace => report.wanted.iter().map(|wanted| replacement_needed(decision, wanted, replaced, fields)).collect(),
        DecisionKind::Blocked => {
            let own = [codes::GATEWAY_DRIFT, codes::GATEWAY_DUPLICATE];
            decision.errors().filter(|finding| !own.contains(&finding.code)).map(|finding| blocked(finding, fields)).collect()
        }
        DecisionKind::InSync | DecisionKind::Create | DecisionKind::Adopt => Vec::new(),
    }
}

fn blocked(finding: &Finding, fields: &Fields) -> Alert {
    let message = format!("{} ({})", finding.message, finding.code);
    alert("registration.blocked", finding.code, message, Some(&finding.remedy), fields)
}

fn replacement_needed(decision: &Decision, wanted: &Wanted, replaced: &Replaced, fields: &Fields) -> Alert {
    let (ip, asn) = (wanted.ip, wanted.asn);
    let old = decision.customer_gateway.as_ref();
    let moved: BTreeSet<&str> = decision.steps.iter().filter(|step| step.strategy.is_some()).map(|step| step.target.as_str()).collect();
    let what = match old {
        Some(old) if old.ip != ip => format!("the address is {ip}, customer gateway {} holds {}", old.id, old.ip),
        Some(old) => format!(
            "the ASN is {}, customer gateway {} holds {}",
            asn.map_or("none".into(), |asn| asn.to_string()),
            old.id,
            old.asn.map_or("none".into(), |asn| asn.to_string())
        ),
        None => format!("the address is {ip}"),
    };
    let message = format!("{what}, which cannot be edited; {} tunnels or connections depend on it", moved.len());
    let fields = Fields {
        address_old: old.map(|old| old.ip.to_string()),
        address_new: Some(ip.to_string()),
        asn: asn.map(|asn| asn.to_string()),
        ..fields.clone()
    };
    let key = format!("{ip}/{}", asn.map_or("-".into(), |asn| asn.to_string()));
    match &replaced.ahead {
        Some(ahead) => moved_ahead(ahead, old.map_or("", |old| &old.id), &key, &fields),
        None => alert("replacement.needed", &key, message, Some(remedy_of(replaced.policy)), &fields),
    }
}

/// It is as a person wanted it, so it points nobody back to what the device was.
fn moved_ahead(ahead: &Ahead, id: &str, key: &str, fields: &Fields) -> Alert {
    let Ahead { to, has } = ahead;
    let message = format!("customer gateway {id} was moved to {to} on purpose, and this device still has {has}");
    let remedy = format!("give this device {to}; or `sudo cgwd replace --planned` moves the customer gateway back to {has}");
    alert("replacement.needed", key, message, Some(&remedy), fields).with_severity(Severity::Warning)
}

/// What a person has to do depends on what the daemon does by itself.
fn remedy_of(policy: ReplacementPolicy) -> &'static str {
    match policy {
        ReplacementPolicy::Alert => {
            "run `cgwd plan` to see what has to be done, and `sudo cgwd replace` to have it done; `[replacement] policy` is `alert`, so nothing happens by itself"
        }
        ReplacementPolicy::Guided => "run `sudo cgwd replace`: it shows the plan and waits for your word; nothing is done before that",
        ReplacementPolicy::Auto => {
            "nothing, if the change is meant: the replacement begins by itself once the change has held and every gate is open; `cgwd status` shows what it waits for"
        }
    }
}

fn of_failure(error: &ExecuteError, fields: &Fields) -> Option<Alert> {
    match error {
        ExecuteError::Cloud(cloud) | ExecuteError::Hidden { refusal: cloud, .. } => Some(of_cloud_error(cloud, fields)),
        ExecuteError::Journal(journal) => Some(watch_only(&with_causes(journal), fields)),
        // The open write itself is what is told.
        ExecuteError::Unconfirmed { .. } => None,
        other => Some(alert("registration.blocked", "execution", with_causes(other), None, fields)),
    }
}

fn of_cloud_error(error: &CloudError, fields: &Fields) -> Alert {
    let fields = Fields { request_id: error.request_id.clone(), ..fields.clone() };
    let code = match error.finding_code() {
        codes::CLOCK_SKEW => {
            return alert("clock.skew", "clock", "the cloud does not accept this device's time".to_owned(), Some(&error.remedy), &fields);
        }
        codes::QUOTA_FULL => "quota.full",
        codes::CLOUD_UNREACHABLE => "cloud.unreachable",
        // One alert for both: either way the cloud said no.
        _ => "cloud.refused",
    };
    // The request id differs each time: it is a field, not part of what decides whether the alert is a new one.
    let message = match error.code.as_str() {
        "" => format!("{}: {}", error.action, error.message),
        code => format!("{}: {} ({code})", error.action, error.message),
    };
    alert(code, "cloud", message, Some(&error.remedy), &fields)
}

fn watch_only(why: &str, fields: &Fields) -> Alert {
    alert("state.watch_only", "state", format!("the state cannot be written: {why}"), None, fields)
}

/// The alerts that stood when the journal was last written.
pub fn standing(progress: &Progress) -> Vec<Standing> {
    progress
        .alerts
        .values()
        .filter_map(|standing| {
            let event = find(&standing.alert.code)?;
            let AlertText { key, message, remedy, fields, severity, .. } = &standing.alert;
            let alert = Alert::new(event, key, message).with_remedy(remedy).with_fields(Fields::from_map(fields));
            let alert = alert.with_severity(severity.unwrap_or(event.severity));
            Some(Standing { alert, since: standing.since, told: Some(standing.last_told) })
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
