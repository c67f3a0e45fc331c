//! Whether the questions that this device asks would leave through IPsec: those of its echo services, and the cloud's API.

use super::survey::Survey;
use crate::cloud::endpoint::{Endpoints, authority_of, host_of, is_loopback};
use crate::facts::endpoints::Product;
use crate::facts::findings::ADDRESS_INTO_IPSEC;
use crate::model::{AddressSource, Finding, Settings};
use crate::observe::bypass::{self, Leaves, Tunnel};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// A resolver that is slower tells nothing about the way.
const PATIENCE: Duration = Duration::from_secs(3);

/// Somebody whom this device asks.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Asked {
    /// For people. Without a URL: its query can hold a token.
    what: String,
    host: String,
    port: u16,
}

/// What stands in the way, and what could not be seen.
pub struct WaysOut {
    pub findings: Vec<Finding>,
    pub unseen: Option<String>,
}

impl WaysOut {
    pub async fn look(survey: &Survey) -> WaysOut {
        let policies = bypass::policies().map_err(|error| error.to_string());
        let mut ways = WaysOut { findings: Vec::new(), unseen: None };
        for asked in asked(&survey.settings, survey.configured_region().as_deref()) {
            for address in addresses(&asked).await {
                let leaves = match bypass::way(address) {
                    Ok(way) => bypass::judge(address, asked.port, &way, &policies),
                    // No way at all: its source says so.
                    Err(error) => {
                        tracing::debug!(what = asked.what, %address, error = error.to_string(), "no way out");
                        continue;
                    }
                };
                match leaves {
                    Leaves::InTheClear => {}
                    Leaves::Unknown(why) => ways.unseen = Some(why),
                    Leaves::IntoIpsec(tunnel) => {
                        ways.findings.push(told(&asked, address, &tunnel));
                        break;
                    }
                }
            }
        }
        ways
    }
}

/// Everybody outside this device, by the configuration. A proxy stands for the cloud behind it.
fn asked(settings: &Settings, region: Option<&str>) -> Vec<Asked> {
    let sources = settings.address.sources.iter().filter_map(|source| match source {
        AddressSource::Https { url, .. } => of_url("the address source", url),
        _ => None,
    });
    let endpoint = match (&settings.cloud.proxy, &settings.cloud.endpoint, region) {
        (Some(proxy), ..) => of_url("the proxy", proxy),
        (None, Some(endpoint), _) => of_url("the cloud's API", endpoint),
        (None, None, region) => {
            let url = region.and_then(|region| Endpoints::public().base_url(Product::Vpc, region).ok());
            url.and_then(|url| of_url("the cloud's API", &url))
        }
    };
    sources.chain(endpoint).collect()
}

fn of_url(what: &str, url: &str) -> Option<Asked> {
    let authority = authority_of(url);
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = host_of(authority).filter(|host| !is_loopback(host))?;
    let port = authority.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
    let usual = if url.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http:")) { 80 } else { 443 };
    Some(Asked { what: format!("{what} {host}"), host: host.to_owned(), port: port.unwrap_or(usual) })
}

async fn addresses(asked: &Asked) -> Vec<Ipv4Addr> {
    let found = tokio::time::timeout(PATIENCE, tokio::net::lookup_host((asked.host.as_str(), asked.port))).await;
    let found: Vec<SocketAddr> = match found {
        Ok(Ok(found)) => found.collect(),
        Ok(Err(error)) => {
            tracing::debug!(what = asked.what, error = error.to_string(), "no address");
            Vec::new()
        }
        Err(_) => {
            tracing::debug!(what = asked.what, "no address in time");
            Vec::new()
        }
    };
    let ipv4 = found.iter().filter_map(|address| match address.ip() {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    });
    ipv4.filter(|address| !address.is_loopback()).collect()
}

fn told(asked: &Asked, address: Ipv4Addr, tunnel: &Tunnel) -> Finding {
    let (by, remedy) = match tunnel {
        Tunnel::Interface(name) => (
            format!("the interface {name}, behind which stands IPsec"),
            format!("add a route beside the tunnel: `ip route add {address}/32 via GATEWAY dev UPLINK`"),
        ),
        Tunnel::Policy(policy) => (
            policy.to_string(),
            format!(
                "add a bypass: in swanctl.conf a child with `remote_ts = {address}/32`, `mode = pass` and `start_action = trap`; or \
                 `ip xfrm policy add dst {address}/32 dir out priority 1` and the same with `src` and `dir in`"
            ),
        ),
    };
    let message = format!("{} ({address}) would be asked through {by}: while that tunnel is down nothing gets there", asked.what);
    Finding::warning(ADDRESS_INTO_IPSEC, message, remedy)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_url_is_taken_apart_and_its_secrets_stay_out() {
        let asked = |url| of_url("the proxy", url).map(|asked| (asked.what, asked.host, asked.port));
        let proxy = |host: &str, port| Some((format!("the proxy {host}"), host.to_owned(), port));
        assert_eq!(asked("https://user:canary@proxy.example:8443/"), proxy("proxy.example", 8443));
        assert_eq!(asked("http://proxy.example"), proxy("proxy.example", 80));
        assert_eq!(asked("HTTPS://198.51.100.9/ip?token=canary"), proxy("198.51.100.9", 443));
        assert_eq!(asked("http://127.0.0.1:8080"), None);
        assert_eq!(asked("http://[::1]:8080"), None);
        assert_eq!(asked("nonsense://"), None);
    }
}
