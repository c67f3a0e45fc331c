//! Routes whose next hop is a connection: of a VPN gateway, and of a connection on a transit router (cloud/api.md 2.5).
//!
//! Descriptions and overlay modes are not sent: no reading call shows them, and `Ipsec` is the only overlay mode.

use super::wire::Parameters;
use super::write_call::WriteCall;
use crate::model::{ConnectionRoute, DestinationRoute, PolicyRoute};

/// CreateVpnRouteEntry: the route as it was, to `next_hop`.
pub fn create_route(region: &str, gateway: &str, route: &DestinationRoute, next_hop: &str, client_token: &str) -> WriteCall {
    let parameters = destination(gateway, route, next_hop).with("PublishVpc", route.published);
    WriteCall::vpc("CreateVpnRouteEntry", region, parameters, Some(client_token))
}

/// DeleteVpnRouteEntry.
pub fn delete_route(region: &str, gateway: &str, route: &DestinationRoute, next_hop: &str, client_token: &str) -> WriteCall {
    WriteCall::vpc("DeleteVpnRouteEntry", region, destination(gateway, route, next_hop), Some(client_token))
}

/// CreateVpnPbrRouteEntry: the policy as it was, to `next_hop`.
pub fn create_policy(region: &str, gateway: &str, policy: &PolicyRoute, next_hop: &str, client_token: &str) -> WriteCall {
    let parameters = source_and_destination(gateway, policy, next_hop).with("PublishVpc", policy.published);
    WriteCall::vpc("CreateVpnPbrRouteEntry", region, parameters, Some(client_token))
}

/// DeleteVpnPbrRouteEntry. A priority that is not the stored one is refused: another policy is not deleted in its place.
pub fn delete_policy(region: &str, gateway: &str, policy: &PolicyRoute, next_hop: &str, client_token: &str) -> WriteCall {
    WriteCall::vpc("DeleteVpnPbrRouteEntry", region, source_and_destination(gateway, policy, next_hop), Some(client_token))
}

/// PublishVpnRouteEntry: whether a route is in the VPC's system route table too. `route_type` is `dbr` or `pbr`.
pub fn publish_route(
    region: &str,
    gateway: &str,
    destination: &str,
    next_hop: &str,
    route_type: &str,
    published: bool,
    client_token: &str,
) -> WriteCall {
    let parameters = Parameters::new()
        .with("VpnGatewayId", gateway)
        .with("RouteDest", destination)
        .with("NextHop", next_hop)
        .with("RouteType", route_type)
        .with("PublishVpc", published);
    WriteCall::vpc("PublishVpnRouteEntry", region, parameters, Some(client_token))
}

/// CreateVcoRouteEntry: of a connection that is bound to a transit router; it is its own next hop.
pub fn create_connection_route(region: &str, connection: &str, route: &ConnectionRoute, client_token: &str) -> WriteCall {
    WriteCall::vpc("CreateVcoRouteEntry", region, own_route(connection, route), Some(client_token))
}

/// DeleteVcoRouteEntry. Readings show it for a while yet (cloud/api.md 2.5).
pub fn delete_connection_route(region: &str, connection: &str, route: &ConnectionRoute, client_token: &str) -> WriteCall {
    WriteCall::vpc("DeleteVcoRouteEntry", region, own_route(connection, route), Some(client_token))
}

fn own_route(connection: &str, route: &ConnectionRoute) -> Parameters {
    Parameters::new()
        .with("VpnConnectionId", connection)
        .with("RouteDest", &route.destination)
        .with("NextHop", connection)
        .with("Weight", route.weight)
}

fn destination(gateway: &str, route: &DestinationRoute, next_hop: &str) -> Parameters {
    Parameters::new()
        .with("VpnGatewayId", gateway)
        .with("RouteDest", &route.destination)
        .with("NextHop", next_hop)
        .with("Weight", route.weight)
}

fn source_and_destination(gateway: &str, policy: &PolicyRoute, next_hop: &str) -> Parameters {
    Parameters::new()
        .with("VpnGatewayId", gateway)
        .with("RouteSource", &policy.source)
        .with("RouteDest", &policy.destination)
        .with("NextHop", next_hop)
        .with("Weight", policy.weight)
        .with_some("Priority", policy.priority)
}
