use super::*;
use crate::alert::catalogue::event;
use proptest::prelude::*;

const AT_ONCE: &str = "replacement.needed";
const PATIENT: &str = "cloud.unreachable";
const HAPPENED: &str = "address.changed";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn alert(code: &str, key: &str) -> Alert {
    Alert::new(event(code), key, format!("{code} about {key}"))
}

fn are(conditions: &[&Alert]) -> Round {
    Round { conditions: conditions.iter().map(|alert| (*alert).clone()).collect(), ..Round::default() }
}

fn happened(alert: &Alert) -> Round {
    Round { occurrences: vec![alert.clone()], ..Round::default() }
}

fn phases(notices: &[Notice]) -> Vec<(Phase, &str)> {
    notices.iter().map(|notice| (notice.phase, notice.alert.key.as_str())).collect()
}

#[test]
fn a_condition_is_told_when_it_begins_and_when_it_ends() {
    let mut book = AlertBook::default();
    let needed = alert(AT_ONCE, "cgw-1");
    assert_eq!(phases(&book.reconcile(are(&[&needed]), at(0))), [(Phase::Raised, "cgw-1")]);
    assert_eq!(book.reconcile(are(&[&needed]), at(60)), []);
    let end = book.reconcile(are(&[]), at(120));
    assert_eq!(end, [Notice { phase: Phase::Cleared, alert: needed, since: at(0) }]);
    assert_eq!(book.reconcile(are(&[]), at(180)), []);
    assert_eq!(book.wake_at(), None);
}

#[test]
fn two_keys_of_one_event_are_two_alerts() {
    let mut book = AlertBook::default();
    let (one, two) = (alert(AT_ONCE, "cgw-1"), alert(AT_ONCE, "cgw-2"));
    book.reconcile(are(&[&one]), at(0));
    assert_eq!(phases(&book.reconcile(are(&[&two]), at(1))), [(Phase::Cleared, "cgw-1"), (Phase::Raised, "cgw-2")]);
}

#[test]
fn a_condition_named_twice_in_one_round_is_one() {
    let mut book = AlertBook::default();
    let needed = alert(AT_ONCE, "cgw-1");
    assert_eq!(book.reconcile(are(&[&needed, &needed]), at(0)).len(), 1);
}

#[test]
fn what_lasts_is_reminded_of_daily() {
    let mut book = AlertBook::default();
    let needed = alert(AT_ONCE, "cgw-1");
    book.reconcile(are(&[&needed]), at(0));
    assert_eq!(book.wake_at(), Some(at(86_400)));
    assert_eq!(book.reconcile(are(&[&needed]), at(86_399)), []);
    assert_eq!(phases(&book.reconcile(are(&[&needed]), at(86_400))), [(Phase::Reminded, "cgw-1")]);
    assert_eq!(book.reconcile(are(&[&needed]), at(86_401)), []);
    assert_eq!(phases(&book.reconcile(are(&[&needed]), at(172_800))), [(Phase::Reminded, "cgw-1")]);
}

#[test]
fn other_words_are_told_but_another_request_id_is_not_other_words() {
    let mut book = AlertBook::default();
    let refused = |why: &str, request: &str| {
        let fields = Fields { request_id: Some(request.to_owned()), ..Fields::default() };
        Alert::new(event("cloud.refused"), "", format!("{why} [RequestId {request}]")).with_fields(fields)
    };
    book.reconcile(are(&[&refused("signature", "R-1")]), at(0));
    assert_eq!(book.reconcile(are(&[&refused("signature", "R-2")]), at(1)), []);
    let changed = book.reconcile(are(&[&refused("forbidden", "R-3")]), at(2));
    assert_eq!(phases(&changed), [(Phase::Changed, "")]);
    assert_eq!(changed[0].since, at(0), "it still stands since its beginning");
    assert_eq!(book.reconcile(are(&[&refused("forbidden", "R-4")]), at(3)), []);
    assert_eq!(book.reconcile(are(&[]), at(4)).len(), 1);
}

#[test]
fn a_patient_condition_is_told_late_and_a_short_one_never() {
    let mut book = AlertBook::default();
    let unreachable = alert(PATIENT, "");
    assert_eq!(book.reconcile(are(&[&unreachable]), at(0)), []);
    assert_eq!(book.wake_at(), Some(at(120)));
    assert_eq!(book.reconcile(are(&[&unreachable]), at(119)), []);
    let raised = book.reconcile(are(&[&unreachable]), at(120));
    assert_eq!(raised, [Notice { phase: Phase::Raised, alert: unreachable.clone(), since: at(0) }]);
    assert_eq!(phases(&book.reconcile(are(&[]), at(121))), [(Phase::Cleared, "")]);

    book.reconcile(are(&[&unreachable]), at(200));
    assert_eq!(book.reconcile(are(&[]), at(300)), [], "what nobody heard of has no end to tell");
    assert_eq!(book.reconcile(are(&[&unreachable]), at(330)), [], "and it begins anew");
}

#[test]
fn what_could_not_be_looked_at_neither_ends_nor_is_repeated() {
    let mut book = AlertBook::default();
    let (needed, patient) = (alert(AT_ONCE, "cgw-1"), alert(PATIENT, ""));
    book.reconcile(are(&[&needed, &patient]), at(0));
    let blind = || Round { not_evaluated: BTreeSet::from([AT_ONCE, PATIENT]), ..Round::default() };
    for seconds in [60, 200, 100_000] {
        assert_eq!(book.reconcile(blind(), at(seconds)), []);
        assert_eq!(book.wake_at(), None, "nothing can come due before the next look");
    }
    assert_eq!(book.standing().count(), 2);
    let seen = book.reconcile(are(&[&needed, &patient]), at(100_001));
    assert_eq!(phases(&seen), [(Phase::Raised, ""), (Phase::Reminded, "cgw-1")]);
}

#[test]
fn an_occurrence_is_told_once_and_does_not_stand() {
    let mut book = AlertBook::default();
    let changed = alert(HAPPENED, "203.0.113.7");
    let notices = book.reconcile(happened(&changed), at(0));
    assert_eq!(notices, [Notice { phase: Phase::Occurred, alert: changed, since: at(0) }]);
    assert_eq!(book.reconcile(Round::default(), at(1)), []);
    assert_eq!(book.standing().count(), 0);
}

#[test]
fn what_happened_comes_before_what_ended_and_what_began() {
    let mut book = AlertBook::default();
    book.reconcile(are(&[&alert("gateway.drift", "cgw-1")]), at(0));
    let round = Round { conditions: vec![alert(AT_ONCE, "cgw-1")], occurrences: vec![alert(HAPPENED, "x")], ..Round::default() };
    let told: Vec<_> = book.reconcile(round, at(1)).iter().map(|notice| notice.phase).collect();
    assert_eq!(told, [Phase::Occurred, Phase::Cleared, Phase::Raised]);
}

#[test]
fn a_restart_neither_repeats_nor_forgets() {
    let mut before = AlertBook::default();
    let (needed, patient) = (alert(AT_ONCE, "cgw-1"), alert(PATIENT, ""));
    before.reconcile(are(&[&needed, &patient]), at(0));
    let mut after = AlertBook::restore(before.standing().cloned().collect());
    assert_eq!(after.reconcile(are(&[&needed, &patient]), at(60)), []);
    assert_eq!(phases(&after.reconcile(are(&[&patient]), at(120))), [(Phase::Cleared, "cgw-1"), (Phase::Raised, "")]);
    let mut later = AlertBook::restore(after.standing().cloned().collect());
    assert_eq!(later.reconcile(are(&[]), at(130)), [Notice { phase: Phase::Cleared, alert: patient, since: at(0) }]);
}

#[test]
fn a_flapping_occurrence_is_told_six_times_a_minute_and_its_last_word_afterwards() {
    let mut book = AlertBook::default();
    let told: usize = (0..30).map(|second| book.reconcile(happened(&alert(HAPPENED, &second.to_string())), at(second)).len()).sum();
    assert_eq!(told, FLAP_LIMIT);
    assert_eq!(book.wake_at(), Some(at(60)));
    assert_eq!(book.reconcile(Round::default(), at(59)), []);
    let last = book.reconcile(Round::default(), at(60));
    assert_eq!(phases(&last), [(Phase::Occurred, "29")]);
    assert_eq!(last[0].alert.message, "address.changed about 29 (the last of 24 that were held back)");
    assert_eq!(last[0].since, at(29));
}

#[test]
fn a_flapping_condition_is_told_at_the_latest_when_the_minute_is_over() {
    let mut book = AlertBook::default();
    let needed = alert(AT_ONCE, "cgw-1");
    let mut told = Vec::new();
    for second in 0..30 {
        let round = if second % 2 == 0 { are(&[&needed]) } else { are(&[]) };
        told.extend(book.reconcile(round, at(second)));
    }
    assert_eq!(told.len(), 2 * FLAP_LIMIT, "a beginning and an end for each");
    assert_eq!(book.reconcile(are(&[&needed]), at(40)), []);
    assert_eq!(book.wake_at(), Some(at(60)));
    assert_eq!(phases(&book.reconcile(are(&[&needed]), at(60))), [(Phase::Raised, "cgw-1")]);
}

#[test]
fn a_clock_that_is_set_back_does_not_silence_anything() {
    let mut book = AlertBook::default();
    let (needed, patient) = (alert(AT_ONCE, "cgw-1"), alert(PATIENT, ""));
    book.reconcile(are(&[&needed, &patient]), at(1_000_000));
    assert_eq!(book.reconcile(are(&[&needed, &patient]), at(0)), []);
    assert_eq!(phases(&book.reconcile(are(&[&needed, &patient]), at(120))), [(Phase::Raised, "")]);
    assert_eq!(phases(&book.reconcile(are(&[&needed, &patient]), at(86_400))), [(Phase::Reminded, "cgw-1")]);
}

/// One step of a random life: which of three conditions hold, which codes could not be looked at, how much time passes first,
/// whether the process was restarted before.
#[derive(Clone, Debug)]
struct Turn {
    holding: [bool; 3],
    blind: bool,
    seconds: i64,
    restart: bool,
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let turn = (any::<[bool; 3]>(), prop::bool::weighted(0.2), 0i64..100_000, prop::bool::weighted(0.2));
    prop::collection::vec(turn.prop_map(|(holding, blind, seconds, restart)| Turn { holding, blind, seconds, restart }), 1..60)
}

fn cast() -> [Alert; 3] {
    [alert(AT_ONCE, "cgw-1"), alert(AT_ONCE, "cgw-2"), alert(PATIENT, "")]
}

fn live(turns: &[Turn], restarts: bool) -> Vec<(Timestamp, Notice)> {
    let (mut book, mut now, mut told) = (AlertBook::default(), at(0), Vec::new());
    for turn in turns {
        now = later(now, Duration::from_secs(turn.seconds.unsigned_abs()));
        if restarts && turn.restart {
            book = AlertBook::restore(book.standing().cloned().collect());
        }
        let conditions = cast().into_iter().zip(turn.holding).filter_map(|(alert, holds)| (holds && !turn.blind).then_some(alert));
        let not_evaluated = if turn.blind { BTreeSet::from([AT_ONCE, PATIENT]) } else { BTreeSet::new() };
        let round = Round { conditions: conditions.collect(), occurrences: Vec::new(), not_evaluated };
        told.extend(book.reconcile(round, now).into_iter().map(|notice| (now, notice)));
    }
    told
}

proptest! {
    #[test]
    fn beginnings_and_ends_alternate_and_reminders_come_between_a_day_apart(turns in turns(), restarts: bool) {
        for cast in cast() {
            let mut last_told: Option<Timestamp> = None;
            for (now, notice) in live(&turns, restarts).iter().filter(|(_, notice)| notice.alert == cast) {
                match notice.phase {
                    Phase::Raised => prop_assert!(last_told.replace(*now).is_none(), "begun twice"),
                    Phase::Reminded => {
                        let before = last_told.replace(*now).expect("a reminder of what was never told");
                        prop_assert!(later(before, REMINDER) <= *now);
                    }
                    Phase::Cleared => prop_assert!(last_told.take().is_some(), "ended without a beginning"),
                    Phase::Changed | Phase::Occurred => prop_assert!(false, "nothing changed its words"),
                }
                prop_assert!(notice.since <= *now);
            }
        }
    }

    #[test]
    fn the_book_stands_as_the_last_look_found_it(turns in turns()) {
        let open = live(&turns, true).into_iter().fold(BTreeSet::new(), |mut open, (_, notice)| {
            let identity = notice.alert.identity();
            if notice.phase == Phase::Cleared { open.remove(&identity); } else { open.insert(identity); }
            open
        });
        let seen = turns.iter().rev().find(|turn| !turn.blind).map_or([false; 3], |turn| turn.holding);
        for (alert, holds) in cast().iter().zip(seen) {
            prop_assert!(holds || !open.contains(&alert.identity()), "its end was never told");
            let patient = alert.event.code == PATIENT;
            prop_assert!(!holds || patient || open.contains(&alert.identity()), "it was never told");
        }
    }

    #[test]
    fn a_restart_changes_nothing_that_is_told(turns in turns()) {
        // Time passes between rounds here, so that no event comes near its limit, which a restart forgets.
        let slow: Vec<_> = turns.into_iter().map(|turn| Turn { seconds: turn.seconds + 60, ..turn }).collect();
        prop_assert_eq!(live(&slow, true), live(&slow, false));
    }
}

#[test]
fn an_end_waits_while_another_alert_of_the_event_is_held_back() {
    let mut book = AlertBook::default();
    let keys: Vec<String> = (0..=FLAP_LIMIT).map(|number| format!("203.0.113.{number}")).collect();
    for (second, key) in keys.iter().enumerate() {
        book.reconcile(are(&[&alert(AT_ONCE, key)]), at(second as i64));
    }
    let (told_last, held_back) = (alert(AT_ONCE, &keys[FLAP_LIMIT - 1]), alert(AT_ONCE, &keys[FLAP_LIMIT]));
    // Nothing says that all is well while it is not.
    assert_eq!(phases(&book.reconcile(are(&[&held_back]), at(10))), []);
    let shown: Vec<&str> = book.shown(at(10)).map(|standing| standing.alert.key.as_str()).collect();
    assert_eq!(shown, [held_back.key.as_str()], "what is so is shown, told or not, and what is over is not");
    let free = book.wake_at().expect("it is told when it may be");
    assert_eq!(free, at(60));
    let told = book.reconcile(are(&[&held_back]), free);
    assert_eq!(phases(&told), [(Phase::Cleared, told_last.key.as_str()), (Phase::Raised, held_back.key.as_str())]);
}

#[test]
fn an_end_that_waited_is_told_with_the_end_of_the_other() {
    let mut book = AlertBook::default();
    let (blind, other) = (alert("observation.blind", "address.missing"), alert("observation.blind", "other"));
    book.reconcile(are(&[&blind]), at(0));
    book.reconcile(are(&[&blind]), at(30));
    assert_eq!(phases(&book.reconcile(are(&[&other]), at(31))), [], "the other has not lasted long enough to be told");
    assert_eq!(book.shown(at(31)).count(), 0);
    assert_eq!(phases(&book.reconcile(are(&[]), at(32))), [(Phase::Cleared, "address.missing")]);
}
