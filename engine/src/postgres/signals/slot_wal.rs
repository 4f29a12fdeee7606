//! Write-ahead log that replication slots keep: a consumer that is away or slow fills the primary's disk.
//!
//! One reading a slot, from its `restart_lsn` to the present position. A slot that has lost what it needed (`wal_status = 'lost'`) keeps
//! nothing any more and counts as nothing. Logical consumers count too: they are replicas of another kind.

use sqlx::postgres::PgConnection;

use super::PRIMARY;
use crate::postgres::error::Error;
use crate::signal::{Kind, Reading};
use crate::sql;

const SLOTS: &str = "/* sluice:signal.slot_wal */ \
    SELECT s.slot_name::text, pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), s.restart_lsn)::float8 \
    FROM pg_catalog.pg_replication_slots AS s \
    WHERE s.restart_lsn IS NOT NULL AND s.wal_status IS DISTINCT FROM 'lost' \
    ORDER BY s.slot_name";

/// Reads every slot; one reading of nothing if there is none.
///
/// # Errors
/// What the server said.
pub async fn read(conn: &mut PgConnection) -> Result<Vec<Reading>, Error> {
    let slots: Vec<(String, f64)> = sql::query_as(SLOTS)
        .fetch_all(conn)
        .await
        .map_err(Error::query("read the replication slots"))?;
    if slots.is_empty() {
        return Ok(vec![Reading::of(Kind::SlotWal, PRIMARY, 0.0)]);
    }
    let reading = |(slot, kept): (String, f64)| Reading::of(Kind::SlotWal, slot, kept.max(0.0));
    Ok(slots.into_iter().map(reading).collect())
}
