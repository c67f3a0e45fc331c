//! The stable JSON documents.

use super::survey::Survey;
pub use crate::daemon::status::step_json;
use crate::daemon::status::{address_json, asn_json, gate_json, gateway_json};
use crate::plan::Decision;
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
}
