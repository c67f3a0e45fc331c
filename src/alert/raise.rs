//! Which alerts to tell now, given what stands, what is so, and the time.
//!
//! The same alert is not repeated while nothing changed, a reminder comes daily, and each beginning that was told has exactly
//! one end that is told, also across restarts.

use super::catalogue::{Event, Nature};
use crate::model::{Severity, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How often a condition that lasts is told again.
pub const REMINDER: Duration = Duration::from_secs(24 * 60 * 60);

/// So many times in [`FLAP_WINDOW`] one event may be told before the rest waits. With an end for each beginning, four flapping
/// events stay below 60 entries a minute (reliability.md 4.4), far from where journald drops what a service writes.
pub const FLAP_LIMIT: usize = 6;
pub const FLAP_WINDOW: Duration = Duration::from_secs(60);

/// Something to tell a person, not yet decided whether to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    pub event: &'static Event,
    /// The event's, unless what is so is less grave than the event can be.
    pub severity: Severity,
    /// The event's, unless it can be told sooner.
    pub shows_after: Duration,
    /// What it is about, e.g. an address or a customer gateway's id: two alerts of one event with different keys are two alerts.
    pub key: String,
    /// What is so, lower case without a full stop. It must not hold anything that changes while the matter stays the same
    /// (counters, durations); the request id of `fields` may be in it.
    pub message: String,
    pub remedy: String,
    pub fields: Fields,
}

/// The structured fields of an alert, each a `CGWD_…` field in the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    pub device: Option<String>,
    pub address_old: Option<String>,
    pub address_new: Option<String>,
    pub asn: Option<String>,
    pub customer_gateway_id: Option<String>,
    pub connection_id: Option<String>,
    pub request_id: Option<String>,
    pub plan_id: Option<String>,
    pub step: Option<String>,
}

/// A condition that lasts, as the journal keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub alert: Alert,
    pub since: Timestamp,
    /// When it was last told; `None` while it has not been.
    pub told: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// A condition begins.
    Raised,
    /// It stands, and what is said about it has changed.
    Changed,
    /// It still stands, a day after it was last told.
    Reminded,
    /// It has ended.
    Cleared,
    /// An occurrence.
    Occurred,
}

/// Something to tell now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub phase: Phase,
    pub alert: Alert,
    /// When the condition began, or when the occurrence was seen.
    pub since: Timestamp,
}

/// What one look at the world found.
#[derive(Clone, Debug, Default)]
pub struct Round {
    /// Everything that is so now; what stood and is missing here has ended.
    pub conditions: Vec<Alert>,
    /// What has happened since the round before.
    pub occurrences: Vec<Alert>,
    /// Codes of conditions that could not be looked at this time: what stands of them neither ends nor is repeated.
    pub not_evaluated: BTreeSet<&'static str>,
}

/// The alerts that stand, and what was told of them.
#[derive(Debug, Default)]
pub struct AlertBook {
    standing: BTreeMap<Key, Standing>,
    /// When each event was told lately.
    lately: BTreeMap<&'static str, Vec<Timestamp>>,
    /// The newest occurrence of an event that flaps, with the number of those it stands for.
    held_back: BTreeMap<&'static str, (Notice, usize)>,
    /// What the last round could not look at.
    not_evaluated: BTreeSet<&'static str>,
    /// What has ended, while another alert of its event waits to be told: its end alone would say that all is well.
    over: BTreeSet<Key>,
}

type Key = (&'static str, String);

impl AlertBook {
    /// A book that continues where another process left off.
    pub fn restore(standing: Vec<Standing>) -> AlertBook {
        let standing = standing.into_iter().map(|entry| (entry.alert.identity(), entry)).collect();
        AlertBook { standing, ..AlertBook::default() }
    }

    /// Everything that stands, told or not yet, in a stable order.
    pub fn standing(&self) -> impl Iterator<Item = &Standing> {
        self.standing.values()
    }

    /// Everything that is so and is told or would be, were it not for the flap limit, in a stable order.
    pub fn shown(&self, now: Timestamp) -> impl Iterator<Item = &Standing> {
        let due = move |entry: &Standing| entry.told.is_some() || entry.may_show(now);
        self.standing.iter().filter(move |(key, entry)| !self.over.contains(*key) && due(entry)).map(|(_, entry)| entry)
    }

    /// Takes in one look at the world and says what to tell: what happened, then what ended, then what began or goes on.
    pub fn reconcile(&mut self, round: Round, now: Timestamp) -> Vec<Notice> {
        self.forget_old_tellings(now);
        let current = first_of_each(round.conditions);
        let mut notices = Vec::new();
        for occurrence in round.occurrences {
            notices.extend(self.occur(occurrence, now));
        }
        notices.extend(self.release(now));
        notices.extend(self.end(&current, &round.not_evaluated, now));
        for alert in current.into_values() {
            notices.extend(self.stand(alert, now));
        }
        self.not_evaluated = round.not_evaluated;
        notices
    }

    /// When [`AlertBook::reconcile`] would have something to tell though nothing changes; `None` where nothing waits.
    pub fn wake_at(&self) -> Option<Timestamp> {
        let evaluated = self.standing.values().filter(|entry| !self.not_evaluated.contains(entry.alert.event.code));
        let due = evaluated.map(|entry| match entry.told {
            None => later(entry.since, entry.alert.shows_after).max(self.free_at(entry.alert.event.code).unwrap_or(entry.since)),
            Some(told) => later(told, REMINDER),
        });
        let flapping = self.lately.keys().filter_map(|code| self.free_at(code));
        due.chain(flapping).min()
    }

    fn occur(&mut self, alert: Alert, now: Timestamp) -> Option<Notice> {
        debug_assert_eq!(alert.event.nature, Nature::Occurrence, "{} is no occurrence", alert.event.code);
        let code = alert.event.code;
        let notice = Notice { phase: Phase::Occurred, alert, since: now };
        if !self.held_back.contains_key(code) && self.may_tell(code) {
            self.note_telling(code, now);
            return Some(notice);
        }
        let before = self.held_back.remove(code).map_or(0, |(_, count)| count);
        self.held_back.insert(code, (notice, before + 1));
        None
    }

    /// Occurrences that were held back and may be told now: the newest of each event, saying how many it stands for.
    fn release(&mut self, now: Timestamp) -> Vec<Notice> {
        let free: Vec<_> = self.held_back.keys().copied().filter(|code| self.may_tell(code)).collect();
        let mut released = Vec::new();
        for code in free {
            let Some((mut notice, count)) = self.held_back.remove(code) else { continue };
            if count > 1 {
                notice.alert.message = format!("{} (the last of {count} that were held back)", notice.alert.message);
            }
            self.note_telling(code, now);
            released.push(notice);
        }
        released
    }

    fn end(&mut self, current: &BTreeMap<Key, Alert>, not_evaluated: &BTreeSet<&'static str>, now: Timestamp) -> Vec<Notice> {
        let missing = self.standing.iter().filter(|(key, _)| !current.contains_key(*key) && !not_evaluated.contains(key.0));
        let (held, ended): (Vec<_>, Vec<_>) =
            missing.partition(|(key, entry)| entry.told.is_some() && self.has_untold_successor(key.0, current, now));
        let ended: Vec<Key> = ended.into_iter().map(|(key, _)| key.clone()).collect();
        let held: Vec<Key> = held.into_iter().map(|(key, _)| key.clone()).collect();
        self.over.retain(|key| not_evaluated.contains(key.0) && !current.contains_key(key));
        self.over.extend(held);
        let ended = ended.iter().filter_map(|key| self.standing.remove(key));
        // What was never told has no end to tell.
        let told = ended.filter(|entry| entry.told.is_some());
        told.map(|entry| Notice { phase: Phase::Cleared, alert: entry.alert, since: entry.since }).collect()
    }

    /// Whether another alert of this event is so and is not told in this round either.
    fn has_untold_successor(&self, code: &str, current: &BTreeMap<Key, Alert>, now: Timestamp) -> bool {
        let waits = |key: &Key, alert: &Alert| match self.standing.get(key) {
            Some(entry) => entry.told.is_none() && !(self.may_tell(code) && entry.may_show(now)),
            None => !(self.may_tell(code) && alert.shows_after.is_zero()),
        };
        current.iter().any(|(key, alert)| key.0 == code && waits(key, alert))
    }

    fn stand(&mut self, alert: Alert, now: Timestamp) -> Option<Notice> {
        let code = alert.event.code;
        let may_tell = self.may_tell(code);
        let entry = self.standing.entry(alert.identity()).or_insert_with(|| Standing { alert: alert.clone(), since: now, told: None });
        entry.mend_times(now);
        if entry.told.is_none() {
            // Otherwise it keeps the words that were told last, to see whether they have changed.
            entry.alert = alert.clone();
        }
        let phase = entry.due(&alert, now)?;
        if !may_tell && phase != Phase::Reminded {
            // Told later, with the words of then.
            return None;
        }
        entry.alert = alert;
        entry.told = Some(now);
        let notice = Notice { phase, alert: entry.alert.clone(), since: entry.since };
        self.note_telling(code, now);
        Some(notice)
    }

    fn may_tell(&self, code: &str) -> bool {
        self.lately.get(code).is_none_or(|times| times.len() < FLAP_LIMIT)
    }

    fn note_telling(&mut self, code: &'static str, now: Timestamp) {
        self.lately.entry(code).or_default().push(now);
    }

    /// Also forgets what lies in the future: the clock was set back meanwhile.
    fn forget_old_tellings(&mut self, now: Timestamp) {
        self.lately.retain(|_, times| {
            times.retain(|time| *time <= now && now < later(*time, FLAP_WINDOW));
            !times.is_empty()
        });
    }

    fn free_at(&self, code: &str) -> Option<Timestamp> {
        let times = self.lately.get(code).filter(|times| times.len() >= FLAP_LIMIT)?;
        times.iter().min().map(|oldest| later(*oldest, FLAP_WINDOW))
    }
}

impl Alert {
    /// With the remedy of the catalogue and no fields.
    pub fn new(event: &'static Event, key: impl Into<String>, message: impl Into<String>) -> Alert {
        let (key, message, remedy) = (key.into(), message.into(), event.remedy.to_owned());
        Alert { event, severity: event.severity, shows_after: event.shows_after, key, message, remedy, fields: Fields::default() }
    }

    /// Told sooner than its like.
    pub fn with_patience(self, shows_after: Duration) -> Alert {
        Alert { shows_after, ..self }
    }

    pub fn with_remedy(self, remedy: impl Into<String>) -> Alert {
        Alert { remedy: remedy.into(), ..self }
    }

    pub fn with_severity(self, severity: Severity) -> Alert {
        Alert { severity, ..self }
    }

    pub fn with_fields(self, fields: Fields) -> Alert {
        Alert { fields, ..self }
    }

    fn identity(&self) -> Key {
        (self.event.code, self.key.clone())
    }

    /// What a person would notice; each failed request has another request id.
    fn says(&self) -> (Severity, String, String, Fields) {
        let message = match &self.fields.request_id {
            Some(id) if !id.is_empty() => self.message.replace(id.as_str(), ""),
            Some(_) | None => self.message.clone(),
        };
        (self.severity, message, self.remedy.clone(), Fields { request_id: None, ..self.fields.clone() })
    }
}

impl Standing {
    /// After the wall clock was set back, what lies in the future would never come due.
    fn mend_times(&mut self, now: Timestamp) {
        self.since = self.since.min(now);
        self.told = self.told.map(|told| told.min(now));
    }

    /// It has lasted long enough.
    fn may_show(&self, now: Timestamp) -> bool {
        now >= later(self.since, self.alert.shows_after)
    }

    fn due(&self, alert: &Alert, now: Timestamp) -> Option<Phase> {
        match self.told {
            None => self.may_show(now).then_some(Phase::Raised),
            Some(_) if self.alert.says() != alert.says() => Some(Phase::Changed),
            Some(told) => (now >= later(told, REMINDER)).then_some(Phase::Reminded),
        }
    }
}

impl Phase {
    /// As the journal has it in `CGWD_PHASE`.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Raised => "raised",
            Phase::Changed => "changed",
            Phase::Reminded => "reminded",
            Phase::Cleared => "cleared",
            Phase::Occurred => "occurred",
        }
    }
}

fn first_of_each(conditions: Vec<Alert>) -> BTreeMap<Key, Alert> {
    let mut each = BTreeMap::new();
    for alert in conditions {
        debug_assert_eq!(alert.event.nature, Nature::Condition, "{} is no condition", alert.event.code);
        each.entry(alert.identity()).or_insert(alert);
    }
    each
}

/// Saturating: a time that can't be written is never reached.
fn later(time: Timestamp, wait: Duration) -> Timestamp {
    time.checked_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
