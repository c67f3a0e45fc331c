//! One region: its objects, their past (for stale reads), its memory of tokens, and the calls it answers.

use super::check;
use super::objects::{Objects, Pending};
use super::random::Random;
use super::request::Request;
use super::response::{ApiError, Reply, Response};
use super::switches::{Quota, Switches};
use super::tokens::Tokens;
use super::{api, connection, customer_gateway, fault::Lag, pending, routes, tags, transit_router, vpn_gateway};
use crate::model::Timestamp;
use serde_json::Value;
use std::collections::VecDeque;
use std::rc::Rc;

/// How many changes a stale read can look back over.
const PAST: usize = 64;

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
    past: VecDeque<Past>,
    reads: u64,
    changes: u64,
    tokens: Tokens,
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
            past: VecDeque::new(),
            reads: 0,
            changes: 0,
            tokens: Tokens::default(),
        }
    }

    /// Answers one call of the VPC or the CBN API, with what is under way at `now` brought to its end first.
    pub fn handle(&mut self, request: &Request, now: Timestamp) -> Response {
        self.answer(request, now, None)
    }

    pub(super) fn answer(&mut self, request: &Request, now: Timestamp, stale: Option<Lag>) -> Response {
        self.settle(now);
        let reply = if api::is_write(&request.action) { self.write_once(request, now) } else { self.read(request, now, stale) };
        let request_id = self.random.request_id();
        match reply {
            Ok(fields) => Response::success(&request_id, fields),
            Err(error) => {
                let host = request.headers.get("host").unwrap_or(&self.endpoint);
                Response::failure(&request_id, host, &error)
            }
        }
    }

    /// The present state.
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// To change anything the way an operator would, behind the caller's back. Stale reads take note of it.
    pub fn change(&mut self, now: Timestamp) -> &mut Objects {
        self.changes += 1;
        // No read can fall between changes of one instant: the state before the first of them is enough.
        let same_instant = self.past.back().is_some_and(|past| (past.at, past.reads) == (now, self.reads));
        if !same_instant {
            if self.past.len() == PAST {
                self.past.pop_front();
            }
            self.past.push_back(Past { at: now, reads: self.reads, before: self.objects.clone() });
        }
        Rc::make_mut(&mut self.objects)
    }

    /// Grows with every change.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Puts objects in place without a past, as a seed does.
    pub(super) fn place(&mut self, objects: Objects) {
        self.objects = Rc::new(objects);
    }

    /// Ends what is due.
    pub fn settle(&mut self, now: Timestamp) {
        let due = |pending: &Option<Pending>| pending::is_due(pending.as_ref(), now);
        let Objects { connections, attachments, routes, links, .. } = &*self.objects;
        let connections = connections.iter().any(|own| due(&own.pending));
        let attachments = attachments.iter().any(|own| due(&own.pending));
        let routes = routes.iter().any(|own| due(&own.pending));
        let links = links.iter().any(|own| due(&own.pending));
        if !(connections || attachments || routes || links) {
            return;
        }
        let (counted, dangling) = (self.changes, self.switches.dangling_routes);
        let objects = self.change(now);
        if attachments {
            objects.attachments.retain_mut(|own| pending::finish(&mut own.status, &mut own.pending, now));
        }
        if routes {
            objects.routes.retain_mut(|own| pending::finish(&mut own.state, &mut own.pending, now));
        }
        if links {
            objects.links.retain_mut(|own| pending::finish(&mut own.status, &mut own.pending, now));
        }
        if connections {
            let before = objects.connections.len();
            objects.connections.retain_mut(|connection| !due(&connection.pending) || connection::finish(connection));
            if objects.connections.len() < before {
                connection::delete::outlive(objects, dangling);
            }
        }
        // The end of an earlier call's work is no effect of the call that happens to come by.
        self.changes = counted;
    }

    fn read(&mut self, request: &Request, now: Timestamp, stale: Option<Lag>) -> Reply {
        self.reads += 1;
        let seen = self.seen(now, stale);
        match request.action.as_str() {
            "DescribeCustomerGateway" => customer_gateway::describe(&seen, request),
            "DescribeCustomerGateways" => customer_gateway::list(&seen, request),
            "DescribeVpnGateway" => vpn_gateway::describe(&seen, request, now),
            "DescribeVpnGateways" => vpn_gateway::list(&seen, request, now),
            "DescribeVpnConnection" => connection::describe::one(&seen, request),
            "DescribeVpnConnections" => connection::describe::list(&seen, request, self.switches.filter_matches_tunnels),
            "DescribeVpnAttachments" => connection::describe::attachments(&seen, request),
            "ListTagResources" => tags::list(&seen, request),
            action => routes::read(&seen, request)
                .or_else(|| transit_router::read(&seen, request, &self.id, &self.account))
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
