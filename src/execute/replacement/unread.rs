//! Giving up a replacement whose snapshot cannot be opened, because its key is not here. Nothing sealed is needed to let go where nothing
//! is in a gap. What is in one only the snapshot tells: then what is known of it is said, and it ends by a person's word alone, since the
//! key may well be with the service.

use super::{Abandoned, Word};
use crate::execute::{ExecuteError, Executor};
use crate::journal::Record;
use crate::journal::replay::ReplacementProgress;
use crate::model::{
    Attachment, IpsecConnection, Op, PlannedStep, ReplacementOutcome, ReplacementPlan, SNAPSHOT_FORMAT, Slot, Snapshot, Timestamp,
};
use crate::plan::Owner;
use crate::plan::replacement::next::{View, dead_at};
use crate::plan::replacement::{Gap, MARK_PLAN, gaps, is_shown, made_whole, what_stays};
use std::fmt::Write;

/// What came of letting go without the snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It is over; this is what stays.
    Over { stays: Vec<String> },
    /// A call can still take effect, and nothing shows what became of it.
    Waits(String),
    /// What is not whole: what is known of each, by its id. `waits`: also no word ends it yet.
    InAGap { known: Vec<(String, String)>, waits: Option<String> },
}

/// What leads on where the key is lost for good, and whoever has it is no help.
pub const LOST_FOR_GOOD: &str = "where it is lost for good, make by hand what is named, stop cgwd.service and run `cgwd replace --abort` on a terminal: there it asks for your word that it ends so";

impl Executor {
    /// For the service: it has no other key than the one that does not open it, and nobody to ask. `why`: what keeps it shut.
    ///
    /// # Errors
    /// Where nothing is open, the cloud cannot be read, or the journal not be written.
    pub async fn abandon_unread(&self, owner: &Owner, word: Word, why: &str) -> Result<Abandoned, ExecuteError> {
        Ok(match self.let_go_unread(owner, word, &[]).await? {
            Unread::Over { stays } => Abandoned::Yes { stays },
            Unread::Waits(why) => Abandoned::NotSafe(why),
            Unread::InAGap { known, .. } => {
                let known: Vec<String> = known.into_iter().map(|(_, known)| known).collect();
                Abandoned::NotSafe(format!("{} ({why}). Put the key back; {LOST_FOR_GOOD}", known.join("; ")))
            }
        })
    }

    /// `agreed`: connections that a person lets go as they are.
    ///
    /// # Errors
    /// Where nothing is open, the cloud cannot be read, or the journal not be written.
    pub async fn let_go_unread(&self, owner: &Owner, word: Word, agreed: &[String]) -> Result<Unread, ExecuteError> {
        let region = self.open_one(|progress| progress.plan.region.clone())?;
        let connections = self.client.ipsec_connections(&region).await?;
        self.place_sendings_of_steps();
        let waits = self.open_one(|progress| self.can_still_land(progress))?;
        let known: Vec<(String, String)> = self.open_one(|progress| {
            let gaps = gaps(progress, self.now()).into_iter();
            gaps.map(|(connection, gap)| (connection.clone(), in_the_clear(progress, &connection, gap, &connections))).collect()
        })?;
        if known.iter().any(|(connection, _)| !agreed.contains(connection)) {
            return Ok(Unread::InAGap { known, waits });
        }
        if let Some(waits) = waits {
            return Ok(Unread::Waits(waits));
        }
        let (plan, stays) = self.open_one(|progress| {
            let snapshot = nothing_read(&progress.plan);
            (progress.plan.id.clone(), what_stays(&View { progress, snapshot: &snapshot, owner }))
        })?;
        let (outcome, by_itself) = (ReplacementOutcome::Abandoned, word == Word::Nobodys);
        self.append(Record::ReplacementEnded { plan, outcome, new_gateway: None, leftover: Vec::new(), by_itself })?;
        let not_restored = known.into_iter().map(|(_, known)| format!("not restored: {known}"));
        Ok(Unread::Over { stays: stays.into_iter().chain(not_restored).collect() })
    }

    fn open_one<T>(&self, read: impl FnOnce(&ReplacementProgress) -> T) -> Result<T, ExecuteError> {
        let journal = self.journal.borrow();
        journal.progress().replacements.open.as_ref().map(read).ok_or(ExecuteError::NothingOpen)
    }

    /// What became of a call without an answer only the snapshot could tell before its time is over.
    fn can_still_land(&self, progress: &ReplacementProgress) -> Option<String> {
        let now = self.now();
        progress.steps.iter().find_map(|(id, step)| {
            let sending = step.open.as_ref().map(|open| &open.last_sent).or(step.doubtful.as_ref())?;
            let left = dead_at(sending, now) - now.uptime;
            left.is_positive().then(|| format!("a call of step {id} can still take effect for {} s; try again then", left.as_secs()))
        })
    }
}

/// Everything that is known in the clear of a connection that is not whole.
fn in_the_clear(progress: &ReplacementProgress, connection: &str, gap: Gap, connections: &[IpsecConnection]) -> String {
    let missing = made_whole(progress, connection).map(|lane| words(&progress.plan, lane.steps.iter())).unwrap_or_default();
    let lacks = if missing.is_empty() { String::new() } else { format!(": {missing}") };
    match gap {
        Gap::TakenOff => format!("{connection} lacks what was taken off it{lacks}"),
        Gap::Unfinished => {
            let made = maker(&progress.plan, connection).and_then(|step| progress.step(&step.id).id).unwrap_or_default();
            format!("{connection} was made again as {made}, which may lack what {connection} had{lacks}")
        }
        Gap::Deleted => deleted(progress, connection, connections),
    }
}

fn maker<'a>(plan: &'a ReplacementPlan, connection: &str) -> Option<&'a PlannedStep> {
    plan.steps().find(|step| matches!(&step.op, Op::CreateConnection { connection: own } if own == connection))
}

fn deleted(progress: &ReplacementProgress, connection: &str, connections: &[IpsecConnection]) -> String {
    let plan = &progress.plan;
    let deletion = plan.steps().find(|step| matches!(&step.op, Op::DeleteConnection { connection: own } if own == connection));
    let deletion = deletion.map(|step| progress.step(&step.id)).unwrap_or_default();
    let lock = plan.lanes().find(|lane| lane.connection.as_deref() == Some(connection)).and_then(|lane| lane.lock.clone());
    let mut text = match deletion.answered || deletion.proven.is_some() {
        true => format!("{connection} is deleted and not made again, and its settings are in the snapshot alone"),
        false => format!("the deletion of {connection} was sent, and what became of it is not known"),
    };
    let _ = write!(text, "; it was at customer gateway {}", plan.old.iter().map(|old| old.id.as_str()).collect::<Vec<_>>().join(" or "));
    if let Some(gateway) = lock.as_ref().filter(|lock| *lock != connection) {
        let _ = write!(text, ", on VPN gateway {gateway}");
    }
    if let Some(deleted) = deletion.first_sent {
        let _ = write!(text, ", until {deleted:.0}");
    }
    let hangs = |step: &&PlannedStep| {
        let makes = !step.op.opens_a_gap() && !matches!(step.op, Op::CreateConnection { .. });
        step.op.connection() == Some(connection) && makes && is_shown(&step.op)
    };
    let what = words(plan, plan.steps().filter(hangs));
    if !what.is_empty() {
        let _ = write!(text, ", with {what}");
    }
    let place = made_gateways(progress).pop().unwrap_or_default();
    let _ = write!(text, "; made by hand it belongs at customer gateway {place}");
    match candidates(progress, connection, lock.as_deref(), connections) {
        ids if ids.is_empty() => {}
        ids => {
            let _ = write!(text, ". There now: {}; whether that is what stands in its place the snapshot alone tells", ids.join(", "));
        }
    }
    text
}

/// What can have been made in the place of a connection: by the plan, whose mark it bears, or at the same place and one of the plan's
/// customer gateways. Others have connections there too, so nothing is decided by it.
fn candidates(progress: &ReplacementProgress, connection: &str, lock: Option<&str>, connections: &[IpsecConnection]) -> Vec<String> {
    let plan = &progress.plan;
    let mark = maker(plan, connection).map(|step| format!("{}.{}", plan.id, step.id));
    let gateways = made_gateways(progress);
    let is_known = |id: &str| {
        plan.connections().contains(&id)
            || plan.moved_before.iter().any(|moved| moved.new_id == id)
            || progress.steps.values().any(|step| step.id.as_deref() == Some(id))
    };
    let may_stand_in = |one: &&IpsecConnection| {
        let is_made = mark.is_some() && one.tags.get(MARK_PLAN) == mark.as_ref();
        let same_place = match &one.attachment {
            Attachment::VpnGateway(gateway) => Some(gateway.as_str()) == lock,
            Attachment::TransitRouter(_) | Attachment::Unbound => lock == Some(connection),
        };
        is_made || same_place && gateways.iter().any(|id| one.refers_to(id)) && !is_known(&one.id)
    };
    connections.iter().filter(may_stand_in).map(|one| one.id.clone()).collect()
}

/// Those that are replaced, and last the one that takes their place.
fn made_gateways(progress: &ReplacementProgress) -> Vec<String> {
    let plan = &progress.plan;
    let temporary = |op: &Op| matches!(op, Op::CreateGateway { slot: Slot::Temporary });
    let new = |op: &Op| matches!(op, Op::CreateGateway { slot: Slot::New } | Op::AdoptGateway { .. });
    let made = |is: fn(&Op) -> bool| plan.steps().filter(move |step| is(&step.op)).filter_map(|step| progress.step(&step.id).id);
    let old = plan.old.iter().map(|old| old.id.clone());
    made(temporary).chain(old).chain(plan.new.id.clone()).chain(made(new)).collect()
}

/// Steps as the plan names them, also those that put back what it took.
fn words<'a>(plan: &ReplacementPlan, steps: impl Iterator<Item = &'a PlannedStep>) -> String {
    let own = |step: &PlannedStep| plan.steps().find(|own| own.op == step.op).and_then(|own| plan.words.get(&own.id));
    let words = steps.filter_map(own);
    words.map(|words| format!("{} {}", words.action, words.target)).collect::<Vec<_>>().join(", ")
}

fn nothing_read(plan: &ReplacementPlan) -> Snapshot {
    let (region, taken_at) = (plan.region.clone(), Timestamp::UNIX_EPOCH);
    Snapshot { format: SNAPSHOT_FORMAT, region, taken_at, gateways: Vec::new(), connections: Vec::new() }
}
