//! What a replacement that was given up had moved, and nobody has seen work there: as long as that is so, the old customer gateway is
//! the way back, and no plan may end with its deletion.

use super::Case;
use crate::journal::replay::{ReplacementProgress, Replacements};
use crate::model::{IpsecConnection, ReplacementOutcome};
use crate::plan::Gate;
use crate::plan::replacement::earlier::id_before;
use crate::plan::replacement::next::is_in_use;
use crate::plan::replacement::{Demand, demand, tunnels_at};

/// `None` where nothing was given up half-way.
pub(super) fn proven(case: Case<'_>, replacements: &Replacements) -> Option<Gate> {
    let new = case.subjects.new.as_ref()?;
    let last = replacements.last.as_ref().filter(|last| last.outcome == ReplacementOutcome::Abandoned)?;
    // Of one that is still at the old customer gateway in part, this plan itself moves the rest and sees whether it works.
    let moved = case.inventory.connections.iter().filter(|connection| connection.refers_to(&new.id) && !case.subjects.moves(connection));
    let down: Vec<&str> =
        moved.filter(|connection| is_down(&last.progress, connection, &new.id)).map(|connection| connection.id.as_str()).collect();
    if down.is_empty() {
        return None;
    }
    let what = format!("{} went to {} in replacement {}, which was given up", down.join(", "), new.id, last.progress.plan.id);
    Some(match case.plan.planned {
        true => Gate::passed("proven", format!("{what}, and nobody has seen it work there; a person says that this is meant (--planned)")),
        false => Gate::refused(
            "proven",
            format!(
                "{what}, and does not work there: the old customer gateway, which this plan deletes, is the way back. Let the device follow \
                 (its address, its identities), or say that it is meant with --planned"
            ),
        ),
    })
}

/// It was moved then, something of it worked before, and nothing of it does now.
fn is_down(then: &ReplacementProgress, connection: &IpsecConnection, new: &str) -> bool {
    let Some(before) = id_before(then, &connection.id) else { return false };
    let here = tunnels_at(connection, |id| id == new);
    let asked: Vec<u8> = here.into_iter().filter(|index| demand(&then.plan, before, *index) != Demand::Nothing).collect();
    !asked.is_empty() && !asked.iter().any(|index| is_in_use(connection, *index))
}
