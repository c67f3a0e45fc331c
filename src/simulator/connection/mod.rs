//! IPsec connections of all four kinds (cloud/api.md 2.3, 2.4): on a VPN gateway or for a transit router, with one
//! tunnel or two. Legacy single-tunnel attachments can only come from a seed.

pub mod create;
pub mod delete;
pub mod describe;
pub mod diagnose;
pub mod download;
pub mod logs;
pub mod modify;
pub mod parse;
mod patch;
mod reply;

use super::device::Told;
use super::objects::{Carrier, Connection, Objects, Pending, Then};
use super::request::Request;
use super::response::ApiError;

pub const NOT_FOUND: &str = "InvalidVpnConnectionInstanceId.NotFound";

/// The states that a connection is in while it changes; a seed may leave one in such a state for good.
const CHANGING: [&str; 5] = ["provisioning", "updating", "upgrading", "attaching", "detaching"];

/// The named connection, where no change of it is under way.
fn idle<'a>(objects: &'a Objects, request: &Request) -> Result<&'a Connection, ApiError> {
    let id = request.required("VpnConnectionId")?;
    let connection = objects.connection(id).ok_or_else(|| ApiError::not_found(NOT_FOUND))?;
    if connection.pending.is_some() || CHANGING.contains(&connection.state.as_str()) {
        return Err(ApiError::new(400, "VpnConnection.Configuring", "The specified service is configuring."));
    }
    Ok(connection)
}

/// What every call takes; the last four are legacy parameters of the whole API (cloud/api.md 2).
const ALWAYS: [&str; 6] = ["RegionId", "ClientToken", "OwnerId", "OwnerAccount", "ResourceOwnerId", "ResourceOwnerAccount"];

/// Refuses a parameter that a call does not take for this kind of connection, so that nobody relies on it. Which of
/// them the cloud ignores instead is not documented.
fn takes(request: &Request, own: &[&str]) -> Result<(), ApiError> {
    let names = request.parameters.keys().filter_map(|parameter| parameter.split('.').next());
    let other = names.into_iter().find(|name| !ALWAYS.contains(name) && !own.contains(name));
    other.map_or(Ok(()), |name| Err(ApiError::illegal(name)))
}

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

/// Shows what became of a tunnel.
pub fn tell(objects: &mut Objects, told: &Told) {
    let holds = |own: &&mut Connection| own.id == told.id || own.tunnels.iter().any(|tunnel| tunnel.id == told.id);
    let Some(connection) = objects.connections.iter_mut().find(holds) else { return };
    let set = |shown: &mut String, is: Option<&'static str>| is.into_iter().for_each(|is| is.clone_into(shown));
    set(&mut connection.health.status, told.health);
    match connection.tunnels.iter_mut().find(|tunnel| tunnel.id == told.id) {
        Some(tunnel) => {
            set(&mut tunnel.status, told.status);
            set(&mut tunnel.bgp.bgp_status, told.bgp);
        }
        None => {
            set(&mut connection.status, told.status);
            set(&mut connection.bgp.bgp_status, told.bgp);
        }
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
