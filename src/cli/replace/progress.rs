//! What happens, line by line, for the person who waits.

use crate::cli::output::Output;
use crate::execute::replacement::Notice;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Tells each thing once: a step that waits says so when the reason changes.
pub fn watcher(output: &Output) -> Rc<dyn Fn(Notice)> {
    let output = output.clone();
    let waiting: RefCell<BTreeMap<String, String>> = RefCell::default();
    Rc::new(move |notice| {
        if let Some(line) = line(&notice, &mut waiting.borrow_mut()) {
            output.progress(&line);
        }
    })
}

fn line(notice: &Notice, waiting: &mut BTreeMap<String, String>) -> Option<String> {
    let about = |connection: &Option<String>| connection.as_ref().map_or_else(|| "customer gateway".to_owned(), Clone::clone);
    match notice {
        Notice::Began { step, connection, action, target } => Some(format!("  {:>3}  {}  {action} {target}", step, about(connection))),
        Notice::Proven { step, connection } => Some(format!("  {:>3}  {}  done", step, about(connection))),
        Notice::Waits { step, connection, reason } => {
            let told = waiting.insert(step.clone(), reason.clone());
            (told.as_ref() != Some(reason)).then(|| format!("  {:>3}  {}  waits: {reason}", step, about(connection)))
        }
        Notice::Turned(why) => Some(format!("going back: {why}")),
        Notice::Stopped(stopped) => Some(format!("stopped: {}", stopped.message)),
    }
}
