//! What the cloud holds, as far as we act on it.

use super::{Asn, Secret, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

pub type Tags = BTreeMap<String, String>;

/// A region of the cloud, as DescribeRegions lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    pub id: String,
    /// Host name of the VPC API in that region, where the cloud tells it.
    pub endpoint: Option<String>,
}

/// The cloud's record of an on-premises VPN appliance. Its address and ASN are immutable (cloud/api.md 1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerGateway {
    pub id: String,
    pub ip: Ipv4Addr,
    /// `None` where it was made without one (absent or 0 on the wire).
    pub asn: Option<Asn>,
    pub name: String,
    pub description: String,
    /// BGP authentication key; `None` where the cloud returns none.
    pub auth_key: Option<Secret>,
    pub resource_group: String,
    pub created: Option<Timestamp>,
    pub tags: Tags,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VpnGateway {
    pub id: String,
    pub name: String,
    /// `init`, `provisioning`, `active`, `updating`, `deleting`.
    pub status: String,
    /// `public` or `private`.
    pub network_type: String,
    /// The cloud-side addresses: one, or two where the gateway is dual-tunnel capable.
    pub internet_ips: Vec<Ipv4Addr>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransitRouter {
    pub id: String,
    pub region: String,
}

/// What carries an IPsec connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Attachment {
    VpnGateway(String),
    TransitRouter(String),
    /// Not bound to anything yet (`State` init).
    Unbound,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TunnelRole {
    Active,
    Standby,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tunnel {
    pub id: String,
    /// 1 or 2.
    pub index: u8,
    pub role: TunnelRole,
    pub customer_gateway_id: String,
    /// `active`, `updating`, `deleting`.
    pub state: String,
    /// `ike_sa_not_established` … `ipsec_sa_established`.
    pub status: String,
    /// Cloud-side address.
    pub internet_ip: Option<Ipv4Addr>,
    pub remote_id: String,
    pub bgp_status: String,
}

/// An IPsec connection (wire name: VpnConnection).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IpsecConnection {
    pub id: String,
    pub name: String,
    pub attachment: Attachment,
    /// Of a single-tunnel connection; empty where the tunnels carry it.
    pub customer_gateway_id: String,
    /// Two for a dual-tunnel connection, none for a single-tunnel one.
    pub tunnels: Vec<Tunnel>,
    /// `active`, `init`, `attaching`, `attached`, `detaching`, `provisioning`, `updating`, …
    pub state: String,
    /// Negotiation state of a single-tunnel connection.
    pub status: String,
    pub internet_ip: Option<Ipv4Addr>,
    pub local_subnet: String,
    pub remote_subnet: String,
    pub remote_id: String,
    pub bgp_enabled: bool,
    /// Negotiation state of BGP of a single-tunnel connection; empty where it is not told.
    pub bgp_status: String,
    /// Of a single-tunnel connection.
    pub health_enabled: bool,
    pub health_status: String,
    /// Another account's transit router may use it.
    pub cross_account: bool,
    pub tags: Tags,
}

impl IpsecConnection {
    pub fn is_dual(&self) -> bool {
        !self.tunnels.is_empty()
    }

    /// Whether it, or any tunnel of it, refers to this customer gateway.
    pub fn refers_to(&self, customer_gateway_id: &str) -> bool {
        self.customer_gateway_id == customer_gateway_id
            || self.tunnels.iter().any(|tunnel| tunnel.customer_gateway_id == customer_gateway_id)
    }
}

/// One consistent reading of a region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inventory {
    pub region: String,
    pub read_at: Timestamp,
    pub customer_gateways: Vec<CustomerGateway>,
    /// The connections of the region; empty where the caller did not ask for them (`connections_read` tells).
    pub connections: Vec<IpsecConnection>,
    pub connections_read: bool,
}
