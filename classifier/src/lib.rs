//! What a statement locks, rewrites and scans, and what to write instead.
//!
//! Pure: no database, no I/O; what a database knows comes in as [`Facts`]. Two questions are answered here:
//!
//! - of the statements that Sluice itself generates, each has a fixed [`Label`], measured on real servers: [`label`], with
//!   [`Generated`] and, for SQLite, [`Sqlite`];
//! - of the SQL that somebody else wrote, each statement gets a [`Verdict`]: an [`Effect`] from the lock model of its dialect, and
//!   [`Finding`]s, each of one rule with a stable [`Code`]. What cannot be read is [`Phase::Unknown`], never safe.

pub mod allow;
mod code;
pub mod facts;
mod generated;
pub mod mysql;
pub mod pages;
pub mod postgres;
mod query;
pub mod rule;
pub mod script;
mod sqlite;
pub mod sqlite_script;
mod tokens;
mod verdict;

pub use code::Code;
pub use facts::Facts;
pub use generated::{Generated, label};
pub use rule::Page;
pub use sqlite::Sqlite;
pub use verdict::{Effect, Finding, Phase, Risk, Safer, Seconds, TableLock, Verdict};

use serde::{Deserialize, Serialize};

/// The page of every rule, of all dialects, by its code. Those of parsing, which each dialect has, are here once, with PostgreSQL's examples.
#[must_use]
pub fn pages() -> Vec<&'static Page> {
    let postgres = postgres::rules::all().iter().map(|rule| &rule.page);
    let mysql = mysql::rules::all().iter().map(|rule| &rule.page);
    let sqlite = sqlite_script::rules::all().iter().map(|rule| &rule.page);
    let others = mysql.chain(sqlite).filter(|page| page.code >= Code(2100));
    let mut pages: Vec<_> = postgres.chain([&postgres::style::PAGE]).chain(others).collect();
    pages.sort_by_key(|page| page.code);
    pages
}

/// The lock modes of a PostgreSQL table, weakest first; among them MySQL's metadata locks and SQLite's one lock, each where it blocks
/// the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Lock {
    /// Taken by SELECT.
    AccessShareLock,
    /// Taken by SELECT ... FOR UPDATE.
    RowShareLock,
    /// Taken by INSERT, UPDATE and DELETE.
    RowExclusiveLock,
    /// MySQL's metadata lock of a SELECT.
    #[serde(rename = "SHARED_READ")]
    SharedRead,
    /// MySQL's metadata lock of an INSERT, UPDATE or DELETE.
    #[serde(rename = "SHARED_WRITE")]
    SharedWrite,
    /// MySQL's metadata lock while an ALTER with `LOCK=NONE` works. It begins and ends with EXCLUSIVE, for an instant.
    #[serde(rename = "SHARED_UPGRADABLE")]
    SharedUpgradable,
    /// Blocks other DDL and VACUUM only.
    ShareUpdateExclusiveLock,
    /// Blocks writes.
    ShareLock,
    /// Blocks writes, and itself.
    ShareRowExclusiveLock,
    /// Blocks everything but plain reads.
    ExclusiveLock,
    /// SQLite: the lock of the whole file that one writer holds at a time. Blocks everything but reads (those too where the
    /// file is not in WAL mode, for the time of a commit).
    Write,
    /// MySQL's metadata lock of `LOCK TABLES ... READ`: blocks writes.
    #[serde(rename = "SHARED_READ_ONLY")]
    SharedReadOnly,
    /// MySQL's metadata lock while an ALTER with `LOCK=SHARED` works: blocks writes.
    #[serde(rename = "SHARED_NO_WRITE")]
    SharedNoWrite,
    /// Blocks everything.
    AccessExclusiveLock,
    /// MySQL's metadata lock of `LOCK TABLES ... WRITE`: blocks everything.
    #[serde(rename = "SHARED_NO_READ_WRITE")]
    SharedNoReadWrite,
    /// MySQL's metadata lock of what replaces a table's definition: blocks everything.
    #[serde(rename = "EXCLUSIVE")]
    Exclusive,
}

impl Lock {
    /// A mode of PostgreSQL's, as `pg_locks.mode` spells it.
    #[must_use]
    pub fn of_postgres(name: &str) -> Option<Self> {
        [
            Self::AccessShareLock,
            Self::RowShareLock,
            Self::RowExclusiveLock,
            Self::ShareUpdateExclusiveLock,
            Self::ShareLock,
            Self::ShareRowExclusiveLock,
            Self::ExclusiveLock,
            Self::AccessExclusiveLock,
        ]
        .into_iter()
        .find(|mode| mode.as_str() == name)
    }

    /// As `pg_locks.mode` or `performance_schema.metadata_locks` spells it; SQLite has no name for its own.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AccessShareLock => "AccessShareLock",
            Self::RowShareLock => "RowShareLock",
            Self::RowExclusiveLock => "RowExclusiveLock",
            Self::ShareUpdateExclusiveLock => "ShareUpdateExclusiveLock",
            Self::ShareLock => "ShareLock",
            Self::ShareRowExclusiveLock => "ShareRowExclusiveLock",
            Self::ExclusiveLock => "ExclusiveLock",
            Self::Write => "write lock",
            Self::AccessExclusiveLock => "AccessExclusiveLock",
            Self::SharedRead => "SHARED_READ",
            Self::SharedWrite => "SHARED_WRITE",
            Self::SharedUpgradable => "SHARED_UPGRADABLE",
            Self::SharedReadOnly => "SHARED_READ_ONLY",
            Self::SharedNoWrite => "SHARED_NO_WRITE",
            Self::SharedNoReadWrite => "SHARED_NO_READ_WRITE",
            Self::Exclusive => "EXCLUSIVE",
        }
    }

    /// An application's INSERT, UPDATE or DELETE waits while it is held.
    #[must_use]
    pub fn blocks_writes(self) -> bool {
        self >= Self::ShareLock
    }

    /// An application's SELECT waits while it is held.
    #[must_use]
    pub fn blocks_reads(self) -> bool {
        self >= Self::AccessExclusiveLock
    }
}

/// How bad a statement can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Catalog only, no lock that blocks the application.
    None,
    /// A lock that blocks, held for an instant and waited for no longer than the lock timeout.
    Low,
    /// Reads the whole table or waits for old transactions, but blocks neither reads nor writes.
    Medium,
    /// Blocks for as long as it takes.
    High,
    /// Not classified.
    Unknown,
}

/// What a statement does to its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Label {
    /// The strongest lock on the table; None: no lock, or not known (see [`Level`]).
    pub lock: Option<Lock>,
    /// The table gets a new storage file.
    pub rewrites: bool,
    /// Every row is read.
    pub scans: bool,
    /// How bad it can be.
    pub level: Level,
    /// Why, in one sentence for the plan's reader.
    pub reason: &'static str,
}
