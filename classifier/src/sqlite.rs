//! The fixed labels of what Sluice generates for SQLite.
//!
//! There is one lock that matters, the file's write lock, and one question: for how long. A change of the schema's text holds it
//! for an instant, as every write does; a copy of a table holds it until the last row is copied, and a writer whose busy timeout
//! is shorter fails. Readers go on in WAL mode. What would break it: a form of ADD COLUMN that has to look at the rows (NOT NULL, a CHECK,
//! a generated column), so the planner generates none.

use crate::{Label, Level, Lock};

/// A kind of statement that the planner generates for SQLite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sqlite {
    /// `ADD COLUMN c type`: nullable, no default, no check.
    AddColumn,
    /// The triggers of a mirror, created, replaced or dropped.
    Triggers,
    /// `RENAME COLUMN` with the triggers that mirror under the other name, in one transaction.
    RenameColumn,
    /// `CREATE INDEX` over a column that is still empty.
    CreateIndex,
    /// `DROP COLUMN`, which writes every row anew.
    DropColumn,
    /// The table copied into another one of its name.
    Rebuild,
}

impl Sqlite {
    /// Every one.
    pub const ALL: &[Self] = &[
        Self::AddColumn,
        Self::Triggers,
        Self::RenameColumn,
        Self::CreateIndex,
        Self::DropColumn,
        Self::Rebuild,
    ];
}

/// What such a statement locks and does.
pub(crate) fn label(statement: Sqlite) -> Label {
    match statement {
        Sqlite::AddColumn => instant("a change of the schema's text: no default, so no row is touched"),
        Sqlite::Triggers => instant("a change of the schema's text: no row is touched"),
        Sqlite::RenameColumn => {
            instant("a change of the schema's text: the column is renamed, no row is touched")
        }
        Sqlite::CreateIndex => Label {
            scans: true,
            level: Level::High,
            ..instant(
                "reads every row once, while the column is still empty, and holds the file's one write lock meanwhile",
            )
        },
        Sqlite::DropColumn => copy(
            "writes every row anew and holds the file's one write lock for as long as that takes: a writer whose busy timeout is \
             shorter fails",
        ),
        Sqlite::Rebuild => copy(
            "copies the table and builds its indexes anew, and holds the file's one write lock for as long as that takes: a writer \
             whose busy timeout is shorter fails; the file grows by the table's size until a VACUUM",
        ),
    }
}

/// No longer than any write of one row.
fn instant(reason: &'static str) -> Label {
    Label {
        lock: Some(Lock::Write),
        rewrites: false,
        scans: false,
        level: Level::None,
        reason,
    }
}

/// As long as the table is big.
fn copy(reason: &'static str) -> Label {
    Label {
        rewrites: true,
        scans: true,
        level: Level::High,
        ..instant(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_touches_every_row_is_of_high_risk_and_the_rest_of_none() {
        for statement in Sqlite::ALL {
            let label = label(*statement);
            let lock = label.lock.expect("there is but one lock");
            assert!(lock.blocks_writes() && !lock.blocks_reads(), "{statement:?}");
            assert!(label.scans || !label.rewrites, "{statement:?}");
            let expected = if label.scans { Level::High } else { Level::None };
            assert_eq!(label.level, expected, "{statement:?}");
        }
    }
}
