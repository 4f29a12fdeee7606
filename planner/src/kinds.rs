//! The kinds of change a spec can ask for: a closed set, one file each.
//!
//! A kind knows its keys and how to read them (here), and how it compiles into steps and mirrored
//! pairs ([`crate::compile`]). The roles that execute a plan know nothing of kinds.

pub mod add_column;
pub mod rename_column;
pub mod sql;

use serde_json::Value;

use crate::spec::node::Node;
use crate::spec::section::{Faults, Section};
use crate::spec::{Code, Key, nearest};

pub use add_column::AddColumn;
pub use rename_column::RenameColumn;
pub use sql::RawSql;

/// What one `[[change]]` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A new column, computed from others.
    AddColumn(AddColumn),
    /// The same data under another name.
    RenameColumn(RenameColumn),
    /// The author's own SQL.
    Sql(RawSql),
}

/// The kinds by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `add_column`
    AddColumn,
    /// `rename_column`
    RenameColumn,
    /// `sql`
    Sql,
}

impl Kind {
    /// Every kind this build knows.
    pub const ALL: &[Self] = &[Self::AddColumn, Self::RenameColumn, Self::Sql];

    /// As a spec spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AddColumn => "add_column",
            Self::RenameColumn => "rename_column",
            Self::Sql => "sql",
        }
    }

    /// Its keys, `kind` first.
    #[must_use]
    pub fn keys(self) -> &'static [Key] {
        match self {
            Self::AddColumn => add_column::KEYS,
            Self::RenameColumn => rename_column::KEYS,
            Self::Sql => sql::KEYS,
        }
    }

    /// What it does, for the reference page.
    #[must_use]
    pub fn story(self) -> &'static str {
        match self {
            Self::AddColumn => add_column::STORY,
            Self::RenameColumn => rename_column::STORY,
            Self::Sql => sql::STORY,
        }
    }
}

impl Change {
    /// Reads one `[[change]]`; None after a fault.
    pub(crate) fn read(node: &Node, path: String, faults: &mut Faults) -> Option<Self> {
        let kind = kind_of(node, &path, faults)?;
        let mut keys = Section::open(node, path, kind.keys(), faults)?;
        match kind {
            Kind::AddColumn => AddColumn::read(&mut keys).map(Self::AddColumn),
            Kind::RenameColumn => RenameColumn::read(&mut keys).map(Self::RenameColumn),
            Kind::Sql => RawSql::read(&mut keys).map(Self::Sql),
        }
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::AddColumn(_) => Kind::AddColumn,
            Self::RenameColumn(_) => Kind::RenameColumn,
            Self::Sql(_) => Kind::Sql,
        }
    }

    /// The table it names, as the spec spells it.
    #[must_use]
    pub fn table(&self) -> Option<&str> {
        match self {
            Self::AddColumn(change) => Some(&change.table),
            Self::RenameColumn(change) => Some(&change.table),
            Self::Sql(change) => change.table.as_deref(),
        }
    }

    /// The column it brings into being.
    #[must_use]
    pub fn new_column(&self) -> Option<&str> {
        match self {
            Self::AddColumn(change) => Some(&change.column),
            Self::RenameColumn(change) => Some(&change.to),
            Self::Sql(_) => None,
        }
    }

    /// As JSON with every default filled in.
    #[must_use]
    pub fn canonical(&self) -> Value {
        match self {
            Self::AddColumn(change) => change.canonical(),
            Self::RenameColumn(change) => change.canonical(),
            Self::Sql(change) => change.canonical(),
        }
    }
}

fn kind_of(node: &Node, path: &str, faults: &mut Faults) -> Option<Kind> {
    let names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
    let known = names.join(", ");
    let Some(entry) = node.entries().iter().find(|entry| entry.key == "kind") else {
        let message = format!("this key is missing; expected one of {known}");
        faults.push(Code::MissingKey, node.line, format!("{path} kind"), message);
        return None;
    };
    let found = match &entry.node.value {
        crate::spec::node::Value::Text(text) => text.as_str(),
        _ => "",
    };
    let kind = Kind::ALL.iter().copied().find(|kind| kind.as_str() == found);
    if kind.is_none() {
        let hint = if takes_away(found) {
            " (nothing is dropped by a change of its own: the contract drops what a change `replaces`)"
                .to_owned()
        } else {
            nearest(found, names.iter().copied())
                .map_or_else(String::new, |name| format!(" (did you mean \"{name}\"?)"))
        };
        let message = format!("found {}, expected one of {known}{hint}", entry.node.found());
        faults.push(Code::UnknownKind, entry.line, format!("{path} kind"), message);
    }
    kind
}

/// Whether a kind asks for the opposite of every kind there is: the nearest word would be just that opposite.
fn takes_away(kind: &str) -> bool {
    let verb = kind.split(['_', '-', ' ']).next().unwrap_or_default();
    ["drop", "remove", "delete"]
        .iter()
        .any(|word| verb.eq_ignore_ascii_case(word))
}

/// `kind`, which is the first key of every kind.
pub(crate) const KIND: Key = Key {
    name: "kind",
    form: crate::spec::Form::Text,
    presence: crate::spec::Presence::Required,
    meaning: "Which kind of change this is.",
};

/// A column's name as PostgreSQL can keep it; longer ones would be cut off silently.
pub(crate) fn column_name(keys: &mut Section<'_>, key: &'static str) -> Option<String> {
    const SYSTEM: &[&str] = &["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"];
    let name = keys.text(key)?;
    let fault = if name.len() > 63 {
        format!(
            "found a name of {} bytes, expected at most 63: PostgreSQL would cut it off",
            name.len()
        )
    } else if SYSTEM.contains(&name.as_str()) {
        format!("`{name}` is a system column of every PostgreSQL table; choose another name")
    } else {
        return Some(name);
    };
    keys.refuse(key, Code::Value, fault);
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Spec;

    #[test]
    fn the_opposite_of_a_kind_is_not_suggested() {
        let said = |kind: &str| {
            let text = format!("name = \"a\"\n[[change]]\nkind = \"{kind}\"\ntable = \"t\"\n");
            let faults = Spec::from_toml(&text, "a.toml").unwrap_err();
            faults.iter().map(ToString::to_string).collect::<String>()
        };
        for kind in ["drop_column", "remove_column", "DROP"] {
            let words = said(kind);
            assert!(
                !words.contains("did you mean") && words.contains("`replaces`"),
                "{words}"
            );
        }
        assert!(said("add_colunm").contains("did you mean \"add_column\""));
        assert!(!takes_away("rename_colum") && !takes_away(""));
    }
}
