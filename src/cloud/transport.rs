//! The one seam on the cloud side: a signed request goes out, raw bytes come back.
//!
//! HTTPS in production, the simulated cloud in memory in the search tests, loopback HTTP in the rest.

use serde_json::Value;
use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

/// A request as it goes on the wire, signed. Its URL can hold a pre-shared key (cloud/api.md 5.1), so
/// `Debug` shows the action alone.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedRequest {
    /// `GET`, `POST` or `PUT`.
    pub method: &'static str,
    /// `https://host[:port]`, or `http://` for a loopback address.
    pub base_url: String,
    /// Always `/` for the cloud's RPC-style APIs.
    pub path: String,
    /// The canonical query, exactly as it was signed, without `?`.
    pub query: String,
    /// Lower-case names, `authorization` included, `host` not (it follows from `base_url`).
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// For logs and errors.
    pub action: String,
}

#[derive(Clone, PartialEq, Eq)]
pub struct RawResponse {
    pub status: u16,
    /// Lower-case names.
    pub headers: Vec<(String, String)>,
    pub body: Body,
}

/// The body of an answer.
#[derive(Clone, PartialEq, Eq)]
pub enum Body {
    /// As it came off the wire.
    Bytes(Vec<u8>),
    /// Of a cloud in this process: what it would have written, and the same again costs nothing. Writing and reading JSON was most of
    /// what a search through faults did.
    Json { request_id: String, fields: Rc<Value> },
}

/// Why no answer came back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The request cannot have reached the other side: name not resolved, connection refused, TLS refused.
    #[error("could not reach {host}: {reason}")]
    NotSent { host: String, reason: String },
    /// It may have arrived: time limit, reset, answer cut short or too long.
    #[error("no usable answer from {host}: {reason}")]
    NoAnswer { host: String, reason: String },
}

pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<RawResponse, TransportError>> + 'a>>;

pub trait Transport {
    fn send(&self, request: SignedRequest) -> Answer<'_>;
}

impl RawResponse {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl Body {
    /// As it is on the wire: the RequestId first.
    pub fn bytes(&self) -> Cow<'_, [u8]> {
        match self {
            Body::Bytes(bytes) => Cow::Borrowed(bytes),
            Body::Json { request_id, fields } => Cow::Owned(whole(request_id, fields).to_string().into_bytes()),
        }
    }

    /// The RequestId and the JSON, which can hold the RequestId too; `None` where it is not JSON.
    pub fn json(&self) -> Option<(String, Rc<Value>)> {
        match self {
            Body::Bytes(bytes) => {
                let json: Value = serde_json::from_slice(bytes).ok()?;
                let request_id = json.get("RequestId").and_then(Value::as_str).unwrap_or_default().to_owned();
                Some((request_id, Rc::new(json)))
            }
            Body::Json { request_id, fields } => Some((request_id.clone(), fields.clone())),
        }
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Body {
        Body::Bytes(bytes)
    }
}

fn whole(request_id: &str, fields: &Value) -> Value {
    let mut whole = serde_json::Map::from_iter([("RequestId".to_owned(), Value::from(request_id))]);
    if let Value::Object(fields) = fields {
        whole.extend(fields.clone());
    }
    Value::Object(whole)
}

impl fmt::Debug for SignedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignedRequest({} at {})", self.action, self.base_url)
    }
}

/// The body of an answer can hold pre-shared keys.
impl fmt::Debug for RawResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.body {
            Body::Bytes(bytes) => write!(f, "RawResponse({}, {} bytes)", self.status, bytes.len()),
            Body::Json { .. } => write!(f, "RawResponse({}, JSON)", self.status),
        }
    }
}
