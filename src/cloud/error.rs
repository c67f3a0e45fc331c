//! What a failed call means: whether its effect may exist, whether to try again, and what a person can do.

use super::endpoint::EndpointError;
use super::transport::{RawResponse, TransportError};
use super::wire::FieldError;
use crate::facts::errors::{Meaning, fact};
use crate::facts::findings;
use crate::model::Secret;
use serde_json::Value;
use std::rc::Rc;
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

impl CloudError {
    /// For whoever waits until it passes, with what makes it pass: the same words each time, so without the RequestId.
    pub fn to_wait_for(&self) -> String {
        format!("{}: {}{}; {}", self.action, self.message, code_suffix(&self.code), self.remedy)
    }

    /// The instance that the call named does not exist. Never true of a 403.
    pub fn is_not_found(&self) -> bool {
        self.status != 403 && self.meaning() == Some(Meaning::NotFound)
    }

    /// A right is missing. Says nothing about what exists.
    pub fn is_forbidden(&self) -> bool {
        self.meaning() == Some(Meaning::Forbidden) || (self.status == 403 && !self.is_about_credentials())
    }

    /// The region that the call names does not exist.
    pub fn is_no_such_region(&self) -> bool {
        self.meaning() == Some(Meaning::NoSuchRegion)
    }

    pub fn is_already_exist(&self) -> bool {
        self.meaning() == Some(Meaning::AlreadyExists)
    }

    pub fn is_quota(&self) -> bool {
        self.meaning() == Some(Meaning::QuotaFull)
    }

    /// A change is running, or an earlier call with this token is.
    pub fn is_busy(&self) -> bool {
        self.retry == Retry::Busy
    }

    /// A dry run was accepted: the cloud says so by an error (cloud/api.md 3).
    pub fn is_dry_run_accepted(&self) -> bool {
        self.meaning() == Some(Meaning::DryRunAccepted)
    }

    /// Something still refers to the object.
    pub fn is_in_use(&self) -> bool {
        self.meaning() == Some(Meaning::InUse)
    }

    pub fn is_throttled(&self) -> bool {
        matches!(self.retry, Retry::Throttled(_))
    }

    /// The ClientToken was used before with other parameters, or its first call failed for good.
    pub fn is_token_spent(&self) -> bool {
        matches!(self.meaning(), Some(Meaning::TokenReused | Meaning::TokenFailed))
    }

    /// No credentials, or ones that the cloud does not accept.
    pub fn is_about_credentials(&self) -> bool {
        self.code == NO_CREDENTIALS || matches!(self.meaning(), Some(Meaning::AccessKey | Meaning::SessionToken | Meaning::Signature))
    }

    /// What this failure is as a finding: one of the codes of `facts::findings`.
    pub fn finding_code(&self) -> &'static str {
        match self.retry {
            Retry::Clock => findings::CLOCK_SKEW,
            _ if self.is_quota() => findings::QUOTA_FULL,
            _ if !self.is_refusal() => findings::CLOUD_UNREACHABLE,
            _ if self.is_forbidden() || self.is_about_credentials() => findings::CLOUD_FORBIDDEN,
            _ => findings::CLOUD_REFUSED,
        }
    }

    /// What waiting does not mend, or the cloud's own word. A provider of credentials that cannot be reached is no refusal.
    fn is_refusal(&self) -> bool {
        match self.retry {
            Retry::Never => self.status < 500,
            Retry::Credentials => self.status != 0,
            Retry::Transient | Retry::Throttled(_) | Retry::Busy | Retry::Clock => false,
        }
    }

    pub fn meaning(&self) -> Option<Meaning> {
        fact(&self.code).map(|row| row.meaning)
    }
}

/// The code of an error that came before any request: no provider had credentials.
pub const NO_CREDENTIALS: &str = "NoCredentials";

/// What a call was and which of its values must not be repeated in a message.
pub struct CallContext<'a> {
    pub action: &'a str,
    pub secrets: &'a [Secret],
}

impl CallContext<'_> {
    /// The answer's body where the call succeeded.
    ///
    /// # Errors
    /// Where the cloud refused, or the answer is not the JSON of this API.
    pub fn accepted(&self, answer: &RawResponse) -> Result<Accepted, CloudError> {
        let Some((request_id, body)) = answer.body.json() else { return Err(self.garbled(answer)) };
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
        let (code, success) = (text("Code"), (200..300).contains(&answer.status));
        if success && body.is_object() && !request_id.is_empty() && !says_failure(&body) {
            return Ok(Accepted { request_id, body });
        }
        if code.is_empty() || (success && !says_failure(&body)) {
            return Err(self.garbled(answer));
        }
        let mut error = self.refused(answer, code, text("Message"), &body);
        error.request_id = (!request_id.is_empty()).then(|| printable(&request_id));
        Err(error)
    }

    pub fn unanswered(&self, error: &TransportError) -> CloudError {
        let (certainty, remedy) = match error {
            TransportError::NotSent { .. } => {
                (Certainty::DidNotHappen, "check the network, DNS and [cloud] proxy; a running `cgwd run` tries again by itself")
            }
            TransportError::NoAnswer { .. } => (Certainty::MayHaveHappened, "whether it happened is looked up before it is tried again"),
        };
        self.error("", self.scrubbed(&error.to_string()), 0, certainty, Retry::Transient, remedy)
    }

    /// A reply that came, was accepted and does not say what it should.
    pub fn unreadable(&self, error: &FieldError, request_id: &str) -> CloudError {
        let remedy = "please report this, with the RequestId; nothing is done on such an answer";
        let mut result = self.error("", error.to_string(), 200, Certainty::MayHaveHappened, Retry::Never, remedy);
        result.request_id = Some(request_id.to_owned());
        result
    }

    /// A dry run that was answered like the call itself.
    pub fn dry_run_ignored(&self, request_id: String) -> CloudError {
        let message = "the cloud took the dry run for the call itself: what it makes may exist now".to_owned();
        let remedy = "look for what it made and delete it, and please report this, with the RequestId";
        let mut result = self.error("", message, 200, Certainty::MayHaveHappened, Retry::Never, remedy);
        result.request_id = Some(request_id);
        result
    }

    pub fn misdirected(&self, error: &EndpointError) -> CloudError {
        self.error("", error.to_string(), 0, Certainty::DidNotHappen, Retry::Never, "check [cloud] region and endpoint")
    }

    fn refused(&self, answer: &RawResponse, code: &str, message: &str, body: &Value) -> CloudError {
        let row = fact(code);
        let meaning = row.map(|row| row.meaning);
        let retry = retry_of(meaning, answer);
        let certainty = certainty_of(meaning, answer.status);
        // The cloud shows its string to sign here, parameters and all (cloud/api.md 3).
        let message = if meaning == Some(Meaning::Signature) { "the cloud does not accept the signature" } else { message };
        let remedy = match (row, missing_right(body)) {
            (_, Some(right)) => right,
            (Some(row), None) => row.remedy.to_owned(),
            (None, None) => "see the cloud's message; its support can look up the RequestId".to_owned(),
        };
        let message = if message.is_empty() { "the cloud refused" } else { message };
        self.error(&printable(code), self.scrubbed(message), answer.status, certainty, retry, &remedy)
    }

    fn garbled(&self, answer: &RawResponse) -> CloudError {
        let retry = match answer.status {
            429 => Retry::Throttled(hint(answer)),
            _ => Retry::Transient,
        };
        let message = format!("HTTP {} with an answer that is not this API's", answer.status);
        let remedy = "something between this device and the cloud answers in its place: check [cloud] proxy and endpoint";
        self.error("", message, answer.status, Certainty::MayHaveHappened, retry, remedy)
    }

    pub fn error(&self, code: &str, message: String, status: u16, certainty: Certainty, retry: Retry, remedy: &str) -> CloudError {
        CloudError {
            action: self.action.to_owned(),
            code: code.to_owned(),
            message,
            status,
            request_id: None,
            certainty,
            retry,
            remedy: remedy.to_owned(),
        }
    }

    fn scrubbed(&self, text: &str) -> String {
        let secrets = self.secrets.iter().filter(|secret| secret.reveal().len() > 3);
        printable(&secrets.fold(text.to_owned(), |text, secret| text.replace(secret.reveal(), "[secret]")))
    }
}

/// An answer that says yes.
pub struct Accepted {
    pub request_id: String,
    pub body: Rc<Value>,
}

/// Attachment calls answer 200 with `Success` false (cloud/api.md 2.4).
fn says_failure(body: &Value) -> bool {
    match body.get("Success") {
        Some(Value::Bool(success)) => !success,
        Some(Value::String(success)) => success.eq_ignore_ascii_case("false"),
        _ => false,
    }
}

fn retry_of(meaning: Option<Meaning>, answer: &RawResponse) -> Retry {
    match meaning {
        Some(Meaning::Busy | Meaning::StillProcessing) => Retry::Busy,
        Some(Meaning::Throttled) => Retry::Throttled(hint(answer)),
        Some(Meaning::Transient | Meaning::NonceUsed) => Retry::Transient,
        Some(Meaning::Clock) => Retry::Clock,
        Some(Meaning::SessionToken) => Retry::Credentials,
        Some(_) => Retry::Never,
        None if answer.status == 429 => Retry::Throttled(hint(answer)),
        None if answer.status >= 500 => Retry::Transient,
        None => Retry::Never,
    }
}

/// A 4xx with a code is a refusal; the exceptions are codes that speak of an earlier copy of the call, and trouble
/// that the cloud reports with status 400 (cloud/api.md 3: InternalError of DeleteVpnAttachment).
fn certainty_of(meaning: Option<Meaning>, status: u16) -> Certainty {
    let earlier_copy = matches!(meaning, Some(Meaning::StillProcessing | Meaning::NonceUsed | Meaning::TokenReused | Meaning::TokenFailed));
    let trouble = matches!(meaning, Some(Meaning::Transient | Meaning::Unexplained));
    if earlier_copy || trouble || !(400..500).contains(&status) { Certainty::MayHaveHappened } else { Certainty::DidNotHappen }
}

/// Milliseconds in `x-acs-retry-after` (cloud/api.md 3), else seconds in the standard `retry-after`.
fn hint(answer: &RawResponse) -> Option<Duration> {
    let number = |name| answer.header(name).and_then(|text| text.trim().parse::<u64>().ok());
    number("x-acs-retry-after").map(Duration::from_millis).or_else(|| number("retry-after").map(Duration::from_secs))
}

/// Which RAM action the cloud checked and refused.
fn missing_right(body: &Value) -> Option<String> {
    let action = body.get("AccessDeniedDetail")?.get("AuthAction")?.as_str().filter(|action| !action.is_empty())?;
    Some(format!("give the RAM user or role the right {}", printable(action)))
}

/// At most 400 characters, without control characters: it goes into logs.
pub(super) fn printable(text: &str) -> String {
    text.chars().take(400).map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

fn code_suffix(code: &str) -> String {
    if code.is_empty() { String::new() } else { format!(" ({code})") }
}

fn request_suffix(request_id: &Option<String>) -> String {
    request_id.as_ref().map(|id| format!(" [RequestId {id}]")).unwrap_or_default()
}
