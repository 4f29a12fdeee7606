//! Questions to the catalog, each with one boolean answer: has a step already happened?
//!
//! Asked before a step is (re)tried, so that a crash between a commit and its record costs nothing.
//! Every name is a literal, every catalog is qualified: the answer depends on no search path.

use engine::catalog::TableName;
use engine::postgres::ident::literal;

/// FROM ... WHERE that finds the table as `c`.
fn table(name: &TableName) -> String {
    format!(
        "FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
         WHERE n.nspname = {} AND c.relname = {}",
        literal(&name.schema),
        literal(&name.name)
    )
}

fn column(name: &TableName, column: &str, condition: &str) -> String {
    format!(
        "EXISTS (SELECT {} AND EXISTS (SELECT FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = c.oid \
         AND a.attname = {} AND NOT a.attisdropped{condition}))",
        table(name),
        literal(column)
    )
}

/// The column is there, with that type. A type of a schema outside the session's path is spelled with its schema.
pub(super) fn column_added(name: &TableName, new: &str, type_name: &str, search_path: &[String]) -> String {
    let spellings: Vec<String> = std::iter::once(type_name.to_owned())
        .chain(search_path.iter().map(|schema| format!("{schema}.{type_name}")))
        .map(|spelling| literal(&spelling))
        .collect();
    let condition = format!(
        " AND pg_catalog.format_type(a.atttypid, a.atttypmod) IN ({})",
        spellings.join(", ")
    );
    format!("SELECT {}", column(name, new, &condition))
}

/// The column is there.
pub(super) fn has_column(name: &TableName, of: &str) -> String {
    column(name, of, "")
}

/// The column is not there.
pub(super) fn column_gone(name: &TableName, old: &str) -> String {
    format!("SELECT NOT {}", column(name, old, ""))
}

/// The column is NOT NULL.
pub(super) fn is_not_null(name: &TableName, of: &str) -> String {
    column(name, of, " AND a.attnotnull")
}

/// The constraint is there.
pub(super) fn has_constraint(name: &TableName, constraint: &str) -> String {
    constraint_where(name, constraint, "")
}

/// The constraint is there and validated.
pub(super) fn has_valid_constraint(name: &TableName, constraint: &str) -> String {
    constraint_where(name, constraint, " AND k.convalidated")
}

fn constraint_where(name: &TableName, constraint: &str, condition: &str) -> String {
    format!(
        "EXISTS (SELECT {} AND EXISTS (SELECT FROM pg_catalog.pg_constraint AS k WHERE k.conrelid = c.oid \
         AND k.conname = {}{condition}))",
        table(name),
        literal(constraint)
    )
}

/// The index is there, whole or not.
pub(super) fn has_index(name: &TableName, index: &str) -> String {
    index_where(name, index, "")
}

/// The index is there and can be used.
pub(super) fn has_valid_index(name: &TableName, index: &str) -> String {
    index_where(name, index, " AND x.indisvalid AND x.indisready")
}

/// The index is there and has that comment.
pub(super) fn has_commented_index(name: &TableName, index: &str, comment: &str) -> String {
    let condition = format!(
        " AND pg_catalog.obj_description(x.indexrelid, 'pg_class') = {}",
        literal(comment)
    );
    index_where(name, index, &condition)
}

fn index_where(name: &TableName, index: &str, condition: &str) -> String {
    format!(
        "EXISTS (SELECT {} AND EXISTS (SELECT FROM pg_catalog.pg_index AS x JOIN pg_catalog.pg_class AS i \
         ON i.oid = x.indexrelid WHERE x.indrelid = c.oid AND i.relname = {}{condition}))",
        table(name),
        literal(index)
    )
}
