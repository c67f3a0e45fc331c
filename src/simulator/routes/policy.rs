//! Policy routes of a VPN gateway.

use super::entry::{RouteEntry, RouteKind, tunnel_ids};
use super::{gateway, rules};
use crate::model::Timestamp;
use crate::simulator::check;
use crate::simulator::objects::Objects;
use crate::simulator::region::Region;
use crate::simulator::request::Request;
use crate::simulator::response::{ApiError, Reply};
use serde_json::json;

pub const DEFAULT_PRIORITY: i64 = 10;

pub fn create(region: &mut Region, request: &Request, now: Timestamp) -> Reply {
    let vpn_gateway = request.required("VpnGatewayId")?.to_owned();
    let source = rules::cidr(request, "RouteSource")?;
    let priority = rules::priority(request, "Priority")?.unwrap_or(DEFAULT_PRIORITY);
    let kind = RouteKind::Policy { vpn_gateway, source: source.clone(), priority };
    let published = rules::flag(request, "PublishVpc")?;
    let entry = rules::asked(request, kind, published, now, now + region.switches.gateway_change())?;
    let mut reply = gateway::add(region, request, entry, now)?;
    reply["RouteSource"] = json!(source);
    reply["Priority"] = json!(priority);
    Ok(reply)
}

/// Neither Description nor OverlayMode are told.
pub fn list(objects: &Objects, request: &Request) -> Reply {
    let page = check::page(request)?;
    let gateway = &gateway::named(objects, request)?.id;
    let found: Vec<_> = objects.routes.iter().filter(|entry| entry.is_policy_on(gateway)).collect();
    let total = found.len();
    let row = |entry: &RouteEntry| {
        json!({
            "VpnInstanceId": gateway, "RouteDest": entry.destination, "RouteSource": entry.source(), "NextHop": entry.next_hop,
            "NextHopTunnelId": tunnel_ids(objects.connection(&entry.next_hop)).first().unwrap_or(&""),
            "Weight": entry.weight, "Priority": priority_of(entry), "State": entry.state,
            "CreateTime": entry.created.as_millisecond(),
        })
    };
    let rows: Vec<_> = page.of(found).into_iter().map(row).collect();
    Ok(page.answer(total, "VpnPbrRouteEntries", "VpnPbrRouteEntry", rows))
}

fn priority_of(entry: &RouteEntry) -> Option<i64> {
    match entry.kind {
        RouteKind::Policy { priority, .. } => Some(priority),
        RouteKind::Destination { .. } | RouteKind::Connection => None,
    }
}

pub fn modify_weight(region: &mut Region, request: &Request, now: Timestamp) -> Reply {
    let weight = rules::weight(request, "NewWeight")?;
    set(region, request, now, Some(weight), None)
}

pub fn modify_priority(region: &mut Region, request: &Request, now: Timestamp) -> Reply {
    let priority = rules::priority(request, "NewPriority")?.ok_or_else(|| ApiError::missing("NewPriority"))?;
    set(region, request, now, None, Some(priority))
}

/// At least one of NewPriority and NewWeight, and the stored priority.
pub fn modify_attribute(region: &mut Region, request: &Request, now: Timestamp) -> Reply {
    request.required("Priority")?;
    let priority = rules::priority(request, "NewPriority")?;
    let weight = request.filter("NewWeight").map(|_| rules::weight(request, "NewWeight")).transpose()?;
    if priority.is_none() && weight.is_none() {
        return Err(ApiError::missing("NewPriority"));
    }
    set(region, request, now, weight, priority)
}

fn set(region: &mut Region, request: &Request, now: Timestamp, new_weight: Option<i64>, new_priority: Option<i64>) -> Reply {
    let place = named(region.objects(), request)?;
    gateway::alter(region, request, place, now, |entry| {
        entry.weight = new_weight.unwrap_or(entry.weight);
        if let RouteKind::Policy { priority, .. } = &mut entry.kind {
            *priority = new_priority.unwrap_or(*priority);
        }
    })
}

pub fn delete(region: &mut Region, request: &Request, now: Timestamp) -> Reply {
    let place = named(region.objects(), request)?;
    gateway::remove(region, request, place, now)
}

/// The priority need not be sent, but a wrong one fails (cloud/api.md 2.5); the code is ours.
fn named(objects: &Objects, request: &Request) -> Result<usize, ApiError> {
    let gateway = gateway::named(objects, request)?;
    let source = rules::cidr(request, "RouteSource")?;
    let place = rules::named(objects, request, |entry| entry.is_policy_on(&gateway.id) && entry.source() == Some(&source))?;
    let priority = rules::priority(request, "Priority")?;
    if priority.is_none() || priority == priority_of(&objects.routes[place]) { Ok(place) } else { Err(ApiError::illegal("Priority")) }
}
