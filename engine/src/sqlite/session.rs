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
    #[error("the file {path} could not be opened as an SQLite database")]
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
    SqlitePoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(ACQUIRE)
        .connect_with(options(&path))
        .await
        .map_err(|source| ConnectError::Refused {
            path: path.display().to_string(),
            source,
        })
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
