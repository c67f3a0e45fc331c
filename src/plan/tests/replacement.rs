//! Every row of the table of strategies: how each kind of connection comes to the new customer gateway.

use super::*;
use crate::plan::StepAction::{
    CreateCustomerGateway, CreateVpnConnection, DeleteCustomerGateway, DeleteVpnConnection, ModifyTunnelAttribute,
    ModifyVpnAttachmentAttribute, TagResources,
};
use crate::plan::{DecisionKind, Next, Step, StepAction, Strategy};

fn outline(ip_changes: bool, holder: Vec<CustomerGateway>, connections: Vec<IpsecConnection>) -> Vec<Step> {
    let old = if ip_changes { ours("old", OTHER_IP) } else { with_asn(Some(65_002), ours("old", IP)) };
    let gateways = std::iter::once(old).chain(holder).collect();
    let inventory = Inventory { connections, connections_read: true, ..inventory(gateways) };
    let decision = decide(&desired(), &inventory, &Progress::new("journal"));
    assert_eq!((decision.kind, &decision.next), (DecisionKind::Replace, &Next::Nothing), "a replacement is only outlined");
    let ids: Vec<String> = decision.steps.iter().map(|step| step.id.clone()).collect();
    assert_eq!(ids, (1..=ids.len()).map(|number| number.to_string()).collect::<Vec<_>>());
    decision.steps
}

fn short(steps: &[Step]) -> Vec<(StepAction, &str)> {
    steps.iter().map(|step| (step.action, step.target.as_str())).collect()
}

fn moved(connection: IpsecConnection) -> Vec<Step> {
    let steps = outline(true, vec![], vec![connection]);
    let (first, last) = (&steps[0], &steps[steps.len() - 1]);
    assert_eq!((first.action, first.target.as_str(), first.destructive), (CreateCustomerGateway, "203.0.113.7", false));
    assert_eq!((last.action, last.target.as_str(), last.destructive), (DeleteCustomerGateway, "old", true));
    steps[1..steps.len() - 1].to_vec()
}

#[test]
fn dual_tunnel_on_a_vpn_gateway_is_rebound_standby_first() {
    let steps = moved(connection("vco", on_vpn_gateway(), &["old", "old"]));
    assert_eq!(short(&steps), [(ModifyTunnelAttribute, "vco-2"), (ModifyTunnelAttribute, "vco-1")]);
    assert!(steps.iter().all(|step| step.strategy == Some(Strategy::Rebind) && step.destructive));
    assert!(steps[0].reason.contains("standby") && steps[1].reason.contains("active"));
}

#[test]
fn dual_tunnel_on_a_transit_router_or_unbound_is_rebound_standby_first() {
    for attachment in [Attachment::TransitRouter("tr".into()), Attachment::Unbound] {
        let steps = moved(connection("vco", attachment, &["old", "old"]));
        assert_eq!(short(&steps), [(ModifyVpnAttachmentAttribute, "vco-2"), (ModifyVpnAttachmentAttribute, "vco-1")]);
        assert!(steps.iter().all(|step| step.strategy == Some(Strategy::Rebind)));
    }
}

#[test]
fn single_tunnel_on_a_transit_router_or_unbound_is_rebound_in_place() {
    for attachment in [Attachment::TransitRouter("tr".into()), Attachment::Unbound] {
        let steps = moved(connection("vco", attachment, &["old"]));
        assert_eq!(short(&steps), [(ModifyVpnAttachmentAttribute, "vco")]);
        assert_eq!(steps[0].strategy, Some(Strategy::Rebind));
        assert!(steps[0].reason.contains("no longer lets a single-tunnel attachment be created"));
    }
}

#[test]
fn single_tunnel_on_a_vpn_gateway_has_to_be_recreated() {
    let steps = moved(connection("vco", on_vpn_gateway(), &["old"]));
    assert_eq!(short(&steps), [(DeleteVpnConnection, "vco"), (CreateVpnConnection, "vco")]);
    assert!(steps.iter().all(|step| step.strategy == Some(Strategy::Recreate)));
    assert!(steps[0].destructive && !steps[1].destructive);
}

#[test]
fn only_tunnels_on_our_old_gateway_are_touched() {
    assert_eq!(short(&moved(connection("vco", on_vpn_gateway(), &["old", "other"]))), [(ModifyTunnelAttribute, "vco-1")]);
    assert!(moved(connection("vco", on_vpn_gateway(), &["other", "other"])).is_empty());
    assert!(moved(connection("vco", on_vpn_gateway(), &["other"])).is_empty());
}

#[test]
fn an_unmarked_holder_of_the_new_address_is_taken_instead_of_a_new_one() {
    let steps = outline(true, vec![unmarked("hand", IP)], vec![]);
    assert_eq!(short(&steps), [(TagResources, "hand"), (DeleteCustomerGateway, "old")]);
}

#[test]
fn a_change_of_the_asn_alone_goes_through_a_temporary_gateway() {
    let connections = vec![connection("dual", on_vpn_gateway(), &["old", "old"]), connection("single", on_vpn_gateway(), &["old"])];
    let steps = outline(false, vec![], connections);
    let expected = [
        (CreateCustomerGateway, "temporary"),
        (ModifyTunnelAttribute, "dual-2"),
        (ModifyTunnelAttribute, "dual-1"),
        (DeleteVpnConnection, "single"),
        (DeleteCustomerGateway, "old"),
        (CreateCustomerGateway, "203.0.113.7"),
        (ModifyTunnelAttribute, "dual-2"),
        (ModifyTunnelAttribute, "dual-1"),
        (CreateVpnConnection, "single"),
        (DeleteCustomerGateway, "temporary"),
    ];
    assert_eq!(short(&steps), expected);
    let alone = outline(false, vec![], vec![connection("single", on_vpn_gateway(), &["old"])]);
    let proof = short(&alone);
    assert_eq!(
        (proof[0], proof[1]),
        ((CreateCustomerGateway, "temporary"), (DeleteVpnConnection, "single")),
        "it proves the right to create"
    );
    assert_eq!(proof.last(), Some(&(DeleteCustomerGateway, "temporary")));
    let others = (0..99).map(|number| unmarked(&format!("cgw-{number}"), Ipv4Addr::new(198, 51, 100, number))).collect();
    let full = outline(false, others, vec![connection("single", on_vpn_gateway(), &["old"])]);
    assert_eq!(short(&full)[0], (CreateCustomerGateway, "temporary"), "only the cloud knows whether there is room");
}
