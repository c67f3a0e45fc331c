use crate::*;

fn refused(parameters: &[(&str, &str)]) -> String {
    let mut all = vec![("IpAddress", "203.0.113.1")];
    all.retain(|(name, _)| !parameters.iter().any(|(given, _)| given == name));
    all.extend(parameters);
    let mut cloud = cloud("");
    let response = ask(&mut cloud, start(), "CreateCustomerGateway", &all);
    let made = cloud.region(REGION).unwrap().objects().customer_gateways.len();
    assert_eq!(made, usize::from(response.is_success()), "a refused call changes nothing");
    response.code().to_owned()
}

#[test]
fn addresses_at_the_edges_of_the_refused_ranges() {
    for refused_ip in [
        "100.64.0.0",
        "100.127.255.255",
        "127.0.0.0",
        "127.255.255.255",
        "169.254.0.0",
        "169.254.255.255",
        "224.0.0.0",
        "239.255.255.255",
        "255.0.0.0",
        "255.255.255.255",
        "x",
        "1.2.3",
        "1.2.3.4.5",
        "2001:db8::1",
        "01.2.3.4",
    ] {
        assert_eq!(refused(&[("IpAddress", refused_ip)]), "InvalidIpAddress.WrongFormat", "{refused_ip}");
    }
    for taken in [
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "223.255.255.255",
        "240.0.0.0",
        "254.255.255.255",
        "10.0.0.1",
        "203.0.113.9",
    ] {
        assert_eq!(refused(&[("IpAddress", taken)]), "", "{taken}");
    }
    assert_eq!(refused(&[("IpAddress", "")]), "MissingParameter");
}

#[test]
fn asn_in_both_forms() {
    for wrong in ["0", "45104", "0.45104", "4294967296", "0.0", "65536.1", "1.65536", "", "x", "1.", ".1", "1.2.3", "-1", "+1", " 1"] {
        assert_eq!(refused(&[("Asn", wrong)]), "IllegalParam.Asn", "{wrong}");
    }
    for (written, number) in
        [("1", 1_u32), ("4294967295", u32::MAX), ("123.456", 8_061_384), ("0.1", 1), ("65535.65535", u32::MAX), ("45103", 45_103)]
    {
        let mut cloud = cloud("");
        let made = succeed(&mut cloud, start(), "CreateCustomerGateway", &[("IpAddress", "203.0.113.1"), ("Asn", written)]);
        let shown = succeed(&mut cloud, start(), "DescribeCustomerGateway", &[("CustomerGatewayId", &text(&made, "CustomerGatewayId"))]);
        assert_eq!(shown.body["Asn"], number, "{written}");
    }
}

#[test]
fn names_descriptions_and_keys() {
    let long = "x".repeat(101);
    for (parameter, code) in [("Name", "InvalidName"), ("Description", "InvalidDescription")] {
        for wrong in ["", "http://x", "https://x", &long] {
            assert_eq!(refused(&[(parameter, wrong)]), code, "{wrong}");
        }
        for right in ["x", "xhttp://", "名".repeat(100).as_str(), &long[..100]] {
            assert_eq!(refused(&[(parameter, right)]), "", "{right}");
        }
    }
    for wrong in ["", "a b", "a?", "键", &"x".repeat(65)] {
        assert_eq!(refused(&[("AuthKey", wrong)]), "IllegalParam.AuthKey", "{wrong}");
    }
    assert_eq!(refused(&[("AuthKey", &"x".repeat(64))]), "");
    assert_eq!(refused(&[("ClientToken", &"x".repeat(65))]), "IllegalParam.ClientToken");
    assert_eq!(refused(&[("ClientToken", "标")]), "IllegalParam.ClientToken");
}

#[test]
fn tags_on_creation() {
    let long = "k".repeat(65);
    for (key, value, code) in [
        ("", "v", "InvalidTagKey"),
        (long.as_str(), "v", "InvalidTagKey"),
        ("aliyun-x", "v", "InvalidTagKey"),
        ("ACS:x", "v", "InvalidTagKey"),
        ("see http://x", "v", "InvalidTagKey"),
        ("k", "acs:v", "InvalidTagValue"),
        ("k", "see https://x", "InvalidTagValue"),
        (&long[..64], &"v".repeat(128), ""),
        ("k", "", ""),
        ("k", &"v".repeat(129), "InvalidTagValue"),
    ] {
        assert_eq!(refused(&[("Tags.1.Key", key), ("Tags.1.Value", value)]), code, "{key}={value}");
    }
    assert_eq!(refused(&[("Tags.1.Key", "k"), ("Tags.2.Key", "k")]), "Duplicate.TagKey");
    let names: Vec<_> = (1..=21).map(|number| (format!("Tags.{number}.Key"), format!("k{number}"))).collect();
    let pairs: Vec<_> = names.iter().map(|(name, key)| (name.as_str(), key.as_str())).collect();
    assert_eq!(refused(&pairs), "NumberExceed.Tags");
    assert_eq!(refused(&pairs[..20]), "");
}

#[test]
fn one_address_once_per_region() {
    let mut cloud = cloud("");
    create(&mut cloud, "203.0.113.1");
    let again = ask(&mut cloud, start(), "CreateCustomerGateway", &[("IpAddress", "203.0.113.1"), ("Asn", "65001")]);
    assert_eq!((again.status, again.code()), (400, "InvalidIpAddress.AlreadyExist"));
    succeed(&mut cloud, start(), "CreateCustomerGateway", &[("RegionId", "cn-shanghai"), ("IpAddress", "203.0.113.1")]);
}

#[test]
fn the_quota_is_100_unless_seeded_otherwise() {
    let mut cloud = cloud(r#""cn-beijing": {"Quota": {"CustomerGateways": 1}}"#);
    for host in 0..100 {
        create(&mut cloud, &format!("203.0.113.{host}"));
    }
    let over = ask(&mut cloud, start(), "CreateCustomerGateway", &[("IpAddress", "203.0.113.200")]);
    assert_eq!((over.status, over.code()), (400, "Resource.QuotaFull"));
    succeed(&mut cloud, start(), "CreateCustomerGateway", &[("RegionId", "cn-beijing"), ("IpAddress", "203.0.113.1")]);
    let over = ask(&mut cloud, start(), "CreateCustomerGateway", &[("RegionId", "cn-beijing"), ("IpAddress", "203.0.113.2")]);
    assert_eq!(over.code(), "Resource.QuotaFull");
}

#[test]
fn only_name_description_and_key_change() {
    let mut cloud = cloud("");
    let id = create(&mut cloud, "203.0.113.1");
    let change = [("CustomerGatewayId", id.as_str()), ("Name", "new"), ("IpAddress", "203.0.113.2"), ("Asn", "65009")];
    succeed(&mut cloud, start(), "ModifyCustomerGatewayAttribute", &change);
    let shown = succeed(&mut cloud, start(), "DescribeCustomerGateway", &[("CustomerGatewayId", &id)]);
    assert_eq!((text(&shown, "Name"), text(&shown, "IpAddress")), ("new".to_owned(), "203.0.113.1".to_owned()));
    assert!(shown.body.get("Asn").is_none(), "it was made without one");
}

#[test]
fn a_new_key_is_configured_for_a_while() {
    let mut cloud = cloud(crate::connections::SINGLE);
    let set =
        |cloud: &mut Cloud, now| ask(cloud, now, "ModifyCustomerGatewayAttribute", &[("CustomerGatewayId", "cgw-1"), ("AuthKey", "k")]);
    assert!(set(&mut cloud, at(0)).is_success());
    let gateway = succeed(&mut cloud, at(999), "DescribeVpnGateway", &[("VpnGatewayId", "vpn-1")]);
    assert_eq!(text(&gateway, "Status"), "updating");
    assert_eq!(set(&mut cloud, at(999)).code(), "VpnGateway.Configuring");
    assert_eq!(ask(&mut cloud, at(999), "DeleteCustomerGateway", &[("CustomerGatewayId", "cgw-1")]).code(), "VpnGateway.task.conflict");
    assert!(set(&mut cloud, at(1000)).is_success());
}

#[test]
fn a_used_gateway_stays() {
    let mut cloud = cloud(crate::connections::ALL);
    for used in ["cgw-1", "cgw-2"] {
        let refused = ask(&mut cloud, start(), "DeleteCustomerGateway", &[("CustomerGatewayId", used)]);
        assert_eq!((refused.status, refused.code()), (400, "DependencyViolation.VpnConnection"), "{used}");
    }
    succeed(&mut cloud, start(), "DeleteCustomerGateway", &[("CustomerGatewayId", "cgw-free")]);
    let gone = ask(&mut cloud, start(), "DescribeCustomerGateway", &[("CustomerGatewayId", "cgw-free")]);
    assert_eq!((gone.status, gone.code()), (404, "InvalidCustomerGatewayInstanceId.NotFound"));
}

#[test]
fn pages() {
    let mut cloud = cloud("");
    for host in 0..23 {
        create(&mut cloud, &format!("203.0.113.{host}"));
    }
    let page = succeed(&mut cloud, start(), "DescribeCustomerGateways", &[("PageNumber", "3")]);
    assert_eq!((&page.body["PageSize"], &page.body["TotalCount"]), (&10.into(), &23.into()));
    assert_eq!(page.body["CustomerGateways"]["CustomerGateway"].as_array().unwrap().len(), 3);
    let beyond = succeed(&mut cloud, start(), "DescribeCustomerGateways", &[("PageNumber", "99"), ("PageSize", "50")]);
    assert_eq!(beyond.body["CustomerGateways"]["CustomerGateway"].as_array().unwrap().len(), 0);
    for (name, value) in [("PageSize", "51"), ("PageSize", "0"), ("PageNumber", "0"), ("PageNumber", "x")] {
        let refused = ask(&mut cloud, start(), "DescribeCustomerGateways", &[(name, value)]);
        assert_eq!(refused.code(), format!("IllegalParam.{name}"));
    }
}

#[test]
fn unknown_regions_calls_and_versions() {
    let mut cloud = cloud("");
    let nowhere = ask(&mut cloud, start(), "DescribeCustomerGateways", &[("RegionId", "cn-nowhere")]);
    assert_eq!((nowhere.status, nowhere.code()), (404, "InvalidRegionId.NotFound"));
    assert_eq!(cloud.handle(&Request::of("DescribeCustomerGateways", &[]), start()).code(), "MissingParameter");
    for action in ["DescribeSslVpnServers", "DiagnoseVpnGateway", "MakeCoffee"] {
        assert_eq!(ask(&mut cloud, start(), action, &[]).code(), "InvalidApi.NotFound", "{action}");
    }
    let mut wrong_version = Request::of("DescribeRegions", &[]);
    wrong_version.version = "2014-05-26".to_owned();
    assert_eq!(cloud.handle(&wrong_version, start()).code(), "InvalidApi.NotFound");
}
