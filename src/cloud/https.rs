//! The real transport: HTTP/1.1 over rustls. Plain http reaches loopback addresses and the metadata service alone.
//!
//! A URL can hold a pre-shared key (cloud/api.md 5.1), so no error of the HTTP library gets out of here as it is:
//! only its reasons, never its URL.

use super::endpoint::{EndpointError, authority_of, checked_base_url, host_of, is_loopback};

use super::resolve::RememberingResolver;
use super::transport::{Answer, RawResponse, SignedRequest, Transport, TransportError};
use crate::facts::endpoints::METADATA_BASE_URL;
use crate::model::CloudSettings;
use crate::system::trust::{TrustError, client_config, extra_roots};
use crate::system::trust_issuer::UntrustedIssuer;
use rustls::pki_types::CertificateDer;
use std::cell::OnceCell;
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Longer answers are no answers of this API.
pub const MAX_BODY: usize = 1024 * 1024;
/// Kept connections are closed soon: after an address change they are dead anyway.
const IDLE: Duration = Duration::from_secs(15);
/// The official libraries wait a second for the connection and a second for the answer (cloud/api.md 7).
const METADATA_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Debug, thiserror::Error)]
pub enum HttpsError {
    #[error("[cloud] ca_file {}", path.display())]
    CaFile { path: PathBuf, source: TrustError },
    /// Without the text: a proxy's URL can hold a password.
    #[error("[cloud] proxy is not a proxy's URL")]
    Proxy,
}

/// HTTPS to wherever a request says. The TLS configuration is built at the first request that needs it.
pub struct Https {
    timeout: Duration,
    proxy: Option<reqwest::Proxy>,
    extra_roots: Vec<CertificateDer<'static>>,
    resolver: Arc<RememberingResolver>,
    metadata: bool,
    plain: OnceCell<reqwest::Client>,
    encrypted: OnceCell<reqwest::Client>,
}

impl Https {
    /// With the settings' time limit, proxy and additional roots; no proxy of the environment counts.
    ///
    /// # Errors
    /// Where `ca_file` or `proxy` cannot be used.
    pub fn for_cloud(settings: &CloudSettings) -> Result<Https, HttpsError> {
        let extra_roots = match &settings.ca_file {
            Some(path) => extra_roots(path).map_err(|source| HttpsError::CaFile { path: path.clone(), source })?,
            None => Vec::new(),
        };
        let proxy = settings.proxy.as_deref().map(reqwest::Proxy::all).transpose().map_err(|_| HttpsError::Proxy)?;
        Ok(Https::new(settings.timeout, proxy, extra_roots, false))
    }

    /// For the metadata service and credentials URIs: next door, so no proxy and little patience.
    pub fn for_metadata() -> Https {
        Https::new(METADATA_TIMEOUT, None, Vec::new(), true)
    }

    fn new(timeout: Duration, proxy: Option<reqwest::Proxy>, extra_roots: Vec<CertificateDer<'static>>, metadata: bool) -> Https {
        Https { timeout, proxy, extra_roots, resolver: Arc::default(), metadata, plain: OnceCell::new(), encrypted: OnceCell::new() }
    }

    async fn exchange(&self, request: SignedRequest) -> Result<RawResponse, TransportError> {
        let host = authority_of(&request.base_url).to_owned();
        let not_sent = |reason: String| TransportError::NotSent { host: host.clone(), reason };
        let client = self.client_for(&request.base_url).map_err(|reason| not_sent(reason.to_string()))?;
        let request = prepared(client, request).map_err(&not_sent)?;
        let mut response = client.execute(request).await.map_err(|error| failure(&host, error))?;
        let status = response.status().as_u16();
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let no_answer = |reason: String| TransportError::NoAnswer { host: host.clone(), reason };
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| no_answer(reason(error)))? {
            if body.len() + chunk.len() > MAX_BODY {
                return Err(no_answer("the answer is longer than 1 MiB".to_owned()));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(RawResponse { status, headers, body: body.into() })
    }

    fn client_for(&self, base_url: &str) -> Result<&reqwest::Client, Unusable> {
        let plain = base_url.starts_with("http://");
        if !self.may_be_reached(base_url) {
            return Err(Unusable::PlainHttp);
        }
        let slot = if plain { &self.plain } else { &self.encrypted };
        if slot.get().is_none() {
            // Another first request may have been quicker; both clients are the same.
            let _ = slot.set(self.build(plain)?);
        }
        slot.get().ok_or(Unusable::Tls)
    }

    fn may_be_reached(&self, base_url: &str) -> bool {
        if checked_base_url(base_url).is_ok() {
            return true;
        }
        self.metadata && (base_url == METADATA_BASE_URL || is_link_local(base_url))
    }

    fn build(&self, plain: bool) -> Result<reqwest::Client, Unusable> {
        let tls = client_config(&self.extra_roots, plain).map_err(|_| Unusable::Tls)?;
        let builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .http1_only()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .timeout(self.timeout)
            // Shorter than the whole, so that an unreachable cloud is told from one that does not answer.
            .connect_timeout(self.timeout / 2)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(1)
            .dns_resolver(self.resolver.clone())
            .referer(false)
            .user_agent(concat!("cgwd/", env!("CARGO_PKG_VERSION")));
        let builder = match &self.proxy {
            Some(proxy) if !plain => builder.proxy(proxy.clone()),
            _ => builder,
        };
        builder.build().map_err(|_| Unusable::Tls)
    }
}

impl Transport for Https {
    fn send(&self, request: SignedRequest) -> Answer<'_> {
        Box::pin(self.exchange(request))
    }
}

#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error("{}", EndpointError::PlainHttp)]
    PlainHttp,
    #[error("TLS cannot be set up on this device")]
    Tls,
}

/// A container's credentials service is at a link-local address.
fn is_link_local(base_url: &str) -> bool {
    let host = host_of(authority_of(base_url)).unwrap_or_default();
    is_loopback(host) || host.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_link_local())
}

fn prepared(client: &reqwest::Client, request: SignedRequest) -> Result<reqwest::Request, String> {
    let separator = if request.query.is_empty() { "" } else { "?" };
    let url = format!("{}{}{separator}{}", request.base_url, request.path, request.query);
    let method = reqwest::Method::from_bytes(request.method.as_bytes()).map_err(|_| "the method is not one of HTTP".to_owned())?;
    let mut builder = client.request(method, url);
    for (name, value) in &request.headers {
        builder = builder.header(name, value);
    }
    builder.body(request.body).build().map_err(|_| "the request cannot be put in HTTP's form".to_owned())
}

fn failure(host: &str, error: reqwest::Error) -> TransportError {
    let host = host.to_owned();
    if error.is_connect() || error.is_builder() {
        return TransportError::NotSent { host, reason: reason(error) };
    }
    TransportError::NoAnswer { host, reason: reason(error) }
}

/// The deepest reason, which is the one that says something; without the URL.
fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    if let Some(tls) = deepest_of::<rustls::Error>(&error) {
        return tls_reason(tls);
    }
    if error.is_dns() {
        return "its name cannot be resolved; check DNS".to_owned();
    }
    if error.is_timeout() {
        return if error.is_connect() {
            "no connection within the time limit".to_owned()
        } else {
            "no answer within the time limit".to_owned()
        };
    }
    let mut deepest: &dyn Error = &error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

fn tls_reason(error: &rustls::Error) -> String {
    use rustls::CertificateError as Certificate;
    let rustls::Error::InvalidCertificate(certificate) = error else { return format!("TLS: {error}") };
    match certificate {
        Certificate::Expired | Certificate::ExpiredContext { .. } => "its certificate has expired; check this device's clock".to_owned(),
        Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => {
            "its certificate is not yet valid; check this device's clock".to_owned()
        }
        Certificate::Other(other) => match other.0.downcast_ref::<UntrustedIssuer>() {
            Some(untrusted) => untrusted.to_string(),
            None => format!("its certificate is refused: {}", other.0),
        },
        Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
            "its certificate is for another name; something answers in its place".to_owned()
        }
        other => format!("its certificate is refused: {other}"),
    }
}

/// rustls's error hides inside an `io::Error`, which does not name it as its source.
fn deepest_of<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        let inside = error.downcast_ref::<std::io::Error>().and_then(|io| io.get_ref());
        next = match inside {
            Some(inside) => Some(inside as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}
