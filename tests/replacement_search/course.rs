//! Runs one schedule to its end, as the daemon, the command and the person before it would: again and again, over every crash.

use super::audit;
use super::schedule::{Schedule, Site};
use super::topology::{self, Besides, End, REGION, Topology};
use super::truth::Expected;
use super::world::{World, seed_of};
use cgwd::execute::replacement::{Abandoned, Asked, Draft, Ended, Leftover, Replacer, SuppliedKey, Word};
use cgwd::execute::{ExecuteError, Want};
use cgwd::facts::findings::GATEWAY_DUPLICATE;
use cgwd::journal::Record;
use cgwd::model::{Asn, RegistrationPolicy, Secret, Stopped};
use cgwd::plan::replacement::{Evidence, Manner};
use cgwd::plan::{DecisionKind, Gate};
use cgwd::simulator::Seed;
use cgwd::system::seal::SealKey;
use jiff::SignedDuration;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

/// The pauses of a daemon: after trouble, and before it goes on with what passes.
const AFTER_TROUBLE: Duration = Duration::from_secs(5);
const BEFORE_GOING_ON: Duration = Duration::from_secs(300);
/// Longer than any request can still take effect.
const LONG: Duration = Duration::from_secs(20 * 60);
/// How long it may take for each fault and once more.
const LONGEST: Duration = Duration::from_secs(4 * 3600);
/// How long the daemon lets one registration wait for the cloud.
const PATIENCE: Duration = Duration::from_secs(120);

pub(super) const PANICKED: &str = "panicked";

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub calls: u32,
    /// Which of the calls were writes.
    pub writes: Vec<u32>,
    pub records: u32,
    /// How many records there were in the pass before each call.
    pub passes: Vec<u32>,
    pub bytes: usize,
    /// Of the journal that was left, for comparing two runs.
    pub journal: u64,
}

/// What runs schedules one after the other: one for each thread.
pub struct Runner {
    pub(super) runtime: tokio::runtime::Runtime,
    pub(super) seal: Rc<SealKey>,
    seeds: BTreeMap<(&'static str, super::clouds::CloudKind), Seed>,
}

impl Runner {
    pub fn new() -> Runner {
        Runner { runtime: runtime(), seal: seal_key(), seeds: BTreeMap::new() }
    }

    /// `Err` says which invariant was broken.
    pub fn run(&mut self, schedule: &Schedule) -> Result<Report, String> {
        let seed = self.seeds.entry((schedule.topology.name, schedule.cloud)).or_insert_with(|| seed_of(schedule));
        let (runtime, seal) = (&self.runtime, &self.seal);
        let course = std::panic::AssertUnwindSafe(|| {
            runtime.block_on(async {
                let mut course = Course::of(World::new(schedule, seed, seal));
                let state = Rc::clone(&course.world.state);
                state.run_until(u32::MAX, std::pin::pin!(course.run())).await.expect("no halt before the end")
            })
        });
        let result = std::panic::catch_unwind(course);
        result.unwrap_or_else(|_| {
            self.runtime = self::runtime();
            Err(PANICKED.to_owned())
        })
    }
}

impl Runner {
    /// The writes that were begun where the work is let go after so long and gone on with for so long.
    pub fn let_go_and_gone_on_with(&mut self, schedule: &Schedule, first: Duration, then: Duration) -> Result<Vec<String>, String> {
        let (seed, seal) = (seed_of(schedule), &self.seal);
        self.runtime.block_on(async {
            let mut course = Course::of(World::new(schedule, &seed, seal));
            let replacer = course.world.process()?;
            let draft = replacer.executor.draft(&course.asked_for()).await.map_err(|error| error.to_string())?;
            let is_cut = tokio::time::timeout(first, replacer.begin(&draft)).await.is_err();
            let goes_on = is_cut && tokio::time::timeout(then, replacer.carry_on(None)).await.is_err();
            let actions = course.world.state.memory().entries().into_iter().filter_map(|entry| match entry.record {
                Record::WriteIntended { action, .. } => Some(action),
                _ => None,
            });
            if goes_on { Ok(actions.collect()) } else { Err("it ended before".to_owned()) }
        })
    }

    /// What a process finds that starts after the one before died while it gave up a replacement that never stopped: why that stands
    /// still. The schedule's first fault ends the replacement, its second the giving up.
    pub fn killed_while_giving_up(&mut self, schedule: &Schedule) -> Result<Option<String>, String> {
        let (seed, seal) = (seed_of(schedule), &self.seal);
        self.runtime.block_on(async {
            let mut course = Course::of(World::new(schedule, &seed, seal));
            let state = Rc::clone(&course.world.state);
            let replacer = course.world.process()?;
            let draft = replacer.executor.draft(&course.asked_for()).await.map_err(|error| error.to_string())?;
            tokio::select! {
                biased;
                () = state.died.notified() => {}
                ended = replacer.begin(&draft) => return Err(format!("{ended:?}")),
            }
            let replacer = course.world.process()?;
            tokio::select! {
                biased;
                () = state.died.notified() => {}
                abandoned = replacer.abandon(Word::APersons) => return Err(format!("{abandoned:?}")),
            }
            let replacer = course.world.process()?;
            let journal = replacer.executor.journal.borrow();
            let open = journal.progress().replacements.open.as_ref().ok_or("nothing is open")?;
            Ok(open.stopped.as_ref().filter(|stopped| !stopped.passes).map(|stopped| stopped.reason.clone()))
        })
    }

    /// How a replacement begins whose snapshot does not come back from disk as it was written. `Err`: something was sent, or is open.
    pub fn begun_on_a_bad_disk(&mut self, schedule: &Schedule) -> Result<Ended, String> {
        let (seed, seal) = (seed_of(schedule), &self.seal);
        self.runtime.block_on(async {
            let mut course = Course::of(World::new(schedule, &seed, seal));
            let replacer = course.world.process()?;
            let draft = replacer.executor.draft(&course.asked_for()).await.map_err(|error| error.to_string())?;
            course.world.state.memory().spoils_snapshots.set(true);
            let tried = course.world.state.calls();
            let ended = replacer.begin(&draft).await.map_err(|error| error.to_string())?;
            let is_open = replacer.executor.journal.borrow().progress().replacements.open.is_some();
            match course.world.state.calls() == tried && !is_open {
                true => Ok(ended),
                false => Err(format!("{} calls, {ended:?}", course.world.state.calls() - tried)),
            }
        })
    }
}

pub(super) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime")
}

fn seal_key() -> Rc<SealKey> {
    let directory = std::env::temp_dir().join(format!("cgwd-search-{}-{:?}", std::process::id(), std::thread::current().id()));
    std::fs::create_dir_all(&directory).expect("a directory for the key");
    let environment = cgwd::system::environment::Environment::default();
    let key = SealKey::load_or_make(&directory, &environment).expect("a key");
    let _gone = std::fs::remove_dir_all(&directory);
    Rc::new(key)
}

/// What `is_as_wanted` says where only the plan's mark is too much.
const STILL_MARKED: &str = "I3: the new customer gateway's tags: it still bears the plan's mark";

pub(super) struct Course {
    pub(super) world: World,
    attempts: u32,
    /// How often a person has been asked about the same stop.
    asked: u32,
    /// Stops since the last plan began.
    stops: u32,
    drafts: u64,
    /// What the last trouble was.
    last: RefCell<String>,
    /// The last replacement went back.
    back: Cell<bool>,
    troubles: Cell<u32>,
    /// The gate `proven` has refused before, and a person overrules it.
    was_unproven: Cell<bool>,
    /// Something that stood in the way of an open plan has been taken back: it was drafted without that.
    undone: Cell<bool>,
    is_meant: Cell<bool>,
}

/// How one attempt ended.
enum Attempt {
    Died,
    /// The disk refused a record.
    Broken,
    /// To be tried again after a while.
    Again(Duration),
    /// As the topology wants it.
    Reached,
}

impl Course {
    pub(super) fn of(world: World) -> Course {
        Course {
            world,
            attempts: 0,
            asked: 0,
            stops: 0,
            drafts: 0,
            last: RefCell::default(),
            back: Cell::new(false),
            troubles: Cell::new(0),
            was_unproven: Cell::new(false),
            undone: Cell::new(false),
            is_meant: Cell::new(false),
        }
    }

    fn topology(&self) -> &'static Topology {
        self.world.schedule.topology
    }

    pub(super) async fn run(&mut self) -> Result<Report, String> {
        self.until_reached().await?;
        let (calls, writes, records) = (self.world.state.calls(), self.world.state.writes.take(), self.world.state.records());
        let passes = self.world.state.passes();
        self.world.state.disarm();
        if self.world.state.excused.get() {
            // What somebody did last may not have been noticed yet; and who took a mark off puts it back.
            self.world.undo();
            self.until_reached().await?;
        }
        self.stays_so().await?;
        let (bytes, journal) = audit::journal(&self.world)?;
        Ok(Report { calls, writes, records: u32::try_from(records).unwrap_or(u32::MAX), passes, bytes, journal })
    }

    async fn until_reached(&mut self) -> Result<(), String> {
        let faults = self.world.faults;
        let connections = u32::try_from(self.topology().parts.len()).unwrap_or(1).max(1);
        let (most_attempts, most_calls) = (12 + 12 * faults, self.world.state.calls() + 300 * connections * (1 + faults));
        self.world.state.most_calls.set(most_calls);
        let begun = tokio::time::Instant::now();
        let mut dead = Duration::ZERO;
        loop {
            self.attempts += 1;
            let calls = self.world.state.calls();
            if self.attempts > most_attempts || calls > most_calls {
                return Err(format!("I8: no end after {} attempts and {calls} calls; {}", self.attempts, self.last.borrow()));
            }
            if begun.elapsed() > LONGEST * (faults + 1) + dead {
                return Err(format!("I8: no end after {:?}", begun.elapsed()));
            }
            let attempt = self.attempt().await;
            self.world.check();
            if let Some(violation) = self.world.state.first_violation() {
                return Err(violation);
            }
            match attempt? {
                Attempt::Reached => return Ok(()),
                Attempt::Again(pause) => tokio::time::sleep(pause).await,
                Attempt::Died => {
                    let pause = self.world.state.time_dead();
                    dead += pause;
                    tokio::time::sleep(pause).await;
                }
                Attempt::Broken => {
                    self.world.state.free_disk();
                    tokio::time::sleep(AFTER_TROUBLE).await;
                }
            }
        }
    }

    /// One process, from its start to its end.
    async fn attempt(&mut self) -> Result<Attempt, String> {
        let replacer = self.world.process()?;
        let state = Rc::clone(&self.world.state);
        let result = tokio::select! {
            biased;
            () = state.died.notified() => return Ok(Attempt::Died),
            result = self.work(&replacer) => result,
        };
        if state.is_cut() {
            return Ok(Attempt::Died);
        }
        result
    }

    async fn work(&mut self, replacer: &Replacer) -> Result<Attempt, String> {
        let open = replacer.executor.journal.borrow().progress().replacements.open.as_ref().map(|open| open.stopped.clone());
        match open {
            None => self.begin_anew(replacer).await,
            Some(_) if self.is_outrun(replacer) => self.leave_behind(replacer).await,
            Some(None) => self.ended(replacer, replacer.carry_on(None).await),
            Some(Some(stopped)) => self.after_a_stop(replacer, &stopped).await,
        }
    }

    /// The device is no longer what the plan was made for.
    fn is_outrun(&self, replacer: &Replacer) -> bool {
        let journal = replacer.executor.journal.borrow();
        let (ip, asn) = self.world.state.wanted.get();
        journal.progress().replacements.open.as_ref().is_some_and(|open| (open.plan.new.ip, open.plan.new.asn) != (ip, Asn::new(asn)))
    }

    async fn leave_behind(&mut self, replacer: &Replacer) -> Result<Attempt, String> {
        if self.asked > 12 {
            return Err("I8: no way on from a plan that the device has outrun".to_owned());
        }
        if self.asked > 1 {
            self.undo_what_is_in_the_way();
        }
        self.give_up(replacer).await
    }

    async fn begin_anew(&mut self, replacer: &Replacer) -> Result<Attempt, String> {
        let executor = &replacer.executor;
        if executor.journal.borrow().progress().pending.is_some() {
            match executor.resolve_open_write(&replacer.owner).await {
                Ok(true) => {}
                Ok(false) => return Ok(Attempt::Again(BEFORE_GOING_ON)),
                Err(error) => return self.trouble(&error),
            }
        }
        let draft = match executor.draft(&self.asked_for()).await {
            Ok(draft) => draft,
            Err(error) => return self.trouble(&error),
        };
        let is_at_rest = matches!(draft.decision.kind, DecisionKind::InSync | DecisionKind::Blocked);
        if let Some(id) = self.leftover(replacer).filter(|_| is_at_rest) {
            return self.retire(replacer, &id, draft.decision.kind).await;
        }
        match draft.decision.kind {
            // Told that another one bears the mark, which nothing uses, somebody deletes it.
            DecisionKind::InSync if tells_of_several(&draft) && self.world.delete_what_is_told() => Ok(Attempt::Again(BEFORE_GOING_ON)),
            DecisionKind::InSync => self.in_sync(),
            DecisionKind::Create | DecisionKind::Adopt => Ok(match executor.register(&self.want(), PATIENCE).await {
                Ok(registration) if registration.held.is_some() => Attempt::Again(BEFORE_GOING_ON),
                Ok(_) => Attempt::Again(AFTER_TROUBLE),
                Err(error) => self.trouble(&error)?,
            }),
            DecisionKind::Replace if draft.refused().is_none() && draft.plan.is_some() => self.begin(replacer, &draft).await,
            _ => self.not_begun(&draft),
        }
    }

    async fn begin(&mut self, replacer: &Replacer, draft: &Draft) -> Result<Attempt, String> {
        (self.asked, self.stops) = (0, 0);
        self.ended(replacer, replacer.begin(draft).await)
    }

    /// An old customer gateway that the cloud would not delete.
    fn leftover(&self, replacer: &Replacer) -> Option<String> {
        let journal = replacer.executor.journal.borrow();
        journal.progress().replacements.last.as_ref().and_then(|last| last.leftover.first().cloned())
    }

    async fn retire(&self, replacer: &Replacer, id: &str, decision: DecisionKind) -> Result<Attempt, String> {
        self.world.undo();
        let wanted = self.world.state.wanted.get().0;
        match replacer.retire_leftover(REGION, id, Duration::from_secs(60), &|ip| ip == wanted).await {
            Ok(Leftover::Gone | Leftover::LetGo(_)) => Ok(Attempt::Again(Duration::ZERO)),
            // A change back has made it the one that is wanted: a daemon registers it, and it is no leftover any more.
            Ok(Leftover::Kept(kept)) if decision == DecisionKind::InSync && kept.why.ends_with("may be wanted") => self.in_sync(),
            Ok(Leftover::Kept(kept)) => {
                self.last.replace(kept.why);
                Ok(Attempt::Again(BEFORE_GOING_ON))
            }
            Err(error) => self.trouble(&error),
        }
    }

    fn in_sync(&self) -> Result<Attempt, String> {
        match self.topology().end {
            End::Done => Ok(Attempt::Reached),
            _ if self.world.state.excused.get() => Ok(Attempt::Reached),
            End::RolledBack => Err("I9: in sync, and nothing came up".to_owned()),
            End::Refused(gate) => Err(format!("I10: in sync, and {gate} refuses")),
        }
    }

    fn not_begun(&self, draft: &Draft) -> Result<Attempt, String> {
        let refused: Vec<&Gate> = draft.decision.gates.iter().filter(|gate| !gate.passed).collect();
        let words = || refused.iter().map(|gate| format!("{}: {}", gate.name, gate.detail)).collect::<Vec<_>>().join("; ");
        if let End::Refused(name) = self.topology().end {
            let is_it = refused.iter().any(|gate| gate.name == name);
            return if is_it { Ok(Attempt::Reached) } else { Err(format!("I10: {name} does not refuse, but: {}", words())) };
        }
        if self.world.undo() {
            return Ok(Attempt::Again(BEFORE_GOING_ON));
        }
        if tells_of_several(draft) && self.world.delete_what_is_told() {
            return Ok(Attempt::Again(BEFORE_GOING_ON));
        }
        let findings: Vec<&str> = draft.decision.findings.iter().map(|finding| finding.message.as_str()).collect();
        self.last.replace(format!("it does not begin: {}; {}", words(), findings.join("; ")));
        let passes = refused
            .iter()
            .all(|gate| ["clock", "daily_limit", "dry_run", "proven", "rights", "settled", "working_tunnel"].contains(&gate.name))
            && !refused.is_empty();
        if passes || self.world.state.excused.get() {
            if refused.iter().any(|gate| gate.name == "proven") {
                // Its words ask for it; what somebody else put there no device follows, and then a person says that it is meant.
                self.world.configure_device();
                self.is_meant.set(self.was_unproven.replace(true) && self.world.state.excused.get());
            }
            self.world.set_clock();
            return Ok(Attempt::Again(BEFORE_GOING_ON));
        }
        Err(format!("I8: {}", self.last.borrow()))
    }

    fn ended(&mut self, replacer: &Replacer, ended: Result<Ended, ExecuteError>) -> Result<Attempt, String> {
        let state = &self.world.state;
        let ended = match ended {
            Ok(ended) => ended,
            Err(error) => return self.trouble(&error),
        };
        audit::tells_no_secret(&format!("{ended:?}"))?;
        match ended {
            Ended::Done { leftover, .. } => {
                if self.topology().end != End::Done && !state.excused.get() {
                    return Err("I9: done, and it cannot be".to_owned());
                }
                if !leftover.is_empty() && !state.excused.get() && !state.paused.get() {
                    return Err(format!("I8: done, and {} is left over", leftover.join(", ")));
                }
                if state.is_cut() {
                    return Ok(Attempt::Died);
                }
                self.back.set(false);
                if self.world.undo() | self.undone.take() {
                    // What had lost its mark was left alone, rightly: judged is what comes of it once that is back.
                    return Ok(Attempt::Again(BEFORE_GOING_ON));
                }
                // What is left of an earlier one goes at the next visit.
                match self.is_as_wanted(false, self.leftover(replacer).is_none()) {
                    // A late copy of the call that set it: the next visit takes it off.
                    Err(why) if why == STILL_MARKED => {}
                    judged => judged?,
                }
                // The next visit is the one that finds all in sync much later.
                let is_over = state.is_over() && self.world.faults > 0 && !state.excused.get() && self.topology().end == End::Done;
                Ok(if is_over { Attempt::Reached } else { Attempt::Again(Duration::ZERO) })
            }
            Ended::RolledBack { why } => match self.topology().end {
                End::RolledBack => {
                    self.back.set(true);
                    self.is_as_wanted(true, true)?;
                    Ok(Attempt::Reached)
                }
                _ if state.excused.get() => {
                    self.world.configure_device();
                    Ok(Attempt::Again(BEFORE_GOING_ON))
                }
                _ => Err(format!("I8: gone back: {why}")),
            },
            Ended::Stopped(stopped) => self.stopped(&stopped),
        }
    }

    fn stopped(&self, stopped: &Stopped) -> Result<Attempt, String> {
        let state = &self.world.state;
        let excused = state.excused.get() || stopped.passes && state.paused.get();
        if !excused && self.topology().end != End::RolledBack {
            return Err(format!("I8: stopped ({}): {}", stopped.reason, stopped.message));
        }
        Ok(Attempt::Again(BEFORE_GOING_ON))
    }

    /// What passes is gone on with; for the rest a person looks after it, who has read the remedy.
    async fn after_a_stop(&mut self, replacer: &Replacer, stopped: &Stopped) -> Result<Attempt, String> {
        self.stops += 1;
        // A daemon goes on with what passes; where it does not, somebody comes.
        if stopped.passes && (self.stops < 4 || !self.world.state.excused.get()) {
            self.undo_what_is_in_the_way();
            if stopped.reason == "not_verified" && self.world.state.excused.get() {
                self.world.configure_device();
            }
            return self.go_on(replacer).await;
        }
        if self.asked > 1 || self.drafts > 2 {
            self.undo_what_is_in_the_way();
        }
        if self.asked > 8 {
            return Err(format!("I8: no way on from ({}): {}; {}", stopped.reason, stopped.message, self.last.borrow()));
        }
        // What the cloud refused once it may do the next time.
        if stopped.reason == "refused" && self.asked == 0 {
            self.asked += 1;
            return self.go_on(replacer).await;
        }
        self.give_up(replacer).await
    }

    /// And on with it where that is not safe yet.
    async fn give_up(&mut self, replacer: &Replacer) -> Result<Attempt, String> {
        self.world.state.witness.borrow_mut().gives_up(true);
        let abandoned = replacer.abandon(Word::APersons).await;
        self.world.state.witness.borrow_mut().gives_up(false);
        match abandoned {
            Ok(Abandoned::Yes { .. }) => {
                self.leave_there();
                Ok(Attempt::Again(Duration::ZERO))
            }
            Ok(Abandoned::NotSafe(why)) => {
                self.asked += 1;
                self.last.replace(why);
                self.go_on(replacer).await
            }
            Err(error) => self.trouble(&error),
        }
    }

    async fn go_on(&mut self, replacer: &Replacer) -> Result<Attempt, String> {
        match replacer.resume() {
            Ok(()) => self.ended(replacer, replacer.carry_on(None).await),
            Err(error) => self.trouble(&error),
        }
    }

    fn undo_what_is_in_the_way(&self) {
        let any = self.world.undo();
        self.undone.set(self.undone.get() || any);
    }

    fn trouble(&self, error: &ExecuteError) -> Result<Attempt, String> {
        audit::tells_no_secret(&format!("{error:?} {error}"))?;
        *self.last.borrow_mut() = error.to_string();
        match error {
            ExecuteError::Journal(_) => Ok(Attempt::Broken),
            ExecuteError::Cloud(_) | ExecuteError::Unconfirmed { .. } | ExecuteError::Hidden { .. } => {
                self.troubles.set(self.troubles.get() + 1);
                Ok(Attempt::Again((AFTER_TROUBLE * (1 << self.troubles.get().min(6))).min(BEFORE_GOING_ON)))
            }
            _ if self.world.state.is_cut() => Ok(Attempt::Died),
            other => Err(format!("I8: {other:?}")),
        }
    }

    fn want(&self) -> Want {
        let gates = vec![Gate::passed("observation", "by the test")];
        Want {
            desired: topology::desired(self.world.state.wanted.get()),
            findings: Vec::new(),
            gates,
            policy: RegistrationPolicy { create: true, adopt: true },
        }
    }

    pub(super) fn asked_for(&mut self) -> Asked {
        self.drafts += 1;
        let evidence = Evidence {
            settled: Ok("by the test".to_owned()),
            attested: Ok("by the test".to_owned()),
            max_per_day: 10,
            by_person: false,
            window: None,
            clock_offset: SignedDuration::ZERO,
            free_bytes: None,
            dry_run: None,
        };
        let keys = if self.topology().besides == Besides::Masked { Vec::new() } else { self.keys() };
        let own = self.topology().manner();
        let manner = Manner { planned: own.planned || self.is_meant.get(), ..own };
        Asked { want: self.want(), manner, evidence, keys, id: format!("{:016x}", self.drafts), dry_run: true }
    }

    /// Where the cloud masks its keys, the person knows them.
    fn keys(&self) -> Vec<SuppliedKey> {
        let cloud = self.world.schedule.cloud;
        if !cloud.has("stars") && !cloud.has("masked") {
            return Vec::new();
        }
        let region = self.world.cloud.borrow();
        let connections = region.region(REGION).expect("seeded").objects().connections.clone();
        let keys = connections.iter().flat_map(|connection| {
            let of_tunnels = connection.tunnels.iter().map(|tunnel| SuppliedKey {
                connection: connection.id.clone(),
                tunnel: Some(tunnel.id.clone()),
                psk: Secret::new(tunnel.ike.psk.clone()),
            });
            let own = SuppliedKey { connection: connection.id.clone(), tunnel: None, psk: Secret::new(connection.ike.psk.clone()) };
            of_tunnels.chain((!connection.is_dual()).then_some(own)).collect::<Vec<_>>()
        });
        keys.collect()
    }

    /// Whoever gave up what could not be pointed back has been told what stays.
    fn leave_there(&self) {
        if !matches!(self.topology().end, End::RolledBack) {
            return;
        }
        let left = {
            let (cloud, truth) = (self.world.cloud.borrow(), self.world.state.truth.borrow());
            let objects = cloud.region(REGION).expect("seeded").objects();
            let ip = self.world.state.wanted.get().0;
            Expected { truth: &truth, was: truth.expected(), now: objects, new: "", ip, back: true }.moved_tunnels()
        };
        self.world.state.truth.borrow_mut().left_there.extend(left);
    }

    /// I3, I5 and I9: everything is as it has to be, now.
    fn is_as_wanted(&self, back: bool, retired: bool) -> Result<(), String> {
        let cloud = self.world.cloud.borrow();
        let objects = cloud.region(REGION).expect("seeded").objects();
        let truth = self.world.state.truth.borrow();
        let ip = truth.last_plan_to.unwrap_or(self.world.state.wanted.get().0);
        let new = objects.customer_gateways.iter().find(|gateway| gateway.ip == ip.to_string()).map(|gateway| gateway.id.clone());
        let new = new.filter(|id| !back || truth.replaced.contains(id)).unwrap_or_default();
        let expected = Expected { truth: &truth, was: truth.expected(), now: objects, new: &new, ip, back };
        let mut differences = expected.differences();
        if !retired {
            differences.retain(|difference| !difference.contains("is still there") && !difference.contains("is left over"));
        }
        if back && (self.world.state.excused.get() || self.world.state.paused.get()) {
            // What the cloud would not delete, or somebody else has taken.
            differences.retain(|difference| !difference.contains("is left over"));
        }
        if differences.is_empty() { Ok(()) } else { Err(format!("I3: {}", differences.join("; "))) }
    }

    /// Long after everything late has landed, and without faults, a new process finds the same and writes nothing.
    async fn stays_so(&mut self) -> Result<(), String> {
        tokio::time::sleep(LONG).await;
        self.world.settle();
        self.world.set_clock();
        self.world.check();
        if let End::Refused(_) = self.topology().end {
            return self.untouched();
        }
        if self.back.get() {
            return self.is_as_wanted(true, true);
        }
        // What landed after the end, such as a mark or a customer gateway for nothing, goes at the next visit, until one finds all
        // in sync at once and journals nothing.
        loop {
            let before = (self.attempts, self.world.state.records());
            self.until_reached().await?;
            if (self.attempts, self.world.state.records()) == (before.0 + 1, before.1) {
                break;
            }
        }
        self.is_as_wanted(false, true)?;
        self.world.state.first_violation().map_or(Ok(()), Err)
    }

    /// I5 and I10: where a gate refuses nothing is written at all.
    fn untouched(&self) -> Result<(), String> {
        match self.world.state.first_violation() {
            Some(violation) => Err(violation),
            None if self.world.state.writes.borrow().is_empty() => Ok(()),
            None => Err("I10: something was written".to_owned()),
        }
    }
}

fn tells_of_several(draft: &Draft) -> bool {
    draft.decision.findings.iter().any(|finding| finding.code == GATEWAY_DUPLICATE)
}

/// The course without faults.
pub fn without_faults(runner: &mut Runner, schedule: &Schedule) -> Report {
    let schedule = schedule.with(&[]);
    runner.run(&schedule).unwrap_or_else(|why| panic!("{schedule} fails without any fault: {why}"))
}

impl Report {
    /// The calls and records, and which of the calls are writes.
    pub fn sites(&self) -> Vec<(Site, bool)> {
        let calls = (1..=self.calls + 1).map(|call| (Site::Call(call), self.writes.contains(&call)));
        let records = (1..=self.records).map(|record| (Site::Record(record), true));
        calls.chain(records).collect()
    }

    /// The call before which something has to be added to come at this site.
    pub fn before(&self, site: Site) -> u32 {
        before(&self.passes, site)
    }
}

/// A record is written between two calls: the first of them.
pub fn before(passes: &[u32], site: Site) -> u32 {
    match site {
        Site::Call(call) => call,
        Site::Record(record) => passes.iter().position(|written| *written >= record).unwrap_or(passes.len()).max(1) as u32,
    }
}
