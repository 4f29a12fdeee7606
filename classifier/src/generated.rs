//! The fixed labels of what Sluice generates.
//!
//! Each line here is a measurement on PostgreSQL 15 (`pg_locks`, the storage file's number, rows read), not
//! an opinion; a wrong one would let a plan promise a short lock that is not short. What would break
//! it: generating a statement in another form than the one measured (a default that is volatile, a
//! domain with constraints), so the planner refuses those forms.

use crate::{Label, Level, Lock, Sqlite};

/// A kind of statement that the planner generates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Generated {
    /// `ADD COLUMN c type`: nullable, no default, not a domain with constraints.
    AddColumnNullable,
    /// `CREATE FUNCTION` and `CREATE TRIGGER` in one transaction.
    InstallMirror,
    /// `LOCK TABLE`, then `CREATE OR REPLACE` of function and trigger, in one transaction.
    SwapMirror,
    /// `RENAME COLUMN` with the function that mirrors under the other name, in one transaction.
    HideColumn,
    /// `DROP TRIGGER` and `DROP FUNCTION` in one transaction, with the carried constraints dropped before.
    RemoveMirror,
    /// `ADD CONSTRAINT ... CHECK (...) NOT VALID`.
    AddCheckNotValid,
    /// `ADD CONSTRAINT ... FOREIGN KEY ... NOT VALID`.
    AddForeignKeyNotValid,
    /// `VALIDATE CONSTRAINT` of a check.
    ValidateCheck,
    /// `VALIDATE CONSTRAINT` of a foreign key.
    ValidateForeignKey,
    /// `SET NOT NULL` where a valid check proves it, and the check dropped in the same transaction.
    SetNotNullProven,
    /// `CREATE INDEX CONCURRENTLY`, unique or not.
    CreateIndexConcurrently,
    /// `DROP INDEX CONCURRENTLY`.
    DropIndexConcurrently,
    /// `DROP COLUMN`.
    DropColumn,
    /// `COMMENT ON`.
    Comment,
    /// SQL that the spec's author wrote, on any engine.
    Raw,
    /// What is generated for SQLite.
    Sqlite(Sqlite),
}

/// What such a statement locks and does.
#[must_use]
pub fn label(statement: Generated) -> Label {
    match statement {
        Generated::AddColumnNullable => short("a catalog change: no default, so no row is touched"),
        Generated::InstallMirror => Label {
            lock: Some(Lock::ShareRowExclusiveLock),
            ..short("blocks writes for an instant; reads go on")
        },
        Generated::SwapMirror => Label {
            lock: Some(Lock::ShareRowExclusiveLock),
            ..short("waits for writers with the old function, blocks writes for an instant; reads go on")
        },
        Generated::HideColumn => short("a catalog change: the column is renamed, no row is touched"),
        Generated::RemoveMirror => short("catalog only; DROP TRIGGER locks out everybody for an instant"),
        Generated::AddCheckNotValid => short("NOT VALID: existing rows are not read"),
        Generated::AddForeignKeyNotValid => Label {
            lock: Some(Lock::ShareRowExclusiveLock),
            ..short("NOT VALID: existing rows are not read; blocks writes to both tables for an instant")
        },
        Generated::ValidateCheck => watched("reads every row, blocks neither reads nor writes"),
        Generated::ValidateForeignKey => {
            watched("reads every row and looks each up in the other table, blocks neither reads nor writes")
        }
        Generated::SetNotNullProven => short("proven by the validated check, so no row is read"),
        Generated::CreateIndexConcurrently => {
            watched("reads the table twice and waits for old transactions, blocks neither reads nor writes")
        }
        Generated::DropIndexConcurrently => Label {
            scans: false,
            ..watched("waits for old transactions, blocks neither reads nor writes")
        },
        Generated::DropColumn => {
            short("a catalog change: the rows keep their bytes until they are next written")
        }
        Generated::Comment => Label {
            lock: Some(Lock::ShareUpdateExclusiveLock),
            level: Level::None,
            ..short("catalog only, blocks neither reads nor writes")
        },
        Generated::Raw => Label {
            lock: None,
            rewrites: false,
            scans: false,
            level: Level::Unknown,
            reason: "written by the spec's author and not classified",
        },
        Generated::Sqlite(statement) => crate::sqlite::label(statement),
    }
}

/// An instant under the strongest lock.
fn short(reason: &'static str) -> Label {
    Label {
        lock: Some(Lock::AccessExclusiveLock),
        rewrites: false,
        scans: false,
        level: Level::Low,
        reason,
    }
}

/// As long as the table is big, beside reads and writes.
fn watched(reason: &'static str) -> Label {
    Label {
        lock: Some(Lock::ShareUpdateExclusiveLock),
        rewrites: false,
        scans: true,
        level: Level::Medium,
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &[Generated] = &[
        Generated::AddColumnNullable,
        Generated::InstallMirror,
        Generated::SwapMirror,
        Generated::HideColumn,
        Generated::RemoveMirror,
        Generated::AddCheckNotValid,
        Generated::AddForeignKeyNotValid,
        Generated::ValidateCheck,
        Generated::ValidateForeignKey,
        Generated::SetNotNullProven,
        Generated::CreateIndexConcurrently,
        Generated::DropIndexConcurrently,
        Generated::DropColumn,
        Generated::Comment,
    ];

    #[test]
    fn nothing_generated_rewrites_a_table_or_scans_it_under_a_blocking_lock() {
        for statement in ALL {
            let label = label(*statement);
            assert!(!label.rewrites, "{statement:?}");
            let lock = label.lock.expect("what we generate has a known lock");
            assert!(
                !(label.scans && lock.blocks_writes()),
                "{statement:?} scans under {}",
                lock.as_str()
            );
        }
    }

    #[test]
    fn only_what_never_blocks_the_application_may_take_long() {
        for statement in ALL {
            let label = label(*statement);
            let lock = label.lock.expect("what we generate has a known lock");
            assert!(
                label.level < Level::Medium || !lock.blocks_writes(),
                "{statement:?}"
            );
        }
    }

    #[test]
    fn raw_sql_is_the_highest_risk() {
        assert_eq!(label(Generated::Raw).level, Level::Unknown);
        assert!(ALL.iter().all(|s| label(*s).level < Level::Unknown));
    }
}
