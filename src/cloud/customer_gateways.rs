//! Customer gateways and their tags (cloud/api.md 2.1, 2.8, 2.9).

use super::client::{Client, readable};
use super::error::CloudError;
use super::pages::List;
use super::wire::{FieldError, Fields, Parameters};
use super::write_call::{WriteCall, Written};
use crate::facts::endpoints::Product;
use crate::facts::errors::CUSTOMER_GATEWAY_NOT_FOUND;
use crate::facts::names::is_system_tag;
use crate::facts::object_fields::CUSTOMER_GATEWAY;
use crate::facts::states::TAG_TYPE_CUSTOMER_GATEWAY;
use crate::model::{Asn, CustomerGateway, Secret, Tags};
use std::net::Ipv4Addr;

/// A customer gateway to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCustomerGateway {
    pub region: String,
    pub ip: Ipv4Addr,
    pub asn: Option<Asn>,
    /// 1-100 characters; empty is not sent.
    pub name: String,
    /// 1-100 characters; empty is not sent.
    pub description: String,
    /// BGP authentication key, 1-64 ASCII characters without space and `?`.
    pub auth_key: Option<Secret>,
    pub resource_group: Option<String>,
    /// At most 20; keys 1-64, values 0-128 characters.
    pub tags: Tags,
}

/// What can be changed of one: everything but its address and ASN (cloud/api.md 1.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CustomerGatewayChange {
    pub name: Option<String>,
    pub description: Option<String>,
    /// Makes the call asynchronous where connections use it.
    pub auth_key: Option<Secret>,
}

/// CreateCustomerGateway; [`created_id`] reads the answer.
pub fn create_customer_gateway(new: &NewCustomerGateway, client_token: &str) -> WriteCall {
    let not_empty = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let parameters = Parameters::new()
        .with("IpAddress", new.ip)
        .with_some("Asn", new.asn)
        .with_some("Name", not_empty(&new.name))
        .with_some("Description", not_empty(&new.description))
        .with_some("AuthKey", new.auth_key.as_ref().map(Secret::reveal))
        .with_some("ResourceGroupId", new.resource_group.as_deref())
        .with_tags("Tags", &new.tags);
    WriteCall::vpc("CreateCustomerGateway", &new.region, parameters, Some(client_token))
}

/// The id in the answer of CreateCustomerGateway.
///
/// # Errors
/// Where it is missing: the gateway exists all the same.
pub fn created_id(written: &Written) -> Result<String, FieldError> {
    Fields::root(&written.body)?.text("CustomerGatewayId")
}

/// DeleteCustomerGateway: refused by the cloud while a connection refers to it.
pub fn delete_customer_gateway(region: &str, id: &str, client_token: &str) -> WriteCall {
    WriteCall::vpc("DeleteCustomerGateway", region, Parameters::new().with("CustomerGatewayId", id), Some(client_token))
}

/// ModifyCustomerGatewayAttribute; what is `None` is not sent and stays.
pub fn modify_customer_gateway_attribute(region: &str, id: &str, change: &CustomerGatewayChange, client_token: &str) -> WriteCall {
    let parameters = Parameters::new()
        .with("CustomerGatewayId", id)
        .with_some("Name", change.name.as_deref())
        .with_some("Description", change.description.as_deref())
        .with_some("AuthKey", change.auth_key.as_ref().map(Secret::reveal));
    WriteCall::vpc("ModifyCustomerGatewayAttribute", region, parameters, Some(client_token))
}

/// TagResources on a customer gateway. Takes no token; doing it twice is doing it once.
pub fn tag_customer_gateway(region: &str, id: &str, tags: &Tags) -> WriteCall {
    tag_resources(region, TAG_TYPE_CUSTOMER_GATEWAY, id, tags)
}

/// UnTagResources on a customer gateway. Takes no token; doing it twice is doing it once.
pub fn untag_customer_gateway<'a>(region: &str, id: &str, keys: impl IntoIterator<Item = &'a str>) -> WriteCall {
    untag_resources(region, TAG_TYPE_CUSTOMER_GATEWAY, id, keys)
}

/// TagResources; `resource_type` is one of `facts::states`' tag types.
pub fn tag_resources(region: &str, resource_type: &str, id: &str, tags: &Tags) -> WriteCall {
    let parameters = Parameters::new().with("ResourceType", resource_type).with_list("ResourceId", [id]).with_tags("Tag", tags);
    WriteCall::vpc("TagResources", region, parameters, None)
}

/// The tags that a creation may name: those of the cloud's own systems are refused, and come by themselves (cloud/api.md 2.3).
pub(super) fn user_tags(tags: &Tags) -> Tags {
    tags.iter().filter(|(key, _)| !is_system_tag(key)).map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// UnTagResources of the tags with these keys.
pub fn untag_resources<'a>(region: &str, resource_type: &str, id: &str, keys: impl IntoIterator<Item = &'a str>) -> WriteCall {
    let parameters = Parameters::new().with("ResourceType", resource_type).with_list("ResourceId", [id]).with_list("TagKey", keys);
    WriteCall::vpc("UnTagResources", region, parameters, None)
}

impl Client {
    /// All customer gateways of a region: there is no filter on the address (cloud/api.md 2.1).
    ///
    /// # Errors
    /// Where a call fails or the list is not whole.
    pub async fn customer_gateways(&self, region: &str) -> Result<Vec<CustomerGateway>, CloudError> {
        let list = List::vpc("DescribeCustomerGateways", region, "CustomerGateways", "CustomerGateway");
        self.every_row(&list, customer_gateway, |gateway| Some(gateway.id.as_str().into())).await
    }

    /// One customer gateway; `None` only where the cloud says that this id does not exist.
    ///
    /// # Errors
    /// Everything else, a 403 included.
    pub async fn customer_gateway(&self, region: &str, id: &str) -> Result<Option<CustomerGateway>, CloudError> {
        Ok(self.whole_customer_gateway(region, id).await?.map(|(gateway, _)| gateway))
    }

    /// One customer gateway, with the names of its fields that we don't know and that hold something.
    ///
    /// # Errors
    /// As [`Client::customer_gateway`].
    pub async fn whole_customer_gateway(&self, region: &str, id: &str) -> Result<Option<(CustomerGateway, Vec<String>)>, CloudError> {
        let action = "DescribeCustomerGateway";
        let query = Parameters::new().with("RegionId", region).with("CustomerGatewayId", id);
        let Some(accepted) = existing(self.read(Product::Vpc, action, region, &query).await, CUSTOMER_GATEWAY_NOT_FOUND)? else {
            return Ok(None);
        };
        let read = || {
            let root = Fields::root(&accepted.body)?;
            same_id(&root, "CustomerGatewayId", id)?;
            Ok((customer_gateway(&root)?, root.unknown(CUSTOMER_GATEWAY)))
        };
        readable(action, &accepted, read()).map(Some)
    }
}

/// `None` where the cloud answered exactly this code, and not as a 403.
pub(super) fn existing<T>(result: Result<T, CloudError>, not_found: &str) -> Result<Option<T>, CloudError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_not_found() && error.code.eq_ignore_ascii_case(not_found) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The answer must be about what was asked.
pub(super) fn same_id(fields: &Fields<'_>, name: &str, asked: &str) -> Result<(), FieldError> {
    if fields.text(name)? == asked { Ok(()) } else { Err(fields.error(name, "is not the id that was asked for")) }
}

fn customer_gateway(fields: &Fields<'_>) -> Result<CustomerGateway, FieldError> {
    Ok(CustomerGateway {
        id: fields.text("CustomerGatewayId")?,
        ip: fields.address("IpAddress")?,
        asn: asn(fields)?,
        name: fields.text_or_empty("Name")?,
        description: fields.text_or_empty("Description")?,
        auth_key: fields.optional_text("AuthKey")?.map(Secret::new),
        resource_group: fields.text_or_empty("ResourceGroupId")?,
        created: fields.optional_time("CreateTime")?,
        tags: fields.tags("Tags")?,
    })
}

/// A number in replies, a text in requests (cloud/api.md 2.1); 0 and empty mean none.
fn asn(fields: &Fields<'_>) -> Result<Option<Asn>, FieldError> {
    match fields.optional_text("Asn")? {
        None => Ok(None),
        Some(text) if text == "0" => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_| fields.error("Asn", "is not an ASN")),
    }
}
