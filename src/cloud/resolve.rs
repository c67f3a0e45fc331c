//! Name resolution that remembers: while DNS is down, the last good addresses of a name are used for a day.
//! TLS still proves that the cloud answers there (reliability.md, fault 63).

use crate::system::wake::since_boot;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Older addresses are not worth trying.
const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Default)]
pub struct RememberingResolver(Arc<Mutex<Memory>>);

#[derive(Default)]
struct Memory(HashMap<String, (Vec<SocketAddr>, Duration)>);

impl Resolve for RememberingResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let memory = self.0.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await.map(Iterator::collect);
            let addresses = memory.lock().unwrap_or_else(PoisonError::into_inner).answer(name.as_str(), found, since_boot())?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

impl Memory {
    fn answer(&mut self, name: &str, found: std::io::Result<Vec<SocketAddr>>, now: Duration) -> std::io::Result<Vec<SocketAddr>> {
        match found {
            Ok(addresses) if !addresses.is_empty() => {
                self.0.insert(name.to_owned(), (addresses.clone(), now));
                Ok(addresses)
            }
            failed => match self.0.get(name) {
                Some((addresses, at)) if now.saturating_sub(*at) <= REMEMBERED => Ok(addresses.clone()),
                _ => failed,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_good_addresses_serve_for_a_day() {
        let mut memory = Memory::default();
        let start = Duration::from_secs(1000);
        let down = || Err(std::io::Error::other("no DNS"));
        let good: Vec<SocketAddr> = vec!["192.0.2.1:0".parse().expect("an address")];
        assert!(memory.answer("vpc.example", down(), start).is_err());
        assert_eq!(memory.answer("vpc.example", Ok(good.clone()), start).ok(), Some(good.clone()));
        assert_eq!(memory.answer("vpc.example", down(), start + REMEMBERED).ok(), Some(good.clone()));
        assert_eq!(memory.answer("vpc.example", Ok(Vec::new()), start).ok(), Some(good));
        assert!(memory.answer("other.example", down(), start).is_err());
        assert!(memory.answer("vpc.example", down(), start + REMEMBERED + Duration::from_secs(1)).is_err());
    }
}
