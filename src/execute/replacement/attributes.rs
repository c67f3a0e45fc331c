//! What a customer gateway is made with: the configuration's attributes, and where it is silent those of the old one.

use super::Replacer;
use crate::cloud::customer_gateways::NewCustomerGateway;
use crate::facts::names::TAGS_MAX;
use crate::model::{GatewaySnapshot, Label, Slot};
use crate::plan::replacement::TEMPORARY;
use crate::plan::replacement::gates::{carried_description, carried_name, gateway_tags};
use crate::plan::replacement::next::View;

/// The cloud takes so many characters (cloud/api.md 2.1).
const LONGEST_NAME: usize = 100;

impl Replacer {
    pub(super) fn new_gateway(&self, view: &View<'_>, slot: &Slot) -> NewCustomerGateway {
        let (plan, desired, read) = (view.plan(), &self.desired, view.snapshot.gateways.first());
        let old = read.map(|old| labelled(old, view.label_at_deletion(&old.id)));
        let old = old.as_ref();
        let tags = gateway_tags(desired, old, &plan.id);
        // Tags that somebody has added meanwhile and that find no room are no reason to let connections wait.
        let tags = if tags.len() > TAGS_MAX { gateway_tags(desired, read, &plan.id) } else { tags };
        let name = desired.name.clone().or_else(|| old.and_then(carried_name)).unwrap_or_else(|| desired.owner.device.clone());
        let old_description = old.and_then(carried_description);
        let old_group = old.map(|old| old.resource_group.clone()).filter(|group| !group.is_empty());
        // It keeps the old one's attributes too: where the plan is given up in between, it is all that is left of them.
        let (target, name) = match slot {
            Slot::Temporary => (plan.temporary.as_ref().unwrap_or(&plan.new), temporary_name(&name)),
            Slot::New | Slot::Old(_) => (&plan.new, name),
        };
        let description = desired.description.clone().or(old_description);
        NewCustomerGateway {
            region: plan.region.clone(),
            ip: target.ip,
            asn: target.asn,
            name,
            description: description.unwrap_or_default(),
            auth_key: self.executor.auth_key.clone().or_else(|| old.and_then(|old| old.auth_key.clone())),
            resource_group: desired.resource_group.clone().or(old_group),
            tags,
        }
    }
}

/// As it was read, with what somebody has written on it before it was deleted.
fn labelled(old: &GatewaySnapshot, label: Option<&Label>) -> GatewaySnapshot {
    let Some(Label { name, description, tags }) = label.cloned() else { return old.clone() };
    GatewaySnapshot { name, description, tags, ..old.clone() }
}

fn temporary_name(name: &str) -> String {
    let room = LONGEST_NAME - TEMPORARY.len() - 1;
    format!("{} {TEMPORARY}", name.chars().take(room).collect::<String>().trim_end())
}
