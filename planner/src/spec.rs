//! The spec: a migration as its author declares it, in one TOML file or as JSON of the same keys.
//!
//! Parsing collects every fault, each with its file, line, key, what was found and what was expected,
//! so that an author mends a file once. Both forms become one tree of nodes first, so they
//! cannot drift apart; the keys, their defaults and their meanings stand in tables ([`Key`])
//! that the reader obeys and the reference page is printed from.

mod fault;
pub(crate) mod keys;
pub(crate) mod node;
mod reference;
pub(crate) mod section;
mod sections;
mod similar;
mod throttle;

use std::collections::BTreeMap;

use serde_json::{Value, json};

pub use fault::{Code, Fault};
pub use keys::{Form, Key, Presence};
pub use reference::markdown as reference;
pub use sections::{Backfill, Contract, Flip, Verify};
pub(crate) use similar::nearest;
pub use throttle::Throttle;

use crate::kinds::Change;
use node::Node;
use section::{Faults, Section};

/// A migration as its author declares it, every default filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// What it is called: in status lines, reports and the ledger.
    pub name: String,
    /// What changes, in the order of the file.
    pub changes: Vec<Declared>,
    /// The load budget.
    pub backfill: Backfill,
    /// When to pause.
    pub throttle: Throttle,
    /// How reads and writes move over.
    pub flip: Flip,
    /// How old goes away.
    pub contract: Contract,
    /// How long to watch.
    pub verify: Verify,
    /// The file it was read from, for faults found later.
    pub file: Option<String>,
}

/// One change, with the lines it was declared on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// What it asks for.
    pub change: Change,
    /// The line of its header; None when it came as JSON.
    pub line: Option<u32>,
    /// The line of each key that was given.
    pub lines: BTreeMap<String, u32>,
}

impl Spec {
    /// Reads a TOML file's text; `file` is how the faults name it.
    ///
    /// # Errors
    /// Every fault of the text, in the order of its lines.
    pub fn from_toml(text: &str, file: &str) -> Result<Self, Vec<Fault>> {
        let root = node::from_toml(text, file)?;
        Self::from_node(&root, Some(file))
    }

    /// Reads the JSON of a `job.submit` message.
    ///
    /// # Errors
    /// Every fault of the value; they name keys, not lines.
    pub fn from_json(value: &Value) -> Result<Self, Vec<Fault>> {
        Self::from_node(&node::from_json(value), None)
    }

    fn from_node(root: &Node, file: Option<&str>) -> Result<Self, Vec<Fault>> {
        let mut faults = Faults::new(file);
        let spec = read(root, file, &mut faults);
        match spec {
            Some(spec) if faults.is_empty() => Ok(spec),
            _ => Err(faults.into_sorted()),
        }
    }

    /// The spec as JSON with every default filled in; what the plan stores and hashes.
    #[must_use]
    pub fn canonical(&self) -> Value {
        json!({
            "name": self.name,
            "change": self.changes.iter().map(|d| d.change.canonical()).collect::<Vec<_>>(),
            "backfill": self.backfill.canonical(),
            "throttle": self.throttle.canonical(),
            "flip": self.flip.canonical(),
            "contract": self.contract.canonical(),
            "verify": self.verify.canonical(),
        })
    }

    /// A fault about `key` of change number `index`, with its file and line.
    pub(crate) fn fault(&self, index: usize, key: &str, code: Code, message: impl Into<String>) -> Fault {
        let declared = self.changes.get(index);
        let line = declared.and_then(|d| d.lines.get(key).copied().or(d.line));
        Fault {
            code,
            file: self.file.clone(),
            line,
            key: Some(format!("{} {key}", change_path(index))),
            message: message.into(),
        }
    }
}

/// How faults name a change: as TOML spells its header, counted from 1.
fn change_path(index: usize) -> String {
    format!("[[change]] {}", index + 1)
}

fn read(root: &Node, file: Option<&str>, faults: &mut Faults) -> Option<Spec> {
    let mut top = Section::open(root, String::new(), keys::TOP, faults)?;
    let name = top.text("name");
    if let Some(name) = &name {
        check_name(name, &mut top);
    }
    let changes = read_changes(&mut top);
    let backfill = top
        .child("backfill", sections::BACKFILL)
        .and_then(|mut keys| Backfill::read(&mut keys));
    let throttle = top
        .child("throttle", throttle::THROTTLE)
        .and_then(|mut keys| Throttle::read(&mut keys));
    let flip = top
        .child("flip", sections::FLIP)
        .and_then(|mut keys| Flip::read(&mut keys));
    let contract = top
        .child("contract", sections::CONTRACT)
        .and_then(|mut keys| Contract::read(&mut keys));
    let verify = top
        .child("verify", sections::VERIFY)
        .and_then(|mut keys| Verify::read(&mut keys));
    Some(Spec {
        name: name?,
        changes: changes?,
        backfill: backfill?,
        throttle: throttle?,
        flip: flip?,
        contract: contract?,
        verify: verify?,
        file: file.map(str::to_owned),
    })
}

/// A name appears in file names, flags and reports: it is kept to what needs no quoting anywhere.
fn check_name(name: &str, top: &mut Section<'_>) {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    let begins_well = name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    if name.len() > 63 || !begins_well || !name.chars().all(plain) {
        top.refuse(
            "name",
            Code::Value,
            format!(
                "found {name:?}, expected 1 to 63 lower-case letters, digits, `-` or `_`, beginning with a letter or digit, \
                 such as \"fax-to-fax-number\""
            ),
        );
    }
}

fn read_changes(top: &mut Section<'_>) -> Option<Vec<Declared>> {
    let nodes = top.tables("change")?;
    let mut changes = Some(Vec::new());
    for (index, node) in nodes.into_iter().enumerate() {
        let declared = Change::read(node, change_path(index), top.faults).map(|change| Declared {
            change,
            line: node.line,
            lines: node
                .entries()
                .iter()
                .filter_map(|e| Some((e.key.clone(), e.line?)))
                .collect(),
        });
        match (declared, &mut changes) {
            (Some(declared), Some(list)) => list.push(declared),
            _ => changes = None,
        }
    }
    changes
}

#[cfg(test)]
mod tests;
