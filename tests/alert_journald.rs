//! Alerts in a real journal: what an operator's `journalctl` finds, also when journald comes late or restarts.

#![allow(clippy::disallowed_methods, reason = "a test program starts itself again and waits for real processes")]

mod common;

use cgwd::alert::catalogue::{CATALOGUE, Event, Nature, event};
use cgwd::alert::journald;
use cgwd::alert::raise::{Alert, Fields, Notice, Phase};
use cgwd::system::environment::Environment;
use cgwd::system::logging::{self, Logging};
use common::journal::{self, Journald};
use serde_json::Value;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

#[test]
fn every_alert_is_found_with_its_id_and_fields() {
    if let Some(stderr) = journal::outside("every_alert_is_found_with_its_id_and_fields") {
        return readable_once(&stderr);
    }
    journal::prepare();
    let _journald = Journald::start();
    Logging::daemon(0).start(&Environment::default()).unwrap();
    tracing::warn!(target: "cgwd::test", "a log, not an alert");
    let told: Vec<Notice> = CATALOGUE.iter().flat_map(notices).collect();
    told.iter().for_each(journald::emit);

    let entries = journal::entries(told.len());
    assert_eq!(entries.len(), told.len(), "alerts and nothing else");
    for (entry, notice) in entries.iter().zip(&told) {
        for line in journald::export_form(notice).lines() {
            let (name, value) = line.split_once('=').unwrap();
            assert_eq!(entry[name], value, "{name} of {} {}", notice.alert.event.code, notice.phase.name());
        }
    }
    let found = Command::new("journalctl").args(["-o", "cat", "MESSAGE_ID=203e75e3203a47a79680f6978c388efc"]).output().unwrap();
    let found = String::from_utf8(found.stdout).unwrap();
    assert_eq!(found.lines().count(), 2, "a beginning and an end: {found}");
}

/// The same alerts on stderr: one line for each, without what only machines read.
fn readable_once(stderr: &str) {
    if stderr.is_empty() {
        return; // journald is missing on this machine, and that has been said.
    }
    for event in CATALOGUE {
        let begins = if event.nature == Nature::Condition { "raised" } else { "occurred" };
        let line = format!(" {} {begins}: a message. What to do: a remedy address_old=203.0.113.7 ", event.code);
        assert_eq!(stderr.matches(&line).count(), 1, "`{line}` in\n{stderr}");
        assert!(!stderr.contains(event.message_id), "{stderr}");
    }
    assert_eq!(stderr.matches(" WARN a log, not an alert\n").count(), 1, "{stderr}");
}

#[test]
fn a_journald_that_comes_late_or_restarts_receives_what_follows() {
    if journal::outside("a_journald_that_comes_late_or_restarts_receives_what_follows").is_some() {
        return;
    }
    journal::prepare();
    Logging::daemon(0).start(&Environment::default()).unwrap();
    journald::emit(&about("before there is a journald"));
    let journald = Journald::start();
    journald::emit(&about("while it runs"));
    let seen = |entries: &[Value]| entries.iter().map(|entry| entry["CGWD_ADDRESS_NEW"].clone()).collect::<Vec<_>>();
    assert_eq!(seen(&journal::entries(1)), ["while it runs"]);
    journald.kill();
    journald::emit(&about("while it is away"));
    let _journald = Journald::start();
    journald::emit(&about("when it is back"));
    assert_eq!(seen(&journal::entries(2)), ["while it runs", "when it is back"]);
}

#[test]
fn where_stderr_is_the_journal_nothing_arrives_twice() {
    if journal::outside("where_stderr_is_the_journal_nothing_arrives_twice").is_some() {
        return;
    }
    if let Ok(value) = std::env::var("JOURNAL_STREAM") {
        let environment = Environment::from_iter([("JOURNAL_STREAM", value)]);
        Logging::daemon(0).start(&environment).unwrap();
        tracing::info!(target: "cgwd::test", CGWD_ASN = "65001", "an ordinary log");
        journald::emit(&about("203.0.113.8"));
        return;
    }
    journal::prepare();
    let journald = Journald::start();
    let (stderr, name) = journald.stream();
    let status = again("where_stderr_is_the_journal_nothing_arrives_twice").stderr(stderr).env("JOURNAL_STREAM", name).status().unwrap();
    assert!(status.success());

    let entries = journal::entries(2);
    assert_eq!(entries.len(), 2, "each once: {entries:?}");
    assert_eq!(entries[0]["MESSAGE"], "an ordinary log");
    assert_eq!(entries[0]["PRIORITY"], "6");
    assert_eq!(entries[0]["CGWD_ASN"], "65001");
    assert_eq!(entries[1]["MESSAGE_ID"], event("address.changed").message_id);
    for entry in entries {
        assert_eq!(entry["_TRANSPORT"], "journal", "with its fields, not as a line of stderr");
        assert_eq!(entry["SYSLOG_IDENTIFIER"], "cgwd");
    }
}

#[test]
fn where_stderr_is_the_journal_but_its_socket_is_not_there_lines_carry_their_priority() {
    if journal::outside("where_stderr_is_the_journal_but_its_socket_is_not_there_lines_carry_their_priority").is_some() {
        return;
    }
    if let Ok(value) = std::env::var("JOURNAL_STREAM") {
        let environment = Environment::from_iter([("JOURNAL_STREAM", value)]);
        std::fs::rename("/run/systemd/journal/socket", "/run/systemd/journal/elsewhere").unwrap();
        Logging::daemon(0).start(&environment).unwrap();
        std::fs::rename("/run/systemd/journal/elsewhere", "/run/systemd/journal/socket").unwrap();
        journald::emit(&about("203.0.113.8"));
        return;
    }
    journal::prepare();
    let journald = Journald::start();
    let (stderr, name) = journald.stream();
    let this = "where_stderr_is_the_journal_but_its_socket_is_not_there_lines_carry_their_priority";
    assert!(again(this).stderr(stderr).env("JOURNAL_STREAM", name).status().unwrap().success());
    let entries = journal::entries(1);
    assert_eq!(entries.len(), 1, "once: {entries:?}");
    assert_eq!(entries[0]["PRIORITY"], "4");
    assert_eq!(entries[0]["SYSLOG_IDENTIFIER"], "cgwd-stderr");
    assert!(entries[0]["MESSAGE"].as_str().unwrap().starts_with("address.changed occurred: it is now 203.0.113.8"), "{entries:?}");
}

#[test]
fn a_panic_is_critical_in_the_journal_and_tells_no_secret() {
    if journal::outside("a_panic_is_critical_in_the_journal_and_tells_no_secret").is_some() {
        return;
    }
    if let Ok(value) = std::env::var("JOURNAL_STREAM") {
        logging::abort_on_panic(&Environment::from_iter([("JOURNAL_STREAM", value)]));
        let secret = String::from("a pre-shared key");
        panic!("can't parse {secret}");
    }
    journal::prepare();
    let journald = Journald::start();
    let (stderr, name) = journald.stream();
    let status = again("a_panic_is_critical_in_the_journal_and_tells_no_secret").stderr(stderr).env("JOURNAL_STREAM", name).status();
    assert_eq!(status.unwrap().signal(), Some(6), "it ends by SIGABRT");
    let entries = journal::entries(1);
    assert_eq!(entries.len(), 1, "{entries:?}");
    assert_eq!(entries[0]["PRIORITY"], "2");
    let message = entries[0]["MESSAGE"].as_str().unwrap();
    assert!(message.starts_with("cgwd stopped on a mistake in the program at tests/alert_journald.rs:"), "{message}");
    assert!(!message.contains("pre-shared"), "{message}");
}

fn again(test: &str) -> Command {
    let command = journal::again(test);
    let mut again = Command::new(&command[0]);
    again.args(&command[1..]);
    again
}

fn about(address: &str) -> Notice {
    let fields = Fields { address_new: Some(address.to_owned()), ..Fields::default() };
    let alert = Alert::new(event("address.changed"), address, format!("it is now {address}")).with_fields(fields);
    Notice { phase: Phase::Occurred, alert, since: "2026-11-23T03:04:05Z".parse().unwrap() }
}

/// Every notice that an event can give rise to, with every field it can have.
fn notices(event: &'static Event) -> Vec<Notice> {
    let text = |value: &str| Some(value.to_owned());
    let fields = Fields {
        device: text("branch-1"),
        address_old: text("203.0.113.7"),
        address_new: text("203.0.113.8"),
        asn: text("65001"),
        customer_gateway_id: text("cgw-1"),
        connection_id: text("vco-1"),
        request_id: text("3A9B1C2D-0000-0000-0000-000000000000"),
        plan_id: text("plan-1"),
        step: text("create"),
    };
    let alert = Alert::new(event, "key", "a message").with_remedy("a remedy").with_fields(fields);
    let phases: &[Phase] = match event.nature {
        Nature::Condition => &[Phase::Raised, Phase::Cleared],
        Nature::Occurrence => &[Phase::Occurred],
    };
    let since = "2026-11-23T03:04:05Z".parse().unwrap();
    phases.iter().map(|phase| Notice { phase: *phase, alert: alert.clone(), since }).collect()
}
