//! `cgwd config example`: the commented example, generated from the schema.

use super::schema::{Default, Row, TABLES, Table, this_version};

const WIDTH_OF_RULE: usize = 80;

/// The whole file. Prose lines start with `# `, settings that are not active with `#` and no space.
pub fn example() -> String {
    let mut text = format!(
        "# Configuration of cgwd {}: /etc/cgwd/config.toml\n\
         #\n\
         # Every key, its meaning, its default and an example. Lines that start with `#` and no space are settings:\n\
         # remove the `#` of those you need. Files config.d/*.toml beside this one are merged over it in name order.\n\
         # `cgwd config check` tells every mistake, `cgwd config show` what holds and where it came from.\n",
        this_version()
    );
    for table in TABLES {
        text.push_str(&table_text(table));
    }
    text
}

fn table_text(table: &Table) -> String {
    let mark = if table.presence_matters || table.repeated { "#" } else { "" };
    let mut text = format!("\n# {}\n{}{mark}{}\n", "-".repeat(WIDTH_OF_RULE), prose(table.meaning), table.header());
    for row in table.rows {
        text.push_str(&row_text(table, row));
    }
    text
}

fn row_text(table: &Table, row: &Row) -> String {
    let mark = if is_active(table, row) { "" } else { "#" };
    format!("\n{}# {}\n{mark}{} = {}\n", prose(row.meaning), default_text(row), row.key, row.example)
}

fn default_text(row: &Row) -> String {
    match row.default {
        Default::Required => "Required.".to_owned(),
        Default::Text(text) => format!("Default: \"{text}\""),
        Default::Flag(flag) => format!("Default: {flag}"),
        Default::Count(count) => format!("Default: {count}"),
        Default::Unset(meaning) => format!("Default: {meaning}."),
    }
}

/// What is required stands uncommented, and a region, so that the example is valid as it is.
fn is_active(table: &Table, row: &Row) -> bool {
    (row.default == Default::Required && !table.repeated) || (table.path, row.key) == ("cloud", "region")
}

fn prose(text: &str) -> String {
    text.lines().map(|line| format!("# {line}\n")).collect()
}
