//! A spec as a tree of values that know their lines, the same for TOML and JSON.

use serde_json::Value as Json;
use toml::de::{DeTable, DeValue};

use super::{Code, Fault};

/// A value and the line it stands on.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Counted from 1; None for JSON, which has none.
    pub(crate) line: Option<u32>,
    /// The value.
    pub(crate) value: Value,
}

/// What a node holds.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// JSON's `null`: as if the key were not there.
    Absent,
    /// A text.
    Text(String),
    /// A whole number that fits.
    Whole(i64),
    /// Any other number, as it was written.
    Number(String),
    /// true or false.
    Boolean(bool),
    /// A date or time, which no key takes.
    Datetime(String),
    /// A list.
    List(Vec<Node>),
    /// A table, in the order of lines.
    Table(Vec<Entry>),
}

/// A key of a table.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The key.
    pub(crate) key: String,
    /// The line of the key.
    pub(crate) line: Option<u32>,
    /// What it holds.
    pub(crate) node: Node,
}

impl Node {
    /// The keys of a table; none of anything else.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Table(entries) => entries,
            Value::Absent
            | Value::Text(_)
            | Value::Whole(_)
            | Value::Number(_)
            | Value::Boolean(_)
            | Value::Datetime(_)
            | Value::List(_) => &[],
        }
    }

    /// For a fault's "found ...".
    pub(crate) fn found(&self) -> String {
        match &self.value {
            Value::Absent => "nothing".to_owned(),
            Value::Text(text) => format!("the text {:?}", shortened(text)),
            Value::Whole(number) => format!("the number {number}"),
            Value::Number(number) => format!("the number {}", shortened(number)),
            Value::Boolean(value) => format!("{value}"),
            Value::Datetime(text) => format!("the date {text}"),
            Value::List(items) => format!("a list of {}", items.len()),
            Value::Table(_) => "a table".to_owned(),
        }
    }
}

/// Enough of a long value to recognize it.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text.to_owned(),
    }
}

/// Reads TOML; if it is not TOML, every place where it is not.
pub(crate) fn from_toml(text: &str, file: &str) -> Result<Node, Vec<Fault>> {
    let lines = Lines::of(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(Node {
            line: Some(1),
            value: toml_table(table.get_ref(), &lines),
        });
    }
    let mut faults: Vec<Fault> = errors
        .iter()
        .map(|error| Fault {
            code: Code::Syntax,
            file: Some(file.to_owned()),
            line: Some(error.span().map_or(1, |span| lines.at(span.start))),
            key: None,
            message: format!("this is not TOML: {}", error.message().trim().replace('\n', ", ")),
        })
        .collect();
    faults.sort_by_key(|fault| fault.line);
    Err(faults)
}

fn toml_table(table: &DeTable<'_>, lines: &Lines) -> Value {
    let mut entries: Vec<(usize, Entry)> = table
        .iter()
        .map(|(key, value)| {
            let at = key.span().start;
            let node = Node {
                line: Some(lines.at(value.span().start)),
                value: toml_value(value.get_ref(), lines),
            };
            (
                at,
                Entry {
                    key: key.get_ref().to_string(),
                    line: Some(lines.at(at)),
                    node,
                },
            )
        })
        .collect();
    entries.sort_by_key(|(at, _)| *at);
    Value::Table(entries.into_iter().map(|(_, entry)| entry).collect())
}

fn toml_value(value: &DeValue<'_>, lines: &Lines) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Value::Number(number.to_string()), Value::Whole),
        DeValue::Float(number) => Value::Number(number.to_string()),
        DeValue::Boolean(value) => Value::Boolean(*value),
        DeValue::Datetime(value) => Value::Datetime(value.to_string()),
        DeValue::Array(items) => Value::List(
            items
                .iter()
                .map(|item| Node {
                    line: Some(lines.at(item.span().start)),
                    value: toml_value(item.get_ref(), lines),
                })
                .collect(),
        ),
        DeValue::Table(table) => toml_table(table, lines),
    }
}

/// Takes JSON over.
pub(crate) fn from_json(value: &Json) -> Node {
    let value = match value {
        Json::Null => Value::Absent,
        Json::Bool(value) => Value::Boolean(*value),
        Json::Number(number) => number
            .as_i64()
            .map_or_else(|| Value::Number(number.to_string()), Value::Whole),
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(items) => Value::List(items.iter().map(from_json).collect()),
        Json::Object(map) => Value::Table(
            map.iter()
                .map(|(key, value)| Entry {
                    key: key.clone(),
                    line: None,
                    node: from_json(value),
                })
                .collect(),
        ),
    };
    Node { line: None, value }
}

/// Where each line begins, so that a place in the text has a line number.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(
            text.bytes()
                .enumerate()
                .filter(|(_, b)| *b == b'\n')
                .map(|(at, _)| at)
                .collect(),
        )
    }

    /// The line of a byte, counted from 1.
    fn at(&self, byte: usize) -> u32 {
        let before = self.0.partition_point(|newline| *newline < byte);
        u32::try_from(before + 1).unwrap_or(u32::MAX)
    }
}
