//! Customer gateways (cloud/api.md 2.1).

use super::check::{self, TagRule};
use super::objects::{CustomerGateway, Objects, Tags};
use super::region::Region;
use super::request::Request;
use super::response::{ApiError, Reply};
use crate::model::Timestamp;
use serde_json::{Map, Value, json};

pub const NOT_FOUND: &str = "InvalidCustomerGatewayInstanceId.NotFound";

pub fn create(region: &mut Region, request: &Request, now: Timestamp) -> Reply {
    let ip = check::customer_address(request.required("IpAddress")?)?.to_string();
    let gateway = CustomerGateway {
        id: String::new(),
        asn: request.text("Asn").map(check::asn).transpose()?,
        name: check::label(request, "Name")?.unwrap_or_default(),
        description: check::label(request, "Description")?.unwrap_or_default(),
        auth_key: request.text("AuthKey").map(check::auth_key).transpose()?.unwrap_or_default(),
        resource_group: request.filter("ResourceGroupId").unwrap_or(super::DEFAULT_RESOURCE_GROUP).to_owned(),
        created: now,
        tags: check::tags(request, "Tags", TagRule::Create)?,
        busy_until: None,
        ip,
    };
    if region.objects().customer_gateways.iter().any(|other| other.ip == gateway.ip) {
        return Err(ApiError::new(400, "InvalidIpAddress.AlreadyExist", "Specified IpAddress is already exist."));
    }
    if region.objects().customer_gateways.len() >= region.quota.customer_gateways {
        return Err(ApiError::new(400, "Resource.QuotaFull", "The quota of resource is full"));
    }
    let gateway = CustomerGateway { id: region.random.id("cgw"), ..gateway };
    let reply = json!({
        "CustomerGatewayId": gateway.id, "IpAddress": gateway.ip, "Name": gateway.name,
        "Description": gateway.description, "CreateTime": gateway.created.as_millisecond(),
    });
    region.change(now).customer_gateways.push(gateway);
    Ok(reply)
}

pub fn describe(objects: &Objects, request: &Request) -> Reply {
    let gateway = objects.customer_gateway(request.required("CustomerGatewayId")?).ok_or_else(|| ApiError::not_found(NOT_FOUND))?;
    Ok(shown(gateway))
}

pub fn list(objects: &Objects, request: &Request) -> Reply {
    let page = check::page(request)?;
    let wanted = |gateway: &&CustomerGateway| {
        request.filter("CustomerGatewayId").is_none_or(|id| gateway.id == id)
            && request.filter("ResourceGroupId").is_none_or(|group| gateway.resource_group == group)
            && check::bears(&gateway.tags, request)
    };
    let found: Vec<_> = objects.customer_gateways.iter().filter(wanted).collect();
    let total = found.len();
    let shown: Vec<_> = page.of(found).into_iter().map(shown).collect();
    Ok(page.answer(total, "CustomerGateways", "CustomerGateway", shown))
}

/// Name, Description and AuthKey only; a new AuthKey is configured asynchronously.
pub fn modify(region: &mut Region, request: &Request, now: Timestamp) -> Reply {
    let id = request.required("CustomerGatewayId")?;
    let name = check::label(request, "Name")?;
    let description = check::label(request, "Description")?;
    let auth_key = request.filter("AuthKey").map(check::auth_key).transpose()?;
    let gateway = region.objects().customer_gateway(id).ok_or_else(|| ApiError::not_found(NOT_FOUND))?;
    let busy = gateway.busy_until.is_some_and(|until| now < until);
    if busy || (auth_key.is_some() && is_being_configured(region.objects(), gateway, now)) {
        return Err(ApiError::new(400, "VpnGateway.Configuring", "The specified service is configuring."));
    }
    let until = auth_key.is_some().then(|| now + region.switches.gateway_change());
    let objects = region.change(now);
    if let Some(until) = until {
        let carriers: Vec<_> = objects.users_of(id).filter_map(|connection| connection.vpn_gateway().map(str::to_owned)).collect();
        for carrier in objects.vpn_gateways.iter_mut().filter(|gateway| carriers.contains(&gateway.id)) {
            carrier.busy_until = Some(until);
        }
    }
    let gateway = objects.customer_gateways.iter_mut().find(|gateway| gateway.id == id).ok_or_else(|| ApiError::not_found(NOT_FOUND))?;
    gateway.busy_until = until.or(gateway.busy_until);
    name.into_iter().for_each(|name| gateway.name = name);
    description.into_iter().for_each(|description| gateway.description = description);
    auth_key.into_iter().for_each(|key| gateway.auth_key = key);
    Ok(json!({
        "CustomerGatewayId": gateway.id, "IpAddress": gateway.ip, "Name": gateway.name, "Description": gateway.description,
        "CreateTime": gateway.created.as_millisecond(), "ResourceGroupId": gateway.resource_group,
    }))
}

pub fn delete(region: &mut Region, request: &Request, now: Timestamp) -> Reply {
    let id = request.required("CustomerGatewayId")?;
    let objects = region.objects();
    let gateway = objects.customer_gateway(id).ok_or_else(|| ApiError::not_found(NOT_FOUND))?;
    if is_being_configured(objects, gateway, now) {
        return Err(ApiError::new(400, "VpnGateway.task.conflict", "The vpn task has conflict."));
    }
    if objects.users_of(id).next().is_some() {
        let message = "There are vpn connections on specified customer gateway not deleted.";
        return Err(ApiError::new(400, "DependencyViolation.VpnConnection", message));
    }
    region.change(now).customer_gateways.retain(|gateway| gateway.id != id);
    Ok(json!({}))
}

/// Its own AuthKey, or a connection that uses it, or the VPN gateway under one, is being changed.
fn is_being_configured(objects: &Objects, gateway: &CustomerGateway, now: Timestamp) -> bool {
    let busy_carrier = |id: &str| objects.vpn_gateway(id).is_some_and(|carrier| carrier.is_busy(now));
    gateway.busy_until.is_some_and(|until| now < until)
        || objects
            .users_of(&gateway.id)
            .any(|connection| connection.pending.is_some() || connection.vpn_gateway().is_some_and(busy_carrier))
}

fn shown(gateway: &CustomerGateway) -> Value {
    let mut fields = Map::from_iter([
        ("CustomerGatewayId".to_owned(), Value::from(gateway.id.as_str())),
        ("IpAddress".to_owned(), Value::from(gateway.ip.as_str())),
        ("Name".to_owned(), Value::from(gateway.name.as_str())),
        ("Description".to_owned(), Value::from(gateway.description.as_str())),
        ("AuthKey".to_owned(), Value::from(gateway.auth_key.as_str())),
        ("ResourceGroupId".to_owned(), Value::from(gateway.resource_group.as_str())),
        ("CreateTime".to_owned(), Value::from(gateway.created.as_millisecond())),
        ("Tags".to_owned(), json!({"Tag": shown_tags(&gateway.tags)})),
    ]);
    if let Some(asn) = gateway.asn {
        fields.insert("Asn".to_owned(), Value::from(asn));
    }
    Value::Object(fields)
}

pub(super) fn shown_tags(tags: &Tags) -> Vec<Value> {
    tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
}
