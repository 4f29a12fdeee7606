//! What an error of SQLite means for whoever asked; the classes are those of [`crate::postgres::error`].
//!
//! sqlx gives the extended result code, whose lower eight bits are the kind. Nobody fails over or disconnects here: what is worth another
//! try is a file that another connection has locked, a disk that is full, an interrupt.

use sqlx::sqlite::SqliteError;

use crate::postgres::error::{self, Class};

/// SQLITE_BUSY_SNAPSHOT: the transaction read before another one wrote, and cannot write any more. Waiting does not help, a new transaction does.
const BUSY_SNAPSHOT: i32 = 517;
/// SQLITE_IOERR
const IO: i32 = 10;

/// SQLite's extended result code, if the error is SQLite's.
#[must_use]
pub fn code(error: &sqlx::Error) -> Option<i32> {
    let database = error.as_database_error()?;
    database.try_downcast_ref::<SqliteError>()?;
    database.code()?.parse().ok()
}

/// What an error of any statement except COMMIT means.
#[must_use]
pub fn classify(error: &sqlx::Error) -> Class {
    code(error).map_or_else(|| error::classify(error), of_code)
}

/// What an error of COMMIT itself means. One that finds the file locked did not happen, and the transaction is still open. After a failed write or
/// sync the next one to open the file decides, by what the journal holds; so does it when the driver's thread is gone.
#[must_use]
pub fn classify_commit(error: &sqlx::Error) -> Class {
    match code(error) {
        Some(code) if code & 0xff == IO => Class::UnknownOutcome,
        Some(code) => of_code(code),
        None => error::classify_commit(error),
    }
}

/// The table behind [`classify`]. Codes: <https://www.sqlite.org/rescode.html>.
fn of_code(code: i32) -> Class {
    if code == BUSY_SNAPSHOT {
        return Class::Transient;
    }
    match code & 0xff {
        // BUSY: another connection has the lock, and the busy timeout passed.
        5 => Class::LockTimeout,
        // LOCKED: another statement of this very connection, or of its shared cache.
        6 => Class::Transient,
        // INTERRUPT
        9 => Class::StatementTimeout,
        // READONLY
        8 => Class::ReadOnly,
        // TOOBIG, CONSTRAINT (a RAISE of a trigger and a STRICT type among them), MISMATCH
        18..=20 => Class::Data,
        // NOMEM, IOERR, FULL, CANTOPEN, PROTOCOL (a race for the write-ahead log), SCHEMA
        7 | IO | 13..=15 | 17 => Class::Transient,
        // PERM, AUTH
        3 | 23 => Class::Permission,
        // CORRUPT, NOTADB, ERROR, MISUSE, ...
        _ => Class::Permanent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::error::Error;
    use crate::sqlite::text;
    use sqlx::Connection as _;

    #[test]
    fn every_code_of_the_fault_list_has_its_class() {
        for (code, expected) in [
            (1, Class::Permanent),
            (3, Class::Permission),
            (5, Class::LockTimeout),
            (261, Class::LockTimeout),
            (517, Class::Transient),
            (773, Class::LockTimeout),
            (6, Class::Transient),
            (262, Class::Transient),
            (7, Class::Transient),
            (8, Class::ReadOnly),
            (1032, Class::ReadOnly),
            (9, Class::StatementTimeout),
            (10, Class::Transient),
            (778, Class::Transient),
            (11, Class::Permanent),
            (13, Class::Transient),
            (14, Class::Transient),
            (15, Class::Transient),
            (17, Class::Transient),
            (18, Class::Data),
            (19, Class::Data),
            (275, Class::Data),
            (1299, Class::Data),
            (1811, Class::Data),
            (2067, Class::Data),
            (3091, Class::Data),
            (20, Class::Data),
            (21, Class::Permanent),
            (23, Class::Permission),
            (26, Class::Permanent),
        ] {
            assert_eq!(of_code(code), expected, "{code}");
        }
    }

    #[tokio::test]
    async fn an_error_knows_its_class_whichever_engine_sent_it() {
        let mut conn = sqlx::SqliteConnection::connect("sqlite::memory:").await.unwrap();
        text::execute_script(&mut conn, "CREATE TABLE t(a UNIQUE); INSERT INTO t VALUES (1)")
            .await
            .unwrap();
        for (sql, expected, known) in [
            ("INSERT INTO t VALUES (1)", Class::Data, Some(2067)),
            ("SELECT b FROM t", Class::Permanent, Some(1)),
        ] {
            let error = text::execute_script(&mut conn, sql).await.unwrap_err();
            assert_eq!(code(&error), known);
            assert_eq!(classify_commit(&error), expected);
            assert_eq!(Error::query("try")(error).class(), expected, "{sql}");
        }
        assert_eq!(classify(&sqlx::Error::WorkerCrashed), Class::Transient);
        assert_eq!(
            classify_commit(&sqlx::Error::WorkerCrashed),
            Class::UnknownOutcome
        );
    }
}
