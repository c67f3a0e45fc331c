//! From readings to what this device is: one address, one ASN, and everything that is wrong with them. Pure.

use crate::model::{Asn, Finding, Settings};
use crate::observe::{Attested, Observed, agree};
use crate::validate;
use std::time::Duration;

/// What the readings add up to.
#[derive(Clone, Debug)]
pub struct Examined {
    /// `None`: nothing usable was read; the findings say why.
    pub address: Option<Attested>,
    pub asn: Option<validate::AttestedAsn>,
    /// The ASN's source did not answer; an earlier value stays in force.
    pub asn_unknown: bool,
    /// When the ASN's source answered last, in time since boot; `None` where only the configuration says it.
    pub asn_taken: Option<Duration>,
    pub findings: Vec<Finding>,
}

/// `asn_before` is the ASN that was settled earlier; it stays in force while its source is silent.
pub fn examine(observed: &Observed, settings: &Settings, asn_before: Option<Asn>) -> Examined {
    let agreed = agree(&observed.addresses, &settings.address);
    let mut findings = agreed.findings;
    if let Some(address) = &agreed.address {
        findings.extend(validate::address(address.value, settings.address.network));
    }
    let verdict = validate::bgp(settings.bgp.as_ref(), &observed.asn, asn_before);
    findings.extend(verdict.findings);
    let by_source = verdict.asn.as_ref().is_none_or(|attested| attested.source != validate::CONFIG);
    let asn_taken = observed.asn.iter().map(|reading| reading.taken).min().filter(|_| by_source);
    Examined { address: agreed.address, asn: verdict.asn, asn_unknown: verdict.unknown, asn_taken, findings }
}
