//! Chunks: ranges of blocks of a leaf, and the cursor that advances with the rows.
//!
//! The race that matters, step by step: worker A stalls in mid-batch; its lease lapses; worker B ends
//! A's backend, claims, and `move_fence` writes B's (attempt, lease) into the cursor. If A's backend was not reached and wakes
//! up, its batch ends in [`advance`], whose WHERE names A's fence: no row is hit, A rolls back, its rows with it. If A
//! had already updated the cursor row and stalls before COMMIT, B's claim waits for that row's lock; A commits (its
//! rows and its cursor together: a batch well done, which B continues from) or is ended (both are gone).

use std::time::Duration;

use engine::catalog::TableName;
use proto::{ChunkId, JobId, LeaseId, TaskId};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use crate::error::Error;
use crate::job::JobState;
use crate::open::Ledger;
use crate::tasks::{self, Claim, Failure, Fence, Work};

/// Why a chunk exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkKind {
    /// Part of a sweep over the whole table.
    Sweep,
    /// Covers rows that were found wrong, on command.
    Repair,
}

impl ChunkKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Sweep => "sweep",
            Self::Repair => "repair",
        }
    }
}

/// A range to work, as the planner makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewChunk {
    /// Identity, deterministic in (job, fill, sweep, seq).
    pub id: ChunkId,
    /// Fill of the plan.
    pub fill: u32,
    /// Sweep number, from 1.
    pub sweep: u32,
    /// Number within the sweep, from 0.
    pub seq: u64,
    /// Why.
    pub kind: ChunkKind,
    /// The leaf, by oid.
    pub leaf_oid: u32,
    /// The leaf, by name.
    pub leaf: TableName,
    /// Fingerprint of the leaf that the sweep began with.
    pub fingerprint: String,
    /// First block of the range.
    pub first_block: u64,
    /// Block after the last one.
    pub end_block: u64,
}

/// A chunk as a worker or a verifier reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Identity.
    pub id: ChunkId,
    /// Its job.
    pub job: JobId,
    /// Fill of the plan.
    pub fill: u32,
    /// Sweep.
    pub sweep: u32,
    /// The leaf, by oid.
    pub leaf_oid: u32,
    /// The leaf, by name.
    pub leaf: TableName,
    /// Fingerprint that each batch compares.
    pub fingerprint: String,
    /// First block of the range.
    pub first_block: u64,
    /// Block after the last one.
    pub end_block: u64,
    /// Next block to work.
    pub cursor_block: u64,
}

/// What one batch adds to a chunk's cursor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Next block to work.
    pub cursor_block: u64,
    /// Rows the batch looked at (those in its blocks).
    pub rows_seen: u64,
    /// Rows it changed.
    pub rows_changed: u64,
    /// Batches that had to be repeated before this one went through.
    pub retries: u32,
    /// Time the throttle held the worker before this batch.
    pub throttled: Duration,
}

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

/// Makes a chunk, its cursor and its task; nothing if it exists.
///
/// # Errors
/// What the database says.
pub async fn create(conn: &mut PgConnection, job: JobId, chunk: &NewChunk) -> Result<(), Error> {
    sqlx::query(
        "/* ledger.chunk_insert */
        WITH c AS (
            INSERT INTO sluice.chunk (id, job, fill, sweep, seq, kind, leaf_oid, leaf_schema, leaf_name, fingerprint,
                first_block, end_block)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
            ON CONFLICT DO NOTHING)
        SELECT 1",
    )
    .bind(chunk.id.0)
    .bind(job.0)
    .bind(chunk.fill as i32)
    .bind(chunk.sweep as i32)
    .bind(chunk.seq as i64)
    .bind(chunk.kind.as_str())
    .bind(i64::from(chunk.leaf_oid))
    .bind(&chunk.leaf.schema)
    .bind(&chunk.leaf.name)
    .bind(&chunk.fingerprint)
    .bind(chunk.first_block as i64)
    .bind(chunk.end_block as i64)
    .execute(&mut *conn)
    .await
    .map_err(Error::of("ledger.chunk_insert"))?;
    sqlx::query(
        "/* ledger.cursor_insert */
        INSERT INTO sluice.chunk_cursor (chunk, cursor_block) VALUES ($1, $2) ON CONFLICT DO NOTHING",
    )
    .bind(chunk.id.0)
    .bind(chunk.first_block as i64)
    .execute(&mut *conn)
    .await
    .map_err(Error::of("ledger.cursor_insert"))?;
    tasks::create(
        conn,
        TaskId::of_chunk(chunk.id),
        job,
        Work::Chunk {
            fill: chunk.fill,
            chunk: chunk.id,
        },
    )
    .await
}

/// Writes the fence of a new claim into the cursor.
pub(crate) async fn move_fence(conn: &mut PgConnection, chunk: ChunkId, fence: Fence) -> Result<(), Error> {
    sqlx::query(
        "/* ledger.cursor_fence */ UPDATE sluice.chunk_cursor SET attempt = $2, lease = $3 WHERE chunk = $1",
    )
    .bind(chunk.0)
    .bind(fence.attempt)
    .bind(fence.lease.0)
    .execute(conn)
    .await
    .map_err(Error::of("ledger.cursor_fence"))?;
    Ok(())
}

/// Whether a worker may go on with the next batch; read inside the batch's own transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leave {
    /// The planner's word is fresh and says go.
    pub go: bool,
    /// Why not, for logs and status.
    pub reason: Option<String>,
    /// The job no longer backfills (rollback, abort): give the chunk back at once.
    pub ended: bool,
    /// This lease's share of the budget, rows a second.
    pub rows_per_second: Option<u64>,
}

/// Age at which the planner's word is stale and work stops (invariant 7).
pub const STALE_AFTER: Duration = Duration::from_secs(5);

/// Reads whether the holder of a chunk may write now.
///
/// # Errors
/// What the database says.
pub async fn leave(conn: &mut PgConnection, job: JobId) -> Result<Leave, Error> {
    let row = sqlx::query(
        "/* ledger.leave */
        SELECT t.go,
            t.reason,
            extract(epoch FROM clock_timestamp() - t.beat_at)::double precision AS age,
            t.rows_per_second,
            j.state
        FROM sluice.throttle t
        JOIN sluice.job j ON j.id = t.job
        WHERE t.job = $1",
    )
    // Asked over the data route too, which may be pooled: the driver names a persistent statement even without a cache.
    .persistent(false)
    .bind(job.0)
    .fetch_optional(conn)
    .await
    .map_err(Error::of("ledger.leave"))?;
    let Some(row) = row else {
        return Ok(Leave {
            go: false,
            reason: Some("the planner has not said anything about this job yet".to_owned()),
            ended: false,
            rows_per_second: None,
        });
    };
    read_leave(&row).map_err(Error::of("ledger.leave"))
}

fn read_leave(row: &PgRow) -> Result<Leave, sqlx::Error> {
    let age: f64 = row.try_get("age")?;
    let state: String = row.try_get("state")?;
    let go: bool = row.try_get("go")?;
    let share: Option<i64> = row.try_get("rows_per_second")?;
    let stale = age > STALE_AFTER.as_secs_f64();
    let backfills = state == JobState::Backfilling.as_str();
    Ok(Leave {
        // The job's own state is asked too: a planner that slept may have written an old word.
        go: go && !stale && backfills,
        reason: if go && !backfills {
            Some(format!("the job is {state}"))
        } else if stale && go {
            Some(format!(
                "the planner was last heard {age:.1} s ago; work stops until it is back"
            ))
        } else {
            row.try_get("reason")?
        },
        ended: matches!(
            state.as_str(),
            "rolling-back" | "rolled-back" | "aborted" | "failed" | "done"
        ),
        rows_per_second: share.map(|s| s.unsigned_abs()),
    })
}

/// Advances a chunk's cursor under the fence, inside the batch's transaction.
///
/// # Errors
/// [`Error::LeaseLost`]: roll back, the rows of this batch with it.
pub async fn advance(
    conn: &mut PgConnection,
    chunk: ChunkId,
    fence: Fence,
    progress: Progress,
) -> Result<(), Error> {
    // The mark stays visible while this transaction is idle, so that a takeover finds it.
    let done = engine::sql::query(format!(
        "/* ledger.cursor_advance {} */
        UPDATE sluice.chunk_cursor
        SET cursor_block = $4,
            rows_seen = rows_seen + $5,
            rows_changed = rows_changed + $6,
            batches = batches + 1,
            retries = retries + $7,
            throttled_ms = throttled_ms + $8,
            updated_at = clock_timestamp()
        WHERE chunk = $1
            AND attempt = $2
            AND lease = $3",
        batch_mark(fence.lease)
    ))
    .bind(chunk.0)
    .bind(fence.attempt)
    .bind(fence.lease.0)
    .bind(progress.cursor_block as i64)
    .bind(progress.rows_seen as i64)
    .bind(progress.rows_changed as i64)
    .bind(progress.retries as i32)
    .bind(progress.throttled.as_millis() as i64)
    .execute(conn)
    .await
    .map_err(Error::of("ledger.cursor_advance"))?;
    if done.rows_affected() != 1 {
        return Err(Error::LeaseLost { chunk });
    }
    Ok(())
}

/// A comment that marks every statement of a batch, so that a takeover finds the backend, pooled or not.
#[must_use]
pub fn batch_mark(lease: LeaseId) -> String {
    format!("sluice:batch lease={lease}")
}

impl Ledger {
    /// Reads a chunk with its cursor.
    ///
    /// # Errors
    /// What the database says.
    pub async fn chunk(&self, id: ChunkId) -> Result<Chunk, Error> {
        let row = sqlx::query(
            "/* ledger.chunk */
            SELECT c.id, c.job, c.fill, c.sweep, c.leaf_oid, c.leaf_schema, c.leaf_name, c.fingerprint, c.first_block,
                c.end_block, k.cursor_block
            FROM sluice.chunk c
            JOIN sluice.chunk_cursor k ON k.chunk = c.id
            WHERE c.id = $1",
        )
        .bind(id.0)
        .fetch_one(&self.pool)
        .await
        .map_err(Error::of("ledger.chunk"))?;
        read_chunk(&row).map_err(Error::of("ledger.chunk"))
    }

    /// Ends a chunk: counts move from the cursor into the chunk, and its task ends, in one transaction.
    /// False: the lease was lost.
    ///
    /// # Errors
    /// What the database says.
    pub async fn finish_chunk(&self, claim: &Claim, failure: Option<&Failure>) -> Result<bool, Error> {
        let Work::Chunk { chunk, .. } = claim.work else {
            return Ok(false);
        };
        let mut tx = self
            .pool
            .begin()
            .await
            .map_err(Error::of("ledger.chunk_finish"))?;
        let error = failure
            .map(serde_json::to_value)
            .transpose()
            .map_err(|source| Error::Document {
                what: "failure",
                source,
            })?;
        let done = sqlx::query(
            "/* ledger.chunk_finish */
            UPDATE sluice.chunk c
            SET state = $4,
                rows_seen = k.rows_seen,
                rows_changed = k.rows_changed,
                batches = k.batches,
                retries = k.retries,
                error = $5,
                done_at = CASE WHEN $4 = 'done' THEN clock_timestamp() END
            FROM sluice.chunk_cursor k
            WHERE c.id = $1
                AND k.chunk = c.id
                AND k.attempt = $2
                AND k.lease = $3
                AND c.state = 'open'
                AND ($4 <> 'done' OR k.cursor_block = c.end_block)",
        )
        .bind(chunk.0)
        .bind(claim.fence.attempt)
        .bind(claim.fence.lease.0)
        .bind(if failure.is_some() { "failed" } else { "done" })
        .bind(error)
        .execute(&mut *tx)
        .await
        .map_err(Error::of("ledger.chunk_finish"))?;
        if done.rows_affected() != 1 || !tasks::end_in(&mut tx, claim.task, claim.fence, failure).await? {
            tx.rollback().await.map_err(Error::of("ledger.chunk_finish"))?;
            return Ok(false);
        }
        tx.commit().await.map_err(Error::of("ledger.chunk_finish"))?;
        Ok(true)
    }

    /// What the planner needs to know about a sweep.
    ///
    /// # Errors
    /// What the database says.
    pub async fn sweep_facts(&self, job: JobId, fill: u32, sweep: u32) -> Result<SweepFacts, Error> {
        let row = sqlx::query(
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
        let rows = sqlx::query(
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
        let row = sqlx::query(
            "/* ledger.chunks_recent */
            SELECT avg(greatest(seconds, 0))::double precision AS seconds, avg(blocks)::double precision AS blocks
            FROM (
                SELECT extract(epoch FROM c.done_at - t.created_at) - k.throttled_ms / 1000.0 AS seconds,
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

    /// Proves that the chunks of a sweep tile its leaves: one line per gap, overlap or missing end (invariant 1).
    ///
    /// # Errors
    /// What the database says.
    pub async fn tiling_faults(&self, job: JobId, fill: u32, sweep: u32) -> Result<Vec<String>, Error> {
        sqlx::query_scalar(TILING)
            .bind(job.0)
            .bind(fill as i32)
            .bind(sweep as i32)
            .fetch_all(&self.pool)
            .await
            .map_err(Error::of("ledger.tiling"))
    }
}

/// Invariant 1 as a query: what is not tiled.
pub const TILING: &str = "/* ledger.tiling */
WITH edges AS (
    SELECT leaf_oid,
        first_block,
        end_block,
        lag(end_block, 1, 0::bigint) OVER (PARTITION BY leaf_oid ORDER BY first_block) AS expected
    FROM sluice.chunk
    WHERE job = $1
        AND fill = $2
        AND sweep = $3
        AND kind = 'sweep')
SELECT format('leaf %s: a chunk begins at block %s, expected %s', leaf_oid, first_block, expected)
FROM edges
WHERE first_block <> expected
UNION ALL
SELECT format('leaf %s.%s: chunks end at block %s, its bound is %s', s.leaf_schema, s.leaf_name,
    coalesce(max(e.end_block), 0), s.blocks)
FROM sluice.sweep s
LEFT JOIN edges e ON e.leaf_oid = s.leaf_oid
WHERE s.job = $1
    AND s.fill = $2
    AND s.sweep = $3
GROUP BY s.leaf_oid, s.leaf_schema, s.leaf_name, s.blocks
HAVING coalesce(max(e.end_block), 0) <> s.blocks";

pub(crate) fn read_chunk(row: &PgRow) -> Result<Chunk, sqlx::Error> {
    Ok(Chunk {
        id: ChunkId(row.try_get("id")?),
        job: JobId(row.try_get("job")?),
        fill: row.try_get::<i32, _>("fill")?.unsigned_abs(),
        sweep: row.try_get::<i32, _>("sweep")?.unsigned_abs(),
        leaf_oid: oid(row)?,
        leaf: leaf_of(row)?,
        fingerprint: row.try_get("fingerprint")?,
        first_block: block(row, "first_block")?,
        end_block: block(row, "end_block")?,
        cursor_block: block(row, "cursor_block")?,
    })
}

pub(crate) fn leaf_of(row: &PgRow) -> Result<TableName, sqlx::Error> {
    Ok(TableName {
        schema: row.try_get("leaf_schema")?,
        name: row.try_get("leaf_name")?,
    })
}

pub(crate) fn oid(row: &PgRow) -> Result<u32, sqlx::Error> {
    let oid: i64 = row.try_get("leaf_oid")?;
    u32::try_from(oid).map_err(|e| sqlx::Error::Decode(Box::new(e)))
}

pub(crate) fn block(row: &PgRow, column: &str) -> Result<u64, sqlx::Error> {
    Ok(row.try_get::<i64, _>(column)?.unsigned_abs())
}
