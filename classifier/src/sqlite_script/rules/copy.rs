//! The twelve-step copy of a table.

use super::{part, sql};
use crate::tokens::Name;

/// The copy that SQLite's documentation describes, for a table whose new shape is up to the reader.
pub(super) fn copy(table: &Name, to_do: &str) -> String {
    let new = Name {
        schema: table.schema.clone(),
        name: format!("{}_new", table.name),
    };
    format!(
        "PRAGMA foreign_keys = OFF;\nBEGIN IMMEDIATE;\nSELECT sql FROM sqlite_schema WHERE tbl_name = {text};\n\
         -- the same with {to_do}\nCREATE TABLE {new} (/* columns */);\nINSERT INTO {new} SELECT /* columns */ FROM {old};\nDROP TABLE {old};\n\
         ALTER TABLE {new} RENAME TO {name};\n-- its indexes, triggers and views again\nPRAGMA foreign_key_check;\nCOMMIT;\nPRAGMA foreign_keys = ON;",
        text = format_args!("'{}'", table.name.replace('\'', "''")),
        new = sql(&new),
        old = sql(table),
        name = part(&table.name),
    )
}
