//! What we observed, what we meant, what came of it, and what we told people: on disk before and after each cloud write.
//!
//! `record` is the format, `replay` turns records into what the planner needs, `prune` names those that nothing needs
//! any more, `store` is the durable edge.

mod prune;
pub mod record;
pub mod replay;
pub mod store;

pub use record::{Entry, Record};
pub use replay::{Corrupt, Progress, replay};
pub use store::{Journal, JournalError};
