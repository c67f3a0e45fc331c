//! Regions, VPN gateways and transit routers: where the device's connections end (cloud/api.md 2.2 and 4.1).

use super::client::{Client, readable};
use super::customer_gateways::{existing, same_id};
use super::error::CloudError;
use super::wire::{FieldError, Fields, Parameters};
use crate::facts::endpoints::{CENTRAL_REGION, Product};
use crate::facts::errors::VPN_GATEWAY_NOT_FOUND;
use crate::model::{Region, TransitRouter, VpnGateway};

impl Client {
    /// Every region, with the endpoint that the cloud names for it.
    ///
    /// # Errors
    /// Where the call fails or a row cannot be read.
    pub async fn regions(&self) -> Result<Vec<Region>, CloudError> {
        let action = "DescribeRegions";
        let accepted = self.read(Product::Vpc, action, CENTRAL_REGION, &Parameters::new()).await?;
        let read = || {
            let root = Fields::root(&accepted.body)?;
            let items = root.objects("Regions", "Region")?.ok_or_else(|| root.error("Regions", "is missing"))?;
            items.iter().map(region).collect()
        };
        readable(action, &accepted, read())
    }

    /// One VPN gateway; `None` only where the cloud says that this id does not exist in the region.
    ///
    /// # Errors
    /// Everything else, a 403 included.
    pub async fn vpn_gateway(&self, region: &str, id: &str) -> Result<Option<VpnGateway>, CloudError> {
        let action = "DescribeVpnGateway";
        let query = Parameters::new().with("RegionId", region).with("VpnGatewayId", id);
        let Some(accepted) = existing(self.read(Product::Vpc, action, region, &query).await, VPN_GATEWAY_NOT_FOUND)? else {
            return Ok(None);
        };
        let read = || {
            let root = Fields::root(&accepted.body)?;
            same_id(&root, "VpnGatewayId", id)?;
            vpn_gateway(&root)
        };
        readable(action, &accepted, read()).map(Some)
    }

    /// A transit router and its region, read from its route tables. The cloud answers an unknown id with an empty
    /// list and not with an error (cloud/api.md 4.1), so `None` means: no route table of such a transit router.
    ///
    /// # Errors
    /// Where the call fails, or the answer is about another transit router.
    pub async fn transit_router(&self, id: &str) -> Result<Option<TransitRouter>, CloudError> {
        let action = "ListTransitRouterRouteTables";
        let query = Parameters::new().with("TransitRouterId", id);
        let accepted = self.read(Product::Cbn, action, CENTRAL_REGION, &query).await?;
        let read = || {
            let tables = Fields::root(&accepted.body)?.objects("TransitRouterRouteTables", "TransitRouterRouteTable")?;
            let Some(table) = tables.as_ref().and_then(|tables| tables.first()) else { return Ok(None) };
            same_id(table, "TransitRouterId", id)?;
            Ok(Some(TransitRouter { id: id.to_owned(), region: table.text("RegionId")? }))
        };
        readable(action, &accepted, read())
    }
}

fn region(fields: &Fields<'_>) -> Result<Region, FieldError> {
    Ok(Region { id: fields.text("RegionId")?, endpoint: fields.optional_text("RegionEndpoint")? })
}

fn vpn_gateway(fields: &Fields<'_>) -> Result<VpnGateway, FieldError> {
    let first = fields.optional_address("InternetIp")?;
    // Present where the gateway is dual-tunnel capable (cloud/api.md 2.2).
    let second = fields.optional_address("DisasterRecoveryInternetIp")?;
    Ok(VpnGateway {
        id: fields.text("VpnGatewayId")?,
        name: fields.text_or_empty("Name")?,
        status: fields.text("Status")?,
        network_type: fields.text_or_empty("NetworkType")?,
        internet_ips: first.into_iter().chain(second).collect(),
    })
}
