//! Many courses that begin alike: one goes ahead, and at each place where others part from it, its memory is kept and set back for
//! each of them.

use super::clouds::CloudKind;
use super::course::{Course, PANICKED, Report, before, runtime};
use super::fault;
use super::generate;
use super::schedule::{Fault, Schedule, Site};
use super::topology::Topology;
use super::world::{State, World, seed_of};
use cgwd::system::environment::Environment;
use cgwd::system::seal::SealKey;
use rewind::{Rewindable, Saved};
use std::mem::ManuallyDrop;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::rc::Rc;

/// A family has at most so many faults in common.
const MOST_IN_COMMON: usize = 5;

/// Schedules that begin alike.
pub struct Family {
    pub common: Schedule,
    /// Each of them has one fault more.
    pub then: Then,
}

pub enum Then {
    /// It is the one schedule alone, and nothing is to be kept.
    Nothing,
    Each(Vec<Fault>),
    /// So many, drawn with this seed from what the course comes by.
    Drawn {
        seed: u64,
        count: u32,
    },
}

/// What the course was without the last fault.
pub struct Ahead {
    pub calls: u32,
    pub records: u32,
    /// As [`Report::passes`].
    pub passes: Vec<u32>,
}

/// What runs families one after the other: one for each thread.
pub struct Forks {
    key: &'static str,
    beginning: Saved,
    here: Saved,
}

/// How a course ended. `Err`: it says itself why.
pub type Ended = Result<Told, ()>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    pub calls: u32,
    pub records: u32,
    pub journal: u64,
}

/// Where a family begins, as something that can go into its memory.
#[derive(Clone, Copy)]
struct Beginning {
    topology: &'static Topology,
    cloud: CloudKind,
    faults: [Option<Fault>; MOST_IN_COMMON],
    key: &'static str,
}

/// All that lives in the memory that is set back.
struct Root {
    runtime: tokio::runtime::Runtime,
    state: Rc<State>,
    course: Pin<Box<dyn Future<Output = Result<Report, String>>>>,
    ended: Option<Result<Report, String>>,
}

impl Forks {
    pub fn new(key: &KeyDirectory) -> Forks {
        Forks { key: key.leaked, beginning: Saved::default(), here: Saved::default() }
    }

    /// Tells how each of them ended: `Err` says which invariant was broken.
    pub fn run(&mut self, family: &Family, mut tell: impl FnMut(&Schedule, Result<Told, String>)) {
        let Family { common, then } = family;
        let beginning = Beginning::of(common, self.key);
        let mut root = Rewindable::new(move || Root::new(beginning));
        root.save_to(&mut self.beginning);
        let ended = ended(&mut root);
        let own = ended.map(|told| Ahead { calls: told.calls, records: told.records, passes: passes(&mut root, told.calls) });
        if !common.faults.is_empty() {
            tell(common, ended.map_err(|()| why(&mut root)));
        }
        let Ok(ahead) = own else { return };
        let faults = match then {
            Then::Nothing => return,
            Then::Each(faults) => faults.clone(),
            Then::Drawn { seed, count } => generate::drawn(common, &ahead, *seed, *count),
        };
        let reached = faults.into_iter().filter(|(site, _)| ahead.reaches(*site));
        let mut lasts: Vec<(u32, Fault)> = reached.map(|fault| (before(&ahead.passes, fault.0), fault)).collect();
        lasts.sort_unstable();
        root.set_back(&self.beginning);
        for there in lasts.chunk_by(|one, other| one.0 == other.0) {
            let call = there[0].0;
            assert!(!root.with(move |root| root.runs_until(call)), "{common} ends before its own call {call}");
            root.save_to(&mut self.here);
            for (_, fault) in there {
                let last = *fault;
                root.with(move |root| root.add(last));
                let ended = self::ended(&mut root);
                let mut faults = common.faults.clone();
                faults.push(last);
                faults.sort_unstable();
                tell(&common.with(&faults), ended.map_err(|()| why(&mut root)));
                root.set_back(&self.here);
            }
        }
    }
}

impl Told {
    pub fn of(report: &Report) -> Told {
        Told { calls: report.calls, records: report.records, journal: report.journal }
    }
}

impl Ahead {
    fn reaches(&self, site: Site) -> bool {
        match site {
            Site::Call(call) => call <= self.calls,
            Site::Record(record) => record <= self.records,
        }
    }
}

fn ended(root: &mut Rewindable<Root>) -> Ended {
    root.with(|root| {
        root.runs_until(u32::MAX);
        match &root.ended {
            Some(Ok(report)) => Ok(Told::of(report)),
            _ => Err(()),
        }
    })
}

fn why(root: &mut Rewindable<Root>) -> String {
    root.text(|root| root.ended.as_ref().and_then(|ended| ended.as_ref().err()).cloned().unwrap_or_default())
}

fn passes(root: &mut Rewindable<Root>, calls: u32) -> Vec<u32> {
    let records = |call: usize| {
        let pass = move |root: &mut Root| root.ended.as_ref().and_then(|ended| ended.as_ref().ok()).map_or(0, |report| report.passes[call]);
        root.with(pass)
    };
    (0..calls as usize).map(records).collect()
}

impl Beginning {
    fn of(schedule: &Schedule, key: &'static str) -> Beginning {
        let mut faults = [None; MOST_IN_COMMON];
        assert!(schedule.faults.len() <= faults.len(), "{schedule} has more in common than there is room for");
        faults.iter_mut().zip(&schedule.faults).for_each(|(place, fault)| *place = Some(*fault));
        Beginning { topology: schedule.topology, cloud: schedule.cloud, faults, key }
    }
}

impl Root {
    fn new(beginning: Beginning) -> Root {
        let Beginning { topology, cloud, faults, key } = beginning;
        let schedule = Schedule { topology, cloud, faults: faults.into_iter().flatten().collect() };
        let seal = Rc::new(SealKey::load(Path::new(key), &Environment::default()).expect("the key that was made"));
        let runtime = runtime();
        let world = runtime.block_on(async { World::with_room(1, &schedule, &seed_of(&schedule), &seal) });
        let state = Rc::clone(&world.state);
        // Nobody takes it apart: its memory is set back, or emptied.
        let mut course = ManuallyDrop::new(Course::of(world));
        Root { runtime, state, course: Box::pin(async move { course.run().await }), ended: None }
    }

    /// Whether it ends before the pass in which this call goes out.
    fn runs_until(&mut self, call: u32) -> bool {
        if self.ended.is_none() {
            let (runtime, state, course) = (&self.runtime, &self.state, &mut self.course);
            let run = AssertUnwindSafe(|| runtime.block_on(state.run_until(call, course.as_mut())));
            self.ended = std::panic::catch_unwind(run).unwrap_or_else(|_| Some(Err(PANICKED.to_owned())));
        }
        self.ended.is_some()
    }

    fn add(&mut self, (site, name): Fault) {
        let (_, kind) = fault::named(name).expect("a fault of the tables");
        self.state.add(site, kind);
    }
}

/// Where the key is that seals what courses write down; it goes with this.
pub struct KeyDirectory {
    leaked: &'static str,
}

impl KeyDirectory {
    /// # Panics
    /// Where it cannot be made.
    pub fn new() -> KeyDirectory {
        let directory: PathBuf = std::env::temp_dir().join(format!("cgwd-forks-{}-{:?}", std::process::id(), std::thread::current().id()));
        std::fs::create_dir_all(&directory).expect("a directory for the key");
        SealKey::load_or_make(&directory, &Environment::default()).expect("a key");
        let leaked = directory.into_os_string().into_string().expect("a name in letters").leak();
        KeyDirectory { leaked }
    }
}

impl Drop for KeyDirectory {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(self.leaked);
    }
}
