//! What happens, line by line, for the person who waits.

use crate::cli::output::Output;
use crate::execute::replacement::Notice;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// What each step was last said to wait for: it is said when that changes.
#[derive(Default)]
pub struct Waiting(BTreeMap<String, String>);

impl Waiting {
    pub fn is_news(&mut self, step: &str, reason: &str) -> bool {
        self.0.insert(step.to_owned(), reason.to_owned()).as_deref() != Some(reason)
    }
}

pub fn watcher(output: &Output) -> Rc<dyn Fn(Notice)> {
    let output = output.clone();
    let waiting: RefCell<Waiting> = RefCell::default();
    Rc::new(move |notice| {
        if let Some(line) = line(&notice, &mut waiting.borrow_mut()) {
            output.progress(&line);
        }
    })
}

fn line(notice: &Notice, waiting: &mut Waiting) -> Option<String> {
    let about = |connection: &Option<String>| connection.as_ref().map_or_else(|| "customer gateway".to_owned(), Clone::clone);
    match notice {
        Notice::Began { step, connection, action, target } => Some(format!("  {:>3}  {}  {action} {target}", step, about(connection))),
        Notice::Proven { step, connection } => Some(format!("  {:>3}  {}  done", step, about(connection))),
        Notice::Waits { step, connection, reason } => {
            waiting.is_news(step, reason).then(|| format!("  {:>3}  {}  waits: {reason}", step, about(connection)))
        }
        Notice::Turned(why) => Some(format!("going back: {why}")),
        Notice::Stopped(stopped) => Some(format!("stopped: {}", stopped.message)),
    }
}
