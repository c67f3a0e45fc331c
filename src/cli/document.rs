//! The stable JSON documents, and the same for a person's eyes.

use super::output::{Output, Tone};
use super::survey::Survey;
pub use crate::daemon::status::step_json;
use crate::daemon::status::{address_json, asn_json, gate_json, gateway_json};
use crate::model::Finding;
use crate::plan::{Decision, DecisionKind, Gate, Step};
use serde_json::{Value, json};

impl Survey {
    pub fn address_document(&self) -> Value {
        let network = self.settings.address.network.name();
        let address = self.examined.address.as_ref();
        address.map_or(Value::Null, |address| address_json(address.value, &address.source, Some(network), self.is_settled()))
    }

    pub fn asn_document(&self) -> Value {
        self.examined.asn.as_ref().map_or(Value::Null, |asn| asn_json(asn.asn, &asn.source))
    }

    /// `plan`: what the decision is and what it would take.
    pub fn plan_document(&self, decision: &Decision, region: Option<&str>) -> Value {
        json!({
            "schema": 1,
            "decision": decision.kind.name(),
            "region": region,
            "device": self.settings.device,
            "address": self.address_document(),
            "asn": self.asn_document(),
            "customer_gateway": decision.customer_gateway.as_ref().map(gateway_json),
            "steps": decision.steps.iter().map(step_json).collect::<Vec<_>>(),
            "gates": decision.gates.iter().map(gate_json).collect::<Vec<_>>(),
            "findings": decision.findings,
        })
    }

    pub fn plan_text(&self, output: &Output, decision: &Decision, region: Option<&str>) -> String {
        let mut text = self.heading(output);
        let tone = match decision.kind {
            DecisionKind::InSync => Tone::Good,
            DecisionKind::Create | DecisionKind::Adopt => Tone::Strong,
            DecisionKind::Replace => Tone::Caution,
            DecisionKind::Blocked => Tone::Bad,
        };
        text += &format!("region    {}\n", region.unwrap_or("not known"));
        if let Some(gateway) = &decision.customer_gateway {
            let asn = gateway.asn.map_or_else(|| "no ASN".to_owned(), |asn| format!("ASN {asn}"));
            text += &format!("gateway   {} holds {} with {asn} ({})\n", gateway.id, gateway.ip, gateway.name);
        }
        text += &format!("decision  {} - {}\n", output.paint(tone, decision.kind.name()), meaning(decision.kind));
        text += &steps_text(output, &decision.steps);
        let refused: Vec<&Gate> = decision.gates.iter().filter(|gate| !gate.passed).collect();
        if !refused.is_empty() {
            text += "\ngates that refuse\n";
            for gate in refused {
                text += &format!("  {} {}\n", output.paint(Tone::Bad, gate.name), gate.detail);
            }
        }
        text + &findings_text(output, &decision.findings)
    }

    /// Device, address and ASN, one on each line.
    pub fn heading(&self, output: &Output) -> String {
        let settings = &self.settings;
        let address = match &self.examined.address {
            Some(address) => format!("{} from {}", output.paint(Tone::Strong, &address.value.to_string()), address.source),
            None => output.paint(Tone::Bad, "not known"),
        };
        let asn = match (&self.examined.asn, &settings.bgp) {
            (Some(asn), _) => format!("{} ({}) from {}", output.paint(Tone::Strong, &asn.asn.to_string()), asn.asn.dotted(), asn.source),
            (None, None) => "none; there is no `[bgp]` table".to_owned(),
            (None, Some(_)) => output.paint(Tone::Bad, "not known"),
        };
        format!("device    {}\naddress   {address}, {} network\nasn       {asn}\n", settings.device, settings.address.network.name())
    }
}

pub fn findings_text(output: &Output, findings: &[Finding]) -> String {
    if findings.is_empty() { String::new() } else { format!("\nfindings\n{}", output.findings(findings)) }
}

pub fn steps_text(output: &Output, steps: &[Step]) -> String {
    if steps.is_empty() {
        return String::new();
    }
    let mut text = "\nsteps\n".to_owned();
    for step in steps {
        let strategy = step.strategy.map(|strategy| format!(" [{}]", strategy.name())).unwrap_or_default();
        let mark = if step.destructive { output.paint(Tone::Caution, " (interrupts or removes)") } else { String::new() };
        text += &format!("  {:>2}. {} {}{strategy}{mark}\n      {}\n", step.id, step.action.name(), step.target, step.reason);
    }
    text
}

fn meaning(kind: DecisionKind) -> &'static str {
    match kind {
        DecisionKind::InSync => "the cloud's record is true",
        DecisionKind::Create => "no customer gateway of this device exists; `cgwd register` creates it",
        DecisionKind::Adopt => "a customer gateway with this address and ASN exists; `cgwd register` marks it as this device's",
        DecisionKind::Replace => {
            "the customer gateway holds another address or ASN, and cannot be edited; the steps below show what replacing it takes"
        }
        DecisionKind::Blocked => "nothing is written, for the reasons below",
    }
}
