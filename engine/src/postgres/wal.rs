//! How far the write-ahead log is. The position is the whole server's: between two readings it holds what everybody wrote.

use sqlx::postgres::PgConnection;

use crate::sql;

/// Bytes of write-ahead log that were ever inserted, as a position that only grows.
///
/// # Errors
/// What the server said; on a standby there is no such position.
pub async fn insert_position(conn: &mut PgConnection) -> Result<u64, sqlx::Error> {
    let position: i64 = sql::scalar(
        "/* sluice:wal.position */ SELECT pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), '0/0')::bigint",
    )
    .fetch_one(conn)
    .await?;
    Ok(position.unsigned_abs())
}
