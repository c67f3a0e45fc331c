//! IPsec connections, on VPN gateways and on transit routers (cloud/api.md 2.3 and 2.7).

use super::client::{Client, readable};
use super::customer_gateways::{existing, same_id};
use super::error::CloudError;
use super::pages::List;
use super::wire::{FieldError, Fields, Parameters};
use crate::facts::endpoints::Product;
use crate::facts::errors::VPN_CONNECTION_NOT_FOUND;
use crate::facts::states::{CONNECTION_ATTACHED, NO_VPN_GATEWAY, ROLE_ACTIVE, ROLE_STANDBY};
use crate::model::{Attachment, Authorization, IpsecConnection, Tunnel, TunnelRole, Verbatim};
use std::collections::BTreeMap;
use std::rc::Rc;

impl Client {
    /// One connection; `None` only where the cloud says that this id does not exist in the region.
    ///
    /// # Errors
    /// Everything else, a 403 included.
    pub async fn ipsec_connection(&self, region: &str, id: &str) -> Result<Option<IpsecConnection>, CloudError> {
        Ok(self.whole_connection(region, id).await?.map(|(connection, _)| connection))
    }

    /// One connection with the whole answer about it, the RequestId apart: pre-shared keys are in it.
    ///
    /// # Errors
    /// As [`Client::ipsec_connection`].
    pub async fn whole_connection(&self, region: &str, id: &str) -> Result<Option<(IpsecConnection, Verbatim)>, CloudError> {
        let action = "DescribeVpnConnection";
        let query = Parameters::new().with("RegionId", region).with("VpnConnectionId", id);
        let Some(accepted) = existing(self.read(Product::Vpc, action, region, &query).await, VPN_CONNECTION_NOT_FOUND)? else {
            return Ok(None);
        };
        let read = || {
            let root = Fields::root(&accepted.body)?;
            same_id(&root, "VpnConnectionId", id)?;
            connection(&root)
        };
        let connection = readable(action, &accepted, read())?;
        let mut body = accepted.body;
        if body.get("RequestId").is_some()
            && let Some(fields) = Rc::make_mut(&mut body).as_object_mut()
        {
            fields.shift_remove("RequestId");
        }
        Ok(Some((connection, Verbatim(body))))
    }

    /// All connections of a region. Whether the cloud's filter on a customer gateway finds those whose tunnels refer
    /// to it is not documented (cloud/api.md 2.3), so there is none here: [`IpsecConnection::refers_to`] tells.
    ///
    /// # Errors
    /// Where a call fails or the list is not whole.
    pub async fn ipsec_connections(&self, region: &str) -> Result<Vec<IpsecConnection>, CloudError> {
        let list = List::vpc("DescribeVpnConnections", region, "VpnConnections", "VpnConnection");
        self.every_row(&list, connection, |connection| Some(connection.id.as_str().into())).await
    }

    /// The descriptions of the connections that are bound to a transit router, by their ids: the one place where they can be
    /// read without a change (cloud/api.md 2.4). One without a description is in it with an empty text.
    ///
    /// # Errors
    /// Where a call fails or the list is not whole.
    pub async fn attachment_descriptions(&self, region: &str) -> Result<BTreeMap<String, String>, CloudError> {
        let list = List::vpc("DescribeVpnAttachments", region, "VpnAttachments", "VpnAttachment");
        let row = |fields: &Fields<'_>| Ok((fields.text("InstanceId")?, fields.text_or_empty("Description")?));
        Ok(self.every_row(&list, row, |(id, _): &(String, String)| Some(id.as_str().into())).await?.into_iter().collect())
    }

    /// The accounts whose transit routers may bind a connection; lost when it is deleted (cloud/api.md 2.4).
    ///
    /// # Errors
    /// Where a call fails, the list is not whole, or a row is about another connection.
    pub async fn authorizations(&self, region: &str, connection: &str) -> Result<Vec<Authorization>, CloudError> {
        let list = List::vpc("DescribeVpnCrossAccountAuthorizations", region, "CrossAccountAuthorizations", "CrossAccountAuthorization");
        let list = list.with("VpnConnectionId", connection);
        let row = |fields: &Fields<'_>| {
            same_id(fields, "VpnConnectionId", connection)?;
            Ok(Authorization { account: fields.text("BindUid")?, instance: fields.text_or_empty("BindInstance")? })
        };
        self.every_row(&list, row, |row: &Authorization| Some(format!("{} {}", row.account, row.instance).into())).await
    }
}

fn connection(fields: &Fields<'_>) -> Result<IpsecConnection, FieldError> {
    let tunnels = tunnels(fields)?;
    let single = tunnels.is_empty();
    let ike = fields.object("IkeConfig")?;
    let health = fields.object("VcoHealthCheck")?;
    let bgp = fields.object("VpnBgpConfig")?;
    let tags_name = if fields.has("Tags") { "Tags" } else { "Tag" };
    Ok(IpsecConnection {
        id: fields.text("VpnConnectionId")?,
        name: fields.text_or_empty("Name")?,
        attachment: attachment(fields)?,
        customer_gateway_id: if single { fields.text("CustomerGatewayId")? } else { String::new() },
        state: fields.text("State")?,
        status: fields.text_or_empty("Status")?,
        internet_ip: fields.optional_address("InternetIp")?,
        local_subnet: fields.text_or_empty("LocalSubnet")?,
        remote_subnet: fields.text_or_empty("RemoteSubnet")?,
        remote_id: match ike {
            Some(ike) => ike.text_or_empty("RemoteId")?,
            None if single => return Err(fields.error("IkeConfig", "is missing")),
            None => String::new(),
        },
        bgp_enabled: bgp_enabled(fields, single)?,
        bgp_status: bgp.map_or(Ok(String::new()), |bgp| bgp.text_or_empty("Status"))?,
        health_enabled: health.as_ref().map_or(Ok(None), |health| health.optional_boolean("Enable"))?.unwrap_or(false),
        health_status: health.map_or(Ok(String::new()), |health| health.text_or_empty("Status"))?,
        cross_account: fields.optional_boolean("CrossAccountAuthorized")?.unwrap_or(false),
        // Under `Tag` in the list, under `Tags` in the description (cloud/api.md 2.3).
        tags: fields.tags(tags_name)?,
        tunnels,
    })
}

fn attachment(fields: &Fields<'_>) -> Result<Attachment, FieldError> {
    if let Some(gateway) = fields.optional_text("VpnGatewayId")?.filter(|id| id != NO_VPN_GATEWAY) {
        return Ok(Attachment::VpnGateway(gateway));
    }
    match fields.optional_text("TransitRouterId")? {
        Some(router) => Ok(Attachment::TransitRouter(router)),
        None if fields.text("State")? == CONNECTION_ATTACHED => Err(fields.error("TransitRouterId", "is missing")),
        None => Ok(Attachment::Unbound),
    }
}

/// The two of a dual-tunnel connection, none for a single-tunnel one; any other number is odd.
fn tunnels(fields: &Fields<'_>) -> Result<Vec<Tunnel>, FieldError> {
    let name = "TunnelOptionsSpecification";
    let empty_wrapper = fields.object_is_empty(name);
    let items = if empty_wrapper { Vec::new() } else { fields.objects(name, "TunnelOptions")?.unwrap_or_default() };
    if !matches!(items.len(), 0 | 2) {
        return Err(fields.error(name, "holds neither no nor two tunnels"));
    }
    items.iter().map(tunnel).collect()
}

fn tunnel(fields: &Fields<'_>) -> Result<Tunnel, FieldError> {
    let (index, role) = place(fields)?;
    let ike = fields.object("TunnelIkeConfig")?.ok_or_else(|| fields.error("TunnelIkeConfig", "is missing"))?;
    let bgp_status = match fields.object("TunnelBgpConfig")? {
        Some(bgp) => bgp.text_or_empty("BgpStatus")?,
        None => String::new(),
    };
    Ok(Tunnel {
        id: fields.text("TunnelId")?,
        index,
        role,
        customer_gateway_id: fields.text("CustomerGatewayId")?,
        state: fields.text_or_empty("State")?,
        status: fields.text_or_empty("Status")?,
        internet_ip: fields.optional_address("InternetIp")?,
        remote_id: ike.text_or_empty("RemoteId")?,
        bgp_status,
    })
}

/// Tunnel 1 is the active one and tunnel 2 the standby (cloud/api.md 2.7), so either field tells the other where
/// the cloud leaves one out.
fn place(fields: &Fields<'_>) -> Result<(u8, TunnelRole), FieldError> {
    let role = match fields.optional_text("Role")? {
        Some(role) if role.eq_ignore_ascii_case(ROLE_ACTIVE) => Some(TunnelRole::Active),
        Some(role) if role.eq_ignore_ascii_case(ROLE_STANDBY) => Some(TunnelRole::Standby),
        Some(_) => return Err(fields.error("Role", "is neither master nor slave")),
        None => None,
    };
    let index = match fields.optional_number("TunnelIndex")? {
        Some(1) => Some(1),
        Some(2) => Some(2),
        Some(_) => return Err(fields.error("TunnelIndex", "is neither 1 nor 2")),
        None => None,
    };
    match (index, role) {
        (Some(index), Some(role)) => Ok((index, role)),
        (Some(1), None) | (None, Some(TunnelRole::Active)) => Ok((1, TunnelRole::Active)),
        (Some(_), None) | (None, Some(TunnelRole::Standby)) => Ok((2, TunnelRole::Standby)),
        (None, None) => Err(fields.error("Role", "is missing")),
    }
}

/// The list leaves `EnableBgp` of single-tunnel connections out (cloud/api.md 2.3); only a connection with BGP has
/// a tunnel CIDR.
fn bgp_enabled(fields: &Fields<'_>, single: bool) -> Result<bool, FieldError> {
    if !single {
        return Ok(fields.optional_boolean("EnableTunnelsBgp")?.unwrap_or(false));
    }
    let Some(bgp) = fields.object("VpnBgpConfig")? else { return Ok(false) };
    match bgp.optional_boolean("EnableBgp")? {
        Some(enabled) => Ok(enabled),
        None => Ok(bgp.optional_text("TunnelCidr")?.is_some()),
    }
}
