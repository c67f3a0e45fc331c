//! Carries out what the plan names, one step at a time: intent on disk, the call, the outcome on disk, then look again.
//!
//! Nothing is decided here. After each step the plan is made anew from a fresh reading; a crash at any point leaves a
//! journal from which the same loop goes on.

mod call;
pub mod locate;
mod look;
mod note;
mod outcome;
pub mod replacement;

use self::call::Order;
use crate::cloud::client::Client;
use crate::cloud::error::CloudError;
use crate::facts::findings;
use crate::journal::{Journal, JournalError, Record};
use crate::model::{CustomerGateway, Finding, Inventory, RegistrationPolicy, Secret, Timestamp};
use crate::plan::{self, Decision, DecisionKind, Desired, Gate, Hold, Next, Now, Owner, Situation, Step, StepAction};
use crate::system::clock::Clock;
use crate::system::seal::SealError;
use crate::system::secret_file::SecretFileError;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

pub use outcome::Outcome;

/// More rounds than any sound course takes; a plan that goes in circles is reported, not followed for ever.
const MAX_ROUNDS: u32 = 40;
/// The cloud says that an address exists which no reading shows: so many readings, with growing pauses, before giving up.
const HIDDEN_LOOKS: u32 = 7;
/// Bounds of the pause before a write that met another change is sent again.
const BUSY_FIRST: Duration = Duration::from_secs(1);
const BUSY_MOST: Duration = Duration::from_secs(5);
/// Attempts without a trustworthy answer before the caller is told; the write stays open in the journal.
const UNCONFIRMED_TRIES: u32 = 6;

#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    #[error(transparent)]
    Cloud(#[from] CloudError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("the cloud says that a customer gateway with {ip} exists, and shows none")]
    Hidden { ip: String, refusal: CloudError },
    #[error("could not confirm {action} for {target}: {why}")]
    Unconfirmed { action: &'static str, target: String, why: String },
    /// Somebody took it off between two attempts to delete the customer gateway.
    #[error("customer gateway {id} no longer bears this device's mark: its deletion is not tried again")]
    MarkLost { id: String },
    #[error("the BGP authentication key in {path} cannot be used: {why}")]
    AuthKey { path: std::path::PathBuf, why: String },
    #[error("{}", plan::NO_SPACE)]
    NoSpace,
    #[error(transparent)]
    Psk(#[from] SecretFileError),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error("the snapshot of the open replacement cannot be used: {0}")]
    Snapshot(String),
    #[error("no replacement is open")]
    NothingOpen,
    #[error("{0} is not part of this version")]
    NotInThisVersion(&'static str),
    #[error("the plan did not come to an end after {MAX_ROUNDS} rounds")]
    Endless,
}

/// Everything that acting on the cloud needs.
#[derive(Clone)]
pub struct Executor {
    pub client: Rc<Client>,
    /// Borrowed for single appends, never across a call.
    pub journal: Rc<RefCell<Journal>>,
    pub clock: Clock,
    /// BGP authentication key of a customer gateway that we create.
    pub auth_key: Option<Secret>,
}

/// What is wanted, and what was found out before the cloud was asked.
#[derive(Clone, Debug)]
pub struct Want {
    pub desired: Desired,
    pub findings: Vec<Finding>,
    pub gates: Vec<Gate>,
    pub policy: RegistrationPolicy,
}

/// How a registration ended.
#[derive(Clone, Debug)]
pub struct Registration {
    pub decision: Decision,
    /// The cloud writes that were done, in order.
    pub done: Vec<Step>,
    pub customer_gateway: Option<CustomerGateway>,
    /// Why it is not finished, where it has to wait longer than the caller does.
    pub held: Option<Hold>,
    /// What others had done to the customer gateway, and what was done here has mended.
    pub mended: Vec<Finding>,
}

impl Want {
    fn situation<'a>(&'a self, inventory: &'a Inventory, free_bytes: Option<u64>, clock_offset: jiff::SignedDuration) -> Situation<'a> {
        let Want { desired, findings, gates, policy } = self;
        Situation { desired: Some(desired), findings, gates, policy: *policy, free_bytes, clock_offset, inventory }
    }

    /// The region of the configuration is none.
    fn without_region(&self) -> Decision {
        let finding = no_such_region(&self.desired.region);
        let mut gates: Vec<Gate> = self.gates.iter().filter(|gate| gate.name != "region").cloned().collect();
        gates.push(Gate::refused("region", finding.message.clone()));
        Decision::blocked([self.findings.as_slice(), &[finding]].concat(), gates)
    }
}

/// What is configured is no region of the cloud's.
pub fn no_such_region(region: &str) -> Finding {
    let remedy = "correct `[cloud] region`; the console names each region by its id, such as cn-shanghai";
    Finding::error(findings::REGION_UNKNOWN, format!("the region {region} does not exist"), remedy)
}

impl Registration {
    /// Nothing was done.
    pub fn looked(decision: Decision) -> Registration {
        let customer_gateway = decision.customer_gateway.clone();
        Registration { decision, done: Vec::new(), customer_gateway, held: None, mended: Vec::new() }
    }

    fn after(self, noticed: Vec<Finding>) -> Registration {
        let still =
            |finding: &Finding| self.decision.findings.iter().any(|left| left.code == finding.code && left.message == finding.message);
        let mended = noticed.into_iter().filter(|finding| !still(finding)).collect();
        Registration { mended, ..self }
    }
}

/// What others did to the customer gateway.
fn notice(noticed: &mut Vec<Finding>, decision: &Decision) {
    let theirs = [findings::GATEWAY_DRIFT, findings::GATEWAY_DUPLICATE];
    for finding in decision.findings.iter().filter(|finding| theirs.contains(&finding.code)) {
        if !noticed.contains(finding) {
            noticed.push(finding.clone());
        }
    }
}

impl Executor {
    /// What would be done, without doing it and without a record. Where that is a replacement, with its outline: only then are
    /// the connections read.
    pub async fn preview(&self, want: &Want) -> Result<Decision, ExecuteError> {
        match self.previewed(want).await {
            Err(ExecuteError::Cloud(error)) if error.is_no_such_region() => Ok(want.without_region()),
            other => other,
        }
    }

    async fn previewed(&self, want: &Want) -> Result<Decision, ExecuteError> {
        let inventory = self.look(&want.desired.region, false).await?;
        let decision = self.decide(want, &inventory);
        if decision.kind != DecisionKind::Replace && !decision.may_be_half_replaced() {
            return Ok(decision);
        }
        let inventory = self.look(&want.desired.region, true).await?;
        Ok(self.decide(want, &inventory))
    }

    /// Creates or adopts until the decision is `in_sync`, or names what is in the way. Never replaces.
    /// Waits for the cloud at most `patience` at a time.
    pub async fn register(&self, want: &Want, patience: Duration) -> Result<Registration, ExecuteError> {
        match self.registered(want, patience).await {
            Err(ExecuteError::Cloud(error)) if error.is_no_such_region() => Ok(Registration::looked(want.without_region())),
            other => other,
        }
    }

    async fn registered(&self, want: &Want, patience: Duration) -> Result<Registration, ExecuteError> {
        let mut done = Vec::new();
        let mut noticed = Vec::new();
        let mut hidden = 0;
        let mut unconfirmed = 0;
        let mut busy = Duration::ZERO;
        for _ in 0..MAX_ROUNDS {
            if self.write_is_open_outside(&want.desired.region) {
                self.resolve_open_write(&want.desired.owner).await?;
            }
            let inventory = self.look(&want.desired.region, false).await?;
            self.remember_absences(&want.desired.owner, &inventory);
            let decision = self.decide(want, &inventory);
            let decision = match &decision.concluded {
                Some(concluded) => {
                    self.note_ours(want, &decision, &done)?;
                    self.conclude(concluded)?;
                    self.decide(want, &inventory)
                }
                None => decision,
            };
            notice(&mut noticed, &decision);
            match decision.next.clone() {
                Next::Nothing => return Ok(self.settled(want, decision, done).await?.after(noticed)),
                Next::Wait(hold) => {
                    let wait = self.time_until(hold.until);
                    if wait > patience {
                        return Ok(Registration { done, held: Some(hold), ..Registration::looked(decision) }.after(noticed));
                    }
                    tokio::time::sleep(wait).await;
                }
                Next::Do(step) => match self.perform(&step, Order { region: &want.desired.region, desired: Some(&want.desired) }).await? {
                    Outcome::Done => done.push(step),
                    Outcome::Unconfirmed(why) => {
                        unconfirmed += 1;
                        tracing::info!(action = step.action.name(), why, "could not confirm a cloud write; looking");
                        if unconfirmed > UNCONFIRMED_TRIES {
                            return Err(ExecuteError::Unconfirmed { action: step.action.name(), target: step.target, why });
                        }
                        tokio::time::sleep(Duration::from_secs(1 << unconfirmed.min(5))).await;
                    }
                    Outcome::Refused(error) if error.is_already_exist() => {
                        hidden += 1;
                        if hidden > HIDDEN_LOOKS {
                            return Err(ExecuteError::Hidden { ip: step.target, refusal: error });
                        }
                        tokio::time::sleep(Duration::from_secs(1 << (hidden - 1).min(5))).await;
                    }
                    // Something else is changing the object: it ends, and then the same is wanted.
                    Outcome::Refused(error) if error.is_busy() && busy < patience => {
                        let wait = (busy / 2).clamp(BUSY_FIRST, BUSY_MOST);
                        busy += wait;
                        tokio::time::sleep(wait).await;
                    }
                    Outcome::Refused(error) => return Err(error.into()),
                },
            }
        }
        Err(ExecuteError::Endless)
    }

    /// Performs the steps of a removal, each proved by a later reading. Returns those done.
    pub async fn deregister(&self, owner: &Owner, region: &str, steps: &[Step]) -> Result<Vec<Step>, ExecuteError> {
        let free = self.journal.borrow().free_bytes();
        if !steps.is_empty() && free.is_some_and(|free| free < plan::LEAST_SPACE) {
            return Err(ExecuteError::NoSpace);
        }
        let mut done = Vec::new();
        for step in steps {
            self.perform_until_known(owner, region, step).await?;
            self.release(step)?;
            done.push(step.clone());
        }
        Ok(done)
    }

    /// After a removal the registered gateway is no longer ours, also where somebody else had removed it before.
    pub fn forget_registered(&self, before: &Inventory) -> Result<(), JournalError> {
        let known: Vec<String> = {
            let journal = self.journal.borrow();
            let progress = journal.progress();
            let all = progress.registered.iter().chain(&progress.left_behind);
            all.filter(|known| known.region == before.region).map(|known| known.id.clone()).collect()
        };
        for id in known {
            self.append(Record::GatewayReleased { id, why: "let go".to_owned() })?;
        }
        Ok(())
    }

    pub fn has_open_replacement(&self) -> bool {
        self.journal.borrow().progress().replacements.open.is_some()
    }

    /// The configuration named another region when the write was sent.
    fn write_is_open_outside(&self, region: &str) -> bool {
        self.journal.borrow().progress().pending.as_ref().is_some_and(|pending| pending.region != region)
    }

    pub(crate) fn decide(&self, want: &Want, inventory: &Inventory) -> Decision {
        let journal = self.journal.borrow();
        plan::plan(&want.situation(inventory, journal.free_bytes(), self.client.clock_offset()), journal.progress(), self.now())
    }

    pub(crate) fn now(&self) -> Now {
        Now { wall: self.clock.now(), uptime: self.clock.uptime() }
    }

    async fn settled(&self, want: &Want, decision: Decision, done: Vec<Step>) -> Result<Registration, ExecuteError> {
        self.note_ours(want, &decision, &done)?;
        let decision = match decision.kind == DecisionKind::Replace || decision.may_be_half_replaced() {
            true => self.decide(want, &self.look(&want.desired.region, true).await?),
            false => decision,
        };
        Ok(Registration { done, ..Registration::looked(decision) })
    }

    /// Also where it is to be replaced: it is ours until then.
    fn note_ours(&self, want: &Want, decision: &Decision, done: &[Step]) -> Result<(), JournalError> {
        let shows_ours = matches!(decision.kind, DecisionKind::InSync | DecisionKind::Replace);
        let ours = decision.customer_gateway.as_ref().filter(|_| shows_ours);
        ours.map_or(Ok(()), |gateway| self.note_registered(gateway, &want.desired.region, done))
    }

    /// Journals which customer gateway is ours, where that is news.
    fn note_registered(&self, gateway: &CustomerGateway, region: &str, done: &[Step]) -> Result<(), JournalError> {
        let known =
            self.journal.borrow().progress().registered.as_ref().is_some_and(|known| {
                known.id == gateway.id && known.ip == gateway.ip && known.asn == gateway.asn && known.region == region
            });
        if known {
            return Ok(());
        }
        let how = match done.last().map(|step| step.action) {
            Some(StepAction::CreateCustomerGateway) => "created",
            Some(_) => "adopted",
            None => "found",
        };
        let record = Record::GatewayRegistered {
            id: gateway.id.clone(),
            ip: gateway.ip.into(),
            asn: gateway.asn,
            region: region.to_owned(),
            how: how.to_owned(),
        };
        self.append(record).map(drop)
    }

    fn release(&self, step: &Step) -> Result<(), JournalError> {
        let why = match step.action {
            StepAction::DeleteCustomerGateway => "deleted",
            _ => "mark removed",
        };
        self.append(Record::GatewayReleased { id: step.target.clone(), why: why.to_owned() }).map(drop)
    }

    pub(crate) fn append(&self, record: Record) -> Result<i64, JournalError> {
        self.journal.borrow_mut().append(self.clock.now(), record)
    }

    fn time_until(&self, until: Timestamp) -> Duration {
        Duration::try_from(until.duration_since(self.clock.now())).unwrap_or_default().max(Duration::from_millis(200))
    }
}
