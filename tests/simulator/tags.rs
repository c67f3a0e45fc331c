use crate::connections::with;
use crate::*;

fn tags_of(cloud: &mut Cloud, kind: &str, id: &str) -> String {
    let listed = succeed(cloud, start(), "ListTagResources", &[("ResourceType", kind), ("ResourceId.1", id)]);
    let rows = listed.body["TagResources"]["TagResource"].as_array().unwrap().clone();
    let pairs: Vec<_> =
        rows.iter().map(|row| format!("{}={}", row["TagKey"].as_str().unwrap(), row["TagValue"].as_str().unwrap())).collect();
    pairs.join(" ")
}

#[test]
fn tags_of_every_kind() {
    let mut cloud = cloud(crate::connections::ALL);
    for (kind, id) in [("CUSTOMERGATEWAY", "cgw-1"), ("VpnGateWay", "vpn-dual"), ("vpnconnection", "vco-dual"), ("VPNATTACHMENT", "vco-tr")]
    {
        let target = [("ResourceType", kind), ("ResourceId.1", id)];
        succeed(
            &mut cloud,
            start(),
            "TagResources",
            &[&target[..], &[("Tag.1.Key", "a"), ("Tag.1.Value", "1"), ("Tag.2.Key", "b")]].concat(),
        );
        succeed(&mut cloud, start(), "TagResources", &[&target[..], &[("Tag.1.Key", "a"), ("Tag.1.Value", "2")]].concat());
        assert_eq!(tags_of(&mut cloud, kind, id), "a=2 b=", "{kind}");
        succeed(&mut cloud, start(), "UnTagResources", &[&target[..], &[("TagKey.1", "a")]].concat());
        assert_eq!(tags_of(&mut cloud, kind, id), "b=", "{kind}");
        succeed(&mut cloud, start(), "UnTagResources", &[&target[..], &[("All", "true")]].concat());
        assert_eq!(tags_of(&mut cloud, kind, id), "", "{kind}");
    }
    let other_kind = ask(&mut cloud, start(), "ListTagResources", &[("ResourceType", "EIP"), ("ResourceId.1", "eip-1")]);
    assert_eq!(other_kind.code(), "InvalidResourceType.NotFound");
    let wrong_kind = [("ResourceType", "VPNCONNECTION"), ("ResourceId.1", "vco-tr"), ("Tag.1.Key", "a")];
    assert_eq!(ask(&mut cloud, start(), "TagResources", &wrong_kind).code(), "InvalidResourceId.NotFound");
}

#[test]
fn connections_are_created_with_tags() {
    let mut cloud = cloud(crate::connections::ALL);
    let tunnels = [
        ("LocalSubnet", "0.0.0.0/0"),
        ("RemoteSubnet", "0.0.0.0/0"),
        ("TunnelOptionsSpecification.1.CustomerGatewayId", "cgw-2"),
        ("TunnelOptionsSpecification.2.CustomerGatewayId", "cgw-2"),
        ("Tags.1.Key", "site"),
        ("Tags.1.Value", "sh-01"),
    ];
    let connection = with(&tunnels, &[("VpnGatewayId", "vpn-dual")]);
    for (call, parameters, kind) in
        [("CreateVpnConnection", connection.as_slice(), "VpnConnection"), ("CreateVpnAttachment", &tunnels, "VpnAttachment")]
    {
        let id = text(&succeed(&mut cloud, start(), call, parameters), "VpnConnectionId");
        assert_eq!(tags_of(&mut cloud, kind, &id), "site=sh-01");
    }
    let bound = text(
        &succeed(
            &mut cloud,
            start(),
            "CreateTransitRouterVpnAttachment",
            &[("TransitRouterId", "tr-1"), ("VpnId", "vco-unbound"), ("Tag.1.Key", "site"), ("Tag.1.Value", "sh-01")],
        ),
        "TransitRouterAttachmentId",
    );
    assert_eq!(tags_of(&mut cloud, "TRANSITROUTERVPNATTACHMENT", &bound), "site=sh-01");
}

#[test]
fn tags_are_found_by_filter_and_told_in_pages() {
    let mut cloud = cloud(crate::connections::ALL);
    let both = [
        ("ResourceType", "CUSTOMERGATEWAY"),
        ("ResourceId.1", "cgw-1"),
        ("ResourceId.2", "cgw-2"),
        ("Tag.1.Key", "a"),
        ("Tag.1.Value", "1"),
    ];
    succeed(&mut cloud, start(), "TagResources", &both);
    let filter = [("ResourceType", "CUSTOMERGATEWAY"), ("Tag.1.Key", "a"), ("MaxResults", "1")];
    let first = succeed(&mut cloud, start(), "ListTagResources", &filter);
    assert_eq!(first.body["TagResources"]["TagResource"][0]["ResourceId"], "cgw-1");
    let next = text(&first, "NextToken");
    let second = succeed(&mut cloud, start(), "ListTagResources", &[&filter[..], &[("NextToken", next.as_str())]].concat());
    assert_eq!(second.body["TagResources"]["TagResource"][0]["ResourceId"], "cgw-2");
    assert_eq!(text(&second, "NextToken"), "");
    assert_eq!(ask(&mut cloud, start(), "ListTagResources", &[("ResourceType", "CUSTOMERGATEWAY")]).code(), "MissingParameter");
}

#[test]
fn an_object_bears_20_tags() {
    let mut cloud = cloud(crate::connections::ALL);
    let names: Vec<_> = (1..=20).map(|number| (format!("Tag.{number}.Key"), format!("k{number}"))).collect();
    let target = [("ResourceType", "CUSTOMERGATEWAY"), ("ResourceId.1", "cgw-1")];
    let all: Vec<_> = target.into_iter().chain(names.iter().map(|(name, key)| (name.as_str(), key.as_str()))).collect();
    succeed(&mut cloud, start(), "TagResources", &all);
    succeed(&mut cloud, start(), "TagResources", &all);
    let more = [&target[..], &[("Tag.1.Key", "k21")]].concat();
    assert_eq!(ask(&mut cloud, start(), "TagResources", &more).code(), "NumberExceed.Tags");
}

#[test]
fn a_gateway_moves_with_its_connections() {
    let mut cloud = cloud(crate::connections::ALL);
    let to = |kind, id| [("ResourceType", kind), ("InstanceId", id), ("NewResourceGroupId", "rg-new")];
    succeed(&mut cloud, start(), "MoveVpnResourceGroup", &to("VpnGateway", "vpn-dual"));
    let shown = succeed(&mut cloud, start(), "DescribeVpnConnection", &[("VpnConnectionId", "vco-dual")]);
    assert_eq!(text(&shown, "ResourceGroupId"), "rg-new");
    succeed(&mut cloud, start(), "MoveVpnResourceGroup", &to("CustomerGateway", "cgw-1"));
    succeed(&mut cloud, start(), "MoveVpnResourceGroup", &to("VPNATTACHMENT", "vco-tr"));
    assert_eq!(ask(&mut cloud, start(), "MoveVpnResourceGroup", &to("VpnConnection", "vco-dual")).code(), "IllegalParam.ResourceType");
    assert_eq!(ask(&mut cloud, start(), "MoveVpnResourceGroup", &to("CustomerGateway", "cgw-x")).code(), "InvalidInstanceId.NotFound");
}

#[test]
fn writing_the_same_again_is_no_effect() {
    let mut cloud = cloud(crate::connections::ALL);
    let tag = [("ResourceType", "CUSTOMERGATEWAY"), ("ResourceId.1", "cgw-1"), ("Tag.1.Key", "a"), ("Tag.1.Value", "1")];
    for _ in 0..2 {
        assert_eq!(code(call(&mut cloud, start(), "TagResources", &tag)), "");
    }
    assert_eq!((cloud.count("TagResources"), cloud.effects("TagResources")), (2, 1));
}
