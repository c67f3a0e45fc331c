//! The files as written: parsed, checked against the schema for names and types, merged key by key.

use super::files::Text;
use super::nearest::nearest;
use super::problem::{Origin, Problem};
use super::schema::{self, Kind, Row, this_version};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What all files together say.
#[derive(Default)]
pub(super) struct Raw {
    /// By full name. A key whose value has the wrong type is not here; an array keeps its good items.
    pub entries: BTreeMap<String, Entry>,
    /// Where each table was opened first.
    pub tables: BTreeMap<String, Origin>,
    /// How many of a repeated table there are.
    pub counts: BTreeMap<String, usize>,
    /// Keys that stand there with a problem already noted; saying that they are missing would be wrong.
    pub broken: Vec<String>,
    /// Some file could not be read or is not TOML: what seems to be missing may stand there.
    pub garbled: bool,
}

pub(super) struct Entry {
    pub value: Value,
    pub origin: Origin,
}

pub(super) enum Value {
    Text(String),
    /// In decimal digits, with a sign where it is negative; of any size.
    Integer(String),
    Flag(bool),
    Texts(Vec<(String, Origin)>),
    TextTable(BTreeMap<String, (String, Origin)>),
}

/// Later files win, key by key; arrays are replaced, tables of strings are merged, repeated tables are added. `incomplete`: a
/// file could not be read.
pub(super) fn merge(texts: &[Text], incomplete: bool, problems: &mut Vec<Problem>) -> Raw {
    let mut raw = Raw { garbled: incomplete, ..Raw::default() };
    for text in texts {
        let (root, errors) = DeTable::parse_recoverable(&text.text);
        let mut reader = Reader { file: &text.path, text: &text.text, raw: &mut raw, problems };
        reader.syntax(&errors);
        reader.table("", root.get_ref());
    }
    raw
}

struct Reader<'a> {
    file: &'a Path,
    text: &'a str,
    raw: &'a mut Raw,
    problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    fn syntax(&mut self, errors: &[toml::de::Error]) {
        for error in errors {
            self.raw.garbled = true;
            let span = error.span().unwrap_or(0..0);
            let remedy = match error.message().contains("duplicate") {
                true => "remove one of the two",
                false => "write `key = value`, with text in double quotes",
            };
            self.problems.push(Problem::of_file(self.at(&span), format!("this is not TOML: {}", error.message()), remedy));
        }
    }

    fn table(&mut self, path: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let name: &str = key.get_ref();
            let full = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            self.item(path, name, &full, &key.span(), value);
        }
    }

    fn item(&mut self, table: &str, name: &str, full: &str, key: &Range<usize>, value: &Spanned<DeValue<'_>>) {
        if let Some(row) = schema::row(full) {
            return self.row(full, row, value);
        }
        if let Some(later) = schema::later(full) {
            let message = format!("{} is not available in cgwd {}", written(full), this_version());
            return self.problem(key, full, message, later.remedy);
        }
        let Some(known) = schema::table_at(full) else {
            let what = match (schema::table_at(table), value.get_ref()) {
                (Some(table), _) => format!("key in {}", table.header()),
                (None, DeValue::Table(_) | DeValue::Array(_)) => "table".to_owned(),
                (None, _) => "key outside of every table".to_owned(),
            };
            return self.problem(key, full, format!("unknown {what}: `{}`", shortened(name)), unknown_remedy(table, name));
        };
        match (known.repeated, value.get_ref()) {
            (false, DeValue::Table(inner)) => {
                let origin = self.at(key);
                self.raw.tables.entry(full.to_owned()).or_insert(origin);
                self.table(full, inner);
            }
            (true, DeValue::Array(items)) => items.iter().for_each(|item| self.repeated(full, item)),
            (false, DeValue::Array(_)) => {
                self.problem(key, full, format!("[{full}] can stand once only"), format!("write [{full}], not [[{full}]]"))
            }
            (true, DeValue::Table(_)) => {
                self.problem(key, full, format!("[[{full}]] stands once for each"), format!("write [[{full}]], not [{full}]"))
            }
            _ => {
                let remedy = format!("write {}, and its keys on the lines below it", known.header());
                self.problem(key, full, format!("`{full}` is a table"), remedy)
            }
        }
    }

    /// One of a repeated table; its number makes the names of its keys its own.
    fn repeated(&mut self, full: &str, item: &Spanned<DeValue<'_>>) {
        let DeValue::Table(inner) = item.get_ref() else {
            let message = format!("`{full}` holds tables, and one of its items is {}", type_name(item.get_ref()));
            return self.problem(&item.span(), full, message, format!("write [[{full}]], and its keys on the lines below it"));
        };
        let origin = self.at(&item.span());
        let count = self.raw.counts.entry(full.to_owned()).or_default();
        *count += 1;
        let numbered = format!("{full}.{count}");
        self.raw.tables.insert(numbered.clone(), origin);
        self.table(&numbered, inner);
    }

    fn row(&mut self, full: &str, row: &Row, value: &Spanned<DeValue<'_>>) {
        match self.value(full, row, value) {
            Some(read) => self.insert(full, read, value.span()),
            None => self.raw.broken.push(full.to_owned()),
        }
    }

    fn insert(&mut self, full: &str, value: Value, span: Range<usize>) {
        let origin = self.at(&span);
        match (value, self.raw.entries.get_mut(full)) {
            (Value::TextTable(new), Some(Entry { value: Value::TextTable(old), .. })) => old.extend(new),
            (value, _) => drop(self.raw.entries.insert(full.to_owned(), Entry { value, origin })),
        }
    }

    /// `None` with a problem noted where the type is not the key's.
    fn value(&mut self, full: &str, row: &Row, value: &Spanned<DeValue<'_>>) -> Option<Value> {
        let span = value.span();
        let read = match (row.kind, value.get_ref()) {
            (Kind::Text | Kind::Word(_) | Kind::WordOrCount(_) | Kind::Path | Kind::Duration { .. } | Kind::Asn, DeValue::String(text)) => {
                Value::Text(text.to_string())
            }
            // Nothing is nothing in every unit.
            (Kind::Duration { .. }, DeValue::Integer(number)) if decimal(number.as_str(), number.radix()) == "0" => {
                Value::Text("0".to_owned())
            }
            (Kind::WordOrCount(_) | Kind::Asn | Kind::Count { .. }, DeValue::Integer(number)) => {
                Value::Integer(decimal(number.as_str(), number.radix()))
            }
            (Kind::Flag, DeValue::Boolean(flag)) => Value::Flag(*flag),
            (Kind::Texts, DeValue::Array(items)) => Value::Texts(self.texts(full, items)),
            (Kind::TextTable, DeValue::Table(table)) => Value::TextTable(self.text_table(full, table)),
            (kind, other) => {
                let (message, remedy) = wrong_type(full, row, kind, other, self.text.get(span.clone()).unwrap_or_default());
                self.problem(&span, full, message, remedy);
                return None;
            }
        };
        Some(read)
    }

    fn texts(&mut self, full: &str, items: &[Spanned<DeValue<'_>>]) -> Vec<(String, Origin)> {
        let mut texts = Vec::new();
        for item in items {
            match item.get_ref() {
                DeValue::String(text) => texts.push((text.to_string(), self.at(&item.span()))),
                other => {
                    let message = format!("`{full}` holds strings, and one of its items is {}", type_name(other));
                    self.problem(&item.span(), full, message, "write it in double quotes");
                    self.raw.broken.push(full.to_owned());
                }
            }
        }
        texts
    }

    fn text_table(&mut self, full: &str, table: &DeTable<'_>) -> BTreeMap<String, (String, Origin)> {
        let mut texts = BTreeMap::new();
        for (key, value) in table {
            let name: &str = key.get_ref();
            match value.get_ref() {
                DeValue::String(text) => drop(texts.insert(name.to_owned(), (text.to_string(), self.at(&key.span())))),
                other => {
                    let message = format!("`{full}` holds strings, and `{}` is {}", shortened(name), type_name(other));
                    self.problem(&value.span(), full, message, "write the value in double quotes");
                    self.raw.broken.push(full.to_owned());
                }
            }
        }
        texts
    }

    fn problem(&mut self, span: &Range<usize>, full: &str, message: impl Into<String>, remedy: impl Into<String>) {
        let origin = self.at(span);
        self.problems.push(Problem::new(&origin, full, message, remedy));
    }

    fn at(&self, span: &Range<usize>) -> Origin {
        let before = self.text.as_bytes().get(..span.start).unwrap_or(self.text.as_bytes());
        let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        let last = before.split(|&byte| byte == b'\n').next_back().unwrap_or_default();
        Origin::Line { file: self.file.to_owned(), line, column: String::from_utf8_lossy(last).chars().count() + 1 }
    }
}

/// `[address] poll` for `address.poll`, `[http]` for a table at the top.
fn written(full: &str) -> String {
    match full.rsplit_once('.') {
        Some((table, key)) => format!("`[{table}] {key}`"),
        None => format!("[{full}]"),
    }
}

/// The nearest name here, and the tables in which this very name would be right.
fn unknown_remedy(table: &str, name: &str) -> String {
    let here = nearest(name, schema::names_in(table)).map(|near| format!("`{near}`"));
    let elsewhere = schema::TABLES.iter().filter(|other| other.rows.iter().any(|row| row.key == name));
    let meant: Vec<String> = here.into_iter().chain(elsewhere.map(|other| format!("`{name}` in {}", other.header()))).collect();
    match meant.is_empty() {
        false => format!("did you mean {}?", meant.join(", or ")),
        true => format!("valid {}: {}", if table.is_empty() { "tables" } else { "keys" }, schema::names_in(table).join(", ")),
    }
}

fn wrong_type(full: &str, row: &Row, kind: Kind, found: &DeValue<'_>, written: &str) -> (String, String) {
    let (key, written) = (row.key, shortened(written));
    let found_name = type_name(found);
    match (kind, found) {
        (Kind::Duration { .. }, DeValue::Integer(_)) => (
            format!("`{full}` is a number without a unit"),
            format!("write `{key} = \"{written}s\"` for seconds; the units are ms, s, m, h"),
        ),
        (Kind::Asn, DeValue::Float(_)) => (
            format!("`{full}` without quotes is a decimal fraction, in which {written} can lose digits"),
            format!("quote it: `{key} = \"{written}\"`"),
        ),
        (Kind::Count { .. }, _) => {
            (format!("`{full}` is {found_name}, and must be a whole number"), format!("write it without quotes: `{key} = {}`", row.example))
        }
        (Kind::Flag, _) => (format!("`{full}` is {found_name}, and must be true or false"), format!("write `{key} = {}`", row.example)),
        (Kind::Texts, DeValue::String(_)) => {
            (format!("`{full}` is a string, and must be an array of strings"), format!("write `{key} = [{written}]`"))
        }
        (Kind::Texts, _) => {
            (format!("`{full}` is {found_name}, and must be an array of strings"), format!("for example `{key} = {}`", row.example))
        }
        (Kind::TextTable, _) => {
            (format!("`{full}` is {found_name}, and must be a table of strings"), format!("for example `{key} = {}`", row.example))
        }
        (Kind::Asn | Kind::WordOrCount(_), _) => {
            (format!("`{full}` is {found_name}, and must be a number or a string"), format!("for example `{key} = {}`", row.example))
        }
        (Kind::Text | Kind::Word(_) | Kind::Path | Kind::Duration { .. }, _) => {
            (format!("`{full}` is {found_name}, and must be a string"), format!("for example `{key} = {}`", row.example))
        }
    }
}

fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a decimal fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

/// TOML numbers can be hexadecimal, octal or binary. What does not fit 128 bits stays as it is written: it is out of
/// every range in which it could be used.
fn decimal(digits: &str, radix: u32) -> String {
    i128::from_str_radix(digits, radix).map_or_else(|_| digits.to_owned(), |number| number.to_string())
}

/// A message is one line.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 60;
    let clean: String = text.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().count() > LONGEST { format!("{clean}…") } else { clean }
}
