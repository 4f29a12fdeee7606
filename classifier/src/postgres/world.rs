//! What the script has done so far, as far as it decides what a later statement does.
//!
//! A value that is copied where a transaction or a savepoint begins, and put back where it is rolled back. A table is known here by its
//! identity: the name that it had before the script, or when the script created it, whatever it has been renamed to since.
//! What would break it: a statement that creates or renames without being read (`DO`); what follows is then judged as if it had not run,
//! which errs towards a table that is large and busy.

mod lookup;
mod remember;
mod settings;

use std::collections::{BTreeMap, BTreeSet};

use super::action::{Name, SqlType};
use super::context::HeldLock;

pub(crate) use lookup::from_catalog;

/// What the script has done.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    /// Tables, views, sequences that the script has created: identities.
    pub(crate) created: BTreeSet<Name>,
    /// Names that were given by the script, to the identity of what has them now.
    renamed: BTreeMap<Name, Name>,
    /// Types of columns that the script has added or changed.
    columns: BTreeMap<(Name, String), SqlType>,
    /// Columns that the script has made NOT NULL, or no longer.
    not_null: BTreeMap<(Name, String), bool>,
    /// Constraints that the script has added; None: dropped.
    constraints: BTreeMap<(Name, String), Option<Known>>,
    /// Indexes that the script has created.
    indexes: BTreeMap<Name, Index>,
    /// Settings of the session.
    settings: BTreeMap<String, Vec<String>>,
    /// Settings of the transaction that is open.
    locals: BTreeMap<String, Vec<String>>,
    /// Locks of the transaction that is open.
    pub(crate) held: Vec<HeldLock>,
}

/// A constraint of which the script said what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    /// The table that a foreign key refers to, as it was named.
    pub(crate) references: Option<Name>,
    /// Columns that it proves not null once it is valid.
    pub(crate) proves_not_null: Vec<String>,
    /// Its text, for comparison with a partition's bounds.
    pub(crate) text: String,
    /// Every row fulfills it.
    pub(crate) valid: bool,
}

/// An index that the script has created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Index {
    /// The table, as it was named.
    pub(crate) table: Name,
    /// Its columns and expressions.
    pub(crate) keys: Vec<String>,
}
