//! Runs one schedule to its end, as the daemon and the commands would: again and again, over every crash.

use super::schedule::Schedule;
use super::topology::{ASN, Aim, Before, Change, End, IP, OTHER_IP, REGION, owner};
use super::world::World;
use cgwd::execute::locate::locate;
use cgwd::execute::{ExecuteError, Executor, Registration, Want};
use cgwd::journal::Record;
use cgwd::journal::replay::Progress;
use cgwd::model::{CloudSettings, CredentialSettings, Inventory};
use cgwd::plan::{DecisionKind, Gate, Now, Situation, plan, plan_removal};
use std::time::Duration;

/// How long the daemon lets one registration wait for the cloud.
const PATIENCE: Duration = Duration::from_secs(30);
/// The daemon's pauses: after failures, growing, and between looks while all is well.
const AFTER_FAILURE: Duration = Duration::from_secs(5);
const STEADY: Duration = Duration::from_secs(300);
/// Longer than any request can still take effect.
const LONG: Duration = Duration::from_secs(20 * 60);
/// Looks in the steady state for faults that are still to come.
const STEADY_LOOKS: u32 = 3;
/// How long it may take until it is as wanted, for each fault and once more, however wrong the clocks are.
const LONGEST: Duration = Duration::from_secs(3600);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub calls: u32,
    pub rounds: u32,
    pub records: u32,
    /// Of the journal that was left, for comparing two runs.
    pub journal: u64,
}

/// `Err` says which invariant was broken.
pub fn run(schedule: &Schedule) -> Result<Report, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    let course = std::panic::AssertUnwindSafe(|| runtime.block_on(Course::of(schedule).run()));
    std::panic::catch_unwind(course).unwrap_or_else(|_| Err("panicked".to_owned()))
}

struct Course {
    world: World,
    later: bool,
    rounds: u32,
}

/// How one attempt ended.
enum Attempt {
    Died,
    /// The disk refused a record.
    Broken,
    /// It told an error: to be tried again, later each time.
    Failed,
    /// To be tried again after a while.
    Again(Duration),
    /// As the topology wants it.
    Reached,
}

impl Course {
    fn of(schedule: &Schedule) -> Course {
        Course { world: World::new(schedule), later: false, rounds: 0 }
    }

    async fn run(mut self) -> Result<Report, String> {
        self.earlier().await?;
        self.world.arm(true);
        self.until_reached().await?;
        let mut looks = 0;
        while self.world.state.has_faults_of_calls() && looks < STEADY_LOOKS {
            looks += 1;
            tokio::time::sleep(STEADY).await;
            self.until_reached().await?;
        }
        let calls = self.world.state.calls();
        self.world.state.disarm();
        self.stays_so().await?;
        self.journal_replays()?;
        self.world.outcomes_are_true()?;
        let records = self.world.state.records();
        Ok(Report { calls, rounds: self.rounds, records: u32::try_from(records).unwrap_or(u32::MAX), journal: self.fingerprint() })
    }

    /// What was before the faults.
    async fn earlier(&mut self) -> Result<(), String> {
        if self.world.schedule.topology.before == Before::Nothing {
            return Ok(());
        }
        let executor = self.world.process(false)?;
        let registration = executor.register(&self.want(false, REGION), PATIENCE).await.map_err(|error| format!("before: {error:?}"))?;
        assert_eq!(registration.decision.kind, DecisionKind::InSync);
        tokio::time::sleep(Duration::from_secs(86_400)).await;
        self.later = self.world.schedule.topology.end == End::Replace;
        Ok(())
    }

    async fn until_reached(&mut self) -> Result<(), String> {
        let faults = u32::try_from(self.world.schedule.faults.len()).unwrap_or(u32::MAX);
        let (most_rounds, most_calls) = (12 + 12 * faults, 60 + 60 * faults);
        let mut process = self.world.process(self.later)?;
        let (mut looks, mut failures) = (0, 0);
        let (begun, mut dead) = (tokio::time::Instant::now(), Duration::ZERO);
        loop {
            self.rounds += 1;
            looks += 1;
            if looks > most_rounds || self.world.state.calls() > most_calls {
                return Err(format!("no end after {looks} rounds and {} calls", self.world.state.calls()));
            }
            if begun.elapsed() > LONGEST * (faults + 1) + dead {
                return Err(format!("no end after {:?}", begun.elapsed()));
            }
            let attempt = self.attempt(&process).await;
            self.world.state.refused.set(false);
            self.world.strangers_are_untouched();
            if let Some(violation) = self.world.state.first_violation() {
                return Err(violation);
            }
            let changes = std::mem::replace(&mut self.later, true) != self.later && self.world.schedule.topology.change != Change::None;
            if changes {
                self.world.change();
            }
            match attempt? {
                Attempt::Reached if changes => {}
                Attempt::Reached => return Ok(()),
                Attempt::Failed => {
                    tokio::time::sleep((AFTER_FAILURE * (1 << failures.min(6))).min(STEADY)).await;
                    failures += 1;
                    if self.world.schedule.topology.aim == Aim::Register && !changes {
                        continue;
                    }
                }
                Attempt::Again(pause) => {
                    tokio::time::sleep(pause).await;
                    // A command is a process of its own, and so is a daemon with a new key.
                    if self.world.schedule.topology.aim == Aim::Register && !changes {
                        continue;
                    }
                }
                Attempt::Died => {
                    let pause = self.world.state.time_dead();
                    dead += pause;
                    tokio::time::sleep(pause).await;
                }
                Attempt::Broken => {
                    self.world.state.free_disk();
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            }
            process = self.world.process(self.later)?;
        }
    }

    async fn attempt(&self, executor: &Executor) -> Result<Attempt, String> {
        let state = &self.world.state;
        let work = async {
            match self.world.schedule.topology.aim {
                Aim::Register => self.register(executor).await,
                Aim::Unmark => self.remove(executor, false).await,
                Aim::Delete => self.remove(executor, true).await,
            }
        };
        let attempt = tokio::select! {
            biased;
            () = state.died.notified() => return Ok(Attempt::Died),
            attempt = work => attempt,
        };
        if state.is_cut() {
            return Ok(Attempt::Died);
        }
        if state.refused.get() && !matches!(attempt, Ok(Attempt::Failed | Attempt::Broken)) {
            return Err("a 403 was not told".to_owned());
        }
        attempt
    }

    async fn register(&self, executor: &Executor) -> Result<Attempt, String> {
        let region = if self.world.schedule.topology.located {
            let known = executor.journal.borrow().progress().regions.clone();
            match locate(&executor.client, &by_vpn_gateway(), &known).await {
                Err(_) => return Ok(Attempt::Failed),
                Ok(located) => located.region.ok_or(format!("the region was not found: {:?}", located.findings))?,
            }
        } else {
            REGION.to_owned()
        };
        match executor.register(&self.want(self.later, &region), PATIENCE).await {
            Err(ExecuteError::Journal(_)) => Ok(Attempt::Broken),
            Err(ExecuteError::Cloud(error)) if error.is_quota() && self.world.schedule.topology.end == End::NoQuota => {
                Ok(if executor.journal.borrow().progress().pending.is_some() { Attempt::Failed } else { Attempt::Reached })
            }
            Err(ExecuteError::Endless) => Err("the plan goes in circles".to_owned()),
            Err(_) => Ok(Attempt::Failed),
            Ok(Registration { held: Some(hold), .. }) => {
                let wait = Duration::try_from(hold.until.duration_since(executor.clock.now())).unwrap_or_default();
                Ok(Attempt::Again(wait.max(Duration::from_secs(5))))
            }
            Ok(registration) => self.judge(executor, &registration),
        }
    }

    fn judge(&self, executor: &Executor, registration: &Registration) -> Result<Attempt, String> {
        let decision = &registration.decision;
        let is_blocked_by = |code| decision.kind == DecisionKind::Blocked && decision.errors().any(|finding| finding.code == code);
        let reached = match self.world.schedule.topology.end {
            End::Registered => decision.kind == DecisionKind::InSync,
            End::RegisteredOrReplace => matches!(decision.kind, DecisionKind::InSync | DecisionKind::Replace),
            End::RegisteredOrForeign => decision.kind == DecisionKind::InSync || is_blocked_by("owner.foreign"),
            End::Replace => decision.kind == DecisionKind::Replace,
            End::Blocked(code) => is_blocked_by(code),
            End::NoQuota => false,
            End::Unmarked | End::Deleted | End::InUse => return Err("this is no registration".to_owned()),
        };
        let is_open = executor.journal.borrow().progress().pending.is_some();
        Ok(if reached && !is_open { Attempt::Reached } else { Attempt::Again(STEADY) })
    }

    /// As `cgwd deregister` does it.
    async fn remove(&self, executor: &Executor, delete: bool) -> Result<Attempt, String> {
        match self.removal(executor, delete).await {
            Ok(attempt) => Ok(attempt),
            Err(ExecuteError::Journal(_)) => Ok(Attempt::Broken),
            Err(_) => Ok(Attempt::Failed),
        }
    }

    async fn removal(&self, executor: &Executor, delete: bool) -> Result<Attempt, ExecuteError> {
        if !executor.resolve_open_write(&owner()).await? {
            return Ok(Attempt::Again(Duration::from_secs(15 * 60)));
        }
        let inventory = executor.look(REGION, delete).await?;
        let removal = plan_removal(&owner(), delete, &inventory);
        if !removal.in_use.is_empty() {
            return Ok(if self.world.schedule.topology.end == End::InUse { Attempt::Reached } else { Attempt::Again(STEADY) });
        }
        executor.deregister(&owner(), REGION, &removal.steps).await?;
        executor.forget_registered(&inventory)?;
        let is_open = executor.journal.borrow().progress().pending.is_some();
        Ok(if is_open { Attempt::Again(STEADY) } else { Attempt::Reached })
    }

    fn want(&self, later: bool, region: &str) -> Want {
        let desired = cgwd::plan::Desired { region: region.to_owned(), ..self.world.schedule.topology.desired(later) };
        let gates = vec![Gate::passed("observation", "by the test")];
        Want { desired, findings: Vec::new(), gates, policy: self.world.schedule.topology.policy() }
    }

    /// Long after everything late has landed, and without faults, a new process finds the same and writes nothing.
    async fn stays_so(&mut self) -> Result<(), String> {
        tokio::time::sleep(LONG).await;
        self.world.settle();
        if self.world.schedule.topology.end == End::NoQuota {
            // Each visit tries again.
            return self.end();
        }
        let mut writes = self.world.state.writes();
        if self.world.state.operator_acted.get() {
            // The last reading before may have been an old one.
            self.until_reached().await?;
            writes = self.world.state.writes();
        }
        let records = self.world.state.entries().len();
        self.until_reached().await?;
        if self.world.state.writes() != writes {
            return Err("what was reached did not stay".to_owned());
        }
        if self.world.state.entries().len() != records {
            return Err("something was journaled while nothing changed".to_owned());
        }
        self.end()
    }

    fn end(&self) -> Result<(), String> {
        let ours = self.world.ours();
        let ids: Vec<&str> = ours.iter().map(|gateway| gateway.id.as_str()).collect();
        let expect = |so: bool, what: &str| if so { Ok(()) } else { Err(format!("in the end: {what}; ours are {ids:?}")) };
        let topology = self.world.schedule.topology;
        let copies = self.copies();
        match topology.end {
            End::Registered => {
                expect(ours.len() == 1 + copies, "not exactly one is ours")?;
                expect(ours[0].ip == IP.to_string() && ours[0].asn == Some(ASN), "ours has another address or ASN")?;
                let mark = owner().mark();
                expect(mark.iter().all(|(key, value)| ours[0].tags.get(key) == Some(value)), "the mark is not whole")?;
                let known = self.progress()?.registered.map(|known| known.id);
                expect(known.as_deref() == Some(ours[0].id.as_str()), "the journal knows another")
            }
            End::RegisteredOrReplace => {
                let fits = ours.len() == 1 && [IP.to_string(), OTHER_IP.to_string()].contains(&ours[0].ip);
                expect(fits, "not exactly one is ours")
            }
            End::RegisteredOrForeign => expect(ours.len() == 1, "not exactly one is this machine's"),
            End::NoQuota => expect(ours.is_empty(), "something became ours"),
            End::Blocked(_) => expect(ours.is_empty(), "something became ours"),
            End::Replace | End::InUse => expect(ours.len() == 1, "ours is gone"),
            End::Unmarked => {
                expect(ours.is_empty() && self.world.holds(IP), "the mark is still there, or the customer gateway is not")?;
                expect(self.progress()?.registered.is_none(), "the journal still knows it as ours")
            }
            End::Deleted => {
                expect(ours.is_empty() && !self.world.holds(IP), "it still exists")?;
                expect(self.progress()?.registered.is_none(), "the journal still knows it as ours")
            }
        }
    }

    /// Of ours, which somebody made; one that was being deleted may be gone.
    fn copies(&self) -> usize {
        match self.world.schedule.topology.before {
            Before::Duplicated => 1,
            Before::DeletingCopy => self.world.ours().iter().filter(|gateway| gateway.id == "cgw-copy").count(),
            _ => 0,
        }
    }

    fn progress(&self) -> Result<Progress, String> {
        cgwd::journal::replay("memory", &self.world.state.entries()).map_err(|error| error.to_string())
    }

    /// Every prefix of the journal is sound, and gives the same state and the same decision each time.
    fn journal_replays(&self) -> Result<(), String> {
        let topology = self.world.schedule.topology;
        let desired = topology.desired(self.later);
        let inventory = Inventory {
            region: REGION.to_owned(),
            read_at: self.world.clock.now(),
            customer_gateways: Vec::new(),
            connections: Vec::new(),
            connections_read: false,
        };
        let policy = topology.policy();
        let situation = Situation {
            desired: Some(&desired),
            findings: &[],
            gates: &[],
            policy,
            free_bytes: None,
            clock_offset: jiff::SignedDuration::ZERO,
            inventory: &inventory,
        };
        let now = Now { wall: self.world.clock.now(), uptime: self.world.clock.uptime() };
        let (mut one, mut other) = (Progress::new("memory"), Progress::new("memory"));
        for entry in &self.world.state.entries() {
            let text = serde_json::to_string(&entry.record).map_err(|error| error.to_string())?;
            let read_back = serde_json::from_str(&text).map_err(|error| error.to_string())?;
            let read_back = cgwd::journal::Entry { record: read_back, ..entry.clone() };
            one.apply(entry).map_err(|error| error.to_string())?;
            other.apply(&read_back).map_err(|error| error.to_string())?;
            if one != other || plan(&situation, &one, now) != plan(&situation, &other, now) {
                return Err(format!("record {} replays in two ways", entry.seq));
            }
        }
        Ok(())
    }

    fn fingerprint(&self) -> u64 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        // Without the times: the runtime's timer rounds to milliseconds from a start that is never twice the same.
        let records: Vec<_> = self.world.state.entries().into_iter().map(|entry| untimed(entry.record)).collect();
        format!("{records:?}").hash(&mut hasher);
        hasher.finish()
    }
}

fn untimed(mut record: Record) -> Record {
    if let Record::WriteIntended { sent, .. } | Record::WriteResent { sent, .. } = &mut record {
        *sent = None;
    }
    record
}

fn by_vpn_gateway() -> CloudSettings {
    CloudSettings {
        region: None,
        vpn_gateway: Some("vpn-dual".to_owned()),
        transit_router: None,
        connections: Vec::new(),
        endpoint: None,
        ca_file: None,
        proxy: None,
        timeout: Duration::from_secs(10),
        credentials: CredentialSettings::default(),
    }
}

/// The calls and records of the course without faults.
pub fn sites(schedule: &Schedule) -> Report {
    let schedule = schedule.with(&[]);
    run(&schedule).unwrap_or_else(|why| panic!("{schedule} fails without any fault: {why}"))
}
