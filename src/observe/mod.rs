//! What this device's address and ASN are, as each configured source tells it.
//!
//! Everything here reads. Events of the kernel ([`watch`]) only wake, a fresh snapshot tells; [`agree`] turns the
//! readings of several sources into one address, [`settle`] tells a change that holds from one that flaps. Both are pure.

pub mod agree;
pub mod bgp;
pub mod bypass;
mod command;
mod file;
mod https;
pub mod interface;
mod one_address;
mod route;
mod run;
pub mod settle;
mod static_;
pub mod watch;

pub use agree::{Agreed, Attested, agree};
pub use https::EchoOptions;
pub use settle::{Change, Settle};
pub use watch::{Wake, Watch};

use crate::model::{AddressSettings, AddressSource, BgpSettings, BgpSource, Observation, Prefix, Reading};
use crate::system::wake::since_boot;
use https::Echo;
use std::future::{Future, poll_fn};
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::task::Poll;
use tokio::time::Instant;

/// Asks the configured sources.
pub struct Observer {
    sources: Vec<AddressSource>,
    prefer: Option<Prefix>,
    bgp: Option<BgpSource>,
    echo: Echo,
}

/// One round of readings, in the order of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    pub addresses: Vec<Reading<IpAddr>>,
    /// One reading of `[bgp] source`, or none where it is not set. The text is as the source writes it (`65001`,
    /// `1.10`); validation parses it. `[bgp] asn` is not observed and not here.
    pub asn: Vec<Reading<String>>,
}

impl Observer {
    pub fn new(address: &AddressSettings, bgp: Option<&BgpSettings>, echo: EchoOptions) -> Observer {
        Observer {
            sources: address.sources.clone(),
            prefer: address.prefer,
            bgp: bgp.and_then(|settings| settings.source.clone()),
            echo: Echo::new(echo),
        }
    }

    /// Asks every source at once; each has a time limit of its own. `cloud_addresses` are the cloud-side addresses of
    /// the configured connections, as far as they are known, for `route:vpn-gateway`.
    ///
    /// Dropping the future ends whatever it started.
    pub async fn observe(&self, cloud_addresses: &[Ipv4Addr]) -> Observed {
        let addresses = all(self.sources.iter().map(|source| self.address(source, cloud_addresses)));
        let asn = all(self.bgp.iter().map(asn));
        let (addresses, asn) = tokio::join!(addresses, asn);
        Observed { addresses, asn }
    }

    /// The ASN alone; the addresses are absent. [`Observed::refresh`] puts it beside their last answers.
    pub async fn observe_asn(&self) -> Observed {
        Observed { addresses: Vec::new(), asn: all(self.bgp.iter().map(asn)).await }
    }

    /// Whether the ASN is to be had by asking alone: nothing announces that a routing daemon has another.
    pub fn asks_for_asn(&self) -> bool {
        matches!(self.bgp, Some(BgpSource::Frr(_) | BgpSource::Bird(_) | BgpSource::Command(_)))
    }

    /// Whether any source has to be waited for: then [`Observer::observe_local`] is not all there is to know.
    pub fn has_slow_sources(&self) -> bool {
        let slow = |source: &AddressSource| matches!(source, AddressSource::Https { .. } | AddressSource::Command(_));
        self.sources.iter().any(slow) || self.bgp.as_ref().is_some_and(|source| !matches!(source, BgpSource::File(_)))
    }

    /// Fresh readings of the sources that answer without waiting (interface, route, static, file); the others are
    /// absent. [`Observed::refresh`] puts them beside the last answers of the slow ones.
    pub fn observe_local(&self, cloud_addresses: &[Ipv4Addr]) -> Observed {
        let addresses = self.sources.iter().filter_map(|source| {
            let started = Instant::now();
            let value = self.local_address(source, cloud_addresses)?;
            Some(reading(source.to_string(), value, started))
        });
        let asn = self.bgp.iter().filter_map(|source| {
            let BgpSource::File(path) = source else { return None };
            let started = Instant::now();
            let value = bgp::file::read(path);
            Some(reading(source.to_string(), value, started))
        });
        Observed { addresses: addresses.collect(), asn: asn.collect() }
    }

    async fn address(&self, source: &AddressSource, cloud_addresses: &[Ipv4Addr]) -> Reading<IpAddr> {
        let started = Instant::now();
        let value = match source {
            AddressSource::Https { url, .. } => self.echo.ask(url).await,
            AddressSource::Command(path) => command::address(path).await,
            // The compiler keeps this arm and `local_address` together: what is not local is named above.
            local => self
                .local_address(local, cloud_addresses)
                .unwrap_or_else(|| Observation::Unknown("this source needs to be waited for".to_owned())),
        };
        reading(source.to_string(), value, started)
    }

    fn local_address(&self, source: &AddressSource, cloud_addresses: &[Ipv4Addr]) -> Option<Observation<IpAddr>> {
        match source {
            AddressSource::Interface(name) => Some(interface::read(name, self.prefer)),
            AddressSource::Route(target) => Some(route::read(target, cloud_addresses)),
            AddressSource::File(path) => Some(file::read(path)),
            AddressSource::Static(address) => Some(static_::read(*address)),
            AddressSource::Https { .. } | AddressSource::Command(_) => None,
        }
    }
}

impl Observed {
    /// Replaces the readings that `fresh` has an answer for and keeps the others.
    pub fn refresh(&mut self, fresh: Observed) {
        replace(&mut self.addresses, fresh.addresses);
        replace(&mut self.asn, fresh.asn);
    }
}

fn replace<T: Clone>(readings: &mut [Reading<T>], fresh: Vec<Reading<T>>) {
    for old in readings {
        if let Some(new) = fresh.iter().find(|new| new.source == old.source) {
            *old = new.clone();
        }
    }
}

async fn asn(source: &BgpSource) -> Reading<String> {
    let started = Instant::now();
    let value = match source {
        BgpSource::Frr(directory) => bgp::frr::read(directory.as_deref()).await,
        BgpSource::Bird(socket) => bgp::bird::read(socket.as_deref()).await,
        BgpSource::File(path) => bgp::file::read(path),
        BgpSource::Command(path) => bgp::command::read(path).await,
    };
    reading(source.to_string(), value, started)
}

fn reading<T>(source: String, value: Observation<T>, started: Instant) -> Reading<T> {
    Reading { source, value, took: started.elapsed(), taken: since_boot() }
}

/// Runs the futures at once on this task and gives their answers in order.
async fn all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<Pin<Box<F>>> = futures.map(Box::pin).collect();
    let mut answers: Vec<Option<F::Output>> = running.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (future, answer) in running.iter_mut().zip(&mut answers) {
            // A future that has answered must not be polled again.
            if answer.is_none()
                && let Poll::Ready(value) = future.as_mut().poll(context)
            {
                *answer = Some(value);
            }
        }
        if answers.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    answers.into_iter().flatten().collect()
}
