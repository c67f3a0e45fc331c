//! Whether an ASN can be a customer gateway's (product.md 2).

use crate::facts::asn::{ReservedAsn, Standing, is_private, reserved};
use crate::facts::findings;
use crate::model::{Asn, AsnError, Finding};

/// Reads an ASN, plain or two-segment. White space around it is not part of it. With `None` there is an error among
/// the findings that says why.
pub fn asn_text(text: &str) -> (Option<Asn>, Vec<Finding>) {
    match text.trim().parse::<Asn>() {
        Ok(number) => (Some(number), asn(number)),
        Err(error) => (None, vec![unreadable(&error)]),
    }
}

/// Every finding about an ASN that is in range.
pub fn asn(asn: Asn) -> Vec<Finding> {
    if let Some(entry) = reserved(asn.number()) {
        return vec![reserved_finding(asn, entry)];
    }
    if is_private(asn.number()) {
        return Vec::new();
    }
    let message = format!("{} is a public ASN", named(asn));
    let remedy = "fine if it is yours; else take a private one, as the cloud recommends: 64512-65534 or 4200000000-4294967294";
    vec![Finding::info(findings::ASN_PUBLIC, message, remedy)]
}

fn reserved_finding(asn: Asn, entry: &ReservedAsn) -> Finding {
    let remedy = "give the BGP daemon an ASN of its own, e.g. a private one: 64512-65534 or 4200000000-4294967294";
    match entry.standing {
        Standing::RefusedByCloud => Finding::error(entry.code, format!("{} is {}: the cloud refuses it", named(asn), entry.what), remedy),
        Standing::ReservedByRfc => Finding::warning(entry.code, format!("{} is {}", named(asn), entry.what), remedy),
    }
}

fn unreadable(error: &AsnError) -> Finding {
    match error {
        AsnError::Syntax(text) => Finding::error(
            findings::ASN_SYNTAX,
            format!("`{}` is neither a number nor the two-segment form H.L", shortened(text)),
            "write a number such as 65001, or H.L with H and L from 0 to 65535 such as \"123.456\"",
        ),
        AsnError::OutOfRange(text) => Finding::error(
            findings::ASN_OUT_OF_RANGE,
            format!("ASN {} is outside 1-4294967295", shortened(text)),
            "an ASN has 32 bits and is not 0: correct the number",
        ),
    }
}

/// `8061384 (123.456)` above 16 bits, the plain number below.
fn named(asn: Asn) -> String {
    if asn.number() > 0xffff { format!("ASN {asn} ({})", asn.dotted()) } else { format!("ASN {asn}") }
}

/// A source can give anything; a finding is one line.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 40;
    let clean: String = text.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().count() > LONGEST { format!("{clean}…") } else { clean }
}
