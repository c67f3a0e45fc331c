use crate::connections::{ALL, with};
use crate::destination_routes::NEW;
use crate::*;
use serde_json::Value;

const GATEWAY: (&str, &str) = ("VpnGatewayId", "vpn-single");
const SOURCE: (&str, &str) = ("RouteSource", "10.0.0.0/16");
const THAT: [(&str, &str); 5] = [GATEWAY, SOURCE, NEW[1], NEW[2], NEW[3]];

fn new<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    with(&with(&NEW, &[SOURCE]), changes)
}

fn rows(cloud: &mut Cloud, now: Timestamp) -> Vec<Value> {
    let page = succeed(cloud, now, "DescribeVpnPbrRouteEntries", &[GATEWAY, ("PageSize", "50")]);
    page.body["VpnPbrRouteEntries"]["VpnPbrRouteEntry"].as_array().unwrap().clone()
}

#[test]
fn the_life_of_a_policy_route() {
    let mut cloud = cloud(ALL);
    let made = succeed(&mut cloud, at(0), "CreateVpnPbrRouteEntry", &new(&[("Description", "by hand"), ("OverlayMode", "Ipsec")]));
    assert_eq!(
        (&made.body["Priority"], &made.body["RouteSource"], &made.body["Description"]),
        (&10.into(), &"10.0.0.0/16".into(), &"by hand".into())
    );
    assert_eq!(ask(&mut cloud, at(999), "DeleteVpnPbrRouteEntry", &THAT).code(), "VpnGateway.Configuring");
    let found = rows(&mut cloud, at(1000));
    assert_eq!(
        (&found[0]["RouteSource"], &found[0]["RouteDest"], &found[0]["Priority"]),
        (&"10.0.0.0/16".into(), &"192.168.1.0/24".into(), &10.into())
    );
    assert!(found[0].get("Description").is_none() && found[0].get("OverlayMode").is_none(), "{}", found[0]);

    succeed(&mut cloud, at(1000), "ModifyVpnPbrRouteEntryWeight", &with(&THAT, &[("NewWeight", "0")]));
    let standby = with(&THAT, &[("Weight", "0")]);
    succeed(&mut cloud, at(2000), "ModifyVpnPbrRouteEntryPriority", &with(&standby, &[("NewPriority", "20")]));
    let at_20 = with(&standby, &[("Priority", "20")]);
    assert_eq!(ask(&mut cloud, at(3000), "ModifyVpnPbrRouteEntryAttribute", &at_20).code(), "MissingParameter");
    succeed(&mut cloud, at(3000), "ModifyVpnPbrRouteEntryAttribute", &with(&at_20, &[("NewPriority", "30"), ("NewWeight", "100")]));
    let row = rows(&mut cloud, at(4000))[0].clone();
    assert_eq!((&row["Weight"], &row["Priority"]), (&100.into(), &30.into()));

    let stale_priority = with(&THAT, &[("Priority", "20")]);
    assert_eq!(ask(&mut cloud, at(4000), "DeleteVpnPbrRouteEntry", &stale_priority).code(), "IllegalParam.Priority");
    succeed(&mut cloud, at(4000), "DeleteVpnPbrRouteEntry", &THAT);
    assert_eq!((rows(&mut cloud, at(4999)).len(), rows(&mut cloud, at(5000)).len()), (1, 0));
    assert_eq!(ask(&mut cloud, at(5000), "DeleteVpnPbrRouteEntry", &THAT).code(), "InvalidRouteEntry.NotFound");
}

#[test]
fn what_a_policy_route_must_be() {
    let cases = [
        (("RouteSource", ""), "MissingParameter"),
        (("RouteSource", "10.0.0.1/16"), "IllegalParam.RouteSource"),
        (("RouteDest", "0.0.0.0/0"), "IllegalParam.RouteDest"),
        (("Priority", "0"), "IllegalParam.Priority"),
        (("Priority", "101"), "IllegalParam.Priority"),
        (("Weight", "1"), "IllegalParam.Weight"),
        (("DryRun", "true"), "DryRunOperation"),
    ];
    for (change, code) in cases {
        assert_eq!(ask(&mut cloud(ALL), at(0), "CreateVpnPbrRouteEntry", &new(&[change])).code(), code, "{change:?}");
    }
    let mut cloud = cloud(ALL);
    succeed(&mut cloud, at(0), "CreateVpnPbrRouteEntry", &new(&[]));
    assert_eq!(ask(&mut cloud, at(1000), "CreateVpnPbrRouteEntry", &new(&[])).code(), "InvalidRouteEntry.AlreadyExists");
    succeed(&mut cloud, at(1000), "CreateVpnPbrRouteEntry", &new(&[("RouteSource", "10.1.0.0/16")]));
}

#[test]
fn policy_routes_have_a_quota_of_their_own() {
    let region = ALL.replacen('{', r#"{"Quota": {"PolicyRoutesPerVpnGateway": 1}, "#, 1);
    let mut cloud = cloud(&region);
    succeed(&mut cloud, at(0), "CreateVpnPbrRouteEntry", &new(&[]));
    let second = ask(&mut cloud, at(1000), "CreateVpnPbrRouteEntry", &new(&[("RouteSource", "10.1.0.0/16")]));
    assert_eq!((second.status, second.code()), (400, "QuotaExceeded.PolicyBasedRoute"));
    succeed(&mut cloud, at(1000), "CreateVpnRouteEntry", &NEW);
}

/// The states of the destination route and of the policy route.
fn states(cloud: &mut Cloud, now: Timestamp) -> [String; 2] {
    let destinations = succeed(cloud, now, "DescribeVpnRouteEntries", &[GATEWAY]);
    let state = |row: &Value| row["State"].as_str().unwrap().to_owned();
    [state(&destinations.body["VpnRouteEntries"]["VpnRouteEntry"][0]), state(&rows(cloud, now)[0])]
}

#[test]
fn routes_are_published_and_withdrawn() {
    let mut cloud = cloud(ALL);
    succeed(&mut cloud, at(0), "CreateVpnRouteEntry", &NEW);
    succeed(&mut cloud, at(1000), "CreateVpnPbrRouteEntry", &new(&[]));
    assert_eq!(states(&mut cloud, at(2000)), ["normal", "normal"]);
    let publish = |kind, yes| [GATEWAY, NEW[1], NEW[2], ("RouteType", kind), ("PublishVpc", yes)];
    succeed(&mut cloud, at(2000), "PublishVpnRouteEntry", &publish("dbr", "true"));
    assert_eq!(ask(&mut cloud, at(2999), "PublishVpnRouteEntry", &publish("pbr", "true")).code(), "VpnGateway.Configuring");
    assert_eq!(states(&mut cloud, at(2999)), ["normal", "normal"], "not before the gateway is active again");
    succeed(&mut cloud, at(3000), "PublishVpnRouteEntry", &publish("pbr", "true"));
    assert_eq!(states(&mut cloud, at(4000)), ["published", "published"]);

    succeed(&mut cloud, at(4000), "PublishVpnRouteEntry", &publish("dbr", "false"));
    assert_eq!(states(&mut cloud, at(5000)), ["normal", "published"]);
    succeed(&mut cloud, at(5000), "PublishVpnRouteEntry", &publish("dbr", "true"));
    succeed(&mut cloud, at(6000), "PublishVpnRouteEntry", &publish("pbr", "false"));
    assert_eq!(states(&mut cloud, at(7000)), ["normal", "normal"], "the destination route is withdrawn with the policy route");

    let nobody = with(&publish("pbr", "true"), &[("RouteDest", "192.168.9.0/24")]);
    assert_eq!(ask(&mut cloud, at(7000), "PublishVpnRouteEntry", &nobody).code(), "InvalidRouteEntry.NotFound");
    assert_eq!(ask(&mut cloud, at(7000), "PublishVpnRouteEntry", &publish("vco", "true")).code(), "IllegalParam.RouteType");
}
