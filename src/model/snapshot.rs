//! Everything that hangs on a customer gateway, whole enough to be made again. Holds secrets: it is written to disk only
//! sealed, and `Debug` shows none of its values.

use super::{CustomerGateway, IpsecConnection, Secret, Tags, Timestamp};
use crate::model::Asn;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use std::net::Ipv4Addr;
use std::rc::Rc;

/// The format of the sealed text; a larger one was written by a newer cgwd.
pub const SNAPSHOT_FORMAT: u32 = 1;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    pub format: u32,
    pub region: String,
    pub taken_at: Timestamp,
    /// The customer gateways that are to be replaced: one, or several where an earlier replacement was abandoned.
    pub gateways: Vec<GatewaySnapshot>,
    /// Every connection that refers to one of them.
    pub connections: Vec<ConnectionSnapshot>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GatewaySnapshot {
    pub id: String,
    pub ip: Ipv4Addr,
    pub asn: Option<Asn>,
    pub name: String,
    pub description: String,
    #[serde(with = "revealed")]
    pub auth_key: Option<Secret>,
    pub resource_group: String,
    pub tags: Tags,
    /// Names of fields that we don't know and that hold something; so with the other `unknown` here.
    #[serde(default)]
    pub unknown: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConnectionSnapshot {
    pub id: String,
    /// What we act on, typed.
    pub shape: IpsecConnection,
    /// The cloud's whole answer about it, without its RequestId.
    pub body: Verbatim,
    /// Readable of connections on transit routers alone (cloud/api.md 1.2).
    pub description: Option<String>,
    /// Destination routes of its VPN gateway that lead into it.
    pub routes: Vec<DestinationRoute>,
    /// Policy routes of its VPN gateway that lead into it.
    pub policies: Vec<PolicyRoute>,
    /// Routes of a connection on a transit router.
    pub connection_routes: Vec<ConnectionRoute>,
    pub attachment: Option<RouterAttachment>,
    /// Other accounts whose transit routers may bind it (cloud/api.md 2.4).
    pub authorizations: Vec<Authorization>,
}

/// A piece of an answer as it came, shared by all who hold it. It can hold pre-shared keys.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Verbatim(pub Rc<Value>);

/// A destination route of a VPN gateway. Its description and overlay mode are never shown by the cloud (cloud/api.md 2.5).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DestinationRoute {
    pub next_hop: String,
    pub destination: String,
    /// 0 or 100.
    pub weight: u32,
    /// Whether it is in the VPC's system route table too.
    pub published: bool,
    /// As of [`GatewaySnapshot`].
    #[serde(default)]
    pub unknown: Vec<String>,
}

/// A policy route of a VPN gateway.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PolicyRoute {
    pub next_hop: String,
    pub source: String,
    pub destination: String,
    pub weight: u32,
    /// 1-100, smaller wins.
    pub priority: Option<u32>,
    pub published: bool,
    /// As of [`GatewaySnapshot`].
    #[serde(default)]
    pub unknown: Vec<String>,
}

/// A route of a connection on a transit router.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ConnectionRoute {
    pub destination: String,
    pub weight: u32,
    /// As of [`GatewaySnapshot`].
    #[serde(default)]
    pub unknown: Vec<String>,
}

/// How a connection is bound to a transit router (cloud/api.md 4.1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RouterAttachment {
    pub id: String,
    pub transit_router: String,
    pub connection: String,
    pub name: String,
    pub description: String,
    pub auto_publish: bool,
    /// `Attaching`, `Attached`, `Detaching`.
    pub status: String,
    /// Of single-tunnel connections; must be left out for dual-tunnel ones.
    pub zones: Vec<String>,
    pub tags: Tags,
    /// Account that owns the connection, where it is another one's.
    pub connection_owner: Option<String>,
    /// Route tables: the one that it is associated with, and those that learn its routes.
    pub associations: Vec<String>,
    pub propagations: Vec<String>,
    /// Route tables whose association or propagation is being made or ended, with its state: `vtb-1 (Associating)`.
    #[serde(default)]
    pub under_way: Vec<String>,
    /// Static routes of the transit router that lead into it, as `destination in table`: looked for where it is to be deleted.
    #[serde(default)]
    pub static_routes: Vec<String>,
    /// Who pays, and how (`OrderType`, `ChargeType`): not to be given where it is made.
    #[serde(default)]
    pub terms: Vec<String>,
    /// As of [`GatewaySnapshot`].
    #[serde(default)]
    pub unknown: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authorization {
    /// Account of the transit router's owner.
    pub account: String,
    /// Transit router or CEN instance, where one is named.
    pub instance: String,
}

impl From<&CustomerGateway> for GatewaySnapshot {
    fn from(gateway: &CustomerGateway) -> GatewaySnapshot {
        GatewaySnapshot {
            id: gateway.id.clone(),
            ip: gateway.ip,
            asn: gateway.asn,
            name: gateway.name.clone(),
            description: gateway.description.clone(),
            auth_key: gateway.auth_key.clone(),
            resource_group: gateway.resource_group.clone(),
            tags: gateway.tags.clone(),
            unknown: Vec::new(),
        }
    }
}

impl Snapshot {
    pub fn connection(&self, id: &str) -> Option<&ConnectionSnapshot> {
        self.connections.iter().find(|connection| connection.id == id)
    }
}

impl Verbatim {
    /// To change what this holder sees of it.
    pub fn edit(&mut self) -> &mut Value {
        Rc::make_mut(&mut self.0)
    }
}

impl From<Value> for Verbatim {
    fn from(value: Value) -> Verbatim {
        Verbatim(Rc::new(value))
    }
}

impl fmt::Debug for Verbatim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[verbatim]")
    }
}

/// A secret inside a text that is sealed as a whole.
mod revealed {
    use super::Secret;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(secret: &Option<Secret>, serializer: S) -> Result<S::Ok, S::Error> {
        secret.as_ref().map(Secret::reveal).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
        Ok(Option::<String>::deserialize(deserializer)?.map(Secret::new))
    }
}
