use super::*;
use crate::plan::{StepAction, plan_removal};

fn steps(delete: bool, inventory: &Inventory) -> Vec<(StepAction, String)> {
    let removal = plan_removal(&owner(), delete, inventory);
    assert!(removal.steps.iter().all(|step| step.destructive == (step.action == StepAction::DeleteCustomerGateway)));
    removal.steps.into_iter().map(|step| (step.action, step.target)).collect()
}

#[test]
fn only_what_is_ours_is_let_go() {
    let inventory = inventory(vec![ours("a", IP), unmarked("b", OTHER_IP), foreign("c", OTHER_IP), ours("d", OTHER_IP)]);
    let expected = vec![(StepAction::UnTagResources, "a".to_owned()), (StepAction::UnTagResources, "d".to_owned())];
    assert_eq!(steps(false, &inventory), expected);
    let known = Inventory { connections_read: true, ..inventory };
    let expected = vec![(StepAction::DeleteCustomerGateway, "a".to_owned()), (StepAction::DeleteCustomerGateway, "d".to_owned())];
    assert_eq!(steps(true, &known), expected);
}

#[test]
fn what_a_connection_or_one_tunnel_of_it_uses_stays() {
    let connections = vec![
        connection("single", on_vpn_gateway(), &["a"]),
        connection("half", Attachment::TransitRouter("tr-1".into()), &["other", "b"]),
        connection("others", on_vpn_gateway(), &["other", "other"]),
    ];
    let inventory = Inventory { connections, connections_read: true, ..inventory(vec![ours("a", IP), ours("b", IP), ours("c", IP)]) };
    let removal = plan_removal(&owner(), true, &inventory);
    assert_eq!(removal.in_use, [("a".to_owned(), vec!["single".to_owned()]), ("b".to_owned(), vec!["half".to_owned()])]);
    assert_eq!(steps(true, &inventory), [(StepAction::DeleteCustomerGateway, "c".to_owned())]);
}

#[test]
fn what_was_not_read_is_never_unused() {
    let unread = inventory(vec![ours("a", IP)]);
    let removal = plan_removal(&owner(), true, &unread);
    assert!(removal.steps.is_empty(), "nothing is deleted on an inventory without connections");
    assert_eq!(removal.in_use.len(), 1);
}
