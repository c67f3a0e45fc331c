//! Answers to reads, kept as long as what they are about stays: a client asks the same again and again.

use super::objects::Objects;
use super::request::Request;
use super::response::{ApiError, Reply};
use serde_json::Value;
use std::collections::BTreeMap;
use std::rc::Rc;

/// More different questions than one client asks about one state.
const MOST: usize = 64;

/// Of one state of a region. Holding the state keeps it from being changed in place.
#[derive(Clone, Default)]
pub struct Told {
    state: Rc<Objects>,
    answers: Vec<Answer>,
}

#[derive(Clone)]
struct Answer {
    action: String,
    parameters: BTreeMap<String, String>,
    reply: Result<Rc<Value>, ApiError>,
}

impl Told {
    pub fn about(&self, state: &Rc<Objects>, request: &Request) -> Option<Result<Rc<Value>, ApiError>> {
        if !Rc::ptr_eq(&self.state, state) {
            return None;
        }
        let same = |answer: &&Answer| answer.action == request.action && answer.parameters == request.parameters;
        self.answers.iter().find(same).map(|answer| answer.reply.clone())
    }

    pub fn keep(&mut self, state: &Rc<Objects>, request: &Request, reply: Reply) -> Result<Rc<Value>, ApiError> {
        if !Rc::ptr_eq(&self.state, state) || self.answers.len() == MOST {
            *self = Told { state: state.clone(), answers: Vec::new() };
        }
        let reply = reply.map(Rc::new);
        let (action, parameters) = (request.action.clone(), request.parameters.clone());
        self.answers.push(Answer { action, parameters, reply: reply.clone() });
        reply
    }
}
