//! From what is wanted to a plan with its gates: reads everything, and writes nothing.

use super::call::creation;
use crate::cloud::error::CloudError;
use crate::cloud::inconsistent;
use crate::execute::{ExecuteError, Executor, Want};
use crate::model::{
    Attachment, ConnectionSnapshot, DestinationRoute, GatewaySnapshot, Inventory, IpsecConnection, Op, PolicyRoute, ReplacementPlan,
    SNAPSHOT_FORMAT, Secret, Snapshot, Worked,
};
use crate::plan::replacement::body::supply_key;
use crate::plan::replacement::gates::{connection_tags, is_masked};
use crate::plan::replacement::{self, Evidence, Manner, NotTried, Subjects};
use crate::plan::{Decision, DecisionKind, Gate, Next, may_be_full};
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::time::Duration;

/// So long after the first look the second one: by then a tunnel that negotiates anew is up again.
const SECOND_LOOK: Duration = Duration::from_secs(5);

/// How a replacement is asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    pub want: Want,
    pub manner: Manner,
    /// What the caller knows for the gates; the rest is found out here.
    pub evidence: Evidence,
    pub keys: Vec<SuppliedKey>,
    /// 16 hexadecimal digits, new for each plan.
    pub id: String,
    /// Whether the cloud is asked to try what has a DryRun: that sends calls that look like writes.
    pub dry_run: bool,
}

/// A pre-shared key that the cloud masks.
#[derive(Clone, Debug)]
pub struct SuppliedKey {
    pub connection: String,
    /// Of one tunnel; `None`: of every tunnel of the connection.
    pub tunnel: Option<String>,
    pub psk: Secret,
}

/// A plan that has not begun. `plan` is `None` where nothing is to be replaced; then the decision says what is.
pub struct Draft {
    pub decision: Decision,
    pub plan: Option<ReplacementPlan>,
    pub snapshot: Snapshot,
    pub subjects: Subjects,
    /// When everything had been read, in time since boot: what a deletion relies on is read again that long after.
    pub read_at: SignedDuration,
}

impl Draft {
    /// The gate that keeps it from beginning.
    pub fn refused(&self) -> Option<&Gate> {
        self.decision.gates.iter().find(|gate| !gate.passed)
    }
}

impl Executor {
    /// What replacing would be.
    ///
    /// # Errors
    /// Where anything that hangs on the customer gateway cannot be read: nothing is planned on a part of it.
    pub async fn draft(&self, asked: &Asked) -> Result<Draft, ExecuteError> {
        match self.drafted(asked).await {
            Err(ExecuteError::Cloud(error)) if error.is_no_such_region() => Ok(self.without_region(&asked.want)),
            other => other,
        }
    }

    fn without_region(&self, want: &Want) -> Draft {
        let inventory = Inventory {
            region: want.desired.region.clone(),
            read_at: self.clock.now(),
            customer_gateways: Vec::new(),
            connections: Vec::new(),
            connections_read: false,
        };
        let subjects = Subjects::find(&want.desired, &inventory);
        let snapshot = replacement::listed(&subjects, &inventory);
        Draft { decision: want.without_region(), plan: None, snapshot, subjects, read_at: self.clock.uptime() }
    }

    async fn drafted(&self, asked: &Asked) -> Result<Draft, ExecuteError> {
        let executor = self;
        let inventory = executor.look(&asked.want.desired.region, true).await?;
        let mut decision = executor.decide(&asked.want, &inventory);
        let subjects = Subjects::find(&asked.want.desired, &inventory);
        if decision.kind != DecisionKind::Replace {
            let snapshot = replacement::listed(&subjects, &inventory);
            return Ok(Draft { decision, plan: None, snapshot, subjects, read_at: executor.clock.uptime() });
        }
        let mut snapshot = self.snapshot(&subjects, &inventory, asked.manner).await?;
        let read_at = executor.clock.uptime();
        supply(&mut snapshot, &asked.keys);
        let mut remembered = executor.journal.borrow().progress().worked.clone();
        if asked.manner.planned {
            self.look_twice(&subjects, &snapshot, &mut remembered).await?;
        }
        let mut plan = replacement::draft(&asked.id, &asked.want.desired, &subjects, &snapshot, &inventory, asked.manner, &remembered);
        plan.moved_before = replacement::moved_before(&subjects, &inventory, &executor.journal.borrow().progress().replacements);
        let mut evidence = asked.evidence.clone();
        evidence.clock_offset = executor.client.clock_offset();
        if asked.dry_run {
            evidence.dry_run = Some(self.try_creations(&plan, &snapshot).await);
        }
        let gates = {
            let journal = executor.journal.borrow();
            evidence.free_bytes = journal.free_bytes();
            let replacements = &journal.progress().replacements;
            let (plan, desired, may_adopt) = (&plan, &asked.want.desired, asked.want.policy.adopt);
            let case = replacement::Case { plan, desired, subjects: &subjects, snapshot: &snapshot, inventory: &inventory, may_adopt };
            replacement::gates(case, replacements, &evidence, executor.now())
        };
        if plan.steps().any(|step| matches!(step.op, Op::CreateGateway { .. })) {
            decision.findings.extend(may_be_full(inventory.customer_gateways.len(), &inventory.region));
        }
        // The owner's gate of the decision and of the plan are one.
        decision.gates.retain(|gate| gates.iter().all(|own| own.name != gate.name));
        decision.gates.extend(gates);
        decision.steps =
            plan.steps().filter(|step| replacement::is_shown(&step.op)).map(|step| replacement::describe(&plan, &snapshot, step)).collect();
        decision.next = Next::Nothing;
        if decision.gates.iter().any(|gate| !gate.passed && !replacement::opens_by_itself(gate)) {
            decision.kind = DecisionKind::Blocked;
        }
        Ok(Draft { decision, plan: Some(plan), snapshot, subjects, read_at })
    }

    /// A tunnel that is just negotiating anew is up again soon; taken for dead, it would not be waited for, and the other one be moved
    /// meanwhile.
    async fn look_twice(&self, subjects: &Subjects, snapshot: &Snapshot, remembered: &mut Worked) -> Result<(), CloudError> {
        let half = replacement::half_in_use(subjects, snapshot);
        if half.is_empty() {
            return Ok(());
        }
        tokio::time::sleep(SECOND_LOOK).await;
        for id in half {
            if let Some((shape, _)) = self.client.whole_connection(&snapshot.region, &id).await? {
                replacement::seen_at_work(remembered, &shape);
            }
        }
        Ok(())
    }

    /// Everything that hangs on the customer gateways and would be lost, each connection described by itself: the list can leave things out.
    async fn snapshot(&self, subjects: &Subjects, inventory: &Inventory, manner: Manner) -> Result<Snapshot, ExecuteError> {
        let region = inventory.region.as_str();
        let mut routes = RoutesOfGateways::default();
        let mut connections = Vec::new();
        let moved: Vec<&IpsecConnection> = inventory.connections.iter().filter(|connection| subjects.moves(connection)).collect();
        let is_made_again = |connection: &IpsecConnection| replacement::is_made_again(connection, subjects, manner);
        let described =
            |connection: &&IpsecConnection| is_made_again(connection) && matches!(connection.attachment, Attachment::TransitRouter(_));
        let descriptions = if moved.iter().any(described) { self.descriptions(region).await? } else { BTreeMap::new() };
        for listed in moved {
            // Either is the older reading. On the word of one a connection would be left behind, be made anew that somebody deleted, or
            // be deleted without what binds it to a transit router.
            let described = self.client.whole_connection(region, &listed.id).await?;
            let agrees = |shape: &IpsecConnection| subjects.moves(shape) && shape.attachment == listed.attachment;
            let Some((shape, body)) = described.filter(|(shape, _)| agrees(shape)) else { return Err(contradicted(&listed.id)) };
            let mut connection = ConnectionSnapshot {
                id: shape.id.clone(),
                body,
                description: descriptions.get(&shape.id).cloned(),
                routes: Vec::new(),
                policies: Vec::new(),
                connection_routes: Vec::new(),
                attachment: None,
                authorizations: Vec::new(),
                shape,
            };
            // What is pointed elsewhere in place keeps all that hangs on it.
            if is_made_again(&connection.shape) {
                self.dependants(region, &mut connection, &mut routes).await?;
            }
            connections.push(connection);
        }
        Ok(Snapshot {
            format: SNAPSHOT_FORMAT,
            region: region.to_owned(),
            taken_at: inventory.read_at,
            gateways: self.gateways(region, subjects).await?,
            connections,
        })
    }

    /// Each described by itself. A BGP key that the cloud masks is the configured one's business.
    async fn gateways(&self, region: &str, subjects: &Subjects) -> Result<Vec<GatewaySnapshot>, CloudError> {
        let mut gateways = Vec::new();
        for listed in subjects.moved() {
            // What the list still shows and the description does not is gone; the plan's steps find that out for themselves.
            let described = self.client.whole_customer_gateway(region, &listed.id).await?;
            let mut gateway: GatewaySnapshot = described.as_ref().map_or(listed, |(gateway, _)| gateway).into();
            gateway.unknown = described.map(|(_, unknown)| unknown).unwrap_or_default();
            if gateway.auth_key.as_ref().is_some_and(is_masked) && self.auth_key.is_some() {
                gateway.auth_key.clone_from(&self.auth_key);
            }
            gateways.push(gateway);
        }
        Ok(gateways)
    }

    /// Only what is bound to a transit router has a description, and it can be read there alone (cloud/api.md 1.2).
    async fn descriptions(&self, region: &str) -> Result<BTreeMap<String, String>, CloudError> {
        self.client.attachment_descriptions(region).await
    }

    async fn dependants(
        &self,
        region: &str,
        connection: &mut ConnectionSnapshot,
        known: &mut RoutesOfGateways,
    ) -> Result<(), ExecuteError> {
        let client = &self.client;
        match connection.shape.attachment.clone() {
            Attachment::VpnGateway(gateway) => {
                if !known.0.contains_key(&gateway) {
                    let read = (client.destination_routes(region, &gateway).await?, client.policy_routes(region, &gateway).await?);
                    known.0.insert(gateway.clone(), read);
                }
                if let Some((routes, policies)) = known.0.get(&gateway) {
                    connection.routes = routes.iter().filter(|route| route.next_hop == connection.id).cloned().collect();
                    connection.policies = policies.iter().filter(|policy| policy.next_hop == connection.id).cloned().collect();
                }
            }
            Attachment::TransitRouter(router) => {
                connection.connection_routes = client.connection_routes(region, &connection.id).await?;
                connection.attachment = client.router_attachment(region, &router, &connection.id).await?;
                if let Some(attachment) = &mut connection.attachment {
                    attachment.static_routes = client.static_routes(&router, &attachment.id).await?;
                }
                if connection.shape.cross_account {
                    connection.authorizations = client.authorizations(region, &connection.id).await?;
                }
            }
            Attachment::Unbound => {
                if connection.shape.cross_account {
                    connection.authorizations = client.authorizations(region, &connection.id).await?;
                }
            }
        }
        Ok(())
    }

    /// Whether the cloud would make again what is to be deleted. That the old one is still there is no objection.
    async fn try_creations(&self, plan: &ReplacementPlan, snapshot: &Snapshot) -> Result<String, NotTried> {
        let mut tried = 0;
        for (step, connection) in made_again(plan, snapshot) {
            let body = &connection.body.0;
            // As it will be sent, the plan's mark included: the cloud limits how many tags there are.
            let tags = connection_tags(connection, &format!("{}.{step}", plan.id));
            // Each has a token of its own: one that comes back with other parameters is refused (cloud/api.md 1.4).
            let call = creation(&plan.region, connection, body, &tags, true, &format!("{}-try-{}", plan.id, tried + 1));
            match self.client.dry_run(&call).await {
                Ok(()) => {}
                Err(error) if error.is_already_exist() || error.is_quota() => {}
                Err(error) => {
                    let why = format!("the cloud would not make {} again: {error}; {}", connection.id, error.remedy);
                    let is_about_rights = error.is_forbidden() || error.is_about_credentials();
                    return Err(if is_about_rights { NotTried::Forbidden(why) } else { NotTried::Refused(why) });
                }
            }
            tried += 1;
        }
        Ok(match tried {
            0 => "nothing is made again, and pointing elsewhere has no dry run".to_owned(),
            tried => format!(
                "the cloud would make {tried} connections again; their routes and bindings name a connection that does not exist yet, so those cannot be tried"
            ),
        })
    }
}

fn contradicted(connection: &str) -> ExecuteError {
    let problem =
        format!("the list shows {connection} at the customer gateway, and its own description shows it bound otherwise or not at all");
    ExecuteError::Cloud(inconsistent("DescribeVpnConnection", problem, None))
}

fn made_again<'a>(plan: &'a ReplacementPlan, snapshot: &'a Snapshot) -> impl Iterator<Item = (&'a str, &'a ConnectionSnapshot)> {
    plan.steps().filter_map(|step| match &step.op {
        Op::CreateConnection { connection } => Some((step.id.as_str(), snapshot.connection(connection)?)),
        _ => None,
    })
}

/// Destination and policy routes by VPN gateway, each read once.
#[derive(Default)]
struct RoutesOfGateways(BTreeMap<String, (Vec<DestinationRoute>, Vec<PolicyRoute>)>);

/// Puts the keys that were supplied where the cloud masks them or shows none.
fn supply(snapshot: &mut Snapshot, keys: &[SuppliedKey]) {
    for key in keys {
        let Some(connection) = snapshot.connections.iter_mut().find(|connection| connection.id == key.connection) else { continue };
        let tunnels: Vec<(u8, String)> = connection.shape.tunnels.iter().map(|tunnel| (tunnel.index, tunnel.id.clone())).collect();
        if tunnels.is_empty() {
            supply_key(connection, 0, key.psk.reveal());
        }
        for (index, id) in tunnels {
            if key.tunnel.as_ref().is_none_or(|tunnel| *tunnel == id) {
                supply_key(connection, index, key.psk.reveal());
            }
        }
    }
}
