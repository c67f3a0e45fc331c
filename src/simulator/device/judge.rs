//! Whether the two ends of a tunnel come to terms.

use super::{Device, Devices, End, Knowledge, TAG_DEVICE};
use crate::simulator::objects::{Carrier, Ike, Ipsec};
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nobody said who is at the other end, or whether anything is sent.
    Waits,
    Fails(Fault),
    Agrees {
        bgp: bool,
        health_good: bool,
    },
}

/// Why there is no tunnel. No fault holds a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    NotBound,
    /// Nobody answers at the customer gateway's address.
    Silence,
    Psk,
    /// What the cloud expects of the device, and what the device says.
    RemoteId {
        configured: String,
        presented: String,
    },
    /// What the cloud says, and what the device expects of it.
    LocalId {
        configured: String,
        expected: String,
    },
    /// The algorithms of both sides.
    Proposal {
        configured: String,
        expected: String,
    },
}

/// The settings that a device has for a tunnel where it states none itself: those that the tunnel was first seen with.
pub(super) struct Expected {
    psk: String,
    local_id: String,
    proposal: String,
}

impl Expected {
    pub(super) fn of(end: &End<'_>) -> Expected {
        Expected { psk: end.ike.psk.clone(), local_id: end.local_id().to_owned(), proposal: proposal(end.ike, end.ipsec) }
    }
}

/// The customer gateways that ever bore a device's mark, in the order in which they got it.
pub(super) type Marks = BTreeMap<String, Vec<String>>;

enum Answer<'a> {
    Unknown,
    Nobody,
    Device(&'a Device, &'a Knowledge),
    /// A device of which only the address is known.
    Guess,
}

pub(super) fn judge(devices: &Devices, marks: &Marks, end: &End<'_>, expected: &Expected) -> Verdict {
    if end.connection.carrier == Carrier::Unbound {
        return Verdict::Fails(Fault::NotBound);
    }
    let plain = Knowledge::default();
    let (device, known) = match answer(devices, marks, end) {
        Answer::Unknown => return Verdict::Waits,
        Answer::Nobody => return Verdict::Fails(Fault::Silence),
        Answer::Device(device, known) => (Some(device), known),
        Answer::Guess => (None, &plain),
    };
    if let Some(fault) = fault(end, known, expected) {
        return Verdict::Fails(fault);
    }
    let asn = known.asn.or(device.and_then(|device| device.asn));
    let registered = end.customer.and_then(|customer| customer.asn);
    Verdict::Agrees { bgp: asn.is_none_or(|asn| registered == Some(asn)), health_good: device.is_none_or(|device| device.health_good) }
}

fn answer<'a>(devices: &'a Devices, marks: &Marks, end: &End<'_>) -> Answer<'a> {
    let Some(customer) = end.customer else { return Answer::Nobody };
    match devices {
        Devices::Listed(devices) => {
            let there = devices.iter().filter(|device| device.addresses.contains(&customer.ip));
            there
                .filter_map(|device| Some((device, device.knows(end)?)))
                .next()
                .map_or(Answer::Nobody, |(device, known)| Answer::Device(device, known))
        }
        Devices::Guessed => match customer.tags.get(TAG_DEVICE).and_then(|device| marks.get(device)).map(Vec::as_slice) {
            None | Some([] | [_]) => Answer::Unknown,
            Some([.., newest]) if *newest == customer.id => Answer::Guess,
            Some(_) => Answer::Nobody,
        },
    }
}

fn fault(end: &End<'_>, known: &Knowledge, expected: &Expected) -> Option<Fault> {
    let address = end.customer.map_or("", |customer| customer.ip.as_str());
    let presented = known.local_id.as_deref().unwrap_or(address);
    if end.ike.remote_id != presented {
        return Some(Fault::RemoteId { configured: end.ike.remote_id.clone(), presented: presented.to_owned() });
    }
    let configured = proposal(end.ike, end.ipsec);
    if configured != expected.proposal {
        return Some(Fault::Proposal { configured, expected: expected.proposal.clone() });
    }
    if end.local_id() != expected.local_id {
        return Some(Fault::LocalId { configured: end.local_id().to_owned(), expected: expected.local_id.clone() });
    }
    (end.ike.psk != *known.psk.as_ref().unwrap_or(&expected.psk)).then_some(Fault::Psk)
}

/// Lifetimes are not negotiated: each side keeps its own.
fn proposal(ike: &Ike, ipsec: &Ipsec) -> String {
    let Ike { ike_version, ike_mode, ike_enc_alg, ike_auth_alg, ike_pfs, .. } = ike;
    let Ipsec { ipsec_enc_alg, ipsec_auth_alg, ipsec_pfs, .. } = ipsec;
    format!("{ike_version}/{ike_mode}/{ike_enc_alg}/{ike_auth_alg}/{ike_pfs}, {ipsec_enc_alg}/{ipsec_auth_alg}/{ipsec_pfs}")
}
