use crate::connections::with;
use crate::*;
use serde_json::Value;

const REGIONS: &str = r#""cn-hangzhou": {
    "CustomerGateways": [{"CustomerGatewayId": "cgw-1", "IpAddress": "203.0.113.1"}],
    "TransitRouters": [
        {"TransitRouterId": "tr-1", "SystemRouteTable": "vtb-system", "CustomRouteTables": ["vtb-1", {"TransitRouterRouteTableId": "vtb-2", "TransitRouterRouteTableName": "second"}]},
        {"TransitRouterId": "tr-2", "CustomRouteTables": ["vtb-other"], "Cidr": ""}
    ],
    "VpnConnections": [
        {"VpnConnectionId": "vco-1", "TransitRouterId": "tr-1", "TransitRouterAttachmentId": "tr-attach-1",
         "TransitRouterAttachmentName": "before", "TransitRouterAttachmentTags": {"site": "sh-01"}, "Description": "by hand",
         "TunnelOptionsSpecification": [{"CustomerGatewayId": "cgw-1"}, {"CustomerGatewayId": "cgw-1"}]},
        {"VpnConnectionId": "vco-unbound", "TunnelOptionsSpecification": [{"CustomerGatewayId": "cgw-1"}, {"CustomerGatewayId": "cgw-1"}]}
    ]
}"#;

const ATTACHMENT: (&str, &str) = ("TransitRouterAttachmentId", "tr-attach-1");
const ASSOCIATE: &str = "AssociateTransitRouterAttachmentWithRouteTable";
const DISSOCIATE: &str = "DissociateTransitRouterAttachmentFromRouteTable";
const ENABLE: &str = "EnableTransitRouterRouteTablePropagation";
const DISABLE: &str = "DisableTransitRouterRouteTablePropagation";

/// CBN calls as they are sent: without a region.
fn cen(cloud: &mut Cloud, now: Timestamp, action: &str, parameters: &[(&str, &str)]) -> Response {
    cloud.handle(&Request::of(action, parameters), now)
}

fn done(cloud: &mut Cloud, now: Timestamp, action: &str, parameters: &[(&str, &str)]) -> Response {
    let response = cen(cloud, now, action, parameters);
    assert!(response.is_success(), "{action}: {response:?}");
    response
}

fn to(table: &str) -> [(&str, &str); 2] {
    [ATTACHMENT, ("TransitRouterRouteTableId", table)]
}

/// Table and status of each row.
fn rows(response: &Response, list: &str) -> Vec<String> {
    let field = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let rows = response.body.get(list).and_then(Value::as_array).cloned().unwrap_or_default();
    rows.iter().map(|row| format!("{} {}", field(row, "TransitRouterRouteTableId"), field(row, "Status"))).collect()
}

fn associations(cloud: &mut Cloud, now: Timestamp) -> Vec<String> {
    rows(&done(cloud, now, "ListTransitRouterRouteTableAssociations", &[ATTACHMENT]), "TransitRouterAssociations")
}

fn propagations(cloud: &mut Cloud, now: Timestamp, table: &str) -> Vec<String> {
    rows(&done(cloud, now, "ListTransitRouterRouteTablePropagations", &to(table)), "TransitRouterPropagations")
}

fn status(cloud: &mut Cloud, now: Timestamp) -> Option<String> {
    let page = done(cloud, now, "ListTransitRouterVpnAttachments", &[ATTACHMENT]);
    page.body["TransitRouterAttachments"][0]["Status"].as_str().map(str::to_owned)
}

#[test]
fn one_association_at_most() {
    let mut cloud = cloud(REGIONS);
    assert_eq!(cen(&mut cloud, at(0), ASSOCIATE, &with(&to("vtb-1"), &[("DryRun", "true")])).code(), "DryRunOperation");
    done(&mut cloud, at(0), ASSOCIATE, &to("vtb-1"));
    assert_eq!(associations(&mut cloud, at(999)), ["vtb-1 Associating"]);
    assert_eq!(cen(&mut cloud, at(999), ENABLE, &to("vtb-1")).code(), "Operation.Blocking");
    assert_eq!(associations(&mut cloud, at(1000)), ["vtb-1 Active"]);
    assert_eq!(cen(&mut cloud, at(1000), ASSOCIATE, &to("vtb-2")).code(), "OperationFailed.RouteTableAssociationExist");
    assert_eq!(cen(&mut cloud, at(1000), DISSOCIATE, &to("vtb-2")).code(), "OperationFailed.RouteTableAssociationNotExist");
    done(&mut cloud, at(1000), DISSOCIATE, &to("vtb-1"));
    assert_eq!(associations(&mut cloud, at(1999)), ["vtb-1 Dissociating"]);
    assert_eq!(cen(&mut cloud, at(1999), DISSOCIATE, &to("vtb-1")).code(), "Operation.Blocking");
    assert!(associations(&mut cloud, at(2000)).is_empty());
    done(&mut cloud, at(2000), ASSOCIATE, &to("vtb-system"));
}

#[test]
fn ties_take_as_long_as_the_switch_says() {
    let mut cloud = cloud_with(r#""CheckSignatures": false, "RouteTableChangeMs": 5000"#, REGIONS);
    done(&mut cloud, at(0), ASSOCIATE, &to("vtb-1"));
    assert_eq!(associations(&mut cloud, at(4999)), ["vtb-1 Associating"]);
    assert_eq!(associations(&mut cloud, at(5000)), ["vtb-1 Active"]);
}

#[test]
fn propagations_to_several_tables() {
    let mut cloud = cloud(REGIONS);
    done(&mut cloud, at(0), ENABLE, &to("vtb-1"));
    assert_eq!(propagations(&mut cloud, at(999), "vtb-1"), ["vtb-1 Enabling"]);
    done(&mut cloud, at(1000), ENABLE, &to("vtb-2"));
    assert_eq!(cen(&mut cloud, at(2000), ENABLE, &to("vtb-2")).code(), "OperationFailed.RouteTablePropagationExist");
    assert_eq!((propagations(&mut cloud, at(2000), "vtb-1").len(), propagations(&mut cloud, at(2000), "vtb-2").len()), (1, 1));
    done(&mut cloud, at(2000), DISABLE, &to("vtb-1"));
    assert_eq!(propagations(&mut cloud, at(2999), "vtb-1"), ["vtb-1 Disabling"]);
    assert!(propagations(&mut cloud, at(3000), "vtb-1").is_empty());
    assert_eq!(cen(&mut cloud, at(3000), DISABLE, &to("vtb-1")).code(), "OperationFailed.RouteTablePropagationNotExist");
    assert_eq!(cen(&mut cloud, at(3000), "ListTransitRouterRouteTablePropagations", &[ATTACHMENT]).code(), "MissingParameter");
    assert_eq!(cen(&mut cloud, at(3000), "ListTransitRouterRouteTableAssociations", &[]).code(), "MissingParameter");
}

#[test]
fn ties_to_strangers() {
    let mut cloud = cloud(REGIONS);
    for action in [ASSOCIATE, DISSOCIATE, ENABLE, DISABLE] {
        let other_router = ask(&mut cloud, at(0), action, &to("vtb-other"));
        assert_eq!((other_router.status, other_router.code()), (404, "InvalidTransitRouterRouteTableId.NotFound"), "{action}");
        let nobody = ask(&mut cloud, at(0), action, &with(&to("vtb-1"), &[("TransitRouterAttachmentId", "tr-attach-x")]));
        assert_eq!(nobody.code(), "InvalidTransitRouterAttachmentId.NotFound", "{action}");
        assert_eq!(ask(&mut cloud, at(0), action, &[ATTACHMENT]).code(), "MissingParameter", "{action}");
    }
}

#[test]
fn lists_are_filtered() {
    let mut cloud = cloud(REGIONS);
    done(&mut cloud, at(0), ASSOCIATE, &to("vtb-1"));
    let found = |cloud: &mut Cloud, name: &str, value: &str| {
        let parameters = [("TransitRouterRouteTableId", "vtb-1"), (name, value)];
        let page = done(cloud, at(1000), "ListTransitRouterRouteTableAssociations", &parameters);
        page.body.get("TransitRouterAssociations").is_some()
    };
    for (name, right, wrong) in [
        ("TransitRouterAttachmentResourceId", "vco-1", "vco-2"),
        ("TransitRouterAttachmentResourceType", "VPN", "VPC"),
        ("Status", "Active", "Associating"),
    ] {
        assert!(found(&mut cloud, name, right), "{name}={right}");
        assert!(!found(&mut cloud, name, wrong), "{name}={wrong}: a RequestId and no list");
    }
    let page = done(&mut cloud, at(1000), "ListTransitRouterRouteTableAssociations", &[ATTACHMENT]);
    assert_eq!((&page.body["MaxResults"], &page.body["TransitRouterAssociations"][0]["ResourceId"]), (&50.into(), &"vco-1".into()));
}

#[test]
fn an_attachment_with_ties_goes_by_force_only() {
    let mut cloud = cloud(REGIONS);
    let unbind = "DeleteTransitRouterVpnAttachment";
    done(&mut cloud, at(0), ENABLE, &to("vtb-1"));
    assert_eq!(cen(&mut cloud, at(1000), unbind, &[ATTACHMENT]).code(), "OperationFailed.RouteEntryExist");
    done(&mut cloud, at(1000), ASSOCIATE, &to("vtb-1"));
    assert_eq!(cen(&mut cloud, at(1999), unbind, &[ATTACHMENT, ("Force", "true")]).code(), "Operation.Blocking");
    let refused = cen(&mut cloud, at(2000), unbind, &[ATTACHMENT, ("Force", "false")]);
    assert_eq!((refused.status, refused.code()), (400, "OperationFailed.RouteTableAssociationExist"));
    assert_eq!(cen(&mut cloud, at(2000), unbind, &[ATTACHMENT, ("Force", "true"), ("DryRun", "true")]).code(), "DryRunOperation");
    done(&mut cloud, at(2000), unbind, &[ATTACHMENT, ("Force", "maybe")]);
    done(&mut cloud, at(2000), unbind, &[("TransitRouterAttachmentId", "tr-attach-x"), ("Force", "true")]);
    assert_eq!(status(&mut cloud, at(2000)).as_deref(), Some("Attached"), "a RequestId, and nothing is deleted");

    done(&mut cloud, at(2000), unbind, &[ATTACHMENT, ("Force", "true")]);
    assert_eq!(status(&mut cloud, at(3999)).as_deref(), Some("Detaching"));
    assert_eq!(associations(&mut cloud, at(3999)), ["vtb-1 Dissociating"]);
    assert_eq!(propagations(&mut cloud, at(3999), "vtb-1"), ["vtb-1 Disabling"]);
    assert_eq!(cen(&mut cloud, at(3999), ENABLE, &to("vtb-2")).code(), "IncorrectStatus.Status");
    assert_eq!(status(&mut cloud, at(4000)), None);
    assert!(cloud.region(REGION).unwrap().objects().links.is_empty());
}

/// It is told by table and filter, and keeps the attachment that it leads into.
#[test]
fn a_static_route_keeps_its_attachment() {
    let route = r#""TransitRouterRouteEntries": [{"ResourceId": "vco-1", "TransitRouterRouteTableId": "vtb-2",
        "TransitRouterRouteEntryDestinationCidrBlock": "10.9.0.0/16"}]"#;
    let mut cloud = cloud(&REGIONS.replacen("\"VpnConnections\"", &format!("{route}, \"VpnConnections\""), 1));
    let mut told = |parameters: &[(&str, &str)]| {
        let listed = done(&mut cloud, at(0), "ListTransitRouterRouteEntries", parameters);
        let rows = listed.body.get("TransitRouterRouteEntries").and_then(Value::as_array).cloned().unwrap_or_default();
        rows.iter().map(|row| row["TransitRouterRouteEntryDestinationCidrBlock"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let table = ("TransitRouterRouteTableId", "vtb-2");
    assert_eq!(told(&[table]), ["10.9.0.0/16"]);
    assert_eq!(
        told(&[table, ("TransitRouterRouteEntryNextHopId", "tr-attach-1"), ("TransitRouterRouteEntryStatus", "All")]),
        ["10.9.0.0/16"]
    );
    for (name, value) in [
        ("TransitRouterRouteEntryNextHopId", "tr-attach-2"),
        ("TransitRouterRouteEntryType", "Propagated"),
        ("TransitRouterRouteEntryStatus", "Rejected"),
    ] {
        assert!(told(&[table, (name, value)]).is_empty(), "{name}={value}");
    }
    assert!(told(&[("TransitRouterRouteTableId", "vtb-1")]).is_empty());
    assert_eq!(cen(&mut cloud, at(0), "ListTransitRouterRouteEntries", &[]).code(), "MissingParameter");
    let unbind = cen(&mut cloud, at(0), "DeleteTransitRouterVpnAttachment", &[ATTACHMENT]);
    assert_eq!(unbind.code(), "OperationFailed.RouteEntryExist");
}

#[test]
fn a_connection_bound_again_has_new_addresses_and_no_ties() {
    let mut cloud = cloud(REGIONS);
    let addresses = |cloud: &mut Cloud, now| {
        let shown = succeed(cloud, now, "DescribeVpnConnection", &[("VpnConnectionId", "vco-1")]);
        let tunnels = shown.body["TunnelOptionsSpecification"]["TunnelOptions"].as_array().unwrap().clone();
        tunnels.iter().map(|tunnel| tunnel["InternetIp"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let before = addresses(&mut cloud, at(0));
    done(&mut cloud, at(0), ASSOCIATE, &to("vtb-1"));
    done(&mut cloud, at(1000), "DeleteTransitRouterVpnAttachment", &[ATTACHMENT, ("Force", "true")]);
    assert_eq!(addresses(&mut cloud, at(3000)), ["", ""]);
    let bind = [("RegionId", REGION), ("TransitRouterId", "tr-1"), ("VpnId", "vco-1")];
    let bound = text(&done(&mut cloud, at(3000), "CreateTransitRouterVpnAttachment", &bind), "TransitRouterAttachmentId");
    let after = addresses(&mut cloud, at(5000));
    assert!(!after.contains(&String::new()) && !after.iter().any(|address| before.contains(address)), "{before:?} {after:?}");
    let ties = done(&mut cloud, at(5000), "ListTransitRouterRouteTableAssociations", &[("TransitRouterAttachmentId", &bound)]);
    assert!(ties.body.get("TransitRouterAssociations").is_none());
}

#[test]
fn an_attachment_is_updated() {
    let mut cloud = cloud(REGIONS);
    let update = "UpdateTransitRouterVpnAttachmentAttribute";
    let changes = [
        ATTACHMENT,
        ("TransitRouterAttachmentName", "after"),
        ("TransitRouterAttachmentDescription", "told"),
        ("AutoPublishRouteEnabled", "false"),
        ("OrderType", "PayByResourceOwner"),
    ];
    assert_eq!(cen(&mut cloud, at(0), update, &with(&changes, &[("DryRun", "true")])).code(), "DryRunOperation");
    done(&mut cloud, at(0), update, &changes);
    let page = done(&mut cloud, at(0), "ListTransitRouterVpnAttachments", &[ATTACHMENT]);
    let row = &page.body["TransitRouterAttachments"][0];
    for (name, value) in &changes[1..3] {
        assert_eq!(row[*name], *value);
    }
    assert_eq!((&row["AutoPublishRouteEnabled"], &row["OrderType"]), (&false.into(), &"PayByResourceOwner".into()));
    assert_eq!(row["Tags"][0]["Value"], "sh-01");
    done(&mut cloud, at(0), update, &[ATTACHMENT, ("TransitRouterAttachmentName", "")]);
    let page = done(&mut cloud, at(0), "ListTransitRouterVpnAttachments", &[ATTACHMENT]);
    let row = &page.body["TransitRouterAttachments"][0];
    assert_eq!((&row["TransitRouterAttachmentName"], &row["TransitRouterAttachmentDescription"]), (&"".into(), &"told".into()));

    let long = "x".repeat(129);
    for (name, value) in [("TransitRouterAttachmentName", long.as_str()), ("OrderType", "x"), ("AutoPublishRouteEnabled", "x")] {
        assert_eq!(cen(&mut cloud, at(0), update, &[ATTACHMENT, (name, value)]).code(), format!("IllegalParam.{name}"));
    }
    let nobody = cen(&mut cloud, at(0), update, &[("TransitRouterAttachmentId", "tr-attach-x")]);
    assert_eq!(nobody.code(), "InvalidTransitRouterAttachmentId.NotFound");
    done(&mut cloud, at(0), "DeleteTransitRouterVpnAttachment", &[ATTACHMENT]);
    assert_eq!(cen(&mut cloud, at(1), update, &changes).code(), "IncorrectStatus.Status");
}

#[test]
fn a_router_has_several_tables_and_a_cidr_or_none() {
    let mut cloud = cloud(REGIONS);
    let tables = |cloud: &mut Cloud, name: &str, value: &str| {
        let page = done(cloud, at(0), "ListTransitRouterRouteTables", &[("TransitRouterId", "tr-1"), (name, value)]);
        let rows = page.body.get("TransitRouterRouteTables").and_then(Value::as_array).cloned().unwrap_or_default();
        rows.iter().map(|row| row["TransitRouterRouteTableId"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(tables(&mut cloud, "x", "x"), ["vtb-system", "vtb-1", "vtb-2"]);
    assert_eq!(tables(&mut cloud, "TransitRouterRouteTableType", "Custom"), ["vtb-1", "vtb-2"]);
    assert_eq!(tables(&mut cloud, "TransitRouterRouteTableNames.1", "second"), ["vtb-2"]);
    assert_eq!(tables(&mut cloud, "TransitRouterRouteTableIds.1", "vtb-1"), ["vtb-1"]);

    let cidrs = |cloud: &mut Cloud, router: &str| {
        ask(cloud, at(0), "ListTransitRouterCidr", &[("TransitRouterId", router)]).body["CidrLists"].as_array().unwrap().clone()
    };
    let listed = cidrs(&mut cloud, "tr-1");
    assert_eq!((&listed[0]["Cidr"], &listed[0]["TransitRouterId"]), (&"10.127.0.0/24".into(), &"tr-1".into()));
    assert!(cidrs(&mut cloud, "tr-2").is_empty());
    let bind = [("TransitRouterId", "tr-2"), ("VpnId", "vco-unbound")];
    assert_eq!(ask(&mut cloud, at(0), "CreateTransitRouterVpnAttachment", &bind).code(), "OperationFailed.AllocateCidrFailed");
}

#[test]
fn the_description_of_a_connection_is_told_among_attachments_only() {
    let mut cloud = cloud(REGIONS);
    let page = succeed(&mut cloud, at(0), "DescribeVpnAttachments", &[]);
    assert_eq!((&page.body["TotalCount"], &page.body["VpnAttachments"][0]["Description"]), (&1.into(), &"by hand".into()));
    let shown = succeed(&mut cloud, at(0), "DescribeVpnConnection", &[("VpnConnectionId", "vco-1")]);
    assert!(shown.body.get("Description").is_none());
}

#[test]
fn attachments_bear_tags() {
    let mut cloud = cloud(REGIONS);
    let target = [("ResourceType", "TransitRouterVpnAttachment"), ("ResourceId.1", "tr-attach-1")];
    succeed(&mut cloud, at(0), "TagResources", &with(&target, &[("Tag.1.Key", "a"), ("Tag.1.Value", "1")]));
    let listed = succeed(&mut cloud, at(0), "ListTagResources", &target);
    let rows = listed.body["TagResources"]["TagResource"].as_array().unwrap().clone();
    assert_eq!((rows.len(), &rows[0]["ResourceType"]), (2, &"TRANSITROUTERVPNATTACHMENT".into()));
    let found = done(&mut cloud, at(0), "ListTransitRouterVpnAttachments", &[("Tag.1.Key", "a"), ("Tag.1.Value", "1")]);
    assert_eq!(found.body["TotalCount"], 1);
    succeed(&mut cloud, at(0), "UnTagResources", &with(&target, &[("TagKey.1", "site")]));
    let left = succeed(&mut cloud, at(0), "ListTagResources", &target);
    assert_eq!(left.body["TagResources"]["TagResource"].as_array().unwrap().len(), 1);
    let group = [("ResourceType", "TransitRouterVpnAttachment"), ("InstanceId", "tr-attach-1"), ("NewResourceGroupId", "rg-1")];
    assert_eq!(ask(&mut cloud, at(0), "MoveVpnResourceGroup", &group).code(), "IllegalParam.ResourceType");
}
