//! Sessions of this database that wait for a lock, whoever holds it, but for our own.
//!
//! A server in which sessions queue for each other is one whose transactions have become long; more load makes them longer.

use sqlx::postgres::PgConnection;

use super::{PRIMARY, of_sessions};
use crate::postgres::error::Error;
use crate::signal::{Kind, Reading};

const QUESTION: &str = "/* sluice:signal.lock_waits */ \
    SELECT pg_catalog.count(*)::float8 \
    FROM pg_catalog.pg_stat_activity AS a \
    WHERE a.datname = pg_catalog.current_database() AND a.backend_type = 'client backend' \
        AND a.wait_event_type = 'Lock' AND a.application_name NOT LIKE 'sluice%'";

/// Reads it (monitor role).
///
/// # Errors
/// What the server said; a role that may not see other sessions is an error, never "none".
pub async fn read(conn: &mut PgConnection) -> Result<Reading, Error> {
    let value = of_sessions(conn, "count the sessions that wait for a lock", QUESTION).await?;
    Ok(Reading::of(Kind::LockWaits, PRIMARY, value))
}
