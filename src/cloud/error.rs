//! What a failed call means: whether its effect may exist, whether to try again, and what a person can do.

use std::time::Duration;

/// Whether a failed call may nevertheless have changed something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    DidNotHappen,
    MayHaveHappened,
}

/// What to do about a failed call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The same call will fail again.
    Never,
    /// Network trouble or a 5xx: later, with back-off.
    Transient,
    /// Throttled; the cloud's own hint where it gave one (`x-acs-retry-after`).
    Throttled(Option<Duration>),
    /// Another change is running on the same object (cloud/api.md 1.5).
    Busy,
    /// The credentials have expired: fetch new ones, then once more.
    Credentials,
    /// Our clock is off: learn the offset from the answer, then once more.
    Clock,
}

/// A call to the cloud that did not give a usable answer. Never holds a URL or a parameter's value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{action}: {message}{}{}", code_suffix(.code), request_suffix(.request_id))]
pub struct CloudError {
    /// The API's name of the call, e.g. `CreateCustomerGateway`.
    pub action: String,
    /// The cloud's error code, e.g. `Resource.QuotaFull`; empty where no answer came.
    pub code: String,
    pub message: String,
    /// HTTP status; 0 where no answer came.
    pub status: u16,
    pub request_id: Option<String>,
    pub certainty: Certainty,
    pub retry: Retry,
    /// What an operator can do about it.
    pub remedy: String,
}

fn code_suffix(code: &str) -> String {
    if code.is_empty() { String::new() } else { format!(" ({code})") }
}

fn request_suffix(request_id: &Option<String>) -> String {
    request_id.as_ref().map(|id| format!(" [RequestId {id}]")).unwrap_or_default()
}
