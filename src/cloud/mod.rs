//! The client of the cloud's OpenAPI: signing, the wire form, errors, retries, credentials, resources.

pub mod error;
pub mod transport;
