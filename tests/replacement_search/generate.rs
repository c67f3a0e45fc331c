//! Which schedules are run: every single fault, every pair, and random handfuls. Each has a number, so that threads share them.

use super::clouds::CloudKind;
use super::course::{Runner, sites};
use super::fault::{OF_CALLS, OF_OTHERS, OF_RECORDS, TELLING};
use super::schedule::{Fault, Schedule, Site};
use super::topology::{ALL, Besides, End, Topology};
use cgwd::simulator::Random;
use std::sync::Arc;

/// Schedules of one kind, by number.
#[derive(Clone)]
pub struct Block {
    pub name: String,
    kind: Arc<BlockKind>,
    /// Every so manieth, beginning with this one.
    share: (u64, u64),
}

enum BlockKind {
    Listed(Vec<Schedule>),
    Several(Vec<Block>),
    Singles(Base),
    /// Each pair of faults at two sites, every so manieth.
    Pairs {
        base: Base,
        every: u64,
    },
    Random {
        first: u64,
        count: u64,
        bases: Vec<Base>,
    },
}

/// A topology with its faults.
#[derive(Clone)]
pub struct Base {
    schedule: Schedule,
    faults: Vec<Fault>,
    calls: u32,
    records: u32,
}

impl Base {
    pub fn of(runner: &mut Runner, topology: &'static Topology, cloud: CloudKind, all: bool) -> Base {
        let schedule = Schedule::without_faults(topology, cloud);
        let sites = sites(runner, &schedule);
        let last = |is: fn(&Site) -> Option<u32>| sites.iter().filter_map(|(site, _)| is(site)).max().unwrap_or(0);
        let calls = last(|site| if let Site::Call(number) = site { Some(*number) } else { None });
        let records = last(|site| if let Site::Record(number) = site { Some(*number) } else { None });
        let faults = sites.iter().flat_map(|(site, is_write)| faults_at(topology, *site, *is_write, all)).collect();
        Base { schedule, faults, calls, records }
    }
}

fn faults_at(topology: &Topology, site: Site, is_write: bool, all: bool) -> Vec<Fault> {
    let told = |name: &&str| all || TELLING.contains(name);
    match site {
        Site::Record(_) => OF_RECORDS.iter().map(|(name, _)| (site, *name)).collect(),
        Site::Call(_) => {
            let others = OF_OTHERS.iter().filter(|(name, _, _)| fits(topology, name));
            let fitting = OF_CALLS.iter().chain(others).filter(|(_, of, _)| of.includes(is_write)).map(|(name, _, _)| *name);
            fitting.filter(told).map(|name| (site, name)).collect()
        }
    }
}

/// Where a gate refuses, what others do would open it; and what goes back has to find things as they were. The only tunnel that a
/// device has is not taken from it: what is left could never come up.
fn fits(topology: &Topology, act: &str) -> bool {
    match topology.end {
        End::Done if topology.besides == Besides::OneTunnel => act != "elsewhere",
        End::Done => true,
        End::RolledBack => ["route", "tag", "unmarks-new"].contains(&act),
        End::Refused(_) => false,
    }
}

/// A customer gateway in between, at an address that the device has left, that somebody takes the mark off: what is on it is
/// nobody's then. So is the only tunnel that a device has, where it is still at the old one: what is left could never come up.
fn contradict(topology: &Topology, faults: &[Fault]) -> bool {
    let has = |name: &str| faults.iter().any(|(_, known)| *known == name);
    has("moves") && (has("unmarks-new") || (has("unmarks-old") && topology.besides == Besides::OneTunnel))
}

impl Block {
    pub fn listed(name: &str, schedules: Vec<Schedule>) -> Block {
        Block::of(name.to_owned(), BlockKind::Listed(schedules))
    }

    pub fn singles(base: Base) -> Block {
        Block::of(format!("{}/{} one fault", base.schedule.topology.name, base.schedule.cloud), BlockKind::Singles(base))
    }

    pub fn pairs(base: Base, every: u64) -> Block {
        let part = if every > 1 { format!(" (one in {every})") } else { String::new() };
        let name = format!("{}/{} two faults{part}", base.schedule.topology.name, base.schedule.cloud);
        Block::of(name, BlockKind::Pairs { base, every })
    }

    pub fn random(first: u64, count: u64, bases: Vec<Base>) -> Block {
        Block::of(format!("random, seeds from {first}"), BlockKind::Random { first, count, bases })
    }

    fn of(name: String, kind: BlockKind) -> Block {
        Block { name, kind: Arc::new(kind), share: (1, 0) }
    }

    /// One share of so many of each of these, spread over it.
    pub fn share(name: &str, blocks: &[Block], share: u64, shares: u64) -> Block {
        let parts = blocks.iter().map(|block| Block { share: (shares, share), ..block.clone() }).collect();
        Block::of(format!("{name}, share {} of {shares}", share + 1), BlockKind::Several(parts))
    }

    pub fn count(&self) -> u64 {
        let (every, first) = self.share;
        self.whole().saturating_sub(first).div_ceil(every)
    }

    fn whole(&self) -> u64 {
        match &*self.kind {
            BlockKind::Listed(schedules) => schedules.len() as u64,
            BlockKind::Several(blocks) => blocks.iter().map(Block::count).sum(),
            BlockKind::Singles(base) => base.faults.len() as u64,
            BlockKind::Pairs { base, every } => pairs(base) / every,
            BlockKind::Random { count, .. } => *count,
        }
    }

    /// `None` for a pair at one site.
    pub fn schedule(&self, number: u64) -> Option<Schedule> {
        let (every, first) = self.share;
        let number = number * every + first;
        match &*self.kind {
            BlockKind::Several(blocks) => {
                let mut rest = number;
                let its = |block: &&Block| match rest.checked_sub(block.count()) {
                    Some(beyond) => {
                        rest = beyond;
                        false
                    }
                    None => true,
                };
                blocks.iter().find(its)?.schedule(rest)
            }
            BlockKind::Listed(schedules) => schedules.get(number as usize).cloned(),
            BlockKind::Singles(base) => base.faults.get(number as usize).map(|fault| base.schedule.with(&[*fault])),
            BlockKind::Pairs { base, every } => {
                let (first, second) = pair(number * every);
                let (first, second) = (base.faults[first as usize], base.faults[second as usize]);
                (first.0 != second.0 && !contradict(base.schedule.topology, &[first, second]))
                    .then(|| base.schedule.with(&[first.min(second), first.max(second)]))
            }
            BlockKind::Random { first, bases, .. } => Some(random(bases, first + number)),
        }
    }
}

pub fn pairs_of(base: &Base) -> u64 {
    pairs(base)
}

fn pairs(base: &Base) -> u64 {
    let faults = base.faults.len() as u64;
    faults * faults.saturating_sub(1) / 2
}

/// The pair with this number: (1, 0), (2, 0), (2, 1), (3, 0), …
fn pair(number: u64) -> (u64, u64) {
    let mut larger = ((((8 * number + 1) as f64).sqrt() + 1.0) / 2.0) as u64;
    while larger * (larger - 1) / 2 > number {
        larger -= 1;
    }
    while larger * (larger + 1) / 2 <= number {
        larger += 1;
    }
    (larger, number - larger * (larger - 1) / 2)
}

/// Three to six faults anywhere, in any kind of cloud.
pub fn random(bases: &[Base], seed: u64) -> Schedule {
    let mut random = Random::new(seed);
    let mut number = || random.number();
    let mut draw = || &bases[(number() % bases.len() as u64) as usize];
    let (one, other) = (draw(), draw());
    // Long replacements take the time of several short ones: half of the draws prefer what is shorter.
    let base = if number() % 2 == 0 && other.calls < one.calls { other } else { one };
    let cloud = CloudKind::any(number());
    let topology = base.schedule.topology;
    let count = 3 + number() % 4;
    let mut faults: Vec<Fault> = Vec::new();
    // What is restarted takes more calls than it did without faults.
    let (calls, records) = (base.calls * 3 / 2, base.records + 4);
    while (faults.len() as u64) < count {
        let below = |limit: u32, number: u64| 1 + (number % u64::from(limit.max(1))) as u32;
        let fault = match number() % 6 {
            0 => (Site::Record(below(records, number())), OF_RECORDS[(number() % OF_RECORDS.len() as u64) as usize].0),
            1 => (Site::Call(below(calls, number())), OF_OTHERS[(number() % OF_OTHERS.len() as u64) as usize].0),
            _ => (Site::Call(below(calls, number())), OF_CALLS[(number() % OF_CALLS.len() as u64) as usize].0),
        };
        let stale = |name: &str| name.starts_with("stale");
        // Two readings a minute apart that are both older than that minute are beyond what the cloud does.
        let too_stale = stale(fault.1) && faults.iter().any(|(_, name)| stale(name));
        let is_act = OF_OTHERS.iter().any(|(name, _, _)| *name == fault.1);
        if !too_stale
            && (!is_act || fits(topology, fault.1))
            && !contradict(topology, &[&faults[..], &[fault]].concat())
            && faults.iter().all(|(site, _)| *site != fault.0)
        {
            faults.push(fault);
        }
    }
    faults.sort_unstable();
    Schedule { topology, cloud, faults }
}

/// Of every topology, or of those that `CGWD_SEARCH_TOPOLOGIES` names.
pub fn bases(runner: &mut Runner, cloud: CloudKind, all: bool) -> Vec<Base> {
    let named = std::env::var("CGWD_SEARCH_TOPOLOGIES").unwrap_or_default();
    let wanted = |topology: &&Topology| named.is_empty() || named.split(',').any(|name| name == topology.name);
    ALL.iter().filter(wanted).map(|topology| Base::of(runner, topology, cloud, all)).collect()
}
