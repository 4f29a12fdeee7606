//! The mirror of one table, as values: what is kept in step with what, and the SQL that an engine makes of it.
//!
//! The planner compiles with these types whatever the engine is; [`crate::postgres::triggers`] and
//! [`crate::sqlite::triggers`] turn a [`Mirror`] into a [`MirrorSql`]. The rules are argued in ARCHITECTURE.md, "Dual-write".

use serde::{Deserialize, Serialize};

use crate::catalog::TableName;
use crate::postgres::ident::IdentError;

/// Which side is the truth now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Authority {
    /// The old columns: triggers and fill may write new.
    Old,
    /// The new columns: nothing rewrites a new value that the application gave.
    New,
}

impl Authority {
    /// `old` or `new`, as it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Old => "old",
            Self::New => "new",
        }
    }
}

/// What is mirrored on one table: every pair of every change of the plan, in one function, so that
/// there is one trigger a table and one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    /// The root table.
    pub table: TableName,
    /// Name of the function (in schema `sluice`) and of its trigger; unquoted, `sluice_<tag>_<n>`.
    pub function: String,
    /// Name of the trigger: sorts after every user trigger on the table.
    pub trigger: String,
    /// Name of the sequence in schema `sluice` that counts writes of the new side; unquoted.
    pub counter: String,
    /// Key columns that name a row in the quarantine, by their old names; empty: no key, the whole row is named.
    pub key: Vec<String>,
    /// Schemas the function is pinned to.
    pub search_path: Vec<String>,
    /// The pairs.
    pub pairs: Vec<Pair>,
    /// What the soft drop renames: old column -> hidden name. Empty: nothing is ever hidden.
    pub hidden: Vec<Hidden>,
}

/// A column that the soft drop takes out of sight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hidden {
    /// The old column.
    pub column: String,
    /// Its name while it is hidden; no other column has it.
    pub name: String,
}

/// One new column and how it relates to the old side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The new column.
    pub new: String,
    /// Its type with modifier.
    pub new_type: String,
    /// New from old, the author's SQL over the table's columns.
    pub up: String,
    /// The columns that `up` reads: the old side.
    pub reads: Vec<String>,
    /// Old from new, if there is a way back: the column it restores, and the author's SQL.
    pub down: Option<Down>,
    /// Neither `up` nor `down` can raise (the identity of a rename): no subtransaction is needed.
    pub cannot_raise: bool,
}

/// The way back of a pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Down {
    /// The old column it restores.
    pub column: String,
    /// Its type with modifier.
    pub column_type: String,
    /// The author's SQL over the table's columns.
    pub expression: String,
    /// What a write of the new side meets that `expression` cannot carry back.
    pub on_error: OnDownError,
    /// The restored column has a DEFAULT: an INSERT that does not name it looks as if it had given it.
    pub has_default: bool,
    /// The restored column is NOT NULL. SQLite judges that before any trigger could restore it, so there the column is made
    /// nullable for the time of the job, and the triggers refuse what the column would have refused.
    pub not_null: bool,
}

/// What becomes of a write of the new side that `down` cannot carry back. It is one or the other, and the spec says which.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnDownError {
    /// The write succeeds and old stays as it was: for this row the way back is closed, and that is told.
    #[default]
    Close,
    /// The write fails.
    Fail,
}

/// SQL text for a [`Mirror`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MirrorSql {
    /// CREATE SEQUENCE, CREATE FUNCTION, REVOKE, CREATE TRIGGER: one short transaction. Old is the authority after it.
    pub install: Vec<String>,
    /// One boolean query: function, trigger and counter are in place, enabled, and exactly ours.
    pub installed: String,
    /// DROP TRIGGER, DROP FUNCTION, DROP SEQUENCE: one short transaction, whatever the authority is.
    pub remove: Vec<String>,
    /// One boolean query: none of them is there.
    pub removed: String,
    /// New becomes the authority.
    pub lead: Swap,
    /// Soft drop: renames the old columns and mirrors under the hidden names. None if [`Mirror::hidden`] is empty.
    pub hide: Option<Swap>,
    /// Undoes it: the names come back, new stays the authority.
    pub unhide: Option<Swap>,
    /// The real drop: mirror, counter and hidden columns go. None if [`Mirror::hidden`] is empty.
    pub drop: Option<Swap>,
    /// One bigint: how many writes of the new side the counter has seen; 0 before the first. Never too few while the counter
    /// lives: writes that were rolled back count, and a crash may add up to 32. Fails if the counter is gone. Needs SELECT on it, which its owner has.
    pub counted: String,
}

/// One short transaction and the question whether it already happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swap {
    /// The statements, in order; they wait for a lock on the table only at the first.
    pub statements: Vec<String>,
    /// One boolean query.
    pub done: String,
}

/// Why a mirror cannot be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A name that cannot be quoted.
    #[error("a name in the mirror cannot be used")]
    Ident(#[from] IdentError),
    /// Nothing to mirror.
    #[error("the mirror of table {table:?} has no pair; there is nothing to install")]
    Empty {
        /// The table.
        table: String,
    },
}
