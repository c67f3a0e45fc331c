//! `cgwd config check | show | example`.

use super::Context;
use super::exit::{Exit, Failure};
use super::output::Tone;
use crate::config::{self, ConfigError, Loaded};

#[derive(Debug, clap::Args)]
pub struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, clap::Subcommand)]
enum ConfigCommand {
    /// Every problem of the configuration at once
    Check,
    /// The effective values and where each comes from
    Show,
    /// A commented configuration to begin with
    Example,
}

pub fn run(context: &Context, arguments: ConfigArgs) -> Result<Exit, Failure> {
    match arguments.command {
        ConfigCommand::Check => Ok(check(context)),
        ConfigCommand::Show => show(context),
        ConfigCommand::Example => {
            context.output.result(&serde_json::json!({"schema": 1, "example": config::example()}), |_| config::example());
            Ok(Exit::Done)
        }
    }
}

fn check(context: &Context) -> Exit {
    let result =
        config::load(&context.config_path, &context.environment, &context.host_name).and_then(|loaded| with_client(context, loaded));
    let exit = if result.is_ok() { Exit::Done } else { Exit::Usage };
    context.output.result(&config::check_json(&context.config_path, &result), |output| {
        let tone = if exit == Exit::Done { Tone::Good } else { Tone::Bad };
        output.paint(tone, config::check_text(&context.config_path, &result).trim_end()) + "\n"
    });
    exit
}

/// What the daemon would refuse at its start: files that the client for the cloud is made of.
fn with_client(context: &Context, loaded: Loaded) -> Result<Loaded, ConfigError> {
    match context.client(&loaded.settings) {
        Ok(_) => Ok(loaded),
        Err(failure) => {
            let key = if loaded.settings.cloud.ca_file.is_some() { "cloud.ca_file" } else { "cloud.proxy" };
            Err(ConfigError::about(&loaded, key, failure.message, failure.remedy))
        }
    }
}

fn show(context: &Context) -> Result<Exit, Failure> {
    let loaded = context.load()?;
    context.output.result(&config::show_json(&loaded), |_| config::show_text(&loaded));
    Ok(Exit::Done)
}
