//! Canceling a batch of our own that keeps somebody else waiting.
//!
//! It is done as the data role, over another connection: a role may cancel its own sessions and needs no privilege for it. What others
//! wait for is not hidden from it either (`pg_locks`, `pg_blocking_pids`, `application_name`), only what they run.

use std::time::Duration;

use sqlx::postgres::PgConnection;

use crate::postgres::error::Error;
use crate::sql;

/// Looking and canceling are one statement: a backend that has gone on to something else meanwhile carries no such mark any more. `waitstart`
/// is the server's own time.
const GIVE_WAY: &str = "/* sluice:session.give_way */ \
    SELECT coalesce(pg_catalog.bool_or(pg_catalog.pg_cancel_backend(b.pid)), false) \
    FROM pg_catalog.pg_stat_activity AS b \
    WHERE b.pid <> pg_catalog.pg_backend_pid() \
        AND b.state = 'active' \
        AND pg_catalog.starts_with(b.query, $1) \
        AND EXISTS ( \
            SELECT FROM pg_catalog.pg_locks AS w \
            JOIN pg_catalog.pg_stat_activity AS a ON a.pid = w.pid \
            WHERE NOT w.granted \
                AND w.waitstart < pg_catalog.clock_timestamp() - $2 * interval '1 second' \
                AND a.application_name NOT LIKE 'sluice%' \
                AND b.pid = ANY (pg_catalog.pg_blocking_pids(w.pid)))";

/// Cancels the statement that begins with `/* mark` if a session that is not ours has waited for it for so long. Whether it did.
///
/// The connection may be pooled, so it has to be in a transaction.
///
/// # Errors
/// What the server said.
pub async fn give_way(conn: &mut PgConnection, mark: &str, waited: Duration) -> Result<bool, Error> {
    sql::scalar(GIVE_WAY)
        .bind(format!("/* {mark}"))
        .bind(waited.as_secs_f64())
        .fetch_one(conn)
        .await
        .map_err(Error::query("see whether a session waits for a batch"))
}
