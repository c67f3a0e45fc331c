//! What the daemon tells: changes as they are noticed, alerts as they begin and end, and the records of both.

use super::conditions::{self, Known};
use super::{Daemon, Examined, State, with_causes};
use crate::alert::catalogue::event;
use crate::alert::journald;
use crate::alert::raise::{Alert, Fields, Notice, Phase, Round};
use crate::journal::record::{AlertText, Record};
use crate::model::{Asn, Timestamp};
use crate::observe::Change;
use std::net::IpAddr;
use std::rc::Rc;

impl Daemon {
    /// Tells first and writes then: a disk can take long over a record, and a person should not wait for it. Whatever acts
    /// on the cloud comes after both.
    pub(super) fn tell(&mut self, examined: &Examined, now: Timestamp) {
        let watched_only = self.watch_only().is_some();
        let deaf = self.deafness();
        let (conditions, not_evaluated) = conditions::of(&Known {
            examined,
            settled: self.address.settled().copied(),
            report: self.cloud.report.as_ref(),
            deaf: deaf.as_deref(),
            watch_only: self.watch_only().as_deref(),
            config_problem: self.config_problem.as_deref(),
            pending: self.state.progress(conditions::open_writes),
            unusable: self.settled_is_unusable(examined),
            replacement: &self.replaced(),
            now,
            fields: self.fields(),
        });
        let occurrences = std::mem::take(&mut self.occurrences);
        let notices = self.book.reconcile(Round { conditions, occurrences, not_evaluated }, now);
        for notice in &notices {
            journald::emit(notice);
            if let Some(listener) = &self.listener {
                listener(notice);
            }
        }
        for record in std::mem::take(&mut self.unwritten) {
            self.journal(record);
        }
        notices.iter().for_each(|notice| self.journal_notice(notice));
        if !watched_only && self.watch_only().is_some() {
            self.tell(examined, now);
        }
    }

    fn journal_notice(&mut self, notice: &Notice) {
        let (code, key) = (notice.alert.event.code.to_owned(), notice.alert.key.clone());
        let alert = AlertText {
            code: code.clone(),
            key: key.clone(),
            severity: Some(notice.alert.severity).filter(|severity| *severity != notice.alert.event.severity),
            message: notice.alert.message.clone(),
            remedy: notice.alert.remedy.clone(),
            fields: notice.alert.fields.to_map(),
        };
        self.journal(match notice.phase {
            Phase::Raised | Phase::Changed => Record::AlertRaised { alert },
            Phase::Occurred => Record::AlertOccurred { alert },
            Phase::Reminded => Record::AlertReminded { code, key },
            Phase::Cleared => Record::AlertCleared { code, key },
        });
    }

    /// `told` is the candidate whose change was told before.
    pub(super) fn take_address_change(&mut self, change: Change<IpAddr>, source: &str, told: Option<IpAddr>) {
        match change {
            Change::Unchanged | Change::Waiting { .. } => {}
            Change::Noticed { from, to, .. } => {
                self.unwritten.push(Record::AddressNoticed { value: to, source: source.to_owned(), previous: from });
                if let Some(from) = from {
                    self.address_changed(from, to, source, "it counts once it has held for the settle time");
                }
            }
            Change::Settled { from, to } => {
                self.unwritten.push(Record::AddressSettled { value: to, source: source.to_owned(), previous: from });
                let Some(from) = from else { return };
                if told != Some(to) {
                    self.address_changed(from, to, source, "it counts at once");
                }
                let fields = self.change_fields(Some(from), to);
                self.occur(
                    "address.settled",
                    &to.to_string(),
                    format!("{to} has settled as this device's address (from {source})"),
                    fields,
                );
            }
            Change::Reverted { candidate } => {
                let Some(settled) = self.address.settled().copied() else { return };
                let fields = self.change_fields(Some(candidate), settled);
                let message = format!("the address is {settled} again; {candidate} did not hold");
                self.occur("address.changed", &settled.to_string(), message, fields);
            }
        }
    }

    fn address_changed(&mut self, from: IpAddr, to: IpAddr, source: &str, then: &str) {
        let fields = self.change_fields(Some(from), to);
        let message = format!("the address changed from {from} to {to} (from {source}); {then}");
        self.occur("address.changed", &to.to_string(), message, fields);
    }

    pub(super) fn take_asn_change(&mut self, change: Change<Option<Asn>>, source: &str, told: Option<Option<Asn>>) {
        let words = |asn: Option<Asn>| asn.map_or_else(|| "none".to_owned(), |asn| asn.to_string());
        match change {
            Change::Unchanged | Change::Waiting { .. } => {}
            Change::Noticed { from: Some(from), to, .. } => self.asn_changed(&words(from), &words(to), source),
            Change::Noticed { from: None, .. } => {}
            Change::Settled { from, to } => {
                let previous = from.flatten().map(Asn::number);
                self.unwritten.push(Record::AsnSettled { value: to.map(Asn::number), source: source.to_owned(), previous });
                if let Some(from) = from.filter(|_| told != Some(to)) {
                    self.asn_changed(&words(from), &words(to), source);
                }
            }
            Change::Reverted { candidate } => {
                let settled = words(self.asn.settled().copied().flatten());
                self.asn_changed(&words(candidate), &settled, source);
            }
        }
    }

    fn asn_changed(&mut self, from: &str, to: &str, source: &str) {
        let fields = Fields { asn: Some(to.to_owned()), ..self.fields() };
        self.occur("asn.changed", to, format!("the ASN changed from {from} to {to} (from {source})"), fields);
    }

    pub(super) fn occur(&mut self, code: &str, key: &str, message: String, fields: Fields) {
        let event = event(code);
        let fields = Fields { device: Some(self.settings.device.clone()), ..fields };
        self.occurrences.push(Alert::new(event, key, message).with_fields(fields));
    }

    pub(super) fn fields(&self) -> Fields {
        Fields { device: Some(self.settings.device.clone()), asn: self.asn_text(), ..Fields::default() }
    }

    fn change_fields(&self, old: Option<IpAddr>, new: IpAddr) -> Fields {
        let registered = self.state.progress(|progress| progress.registered.as_ref().map(|known| known.id.clone()));
        Fields {
            address_old: old.map(|old| old.to_string()),
            address_new: Some(new.to_string()),
            customer_gateway_id: registered,
            ..self.fields()
        }
    }

    pub(super) fn address_text(&self) -> Option<String> {
        self.address.settled().map(IpAddr::to_string)
    }

    pub(super) fn asn_text(&self) -> Option<String> {
        self.asn.settled().copied().flatten().map(|asn| asn.to_string())
    }

    /// A record that only informs: losing it is told, and stops nothing but cloud writes.
    pub(super) fn journal(&mut self, record: Record) {
        let State::Writable(journal) = &self.state else { return self.miss(record) };
        let appended = journal.borrow_mut().append(self.clock.now(), record.clone());
        if let Err(error) = appended {
            tracing::debug!(error = with_causes(&error), "the journal cannot be written");
            self.state = State::WatchOnly { why: with_causes(&error), journal: Rc::clone(journal) };
            self.miss(record);
        }
    }

    pub(super) fn journal_region(&mut self, selector: &str, region: &str) {
        let known = self.state.progress(|progress| progress.regions.get(selector).cloned());
        if known.as_deref() != Some(region) {
            self.journal(Record::RegionFound { selector: selector.to_owned(), region: region.to_owned() });
        }
    }
}
