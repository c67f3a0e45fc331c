//! The scenes, in order.

use super::machine::{Bgp, Identity, Machine, Verdict};
use super::stage::Stage;
use super::world::{DUAL_TUNNEL, Place, REGION, Running, SETTLE, SINGLE_TUNNEL, Sky, TRANSIT_ROUTER, Told, context};
use crate::alert::journald;
use crate::cli::Context;
use crate::cli::exit::Failure;
use crate::cli::history::{history, line};
use crate::cli::output::Tone;
use crate::cli::plan::decide;
use crate::journal::Journal;
use crate::model::{Finding, Network, Observation};
use crate::observe::interface::Role;
use crate::simulator::CallRecord;
use serde_json::{Map, Value, json};
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
        Bgp::StandIn { asn } => &format!(" It takes ASN {asn}, since no BGP daemon gives one here."),
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
        Observation::Known(asn) => format!("{source}: ASN {asn}"),
        other => format!("{source}: {}", unread(other)),
    });
    stage.line("BGP", &daemons.collect::<Vec<_>>().join("\n"));
}

fn show_verdict(verdict: &Verdict, stage: &Stage<'_>) {
    for (network, findings) in [("public", &verdict.public), ("private", &verdict.private)] {
        let word = match findings.iter().any(Finding::is_error) {
            true => stage.output.paint(Tone::Bad, "refused"),
            false => stage.output.paint(Tone::Good, "accepted"),
        };
        let findings = findings.iter().map(|finding| format!("\n{}: {}", finding.code, finding.message));
        let text = format!("as customer gateway {} would be {word}{}", verdict.address, findings.collect::<String>());
        stage.line(network, &text);
    }
}

async fn register(config: &str, place: &Place, sky: &Sky, daemon: &mut Running, stage: &mut Stage<'_>) -> Result<String, Failure> {
    stage.scene("The daemon starts, and registers the device").await?;
    stage.line("configured", &format!("in {}, and nowhere else:\n{config}", place.config.display()));
    let created = daemon.told("registration.created").await?;
    let gateway = created.notice.alert.fields.customer_gateway_id.clone().unwrap_or_default();
    let calls = sky.cloud.borrow().calls().to_vec();
    let create = calls.iter().find(|call| call.action == "CreateCustomerGateway");
    let create = create.ok_or_else(|| Failure::failed("the simulated cloud saw no CreateCustomerGateway"))?;
    let journaled = written(place, &create.action)?;

    let before: Vec<&str> = calls.iter().take_while(|call| call.number < create.number).map(|call| call.action.as_str()).collect();
    stage.line("located", &format!("{DUAL_TUNNEL} is in {REGION}: {}", counted(&before)));
    stage.line("sent", &request_text(create, sky));
    stage.line("answered", &format!("{}  CustomerGatewayId {gateway}  RequestId {}", create.status, create.request_id));
    stage.line(
        "journaled",
        &format!("intent and ClientToken before the call, {} and RequestId after it: a crash between makes no second one", word(&journaled["outcome"])),
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
    let parameters = create.parameters.iter().map(|(name, value)| format!("\n{name}={value}"));
    format!("{} {way}{}\nsigned: {}", create.action, parameters.collect::<String>(), signature(create))
}

/// The algorithm and the first digits.
fn signature(call: &CallRecord) -> String {
    let header = call.authorization.as_deref().unwrap_or_default();
    let algorithm = header.split(' ').next().unwrap_or_default();
    let digits: String = header.rsplit("Signature=").next().unwrap_or_default().chars().take(8).collect();
    format!("{algorithm} Signature={digits}…")
}

/// `DescribeRegions, DescribeVpnGateway ×3`.
fn counted(actions: &[&str]) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for action in actions {
        match counts.iter_mut().find(|(name, _)| name == action) {
            Some((_, count)) => *count += 1,
            None => counts.push((action, 1)),
        }
    }
    let words = counts.iter().map(|(name, count)| if *count == 1 { (*name).to_owned() } else { format!("{name} ×{count}") });
    words.collect::<Vec<_>>().join(", ")
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

async fn address_changes(
    from: Ipv4Addr,
    to: Ipv4Addr,
    place: &Place,
    daemon: &mut Running,
    stage: &mut Stage<'_>,
) -> Result<(), Failure> {
    stage.scene("The address changes").await?;
    let changed = Instant::now();
    place.write_address(to)?;
    let noticed = daemon.told("address.changed").await?;
    stage.line("changed", &format!("{} now says {to} (was {from})", place.address.display()));
    stage.line("alerted", &format!("{} later; the journal gets:", stage.output.paint(Tone::Strong, &after(changed, &noticed))));
    stage.quote(&journald::export_form(&noticed.notice));
    let settled = daemon.told("address.settled").await?;
    stage.line("settled", &format!("{} after the change, having held for {} s", after(changed, &settled), SETTLE.as_secs()));
    let needed = daemon.told("replacement.needed").await?;
    stage.line("compared", &format!("{} after the change; the journal gets:", after(changed, &needed)));
    stage.quote(&journald::export_form(&needed.notice));
    let alerts = [&noticed, &settled, &needed].map(|told| alert_json(changed, told));
    stage.note("change", json!({"from": from, "to": to, "alerts": alerts}));
    Ok(())
}

async fn plan(context: &Context, stage: &mut Stage<'_>) -> Result<(), Failure> {
    stage.scene("What replacing it takes: `cgwd plan`").await?;
    let survey = context.survey(context.load()?.settings).await?;
    let (decision, region) = decide(context, &survey).await?;
    stage.quote(&survey.plan_text(stage.output, &decision, region.as_deref()));
    stage.print("\n");
    stage.line("the demo", "ends here: this version alerts and plans, and a person carries out the steps.");
    stage.note("plan", survey.plan_document(&decision, region.as_deref()));
    Ok(())
}

async fn what_was_written(place: &Place, stage: &mut Stage<'_>) -> Result<(), Failure> {
    stage.scene("What was written, and where").await?;
    let files = place.files()?;
    for (path, bytes) in &files {
        stage.line(&format!("{bytes} bytes"), &path.display().to_string());
    }
    let entries = entries(place)?;
    stage.print("\n");
    stage.quote(&entries.iter().map(line).collect::<String>());
    stage.print("\n");
    stage.line("look again", &format!("cgwd --config {} history", place.config.display()));
    stage.line("remove", &format!("rm -r {}", place.directory.display()));
    let files = files.iter().map(|(path, bytes)| json!({"path": path.display().to_string(), "bytes": bytes}));
    stage.note("written", json!({"directory": place.directory.display().to_string(), "files": files.collect::<Vec<_>>()}));
    stage.note("history", Value::from(entries));
    Ok(())
}

async fn on_a_device(machine: &Machine, identity: &Identity, stage: &mut Stage<'_>) -> Result<(), Failure> {
    stage.scene("On a real device").await?;
    let steps = [
        ("sudo install -D -m 755 cgwd /usr/bin/cgwd", "or the package"),
        ("cgwd config example | sudo install -D -m 640 /dev/stdin /etc/cgwd/config.toml", ""),
        ("sudoedit /etc/cgwd/config.toml", &hint(machine, identity)),
        ("sudo cgwd check", "what this device is, and whether the cloud would take it"),
        ("sudo cgwd plan", "what would be done, and why; writes nothing"),
        ("sudo systemctl enable --now cgwd", ""),
        ("journalctl -u cgwd -f", ""),
    ];
    for (command, why) in steps {
        let why = if why.is_empty() { String::new() } else { stage.output.paint(Tone::Quiet, &format!("   # {why}")) };
        stage.print(&format!("   {command}{why}\n"));
    }
    stage.note("next", Value::from(steps.map(|(command, _)| command).to_vec()));
    Ok(())
}

/// What this machine would write into its `[address]` table.
fn hint(machine: &Machine, identity: &Identity) -> String {
    let holder = machine.interface_of(identity.address).filter(|_| !identity.borrowed);
    let source = holder.map_or_else(|| "the interface that the tunnels leave from".to_owned(), |name| format!("sources = [\"interface:{name}\"]"));
    match identity.network {
        Network::Public => format!("network = \"public\", {source}"),
        Network::Private => format!("network = \"private\", {source}; behind NAT: \"public\" and an https: source"),
    }
}

/// The journal's own account of a write.
fn written(place: &Place, action: &str) -> Result<Value, Failure> {
    let write = entries(place)?.into_iter().find(|entry| entry["kind"] == "write" && entry["action"] == action);
    write.ok_or_else(|| Failure::failed(format!("the journal has no {action}")))
}

fn entries(place: &Place) -> Result<Vec<Value>, Failure> {
    let journal = Journal::open_to_read(&place.state)?;
    Ok(history(&journal.as_ref().map(Journal::entries).transpose()?.unwrap_or_default()))
}

/// From the change of the file to the alert.
fn after(changed: Instant, told: &Told) -> String {
    format!("{:.1} ms", told.at.duration_since(changed).as_secs_f64() * 1000.0)
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn unread<T: std::fmt::Display>(observation: &Observation<T>) -> String {
    match observation {
        Observation::Known(value) => value.to_string(),
        Observation::Unknown(why) => why.clone(),
        Observation::Conflicting(values) => format!("several: {}", values.iter().map(T::to_string).collect::<Vec<_>>().join(", ")),
    }
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::Primary => "primary",
        Role::Secondary => "secondary",
        Role::Virtual => "virtual",
        Role::Labelled => "labelled",
        Role::Local => "local",
    }
}

fn alert_json(changed: Instant, told: &Told) -> Value {
    let form = journald::export_form(&told.notice);
    let fields: Map<String, Value> =
        form.lines().filter_map(|line| line.split_once('=')).map(|(name, value)| (name.to_owned(), json!(value))).collect();
    json!({
        "code": told.notice.alert.event.code,
        "millis": told.at.duration_since(changed).as_secs_f64() * 1000.0,
        "journal": fields,
    })
}

fn machine_json(machine: &Machine, verdict: Option<&Verdict>, identity: &Identity) -> Value {
    let read = |known: Option<String>, why: String| json!({"value": known, "error": known.is_none().then_some(why)});
    let addresses = machine.addresses.as_ref().map(|all| {
        let shown = all.iter().map(|(assigned, role)| {
            json!({"interface": assigned.label, "address": assigned.address, "length": assigned.length, "role": role_name(*role)})
        });
        shown.collect::<Vec<_>>()
    });
    let mut route = read(machine.route.value.known().map(ToString::to_string), unread(&machine.route.value));
    route["source"] = json!(machine.route.source);
    let bgp = machine.bgp.iter().map(|(source, observation)| {
        let mut shown = read(observation.known().cloned(), unread(observation));
        shown["source"] = json!(source.to_string());
        shown
    });
    let (asn, asn_source) = match &identity.bgp {
        Bgp::Source { source, asn } => (asn.to_string(), source.to_string()),
        Bgp::StandIn { asn } => ((*asn).to_owned(), "the demo".to_owned()),
    };
    json!({
        "addresses": addresses.as_ref().ok(),
        "error": addresses.as_ref().err(),
        "route": route,
        "bgp": bgp.collect::<Vec<_>>(),
        "verdict": verdict.map(|verdict| json!({"address": verdict.address, "public": verdict.public, "private": verdict.private})),
        "goes_on_with": {
            "address": identity.address, "network": identity.network.name(), "of_this_machine": !identity.borrowed,
            "asn": asn, "asn_source": asn_source,
        },
    })
}
