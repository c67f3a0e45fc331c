//! Rules about this device's address and ASN: values in, findings out. All rules run, all findings are returned.

mod address;
mod asn;
mod bgp;

pub use address::address;
pub use asn::{asn, asn_text};
pub use bgp::{AsnVerdict, AttestedAsn, CONFIG, bgp};
