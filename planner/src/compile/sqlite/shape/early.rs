//! Which indexes of a renamed column stand beside the old ones from the beginning.
//!
//! They are made while the new column is empty, so making them sorts nothing, and the backfill fills them row by row. An empty column is
//! why some cannot be: a unique index over an expression of it could find the same value in every row.
//!
//! What would break it: an index that refuses what the old one accepts, because then a write of the application fails that did not
//! before. So the text is the old one's with the other name, and where there is none (a constraint), what it would say is known.

use engine::catalog::EngineKind::Sqlite;
use engine::catalog::{Constraint, ConstraintKind, Index, Table};
use engine::sqlite::ident::quote;
use engine::sqlite::tokens::tokens;

use super::{Early, about};
use crate::compile::dialect::is_same;
use crate::compile::draft::Draft;
use crate::compile::sqlite::text::{Unsafe, on_of, renamed_index};
use crate::kinds::Change;

/// For every renamed column of the table.
pub(super) fn indexes(draft: &Draft<'_>, at: usize) -> Result<Vec<Early>, String> {
    let renames: Vec<(&str, &str)> = draft
        .changes_of(at)
        .filter_map(|change| match change {
            Change::RenameColumn(change) => Some((change.from.as_str(), change.to.as_str())),
            Change::AddColumn(_) | Change::Sql(_) => None,
        })
        .collect();
    let table = draft.tables[at].table;
    let touched = |columns: &[String]| {
        let is_renamed = |column: &String| renames.iter().any(|(from, _)| is_same(Sqlite, column, from));
        columns.iter().any(is_renamed) && !goes(draft, at, columns)
    };
    let mut found = Vec::new();
    let stands = |index: &Index| renames.iter().any(|(from, _)| can_stand(index, from));
    for index in table.indexes.iter().filter(|i| touched(&i.columns) && stands(i)) {
        found.push(Early {
            name: String::new(),
            like: index.name.clone(),
            unique: index.unique,
            on: of_index(index, &renames).map_err(about("index", &index.name))?,
        });
    }
    let constraints = table.constraints.iter().filter(|c| is_like_an_index(c));
    for constraint in constraints.filter(|c| touched(&c.columns)) {
        found.push(Early {
            name: String::new(),
            like: constraint.name.clone(),
            unique: true,
            on: of_columns(table, &constraint.columns, &renames)
                .map_err(about("constraint", &constraint.name))?,
        });
    }
    Ok(found)
}

/// Whether an index like it can be made while the new column of this old one is empty.
pub(in crate::compile::sqlite) fn can_stand(index: &Index, old: &str) -> bool {
    !(index.unique && index.expression_or_partial) || is_of_column(index, old)
}

/// A unique index of plain columns, this among them, over some of the rows: NULL there is like no other NULL.
fn is_of_column(index: &Index, column: &str) -> bool {
    tokens(&index.definition).is_ok_and(|tokens| {
        let mut brackets = tokens.iter().enumerate().filter(|(_, t)| t.is_symbol("("));
        let Some((open, _)) = brackets.next() else {
            return false;
        };
        let inside = tokens[open..].iter().take_while(|t| !t.is_symbol(")"));
        brackets.next().is_none() && inside.skip(1).any(|t| t.is_name(column))
    })
}

/// A unique constraint that compares values as the columns themselves do.
pub(in crate::compile::sqlite) fn is_like_an_index(constraint: &Constraint) -> bool {
    constraint.kind == ConstraintKind::Unique
        && !constraint.definition.to_ascii_uppercase().contains("COLLATE")
}

/// One of them is replaced and goes, so nothing like it is left.
fn goes(draft: &Draft<'_>, at: usize, columns: &[String]) -> bool {
    draft.changes_of(at).any(|change| match change {
        Change::AddColumn(change) => change
            .replaces
            .as_ref()
            .is_some_and(|old| columns.iter().any(|c| is_same(Sqlite, c, old))),
        Change::RenameColumn(_) | Change::Sql(_) => false,
    })
}

fn of_index(index: &Index, renames: &[(&str, &str)]) -> Result<String, Unsafe> {
    let mut text = index.definition.clone();
    for (from, to) in renames {
        text = renamed_index(&text, from, to)?;
    }
    on_of(&text)
}

fn of_columns(table: &Table, columns: &[String], renames: &[(&str, &str)]) -> Result<String, Unsafe> {
    let to = |column: &String| {
        let renamed = renames.iter().find(|(from, _)| is_same(Sqlite, column, from));
        quote(renamed.map_or(column.as_str(), |(_, to)| to))
    };
    let columns: Result<Vec<String>, _> = columns.iter().map(to).collect();
    Ok(format!(
        "ON {}({})",
        quote(&table.name.name)?,
        columns?.join(", ")
    ))
}
