//! What a statement does, from what it asks for.
//!
//! Measured on SQLite 3.40 and 3.51 with a million rows: what is called instant here took less than 10 ms.

use super::action::{Action, Column, DefaultValue, Generated};
use crate::tokens::Name;
use crate::{Effect, Lock, Phase, TableLock};

/// The effect; `exists` says whether a table was there before the script.
pub(crate) fn effect(action: &Action, exists: impl Fn(&Name) -> bool) -> Effect {
    let mut effect = Effect::nothing(phase(action));
    let Some(table) = written(action) else {
        effect.transactional = !matches!(action, Action::Vacuum { .. });
        return effect;
    };
    let touched = table.is_none_or(&exists);
    if touched {
        let table = table.map_or_else(|| "(the whole file)".to_owned(), Name::to_string);
        effect.locks.push(TableLock {
            table,
            mode: Lock::Write,
        });
    }
    let (rewrites, scans) = passes(action);
    effect.rewrites_table = touched && rewrites;
    effect.scans_table = touched && scans;
    effect.transactional = !matches!(action, Action::Vacuum { .. });
    effect
}

/// The table for which the write lock of the file is taken; Some(None): for all of them.
fn written(action: &Action) -> Option<Option<&Name>> {
    match action {
        Action::AddColumn { table, .. }
        | Action::DropColumn { table, .. }
        | Action::RenameColumn { table, .. }
        | Action::RenameTable { table, .. }
        | Action::CreateIndex { table, .. }
        | Action::DropTable(table)
        | Action::Insert { table, .. } => Some(Some(table)),
        Action::Update(change) | Action::Delete(change) => Some(Some(&change.table)),
        Action::CreateTable {
            table,
            temporary: false,
            ..
        } => Some(Some(table)),
        Action::DropIndex
        | Action::Create { temporary: false, .. }
        | Action::Drop { .. }
        | Action::Vacuum { into: false }
        | Action::Reindex { .. }
        | Action::Analyze => Some(None),
        Action::CreateTable { temporary: true, .. }
        | Action::Create { temporary: true, .. }
        | Action::Unsupported { .. }
        | Action::Vacuum { into: true }
        | Action::Select
        | Action::Pragma { .. }
        | Action::Begin { .. }
        | Action::End
        | Action::Savepoint
        | Action::Attach
        | Action::Explain => None,
    }
}

/// Whether each row is written anew, and whether each is read.
fn passes(action: &Action) -> (bool, bool) {
    match action {
        Action::DropColumn { .. } | Action::Vacuum { into: false } => (true, true),
        Action::AddColumn { column, .. } => (false, reads_rows(column)),
        Action::CreateIndex { .. } | Action::Reindex { .. } | Action::Analyze => (false, true),
        Action::Update(change) | Action::Delete(change) => (false, change.whole),
        Action::CreateTable { .. }
        | Action::RenameColumn { .. }
        | Action::RenameTable { .. }
        | Action::Unsupported { .. }
        | Action::DropIndex
        | Action::DropTable(_)
        | Action::Create { .. }
        | Action::Drop { .. }
        | Action::Vacuum { into: true }
        | Action::Insert { .. }
        | Action::Select
        | Action::Pragma { .. }
        | Action::Begin { .. }
        | Action::End
        | Action::Savepoint
        | Action::Attach
        | Action::Explain => (false, false),
    }
}

/// A CHECK is looked at on every row, as is a generated column that must not be NULL.
pub(crate) fn reads_rows(column: &Column) -> bool {
    column.check || column.generated == Some(Generated::Virtual) && column.not_null
}

/// Why the engine refuses the column, if it does; nothing happens then.
pub(crate) fn refused(column: &Column) -> Option<&'static str> {
    if column.primary {
        Some("a column that is added cannot be the PRIMARY KEY")
    } else if column.unique {
        Some("a column that is added cannot be UNIQUE")
    } else if column.generated == Some(Generated::Stored) {
        Some("a column that is added can be generated VIRTUAL, but not STORED")
    } else if column.default == DefaultValue::Changing {
        Some("the default of a column that is added must be a constant")
    } else if column.not_null && column.generated.is_none() && column.default == DefaultValue::Null {
        Some("a column that is added as NOT NULL needs a default that is not NULL")
    } else if column.references && column.default == DefaultValue::Constant {
        Some("a column that is added with REFERENCES must have the default NULL while foreign_keys is ON")
    } else {
        None
    }
}

fn phase(action: &Action) -> Phase {
    match action {
        Action::CreateTable { .. } | Action::AddColumn { .. } | Action::Create { .. } => Phase::Expand,
        Action::CreateIndex { unique: false, .. } => Phase::Expand,
        Action::CreateIndex { unique: true, .. }
        | Action::DropColumn { .. }
        | Action::RenameColumn { .. }
        | Action::RenameTable { .. }
        | Action::Unsupported { .. }
        | Action::DropTable(_)
        | Action::Drop { .. } => Phase::Contract,
        Action::DropIndex
        | Action::Vacuum { .. }
        | Action::Reindex { .. }
        | Action::Analyze
        | Action::Pragma { .. }
        | Action::Begin { .. }
        | Action::End
        | Action::Savepoint
        | Action::Attach
        | Action::Explain => Phase::Neutral,
        Action::Insert { .. } | Action::Update(_) | Action::Delete(_) | Action::Select => Phase::Data,
    }
}
