//! How the keys are read: a value or its default, where it came from, and what is wrong with it.

use crate::config::nearest::suggestion;
use crate::config::parse::{self, Parsed};
use crate::config::problem::{Origin, Problem};
use crate::config::raw::{Entry, Raw, Value};
use crate::config::schema::{self, Default, Kind};
use crate::facts::names;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// By the key's full name.
pub(in crate::config) type Origins = BTreeMap<String, Origin>;

/// A text and where it stands.
type Placed = (String, Origin);

pub(super) struct Reader<'a> {
    pub raw: &'a Raw,
    pub main: &'a Path,
    pub origins: Origins,
    pub problems: &'a mut Vec<Problem>,
    pub warnings: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    pub fn flag(&mut self, key: &str) -> Option<bool> {
        if let Some(Entry { value: Value::Flag(flag), origin }) = self.raw.entries.get(key) {
            self.origins.insert(key.to_owned(), origin.clone());
            return Some(*flag);
        }
        match self.default(key)? {
            Default::Flag(flag) => Some(flag),
            Default::Required | Default::Text(_) | Default::Count(_) | Default::Unset(_) => None,
        }
    }

    /// A number within the row's bounds.
    pub fn count(&mut self, key: &str) -> Option<u32> {
        let Some(Kind::Count { least, most }) = schema::row(key).map(|row| row.kind) else { return None };
        if let Some(Entry { value: Value::Integer(written), origin }) = self.raw.entries.get(key) {
            self.origins.insert(key.to_owned(), origin.clone());
            let count = written.parse().ok().filter(|count| (least..=most).contains(count));
            if count.is_none() {
                let message = format!("`{key}` is {written}, and must be from {least} to {most}");
                self.problem(origin, key, message, "write a number in these bounds");
            }
            return count;
        }
        match self.default(key)? {
            Default::Count(count) => Some(count),
            Default::Required | Default::Text(_) | Default::Flag(_) | Default::Unset(_) => None,
        }
    }

    /// One of the row's words.
    pub fn word(&mut self, key: &str) -> Option<String> {
        let (word, origin) = self.text(key)?;
        let Some(Kind::Word(valid) | Kind::WordOrCount(valid)) = schema::row(key).map(|row| row.kind) else { return None };
        if !valid.contains(&word.as_str()) {
            let counts = schema::row(key).is_some_and(|row| matches!(row.kind, Kind::WordOrCount(_)));
            let remedy = match counts && word.parse::<u64>().is_ok() {
                true => format!("write the number without quotes: {word}"),
                false => suggestion(&word, valid, "valid values"),
            };
            self.problem(&origin, key, format!("`{word}` is not a value of `{key}`"), remedy);
            return None;
        }
        Some(word)
    }

    pub fn duration(&mut self, key: &str) -> Option<Duration> {
        let (text, origin) = self.text(key)?;
        let Some(Kind::Duration { least, most }) = schema::row(key).map(|row| row.kind) else { return None };
        self.parsed(key, &text, &origin, |text| parse::duration(text, least, most))
    }

    pub fn path(&mut self, key: &str) -> Option<PathBuf> {
        self.optional(key, parse::absolute_path)
    }

    pub fn resource(&mut self, key: &str, prefix: &str) -> Option<String> {
        let (id, origin) = self.text(key)?;
        self.resource_at(key, prefix, id, &origin)
    }

    pub fn resource_at(&mut self, key: &str, prefix: &str, id: String, origin: &Origin) -> Option<String> {
        if !names::resource_id(&id, prefix) {
            let message = format!("`{id}` can't be the id that `{key}` asks for");
            self.problem(
                origin,
                key,
                message,
                format!("copy it from the console: it starts with `{prefix}`, then come letters and digits"),
            );
            return None;
        }
        Some(id)
    }

    pub fn ruled(&mut self, key: &str, rule: fn(&str) -> names::Checked, remedy: &str) -> Option<String> {
        let (text, origin) = self.text(key)?;
        if let Err(broken) = rule(&text) {
            self.problem(&origin, key, format!("`{key}` {broken}"), remedy);
            return None;
        }
        Some(text)
    }

    pub fn optional<T>(&mut self, key: &str, parse: impl FnOnce(&str) -> Parsed<T>) -> Option<T> {
        let (text, origin) = self.text(key)?;
        self.parsed(key, &text, &origin, parse)
    }

    pub fn parsed<T>(&mut self, key: &str, text: &str, origin: &Origin, parse: impl FnOnce(&str) -> Parsed<T>) -> Option<T> {
        match parse(text) {
            Ok(value) => Some(value),
            Err(complaint) => {
                self.problem(origin, key, format!("`{key}`: {}", complaint.message), complaint.remedy);
                None
            }
        }
    }

    /// The text of a key or its default. With `None` it is unset or already reported.
    pub fn text(&mut self, key: &str) -> Option<Placed> {
        if let Some(Entry { value: Value::Text(text), origin }) = self.raw.entries.get(key) {
            self.origins.insert(key.to_owned(), origin.clone());
            return Some((text.clone(), origin.clone()));
        }
        match self.default(key)? {
            Default::Text(text) => Some((text.to_owned(), Origin::Default)),
            Default::Required | Default::Flag(_) | Default::Count(_) | Default::Unset(_) => None,
        }
    }

    pub fn texts(&mut self, key: &str) -> Option<Vec<Placed>> {
        if let Some(Entry { value: Value::Texts(texts), origin }) = self.raw.entries.get(key) {
            self.origins.insert(key.to_owned(), origin.clone());
            return Some(texts.clone());
        }
        self.default(key)?;
        None
    }

    /// `None` where the key is written, if badly; a required key that is missing is reported.
    pub fn default(&mut self, key: &str) -> Option<Default> {
        if self.is_written(key) {
            return None;
        }
        let row = schema::row(key)?;
        self.origins.insert(key.to_owned(), Origin::Default);
        if row.default == Default::Required {
            let (table, name) = key.rsplit_once('.').unwrap_or(("", key));
            let origin = self.table_origin(table);
            let header = schema::table_at(table).map(schema::Table::header).unwrap_or_default();
            self.missing(&origin, key, &format!("`{key}` is required"), &format!("write `{name} = {}` in {header}", row.example));
        }
        Some(row.default)
    }

    pub fn unique(&mut self, key: &str, items: &[Placed]) -> bool {
        let mut all = true;
        for (index, (text, origin)) in items.iter().enumerate() {
            if items[..index].iter().any(|(earlier, _)| earlier == text) {
                self.problem(origin, key, format!("`{text}` stands twice in `{key}`"), "remove one of the two");
                all = false;
            }
        }
        all
    }

    pub fn is_written(&self, key: &str) -> bool {
        self.raw.entries.contains_key(key) || self.is_broken(key)
    }

    /// A problem with it was noted when it was read.
    pub fn is_broken(&self, key: &str) -> bool {
        self.raw.broken.iter().any(|broken| broken == key)
    }

    pub fn origin(&self, key: &str) -> Origin {
        self.raw.entries.get(key).map_or_else(|| Origin::File(self.main.to_owned()), |entry| entry.origin.clone())
    }

    /// The full names of a repeated table's items, in the order of the files.
    pub fn items(&self, table: &str) -> impl Iterator<Item = String> + use<> {
        let (count, table) = (self.raw.counts.get(table).copied().unwrap_or(0), table.to_owned());
        (1..=count).map(move |number| format!("{table}.{number}"))
    }

    pub fn table_origin(&self, table: &str) -> Origin {
        self.raw.tables.get(table).cloned().unwrap_or_else(|| Origin::File(self.main.to_owned()))
    }

    /// Something is not there. Said only where every file was understood: it may stand in the part that was not.
    pub fn missing(&mut self, origin: &Origin, key: &str, message: &str, remedy: &str) {
        if !self.raw.garbled {
            self.problem(origin, key, message, remedy);
        }
    }

    pub fn problem(&mut self, origin: &Origin, key: &str, message: impl Into<String>, remedy: impl Into<String>) {
        self.problems.push(Problem::new(origin, key, message, remedy));
    }
}
