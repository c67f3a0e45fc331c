//! Carries out a replacement: the plan and the sealed snapshot on disk, then stage after stage, lanes side by side, each step
//! with its intent, call and outcome in the journal. What to do next is `plan::replacement::next`'s to say.
//!
//! ```text
//!  draft ─► begin (seal, journal, read back) ─► stages ─┬─► done: the old customer gateway is gone
//!                                   ▲                   ├─► turned: tunnels that did not come up go back
//!                                resume                 └─► stopped, named; the next process or person goes on
//! ```

mod abandon;
mod agreed;
mod attributes;
mod begin;
mod call;
mod calls;
mod draft;
mod explain;
mod finish;
mod lanes;
mod leftover;
mod look;
mod memory;
mod outcome;
mod pace;
mod rhythm;
mod side_by_side;
mod step;
mod unread;

pub use abandon::{Abandoned, Word};
pub use agreed::Agreed;
pub use calls::Calls;
pub use draft::{Asked, Draft, SuppliedKey};
pub use leftover::{Kept, Leftover};
pub use step::Notice;
pub use unread::{LOST_FOR_GOOD, Unread};

use self::pace::Pace;
use self::rhythm::Times;
use super::{ExecuteError, Executor};
use crate::journal::Record;
use crate::model::{Asn, ReplacementOutcome, ReplacementPlan, Snapshot, Stopped};
use crate::plan::{Desired, Owner};
use crate::system::seal::SealKey;
use jiff::SignedDuration;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::rc::Rc;

/// Everything that replacing needs besides acting on the cloud.
#[derive(Clone)]
pub struct Replacer {
    pub executor: Executor,
    pub owner: Owner,
    pub seal: Rc<SealKey>,
    /// Attributes of the customer gateway that the configuration gives; what it leaves open carries over from the old one.
    pub desired: Rc<Desired>,
    /// What the device is at this moment, as far as that is known.
    pub present: Rc<dyn Fn() -> Present>,
    /// Told of everything that happens, for the person who watches.
    pub watch: Rc<dyn Fn(Notice)>,
    /// For whoever lets it go.
    pub calls: Rc<Calls>,
    /// Of this process.
    pub agreed: Rc<Agreed>,
}

/// What the device is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Present {
    /// These are its address and ASN; no ASN where none is managed.
    Is(Ipv4Addr, Option<Asn>),
    /// Nothing speaks against what the plan was made for.
    Unknown,
}

/// How a replacement, or this attempt at it, ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ended {
    Done {
        leftover: Vec<String>,
        /// Why, where some are.
        kept: Option<Kept>,
    },
    RolledBack {
        why: String,
    },
    /// It does not go on by itself, or not now.
    Stopped(Stopped),
}

/// A running replacement, as the steps see it.
pub(super) struct Course<'a> {
    replacer: &'a Replacer,
    snapshot: &'a Snapshot,
    plan: ReplacementPlan,
    /// What takes one change at a time.
    locks: RefCell<BTreeMap<String, Rc<tokio::sync::Mutex<()>>>>,
    times: Times,
    pace: Pace,
}

impl Replacer {
    /// Goes on with the open replacement, from wherever it is.
    ///
    /// # Errors
    /// Where the journal cannot be written, or the snapshot not be opened. What the cloud does is told in the result.
    pub async fn carry_on(&self, fresh: Option<SignedDuration>) -> Result<Ended, ExecuteError> {
        let (plan, snapshot) = self.opened()?;
        self.course(plan, &snapshot, fresh).run().await
    }

    fn course<'a>(&'a self, plan: ReplacementPlan, snapshot: &'a Snapshot, fresh: Option<SignedDuration>) -> Course<'a> {
        self.agreed.is_about(&plan.id);
        if let Some(at) = fresh {
            // The snapshot was the first reading of everything where this very process has just taken it. What it shows of a customer
            // gateway is that it is in use: that it no longer is has to be read twice later.
            plan.connections().into_iter().for_each(|connection| self.agreed.read(connection, at));
        }
        Course { replacer: self, snapshot, plan, locks: RefCell::default(), times: Times::default(), pace: Pace::default() }
    }

    /// Says that the open replacement may go on.
    ///
    /// # Errors
    /// Where the journal cannot be written.
    pub fn resume(&self) -> Result<(), ExecuteError> {
        let stopped = self.open_plan().filter(|(_, stopped)| *stopped);
        match stopped {
            Some((plan, _)) => {
                // What stopped it may be another than what was read.
                self.agreed.forget_all();
                Ok(self.executor.append(Record::ReplacementResumed { plan }).map(drop)?)
            }
            None => Ok(()),
        }
    }

    fn open_plan(&self) -> Option<(String, bool)> {
        let journal = self.executor.journal.borrow();
        journal.progress().replacements.open.as_ref().map(|open| (open.plan.id.clone(), open.stopped.is_some()))
    }
}

impl Course<'_> {
    async fn run(&self) -> Result<Ended, ExecuteError> {
        if let Some(why) = self.turned() {
            return self.go_back(why).await;
        }
        for stage in &self.plan.stages {
            match self.stage(stage).await? {
                StageEnd::Done => {}
                StageEnd::NotVerified { why, rebound: true } if self.can_go_back() => {
                    self.append(Record::ReplacementTurned { plan: self.plan.id.clone(), why: why.clone() })?;
                    (self.replacer.watch)(Notice::Turned(why.clone()));
                    return self.go_back(why).await;
                }
                StageEnd::NotVerified { why, .. } => return self.stop(not_verified(why)),
                StageEnd::Stopped(stopped) if self.is_last_deletion(&stopped) => return self.finish(vec![stopped]),
                StageEnd::Stopped(stopped) => return self.stop(stopped),
            }
        }
        self.finish(Vec::new())
    }

    fn stop(&self, stopped: Stopped) -> Result<Ended, ExecuteError> {
        self.replacer.agreed.forget_all();
        let told = {
            let journal = self.replacer.executor.journal.borrow();
            journal.progress().replacements.open.as_ref().and_then(|open| open.stopped.clone())
        };
        if told.as_ref() != Some(&stopped) {
            self.append(Record::ReplacementStopped { plan: self.plan.id.clone(), stopped: stopped.clone() })?;
        }
        (self.replacer.watch)(Notice::Stopped(stopped.clone()));
        Ok(Ended::Stopped(stopped))
    }

    fn turned(&self) -> Option<String> {
        let journal = self.replacer.executor.journal.borrow();
        journal.progress().replacements.open.as_ref().and_then(|open| open.turned.clone())
    }

    fn append(&self, record: Record) -> Result<i64, ExecuteError> {
        Ok(self.replacer.executor.append(record)?)
    }

    fn ended(&self, outcome: ReplacementOutcome, new_gateway: Option<String>, leftover: Vec<String>) -> Result<(), ExecuteError> {
        let (plan, by_itself) = (self.plan.id.clone(), false);
        self.append(Record::ReplacementEnded { plan, outcome, new_gateway, leftover, by_itself }).map(drop)
    }
}

/// How a stage ended.
enum StageEnd {
    Done,
    /// `rebound`: it is about a tunnel that was pointed elsewhere, not one that was made again.
    NotVerified {
        why: String,
        rebound: bool,
    },
    Stopped(Stopped),
}

/// Why a replacement stopped whose tunnels did not come up in their time.
const NOT_VERIFIED: &str = "not_verified";

fn not_verified(why: String) -> Stopped {
    Stopped {
        reason: NOT_VERIFIED.to_owned(),
        message: why,
        remedy: "correct the device's side, then `cgwd replace --resume` looks again".to_owned(),
        step: None,
        passes: true,
    }
}
