//! Routes as a seed writes them, and how they are put in place.

use super::entry::{Learnt, NORMAL, PUBLISHED, RouteEntry, RouteKind};
use super::policy::DEFAULT_PRIORITY;
use crate::model::Timestamp;
use crate::simulator::connection::parse::is_cidr;
use crate::simulator::founding::{created, wrong};
use crate::simulator::objects::{Carrier, Connection, Objects};
use crate::simulator::seed::{SeedError, SeedRegion};
use serde::Deserialize;

/// A destination route, a policy route (with `RouteSource`), or a connection's route: what carries the next hop tells
/// where it lies.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct SeedRoute {
    pub route_dest: String,
    pub next_hop: String,
    /// Of policy routes, which alone have one.
    pub route_source: Option<String>,
    /// Of policy routes.
    pub priority: Option<i64>,
    pub weight: Option<i64>,
    /// `normal` or `published`.
    pub state: Option<String>,
    /// `custom`, or `bgp` for what came in by BGP.
    pub route_entry_type: Option<String>,
    #[serde(default)]
    pub source: String,
    #[serde(default)]
    pub as_path: String,
    #[serde(default)]
    pub community: String,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub overlay_mode: String,
    pub create_time: Option<i64>,
}

/// Puts the region's routes in place; its connections are there already.
pub fn found(objects: &mut Objects, region: &SeedRegion, place: &str, now: Timestamp) -> Result<(), SeedError> {
    let lists = [
        ("VpnRouteEntries", &region.vpn_route_entries),
        ("VpnPbrRouteEntries", &region.vpn_pbr_route_entries),
        ("VcoRouteEntries", &region.vco_route_entries),
    ];
    for (list, seeded) in lists {
        for (at, seeded) in seeded.iter().enumerate() {
            let place = format!("{place}.{list}[{at}]");
            let hop = objects.connection(&seeded.next_hop);
            let hop = hop.ok_or_else(|| wrong(format!("{place}.NextHop"), format!("no connection {} in this region", seeded.next_hop)))?;
            let entry = entry(seeded, kind(list, seeded, hop, &place)?, &place, now)?;
            if objects.routes.iter().any(|other| other.clashes_with(&entry)) {
                return Err(wrong(place, "this route is there twice"));
            }
            objects.routes.push(entry);
        }
    }
    Ok(())
}

fn kind(list: &str, seeded: &SeedRoute, hop: &Connection, place: &str) -> Result<RouteKind, SeedError> {
    let policy = list == "VpnPbrRouteEntries";
    if !policy && (seeded.route_source.is_some() || seeded.priority.is_some()) {
        return Err(wrong(place, "RouteSource and Priority belong to VpnPbrRouteEntries"));
    }
    match (&hop.carrier, list) {
        (Carrier::VpnGateway(gateway), "VpnRouteEntries") => Ok(RouteKind::Destination { vpn_gateway: gateway.clone() }),
        (Carrier::VpnGateway(gateway), "VpnPbrRouteEntries") => {
            let source = seeded.route_source.clone().ok_or_else(|| wrong(place, "a policy route needs a RouteSource"))?;
            cidr(&source, &format!("{place}.RouteSource"))?;
            let priority = seeded.priority.unwrap_or(DEFAULT_PRIORITY);
            Ok(RouteKind::Policy { vpn_gateway: gateway.clone(), source, priority })
        }
        (Carrier::TransitRouter(_), "VcoRouteEntries") => Ok(RouteKind::Connection),
        _ => Err(wrong(format!("{place}.NextHop"), format!("the connection {} carries no {list}", hop.id))),
    }
}

fn entry(seeded: &SeedRoute, kind: RouteKind, place: &str, now: Timestamp) -> Result<RouteEntry, SeedError> {
    cidr(&seeded.route_dest, &format!("{place}.RouteDest"))?;
    let state = seeded.state.as_deref().unwrap_or(NORMAL);
    if ![NORMAL, PUBLISHED].contains(&state) {
        return Err(wrong(format!("{place}.State"), "a route is normal or published"));
    }
    let learnt = match seeded.route_entry_type.as_deref() {
        None | Some("custom") => None,
        Some("bgp") => {
            let SeedRoute { source, as_path, community, .. } = seeded.clone();
            Some(Learnt { source, as_path, community })
        }
        Some(_) => return Err(wrong(format!("{place}.RouteEntryType"), "a route is custom or bgp")),
    };
    Ok(RouteEntry {
        kind,
        destination: seeded.route_dest.clone(),
        next_hop: seeded.next_hop.clone(),
        weight: seeded.weight.unwrap_or(100),
        description: seeded.description.clone(),
        overlay_mode: seeded.overlay_mode.clone(),
        state: state.to_owned(),
        pending: None,
        created: created(seeded.create_time, place, now)?,
        learnt,
    })
}

fn cidr(text: &str, place: &str) -> Result<(), SeedError> {
    if is_cidr(text) { Ok(()) } else { Err(wrong(place, "not a CIDR without host bits")) }
}
