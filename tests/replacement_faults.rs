//! The replacement under every fault: whatever the network, the cloud, the disk, another person or the device itself does, no
//! connection's settings, pre-shared key or route is lost, nothing is there twice, and nothing of a stranger's is touched.
//!
//! A schedule that fails prints one line that runs it again:
//! `CGWD_REPLAY='single/plain: 12=lost-answer r9=cut-after' cargo test --test replacement_faults one_line`.
//! `CGWD_SEARCH_SCHEDULES=2000000` is how many are run (`tests/run`), `CGWD_SEARCH_HOURS=8` goes on with new seeds for so long
//! (`just search`), `CGWD_SEARCH_MINUTES=10` ends it with what there is time for, `CGWD_LOG=1` tells every call and record, `CGWD_SEARCH_THREADS` says on how many threads. What was found is kept in `replacement_search/found.txt`.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test program")]

mod replacement_search;

#[global_allocator]
static ALLOCATOR: rewind::Allocator<mimalloc::MiMalloc> = rewind::Allocator(mimalloc::MiMalloc);

use cgwd::execute::replacement::Ended;
use cgwd::model::Secret;
use cgwd::plan::replacement::NotTried;
use jiff::SignedDuration;
use replacement_search::clouds::CloudKind;
use replacement_search::course::Runner;
use replacement_search::forks::{Forks, KeyDirectory, Told};
use replacement_search::gates::Judged;
use replacement_search::generate::{Base, Block, bases, pairs_of, singles_of};
use replacement_search::pool::{self, Outcome};
use replacement_search::schedule::Schedule;
use replacement_search::topology::{FOREIGN_GATEWAY, NEW};

const FOUND: &str = include_str!("replacement_search/found.txt");

/// How many of a plain `cargo test`.
const USUALLY: u64 = 1_500;

/// Replacements with so few pairs of faults are short: they go through all of their pairs before long ones get more of theirs.
const FEW_PAIRS: u64 = 200_000;

/// So many last faults a handful has one after the other: few where few are run, so that they are of many kinds.
const A_FEW: u32 = 3;
const MANY: u32 = 60;

/// Where the time is limited, what there is time for is spread over all pairs and handfuls: they are run in so many shares.
const SHARES: u64 = 100;

/// Without `CGWD_REPLAY` there is nothing to repeat.
#[test]
fn one_line() {
    let Ok(line) = std::env::var("CGWD_REPLAY") else { return };
    let schedule: Schedule = line.parse().unwrap();
    let report = Runner::new().run(&schedule);
    assert!(report.is_ok(), "{schedule}: {}", report.unwrap_err());
    pool::say(&format!("{schedule} holds: {report:?}"));
}

#[test]
fn what_was_found_stays_fixed() {
    let lines = FOUND.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let schedules: Vec<Schedule> = lines.map(|line| line.parse().unwrap_or_else(|why| panic!("{line}: {why}"))).collect();
    all_hold("found earlier", &[Block::listed("found earlier", schedules)], u64::MAX);
}

/// Every single fault in a plain and in a hostile cloud, pairs of them, and random handfuls in any kind of cloud.
#[test]
fn the_search() {
    let wanted = pool::number("CGWD_SEARCH_SCHEDULES", USUALLY);
    let mut runner = Runner::new();
    match std::env::var_os("CGWD_SEARCH_HOURS") {
        Some(_) => all_hold("search", &[unheard_of(&mut runner)], u64::MAX),
        None => all_hold("search", &blocks(&mut runner, wanted), wanted),
    }
}

/// Two runs of one schedule are the same run: nothing depends on chance.
#[test]
fn a_schedule_runs_the_same_twice() {
    let mut runner = Runner::new();
    let bases = bases(&mut runner, CloudKind::PLAIN, true);
    for seed in 0..40 {
        let schedule = replacement_search::generate::random(&bases, 1_000_000 + seed, 3..=6);
        assert_eq!(runner.run(&schedule), runner.run(&schedule), "{schedule}");
    }
}

/// What parts from another course is the one that it would have been from its own beginning: one line repeats it.
#[test]
fn what_begins_alike_ends_as_if_it_were_alone() {
    let mut runner = Runner::new();
    let (plain, hostile) = (bases(&mut runner, CloudKind::PLAIN, true), bases(&mut runner, CloudKind::hostile(), false));
    let singles = hostile.into_iter().map(|base| Block::singles(base.clone(), singles_of(&base).div_ceil(8)));
    let blocks: Vec<Block> = singles.chain([Block::random(2_000_000, 200, 4, plain)]).collect();
    let key = KeyDirectory::new();
    let (mut forks, mut compared) = (Forks::new(&key), 0);
    for family in blocks.iter().flat_map(|block| (0..block.families()).filter_map(|number| block.family(number))) {
        let parts = |schedule: &Schedule| schedule.faults.len() > family.common.faults.len();
        forks.run(&family, |schedule, ended| {
            // What waits for one fault more looks once more at its end.
            if !parts(schedule) {
                return;
            }
            let alone = runner.run(schedule).map(|report| Told::of(&report));
            assert_eq!(ended, alone, "{schedule}");
            compared += 1;
        });
    }
    assert!(compared > 250, "{compared}");
}

/// What was written down and cannot be read again keeps the replacement from beginning: nothing is sent, and nothing is open.
#[test]
fn a_snapshot_that_cannot_be_read_back_is_a_gate() {
    let schedule: Schedule = "single/plain:".parse().unwrap();
    let ended = Runner::new().begun_on_a_bad_disk(&schedule);
    assert!(matches!(&ended, Ok(Ended::Stopped(stopped)) if stopped.reason == "snapshot_readable" && !stopped.passes), "{ended:?}");
}

/// A person gave it up while it was running: a service that starts after the command was killed does not go forward with it.
#[test]
fn what_is_being_given_up_stands_still() {
    // Before the first route of the connection that was made again, and after the first one that giving up puts back.
    let found = Runner::new().killed_while_giving_up(&"single/plain: 38=crash-before 43=crash-after".parse().unwrap());
    assert_eq!(found, Ok(Some("giving_up".to_owned())));
}

/// What was moved and never seen to work has the old customer gateway as its way back, also for the next plan.
#[test]
fn what_was_moved_before_giving_up_is_a_gate() {
    assert_eq!(Runner::new().given_up_where_nobody_answers(&"dual/plain:".parse().unwrap()), Ok(Some("proven")));
}

/// Each gate that no schedule closes, closed by what it is about and by nothing else.
#[test]
fn every_gate_refuses() {
    let mut runner = Runner::new();
    let mut refuses = |name: &'static str, topology: &str, otherwise: fn(&mut Judged)| {
        let refusing = runner.refusing(&format!("{topology}/plain:").parse().unwrap(), otherwise);
        assert_eq!(refusing, Ok(vec![name]), "where {name} is not given");
    };
    for topology in ["single", "dual", "router-again"] {
        assert_eq!(Runner::new().refusing(&format!("{topology}/plain:").parse().unwrap(), |_| ()), Ok(vec![]), "{topology}");
    }
    refuses("settled", "dual", |judged| judged.evidence.settled = Err(String::new()));
    refuses("attested", "dual", |judged| judged.evidence.attested = Err(String::new()));
    refuses("owner", "dual", |judged| {
        let theirs = judged.inventory.customer_gateways.iter_mut().find(|gateway| gateway.id == FOREIGN_GATEWAY);
        theirs.unwrap().ip = NEW;
    });
    refuses("snapshot", "dual", |judged| judged.snapshot.connections[0].shape.state = "updating".to_owned());
    refuses("snapshot", "dual", |judged| judged.snapshot.gateways[0].auth_key = Some(Secret::new("****")));
    refuses("unknown_fields", "dual", |judged| judged.snapshot.connections[0].body.edit()["QuantumSafe"] = true.into());
    refuses("recreatable", "router-again", |judged| judged.snapshot.connections[0].attachment = None);
    refuses("dry_run", "single", |judged| judged.evidence.dry_run = Some(Err(NotTried::Refused(String::new()))));
    refuses("daily_limit", "dual", |judged| judged.evidence.max_per_day = 0);
    refuses("window", "dual", |judged| judged.evidence.window = Some(Err(String::new())));
    refuses("rights", "single", |judged| judged.evidence.dry_run = Some(Err(NotTried::Forbidden(String::new()))));
    refuses("quota", "dual", |judged| {
        judged.snapshot.gateways[0].tags = (0..20).map(|number| (format!("site-{number}"), String::new())).collect();
    });
    refuses("clock", "dual", |judged| judged.evidence.clock_offset = SignedDuration::from_secs(-301));
    refuses("disk", "dual", |judged| judged.evidence.free_bytes = Some(0));
}

/// What was read as expected before the work was let go is the first of the two readings still: a person who asks again and again
/// whether the replacement can be given up does not hold it up.
#[test]
fn what_is_let_go_and_gone_on_with_does_not_read_twice_anew() {
    let schedule: Schedule = "dual/plain:".parse().unwrap();
    let seconds = std::time::Duration::from_secs;
    let after = |first, then| Runner::new().let_go_and_gone_on_with(&schedule, seconds(first), seconds(then)).unwrap();
    assert_eq!(after(40, 15), ["CreateCustomerGateway"], "the second reading is due after a minute");
    assert_eq!(after(40, 25)[..2], ["CreateCustomerGateway", "ModifyTunnelAttribute"]);
}

fn blocks(runner: &mut Runner, wanted: u64) -> Vec<Block> {
    let (plain, hostile) = (bases(runner, CloudKind::PLAIN, true), bases(runner, CloudKind::hostile(), true));
    let both = || plain.iter().chain(&hostile);
    let count: u64 = both().map(singles_of).sum();
    if count > wanted {
        // A share of them, spread over all.
        let every = count / (wanted / 2).max(1);
        let singles = both().cloned().map(|base| Block::singles(base, every));
        return std::iter::once(Block::random(0, wanted / 2, A_FEW, plain.clone())).chain(singles).collect();
    }
    let singles = both().cloned().map(|base| Block::singles(base, 1)).collect();
    let telling = bases(runner, CloudKind::hostile(), false);
    let (short, long): (Vec<Base>, Vec<Base>) = telling.into_iter().partition(|base| pairs_of(base) <= FEW_PAIRS);
    let room = wanted - count;
    // More handfuls than there should be room for: the search ends when it has run so many schedules.
    let rest = [pairs(short, room * 2 / 3), pairs(long, room / 16), vec![Block::random(0, wanted, MANY, plain)]].concat();
    let limited = pool::limits().until.is_some();
    let rest = if limited { (0..SHARES).map(|share| Block::share("pairs and handfuls", &rest, share, SHARES)).collect() } else { rest };
    [singles, rest].concat()
}

/// Every pair where there is room for them, or else every so manieth.
fn pairs(bases: Vec<Base>, room: u64) -> Vec<Block> {
    let all: u64 = bases.iter().map(pairs_of).sum();
    let part = all.div_ceil(room.max(1)).max(1);
    bases.into_iter().map(|base| Block::pairs(base, part)).collect()
}

/// Handfuls from seeds that nobody ran before, without an end.
fn unheard_of(runner: &mut Runner) -> Block {
    let bases = bases(runner, CloudKind::PLAIN, true);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Block::random(now.as_secs() << 20, u64::MAX >> 2, MANY, bases)
}

/// Runs them all, or those that there is time for, and says how to repeat those that fail.
fn all_hold(name: &str, blocks: &[Block], most: u64) {
    let limits = pool::limits();
    let mut total = Outcome::default();
    for block in blocks {
        if limits.end(&total) {
            break;
        }
        let outcome = pool::run(block, &limits, most.saturating_sub(total.schedules));
        if blocks.len() > 1 {
            pool::say(&outcome.told(&block.name));
        }
        total.add(outcome);
    }
    pool::say(&total.told(name));
    assert!(total.failures.is_empty(), "{} of {} schedules fail:\n{}", total.failures.len(), total.schedules, total.shown());
}
