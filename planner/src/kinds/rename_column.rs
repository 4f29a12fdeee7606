//! `rename_column`: the same data under another name, without a moment at which either is missing.

use serde_json::{Value, json};

use super::{KIND, column_name};
use crate::spec::section::Section;
use crate::spec::{Code, Form, Key, Presence};

/// For the reference page.
pub(crate) const STORY: &str = "Adds a column of the same type and collation, mirrored both ways. NOT NULL, checks, indexes, unique constraints, foreign \
keys, comments and privileges are carried to it; what cannot be carried is refused by name. A default follows at contract.";

/// Its keys.
pub(crate) const KEYS: &[Key] = &[
    KIND,
    Key {
        name: "table",
        form: Form::Text,
        presence: Presence::Required,
        meaning: "The table: `table` or `schema.table`.",
    },
    Key {
        name: "from",
        form: Form::Text,
        presence: Presence::Required,
        meaning: "The column's name now.",
    },
    Key {
        name: "to",
        form: Form::Text,
        presence: Presence::Required,
        meaning: "The column's new name, at most 63 bytes.",
    },
];

/// A new name for a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenameColumn {
    /// The table, as the spec spells it.
    pub table: String,
    /// The name now.
    pub from: String,
    /// The new name.
    pub to: String,
}

impl RenameColumn {
    pub(crate) fn read(keys: &mut Section<'_>) -> Option<Self> {
        let table = keys.text("table");
        let from = keys.text("from");
        let to = column_name(keys, "to");
        if from.is_some() && from == to {
            let message = "`from` and `to` are the same name: there is nothing to rename".to_owned();
            keys.refuse("to", Code::Contradiction, message);
        }
        Some(Self {
            table: table?,
            from: from?,
            to: to?,
        })
    }

    pub(crate) fn canonical(&self) -> Value {
        json!({ "kind": "rename_column", "table": self.table, "from": self.from, "to": self.to })
    }
}
