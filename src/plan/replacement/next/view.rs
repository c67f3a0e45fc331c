//! What a step is judged by: the plan and its progress, and what has to be read of the cloud for it.

use crate::journal::replay::{ReplacementProgress, StepProgress};
use crate::model::{
    Attachment, ConnectionRoute, ConnectionSnapshot, CustomerGateway, DestinationRoute, IpsecConnection, Label, Op, PlannedStep,
    PolicyRoute, ReplacementPlan, RouterAttachment, Slot, Snapshot, Verbatim,
};
use crate::plan::Owner;
use crate::plan::replacement::body::{Addresses, as_it_was, rebound_connection, rebound_tunnel, recreated, tunnel};
use jiff::SignedDuration;
use serde_json::Value;

/// What a step is judged by, besides the reading.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub progress: &'a ReplacementProgress,
    pub snapshot: &'a Snapshot,
    pub owner: &'a Owner,
}

/// What a step has to be read for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    Connection(String),
    VpnGateway(String),
    CustomerGateways,
    CustomerGateway(String),
    Routes(String),
    Policies(String),
    ConnectionRoutes(String),
    /// Transit router and connection.
    Attachment(String, String),
    Connections,
}

/// A reading: what was asked for is `Some`, and what the cloud says does not exist is `None` in there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reads {
    pub connection: Option<Option<(IpsecConnection, Verbatim)>>,
    /// `Status` of the VPN gateway.
    pub vpn_gateway: Option<String>,
    pub customer_gateways: Option<Vec<CustomerGateway>>,
    pub customer_gateway: Option<Option<CustomerGateway>>,
    pub routes: Option<Vec<DestinationRoute>>,
    pub policies: Option<Vec<PolicyRoute>>,
    pub connection_routes: Option<Vec<ConnectionRoute>>,
    pub attachment: Option<Option<RouterAttachment>>,
    pub connections: Option<Vec<IpsecConnection>>,
}

impl View<'_> {
    pub fn plan(&self) -> &ReplacementPlan {
        &self.progress.plan
    }

    /// The customer gateway in this slot, once it exists.
    pub fn gateway(&self, slot: &Slot) -> Option<String> {
        let (target, makes): (Option<&String>, fn(&Op) -> bool) = match slot {
            Slot::Old(id) => return Some(id.clone()),
            Slot::New => (self.plan().new.id.as_ref(), |op| matches!(op, Op::CreateGateway { slot: Slot::New } | Op::AdoptGateway { .. })),
            Slot::Temporary => (self.plan().temporary.as_ref().and_then(|temporary| temporary.id.as_ref()), |op| {
                matches!(op, Op::CreateGateway { slot: Slot::Temporary })
            }),
        };
        target.cloned().or_else(|| self.made_by(makes))
    }

    /// The id that a connection has now.
    pub fn connection_id(&self, original: &str) -> String {
        let makes = |op: &Op| matches!(op, Op::CreateConnection { connection } if connection == original);
        self.made_by(makes).unwrap_or_else(|| original.to_owned())
    }

    /// What was written on a customer gateway when it was deleted, where that is not as in the snapshot.
    pub fn label_at_deletion(&self, gateway: &str) -> Option<&Label> {
        let deletes = |op: &Op| matches!(op, Op::DeleteGateway { id } if id == gateway);
        let steps = self.plan().steps().filter(|step| deletes(&step.op));
        steps.filter_map(|step| self.progress.steps.get(&step.id)).find_map(|step| step.edited.as_ref())
    }

    /// Whether the next customer gateway gets what is written on this one: of several old ones the first.
    pub fn hands_on(&self, gateway: &str) -> bool {
        self.snapshot.gateways.first().is_some_and(|first| first.id == gateway)
    }

    /// Whether this plan has made a connection with this id.
    pub(super) fn is_made_by_us(&self, id: &str) -> bool {
        let makes = |op: &Op| matches!(op, Op::CreateConnection { .. });
        self.plan().steps().any(|step| makes(&step.op) && self.progress.step(&step.id).id.as_deref() == Some(id))
    }

    pub(super) fn made_by(&self, makes: impl Fn(&Op) -> bool) -> Option<String> {
        let steps = self.plan().steps().filter(|step| makes(&step.op));
        steps.filter_map(|step| self.progress.steps.get(&step.id)).find_map(|step| step.id.clone())
    }

    pub(super) fn addresses(&self, to: &Slot) -> Addresses {
        match to {
            Slot::New => Addresses::of(self.plan()),
            Slot::Temporary => Addresses::to_wait(self.plan()),
            Slot::Old(_) => Addresses::none(self.plan()),
        }
    }

    /// Where among the plan's customer gateways a tunnel is now, other than where it was.
    pub(super) fn place(&self, gateway: &str) -> Option<Slot> {
        [Slot::New, Slot::Temporary].into_iter().find(|slot| self.gateway(slot).as_deref() == Some(gateway))
    }

    /// Customer gateways whose tunnels are ours to move.
    pub fn moved_ids(&self) -> Vec<String> {
        let temporary = self.plan().temporary.as_ref().and_then(|temporary| temporary.id.clone());
        self.plan().old.iter().map(|old| old.id.clone()).chain(temporary).collect()
    }

    /// Between the two readings that count.
    pub(super) fn recheck(&self) -> SignedDuration {
        SignedDuration::from_millis(i64::try_from(self.plan().recheck_ms).unwrap_or(i64::MAX))
    }

    /// The mark by which a connection that this step makes is found.
    pub fn mark_of(&self, step: &PlannedStep) -> String {
        format!("{}.{}", self.plan().id, step.id)
    }

    pub(super) fn snapshot_of(&self, op: &Op) -> Option<&ConnectionSnapshot> {
        op.connection().and_then(|id| self.snapshot.connection(id))
    }

    /// A tunnel as it is to be, bound as this step says.
    pub fn tunnel_bound(&self, connection: &str, index: u8, to: &Slot) -> Option<Value> {
        let before = tunnel(self.snapshot.connection(connection)?, index)?;
        let gateway = self.gateway(to)?;
        Some(rebound_tunnel(before, &gateway, &self.addresses(to)))
    }

    pub fn connection_bound(&self, connection: &str, to: &Slot) -> Option<Value> {
        let before = &self.snapshot.connection(connection)?.body.0;
        let gateway = self.gateway(to)?;
        Some(rebound_connection(before, &gateway, &self.addresses(to)))
    }

    /// At the new customer gateway. Where a plan is given up before that is made, as it was, while those that it was at are there.
    pub fn connection_made_again(&self, connection: &str) -> Option<Value> {
        let known = self.snapshot.connection(connection)?;
        match self.gateway(&Slot::New) {
            Some(gateway) => Some(recreated(known, &self.moved_ids(), &gateway, &self.addresses(&Slot::New))),
            None => (!self.lost_its_place(connection)).then(|| as_it_was(known)),
        }
    }

    /// Whether a customer gateway that this connection was at is deleted, or its deletion has no outcome yet.
    pub fn lost_its_place(&self, connection: &str) -> bool {
        self.deletions_below(connection).any(|step| step.open.is_some() || step.answered || step.proven.is_some())
    }

    /// Of the customer gateways that this connection was at: what was sent to delete them.
    pub fn deletions_below(&self, connection: &str) -> impl Iterator<Item = &StepProgress> {
        let shape = self.snapshot.connection(connection).map(|known| &known.shape);
        let deletes = move |op: &Op| matches!(op, Op::DeleteGateway { id } if shape.is_some_and(|shape| shape.refers_to(id)));
        self.plan().steps().filter(move |step| deletes(&step.op)).filter_map(|step| self.progress.steps.get(&step.id))
    }

    /// Whether a connection is deleted and not made again.
    pub(super) fn is_any_away(&self) -> bool {
        let deletes = |step: &&PlannedStep| matches!(step.op, Op::DeleteConnection { .. }) && self.progress.is_proven(&step.id);
        let deleted = self.plan().steps().filter(deletes).filter_map(|step| step.op.connection());
        deleted.into_iter().any(|connection| self.connection_id(connection) == connection)
    }
}

/// What has to be read to judge a step.
pub fn needs(view: &View<'_>, op: &Op) -> Vec<Need> {
    let snapshot = view.snapshot_of(op);
    let id = op.connection().map(|original| view.connection_id(original));
    let gateway = snapshot.and_then(|snapshot| match &snapshot.shape.attachment {
        Attachment::VpnGateway(id) => Some(id.clone()),
        Attachment::TransitRouter(_) | Attachment::Unbound => None,
    });
    let router = snapshot.and_then(|snapshot| snapshot.attachment.as_ref()).map(|attachment| attachment.transit_router.clone());
    let on_gateway = |need: fn(String) -> Need| gateway.clone().map(need);
    let of_connection = |need: fn(String) -> Need| id.clone().map(need);
    let attachment = || router.clone().zip(id.clone()).map(|(router, id)| Need::Attachment(router, id));
    let original = || op.connection().map(|original| Need::Connection(original.to_owned()));
    let old_attachment = || router.clone().zip(op.connection()).map(|(router, id)| Need::Attachment(router, id.to_owned()));
    let needs: Vec<Option<Need>> = match op {
        Op::CreateGateway { .. } => vec![Some(Need::CustomerGateways)],
        Op::AdoptGateway { id } => vec![Some(Need::CustomerGateway(id.clone()))],
        Op::DeleteGateway { id } => vec![Some(Need::CustomerGateway(id.clone())), Some(Need::Connections)],
        Op::DeleteMade { slot } => {
            vec![view.gateway(slot).map(Need::CustomerGateway), Some(Need::CustomerGateways), Some(Need::Connections)]
        }
        Op::UnmarkGateway => vec![view.gateway(&Slot::New).map(Need::CustomerGateway)],
        Op::RebindTunnel { .. } | Op::RebindConnection { .. } => vec![of_connection(Need::Connection), on_gateway(Need::VpnGateway)],
        Op::Verify { .. } | Op::UnmarkConnection { .. } => vec![of_connection(Need::Connection)],
        Op::DeleteRoute { .. } | Op::DeletePolicy { .. } => {
            vec![original(), on_gateway(Need::Routes), on_gateway(Need::Policies), on_gateway(Need::VpnGateway)]
        }
        Op::DeleteConnection { .. } => match gateway {
            Some(_) => vec![original(), on_gateway(Need::Routes), on_gateway(Need::Policies), on_gateway(Need::VpnGateway)],
            None => vec![original(), router.as_ref().and_then(|_| op.connection()).map(|id| Need::ConnectionRoutes(id.to_owned()))],
        },
        Op::Dissociate { .. } | Op::StopPropagating { .. } | Op::Detach { .. } => {
            vec![original(), old_attachment(), op.connection().map(|id| Need::ConnectionRoutes(id.to_owned()))]
        }
        Op::CreateConnection { connection } => {
            let made = id.clone().filter(|id| id != connection).map(Need::Connection);
            vec![made.or(Some(Need::Connections)), on_gateway(Need::VpnGateway)]
        }
        Op::Attach { .. } => vec![attachment(), of_connection(Need::Connection)],
        Op::Associate { .. } | Op::Propagate { .. } => vec![attachment(), of_connection(Need::Connection)],
        Op::CreateRoute { .. } => vec![on_gateway(Need::Routes), on_gateway(Need::VpnGateway)],
        Op::CreatePolicy { .. } => vec![on_gateway(Need::Policies), on_gateway(Need::VpnGateway)],
        Op::CreateConnectionRoute { .. } => vec![of_connection(Need::ConnectionRoutes), of_connection(Need::Connection)],
    };
    needs.into_iter().flatten().collect()
}
