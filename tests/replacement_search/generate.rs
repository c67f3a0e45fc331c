//! Which schedules are run: every single fault, every pair, and random handfuls, in families that begin alike. Each family has a
//! number, so that threads share them.

use super::clouds::CloudKind;
use super::course::{Report, Runner, without_faults};
use super::fault::{OF_CALLS, OF_OTHERS, OF_RECORDS, TELLING};
use super::forks::{Ahead, Family, Then};
use super::schedule::{Fault, Schedule, Site};
use super::topology::{ALL, Besides, End, Topology};
use cgwd::simulator::Random;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// So many single faults are one family's.
const SINGLES: usize = 64;
/// Where not every pair is run, a first fault that is has about so many seconds: what they have in common is then run once for all.
const SECONDS: u64 = 40;

/// The calls of a short replacement.
const SHORT: u32 = 30;

/// Families of one kind, by number.
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
    /// Every so manieth fault.
    Singles {
        base: Base,
        every: u64,
    },
    /// Pairs of faults at two sites: of every so manieth first one every so manieth second.
    Pairs {
        base: Base,
        firsts: u64,
        seconds: u64,
    },
    /// From seeds, each with so many last faults.
    Random {
        first: u64,
        count: u64,
        lasts: u32,
        bases: Vec<Base>,
    },
}

/// A topology with its faults, in the order in which the course without any comes by them.
#[derive(Clone)]
pub struct Base {
    schedule: Schedule,
    faults: Vec<Fault>,
    course: Report,
}

impl Base {
    pub fn of(runner: &mut Runner, topology: &'static Topology, cloud: CloudKind, all: bool) -> Base {
        let schedule = Schedule::without_faults(topology, cloud);
        let course = without_faults(runner, &schedule);
        let mut faults: Vec<Fault> =
            course.sites().iter().flat_map(|(site, is_write)| faults_at(topology, *site, *is_write, all)).collect();
        faults.sort_by_key(|(site, _)| (course.before(*site), *site));
        Base { schedule, faults, course }
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

    pub fn singles(base: Base, every: u64) -> Block {
        let part = part(every);
        Block::of(format!("{}/{} one fault{part}", base.schedule.topology.name, base.schedule.cloud), BlockKind::Singles { base, every })
    }

    /// Every so manieth.
    pub fn pairs(base: Base, every: u64) -> Block {
        let name = format!("{}/{} two faults{}", base.schedule.topology.name, base.schedule.cloud, part(every));
        let seconds = (base.faults.len() as u64 / 2 / SECONDS).clamp(1, every);
        Block::of(name, BlockKind::Pairs { base, firsts: every / seconds, seconds })
    }

    /// About so many.
    pub fn random(first: u64, schedules: u64, lasts: u32, bases: Vec<Base>) -> Block {
        let count = schedules.div_ceil(u64::from(lasts) + 1);
        Block::of(format!("random, seeds from {first}"), BlockKind::Random { first, count, lasts, bases })
    }

    fn of(name: String, kind: BlockKind) -> Block {
        Block { name, kind: Arc::new(kind), share: (1, 0) }
    }

    /// One share of so many of each of these, spread over it.
    pub fn share(name: &str, blocks: &[Block], share: u64, shares: u64) -> Block {
        let parts = blocks.iter().map(|block| Block { share: (shares, share), ..block.clone() }).collect();
        Block::of(format!("{name}, share {} of {shares}", share + 1), BlockKind::Several(parts))
    }

    /// How many families it has.
    pub fn families(&self) -> u64 {
        let (every, first) = self.share;
        self.whole().saturating_sub(first).div_ceil(every)
    }

    fn whole(&self) -> u64 {
        match &*self.kind {
            BlockKind::Listed(schedules) => schedules.len() as u64,
            BlockKind::Several(blocks) => blocks.iter().map(Block::families).sum(),
            BlockKind::Singles { base, every } => (base.faults.len() as u64).div_ceil(*every).div_ceil(SINGLES as u64),
            BlockKind::Pairs { base, firsts, .. } => base.faults.len() as u64 / firsts,
            BlockKind::Random { count, .. } => *count,
        }
    }

    pub fn family(&self, number: u64) -> Option<Family> {
        let (every, first) = self.share;
        let number = number * every + first;
        match &*self.kind {
            BlockKind::Several(blocks) => {
                let mut rest = number;
                let its = |block: &&Block| match rest.checked_sub(block.families()) {
                    Some(beyond) => {
                        rest = beyond;
                        false
                    }
                    None => true,
                };
                blocks.iter().find(its)?.family(rest)
            }
            BlockKind::Listed(schedules) => {
                schedules.get(number as usize).map(|schedule| Family { common: schedule.clone(), then: Then::Nothing })
            }
            BlockKind::Singles { base, every } => {
                let some = base.faults.iter().step_by(*every as usize).skip(number as usize * SINGLES).take(SINGLES);
                Some(Family { common: base.schedule.clone(), then: Then::Each(some.copied().collect()) })
            }
            BlockKind::Pairs { base, firsts, seconds } => {
                let place = (number * firsts) as usize;
                let first = *base.faults.get(place)?;
                let later = base.faults.iter().enumerate().skip(place + 1);
                let some = later.filter(|(at, second)| {
                    (number + *at as u64).is_multiple_of(*seconds)
                        && second.0 != first.0
                        && !contradict(base.schedule.topology, &[first, **second])
                });
                Some(Family { common: base.schedule.with(&[first]), then: Then::Each(some.map(|(_, second)| *second).collect()) })
            }
            BlockKind::Random { first, lasts, bases, .. } => {
                let seed = first + number;
                Some(Family { common: random(bases, seed, 2..=5), then: Then::Drawn { seed, count: *lasts } })
            }
        }
    }
}

fn part(every: u64) -> String {
    if every > 1 { format!(" (one in {every})") } else { String::new() }
}

/// How many single faults there are.
pub fn singles_of(base: &Base) -> u64 {
    base.faults.len() as u64
}

pub fn pairs_of(base: &Base) -> u64 {
    let faults = base.faults.len() as u64;
    faults * faults.saturating_sub(1) / 2
}

/// So many faults anywhere, in any kind of cloud.
pub fn random(bases: &[Base], seed: u64, faults: RangeInclusive<u64>) -> Schedule {
    let mut random = Random::new(seed);
    let mut number = || random.number();
    let base = drawn_base(bases, number());
    let schedule = Schedule::without_faults(base.schedule.topology, CloudKind::any(number()));
    let count = faults.start() + number() % (faults.end() - faults.start() + 1);
    // What is restarted takes more calls than it did without faults.
    let (calls, records) = (1..=base.course.calls * 3 / 2, 1..=base.course.records + 4);
    with_more(&schedule, count, &mut random, &calls, &records)
}

/// Long replacements take the time of several short ones, and come that much more seldom; but where a gate refuses there is little
/// that could go wrong.
fn drawn_base(bases: &[Base], number: u64) -> &Base {
    let weight = |base: &Base| 10_000 / u64::from(base.course.calls.max(SHORT));
    let mut rest = number % bases.iter().map(weight).sum::<u64>().max(1);
    let its = |base: &&Base| match rest.checked_sub(weight(base)) {
        Some(beyond) => {
            rest = beyond;
            false
        }
        None => true,
    };
    bases.iter().find(its).expect("a number within the sum")
}

/// So many faults, each of which comes after those that a course came by.
pub fn drawn(common: &Schedule, ahead: &Ahead, seed: u64, count: u32) -> Vec<Fault> {
    let mut random = Random::new(seed).fork("the last fault");
    let call_of = |fault: &Fault| if let (Site::Call(call), _) = fault { Some(*call).filter(|call| *call <= ahead.calls) } else { None };
    let from = common.faults.iter().filter_map(call_of).max().unwrap_or(1);
    let written = ahead.passes.get(from as usize - 1).copied().unwrap_or(0);
    if from >= ahead.calls || written >= ahead.records {
        return Vec::new();
    }
    let (calls, records) = (from + 1..=ahead.calls, written + 1..=ahead.records);
    let mut all: Vec<Fault> = (0..count)
        .map(|_| {
            let with_one = with_more(common, common.faults.len() as u64 + 1, &mut random, &calls, &records);
            *with_one.faults.iter().find(|fault| !common.faults.contains(fault)).expect("one more")
        })
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Up to so many, at these calls and records.
fn with_more(schedule: &Schedule, count: u64, random: &mut Random, calls: &RangeInclusive<u32>, records: &RangeInclusive<u32>) -> Schedule {
    let topology = schedule.topology;
    let mut faults = schedule.faults.clone();
    let mut number = || random.number();
    while (faults.len() as u64) < count {
        let within =
            |range: &RangeInclusive<u32>, number: u64| range.start() + (number % u64::from(range.end() - range.start() + 1)) as u32;
        let fault = match number() % 6 {
            0 => (Site::Record(within(records, number())), OF_RECORDS[(number() % OF_RECORDS.len() as u64) as usize].0),
            1 => (Site::Call(within(calls, number())), OF_OTHERS[(number() % OF_OTHERS.len() as u64) as usize].0),
            _ => (Site::Call(within(calls, number())), OF_CALLS[(number() % OF_CALLS.len() as u64) as usize].0),
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
    schedule.with(&faults)
}

/// Of every topology, or of those that `CGWD_SEARCH_TOPOLOGIES` names.
pub fn bases(runner: &mut Runner, cloud: CloudKind, all: bool) -> Vec<Base> {
    let named = std::env::var("CGWD_SEARCH_TOPOLOGIES").unwrap_or_default();
    let wanted = |topology: &&Topology| named.is_empty() || named.split(',').any(|name| name == topology.name);
    ALL.iter().filter(wanted).map(|topology| Base::of(runner, topology, cloud, all)).collect()
}
