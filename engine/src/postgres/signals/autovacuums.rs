//! Autovacuum workers on a table, partitions included: a backfill beside one makes work faster than it is taken away.

use sqlx::postgres::PgConnection;

use super::dead_rows::LEAVES;
use crate::catalog::TableName;
use crate::postgres::error::Error;
use crate::signal::{Kind, Reading};
use crate::sql;

/// Reads it for one table (monitor role: the kind of a backend is hidden from others).
///
/// # Errors
/// What the server said.
pub async fn read(conn: &mut PgConnection, table: &TableName) -> Result<Reading, Error> {
    let question = format!(
        "/* sluice:signal.autovacuums */ {LEAVES} \
        SELECT pg_catalog.count(*)::float8 \
        FROM pg_catalog.pg_stat_progress_vacuum AS v \
        JOIN leaves ON leaves.oid = v.relid \
        JOIN pg_catalog.pg_stat_activity AS a ON a.pid = v.pid AND a.backend_type = 'autovacuum worker'"
    );
    let count: f64 = sql::scalar(question)
        .bind(&table.schema)
        .bind(&table.name)
        .fetch_one(conn)
        .await
        .map_err(Error::query("look for an autovacuum"))?;
    Ok(Reading::of(Kind::Autovacuums, table.to_string(), count))
}
