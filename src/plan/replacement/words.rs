//! A plan in words: its steps, what is rewritten, how long it interrupts, what nobody can bring back.

use super::body::{self, Addresses, Rewrite};
use super::next::is_in_use;
use super::{Subjects, is_shown, strategy};
use crate::model::{
    Attachment, ConnectionSnapshot, Op, Order, PlannedStep, ReplacementPlan, RouterAttachment, SNAPSHOT_FORMAT, Slot, Snapshot, StepWords,
    Timestamp, TunnelRole,
};
use crate::plan::{Step, StepAction, Strategy};
use std::collections::BTreeMap;

/// What stands for the temporary customer gateway, whose id nobody knows before it is made.
const TEMPORARY: &str = "temporary";

/// The steps as they are shown to people and in JSON.
pub fn describe(plan: &ReplacementPlan, snapshot: &Snapshot, step: &PlannedStep) -> Step {
    let (action, target, reason) = match &step.op {
        Op::CreateGateway { slot: Slot::Temporary } => (
            StepAction::CreateCustomerGateway,
            TEMPORARY.to_owned(),
            // Which one follows from the plan's id: a plan that is made anew to compare must read the same.
            "a temporary one with a documentation address: the cloud refuses two customer gateways with one address".to_owned(),
        ),
        Op::CreateGateway { .. } => (StepAction::CreateCustomerGateway, plan.new.ip.to_string(), why_new(plan)),
        Op::AdoptGateway { id } => {
            (StepAction::TagResources, id.clone(), format!("{id} already has {}; it becomes this device's", plan.new.ip))
        }
        Op::RebindTunnel { connection, index, to } => {
            let (action, tunnel, role) = tunnel_words(snapshot, connection, *index);
            (action, tunnel, format!("{role} tunnel of {connection}, pointed at {} in place", place(to)))
        }
        Op::RebindConnection { connection, to } => (
            StepAction::ModifyVpnAttachmentAttribute,
            connection.clone(),
            format!("pointed at {} in place; the cloud no longer lets a single-tunnel attachment be created", place(to)),
        ),
        Op::DeleteRoute { connection, route } => (
            StepAction::DeleteVpnRouteEntry,
            route_words(snapshot, connection, *route),
            format!("it leads into {connection}; it is in the snapshot"),
        ),
        Op::DeletePolicy { connection, policy } => (
            StepAction::DeleteVpnPbrRouteEntry,
            policy_words(snapshot, connection, *policy),
            format!("it leads into {connection}; it is in the snapshot"),
        ),
        Op::Dissociate { table, .. } => (
            StepAction::DissociateTransitRouterAttachmentFromRouteTable,
            table.clone(),
            "its association; it is in the snapshot".to_owned(),
        ),
        Op::StopPropagating { table, .. } => (
            StepAction::DisableTransitRouterRouteTablePropagation,
            table.clone(),
            "it learns its routes; that is in the snapshot".to_owned(),
        ),
        Op::Detach { connection } => (
            StepAction::DeleteTransitRouterVpnAttachment,
            connection.clone(),
            "taken off its transit router; its binding is in the snapshot".to_owned(),
        ),
        Op::DeleteConnection { connection } => {
            (deletion(snapshot, connection), connection.clone(), why_deleted(plan, snapshot, connection))
        }
        Op::CreateConnection { connection } => {
            (creation(snapshot, connection), connection.clone(), "made again from its snapshot, on the new customer gateway".to_owned())
        }
        Op::Attach { connection } => (
            StepAction::CreateTransitRouterVpnAttachment,
            connection.clone(),
            "bound to its transit router again: ITS CLOUD-SIDE ADDRESSES ARE NEW, the device has to be told".to_owned(),
        ),
        Op::Associate { table, .. } => {
            (StepAction::AssociateTransitRouterAttachmentWithRouteTable, table.clone(), "associated as before".to_owned())
        }
        Op::Propagate { table, .. } => {
            (StepAction::EnableTransitRouterRouteTablePropagation, table.clone(), "propagated as before".to_owned())
        }
        Op::CreateRoute { connection, route } => {
            (StepAction::CreateVpnRouteEntry, route_words(snapshot, connection, *route), "destination route, as before".to_owned())
        }
        Op::CreatePolicy { connection, policy } => {
            (StepAction::CreateVpnPbrRouteEntry, policy_words(snapshot, connection, *policy), "policy route, as before".to_owned())
        }
        Op::CreateConnectionRoute { connection, route } => {
            let destination = snapshot
                .connection(connection)
                .and_then(|known| known.connection_routes.get(*route))
                .map(|route| route.destination.clone());
            (StepAction::CreateVcoRouteEntry, destination.unwrap_or_default(), "route of the connection, as before".to_owned())
        }
        Op::UnmarkConnection { connection } => (
            StepAction::UnTagResources,
            connection.clone(),
            "the replacement's own mark comes off: its tags are then as they were".to_owned(),
        ),
        Op::Verify { connection, index } => {
            let target = if *index == 0 { connection.clone() } else { tunnel_words(snapshot, connection, *index).1 };
            (StepAction::Verify, target, "waits until IPsec is established, and BGP where it is on".to_owned())
        }
        Op::UnmarkGateway => (StepAction::UnTagResources, plan.new.ip.to_string(), "the replacement's own mark comes off".to_owned()),
        Op::DeleteGateway { id } => (StepAction::DeleteCustomerGateway, id.clone(), "nothing refers to it any more".to_owned()),
        Op::DeleteMade { slot } => (StepAction::DeleteCustomerGateway, made_words(plan, slot), "it has served".to_owned()),
    };
    Step { id: step.id.clone(), action, target, strategy: strategy_of(&step.op), reason, destructive: step.op.is_destructive() }
}

/// Every step that is shown, for the journal.
pub(super) fn of_plan(plan: &ReplacementPlan, snapshot: &Snapshot) -> BTreeMap<String, StepWords> {
    let shown = plan.steps().filter(|step| is_shown(&step.op));
    let words = shown.map(|step| describe(plan, snapshot, step));
    words.map(|Step { id, action, target, reason, .. }| (id, StepWords { action: action.name().to_owned(), target, reason })).collect()
}

/// The same step later, when the snapshot is sealed: in the words that the plan keeps.
pub fn as_planned(plan: &ReplacementPlan, step: &PlannedStep) -> Step {
    let bare = describe(plan, &nothing_read(plan), step);
    let Some(words) = plan.words.get(&step.id) else { return bare };
    let action = BY_ATTACHMENT.into_iter().find(|action| action.name() == words.action).unwrap_or(bare.action);
    Step { action, target: words.target.clone(), reason: words.reason.clone(), ..bare }
}

/// Calls that only the snapshot tells from those for other kinds of connections.
const BY_ATTACHMENT: [StepAction; 6] = [
    StepAction::ModifyTunnelAttribute,
    StepAction::ModifyVpnAttachmentAttribute,
    StepAction::DeleteVpnConnection,
    StepAction::DeleteVpnAttachment,
    StepAction::CreateVpnConnection,
    StepAction::CreateVpnAttachment,
];

fn nothing_read(plan: &ReplacementPlan) -> Snapshot {
    let (region, taken_at) = (plan.region.clone(), Timestamp::UNIX_EPOCH);
    Snapshot { format: SNAPSHOT_FORMAT, region, taken_at, gateways: Vec::new(), connections: Vec::new() }
}

fn strategy_of(op: &Op) -> Option<Strategy> {
    match op {
        Op::RebindTunnel { .. } | Op::RebindConnection { .. } => Some(Strategy::Rebind),
        Op::CreateGateway { .. }
        | Op::AdoptGateway { .. }
        | Op::UnmarkGateway
        | Op::DeleteGateway { .. }
        | Op::DeleteMade { .. }
        | Op::Verify { .. } => None,
        _ => Some(Strategy::Recreate),
    }
}

fn made_words(plan: &ReplacementPlan, slot: &Slot) -> String {
    match slot {
        Slot::Temporary => TEMPORARY.to_owned(),
        Slot::New | Slot::Old(_) => plan.new.ip.to_string(),
    }
}

fn why_new(plan: &ReplacementPlan) -> String {
    match plan.old.iter().find(|old| old.ip == plan.new.ip) {
        Some(_) => format!("the same address with {}", plan.new.asn.map_or_else(|| "no ASN".to_owned(), |asn| format!("ASN {asn}"))),
        None if plan.order == Order::Documented => "address and ASN cannot be edited".to_owned(),
        None => "address and ASN cannot be edited; the new one proves rights and quota before anything is touched".to_owned(),
    }
}

fn place(to: &Slot) -> String {
    match to {
        Slot::New => "the new customer gateway".to_owned(),
        Slot::Temporary => "the temporary customer gateway".to_owned(),
        Slot::Old(id) => format!("{id} again"),
    }
}

fn tunnel_words(snapshot: &Snapshot, connection: &str, index: u8) -> (StepAction, String, &'static str) {
    let known = snapshot.connection(connection);
    let action = match known.map(|known| &known.shape.attachment) {
        Some(Attachment::VpnGateway(_)) => StepAction::ModifyTunnelAttribute,
        _ => StepAction::ModifyVpnAttachmentAttribute,
    };
    let tunnel = known.and_then(|known| known.shape.tunnels.iter().find(|tunnel| tunnel.index == index));
    let role = match tunnel.map(|tunnel| tunnel.role) {
        Some(TunnelRole::Active) => "active",
        _ => "standby",
    };
    (action, tunnel.map_or_else(|| format!("{connection}/{index}"), |tunnel| tunnel.id.clone()), role)
}

fn route_words(snapshot: &Snapshot, connection: &str, route: usize) -> String {
    snapshot.connection(connection).and_then(|known| known.routes.get(route)).map(|route| route.destination.clone()).unwrap_or_default()
}

fn policy_words(snapshot: &Snapshot, connection: &str, policy: usize) -> String {
    let policy = snapshot.connection(connection).and_then(|known| known.policies.get(policy));
    policy.map(|policy| format!("{} to {}", policy.source, policy.destination)).unwrap_or_default()
}

fn on_vpn_gateway(snapshot: &Snapshot, connection: &str) -> bool {
    snapshot.connection(connection).is_some_and(|known| matches!(known.shape.attachment, Attachment::VpnGateway(_)))
}

fn deletion(snapshot: &Snapshot, connection: &str) -> StepAction {
    if on_vpn_gateway(snapshot, connection) { StepAction::DeleteVpnConnection } else { StepAction::DeleteVpnAttachment }
}

fn creation(snapshot: &Snapshot, connection: &str) -> StepAction {
    if on_vpn_gateway(snapshot, connection) { StepAction::CreateVpnConnection } else { StepAction::CreateVpnAttachment }
}

fn why_deleted(plan: &ReplacementPlan, snapshot: &Snapshot, connection: &str) -> String {
    let is_ours = |id: &str| plan.is_old(id) || plan.temporary.as_ref().and_then(|temporary| temporary.id.as_deref()) == Some(id);
    snapshot.connection(connection).map(|known| strategy(&known.shape, true, is_ours).1.to_owned()).unwrap_or_default()
}

/// Every field that holds an old address, before and after.
pub fn rewrites(plan: &ReplacementPlan, snapshot: &Snapshot) -> Vec<Rewrite> {
    let addresses = Addresses::of(plan);
    let moved = |id: &str| plan.is_old(id) || plan.temporary.as_ref().and_then(|temporary| temporary.id.as_deref()) == Some(id);
    snapshot.connections.iter().flat_map(|connection| rewrites_of(connection, &addresses, moved)).collect()
}

fn rewrites_of(connection: &ConnectionSnapshot, addresses: &Addresses, moved: impl Fn(&str) -> bool) -> Vec<Rewrite> {
    if !connection.shape.is_dual() {
        let after = body::rebound_connection(&connection.body.0, "", addresses);
        return body::rewrites(&connection.id, "", &connection.body.0, &after);
    }
    let ours = connection.shape.tunnels.iter().filter(|tunnel| moved(&tunnel.customer_gateway_id));
    ours.filter_map(|tunnel| Some((tunnel.index, body::tunnel(connection, tunnel.index)?)))
        .flat_map(|(index, before)| {
            body::rewrites(&connection.id, &format!("tunnel {index}"), before, &body::rebound_tunnel(before, "", addresses))
        })
        .collect()
}

/// For how long a connection carries nothing, as far as that is known.
pub fn interruption(plan: &ReplacementPlan, connection: &ConnectionSnapshot) -> &'static str {
    let deletes = plan.steps().any(|step| matches!(&step.op, Op::DeleteConnection { connection: deleted } if *deleted == connection.id));
    let waits = plan.steps().any(|step| matches!(&step.op, Op::RebindTunnel { connection: moved, to: Slot::Temporary, .. } | Op::RebindConnection { connection: moved, to: Slot::Temporary } if *moved == connection.id));
    let own = connection.shape.tunnels.iter().filter(|tunnel| plan.is_old(&tunnel.customer_gateway_id));
    let is_up = own.map(|tunnel| tunnel.index).any(|index| is_in_use(&connection.shape, index));
    match (deletes, waits, connection.shape.is_dual()) {
        (true, ..) => "from its deletion until it is made again and negotiated: minutes",
        (_, true, _) => "from the temporary customer gateway until the new one: minutes",
        (_, _, true) if plan.planned => "none where both tunnels work: one is moved after the other",
        (_, _, true) if is_up => "each tunnel while it is pointed elsewhere and negotiates: seconds",
        (_, _, true) => "it is down already; each tunnel comes back once it is pointed and negotiated: seconds",
        _ => "while it is pointed elsewhere and negotiates: seconds",
    }
}

/// What the cloud's API cannot give back, and how it was decided (cloud/api.md 1.2).
pub fn losses(plan: &ReplacementPlan, subjects: &Subjects, snapshot: &Snapshot) -> Vec<String> {
    let mut lines = Vec::new();
    let deleted = |connection: &&ConnectionSnapshot| {
        plan.steps().any(|step| matches!(&step.op, Op::DeleteConnection { connection: deleted } if *deleted == connection.id))
    };
    for connection in snapshot.connections.iter().filter(deleted) {
        lines.push(format!(
            "{}: it and its tunnels get new ids; alarm rules, logs and tools that name the old ones have to be told",
            connection.id
        ));
        if !connection.routes.is_empty() || !connection.policies.is_empty() || !connection.connection_routes.is_empty() {
            lines.push(format!("{}: descriptions and overlay modes of its routes are not shown by the cloud and are lost", connection.id));
        }
        let auto = if auto_config_route(connection) { "on" } else { "off" };
        lines.push(format!(
            "{}: AutoConfigRoute is not shown by the cloud; made again with it {auto}, as its routes suggest",
            connection.id
        ));
        if connection.attachment.is_some() {
            lines.push(format!("{}: GETS NEW CLOUD-SIDE ADDRESSES; THE DEVICE NEEDS A NEW PEER ADDRESS", connection.id));
        }
        if let Some(attachment) = &connection.attachment {
            lines.extend(losses_of(attachment));
        }
        if connection.description.as_ref().is_some_and(|text| !text.is_empty()) {
            lines.push(format!("{}: its description cannot be given when it is made", connection.id));
        }
    }
    if subjects.old.len() > 1 {
        lines.push(
            "several customer gateways of this device are replaced by one: an earlier replacement did not come to its end".to_owned(),
        );
    }
    lines
}

/// What refers to a binding to a transit router by its id, or cannot be given when it is made (cloud/api.md 1.2, 4.1).
fn losses_of(attachment: &RouterAttachment) -> Vec<String> {
    let mut lines = vec![format!(
        "{}: route maps, flow logs and QoS of {} that name it are not looked at, and have to name the new one",
        attachment.id, attachment.transit_router
    )];
    if !attachment.terms.is_empty() {
        lines.push(format!(
            "{}: how it is paid for ({}) cannot be given when it is made; the new one has the cloud's default",
            attachment.id,
            attachment.terms.join(", ")
        ));
    }
    lines
}

/// Guessed from what it would have made: in the mode of protected data flows the system adds a policy route for each pair, or a
/// route of the connection (cloud/api.md 1.2). With destination routing it shows nowhere, and the default is on.
pub fn auto_config_route(connection: &ConnectionSnapshot) -> bool {
    let list = |text: &str| -> Vec<String> { text.split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect() };
    let (local, remote) = (list(&connection.shape.local_subnet), list(&connection.shape.remote_subnet));
    let everything = |subnets: &[String]| subnets.iter().any(|subnet| subnet == "0.0.0.0/0");
    if everything(&local) && everything(&remote) {
        return true;
    }
    match connection.shape.attachment {
        Attachment::VpnGateway(_) => local.iter().all(|source| {
            remote
                .iter()
                .all(|destination| connection.policies.iter().any(|policy| policy.source == *source && policy.destination == *destination))
        }),
        Attachment::TransitRouter(_) | Attachment::Unbound => {
            remote.iter().all(|destination| connection.connection_routes.iter().any(|route| route.destination == *destination))
        }
    }
}
