use crate::*;

const REGIONS: &str = r#""cn-hangzhou": {
    "CustomerGateways": [{"CustomerGatewayId": "cgw-1", "IpAddress": "203.0.113.1"}],
    "VpnGateways": [{"VpnGatewayId": "vpn-1"}],
    "TransitRouters": [{"TransitRouterId": "tr-1"}],
    "VpnConnections": [
        {"VpnConnectionId": "vco-1", "VpnGatewayId": "vpn-1", "CustomerGatewayId": "cgw-1"},
        {"VpnConnectionId": "vco-2", "VpnGatewayId": "vpn-1", "CustomerGatewayId": "cgw-1", "RemoteSubnet": "192.168.0.0/16"},
        {"VpnConnectionId": "vco-tr", "TransitRouterId": "tr-1", "TransitRouterAttachmentId": "tr-attach-1", "CustomerGatewayId": "cgw-1"}
    ],
    "VpnRouteEntries": [{"RouteDest": "192.168.1.0/24", "NextHop": "vco-1"}, {"RouteDest": "192.168.2.0/24", "NextHop": "vco-2"}],
    "VpnPbrRouteEntries": [{"RouteSource": "10.0.0.0/16", "RouteDest": "192.168.1.0/24", "NextHop": "vco-1"}],
    "VcoRouteEntries": [{"RouteDest": "192.168.1.0/24", "NextHop": "vco-tr"}]
}"#;

const DESTINATION: [(&str, &str); 4] =
    [("VpnGatewayId", "vpn-1"), ("RouteDest", "192.168.1.0/24"), ("NextHop", "vco-1"), ("Weight", "100")];
const POLICY: (&str, &str) = ("RouteSource", "10.0.0.0/16");
const CONNECTION: [(&str, &str); 4] =
    [("VpnConnectionId", "vco-tr"), ("RouteDest", "192.168.1.0/24"), ("NextHop", "vco-tr"), ("Weight", "100")];

fn cloud_that(what: &str) -> Cloud {
    cloud_with(&format!(r#""CheckSignatures": false, "DanglingRoutes": "{what}""#), REGIONS)
}

fn hops(cloud: &mut Cloud, now: Timestamp) -> Vec<String> {
    let gateway = [("VpnGatewayId", "vpn-1")];
    let destinations = succeed(cloud, now, "DescribeVpnRouteEntries", &gateway).body["VpnRouteEntries"]["VpnRouteEntry"].clone();
    let policies = succeed(cloud, now, "DescribeVpnPbrRouteEntries", &gateway).body["VpnPbrRouteEntries"]["VpnPbrRouteEntry"].clone();
    let rows = [destinations, policies].into_iter().flat_map(|rows| rows.as_array().unwrap().clone());
    rows.map(|row| row["NextHop"].as_str().unwrap().to_owned()).collect()
}

fn delete(cloud: &mut Cloud, now: Timestamp) -> String {
    ask(cloud, now, "DeleteVpnConnection", &[("VpnConnectionId", "vco-1")]).code().to_owned()
}

/// Unbinds the connection and deletes it, two seconds later.
fn delete_attached(cloud: &mut Cloud) -> Response {
    succeed(cloud, at(0), "DeleteTransitRouterVpnAttachment", &[("TransitRouterAttachmentId", "tr-attach-1")]);
    ask(cloud, at(2000), "DeleteVpnAttachment", &[("VpnConnectionId", "vco-tr")])
}

#[test]
fn removed_with_the_connection() {
    let mut cloud = cloud_that("removed");
    assert_eq!(delete(&mut cloud, at(0)), "");
    assert_eq!(hops(&mut cloud, at(999)), ["vco-1", "vco-2", "vco-1"]);
    assert_eq!(hops(&mut cloud, at(1000)), ["vco-2"]);
    assert!(delete_attached(&mut cloud).is_success());
    let gone = ask(&mut cloud, at(2000), "DescribeVcoRouteEntries", &[("VpnConnectionId", "vco-tr")]);
    assert_eq!(gone.code(), "InvalidVpnConnectionInstanceId.NotFound");
}

#[test]
fn kept_without_the_connection() {
    let mut cloud = cloud_that("kept");
    assert_eq!(delete(&mut cloud, at(0)), "");
    assert_eq!(hops(&mut cloud, at(1000)), ["vco-1", "vco-2", "vco-1"]);
    assert_eq!(ask(&mut cloud, at(1000), "DescribeVpnConnection", &[("VpnConnectionId", "vco-1")]).status, 404);
    succeed(&mut cloud, at(1000), "DeleteVpnRouteEntry", &DESTINATION);
    succeed(&mut cloud, at(2000), "DeleteVpnPbrRouteEntry", &[&DESTINATION[..], &[POLICY]].concat());
    assert_eq!(hops(&mut cloud, at(3000)), ["vco-2"]);

    let mut cloud = cloud_that("kept");
    assert!(delete_attached(&mut cloud).is_success());
    let left = succeed(&mut cloud, at(2000), "DescribeVcoRouteEntries", &[("VpnConnectionId", "vco-tr")]);
    assert_eq!(left.body["VcoRouteEntries"][0]["NextHop"], "vco-tr");
    succeed(&mut cloud, at(2000), "DeleteVcoRouteEntry", &CONNECTION);
    assert_eq!(ask(&mut cloud, at(3000), "DescribeVcoRouteEntries", &[("VpnConnectionId", "vco-tr")]).status, 404);
}

#[test]
fn refused_while_routes_are_there() {
    let mut cloud = cloud_that("refused");
    assert_eq!(delete(&mut cloud, at(0)), "DependencyViolation.RouteEntry");
    succeed(&mut cloud, at(0), "DeleteVpnRouteEntry", &DESTINATION);
    assert_eq!(delete(&mut cloud, at(1000)), "DependencyViolation.RouteEntry");
    succeed(&mut cloud, at(1000), "DeleteVpnPbrRouteEntry", &[&DESTINATION[..], &[POLICY]].concat());
    assert_eq!(delete(&mut cloud, at(2000)), "");
    assert_eq!(hops(&mut cloud, at(3000)), ["vco-2"]);

    let mut cloud = cloud_that("refused");
    assert_eq!(delete_attached(&mut cloud).code(), "DependencyViolation.RouteEntry");
    succeed(&mut cloud, at(2000), "DeleteVcoRouteEntry", &CONNECTION);
    succeed(&mut cloud, at(3000), "DeleteVpnAttachment", &[("VpnConnectionId", "vco-tr")]);
}
