//! Routes that people made (cloud/api.md 2.5); those that BGP learnt come back by themselves.

use super::client::Client;
use super::customer_gateways::same_id;
use super::error::CloudError;
use super::pages::List;
use super::wire::{FieldError, Fields};
use crate::facts::object_fields::ROUTE;
use crate::facts::states::{ROUTE_CUSTOM, ROUTE_PUBLISHED};
use crate::model::{ConnectionRoute, DestinationRoute, PolicyRoute};

/// A row that may be no route of ours, with what tells it from every other: the cloud may show a route of a dual-tunnel
/// connection once for each tunnel.
struct Row<R> {
    route: Option<R>,
    key: String,
}

impl Client {
    /// The destination routes of a VPN gateway, sorted.
    ///
    /// # Errors
    /// Where a call fails or the list is not whole; a gateway that does not exist is an error too.
    pub async fn destination_routes(&self, region: &str, vpn_gateway: &str) -> Result<Vec<DestinationRoute>, CloudError> {
        let list = List::vpc("DescribeVpnRouteEntries", region, "VpnRouteEntries", "VpnRouteEntry");
        let list = list.with("VpnGatewayId", vpn_gateway).with("RouteEntryType", ROUTE_CUSTOM);
        let row = |fields: &Fields<'_>| {
            same_optional_id(fields, "VpnInstanceId", vpn_gateway)?;
            row(fields, destination_route)
        };
        Ok(routes(self.every_row(&list, row, |row| Some(row.key.as_str().into())).await?))
    }

    /// The policy routes of a VPN gateway, sorted.
    ///
    /// # Errors
    /// As [`Client::destination_routes`].
    pub async fn policy_routes(&self, region: &str, vpn_gateway: &str) -> Result<Vec<PolicyRoute>, CloudError> {
        let list = List::vpc("DescribeVpnPbrRouteEntries", region, "VpnPbrRouteEntries", "VpnPbrRouteEntry");
        let list = list.with("VpnGatewayId", vpn_gateway);
        let row = |fields: &Fields<'_>| {
            same_optional_id(fields, "VpnInstanceId", vpn_gateway)?;
            row(fields, policy_route)
        };
        Ok(routes(self.every_row(&list, row, |row| Some(row.key.as_str().into())).await?))
    }

    /// The routes of a connection on a transit router, sorted.
    ///
    /// # Errors
    /// Where a call fails or the list is not whole; a connection that does not exist is an error too.
    pub async fn connection_routes(&self, region: &str, connection: &str) -> Result<Vec<ConnectionRoute>, CloudError> {
        let list = List::vpc("DescribeVcoRouteEntries", region, "VcoRouteEntries", "VcoRouteEntry");
        let list = list.with("VpnConnectionId", connection).with("RouteEntryType", ROUTE_CUSTOM);
        let row = |fields: &Fields<'_>| {
            same_optional_id(fields, "VpnConnectionId", connection)?;
            row(fields, connection_route)
        };
        Ok(routes(self.every_row(&list, row, |row| Some(row.key.as_str().into())).await?))
    }
}

fn row<R>(fields: &Fields<'_>, route: impl Fn(&Fields<'_>) -> Result<R, FieldError>) -> Result<Row<R>, FieldError> {
    let kind = fields.optional_text("RouteEntryType")?;
    let is_custom = kind.as_deref().is_none_or(|kind| kind.eq_ignore_ascii_case(ROUTE_CUSTOM));
    let parts = ["RouteSource", "RouteDest", "NextHop", "NextHopTunnelId", "Weight", "Priority", "RouteEntryType", "Source"];
    let parts = parts.iter().map(|name| fields.text_or_empty(name)).collect::<Result<Vec<String>, FieldError>>()?;
    Ok(Row { route: is_custom.then(|| route(fields)).transpose()?, key: parts.join(" ") })
}

fn routes<R: Ord>(rows: Vec<Row<R>>) -> Vec<R> {
    let mut routes: Vec<R> = rows.into_iter().filter_map(|row| row.route).collect();
    routes.sort();
    routes.dedup();
    routes
}

fn destination_route(fields: &Fields<'_>) -> Result<DestinationRoute, FieldError> {
    Ok(DestinationRoute {
        next_hop: fields.text("NextHop")?,
        destination: fields.text("RouteDest")?,
        weight: small(fields, "Weight")?,
        published: published(fields)?,
        unknown: fields.unknown(ROUTE),
    })
}

fn policy_route(fields: &Fields<'_>) -> Result<PolicyRoute, FieldError> {
    Ok(PolicyRoute {
        next_hop: fields.text("NextHop")?,
        source: fields.text("RouteSource")?,
        destination: fields.text("RouteDest")?,
        weight: small(fields, "Weight")?,
        priority: fields.has("Priority").then(|| small(fields, "Priority")).transpose()?,
        published: published(fields)?,
        unknown: fields.unknown(ROUTE),
    })
}

fn connection_route(fields: &Fields<'_>) -> Result<ConnectionRoute, FieldError> {
    Ok(ConnectionRoute { destination: fields.text("RouteDest")?, weight: small(fields, "Weight")?, unknown: fields.unknown(ROUTE) })
}

/// `published` or `normal` (cloud/api.md 2.5).
fn published(fields: &Fields<'_>) -> Result<bool, FieldError> {
    Ok(fields.text("State")?.eq_ignore_ascii_case(ROUTE_PUBLISHED))
}

fn small(fields: &Fields<'_>, name: &str) -> Result<u32, FieldError> {
    u32::try_from(fields.number(name)?).map_err(|_| fields.error(name, "is too large"))
}

/// Not every row repeats what it was asked for; one that does must mean it.
fn same_optional_id(fields: &Fields<'_>, name: &str, asked: &str) -> Result<(), FieldError> {
    if fields.has(name) { same_id(fields, name, asked) } else { Ok(()) }
}
