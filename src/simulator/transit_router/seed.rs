//! What CEN adds to a connection, as a seed writes it, and how it is put in place.

use super::grant::Authorization;
use super::link::{Link, LinkKind};
use crate::model::Timestamp;
use crate::simulator::founding::{created, wrong};
use crate::simulator::objects::{Objects, StaticRoute};
use crate::simulator::seed::{SeedError, SeedRegion};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use std::fmt;

/// A custom route table: its id alone, or an object.
#[derive(Clone, Debug)]
pub struct SeedRouteTable(pub SeedTable);

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct SeedTable {
    pub transit_router_route_table_id: String,
    #[serde(default)]
    pub transit_router_route_table_name: String,
    #[serde(default)]
    pub transit_router_route_table_description: String,
}

/// An association or a propagation of a connection's attachment.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct SeedLink {
    /// The connection; its attachment may be named instead.
    pub resource_id: Option<String>,
    pub transit_router_attachment_id: Option<String>,
    pub transit_router_route_table_id: String,
}

/// A static route into a connection's attachment.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct SeedStaticRoute {
    /// The connection.
    pub resource_id: String,
    pub transit_router_route_table_id: String,
    pub transit_router_route_entry_destination_cidr_block: String,
}

/// Another account that may bind a connection to its transit router.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct SeedAuthorization {
    pub vpn_connection_id: String,
    /// The CEN instance.
    pub bind_instance: String,
    /// The account that owns it.
    pub bind_uid: i64,
    /// Milliseconds since 1970.
    pub creation_time: Option<i64>,
}

/// Puts associations, propagations, static routes and authorizations in place; connections and attachments are there already.
pub fn found(objects: &mut Objects, region: &SeedRegion, place: &str, now: Timestamp) -> Result<(), SeedError> {
    let lists = [
        ("TransitRouterAssociations", LinkKind::Association, &region.transit_router_associations),
        ("TransitRouterPropagations", LinkKind::Propagation, &region.transit_router_propagations),
    ];
    for (list, kind, seeded) in lists {
        for (at, seeded) in seeded.iter().enumerate() {
            let link = link(objects, seeded, kind, &format!("{place}.{list}[{at}]"))?;
            objects.links.push(link);
        }
    }
    for (at, seeded) in region.transit_router_route_entries.iter().enumerate() {
        write_route(objects, seeded, &format!("{place}.TransitRouterRouteEntries[{at}]"))?;
    }
    for (at, seeded) in region.cross_account_authorizations.iter().enumerate() {
        authorize(objects, seeded, &format!("{place}.CrossAccountAuthorizations[{at}]"), now)?;
    }
    Ok(())
}

fn link(objects: &Objects, seeded: &SeedLink, kind: LinkKind, place: &str) -> Result<Link, SeedError> {
    let SeedLink { resource_id, transit_router_attachment_id: id, transit_router_route_table_id: table } = seeded;
    if resource_id.is_none() && id.is_none() {
        return Err(wrong(place, "either ResourceId (the connection) or TransitRouterAttachmentId is needed"));
    }
    let mut attachments = objects.attachments.iter();
    let meant =
        attachments.find(|own| id.as_ref().is_none_or(|id| *id == own.id) && resource_id.as_ref().is_none_or(|id| *id == own.connection));
    let attachment = meant.ok_or_else(|| wrong(place, "no such attachment to a transit router in this region"))?;
    let router = objects.transit_routers.iter().find(|router| router.id == attachment.transit_router);
    if !router.is_some_and(|router| router.route_tables.iter().any(|own| own.id == *table)) {
        return Err(wrong(format!("{place}.TransitRouterRouteTableId"), format!("the transit router has no route table {table}")));
    }
    let link = Link { kind, attachment: attachment.id.clone(), table: table.clone(), status: "Active".to_owned(), pending: None };
    if objects.links.iter().any(|other| other.clashes_with(&link)) {
        return Err(wrong(place, "the attachment has this already, or another association"));
    }
    Ok(link)
}

fn write_route(objects: &mut Objects, seeded: &SeedStaticRoute, place: &str) -> Result<(), SeedError> {
    let attachment = objects.attachments.iter().find(|own| own.connection == seeded.resource_id);
    let attachment = attachment.ok_or_else(|| wrong(place, "no such attachment to a transit router in this region"))?.clone();
    let routers = objects.transit_routers.iter_mut().filter(|router| router.id == attachment.transit_router);
    let mut tables = routers.flat_map(|router| &mut router.route_tables);
    let table = tables.find(|table| table.id == seeded.transit_router_route_table_id);
    let table = table.ok_or_else(|| wrong(format!("{place}.TransitRouterRouteTableId"), "the transit router has no such route table"))?;
    let destination = seeded.transit_router_route_entry_destination_cidr_block.clone();
    table.static_routes.push(StaticRoute { destination, attachment: attachment.id });
    Ok(())
}

fn authorize(objects: &mut Objects, seeded: &SeedAuthorization, place: &str, now: Timestamp) -> Result<(), SeedError> {
    let id = &seeded.vpn_connection_id;
    let connection = objects.connections.iter_mut().find(|own| own.id == *id);
    let missing = || wrong(format!("{place}.VpnConnectionId"), format!("no connection {id} in this region"));
    connection.ok_or_else(missing)?.cross_account_authorized = true;
    objects.authorizations.push(Authorization {
        connection: id.clone(),
        cen: seeded.bind_instance.clone(),
        owner: seeded.bind_uid,
        created: created(seeded.creation_time, place, now)?,
    });
    Ok(())
}

impl<'de> Deserialize<'de> for SeedRouteTable {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<SeedRouteTable, D::Error> {
        struct Table;
        impl<'de> Visitor<'de> for Table {
            type Value = SeedRouteTable;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the id of a route table, or an object with TransitRouterRouteTableId")
            }
            fn visit_str<E: Error>(self, id: &str) -> Result<SeedRouteTable, E> {
                Ok(SeedRouteTable(SeedTable {
                    transit_router_route_table_id: id.to_owned(),
                    transit_router_route_table_name: String::new(),
                    transit_router_route_table_description: String::new(),
                }))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SeedRouteTable, A::Error> {
                SeedTable::deserialize(MapAccessDeserializer::new(map)).map(SeedRouteTable)
            }
        }
        from.deserialize_any(Table)
    }
}
