//! Sessions that have waited for one of ours for half a second or longer.
//!
//! A batch in somebody's way gives way by itself sooner than that (the backfiller's watch), and many a wait is over before. What is left is
//! one of our sessions that cannot give way, and no more may be begun. `pg_blocking_pids` is asked only about those that wait, because
//! it takes the lock manager's own locks. The time of waiting (`pg_locks.waitstart`) is the server's.

use sqlx::postgres::PgConnection;

use super::{PRIMARY, of_sessions};
use crate::postgres::error::Error;
use crate::signal::{Kind, Reading};

const QUESTION: &str = "/* sluice:signal.blocked_sessions */ \
    SELECT pg_catalog.count(DISTINCT w.pid)::float8 \
    FROM pg_catalog.pg_locks AS w \
    JOIN pg_catalog.pg_stat_activity AS a ON a.pid = w.pid \
    WHERE NOT w.granted AND w.waitstart < pg_catalog.clock_timestamp() - interval '500 ms' \
        AND a.datname = pg_catalog.current_database() AND a.application_name NOT LIKE 'sluice%' \
        AND EXISTS ( \
            SELECT FROM pg_catalog.pg_stat_activity AS b \
            WHERE b.pid = ANY (pg_catalog.pg_blocking_pids(w.pid)) \
                AND (b.application_name LIKE 'sluice%' OR b.query LIKE '/* sluice:%'))";

/// Reads it (monitor role).
///
/// # Errors
/// What the server said; a role that may not see other sessions is an error, never "none".
pub async fn read(conn: &mut PgConnection) -> Result<Reading, Error> {
    let value = of_sessions(conn, "count the sessions that wait for ours", QUESTION).await?;
    Ok(Reading::of(Kind::BlockedSessions, PRIMARY, value))
}
