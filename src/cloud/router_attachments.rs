//! How connections are bound to a transit router (CBN, cloud/api.md 4.1). Wrong parameters are answered like an empty list, and
//! not with an error: before an attachment counts as absent, the cloud must show the transit router itself.

use super::client::Client;
use super::customer_gateways::same_id;
use super::error::CloudError;
use super::pages::{List, inconsistent};
use super::wire::{FieldError, Fields};
use crate::facts::object_fields::ROUTER_ATTACHMENT;
use crate::facts::states::IN_FORCE;
use crate::model::RouterAttachment;

/// The list of attachments and its name in the answer.
const ATTACHMENTS: &str = "TransitRouterAttachments";

impl Client {
    /// The attachment of a connection to a transit router, with its route tables; `None` where it has none there.
    ///
    /// # Errors
    /// Where a call fails, a list is missing or not whole, or an answer is about another transit router.
    pub async fn router_attachment(
        &self,
        region: &str,
        transit_router: &str,
        connection: &str,
    ) -> Result<Option<RouterAttachment>, CloudError> {
        let action = "ListTransitRouterVpnAttachments";
        let list = List::cbn(action, ATTACHMENTS).with("RegionId", region).with("TransitRouterId", transit_router);
        let rows = self.every_row(&list, |fields| attachment(fields, transit_router), |row| Some(row.id.as_str().into())).await?;
        let mut own = rows.into_iter().filter(|row| row.connection == connection);
        let Some(mut found) = own.next() else { return self.shown_router(action, transit_router).await.map(|()| None) };
        if own.next().is_some() {
            return Err(inconsistent(action, format!("the list shows {connection} attached twice"), None));
        }
        let (associations, propagations) = (self.bound_tables(&found.id).await?, self.learning_tables(transit_router, &found.id).await?);
        let moving = associations.iter().chain(&propagations).filter(|(_, status)| !is_in_force(status));
        found.under_way = moving.map(|(table, status)| format!("{table} ({status})")).collect();
        (found.associations, found.propagations) = (in_force(associations), in_force(propagations));
        Ok(Some(found))
    }

    /// One attachment; its route tables are not read, and their lists in it stay empty. `None` where the transit router has no
    /// such attachment.
    ///
    /// # Errors
    /// As [`Client::router_attachment`], and where the answer is about another attachment.
    pub async fn attachment_by_id(&self, transit_router: &str, id: &str) -> Result<Option<RouterAttachment>, CloudError> {
        let action = "ListTransitRouterVpnAttachments";
        let list = List::cbn(action, ATTACHMENTS).with("TransitRouterId", transit_router).with("TransitRouterAttachmentId", id);
        let row = |fields: &Fields<'_>| {
            same_id(fields, "TransitRouterAttachmentId", id)?;
            attachment(fields, transit_router)
        };
        match self.every_row(&list, row, |row| Some(row.id.as_str().into())).await?.into_iter().next() {
            Some(found) => Ok(Some(found)),
            None => self.shown_router(action, transit_router).await.map(|()| None),
        }
    }

    /// The route tables that an attachment is associated with: one at most (cloud/api.md 4.1).
    ///
    /// # Errors
    /// Where a call fails, or the list is missing or not whole.
    pub async fn associations(&self, attachment: &str) -> Result<Vec<String>, CloudError> {
        Ok(in_force(self.bound_tables(attachment).await?))
    }

    async fn bound_tables(&self, attachment: &str) -> Result<Vec<(String, String)>, CloudError> {
        let list = List::cbn("ListTransitRouterRouteTableAssociations", "TransitRouterAssociations");
        let list = list.with("TransitRouterAttachmentId", attachment);
        self.tables(&list, attachment).await
    }

    /// The route tables of a transit router that learn an attachment's routes. There is no list of them: every
    /// table is asked (cloud/api.md 4.1).
    ///
    /// # Errors
    /// As [`Client::associations`].
    pub async fn propagations(&self, transit_router: &str, attachment: &str) -> Result<Vec<String>, CloudError> {
        Ok(in_force(self.learning_tables(transit_router, attachment).await?))
    }

    async fn learning_tables(&self, transit_router: &str, attachment: &str) -> Result<Vec<(String, String)>, CloudError> {
        let mut found = Vec::new();
        for table in self.route_tables(transit_router).await? {
            let list = List::cbn("ListTransitRouterRouteTablePropagations", "TransitRouterPropagations");
            let list = list.with("TransitRouterRouteTableId", &table).with("TransitRouterAttachmentId", attachment);
            found.extend(self.tables(&list, attachment).await?.into_iter().filter(|(shown, _)| *shown == table));
        }
        Ok(found)
    }

    /// The static routes of a transit router that lead into an attachment, as `destination in table`: they name it by its id, and keep
    /// the cloud from deleting it (cloud/api.md 1.2; the call: alibabacloud-go-sdk, cbn-20170912, ListTransitRouterRouteEntries).
    ///
    /// # Errors
    /// As [`Client::associations`].
    pub async fn static_routes(&self, transit_router: &str, attachment: &str) -> Result<Vec<String>, CloudError> {
        let mut found = Vec::new();
        for table in self.route_tables(transit_router).await? {
            let list = List::cbn("ListTransitRouterRouteEntries", "TransitRouterRouteEntries").with("TransitRouterRouteTableId", &table);
            // Without a state the cloud tells only those that are in force.
            let list = list.with("TransitRouterRouteEntryStatus", "All").with("TransitRouterRouteEntryType", "Static");
            let list = list.with("TransitRouterRouteEntryNextHopId", attachment);
            let row = |fields: &Fields<'_>| {
                let next_hop = fields.text_or_empty("TransitRouterRouteEntryNextHopId")?;
                Ok((fields.text("TransitRouterRouteEntryDestinationCidrBlock")?, next_hop, fields.text("TransitRouterRouteEntryType")?))
            };
            let rows = self.every_row(&list, row, |_: &(String, String, String)| None).await?;
            // What a filter lets through that is not known of is not meant.
            let meant = rows.into_iter().filter(|(_, next_hop, kind)| next_hop == attachment && kind.eq_ignore_ascii_case("Static"));
            found.extend(meant.map(|(destination, ..)| format!("{destination} in {table}")));
        }
        Ok(found)
    }

    /// Every transit router has a route table of the system's; one that shows none is not there, or not ours to see.
    async fn shown_router(&self, action: &str, transit_router: &str) -> Result<(), CloudError> {
        if self.route_tables(transit_router).await?.is_empty() {
            return Err(inconsistent(action, format!("the cloud shows no transit router {transit_router}"), None));
        }
        Ok(())
    }

    async fn route_tables(&self, transit_router: &str) -> Result<Vec<String>, CloudError> {
        let list = List::cbn("ListTransitRouterRouteTables", "TransitRouterRouteTables").with("TransitRouterId", transit_router);
        let row = |fields: &Fields<'_>| {
            same_id(fields, "TransitRouterId", transit_router)?;
            fields.text("TransitRouterRouteTableId")
        };
        self.every_row(&list, row, |table| Some(table.as_str().into())).await
    }

    /// The tables of a list that is about one attachment, with their states.
    async fn tables(&self, list: &List<'_>, attachment: &str) -> Result<Vec<(String, String)>, CloudError> {
        let row = |fields: &Fields<'_>| {
            same_id(fields, "TransitRouterAttachmentId", attachment)?;
            Ok((fields.text("TransitRouterRouteTableId")?, fields.text("Status")?))
        };
        self.every_row(list, row, |(table, _): &(String, String)| Some(table.as_str().into())).await
    }
}

/// One that is only on its way does not count yet, or no longer.
fn in_force(tables: Vec<(String, String)>) -> Vec<String> {
    tables.into_iter().filter(|(_, status)| is_in_force(status)).map(|(table, _)| table).collect()
}

fn is_in_force(status: &str) -> bool {
    status.eq_ignore_ascii_case(IN_FORCE)
}

fn attachment(fields: &Fields<'_>, transit_router: &str) -> Result<RouterAttachment, FieldError> {
    same_id(fields, "TransitRouterId", transit_router)?;
    let zones = fields.objects("Zones", "Zone")?.unwrap_or_default();
    Ok(RouterAttachment {
        id: fields.text("TransitRouterAttachmentId")?,
        transit_router: transit_router.to_owned(),
        connection: fields.text("VpnId")?,
        name: fields.text_or_empty("TransitRouterAttachmentName")?,
        description: fields.text_or_empty("TransitRouterAttachmentDescription")?,
        auto_publish: fields
            .optional_boolean("AutoPublishRouteEnabled")?
            .ok_or_else(|| fields.error("AutoPublishRouteEnabled", "is missing"))?,
        status: fields.text("Status")?,
        zones: zones.iter().map(|zone| zone.text("ZoneId")).collect::<Result<_, FieldError>>()?,
        tags: fields.tags("Tags")?,
        connection_owner: fields.optional_text("VpnOwnerId")?,
        associations: Vec::new(),
        propagations: Vec::new(),
        under_way: Vec::new(),
        static_routes: Vec::new(),
        terms: [fields.optional_text("OrderType")?, fields.optional_text("ChargeType")?].into_iter().flatten().collect(),
        unknown: fields.unknown(ROUTER_ATTACHMENT),
    })
}
