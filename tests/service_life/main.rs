//! The life of the service in a real systemd (issue "Installed as people install"): each story boots a machine of its own.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../replacing/mod.rs"]
mod replacing;

mod boot;
mod credentials;
mod embedded;
mod failing;
mod gateway;
mod life;
mod machine;
mod packaged;
mod readme;
mod replacement;
mod rpm;
mod sandbox;
mod sources;
mod versions;
