use super::*;
use crate::cloud::credentials::{CredentialsError, ProviderError};
use crate::cloud::error::{CallContext, Certainty, Retry};
use crate::execute::locate::Located;
use crate::journal::replay::Sending;
use crate::model::Timestamp;
use std::net::Ipv4Addr;

fn examined() -> Examined {
    Examined { address: None, asn: None, asn_unknown: false, asn_taken: None, findings: Vec::new() }
}

fn nothing_replaced() -> Replaced {
    Replaced {
        plan: None,
        changes_the_cloud: false,
        policy: ReplacementPolicy::Guided,
        ahead: None,
        stopped: None,
        refused: None,
        down: Vec::new(),
        leftover: Vec::new(),
        gone: Vec::new(),
    }
}

fn report(result: Result<Option<Registration>, ExecuteError>, offset: SignedDuration) -> CloudReport {
    let wanted = Wanted { ip: Ipv4Addr::new(203, 0, 113, 7), asn: None, findings: Vec::new(), gates: Vec::new() };
    let located = Located { region: Some("cn-hangzhou".into()), ..Located::default() };
    CloudReport {
        number: 1,
        generation: 0,
        wanted: Some(wanted),
        by_word: false,
        located,
        result,
        worked: None,
        last_contact: None,
        clock_offset: offset,
    }
}

fn judged(report: Option<&CloudReport>, pending: Option<PendingWrite>, unusable: bool) -> (Vec<Alert>, BTreeSet<&'static str>) {
    let (examined, replacement) = (examined(), nothing_replaced());
    of(&Known {
        examined: &examined,
        settled: None,
        report,
        deaf: None,
        watch_only: None,
        config_problem: None,
        pending: pending.into_iter().collect(),
        unusable,
        replacement: &replacement,
        now: Timestamp::UNIX_EPOCH,
        fields: Fields::default(),
    })
}

fn codes(alerts: &[Alert]) -> Vec<&'static str> {
    alerts.iter().map(|alert| alert.event.code).collect()
}

fn failed(error: CloudError) -> Vec<Alert> {
    judged(Some(&report(Err(error.into()), SignedDuration::ZERO)), None, false).0
}

fn error(code: &str, status: u16, retry: Retry) -> CloudError {
    CallContext { action: "DescribeCustomerGateways", secrets: &[] }.error(
        code,
        "off by 1d 3h".into(),
        status,
        Certainty::DidNotHappen,
        retry,
        "",
    )
}

#[test]
fn what_waiting_does_not_mend_is_a_refusal_and_told_at_once() {
    let provider = |passing| ProviderError { reason: "not set".into(), passing };
    let credentials = |passing| CredentialsError { tried: vec![("environment".into(), provider(passing))] }.as_cloud_error("X");
    assert_eq!(codes(&failed(credentials(false))), ["cloud.refused"]);
    assert_eq!(codes(&failed(credentials(true))), ["cloud.unreachable"], "the provider itself could not be reached");
    // An endpoint that cannot be made of the configuration: nothing was sent and nothing ever will be.
    assert_eq!(codes(&failed(error("", 0, Retry::Never))), ["cloud.refused"]);
    assert_eq!(codes(&failed(error("", 0, Retry::Transient))), ["cloud.unreachable"]);
    assert_eq!(codes(&failed(error("Forbidden.RAM", 403, Retry::Never))), ["cloud.refused"]);
    assert_eq!(codes(&failed(error("InvalidSecurityToken.Expired", 400, Retry::Credentials))), ["cloud.refused"]);
    assert_eq!(codes(&failed(error("InternalError", 500, Retry::Transient))), ["cloud.unreachable"]);
    assert_eq!(codes(&failed(error("Throttling", 429, Retry::Throttled(None)))), ["cloud.unreachable"]);
    assert_eq!(event("cloud.refused").shows_after, std::time::Duration::ZERO);
}

#[test]
fn a_clock_far_off_is_named_without_a_number() {
    for hours in [27, 28] {
        let report = report(Err(error("", 0, Retry::Clock).into()), SignedDuration::from_hours(hours));
        let alerts = judged(Some(&report), None, false).0;
        assert!(alerts.iter().all(|alert| alert.event.code == "clock.skew"), "{alerts:?}");
        assert_eq!(alerts[0].message, "this device's clock is more than a day behind the cloud's, so nothing is written");
        assert!(alerts.iter().all(|alert| !alert.message.contains(|letter: char| letter.is_ascii_digit())), "{alerts:?}");
    }
}

fn pending(last_sent: i64, unconfirmed: bool) -> PendingWrite {
    let sending = |second| Sending { at: Timestamp::from_second(second).unwrap(), sent: None, uptime: None };
    PendingWrite {
        intent: 1,
        action: "CreateCustomerGateway".into(),
        target: "203.0.113.7".into(),
        region: "cn-hangzhou".into(),
        client_token: "token".into(),
        generation: 0,
        request_hash: String::new(),
        intended: sending(0),
        last_sent: sending(last_sent),
        sent_before: None,
        resent: last_sent > 0,
        poisoned: false,
        unconfirmed,
        absent_since: None,
    }
}

#[test]
fn a_write_under_way_is_not_an_unconfirmed_one() {
    assert_eq!(judged(None, Some(pending(0, false)), false).0, []);
    let told = |last_sent| judged(None, Some(pending(last_sent, true)), false).0;
    assert_eq!(codes(&told(0)), ["write.unconfirmed"]);
    assert_eq!(told(0), told(600), "an attempt more is no news");
}

#[test]
fn an_unconfirmed_write_is_told_once() {
    let error = ExecuteError::Unconfirmed { action: "CreateCustomerGateway", target: "203.0.113.7".into(), why: "no answer".into() };
    let alerts = judged(Some(&report(Err(error), SignedDuration::ZERO)), Some(pending(0, true)), false).0;
    assert_eq!(codes(&alerts), ["write.unconfirmed"]);
}

#[test]
fn a_second_customer_gateway_beside_a_fitting_one_is_a_warning() {
    let finding = Finding::warning(codes::GATEWAY_DUPLICATE, "cgw-2 also bears this device's mark", "delete it");
    let decision = Decision { kind: DecisionKind::InSync, ..Decision::blocked(vec![finding], Vec::new()) };
    let registration = Registration { customer_gateway: None, ..Registration::looked(decision) };
    let alerts = judged(Some(&report(Ok(Some(registration)), SignedDuration::ZERO)), None, false).0;
    let told: Vec<_> = alerts.iter().map(|alert| (alert.event.code, alert.severity, alert.message.as_str())).collect();
    assert_eq!(told, [("gateway.duplicate", Severity::Warning, "cgw-2 also bears this device's mark")]);
}

#[test]
fn while_the_address_is_unusable_a_replacement_for_an_earlier_one_is_not_needed() {
    let mut report = report(Ok(None), SignedDuration::ZERO);
    report.wanted = None;
    let unjudged = |unusable| judged(Some(&report), None, unusable).1;
    assert!(unjudged(false).contains("replacement.needed"));
    assert!(!unjudged(true).contains("replacement.needed"));
    assert!(unjudged(true).contains("gateway.drift") && !unjudged(true).contains("cloud.unreachable"));
}
