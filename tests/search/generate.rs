//! Which schedules are run: every single fault, pairs of faults, and random handfuls.

use super::course::sites;
use super::fault::{OF_CALLS, OF_OPERATORS, OF_RECORDS};
use super::schedule::{ALL_TOKENS, Schedule, Site, Tokens};
use super::topology::{Change, Topology};
use cgwd::simulator::Random;

pub type Fault = (Site, &'static str);

/// One of each kind: what pairs are made of where time is short.
const TELLING: &[&str] = &[
    "unreachable",
    "drop-before",
    "lost-answer",
    "503-after",
    "throttled-60s",
    "garbage",
    "stale-2",
    "stale-9",
    "late-14m",
    "late-503",
    "forbidden",
    "already-exist",
    "quota",
    "mismatch-after",
    "token-failed",
    "busy",
    "expired",
    "nonce-used-after",
    "crash-before-days",
    "crash-after",
    "crash-after-days",
    "reboot-ahead",
    "clock-ahead",
    "clock-behind",
    "operator-deletes",
    "operator-unmarks",
    "operator-makes",
];

/// Every fault at every site of the course without faults, and a few sites beyond its end.
pub fn single_faults(topology: &'static Topology, beyond: u32) -> Vec<Fault> {
    let sites = sites(&Schedule::without_faults(topology, Tokens::Forever));
    let operators = OF_OPERATORS.iter().filter(|_| topology.operators);
    let of_calls: Vec<&str> = OF_CALLS.iter().chain(operators).map(|(name, _)| *name).collect();
    let calls = (1..=sites.calls + beyond).flat_map(|call| of_calls.iter().map(move |name| (Site::Call(call), *name)));
    let records = 1..=sites.records + beyond.min(1);
    let records = records.flat_map(|record| OF_RECORDS.iter().map(move |(name, _)| (Site::Record(record), *name)));
    calls.chain(records.filter(|_| sites.records > 0)).collect()
}

pub fn singles(topology: &'static Topology, memories: &'static [Tokens]) -> impl Iterator<Item = Schedule> {
    let faults = single_faults(topology, 1);
    memories.iter().flat_map(move |tokens| {
        let base = Schedule::without_faults(topology, *tokens);
        faults.clone().into_iter().map(move |fault| base.with(&[fault]))
    })
}

/// Every pair of faults at two different sites; with `all` of every kind of fault, else of the telling ones.
pub fn pairs(topology: &'static Topology, tokens: Tokens, all: bool) -> impl Iterator<Item = Schedule> {
    let mut faults = single_faults(topology, if all { 2 } else { 1 });
    faults.retain(|(site, name)| all || matches!(site, Site::Record(_)) || TELLING.contains(name));
    let base = Schedule::without_faults(topology, tokens);
    (0..faults.len()).flat_map(move |at| {
        let (base, first) = (base.clone(), faults[at]);
        let others: Vec<Fault> = faults[at + 1..].iter().copied().filter(|second| second.0 != first.0).collect();
        others.into_iter().map(move |second| base.with(&[first, second]))
    })
}

/// Three to five faults anywhere near the beginning.
pub fn random(topologies: &[&'static Topology], seed: u64) -> Schedule {
    let mut random = Random::new(seed);
    let mut below = |limit: usize| (random.number() % limit as u64) as usize;
    let topology = topologies[below(topologies.len())];
    let tokens = ALL_TOKENS[below(ALL_TOKENS.len())];
    let count = 3 + below(3);
    let mut faults: Vec<Fault> = Vec::new();
    while faults.len() < count {
        let fault = match below(5) {
            0 => (Site::Record(1 + below(6) as u32), OF_RECORDS[below(OF_RECORDS.len())].0),
            1 if topology.operators => (Site::Call(1 + below(8) as u32), OF_OPERATORS[below(OF_OPERATORS.len())].0),
            _ => (Site::Call(1 + below(10) as u32), OF_CALLS[below(OF_CALLS.len())].0),
        };
        // Two readings a minute apart that are both older than that minute are beyond what the cloud does. Where the address
        // changes, only they keep a second customer gateway away.
        let stale = |name: &str| name.starts_with("stale");
        let too_stale = topology.change == Change::Address && stale(fault.1) && faults.iter().any(|(_, name)| stale(name));
        if !too_stale && faults.iter().all(|(site, _)| *site != fault.0) {
            faults.push(fault);
        }
    }
    faults.sort_by_key(|(site, _)| *site);
    Schedule { topology, tokens, faults }
}
