//! The shape of the configuration: what a row of the table says, and how rows are found.
//!
//! To add a key, add a row to `rows.rs`, read it in `resolve/`, and remove it from `LATER` if it stands there.
//! Key checks, types, bounds, `config show`, `config example` and their tests follow from the row.

mod rows;

pub use rows::{LATER, TABLES};
pub(super) use rows::{LATER_ADDRESS_SOURCES, LATER_BGP_SOURCES};

use crate::model::Settings;
use serde_json::Value;
use std::time::Duration;

/// One `[table]` of the configuration, or a `[[table]]` that stands once for each thing.
pub struct Table {
    /// e.g. `cloud.credentials`.
    pub path: &'static str,
    /// Written `[[…]]`, as often as there are things. The first one's keys have full names such as `replacement.secret.1.psk_file`.
    pub repeated: bool,
    /// For `config example`; lines separated by newlines.
    pub meaning: &'static str,
    /// Whether the table's presence says something, so that an empty one is a mistake and the example must not open it.
    pub presence_matters: bool,
    pub rows: &'static [Row],
}

/// One key.
pub struct Row {
    pub key: &'static str,
    pub kind: Kind,
    pub default: Default,
    /// For `config example`; lines separated by newlines.
    pub meaning: &'static str,
    /// The right-hand side in TOML.
    pub example: &'static str,
    /// The effective value; null where it is not set. Of a repeated table, an array with the value of each. Secrets are never here,
    /// only the paths of their files.
    pub shown: fn(&Settings) -> Value,
}

/// What may stand on the right-hand side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// One of these words, or a count from 1.
    WordOrCount(&'static [&'static str]),
    /// An absolute path.
    Path,
    /// A number with a unit, between these bounds.
    Duration {
        least: Duration,
        most: Duration,
    },
    Flag,
    /// A whole number between these bounds.
    Count {
        least: u32,
        most: u32,
    },
    /// An array of strings.
    Texts,
    /// A table of strings, merged key by key.
    TextTable,
    /// A number or a string.
    Asn,
}

/// What holds where the key is not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Default {
    Required,
    Text(&'static str),
    Flag(bool),
    Count(u32),
    /// Nothing, which means this.
    Unset(&'static str),
}

/// What the contract knows and this version has not.
pub struct Later {
    /// A key or a whole table, e.g. `address.recheck` or `http`.
    pub path: &'static str,
    /// What to do without it.
    pub remedy: &'static str,
}

impl Table {
    /// As it stands in the file.
    pub fn header(&self) -> String {
        if self.repeated { format!("[[{}]]", self.path) } else { format!("[{}]", self.path) }
    }
}

/// The row of a key's full name, e.g. `address.poll`.
pub fn row(path: &str) -> Option<&'static Row> {
    let (table, key) = path.rsplit_once('.')?;
    table_at(table)?.rows.iter().find(|row| row.key == key)
}

/// The table with this path, or the repeated one whose path with a number this is.
pub fn table_at(path: &str) -> Option<&'static Table> {
    let repeated = path.rsplit_once('.').filter(|(_, number)| number.bytes().all(|byte| byte.is_ascii_digit())).map(|(path, _)| path);
    TABLES.iter().find(|table| table.path == path || (table.repeated && Some(table.path) == repeated))
}

pub fn later(path: &str) -> Option<&'static Later> {
    LATER.iter().find(|later| later.path == path)
}

/// The valid names directly in a table (`""`: at the top level), tables among them.
pub(super) fn names_in(path: &str) -> Vec<&'static str> {
    let keys = table_at(path).map(|table| table.rows).unwrap_or_default().iter().map(|row| row.key);
    let tables = TABLES.iter().filter_map(|table| match (path, table.path.rsplit_once('.')) {
        ("", None) => Some(table.path),
        (_, Some((parent, name))) if parent == path => Some(name),
        _ => None,
    });
    keys.chain(tables).collect()
}

/// Every key of the tables that stand once, with its full name, in the order of the table.
pub fn keys() -> impl Iterator<Item = (String, &'static Row)> {
    TABLES
        .iter()
        .filter(|table| !table.repeated)
        .flat_map(|table| table.rows.iter().map(|row| (format!("{}.{}", table.path, row.key), row)))
}

/// `0.1` for 0.1.0: what a refused key is not available in.
pub(super) fn this_version() -> &'static str {
    let version = env!("CARGO_PKG_VERSION");
    version.rsplit_once('.').map_or(version, |(major_minor, _)| major_minor)
}
