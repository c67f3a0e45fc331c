//! One region: its objects, their past (for stale reads), its memory of tokens, and the calls it answers.

use super::check;
use super::device::{Device, Devices, Peers};
use super::objects::{Objects, Pending};
use super::random::Random;
use super::rate::{self, Rates};
use super::request::Request;
use super::response::{ApiError, Reply, Response};
use super::switches::{Quota, RateLimits, Switches};
use super::tokens::Tokens;
use super::told::Told;
use super::{api, connection, customer_gateway, fault::Lag, pending, routes, tags, transit_router, vpn_gateway};
use crate::model::Timestamp;
use serde_json::Value;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

/// How many changes a stale read can look back over.
const PAST: usize = 256;

#[derive(Clone)]
pub struct Region {
    pub id: String,
    pub local_name: String,
    pub endpoint: String,
    pub quota: Quota,
    pub(super) switches: Switches,
    pub(super) account: String,
    pub(super) random: Random,
    objects: Rc<Objects>,
    pub(super) peers: Peers,
    /// When there was a change of which the consequences are not drawn yet.
    unsettled: Option<Timestamp>,
    /// When something ends or begins by itself.
    next: Option<Timestamp>,
    past: VecDeque<Past>,
    reads: u64,
    changes: u64,
    tokens: Tokens,
    rates: Rates,
    told: Told,
}

/// The state before a change, and when the change was.
#[derive(Clone)]
struct Past {
    at: Timestamp,
    reads: u64,
    before: Rc<Objects>,
}

impl Region {
    pub fn new(id: &str, switches: Switches, account: &str, random: &Random) -> Region {
        Region {
            id: id.to_owned(),
            local_name: id.to_owned(),
            endpoint: super::regions::endpoint(id),
            quota: Quota::default(),
            switches,
            account: account.to_owned(),
            random: random.fork(id),
            objects: Rc::default(),
            peers: Peers::default(),
            unsettled: None,
            next: None,
            past: VecDeque::new(),
            reads: 0,
            changes: 0,
            tokens: Tokens::default(),
            rates: Rates::default(),
            told: Told::default(),
        }
    }

    /// Answers one call of the VPC or the CBN API, with what is under way at `now` brought to its end first.
    pub fn handle(&mut self, request: &Request, now: Timestamp) -> Response {
        self.answer(request, now, None)
    }

    pub(super) fn answer(&mut self, request: &Request, now: Timestamp, stale: Option<Lag>) -> Response {
        self.settle(now);
        if let Err(wait) = self.admit(&request.action, now) {
            let mut refusal = self.failure(request, &rate::throttled());
            refusal.headers.push(("x-acs-retry-after".to_owned(), wait.as_millis().to_string()));
            return refusal;
        }
        let reply = match api::is_write(&request.action) {
            true => self.write_once(request, now).map(Rc::new),
            false => self.read(request, now, stale),
        };
        match reply {
            Ok(fields) => Response::success(self.random.request_id(), fields),
            Err(error) => self.failure(request, &error),
        }
    }

    fn failure(&mut self, request: &Request, error: &ApiError) -> Response {
        let host = request.headers.get("host").unwrap_or(&self.endpoint);
        Response::failure(self.random.request_id(), host, error)
    }

    fn admit(&mut self, action: &str, now: Timestamp) -> Result<(), Duration> {
        match self.switches.rate_limits {
            RateLimits::Off => Ok(()),
            RateLimits::Documented => self.rates.admit(action, now),
        }
    }

    /// The present state.
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// To change anything the way an operator would, behind the caller's back. Stale reads take note of it, and the
    /// tunnels act on it: their negotiation begins at `now`.
    pub fn change(&mut self, now: Timestamp) -> &mut Objects {
        self.settle(now);
        self.changes += 1;
        self.unsettled = Some(now);
        self.alter(now)
    }

    /// Grows with every change.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// The devices at the other ends of the tunnels, where the seed lists them.
    pub fn devices(&self) -> &[Device] {
        self.peers.devices()
    }

    /// To change a listed device, wherever it is; whether there is one of this name.
    pub fn change_device(&mut self, name: &str, now: Timestamp, change: impl FnOnce(&mut Device)) -> bool {
        self.settle(now);
        self.unsettled = Some(now);
        self.peers.device_mut(name).map(change).is_some()
    }

    /// Decides what the health checks of a connection find, whatever the device does; `None` leaves it to the device.
    pub fn set_health(&mut self, connection: &str, good: Option<bool>, now: Timestamp) {
        self.settle(now);
        self.unsettled = Some(now);
        self.peers.set_health(connection, good);
    }

    /// Every device takes over what the cloud has configured, as if somebody had gone there.
    pub fn configure_devices(&mut self, now: Timestamp) {
        self.settle(now);
        self.unsettled = Some(now);
        self.peers.learn(&self.objects);
    }

    /// Puts objects in place without a past, as a seed does.
    pub(super) fn place(&mut self, objects: Objects, devices: Devices, now: Timestamp) {
        self.objects = Rc::new(objects);
        self.peers = Peers::new(devices);
        let told = self.peers.settle_at_once(&self.objects, now);
        told.iter().for_each(|told| connection::tell(Rc::make_mut(&mut self.objects), told));
        self.next = self.next_event();
    }

    /// Shares the present state with the caller.
    pub(super) fn shared(&self) -> Rc<Objects> {
        self.objects.clone()
    }

    /// Brings everything that is due to its end, each at its own time.
    pub fn settle(&mut self, now: Timestamp) {
        while let Some(at) = self.unsettled.take().or(self.next.filter(|next| *next <= now)) {
            self.settle_at(at);
            self.next = self.next_event();
        }
    }

    fn settle_at(&mut self, at: Timestamp) {
        self.end_changes(at);
        let told = self.peers.negotiate(&self.objects, at, self.switches.negotiation());
        if !told.is_empty() {
            let objects = self.alter(at);
            told.iter().for_each(|told| connection::tell(objects, told));
        }
    }

    fn next_event(&self) -> Option<Timestamp> {
        let Objects { connections, attachments, routes, links, .. } = &*self.objects;
        let pendings = connections.iter().map(|own| &own.pending).chain(attachments.iter().map(|own| &own.pending));
        let pendings = pendings.chain(routes.iter().map(|own| &own.pending)).chain(links.iter().map(|own| &own.pending));
        let ends = pendings.flatten().map(|pending| pending.until);
        ends.chain(self.peers.next(self.switches.negotiation())).min()
    }

    fn end_changes(&mut self, at: Timestamp) {
        let due = |pending: &Option<Pending>| pending::is_due(pending.as_ref(), at);
        let Objects { connections, attachments, routes, links, .. } = &*self.objects;
        let connections = connections.iter().any(|own| due(&own.pending));
        let attachments = attachments.iter().any(|own| due(&own.pending));
        let routes = routes.iter().any(|own| due(&own.pending));
        let links = links.iter().any(|own| due(&own.pending));
        if !(connections || attachments || routes || links) {
            return;
        }
        let dangling = self.switches.dangling_routes;
        let objects = self.alter(at);
        if attachments {
            objects.attachments.retain_mut(|own| pending::finish(&mut own.status, &mut own.pending, at));
        }
        if routes {
            objects.routes.retain_mut(|own| pending::finish(&mut own.state, &mut own.pending, at));
        }
        if links {
            objects.links.retain_mut(|own| pending::finish(&mut own.status, &mut own.pending, at));
        }
        if connections {
            let before = objects.connections.len();
            objects.connections.retain_mut(|connection| !due(&connection.pending) || connection::finish(connection));
            if objects.connections.len() < before {
                connection::delete::outlive(objects, dangling);
            }
        }
    }

    /// The state to change, with the one before kept for stale reads. The end of an earlier call's work is no effect of
    /// the call that happens to come by, so this counts nothing.
    fn alter(&mut self, at: Timestamp) -> &mut Objects {
        // No read can fall between changes of one instant: the state before the first of them is enough.
        let same_instant = self.past.back().is_some_and(|past| (past.at, past.reads) == (at, self.reads));
        if !same_instant {
            if self.past.len() == PAST {
                self.past.pop_front();
            }
            self.past.push_back(Past { at, reads: self.reads, before: self.objects.clone() });
        }
        Rc::make_mut(&mut self.objects)
    }

    fn read(&mut self, request: &Request, now: Timestamp, stale: Option<Lag>) -> Result<Rc<Value>, ApiError> {
        self.reads += 1;
        let seen = self.seen(now, stale);
        match request.action.as_str() {
            "DescribeVpnGateway" => vpn_gateway::describe(&seen, request, now).map(Rc::new),
            "DescribeVpnGateways" => vpn_gateway::list(&seen, request, now).map(Rc::new),
            "DescribeVpnConnectionLogs" => connection::logs::describe(&seen, &self.peers, request, now).map(Rc::new),
            "DiagnoseVpnConnections" => connection::diagnose::diagnose(&seen, &self.peers, request).map(Rc::new),
            _ => {
                let known = self.told.about(&seen, request);
                known.unwrap_or_else(|| self.told.keep(&seen, request, self.shown(&seen, request)))
            }
        }
    }

    /// What the objects alone decide, whatever time it is and whatever the devices do.
    fn shown(&self, seen: &Objects, request: &Request) -> Reply {
        match request.action.as_str() {
            "DescribeCustomerGateway" => customer_gateway::describe(seen, request),
            "DescribeCustomerGateways" => customer_gateway::list(seen, request),
            "DescribeVpnConnection" => connection::describe::one(seen, request, self.switches.mask_psk),
            "DescribeVpnConnections" => connection::describe::list(seen, request, &self.switches),
            "DescribeVpnAttachments" => connection::describe::attachments(seen, request),
            "DownloadVpnConnectionConfig" => connection::download::config(seen, request),
            "ListTagResources" => tags::list(seen, request),
            action => routes::read(seen, request)
                .or_else(|| transit_router::read(seen, request, &self.id, &self.account))
                .unwrap_or_else(|| Err(ApiError::no_such_api(action))),
        }
    }

    /// The state that a read sees: before the oldest change that is still invisible to it.
    fn seen(&self, now: Timestamp, stale: Option<Lag>) -> Rc<Objects> {
        let invisible = |past: &&Past| match stale {
            None => false,
            Some(Lag::Time(lag)) => now.duration_since(past.at) < jiff::SignedDuration::try_from(lag).unwrap_or(jiff::SignedDuration::MAX),
            Some(Lag::Reads(reads)) => self.reads - past.reads <= reads,
        };
        self.past.iter().find(invisible).map_or_else(|| self.objects.clone(), |past| past.before.clone())
    }

    fn write_once(&mut self, request: &Request, now: Timestamp) -> Reply {
        check::client_token(request)?;
        if let Some(first) = self.tokens.recall(request, now, self.switches.client_tokens) {
            return first;
        }
        let (before, counted) = (self.objects.clone(), self.changes);
        let reply = self.write(request, now);
        if Rc::ptr_eq(&before, &self.objects) || before == self.objects {
            // Writing what was there already is no change.
            self.changes = counted;
        }
        let dry_run = reply.as_ref().is_err_and(|error| error.code == "DryRunOperation");
        if reply.is_ok() || (self.switches.remember_errors && !dry_run) {
            self.tokens.remember(request, now, &reply);
        }
        reply
    }

    fn write(&mut self, request: &Request, now: Timestamp) -> Result<Value, ApiError> {
        match request.action.as_str() {
            "CreateCustomerGateway" => customer_gateway::create(self, request, now),
            "ModifyCustomerGatewayAttribute" => customer_gateway::modify(self, request, now),
            "DeleteCustomerGateway" => customer_gateway::delete(self, request, now),
            "CreateVpnConnection" => connection::create::on_vpn_gateway(self, request, now),
            "CreateVpnAttachment" => connection::create::attachment(self, request, now),
            "ModifyVpnConnectionAttribute" => connection::modify::on_vpn_gateway(self, request, now),
            "ModifyTunnelAttribute" => connection::modify::tunnel(self, request, now),
            "ModifyVpnAttachmentAttribute" => connection::modify::attachment(self, request, now),
            "DeleteVpnConnection" => connection::delete::on_vpn_gateway(self, request, now),
            "DeleteVpnAttachment" => connection::delete::attachment(self, request, now),
            "TagResources" => tags::tag(self, request, now),
            "UnTagResources" => tags::untag(self, request, now),
            "MoveVpnResourceGroup" => tags::move_resource_group(self, request, now),
            action => routes::write(self, request, now)
                .or_else(|| transit_router::write(self, request, now))
                .unwrap_or_else(|| Err(ApiError::no_such_api(action))),
        }
    }
}
