//! What somebody else does in between, and what it takes to undo that.

use super::fault::Act;
use super::topology::{self, FOREIGN_GATEWAY, NEXT, OLD, OLD_GATEWAY, REGION};
use super::truth::{Edit, Truth};
use cgwd::model::Timestamp;
use cgwd::plan::replacement::MARK_PLAN;
use cgwd::simulator::Cloud;
use cgwd::simulator::objects::{Carrier, Connection, CustomerGateway, Ike, Objects, RouteEntry, RouteKind, Tags};

/// What of it stands in the way and can be taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The marks that were taken off a customer gateway.
    Unmarked { gateway: String, marks: Tags },
    /// A connection made by hand.
    Made,
    /// A stranger's connection uses our old customer gateway, and used this one before.
    Uses(String),
}

pub struct Others<'a> {
    pub cloud: &'a mut Cloud,
    pub truth: &'a mut Truth,
    pub now: Timestamp,
    /// Which of the connections.
    pub turn: usize,
    /// The address that the new customer gateway has, or is to have.
    pub new: String,
}

const KEY: &str = "Canary-operator";
pub const HAND: &str = "vco-hand";
const STRANGER: &str = "vco-stranger-1";

impl Others<'_> {
    /// What of it can be undone later; whether anything happened at all.
    pub fn act(&mut self, act: Act) -> (bool, Option<Standing>) {
        let (before, edits) = (self.objects().clone(), self.truth.edits.len());
        let standing = match act {
            Act::Psk => self.with_connection(act, Others::new_key),
            Act::Route => self.with_connection(act, Others::new_route),
            Act::Tag => self.with_connection(act, |others, first, id| {
                others.change(first, id, |connection| {
                    connection.tags.insert("note".to_owned(), "by hand".to_owned());
                });
            }),
            Act::Deletes => self.with_connection(act, Others::delete),
            Act::Elsewhere => self.with_connection(act, Others::point_elsewhere),
            Act::HandMakes => self.make_by_hand(),
            Act::UnmarksOld => self.unmark(OLD.to_string()),
            Act::UnmarksNew => self.unmark(self.new.clone()),
            Act::UsesOld => self.use_old(),
            Act::Moves => {
                let _known = self.cloud.move_device(topology::DEVICE, &[&NEXT.to_string()], self.now);
                return (true, None);
            }
        };
        let happened = *self.objects() != before;
        if happened && self.truth.edits.len() > edits {
            self.truth.begins_anew();
        }
        (happened, standing)
    }

    pub fn undo(&mut self, standing: &Standing) {
        match standing {
            Standing::Unmarked { gateway, marks } => {
                let put_back = |gateways: &mut dyn Iterator<Item = &mut CustomerGateway>| {
                    // The plan's own mark says that a plan is under way: it may be over by now.
                    let marks = marks.iter().filter(|(key, _)| *key != MARK_PLAN).map(|(key, value)| (key.clone(), value.clone()));
                    gateways.filter(|own| own.id == *gateway).for_each(|own| own.tags.extend(marks.clone()));
                };
                put_back(&mut self.change_region().customer_gateways.iter_mut());
                put_back(&mut self.truth.objects.customer_gateways.iter_mut());
                self.truth.edits.retain(|edit| edit.of != *gateway);
            }
            // What a plan is about by now stays where that brings it.
            Standing::Made if self.truth.planned.contains(HAND) => {}
            Standing::Made => {
                self.change_region().connections.retain(|connection| connection.id != HAND);
                self.truth.objects.connections.retain(|connection| connection.id != HAND);
            }
            Standing::Uses(_) if self.truth.planned.contains(STRANGER) => {}
            Standing::Uses(gateway) => {
                let (first, id) = (STRANGER.to_owned(), STRANGER.to_owned());
                let ip = self.objects().customer_gateway(gateway).map(|gateway| gateway.ip.clone()).unwrap_or_default();
                let id = self.truth.live(self.objects(), &first).next().map_or(id, |live| live.id.clone());
                self.change(&first, &id, |connection| point(&mut connection.customer_gateway, &mut connection.ike, gateway, &ip));
            }
        }
    }

    /// What a person is told to do where several bear the device's mark: an old one goes that no connection uses, and that no plan
    /// deletes any more, because a mark was off when it was made or it was given up. Whether it was there.
    pub fn delete_what_is_told(&mut self) -> bool {
        let is_meant = |gateway: &&CustomerGateway| {
            self.truth.replaced.contains(&gateway.id)
                && gateway.ip != self.new
                && topology::is_ours(gateway)
                && self.objects().users_of(&gateway.id).next().is_none()
        };
        let Some(id) = self.objects().customer_gateways.iter().find(is_meant).map(|gateway| gateway.id.clone()) else { return false };
        self.change_region().customer_gateways.retain(|gateway| gateway.id != id);
        true
    }

    fn objects(&self) -> &Objects {
        self.cloud.region(REGION).expect("seeded").objects()
    }

    fn change_region(&mut self) -> &mut Objects {
        self.cloud.region_mut(REGION).expect("seeded").change(self.now)
    }

    /// One of ours that is live: by the id that it had at first, and the one that it has.
    fn with_connection(&mut self, act: Act, change: impl Fn(&mut Self, &str, &str)) -> Option<Standing> {
        let ours: Vec<String> = {
            let was_ours = |connection: &&Connection| {
                connection.id.starts_with("vco-") && !connection.id.contains("stranger") && connection.id != HAND
            };
            self.truth.objects.connections.iter().filter(was_ours).map(|connection| connection.id.clone()).collect()
        };
        let first = ours.get(self.turn % ours.len().max(1))?.clone();
        // The cloud takes no change of what it is changing.
        let id = self.truth.live(self.objects(), &first).find(|live| live.pending.is_none())?.id.clone();
        let version = self.truth.objects.connection(&first)?.clone();
        self.truth.versions.entry(first.clone()).or_default().push(version);
        self.truth.edit(act, &first, self.now);
        change(self, &first, &id);
        None
    }

    /// In the cloud and in what has to be true.
    fn change(&mut self, first: &str, id: &str, change: impl Fn(&mut Connection)) {
        self.change_region().connections.iter_mut().filter(|connection| connection.id == id).for_each(&change);
        self.truth.objects.connections.iter_mut().filter(|connection| connection.id == first).for_each(&change);
    }

    /// And tells the device.
    fn new_key(&mut self, first: &str, id: &str) {
        self.change(first, id, |connection| {
            let ike = connection.tunnels.first_mut().map_or(&mut connection.ike, |tunnel| &mut tunnel.ike);
            ike.psk = KEY.to_owned();
        });
        let now = self.now;
        self.cloud.region_mut(REGION).expect("seeded").configure_devices(now);
    }

    fn new_route(&mut self, first: &str, id: &str) {
        let Some(connection) = self.objects().connection(id) else { return };
        let kind = match &connection.carrier {
            Carrier::VpnGateway(gateway) => RouteKind::Destination { vpn_gateway: gateway.clone() },
            Carrier::TransitRouter(_) => RouteKind::Connection,
            Carrier::Unbound => return,
        };
        let route = RouteEntry {
            kind,
            destination: "192.168.77.0/24".to_owned(),
            next_hop: id.to_owned(),
            weight: 100,
            description: String::new(),
            overlay_mode: "Ipsec".to_owned(),
            state: "normal".to_owned(),
            pending: None,
            created: self.now,
            learnt: None,
        };
        if self.objects().routes.iter().any(|other| other.clashes_with(&route)) {
            return;
        }
        self.change_region().routes.push(route.clone());
        self.truth.objects.routes.push(RouteEntry { next_hop: first.to_owned(), ..route });
    }

    fn delete(&mut self, first: &str, id: &str) {
        remove(self.change_region(), id);
        // Who lets it be made again is told that it is the snapshot's: what somebody has changed since goes with it. So does a key that
        // the cloud shows nobody.
        let new_key = |edit: &Edit| edit.of == first && edit.act == Act::Psk;
        if id != first || self.truth.masked && self.truth.edits.iter().any(new_key) {
            self.truth.may_be_lost.insert(first.to_owned());
        }
        self.truth.delete(first);
    }

    fn point_elsewhere(&mut self, first: &str, id: &str) {
        let can = |connection: &Connection| connection.is_dual() || !matches!(connection.carrier, Carrier::VpnGateway(_));
        if !self.objects().connection(id).is_some_and(can) {
            return;
        }
        let ip = self.objects().customer_gateway(FOREIGN_GATEWAY).map(|gateway| gateway.ip.clone()).unwrap_or_default();
        self.change(first, id, |connection| match connection.tunnels.first_mut() {
            Some(tunnel) => point(&mut tunnel.customer_gateway, &mut tunnel.ike, FOREIGN_GATEWAY, &ip),
            None => point(&mut connection.customer_gateway, &mut connection.ike, FOREIGN_GATEWAY, &ip),
        });
    }

    /// Where one is deleted at this moment: as it was, on the new customer gateway.
    fn make_by_hand(&mut self) -> Option<Standing> {
        // Ids are not used again: one that a plan deletes to make it anew is not made by hand once more.
        let is_there = self.objects().connections.iter().any(|connection| connection.id == HAND);
        if is_there || self.truth.planned.contains(HAND) {
            return None;
        }
        let new = self.objects().customer_gateways.iter().find(|gateway| gateway.ip == self.new)?.id.clone();
        let missing = |connection: &&Connection| {
            self.truth.planned.contains(&connection.id)
                && connection.vpn_gateway().is_some()
                && self.truth.live(self.objects(), &connection.id).next().is_none()
        };
        let was = self.truth.objects.connections.iter().find(missing)?.clone();
        let mut made = Connection { id: HAND.to_owned(), customer_gateway: new.clone(), created: self.now, tags: Tags::new(), ..was };
        for tunnel in &mut made.tunnels {
            tunnel.id.push_str("-hand");
            tunnel.customer_gateway.clone_from(&new);
        }
        if made.is_dual() {
            made.customer_gateway.clear();
        }
        self.change_region().connections.push(made.clone());
        self.truth.objects.connections.push(made);
        Some(Standing::Made)
    }

    fn unmark(&mut self, ip: String) -> Option<Standing> {
        let gateway = self.objects().customer_gateways.iter().find(|gateway| gateway.ip == ip && topology::is_ours(gateway))?;
        let id = gateway.id.clone();
        let marks: Tags =
            gateway.tags.iter().filter(|(key, _)| key.starts_with("cgwd-")).map(|(key, value)| (key.clone(), value.clone())).collect();
        let take_off = |gateways: &mut dyn Iterator<Item = &mut CustomerGateway>| {
            gateways.filter(|own| own.id == id).for_each(|own| own.tags.retain(|key, _| !key.starts_with("cgwd-")));
        };
        take_off(&mut self.change_region().customer_gateways.iter_mut());
        take_off(&mut self.truth.objects.customer_gateways.iter_mut());
        self.truth.edit(Act::UnmarksOld, &id, self.now);
        self.truth.unmarked_new |= ip == self.new;
        Some(Standing::Unmarked { gateway: id, marks })
    }

    fn use_old(&mut self) -> Option<Standing> {
        self.objects().customer_gateway(OLD_GATEWAY)?;
        let before = self.objects().connection(STRANGER)?.customer_gateway.clone();
        if before == OLD_GATEWAY {
            return None;
        }
        self.truth.edit(Act::UsesOld, STRANGER, self.now);
        let ip = OLD.to_string();
        self.change(STRANGER, STRANGER, |connection| point(&mut connection.customer_gateway, &mut connection.ike, OLD_GATEWAY, &ip));
        Some(Standing::Uses(before))
    }
}

/// With the peer's address as its identity, where it was that before.
fn point(place: &mut String, ike: &mut Ike, gateway: &str, ip: &str) {
    gateway.clone_into(place);
    if ike.remote_id.parse::<std::net::Ipv4Addr>().is_ok() {
        ip.clone_into(&mut ike.remote_id);
    }
}

pub fn remove(objects: &mut Objects, id: &str) {
    objects.connections.retain(|connection| connection.id != id);
    objects.routes.retain(|route| route.next_hop != id);
    let bound: Vec<String> = objects.attachments.iter().filter(|own| own.connection == id).map(|own| own.id.clone()).collect();
    objects.attachments.retain(|own| own.connection != id);
    objects.links.retain(|link| !bound.contains(&link.attachment));
}
