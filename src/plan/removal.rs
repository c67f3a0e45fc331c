//! Letting go: our mark off the customer gateway, and on request the customer gateway itself.

use super::ownership::Ownership;
use super::{Owner, Step, StepAction};
use crate::model::{CustomerGateway, Inventory};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    pub gateways: Vec<CustomerGateway>,
    pub steps: Vec<Step>,
    /// Customer gateways that stay although their deletion was asked for, and the connections that use them.
    pub in_use: Vec<(String, Vec<String>)>,
}

/// `delete` needs an inventory with connections: what could not be read is never "unused".
pub fn plan_removal(owner: &Owner, delete: bool, inventory: &Inventory) -> Removal {
    let gateways: Vec<CustomerGateway> =
        inventory.customer_gateways.iter().filter(|gateway| owner.ownership(gateway) == Ownership::Ours).cloned().collect();
    let mut removal = Removal { gateways: gateways.clone(), steps: Vec::new(), in_use: Vec::new() };
    for gateway in gateways {
        let users: Vec<String> = inventory
            .connections
            .iter()
            .filter(|connection| connection.refers_to(&gateway.id))
            .map(|connection| connection.id.clone())
            .collect();
        let id = (removal.steps.len() + 1).to_string();
        if delete && inventory.connections_read && users.is_empty() {
            let reason = "no connection refers to it".to_owned();
            let action = StepAction::DeleteCustomerGateway;
            removal.steps.push(Step { id, action, target: gateway.id, strategy: None, reason, destructive: true });
            continue;
        }
        if delete {
            removal.in_use.push((gateway.id.clone(), users));
            continue;
        }
        let reason = "takes this device's mark off".to_owned();
        let action = StepAction::UnTagResources;
        removal.steps.push(Step { id, action, target: gateway.id, strategy: None, reason, destructive: false });
    }
    removal
}
