//! The one table of the configuration (product.md 6).

mod replacement;

use super::{Default, Kind, Later, Row, Table};
use crate::config::parse::duration_text;
use crate::model::Agreement;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

pub(super) const SECOND: Duration = Duration::from_secs(1);
const TWO_MINUTES: Duration = Duration::from_secs(120);
pub(super) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub const NETWORKS: &[&str] = &["public", "private"];
pub const AGREEMENTS: &[&str] = &["first", "all"];

pub const TABLES: &[Table] = &[
    Table {
        path: "device",
        repeated: false,
        meaning: "This device.",
        presence_matters: false,
        rows: &[Row {
            key: "name",
            kind: Kind::Text,
            default: Default::Unset("the host name"),
            meaning: "Its name: the mark on its customer gateway, so no two devices of an account may share one.\n1-64 of a-z A-Z 0-9 . _ -",
            example: "\"branch-shanghai-01\"",
            shown: |settings| json!(settings.device),
        }],
    },
    Table {
        path: "address",
        repeated: false,
        meaning: "How the device's address is found out.",
        presence_matters: false,
        rows: &[
            Row {
                key: "network",
                kind: Kind::Word(NETWORKS),
                default: Default::Required,
                meaning: "Whether the IPsec connections run over the Internet (\"public\") or over a private line (\"private\").",
                example: "\"public\"",
                shown: |settings| json!(settings.address.network.name()),
            },
            Row {
                key: "sources",
                kind: Kind::Texts,
                default: Default::Required,
                meaning: "Who tells the address, in order of preference:\n  \
                    interface:NAME     the IPv4 addresses of an interface, followed as they change\n  \
                    route:TARGET       the source address towards an IPv4 address, or towards vpn-gateway\n  \
                    https:URL          a service that answers with the address it sees; behind NAT, use one\n  \
                    file:PATH          one address in a text file, followed as it changes\n  \
                    command:PATH       what a program prints\n  \
                    static:ADDRESS     a fixed address",
                example: "[\"interface:eth0\"]",
                shown: |settings| json!(settings.address.sources.iter().map(ToString::to_string).collect::<Vec<_>>()),
            },
            Row {
                key: "agreement",
                kind: Kind::WordOrCount(AGREEMENTS),
                default: Default::Text("first"),
                meaning: "\"first\": the first source that answers decides, and others that differ are a warning.\n\
                    \"all\": every source must answer with the same address. A number: that many must.",
                example: "\"first\"",
                shown: |settings| agreement(settings.address.agreement),
            },
            Row {
                key: "settle",
                kind: Kind::Duration { least: Duration::ZERO, most: DAY },
                default: Default::Text("30s"),
                meaning: "How long a new address must hold before it is acted on; it is alerted at once. 0s to 24h.",
                example: "\"30s\"",
                shown: |settings| json!(duration_text(settings.address.settle)),
            },
            Row {
                key: "prefer",
                kind: Kind::Text,
                default: Default::Unset("several addresses on an interface are ambiguous"),
                meaning: "Picks the address in this network where an interface has several.",
                example: "\"203.0.113.0/24\"",
                shown: |settings| json!(settings.address.prefer.map(|prefix| prefix.to_string())),
            },
            Row {
                key: "poll",
                kind: Kind::Duration { least: SECOND, most: DAY },
                default: Default::Text("5m"),
                meaning: "How often sources are asked that can't be followed (https, command). 1s to 24h.",
                example: "\"5m\"",
                shown: |settings| json!(duration_text(settings.address.poll)),
            },
        ],
    },
    Table {
        path: "bgp",
        repeated: false,
        meaning: "The device's BGP autonomous system number. Without this table no ASN is registered.\n\
            Either key will do; where both are set they must agree.",
        presence_matters: true,
        rows: &[
            Row {
                key: "source",
                kind: Kind::Text,
                default: Default::Unset("only `asn` counts"),
                meaning: "Who tells the ASN: frr or frr:DIRECTORY (of FRR's sockets), bird or bird:SOCKET, file:PATH, command:PATH.",
                example: "\"frr\"",
                shown: |settings| json!(settings.bgp.as_ref().and_then(|bgp| bgp.source.as_ref()).map(ToString::to_string)),
            },
            Row {
                key: "asn",
                kind: Kind::Asn,
                default: Default::Unset("only `source` counts"),
                meaning: "A number, or the two-segment form in quotes such as \"123.456\".",
                example: "65001",
                shown: |settings| json!(settings.bgp.as_ref().and_then(|bgp| bgp.asn.clone())),
            },
        ],
    },
    Table {
        path: "cloud",
        repeated: false,
        meaning: "Where the customer gateway is. At least one of region, vpn_gateway, transit_router and connections is required.",
        presence_matters: false,
        rows: &[
            Row {
                key: "region",
                kind: Kind::Text,
                default: Default::Unset("found from vpn_gateway, transit_router or connections"),
                meaning: "The region's id.",
                example: "\"cn-hangzhou\"",
                shown: |settings| json!(settings.cloud.region),
            },
            Row {
                key: "vpn_gateway",
                kind: Kind::Text,
                default: Default::Unset("not used to find the region"),
                meaning: "The VPN gateway that this device's connections end at.",
                example: "\"vpn-bp1q8bgx4xnkm2ogj6xyz\"",
                shown: |settings| json!(settings.cloud.vpn_gateway),
            },
            Row {
                key: "transit_router",
                kind: Kind::Text,
                default: Default::Unset("not used to find the region"),
                meaning: "The transit router that this device's connections end at.",
                example: "\"tr-bp1su1ytdxtataupl1xyz\"",
                shown: |settings| json!(settings.cloud.transit_router),
            },
            Row {
                key: "connections",
                kind: Kind::Texts,
                default: Default::Unset("not used to find the region"),
                meaning: "This device's IPsec connections.",
                example: "[\"vco-bp15oes1py4i66rmd1xyz\"]",
                shown: |settings| list(&settings.cloud.connections),
            },
            Row {
                key: "endpoint",
                kind: Kind::Text,
                default: Default::Unset("the public endpoints of the region"),
                meaning: "One base URL for every API, for private endpoints and tests. Plain http for loopback addresses only.",
                example: "\"http://127.0.0.1:8080\"",
                shown: |settings| json!(settings.cloud.endpoint),
            },
            Row {
                key: "ca_file",
                kind: Kind::Path,
                default: Default::Unset("the system's certificates, or built-in ones where there are none"),
                meaning: "Further root certificates, PEM.",
                example: "\"/etc/cgwd/ca.pem\"",
                shown: |settings| path(&settings.cloud.ca_file),
            },
            Row {
                key: "proxy",
                kind: Kind::Text,
                default: Default::Unset("none"),
                meaning: "HTTP proxy towards the cloud. No password may stand in it.",
                example: "\"http://proxy.example.com:3128\"",
                shown: |settings| json!(settings.cloud.proxy),
            },
            Row {
                key: "timeout",
                kind: Kind::Duration { least: SECOND, most: TWO_MINUTES },
                default: Default::Text("10s"),
                meaning: "Time limit of one request. 1s to 120s.",
                example: "\"10s\"",
                shown: |settings| json!(duration_text(settings.cloud.timeout)),
            },
        ],
    },
    Table {
        path: "cloud.credentials",
        repeated: false,
        meaning: "Without this table: systemd credentials and the official chain (environment, ~/.alibabacloud/credentials,\n\
            ~/.aliyun/config.json, OIDC, instance role, credentials URI).",
        presence_matters: false,
        rows: &[
            Row {
                key: "access_key_id_file",
                kind: Kind::Path,
                default: Default::Unset("the official chain"),
                meaning: "File that holds the AccessKey id; goes together with access_key_secret_file.",
                example: "\"/etc/cgwd/access-key-id\"",
                shown: |settings| path(&settings.cloud.credentials.access_key_id_file),
            },
            Row {
                key: "access_key_secret_file",
                kind: Kind::Path,
                default: Default::Unset("the official chain"),
                meaning: "File that holds the AccessKey secret, readable for cgwd alone.",
                example: "\"/etc/cgwd/access-key-secret\"",
                shown: |settings| path(&settings.cloud.credentials.access_key_secret_file),
            },
            Row {
                key: "role_arn",
                kind: Kind::Text,
                default: Default::Unset("no role is assumed"),
                meaning: "RAM role to assume with those credentials.",
                example: "\"acs:ram::1234567890123456:role/cgwd\"",
                shown: |settings| json!(settings.cloud.credentials.role_arn),
            },
        ],
    },
    Table {
        path: "gateway",
        repeated: false,
        meaning: "Attributes of the customer gateway that is created.",
        presence_matters: false,
        rows: &[
            Row {
                key: "name",
                kind: Kind::Text,
                default: Default::Unset("the device's name"),
                meaning: "1-100 characters, not starting with http:// or https://",
                example: "\"Shanghai branch, first line\"",
                shown: |settings| json!(settings.gateway.name),
            },
            Row {
                key: "description",
                kind: Kind::Text,
                default: Default::Unset("none"),
                meaning: "1-100 characters, not starting with http:// or https://",
                example: "\"kept by cgwd\"",
                shown: |settings| json!(settings.gateway.description),
            },
            Row {
                key: "bgp_auth_key_file",
                kind: Kind::Path,
                default: Default::Unset("no BGP authentication key"),
                meaning: "File that holds the BGP authentication key: 1-64 printable ASCII characters without space and ?",
                example: "\"/etc/cgwd/bgp-auth-key\"",
                shown: |settings| path(&settings.gateway.bgp_auth_key_file),
            },
            Row {
                key: "resource_group",
                kind: Kind::Text,
                default: Default::Unset("the account's default resource group"),
                meaning: "Resource group it is created in.",
                example: "\"rg-acfmzs372yg2xyz\"",
                shown: |settings| json!(settings.gateway.resource_group),
            },
            Row {
                key: "tags",
                kind: Kind::TextTable,
                default: Default::Unset("no tags but cgwd's own"),
                meaning: "Up to 17 tags. Drop-ins add to them key by key. Keys that start with cgwd- are cgwd's own.",
                example: "{ site = \"sh-01\" }",
                shown: |settings| json!(settings.gateway.tags),
            },
        ],
    },
    Table {
        path: "registration",
        repeated: false,
        meaning: "What cgwd may do by itself when this device has no customer gateway.",
        presence_matters: false,
        rows: &[
            Row {
                key: "create",
                kind: Kind::Flag,
                default: Default::Flag(true),
                meaning: "Create one.",
                example: "true",
                shown: |settings| json!(settings.registration.create),
            },
            Row {
                key: "adopt",
                kind: Kind::Flag,
                default: Default::Flag(true),
                meaning: "Take over one that has this very address and ASN and bears no other device's mark.",
                example: "true",
                shown: |settings| json!(settings.registration.adopt),
            },
        ],
    },
    replacement::TABLE,
    replacement::SECRET,
    Table {
        path: "state",
        repeated: false,
        meaning: "What cgwd remembers.",
        presence_matters: false,
        rows: &[Row {
            key: "directory",
            kind: Kind::Path,
            default: Default::Text("/var/lib/cgwd"),
            meaning: "Directory of the state database. The environment's STATE_DIRECTORY (systemd) wins.",
            example: "\"/var/lib/cgwd\"",
            shown: |settings| json!(settings.state_directory.display().to_string()),
        }],
    },
];

/// Known to the contract, refused by name.
pub const LATER: &[Later] = &[
    Later { path: "alerts", remedy: "remove it: alerts go to the journal and to `cgwd status`" },
    Later { path: "http", remedy: "remove it: `cgwd status --json` tells the state" },
];

/// Values known to the contract, refused by name.
pub const LATER_ADDRESS_SOURCES: &[&str] = &["stun", "dns", "strongswan"];
pub const LATER_BGP_SOURCES: &[&str] = &["gobgp", "openbgpd"];

fn agreement(agreement: Agreement) -> Value {
    match agreement {
        Agreement::First => json!("first"),
        Agreement::All => json!("all"),
        Agreement::Quorum(count) => json!(count),
    }
}

fn path(path: &Option<PathBuf>) -> Value {
    json!(path.as_ref().map(|path| path.display().to_string()))
}

fn list(items: &[String]) -> Value {
    if items.is_empty() { Value::Null } else { json!(items) }
}
