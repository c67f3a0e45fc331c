//! `frr`: FRRouting's bgpd, asked through `vtysh`.

use super::session::{Session, observation, seen_outside};
use crate::model::Observation;
use crate::observe::run::{self, RunError};
use serde_json::Value;
use std::ffi::OsStr;
use std::path::Path;

const SUMMARY: &str = "show bgp summary json";
const SUMMARY_OF_VRFS: &str = "show bgp vrf all summary json";
const CONFIGURATION: &str = "show running-config";

/// `sockets`: the directory of FRR's vty sockets where it is not the built-in one.
pub async fn read(sockets: Option<&Path>) -> Observation<String> {
    match ask(sockets).await {
        Ok(observation) => observation,
        Err(reason) => Observation::Unknown(reason),
    }
}

async fn ask(sockets: Option<&Path>) -> Result<Observation<String>, String> {
    let default = instance(&vtysh(sockets, SUMMARY).await?)?;
    // The summary is empty for an instance without neighbours, and never tells of a confederation.
    let configured = configured(&vtysh(sockets, CONFIGURATION).await?);
    let vrfs = if default.is_none() && configured.iter().any(|instance| instance.vrf.is_some()) {
        instances_of_vrfs(&vtysh(sockets, SUMMARY_OF_VRFS).await?)?
    } else {
        Vec::new()
    };
    Ok(decide(default, vrfs, &configured))
}

/// Only bgpd is asked (`-d`): without it, vtysh prints a configuration without BGP when bgpd is down, and succeeds.
async fn vtysh(sockets: Option<&Path>, command: &str) -> Result<String, String> {
    let directory: Vec<&OsStr> = sockets.map(|path| [OsStr::new("--vty_socket"), path.as_os_str()]).into_iter().flatten().collect();
    let question = ["-d", "bgpd", "-c", command].map(OsStr::new);
    let arguments: Vec<&OsStr> = directory.into_iter().chain(question).collect();
    let answer = run::program(Path::new("vtysh"), &arguments, run::OF_A_ROUTING_DAEMON).await.map_err(|error| in_words(&error))?;
    String::from_utf8(answer).map_err(|_| format!("the answer of vtysh to `{command}` is not text"))
}

fn in_words(error: &RunError) -> String {
    match error {
        RunError::Missing { .. } => "vtysh was not found: install FRR, or take another `[bgp] source`".to_owned(),
        RunError::TooSlow { limit, .. } => format!("bgpd did not answer vtysh within {} s; it hangs or is overloaded", limit.as_secs_f32()),
        RunError::Failed { stderr, .. } if stderr.contains("privileged user") || stderr.contains("Permission denied") => {
            "vtysh could not reach bgpd: start it, or let the user that cgwd runs as join the group frrvty".to_owned()
        }
        RunError::Failed { stderr, .. } if stderr.contains("failed to connect") || stderr.contains("is not running") => {
            "bgpd is not running, or its vty socket is in another directory".to_owned()
        }
        other => other.to_string(),
    }
}

/// One BGP instance as the summary shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Instance {
    vrf: Option<String>,
    own: String,
    sessions: Vec<Session>,
}

/// One `router bgp` of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Configured {
    /// Name of the VRF or view; `None` for the default instance.
    vrf: Option<String>,
    own: String,
    confederation: Option<String>,
}

/// The default instance decides; only without one do the VRFs', of which several may differ.
fn decide(default: Option<Instance>, vrfs: Vec<Instance>, configured: &[Configured]) -> Observation<String> {
    let default_is_configured = configured.iter().any(|instance| instance.vrf.is_none());
    let shown: Vec<Instance> = default.into_iter().chain(vrfs).collect();
    let values = if default_is_configured || shown.iter().any(|instance| instance.vrf.is_none()) {
        values_of(None, &shown, configured)
    } else {
        configured.iter().flat_map(|instance| values_of(instance.vrf.as_deref(), &shown, configured)).collect()
    };
    observation(values, "FRR runs no BGP instance (its configuration has no `router bgp`)")
}

fn values_of(vrf: Option<&str>, shown: &[Instance], configured: &[Configured]) -> Vec<String> {
    let shown = shown.iter().find(|instance| instance.vrf.as_deref() == vrf);
    let configured = configured.iter().find(|instance| instance.vrf.as_deref() == vrf);
    let confederation = configured.and_then(|instance| instance.confederation.as_deref());
    match (shown, configured) {
        (Some(instance), _) => seen_outside(Some(&instance.own), confederation, &instance.sessions),
        (None, Some(instance)) => seen_outside(Some(&instance.own), confederation, &[]),
        (None, None) => Vec::new(),
    }
}

/// The default instance in `show bgp summary json`; `{}` shows none.
fn instance(text: &str) -> Result<Option<Instance>, String> {
    Ok(instance_in(&json(text, SUMMARY)?, None))
}

/// `show bgp vrf all summary json`: an object by name of VRF, `default` among them.
fn instances_of_vrfs(text: &str) -> Result<Vec<Instance>, String> {
    let by_name = json(text, SUMMARY_OF_VRFS)?;
    let name = |name: &str| (name != "default").then(|| name.to_owned());
    let objects = by_name.as_object().into_iter().flatten();
    Ok(objects.filter_map(|(vrf, families)| instance_in(families, name(vrf))).collect())
}

/// The families of one instance (`ipv4Unicast`, …) each repeat its AS and list their own peers.
fn instance_in(families: &Value, vrf: Option<String>) -> Option<Instance> {
    let mut found: Option<Instance> = None;
    for family in families.as_object()?.values() {
        let Some(own) = family.get("as").and_then(as_written) else { continue };
        let instance = found.get_or_insert(Instance { vrf: vrf.clone(), own, sessions: Vec::new() });
        let peers = family.get("peers").and_then(Value::as_object).into_iter().flat_map(|peers| peers.values());
        instance.sessions.extend(peers.filter_map(session));
    }
    found
}

fn session(peer: &Value) -> Option<Session> {
    Some(Session { local: as_written(peer.get("localAs")?)?, remote: as_written(peer.get("remoteAs")?)? })
}

/// A number, or since FRR 9 under `as-notation` a text such as `1.10`.
fn as_written(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        _ => None,
    }
}

fn json(text: &str, command: &str) -> Result<Value, String> {
    let value: Value = serde_json::from_str(text)
        .map_err(|_| format!("the answer of vtysh to `{command}` is not JSON: {}", text.trim().lines().next().unwrap_or("it is empty")))?;
    if value.is_object() { Ok(value) } else { Err(format!("the answer of vtysh to `{command}` is not a JSON object")) }
}

/// The instances of `show running-config`: `router bgp 65010`, `router bgp 65099 vrf blue`,
/// `router bgp 1.10 as-notation dot`; what is indented below belongs to it.
fn configured(configuration: &str) -> Vec<Configured> {
    let mut instances: Vec<Configured> = Vec::new();
    let mut inside = false;
    for line in configuration.lines() {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        match words.as_slice() {
            ["router", "bgp", own, rest @ ..] => {
                let vrf = rest.windows(2).find(|pair| matches!(pair[0], "vrf" | "view")).map(|pair| pair[1].to_owned());
                instances.push(Configured { vrf, own: (*own).to_owned(), confederation: None });
                inside = true;
            }
            ["bgp", "confederation", "identifier", identifier, ..] if inside => {
                if let Some(instance) = instances.last_mut() {
                    instance.confederation = Some((*identifier).to_owned());
                }
            }
            [] | ["!"] => {}
            _ if !line.starts_with(' ') => inside = false,
            _ => {}
        }
    }
    instances
}
