//! Which calls there are: their product, and whether they change anything.

pub const VPC: &str = "2016-04-28";
pub const CBN: &str = "2017-09-12";
pub const STS: &str = "2015-04-01";

const CBN_ACTIONS: [&str; 14] = [
    "AssociateTransitRouterAttachmentWithRouteTable",
    "CreateTransitRouterVpnAttachment",
    "DeleteTransitRouterVpnAttachment",
    "DisableTransitRouterRouteTablePropagation",
    "DissociateTransitRouterAttachmentFromRouteTable",
    "EnableTransitRouterRouteTablePropagation",
    "GrantInstanceToTransitRouter",
    "ListTransitRouterCidr",
    "ListTransitRouterRouteEntries",
    "ListTransitRouterRouteTableAssociations",
    "ListTransitRouterRouteTablePropagations",
    "ListTransitRouterRouteTables",
    "ListTransitRouterVpnAttachments",
    "UpdateTransitRouterVpnAttachmentAttribute",
];

/// The calls whose tunnels travel in the form body (cloud/api.md 5.1).
const TUNNELS_IN_BODY: [&str; 4] =
    ["CreateVpnConnection", "ModifyVpnConnectionAttribute", "CreateVpnAttachment", "ModifyVpnAttachmentAttribute"];

pub fn version_of(action: &str) -> &'static str {
    if CBN_ACTIONS.contains(&action) {
        return CBN;
    }
    if action.starts_with("AssumeRole") { STS } else { VPC }
}

pub fn is_write(action: &str) -> bool {
    !["Describe", "List", "Get", "Check", "Diagnose", "Download", "AssumeRole"].iter().any(|read| action.starts_with(read))
}

/// Whether this parameter of a V3 call belongs in the form body rather than in the query.
pub fn belongs_in_body(action: &str, parameter: &str) -> bool {
    parameter.starts_with("TunnelOptionsSpecification.") && TUNNELS_IN_BODY.contains(&action)
}
