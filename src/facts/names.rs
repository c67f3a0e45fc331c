//! What the cloud lets names, descriptions, tags, keys and ids look like, and what we add to that.
//!
//! Source of the cloud's limits: cloud/api.md 1.3 and 2.1 (CreateCustomerGateway), from the API model of
//! aliyun/alibabacloud-go-sdk vpc-20160428 at 6646806cf434 (2026-08-22). Lengths are counted in characters.
//! Each check answers with the broken rule in words that follow the value's name ("must be …"), and never with the
//! value: one of them is a secret.

use crate::model::Tags;
use std::ops::RangeInclusive;

/// The rule that a text breaks, e.g. "must have 1-100 characters".
pub type Checked = Result<(), &'static str>;

/// cloud/api.md 2.1: `Name`, 1-100 characters.
pub const NAME_LENGTH: RangeInclusive<usize> = 1..=100;
/// cloud/api.md 2.1: `Description`, 1-100 characters.
pub const DESCRIPTION_LENGTH: RangeInclusive<usize> = 1..=100;
/// cloud/api.md 1.3: `AuthKey`, 1-64 ASCII characters without space and `?`.
pub const AUTH_KEY_LENGTH: RangeInclusive<usize> = 1..=64;
/// cloud/api.md 2.1: `Tags.N.Key`, 1-64 characters.
pub const TAG_KEY_LENGTH: RangeInclusive<usize> = 1..=64;
/// cloud/api.md 2.1: `Tags.N.Value`, 0-128 characters.
pub const TAG_VALUE_LENGTH: RangeInclusive<usize> = 0..=128;
/// cloud/api.md 2.1: at most 20 tags on one customer gateway.
pub const TAGS_MAX: usize = 20;
/// Product rule: the device's name is a tag value of ours and must fit anywhere.
pub const DEVICE_NAME_LENGTH: RangeInclusive<usize> = 1..=64;

/// The tag that holds the device's name (product.md 1).
pub const TAG_DEVICE: &str = "cgwd-device";
/// The tag that holds the opaque device id and an epoch, `<device id>.<epoch>` (product.md 1).
pub const TAG_OWNER: &str = "cgwd-owner";
/// The tag that what a replacement makes bears while it runs (product.md 1).
pub const TAG_PLAN: &str = "cgwd-plan";
/// Every tag key with this prefix is ours.
pub const OUR_TAG_PREFIX: &str = "cgwd-";
/// The marks that every customer gateway of ours bears.
pub const OUR_TAGS: [&str; 2] = [TAG_DEVICE, TAG_OWNER];
/// How many tags are left for the user: beside our marks, a replacement needs room for the plan's.
pub const USER_TAGS_MAX: usize = TAGS_MAX - OUR_TAGS.len() - 1;
/// cloud/api.md 2.6: `IkeConfig.Psk`: 1-100 characters.
pub const PSK_LENGTH: RangeInclusive<usize> = 1..=100;

/// `[device] name`: 1-64 of `[a-zA-Z0-9._-]`.
pub fn device_name(name: &str) -> Checked {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if !DEVICE_NAME_LENGTH.contains(&name.chars().count()) {
        return Err("must have 1-64 characters");
    }
    if !name.bytes().all(allowed) {
        return Err("may hold letters, digits, `.`, `_` and `-` only");
    }
    Ok(())
}

/// `Name` of a customer gateway.
pub fn gateway_name(name: &str) -> Checked {
    if !NAME_LENGTH.contains(&name.chars().count()) {
        return Err("must have 1-100 characters");
    }
    not_like_a_link(name)
}

/// `Description` of a customer gateway.
pub fn gateway_description(description: &str) -> Checked {
    if !DESCRIPTION_LENGTH.contains(&description.chars().count()) {
        return Err("must have 1-100 characters");
    }
    not_like_a_link(description)
}

/// `AuthKey` of a customer gateway, the BGP authentication key.
pub fn auth_key(key: &str) -> Checked {
    if !key.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'?') {
        return Err("may hold printable ASCII characters only, without space and `?`");
    }
    if !AUTH_KEY_LENGTH.contains(&key.len()) {
        return Err("must have 1-64 characters");
    }
    Ok(())
}

/// A pre-shared key: digits, letters and the ASCII punctuation without the single quote.
pub fn psk(key: &str) -> Checked {
    if !key.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\'') {
        return Err("may hold printable ASCII characters only, without space and `'`");
    }
    if !PSK_LENGTH.contains(&key.len()) {
        return Err("must have 1-100 characters");
    }
    Ok(())
}

/// A tag key of the user's: the cloud's rules, and not one of ours.
pub fn tag_key(key: &str) -> Checked {
    if !TAG_KEY_LENGTH.contains(&key.chars().count()) {
        return Err("must have 1-64 characters");
    }
    if starts_with_ignoring_case(key, OUR_TAG_PREFIX) {
        return Err("must not start with `cgwd-`: those tags are cgwd's own marks");
    }
    tag_text(key)
}

pub fn tag_value(value: &str) -> Checked {
    if !TAG_VALUE_LENGTH.contains(&value.chars().count()) {
        return Err("must have at most 128 characters");
    }
    tag_text(value)
}

/// How many tags the user may set.
pub fn tag_count(tags: &Tags) -> Checked {
    if tags.len() > USER_TAGS_MAX {
        return Err("may hold at most 17 tags: the cloud allows 20, and cgwd needs three");
    }
    Ok(())
}

/// Shape of a region id, e.g. `cn-hangzhou`: it becomes a label of a host name (cloud/api.md 6). Whether the region
/// exists is for the cloud to say.
pub fn region_id(id: &str) -> Checked {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let parts = id.split('-').count() >= 2 && id.split('-').all(|part| !part.is_empty());
    if id.len() > 63 || !id.bytes().all(allowed) || !parts {
        return Err("must look like `cn-hangzhou`: lower-case letters, digits and `-`");
    }
    Ok(())
}

/// Shape of an id of the cloud's: a prefix such as `vpn-` and then letters, digits and `-`.
pub fn resource_id(id: &str, prefix: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    id.strip_prefix(prefix).is_some_and(|rest| (1..=64).contains(&rest.len()) && rest.bytes().all(allowed))
}

/// `acs:ram::ACCOUNT:role/NAME` (cloud/api.md 7, RoleArn).
pub fn role_arn(arn: &str) -> Checked {
    let parts = arn.strip_prefix("acs:ram::").and_then(|rest| rest.split_once(":role/"));
    let graphic = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    match parts {
        Some((account, name)) if account.bytes().all(|byte| byte.is_ascii_digit()) && graphic(account) && graphic(name) => Ok(()),
        _ => Err("must look like `acs:ram::1234567890123456:role/cgwd`"),
    }
}

fn not_like_a_link(text: &str) -> Checked {
    if starts_with_ignoring_case(text, "http://") || starts_with_ignoring_case(text, "https://") {
        return Err("must not start with `http://` or `https://`");
    }
    Ok(())
}

/// Whether a tag's key is of the cloud's own systems, which alone can set it (cloud/api.md 2.3). The API model does not say whether
/// case counts: refusing every case refuses a little too much, never too little.
pub fn is_system_tag(key: &str) -> bool {
    let key = key.to_lowercase();
    ["aliyun", "acs:"].iter().any(|start| key.starts_with(start))
}

fn tag_text(text: &str) -> Checked {
    let lower = text.to_lowercase();
    if is_system_tag(text) {
        return Err("must not start with `aliyun` or `acs:`");
    }
    if lower.contains("http://") || lower.contains("https://") {
        return Err("must not contain `http://` or `https://`");
    }
    Ok(())
}

fn starts_with_ignoring_case(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is accepted, and beside it the nearest thing that is not.
    #[test]
    fn both_sides_of_every_length() {
        let of = |length: usize| "名".repeat(length);
        for (check, lengths) in [
            (gateway_name as fn(&str) -> Checked, NAME_LENGTH),
            (gateway_description, DESCRIPTION_LENGTH),
            (tag_key, TAG_KEY_LENGTH),
            (tag_value, TAG_VALUE_LENGTH),
        ] {
            assert!(check(&of(*lengths.start())).is_ok() && check(&of(*lengths.end())).is_ok());
            assert!(check(&of(lengths.end() + 1)).is_err());
            assert_eq!(check("").is_ok(), *lengths.start() == 0);
        }
        for (check, lengths) in [(device_name as fn(&str) -> Checked, DEVICE_NAME_LENGTH), (auth_key, AUTH_KEY_LENGTH), (psk, PSK_LENGTH)] {
            assert!(check("x").is_ok() && check(&"x".repeat(*lengths.end())).is_ok());
            assert!(check("").is_err() && check(&"x".repeat(lengths.end() + 1)).is_err());
        }
        assert_eq!((NAME_LENGTH, DESCRIPTION_LENGTH, AUTH_KEY_LENGTH), (1..=100, 1..=100, 1..=64));
        assert_eq!((TAG_KEY_LENGTH, TAG_VALUE_LENGTH, TAGS_MAX, DEVICE_NAME_LENGTH, PSK_LENGTH), (1..=64, 0..=128, 20, 1..=64, 1..=100));
    }

    #[test]
    fn which_characters_may_stand_where() {
        assert!(device_name("aZ09._-").is_ok());
        for bad in ["a b", "a/b", "é", "a:b", "a\n"] {
            assert!(device_name(bad).is_err(), "{bad}");
        }
        assert!((33u8..127).filter(|&byte| byte != b'?').all(|byte| auth_key(&char::from(byte).to_string()).is_ok()));
        for bad in ["a b", "a?b", "é", "a\tb", "中", "\u{7f}"] {
            assert!(auth_key(bad).is_err(), "{bad}");
        }
        assert!((33u8..127).filter(|&byte| byte != b'\'').all(|byte| psk(&char::from(byte).to_string()).is_ok()));
        for bad in ["a b", "a'b", "é", "a\tb", "\u{7f}"] {
            assert!(psk(bad).is_err(), "{bad}");
        }
        for bad in ["http://x", "https://x", "HTTP://x"] {
            assert!(gateway_name(bad).is_err() && gateway_description(bad).is_err(), "{bad}");
        }
        assert!(gateway_name("see http://x").is_ok() && gateway_name("http:/x").is_ok() && gateway_description("httpx").is_ok());
    }

    #[test]
    fn tags_keep_clear_of_the_clouds_and_ours() {
        for bad in ["aliyun", "aliyunX", "Aliyun:x", "acs:x", "ACS:x", "a http://b", "https://"] {
            assert!(tag_key(bad).is_err() && tag_value(bad).is_err(), "{bad}");
        }
        for good in ["aliyu", "my-aliyun", "acs", "xacs:", "http:/x", "cgwd"] {
            assert!(tag_key(good).is_ok() && tag_value(good).is_ok(), "{good}");
        }
        for ours in [TAG_DEVICE, TAG_OWNER, TAG_PLAN, "cgwd-", "CGWD-x"] {
            assert!(tag_key(ours).is_err() && tag_value(ours).is_ok(), "{ours}");
        }
        let tags = |count: usize| (0..count).map(|index| (format!("k{index}"), String::new())).collect::<Tags>();
        assert!(tag_count(&tags(17)).is_ok() && tag_count(&tags(18)).is_err());
        assert_eq!(USER_TAGS_MAX + OUR_TAGS.len() + [TAG_PLAN].len(), TAGS_MAX);
    }

    #[test]
    fn shapes_of_ids() {
        for good in ["cn-hangzhou", "us-east-1", "cn-north-2-gov-1", "rus-west-1-pop"] {
            assert!(region_id(good).is_ok(), "{good}");
        }
        for bad in ["", "cn", "CN-hangzhou", "cn-", "-cn", "cn--x", "cn-x.evil", "cn-x/", "cn_x", &format!("cn-{}", "x".repeat(61))] {
            assert!(region_id(bad).is_err(), "{bad}");
        }
        assert!(resource_id("vpn-bp1q8bgx4xnkm", "vpn-") && resource_id(&format!("tr-{}", "a".repeat(64)), "tr-"));
        for bad in ["", "vpn-", "vpn", "cgw-1", "vpn-a b", "vpn-a/b", &format!("vpn-{}", "a".repeat(65))] {
            assert!(!resource_id(bad, "vpn-"), "{bad}");
        }
        assert!(role_arn("acs:ram::1234567890123456:role/cgwd").is_ok());
        for bad in ["", "acs:ram::x:role/a", "acs:ram:::role/a", "acs:ram::1:role/", "acs:ram::1:user/a", "acs:ram::1:role/a b"] {
            assert!(role_arn(bad).is_err(), "{bad}");
        }
    }
}
