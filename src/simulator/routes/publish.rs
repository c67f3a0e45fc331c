//! Routes of a VPN gateway into the VPC's system route table, and out of it.

use super::entry::{RouteEntry, state};
use super::{gateway, rules};
use crate::model::Timestamp;
use crate::simulator::objects::{Pending, Then};
use crate::simulator::region::Region;
use crate::simulator::request::Request;
use crate::simulator::response::{ApiError, Reply};
use crate::simulator::vpn_gateway;
use serde_json::json;

/// Not described as asynchronous; it is treated like every other change of a gateway's routes. Withdrawing a policy
/// route also withdraws a destination route with the same destination (cloud/api.md 2.5).
pub fn publish(region: &mut Region, request: &Request, now: Timestamp) -> Reply {
    let publish = rules::flag(request, "PublishVpc")?;
    let (destination, next_hop) = (rules::destination(request)?, request.required("NextHop")?);
    let policies = match request.required("RouteType")? {
        "pbr" => true,
        "dbr" => false,
        _ => return Err(ApiError::illegal("RouteType")),
    };
    let gateway = gateway::named(region.objects(), request)?;
    let lies_there = |entry: &RouteEntry, policy: bool| {
        let on_gateway = if policy { entry.is_policy_on(&gateway.id) } else { entry.is_destination_on(&gateway.id) };
        on_gateway && entry.destination == destination
    };
    let is_meant = |entry: &RouteEntry| lies_there(entry, policies) && entry.next_hop == next_hop;
    let goes_along = |entry: &RouteEntry| !publish && policies && lies_there(entry, false);
    if !region.objects().routes.iter().any(is_meant) {
        return Err(rules::not_found());
    }
    vpn_gateway::changeable(gateway, now)?;
    let all = region.objects().routes.iter().enumerate();
    let changed: Vec<usize> = all.filter(|(_, entry)| is_meant(entry) || goes_along(entry)).map(|(place, _)| place).collect();
    let (gateway, until) = (gateway.id.clone(), now + region.switches.gateway_change());
    let objects = region.change(now);
    for place in changed {
        objects.routes[place].pending = Some(Pending { until, then: Then::State(state(publish).to_owned()) });
    }
    vpn_gateway::occupy(objects, &gateway, until);
    Ok(json!({}))
}
