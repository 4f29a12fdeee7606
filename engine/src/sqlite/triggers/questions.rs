//! The questions: has it already happened? Each is one boolean query.
//!
//! Whoever runs a swap asks before and after, so an answer must see through a half: a trigger of another text, a column that
//! bears the other name. SQLite keeps the text of CREATE TRIGGER as it was written from the name on, behind the words
//! `CREATE TRIGGER`; ours are written just so, and a table or column that somebody renames is rewritten in there, which
//! the comparison finds.

use super::Mirror;
use super::body::{Trigger, Triggers};
use crate::sqlite::ident::{self, MAIN};

fn trigger_query(name: &str) -> String {
    format!(
        "SELECT 1 FROM {MAIN}.sqlite_schema AS s WHERE s.type = 'trigger' AND s.name = {}",
        ident::literal(name)
    )
}

fn is_there(trigger: &Trigger) -> String {
    format!(
        "EXISTS ({} AND s.sql = {})",
        trigger_query(&trigger.name),
        ident::literal(&trigger.text)
    )
}

fn counter_query(mirror: &Mirror) -> String {
    format!(
        "SELECT 1 FROM sluice_counter AS c WHERE c.name = {}",
        ident::literal(&mirror.counter)
    )
}

/// The name is a column of the table now. Names of columns know no case, so the comparison does not either.
fn column(mirror: &Mirror, name: &str) -> String {
    format!(
        "EXISTS (SELECT 1 FROM pragma_table_xinfo({}, {}) AS x WHERE x.name = {} COLLATE NOCASE)",
        ident::literal(&mirror.table.name),
        ident::literal(MAIN),
        ident::literal(name),
    )
}

/// Every one of `there` is a column, and none of `gone` is.
fn columns<'a>(
    mirror: &Mirror,
    there: impl Iterator<Item = &'a String>,
    gone: impl Iterator<Item = &'a String>,
) -> String {
    let there = there.map(|name| column(mirror, name));
    let gone = gone.map(|name| format!("NOT {}", column(mirror, name)));
    there.chain(gone).collect::<Vec<_>>().join(" AND ")
}

/// Both triggers are in place with exactly our text, and so is the counter.
pub(super) fn installed(mirror: &Mirror, triggers: &Triggers) -> String {
    format!(
        "SELECT {} AND {} AND EXISTS ({})",
        is_there(&triggers.insert),
        is_there(&triggers.update),
        counter_query(mirror),
    )
}

/// Triggers and counter are gone. The triggers are looked for by name alone, so a mirror on a table that
/// somebody renamed is not overlooked.
pub(super) fn removed(mirror: &Mirror) -> String {
    let [insert, update] = super::body::names(mirror);
    format!(
        "SELECT NOT EXISTS ({}) AND NOT EXISTS ({}) AND NOT EXISTS ({})",
        trigger_query(&insert),
        trigger_query(&update),
        counter_query(mirror),
    )
}

/// [`installed`] with the triggers that read hidden names, and the columns bear them.
pub(super) fn hidden(mirror: &Mirror, triggers: &Triggers) -> String {
    let (names, old) = (
        mirror.hidden.iter().map(|h| &h.name),
        mirror.hidden.iter().map(|h| &h.column),
    );
    format!(
        "{} AND {}",
        installed(mirror, triggers),
        columns(mirror, names, old)
    )
}

/// [`installed`] with the triggers that read the old names, and the columns bear them again.
pub(super) fn unhidden(mirror: &Mirror, triggers: &Triggers) -> String {
    let (names, old) = (
        mirror.hidden.iter().map(|h| &h.name),
        mirror.hidden.iter().map(|h| &h.column),
    );
    format!(
        "{} AND {}",
        installed(mirror, triggers),
        columns(mirror, old, names)
    )
}

/// [`removed`], and the hidden columns are gone.
pub(super) fn dropped(mirror: &Mirror) -> String {
    let names = mirror.hidden.iter().map(|h| &h.name);
    format!(
        "{} AND {}",
        removed(mirror),
        columns(mirror, std::iter::empty(), names)
    )
}
