//! The cloud's rate limits (cloud/api.md 3.1), kept to before they are hit: they are one account's, and others share them.

use jiff::SignedDuration;
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};

/// Calls in a minute, of the writes that have a documented limit. We take half: others share it.
const LIMITS: &[(&str, usize)] = &[
    ("CreateCustomerGateway", 60),
    ("DeleteCustomerGateway", 60),
    ("ModifyTunnelAttribute", 60),
    ("CreateVpnPbrRouteEntry", 30),
    ("PublishVpnRouteEntry", 30),
    ("DeleteVpnRouteEntry", 30),
];
const MINUTE: SignedDuration = SignedDuration::from_secs(60);

#[derive(Default)]
pub struct Pace(RefCell<BTreeMap<&'static str, VecDeque<SignedDuration>>>);

impl Pace {
    /// Until when, in time since boot, this call has to wait; none where it may go now.
    pub fn wait_until(&self, action: &str, now: SignedDuration) -> Option<SignedDuration> {
        let (name, most) = LIMITS.iter().find(|(name, _)| *name == action)?;
        let mut sent = self.0.borrow_mut();
        let sent = sent.entry(name).or_default();
        while sent.front().is_some_and(|first| *first + MINUTE <= now) {
            sent.pop_front();
        }
        (sent.len() >= *most).then(|| sent.front().copied().unwrap_or(now) + MINUTE)
    }

    pub fn sent(&self, action: &str, now: SignedDuration) {
        if let Some((name, _)) = LIMITS.iter().find(|(name, _)| *name == action) {
            self.0.borrow_mut().entry(name).or_default().push_back(now);
        }
    }
}
