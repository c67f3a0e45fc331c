//! The memory of ClientTokens (cloud/api.md 1.4).

use super::request::Request;
use super::response::{ApiError, Reply};
use super::switches::TokenMemory;
use crate::model::Timestamp;
use jiff::SignedDuration;
use std::collections::BTreeMap;

#[derive(Clone, Default)]
pub struct Tokens(BTreeMap<(String, String), First>);

#[derive(Clone)]
struct First {
    at: Timestamp,
    parameters: BTreeMap<String, String>,
    reply: Reply,
}

impl Tokens {
    /// The first call's result where this one repeats it; an error where it bears the token and asks for something else.
    pub fn recall(&self, request: &Request, now: Timestamp, memory: TokenMemory) -> Option<Reply> {
        let first = self.0.get(&key(request)?)?;
        let forgotten = match memory {
            TokenMemory::None => true,
            TokenMemory::Day => now.duration_since(first.at) >= SignedDuration::from_hours(24),
            TokenMemory::Forever => false,
        };
        if forgotten {
            return None;
        }
        if first.parameters == request.parameters {
            return Some(first.reply.clone());
        }
        let message = "The request uses the same client token as a previous, but non-identical request.";
        Some(Err(ApiError::new(400, "IdempotentParameterMismatch", message)))
    }

    pub fn remember(&mut self, request: &Request, now: Timestamp, reply: &Reply) {
        if let Some(key) = key(request) {
            self.0.insert(key, First { at: now, parameters: request.parameters.clone(), reply: reply.clone() });
        }
    }
}

fn key(request: &Request) -> Option<(String, String)> {
    Some((request.action.clone(), request.client_token()?.to_owned()))
}
