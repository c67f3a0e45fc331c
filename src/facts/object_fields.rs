//! The fields of what hangs on a connection besides its own description (cloud/api.md 2.1, 2.5, 4.1). What is not in here is new
//! to us, and cannot be promised to be made again.

/// Of DescribeCustomerGateway (cloud/api.md 2.1).
pub const CUSTOMER_GATEWAY: &[&str] =
    &["Asn", "AuthKey", "CreateTime", "CustomerGatewayId", "Description", "IpAddress", "Name", "RequestId", "ResourceGroupId", "Tags"];

/// Of DescribeVpnRouteEntries, DescribeVpnPbrRouteEntries and DescribeVcoRouteEntries (cloud/api.md 2.5). Description and OverlayMode
/// are in no documented answer; where they are shown all the same, the description is lost and the mode has one value alone.
pub const ROUTE: &[&str] = &[
    "AsPath",
    "Community",
    "CreateTime",
    "Description",
    "NextHop",
    "NextHopTunnelId",
    "NextHopTunnelIdList",
    "OverlayMode",
    "Priority",
    "RouteDest",
    "RouteEntryType",
    "RouteSource",
    "Source",
    "State",
    "VpnConnectionId",
    "VpnGatewayId",
    "VpnInstanceId",
    "Weight",
];

/// Of ListTransitRouterVpnAttachments (cloud/api.md 4.1).
pub const ROUTER_ATTACHMENT: &[&str] = &[
    "AutoPublishRouteEnabled",
    "CenId",
    "ChargeType",
    "CreationTime",
    "OrderType",
    "ResourceType",
    "Status",
    "Tags",
    "TransitRouterAttachmentDescription",
    "TransitRouterAttachmentId",
    "TransitRouterAttachmentName",
    "TransitRouterId",
    "VpnId",
    "VpnOwnerId",
    "VpnRegionId",
    "Zones",
];
