//! What to change on the device itself: peer address and identities, as the cloud's own peer configuration has them.

use crate::cloud::client::Client;
use crate::cloud::peer::{PeerConfiguration, PeerTunnel};
use crate::daemon::replacing::moved;
use crate::journal::replay::ReplacementProgress;
use crate::model::{Op, ReplacementPlan};
use std::fmt::Write;

/// For each connection of the plan, as swanctl and FRR would have it; pre-shared keys by reference. What cannot be read is said.
pub async fn snippets(client: &Client, plan: &ReplacementPlan, connections: &[String]) -> String {
    let mut text = String::new();
    for id in connections {
        match client.peer_configuration(&plan.region, id).await {
            Ok(configuration) => text += &of_connection(id, &configuration, plan),
            Err(error) => {
                tracing::debug!(%error, connection = id, "the peer configuration cannot be read");
                let _ = writeln!(text, "\n{id}: its peer configuration cannot be read now ({error})");
            }
        }
    }
    text
}

/// The new ids of connections that were made again and are bound to their transit routers.
pub fn bound_again(progress: &ReplacementProgress) -> Vec<String> {
    let is_bound = |id: &str| {
        let binds = |op: &Op| matches!(op, Op::Attach { connection } if connection == id);
        progress.plan.steps().any(|step| binds(&step.op) && progress.is_proven(&step.id))
    };
    moved(progress).into_iter().filter(|moved| is_bound(&moved.old_id)).map(|moved| moved.new_id).collect()
}

fn of_connection(id: &str, configuration: &PeerConfiguration, plan: &ReplacementPlan) -> String {
    let mut text = format!("\non the device, for {id}:\n");
    for tunnel in &configuration.tunnels {
        text += &swanctl(id, tunnel, configuration, plan);
    }
    for tunnel in configuration.tunnels.iter().filter(|tunnel| tunnel.bgp.is_some()) {
        text += &frr(tunnel);
    }
    text
}

/// The tunnel's two ends as the device sees them. Whose side the cloud calls local is not documented; the new address tells.
fn ends(tunnel: &PeerTunnel, plan: &ReplacementPlan) -> (String, String, String, String) {
    let here = plan.new.ip.to_string();
    let PeerTunnel { local, remote, local_id, remote_id, .. } = tunnel.clone();
    if remote == here { (here, remote_id, local, local_id) } else { (here, local_id, remote, remote_id) }
}

fn swanctl(id: &str, tunnel: &PeerTunnel, configuration: &PeerConfiguration, plan: &ReplacementPlan) -> String {
    let name = if tunnel.id.is_empty() { id } else { &tunnel.id };
    let (here, here_id, there, there_id) = ends(tunnel, plan);
    let (here_net, there_net) = match tunnel.remote == here {
        true => (&configuration.remote_subnet, &configuration.local_subnet),
        false => (&configuration.local_subnet, &configuration.remote_subnet),
    };
    let old: Vec<String> = plan.old.iter().map(|old| old.ip.to_string()).collect();
    let version = if tunnel.ike_version.eq_ignore_ascii_case("ikev2") { 2 } else { 1 };
    let mut text = format!("  # swanctl.conf; local_addrs was {}\n  connections {{\n    {name} {{\n", old.join(" or "));
    let _ = writeln!(text, "      version = {version}");
    let _ = writeln!(text, "      local_addrs = {here}");
    let _ = writeln!(text, "      remote_addrs = {there}");
    let is_another = here_id == here && !old.contains(&here);
    let was = if is_another { format!("  # was {}", old.join(" or ")) } else { String::new() };
    let _ = writeln!(text, "      local {{ auth = psk; id = {here_id} }}{was}");
    let _ = writeln!(text, "      remote {{ auth = psk; id = {there_id} }}");
    let _ = writeln!(text, "      children {{ {name} {{ local_ts = {here_net}; remote_ts = {there_net} }} }}");
    text += "    }\n  }\n";
    let _ = writeln!(text, "  secrets {{ ike-{name} {{ id = {there_id}; secret = <the pre-shared key that it has: unchanged> }} }}");
    text
}

/// The cloud's own numbers are the peer's on the device.
fn frr(tunnel: &PeerTunnel) -> String {
    let Some(bgp) = &tunnel.bgp else { return String::new() };
    format!(
        "  ! FRR, unchanged but for an ASN that was replaced\n  router bgp {}\n   neighbor {} remote-as {}\n",
        bgp.local_asn, bgp.peer_ip, bgp.peer_asn
    )
}
