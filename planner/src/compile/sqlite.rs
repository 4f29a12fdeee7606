//! What a plan for SQLite has of its own.
//!
//! The changes, the draft and the order are the same on every engine; so are flip and way back. Three facts make the rest
//! different. The file has one writer: a batch, a copy and the application wait for each other, so batches are short and
//! never parallel. A trigger cannot change the row that is being written: the mirror writes it a second time, and what judges a row
//! (NOT NULL, a CHECK) judges it before that. And ALTER TABLE can add, rename and drop a plain column, nothing more: a column with a
//! constraint is changed by a copy of the table, made from its own CREATE TABLE text ([`text`], [`shape`], [`rebuild`]).
//!
//! So a table is seen in three forms: as it is; for the time of the job, when an old column may be NULL that may not be otherwise; and
//! as it is left. Constraints are carried at the drop, and until then the old side still judges every write; indexes stand on both.

pub(super) mod done;
mod notices;
mod raw;
pub(super) mod rebuild;
mod refuse;
mod rename_column;
mod shape;
mod text;
pub(super) mod words;

use engine::mirror::{self, Mirror, MirrorSql};
use engine::sqlite::ranges;
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

/// The mirror's triggers.
pub(super) fn mirror(table: &TableDraft<'_>, mirror: &Mirror) -> Result<MirrorSql, mirror::Error> {
    triggers::compile(mirror, &row(table))
}

/// The names of a mirror's triggers: one for INSERT, one for UPDATE.
pub(super) fn triggers_of(mirror: &str) -> Vec<String> {
    ["i", "u"].map(|event| format!("{mirror}_{event}")).to_vec()
}

/// The column by which rows have positions, as SQL.
pub(super) fn row(table: &TableDraft<'_>) -> String {
    // A table without one was refused.
    ranges::row_column(table.table).unwrap_or_else(|| "rowid".to_owned())
}
