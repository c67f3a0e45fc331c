//! What a region holds, as values.

pub use super::list::List;
pub use super::routes::entry::{Learnt, RouteEntry, RouteKind};
pub use super::transit_router::grant::Authorization;
pub use super::transit_router::link::{Link, LinkKind};
use crate::model::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub type Tags = BTreeMap<String, String>;

/// Everything in a region that calls can read and change. Lists keep the order of creation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Objects {
    pub customer_gateways: List<CustomerGateway>,
    pub vpn_gateways: List<VpnGateway>,
    pub connections: List<Connection>,
    pub transit_routers: List<TransitRouter>,
    pub attachments: List<Attachment>,
    pub routes: List<RouteEntry>,
    /// Associations and propagations of attachments.
    pub links: List<Link>,
    pub authorizations: List<Authorization>,
}

#[derive(Clone, PartialEq)]
pub struct CustomerGateway {
    pub id: String,
    pub ip: String,
    pub asn: Option<u32>,
    pub name: String,
    pub description: String,
    pub auth_key: String,
    pub resource_group: String,
    pub created: Timestamp,
    pub tags: Tags,
    /// A change of its AuthKey is being configured until then.
    pub busy_until: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct VpnGateway {
    pub id: String,
    pub name: String,
    pub description: String,
    /// The state it rests in, usually `active`; `updating` while `busy_until` lies ahead.
    pub status: String,
    pub busy_until: Option<Timestamp>,
    /// `Normal` or `FinancialLocked`.
    pub business_status: String,
    /// `public` or `private`.
    pub network_type: String,
    /// `Normal` or `NationalStandard`.
    pub vpn_type: String,
    pub internet_ip: String,
    /// The second address: with it the gateway is dual-tunnel.
    pub disaster_recovery_ip: Option<String>,
    pub vpc: String,
    pub vswitch: String,
    pub disaster_recovery_vswitch: Option<String>,
    pub spec: String,
    pub bgp: bool,
    pub auto_propagate: bool,
    pub resource_group: String,
    pub created: Timestamp,
    pub tags: Tags,
}

/// What carries a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carrier {
    VpnGateway(String),
    /// The transit router.
    TransitRouter(String),
    Unbound,
}

#[derive(Clone, PartialEq)]
pub struct Connection {
    pub id: String,
    pub name: String,
    /// No create parameter exists for it (cloud/api.md 1.2).
    pub description: String,
    pub carrier: Carrier,
    /// Of a single-tunnel connection; empty for a dual-tunnel one.
    pub customer_gateway: String,
    /// Two, or none for a single-tunnel connection.
    pub tunnels: Vec<Tunnel>,
    pub local_subnet: String,
    pub remote_subnet: String,
    pub effect_immediately: bool,
    pub auto_config_route: bool,
    pub enable_dpd: bool,
    pub enable_nat_traversal: bool,
    pub enable_tunnels_bgp: bool,
    pub ike: Ike,
    /// Whether `ike.remote_id` was ever sent, and is not just the customer gateway's address.
    pub remote_id_given: bool,
    pub ipsec: Ipsec,
    pub bgp: Bgp,
    pub health: Health,
    pub remote_ca: String,
    pub network_type: String,
    pub tunnel_bandwidth: String,
    pub internet_ip: String,
    pub zone: String,
    pub cross_account_authorized: bool,
    pub resource_group: String,
    pub created: Timestamp,
    pub tags: Tags,
    pub state: String,
    /// Negotiation of a single-tunnel connection.
    pub status: String,
    pub pending: Option<Pending>,
}

#[derive(Clone, PartialEq)]
pub struct Tunnel {
    pub id: String,
    /// 1 or 2.
    pub index: u8,
    /// `master` or `slave`.
    pub role: String,
    pub customer_gateway: String,
    pub enable_dpd: bool,
    pub enable_nat_traversal: bool,
    pub remote_ca: String,
    pub bgp: Bgp,
    pub ike: Ike,
    /// Whether `ike.remote_id` was ever sent, and is not just the customer gateway's address.
    pub remote_id_given: bool,
    pub ipsec: Ipsec,
    pub internet_ip: String,
    pub zone: String,
    pub state: String,
    pub status: String,
}

#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct Ike {
    pub psk: String,
    pub ike_version: String,
    pub ike_mode: String,
    pub ike_enc_alg: String,
    pub ike_auth_alg: String,
    pub ike_pfs: String,
    #[serde(deserialize_with = "super::lenient::integer")]
    pub ike_lifetime: i64,
    pub local_id: String,
    pub remote_id: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct Ipsec {
    pub ipsec_enc_alg: String,
    pub ipsec_auth_alg: String,
    pub ipsec_pfs: String,
    #[serde(deserialize_with = "super::lenient::integer")]
    pub ipsec_lifetime: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct Bgp {
    #[serde(deserialize_with = "super::lenient::boolean")]
    pub enable_bgp: bool,
    #[serde(deserialize_with = "super::lenient::local_asn")]
    pub local_asn: i64,
    pub tunnel_cidr: String,
    pub local_bgp_ip: String,
    /// `success`, `false` or empty: what the reply's `BgpStatus`/`Status` shows.
    pub bgp_status: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct Health {
    #[serde(deserialize_with = "super::lenient::boolean", alias = "enable")]
    pub enable: bool,
    #[serde(alias = "dip")]
    pub dip: String,
    #[serde(alias = "sip")]
    pub sip: String,
    #[serde(deserialize_with = "super::lenient::integer", alias = "interval")]
    pub interval: i64,
    #[serde(deserialize_with = "super::lenient::integer", alias = "retry")]
    pub retry: i64,
    pub policy: String,
    pub status: String,
}

/// A change that is under way and ends by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    pub until: Timestamp,
    pub then: Then,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Then {
    /// The connection, and its tunnels, rest in this state.
    State(String),
    Gone,
}

#[derive(Clone, Debug, PartialEq)]
pub struct TransitRouter {
    pub id: String,
    pub cen: String,
    pub name: String,
    /// Empty where it has none, and then binds nothing.
    pub cidr: String,
    pub route_tables: Vec<RouteTable>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct RouteTable {
    pub id: String,
    pub name: String,
    pub description: String,
    /// `System` or `Custom`.
    pub kind: String,
    pub created: Timestamp,
    pub static_routes: Vec<StaticRoute>,
}

/// A route that somebody has written into a route table of a transit router.
#[derive(Clone, Debug, PartialEq)]
pub struct StaticRoute {
    pub destination: String,
    /// Where it leads.
    pub attachment: String,
}

/// A connection's binding to a transit router (CEN).
#[derive(Clone, Debug, PartialEq)]
pub struct Attachment {
    pub id: String,
    pub name: String,
    pub description: String,
    pub transit_router: String,
    pub cen: String,
    pub connection: String,
    pub auto_publish: bool,
    /// `PayByCenOwner` or `PayByResourceOwner`.
    pub order_type: String,
    pub zones: Vec<String>,
    pub created: Timestamp,
    pub tags: Tags,
    /// `Attaching`, `Attached`, `Detaching`.
    pub status: String,
    pub pending: Option<Pending>,
}

impl Objects {
    pub fn customer_gateway(&self, id: &str) -> Option<&CustomerGateway> {
        self.customer_gateways.iter().find(|gateway| gateway.id == id)
    }

    pub fn vpn_gateway(&self, id: &str) -> Option<&VpnGateway> {
        self.vpn_gateways.iter().find(|gateway| gateway.id == id)
    }

    /// The connection that has this tunnel.
    pub fn connection_of(&self, tunnel: &str) -> Option<&Connection> {
        self.connections.iter().find(|connection| connection.tunnels.iter().any(|own| own.id == tunnel))
    }

    pub fn connection(&self, id: &str) -> Option<&Connection> {
        self.connections.iter().find(|connection| connection.id == id)
    }

    /// The connections that refer to this customer gateway, themselves or by a tunnel.
    pub fn users_of<'a>(&'a self, customer_gateway: &'a str) -> impl Iterator<Item = &'a Connection> {
        self.connections.iter().filter(move |connection| connection.refers_to(customer_gateway))
    }
}

impl Connection {
    pub fn refers_to(&self, customer_gateway: &str) -> bool {
        self.customer_gateway == customer_gateway || self.tunnels.iter().any(|tunnel| tunnel.customer_gateway == customer_gateway)
    }

    pub fn vpn_gateway(&self) -> Option<&str> {
        match &self.carrier {
            Carrier::VpnGateway(id) => Some(id),
            Carrier::TransitRouter(_) | Carrier::Unbound => None,
        }
    }

    pub fn is_dual(&self) -> bool {
        !self.tunnels.is_empty()
    }
}

impl VpnGateway {
    pub fn is_dual(&self) -> bool {
        self.disaster_recovery_ip.is_some()
    }

    pub fn is_busy(&self, now: Timestamp) -> bool {
        self.busy_until.is_some_and(|until| now < until)
    }

    pub fn status(&self, now: Timestamp) -> &str {
        if self.is_busy(now) { "updating" } else { &self.status }
    }
}

macro_rules! names_only {
    ($($kind:ident),*) => {$(
        /// Its keys stay unseen.
        impl std::fmt::Debug for $kind {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}({})", stringify!($kind), self.id)
            }
        }
    )*};
}
names_only!(CustomerGateway, Connection, Tunnel);

impl std::fmt::Debug for Ike {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ike({} {} LocalId {} RemoteId {})", self.ike_version, self.ike_enc_alg, self.local_id, self.remote_id)
    }
}

/// The defaults of CreateVpnConnection (cloud/api.md 2.6, 2.7). An empty PSK means: make one.
impl Default for Ike {
    fn default() -> Ike {
        Ike {
            psk: String::new(),
            ike_version: "ikev1".to_owned(),
            ike_mode: "main".to_owned(),
            ike_enc_alg: "aes".to_owned(),
            ike_auth_alg: "md5".to_owned(),
            ike_pfs: "group2".to_owned(),
            ike_lifetime: 86_400,
            local_id: String::new(),
            remote_id: String::new(),
        }
    }
}

impl Default for Ipsec {
    fn default() -> Ipsec {
        Ipsec { ipsec_enc_alg: "aes".to_owned(), ipsec_auth_alg: "md5".to_owned(), ipsec_pfs: "group2".to_owned(), ipsec_lifetime: 86_400 }
    }
}

/// Off; 45104 is the cloud's own ASN (cloud/api.md 2.6).
impl Default for Bgp {
    fn default() -> Bgp {
        Bgp { enable_bgp: false, local_asn: 45_104, tunnel_cidr: String::new(), local_bgp_ip: String::new(), bgp_status: String::new() }
    }
}

impl Default for Health {
    fn default() -> Health {
        Health {
            enable: false,
            dip: String::new(),
            sip: String::new(),
            interval: 3,
            retry: 3,
            policy: "revoke_route".to_owned(),
            status: String::new(),
        }
    }
}
