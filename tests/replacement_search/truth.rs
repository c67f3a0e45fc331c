//! What must be true in the end, kept beside the cloud: every object as it was, with what others have changed since. Knows
//! nothing of the product's own comparisons.

use super::fault::Act;
use super::topology::{OLD_GATEWAY, is_ours};
use cgwd::model::{ReplacementPlan, Timestamp};
use cgwd::simulator::objects::{Attachment, Carrier, Connection, CustomerGateway, Ike, Objects, RouteEntry, RouteKind, Tunnel};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// Something that somebody else did.
#[derive(Clone, Debug)]
pub struct Edit {
    pub at: Timestamp,
    /// The connection, by the id that it had at first, or a customer gateway.
    pub of: String,
    pub act: Act,
    /// A reading of ours has shown it.
    pub seen: bool,
}

#[derive(Clone, Default)]
pub struct Truth {
    pub objects: Objects,
    pub edits: Vec<Edit>,
    /// Who has taken a connection's place: id to the id of the first.
    pub successors: BTreeMap<String, String>,
    /// Connections whose last edit may be lost: nobody could know of it in time.
    pub may_be_lost: BTreeSet<String>,
    /// As they were before each edit.
    pub versions: BTreeMap<String, Vec<Connection>>,
    /// Connections that a plan was about.
    pub planned: BTreeSet<String>,
    /// The addresses that plans about a connection replace.
    pub rewritten: BTreeMap<String, BTreeSet<String>>,
    /// Where the last plan leads.
    pub last_plan_to: Option<Ipv4Addr>,
    /// Old customer gateways of every plan.
    pub replaced: BTreeSet<String>,
    /// Connections that somebody deleted, with everything as it was before.
    pub deleted: BTreeMap<String, Objects>,
    /// Of those, the ones that were made again because the plan was deleting them too.
    pub made_again: BTreeSet<String>,
    pub unmarked_new: bool,
    /// Tunnels, by connection and name, that a person left at the new customer gateway who gave a plan up: no other takes them back.
    pub left_there: BTreeSet<(String, String)>,
    /// Customer gateways of nobody's that became ours.
    pub adopted: BTreeSet<String>,
    /// When the device went to a third address.
    pub moved: Option<Timestamp>,
    /// The cloud shows no pre-shared key, so nobody can see that one was changed.
    pub masked: bool,
}

/// What the comparison allows.
pub struct Expected<'a> {
    pub truth: &'a Truth,
    pub was: Objects,
    pub now: &'a Objects,
    /// Where everything is to be: the customer gateway's id.
    pub new: &'a str,
    pub ip: Ipv4Addr,
    /// Everything is where it was.
    pub back: bool,
}

impl Truth {
    pub fn of(objects: &Objects) -> Truth {
        Truth { objects: objects.clone(), ..Truth::default() }
    }

    pub fn plan(&mut self, plan: &ReplacementPlan) {
        // A connection that an earlier plan made again is the first one still.
        let firsts: Vec<String> = plan.connections().into_iter().map(|id| self.first(id).to_owned()).collect();
        for first in &firsts {
            self.rewritten.entry(first.clone()).or_default().extend(plan.old.iter().map(|old| old.ip.to_string()));
        }
        self.planned.extend(firsts);
        self.last_plan_to = Some(plan.new.ip);
        self.replaced.extend(plan.old.iter().map(|old| old.id.clone()));
    }

    /// The id that this connection had at first.
    pub fn first<'a>(&'a self, id: &'a str) -> &'a str {
        self.successors.get(id).map_or(id, String::as_str)
    }

    /// The live connections that are this one, by the id that it had at first.
    pub fn live<'a>(&'a self, now: &'a Objects, first: &'a str) -> impl Iterator<Item = &'a Connection> {
        now.connections.iter().filter(move |connection| self.first(&connection.id) == first && connection.state != "deleting")
    }

    pub fn delete(&mut self, first: &str) {
        self.deleted.insert(first.to_owned(), self.objects.clone());
        super::others::remove(&mut self.objects, first);
    }

    /// What has to be there, with what nobody could know to be deleted.
    pub fn expected(&self) -> Objects {
        let mut objects = self.objects.clone();
        for (first, before) in self.deleted.iter().filter(|(first, _)| self.made_again.contains(*first)) {
            objects.connections.extend(before.connections.iter().filter(|own| own.id == *first).cloned());
            objects.routes.extend(before.routes.iter().filter(|own| own.next_hop == *first).cloned());
            let bound: Vec<_> = before.attachments.iter().filter(|own| own.connection == *first).cloned().collect();
            objects.links.extend(before.links.iter().filter(|link| bound.iter().any(|own| own.id == link.attachment)).cloned());
            objects.attachments.extend(bound);
        }
        objects
    }

    pub fn edit(&mut self, act: Act, first: &str, at: Timestamp) {
        self.edits.push(Edit { at, of: first.to_owned(), act, seen: false });
    }

    /// The last edit has changed something, so the same one before it was no longer there: what undid that was judged then, and what
    /// there is to lose now is no older than this one.
    pub fn begins_anew(&mut self) {
        let Some(last) = self.edits.pop() else { return };
        self.edits.retain(|edit| (edit.act, &edit.of) != (last.act, &last.of));
        self.edits.push(last);
    }
}

impl Expected<'_> {
    /// Everything that is not as it has to be.
    pub fn differences(&self) -> Vec<String> {
        let mut all = Vec::new();
        self.connections(&mut all);
        self.routes(&mut all);
        self.bindings(&mut all);
        self.customer_gateways(&mut all);
        let (was, is) = (&self.was, self.now);
        if was.vpn_gateways != is.vpn_gateways
            && was
                .vpn_gateways
                .iter()
                .zip(is.vpn_gateways.iter())
                .any(|(was, is)| was.id != is.id || was.tags != is.tags || was.name != is.name)
        {
            all.push("a VPN gateway was changed".to_owned());
        }
        if was.transit_routers != is.transit_routers {
            all.push("a transit router was changed".to_owned());
        }
        all
    }

    fn connections(&self, all: &mut Vec<String>) {
        for was in self.was.connections.iter() {
            let live: Vec<&Connection> = self.truth.live(self.now, &was.id).collect();
            match live.as_slice() {
                [is] => self.connection(was, is, all),
                [] if self.truth.deleted.contains_key(&was.id) => {}
                [] => all.push(format!("{} is gone", was.id)),
                more => all.push(format!("{} is there {} times", was.id, more.len())),
            }
        }
        let known = |connection: &Connection| self.was.connection(self.truth.first(&connection.id)).is_some();
        all.extend(
            self.now.connections.iter().filter(|connection| !known(connection)).map(|connection| format!("{} is nobody's", connection.id)),
        );
    }

    fn connection(&self, was: &Connection, is: &Connection, all: &mut Vec<String>) {
        let mut differing = self.settings(was, is);
        differing.retain(|setting| !self.truth.left_there.contains(&(was.id.clone(), setting.clone())));
        if differing.is_empty() {
            return;
        }
        // Of several edits any can be lost: each setting is as one of the versions has it.
        let earlier: Vec<Vec<String>> =
            self.truth.versions.get(&was.id).into_iter().flatten().map(|before| self.settings(before, is)).collect();
        let is_as_before = |setting: &String| earlier.iter().any(|differing| !differing.contains(setting));
        let lost = self.truth.may_be_lost.contains(&was.id) && differing.iter().all(is_as_before);
        if !lost {
            all.push(format!("{} ({}): {}", was.id, is.id, differing.join(", ")));
        }
    }

    /// Where each tunnel is that is not where it was, and whom it takes its peer for.
    pub fn moved_tunnels(&self) -> BTreeSet<(String, String)> {
        let placed = |setting: &String| setting.ends_with("CustomerGatewayId") || setting.ends_with("RemoteId");
        let of = |was: &Connection| {
            let live: Vec<&Connection> = self.truth.live(self.now, &was.id).collect();
            let settings = live.into_iter().flat_map(|is| self.settings(was, is)).filter(placed);
            settings.map(|setting| (was.id.clone(), setting)).collect::<Vec<_>>()
        };
        self.was.connections.iter().flat_map(of).collect()
    }

    /// The settings in which a connection is not as it has to be, by name.
    fn settings(&self, was: &Connection, is: &Connection) -> Vec<String> {
        let mut differing = Vec::new();
        let mut same = |name: &str, so: bool| {
            if !so {
                differing.push(name.to_owned());
            }
        };
        let made_again = is.id != was.id;
        let binding = |objects: &Objects, id: &str| objects.attachments.iter().find(|own| own.connection == id).map(|own| own.id.clone());
        let bound_again = made_again || binding(&self.was, &was.id) != binding(self.now, &is.id);
        let on_router = !matches!(was.carrier, Carrier::VpnGateway(_));
        same("Name", was.name == is.name);
        // No call that makes a connection takes one (cloud/api.md 1.2).
        same("Description", made_again || was.description == is.description);
        same("VpnGatewayId", was.carrier == is.carrier);
        let planned = self.truth.planned.contains(&was.id);
        same("CustomerGatewayId", self.moved(&was.customer_gateway, planned) == is.customer_gateway);
        same("LocalSubnet", was.local_subnet == is.local_subnet);
        same("RemoteSubnet", was.remote_subnet == is.remote_subnet);
        same("EffectImmediately", was.effect_immediately == is.effect_immediately);
        same("EnableTunnelsBgp", was.enable_tunnels_bgp == is.enable_tunnels_bgp);
        if !was.is_dual() {
            same("EnableDpd", was.enable_dpd == is.enable_dpd);
            same("EnableNatTraversal", was.enable_nat_traversal == is.enable_nat_traversal);
            let is_moved = self.moved(&was.customer_gateway, planned) != was.customer_gateway;
            let identity = self.identity(&was.id, &was.ike.remote_id, is_moved);
            ike(&was.ike, &is.ike, &identity, (bound_again && on_router).then_some(&is.internet_ip), &mut same);
            same("IpsecConfig", was.ipsec == is.ipsec);
            same(
                "BgpConfig",
                (was.bgp.enable_bgp, was.bgp.local_asn, &was.bgp.tunnel_cidr, &was.bgp.local_bgp_ip)
                    == (is.bgp.enable_bgp, is.bgp.local_asn, &is.bgp.tunnel_cidr, &is.bgp.local_bgp_ip),
            );
            let health = |connection: &Connection| {
                let health = &connection.health;
                (health.enable, health.dip.clone(), health.sip.clone(), health.interval, health.retry)
            };
            same("VcoHealthCheck", health(was) == health(is));
            same("RemoteCaCertificate", was.remote_ca == is.remote_ca);
        }
        same("NetworkType", was.network_type == is.network_type);
        same("TunnelBandwidth", was.tunnel_bandwidth == is.tunnel_bandwidth);
        same("InternetIp", bound_again && on_router || was.internet_ip == is.internet_ip);
        same("ResourceGroupId", was.resource_group == is.resource_group);
        same("Tags", was.tags == is.tags);
        same("State", is.pending.is_none());
        same("CrossAccountAuthorized", was.cross_account_authorized == is.cross_account_authorized);
        same("tunnels", was.tunnels.len() == is.tunnels.len());
        let first = &was.id;
        for (was, tunnel) in was.tunnels.iter().zip(&is.tunnels) {
            self.tunnel(first, was, tunnel, planned, bound_again && on_router, &mut same);
        }
        differing
    }

    fn tunnel(&self, first: &str, was: &Tunnel, is: &Tunnel, planned: bool, new_address: bool, same: &mut impl FnMut(&str, bool)) {
        let mut same = |name: &str, so: bool| same(&format!("tunnel {} {name}", was.index), so);
        same("TunnelIndex", (was.index, &was.role) == (is.index, &is.role));
        same("CustomerGatewayId", self.moved(&was.customer_gateway, planned) == is.customer_gateway);
        same("EnableDpd", was.enable_dpd == is.enable_dpd);
        same("EnableNatTraversal", was.enable_nat_traversal == is.enable_nat_traversal);
        same("RemoteCaCertificate", was.remote_ca == is.remote_ca);
        same(
            "TunnelBgpConfig",
            (was.bgp.enable_bgp, was.bgp.local_asn, &was.bgp.tunnel_cidr, &was.bgp.local_bgp_ip)
                == (is.bgp.enable_bgp, is.bgp.local_asn, &is.bgp.tunnel_cidr, &is.bgp.local_bgp_ip),
        );
        let is_moved = self.moved(&was.customer_gateway, planned) != was.customer_gateway;
        let identity = self.identity(first, &was.ike.remote_id, is_moved);
        ike(&was.ike, &is.ike, &identity, new_address.then_some(&is.internet_ip), &mut same);
        same("TunnelIpsecConfig", was.ipsec == is.ipsec);
        same("InternetIp", new_address || was.internet_ip == is.internet_ip);
        same("State", is.state == "active" || is.state.is_empty());
    }

    /// Where what was at this customer gateway has to be.
    fn moved<'a>(&'a self, gateway: &'a str, planned: bool) -> &'a str {
        if planned && !self.back && self.truth.replaced.contains(gateway) { self.new } else { gateway }
    }

    /// An address that a plan about this connection replaces is rewritten, whichever of its old customer gateways has it.
    fn identity(&self, first: &str, was: &str, is_moved: bool) -> String {
        let is_old = self.truth.rewritten.get(first).is_some_and(|addresses| addresses.contains(was));
        if is_old && is_moved { self.ip.to_string() } else { was.to_owned() }
    }

    fn routes(&self, all: &mut Vec<String>) {
        let of = |objects: &Objects, truth: &Truth| -> Vec<String> {
            let told = objects.routes.iter().filter(|route| route.learnt.is_none());
            let mut told: Vec<String> = told.map(|route| route_words(route, truth.first(&route.next_hop))).collect();
            told.sort();
            told
        };
        let (was, is) = (of(&self.was, self.truth), of(self.now, self.truth));
        let excused = |line: &String| self.truth.deleted.keys().chain(&self.truth.may_be_lost).any(|id| line.contains(id.as_str()));
        all.extend(was.iter().filter(|line| !is.contains(line) && !excused(line)).map(|line| format!("route lost: {line}")));
        // One that came in the very moment of the deletion nobody could know of.
        let lost = |id: &str| self.truth.edits.iter().any(|edit| edit.act == Act::Route && edit.of == self.truth.first(id));
        let left_behind = |line: &String| {
            let over_what_somebody_deleted = |route: &&RouteEntry| {
                let first = self.truth.first(&route.next_hop);
                self.now.connection(&route.next_hop).is_none() && self.truth.deleted.contains_key(first) && lost(&route.next_hop)
            };
            let over = self.now.routes.iter().filter(over_what_somebody_deleted);
            over.map(|route| route_words(route, self.truth.first(&route.next_hop))).any(|words| words == *line)
        };
        let new = is.iter().filter(|line| !was.contains(line) && !left_behind(line));
        all.extend(new.map(|line| format!("route that was not there: {line}")));
        let gone = self.now.routes.iter().filter(|route| self.now.connection(&route.next_hop).is_none() && !lost(&route.next_hop));
        all.extend(gone.map(|route| format!("route to {}, which is gone", route.next_hop)));
    }

    fn bindings(&self, all: &mut Vec<String>) {
        for was in self.was.attachments.iter() {
            let same_place = |is: &&Attachment| self.truth.first(&is.connection) == was.connection;
            let found: Vec<&Attachment> = self.now.attachments.iter().filter(same_place).collect();
            let [is] = found.as_slice() else {
                if !self.truth.deleted.contains_key(&was.connection) {
                    all.push(format!("{} is bound {} times", was.connection, found.len()));
                }
                continue;
            };
            let shown = |one: &Attachment| {
                (
                    one.name.clone(),
                    one.description.clone(),
                    one.transit_router.clone(),
                    one.auto_publish,
                    one.tags.clone(),
                    one.status.clone(),
                )
            };
            if shown(was) != shown(is) || was.zones != is.zones {
                all.push(format!("the binding of {} is another", was.connection));
            }
            let links = |objects: &Objects, id: &str| -> BTreeSet<(bool, String)> {
                let own = objects.links.iter().filter(|link| link.attachment == id);
                own.map(|link| (link.kind == cgwd::simulator::objects::LinkKind::Association, link.table.clone())).collect()
            };
            if links(&self.was, &was.id) != links(self.now, &is.id) {
                all.push(format!("the route tables of {} are others", was.connection));
            }
        }
    }

    fn customer_gateways(&self, all: &mut Vec<String>) {
        for was in self.was.customer_gateways.iter().filter(|was| was.id != self.new || self.back) {
            let is = self.now.customer_gateway(&was.id);
            match is {
                Some(is) if is == was => {
                    if !self.back && self.truth.replaced.contains(&was.id) && is_ours(was) && self.now.users_of(&was.id).next().is_none() {
                        all.push(format!("the old customer gateway {} is still there", was.id));
                    }
                }
                Some(_) if self.truth.adopted.contains(&was.id) => {}
                Some(_) => all.push(format!("customer gateway {} was touched", was.id)),
                None if self.truth.replaced.contains(&was.id) && !self.back && is_ours(was) => {}
                None if self.truth.may_be_lost.contains(&was.id)
                    || self.truth.adopted.contains(&was.id) && self.truth.replaced.contains(&was.id) => {}
                None => all.push(format!("customer gateway {} is gone", was.id)),
            }
        }
        let known = |gateway: &CustomerGateway| self.was.customer_gateway(&gateway.id).is_some() || (gateway.id == self.new && !self.back);
        all.extend(
            self.now
                .customer_gateways
                .iter()
                .filter(|gateway| !known(gateway))
                .map(|gateway| format!("customer gateway {} ({}) is left over", gateway.id, gateway.ip)),
        );
        if !self.back {
            self.new_gateway(all);
        }
    }

    fn new_gateway(&self, all: &mut Vec<String>) {
        let Some(is) = self.now.customer_gateway(self.new) else { return all.push("there is no new customer gateway".to_owned()) };
        let mut wrong = |what: &str| all.push(format!("the new customer gateway's {what}"));
        if is.ip != self.ip.to_string() {
            wrong("address");
        }
        if is.tags.contains_key("cgwd-plan") {
            wrong("tags: it still bears the plan's mark");
        }
        if !is_ours(is) && !self.truth.unmarked_new {
            wrong("mark");
        }
        // Those of one that was adopted carry over to the next.
        if self.was.customer_gateway(self.new).is_some() || !self.truth.adopted.is_empty() {
            return;
        }
        let Some(was) = self.was.customer_gateway(OLD_GATEWAY) else { return };
        if (&is.name, &is.description, &is.auth_key, &is.resource_group)
            != (&was.name, &was.description, &was.auth_key, &was.resource_group)
        {
            wrong("attributes");
        }
        let own = |gateway: &CustomerGateway| -> BTreeMap<String, String> {
            gateway.tags.iter().filter(|(key, _)| !key.starts_with("cgwd-")).map(|(key, value)| (key.clone(), value.clone())).collect()
        };
        if own(is) != own(was) {
            wrong("tags");
        }
    }
}

/// `address`: the cloud's own, where that may be a new one.
fn ike(was: &Ike, is: &Ike, identity: &str, address: Option<&String>, same: &mut impl FnMut(&str, bool)) {
    same("Psk", was.psk == is.psk);
    same("RemoteId", identity == is.remote_id);
    // A default that is not stated is one too.
    same("LocalId", was.local_id == is.local_id || address.is_some_and(|own| is.local_id.is_empty() || *own == is.local_id));
    let rest = |ike: &Ike| {
        let Ike { ike_version, ike_mode, ike_enc_alg, ike_auth_alg, ike_pfs, ike_lifetime, .. } = ike.clone();
        (ike_version, ike_mode, ike_enc_alg, ike_auth_alg, ike_pfs, ike_lifetime)
    };
    same("IkeConfig", rest(was) == rest(is));
}

fn route_words(route: &RouteEntry, next_hop: &str) -> String {
    let kind = match &route.kind {
        RouteKind::Destination { vpn_gateway } => format!("destination on {vpn_gateway}"),
        RouteKind::Policy { vpn_gateway, source, priority } => format!("policy on {vpn_gateway} from {source} priority {priority}"),
        RouteKind::Connection => "own".to_owned(),
    };
    format!("{kind} {} over {next_hop} weight {} {}", route.destination, route.weight, route.state)
}
