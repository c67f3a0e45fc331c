//! Which old records nothing depends on any more.

use super::record::{Entry, Record};
use std::collections::{BTreeMap, BTreeSet};

/// Finds them in one pass. What stays replays to the same [`super::Progress`]:
///
/// * every write that was done or may have been, the last write however it ended, every registration and release, and all of a
///   replacement: for ever;
/// * of settled values, decisions, regions, working tunnels and contacts with the cloud: the last;
/// * of an alert that stands: when it began, its last words, and when it was last told;
/// * nothing of what happened once, of an alert that is over, and of a write that the cloud refused: it changed nothing.
#[derive(Debug, Default)]
pub struct Superseded {
    /// Records after this one stay whatever they are.
    old_until: i64,
    last: BTreeMap<Slot, i64>,
    alerts: BTreeMap<(String, String), Told>,
    /// Records of the open write.
    write: Vec<i64>,
    /// Those of the last one that ended, where the cloud refused it: they tell the next token's generation.
    refused: Vec<i64>,
    /// Intents of replacements.
    steps: BTreeSet<i64>,
    gone: Vec<i64>,
}

/// What has one value at a time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Slot {
    Address,
    Asn,
    Region(String),
    Decision,
    Tunnels,
    Contact,
}

/// The records that make a standing alert what it is.
#[derive(Debug)]
struct Told {
    first: i64,
    raised: i64,
    told: i64,
}

impl Superseded {
    /// Among the records up to and including `old_until`.
    pub fn until(old_until: i64) -> Superseded {
        Superseded { old_until, ..Superseded::default() }
    }

    /// The next record, in their order.
    pub fn take(&mut self, entry: &Entry) {
        let seq = entry.seq;
        match &entry.record {
            Record::AddressNoticed { .. } | Record::AlertOccurred { .. } => self.gone.push(seq),
            Record::AddressSettled { .. } => self.replace(Slot::Address, seq),
            Record::AsnSettled { .. } => self.replace(Slot::Asn, seq),
            Record::RegionFound { selector, .. } => self.replace(Slot::Region(selector.clone()), seq),
            Record::DecisionChanged { .. } => self.replace(Slot::Decision, seq),
            Record::TunnelsWorked { .. } => self.replace(Slot::Tunnels, seq),
            Record::CloudContact { .. } => self.replace(Slot::Contact, seq),
            Record::AlertRaised { alert } => self.told((alert.code.clone(), alert.key.clone()), seq, true),
            Record::AlertReminded { code, key } => self.told((code.clone(), key.clone()), seq, false),
            Record::AlertCleared { code, key } => self.cleared(&(code.clone(), key.clone()), seq),
            Record::WriteIntended { step: Some(_), .. } => {
                self.steps.insert(seq);
            }
            Record::WriteResent { intent, .. }
            | Record::WriteUnconfirmed { intent, .. }
            | Record::WriteRefused { intent, .. }
            | Record::WriteDone { intent, .. }
            | Record::WriteConcluded { intent, .. }
                if self.steps.contains(intent) => {}
            Record::WriteIntended { .. } | Record::WriteResent { .. } | Record::WriteUnconfirmed { .. } => self.write.push(seq),
            Record::WriteRefused { .. } => {
                self.write.push(seq);
                self.ended(true);
            }
            Record::WriteDone { .. } | Record::WriteConcluded { .. } => self.ended(false),
            Record::GatewayRegistered { .. } | Record::GatewayReleased { .. } => {}
            Record::ReplacementPlanned { .. }
            | Record::StepProven { .. }
            | Record::StepUndone { .. }
            | Record::VerificationBegan { .. }
            | Record::ReplacementTurned { .. }
            | Record::ReplacementStopped { .. }
            | Record::ReplacementResumed { .. }
            | Record::ReplacementEnded { .. } => {}
        }
    }

    /// Sequence numbers of the records that can go.
    pub fn seqs(self) -> Vec<i64> {
        let old_until = self.old_until;
        self.gone.into_iter().filter(|seq| *seq <= old_until).collect()
    }

    fn replace(&mut self, slot: Slot, seq: i64) {
        self.gone.extend(self.last.insert(slot, seq));
    }

    fn told(&mut self, alert: (String, String), seq: i64, raised: bool) {
        let Some(told) = self.alerts.get_mut(&alert) else {
            self.alerts.insert(alert, Told { first: seq, raised: seq, told: seq });
            return;
        };
        if told.told != told.first && told.told != told.raised {
            self.gone.push(told.told);
        }
        if raised {
            if told.raised != told.first {
                self.gone.push(told.raised);
            }
            told.raised = seq;
        }
        told.told = seq;
    }

    fn cleared(&mut self, alert: &(String, String), seq: i64) {
        let Some(told) = self.alerts.remove(alert) else { return };
        let later = [told.raised, told.told].into_iter().filter(|later| *later != told.first);
        self.gone.extend(later);
        // An end that stays needs its beginning.
        if seq <= self.old_until {
            self.gone.extend([told.first, seq]);
        }
    }

    fn ended(&mut self, refused: bool) {
        let write = std::mem::take(&mut self.write);
        let before = std::mem::replace(&mut self.refused, if refused { write } else { Vec::new() });
        // All of it or nothing.
        if before.last().is_some_and(|last| *last <= self.old_until) {
            self.gone.extend(before);
        }
    }
}

#[cfg(test)]
mod tests;
