//! What the journal that was left must be like: I12, I13, I14 and I15.

use super::seed::CANARY;
use super::world::World;
use cgwd::journal::replay::Progress;
use cgwd::journal::{Entry, Record};
use cgwd::plan::Now;
use cgwd::plan::replacement::next::{View, effect, needs};
use cgwd::plan::replacement::{back_lanes, what_is_unsafe, what_stays};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Bytes of journal for one replacement (I14), for each attempt at it.
const MOST_BYTES: usize = 64 << 10;

/// Its length in bytes, and a number that tells two of them apart.
pub fn journal(world: &World) -> Result<(usize, u64), String> {
    let entries = world.state.memory().entries();
    stops_once(&entries)?;
    let mut hasher = DefaultHasher::new();
    let (mut bytes, mut plans) = (0, 0);
    let mut texts = Vec::with_capacity(entries.len());
    for entry in &entries {
        let text = serde_json::to_string(&entry.record).map_err(|error| error.to_string())?;
        bytes += text.len();
        match &entry.record {
            Record::ReplacementPlanned { plan, .. } => {
                plans += 1;
                let words = format!("{plan:?}");
                words.hash(&mut hasher);
                tells_no_secret(&words)?;
            }
            _ => {
                text.hash(&mut hasher);
                tells_no_secret(&text)?;
            }
        }
        texts.push(text);
    }
    if bytes > MOST_BYTES * plans.max(1) {
        return Err(format!("I14: the journal has {bytes} bytes for {plans} plans"));
    }
    // Reading everything anew costs more than the course itself, so it is done for some of them.
    if hasher.finish().is_multiple_of(64) || world.faults == 0 {
        replays_the_same(world, &entries, &texts)?;
    }
    Ok((bytes, hasher.finish()))
}

/// I12.
pub fn tells_no_secret(text: &str) -> Result<(), String> {
    if text.contains(CANARY) { Err(format!("I12: a secret is told: {text}")) } else { Ok(()) }
}

/// I15: a stop is told once, until somebody says that it goes on.
fn stops_once(entries: &[Entry]) -> Result<(), String> {
    let mut standing = None;
    for entry in entries {
        match &entry.record {
            Record::ReplacementStopped { plan, stopped } => {
                let stop = (plan, &stopped.reason, &stopped.step);
                if standing == Some(stop) {
                    return Err(format!("I15: the stop {} is told twice", stopped.reason));
                }
                standing = Some(stop);
            }
            Record::ReplacementResumed { .. } | Record::ReplacementEnded { .. } | Record::ReplacementTurned { .. } => standing = None,
            _ => {}
        }
    }
    Ok(())
}

/// I13: every prefix is sound, and read anew gives the same state and the same decisions.
fn replays_the_same(world: &World, entries: &[Entry], texts: &[String]) -> Result<(), String> {
    let now = Now { wall: world.clock.now(), uptime: world.clock.uptime() };
    let (mut one, mut other) = (Progress::new("memory"), Progress::new("memory"));
    for (entry, text) in entries.iter().zip(texts) {
        let record = serde_json::from_str(text).map_err(|error| format!("I13: record {} cannot be read: {error}", entry.seq))?;
        let read_back = Entry { record, ..entry.clone() };
        one.apply(entry).map_err(|error| format!("I13: {error}"))?;
        other.apply(&read_back).map_err(|error| format!("I13: {error}"))?;
        if one != other || decisions(&one, now) != decisions(&other, now) {
            return Err(format!("I13: record {} replays in two ways", entry.seq));
        }
    }
    Ok(())
}

/// Everything that is decided from the journal alone.
fn decisions(progress: &Progress, now: Now) -> Vec<String> {
    let Some(open) = &progress.replacements.open else { return Vec::new() };
    let owner = super::topology::owner();
    let empty =
        cgwd::model::Snapshot { format: 1, region: String::new(), taken_at: open.began, gateways: Vec::new(), connections: Vec::new() };
    let view = View { progress: open, snapshot: &empty, owner: &owner };
    let next = open.plan.steps().find(|step| !open.is_proven(&step.id));
    let mut all = vec![
        format!("{:?}", what_is_unsafe(open, &[], now)),
        format!("{:?}", what_stays(&view)),
        format!("{:?}", back_lanes(open, &empty)),
    ];
    if let Some(step) = next {
        let reads = cgwd::plan::replacement::next::Reads::default();
        all.push(format!("{:?} {:?}", needs(&view, &step.op), effect(&view, step, &reads)));
    }
    all
}
