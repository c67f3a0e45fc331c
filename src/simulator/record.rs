//! One line of the cloud's call log.

use super::api;
use super::fault::Fault;
use super::request::Request;
use crate::model::Timestamp;
use std::collections::BTreeMap;
use std::fmt;

#[derive(Clone, PartialEq)]
pub struct CallRecord {
    /// From 1.
    pub number: u64,
    pub at: Timestamp,
    pub action: String,
    /// `RegionId`, where the call bore one.
    pub region: Option<String>,
    pub token: Option<String>,
    /// The header that bears the V3 signature.
    pub authorization: Option<String>,
    pub parameters: BTreeMap<String, String>,
    pub is_write: bool,
    /// What was done to the call, if anything.
    pub fault: Option<Fault>,
    /// Whether it changed something, be it late. A repeated call under a remembered token changes nothing.
    pub effect: bool,
    /// HTTP status of the answer that was sent; 0 where none was.
    pub status: u16,
    /// Error code of that answer; empty for a success.
    pub code: String,
    pub request_id: String,
}

impl CallRecord {
    pub(super) fn arrived(number: u64, at: Timestamp, request: &Request) -> CallRecord {
        CallRecord {
            number,
            at,
            action: request.action.clone(),
            region: request.filter("RegionId").map(str::to_owned),
            token: request.client_token().map(str::to_owned),
            authorization: request.headers.get("authorization").cloned(),
            parameters: request.parameters.clone(),
            is_write: api::is_write(&request.action),
            fault: None,
            effect: false,
            status: 0,
            code: String::new(),
            request_id: String::new(),
        }
    }
}

/// Without the parameters' values: they can be keys.
impl fmt::Debug for CallRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CallRecord { number, action, status, code, effect, fault, .. } = self;
        write!(f, "#{number} {action} -> {status} {code} effect={effect} fault={fault:?}")
    }
}
