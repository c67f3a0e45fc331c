//! A replacement that is open where no daemon runs: nobody goes on with it by themselves, so who does, or why it stands, is said.

use crate::cli::replace::remedy_alone;
use crate::daemon::replacement::document::status_json;
use crate::journal::replay::ReplacementProgress;
use crate::journal::{Journal, JournalError, Record};
use crate::model::{Severity, Stopped};
use crate::system::lock::Lock;
use serde_json::{Value, json};
use std::path::Path;

const STOPPED: &str = "replacement.stopped";
const GO_ON: &str = "`cgwd replace --resume` goes on with it, and so does the service once it runs; `cgwd replace --abort` gives it up where nothing is lost by it";

/// Into the status that the journal gave.
pub fn tell(status: &mut Value, journal: &Journal, directory: &Path) -> Result<(), JournalError> {
    let Some(open) = &journal.progress().replacements.open else { return Ok(()) };
    if let Some((pid, command)) = Lock::command_at_work(directory) {
        status["replacement"] = status_json(open, true, Some(&format!("`cgwd {command}` (process {pid}), which is at work on it")));
        return Ok(());
    }
    let (waits, remedy) = match &open.stopped {
        Some(stopped) => (stopped.message.clone(), remedy_alone(stopped)),
        None => ("`cgwd replace --resume`, or cgwd to be started: nobody is at work on it".to_owned(), GO_ON.to_owned()),
    };
    status["replacement"]["waiting_for"] = json!(waits);
    status["replacement"]["remedy"] = json!(remedy);
    // Also what passes: there is nobody who tries it again.
    if let Some(stopped) = &open.stopped
        && let Some(alerts) = status["alerts"].as_array_mut()
        && !alerts.iter().any(|alert| alert["code"] == STOPPED)
    {
        alerts.push(alert(open, stopped, journal)?);
    }
    Ok(())
}

/// As the daemon would raise it; it stands since the stop.
fn alert(open: &ReplacementProgress, stopped: &Stopped, journal: &Journal) -> Result<Value, JournalError> {
    let entries = journal.entries_after(open.seq)?;
    let last = entries.iter().rfind(|entry| matches!(entry.record, Record::ReplacementStopped { .. }));
    Ok(json!({
        "code": STOPPED,
        "severity": Severity::Error,
        "key": open.plan.id,
        "message": format!("replacement {} has stopped: {}", open.plan.id, stopped.message),
        "remedy": remedy_alone(stopped),
        "since": format!("{:.3}", last.map_or(open.began, |entry| entry.at)),
    }))
}
