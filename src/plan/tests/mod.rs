//! The decisions as tables. What a whole course of them leads to is searched in `tests/registration_faults.rs`.

mod ownership;
mod pending;
mod registration;
mod removal;
mod replacement;
mod replacement_gates;
mod replacement_letting_go;
mod replacement_next;
mod replacement_tunnels;

use super::{Desired, Gate, Now, Owner, Situation, plan};
use crate::journal::replay::{Progress, Registered};
use crate::model::{
    Asn, Attachment, CustomerGateway, Finding, Inventory, IpsecConnection, RegistrationPolicy, Tags, Timestamp, Tunnel, TunnelRole,
};
use jiff::SignedDuration;
use std::net::Ipv4Addr;

const REGION: &str = "cn-hangzhou";
const IP: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 7);
const OTHER_IP: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 8);
const ALLOWED: RegistrationPolicy = RegistrationPolicy { create: true, adopt: true };

fn owner() -> Owner {
    Owner { device: "box-1".into(), id: "0123456789abcdef0123456789abcdef".into(), epoch: 2 }
}

fn now() -> Timestamp {
    "2026-01-02T03:04:05Z".parse().unwrap()
}

fn uptime() -> SignedDuration {
    SignedDuration::from_hours(100)
}

fn clocks() -> Now {
    Now { wall: now(), uptime: uptime() }
}

fn desired() -> Desired {
    Desired {
        owner: owner(),
        region: REGION.into(),
        ip: IP,
        asn: Asn::new(65_001),
        name: None,
        description: None,
        resource_group: None,
        tags: Tags::new(),
    }
}

fn gateway(id: &str, ip: Ipv4Addr, tags: Tags) -> CustomerGateway {
    CustomerGateway {
        id: id.into(),
        ip,
        asn: Asn::new(65_001),
        name: "box-1".into(),
        description: String::new(),
        auth_key: None,
        resource_group: String::new(),
        created: None,
        tags,
    }
}

fn ours(id: &str, ip: Ipv4Addr) -> CustomerGateway {
    gateway(id, ip, owner().mark())
}

fn unmarked(id: &str, ip: Ipv4Addr) -> CustomerGateway {
    gateway(id, ip, Tags::new())
}

fn foreign(id: &str, ip: Ipv4Addr) -> CustomerGateway {
    gateway(id, ip, Tags::from([("cgwd-device".into(), "box-2".into()), ("cgwd-owner".into(), "ffff.1".into())]))
}

fn with_asn(asn: Option<u32>, gateway: CustomerGateway) -> CustomerGateway {
    CustomerGateway { asn: asn.and_then(Asn::new), ..gateway }
}

fn inventory(customer_gateways: Vec<CustomerGateway>) -> Inventory {
    Inventory { region: REGION.into(), read_at: now(), customer_gateways, connections: Vec::new(), connections_read: false }
}

fn registered(id: &str, ip: Ipv4Addr, since: Timestamp) -> Progress {
    let known = Registered { id: id.into(), ip: ip.into(), asn: Asn::new(65_001), region: REGION.into(), since };
    Progress { registered: Some(known), ..Progress::new("journal") }
}

fn decide(desired: &Desired, inventory: &Inventory, progress: &Progress) -> super::Decision {
    let gates = [Gate::passed("observation", "by the test")];
    plan(&Situation { gates: &gates, ..bare(desired, inventory) }, progress, clocks())
}

/// Nothing found and nothing refused beforehand.
fn bare<'a>(desired: &'a Desired, inventory: &'a Inventory) -> Situation<'a> {
    Situation {
        desired: Some(desired),
        findings: &[],
        gates: &[],
        policy: ALLOWED,
        free_bytes: None,
        clock_offset: jiff::SignedDuration::ZERO,
        inventory,
    }
}

fn codes(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().map(|finding| finding.code).collect()
}

fn tunnel(id: &str, index: u8, customer_gateway_id: &str) -> Tunnel {
    Tunnel {
        id: id.into(),
        index,
        role: if index == 1 { TunnelRole::Active } else { TunnelRole::Standby },
        customer_gateway_id: customer_gateway_id.into(),
        state: "active".into(),
        status: "ipsec_sa_established".into(),
        internet_ip: None,
        remote_id: String::new(),
        bgp_status: String::new(),
    }
}

/// Its customer gateways: one for a single-tunnel connection, two for a dual-tunnel one.
fn connection(id: &str, attachment: Attachment, customer_gateways: &[&str]) -> IpsecConnection {
    let (single, tunnels) = match customer_gateways {
        [one] => ((*one).to_owned(), Vec::new()),
        both => (String::new(), both.iter().zip(1..).map(|(own, index)| tunnel(&format!("{id}-{index}"), index, own)).collect()),
    };
    IpsecConnection {
        id: id.into(),
        name: String::new(),
        attachment,
        customer_gateway_id: single,
        tunnels,
        state: "active".into(),
        status: String::new(),
        internet_ip: None,
        local_subnet: String::new(),
        remote_subnet: String::new(),
        remote_id: String::new(),
        bgp_enabled: false,
        bgp_status: String::new(),
        health_enabled: false,
        health_status: String::new(),
        cross_account: false,
        tags: Tags::new(),
    }
}

fn on_vpn_gateway() -> Attachment {
    Attachment::VpnGateway("vpn-1".into())
}
