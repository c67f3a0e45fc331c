//! The write whose outcome is not known.

use super::*;
use crate::journal::record::Sent;
use crate::journal::replay::{PendingWrite, Sending};
use crate::plan::{Concluded, DecisionKind, LATE_EFFECT, Next, Pending, StepAction, client_token, settle_pending};

const BOOT: &str = "this boot";

fn seconds(count: i64) -> SignedDuration {
    SignedDuration::from_secs(count)
}

/// As a look has placed it. The wall clock says something else: nothing may go by it.
fn sent(ago: i64) -> Sending {
    Sending { at: now() + SignedDuration::from_hours(48), sent: None, uptime: Some(uptime() - seconds(ago)) }
}

fn pending(action: &str, target: &str, sent_ago: i64) -> PendingWrite {
    let step = [StepAction::CreateCustomerGateway, StepAction::TagResources].into_iter().find(|step| step.name() == action);
    let purpose = step.map_or_else(|| target.to_owned(), |step| desired().purpose(step, target));
    PendingWrite {
        intent: 7,
        action: action.into(),
        target: target.into(),
        region: REGION.into(),
        client_token: client_token("journal", action, &purpose, 0),
        generation: 0,
        request_hash: "hash".into(),
        intended: sent(sent_ago),
        last_sent: sent(sent_ago),
        sent_before: None,
        resent: false,
        poisoned: false,
        unconfirmed: false,
        absent_since: None,
    }
}

fn settled(pending: &PendingWrite, wanted: bool, gateways: Vec<CustomerGateway>) -> Pending {
    settle_pending(pending, &owner(), wanted, &inventory(gateways), clocks())
}

fn found(id: &str) -> Pending {
    Pending::Concluded(Concluded { intent: 7, found: Some(id.into()) })
}

const NOT_DONE: Pending = Pending::Concluded(Concluded { intent: 7, found: None });
const DEAD: i64 = 16 * 60;

#[test]
fn an_effect_that_shows_concludes_at_any_time() {
    for wanted in [false, true] {
        let settled = |action, target, gateways| settled(&pending(action, target, 1), wanted, gateways);
        assert_eq!(settled("CreateCustomerGateway", "203.0.113.7", vec![ours("cgw-1", IP)]), found("cgw-1"));
        assert_eq!(settled("TagResources", "cgw-1", vec![ours("cgw-1", IP)]), found("cgw-1"));
        assert_eq!(settled("UnTagResources", "cgw-1", vec![unmarked("cgw-1", IP)]), found("cgw-1"));
        assert_eq!(settled("UnTagResources", "cgw-1", vec![]), found("cgw-1"));
        assert_eq!(settled("DeleteCustomerGateway", "cgw-1", vec![unmarked("cgw-2", IP)]), found("cgw-1"));
    }
}

#[test]
fn somebody_elses_is_no_effect_of_ours() {
    for gateway in [unmarked("cgw-1", IP), foreign("cgw-1", IP), ours("cgw-1", OTHER_IP)] {
        let outcome = settled(&pending("CreateCustomerGateway", "203.0.113.7", 1), false, vec![gateway]);
        assert!(matches!(outcome, Pending::Wait(_)), "{outcome:?}");
    }
    assert!(matches!(settled(&pending("TagResources", "cgw-1", 1), false, vec![foreign("cgw-1", IP)]), Pending::Wait(_)));
    assert!(matches!(settled(&pending("TagResources", "cgw-1", 1), false, vec![]), Pending::Wait(_)), "one absence is none");
}

#[test]
fn the_wanted_write_goes_out_again_while_its_first_copy_can_land() {
    let create = |sent_ago| pending("CreateCustomerGateway", "203.0.113.7", sent_ago);
    assert_eq!(settled(&create(0), true, vec![]), Pending::Resend);
    assert_eq!(settled(&create(DEAD - 1), true, vec![]), Pending::Resend);
    assert!(matches!(settled(&create(DEAD), true, vec![]), Pending::Wait(_)));
    let poisoned = PendingWrite { poisoned: true, ..create(0) };
    assert_eq!(settled(&poisoned, true, vec![]), Pending::Wait(now() + LATE_EFFECT));
    assert_eq!(settled(&create(0), false, vec![]), Pending::Wait(now() + LATE_EFFECT));
}

#[test]
fn an_absence_counts_when_two_readings_after_the_last_landing_agree() {
    let create = |sent_ago, absent_since: Option<i64>| PendingWrite {
        absent_since: absent_since.map(|ago| uptime() - seconds(ago)),
        ..pending("CreateCustomerGateway", "203.0.113.7", sent_ago)
    };
    let minute = SignedDuration::from_mins(1);
    assert_eq!(settled(&create(DEAD, None), false, vec![]), Pending::Wait(now() + minute));
    assert_eq!(settled(&create(DEAD + 60, Some(0)), false, vec![]), Pending::Wait(now() + minute));
    assert_eq!(settled(&create(DEAD + 60, Some(59)), false, vec![]), Pending::Wait(now() + seconds(1)));
    assert_eq!(settled(&create(DEAD + 60, Some(60)), false, vec![]), NOT_DONE);
    // Seen absent while it could still land: that does not count.
    assert_eq!(settled(&create(DEAD + 60, Some(61)), false, vec![]), Pending::Wait(now() + minute));
}

#[test]
fn only_the_same_intention_is_sent_again() {
    let progress = Progress { pending: Some(pending("CreateCustomerGateway", "203.0.113.7", 1)), ..Progress::new("journal") };
    let next = |desired: &Desired, gateways| decide(desired, &inventory(gateways), &progress);
    assert!(matches!(next(&desired(), vec![]).next, Next::Do(_)));
    for changed in [
        Desired { ip: OTHER_IP, ..desired() },
        Desired { name: Some("new".into()), ..desired() },
        Desired { asn: None, ..desired() },
        Desired { tags: Tags::from([("a".into(), "b".into())]), ..desired() },
    ] {
        assert!(matches!(next(&changed, vec![]).next, Next::Wait(_)), "{changed:?}");
    }
    let made_by_hand = next(&desired(), vec![unmarked("cgw-1", IP)]);
    assert_eq!(made_by_hand.kind, DecisionKind::Adopt);
    assert!(matches!(made_by_hand.next, Next::Wait(_)), "the create may still land");
    assert!(made_by_hand.gates.iter().any(|gate| gate.name == "unconfirmed" && !gate.passed));
    let made = next(&desired(), vec![ours("cgw-1", IP)]);
    assert_eq!(made.concluded, Some(Concluded { intent: 7, found: Some("cgw-1".into()) }));
    assert_eq!(next(&desired(), vec![foreign("cgw-1", IP)]).next, Next::Nothing, "blocked stays blocked");
}

#[test]
fn an_open_removal_is_never_repeated_by_a_registration() {
    for action in ["UnTagResources", "DeleteCustomerGateway"] {
        let progress = Progress { pending: Some(pending(action, "cgw-1", 1)), ..Progress::new("journal") };
        let decision = decide(&desired(), &inventory(vec![ours("cgw-1", IP)]), &progress);
        assert_eq!((decision.kind, decision.next, decision.concluded), (DecisionKind::InSync, Next::Nothing, None), "{action}");
    }
}

#[test]
fn a_mark_that_would_be_put_on_again_has_no_token_to_spare() {
    let spent = PendingWrite { poisoned: true, ..pending("TagResources", "cgw-1", 1) };
    assert_eq!(settled(&spent, true, vec![unmarked("cgw-1", IP)]), Pending::Resend);
    // One with other contents could be overwritten by the first one's late copy: that has to be dead.
    let progress = Progress { pending: Some(pending("TagResources", "cgw-1", 1)), ..Progress::new("journal") };
    let renamed = Desired { owner: crate::plan::Owner { device: "box-9".into(), ..owner() }, ..desired() };
    let next = |desired: &Desired| decide(desired, &inventory(vec![unmarked("cgw-1", IP)]), &progress).next;
    assert!(matches!(next(&renamed), Next::Wait(_)));
    // What is not part of the mark makes no difference.
    assert!(matches!(next(&Desired { description: Some("new".into()), ..desired() }), Next::Do(_)));
}

#[test]
fn what_was_made_under_an_earlier_name_was_made() {
    let before = crate::plan::Owner { device: "box-0".into(), ..owner() };
    let made = gateway("cgw-1", IP, before.mark());
    assert_eq!(settled(&pending("CreateCustomerGateway", "203.0.113.7", 1), false, vec![made.clone()]), found("cgw-1"));
    assert_eq!(settled(&pending("TagResources", "cgw-1", 1), false, vec![made]), found("cgw-1"));
}

#[test]
fn a_sending_that_was_not_placed_yet_counts_as_sent_now() {
    let unplaced = |pending: PendingWrite| {
        let nowhere = |sending: Sending| Sending { uptime: None, ..sending };
        PendingWrite { intended: nowhere(pending.intended.clone()), last_sent: nowhere(pending.last_sent.clone()), ..pending }
    };
    let create = unplaced(PendingWrite { absent_since: Some(seconds(0)), ..pending("CreateCustomerGateway", "203.0.113.7", DEAD * 99) });
    assert_eq!(settled(&create, false, vec![]), Pending::Wait(now() + LATE_EFFECT));
    assert_eq!(settled(&create, true, vec![]), Pending::Resend);
}

/// How long ago, in seconds, a sending is taken to be.
fn placed_ago(boot: &str, sent_uptime: i64, sent_cloud: Option<Timestamp>, cloud: Option<Timestamp>) -> i64 {
    let sent = Sent { boot: boot.into(), uptime_ms: u64::try_from(sent_uptime * 1000).unwrap(), cloud: sent_cloud };
    let mut sending = Sending { at: now(), sent: Some(sent), uptime: None };
    sending.place(BOOT, uptime(), cloud);
    (uptime() - sending.uptime.unwrap()).as_secs()
}

#[test]
fn how_long_ago_is_told_by_the_boot_s_clock_and_else_by_the_cloud_s() {
    let hundred_hours = uptime().as_secs();
    let (then, years) = (Some(now()), |count: i64| Some(now() + SignedDuration::from_hours(count * 365 * 24)));
    // Whatever the wall clock and the cloud say.
    for (sent_cloud, cloud) in [(None, None), (then, years(10)), (years(10), then)] {
        assert_eq!(placed_ago(BOOT, hundred_hours - 30, sent_cloud, cloud), 30);
    }
    // A snapshot of a running machine was taken back to an earlier time.
    assert_eq!(placed_ago(BOOT, hundred_hours + 30, then, then), 0);
    assert_eq!(placed_ago("another boot", 0, then, Some(now() + seconds(90))), 90);
    assert_eq!(placed_ago("another boot", 0, years(2), then), 0, "a time that is still to come is none");
    assert_eq!(placed_ago("another boot", 0, None, then), 0);
    assert_eq!(placed_ago("another boot", 0, then, None), 0);
    assert_eq!(placed_ago("", 5, then, Some(now() + seconds(7))), 7);
    let mut unstamped = Sending { at: now() - SignedDuration::from_hours(99), sent: None, uptime: None };
    unstamped.place(BOOT, uptime(), then);
    assert_eq!(unstamped.uptime, Some(uptime()), "a wall clock alone proves nothing");
}
