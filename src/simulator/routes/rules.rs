//! What every kind of route takes, and how a call names one (cloud/api.md 2.5).

use super::entry::{NORMAL, RouteEntry, RouteKind, state};
use crate::model::Timestamp;
use crate::simulator::check;
use crate::simulator::connection::parse::is_cidr;
use crate::simulator::objects::{Objects, Pending, Then};
use crate::simulator::request::Request;
use crate::simulator::response::ApiError;

/// The route that a Create call asks for; it is made until then.
pub fn asked(request: &Request, kind: RouteKind, published: bool, now: Timestamp, until: Timestamp) -> Result<RouteEntry, ApiError> {
    // Free text for a connection's route, a label for a gateway's.
    let description = match &kind {
        RouteKind::Connection => request.text("Description").map(str::to_owned),
        RouteKind::Destination { .. } | RouteKind::Policy { .. } => check::label(request, "Description")?,
    };
    Ok(RouteEntry {
        kind,
        destination: destination(request)?,
        next_hop: request.required("NextHop")?.to_owned(),
        weight: weight(request, "Weight")?,
        description: description.unwrap_or_default(),
        overlay_mode: overlay_mode(request)?.to_owned(),
        state: NORMAL.to_owned(),
        pending: Some(Pending { until, then: Then::State(state(published).to_owned()) }),
        created: now,
        learnt: None,
    })
}

/// The code is not documented; ours is in the family of `InvalidVpnConnection.AlreadyExists`.
pub fn unique(objects: &Objects, entry: &RouteEntry) -> Result<(), ApiError> {
    if objects.routes.iter().any(|other| other.clashes_with(entry)) {
        return Err(ApiError::new(400, "InvalidRouteEntry.AlreadyExists", "The specified route entry already exists."));
    }
    Ok(())
}

pub fn not_found() -> ApiError {
    ApiError::new(404, "InvalidRouteEntry.NotFound", "The specified route entry is not exist.")
}

/// The place in the list of the custom route that a call names: all that it must say has to be right. Whether the
/// weight counts on a dual-tunnel gateway, where it has no effect but must be sent, is not documented; here it does.
pub fn named(objects: &Objects, request: &Request, lies_there: impl Fn(&RouteEntry) -> bool) -> Result<usize, ApiError> {
    let (destination, next_hop) = (destination(request)?, request.required("NextHop")?);
    let weight = weight(request, "Weight")?;
    overlay_mode(request)?;
    let is_meant = |entry: &RouteEntry| {
        entry.learnt.is_none()
            && (entry.destination.as_str(), entry.next_hop.as_str(), entry.weight) == (destination.as_str(), next_hop, weight)
            && lies_there(entry)
    };
    objects.routes.iter().position(is_meant).ok_or_else(not_found)
}

/// A CIDR, but not 0.0.0.0/0.
pub fn destination(request: &Request) -> Result<String, ApiError> {
    cidr(request, "RouteDest").and_then(|cidr| if cidr == "0.0.0.0/0" { Err(ApiError::illegal("RouteDest")) } else { Ok(cidr) })
}

pub fn cidr(request: &Request, parameter: &str) -> Result<String, ApiError> {
    let text = request.required(parameter)?;
    if is_cidr(text) { Ok(text.to_owned()) } else { Err(ApiError::illegal(parameter)) }
}

/// 0 (standby) or 100 (active).
pub fn weight(request: &Request, parameter: &str) -> Result<i64, ApiError> {
    let weight = request.integer(parameter)?.ok_or_else(|| ApiError::missing(parameter))?;
    if weight == 0 || weight == 100 { Ok(weight) } else { Err(ApiError::illegal(parameter)) }
}

/// 1-100, the smaller wins; `None` where it was not sent.
pub fn priority(request: &Request, parameter: &str) -> Result<Option<i64>, ApiError> {
    let priority = request.integer(parameter)?;
    if priority.is_none_or(|number| (1..=100).contains(&number)) { Ok(priority) } else { Err(ApiError::illegal(parameter)) }
}

/// Only `Ipsec`.
fn overlay_mode(request: &Request) -> Result<&str, ApiError> {
    let mode = request.filter("OverlayMode").unwrap_or_default();
    if ["", "Ipsec"].contains(&mode) { Ok(mode) } else { Err(ApiError::illegal("OverlayMode")) }
}

pub fn flag(request: &Request, parameter: &str) -> Result<bool, ApiError> {
    request.boolean(parameter)?.ok_or_else(|| ApiError::missing(parameter))
}

/// `custom` where it was not sent, or `bgp`.
pub fn entry_type(request: &Request) -> Result<&str, ApiError> {
    let kind = request.filter("RouteEntryType").unwrap_or("custom");
    if ["custom", "bgp"].contains(&kind) { Ok(kind) } else { Err(ApiError::illegal("RouteEntryType")) }
}
