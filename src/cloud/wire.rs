//! The wire form of the cloud's RPC-style APIs: parameters flattened to pairs and their two encodings.
//!
//! Measured on the official Python SDK (cloud/api.md 5.1): lists count from 1, objects use dots, null is not
//! sent, an empty string is. Booleans are sent in lower case, as the Go SDK does.

use crate::model::Tags;
use serde_json::Value;
use std::fmt;

pub use super::reply::{FieldError, Fields};

/// Flattened parameters in the order they were added. `Debug` shows names alone: values can be secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub fn new() -> Parameters {
        Parameters::default()
    }

    /// A scalar; an empty string is sent as such.
    pub fn with(mut self, name: &str, value: impl ToString) -> Parameters {
        self.0.push((name.to_owned(), value.to_string()));
        self
    }

    /// Nothing is sent for `None`.
    pub fn with_some(self, name: &str, value: Option<impl ToString>) -> Parameters {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// These, then those.
    pub fn and(mut self, others: Parameters) -> Parameters {
        self.0.extend(others.0);
        self
    }

    /// `ResourceId.1`, `ResourceId.2`, …
    pub fn with_list<T: ToString>(self, name: &str, values: impl IntoIterator<Item = T>) -> Parameters {
        (1..).zip(values).fold(self, |parameters, (index, value): (u32, T)| parameters.with(&format!("{name}.{index}"), value))
    }

    /// `TunnelOptionsSpecification.CustomerGatewayId`, …
    pub fn with_object(mut self, name: &str, fields: Parameters) -> Parameters {
        self.0.extend(fields.0.into_iter().map(|(field, value)| (format!("{name}.{field}"), value)));
        self
    }

    /// `Tags.1.Key`, `Tags.1.Value`, `Tags.2.Key`, …
    pub fn with_objects(self, name: &str, objects: impl IntoIterator<Item = Parameters>) -> Parameters {
        (1..)
            .zip(objects)
            .fold(self, |parameters, (index, object): (u32, Parameters)| parameters.with_object(&format!("{name}.{index}"), object))
    }

    /// Tags under the name that the call wants: `Tags` where something is created, `Tag` elsewhere (cloud/api.md 2.1, 2.8).
    pub fn with_tags(self, name: &str, tags: &Tags) -> Parameters {
        self.with_objects(name, tags.iter().map(|(key, value)| Parameters::new().with("Key", key).with("Value", value)))
    }

    /// Any JSON value, flattened; null is left out, at any depth.
    pub fn with_json(self, name: &str, value: &Value) -> Parameters {
        match value {
            Value::Null => self,
            Value::Bool(value) => self.with(name, value),
            Value::Number(value) => self.with(name, value),
            Value::String(value) => self.with(name, value),
            Value::Array(items) => (1..)
                .zip(items)
                .fold(self, |parameters, (index, item): (u32, &Value)| parameters.with_json(&format!("{name}.{index}"), item)),
            Value::Object(fields) => {
                fields.iter().fold(self, |parameters, (field, item)| parameters.with_json(&format!("{name}.{field}"), item))
            }
        }
    }

    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The canonical query (cloud/api.md 5.2): sorted by name, RFC 3986 encoded. This very text is signed and sent.
    pub fn canonical(&self) -> String {
        self.joined(percent_encoded)
    }

    /// An `application/x-www-form-urlencoded` body, sorted by name.
    pub fn form(&self) -> String {
        self.joined(|text| percent_encoded(text).replace("%20", "+"))
    }

    fn joined(&self, encoded: impl Fn(&str) -> String) -> String {
        let mut pairs: Vec<&(String, String)> = self.0.iter().collect();
        pairs.sort();
        let mut text = String::with_capacity(self.0.len() * 32);
        for (name, value) in pairs {
            if !text.is_empty() {
                text.push('&');
            }
            text.push_str(&encoded(name));
            text.push('=');
            text.push_str(&encoded(value));
        }
        text
    }
}

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// Pairs as the caller flattened them.
impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Parameters {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Parameters {
        Parameters(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// RFC 3986: letters, digits and `-_.~` stay, every other byte becomes `%XX` in upper case.
pub fn percent_encoded(text: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let stays = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    if text.bytes().all(stays) {
        return text.to_owned();
    }
    let mut encoded = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if stays(byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.extend(['%', char::from(DIGITS[usize::from(byte >> 4)]), char::from(DIGITS[usize::from(byte & 15)])]);
        }
    }
    encoded
}

/// The pairs of a query or form body, in order; `+` reads as a space. `None` where an escape is broken or the
/// result is not UTF-8.
pub fn decoded_pairs(text: &str) -> Option<Vec<(String, String)>> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decoded(name)?, decoded(value)?))
        })
        .collect()
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => hex_digit(rest.next()?)? << 4 | hex_digit(rest.next()?)?,
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn null_is_left_out_and_empty_is_sent() {
        let parameters = Parameters::new().with("Description", "").with_some("Name", None::<&str>).with_json("AuthKey", &Value::Null);
        assert_eq!(parameters.canonical(), "Description=");
    }

    #[test]
    fn debug_shows_no_value() {
        let shown = format!("{:?}", Parameters::new().with("AuthKey", "canary-secret"));
        assert_eq!(shown, r#"{"AuthKey"}"#);
    }

    proptest! {
        #[test]
        fn both_encodings_decode_to_what_went_in(pairs in prop::collection::btree_map("[A-Za-z.0-9]{1,9}", ".{0,12}", 0..6)) {
            let expected: Vec<(String, String)> = pairs.clone().into_iter().collect();
            let parameters: Parameters = pairs.into_iter().collect();
            prop_assert_eq!(decoded_pairs(&parameters.canonical()), Some(expected.clone()));
            prop_assert_eq!(decoded_pairs(&parameters.form()), Some(expected));
        }

        #[test]
        fn decoding_never_panics(text in ".{0,40}") {
            let _ = decoded_pairs(&text);
        }
    }
}
