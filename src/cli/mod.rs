//! One file per command.

pub mod simulate;
