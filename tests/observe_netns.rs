//! Addresses, links and routes of the real kernel, in a network namespace of their own.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test: it writes files and measures real time")]

mod common;
mod lab;

use cgwd::model::{AddressSettings, AddressSource, Agreement, Network, Observation, Prefix, RouteTarget};
use cgwd::observe::{EchoOptions, Observer, Wake, Watch};
use lab::{in_namespace, sh};
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

const CLOUD: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 9);

fn settings(sources: Vec<AddressSource>) -> AddressSettings {
    AddressSettings {
        network: Network::Public,
        sources,
        agreement: Agreement::First,
        settle: Duration::ZERO,
        prefer: None,
        poll: Duration::from_secs(300),
    }
}

fn wan0() -> AddressSettings {
    settings(vec![AddressSource::Interface("wan0".to_owned())])
}

fn read(settings: &AddressSettings) -> Observation<IpAddr> {
    let echo = EchoOptions { ca_file: None, proxy: None, timeout: Duration::from_secs(1) };
    Observer::new(settings, None, echo).observe_local(&[CLOUD]).addresses.remove(0).value
}

fn known(address: &str) -> Observation<IpAddr> {
    Observation::Known(address.parse().unwrap())
}

fn reason(observation: Observation<IpAddr>) -> String {
    match observation {
        Observation::Unknown(reason) => reason,
        other => panic!("{other:?} instead of a reason"),
    }
}

/// An uplink `wan0` with the address 203.0.113.7/24 and a default route.
fn uplink() {
    sh("ip link add wan0 type veth peer name isp0; ip link set isp0 up; ip link set wan0 up");
    sh("ip addr add 203.0.113.7/24 dev wan0; ip route add default via 203.0.113.1");
}

async fn wake(watch: &mut Watch) -> Wake {
    tokio::time::timeout(Duration::from_secs(30), watch.changed()).await.expect("no wake within 30 s")
}

/// Takes what is still queued.
async fn quiet(watch: &mut Watch) {
    while tokio::time::timeout(Duration::from_millis(300), watch.changed()).await.is_ok() {}
}

#[test]
fn a_changed_address_wakes_and_is_read() {
    in_namespace("a_changed_address_wakes_and_is_read", async || {
        uplink();
        let settings = wan0();
        let mut watch = Watch::new(&settings, None);
        assert_eq!(read(&settings), known("203.0.113.7"));

        sh("ip addr flush dev wan0; ip addr add 198.51.100.77/24 dev wan0");
        let started = Instant::now();
        assert_eq!(wake(&mut watch).await, Wake::Changed);
        assert_eq!(read(&settings), known("198.51.100.77"));
        common::measured("wake and fresh reading after an address change", started.elapsed());

        quiet(&mut watch).await;
        sh("ip addr del 198.51.100.77/24 dev wan0");
        assert_eq!(wake(&mut watch).await, Wake::Changed);
        assert!(reason(read(&settings)).contains("interface wan0 has no IPv4 address"));
    });
}

#[test]
fn a_wait_that_is_dropped_loses_no_change() {
    in_namespace("a_wait_that_is_dropped_loses_no_change", async || {
        uplink();
        let settings = wan0();
        let mut watch = Watch::new(&settings, None);
        quiet(&mut watch).await;
        for last in 10..40 {
            // The wait begins, is given up, the change comes, another wait begins.
            assert!(tokio::time::timeout(Duration::from_millis(1), watch.changed()).await.is_err());
            sh(&format!("ip addr add 203.0.113.{last}/24 dev wan0"));
            assert_eq!(wake(&mut watch).await, Wake::Changed);
            quiet_now(&mut watch).await;
        }
    });
}

async fn quiet_now(watch: &mut Watch) {
    while tokio::time::timeout(Duration::from_millis(5), watch.changed()).await.is_ok() {}
}

#[test]
fn added_addresses_change_nothing_until_the_primary_goes() {
    in_namespace("added_addresses_change_nothing_until_the_primary_goes", async || {
        uplink();
        let mut settings = wan0();
        // As keepalived adds them: with the prefix's length, and as a /32.
        sh("ip addr add 203.0.113.200/24 dev wan0; ip addr add 203.0.113.201/32 dev wan0");
        sh("ip addr add 10.9.0.1/24 dev wan0 label wan0:mgmt; ip addr add 169.254.7.7/16 dev wan0; ip addr add 2001:db8::7/64 dev wan0");
        assert_eq!(read(&settings), known("203.0.113.7"));

        let only = |address: &str| Some(Prefix { network: address.parse().unwrap(), length: 32 });
        settings.prefer = only("203.0.113.200");
        assert_eq!(read(&settings), known("203.0.113.200"));
        settings.prefer = only("203.0.113.222");
        assert!(reason(read(&settings)).contains("prefer"));
        settings.prefer = None;

        sh("ip addr add 198.51.100.7/24 dev wan0");
        assert_eq!(read(&settings), Observation::Conflicting(vec!["203.0.113.7".parse().unwrap(), "198.51.100.7".parse().unwrap()]));
        sh("ip addr del 198.51.100.7/24 dev wan0");

        // With promote_secondaries the kernel makes the secondary the primary.
        sh("echo 1 > /proc/sys/net/ipv4/conf/wan0/promote_secondaries; ip addr del 203.0.113.7/24 dev wan0");
        assert_eq!(read(&settings), known("203.0.113.200"));
    });
}

#[test]
fn ipv6_alone_is_passed_on_for_validation() {
    in_namespace("ipv6_alone_is_passed_on_for_validation", async || {
        sh("ip link add wan0 type veth peer name isp0; ip link set isp0 up; ip link set wan0 up");
        assert!(reason(read(&wan0())).contains("has no IPv4 address"));
        sh("ip addr add 2001:db8::7/64 dev wan0 nodad");
        assert_eq!(read(&wan0()), known("2001:db8::7"));
    });
}

#[test]
fn a_flood_ends_in_the_right_reading() {
    in_namespace("a_flood_ends_in_the_right_reading", async || {
        uplink();
        let settings = wan0();
        let mut watch = Watch::new(&settings, None);
        quiet(&mut watch).await;

        // 400 changes: more than the default buffer holds, and one wake.
        flood(200, "203.0.113.8");
        assert_eq!(wake(&mut watch).await, Wake::Changed);
        assert_eq!(read(&settings), known("203.0.113.8"));
        quiet(&mut watch).await;

        // 12000: more than any buffer holds.
        flood(6000, "203.0.113.9");
        let mut wakes = vec![wake(&mut watch).await];
        assert_eq!(read(&settings), known("203.0.113.9"));
        while let Ok(wake) = tokio::time::timeout(Duration::from_millis(300), watch.changed()).await {
            wakes.push(wake);
        }
        assert!(wakes.contains(&Wake::Overrun), "{wakes:?}");
        assert!(wakes.len() <= 4, "{wakes:?}");

        // And it is not deaf afterwards.
        sh("ip addr flush dev wan0; ip addr add 203.0.113.10/24 dev wan0");
        assert_eq!(wake(&mut watch).await, Wake::Changed);
        assert_eq!(read(&settings), known("203.0.113.10"));
    });
}

/// Adds and removes an address that often, then leaves `last` alone on the interface.
fn flood(times: usize, last: &str) {
    let line = "address add 203.0.113.99/24 dev wan0\naddress del 203.0.113.99/24 dev wan0\n";
    let script = lab::Scratch::new("flood");
    let end = format!("address flush dev wan0\naddress add {last}/24 dev wan0\n");
    let batch = script.file("batch", &(line.repeat(times) + &end));
    sh(&format!("ip -batch {}", batch.display()));
}

#[test]
fn a_link_that_is_down_keeps_its_address_and_one_that_is_gone_has_none() {
    in_namespace("a_link_that_is_down_keeps_its_address_and_one_that_is_gone_has_none", async || {
        uplink();
        let settings = wan0();
        let mut watch = Watch::new(&settings, None);
        quiet(&mut watch).await;

        sh("ip link set wan0 down");
        assert_eq!(wake(&mut watch).await, Wake::Changed);
        assert_eq!(read(&settings), known("203.0.113.7"));
        quiet(&mut watch).await;

        sh("ip link del wan0");
        assert_eq!(wake(&mut watch).await, Wake::Changed);
        assert!(reason(read(&settings)).contains("there is no interface wan0"));

        sh("ip link add wan0 type veth peer name isp0");
        assert_eq!(wake(&mut watch).await, Wake::Changed);
        assert!(reason(read(&settings)).contains("interface wan0 has no IPv4 address"));
    });
}

#[test]
fn the_route_decides_and_only_its_own_routes_wake() {
    in_namespace("the_route_decides_and_only_its_own_routes_wake", async || {
        uplink();
        sh("ip link add wan1 type veth peer name isp1; ip link set isp1 up; ip link set wan1 up; ip addr add 192.0.2.7/24 dev wan1");
        let settings = settings(vec![AddressSource::Route(RouteTarget::Address(CLOUD))]);
        let by_gateway = self::settings(vec![AddressSource::Route(RouteTarget::VpnGateway)]);
        let mut watch = Watch::new(&settings, None);
        quiet(&mut watch).await;
        assert_eq!(read(&settings), known("203.0.113.7"));
        assert_eq!(read(&by_gateway), known("203.0.113.7"));

        // A BGP router's daily business.
        sh("ip route add 10.20.0.0/16 via 203.0.113.1; ip route del 10.20.0.0/16");
        assert!(tokio::time::timeout(Duration::from_millis(500), watch.changed()).await.is_err(), "another route woke us");

        sh("ip route add 198.51.100.0/24 via 192.0.2.1");
        assert_eq!(wake(&mut watch).await, Wake::Changed);
        assert_eq!(read(&settings), known("192.0.2.7"));
        assert_eq!(read(&by_gateway), known("192.0.2.7"));
        quiet(&mut watch).await;

        sh("ip route del 198.51.100.0/24; ip route del default");
        assert_eq!(wake(&mut watch).await, Wake::Changed);
        assert_eq!(reason(read(&settings)), format!("there is no route to {CLOUD}"));
        quiet(&mut watch).await;

        sh("ip route add default via 192.0.2.1");
        assert_eq!(wake(&mut watch).await, Wake::Changed);
        assert_eq!(read(&settings), known("192.0.2.7"));
    });
}

#[test]
fn two_tunnels_that_leave_from_two_addresses_conflict() {
    in_namespace("two_tunnels_that_leave_from_two_addresses_conflict", async || {
        uplink();
        sh("ip link add wan1 type veth peer name isp1; ip link set isp1 up; ip link set wan1 up; ip addr add 192.0.2.7/24 dev wan1");
        sh("ip route add 198.51.100.0/24 via 192.0.2.1");
        let settings = settings(vec![AddressSource::Route(RouteTarget::VpnGateway)]);
        let echo = EchoOptions { ca_file: None, proxy: None, timeout: Duration::from_secs(1) };
        let observer = Observer::new(&settings, None, echo);
        let both = observer.observe(&[CLOUD, Ipv4Addr::new(8, 8, 8, 8)]).await.addresses.remove(0).value;
        assert_eq!(both, Observation::Conflicting(vec!["192.0.2.7".parse().unwrap(), "203.0.113.7".parse().unwrap()]));
    });
}
