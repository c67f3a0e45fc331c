//! A device, its disk and a cloud, all in memory and on paused time: what goes wrong is decided by a schedule, and what must never
//! happen is checked at every call.

use super::fault::{Kind, Pause, lag, lands_after};
use super::others::{Others, Standing};
use super::schedule::{Schedule, Site};
use super::topology::{self, Besides, REGION};
use super::truth::Truth;
use super::witness::Witness;
use cgwd::cloud::client::Client;
use cgwd::cloud::credentials::Credentials;
use cgwd::cloud::endpoint::Endpoints;
use cgwd::cloud::entropy::Entropy;
use cgwd::cloud::transport::{Answer, RawResponse, SignedRequest, Transport, TransportError};
use cgwd::execute::Executor;
use cgwd::execute::replacement::{Present, Replacer};
use cgwd::journal::store::Memory;
use cgwd::journal::{Entry, Journal, Record};
use cgwd::model::{Asn, Timestamp};
use cgwd::simulator::switches::{DanglingRoutes, MaskPsk};
use cgwd::simulator::{Cloud, Fault, InMemory, Seed};
use cgwd::system::clock::Clock;
use cgwd::system::seal::SealKey;
use std::cell::{Cell, RefCell};
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::Notify;

const START: &str = "2026-01-02T03:04:05Z";

pub struct World {
    pub schedule: Schedule,
    /// How many faults there are in the end.
    pub faults: u32,
    pub cloud: Rc<RefCell<Cloud>>,
    /// The true time, which the cloud knows.
    pub clock: Clock,
    pub state: Rc<State>,
    wire: Rc<Wire>,
    seal: Rc<SealKey>,
}

/// What the transport, the cloud's hook and the driver share.
pub struct State {
    faults: RefCell<Vec<(Site, Kind)>>,
    /// How many faults are to be added.
    awaited: Cell<u32>,
    /// Cuts of the journal, so that looking for them costs nothing where there are none.
    cuts: Cell<bool>,
    calls: Cell<u32>,
    /// Calls that go out in the next pass.
    waiting: Cell<u32>,
    /// How many records there were in the pass before each call.
    passes: RefCell<Vec<u32>>,
    /// Somebody runs it pass after pass.
    in_passes: Cell<bool>,
    pub most_calls: Cell<u32>,
    /// Records that were printed.
    told: Cell<usize>,
    /// Which calls were writes, for the sites of a course without faults.
    pub writes: RefCell<Vec<u32>>,
    memory: RefCell<Memory>,
    first_record: usize,
    journal: RefCell<Option<Rc<RefCell<Journal>>>>,
    next: RefCell<Option<Fault>>,
    forbidden_until: Cell<Option<Timestamp>>,
    death: Cell<Option<Pause>>,
    dead: Cell<bool>,
    pub died: Notify,
    machine: Rc<Machine>,
    pub wanted: Cell<(Ipv4Addr, u32)>,
    pub truth: RefCell<Truth>,
    pub witness: RefCell<Witness>,
    pub standing: RefCell<Vec<Standing>>,
    /// Somebody did something, or the cloud refused for good: a stop with a name may follow.
    pub excused: Cell<bool>,
    /// A right was missing for a while.
    pub paused: Cell<bool>,
    violations: RefCell<Vec<String>>,
    quiet: bool,
    /// What is bound to a transit router anew has other addresses, and somebody tells the device at once.
    told_at_once: bool,
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
    pub fn new(schedule: &Schedule, seed: &Seed, seal: &Rc<SealKey>) -> World {
        World::with_room(0, schedule, seed, seal)
    }

    /// For so many faults more, which come later.
    pub fn with_room(room: u32, schedule: &Schedule, seed: &Seed, seal: &Rc<SealKey>) -> World {
        let clock = Clock::on_runtime_time(START.parse().expect("a time"));
        let cloud = Rc::new(RefCell::new(Cloud::new(seed, clock.now()).expect("the seed's references are whole")));
        let mut truth = Truth::of(cloud.borrow().region(REGION).expect("seeded").objects());
        truth.masked = seed.switches.mask_psk != MaskPsk::None;
        let state = Rc::new(State::new(schedule, truth, clock.now()));
        state.awaited.set(room);
        let hook = Rc::clone(&state);
        cloud.borrow_mut().set_hook(move |_| hook.next.take());
        let now = clock.clone();
        let inside = InMemory::new(Rc::clone(&cloud), Rc::new(move || now.now())).with_time_limit(Duration::from_secs(10));
        let wire = Rc::new(Wire { inside, state: Rc::clone(&state), clock: clock.clone(), seal: Rc::clone(seal) });
        let faults = schedule.faults.len() as u32 + room;
        World { schedule: schedule.clone(), faults, cloud, clock, state, wire, seal: Rc::clone(seal) }
    }

    /// A process as it starts: everything anew but what is on disk.
    pub fn process(&self) -> Result<Replacer, String> {
        let memory = self.state.memory.borrow().clone();
        *memory.fails_after.borrow_mut() = self.state.next_full_disk();
        let journal =
            Journal::in_memory(memory, topology::DEVICE_ID).map_err(|error| format!("I13: a restart finds a bad journal: {error:?}"))?;
        let journal = Rc::new(RefCell::new(journal));
        *self.state.journal.borrow_mut() = Some(Rc::clone(&journal));
        self.state.witness.borrow_mut().new_process();
        self.state.dead.set(false);
        let credentials = Credentials::lasting("AKID", "SECRET", "test");
        let entropy = Entropy::seeded(u64::from(self.state.calls.get()));
        let clock = self.device_clock();
        let client = Client::with_transport(self.wire.clone(), credentials, Endpoints::public(), clock.clone(), entropy);
        let executor = Executor { client: Rc::new(client), journal, clock, auth_key: None };
        let state = Rc::clone(&self.state);
        let present = move || {
            let (ip, asn) = state.wanted.get();
            Present::Is(ip, Asn::new(asn))
        };
        Ok(Replacer {
            executor,
            owner: topology::owner(),
            seal: Rc::clone(&self.seal),
            desired: Rc::new(topology::desired(self.state.wanted.get())),
            present: Rc::new(present),
            watch: Rc::new(|_| ()),
            calls: Rc::default(),
            agreed: Rc::default(),
        })
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

    /// Takes back whatever of others' doing stands in the way; whether there was anything.
    pub fn undo(&self) -> bool {
        let standing = self.state.standing.take();
        self.as_others(|others| standing.iter().for_each(|standing| others.undo(standing)));
        !standing.is_empty()
    }

    /// Somebody follows what is said of several that bear the device's mark; whether there was anything to do.
    pub fn delete_what_is_told(&self) -> bool {
        self.as_others(|others| others.delete_what_is_told())
    }

    fn as_others<T>(&self, act: impl FnOnce(&mut Others<'_>) -> T) -> T {
        let mut cloud = self.cloud.borrow_mut();
        let (mut truth, new) = (self.state.truth.borrow_mut(), self.state.wanted.get().0.to_string());
        act(&mut Others { cloud: &mut cloud, truth: &mut truth, now: self.clock.now(), turn: 0, new })
    }

    /// Lets everything that is under way in the cloud come to its end.
    pub fn settle(&self) {
        self.cloud.borrow_mut().settle(self.clock.now());
    }

    /// The device's clock is right again, as NTP would have it.
    pub fn set_clock(&self) {
        self.state.machine.hours_off.set(0);
    }

    /// Somebody looks after the device: it gets what the cloud has.
    pub fn configure_device(&self) {
        self.cloud.borrow_mut().region_mut(REGION).expect("seeded").configure_devices(self.clock.now());
    }

    pub fn check(&self) {
        self.wire.check();
    }
}

impl State {
    fn new(schedule: &Schedule, truth: Truth, now: Timestamp) -> State {
        let faults: Vec<(Site, Kind)> = schedule.kinds().collect();
        let registered = Record::GatewayRegistered {
            id: topology::OLD_GATEWAY.to_owned(),
            ip: topology::OLD.into(),
            asn: Asn::new(topology::ASN),
            region: REGION.to_owned(),
            how: "created".to_owned(),
        };
        State {
            awaited: Cell::new(0),
            cuts: Cell::new(faults.iter().any(|(_, kind)| matches!(kind, Kind::CutBefore | Kind::CutAfter))),
            faults: RefCell::new(faults),
            calls: Cell::new(0),
            waiting: Cell::new(0),
            passes: RefCell::default(),
            in_passes: Cell::new(false),
            most_calls: Cell::new(u32::MAX),
            told: Cell::new(1),
            writes: RefCell::default(),
            memory: RefCell::new(Memory::holding(vec![Entry { seq: 1, at: now, record: registered }])),
            first_record: 1,
            journal: RefCell::default(),
            next: RefCell::default(),
            forbidden_until: Cell::new(None),
            death: Cell::new(None),
            dead: Cell::new(false),
            died: Notify::new(),
            machine: Rc::default(),
            wanted: Cell::new(schedule.topology.wanted()),
            truth: RefCell::new(truth),
            witness: RefCell::default(),
            standing: RefCell::default(),
            excused: Cell::new(false),
            paused: Cell::new(false),
            violations: RefCell::default(),
            quiet: matches!(schedule.topology.end, topology::End::Refused(_)),
            told_at_once: schedule.topology.way == topology::Way::Recreate && schedule.topology.parts.contains(&topology::Part::Router),
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

    pub fn memory(&self) -> Memory {
        self.memory.borrow().clone()
    }

    /// Since the faults began.
    pub fn records(&self) -> usize {
        self.memory.borrow().count() - self.first_record
    }

    /// All that was to go wrong has.
    pub fn is_over(&self) -> bool {
        self.awaited.get() == 0 && self.faults.borrow().is_empty()
    }

    /// Nothing goes wrong any more.
    pub fn disarm(&self) {
        self.faults.borrow_mut().clear();
        self.cuts.set(false);
        self.forbidden_until.set(None);
    }

    /// Where a cut of the journal has been reached, the process is dead: what is beyond the cut never got to the disk.
    pub fn is_cut(&self) -> bool {
        if !self.cuts.get() {
            return false;
        }
        let written = self.memory.borrow().count();
        let is_reached = |(site, kind): &(Site, Kind)| {
            matches!(site, Site::Record(number) if self.first_record + *number as usize <= written)
                && matches!(kind, Kind::CutBefore | Kind::CutAfter)
        };
        let cut = self.faults.borrow().iter().position(is_reached);
        let Some((Site::Record(number), kind)) = cut.map(|at| self.faults.borrow_mut().remove(at)) else { return false };
        let keep = self.first_record + number as usize - usize::from(matches!(kind, Kind::CutBefore));
        let mut entries = self.memory.borrow().entries();
        entries.truncate(keep);
        *self.memory.borrow_mut() = Memory::holding(entries);
        self.witness.borrow_mut().forget_disk();
        self.death.set(Some(Pause::None));
        true
    }

    pub fn time_dead(&self) -> Duration {
        self.death.take().unwrap_or(Pause::None).length()
    }

    /// The disk that was full has space again.
    pub fn free_disk(&self) {
        let written = self.memory.borrow().count();
        let is_it = |site: &Site| matches!(site, Site::Record(number) if self.first_record + *number as usize == written + 1);
        self.faults.borrow_mut().retain(|(site, kind)| !(matches!(kind, Kind::Full) && is_it(site)));
    }

    /// How many records the disk takes.
    fn next_full_disk(&self) -> Option<usize> {
        let written = self.memory.borrow().count();
        let faults = self.faults.borrow();
        let full = faults.iter().filter(|(_, kind)| matches!(kind, Kind::Full)).filter_map(|(site, _)| match site {
            Site::Record(number) => Some(self.first_record + *number as usize - 1).filter(|limit| *limit >= written),
            Site::Call(_) => None,
        });
        full.min()
    }

    fn take(&self, call: u32) -> Option<Kind> {
        let mut faults = self.faults.borrow_mut();
        let at = faults.iter().position(|(site, _)| *site == Site::Call(call))?;
        Some(faults.remove(at).1)
    }

    /// Others of the same process may still be polled when it is dead.
    async fn until_alive(&self) {
        if self.dead.get() {
            std::future::pending().await
        }
    }

    /// All calls that are made in one pass over everything that runs go out in the next: between two passes nothing is half done.
    async fn next_pass(&self) {
        let mut waiting = None;
        std::future::poll_fn(|context| match waiting.take() {
            Some(Waiting(_)) => Poll::Ready(()),
            None => {
                waiting = Some(Waiting::of(&self.waiting));
                if !self.in_passes.get() {
                    context.waker().wake_by_ref();
                }
                Poll::Pending
            }
        })
        .await;
    }

    /// Runs what calls the cloud until it ends, or until right before the pass in which this call goes out.
    pub async fn run_until<F: Future + ?Sized>(&self, call: u32, mut work: Pin<&mut F>) -> Option<F::Output> {
        self.in_passes.set(true);
        let passes = std::future::poll_fn(|context| {
            while self.calls.get() + self.waiting.get() < call {
                if let Poll::Ready(output) = work.as_mut().poll(context) {
                    return Poll::Ready(Some(output));
                }
                if self.waiting.get() == 0 {
                    return Poll::Pending;
                }
                self.note_pass();
            }
            Poll::Ready(None)
        });
        // Else what the runtime allows one task would end passes at other places after a halt.
        tokio::task::unconstrained(passes).await
    }

    fn note_pass(&self) {
        let mut passes = self.passes.borrow_mut();
        let records = self.records() as u32;
        passes.truncate(self.calls.get() as usize);
        passes.resize((self.calls.get() + self.waiting.get()) as usize, records);
    }

    /// How many records there were in the pass before each call, beginning with the first.
    pub fn passes(&self) -> Vec<u32> {
        self.passes.borrow().clone()
    }

    /// One that comes later than where it is now.
    pub fn add(&self, site: Site, kind: Kind) {
        self.awaited.set(self.awaited.get().saturating_sub(1));
        self.faults.borrow_mut().push((site, kind));
        self.cuts.set(self.cuts.get() || matches!(kind, Kind::CutBefore | Kind::CutAfter));
        if matches!(kind, Kind::Full) {
            *self.memory.borrow().fails_after.borrow_mut() = self.next_full_disk();
        }
    }

    async fn die(&self, pause: Pause) -> ! {
        self.death.set(Some(pause));
        self.dead.set(true);
        self.died.notify_one();
        std::future::pending().await
    }

    pub fn is_broken(&self) -> bool {
        self.journal.borrow().as_ref().is_some_and(|journal| journal.borrow().is_broken())
    }
}

/// A call that goes out in the next pass, or never where its process dies before.
struct Waiting<'a>(&'a Cell<u32>);

impl<'a> Waiting<'a> {
    fn of(calls: &'a Cell<u32>) -> Waiting<'a> {
        calls.set(calls.get() + 1);
        Waiting(calls)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// The client's seam: where processes die.
struct Wire {
    inside: InMemory,
    state: Rc<State>,
    clock: Clock,
    seal: Rc<SealKey>,
}

impl Transport for Wire {
    fn send(&self, request: SignedRequest) -> Answer<'_> {
        Box::pin(async move {
            let state = &self.state;
            state.until_alive().await;
            state.next_pass().await;
            state.until_alive().await;
            if state.is_cut() {
                state.die(Pause::None).await;
            }
            let call = state.calls.get() + 1;
            state.calls.set(call);
            if call > state.most_calls.get() {
                state.violation(format!("I8: {call} calls, and no end; the last is {}", request.action));
                state.die(Pause::None).await;
            }
            let is_write = is_write(&request);
            if is_write {
                state.writes.borrow_mut().push(call);
            }
            let kind = state.take(call);
            let mut crash = None;
            match kind {
                Some(Kind::CrashBefore(pause)) => state.die(pause).await,
                Some(Kind::CrashAfter(pause)) => crash = Some(pause),
                Some(Kind::Reboot(hours_off)) => {
                    state.machine.hours_off.set(hours_off);
                    state.machine.boots.set(state.machine.boots.get() + 1);
                    state.machine.booted_at.set(Duration::try_from(self.clock.uptime()).expect("not negative"));
                    state.die(Pause::None).await
                }
                Some(Kind::Act(act)) => self.act(act, call),
                Some(Kind::Cloud(fault)) => self.cloud_fault(fault()),
                Some(Kind::Forbidden(minutes)) => {
                    state.paused.set(true);
                    state
                        .forbidden_until
                        .set(Some(self.clock.now() + jiff::SignedDuration::from_mins(i64::try_from(minutes).unwrap_or(0))));
                }
                Some(Kind::CutBefore | Kind::CutAfter | Kind::Full) | None => {}
            }
            if state.forbidden_until.get().is_some_and(|until| self.clock.now() < until) {
                *state.next.borrow_mut() = Some(Fault::error_before(403, "Forbidden.RAM"));
            }
            if is_write {
                self.check_write(&request);
            }
            let fault = state.next.borrow().clone();
            let action = request.action.clone();
            let about = (!is_write).then(|| about(&request)).flatten();
            let sent_at = self.clock.now();
            if let Some(after) = fault.as_ref().and_then(lands_after).filter(|_| is_write) {
                state.witness.borrow_mut().lands(sent_at + after);
            }
            let answer = self.inside.send(request).await;
            self.tell(call, &action, about.as_deref(), fault.as_ref(), &answer);
            self.check();
            if let Some(pause) = crash {
                state.die(pause).await
            }
            if !is_write && answer.as_ref().is_ok_and(|answer| answer.status == 200 || answer.status == 404) {
                let (mut witness, mut truth) = (state.witness.borrow_mut(), state.truth.borrow_mut());
                witness.read(&mut truth, &action, about.as_deref(), self.clock.now(), lag(fault.as_ref()));
            }
            answer
        })
    }
}

impl Wire {
    /// Where somebody repeats one schedule to see what happens.
    fn tell(&self, call: u32, action: &str, about: Option<&str>, fault: Option<&Fault>, answer: &Result<RawResponse, TransportError>) {
        if !is_told() {
            return;
        }
        let records: Vec<String> = {
            let told = self.state.told.replace(self.state.memory.borrow().count());
            let new = self.state.memory.borrow().after(told);
            new.iter().map(|entry| format!("    r{} {}", entry.seq - 1, record_words(&entry.record))).collect()
        };
        records.iter().for_each(|line| super::pool::say(line));
        let answer = match answer {
            Ok(answer) => answer.status.to_string(),
            Err(error) => error.to_string(),
        };
        let fault = fault.map_or_else(String::new, |fault| format!(" fault {:?} {:?}", fault.effect, fault.answer));
        super::pool::say(&format!("{call} {} {action} {} -> {answer}{fault}", self.clock.now(), about.unwrap_or_default()));
    }

    fn act(&self, act: super::fault::Act, call: u32) {
        let state = &self.state;
        let mut cloud = self.inside.cloud().borrow_mut();
        cloud.settle(self.clock.now());
        let happened = {
            let mut truth = state.truth.borrow_mut();
            let new = state.wanted.get().0.to_string();
            let mut others = Others { cloud: &mut cloud, truth: &mut truth, now: self.clock.now(), turn: call as usize, new };
            let (happened, standing) = others.act(act);
            state.standing.borrow_mut().extend(standing);
            if state.witness.borrow().is_under_way(self.clock.now())
                && let Some(edit) = truth.edits.last().map(|edit| edit.of.clone())
            {
                // What was sent before can land after.
                truth.may_be_lost.insert(edit);
            }
            happened
        };
        if act == super::fault::Act::Moves {
            state.wanted.set((topology::NEXT, state.wanted.get().1));
            state.truth.borrow_mut().moved.get_or_insert(self.clock.now());
        }
        state.excused.set(state.excused.get() || happened);
    }

    fn cloud_fault(&self, fault: Fault) {
        use cgwd::simulator::fault::Answer as Told;
        match &fault.answer {
            Told::Error { status: 403, .. } => self.state.paused.set(true),
            Told::Error { code, .. } if code == "InvalidParameter" => self.state.excused.set(true),
            _ => {}
        }
        *self.state.next.borrow_mut() = Some(fault);
    }

    /// Everything that must be so before a write goes out.
    fn check_write(&self, request: &SignedRequest) {
        let state = &self.state;
        if state.is_broken() {
            state.violation(format!("I7: {} went out after an append had failed", request.action));
        }
        if state.quiet {
            state.violation(format!("I10: {} went out where a gate refuses", request.action));
        }
        let mut cloud = self.inside.cloud().borrow_mut();
        cloud.settle(self.clock.now());
        let objects = cloud.region(REGION).expect("seeded").objects();
        let (mut witness, mut truth) = (state.witness.borrow_mut(), state.truth.borrow_mut());
        witness.look(&state.memory.borrow(), &mut truth);
        if let Err(what) = witness.write(request, objects, &mut truth, &self.seal, self.clock.now()) {
            state.violation(what);
        }
    }

    /// What must be so at any time.
    fn check(&self) {
        let cloud = self.inside.cloud().borrow();
        let region = cloud.region(REGION).expect("seeded");
        let (mut witness, mut truth) = (self.state.witness.borrow_mut(), self.state.truth.borrow_mut());
        if witness.has_seen(region.changes(), self.state.memory.borrow().count()) {
            return;
        }
        witness.look(&self.state.memory.borrow(), &mut truth);
        if let Err(what) = witness.state(region.objects(), &mut truth) {
            self.state.violation(what);
        }
        drop(cloud);
        if self.state.told_at_once {
            self.inside.cloud().borrow_mut().region_mut(REGION).expect("seeded").configure_devices(self.clock.now());
        }
    }
}

fn is_told() -> bool {
    static TOLD: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    *TOLD.get_or_init(|| std::env::var_os("CGWD_LOG").is_some())
}

fn record_words(record: &Record) -> String {
    match record {
        Record::ReplacementPlanned { plan, .. } => {
            let steps: Vec<String> = plan.steps().map(|step| format!("{}:{:?}", step.id, step.op)).collect();
            format!("planned {} {}", plan.id, steps.join(" "))
        }
        Record::WriteIntended { action, target, step, .. } => {
            format!("intended {action} {target} {}", step.as_ref().map_or("", |step| &step.step))
        }
        other => serde_json::to_string(other).unwrap_or_default(),
    }
}

/// A trial is none.
fn is_write(request: &SignedRequest) -> bool {
    let reads = ["Describe", "List", "Diagnose", "Download"];
    !reads.iter().any(|start| request.action.starts_with(start)) && !request.query.contains("DryRun=true")
}

/// The connection or the customer gateway that a read is about.
fn about(request: &SignedRequest) -> Option<String> {
    let (_, rest) = ["VpnConnectionId=", "CustomerGatewayId="].iter().find_map(|name| request.query.split_once(name))?;
    Some(rest.split('&').next().unwrap_or(rest).to_owned())
}

/// The seed of a schedule's cloud.
pub fn seed_of(schedule: &Schedule) -> Seed {
    let mut seed = schedule.topology.seed();
    let cloud = match schedule.topology.besides {
        Besides::Masked => "stars".parse().expect("a known word"),
        _ => schedule.cloud,
    };
    seed.switches = cloud.switches();
    if schedule.topology.way == topology::Way::Recreate && schedule.topology.parts.contains(&topology::Part::Router) {
        // Routes of a connection on a transit router lie in it: they end with it.
        seed.switches.dangling_routes = DanglingRoutes::Removed;
    }
    seed
}
