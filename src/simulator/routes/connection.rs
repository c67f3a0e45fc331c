//! Routes of a connection on a transit router: one change at a time per connection, which is `updating` meanwhile.

use super::entry::{RouteEntry, RouteKind, tunnel_ids};
use super::{counts, rules};
use crate::model::Timestamp;
use crate::simulator::objects::{Carrier, Connection, Objects, Pending, Then};
use crate::simulator::region::Region;
use crate::simulator::request::Request;
use crate::simulator::response::{ApiError, Reply};
use crate::simulator::{check, connection};
use serde_json::json;

/// Only where the connection is bound to a transit router. The next hop is the connection itself.
pub fn create(region: &mut Region, request: &Request, now: Timestamp) -> Reply {
    let until = now + region.switches.gateway_change();
    let entry = rules::asked(request, RouteKind::Connection, false, now, until)?;
    let connection = idle(region.objects(), request)?;
    if !matches!(connection.carrier, Carrier::TransitRouter(_)) {
        return Err(ApiError::illegal("VpnConnectionId"));
    }
    if entry.next_hop != connection.id {
        return Err(ApiError::illegal("NextHop"));
    }
    rules::unique(region.objects(), &entry)?;
    connection::refuse_dry_run(request)?;
    let reply = json!({
        "VpnConnectionId": entry.next_hop, "NextHop": entry.next_hop, "RouteDest": entry.destination, "Weight": entry.weight,
        "State": entry.state, "Description": entry.description, "OverlayMode": entry.overlay_mode,
        "CreateTime": entry.created.as_millisecond(),
    });
    let objects = region.change(now);
    occupy(objects, &entry.next_hop, until);
    objects.routes.push(entry);
    Ok(reply)
}

/// Plain arrays here (cloud/api.md 2.5). A connection that is gone is told as long as routes over it are left.
pub fn list(objects: &Objects, request: &Request) -> Reply {
    let (page, entry_type) = (check::page(request)?, rules::entry_type(request)?);
    let id = request.required("VpnConnectionId")?;
    let connection = objects.connection(id);
    let all: Vec<_> = objects.routes.iter().filter(|entry| entry.is_of(id)).collect();
    if connection.is_none() && all.is_empty() {
        return Err(ApiError::not_found(connection::NOT_FOUND));
    }
    let counts = counts(&all);
    let found: Vec<_> = all.into_iter().filter(|entry| entry.entry_type() == entry_type).collect();
    let total = found.len();
    let row = |entry: &RouteEntry| {
        let learnt = entry.learnt.clone().unwrap_or_default();
        json!({
            "VpnConnectionId": id, "RouteDest": entry.destination, "NextHop": entry.next_hop, "Weight": entry.weight,
            "NextHopTunnelIdList": tunnel_ids(connection), "State": entry.state, "CreateTime": entry.created.as_millisecond(),
            "RouteEntryType": entry_type, "Source": learnt.source, "AsPath": learnt.as_path, "Community": learnt.community,
        })
    };
    let rows: Vec<_> = page.of(found).into_iter().map(row).collect();
    Ok(json!({
        "PageNumber": page.number, "PageSize": page.size, "TotalCount": total, "VcoRouteEntries": rows, "VpnRouteCounts": counts,
    }))
}

pub fn modify_weight(region: &mut Region, request: &Request, now: Timestamp) -> Reply {
    let weight = rules::weight(request, "NewWeight")?;
    alter(region, request, now, |entry, _| entry.weight = weight)
}

pub fn delete(region: &mut Region, request: &Request, now: Timestamp) -> Reply {
    alter(region, request, now, |entry, until| entry.pending = Some(Pending { until, then: Then::Gone }))
}

fn alter(region: &mut Region, request: &Request, now: Timestamp, change: impl FnOnce(&mut RouteEntry, Timestamp)) -> Reply {
    let id = request.required("VpnConnectionId")?;
    let place = rules::named(region.objects(), request, |entry| entry.is_of(id))?;
    // A route whose connection is gone has nothing that could be busy.
    if region.objects().connection(id).is_some() {
        idle(region.objects(), request)?;
    }
    let until = now + region.switches.gateway_change();
    let objects = region.change(now);
    let entry = &mut objects.routes[place];
    entry.pending = Some(Pending { until, then: Then::State(entry.state.clone()) });
    change(entry, until);
    occupy(objects, id, until);
    Ok(json!({}))
}

fn idle<'a>(objects: &'a Objects, request: &Request) -> Result<&'a Connection, ApiError> {
    let id = request.required("VpnConnectionId")?;
    let connection = objects.connection(id).ok_or_else(|| ApiError::not_found(connection::NOT_FOUND))?;
    if connection.pending.is_some() {
        return Err(ApiError::new(400, "VpnConnection.Configuring", "The specified service is configuring."));
    }
    Ok(connection)
}

/// Its tunnels stay as they are.
fn occupy(objects: &mut Objects, id: &str, until: Timestamp) {
    for own in objects.connections.iter_mut().filter(|own| own.id == id) {
        let rests = std::mem::replace(&mut own.state, "updating".to_owned());
        own.pending = Some(Pending { until, then: Then::State(rests) });
    }
}
