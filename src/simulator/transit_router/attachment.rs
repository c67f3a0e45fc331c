//! VPN attachments: the binding of a connection to a transit router.

use super::{is, link, minute, paged};
use crate::model::Timestamp;
use crate::simulator::check::{self, TagRule};
use crate::simulator::customer_gateway::shown_tags;
use crate::simulator::objects::{Attachment, Carrier, Objects, Pending, Then, TransitRouter};
use crate::simulator::region::Region;
use crate::simulator::request::Request;
use crate::simulator::response::{ApiError, Reply};
use crate::simulator::{connection, routes};
use serde_json::json;

/// Binds an unbound connection; the cloud's addresses are assigned here, new ones each time (cloud/api.md 1.1).
pub fn create(region: &mut Region, request: &Request, now: Timestamp) -> Reply {
    let id = request.required("VpnId")?.to_owned();
    let router = router_of(region.objects(), request)?.clone();
    let bound = region.objects().connection(&id).ok_or_else(|| ApiError::not_found(connection::NOT_FOUND))?;
    if bound.carrier != Carrier::Unbound || bound.pending.is_some() {
        return Err(super::not_in_state());
    }
    if router.cidr.is_empty() {
        let message = "The transit router has no CIDR block to allocate addresses from.";
        return Err(ApiError::new(400, "OperationFailed.AllocateCidrFailed", message));
    }
    let zones: Vec<_> = request.objects("Zone").iter().filter_map(|zone| zone.get("ZoneId").cloned()).collect();
    if bound.is_dual() && !zones.is_empty() {
        return Err(ApiError::illegal("Zone"));
    }
    let tags = check::tags(request, "Tag", TagRule::TagResources)?;
    let auto_publish = request.boolean("AutoPublishRouteEnabled")?.unwrap_or(true);
    let (name, description) = (name(request)?.unwrap_or_default(), description(request)?.unwrap_or_default());
    connection::refuse_dry_run(request)?;
    let until = now + region.switches.attach();
    let addresses = [region.random.cloud_address(), region.random.cloud_address()];
    let attachment = Attachment {
        id: region.random.id("tr-attach"),
        name,
        description,
        transit_router: router.id.clone(),
        cen: router.cen,
        connection: id.clone(),
        auto_publish,
        order_type: "PayByCenOwner".to_owned(),
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
    routes::automatic::add(objects, &id, now);
    Ok(reply)
}

/// Not described as asynchronous.
pub fn update(region: &mut Region, request: &Request, now: Timestamp) -> Reply {
    let id = request.required("TransitRouterAttachmentId")?;
    let (name, description) = (name(request)?, description(request)?);
    let auto_publish = request.boolean("AutoPublishRouteEnabled")?;
    let order_type = request.filter("OrderType");
    if order_type.is_some_and(|given| !["PayByCenOwner", "PayByResourceOwner"].contains(&given)) {
        return Err(ApiError::illegal("OrderType"));
    }
    let place = region.objects().attachments.iter().position(|own| own.id == id).ok_or_else(super::attachment_not_found)?;
    if region.objects().attachments[place].pending.is_some() {
        return Err(super::not_in_state());
    }
    connection::refuse_dry_run(request)?;
    let attachment = &mut region.change(now).attachments[place];
    name.into_iter().for_each(|name| attachment.name = name);
    description.into_iter().for_each(|description| attachment.description = description);
    auto_publish.into_iter().for_each(|flag| attachment.auto_publish = flag);
    order_type.into_iter().for_each(|given| given.clone_into(&mut attachment.order_type));
    Ok(json!({}))
}

/// Unbinds. Invalid parameters are answered with a RequestId and delete nothing (cloud/api.md 4.1). With `Force` its
/// associations and propagations go with it.
pub fn delete(region: &mut Region, request: &Request, now: Timestamp) -> Reply {
    let id = request.required("TransitRouterAttachmentId")?;
    let objects = region.objects();
    let Some(attachment) = objects.attachments.iter().find(|attachment| attachment.id == id) else { return Ok(json!({})) };
    let Ok(force) = request.boolean("Force") else { return Ok(json!({})) };
    link::ready(objects, attachment)?;
    if objects.connection(&attachment.connection).is_some_and(|bound| bound.pending.is_some()) {
        return Err(super::blocked());
    }
    if !force.unwrap_or(false) {
        link::refuse_ties(objects, id)?;
    }
    connection::refuse_dry_run(request)?;
    let (vpn, until) = (attachment.connection.clone(), now + region.switches.attach());
    let objects = region.change(now);
    for attachment in objects.attachments.iter_mut().filter(|attachment| attachment.id == id) {
        attachment.status = "Detaching".to_owned();
        attachment.pending = Some(Pending { until, then: Then::Gone });
    }
    if objects.links.iter().any(|link| link.attachment == id) {
        objects.links.iter_mut().filter(|link| link.attachment == id).for_each(|link| link.dissolve(until));
    }
    for bound in objects.connections.iter_mut().filter(|connection| connection.id == vpn) {
        connection::begin(bound, "detaching", "updating", Pending { until, then: Then::State("init".to_owned()) });
    }
    Ok(json!({}))
}

/// Wrong parameters are answered with no list at all, not with an error (cloud/api.md 4.1).
pub fn list(objects: &Objects, request: &Request, region: &str, account: &str) -> Reply {
    let wanted = |attachment: &&Attachment| {
        is(request, "TransitRouterAttachmentId", &attachment.id)
            && is(request, "TransitRouterId", &attachment.transit_router)
            && is(request, "CenId", &attachment.cen)
            && check::bears(&attachment.tags, request)
    };
    let rows = objects.attachments.iter().filter(wanted).map(|attachment| {
        json!({
            "TransitRouterAttachmentId": attachment.id, "TransitRouterAttachmentName": attachment.name,
            "TransitRouterAttachmentDescription": attachment.description, "TransitRouterId": attachment.transit_router,
            "CenId": attachment.cen, "VpnId": attachment.connection, "VpnRegionId": region,
            "VpnOwnerId": account.parse::<i64>().unwrap_or_default(), "AutoPublishRouteEnabled": attachment.auto_publish,
            "ChargeType": "POSTPAY", "OrderType": attachment.order_type, "ResourceType": "VPN", "Status": attachment.status,
            "CreationTime": minute(attachment.created), "Tags": shown_tags(&attachment.tags),
            "Zones": attachment.zones.iter().map(|zone| json!({"ZoneId": zone})).collect::<Vec<_>>(),
        })
    });
    paged(request, rows.collect(), "TransitRouterAttachments", 20)
}

/// 0-128 characters; `None` where it was not sent.
fn name(request: &Request) -> Result<Option<String>, ApiError> {
    text(request, "TransitRouterAttachmentName", 128)
}

/// 0-256 characters; `None` where it was not sent.
fn description(request: &Request) -> Result<Option<String>, ApiError> {
    text(request, "TransitRouterAttachmentDescription", 256)
}

fn text(request: &Request, parameter: &str, most: usize) -> Result<Option<String>, ApiError> {
    let given = request.text(parameter);
    if given.is_some_and(|text| text.chars().count() > most) { Err(ApiError::illegal(parameter)) } else { Ok(given.map(str::to_owned)) }
}

fn router_of<'a>(objects: &'a Objects, request: &Request) -> Result<&'a TransitRouter, ApiError> {
    let (router, cen) = (request.filter("TransitRouterId"), request.filter("CenId"));
    if router.is_none() && cen.is_none() {
        return Err(ApiError::missing("TransitRouterId"));
    }
    let found = objects.transit_routers.iter().find(|own| router.is_none_or(|id| own.id == id) && cen.is_none_or(|id| own.cen == id));
    found.ok_or_else(super::router_not_found)
}
