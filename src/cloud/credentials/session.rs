//! The JSON in which session keys are handed out: by STS, the metadata service, credentials URIs and programs.

use super::{Credentials, ProviderError};
use crate::model::{Secret, Timestamp};
use serde_json::Value;

/// `{Code: "Success", AccessKeyId, AccessKeySecret, SecurityToken, Expiration}`, as the metadata service and
/// credentials URIs answer (cloud/api.md 7).
pub fn with_code(body: &[u8], source: &str) -> Result<Credentials, ProviderError> {
    let value: Value = serde_json::from_slice(body).map_err(|_| ProviderError::lasting("the answer is not JSON"))?;
    match value.get("Code").and_then(Value::as_str) {
        Some("Success") => session(&value, source),
        Some(code) => Err(ProviderError::lasting(format!("it answers {}", printable(code)))),
        None => Err(ProviderError::lasting("the answer has no Code")),
    }
}

/// `{AccessKeyId, AccessKeySecret, SecurityToken, Expiration}`, all of them needed.
pub fn session(value: &Value, source: &str) -> Result<Credentials, ProviderError> {
    let keys = Credentials::lasting(field(value, "AccessKeyId")?, field(value, "AccessKeySecret")?, source);
    Ok(Credentials { security_token: Some(Secret::new(field(value, "SecurityToken")?)), expires: Some(expiration(value)?), ..keys })
}

/// `{SessionAccessKeyId, SessionAccessKeySecret, Expiration}`, all of them needed: what STS gives for a key pair. Such keys
/// sign without a token.
pub fn session_of_key_pair(value: &Value, source: &str) -> Result<Credentials, ProviderError> {
    let keys = Credentials::lasting(field(value, "SessionAccessKeyId")?, field(value, "SessionAccessKeySecret")?, source);
    Ok(Credentials { expires: Some(expiration(value)?), ..keys })
}

fn field<'a>(value: &'a Value, name: &str) -> Result<&'a str, ProviderError> {
    match value.get(name).and_then(Value::as_str) {
        Some(text) if !text.is_empty() => Ok(text),
        _ => Err(ProviderError::lasting(format!("the answer has no {name}"))),
    }
}

fn expiration(value: &Value) -> Result<Timestamp, ProviderError> {
    field(value, "Expiration")?.parse().map_err(|_| ProviderError::lasting("the answer's Expiration is not a time"))
}

/// A short text without control characters, for messages.
pub fn printable(text: &str) -> String {
    text.chars().take(60).filter(|letter| !letter.is_control()).collect()
}
