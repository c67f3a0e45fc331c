use super::*;
use crate::model::{Lane, Order, ReplacementPlan, Target};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

/// One connection with a route, deleted and made again.
fn progress(steps: &[(&str, StepProgress)]) -> ReplacementProgress {
    let connection = || "vco-1".to_owned();
    let ops = [
        Op::DeleteRoute { connection: connection(), route: 0 },
        Op::DeleteConnection { connection: connection() },
        Op::CreateConnection { connection: connection() },
        Op::CreateRoute { connection: connection(), route: 0 },
        Op::UnmarkConnection { connection: connection() },
        Op::Verify { connection: connection(), index: 0 },
    ];
    let steps_of = ops.into_iter().enumerate().map(|(at, op)| PlannedStep { id: (at + 1).to_string(), op }).collect();
    let plan = ReplacementPlan {
        id: "0123456789abcdef".into(),
        device: "branch-1".into(),
        region: "cn-hangzhou".into(),
        old: Vec::new(),
        new: Target { ip: Ipv4Addr::new(203, 0, 113, 8), asn: None, id: None },
        temporary: None,
        order: Order::NewFirst,
        planned: false,
        rollback: true,
        recheck_ms: 0,
        verify_ms: 0,
        worked: std::collections::BTreeMap::new(),
        moved_before: Vec::new(),
        stages: vec![vec![Lane { connection: Some(connection()), lock: None, steps: steps_of }]],
        words: std::collections::BTreeMap::new(),
    };
    let steps: BTreeMap<String, StepProgress> = steps.iter().map(|(id, step)| ((*id).to_owned(), step.clone())).collect();
    ReplacementProgress {
        seq: 1,
        plan,
        sealed: String::new(),
        began: at(0),
        steps,
        earlier: Vec::new(),
        turned: None,
        stopped: None,
        resumed_from: None,
    }
}

fn proven(second: i64) -> StepProgress {
    StepProgress { answered: true, proven: Some(at(second)), first_sent: Some(at(second)), ..StepProgress::default() }
}

#[test]
fn a_connection_is_away_from_its_deletion_until_its_last_route_is_back() {
    let down = |steps: &[(&str, StepProgress)]| down(&progress(steps)).first().map(|down| down.since);
    let refused = StepProgress { first_sent: Some(at(20)), ..StepProgress::default() };
    assert_eq!(down(&[("1", proven(10))]), None, "a route alone is not the connection");
    assert_eq!(down(&[("1", proven(10)), ("2", refused)]), None, "the cloud said that it did not happen");
    let answered = StepProgress { answered: true, first_sent: Some(at(20)), ..StepProgress::default() };
    assert_eq!(down(&[("1", proven(10)), ("2", answered)]), Some(at(20)));
    assert_eq!(down(&[("1", proven(10)), ("2", proven(20)), ("3", proven(30))]), Some(at(20)), "its route is missing");
    assert_eq!(down(&[("1", proven(10)), ("2", proven(20)), ("3", proven(30)), ("4", proven(40))]), None);
}

#[test]
fn two_minutes_are_long_and_a_clock_that_was_set_back_proves_nothing() {
    let down = Down { connection: "vco-1".into(), since: at(100) };
    assert_eq!([at(100), at(219), at(220), at(99)].map(|now| down.is_long(now)), [false, false, true, true]);
    assert_eq!(down.is_long_at(), at(220));
}

#[test]
fn each_thing_that_lasts_has_its_alert() {
    let stopped = Stopped {
        reason: "drift".into(),
        message: "somebody was here".into(),
        remedy: "look".into(),
        step: Some("3".into()),
        passes: false,
    };
    let known = Replaced {
        plan: Some("0123456789abcdef".into()),
        changes_the_cloud: true,
        policy: ReplacementPolicy::Auto,
        ahead: None,
        stopped: Some(stopped),
        refused: Some(Refused { gate: "window".into(), detail: "it is closed".into() }),
        down: vec![Down { connection: "vco-1".into(), since: at(0) }, Down { connection: "vco-2".into(), since: at(1000) }],
        leftover: vec![("cgw-1".into(), Some(Kept { why: "the cloud says no".into(), remedy: Some("grant it".into()) }))],
        gone: vec!["cgw-2".into()],
    };
    let told: Vec<(&str, String, Severity)> =
        of(&known, at(1001), &Fields::default()).into_iter().map(|alert| (alert.event.code, alert.key, alert.severity)).collect();
    let wanted = [
        ("replacement.blocked", "window", Severity::Warning),
        ("replacement.stopped", "0123456789abcdef", Severity::Error),
        ("connection.down_long", "vco-1", Severity::Error),
        ("gateway.leftover", "cgw-1", Severity::Warning),
    ];
    assert_eq!(told, wanted.map(|(code, key, severity)| (code, key.to_owned(), severity)));
    let alerts = of(&known, at(1001), &Fields::default());
    assert_eq!(alerts[1].fields.step.as_deref(), Some("3"));
    assert!(alerts.iter().all(|alert| alert.fields.plan_id.as_deref() == Some("0123456789abcdef")));
    let left = &alerts[3];
    assert!(left.message.ends_with("is still there: the cloud says no") && left.remedy.starts_with("grant it"), "{left:?}");
    assert!(known.is_about_leftover("cgw-1 bears it too") && known.is_about_leftover("cgw-2") && !known.is_about_leftover("cgw-3"));
}
