//! What to change on the device itself: peer address and identities, as the cloud's own peer configuration has them.

use crate::cloud::client::Client;
use crate::cloud::peer::{PeerConfiguration, PeerTunnel};
use crate::model::ReplacementPlan;
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

fn swanctl(id: &str, tunnel: &PeerTunnel, configuration: &PeerConfiguration, plan: &ReplacementPlan) -> String {
    let name = if tunnel.id.is_empty() { id } else { &tunnel.id };
    let old: Vec<String> = plan.old.iter().map(|old| old.ip.to_string()).collect();
    let version = if tunnel.ike_version.eq_ignore_ascii_case("ikev2") { 2 } else { 1 };
    let mut text = format!("  # swanctl.conf; local_addrs was {}\n  connections {{\n    {name} {{\n", old.join(" or "));
    let _ = writeln!(text, "      version = {version}");
    let _ = writeln!(text, "      local_addrs = {}", tunnel.remote);
    let _ = writeln!(text, "      remote_addrs = {}", tunnel.local);
    let _ = writeln!(text, "      local {{ auth = psk; id = {} }}", tunnel.remote_id);
    let _ = writeln!(text, "      remote {{ auth = psk; id = {} }}", tunnel.local_id);
    let _ = writeln!(
        text,
        "      children {{ {name} {{ local_ts = {}; remote_ts = {} }} }}",
        configuration.remote_subnet, configuration.local_subnet
    );
    text += "    }\n  }\n";
    let _ =
        writeln!(text, "  secrets {{ ike-{name} {{ id = {}; secret = <the pre-shared key that it has: unchanged> }} }}", tunnel.local_id);
    text
}

fn frr(tunnel: &PeerTunnel) -> String {
    let Some(bgp) = &tunnel.bgp else { return String::new() };
    format!("  ! FRR\n  router bgp {}\n   neighbor {} remote-as {}\n", bgp.peer_asn, bgp.local_ip, bgp.local_asn)
}
