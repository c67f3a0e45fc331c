//! What wakes the loop: the kernel's announcements of addresses, links and routes, and changes of watched files.
//!
//! A wake says *look again*, never what changed: messages get lost (a full buffer), come late, and `ip link set down`
//! announces no lost address at all. The snapshot that follows is the only source of data.

mod feed;
mod files;
mod kernel;

use crate::model::{AddressSettings, AddressSource, BgpSettings, BgpSource, RouteTarget};
use feed::Feed;
use files::Files;
use kernel::Kernel;
use std::path::PathBuf;

/// Why to look again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wake {
    /// Something changed.
    Changed,
    /// So much changed that announcements were lost: read everything afresh.
    Overrun,
    /// From now on nothing is announced, for this reason; told once. Until [`Wake::Restored`] a [`Wake::Poll`] comes
    /// every few seconds.
    Degraded(String),
    /// Announcements could not be had again: look anyway.
    Poll,
    /// Everything is announced again. What happened in between was not: read everything afresh.
    Restored,
}

pub struct Watch {
    kernel: Feed<Kernel>,
    files: Feed<Files>,
}

impl Watch {
    /// Listens from now on. Never fails: what can't be listened to is a [`Wake::Degraded`]. Call it inside a tokio
    /// runtime.
    pub fn new(address: &AddressSettings, bgp: Option<&BgpSettings>) -> Watch {
        let targets: Vec<RouteTarget> = address
            .sources
            .iter()
            .filter_map(|source| match source {
                AddressSource::Route(target) => Some(target.clone()),
                _ => None,
            })
            .collect();
        Watch { kernel: Feed::new(Some(Kernel::new(targets))), files: Feed::new(Files::new(watched_files(address, bgp))) }
    }

    /// The next reason to look again. What is already queued when it answers is one wake, not many; nothing is delayed.
    ///
    /// Cancel-safe: dropping the future loses no wake.
    pub async fn changed(&mut self) -> Wake {
        let wake = tokio::select! {
            wake = self.kernel.next() => wake,
            wake = self.files.next() => wake,
        };
        match wake {
            // One came back while the other is still silent.
            Wake::Restored if self.kernel.is_silent() || self.files.is_silent() => Wake::Poll,
            wake => wake,
        }
    }
}

fn watched_files(address: &AddressSettings, bgp: Option<&BgpSettings>) -> Vec<PathBuf> {
    let addresses = address.sources.iter().filter_map(|source| match source {
        AddressSource::File(path) => Some(path.clone()),
        _ => None,
    });
    let asn = bgp.and_then(|settings| match &settings.source {
        Some(BgpSource::File(path)) => Some(path.clone()),
        _ => None,
    });
    addresses.chain(asn).collect()
}
