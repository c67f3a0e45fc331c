//! What arrives: raw HTTP first, then the call that it means.

use super::encoding::pairs;
use super::response::ApiError;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// One HTTP request as it came off the wire. `Debug` shows no query, header value or body: they hold keys.
#[derive(Clone, PartialEq, Eq)]
pub struct RawRequest {
    pub method: String,
    pub path: String,
    /// Without `?`.
    pub query: String,
    /// Lower-case names, `host` included.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// A decoded call: the action, and query and form parameters merged (where both carry a name, the query's value).
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    pub action: String,
    pub version: String,
    pub parameters: BTreeMap<String, String>,
    /// Names of `parameters` that came in the form body.
    pub in_body: BTreeSet<String>,
    /// Lower-case names.
    pub headers: BTreeMap<String, String>,
    pub method: String,
}

/// Parameters of the older signature that are not part of the call (cloud/api.md 5.3).
const PROTOCOL: [&str; 10] = [
    "Action",
    "Version",
    "Format",
    "AccessKeyId",
    "Signature",
    "SignatureMethod",
    "SignatureVersion",
    "SignatureNonce",
    "Timestamp",
    "SecurityToken",
];

impl RawRequest {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.trim())
    }

    /// Every pair of the query, decoded, in the order sent.
    pub fn query_pairs(&self) -> Vec<(String, String)> {
        pairs(&self.query)
    }

    /// Every pair of the form body; none where the body is no form.
    pub fn form_pairs(&self) -> Vec<(String, String)> {
        let form = self.header("content-type").is_some_and(|value| value.starts_with("application/x-www-form-urlencoded"));
        if form { pairs(&String::from_utf8_lossy(&self.body)) } else { Vec::new() }
    }

    /// Whether it bears the older signature, in its parameters.
    pub fn is_v1(&self) -> bool {
        self.header("authorization").is_none() && self.protocol_parameter("SignatureMethod").is_some()
    }

    pub fn protocol_parameter(&self, name: &str) -> Option<String> {
        self.query_pairs().into_iter().chain(self.form_pairs()).find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The call it means. Says nothing about whether the caller may make it.
    pub fn decode(&self) -> Result<Request, ApiError> {
        if self.method != "GET" && self.method != "POST" {
            return Err(ApiError::new(400, "UnsupportedHTTPMethod", "This http method is not supported."));
        }
        let named = |header: &str, parameter: &str| {
            let given = self.header(header).map(str::to_owned).or_else(|| self.protocol_parameter(parameter));
            given.filter(|value| !value.is_empty()).ok_or_else(|| ApiError::missing(parameter))
        };
        let (action, version) = (named("x-acs-action", "Action")?, named("x-acs-version", "Version")?);
        let query = self.query_pairs();
        let form = self.form_pairs();
        let mut parameters = BTreeMap::new();
        let mut in_body = BTreeSet::new();
        for (key, value) in query.into_iter().filter(|(key, _)| !PROTOCOL.contains(&key.as_str())) {
            parameters.entry(key).or_insert(value);
        }
        for (key, value) in form.into_iter().filter(|(key, _)| !PROTOCOL.contains(&key.as_str())) {
            if let Entry::Vacant(free) = parameters.entry(key) {
                in_body.insert(free.key().clone());
                free.insert(value);
            }
        }
        let headers = self.headers.iter().cloned().collect();
        Ok(Request { action, version, parameters, in_body, headers, method: self.method.clone() })
    }
}

impl Request {
    /// A call as a test or an operator's tool would put it, all parameters in the query.
    pub fn of(action: &str, parameters: &[(&str, &str)]) -> Request {
        Request {
            action: action.to_owned(),
            version: super::api::version_of(action).to_owned(),
            parameters: parameters.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            in_body: BTreeSet::new(),
            headers: BTreeMap::new(),
            method: "POST".to_owned(),
        }
    }

    /// `None` where it was not sent; an empty text where it was sent empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// Like `text`, with an empty value read as not given: so filters are sent by many tools.
    pub fn filter(&self, name: &str) -> Option<&str> {
        self.text(name).filter(|value| !value.is_empty())
    }

    pub fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.filter(name).ok_or_else(|| ApiError::missing(name))
    }

    /// `true`/`false` in any case: the Python SDK prints `True` (cloud/api.md 5.1).
    pub fn boolean(&self, name: &str) -> Result<Option<bool>, ApiError> {
        self.filter(name).map(|text| boolean(text).ok_or_else(|| ApiError::illegal(name))).transpose()
    }

    pub fn integer(&self, name: &str) -> Result<Option<i64>, ApiError> {
        self.filter(name).map(|text| text.parse().map_err(|_| ApiError::illegal(name))).transpose()
    }

    /// `Name.1`, `Name.2`, … up to the first gap.
    pub fn list(&self, name: &str) -> Vec<&str> {
        (1..).map_while(|index| self.text(&format!("{name}.{index}"))).collect()
    }

    /// `Name.1.Field`, `Name.2.Field`, … up to the first gap; fields may have dots of their own.
    pub fn objects(&self, name: &str) -> Vec<BTreeMap<String, String>> {
        (1..).map(|index| self.object(&format!("{name}.{index}"))).take_while(|fields| !fields.is_empty()).collect()
    }

    /// `Name.Field` for every field.
    pub fn object(&self, name: &str) -> BTreeMap<String, String> {
        let prefix = format!("{name}.");
        let fields = self.parameters.range(prefix.clone()..).take_while(|(key, _)| key.starts_with(&prefix));
        fields.map(|(key, value)| (key[prefix.len()..].to_owned(), value.clone())).collect()
    }

    pub fn client_token(&self) -> Option<&str> {
        self.filter("ClientToken")
    }
}

pub(super) fn boolean(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        return Some(true);
    }
    text.eq_ignore_ascii_case("false").then_some(false)
}

impl fmt::Debug for RawRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawRequest({} {})", self.method, self.header("x-acs-action").unwrap_or("?"))
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({} {:?})", self.action, self.parameters.keys())
    }
}
