//! ModifyVpnConnectionAttribute, ModifyTunnelAttribute and ModifyVpnAttachmentAttribute (cloud/api.md 1.1, 2.3, 2.4).
//!
//! All three are asynchronous: the new settings show at once, the connection and the tunnels that they concern are
//! `updating` for a while. None has a `DryRun`.

use super::patch::{Patch, sections};
use super::{NOT_FOUND, create, idle, parse, reply, takes};
use crate::model::Timestamp;
use crate::simulator::check;
use crate::simulator::objects::{Carrier, Connection, Objects, Pending, Then, VpnGateway};
use crate::simulator::region::Region;
use crate::simulator::request::Request;
use crate::simulator::response::{ApiError, Reply};
use crate::simulator::{routes, vpn_gateway};

/// Either kind of connection, in either call.
const COMMON: [&str; 6] = ["VpnConnectionId", "Name", "LocalSubnet", "RemoteSubnet", "EffectImmediately", "AutoConfigRoute"];
const DUAL: [&str; 2] = ["TunnelOptionsSpecification", "EnableTunnelsBgp"];
const SINGLE: [&str; 6] = ["IkeConfig", "IpsecConfig", "HealthCheckConfig", "EnableDpd", "EnableNatTraversal", "BgpConfig"];

/// Has no CustomerGatewayId of its own: a single-tunnel connection keeps its customer gateway.
pub fn on_vpn_gateway(region: &mut Region, request: &Request, now: Timestamp) -> Reply {
    let objects = region.shared();
    let connection = idle(&objects, request)?;
    let carrier = carrier_of(&objects, connection)?;
    let own: &[&str] = if connection.is_dual() { &DUAL } else { &["RemoteCaCertificate"] };
    only(request, own, connection)?;
    let mut changed = Changed::of(connection);
    changed.common(request)?;
    if connection.is_dual() {
        changed.tunnels(request, &mut patch(region, &objects, carrier_defaults(connection)))?;
    } else {
        if let Some(certificate) = request.text("RemoteCaCertificate") {
            certificate.clone_into(&mut changed.connection.remote_ca);
        }
        changed.single(request, &mut patch(region, &objects, carrier_defaults(connection)), &carrier.internet_ip)?;
    }
    create::refuse_certificates(&changed.connection, carrier)?;
    changed.fits(&objects)?;
    vpn_gateway::changeable(carrier, now)?;
    let changed = changed.begin(region, "active", now)?;
    Ok(reply::connection(region, &changed))
}

/// One tunnel of a dual-tunnel connection on a VPN gateway; whether it takes others is not documented.
pub fn tunnel(region: &mut Region, request: &Request, now: Timestamp) -> Reply {
    let objects = region.shared();
    let id = request.required("TunnelId")?;
    let connection = idle(&objects, request)?;
    let carrier = carrier_of(&objects, connection)?;
    takes(request, &["VpnConnectionId", "TunnelId", "TunnelOptionsSpecification"])?;
    let at = connection.tunnels.iter().position(|tunnel| tunnel.id == id).ok_or_else(|| ApiError::illegal("TunnelId"))?;
    let fields = request.object("TunnelOptionsSpecification");
    if ["TunnelId", "TunnelIndex", "Role"].iter().any(|own| fields.contains_key(*own)) {
        return Err(ApiError::illegal("TunnelOptionsSpecification"));
    }
    // BGP is turned on with ModifyVpnConnectionAttribute (cloud/api.md 2.3).
    if !connection.enable_tunnels_bgp && fields.keys().any(|field| field.starts_with("TunnelBgpConfig.")) {
        return Err(ApiError::illegal("TunnelOptionsSpecification.TunnelBgpConfig"));
    }
    let mut changed = Changed::of(connection);
    patch(region, &objects, parse::Defaults::Connection).tunnel(&mut changed.connection.tunnels[at], &fields)?;
    changed.touched.push(at);
    create::refuse_certificates(&changed.connection, carrier)?;
    changed.fits(&objects)?;
    vpn_gateway::changeable(carrier, now)?;
    let changed = changed.begin(region, "active", now)?;
    Ok(reply::tunnel(region, &changed.tunnels[at]))
}

/// A connection of a transit router, or an unbound one. Here a single-tunnel connection can change its customer gateway.
pub fn attachment(region: &mut Region, request: &Request, now: Timestamp) -> Reply {
    let objects = region.shared();
    let connection = idle(&objects, request)?;
    let rest = match connection.carrier {
        Carrier::VpnGateway(_) => return Err(ApiError::illegal("VpnConnectionId")),
        Carrier::TransitRouter(_) => "attached",
        Carrier::Unbound => "init",
    };
    let own: &[&str] = if connection.is_dual() { &DUAL } else { &["CustomerGatewayId"] };
    only(request, &[own, &["NetworkType", "RemoteCaCert"]].concat(), connection)?;
    // It is in the schema, and cannot be changed (cloud/api.md 2.4).
    if request.filter("NetworkType").is_some_and(|kind| kind != connection.network_type) {
        return Err(ApiError::illegal("NetworkType"));
    }
    let mut changed = Changed::of(connection);
    changed.common(request)?;
    let mut patch = patch(region, &objects, parse::Defaults::Attachment);
    if connection.is_dual() {
        changed.tunnels(request, &mut patch)?;
        if changed.connection.tunnels.iter().any(|tunnel| !tunnel.remote_ca.is_empty()) {
            return Err(ApiError::illegal("RemoteCaCertificate"));
        }
    } else {
        if let Some(gateway) = request.filter("CustomerGatewayId") {
            changed.connection.customer_gateway.clone_from(&patch.gateway(gateway)?.id);
        }
        let address = changed.connection.internet_ip.clone();
        changed.single(request, &mut patch, &address)?;
    }
    changed.fits(&objects)?;
    let changed = changed.begin(region, rest, now)?;
    Ok(reply::attachment(region, &changed))
}

/// A connection as it will be, and the places of the tunnels that change.
struct Changed {
    connection: Connection,
    touched: Vec<usize>,
}

impl Changed {
    fn of(connection: &Connection) -> Changed {
        Changed { connection: connection.clone(), touched: Vec::new() }
    }

    fn common(&mut self, request: &Request) -> Result<(), ApiError> {
        let Changed { connection, .. } = self;
        if let Some(name) = check::label(request, "Name")? {
            connection.name = name;
        }
        for (parameter, subnets) in [("LocalSubnet", &mut connection.local_subnet), ("RemoteSubnet", &mut connection.remote_subnet)] {
            if request.filter(parameter).is_some() {
                *subnets = parse::subnets(request, parameter)?;
            }
        }
        let flags = [
            ("EffectImmediately", &mut connection.effect_immediately),
            ("AutoConfigRoute", &mut connection.auto_config_route),
            ("EnableDpd", &mut connection.enable_dpd),
            ("EnableNatTraversal", &mut connection.enable_nat_traversal),
            ("EnableTunnelsBgp", &mut connection.enable_tunnels_bgp),
        ];
        for (parameter, flag) in flags {
            *flag = request.boolean(parameter)?.unwrap_or(*flag);
        }
        Ok(())
    }

    fn tunnels(&mut self, request: &Request, patch: &mut Patch<'_>) -> Result<(), ApiError> {
        let Changed { connection, touched } = self;
        for fields in sections(request)? {
            let at = super::patch::which(&connection.tunnels, &fields)?;
            if touched.contains(&at) {
                return Err(ApiError::illegal("TunnelOptionsSpecification"));
            }
            patch.tunnel(&mut connection.tunnels[at], &fields)?;
            touched.push(at);
        }
        let bgp = connection.enable_tunnels_bgp;
        for (at, tunnel) in connection.tunnels.iter_mut().enumerate().filter(|(_, tunnel)| tunnel.bgp.enable_bgp != bgp) {
            tunnel.bgp.enable_bgp = bgp;
            tunnel.bgp.bgp_status.clear();
            if !touched.contains(&at) {
                touched.push(at);
            }
        }
        Ok(())
    }

    fn single(&mut self, request: &Request, patch: &mut Patch<'_>, address: &str) -> Result<(), ApiError> {
        let Connection { customer_gateway, ike, remote_id_given, ipsec, bgp, health, .. } = &mut self.connection;
        patch.ike(super::patch::json(request, "IkeConfig")?, ike, remote_id_given, customer_gateway, address)?;
        patch.ipsec(super::patch::json(request, "IpsecConfig")?, ipsec)?;
        super::patch::bgp(super::patch::json(request, "BgpConfig")?, bgp)?;
        super::patch::health(super::patch::json(request, "HealthCheckConfig")?, health)
    }

    /// What is to be true of the whole, whatever was sent.
    fn fits(&self, objects: &Objects) -> Result<(), ApiError> {
        let Changed { connection, .. } = self;
        let has_asn = |id: &str| objects.customer_gateway(id).is_some_and(|gateway| gateway.asn.is_some());
        if connection.bgp.enable_bgp {
            parse::check_bgp(&connection.bgp)?;
            if !has_asn(&connection.customer_gateway) {
                return Err(ApiError::illegal("BgpConfig"));
            }
        }
        for tunnel in connection.tunnels.iter().filter(|tunnel| tunnel.bgp.enable_bgp) {
            parse::check_bgp(&tunnel.bgp)?;
            if !has_asn(&tunnel.customer_gateway) {
                return Err(ApiError::illegal("EnableTunnelsBgp"));
            }
        }
        create::unique_tunnel_cidrs(objects, connection)
    }

    /// New subnets bring routes where the system makes them; that those of the old ones stay is our reading, as nothing
    /// is documented.
    fn begin(self, region: &mut Region, rest: &str, now: Timestamp) -> Result<Connection, ApiError> {
        let Changed { mut connection, touched } = self;
        let subnets = |of: &Connection| [of.local_subnet.clone(), of.remote_subnet.clone()];
        let rerouted = region.objects().connection(&connection.id).is_some_and(|before| subnets(before) != subnets(&connection));
        if rerouted {
            routes::automatic::room(region, &connection)?;
        }
        let until = now + region.switches.gateway_change();
        "updating".clone_into(&mut connection.state);
        touched.into_iter().for_each(|at| "updating".clone_into(&mut connection.tunnels[at].state));
        connection.pending = Some(Pending { until, then: Then::State(rest.to_owned()) });
        let objects = region.change(now);
        if let Some(own) = objects.connections.iter_mut().find(|own| own.id == connection.id) {
            own.clone_from(&connection);
        }
        if let Carrier::VpnGateway(carrier) = &connection.carrier {
            vpn_gateway::occupy(objects, carrier, until);
        }
        if rerouted {
            routes::automatic::add(objects, &connection.id, now);
        }
        Ok(connection)
    }
}

fn patch<'a>(region: &'a mut Region, objects: &'a Objects, defaults: parse::Defaults) -> Patch<'a> {
    Patch { objects, switches: region.switches, random: &mut region.random, defaults }
}

fn carrier_defaults(connection: &Connection) -> parse::Defaults {
    if connection.vpn_gateway().is_some() { parse::Defaults::Connection } else { parse::Defaults::Attachment }
}

fn carrier_of<'a>(objects: &'a Objects, connection: &Connection) -> Result<&'a VpnGateway, ApiError> {
    let carrier = connection.vpn_gateway().ok_or_else(|| ApiError::illegal("VpnConnectionId"))?;
    objects.vpn_gateway(carrier).ok_or_else(|| ApiError::not_found(NOT_FOUND))
}

fn only(request: &Request, own: &[&str], connection: &Connection) -> Result<(), ApiError> {
    let mode: &[&str] = if connection.is_dual() { &[] } else { &SINGLE };
    takes(request, &[&COMMON, mode, own].concat())
}
