//! `cgwd demo`: the life of a device on this machine, with the real code throughout. Only the cloud is simulated, in this
//! process; everything that is written goes to one directory of its own.

mod machine;
mod replacing;
mod scenes;
mod sky;
mod stage;
mod surviving;
mod talk;
mod timeline;
mod words;
mod world;

use super::Context;
use super::exit::{Exit, Failure};
use crate::system::signals::Signals;
use stage::Stage;
use std::io::IsTerminal;
use world::Place;

#[derive(Debug, clap::Args)]
pub struct DemoArgs {
    /// Wait for Enter after each scene
    #[arg(long)]
    step: bool,
}

pub async fn run(context: &Context, arguments: &DemoArgs) -> Result<Exit, Failure> {
    if arguments.step && (context.output.json || !std::io::stdin().is_terminal()) {
        let remedy = "run it in a terminal, or without --step: it does not wait then";
        return Err(Failure::new(Exit::Usage, "--step waits for Enter, and nobody is there to press it", remedy));
    }
    let place = Place::make(&context.environment)?;
    let mut signals = Signals::listen().map_err(Failure::system)?;
    let mut stage = Stage::new(&context.output, arguments.step);
    let mut running = None;
    let played = tokio::select! {
        biased;
        _signal = signals.next() => Err(Failure::new(Exit::Interrupted, "interrupted", "")),
        played = scenes::play(context, &place, &mut stage, &mut running) => played,
    };
    let ended = match running {
        Some(daemon) => played.and(daemon.end().await),
        None => played,
    };
    match ended {
        Ok(()) => stage.close(),
        Err(failure) => {
            // Nothing is removed silently, and nothing is left behind silently.
            let left = format!("what was written stays in {0}; `rm -r {0}` removes it", place.directory.display());
            let remedy = if failure.remedy.is_empty() { left } else { format!("{}. {left}", failure.remedy) };
            return Err(Failure { remedy, ..failure });
        }
    }
    Ok(Exit::Done)
}
