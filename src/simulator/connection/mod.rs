//! IPsec connections of all four kinds (cloud/api.md 2.3, 2.4): on a VPN gateway or for a transit router, with one
//! tunnel or two. Legacy single-tunnel attachments can only come from a seed.

pub mod create;
pub mod delete;
pub mod describe;
pub mod parse;

use super::objects::{Carrier, Connection, Pending, Then};
use super::request::Request;
use super::response::ApiError;

pub const NOT_FOUND: &str = "InvalidVpnConnectionInstanceId.NotFound";

/// Starts a change that ends by itself.
pub fn begin(connection: &mut Connection, state: &str, tunnel_state: &str, pending: Pending) {
    state.clone_into(&mut connection.state);
    connection.tunnels.iter_mut().for_each(|tunnel| tunnel_state.clone_into(&mut tunnel.state));
    connection.pending = Some(pending);
}

/// Ends it; whether the connection still exists.
pub fn finish(connection: &mut Connection) -> bool {
    match connection.pending.take().map(|pending| pending.then) {
        Some(Then::Gone) => false,
        Some(Then::State(state)) => {
            if state == "init" {
                connection.carrier = Carrier::Unbound;
                assign_addresses(connection, &[String::new(), String::new()]);
            }
            connection.state = state;
            connection.tunnels.iter_mut().for_each(|tunnel| "active".clone_into(&mut tunnel.state));
            true
        }
        None => true,
    }
}

/// The cloud's side gets its addresses from what carries the connection.
pub fn assign_addresses(connection: &mut Connection, addresses: &[String; 2]) {
    if connection.is_dual() {
        connection.tunnels.iter_mut().zip(addresses).for_each(|(tunnel, address)| tunnel.internet_ip.clone_from(address));
    } else {
        connection.internet_ip.clone_from(&addresses[0]);
    }
}

/// A dry run that found nothing wrong is reported as an error.
pub fn refuse_dry_run(request: &Request) -> Result<(), ApiError> {
    if request.boolean("DryRun")?.unwrap_or(false) {
        return Err(ApiError::new(400, "DryRunOperation", "Request validation has been passed with DryRun flag set."));
    }
    Ok(())
}
