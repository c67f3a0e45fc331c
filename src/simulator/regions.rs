//! The regions that exist without being seeded, with the endpoints of cloud/api.md 6.

/// Region id and the name that DescribeRegions gives it (`AcceptLanguage` en-US).
pub const KNOWN: [(&str, &str); 12] = [
    ("cn-qingdao", "China (Qingdao)"),
    ("cn-beijing", "China (Beijing)"),
    ("cn-hangzhou", "China (Hangzhou)"),
    ("cn-shanghai", "China (Shanghai)"),
    ("cn-shenzhen", "China (Shenzhen)"),
    ("cn-chengdu", "China (Chengdu)"),
    ("cn-hongkong", "China (Hong Kong)"),
    ("ap-southeast-1", "Singapore"),
    ("ap-northeast-1", "Japan (Tokyo)"),
    ("eu-central-1", "Germany (Frankfurt)"),
    ("us-east-1", "US (Virginia)"),
    ("us-west-1", "US (Silicon Valley)"),
];

/// Of these regions cn-hangzhou alone has the central endpoint; the rest follow the rule.
pub fn endpoint(region: &str) -> String {
    if region == "cn-hangzhou" { "vpc.aliyuncs.com".to_owned() } else { format!("vpc.{region}.aliyuncs.com") }
}
