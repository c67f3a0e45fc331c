//! Whether everything that was read is at rest: what is read of a change that is under way is neither the old nor the new.

use crate::facts::states::{ATTACHED, CONNECTION_READY, TUNNEL_READY};
use crate::model::{ConnectionSnapshot, Snapshot};

/// How a refusal begins that time opens.
pub const WAIT: &str = "wait until the change is over that is under way at ";

/// Each object with the state that it passes through.
pub fn what_is_under_way(snapshot: &Snapshot) -> Vec<String> {
    snapshot.connections.iter().flat_map(of_connection).collect()
}

fn of_connection(connection: &ConnectionSnapshot) -> Vec<String> {
    let shape = &connection.shape;
    let mut busy = Vec::new();
    if !shape.state.is_empty() && !CONNECTION_READY.contains(&shape.state.as_str()) {
        busy.push(format!("{} ({})", shape.id, shape.state));
    }
    let tunnels = shape.tunnels.iter().filter(|tunnel| !tunnel.state.is_empty() && tunnel.state != TUNNEL_READY);
    busy.extend(tunnels.map(|tunnel| format!("{} ({})", tunnel.id, tunnel.state)));
    if let Some(attachment) = &connection.attachment {
        if !attachment.status.eq_ignore_ascii_case(ATTACHED) {
            busy.push(format!("{} ({})", attachment.id, attachment.status));
        }
        busy.extend(attachment.under_way.iter().map(|table| format!("{} at {table}", attachment.id)));
    }
    busy
}
