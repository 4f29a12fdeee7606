//! The rules for SQLite, one a file.

mod copies;
mod copy;
mod drops;
mod foreign_keys;
mod narrows;
mod reads_rows;
mod refused;
mod renames;
mod rewrites;
mod schema_text;
mod unreadable;
mod upgrades_lock;
mod vacuum_in_transaction;
mod whole_table;

use super::action::Action;
use super::session::Transaction;
use crate::tokens::{Name, quote};
use crate::{Effect, Finding, Page};

/// One rule.
#[derive(Clone, Copy)]
pub struct Rule {
    /// What it says about itself.
    pub page: Page,
    pub(crate) judge: fn(&Seen<'_>) -> Option<Finding>,
}

/// What a rule looks at.
pub(crate) struct Seen<'a> {
    /// Without a semicolon.
    pub(crate) statement: &'a str,
    pub(crate) action: &'a Action,
    pub(crate) effect: &'a Effect,
    /// The script has created the table.
    pub(crate) created: &'a dyn Fn(&Name) -> bool,
    /// The script has dropped a table of this name.
    pub(crate) dropped: &'a dyn Fn(&str) -> bool,
    pub(crate) transaction: Transaction,
    /// `PRAGMA foreign_keys`, if the script said so.
    pub(crate) foreign_keys: Option<bool>,
}

/// Every rule, by its code.
#[must_use]
pub fn all() -> &'static [Rule] {
    &[
        unreadable::RULE,
        refused::RULE,
        reads_rows::RULE,
        rewrites::RULE,
        drops::RULE,
        renames::RULE,
        narrows::RULE,
        whole_table::RULE,
        copies::RULE,
        foreign_keys::RULE,
        upgrades_lock::RULE,
        vacuum_in_transaction::RULE,
        schema_text::RULE,
    ]
}

/// The finding on what could not be read.
pub(crate) fn unreadable(line: usize, what: &str) -> Finding {
    unreadable::finding(line, what)
}

/// A name for SQL.
fn sql(name: &Name) -> String {
    quote(name, '"')
}

/// One part of a name for SQL.
fn part(name: &str) -> String {
    quote(
        &Name {
            schema: None,
            name: name.to_owned(),
        },
        '"',
    )
}
