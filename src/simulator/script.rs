//! Faults by script: `--faults FILE`, TOML or JSON. The first rule that matches a call decides.
//!
//! ```toml
//! [[fault]]
//! action = "CreateCustomerGateway"   # exact, or a prefix with `*`; default: every call
//! nth = 1                            # only the nth matching call; default: every one
//! kind = "drop_after"                # it is done, the answer is lost
//! ```
//!
//! [`EXAMPLE`] shows every key and every kind; `cgwd simulate --print-faults` prints it.

use super::fault::{Answer, Effect, Fault, Lag};
use super::record::CallRecord;
use jiff::SignedDuration;
use serde::Deserialize;
use std::time::Duration;

/// A valid script with every key and every kind.
pub const EXAMPLE: &str = include_str!("faults.example.toml");

/// Rules in order, each with its count of the calls that it matched.
#[derive(Clone, Debug, Default)]
pub struct Script(Vec<Counted>);

#[derive(Clone, Debug)]
struct Counted {
    rule: Rule,
    fault: Fault,
    matched: u64,
    fired: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    fault: Vec<Rule>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    action: Option<String>,
    region: Option<String>,
    nth: Option<u64>,
    from: Option<u64>,
    every: Option<u64>,
    count: Option<u64>,
    kind: Kind,
    status: Option<u16>,
    code: Option<String>,
    message: Option<String>,
    retry_after_ms: Option<u64>,
    content_type: Option<String>,
    latency_ms: Option<u64>,
    lag_ms: Option<u64>,
    lag_reads: Option<u64>,
    after_ms: Option<u64>,
    skew_seconds: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    DropBefore,
    Unreachable,
    ErrorBefore,
    Throttle,
    DropAfter,
    ErrorAfter,
    GarbageAfter,
    TruncatedAfter,
    ContentTypeAfter,
    Latency,
    Stale,
    Late,
    ClockSkew,
    DateSkew,
}

#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    #[error("{0}")]
    Toml(#[from] toml::de::Error),
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    #[error("fault {number}: {problem}")]
    Rule { number: usize, problem: String },
}

impl Script {
    /// From JSON where the text starts with `{`, else from TOML.
    pub fn parse(text: &str) -> Result<Script, ScriptError> {
        let file: File = if text.trim_start().starts_with('{') { serde_json::from_str(text)? } else { toml::from_str(text)? };
        let counted = |(at, rule): (usize, Rule)| {
            let fault = rule.fault().map_err(|problem| ScriptError::Rule { number: at + 1, problem })?;
            Ok(Counted { rule, fault, matched: 0, fired: 0 })
        };
        file.fault.into_iter().enumerate().map(counted).collect::<Result<_, _>>().map(Script)
    }

    /// The fault for this call. Every rule counts the calls that it matches, whether or not an earlier rule decides.
    pub(super) fn next(&mut self, call: &CallRecord) -> Option<Fault> {
        let mut decided = None;
        for counted in self.0.iter_mut().filter(|counted| counted.rule.matches(call)) {
            counted.matched += 1;
            if decided.is_none() && counted.rule.fires(counted.matched, counted.fired) {
                counted.fired += 1;
                decided = Some(counted.fault.clone());
            }
        }
        decided
    }
}

impl Rule {
    fn matches(&self, call: &CallRecord) -> bool {
        let action = self.action.as_deref().is_none_or(|pattern| match pattern.strip_suffix('*') {
            Some(prefix) => call.action.starts_with(prefix),
            None => call.action == pattern,
        });
        action && self.region.as_deref().is_none_or(|region| call.region.as_deref() == Some(region))
    }

    /// `matched` counts this call too.
    fn fires(&self, matched: u64, fired: u64) -> bool {
        self.nth.is_none_or(|nth| matched == nth)
            && self.from.is_none_or(|from| matched >= from)
            && self.every.is_none_or(|every| matched.is_multiple_of(every))
            && self.count.is_none_or(|count| fired < count)
    }

    fn fault(&self) -> Result<Fault, String> {
        let fault = self.kinds_fault()?;
        self.nothing_left_over()?;
        Ok(Fault { latency: Duration::from_millis(self.latency_ms.unwrap_or(0)), ..fault })
    }

    fn kinds_fault(&self) -> Result<Fault, String> {
        Ok(match self.kind {
            Kind::DropBefore => Fault::drop_before(),
            Kind::Unreachable => Fault::unreachable(),
            Kind::ErrorBefore => Fault { effect: Effect::Never, answer: self.error(503, "ServiceUnavailable"), ..Fault::default() },
            Kind::Throttle => Fault { effect: Effect::Never, answer: self.error(400, "Throttling.User"), ..Fault::default() },
            Kind::DropAfter => Fault::drop_after(),
            Kind::ErrorAfter => Fault { answer: self.error(500, "InternalError"), ..Fault::default() },
            Kind::GarbageAfter => Fault::garbage_after(),
            Kind::TruncatedAfter => Fault::truncated_after(),
            Kind::ContentTypeAfter => Fault::content_type_after(self.content_type.as_deref().unwrap_or("text/html")),
            Kind::Latency => Fault::latency(Duration::from_millis(self.latency_ms.ok_or("kind latency needs latency_ms")?)),
            Kind::Stale => Fault::stale(self.lag()?),
            Kind::Late => {
                let answer = if self.status.is_some() || self.code.is_some() { self.error(503, "ServiceUnavailable") } else { Answer::Cut };
                Fault { answer, ..Fault::late(Duration::from_millis(self.after_ms.ok_or("kind late needs after_ms")?)) }
            }
            Kind::ClockSkew => Fault::clock_skew(self.skew()?),
            Kind::DateSkew => Fault::date_skew(self.skew()?),
        })
    }

    fn error(&self, status: u16, code: &str) -> Answer {
        let code = self.code.clone().unwrap_or_else(|| code.to_owned());
        let message = self.message.clone().unwrap_or_else(|| format!("Injected by the simulated cloud: {code}."));
        let retry_after = self.retry_after_ms.map(Duration::from_millis);
        Answer::Error { status: self.status.unwrap_or(status), code, message, retry_after }
    }

    fn lag(&self) -> Result<Lag, String> {
        match (self.lag_ms, self.lag_reads) {
            (Some(time), None) => Ok(Lag::Time(Duration::from_millis(time))),
            (None, Some(reads)) => Ok(Lag::Reads(reads)),
            _ => Err("kind stale needs either lag_ms or lag_reads".to_owned()),
        }
    }

    fn skew(&self) -> Result<SignedDuration, String> {
        self.skew_seconds.map(SignedDuration::from_secs).ok_or_else(|| "kinds clock_skew and date_skew need skew_seconds".to_owned())
    }

    /// A key that the kind has no use for, or a value that no call can meet, is a mistake of the writer.
    fn nothing_left_over(&self) -> Result<(), String> {
        use Kind::{ContentTypeAfter, ErrorAfter, ErrorBefore, Late, Stale, Throttle};
        let error = [ErrorBefore, ErrorAfter, Throttle, Late].contains(&self.kind);
        let skews = [Kind::ClockSkew, Kind::DateSkew].contains(&self.kind);
        let useless = [
            ("status", self.status.is_some() && !error),
            ("code", self.code.is_some() && !error),
            ("message", self.message.is_some() && !error),
            ("retry_after_ms", self.retry_after_ms.is_some() && !error),
            ("content_type", self.content_type.is_some() && self.kind != ContentTypeAfter),
            ("lag_ms", self.lag_ms.is_some() && self.kind != Stale),
            ("lag_reads", self.lag_reads.is_some() && self.kind != Stale),
            ("after_ms", self.after_ms.is_some() && self.kind != Late),
            ("skew_seconds", self.skew_seconds.is_some() && !skews),
        ];
        if let Some((key, _)) = useless.iter().find(|(_, is_useless)| *is_useless) {
            return Err(format!("{key} means nothing for this kind"));
        }
        if [self.nth, self.from, self.every, self.count].contains(&Some(0)) {
            return Err("nth, from, every and count start at 1".to_owned());
        }
        if self.status.is_some_and(|status| !(200..=599).contains(&status)) {
            return Err("status is an HTTP status from 200 to 599".to_owned());
        }
        Ok(())
    }
}
