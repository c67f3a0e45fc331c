//! How long each tunnel was away, as the journal has it.

use crate::journal::replay::ReplacementProgress;
use crate::model::{Op, Timestamp};
use serde_json::{Value, json};

pub struct Away {
    pub connection: String,
    /// 1 or 2; 0 of a single-tunnel connection.
    pub tunnel: u8,
    /// Deleted and made again.
    pub made_again: bool,
    /// From the change of the address until it worked again.
    pub seconds: f64,
    /// The part of it that began with the first write to it.
    pub touched: f64,
}

/// Every tunnel of a replacement, in the order in which they came back; `None` where one did not.
pub fn away(progress: &ReplacementProgress, since: Timestamp) -> Option<Vec<Away>> {
    let verified = progress.plan.steps().filter_map(|step| match &step.op {
        Op::Verify { connection, index } => Some((step, connection, *index)),
        _ => None,
    });
    let all: Option<Vec<Away>> = verified
        .map(|(step, connection, index)| {
            let back = progress.step(&step.id).shown?;
            let touched = first_touched(progress, connection, index)?;
            let seconds = |from: Timestamp| back.duration_since(from).as_secs_f64();
            let makes = |op: &Op| matches!(op, Op::CreateConnection { connection: made } if made == connection);
            let made_again = progress.plan.steps().any(|step| makes(&step.op));
            Some(Away { connection: connection.clone(), tunnel: index, made_again, seconds: seconds(since), touched: seconds(touched) })
        })
        .collect();
    all.map(|mut all| {
        all.sort_by(|one, other| one.seconds.total_cmp(&other.seconds));
        all
    })
}

/// The other tunnel of a connection is touched on its own.
fn first_touched(progress: &ReplacementProgress, connection: &str, index: u8) -> Option<Timestamp> {
    let steps = progress.plan.steps().filter(|step| match &step.op {
        Op::RebindTunnel { connection: moved, index: tunnel, .. } => moved == connection && *tunnel == index,
        Op::Verify { .. } => false,
        other => other.connection() == Some(connection),
    });
    steps.filter_map(|step| progress.step(&step.id).first_sent).min()
}

impl Away {
    pub fn words(&self) -> String {
        let Away { connection, tunnel, made_again, seconds, touched } = self;
        let what = match (tunnel, made_again) {
            (0, true) => format!("{connection}, made again"),
            (0, false) => connection.clone(),
            (tunnel, _) => format!("tunnel {tunnel} of {connection}"),
        };
        format!("{seconds:>5.2} s  {what} ({touched:.2} s of it since it was first touched)")
    }

    pub fn json(&self) -> Value {
        json!({
            "connection": self.connection, "tunnel": self.tunnel, "made_again": self.made_again,
            "away_seconds": self.seconds, "touched_seconds": self.touched,
        })
    }
}
