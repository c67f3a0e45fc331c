//! What must hold before the first write that can hurt, each with its evidence.

mod carried;
mod proven;
mod rest;

pub use carried::{carried_description, carried_name, connection_tags, gateway_tags, is_masked};

use super::body::{masked_keys, unknown_fields};
use super::next::is_in_use;
use super::{Subjects, is_foreign, named, strategy};
use crate::facts::names::TAGS_MAX;
use crate::journal::replay::Replacements;
use crate::model::{Attachment, ConnectionSnapshot, Inventory, Op, ReplacementOutcome, ReplacementPlan, Slot, Snapshot};
use crate::plan::registration::{CLOCK_TOLERANCE, LEAST_SPACE, NO_SPACE, NO_SPACE_REMEDY, USUAL_QUOTA};
use crate::plan::{Desired, Gate, Now, Strategy};
use jiff::SignedDuration;

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// What was found out for the gates that neither the plan nor the snapshot tells.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// That the address has held, and by which sources; or why that is not so.
    pub settled: Result<String, String>,
    pub attested: Result<String, String>,
    /// Begun replacements of a day.
    pub max_per_day: u32,
    /// A person asked for it: what was rolled back today is no reason against trying again.
    pub by_person: bool,
    /// Whether the configured window is open; `None`: there is none.
    pub window: Option<Result<String, String>>,
    pub clock_offset: SignedDuration,
    pub free_bytes: Option<u64>,
    /// What came of the trial; `None`: not asked, because nothing is to be sent.
    pub dry_run: Option<Result<String, NotTried>>,
}

/// Why the cloud would not do what it was asked to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotTried {
    /// These credentials may not, from this address: the gate `rights`.
    Forbidden(String),
    /// The gate `dry_run`.
    Refused(String),
}

/// Gates that can still refuse when the replacement has begun, by a call that hurts nobody or before any call: an executor that stops
/// for one of them before anything is written was refused by it, and nothing is left open (product.md 4).
pub const AT_THE_BEGINNING: [&str; 5] = ["rights", "quota", "owner", "working_tunnel", SNAPSHOT_READABLE];
pub const SNAPSHOT_READABLE: &str = "snapshot_readable";

/// What an executor's stop makes of the gates that the plan had passed.
pub fn refused_later(gates: &mut Vec<Gate>, reason: &str, message: &str) {
    let Some(name) = AT_THE_BEGINNING.into_iter().find(|name| *name == reason) else { return };
    let refused = Gate::refused(name, message.to_owned());
    match gates.iter_mut().find(|gate| gate.name == name) {
        Some(gate) => *gate = refused,
        None => gates.push(refused),
    }
}

/// A plan and what it was made from.
#[derive(Clone, Copy)]
pub struct Case<'a> {
    pub plan: &'a ReplacementPlan,
    pub desired: &'a Desired,
    pub subjects: &'a Subjects,
    pub snapshot: &'a Snapshot,
    pub inventory: &'a Inventory,
    /// `[registration] adopt`.
    pub may_adopt: bool,
}

/// All of them; the plan may begin where each passed.
pub fn gates(case: Case<'_>, replacements: &Replacements, evidence: &Evidence, now: Now) -> Vec<Gate> {
    let Case { plan, subjects, snapshot, .. } = case;
    let mut gates = vec![
        told("settled", &evidence.settled),
        told("attested", &evidence.attested),
        owner(case),
        working_tunnel(plan, subjects, snapshot),
    ];
    gates.extend(proven::proven(case, replacements));
    gates.extend(needs_a_person(plan, subjects));
    gates.extend([complete(case), known_fields(snapshot), makeable(plan, snapshot, subjects)]);
    gates.extend([
        dry_run(&evidence.dry_run),
        Gate::passed(
            SNAPSHOT_READABLE,
            "before the first call the snapshot is sealed, read back from disk and opened; else nothing begins",
        ),
        daily_limit(replacements, evidence.max_per_day, evidence.by_person, now),
        evidence
            .window
            .as_ref()
            .map_or_else(|| Gate::passed("window", "no window is configured: at any time"), |window| told("window", window)),
        rights(case, &evidence.dry_run),
        quota(case),
        clock(evidence.clock_offset),
        disk(evidence.free_bytes),
    ]);
    gates
}

/// Whether time or a person's word opens it: what is wanted is a replacement all the same.
pub fn opens_by_itself(gate: &Gate) -> bool {
    ["settled", "attested", "working_tunnel", "proven", "planned", "daily_limit", "window"].contains(&gate.name)
        || gate.name == "snapshot" && gate.detail.starts_with(rest::WAIT)
}

fn told(name: &'static str, evidence: &Result<String, String>) -> Gate {
    match evidence {
        Ok(detail) => Gate::passed(name, detail.clone()),
        Err(why) => Gate::refused(name, why.clone()),
    }
}

fn dry_run(tried: &Option<Result<String, NotTried>>) -> Gate {
    match tried {
        None => Gate::passed("dry_run", "the cloud is asked to try it when the replacement begins"),
        Some(Ok(detail)) => Gate::passed("dry_run", detail.clone()),
        Some(Err(NotTried::Forbidden(_))) => Gate::passed("dry_run", "not tried to the end: the gate rights says why"),
        Some(Err(NotTried::Refused(why))) => Gate::refused("dry_run", why.clone()),
    }
}

fn owner(case: Case<'_>) -> Gate {
    let Case { desired, subjects, inventory, .. } = case;
    let in_the_way = inventory.customer_gateways.iter().find(|gateway| {
        let ours = subjects.old.iter().chain(&subjects.new).chain(&subjects.adoptable).any(|own| own.id == gateway.id);
        gateway.ip == desired.ip && !ours
    });
    match in_the_way {
        Some(gateway) if is_foreign(&desired.owner, gateway) => Gate::refused(
            "owner",
            format!(
                "customer gateway {} with {} bears another device's mark; one of the two devices has the wrong address",
                gateway.id, gateway.ip
            ),
        ),
        Some(gateway) => Gate::refused(
            "owner",
            format!("customer gateway {} already holds {} with another ASN; delete it where no connection uses it", gateway.id, gateway.ip),
        ),
        None => {
            if let Some(why) = carried::unfit(case) {
                return Gate::refused("owner", why);
            }
            let ids: Vec<&str> = subjects.moved().map(|gateway| gateway.id.as_str()).collect();
            Gate::passed("owner", format!("{} bears this device's mark", ids.join(", ")))
        }
    }
}

/// The cloud says that a tunnel on the old customer gateway works: then the device is still where it was, whatever a source says.
fn working_tunnel(plan: &ReplacementPlan, subjects: &Subjects, snapshot: &Snapshot) -> Gate {
    let is_moved = |id: &str| subjects.moved().any(|gateway| gateway.id == id);
    let working: Vec<String> = snapshot.connections.iter().flat_map(|connection| used_of_ours(connection, is_moved)).collect();
    match (working.is_empty(), plan.planned) {
        (true, _) => Gate::passed("working_tunnel", format!("no tunnel on the old customer gateway works{}", before(plan))),
        (false, true) => {
            Gate::passed("working_tunnel", format!("{} works and may be interrupted: the move is planned", working.join(", ")))
        }
        (false, false) => Gate::refused(
            "working_tunnel",
            format!(
                "{} works at this moment, which contradicts the change; `--planned` says that it may be interrupted",
                working.join(", ")
            ),
        ),
    }
}

/// What did while the device was there, as far as that is known: so much has to come up again.
fn before(plan: &ReplacementPlan) -> String {
    let worked = plan.worked.iter().flat_map(|(id, up)| up.iter().map(|index| named(id, *index)));
    let worked: Vec<String> = worked.collect();
    if worked.is_empty() { String::new() } else { format!("; before the change {} did", worked.join(", ")) }
}

fn used_of_ours(connection: &ConnectionSnapshot, is_moved: impl Fn(&str) -> bool) -> Vec<String> {
    let shape = &connection.shape;
    if !shape.is_dual() {
        return is_in_use(shape, 0).then(|| connection.id.clone()).into_iter().collect();
    }
    let tunnels = shape.tunnels.iter().filter(|tunnel| is_moved(&tunnel.customer_gateway_id) && is_in_use(shape, tunnel.index));
    tunnels.map(|tunnel| tunnel.id.clone()).collect()
}

/// Where only the ASN changes, the tunnels are up and are interrupted on purpose.
fn needs_a_person(plan: &ReplacementPlan, subjects: &Subjects) -> Option<Gate> {
    if !subjects.holds_address(plan.new.ip) || plan.new.id.is_some() {
        return None;
    }
    Some(match plan.planned {
        true => Gate::passed("planned", "a person planned the interruption that a change of the ASN alone takes"),
        false => Gate::refused("planned", "only the ASN changes, so tunnels that work are interrupted: run `cgwd replace --planned`"),
    })
}

/// Everything that is needed to send it back or to make it again was shown.
fn complete(case: Case<'_>) -> Gate {
    let Case { subjects, snapshot, .. } = case;
    let is_moved = |id: &str| subjects.moved().any(|gateway| gateway.id == id);
    let masked: Vec<String> = snapshot.connections.iter().flat_map(|connection| masked_keys(connection, is_moved)).collect();
    let busy = rest::what_is_under_way(snapshot);
    if !busy.is_empty() {
        return Gate::refused("snapshot", format!("{}{}: what is read meanwhile may be half changed", rest::WAIT, busy.join(", ")));
    }
    let bgp_keys = carried::masked_bgp_keys(case);
    if !bgp_keys.is_empty() {
        let detail = format!("the cloud masks the BGP key of {}; give it in `[gateway] bgp_auth_key_file`", bgp_keys.join(", "));
        return Gate::refused("snapshot", detail);
    }
    if masked.is_empty() {
        return Gate::passed("snapshot", format!("{} connections read whole, pre-shared keys included", snapshot.connections.len()));
    }
    Gate::refused(
        "snapshot",
        format!("the cloud masks or leaves out the pre-shared key of {}; give it in [[replacement.secret]]", masked.join(", ")),
    )
}

fn known_fields(snapshot: &Snapshot) -> Gate {
    let of = |what: &str, fields: &[String]| -> Vec<String> { fields.iter().map(|field| format!("{what} {field}")).collect() };
    let gateways = snapshot.gateways.iter().flat_map(|gateway| of(&gateway.id, &gateway.unknown));
    let connections = snapshot.connections.iter().flat_map(|connection| {
        let id = &connection.id;
        let routes = connection.routes.iter().map(|route| (&route.destination, &route.unknown));
        let policies = connection.policies.iter().map(|policy| (&policy.destination, &policy.unknown));
        let own = connection.connection_routes.iter().map(|route| (&route.destination, &route.unknown));
        let routes = routes.chain(policies).chain(own);
        let dependants = routes.flat_map(|(destination, fields)| of(&format!("{id}, route to {destination}:"), fields));
        let attachment = connection.attachment.iter().flat_map(|attachment| of(&attachment.id, &attachment.unknown));
        of(id, &unknown_fields(&connection.body)).into_iter().chain(dependants).chain(attachment).collect::<Vec<String>>()
    });
    let unknown: Vec<String> = gateways.chain(connections).collect();
    if unknown.is_empty() {
        return Gate::passed("unknown_fields", "every field that the cloud shows is known");
    }
    Gate::refused(
        "unknown_fields",
        format!("{}: nobody can promise to restore what is not known; a newer cgwd may know it", unknown.join(", ")),
    )
}

/// What is deleted can be made again by this account.
fn makeable(plan: &ReplacementPlan, snapshot: &Snapshot, subjects: &Subjects) -> Gate {
    let deletes = |id: &str| plan.steps().any(|step| matches!(&step.op, Op::DeleteConnection { connection } if connection == id));
    let is_moved = |id: &str| subjects.moved().any(|gateway| gateway.id == id);
    let mut problems = Vec::new();
    for connection in snapshot.connections.iter().filter(|connection| deletes(&connection.id)) {
        let (strategy, why) = strategy(&connection.shape, true, is_moved);
        if strategy != Strategy::Recreate {
            problems.push(format!("{}: {why}", connection.id));
        }
        if carried::leaves_no_room(connection) {
            problems.push(format!(
                "{} has {TAGS_MAX} tags, and the mark by which it is found when it is made again needs room: take one tag off it",
                connection.id
            ));
        }
        if let Some(attachment) = connection.attachment.as_ref().filter(|attachment| !attachment.static_routes.is_empty()) {
            problems.push(format!(
                "{} is the next hop of static routes of {} ({}), which keep the cloud from taking {} off it, and would have to name the new \
                 one: delete them first and make them again afterwards, or let it be pointed elsewhere in place (`strategy = \"auto\"`, \
                 `order = \"new-first\"`)",
                attachment.id,
                attachment.transit_router,
                attachment.static_routes.join(", "),
                connection.id
            ));
        }
        let bound_elsewhere = connection.attachment.is_none() && matches!(connection.shape.attachment, Attachment::TransitRouter(_));
        if bound_elsewhere || !connection.authorizations.is_empty() {
            problems.push(format!("{} is bound by another account, which alone could bind it again", connection.id));
        }
    }
    match problems.is_empty() {
        true => Gate::passed("recreatable", "nothing is deleted that this account could not make again"),
        false => Gate::refused("recreatable", problems.join("; ")),
    }
}

fn daily_limit(replacements: &Replacements, most: u32, by_person: bool, now: Now) -> Gate {
    let counts = |outcome: Option<ReplacementOutcome>| match outcome {
        None | Some(ReplacementOutcome::Done) => true,
        Some(ReplacementOutcome::RolledBack) => !by_person,
        Some(ReplacementOutcome::Abandoned) => false,
    };
    let of_today = replacements.begun.iter().filter(|begun| now.wall.duration_since(begun.at) < DAY && counts(begun.outcome));
    let count = of_today.count();
    let detail = format!("{count} in the last 24 hours, at most {most}");
    match count < usize::try_from(most).unwrap_or(usize::MAX) {
        true => Gate::passed("daily_limit", detail),
        false => Gate::refused("daily_limit", format!("{detail}; `[replacement] max_per_day` allows more")),
    }
}

fn rights(case: Case<'_>, tried: &Option<Result<String, NotTried>>) -> Gate {
    let Case { plan, subjects, inventory, .. } = case;
    if let Some(Err(NotTried::Forbidden(why))) = tried {
        return Gate::refused("rights", why.clone());
    }
    let read = format!(
        "these credentials read {} customer gateways and {} connections from this address",
        inventory.customer_gateways.len(),
        inventory.connections.len()
    );
    let makes_temporary = plan.steps().any(|step| matches!(step.op, Op::CreateGateway { slot: Slot::Temporary }));
    let proof = match (deletes_first(plan), makes_temporary, subjects.holds_address(plan.new.ip)) {
        (false, true, _) => "a temporary customer gateway is made first and proves the right to create one",
        (false, false, _) => "the customer gateway is made first and proves the right to write",
        (true, _, true) if subjects.temporary.is_some() => {
            "the temporary customer gateway that an earlier replacement made shows that one may be created"
        }
        (true, _, true) => {
            "the quota may leave no room for a temporary customer gateway, so the right to create one is not proven before the old one is deleted"
        }
        (true, _, false) => "the documented order cannot prove the right to create a customer gateway before it deletes",
    };
    Gate::passed("rights", format!("{read}; {proof}"))
}

/// How many this account may have nobody but the cloud knows, and it says so by its answer to the first write, which hurts nobody: a
/// number of 2021 is no reason against asking.
fn quota(case: Case<'_>) -> Gate {
    if let Some(tags) = carried::too_many_tags(case) {
        return Gate::refused("quota", tags);
    }
    let Case { plan, inventory, .. } = case;
    let count = inventory.customer_gateways.len();
    let makes = plan.steps().any(|step| matches!(step.op, Op::CreateGateway { .. }));
    if !makes || deletes_first(plan) || count < USUAL_QUOTA {
        return Gate::passed("quota", format!("{count} in use, usually {USUAL_QUOTA} allowed"));
    }
    Gate::passed(
        "quota",
        format!(
            "{count} in use, and {USUAL_QUOTA} were allowed in 2021: where the cloud allows this account no more, it refuses the first write, \
             and nothing else is touched"
        ),
    )
}

/// Whether something that hurts comes before anything that proves quota and rights.
fn deletes_first(plan: &ReplacementPlan) -> bool {
    plan.stages.first().is_some_and(|lanes| lanes.iter().flat_map(|lane| &lane.steps).any(|step| step.op.is_destructive()))
}

fn clock(offset: SignedDuration) -> Gate {
    match offset.abs() <= CLOCK_TOLERANCE {
        true => Gate::passed("clock", format!("within five minutes of the cloud's ({} s apart)", offset.abs().as_secs())),
        false => Gate::refused("clock", format!("this device's clock is {} s off the cloud's: set it (NTP)", offset.abs().as_secs())),
    }
}

fn disk(free: Option<u64>) -> Gate {
    match free {
        Some(free) if free < LEAST_SPACE => Gate::refused("disk", format!("{NO_SPACE}: {NO_SPACE_REMEDY}")),
        Some(free) => Gate::passed("disk", format!("{} MiB free for the journal", free >> 20)),
        None => Gate::passed("disk", "the journal's place has no limit that is known"),
    }
}
