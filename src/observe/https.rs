//! `https:URL`: a service that says which address it was asked from.

use super::one_address;
use crate::model::Observation;
use crate::system::trust;
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, Response, Url};
use rustls::ClientConfig;
use std::cell::RefCell;
use std::error::Error;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

/// An answer is one address, or a small JSON object around it.
const LARGEST_BODY: usize = 1024;

/// A redirect on the same host is a matter of spelling; more of them are a loop.
const REDIRECTS: usize = 3;

#[derive(Clone, Debug)]
pub struct EchoOptions {
    /// Certificates to trust besides the system's.
    pub ca_file: Option<PathBuf>,
    /// The proxy in front of the cloud's API, where there is one. Echo services are never asked through it: they
    /// would tell the proxy's address, not this device's. It is here so that a failure can say so.
    pub proxy: Option<String>,
    /// For one whole answer.
    pub timeout: Duration,
}

/// Asks echo services. The client is made at the first question and holds no idle connection.
pub struct Echo {
    options: EchoOptions,
    client: RefCell<Option<Client>>,
}

impl Echo {
    pub fn new(options: EchoOptions) -> Echo {
        Echo { options, client: RefCell::new(None) }
    }

    /// The reason of an `Unknown` never holds the URL: its query can hold a token.
    pub async fn ask(&self, url: &str) -> Observation<IpAddr> {
        match self.answer(url).await {
            Ok(address) => Observation::Known(address),
            Err(reason) => Observation::Unknown(reason),
        }
    }

    async fn answer(&self, url: &str) -> Result<IpAddr, String> {
        let url = Url::parse(url).map_err(|error| format!("the URL is not valid: {error}"))?;
        refuse_plain_http(&url)?;
        let client = self.client()?;
        let response = client.get(url).send().await.map_err(|error| self.why(error))?;
        if response.status() != 200 {
            return Err(unwanted(&response));
        }
        one_address::in_answer(&self.body(response).await?)
    }

    fn client(&self) -> Result<Client, String> {
        if let Some(client) = self.client.borrow().as_ref() {
            return Ok(client.clone());
        }
        let client = Client::builder()
            .tls_backend_preconfigured(self.tls()?)
            .no_proxy()
            // A customer gateway has an IPv4 address: over IPv6 the answer would be about something else.
            .local_address(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
            .redirect(Policy::custom(same_host))
            .referer(false)
            .timeout(self.options.timeout)
            // An idle connection would keep answering from the old address, and hangs after a change.
            .pool_max_idle_per_host(0)
            .user_agent(concat!("cgwd/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| format!("could not set up HTTPS: {}", root_cause(&error)))?;
        *self.client.borrow_mut() = Some(client.clone());
        Ok(client)
    }

    fn tls(&self) -> Result<ClientConfig, String> {
        let extra = match &self.options.ca_file {
            Some(path) => trust::extra_roots(path).map_err(|error| format!("{} {}", path.display(), root_cause(&error)))?,
            None => Vec::new(),
        };
        trust::client_config(&extra, false).map_err(|error| format!("could not set up TLS: {error}"))
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>, String> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.why(error))? {
            if body.len() + chunk.len() > LARGEST_BODY {
                return Err(format!("the answer is longer than {LARGEST_BODY} bytes, so it is not one address"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn why(&self, error: reqwest::Error) -> String {
        if error.is_timeout() {
            return format!("no answer within {} s{}", self.options.timeout.as_secs_f32(), self.not_by_proxy());
        }
        let cause = root_cause(&error);
        if error.is_redirect() {
            return cause;
        }
        if error.is_connect() {
            return format!("could not connect over IPv4: {cause}{}", self.not_by_proxy());
        }
        format!("the answer could not be read: {cause}")
    }

    fn not_by_proxy(&self) -> &'static str {
        match self.options.proxy {
            Some(_) => " (asked directly: through the proxy it would tell the proxy's address)",
            None => "",
        }
    }
}

/// TLS proves that the answer is the service's; nobody stands between us and our own loopback.
fn refuse_plain_http(url: &Url) -> Result<(), String> {
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(url) => Ok(()),
        "http" => Err("plain http is accepted for a loopback address only: anybody on the way could answer".to_owned()),
        other => Err(format!("`{other}` is not a way to ask an echo service; use https")),
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn same_host(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let Some(first) = attempt.previous().first() else { return attempt.stop() };
    if attempt.previous().len() > REDIRECTS {
        return attempt.error("it redirects again and again");
    }
    if attempt.url().host_str() != first.host_str() {
        let to = attempt.url().host_str().unwrap_or("nowhere").to_owned();
        return attempt.error(format!("it redirects to another host ({to}); a captive portal does that"));
    }
    if first.scheme() != attempt.url().scheme() {
        return attempt.error("it redirects from https to plain http or the other way round");
    }
    attempt.follow()
}

fn unwanted(response: &Response) -> String {
    let status = response.status();
    let meaning = match status.as_u16() {
        300..=399 => "; it points elsewhere",
        401 | 403 | 407 | 511 => "; it wants a login, or a captive portal stands in between",
        429 => "; it is asked too often",
        _ => "",
    };
    format!("it answered with status {} instead of 200{meaning}", status.as_u16())
}

/// The innermost cause says what happened; the outer ones name the URL.
fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
