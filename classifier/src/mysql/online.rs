//! The table behind the answers: which ALGORITHM and LOCK the server accepts for each clause, at best.
//!
//! Measured on MariaDB 10.11 with InnoDB (the cheapest pair that it did not refuse); for MySQL 8.0.29 to 8.4 from its manual, "Online
//! DDL Operations". What would break it: a table of another engine, a FULLTEXT index, a compressed row format or too many row versions
//! turn INSTANT into a copy. That is why a rule asks for the clauses to be written: then the server refuses what this table promised.

mod modify;

use super::Flavor;
use super::action::{
    Algorithm, Alter, Clause, Column, DefaultValue, Generated, IndexKey, IndexKind, LockClause,
};
use crate::facts;

/// How an ALTER is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Online {
    pub(crate) algorithm: Algorithm,
    pub(crate) lock: LockClause,
    /// Every row is written anew.
    pub(crate) rewrites: bool,
    /// Every row is read.
    pub(crate) scans: bool,
    /// It is the worst that it can be, because the statement does not say what is there now.
    pub(crate) assumed: bool,
}

impl Online {
    const INSTANT: Self = Self {
        algorithm: Algorithm::Instant,
        lock: LockClause::None,
        rewrites: false,
        scans: false,
        assumed: false,
    };
    const COPY: Self = Self {
        algorithm: Algorithm::Copy,
        lock: LockClause::Shared,
        rewrites: true,
        scans: true,
        ..Self::INSTANT
    };
    /// Rewritten inside the engine, beside reads and writes.
    const REBUILD: Self = Self {
        algorithm: Algorithm::Inplace,
        lock: LockClause::None,
        ..Self::COPY
    };

    /// Only the definition changes, by whatever name the flavor has for that.
    fn definition(flavor: Flavor) -> Self {
        Self {
            algorithm: match flavor {
                Flavor::MySql => Algorithm::Inplace,
                Flavor::MariaDb => Algorithm::Instant,
            },
            ..Self::INSTANT
        }
    }

    /// An index is built beside reads and writes.
    fn index(flavor: Flavor) -> Self {
        Self {
            algorithm: match flavor {
                Flavor::MySql => Algorithm::Inplace,
                Flavor::MariaDb => Algorithm::NoCopy,
            },
            scans: true,
            ..Self::INSTANT
        }
    }

    /// One after the other in one pass: the worse of each.
    fn and(self, other: Self) -> Self {
        Self {
            algorithm: self.algorithm.max(other.algorithm),
            lock: self.lock.max(other.lock),
            rewrites: self.rewrites || other.rewrites,
            scans: self.scans || other.scans,
            assumed: self.assumed || other.assumed,
        }
    }
}

/// What the outcome depends on besides the statement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Surroundings<'a> {
    pub(crate) flavor: Flavor,
    /// `foreign_key_checks`.
    pub(crate) foreign_key_checks: bool,
    /// What is known of the table.
    pub(crate) table: Option<&'a facts::Table>,
}

/// What the server needs for the statement, whatever its ALGORITHM and LOCK say.
pub(crate) fn needed(alter: &Alter, around: Surroundings<'_>) -> Online {
    let swaps_key = alter.clauses.contains(&Clause::DropPrimaryKey)
        && (alter.clauses.contains(&Clause::AddPrimaryKey) || alter.clauses.iter().any(adds_key_column));
    let one = |clause: &Clause| match clause {
        Clause::DropPrimaryKey if swaps_key => Online::REBUILD,
        clause => of(clause, around),
    };
    alter.clauses.iter().map(one).fold(Online::INSTANT, Online::and)
}

fn adds_key_column(clause: &Clause) -> bool {
    matches!(clause, Clause::AddColumn { column, .. } if column.key == Some(IndexKey::Primary))
}

/// What the server does: as the clauses ask, where they may. Err: it refuses, and nothing happens.
pub(crate) fn done(alter: &Alter, needed: Online) -> Result<Online, Online> {
    let mut online = needed;
    match alter.algorithm {
        // The author knows what is there now, and the server refuses if that is wrong.
        Some(asked) if needed.assumed && asked < needed.algorithm => {
            let rewrites = asked == Algorithm::Inplace;
            online = Online {
                algorithm: asked,
                lock: LockClause::None,
                rewrites,
                scans: rewrites,
                assumed: true,
            };
        }
        Some(asked) if asked < needed.algorithm => return Err(needed),
        Some(Algorithm::Copy) => online = needed.and(Online::COPY),
        Some(_) | None => {}
    }
    match alter.lock {
        Some(LockClause::None) if needed.assumed => {
            let algorithm = online.algorithm.min(Algorithm::Inplace);
            online = Online {
                algorithm,
                lock: LockClause::None,
                ..online
            };
        }
        Some(asked) if asked < online.lock => return Err(needed),
        Some(asked) => online.lock = asked,
        None => {}
    }
    Ok(online)
}

fn of(clause: &Clause, around: Surroundings<'_>) -> Online {
    let flavor = around.flavor;
    match clause {
        Clause::AddColumn { column, .. } => add_column(column, flavor),
        Clause::ModifyColumn { from, column, placed } => modify::modify(
            around.table.and_then(|table| table.columns.get(from)),
            column,
            *placed,
            flavor,
        ),
        Clause::DropColumn(_)
        | Clause::RenameColumn { .. }
        | Clause::Default { .. }
        | Clause::Visibility
        | Clause::Keys => Online::INSTANT,
        Clause::AddIndex {
            kind: IndexKind::Plain | IndexKind::Unique,
            ..
        } => Online::index(flavor),
        Clause::AddIndex {
            kind: IndexKind::Fulltext | IndexKind::Spatial,
            ..
        } => Online {
            algorithm: Algorithm::Inplace,
            lock: LockClause::Shared,
            ..Online::index(flavor)
        },
        Clause::AddPrimaryKey => Online::REBUILD,
        Clause::DropPrimaryKey | Clause::AddCheck | Clause::Convert | Clause::Order => Online::COPY,
        Clause::EnforceCheck { enforced: true } => Online::COPY,
        Clause::DropIndex(_) => Online {
            scans: false,
            ..Online::index(flavor)
        },
        Clause::AddForeignKey { .. } if around.foreign_key_checks => Online::COPY,
        Clause::AddForeignKey { .. }
        | Clause::RenameIndex
        | Clause::IndexVisibility
        | Clause::DropForeignKey(_)
        | Clause::DropConstraint(_)
        | Clause::EnforceCheck { enforced: false }
        | Clause::Option(_) => Online::definition(flavor),
        Clause::Rebuild { engine: None } => Online::REBUILD,
        Clause::Rebuild { engine: Some(_) } => Online::COPY,
        Clause::Rename(_) => Online {
            lock: LockClause::Exclusive,
            ..Online::INSTANT
        },
        Clause::Partition { .. } => Online {
            lock: LockClause::Exclusive,
            ..Online::COPY
        },
        Clause::Tablespace { .. } => Online {
            algorithm: Algorithm::Inplace,
            lock: LockClause::Exclusive,
            ..Online::INSTANT
        },
    }
}

fn add_column(column: &Column, flavor: Flavor) -> Online {
    let mut online = Online::INSTANT;
    if column.auto_increment {
        online = online.and(Online {
            lock: LockClause::Shared,
            ..Online::REBUILD
        });
    }
    if column.generated == Some(Generated::Stored)
        || column.default == DefaultValue::Expression
        || column.check
    {
        online = online.and(Online::COPY);
    }
    // MySQL reads REFERENCES on a column and ignores it.
    if column.references.is_some() && flavor == Flavor::MariaDb {
        online = online.and(Online::COPY);
    }
    match column.key {
        Some(IndexKey::Primary) => online.and(Online::REBUILD),
        Some(IndexKey::Unique) => online.and(Online::index(flavor)),
        None => online,
    }
}
