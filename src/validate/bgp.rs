//! Which ASN this device has: what the configuration says against what the BGP daemon says (product.md 3).

use super::asn::{asn, asn_text};
use crate::facts::findings;
use crate::model::{Asn, BgpSettings, Finding, Observation, Reading};

/// The device's ASN, as far as it can be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AsnVerdict {
    /// `None` where none is configured, and where none can be relied on: then a finding of severity error says why.
    pub asn: Option<AttestedAsn>,
    pub findings: Vec<Finding>,
    /// A source is configured and failed. `asn` is then what else is known.
    pub unknown: bool,
}

/// An ASN and who says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttestedAsn {
    pub asn: Asn,
    /// The source as the configuration writes it, `config` for `asn =`, or `earlier` for what was known before the
    /// source failed.
    pub source: String,
}

/// The `source` of an ASN that only the configuration says.
pub const CONFIG: &str = "config";
const EARLIER: &str = "earlier";

/// `readings` are the answers of `[bgp] source`; `had_before` is the ASN of the last settled observation.
///
/// A source that fails changes nothing: a configured or an earlier ASN is kept with a warning, and only with neither
/// is it an error. What contradicts is never decided by preference: there is no ASN then.
pub fn bgp(settings: Option<&BgpSettings>, readings: &[Reading<String>], had_before: Option<Asn>) -> AsnVerdict {
    let Some(settings) = settings else { return AsnVerdict::default() };
    let configured = settings.asn.as_deref().map(|text| voice(CONFIG, text));
    let Some(source) = &settings.source else { return single(configured) };

    let heard: Vec<Heard> = readings.iter().map(hear).collect();
    let failures = failures(&source.to_string(), &heard);
    let voices: Vec<Voice> = configured.into_iter().chain(heard.into_iter().filter_map(Heard::voice)).collect();

    let mut findings: Vec<Finding> = voices.iter().flat_map(|voice| voice.unreadable.clone()).collect();
    findings.extend(readings.iter().filter_map(conflict));
    if findings.is_empty() {
        findings.extend(contradiction(&voices));
    }
    let unknown = !failures.is_empty();
    if !findings.is_empty() {
        return AsnVerdict { asn: None, findings, unknown };
    }
    if !unknown {
        // The daemon's word is the evidence; the configuration only agreed with it.
        return settled(voices.into_iter().next_back());
    }
    let why = failures.join("; ");
    match (voices.into_iter().next_back(), had_before) {
        (Some(voice), _) => with_warning(settled(Some(voice)), &why),
        (None, Some(earlier)) => {
            let attested = AttestedAsn { asn: earlier, source: EARLIER.to_owned() };
            with_warning(AsnVerdict { asn: Some(attested), findings: asn(earlier), unknown: true }, &why)
        }
        (None, None) => AsnVerdict { asn: None, findings: vec![missing(&why)], unknown: true },
    }
}

/// One origin's ASN, read.
struct Voice {
    source: String,
    asn: Option<Asn>,
    /// Why it can't be read; empty where it can.
    unreadable: Vec<Finding>,
}

enum Heard {
    Voice(Voice),
    /// Several values: `conflict` reports them.
    Conflict,
    Failed(String),
}

impl Heard {
    fn voice(self) -> Option<Voice> {
        match self {
            Heard::Voice(voice) => Some(voice),
            Heard::Conflict | Heard::Failed(_) => None,
        }
    }
}

fn hear(reading: &Reading<String>) -> Heard {
    match &reading.value {
        Observation::Known(text) => Heard::Voice(voice(&reading.source, text)),
        Observation::Conflicting(_) => Heard::Conflict,
        Observation::Unknown(why) => Heard::Failed(format!("`{}` failed: {why}", reading.source)),
    }
}

fn voice(source: &str, text: &str) -> Voice {
    let (asn, findings) = asn_text(text);
    let unreadable = if asn.is_some() { Vec::new() } else { findings };
    let unreadable =
        unreadable.into_iter().map(|finding| Finding { message: format!("{source}: {}", finding.message), ..finding }).collect();
    Voice { source: source.to_owned(), asn, unreadable }
}

fn failures(source: &str, heard: &[Heard]) -> Vec<String> {
    if heard.is_empty() {
        return vec![format!("`{source}` has not answered yet")];
    }
    heard.iter().filter_map(|heard| if let Heard::Failed(why) = heard { Some(why.clone()) } else { None }).collect()
}

fn single(configured: Option<Voice>) -> AsnVerdict {
    match configured {
        Some(voice) if voice.asn.is_none() => AsnVerdict { asn: None, findings: voice.unreadable, unknown: false },
        Some(voice) => settled(Some(voice)),
        None => AsnVerdict { asn: None, findings: vec![missing("[bgp] has neither `source` nor `asn`")], unknown: false },
    }
}

fn settled(voice: Option<Voice>) -> AsnVerdict {
    let attested = voice.and_then(|voice| voice.asn.map(|asn| AttestedAsn { asn, source: voice.source }));
    let findings = attested.as_ref().map(|attested| asn(attested.asn)).unwrap_or_default();
    AsnVerdict { asn: attested, findings, unknown: false }
}

fn with_warning(verdict: AsnVerdict, why: &str) -> AsnVerdict {
    let kept = verdict.asn.as_ref().map(|attested| attested.asn.to_string()).unwrap_or_default();
    let message = format!("the ASN could not be confirmed: {why}; ASN {kept} is kept");
    let warning = Finding::warning(findings::ASN_UNKNOWN, message, "start the BGP daemon, or see why its source fails with `cgwd check`");
    let findings = std::iter::once(warning).chain(verdict.findings).collect();
    AsnVerdict { findings, unknown: true, ..verdict }
}

fn missing(why: &str) -> Finding {
    Finding::error(
        findings::ASN_MISSING,
        format!("the ASN is not known: {why}"),
        "start the BGP daemon, or write `asn = …` in [bgp]; without BGP, remove the [bgp] table",
    )
}

fn conflict(reading: &Reading<String>) -> Option<Finding> {
    let Observation::Conflicting(values) = &reading.value else { return None };
    let message = format!("`{}` gives several ASNs: {}", reading.source, values.join(", "));
    Some(Finding::error(findings::ASN_MISMATCH, message, "let the BGP daemon have one local ASN, or write `asn = …` alone in [bgp]"))
}

fn contradiction(voices: &[Voice]) -> Option<Finding> {
    let first = voices.first()?;
    if voices.iter().all(|voice| voice.asn == first.asn) {
        return None;
    }
    let said: Vec<String> =
        voices.iter().map(|voice| format!("{} says {}", voice.source, voice.asn.map(|asn| asn.to_string()).unwrap_or_default())).collect();
    let message = format!("the ASNs contradict one another: {}", said.join(", "));
    Some(Finding::error(
        findings::ASN_MISMATCH,
        message,
        "correct `[bgp] asn`, or the BGP daemon's configuration, so that both say the same",
    ))
}
