use super::*;
use crate::model::{GatewayRef, Order, Target};

fn ip(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(203, 0, 113, last)
}

fn asn(number: u32) -> Option<Asn> {
    Asn::new(number)
}

/// From 203.0.113.7 to 203.0.113.8.
fn plan(planned: bool) -> ReplacementPlan {
    ReplacementPlan {
        id: "0123456789abcdef".into(),
        device: "branch-1".into(),
        region: "cn-hangzhou".into(),
        old: vec![GatewayRef { id: "cgw-1".into(), ip: ip(7), asn: asn(65001) }],
        new: Target { ip: ip(8), asn: asn(65001), id: None },
        temporary: None,
        order: Order::NewFirst,
        planned,
        rollback: true,
        recheck_ms: 0,
        verify_ms: 0,
        worked: std::collections::BTreeMap::new(),
        moved_before: Vec::new(),
        stages: Vec::new(),
        words: std::collections::BTreeMap::new(),
    }
}

fn seen(last: u8) -> Seen {
    Seen { ip: Some(ip(last)), asn: asn(65001) }
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn stopped(reason: &str, passes: bool) -> Stopped {
    Stopped { reason: reason.into(), message: "so it is".into(), remedy: String::new(), step: None, passes }
}

#[test]
fn what_is_still_as_before_contradicts_only_where_nobody_planned_it() {
    assert!(!contradicts(&plan(false), seen(8)) && !contradicts(&plan(true), seen(8)));
    assert!(contradicts(&plan(false), seen(7)), "the device is back at its old address");
    assert!(!contradicts(&plan(true), seen(7)), "the move is to come");
    assert!(contradicts(&plan(true), seen(9)));
    let other_asn = Seen { asn: asn(65002), ..seen(8) };
    assert!(contradicts(&plan(false), other_asn) && contradicts(&plan(true), other_asn));
    assert!(!contradicts(&plan(false), Seen::default()), "what is not known contradicts nothing");
}

#[test]
fn a_reading_counts_against_a_plan_once_it_has_settled() {
    let fit = |settled, current| fit(&plan(false), settled, current);
    assert_eq!(fit(seen(8), seen(8)), Fit::Fits);
    assert_eq!(fit(seen(8), seen(9)), Fit::Unsettled);
    assert_eq!(fit(seen(9), seen(9)), Fit::Another);
    assert_eq!(fit(seen(9), Seen::default()), Fit::Another, "a failed reading changes nothing");
    assert_eq!(fit(seen(9), seen(8)), Fit::Unsettled, "it is coming back");
    assert_eq!(fit(Seen::default(), Seen::default()), Fit::Fits);
}

fn course_of(stopped: Option<&Stopped>, fit: Fit, not_safe: Option<&str>, retry_at: Option<Duration>) -> Course {
    of_open(&Open { stopped, fit, not_safe, retry_at }, at(100))
}

fn waits(course: &Course) -> &str {
    match course {
        Course::Wait(wait) => &wait.until,
        other => panic!("{other:?} is no wait"),
    }
}

#[test]
fn what_was_interrupted_goes_on_and_what_stopped_as_its_reason_says() {
    let on = Course::CarryOn { resume: false };
    assert_eq!(course_of(None, Fit::Fits, None, None), on);
    assert_eq!(course_of(None, Fit::Unsettled, None, None), on, "the step itself looks before it interrupts");
    let (passes, drift) = (stopped("unreachable", true), stopped("drift", false));
    assert_eq!(course_of(Some(&passes), Fit::Fits, None, Some(at(100))), on);
    let later = course_of(Some(&passes), Fit::Fits, None, Some(at(130)));
    assert!(matches!(&later, Course::Wait(wait) if wait.at == Some(at(130))), "{later:?}");
    assert!(waits(&course_of(Some(&drift), Fit::Fits, None, None)).starts_with("a person"));
}

#[test]
fn another_change_ends_a_plan_where_that_is_safe() {
    let (changed, drift) = (stopped(CHANGED_AGAIN, false), stopped("drift", false));
    assert!(waits(&course_of(Some(&changed), Fit::Unsettled, None, None)).contains("settle"));
    assert_eq!(course_of(Some(&changed), Fit::Another, None, None), Course::GiveUp);
    assert_eq!(course_of(None, Fit::Another, None, None), Course::GiveUp);
    assert_eq!(course_of(Some(&drift), Fit::Another, None, None), Course::GiveUp);
    assert_eq!(course_of(Some(&changed), Fit::Fits, None, None), Course::CarryOn { resume: true }, "it is as planned again");
    // Not where a connection is deleted and not made again: then on to where it is.
    let gap = Some("vco-1 is deleted");
    assert_eq!(course_of(None, Fit::Another, gap, None), Course::CarryOn { resume: false });
    assert_eq!(course_of(Some(&changed), Fit::Another, gap, None), Course::CarryOn { resume: false });
    assert!(waits(&course_of(Some(&drift), Fit::Another, gap, None)).starts_with("a person"));
    assert!(waits(&course_of(None, Fit::Another, None, Some(at(130)))).starts_with("another try"));
}

fn needed(policy: ReplacementPolicy) -> Needed {
    Needed {
        policy,
        held: Ok(()),
        only_asn: false,
        ahead: None,
        decided: None,
        write_is_open: false,
        closed: None,
        tried: false,
        refused: None,
        again_at: None,
    }
}

fn gate(course: &Course) -> &str {
    match course {
        Course::Wait(Wait { gate: Some(refused), .. }) => &refused.gate,
        other => panic!("no gate in {other:?}"),
    }
}

#[test]
fn only_auto_begins_by_itself_and_only_with_nothing_in_the_way() {
    let course = |needed: Needed| of_needed(&needed, at(100));
    assert_eq!(course(needed(ReplacementPolicy::Alert)), Course::Rest);
    assert_eq!(waits(&course(needed(ReplacementPolicy::Guided))), "a person: `sudo cgwd replace`");
    let auto = || needed(ReplacementPolicy::Auto);
    assert_eq!(course(auto()), Course::Begin);
    assert_eq!(gate(&course(Needed { only_asn: true, ..auto() })), "planned");
    assert_eq!(gate(&course(Needed { decided: Some("a person gave it up"), ..auto() })), "planned");
    let ahead = || Some(Ahead { to: "203.0.113.9".into(), has: "203.0.113.7".into() });
    for policy in [ReplacementPolicy::Guided, ReplacementPolicy::Auto] {
        let moved = course(Needed { ahead: ahead(), ..needed(policy) });
        assert!(waits(&moved).starts_with("this device to have 203.0.113.9"), "{moved:?}");
        assert!(matches!(moved, Course::Wait(Wait { gate: None, .. })), "no gate is to be told: {moved:?}");
    }
    let holds = course(Needed { held: Err(Some(at(300))), ..auto() });
    assert!(matches!(&holds, Course::Wait(Wait { gate: None, at: Some(until), .. }) if *until == at(300)), "{holds:?}");
    assert!(waits(&course(Needed { write_is_open: true, ..auto() })).contains("earlier write"));
    let closed = Needed { closed: Some(("Sat 02:00-05:00 is closed".into(), Some(at(900)))), ..auto() };
    assert!(matches!(&course(closed.clone()), Course::Wait(Wait { at: Some(until), .. }) if *until == at(900)));
    assert_eq!(gate(&course(closed)), "window");
}

#[test]
fn a_refusal_stands_until_the_cloud_was_looked_at_again() {
    let refused = Some(Refused { gate: "daily_limit".into(), detail: "1 in the last 24 hours".into() });
    let tried = Needed { tried: true, refused: refused.clone(), ..needed(ReplacementPolicy::Auto) };
    assert_eq!(gate(&of_needed(&tried, at(0))), "daily_limit");
    assert_eq!(of_needed(&Needed { tried: false, ..tried.clone() }, at(0)), Course::Begin);
    let later = Needed { tried: false, again_at: Some(at(60)), ..tried.clone() };
    assert!(
        matches!(of_needed(&later, at(59)), Course::Wait(wait) if wait.gate == refused && wait.at == Some(at(60))),
        "the cloud is not asked again and again"
    );
    assert_eq!(of_needed(&later, at(60)), Course::Begin);
    assert!(waits(&of_needed(&Needed { refused: None, ..tried }, at(0))).contains("next look"));
}

fn refusals() -> Refusals {
    Refusals::new(Retry::growing(at(300), at(21_600)), Retry::growing(at(30), at(600)))
}

fn by(gate: &str) -> Refused {
    Refused { gate: gate.into(), detail: format!("{gate} it is") }
}

/// What passes by itself in seconds is not waited for like what a person has to mend.
#[test]
fn only_what_a_person_has_to_mend_is_tried_again_late() {
    for (gate, pauses) in [("quota", [300, 600]), ("rights", [300, 600]), ("working_tunnel", [30, 60])] {
        let mut refusals = refusals();
        for pause in pauses {
            refusals.refused(by(gate), (ip(8), asn(65001)), at(1000));
            assert_eq!(refusals.at(), Some(at(1000 + pause)), "{gate}");
        }
    }
    let mut refusals = refusals();
    refusals.refused(by("quota"), (ip(8), asn(65001)), at(1000));
    refusals.refused(by("working_tunnel"), (ip(8), asn(65001)), at(1300));
    assert_eq!((refusals.at(), refusals.last()), (Some(at(1330)), Some(&by("working_tunnel"))), "there was room this time");
}

/// The device has another address by now: what was refused for the one before is no reason to wait, and no reason to name.
#[test]
fn the_refusal_of_one_plan_does_not_hold_up_another() {
    let mut refusals = refusals();
    refusals.refused(by("quota"), (ip(8), asn(65001)), at(1000));
    assert!(!refusals.are_of_another((ip(8), asn(65001))) && !refusals.are_of_another((ip(8), None)), "the old one's ASN carries over");
    assert!(refusals.are_of_another((ip(9), asn(65001))) && refusals.are_of_another((ip(8), asn(65002))));
    refusals.refused(by("rights"), (ip(9), asn(65001)), at(2000));
    assert_eq!(refusals.at(), Some(at(2300)), "the pause begins anew");
    refusals.forget();
    assert_eq!((refusals.at(), refusals.last()), (None, None));
    assert!(!refusals.are_of_another((ip(8), asn(65001))));
}

/// A plan that a gate keeps from its first write is refused by that gate, whatever the cloud said before.
#[test]
fn a_newer_refusal_is_the_one_that_is_told() {
    let mut refusals = refusals();
    refusals.refused(by("quota"), (ip(8), asn(65001)), at(1000));
    refusals.superseded();
    assert_eq!((refusals.last(), refusals.at()), (None, Some(at(1300))), "the cloud is left alone all the same");
}

#[test]
fn counts_times_and_request_ids_are_no_news() {
    assert!(says_the_same("the clock is 312 s off", "the clock is 313 s off"));
    assert!(says_the_same("refused (RequestId 4F1A-99)", "refused (RequestId 77B2-01)"));
    assert!(!says_the_same("the clock is 312 s off", "the disk is 312 s off"));
}

#[test]
fn the_pause_grows_to_its_bound_and_begins_anew_once_something_helped() {
    let mut retry = Retry::growing(at(30), at(600));
    assert!(retry.is_due(at(0)));
    let pauses: Vec<u64> = (0..7)
        .map(|_| {
            retry.failed(at(1000));
            assert!(!retry.is_due(at(1000)));
            retry.at.unwrap().as_secs() - 1000
        })
        .collect();
    assert_eq!(pauses, [30, 60, 120, 240, 480, 600, 600]);
    retry.helped();
    assert_eq!(retry.at, None);
}
