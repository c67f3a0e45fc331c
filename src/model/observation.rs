//! What a source told us. "I could not find out" is a value of its own and never reads as "there is none".

use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observation<T> {
    Known(T),
    /// The source failed; the text says why, in words for an operator.
    Unknown(String),
    /// The source answered with several values that exclude one another.
    Conflicting(Vec<T>),
}

impl<T> Observation<T> {
    pub fn known(&self) -> Option<&T> {
        match self {
            Observation::Known(value) => Some(value),
            Observation::Unknown(_) | Observation::Conflicting(_) => None,
        }
    }
}

/// One answer of one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading<T> {
    /// The source as the configuration writes it, e.g. `interface:eth0` or `frr`.
    pub source: String,
    pub value: Observation<T>,
    /// How long the source took to answer.
    pub took: Duration,
    /// When it had answered, in time since boot: an answer that is looked at again is no new one.
    pub taken: Duration,
}
