//! Transit routers, and connections bound to them: the CBN API (cloud/api.md 4), and the list of authorizations.

mod attachment;
pub mod grant;
pub mod link;
pub mod seed;
mod table;

use super::objects::Objects;
use super::region::Region;
use super::request::Request;
use super::response::{ApiError, Reply};
use crate::model::Timestamp;
use link::LinkKind;
use serde_json::{Map, Value};

/// `None` for a call of another room.
pub fn read(objects: &Objects, request: &Request, region: &str, account: &str) -> Option<Reply> {
    Some(match request.action.as_str() {
        "ListTransitRouterVpnAttachments" => attachment::list(objects, request, region, account),
        "ListTransitRouterRouteTables" => table::list(objects, request, region),
        "ListTransitRouterRouteEntries" => table::list_entries(objects, request),
        "ListTransitRouterCidr" => table::list_cidrs(objects, request),
        "ListTransitRouterRouteTableAssociations" => link::list_associations(objects, request),
        "ListTransitRouterRouteTablePropagations" => link::list_propagations(objects, request),
        "DescribeVpnCrossAccountAuthorizations" => grant::list(objects, request, account),
        _ => return None,
    })
}

/// `None` for a call of another room.
pub fn write(region: &mut Region, request: &Request, now: Timestamp) -> Option<Reply> {
    Some(match request.action.as_str() {
        "CreateTransitRouterVpnAttachment" => attachment::create(region, request, now),
        "UpdateTransitRouterVpnAttachmentAttribute" => attachment::update(region, request, now),
        "DeleteTransitRouterVpnAttachment" => attachment::delete(region, request, now),
        "AssociateTransitRouterAttachmentWithRouteTable" => link::tie(region, request, now, LinkKind::Association),
        "DissociateTransitRouterAttachmentFromRouteTable" => link::untie(region, request, now, LinkKind::Association),
        "EnableTransitRouterRouteTablePropagation" => link::tie(region, request, now, LinkKind::Propagation),
        "DisableTransitRouterRouteTablePropagation" => link::untie(region, request, now, LinkKind::Propagation),
        "GrantInstanceToTransitRouter" => grant::grant(region, request, now),
        _ => return None,
    })
}

/// Whether all that a call without a region names lies here.
pub fn holds(objects: &Objects, request: &Request) -> bool {
    let named = |parameter: &str| request.filter(parameter);
    if let Some(connection) = named("InstanceId") {
        return objects.connection(connection).is_some();
    }
    let (router, table) = (named("TransitRouterId"), named("TransitRouterRouteTableId"));
    let has_table = |id: &str| objects.transit_routers.iter().any(|own| own.route_tables.iter().any(|table| table.id == id));
    objects.transit_routers.iter().any(|own| router.is_none_or(|id| own.id == id))
        && named("TransitRouterAttachmentId").is_none_or(|id| objects.attachments.iter().any(|own| own.id == id))
        && table.into_iter().chain(request.list("TransitRouterRouteTableIds")).all(has_table)
}

fn is(request: &Request, parameter: &str, value: &str) -> bool {
    request.filter(parameter).is_none_or(|wanted| wanted == value)
}

fn not_in_state() -> ApiError {
    ApiError::new(400, "IncorrectStatus.Status", "The resource is not in a valid state for the operation.")
}

fn blocked() -> ApiError {
    ApiError::new(400, "Operation.Blocking", "The operation is blocked by another operation of the resource.")
}

/// Not documented; in the family of `Invalid*InstanceId.NotFound`.
fn attachment_not_found() -> ApiError {
    ApiError::not_found("InvalidTransitRouterAttachmentId.NotFound")
}

fn router_not_found() -> ApiError {
    ApiError::not_found("InvalidTransitRouterId.NotFound")
}

/// CBN pages by a cursor; ours is the number of rows already told. `MaxResults` at most 100.
fn paged(request: &Request, rows: Vec<Value>, name: &str, default: i64) -> Reply {
    let most = request.integer("MaxResults")?.unwrap_or(default);
    let most = usize::try_from(most).ok().filter(|most| (1..=100).contains(most)).ok_or_else(|| ApiError::illegal("MaxResults"))?;
    let told: usize = request.filter("NextToken").map_or(Ok(0), str::parse).map_err(|_| ApiError::illegal("NextToken"))?;
    let total = rows.len();
    let mut reply = Map::from_iter([("MaxResults".to_owned(), Value::from(most)), ("TotalCount".to_owned(), Value::from(total))]);
    if total.saturating_sub(told) > most {
        reply.insert("NextToken".to_owned(), Value::from((told + most).to_string()));
    }
    if total > 0 {
        reply.insert(name.to_owned(), rows.into_iter().skip(told).take(most).collect());
    }
    Ok(Value::Object(reply))
}

/// CBN writes times as `2025-06-15T02:14Z`.
fn minute(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%MZ").to_string()
}
