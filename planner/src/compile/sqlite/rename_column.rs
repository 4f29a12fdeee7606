//! Compiles `rename_column` for SQLite: a plain column like the old one, mirrored both ways.
//!
//! NOT NULL, checks, keys, indexes and triggers stay with the old column, which judges every write until the drop; there the table's own
//! texts name the new column where they named the old one ([`super::shape`]). What that cannot do is refused by name.

use engine::catalog::{Column, ConstraintKind};
use engine::mirror::{Down, OnDownError, Pair};
use engine::sqlite::ident::quote;

use super::{refuse, shape::early};
use crate::compile::add_column;
use crate::compile::dialect::is_same;
use crate::compile::draft::{Added, Draft, Presence};
use crate::kinds::RenameColumn;
use crate::spec::Code;
use engine::catalog::EngineKind::Sqlite;

/// Adds what the change asks for to the draft, or its faults.
pub(super) fn compile(draft: &mut Draft<'_>, index: usize, change: &RenameColumn) {
    let Some(table) = draft.table_of[index] else {
        return;
    };
    let Some(from) = draft.column(index, table, "from", &change.from) else {
        return;
    };
    let is_new = add_column::is_new(draft, index, table, "to", &change.to);
    let before = draft.faults.len();
    refused(draft, index, table, from);
    let (Ok(old), Ok(new)) = (quote(&from.name), quote(&change.to)) else {
        return;
    };
    // Qualified: where a name in double quotes means nothing, SQLite reads it as a string, but never with a table before it.
    let of_row = |column: &str| format!("{}.{column}", draft.tables[table].quoted);
    let (up, down) = (of_row(&old), of_row(&new));
    if !is_new || draft.faults.len() > before {
        return;
    }
    draft.expand.push(Added::Column {
        table,
        column: change.to.clone(),
        type_name: from.type_name.clone(),
        statements: vec![statement(&draft.tables[table].quoted, &new, from)],
    });
    let found = &mut draft.tables[table];
    found.rely(&from.name, &from.type_name, Presence::Before);
    found.rely(&change.to, &from.type_name, Presence::Added);
    found.pairs.push(Pair {
        new: change.to.clone(),
        new_type: from.type_name.clone(),
        up,
        reads: vec![from.name.clone()],
        down: Some(Down {
            column: from.name.clone(),
            column_type: from.type_name.clone(),
            expression: down,
            on_error: OnDownError::Close,
            has_default: false,
            not_null: from.not_null,
        }),
        cannot_raise: true,
    });
    draft.replace(table, &from.name, None);
    later(draft, table, from, &change.to);
}

/// Nothing that would judge a row: no NOT NULL, no check, no default.
fn statement(table: &str, new: &str, from: &Column) -> String {
    let type_name = if from.type_name.is_empty() {
        String::new()
    } else {
        format!(" {}", from.type_name)
    };
    let collation = from
        .collation
        .as_ref()
        .and_then(|name| quote(name).ok())
        .map_or_else(String::new, |name| format!(" COLLATE {name}"));
    format!("ALTER TABLE {table} ADD COLUMN {new}{type_name}{collation}")
}

fn refused(draft: &mut Draft<'_>, index: usize, at: usize, from: &Column) {
    let table = draft.tables[at].table;
    let mut why = Vec::new();
    if from.generated {
        why.push(
            "it is generated; add a column with its expression as `up` instead (`add_column`)".to_owned(),
        );
    }
    if refuse::has_default(from) {
        why.push(
            "it has a DEFAULT, and on SQLite an INSERT that gives only the new column cannot be told from one that gives the default; \
             rebuild the table without that default first"
                .to_owned(),
        );
    }
    why.extend(refuse::readers(table, &from.name));
    for reason in why {
        let message = format!("`{}` cannot be renamed this way: {reason}", from.name);
        draft.fault(index, "from", Code::NotCarried, message);
    }
}

/// What comes to the new column at the drop only, and what that means until then.
fn later(draft: &mut Draft<'_>, at: usize, from: &Column, to: &str) {
    let table = draft.tables[at].table;
    let shown = draft.tables[at].shown.clone();
    let named = |columns: &[String]| columns.iter().any(|c| is_same(Sqlite, c, &from.name));
    let indexes = table
        .indexes
        .iter()
        .filter(|i| named(&i.columns) && !early::can_stand(i, &from.name))
        .map(|i| &i.name);
    let unique = table
        .constraints
        .iter()
        .filter(|c| c.kind == ConstraintKind::Unique && named(&c.columns) && !early::is_like_an_index(c))
        .map(|c| &c.name);
    let later: Vec<String> = indexes.chain(unique).map(|name| format!("`{name}`")).collect();
    if !later.is_empty() {
        let message = format!(
            "Indexes of `{}` of {shown} that cannot stand on `{to}` beside the old column come to it at the drop: {}. Until then a query that \
             looks for rows by `{to}` reads every row, and ON CONFLICT cannot name it. A value that may be there once is refused \
             through `{}`, by an error: INSERT OR IGNORE and ON CONFLICT DO NOTHING cannot leave it out, and INSERT OR FAIL leaves a row behind that \
             the drop will refuse. Where the application needs any of that, create an index on `{to}` (a unique one, where the old one is) \
             before reads flip, and drop it before the soft drop, which refuses an index that it does not know.",
            from.name,
            later.join(", "),
            from.name
        );
        draft.notice_to_approve("SL-INDEX-LATER", message);
    }
    let checks = table
        .constraints
        .iter()
        .filter(|c| c.kind == ConstraintKind::Check && named(&c.columns));
    let checks: Vec<String> = checks.map(|c| format!("`{}`", c.definition)).collect();
    if !checks.is_empty() {
        let message = format!(
            "{} of {shown} judges an INSERT that gives only `{to}` before the mirror has filled `{}`: with NULL there. One that refuses NULL \
             fails every such INSERT; then change it before the job.",
            checks.join(", "),
            from.name
        );
        draft.notice_to_approve("SL-CHECK-SEES-NULL", message);
    }
}
