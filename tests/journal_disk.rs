//! The journal on a real file system that is full, or read-only: in a mount namespace of its own.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::print_stdout, reason = "a test program")]

mod common;

use cgwd::execute::ExecuteError;
use cgwd::journal::store::FILE;
use cgwd::journal::{Journal, JournalError, Record};
use cgwd::model::Timestamp;
use cgwd::plan::{DecisionKind, plan_removal};
use common::in_memory::{HOME, device, owner, want};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const SCENE: &str = "CGWD_TEST_SCENE";

/// Runs `scene` inside, with an empty file system of this many kilobytes in place of the temporary directory.
fn on_a_small_disk(test: &str, kilobytes: u32, scene: impl FnOnce(&Path)) {
    if std::env::var_os(SCENE).is_none() {
        return outside(test);
    }
    let directory = std::env::temp_dir();
    mount(&["-t", "tmpfs", "-o", &format!("size={kilobytes}k"), "tmpfs", directory.to_str().unwrap()]);
    scene(&directory);
    println!("{test} ran on a disk of its own");
}

fn outside(test: &str) {
    let mut inside = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        inside.arg("--map-root-user");
    }
    let again = common::journal::again(test);
    let output = match inside.arg("--mount").arg("--").args(again).env(SCENE, test).output() {
        Ok(output) => output,
        Err(error) => return common::missing("a small disk", &format!("unshare: {error}")),
    };
    let stderr = String::from_utf8_lossy(&output.stderr);
    if let Some(why) = stderr.lines().find(|line| line.starts_with("unshare: ")) {
        return common::missing("a small disk", why);
    }
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && stdout.contains("ran on a disk of its own"), "{test} failed inside:\n{stdout}\n{stderr}");
}

fn mount(arguments: &[&str]) {
    assert!(Command::new("mount").args(arguments).status().unwrap().success(), "mount {arguments:?}");
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn decision(number: i64) -> Record {
    Record::DecisionChanged { decision: format!("decision-{number}"), summary: "s".repeat(400) }
}

fn ballast(directory: &Path) -> PathBuf {
    directory.join("ballast")
}

/// Takes all the space that is left.
fn fill(directory: &Path) {
    use std::io::Write;
    let mut file = std::fs::File::create(ballast(directory)).unwrap();
    for size in [4096, 512, 1] {
        while file.write_all(&vec![1; size]).is_ok() {}
    }
}

#[test]
fn a_full_disk_stops_every_further_append_and_loses_nothing() {
    on_a_small_disk("a_full_disk_stops_every_further_append_and_loses_nothing", 512, |disk| {
        let mut journal = Journal::open(disk, None).unwrap();
        for number in 1..=3 {
            journal.append(at(number), decision(number)).unwrap();
        }
        fill(disk);
        let (mut appended, mut number) = (3, 4);
        let error = loop {
            match journal.append(at(number), decision(number)) {
                Ok(_) => (appended, number) = (number, number + 1),
                Err(error) => break error,
            }
            assert!(number < 2000, "the disk is never full");
        };
        assert!(matches!(error, JournalError::Write(_)) && error.is_storage(), "{error:?}");
        assert!(error.remedy().contains("disk is not full"), "{}", error.remedy());
        std::fs::remove_file(ballast(disk)).unwrap();
        assert!(matches!(journal.append(at(number), decision(number)), Err(JournalError::Broken)), "also with space again");
        drop(journal);
        let mut journal = Journal::open(disk, None).unwrap();
        assert_eq!(journal.entries().unwrap().len() as i64, appended, "what was appended is there, and nothing else");
        journal.append(at(number), decision(number)).unwrap();
    });
}

#[test]
fn a_new_journal_on_a_full_disk_is_trouble_with_the_disk() {
    on_a_small_disk("a_new_journal_on_a_full_disk_is_trouble_with_the_disk", 64, |disk| {
        fill(disk);
        let error = Journal::open(disk, None).err().unwrap();
        assert!(error.is_storage(), "{error:?}");
        std::fs::remove_file(ballast(disk)).unwrap();
        assert!(Journal::open(disk, None).is_ok(), "half a journal was left behind");
    });
}

#[test]
fn a_read_only_disk_can_be_looked_at_and_not_written() {
    on_a_small_disk("a_read_only_disk_can_be_looked_at_and_not_written", 512, |disk| {
        Journal::open(disk, None).unwrap().append(at(1), decision(1)).unwrap();
        assert!(disk.join(FILE).exists());
        mount(&["-o", "remount,ro", disk.to_str().unwrap()]);
        let error = Journal::open(disk, None).err().unwrap();
        assert!(error.is_storage(), "{error:?}");
        let looked_at = Journal::open_to_read(disk).unwrap().unwrap();
        assert_eq!(looked_at.progress().decision.as_deref(), Some("decision-1"));
        let error = Journal::open(&disk.join("new"), None).err().unwrap();
        assert!(matches!(error, JournalError::Directory { .. }) && error.is_storage(), "{error:?}");
    });
}

#[test]
fn no_write_goes_out_without_room_for_its_records() {
    on_a_small_disk("no_write_goes_out_without_room_for_its_records", 4096, |disk| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (executor, cloud) = device(Journal::open(disk, None).unwrap());
            let writes = || cloud.borrow().calls().iter().filter(|call| call.is_write).count();
            fill(disk);
            let blocked = executor.register(&want(HOME), Duration::ZERO).await.unwrap().decision;
            assert_eq!(blocked.kind, DecisionKind::Blocked);
            assert!(blocked.errors().any(|finding| finding.code == "state.disk_full"), "{blocked:?}");
            assert!(blocked.gates.iter().any(|gate| gate.name == "disk" && !gate.passed), "{blocked:?}");
            assert_eq!(writes(), 0);
            std::fs::remove_file(ballast(disk)).unwrap();
            let registered = executor.register(&want(HOME), Duration::ZERO).await.unwrap().decision;
            assert_eq!((registered.kind, writes()), (DecisionKind::InSync, 1), "{registered:?}");
            // What needs no write is done on a full disk too, and what needs one is not begun.
            fill(disk);
            assert_eq!(executor.register(&want(HOME), Duration::ZERO).await.unwrap().decision.kind, DecisionKind::InSync);
            let removal = plan_removal(&owner(), false, &executor.look(HOME, false).await.unwrap());
            let refused = executor.deregister(&owner(), HOME, &removal.steps).await;
            assert!(matches!(refused, Err(ExecuteError::NoSpace)), "{refused:?}");
            assert!(!executor.journal.borrow().is_broken() && writes() == 1);
        });
    });
}
