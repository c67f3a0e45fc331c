//! How several sources make one address, and when they make none.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test: it writes files and measures real time")]

use cgwd::model::{AddressSettings, AddressSource, Agreement, Finding, Network, Observation, Reading, Severity};
use cgwd::observe::{Agreed, agree};
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

const A: &str = "203.0.113.7";
const B: &str = "198.51.100.9";
const C: &str = "192.0.2.1";

fn settings(agreement: Agreement) -> AddressSettings {
    AddressSettings {
        network: Network::Public,
        sources: vec![AddressSource::Static(IpAddr::V4(Ipv4Addr::LOCALHOST))],
        agreement,
        settle: Duration::ZERO,
        prefer: None,
        poll: Duration::from_secs(300),
    }
}

/// `A`: known; `A|B`: conflicting; `?why`: unknown.
fn readings(says: &[(&str, &str)]) -> Vec<Reading<IpAddr>> {
    let value = |text: &str| match text.strip_prefix('?') {
        Some(why) => Observation::Unknown(why.to_owned()),
        None if text.contains('|') => Observation::Conflicting(text.split('|').map(|part| part.parse().unwrap()).collect()),
        None => Observation::Known(text.parse().unwrap()),
    };
    says.iter()
        .map(|(source, text)| Reading { source: (*source).to_owned(), value: value(text), took: Duration::ZERO, taken: Duration::ZERO })
        .collect()
}

fn decide(agreement: Agreement, says: &[(&str, &str)]) -> Agreed {
    agree(&readings(says), &settings(agreement))
}

fn decided(agreed: &Agreed) -> (String, String) {
    let address = agreed.address.as_ref().expect("an address");
    (address.value.to_string(), address.source.clone())
}

fn codes(agreed: &Agreed) -> Vec<(&'static str, Severity)> {
    agreed.findings.iter().map(|Finding { code, severity, .. }| (*code, *severity)).collect()
}

fn both(agreed: &Agreed) -> String {
    agreed.findings.iter().map(|finding| format!("{} / {}", finding.message, finding.remedy)).collect()
}

#[test]
fn first_takes_the_first_that_answers() {
    let agreed = decide(Agreement::First, &[("a", A), ("b", A)]);
    assert_eq!(decided(&agreed), (A.to_owned(), "a".to_owned()));
    assert!(agreed.findings.is_empty());

    let agreed = decide(Agreement::First, &[("a", "?no route"), ("b", B)]);
    assert_eq!(decided(&agreed), (B.to_owned(), "b".to_owned()));
    assert!(agreed.findings.is_empty(), "an unknown source beside a good one is no finding");
}

#[test]
fn first_warns_of_others_that_differ() {
    let agreed = decide(Agreement::First, &[("a", A), ("b", B), ("c", "?down"), ("d", A), ("e", &format!("{B}|{C}"))]);
    assert_eq!(decided(&agreed), (A.to_owned(), "a".to_owned()));
    assert_eq!(codes(&agreed), [("address.disagreement", Severity::Warning)]);
    let text = both(&agreed);
    assert!(
        text.contains("b gives 198.51.100.9") && text.contains("e gives 198.51.100.9, 192.0.2.1") && !text.contains("d gives"),
        "{text}"
    );
}

#[test]
fn first_does_not_guess_past_an_ambiguous_source() {
    let agreed = decide(Agreement::First, &[("a", &format!("{A}|{B}")), ("b", A)]);
    assert_eq!(agreed.address, None);
    assert_eq!(codes(&agreed), [("address.ambiguous", Severity::Error)]);
    assert!(both(&agreed).contains("prefer"));
    // An ambiguous source that comes later and holds the address contradicts nothing.
    let agreed = decide(Agreement::First, &[("a", A), ("b", &format!("{A}|{B}"))]);
    assert!(agreed.address.is_some() && agreed.findings.is_empty());
}

#[test]
fn no_answer_at_all_lists_every_reason() {
    for agreement in [Agreement::First, Agreement::All, Agreement::Quorum(2)] {
        let agreed = decide(agreement, &[("interface:wan0", "?there is no interface wan0"), ("https://echo", "?no answer within 10 s")]);
        assert_eq!(agreed.address, None);
        assert_eq!(codes(&agreed), [("address.missing", Severity::Error)]);
        let text = both(&agreed);
        assert!(text.contains("interface:wan0: there is no interface wan0") && text.contains("https://echo: no answer"), "{text}");
    }
    assert_eq!(codes(&decide(Agreement::First, &[])), [("address.missing", Severity::Error)]);
    assert_eq!(codes(&decide(Agreement::All, &[])), [("address.missing", Severity::Error)]);
}

#[test]
fn all_needs_every_source() {
    let agreed = decide(Agreement::All, &[("a", A), ("b", A)]);
    assert_eq!(decided(&agreed), (A.to_owned(), "a, b".to_owned()));

    type Case<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str]);
    let cases: [Case<'_>; 4] = [
        (&[("a", A), ("b", "?down")], &["address.missing"]),
        (&[("a", A), ("b", B)], &["address.disagreement"]),
        (&[("a", A), ("b", "203.0.113.7|192.0.2.1")], &["address.ambiguous"]),
        (&[("a", A), ("b", B), ("c", "?down")], &["address.disagreement", "address.missing"]),
    ];
    for (says, expected) in cases {
        let agreed = decide(Agreement::All, says);
        assert_eq!(agreed.address, None, "{says:?}");
        assert_eq!(agreed.findings.iter().map(|finding| finding.code).collect::<Vec<_>>(), expected);
        assert!(agreed.findings.iter().all(Finding::is_error));
    }
}

#[test]
fn a_quorum_outvotes_a_minority_and_says_so() {
    let agreed = decide(Agreement::Quorum(2), &[("a", B), ("b", A), ("c", A)]);
    assert_eq!(decided(&agreed), (A.to_owned(), "b, c".to_owned()));
    assert_eq!(codes(&agreed), [("address.disagreement", Severity::Warning)]);
}

#[test]
fn a_quorum_that_is_not_reached_decides_nothing() {
    assert_eq!(codes(&decide(Agreement::Quorum(2), &[("a", A), ("b", "?down")])), [("address.missing", Severity::Error)]);
    assert_eq!(codes(&decide(Agreement::Quorum(2), &[("a", A), ("b", B)])), [("address.disagreement", Severity::Error)]);
    // Two addresses with as many voices: neither.
    assert_eq!(
        codes(&decide(Agreement::Quorum(2), &[("a", A), ("b", A), ("c", B), ("d", B)])),
        [("address.disagreement", Severity::Error)]
    );
    assert_eq!(codes(&decide(Agreement::Quorum(1), &[("a", A), ("b", B)])), [("address.disagreement", Severity::Error)]);
    let ambiguous = decide(Agreement::Quorum(2), &[("a", A), ("b", "203.0.113.7|192.0.2.1")]);
    assert_eq!(codes(&ambiguous), [("address.ambiguous", Severity::Error), ("address.missing", Severity::Error)]);
}

#[test]
fn one_operator_is_one_voice() {
    let one_host = [("https://echo.example/a", A), ("https://echo.example/b?…", A)];
    assert_eq!(decide(Agreement::Quorum(2), &one_host).address, None);
    let two_hosts = [("https://echo.example/a", A), ("https://other.example/", A)];
    assert!(decide(Agreement::Quorum(2), &two_hosts).address.is_some());
    // The same source twice is one source.
    assert_eq!(decide(Agreement::Quorum(2), &[("static:203.0.113.7", A), ("static:203.0.113.7", A)]).address, None);
}

#[test]
fn ipv6_decides_only_where_there_is_nothing_else() {
    let ipv6 = "2001:db8::7";
    let agreed = decide(Agreement::First, &[("a", ipv6), ("b", A)]);
    assert_eq!(decided(&agreed), (A.to_owned(), "b".to_owned()));
    assert!(agreed.findings.is_empty());
    assert_eq!(decided(&decide(Agreement::First, &[("a", "?down"), ("b", ipv6)])), (ipv6.to_owned(), "b".to_owned()));
    assert_eq!(codes(&decide(Agreement::All, &[("a", ipv6), ("b", A)])), [("address.missing", Severity::Error)]);
}

fn voice() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![A, B, C, "?down", "203.0.113.7|192.0.2.1", "2001:db8::7"])
}

fn named(voices: &[&'static str]) -> Vec<(String, &'static str)> {
    voices.iter().enumerate().map(|(number, voice)| (format!("s{number}"), *voice)).collect()
}

proptest! {
    /// Fewer liars than the quorum never decide, whatever they say and wherever they stand.
    #[test]
    fn a_lying_minority_never_wins(honest in 2usize..5, lies in prop::collection::vec(voice(), 0..2), seed in any::<u64>()) {
        let mut voices: Vec<&str> = vec![A; honest];
        for (number, lie) in lies.iter().enumerate() {
            let place = (seed >> (number * 8)) as usize % (voices.len() + 1);
            voices.insert(place, lie);
        }
        let named = named(&voices);
        let says: Vec<(&str, &str)> = named.iter().map(|(source, voice)| (source.as_str(), *voice)).collect();
        let agreed = decide(Agreement::Quorum(2), &says);
        prop_assert_eq!(decided(&agreed).0, A);
        prop_assert!(!agreed.findings.iter().any(Finding::is_error));
    }

    /// No address without a source that gave it; none without a reason; none beside an error.
    #[test]
    fn a_decision_is_attested_and_its_absence_explained(voices in prop::collection::vec(voice(), 0..6), rule in 0usize..5) {
        let agreement = [Agreement::First, Agreement::All, Agreement::Quorum(1), Agreement::Quorum(2), Agreement::Quorum(3)][rule];
        let named = named(&voices);
        let says: Vec<(&str, &str)> = named.iter().map(|(source, voice)| (source.as_str(), *voice)).collect();
        let agreed = decide(agreement, &says);
        let is_error = agreed.findings.iter().any(Finding::is_error);
        prop_assert_eq!(agreed.address.is_none(), is_error);
        prop_assert!(agreed.findings.iter().all(|finding| !finding.message.is_empty() && !finding.remedy.is_empty()));
        if let Some(address) = &agreed.address {
            let value = address.value.to_string();
            let sources: Vec<&str> = address.source.split(", ").collect();
            prop_assert!(sources.iter().all(|source| says.contains(&(*source, value.as_str()))));
            let needed = match agreement { Agreement::First => 1, Agreement::All => says.len(), Agreement::Quorum(needed) => needed };
            prop_assert!(sources.len() >= needed);
        }
    }
}
