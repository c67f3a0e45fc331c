//! cgwd keeps Alibaba Cloud's picture of an on-premises VPN appliance true. The folder list is the data flow:
//!
//! ```text
//!  kernel, BGP daemon         config            cloud (OpenAPI)        disk
//!         |                     |                  |    ^               |
//!      observe ─ Observation ─► validate     cloud::inventory        journal
//!                                 | Findings       | Inventory    |     | Progress
//!                                 +──────► plan ◄──+──────────────+─────+
//!                                           | Decision
//!                                           +──► execute ──(intent, call, outcome)──► journal, cloud
//!                                           |       | Outcome
//!                                           +──► alert ──► journald, status
//! ```

pub mod alert;
pub mod cli;
pub mod cloud;
pub mod config;
pub mod facts;
pub mod model;
pub mod observe;
pub mod simulator;
pub mod system;
pub mod validate;
