//! Destination routes of a VPN gateway.

use super::entry::{RouteEntry, RouteKind, tunnel_ids};
use super::{counts, gateway, rules};
use crate::model::Timestamp;
use crate::simulator::check;
use crate::simulator::objects::Objects;
use crate::simulator::region::Region;
use crate::simulator::request::Request;
use crate::simulator::response::{ApiError, Reply};
use serde_json::json;

pub fn create(region: &mut Region, request: &Request, now: Timestamp) -> Reply {
    let kind = RouteKind::Destination { vpn_gateway: request.required("VpnGatewayId")?.to_owned() };
    let published = rules::flag(request, "PublishVpc")?;
    let entry = rules::asked(request, kind, published, now, now + region.switches.gateway_change())?;
    gateway::add(region, request, entry, now)
}

/// Neither Description nor OverlayMode are told.
pub fn list(objects: &Objects, request: &Request) -> Reply {
    let (page, entry_type) = (check::page(request)?, rules::entry_type(request)?);
    let gateway = &gateway::named(objects, request)?.id;
    let all: Vec<_> = objects.routes.iter().filter(|entry| entry.is_destination_on(gateway)).collect();
    let counts = counts(&all);
    let found: Vec<_> = all.into_iter().filter(|entry| entry.entry_type() == entry_type).collect();
    let total = found.len();
    let row = |entry: &RouteEntry| {
        let learnt = entry.learnt.clone().unwrap_or_default();
        json!({
            "VpnInstanceId": gateway, "RouteDest": entry.destination, "NextHop": entry.next_hop, "Weight": entry.weight,
            "NextHopTunnelId": tunnel_ids(objects.connection(&entry.next_hop)).first().unwrap_or(&""),
            "State": entry.state, "CreateTime": entry.created.as_millisecond(), "RouteEntryType": entry_type,
            "Source": learnt.source, "AsPath": learnt.as_path, "Community": learnt.community,
        })
    };
    let rows: Vec<_> = page.of(found).into_iter().map(row).collect();
    Ok(json!({
        "PageNumber": page.number, "PageSize": page.size, "TotalCount": total,
        "VpnRouteCounts": {"VpnRouteCount": counts}, "VpnRouteEntries": {"VpnRouteEntry": rows},
    }))
}

/// Refused while the other of an active/standby pair exists, which must be deleted first (cloud/api.md 2.5); the code is ours.
pub fn modify_weight(region: &mut Region, request: &Request, now: Timestamp) -> Reply {
    let weight = rules::weight(request, "NewWeight")?;
    let (place, entry) = named(region.objects(), request)?;
    let is_partner = |other: &RouteEntry| {
        other.kind == entry.kind && other.learnt.is_none() && other.destination == entry.destination && other.next_hop != entry.next_hop
    };
    if region.objects().routes.iter().any(is_partner) {
        return Err(ApiError::illegal("NewWeight"));
    }
    gateway::alter(region, request, place, now, |entry| entry.weight = weight)
}

pub fn delete(region: &mut Region, request: &Request, now: Timestamp) -> Reply {
    let (place, entry) = named(region.objects(), request)?;
    if entry.pending.is_some() {
        return Err(ApiError::new(400, "VpnRouteEntry.Configuring", "The specified route entry is configuring."));
    }
    gateway::remove(region, request, place, now)
}

fn named<'a>(objects: &'a Objects, request: &Request) -> Result<(usize, &'a RouteEntry), ApiError> {
    let gateway = gateway::named(objects, request)?;
    let place = rules::named(objects, request, |entry| entry.is_destination_on(&gateway.id))?;
    Ok((place, &objects.routes[place]))
}
