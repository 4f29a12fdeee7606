//! What is refused about a table of SQLite before anything is touched, by name and with what to do.
//!
//! Each rule keeps out a way in which the job, or the application because of the job, would fail or lose data later. Most come from
//! two facts: a trigger cannot change the row that is about to be written, so every write is judged before the mirror has
//! seen it; and what has to be carried is carried by a copy of the table, made from texts.

use engine::catalog::{Column, ConstraintKind, Table, TableKind};

use engine::sqlite::ranges;

use super::shape;
use crate::compile::dialect::is_same;
use crate::compile::draft::Draft;
use crate::kinds::Change;
use crate::spec::{Code, Fault};
use engine::catalog::EngineKind::Sqlite;

/// Every rule about the spec and every table.
pub(super) fn tables(draft: &mut Draft<'_>) {
    if draft.spec.backfill.max_wal_bytes_per_second.is_some() {
        draft.faults.push(Fault {
            code: Code::Value,
            file: draft.spec.file.clone(),
            line: None,
            key: Some("[backfill] max_wal_bytes_per_second".to_owned()),
            message:
                "how much a file's write-ahead log grows cannot be asked; limit `max_rows_per_second` instead"
                    .to_owned(),
        });
    }
    if let Some(key) = draft.spec.throttle.reads_a_server() {
        draft.faults.push(Fault {
            code: Code::Value,
            file: draft.spec.file.clone(),
            line: None,
            key: Some(format!("[throttle] {key}")),
            message:
                "a file has no server whose pressure could be read; leave the key out, or limit `windows` or \
                      `max_rows_per_second` instead"
                    .to_owned(),
        });
    }
    for at in 0..draft.tables.len() {
        let table = draft.tables[at].table;
        if kind(draft, at, table) && ours(draft, at, table) {
            options(draft, at, table);
            if draft.is_filled(at) {
                written_by_triggers(draft, at, table);
            }
        }
    }
    for index in 0..draft.spec.changes.len() {
        hides_the_row(draft, index);
    }
}

fn fault(draft: &mut Draft<'_>, at: usize, code: Code, message: String) {
    let index = draft.tables[at].first_change;
    draft.fault(index, "table", code, message);
}

/// False if it is not a table of ours to change; other rules would only repeat that.
fn kind(draft: &mut Draft<'_>, at: usize, table: &Table) -> bool {
    let why = match table.kind {
        TableKind::Ordinary => return true,
        TableKind::View => "a view; name the table that it reads",
        TableKind::Temporary => "a temporary table, which only its own connection sees; name a permanent one",
        TableKind::Foreign | TableKind::Partitioned | TableKind::Unlogged => {
            "a virtual table: its rows are kept by a module, and no trigger fires for them; name an ordinary table"
        }
    };
    let message = format!("{} is {why}", draft.tables[at].shown);
    fault(draft, at, Code::NotATable, message);
    false
}

/// The ledger lives in the same file.
fn ours(draft: &mut Draft<'_>, at: usize, table: &Table) -> bool {
    let folded = table.name.name.to_ascii_lowercase();
    if matches!(folded.as_str(), "old" | "new") {
        let message = format!(
            "`{}` means the row before or after a write in every trigger, so no trigger could write a table of that name; rename it first",
            table.name.name
        );
        fault(draft, at, Code::Unsuitable, message);
        return false;
    }
    if !folded.starts_with("sluice_") {
        return true;
    }
    let message = format!(
        "{} has a name of Sluice's own (`sluice_...`), which holds its ledger in this file; name a table of the application",
        draft.tables[at].shown
    );
    fault(draft, at, Code::NotATable, message);
    false
}

/// What the table's own text says about it as a whole.
fn options(draft: &mut Draft<'_>, at: usize, table: &Table) {
    let shown = draft.tables[at].shown.clone();
    let Some(text) = &table.definition else {
        let message = format!(
            "the catalog holds no CREATE TABLE text of {shown}, from which it would be rebuilt; save the catalog again with this version"
        );
        return fault(draft, at, Code::Unsuitable, message);
    };
    let options = match shape::options(text) {
        Ok(options) => options,
        Err(why) => {
            let message = format!("the CREATE TABLE text of {shown} cannot be read: {why}");
            return fault(draft, at, Code::Unsuitable, message);
        }
    };
    if options.strict {
        let message = format!(
            "{shown} is STRICT: a value of `up` or `down` that is of another type than the column would fail the application's write, \
             and no trigger can catch that; rebuild it without STRICT first"
        );
        fault(draft, at, Code::Unsuitable, message);
    }
    if ranges::row_column(table).is_none() {
        let why = if options.without_rowid {
            "is WITHOUT ROWID and its primary key is not one INTEGER column"
        } else {
            "has columns of all the names by which the row's number can be read (rowid, oid, _rowid_)"
        };
        let message = format!(
            "{shown} {why}: there is no number by which its rows could be taken in ranges; rebuild it with one first"
        );
        fault(draft, at, Code::Unsuitable, message);
    }
}

/// A trigger that writes the table writes rows whose mirror has run, or has yet to: which, the order of triggers decides, and
/// SQLite promises none.
fn written_by_triggers(draft: &mut Draft<'_>, at: usize, table: &Table) {
    for dependent in table.dependents.iter().filter(|d| d.kind == "trigger") {
        let message = format!(
            "{} writes {}: whether it fires before or after the mirror is not defined on SQLite, so a write of it could be lost; drop it \
             for the time of the job, or let the application do what it does",
            dependent.name, draft.tables[at].shown
        );
        fault(draft, at, Code::Unsuitable, message);
    }
}

/// `rowid` means the row's number only as long as no column has that name.
fn hides_the_row(draft: &mut Draft<'_>, index: usize) {
    const NAMES: &[&str] = &["rowid", "oid", "_rowid_"];
    let change = &draft.spec.changes[index].change;
    let key = match change {
        Change::AddColumn(_) => "column",
        Change::RenameColumn(_) => "to",
        Change::Sql(_) => return,
    };
    let new = change.new_column().unwrap_or_default().to_owned();
    if NAMES.iter().any(|name| name.eq_ignore_ascii_case(&new)) {
        let message = format!(
            "`{new}` is a name of the row's own number on SQLite; a column of that name would hide it; choose another name"
        );
        draft.fault(index, key, Code::Value, message);
    }
}

/// Why `down` cannot write a column of SQLite; None if it can.
pub(in crate::compile) fn cannot_be_restored(table: &Table, column: &Column) -> Option<&'static str> {
    if table.primary_key().contains(&column.name) {
        Some("is part of the primary key, which names rows while the job runs")
    } else if has_default(column) {
        Some(
            "has a DEFAULT, and on SQLite an INSERT that gives only the new column cannot be told from one that gives the default; without \
             `down` only reads move, or rebuild the table without that default first",
        )
    } else {
        None
    }
}

/// DEFAULT NULL is what a column has without one.
pub(super) fn has_default(column: &Column) -> bool {
    column
        .default
        .as_ref()
        .is_some_and(|default| !default.trim().eq_ignore_ascii_case("null"))
}

/// What of the table depends on a column that is taken out of sight: it would be rewritten to the hidden name, and break at the drop.
pub(super) fn readers(table: &Table, column: &str) -> Vec<String> {
    let mut why = Vec::new();
    let own = |name: &str| {
        let mut triggers = table.triggers.iter();
        triggers.any(|t| name == format!("trigger {} on {}", t.name, table.name.name))
    };
    for dependent in table
        .dependents
        .iter()
        .filter(|d| is_same(Sqlite, &d.column, column))
    {
        match dependent.kind.as_str() {
            "view" => why.push(format!(
                "{} reads it, and SQLite would rename it there too; drop the view for the time of the job, and create it anew with the new name",
                dependent.name
            )),
            // One of the table's own is carried, or refused with its text.
            "trigger body" if !own(&dependent.name) => why.push(format!(
                "{} names it, and would break at the drop; drop that trigger for the time of the job, or write it without `{column}`",
                dependent.name
            )),
            "generated column" => why.push(format!(
                "{} reads it; that would have to be rewritten, so rebuild the table without it first",
                dependent.name
            )),
            _ => {}
        }
    }
    for reference in &table.referenced_by {
        if reference.columns.iter().any(|c| is_same(Sqlite, c, column)) {
            why.push(format!(
                "a foreign key of {} points at it; drop or move that foreign key first",
                reference.table.name
            ));
        }
    }
    if let Some(key) = table
        .constraints
        .iter()
        .find(|c| c.kind == ConstraintKind::PrimaryKey)
        && key.columns.iter().any(|c| is_same(Sqlite, c, column))
    {
        why.push("it is part of the primary key, which names rows while the job runs".to_owned());
    }
    why
}
