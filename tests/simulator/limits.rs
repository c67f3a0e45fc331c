//! What there may be of everything, and how often one may ask.

use crate::connections::{ALL, NEW_DUAL, NEW_SINGLE, with};
use crate::*;

const DOCUMENTED: &str = r#""CheckSignatures": false, "RateLimits": "documented""#;

#[test]
fn calls_per_minute() {
    let mut cloud = cloud_with(DOCUMENTED, "");
    let modify = [("CustomerGatewayId", "cgw-x")];
    for number in 0..120 {
        let refused = ask(&mut cloud, at(number * 100), "ModifyCustomerGatewayAttribute", &modify);
        assert_eq!(refused.code(), "InvalidCustomerGatewayInstanceId.NotFound", "call {number}: failed calls count too");
    }
    let throttled = ask(&mut cloud, at(12_000), "ModifyCustomerGatewayAttribute", &modify);
    assert_eq!((throttled.status, throttled.code()), (400, "Throttling.User"));
    let hint = throttled.headers.iter().find(|(name, _)| name == "x-acs-retry-after").map(|(_, value)| value.as_str());
    assert_eq!(hint, Some("48000"), "milliseconds until the oldest call is a minute old");
    assert_eq!(ask(&mut cloud, at(59_999), "ModifyCustomerGatewayAttribute", &modify).code(), "Throttling.User");
    assert_eq!(ask(&mut cloud, at(60_000), "ModifyCustomerGatewayAttribute", &modify).code(), "InvalidCustomerGatewayInstanceId.NotFound");
    assert_eq!(ask(&mut cloud, at(60_000), "ModifyCustomerGatewayAttribute", &modify).code(), "Throttling.User");
}

#[test]
fn limits_are_per_operation_and_region_and_off_by_default() {
    let mut cloud = cloud_with(DOCUMENTED, "");
    for _ in 0..600 {
        succeed(&mut cloud, at(0), "DescribeCustomerGateways", &[]);
    }
    assert_eq!(ask(&mut cloud, at(0), "DescribeCustomerGateways", &[]).code(), "Throttling.User");
    succeed(&mut cloud, at(0), "DescribeVpnConnections", &[]);
    succeed(&mut cloud, at(0), "DescribeCustomerGateways", &[("RegionId", "cn-shanghai")]);
    for _ in 0..601 {
        succeed(&mut cloud, at(0), "DescribeVpnGateways", &[]);
    }
    let mut off = crate::cloud("");
    for _ in 0..601 {
        succeed(&mut off, at(0), "DescribeCustomerGateways", &[]);
    }
}

#[test]
fn a_throttled_call_changes_nothing_and_may_be_sent_again() {
    let mut cloud = cloud_with(DOCUMENTED, "");
    for _ in 0..120 {
        ask(&mut cloud, at(0), "CreateCustomerGateway", &[]);
    }
    let new = [("IpAddress", "203.0.113.1"), ("ClientToken", "t-1")];
    assert_eq!(ask(&mut cloud, at(0), "CreateCustomerGateway", &new).code(), "Throttling.User");
    assert_eq!(cloud.region(REGION).unwrap().changes(), 0);
    succeed(&mut cloud, at(60_000), "CreateCustomerGateway", &new);
}

#[test]
fn equal_subnets_of_one_gateway_by_switch() {
    let second = |switch: &str| {
        let mut cloud = cloud_with(&format!(r#""CheckSignatures": false, "EqualSubnets": "{switch}""#), ALL);
        succeed(&mut cloud, at(0), "CreateVpnConnection", &NEW_SINGLE);
        let other = with(&NEW_SINGLE, &[("CustomerGatewayId", "cgw-free")]);
        ask(&mut cloud, at(1000), "CreateVpnConnection", &other).code().to_owned()
    };
    assert_eq!(second("allow"), "");
    assert_eq!(second("refuse"), "InvalidVpnConnection.AlreadyExists");
}

#[test]
fn connections_per_gateway_count_what_others_made() {
    let quota = ALL.replacen('{', r#"{"Quota": {"ConnectionsPerVpnGateway": 2},"#, 1);
    let mut cloud = cloud(&quota);
    succeed(&mut cloud, at(0), "CreateVpnConnection", &NEW_SINGLE);
    let other = with(&NEW_SINGLE, &[("RemoteSubnet", "192.168.7.0/24")]);
    assert_eq!(ask(&mut cloud, at(1000), "CreateVpnConnection", &other).code(), "Resource.QuotaFull");
    assert_eq!(ask(&mut cloud, at(1000), "CreateVpnConnection", &with(&other, &[("DryRun", "true")])).code(), "Resource.QuotaFull");
    succeed(&mut cloud, at(1000), "CreateVpnConnection", &NEW_DUAL);
}

#[test]
fn a_creation_takes_only_what_its_mode_takes() {
    let dual = |changes: &[(&str, &str)]| ask(&mut cloud(ALL), at(0), "CreateVpnConnection", &with(&NEW_DUAL, changes)).code().to_owned();
    assert_eq!(dual(&[("CustomerGatewayId", "cgw-1")]), "IllegalParam.CustomerGatewayId");
    assert_eq!(dual(&[("IkeConfig", "{}")]), "IllegalParam.IkeConfig");
    assert_eq!(dual(&[("Description", "x")]), "IllegalParam.Description", "there is no such parameter");
    assert_eq!(dual(&[("Tags.1.Key", "a"), ("AutoConfigRoute", "false"), ("Name", "n"), ("OwnerId", "1")]), "");
    let single =
        |changes: &[(&str, &str)]| ask(&mut cloud(ALL), at(0), "CreateVpnConnection", &with(&NEW_SINGLE, changes)).code().to_owned();
    assert_eq!(single(&[("EnableTunnelsBgp", "true")]), "IllegalParam.EnableTunnelsBgp");
    assert_eq!(single(&[("ResourceGroupId", "rg-x")]), "IllegalParam.ResourceGroupId");
    let attachment =
        |changes: &[(&str, &str)]| ask(&mut cloud(ALL), at(0), "CreateVpnAttachment", &with(&NEW_DUAL[1..], changes)).code().to_owned();
    assert_eq!(attachment(&[("EnableDpd", "true")]), "IllegalParam.EnableDpd");
    assert_eq!(attachment(&[("TunnelBandwidth", "Large"), ("ResourceGroupId", "rg-x"), ("RemoteCaCert", "x")]), "");
}

/// A dry run finds what the call itself would be refused for, and changes nothing.
#[test]
fn a_dry_run_checks_everything() {
    let cases: Vec<(&str, Parameters<'_>, &str)> = vec![
        ("CreateVpnConnection", NEW_DUAL.to_vec(), "DryRunOperation"),
        ("CreateVpnConnection", NEW_SINGLE.to_vec(), "DryRunOperation"),
        ("CreateVpnAttachment", NEW_DUAL[1..].to_vec(), "DryRunOperation"),
        ("CreateVpnConnection", with(&NEW_SINGLE, &[("CustomerGatewayId", "cgw-x")]), "InvalidCustomerGatewayInstanceId.NotFound"),
        ("CreateVpnConnection", with(&NEW_SINGLE, &[("IkeConfig", r#"{"Psk": "a b"}"#)]), "IllegalParam.Psk"),
        ("CreateVpnConnection", with(&NEW_SINGLE, &[("Tags.1.Key", "acs:x")]), "InvalidTagKey"),
        ("CreateVpnConnection", with(&NEW_SINGLE, &[("VpnGatewayId", "vpn-locked")]), "VpnGateway.FinancialLocked"),
        (
            "CreateVpnAttachment",
            with(&NEW_DUAL[1..], &[("TunnelOptionsSpecification.1.CustomerGatewayId", "x")]),
            "InvalidCustomerGatewayInstanceId.NotFound",
        ),
        ("CreateVpnAttachment", with(&NEW_DUAL[1..], &[("NetworkType", "x")]), "IllegalParam.NetworkType"),
        ("CreateVpnAttachment", with(&NEW_DUAL[1..], &[("EnableTunnelsBgp", "true")]), "IllegalParam.TunnelCidr"),
    ];
    for (action, parameters, code) in cases {
        let mut cloud = cloud(ALL);
        assert_eq!(ask(&mut cloud, at(0), action, &with(&parameters, &[("DryRun", "true")])).code(), code, "{action} {parameters:?}");
        assert_eq!(cloud.region(REGION).unwrap().changes(), 0);
    }
    let mut busy = cloud(ALL);
    succeed(&mut busy, at(0), "CreateVpnConnection", &NEW_SINGLE);
    let dry = with(&NEW_SINGLE, &[("DryRun", "true"), ("RemoteSubnet", "10.8.0.0/16")]);
    assert_eq!(ask(&mut busy, at(0), "CreateVpnConnection", &dry).code(), "VpnGateway.Configuring");
}

#[test]
fn a_customer_gateway_is_held_by_any_tunnel() {
    let mut cloud = cloud(ALL);
    for (gateway, code) in
        [("cgw-1", "DependencyViolation.VpnConnection"), ("cgw-2", "DependencyViolation.VpnConnection"), ("cgw-free", "")]
    {
        assert_eq!(ask(&mut cloud, at(0), "DeleteCustomerGateway", &[("CustomerGatewayId", gateway)]).code(), code, "{gateway}");
    }
}
