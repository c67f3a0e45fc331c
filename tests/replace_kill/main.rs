//! A replacement whose process dies: at every write, at random moments, again and again; whose disk is full or cannot be written;
//! beside another process; and what it leaves lying about. The real binary against the simulated cloud over HTTP.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test program that runs real processes")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../replacing/mod.rs"]
mod replacing;

mod disk;
mod every_write;
mod random;
mod secrets;
mod topology;
mod two;
