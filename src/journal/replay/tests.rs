use super::*;
use crate::model::ReplacementOutcome;
use proptest::prelude::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn entries(records: &[Record]) -> Vec<Entry> {
    records.iter().zip(1..).map(|(record, seq)| Entry { seq, at: at(seq), record: record.clone() }).collect()
}

fn all(records: &[Record]) -> Result<Progress, Corrupt> {
    replay("journal", &entries(records))
}

fn intended(generation: u32) -> Record {
    Record::WriteIntended {
        action: "CreateCustomerGateway".into(),
        target: "203.0.113.7".into(),
        region: "cn-hangzhou".into(),
        client_token: format!("token-{generation}"),
        generation,
        request_hash: "hash".into(),
        sent: None,
        step: None,
        edited: None,
    }
}

fn resent(intent: i64) -> Record {
    Record::WriteResent { intent, sent: None, edited: None }
}

fn unconfirmed(intent: i64, poisoned: bool) -> Record {
    Record::WriteUnconfirmed { intent, request_id: None, code: String::new(), message: String::new(), poisoned, refused: false }
}

/// The three ways in which a write comes to its end.
fn ends(intent: i64) -> [Record; 3] {
    [
        Record::WriteDone { intent, request_id: None, result: None, in_doubt: false, partial: false },
        Record::WriteRefused { intent, request_id: None, code: "Resource.QuotaFull".into(), message: String::new() },
        Record::WriteConcluded { intent, found: None },
    ]
}

fn alert(message: &str) -> AlertText {
    let (code, key) = ("cloud.unreachable".to_owned(), "key".to_owned());
    AlertText { code, key, message: message.into(), remedy: String::new(), severity: None, fields: BTreeMap::new() }
}

fn named() -> (String, String) {
    ("cloud.unreachable".into(), "key".into())
}

/// Every kind of record that is about an open write.
fn about(intent: i64) -> Vec<Record> {
    let mut records = vec![resent(intent), unconfirmed(intent, false), unconfirmed(intent, true)];
    records.extend(ends(intent));
    records
}

#[test]
fn nothing_can_be_told_of_a_write_that_is_not_open() {
    for record in about(1) {
        assert_eq!(all(std::slice::from_ref(&record)).unwrap_err().seq, 1, "{record:?} at the beginning");
        for end in ends(1) {
            assert_eq!(all(&[intended(0), end.clone(), record.clone()]).unwrap_err().seq, 3, "{record:?} after {end:?}");
        }
    }
    for record in about(9) {
        assert_eq!(all(&[intended(0), record.clone()]).unwrap_err().seq, 2, "{record:?} of another intent");
    }
}

#[test]
fn there_is_never_a_second_open_write() {
    let corrupt = all(&[intended(0), intended(1)]).unwrap_err();
    assert_eq!(corrupt.seq, 2);
    assert!(corrupt.why.contains("record 1"), "{corrupt}");
    for between in [resent(1), unconfirmed(1, false)] {
        assert_eq!(all(&[intended(0), between, intended(1)]).unwrap_err().seq, 3);
    }
    for end in ends(1) {
        assert!(all(&[intended(0), end, intended(1)]).is_ok());
    }
}

#[test]
fn an_alert_that_does_not_stand_neither_reminds_nor_ends() {
    let ((code, key), (same_code, same_key)) = (named(), named());
    let (reminded, cleared) = (Record::AlertReminded { code, key }, Record::AlertCleared { code: same_code, key: same_key });
    for record in [&reminded, &cleared] {
        assert_eq!(all(std::slice::from_ref(record)).unwrap_err().seq, 1);
        let again = [Record::AlertRaised { alert: alert("a") }, cleared.clone(), record.clone()];
        assert_eq!(all(&again).unwrap_err().seq, 3);
    }
    let stands = all(&[Record::AlertRaised { alert: alert("a") }, reminded, Record::AlertRaised { alert: alert("b") }]).unwrap();
    let standing = &stands.alerts[&named()];
    assert_eq!((standing.since, standing.last_told, standing.alert.message.as_str()), (at(1), at(3), "b"));
}

#[test]
fn a_write_goes_through_its_states() {
    let open = all(&[intended(3), unconfirmed(1, true), resent(1), unconfirmed(1, false)]).unwrap().pending.unwrap();
    assert_eq!((open.intent, open.intended.at, open.last_sent.at), (1, at(1), at(3)));
    assert!(open.resent && open.poisoned, "a spent token stays spent");
    for end in ends(1) {
        let after = all(&[intended(0), end]).unwrap();
        assert_eq!((after.pending, after.generation, after.last_write_at), (None, 1, Some(at(1))));
    }
}

#[test]
fn a_refused_repetition_does_not_make_the_first_sending_younger() {
    let sent_at = |records: &[Record]| all(records).unwrap().pending.unwrap().last_sent.at;
    let refused = || Record::WriteUnconfirmed {
        intent: 1,
        request_id: None,
        code: "Resource.QuotaFull".into(),
        message: String::new(),
        poisoned: false,
        refused: true,
    };
    assert_eq!(sent_at(&[intended(0), resent(1)]), at(2));
    assert_eq!(sent_at(&[intended(0), resent(1), unconfirmed(1, false)]), at(2));
    assert_eq!(sent_at(&[intended(0), resent(1), refused()]), at(1));
    assert_eq!(sent_at(&[intended(0), resent(1), refused(), resent(1), refused()]), at(1));
    assert_eq!(sent_at(&[intended(0), resent(1), unconfirmed(1, false), resent(1), refused()]), at(2));
}

#[test]
fn records_of_earlier_versions_are_read() {
    let texts = [
        r#"{"kind":"write_intended","action":"a","target":"t","region":"r","client_token":"c","generation":4,"request_hash":"h"}"#,
        r#"{"kind":"write_resent","intent":1}"#,
        r#"{"kind":"write_unconfirmed","intent":1,"request_id":null,"code":"","message":"","poisoned":false}"#,
    ];
    let records: Vec<Record> = texts.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    let open = all(&records).unwrap().pending.unwrap();
    assert_eq!((open.last_sent.at, open.last_sent.sent, open.last_sent.uptime), (at(2), None, None));
    for (record, text) in records.iter().zip(texts) {
        assert_eq!(serde_json::to_string(record).unwrap(), text, "and written as before");
    }
}

#[test]
fn what_was_registered_in_another_region_is_left_behind_until_it_is_let_go() {
    let registered = |id: &str, region: &str| Record::GatewayRegistered {
        id: id.into(),
        ip: "203.0.113.7".parse().unwrap(),
        asn: None,
        region: region.into(),
        how: "created".into(),
    };
    let released = |id: &str| Record::GatewayReleased { id: id.into(), why: "let go".into() };
    let left = |records: &[Record]| all(records).unwrap().left_behind.into_iter().map(|left| left.id).collect::<Vec<_>>();
    let moved = [registered("a", "one"), registered("b", "two")];
    assert_eq!(left(&moved), ["a"]);
    assert_eq!(left(&[moved.as_slice(), &[registered("c", "two")]].concat()), ["a"], "another in the same region takes its place");
    assert_eq!(left(&[moved.as_slice(), &[registered("a", "one")]].concat()), ["b"], "back again");
    assert!(left(&[moved.as_slice(), &[released("a")]].concat()).is_empty());
    assert!(left(&[released("a"), registered("b", "two")]).is_empty());
}

/// One that had lost its mark when the next replacement was planned is in none of that one's steps.
#[test]
fn what_a_replacement_left_stays_to_be_deleted_after_the_next_one() {
    let planned = |plan: &str, region: &str, old: &str| {
        let plan = serde_json::json!({
            "id": plan, "device": "d", "region": region, "old": [{"id": old, "ip": "203.0.113.7", "asn": null}],
            "new": {"ip": "203.0.113.8", "asn": null, "id": null}, "temporary": null, "order": "new-first", "planned": false,
            "rollback": true, "recheck_ms": 0, "verify_ms": 0, "stages": [],
        });
        Record::ReplacementPlanned { plan: serde_json::from_value(plan).unwrap(), sealed: String::new() }
    };
    let ended = |plan: &str, leftover: &[&str]| Record::ReplacementEnded {
        plan: plan.into(),
        outcome: ReplacementOutcome::Done,
        new_gateway: None,
        leftover: leftover.iter().map(|id| (*id).into()).collect(),
        by_itself: false,
    };
    let given_up = |plan: &str| match ended(plan, &[]) {
        Record::ReplacementEnded { plan, new_gateway, leftover, by_itself, .. } => {
            Record::ReplacementEnded { plan, outcome: ReplacementOutcome::Abandoned, new_gateway, leftover, by_itself }
        }
        _ => unreachable!(),
    };
    let left = |records: &[Record]| all(records).unwrap().replacements.last.unwrap().leftover;
    let first = [planned("p", "one", "a"), ended("p", &["a"])];
    let then = |region: &str, old: &str, leftover: &[&str]| [first.as_slice(), &[planned("q", region, old), ended("q", leftover)]].concat();
    assert_eq!(left(&then("one", "b", &[])), ["a"]);
    assert_eq!(left(&then("one", "b", &["b"])), ["b", "a"]);
    assert!(left(&then("one", "a", &[])).is_empty(), "the next one has deleted it");
    let abandoned = [first.as_slice(), &[planned("q", "one", "a"), given_up("q")]].concat();
    assert_eq!(left(&abandoned), ["a"], "the next one was to delete it, and did not come to that");
    assert!(left(&then("two", "b", &[])).is_empty(), "it would be looked for in another region");
    let released = Record::GatewayReleased { id: "a".into(), why: "mark removed".into() };
    assert!(left(&[then("one", "b", &[]).as_slice(), &[released]].concat()).is_empty());
}

#[test]
fn the_registered_gateway_is_forgotten_by_its_own_release_alone() {
    let registered = Record::GatewayRegistered {
        id: "cgw-1".into(),
        ip: "203.0.113.7".parse().unwrap(),
        asn: Asn::new(65_001),
        region: "cn-hangzhou".into(),
        how: "created".into(),
    };
    let released = |id: &str| Record::GatewayReleased { id: id.into(), why: "deleted".into() };
    assert_eq!(all(&[registered.clone(), released("cgw-2")]).unwrap().registered.unwrap().since, at(1));
    assert_eq!(all(&[registered, released("cgw-1")]).unwrap().registered, None);
    assert!(all(&[released("cgw-1")]).is_ok());
}

fn any_record() -> impl Strategy<Value = Record> {
    let intent = 1..6_i64;
    prop_oneof![
        (0..3_u32).prop_map(intended),
        intent.clone().prop_map(resent),
        (intent.clone(), any::<bool>()).prop_map(|(intent, poisoned)| unconfirmed(intent, poisoned)),
        (intent, 0..3_usize).prop_map(|(intent, which)| ends(intent)[which].clone()),
        Just(Record::AlertRaised { alert: alert("a") }),
        Just(named()).prop_map(|(code, key)| Record::AlertCleared { code, key }),
        Just(Record::CloudContact { last_cloud_contact: None }),
    ]
}

proptest! {
    /// A reference as plain as can be: which write is open, and does the alert stand?
    #[test]
    fn replay_takes_exactly_what_can_follow(records in proptest::collection::vec(any_record(), 0..12)) {
        let (mut open, mut stands, mut bad) = (None, false, None);
        for (record, seq) in records.iter().zip(1_i64..) {
            let fits = match record {
                Record::WriteIntended { .. } => open.is_none(),
                Record::WriteResent { intent, .. } | Record::WriteUnconfirmed { intent, .. } => open == Some(*intent),
                Record::WriteDone { intent, .. } | Record::WriteRefused { intent, .. } | Record::WriteConcluded { intent, .. } => open == Some(*intent),
                Record::AlertCleared { .. } => stands,
                _ => true,
            };
            if !fits {
                bad = Some(seq);
                break;
            }
            match record {
                Record::WriteIntended { .. } => open = Some(seq),
                Record::WriteDone { .. } | Record::WriteRefused { .. } | Record::WriteConcluded { .. } => open = None,
                Record::AlertRaised { .. } => stands = true,
                Record::AlertCleared { .. } => stands = false,
                _ => {}
            }
        }
        let replayed = all(&records);
        prop_assert_eq!(replayed.as_ref().err().map(|corrupt| corrupt.seq), bad);
        prop_assert_eq!(&replayed, &all(&records));
    }
}
