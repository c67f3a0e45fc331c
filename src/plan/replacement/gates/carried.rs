//! Whether what the old customer gateway has fits on the one that takes its place: its tags, its ASN, its BGP key.

use super::Case;
use crate::facts::names::{TAGS_MAX, is_system_tag};
use crate::model::{ConnectionSnapshot, CustomerGateway, GatewaySnapshot, Op, Secret, Tags};
use crate::plan::Desired;
use crate::plan::ownership::is_the_users;
use crate::plan::replacement::{MARK_PLAN, TEMPORARY};

/// The tags that a customer gateway is made with: the user's carry over, ours are written anew.
pub fn gateway_tags(desired: &Desired, old: Option<&GatewaySnapshot>, plan: &str) -> Tags {
    let carries = |key: &str| is_the_users(key) && !is_system_tag(key);
    let mut tags: Tags = old.into_iter().flat_map(|old| old.tags.clone()).filter(|(key, _)| carries(key)).collect();
    tags.extend(desired.marked_tags());
    tags.insert(MARK_PLAN.to_owned(), plan.to_owned());
    tags
}

/// The name that carries over: of a temporary customer gateway, which alone was left, the one that it was made from.
pub fn carried_name(old: &GatewaySnapshot) -> Option<String> {
    let name = old.name.strip_suffix(TEMPORARY).map_or(old.name.as_str(), str::trim_end);
    (!name.is_empty()).then(|| name.to_owned())
}

pub fn carried_description(old: &GatewaySnapshot) -> Option<String> {
    (!old.description.is_empty()).then(|| old.description.clone())
}

/// The tags that a connection is made again with: exactly those that it had, and the plan's mark until it is found.
pub fn connection_tags(connection: &ConnectionSnapshot, mark: &str) -> Tags {
    let mut tags = connection.shape.tags.clone();
    tags.insert(MARK_PLAN.to_owned(), mark.to_owned());
    tags
}

/// Whether the plan's mark does not fit beside the tags of a connection (cloud/api.md 2.3).
pub(super) fn leaves_no_room(connection: &ConnectionSnapshot) -> bool {
    connection_tags(connection, "").keys().filter(|key| !is_system_tag(key)).count() > TAGS_MAX
}

/// Why the customer gateway that takes the old one's place cannot bear all its tags (cloud/api.md 2.1).
pub(super) fn too_many_tags(case: Case<'_>) -> Option<String> {
    let old = case.snapshot.gateways.first();
    let makes = case.plan.steps().any(|step| matches!(step.op, Op::CreateGateway { .. }));
    let made = makes.then(|| gateway_tags(case.desired, old, &case.plan.id).len()).filter(|count| *count > TAGS_MAX);
    if let Some(count) = made {
        return Some(format!(
            "the new customer gateway would bear {count} tags, this device's marks included, and {TAGS_MAX} are allowed: take {} off {} or out of `[gateway] tags`",
            count - TAGS_MAX,
            old.map_or("the old one", |old| old.id.as_str())
        ));
    }
    let adopted = adopted(case)?;
    let mut tags: Tags = adopted.tags.clone().into_iter().filter(|(key, _)| !is_system_tag(key)).collect();
    tags.extend(case.desired.owner.mark());
    (tags.len() > TAGS_MAX).then(|| {
        let over = tags.len() - TAGS_MAX;
        format!("{} has no room for this device's marks beside its tags ({TAGS_MAX} are allowed): take {over} off", adopted.id)
    })
}

/// Why the customer gateway that is there already must not take the old one's place.
pub(super) fn unfit(case: Case<'_>) -> Option<String> {
    if let Some(adopted) = adopted(case)
        && !case.may_adopt
    {
        return Some(format!(
            "customer gateway {} has this address and would be adopted, and `[registration] adopt` is false: set `adopt = true`, or delete it",
            adopted.id
        ));
    }
    other_asn(case).or_else(|| other_key(case))
}

/// Without a `[bgp]` table the old one's ASN carries over, and BGP would not come up with another.
fn other_asn(case: Case<'_>) -> Option<String> {
    let carried = case.subjects.old.first().and_then(|old| old.asn).filter(|_| case.desired.asn.is_none())?;
    let taken = case.subjects.new.as_ref().or(case.subjects.adoptable.as_ref()).filter(|taken| taken.asn != Some(carried))?;
    Some(format!(
        "customer gateway {} holds {} with {}, and the old one's ASN {carried} carries over: say which in `[bgp]`, or delete it where no connection uses it",
        taken.id,
        taken.ip,
        taken.asn.map_or_else(|| "no ASN".to_owned(), |asn| format!("ASN {asn}"))
    ))
}

/// What is adopted keeps its own BGP key: one that differs from the old one's would end the authentication.
fn other_key(case: Case<'_>) -> Option<String> {
    let adopted = adopted(case)?;
    let old = case.snapshot.gateways.iter().find(|old| case.plan.is_old(&old.id) && old.auth_key.is_some())?;
    (adopted.auth_key != old.auth_key).then(|| {
        format!(
            "BGP authentication would break: {} has a BGP key, and {}, which would be adopted, shows another one or none: set the same key on it in the console, or delete it",
            old.id, adopted.id
        )
    })
}

/// Old customer gateways whose BGP key the cloud does not show, where one is to be made with it.
pub(super) fn masked_bgp_keys(case: Case<'_>) -> Vec<&str> {
    let makes = case.plan.steps().any(|step| matches!(step.op, Op::CreateGateway { .. }));
    let masked = case.snapshot.gateways.iter().filter(|old| makes && old.auth_key.as_ref().is_some_and(is_masked));
    masked.map(|old| old.id.as_str()).collect()
}

/// Whether the cloud shows stars in the place of a BGP key.
pub fn is_masked(key: &Secret) -> bool {
    key.reveal().contains("***") || key.reveal().chars().all(|character| character == '*')
}

fn adopted(case: Case<'_>) -> Option<&CustomerGateway> {
    case.subjects.adoptable.as_ref().filter(|_| case.subjects.new.is_none())
}
