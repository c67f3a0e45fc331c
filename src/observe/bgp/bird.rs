//! `bird`: BIRD 2 and 3, asked through `birdc`.
//!
//! Inside a confederation, BIRD shows each protocol's member AS and nowhere the confederation's (seen with 2.0.12), so
//! there this source can't know what outside peers see: `[bgp] asn` alone has to say it.

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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_protocol_that_is_down_still_names_its_as() {
        let recorded = include_str!("../../../tests/data/bird/show-protocols-all-disabled.txt");
        assert_eq!(asn_in(recorded), Observation::Known("4200000010".to_owned()));
    }

    #[test]
    fn bird_3_is_alike() {
        let recorded = include_str!("../../../tests/data/bird3/show-protocols-all.txt");
        assert_eq!(asn_in(recorded), Observation::Known("65020".to_owned()));
    }

    #[test]
    fn protocols_that_differ_conflict_unless_one_is_with_the_cloud() {
        let recorded = include_str!("../../../tests/data/bird/show-protocols-all.txt");
        let conflict = Observation::Conflicting(vec!["65020".to_owned(), "4200000010".to_owned()]);
        assert_eq!(asn_in(recorded), conflict);
        let cloud = recorded.replace("Neighbor AS:      65010", "Neighbor AS:      45104");
        assert_eq!(asn_in(&cloud), Observation::Known("65020".to_owned()));
    }

    #[test]
    fn internal_protocols_count_where_there_is_no_external_one() {
        let protocol = |name: &str, neighbour: u32, local: u32| {
            format!("{name}  BGP  ---  up  20:54:03\n  BGP state:  Idle\n    Neighbor AS:  {neighbour}\n    Local AS:  {local}\n\n")
        };
        let internal = protocol("a", 65010, 65010);
        assert_eq!(asn_in(&internal), Observation::Known("65010".to_owned()));
        let two = internal.clone() + &protocol("b", 65011, 65011);
        assert_eq!(asn_in(&two), Observation::Conflicting(vec!["65010".to_owned(), "65011".to_owned()]));
        let external = internal + &protocol("b", 65030, 65012);
        assert_eq!(asn_in(&external), Observation::Known("65012".to_owned()));
    }

    #[test]
    fn without_bgp_nothing_is_known() {
        for text in ["", "BIRD 2.0.12 ready.\n", "BIRD 2.0.12 ready.\nName  Proto  Table\ndevice1  Device  ---  up\n    Local AS: 7\n"] {
            assert!(matches!(asn_in(text), Observation::Unknown(_)), "{text:?}");
        }
        // The short table has no AS numbers.
        let short = include_str!("../../../tests/data/bird/show-protocols.txt");
        assert!(matches!(asn_in(short), Observation::Unknown(_)));
    }
}
