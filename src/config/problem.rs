//! What is wrong, where, and what to do about it; and how that is told to people and programs.

use super::Loaded;
use serde_json::{Value, json};
use std::fmt;
use std::path::{Path, PathBuf};

/// Where a value came from, or where a problem is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Default,
    /// The machine's host name, the default of `[device] name`.
    HostName,
    /// An environment variable.
    Environment(&'static str),
    /// A file as a whole.
    File(PathBuf),
    /// A place in a file; both numbers count from 1, columns in characters.
    Line {
        file: PathBuf,
        line: usize,
        column: usize,
    },
}

/// One mistake, or with a warning one oddity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub origin: Origin,
    /// Full name of the key it is about, e.g. `address.poll`.
    pub key: Option<String>,
    pub message: String,
    pub remedy: String,
}

/// The configuration can't be used. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    pub problems: Vec<Problem>,
}

impl ConfigError {
    /// Of one key of a configuration that is well-formed.
    pub fn about(loaded: &Loaded, key: &str, message: String, remedy: String) -> ConfigError {
        let origin = loaded.origins.get(key).cloned().unwrap_or(Origin::Default);
        ConfigError { problems: vec![Problem::new(&origin, key, message, remedy)] }
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.problems.iter().map(Problem::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

/// `file:line:column: message (remedy)`, on one line.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.place(), self.message, self.remedy)
    }
}

impl Problem {
    pub(super) fn new(origin: &Origin, key: impl Into<String>, message: impl Into<String>, remedy: impl Into<String>) -> Problem {
        let key = Some(one_line(&key.into()));
        Problem { key, ..Problem::of_file(origin.clone(), message, remedy) }
    }

    /// About a file rather than a key.
    pub(super) fn of_file(origin: Origin, message: impl Into<String>, remedy: impl Into<String>) -> Problem {
        Problem { origin, key: None, message: one_line(&message.into()), remedy: one_line(&remedy.into()) }
    }

    pub fn file(&self) -> Option<&Path> {
        match &self.origin {
            Origin::File(file) | Origin::Line { file, .. } => Some(file),
            Origin::Default | Origin::HostName | Origin::Environment(_) => None,
        }
    }

    /// Counted from 1.
    pub fn line(&self) -> Option<usize> {
        if let Origin::Line { line, .. } = self.origin { Some(line) } else { None }
    }

    /// Counted from 1, in characters.
    pub fn column(&self) -> Option<usize> {
        if let Origin::Line { column, .. } = self.origin { Some(column) } else { None }
    }

    fn place(&self) -> String {
        match &self.origin {
            Origin::Line { file, line, column } => format!("{}:{line}:{column}", file.display()),
            other => other.to_string(),
        }
    }

    fn json(&self) -> Value {
        json!({
            "file": self.file().map(|file| file.display().to_string()),
            "line": self.line(),
            "column": self.column(),
            "origin": self.origin.to_string(),
            "key": self.key,
            "message": self.message,
            "remedy": self.remedy,
        })
    }
}

/// `file:line`, or what else it is in words.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::HostName => f.write_str("host name"),
            Origin::Environment(name) => write!(f, "environment {name}"),
            Origin::File(file) => write!(f, "{}", file.display()),
            Origin::Line { file, line, .. } => write!(f, "{}:{line}", file.display()),
        }
    }
}

/// Names and values out of a file can hold anything, escape sequences for the terminal among it.
fn one_line(text: &str) -> String {
    const LONGEST: usize = 400;
    let clean: String = text.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().count() > LONGEST { format!("{clean}…") } else { clean }
}

/// What `cgwd config check` prints for people; ends with a newline.
pub fn check_text(path: &Path, outcome: &Result<Loaded, ConfigError>) -> String {
    let (problems, warnings) = parts(outcome);
    let mut text = String::new();
    for (word, list) in [("error", problems), ("warning", warnings)] {
        for problem in list {
            text.push_str(&format!("{word}: {}: {}\n    {}\n", problem.place(), problem.message, problem.remedy));
        }
    }
    text.push_str(&match problems.len() {
        0 => format!("{} is valid\n", path.display()),
        1 => format!("1 problem in {}\n", path.display()),
        count => format!("{count} problems in {}\n", path.display()),
    });
    text
}

/// What `cgwd config check --json` prints.
pub fn check_json(path: &Path, outcome: &Result<Loaded, ConfigError>) -> Value {
    let (problems, warnings) = parts(outcome);
    json!({
        "schema": 1,
        "ok": outcome.is_ok(),
        "file": path.display().to_string(),
        "problems": problems.iter().map(Problem::json).collect::<Vec<_>>(),
        "warnings": warnings.iter().map(Problem::json).collect::<Vec<_>>(),
    })
}

fn parts(outcome: &Result<Loaded, ConfigError>) -> (&[Problem], &[Problem]) {
    match outcome {
        Ok(loaded) => (&[], &loaded.warnings),
        Err(error) => (&error.problems, &[]),
    }
}

/// By file in the order they were merged, then by line; what is in no file comes last.
pub(super) fn sort(problems: &mut [Problem], files: &[PathBuf]) {
    let rank = |problem: &Problem| {
        let file = problem.file().and_then(|file| files.iter().position(|known| known == file));
        (file.unwrap_or(files.len()), problem.line().unwrap_or(0), problem.column().unwrap_or(0))
    };
    problems.sort_by_key(rank);
}
