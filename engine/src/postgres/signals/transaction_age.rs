//! Age of the oldest open transaction of this database, prepared ones included, but for our own.
//!
//! While it is open, no vacuum takes away what a backfill leaves behind: every row that is filled stays twice. Both times are the
//! server's own.

use sqlx::postgres::PgConnection;

use super::{PRIMARY, of_sessions};
use crate::postgres::error::Error;
use crate::signal::{Kind, Reading};

const QUESTION: &str = "/* sluice:signal.transaction_age */ \
    SELECT coalesce(extract(epoch FROM pg_catalog.clock_timestamp() - pg_catalog.min(began)), 0)::float8 FROM ( \
        SELECT a.xact_start AS began FROM pg_catalog.pg_stat_activity AS a \
        WHERE a.datname = pg_catalog.current_database() AND a.backend_type = 'client backend' \
            AND a.application_name NOT LIKE 'sluice%' AND a.pid <> pg_catalog.pg_backend_pid() \
        UNION ALL \
        SELECT p.prepared FROM pg_catalog.pg_prepared_xacts AS p \
        WHERE p.database = pg_catalog.current_database()) AS open";

/// Reads it (monitor role).
///
/// # Errors
/// What the server said; a role that may not see other sessions is an error, never "none".
pub async fn read(conn: &mut PgConnection) -> Result<Reading, Error> {
    let value = of_sessions(conn, "find the oldest open transaction", QUESTION).await?;
    Ok(Reading::of(Kind::TransactionAge, PRIMARY, value))
}
