//! From records to what the planner needs. One total match; a pair that cannot follow one another is corruption.

use super::record::{AlertText, Entry, Record};
use crate::model::{Asn, Timestamp};
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
    /// The one write whose outcome is not known. There is never a second.
    pub pending: Option<PendingWrite>,
    /// How many intents of a kind were concluded: the next one's ClientToken must be another.
    pub generation: u32,
    /// Since when the registered gateway has been missing from the cloud's answers. Not journaled: a restart looks twice again.
    pub missing_since: Option<Timestamp>,
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
    pub intended_at: Timestamp,
    pub last_sent: Timestamp,
    /// Whether it went out more than once: a refusal of the last attempt then says nothing of the earlier ones.
    pub resent: bool,
    /// The cloud no longer accepts its token.
    pub poisoned: bool,
    /// Since when reads have not shown its effect. Not journaled: a restart looks twice again.
    pub absent_since: Option<Timestamp>,
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
    Ok(progress)
}

impl Progress {
    pub fn new(journal_id: &str) -> Progress {
        Progress {
            journal_id: journal_id.to_owned(),
            address: None,
            asn: None,
            regions: BTreeMap::new(),
            registered: None,
            pending: None,
            generation: 0,
            missing_since: None,
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
            Record::WriteIntended { action, target, region, client_token, generation, request_hash } => {
                if let Some(pending) = &self.pending {
                    return Err(corrupt(format!("a write is intended while that of record {} is unresolved", pending.intent)));
                }
                self.last_write_at = Some(at);
                self.pending = Some(PendingWrite {
                    intent: entry.seq,
                    action: action.clone(),
                    target: target.clone(),
                    region: region.clone(),
                    client_token: client_token.clone(),
                    generation: *generation,
                    request_hash: request_hash.clone(),
                    intended_at: at,
                    last_sent: at,
                    resent: false,
                    poisoned: false,
                    absent_since: None,
                });
            }
            Record::WriteResent { intent } => {
                let pending = self.pending_of(*intent).ok_or_else(|| corrupt(format!("no open intent {intent} to send again")))?;
                pending.last_sent = at;
                pending.resent = true;
                pending.absent_since = None;
            }
            Record::WriteUnconfirmed { intent, poisoned, .. } => {
                let pending = self.pending_of(*intent).ok_or_else(|| corrupt(format!("no open intent {intent} to leave unconfirmed")))?;
                pending.poisoned |= poisoned;
            }
            Record::WriteDone { intent, .. } | Record::WriteRefused { intent, .. } | Record::WriteConcluded { intent, .. } => {
                self.pending_of(*intent).ok_or_else(|| corrupt(format!("no open intent {intent} to conclude")))?;
                self.pending = None;
                self.generation += 1;
            }
            Record::GatewayRegistered { id, ip, asn, region, .. } => {
                self.missing_since = None;
                self.registered = Some(Registered { id: id.clone(), ip: *ip, asn: *asn, region: region.clone(), since: at });
            }
            Record::GatewayReleased { id, .. } => {
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
            Record::CloudContact { last_cloud_contact } => self.last_cloud_contact = *last_cloud_contact,
        }
        Ok(())
    }

    fn pending_of(&mut self, intent: i64) -> Option<&mut PendingWrite> {
        self.pending.as_mut().filter(|pending| pending.intent == intent)
    }
}

#[cfg(test)]
mod tests;
