use crate::*;
use cgwd::simulator::fault::Lag;
use cgwd::simulator::{Fault, Script, script};
use jiff::SignedDuration;

const NEW: [(&str, &str); 1] = [("IpAddress", "203.0.113.1")];

/// The sight of one create under this fault, and how many gateways exist after it.
fn under(fault: Fault) -> (Outcome, usize, Cloud) {
    let mut cloud = cloud("");
    cloud.set_hook(move |call| (call.number == 1).then(|| fault.clone()));
    let outcome = call(&mut cloud, at(0), "CreateCustomerGateway", &NEW);
    let made = cloud.region(REGION).unwrap().objects().customer_gateways.len();
    (outcome, made, cloud)
}

#[test]
fn before_the_effect() {
    let (outcome, made, cloud) = under(Fault::drop_before());
    assert_eq!((outcome.sight, made), (Sight::Cut, 0));
    assert_eq!((cloud.calls()[0].effect, cloud.calls()[0].status), (false, 0));
    assert_eq!(under(Fault::unreachable()).0.sight, Sight::Unreachable);
    let (outcome, made, cloud) = under(Fault::error_before(503, "ServiceUnavailable"));
    let plain = whole(outcome);
    assert_eq!((plain.status, made), (503, 0));
    assert_eq!((cloud.calls()[0].status, cloud.calls()[0].code.as_str()), (503, "ServiceUnavailable"));
}

#[test]
fn after_the_effect() {
    for fault in [Fault::drop_after(), Fault::error_after(500, "InternalError"), Fault::garbage_after(), Fault::truncated_after()] {
        let (_, made, cloud) = under(fault.clone());
        assert_eq!((made, cloud.calls()[0].effect), (1, true), "{fault:?}");
    }
    assert!(matches!(under(Fault::truncated_after()).0.sight, Sight::Truncated(_)));
    let garbage = whole(under(Fault::garbage_after()).0);
    assert_eq!(garbage.status, 200);
    assert!(serde_json::from_slice::<serde_json::Value>(&garbage.body.bytes()).is_err());
    let page = whole(under(Fault::content_type_after("text/html")).0);
    assert_eq!(page.header("content-type"), Some("text/html"));
    assert!(serde_json::from_slice::<serde_json::Value>(&page.body.bytes()).is_ok());
}

#[test]
fn throttling_tells_when_to_return() {
    let plain = whole(under(Fault::throttle(Some(Duration::from_millis(1500)))).0);
    assert_eq!((plain.status, plain.header("x-acs-retry-after")), (400, Some("1500")));
    assert_eq!(whole(under(Fault::throttle(None)).0).header("x-acs-retry-after"), None);
}

#[test]
fn latency_delays_the_answer_and_not_the_effect() {
    let (outcome, made, _) = under(Fault::latency(Duration::from_millis(700)));
    assert_eq!((outcome.delay, made), (Duration::from_millis(700), 1));
    assert_eq!(code(outcome), "");
}

#[test]
fn a_late_effect_lands_later_and_only_once() {
    let (outcome, made, mut cloud) = under(Fault::late(Duration::from_secs(60)));
    assert_eq!((outcome.sight, made), (Sight::Cut, 0));
    assert!(listed(&mut cloud, at(59_999)).is_empty());
    assert!(!cloud.calls()[0].effect);
    assert_eq!(listed(&mut cloud, at(60_000)), ["203.0.113.1"]);
    assert!(cloud.calls()[0].effect, "the record says so once it has landed");
    cloud.settle(at(600_000));
    assert_eq!(cloud.effects("CreateCustomerGateway"), 1);
}

#[test]
fn late_effects_meet_the_state_of_their_time() {
    let mut cloud = cloud("");
    cloud.set_hook(|call| (call.number == 1).then(|| Fault::late(Duration::from_secs(60))));
    call(&mut cloud, at(0), "CreateCustomerGateway", &NEW);
    assert_eq!(code(call(&mut cloud, at(1000), "CreateCustomerGateway", &NEW)), "");
    cloud.settle(at(60_000));
    assert_eq!(cloud.region(REGION).unwrap().objects().customer_gateways.len(), 1, "the late one met AlreadyExist");
    assert!(!cloud.calls()[0].effect);
}

#[test]
fn stale_by_time() {
    let mut cloud = cloud("");
    cloud.set_hook(|call| (!call.is_write).then(|| Fault::stale(Lag::Time(Duration::from_secs(5)))));
    call(&mut cloud, at(10_000), "CreateCustomerGateway", &NEW);
    assert!(listed(&mut cloud, at(14_999)).is_empty(), "the new object is missing");
    assert_eq!(listed(&mut cloud, at(15_000)), ["203.0.113.1"]);
    let id = cloud.region(REGION).unwrap().objects().customer_gateways[0].id.clone();
    call(&mut cloud, at(20_000), "DeleteCustomerGateway", &[("CustomerGatewayId", &id)]);
    assert_eq!(listed(&mut cloud, at(24_999)), ["203.0.113.1"], "the deleted object is shown");
    assert!(listed(&mut cloud, at(25_000)).is_empty());
}

#[test]
fn stale_by_reads() {
    let mut cloud = cloud("");
    cloud.set_hook(|call| (!call.is_write).then(|| Fault::stale(Lag::Reads(2))));
    call(&mut cloud, at(0), "CreateCustomerGateway", &NEW);
    assert!(listed(&mut cloud, at(0)).is_empty());
    assert!(listed(&mut cloud, at(0)).is_empty());
    assert_eq!(listed(&mut cloud, at(0)), ["203.0.113.1"]);
}

#[test]
fn changes_of_one_instant_are_unseen_together() {
    let mut cloud = cloud("");
    cloud.set_hook(|call| (!call.is_write).then(|| Fault::stale(Lag::Time(Duration::from_secs(5)))));
    for ip in ["203.0.113.1", "203.0.113.2"] {
        call(&mut cloud, at(1000), "CreateCustomerGateway", &[("IpAddress", ip)]);
    }
    assert!(listed(&mut cloud, at(1000)).is_empty());
    call(&mut cloud, at(1000), "CreateCustomerGateway", &[("IpAddress", "203.0.113.3")]);
    assert!(listed(&mut cloud, at(5999)).is_empty());
    assert_eq!(listed(&mut cloud, at(6000)).len(), 3);
}

#[test]
fn what_an_operator_does_is_seen_late_too() {
    let mut cloud = cloud(crate::connections::ALL);
    cloud.set_hook(|_| Some(Fault::stale(Lag::Time(Duration::from_secs(5)))));
    let region = cloud.region_mut(REGION).unwrap();
    region.change(at(1000)).customer_gateways.retain(|gateway| gateway.id == "cgw-1");
    assert_eq!(listed(&mut cloud, at(2000)).len(), 3);
    assert_eq!(listed(&mut cloud, at(6000)).len(), 1);
    assert_eq!(cloud.effects("DescribeCustomerGateways"), 0);
}

#[test]
fn the_hook_sees_the_call_before_it_happens() {
    let mut cloud = cloud("");
    let seen = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let log = seen.clone();
    cloud.set_hook(move |call| {
        log.borrow_mut().push((call.number, call.action.clone(), call.is_write, call.parameters.get("IpAddress").cloned()));
        None
    });
    call(&mut cloud, at(0), "CreateCustomerGateway", &NEW);
    listed(&mut cloud, at(0));
    let expected = [
        (1, "CreateCustomerGateway".to_owned(), true, Some("203.0.113.1".to_owned())),
        (2, "DescribeCustomerGateways".to_owned(), false, None),
    ];
    assert_eq!(*seen.borrow(), expected);
}

#[test]
fn the_clocks_of_a_fault() {
    let date = |fault: Fault| whole(under(fault).0).header("date").unwrap().to_owned();
    assert_eq!(date(Fault::default()), "Thu, 02 Jan 2025 03:04:05 GMT");
    assert_eq!(date(Fault::date_skew(SignedDuration::from_mins(20))), "Thu, 02 Jan 2025 03:24:05 GMT");
    assert_eq!(date(Fault::clock_skew(SignedDuration::from_mins(-4))), "Thu, 02 Jan 2025 03:00:05 GMT");
}

/// What happens to calls 1 to 6 of this action under a script.
fn fates(script: &str, action: &str) -> String {
    let mut cloud = cloud("");
    cloud.set_script(Script::parse(script).unwrap());
    (0..6).map(|number| if call(&mut cloud, at(number), action, &[]).sight == Sight::Cut { 'x' } else { '.' }).collect()
}

#[test]
fn scripts_choose_their_calls() {
    let rule = |choice: &str| format!("[[fault]]\nkind = \"drop_before\"\n{choice}\n");
    let fate = |choice: &str| fates(&rule(choice), "DescribeRegions");
    assert_eq!(fate(""), "xxxxxx");
    assert_eq!(fate("action = \"DescribeRegions\"\nnth = 2"), ".x....");
    assert_eq!(fate("from = 4"), "...xxx");
    assert_eq!(fate("every = 3"), "..x..x");
    assert_eq!(fate("from = 2\ncount = 2"), ".xx...");
    assert_eq!(fate("action = \"Describe*\"\nnth = 1"), "x.....");
    assert_eq!(fate("action = \"Create*\""), "......");
    assert_eq!(fate("region = \"cn-hangzhou\"\nnth = 6"), ".....x");
    assert_eq!(fate("region = \"cn-shanghai\""), "......");
    assert_eq!(fates(r#"{"fault": [{"kind": "drop_before", "nth": 1}, {"kind": "drop_after", "nth": 3}]}"#, "DescribeRegions"), "x.x...");
}

#[test]
fn the_printed_script_is_valid() {
    Script::parse(script::EXAMPLE).unwrap();
    let kinds = script::EXAMPLE.lines().filter(|line| line.starts_with("kind = ")).collect::<std::collections::BTreeSet<_>>();
    assert_eq!(kinds.len(), 14, "it shows every kind");
}

#[test]
fn mistakes_in_scripts_are_named() {
    for (text, place) in [
        ("[[fault]]\nkind = \"late\"", "fault 1: kind late needs after_ms"),
        ("[[fault]]\nkind = \"drop_after\"\n[[fault]]\nkind = \"stale\"", "fault 2: kind stale needs either lag_ms or lag_reads"),
        ("[[fault]]\nkind = \"drop_after\"\nstatus = 500", "fault 1: status means nothing for this kind"),
        ("[[fault]]\nkind = \"drop_after\"\nnth = 0", "fault 1: nth, from, every and count start at 1"),
        ("[[fault]]\nkind = \"drop_after\"\nnht = 1", "line 3"),
        ("[[fault]]\nkind = \"dropp\"", "line 2"),
        ("{\"fault\": [\n{}]}", "line 2"),
        ("[[fault]]\nkind = \"error_after\"\nstatus = 99", "fault 1: status"),
        ("[[fault]]\nkind = \"clock_skew\"", "fault 1: kinds clock_skew and date_skew need skew_seconds"),
        ("[[fault]]\nkind = \"latency\"", "fault 1: kind latency needs latency_ms"),
    ] {
        let problem = Script::parse(text).unwrap_err().to_string();
        assert!(problem.contains(place), "{text}: {problem}");
    }
}
