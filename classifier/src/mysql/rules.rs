//! The rules for MySQL and MariaDB, one a file.
//!
//! A rule sees the statement as it is written, what it asks for, how the server carries it out, and what the script has set up. It says
//! something only where there is something to do.

mod copies;
mod drops;
mod in_transaction;
mod incoming_rows;
mod index_blocks;
mod lock_tables;
mod metadata_lock;
mod narrows;
mod not_pinned;
mod opaque;
mod partitions;
mod rebuilds;
mod redefines;
mod refused;
mod renames;
mod shell;
mod truncates;
mod unchecked_key;
mod unreadable;
mod whole_table;

use super::Flavor;
use super::action::{Action, Alter};
use super::online::Online;
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
    /// What the server needs for an ALTER, at best.
    pub(crate) needed: Option<Online>,
    /// What it does; None: nothing, because it refuses.
    pub(crate) done: Option<Online>,
    pub(crate) flavor: Flavor,
    pub(crate) in_transaction: bool,
    /// `lock_wait_timeout` is short.
    pub(crate) waits_briefly: bool,
    pub(crate) foreign_key_checks: bool,
    /// READ COMMITTED or less: what is only read is not locked.
    pub(crate) read_committed: bool,
    /// The script has created the table.
    pub(crate) created: &'a dyn Fn(&Name) -> bool,
}

impl<'a> Seen<'a> {
    /// An ALTER of a table that was there before the script.
    pub(crate) fn alter(&self) -> Option<&'a Alter> {
        match self.action {
            Action::Alter(alter) if !(self.created)(&alter.table) => Some(alter),
            _ => None,
        }
    }

    /// An ALTER that is carried out, and how.
    pub(crate) fn carried_out(&self) -> Option<(&'a Alter, Online)> {
        Some((self.alter()?, self.done?))
    }
}

/// Every rule, by its code.
#[must_use]
pub fn all() -> &'static [Rule] {
    &[
        unreadable::RULE,
        opaque::RULE,
        metadata_lock::RULE,
        copies::RULE,
        index_blocks::RULE,
        rebuilds::RULE,
        not_pinned::RULE,
        in_transaction::RULE,
        refused::RULE,
        unchecked_key::RULE,
        partitions::RULE,
        drops::RULE,
        renames::RULE,
        narrows::RULE,
        redefines::RULE,
        whole_table::RULE,
        incoming_rows::RULE,
        truncates::RULE,
        lock_tables::RULE,
    ]
}

/// The finding on what could not be read.
pub(crate) fn unreadable(line: usize, what: &str) -> Finding {
    unreadable::finding(line, what)
}

/// A name for SQL.
fn sql(name: &Name) -> String {
    quote(name, '`')
}

/// One part of a name for SQL.
fn part(name: &str) -> String {
    quote(
        &Name {
            schema: None,
            name: name.to_owned(),
        },
        '`',
    )
}
