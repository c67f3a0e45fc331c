//! What people and scripts read: stdout for results, stderr for what went wrong.
#![expect(clippy::print_stderr, reason = "the one place that prints")]

use super::exit::Failure;
use crate::system::environment::Environment;
use crate::system::logging::stderr_is_the_journal;
use serde_json::{Value, json};
use std::io::{IsTerminal, Write, stdout};

#[derive(Clone)]
pub struct Output {
    pub json: bool,
    color: bool,
    /// Of each line of an error where stderr is the journal, which would otherwise take it for information.
    error_level: &'static str,
}

/// How a word is set off on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Good,
    Caution,
    Bad,
    Quiet,
    Strong,
}

impl Output {
    pub fn new(json: bool, environment: &Environment) -> Output {
        let color = !json && stdout().is_terminal() && environment.var("NO_COLOR").is_none() && environment.var("TERM") != Some("dumb");
        let error_level = if stderr_is_the_journal(environment) { "<3>" } else { "" };
        Output { json, color, error_level }
    }

    /// The one document of `--json`, or the text.
    pub fn result(&self, document: &Value, text: impl FnOnce(&Output) -> String) {
        if self.json {
            self.document(document);
        } else {
            self.text(&text(self));
        }
    }

    pub fn document(&self, document: &Value) {
        self.text(&format!("{}\n", serde_json::to_string_pretty(document).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"))));
    }

    /// A reader that went away is no error: `cgwd history | head`.
    pub fn text(&self, text: &str) {
        let mut out = stdout().lock();
        let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        if let Err(error) = written
            && error.kind() != std::io::ErrorKind::BrokenPipe
        {
            eprintln!("cgwd: stdout: {error}");
        }
    }

    /// What goes on, for a person who waits; never with `--json`.
    pub fn progress(&self, text: &str) {
        if !self.json {
            eprintln!("{text}");
        }
    }

    /// For a person who is asked; the answer comes on the same line.
    pub fn question(&self, text: &str) {
        eprint!("{text}");
    }

    pub fn failure(&self, failure: &Failure) {
        if self.json {
            self.failure_document(failure);
        }
        self.problem(failure);
    }

    /// What went wrong beside the result that is given.
    pub fn problem(&self, failure: &Failure) {
        let mut text = format!("cgwd: {}", failure.message);
        if !failure.remedy.is_empty() {
            text += &format!("\n      what to do: {}", failure.remedy);
        }
        for line in text.lines() {
            eprintln!("{}{line}", self.error_level);
        }
    }

    pub fn failure_document(&self, failure: &Failure) {
        self.document(&json!({
            "schema": 1,
            "error": {"message": failure.message, "remedy": failure.remedy, "code": failure.code, "request_id": failure.request_id},
            "findings": failure.findings,
        }));
    }

    pub fn paint(&self, tone: Tone, text: &str) -> String {
        if !self.color {
            return text.to_owned();
        }
        let code = match tone {
            Tone::Good => "32",
            Tone::Caution => "33",
            Tone::Bad => "31",
            Tone::Quiet => "2",
            Tone::Strong => "1",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    /// One finding as a document has it: severity, code, message, and what to do.
    pub fn finding(&self, finding: &Value) -> String {
        let said = |key: &str| finding[key].as_str().unwrap_or_default();
        let severity = match said("severity") {
            "error" => self.paint(Tone::Bad, "error  "),
            "warning" => self.paint(Tone::Caution, "warning"),
            _ => self.paint(Tone::Quiet, "info   "),
        };
        let remedy = if said("remedy").is_empty() { String::new() } else { format!("\n          what to do: {}", said("remedy")) };
        format!("  {severity} {}: {}{remedy}\n", said("code"), said("message"))
    }
}
