//! The client of the cloud's OpenAPI: signing, the wire form, errors, retries, credentials, resources.
//!
//! Start at [`client::Client`]; the folders below are its parts, from the wire up:
//! `wire` and `reply` (parameters out, JSON in), `signature`, `transport` (the seam) and `https` (the real one),
//! `error` and `retry` (what a failure means), `credentials`, `endpoint`, then one file per resource.

pub mod client;
pub mod cloud_time;
pub mod connection_writes;
pub mod connections;
pub mod credentials;
pub mod customer_gateways;
pub mod endpoint;
pub mod entropy;
pub mod error;
pub mod gateways;
pub mod https;
mod pages;
pub mod peer;
mod reply;
mod resolve;
pub mod retry;
pub mod route_writes;
mod router_attachments;
pub mod router_writes;
mod routes;
pub mod signature;
pub mod transport;
pub mod wire;
pub mod write_call;

pub(crate) use pages::inconsistent;
