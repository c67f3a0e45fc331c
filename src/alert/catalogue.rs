//! Every alert once: its code, how bad it is, its journal message id, what it means and what to do.
//!
//! The codes and the message ids are an interface: operators match on them (`journalctl MESSAGE_ID=…`). An id is a random
//! UUID of its own; an event that goes away takes its id with it. There are at most [`MOST`] events, so that a person can know them.

use crate::model::Severity;
use std::time::Duration;

/// More than this and nobody learns them.
pub const MOST: usize = 25;

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

const AT_ONCE: Duration = Duration::ZERO;

/// Time-outs of single requests are retried within this time; what lasts longer needs a person.
const CLOUD_PATIENCE: Duration = Duration::from_secs(120);

/// Sources answer late while an interface, a DHCP client or a routing daemon restarts; reliability.md 4.4 asks that
/// silence of the watcher be told, and half a minute is longer than such a restart.
const SOURCE_PATIENCE: Duration = Duration::from_secs(30);

pub const CATALOGUE: &[Event] = &[
    Event {
        code: "address.changed",
        severity: Severity::Warning,
        message_id: "8f4f8839e4274ce9bb4fb1371d123326",
        subject: "the address of this device has changed",
        text: "The sources now give another address than before. Nothing is done about it until the new address has settled.",
        safe: "Nothing in the cloud is touched yet; `cgwd check` and `cgwd plan` only read.",
        remedy: "if the change is not intended, restore the old address before it settles; `cgwd check` shows what each source says",
        nature: Nature::Occurrence,
        shows_after: AT_ONCE,
    },
    Event {
        code: "address.settled",
        severity: Severity::Info,
        message_id: "d4241c25fbea45a49bef0e6a29bda808",
        subject: "the new address has settled",
        text: "The new address has held for the settle time and is now compared with the customer gateway.",
        safe: "Reading is: `cgwd check`, `cgwd plan` and `cgwd status` write nothing.",
        remedy: "run `cgwd plan` to see what it means for the cloud",
        nature: Nature::Occurrence,
        shows_after: AT_ONCE,
    },
    Event {
        code: "address.unusable",
        severity: Severity::Error,
        message_id: "4123cbcb8b6c44398d66f1da8efe8f51",
        subject: "the address of this device can't be registered",
        text: "The observed address is one that a customer gateway can't have. Nothing is written to the cloud while this lasts.",
        safe: "Everything: the customer gateway stays as it is, tunnels that are up stay up, and cgwd may be restarted.",
        remedy: "run `cgwd check`: it names the rule and what to change; behind NAT, add a source that sees the public address",
        nature: Nature::Condition,
        shows_after: AT_ONCE,
    },
    Event {
        code: "observation.blind",
        severity: Severity::Error,
        message_id: "2f3ef2fe6a4940fabdb586c23035ef88",
        subject: "the address of this device can't be observed",
        text: "No configured source gives a valid reading, so a change of the address would go unnoticed. The last settled address stays in force.",
        safe: "Everything: an unknown address is never taken for a change, and the customer gateway stays as it is.",
        remedy: "run `cgwd check` to see why each source fails",
        nature: Nature::Condition,
        shows_after: SOURCE_PATIENCE,
    },
    Event {
        code: "observation.disagreement",
        severity: Severity::Warning,
        message_id: "79787246b97e468faaaef5824778c997",
        subject: "the address sources disagree",
        text: "Sources that should see the same address see different ones. With `agreement` other than `first` nothing is written to the cloud while this lasts.",
        safe: "Reading and reloading: correct the sources and `systemctl reload cgwd`.",
        remedy: "run `cgwd check` to see what each source says; remove the wrong source or set `[address] prefer`",
        nature: Nature::Condition,
        shows_after: SOURCE_PATIENCE,
    },
    Event {
        code: "observation.degraded",
        severity: Severity::Warning,
        message_id: "2489896bd4714e82bc7937767d6fa3ad",
        subject: "address changes are noticed late",
        text: "The kernel's address events are not available; the interfaces are read at intervals instead, so that a change is noticed later.",
        safe: "Everything: changes are still noticed, at the next reading.",
        remedy: "allow AF_NETLINK in the unit (`RestrictAddressFamilies=`) and restart cgwd",
        nature: Nature::Condition,
        shows_after: AT_ONCE,
    },
    Event {
        code: "asn.changed",
        severity: Severity::Warning,
        message_id: "88c2be8c68074d19a2bc720828e96c34",
        subject: "the ASN of this device has changed",
        text: "The BGP source now gives another autonomous system number than before.",
        safe: "Nothing in the cloud is touched yet; `cgwd check` and `cgwd plan` only read.",
        remedy: "if the change is not intended, restore the ASN in the routing daemon; `cgwd check` shows what is read",
        nature: Nature::Occurrence,
        shows_after: AT_ONCE,
    },
    Event {
        code: "asn.unknown",
        severity: Severity::Warning,
        message_id: "97a091d256324f818566d2142e9e5eec",
        subject: "the ASN of this device can't be read",
        text: "The routing daemon gives no autonomous system number. The last known one stays in force and nothing changes in the cloud.",
        safe: "Restarting the routing daemon, and cgwd: an unknown ASN is never taken for a change.",
        remedy: "see whether the routing daemon runs and whether cgwd may read it; `cgwd check` shows its answer",
        nature: Nature::Condition,
        shows_after: SOURCE_PATIENCE,
    },
    Event {
        code: "asn.unusable",
        severity: Severity::Error,
        message_id: "9a376c93c7aa400d9d1c761183516d23",
        subject: "the ASN of this device can't be registered",
        text: "The autonomous system number is one that a customer gateway can't have, or two places name different ones. Nothing is written to the cloud while this lasts.",
        safe: "Everything: the customer gateway stays as it is, and cgwd may be restarted.",
        remedy: "run `cgwd check`: it names the rule and what to change",
        nature: Nature::Condition,
        shows_after: AT_ONCE,
    },
    Event {
        code: "registration.created",
        severity: Severity::Info,
        message_id: "065dbd83ff2f483b8df23937d9694ac8",
        subject: "a customer gateway has been created",
        text: "This device had no customer gateway; one with its address and ASN now exists and bears its mark.",
        safe: "Using the customer gateway at once. Another start creates no second one.",
        remedy: "use it in an IPsec connection",
        nature: Nature::Occurrence,
        shows_after: AT_ONCE,
    },
    Event {
        code: "registration.adopted",
        severity: Severity::Info,
        message_id: "c346281ebec241c692bbcbba04d4130b",
        subject: "a customer gateway has been adopted",
        text: "A customer gateway with this device's address and ASN existed without a mark and now bears this device's.",
        safe: "Everything: only tags were added, its address, ASN and connections are as they were.",
        remedy: "nothing to do; `cgwd deregister` takes the mark away again",
        nature: Nature::Occurrence,
        shows_after: AT_ONCE,
    },
    Event {
        code: "registration.removed",
        severity: Severity::Info,
        message_id: "d71af3d582d0411cbdfcd44a4ae03a13",
        subject: "this device has been deregistered",
        text: "The mark of this device was taken off its customer gateway, and the customer gateway deleted where that was asked for.",
        safe: "Everything: connections of the customer gateway were not touched.",
        remedy: "nothing to do; `cgwd register` registers the device again",
        nature: Nature::Occurrence,
        shows_after: AT_ONCE,
    },
    Event {
        code: "replacement.needed",
        severity: Severity::Error,
        message_id: "203e75e3203a47a79680f6978c388efc",
        subject: "the customer gateway no longer matches this device",
        text: "The customer gateway holds another address or ASN than this device has. Neither can be edited in the cloud: the IPsec connections behind it stay down until the customer gateway is replaced.",
        safe: "Reading with `cgwd plan`. Not safe: deleting the customer gateway or its connections by hand, for their settings and pre-shared keys go with them.",
        remedy: "run `cgwd plan` to see what has to be done",
        nature: Nature::Condition,
        shows_after: AT_ONCE,
    },
    Event {
        code: "registration.blocked",
        severity: Severity::Error,
        message_id: "8be022922dc8461c804424b365d74759",
        subject: "cgwd may not write to the cloud for this device",
        text: "A rule forbids registering this device, for instance because the customer gateway bears another device's mark or the region is another one than configured.",
        safe: "Everything: cgwd writes nothing while this lasts, and connections are not touched.",
        remedy: "run `cgwd plan`: it names the rule and what to change",
        nature: Nature::Condition,
        shows_after: AT_ONCE,
    },
    Event {
        code: "gateway.drift",
        severity: Severity::Warning,
        message_id: "04a9d49f4a9b4b06953ccdcdb3f295f9",
        subject: "the customer gateway was changed by somebody else",
        text: "An attribute or a mark of the customer gateway differs from what cgwd left there. It is not overwritten.",
        safe: "Leaving it so: the tunnels don't depend on it.",
        remedy: "run `cgwd plan` to see the difference; put it into the configuration or take it back in the console",
        nature: Nature::Condition,
        shows_after: AT_ONCE,
    },
    Event {
        code: "gateway.duplicate",
        severity: Severity::Error,
        message_id: "72b907f33d3647a7bf3ecdf92af64ffc",
        subject: "this device has more than one customer gateway",
        text: "Several customer gateways bear this device's mark. Where none or more than one of them has this device's address and ASN, which one is meant can't be told, and nothing is written to the cloud while this lasts.",
        safe: "Reading. Not safe: deleting one before you have seen that no connection uses it.",
        remedy: "run `cgwd plan` to see them; delete the one that no connection uses, or remove its `cgwd-device` tag",
        nature: Nature::Condition,
        shows_after: AT_ONCE,
    },
    Event {
        code: "cloud.unreachable",
        severity: Severity::Error,
        message_id: "1a1bb500c9e949ab965e50e55f8ab021",
        subject: "the cloud's API can't be reached",
        text: "No usable answer comes from the cloud, so its state is unknown. The device is observed as before and nothing is written.",
        safe: "Everything on this device. Not safe: taking the silence for a sign that an object in the cloud is gone.",
        remedy: "run `cgwd doctor`, or try `curl -v` to the named host from this device; see that the API does not depend on the tunnel",
        nature: Nature::Condition,
        shows_after: CLOUD_PATIENCE,
    },
    Event {
        code: "cloud.refused",
        severity: Severity::Error,
        message_id: "7d2bb8ac68d7441b8688c0e259d604d5",
        subject: "the cloud refuses the credentials or the rights",
        text: "The cloud rejects the credentials or says that they may not do this, or this device has none. The cloud's state is unknown and nothing is written.",
        safe: "Changing the credentials: the files are read again for each call, and systemd's credentials at a restart.",
        remedy: "see whether the credentials are current, hold the rights that the named call needs, and are allowed from the address of this device",
        nature: Nature::Condition,
        shows_after: AT_ONCE,
    },
    Event {
        code: "quota.full",
        severity: Severity::Error,
        message_id: "165f6fb0d05442728cbedcf1ec2aa20a",
        subject: "the quota of customer gateways is used up",
        text: "The account has as many customer gateways in the region as it may have; none can be created.",
        safe: "Waiting: what exists is not touched. Not safe: deleting a customer gateway that a connection still uses.",
        remedy: "delete an unused customer gateway or raise the quota in the Quota Center",
        nature: Nature::Condition,
        shows_after: AT_ONCE,
    },
    Event {
        code: "clock.skew",
        severity: Severity::Warning,
        message_id: "727a88f13b904b0c99ebdf3b65d9926d",
        subject: "the clock of this device is wrong",
        text: "The clock differs from the cloud's by more than five minutes. Requests are signed with the cloud's time; a replacement is not begun.",
        safe: "Setting the clock: waits of cgwd don't depend on it.",
        remedy: "start a time service such as chrony or systemd-timesyncd and look at `timedatectl`",
        nature: Nature::Condition,
        shows_after: AT_ONCE,
    },
    Event {
        code: "clock.jumped",
        severity: Severity::Info,
        message_id: "1f4768763f7b4e9fbd4aa4b123a82bec",
        subject: "the clock jumped or the device slept",
        text: "Time passed that cgwd did not see, or the wall clock was set. Everything is read afresh before anything is written.",
        safe: "Everything.",
        remedy: "nothing to do after a suspend or the first time synchronisation; otherwise look at the time service",
        nature: Nature::Occurrence,
        shows_after: AT_ONCE,
    },
    Event {
        code: "state.watch_only",
        severity: Severity::Error,
        message_id: "5373895b267a4e4a9a48034f8f7eb608",
        subject: "the state can't be written: cgwd only watches",
        text: "The state directory is missing, full, read-only or unreadable. Changes are observed and told, but without a durable journal nothing is written to the cloud.",
        safe: "Restarting cgwd as often as you like. Not safe: deleting the journal while a write is unconfirmed.",
        remedy: "make the state directory writable or free space on it, then restart cgwd",
        nature: Nature::Condition,
        shows_after: AT_ONCE,
    },
    Event {
        code: "write.unconfirmed",
        severity: Severity::Warning,
        message_id: "538b0ba140f341908ddab68b15ff006f",
        subject: "the outcome of a write to the cloud is not known",
        text: "A request to change something in the cloud got no usable answer, so it may have happened. cgwd looks before it tries again and repeats it only under the same client token.",
        safe: "Waiting and restarting: the intent is on disk, and the same client token makes no second object.",
        remedy: "wait: it resolves itself within about 16 minutes once the cloud can be read; do not repeat the change by hand meanwhile",
        nature: Nature::Condition,
        shows_after: AT_ONCE,
    },
    Event {
        code: "config.invalid",
        severity: Severity::Error,
        message_id: "18414a236cd744ffbb2de098ed5b3cde",
        subject: "the new configuration is invalid",
        text: "The configuration on disk has a mistake and was not taken over; the previous one stays in force. The next start would fail.",
        safe: "Editing the file and reloading. Not safe: restarting before `cgwd config check` finds nothing.",
        remedy: "run `cgwd config check`, mend the file and reload",
        nature: Nature::Condition,
        shows_after: AT_ONCE,
    },
    Event {
        code: "service.failed",
        severity: Severity::Error,
        message_id: "8f0d3769669a4ff48d88f695a3d02b73",
        subject: "cgwd has failed and is not started again",
        text: "systemd has given cgwd up: the configuration was refused, a credential could not be opened, or it ended again and again. Nobody watches this device. systemd raises this alert itself (cgwd-failed@.service).",
        safe: "Starting it again at any time: what was under way is found out by looking. The cloud's objects and the tunnels stay as they are.",
        remedy: "read the reason in `journalctl -u cgwd`, mend it, then `systemctl reset-failed cgwd` and `systemctl start cgwd`",
        nature: Nature::Occurrence,
        shows_after: AT_ONCE,
    },
];

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
