//! Associations and propagations: what ties an attachment to the route tables of its transit router. By default there
//! are none, and a new attachment gets none (cloud/api.md 4.1).

use super::{is, paged};
use crate::model::Timestamp;
use crate::simulator::connection;
use crate::simulator::objects::{Attachment, Objects, Pending, Then};
use crate::simulator::region::Region;
use crate::simulator::request::Request;
use crate::simulator::response::{ApiError, Reply};
use serde_json::json;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub kind: LinkKind,
    /// `tr-attach-…`
    pub attachment: String,
    /// `vtb-…`
    pub table: String,
    /// `Active`; before `Associating` or `Enabling`, at the end `Dissociating` or `Disabling`.
    pub status: String,
    pub pending: Option<Pending>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// The table by which the attachment's traffic is routed: one at most.
    Association,
    /// A table that learns the attachment's routes.
    Propagation,
}

impl LinkKind {
    fn begins(self) -> &'static str {
        match self {
            LinkKind::Association => "Associating",
            LinkKind::Propagation => "Enabling",
        }
    }

    fn ends(self) -> &'static str {
        match self {
            LinkKind::Association => "Dissociating",
            LinkKind::Propagation => "Disabling",
        }
    }

    /// What stands in its error codes; of the four only `RouteTableAssociationExist` is documented.
    fn noun(self) -> &'static str {
        match self {
            LinkKind::Association => "RouteTableAssociation",
            LinkKind::Propagation => "RouteTablePropagation",
        }
    }
}

impl Link {
    /// Whether both cannot exist together.
    pub fn clashes_with(&self, other: &Link) -> bool {
        let one_at_most = self.kind == LinkKind::Association;
        (self.kind, &self.attachment) == (other.kind, &other.attachment) && (one_at_most || self.table == other.table)
    }

    /// Begins its end.
    pub fn dissolve(&mut self, until: Timestamp) {
        self.status = self.kind.ends().to_owned();
        self.pending = Some(Pending { until, then: Then::Gone });
    }
}

pub fn tie(region: &mut Region, request: &Request, now: Timestamp, kind: LinkKind) -> Reply {
    let objects = region.objects();
    let (attachment, table) = ends_of(objects, request)?;
    let until = now + region.switches.route_table_change();
    let link = Link {
        kind,
        attachment: attachment.id.clone(),
        table: table.to_owned(),
        status: kind.begins().to_owned(),
        pending: Some(Pending { until, then: Then::State("Active".to_owned()) }),
    };
    ready(objects, attachment)?;
    if objects.links.iter().any(|other| other.clashes_with(&link)) {
        return Err(failed(&format!("{}Exist", kind.noun())));
    }
    connection::refuse_dry_run(request)?;
    region.change(now).links.push(link);
    Ok(json!({}))
}

pub fn untie(region: &mut Region, request: &Request, now: Timestamp, kind: LinkKind) -> Reply {
    let objects = region.objects();
    let (attachment, table) = ends_of(objects, request)?;
    let is_meant = |link: &Link| (link.kind, link.attachment.as_str(), link.table.as_str()) == (kind, attachment.id.as_str(), table);
    let place = objects.links.iter().position(is_meant).ok_or_else(|| failed(&format!("{}NotExist", kind.noun())))?;
    ready(objects, attachment)?;
    connection::refuse_dry_run(request)?;
    let until = now + region.switches.route_table_change();
    region.change(now).links[place].dissolve(until);
    Ok(json!({}))
}

/// The attachment, and the id of a route table of its transit router. The codes for strangers are not documented; ours
/// are in the family of `Invalid*InstanceId.NotFound`.
fn ends_of<'a>(objects: &'a Objects, request: &'a Request) -> Result<(&'a Attachment, &'a str), ApiError> {
    let (attachment, table) = (request.required("TransitRouterAttachmentId")?, request.required("TransitRouterRouteTableId")?);
    let found = objects.attachments.iter().find(|own| own.id == attachment).ok_or_else(super::attachment_not_found)?;
    let mut tables = objects.transit_routers.iter().filter(|own| own.id == found.transit_router).flat_map(|own| &own.route_tables);
    if !tables.any(|own| own.id == table) {
        return Err(ApiError::not_found("InvalidTransitRouterRouteTableId.NotFound"));
    }
    Ok((found, table))
}

/// One change of an attachment's ties at a time.
pub fn ready(objects: &Objects, attachment: &Attachment) -> Result<(), ApiError> {
    if attachment.pending.is_some() {
        return Err(super::not_in_state());
    }
    if objects.links.iter().any(|link| link.attachment == attachment.id && link.pending.is_some()) {
        return Err(super::blocked());
    }
    Ok(())
}

/// Refuses what would break ties. That a propagation is what `RouteEntryExist` means is our reading, as is that a static route does:
/// through either there are routes into the attachment.
pub fn refuse_ties(objects: &Objects, attachment: &str) -> Result<(), ApiError> {
    let tied = |kind: LinkKind| objects.links.iter().any(|link| link.kind == kind && link.attachment == attachment);
    if tied(LinkKind::Association) {
        return Err(failed("RouteTableAssociationExist"));
    }
    let mut tables = objects.transit_routers.iter().flat_map(|router| &router.route_tables);
    let leads_there = tables.any(|table| table.static_routes.iter().any(|route| route.attachment == attachment));
    if tied(LinkKind::Propagation) || leads_there { Err(failed("RouteEntryExist")) } else { Ok(()) }
}

fn failed(what: &str) -> ApiError {
    ApiError::new(400, format!("OperationFailed.{what}"), "The operation failed because of the route tables of the transit router.")
}

/// Needs the route table or the attachment.
pub fn list_associations(objects: &Objects, request: &Request) -> Reply {
    if request.filter("TransitRouterAttachmentId").is_none() {
        request.required("TransitRouterRouteTableId")?;
    }
    list(objects, request, LinkKind::Association, "TransitRouterAssociations")
}

/// Needs the route table.
pub fn list_propagations(objects: &Objects, request: &Request) -> Reply {
    request.required("TransitRouterRouteTableId")?;
    list(objects, request, LinkKind::Propagation, "TransitRouterPropagations")
}

fn list(objects: &Objects, request: &Request, kind: LinkKind, name: &str) -> Reply {
    let connection_of = |link: &Link| {
        let attachment = objects.attachments.iter().find(|own| own.id == link.attachment);
        attachment.map_or("", |attachment| attachment.connection.as_str())
    };
    let wanted = |link: &&Link| {
        link.kind == kind
            && is(request, "TransitRouterAttachmentId", &link.attachment)
            && is(request, "TransitRouterRouteTableId", &link.table)
            && is(request, "Status", &link.status)
            && is(request, "TransitRouterAttachmentResourceId", connection_of(link))
            && is(request, "TransitRouterAttachmentResourceType", "VPN")
    };
    let rows = objects.links.iter().filter(wanted).map(|link| {
        json!({
            "ResourceId": connection_of(link), "ResourceType": "VPN", "Status": link.status,
            "TransitRouterAttachmentId": link.attachment, "TransitRouterRouteTableId": link.table,
        })
    });
    paged(request, rows.collect(), name, 50)
}
