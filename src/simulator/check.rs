//! The rules for parameters, as cloud/api.md 2 writes them.

use super::objects::Tags;
use super::request::Request;
use super::response::ApiError;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// At most 64 ASCII characters (cloud/api.md 1.4).
pub fn client_token(request: &Request) -> Result<(), ApiError> {
    let fits = request.client_token().is_none_or(|token| token.len() <= 64 && token.is_ascii());
    if fits { Ok(()) } else { Err(ApiError::illegal("ClientToken")) }
}

/// 1-100 characters, not starting with `http://` or `https://`; `None` where it was not sent.
pub fn label(request: &Request, parameter: &str) -> Result<Option<String>, ApiError> {
    let Some(text) = request.text(parameter) else { return Ok(None) };
    if (1..=100).contains(&text.chars().count()) && !starts_like_a_link(text) {
        return Ok(Some(text.to_owned()));
    }
    Err(ApiError::new(400, format!("Invalid{parameter}"), format!("The specified {parameter} is wrongly formed.")))
}

/// Not one of the ranges that CreateCustomerGateway refuses: 100.64/10, 127/8, 169.254/16, 224-239.x, 255/8.
pub fn customer_address(text: &str) -> Result<Ipv4Addr, ApiError> {
    let wrong = |why: &str| ApiError::new(400, "InvalidIpAddress.WrongFormat", format!("Specified IpAddress is wrong format: {why}."));
    let address: Ipv4Addr = text.parse().map_err(|_| wrong("not an IPv4 address"))?;
    let refused = match address.octets() {
        [100, second, ..] => (64..128).contains(&second),
        [169, 254, ..] => true,
        [first, ..] => first == 127 || first == 255 || (224..240).contains(&first),
    };
    if refused { Err(wrong("the address is in a range that is not supported")) } else { Ok(address) }
}

/// 1..4294967295 or `hi16.lo16`; 45104 is the cloud's own.
pub fn asn(text: &str) -> Result<u32, ApiError> {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let number = match text.split_once('.') {
        Some((high, low)) if digits(high) && digits(low) => {
            high.parse::<u16>().ok().zip(low.parse::<u16>().ok()).map(|(high, low)| u32::from(high) << 16 | u32::from(low))
        }
        None if digits(text) => text.parse::<u32>().ok(),
        _ => None,
    };
    number.filter(|number| *number != 0 && *number != 45_104).ok_or_else(|| ApiError::illegal("Asn"))
}

/// 1-64 ASCII characters without space and `?`.
pub fn auth_key(text: &str) -> Result<String, ApiError> {
    let fits = (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'?');
    if fits { Ok(text.to_owned()) } else { Err(ApiError::illegal("AuthKey")) }
}

/// Which lengths hold: 64/128 on create, 128/128 on TagResources (cloud/api.md 2.9).
#[derive(Clone, Copy)]
pub enum TagRule {
    Create,
    TagResources,
}

pub fn tags(request: &Request, parameter: &str, rule: TagRule) -> Result<Tags, ApiError> {
    let given = request.objects(parameter);
    if given.len() > 20 {
        return Err(ApiError::new(400, "NumberExceed.Tags", "The maximum number of tags is exceeded."));
    }
    let mut tags = Tags::new();
    for pair in given {
        let (key, value) = tag(&pair, rule)?;
        if tags.insert(key, value).is_some() {
            return Err(ApiError::new(400, "Duplicate.TagKey", "The tag contains duplicate key."));
        }
    }
    Ok(tags)
}

fn tag(pair: &BTreeMap<String, String>, rule: TagRule) -> Result<(String, String), ApiError> {
    let longest_key = match rule {
        TagRule::Create => 64,
        TagRule::TagResources => 128,
    };
    let text = |field: &str| pair.get(field).cloned().unwrap_or_default();
    let (key, value) = (text("Key"), text("Value"));
    if !(1..=longest_key).contains(&key.chars().count()) || !is_free(&key) {
        return Err(ApiError::new(400, "InvalidTagKey", "The tag key is invalid."));
    }
    if value.chars().count() > 128 || !is_free(&value) {
        return Err(ApiError::new(400, "InvalidTagValue", "The tag value is invalid."));
    }
    Ok((key, value))
}

/// Whether an object bears every tag that the filter `Tag.N` names; a filter without a value asks for the key alone.
pub fn bears(tags: &Tags, request: &Request) -> bool {
    request.objects("Tag").iter().all(|pair| {
        let found = pair.get("Key").and_then(|key| tags.get(key));
        found.is_some_and(|value| pair.get("Value").is_none_or(|wanted| wanted == value))
    })
}

fn is_free(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    !["aliyun", "acs:"].iter().any(|start| lower.starts_with(start)) && !["http://", "https://"].iter().any(|part| lower.contains(part))
}

fn starts_like_a_link(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

/// One page of a list: `PageNumber` from 1, `PageSize` 10 where not given, 50 at most.
pub struct Page {
    pub number: usize,
    pub size: usize,
}

pub fn page(request: &Request) -> Result<Page, ApiError> {
    let positive = |name: &str, default: i64, most: i64| {
        let number = request.integer(name)?.unwrap_or(default);
        if !(1..=most).contains(&number) {
            return Err(ApiError::illegal(name));
        }
        usize::try_from(number).map_err(|_| ApiError::illegal(name))
    };
    Ok(Page { number: positive("PageNumber", 1, i64::from(i32::MAX))?, size: positive("PageSize", 10, 50)? })
}

impl Page {
    pub fn of<T>(&self, items: Vec<T>) -> Vec<T> {
        items.into_iter().skip((self.number - 1).saturating_mul(self.size)).take(self.size).collect()
    }

    /// The answer: the rows lie under `outer`, in `inner` where that is not empty. Moved: `json!` would copy each.
    pub fn answer(&self, total: usize, outer: &str, inner: &str, rows: Vec<Value>) -> Value {
        let rows = Value::Array(rows);
        let listed = if inner.is_empty() { rows } else { Map::from_iter([(inner.to_owned(), rows)]).into() };
        let head = [("PageNumber", self.number), ("PageSize", self.size), ("TotalCount", total)];
        let mut answer: Map<String, Value> = head.map(|(name, number)| (name.to_owned(), Value::from(number))).into_iter().collect();
        answer.insert(outer.to_owned(), listed);
        Value::Object(answer)
    }
}
