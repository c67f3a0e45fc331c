//! What a customer gateway is made with: the configuration's attributes, and where it is silent those of the old one.

use super::Replacer;
use crate::cloud::customer_gateways::NewCustomerGateway;
use crate::model::{GatewaySnapshot, ReplacementPlan, Slot, Snapshot, Tags};
use crate::plan::replacement::{MARK_PLAN, TEMPORARY};

/// The cloud takes so many characters (cloud/api.md 2.1).
const LONGEST_NAME: usize = 100;

impl Replacer {
    pub(super) fn new_gateway(&self, plan: &ReplacementPlan, snapshot: &Snapshot, slot: &Slot) -> NewCustomerGateway {
        let old = snapshot.gateways.first();
        let desired = &self.desired;
        let old_name = old.map(|old| lasting_name(&old.name).to_owned()).filter(|name| !name.is_empty());
        let name = desired.name.clone().or(old_name).unwrap_or_else(|| desired.owner.device.clone());
        let old_description = old.map(|old| old.description.clone()).filter(|text| !text.is_empty());
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
            tags: self.tags(plan, old),
        }
    }

    /// The user's tags carry over; ours are written anew.
    fn tags(&self, plan: &ReplacementPlan, old: Option<&GatewaySnapshot>) -> Tags {
        let own = |key: &str| key.starts_with("cgwd-");
        let mut tags: Tags = old.into_iter().flat_map(|old| old.tags.clone()).filter(|(key, _)| !own(key) && !is_reserved(key)).collect();
        tags.extend(self.desired.marked_tags());
        tags.insert(MARK_PLAN.to_owned(), plan.id.clone());
        tags
    }
}

/// Set by the cloud itself, and refused from anybody else (cloud/api.md 2.1).
fn is_reserved(key: &str) -> bool {
    key.starts_with("aliyun") || key.starts_with("acs:")
}

/// The name that a customer gateway has without being temporary.
fn lasting_name(name: &str) -> &str {
    name.strip_suffix(TEMPORARY).map_or(name, str::trim_end)
}

fn temporary_name(name: &str) -> String {
    let room = LONGEST_NAME - TEMPORARY.len() - 1;
    format!("{} {TEMPORARY}", name.chars().take(room).collect::<String>().trim_end())
}
