//! The whole simulated cloud: regions, the door, faults, and a record of every call.

use super::api::{self, CBN, STS, VPC};
use super::device::Device;
use super::door::{AccessKey, Door};
use super::fault::{Answer, Effect, Fault};
use super::random::Random;
use super::record::CallRecord;
use super::region::Region;
use super::request::{RawRequest, Request};
use super::response::{ApiError, Reply, Response};
use super::script::Script;
use super::seed::{Seed, SeedError};
use super::sts;
use super::switches::Switches;
use crate::cloud::transport::Body;
use crate::model::Timestamp;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

/// Decides about one call as it arrives; the record has no outcome yet.
pub type Hook = Box<dyn FnMut(&CallRecord) -> Option<Fault>>;

pub struct Cloud {
    pub switches: Switches,
    pub door: Door,
    pub(super) account: String,
    pub(super) random: Random,
    pub(super) roles: Option<Vec<String>>,
    regions: BTreeMap<String, Region>,
    script: Script,
    hook: Option<Hook>,
    calls: Vec<CallRecord>,
    late: Vec<Late>,
}

/// A call whose effect has not landed yet.
struct Late {
    due: Timestamp,
    request: Request,
    record: usize,
}

/// What the caller gets to see of a call, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    pub delay: Duration,
    pub sight: Sight,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Sight {
    Whole(Plain),
    /// Cut in the middle of the body, whose full length was announced.
    Truncated(Plain),
    Cut,
    Unreachable,
}

/// An HTTP answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Plain {
    pub status: u16,
    /// Lower-case names.
    pub headers: Vec<(String, String)>,
    pub body: Body,
}

impl Cloud {
    /// A cloud as the seed describes it.
    pub fn new(seed: &Seed, now: Timestamp) -> Result<Cloud, SeedError> {
        super::founding::found(seed, now)
    }

    pub(super) fn empty(switches: Switches, account: &str, random: Random) -> Cloud {
        Cloud {
            switches,
            door: Door::default(),
            account: account.to_owned(),
            random,
            roles: None,
            regions: BTreeMap::new(),
            script: Script::default(),
            hook: None,
            calls: Vec::new(),
            late: Vec::new(),
        }
    }

    pub(super) fn insert(&mut self, region: Region) {
        self.regions.insert(region.id.clone(), region);
    }

    /// Lets the holder of this key call.
    pub fn admit(&mut self, key: AccessKey) {
        self.door.admit(key);
    }

    /// Faults by script, asked after the hook.
    pub fn set_script(&mut self, script: Script) {
        self.script = script;
    }

    /// Faults by a function that sees every call as it arrives.
    pub fn set_hook(&mut self, hook: impl FnMut(&CallRecord) -> Option<Fault> + 'static) {
        self.hook = Some(Box::new(hook));
    }

    /// Every call so far, oldest first.
    pub fn calls(&self) -> &[CallRecord] {
        &self.calls
    }

    /// How many calls of this action changed something.
    pub fn effects(&self, action: &str) -> usize {
        self.calls.iter().filter(|call| call.action == action && call.effect).count()
    }

    /// How many calls of this action arrived, changed something or not.
    pub fn count(&self, action: &str) -> usize {
        self.calls.iter().filter(|call| call.action == action).count()
    }

    pub fn region(&self, id: &str) -> Option<&Region> {
        self.regions.get(id)
    }

    /// To act as an operator behind the caller's back; see [`Region::change`].
    pub fn region_mut(&mut self, id: &str) -> Option<&mut Region> {
        self.regions.get_mut(id)
    }

    pub fn regions(&self) -> impl Iterator<Item = &Region> {
        self.regions.values()
    }

    /// Puts a listed device somewhere else: at one address, at several, or at none. Whether there is one of this name.
    pub fn move_device(&mut self, name: &str, addresses: &[&str], now: Timestamp) -> bool {
        self.change_device(name, now, |device| device.move_to(addresses))
    }

    /// To change anything of a listed device; whether there is one of this name.
    pub fn change_device(&mut self, name: &str, now: Timestamp, change: impl Fn(&mut Device)) -> bool {
        self.regions.values_mut().filter_map(|region| region.change_device(name, now, &change).then_some(())).count() > 0
    }

    /// Brings everything that is due to its end: late effects, changes of state.
    pub fn settle(&mut self, now: Timestamp) {
        while let Some(at) = self.next_late(now) {
            let late = self.late.remove(at);
            let (_, effect) = self.effective(&late.request, late.due, None);
            self.calls[late.record].effect |= effect;
        }
        self.regions.values_mut().for_each(|region| region.settle(now));
    }

    fn next_late(&self, now: Timestamp) -> Option<usize> {
        let due = self.late.iter().enumerate().filter(|(_, late)| late.due <= now);
        due.min_by_key(|(_, late)| late.due).map(|(at, _)| at)
    }

    /// Answers a call without a door, faults or a record.
    pub fn handle(&mut self, request: &Request, now: Timestamp) -> Response {
        self.answer(request, now, None)
    }

    /// Answers a raw request: the record, faults, the door, the effect.
    pub fn receive(&mut self, raw: &RawRequest, now: Timestamp) -> Outcome {
        self.settle(now);
        let request = match raw.decode() {
            Ok(request) => request,
            Err(error) => return Outcome { delay: Duration::ZERO, sight: Sight::Whole(self.refusal(raw, &error).plain(now)) },
        };
        let request = self.well_placed(raw, request);
        let record = self.calls.len();
        self.calls.push(CallRecord::arrived(record as u64 + 1, now, &request));
        let fault = self.fault_of(record);
        let (response, effect) = self.effect(raw, &request, &fault, record, now);
        let call = &mut self.calls[record];
        call.effect = effect;
        let sight = fault.shape(response, call, now);
        Outcome { delay: fault.latency, sight }
    }

    fn fault_of(&mut self, record: usize) -> Fault {
        let call = &mut self.calls[record];
        let fault = self.hook.as_mut().and_then(|hook| hook(call)).or_else(|| self.script.next(call));
        call.fault = fault.clone();
        fault.unwrap_or_default()
    }

    /// The real answer and whether the call changed something now.
    fn effect(&mut self, raw: &RawRequest, request: &Request, fault: &Fault, record: usize, now: Timestamp) -> (Response, bool) {
        if fault.effect == Effect::Never && fault.answer != Answer::Real {
            return (Response::success(self.random.request_id(), json!({})), false);
        }
        if let Err(error) = self.enter(raw, request, now + fault.clock_skew, now) {
            return (self.refusal(raw, &error), false);
        }
        match fault.effect {
            Effect::AtOnce => self.effective(request, now, fault.stale),
            Effect::Never => (Response::success(self.random.request_id(), json!({})), false),
            Effect::Late(after) => {
                self.late.push(Late { due: now + after, request: request.clone(), record });
                (Response::success(self.random.request_id(), json!({})), false)
            }
        }
    }

    fn effective(&mut self, request: &Request, now: Timestamp, stale: Option<super::fault::Lag>) -> (Response, bool) {
        let before: u64 = self.regions.values().map(Region::changes).sum();
        let response = self.answer(request, now, stale);
        (response, self.regions.values().map(Region::changes).sum::<u64>() > before)
    }

    fn enter(&mut self, raw: &RawRequest, request: &Request, clock: Timestamp, now: Timestamp) -> Result<(), ApiError> {
        // AssumeRoleWithOIDC is proved by its token alone (cloud/api.md 7).
        if !self.switches.check_signatures || request.action == "AssumeRoleWithOIDC" {
            return Ok(());
        }
        self.door.enter(raw, clock, now)
    }

    /// A V3 parameter in the wrong place counts as not sent (see [`Switches::any_position`]).
    fn well_placed(&self, raw: &RawRequest, mut request: Request) -> Request {
        // The credentials libraries put STS parameters into the query or the form as they like.
        if !self.switches.any_position && !raw.is_v1() && request.version != STS {
            let Request { action, parameters, in_body, .. } = &mut request;
            parameters.retain(|name, _| api::belongs_in_body(action, name) == in_body.contains(name));
        }
        request
    }

    fn answer(&mut self, request: &Request, now: Timestamp, stale: Option<super::fault::Lag>) -> Response {
        if let Err(error) = self.known(request) {
            return self.failure(request, &error);
        }
        if request.version == STS {
            let reply = sts::answer(self, request, now);
            return self.respond(request, reply);
        }
        if request.action == "DescribeRegions" {
            let reply = self.describe_regions(request);
            return self.respond(request, reply);
        }
        match self.region_of(request) {
            Ok(region) => match self.regions.get_mut(&region) {
                Some(region) => region.answer(request, now, stale),
                None => self.failure(request, &no_such_region()),
            },
            Err(error) => self.failure(request, &error),
        }
    }

    fn known(&self, request: &Request) -> Result<(), ApiError> {
        let right = [VPC, CBN, STS].contains(&request.version.as_str()) && request.version == api::version_of(&request.action);
        if right { Ok(()) } else { Err(ApiError::no_such_api(&request.action)) }
    }

    /// VPC calls name their region; CBN calls may name a transit router or an attachment instead (cloud/api.md 4.1).
    fn region_of(&self, request: &Request) -> Result<String, ApiError> {
        if request.version == VPC {
            return Ok(request.required("RegionId")?.to_owned());
        }
        if let Some(region) = request.filter("RegionId") {
            return Ok(region.to_owned());
        }
        let holds = |region: &&Region| super::transit_router::holds(region.objects(), request);
        let found = self.regions.values().find(holds).or_else(|| self.regions.values().next());
        found.map(|region| region.id.clone()).ok_or_else(no_such_region)
    }

    fn describe_regions(&self, request: &Request) -> Reply {
        let english = request.filter("AcceptLanguage").is_some_and(|language| language.eq_ignore_ascii_case("en-US"));
        let shown = |region: &Region| {
            let name = if english { &region.local_name } else { &region.id };
            json!({"RegionId": region.id, "RegionEndpoint": region.endpoint, "LocalName": name})
        };
        Ok(json!({"Regions": {"Region": self.regions.values().map(shown).collect::<Vec<_>>()}}))
    }

    fn respond(&mut self, request: &Request, reply: Reply) -> Response {
        match reply {
            Ok(fields) => Response::success(self.random.request_id(), fields),
            Err(error) => self.failure(request, &error),
        }
    }

    fn failure(&mut self, request: &Request, error: &ApiError) -> Response {
        let host = request.headers.get("host").map_or("vpc.aliyuncs.com", String::as_str);
        Response::failure(self.random.request_id(), host, error)
    }

    fn refusal(&mut self, raw: &RawRequest, error: &ApiError) -> Response {
        Response::failure(self.random.request_id(), raw.header("host").unwrap_or("vpc.aliyuncs.com"), error)
    }
}

fn no_such_region() -> ApiError {
    ApiError::new(404, "InvalidRegionId.NotFound", "The specified RegionId is not exist.")
}
