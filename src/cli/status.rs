//! `cgwd status`: what the daemon knows, from its socket; from the journal when it is down.

mod alone;

use super::Context;
use super::exit::{Exit, Failure};
use super::output::{Output, Tone};
use crate::daemon::control::{self, AskError, Places};
use crate::daemon::status::{Status, replacing_words};
use crate::journal::Journal;
use crate::journal::store::FILE;
use crate::model::Settings;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub struct StatusArgs {
    /// Show it again whenever it changes, until interrupted
    #[arg(long)]
    watch: bool,
}

/// How often `--watch` asks; the daemon only reads its memory for it.
const WATCH: Duration = Duration::from_secs(1);
/// For a daemon that begins anew to listen again.
const AFTER_AN_END: Duration = Duration::from_millis(300);

/// The daemon answers from its memory; what takes longer is stuck.
const PATIENCE: Duration = Duration::from_secs(3);

pub async fn run(context: &Context, arguments: StatusArgs) -> Result<Exit, Failure> {
    let (directory, loaded) = context.load_to_look()?;
    let (settings, mut wrong) = match loaded {
        Ok(settings) => (Some(settings), None),
        Err(failure) => (None, Some(failure)),
    };
    let mut shown = None;
    loop {
        let status = ask(context, &directory, settings.as_ref()).await?;
        if let Some(failure) = wrong.take() {
            if status["daemon"] == "stopped" && !directory.join(FILE).exists() {
                return Err(failure);
            }
            context.output.problem(&failure);
        }
        if shown.as_ref() != Some(&without_time(&status)) {
            match shown.as_ref().filter(|shown| only_goes_on(shown, &status)) {
                Some(_) => context.output.result(&status, |_| format!("{}\n", replacement_line(&status["replacement"]))),
                None => show(context, &status),
            }
            shown = Some(without_time(&status));
        }
        if !arguments.watch {
            return Ok(Exit::Done);
        }
        tokio::time::sleep(WATCH).await;
    }
}

/// When the status was made says nothing new.
fn without_time(status: &Value) -> Value {
    let mut status = status.clone();
    status["seen"] = Value::Null;
    status
}

/// Nothing but the progress of a replacement is new: one line for each.
fn only_goes_on(shown: &Value, status: &Value) -> bool {
    let without_it = |status: &Value| {
        let mut status = without_time(status);
        status["replacement"] = Value::Null;
        status
    };
    status["replacement"].is_object() && shown["replacement"].is_object() && without_it(shown) == without_it(status)
}

async fn ask(context: &Context, directory: &Path, settings: Option<&Settings>) -> Result<Value, Failure> {
    let places = Places::new(&context.environment, directory);
    let mut answer = control::ask(&places, "status", PATIENCE).await;
    if matches!(answer, Err(AskError::BrokenOff { .. })) {
        // It ends, or begins anew.
        tokio::time::sleep(AFTER_AN_END).await;
        answer = control::ask(&places, "status", PATIENCE).await;
    }
    match answer {
        Ok(status) => Ok(status),
        Err(AskError::NotRunning { .. } | AskError::BrokenOff { .. }) => {
            let journal = Journal::open_to_read(directory)?;
            let mut status = of_journal(settings, journal.as_ref()).json();
            if let Some(journal) = &journal {
                alone::tell(&mut status, journal, directory)?;
            }
            Ok(status)
        }
        Err(AskError::Silent { pid, .. }) => {
            let journal = Journal::open_to_read(directory)?;
            Ok(of_journal(settings, journal.as_ref()).of_a_silent_daemon(pid).json())
        }
        Err(error) => Err(Failure::new(Exit::Failed, crate::daemon::with_causes(&error), crate::system::access::AS_ROOT)),
    }
}

fn of_journal(settings: Option<&Settings>, journal: Option<&Journal>) -> Status {
    Status::of_journal(settings, journal.map(Journal::progress))
}

fn show(context: &Context, status: &Value) {
    context.output.result(status, |output| text(output, status));
}

fn replacement_line(replacement: &Value) -> String {
    // Why it stands is a sentence of its own.
    if replacement["phase"] == "stopped" && replacement["remedy"].is_string() {
        let mut without_why = replacement.clone();
        let why = without_why["waiting_for"].take();
        return format!("{}: {}", replacing_words(&without_why), why.as_str().unwrap_or_default());
    }
    let waits = || replacement["waiting_for"].as_str().unwrap_or("cgwd");
    if replacement["plan"].is_string() { replacing_words(replacement) } else { format!("waits for {}", waits()) }
}

fn text(output: &Output, status: &Value) -> String {
    let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let or_dash = |value: &Value| if value.is_null() { "-".to_owned() } else { word(value) };
    let pid = status["pid"].as_u64().map(|pid| format!(" (pid {pid})")).unwrap_or_default();
    let daemon = match (status["daemon"] == "running", status["responds"] == false) {
        (true, false) => format!("{}{pid}", output.paint(Tone::Good, "running")),
        (true, true) => format!("{}; this is what its journal says", output.paint(Tone::Bad, &format!("the daemon{pid} does not answer"))),
        (false, _) => output.paint(Tone::Caution, "stopped"),
    };
    let mut text = format!("daemon    {daemon}\ndevice    {}\n", or_dash(&status["device"]));
    text += &format!("decision  {}\n", or_dash(&status["decision"]));
    let settled = match (status["address"].is_null(), status["address"]["settled"].as_bool()) {
        (false, Some(false)) => ", not settled yet",
        _ => "",
    };
    let source = if status["address"].is_null() { String::new() } else { format!(" from {}", or_dash(&status["address"]["source"])) };
    text += &format!("address   {}{source}{settled}\n", or_dash(&status["address"]["value"]));
    text += &format!("asn       {}\n", or_dash(&status["asn"]["value"]));
    text += &format!("gateway   {}\n", or_dash(&status["customer_gateway"]["id"]));
    if status["replacement"].is_object() {
        text += &format!("replaces  {}\n", replacement_line(&status["replacement"]));
        if let Some(remedy) = status["replacement"]["remedy"].as_str() {
            text += &format!("          what to do: {remedy}\n");
        }
    }
    text += &format!("cloud     last contact {}\n", or_dash(&status["last_cloud_contact"]));
    let alerts = status["alerts"].as_array().cloned().unwrap_or_default();
    if alerts.is_empty() {
        return text + "alerts    none standing\n";
    }
    text += "\nalerts that stand\n";
    for alert in alerts {
        let tone = if alert["severity"] == "error" { Tone::Bad } else { Tone::Caution };
        text += &format!(
            "  {} since {}\n      {}\n",
            output.paint(tone, &word(&alert["code"])),
            word(&alert["since"]),
            word(&alert["message"])
        );
        text += &format!("      what to do: {}\n", word(&alert["remedy"]));
    }
    text
}
