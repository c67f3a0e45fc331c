//! CreateVpnConnection and CreateVpnAttachment.

use super::parse::{self, Defaults, TunnelOptions};
use super::{begin, refuse_dry_run, takes};
use crate::model::Timestamp;
use crate::simulator::check::{self, TagRule};
use crate::simulator::device::NO_SA;
use crate::simulator::objects::{Bgp, Carrier, Connection, Health, Ike, Ipsec, Objects, Pending, Then, Tunnel, VpnGateway};
use crate::simulator::region::Region;
use crate::simulator::request::Request;
use crate::simulator::response::{ApiError, Reply};
use crate::simulator::switches::EqualSubnets;
use crate::simulator::{DEFAULT_RESOURCE_GROUP, customer_gateway, routes, vpn_gateway};
use serde_json::json;

/// Both modes on a VPN gateway (cloud/api.md 2.3).
const COMMON: [&str; 8] = ["VpnGatewayId", "LocalSubnet", "RemoteSubnet", "Name", "EffectImmediately", "AutoConfigRoute", "Tags", "DryRun"];
const DUAL: [&str; 2] = ["TunnelOptionsSpecification", "EnableTunnelsBgp"];
const SINGLE: [&str; 8] = [
    "CustomerGatewayId",
    "IkeConfig",
    "IpsecConfig",
    "BgpConfig",
    "HealthCheckConfig",
    "EnableDpd",
    "EnableNatTraversal",
    "RemoteCaCertificate",
];
/// A dual-tunnel connection for a transit router; AutoConfigRoute and RemoteCaCert are in the schema (cloud/api.md 2.4).
const ATTACHMENT: [&str; 12] = [
    "LocalSubnet",
    "RemoteSubnet",
    "Name",
    "NetworkType",
    "EffectImmediately",
    "Tags",
    "ResourceGroupId",
    "TunnelOptionsSpecification",
    "EnableTunnelsBgp",
    "TunnelBandwidth",
    "AutoConfigRoute",
    "DryRun",
];

pub fn on_vpn_gateway(region: &mut Region, request: &Request, now: Timestamp) -> Reply {
    let gateway_id = request.required("VpnGatewayId")?;
    let carrier = region.objects().vpn_gateway(gateway_id).ok_or_else(|| ApiError::not_found(vpn_gateway::NOT_FOUND))?.clone();
    let mut connection = common(request, now)?;
    connection.carrier = Carrier::VpnGateway(carrier.id.clone());
    connection.network_type.clone_from(&carrier.network_type);
    connection.resource_group.clone_from(&carrier.resource_group);
    if carrier.is_dual() {
        let options = two_tunnels(request, Defaults::Connection)?;
        takes(request, &[&COMMON[..], &DUAL].concat())?;
        connection.tunnels = tunnels(region.objects(), options, connection.enable_tunnels_bgp)?;
        let addresses = [carrier.internet_ip.clone(), carrier.disaster_recovery_ip.clone().unwrap_or_default()];
        super::assign_addresses(&mut connection, &addresses);
        connection.tunnels.iter_mut().for_each(|tunnel| tunnel.ike.local_id = or(&tunnel.ike.local_id, &tunnel.internet_ip));
        refuse_certificates(&connection, &carrier)?;
    } else {
        takes(request, &[&COMMON[..], &SINGLE].concat())?;
        single(region.objects(), request, &carrier, &mut connection)?;
    }
    allowed_on(region, &carrier, &connection, now)?;
    unique_tunnel_cidrs(region.objects(), &connection)?;
    refuse_dry_run(request)?;

    let until = now + region.switches.gateway_change();
    begin(&mut connection, "provisioning", "updating", Pending { until, then: Then::State("active".to_owned()) });
    let (reply, objects) = insert(region, connection, now);
    routes::automatic::add(objects, reply["VpnConnectionId"].as_str().unwrap_or_default(), now);
    vpn_gateway::occupy(objects, &carrier.id, until);
    Ok(reply)
}

/// Dual-tunnel only; unbound (`init`) until a transit router takes it.
pub fn attachment(region: &mut Region, request: &Request, now: Timestamp) -> Reply {
    if request.objects("TunnelOptionsSpecification").is_empty() {
        let message = "The specified tunnel options are invalid: only dual-tunnel connections can be created.";
        return Err(ApiError::new(400, "VpnConnection.InvalidCreateTunnelOptions", message));
    }
    let mut connection = common(request, now)?;
    connection.network_type = one_of(request, "NetworkType", ["public", "private"])?;
    connection.tunnel_bandwidth = one_of(request, "TunnelBandwidth", ["Standard", "Large"])?;
    connection.resource_group = request.filter("ResourceGroupId").unwrap_or(DEFAULT_RESOURCE_GROUP).to_owned();
    let options = two_tunnels(request, Defaults::Attachment)?;
    takes(request, &[&ATTACHMENT[..], &["RemoteCaCert"]].concat())?;
    connection.tunnels = tunnels(region.objects(), options, connection.enable_tunnels_bgp)?;
    unique_tunnel_cidrs(region.objects(), &connection)?;
    refuse_dry_run(request)?;
    "init".clone_into(&mut connection.state);
    let (mut reply, _) = insert(region, connection, now);
    for (field, value) in [("Code", json!("200")), ("Success", json!(true)), ("Message", json!("successful"))] {
        reply[field] = value;
    }
    Ok(reply)
}

/// What every kind of connection takes.
fn common(request: &Request, now: Timestamp) -> Result<Connection, ApiError> {
    let flag = |name: &str, default: bool| request.boolean(name).map(|given| given.unwrap_or(default));
    Ok(Connection {
        id: String::new(),
        name: check::label(request, "Name")?.unwrap_or_default(),
        description: String::new(),
        carrier: Carrier::Unbound,
        customer_gateway: String::new(),
        tunnels: Vec::new(),
        local_subnet: parse::subnets(request, "LocalSubnet")?,
        remote_subnet: parse::subnets(request, "RemoteSubnet")?,
        effect_immediately: flag("EffectImmediately", false)?,
        auto_config_route: flag("AutoConfigRoute", true)?,
        enable_dpd: flag("EnableDpd", true)?,
        enable_nat_traversal: flag("EnableNatTraversal", true)?,
        enable_tunnels_bgp: flag("EnableTunnelsBgp", false)?,
        ike: Ike::default(),
        remote_id_given: false,
        ipsec: Ipsec::default(),
        bgp: Bgp::default(),
        health: Health::default(),
        remote_ca: String::new(),
        network_type: String::new(),
        tunnel_bandwidth: String::new(),
        internet_ip: String::new(),
        zone: String::new(),
        cross_account_authorized: false,
        resource_group: String::new(),
        created: now,
        tags: check::tags(request, "Tags", TagRule::Create)?,
        state: String::new(),
        status: NO_SA.to_owned(),
        pending: None,
    })
}

fn single(objects: &Objects, request: &Request, carrier: &VpnGateway, connection: &mut Connection) -> Result<(), ApiError> {
    let customer = request.required("CustomerGatewayId")?;
    let customer = objects.customer_gateway(customer).ok_or_else(|| ApiError::not_found(customer_gateway::NOT_FOUND))?;
    connection.customer_gateway.clone_from(&customer.id);
    connection.ike = parse::json(request, "IkeConfig")?;
    connection.ipsec = parse::json(request, "IpsecConfig")?;
    connection.bgp = parse::json(request, "BgpConfig")?;
    connection.health = parse::json(request, "HealthCheckConfig")?;
    connection.remote_ca = request.filter("RemoteCaCertificate").unwrap_or_default().to_owned();
    parse::check_ike(&connection.ike)?;
    parse::check_ipsec(&connection.ipsec)?;
    parse::check_health(&connection.health)?;
    if connection.bgp.enable_bgp {
        parse::check_bgp(&connection.bgp)?;
        customer.asn.ok_or_else(|| ApiError::illegal("BgpConfig"))?;
    }
    connection.remote_id_given = !connection.ike.remote_id.is_empty();
    connection.ike.local_id = or(&connection.ike.local_id, &carrier.internet_ip);
    connection.ike.remote_id = or(&connection.ike.remote_id, &customer.ip);
    refuse_certificates(connection, carrier)
}

fn two_tunnels(request: &Request, defaults: Defaults) -> Result<[TunnelOptions; 2], ApiError> {
    let given = request.objects("TunnelOptionsSpecification");
    if given.is_empty() {
        return Err(ApiError::missing("TunnelOptionsSpecification"));
    }
    let mut options = given.iter().map(|fields| parse::tunnel(fields, defaults)).collect::<Result<Vec<_>, _>>()?;
    options.sort_by_key(|tunnel| tunnel.index.unwrap_or(0).max(u8::from(tunnel.role.as_deref() == Some("slave"))));
    let same = |one: &TunnelOptions, two: &TunnelOptions| {
        (one.role.is_some() && one.role == two.role) || (one.index.is_some() && one.index == two.index)
    };
    let options: [TunnelOptions; 2] = options.try_into().map_err(|_| ApiError::illegal("TunnelOptionsSpecification"))?;
    if same(&options[0], &options[1]) { Err(ApiError::illegal("TunnelOptionsSpecification")) } else { Ok(options) }
}

/// Tunnel 1 is the master, tunnel 2 the slave: roles are fixed (cloud/api.md 2.7).
fn tunnels(objects: &Objects, options: [TunnelOptions; 2], bgp: bool) -> Result<Vec<Tunnel>, ApiError> {
    let numbered = options.into_iter().zip([(1, "master"), (2, "slave")]);
    numbered.map(|(options, (index, role))| tunnel(objects, options, index, role, bgp)).collect()
}

fn tunnel(objects: &Objects, options: TunnelOptions, index: u8, role: &str, bgp: bool) -> Result<Tunnel, ApiError> {
    let TunnelOptions { customer_gateway: customer, enable_dpd, enable_nat_traversal, remote_ca, ike, ipsec, .. } = options;
    let customer = objects.customer_gateway(&customer).ok_or_else(|| ApiError::not_found(customer_gateway::NOT_FOUND))?;
    if bgp {
        parse::check_bgp(&options.bgp)?;
        customer.asn.ok_or_else(|| ApiError::illegal("EnableTunnelsBgp"))?;
    }
    Ok(Tunnel {
        id: String::new(),
        index,
        role: role.to_owned(),
        customer_gateway: customer.id.clone(),
        enable_dpd,
        enable_nat_traversal,
        remote_ca,
        bgp: Bgp { enable_bgp: bgp, ..options.bgp },
        remote_id_given: !ike.remote_id.is_empty(),
        ike: Ike { remote_id: or(&ike.remote_id, &customer.ip), ..ike },
        ipsec,
        internet_ip: String::new(),
        zone: String::new(),
        state: "active".to_owned(),
        status: NO_SA.to_owned(),
    })
}

/// A peer's certificate belongs to SM gateways only.
pub(super) fn refuse_certificates(connection: &Connection, carrier: &VpnGateway) -> Result<(), ApiError> {
    let given = !connection.remote_ca.is_empty() || connection.tunnels.iter().any(|tunnel| !tunnel.remote_ca.is_empty());
    if given == (carrier.vpn_type == "NationalStandard") { Ok(()) } else { Err(ApiError::illegal("RemoteCaCertificate")) }
}

/// Unique per VPN gateway, and different between the two tunnels (cloud/api.md 2.6).
pub(super) fn unique_tunnel_cidrs(objects: &Objects, connection: &Connection) -> Result<(), ApiError> {
    let own: Vec<&str> = cidrs(connection).collect();
    let beside = objects
        .connections
        .iter()
        .filter(|other| other.vpn_gateway().is_some() && other.carrier == connection.carrier && other.id != connection.id);
    let taken = beside.flat_map(cidrs).any(|cidr| own.contains(&cidr));
    let twice = own.len() == 2 && own[0] == own[1];
    if taken || twice { Err(ApiError::illegal("TunnelCidr")) } else { Ok(()) }
}

fn cidrs(connection: &Connection) -> impl Iterator<Item = &str> {
    let all = connection.tunnels.iter().map(|tunnel| &tunnel.bgp).chain([&connection.bgp]);
    all.filter(|bgp| bgp.enable_bgp).map(|bgp| bgp.tunnel_cidr.as_str())
}

fn allowed_on(region: &Region, carrier: &VpnGateway, connection: &Connection, now: Timestamp) -> Result<(), ApiError> {
    let refuse = |code: &str, message: &str| Err(ApiError::new(400, code, message));
    vpn_gateway::changeable(carrier, now)?;
    let beside: Vec<_> = region.objects().connections.iter().filter(|other| other.vpn_gateway() == Some(&carrier.id)).collect();
    let gateways = |of: &Connection| {
        let tunnels = of.tunnels.iter().map(|tunnel| tunnel.customer_gateway.clone());
        tunnels.chain([of.customer_gateway.clone()]).collect::<Vec<_>>()
    };
    let any_gateway = region.switches.equal_subnets == EqualSubnets::Refuse;
    let same = |other: &&Connection| {
        (any_gateway || gateways(other) == gateways(connection))
            && (&other.local_subnet, &other.remote_subnet) == (&connection.local_subnet, &connection.remote_subnet)
    };
    if beside.iter().any(same) {
        return refuse("InvalidVpnConnection.AlreadyExists", "Specified VPN connection already exists.");
    }
    if beside.len() >= region.quota.connections_per_vpn_gateway {
        return refuse("Resource.QuotaFull", "The quota of resource is full");
    }
    routes::automatic::room(region, connection)
}

/// Gives it its ids, and a random pre-shared key of 16 characters wherever none was sent.
fn insert(region: &mut Region, mut connection: Connection, now: Timestamp) -> (serde_json::Value, &mut Objects) {
    connection.id = region.random.id("vco");
    for tunnel in &mut connection.tunnels {
        tunnel.id = region.random.id("tun");
        if tunnel.ike.psk.is_empty() {
            tunnel.ike.psk = region.random.key(16);
        }
    }
    if connection.ike.psk.is_empty() && !connection.is_dual() {
        connection.ike.psk = region.random.key(16);
    }
    let reply = json!({"VpnConnectionId": connection.id, "Name": connection.name, "CreateTime": now.as_millisecond()});
    let objects = region.change(now);
    objects.connections.push(connection);
    (reply, objects)
}

fn one_of(request: &Request, parameter: &str, values: [&str; 2]) -> Result<String, ApiError> {
    let given = request.filter(parameter).unwrap_or(values[0]);
    if values.contains(&given) { Ok(given.to_owned()) } else { Err(ApiError::illegal(parameter)) }
}

fn or(given: &str, default: &str) -> String {
    if given.is_empty() { default.to_owned() } else { given.to_owned() }
}
