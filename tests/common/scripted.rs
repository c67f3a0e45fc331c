//! A cloud that answers line by line, and keeps what it was asked.

use cgwd::cloud::client::Client;
use cgwd::cloud::credentials::Credentials;
use cgwd::cloud::endpoint::Endpoints;
use cgwd::cloud::entropy::Entropy;
use cgwd::cloud::transport::{Answer, RawResponse, SignedRequest, Transport, TransportError};
use cgwd::cloud::wire::decoded_pairs;
use cgwd::system::clock::Clock;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

pub const SECRET: &str = "canary-access-key-secret";
pub const START: &str = "2025-01-02T03:04:05Z";

pub type Reply = Result<RawResponse, TransportError>;

/// One line of the script a request; the requests with the time at which they came.
#[derive(Default)]
pub struct Script {
    pub replies: RefCell<VecDeque<Reply>>,
    pub requests: RefCell<Vec<(tokio::time::Instant, SignedRequest)>>,
}

impl Transport for Script {
    fn send(&self, request: SignedRequest) -> Answer<'_> {
        self.requests.borrow_mut().push((tokio::time::Instant::now(), request));
        let reply = self.replies.borrow_mut().pop_front().expect("the script has ended");
        Box::pin(async move { reply })
    }
}

impl Script {
    pub fn of(replies: impl IntoIterator<Item = Reply>) -> Rc<Script> {
        Rc::new(Script { replies: RefCell::new(replies.into_iter().collect()), ..Script::default() })
    }

    /// How many requests came. None of the lines is left.
    pub fn sent(&self) -> usize {
        assert!(self.replies.borrow().is_empty(), "{} replies were not asked for", self.replies.borrow().len());
        self.requests.borrow().len()
    }

    pub fn query(&self, index: usize) -> BTreeMap<String, String> {
        decoded_pairs(&self.requests.borrow()[index].1.query).expect("a query").into_iter().collect()
    }

    pub fn header(&self, index: usize, name: &str) -> String {
        let requests = self.requests.borrow();
        requests[index].1.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()).unwrap_or_default()
    }
}

pub fn client(replies: impl IntoIterator<Item = Reply>) -> (Client, Rc<Script>) {
    let script = Script::of(replies);
    let clock = Clock::on_runtime_time(START.parse().expect("a time"));
    let credentials = Credentials::lasting("AKID", SECRET, "test");
    (Client::with_transport(script.clone(), credentials, Endpoints::public(), clock, Entropy::seeded(7)), script)
}

pub fn answer(status: u16, body: Value) -> Reply {
    Ok(RawResponse { status, headers: Vec::new(), body: body.to_string().into_bytes().into() })
}

pub fn ok(mut body: Value) -> Reply {
    body["RequestId"] = "R-OK".into();
    answer(200, body)
}

pub fn refusal(status: u16, code: &str) -> Reply {
    answer(status, json!({"RequestId": "R-NO", "HostId": "h", "Code": code, "Message": "m"}))
}

pub fn not_sent() -> Reply {
    Err(TransportError::NotSent { host: "vpc.cn-hangzhou.aliyuncs.com".into(), reason: "connection refused".into() })
}

pub fn no_answer() -> Reply {
    Err(TransportError::NoAnswer { host: "vpc.cn-hangzhou.aliyuncs.com".into(), reason: "reset".into() })
}
