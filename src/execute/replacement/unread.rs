//! Giving up a replacement whose snapshot cannot be opened, because its key is lost or another. Nothing sealed is needed to let go: what
//! the plan says in the clear tells whether a connection is in the snapshot alone, and then what is known of it is said.

use super::{Abandoned, Word};
use crate::execute::{ExecuteError, Executor};
use crate::journal::Record;
use crate::journal::replay::ReplacementProgress;
use crate::model::{
    Attachment, IpsecConnection, Op, PlannedStep, ReplacementOutcome, ReplacementPlan, SNAPSHOT_FORMAT, Slot, Snapshot, Timestamp,
};
use crate::plan::Owner;
use crate::plan::replacement::next::{View, dead_at};
use crate::plan::replacement::{Gap, MARK_PLAN, gaps, is_shown, what_stays};
use std::fmt::Write;

impl Executor {
    /// `why`: the snapshot cannot be opened.
    ///
    /// # Errors
    /// Where nothing is open, the cloud cannot be read, or the journal not be written.
    pub async fn abandon_unread(&self, owner: &Owner, word: Word, why: &str) -> Result<Abandoned, ExecuteError> {
        let region = self.open_one(|progress| progress.plan.region.clone())?;
        let connections = self.client.ipsec_connections(&region).await?;
        self.place_sendings_of_steps();
        if let Some(waits) = self.open_one(|progress| self.can_still_land(progress))? {
            return Ok(Abandoned::NotSafe(waits));
        }
        let gaps = self.open_one(|progress| gaps(progress, self.now()))?;
        let mut lines = Vec::new();
        let mut by_hand = Vec::new();
        for (connection, gap) in gaps {
            // The list can lag behind; the description of one that is deleted does not come back.
            let is_there = self.client.whole_connection(&region, &connection).await?.is_some();
            let found = self.open_one(|progress| in_its_place(progress, &connection, &connections, &mut by_hand))?;
            let line = self.open_one(|progress| match (gap, is_there, found) {
                (_, true, _) => Ok(lacking(&progress.plan, &connection, &connection)),
                (Gap::Deleted | Gap::Unfinished, false, Some(other)) => Ok(lacking(&progress.plan, &connection, &other)),
                (Gap::Deleted | Gap::Unfinished, false, None) => Err(only_sealed(progress, &connection, why)),
                (Gap::TakenOff, false, _) => Ok(format!("{connection} is gone: somebody else deleted it")),
            })?;
            match line {
                Ok(line) if word == Word::APersons => lines.push(line),
                Ok(line) | Err(line) => return Ok(Abandoned::NotSafe(line)),
            }
        }
        let (plan, stays) = self.open_one(|progress| {
            let snapshot = nothing_read(&progress.plan);
            (progress.plan.id.clone(), what_stays(&View { progress, snapshot: &snapshot, owner }))
        })?;
        let (outcome, by_itself) = (ReplacementOutcome::Abandoned, word == Word::Nobodys);
        self.append(Record::ReplacementEnded { plan, outcome, new_gateway: None, leftover: Vec::new(), by_itself })?;
        Ok(Abandoned::Yes { stays: stays.into_iter().chain(lines).collect() })
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

/// What was made in the place of a connection: by the plan, whose mark it bears, or by somebody's hand at the same place, at a customer
/// gateway of the plan. `by_hand`: such that stand for another one.
fn in_its_place(
    progress: &ReplacementProgress,
    connection: &str,
    connections: &[IpsecConnection],
    by_hand: &mut Vec<String>,
) -> Option<String> {
    let plan = &progress.plan;
    let makes = |step: &&PlannedStep| matches!(&step.op, Op::CreateConnection { connection: own } if own == connection);
    let step = plan.steps().find(makes)?;
    let mark = format!("{}.{}", plan.id, step.id);
    let known = progress.step(&step.id).id;
    let is_made = |one: &&IpsecConnection| known.as_ref() == Some(&one.id) || one.tags.get(MARK_PLAN) == Some(&mark);
    if let Some(made) = connections.iter().find(is_made) {
        return Some(made.id.clone());
    }
    let lock = plan.lanes().find(|lane| lane.connection.as_deref() == Some(connection)).and_then(|lane| lane.lock.clone());
    let gateways = made_gateways(progress);
    let is_known = |id: &str| {
        plan.connections().contains(&id)
            || plan.moved_before.iter().any(|moved| moved.new_id == id)
            || progress.steps.values().any(|step| step.id.as_deref() == Some(id))
    };
    let stands_in = connections.iter().find(|one| {
        let same_place = match &one.attachment {
            Attachment::VpnGateway(gateway) => Some(gateway) == lock.as_ref(),
            Attachment::TransitRouter(_) | Attachment::Unbound => lock.as_deref() == Some(connection),
        };
        same_place && gateways.iter().any(|id| one.refers_to(id)) && !is_known(&one.id) && !by_hand.contains(&one.id)
    })?;
    by_hand.push(stands_in.id.clone());
    Some(stands_in.id.clone())
}

/// Those that are replaced, and those that take their place.
fn made_gateways(progress: &ReplacementProgress) -> Vec<String> {
    let plan = &progress.plan;
    let makes = |op: &Op| matches!(op, Op::CreateGateway { .. } | Op::AdoptGateway { .. });
    let made = plan.steps().filter(|step| makes(&step.op)).filter_map(|step| progress.step(&step.id).id);
    plan.old.iter().map(|old| old.id.clone()).chain(plan.new.id.clone()).chain(made).collect()
}

fn lacking(plan: &ReplacementPlan, connection: &str, stands: &str) -> String {
    let what = hangs_on_it(plan, connection);
    let what = if what.is_empty() { String::new() } else { format!(": see that it has what {connection} had ({what})") };
    format!("{connection} stays as {stands}{what}")
}

/// Everything that is known in the clear of a connection that is deleted, and what a person can do.
fn only_sealed(progress: &ReplacementProgress, connection: &str, why: &str) -> String {
    let plan = &progress.plan;
    let own = || plan.steps().filter(|step| step.op.connection() == Some(connection));
    let deleted = own().filter(|step| matches!(step.op, Op::DeleteConnection { .. })).find_map(|step| progress.step(&step.id).first_sent);
    let lock = plan.lanes().find(|lane| lane.connection.as_deref() == Some(connection)).and_then(|lane| lane.lock.clone());
    let mut text = format!("{connection} is deleted and not made again, and its settings are in the snapshot alone ({why})");
    let _ = write!(text, "; it was at customer gateway {}", plan.old.iter().map(|old| old.id.as_str()).collect::<Vec<_>>().join(" or "));
    if let Some(gateway) = lock.filter(|lock| lock != connection) {
        let _ = write!(text, ", on VPN gateway {gateway}");
    }
    if let Some(deleted) = deleted {
        let _ = write!(text, ", until {deleted:.0}");
    }
    let what = hangs_on_it(plan, connection);
    if !what.is_empty() {
        let _ = write!(text, ", with {what}");
    }
    let at = progress.plan.steps().find(|step| matches!(step.op, Op::CreateGateway { slot: Slot::New } | Op::AdoptGateway { .. }));
    let at = plan
        .new
        .id
        .clone()
        .or_else(|| at.and_then(|step| progress.step(&step.id).id))
        .or_else(|| plan.old.first().map(|old| old.id.clone()));
    let _ = write!(
        text,
        ". Put the key back and run `cgwd replace --resume`; or make it by hand there, at customer gateway {}, and run `cgwd replace --abort` again",
        at.unwrap_or_default()
    );
    text
}

/// Routes and bindings, as the plan names them.
fn hangs_on_it(plan: &ReplacementPlan, connection: &str) -> String {
    let hangs = |step: &&PlannedStep| {
        let makes = !step.op.opens_a_gap() && !matches!(step.op, Op::CreateConnection { .. });
        step.op.connection() == Some(connection) && makes && is_shown(&step.op)
    };
    let words = plan.steps().filter(hangs).filter_map(|step| plan.words.get(&step.id));
    words.map(|words| format!("{} {}", words.action, words.target)).collect::<Vec<_>>().join(", ")
}

fn nothing_read(plan: &ReplacementPlan) -> Snapshot {
    let (region, taken_at) = (plan.region.clone(), Timestamp::UNIX_EPOCH);
    Snapshot { format: SNAPSHOT_FORMAT, region, taken_at, gateways: Vec::new(), connections: Vec::new() }
}
