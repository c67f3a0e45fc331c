//! Route tables and address ranges of transit routers; they come from the seed.

use super::{is, minute, paged};
use crate::simulator::connection;
use crate::simulator::objects::{Objects, RouteTable, StaticRoute};
use crate::simulator::request::Request;
use crate::simulator::response::{ApiError, Reply};
use serde_json::json;

pub fn list(objects: &Objects, request: &Request, region: &str) -> Reply {
    let (ids, names) = (request.list("TransitRouterRouteTableIds"), request.list("TransitRouterRouteTableNames"));
    let wanted = |table: &&RouteTable| {
        (ids.is_empty() || ids.contains(&table.id.as_str()))
            && (names.is_empty() || names.contains(&table.name.as_str()))
            && is(request, "TransitRouterRouteTableType", &table.kind)
            && is(request, "TransitRouterRouteTableStatus", "Active")
    };
    let routers = objects.transit_routers.iter().filter(|router| is(request, "TransitRouterId", &router.id));
    let rows = routers.flat_map(|router| {
        router.route_tables.iter().filter(wanted).map(|table| {
            json!({
                "TransitRouterRouteTableId": table.id, "TransitRouterRouteTableName": table.name,
                "TransitRouterRouteTableDescription": table.description, "TransitRouterRouteTableType": table.kind,
                "TransitRouterRouteTableStatus": "Active", "TransitRouterId": router.id, "RegionId": region,
                "CreateTime": minute(table.created), "RouteTableOptions": {"MultiRegionECMP": "disable"}, "Tags": [],
            })
        })
    });
    paged(request, rows.collect(), "TransitRouterRouteTables", 20)
}

/// Static routes alone: what a table has learnt is not modelled. Without a state only those in force are told.
pub fn list_entries(objects: &Objects, request: &Request) -> Reply {
    let id = request.required("TransitRouterRouteTableId")?;
    let tables = objects.transit_routers.iter().flat_map(|router| &router.route_tables);
    let table = tables.into_iter().find(|table| table.id == id);
    let table = table.ok_or_else(|| ApiError::not_found("InvalidTransitRouterRouteTableId.NotFound"))?;
    let in_force = request.filter("TransitRouterRouteEntryStatus").is_none_or(|status| ["Active", "All"].contains(&status));
    let wanted = |route: &&StaticRoute| {
        in_force
            && is(request, "TransitRouterRouteEntryType", "Static")
            && is(request, "TransitRouterRouteEntryNextHopId", &route.attachment)
    };
    let rows = table.static_routes.iter().zip(1..).filter(|(route, _)| wanted(route)).map(|(route, number)| {
        let connection = objects.attachments.iter().find(|own| own.id == route.attachment).map_or("", |own| own.connection.as_str());
        json!({
            "TransitRouterRouteEntryId": format!("rte-{id}-{number}"), "TransitRouterRouteEntryDestinationCidrBlock": route.destination,
            "TransitRouterRouteEntryNextHopId": route.attachment, "TransitRouterRouteEntryNextHopType": "Attachment",
            "TransitRouterRouteEntryNextHopResourceId": connection, "TransitRouterRouteEntryNextHopResourceType": "VPN",
            "TransitRouterRouteEntryStatus": "Active", "TransitRouterRouteEntryType": "Static", "TransitRouterRouteEntryName": "",
            "TransitRouterRouteEntryDescription": "", "CreateTime": minute(table.created),
        })
    });
    paged(request, rows.collect(), "TransitRouterRouteEntries", 20)
}

/// The range from which VPN attachments get their addresses: one per router, or none.
pub fn list_cidrs(objects: &Objects, request: &Request) -> Reply {
    let id = request.required("TransitRouterId")?;
    let router = objects.transit_routers.iter().find(|own| own.id == id).ok_or_else(super::router_not_found)?;
    let cidr_id = format!("cidr-{}", id.strip_prefix("tr-").unwrap_or(id));
    connection::refuse_dry_run(request)?;
    let shown = !router.cidr.is_empty() && is(request, "TransitRouterCidrId", &cidr_id);
    let rows: Vec<_> = shown
        .then(|| {
            json!({
                "TransitRouterCidrId": cidr_id, "TransitRouterId": id, "Cidr": router.cidr, "Family": "IPv4",
                "Name": "", "Description": "", "PublishCidrRoute": true,
            })
        })
        .into_iter()
        .collect();
    Ok(json!({"CidrLists": rows}))
}
