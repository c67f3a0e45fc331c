use super::*;
use crate::plan::{DecisionKind, HoldReason, Next, StepAction};
use jiff::SignedDuration;

/// What a decision comes to, in a few words.
#[derive(Debug, PartialEq)]
enum Does {
    Nothing,
    Create,
    Tag(&'static str),
}

type Case = (&'static str, Desired, Vec<CustomerGateway>, Progress, DecisionKind, Does, &'static [&'static str]);

fn cases() -> Vec<Case> {
    use DecisionKind::{Adopt, Blocked, Create, InSync, Replace};
    let fresh = || Progress::new("journal");
    let ago = |seconds| now() - SignedDuration::from_secs(seconds);
    let no_bgp = || Desired { asn: None, ..desired() };
    let mut half = ours("cgw-1", IP);
    half.tags.remove("cgwd-owner");
    let renamed = || Desired { name: Some("new".into()), ..desired() };
    let tagged = || Desired { tags: Tags::from([("site".into(), "sh".into())]), ..desired() };
    vec![
        ("an empty region", desired(), vec![], fresh(), Create, Does::Create, &[]),
        ("strangers only", desired(), vec![foreign("f", OTHER_IP), unmarked("u", OTHER_IP)], fresh(), Create, Does::Create, &[]),
        ("ours fits", desired(), vec![ours("cgw-1", IP)], fresh(), InSync, Does::Nothing, &[]),
        ("ours fits, half marked", desired(), vec![half], fresh(), Adopt, Does::Tag("cgw-1"), &[]),
        ("unmarked fits", desired(), vec![unmarked("cgw-1", IP)], fresh(), Adopt, Does::Tag("cgw-1"), &[]),
        (
            "unmarked, other ASN",
            desired(),
            vec![with_asn(Some(65_002), unmarked("u", IP))],
            fresh(),
            Blocked,
            Does::Nothing,
            &["gateway.address_taken"],
        ),
        (
            "unmarked, no ASN",
            desired(),
            vec![with_asn(None, unmarked("u", IP))],
            fresh(),
            Blocked,
            Does::Nothing,
            &["gateway.address_taken"],
        ),
        ("no [bgp], it has an ASN", no_bgp(), vec![unmarked("cgw-1", IP)], fresh(), Adopt, Does::Tag("cgw-1"), &["gateway.asn_unmanaged"]),
        ("no [bgp], ours has an ASN", no_bgp(), vec![ours("cgw-1", IP)], fresh(), InSync, Does::Nothing, &["gateway.asn_unmanaged"]),
        ("no [bgp], none has one", no_bgp(), vec![with_asn(None, unmarked("cgw-1", IP))], fresh(), Adopt, Does::Tag("cgw-1"), &[]),
        ("a foreign holder", desired(), vec![foreign("f", IP)], fresh(), Blocked, Does::Nothing, &["owner.foreign"]),
        ("ours elsewhere", desired(), vec![ours("cgw-1", OTHER_IP)], fresh(), Replace, Does::Nothing, &[]),
        ("ours, other ASN", desired(), vec![with_asn(Some(65_002), ours("cgw-1", IP))], fresh(), Replace, Does::Nothing, &[]),
        (
            "ours elsewhere, a foreign holder",
            desired(),
            vec![ours("cgw-1", OTHER_IP), foreign("f", IP)],
            fresh(),
            Blocked,
            Does::Nothing,
            &["owner.foreign"],
        ),
        (
            "one of two of ours fits",
            desired(),
            vec![ours("a", OTHER_IP), ours("b", IP)],
            fresh(),
            InSync,
            Does::Nothing,
            &["gateway.duplicate"],
        ),
        (
            "neither of two fits",
            desired(),
            vec![ours("a", OTHER_IP), ours("b", Ipv4Addr::new(203, 0, 113, 9))],
            fresh(),
            Blocked,
            Does::Nothing,
            &["gateway.duplicate"],
        ),
        ("both of two fit", desired(), vec![ours("a", IP), ours("b", IP)], fresh(), Blocked, Does::Nothing, &["gateway.duplicate"]),
        ("ours was deleted", desired(), vec![], registered("gone", IP, ago(3600)), Create, Does::Create, &["gateway.drift"]),
        (
            "ours lost its mark",
            desired(),
            vec![unmarked("cgw-1", IP)],
            registered("cgw-1", IP, ago(3600)),
            Adopt,
            Does::Tag("cgw-1"),
            &["gateway.drift"],
        ),
        (
            "ours elsewhere lost its mark",
            desired(),
            vec![unmarked("cgw-1", OTHER_IP)],
            registered("cgw-1", OTHER_IP, ago(3600)),
            Blocked,
            Does::Nothing,
            &["gateway.drift"],
        ),
        ("renamed in the configuration", renamed(), vec![ours("cgw-1", IP)], fresh(), InSync, Does::Nothing, &["gateway.drift"]),
        ("a tag is missing", tagged(), vec![ours("cgw-1", IP)], fresh(), InSync, Does::Nothing, &["gateway.drift"]),
    ]
}

#[test]
fn each_case_has_its_decision() {
    for (name, desired, gateways, progress, kind, does, expected) in cases() {
        let inventory = inventory(gateways);
        let decision = decide(&desired, &inventory, &progress);
        assert_eq!(decision.kind, kind, "{name}: {decision:?}");
        assert_eq!(codes(&decision.findings), expected, "{name}");
        let next = match &decision.next {
            Next::Nothing => Does::Nothing,
            Next::Do(step) if step.action == StepAction::CreateCustomerGateway && step.target == IP.to_string() => Does::Create,
            Next::Do(step) if step.action == StepAction::TagResources && step.target == "cgw-1" => Does::Tag("cgw-1"),
            other => panic!("{name}: {other:?}"),
        };
        assert_eq!(next, does, "{name}");
        assert_eq!(decision, decide(&desired, &inventory, &progress), "{name}: the same inputs give the same decision");
        assert!(decision.findings.iter().all(|finding| !finding.remedy.is_empty()), "{name}: a remedy is missing");
    }
}

#[test]
fn what_is_not_allowed_is_not_done() {
    let decision = |policy, gateways| {
        let (desired, inventory) = (desired(), inventory(gateways));
        let situation = Situation { policy, ..bare(&desired, &inventory) };
        plan(&situation, &Progress::new("journal"), clocks())
    };
    let neither = RegistrationPolicy { create: false, adopt: false };
    let create = decision(neither, vec![]);
    assert_eq!((create.kind, codes(&create.findings)), (DecisionKind::Blocked, vec!["registration.create_disabled"]));
    let adopt = decision(neither, vec![unmarked("cgw-1", IP)]);
    assert_eq!((adopt.kind, codes(&adopt.findings)), (DecisionKind::Blocked, vec!["registration.adopt_disabled"]));
    assert_eq!(adopt.next, Next::Nothing);
    let mut half = ours("cgw-1", IP);
    half.tags.remove("cgwd-owner");
    assert_eq!(decision(neither, vec![half]).kind, DecisionKind::InSync);
}

#[test]
fn a_bad_reading_or_a_closed_gate_blocks_before_the_cloud_is_looked_at() {
    let (desired, inventory) = (desired(), inventory(vec![]));
    let error = [Finding::error("address.ambiguous", "two", "pick one")];
    let closed = [Gate::refused("region", "elsewhere")];
    let progress = Progress::new("journal");
    let open = bare(&desired, &inventory);
    for situation in [
        Situation { findings: &error, ..open.clone() },
        Situation { gates: &closed, ..open.clone() },
        Situation { desired: None, findings: &error, ..open.clone() },
    ] {
        let decision = plan(&situation, &progress, clocks());
        assert_eq!((decision.kind, decision.next), (DecisionKind::Blocked, Next::Nothing));
        assert!(decision.steps.is_empty());
    }
    assert_eq!(plan(&open, &progress, clocks()).kind, DecisionKind::Create);
}

#[test]
fn what_was_registered_a_moment_ago_is_looked_for_twice() {
    let ago = |seconds| now() - SignedDuration::from_secs(seconds);
    let next = |since, missing_since: Option<i64>| {
        let missing_since = missing_since.map(|ago| uptime() - SignedDuration::from_secs(ago));
        let progress = Progress { missing_since, ..registered("cgw-1", IP, since) };
        decide(&desired(), &inventory(vec![]), &progress).next
    };
    let hold = |next: Next| match next {
        Next::Wait(hold) if hold.reason == HoldReason::ReadsLag => hold.until,
        other => panic!("{other:?}"),
    };
    assert_eq!(hold(next(ago(59), None)), now() + SignedDuration::from_secs(5));
    assert_eq!(hold(next(ago(59), Some(4))), now() + SignedDuration::from_secs(1));
    assert!(matches!(next(ago(59), Some(5)), Next::Do(_)));
    assert!(matches!(next(ago(60), None), Next::Do(_)));
    let days_ahead = ago(-2 * 86_400);
    assert_eq!(hold(next(days_ahead, None)), now() + SignedDuration::from_secs(5), "a clock that was wrong costs two looks");
    assert!(matches!(next(days_ahead, Some(5)), Next::Do(_)));
}

#[test]
fn a_gateway_in_another_region_is_in_no_way_here_and_is_not_forgotten() {
    let elsewhere = |id: &str, ip| Registered { region: "cn-beijing".into(), ..registered(id, ip, now()).registered.unwrap() };
    let moved = Progress { registered: Some(elsewhere("cgw-1", IP)), ..Progress::new("journal") };
    let decision = decide(&desired(), &inventory(vec![]), &moved);
    assert_eq!((decision.kind, codes(&decision.findings)), (DecisionKind::Create, vec!["gateway.drift"]));
    assert!(matches!(decision.next, Next::Do(_)));
    let finding = &decision.findings[0];
    assert!(!finding.is_error() && finding.message.contains("cgw-1 (203.0.113.7) in cn-beijing"), "{finding:?}");
    assert!(finding.remedy.contains("cgwd deregister") && finding.remedy.contains("cn-beijing"), "{finding:?}");
    // Nor once the device is registered here.
    let settled = Progress { left_behind: vec![elsewhere("cgw-1", IP)], ..registered("cgw-2", IP, now()) };
    let decision = decide(&desired(), &inventory(vec![ours("cgw-2", IP)]), &settled);
    assert_eq!((decision.kind, codes(&decision.findings)), (DecisionKind::InSync, vec!["gateway.drift"]));
}

#[test]
fn a_write_needs_space_for_its_records_and_nothing_else_does() {
    let decision = |free_bytes, gateways| {
        let (desired, inventory) = (desired(), inventory(gateways));
        let situation = Situation { free_bytes, ..bare(&desired, &inventory) };
        plan(&situation, &Progress::new("journal"), clocks())
    };
    let disk = |decision: &crate::plan::Decision| decision.gates.iter().find(|gate| gate.name == "disk").map(|gate| gate.passed);
    for gateways in [vec![], vec![unmarked("cgw-1", IP)]] {
        let enough = decision(Some(crate::plan::LEAST_SPACE), gateways.clone());
        assert!(matches!(enough.next, Next::Do(_)) && disk(&enough) == Some(true), "{enough:?}");
        let unknown = decision(None, gateways.clone());
        assert!(matches!(unknown.next, Next::Do(_)) && disk(&unknown).is_none(), "{unknown:?}");
        let full = decision(Some(crate::plan::LEAST_SPACE - 1), gateways);
        assert_eq!((full.kind, &full.next, disk(&full)), (DecisionKind::Blocked, &Next::Nothing, Some(false)));
        assert_eq!(codes(&full.findings), ["state.disk_full"]);
        assert!(full.steps.is_empty() && full.findings[0].remedy.contains("free space"), "{full:?}");
    }
    assert_eq!(decision(Some(0), vec![ours("cgw-1", IP)]).kind, DecisionKind::InSync);
    assert_eq!(decision(Some(0), vec![ours("cgw-1", OTHER_IP)]).kind, DecisionKind::Replace);
}

#[test]
fn one_with_another_address_is_always_looked_for_twice() {
    let ago = |seconds| now() - SignedDuration::from_secs(seconds);
    let next = |missing_since| {
        let progress = Progress { missing_since, ..registered("cgw-1", OTHER_IP, ago(86_400)) };
        decide(&desired(), &inventory(vec![]), &progress).next
    };
    assert!(matches!(next(None), Next::Wait(hold) if hold.until == now() + SignedDuration::from_secs(60)));
    let missing_for = |seconds| Some(uptime() - SignedDuration::from_secs(seconds));
    assert!(matches!(next(missing_for(59)), Next::Wait(hold) if hold.until == now() + SignedDuration::from_secs(1)));
    assert!(matches!(next(missing_for(60)), Next::Do(_)));
}

#[test]
fn a_full_region_and_a_clock_that_is_off_are_said_and_do_not_stop_a_creation() {
    let decision = |gateways: usize, offset| {
        let strangers = (0..gateways).map(|index| unmarked(&format!("cgw-{index}"), Ipv4Addr::from(0x0101_0000 + index as u32)));
        let (desired, inventory) = (desired(), inventory(strangers.collect()));
        let situation = Situation { clock_offset: SignedDuration::from_secs(offset), ..bare(&desired, &inventory) };
        plan(&situation, &Progress::new("journal"), clocks())
    };
    for (gateways, offset, said) in [
        (99, 300, vec![]),
        (99, -300, vec![]),
        (100, 0, vec!["quota.full"]),
        (0, 301, vec!["clock.skew"]),
        (101, -301, vec!["clock.skew", "quota.full"]),
    ] {
        let decision = decision(gateways, offset);
        assert_eq!((decision.kind, codes(&decision.findings)), (DecisionKind::Create, said), "{gateways} {offset}");
        assert!(matches!(decision.next, Next::Do(_)), "the cloud's own answer decides");
        assert!(decision.findings.iter().all(|finding| !finding.is_error() && !finding.remedy.is_empty()));
    }
    assert!(decision(0, 301).findings[0].message.contains("301 s behind"));
    assert!(decision(0, -301).findings[0].message.contains("301 s ahead of"));
}

#[test]
fn a_registered_gateway_with_another_s_mark_is_theirs_and_says_so_once() {
    let known = registered("cgw-1", OTHER_IP, now());
    let theirs = |ip| foreign("cgw-1", ip);
    let mut renamed = ours("cgw-1", OTHER_IP);
    renamed.tags.insert("cgwd-device".into(), "its-old-name".into());
    for (gateway, progress, remedy) in [
        (theirs(OTHER_IP), &known, "put this device's tags back"),
        (renamed, &known, "give the device the name back"),
        (theirs(IP), &registered("cgw-1", IP, now()), "take its cgwd-device and cgwd-owner tags off"),
    ] {
        let decision = decide(&desired(), &inventory(vec![gateway]), progress);
        assert_eq!((decision.kind, codes(&decision.findings)), (DecisionKind::Blocked, vec!["owner.foreign"]), "{remedy}");
        assert!(decision.findings[0].remedy.contains(remedy), "{:?}", decision.findings);
        assert_eq!(decision.next, Next::Nothing);
    }
}
