//! From a seed to a cloud: ids and defaults filled in, references checked.

use super::cloud::Cloud;
use super::device::{self, NO_SA};
use super::door::AccessKey;
use super::objects::{Attachment, Bgp, Carrier, Connection, CustomerGateway, Ike, Objects, RouteTable, TransitRouter, Tunnel, VpnGateway};
use super::random::Random;
use super::region::Region;
use super::seed::{Seed, SeedConnection, SeedCustomerGateway, SeedError, SeedRegion, SeedTransitRouter, SeedTunnel, SeedVpnGateway};
use super::transit_router::seed::{SeedRouteTable, SeedTable};
use super::{DEFAULT_RESOURCE_GROUP, regions, routes, transit_router};
use crate::model::{Secret, Timestamp};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

const ACCOUNT: &str = "1234567890123456";

pub fn found(seed: &Seed, now: Timestamp) -> Result<Cloud, SeedError> {
    let account = seed.account.as_deref().unwrap_or(ACCOUNT);
    if account.is_empty() || account.parse::<i64>().is_err() {
        return Err(wrong("Account", "an account id is a number"));
    }
    let random = Random::new(seed.random);
    let mut cloud = Cloud::empty(seed.switches, account, random.fork("cloud"));
    cloud.roles.clone_from(&seed.roles);
    for key in &seed.credentials {
        cloud.admit(AccessKey {
            id: key.access_key_id.clone(),
            secret: Secret::new(key.access_key_secret.clone()),
            security_token: key.security_token.clone().map(Secret::new),
            expires: None,
        });
    }
    let devices = device::found(seed, now)?;
    for (id, name) in regions::KNOWN {
        let mut region = Region::new(id, seed.switches, account, &random);
        region.place(Objects::default(), devices.clone(), now);
        name.clone_into(&mut region.local_name);
        cloud.insert(region);
    }
    for (id, seeded) in &seed.regions {
        let mut region = cloud.region(id).cloned().unwrap_or_else(|| Region::new(id, seed.switches, account, &random));
        region.quota = seeded.quota;
        seeded.local_name.clone_into_some(&mut region.local_name);
        seeded.region_endpoint.clone_into_some(&mut region.endpoint);
        let place = format!("Regions.{id}");
        let objects = Founder { place, random: &mut region.random, now, objects: Objects::default() }.objects(seeded)?;
        region.place(objects, devices.clone(), now);
        cloud.insert(region);
    }
    Ok(cloud)
}

trait CloneIntoSome {
    fn clone_into_some(&self, target: &mut String);
}

impl CloneIntoSome for Option<String> {
    fn clone_into_some(&self, target: &mut String) {
        if let Some(value) = self {
            target.clone_from(value);
        }
    }
}

/// The time that a seed gives an object, now where it gives none.
pub(super) fn created(millis: Option<i64>, place: &str, now: Timestamp) -> Result<Timestamp, SeedError> {
    let Some(millis) = millis else { return Ok(now) };
    Timestamp::from_millisecond(millis).map_err(|_| wrong(format!("{place}.CreateTime"), "no time in milliseconds since 1970"))
}

pub(super) fn wrong(place: impl Into<String>, problem: impl Into<String>) -> SeedError {
    SeedError::Meaning { place: place.into(), problem: problem.into() }
}

struct Founder<'a> {
    place: String,
    random: &'a mut Random,
    now: Timestamp,
    objects: Objects,
}

impl Founder<'_> {
    fn objects(mut self, seeded: &SeedRegion) -> Result<Objects, SeedError> {
        for (at, gateway) in seeded.customer_gateways.iter().enumerate() {
            let place = format!("{}.CustomerGateways[{at}]", self.place);
            let gateway = self.customer_gateway(gateway, &place)?;
            self.objects.customer_gateways.push(gateway);
        }
        for (at, gateway) in seeded.vpn_gateways.iter().enumerate() {
            let place = format!("{}.VpnGateways[{at}]", self.place);
            let gateway = self.vpn_gateway(gateway, &place)?;
            self.objects.vpn_gateways.push(gateway);
        }
        for router in &seeded.transit_routers {
            let router = self.transit_router(router);
            self.objects.transit_routers.push(router);
        }
        for (at, connection) in seeded.vpn_connections.iter().enumerate() {
            let place = format!("{}.VpnConnections[{at}]", self.place);
            let connection = self.connection(connection, &place)?;
            self.objects.connections.push(connection);
        }
        routes::seed::found(&mut self.objects, seeded, &self.place, self.now)?;
        transit_router::seed::found(&mut self.objects, seeded, &self.place, self.now)?;
        self.ids_differ()?;
        Ok(self.objects)
    }

    fn id(&mut self, given: &Option<String>, prefix: &str) -> String {
        given.clone().unwrap_or_else(|| self.random.id(prefix))
    }

    fn created(&self, millis: Option<i64>, place: &str) -> Result<Timestamp, SeedError> {
        created(millis, place, self.now)
    }

    fn customer_gateway(&mut self, seeded: &SeedCustomerGateway, place: &str) -> Result<CustomerGateway, SeedError> {
        let ip: Ipv4Addr = seeded.ip_address.parse().map_err(|_| wrong(format!("{place}.IpAddress"), "not an IPv4 address"))?;
        if self.objects.customer_gateways.iter().any(|other| other.ip == ip.to_string()) {
            return Err(wrong(format!("{place}.IpAddress"), "two customer gateways of a region cannot have one address"));
        }
        Ok(CustomerGateway {
            id: self.id(&seeded.customer_gateway_id, "cgw"),
            ip: ip.to_string(),
            asn: seeded.asn,
            name: seeded.name.clone(),
            description: seeded.description.clone(),
            auth_key: seeded.auth_key.clone(),
            resource_group: group(&seeded.resource_group_id),
            created: self.created(seeded.create_time, place)?,
            tags: seeded.tags.clone(),
            busy_until: None,
        })
    }

    fn vpn_gateway(&mut self, seeded: &SeedVpnGateway, place: &str) -> Result<VpnGateway, SeedError> {
        let text = |given: &Option<String>, default: &str| given.clone().unwrap_or_else(|| default.to_owned());
        let second = seeded.disaster_recovery_internet_ip.clone();
        let second = second.or_else(|| seeded.dual_tunnel.then(|| self.random.cloud_address()));
        Ok(VpnGateway {
            id: self.id(&seeded.vpn_gateway_id, "vpn"),
            name: seeded.name.clone(),
            description: seeded.description.clone(),
            status: text(&seeded.status, "active"),
            busy_until: None,
            business_status: text(&seeded.business_status, "Normal"),
            network_type: text(&seeded.network_type, "public"),
            vpn_type: text(&seeded.vpn_type, "Normal"),
            internet_ip: seeded.internet_ip.clone().unwrap_or_else(|| self.random.cloud_address()),
            disaster_recovery_vswitch: second.is_some().then(|| self.id(&seeded.disaster_recovery_v_switch_id, "vsw")),
            disaster_recovery_ip: second,
            vpc: self.id(&seeded.vpc_id, "vpc"),
            vswitch: self.id(&seeded.v_switch_id, "vsw"),
            spec: text(&seeded.spec, "1000M"),
            bgp: seeded.enable_bgp.unwrap_or(true),
            auto_propagate: seeded.auto_propagate,
            resource_group: group(&seeded.resource_group_id),
            created: self.created(seeded.create_time, place)?,
            tags: seeded.tags.clone(),
        })
    }

    fn transit_router(&mut self, seeded: &SeedTransitRouter) -> TransitRouter {
        let now = self.now;
        let table = |id: &str, name: &str, description: &str, kind: &str| RouteTable {
            id: id.to_owned(),
            name: name.to_owned(),
            description: description.to_owned(),
            kind: kind.to_owned(),
            created: now,
            static_routes: Vec::new(),
        };
        let mut route_tables = vec![table(&self.id(&seeded.system_route_table, "vtb"), "", "", "System")];
        let custom = |SeedRouteTable(own): &SeedRouteTable| {
            let SeedTable {
                transit_router_route_table_id: id,
                transit_router_route_table_name: name,
                transit_router_route_table_description: description,
            } = own;
            table(id, name, description, "Custom")
        };
        route_tables.extend(seeded.custom_route_tables.iter().map(custom));
        TransitRouter {
            id: self.id(&seeded.transit_router_id, "tr"),
            cen: self.id(&seeded.cen_id, "cen"),
            name: seeded.name.clone(),
            cidr: seeded.cidr.clone().unwrap_or_else(|| "10.127.0.0/24".to_owned()),
            route_tables,
        }
    }

    fn connection(&mut self, seeded: &SeedConnection, place: &str) -> Result<Connection, SeedError> {
        let carrier = self.carrier(seeded, place)?;
        let addresses = self.addresses(&carrier);
        let customer = self.single_gateway(seeded, place)?;
        let tunnels = self.tunnels(seeded, &addresses, place)?;
        let text = |given: &Option<String>, default: &str| given.clone().unwrap_or_else(|| default.to_owned());
        let on_gateway = matches!(carrier, Carrier::VpnGateway(_));
        let (state, gateways_group) = match &carrier {
            Carrier::VpnGateway(id) => ("active", self.objects.vpn_gateway(id).map(|gateway| gateway.resource_group.clone())),
            Carrier::TransitRouter(_) => ("attached", None),
            Carrier::Unbound => ("init", None),
        };
        let single = tunnels.is_empty();
        let own_address = match &carrier {
            Carrier::VpnGateway(_) => addresses[0].clone(),
            Carrier::TransitRouter(_) => text(&seeded.internet_ip, &addresses[0]),
            Carrier::Unbound => String::new(),
        };
        let connection = Connection {
            id: self.id(&seeded.vpn_connection_id, "vco"),
            name: seeded.name.clone(),
            description: seeded.description.clone(),
            ike: if single { self.ike(&seeded.ike_config, &own_address, &customer.1) } else { Ike::default() },
            customer_gateway: customer.0,
            tunnels,
            local_subnet: text(&seeded.local_subnet, "0.0.0.0/0"),
            remote_subnet: text(&seeded.remote_subnet, "0.0.0.0/0"),
            effect_immediately: seeded.effect_immediately,
            auto_config_route: seeded.auto_config_route.unwrap_or(true),
            enable_dpd: seeded.enable_dpd.unwrap_or(true),
            enable_nat_traversal: seeded.enable_nat_traversal.unwrap_or(true),
            enable_tunnels_bgp: seeded.enable_tunnels_bgp,
            remote_id_given: !seeded.ike_config.remote_id.is_empty(),
            ipsec: seeded.ipsec_config.clone(),
            bgp: seeded.vpn_bgp_config.clone(),
            health: seeded.vco_health_check.clone(),
            remote_ca: seeded.remote_ca_certificate.clone(),
            network_type: text(&seeded.network_type, "public"),
            tunnel_bandwidth: text(&seeded.tunnel_bandwidth, if on_gateway { "" } else { "Standard" }),
            internet_ip: if on_gateway || !single { String::new() } else { text(&seeded.internet_ip, &addresses[0]) },
            zone: seeded.zone_no.clone(),
            cross_account_authorized: seeded.cross_account_authorized,
            resource_group: seeded.resource_group_id.clone().or(gateways_group).unwrap_or_else(|| DEFAULT_RESOURCE_GROUP.to_owned()),
            created: self.created(seeded.create_time, place)?,
            tags: seeded.tags.clone(),
            state: text(&seeded.state, state),
            status: text(&seeded.status, NO_SA),
            pending: None,
            carrier,
        };
        self.bind(seeded, &connection);
        Ok(connection)
    }

    fn carrier(&self, seeded: &SeedConnection, place: &str) -> Result<Carrier, SeedError> {
        match (&seeded.vpn_gateway_id, &seeded.transit_router_id) {
            (Some(_), Some(_)) => Err(wrong(place, "either VpnGatewayId or TransitRouterId, not both")),
            (Some(id), None) if self.objects.vpn_gateway(id).is_some() => Ok(Carrier::VpnGateway(id.clone())),
            (Some(id), None) => Err(wrong(format!("{place}.VpnGatewayId"), format!("no VPN gateway {id} in this region"))),
            (None, Some(id)) if self.objects.transit_routers.iter().any(|router| &router.id == id) => {
                Ok(Carrier::TransitRouter(id.clone()))
            }
            (None, Some(id)) => Err(wrong(format!("{place}.TransitRouterId"), format!("no transit router {id} in this region"))),
            (None, None) => Ok(Carrier::Unbound),
        }
    }

    fn addresses(&mut self, carrier: &Carrier) -> [String; 2] {
        match carrier {
            Carrier::VpnGateway(id) => {
                let own = self.objects.vpn_gateway(id).map(|own| (own.internet_ip.clone(), own.disaster_recovery_ip.clone()));
                let (first, second) = own.unwrap_or_default();
                [first, second.unwrap_or_default()]
            }
            Carrier::TransitRouter(_) => [self.random.cloud_address(), self.random.cloud_address()],
            Carrier::Unbound => [String::new(), String::new()],
        }
    }

    /// Id and address of a single-tunnel connection's customer gateway; empty for a dual-tunnel one.
    fn single_gateway(&self, seeded: &SeedConnection, place: &str) -> Result<(String, String), SeedError> {
        match (&seeded.customer_gateway_id, seeded.tunnel_options_specification.is_empty()) {
            (Some(id), true) => self.gateway_named(id, place).map(|gateway| (gateway.id.clone(), gateway.ip.clone())),
            (None, true) => {
                Err(wrong(place, "either CustomerGatewayId (single-tunnel) or TunnelOptionsSpecification (dual-tunnel) is needed"))
            }
            (Some(_), false) => Err(wrong(place, "a dual-tunnel connection names its customer gateways in its tunnels")),
            (None, false) => Ok((String::new(), String::new())),
        }
    }

    fn gateway_named(&self, id: &str, place: &str) -> Result<&CustomerGateway, SeedError> {
        let missing = || wrong(format!("{place}.CustomerGatewayId"), format!("no customer gateway {id} in this region"));
        self.objects.customer_gateway(id).ok_or_else(missing)
    }

    fn tunnels(&mut self, seeded: &SeedConnection, addresses: &[String; 2], place: &str) -> Result<Vec<Tunnel>, SeedError> {
        let given = &seeded.tunnel_options_specification;
        if given.is_empty() {
            return Ok(Vec::new());
        }
        if given.len() != 2 {
            return Err(wrong(format!("{place}.TunnelOptionsSpecification"), "a dual-tunnel connection has exactly two tunnels"));
        }
        let numbered = given.iter().zip([(1, "master"), (2, "slave")]).zip(addresses);
        numbered
            .map(|((tunnel, (index, role)), address)| {
                let place = format!("{place}.TunnelOptionsSpecification[{}]", index - 1);
                if tunnel.role.as_deref().is_some_and(|given| given != role) || tunnel.tunnel_index.is_some_and(|given| given != index) {
                    return Err(wrong(place, "the first tunnel is the master with index 1, the second the slave with index 2"));
                }
                self.tunnel(tunnel, index, role, address, seeded.enable_tunnels_bgp, &place)
            })
            .collect()
    }

    fn tunnel(&mut self, seeded: &SeedTunnel, index: u8, role: &str, address: &str, bgp: bool, place: &str) -> Result<Tunnel, SeedError> {
        let customer = self.gateway_named(&seeded.customer_gateway_id, place)?;
        let (customer, remote) = (customer.id.clone(), customer.ip.clone());
        let address = seeded.internet_ip.clone().unwrap_or_else(|| address.to_owned());
        Ok(Tunnel {
            id: self.id(&seeded.tunnel_id, "tun"),
            index,
            role: role.to_owned(),
            customer_gateway: customer,
            enable_dpd: seeded.enable_dpd,
            enable_nat_traversal: seeded.enable_nat_traversal,
            remote_ca: seeded.remote_ca_certificate.clone(),
            bgp: Bgp { enable_bgp: bgp, ..seeded.tunnel_bgp_config.clone() },
            ike: self.ike(&seeded.tunnel_ike_config, &address, &remote),
            remote_id_given: !seeded.tunnel_ike_config.remote_id.is_empty(),
            ipsec: seeded.tunnel_ipsec_config.clone(),
            internet_ip: address,
            zone: seeded.zone_no.clone(),
            state: seeded.state.clone().unwrap_or_else(|| "active".to_owned()),
            status: seeded.status.clone().unwrap_or_else(|| NO_SA.to_owned()),
        })
    }

    /// With a key, and the identities that stand where none was given.
    fn ike(&mut self, seeded: &Ike, local: &str, remote: &str) -> Ike {
        let or = |given: &str, default: &str| if given.is_empty() { default.to_owned() } else { given.to_owned() };
        Ike {
            psk: if seeded.psk.is_empty() { self.random.key(16) } else { seeded.psk.clone() },
            local_id: or(&seeded.local_id, local),
            remote_id: or(&seeded.remote_id, remote),
            ..seeded.clone()
        }
    }

    /// The transit router's side of the connection.
    fn bind(&mut self, seeded: &SeedConnection, connection: &Connection) {
        let Carrier::TransitRouter(router) = &connection.carrier else { return };
        let cen = self.objects.transit_routers.iter().find(|own| &own.id == router).map(|own| own.cen.clone());
        let id = self.id(&seeded.transit_router_attachment_id, "tr-attach");
        self.objects.attachments.push(Attachment {
            id,
            name: seeded.transit_router_attachment_name.clone().unwrap_or_else(|| connection.name.clone()),
            description: seeded.transit_router_attachment_description.clone(),
            transit_router: router.clone(),
            cen: cen.unwrap_or_default(),
            connection: connection.id.clone(),
            auto_publish: seeded.auto_publish_route_enabled.unwrap_or(true),
            order_type: seeded.order_type.clone().unwrap_or_else(|| "PayByCenOwner".to_owned()),
            zones: seeded.zones.clone(),
            created: connection.created,
            tags: seeded.transit_router_attachment_tags.clone(),
            status: "Attached".to_owned(),
            pending: None,
        });
    }

    fn ids_differ(&self) -> Result<(), SeedError> {
        let objects = &self.objects;
        let mut seen = BTreeSet::new();
        let ids = objects.customer_gateways.iter().map(|own| &own.id).chain(objects.vpn_gateways.iter().map(|own| &own.id));
        let ids = ids.chain(objects.transit_routers.iter().map(|own| &own.id)).chain(objects.connections.iter().map(|own| &own.id));
        let tunnels = objects.connections.iter().flat_map(|own| own.tunnels.iter().map(|tunnel| &tunnel.id));
        let tables = objects.transit_routers.iter().flat_map(|own| own.route_tables.iter().map(|table| &table.id));
        match ids.chain(tunnels).chain(tables).chain(objects.attachments.iter().map(|own| &own.id)).find(|id| !seen.insert(id.as_str())) {
            Some(twice) => Err(wrong(&self.place, format!("the id {twice} is there twice"))),
            None => Ok(()),
        }
    }
}

fn group(given: &Option<String>) -> String {
    given.clone().unwrap_or_else(|| DEFAULT_RESOURCE_GROUP.to_owned())
}
