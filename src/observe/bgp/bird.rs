//! `bird`: BIRD 2 and 3, asked through `birdc`.

use super::session::{Session, observation, seen_outside};
use crate::model::Observation;
use crate::observe::run::{self, RunError};
use std::ffi::OsStr;
use std::path::Path;

/// `socket`: the control socket where it is not the built-in one.
pub async fn read(socket: Option<&Path>) -> Observation<String> {
    let socket: Vec<&OsStr> = socket.map(|path| [OsStr::new("-s"), path.as_os_str()]).into_iter().flatten().collect();
    // Restricted (`-r`): this session can change nothing.
    let question = ["-r", "show", "protocols", "all"].map(OsStr::new);
    let arguments: Vec<&OsStr> = socket.into_iter().chain(question).collect();
    match run::program(Path::new("birdc"), &arguments, run::OF_A_ROUTING_DAEMON).await {
        Ok(answer) => asn_in(&String::from_utf8_lossy(&answer)),
        Err(error) => Observation::Unknown(in_words(&error)),
    }
}

fn in_words(error: &RunError) -> String {
    match error {
        RunError::Missing { .. } => "birdc was not found: install BIRD, or take another `[bgp] source`".to_owned(),
        RunError::TooSlow { limit, .. } => format!("BIRD did not answer birdc within {} s; it hangs or is overloaded", limit.as_secs_f32()),
        RunError::Failed { stdout, stderr, .. } if said(stdout, stderr, "Permission denied") => {
            "birdc may not open BIRD's control socket: let the user that cgwd runs as join the group bird".to_owned()
        }
        RunError::Failed { stdout, stderr, .. } if said(stdout, stderr, "No such file") || said(stdout, stderr, "Connection refused") => {
            "BIRD is not running, or its control socket is elsewhere".to_owned()
        }
        other => other.to_string(),
    }
}

fn said(stdout: &str, stderr: &str, words: &str) -> bool {
    stdout.contains(words) || stderr.contains(words)
}

/// The AS in `show protocols all`. BIRD has no AS of its own: each BGP protocol names one, whether it is up or not.
fn asn_in(text: &str) -> Observation<String> {
    observation(seen_outside(None, None, &sessions(text)), "BIRD runs no BGP protocol")
}

/// A protocol starts at the beginning of a line (`gw1  BGP  ---  up …`); what is indented below belongs to it.
fn sessions(text: &str) -> Vec<Session> {
    let mut sessions = Vec::new();
    let mut is_bgp = false;
    let mut remote = String::new();
    for line in text.lines() {
        if !line.starts_with(char::is_whitespace) && !line.is_empty() {
            is_bgp = line.split_ascii_whitespace().nth(1) == Some("BGP");
            remote.clear();
        } else if let Some((key, value)) = line.trim().split_once(':').filter(|_| is_bgp) {
            match key {
                "Neighbor AS" => remote = value.trim().to_owned(),
                "Local AS" => sessions.push(Session { local: value.trim().to_owned(), remote: std::mem::take(&mut remote) }),
                _ => {}
            }
        }
    }
    sessions
}
