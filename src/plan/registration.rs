//! Is the cloud's record of this device true, and if not, what would make it so?

use super::ownership::Ownership;
use super::{
    Concluded, Decision, DecisionKind, Desired, Gate, Hold, HoldReason, Next, Owner, Situation, Step, StepAction, client_token, replacement,
};
use crate::facts::findings;
use crate::journal::replay::{PendingWrite, Progress};
use crate::model::{CustomerGateway, Finding, Inventory, Timestamp};
use jiff::SignedDuration;
use std::net::IpAddr;

/// A request that got no answer is dead, or was accepted, 15 minutes after it was signed: the cloud refuses older
/// signatures (cloud/api.md 3, `InvalidTimeStamp.Expired`). One minute more for the effect to show.
pub const LATE_EFFECT: SignedDuration = SignedDuration::from_mins(16);
/// An absence counts only where two reads at least this far apart agree on it (reliability.md 3.2).
const ABSENT_TWICE: SignedDuration = SignedDuration::from_secs(60);
/// For so long after our own write a read may not show it yet.
const READ_LAG: SignedDuration = SignedDuration::from_secs(60);
/// Within that time an absence must be seen twice, so far apart. Creating too early is harmless: the cloud holds an
/// address only once in a region (cloud/api.md 1.3) and answers `AlreadyExist`.
const LAG_RECHECK: SignedDuration = SignedDuration::from_secs(5);
/// Customer gateways in a region, as documented in 2021 (cloud/api.md 1.3); the cloud's own answer decides.
pub const USUAL_QUOTA: usize = 100;

/// Pure and total: the same inputs give the same decision.
pub fn plan(situation: &Situation<'_>, progress: &Progress, now: Timestamp) -> Decision {
    let Some(desired) = situation.desired else {
        return Decision::blocked(situation.findings.to_vec(), situation.gates.to_vec());
    };
    let mut decision = decide(situation, desired, progress, now);
    if let Some(pending) = &progress.pending {
        let wanted = is_wanted(pending, &decision, desired, progress);
        match settle_pending(pending, &desired.owner, wanted, situation.inventory, now) {
            Pending::Concluded(concluded) => decision.concluded = Some(concluded),
            // The decision's next step is that very write.
            Pending::Resend => {}
            Pending::Wait(until) => hold_for_pending(&mut decision, pending, until),
        }
    }
    if decision.kind == DecisionKind::Blocked {
        decision.next = Next::Nothing;
    }
    decision
}

/// What a reading says about the write whose outcome is unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pending {
    Concluded(Concluded),
    /// The same request under the same token is the way to find out.
    Resend,
    Wait(Timestamp),
}

/// Whether the next step is the pending write itself: the same call, and for a create the same token, so the same intention.
fn is_wanted(pending: &PendingWrite, decision: &Decision, desired: &Desired, progress: &Progress) -> bool {
    let step = decision.steps.first().filter(|_| decision.next != Next::Nothing);
    let same_call = step.is_some_and(|step| step.action.name() == pending.action && step.target == pending.target);
    let creates = pending.action == StepAction::CreateCustomerGateway.name();
    let token = || client_token(&progress.journal_id, &pending.action, &desired.intention(), pending.generation);
    same_call && (!creates || token() == pending.client_token)
}

/// `wanted`: the pending write is what would be sent now. Then it may go out again for as long as its first copy can still
/// arrive; later, and where something else is wanted, only looking tells what became of it.
pub fn settle_pending(pending: &PendingWrite, owner: &Owner, wanted: bool, inventory: &Inventory, now: Timestamp) -> Pending {
    let concluded = |found| Pending::Concluded(Concluded { intent: pending.intent, found });
    if pending.region != inventory.region {
        // What another region shows says nothing about it.
        return Pending::Wait((pending.last_sent + LATE_EFFECT).max(now + ABSENT_TWICE));
    }
    if let Some(found) = effect_of(pending, owner, inventory) {
        return concluded(Some(found));
    }
    if wanted && !pending.poisoned && now < pending.intended_at + LATE_EFFECT {
        return Pending::Resend;
    }
    match proven_absent(pending, now) {
        Ok(()) => concluded(None),
        Err(until) => Pending::Wait(until),
    }
}

/// The id of what the pending write made or changed, where the reading shows its effect.
pub fn effect_of(pending: &PendingWrite, owner: &Owner, inventory: &Inventory) -> Option<String> {
    let by_id = inventory.customer_gateways.iter().find(|gateway| gateway.id == pending.target);
    let is_ours = |gateway: &&CustomerGateway| owner.ownership(gateway) == Ownership::Ours;
    match pending.action.as_str() {
        "CreateCustomerGateway" => {
            let made = inventory.customer_gateways.iter().filter(|gateway| gateway.ip.to_string() == pending.target).find(is_ours);
            made.map(|made| made.id.clone())
        }
        "TagResources" => by_id.filter(|gateway| owner.is_fully_marked(gateway)).map(|gateway| gateway.id.clone()),
        "UnTagResources" => by_id.filter(is_ours).is_none().then(|| pending.target.clone()),
        _ => by_id.is_none().then(|| pending.target.clone()),
    }
}

/// Whether a write that no read shows can no longer take effect; else when to look again.
fn proven_absent(pending: &PendingWrite, now: Timestamp) -> Result<(), Timestamp> {
    let dead_at = pending.last_sent + LATE_EFFECT;
    match pending.absent_since {
        Some(since) if since >= dead_at && since + ABSENT_TWICE <= now => Ok(()),
        Some(since) if since >= dead_at => Err(since + ABSENT_TWICE),
        _ if now >= dead_at => Err(now + ABSENT_TWICE),
        _ => Err(dead_at),
    }
}

/// There is never a second open write: until the pending one is resolved, no other goes out.
fn hold_for_pending(decision: &mut Decision, pending: &PendingWrite, until: Timestamp) {
    decision.gates.push(Gate::refused(
        "unconfirmed",
        format!("{} for {} has no confirmed outcome; it can take effect until {until}", pending.action, pending.target),
    ));
    if decision.next != Next::Nothing {
        decision.next = Next::Wait(Hold { reason: HoldReason::Unconfirmed, until });
    }
}

fn decide(situation: &Situation<'_>, desired: &Desired, progress: &Progress, now: Timestamp) -> Decision {
    let inventory = situation.inventory;
    let mut findings = situation.findings.to_vec();
    let mut gates = situation.gates.to_vec();
    gates.push(Gate::passed("inventory", format!("{} customer gateways read in {}", inventory.customer_gateways.len(), inventory.region)));
    if findings.iter().any(Finding::is_error) || gates.iter().any(|gate| !gate.passed) {
        return Decision::blocked(findings, gates);
    }

    let ours: Vec<&CustomerGateway> =
        inventory.customer_gateways.iter().filter(|gateway| desired.owner.ownership(gateway) == Ownership::Ours).collect();
    let fitting: Vec<&CustomerGateway> = ours.iter().copied().filter(|gateway| fits(gateway, desired)).collect();
    let case = Case { situation, desired, progress, now };
    findings.extend(lost(&case));
    match (fitting.as_slice(), ours.as_slice()) {
        ([], []) => case.none_of_ours(findings, gates),
        ([gateway], all) => case.in_sync(gateway, all, findings, gates),
        ([], [gateway]) => case.replace(gateway, findings, gates),
        (_, all) => {
            let ids: Vec<&str> = all.iter().map(|gateway| gateway.id.as_str()).collect();
            findings.push(Finding::error(
                findings::GATEWAY_DUPLICATE,
                format!("{} customer gateways bear this device's mark: {}", all.len(), ids.join(", ")),
                format!(
                    "delete those that no connection uses, or take the tags {} and {} off them; one must remain",
                    super::MARK_DEVICE,
                    super::MARK_OWNER
                ),
            ));
            Decision { customer_gateway: Some((*all[0]).clone()), ..Decision::blocked(findings, gates) }
        }
    }
}

/// Address and ASN are as wanted. Without a `[bgp]` table the ASN is not ours to judge.
fn fits(gateway: &CustomerGateway, desired: &Desired) -> bool {
    gateway.ip == desired.ip && desired.asn.is_none_or(|asn| gateway.asn == Some(asn))
}

struct Case<'a> {
    situation: &'a Situation<'a>,
    desired: &'a Desired,
    progress: &'a Progress,
    now: Timestamp,
}

/// The gateway that the journal knows as ours is gone, or no longer bears our mark.
fn lost(case: &Case<'_>) -> Option<Finding> {
    let known = case.progress.registered.as_ref().filter(|known| known.region == case.desired.region)?;
    let shown = case.situation.inventory.customer_gateways.iter().find(|gateway| gateway.id == known.id);
    match shown.map(|gateway| (gateway, case.desired.owner.ownership(gateway))) {
        Some((_, Ownership::Ours)) => None,
        None => Some(Finding::warning(
            findings::GATEWAY_DRIFT,
            format!("customer gateway {} ({}), registered for this device, no longer exists", known.id, known.ip),
            "somebody deleted it; ActionTrail tells who. cgwd registers the device anew where its policy allows",
        )),
        Some((gateway, _)) if gateway.ip == case.desired.ip => Some(Finding::warning(
            findings::GATEWAY_DRIFT,
            format!("customer gateway {} lost this device's mark", gateway.id),
            format!("somebody edited its tags; cgwd needs {} and {}", super::MARK_DEVICE, super::MARK_OWNER),
        )),
        Some((gateway, _)) => Some(Finding::error(
            findings::GATEWAY_DRIFT,
            format!("customer gateway {} ({}), registered for this device, lost the device's mark", gateway.id, gateway.ip),
            format!(
                "put the tags back ({}), or let go of it with `cgwd deregister`",
                case.desired.owner.mark().iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ")
            ),
        )),
    }
}

impl Case<'_> {
    fn none_of_ours(&self, mut findings: Vec<Finding>, mut gates: Vec<Gate>) -> Decision {
        if findings.iter().any(Finding::is_error) {
            return Decision::blocked(findings, gates);
        }
        let holders: Vec<&CustomerGateway> =
            self.situation.inventory.customer_gateways.iter().filter(|gateway| gateway.ip == self.desired.ip).collect();
        if let Some((gateway, finding)) = self.in_the_way(&holders) {
            gates.push(Gate::refused("owner", finding.message.clone()));
            findings.push(finding);
            return Decision { customer_gateway: Some(gateway.clone()), ..Decision::blocked(findings, gates) };
        }
        match holders.first() {
            Some(gateway) => self.adopt(gateway, findings, gates),
            None => self.create(findings, gates),
        }
    }

    /// Another's customer gateway that holds the address we want.
    fn in_the_way<'g>(&self, holders: &[&'g CustomerGateway]) -> Option<(&'g CustomerGateway, Finding)> {
        holders.iter().find_map(|gateway| match self.desired.owner.ownership(gateway) {
            Ownership::Ours => None,
            Ownership::Foreign(whose) => Some((
                *gateway,
                Finding::error(
                    findings::OWNER_FOREIGN,
                    format!("customer gateway {} with {} belongs to {whose}", gateway.id, gateway.ip),
                    "if that device is gone, take its cgwd-device and cgwd-owner tags off the customer gateway; if not, one of the two has the wrong address",
                ),
            )),
            Ownership::Unmarked if fits(gateway, self.desired) => None,
            Ownership::Unmarked => Some((
                *gateway,
                Finding::error(
                    findings::GATEWAY_ADDRESS_TAKEN,
                    format!(
                        "customer gateway {} already holds {} with {}, this device has {}",
                        gateway.id,
                        gateway.ip,
                        asn_words(gateway.asn),
                        asn_words(self.desired.asn)
                    ),
                    "the cloud keeps an address only once in a region: correct the ASN on the device, or delete that customer gateway when no connection uses it",
                ),
            )),
        })
    }

    fn create(&self, mut findings: Vec<Finding>, mut gates: Vec<Gate>) -> Decision {
        if !self.situation.policy.create {
            findings.push(Finding::error(
                findings::REGISTRATION_CREATE_DISABLED,
                format!("no customer gateway for {} exists and `[registration] create` is false", self.desired.ip),
                "create it by hand (cgwd will adopt it), or set `create = true`",
            ));
            return Decision::blocked(findings, gates);
        }
        let count = self.situation.inventory.customer_gateways.len();
        gates.push(Gate::passed("owner", format!("no customer gateway in {} holds {}", self.desired.region, self.desired.ip)));
        gates.push(Gate::passed("quota", format!("{count} in use, usually {USUAL_QUOTA} allowed")));
        let step = Step {
            id: "1".into(),
            action: StepAction::CreateCustomerGateway,
            target: self.desired.ip.to_string(),
            strategy: None,
            reason: self.why_create(),
            destructive: false,
        };
        let next = match self.reads_may_lag() {
            Some(until) => Next::Wait(Hold { reason: HoldReason::ReadsLag, until }),
            None => Next::Do(step.clone()),
        };
        Decision { kind: DecisionKind::Create, customer_gateway: None, steps: vec![step], gates, findings, next, concluded: None }
    }

    fn why_create(&self) -> String {
        let region = &self.desired.region;
        match self.progress.registered.as_ref().filter(|known| known.region == *region && IpAddr::V4(self.desired.ip) == known.ip) {
            Some(known) => format!("{}, registered for this device, no longer exists in {region}", known.id),
            None => format!("no customer gateway of this device exists in {region}"),
        }
    }

    /// What we registered moments ago, or with another address, is not shown: when to look again before believing that it is gone.
    fn reads_may_lag(&self) -> Option<Timestamp> {
        let known = self.progress.registered.as_ref().filter(|known| known.region == self.desired.region)?;
        // Nothing in the cloud refuses a second one with another address.
        let moves = known.ip != self.desired.ip;
        let apart = if moves { ABSENT_TWICE } else { LAG_RECHECK };
        if known.since + READ_LAG <= self.now && !moves {
            return None;
        }
        match self.progress.missing_since {
            Some(since) if since + apart <= self.now => None,
            Some(since) => Some(since + apart),
            None => Some(self.now + apart),
        }
    }

    fn adopt(&self, gateway: &CustomerGateway, mut findings: Vec<Finding>, mut gates: Vec<Gate>) -> Decision {
        if !self.situation.policy.adopt {
            findings.push(Finding::error(
                findings::REGISTRATION_ADOPT_DISABLED,
                format!("customer gateway {} has this address and ASN, and `[registration] adopt` is false", gateway.id),
                "set `adopt = true` to let cgwd mark it as this device's, or delete it",
            ));
            return Decision { customer_gateway: Some(gateway.clone()), ..Decision::blocked(findings, gates) };
        }
        findings.extend(self.unmanaged_asn(gateway));
        gates.push(Gate::passed("owner", format!("{} bears no other device's mark", gateway.id)));
        let step = self.mark_step(gateway, format!("{} has this address and ASN and bears no device's mark", gateway.id));
        Decision {
            kind: DecisionKind::Adopt,
            customer_gateway: Some(gateway.clone()),
            steps: vec![step.clone()],
            gates,
            findings,
            next: Next::Do(step),
            concluded: None,
        }
    }

    fn mark_step(&self, gateway: &CustomerGateway, reason: String) -> Step {
        Step { id: "1".into(), action: StepAction::TagResources, target: gateway.id.clone(), strategy: None, reason, destructive: false }
    }

    fn in_sync(&self, gateway: &CustomerGateway, all: &[&CustomerGateway], mut findings: Vec<Finding>, mut gates: Vec<Gate>) -> Decision {
        gates.push(Gate::passed("owner", format!("{} bears this device's mark", gateway.id)));
        for other in all.iter().filter(|other| other.id != gateway.id) {
            findings.push(Finding::warning(
                findings::GATEWAY_DUPLICATE,
                format!("customer gateway {} ({}) also bears this device's mark", other.id, other.ip),
                "delete it when no connection uses it any more, or take its cgwd tags off",
            ));
        }
        findings.extend(self.unmanaged_asn(gateway));
        findings.extend(self.edited(gateway));
        if !self.desired.owner.is_fully_marked(gateway) && self.situation.policy.adopt {
            let step = self.mark_step(gateway, "its mark is incomplete".into());
            return Decision {
                kind: DecisionKind::Adopt,
                customer_gateway: Some(gateway.clone()),
                steps: vec![step.clone()],
                gates,
                findings,
                next: Next::Do(step),
                concluded: None,
            };
        }
        Decision {
            kind: DecisionKind::InSync,
            customer_gateway: Some(gateway.clone()),
            steps: Vec::new(),
            gates,
            findings,
            next: Next::Nothing,
            concluded: None,
        }
    }

    fn unmanaged_asn(&self, gateway: &CustomerGateway) -> Option<Finding> {
        let asn = gateway.asn.filter(|_| self.desired.asn.is_none())?;
        Some(Finding::info(
            findings::GATEWAY_ASN_UNMANAGED,
            format!("customer gateway {} holds ASN {asn}; this configuration has no `[bgp]` table, so the ASN is not watched", gateway.id),
            "add a `[bgp]` table to have it compared",
        ))
    }

    /// Attributes that the configuration sets and the cloud now shows otherwise.
    fn edited(&self, gateway: &CustomerGateway) -> Option<Finding> {
        let differs = |wanted: &Option<String>, held: &str| wanted.as_deref().is_some_and(|wanted| wanted != held);
        let mut what = Vec::new();
        if differs(&self.desired.name, &gateway.name) {
            what.push("name");
        }
        if differs(&self.desired.description, &gateway.description) {
            what.push("description");
        }
        if self.desired.tags.iter().any(|(key, value)| gateway.tags.get(key) != Some(value)) {
            what.push("tags");
        }
        if what.is_empty() {
            return None;
        }
        Some(Finding::warning(
            findings::GATEWAY_DRIFT,
            format!("customer gateway {}: {} differ from `[gateway]` in the configuration", gateway.id, what.join(", ")),
            "correct the customer gateway in the console, or the configuration; the tunnels are not affected",
        ))
    }

    fn replace(&self, old: &CustomerGateway, mut findings: Vec<Finding>, mut gates: Vec<Gate>) -> Decision {
        let holders: Vec<&CustomerGateway> = self
            .situation
            .inventory
            .customer_gateways
            .iter()
            .filter(|gateway| gateway.ip == self.desired.ip && gateway.id != old.id)
            .collect();
        if let Some((gateway, finding)) = self.in_the_way(&holders) {
            gates.push(Gate::refused("owner", finding.message.clone()));
            findings.push(finding);
            return Decision { customer_gateway: Some(gateway.clone()), ..Decision::blocked(findings, gates) };
        }
        gates.push(Gate::passed("owner", format!("{} bears this device's mark", old.id)));
        let steps = replacement::outline(old, self.desired, holders.first().copied(), self.situation.inventory);
        Decision {
            kind: DecisionKind::Replace,
            customer_gateway: Some(old.clone()),
            steps,
            gates,
            findings,
            next: Next::Nothing,
            concluded: None,
        }
    }
}

fn asn_words(asn: Option<crate::model::Asn>) -> String {
    asn.map_or_else(|| "no ASN".to_owned(), |asn| format!("ASN {asn}"))
}
