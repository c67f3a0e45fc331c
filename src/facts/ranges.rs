//! IPv4 ranges that decide whether an address can be registered.
//!
//! The cloud's refusals: cloud/api.md 2.1, CreateCustomerGateway `IpAddress` ("not supported"), from the API model of
//! aliyun/alibabacloud-go-sdk vpc-20160428 at 6646806cf434 (2026-08-22) and the manual's customer-gateway page
//! (help.aliyun.com/document_detail/65286, read 2026). The rest is the IANA IPv4 Special-Purpose Address Registry.

use super::findings;
use std::net::Ipv4Addr;

/// Why a range matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeKind {
    /// The cloud's own list: CreateCustomerGateway refuses it.
    RefusedByCloud,
    /// Not in the cloud's list, and no device can have such an address.
    Unusable,
    /// Usable on a private line, never on the Internet.
    NotPublic,
    /// RFC 1918: what the cloud expects for a private connection. Never on the Internet either.
    Private,
    /// Kept for documentation. The cloud's own example uses one, so this is worth a warning and no more.
    Documentation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub first: Ipv4Addr,
    pub last: Ipv4Addr,
    /// As people write it, e.g. `100.64.0.0/10`.
    pub written: &'static str,
    pub kind: RangeKind,
    /// The finding an address in it gets (`Private` and `NotPublic`: on a public connection).
    pub code: &'static str,
    /// What the range is, to follow "is in".
    pub what: &'static str,
    /// Where this is written, and when.
    pub source: &'static str,
}

impl Range {
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        self.first <= address && address <= self.last
    }
}

/// The first range of [`ALL`] that holds the address. 255.0.0.0/8 stands before 240.0.0.0/4, which contains it;
/// apart from these two no ranges overlap.
pub fn of(address: Ipv4Addr) -> Option<&'static Range> {
    ALL.iter().find(|range| range.contains(address))
}

/// Kept for documentation (RFC 5737): no device answers there.
pub fn is_documentation(address: Ipv4Addr) -> bool {
    of(address).is_some_and(|range| range.kind == RangeKind::Documentation)
}

const CLOUD: &str = "cloud/api.md 2.1 CreateCustomerGateway, alibabacloud-go-sdk 6646806cf434, 2026-08-22";

pub const ALL: &[Range] = &[
    Range {
        first: Ipv4Addr::new(100, 64, 0, 0),
        last: Ipv4Addr::new(100, 127, 255, 255),
        written: "100.64.0.0/10",
        kind: RangeKind::RefusedByCloud,
        code: findings::ADDRESS_SHARED_SPACE,
        what: "the shared space of carrier-grade NAT (RFC 6598)",
        source: CLOUD,
    },
    Range {
        first: Ipv4Addr::new(127, 0, 0, 0),
        last: Ipv4Addr::new(127, 255, 255, 255),
        written: "127.0.0.0/8",
        kind: RangeKind::RefusedByCloud,
        code: findings::ADDRESS_LOOPBACK,
        what: "the loopback range",
        source: CLOUD,
    },
    Range {
        first: Ipv4Addr::new(169, 254, 0, 0),
        last: Ipv4Addr::new(169, 254, 255, 255),
        written: "169.254.0.0/16",
        kind: RangeKind::RefusedByCloud,
        code: findings::ADDRESS_LINK_LOCAL,
        what: "the link-local range",
        source: CLOUD,
    },
    Range {
        first: Ipv4Addr::new(224, 0, 0, 0),
        last: Ipv4Addr::new(239, 255, 255, 255),
        written: "224.0.0.0/4",
        kind: RangeKind::RefusedByCloud,
        code: findings::ADDRESS_MULTICAST,
        what: "the multicast range",
        source: CLOUD,
    },
    Range {
        first: Ipv4Addr::new(255, 0, 0, 0),
        last: Ipv4Addr::new(255, 255, 255, 255),
        written: "255.0.0.0/8",
        kind: RangeKind::RefusedByCloud,
        code: findings::ADDRESS_RESERVED,
        what: "the range of the broadcast address",
        source: CLOUD,
    },
    Range {
        first: Ipv4Addr::new(0, 0, 0, 0),
        last: Ipv4Addr::new(0, 255, 255, 255),
        written: "0.0.0.0/8",
        kind: RangeKind::Unusable,
        code: findings::ADDRESS_UNSPECIFIED,
        what: "the range \"this network\", which names no host",
        source: "RFC 1122 3.2.1.3, RFC 6890, 2013-04",
    },
    Range {
        first: Ipv4Addr::new(240, 0, 0, 0),
        last: Ipv4Addr::new(255, 255, 255, 255),
        written: "240.0.0.0/4",
        kind: RangeKind::Unusable,
        code: findings::ADDRESS_RESERVED,
        what: "the range reserved for future use",
        source: "RFC 1112 4, RFC 6890, 2013-04",
    },
    Range {
        first: Ipv4Addr::new(10, 0, 0, 0),
        last: Ipv4Addr::new(10, 255, 255, 255),
        written: "10.0.0.0/8",
        kind: RangeKind::Private,
        code: findings::ADDRESS_NOT_PUBLIC,
        what: "private space (RFC 1918)",
        source: "RFC 1918 3, 1996-02",
    },
    Range {
        first: Ipv4Addr::new(172, 16, 0, 0),
        last: Ipv4Addr::new(172, 31, 255, 255),
        written: "172.16.0.0/12",
        kind: RangeKind::Private,
        code: findings::ADDRESS_NOT_PUBLIC,
        what: "private space (RFC 1918)",
        source: "RFC 1918 3, 1996-02",
    },
    Range {
        first: Ipv4Addr::new(192, 168, 0, 0),
        last: Ipv4Addr::new(192, 168, 255, 255),
        written: "192.168.0.0/16",
        kind: RangeKind::Private,
        code: findings::ADDRESS_NOT_PUBLIC,
        what: "private space (RFC 1918)",
        source: "RFC 1918 3, 1996-02",
    },
    Range {
        first: Ipv4Addr::new(192, 0, 0, 0),
        last: Ipv4Addr::new(192, 0, 0, 255),
        written: "192.0.0.0/24",
        kind: RangeKind::NotPublic,
        code: findings::ADDRESS_NOT_PUBLIC,
        what: "the range of IETF protocol assignments",
        source: "RFC 6890 2.1, 2013-04",
    },
    Range {
        first: Ipv4Addr::new(198, 18, 0, 0),
        last: Ipv4Addr::new(198, 19, 255, 255),
        written: "198.18.0.0/15",
        kind: RangeKind::NotPublic,
        code: findings::ADDRESS_NOT_PUBLIC,
        what: "the benchmarking range",
        source: "RFC 2544 C.2.2, RFC 6890, 2013-04",
    },
    Range {
        first: Ipv4Addr::new(192, 0, 2, 0),
        last: Ipv4Addr::new(192, 0, 2, 255),
        written: "192.0.2.0/24",
        kind: RangeKind::Documentation,
        code: findings::ADDRESS_DOCUMENTATION,
        what: "a range for documentation (TEST-NET-1)",
        source: "RFC 5737 3, 2010-01",
    },
    Range {
        first: Ipv4Addr::new(198, 51, 100, 0),
        last: Ipv4Addr::new(198, 51, 100, 255),
        written: "198.51.100.0/24",
        kind: RangeKind::Documentation,
        code: findings::ADDRESS_DOCUMENTATION,
        what: "a range for documentation (TEST-NET-2)",
        source: "RFC 5737 3, 2010-01",
    },
    Range {
        first: Ipv4Addr::new(203, 0, 113, 0),
        last: Ipv4Addr::new(203, 0, 113, 255),
        written: "203.0.113.0/24",
        kind: RangeKind::Documentation,
        code: findings::ADDRESS_DOCUMENTATION,
        what: "a range for documentation (TEST-NET-3)",
        source: "RFC 5737 3, 2010-01",
    },
];

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::model::Prefix;

    #[test]
    fn the_bounds_are_those_of_the_written_prefix() {
        for range in ALL {
            let (network, length) = range.written.split_once('/').unwrap();
            let prefix = Prefix { network: network.parse().unwrap(), length: length.parse().unwrap() };
            let (first, last) = (u32::from(range.first), u32::from(range.last));
            assert_eq!(range.first, prefix.network, "{}", range.written);
            assert_eq!(u64::from(last - first) + 1, 1u64 << (32 - prefix.length), "{}", range.written);
            assert!(prefix.contains(range.last), "{}", range.written);
        }
    }

    #[test]
    fn only_the_reserved_ranges_overlap() {
        for (index, range) in ALL.iter().enumerate() {
            for other in &ALL[index + 1..] {
                let apart = range.last < other.first || other.last < range.first;
                assert!(apart || (range.written, other.written) == ("255.0.0.0/8", "240.0.0.0/4"), "{} {}", range.written, other.written);
            }
        }
    }

    #[test]
    fn every_code_is_a_finding_and_every_fact_has_a_dated_source() {
        for range in ALL {
            assert!(findings::meaning(range.code).is_some(), "{}", range.written);
            assert!(["19", "20"].iter().any(|century| range.source.contains(&format!(", {century}"))), "{}", range.written);
        }
    }
}
