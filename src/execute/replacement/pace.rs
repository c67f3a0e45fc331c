//! The cloud's rate limits (cloud/api.md 3.1), kept to before they are hit: they are one account's, and others share them.

use jiff::SignedDuration;
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};

/// Calls in a minute, of the writes that have a documented limit: five sixths of it. Others share it, and where they take the rest a
/// throttled call is sent again later; with half of it, fifty connections would wait for us and not for the cloud.
const LIMITS: &[(&str, usize)] = &[
    ("CreateCustomerGateway", 100),
    ("DeleteCustomerGateway", 100),
    ("ModifyTunnelAttribute", 100),
    ("CreateVpnPbrRouteEntry", 50),
    ("PublishVpnRouteEntry", 50),
    ("DeleteVpnRouteEntry", 50),
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
