//! The one seam on the cloud side: a signed request goes out, raw bytes come back.
//!
//! HTTPS in production, the simulated cloud in memory in the search tests, loopback HTTP in the rest.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

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
    pub body: Vec<u8>,
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

impl fmt::Debug for SignedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignedRequest({} at {})", self.action, self.base_url)
    }
}

/// The body of an answer can hold pre-shared keys.
impl fmt::Debug for RawResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawResponse({}, {} bytes)", self.status, self.body.len())
    }
}
