//! The scenes, in order.

use super::machine::{Bgp, Identity, Machine, Verdict};
use super::stage::Stage;
use super::words::{
    after, alert_json, counted, filled, hint, machine_json, program, role_name, shortened, signature, tables, unread, word,
};
use super::world::{DUAL_TUNNEL, Place, REGION, Running, SETTLE, SINGLE_TUNNEL, Sky, TRANSIT_ROUTER, context};
use crate::alert::journald;
use crate::cli::Context;
use crate::cli::exit::Failure;
use crate::cli::history::{history, line};
use crate::cli::output::Tone;
use crate::cli::plan::{Decided, decide};
use crate::journal::Journal;
use crate::model::{Finding, Observation};
use crate::observe::interface::Role;
use crate::simulator::CallRecord;
use crate::validate;
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use tokio::time::Instant;

/// Plays them all. The daemon is put into `running` as soon as it runs, so that it can be ended whatever happens.
pub async fn play(outer: &Context, place: &Place, stage: &mut Stage<'_>, running: &mut Option<Running>) -> Result<(), Failure> {
    stage.print("cgwd on this machine, against a simulated cloud inside this process. No account, no root, no packet beyond\n");
    stage.print(&format!("loopback; what is written goes to {}.\n", place.directory.display()));
    let machine = Machine::discover().await;
    let identity = this_machine(&machine, stage).await?;
    let moved = identity.next_address();

    let sky = Sky::open(&outer.clock, [identity.address, moved]).await?;
    place.write_address(identity.address)?;
    let config = place.write_config(&identity, &outer.host_name, &sky.endpoint)?;
    let context = context(outer, place, &sky)?;
    let daemon = running.insert(Running::start(&context)?);
    let gateway = register(&config, place, &sky, daemon, stage).await?;
    in_use(&gateway, &sky, stage).await?;
    address_changes(identity.address, moved, place, daemon, stage).await?;
    plan(&context, stage).await?;

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

async fn register(config: &str, place: &Place, sky: &Sky, daemon: &mut Running, stage: &mut Stage<'_>) -> Result<String, Failure> {
    stage.scene("The daemon starts, and registers the device").await?;
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
    let subnets = [("RegionId", REGION), ("LocalSubnet", "10.0.0.0/8"), ("RemoteSubnet", "192.168.0.0/16")];
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
        (sky.call("CreateVpnConnection", &dual)?, "dual-tunnel", "VPN gateway", DUAL_TUNNEL),
        (sky.call("CreateVpnConnection", &single)?, "single-tunnel", "VPN gateway", SINGLE_TUNNEL),
        (sky.call("CreateVpnAttachment", &attachment)?, "dual-tunnel", "transit router", TRANSIT_ROUTER),
    ];
    let attached = word(&made[2].0["VpnConnectionId"]);
    sky.call("CreateTransitRouterVpnAttachment", &[("RegionId", REGION), ("VpnId", &attached), ("TransitRouterId", TRANSIT_ROUTER)])?;
    let mut connections = Vec::new();
    for (reply, kind, carrier, id) in made {
        let connection = word(&reply["VpnConnectionId"]);
        stage.line(kind, &format!("{connection} on {carrier} {id}"));
        connections.push(json!({"id": connection, "kind": kind, "carrier": id, "customer_gateway_id": gateway}));
    }
    stage.note("connections", Value::from(connections));
    Ok(())
}

async fn address_changes(from: Ipv4Addr, to: Ipv4Addr, place: &Place, daemon: &mut Running, stage: &mut Stage<'_>) -> Result<(), Failure> {
    stage.scene("The address changes").await?;
    let changed = Instant::now();
    place.write_address(to)?;
    let noticed = daemon.told("address.changed").await?;
    stage.line("changed", &format!("{} now says {to} (was {from})", place.address.display()));
    stage.line(
        "alerted",
        &format!(
            "{} later; a device's journal gets (the demo leaves this machine's alone):",
            stage.output.paint(Tone::Strong, &after(changed, &noticed))
        ),
    );
    stage.quote(&journald::export_form(&noticed.notice));
    let settled = daemon.told("address.settled").await?;
    stage.line("settled", &format!("{} after the change: it has held for {} s", after(changed, &settled), SETTLE.as_secs()));
    let needed = daemon.told("replacement.needed").await?;
    let alert = &needed.notice.alert;
    let code = stage.output.paint(Tone::Bad, alert.event.code);
    stage.line("compared", &format!("{} after the change, alert {code}:\n{}", after(changed, &needed), alert.message));
    let alerts = [&noticed, &settled, &needed].map(|told| alert_json(changed, told));
    stage.note("change", json!({"from": from, "to": to, "alerts": alerts}));
    Ok(())
}

async fn plan(context: &Context, stage: &mut Stage<'_>) -> Result<(), Failure> {
    stage.scene("What replacing it takes: `cgwd plan`").await?;
    let survey = context.survey(context.load()?.settings).await?;
    let Decided { decision, region, .. } = decide(context, &survey).await?;
    stage.quote(&survey.plan_text(stage.output, &decision, region.as_deref()));
    stage.print("\n");
    stage.line("the demo", "ends here: this version alerts and plans, and a person carries out the steps.");
    stage.note("plan", survey.plan_document(&decision, region.as_deref()));
    Ok(())
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
    let shown: Vec<String> = entries.iter().filter(|entry| entry["kind"] == "write" || entry["kind"] == "alert").map(line).collect();
    stage.line("history", &format!("the cloud write and the alerts, {} of {} entries:", shown.len(), entries.len()));
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
