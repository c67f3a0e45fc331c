//! Changes that end by themselves, of everything that has a state.

use super::objects::{Pending, Then};
use crate::model::Timestamp;

pub fn is_due(pending: Option<&Pending>, now: Timestamp) -> bool {
    pending.is_some_and(|pending| pending.until <= now)
}

/// Ends the change where it is due; whether the object still exists.
pub fn finish(state: &mut String, pending: &mut Option<Pending>, now: Timestamp) -> bool {
    let Some(ended) = pending.take_if(|pending| pending.until <= now) else { return true };
    match ended.then {
        Then::Gone => false,
        Then::State(then) => {
            *state = then;
            true
        }
    }
}
