//! `cgwd status`: what the daemon knows, from its socket; from the journal when it is down.

use super::Context;
use super::exit::{Exit, Failure};
use super::output::{Output, Tone};
use super::register::socket_directories;
use crate::daemon::control::{self, AskError};
use crate::daemon::status::Status;
use crate::journal::Journal;
use crate::model::Settings;
use serde_json::Value;
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub struct StatusArgs {
    /// Show it again whenever it changes, until interrupted
    #[arg(long)]
    watch: bool,
}

/// How often `--watch` asks; the daemon only reads its memory for it.
const WATCH: Duration = Duration::from_secs(1);

pub async fn run(context: &Context, arguments: StatusArgs) -> Result<Exit, Failure> {
    let settings = context.load()?.settings;
    let mut shown = None;
    loop {
        let status = ask(context, &settings).await?;
        if shown.as_ref() != Some(&without_time(&status)) {
            show(context, &status);
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

async fn ask(context: &Context, settings: &Settings) -> Result<Value, Failure> {
    match control::ask(&socket_directories(context, settings), "status").await {
        Ok(status) => Ok(status),
        Err(AskError::NotRunning { .. }) => of_journal(settings),
        Err(error) => Err(Failure::new(
            Exit::Failed,
            crate::daemon::with_causes(&error),
            "the control socket belongs to root and the service's own user: run this as root",
        )),
    }
}

fn of_journal(settings: &Settings) -> Result<Value, Failure> {
    let journal = Journal::open_to_read(&settings.state_directory)?;
    Ok(Status::of_journal(settings, journal.as_ref().map(Journal::progress)).json())
}

fn show(context: &Context, status: &Value) {
    context.output.result(status, |output| text(output, status));
}

fn text(output: &Output, status: &Value) -> String {
    let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let or_dash = |value: &Value| if value.is_null() { "-".to_owned() } else { word(value) };
    let running = status["daemon"] == "running";
    let daemon = if running { output.paint(Tone::Good, "running") } else { output.paint(Tone::Caution, "stopped") };
    let pid = status["pid"].as_u64().map(|pid| format!(" (pid {pid})")).unwrap_or_default();
    let mut text = format!("daemon    {daemon}{pid}\ndevice    {}\n", or_dash(&status["device"]));
    text += &format!("decision  {}\n", or_dash(&status["decision"]));
    let settled = match (status["address"].is_null(), status["address"]["settled"].as_bool()) {
        (false, Some(false)) => ", not settled yet",
        _ => "",
    };
    let source = if status["address"].is_null() { String::new() } else { format!(" from {}", or_dash(&status["address"]["source"])) };
    text += &format!("address   {}{source}{settled}\n", or_dash(&status["address"]["value"]));
    text += &format!("asn       {}\n", or_dash(&status["asn"]["value"]));
    text += &format!("gateway   {}\n", or_dash(&status["customer_gateway"]["id"]));
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
