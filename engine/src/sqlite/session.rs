//! Connections to a file.
//!
//! The file is opened as it is: its journal mode stays, because the application chose it. Every connection waits for the one write
//! lock a moment at a time; a wait that was in vain is tried again by whoever asked, as with any lock.
//!
//! What breaks it: a file on a network share without working locks.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqlitePool, SqlitePoolOptions};

/// How long a connection waits for the write lock before it says that the file is busy.
const BUSY: Duration = Duration::from_secs(5);
/// Begins a transaction that may write: it waits for the write lock for as long as any connection, and for its COMMIT no longer than two
/// seconds. In a file whose journal mode is not WAL a COMMIT waits for those who read, and meanwhile keeps everybody else from beginning to:
/// it gives way before one of them has waited for as long as applications are used to (five seconds), and is tried again.
pub(crate) const BEGIN: &str = "PRAGMA busy_timeout = 5000; BEGIN IMMEDIATE; PRAGMA busy_timeout = 2000";
/// Afterwards a connection waits for anything as it did before.
const AFTER: &str = "/* sluice:session.after */ PRAGMA busy_timeout = 5000";
/// A connection that nobody uses for this long is not worth its file handles.
const ACQUIRE: Duration = Duration::from_secs(30);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL names no file.
    #[error(
        "the database URL cannot be read; it should look like sqlite:music.db, or sqlite:///var/lib/app/music.db"
    )]
    Url,
    /// There is no such file.
    #[error("there is no file {path}; check the path, which is relative to the folder that you are in")]
    Missing {
        /// The path.
        path: String,
    },
    /// It cannot be opened.
    #[error(
        "the file {path} could not be opened as an SQLite database; check that it is one, and that you may read and write it"
    )]
    Refused {
        /// The path.
        path: String,
        /// What the driver said.
        source: sqlx::Error,
    },
}

/// Whether a URL is one of a file.
#[must_use]
pub fn is_url(url: &str) -> bool {
    url.starts_with("sqlite:") || url.starts_with("file:")
}

/// The path that a URL names.
///
/// # Errors
/// [`ConnectError::Url`] if it names none; a database in memory is none.
pub fn path_of(url: &str) -> Result<PathBuf, ConnectError> {
    let rest = url
        .strip_prefix("sqlite:")
        .or_else(|| url.strip_prefix("file:"))
        .ok_or(ConnectError::Url)?;
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.is_empty() || path.starts_with(':') || path.contains('?') {
        return Err(ConnectError::Url);
    }
    Ok(PathBuf::from(path))
}

/// A pool over the file of a URL. One connection is made at once, so that a wrong path is told now.
///
/// # Errors
/// [`ConnectError`], which names the path.
pub async fn connect_pool(url: &str, max_connections: u32) -> Result<SqlitePool, ConnectError> {
    let path = path_of(url)?;
    if !path.is_file() {
        return Err(ConnectError::Missing {
            path: path.display().to_string(),
        });
    }
    let refused = |source| ConnectError::Refused {
        path: path.display().to_string(),
        source,
    };
    let pool = SqlitePoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(ACQUIRE)
        .after_release(|conn, _| {
            Box::pin(async move {
                sqlx::raw_sql(AFTER).execute(conn).await?;
                Ok(true)
            })
        })
        .connect_with(options(&path))
        .await
        .map_err(refused)?;
    // Opening reads nothing: what is no database shows with the first question.
    sqlx::query("/* sluice:session.is_database */ SELECT count(*) FROM sqlite_schema")
        .execute(&pool)
        .await
        .map_err(refused)?;
    Ok(pool)
}

/// How every connection to a file is made.
#[must_use]
pub fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .busy_timeout(BUSY)
        .disable_statement_logging()
}

/// Where the file of a connection lies, with every link resolved.
///
/// # Errors
/// What the driver says.
pub async fn place(conn: &mut SqliteConnection) -> Result<String, sqlx::Error> {
    let path: String = sqlx::query_scalar(
        "/* sluice:session.place */ SELECT file FROM pragma_database_list WHERE name = 'main'",
    )
    .fetch_one(conn)
    .await?;
    let resolved = std::fs::canonicalize(&path).map_err(sqlx::Error::Io)?;
    Ok(resolved.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that stays keeps us from committing; one that comes meanwhile and waits for four seconds is let in.
    #[tokio::test]
    async fn a_commit_that_waits_for_a_reader_gives_way_before_the_next_reader_gives_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let file = |busy| {
            options(&path)
                .create_if_missing(true)
                .busy_timeout(Duration::from_secs(busy))
        };
        let mut stays = file(5).connect().await.unwrap();
        sqlx::raw_sql("CREATE TABLE t (a); INSERT INTO t VALUES (1); BEGIN; SELECT a FROM t")
            .execute(&mut stays)
            .await
            .unwrap();
        let mut comes = file(4).connect().await.unwrap();
        let pool = crate::db::Pool::Sqlite(
            connect_pool(&format!("sqlite:{}", path.display()), 1)
                .await
                .unwrap(),
        );
        let mut ours = pool.begin().await.unwrap();
        ours.execute_script("INSERT INTO t VALUES (2)").await.unwrap();
        let commits = tokio::spawn(ours.commit());
        // Until the COMMIT waits, a reader is let in at once.
        let mut refused = false;
        while !refused {
            let mut looks = file(0).connect().await.unwrap();
            refused = sqlx::raw_sql("SELECT a FROM t")
                .execute(&mut looks)
                .await
                .is_err();
        }
        sqlx::raw_sql("SELECT a FROM t")
            .execute(&mut comes)
            .await
            .unwrap();
        let error = commits.await.unwrap().unwrap_err();
        assert!(crate::error::classify_commit(&error).is_retryable(), "{error}");
        sqlx::raw_sql("COMMIT").execute(&mut stays).await.unwrap();
        // The connection is whole, and waits again as it did.
        let mut again = pool.begin().await.unwrap();
        again.execute_script("INSERT INTO t VALUES (3)").await.unwrap();
        again.commit().await.unwrap();
        let mut conn = pool.acquire().await.unwrap();
        let busy: i64 = crate::db::scalar("PRAGMA busy_timeout")
            .fetch_one(&mut conn)
            .await
            .unwrap();
        assert_eq!(busy, 5000);
        let rows: i64 = crate::db::scalar("SELECT sum(a) FROM t")
            .fetch_one(&mut conn)
            .await
            .unwrap();
        assert_eq!(rows, 4);
    }

    #[tokio::test]
    async fn a_file_that_is_no_database_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        std::fs::write(
            &path,
            "a text, and a long one, so that it cannot be the head of a database".repeat(40),
        )
        .unwrap();
        let error = connect_pool(&format!("sqlite:{}", path.display()), 1)
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("a.db") && error.contains("check that it is one"),
            "{error}"
        );
    }

    #[test]
    fn a_url_names_a_file_with_or_without_slashes() {
        for (url, path) in [
            ("sqlite:music.db", "music.db"),
            ("sqlite://music.db", "music.db"),
            ("sqlite:///var/music.db", "/var/music.db"),
            ("file:/var/music.db", "/var/music.db"),
        ] {
            assert_eq!(path_of(url).unwrap(), PathBuf::from(path), "{url}");
        }
        for url in [
            "sqlite:",
            "sqlite::memory:",
            "postgres://host/music",
            "sqlite:a?mode=ro",
        ] {
            assert!(path_of(url).is_err(), "{url}");
        }
    }
}
