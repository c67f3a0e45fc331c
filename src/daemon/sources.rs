//! When the sources are read: those that answer at once in the moment that something happens, the others beside the loop.

use super::background::Sources;
use super::{Daemon, SOON, overruns};
use crate::model::{AddressSource, RouteTarget};
use crate::observe::{Observed, Wake};
use crate::system::wake::since_boot;
use std::net::Ipv4Addr;
use std::time::Duration;

/// While a source is silent and something waits to settle: so often it is asked again.
const SILENT_PAUSE: Duration = Duration::from_secs(10);

/// A routing daemon on this machine is nobody else's, and does not announce that its ASN is another one.
const ASN_PAUSE: Duration = Duration::from_secs(60);

impl Daemon {
    pub(super) fn woken(&mut self, wake: Wake) {
        match wake {
            Wake::Degraded(reason) => {
                if self.deaf.as_ref() != Some(&reason) {
                    tracing::warn!(reason, "kernel events are not available; reading the interfaces at intervals");
                }
                self.deaf = Some(reason);
            }
            Wake::Overrun => {
                tracing::info!("more kernel events than could be taken in; reading everything afresh");
                self.overruns.note(since_boot());
            }
            Wake::Restored => self.deaf = None,
            Wake::Changed | Wake::Poll => {}
        }
        self.read_local();
        // What an echo service or a routing daemon says has most likely changed as well.
        if self.observer.has_slow_sources() {
            self.asking.wake(since_boot());
        }
    }

    /// Sources that answer at once, so that a change is told within milliseconds.
    pub(super) fn read_local(&mut self) {
        let cloud_addresses = self.cloud_addresses();
        if let Some(observed) = &mut self.observed {
            observed.refresh(self.observer.observe_local(&cloud_addresses));
        }
    }

    /// Every source answered.
    pub(super) fn take_observed(&mut self, observed: Observed) {
        self.observed = Some(observed);
        self.asking.end();
        // What answers at once may have changed while the slow sources were asked.
        self.read_local();
    }

    /// The ASN's source alone answered.
    pub(super) fn take_asn(&mut self, asn: Observed) {
        if let Some(observed) = &mut self.observed {
            observed.refresh(asn);
        }
    }

    /// Why kernel events are not to be relied on, while that is so.
    pub(super) fn deafness(&mut self) -> Option<String> {
        let overrun = self.overruns.trouble(since_boot()).map(str::to_owned);
        self.deaf.clone().or(overrun)
    }

    pub(super) fn poll_if_due(&mut self) {
        let now = since_boot();
        if self.overruns.trouble(now).is_some() {
            self.next_poll = self.next_poll.min(now + overruns::POLL);
        }
        if self.observer.asks_for_asn() && self.next_asn <= now && self.observed.is_some() && !self.background.is_observing() {
            self.next_asn = now + ASN_PAUSE;
            self.background.observe(Sources::Asn, &self.observer, &[]);
        }
        let settles = self.settles_at.is_some_and(|at| at <= now) && !self.background.is_observing();
        if settles || self.next_poll <= now {
            self.read_local();
            self.asking.at_once(now);
            self.next_poll = now + self.settings.address.poll;
        }
    }

    pub(super) fn ask_if_due(&mut self) {
        let now = since_boot();
        if self.background.is_observing() || self.asking.due().is_none_or(|due| due > now) {
            return;
        }
        self.asking.begin(now);
        self.next_poll = now + self.settings.address.poll;
        if self.observed.is_some() && !self.observer.has_slow_sources() {
            self.read_local();
            self.asking.end();
            return;
        }
        self.next_asn = now + ASN_PAUSE;
        self.background.observe(Sources::All, &self.observer, &self.cloud_addresses());
    }

    /// What was read before counts for nothing from now on: everything is asked anew, and the cloud is left alone until then.
    pub(super) fn distrust_sources(&mut self) {
        self.background.forget_observation();
        self.trusted_from = self.asking.next();
        self.read_local();
        self.asking.at_once(since_boot());
    }

    /// When something that waits to settle has to be read again; `None` while that is under way.
    pub(super) fn next_settling(&self) -> Option<Duration> {
        self.settles_at.filter(|_| !self.background.is_observing())
    }

    /// While a source is silent the remaining time does not run down: it is asked again, but not without a pause.
    pub(super) fn after_silence(&self, at: Duration) -> Duration {
        let pause = SILENT_PAUSE.min(self.settings.address.poll);
        at.max(self.asking.started().unwrap_or_default() + pause).max(since_boot() + SOON)
    }

    pub(super) fn cloud_addresses(&self) -> Vec<Ipv4Addr> {
        self.cloud.addresses.clone()
    }

    /// `route:vpn-gateway` needs to know where the cloud is before there is an address.
    pub(super) fn must_locate(&self) -> bool {
        self.settings.address.sources.contains(&AddressSource::Route(RouteTarget::VpnGateway)) && self.cloud.addresses.is_empty()
    }
}
