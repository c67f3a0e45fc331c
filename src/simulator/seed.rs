//! What a simulated cloud holds to begin with, as people write it: JSON with the field names of the cloud's own
//! replies. Forgiving about what is left out (ids are made, everything has a default), strict about unknown keys
//! and about references that lead nowhere. [`EXAMPLE`] shows every key; `cgwd simulate --print-seed` prints it.

use super::lenient;
use super::objects::{Bgp, Health, Ike, Ipsec, Tags};
use super::routes::seed::SeedRoute;
use super::switches::{Quota, Switches};
use super::transit_router::seed::{SeedAuthorization, SeedLink, SeedRouteTable, SeedStaticRoute};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;

/// A valid seed with every key.
pub const EXAMPLE: &str = include_str!("seed.example.json");

/// What `cgwd simulate` holds without a seed.
const DEFAULT: &str = r#"{"Regions": {"cn-hangzhou": {
    "VpnGateways": [{"Name": "dual-tunnel", "DualTunnel": true}, {"Name": "single-tunnel"}],
    "TransitRouters": [{"Name": "transit-router"}]
}}}"#;

/// Text for the reader; the cloud makes nothing of it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(untagged)]
pub enum About {
    #[default]
    Nothing,
    Line(String),
    Lines(Vec<String>),
}

#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct Seed {
    pub about: About,
    /// From it come the ids and keys that the seed leaves out and that calls make.
    pub random: u64,
    /// 16 digits.
    pub account: Option<String>,
    pub credentials: Vec<SeedKey>,
    /// ARNs that AssumeRole knows; every one where it is left out.
    pub roles: Option<Vec<String>>,
    pub switches: Switches,
    /// The other ends of the tunnels; guessed from the tags of customer gateways where it is left out, see
    /// [`crate::simulator::device`]. With an empty list nobody answers anywhere.
    pub devices: Option<Vec<SeedDevice>>,
    /// By region id. A dozen well-known regions exist besides, empty.
    pub regions: BTreeMap<String, SeedRegion>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct SeedKey {
    pub access_key_id: String,
    pub access_key_secret: String,
    pub security_token: Option<String>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct SeedDevice {
    pub name: String,
    /// One or several; none for a device that is off.
    #[serde(default, deserialize_with = "lenient::addresses")]
    pub address: Vec<String>,
    /// Where it moves later.
    #[serde(default)]
    pub address_at: Vec<SeedMove>,
    /// Any that is registered where it is left out.
    #[serde(default, deserialize_with = "lenient::asn")]
    pub asn: Option<u32>,
    /// Whether it answers health checks.
    #[serde(default = "yes", deserialize_with = "lenient::boolean")]
    pub health_good: bool,
    /// What it has configured; every tunnel where it is left out.
    #[serde(default)]
    pub tunnels: Vec<SeedKnowledge>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct SeedMove {
    /// Counted from the cloud's beginning.
    pub after_ms: u64,
    #[serde(default, deserialize_with = "lenient::addresses")]
    pub address: Vec<String>,
}

/// For the tunnels that fit all of the first three; the first entry that fits counts.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct SeedKnowledge {
    pub vpn_connection_id: Option<String>,
    pub tunnel_id: Option<String>,
    /// The cloud's address.
    pub internet_ip: Option<String>,
    /// The one that the tunnel was first seen with, where it is left out.
    pub psk: Option<String>,
    /// What the device calls itself, the cloud's RemoteId; its address where it is left out.
    pub local_id: Option<String>,
    /// In place of the device's.
    #[serde(deserialize_with = "lenient::asn")]
    pub asn: Option<u32>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct SeedRegion {
    pub local_name: Option<String>,
    pub region_endpoint: Option<String>,
    pub quota: Quota,
    pub customer_gateways: Vec<SeedCustomerGateway>,
    pub vpn_gateways: Vec<SeedVpnGateway>,
    pub transit_routers: Vec<SeedTransitRouter>,
    pub vpn_connections: Vec<SeedConnection>,
    pub vpn_route_entries: Vec<SeedRoute>,
    pub vpn_pbr_route_entries: Vec<SeedRoute>,
    pub vco_route_entries: Vec<SeedRoute>,
    pub transit_router_associations: Vec<SeedLink>,
    pub transit_router_propagations: Vec<SeedLink>,
    pub transit_router_route_entries: Vec<SeedStaticRoute>,
    pub cross_account_authorizations: Vec<SeedAuthorization>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct SeedCustomerGateway {
    pub customer_gateway_id: Option<String>,
    pub ip_address: String,
    #[serde(default, deserialize_with = "lenient::asn")]
    pub asn: Option<u32>,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub auth_key: String,
    pub resource_group_id: Option<String>,
    /// Milliseconds since 1970.
    pub create_time: Option<i64>,
    #[serde(default, deserialize_with = "lenient::tags")]
    pub tags: Tags,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct SeedVpnGateway {
    pub vpn_gateway_id: Option<String>,
    pub name: String,
    pub description: String,
    pub status: Option<String>,
    pub business_status: Option<String>,
    pub network_type: Option<String>,
    pub vpn_type: Option<String>,
    pub internet_ip: Option<String>,
    /// With it, or with `DualTunnel`, the gateway is dual-tunnel.
    pub disaster_recovery_internet_ip: Option<String>,
    pub dual_tunnel: bool,
    pub vpc_id: Option<String>,
    pub v_switch_id: Option<String>,
    pub disaster_recovery_v_switch_id: Option<String>,
    pub spec: Option<String>,
    pub enable_bgp: Option<bool>,
    pub auto_propagate: bool,
    pub resource_group_id: Option<String>,
    pub create_time: Option<i64>,
    #[serde(deserialize_with = "lenient::tags")]
    pub tags: Tags,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct SeedTransitRouter {
    pub transit_router_id: Option<String>,
    pub cen_id: Option<String>,
    pub name: String,
    /// Empty for a router that has none.
    pub cidr: Option<String>,
    /// The id of the system's own route table.
    pub system_route_table: Option<String>,
    /// Beside it: ids, or objects with name and description.
    pub custom_route_tables: Vec<SeedRouteTable>,
}

/// On the VPN gateway or the transit router that it names, or unbound; dual-tunnel where it has
/// `TunnelOptionsSpecification`, else single-tunnel with a `CustomerGatewayId`.
#[derive(Clone, Deserialize, Default)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct SeedConnection {
    pub vpn_connection_id: Option<String>,
    pub name: String,
    pub description: String,
    pub vpn_gateway_id: Option<String>,
    pub transit_router_id: Option<String>,
    pub transit_router_attachment_id: Option<String>,
    /// The connection's own name where it is left out.
    pub transit_router_attachment_name: Option<String>,
    pub transit_router_attachment_description: String,
    #[serde(deserialize_with = "lenient::tags")]
    pub transit_router_attachment_tags: Tags,
    pub auto_publish_route_enabled: Option<bool>,
    pub order_type: Option<String>,
    /// Zone ids, of a single-tunnel connection.
    pub zones: Vec<String>,
    pub customer_gateway_id: Option<String>,
    #[serde(deserialize_with = "lenient::tunnels")]
    pub tunnel_options_specification: Vec<SeedTunnel>,
    pub local_subnet: Option<String>,
    pub remote_subnet: Option<String>,
    pub effect_immediately: bool,
    pub auto_config_route: Option<bool>,
    pub enable_dpd: Option<bool>,
    pub enable_nat_traversal: Option<bool>,
    pub enable_tunnels_bgp: bool,
    pub ike_config: Ike,
    pub ipsec_config: Ipsec,
    pub vpn_bgp_config: Bgp,
    pub vco_health_check: Health,
    pub remote_ca_certificate: String,
    pub network_type: Option<String>,
    pub tunnel_bandwidth: Option<String>,
    pub internet_ip: Option<String>,
    pub zone_no: String,
    pub cross_account_authorized: bool,
    pub resource_group_id: Option<String>,
    pub create_time: Option<i64>,
    #[serde(deserialize_with = "lenient::tags")]
    pub tags: Tags,
    pub state: Option<String>,
    pub status: Option<String>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct SeedTunnel {
    pub tunnel_id: Option<String>,
    pub customer_gateway_id: String,
    /// Both may be given for the reader's sake; the first of the two is always tunnel 1, the master.
    pub role: Option<String>,
    pub tunnel_index: Option<u8>,
    pub internet_ip: Option<String>,
    #[serde(default)]
    pub zone_no: String,
    #[serde(default = "yes", deserialize_with = "lenient::boolean")]
    pub enable_dpd: bool,
    #[serde(default = "yes", deserialize_with = "lenient::boolean")]
    pub enable_nat_traversal: bool,
    #[serde(default)]
    pub remote_ca_certificate: String,
    #[serde(default)]
    pub tunnel_ike_config: Ike,
    #[serde(default)]
    pub tunnel_ipsec_config: Ipsec,
    #[serde(default)]
    pub tunnel_bgp_config: Bgp,
    pub state: Option<String>,
    pub status: Option<String>,
}

fn yes() -> bool {
    true
}

#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// The text is no such JSON; names line and column.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// It is, and means something impossible; `place` is the path, e.g. `Regions.cn-hangzhou.VpnConnections[0].CustomerGatewayId`.
    #[error("{place}: {problem}")]
    Meaning { place: String, problem: String },
}

/// Keys and pre-shared keys stay unseen.
impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.regions.keys()).finish()
    }
}

impl Seed {
    pub fn parse(text: &str) -> Result<Seed, SeedError> {
        Ok(serde_json::from_str(text)?)
    }

    /// cn-hangzhou with a dual-tunnel and a single-tunnel VPN gateway and a transit router.
    pub fn default_cloud() -> Seed {
        Seed::parse(DEFAULT).expect("the built-in seed is valid, as a test shows")
    }
}
