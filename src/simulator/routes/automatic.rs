//! Routes that the system adds by itself: with AutoConfigRoute, where a connection protects data flows of its own
//! instead of routing by destination (cloud/api.md 1.2). Weight, priority and that they are not published is not
//! documented: they are the defaults of the Create calls.

use super::entry::{NORMAL, RouteEntry, RouteKind};
use super::gateway::policies_full;
use super::policy::DEFAULT_PRIORITY;
use crate::model::Timestamp;
use crate::simulator::objects::{Carrier, Connection, Objects};
use crate::simulator::region::Region;
use crate::simulator::response::ApiError;

/// Refuses a connection whose policy routes have no room on its VPN gateway.
pub fn room(region: &Region, connection: &Connection) -> Result<(), ApiError> {
    let Some(gateway) = connection.vpn_gateway() else { return Ok(()) };
    let policies = region.objects().routes.iter().filter(|entry| entry.is_policy_on(gateway)).count();
    let added = missing(region.objects(), connection, connection.created).count();
    if policies + added <= region.quota.policy_routes_per_vpn_gateway { Ok(()) } else { Err(policies_full()) }
}

/// Adds what is missing of this connection's own routes.
pub fn add(objects: &mut Objects, connection: &str, now: Timestamp) {
    let Some(connection) = objects.connection(connection) else { return };
    let missing: Vec<_> = missing(objects, connection, now).collect();
    if !missing.is_empty() {
        objects.routes.extend(missing);
    }
}

fn missing<'a>(objects: &'a Objects, connection: &'a Connection, now: Timestamp) -> impl Iterator<Item = RouteEntry> + 'a {
    routes_of(connection, now).filter(|wanted| !objects.routes.iter().any(|entry| entry.clashes_with(wanted)))
}

/// On a VPN gateway a policy route for each pair of subnets, on a transit router a route to each subnet of the customer.
fn routes_of(connection: &Connection, now: Timestamp) -> impl Iterator<Item = RouteEntry> + '_ {
    let kinds: Vec<(RouteKind, &str)> = match &connection.carrier {
        _ if !connection.auto_config_route || !protects_flows(connection) => Vec::new(),
        Carrier::VpnGateway(gateway) => policies(connection, gateway),
        Carrier::TransitRouter(_) => subnets(&connection.remote_subnet).map(|remote| (RouteKind::Connection, remote)).collect(),
        Carrier::Unbound => Vec::new(),
    };
    kinds.into_iter().map(move |(kind, destination)| RouteEntry {
        kind,
        destination: destination.to_owned(),
        next_hop: connection.id.clone(),
        weight: 100,
        description: String::new(),
        overlay_mode: String::new(),
        state: NORMAL.to_owned(),
        pending: None,
        created: now,
        learnt: None,
    })
}

fn policies<'a>(connection: &'a Connection, gateway: &str) -> Vec<(RouteKind, &'a str)> {
    let kind = |source: &str| RouteKind::Policy { vpn_gateway: gateway.to_owned(), source: source.to_owned(), priority: DEFAULT_PRIORITY };
    let remotes = || subnets(&connection.remote_subnet);
    subnets(&connection.local_subnet).flat_map(|local| remotes().map(move |remote| (kind(local), remote))).collect()
}

/// Both sides name networks; 0.0.0.0/0 on both means routing by destination (cloud/api.md 2.3).
fn protects_flows(connection: &Connection) -> bool {
    let everything = |list: &str| subnets(list).any(|cidr| cidr == "0.0.0.0/0");
    !everything(&connection.local_subnet) && !everything(&connection.remote_subnet)
}

fn subnets(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim)
}
