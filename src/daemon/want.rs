//! From what this device is to what the cloud should say. Pure.

use crate::execute::Want;
use crate::model::{Asn, Finding, Settings};
use crate::plan::{Desired, Gate, Owner};
use std::net::{IpAddr, Ipv4Addr};

/// What is to be registered, before the region is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub ip: Ipv4Addr,
    pub asn: Option<Asn>,
    pub findings: Vec<Finding>,
    pub gates: Vec<Gate>,
}

/// `None` where a finding of severity error forbids registering, or where there is no IPv4 address.
pub fn wanted(address: Option<IpAddr>, source: &str, asn: Option<Asn>, findings: &[Finding]) -> Option<Wanted> {
    if findings.iter().any(Finding::is_error) {
        return None;
    }
    let Some(IpAddr::V4(ip)) = address else { return None };
    let gates = vec![Gate::passed("observation", format!("{ip} from {source}")), Gate::passed("validation", "no rule forbids it")];
    Some(Wanted { ip, asn, findings: findings.to_vec(), gates })
}

/// Why nothing may be registered, as gates.
pub fn refused_gates(findings: &[Finding]) -> Vec<Gate> {
    findings.iter().filter(|finding| finding.is_error()).map(|finding| Gate::refused(room(finding.code), finding.message.clone())).collect()
}

/// What a finding is about is the gate that it closes: `region.mismatch` the gate `region`.
fn room(code: &'static str) -> &'static str {
    code.split_once('.').map_or(code, |(room, _)| room)
}

impl Wanted {
    pub fn in_region(&self, settings: &Settings, owner: &Owner, region: &str, evidence: &str) -> Want {
        let mut gates = self.gates.clone();
        gates.push(Gate::passed("region", evidence.to_owned()));
        let gateway = &settings.gateway;
        Want {
            desired: Desired {
                owner: owner.clone(),
                region: region.to_owned(),
                ip: self.ip,
                asn: self.asn,
                name: gateway.name.clone(),
                description: gateway.description.clone(),
                resource_group: gateway.resource_group.clone(),
                tags: gateway.tags.clone(),
            },
            findings: self.findings.clone(),
            gates,
            policy: settings.registration,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_gate_has_the_name_of_what_it_is_about() {
        let codes = ["region.mismatch", "owner.foreign", "address.shared_space", "asn.syntax"];
        let findings: Vec<Finding> = codes.into_iter().map(|code| Finding::error(code, "so it is", "")).collect();
        let gates = refused_gates(&[findings, vec![Finding::warning("address.documentation", "", "")]].concat());
        let named: Vec<(&str, bool)> = gates.iter().map(|gate| (gate.name, gate.passed)).collect();
        assert_eq!(named, [("region", false), ("owner", false), ("address", false), ("asn", false)]);
    }
}
