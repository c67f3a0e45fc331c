//! The configuration names another region: what was registered in the earlier one is not forgotten.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test program")]

mod common;

use cgwd::execute::Executor;
use cgwd::journal::Journal;
use cgwd::journal::store::Memory;
use cgwd::plan::{DecisionKind, plan_removal};
use common::in_memory::{AWAY, HOME, device, owner, want};
use std::time::Duration;

/// The messages about customer gateways that were left behind.
async fn left_behind(executor: &Executor, region: &str) -> Vec<String> {
    let decision = executor.register(&want(region), Duration::ZERO).await.unwrap().decision;
    assert_eq!(decision.kind, DecisionKind::InSync);
    assert!(decision.findings.iter().all(|finding| finding.code == "gateway.drift" && !finding.is_error()), "{decision:?}");
    decision.findings.into_iter().map(|finding| finding.message).collect()
}

async fn deregister(executor: &Executor, region: &str) {
    let inventory = executor.look(region, false).await.unwrap();
    let removal = plan_removal(&owner(), false, &inventory);
    executor.deregister(&owner(), region, &removal.steps).await.unwrap();
    executor.forget_registered(&inventory).unwrap();
}

#[tokio::test]
async fn what_was_registered_elsewhere_is_told_until_it_is_let_go() {
    let memory = Memory::default();
    let (executor, cloud) = device(Journal::in_memory(memory.clone(), "id").unwrap());
    assert!(left_behind(&executor, HOME).await.is_empty());
    for _ in 0..2 {
        let told = left_behind(&executor, AWAY).await;
        assert!(told.len() == 1 && told[0].contains(HOME) && told[0].contains("203.0.113.7"), "{told:?}");
    }
    // A restart knows it too.
    let restarted = Journal::in_memory(memory, "id").unwrap();
    assert_eq!(restarted.progress().left_behind.len(), 1);
    deregister(&executor, HOME).await;
    assert!(left_behind(&executor, AWAY).await.is_empty());
    let cloud = cloud.borrow();
    let marked = |region: &str| cloud.region(region).unwrap().objects().customer_gateways.iter().filter(|one| !one.tags.is_empty()).count();
    assert_eq!((marked(HOME), marked(AWAY)), (0, 1));
}

#[tokio::test]
async fn what_was_deleted_elsewhere_is_let_go_by_the_same_command() {
    let (executor, cloud) = device(Journal::in_memory(Memory::default(), "id").unwrap());
    left_behind(&executor, HOME).await;
    left_behind(&executor, AWAY).await;
    let now = executor.clock.now();
    cloud.borrow_mut().region_mut(HOME).unwrap().change(now).customer_gateways.clear();
    deregister(&executor, HOME).await;
    assert!(left_behind(&executor, AWAY).await.is_empty());
}
