//! `add_column`: a new column, filled and kept right by an expression over the old ones.

use engine::postgres::triggers::OnDownError;
use serde_json::{Value, json};

use super::{KIND, column_name};
use crate::spec::section::Section;
use crate::spec::{Code, Form, Key, Presence};

/// For the reference page.
pub(crate) const STORY: &str = "Adds a nullable column. With `up`, every row gets `up`'s value and every write keeps it right; with `down` too, \
a write to the new column finds its way back to the old one.";

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
        name: "column",
        form: Form::Text,
        presence: Presence::Required,
        meaning: "The new column's name, at most 63 bytes.",
    },
    Key {
        name: "type",
        form: Form::Text,
        presence: Presence::Required,
        meaning: "Its type, such as `integer`, `numeric(10,2)` or a type of your own; no DEFAULT, no NOT NULL.",
    },
    Key {
        name: "up",
        form: Form::Text,
        presence: Presence::Optional,
        meaning: "SQL that computes new from old, over the row's own columns, immutable. Without it the column stays empty.",
    },
    Key {
        name: "down",
        form: Form::Text,
        presence: Presence::Optional,
        meaning: "SQL that computes old from new. It restores the column of `replaces`, or else the one column that `up` reads. \
Without it the new column is derived: only reads can move to it.",
    },
    Key {
        name: "on_down_error",
        form: Form::Text,
        presence: Presence::Default("\"close\""),
        meaning: "What a write of the new column meets that `down` cannot carry back: `close` lets it succeed and closes the way back for \
that row, which is told; `fail` fails it.",
    },
    Key {
        name: "replaces",
        form: Form::Text,
        presence: Presence::Optional,
        meaning: "The old column that contract drops. Without it there is nothing to contract.",
    },
];

/// A new column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddColumn {
    /// The table, as the spec spells it.
    pub table: String,
    /// The new column.
    pub column: String,
    /// Its type, as the spec spells it.
    pub type_name: String,
    /// New from old.
    pub up: Option<String>,
    /// Old from new.
    pub down: Option<String>,
    /// What a write meets that `down` cannot carry back.
    pub on_down_error: OnDownError,
    /// The old column that contract drops.
    pub replaces: Option<String>,
}

impl AddColumn {
    pub(crate) fn read(keys: &mut Section<'_>) -> Option<Self> {
        let table = keys.text("table");
        let column = column_name(keys, "column");
        let type_name = keys.text("type");
        let up = keys.text("up");
        let down = keys.text("down");
        let on_down_error = on_down_error(keys);
        let replaces = keys.text("replaces");
        if !keys.has("up") {
            for key in ["down", "on_down_error", "replaces"] {
                if keys.has(key) {
                    let message = format!(
                        "`{key}` without `up`: nothing would fill the new column from the old one; give `up` as well"
                    );
                    keys.refuse(key, Code::Contradiction, message);
                }
            }
        }
        Some(Self {
            table: table?,
            column: column?,
            type_name: type_name?,
            up,
            down,
            on_down_error: on_down_error?,
            replaces,
        })
    }

    pub(crate) fn canonical(&self) -> Value {
        let mut value = json!({ "kind": "add_column", "table": self.table, "column": self.column, "type": self.type_name });
        if self.down.is_some() {
            value["on_down_error"] = json!(self.on_down_error);
        }
        for (key, text) in [
            ("up", &self.up),
            ("down", &self.down),
            ("replaces", &self.replaces),
        ] {
            if let Some(text) = text {
                value[key] = text.clone().into();
            }
        }
        value
    }
}

/// None after a fault.
fn on_down_error(keys: &mut Section<'_>) -> Option<OnDownError> {
    let found = if keys.has("on_down_error") {
        keys.text("on_down_error")?
    } else {
        return Some(OnDownError::default());
    };
    match found.as_str() {
        "close" => Some(OnDownError::Close),
        "fail" => Some(OnDownError::Fail),
        _ => {
            let message = format!("found {found:?}, expected \"close\" or \"fail\"");
            keys.refuse("on_down_error", Code::Value, message);
            None
        }
    }
}
