//! What replacing a customer gateway would take, per connection, by the cloud's own rules (cloud/api.md 1.1).
//!
//! An outline for people and alerts: its execution is not part of this version.

use super::{Desired, Step, StepAction, Strategy};
use crate::model::{Attachment, CustomerGateway, Inventory, IpsecConnection, Tunnel, TunnelRole};

/// The steps in order: the new customer gateway, every tunnel and connection that refers to the old one, the old one's end.
/// `holder` is an unmarked customer gateway that already has the new address and ASN.
pub fn outline(old: &CustomerGateway, desired: &Desired, holder: Option<&CustomerGateway>, inventory: &Inventory) -> Vec<Step> {
    let mut steps = Steps::default();
    let connections: Vec<&IpsecConnection> = inventory.connections.iter().filter(|connection| connection.refers_to(&old.id)).collect();
    if old.ip == desired.ip {
        through_a_temporary_gateway(&mut steps, old, desired, &connections);
        return steps.0;
    }
    match holder {
        Some(holder) => steps.add(
            StepAction::TagResources,
            &holder.id,
            None,
            format!("{} already has {}; it becomes this device's", holder.id, desired.ip),
            false,
        ),
        None => steps.add(
            StepAction::CreateCustomerGateway,
            &desired.ip.to_string(),
            None,
            format!("address and ASN of {} cannot be edited; the new one proves rights and quota before anything is touched", old.id),
            false,
        ),
    }
    for connection in &connections {
        move_connection(&mut steps, connection, &old.id, "the new customer gateway");
    }
    steps.add(StepAction::DeleteCustomerGateway, &old.id, None, "nothing refers to it any more".into(), true);
    steps.0
}

/// The cloud refuses two customer gateways with one address, so an ASN-only change needs a place to wait.
fn through_a_temporary_gateway(steps: &mut Steps, old: &CustomerGateway, desired: &Desired, connections: &[&IpsecConnection]) {
    let rebindable: Vec<&&IpsecConnection> = connections.iter().filter(|connection| strategy(connection) == Strategy::Rebind).collect();
    if !rebindable.is_empty() {
        let reason = "a temporary one with a documentation address: the cloud refuses two customer gateways with one address";
        steps.add(StepAction::CreateCustomerGateway, "temporary", None, reason.into(), false);
    }
    for connection in connections {
        match strategy(connection) {
            Strategy::Rebind => move_connection(steps, connection, &old.id, "the temporary customer gateway"),
            Strategy::Recreate => {
                steps.add(StepAction::DeleteVpnConnection, &connection.id, Some(Strategy::Recreate), SINGLE_TUNNEL.into(), true)
            }
        }
    }
    steps.add(StepAction::DeleteCustomerGateway, &old.id, None, "its address is needed for the new one".into(), true);
    let asn = desired.asn.map_or_else(|| "no ASN".to_owned(), |asn| format!("ASN {asn}"));
    steps.add(StepAction::CreateCustomerGateway, &desired.ip.to_string(), None, format!("the same address with {asn}"), false);
    for connection in connections {
        match strategy(connection) {
            Strategy::Rebind => move_connection(steps, connection, &old.id, "the new customer gateway"),
            Strategy::Recreate => steps.add(
                StepAction::CreateVpnConnection,
                &connection.id,
                Some(Strategy::Recreate),
                "made again from its snapshot".into(),
                false,
            ),
        }
    }
    if !rebindable.is_empty() {
        steps.add(StepAction::DeleteCustomerGateway, "temporary", None, "it has served".into(), true);
    }
}

const SINGLE_TUNNEL: &str = "a single-tunnel connection on a VPN gateway cannot be pointed at another customer gateway";

fn strategy(connection: &IpsecConnection) -> Strategy {
    match (&connection.attachment, connection.is_dual()) {
        (Attachment::VpnGateway(_), false) => Strategy::Recreate,
        _ => Strategy::Rebind,
    }
}

fn move_connection(steps: &mut Steps, connection: &IpsecConnection, old_id: &str, to: &str) {
    match (&connection.attachment, connection.is_dual()) {
        (Attachment::VpnGateway(_), false) => {
            steps.add(StepAction::DeleteVpnConnection, &connection.id, Some(Strategy::Recreate), SINGLE_TUNNEL.into(), true);
            let reason = format!("made again from its snapshot, on {to}");
            steps.add(StepAction::CreateVpnConnection, &connection.id, Some(Strategy::Recreate), reason, false);
        }
        (Attachment::VpnGateway(_), true) => rebind_tunnels(steps, StepAction::ModifyTunnelAttribute, connection, old_id, to),
        (_, true) => rebind_tunnels(steps, StepAction::ModifyVpnAttachmentAttribute, connection, old_id, to),
        (_, false) => steps.add(
            StepAction::ModifyVpnAttachmentAttribute,
            &connection.id,
            Some(Strategy::Rebind),
            format!("pointed at {to} in place; the cloud no longer lets a single-tunnel attachment be created"),
            true,
        ),
    }
}

/// Standby first, so that traffic stays where it is until the first tunnel has come back.
fn rebind_tunnels(steps: &mut Steps, action: StepAction, connection: &IpsecConnection, old_id: &str, to: &str) {
    let mut tunnels: Vec<&Tunnel> = connection.tunnels.iter().filter(|tunnel| tunnel.customer_gateway_id == old_id).collect();
    tunnels.sort_by_key(|tunnel| tunnel.role == TunnelRole::Active);
    for tunnel in tunnels {
        let role = match tunnel.role {
            TunnelRole::Active => "active",
            TunnelRole::Standby => "standby",
        };
        let reason = format!("{role} tunnel of {}, pointed at {to} in place", connection.id);
        steps.add(action, &tunnel.id, Some(Strategy::Rebind), reason, true);
    }
}

#[derive(Default)]
struct Steps(Vec<Step>);

impl Steps {
    fn add(&mut self, action: StepAction, target: &str, strategy: Option<Strategy>, reason: String, destructive: bool) {
        let id = (self.0.len() + 1).to_string();
        self.0.push(Step { id, action, target: target.to_owned(), strategy, reason, destructive });
    }
}
