//! Changes of a VPN gateway's routes: one at a time per gateway, which is `updating` meanwhile (cloud/api.md 2.5).

use super::entry::RouteEntry;
use super::rules;
use crate::model::Timestamp;
use crate::simulator::objects::{Objects, Pending, Then, VpnGateway};
use crate::simulator::region::Region;
use crate::simulator::request::Request;
use crate::simulator::response::{ApiError, Reply};
use crate::simulator::{connection, vpn_gateway};
use serde_json::{Value, json};

/// The VPN gateway that the call names.
pub fn named<'a>(objects: &'a Objects, request: &Request) -> Result<&'a VpnGateway, ApiError> {
    let id = request.required("VpnGatewayId")?;
    objects.vpn_gateway(id).ok_or_else(|| ApiError::not_found(vpn_gateway::NOT_FOUND))
}

/// Takes in a new route, if it may be.
pub fn add(region: &mut Region, request: &Request, entry: RouteEntry, now: Timestamp) -> Reply {
    let objects = region.objects();
    let gateway = named(objects, request)?;
    vpn_gateway::changeable(gateway, now)?;
    let next_hop = objects.connection(&entry.next_hop).ok_or_else(|| ApiError::not_found(connection::NOT_FOUND))?;
    if next_hop.vpn_gateway() != Some(&gateway.id) {
        return Err(ApiError::illegal("NextHop"));
    }
    rules::unique(objects, &entry)?;
    room(region, &entry)?;
    connection::refuse_dry_run(request)?;
    let (gateway, until) = (gateway.id.clone(), now + region.switches.gateway_change());
    let reply = created(&entry, &gateway);
    let objects = region.change(now);
    objects.routes.push(entry);
    vpn_gateway::occupy(objects, &gateway, until);
    Ok(reply)
}

/// 20 routes of each kind that people make (cloud/api.md 3.1). Of policy routes only the refusal of a connection that
/// brings too many is documented; the code is taken from there.
fn room(region: &Region, entry: &RouteEntry) -> Result<(), ApiError> {
    let custom = |there: fn(&RouteEntry, &str) -> bool| {
        let gateway = entry.vpn_gateway().unwrap_or_default();
        region.objects().routes.iter().filter(|other| other.learnt.is_none() && there(other, gateway)).count()
    };
    if entry.source().is_some() {
        return if custom(RouteEntry::is_policy_on) < region.quota.policy_routes_per_vpn_gateway { Ok(()) } else { Err(policies_full()) };
    }
    if custom(RouteEntry::is_destination_on) < region.quota.destination_routes_per_vpn_gateway {
        return Ok(());
    }
    Err(ApiError::new(400, "Resource.QuotaFull", "The quota of resource is full"))
}

pub fn policies_full() -> ApiError {
    ApiError::new(400, "QuotaExceeded.PolicyBasedRoute", "The maximum number of policy-based routes is exceeded.")
}

/// Description and OverlayMode are told here and never again.
fn created(entry: &RouteEntry, gateway: &str) -> Value {
    json!({
        "VpnInstanceId": gateway, "RouteDest": entry.destination, "NextHop": entry.next_hop, "Weight": entry.weight,
        "State": entry.state, "Description": entry.description, "OverlayMode": entry.overlay_mode,
        "CreateTime": entry.created.as_millisecond(),
    })
}

/// Changes the route at this place of the list.
pub fn alter(region: &mut Region, request: &Request, place: usize, now: Timestamp, change: impl FnOnce(&mut RouteEntry)) -> Reply {
    let gateway = named(region.objects(), request)?;
    vpn_gateway::changeable(gateway, now)?;
    let (gateway, until) = (gateway.id.clone(), now + region.switches.gateway_change());
    let objects = region.change(now);
    let entry = &mut objects.routes[place];
    entry.pending = Some(Pending { until, then: Then::State(entry.state.clone()) });
    change(entry);
    vpn_gateway::occupy(objects, &gateway, until);
    Ok(json!({}))
}

/// Removes it, at the end of the change.
pub fn remove(region: &mut Region, request: &Request, place: usize, now: Timestamp) -> Reply {
    let until = now + region.switches.gateway_change();
    alter(region, request, place, now, |entry| entry.pending = Some(Pending { until, then: Then::Gone }))
}
