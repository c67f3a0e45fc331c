//! The write whose outcome is not known.

use super::*;
use crate::journal::replay::PendingWrite;
use crate::plan::{Concluded, DecisionKind, LATE_EFFECT, Next, Pending, client_token, settle_pending};
use jiff::SignedDuration;

fn pending(action: &str, target: &str, sent_ago: i64) -> PendingWrite {
    let sent = now() - SignedDuration::from_secs(sent_ago);
    PendingWrite {
        intent: 7,
        action: action.into(),
        target: target.into(),
        region: REGION.into(),
        client_token: client_token("journal", action, &desired().intention(), 0),
        generation: 0,
        request_hash: "hash".into(),
        intended_at: sent,
        last_sent: sent,
        resent: false,
        poisoned: false,
        absent_since: None,
    }
}

fn settled(pending: &PendingWrite, wanted: bool, gateways: Vec<CustomerGateway>) -> Pending {
    settle_pending(pending, &owner(), wanted, &inventory(gateways), now())
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
        absent_since: absent_since.map(|ago| now() - SignedDuration::from_secs(ago)),
        ..pending("CreateCustomerGateway", "203.0.113.7", sent_ago)
    };
    let minute = SignedDuration::from_mins(1);
    assert_eq!(settled(&create(DEAD, None), false, vec![]), Pending::Wait(now() + minute));
    assert_eq!(settled(&create(DEAD + 60, Some(0)), false, vec![]), Pending::Wait(now() + minute));
    assert_eq!(settled(&create(DEAD + 60, Some(59)), false, vec![]), Pending::Wait(now() + SignedDuration::from_secs(1)));
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
