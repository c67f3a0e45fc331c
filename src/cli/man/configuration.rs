//! cgwd.toml(5): every key of the configuration, from its one table.

use super::{body, bold, item, paragraphs, roman, section, see_also, titled};
use crate::config::DEFAULT_PATH;
use crate::config::duration_text;
use crate::config::schema::{Default, Kind, Row, TABLES, Table};
use roff::Roff;

pub fn page() -> Roff {
    let mut page = titled("CGWD.TOML", "5", "File formats");
    section(&mut page, "NAME");
    page.text([roman("cgwd.toml - configuration of cgwd")]);
    section(&mut page, "SYNOPSIS");
    page.text([bold(DEFAULT_PATH)]);
    page.control("br", []);
    page.text([bold("/etc/cgwd/config.d/*.toml")]);
    section(&mut page, "DESCRIPTION");
    paragraphs(
        &mut page,
        &[
            "The configuration is TOML. Files of `config.d` are merged over `config.toml` in name order. An unknown key is an error that names \
         the nearest valid one. `cgwd config check` tells every mistake at once, `cgwd config show` what holds and where it came from, \
         `cgwd config example` prints a commented file.",
            "Secrets never stand here: keys whose name ends in `_file` name the file that holds one.",
            "After a change: `systemctl reload cgwd`. A configuration that does not hold is alerted, and the one before stays in force.",
        ],
    );
    for table in TABLES {
        table_section(&mut page, table);
    }
    see_also(&mut page, &[("cgwd", "8"), ("systemd-creds", "1")]);
    page
}

fn table_section(page: &mut Roff, table: &Table) {
    section(page, &table.header());
    body(page, table.meaning);
    for row in table.rows {
        item(page, vec![bold(row.key), roman(format!(" ({})", kind(row.kind)))], row.meaning);
        for line in [default(row), format!("Example: {} = {}", row.key, row.example)] {
            page.control("br", []);
            page.text([roman(line)]);
        }
    }
}

fn kind(kind: Kind) -> String {
    match kind {
        Kind::Text => "string".into(),
        Kind::Word(words) => words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(" or "),
        Kind::WordOrCount(words) => format!("{} or a count", words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ")),
        Kind::Path => "absolute path".into(),
        Kind::Duration { least, most } => format!("duration from {} to {}", duration_text(least), duration_text(most)),
        Kind::Flag => "true or false".into(),
        Kind::Count { least, most } => format!("number from {least} to {most}"),
        Kind::Texts => "array of strings".into(),
        Kind::TextTable => "table of strings".into(),
        Kind::Asn => "number or string".into(),
    }
}

fn default(row: &Row) -> String {
    match row.default {
        Default::Required => "Required.".into(),
        Default::Text(text) => format!("Default: \"{text}\""),
        Default::Flag(flag) => format!("Default: {flag}"),
        Default::Count(count) => format!("Default: {count}"),
        Default::Unset(meaning) => format!("Default: {}.", meaning.replace('`', "")),
    }
}
