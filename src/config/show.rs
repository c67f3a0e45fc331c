//! `cgwd config show`: the effective value of every key and where it came from. Secrets are never among them, only
//! the paths of their files.

use super::problem::Origin;
use super::{Loaded, schema};
use serde_json::{Map, Value, json};

/// For people, and valid TOML: loading it again gives the same settings.
pub fn show_text(loaded: &Loaded) -> String {
    let tables: Vec<String> = schema::TABLES.iter().map(|table| table_text(loaded, table)).collect();
    tables.join("\n")
}

fn table_text(loaded: &Loaded, table: &schema::Table) -> String {
    if !table.repeated {
        return keys_text(loaded, table, table.path, |row| (row.shown)(&loaded.settings));
    }
    let items: Vec<String> = (0..count(loaded, table))
        .map(|index| keys_text(loaded, table, &numbered(table, index), |row| of_item(loaded, row, index)))
        .collect();
    if items.is_empty() { format!("# {}\n", table.header()) } else { items.join("\n") }
}

/// One table, or one of a repeated table, whose keys have full names below `path`.
fn keys_text(loaded: &Loaded, table: &schema::Table, path: &str, shown: impl Fn(&schema::Row) -> Value) -> String {
    let mut lines = Vec::new();
    let mut is_set = false;
    for row in table.rows {
        let key = format!("{path}.{}", row.key);
        match shown(row) {
            Value::Object(entries) if !entries.is_empty() => {
                is_set = true;
                let entries = entries.iter().map(|(name, value)| {
                    let key = format!("{key}.{name}");
                    (format!("{}.{} = {}", row.key, quoted(name), toml(value)), origin(loaded, &key).to_string())
                });
                lines.extend(entries);
            }
            Value::Null | Value::Object(_) => lines.push((format!("# {}", row.key), unset(row, &origin(loaded, &key)))),
            value => {
                is_set = true;
                lines.push((format!("{} = {}", row.key, toml(&value)), origin(loaded, &key).to_string()));
            }
        }
    }
    let width = lines.iter().map(|(line, _)| line.chars().count()).max().unwrap_or(0);
    // A header without keys would open a table that the configuration does not have.
    let header = if is_set { format!("{}\n", table.header()) } else { format!("# {}\n", table.header()) };
    lines.iter().fold(header, |text, (line, from)| format!("{text}{line:width$}  # {from}\n"))
}

fn unset(row: &schema::Row, origin: &Origin) -> String {
    match row.default {
        schema::Default::Unset(meaning) => format!("not set: {meaning}"),
        _ => format!("not set: {origin}"),
    }
}

/// How many of a repeated table there are.
fn count(loaded: &Loaded, table: &schema::Table) -> usize {
    table.rows.first().map_or(0, |row| (row.shown)(&loaded.settings).as_array().map_or(0, Vec::len))
}

fn numbered(table: &schema::Table, index: usize) -> String {
    format!("{}.{}", table.path, index + 1)
}

fn of_item(loaded: &Loaded, row: &schema::Row, index: usize) -> Value {
    (row.shown)(&loaded.settings).get(index).cloned().unwrap_or_default()
}

/// `{schema, files, settings: {table: {key: {value, origin: {kind, …}}}}, warnings}`; a value that is not set is null, and a repeated
/// table is an array.
pub fn show_json(loaded: &Loaded) -> Value {
    let mut settings = Map::new();
    for table in schema::TABLES {
        let shown = match table.repeated {
            false => keys_json(loaded, table, table.path, |row| (row.shown)(&loaded.settings)),
            true => (0..count(loaded, table))
                .map(|index| keys_json(loaded, table, &numbered(table, index), |row| of_item(loaded, row, index)))
                .collect(),
        };
        place(&mut settings, table.path, shown);
    }
    json!({
        "schema": 1,
        "files": loaded.files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>(),
        "settings": settings,
        "warnings": loaded.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn keys_json(loaded: &Loaded, table: &schema::Table, path: &str, shown: impl Fn(&schema::Row) -> Value) -> Value {
    let keys = table.rows.iter().map(|row| (row.key.to_owned(), row_json(loaded, &format!("{path}.{}", row.key), shown(row))));
    Value::Object(keys.collect())
}

fn row_json(loaded: &Loaded, key: &str, value: Value) -> Value {
    if let Value::Object(entries) = value {
        let entry = |(name, value): (String, Value)| {
            let from = origin_json(&origin(loaded, &format!("{key}.{name}")));
            (name, json!({ "value": value, "origin": from }))
        };
        return Value::Object(entries.into_iter().map(entry).collect());
    }
    json!({ "value": value, "origin": origin_json(&origin(loaded, key)) })
}

/// Puts what is shown of `cloud.credentials` under `cloud`, `credentials`.
fn place(settings: &mut Map<String, Value>, path: &str, shown: Value) {
    match path.split_once('.') {
        None => drop(settings.insert(path.to_owned(), shown)),
        Some((parent, rest)) => {
            if let Value::Object(inner) = settings.entry(parent).or_insert_with(|| json!({})) {
                place(inner, rest, shown);
            }
        }
    }
}

fn origin_json(origin: &Origin) -> Value {
    match origin {
        Origin::Default => json!({ "kind": "default" }),
        Origin::HostName => json!({ "kind": "host_name" }),
        Origin::Environment(name) => json!({ "kind": "environment", "variable": name }),
        Origin::File(file) => json!({ "kind": "file", "file": file.display().to_string() }),
        Origin::Line { file, line, column } => {
            json!({ "kind": "file", "file": file.display().to_string(), "line": line, "column": column })
        }
    }
}

fn origin(loaded: &Loaded, key: &str) -> Origin {
    loaded.origins.get(key).cloned().unwrap_or(Origin::Default)
}

fn toml(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Array(items) => format!("[{}]", items.iter().map(toml).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

/// A TOML basic string: JSON's escapes, and DEL, which TOML wants escaped and JSON does not.
fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string().replace('\u{7f}', "\\u007f")
}
