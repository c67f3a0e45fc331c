//! What the devices of a region do over time: where they are, and since when each tunnel agrees.

use super::judge::{Expected, Marks, judge};
use super::{Device, Devices, ESTABLISHED, End, Fault, NO_SA, TAG_DEVICE, Verdict, ends};
use crate::model::Timestamp;
use crate::simulator::objects::Objects;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

/// How much of a tunnel's past its log can tell.
const HISTORY: usize = 64;

#[derive(Clone)]
pub struct Peers {
    devices: Devices,
    marks: Marks,
    known: BTreeMap<String, Known>,
    /// By the place that a connection has among others, for the one that takes it after it.
    places: BTreeMap<String, Rc<Expected>>,
    /// Answers to health checks that an operator decided, by connection.
    health: BTreeMap<String, bool>,
}

/// What is known of one tunnel.
#[derive(Clone)]
struct Known {
    print: u64,
    expected: Rc<Expected>,
    /// Since when both ends agree.
    since: Option<Timestamp>,
    /// Whether they did for long enough.
    up: bool,
    verdict: Verdict,
    history: VecDeque<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub at: Timestamp,
    /// The customer gateway's address then.
    pub peer: String,
    pub event: Event,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It was configured, or configured anew.
    Configured,
    Established,
    Failed(Fault),
}

/// What became of a tunnel, where that differs from what it shows.
pub struct Told {
    pub id: String,
    pub status: Option<&'static str>,
    pub bgp: Option<&'static str>,
    pub health: Option<&'static str>,
}

impl Default for Peers {
    fn default() -> Peers {
        Peers { devices: Devices::Guessed, marks: Marks::new(), known: BTreeMap::new(), places: BTreeMap::new(), health: BTreeMap::new() }
    }
}

impl Peers {
    pub fn new(devices: Devices) -> Peers {
        Peers { devices, ..Peers::default() }
    }

    /// The listed device of this name.
    pub fn device_mut(&mut self, name: &str) -> Option<&mut Device> {
        match &mut self.devices {
            Devices::Listed(devices) => devices.iter_mut().find(|device| device.name == name),
            Devices::Guessed => None,
        }
    }

    pub fn devices(&self) -> &[Device] {
        match &self.devices {
            Devices::Listed(devices) => devices,
            Devices::Guessed => &[],
        }
    }

    /// `None` leaves the answer to the device.
    pub fn set_health(&mut self, connection: &str, good: Option<bool>) {
        match good {
            Some(good) => self.health.insert(connection.to_owned(), good),
            None => self.health.remove(connection),
        };
    }

    /// The devices take over what the cloud has configured.
    pub fn learn(&mut self, objects: &Objects) {
        for end in ends(objects) {
            let expected = Rc::new(Expected::of(&end));
            self.places.insert(self.place(&end), expected.clone());
            if let Some(known) = self.known.get_mut(end.id) {
                known.expected = expected;
            }
        }
    }

    pub fn history(&self, id: &str) -> impl Iterator<Item = &Entry> {
        self.known.get(id).into_iter().flat_map(|known| &known.history)
    }

    /// Why the tunnel is down; `None` where it is not, or where nothing was tried.
    pub fn fault(&self, id: &str) -> Option<&Fault> {
        match &self.known.get(id)?.verdict {
            Verdict::Fails(fault) => Some(fault),
            Verdict::Waits | Verdict::Agrees { .. } => None,
        }
    }

    /// Seeded tunnels need no time to agree.
    pub fn settle_at_once(&mut self, objects: &Objects, at: Timestamp) -> Vec<Told> {
        self.negotiate(objects, at, Duration::ZERO)
    }

    /// Judges every tunnel by the state at `at`.
    pub fn negotiate(&mut self, objects: &Objects, at: Timestamp, takes: Duration) -> Vec<Told> {
        self.move_devices(at);
        self.note_marks(objects);
        self.forget(objects);
        ends(objects).filter_map(|end| self.negotiate_one(&end, at, takes)).collect()
    }

    /// When something changes by itself.
    pub fn next(&self, takes: Duration) -> Option<Timestamp> {
        let moves = self.devices().iter().filter_map(|device| device.moves.first()).map(|next| next.at);
        let coming = self.known.values().filter(|known| !known.up);
        moves.chain(coming.filter_map(|known| Some(known.since? + takes))).min()
    }

    fn negotiate_one(&mut self, end: &End<'_>, at: Timestamp, takes: Duration) -> Option<Told> {
        let print = end.print();
        if !self.known.contains_key(end.id) {
            let known = self.first_sight(end, print);
            self.known.insert(end.id.to_owned(), known);
        }
        let Peers { devices, marks, known, health, .. } = self;
        let known = known.get_mut(end.id)?;
        let anew = known.print != print;
        if anew || known.history.is_empty() {
            known.print = print;
            (known.since, known.up) = (None, false);
            known.note(end, at, Event::Configured);
        }
        known.verdict = judge(devices, marks, end, &known.expected);
        known.advance(end, at, takes);
        known.told(end, anew, health.get(&end.connection.id).copied())
    }

    fn first_sight(&mut self, end: &End<'_>, print: u64) -> Known {
        let expected = self.places.entry(self.place(end)).or_insert_with(|| Rc::new(Expected::of(end))).clone();
        Known { print, expected, since: None, up: false, verdict: Verdict::Waits, history: VecDeque::new() }
    }

    /// Two devices can have equal subnets behind one VPN gateway.
    fn place(&self, end: &End<'_>) -> String {
        let mark = end.customer.and_then(|customer| customer.tags.get(TAG_DEVICE));
        let address = end.customer.map_or("", |customer| customer.ip.as_str());
        let device = self.devices().iter().find(|device| device.addresses.iter().any(|own| own == address)).map(|device| &device.name);
        format!("{} {}", mark.or(device).map_or(address, String::as_str), end.place())
    }

    fn move_devices(&mut self, at: Timestamp) {
        if let Devices::Listed(devices) = &mut self.devices {
            devices.iter_mut().for_each(|device| device.move_on(at));
        }
    }

    /// A deleted gateway keeps its place in the order: its device does not move because of that.
    fn note_marks(&mut self, objects: &Objects) {
        for gateway in &objects.customer_gateways {
            let Some(device) = gateway.tags.get(TAG_DEVICE) else { continue };
            let marked = self.marks.entry(device.clone()).or_default();
            if !marked.contains(&gateway.id) {
                marked.push(gateway.id.clone());
            }
        }
    }

    fn forget(&mut self, objects: &Objects) {
        let present = ends(objects).count();
        if self.known.len() > present {
            self.known.retain(|id, _| ends(objects).any(|end| end.id == id));
        }
    }
}

impl Known {
    fn note(&mut self, end: &End<'_>, at: Timestamp, event: Event) {
        if event != Event::Configured && self.history.back().is_some_and(|entry| entry.event == event) {
            return;
        }
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        let peer = end.customer.map_or_else(String::new, |customer| customer.ip.clone());
        self.history.push_back(Entry { at, peer, event });
    }

    fn advance(&mut self, end: &End<'_>, at: Timestamp, takes: Duration) {
        let agrees = matches!(self.verdict, Verdict::Agrees { .. });
        self.since = self.since.filter(|_| agrees).or((agrees && end.rests()).then_some(at));
        self.up = agrees && (self.up || self.since.is_some_and(|since| since + takes <= at));
        if self.up {
            self.note(end, at, Event::Established);
        }
        if let Verdict::Fails(fault) = &self.verdict {
            self.note(end, at, Event::Failed(fault.clone()));
        }
    }

    fn told(&self, end: &End<'_>, anew: bool, decided: Option<bool>) -> Option<Told> {
        let up = self.up;
        let silent = self.verdict == Verdict::Waits && !anew;
        let (bgp, good) = match self.verdict {
            Verdict::Agrees { bgp, health_good } => (up && bgp, up && health_good),
            Verdict::Waits | Verdict::Fails(_) => (false, false),
        };
        let shown = &end.connection.health;
        // Only single-tunnel connections have a health check of their own (cloud/api.md 2.6).
        let decides = decided.is_some() || (!silent && end.index == 0);
        let told = Told {
            id: end.id.to_owned(),
            status: differs(end.status, if up { ESTABLISHED } else { NO_SA }).filter(|_| !silent),
            bgp: differs(&end.bgp.bgp_status, if bgp { "success" } else { "false" }).filter(|_| !silent && end.bgp.enable_bgp),
            health: differs(&shown.status, if decided.unwrap_or(good) { "success" } else { "failed" }).filter(|_| decides && shown.enable),
        };
        (told.status.is_some() || told.bgp.is_some() || told.health.is_some()).then_some(told)
    }
}

fn differs(shown: &str, is: &'static str) -> Option<&'static str> {
    (shown != is).then_some(is)
}
