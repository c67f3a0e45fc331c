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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const NO_BGP: &str = "frr version 8.4.4\nhostname gw1\n!\nend\n";
    const RECORDED: &str = include_str!("../../../tests/data/frr/running-config.txt");

    fn asn(summary: &str, vrfs: &str, configuration: &str) -> Observation<String> {
        decide(instance(summary).unwrap(), instances_of_vrfs(vrfs).unwrap(), &configured(configuration))
    }

    fn known(text: &str) -> Observation<String> {
        Observation::Known(text.to_owned())
    }

    #[test]
    fn an_instance_with_neighbours_is_in_the_summary() {
        for summary in [
            include_str!("../../../tests/data/frr/show-bgp-summary.json"),
            include_str!("../../../tests/data/frr/show-bgp-summary-established.json"),
            include_str!("../../../tests/data/frr10/show-bgp-summary.json"),
        ] {
            assert_eq!(asn(summary, "{}", "router bgp 65010\n neighbor 192.0.2.2 remote-as 65020\nexit\n"), known("65010"));
        }
    }

    #[test]
    fn an_instance_without_neighbours_is_in_the_configuration_alone() {
        let summary = include_str!("../../../tests/data/frr/four-byte-no-neighbors.json");
        assert_eq!(asn(summary, "{}", "!\nrouter bgp 4200000001\nexit\n!\nend\n"), known("4200000001"));
        let asdot = include_str!("../../../tests/data/frr/asdot-input.json");
        assert_eq!(asn(asdot, "{}", "router bgp 65546\nexit\n"), known("65546"));
        let asdot = include_str!("../../../tests/data/frr10/asdot-noneigh.json");
        assert_eq!(asn(asdot, "{}", "router bgp 1.10 as-notation dot\nexit\n"), known("1.10"));
    }

    #[test]
    fn dotted_notation_is_text_and_is_kept() {
        let summary = include_str!("../../../tests/data/frr10/asdot.json");
        assert_eq!(asn(summary, "{}", "router bgp 1.10 as-notation dot\n neighbor 192.0.2.2 remote-as 2.3\nexit\n"), known("1.10"));
    }

    #[test]
    fn no_instance_is_unknown_and_never_a_value() {
        let summary = include_str!("../../../tests/data/frr/no-bgp-instance.json");
        let Observation::Unknown(reason) = asn(summary, "{}", NO_BGP) else { panic!("an ASN out of nothing") };
        assert!(reason.contains("runs no BGP instance"), "{reason}");
    }

    #[test]
    fn outside_peers_see_the_confederation() {
        let summary = include_str!("../../../tests/data/frr/confederation.json");
        let configuration = "router bgp 64600\n bgp confederation identifier 65010\n neighbor 192.0.2.2 remote-as 65020\nexit\n";
        assert_eq!(asn(summary, "{}", configuration), known("65010"));
        // Members only, and no neighbour at all: the member AS is nobody else's business.
        let members = r#"{"ipv4Unicast":{"as":64600,"peers":{"192.0.2.3":{"remoteAs":64601,"localAs":64600}}}}"#;
        assert_eq!(asn(members, "{}", configuration), known("65010"));
        assert_eq!(asn("{}", "{}", configuration), known("65010"));
        let both = r#"{"ipv4Unicast":{"as":64600,"peers":{"192.0.2.3":{"remoteAs":64601,"localAs":64600},
            "192.0.2.2":{"remoteAs":65020,"localAs":65010},"192.0.2.4":{"remoteAs":64600,"localAs":64600}}}}"#;
        assert_eq!(asn(both, "{}", configuration), known("65010"));
    }

    #[test]
    fn local_as_is_what_that_peer_sees() {
        let summary = include_str!("../../../tests/data/frr/neighbor-local-as-override.json");
        assert_eq!(asn(summary, "{}", "router bgp 64600\nexit\n"), known("65077"));
        let two = r#"{"ipv4Unicast":{"as":65010,"peers":{"a":{"remoteAs":65020,"localAs":65077},"b":{"remoteAs":65030,"localAs":65010}}}}"#;
        let conflict = Observation::Conflicting(vec!["65077".to_owned(), "65010".to_owned()]);
        assert_eq!(asn(two, "{}", "router bgp 65010\nexit\n"), conflict);
        let cloud = two.replace("65030", "45104");
        assert_eq!(asn(&cloud, "{}", "router bgp 65010\nexit\n"), known("65010"));
    }

    #[test]
    fn vrfs_count_only_without_a_default_instance() {
        let all = include_str!("../../../tests/data/frr/vrf-all-summary.json");
        let summary = include_str!("../../../tests/data/frr/show-bgp-summary.json");
        assert_eq!(asn(summary, all, RECORDED), known("65010"));
        let only_vrf = include_str!("../../../tests/data/frr/only-vrf-instance.json");
        let vrfs = include_str!("../../../tests/data/frr/only-vrf-all.json");
        assert_eq!(asn(only_vrf, vrfs, "router bgp 65099 vrf blue\n neighbor 198.51.100.1 remote-as 65100\nexit\n"), known("65099"));
        let two = "router bgp 65098 vrf red\nexit\n!\nrouter bgp 65099 vrf blue\nexit\n";
        let conflict = Observation::Conflicting(vec!["65098".to_owned(), "65099".to_owned()]);
        assert_eq!(asn("{}", "{}", two), conflict);
    }

    #[test]
    fn the_recorded_configuration_has_two_instances() {
        let expected = [
            Configured { vrf: None, own: "65010".to_owned(), confederation: None },
            Configured { vrf: Some("blue".to_owned()), own: "65099".to_owned(), confederation: None },
        ];
        assert_eq!(configured(RECORDED), expected);
    }

    #[test]
    fn what_is_not_the_summary_is_refused() {
        for text in ["", "bgpd is not running", "% BGP instance not found", "[]", "7", "{\"ipv4Unicast\":"] {
            assert!(instance(text).is_err(), "{text:?}");
        }
    }
}
