//! The ground on SQLite: a file of its own in a folder of its own, which goes at the end.

use std::path::Path;

use engine::db::Connection;
use engine::postgres::error::Error as EngineError;
use engine::sqlite::session;
use proto::JobId;
use secrecy::SecretString;
use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteJournalMode;

use super::Texts;
use crate::error::Error;

/// How SQLite says it.
pub(super) const TEXTS: Texts = Texts {
    table: "customer",
    schema: "main",
    values: [
        ("name", "'Customer ' || id"),
        ("email", "'customer' || id || '@example.com'"),
        ("fax", "'+41 44 ' || printf('%07d', id % 10000000)"),
        ("updated_at", "datetime(1767225600 + id, 'unixepoch')"),
    ],
    fill: "SELECT id, {values} FROM (WITH RECURSIVE made (id) AS \
           (SELECT $1 UNION ALL SELECT id + 1 FROM made WHERE id < $2) SELECT id FROM made) AS made",
    shape: "/* sluice:demo.shape */ SELECT coalesce(group_concat(sql, char(10)), '') FROM \
            (SELECT sql FROM sqlite_schema WHERE name NOT LIKE 'sluice%' AND sql IS NOT NULL ORDER BY name)",
    removed: "removing the file",
    by_hand: "remove its folder",
};

const MAKE: &str = "/* sluice:demo.make */ CREATE TABLE customer (
        id INTEGER PRIMARY KEY, name TEXT, email TEXT, fax TEXT, updated_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP)";

/// A file that nobody else has, as a URL, in a folder of its own; nothing is made yet.
#[must_use]
pub fn of_its_own() -> SecretString {
    // An id of ours is unique, and begins with the time.
    let folder = std::env::temp_dir().join(format!("sluice-demo-{}", JobId::new()));
    SecretString::from(format!("sqlite:{}", folder.join("demo.db").display()))
}

/// Makes the folder and the file. Readers and the writer do not wait for each other in its journal mode, as an application would have it.
pub(super) async fn make_file(path: &Path) -> Result<(), Error> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir(folder).map_err(|source| Error::File {
            path: folder.to_owned(),
            doing: "made",
            source,
        })?;
    }
    let made = session::options(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .connect()
        .await;
    let conn = made.map_err(EngineError::query("make the demo's file"))?;
    Connection::from(conn)
        .close()
        .await
        .map_err(EngineError::query("make the demo's file"))?;
    Ok(())
}

/// Makes the empty table.
pub(super) async fn make(conn: &mut Connection) -> Result<(), Error> {
    conn.execute_script(MAKE)
        .await
        .map_err(EngineError::query("make the demo's table"))?;
    Ok(())
}

/// Removes the folder with the file and whatever lies beside it.
pub(super) fn remove(path: &Path) -> Result<(), Error> {
    let folder = path.parent().unwrap_or(path).to_owned();
    match std::fs::remove_dir_all(&folder) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(Error::File {
            path: folder,
            doing: "removed",
            source,
        }),
        Ok(()) | Err(_) => Ok(()),
    }
}
