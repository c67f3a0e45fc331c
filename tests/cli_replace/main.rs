//! `cgwd replace`, the real binary against the simulated cloud over HTTP.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test program that runs real processes")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../replacing/mod.rs"]
mod replacing;

mod exits;
mod gates;
mod hands;
mod interrupted;
mod order;
mod planned;
mod rebind;
mod recreate;
mod rollback;
mod terminal;
