//! Keeps what is in memory out of core dumps and away from other processes of the same user.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use std::io;

#[derive(Debug, thiserror::Error)]
#[error("could not {step}")]
pub struct HardeningError {
    step: &'static str,
    source: io::Error,
}

/// No core dumps, no ptrace by others. Both need no privilege, so a failure is unusual; the unit sets them too.
pub fn protect_memory() -> Result<(), HardeningError> {
    let failed = |step| move |source: rustix::io::Errno| HardeningError { step, source: source.into() };
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(failed("forbid ptrace and core dumps"))?;
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }).map_err(failed("limit core dumps to nothing"))
}

/// What this process makes is for its own user alone, wherever it is.
pub fn keep_files_private() {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{dumpable_behavior, getrlimit};

    #[test]
    fn nothing_of_this_process_is_dumped() {
        protect_memory().unwrap();
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        let core = getrlimit(Resource::Core);
        assert_eq!((core.current, core.maximum), (Some(0), Some(0)));
        protect_memory().expect("a second time is no mistake");
    }
}
