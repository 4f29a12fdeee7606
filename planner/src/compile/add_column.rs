//! Compiles `add_column`: the column, and the pair that keeps it right.

use engine::catalog::{Column, ConstraintKind, EngineKind};
use engine::mirror::{Down, Pair};

use super::draft::{Added, Draft, Presence};
use super::input::{Checked, Side};
use super::{dialect, sqlite};
use crate::kinds::{AddColumn, Change};
use crate::spec::Code;

/// Adds what the change asks for to the draft, or its faults.
pub(super) fn compile(draft: &mut Draft<'_>, index: usize, change: &AddColumn) {
    let type_name = type_of(draft, index, change);
    let Some(table) = draft.table_of[index] else {
        return;
    };
    if is_new(draft, index, table, "column", &change.column)
        && let Some(type_name) = type_name
        && let Ok(column) = dialect::quote(draft.engine(), &change.column)
    {
        let statement = format!(
            "ALTER TABLE {} ADD COLUMN {column} {type_name}",
            draft.tables[table].quoted
        );
        draft.expand.push(Added::Column {
            table,
            column: change.column.clone(),
            type_name: type_name.clone(),
            statements: vec![statement],
        });
        draft.tables[table].rely(&change.column, &type_name, Presence::Added);
        pair(draft, Asked { index, table, change }, &type_name);
    }
}

/// The column must not be there yet.
pub(super) fn is_new(draft: &mut Draft<'_>, index: usize, table: usize, key: &str, column: &str) -> bool {
    let exists = dialect::column(draft.engine(), draft.tables[table].table, column).is_some();
    if exists {
        let message = format!(
            "table {} already has a column `{column}`; if an earlier job that was rolled back left it, `sluice rollback JOB --discard` takes it away, \
             otherwise choose another name",
            draft.tables[table].shown
        );
        draft.fault(index, key, Code::ColumnExists, message);
    }
    !exists
}

fn type_of(draft: &mut Draft<'_>, index: usize, change: &AddColumn) -> Option<String> {
    match dialect::spelled(draft.engine(), &change.type_name) {
        Ok(guess) => Some(draft.expressions.types.get(&index).cloned().unwrap_or(guess)),
        Err(error) => {
            let message = format!("found {:?}: {error}", change.type_name);
            draft.fault(index, "type", Code::ColumnType, message);
            None
        }
    }
}

/// What a `[[change]]` asks of a table: its number, the table's place in the draft, and the change itself.
#[derive(Clone, Copy)]
struct Asked<'a> {
    index: usize,
    table: usize,
    change: &'a AddColumn,
}

fn pair(draft: &mut Draft<'_>, asked: Asked<'_>, type_name: &str) {
    let Asked { index, table, change } = asked;
    let Some(up) = &change.up else { return };
    let up_reads = reads(draft, index, table, (Side::Up, up));
    // Both are looked at whatever the other says, so that all faults are found.
    let replaced = replaced(draft, asked, up_reads.as_deref());
    let down = down(draft, asked, up_reads.as_deref(), replaced);
    let (Some(reads), Some(()), Some(down)) = (up_reads, replaced, down) else {
        return;
    };
    for name in &reads {
        if let Some(column) = draft.tables[table].table.column(name) {
            draft.tables[table].rely(name, &column.type_name, Presence::Before);
        }
    }
    if let (Some(down), Some(_)) = (&down, &change.replaces) {
        draft.replace(table, &down.column, None);
    }
    draft.tables[table].pairs.push(Pair {
        new: change.column.clone(),
        new_type: type_name.to_owned(),
        up: up.clone(),
        reads,
        down,
        cannot_raise: false,
    });
}

/// The column that contract drops exists and `up` reads it; None after a fault.
fn replaced(draft: &mut Draft<'_>, asked: Asked<'_>, up_reads: Option<&[String]>) -> Option<()> {
    let Some(name) = &asked.change.replaces else {
        return Some(());
    };
    let column = draft.column(asked.index, asked.table, "replaces", name)?;
    let up_reads = up_reads?;
    if up_reads.contains(&column.name) {
        return Some(());
    }
    let message = format!(
        "`up` does not read `{name}`, so a write to `{name}` could never reach the new column; `replaces` names a column that `up` \
         reads ({})",
        up_reads.join(", ")
    );
    draft.fault(asked.index, "replaces", Code::Contradiction, message);
    None
}

/// The way back, if there is one; the outer None after a fault.
fn down(
    draft: &mut Draft<'_>,
    asked: Asked<'_>,
    up_reads: Option<&[String]>,
    replaces_holds: Option<()>,
) -> Option<Option<Down>> {
    let Some(down) = &asked.change.down else {
        return Some(None);
    };
    let down_reads = reads(draft, asked.index, asked.table, (Side::Down, down));
    replaces_holds?;
    let name = match (&asked.change.replaces, up_reads?) {
        (Some(name), _) => name,
        (None, [only]) => only,
        (None, several) => {
            let message = format!(
                "`up` reads {} columns ({}), and `down` restores one; say which with `replaces`",
                several.len(),
                several.join(", ")
            );
            draft.fault(asked.index, "down", Code::Contradiction, message);
            return None;
        }
    };
    let column = draft.column(asked.index, asked.table, "down", name)?;
    if !can_be_restored(draft, asked.index, asked.table, column) {
        return None;
    }
    down_reads?;
    judged_by_old(draft, asked, column);
    draft.tables[asked.table].rely(&column.name, &column.type_name, Presence::Before);
    Some(Some(Down {
        column: column.name.clone(),
        column_type: column.type_name.clone(),
        expression: down.clone(),
        on_error: asked.change.on_down_error,
        has_default: column.default.is_some(),
        not_null: column.not_null,
    }))
}

/// A write of the new column reaches the old one through `down`, and there the old one's constraints judge it: the
/// application sees a refusal by a constraint that its release may not know.
fn judged_by_old(draft: &mut Draft<'_>, asked: Asked<'_>, column: &Column) {
    let table = draft.tables[asked.table].table;
    let name = &column.name;
    let constraints = table
        .constraints
        .iter()
        .filter(|c| c.kind != ConstraintKind::Trigger && c.columns.contains(name))
        .map(|c| c.name.clone());
    let indexes = table
        .indexes
        .iter()
        .filter(|i| i.unique && i.constraint.is_none() && i.columns.contains(name))
        .map(|i| i.name.clone());
    let judges: Vec<String> = constraints.chain(indexes).map(|c| format!("`{c}`")).collect();
    if judges.is_empty() {
        return;
    }
    let message = format!(
        "A write of `{}` also writes `{name}` = `down`, which {} of {} may refuse: the write then fails as a whole, by a constraint of a \
         column that it does not name. Make sure that `down` gives an allowed value for every value the application will write.",
        asked.change.column,
        judges.join(", "),
        draft.tables[asked.table].shown
    );
    draft.notice_to_approve("SL-DOWN-CONSTRAINED", message);
}

/// The columns of the table that an expression reads; None after a fault.
fn reads(
    draft: &mut Draft<'_>,
    index: usize,
    table: usize,
    (side, text): (Side, &str),
) -> Option<Vec<String>> {
    if let Err(fault) = dialect::one_expression(draft.engine(), text) {
        draft.fault(index, side.key(), Code::Expression, fault);
        return None;
    }
    let before = draft.faults.len();
    refuse_other_new_columns(draft, index, table, (side, text));
    let reads = draft
        .expressions
        .reads
        .get(&(index, side))
        .cloned()
        .unwrap_or_default();
    for name in &reads {
        let column = draft.tables[table].table.column(name);
        let too_early = draft.engine() == EngineKind::Postgresql;
        if too_early && side == Side::Up && column.is_some_and(|c| c.generated) {
            let message = format!(
                "`up` reads the generated column `{name}`, which is still empty when a BEFORE trigger runs; use the expression that \
                 generates it instead"
            );
            draft.fault(index, "up", Code::Expression, message);
        }
    }
    (draft.faults.len() == before).then_some(reads)
}

/// Which is right first would depend on the order of changes; the expression over old columns does not.
/// A database that was asked knows it better than the words do: `extract(day FROM at)` reads no column `day`.
fn refuse_other_new_columns(draft: &mut Draft<'_>, index: usize, table: usize, (side, text): (Side, &str)) {
    if draft.expressions.checked == Checked::ByDatabase {
        return;
    }
    let engine = draft.engine();
    let words = dialect::words(engine, text);
    for (other, declared) in draft.spec.changes.iter().enumerate() {
        let new = match &declared.change {
            Change::AddColumn(_) | Change::RenameColumn(_) => declared.change.new_column(),
            Change::Sql(_) => None,
        };
        let Some(new) = new else { continue };
        let own = other == index && side == Side::Down;
        let known = dialect::column(engine, draft.tables[table].table, new).is_some();
        let is_read = words.iter().any(|word| dialect::is_same(engine, word, new));
        if !own && !known && draft.table_of[other] == Some(table) && is_read {
            let message = format!(
                "`{}` reads `{new}`, a new column of this spec; compute it from the old columns instead",
                side.key()
            );
            draft.fault(index, side.key(), Code::Expression, message);
        }
    }
}

fn can_be_restored(draft: &mut Draft<'_>, index: usize, table: usize, column: &Column) -> bool {
    let found = draft.tables[table].table;
    let why = if column.generated {
        "is a generated column, which nobody can write"
    } else if found.partition_columns.contains(&column.name) {
        "is part of the partition key, and a BEFORE trigger may not move a row to another partition"
    } else if draft.tables[table]
        .pairs
        .iter()
        .any(|pair| pair.down.as_ref().is_some_and(|down| down.column == column.name))
    {
        "is restored by another change of this spec already"
    } else if let (EngineKind::Sqlite, Some(why)) =
        (draft.engine(), sqlite::cannot_be_restored(found, column))
    {
        why
    } else {
        return true;
    };
    let message = format!("`down` cannot restore `{}`: it {why}", column.name);
    draft.fault(index, "down", Code::Contradiction, message);
    false
}
