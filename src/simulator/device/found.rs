//! The devices of a seed.

use super::{Device, Devices, Knowledge, Move};
use crate::model::Timestamp;
use crate::simulator::seed::{Seed, SeedDevice, SeedError, SeedKnowledge};
use std::net::Ipv4Addr;
use std::time::Duration;

pub fn found(seed: &Seed, now: Timestamp) -> Result<Devices, SeedError> {
    let Some(seeded) = &seed.devices else { return Ok(Devices::Guessed) };
    let mut devices: Vec<Device> = Vec::new();
    for (at, seeded) in seeded.iter().enumerate() {
        let place = format!("Devices[{at}]");
        if devices.iter().any(|other| other.name == seeded.name) {
            return Err(wrong(format!("{place}.Name"), "two devices cannot have one name"));
        }
        devices.push(device(seeded, now, &place)?);
    }
    Ok(Devices::Listed(devices))
}

fn device(seeded: &SeedDevice, now: Timestamp, place: &str) -> Result<Device, SeedError> {
    let mut moves = Vec::new();
    for later in &seeded.address_at {
        let addresses = addresses(&later.address, &format!("{place}.AddressAt"))?;
        moves.push(Move { at: now + Duration::from_millis(later.after_ms), addresses });
    }
    moves.sort_by_key(|later| later.at);
    Ok(Device {
        name: seeded.name.clone(),
        addresses: addresses(&seeded.address, place)?,
        moves,
        asn: seeded.asn,
        health_good: seeded.health_good,
        tunnels: seeded.tunnels.iter().map(knowledge).collect(),
    })
}

fn addresses(given: &[String], place: &str) -> Result<Vec<String>, SeedError> {
    let address = |text: &String| {
        let parsed: Result<Ipv4Addr, _> = text.parse();
        parsed.map(|address| address.to_string()).map_err(|_| wrong(format!("{place}.Address"), format!("`{text}` is no IPv4 address")))
    };
    given.iter().map(address).collect()
}

fn knowledge(seeded: &SeedKnowledge) -> Knowledge {
    Knowledge {
        connection: seeded.vpn_connection_id.clone(),
        tunnel: seeded.tunnel_id.clone(),
        internet_ip: seeded.internet_ip.clone(),
        psk: seeded.psk.clone(),
        local_id: seeded.local_id.clone(),
        asn: seeded.asn,
    }
}

fn wrong(place: String, problem: impl Into<String>) -> SeedError {
    SeedError::Meaning { place, problem: problem.into() }
}
