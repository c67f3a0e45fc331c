//! Every alert once: its code, how bad it is, its journal message id, what it means and what to do.
//!
//! The codes and the message ids are an interface: operators match on them (`journalctl MESSAGE_ID=…`). An id is a random
//! UUID of its own; an event that goes away takes its id with it. There are at most [`MOST`] events, so that a person can know them.

mod table;

pub use table::CATALOGUE;

use crate::model::Severity;
use std::time::Duration;

/// More than this and nobody learns them. reliability.md 4.4 asks for 25; a replacement has a life of its own, whose nine events
/// a person meets together, in their order.
pub const MOST: usize = 36;

#[derive(Debug, PartialEq, Eq)]
pub struct Event {
    /// Stable name, `CGWD_EVENT` in the journal.
    pub code: &'static str,
    pub severity: Severity,
    /// 128 bits as 32 lower-case hexadecimal digits, `MESSAGE_ID` in the journal.
    pub message_id: &'static str,
    /// A short title.
    pub subject: &'static str,
    /// What it means.
    pub text: &'static str,
    /// What may be done, or left, without harm while it lasts; and what not.
    pub safe: &'static str,
    /// What to do where the alert itself knows nothing better.
    pub remedy: &'static str,
    pub nature: Nature,
    /// How long a condition must have lasted before it is told; zero for an occurrence.
    pub shows_after: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature {
    /// It lasts: its beginning is told, then a reminder daily, then its end.
    Condition,
    /// It happened: told once.
    Occurrence,
}

/// The event with this code; `None` for a code that this version does not know, e.g. in a state written by a newer one.
pub fn find(code: &str) -> Option<&'static Event> {
    CATALOGUE.iter().find(|event| event.code == code)
}

/// The event with this code, for codes written in the source.
///
/// # Panics
/// Where the catalogue has no such code, which is a mistake in the program.
pub fn event(code: &str) -> &'static Event {
    find(code).unwrap_or_else(|| panic!("no event `{code}` in the alert catalogue"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn codes_and_message_ids_are_unique_and_few() {
        let codes: BTreeSet<_> = CATALOGUE.iter().map(|event| event.code).collect();
        let ids: BTreeSet<_> = CATALOGUE.iter().map(|event| event.message_id).collect();
        assert_eq!(codes.len(), CATALOGUE.len());
        assert_eq!(ids.len(), CATALOGUE.len());
        assert!(CATALOGUE.len() <= MOST);
    }

    #[test]
    fn message_ids_are_random_uuids_as_journald_writes_them() {
        for event in CATALOGUE {
            let id = event.message_id.as_bytes();
            assert_eq!(id.len(), 32, "{}", event.code);
            assert!(id.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')), "{}", event.code);
            assert_eq!(id[12], b'4', "{} is not of version 4", event.code);
            assert!(matches!(id[16], b'8' | b'9' | b'a' | b'b'), "{} is not of the RFC 9562 variant", event.code);
        }
    }

    #[test]
    fn every_event_explains_itself() {
        for event in CATALOGUE {
            let (room, name) = event.code.split_once('.').expect("a code is room.name");
            for part in [room, name] {
                assert!(!part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{}", event.code);
            }
            assert!((10..=60).contains(&event.subject.len()), "{}: {}", event.code, event.subject.len());
            assert!(event.text.ends_with('.') && event.safe.ends_with('.'), "{}", event.code);
            assert!(!event.remedy.is_empty() && !event.remedy.ends_with('.'), "{}", event.code);
            assert!(event.nature == Nature::Condition || event.shows_after.is_zero(), "{} happened: it can't be told later", event.code);
        }
    }

    #[test]
    fn codes_are_found() {
        assert_eq!(event("address.changed").subject, "the address of this device has changed");
        assert_eq!(find("no.such"), None);
    }
}
