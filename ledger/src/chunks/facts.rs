//! What the planner sees of a sweep: how many chunks are where, which failed, how fast the last ones went.

use engine::db;
use std::time::Duration;

use engine::catalog::TableName;
use proto::JobId;

use super::row::{block, leaf_of};
use crate::error::Error;
use crate::open::Ledger;
use crate::tasks::Failure;

/// What the planner needs to know about the chunks of a fill's current sweep.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SweepFacts {
    /// Chunks that are neither done nor given up.
    pub open: u64,
    /// Done, but not re-read by a verifier yet.
    pub unverified: u64,
    /// Re-read and found wrong.
    pub mismatched: u64,
    /// Re-read failed on data.
    pub unreadable: u64,
    /// Failed ones, at most five, oldest first.
    pub failed: Vec<FailedChunk>,
    /// How long the last chunks took on average, with their blocks; None before the first is done.
    pub recent: Option<RecentChunks>,
}

/// A failed chunk, for the reason that a person reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedChunk {
    /// Leaf.
    pub leaf: TableName,
    /// First block not done.
    pub cursor_block: u64,
    /// Block after the last one.
    pub end_block: u64,
    /// What happened.
    pub failure: Failure,
}

/// Average over the last chunks that were done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecentChunks {
    /// Wall time a chunk took, throttled time left out.
    pub duration: Duration,
    /// Blocks a chunk had.
    pub blocks: u64,
}

impl Ledger {
    /// What the planner needs to know about a sweep.
    ///
    /// # Errors
    /// What the database says.
    pub async fn sweep_facts(&self, job: JobId, fill: u32, sweep: u32) -> Result<SweepFacts, Error> {
        let row = db::query(
            "/* ledger.sweep_facts */
            SELECT
                (SELECT count(*) FROM sluice.chunk WHERE job = $1 AND fill = $2 AND sweep = $3 AND state = 'open') AS open,
                (SELECT count(*) FROM sluice.chunk
                    WHERE job = $1 AND fill = $2 AND sweep = $3 AND state = 'done' AND verification = 'pending') AS unverified,
                (SELECT count(*) FROM sluice.chunk
                    WHERE job = $1 AND fill = $2 AND sweep = $3 AND verification = 'mismatched') AS mismatched,
                (SELECT count(*) FROM sluice.chunk
                    WHERE job = $1 AND fill = $2 AND sweep = $3 AND verification = 'unreadable') AS unreadable",
        )
        .bind(job.0)
        .bind(fill as i32)
        .bind(sweep as i32)
        .fetch_one(&self.pool)
        .await
        .map_err(Error::of("ledger.sweep_facts"))?;
        let count = |column: &str| -> Result<u64, Error> {
            Ok(row
                .try_get::<i64, _>(column)
                .map_err(Error::of("ledger.sweep_facts"))?
                .unsigned_abs())
        };
        Ok(SweepFacts {
            open: count("open")?,
            unverified: count("unverified")?,
            mismatched: count("mismatched")?,
            unreadable: count("unreadable")?,
            failed: self.failed_chunks(job, fill, sweep).await?,
            recent: self.recent_chunks(job, fill, sweep).await?,
        })
    }

    async fn failed_chunks(&self, job: JobId, fill: u32, sweep: u32) -> Result<Vec<FailedChunk>, Error> {
        let rows = db::query(
            "/* ledger.chunks_failed */
            SELECT c.leaf_schema, c.leaf_name, k.cursor_block, c.end_block, c.error
            FROM sluice.chunk c
            JOIN sluice.chunk_cursor k ON k.chunk = c.id
            WHERE c.job = $1
                AND c.fill = $2
                AND c.sweep = $3
                AND c.state = 'failed'
            ORDER BY c.seq
            LIMIT 5",
        )
        .bind(job.0)
        .bind(fill as i32)
        .bind(sweep as i32)
        .fetch_all(&self.pool)
        .await
        .map_err(Error::of("ledger.chunks_failed"))?;
        rows.iter()
            .map(|row| {
                let get = || -> Result<_, sqlx::Error> {
                    Ok((
                        leaf_of(row)?,
                        block(row, "cursor_block")?,
                        block(row, "end_block")?,
                        row.try_get("error")?,
                    ))
                };
                let (leaf, cursor_block, end_block, error) =
                    get().map_err(Error::of("ledger.chunks_failed"))?;
                let failure = serde_json::from_value(error).map_err(|source| Error::Document {
                    what: "failure",
                    source,
                })?;
                Ok(FailedChunk {
                    leaf,
                    cursor_block,
                    end_block,
                    failure,
                })
            })
            .collect()
    }

    async fn recent_chunks(&self, job: JobId, fill: u32, sweep: u32) -> Result<Option<RecentChunks>, Error> {
        let row = db::query(
            "/* ledger.chunks_recent */
            SELECT avg(greatest(seconds, 0))::double precision AS seconds, avg(blocks)::double precision AS blocks
            FROM (
                SELECT extract(epoch FROM c.done_at - coalesce(t.admitted_at, t.created_at)) - k.throttled_ms / 1000.0 AS seconds,
                    c.end_block - c.first_block AS blocks
                FROM sluice.chunk c
                JOIN sluice.chunk_cursor k ON k.chunk = c.id
                JOIN sluice.task t ON t.chunk = c.id
                WHERE c.job = $1
                    AND c.fill = $2
                    AND c.sweep = $3
                    AND c.state = 'done'
                ORDER BY c.seq DESC
                LIMIT 4) last",
        )
        .bind(job.0)
        .bind(fill as i32)
        .bind(sweep as i32)
        .fetch_one(&self.pool)
        .await
        .map_err(Error::of("ledger.chunks_recent"))?;
        let seconds: Option<f64> = row
            .try_get("seconds")
            .map_err(Error::of("ledger.chunks_recent"))?;
        let blocks: Option<f64> = row.try_get("blocks").map_err(Error::of("ledger.chunks_recent"))?;
        Ok(seconds.zip(blocks).map(|(s, b)| RecentChunks {
            duration: Duration::from_secs_f64(s),
            blocks: b as u64,
        }))
    }
}
