//! The ASN from the real FRR and the real BIRD, in a network namespace of their own.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test: it writes files and measures real time")]

mod common;
mod lab;

use cgwd::model::{AddressSettings, AddressSource, Agreement, BgpSettings, BgpSource, Network, Observation};
use cgwd::observe::{EchoOptions, Observer};
use lab::{Daemon, Scratch, eventually, in_namespace, is_installed};
use rustix::process::Signal;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::{Duration, Instant};

const BGPD: &str = "/usr/lib/frr/bgpd";

async fn read(source: BgpSource) -> Observation<String> {
    let address = AddressSettings {
        network: Network::Public,
        sources: vec![AddressSource::Static(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7)))],
        agreement: Agreement::First,
        settle: Duration::ZERO,
        prefer: None,
        poll: Duration::from_secs(300),
    };
    let bgp = BgpSettings { source: Some(source), asn: None };
    let echo = EchoOptions { ca_file: None, proxy: None, timeout: Duration::from_secs(1) };
    let observed = Observer::new(&address, Some(&bgp), echo).observe(&[]).await;
    let [reading] = <[_; 1]>::try_from(observed.asn).unwrap();
    reading.value
}

fn known(asn: &str) -> Observation<String> {
    Observation::Known(asn.to_owned())
}

fn reason(observation: Observation<String>) -> String {
    match observation {
        Observation::Unknown(reason) => reason,
        other => panic!("{other:?} instead of a reason"),
    }
}

fn frr_is_missing() -> bool {
    let missing = !Path::new(BGPD).exists() || !is_installed("vtysh");
    if missing {
        common::missing("the real FRR", "bgpd or vtysh is not installed (apt-get install frr)");
    }
    missing
}

/// bgpd alone, as this user: zebra adds nothing to what we ask.
async fn bgpd(directory: &Scratch, configuration: &str) -> Daemon {
    let sockets = directory.path().display();
    let file = directory.file("bgpd.conf", configuration);
    let daemon = Daemon::start(&format!(
        "{BGPD} --skip_runas -f {} -i {sockets}/bgpd.pid -z {sockets}/zserv.api --vty_socket {sockets} -A 127.0.0.1 -P 0 -p 1790",
        file.display()
    ));
    eventually("bgpd's answer", async || {
        let reading = read(BgpSource::Frr(Some(directory.path().to_owned()))).await;
        // While it reads its configuration it has no instance yet.
        let starting =
            matches!(&reading, Observation::Unknown(reason) if !reason.contains("no BGP instance") || configuration.contains("router"));
        (!starting).then_some(())
    })
    .await;
    daemon
}

/// Starts bgpd with each configuration in turn and compares.
async fn frr_says(expected: &[(&str, Observation<String>)]) {
    for (configuration, asn) in expected {
        let directory = Scratch::new("frr");
        let daemon = bgpd(&directory, configuration).await;
        assert_eq!(&read(BgpSource::Frr(Some(directory.path().to_owned()))).await, asn, "{configuration}");
        daemon.stop();
    }
}

#[test]
fn frr_tells_its_as_with_and_without_neighbours() {
    in_namespace("frr_tells_its_as_with_and_without_neighbours", async || {
        if frr_is_missing() {
            return;
        }
        frr_says(&[
            ("router bgp 65010\n neighbor 192.0.2.2 remote-as 65020\n", known("65010")),
            ("router bgp 65010\n", known("65010")),
            ("router bgp 4200000001\n neighbor 192.0.2.2 remote-as 65020\n", known("4200000001")),
            ("router bgp 4200000001\n", known("4200000001")),
            ("router bgp 65010\n neighbor 2001:db8::2 remote-as 65020\n", known("65010")),
        ])
        .await;
    });
}

#[test]
fn frr_tells_what_outside_peers_see() {
    in_namespace("frr_tells_what_outside_peers_see", async || {
        if frr_is_missing() {
            return;
        }
        let confederation = "router bgp 64600\n bgp confederation identifier 65010\n bgp confederation peers 64601\n";
        let with = |neighbours: &str| format!("{confederation}{neighbours}");
        frr_says(&[
            (confederation, known("65010")),
            (&with(" neighbor 192.0.2.3 remote-as 64601\n"), known("65010")),
            (&with(" neighbor 192.0.2.3 remote-as 64601\n neighbor 192.0.2.2 remote-as 65020\n neighbor 192.0.2.4 remote-as 64600\n"), known("65010")),
            ("router bgp 65010\n neighbor 192.0.2.2 remote-as 65020\n neighbor 192.0.2.2 local-as 65077\n", known("65077")),
            (
                "router bgp 65010\n neighbor 192.0.2.2 remote-as 65020\n neighbor 192.0.2.2 local-as 65077\n neighbor 192.0.2.3 remote-as 65030\n",
                Observation::Conflicting(vec!["65077".to_owned(), "65010".to_owned()]),
            ),
        ])
        .await;
    });
}

#[test]
fn frr_with_an_instance_in_a_vrf_alone() {
    in_namespace("frr_with_an_instance_in_a_vrf_alone", async || {
        if frr_is_missing() {
            return;
        }
        frr_says(&[
            ("router bgp 65099 vrf blue\n neighbor 198.51.100.1 remote-as 65100\n", known("65099")),
            ("router bgp 65099 vrf blue\n", known("65099")),
            ("router bgp 65010\n!\nrouter bgp 65099 vrf blue\n neighbor 198.51.100.1 remote-as 65100\n", known("65010")),
        ])
        .await;
    });
}

#[test]
fn frr_without_an_instance_or_stopped_is_unknown() {
    in_namespace("frr_without_an_instance_or_stopped_is_unknown", async || {
        if frr_is_missing() {
            return;
        }
        let directory = Scratch::new("frr");
        let source = || BgpSource::Frr(Some(directory.path().to_owned()));
        let daemon = bgpd(&directory, "hostname gw1\n").await;
        let why = reason(read(source()).await);
        assert!(why.contains("runs no BGP instance"), "{why}");

        daemon.signal(Signal::STOP);
        let started = Instant::now();
        let why = reason(read(source()).await);
        assert!(why.contains("did not answer vtysh within 5 s"), "{why}");
        assert!(started.elapsed() < Duration::from_secs(60));
        assert!(!lab::is_running("vtysh") && lab::is_running("bgpd"), "a vtysh is left over");
        daemon.signal(Signal::CONT);

        daemon.stop();
        let why = reason(read(source()).await);
        assert!(why.contains("bgpd is not running"), "{why}");
        let why = reason(read(BgpSource::Frr(Some("/nonexistent".into()))).await);
        assert!(why.contains("bgpd is not running"), "{why}");
    });
}

fn bird_is_missing() -> bool {
    let missing = !is_installed("bird") || !is_installed("birdc");
    if missing {
        common::missing("the real BIRD", "bird or birdc is not installed (apt-get install bird2)");
    }
    missing
}

fn bird(directory: &Scratch, protocols: &str) -> (Daemon, BgpSource) {
    let socket = directory.path().join("bird.ctl");
    let file = directory.file("bird.conf", &format!("router id 192.0.2.2;\nprotocol device {{ }}\n{protocols}"));
    (Daemon::start(&format!("bird -f -c {} -s {}", file.display(), socket.display())), BgpSource::Bird(Some(socket)))
}

fn protocol(name: &str, extra: &str, local: &str, neighbour: &str) -> String {
    format!("protocol bgp {name} {{ {extra} local as {local}; neighbor {neighbour}; ipv4 {{ import all; export none; }}; }}\n")
}

async fn bird_says(protocols: &str) -> Observation<String> {
    let directory = Scratch::new("bird");
    let (daemon, source) = bird(&directory, protocols);
    let reading = eventually("BIRD's answer", async || {
        let reading = read(source.clone()).await;
        let starting = matches!(&reading, Observation::Unknown(reason) if reason.contains("not running"));
        (!starting).then_some(reading)
    })
    .await;
    daemon.stop();
    reading
}

#[test]
fn bird_tells_the_as_of_its_protocols() {
    in_namespace("bird_tells_the_as_of_its_protocols", async || {
        if bird_is_missing() {
            return;
        }
        let up = protocol("a", "", "65020", "192.0.2.1 as 65010");
        assert_eq!(bird_says(&up).await, known("65020"));
        let disabled = protocol("a", "disabled;", "4200000010", "192.0.2.1 as 65010");
        assert_eq!(bird_says(&disabled).await, known("4200000010"));
        let two = up.clone() + &protocol("b", "", "4200000010", "192.0.2.9 as 65030");
        assert_eq!(bird_says(&two).await, Observation::Conflicting(vec!["65020".to_owned(), "4200000010".to_owned()]));
        let cloud = up + &protocol("b", "", "4200000010", "192.0.2.9 as 45104");
        assert_eq!(bird_says(&cloud).await, known("4200000010"));
    });
}

#[test]
fn bird_without_bgp_or_stopped_is_unknown() {
    in_namespace("bird_without_bgp_or_stopped_is_unknown", async || {
        if bird_is_missing() {
            return;
        }
        let why = reason(bird_says("").await);
        assert!(why.contains("runs no BGP protocol"), "{why}");

        let directory = Scratch::new("bird-stopped");
        let (daemon, source) = bird(&directory, &protocol("a", "", "65020", "192.0.2.1 as 65010"));
        eventually("BIRD's answer", async || read(source.clone()).await.known().cloned()).await;
        daemon.signal(Signal::STOP);
        let why = reason(read(source.clone()).await);
        assert!(why.contains("did not answer birdc within 5 s"), "{why}");
        daemon.signal(Signal::CONT);
        daemon.stop();
        let why = reason(read(source).await);
        assert!(why.contains("BIRD is not running"), "{why}");
    });
}
