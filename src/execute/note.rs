//! What a person's own command leaves in the journal, so that `status` and the next start know it.

use super::locate::Located;
use super::{Decision, Executor, Registration};
use crate::journal::{JournalError, Record};
use crate::model::Asn;
use std::net::IpAddr;

impl Executor {
    pub fn note_settled(&self, address: IpAddr, source: &str, asn: Option<(Asn, &str)>) -> Result<(), JournalError> {
        let (known_address, known_asn) = {
            let journal = self.journal.borrow();
            let progress = journal.progress();
            (progress.address.as_ref().map(|settled| settled.value), progress.asn.as_ref().map(|settled| settled.value))
        };
        if known_address != Some(address) {
            let source = source.to_owned();
            self.append(Record::AddressSettled { value: address, source, previous: known_address })?;
        }
        let value = asn.map(|(asn, _)| asn.number());
        if known_asn != Some(value) {
            let source = asn.map(|(_, source)| source.to_owned()).unwrap_or_default();
            self.append(Record::AsnSettled { value, source, previous: known_asn.flatten() })?;
        }
        Ok(())
    }

    /// Where the configured resources were found, so that the next search begins there.
    pub fn note_regions(&self, located: &Located) -> Result<(), JournalError> {
        for (selector, region) in &located.found {
            let known = self.journal.borrow().progress().regions.get(selector).cloned();
            if known.as_ref() != Some(region) {
                self.append(Record::RegionFound { selector: selector.clone(), region: region.clone() })?;
            }
        }
        Ok(())
    }

    /// Also when the cloud was last heard of, where anything else is written at all.
    pub fn note_decision(&self, registration: &Registration) -> Result<(), JournalError> {
        self.note_decided(&registration.decision, !registration.done.is_empty())
    }

    /// The same of a decision that was come to otherwise. `has_written`: the cloud has done something about it.
    pub fn note_decided(&self, decided: &Decision, has_written: bool) -> Result<(), JournalError> {
        let decision = decided.kind.name();
        let known = self.journal.borrow().progress().decision.as_deref() == Some(decision);
        if !known || has_written {
            self.append(Record::CloudContact { last_cloud_contact: self.client.last_contact() })?;
        }
        if known {
            return Ok(());
        }
        let summary = decided.errors().next().map(|finding| finding.message.clone()).unwrap_or_default();
        self.append(Record::DecisionChanged { decision: decision.to_owned(), summary }).map(drop)
    }
}
