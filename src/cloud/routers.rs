//! How connections are bound to transit routers (cloud/api.md 2.4 and 4.1).

use super::client::{Client, readable};
use super::error::CloudError;
use super::pages::List;
use super::wire::{FieldError, Fields, Parameters};
use crate::facts::endpoints::{CENTRAL_REGION, Product};
use crate::model::{Authorization, RouterAttachment};
use std::collections::BTreeMap;

/// The most that CBN gives at once.
const MOST: usize = 100;
/// More pages than any account has.
const PAGES: usize = 100;
/// `Status` of an association or propagation that is in force.
const ACTIVE: &str = "Active";

impl Client {
    /// How a connection is bound to this transit router, with its route tables; `None` where it is not.
    ///
    /// # Errors
    /// Where a call fails, or its answer has no list: wrong parameters are answered so (cloud/api.md 4.1).
    pub async fn router_attachment(&self, _region: &str, router: &str, connection: &str) -> Result<Option<RouterAttachment>, CloudError> {
        let query = Parameters::new().with("TransitRouterId", router);
        let rows = self.tokened("ListTransitRouterVpnAttachments", &query, "TransitRouterAttachments", attachment).await?;
        let Some(mut found) = rows.into_iter().find(|row| row.connection == connection) else { return Ok(None) };
        found.associations = self.associations(&found.id).await?;
        found.propagations = self.propagations(router, &found.id).await?;
        Ok(Some(found))
    }

    /// Route tables that an attachment is associated with; the cloud allows one.
    ///
    /// # Errors
    /// As [`Client::router_attachment`].
    pub async fn associations(&self, attachment: &str) -> Result<Vec<String>, CloudError> {
        let query = Parameters::new().with("TransitRouterAttachmentId", attachment);
        self.tables_in_force("ListTransitRouterRouteTableAssociations", &query, "TransitRouterAssociations", attachment).await
    }

    /// Route tables that learn an attachment's routes. The cloud has to be asked for each table of the transit router.
    ///
    /// # Errors
    /// As [`Client::router_attachment`].
    pub async fn propagations(&self, router: &str, attachment: &str) -> Result<Vec<String>, CloudError> {
        let query = Parameters::new().with("TransitRouterId", router);
        let id = |fields: &Fields<'_>| fields.text("TransitRouterRouteTableId");
        let tables = self.tokened("ListTransitRouterRouteTables", &query, "TransitRouterRouteTables", id).await?;
        let mut learning = Vec::new();
        for table in tables {
            let query = Parameters::new().with("TransitRouterRouteTableId", &table).with("TransitRouterAttachmentId", attachment);
            let found =
                self.tables_in_force("ListTransitRouterRouteTablePropagations", &query, "TransitRouterPropagations", attachment).await?;
            learning.extend(found);
        }
        Ok(learning)
    }

    async fn tables_in_force(&self, action: &str, query: &Parameters, list: &str, attachment: &str) -> Result<Vec<String>, CloudError> {
        let row = |fields: &Fields<'_>| {
            let own = fields.text_or_empty("TransitRouterAttachmentId")? == attachment;
            let active = fields.text_or_empty("Status")?.eq_ignore_ascii_case(ACTIVE);
            Ok((own && active).then_some(fields.text("TransitRouterRouteTableId")?))
        };
        Ok(self.tokened(action, query, list, row).await?.into_iter().flatten().collect())
    }

    /// A list of CBN's, to its end.
    async fn tokened<T>(
        &self,
        action: &str,
        query: &Parameters,
        list: &str,
        row: impl Fn(&Fields<'_>) -> Result<T, FieldError>,
    ) -> Result<Vec<T>, CloudError> {
        let mut rows = Vec::new();
        let mut token: Option<String> = None;
        for _ in 0..PAGES {
            let page = query.clone().with("MaxResults", MOST).with_some("NextToken", token.as_deref());
            let accepted = self.read(Product::Cbn, action, CENTRAL_REGION, &page).await?;
            let read = || {
                let root = Fields::root(&accepted.body)?;
                let items = root.objects(list, "")?.ok_or_else(|| root.error(list, "is missing"))?;
                let found = items.iter().map(&row).collect::<Result<Vec<T>, FieldError>>()?;
                Ok((found, root.optional_text("NextToken")?))
            };
            let (found, next) = readable(action, &accepted, read())?;
            rows.extend(found);
            match next {
                Some(next) if token.as_ref() != Some(&next) => token = Some(next),
                _ => return Ok(rows),
            }
        }
        Ok(rows)
    }

    /// Descriptions of the connections that are bound to transit routers, by connection: nowhere else are they shown.
    ///
    /// # Errors
    /// Where a call fails or the list is not whole.
    pub async fn attachment_descriptions(&self, region: &str) -> Result<BTreeMap<String, String>, CloudError> {
        let list = List { action: "DescribeVpnAttachments", region, outer: "VpnAttachments", inner: "", filter: Parameters::new() };
        let row = |fields: &Fields<'_>| Ok((fields.text("InstanceId")?, fields.text_or_empty("Description")?));
        Ok(self.every_row(&list, row, |(id, _)| id.as_str().into()).await?.into_iter().collect())
    }

    /// Other accounts whose transit routers may bind this connection.
    ///
    /// # Errors
    /// Where a call fails or the list is not whole.
    pub async fn authorizations(&self, region: &str, connection: &str) -> Result<Vec<Authorization>, CloudError> {
        let filter = Parameters::new().with("VpnConnectionId", connection);
        let list = List { action: "DescribeVpnCrossAccountAuthorizations", region, outer: "CrossAccountAuthorizations", inner: "", filter };
        let row = |fields: &Fields<'_>| {
            Ok(Authorization { account: fields.text_or_empty("BindUid")?, instance: fields.text_or_empty("BindInstance")? })
        };
        self.every_row(&list, row, |row| format!("{}\n{}", row.account, row.instance).into()).await
    }
}

fn attachment(fields: &Fields<'_>) -> Result<RouterAttachment, FieldError> {
    let zones = fields.objects("Zones", "")?.unwrap_or_default();
    Ok(RouterAttachment {
        id: fields.text("TransitRouterAttachmentId")?,
        transit_router: fields.text("TransitRouterId")?,
        connection: fields.text("VpnId")?,
        name: fields.text_or_empty("TransitRouterAttachmentName")?,
        description: fields.text_or_empty("TransitRouterAttachmentDescription")?,
        // On by default (cloud/api.md 4.1).
        auto_publish: fields.optional_boolean("AutoPublishRouteEnabled")?.unwrap_or(true),
        status: fields.text("Status")?,
        zones: zones.iter().map(|zone| zone.text("ZoneId")).collect::<Result<_, _>>()?,
        tags: fields.tags("Tags")?,
        connection_owner: fields.optional_text("VpnOwnerId")?,
        associations: Vec::new(),
        propagations: Vec::new(),
    })
}
