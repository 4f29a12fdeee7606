//! Sessions at work: client sessions of the whole server in state `active`, but for our own.
//!
//! Of the whole server, because its processors and disks are shared by all databases.

use sqlx::postgres::PgConnection;

use super::{PRIMARY, of_sessions};
use crate::postgres::error::Error;
use crate::signal::{Kind, Reading};

const QUESTION: &str = "/* sluice:signal.active_sessions */ \
    SELECT pg_catalog.count(*)::float8 \
    FROM pg_catalog.pg_stat_activity AS a \
    WHERE a.backend_type = 'client backend' AND a.state = 'active' AND a.application_name NOT LIKE 'sluice%' \
        AND a.pid <> pg_catalog.pg_backend_pid()";

/// Reads it (monitor role).
///
/// # Errors
/// What the server said; a role that may not see other sessions is an error, never "none".
pub async fn read(conn: &mut PgConnection) -> Result<Reading, Error> {
    let value = of_sessions(conn, "count the sessions at work", QUESTION).await?;
    Ok(Reading::of(Kind::ActiveSessions, PRIMARY, value))
}
