use crate::connections::{ALL, with};
use crate::*;

const GRANT: [(&str, &str); 4] =
    [("CenId", "cen-of-others"), ("CenOwnerId", "1111222233334444"), ("InstanceId", "vco-unbound"), ("InstanceType", "VPN")];

fn listed(cloud: &mut Cloud) -> Response {
    ask(cloud, start(), "DescribeVpnCrossAccountAuthorizations", &[("VpnConnectionId", "vco-unbound")])
}

#[test]
fn an_authorization_ends_with_its_connection() {
    let mut cloud = cloud(ALL);
    assert_eq!(listed(&mut cloud).body["TotalCount"], 0);
    let grant = Request::of("GrantInstanceToTransitRouter", &GRANT);
    assert!(cloud.handle(&grant, start()).is_success());
    assert!(cloud.handle(&grant, start()).is_success());
    let page = listed(&mut cloud);
    let row = &page.body["CrossAccountAuthorizations"][0];
    assert_eq!((&row["BindInstance"], &row["BindUid"]), (&"cen-of-others".into(), &1_111_222_233_334_444_i64.into()));
    assert_eq!((&row["AliUid"], &row["BindProduct"]), (&1_234_567_890_123_456_i64.into(), &"CEN".into()));
    assert_eq!((&row["CreationTime"], &page.body["TotalCount"]), (&start().as_millisecond().into(), &1.into()));
    let shown = succeed(&mut cloud, start(), "DescribeVpnConnection", &[("VpnConnectionId", "vco-unbound")]);
    assert_eq!(shown.body["CrossAccountAuthorized"], true);
    succeed(&mut cloud, start(), "DeleteVpnAttachment", &[("VpnConnectionId", "vco-unbound")]);
    assert_eq!(listed(&mut cloud).code(), "InvalidVpnConnectionInstanceId.NotFound");
    assert!(cloud.region(REGION).unwrap().objects().authorizations.is_empty());
}

#[test]
fn what_a_grant_must_be() {
    for (name, value, code) in [
        ("InstanceId", "vco-x", "InvalidVpnConnectionInstanceId.NotFound"),
        ("InstanceType", "VPC", "IllegalParam.InstanceType"),
        ("InstanceType", "", "MissingParameter"),
        ("CenOwnerId", "", "MissingParameter"),
        ("CenOwnerId", "me", "IllegalParam.CenOwnerId"),
        ("OrderType", "x", "IllegalParam.OrderType"),
    ] {
        let changed = with(&GRANT, &[(name, value)]);
        assert_eq!(ask(&mut cloud(ALL), start(), "GrantInstanceToTransitRouter", &changed).code(), code, "{name}={value}");
    }
}
