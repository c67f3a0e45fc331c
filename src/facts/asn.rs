//! ASN rules. The cloud's: cloud/api.md 2.1, CreateCustomerGateway `Asn` (1-4294967295 or two segments, 45104 refused),
//! from the API model of aliyun/alibabacloud-go-sdk vpc-20160428 at 6646806cf434 (2026-08-22). The others: RFCs.

use super::findings;
use std::ops::RangeInclusive;

/// Alibaba Cloud's own ASN and the default on its side of a BGP session: a customer gateway may not have it
/// (cloud/api.md 2.1, 2026-08-22).
pub const CLOUD: u32 = 45104;
/// AS_TRANS stands in for a 32-bit ASN towards 16-bit speakers (RFC 6793 9, 2012-12).
pub const AS_TRANS: u32 = 23456;
/// Last 16-bit ASN, reserved (RFC 7300 2, 2014-07).
pub const LAST_16_BIT: u32 = 65535;
/// Last 32-bit ASN, reserved (RFC 7300 2, 2014-07).
pub const LAST_32_BIT: u32 = 4_294_967_295;

/// For private use (RFC 6996 5, 2013-07); the cloud recommends these (manual, document_detail/65286, read 2026).
pub const PRIVATE_16_BIT: RangeInclusive<u32> = 64512..=65534;
/// For private use (RFC 6996 5, 2013-07); the cloud recommends these too.
pub const PRIVATE_32_BIT: RangeInclusive<u32> = 4_200_000_000..=4_294_967_294;

/// Whether the cloud refuses it or merely we warn of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    RefusedByCloud,
    /// In the cloud's range, and reserved by an RFC.
    ReservedByRfc,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReservedAsn {
    pub number: u32,
    pub standing: Standing,
    pub code: &'static str,
    /// What it is, to follow "is".
    pub what: &'static str,
    pub source: &'static str,
}

/// Each single ASN with a rule of its own.
pub const ALL: &[ReservedAsn] = &[
    ReservedAsn {
        number: CLOUD,
        standing: Standing::RefusedByCloud,
        code: findings::ASN_RESERVED_BY_CLOUD,
        what: "Alibaba Cloud's own ASN",
        source: "cloud/api.md 2.1 CreateCustomerGateway, alibabacloud-go-sdk 6646806cf434, 2026-08-22",
    },
    ReservedAsn {
        number: AS_TRANS,
        standing: Standing::ReservedByRfc,
        code: findings::ASN_AS_TRANS,
        what: "AS_TRANS, the placeholder for 32-bit ASNs (RFC 6793)",
        source: "RFC 6793 9, 2012-12",
    },
    ReservedAsn {
        number: LAST_16_BIT,
        standing: Standing::ReservedByRfc,
        code: findings::ASN_RESERVED_BY_RFC,
        what: "the last 16-bit ASN, which RFC 7300 reserves",
        source: "RFC 7300 2, 2014-07",
    },
    ReservedAsn {
        number: LAST_32_BIT,
        standing: Standing::ReservedByRfc,
        code: findings::ASN_RESERVED_BY_RFC,
        what: "the last 32-bit ASN, which RFC 7300 reserves",
        source: "RFC 7300 2, 2014-07",
    },
];

pub fn reserved(number: u32) -> Option<&'static ReservedAsn> {
    ALL.iter().find(|entry| entry.number == number)
}

pub fn is_private(number: u32) -> bool {
    PRIVATE_16_BIT.contains(&number) || PRIVATE_32_BIT.contains(&number)
}
