//! The next thing to do about one step, from the plan, the journal, a reading and the time. Pure and total.

mod effect;
mod objection;
mod view;

pub use effect::{Effect, effect, is_in_use, made_gateways, stands_in, works};
pub use objection::{edit_of, edit_since_sent};
pub use view::{Need, Reads, View, needs};

use super::{Demand, demand};
use crate::journal::replay::{PendingWrite, Sending, StepProgress};
use crate::model::{IpsecConnection, NOT_UP, Op, PlannedStep, Slot, Stopped};
use crate::plan::Now;
use crate::plan::pending::{ABSENT_TWICE, LATE_EFFECT};
use effect::{elsewhere, gateway_of, gone_connection, is_another_s, is_at_new, tells_bgp};
use jiff::SignedDuration;
use objection::{changed_again, objection};

/// After the cloud said that it was done, so long for a reading to show it. Lists lag by a minute at most as far as anybody has
/// seen; bindings to a transit router take up to 17 minutes (cloud/api.md 4.1).
const SHOWN_WITHIN: SignedDuration = SignedDuration::from_mins(30);

/// So often what was accepted and did not come about is sent anew.
const MOST_UNDONE: u32 = 3;

/// Why a replacement stops where somebody deleted what was made again.
const MADE_GONE: &str = "made_gone";
/// And where somebody has made it by hand.
const BY_HAND: &str = "by_hand";

/// So long the effect of a call is looked for every few seconds.
const OFTEN: SignedDuration = SignedDuration::from_mins(1);

/// What the process knows that does both, read and act.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// When this process first read what the step relies on as expected, in time since boot.
    pub agreed_since: Option<SignedDuration>,
    /// When this process first looked at the step, in time since boot.
    pub looking_since: SignedDuration,
    /// Since when every reading of this process has shown the effect, and since when none has.
    pub shown_since: Option<SignedDuration>,
    pub missing_since: Option<SignedDuration>,
    /// The device is no longer what the plan was made for; the text says what it is.
    pub changed: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Intent, call, outcome.
    Send,
    /// The same once more under the same token.
    Resend,
    /// The open write is resolved by looking.
    Conclude {
        intent: i64,
        found: Option<String>,
    },
    /// Its effect is shown: the step is over.
    Prove(Option<String>),
    /// What the cloud accepted did not come about, or is gone again: this step is done anew, under the next token.
    Undo(String),
    /// A tunnel gets its time to come up.
    BeginVerification,
    /// It did not come up in its time.
    NotVerified,
    /// What the step relies on was read as expected for the first time; the second reading is due then, in time since boot.
    Agreed(SignedDuration),
    /// At the latest then, in time since boot.
    LookAgain(SignedDuration),
    /// Then, in time since boot: nothing that is read before would change anything.
    Wait(SignedDuration),
    Stop(Stopped),
}

/// What to do now.
pub fn next(view: &View<'_>, step: &PlannedStep, reads: &Reads, shown: &Effect, standing: &Standing, now: Now) -> Act {
    let known = view.progress.step(&step.id);
    if let Op::Verify { connection, index } = &step.op {
        let shape = reads.connection.as_ref().and_then(Option::as_ref).map(|(shape, _)| shape);
        let is_asked_for =
            demand(view.plan(), connection, *index) != Demand::Nothing || !shape.is_some_and(|shape| is_at_new(view, shape, *index));
        return match verify(view, step, &known, shown, standing, now) {
            // It was down before: waiting for it would only put off what is next, where that takes nothing from anybody.
            Act::BeginVerification | Act::LookAgain(_)
                if *shown == Effect::Missing && !is_asked_for && !another_is_next(view, connection, *index) =>
            {
                not_up()
            }
            Act::NotVerified => out_of_time(view, step, connection, *index, reads),
            act => act,
        };
    }
    if let Some(act) = gone_again(view, step, reads, standing, now) {
        return act;
    }
    match (&known.open, shown) {
        // Its effect is not there either, and comes no more.
        (Some(open), Effect::Contradiction(_)) if dead_at(&open.last_sent, now) + ABSENT_TWICE <= now.uptime => {
            Act::Conclude { intent: open.intent, found: None }
        }
        (_, Effect::Contradiction(stopped)) => Act::Stop(Stopped { step: Some(step.id.clone()), ..stopped.clone() }),
        // A reading that can be older than what it would have to show counts where a later one agrees.
        (_, Effect::Shown(_))
            if (is_another_s(view, step, shown, reads) || !known.may_have_happened() && may_show_before(view, step))
                && !is_shown_twice(view, standing, now) =>
        {
            Act::LookAgain(standing.shown_since.unwrap_or(now.uptime) + view.recheck())
        }
        (Some(open), Effect::Shown(_)) if may_show_before(view, step) && !is_shown_twice(view, standing, now) => {
            unresolved(view, step, reads, open, standing, now)
        }
        (Some(open), Effect::Shown(id)) => {
            Act::Conclude { intent: open.intent, found: Some(id.clone().unwrap_or_else(|| open.target.clone())) }
        }
        (Some(open), Effect::Missing) => unresolved(view, step, reads, open, standing, now),
        (_, Effect::Settling) => settling(step, standing, now),
        (None, Effect::Shown(_)) if is_taken(step) && !known.may_have_happened() => taken_by_others(step),
        (None, Effect::Shown(id)) => match overtaken_until(view, step, now) {
            Some(until) if now.uptime < until => Act::Wait(until),
            _ => Act::Prove(id.clone()),
        },
        (None, Effect::Missing) if known.answered => match overtaken_until(view, step, now) {
            Some(until) if now.uptime < until => Act::Wait(until),
            // A late copy of another request has undone it.
            Some(_) => ready(view, step, reads, standing, now),
            None => answered(step, &known, standing, now),
        },
        (None, Effect::Missing) => ready(view, step, reads, standing, now),
    }
}

/// A write without a trustworthy answer whose effect does not show.
fn unresolved(view: &View<'_>, step: &PlannedStep, reads: &Reads, open: &PendingWrite, standing: &Standing, now: Now) -> Act {
    let dead = dead_at(&open.last_sent, now);
    // A second copy of what makes a connection could make a second connection: the memory of tokens is not proven.
    let repeats = !matches!(step.op, Op::CreateConnection { .. });
    if repeats && !open.poisoned && now.uptime < dead_at(&open.intended, now) {
        match objection(view, step, reads, standing, now) {
            None => return Act::Resend,
            // It is as well where it is: no more copies, and the first ones come to their end.
            Some(Act::Prove(_)) => {}
            // Somebody has changed it since the first copy went out.
            Some(objection) => return objection,
        }
    }
    match open.absent_since {
        Some(since) if since >= dead && since + ABSENT_TWICE <= now.uptime => Act::Conclude { intent: open.intent, found: None },
        // The second of the two readings that count.
        Some(since) if since >= dead => Act::Wait(since + ABSENT_TWICE),
        _ if now.uptime >= dead => Act::LookAgain(now.uptime + ABSENT_TWICE),
        _ => rarer(open.last_sent.uptime.unwrap_or(now.uptime), dead, now),
    }
}

/// Most calls land and most effects show at once or never: the longer it takes, the rarer it is looked for.
fn rarer(since: SignedDuration, until: SignedDuration, now: Now) -> Act {
    let age = now.uptime - since;
    match age < OFTEN {
        true => Act::LookAgain(until.min(now.uptime + SignedDuration::from_secs(5))),
        false => Act::Wait(until.min(now.uptime + age / 8)),
    }
}

/// From when on, in time since boot, a sending can have no effect any more.
pub fn dead_at(sending: &Sending, now: Now) -> SignedDuration {
    sending.uptime.unwrap_or(now.uptime) + LATE_EFFECT
}

/// The cloud said that it was done, and no reading shows it. Readings lag; what is not shown for longer than any request can live did
/// not come about.
fn answered(step: &PlannedStep, known: &StepProgress, standing: &Standing, now: Now) -> Act {
    let missing_for = standing.missing_since.map_or(SignedDuration::ZERO, |since| now.uptime - since);
    if missing_for < LATE_EFFECT + ABSENT_TWICE {
        let since = standing.missing_since.unwrap_or(now.uptime);
        return rarer(since, since + LATE_EFFECT + ABSENT_TWICE, now);
    }
    if known.undone < MOST_UNDONE {
        return Act::Undo(step.id.clone());
    }
    Act::Stop(Stopped {
        reason: "not_shown".to_owned(),
        message: format!("the cloud accepted step {} {} times and never showed its effect", step.id, known.undone + 1),
        remedy: "look at it in the cloud's console; `cgwd replace --resume` looks again".to_owned(),
        step: Some(step.id.clone()),
        passes: true,
    })
}

/// The cloud is at work on it, or something else there is changing.
fn settling(step: &PlannedStep, standing: &Standing, now: Now) -> Act {
    if now.uptime < standing.looking_since + SHOWN_WITHIN {
        return Act::LookAgain(now.uptime + SignedDuration::from_secs(5));
    }
    Act::Stop(Stopped {
        reason: "not_settled".to_owned(),
        message: format!("what step {} is about has been changing for half an hour", step.id),
        remedy: "look at its state in the cloud's console; it is looked at again by itself".to_owned(),
        step: Some(step.id.clone()),
        passes: true,
    })
}

/// Steps that take away what a person may have taken away first.
fn is_taken(step: &PlannedStep) -> bool {
    step.op.opens_a_gap() && !step.goes_back()
}

/// It is gone, and not by us: somebody wanted it gone.
fn taken_by_others(step: &PlannedStep) -> Act {
    Act::Stop(Stopped {
        reason: "drift".to_owned(),
        message: format!("what step {} was to delete is gone already: somebody else deleted it", step.id),
        remedy: "when they are done, `cgwd replace --abort` and then `cgwd replace` plan from what is there now".to_owned(),
        step: Some(step.id.clone()),
        passes: false,
    })
}

/// A connection that was made again has vanished. A person's word to go on has it made once more.
fn gone_again(view: &View<'_>, step: &PlannedStep, reads: &Reads, standing: &Standing, now: Now) -> Option<Act> {
    let original = step.op.connection()?;
    let is_later =
        !step.op.opens_a_gap() && !matches!(step.op, Op::CreateConnection { .. } | Op::RebindTunnel { .. } | Op::RebindConnection { .. });
    let makes = |op: &Op| matches!(op, Op::CreateConnection { connection } if connection == original);
    let is_made = view.plan().steps().any(|step| makes(&step.op));
    if !(is_made && is_later && matches!(reads.connection, Some(None))) {
        return None;
    }
    let since = standing.missing_since.unwrap_or(now.uptime);
    let counts_from = since + LATE_EFFECT;
    Some(if now.uptime < counts_from { rarer(since, counts_from, now) } else { deleted_by_others(view, step) })
}

/// Somebody deleted the connection that a step is about.
fn deleted_by_others(view: &View<'_>, step: &PlannedStep) -> Act {
    let original = step.op.connection().unwrap_or_default();
    let makes = |op: &Op| matches!(op, Op::CreateConnection { connection } if connection == original);
    let maker = view.plan().steps().find(|step| makes(&step.op));
    match (maker, gone_connection(original)) {
        (Some(maker), _) if view.progress.resumed_from.as_deref() == Some(MADE_GONE) => Act::Undo(maker.id.clone()),
        (None, Effect::Contradiction(stopped)) => Act::Stop(Stopped { step: Some(step.id.clone()), ..stopped }),
        _ => Act::Stop(Stopped {
            reason: MADE_GONE.to_owned(),
            message: format!("{}, made again for {original}, no longer exists: somebody deleted it", view.connection_id(original)),
            remedy: "`cgwd replace --resume` makes it again from the snapshot".to_owned(),
            step: Some(step.id.clone()),
            passes: false,
        }),
    }
}

/// What is to be pointed back shows as not pointed away yet: such a reading can be older than that call.
fn may_show_before(view: &View<'_>, step: &PlannedStep) -> bool {
    let happened = |other: &PlannedStep| view.progress.steps.get(&other.id).is_some_and(StepProgress::may_have_happened);
    step.goes_back() && view.plan().steps().any(|other| points_the_same(&step.op, &other.op) && happened(other))
}

fn is_shown_twice(view: &View<'_>, standing: &Standing, now: Now) -> bool {
    standing.shown_since.is_some_and(|since| now.uptime >= since + view.recheck())
}

fn points_the_same(one: &Op, other: &Op) -> bool {
    match (one, other) {
        (Op::RebindTunnel { connection, index, .. }, Op::RebindTunnel { connection: other, index: place, .. }) => {
            connection == other && index == place
        }
        (Op::RebindConnection { connection, .. }, Op::RebindConnection { connection: other, .. }) => connection == other,
        _ => false,
    }
}

/// An effect counts only once no earlier request can undo it, of this replacement or of one before it: another pointing of the same
/// tunnel, or the making of what was deleted.
/// When the last one of which that was ever possible is dead.
fn overtaken_until(view: &View<'_>, step: &PlannedStep, now: Now) -> Option<SignedDuration> {
    let undoes = |other: &Op| match (&step.op, other) {
        (one, other) if points_the_same(one, other) => true,
        (Op::DeleteMade { slot }, Op::CreateGateway { slot: other }) => slot == other,
        _ => false,
    };
    let others = view.plan().steps().filter(|other| other.id != step.id && undoes(&other.op));
    let sent = others.filter_map(|other| {
        let other = view.progress.steps.get(&other.id)?;
        other.open.as_ref().map(|open| &open.last_sent).or(other.doubtful.as_ref())
    });
    let before = view.progress.earlier.iter().filter(|(other, _)| undoes(other)).map(|(_, sending)| sending);
    sent.chain(before).map(|sending| dead_at(sending, now)).max()
}

fn verify(view: &View<'_>, step: &PlannedStep, known: &StepProgress, shown: &Effect, standing: &Standing, now: Now) -> Act {
    let soon = now.uptime + SignedDuration::from_secs(5);
    match (shown, &known.verifying) {
        // A tunnel that was up before may be shown by an old reading: it counts when it is still up later.
        (Effect::Shown(_), _) if view.plan().planned => match standing.shown_since {
            Some(since) if now.uptime >= since + view.recheck() => Act::Prove(None),
            since => Act::LookAgain(since.unwrap_or(now.uptime) + view.recheck()),
        },
        (Effect::Shown(_), _) => Act::Prove(None),
        // Nothing comes up where the device no longer is.
        _ if standing.changed.is_some() => Act::Stop(changed_again(step, standing.changed.as_deref().unwrap_or_default())),
        (_, None) => Act::BeginVerification,
        (_, Some(began)) => {
            let ends =
                began.uptime.unwrap_or(now.uptime) + SignedDuration::from_millis(i64::try_from(view.plan().verify_ms).unwrap_or(i64::MAX));
            if now.uptime >= ends { Act::NotVerified } else { Act::LookAgain(soon.min(ends)) }
        }
    }
}

/// It did not come up in its time.
fn out_of_time(view: &View<'_>, step: &PlannedStep, connection: &str, index: u8, reads: &Reads) -> Act {
    match &reads.connection {
        Some(None) => deleted_by_others(view, step),
        Some(Some((shape, _))) => match elsewhere(view, connection, gateway_of(shape, index)) {
            Effect::Contradiction(stopped) => Act::Stop(Stopped { step: Some(step.id.clone()), ..stopped }),
            _ if is_enough(view, connection, index, shape) => not_up(),
            _ => Act::NotVerified,
        },
        None => Act::NotVerified,
    }
}

/// Whether its connection works at the new customer gateway without it, and nobody knows that it ever worked.
fn is_enough(view: &View<'_>, connection: &str, index: u8, shape: &IpsecConnection) -> bool {
    let others = shape.tunnels.iter().map(|tunnel| tunnel.index).filter(|other| *other != index);
    let works_there = |other| is_at_new(view, shape, other) && works(shape, other, tells_bgp(view, connection, other));
    match demand(view.plan(), connection, index) {
        Demand::ToComeUp => false,
        Demand::Nothing => true,
        Demand::OneOfThem => others.into_iter().any(works_there),
    }
}

/// Whether a planned move is about to take another tunnel of the same connection from where it works.
fn another_is_next(view: &View<'_>, connection: &str, index: u8) -> bool {
    let moves =
        |op: &Op| matches!(op, Op::RebindTunnel { connection: own, index: other, to: Slot::New } if own == connection && *other != index);
    view.plan().planned && view.plan().steps().any(|step| moves(&step.op) && !view.progress.is_proven(&step.id))
}

fn not_up() -> Act {
    Act::Prove(Some(NOT_UP.to_owned()))
}

/// Whether what the step relies on is so, read twice.
fn ready(view: &View<'_>, step: &PlannedStep, reads: &Reads, standing: &Standing, now: Now) -> Act {
    if let Some(objection) = objection(view, step, reads, standing, now) {
        return objection;
    }
    // What does not work goes back at once; what is deleted is read twice also then.
    let points_back = step.goes_back() && !matches!(step.op, Op::DeleteGateway { .. } | Op::DeleteMade { .. });
    if !step.op.is_destructive() || points_back {
        return Act::Send;
    }
    let recheck = view.recheck();
    match standing.agreed_since {
        Some(since) if now.uptime >= since + recheck => Act::Send,
        Some(since) => Act::Wait(since + recheck),
        None if recheck.is_zero() => Act::Send,
        None => Act::Agreed(now.uptime + recheck),
    }
}
