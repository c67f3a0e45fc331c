//! Connections that are made again: whether they are there, as they were, or made by somebody else.

use super::super::BY_HAND;
use super::super::view::{Reads, View};
use super::{Effect, is_ready, same_policy};
use crate::facts::connection_fields::INHERITED;
use crate::facts::names::is_system_tag;
use crate::facts::states::CONNECTION_READY;
use crate::model::{Attachment, IpsecConnection, Op, PlannedStep, Slot, Stopped, Verbatim};
use crate::plan::replacement::MARK_PLAN;
use crate::plan::replacement::body::unlike;
use serde_json::Value;

pub(super) fn made_connection(view: &View<'_>, step: &PlannedStep, original: &str, reads: &Reads) -> Effect {
    if let Some(described) = &reads.connection {
        let Some((shape, _)) = described else { return Effect::Missing };
        if !CONNECTION_READY.contains(&shape.state.as_str()) || !is_ready(reads) {
            return Effect::Settling;
        }
        // Whether it came out as it was is judged once its routes are there: until then it carries nothing.
        return Effect::Shown(Some(shape.id.clone()));
    }
    let Some(connections) = &reads.connections else { return Effect::Missing };
    let mark = view.mark_of(step);
    if let Some(made) = connections.iter().find(|connection| connection.tags.get(MARK_PLAN) == Some(&mark)) {
        return Effect::Shown(Some(made.id.clone()));
    }
    match by_hand(view, original, connections) {
        Some(other) => Effect::Contradiction(Stopped {
            reason: BY_HAND.to_owned(),
            message: format!("{} was made by hand in the place of {original}", other.id),
            remedy: format!(
                "`cgwd replace --abort` ends it with {0} in that place and says what it lacks; or take from {0} what was new in it and delete it: then `cgwd replace --resume` makes {original} again as it was, routes and all",
                other.id
            ),
            step: None,
            passes: false,
        }),
        None => Effect::Missing,
    }
}

/// What a person has made in the place of a connection that is gone.
fn by_hand<'a>(view: &View<'_>, original: &str, connections: &'a [IpsecConnection]) -> Option<&'a IpsecConnection> {
    let snapshot = view.snapshot.connection(original)?;
    let is_in_its_place = |connection: &&IpsecConnection| {
        connection.attachment == snapshot.shape.attachment
            && matches!(connection.attachment, Attachment::VpnGateway(_))
            && connection.local_subnet == snapshot.shape.local_subnet
            && connection.remote_subnet == snapshot.shape.remote_subnet
            && !connection.tags.contains_key(MARK_PLAN)
            && view.snapshot.connection(&connection.id).is_none()
            && match view.gateway(&Slot::New) {
                Some(new) => connection.refers_to(&new),
                None => view.plan().old.iter().any(|old| connection.refers_to(&old.id)),
            }
    };
    connections.iter().find(is_in_its_place)
}

/// What a person has made in the place of a connection that `step` is to make, and the routes that do not lead into it.
pub fn stands_in(view: &View<'_>, step: &PlannedStep, reads: &Reads) -> Option<(String, Vec<Op>)> {
    let original = step.op.connection()?;
    if matches!(made_connection(view, step, original, reads), Effect::Shown(_) | Effect::Settling) {
        return None;
    }
    let snapshot = view.snapshot.connection(original)?;
    let id = by_hand(view, original, reads.connections.as_ref()?)?.id.clone();
    let is_missing = |op: &Op| match op {
        Op::CreateRoute { route, .. } => snapshot.routes.get(*route).is_some_and(|wanted| {
            !reads.routes.iter().flatten().any(|route| route.next_hop == id && route.destination == wanted.destination)
        }),
        Op::CreatePolicy { policy, .. } => snapshot
            .policies
            .get(*policy)
            .is_some_and(|wanted| !reads.policies.iter().flatten().any(|policy| same_policy(policy, wanted, &id))),
        _ => false,
    };
    let steps = view.plan().steps().filter(|own| own.op.connection() == Some(original) && is_missing(&own.op));
    let lacks = steps.map(|own| own.op.clone()).collect();
    Some((id, lacks))
}

/// The plan's mark stays on a connection that came out otherwise than it was: somebody has to look at it.
pub(super) fn came_out_as_it_was(view: &View<'_>, original: &str, shape: &IpsecConnection, body: &Verbatim) -> Effect {
    let (Some(snapshot), Some(wanted)) = (view.snapshot.connection(original), view.connection_made_again(original)) else {
        return Effect::Missing;
    };
    let mut differing = made_differently(&wanted, &body.0, &snapshot.shape.attachment);
    // What an earlier plan made and left when it was given up can bear that plan's mark in the snapshot.
    let is_the_users = |(key, _): &(&String, &String)| *key != MARK_PLAN && !is_system_tag(key);
    if !shape.tags.iter().filter(is_the_users).eq(snapshot.shape.tags.iter().filter(is_the_users)) {
        differing.push("Tags".to_owned());
    }
    if differing.is_empty() {
        return Effect::Missing;
    }
    Effect::Contradiction(Stopped {
        reason: "differs".to_owned(),
        message: format!("{}, made again for {original}, came out with other settings: {}", shape.id, differing.join(", ")),
        remedy: "set these as they were (`cgwd history` has the time before; the old values are in the sealed snapshot), then `cgwd replace --resume`"
            .to_owned(),
        step: None,
        passes: false,
    })
}

/// The cloud's own identity is its address, which a connection that is made again can have anew; and a connection on a VPN gateway
/// has what the gateway has.
fn made_differently(wanted: &Value, found: &Value, attachment: &Attachment) -> Vec<String> {
    let mut differing = unlike(wanted, found);
    let inherits = matches!(attachment, Attachment::VpnGateway(_));
    differing.retain(|field| !field.ends_with("LocalId") || has_field(wanted, field));
    differing.retain(|field| !(inherits && INHERITED.contains(&field.as_str())));
    differing
}

fn has_field(body: &Value, path: &str) -> bool {
    let mut place = Some(body);
    for name in path.split('.') {
        place = place.and_then(|value| match (value, name.parse::<usize>()) {
            (Value::Object(fields), _) if fields.contains_key(name) => fields.get(name),
            (Value::Object(fields), Ok(index)) => {
                fields.get("TunnelOptions").and_then(Value::as_array).and_then(|items| items.get(index - 1))
            }
            (Value::Array(items), Ok(index)) => items.get(index.saturating_sub(1)),
            _ => None,
        });
    }
    place.is_some_and(|value| !value.is_null() && value.as_str() != Some(""))
}
