//! Leave for other accounts to bind a connection to their transit routers (cloud/api.md 2.4, 4.1).

use crate::model::Timestamp;
use crate::simulator::objects::Objects;
use crate::simulator::region::Region;
use crate::simulator::request::Request;
use crate::simulator::response::{ApiError, Reply};
use crate::simulator::{check, connection};
use serde_json::json;

/// Ends with the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization {
    pub connection: String,
    /// The CEN instance that may bind it.
    pub cen: String,
    /// The account of that instance.
    pub owner: i64,
    pub created: Timestamp,
}

/// Called by the owner of the connection. Given twice it stays one.
pub fn grant(region: &mut Region, request: &Request, now: Timestamp) -> Reply {
    let (cen, id) = (request.required("CenId")?.to_owned(), request.required("InstanceId")?);
    let owner = request.integer("CenOwnerId")?.ok_or_else(|| ApiError::missing("CenOwnerId"))?;
    // VPC, ExpressConnect and ECR exist as well, and no such instance here.
    if request.required("InstanceType")? != "VPN" {
        return Err(ApiError::illegal("InstanceType"));
    }
    if !["", "PayByCenOwner", "PayByResourceOwner"].contains(&request.filter("OrderType").unwrap_or_default()) {
        return Err(ApiError::illegal("OrderType"));
    }
    region.objects().connection(id).ok_or_else(|| ApiError::not_found(connection::NOT_FOUND))?;
    let is_there = |own: &Authorization| (own.connection.as_str(), &own.cen, own.owner) == (id, &cen, owner);
    if region.objects().authorizations.iter().any(is_there) {
        return Ok(json!({}));
    }
    let objects = region.change(now);
    objects.connections.iter_mut().filter(|own| own.id == id).for_each(|own| own.cross_account_authorized = true);
    objects.authorizations.push(Authorization { connection: id.to_owned(), cen, owner, created: now });
    Ok(json!({}))
}

pub fn list(objects: &Objects, request: &Request, account: &str) -> Reply {
    let page = check::page(request)?;
    let id = request.required("VpnConnectionId")?;
    objects.connection(id).ok_or_else(|| ApiError::not_found(connection::NOT_FOUND))?;
    let found: Vec<_> = objects.authorizations.iter().filter(|own| own.connection == id).collect();
    let total = found.len();
    let row = |own: &Authorization| {
        json!({
            "VpnConnectionId": id, "AliUid": account.parse::<i64>().unwrap_or_default(), "BindUid": own.owner,
            "BindInstance": own.cen, "BindProduct": "CEN", "CreationTime": own.created.as_millisecond(),
        })
    };
    let rows: Vec<_> = page.of(found).into_iter().map(row).collect();
    Ok(page.answer(total, "CrossAccountAuthorizations", "", rows))
}
