//! A write, prepared: everything that is journaled before it is sent.

use super::signature::sha256_hex;
use super::wire::Parameters;
use crate::facts::endpoints::{CENTRAL_REGION, Product};
use serde_json::Value;
use std::rc::Rc;

/// A call that changes something. Sending it again is the same call: same token, same parameters.
///
/// `Debug` shows the parameters' names alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteCall {
    /// The API's name, e.g. `CreateCustomerGateway`.
    pub action: &'static str,
    pub product: Product,
    pub region: String,
    /// Query parameters, `RegionId` included, the token not.
    pub parameters: Parameters,
    /// Form parameters, for the calls that take tunnels (cloud/api.md 5.1); else empty.
    pub body: Parameters,
    /// At most 64 ASCII characters; `None` for calls that take none, which are harmless to repeat.
    pub client_token: Option<String>,
    /// Whether it is sent again by itself after a try that may have happened. How long the cloud knows a token is not
    /// established (cloud/api.md 1.4), so what must not exist twice is looked for first; and what is deleted is read again first, where
    /// what is written on it has to be kept.
    pub repeats: bool,
}

/// What a write answered.
#[derive(Clone, PartialEq, Eq)]
pub struct Written {
    pub request_id: String,
    /// The whole answer; it can hold pre-shared keys.
    pub body: Rc<Value>,
    /// An earlier try got no answer: its copy may still take effect, up to 15 minutes after it was signed.
    pub in_doubt: bool,
}

impl WriteCall {
    pub fn vpc(action: &'static str, region: &str, parameters: Parameters, client_token: Option<&str>) -> WriteCall {
        WriteCall {
            action,
            product: Product::Vpc,
            region: region.to_owned(),
            parameters: Parameters::new().with("RegionId", region).and(parameters),
            body: Parameters::new(),
            client_token: client_token.map(str::to_owned),
            repeats: true,
        }
    }

    /// Of CEN, which has one endpoint for all regions; the few calls that want a `RegionId` bring it (cloud/api.md 4).
    pub fn cbn(action: &'static str, parameters: Parameters, client_token: &str) -> WriteCall {
        WriteCall {
            action,
            product: Product::Cbn,
            region: CENTRAL_REGION.to_owned(),
            parameters,
            body: Parameters::new(),
            client_token: Some(client_token.to_owned()),
            repeats: true,
        }
    }

    pub fn with_body(self, body: Parameters) -> WriteCall {
        WriteCall { body, ..self }
    }

    pub fn sent_once(self) -> WriteCall {
        WriteCall { repeats: false, ..self }
    }

    /// Hex SHA-256 over the action and all parameters but the token and the secrets: it is kept on disk, where a hash
    /// over a short secret would be as good as the secret. That a secret was changed between two tries, the cloud says
    /// (`IdempotentParameterMismatch`).
    pub fn request_hash(&self) -> String {
        let open = |parameters: &Parameters| -> String {
            parameters.pairs().map(|(name, value)| (name.to_owned(), without_secrets(name, value))).collect::<Parameters>().canonical()
        };
        sha256_hex(format!("{}\n{}\n{}", self.action, open(&self.parameters), open(&self.body)).as_bytes())
    }

    /// The query as it is sent, with the token.
    pub fn query(&self) -> Parameters {
        self.parameters.clone().with_some("ClientToken", self.client_token.as_deref())
    }
}

/// Parameters whose values must never be seen: keys, and the JSON texts that hold them (cloud/api.md 2.6).
pub(super) fn is_secret(name: &str) -> bool {
    name.ends_with("Psk") || name.ends_with("AuthKey") || name.ends_with("Config")
}

/// The value, or the JSON text, without its keys: what else is in a JSON text is as much a part of the request.
fn without_secrets(name: &str, value: &str) -> String {
    const HIDDEN: &str = "hidden";
    match serde_json::from_str(value) {
        _ if !is_secret(name) => value.to_owned(),
        Ok(Value::Object(fields)) if name.ends_with("Config") => {
            let open = |(name, value): (String, Value)| if is_secret(&name) { (name, Value::from(HIDDEN)) } else { (name, value) };
            Value::Object(fields.into_iter().map(open).collect()).to_string()
        }
        _ => HIDDEN.to_owned(),
    }
}

/// Everything that must not be seen of such a parameter: its value and, where that is a JSON text, the keys inside; each as it
/// is and as JSON writes it.
pub(super) fn secret_texts(value: &str) -> Vec<String> {
    let inside: Vec<String> = match serde_json::from_str(value) {
        Ok(Value::Object(fields)) => {
            fields.iter().filter(|(name, _)| is_secret(name)).filter_map(|(_, key)| key.as_str()).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    };
    let plain = [value.to_owned()].into_iter().chain(inside);
    plain.flat_map(|text| [json_escaped(&text), text]).collect()
}

fn json_escaped(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted.get(1..quoted.len() - 1).unwrap_or_default().to_owned()
}

impl std::fmt::Debug for Written {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Written(RequestId {})", self.request_id)
    }
}
