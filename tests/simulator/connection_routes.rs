use crate::connections::{ALL, with};
use crate::*;
use serde_json::Value;

const NEW: [(&str, &str); 4] = [("VpnConnectionId", "vco-tr"), ("NextHop", "vco-tr"), ("RouteDest", "192.168.1.0/24"), ("Weight", "100")];

fn state(cloud: &mut Cloud, now: Timestamp) -> String {
    text(&succeed(cloud, now, "DescribeVpnConnection", &[("VpnConnectionId", "vco-tr")]), "State")
}

fn rows(cloud: &mut Cloud, now: Timestamp) -> Vec<Value> {
    succeed(cloud, now, "DescribeVcoRouteEntries", &[("VpnConnectionId", "vco-tr")]).body["VcoRouteEntries"].as_array().unwrap().clone()
}

#[test]
fn the_life_of_a_connection_route() {
    let mut cloud = cloud(ALL);
    let made = succeed(&mut cloud, at(0), "CreateVcoRouteEntry", &with(&NEW, &[("Description", "x"), ("OverlayMode", "Ipsec")]));
    assert_eq!((text(&made, "Description"), text(&made, "VpnConnectionId")), ("x".to_owned(), "vco-tr".to_owned()));
    assert_eq!(state(&mut cloud, at(999)), "updating");
    let other = with(&NEW, &[("RouteDest", "192.168.2.0/24")]);
    assert_eq!(ask(&mut cloud, at(999), "CreateVcoRouteEntry", &other).code(), "VpnConnection.Configuring");
    assert_eq!(state(&mut cloud, at(1000)), "attached");

    let page = succeed(&mut cloud, at(1000), "DescribeVcoRouteEntries", &[("VpnConnectionId", "vco-tr")]);
    let row = &page.body["VcoRouteEntries"][0];
    assert_eq!((&row["NextHop"], &row["State"], &row["RouteEntryType"]), (&"vco-tr".into(), &"normal".into(), &"custom".into()));
    assert_eq!(row["NextHopTunnelIdList"].as_array().unwrap().len(), 2);
    assert!(row.get("Description").is_none() && row.get("OverlayMode").is_none(), "{row}");
    assert_eq!((&page.body["TotalCount"], &page.body["VpnRouteCounts"][0]["RouteCount"]), (&1.into(), &1.into()));

    succeed(&mut cloud, at(1000), "ModifyVcoRouteEntryWeight", &with(&NEW, &[("NewWeight", "0")]));
    assert_eq!(ask(&mut cloud, at(2000), "DeleteVcoRouteEntry", &NEW).code(), "InvalidRouteEntry.NotFound");
    let standby = with(&NEW, &[("Weight", "0")]);
    succeed(&mut cloud, at(2000), "DeleteVcoRouteEntry", &standby);
    assert_eq!(ask(&mut cloud, at(2999), "DeleteVcoRouteEntry", &standby).code(), "VpnConnection.Configuring");
    assert_eq!((rows(&mut cloud, at(2999)).len(), rows(&mut cloud, at(3000)).len()), (1, 0));
    assert_eq!(ask(&mut cloud, at(3000), "DeleteVcoRouteEntry", &standby).code(), "InvalidRouteEntry.NotFound");
    assert_eq!(state(&mut cloud, at(3000)), "attached");
}

#[test]
fn a_connection_route_needs_a_transit_router() {
    let cases: [(&[(&str, &str)], &str); 7] = [
        (&[("VpnConnectionId", "vco-unbound"), ("NextHop", "vco-unbound")], "IllegalParam.VpnConnectionId"),
        (&[("VpnConnectionId", "vco-dual"), ("NextHop", "vco-dual")], "IllegalParam.VpnConnectionId"),
        (&[("VpnConnectionId", "vco-x")], "InvalidVpnConnectionInstanceId.NotFound"),
        (&[("NextHop", "vco-legacy")], "IllegalParam.NextHop"),
        (&[("RouteDest", "0.0.0.0/0")], "IllegalParam.RouteDest"),
        (&[("Weight", "7")], "IllegalParam.Weight"),
        (&[("DryRun", "true")], "DryRunOperation"),
    ];
    for (changes, code) in cases {
        assert_eq!(ask(&mut cloud(ALL), at(0), "CreateVcoRouteEntry", &with(&NEW, changes)).code(), code, "{changes:?}");
    }
    let mut cloud = cloud(ALL);
    succeed(&mut cloud, at(0), "CreateVcoRouteEntry", &NEW);
    assert_eq!(ask(&mut cloud, at(1000), "CreateVcoRouteEntry", &NEW).code(), "InvalidRouteEntry.AlreadyExists");
    let unknown = ask(&mut cloud, at(1000), "DescribeVcoRouteEntries", &[("VpnConnectionId", "vco-x")]);
    assert_eq!(unknown.code(), "InvalidVpnConnectionInstanceId.NotFound");
}

#[test]
fn a_connection_that_is_unbound_keeps_its_routes() {
    let mut cloud = cloud(ALL);
    succeed(&mut cloud, at(0), "CreateVcoRouteEntry", &NEW);
    let listed = succeed(&mut cloud, at(999), "ListTransitRouterVpnAttachments", &[("TransitRouterId", "tr-1")]);
    let attachment = text_at(&listed.body["TransitRouterAttachments"][0]["TransitRouterAttachmentId"]);
    let unbind = [("TransitRouterAttachmentId", attachment.as_str())];
    assert_eq!(ask(&mut cloud, at(999), "DeleteTransitRouterVpnAttachment", &unbind).code(), "Operation.Blocking");
    succeed(&mut cloud, at(1000), "DeleteTransitRouterVpnAttachment", &unbind);
    assert_eq!(state(&mut cloud, at(3000)), "init");
    assert_eq!(rows(&mut cloud, at(3000)).len(), 1);
    succeed(&mut cloud, at(3000), "DeleteVcoRouteEntry", &NEW);
    assert_eq!((state(&mut cloud, at(3999)), state(&mut cloud, at(4000))), ("updating".to_owned(), "init".to_owned()));
    assert_eq!(rows(&mut cloud, at(4000)).len(), 0);
}

fn text_at(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
