//! The configuration: files as written become [`Settings`] as used, or a list of everything that is wrong with them.
//!
//! ```text
//!  config.toml, config.d/*.toml ─ files ─► raw (checked against schema, merged) ─ resolve ─► Settings + origins
//! ```
//!
//! One table (`schema::TABLES`) drives the key checks, types, defaults, bounds, `config show` and `config example`.

mod example;
mod files;
mod nearest;
mod parse;
mod problem;
mod raw;
mod resolve;
pub mod schema;
mod show;
mod window;

pub use example::example;
pub use parse::duration_text;
pub use problem::{ConfigError, Origin, Problem, check_json, check_text};
pub use show::{show_json, show_text};

use crate::model::Settings;
use crate::system::environment::Environment;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where the configuration is when nobody says otherwise (product.md 5).
pub const DEFAULT_PATH: &str = "/etc/cgwd/config.toml";

/// A configuration that holds.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub settings: Settings,
    /// Where each key's value came from, by its full name such as `cloud.timeout`; a tag is `gateway.tags.NAME`.
    pub origins: BTreeMap<String, Origin>,
    /// What works and is probably not meant.
    pub warnings: Vec<Problem>,
    /// The file and its drop-ins in the order they were merged: what SIGHUP reads again.
    pub files: Vec<PathBuf>,
}

/// The state directory that a configuration means which does not hold, for whoever only looks: `None` where it does not say. The
/// default counts where a file that cannot be read whole may say otherwise only if `is_there` finds a state in it.
pub fn state_directory(path: &Path, environment: &Environment, is_there: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    let (mut problems, mut warnings) = (Vec::new(), Vec::new());
    let texts = files::read(path, &mut problems, &mut warnings);
    let raw = raw::merge(&texts, !problems.is_empty(), &mut problems);
    let (directory, origins) = resolve::state_directory(&raw, path, environment)?;
    let is_said = origins.get("state.directory").is_some_and(|origin| *origin != Origin::Default);
    (is_said || !raw.garbled || is_there(&directory)).then_some(directory)
}

/// Reads the file at `path` and the drop-ins `config.d/*.toml` beside it. `host_name` is the default of
/// `[device] name`; `STATE_DIRECTORY` of the environment wins over `[state] directory`.
///
/// The error holds every problem of every file, in the order of the files and lines.
pub fn load(path: &Path, environment: &Environment, host_name: &str) -> Result<Loaded, ConfigError> {
    let mut problems = Vec::new();
    let mut warnings = Vec::new();
    let texts = files::read(path, &mut problems, &mut warnings);
    let files: Vec<PathBuf> = texts.iter().map(|text| text.path.clone()).collect();
    let raw = raw::merge(&texts, !problems.is_empty(), &mut problems);
    let resolved = resolve::resolve(&raw, path, environment, host_name, &mut problems, &mut warnings);
    problem::sort(&mut problems, &files);
    problem::sort(&mut warnings, &files);
    match resolved {
        Some((settings, origins)) if problems.is_empty() => Ok(Loaded { settings, origins, warnings, files }),
        _ => Err(ConfigError { problems }),
    }
}
