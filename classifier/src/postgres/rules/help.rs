//! What many rules ask.

use crate::postgres::Context;
use crate::postgres::action::{Action, Alter, Constraint, CreateTable, Name, Relation};
use crate::postgres::world::from_catalog;
use crate::{Effect, Finding, Lock, Risk, facts};

/// Each change of a table that others may be using.
pub(super) fn changes<'a>(action: &'a Action, context: &Context<'_>) -> Vec<(&'a Name, &'a Alter)> {
    match action {
        Action::AlterTable(alter) if !context.is_new(&alter.table) => alter
            .changes
            .iter()
            .map(|change| (&alter.table, change))
            .collect(),
        _ => Vec::new(),
    }
}

/// The same, of tables only: a rename of an index or a sequence is nobody's business.
pub(super) fn table_changes<'a>(action: &'a Action, context: &Context<'_>) -> Vec<(&'a Name, &'a Alter)> {
    match action {
        Action::AlterTable(alter) if matches!(alter.relation, Relation::Table | Relation::ForeignTable) => {
            changes(action, context)
        }
        _ => Vec::new(),
    }
}

/// Each constraint that is added to a table that others may be using, outside of ADD COLUMN.
pub(super) fn constraints<'a>(action: &'a Action, context: &Context<'_>) -> Vec<(&'a Name, &'a Constraint)> {
    let added = changes(action, context).into_iter();
    added
        .filter_map(|(table, change)| match change {
            Alter::AddConstraint(constraint) => Some((table, constraint)),
            _ => None,
        })
        .collect()
}

/// The table that CREATE TABLE makes, if it is one.
pub(super) fn created(action: &Action) -> Option<&CreateTable> {
    match action {
        Action::CreateTable(create) => Some(create),
        _ => None,
    }
}

/// The strongest lock on any table that others may be using.
pub(super) fn strongest(effect: &Effect) -> Option<Lock> {
    effect.locks.iter().map(|lock| lock.mode).max()
}

/// The finding, as bad as the table is big: what takes long on a large table does not on a small one.
pub(super) fn by_size(finding: Finding, context: &Context<'_>, table: &Name) -> Finding {
    let Some(known) = context.table(table) else {
        return finding;
    };
    let bytes = size(context, known);
    let at_most = match bytes {
        0..=SMALL => Risk::Low,
        ..=MIDDLING => Risk::Medium,
        _ => Risk::Critical,
    };
    let message = format!("{} ({})", finding.message, told(bytes, known.rows));
    Finding {
        risk: finding.risk.min(at_most),
        message,
        ..finding
    }
}

/// The finding, as small as the tables are: nobody waits long for one of some pages.
pub(super) fn unless_tiny(finding: Finding, effect: &Effect, context: &Context<'_>) -> Finding {
    let tiny = |table: &facts::Table| size(context, table) <= TINY;
    let mut tables = effect
        .locks
        .iter()
        .map(|lock| context.table(&from_catalog(&lock.table)));
    match tables.all(|table| table.is_some_and(tiny)) {
        true => Finding {
            risk: finding.risk.min(Risk::Low),
            ..finding
        },
        false => finding,
    }
}

/// Some pages.
const TINY: u64 = 1 << 20;
/// Read or written anew within some tens of milliseconds.
const SMALL: u64 = 8 << 20;
/// Within a second or so.
const MIDDLING: u64 = 128 << 20;

/// With its indexes; of a partitioned table, with those of its partitions.
pub(super) fn size(context: &Context<'_>, table: &facts::Table) -> u64 {
    let partitions = table
        .partitions
        .iter()
        .filter_map(|name| context.facts?.tables.get(name));
    let parts = partitions.map(|part| part.bytes.saturating_add(part.index_bytes));
    parts.fold(table.bytes.saturating_add(table.index_bytes), u64::saturating_add)
}

fn told(bytes: u64, rows: Option<u64>) -> String {
    let size = match bytes {
        0..1_048_576 => format!("{} kB", bytes / 1024),
        ..1_073_741_824 => format!("{} MB", bytes >> 20),
        _ => format!("{} GB", bytes >> 30),
    };
    match rows {
        Some(rows) => format!("{size}, about {rows} rows"),
        None => size,
    }
}
