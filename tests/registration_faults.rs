//! The registration under every fault: whatever the network, the cloud, the disk or an operator does, in the end exactly one customer
//! gateway is ours, and nothing of a stranger's was touched.
//!
//! A schedule that fails prints one line that runs it again:
//! `CGWD_SCHEDULE='create/token=none: 3=lost-answer' cargo test --test registration_faults one_schedule`.
//! `CGWD_STOP_AT_FIRST=1` ends everything at the first failure. `CGWD_SEARCH_SECONDS=600` lets the random search go on for that long.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test program")]

mod search;

use search::course::{Report, run, sites};
use search::generate;
use search::schedule::{ALL_TOKENS, Schedule, Tokens};
use search::topology::{self, Aim, Topology};
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Set at the first failure where `CGWD_STOP_AT_FIRST` is, so that every test of this program ends.
static STOPPED: AtomicBool = AtomicBool::new(false);

/// Runs them all and says how to repeat those that fail.
fn all_hold(name: &str, schedules: impl IntoIterator<Item = Schedule>) {
    let (started, mut count, mut calls, mut failures) = (Instant::now(), 0_u64, 0_u64, Vec::new());
    let stops = std::env::var_os("CGWD_STOP_AT_FIRST").is_some();
    for schedule in schedules.into_iter().take_while(|_| !STOPPED.load(Relaxed)) {
        count += 1;
        match run(&schedule) {
            Ok(report) => calls += u64::from(report.calls),
            Err(why) => {
                failures.push(format!("{why}\n    CGWD_SCHEDULE='{schedule}' cargo test --test registration_faults one_schedule"));
                STOPPED.store(stops, Relaxed);
            }
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    let line = format!("{name}: {count} schedules, {calls} calls, {seconds:.1} s, {:.0} schedules/s\n", count as f64 / seconds);
    // Straight to stderr: the harness keeps back what a passing test prints.
    std::io::stderr().write_all(line.as_bytes()).unwrap();
    let shown = failures.iter().take(12).cloned().collect::<Vec<_>>().join("\n");
    assert!(failures.is_empty(), "{} of {count} schedules fail:\n{shown}", failures.len());
}

/// Without `CGWD_SCHEDULE` there is nothing to repeat.
#[test]
fn one_schedule() {
    let Ok(line) = std::env::var("CGWD_SCHEDULE") else { return };
    let schedule: Schedule = line.parse().unwrap();
    assert_eq!(schedule.to_string(), line.trim());
    let report = run(&schedule);
    assert!(report.is_ok(), "{schedule}: {}", report.unwrap_err());
    println!("{schedule} holds: {report:?}");
}

/// What the course without faults takes; more would be a regression for every device.
#[test]
fn without_faults_it_takes_few_calls() {
    let calls = |name| {
        let Report { calls, records, .. } = sites(&Schedule::without_faults(topology::named(name), Tokens::Forever));
        (calls, records)
    };
    assert_eq!(calls("create"), (3, 3));
    assert_eq!(calls("adopt"), (3, 3));
    assert_eq!(calls("registered"), (1, 0));
    assert_eq!(calls("foreign"), (1, 0));
}

/// Another change of the same object is waited for, in one visit.
#[test]
fn a_busy_object_is_waited_for() {
    for topology in ["create", "adopt"] {
        let busy: Schedule = format!("{topology}/token=none: 2=busy 4=busy 6=busy").parse().unwrap();
        let Report { rounds, .. } = run(&busy).unwrap();
        let Report { rounds: without, .. } = run(&busy.with(&[])).unwrap();
        assert_eq!(rounds, without, "{topology}");
    }
}

/// Courses that once went wrong, or came close; each is kept with what it was about.
const FOUND: &[&str] = &[
    // A tag whose outcome nobody knew stood in the way of everything else, for ever.
    "moves-adopting/token=none: 2=crash-before",
    "moves-adopting/token=forever: 2=drop-before 3=crash-before",
    // So did an open create, where the customer gateway was then made by hand.
    "create/token=none: 2=crash-before 3=operator-makes",
    "create/token=forever: 2=crash-before-days 3=operator-makes",
    // `deregister` that died could never be run again.
    "deregister/token=none: 2=crash-before",
    "deregister-connected/token=forever: r1=cut-after",
    "delete/token=none: 3=crash-before-days",
    "delete/token=forever: r1=cut-after",
    // The cloud remembered the refusal of a resent create, which was sent with that token for ever.
    "full/token=errors: 2=drop-before",
    "full/token=errors: 2=crash-after",
    // Made a moment ago, unknown to the journal after a crash, and missed by one old reading: a second one was made.
    "moves/token=none: 3=forbidden-not-found 4=stale-9 9=throttled r2=cut-after",
    "moves-adopting/token=24h: 4=stale-2 7=already-exist 10=mismatch-after r3=full",
    "moves-adopting/token=24h: 1=busy 4=date-off 5=stale-2 6=date-off r3=cut-before",
    "moves/token=none: 2=crash-after 4=stale-9",
    // A create that lands minutes after it was given up, when another address is wanted by now.
    "moves/token=none: 2=late-14m 3=crash-before",
    "moves/token=forever: 2=late-503 3=crash-before-days",
    // An absence that one old reading shows is none.
    "create/token=none: 2=crash-after-days 3=stale-9",
    "create/token=errors: 2=mismatch-after 3=stale-9 4=crash-before-days 5=stale-9",
    // A wall clock that is set, or wrong after a restart of the machine, tells nothing of what can still land.
    "moves/token=none: 2=late-14m 3=crash-before 4=clock-ahead",
    "moves/token=none: 2=late-14m 3=reboot-ahead",
    "moves/token=none: 2=late-14m 3=crash-before 4=clock-behind",
    "moves-adopting/token=none: 2=late-14m 3=crash-before 4=clock-ahead",
    "create/token=none: 1=clock-ahead 2=lost-answer 3=reboot 4=clock-behind",
    // A mark that was to be put on, and then another one.
    "renamed-adopting/token=none: 2=drop-before 3=crash-before",
    "renamed-adopting/token=none: 2=late-14m 3=crash-before",
    "renamed/token=none: 2=late-14m 3=crash-before",
    // `deregister` died, and then the daemon runs.
    "untagging/token=none: 1=drop-before",
    "deleting/token=none: 1=reboot-ahead",
    // One list that lacks it, from before it was made.
    "deleting-copy/token=none: 1=stale-9",
    // A lost create, and then there is no room for it.
    "stays-full/token=none: 2=drop-before",
    "stays-full/token=none: 2=drop-before 3=crash-before",
    // A 403 to the second try of a write tells nothing of the first.
    "create/token=none: 2=lost-answer 3=forbidden-not-found 7=unknown-error-after 8=500-before",
];

#[test]
fn what_was_found_stays_fixed() {
    all_hold("found earlier", FOUND.iter().map(|line| line.parse().unwrap()));
}

const PAIRED: [&str; 3] = ["create", "adopt", "full"];
const TWO: &[Tokens] = &[Tokens::None, Tokens::ForeverAndErrors];

#[test]
fn every_single_fault_while_registering() {
    let singles = |topology: &'static Topology| {
        let memories = if PAIRED.contains(&topology.name) { &ALL_TOKENS[..] } else { &TWO[..1] };
        generate::singles(topology, memories)
    };
    all_hold("single faults, registering", topology::ALL.iter().filter(|topology| topology.aim == Aim::Register).flat_map(singles));
}

#[test]
fn every_single_fault_while_deregistering() {
    let removing = topology::ALL.iter().filter(|topology| topology.aim != Aim::Register);
    all_hold("single faults, deregistering", removing.flat_map(|topology| generate::singles(topology, TWO)));
}

#[test]
fn pairs_of_faults_while_creating() {
    all_hold("pairs of faults, create", generate::pairs(topology::named("create"), Tokens::None, false));
}

#[test]
fn pairs_of_faults_while_adopting() {
    all_hold("pairs of faults, adopt", generate::pairs(topology::named("adopt"), Tokens::ForeverAndErrors, false));
}

#[test]
fn random_handfuls_of_faults() {
    let topologies: Vec<&'static Topology> = topology::ALL.iter().collect();
    let seeds = 0..1500;
    all_hold("random faults", seeds.map(|seed| generate::random(&topologies, seed)));
}

/// Two runs of one schedule are the same run: nothing depends on chance.
#[test]
fn a_schedule_runs_the_same_twice() {
    let topologies: Vec<&'static Topology> = topology::ALL.iter().collect();
    for seed in 0..60 {
        let schedule = generate::random(&topologies, 1_000_000 + seed);
        assert_eq!(run(&schedule), run(&schedule), "{schedule}");
    }
}

/// For `CGWD_SEARCH_SECONDS`: every pair of every kind of fault and every memory of tokens, and random handfuls of new seeds.
#[test]
fn the_long_search() {
    let Ok(seconds) = std::env::var("CGWD_SEARCH_SECONDS") else { return };
    let (started, limit) = (Instant::now(), Duration::from_secs(seconds.parse().unwrap()));
    let topologies: Vec<&'static Topology> = topology::ALL.iter().collect();
    let seed = u64::from(std::process::id()) << 32;
    let mut random = (seed..).map(|seed| generate::random(&topologies, seed));
    let tokens = ALL_TOKENS.into_iter().flat_map(|tokens| PAIRED.map(|name| (topology::named(name), tokens)));
    let mut pairs = tokens.flat_map(|(topology, tokens)| generate::pairs(topology, tokens, true));
    let mut turn = 0_u64;
    let next = std::iter::from_fn(move || {
        turn += 1;
        if turn.is_multiple_of(2) { random.next() } else { pairs.next().or_else(|| random.next()) }
    });
    all_hold("long search", next.take_while(|_| started.elapsed() < limit));
}
