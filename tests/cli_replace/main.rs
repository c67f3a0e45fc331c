//! `cgwd replace`, the real binary against the simulated cloud over HTTP.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test program that runs real processes")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../replacing/mod.rs"]
mod replacing;

mod rebind;
mod recreate;
