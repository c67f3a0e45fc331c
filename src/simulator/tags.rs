//! Tags and resource groups of every kind of object (cloud/api.md 2.8, 2.9).

use super::check::{self, TagRule};
use super::objects::{Objects, Tags};
use super::region::Region;
use super::request::Request;
use super::response::{ApiError, Reply};
use crate::model::Timestamp;
use serde_json::json;

/// The tags an object may bear.
const MOST: usize = 20;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    CustomerGateway,
    VpnGateway,
    /// On a VPN gateway.
    VpnConnection,
    /// On a transit router, or unbound.
    VpnAttachment,
    /// The binding to a transit router.
    TransitRouterVpnAttachment,
}

impl Kind {
    /// Case does not matter (cloud/api.md 2.9).
    fn of(request: &Request) -> Result<Kind, ApiError> {
        match request.required("ResourceType")?.to_ascii_uppercase().as_str() {
            "CUSTOMERGATEWAY" => Ok(Kind::CustomerGateway),
            "VPNGATEWAY" => Ok(Kind::VpnGateway),
            "VPNCONNECTION" => Ok(Kind::VpnConnection),
            "VPNATTACHMENT" => Ok(Kind::VpnAttachment),
            "TRANSITROUTERVPNATTACHMENT" => Ok(Kind::TransitRouterVpnAttachment),
            _ => Err(ApiError::new(400, "InvalidResourceType.NotFound", "The ResourceType provided does not exist in our records.")),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Kind::CustomerGateway => "CUSTOMERGATEWAY",
            Kind::VpnGateway => "VPNGATEWAY",
            Kind::VpnConnection => "VPNCONNECTION",
            Kind::VpnAttachment => "VPNATTACHMENT",
            Kind::TransitRouterVpnAttachment => "TRANSITROUTERVPNATTACHMENT",
        }
    }

    fn all(self, objects: &Objects) -> Vec<(&str, &Tags)> {
        match self {
            Kind::CustomerGateway => objects.customer_gateways.iter().map(|own| (own.id.as_str(), &own.tags)).collect(),
            Kind::VpnGateway => objects.vpn_gateways.iter().map(|own| (own.id.as_str(), &own.tags)).collect(),
            Kind::VpnConnection | Kind::VpnAttachment => {
                let on_gateway = self == Kind::VpnConnection;
                let those = objects.connections.iter().filter(|own| own.vpn_gateway().is_some() == on_gateway);
                those.map(|own| (own.id.as_str(), &own.tags)).collect()
            }
            Kind::TransitRouterVpnAttachment => objects.attachments.iter().map(|own| (own.id.as_str(), &own.tags)).collect(),
        }
    }

    fn tags_mut<'a>(self, objects: &'a mut Objects, id: &str) -> Option<&'a mut Tags> {
        match self {
            Kind::CustomerGateway => objects.customer_gateways.iter_mut().find(|own| own.id == id).map(|own| &mut own.tags),
            Kind::VpnGateway => objects.vpn_gateways.iter_mut().find(|own| own.id == id).map(|own| &mut own.tags),
            Kind::VpnConnection | Kind::VpnAttachment => objects.connections.iter_mut().find(|own| own.id == id).map(|own| &mut own.tags),
            Kind::TransitRouterVpnAttachment => objects.attachments.iter_mut().find(|own| own.id == id).map(|own| &mut own.tags),
        }
    }
}

pub fn tag(region: &mut Region, request: &Request, now: Timestamp) -> Reply {
    let kind = Kind::of(request)?;
    let ids = resources(region.objects(), request, kind)?;
    let tags = check::tags(request, "Tag", TagRule::TagResources)?;
    if tags.is_empty() {
        return Err(ApiError::missing("Tag.1.Key"));
    }
    for (_, own) in kind.all(region.objects()).into_iter().filter(|(id, _)| ids.contains(&(*id).to_owned())) {
        let fresh = tags.keys().filter(|key| !own.contains_key(*key)).count();
        if own.len() + fresh > MOST {
            return Err(ApiError::new(400, "NumberExceed.Tags", "The maximum number of tags is exceeded."));
        }
    }
    let objects = region.change(now);
    for id in &ids {
        if let Some(own) = kind.tags_mut(objects, id) {
            own.extend(tags.clone());
        }
    }
    Ok(json!({}))
}

pub fn untag(region: &mut Region, request: &Request, now: Timestamp) -> Reply {
    let kind = Kind::of(request)?;
    let ids = resources(region.objects(), request, kind)?;
    let keys: Vec<_> = request.list("TagKey");
    let all = keys.is_empty() && request.boolean("All")?.unwrap_or(false);
    let objects = region.change(now);
    for id in &ids {
        if let Some(own) = kind.tags_mut(objects, id) {
            own.retain(|key, _| !all && !keys.contains(&key.as_str()));
        }
    }
    Ok(json!({}))
}

/// Pages by an opaque cursor: ours is the number of rows already told.
pub fn list(objects: &Objects, request: &Request) -> Reply {
    let kind = Kind::of(request)?;
    let ids = request.list("ResourceId");
    if ids.is_empty() && request.objects("Tag").is_empty() {
        return Err(ApiError::missing("ResourceId.1"));
    }
    let most = request.integer("MaxResults")?.unwrap_or(50);
    let most = usize::try_from(most).ok().filter(|most| (1..=50).contains(most)).ok_or_else(|| ApiError::illegal("MaxResults"))?;
    let told: usize = request.filter("NextToken").map_or(Ok(0), str::parse).map_err(|_| ApiError::illegal("NextToken"))?;
    let wanted = |(id, tags): &(&str, &Tags)| (ids.is_empty() || ids.contains(id)) && check::bears(tags, request);
    let rows: Vec<_> = kind
        .all(objects)
        .into_iter()
        .filter(wanted)
        .flat_map(|(id, tags)| {
            let row = move |(key, value)| json!({"ResourceId": id, "ResourceType": kind.name(), "TagKey": key, "TagValue": value});
            tags.iter().map(row)
        })
        .collect();
    let next = if told + most < rows.len() { (told + most).to_string() } else { String::new() };
    let page: Vec<_> = rows.into_iter().skip(told).take(most).collect();
    Ok(json!({"NextToken": next, "TagResources": {"TagResource": page}}))
}

/// The ids `ResourceId.N`, all of which must exist; at most 50.
fn resources(objects: &Objects, request: &Request, kind: Kind) -> Result<Vec<String>, ApiError> {
    let ids = request.list("ResourceId");
    if ids.is_empty() {
        return Err(ApiError::missing("ResourceId.1"));
    }
    if ids.len() > 50 {
        return Err(ApiError::new(400, "NumberExceed.ResourceIds", "The maximum number of ResourceIds is exceeded."));
    }
    let known = kind.all(objects);
    if ids.iter().any(|id| !known.iter().any(|(own, _)| own == id)) {
        return Err(ApiError::not_found("InvalidResourceId.NotFound"));
    }
    Ok(ids.into_iter().map(str::to_owned).collect())
}

/// Moving a VPN gateway moves its connections with it.
pub fn move_resource_group(region: &mut Region, request: &Request, now: Timestamp) -> Reply {
    let moves = |kind: &Kind| ![Kind::VpnConnection, Kind::TransitRouterVpnAttachment].contains(kind);
    let kind = Kind::of(request).ok().filter(moves).ok_or_else(|| ApiError::illegal("ResourceType"))?;
    let (id, group) = (request.required("InstanceId")?, request.required("NewResourceGroupId")?);
    if !kind.all(region.objects()).iter().any(|(own, _)| *own == id) {
        return Err(ApiError::not_found("InvalidInstanceId.NotFound"));
    }
    let objects = region.change(now);
    for own in objects.customer_gateways.iter_mut().filter(|own| own.id == id) {
        group.clone_into(&mut own.resource_group);
    }
    for own in objects.vpn_gateways.iter_mut().filter(|own| own.id == id) {
        group.clone_into(&mut own.resource_group);
    }
    for own in objects.connections.iter_mut().filter(|own| own.id == id || own.vpn_gateway() == Some(id)) {
        group.clone_into(&mut own.resource_group);
    }
    Ok(json!({}))
}
