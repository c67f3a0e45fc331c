//! What binds a connection to a transit router, and its route tables to it (cloud/api.md 4.1).
//!
//! Parameters that are wrong are answered with success here, and nothing happens (cloud/api.md 4.1): only reading tells.

use super::customer_gateways::user_tags;
use super::wire::{FieldError, Fields, Parameters};
use super::write_call::{WriteCall, Written};
use crate::model::RouterAttachment;

/// CreateTransitRouterVpnAttachment: `connection` bound as the one before was; [`created_attachment_id`] reads the answer.
/// Zones are of single-tunnel connections, and must be left out for others (cloud/api.md 4.1).
pub fn create_router_attachment(region: &str, attachment: &RouterAttachment, connection: &str, client_token: &str) -> WriteCall {
    let not_empty = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let parameters = Parameters::new()
        .with("RegionId", region)
        .with("TransitRouterId", &attachment.transit_router)
        .with("VpnId", connection)
        .with_some("VpnOwnerId", attachment.connection_owner.as_deref())
        .with_some("TransitRouterAttachmentName", not_empty(&attachment.name))
        .with_some("TransitRouterAttachmentDescription", not_empty(&attachment.description))
        .with("AutoPublishRouteEnabled", attachment.auto_publish)
        .with_tags("Tag", &user_tags(&attachment.tags))
        .with_objects("Zone", attachment.zones.iter().map(|zone| Parameters::new().with("ZoneId", zone)));
    WriteCall::cbn("CreateTransitRouterVpnAttachment", parameters, client_token)
}

/// DeleteTransitRouterVpnAttachment. Without `Force`, which would delete whatever association and propagation there is with it
/// (cloud/api.md 4.1): also one that nobody has read.
pub fn delete_router_attachment(attachment: &str, client_token: &str) -> WriteCall {
    let parameters = Parameters::new().with("TransitRouterAttachmentId", attachment);
    WriteCall::cbn("DeleteTransitRouterVpnAttachment", parameters, client_token)
}

/// AssociateTransitRouterAttachmentWithRouteTable: the one table that its traffic is routed by.
pub fn associate(attachment: &str, table: &str, client_token: &str) -> WriteCall {
    WriteCall::cbn("AssociateTransitRouterAttachmentWithRouteTable", attachment_and_table(attachment, table), client_token)
}

/// EnableTransitRouterRouteTablePropagation: a table that learns its routes.
pub fn propagate(attachment: &str, table: &str, client_token: &str) -> WriteCall {
    WriteCall::cbn("EnableTransitRouterRouteTablePropagation", attachment_and_table(attachment, table), client_token)
}

/// DissociateTransitRouterAttachmentFromRouteTable.
pub fn dissociate(attachment: &str, table: &str, client_token: &str) -> WriteCall {
    WriteCall::cbn("DissociateTransitRouterAttachmentFromRouteTable", attachment_and_table(attachment, table), client_token)
}

/// DisableTransitRouterRouteTablePropagation.
pub fn stop_propagating(attachment: &str, table: &str, client_token: &str) -> WriteCall {
    WriteCall::cbn("DisableTransitRouterRouteTablePropagation", attachment_and_table(attachment, table), client_token)
}

/// The id in the answer of CreateTransitRouterVpnAttachment.
///
/// # Errors
/// Where it is missing: the attachment may exist all the same.
pub fn created_attachment_id(written: &Written) -> Result<String, FieldError> {
    Fields::root(&written.body)?.text("TransitRouterAttachmentId")
}

fn attachment_and_table(attachment: &str, table: &str) -> Parameters {
    Parameters::new().with("TransitRouterAttachmentId", attachment).with("TransitRouterRouteTableId", table)
}
