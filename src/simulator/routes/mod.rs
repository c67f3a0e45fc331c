//! Routes over IPsec connections (cloud/api.md 2.5): destination and policy routes of a VPN gateway, and routes of a
//! connection on a transit router.

pub mod automatic;
mod connection;
mod destination;
pub mod entry;
mod gateway;
mod policy;
mod publish;
mod rules;
pub mod seed;

use super::objects::Objects;
use super::region::Region;
use super::request::Request;
use super::response::{ApiError, Reply};
use super::switches::DanglingRoutes;
use crate::model::Timestamp;
use entry::RouteEntry;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// `None` for a call of another room.
pub fn read(objects: &Objects, request: &Request) -> Option<Reply> {
    Some(match request.action.as_str() {
        "DescribeVpnRouteEntries" => destination::list(objects, request),
        "DescribeVpnPbrRouteEntries" => policy::list(objects, request),
        "DescribeVcoRouteEntries" => connection::list(objects, request),
        _ => return None,
    })
}

/// `None` for a call of another room.
pub fn write(region: &mut Region, request: &Request, now: Timestamp) -> Option<Reply> {
    Some(match request.action.as_str() {
        "CreateVpnRouteEntry" => destination::create(region, request, now),
        "ModifyVpnRouteEntryWeight" => destination::modify_weight(region, request, now),
        "DeleteVpnRouteEntry" => destination::delete(region, request, now),
        "CreateVpnPbrRouteEntry" => policy::create(region, request, now),
        "ModifyVpnPbrRouteEntryWeight" => policy::modify_weight(region, request, now),
        "ModifyVpnPbrRouteEntryPriority" => policy::modify_priority(region, request, now),
        "ModifyVpnPbrRouteEntryAttribute" => policy::modify_attribute(region, request, now),
        "DeleteVpnPbrRouteEntry" => policy::delete(region, request, now),
        "PublishVpnRouteEntry" => publish::publish(region, request, now),
        "CreateVcoRouteEntry" => connection::create(region, request, now),
        "ModifyVcoRouteEntryWeight" => connection::modify_weight(region, request, now),
        "DeleteVcoRouteEntry" => connection::delete(region, request, now),
        _ => return None,
    })
}

/// What happens to the routes over a deleted connection is not documented (cloud/api.md 10), nor is a code for the
/// refusal; ours is in the family of `DependencyViolation.VpnConnection`.
pub fn may_be_orphaned(region: &Region, connection: &str) -> Result<(), ApiError> {
    let refuses = region.switches.dangling_routes == DanglingRoutes::Refused;
    if refuses && region.objects().routes.iter().any(|entry| entry.next_hop == connection) {
        let message = "There are route entries whose next hop is the specified vpn connection.";
        return Err(ApiError::new(400, "DependencyViolation.RouteEntry", message));
    }
    Ok(())
}

/// What is left of the routes once connections are gone.
pub fn outlive(objects: &mut Objects, dangling: DanglingRoutes) {
    let Objects { connections, routes, .. } = objects;
    let leads_on = |entry: &RouteEntry| connections.iter().any(|connection| connection.id == entry.next_hop);
    if dangling != DanglingRoutes::Kept && !routes.iter().all(leads_on) {
        routes.retain(leads_on);
    }
}

/// How many routes of each type and source there are.
fn counts(entries: &[&RouteEntry]) -> Vec<Value> {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for entry in entries {
        let source = entry.learnt.as_ref().map_or("", |learnt| learnt.source.as_str());
        *counts.entry((entry.entry_type(), source)).or_default() += 1;
    }
    let row = |((kind, source), count): ((&str, &str), usize)| json!({"RouteEntryType": kind, "Source": source, "RouteCount": count});
    counts.into_iter().map(row).collect()
}
