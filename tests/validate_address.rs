//! Addresses: both sides of every boundary, and every address against a table written out plainly once more.
#![allow(clippy::unwrap_used)]

use cgwd::facts::{findings, ranges};
use cgwd::model::{Finding, Network, Severity};
use cgwd::validate;
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr};

type Verdict = Vec<(&'static str, Severity)>;

fn verdict(address: impl Into<IpAddr>, network: Network) -> Verdict {
    validate::address(address.into(), network).into_iter().map(|finding| (finding.code, finding.severity)).collect()
}

fn of(text: &str, network: Network) -> Verdict {
    verdict(text.parse::<IpAddr>().unwrap(), network)
}

fn error(code: &'static str) -> Verdict {
    vec![(code, Severity::Error)]
}

fn warning(code: &'static str) -> Verdict {
    vec![(code, Severity::Warning)]
}

/// product.md 2 by octets, without the table that the product uses.
fn reference(address: Ipv4Addr, network: Network) -> Verdict {
    let [a, b, c, _] = address.octets();
    let private = a == 10 || (a == 172 && (16..=31).contains(&b)) || (a == 192 && b == 168);
    let documentation = (a, b, c) == (192, 0, 2) || (a, b, c) == (198, 51, 100) || (a, b, c) == (203, 0, 113);
    let special = (a, b, c) == (192, 0, 0) || (a == 198 && (b == 18 || b == 19));
    match (a, network) {
        (0, _) => return error("address.unspecified"),
        (100, _) if (64..=127).contains(&b) => return error("address.shared_space"),
        (127, _) => return error("address.loopback"),
        (169, _) if b == 254 => return error("address.link_local"),
        (224..=239, _) => return error("address.multicast"),
        (240..=255, _) => return error("address.reserved"),
        (_, Network::Public) if private || special => return error("address.not_public"),
        _ => {}
    }
    let mut verdict = Vec::new();
    if documentation {
        verdict.extend(warning("address.documentation"));
    }
    if network == Network::Private && !private {
        verdict.extend(warning("address.not_private"));
    }
    verdict
}

const NETWORKS: [Network; 2] = [Network::Public, Network::Private];

#[test]
fn both_sides_of_every_boundary() {
    for range in ranges::ALL {
        let (first, last) = (u32::from(range.first), u32::from(range.last));
        let edges = [first.wrapping_sub(1), first, first + 1, last - 1, last, last.wrapping_add(1)];
        for address in edges.map(Ipv4Addr::from) {
            for network in NETWORKS {
                assert_eq!(verdict(address, network), reference(address, network), "{address} {network:?} at {}", range.written);
            }
        }
    }
}

/// The edges of the contract spelt out, so that a range missing from the table is missed here.
#[test]
fn the_boundaries_of_the_contract() {
    let inside = [
        ("100.64.0.0", "100.127.255.255", "address.shared_space"),
        ("127.0.0.0", "127.255.255.255", "address.loopback"),
        ("169.254.0.0", "169.254.255.255", "address.link_local"),
        ("224.0.0.0", "239.255.255.255", "address.multicast"),
        ("240.0.0.0", "254.255.255.255", "address.reserved"),
        ("255.0.0.0", "255.255.255.255", "address.reserved"),
        ("0.0.0.0", "0.255.255.255", "address.unspecified"),
    ];
    for (first, last, code) in inside {
        for network in NETWORKS {
            assert_eq!(of(first, network), error(code), "{first}");
            assert_eq!(of(last, network), error(code), "{last}");
        }
    }
    for outside in
        ["100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0", "169.253.255.255", "169.255.0.0", "223.255.255.255", "1.0.0.0"]
    {
        assert_eq!(of(outside, Network::Public), [], "{outside}");
    }
    let not_public = [
        ("10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0"),
        ("172.16.0.0", "172.31.255.255", "172.15.255.255", "172.32.0.0"),
        ("192.168.0.0", "192.168.255.255", "192.167.255.255", "192.169.0.0"),
        ("192.0.0.0", "192.0.0.255", "191.255.255.255", "192.0.1.0"),
        ("198.18.0.0", "198.19.255.255", "198.17.255.255", "198.20.0.0"),
    ];
    for (first, last, before, after) in not_public {
        assert_eq!(of(first, Network::Public), error("address.not_public"), "{first}");
        assert_eq!(of(last, Network::Public), error("address.not_public"), "{last}");
        assert_eq!((of(before, Network::Public), of(after, Network::Public)), (vec![], vec![]), "{before} {after}");
    }
    for private in ["10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255", "192.168.0.0", "192.168.255.255"] {
        assert_eq!(of(private, Network::Private), [], "{private}");
    }
    for other in ["9.255.255.255", "11.0.0.0", "172.15.255.255", "172.32.0.0", "192.0.0.1", "198.18.0.1", "8.8.8.8"] {
        assert_eq!(of(other, Network::Private), warning("address.not_private"), "{other}");
    }
    for (first, last, before, after) in [
        ("192.0.2.0", "192.0.2.255", "192.0.1.255", "192.0.3.0"),
        ("198.51.100.0", "198.51.100.255", "198.51.99.255", "198.51.101.0"),
        ("203.0.113.0", "203.0.113.255", "203.0.112.255", "203.0.114.0"),
    ] {
        assert_eq!(of(first, Network::Public), warning("address.documentation"), "{first}");
        assert_eq!(of(last, Network::Public), warning("address.documentation"), "{last}");
        assert_eq!((of(before, Network::Public), of(after, Network::Public)), (vec![], vec![]), "{before} {after}");
    }
}

#[test]
fn ipv6_is_refused_and_a_mapped_address_says_which_ipv4_it_is() {
    for network in NETWORKS {
        for address in ["2001:db8::1", "::1", "::", "fe80::1", "::ffff:203.0.113.7"] {
            assert_eq!(of(address, network), error("address.ipv6"), "{address}");
        }
    }
    let mapped: IpAddr = "::ffff:203.0.113.7".parse().unwrap();
    let [finding] = validate::address(mapped, Network::Public).try_into().unwrap();
    let Finding { remedy, .. } = finding;
    assert!(remedy.contains("203.0.113.7"), "{remedy}");
}

#[test]
fn findings_name_the_address_the_range_and_a_way_on() {
    for (text, range) in [("100.64.0.1", "100.64.0.0/10"), ("192.168.1.1", "192.168.0.0/16"), ("198.18.0.1", "198.18.0.0/15")] {
        let [finding] = validate::address(text.parse().unwrap(), Network::Public).try_into().unwrap();
        assert!(finding.message.contains(text) && finding.message.contains(range), "{}", finding.message);
        assert!(finding.remedy.contains("behind NAT? add a stun: or https: source"), "{}", finding.remedy);
    }
    // Every special address, on both networks, has something to say to the reader.
    for range in ranges::ALL {
        for network in NETWORKS {
            for finding in validate::address(range.first.into(), network) {
                assert!(finding.message.contains(&range.first.to_string()) && finding.remedy.len() > 20, "{finding:?}");
                assert!(findings::meaning(finding.code).is_some(), "{finding:?}");
                let stun = finding.remedy.contains("stun") && !finding.remedy.contains("stun: comes with a later version");
                assert!(!stun, "not in this version: {finding:?}");
            }
        }
    }
}

/// 2^32 addresses are too many for each run: every /16's first and last, and every /24's around the short ranges.
#[test]
fn a_sweep_of_the_whole_space() {
    for block in 0..=u16::MAX {
        for low in [0, 1, 0x00ff, 0x0100, 0x02ff, 0x7fff, 0xfffe, 0xffff] {
            let address = Ipv4Addr::from(u32::from(block) << 16 | low);
            for network in NETWORKS {
                assert_eq!(verdict(address, network), reference(address, network), "{address} {network:?}");
            }
        }
    }
    for (a, b) in [(192u8, 0u8), (198, 51), (203, 0)] {
        for (c, d) in (0..=255).flat_map(|c| [(c, 0), (c, 255)]) {
            let address = Ipv4Addr::new(a, b, c, d);
            assert_eq!(verdict(address, Network::Public), reference(address, Network::Public), "{address}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn no_address_disagrees_with_the_reference(bits: u32, private: bool) {
        let network = if private { Network::Private } else { Network::Public };
        let address = Ipv4Addr::from(bits);
        prop_assert_eq!(verdict(address, network), reference(address, network));
    }
}
