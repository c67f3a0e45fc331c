//! The other ends of the tunnels: the devices behind the customer gateways, and what comes of it.
//!
//! ```text
//!  Objects ─► End (one tunnel, or a single-tunnel connection) ─┐
//!                                                              ├─► judge ─► Verdict ─► Peers ─► Status, BgpStatus, logs
//!  Devices (who answers at the customer gateway's address) ────┘
//! ```
//!
//! None of this is documented by the cloud: it is how IKE works, as far as the settings of a customer gateway and a
//! connection matter. A tunnel is established `NegotiationMs` after it was configured, and only while
//!
//! - a device answers at its customer gateway's address and knows the tunnel,
//! - `RemoteId` is what that device calls itself (its address, where it says nothing else),
//! - the pre-shared key is the device's; where the device states none, it has the key that the tunnel was first seen
//!   with. The same holds for the cloud's `LocalId` and for the algorithms. A connection that takes the place of a
//!   deleted one (same VPN gateway, subnets and device) is measured by the deleted one's settings.
//!
//! BGP is up where the tunnel is and the customer gateway's ASN is the device's.
//!
//! Where the seed lists no `Devices`, nobody said where they are. Then a device is known by the tag `cgwd-device` of
//! customer gateways. While only one customer gateway ever bore a device's tag its tunnels wait for traffic; as soon
//! as a second one bears it the device is taken to be at the address of the one that got it last, for good: a device
//! that moves back, or has two addresses, needs to be listed. Nothing is known of
//! the device behind a customer gateway without the tag: its tunnels wait too. A tunnel that waits keeps the `Status`
//! that the seed or an operator gave it until it is configured anew, and is down from then on.

mod end;
mod found;
mod judge;
mod peers;

pub use end::{End, ends};
pub(super) use found::found;
pub use judge::{Fault, Verdict};
pub use peers::{Entry, Event, Peers, Told};

use crate::facts::names::TAG_DEVICE;
use crate::model::Timestamp;
use std::fmt;

pub const ESTABLISHED: &str = "ipsec_sa_established";
pub const NO_SA: &str = "ike_sa_not_established";

/// A device on the customer's premises.
#[derive(Clone, PartialEq)]
pub struct Device {
    pub name: String,
    /// Where it answers now; several for a device with two uplinks, none for one that is off.
    pub addresses: Vec<String>,
    /// Where it goes later, soonest first.
    pub moves: Vec<Move>,
    /// `None` speaks BGP under any ASN that is registered.
    pub asn: Option<u32>,
    /// Whether it answers health checks.
    pub health_good: bool,
    /// What it knows; where it is empty, every tunnel.
    pub tunnels: Vec<Knowledge>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    pub at: Timestamp,
    pub addresses: Vec<String>,
}

/// What a device has configured for the tunnels that fit all of the first three.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Knowledge {
    pub connection: Option<String>,
    pub tunnel: Option<String>,
    /// The cloud's address.
    pub internet_ip: Option<String>,
    pub psk: Option<String>,
    /// What it calls itself; the cloud's `RemoteId`.
    pub local_id: Option<String>,
    pub asn: Option<u32>,
}

#[derive(Clone)]
pub enum Devices {
    Listed(Vec<Device>),
    /// Taken from the marks of customer gateways.
    Guessed,
}

impl Device {
    /// A device that knows every tunnel.
    pub fn new(name: &str, address: &str) -> Device {
        Device {
            name: name.to_owned(),
            addresses: vec![address.to_owned()],
            moves: Vec::new(),
            asn: None,
            health_good: true,
            tunnels: Vec::new(),
        }
    }

    /// From now on it is here, and goes nowhere by itself any more.
    pub fn move_to(&mut self, addresses: &[&str]) {
        self.addresses = addresses.iter().map(|address| (*address).to_owned()).collect();
        self.moves.clear();
    }

    fn move_on(&mut self, now: Timestamp) {
        while self.moves.first().is_some_and(|next| next.at <= now) {
            self.addresses = self.moves.remove(0).addresses;
        }
    }

    fn knows(&self, end: &End<'_>) -> Option<&Knowledge> {
        const NOTHING_SPECIAL: &Knowledge =
            &Knowledge { connection: None, tunnel: None, internet_ip: None, psk: None, local_id: None, asn: None };
        if self.tunnels.is_empty() { Some(NOTHING_SPECIAL) } else { self.tunnels.iter().find(|known| known.fits(end)) }
    }
}

impl Knowledge {
    fn fits(&self, end: &End<'_>) -> bool {
        let is = |wanted: &Option<String>, own: &str| wanted.as_deref().is_none_or(|wanted| wanted == own);
        is(&self.connection, &end.connection.id) && is(&self.tunnel, end.id) && is(&self.internet_ip, end.internet_ip)
    }
}

/// Its keys stay unseen.
impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Device({} at {:?})", self.name, self.addresses)
    }
}
