//! Where a course of events begins, what is wanted, and how it has to end.

use cgwd::model::{Asn, RegistrationPolicy, Tags};
use cgwd::plan::{Desired, Owner};
use serde_json::{Value, json};
use std::net::Ipv4Addr;

pub const REGION: &str = "cn-hangzhou";
pub const DEVICE: &str = "box-1";
pub const DEVICE_ID: &str = "0123456789abcdef0123456789abcdef";
pub const IP: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 7);
/// The address after a move.
pub const OTHER_IP: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 8);
pub const ASN: u32 = 65_001;

pub struct Topology {
    pub name: &'static str,
    pub holds: Holds,
    pub before: Before,
    pub aim: Aim,
    pub change: Change,
    pub end: End,
    /// The region is not given but found by the VPN gateway.
    pub located: bool,
    /// Whether an operator may act during the course.
    pub operators: bool,
}

/// What the region holds at the very beginning, beside strangers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    Strangers,
    /// More than one page of them.
    Crowd,
    /// An unmarked one with our address and ASN.
    Unmarked,
    /// An unmarked one with our address and another ASN.
    UnmarkedOtherAsn,
    /// Another device's with our address.
    ForeignHolder,
}

/// What happened before the faults begin.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Before {
    Nothing,
    /// The device was registered, and that is so still.
    Registered,
    Deleted,
    Unmarked,
    /// Somebody copied our mark to a second customer gateway.
    Duplicated,
    /// A connection refers to our customer gateway.
    Connected,
    /// The device was registered, and `deregister` died after its intent was on disk.
    Untagging,
    Deleting,
    /// So did `deregister --delete` of a copy that was made only now.
    DeletingCopy,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Aim {
    Register,
    Unmark,
    Delete,
}

/// What changes on the device after the first attempt, however it ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Change {
    None,
    Address,
    Name,
    /// Of the device itself, which its mark tells.
    Device,
    AuthKey,
    /// Not of the device: the region's quota was full, and somebody makes room.
    Quota,
    /// Nobody makes room.
    NoQuota,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Exactly one bears our mark, with our address and ASN.
    Registered,
    /// Exactly one bears our mark; where it is not the one wanted, a replacement is due.
    RegisteredOrReplace,
    /// Exactly one bears this machine's mark; where that tells an earlier name, it is another's.
    RegisteredOrForeign,
    /// Blocked with this finding, and nothing was ever written.
    Blocked(&'static str),
    /// The quota is full, that is told, and no write is open.
    NoQuota,
    /// A replacement is due, and nothing was written.
    Replace,
    /// No customer gateway bears our mark; ours still exists.
    Unmarked,
    /// Ours is gone.
    Deleted,
    /// A connection uses it: nothing was written.
    InUse,
}

const CREATE: Topology = Topology {
    name: "create",
    holds: Holds::Strangers,
    before: Before::Nothing,
    aim: Aim::Register,
    change: Change::None,
    end: End::Registered,
    located: false,
    operators: true,
};
const DEREGISTER: Topology =
    Topology { name: "deregister", before: Before::Registered, aim: Aim::Unmark, end: End::Unmarked, operators: false, ..CREATE };

pub const ALL: &[Topology] = &[
    CREATE,
    Topology { name: "adopt", holds: Holds::Unmarked, ..CREATE },
    Topology { name: "crowd", holds: Holds::Crowd, operators: false, ..CREATE },
    Topology { name: "located", located: true, operators: false, ..CREATE },
    Topology { name: "registered", before: Before::Registered, ..CREATE },
    Topology { name: "deleted", before: Before::Deleted, ..CREATE },
    Topology { name: "unmarked", before: Before::Unmarked, ..CREATE },
    Topology { name: "duplicated", before: Before::Duplicated, operators: false, ..CREATE },
    Topology { name: "foreign", holds: Holds::ForeignHolder, end: End::Blocked("owner.foreign"), operators: false, ..CREATE },
    Topology { name: "other-asn", holds: Holds::UnmarkedOtherAsn, end: End::Blocked("gateway.address_taken"), operators: false, ..CREATE },
    Topology { name: "moves", change: Change::Address, end: End::RegisteredOrReplace, operators: false, ..CREATE },
    Topology {
        name: "moves-adopting",
        holds: Holds::Unmarked,
        change: Change::Address,
        end: End::RegisteredOrReplace,
        operators: false,
        ..CREATE
    },
    Topology { name: "moved", before: Before::Registered, change: Change::Address, end: End::Replace, operators: false, ..CREATE },
    Topology { name: "renames", change: Change::Name, ..CREATE },
    Topology { name: "rekeys", change: Change::AuthKey, ..CREATE },
    Topology { name: "renamed", change: Change::Device, end: End::RegisteredOrForeign, operators: false, ..CREATE },
    Topology {
        name: "renamed-adopting",
        holds: Holds::Unmarked,
        change: Change::Device,
        end: End::RegisteredOrForeign,
        operators: false,
        ..CREATE
    },
    Topology { name: "untagging", before: Before::Untagging, operators: false, ..CREATE },
    Topology { name: "deleting", before: Before::Deleting, operators: false, ..CREATE },
    Topology { name: "deleting-copy", before: Before::DeletingCopy, operators: false, ..CREATE },
    Topology { name: "stays-full", change: Change::NoQuota, end: End::NoQuota, operators: false, ..CREATE },
    Topology { name: "full", change: Change::Quota, operators: false, ..CREATE },
    DEREGISTER,
    Topology { name: "deregister-connected", before: Before::Connected, ..DEREGISTER },
    Topology { name: "delete", aim: Aim::Delete, end: End::Deleted, ..DEREGISTER },
    Topology { name: "delete-connected", aim: Aim::Delete, before: Before::Connected, end: End::InUse, ..DEREGISTER },
];

pub fn named(name: &str) -> &'static Topology {
    ALL.iter().find(|topology| topology.name == name).expect("a topology of the table")
}

pub fn owner() -> Owner {
    Owner { device: DEVICE.to_owned(), id: DEVICE_ID.to_owned(), epoch: 1 }
}

/// Whether these tags are our mark.
pub fn is_ours(tags: &Tags) -> bool {
    tags.get("cgwd-device").is_some_and(|device| device == DEVICE)
        || tags.get("cgwd-owner").is_some_and(|owner| owner.starts_with(DEVICE_ID))
}

impl Topology {
    /// What is wanted; `later` after the change.
    pub fn desired(&self, later: bool) -> Desired {
        let changed = |change: Change| later && self.change == change;
        Desired {
            owner: if changed(Change::Device) { Owner { device: "box-1-renamed".to_owned(), ..owner() } } else { owner() },
            region: REGION.to_owned(),
            ip: if changed(Change::Address) { OTHER_IP } else { IP },
            asn: Asn::new(ASN),
            name: changed(Change::Name).then(|| "another-name".to_owned()),
            description: Some("kept by cgwd".to_owned()),
            resource_group: None,
            tags: Tags::from([("site".to_owned(), "sh-01".to_owned())]),
        }
    }

    pub fn policy(&self) -> RegistrationPolicy {
        RegistrationPolicy { create: true, adopt: true }
    }

    /// The seed of the cloud, as JSON.
    pub fn seed(&self) -> Value {
        let tunnel = json!({"CustomerGatewayId": "cgw-other"});
        json!({
            "Credentials": [{"AccessKeyId": "AKID", "AccessKeySecret": "SECRET"}],
            "Regions": {REGION: {
                "CustomerGateways": self.customer_gateways(),
                "VpnGateways": [{"VpnGatewayId": "vpn-dual", "DualTunnel": true}],
                "VpnConnections": [{"VpnConnectionId": "vco-other", "VpnGatewayId": "vpn-dual", "TunnelOptionsSpecification": [tunnel, tunnel]}],
            }},
        })
    }

    fn customer_gateways(&self) -> Vec<Value> {
        let mut all = vec![
            json!({"CustomerGatewayId": "cgw-other", "IpAddress": "198.51.100.1", "Asn": 65010, "Tags": {"cgwd-device": "box-2", "cgwd-owner": "ffff.1"}}),
            json!({"CustomerGatewayId": "cgw-plain", "IpAddress": "198.51.100.2", "Asn": ASN, "Tags": {"team": "network"}}),
        ];
        let (ip, asn) = (IP.to_string(), ASN);
        match self.holds {
            Holds::Strangers => {}
            Holds::Crowd => all.extend((1..=63).map(|host| json!({"IpAddress": format!("198.51.100.1{host:02}")}))),
            Holds::Unmarked => all.push(json!({"CustomerGatewayId": "cgw-hand", "IpAddress": ip, "Asn": asn})),
            Holds::UnmarkedOtherAsn => all.push(json!({"CustomerGatewayId": "cgw-hand", "IpAddress": ip, "Asn": asn + 1})),
            Holds::ForeignHolder => all.push(json!({
                "CustomerGatewayId": "cgw-foreign", "IpAddress": ip, "Asn": asn, "Tags": {"cgwd-device": "box-2", "cgwd-owner": "ffff.1"},
            })),
        }
        all
    }
}
