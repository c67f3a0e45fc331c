//! Routes that lead into IPsec connections (cloud/api.md 2.5): those of VPN gateways, and those of connections on transit routers.

use super::client::Client;
use super::error::CloudError;
use super::pages::List;
use super::wire::{FieldError, Fields, Parameters};
use crate::model::{ConnectionRoute, DestinationRoute, PolicyRoute};

/// `State` of a route that is in the VPC's system route table too. The other: normal.
const PUBLISHED: &str = "published";
/// `RouteEntryType` of a route that somebody made, in contrast to one that BGP brought.
const CUSTOM: &str = "custom";

impl Client {
    /// Destination routes that somebody made.
    ///
    /// # Errors
    /// Where a call fails or the list is not whole.
    pub async fn destination_routes(&self, region: &str, vpn_gateway: &str) -> Result<Vec<DestinationRoute>, CloudError> {
        let filter = Parameters::new().with("VpnGatewayId", vpn_gateway).with("RouteEntryType", CUSTOM);
        let list = List { action: "DescribeVpnRouteEntries", region, outer: "VpnRouteEntries", inner: "VpnRouteEntry", filter };
        let rows = self
            .every_row(&list, custom(destination_route), |row| key(row.as_ref().map(|route| (&route.next_hop, &route.destination, ""))))
            .await?;
        Ok(rows.into_iter().flatten().collect())
    }

    /// Policy routes; BGP brings none.
    ///
    /// # Errors
    /// Where a call fails or the list is not whole.
    pub async fn policy_routes(&self, region: &str, vpn_gateway: &str) -> Result<Vec<PolicyRoute>, CloudError> {
        let filter = Parameters::new().with("VpnGatewayId", vpn_gateway);
        let list = List { action: "DescribeVpnPbrRouteEntries", region, outer: "VpnPbrRouteEntries", inner: "VpnPbrRouteEntry", filter };
        self.every_row(&list, policy_route, |route| {
            format!("{}\n{}\n{}\n{:?}\n{}", route.next_hop, route.source, route.destination, route.priority, route.weight).into()
        })
        .await
    }

    /// Routes of a connection on a transit router that somebody made.
    ///
    /// # Errors
    /// Where a call fails or the list is not whole.
    pub async fn connection_routes(&self, region: &str, connection: &str) -> Result<Vec<ConnectionRoute>, CloudError> {
        let filter = Parameters::new().with("VpnConnectionId", connection).with("RouteEntryType", CUSTOM);
        let list = List { action: "DescribeVcoRouteEntries", region, outer: "VcoRouteEntries", inner: "", filter };
        let read = |fields: &Fields<'_>| Ok(ConnectionRoute { destination: fields.text("RouteDest")?, weight: weight(fields)? });
        let rows =
            self.every_row(&list, custom(read), |row| key(row.as_ref().map(|route| (&route.destination, &route.destination, "")))).await?;
        Ok(rows.into_iter().flatten().collect())
    }
}

/// `None` for a route of BGP, which an answer to the filter should not hold.
fn custom<T>(read: impl Fn(&Fields<'_>) -> Result<T, FieldError>) -> impl Fn(&Fields<'_>) -> Result<Option<T>, FieldError> {
    move |fields| match fields.optional_text("RouteEntryType")? {
        Some(kind) if !kind.eq_ignore_ascii_case(CUSTOM) => Ok(None),
        _ => read(fields).map(Some),
    }
}

/// What tells one route from another, as one text.
fn key<'a>(parts: Option<(&String, &String, &str)>) -> std::borrow::Cow<'a, str> {
    parts.map(|(hop, destination, more)| format!("{hop}\n{destination}\n{more}")).unwrap_or_default().into()
}

fn destination_route(fields: &Fields<'_>) -> Result<DestinationRoute, FieldError> {
    Ok(DestinationRoute {
        next_hop: fields.text("NextHop")?,
        destination: fields.text("RouteDest")?,
        weight: weight(fields)?,
        published: published(fields)?,
    })
}

fn policy_route(fields: &Fields<'_>) -> Result<PolicyRoute, FieldError> {
    Ok(PolicyRoute {
        next_hop: fields.text("NextHop")?,
        source: fields.text("RouteSource")?,
        destination: fields.text("RouteDest")?,
        weight: weight(fields)?,
        priority: fields.optional_number("Priority")?.and_then(|priority| u32::try_from(priority).ok()),
        published: published(fields)?,
    })
}

fn weight(fields: &Fields<'_>) -> Result<u32, FieldError> {
    u32::try_from(fields.optional_number("Weight")?.unwrap_or(0)).map_err(|_| fields.error("Weight", "is too large"))
}

fn published(fields: &Fields<'_>) -> Result<bool, FieldError> {
    Ok(fields.text_or_empty("State")?.eq_ignore_ascii_case(PUBLISHED))
}
