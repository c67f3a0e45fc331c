//! What differs between clouds, or is not documented, or a test wants otherwise.

use serde::{Deserialize, Serialize};
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct Switches {
    /// How long a ClientToken is remembered. Its life is not documented (cloud/api.md 1.4).
    pub client_tokens: TokenMemory,
    /// Whether a failed call is remembered under its token too, and fails for ever after.
    pub remember_errors: bool,
    pub check_signatures: bool,
    /// Take V3 parameters from wherever they come. The SDK puts each in its one place, and nothing proves that
    /// the cloud looks in the other (cloud/api.md 5.1, 10), so a misplaced one normally counts as not sent.
    pub any_position: bool,
    /// Whether the CustomerGatewayId filter of DescribeVpnConnections looks at tunnels (not documented, cloud/api.md 10).
    pub filter_matches_tunnels: bool,
    /// Whether CreateVpnConnection refuses the subnets of another connection of the same VPN gateway even where the
    /// customer gateways differ. The rule behind InvalidVpnConnection.AlreadyExists is not documented.
    pub equal_subnets: EqualSubnets,
    /// What becomes of the fields that a TunnelIkeConfig or an IkeConfig of a Modify call leaves out, and likewise an
    /// IPsec configuration (not documented, cloud/api.md 1.1, 10). Where no such object is sent nothing changes.
    pub omitted_ike_fields: OmittedIkeFields,
    /// Whether a RemoteId that is only the default follows the connection to a new customer gateway (not documented,
    /// cloud/api.md 1.1, 10).
    pub remote_id_follows: bool,
    /// How pre-shared keys look in the replies of Describe and Modify calls. Whether some permission set masks them
    /// is not established (cloud/api.md 1.2).
    pub mask_psk: MaskPsk,
    /// Calls per minute (cloud/api.md 3.1).
    pub rate_limits: RateLimits,
    /// What becomes of routes whose next hop is a connection that is deleted (not documented, cloud/api.md 10).
    pub dangling_routes: DanglingRoutes,
    /// How long a change of a connection or a route keeps its VPN gateway, or its connection on a transit router, `updating`.
    pub gateway_change_ms: u64,
    /// How long the two ends of a tunnel need to agree.
    pub negotiation_ms: u64,
    /// How long binding to a transit router, or unbinding, takes.
    pub attach_ms: u64,
    /// How long an association or a propagation takes to become active, or to go.
    pub route_table_change_ms: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TokenMemory {
    #[serde(rename = "none")]
    None,
    #[serde(rename = "24h")]
    Day,
    #[default]
    #[serde(rename = "forever")]
    Forever,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EqualSubnets {
    #[default]
    Allow,
    Refuse,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OmittedIkeFields {
    #[default]
    Keep,
    /// A random pre-shared key of 16 characters; the rest falls back to the defaults of a creation.
    Randomise,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MaskPsk {
    #[default]
    None,
    /// `****`.
    Stars,
    Empty,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RateLimits {
    #[default]
    Off,
    Documented,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DanglingRoutes {
    /// They go with the connection.
    #[default]
    Removed,
    /// They stay, with a next hop that leads nowhere.
    Kept,
    /// The connection can't be deleted while they are there.
    Refused,
}

impl Default for Switches {
    fn default() -> Switches {
        Switches {
            client_tokens: TokenMemory::Forever,
            remember_errors: false,
            check_signatures: true,
            any_position: false,
            filter_matches_tunnels: false,
            equal_subnets: EqualSubnets::Allow,
            omitted_ike_fields: OmittedIkeFields::Keep,
            remote_id_follows: false,
            mask_psk: MaskPsk::None,
            rate_limits: RateLimits::Off,
            dangling_routes: DanglingRoutes::Removed,
            gateway_change_ms: 1_000,
            negotiation_ms: 200,
            attach_ms: 2_000,
            route_table_change_ms: 1_000,
        }
    }
}

impl Switches {
    pub fn gateway_change(&self) -> Duration {
        Duration::from_millis(self.gateway_change_ms)
    }

    pub fn negotiation(&self) -> Duration {
        Duration::from_millis(self.negotiation_ms)
    }

    pub fn attach(&self) -> Duration {
        Duration::from_millis(self.attach_ms)
    }

    pub fn route_table_change(&self) -> Duration {
        Duration::from_millis(self.route_table_change_ms)
    }
}

/// Limits per region (cloud/api.md 1.3, 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct Quota {
    pub customer_gateways: usize,
    pub connections_per_vpn_gateway: usize,
    pub destination_routes_per_vpn_gateway: usize,
    pub policy_routes_per_vpn_gateway: usize,
}

impl Default for Quota {
    fn default() -> Quota {
        Quota {
            customer_gateways: 100,
            connections_per_vpn_gateway: 10,
            destination_routes_per_vpn_gateway: 20,
            policy_routes_per_vpn_gateway: 20,
        }
    }
}
