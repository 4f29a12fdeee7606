//! Reading one table of the merged settings: every key is taken by name and type, what is left over
//! at the end is unknown. A fault is noted and reading goes on.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use config::{Value, ValueKind};
use secrecy::SecretString;

use super::{Fault, redact_url};
use crate::units::parse_duration;

/// The faults found so far, shared by all tables.
pub(super) type Faults = RefCell<Vec<Fault>>;

/// One table with what is still to be read of it.
pub(super) struct Table<'a> {
    path: String,
    entries: HashMap<String, Value>,
    known: Vec<&'static str>,
    faults: &'a Faults,
}

impl<'a> Table<'a> {
    /// The whole of the settings.
    pub(super) fn root(entries: HashMap<String, Value>, faults: &'a Faults) -> Self {
        Self {
            path: String::new(),
            entries,
            known: Vec::new(),
            faults,
        }
    }

    /// The table under `key`; empty if it is not there, so that its defaults apply.
    pub(super) fn table(&mut self, key: &'static str) -> Self {
        let entries = match self.take(key) {
            None => HashMap::new(),
            Some(value) => self.as_entries(key, value),
        };
        Self {
            path: self.key(key),
            entries,
            known: Vec::new(),
            faults: self.faults,
        }
    }

    /// Every entry as a table of its own, for tables whose keys are names.
    pub(super) fn into_named(mut self) -> Vec<(String, Self)> {
        let mut names: Vec<String> = self.entries.keys().cloned().collect();
        names.sort();
        let mut tables = Vec::new();
        for name in names {
            let value = self.entries.remove(&name).expect("the name was just listed");
            let entries = self.as_entries(&name, value);
            tables.push((
                name.clone(),
                Self {
                    path: self.key(&name),
                    entries,
                    known: Vec::new(),
                    faults: self.faults,
                },
            ));
        }
        tables
    }

    fn as_entries(&self, key: &str, value: Value) -> HashMap<String, Value> {
        let origin = value.origin().map(str::to_owned);
        match value.kind {
            ValueKind::Table(entries) => entries,
            other => {
                self.note(&self.key(key), describe(&other), "a table", origin);
                HashMap::new()
            }
        }
    }

    /// Whether nothing is left to be read.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether the key is there, whatever it holds.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries
            .get(key)
            .is_some_and(|value| value.kind != ValueKind::Nil)
    }

    fn key(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.entries
            .remove(key)
            .filter(|value| value.kind != ValueKind::Nil)
    }

    fn note(&self, key: &str, found: String, expected: &str, origin: Option<String>) {
        self.faults.borrow_mut().push(Fault {
            key: key.to_owned(),
            found,
            expected: expected.to_owned(),
            origin,
        });
    }

    /// A fault of a key of this table that its reader found out later.
    pub(super) fn fault(&self, key: &str, found: &str, expected: &str) {
        let path = if key.is_empty() {
            self.path.clone()
        } else {
            self.key(key)
        };
        self.note(&path, found.to_owned(), expected, None);
    }

    /// A text that `parse` accepts; what it answers otherwise is what was expected.
    pub(super) fn parsed<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let value = self.take(key)?;
        let origin = value.origin().map(str::to_owned);
        // Numbers from a file are numbers, from the environment texts: read both as text.
        let text = match &value.kind {
            ValueKind::String(text) => text.clone(),
            ValueKind::I64(number) => number.to_string(),
            other => {
                self.note(&self.key(key), describe(other), expected, origin);
                return None;
            }
        };
        let parsed = parse(&text);
        if parsed.is_none() {
            self.note(&self.key(key), format!("{text:?}"), expected, origin);
        }
        parsed
    }

    /// A duration with its unit, longer than nothing.
    pub(super) fn duration(&mut self, key: &'static str) -> Option<Duration> {
        self.parsed(
            key,
            "a duration longer than 0 with its unit, such as 500ms, 30s or 10m",
            |text| parse_duration(text).ok().filter(|duration| !duration.is_zero()),
        )
    }

    /// A URL with one of `schemes`; never quoted with its password.
    pub(super) fn url(&mut self, key: &'static str, schemes: &[&str]) -> Option<SecretString> {
        let value = self.take(key)?;
        let origin = value.origin().map(str::to_owned);
        let begins: Vec<String> = schemes
            .iter()
            .map(|scheme| format!("{scheme}{}", after(scheme)))
            .collect();
        let expected = format!("a URL that begins with {}", begins.join(" or "));
        match value.kind {
            ValueKind::String(text) if is_url(&text, schemes) => Some(SecretString::from(text)),
            ValueKind::String(text) => {
                self.note(&self.key(key), redact_url(&text), &expected, origin);
                None
            }
            other => {
                self.note(&self.key(key), describe(&other), &expected, origin);
                None
            }
        }
    }

    /// A list of texts; from the environment, separated by commas.
    pub(super) fn list(&mut self, key: &'static str) -> Vec<String> {
        let Some(value) = self.take(key) else {
            return Vec::new();
        };
        let origin = value.origin().map(str::to_owned);
        let expected = "a list of texts, or in the environment texts separated by commas";
        let items = match value.kind {
            ValueKind::String(text) => return text.split(',').map(|part| part.trim().to_owned()).collect(),
            ValueKind::Array(items) => items,
            other => {
                self.note(&self.key(key), describe(&other), expected, origin);
                return Vec::new();
            }
        };
        let mut texts = Vec::new();
        for item in items {
            match item.kind {
                ValueKind::String(text) => texts.push(text),
                other => self.note(
                    &self.key(key),
                    format!("{} in the list", describe(&other)),
                    expected,
                    origin.clone(),
                ),
            }
        }
        texts
    }

    /// Reports what nobody asked for.
    pub(super) fn finish(mut self) {
        let mut left: Vec<(String, Value)> = self.entries.drain().collect();
        left.sort_by(|a, b| a.0.cmp(&b.0));
        let expected = match self.known.as_slice() {
            [] => "no key here".to_owned(),
            known => format!("one of {}", known.join(", ")),
        };
        for (key, value) in left {
            self.note(
                &self.key(&key),
                "an unknown key".to_owned(),
                &expected,
                value.origin().map(str::to_owned),
            );
        }
    }
}

/// A file is named by its path, which no host comes before.
const OF_A_FILE: &str = "sqlite";

fn after(scheme: &str) -> &'static str {
    if scheme == OF_A_FILE { ":" } else { "://" }
}

fn is_url(text: &str, schemes: &[&str]) -> bool {
    if let Some((OF_A_FILE, path)) = text.split_once(':') {
        // Neither a database in memory nor a parameter of the driver.
        let path = path.strip_prefix("//").unwrap_or(path);
        return schemes.contains(&OF_A_FILE)
            && !path.is_empty()
            && !path.starts_with(':')
            && !path.contains('?');
    }
    url::Url::parse(text).is_ok_and(|url| schemes.contains(&url.scheme()) && url.has_authority())
}

fn describe(kind: &ValueKind) -> String {
    match kind {
        ValueKind::Nil => "nothing".to_owned(),
        ValueKind::Boolean(value) => value.to_string(),
        ValueKind::I64(value) => format!("the number {value}"),
        ValueKind::I128(value) => format!("the number {value}"),
        ValueKind::U64(value) => format!("the number {value}"),
        ValueKind::U128(value) => format!("the number {value}"),
        ValueKind::Float(value) => format!("the number {value}"),
        ValueKind::String(_) => "a text".to_owned(),
        ValueKind::Table(_) => "a table".to_owned(),
        ValueKind::Array(_) => "a list".to_owned(),
    }
}
