use crate::connections::{ALL, with};
use crate::*;

const NEW: [(&str, &str); 4] = [
    ("VpnGatewayId", "vpn-single"),
    ("CustomerGatewayId", "cgw-1"),
    ("LocalSubnet", "10.0.0.0/16,10.1.0.0/16"),
    ("RemoteSubnet", "192.168.0.0/16"),
];

/// Source, destination and next hop of each policy route.
fn policies(cloud: &mut Cloud, now: Timestamp) -> Vec<String> {
    let page = succeed(cloud, now, "DescribeVpnPbrRouteEntries", &[("VpnGatewayId", "vpn-single"), ("PageSize", "50")]);
    let rows = page.body["VpnPbrRouteEntries"]["VpnPbrRouteEntry"].as_array().unwrap().clone();
    let text =
        |row: &serde_json::Value| ["RouteSource", "RouteDest", "NextHop"].map(|field| row[field].as_str().unwrap().to_owned()).join(" ");
    rows.iter().map(text).collect()
}

fn connect(cloud: &mut Cloud, changes: &[(&str, &str)]) -> String {
    text(&succeed(cloud, at(0), "CreateVpnConnection", &with(&NEW, changes)), "VpnConnectionId")
}

#[test]
fn protected_data_flows_get_policy_routes() {
    let mut cloud = cloud(ALL);
    let id = connect(&mut cloud, &[]);
    let expected = [format!("10.0.0.0/16 192.168.0.0/16 {id}"), format!("10.1.0.0/16 192.168.0.0/16 {id}")];
    assert_eq!(policies(&mut cloud, at(1000)), expected);
    let page = succeed(&mut cloud, at(1000), "DescribeVpnPbrRouteEntries", &[("VpnGatewayId", "vpn-single")]);
    let row = &page.body["VpnPbrRouteEntries"]["VpnPbrRouteEntry"][0];
    assert_eq!((&row["State"], &row["Weight"], &row["Priority"]), (&"normal".into(), &100.into(), &10.into()));
    let again = with(
        &NEW[..1],
        &[("RouteSource", "10.0.0.0/16"), ("RouteDest", "192.168.0.0/16"), ("NextHop", &id), ("Weight", "100"), ("PublishVpc", "true")],
    );
    assert_eq!(ask(&mut cloud, at(1000), "CreateVpnPbrRouteEntry", &again).code(), "InvalidRouteEntry.AlreadyExists");
}

#[test]
fn other_connections_get_none() {
    let none = |changes: &[(&str, &str)]| {
        let mut cloud = cloud(ALL);
        connect(&mut cloud, changes);
        policies(&mut cloud, at(1000)).is_empty()
    };
    assert!(none(&[("AutoConfigRoute", "false")]));
    assert!(none(&[("LocalSubnet", "0.0.0.0/0"), ("RemoteSubnet", "0.0.0.0/0"), ("CustomerGatewayId", "cgw-1")]));
    assert!(!none(&[("AutoConfigRoute", "true")]));
    assert!(policies(&mut cloud(ALL), at(0)).is_empty(), "a seeded connection has the routes of the seed");
}

#[test]
fn a_connection_with_too_many_policies_is_refused() {
    let region = ALL.replacen('{', r#"{"Quota": {"PolicyRoutesPerVpnGateway": 2}, "#, 1);
    let mut cloud = cloud(&region);
    let three = with(&NEW, &[("LocalSubnet", "10.0.0.0/16,10.1.0.0/16,10.2.0.0/16")]);
    assert_eq!(ask(&mut cloud, at(0), "CreateVpnConnection", &three).code(), "QuotaExceeded.PolicyBasedRoute");
    succeed(&mut cloud, at(0), "CreateVpnConnection", &with(&three, &[("AutoConfigRoute", "false")]));
    succeed(&mut cloud, at(1000), "CreateVpnConnection", &NEW);
}

#[test]
fn a_bound_connection_gets_connection_routes_once() {
    let mut cloud = cloud(ALL);
    let tunnels = [
        ("TunnelOptionsSpecification.1.CustomerGatewayId", "cgw-1"),
        ("TunnelOptionsSpecification.2.CustomerGatewayId", "cgw-2"),
        ("RemoteSubnet", "192.168.0.0/24,192.168.1.0/24"),
    ];
    let id = text(&succeed(&mut cloud, at(0), "CreateVpnAttachment", &with(&NEW[2..], &tunnels)), "VpnConnectionId");
    let routes =
        |cloud: &mut Cloud, now| succeed(cloud, now, "DescribeVcoRouteEntries", &[("VpnConnectionId", &id)]).body["TotalCount"].clone();
    assert_eq!(routes(&mut cloud, at(0)), 0);
    let bind = [("TransitRouterId", "tr-1"), ("VpnId", id.as_str())];
    let attachment = text(&succeed(&mut cloud, at(0), "CreateTransitRouterVpnAttachment", &bind), "TransitRouterAttachmentId");
    assert_eq!(routes(&mut cloud, at(2000)), 2);
    succeed(&mut cloud, at(2000), "DeleteTransitRouterVpnAttachment", &[("TransitRouterAttachmentId", &attachment)]);
    succeed(&mut cloud, at(4000), "CreateTransitRouterVpnAttachment", &bind);
    assert_eq!(routes(&mut cloud, at(6000)), 2);
}

#[test]
fn new_subnets_of_a_connection_bring_new_routes() {
    let region = ALL.replacen('{', r#"{"Quota": {"PolicyRoutesPerVpnGateway": 3}, "#, 1);
    let mut cloud = cloud(&region);
    let id = connect(&mut cloud, &[]);
    let change = |remote, auto| [("VpnConnectionId", id.as_str()), ("RemoteSubnet", remote), ("AutoConfigRoute", auto)];
    const MODIFY: &str = "ModifyVpnConnectionAttribute";
    let made = policies(&mut cloud, at(1000));
    let before = cloud.region(REGION).unwrap().objects().clone();
    let refused = ask(&mut cloud, at(1000), MODIFY, &change("192.168.5.0/24", "true"));
    assert_eq!(refused.code(), "QuotaExceeded.PolicyBasedRoute", "two are there, two would come");
    assert!(*cloud.region(REGION).unwrap().objects() == before);
    succeed(&mut cloud, at(1000), MODIFY, &change("192.168.5.0/24", "false"));
    assert_eq!(policies(&mut cloud, at(2000)), made);
    let one = [&change("192.168.6.0/24", "true")[..], &[("LocalSubnet", "10.2.0.0/16")]].concat();
    succeed(&mut cloud, at(2000), MODIFY, &one);
    let all = [made, vec![format!("10.2.0.0/16 192.168.6.0/24 {id}")]].concat();
    assert_eq!(policies(&mut cloud, at(3000)), all, "those of the old subnets stay");
    succeed(&mut cloud, at(3000), MODIFY, &[("VpnConnectionId", &id), ("Name", "other")]);
    assert_eq!(policies(&mut cloud, at(4000)), all);
}

#[test]
fn new_subnets_of_a_bound_connection_bring_new_routes() {
    let mut cloud = cloud(ALL);
    let change = [("VpnConnectionId", "vco-tr"), ("LocalSubnet", "10.0.0.0/16"), ("RemoteSubnet", "192.168.0.0/24,192.168.1.0/24")];
    succeed(&mut cloud, at(0), "ModifyVpnAttachmentAttribute", &change);
    let routes = succeed(&mut cloud, at(1000), "DescribeVcoRouteEntries", &change[..1]).body["VcoRouteEntries"].clone();
    let destinations: Vec<_> = routes.as_array().unwrap().iter().map(|row| row["RouteDest"].as_str().unwrap()).collect();
    assert_eq!(destinations, ["192.168.0.0/24", "192.168.1.0/24"]);
}
