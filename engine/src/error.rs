//! What an error of either driver means for whoever may try again.

pub use crate::postgres::error::{Class, message};

use crate::{postgres, sqlite};

/// Whether an error comes from SQLite.
fn of_sqlite(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(|e| e.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some())
}

/// What an error of any statement except COMMIT means.
#[must_use]
pub fn classify(error: &sqlx::Error) -> Class {
    if of_sqlite(error) {
        sqlite::error::classify(error)
    } else {
        postgres::error::classify(error)
    }
}

/// What an error of COMMIT itself means: a lost connection leaves the outcome unknown. A file is never lost.
#[must_use]
pub fn classify_commit(error: &sqlx::Error) -> Class {
    if of_sqlite(error) {
        sqlite::error::classify_commit(error)
    } else {
        postgres::error::classify_commit(error)
    }
}

/// The code of an error, if the database sent one: a SQLSTATE, or SQLite's own (`SQLITE_BUSY` is `5`).
#[must_use]
pub fn sqlstate(error: &sqlx::Error) -> Option<String> {
    postgres::error::sqlstate(error)
}

/// The table that a statement names is not there: it was renamed, moved, dropped, or its schema was.
#[must_use]
pub fn is_gone(error: &sqlx::Error) -> bool {
    if of_sqlite(error) {
        return message(error).starts_with("no such table");
    }
    matches!(sqlstate(error).as_deref(), Some("42P01" | "3F000"))
}
