//! The reference pages as text, each made from the one table that the program itself works with.

use cgwd::alert::catalogue::{CATALOGUE, Event, Nature};
use cgwd::alert::raise::{FLAP_LIMIT, FLAP_WINDOW, REMINDER};
use cgwd::config::schema::{Default, LATER, Row, TABLES, Table};
use cgwd::facts::asn::{self, Standing};
use cgwd::facts::endpoints::{CBN_HOST, Product, VPC_EXCEPTIONS};
use cgwd::facts::errors::{ERRORS, Meaning, Pattern};
use cgwd::facts::findings;
use cgwd::facts::names;
use cgwd::facts::ranges::{self, RangeKind};
use cgwd::model::Severity;
use std::fmt::Write;
use std::ops::RangeInclusive;

const MADE_FROM: &str = "made by `just docs`; do not edit, a test compares it with its source";

pub fn alerts() -> String {
    let mut page = Page::new("Alerts", "src/alert/catalogue.rs");
    page.line(
        "What cgwd tells by itself. An *occurrence* is told once. A *condition* is told when it begins (some only after it has \
         lasted a while), again whenever its words change, daily while it lasts, and when it is over.",
    );
    page.line(&format!(
        "One event is told at most {FLAP_LIMIT} times in {} s; what is held back comes as one line afterwards. A reminder comes every {} h.",
        FLAP_WINDOW.as_secs(),
        REMINDER.as_secs() / 3600
    ));
    page.line(
        "In the journal each entry has `MESSAGE_ID` and `CGWD_EVENT` (below), `CGWD_PHASE` (`occurred`, `raised`, `changed`, \
         `reminded`, `cleared`), `CGWD_REMEDY`, and as far as they apply `CGWD_DEVICE`, `CGWD_ADDRESS_OLD`, `CGWD_ADDRESS_NEW`, \
         `CGWD_ASN`, `CGWD_CUSTOMER_GATEWAY_ID`, `CGWD_CONNECTION_ID`, `CGWD_REQUEST_ID`, `CGWD_PLAN_ID`, `CGWD_STEP`. `PRIORITY` is 3 for an error, 4 for a \
         warning, 6 for information and for every end. Codes and ids are stable.",
    );
    page.table(
        &["event", "severity", "kind", "told", "subject"],
        CATALOGUE.iter().map(|event| {
            let link = format!("[`{0}`](#{1})", event.code, event.code.replace('.', ""));
            vec![link, severity(event.severity), nature(event).to_owned(), told(event), event.subject.to_owned()]
        }),
    );
    for event in CATALOGUE {
        page.heading(event.code);
        page.line(&format!("`MESSAGE_ID={}`", event.message_id));
        page.line(event.text);
        page.line(&format!("What to do: {}.", event.remedy));
    }
    page.text
}

fn nature(event: &Event) -> &'static str {
    match event.nature {
        Nature::Condition => "condition",
        Nature::Occurrence => "occurrence",
    }
}

fn told(event: &Event) -> String {
    if event.shows_after.is_zero() { "at once".to_owned() } else { format!("after {} s", event.shows_after.as_secs()) }
}

fn severity(severity: Severity) -> String {
    match severity {
        Severity::Error => "error".to_owned(),
        Severity::Warning => "warning".to_owned(),
        Severity::Info => "info".to_owned(),
    }
}

pub fn facts() -> String {
    let mut page = Page::new("Facts", "src/facts/");
    page.line(
        "What cgwd knows of the cloud and of address and ASN rules, each fact with its source. `cloud/api.md` and \
         `reliability.md` are the project's own notes; what stands after them is where they have it from.",
    );
    addresses(&mut page);
    asns(&mut page);
    texts(&mut page);
    page.heading("Finding codes");
    page.line("In `findings` of `cgwd check --json` and `cgwd plan --json`. Stable: scripts may match on them.");
    page.table(&["code", "meaning"], findings::ALL.iter().map(|entry| vec![code(entry.code), entry.meaning.to_owned()]));
    errors(&mut page);
    endpoints(&mut page);
    page.text
}

fn addresses(page: &mut Page) {
    page.heading("Addresses");
    page.line(
        "The first row that holds the address decides. An address in none of them is a public one. IPv6 is `address.ipv6`, an error.",
    );
    page.table(
        &["range", "what", "public connection", "private connection", "finding", "source"],
        ranges::ALL.iter().map(|range| {
            let (public, private) = match range.kind {
                RangeKind::RefusedByCloud => ("error: the cloud refuses it", "error: the cloud refuses it"),
                RangeKind::Unusable => ("error", "error"),
                RangeKind::NotPublic => ("error", "warning (`address.not_private`)"),
                RangeKind::Private => ("error", "usable"),
                RangeKind::Documentation => ("warning", "warning (and `address.not_private`)"),
            };
            vec![
                code(range.written),
                range.what.to_owned(),
                public.to_owned(),
                private.to_owned(),
                code(range.code),
                range.source.to_owned(),
            ]
        }),
    );
}

fn asns(page: &mut Page) {
    page.heading("ASNs");
    page.line(&format!(
        "1-{}, plain or in two segments `H.L` of 0-65535 each. Private ones are what the cloud recommends: {}-{} and {}-{}; any other \
         gets `asn.public`, an info.",
        u32::MAX,
        asn::PRIVATE_16_BIT.start(),
        asn::PRIVATE_16_BIT.end(),
        asn::PRIVATE_32_BIT.start(),
        asn::PRIVATE_32_BIT.end()
    ));
    page.table(
        &["ASN", "what", "verdict", "finding", "source"],
        asn::ALL.iter().map(|entry| {
            let verdict = match entry.standing {
                Standing::RefusedByCloud => "error",
                Standing::ReservedByRfc => "warning",
            };
            vec![entry.number.to_string(), entry.what.to_owned(), verdict.to_owned(), code(entry.code), entry.source.to_owned()]
        }),
    );
}

fn texts(page: &mut Page) {
    let length = |range: RangeInclusive<usize>| format!("{}-{}", range.start(), range.end());
    page.heading("Names, descriptions, tags, keys");
    page.table(
        &["what", "characters", "rule"],
        [
            ("device name", names::DEVICE_NAME_LENGTH, "letters, digits, `.`, `_`, `-`"),
            ("name of a customer gateway", names::NAME_LENGTH, "not starting with `http://` or `https://`"),
            ("description", names::DESCRIPTION_LENGTH, "not starting with `http://` or `https://`"),
            ("BGP authentication key", names::AUTH_KEY_LENGTH, "printable ASCII without space and `?`"),
            ("pre-shared key", names::PSK_LENGTH, "printable ASCII without space and `'`"),
            ("tag key", names::TAG_KEY_LENGTH, "not starting with `aliyun`, `acs:` or `cgwd-`; without `http://`, `https://`"),
            ("tag value", names::TAG_VALUE_LENGTH, "not starting with `aliyun` or `acs:`; without `http://`, `https://`"),
        ]
        .map(|(what, range, rule)| vec![what.to_owned(), length(range), rule.to_owned()]),
    );
    page.line(&format!(
        "At most {} tags of your own: the cloud allows {}; cgwd sets `{}` and `{}`, and `{}` while a replacement runs.",
        names::USER_TAGS_MAX,
        names::TAGS_MAX,
        names::TAG_DEVICE,
        names::TAG_OWNER,
        names::TAG_PLAN
    ));
}

fn errors(page: &mut Page) {
    page.heading("Error codes of the cloud");
    page.line(
        "Compared without regard to case; the first row that fits decides. A code that is in none of them is final and shown as it is.",
    );
    page.table(
        &["code", "taken as", "what to do", "source"],
        ERRORS.iter().map(|row| vec![pattern(row.pattern), meaning(row.meaning).to_owned(), row.remedy.to_owned(), row.source.to_owned()]),
    );
}

fn pattern(pattern: Pattern) -> String {
    code(&match pattern {
        Pattern::Exact(text) => text.to_owned(),
        Pattern::Starts(start) => format!("{start}…"),
        Pattern::Ends(end) => format!("…{end}"),
        Pattern::Around(start, end) => format!("{start}…{end}"),
    })
}

fn meaning(meaning: Meaning) -> &'static str {
    match meaning {
        Meaning::AlreadyExists => "exists already: looked for",
        Meaning::QuotaFull => "quota used up: final",
        Meaning::InUse => "still referred to: final",
        Meaning::NotFound => "not there (never said of a 403)",
        Meaning::Busy => "another change runs: tried again",
        Meaning::StillProcessing => "the first try still runs: tried again",
        Meaning::Throttled => "too many calls: tried again, as late as the cloud asks",
        Meaning::Transient => "trouble of the cloud's: it may have had its effect; looked, then tried again",
        Meaning::NonceUsed => "a copy of the request arrived before: looked, then tried again",
        Meaning::Clock => "clocks differ: signed again with the cloud's time",
        Meaning::SessionToken => "session over: fetched anew",
        Meaning::AccessKey => "key refused: final",
        Meaning::Signature => "signature refused: final",
        Meaning::Forbidden => "no right: final, and says nothing about what is there",
        Meaning::TokenReused => "token used for something else: looked, then a new token",
        Meaning::TokenFailed => "token spent by a failed try: looked, then a new token",
        Meaning::DryRunAccepted => "a dry run that was accepted",
        Meaning::Unpaid => "unpaid bill: final",
        Meaning::Unexplained => "unexplained: it may have had its effect",
        Meaning::NoSuchRegion => "no such region: final",
        Meaning::Rejected => "the call itself is refused: final",
    }
}

fn endpoints(page: &mut Page) {
    page.heading("Endpoints");
    page.line(&format!(
        "VPC API {}: `vpc.REGION.aliyuncs.com`, with the exceptions below. CBN API {}: `{CBN_HOST}`. STS {}: `sts.aliyuncs.com`, or a \
         region's own.",
        Product::Vpc.version(),
        Product::Cbn.version(),
        Product::Sts.version()
    ));
    page.table(
        &["host", "regions"],
        VPC_EXCEPTIONS
            .iter()
            .map(|(host, regions)| vec![code(host), regions.iter().map(|region| code(region)).collect::<Vec<_>>().join(" ")]),
    );
}

pub fn configuration() -> String {
    let mut page = Page::new("Configuration", "src/config/schema/rows.rs");
    page.line(
        "TOML in `/etc/cgwd/config.toml`, or where `--config` or `CGWD_CONFIG` says. Files `config.d/*.toml` beside it are merged \
         over it in name order. Keys that don't exist are errors. `cgwd config check` tells every mistake, `cgwd config show` what \
         holds and where each value came from, `cgwd config example` prints a commented file. SIGHUP reads it again; where the \
         new one has a mistake the old one stays in force and `config.invalid` is alerted.",
    );
    for table in TABLES {
        page.heading(&code(&table.header()));
        page.line(&one_line(table.meaning));
        page.table(
            &["key", "default", "meaning", "example"],
            table.rows.iter().map(|row| vec![code(row.key), default(row), words(row), code(row.example)]),
        );
        lists(&mut page, table);
    }
    page.heading("Refused by name");
    page.line("Planned, and not in this version:");
    page.table(&["key or table", "instead"], LATER.iter().map(|later| vec![code(later.path), later.remedy.to_owned()]));
    page.text
}

fn default(row: &Row) -> String {
    match row.default {
        Default::Required => "**required**".to_owned(),
        Default::Text(text) => code(&format!("\"{text}\"")),
        Default::Flag(flag) => code(&flag.to_string()),
        Default::Count(count) => code(&count.to_string()),
        Default::Unset(meaning) => meaning.to_owned(),
    }
}

/// The indented lines of a meaning are a list, which no table can hold.
fn is_list(line: &&str) -> bool {
    line.starts_with("  ")
}

fn words(row: &Row) -> String {
    let words = row.meaning.lines().filter(|line| !is_list(line)).collect::<Vec<_>>().join(" ");
    if row.meaning.lines().any(|line| is_list(&line)) { format!("{}. See below.", words.trim_end_matches(':')) } else { words }
}

fn lists(page: &mut Page, table: &Table) {
    for row in table.rows {
        let items: Vec<Vec<String>> = row
            .meaning
            .lines()
            .filter(is_list)
            .filter_map(|line| line.trim().split_once("  "))
            .map(|(item, what)| vec![code(item), what.trim().to_owned()])
            .collect();
        if !items.is_empty() {
            page.table(&[row.key, ""], items);
        }
    }
}

fn one_line(text: &str) -> String {
    text.lines().collect::<Vec<_>>().join(" ")
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

struct Page {
    text: String,
}

impl Page {
    fn new(title: &str, source: &str) -> Page {
        Page { text: format!("<!-- From {source}, {MADE_FROM}. -->\n# {title}\n") }
    }

    fn heading(&mut self, title: &str) {
        let _ = write!(self.text, "\n## {title}\n");
    }

    fn line(&mut self, text: &str) {
        let _ = write!(self.text, "\n{text}\n");
    }

    fn table(&mut self, head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
        let _ = write!(self.text, "\n| {} |\n|{}\n", head.join(" | "), " --- |".repeat(head.len()));
        for row in rows {
            let cells: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
            let _ = writeln!(self.text, "| {} |", cells.join(" | "));
        }
    }
}
