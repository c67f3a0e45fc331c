//! DiagnoseVpnConnections: why tunnels are down (cloud/api.md 2.8).
//!
//! The values of `FailedReasonCode` and `Severity` are not documented; these are ours.

use super::logs;
use crate::simulator::check;
use crate::simulator::device::{ESTABLISHED, End, Event, Fault, Peers, ends};
use crate::simulator::objects::Objects;
use crate::simulator::request::Request;
use crate::simulator::response::{ApiError, Reply};
use serde_json::{Value, json};

/// POST only. `TunnelIds.N` name tunnels of dual-tunnel connections, `VpnConnectionIds.N` single-tunnel connections;
/// with neither it is about everything. A tunnel that is up has a row without a reason.
pub fn diagnose(objects: &Objects, peers: &Peers, request: &Request) -> Reply {
    if request.method != "POST" {
        return Err(ApiError::new(400, "UnsupportedHTTPMethod", "This http method is not supported."));
    }
    let page = check::page(request)?;
    let (tunnels, connections) = (request.list("TunnelIds"), request.list("VpnConnectionIds"));
    let all = tunnels.is_empty() && connections.is_empty();
    let wanted = |end: &End<'_>| {
        let named = if end.index == 0 { connections.contains(&end.id) } else { tunnels.contains(&end.id) };
        (all || named) && request.filter("VpnGatewayId").is_none_or(|gateway| end.connection.vpn_gateway() == Some(gateway))
    };
    let found: Vec<_> = ends(objects).filter(wanted).collect();
    let total = found.len();
    let rows: Vec<_> = page.of(found).iter().map(|end| row(end, peers)).collect();
    Ok(json!({"PageNumber": page.number, "PageSize": page.size, "TotalCount": total, "VpnConnections": rows}))
}

fn row(end: &End<'_>, peers: &Peers) -> Value {
    let tunnel = if end.index == 0 { "" } else { end.id };
    let mut row = json!({"VpnConnectionId": end.connection.id, "TunnelId": tunnel});
    // Of a tunnel that waits for traffic the cloud, too, has only seen that nobody answers.
    let fault = if end.status == ESTABLISHED { None } else { Some(peers.fault(end.id).unwrap_or(&Fault::Silence)) };
    let found = fault.map(explained);
    let Explained { code, reason, local, remote } = found.unwrap_or_default();
    row["FailedReasonCode"] = json!(code);
    row["FailedReason"] = json!(reason);
    row["MismatchLocalParam"] = json!(local);
    row["MismatchRemoteParam"] = json!(remote);
    row["Severity"] = json!(if fault.is_some() { "error" } else { "" });
    row["SourceLog"] = json!(fault.and_then(|fault| logs::attempt(end, fault).pop()));
    let failed = |event: &&Event| matches!(event, Event::Failed(_));
    let since = peers.history(end.id).filter(|entry| failed(&&entry.event)).last().map(|entry| entry.at.as_millisecond());
    row["FailedTime"] = json!(since.filter(|_| fault.is_some()).unwrap_or(0));
    row
}

/// `local` is the cloud's side.
#[derive(Default)]
struct Explained {
    code: &'static str,
    reason: &'static str,
    local: String,
    remote: String,
}

fn explained(fault: &Fault) -> Explained {
    let plain = |code, reason| Explained { code, reason, ..Explained::default() };
    let pair = |code, reason, local: &String, remote: &String| Explained { code, reason, local: local.clone(), remote: remote.clone() };
    match fault {
        Fault::NotBound => plain("NotAttached", "The IPsec connection is not attached to a transit router."),
        Fault::Silence => plain("NegotiationTimeout", "No response from the peer in phase 1."),
        Fault::Psk => plain("PskMismatch", "The pre-shared keys of the two sides differ."),
        Fault::RemoteId { configured, presented } => {
            pair("RemoteIdMismatch", "The peer's identity is not the configured RemoteId.", configured, presented)
        }
        Fault::LocalId { configured, expected } => {
            pair("LocalIdMismatch", "The peer expects an identity other than the configured LocalId.", configured, expected)
        }
        Fault::Proposal { configured, expected } => {
            pair("AlgorithmMismatch", "The two sides have no algorithms in common.", configured, expected)
        }
    }
}
