//! Reading values that people and the cloud write either plain or as text: `3`, `"3"`, `true`, `"True"`.

use super::objects::Tags;
use super::seed::SeedTunnel;
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;

pub fn boolean<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    struct Boolean;
    impl Visitor<'_> for Boolean {
        type Value = bool;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("true or false, plain or as text")
        }
        fn visit_bool<E: Error>(self, value: bool) -> Result<bool, E> {
            Ok(value)
        }
        fn visit_str<E: Error>(self, text: &str) -> Result<bool, E> {
            super::request::boolean(text).ok_or_else(|| E::custom(format!("`{text}` is neither true nor false")))
        }
    }
    from.deserialize_any(Boolean)
}

pub fn integer<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
    struct Integer;
    impl Visitor<'_> for Integer {
        type Value = i64;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a whole number, plain or as text")
        }
        fn visit_u64<E: Error>(self, value: u64) -> Result<i64, E> {
            i64::try_from(value).map_err(|_| E::custom("too large"))
        }
        fn visit_i64<E: Error>(self, value: i64) -> Result<i64, E> {
            Ok(value)
        }
        fn visit_str<E: Error>(self, text: &str) -> Result<i64, E> {
            text.parse().map_err(|_| E::custom(format!("`{text}` is no whole number")))
        }
    }
    from.deserialize_any(Integer)
}

/// An autonomous system number, plain or two-segment, as number or text; 0 means none.
pub fn asn<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    struct Asn;
    impl Visitor<'_> for Asn {
        type Value = Option<u32>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an autonomous system number from 1 to 4294967295 other than 45104, plain or H.L")
        }
        fn visit_u64<E: Error>(self, value: u64) -> Result<Option<u32>, E> {
            if value == 0 { Ok(None) } else { self.visit_str(&value.to_string()) }
        }
        fn visit_str<E: Error>(self, text: &str) -> Result<Option<u32>, E> {
            super::check::asn(text).map(Some).map_err(|_| E::invalid_value(serde::de::Unexpected::Str(text), &self))
        }
        fn visit_unit<E: Error>(self) -> Result<Option<u32>, E> {
            Ok(None)
        }
    }
    from.deserialize_any(Asn)
}

/// A number that may be written as a two-segment ASN.
pub fn local_asn<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
    struct LocalAsn;
    impl Visitor<'_> for LocalAsn {
        type Value = i64;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an autonomous system number, plain or H.L")
        }
        fn visit_u64<E: Error>(self, value: u64) -> Result<i64, E> {
            u32::try_from(value).map(i64::from).map_err(|_| E::invalid_value(serde::de::Unexpected::Unsigned(value), &self))
        }
        fn visit_str<E: Error>(self, text: &str) -> Result<i64, E> {
            // The cloud's own 45104 is the default here, where a customer gateway may not have it.
            let number = if text == "45104" { Ok(45_104) } else { super::check::asn(text) };
            number.map(i64::from).map_err(|_| E::invalid_value(serde::de::Unexpected::Str(text), &self))
        }
    }
    from.deserialize_any(LocalAsn)
}

/// `{"key": "value"}`, `[{"Key": .., "Value": ..}]`, or the reply's own `{"Tag": [..]}`.
pub fn tags<'de, D: Deserializer<'de>>(from: D) -> Result<Tags, D::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase", deny_unknown_fields)]
    struct Pair {
        key: String,
        #[serde(default)]
        value: String,
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Value {
        Text(String),
        Pairs(Vec<Pair>),
    }
    struct AllTags;
    impl<'de> Visitor<'de> for AllTags {
        type Value = Tags;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("tags as {\"key\": \"value\"} or [{\"Key\": .., \"Value\": ..}]")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tags, A::Error> {
            let mut tags = Tags::new();
            while let Some(key) = map.next_key::<String>()? {
                match map.next_value()? {
                    Value::Text(value) => tags.extend([(key, value)]),
                    Value::Pairs(pairs) if key == "Tag" => tags.extend(pairs.into_iter().map(|pair| (pair.key, pair.value))),
                    Value::Pairs(_) => return Err(A::Error::custom(format!("the tag `{key}` needs a text"))),
                }
            }
            Ok(tags)
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut pairs: A) -> Result<Tags, A::Error> {
            let mut tags = Tags::new();
            while let Some(pair) = pairs.next_element::<Pair>()? {
                tags.insert(pair.key, pair.value);
            }
            Ok(tags)
        }
    }
    from.deserialize_any(AllTags)
}

/// One address, or a list of them.
pub fn addresses<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected an address or a list of addresses")]
    enum Addresses {
        One(String),
        Several(Vec<String>),
    }
    Ok(match Addresses::deserialize(from)? {
        Addresses::One(address) => vec![address],
        Addresses::Several(addresses) => addresses,
    })
}

/// A list of tunnels, or the reply's own `{"TunnelOptions": [..]}`.
pub fn tunnels<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<SeedTunnel>, D::Error> {
    struct Tunnels;
    impl<'de> Visitor<'de> for Tunnels {
        type Value = Vec<SeedTunnel>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of two tunnels")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<SeedTunnel>, A::Error> {
            let mut tunnels = Vec::new();
            while let Some(key) = map.next_key::<String>()? {
                if key != "TunnelOptions" {
                    return Err(A::Error::unknown_field(&key, &["TunnelOptions"]));
                }
                tunnels = map.next_value()?;
            }
            Ok(tunnels)
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<SeedTunnel>, A::Error> {
            let mut tunnels = Vec::new();
            while let Some(tunnel) = list.next_element()? {
                tunnels.push(tunnel);
            }
            Ok(tunnels)
        }
    }
    from.deserialize_any(Tunnels)
}
