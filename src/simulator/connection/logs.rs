//! DescribeVpnConnectionLogs: what the cloud's side logged of a negotiation, in the words of strongSwan's charon.

use super::NOT_FOUND;
use crate::model::Timestamp;
use crate::simulator::check;
use crate::simulator::device::{End, Entry, Event, Fault, Peers, ends};
use crate::simulator::objects::Objects;
use crate::simulator::request::Request;
use crate::simulator::response::{ApiError, Reply};
use jiff::SignedDuration;
use serde_json::json;

/// A side that got no tunnel tries again after this long.
const RETRY: SignedDuration = SignedDuration::from_secs(60);
/// How far back the log goes. Retention is not established (cloud/api.md 2.8).
const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// Oldest line first. `From` and `To` in seconds since 1970, or the last `MinutePeriod`.
pub fn describe(objects: &Objects, peers: &Peers, request: &Request, now: Timestamp) -> Reply {
    let page = check::page(request)?;
    let connection = objects.connection(request.required("VpnConnectionId")?).ok_or_else(|| ApiError::not_found(NOT_FOUND))?;
    let tunnel = request.filter("TunnelId");
    if tunnel.is_some_and(|id| !connection.tunnels.iter().any(|own| own.id == id)) {
        return Err(ApiError::illegal("TunnelId"));
    }
    let (from, to) = period(request, now)?;
    let own = ends(objects).filter(|end| end.connection.id == connection.id && tunnel.is_none_or(|id| end.id == id));
    let mut lines: Vec<(Timestamp, String)> =
        own.flat_map(|end| told(&end, peers, now)).filter(|(at, _)| (from..=to).contains(at)).collect();
    lines.sort_by_key(|(at, _)| *at);
    let total = lines.len();
    let shown: Vec<_> = page.of(lines).into_iter().map(|(at, line)| format!("{} {line}", at.strftime("%Y-%m-%dT%H:%M:%SZ"))).collect();
    let completed = (page.number - 1).saturating_mul(page.size) + shown.len() >= total;
    Ok(json!({"PageNumber": page.number, "PageSize": page.size, "Count": total, "IsCompleted": completed, "Data": {"Logs": shown}}))
}

fn period(request: &Request, now: Timestamp) -> Result<(Timestamp, Timestamp), ApiError> {
    let time = |name: &str, seconds: i64| Timestamp::from_second(seconds).map_err(|_| ApiError::illegal(name));
    if let (Some(from), Some(to)) = (request.integer("From")?, request.integer("To")?) {
        return if from <= to { Ok((time("From", from)?, time("To", to)?)) } else { Err(ApiError::illegal("From")) };
    }
    let minutes = request.integer("MinutePeriod")?.ok_or_else(|| ApiError::missing("MinutePeriod"))?;
    if !(1..=10).contains(&minutes) {
        return Err(ApiError::illegal("MinutePeriod"));
    }
    Ok((now - SignedDuration::from_mins(minutes), now))
}

/// Everything that the log has of one tunnel.
fn told(end: &End<'_>, peers: &Peers, now: Timestamp) -> Vec<(Timestamp, String)> {
    let entries: Vec<&Entry> = peers.history(end.id).collect();
    let ends = entries.iter().skip(1).map(|next| next.at).chain([now]);
    entries.iter().zip(ends).flat_map(|(entry, end_of_it)| lines(end, entry, end_of_it, now)).collect()
}

fn lines(end: &End<'_>, entry: &Entry, until: Timestamp, now: Timestamp) -> Vec<(Timestamp, String)> {
    let written = |at: Timestamp, lines: Vec<String>| lines.into_iter().map(move |line| (at, line)).collect::<Vec<_>>();
    let Event::Failed(fault) = &entry.event else { return written(entry.at, event(end, entry)) };
    let skipped = now.duration_since(entry.at).as_secs().saturating_sub(KEPT.as_secs()).max(0) / RETRY.as_secs();
    let tries = (skipped..).map_while(|number| entry.at.checked_add(RETRY * i32::try_from(number).ok()?).ok());
    tries.take_while(|at| *at == entry.at || *at < until).flat_map(|at| written(at, attempt_to(end, &entry.peer, fault))).collect()
}

fn event(end: &End<'_>, entry: &Entry) -> Vec<String> {
    let (id, peer, cloud) = (end.id, &entry.peer, end.internet_ip);
    match &entry.event {
        Event::Configured => vec![format!("[CFG] <{id}> loaded connection, peer {peer}")],
        Event::Established => vec![
            format!("[IKE] <{id}> initiating IKE_SA to {peer}"),
            format!("[IKE] <{id}> IKE_SA established between {cloud}[{}]...{peer}[{}]", end.local_id(), end.ike.remote_id),
            format!("[IKE] <{id}> CHILD_SA established with TS {} === {}", end.connection.local_subnet, end.connection.remote_subnet),
        ],
        Event::Failed(fault) => attempt_to(end, peer, fault),
    }
}

/// What one attempt that fails so leaves in the log; the last line says why.
pub fn attempt(end: &End<'_>, fault: &Fault) -> Vec<String> {
    attempt_to(end, end.customer.map_or("", |customer| &customer.ip), fault)
}

fn attempt_to(end: &End<'_>, peer: &str, fault: &Fault) -> Vec<String> {
    let id = end.id;
    let mut lines = vec![format!("[IKE] <{id}> initiating IKE_SA to {peer}")];
    let why: Vec<String> = match fault {
        // Without an address of its own the cloud sends nothing.
        Fault::NotBound => return Vec::new(),
        Fault::Silence => {
            let again = (1..=5).map(|number| format!("retransmit {number} of request with message ID 0"));
            again.chain(["giving up after 5 retransmits, peer not responding".to_owned()]).collect()
        }
        Fault::Psk if end.ike.ike_version == "ikev1" => {
            vec![
                "invalid HASH_V1 payload length, decryption failed?".to_owned(),
                "message parsing failed, pre-shared keys may differ".to_owned(),
            ]
        }
        Fault::Psk => vec!["received AUTHENTICATION_FAILED notify error, pre-shared keys may differ".to_owned()],
        Fault::RemoteId { configured, presented } => {
            vec![
                format!("IDir '{presented}' does not match to '{configured}'"),
                "peer config unacceptable: constraint checking failed".to_owned(),
            ]
        }
        Fault::LocalId { configured, .. } => vec![format!("peer has no matching config for our identity '{configured}'")],
        Fault::Proposal { .. } => vec!["received NO_PROPOSAL_CHOSEN notify error".to_owned()],
    };
    lines.extend(why.into_iter().map(|line| format!("[IKE] <{id}> {line}")));
    lines
}
