//! Host names and versions of the cloud's APIs (cloud/api.md 6; Python SDK 7.2.2 client.py, Go SDK
//! vpc-20160428 client.go, aliyun-openapi-meta products.json, read 2026-04 to 2026-08).

/// An API that we call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Product {
    /// VPC, home of customer gateways and IPsec connections.
    Vpc,
    /// CEN's API, home of transit routers; its RAM actions are named `cen:`.
    Cbn,
    /// Security token service.
    Sts,
}

impl Product {
    /// The `Version` that every call names.
    pub const fn version(self) -> &'static str {
        match self {
            Product::Vpc => "2016-04-28",
            Product::Cbn => "2017-09-12",
            Product::Sts => "2015-04-01",
        }
    }
}

/// CBN has one endpoint for all regions.
pub const CBN_HOST: &str = "cbn.aliyuncs.com";
/// The central VPC endpoint; it answers DescribeRegions for everybody.
pub const VPC_CENTRAL_HOST: &str = "vpc.aliyuncs.com";
/// A region that exists for everybody and is served by the central endpoint.
pub const CENTRAL_REGION: &str = "cn-hangzhou";
/// The metadata service of an ECS instance (cloud/api.md 7; credentials-python provider/ecs_ram_role.py).
pub const METADATA_BASE_URL: &str = "http://100.100.100.200";

/// Regions whose VPC endpoint is not `vpc.<region>.aliyuncs.com`.
pub const VPC_EXCEPTIONS: &[(&str, &[&str])] = &[
    (
        VPC_CENTRAL_HOST,
        &[
            "cn-hangzhou",
            "cn-shanghai-finance-1",
            "cn-shenzhen-finance-1",
            "cn-north-2-gov-1",
            "ap-northeast-2-pop",
            "cn-beijing-finance-pop",
            "cn-beijing-gov-1",
            "cn-beijing-nu16-b01",
            "cn-fujian",
            "cn-haidian-cm12-c01",
            "cn-hangzhou-bj-b01",
            "cn-hangzhou-finance",
            "cn-hangzhou-internal-prod-1",
            "cn-hongkong-finance-pop",
            "cn-shanghai-et2-b01",
            "cn-shanghai-inner",
            "cn-shenzhen-inner",
            "cn-shenzhen-st4-d01",
            "cn-shenzhen-su18-b01",
            "cn-wuhan",
            "cn-yushanfang",
            "cn-zhangbei",
            "cn-zhangbei-na61-b01",
            "rus-west-1-pop",
        ],
    ),
    ("vpc-nebula.cn-qingdao-nebula.aliyuncs.com", &["cn-edge-1", "cn-huhehaote-nebula-1", "cn-qingdao-nebula", "cn-zhengzhou-nebula-1"]),
    ("vpc-nebula.cn-shenzhen-cloudstone.aliyuncs.com", &["eu-west-1-oxs"]),
    (
        "vpc-pre.cn-hangzhou.aliyuncs.com",
        &[
            "cn-hangzhou-internal-test-1",
            "cn-hangzhou-internal-test-3",
            "cn-hangzhou-test-306",
            "cn-shanghai-et15-b01",
            "cn-shanghai-internal-test-1",
        ],
    ),
    ("vpc-inner-pre.cn-hangzhou.aliyuncs.com", &["cn-hangzhou-internal-test-2"]),
    ("vpc.cn-zhangjiakou.aliyuncs.com", &["cn-zhangjiakou-na62-a01"]),
];

/// Host of the VPC API in a region: the map, else the rule.
pub fn vpc_host(region: &str) -> String {
    VPC_EXCEPTIONS
        .iter()
        .find(|(_, regions)| regions.contains(&region))
        .map_or_else(|| format!("vpc.{region}.aliyuncs.com"), |(host, _)| (*host).to_owned())
}

/// Host of STS: the central one, or a region's; `inside_vpc` is for devices within an Alibaba VPC
/// and counts only with a region (cloud/api.md 7; credentials-python provider/ram_role_arn.py).
pub fn sts_host(region: Option<&str>, inside_vpc: bool) -> String {
    match region {
        None => "sts.aliyuncs.com".to_owned(),
        Some(region) if inside_vpc => format!("sts-vpc.{region}.aliyuncs.com"),
        Some(region) => format!("sts.{region}.aliyuncs.com"),
    }
}

/// Whether a text can be a region id: lower-case letters, digits and hyphens. Anything else must not get into a host name.
pub fn is_region_id(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 63
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_map_comes_before_the_rule() {
        assert_eq!(vpc_host("cn-hangzhou"), "vpc.aliyuncs.com");
        assert_eq!(vpc_host("cn-edge-1"), "vpc-nebula.cn-qingdao-nebula.aliyuncs.com");
        assert_eq!(vpc_host("cn-zhangjiakou-na62-a01"), "vpc.cn-zhangjiakou.aliyuncs.com");
        assert_eq!(vpc_host("eu-central-1"), "vpc.eu-central-1.aliyuncs.com");
        assert_eq!(vpc_host("xx-unheard-of-9"), "vpc.xx-unheard-of-9.aliyuncs.com");
    }

    #[test]
    fn sts_is_central_unless_a_region_is_named() {
        assert_eq!(sts_host(None, true), "sts.aliyuncs.com");
        assert_eq!(sts_host(Some("cn-beijing"), false), "sts.cn-beijing.aliyuncs.com");
        assert_eq!(sts_host(Some("cn-beijing"), true), "sts-vpc.cn-beijing.aliyuncs.com");
    }

    #[test]
    fn a_region_id_cannot_smuggle_a_host() {
        assert!(is_region_id("cn-hangzhou") && is_region_id("us-east-1"));
        for text in ["", "CN-HANGZHOU", "cn hangzhou", "evil.example/x", "a@b", "-x", "x-", "cn_hangzhou"] {
            assert!(!is_region_id(text), "{text}");
        }
    }
}
