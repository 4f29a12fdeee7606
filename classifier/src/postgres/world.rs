//! What the script has done so far, as far as it decides what a later statement does.
//!
//! It can go back to where a transaction or a savepoint began. A table is known here by its
//! identity: the name that it had before the script, or when the script created it, whatever it has been renamed to since.
//! What would break it: a statement that creates or renames without being read (`DO`); what follows is then judged as if it had not run,
//! which errs towards a table that is large and busy.

mod journal;
mod lookup;
mod remember;
mod settings;

use self::journal::Journal;
use super::action::{Name, SqlType};
use super::context::HeldLock;

pub(crate) use lookup::from_catalog;

/// What the script has done.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    /// Tables, views, sequences that the script has created: identities.
    created: Journal<Name, ()>,
    /// Names that were given by the script, to the identity of what has them now.
    renamed: Journal<Name, Name>,
    /// Types of columns that the script has added or changed.
    columns: Journal<(Name, String), SqlType>,
    /// Columns that the script has made NOT NULL, or no longer.
    not_null: Journal<(Name, String), bool>,
    /// Constraints that the script has added; None: dropped.
    constraints: Journal<(Name, String), Option<Known>>,
    /// Indexes that the script has created.
    indexes: Journal<Name, Index>,
    /// Settings of the session.
    settings: Journal<String, Vec<String>>,
    /// Settings of the transaction that is open.
    locals: Journal<String, Vec<String>>,
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

/// A moment that the world can go back to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    created: usize,
    renamed: usize,
    columns: usize,
    not_null: usize,
    constraints: usize,
    indexes: usize,
    settings: usize,
    locals: usize,
    held: usize,
}

impl World {
    /// Now.
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            created: self.created.mark(),
            renamed: self.renamed.mark(),
            columns: self.columns.mark(),
            not_null: self.not_null.mark(),
            constraints: self.constraints.mark(),
            indexes: self.indexes.mark(),
            settings: self.settings.mark(),
            locals: self.locals.mark(),
            held: self.held.len(),
        }
    }

    /// Everything is as it was at the mark, which is of the transaction that is open.
    pub(crate) fn back_to(&mut self, mark: Mark) {
        self.created.back_to(mark.created);
        self.renamed.back_to(mark.renamed);
        self.columns.back_to(mark.columns);
        self.not_null.back_to(mark.not_null);
        self.constraints.back_to(mark.constraints);
        self.indexes.back_to(mark.indexes);
        self.settings.back_to(mark.settings);
        self.locals.back_to(mark.locals);
        self.held.truncate(mark.held);
    }

    /// The transaction has ended: what it has done stays, what it alone had set and locked is gone.
    pub(crate) fn settle(&mut self) {
        self.locals = Journal::default();
        self.held.clear();
        self.created.settle();
        self.renamed.settle();
        self.columns.settle();
        self.not_null.settle();
        self.constraints.settle();
        self.indexes.settle();
        self.settings.settle();
    }
}
