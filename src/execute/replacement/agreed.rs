//! When this process first read as expected what a destructive call relies on: the first of the two readings. It outlives a work that
//! was let go and goes on, so that asking again and again whether a replacement can be given up does not hold it up.

use jiff::SignedDuration;
use std::cell::RefCell;
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub struct Agreed(RefCell<Of>);

/// Of one plan, in time since boot, by connection or customer gateway.
#[derive(Debug, Default)]
struct Of {
    plan: String,
    since: BTreeMap<String, SignedDuration>,
}

impl Agreed {
    /// What was read for another plan counts for nothing.
    pub(super) fn is_about(&self, plan: &str) {
        let mut of = self.0.borrow_mut();
        if of.plan != plan {
            *of = Of { plan: plan.to_owned(), since: BTreeMap::new() };
        }
    }

    pub(super) fn read(&self, subject: &str, at: SignedDuration) {
        self.0.borrow_mut().since.entry(subject.to_owned()).or_insert(at);
    }

    pub(super) fn since(&self, subject: &str) -> Option<SignedDuration> {
        self.0.borrow().since.get(subject).copied()
    }

    /// It was read otherwise, or nobody knows any more.
    pub(super) fn forget(&self, subject: &str) {
        self.0.borrow_mut().since.remove(subject);
    }

    pub(super) fn forget_all(&self) {
        self.0.borrow_mut().since.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(second: i64) -> SignedDuration {
        SignedDuration::from_secs(second)
    }

    #[test]
    fn the_first_reading_counts_until_something_else_was_read() {
        let agreed = Agreed::default();
        agreed.is_about("plan");
        agreed.read("vco", second(1));
        agreed.is_about("plan");
        agreed.read("vco", second(5));
        assert_eq!(agreed.since("vco"), Some(second(1)), "also for the work that goes on");
        agreed.forget("vco");
        agreed.read("vco", second(7));
        assert_eq!(agreed.since("vco"), Some(second(7)));
        agreed.is_about("another");
        assert_eq!(agreed.since("vco"), None);
    }
}
