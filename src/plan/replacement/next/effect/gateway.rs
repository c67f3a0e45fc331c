//! Customer gateways that the plan makes.

use super::super::view::{Reads, View};
use super::{Effect, contradiction};
use crate::model::{CustomerGateway, Op, PlannedStep, Slot, Target};
use crate::plan::ownership::Ownership;
use crate::plan::replacement::MARK_PLAN;

/// What this plan made for a slot and still exists. A create that was sent twice can have made another one later.
pub fn made_gateways(view: &View<'_>, slot: &Slot, reads: &Reads) -> Vec<String> {
    let ip = target(view, slot).map(|target| target.ip);
    let is_made = |gateway: &&CustomerGateway| Some(gateway.ip) == ip && gateway.tags.get(MARK_PLAN) == Some(&view.plan().id);
    let known = reads.customer_gateway.iter().flatten();
    let listed = reads.customer_gateways.iter().flatten().filter(is_made);
    let mut ids: Vec<String> = known.chain(listed).map(|gateway| gateway.id.clone()).collect();
    // What was proven gone by its id can still be listed.
    let gone = matches!(reads.customer_gateway, Some(None)).then(|| view.gateway(slot)).flatten();
    ids.retain(|id| Some(id) != gone.as_ref());
    ids.sort();
    ids.dedup();
    ids
}

/// What a slot is to hold.
fn target<'a>(view: &View<'a>, slot: &Slot) -> Option<&'a Target> {
    let plan = &view.progress.plan;
    match slot {
        Slot::Temporary => plan.temporary.as_ref(),
        Slot::New | Slot::Old(_) => Some(&plan.new),
    }
}

pub(super) fn created_gateway(view: &View<'_>, step: &PlannedStep, slot: &Slot, reads: &Reads) -> Effect {
    let (Some(target), Some(gateways)) = (target(view, slot), &reads.customer_gateways) else { return Effect::Missing };
    let named = view.progress.step(&step.id).id;
    let is_named = |gateway: &&CustomerGateway| named.as_ref() == Some(&gateway.id);
    let holds = |gateway: &&CustomerGateway| gateway.ip == target.ip && !view.plan().is_old(&gateway.id);
    let mut holders = gateways.iter().filter(holds);
    let Some(holder) = holders.clone().find(is_named).or_else(|| holders.next()) else { return Effect::Missing };
    match view.owner.ownership(holder) {
        Ownership::Ours if target.asn.is_none() || holder.asn == target.asn => match named {
            // The cloud has named another one: an old reading still shows one that is deleted.
            Some(id) if holder.id != id => Effect::Missing,
            _ => Effect::Shown(Some(holder.id.clone())),
        },
        Ownership::Ours | Ownership::Unmarked => contradiction(
            "address_taken",
            format!("customer gateway {} holds {} and is not the one that the plan wants", holder.id, target.ip),
        )
        .with_remedy(&or_give_up(
            view,
            "delete it where no connection uses it, then `cgwd replace --resume`",
            "; where that is not to be",
        )),
        Ownership::Foreign(whose) => {
            let remedy = "one of the two devices has the wrong address: when that one is gone, `cgwd replace --resume`";
            contradiction("owner", format!("customer gateway {} with {} belongs to {whose}", holder.id, target.ip))
                .with_remedy(&or_give_up(view, remedy, "; else"))
        }
    }
}

/// What holds the address was not made by this plan: that it is there says no more than any reading.
pub(in super::super) fn is_another_s(view: &View<'_>, step: &PlannedStep, shown: &Effect, reads: &Reads) -> bool {
    let (Op::CreateGateway { .. }, Effect::Shown(Some(id))) = (&step.op, shown) else { return false };
    let holder = reads.customer_gateways.iter().flatten().find(|gateway| gateway.id == *id);
    holder.is_some_and(|gateway| gateway.tags.get(MARK_PLAN) != Some(&view.plan().id))
}

/// While a connection is away giving up needs that customer gateway as well.
fn or_give_up(view: &View<'_>, remedy: &str, otherwise: &str) -> String {
    if view.is_any_away() { remedy.to_owned() } else { format!("{remedy}{otherwise} `cgwd replace --abort`") }
}
