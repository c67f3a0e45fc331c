//! The rows of `[replacement]` and `[[replacement.secret]]`.

use super::super::{Default, Kind, Row, Table};
use super::{DAY, SECOND};
use crate::config::parse::duration_text;
use crate::model::{ReplacementSecret, Settings};
use serde_json::{Value, json};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(60 * 60);

const POLICIES: &[&str] = &["alert", "guided", "auto"];
const STRATEGIES: &[&str] = &["auto", "recreate"];
const ORDERS: &[&str] = &["new-first", "documented"];

pub(super) const TABLE: Table = Table {
    path: "replacement",
    repeated: false,
    meaning: "What happens when the registered address or ASN is no longer the device's.",
    presence_matters: false,
    rows: &[
        Row {
            key: "policy",
            kind: Kind::Word(POLICIES),
            default: Default::Text("guided"),
            meaning: "What follows the alert, which comes at once:\n  \
                alert      nothing is changed\n  \
                guided     a person runs `cgwd replace`\n  \
                auto       it is replaced once it has held for settle and every check is passed, within window and max_per_day",
            example: "\"guided\"",
            shown: |settings| json!(settings.replacement.policy.name()),
        },
        Row {
            key: "strategy",
            kind: Kind::Word(STRATEGIES),
            default: Default::Text("auto"),
            meaning: "\"auto\": a connection is pointed at the new customer gateway in place where the cloud can do that, and made again elsewhere.\n\
                \"recreate\": each is deleted and made again where the cloud allows it; one on a transit router gets other addresses then.",
            example: "\"auto\"",
            shown: |settings| json!(settings.replacement.strategy.name()),
        },
        Row {
            key: "order",
            kind: Kind::Word(ORDERS),
            default: Default::Text("new-first"),
            meaning: "\"new-first\": the new customer gateway is made first and the old one deleted last.\n\
                \"documented\": the old one goes first, with its connections, as the cloud's manual has it. For a full quota.",
            example: "\"new-first\"",
            shown: |settings| json!(settings.replacement.order.name()),
        },
        Row {
            key: "settle",
            kind: Kind::Duration { least: Duration::ZERO, most: DAY },
            default: Default::Text("5m"),
            meaning: "How long the new address or ASN must have held before a replacement begins. 0s to 24h.",
            example: "\"5m\"",
            shown: |settings| json!(duration_text(settings.replacement.settle)),
        },
        Row {
            key: "window",
            kind: Kind::Text,
            default: Default::Unset("a replacement may begin at any time"),
            meaning: "When a replacement may begin: days, if not every one, and times from and until, which may go over midnight.\n\
                Several are separated by `;`, as in \"Mon-Fri 23:00-01:00; Sat,Sun 02:00-05:00\". The times are the device's local\n\
                ones (/etc/localtime; UTC where there is none).",
            example: "\"Sat,Sun 02:00-05:00\"",
            shown: |settings| json!(settings.replacement.window.as_ref().map(ToString::to_string)),
        },
        Row {
            key: "max_per_day",
            kind: Kind::Count { least: 1, most: 1000 },
            default: Default::Count(1),
            meaning: "How many replacements may begin within 24 hours. 1 to 1000.",
            example: "1",
            shown: |settings| json!(settings.replacement.max_per_day),
        },
        Row {
            key: "recheck",
            kind: Kind::Duration { least: Duration::ZERO, most: HOUR },
            default: Default::Text("1m"),
            meaning: "What a deletion relies on is read twice, with this time between, because the cloud's answers can be old. 0s to 1h;\n\
                with 0s a change that somebody else has just made can be missed.",
            example: "\"1m\"",
            shown: |settings| json!(duration_text(settings.replacement.recheck)),
        },
        Row {
            key: "verify_timeout",
            kind: Kind::Duration { least: SECOND, most: DAY },
            default: Default::Text("5m"),
            meaning: "How long a tunnel may take to come up at the new customer gateway, and BGP in it. 1s to 24h.",
            example: "\"5m\"",
            shown: |settings| json!(duration_text(settings.replacement.verify_timeout)),
        },
        Row {
            key: "rollback",
            kind: Kind::Flag,
            default: Default::Flag(true),
            meaning: "Point tunnels that don't come up in that time back at the old customer gateway while it is there.",
            example: "true",
            shown: |settings| json!(settings.replacement.rollback),
        },
    ],
};

pub(super) const SECRET: Table = Table {
    path: "replacement.secret",
    repeated: true,
    meaning: "A pre-shared key that the cloud shows as asterisks only; without it such a connection can't be made again.\n\
        One table for each, in any of the files: drop-ins add to them.",
    presence_matters: false,
    rows: &[
        Row {
            key: "connection",
            kind: Kind::Text,
            default: Default::Required,
            meaning: "The IPsec connection that it belongs to.",
            example: "\"vco-bp1bbi27hojx80nck\"",
            shown: |settings| secrets(settings, |secret| json!(secret.connection)),
        },
        Row {
            key: "tunnel",
            kind: Kind::Text,
            default: Default::Unset("every tunnel of it without an entry of its own"),
            meaning: "One tunnel of a dual-tunnel connection, where they have different keys.",
            example: "\"tun-opsqc4d97wni27xyz\"",
            shown: |settings| secrets(settings, |secret| json!(secret.tunnel)),
        },
        Row {
            key: "psk_file",
            kind: Kind::Path,
            default: Default::Required,
            meaning: "File that holds the pre-shared key, readable for cgwd alone (root:cgwd, mode 0640).",
            example: "\"/etc/cgwd/psk-shanghai\"",
            shown: |settings| secrets(settings, |secret| json!(secret.psk_file.display().to_string())),
        },
    ],
};

fn secrets(settings: &Settings, shown: fn(&ReplacementSecret) -> Value) -> Value {
    settings.replacement.secrets.iter().map(shown).collect()
}
