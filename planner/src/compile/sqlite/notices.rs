//! What the reader of a plan for SQLite should know before approving.
//!
//! Most of it follows from the mirror's second UPDATE: whoever watches single statements sees one write become two.

use engine::catalog::Trigger;

use super::shape::Shape;
use crate::compile::dialect::is_same;
use crate::compile::draft::Draft;
use crate::compile::notices::{adds_columns, derived, unchecked};
use engine::catalog::EngineKind::Sqlite;

/// What a spec has if it says nothing, so that one that says nothing is not told about it.
const DEFAULT_PARALLEL: u32 = 2;

/// Every notice that is about tables and the file as a whole, after those of the changes.
pub(super) fn add(draft: &mut Draft<'_>) {
    unchecked(draft);
    for at in 0..draft.tables.len() {
        let table = draft.tables[at].table;
        if adds_columns(draft, at) {
            star(draft, at);
        }
        if !draft.tables[at].pairs.is_empty() {
            second_write(draft, at);
            for trigger in &table.triggers {
                user_trigger(draft, at, trigger);
            }
            rebuilt(draft, at);
        }
    }
    derived(draft);
    newer(draft);
    one_writer(draft);
}

fn star(draft: &mut Draft<'_>, at: usize) {
    let shown = draft.tables[at].shown.clone();
    let message = format!(
        "{shown} gets a column. INSERT into it without a column list fails (\"table {shown} has ... columns but ... values were \
         supplied\"), `SELECT *` of it has one column more, and so has `INSERT ... SELECT *`. Name the columns where the application does that."
    );
    draft.notice("SL-PREPARED-STAR", message);
}

fn second_write(draft: &mut Draft<'_>, at: usize) {
    let shown = draft.tables[at].shown.clone();
    let message = format!(
        "The mirror of {shown} writes the row a second time, right after the application's statement: RETURNING shows the values before \
         that, `changes()` does not count it and `total_changes()` does. Read the row again where the application needs the mirrored column."
    );
    draft.notice("SL-SECOND-UPDATE", message);
}

/// Fires for the mirror's own UPDATE, unless it watches other columns.
fn user_trigger(draft: &mut Draft<'_>, at: usize, trigger: &Trigger) {
    let written: Vec<String> = draft.tables[at]
        .pairs
        .iter()
        .flat_map(|pair| {
            [
                Some(pair.new.clone()),
                pair.down.as_ref().map(|down| down.column.clone()),
            ]
        })
        .flatten()
        .collect();
    let watches = trigger.update_of.is_empty()
        || trigger
            .update_of
            .iter()
            .any(|c| written.iter().any(|w| is_same(Sqlite, w, c)));
    if !trigger.on_update || !watches {
        return;
    }
    let message = format!(
        "Trigger `{}` on {} fires for every row that the backfill writes, and once more for each write of the application, when the mirror \
         writes the row a second time: what it counts or logs, it counts and logs then too. Approve if that does no harm, or \
         make it fire on UPDATE OF the columns that it is about.",
        trigger.name, draft.tables[at].shown
    );
    draft.notice_to_approve("SL-USER-TRIGGER", message);
}

/// Why the job waits before it begins: somebody has to know how long a copy takes here.
fn rebuilt(draft: &mut Draft<'_>, at: usize) {
    let Some(shape) = &draft.tables[at].shape else {
        return;
    };
    if shape.loose.is_none() {
        return;
    }
    let message = format!(
        "{} is rebuilt before anything else, so that {} may be NULL for the time of the job: one copy of the table under the file's write \
         lock, and another at the drop or on the way back with --discard. For as long as a copy takes every other writer waits, and in a file \
         whose journal mode is not WAL every reader, too; one whose busy timeout is shorter fails. Try it on a copy of the file; run ANALYZE afterwards, because the table's statistics go with the old one",
        draft.tables[at].shown,
        columns(shape)
    );
    draft.reasons.push(message);
    let columns = columns(shape);
    let message = format!(
        "Until the drop, NOT NULL of {columns} is judged by a trigger, after the mirror had its chance to fill it. A NULL is refused in the same \
         words, but INSERT OR IGNORE with one fails as well, where it left the row out before, and the extended error code is that of a trigger."
    );
    draft.notice("SL-NOT-NULL-BY-TRIGGER", message);
}

/// The loosened columns, for people.
pub(super) fn columns(shape: &Shape) -> String {
    let names: Vec<String> = shape.loosened.iter().map(|c| format!("`{c}`")).collect();
    names.join(" and ")
}

/// The application's own SQLite fires the triggers.
fn newer(draft: &mut Draft<'_>) {
    let expressions = draft.expressions;
    for ((index, side), what) in &expressions.newer {
        let message = format!(
            "`{}` of change {} uses {}. The triggers run in the application's SQLite: with an older one each of its writes to the table fails. \
             Approve if every application that writes this file has that version or a later one.",
            side.key(),
            index + 1,
            what.join(", ")
        );
        draft.notice_to_approve("SL-NEWER-SQLITE", message);
    }
}

fn one_writer(draft: &mut Draft<'_>) {
    let asked = draft.spec.backfill.max_parallel;
    if asked > DEFAULT_PARALLEL {
        let message = format!(
            "The spec asks for {asked} chunks at a time; it will be one, because a file of SQLite has one writer. Nothing has to be done."
        );
        draft.notice("SL-ONE-WRITER", message);
    }
}
