//! What the operating system gives: time, service manager, signals, files.

pub mod access;
pub mod alarm;
pub mod anew;
pub mod atomic_file;
pub mod clock;
pub mod environment;
pub mod hardening;
pub mod lock;
pub mod logging;
pub mod machine;
pub mod netlink;
pub mod notify;
#[cfg(test)]
pub mod scratch;
pub mod seal;
pub mod secret_file;
pub mod signals;
pub mod space;
pub mod trust;
pub mod trust_issuer;
pub mod wake;
pub mod zone;
