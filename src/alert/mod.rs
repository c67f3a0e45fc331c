//! Alerts: what is worth a person's attention, told once when it begins and once when it ends.

pub mod catalogue;
mod fields;
pub mod journald;
pub mod raise;
