//! One home for each cloud fact: the value, where it is written, and when it was read there.

pub mod asn;
pub mod connection_fields;
pub mod endpoints;
pub mod errors;
pub mod findings;
pub mod names;
pub mod object_fields;
pub mod ranges;
pub mod states;
