//! What the scenes say in a few words, and the same for the document.

use super::machine::{Bgp, Identity, Machine, Verdict};
use super::world::Told;
use crate::alert::journald;
use crate::model::{Network, Observation};
use crate::observe::interface::Role;
use crate::plan::Step;
use crate::simulator::CallRecord;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

/// The algorithm and the first digits.
pub fn signature(call: &CallRecord) -> String {
    let header = call.authorization.as_deref().unwrap_or_default();
    let algorithm = header.split(' ').next().unwrap_or_default();
    let digits: String = header.rsplit("Signature=").next().unwrap_or_default().chars().take(8).collect();
    format!("{algorithm} Signature={digits}…")
}

/// `DescribeRegions, DescribeVpnGateway ×3`.
pub fn counted(actions: &[&str]) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for action in actions {
        match counts.iter_mut().find(|(name, _)| name == action) {
            Some((_, count)) => *count += 1,
            None => counts.push((action, 1)),
        }
    }
    let words = counts.iter().map(|(name, count)| if *count == 1 { (*name).to_owned() } else { format!("{name} ×{count}") });
    words.collect::<Vec<_>>().join(", ")
}

/// What this machine would write into its `[address]` table.
pub fn hint(machine: &Machine, identity: &Identity) -> String {
    let holder = machine.interface_of(identity.address).filter(|_| !identity.borrowed);
    let source =
        holder.map_or_else(|| "the interface that the tunnels leave from".to_owned(), |name| format!("sources = [\"interface:{name}\"]"));
    match identity.network {
        Network::Public => format!("network = \"public\", {source}"),
        Network::Private => format!("network = \"private\", {source}; behind NAT: \"public\" and an https: source"),
    }
}

/// From before the change of the file to the alert.
pub fn after(changed: Instant, told: &Told) -> String {
    let seconds = told.at.duration_since(changed).as_secs_f64();
    if seconds < 1.0 { format!("{:.1} ms", seconds * 1000.0) } else { format!("{seconds:.2} s") }
}

/// Each table of the configuration on one line.
pub fn tables(config: &str) -> String {
    config.lines().fold(String::new(), |text, line| match () {
        () if text.is_empty() => line.to_owned(),
        () if line.starts_with('[') => format!("{text}\n{line}"),
        () if text.ends_with(']') && text.lines().last().is_some_and(|table| table.starts_with('[') && !table.contains('=')) => {
            format!("{text} {line}")
        }
        () => format!("{text}, {line}"),
    })
}

/// One line for each step of a plan.
pub fn in_short(steps: &[Step]) -> String {
    let line = |step: &Step| {
        let mark = if step.destructive { " !" } else { "" };
        format!("{:>2}. {} {}{mark}  {}", step.id, step.action.name(), step.target, step.reason)
    };
    let lines: String = steps.iter().map(|step| shortened(&line(step))).collect();
    format!("`!` interrupts or removes\n{lines}")
}

/// Words on lines that fit a terminal.
pub fn filled(words: impl Iterator<Item = String>) -> String {
    const WIDTH: usize = 84;
    words.fold(String::new(), |text, word| {
        let last = text.rsplit('\n').next().unwrap_or_default().len();
        match last {
            0 => word,
            _ if last + word.len() < WIDTH => format!("{text} {word}"),
            _ => format!("{text}\n{word}"),
        }
    })
}

/// A line of the history that fits beside others; `cgwd history` shows it whole.
pub fn shortened(line: &str) -> String {
    const WIDTH: usize = 112;
    let line = line.trim_end();
    if line.chars().count() <= WIDTH { format!("{line}\n") } else { format!("{}…\n", line.chars().take(WIDTH).collect::<String>()) }
}

/// This program as the person called it.
pub fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "cgwd".to_owned())
}

pub fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

pub fn unread<T: std::fmt::Display>(observation: &Observation<T>) -> String {
    match observation {
        Observation::Known(value) => value.to_string(),
        Observation::Unknown(why) => why.clone(),
        Observation::Conflicting(values) => format!("several: {}", values.iter().map(T::to_string).collect::<Vec<_>>().join(", ")),
    }
}

pub fn role_name(role: Role) -> &'static str {
    match role {
        Role::Primary => "primary",
        Role::Secondary => "secondary",
        Role::Virtual => "virtual",
        Role::Labelled => "labelled",
        Role::Local => "local",
    }
}

pub fn alert_json(changed: Instant, told: &Told) -> Value {
    let form = journald::export_form(&told.notice);
    let fields: Map<String, Value> =
        form.lines().filter_map(|line| line.split_once('=')).map(|(name, value)| (name.to_owned(), json!(value))).collect();
    json!({
        "code": told.notice.alert.event.code,
        "millis": told.at.duration_since(changed).as_secs_f64() * 1000.0,
        "journal": fields,
    })
}

pub fn machine_json(machine: &Machine, verdict: Option<&Verdict>, identity: &Identity) -> Value {
    let read = |known: Option<String>, why: String| json!({"value": known, "error": known.is_none().then_some(why)});
    let addresses = machine.addresses.as_ref().map(|all| {
        let shown = all.iter().map(|(assigned, role)| {
            json!({"interface": assigned.label, "address": assigned.address, "length": assigned.length, "role": role_name(*role)})
        });
        shown.collect::<Vec<_>>()
    });
    let mut route = read(machine.route.value.known().map(ToString::to_string), unread(&machine.route.value));
    route["source"] = json!(machine.route.source);
    let bgp = machine.bgp.iter().map(|(source, observation)| {
        let mut shown = read(observation.known().cloned(), unread(observation));
        shown["source"] = json!(source.to_string());
        shown
    });
    let (asn, asn_source) = match &identity.bgp {
        Bgp::Source { source, asn } => (asn.to_string(), source.to_string()),
        Bgp::StandIn { asn } => ((*asn).to_owned(), "the demo".to_owned()),
    };
    json!({
        "addresses": addresses.as_ref().ok(),
        "error": addresses.as_ref().err(),
        "route": route,
        "bgp": bgp.collect::<Vec<_>>(),
        "verdict": verdict.map(|verdict| json!({"address": verdict.address, "public": verdict.public, "private": verdict.private})),
        "goes_on_with": {
            "address": identity.address, "network": identity.network.name(), "of_this_machine": !identity.borrowed,
            "asn": asn, "asn_source": asn_source,
        },
    })
}
