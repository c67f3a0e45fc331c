//! Transit routers and their VPN attachments: the CBN API (cloud/api.md 4).

use super::check::{self, TagRule};
use super::connection;
use super::customer_gateway::shown_tags;
use super::objects::{Attachment, Carrier, Objects, Pending, RouteTable, Then, TransitRouter};
use super::region::Region;
use super::request::Request;
use super::response::{ApiError, Reply};
use crate::model::Timestamp;
use serde_json::{Map, Value, json};

/// Binds an unbound connection; the cloud's addresses are assigned here (cloud/api.md 1.1).
pub fn attach(region: &mut Region, request: &Request, now: Timestamp) -> Reply {
    let id = request.required("VpnId")?.to_owned();
    let router = router_of(region.objects(), request)?.clone();
    let bound = region.objects().connection(&id).ok_or_else(|| ApiError::not_found("InvalidVpnConnectionInstanceId.NotFound"))?;
    if bound.carrier != Carrier::Unbound || bound.pending.is_some() {
        return Err(ApiError::new(400, "IncorrectStatus.Status", "The resource is not in a valid state for the operation."));
    }
    let zones: Vec<_> = request.objects("Zone").iter().filter_map(|zone| zone.get("ZoneId").cloned()).collect();
    if bound.is_dual() && !zones.is_empty() {
        return Err(ApiError::illegal("Zone"));
    }
    let tags = check::tags(request, "Tag", TagRule::TagResources)?;
    let auto_publish = request.boolean("AutoPublishRouteEnabled")?.unwrap_or(true);
    connection::refuse_dry_run(request)?;
    let until = now + region.switches.attach();
    let addresses = [region.random.cloud_address(), region.random.cloud_address()];
    let attachment = Attachment {
        id: region.random.id("tr-attach"),
        name: request.filter("TransitRouterAttachmentName").unwrap_or_default().to_owned(),
        description: request.filter("TransitRouterAttachmentDescription").unwrap_or_default().to_owned(),
        transit_router: router.id.clone(),
        cen: router.cen,
        connection: id.clone(),
        auto_publish,
        zones,
        created: now,
        tags,
        status: "Attaching".to_owned(),
        pending: Some(Pending { until, then: Then::State("Attached".to_owned()) }),
    };
    let reply = json!({"TransitRouterAttachmentId": attachment.id});
    let objects = region.change(now);
    if let Some(bound) = objects.connections.iter_mut().find(|connection| connection.id == id) {
        bound.carrier = Carrier::TransitRouter(router.id);
        connection::assign_addresses(bound, &addresses);
        connection::begin(bound, "attaching", "active", Pending { until, then: Then::State("attached".to_owned()) });
    }
    objects.attachments.push(attachment);
    Ok(reply)
}

/// Invalid parameters are answered with a RequestId and delete nothing (cloud/api.md 4.1).
pub fn detach(region: &mut Region, request: &Request, now: Timestamp) -> Reply {
    let id = request.required("TransitRouterAttachmentId")?;
    let Some(attachment) = region.objects().attachments.iter().find(|attachment| attachment.id == id) else { return Ok(json!({})) };
    if attachment.pending.is_some() {
        return Err(ApiError::new(400, "IncorrectStatus.Status", "The resource is not in a valid state for the operation."));
    }
    connection::refuse_dry_run(request)?;
    let (vpn, until) = (attachment.connection.clone(), now + region.switches.attach());
    let objects = region.change(now);
    for attachment in objects.attachments.iter_mut().filter(|attachment| attachment.id == id) {
        attachment.status = "Detaching".to_owned();
        attachment.pending = Some(Pending { until, then: Then::Gone });
    }
    for bound in objects.connections.iter_mut().filter(|connection| connection.id == vpn) {
        connection::begin(bound, "detaching", "updating", Pending { until, then: Then::State("init".to_owned()) });
    }
    Ok(json!({}))
}

/// Wrong parameters are answered with no list at all, not with an error (cloud/api.md 4.1).
pub fn list_attachments(objects: &Objects, request: &Request, region: &str, account: &str) -> Reply {
    let is = |parameter: &str, value: &str| request.filter(parameter).is_none_or(|wanted| wanted == value);
    let wanted = |attachment: &&Attachment| {
        is("TransitRouterAttachmentId", &attachment.id)
            && is("TransitRouterId", &attachment.transit_router)
            && is("CenId", &attachment.cen)
            && check::bears(&attachment.tags, request)
    };
    let rows = objects.attachments.iter().filter(wanted).map(|attachment| {
        json!({
            "TransitRouterAttachmentId": attachment.id, "TransitRouterAttachmentName": attachment.name,
            "TransitRouterAttachmentDescription": attachment.description, "TransitRouterId": attachment.transit_router,
            "CenId": attachment.cen, "VpnId": attachment.connection, "VpnRegionId": region,
            "VpnOwnerId": account.parse::<i64>().unwrap_or_default(), "AutoPublishRouteEnabled": attachment.auto_publish,
            "ChargeType": "POSTPAY", "OrderType": "PayByCenOwner", "ResourceType": "VPN", "Status": attachment.status,
            "CreationTime": minute(attachment.created), "Tags": shown_tags(&attachment.tags),
            "Zones": attachment.zones.iter().map(|zone| json!({"ZoneId": zone})).collect::<Vec<_>>(),
        })
    });
    paged(request, rows.collect(), "TransitRouterAttachments")
}

pub fn list_route_tables(objects: &Objects, request: &Request, region: &str) -> Reply {
    let ids = request.list("TransitRouterRouteTableIds");
    let is = |parameter: &str, value: &str| request.filter(parameter).is_none_or(|wanted| wanted == value);
    let wanted = |table: &&RouteTable| {
        (ids.is_empty() || ids.contains(&table.id.as_str()))
            && is("TransitRouterRouteTableType", &table.kind)
            && is("TransitRouterRouteTableStatus", "Active")
    };
    let routers = objects.transit_routers.iter().filter(|router| is("TransitRouterId", &router.id));
    let rows = routers.flat_map(|router| {
        router.route_tables.iter().filter(wanted).map(|table| {
            json!({
                "TransitRouterRouteTableId": table.id, "TransitRouterRouteTableName": table.name,
                "TransitRouterRouteTableDescription": "", "TransitRouterRouteTableType": table.kind,
                "TransitRouterRouteTableStatus": "Active", "TransitRouterId": router.id, "RegionId": region,
                "CreateTime": minute(table.created), "RouteTableOptions": {"MultiRegionECMP": "disable"}, "Tags": [],
            })
        })
    });
    paged(request, rows.collect(), "TransitRouterRouteTables")
}

fn router_of<'a>(objects: &'a Objects, request: &Request) -> Result<&'a TransitRouter, ApiError> {
    let (router, cen) = (request.filter("TransitRouterId"), request.filter("CenId"));
    if router.is_none() && cen.is_none() {
        return Err(ApiError::missing("TransitRouterId"));
    }
    let found = objects.transit_routers.iter().find(|own| router.is_none_or(|id| own.id == id) && cen.is_none_or(|id| own.cen == id));
    found.ok_or_else(|| ApiError::not_found("InvalidTransitRouterId.NotFound"))
}

/// CBN pages by a cursor; ours is the number of rows already told. `MaxResults` 20 where not given, 100 at most.
fn paged(request: &Request, rows: Vec<Value>, name: &str) -> Reply {
    let most = request.integer("MaxResults")?.unwrap_or(20);
    let most = usize::try_from(most).ok().filter(|most| (1..=100).contains(most)).ok_or_else(|| ApiError::illegal("MaxResults"))?;
    let told: usize = request.filter("NextToken").map_or(Ok(0), str::parse).map_err(|_| ApiError::illegal("NextToken"))?;
    let total = rows.len();
    let mut reply = Map::from_iter([("MaxResults".to_owned(), Value::from(most)), ("TotalCount".to_owned(), Value::from(total))]);
    if told + most < total {
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
