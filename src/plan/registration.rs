//! Is the cloud's record of this device true, and if not, what would make it so?

use super::ownership::Ownership;
use super::pending::{ABSENT_TWICE, Pending, hold_for_pending, is_wanted, on_the_wall, settle_pending};
use super::replacement::{Subjects, is_as_wanted};
use super::{Decision, DecisionKind, Desired, Gate, Hold, HoldReason, Next, Now, Situation, Step, StepAction, replacement};
use crate::facts::findings;
use crate::journal::replay::{Progress, ReplacementProgress};
use crate::model::{CustomerGateway, Finding, Timestamp};
use jiff::SignedDuration;
use std::net::IpAddr;

/// For so long after our own write a read may not show it yet.
const READ_LAG: SignedDuration = SignedDuration::from_secs(60);
/// Within that time an absence must be seen twice, so far apart. Creating too early is harmless: the cloud holds an
/// address only once in a region (cloud/api.md 1.3) and answers `AlreadyExist`.
const LAG_RECHECK: SignedDuration = SignedDuration::from_secs(5);
/// Customer gateways in a region, as documented in 2021 (cloud/api.md 1.3); the cloud's own answer decides.
pub const USUAL_QUOTA: usize = 100;

/// The number is of 2021, and an account can have more (cloud/api.md 1.3): said, and the cloud is asked all the same.
pub fn may_be_full(count: usize, region: &str) -> Option<Finding> {
    (count >= USUAL_QUOTA).then(|| {
        Finding::warning(
            findings::QUOTA_FULL,
            format!(
                "{count} customer gateways are in use in {region}, and {USUAL_QUOTA} were allowed in 2021: the cloud may refuse one more"
            ),
            "delete one that nobody uses if it does",
        )
    })
}
/// The cloud's clock and ours may differ by so much; beyond it, calls are signed with the cloud's and nothing is replaced
/// (product.md 5; the cloud itself refuses at 15 min).
pub const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_mins(5);
/// Bytes that must be free before a write begins: some hundred times what its records take (5.6 kB each, reliability.md 1), since
/// others write to that disk too.
pub const LEAST_SPACE: u64 = 1 << 20;
/// What is so below that, and what a person can do.
pub const NO_SPACE: &str = "less than 1 MiB is free where the journal is kept, and no write goes out that could not be recorded";
pub const NO_SPACE_REMEDY: &str = "free space on the disk of the state directory";

/// Pure and total: the same inputs give the same decision.
pub fn plan(situation: &Situation<'_>, progress: &Progress, now: Now) -> Decision {
    let Some(desired) = situation.desired else {
        return Decision::blocked(situation.findings.to_vec(), situation.gates.to_vec());
    };
    if let Some(open) = &progress.replacements.open {
        return under_way(situation, open);
    }
    let mut decision = with_space(decide(situation, desired, progress, now), situation);
    if let Some(pending) = &progress.pending {
        let wanted = is_wanted(pending, &decision, desired, &progress.journal_id);
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

/// While a replacement is open, it alone writes. What is left of it is what would be done.
fn under_way(situation: &Situation<'_>, open: &ReplacementProgress) -> Decision {
    let left = open.plan.steps().filter(|step| replacement::is_shown(&step.op) && !open.is_proven(&step.id));
    let (done, all) = open.count();
    let mut gates = situation.gates.to_vec();
    gates.push(Gate::passed("replacement", format!("replacement {} is open: {done} of {all} steps are done", open.plan.id)));
    let is_old = |gateway: &&CustomerGateway| open.plan.is_old(&gateway.id);
    Decision {
        kind: DecisionKind::Replace,
        customer_gateway: situation.inventory.customer_gateways.iter().find(is_old).cloned(),
        steps: left.map(|step| replacement::as_planned(&open.plan, step)).collect(),
        gates,
        findings: situation.findings.to_vec(),
        next: Next::Nothing,
        concluded: None,
    }
}

/// A write begins only where its records fit on the disk.
fn with_space(mut decision: Decision, situation: &Situation<'_>) -> Decision {
    let Some(free) = situation.free_bytes.filter(|_| matches!(decision.kind, DecisionKind::Create | DecisionKind::Adopt)) else {
        return decision;
    };
    if free >= LEAST_SPACE {
        decision.gates.push(Gate::passed("disk", format!("{} MiB free for the journal", free >> 20)));
        return decision;
    }
    decision.gates.push(Gate::refused("disk", NO_SPACE));
    decision.findings.push(Finding::error(findings::STATE_DISK_FULL, NO_SPACE, NO_SPACE_REMEDY));
    let Decision { customer_gateway, findings, gates, .. } = decision;
    Decision { customer_gateway, ..Decision::blocked(findings, gates) }
}

fn decide(situation: &Situation<'_>, desired: &Desired, progress: &Progress, now: Now) -> Decision {
    let inventory = situation.inventory;
    let mut findings = situation.findings.to_vec();
    findings.extend(skewed(situation.clock_offset));
    let mut gates = situation.gates.to_vec();
    gates.push(Gate::passed("inventory", format!("{} customer gateways read in {}", inventory.customer_gateways.len(), inventory.region)));
    if findings.iter().any(Finding::is_error) || gates.iter().any(|gate| !gate.passed) {
        return Decision::blocked(findings, gates);
    }

    let ours: Vec<&CustomerGateway> =
        inventory.customer_gateways.iter().filter(|gateway| desired.owner.ownership(gateway) == Ownership::Ours).collect();
    let fitting: Vec<&CustomerGateway> = ours.iter().copied().filter(|gateway| is_as_wanted(gateway, desired)).collect();
    let case = Case { situation, desired, progress, now };
    findings.extend(lost(&case));
    findings.extend(left_behind(&case));
    let subjects = Subjects::find(desired, inventory);
    match (fitting.as_slice(), ours.as_slice()) {
        ([], []) => case.none_of_ours(findings, gates),
        // A replacement was given up half-way: what is still on another of ours goes to this one.
        ([_], _) if inventory.connections.iter().any(|connection| subjects.moves(connection)) => case.replace(&subjects, findings, gates),
        ([_], all) if all.iter().any(|gateway| gateway.tags.contains_key(replacement::MARK_PLAN)) => {
            case.replace(&subjects, findings, gates)
        }
        ([gateway], all) => case.in_sync(gateway, all, findings, gates),
        ([], [_]) => case.replace(&subjects, findings, gates),
        ([], all) if is_left_by_a_replacement(all, progress) => case.replace(&subjects, findings, gates),
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

/// Of several none is as wanted, and all but one are known from replacements: made by one that was given up, or replaced by the last.
fn is_left_by_a_replacement(all: &[&CustomerGateway], progress: &Progress) -> bool {
    let last = progress.replacements.last.as_ref();
    let was_replaced = |id: &String| last.is_some_and(|last| last.progress.plan.is_old(id) || last.leftover.contains(id));
    let is_known = |gateway: &CustomerGateway| gateway.tags.contains_key(replacement::MARK_PLAN) || was_replaced(&gateway.id);
    all.iter().filter(|gateway| !is_known(gateway)).count() <= 1
}

struct Case<'a> {
    situation: &'a Situation<'a>,
    desired: &'a Desired,
    progress: &'a Progress,
    now: Now,
}

fn skewed(offset: SignedDuration) -> Option<Finding> {
    let direction = if offset.is_positive() { "behind" } else { "ahead of" };
    (offset.abs() > CLOCK_TOLERANCE).then(|| {
        Finding::warning(
            findings::CLOCK_SKEW,
            format!("this device's clock is {} s {direction} the cloud's", offset.abs().as_secs()),
            "set it (NTP): calls are signed with the cloud's time meanwhile, and no replacement begins",
        )
    })
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
        // Where it holds the address that is wanted, that says whose it is now.
        Some((gateway, Ownership::Foreign(_))) if gateway.ip == case.desired.ip => None,
        Some((gateway, Ownership::Foreign(whose))) => Some(Finding::error(
            findings::OWNER_FOREIGN,
            format!("customer gateway {} ({}), registered for this device, bears the mark of {whose}", gateway.id, gateway.ip),
            match case.desired.owner.has_marked(gateway) {
                true => {
                    "give the device the name back that it was registered with (`[device] name`), or let go of the customer gateway under that name with `cgwd deregister`"
                }
                false => {
                    "somebody gave it to that device: if that is right, `cgwd deregister` lets go of it here; if not, put this device's tags back"
                }
            },
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

/// What was registered while the configuration named another region. It stays: nobody asked for its end.
fn left_behind(case: &Case<'_>) -> Vec<Finding> {
    let here = &case.desired.region;
    let elsewhere = case.progress.registered.iter().chain(&case.progress.left_behind).filter(|known| known.region != *here);
    let told = elsewhere.map(|known| {
        Finding::warning(
            findings::GATEWAY_DRIFT,
            format!(
                "customer gateway {} ({}) in {} is still registered for this device, which is now in {here}",
                known.id, known.ip, known.region
            ),
            format!("it stays; `cgwd deregister` with a configuration whose region is {} lets go of it", known.region),
        )
    });
    told.collect()
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
            Ownership::Unmarked if is_as_wanted(gateway, self.desired) => None,
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
        findings.extend(may_be_full(count, &self.desired.region));
        let step = only_step(StepAction::CreateCustomerGateway, self.desired.ip.to_string(), self.why_create());
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
        // By the wall clock: too early is harmless, and a time that is still to come costs two looks.
        if !moves && self.now.wall.duration_since(known.since) >= READ_LAG {
            return None;
        }
        let again = self.progress.missing_since.unwrap_or(self.now.uptime) + apart;
        (again > self.now.uptime).then(|| on_the_wall(again, self.now))
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
        let reason = format!("{} has this address and ASN and bears no device's mark", gateway.id);
        mark(gateway, reason, findings, gates)
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
            return mark(gateway, "its mark is incomplete".into(), findings, gates);
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

    fn replace(&self, subjects: &Subjects, mut findings: Vec<Finding>, mut gates: Vec<Gate>) -> Decision {
        let inventory = self.situation.inventory;
        let ours = |gateway: &CustomerGateway| subjects.moved().any(|own| own.id == gateway.id);
        let holders: Vec<&CustomerGateway> =
            inventory.customer_gateways.iter().filter(|gateway| gateway.ip == self.desired.ip && !ours(gateway)).collect();
        if let Some((gateway, finding)) = self.in_the_way(&holders) {
            gates.push(Gate::refused("owner", finding.message.clone()));
            findings.push(finding);
            return Decision { customer_gateway: Some(gateway.clone()), ..Decision::blocked(findings, gates) };
        }
        let ids: Vec<&str> = subjects.moved().map(|gateway| gateway.id.as_str()).collect();
        gates.push(Gate::passed("owner", format!("{} bears this device's mark", ids.join(", "))));
        Decision {
            kind: DecisionKind::Replace,
            customer_gateway: subjects.moved().next().cloned(),
            steps: replacement::outline(self.desired, subjects, inventory),
            gates,
            findings,
            next: Next::Nothing,
            concluded: None,
        }
    }
}

/// Puts our mark on it.
fn mark(gateway: &CustomerGateway, reason: String, findings: Vec<Finding>, gates: Vec<Gate>) -> Decision {
    let step = only_step(StepAction::TagResources, gateway.id.clone(), reason);
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

fn only_step(action: StepAction, target: String, reason: String) -> Step {
    Step { id: "1".into(), action, target, strategy: None, reason, destructive: false }
}

fn asn_words(asn: Option<crate::model::Asn>) -> String {
    asn.map_or_else(|| "no ASN".to_owned(), |asn| format!("ASN {asn}"))
}
