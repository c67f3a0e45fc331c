//! What a rule has to say: a stable code, how bad it is, what is so, and what to do about it.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Info,
    Warning,
    Error,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// One of the codes of `facts::findings`.
    pub code: &'static str,
    pub severity: Severity,
    pub message: String,
    pub remedy: String,
}

impl Finding {
    pub fn error(code: &'static str, message: impl Into<String>, remedy: impl Into<String>) -> Finding {
        Finding { code, severity: Severity::Error, message: message.into(), remedy: remedy.into() }
    }

    pub fn warning(code: &'static str, message: impl Into<String>, remedy: impl Into<String>) -> Finding {
        Finding { code, severity: Severity::Warning, message: message.into(), remedy: remedy.into() }
    }

    pub fn info(code: &'static str, message: impl Into<String>, remedy: impl Into<String>) -> Finding {
        Finding { code, severity: Severity::Info, message: message.into(), remedy: remedy.into() }
    }

    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}
