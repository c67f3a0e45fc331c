use super::*;
use crate::journal::record::AlertText;
use crate::journal::replay::{Progress, replay};
use crate::model::{Asn, Timestamp};
use proptest::prelude::*;
use std::net::Ipv4Addr;

fn alert(key: u8, message: u8) -> AlertText {
    AlertText {
        code: "cloud.unreachable".into(),
        key: key.to_string(),
        message: message.to_string(),
        remedy: String::new(),
        severity: None,
        fields: BTreeMap::new(),
    }
}

fn named(key: u8) -> (String, String) {
    let alert = alert(key, 0);
    (alert.code, alert.key)
}

fn any_record() -> impl Strategy<Value = Record> {
    let text = || (0..4_u8).prop_map(|number| number.to_string());
    let address = || (0..4_u8).prop_map(|number| Ipv4Addr::new(203, 0, 113, number).into());
    let intent = || 1..60_i64;
    let noticed = address().prop_map(|value| Record::AddressNoticed { value, source: "static".into(), previous: None });
    let settled = address().prop_map(|value| Record::AddressSettled { value, source: "static".into(), previous: None });
    let asn = any::<Option<u32>>().prop_map(|value| Record::AsnSettled { value, source: "frr".into(), previous: None });
    let region = (text(), text()).prop_map(|(selector, region)| Record::RegionFound { selector, region });
    let decision = text().prop_map(|decision| Record::DecisionChanged { decision, summary: String::new() });
    let contact =
        any::<Option<u32>>().prop_map(|second| Record::CloudContact { last_cloud_contact: second.map(|second| at(second.into())) });
    let told = prop_oneof![
        (0..3_u8, 0..3_u8).prop_map(|(key, message)| Record::AlertRaised { alert: alert(key, message) }),
        (0..3_u8).prop_map(named).prop_map(|(code, key)| Record::AlertReminded { code, key }),
        (0..3_u8).prop_map(named).prop_map(|(code, key)| Record::AlertCleared { code, key }),
        (0..3_u8).prop_map(|key| Record::AlertOccurred { alert: alert(key, 0) }),
    ];
    let write = prop_oneof![
        (0..9_u32).prop_map(|generation| Record::WriteIntended {
            action: "CreateCustomerGateway".into(),
            target: "203.0.113.7".into(),
            region: "cn-hangzhou".into(),
            client_token: "token".into(),
            generation,
            request_hash: String::new(),
            sent: None,
            step: None,
            edited: None,
        }),
        intent().prop_map(|intent| Record::WriteResent { intent, sent: None, edited: None }),
        (intent(), any::<bool>(), any::<bool>()).prop_map(|(intent, poisoned, refused)| {
            let (code, message) = (String::new(), String::new());
            Record::WriteUnconfirmed { intent, request_id: None, code, message, poisoned, refused }
        }),
        intent().prop_map(|intent| Record::WriteRefused { intent, request_id: None, code: String::new(), message: String::new() }),
        intent().prop_map(|intent| Record::WriteDone { intent, request_id: None, result: None, in_doubt: false, partial: false }),
        intent().prop_map(|intent| Record::WriteConcluded { intent, found: None }),
    ];
    let registered = (text(), address(), text()).prop_map(|(id, ip, region)| {
        let (asn, how) = (Asn::new(65_001), String::new());
        Record::GatewayRegistered { id, ip, asn, region, how }
    });
    let released = text().prop_map(|id| Record::GatewayReleased { id, why: String::new() });
    let plain = prop_oneof![noticed, settled, asn, region, decision, contact, registered, released];
    prop_oneof![plain, told, write]
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

/// Those of the records that can follow one another. What is told of a write is told of the open one.
fn sound(records: Vec<Record>) -> Vec<Entry> {
    let mut progress = Progress::new("journal");
    let mut entries: Vec<Entry> = Vec::new();
    for mut record in records {
        if let Some(pending) = &progress.pending {
            match &mut record {
                Record::WriteResent { intent, .. }
                | Record::WriteUnconfirmed { intent, .. }
                | Record::WriteRefused { intent, .. }
                | Record::WriteDone { intent, .. }
                | Record::WriteConcluded { intent, .. } => *intent = pending.intent,
                _ => {}
            }
        }
        let seq = entries.len() as i64 + 1;
        let entry = Entry { seq, at: at(seq), record };
        if progress.apply(&entry).is_ok() {
            entries.push(entry);
        }
    }
    entries
}

fn without_superseded(entries: &[Entry], old_until: i64) -> Vec<Entry> {
    let mut superseded = Superseded::until(old_until);
    entries.iter().for_each(|entry| superseded.take(entry));
    let gone = superseded.seqs();
    entries.iter().filter(|entry| !gone.contains(&entry.seq)).cloned().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_stays_says_the_same(records in proptest::collection::vec(any_record(), 0..60), old_until in 0..70_i64) {
        let entries = sound(records);
        let kept = without_superseded(&entries, old_until);
        prop_assert_eq!(replay("journal", &kept), replay("journal", &entries));
        prop_assert!(entries.iter().filter(|entry| entry.seq > old_until).all(|entry| kept.contains(entry)));
        // And so it does after anything else that may follow: nothing hidden was lost.
        prop_assert_eq!(without_superseded(&kept, old_until), kept);
    }

    /// What a person can ask for years later.
    #[test]
    fn writes_that_had_an_effect_and_registrations_stay(records in proptest::collection::vec(any_record(), 0..60)) {
        let entries = sound(records);
        let kept = without_superseded(&entries, i64::MAX);
        let stays = |entry: &&Entry| matches!(entry.record,
            Record::WriteDone { .. } | Record::WriteConcluded { .. } | Record::GatewayRegistered { .. } | Record::GatewayReleased { .. });
        prop_assert!(entries.iter().filter(stays).all(|entry| kept.contains(entry)));
    }
}

#[test]
fn years_of_flapping_come_down_to_a_handful() {
    let round = |number: u8| {
        let (code, key) = named(number % 3);
        vec![
            Record::AddressSettled { value: Ipv4Addr::new(203, 0, 113, number).into(), source: "static".into(), previous: None },
            Record::DecisionChanged { decision: number.to_string(), summary: String::new() },
            Record::AlertRaised { alert: alert(number % 3, number) },
            Record::AlertReminded { code: code.clone(), key: key.clone() },
            Record::AlertCleared { code, key },
            Record::AlertOccurred { alert: alert(9, number) },
            Record::CloudContact { last_cloud_contact: None },
        ]
    };
    let entries = sound((0..=255).flat_map(round).collect());
    assert_eq!(entries.len(), 256 * 7);
    assert_eq!(without_superseded(&entries, i64::MAX).len(), 3);
}
