//! Real files.

#![expect(clippy::disallowed_methods, reason = "a test damages a file the way a crash does")]

use super::*;
use crate::system::scratch::Scratch;
use std::os::unix::fs::PermissionsExt;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn decision(text: &str) -> Record {
    Record::DecisionChanged { decision: text.into(), summary: String::new() }
}

fn noticed(number: u8) -> Record {
    Record::AddressNoticed { value: std::net::Ipv4Addr::new(203, 0, 113, number).into(), source: "static".into(), previous: None }
}

fn intended() -> Record {
    let text = |text: &str| text.to_owned();
    Record::WriteIntended {
        action: text("CreateCustomerGateway"),
        target: text("203.0.113.7"),
        region: text("cn-hangzhou"),
        client_token: text("token"),
        generation: 0,
        request_hash: text("hash"),
        sent: None,
        step: None,
        edited: None,
    }
}

fn raw(directory: &Path) -> Connection {
    Connection::open(directory.join(FILE)).unwrap()
}

fn refusal(opened: Result<Journal, JournalError>) -> JournalError {
    opened.err().expect("it cannot be opened")
}

#[test]
fn what_was_appended_is_there_after_a_restart() {
    let scratch = Scratch::new();
    let directory = scratch.join("state");
    let mut journal = Journal::open(&directory, Some("machine".into())).unwrap();
    assert_eq!(journal.append(at(1), intended()).unwrap(), 1);
    assert_eq!(journal.append(at(2), Record::WriteResent { intent: 1, sent: None, edited: None }).unwrap(), 2);
    let (mut before, id) = (journal.progress().clone(), journal.device_id().to_owned());
    before.begin();
    drop(journal);
    let journal = Journal::open(&directory, Some("another machine".into())).unwrap();
    assert_eq!((journal.progress(), journal.device_id(), id.as_str()), (&before, "machine", "machine"));
    assert!(journal.progress().pending.as_ref().unwrap().resent);
    assert_eq!(std::fs::metadata(&directory).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn each_journal_has_its_own_identity() {
    let (one, other) = (Scratch::new(), Scratch::new());
    let identity = |scratch: &Scratch| {
        let journal = Journal::open(scratch.path(), None).unwrap();
        (journal.progress().journal_id.clone(), journal.device_id().to_owned())
    };
    let first = identity(&one);
    assert_eq!(first, identity(&one));
    assert_ne!(first, identity(&other));
}

#[test]
fn a_record_that_cannot_follow_is_not_written_and_nothing_follows_it() {
    let scratch = Scratch::new();
    let mut journal = Journal::open(scratch.path(), None).unwrap();
    journal.append(at(1), decision("create")).unwrap();
    assert!(matches!(journal.append(at(2), Record::WriteResent { intent: 9, sent: None, edited: None }), Err(JournalError::Corrupt(_))));
    assert!(journal.is_broken());
    assert!(matches!(journal.append(at(3), decision("in_sync")), Err(JournalError::Broken)));
    assert_eq!(journal.entries().unwrap().len(), 1);
    assert_eq!(Journal::open(scratch.path(), None).unwrap().progress().decision.as_deref(), Some("create"));
}

#[test]
fn a_newer_format_is_refused_with_a_way_on() {
    let scratch = Scratch::new();
    drop(Journal::open(scratch.path(), None).unwrap());
    raw(scratch.path()).pragma_update(None, "user_version", SCHEMA + 1).unwrap();
    let error = refusal(Journal::open(scratch.path(), None));
    assert!(matches!(error, JournalError::Newer { found, .. } if found == SCHEMA + 1) && !error.is_storage(), "{error:?}");
    assert!(error.remedy().contains("newer cgwd"), "{}", error.remedy());
    let error = Journal::open_to_read(scratch.path()).err().unwrap();
    assert!(matches!(error, JournalError::Newer { .. }), "{error:?}");
}

#[test]
fn a_damaged_file_is_refused_with_a_way_on() {
    type Damage = fn(&Path);
    let files: [(&str, Damage); 3] = [
        ("text instead of a database", |path| std::fs::write(path, "this is no database, but it is long enough for a header").unwrap()),
        ("zeros in the middle", |path| {
            let mut bytes = std::fs::read(path).unwrap();
            let end = bytes.len();
            bytes[4096..end].fill(0);
            std::fs::write(path, bytes).unwrap();
        }),
        ("cut short", |path| {
            let bytes = std::fs::read(path).unwrap();
            std::fs::write(path, &bytes[..6000]).unwrap();
        }),
    ];
    for (name, damage) in files {
        let scratch = Scratch::new();
        let mut journal = Journal::open(scratch.path(), None).unwrap();
        for number in 0..50 {
            journal.append(at(number), decision(&number.to_string().repeat(20))).unwrap();
        }
        drop(journal);
        damage(&scratch.join(FILE));
        let error = refusal(Journal::open(scratch.path(), None));
        assert!(matches!(error, JournalError::Damaged { .. }) && !error.is_storage(), "{name}: {error:?}");
        assert!(error.remedy().contains("keep a copy"), "{name}: {}", error.remedy());
    }
}

#[test]
fn a_record_that_cannot_be_read_is_no_record_that_is_not_there() {
    for (column, value) in [("body", "'{\"kind\":\"from_the_future\"}'"), ("body", "'{'"), ("at", "'yesterday'")] {
        let scratch = Scratch::new();
        Journal::open(scratch.path(), None).unwrap().append(at(1), decision("create")).unwrap();
        raw(scratch.path()).execute(&format!("UPDATE record SET {column} = {value}"), []).unwrap();
        let error = refusal(Journal::open(scratch.path(), None));
        assert!(matches!(&error, JournalError::Corrupt(corrupt) if corrupt.seq == 1), "{column}={value}: {error:?}");
        assert!(!error.is_storage() && error.remedy().contains("keep a copy"));
    }
}

#[test]
fn looking_makes_nothing() {
    let scratch = Scratch::new();
    assert!(Journal::open_to_read(&scratch.join("nowhere")).unwrap().is_none());
    assert!(!scratch.join("nowhere").exists());
    let mut journal = Journal::open(scratch.path(), None).unwrap();
    journal.append(at(1), decision("create")).unwrap();
    let mut reader = Journal::open_to_read(scratch.path()).unwrap().unwrap();
    assert_eq!(reader.progress().decision.as_deref(), Some("create"));
    assert!(reader.append(at(2), decision("in_sync")).is_err());
    journal.append(at(3), decision("in_sync")).unwrap();
}

/// So many copies of a record, as a process of long ago left them.
fn many(directory: &Path, record: &Record, count: i64) {
    let body = serde_json::to_string(record).unwrap();
    let insert = format!(
        "WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {count})
         INSERT INTO record (at, body) SELECT '{}', '{body}' FROM number",
        at(4)
    );
    raw(directory).execute(&insert, []).unwrap();
}

#[test]
fn a_long_journal_loses_what_nothing_depends_on_and_no_write() {
    for flood in [noticed(7), decision("create")] {
        let scratch = Scratch::new();
        let mut journal = Journal::open(scratch.path(), None).unwrap();
        journal.append(at(1), intended()).unwrap();
        journal.append(at(2), Record::WriteConcluded { intent: 1, found: None }).unwrap();
        journal.append(at(3), decision("create")).unwrap();
        let before = journal.progress().clone();
        drop(journal);
        many(scratch.path(), &flood, KEEP);
        let journal = Journal::open(scratch.path(), None).unwrap();
        let kept = journal.entries().unwrap();
        assert_eq!(journal.progress(), &before);
        assert!((KEEP / 2..=KEEP / 2 + 3).contains(&(kept.len() as i64)), "{}", kept.len());
        assert_eq!(kept[..2].iter().map(|entry| entry.seq).collect::<Vec<_>>(), [1, 2]);
    }
}

#[test]
fn a_process_that_is_never_restarted_keeps_its_journal_short_too() {
    let scratch = Scratch::new();
    Journal::open(scratch.path(), None).unwrap().append(at(1), intended()).unwrap();
    many(scratch.path(), &decision("create"), KEEP - 2);
    let mut journal = Journal::open(scratch.path(), None).unwrap();
    for (number, left) in [(1, KEEP), (2, KEEP / 2 + 1)] {
        journal.append(at(4 + number), decision("in_sync")).unwrap();
        assert_eq!(journal.entries().unwrap().len() as i64, left);
    }
    let (progress, entries) = (journal.progress().clone(), journal.entries().unwrap());
    assert_eq!(replay(&progress.journal_id, &entries).unwrap(), progress);
    assert!(Journal::open(scratch.path(), None).unwrap().progress().pending.is_some());
}

#[test]
fn a_flapping_address_is_noticed_six_times_a_minute() {
    let scratch = Scratch::new();
    let mut journal = Journal::open(scratch.path(), None).unwrap();
    for second in 0..120 {
        let seq = journal.append(at(second), noticed(u8::try_from(second).unwrap())).unwrap();
        assert_eq!(seq != 0, second % 60 < 6, "{second}");
    }
    // The clock is set back: nothing is known of the last minute.
    assert_ne!(journal.append(at(0), noticed(1)).unwrap(), 0);
    // What settled is never left out.
    assert_ne!(journal.append(at(60), decision("create")).unwrap(), 0);
    assert_eq!(journal.entries().unwrap().len(), 14);
}

#[test]
fn the_journal_tells_how_much_room_its_disk_has() {
    let scratch = Scratch::new();
    assert!(Journal::open(scratch.path(), None).unwrap().free_bytes().unwrap() > 0);
    assert_eq!(Journal::in_memory(Memory::default(), "id").unwrap().free_bytes(), None);
}

#[test]
fn a_directory_that_cannot_be_made_is_trouble_with_the_disk() {
    let scratch = Scratch::new();
    std::fs::write(scratch.join("file"), "").unwrap();
    let error = refusal(Journal::open(&scratch.join("file/state"), None));
    assert!(matches!(error, JournalError::Directory { .. }) && error.is_storage(), "{error:?}");
    assert!(error.remedy().contains("writable"));
}

fn planned(plan: &str, sealed: &str) -> Record {
    let plan = serde_json::json!({
        "id": plan, "device": "d", "region": "cn-hangzhou", "old": [], "new": {"ip": "203.0.113.8", "asn": null, "id": null},
        "temporary": null, "order": "new-first", "planned": false, "rollback": true, "recheck_ms": 0, "verify_ms": 0, "stages": [],
    });
    Record::ReplacementPlanned { plan: serde_json::from_value(plan).unwrap(), sealed: sealed.into() }
}

fn ended(plan: &str, outcome: crate::model::ReplacementOutcome) -> Record {
    Record::ReplacementEnded { plan: plan.into(), outcome, new_gateway: None, leftover: vec![], by_itself: false }
}

/// What was written on a customer gateway before a further copy of its deletion is known after a restart; a copy that says nothing of it
/// changes nothing.
#[test]
fn what_a_repeated_deletion_took_with_it_is_there_after_a_restart() {
    let scratch = Scratch::new();
    let mut journal = Journal::open(scratch.path(), None).unwrap();
    journal.append(at(0), planned("p", "s")).unwrap();
    let Record::WriteIntended { action, target, region, client_token, generation, request_hash, sent, .. } = intended() else { return };
    let step = Some(crate::journal::record::StepRef { plan: "p".into(), step: "4".into() });
    let intent = Record::WriteIntended { action, target, region, client_token, generation, request_hash, sent, step, edited: None };
    let intent = journal.append(at(1), intent).unwrap();
    let label = crate::model::Label { name: "pudong".into(), description: "moved".into(), tags: crate::model::Tags::new() };
    for edited in [Some(label.clone()), None] {
        journal.append(at(2), Record::WriteResent { intent, sent: None, edited }).unwrap();
    }
    drop(journal);
    let journal = Journal::open(scratch.path(), None).unwrap();
    let open = journal.progress().replacements.open.as_ref().unwrap();
    assert_eq!(open.step("4").edited, Some(label));
}

/// Every file of the journal, as whoever takes the disk would see it.
fn lies_there(directory: &Path, text: &str) -> bool {
    let files = std::fs::read_dir(directory).unwrap();
    let bytes = files.map(|file| std::fs::read(file.unwrap().path()).unwrap());
    bytes.into_iter().any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
}

/// Longer than a page of the database, as a snapshot is.
fn snapshot_called(name: &str) -> String {
    name.repeat(2_000)
}

#[test]
fn a_snapshot_leaves_the_disk_a_day_after_the_replacement_is_done() {
    use crate::model::ReplacementOutcome::{Abandoned, Done};
    const DAY: i64 = 24 * 3600;
    let scratch = Scratch::new();
    let mut journal = Journal::open(scratch.path(), None).unwrap();
    for (plan, outcome) in [("done", Done), ("gone", Abandoned)] {
        journal.append(at(0), planned(plan, &snapshot_called(plan))).unwrap();
        journal.append(at(0), ended(plan, outcome)).unwrap();
    }
    journal.append(at(0), planned("open", &snapshot_called("open"))).unwrap();
    assert_eq!(journal.erase_snapshots(at(DAY - 1)).unwrap(), 0);
    assert!(lies_there(scratch.path(), "donedonedone"));
    assert_eq!(journal.erase_snapshots(at(DAY)).unwrap(), 1);
    assert!(!lies_there(scratch.path(), "donedonedone"), "neither in the database nor in its log");
    assert!(lies_there(scratch.path(), "gonegonegone"), "a connection may be gone that it alone remembers");
    assert_eq!(journal.erase_snapshots(at(30 * DAY)).unwrap(), 1);
    assert!(!lies_there(scratch.path(), "gonegonegone") && lies_there(scratch.path(), "openopenopen"));
    assert_eq!(journal.erase_snapshots(at(400 * DAY)).unwrap(), 0, "one that is open is never touched");
    let before = journal.progress().clone();
    drop(journal);
    let journal = Journal::open(scratch.path(), None).unwrap();
    assert_eq!(journal.progress(), &before, "the plans themselves stay");
    assert_eq!(journal.entries().unwrap().len(), 5);
}
