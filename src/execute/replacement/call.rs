//! From a step to the call that performs it.

use super::Course;
use crate::cloud::connection_writes as connections;
use crate::cloud::customer_gateways as gateways;
use crate::cloud::route_writes as routes;
use crate::cloud::router_writes as routers;
use crate::cloud::write_call::WriteCall;
use crate::model::{Attachment, ConnectionSnapshot, Op, PlannedStep, Slot, Tags};
use crate::plan::replacement::gates::connection_tags;
use crate::plan::replacement::next::{Reads, View, made_gateways};
use crate::plan::replacement::{MARK_PLAN, auto_config_route};

impl Course<'_> {
    /// `None`: what the step needs is not there, so it can only be looked at again.
    pub(super) fn call(&self, view: &View<'_>, step: &PlannedStep, reads: &Reads, token: &str) -> Option<WriteCall> {
        let region = self.plan.region.as_str();
        let original = step.op.connection();
        let known = original.and_then(|id| self.snapshot.connection(id));
        let id = original.map(|id| view.connection_id(id)).unwrap_or_default();
        Some(match &step.op {
            Op::CreateGateway { slot } => gateways::create_customer_gateway(&self.replacer.new_gateway(view, slot), token),
            Op::AdoptGateway { id } => {
                let mut tags = self.replacer.owner.mark();
                tags.insert(MARK_PLAN.to_owned(), self.plan.id.clone());
                gateways::tag_customer_gateway(region, id, &tags)
            }
            Op::UnmarkGateway => gateways::untag_customer_gateway(region, &view.gateway(&Slot::New)?, [MARK_PLAN]),
            // Before a further copy it is read again: what somebody writes on it meanwhile goes with it.
            Op::DeleteGateway { id } => gateways::delete_customer_gateway(region, id, token).sent_once(),
            Op::DeleteMade { slot } => {
                let id = made_gateways(view, slot, reads).into_iter().next()?;
                gateways::delete_customer_gateway(region, &id, token)
            }
            Op::RebindTunnel { connection, index, to } => {
                let tunnel = view.tunnel_bound(connection, *index, to)?;
                match &known?.shape.attachment {
                    Attachment::VpnGateway(_) => {
                        let tunnel_id = known?.shape.tunnels.iter().find(|tunnel| tunnel.index == *index)?.id.clone();
                        connections::modify_tunnel(region, &id, &tunnel_id, &tunnel, token)
                    }
                    Attachment::TransitRouter(_) | Attachment::Unbound => {
                        connections::modify_attachment_tunnel(region, &id, &known?.body.0, &tunnel, token)
                    }
                }
            }
            Op::RebindConnection { connection, to } => {
                connections::modify_attachment(region, &id, &view.connection_bound(connection, to)?, token)
            }
            Op::DeleteRoute { route, .. } => {
                let (gateway, route) = (gateway_of(known?)?, known?.routes.get(*route)?);
                routes::delete_route(region, gateway, route, original?, token)
            }
            Op::DeletePolicy { policy, .. } => {
                let (gateway, policy) = (gateway_of(known?)?, known?.policies.get(*policy)?);
                routes::delete_policy(region, gateway, policy, original?, token)
            }
            Op::Dissociate { table, .. } => routers::dissociate(&known?.attachment.as_ref()?.id, table, token),
            Op::StopPropagating { table, .. } => routers::stop_propagating(&known?.attachment.as_ref()?.id, table, token),
            Op::Detach { .. } => routers::delete_router_attachment(&known?.attachment.as_ref()?.id, token),
            Op::DeleteConnection { .. } => match known?.shape.attachment {
                Attachment::VpnGateway(_) => connections::delete_vpn_connection(region, original?, token),
                Attachment::TransitRouter(_) | Attachment::Unbound => connections::delete_vpn_attachment(region, original?, token),
            },
            Op::CreateConnection { connection } => {
                let body = view.connection_made_again(connection)?;
                self.creation(known?, &body, &connection_tags(known?, &view.mark_of(step)), false, token)
            }
            Op::Attach { .. } => routers::create_router_attachment(region, known?.attachment.as_ref()?, &id, token),
            Op::Associate { table, .. } => routers::associate(&attachment_id(reads)?, table, token),
            Op::Propagate { table, .. } => routers::propagate(&attachment_id(reads)?, table, token),
            Op::CreateRoute { route, .. } => self.route(known?, *route, &id, reads, token)?,
            Op::CreatePolicy { policy, .. } => self.policy(known?, *policy, &id, reads, token)?,
            Op::CreateConnectionRoute { route, .. } => {
                routes::create_connection_route(region, &id, known?.connection_routes.get(*route)?, token)
            }
            Op::UnmarkConnection { .. } => {
                let on_router = !matches!(known?.shape.attachment, Attachment::VpnGateway(_));
                connections::untag_connection(region, &id, on_router, [MARK_PLAN])
            }
            Op::Verify { .. } => return None,
        })
    }

    pub(super) fn creation(
        &self,
        known: &ConnectionSnapshot,
        body: &serde_json::Value,
        tags: &Tags,
        dry_run: bool,
        token: &str,
    ) -> WriteCall {
        let region = self.plan.region.as_str();
        creation(region, known, body, tags, dry_run, token)
    }

    /// The system may have made the route itself, otherwise than it was: then that one is corrected, or goes first.
    fn route(&self, known: &ConnectionSnapshot, route: usize, id: &str, reads: &Reads, token: &str) -> Option<WriteCall> {
        let (region, gateway, wanted) = (self.plan.region.as_str(), gateway_of(known)?, known.routes.get(route)?);
        let found = reads.routes.iter().flatten().find(|found| found.next_hop == id && found.destination == wanted.destination);
        Some(match found {
            None => routes::create_route(region, gateway, wanted, id, token),
            Some(found) if found.weight == wanted.weight => {
                routes::publish_route(region, gateway, &wanted.destination, id, "dbr", wanted.published, token)
            }
            Some(found) => routes::delete_route(region, gateway, found, id, token),
        })
    }

    fn policy(&self, known: &ConnectionSnapshot, policy: usize, id: &str, reads: &Reads, token: &str) -> Option<WriteCall> {
        let (region, gateway, wanted) = (self.plan.region.as_str(), gateway_of(known)?, known.policies.get(policy)?);
        let is_same = |found: &&crate::model::PolicyRoute| {
            found.next_hop == id && found.source == wanted.source && found.destination == wanted.destination
        };
        Some(match reads.policies.iter().flatten().find(is_same) {
            None => routes::create_policy(region, gateway, wanted, id, token),
            Some(found) if found.weight == wanted.weight && found.priority == wanted.priority => {
                routes::publish_route(region, gateway, &wanted.destination, id, "pbr", wanted.published, token)
            }
            Some(found) => routes::delete_policy(region, gateway, found, id, token),
        })
    }
}

/// Making a connection again, or trying whether the cloud would.
pub(super) fn creation(
    region: &str,
    known: &ConnectionSnapshot,
    body: &serde_json::Value,
    tags: &Tags,
    dry_run: bool,
    token: &str,
) -> WriteCall {
    match known.shape.attachment {
        Attachment::VpnGateway(_) => connections::create_vpn_connection(region, body, auto_config_route(known), tags, dry_run, token),
        Attachment::TransitRouter(_) | Attachment::Unbound => {
            let group = body.get("ResourceGroupId").and_then(serde_json::Value::as_str).filter(|group| !group.is_empty());
            connections::create_vpn_attachment(region, body, tags, group, dry_run, token)
        }
    }
}

/// Of the connection as it is bound now.
fn attachment_id(reads: &Reads) -> Option<String> {
    reads.attachment.as_ref().and_then(Option::as_ref).map(|attachment| attachment.id.clone())
}

fn gateway_of(known: &ConnectionSnapshot) -> Option<&str> {
    match &known.shape.attachment {
        Attachment::VpnGateway(id) => Some(id),
        Attachment::TransitRouter(_) | Attachment::Unbound => None,
    }
}
