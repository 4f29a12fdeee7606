//! What a plan for SQLite has of its own.
//!
//! The changes, the draft and the order are the same on every engine; so are flip and way back. Three facts make the rest
//! different. The file has one writer: a batch, a copy and the application wait for each other, so batches are short and
//! never parallel. A trigger cannot change the row that is being written: the mirror writes it a second time, and what judges a row
//! (NOT NULL, a CHECK) judges it before that. And ALTER TABLE can add, rename and drop a plain column, nothing more: a column with a
//! constraint is changed by a copy of the table, made from its own CREATE TABLE text ([`text`], [`shape`], [`rebuild`]).
//!
//! So a table is seen in three forms: as it is; for the time of the job, when an old column may be NULL that may not be otherwise; and
//! as it is left. Nothing is carried before the drop: until then the old side still judges every write.

pub(super) mod done;
mod notices;
mod raw;
pub(super) mod rebuild;
mod refuse;
mod rename_column;
mod shape;
mod text;

use engine::mirror::{self, Mirror, MirrorSql};
use engine::sqlite::ident::quote;
use engine::sqlite::tokens::{Token, TokenKind, tokens};
use engine::sqlite::triggers;

use super::add_column;
use super::draft::{Draft, TableDraft};
use crate::kinds::Change;

pub(super) use refuse::cannot_be_restored;
pub(super) use shape::{Form, Shape};

/// Every change, and what follows from all of them.
pub(super) fn compile(draft: &mut Draft<'_>) {
    refuse::tables(draft);
    super::refuse::overlaps(draft);
    let spec = draft.spec;
    for (index, declared) in spec.changes.iter().enumerate() {
        match &declared.change {
            Change::AddColumn(change) => add_column::compile(draft, index, change),
            Change::RenameColumn(change) => rename_column::compile(draft, index, change),
            Change::Sql(change) => raw::compile(draft, index, change),
        }
    }
    shape::choose(draft);
    raw::refuse_rebuilt(draft);
    for at in 0..draft.tables.len() {
        if !draft.tables[at].pairs.is_empty() {
            let trigger = draft.object();
            draft.tables[at].counter = draft.object();
            draft.tables[at].function.clone_from(&trigger);
            draft.tables[at].trigger = trigger;
        }
    }
    notices::add(draft);
}

/// What could be names in an author's SQL, as they are written; nothing of a text that is no SQL, which is refused elsewhere.
pub(super) fn words(text: &str) -> Vec<String> {
    let tokens = tokens(text).unwrap_or_default();
    let names = tokens.iter().filter(|t| t.kind != TokenKind::Text);
    names.filter_map(|token| token.name()).collect()
}

/// `track`, `main.track`, `[Odd Name]`; None if it is not a name.
pub(super) fn parts(text: &str) -> Option<(Option<String>, String)> {
    let words = tokens(text).ok()?;
    let name = |token: &Token<'_>| token.name().filter(|_| token.kind != TokenKind::Text);
    match words.as_slice() {
        [table] => Some((None, name(table)?)),
        [schema, dot, table] if dot.is_symbol(".") => Some((Some(name(schema)?), name(table)?)),
        _ => None,
    }
}

/// The mirror's triggers.
pub(super) fn mirror(table: &TableDraft<'_>, mirror: &Mirror) -> Result<MirrorSql, mirror::Error> {
    triggers::compile(mirror, &row(table)?)
}

/// The quoted name under which the row's number can be read: `rowid`, unless a column has that name.
pub(super) fn row(table: &TableDraft<'_>) -> Result<String, engine::sqlite::ident::IdentError> {
    let is_without = table
        .shape
        .as_ref()
        .is_some_and(|shape| shape.options.without_rowid);
    if let ([only], true) = (table.table.primary_key(), is_without) {
        return quote(only);
    }
    let is_free = |name: &&str| {
        !table
            .table
            .columns
            .iter()
            .any(|c| c.name.eq_ignore_ascii_case(name))
    };
    // With all three taken the row's number cannot be read at all; such a table is refused.
    // Not quoted: where a quoted name means nothing, SQLite reads it as a string.
    Ok(["rowid", "_rowid_", "oid"]
        .into_iter()
        .find(is_free)
        .unwrap_or("rowid")
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_s_name_is_read_as_sqlite_reads_it() {
        let check = |text: &str, expected: Option<(Option<&str>, &str)>| {
            let expected = expected.map(|(schema, name)| (schema.map(str::to_owned), name.to_owned()));
            assert_eq!(parts(text), expected, "{text}");
        };
        check("Track", Some((None, "Track")));
        check("main.[Odd Name]", Some((Some("main"), "Odd Name")));
        check("a.b.c", None);
        check("'a'", None);
    }
}
