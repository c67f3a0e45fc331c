//! The simulated cloud: the VPC, CBN and STS calls that cgwd makes, answered from memory.
//!
//! Product code with two users: the tests, and operators (`cgwd simulate`, rehearsals). It is written from
//! cloud/api.md alone and shares no code with the client, so that it does not agree with the client's mistakes.
//!
//! ```text
//!  server (HTTP) ─┐                       hook, script
//!                 ├─► Cloud::receive ─► fault ─► door ─► Region::handle ─► shape ─► what the caller sees
//!  InMemory ──────┘                               keys, dates, nonces
//! ```
//!
//! A call that is not built answers `InvalidApi.NotFound`. Where cloud/api.md leaves the behaviour open, a switch
//! of the seed decides ([`switches::Switches`]); where it gives no error code for a broken rule, ours is
//! `IllegalParam.<Parameter>`, in the family of the documented `IllegalParam.LocalSubnet`.

mod api;
mod check;
mod cloud;
mod connection;
mod customer_gateway;
pub mod device;
mod door;
mod encoding;
pub mod fault;
mod founding;
mod in_memory;
mod lenient;
pub mod list;
pub mod objects;
mod pending;
mod random;
mod rate;
mod record;
mod region;
mod regions;
mod request;
mod response;
mod routes;
pub mod script;
pub mod seed;
pub mod server;
mod shape;
mod signature;
mod sts;
pub mod switches;
mod tags;
mod tokens;
mod told;
mod transit_router;
mod vpn_gateway;

pub use cloud::{Cloud, Hook, Outcome, Plain, Sight};
pub use device::Device;
pub use door::{AccessKey, Door};
pub use fault::Fault;
pub use in_memory::{InMemory, Now};
pub use random::Random;
pub use record::CallRecord;
pub use region::Region;
pub use request::{RawRequest, Request};
pub use response::{ApiError, Response};
pub use script::Script;
pub use seed::{Seed, SeedError};
pub use signature::Claim;
pub use switches::Switches;

/// The account's default resource group.
const DEFAULT_RESOURCE_GROUP: &str = "rg-acfm0000000000a";
