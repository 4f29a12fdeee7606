//! The cursor under its fence: a batch advances it in the transaction that changes the rows.
//!
//! The race that matters, step by step: worker A stalls in mid-batch; its lease lapses; worker B ends
//! A's backend, claims, and `move_fence` writes B's (attempt, lease) into the cursor. If A's backend was not reached and wakes
//! up, its batch ends in [`advance`], whose WHERE names A's fence: no row is hit, A rolls back, its rows with it. If A
//! had already updated the cursor row and stalls before COMMIT, B's claim waits for that row's lock; A commits (its
//! rows and its cursor together: a batch well done, which B continues from) or is ended (both are gone).

use std::time::Duration;

use engine::catalog::EngineKind;
use engine::db::{self, Connection};
use proto::{ChunkId, LeaseId, TaskId};

use crate::error::Error;
use crate::tasks::Fence;

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
    /// How many of them gave way to a session that waited for them.
    pub gave_way: u32,
    /// Time the throttle held the worker before this batch.
    pub throttled: Duration,
    /// How long the batch has taken so far.
    pub took: Duration,
}

/// Writes the fence of a new claim into the cursor.
pub(crate) async fn move_fence(conn: &mut Connection, chunk: ChunkId, fence: Fence) -> Result<(), Error> {
    db::query(
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

/// Advances a chunk's cursor under the fence, inside the batch's transaction.
///
/// # Errors
/// [`Error::LeaseLost`]: roll back, the rows of this batch with it.
pub async fn advance(
    conn: &mut Connection,
    chunk: ChunkId,
    fence: Fence,
    progress: Progress,
) -> Result<(), Error> {
    // The mark stays visible while this transaction is idle, so that a takeover finds it.
    let done = db::query(format!(
        "/* ledger.cursor_advance {} */
        UPDATE sluice.chunk_cursor
        SET cursor_block = $4,
            rows_seen = rows_seen + $5,
            rows_changed = rows_changed + $6,
            batches = batches + 1,
            retries = retries + $7,
            throttled_ms = throttled_ms + $8,
            gave_way = gave_way + $9,
            batch_ms = $10,
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
    .bind(progress.gave_way as i32)
    .bind(progress.took.as_millis() as i64)
    .execute(&mut *conn)
    .await
    .map_err(Error::of("ledger.cursor_advance"))?;
    if done.rows_affected() != 1 {
        return Err(Error::LeaseLost { chunk });
    }
    match conn.engine() {
        EngineKind::Sqlite => beat_along(conn, chunk).await,
        EngineKind::Postgresql => Ok(()),
    }
}

/// On a file every commit is one more that the application waits for, so a worker that makes progress says with it that it is alive.
async fn beat_along(conn: &mut Connection, chunk: ChunkId) -> Result<(), Error> {
    db::query(
        "/* ledger.heartbeat_along */
        UPDATE sluice.heartbeat
        SET at = clock_timestamp()
        WHERE worker = (SELECT worker FROM sluice.task WHERE id = $1)",
    )
    .bind(TaskId::of_chunk(chunk).0)
    .execute(conn)
    .await
    .map_err(Error::of("ledger.heartbeat_along"))?;
    Ok(())
}

/// A comment that marks every statement of a batch, so that a takeover finds the backend, pooled or not.
#[must_use]
pub fn batch_mark(lease: LeaseId) -> String {
    format!("sluice:batch lease={lease}")
}
