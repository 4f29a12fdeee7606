//! Questions to SQLite's schema, each with one boolean answer: has a step already happened?
//!
//! Every name is a literal. `pragma_table_xinfo` lists generated columns too, and nothing for a table that is gone.

use engine::sqlite::ident::literal;

fn column_where(table: &str, column: &str, condition: &str) -> String {
    format!(
        "EXISTS (SELECT 1 FROM pragma_table_xinfo({}) WHERE name = {} COLLATE NOCASE{condition})",
        literal(table),
        literal(column)
    )
}

/// The column is there.
pub(in crate::compile) fn has_column(table: &str, column: &str) -> String {
    column_where(table, column, "")
}

/// The column is there and may be NULL.
pub(in crate::compile) fn is_nullable(table: &str, column: &str) -> String {
    column_where(table, column, " AND \"notnull\" = 0")
}

/// The column is there and may not be NULL.
pub(in crate::compile) fn is_not_null(table: &str, column: &str) -> String {
    column_where(table, column, " AND \"notnull\" = 1")
}

/// The trigger is there.
pub(in crate::compile) fn has_trigger(name: &str) -> String {
    format!(
        "EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND name = {} COLLATE NOCASE)",
        literal(name)
    )
}

/// The index is there.
pub(in crate::compile) fn has_index(name: &str) -> String {
    format!(
        "EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'index' AND name = {} COLLATE NOCASE)",
        literal(name)
    )
}

/// All of them.
pub(in crate::compile) fn all(conditions: &[String]) -> String {
    format!("SELECT {}", conditions.join(" AND "))
}
