//! The twelve-step copy of a table, which SQLite's documentation describes for what ALTER TABLE cannot do.

use super::{part, sql};
use crate::tokens::Name;

/// What is there, and the steps, which have gaps that only its author can fill: so they are comments.
pub(super) fn copy(table: &Name, to_do: &str) -> String {
    let new = Name {
        schema: table.schema.clone(),
        name: format!("{}_new", table.name),
    };
    let (new, old, name) = (sql(&new), sql(table), part(&table.name));
    let text = table.name.replace('\'', "''");
    let steps = [
        "PRAGMA foreign_keys = OFF".to_owned(),
        "BEGIN IMMEDIATE".to_owned(),
        format!("CREATE TABLE {new} (...), the same with {to_do}"),
        format!("INSERT INTO {new} SELECT ... FROM {old}"),
        format!("DROP TABLE {old}"),
        format!("ALTER TABLE {new} RENAME TO {name}"),
        "its indexes, triggers and views again".to_owned(),
        "PRAGMA foreign_key_check".to_owned(),
        "COMMIT".to_owned(),
        "PRAGMA foreign_keys = ON".to_owned(),
    ];
    let steps: Vec<_> = steps.into_iter().map(|step| format!("-- {step}")).collect();
    format!(
        "-- what belongs to the table\nSELECT type, name, sql FROM sqlite_schema WHERE tbl_name = '{text}';\n{}",
        steps.join("\n")
    )
}
