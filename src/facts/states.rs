//! The states the cloud reports (cloud/api.md 1.5 and 2.3; Go SDK client.go, 2026-08; terraform-provider-alicloud, 2026-08).

/// `Status` of a VPN gateway that no change is running on. The others: init, provisioning, updating, deleting.
pub const VPN_GATEWAY_READY: &str = "active";

/// `State` of a connection that no change is running on: on a VPN gateway, on a transit router, unbound.
/// The others: attaching, detaching, provisioning, updating, upgrading, financialLocked, deleted.
pub const CONNECTION_READY: &[&str] = &["active", "attached", "init"];

/// `State` of a connection that is bound to a transit router.
pub const CONNECTION_ATTACHED: &str = "attached";

/// `State` of a tunnel that no change is running on. The others: updating, deleting.
pub const TUNNEL_READY: &str = "active";

/// Negotiation state (`Status`) of a tunnel or connection that works. The others: ike_sa_not_established,
/// ike_sa_established, ipsec_sa_not_established.
pub const NEGOTIATED: &str = "ipsec_sa_established";

/// `VpnGatewayId` of a connection that is not on a VPN gateway (cloud/api.md 2.3).
pub const NO_VPN_GATEWAY: &str = "vpn-not-exist";

/// `Role` of tunnel 1 and of tunnel 2 (cloud/api.md 2.7; help.aliyun.com 65288).
pub const ROLE_ACTIVE: &str = "master";
pub const ROLE_STANDBY: &str = "slave";

/// The `ResourceType` of a customer gateway for tags: not in the documented list, used by the official Terraform
/// provider (cloud/api.md 2.9; resource_alicloud_vpn_customer_gateway.go, 2026-08).
pub const TAG_TYPE_CUSTOMER_GATEWAY: &str = "CUSTOMERGATEWAY";

/// The `ResourceType` of a connection on a VPN gateway, and of any other one (cloud/api.md 2.9;
/// resource_alicloud_vpn_gateway_vpn_attachment.go:1272, 2026-08).
pub const TAG_TYPE_VPN_CONNECTION: &str = "VPNCONNECTION";
pub const TAG_TYPE_VPN_ATTACHMENT: &str = "VPNATTACHMENT";

/// `RouteEntryType` of a route that somebody made; the other is `bgp` (cloud/api.md 2.5).
pub const ROUTE_CUSTOM: &str = "custom";
/// `State` of a route that is in the VPC's system route table too; the other is `normal` (cloud/api.md 2.5).
pub const ROUTE_PUBLISHED: &str = "published";

/// `Status` of an association or a propagation that is in force. The others: Associating, Dissociating, Enabling, Disabling
/// (cloud/api.md 4.1).
pub const IN_FORCE: &str = "Active";

/// Negotiation states of BGP that mean that the session is up. The values are not in the SDK; these are the ones that the manual
/// and tools show. An empty state is not reported and says nothing.
pub const BGP_UP: &[&str] = &["success", "true", "up", "established", "normal"];

/// States of a health check that mean that the peer does not answer.
pub const HEALTH_BAD: &[&str] = &["failed", "fail", "false", "unhealthy", "down"];

/// `Status` of an attachment to a transit router that no change is running on (cloud/api.md 4.1).
pub const ATTACHED: &str = "Attached";
