//! What this very machine is: its addresses, where its default route leaves from, its BGP daemon's ASN, and what the cloud
//! would say of them. Reads only; no packet is sent.

use crate::daemon::with_causes;
use crate::model::{AddressSettings, AddressSource, Agreement, Asn, BgpSource, Finding, Network, Observation, Reading, RouteTarget};
use crate::observe::interface::{Assigned, Role, roles, snapshot};
use crate::observe::{EchoOptions, Observer, bgp};
use crate::validate;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// Somewhere outside; only the kernel's routing table is asked.
const OUTSIDE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// Of RFC 5737: what the demo takes where this machine has nothing that a cloud would take.
const STAND_IN: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 10);
/// What the demo takes where no BGP daemon answers: the first private ASN that people think of.
const STAND_IN_ASN: &str = "65001";
/// A BGP daemon that hangs must not hold up the demo.
const BGP_PATIENCE: Duration = Duration::from_secs(3);

pub struct Machine {
    /// Every IPv4 address with its role, or why they could not be listed.
    pub addresses: Result<Vec<(Assigned, Role)>, String>,
    /// `route:192.0.2.1`, as the daemon's own source reads it.
    pub route: Reading<IpAddr>,
    pub bgp: Vec<(BgpSource, Observation<String>)>,
}

/// What the cloud would say of an address.
pub struct Verdict {
    pub address: Ipv4Addr,
    pub public: Vec<Finding>,
    pub private: Vec<Finding>,
}

/// What the demo goes on with.
pub struct Identity {
    pub address: Ipv4Addr,
    pub network: Network,
    /// The address is not this machine's.
    pub borrowed: bool,
    /// As the configuration writes it.
    pub bgp: Bgp,
}

pub enum Bgp {
    Source {
        source: BgpSource,
        asn: Asn,
    },
    /// No daemon gives one that the cloud would take.
    StandIn {
        asn: &'static str,
    },
}

impl Machine {
    pub async fn discover() -> Machine {
        let addresses = snapshot().map(|all| with_roles(&all)).map_err(|error| with_causes(&error));
        let (frr, bird) = tokio::join!(asked(bgp::frr::read(None)), asked(bgp::bird::read(None)));
        Machine { addresses, route: route(), bgp: vec![(BgpSource::Frr(None), frr), (BgpSource::Bird(None), bird)] }
    }

    /// The address to judge: the default route's, else the first that others could reach, else whatever there is.
    pub fn address(&self) -> Option<Ipv4Addr> {
        if let Some(IpAddr::V4(address)) = self.route.value.known() {
            return Some(*address);
        }
        let addresses = self.addresses.as_deref().unwrap_or_default();
        let outward = addresses.iter().find(|(_, role)| *role != Role::Local);
        outward.or(addresses.first()).and_then(|(assigned, _)| v4(assigned))
    }

    pub fn verdict(&self) -> Option<Verdict> {
        let address = self.address()?;
        let says = |network| validate::address(IpAddr::V4(address), network);
        Some(Verdict { address, public: says(Network::Public), private: says(Network::Private) })
    }

    pub fn identity(&self, verdict: Option<&Verdict>) -> Identity {
        let taken = verdict.and_then(|verdict| Some((verdict.address, verdict.network()?)));
        let (address, network) = taken.unwrap_or((STAND_IN, Network::Public));
        let bgp = self.bgp.iter().find_map(|(source, observation)| {
            let (asn, findings) = validate::asn_text(observation.known()?);
            let asn = asn.filter(|_| !findings.iter().any(Finding::is_error))?;
            Some(Bgp::Source { source: source.clone(), asn })
        });
        Identity { address, network, borrowed: taken.is_none(), bgp: bgp.unwrap_or(Bgp::StandIn { asn: STAND_IN_ASN }) }
    }

    /// The interface that holds the address, for the configuration of the real device.
    pub fn interface_of(&self, address: Ipv4Addr) -> Option<&str> {
        let holder = self.addresses.as_deref().unwrap_or_default().iter().find(|(assigned, _)| v4(assigned) == Some(address));
        holder.map(|(assigned, _)| base(&assigned.label))
    }
}

impl Verdict {
    /// The network on which the address can be registered; public where both would do.
    fn network(&self) -> Option<Network> {
        let usable = |findings: &[Finding]| !findings.iter().any(Finding::is_error);
        let networks = [(Network::Public, &self.public), (Network::Private, &self.private)];
        networks.into_iter().find(|(_, findings)| usable(findings)).map(|(network, _)| network)
    }
}

impl Identity {
    /// A neighbour in the same /24: what DHCP or the provider might give next.
    pub fn next_address(&self) -> Ipv4Addr {
        let [a, b, c, last] = self.address.octets();
        Ipv4Addr::new(a, b, c, if last < 254 { last + 1 } else { last - 1 })
    }
}

fn route() -> Reading<IpAddr> {
    let source = AddressSource::Route(RouteTarget::Address(OUTSIDE));
    let settings = AddressSettings {
        network: Network::Public,
        sources: vec![source.clone()],
        agreement: Agreement::First,
        settle: Duration::ZERO,
        prefer: None,
        poll: Duration::from_secs(300),
    };
    let echo = EchoOptions { ca_file: None, proxy: None, timeout: BGP_PATIENCE };
    let answered = Observer::new(&settings, None, echo).observe_local(&[]).addresses.pop();
    answered.unwrap_or_else(|| Reading {
        source: source.to_string(),
        value: Observation::Unknown("the routing table did not answer".to_owned()),
        took: Duration::ZERO,
        taken: Duration::ZERO,
    })
}

async fn asked(reading: impl Future<Output = Observation<String>>) -> Observation<String> {
    let late = || Observation::Unknown(format!("no answer within {} s", BGP_PATIENCE.as_secs()));
    tokio::time::timeout(BGP_PATIENCE, reading).await.unwrap_or_else(|_| late())
}

fn with_roles(all: &[Assigned]) -> Vec<(Assigned, Role)> {
    let role_of = |assigned: &Assigned| {
        let here: Vec<&Assigned> = all.iter().filter(|other| base(&other.label) == base(&assigned.label)).collect();
        let role = roles(&here).into_iter().find(|(address, _)| Some(*address) == v4(assigned))?.1;
        Some((assigned.clone(), role))
    };
    all.iter().filter_map(role_of).collect()
}

fn v4(assigned: &Assigned) -> Option<Ipv4Addr> {
    match assigned.address {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    }
}

/// `eth0` of `eth0:1`.
fn base(label: &str) -> &str {
    label.split(':').next().unwrap_or(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(addresses: &[(&str, [u8; 4], Role)], route: Option<[u8; 4]>, frr: Option<&str>) -> Machine {
        let assigned = |(label, address, role): &(&str, [u8; 4], Role)| {
            (Assigned { label: (*label).to_owned(), address: IpAddr::from(*address), length: 24, temporary: false }, *role)
        };
        let unknown = || Observation::Unknown("there is no route".to_owned());
        Machine {
            addresses: Ok(addresses.iter().map(assigned).collect()),
            route: Reading {
                source: "route:192.0.2.1".to_owned(),
                value: route.map_or_else(unknown, |address| Observation::Known(IpAddr::from(address))),
                took: Duration::ZERO,
                taken: Duration::ZERO,
            },
            bgp: vec![(
                BgpSource::Frr(None),
                frr.map_or_else(|| Observation::Unknown("vtysh was not found".to_owned()), |asn| Observation::Known(asn.to_owned())),
            )],
        }
    }

    const LOOPBACK: (&str, [u8; 4], Role) = ("lo", [127, 0, 0, 1], Role::Local);

    fn identity(machine: &Machine) -> Identity {
        machine.identity(machine.verdict().as_ref())
    }

    #[test]
    fn the_default_routes_address_goes_on_where_the_cloud_takes_it() {
        let behind_nat = machine(&[LOOPBACK, ("eth0", [10, 0, 0, 7], Role::Primary)], Some([10, 0, 0, 7]), None);
        let verdict = behind_nat.verdict().unwrap();
        assert_eq!(verdict.public[0].code, "address.not_public");
        assert!(verdict.private.is_empty());
        let taken = identity(&behind_nat);
        assert_eq!((taken.address, taken.network, taken.borrowed), (Ipv4Addr::new(10, 0, 0, 7), Network::Private, false));
        assert_eq!(behind_nat.interface_of(taken.address), Some("eth0"));
        let public = identity(&machine(&[LOOPBACK], Some([8, 8, 4, 4]), None));
        assert_eq!((public.network, public.borrowed), (Network::Public, false));
    }

    #[test]
    fn what_the_cloud_refuses_everywhere_is_not_used() {
        for machine in [
            machine(&[LOOPBACK], None, None),
            machine(&[], None, None),
            machine(&[("wwan0", [100, 64, 0, 9], Role::Primary)], Some([100, 64, 0, 9]), None),
        ] {
            let taken = identity(&machine);
            assert_eq!((taken.address, taken.network, taken.borrowed), (STAND_IN, Network::Public, true));
        }
    }

    #[test]
    fn an_interface_counts_where_there_is_no_default_route() {
        let island = machine(&[LOOPBACK, ("eth0", [192, 168, 1, 254], Role::Primary)], None, None);
        let taken = identity(&island);
        assert_eq!(taken.address, Ipv4Addr::new(192, 168, 1, 254));
        assert_eq!(taken.next_address(), Ipv4Addr::new(192, 168, 1, 253));
    }

    #[test]
    fn a_bgp_daemons_asn_is_taken_where_the_cloud_takes_it() {
        let with = |asn| identity(&machine(&[LOOPBACK], None, asn)).bgp;
        assert!(matches!(with(Some("1.10")), Bgp::Source { asn, .. } if asn.number() == 65546));
        assert!(matches!(with(Some("45104")), Bgp::StandIn { .. }));
        assert!(matches!(with(None), Bgp::StandIn { .. }));
    }
}
