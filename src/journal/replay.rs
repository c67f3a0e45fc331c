//! From records to what the planner needs. One total match; a pair that cannot follow one another is corruption.

mod replacement;

pub use replacement::{PastReplacement, ReplacementProgress, Replacements, StepProgress};

use super::record::{AlertText, Entry, Record, Sent};
use crate::model::{Asn, Timestamp, Worked};
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// What the journal says.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// Random, made with the journal; keeps its ClientTokens apart from those of another one.
    pub journal_id: String,
    pub address: Option<Settled<IpAddr>>,
    pub asn: Option<Settled<Option<u32>>>,
    /// Where configured resources were found: selector to region.
    pub regions: BTreeMap<String, String>,
    pub registered: Option<Registered>,
    /// Registered earlier in other regions, and neither let go nor registered again since.
    pub left_behind: Vec<Registered>,
    /// The one write whose outcome is not known. There is never a second.
    pub pending: Option<PendingWrite>,
    /// One more than that of the last intent that was concluded: the next one's ClientToken must be another.
    pub generation: u32,
    /// Since when, in time since boot, the registered gateway has been missing from the cloud's answers. Not journaled: a
    /// restart looks twice again.
    pub missing_since: Option<SignedDuration>,
    pub replacements: Replacements,
    /// When the device was last seen at work.
    pub worked: Worked,
    pub alerts: BTreeMap<(String, String), StandingAlert>,
    pub decision: Option<String>,
    pub last_cloud_contact: Option<Timestamp>,
    pub last_write_at: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Settled<T> {
    pub value: T,
    pub source: String,
    pub at: Timestamp,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Registered {
    pub id: String,
    pub ip: IpAddr,
    pub asn: Option<Asn>,
    pub region: String,
    pub since: Timestamp,
}

#[derive(Clone, Debug, PartialEq)]
pub struct PendingWrite {
    /// Sequence number of its intent.
    pub intent: i64,
    pub action: String,
    pub target: String,
    pub region: String,
    pub client_token: String,
    pub generation: u32,
    pub request_hash: String,
    /// Before it was sent for the first time.
    pub intended: Sending,
    /// The last sending that may have its effect.
    pub last_sent: Sending,
    /// The one before: what counts again where the cloud refuses the last.
    pub sent_before: Option<Sending>,
    /// Whether it went out more than once: a refusal of the last attempt then says nothing of the earlier ones.
    pub resent: bool,
    /// The cloud no longer accepts its token.
    pub poisoned: bool,
    /// An attempt ended without a trustworthy answer, or the process did before it had one. Until then it is merely under way.
    pub unconfirmed: bool,
    /// Since when, in time since boot, reads have not shown its effect. Not journaled: a restart looks twice again.
    pub absent_since: Option<SignedDuration>,
}

/// One sending of a write, and when that was.
#[derive(Clone, Debug, PartialEq)]
pub struct Sending {
    /// By this device's wall clock: for people.
    pub at: Timestamp,
    /// By the clocks that count; `None` in records of earlier versions.
    pub sent: Option<Sent>,
    /// Time since this boot. Not journaled; `None` until [`Sending::place`] has found it out.
    pub uptime: Option<SignedDuration>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct StandingAlert {
    pub alert: AlertText,
    pub since: Timestamp,
    pub last_told: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("record {seq} cannot follow what is before it: {why}")]
pub struct Corrupt {
    pub seq: i64,
    pub why: String,
}

pub fn replay<'a>(journal_id: &str, entries: impl IntoIterator<Item = &'a Entry>) -> Result<Progress, Corrupt> {
    let mut progress = Progress::new(journal_id);
    for entry in entries {
        progress.apply(entry)?;
    }
    progress.begin();
    Ok(progress)
}

impl Progress {
    /// A process begins with what an earlier one left.
    pub fn begin(&mut self) {
        if let Some(pending) = &mut self.pending {
            // Whoever sent it is gone.
            pending.unconfirmed = true;
        }
        self.replacements.begin();
    }

    pub fn new(journal_id: &str) -> Progress {
        Progress {
            journal_id: journal_id.to_owned(),
            address: None,
            asn: None,
            regions: BTreeMap::new(),
            registered: None,
            left_behind: Vec::new(),
            pending: None,
            generation: 0,
            missing_since: None,
            replacements: Replacements::default(),
            worked: Worked::new(),
            alerts: BTreeMap::new(),
            decision: None,
            last_cloud_contact: None,
            last_write_at: None,
        }
    }

    pub fn apply(&mut self, entry: &Entry) -> Result<(), Corrupt> {
        let at = entry.at;
        let corrupt = |why: String| Corrupt { seq: entry.seq, why };
        match &entry.record {
            Record::AddressNoticed { .. } | Record::AlertOccurred { .. } => {}
            Record::AddressSettled { value, source, .. } => {
                self.address = Some(Settled { value: *value, source: source.clone(), at });
            }
            Record::AsnSettled { value, source, .. } => self.asn = Some(Settled { value: *value, source: source.clone(), at }),
            Record::RegionFound { selector, region } => {
                self.regions.insert(selector.clone(), region.clone());
            }
            Record::DecisionChanged { decision, .. } => self.decision = Some(decision.clone()),
            Record::WriteIntended { action, target, region, client_token, generation, request_hash, sent, step, edited } => {
                self.last_write_at = Some(at);
                let sending = Sending { at, sent: sent.clone(), uptime: None };
                let write = PendingWrite {
                    intent: entry.seq,
                    action: action.clone(),
                    target: target.clone(),
                    region: region.clone(),
                    client_token: client_token.clone(),
                    generation: *generation,
                    request_hash: request_hash.clone(),
                    intended: sending.clone(),
                    last_sent: sending,
                    sent_before: None,
                    resent: false,
                    poisoned: false,
                    unconfirmed: false,
                    absent_since: None,
                };
                match (step, &self.pending) {
                    (Some(step), _) => self.replacements.intended(step, write, edited.clone(), entry.seq)?,
                    (None, Some(pending)) => {
                        return Err(corrupt(format!("a write is intended while that of record {} is unresolved", pending.intent)));
                    }
                    (None, None) => self.pending = Some(write),
                }
            }
            Record::WriteResent { intent, sent, edited } => {
                if let (Some(step), Some(edited)) = (self.replacements.step_of(*intent), edited) {
                    step.edited = Some(edited.clone());
                }
                let pending = self.pending_of(*intent).ok_or_else(|| corrupt(format!("no open intent {intent} to send again")))?;
                let sending = Sending { at, sent: sent.clone(), uptime: None };
                pending.sent_before = Some(std::mem::replace(&mut pending.last_sent, sending));
                pending.resent = true;
                pending.absent_since = None;
            }
            Record::WriteUnconfirmed { intent, poisoned, refused, .. } => {
                let pending = self.pending_of(*intent).ok_or_else(|| corrupt(format!("no open intent {intent} to leave unconfirmed")))?;
                pending.poisoned |= poisoned;
                pending.unconfirmed = true;
                if let Some(before) = pending.sent_before.take_if(|_| *refused) {
                    pending.last_sent = before;
                }
            }
            Record::WriteDone { intent, .. } | Record::WriteRefused { intent, .. } | Record::WriteConcluded { intent, .. } => {
                if let Some(step) = self.replacements.step_of(*intent) {
                    match &entry.record {
                        Record::WriteDone { result, in_doubt, partial, .. } => step.done(result.clone(), *in_doubt, *partial),
                        Record::WriteConcluded { found, .. } => step.concluded(found.clone()),
                        _ => step.refused(),
                    }
                    return Ok(());
                }
                let pending = self.pending_of(*intent).ok_or_else(|| corrupt(format!("no open intent {intent} to conclude")))?;
                self.generation = pending.generation.saturating_add(1);
                self.pending = None;
            }
            Record::ReplacementPlanned { .. }
            | Record::StepProven { .. }
            | Record::StepUndone { .. }
            | Record::VerificationBegan { .. }
            | Record::ReplacementTurned { .. }
            | Record::ReplacementStopped { .. }
            | Record::ReplacementResumed { .. }
            | Record::ReplacementEnded { .. } => self.replacements.apply(entry)?,
            Record::GatewayRegistered { id, ip, asn, region, .. } => {
                // Where the device has come back to it.
                self.replacements.released(id);
                self.missing_since = None;
                let now = Registered { id: id.clone(), ip: *ip, asn: *asn, region: region.clone(), since: at };
                let before = self.registered.replace(now);
                self.left_behind.extend(before);
                // In one region there is one: another one there takes its place.
                self.left_behind.retain(|left| left.region != *region);
            }
            Record::GatewayReleased { id, .. } => {
                self.left_behind.retain(|left| left.id != *id);
                self.replacements.released(id);
                if self.registered.as_ref().is_some_and(|registered| registered.id == *id) {
                    self.registered = None;
                    // It was about that customer gateway; the next look decides anew.
                    self.decision = None;
                }
            }
            Record::AlertRaised { alert } => {
                let standing = self.alerts.entry((alert.code.clone(), alert.key.clone()));
                let standing = standing.or_insert_with(|| StandingAlert { alert: alert.clone(), since: at, last_told: at });
                standing.alert = alert.clone();
                standing.last_told = at;
            }
            Record::AlertReminded { code, key } => {
                let standing = self.alerts.get_mut(&(code.clone(), key.clone()));
                standing.ok_or_else(|| corrupt(format!("reminder of alert {code} {key}, which does not stand")))?.last_told = at;
            }
            Record::AlertCleared { code, key } => {
                let standing = self.alerts.remove(&(code.clone(), key.clone()));
                standing.ok_or_else(|| corrupt(format!("end of alert {code} {key}, which does not stand")))?;
            }
            Record::TunnelsWorked { worked } => self.worked.clone_from(worked),
            Record::CloudContact { last_cloud_contact } => self.last_cloud_contact = *last_cloud_contact,
        }
        Ok(())
    }

    fn pending_of(&mut self, intent: i64) -> Option<&mut PendingWrite> {
        let open = self.replacements.step_of(intent).and_then(|step| step.open.as_mut());
        open.or_else(|| self.pending.as_mut().filter(|pending| pending.intent == intent))
    }
}

impl Sending {
    /// Finds out when it was in time since this boot. Within one boot the kernel's clock tells; over a restart of the machine the
    /// cloud's does. What neither tells, and what is told to be still to come, counts as sent now.
    pub fn place(&mut self, boot: &str, uptime: SignedDuration, cloud: Option<Timestamp>) {
        if self.uptime.is_some() {
            return;
        }
        let ago = self.sent.as_ref().and_then(|sent| match (sent.cloud, cloud) {
            _ if sent.boot == boot && !boot.is_empty() => {
                Some(uptime.saturating_sub(SignedDuration::from_millis(i64::try_from(sent.uptime_ms).ok()?)))
            }
            (Some(then), Some(now)) => Some(now.duration_since(then)),
            _ => None,
        });
        self.uptime = Some(uptime.saturating_sub(ago.unwrap_or_default().max(SignedDuration::ZERO)));
    }
}

#[cfg(test)]
mod tests;
