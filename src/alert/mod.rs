//! Alerts: what is worth a person's attention, told once when it begins and once when it ends.

pub mod catalogue;
pub mod chinese;
mod fields;
pub mod journal_catalog;
pub mod journald;
pub mod raise;
