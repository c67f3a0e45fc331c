//! Lenient readers of a reply's JSON. The cloud sends the same field now as a string, now as a number or boolean
//! (cloud/api.md 2.3), and lists now bare, now wrapped (`Tags{Tag[]}`). What is missing or odd is an error that
//! names the field; nothing is made up.

use crate::facts::connection_fields::REPORTS;
use crate::model::{Tags, Timestamp};
use serde_json::{Map, Value};
use std::net::Ipv4Addr;

/// A field of a reply that is missing or not what it should be. Holds no value: it could be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("field {field} of the answer {problem}")]
pub struct FieldError {
    /// From the root, e.g. `CustomerGateways.CustomerGateway[3].IpAddress`.
    pub field: String,
    pub problem: &'static str,
}

/// An object of a reply, with its path for errors.
pub struct Fields<'a> {
    object: &'a Map<String, Value>,
    path: String,
}

impl<'a> Fields<'a> {
    /// # Errors
    /// Where the value is not an object.
    pub fn root(value: &'a Value) -> Result<Fields<'a>, FieldError> {
        Fields::at(value, String::new())
    }

    /// A text that must be there and not be empty; a number reads as its digits.
    pub fn text(&self, name: &str) -> Result<String, FieldError> {
        match self.optional_text(name)? {
            Some(text) => Ok(text),
            None => Err(self.error(name, "is missing")),
        }
    }

    /// `None` where it is absent, null or empty.
    pub fn optional_text(&self, name: &str) -> Result<Option<String>, FieldError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(_) => Err(self.error(name, "is not a text")),
        }
    }

    /// For fields where the cloud means the same by absent and by empty, such as a description.
    pub fn text_or_empty(&self, name: &str) -> Result<String, FieldError> {
        Ok(self.optional_text(name)?.unwrap_or_default())
    }

    /// `true` or `"true"`, in any case; `None` where it is absent, null or an empty text.
    pub fn optional_boolean(&self, name: &str) -> Result<Option<bool>, FieldError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(_) => Err(self.error(name, "is neither true nor false")),
        }
    }

    /// `7` or `"7"`; `None` where it is absent, null or an empty text.
    pub fn optional_number(&self, name: &str) -> Result<Option<u64>, FieldError> {
        let number = match self.value(name) {
            None => return Ok(None),
            Some(Value::String(text)) if text.is_empty() => return Ok(None),
            Some(Value::Number(number)) => number.as_u64(),
            Some(Value::String(text)) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
            Some(_) => None,
        };
        number.map(Some).ok_or_else(|| self.error(name, "is not a whole number"))
    }

    pub fn number(&self, name: &str) -> Result<u64, FieldError> {
        self.optional_number(name)?.ok_or_else(|| self.error(name, "is missing"))
    }

    pub fn address(&self, name: &str) -> Result<Ipv4Addr, FieldError> {
        self.optional_address(name)?.ok_or_else(|| self.error(name, "is missing"))
    }

    pub fn optional_address(&self, name: &str) -> Result<Option<Ipv4Addr>, FieldError> {
        let Some(text) = self.optional_text(name)? else { return Ok(None) };
        text.parse().map(Some).map_err(|_| self.error(name, "is not an IPv4 address"))
    }

    /// Milliseconds since 1970, as `CreateTime` is given.
    pub fn optional_time(&self, name: &str) -> Result<Option<Timestamp>, FieldError> {
        let Some(number) = self.optional_number(name)? else { return Ok(None) };
        let time = i64::try_from(number).ok().and_then(|millis| Timestamp::from_millisecond(millis).ok());
        time.map(Some).ok_or_else(|| self.error(name, "is not a time"))
    }

    /// `None` where it is absent or null.
    pub fn object(&self, name: &str) -> Result<Option<Fields<'a>>, FieldError> {
        self.value(name).map(|value| Fields::at(value, self.path_of(name))).transpose()
    }

    /// The objects of `name: {wrapper: [..]}` or of a bare `name: [..]`; `None` where `name` is absent or null.
    pub fn objects(&self, name: &str, wrapper: &str) -> Result<Option<Vec<Fields<'a>>>, FieldError> {
        let Some(outer) = self.value(name) else { return Ok(None) };
        let (items, path) = match outer {
            Value::Array(items) => (items, self.path_of(name)),
            Value::Object(fields) => match fields.get(wrapper) {
                Some(Value::Array(items)) => (items, self.path_of(&format!("{name}.{wrapper}"))),
                Some(_) => return Err(self.error(&format!("{name}.{wrapper}"), "is not a list")),
                None => return Err(self.error(&format!("{name}.{wrapper}"), "is missing")),
            },
            _ => return Err(self.error(name, "is not a list")),
        };
        items.iter().enumerate().map(|(index, item)| Fields::at(item, format!("{path}[{index}]"))).collect::<Result<_, _>>().map(Some)
    }

    /// The texts of a bare list; an absent one reads as empty, which is how an empty list of texts comes.
    pub fn texts(&self, name: &str) -> Result<Vec<String>, FieldError> {
        let Some(value) = self.value(name) else { return Ok(Vec::new()) };
        let items = value.as_array().ok_or_else(|| self.error(name, "is not a list"))?;
        items
            .iter()
            .map(|item| item.as_str().map(str::to_owned).ok_or_else(|| self.error(name, "holds something else than texts")))
            .collect()
    }

    /// The fields that are not `known`, hold something and are no report of the cloud's.
    pub fn unknown(&self, known: &[&str]) -> Vec<String> {
        let is_nothing = |value: &Value| match value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            Value::Bool(_) | Value::Number(_) => false,
        };
        let is_report = |name: &str| REPORTS.iter().any(|report| name.ends_with(report));
        let unknown = self.object.iter().filter(|(name, value)| !known.contains(&name.as_str()) && !is_report(name) && !is_nothing(value));
        unknown.map(|(name, _)| name.clone()).collect()
    }

    /// Whether `name` is there and not null.
    pub fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// Whether `name` is `{}`, which the cloud sends for a list that does not apply.
    pub fn object_is_empty(&self, name: &str) -> bool {
        matches!(self.value(name), Some(Value::Object(fields)) if fields.is_empty())
    }

    /// Tags under `name`, wrapped in `Tag` or bare. Absent reads as none: the cloud leaves the field out of
    /// untagged objects in some replies (cloud/api.md 2.3).
    pub fn tags(&self, name: &str) -> Result<Tags, FieldError> {
        let mut tags = Tags::new();
        let items = if self.object_is_empty(name) { Vec::new() } else { self.objects(name, "Tag")?.unwrap_or_default() };
        for item in items {
            tags.insert(item.text("Key")?, item.text_or_empty("Value")?);
        }
        Ok(tags)
    }

    pub fn error(&self, name: &str, problem: &'static str) -> FieldError {
        FieldError { field: self.path_of(name), problem }
    }

    fn at(value: &'a Value, path: String) -> Result<Fields<'a>, FieldError> {
        match value {
            Value::Object(object) => Ok(Fields { object, path }),
            _ => Err(FieldError { field: path, problem: "is not an object" }),
        }
    }

    fn value(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "canary.{0,8}".prop_map(Value::from),
            "[0-9]{0,25}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            let named = prop::collection::btree_map("(a|Tag|Key|Value)", inner.clone(), 0..4);
            prop_oneof![
                prop::collection::vec(inner, 0..4).prop_map(Value::from),
                named.prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn native_and_text_read_the_same(number: u64, boolean: bool) {
            let native = json!({"n": number, "b": boolean});
            let text = json!({"n": number.to_string(), "b": boolean.to_string().to_uppercase()});
            for value in [native, text] {
                let fields = Fields::root(&value).expect("an object");
                prop_assert_eq!(fields.number("n"), Ok(number));
                prop_assert_eq!(fields.text("n"), Ok(number.to_string()));
                prop_assert_eq!(fields.optional_boolean("b"), Ok(Some(boolean)));
            }
        }

        #[test]
        fn lists_read_the_same_bare_and_wrapped(keys in prop::collection::btree_set("[a-z]{1,5}", 0..5)) {
            let items: Vec<Value> = keys.iter().map(|key| json!({"Key": key, "Value": ""})).collect();
            for value in [json!({"Tags": items}), json!({"Tags": {"Tag": items}})] {
                let tags = Fields::root(&value).expect("an object").tags("Tags").expect("tags");
                prop_assert!(tags.keys().eq(keys.iter()));
            }
        }

        #[test]
        fn whatever_comes_nothing_panics_nothing_is_made_up_and_no_value_gets_into_an_error(value in any_json()) {
            let root = json!({"x": value});
            let fields = Fields::root(&root).expect("an object");
            let absent = value.is_null();
            let empty = absent || value == "";
            let errors = [
                fields.text("x").err(),
                fields.optional_text("x").err(),
                fields.optional_boolean("x").err(),
                fields.optional_number("x").err(),
                fields.optional_address("x").err(),
                fields.optional_time("x").err(),
                fields.object("x").err(),
                fields.objects("x", "Tag").err(),
                fields.tags("x").err(),
                fields.number("x").err(),
            ];
            for error in errors.into_iter().flatten() {
                prop_assert!(error.field.starts_with('x') && !error.to_string().contains("canary"), "{}", error);
            }
            prop_assert!(!empty || fields.text("x").is_err());
            if let Ok(None) = fields.optional_number("x") { prop_assert!(empty) }
            if let Ok(None) = fields.optional_boolean("x") { prop_assert!(empty) }
            if let Ok(None) = fields.objects("x", "Tag") { prop_assert!(absent) }
        }
    }
}
