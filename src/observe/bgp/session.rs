//! Which AS number the outside sees, out of a daemon's BGP sessions.

use crate::facts::asn::CLOUD;
use crate::model::{Asn, Observation};

/// The two ends of one BGP session, configured or established, as the daemon writes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub local: String,
    pub remote: String,
}

/// The AS that a customer gateway must name is the one that the cloud's BGP speaker sees: the local end of an *external*
/// session. It differs from the daemon's own AS under `local-as`, and in a confederation, where outside peers see the
/// confederation's identifier.
///
/// The rule: sessions inside the AS don't count; nor, in a confederation, those that show the member AS (`own`), for
/// they lead to other members. Of the rest, sessions with the cloud's AS (its default, `LocalAsn` in cloud/api.md 2.7) are the cloud's and decide alone; without one, all
/// count. Without any external session it is the confederation's identifier, or else `own`, or else (BIRD has no AS of
/// its own) the local end of the internal ones. Several answers remain several.
pub fn seen_outside(own: Option<&str>, confederation: Option<&str>, sessions: &[Session]) -> Vec<String> {
    let is_external = |session: &&Session| {
        let to_a_member = confederation.is_some() && own.is_some_and(|own| same(&session.local, own));
        !same(&session.local, &session.remote) && !to_a_member
    };
    let external: Vec<&Session> = sessions.iter().filter(is_external).collect();
    let with_cloud: Vec<&Session> = external.iter().copied().filter(|session| number(&session.remote) == Some(CLOUD)).collect();
    let deciding = if with_cloud.is_empty() { external } else { with_cloud };
    match confederation.or(own) {
        Some(instance) if deciding.is_empty() => vec![instance.to_owned()],
        None if deciding.is_empty() => distinct(sessions.iter().map(|session| session.local.clone())),
        _ => distinct(deciding.into_iter().map(|session| session.local.clone())),
    }
}

/// One value is a reading, several are a conflict, none is `nothing`.
pub fn observation(values: impl IntoIterator<Item = String>, nothing: &str) -> Observation<String> {
    let mut values = distinct(values);
    match values.len() {
        0 => Observation::Unknown(nothing.to_owned()),
        1 => Observation::Known(values.remove(0)),
        _ => Observation::Conflicting(values),
    }
}

/// `1.10` and `65546` are one AS.
pub fn same(left: &str, right: &str) -> bool {
    left == right || number(left).is_some_and(|left| number(right) == Some(left))
}

fn number(text: &str) -> Option<u32> {
    text.parse::<Asn>().ok().map(Asn::number)
}

fn distinct(values: impl IntoIterator<Item = String>) -> Vec<String> {
    values.into_iter().fold(Vec::new(), |mut seen, value| {
        if !seen.iter().any(|other| same(other, &value)) {
            seen.push(value);
        }
        seen
    })
}
