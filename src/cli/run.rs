//! `cgwd run`: the daemon.

use super::Context;
use super::exit::{Exit, Failure};
use super::plan::journal_to_read;
use crate::daemon::control::Places;
use crate::daemon::{Daemon, DaemonError, Ended, Start, with_causes};
use crate::journal::Journal;
use crate::system::anew;
use crate::system::lock::{Lock, LockError};
use crate::system::machine;
use crate::system::notify::Notify;

pub async fn run(context: &mut Context) -> Result<Exit, Failure> {
    let loaded = context.load()?;
    let directory = loaded.settings.state_directory.clone();
    let (lock, watch_only) = match Lock::take(&directory) {
        Ok(lock) => (Some(lock), None),
        Err(error @ LockError::Held { .. }) => return Err(Failure::new(Exit::Failed, error.to_string(), error.remedy())),
        Err(error) => (None, Some(with_causes(&error))),
    };
    let (journal, watch_only) = match watch_only {
        Some(why) => (journal_to_read(&loaded.settings)?, Some(why)),
        None => match Journal::open(&directory, machine::device_id().ok().flatten()) {
            Ok(journal) => (journal, None),
            Err(error) if error.is_storage() => (journal_to_read(&loaded.settings)?, Some(with_causes(&error))),
            Err(error) => return Err(error.into()),
        },
    };
    let places = Places::new(&context.environment, &directory);
    let notify = Notify::from_environment(&context.environment);
    tracing::info!(device = loaded.settings.device, version = env!("CARGO_PKG_VERSION"), state = %directory.display(), "starting");
    let daemon = Daemon::new(Start {
        config_path: context.config_path.clone(),
        loaded,
        environment: context.environment.clone(),
        host_name: context.host_name.clone(),
        clock: context.clock.clone(),
        notify,
        journal,
        watch_only,
    })
    .map_err(failure)?;
    let ended = daemon.run(places).await.map_err(failure)?;
    drop(lock);
    match ended {
        Ended::Stopped => Ok(Exit::Done),
        Ended::Healed => match anew::begin() {
            Ok(never) => match never {},
            Err(error) => Err(Failure::system(error)),
        },
    }
}

fn failure(error: DaemonError) -> Failure {
    match error {
        DaemonError::Journal(error) => error.into(),
        error @ DaemonError::Cloud(_) => Failure::new(Exit::Usage, with_causes(&error), "correct the `[cloud]` table of the configuration"),
        error @ (DaemonError::Signals(_) | DaemonError::Timer(_)) => Failure::system(error),
    }
}
