//! What the operating system gives: time, service manager, signals, files.

pub mod clock;
pub mod environment;
