//! Courses of events for the replacement: faults at every call and record, in memory, on the real core.

pub mod audit;
pub mod clouds;
pub mod course;
pub mod fault;
pub mod forks;
pub mod gates;
pub mod generate;
pub mod others;
pub mod pool;
pub mod schedule;
pub mod seed;
pub mod topology;
pub mod truth;
pub mod witness;
pub mod world;

use jiff::SignedDuration;

/// No reading is older: as far as anybody has seen, lists lag by a minute.
pub const STALEST: SignedDuration = SignedDuration::from_secs(60);
