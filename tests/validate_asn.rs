//! ASNs: both written forms, every rule on both sides, and what the configuration and the BGP daemon say together.
#![allow(clippy::unwrap_used)]

use cgwd::facts::asn as facts;
use cgwd::model::{Asn, BgpSettings, BgpSource, Observation, Reading, Severity};
use cgwd::validate::{self, AsnVerdict};
use proptest::prelude::*;
use std::time::Duration;

type Codes = Vec<(&'static str, Severity)>;

fn asn(number: u32) -> Asn {
    Asn::new(number).unwrap()
}

fn codes(findings: &[cgwd::model::Finding]) -> Codes {
    findings.iter().map(|finding| (finding.code, finding.severity)).collect()
}

fn text(text: &str) -> (Option<u32>, Codes) {
    let (asn, findings) = validate::asn_text(text);
    (asn.map(Asn::number), codes(&findings))
}

/// product.md 2, number by number.
fn reference(number: u32) -> Codes {
    match number {
        45104 => vec![("asn.reserved_by_cloud", Severity::Error)],
        23456 => vec![("asn.as_trans", Severity::Warning)],
        65535 | 4294967295 => vec![("asn.reserved_by_rfc", Severity::Warning)],
        64512..=65534 | 4200000000..=4294967294 => vec![],
        _ => vec![("asn.public", Severity::Info)],
    }
}

/// What a text means, written plainly: by arithmetic on characters, in 128 bits.
fn reference_text(text: &str) -> Result<u32, &'static str> {
    let number = |part: &str| -> Option<u128> {
        let mut value: u128 = 0;
        for character in part.chars() {
            value = (value * 10 + u128::from(character.to_digit(10)?)).min(1 << 100);
        }
        (!part.is_empty()).then_some(value)
    };
    let parts: Vec<&str> = text.split('.').collect();
    let value = match parts.as_slice() {
        [whole] => number(whole).ok_or("asn.syntax")?,
        [high, low] => match (number(high), number(low)) {
            (Some(high), Some(low)) if high < 65536 && low < 65536 => high * 65536 + low,
            _ => return Err("asn.syntax"),
        },
        _ => return Err("asn.syntax"),
    };
    if (1..=4294967295).contains(&value) { Ok(value as u32) } else { Err("asn.out_of_range") }
}

#[test]
fn both_sides_of_every_rule() {
    for edge in [1, 23456, 45104, 64512, 65534, 65535, 65536, 4_200_000_000, 4_294_967_294, 4_294_967_295u32] {
        for number in [edge.saturating_sub(1).max(1), edge, edge.saturating_add(1)] {
            assert_eq!(codes(&validate::asn(asn(number))), reference(number), "{number}");
            assert_eq!(text(&number.to_string()), (Some(number), reference(number)), "{number}");
        }
    }
}

#[test]
fn the_range_ends_where_it_ends() {
    let error = |code| (None, vec![(code, Severity::Error)]);
    assert_eq!(text("0"), error("asn.out_of_range"));
    assert_eq!(text("00"), error("asn.out_of_range"));
    assert_eq!(text("0.0"), error("asn.out_of_range"));
    assert_eq!(text("1").0, Some(1));
    assert_eq!(text("0.1").0, Some(1));
    assert_eq!(text("4294967295").0, Some(4294967295));
    assert_eq!(text("65535.65535").0, Some(4294967295));
    assert_eq!(text("4294967296"), error("asn.out_of_range"));
    assert_eq!(text("99999999999999999999999999"), error("asn.out_of_range"));
    assert_eq!(text("65535.65536"), error("asn.syntax"));
    assert_eq!(text("65536.0"), error("asn.syntax"));
}

#[test]
fn neither_form_is_a_syntax_error() {
    let bad = [
        "",
        ".",
        "1.",
        ".1",
        "1.2.3",
        "-1",
        "+1",
        "1e3",
        "0x10",
        "AS65001",
        "65 001",
        "65001,",
        "١",
        "1 .2",
        "123.-4",
        "65001\n65002",
        "null",
        "1.+2",
    ];
    for text_of in bad {
        assert_eq!(text(text_of), (None, vec![("asn.syntax", Severity::Error)]), "{text_of:?}");
    }
    assert_eq!(text(" 65001\n").0, Some(65001), "white space around it is no part of it");
    let (_, findings) = validate::asn_text(&"x\n".repeat(5000));
    assert!(findings[0].message.len() < 200 && !findings[0].message.contains('\n'), "{}", findings[0].message);
}

#[test]
fn the_example_of_the_contract_both_ways() {
    assert_eq!("123.456".parse::<Asn>().unwrap(), asn(8061384));
    assert_eq!(asn(8061384).dotted(), "123.456");
    assert_eq!(asn(8061384).to_string(), "8061384");
    assert_eq!(asn(65001).dotted(), "0.65001");
    assert_eq!(asn(4294967295).dotted(), "65535.65535");
}

#[test]
fn each_rule_has_words_and_a_source() {
    for entry in facts::ALL {
        let [finding] = validate::asn(asn(entry.number)).try_into().unwrap();
        assert_eq!(finding.code, entry.code);
        assert!(finding.message.contains(&entry.number.to_string()) && finding.remedy.contains("64512-65534"), "{finding:?}");
        assert!(entry.source.contains(", 20"), "{}", entry.source);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5000, ..ProptestConfig::default() })]

    #[test]
    fn every_number_round_trips_in_both_forms(number in 1..=u32::MAX) {
        let asn = asn(number);
        prop_assert_eq!(asn.to_string().parse::<Asn>().unwrap(), asn);
        prop_assert_eq!(asn.dotted().parse::<Asn>().unwrap(), asn);
        prop_assert_eq!(asn.dotted(), format!("{}.{}", number / 65536, number % 65536));
        prop_assert_eq!(codes(&validate::asn(asn)), reference(number));
    }

    #[test]
    fn no_dotted_form_disagrees_with_the_reference(high in 0..70000u32, low in 0..70000u32) {
        let written = format!("{high}.{low}");
        let (asn, findings) = validate::asn_text(&written);
        match reference_text(&written) {
            Ok(number) => prop_assert_eq!(asn.map(Asn::number), Some(number)),
            Err(code) => prop_assert_eq!((asn, codes(&findings)), (None, vec![(code, Severity::Error)])),
        }
    }

    #[test]
    fn no_text_disagrees_with_the_reference(written in "[0-9.]{0,12}|[0-9]{1,25}|[0-9a-fx+ .-]{0,8}") {
        let (asn, findings) = validate::asn_text(&written);
        match reference_text(written.trim()) {
            Ok(number) => prop_assert_eq!((asn.map(Asn::number), codes(&findings)), (Some(number), reference(number))),
            Err(code) => prop_assert_eq!((asn, codes(&findings)), (None, vec![(code, Severity::Error)])),
        }
    }
}

// What the configuration and the BGP daemon say together.

fn settings(source: Option<BgpSource>, asn: Option<&str>) -> BgpSettings {
    BgpSettings { source, asn: asn.map(str::to_owned) }
}

fn frr(value: Observation<String>) -> [Reading<String>; 1] {
    [Reading { source: "frr".to_owned(), value, took: Duration::from_millis(3), taken: Duration::ZERO }]
}

fn known(text: &str) -> [Reading<String>; 1] {
    frr(Observation::Known(text.to_owned()))
}

fn failed() -> [Reading<String>; 1] {
    frr(Observation::Unknown("bgpd is not running".to_owned()))
}

fn both(asn: &str) -> BgpSettings {
    settings(Some(BgpSource::Frr(None)), Some(asn))
}

fn source_only() -> BgpSettings {
    settings(Some(BgpSource::Frr(None)), None)
}

/// ASN, source, codes, unknown.
fn told(verdict: &AsnVerdict) -> (Option<(u32, &str)>, Codes, bool) {
    let asn = verdict.asn.as_ref().map(|attested| (attested.asn.number(), attested.source.as_str()));
    (asn, codes(&verdict.findings), verdict.unknown)
}

const MISMATCH: (&str, Severity) = ("asn.mismatch", Severity::Error);
const UNKNOWN: (&str, Severity) = ("asn.unknown", Severity::Warning);
const MISSING: (&str, Severity) = ("asn.missing", Severity::Error);

#[test]
fn without_bgp_there_is_no_asn_and_nothing_to_say() {
    assert_eq!(validate::bgp(None, &[], None), AsnVerdict::default());
    assert_eq!(validate::bgp(None, &[], Some(asn(65001))), AsnVerdict::default(), "an earlier one does not outlive its configuration");
}

#[test]
fn the_configured_asn_alone() {
    let of = |text| validate::bgp(Some(&settings(None, Some(text))), &[], None);
    assert_eq!(told(&of("65001")), (Some((65001, "config")), vec![], false));
    assert_eq!(told(&of("123.456")), (Some((8061384, "config")), vec![("asn.public", Severity::Info)], false));
    assert_eq!(told(&of("45104")), (Some((45104, "config")), vec![("asn.reserved_by_cloud", Severity::Error)], false));
    assert_eq!(told(&of("0")), (None, vec![("asn.out_of_range", Severity::Error)], false));
    assert_eq!(told(&of("soon")), (None, vec![("asn.syntax", Severity::Error)], false));
    assert!(of("soon").findings[0].message.starts_with("config: "), "it says whose word is wrong");
}

#[test]
fn the_source_alone() {
    let of = |readings: &[Reading<String>], before| validate::bgp(Some(&source_only()), readings, before);
    assert_eq!(told(&of(&known("65001"), None)), (Some((65001, "frr")), vec![], false));
    assert_eq!(told(&of(&known("65002"), Some(asn(65001)))), (Some((65002, "frr")), vec![], false), "a change is a change");
    assert_eq!(told(&of(&known("<html>"), Some(asn(65001)))), (None, vec![("asn.syntax", Severity::Error)], false));
    let conflict = frr(Observation::Conflicting(vec!["65001".to_owned(), "65002".to_owned()]));
    assert_eq!(told(&of(&conflict, Some(asn(65001)))), (None, vec![MISMATCH], false));
    assert!(of(&conflict, None).findings[0].message.contains("65001, 65002"));
}

#[test]
fn a_failed_source_changes_nothing() {
    let of = |readings: &[Reading<String>], before| validate::bgp(Some(&source_only()), readings, before);
    assert_eq!(told(&of(&failed(), None)), (None, vec![MISSING], true), "nothing is known at all");
    assert_eq!(told(&of(&failed(), Some(asn(65001)))), (Some((65001, "earlier")), vec![UNKNOWN], true));
    assert_eq!(told(&of(&[], Some(asn(65001)))), (Some((65001, "earlier")), vec![UNKNOWN], true), "not asked yet is not known");
    assert_eq!(told(&of(&[], None)), (None, vec![MISSING], true));
    let verdict = of(&failed(), Some(asn(45104)));
    assert_eq!(codes(&verdict.findings), [UNKNOWN, ("asn.reserved_by_cloud", Severity::Error)], "the rules still run");
    assert!(verdict.findings[0].message.contains("bgpd is not running") && verdict.findings[0].message.contains("45104"));
}

#[test]
fn both_must_agree() {
    let of = |settings: &BgpSettings, readings: &[Reading<String>], before| validate::bgp(Some(settings), readings, before);
    assert_eq!(told(&of(&both("65001"), &known("65001"), None)), (Some((65001, "frr")), vec![], false));
    assert_eq!(told(&of(&both("0.65001"), &known("65001"), None)), (Some((65001, "frr")), vec![], false), "the form does not matter");
    assert_eq!(told(&of(&both("65001"), &known("65002"), Some(asn(65001)))), (None, vec![MISMATCH], false));
    let mismatch = of(&both("65001"), &known("65002"), None);
    assert!(mismatch.findings[0].message.contains("config says 65001, frr says 65002"), "{}", mismatch.findings[0].message);
    assert_eq!(told(&of(&both("65001"), &failed(), None)), (Some((65001, "config")), vec![UNKNOWN], true));
    assert_eq!(told(&of(&both("65001"), &failed(), Some(asn(65009)))), (Some((65001, "config")), vec![UNKNOWN], true));
    assert_eq!(told(&of(&both("bad"), &known("65001"), None)), (None, vec![("asn.syntax", Severity::Error)], false));
    assert_eq!(told(&of(&both("bad"), &failed(), Some(asn(65001)))), (None, vec![("asn.syntax", Severity::Error)], true));
    let two_bad = of(&both("bad"), &known("0"), None);
    assert_eq!(codes(&two_bad.findings), [("asn.syntax", Severity::Error), ("asn.out_of_range", Severity::Error)], "all rules run");
}

/// Whatever is said, an ASN without an error is one that somebody said, and no ASN comes with an error that says why.
#[test]
fn every_combination_is_consistent() {
    let texts = ["65001", "65002", "0.65001", "45104", "0", "x"];
    let mut readings: Vec<Vec<Reading<String>>> = vec![vec![], failed().to_vec()];
    readings.extend(texts.map(|text| known(text).to_vec()));
    readings.push(frr(Observation::Conflicting(vec!["1".to_owned(), "2".to_owned()])).to_vec());
    for configured in texts.map(Some).into_iter().chain([None]) {
        for source in [None, Some(BgpSource::Frr(None))] {
            for readings in &readings {
                for before in [None, Some(asn(65001))] {
                    let settings = settings(source.clone(), configured);
                    let verdict = validate::bgp(Some(&settings), readings, before);
                    let errors = verdict.findings.iter().filter(|finding| finding.is_error()).count();
                    assert!(verdict.asn.is_some() || errors > 0, "{settings:?} {readings:?} {verdict:?}");
                    if let Some(attested) = &verdict.asn {
                        let said = match attested.source.as_str() {
                            "config" => configured.unwrap().to_owned(),
                            "earlier" => before.unwrap().to_string(),
                            _ => readings[0].value.known().unwrap().clone(),
                        };
                        assert_eq!(said.parse::<Asn>().unwrap(), attested.asn);
                    }
                }
            }
        }
    }
}
