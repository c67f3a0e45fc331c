//! The scenes, in order.

use super::machine::{Bgp, Identity, Machine, Verdict};
use super::replacing::{carried_out, planned};
use super::sky::{DUAL_TUNNEL, REGION, SINGLE_TUNNEL, Sky, TRANSIT_ROUTER};
use super::stage::Stage;
use super::surviving::survived;
use super::words::{
    after, alert_json, counted, filled, hint, machine_json, program, role_name, shortened, signature, tables, unread, word,
};
use super::world::{Change, Place, Running, SETTLE, World, context};
use crate::alert::journald;
use crate::cli::Context;
use crate::cli::exit::Failure;
use crate::cli::history::{history, line};
use crate::cli::output::Tone;
use crate::journal::Journal;
use crate::model::{Finding, Observation};
use crate::observe::interface::Role;
use crate::simulator::CallRecord;
use crate::validate;
use serde_json::{Value, json};
use std::net::Ipv4Addr;

/// Where the network team leads through the single-tunnel connection.
const ROUTES: &[&str] = &["192.168.10.0/24", "192.168.20.0/24"];

/// Of the history; `cgwd history` shows it whole.
const LINES: usize = 12;

/// Plays them all. The daemon is put into `running` as soon as it runs, so that it can be ended whatever happens.
pub async fn play(outer: &Context, place: &Place, stage: &mut Stage<'_>, running: &mut Option<Running>) -> Result<(), Failure> {
    stage.print("cgwd on this machine, against a simulated cloud inside this process. No account, no root, no packet beyond\n");
    stage.print(&format!("loopback; what is written goes to {}.\n", place.directory.display()));
    let machine = Machine::discover().await;
    let identity = this_machine(&machine, stage).await?;
    let moved = identity.next_address();

    let sky = Sky::open(&outer.clock, identity.address, moved).await?;
    place.write_address(identity.address)?;
    let config = place.write_config(&identity, &outer.host_name, &sky.endpoint)?;
    let world = World { place, context: context(outer, place, &sky)?, sky };
    let daemon = running.insert(Running::start(&world.context)?);
    let gateway = register(&config, &world, daemon, stage).await?;
    in_use(&gateway, &world.sky, stage).await?;
    let change = address_changes(moved, &world, daemon, stage).await?;
    planned(&world, stage).await?;
    carried_out(&world, daemon, &change, stage).await?;
    survived(&world, running, identity.address, stage).await?;

    if let Some(daemon) = running.take() {
        daemon.end().await?;
    }
    what_was_written(place, stage).await?;
    on_a_device(&machine, &identity, stage).await
}

async fn this_machine(machine: &Machine, stage: &mut Stage<'_>) -> Result<Identity, Failure> {
    stage.scene("This machine").await?;
    let verdict = machine.verdict();
    let identity = machine.identity(verdict.as_ref());
    show_machine(machine, stage);
    if let Some(verdict) = &verdict {
        show_verdict(verdict, stage);
    }
    let stand_in = match &identity.bgp {
        Bgp::Source { .. } => "",
        Bgp::StandIn { asn } => &format!(" It takes ASN {asn}, since no BGP daemon here gives one that the cloud takes."),
    };
    let goes_on = match identity.borrowed {
        false => format!("with {} on a {} network.", identity.address, identity.network.name()),
        true => format!("with {}, a documentation address: no address of this machine would do.", identity.address),
    };
    stage.line("the demo", &format!("goes on {goes_on}{stand_in}"));
    stage.note("machine", machine_json(machine, verdict.as_ref(), &identity));
    Ok(identity)
}

fn show_machine(machine: &Machine, stage: &Stage<'_>) {
    match &machine.addresses {
        Err(why) => stage.line("interfaces", &format!("could not be listed: {why}")),
        Ok(addresses) if addresses.is_empty() => stage.line("interfaces", "no IPv4 address at all"),
        Ok(addresses) => {
            let shown = addresses.iter().map(|(assigned, role)| {
                let role = if *role == Role::Primary { String::new() } else { format!(" ({})", role_name(*role)) };
                format!("{} {}/{}{role}", assigned.label, assigned.address, assigned.length)
            });
            stage.line("interfaces", &shown.collect::<Vec<_>>().join(", "));
        }
    }
    let route = match &machine.route.value {
        Observation::Known(address) => format!("leaves from {address} ({}: looked up, nothing sent)", machine.route.source),
        other => format!("{} ({})", unread(other), machine.route.source),
    };
    stage.line("route", &route);
    let daemons = machine.bgp.iter().map(|(source, observation)| match observation {
        Observation::Known(asn) => {
            let findings = validate::asn_text(asn).1.into_iter().map(|finding| format!("\n{}: {}", finding.code, finding.message));
            format!("{source}: ASN {asn}{}", findings.collect::<String>())
        }
        other => format!("{source}: {}", unread(other)),
    });
    stage.line("BGP", &daemons.collect::<Vec<_>>().join("\n"));
}

fn show_verdict(verdict: &Verdict, stage: &Stage<'_>) {
    let on = |network: &str, findings: &[Finding]| {
        let word = match findings.iter().any(Finding::is_error) {
            true => stage.output.paint(Tone::Bad, "refused"),
            false => stage.output.paint(Tone::Good, "accepted"),
        };
        let findings = findings.iter().map(|finding| format!("\n{}: {}", finding.code, finding.message));
        stage.line(network, &format!("{word}: {} as a customer gateway{}", verdict.address, findings.collect::<String>()));
    };
    if verdict.public == verdict.private {
        return on("any network", &verdict.public);
    }
    on("public", &verdict.public);
    on("private", &verdict.private);
}

async fn register(config: &str, world: &World<'_>, daemon: &mut Running, stage: &mut Stage<'_>) -> Result<String, Failure> {
    stage.scene("The daemon starts, and registers the device").await?;
    let (place, sky) = (world.place, &world.sky);
    stage.line("configured", &format!("{}\n{}", place.config.display(), tables(config)));
    let created = daemon.told("registration.created").await?;
    let gateway = created.notice.alert.fields.customer_gateway_id.clone().unwrap_or_default();
    let calls = sky.cloud.borrow().calls().to_vec();
    let create = calls.iter().find(|call| call.action == "CreateCustomerGateway");
    let create = create.ok_or_else(|| Failure::failed("the simulated cloud saw no CreateCustomerGateway"))?;
    let journaled = written(place, &create.action)?;

    let look = "DescribeCustomerGateways";
    let searched: Vec<&str> = calls.iter().map(|call| call.action.as_str()).take_while(|action| *action != look).collect();
    let others = sky.cloud.borrow().region(REGION).map_or(0, |region| region.objects().customer_gateways.len()).saturating_sub(1);
    stage.line("located", &format!("{DUAL_TUNNEL} is in {REGION} ({})", counted(&searched)));
    stage.line("looked", &format!("none of its {others} customer gateways is this device's ({look})"));
    stage.line("sent", &request_text(create, sky));
    stage.line("answered", &format!("{}  CustomerGatewayId {gateway}  RequestId {}", create.status, create.request_id));
    stage.line(
        "journaled",
        &format!("the intent and its ClientToken before the call, `{}` after it: a crash makes no second one", word(&journaled["outcome"])),
    );
    stage.note(
        "registration",
        json!({
            "config": config, "region": REGION, "calls": calls.iter().map(|call| call.action.clone()).collect::<Vec<_>>(),
            "request": {
                "endpoint": sky.endpoint, "action": create.action, "parameters": create.parameters, "signature": signature(create),
                "through": if sky.memory.is_some() { "memory" } else { "http" },
            },
            "answer": {"status": create.status, "request_id": create.request_id, "customer_gateway_id": gateway},
            "journal": journaled,
        }),
    );
    Ok(gateway)
}

fn request_text(create: &CallRecord, sky: &Sky) -> String {
    let way = match &sky.memory {
        None => format!("POST {}/", sky.endpoint),
        Some(_) => "through memory, since this machine's loopback interface is down".to_owned(),
    };
    let parameters = create.parameters.iter().map(|(name, value)| format!("{name}={value}"));
    format!("{} {way}\n{}\nsigned {}", create.action, filled(parameters), signature(create))
}

async fn in_use(gateway: &str, sky: &Sky, stage: &mut Stage<'_>) -> Result<(), Failure> {
    stage.scene("The network team builds three connections on it").await?;
    let subnets = [("RegionId", REGION), ("LocalSubnet", "0.0.0.0/0"), ("RemoteSubnet", "0.0.0.0/0")];
    let tunnels = [
        ("TunnelOptionsSpecification.1.CustomerGatewayId", gateway),
        ("TunnelOptionsSpecification.1.TunnelIkeConfig.Psk", "demo-psk-of-tunnel-1"),
        ("TunnelOptionsSpecification.2.CustomerGatewayId", gateway),
        ("TunnelOptionsSpecification.2.TunnelIkeConfig.Psk", "demo-psk-of-tunnel-2"),
    ];
    let dual = [&subnets[..], &tunnels, &[("VpnGatewayId", DUAL_TUNNEL)]].concat();
    let single = [("VpnGatewayId", SINGLE_TUNNEL), ("CustomerGatewayId", gateway), ("IkeConfig", r#"{"Psk":"demo-psk-of-the-single"}"#)];
    let single = [&subnets[..], &single].concat();
    let attachment = [&subnets[..], &tunnels, &[("NetworkType", "public")]].concat();
    let made = [
        (sky.call("CreateVpnConnection", &dual).await?, "dual-tunnel", "VPN gateway", DUAL_TUNNEL),
        (sky.call("CreateVpnConnection", &single).await?, "single-tunnel", "VPN gateway", SINGLE_TUNNEL),
        (sky.call("CreateVpnAttachment", &attachment).await?, "dual-tunnel", "transit router", TRANSIT_ROUTER),
    ];
    let id = |at: usize| word(&made[at].0["VpnConnectionId"]);
    let bind = [("RegionId", REGION), ("VpnId", &id(2)), ("TransitRouterId", TRANSIT_ROUTER)];
    sky.call("CreateTransitRouterVpnAttachment", &bind).await?;
    for destination in ROUTES {
        let next_hop = id(1);
        let route = [("RouteDest", *destination), ("NextHop", &next_hop), ("Weight", "100"), ("PublishVpc", "true")];
        sky.call("CreateVpnRouteEntry", &[&[("RegionId", REGION), ("VpnGatewayId", SINGLE_TUNNEL)], &route[..]].concat()).await?;
    }
    sky.configure_device();
    let up = sky.until_all_are_established().await?;
    let mut connections = Vec::new();
    for (reply, kind, carrier, id) in made {
        let connection = word(&reply["VpnConnectionId"]);
        let routes = if id == SINGLE_TUNNEL { format!(", with routes to {}", ROUTES.join(" and ")) } else { String::new() };
        stage.line(kind, &format!("{connection} on {carrier} {id}{routes}"));
        connections.push(json!({"id": connection, "kind": kind, "carrier": id, "customer_gateway_id": gateway}));
    }
    stage.line("established", &format!("{up} tunnels"));
    stage.note("connections", Value::from(connections));
    Ok(())
}

async fn address_changes(to: Ipv4Addr, world: &World<'_>, daemon: &mut Running, stage: &mut Stage<'_>) -> Result<Change, Failure> {
    stage.scene("The address changes").await?;
    let change = world.move_device(to, daemon).await?;
    let Change { from, began, noticed, settled, needed, .. } = &change;
    let (up, all) = world.sky.established();
    let file = world.place.address.display();
    stage.line("changed", &format!("{file} now says {to} (was {from}); {} of {all} tunnels are down", all - up));
    stage.line(
        "alerted",
        &format!(
            "{} later; a device's journal gets (the demo leaves this machine's alone):",
            stage.output.paint(Tone::Strong, &after(*began, noticed))
        ),
    );
    stage.quote(&journald::export_form(&noticed.notice));
    stage.line("settled", &format!("{} after the change: it has held for {} s", after(*began, settled), SETTLE.as_secs()));
    let alert = &needed.notice.alert;
    let code = stage.output.paint(Tone::Bad, alert.event.code);
    stage.line("compared", &format!("{} after the change, alert {code}:\n{}", after(*began, needed), alert.message));
    let alerts = [noticed, settled, needed].map(|told| alert_json(*began, told));
    stage.note("change", json!({"from": from, "to": to, "alerts": alerts}));
    Ok(change)
}

async fn what_was_written(place: &Place, stage: &mut Stage<'_>) -> Result<(), Failure> {
    stage.scene("What was written, and where").await?;
    // Opened as the next start would, which leaves the journal in one file.
    let entries = history(&Journal::open(&place.state, None)?.entries()?);
    let files = place.files()?;
    for (path, bytes) in &files {
        stage.line("file", &format!("{} ({bytes} bytes)", path.display()));
    }
    stage.line("on a device", "/etc/cgwd/config.toml, /var/lib/cgwd/journal.db; the alerts in the system's journal");
    let told: Vec<String> = entries.iter().filter(|entry| entry["kind"] == "write" || entry["kind"] == "alert").map(line).collect();
    let shown = &told[told.len().saturating_sub(LINES)..];
    stage.line("history", &format!("{} cloud writes and alerts among {} entries; the last {}:", told.len(), entries.len(), shown.len()));
    stage.quote(&shown.iter().map(|line| shortened(line)).collect::<String>());
    stage.line("look again", &format!("{} --config {} history", program(), place.config.display()));
    stage.line("remove", &format!("rm -r {}", place.directory.display()));
    let files = files.iter().map(|(path, bytes)| json!({"path": path.display().to_string(), "bytes": bytes}));
    stage.note("written", json!({"directory": place.directory.display().to_string(), "files": files.collect::<Vec<_>>()}));
    stage.note("history", Value::from(entries));
    Ok(())
}

async fn on_a_device(machine: &Machine, identity: &Identity, stage: &mut Stage<'_>) -> Result<(), Failure> {
    stage.scene("On a real device").await?;
    let (program, hint) = (program(), hint(machine, identity));
    // Called by its bare name it is installed already.
    let install = program.contains('/').then(|| format!("sudo install -D -m 755 {program} /usr/bin/cgwd"));
    let steps = [
        ("cgwd config example | sudo install -D -m 640 /dev/stdin /etc/cgwd/config.toml", ""),
        ("sudoedit /etc/cgwd/config.toml", &hint),
        ("sudo cgwd check", "what this device is, and whether the cloud would take it"),
        ("sudo cgwd plan", "what would be done, and why: asks the cloud with the keys of [cloud.credentials], writes nothing"),
        ("sudo systemctl enable --now cgwd", ""),
        ("journalctl -u cgwd -f", ""),
    ];
    let steps: Vec<(&str, &str)> = install.iter().map(|install| (install.as_str(), "or the package")).chain(steps).collect();
    for (command, why) in &steps {
        let why = if why.is_empty() { String::new() } else { stage.output.paint(Tone::Quiet, &format!("   # {why}")) };
        stage.print(&format!("   {command}{why}\n"));
    }
    stage.note("next", Value::from(steps.iter().map(|(command, _)| *command).collect::<Vec<_>>()));
    Ok(())
}

/// The journal's own account of a write, read while the daemon goes on writing.
fn written(place: &Place, action: &str) -> Result<Value, Failure> {
    let journal = Journal::open_to_read(&place.state)?;
    let entries = history(&journal.as_ref().map(Journal::entries).transpose()?.unwrap_or_default());
    let write = entries.into_iter().find(|entry| entry["kind"] == "write" && entry["action"] == action);
    write.ok_or_else(|| Failure::failed(format!("the journal has no {action}")))
}
