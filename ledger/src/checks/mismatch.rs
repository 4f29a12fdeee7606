//! Rows found wrong, by key: recorded once, shown to people, and forgotten before a new round.

use engine::catalog::TableName;
use engine::db::{self, Connection};
use proto::{ChunkId, JobId};
use serde_json::Value;

use crate::chunks::{block, leaf_of, oid};
use crate::error::Error;
use crate::open::Ledger;

/// A row that is not right.
#[derive(Clone, Debug, PartialEq)]
pub struct Mismatch {
    /// The leaf, by oid.
    pub leaf_oid: u32,
    /// The leaf, by name.
    pub leaf: TableName,
    /// Key columns and values.
    pub key: Value,
    /// Block it was found in.
    pub block: u64,
    /// Per column: found and expected.
    pub detail: Value,
}

/// Mismatched rows are recorded up to this many a job; more would not help anybody.
pub const MISMATCH_LIMIT: i64 = 10_000;

impl Ledger {
    /// Rows found wrong and not resolved, oldest first.
    ///
    /// # Errors
    /// What the database says.
    pub async fn mismatches(&self, job: JobId, limit: i64) -> Result<Vec<(u32, Mismatch)>, Error> {
        let rows = db::query(
            "/* ledger.mismatches */
            SELECT fill, leaf_oid, leaf_schema, leaf_name, row_key, block, detail
            FROM sluice.mismatch
            WHERE job = $1
                AND resolved_at IS NULL
            ORDER BY fill, leaf_oid, block
            LIMIT $2",
        )
        .bind(job.0)
        .bind(limit)
        .fetch_all(&self.pool)
        .await
        .map_err(Error::of("ledger.mismatches"))?;
        rows.iter()
            .map(|row| {
                Ok((
                    row.try_get::<i32, _>("fill")?.unsigned_abs(),
                    Mismatch {
                        leaf_oid: oid(row)?,
                        leaf: leaf_of(row)?,
                        key: row.try_get("row_key")?,
                        block: block(row, "block")?,
                        detail: row.try_get("detail")?,
                    },
                ))
            })
            .collect::<Result<_, sqlx::Error>>()
            .map_err(Error::of("ledger.mismatches"))
    }
}

/// Which read found a row.
pub(super) struct FoundBy {
    pub(super) job: JobId,
    pub(super) fill: u32,
    pub(super) round: u32,
    pub(super) chunk: Option<ChunkId>,
}

/// Records rows found wrong, those that are not recorded yet and up to [`MISMATCH_LIMIT`].
pub(super) async fn insert_mismatches(
    conn: &mut Connection,
    found: FoundBy,
    mismatches: &[Mismatch],
) -> Result<(), Error> {
    for mismatch in mismatches {
        db::query(
            "/* ledger.mismatch_insert */
            INSERT INTO sluice.mismatch (job, fill, round, chunk, leaf_oid, leaf_schema, leaf_name, row_key, block, detail)
            SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10
            WHERE NOT EXISTS (
                    SELECT FROM sluice.mismatch
                    WHERE job = $1 AND fill = $2 AND leaf_oid = $5 AND row_key = $8 AND resolved_at IS NULL)
                AND (SELECT count(*) FROM sluice.mismatch WHERE job = $1 AND resolved_at IS NULL) < $11",
        )
        .bind(found.job.0)
        .bind(found.fill as i32)
        .bind(found.round as i32)
        .bind(found.chunk.map(|c| c.0))
        .bind(i64::from(mismatch.leaf_oid))
        .bind(&mismatch.leaf.schema)
        .bind(&mismatch.leaf.name)
        .bind(&mismatch.key)
        .bind(mismatch.block as i64)
        .bind(&mismatch.detail)
        .bind(MISMATCH_LIMIT)
        .execute(&mut *conn)
        .await
        .map_err(Error::of("ledger.mismatch_insert"))?;
    }
    Ok(())
}

/// Starts over: what was found wrong is to be looked at again, chunk by chunk, in a new round.
///
/// # Errors
/// What the database says.
pub async fn forget_findings(conn: &mut Connection, job: JobId) -> Result<(), Error> {
    db::query(
        "/* ledger.chunks_reverify */
        UPDATE sluice.chunk
        SET verification = 'pending',
            verified_at = NULL
        WHERE job = $1
            AND verification IN ('mismatched', 'unreadable')",
    )
    .bind(job.0)
    .execute(&mut *conn)
    .await
    .map_err(Error::of("ledger.chunks_reverify"))?;
    db::query(
        "/* ledger.mismatches_resolve */
        UPDATE sluice.mismatch SET resolved_at = now() WHERE job = $1 AND resolved_at IS NULL",
    )
    .bind(job.0)
    .execute(conn)
    .await
    .map_err(Error::of("ledger.mismatches_resolve"))?;
    Ok(())
}
