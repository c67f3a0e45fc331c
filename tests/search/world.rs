//! A device, its disk and a cloud, all in memory and on paused time: what goes wrong is decided by a schedule, and what must never
//! happen is checked at every call.

use super::fault::{Act, Kind, Pause, is_refusal_of_rights};
use super::schedule::{Schedule, Site};
use super::topology::{self, Aim, Before, End, Holds, IP, OTHER_IP, REGION};
use cgwd::cloud::client::Client;
use cgwd::cloud::credentials::Credentials;
use cgwd::cloud::endpoint::Endpoints;
use cgwd::cloud::entropy::Entropy;
use cgwd::cloud::transport::{Answer, SignedRequest, Transport};
use cgwd::execute::Executor;
use cgwd::journal::record::Sent;
use cgwd::journal::store::Memory;
use cgwd::journal::{Journal, Record, replay};
use cgwd::model::{Secret, Timestamp};
use cgwd::simulator::list::List;
use cgwd::simulator::objects::{Connection, CustomerGateway};
use cgwd::simulator::{CallRecord, Cloud, Fault, InMemory, Request, Seed, Switches};
use cgwd::system::clock::Clock;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::Notify;

const START: &str = "2026-01-02T03:04:05Z";

pub struct World {
    pub schedule: Schedule,
    pub cloud: Rc<RefCell<Cloud>>,
    /// The true time, which the cloud knows.
    pub clock: Clock,
    pub state: Rc<State>,
    wire: Rc<Wire>,
    strangers: Vec<CustomerGateway>,
    connections: RefCell<List<Connection>>,
}

/// What the transport, the cloud's hook and the driver share.
pub struct State {
    faults: RefCell<Vec<(Site, Kind)>>,
    armed: Cell<bool>,
    /// Calls and records since the faults began.
    calls: Cell<u32>,
    first_record: Cell<usize>,
    memory: RefCell<Memory>,
    journal: RefCell<Option<Rc<RefCell<Journal>>>>,
    next: RefCell<Option<Fault>>,
    death: Cell<Option<Pause>>,
    pub died: Notify,
    /// The cloud said 403 during this attempt.
    pub refused: Cell<bool>,
    /// The last call, where it was a write.
    last_write: RefCell<Option<String>>,
    pub operator_acted: Cell<bool>,
    machine: Rc<Machine>,
    sent: RefCell<BTreeMap<String, String>>,
    writes: Cell<u32>,
    violations: RefCell<Vec<String>>,
    aim: Aim,
    end: End,
}

/// The device's clocks.
#[derive(Default)]
struct Machine {
    hours_off: Cell<i64>,
    boots: Cell<u32>,
    /// By the true clock, since the beginning.
    booted_at: Cell<Duration>,
}

impl World {
    /// To be called inside a runtime whose time is paused.
    pub fn new(schedule: &Schedule) -> World {
        let mut seed = Seed::parse(&schedule.topology.seed().to_string()).expect("the topology's seed is valid");
        seed.switches = Switches { check_signatures: true, ..schedule.tokens.switches() };
        let clock = Clock::on_runtime_time(START.parse().expect("a time"));
        let cloud = Rc::new(RefCell::new(Cloud::new(&seed, clock.now()).expect("the seed's references are whole")));
        let state = Rc::new(State::new(schedule));
        let hook = Rc::clone(&state);
        cloud.borrow_mut().set_hook(move |call| hook.arriving(call));
        let now = clock.clone();
        let inside = InMemory::new(Rc::clone(&cloud), Rc::new(move || now.now())).with_time_limit(Duration::from_secs(10));
        let wire = Rc::new(Wire { inside, state: Rc::clone(&state), clock: clock.clone() });
        let adoptable = schedule.topology.holds == Holds::Unmarked;
        let objects = cloud.borrow().region(REGION).expect("the region is seeded").objects().clone();
        let strangers = objects.customer_gateways.iter().filter(|gateway| !(adoptable && gateway.id == "cgw-hand")).cloned().collect();
        let connections = RefCell::new(objects.connections);
        World { schedule: schedule.clone(), cloud, clock, state, wire, strangers, connections }
    }

    /// A process as it starts: everything anew but what is on disk.
    pub fn process(&self, later: bool) -> Result<Executor, String> {
        let memory = self.state.memory.borrow().clone();
        *memory.fails_after.borrow_mut() = self.state.next_full_disk();
        let journal =
            Journal::in_memory(memory, topology::DEVICE_ID).map_err(|error| format!("a restart finds a bad journal: {error:?}"))?;
        let journal = Rc::new(RefCell::new(journal));
        *self.state.journal.borrow_mut() = Some(Rc::clone(&journal));
        let credentials = Credentials::lasting("AKID", "SECRET", "test");
        let entropy = Entropy::seeded(u64::from(self.state.calls.get()));
        let clock = self.device_clock();
        let client = Client::with_transport(self.wire.clone(), credentials, Endpoints::public(), clock.clone(), entropy);
        let rekeyed = later && self.schedule.topology.change == topology::Change::AuthKey;
        let auth_key = rekeyed.then(|| Secret::new("another-key"));
        Ok(Executor { client: Rc::new(client), journal, clock, auth_key })
    }

    /// As a process of this boot sees it.
    fn device_clock(&self) -> Clock {
        let machine = Rc::clone(&self.state.machine);
        let (truth, off) = (self.clock.clone(), Rc::clone(&machine));
        let wall = move || truth.now() + jiff::SignedDuration::from_hours(off.hours_off.get());
        let (truth, boot) = (self.clock.clone(), machine.boots.get().to_string());
        let uptime = move || Duration::try_from(truth.uptime()).expect("not negative") - machine.booted_at.get();
        Clock::of(wall, uptime, &boot)
    }

    /// Brings about what was before the faults begin, and lets them begin.
    pub fn arm(&self, faults: bool) {
        let now = self.clock.now();
        match self.schedule.topology.before {
            Before::Nothing | Before::Registered => {}
            Before::Untagging => self.left_open("UnTagResources", None),
            Before::Deleting => self.left_open("DeleteCustomerGateway", None),
            Before::DeletingCopy => self.left_open("DeleteCustomerGateway", Some("cgw-copy")),
            Before::Deleted => self.operator(Act::Deletes),
            Before::Unmarked => self.operator(Act::Unmarks),
            Before::Duplicated => self.copy_ours(),
            Before::Connected => {
                let mut cloud = self.cloud.borrow_mut();
                let objects = cloud.region_mut(REGION).expect("seeded").change(now);
                let ours =
                    objects.customer_gateways.iter().find(|gateway| topology::is_ours(&gateway.tags)).expect("registered").id.clone();
                let mut connection = objects.connections[0].clone();
                connection.id = "vco-ours".into();
                for tunnel in &mut connection.tunnels {
                    tunnel.id.push_str("-ours");
                    tunnel.customer_gateway.clone_from(&ours);
                }
                objects.connections.push(connection);
                self.connections.borrow_mut().clone_from(&objects.connections);
            }
        }
        if matches!(self.schedule.topology.change, topology::Change::Quota | topology::Change::NoQuota) {
            let mut cloud = self.cloud.borrow_mut();
            let region = cloud.region_mut(REGION).expect("seeded");
            region.quota.customer_gateways = region.objects().customer_gateways.len();
        }
        // What was before is no news to anybody: it is older than the staleest read.
        let reads = if self.schedule.topology.before == Before::Nothing { 0 } else { 10 };
        for _ in 0..reads {
            let read = Request::of("DescribeCustomerGateways", &[("RegionId", REGION)]);
            let _list = self.cloud.borrow_mut().handle(&read, now);
        }
        if self.schedule.topology.before == Before::DeletingCopy {
            self.copy_ours();
        }
        self.state.first_record.set(self.state.memory.borrow().entries().len());
        self.state.operator_acted.set(false);
        self.state.calls.set(0);
        self.state.writes.set(0);
        self.state.armed.set(faults);
    }

    fn operator(&self, act: Act) {
        self.wire.operator(act);
    }

    fn copy_ours(&self) {
        let mut cloud = self.cloud.borrow_mut();
        let objects = cloud.region_mut(REGION).expect("seeded").change(self.clock.now());
        let ours = objects.customer_gateways.iter().find(|gateway| topology::is_ours(&gateway.tags)).expect("registered").clone();
        objects.customer_gateways.push(CustomerGateway { id: "cgw-copy".into(), ip: "203.0.113.99".into(), ..ours });
    }

    /// A process died before its write, of ours or of this one, went out.
    fn left_open(&self, action: &str, target: Option<&str>) {
        let executor = self.process(false).expect("a sound journal");
        let mut journal = executor.journal.borrow_mut();
        let ours = journal.progress().registered.as_ref().expect("registered").id.clone();
        let sent = Sent { boot: executor.clock.boot().to_owned(), uptime_ms: uptime_ms(&executor.clock), cloud: Some(self.clock.now()) };
        let intended = Record::WriteIntended {
            action: action.to_owned(),
            target: target.map_or(ours, str::to_owned),
            region: REGION.to_owned(),
            client_token: "left-open".to_owned(),
            generation: journal.progress().generation,
            request_hash: String::new(),
            step: None,
            edited: None,
            sent: Some(sent),
        };
        journal.append(executor.clock.now(), intended).expect("in memory");
    }

    /// The world changes for good, where the topology says so.
    pub fn change(&self) {
        if self.schedule.topology.change == topology::Change::Quota {
            self.cloud.borrow_mut().region_mut(REGION).expect("seeded").quota.customer_gateways += 1;
        }
    }

    pub fn strangers_are_untouched(&self) {
        let cloud = self.cloud.borrow();
        let objects = cloud.region(REGION).expect("seeded").objects();
        for stranger in &self.strangers {
            if objects.customer_gateway(&stranger.id) != Some(stranger) {
                self.state.violation(format!("the stranger's customer gateway {} was touched", stranger.id));
            }
        }
        if objects.connections != *self.connections.borrow() {
            self.state.violation("a connection was touched".to_owned());
        }
    }

    pub fn ours(&self) -> Vec<CustomerGateway> {
        self.wire.ours()
    }

    pub fn holds(&self, ip: std::net::Ipv4Addr) -> bool {
        let cloud = self.cloud.borrow();
        cloud.region(REGION).expect("seeded").objects().customer_gateways.iter().any(|gateway| gateway.ip == ip.to_string())
    }

    fn holds_id(&self, cloud: &Cloud, id: &str) -> bool {
        cloud.region(REGION).expect("seeded").objects().customer_gateway(id).is_some()
    }

    /// What the journal calls refused, or found not to have happened, never had an effect; what it calls done, had one.
    pub fn outcomes_are_true(&self) -> Result<(), String> {
        let cloud = self.cloud.borrow();
        let entries = self.state.entries();
        let token_of = |intent: i64| {
            let intent = entries.iter().find(|entry| entry.seq == intent);
            intent.and_then(|entry| match &entry.record {
                Record::WriteIntended { client_token, .. } => Some(client_token.clone()),
                _ => None,
            })
        };
        let had_effect = |intent: i64| {
            let token = token_of(intent);
            let mut calls = cloud.calls().iter().filter(|call| call.token.is_some() && call.token == token);
            calls.any(|call| call.effect)
        };
        let deletes = |intent: i64| {
            let intent = entries.iter().find(|entry| entry.seq == intent);
            intent.is_some_and(|entry| matches!(&entry.record, Record::WriteIntended { action, .. } if action == "DeleteCustomerGateway"))
        };
        let is_tokenless = |intent: i64| cloud.calls().iter().all(|call| call.token != token_of(intent));
        for entry in &entries {
            match &entry.record {
                Record::WriteConcluded { intent, found: Some(id) } if deletes(*intent) && self.holds_id(&cloud, id) => {
                    return Err(format!("record {} says that {id} is gone, and it is there", entry.seq));
                }
                Record::WriteRefused { intent, .. } if had_effect(*intent) => {
                    return Err(format!("record {} says that it was refused, and it happened", entry.seq));
                }
                // An operator may have undone it before anybody looked.
                Record::WriteConcluded { intent, found: None } if had_effect(*intent) && !self.state.operator_acted.get() => {
                    return Err(format!("record {} says that nothing happened, and it did", entry.seq));
                }
                Record::WriteDone { intent, .. } if !is_tokenless(*intent) && !had_effect(*intent) => {
                    return Err(format!("record {} says that it was done, and nothing happened", entry.seq));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Lets everything that is under way in the cloud come to its end.
    pub fn settle(&self) {
        self.cloud.borrow_mut().settle(self.clock.now());
    }
}

impl State {
    fn new(schedule: &Schedule) -> State {
        State {
            faults: RefCell::new(schedule.kinds().collect()),
            armed: Cell::new(false),
            calls: Cell::new(0),
            first_record: Cell::new(0),
            memory: RefCell::default(),
            journal: RefCell::default(),
            next: RefCell::default(),
            death: Cell::new(None),
            died: Notify::new(),
            refused: Cell::new(false),
            last_write: RefCell::default(),
            operator_acted: Cell::new(false),
            machine: Rc::default(),
            sent: RefCell::default(),
            writes: Cell::new(0),
            violations: RefCell::default(),
            aim: schedule.topology.aim,
            end: schedule.topology.end,
        }
    }

    pub fn violation(&self, what: String) {
        self.violations.borrow_mut().push(what);
    }

    pub fn first_violation(&self) -> Option<String> {
        self.violations.borrow().first().cloned()
    }

    pub fn calls(&self) -> u32 {
        self.calls.get()
    }

    pub fn writes(&self) -> u32 {
        self.writes.get()
    }

    pub fn entries(&self) -> Vec<cgwd::journal::Entry> {
        self.memory.borrow().entries()
    }

    /// Since the faults began.
    pub fn records(&self) -> usize {
        self.memory.borrow().entries().len().saturating_sub(self.first_record.get())
    }

    pub fn disarm(&self) {
        self.armed.set(false);
        self.faults.borrow_mut().clear();
    }

    /// Whether a fault of a call is still to come.
    pub fn has_faults_of_calls(&self) -> bool {
        self.faults.borrow().iter().any(|(site, _)| matches!(site, Site::Call(_)))
    }

    /// Where a cut of the journal has been reached, the process is dead: what is beyond the cut never got to the disk.
    pub fn is_cut(&self) -> bool {
        let has_cuts = self.faults.borrow().iter().any(|(_, kind)| matches!(kind, Kind::CutBefore | Kind::CutAfter));
        if !has_cuts {
            return false;
        }
        let (first, written) = (self.first_record.get(), self.memory.borrow().entries().len());
        let cut = self.faults.borrow().iter().position(|(site, kind)| {
            matches!(site, Site::Record(number) if first + *number as usize <= written) && matches!(kind, Kind::CutBefore | Kind::CutAfter)
        });
        let Some((Site::Record(number), kind)) = cut.filter(|_| self.armed.get()).map(|at| self.faults.borrow_mut().remove(at)) else {
            return false;
        };
        let keep = first + number as usize - usize::from(matches!(kind, Kind::CutBefore));
        let mut entries = self.memory.borrow().entries();
        entries.truncate(keep);
        *self.memory.borrow_mut() = Memory::holding(entries);
        self.death.set(Some(Pause::None));
        true
    }

    pub fn time_dead(&self) -> Duration {
        self.death.take().unwrap_or(Pause::None).length()
    }

    /// The disk that was full has space again.
    pub fn free_disk(&self) {
        let (first, written) = (self.first_record.get(), self.memory.borrow().entries().len());
        self.faults.borrow_mut().retain(|(site, kind)| {
            !(matches!(kind, Kind::Full) && matches!(site, Site::Record(number) if first + *number as usize == written + 1))
        });
    }

    /// How many records the disk takes.
    fn next_full_disk(&self) -> Option<usize> {
        let (first, written) = (self.first_record.get(), self.memory.borrow().entries().len());
        let limits = self
            .faults
            .borrow()
            .iter()
            .filter(|(_, kind)| matches!(kind, Kind::Full))
            .filter_map(|(site, _)| match site {
                Site::Record(number) => Some(first + *number as usize - 1).filter(|limit| *limit >= written),
                Site::Call(_) => None,
            })
            .min();
        limits.filter(|_| self.armed.get())
    }

    fn take(&self, call: u32) -> Option<Kind> {
        let mut faults = self.faults.borrow_mut();
        let at = faults.iter().position(|(site, _)| *site == Site::Call(call))?;
        Some(faults.remove(at).1)
    }

    async fn die(&self, pause: Pause) -> ! {
        self.death.set(Some(pause));
        self.died.notify_one();
        std::future::pending().await
    }

    /// The cloud sees a call.
    fn arriving(&self, call: &CallRecord) -> Option<Fault> {
        // Another region may hold what this one may not tell of; where none does, the 403 is told and not "nowhere" (`register`).
        let searches = call.action == "DescribeVpnGateway";
        if self.refused.get() && !searches {
            self.violation(format!("{} was called after a 403", call.action));
        }
        if call.is_write {
            self.writes.set(self.writes.get() + 1);
            self.check_write(call);
        }
        let fault = self.next.take();
        let write = call.is_write.then(|| format!("{} {:?}", call.action, call.parameters));
        // A 403 to a second try says nothing of the first: that has to be looked up.
        let second_try = write.is_some() && *self.last_write.borrow() == write;
        *self.last_write.borrow_mut() = write;
        self.refused.set(!second_try && fault.as_ref().is_some_and(is_refusal_of_rights));
        fault
    }

    fn check_write(&self, call: &CallRecord) {
        let action = call.action.as_str();
        let broken = self.journal.borrow().as_ref().is_some_and(|journal| journal.borrow().is_broken());
        if broken {
            self.violation(format!("{action} went out after an append had failed"));
        }
        let quiet = matches!(self.end, End::Blocked(_) | End::InUse | End::Replace);
        if self.armed.get() && quiet {
            self.violation(format!("{action} went out where nothing may be written"));
        }
        let fitting: &[&str] = match self.aim {
            Aim::Register => &["CreateCustomerGateway", "TagResources"],
            Aim::Unmark => &["UnTagResources", "CreateCustomerGateway"],
            Aim::Delete => &["DeleteCustomerGateway", "CreateCustomerGateway"],
        };
        if !fitting.contains(&action) {
            self.violation(format!("{action} has no place here"));
        }
        self.check_intent(call);
        let Some(token) = &call.token else { return };
        let parameters = format!("{action} {:?}", call.parameters);
        let mut sent = self.sent.borrow_mut();
        let first = sent.entry(token.clone()).or_insert_with(|| parameters.clone());
        if *first != parameters {
            self.violation(format!("{action}: one ClientToken with two sets of parameters"));
        }
    }

    /// The open intent on disk is the one of this very call.
    fn check_intent(&self, call: &CallRecord) {
        let entries = self.memory.borrow().entries();
        let pending = match replay("memory", &entries) {
            Ok(progress) => progress.pending,
            Err(error) => return self.violation(format!("the journal contradicts itself: {error}")),
        };
        let object = ["CustomerGatewayId", "ResourceId.1", "IpAddress"].iter().find_map(|name| call.parameters.get(*name));
        let fits = pending.is_some_and(|pending| {
            pending.action == call.action
                && Some(&pending.target) == object
                && call.token.as_ref().is_none_or(|token| *token == pending.client_token)
        });
        if !fits {
            self.violation(format!("{} went out without its intent on disk", call.action));
        }
    }
}

/// The client's seam: where processes die.
struct Wire {
    inside: InMemory,
    state: Rc<State>,
    clock: Clock,
}

impl Transport for Wire {
    fn send(&self, request: SignedRequest) -> Answer<'_> {
        Box::pin(async move {
            let state = &self.state;
            if state.is_cut() {
                state.die(Pause::None).await;
            }
            state.calls.set(state.calls.get() + 1);
            let kind = if state.armed.get() { state.take(state.calls.get()) } else { None };
            match kind {
                Some(Kind::CrashBefore(pause)) => state.die(pause).await,
                Some(Kind::CrashAfter(pause)) => {
                    let _unseen = self.inside.send(request).await;
                    self.check();
                    state.die(pause).await
                }
                Some(Kind::Reboot(hours_off)) => {
                    state.machine.hours_off.set(hours_off);
                    state.machine.boots.set(state.machine.boots.get() + 1);
                    state.machine.booted_at.set(Duration::try_from(self.clock.uptime()).expect("not negative"));
                    state.die(Pause::None).await
                }
                Some(Kind::Clock(hours_off)) => state.machine.hours_off.set(hours_off),
                Some(Kind::Operator(act)) => self.operator(act),
                Some(Kind::Cloud(fault)) => *state.next.borrow_mut() = Some(fault()),
                _ => {}
            }
            let answer = self.inside.send(request).await;
            self.check();
            answer
        })
    }
}

impl Wire {
    /// Never two of ours, whatever happens.
    fn check(&self) {
        let ours = self.ours();
        let mut addresses: Vec<&str> = ours.iter().map(|gateway| gateway.ip.as_str()).filter(|ip| *ip != "203.0.113.99").collect();
        addresses.sort_unstable();
        if addresses.len() > 1 {
            self.state.violation(format!("{} customer gateways bear our mark: {}", ours.len(), addresses.join(", ")));
        }
    }

    fn ours(&self) -> Vec<CustomerGateway> {
        let cloud = self.inside.cloud().borrow();
        let all = cloud.region(REGION).expect("seeded").objects().customer_gateways.iter();
        all.filter(|gateway| topology::is_ours(&gateway.tags)).cloned().collect()
    }

    fn operator(&self, act: Act) {
        let now: Timestamp = self.clock.now();
        let mut cloud = self.inside.cloud().borrow_mut();
        let region = cloud.region_mut(REGION).expect("seeded");
        let (ip, other) = (IP.to_string(), OTHER_IP.to_string());
        let is_free = region.objects().customer_gateways.iter().all(|gateway| gateway.ip != ip && gateway.ip != other);
        self.state.operator_acted.set(true);
        match act {
            Act::Deletes => region.change(now).customer_gateways.retain(|gateway| !topology::is_ours(&gateway.tags)),
            Act::Unmarks => {
                for gateway in region.change(now).customer_gateways.iter_mut().filter(|gateway| topology::is_ours(&gateway.tags)) {
                    gateway.tags.retain(|key, _| !key.starts_with("cgwd-"));
                }
            }
            Act::Makes if is_free => {
                let objects = region.change(now);
                let plain = objects.customer_gateway("cgw-plain").expect("seeded").clone();
                objects.customer_gateways.push(CustomerGateway { id: "cgw-made".into(), ip, ..plain });
            }
            Act::Makes => {}
        }
    }
}

fn uptime_ms(clock: &Clock) -> u64 {
    u64::try_from(clock.uptime().as_millis()).expect("not negative")
}
