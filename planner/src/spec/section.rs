//! Reads one table of a spec by its table of keys, and writes down every fault.
//!
//! A value that cannot be read leaves a fault and gives None; reading goes on, so that all faults
//! are found at once. What would break it: asking for a key that its table does not list, which is
//! why that panics in tests.

use std::time::Duration;

use super::keys::{Form, Key, Presence};
use super::node::{Entry, Node, Value};
use super::{Code, Fault, nearest};

/// The faults found so far in one spec.
pub(crate) struct Faults {
    file: Option<String>,
    found: Vec<Fault>,
}

impl Faults {
    pub(crate) fn new(file: Option<&str>) -> Self {
        Self {
            file: file.map(str::to_owned),
            found: Vec::new(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub(crate) fn push(&mut self, code: Code, line: Option<u32>, key: String, message: String) {
        self.found.push(Fault {
            code,
            file: self.file.clone(),
            line,
            key: Some(key),
            message,
        });
    }

    pub(crate) fn into_sorted(mut self) -> Vec<Fault> {
        self.found.sort_by_key(|fault| fault.line);
        self.found
    }
}

/// One table of the spec while it is read.
pub(crate) struct Section<'a> {
    path: String,
    line: Option<u32>,
    entries: &'a [Entry],
    keys: &'static [Key],
    pub(crate) faults: &'a mut Faults,
}

impl<'a> Section<'a> {
    /// Opens a table; refuses what is not one, and each key that is not known.
    pub(crate) fn open(
        node: &'a Node,
        path: String,
        keys: &'static [Key],
        faults: &'a mut Faults,
    ) -> Option<Self> {
        let Value::Table(entries) = &node.value else {
            let message = format!("found {}, expected a table of keys", node.found());
            faults.push(Code::Type, node.line, path, message);
            return None;
        };
        let section = Self {
            path,
            line: node.line,
            entries,
            keys,
            faults,
        };
        for entry in entries {
            if !keys.iter().any(|key| key.name == entry.key) {
                let message = unknown(&entry.key, keys);
                section.faults.push(
                    Code::UnknownKey,
                    entry.line,
                    joined(&section.path, &entry.key),
                    message,
                );
            }
        }
        Some(section)
    }

    /// A table below this one; an empty one if it is not there. None if it is something else.
    pub(crate) fn child<'b>(&'b mut self, name: &'static str, keys: &'static [Key]) -> Option<Section<'b>> {
        let path = format!("[{name}]");
        match self.given(name) {
            Some(entry) => Section::open(&entry.node, path, keys, self.faults),
            None => Some(Section {
                path,
                line: self.line,
                entries: &[],
                keys,
                faults: self.faults,
            }),
        }
    }

    /// The tables of a list, of which there must be at least one.
    pub(crate) fn tables(&mut self, name: &'static str) -> Option<Vec<&'a Node>> {
        let entry = self.required(name)?;
        match &entry.node.value {
            Value::List(items) if !items.is_empty() => Some(items.iter().collect()),
            Value::List(_) => {
                self.refuse(
                    name,
                    Code::MissingKey,
                    format!("the list is empty, expected at least one `[[{name}]]`"),
                );
                None
            }
            _ => self.mistyped(entry),
        }
    }

    /// A text; None if it is not there, or after a fault.
    pub(crate) fn text(&mut self, name: &'static str) -> Option<String> {
        let entry = self.required(name)?;
        let Value::Text(text) = &entry.node.value else {
            return self.mistyped(entry);
        };
        self.usable(name, text).then(|| text.clone())
    }

    /// A text or a list of texts.
    pub(crate) fn texts(&mut self, name: &'static str) -> Option<Vec<String>> {
        let entry = self.required(name)?;
        let items = match &entry.node.value {
            Value::Text(text) => vec![text],
            Value::List(items) if !items.is_empty() => {
                let texts: Option<Vec<&String>> = items
                    .iter()
                    .map(|item| {
                        if let Value::Text(text) = &item.value {
                            Some(text)
                        } else {
                            None
                        }
                    })
                    .collect();
                match texts {
                    Some(texts) => texts,
                    None => return self.mistyped(entry),
                }
            }
            _ => return self.mistyped(entry),
        };
        let unusable = items.iter().filter(|text| !self.usable(name, text)).count();
        (unusable == 0).then(|| items.into_iter().cloned().collect())
    }

    /// A whole number within its limits.
    pub(crate) fn whole(&mut self, name: &'static str) -> Option<u64> {
        let Form::Whole(least, most) = self.key(name).form else {
            unreachable!("{name} is a whole number")
        };
        let Some(entry) = self.required(name) else {
            return self.default(name)?.parse().ok();
        };
        let Value::Whole(number) = entry.node.value else {
            return self.mistyped(entry);
        };
        match u64::try_from(number) {
            Ok(number) if (least..=most).contains(&number) => Some(number),
            _ => self.out_of_range(entry),
        }
    }

    /// A time within its limits.
    pub(crate) fn time(&mut self, name: &'static str) -> Option<Duration> {
        let Form::Time(least, most) = self.key(name).form else {
            unreachable!("{name} is a time")
        };
        let Some(entry) = self.required(name) else {
            return humantime::parse_duration(self.default(name)?.trim_matches('"')).ok();
        };
        let Value::Text(text) = &entry.node.value else {
            return self.mistyped(entry);
        };
        match humantime::parse_duration(text) {
            Ok(time) if (least..=most).contains(&time) => Some(time),
            _ => self.out_of_range(entry),
        }
    }

    /// true or false.
    pub(crate) fn boolean(&mut self, name: &'static str) -> Option<bool> {
        let Some(entry) = self.required(name) else {
            return self.default(name)?.parse().ok();
        };
        let Value::Boolean(value) = entry.node.value else {
            return self.mistyped(entry);
        };
        Some(value)
    }

    /// A rising list of percentages that ends at 100.
    pub(crate) fn percentages(&mut self, name: &'static str) -> Option<Vec<u8>> {
        let Some(entry) = self.required(name) else {
            let list = self.default(name)?.trim_matches(['[', ']']);
            return list.split(',').map(|step| step.trim().parse().ok()).collect();
        };
        let Value::List(items) = &entry.node.value else {
            return self.mistyped(entry);
        };
        let steps: Option<Vec<u8>> = items
            .iter()
            .map(|item| {
                if let Value::Whole(step) = item.value {
                    u8::try_from(step).ok()
                } else {
                    None
                }
            })
            .collect();
        let steps = steps.filter(|steps| {
            steps.first().is_some_and(|first| *first >= 1)
                && steps.last() == Some(&100)
                && steps.windows(2).all(|pair| pair[0] < pair[1])
        });
        steps.or_else(|| self.out_of_range(entry))
    }

    /// Writes down a fault about a key of this table.
    pub(crate) fn refuse(&mut self, name: &str, code: Code, message: String) {
        let line = self.given(name).and_then(|entry| entry.line).or(self.line);
        self.faults.push(code, line, joined(&self.path, name), message);
    }

    /// Whether the key was given; `null` in JSON counts as not given.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.given(name).is_some()
    }

    fn given(&self, name: &str) -> Option<&'a Entry> {
        self.entries
            .iter()
            .find(|entry| entry.key == name && !matches!(entry.node.value, Value::Absent))
    }

    /// The key if it was given; a fault if it was not and must be.
    fn required(&mut self, name: &'static str) -> Option<&'a Entry> {
        let given = self.given(name);
        let key = self.key(name);
        if given.is_none() && key.presence == Presence::Required {
            let message = format!(
                "this key is missing; expected {}. {}",
                key.form.expected(),
                key.meaning
            );
            self.refuse(name, Code::MissingKey, message);
        }
        given
    }

    fn key(&self, name: &str) -> &'static Key {
        self.keys
            .iter()
            .find(|key| key.name == name)
            .expect("only keys of the section's own table are asked for")
    }

    fn default(&self, name: &str) -> Option<&'static str> {
        match self.key(name).presence {
            Presence::Default(text) => Some(text),
            Presence::Required | Presence::Optional => None,
        }
    }

    /// A text that says something and that a database can take.
    fn usable(&mut self, name: &str, text: &str) -> bool {
        if text.trim().is_empty() {
            self.refuse(
                name,
                Code::Value,
                "the text is empty; leave the key out or say something".to_owned(),
            );
            return false;
        }
        if text.contains('\0') {
            self.refuse(
                name,
                Code::Value,
                "the text has a NUL character, which no database takes".to_owned(),
            );
            return false;
        }
        true
    }

    fn mistyped<T>(&mut self, entry: &Entry) -> Option<T> {
        self.unfit(entry, Code::Type)
    }

    fn out_of_range<T>(&mut self, entry: &Entry) -> Option<T> {
        self.unfit(entry, Code::Value)
    }

    fn unfit<T>(&mut self, entry: &Entry, code: Code) -> Option<T> {
        let expected = self.key(&entry.key).form.expected();
        let message = format!("found {}, expected {expected}", entry.node.found());
        self.faults
            .push(code, entry.line, joined(&self.path, &entry.key), message);
        None
    }
}

fn joined(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path} {key}")
    }
}

fn unknown(found: &str, keys: &[Key]) -> String {
    let names: Vec<&str> = keys.iter().map(|key| key.name).collect();
    let hint = nearest(found, names.iter().copied())
        .map_or_else(String::new, |name| format!(" did you mean `{name}`?"));
    format!(
        "`{found}` is not a key here;{hint} known keys: {}",
        names.join(", ")
    )
}
