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
    let mut lines = Vec::new();
    let mut is_set = false;
    for row in table.rows {
        let key = format!("{}.{}", table.path, row.key);
        match (row.shown)(&loaded.settings) {
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
    let header = if is_set { format!("[{}]\n", table.path) } else { format!("# [{}]\n", table.path) };
    lines.iter().fold(header, |text, (line, from)| format!("{text}{line:width$}  # {from}\n"))
}

fn unset(row: &schema::Row, origin: &Origin) -> String {
    match row.default {
        schema::Default::Unset(meaning) => format!("not set: {meaning}"),
        _ => format!("not set: {origin}"),
    }
}

/// `{schema, files, settings: {table: {key: {value, origin: {kind, …}}}}, warnings}`; a value that is not set is null.
pub fn show_json(loaded: &Loaded) -> Value {
    let mut settings = Map::new();
    for table in schema::TABLES {
        let mut keys = Map::new();
        for row in table.rows {
            let key = format!("{}.{}", table.path, row.key);
            keys.insert(row.key.to_owned(), row_json(loaded, &key, (row.shown)(&loaded.settings)));
        }
        place(&mut settings, table.path, keys);
    }
    json!({
        "schema": 1,
        "files": loaded.files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>(),
        "settings": settings,
        "warnings": loaded.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
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

/// Puts the keys of `cloud.credentials` under `cloud`, `credentials`.
fn place(settings: &mut Map<String, Value>, path: &str, keys: Map<String, Value>) {
    match path.split_once('.') {
        None => drop(settings.insert(path.to_owned(), Value::Object(keys))),
        Some((parent, rest)) => {
            if let Value::Object(inner) = settings.entry(parent).or_insert_with(|| json!({})) {
                place(inner, rest, keys);
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
