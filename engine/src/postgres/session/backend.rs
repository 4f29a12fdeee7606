//! The server process behind a connection, and the proof that one is gone.
//!
//! Whoever takes over a lease must know that the former holder's transaction cannot commit any more. Only the end of its
//! backend proves that. Process ids come around again, so a backend is its id *and* its start.

use std::time::Duration;

use sqlx::postgres::PgConnection;

use crate::postgres::error::{Class, Error, classify};
use crate::sql;

/// A server process, told apart from a later one with the same id by its start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    /// `pg_backend_pid()`.
    pub pid: i32,
    /// `backend_start`, as text with its offset.
    pub started: String,
}

/// The backend that serves this connection (behind a pooler: this transaction).
///
/// # Errors
/// What the server said.
pub async fn backend(conn: &mut PgConnection) -> Result<Backend, Error> {
    const SQL: &str = "/* sluice:session.backend */ \
        SELECT pid, backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()";
    let (pid, started): (i32, String) = sql::query_as(SQL)
        .fetch_one(conn)
        .await
        .map_err(Error::query("read the identity of this session's backend"))?;
    Ok(Backend { pid, started })
}

/// What became of a backend that should be gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terminated {
    /// It is not there (any more); its transaction is over and its locks are free.
    Gone,
    /// It was told to go and has not gone in time.
    StillThere,
    /// This role may neither see nor terminate it.
    NotPermitted,
}

/// Terminates exactly that backend, never a later one with its process id, and waits up to `limit` until it is gone.
///
/// # Errors
/// What the server said, other than a missing privilege.
pub async fn terminate_backend(
    conn: &mut PgConnection,
    backend: &Backend,
    limit: Duration,
) -> Result<Terminated, Error> {
    // Identity and signal are one statement. Between its reading the activity and the signal a process could
    // end and its id be used again only if the id space wrapped around within microseconds.
    const TERMINATE: &str = "/* sluice:session.terminate */ \
        SELECT CASE WHEN backend_start = $2::timestamptz THEN pg_terminate_backend(pid) END \
        FROM pg_stat_activity \
        WHERE pid = $1";
    let asked: Result<Option<Option<bool>>, _> = sql::scalar(TERMINATE)
        .bind(backend.pid)
        .bind(&backend.started)
        .fetch_optional(&mut *conn)
        .await;
    match asked {
        Err(e) if classify(&e) == Class::Permission => return Ok(Terminated::NotPermitted),
        Err(e) => return Err(Error::query(format!("terminate backend {}", backend.pid))(e)),
        Ok(_) => {}
    }
    // Counted polls instead of a timeout around them: a query is never abandoned half read.
    for _ in 0..=limit.as_millis() / POLL.as_millis() {
        match presence(&mut *conn, backend).await? {
            Presence::Gone => return Ok(Terminated::Gone),
            Presence::Hidden => return Ok(Terminated::NotPermitted),
            Presence::There => tokio::time::sleep(POLL).await,
        }
    }
    Ok(Terminated::StillThere)
}

/// How often [`terminate_backend`] looks.
const POLL: Duration = Duration::from_millis(20);

enum Presence {
    Gone,
    There,
    /// A process with that id is there, but this role may not see when it started.
    Hidden,
}

async fn presence(conn: &mut PgConnection, backend: &Backend) -> Result<Presence, Error> {
    const SQL: &str = "/* sluice:session.presence */ \
        SELECT backend_start = $2::timestamptz FROM pg_stat_activity WHERE pid = $1";
    let seen: Option<Option<bool>> = sql::scalar(SQL)
        .bind(backend.pid)
        .bind(&backend.started)
        .fetch_optional(conn)
        .await
        .map_err(Error::query(format!(
            "see whether backend {} is gone",
            backend.pid
        )))?;
    Ok(match seen {
        None | Some(Some(false)) => Presence::Gone,
        Some(Some(true)) => Presence::There,
        Some(None) => Presence::Hidden,
    })
}
