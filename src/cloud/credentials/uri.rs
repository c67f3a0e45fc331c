//! Credentials that a service next door hands out (cloud/api.md 7; credentials-python provider/uri.py).
//! The URI itself can hold a secret, so no text names more than its host.

use super::{Credentials, ProviderError, Surroundings, session};
use crate::cloud::endpoint::{authority_of, host_of};
use crate::cloud::transport::SignedRequest;

pub async fn credentials(surroundings: &Surroundings, uri: &str) -> Result<Credentials, ProviderError> {
    let request = request(uri).ok_or_else(|| ProviderError::lasting("the credentials URI is not an http:// or https:// URL"))?;
    // Plain http goes to this device, to link-local addresses and nowhere else; https goes where the cloud's does.
    let transport = if request.base_url.starts_with("http://") { &surroundings.local_transport } else { &surroundings.transport };
    let answer = transport.send(request).await.map_err(|error| ProviderError::passing(error.to_string()))?;
    if answer.status != 200 {
        return Err(ProviderError { reason: format!("it answers HTTP {}", answer.status), passing: answer.status >= 500 });
    }
    session::with_code(&answer.body.bytes(), "credentials URI")
}

/// A GET of this URI; `None` where it is not one.
pub fn request(uri: &str) -> Option<SignedRequest> {
    let (scheme, rest) = uri.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let authority = authority_of(uri);
    if !matches!(scheme.as_str(), "http" | "https") || host_of(authority).is_none() {
        return None;
    }
    let rest = rest[authority.len()..].split('#').next().unwrap_or_default();
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    Some(SignedRequest {
        method: "GET",
        base_url: format!("{scheme}://{authority}"),
        path: if path.is_empty() { "/".to_owned() } else { path.to_owned() },
        query: query.to_owned(),
        headers: vec![("accept".into(), "application/json".into())],
        body: Vec::new(),
        action: "credentials URI".to_owned(),
    })
}
