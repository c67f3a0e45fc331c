//! What is watched at every call: the invariants of reliability.md 3.1 that can be told from the disk, the cloud and what goes out.

use super::fault::Act;
use super::others::HAND;
use super::topology::{NEXT, is_ours};
use super::truth::Truth;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cgwd::cloud::signature::sha256_hex;
use cgwd::cloud::transport::SignedRequest;
use cgwd::cloud::wire::{Parameters, decoded_pairs};
use cgwd::journal::replay::{PendingWrite, Progress, ReplacementProgress};
use cgwd::journal::store::Memory;
use cgwd::model::{ConnectionSnapshot, Op, ReplacementOutcome, Snapshot, Timestamp};
use cgwd::simulator::objects::{Connection, Objects};
use cgwd::system::seal::SealKey;
use jiff::SignedDuration;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The tries of one call, and what it waits for between a reading and the call.
const BETWEEN: SignedDuration = SignedDuration::from_secs(60);

/// The place of a list of customer gateways among what was read.
const LISTED: &str = "*";

#[derive(Default)]
pub struct Witness {
    progress: Option<Progress>,
    records: usize,
    corrupt: Option<String>,
    /// What was looked at last: changes of the cloud and records on disk.
    seen: Option<(u64, usize)>,
    /// The snapshot of the open plan, as it was read from disk.
    opened: Option<(String, Snapshot)>,
    /// Parameters by ClientToken.
    sent: BTreeMap<String, String>,
    /// By connection or customer gateway, when this process read it: first and last.
    reads: BTreeMap<String, (Timestamp, Timestamp)>,
    /// Customer gateways that were not there at first.
    made: BTreeSet<String>,
    lands_until: Option<Timestamp>,
    /// A person gives the replacement up.
    gives_up: bool,
}

/// What the write is to its step.
#[derive(Clone, Copy)]
struct Step<'a> {
    id: &'a str,
    goes_back: bool,
    again: bool,
}

/// A write that goes out, taken apart.
struct Call<'a> {
    action: &'a str,
    query: Parameters,
    body: Parameters,
}

impl Witness {
    pub fn new_process(&mut self) {
        self.reads.clear();
        self.gives_up = false;
    }

    /// A stop lasts while it is given up, and what is missing is made all the same.
    pub fn gives_up(&mut self, gives_up: bool) {
        self.gives_up = gives_up;
    }

    pub fn forget_disk(&mut self) {
        *self = Witness {
            sent: std::mem::take(&mut self.sent),
            made: std::mem::take(&mut self.made),
            lands_until: self.lands_until,
            ..Witness::default()
        };
    }

    /// A write was sent whose effect comes then.
    pub fn lands(&mut self, at: Timestamp) {
        self.lands_until = self.lands_until.max(Some(at));
    }

    pub fn is_under_way(&self, now: Timestamp) -> bool {
        self.lands_until.is_some_and(|until| now <= until)
    }

    pub fn has_seen(&mut self, changes: u64, records: usize) -> bool {
        self.seen.replace((changes, records)) == Some((changes, records))
    }

    /// An answer came, of a connection or of a list.
    pub fn read(&mut self, truth: &mut Truth, action: &str, about: Option<&str>, now: Timestamp, lag: SignedDuration) {
        if let Some(id) = about.filter(|_| action == "DescribeVpnConnection" || action == "DescribeCustomerGateway") {
            self.reads.entry(id.to_owned()).or_insert((now, now)).1 = now;
        }
        if action == "DescribeCustomerGateways" {
            self.reads.entry(LISTED.to_owned()).or_insert((now, now)).1 = now;
        }
        if truth.edits.is_empty() {
            return;
        }
        let first = about.map(|id| truth.first(id).to_owned());
        for edit in &mut truth.edits {
            let shows = match edit.act {
                Act::Route => action.ends_with("RouteEntries") && !action.contains("Pbr"),
                Act::UnmarksOld | Act::UnmarksNew => action.starts_with("DescribeCustomerGateway"),
                Act::UsesOld => action.starts_with("DescribeVpnConnection"),
                _ => action == "DescribeVpnConnection" && first.as_deref() == Some(edit.of.as_str()),
            };
            // What an older reading hides again is as good as unseen.
            if shows {
                edit.seen = now.duration_since(edit.at) >= lag;
            }
        }
    }

    /// Takes in what is new on the disk.
    pub fn look(&mut self, memory: &Memory, truth: &mut Truth) {
        if self.records > memory.count() {
            self.forget_disk();
        }
        if self.records == memory.count() {
            return;
        }
        let progress = self.progress.get_or_insert_with(|| Progress::new("memory"));
        for entry in memory.after(self.records) {
            if let Err(error) = progress.apply(&entry) {
                self.corrupt.get_or_insert(error.to_string());
            }
            if let cgwd::journal::Record::ReplacementPlanned { plan, .. } = &entry.record {
                truth.plan(plan);
            }
        }
        self.records = memory.count();
    }

    /// I1 and I4, at any time.
    pub fn state(&mut self, objects: &Objects, truth: &mut Truth) -> Result<(), String> {
        if let Some(corrupt) = &self.corrupt {
            return Err(format!("I13: the journal contradicts itself: {corrupt}"));
        }
        self.successors(objects, truth);
        for gateway in objects.customer_gateways.iter().filter(|gateway| truth.objects.customer_gateway(&gateway.id).is_none()) {
            self.made.insert(gateway.id.clone());
        }
        let replacements = self.progress.as_ref().map(|progress| &progress.replacements);
        let open = replacements.and_then(|all| all.open.as_ref());
        let mut stood_in_for = None;
        for first in &truth.planned {
            let live = truth.live(objects, first).count();
            if live > 1 {
                return Err(format!("I4: {first} is there {live} times"));
            }
            let is_planned = |op: &Op| matches!(op, Op::CreateConnection { connection } if truth.first(connection) == first);
            let kept = || open.is_some_and(|open| open.plan.steps().any(|step| is_planned(&step.op)));
            if live == 0 && !truth.deleted.contains_key(first) && !kept() {
                // A person gave up where another one had made it by hand.
                let last = replacements.and_then(|all| all.last.as_ref());
                let by_a_person = last.is_some_and(|last| last.outcome == ReplacementOutcome::Abandoned && !last.by_itself);
                if by_a_person && objects.connection(HAND).is_some() {
                    stood_in_for = Some(first.clone());
                    continue;
                }
                return Err(format!("I1: {first} is neither live nor on the disk"));
            }
        }
        if let Some(first) = stood_in_for {
            truth.delete(&first);
        }
        Ok(())
    }

    /// What a plan made bears its mark, and takes the place of the one that the step is about.
    fn successors(&self, objects: &Objects, truth: &mut Truth) {
        let open = self.progress.as_ref().and_then(|progress| progress.replacements.open.as_ref());
        for connection in objects.connections.iter() {
            if truth.objects.connection(&connection.id).is_some() || truth.successors.contains_key(&connection.id) {
                continue;
            }
            let step = connection.tags.get("cgwd-plan").and_then(|mark| mark.split_once('.'));
            let planned =
                step.zip(open).filter(|((plan, _), open)| open.plan.id == *plan).and_then(|((_, step), open)| open.plan.step(step));
            if let Some(of) = planned.and_then(|step| step.op.connection()) {
                let first = truth.first(of).to_owned();
                truth.successors.insert(connection.id.clone(), first);
            }
        }
    }

    /// Everything that must be so before a write goes out.
    pub fn write(
        &mut self,
        request: &SignedRequest,
        objects: &Objects,
        truth: &mut Truth,
        seal: &SealKey,
        now: Timestamp,
    ) -> Result<(), String> {
        self.state(objects, truth)?;
        let call = Call::of(request)?;
        let Some(progress) = self.progress.take() else { return Err(format!("I6: {} went out with nothing on disk", call.action)) };
        let result = self.planned(&call, &progress, objects, truth, seal, now);
        self.progress = Some(progress);
        result
    }

    fn planned(
        &mut self,
        call: &Call<'_>,
        progress: &Progress,
        objects: &Objects,
        truth: &mut Truth,
        seal: &SealKey,
        now: Timestamp,
    ) -> Result<(), String> {
        let registers = progress.pending.as_ref().filter(|pending| call.is_of(pending));
        if registers.is_some() {
            let id = call.value("CustomerGatewayId").filter(|_| call.action == "DeleteCustomerGateway");
            if let Some(id) = id.filter(|id| objects.customer_gateway(id).is_some_and(|gateway| !is_ours(gateway))) {
                overwrites(truth, id, &[Act::UnmarksOld, Act::UnmarksNew], now, "the mark that was taken off")?;
            }
            return self.repeated(call);
        }
        let Some(open) = &progress.replacements.open else {
            return Err(format!("I6: {} went out with no plan on disk", call.action));
        };
        let opens_a_gap = ["DeleteVpnConnection", "DeleteCustomerGateway", "DeleteTransitRouterVpnAttachment"].contains(&call.action);
        let makes_whole = self.gives_up && !opens_a_gap;
        if open.stopped.is_some() && !makes_whole {
            return Err(format!("I15: {} went out after a stop", call.action));
        }
        let found = open.steps.iter().find_map(|(id, step)| step.open.as_ref().filter(|write| call.is_of(write)).map(|write| (id, write)));
        let Some((step, write)) = found else {
            return Err(format!("I6: {} went out without its intent on disk", call.action));
        };
        if write.request_hash != call.hash() {
            return Err(format!("I6: {} is not the request that step {step} meant", call.action));
        }
        self.repeated(call)?;
        let id = step.as_str();
        let step = Step { id, goes_back: step.starts_with("back-"), again: write.resent };
        match call.action {
            "DeleteCustomerGateway" => self.deletes_gateway(call, open, objects, truth, now, step),
            "ModifyTunnelAttribute" | "ModifyVpnAttachmentAttribute" => self.points(call, open, objects, truth, now, step),
            "DeleteVpnRouteEntry"
            | "DeleteVpnPbrRouteEntry"
            | "DissociateTransitRouterAttachmentFromRouteTable"
            | "DisableTransitRouterRouteTablePropagation"
            | "DeleteTransitRouterVpnAttachment"
            | "DeleteVpnConnection"
            | "DeleteVpnAttachment" => self.opens_gap(call, open, objects, truth, seal, now, step),
            "TagResources" | "UnTagResources" => self.tags(call, objects, truth),
            "CreateCustomerGateway" => {
                let ip = call.value("IpAddress").unwrap_or_default();
                let meant =
                    [Some(&open.plan.new), open.plan.temporary.as_ref()].into_iter().flatten().any(|target| target.ip.to_string() == ip);
                if meant { Ok(()) } else { Err(format!("I5: a customer gateway with {ip} is in no plan")) }
            }
            action
                if action.starts_with("Create")
                    || action.starts_with("Associate")
                    || action.starts_with("Enable")
                    || action.starts_with("Publish") =>
            {
                self.makes(call, open, step.id, truth)
            }
            action => Err(format!("I5: {action} has no place here")),
        }
    }

    /// I6: one token, one request.
    fn repeated(&mut self, call: &Call<'_>) -> Result<(), String> {
        let Some(token) = call.value("ClientToken") else { return Ok(()) };
        let text = format!("{}?{}#{}", call.action, call.query.canonical(), call.body.canonical());
        let first = self.sent.entry(token.to_owned()).or_insert_with(|| text.clone());
        if *first == text { Ok(()) } else { Err(format!("I6: {} bears the ClientToken of another request", call.action)) }
    }

    /// I2: read twice, so far apart, the second time right before.
    fn read_twice(&self, id: &str, open: &ReplacementProgress, now: Timestamp, again: bool) -> Result<(), String> {
        let apart = SignedDuration::from_millis(i64::try_from(open.plan.recheck_ms).unwrap_or(i64::MAX));
        // A list shows each customer gateway.
        let listed = self.reads.get(LISTED).filter(|_| id.starts_with("cgw-"));
        let own = self.reads.get(id).into_iter().chain(listed).copied();
        let Some((first, last)) = own.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1))) else {
            return Err(format!("I2: {id} was not read before"));
        };
        // A copy of what was sent before does no more than that one.
        if now.duration_since(first) < apart && !again {
            return Err(format!("I2: {id} was read for the first time {:#} before", now.duration_since(first)));
        }
        if now.duration_since(last) > BETWEEN {
            return Err(format!("I2: {id} was read for the last time {:#} before", now.duration_since(last)));
        }
        Ok(())
    }

    fn deletes_gateway(
        &self,
        call: &Call<'_>,
        open: &ReplacementProgress,
        objects: &Objects,
        truth: &mut Truth,
        now: Timestamp,
        step: Step<'_>,
    ) -> Result<(), String> {
        let id = call.value("CustomerGatewayId").unwrap_or_default();
        if !open.plan.is_old(id) && !self.made.contains(id) {
            return Err(format!("I5: customer gateway {id} is in no plan"));
        }
        if objects.customer_gateway(id).is_some_and(|gateway| !is_ours(gateway)) {
            overwrites(truth, id, &[Act::UnmarksOld, Act::UnmarksNew], now, "the mark that was taken off")?;
        }
        if open.plan.is_old(id) && !step.goes_back { self.read_twice(id, open, now, step.again) } else { Ok(()) }
    }

    /// A tunnel, or a single-tunnel connection, gets another customer gateway.
    fn points(
        &self,
        call: &Call<'_>,
        open: &ReplacementProgress,
        objects: &Objects,
        truth: &mut Truth,
        now: Timestamp,
        step: Step<'_>,
    ) -> Result<(), String> {
        let id = call.value("VpnConnectionId").unwrap_or_default();
        let first = truth.first(id).to_owned();
        if !truth.planned.contains(&first) {
            return Err(format!("I5: {id} is in no plan"));
        }
        let Some(connection) = objects.connection(id) else { return Ok(()) };
        let (gateway, psk, status) = match call.tunnel(connection) {
            Some(tunnel) => (&tunnel.customer_gateway, &tunnel.ike.psk, &tunnel.status),
            None => (&connection.customer_gateway, &connection.ike.psk, &connection.status),
        };
        // One that a plan has adopted is where it points, whatever becomes of the mark.
        let is_new = self.made.contains(gateway) || truth.adopted.contains(gateway) || open.plan.new.id.as_ref() == Some(gateway);
        let ours = truth.replaced.contains(gateway) || is_new;
        if !ours && objects.customer_gateway(gateway).is_some_and(|stranger| !is_ours(stranger)) {
            overwrites(truth, &first, &[Act::Elsewhere], now, "where it was pointed")?;
        }
        if call.psk().is_some_and(|sent| sent != *psk) {
            overwrites(truth, &first, &[Act::Psk], now, "the pre-shared key")?;
        }
        if step.goes_back {
            return Ok(());
        }
        // A connection that is half taken apart is made again, whatever the device is now; one that is whole stays where it was.
        let left = truth.moved.filter(|_| open.plan.new.ip != NEXT).map(|moved| now.duration_since(moved));
        if let Some(left) = left.filter(|left| *left > BETWEEN) {
            return Err(format!("I10: {id} is pointed at an address that the device left {left:#} before"));
        }
        if !open.plan.planned && truth.replaced.contains(gateway) && status == cgwd::simulator::device::ESTABLISHED {
            return Err(format!("I10: a tunnel of {id} works, and is pointed elsewhere"));
        }
        self.read_twice(id, open, now, step.again)
    }

    /// I1 and I2: what is about to be lost is on the disk, whole, and is what the cloud holds.
    #[allow(clippy::too_many_arguments, reason = "all that the call is judged by")]
    fn opens_gap(
        &mut self,
        call: &Call<'_>,
        open: &ReplacementProgress,
        objects: &Objects,
        truth: &mut Truth,
        seal: &SealKey,
        now: Timestamp,
        step: Step<'_>,
    ) -> Result<(), String> {
        let bound = |id: &str| objects.attachments.iter().find(|own| own.id == id).map(|own| own.connection.clone());
        let id = match call.action {
            "DeleteTransitRouterVpnAttachment" if call.value("Force") == Some("true") => {
                return Err("I5: a binding is deleted by force, with whatever else is tied to it".to_owned());
            }
            "DissociateTransitRouterAttachmentFromRouteTable"
            | "DisableTransitRouterRouteTablePropagation"
            | "DeleteTransitRouterVpnAttachment" => match call.value("TransitRouterAttachmentId").and_then(bound) {
                Some(id) => id,
                None => return Ok(()),
            },
            "DeleteVpnRouteEntry" | "DeleteVpnPbrRouteEntry" => call.value("NextHop").unwrap_or_default().to_owned(),
            _ => call.value("VpnConnectionId").unwrap_or_default().to_owned(),
        };
        let first = truth.first(&id).to_owned();
        let is_made_again = |op: &Op| matches!(op, Op::CreateConnection { connection } if *connection == id);
        if !open.plan.steps().any(|step| is_made_again(&step.op)) {
            // What the system made itself for the one that was made again is corrected.
            let corrects = call.action.ends_with("RouteEntry") && truth.planned.contains(&first) && first != id;
            return if corrects { Ok(()) } else { Err(format!("I5: {} of {id} is in no plan", call.action)) };
        }
        self.open(open, seal)?;
        let snapshot = self
            .opened
            .as_ref()
            .and_then(|(_, snapshot)| snapshot.connection(&id))
            .ok_or_else(|| format!("I1: {id} is not in the snapshot"))?;
        if let Some(connection) = objects.connection(&id) {
            fits(snapshot, connection, objects, truth, &first, now)?;
            let works = |gateway: &str, status: &str| truth.replaced.contains(gateway) && status == cgwd::simulator::device::ESTABLISHED;
            let dual = connection.tunnels.iter().any(|tunnel| works(&tunnel.customer_gateway, &tunnel.status));
            if !open.plan.planned && (dual || works(&connection.customer_gateway, &connection.status)) {
                return Err(format!("I10: {id} works, and is deleted"));
            }
        }
        self.read_twice(&id, open, now, step.again)
    }

    /// The sealed snapshot of the open plan, opened as after a crash.
    fn open(&mut self, open: &ReplacementProgress, seal: &SealKey) -> Result<(), String> {
        if self.opened.as_ref().is_some_and(|(plan, _)| *plan == open.plan.id) {
            return Ok(());
        }
        let lost = |why: String| format!("I1: the snapshot on disk cannot be used: {why}");
        let sealed = STANDARD.decode(&open.sealed).map_err(|error| lost(error.to_string()))?;
        let text = seal.open(&open.plan.id, &sealed).map_err(|error| lost(error.to_string()))?;
        let snapshot = serde_json::from_slice(&text).map_err(|error| lost(error.to_string()))?;
        self.opened = Some((open.plan.id.clone(), snapshot));
        Ok(())
    }

    fn makes(&self, call: &Call<'_>, open: &ReplacementProgress, step: &str, truth: &mut Truth) -> Result<(), String> {
        if let Some(Op::CreateConnection { connection }) = open.plan.step(step).map(|step| &step.op) {
            let first = truth.first(connection).to_owned();
            let deletes = open.plan.steps().find(|step| matches!(&step.op, Op::DeleteConnection { connection: own } if own == connection));
            let sent = deletes.and_then(|step| open.steps.get(&step.id)).is_some_and(|step| step.may_have_happened());
            if truth.deleted.contains_key(&first) && !sent {
                return Err(format!("I5: {first} is made again, which somebody has deleted"));
            }
            if truth.deleted.contains_key(&first) {
                truth.made_again.insert(first);
            }
        }
        let over = call.value("NextHop").map(|id| truth.first(id).to_owned());
        match over {
            Some(first) if !truth.planned.contains(&first) => Err(format!("I5: {} over {first} is in no plan", call.action)),
            _ => Ok(()),
        }
    }

    fn tags(&self, call: &Call<'_>, objects: &Objects, truth: &mut Truth) -> Result<(), String> {
        let id = call.value("ResourceId.1").unwrap_or_default();
        if call.action == "UnTagResources" && call.value("TagKey.1") != Some("cgwd-plan") {
            return Err(format!("I5: tags of {id} are taken off that are not the plan's"));
        }
        let foreign = objects
            .customer_gateway(id)
            .is_some_and(|gateway| gateway.tags.get("cgwd-device").is_some_and(|device| device != super::topology::DEVICE));
        let known = self.made.contains(id) || truth.successors.contains_key(id) || objects.customer_gateway(id).is_some_and(|_| !foreign);
        if !known {
            return Err(format!("I5: {id} is in no plan and gets other tags"));
        }
        if call.action == "TagResources" && truth.objects.customer_gateway(id).is_some_and(|gateway| !is_ours(gateway)) {
            truth.adopted.insert(id.to_owned());
        }
        Ok(())
    }
}

/// What of a connection would be lost with it is in its snapshot.
fn fits(
    snapshot: &ConnectionSnapshot,
    connection: &Connection,
    objects: &Objects,
    truth: &mut Truth,
    first: &str,
    now: Timestamp,
) -> Result<(), String> {
    let kept = kept_keys(&snapshot.body.0);
    let keys = |connection: &Connection| -> Vec<String> {
        match connection.is_dual() {
            true => connection.tunnels.iter().map(|tunnel| tunnel.ike.psk.clone()).collect(),
            false => vec![connection.ike.psk.clone()],
        }
    };
    if kept != keys(connection) {
        overwrites(truth, first, &[Act::Psk], now, "a pre-shared key")?;
    }
    if snapshot.shape.tags != connection.tags {
        overwrites(truth, first, &[Act::Tag], now, "the tags")?;
    }
    let mut own = objects.routes.iter().filter(|route| route.next_hop == connection.id && route.learnt.is_none());
    let destinations = snapshot.routes.iter().map(|route| &route.destination);
    let of_policies = snapshot.policies.iter().map(|policy| &policy.destination);
    let kept: Vec<&String> =
        destinations.chain(of_policies).chain(snapshot.connection_routes.iter().map(|route| &route.destination)).collect();
    if own.any(|route| !kept.contains(&&route.destination)) {
        overwrites(truth, first, &[Act::Route], now, "a route")?;
    }
    let gateways = |one: &[String]| one.to_vec();
    let was: Vec<String> = snapshot.shape.tunnels.iter().map(|tunnel| tunnel.customer_gateway_id.clone()).collect();
    let is: Vec<String> = connection.tunnels.iter().map(|tunnel| tunnel.customer_gateway.clone()).collect();
    if gateways(&was) != gateways(&is) || snapshot.shape.customer_gateway_id != connection.customer_gateway && !connection.is_dual() {
        overwrites(truth, first, &[Act::Elsewhere, Act::UsesOld], now, "where it was pointed")?;
    }
    Ok(())
}

/// The pre-shared keys of a description: of its tunnels, or of itself.
fn kept_keys(body: &Value) -> Vec<String> {
    let key =
        |object: &Value, ike: &str| object.get(ike).and_then(|ike| ike.get("Psk")).and_then(Value::as_str).unwrap_or_default().to_owned();
    match body.pointer("/TunnelOptionsSpecification/TunnelOptions").and_then(Value::as_array) {
        Some(tunnels) if !tunnels.is_empty() => tunnels.iter().map(|tunnel| key(tunnel, "TunnelIkeConfig")).collect(),
        _ => vec![key(body, "IkeConfig")],
    }
}

/// I2 and I5: only what nobody could know of yet may be overwritten.
fn overwrites(truth: &mut Truth, of: &str, acts: &[Act], now: Timestamp, what: &str) -> Result<(), String> {
    let mut edits = truth.edits.iter().filter(|edit| edit.of == of && acts.contains(&edit.act)).peekable();
    if edits.peek().is_none() {
        return Err(format!("I2: {what} of {of} is lost, and nobody had changed it"));
    }
    let hidden = |act: Act| act == Act::Psk && truth.masked;
    if let Some(edit) = edits.find(|edit| !hidden(edit.act) && (edit.seen || now.duration_since(edit.at) > super::STALEST)) {
        return Err(format!("I2: {what} of {of} is overwritten, which somebody had changed {:#} before", now.duration_since(edit.at)));
    }
    truth.may_be_lost.insert(of.to_owned());
    Ok(())
}

impl Call<'_> {
    fn of(request: &SignedRequest) -> Result<Call<'_>, String> {
        let pairs = |text: &str| {
            decoded_pairs(text)
                .map(|pairs| pairs.into_iter().collect::<Parameters>())
                .ok_or_else(|| format!("{} is no form", request.action))
        };
        let body = if request.body.is_empty() { Parameters::new() } else { pairs(&String::from_utf8_lossy(&request.body))? };
        Ok(Call { action: &request.action, query: pairs(&request.query)?, body })
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.query.value(name).or_else(|| self.body.value(name))
    }

    fn is_of(&self, write: &PendingWrite) -> bool {
        if write.action != self.action {
            return false;
        }
        match self.value("ClientToken") {
            Some(token) => token == write.client_token,
            None => self.value("ResourceId.1") == Some(write.target.as_str()),
        }
    }

    /// As a journal keeps it: everything but the token, and of secrets only that they are there.
    fn hash(&self) -> String {
        let open = |parameters: &Parameters| -> String {
            let known = parameters.pairs().filter(|(name, _)| *name != "ClientToken");
            known.map(|(name, value)| (name.to_owned(), without_secrets(name, value))).collect::<Parameters>().canonical()
        };
        sha256_hex(format!("{}\n{}\n{}", self.action, open(&self.query), open(&self.body)).as_bytes())
    }

    /// The tunnel that it is about.
    fn tunnel<'c>(&self, connection: &'c Connection) -> Option<&'c cgwd::simulator::objects::Tunnel> {
        let index = self.value("TunnelOptionsSpecification.1.TunnelIndex").and_then(|index| index.parse::<u8>().ok());
        let id = self.value("TunnelId").or_else(|| self.value("TunnelOptionsSpecification.1.TunnelId"));
        connection.tunnels.iter().find(|tunnel| id.map_or(Some(tunnel.index) == index, |id| tunnel.id == id))
    }

    fn psk(&self) -> Option<String> {
        let mut all = self.query.pairs().chain(self.body.pairs());
        let sent = all.find(|(name, _)| name.ends_with(".Psk")).map(|(_, value)| value.to_owned());
        sent.or_else(|| {
            let ike: Value = serde_json::from_str(self.value("IkeConfig")?).ok()?;
            ike.get("Psk").and_then(Value::as_str).map(str::to_owned)
        })
    }
}

/// Of a JSON text only the keys are secrets.
fn without_secrets(name: &str, value: &str) -> String {
    match serde_json::from_str(value) {
        _ if !is_secret(name) => value.to_owned(),
        Ok(Value::Object(fields)) if name.ends_with("Config") => {
            let open = fields.into_iter().map(|(name, value)| if is_secret(&name) { (name, Value::from("hidden")) } else { (name, value) });
            Value::Object(open.collect()).to_string()
        }
        _ => "hidden".to_owned(),
    }
}

fn is_secret(name: &str) -> bool {
    name.ends_with("Psk") || name.ends_with("AuthKey") || name.ends_with("Config")
}
