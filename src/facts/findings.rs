//! Every finding code with one line of meaning. Codes are stable: scripts match on them (product.md 2).

/// A code and what it means, for the reference page and `cgwd check`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FindingCode {
    pub code: &'static str,
    pub meaning: &'static str,
}

/// The meaning of a code; `None` for a code that does not exist.
pub fn meaning(code: &str) -> Option<&'static str> {
    ALL.iter().find(|entry| entry.code == code).map(|entry| entry.meaning)
}

macro_rules! codes {
    ($($name:ident = $code:literal, $meaning:literal;)*) => {
        $(#[doc = $meaning] pub const $name: &str = $code;)*

        /// In the order of this file: address, asn, region, owner and gateway, registration, cloud, state.
        pub const ALL: &[FindingCode] = &[$(FindingCode { code: $name, meaning: $meaning }),*];
    };
}

codes! {
    ADDRESS_SHARED_SPACE = "address.shared_space", "The address is in 100.64.0.0/10 (carrier-grade NAT), which the cloud refuses.";
    ADDRESS_LOOPBACK = "address.loopback", "The address is in 127.0.0.0/8, which the cloud refuses.";
    ADDRESS_LINK_LOCAL = "address.link_local", "The address is in 169.254.0.0/16, which the cloud refuses.";
    ADDRESS_MULTICAST = "address.multicast", "The address is in 224.0.0.0/4, which the cloud refuses.";
    ADDRESS_RESERVED = "address.reserved", "The address is in 240.0.0.0/4 or 255.0.0.0/8: no device can have it.";
    ADDRESS_UNSPECIFIED = "address.unspecified", "The address is in 0.0.0.0/8: no device can have it.";
    ADDRESS_NOT_PUBLIC = "address.not_public", "The connections run over the Internet and the address is not a public one.";
    ADDRESS_NOT_PRIVATE = "address.not_private", "The connections run over a private line and the address is not in RFC 1918 space.";
    ADDRESS_DOCUMENTATION = "address.documentation", "The address is in a range that RFC 5737 keeps for documentation.";
    ADDRESS_IPV6 = "address.ipv6", "The address is IPv6; customer gateways have IPv4 addresses.";
    ADDRESS_MISSING = "address.missing", "No source gave an address.";
    ADDRESS_DISAGREEMENT = "address.disagreement", "The sources gave different addresses.";
    ADDRESS_AMBIGUOUS = "address.ambiguous", "A source has several addresses and nothing says which one counts.";
    ADDRESS_INTO_IPSEC = "address.into_ipsec", "An echo service or the cloud's API would be asked through an IPsec tunnel, which may be the one to repair.";
    ASN_RESERVED_BY_CLOUD = "asn.reserved_by_cloud", "The ASN is 45104, which the cloud keeps for itself.";
    ASN_OUT_OF_RANGE = "asn.out_of_range", "The ASN is 0 or above 4294967295.";
    ASN_SYNTAX = "asn.syntax", "The ASN is neither a decimal number nor the two-segment form H.L.";
    ASN_MISSING = "asn.missing", "BGP is configured and no ASN could be found out, now or earlier.";
    ASN_MISMATCH = "asn.mismatch", "Two origins of the ASN contradict one another.";
    ASN_UNKNOWN = "asn.unknown", "The source of the ASN failed; what was known before still holds.";
    ASN_PUBLIC = "asn.public", "The ASN is a public one; the cloud recommends private ones.";
    ASN_AS_TRANS = "asn.as_trans", "The ASN is 23456 (AS_TRANS), a placeholder that no network owns.";
    ASN_RESERVED_BY_RFC = "asn.reserved_by_rfc", "The ASN is 65535 or 4294967295, which RFC 7300 reserves.";
    REGION_MISMATCH = "region.mismatch", "The configured region is not the region of the configured VPN gateway, transit router or connections.";
    REGION_UNKNOWN = "region.unknown", "The region does not exist, or the configured resource was found in none.";
    OWNER_FOREIGN = "owner.foreign", "The customer gateway bears another device's mark.";
    GATEWAY_DUPLICATE = "gateway.duplicate", "Several customer gateways bear this device's mark.";
    GATEWAY_DRIFT = "gateway.drift", "Our customer gateway was deleted or edited by somebody else, or is in a region that is no longer configured.";
    GATEWAY_ADDRESS_TAKEN = "gateway.address_taken", "An unmarked customer gateway has this device's address with another ASN.";
    GATEWAY_ASN_UNMANAGED = "gateway.asn_unmanaged", "The customer gateway has an ASN and the configuration has no [bgp] table.";
    GATEWAY_LEFTOVER = "gateway.leftover", "A replacement is done and the old customer gateway could not be deleted.";
    REGISTRATION_CREATE_DISABLED = "registration.create_disabled", "A customer gateway has to be created and `[registration] create` is false.";
    REGISTRATION_ADOPT_DISABLED = "registration.adopt_disabled", "A customer gateway could be adopted and `[registration] adopt` is false.";
    QUOTA_FULL = "quota.full", "The region holds as many customer gateways as the account may have.";
    CLOCK_SKEW = "clock.skew", "This machine's clock is more than five minutes off the cloud's.";
    CLOUD_UNREACHABLE = "cloud.unreachable", "The cloud's API gave no usable answer; nothing is known about what it holds.";
    CLOUD_FORBIDDEN = "cloud.forbidden", "The cloud refused the call for lack of rights or did not accept the credentials; this never means that nothing is there.";
    CLOUD_REFUSED = "cloud.refused", "The cloud refused the call for what it asks.";
    STATE_UNREADABLE = "state.unreadable", "What this device has done before cannot be read, so whatever depends on it is not known.";
    STATE_DISK_FULL = "state.disk_full", "Less than 1 MiB is free where the journal is kept, so no write to the cloud is begun.";
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_well_formed_and_explained() {
        for (index, entry) in ALL.iter().enumerate() {
            assert!(ALL[index + 1..].iter().all(|other| other.code != entry.code), "{} stands twice", entry.code);
            let (area, name) = entry.code.split_once('.').unwrap();
            for part in [area, name] {
                assert!(!part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'), "{part}");
            }
            assert!(entry.meaning.ends_with('.') && entry.meaning.len() > 20, "{}", entry.code);
            assert_eq!(meaning(entry.code), Some(entry.meaning));
        }
        assert_eq!(meaning("address.nonsense"), None);
    }

    /// The codes that product.md 2 names, written out once more: a renamed constant must not rename a code.
    #[test]
    fn the_codes_of_the_contract_exist() {
        let contract = "address.shared_space address.loopback address.link_local address.multicast address.reserved address.unspecified \
            address.not_public address.not_private address.documentation address.ipv6 address.missing address.disagreement \
            address.ambiguous asn.reserved_by_cloud asn.out_of_range asn.syntax asn.missing asn.mismatch asn.public asn.as_trans \
            region.mismatch region.unknown owner.foreign gateway.duplicate gateway.drift";
        for code in contract.split_whitespace() {
            assert!(meaning(code).is_some(), "{code}");
        }
    }
}
