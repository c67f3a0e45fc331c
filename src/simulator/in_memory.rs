//! The simulated cloud behind the client's own seam, without sockets.

use super::cloud::{Cloud, Outcome, Plain, Sight};
use super::request::RawRequest;
use crate::cloud::transport::{Answer, RawResponse, SignedRequest, Transport, TransportError};
use crate::model::Timestamp;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// What time it is for the cloud.
pub type Now = Rc<dyn Fn() -> Timestamp>;

/// Latency is slept on the runtime's timer, which tests can pause.
#[derive(Clone)]
pub struct InMemory {
    cloud: Rc<RefCell<Cloud>>,
    now: Now,
    time_limit: Option<Duration>,
}

impl InMemory {
    /// Signatures are checked as the cloud's switch `CheckSignatures` says.
    pub fn new(cloud: Rc<RefCell<Cloud>>, now: Now) -> InMemory {
        InMemory { cloud, now, time_limit: None }
    }

    /// An answer that takes longer does not come, as a client's own time limit would have it.
    pub fn with_time_limit(self, limit: Duration) -> InMemory {
        InMemory { time_limit: Some(limit), ..self }
    }

    pub fn cloud(&self) -> &Rc<RefCell<Cloud>> {
        &self.cloud
    }
}

impl Transport for InMemory {
    fn send(&self, request: SignedRequest) -> Answer<'_> {
        Box::pin(async move {
            let host = host_of(&request.base_url).to_owned();
            let raw = raw(request, &host);
            let Outcome { delay, sight } = self.cloud.borrow_mut().receive(&raw, (self.now)());
            let limit = self.time_limit.unwrap_or(Duration::MAX);
            if !delay.is_zero() {
                tokio::time::sleep(delay.min(limit)).await;
            }
            let no_answer = |reason: &str| TransportError::NoAnswer { host: host.clone(), reason: reason.to_owned() };
            match sight {
                Sight::Unreachable => Err(TransportError::NotSent { host, reason: "connection refused".to_owned() }),
                _ if delay > limit => Err(no_answer("the time limit passed")),
                Sight::Whole(Plain { status, headers, body }) => Ok(RawResponse { status, headers, body }),
                Sight::Truncated(_) => Err(no_answer("the answer was cut short")),
                Sight::Cut => Err(no_answer("the connection was cut")),
            }
        })
    }
}

fn host_of(base_url: &str) -> &str {
    let rest = base_url.split_once("://").map_or(base_url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

fn raw(request: SignedRequest, host: &str) -> RawRequest {
    let mut headers = vec![("host".to_owned(), host.to_owned())];
    headers.extend(request.headers.into_iter().filter(|(name, _)| name != "host"));
    RawRequest { method: request.method.to_owned(), path: request.path, query: request.query, headers, body: request.body }
}
