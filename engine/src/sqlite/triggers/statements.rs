//! The statements: each list runs in one `BEGIN IMMEDIATE` transaction of the caller.
//!
//! **Why no lock is taken here.** A file has one writer at a time, and a connection that prepared its statement under the old
//! triggers meets another schema cookie when it begins to write: SQLite compiles the statement again. So no writer with the old
//! body outlives the transaction.
//!
//! **Why triggers go before a column is renamed.** ALTER TABLE reads the whole schema again and rewrites what names the column, the
//! user's views and triggers too: ours would become a text that is no plan's, or be what ALTER TABLE stumbles over. A rename is not asked
//! whether it has happened, as on PostgreSQL: SQLite knows no such question in a statement, so the caller asks first.

use super::body::Triggers;
use super::{Hidden, Mirror};
use crate::sqlite::ident::{self, IdentError, MAIN};

/// Puts a pair of triggers in place, whatever was there before: nothing, another pair, one that somebody changed.
pub(super) fn install(mirror: &Mirror, triggers: &Triggers) -> Result<Vec<String>, IdentError> {
    replace(mirror, triggers, Vec::new())
}

/// Takes everything away. After a swap the same statements do: they name no body.
pub(super) fn remove(mirror: &Mirror) -> Result<Vec<String>, IdentError> {
    let mut statements = drop_triggers(mirror)?;
    statements.push(format!(
        "DELETE FROM sluice_counter WHERE name = {}",
        ident::literal(&mirror.counter)
    ));
    Ok(statements)
}

/// The old columns are renamed, and the triggers that know their hidden names come with them.
pub(super) fn hide(mirror: &Mirror, triggers: &Triggers) -> Result<Vec<String>, IdentError> {
    renamed(mirror, triggers, |h| (&h.column, &h.name))
}

/// The names come back, and the triggers that know them.
pub(super) fn unhide(mirror: &Mirror, triggers: &Triggers) -> Result<Vec<String>, IdentError> {
    renamed(mirror, triggers, |h| (&h.name, &h.column))
}

fn renamed(
    mirror: &Mirror,
    triggers: &Triggers,
    direction: impl Fn(&Hidden) -> (&String, &String),
) -> Result<Vec<String>, IdentError> {
    let table = ident::table(&mirror.table)?;
    let renames: Result<Vec<_>, IdentError> = mirror
        .hidden
        .iter()
        .map(|hidden| {
            let (from, to) = direction(hidden);
            let (from, to) = (ident::quote(from)?, ident::quote(to)?);
            Ok(format!("ALTER TABLE {table} RENAME COLUMN {from} TO {to}"))
        })
        .collect();
    replace(mirror, triggers, renames?)
}

/// The triggers go, something happens, and the others come. The counter keeps its count if it is there.
fn replace(mirror: &Mirror, triggers: &Triggers, between: Vec<String>) -> Result<Vec<String>, IdentError> {
    let mut statements = drop_triggers(mirror)?;
    statements.extend(between);
    statements.push(format!(
        "INSERT INTO sluice_counter (name) VALUES ({}) ON CONFLICT (name) DO NOTHING",
        ident::literal(&mirror.counter)
    ));
    statements.extend([triggers.insert.text.clone(), triggers.update.text.clone()]);
    Ok(statements)
}

fn drop_triggers(mirror: &Mirror) -> Result<Vec<String>, IdentError> {
    super::body::names(mirror)
        .iter()
        .map(|name| Ok(format!("DROP TRIGGER IF EXISTS {MAIN}.{}", ident::quote(name)?)))
        .collect()
}

/// No row if the counter is gone, so that a lost counter does not look like silence.
pub(super) fn counted(mirror: &Mirror) -> String {
    format!(
        "SELECT writes FROM sluice_counter WHERE name = {}",
        ident::literal(&mirror.counter)
    )
}
