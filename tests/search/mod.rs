//! Courses of events for the registration: faults at every call and record, in memory, on the real core.

pub mod course;
pub mod fault;
pub mod generate;
pub mod schedule;
pub mod topology;
pub mod world;
