//! Admission of chunks: which of them may be in flight, within the budget of their job and of the target.
//!
//! A chunk is in flight from its admission until it is done or given back; one whose worker died stays in flight until the next
//! worker has it. What nobody has, because it waits or because its lease has lapsed, loses its place once its job may not write: dead
//! workers of a held job must not keep the others waiting. Only the active planner admits, in one statement under its lease, so the
//! count holds however many planners and workers there are: a message alone lets nobody claim a chunk.
//!
//! A chunk that a worker took before there was admission (format 1 of the ledger) counts for as long as its lease lasts, and is let in like
//! any other once it has lapsed.
//!
//! Room goes to the job that has the fewest chunks in flight, the older job first: a small job gets the next free place beside a
//! huge one.

use engine::db::{self, Connection};
use proto::LeaseId;

use crate::error::Error;
use crate::jobs;
use crate::open::Ledger;

impl Ledger {
    /// Admits chunks until the target has `max_parallel` in flight, or each job its own. The number admitted.
    ///
    /// # Errors
    /// What the database says.
    pub async fn admit(&self, max_parallel: u32, planner: LeaseId) -> Result<u64, Error> {
        if !self.has_to_admit().await? {
            // A transaction takes the write lock of a file.
            return Ok(0);
        }
        let mut tx = self.pool.begin().await.map_err(Error::of("ledger.task_admit"))?;
        let withdrawn = withdraw(&mut tx, planner).await?;
        let done = db::query(
            "/* ledger.task_admit */
            UPDATE sluice.task
            SET admitted_at = clock_timestamp()
            WHERE id IN (
                    SELECT c.id
                    FROM (
                        SELECT t.id, t.created_at, j.created_at AS job_at, p.max_parallel,
                            coalesce(f.chunks, 0) + row_number() OVER (PARTITION BY t.job ORDER BY t.created_at, t.id) AS place
                        FROM sluice.task t
                        JOIN sluice.job j ON j.id = t.job
                        JOIN sluice.throttle p ON p.job = t.job
                        LEFT JOIN (
                            SELECT job, count(*) AS chunks
                            FROM sluice.task
                            WHERE kind = 'chunk'
                                AND state IN ('ready', 'leased')
                                AND (admitted_at IS NOT NULL OR (state = 'leased' AND lease_until > clock_timestamp()))
                            GROUP BY job) f ON f.job = t.job
                        WHERE t.kind = 'chunk'
                            AND (t.state = 'ready' OR (t.state = 'leased' AND t.lease_until < clock_timestamp()))
                            AND t.admitted_at IS NULL
                            AND t.due_at <= clock_timestamp()
                            AND j.state = 'backfilling'
                            -- What may not write now must not keep a place from others.
                            AND p.go) c
                    WHERE c.place <= c.max_parallel
                    ORDER BY c.place, c.job_at, c.created_at, c.id
                    LIMIT greatest(0, $1 - (
                        SELECT count(*)
                        FROM sluice.task
                        WHERE kind = 'chunk'
                            AND state IN ('ready', 'leased')
                            AND (admitted_at IS NOT NULL OR (state = 'leased' AND lease_until > clock_timestamp())))))
                AND EXISTS (
                    SELECT FROM sluice.lease WHERE name = 'planner' AND lease = $2 AND until > clock_timestamp())",
        )
        .bind(i64::from(max_parallel))
        .bind(planner.0)
        .execute(&mut tx)
        .await
        .map_err(Error::of("ledger.task_admit"))?;
        if done.rows_affected() + withdrawn > 0 {
            // It may have waited for a row until its lease had lapsed, and the next planner did not see what it let in.
            jobs::require_planner(&mut tx, planner).await?;
        }
        tx.commit().await.map_err(Error::of("ledger.task_admit"))?;
        Ok(done.rows_affected())
    }

    /// A chunk that nobody has may be let in, or has to give its place back.
    async fn has_to_admit(&self) -> Result<bool, Error> {
        db::scalar(
            "/* ledger.task_has_to_admit */
            SELECT EXISTS (
                SELECT FROM sluice.task t
                JOIN sluice.job j ON j.id = t.job
                JOIN sluice.throttle p ON p.job = t.job
                WHERE t.kind = 'chunk'
                    AND (t.state = 'ready' OR (t.state = 'leased' AND t.lease_until < clock_timestamp()))
                    AND (t.admitted_at IS NULL) = (j.state = 'backfilling' AND p.go))",
        )
        .fetch_one(&self.pool)
        .await
        .map_err(Error::of("ledger.task_has_to_admit"))
    }

    /// Chunks in flight on this target.
    ///
    /// # Errors
    /// What the database says.
    pub async fn in_flight(&self) -> Result<u64, Error> {
        let count: i64 = db::scalar(
            "/* ledger.task_in_flight */
            SELECT count(*)
            FROM sluice.task
            WHERE kind = 'chunk'
                AND state IN ('ready', 'leased')
                AND (admitted_at IS NOT NULL OR (state = 'leased' AND lease_until > clock_timestamp()))",
        )
        .fetch_one(&self.pool)
        .await
        .map_err(Error::of("ledger.task_in_flight"))?;
        Ok(count.unsigned_abs())
    }
}

/// Takes their places from chunks that nobody has and that may not be worked now: one that waits for its job to go on must not keep
/// another job waiting. How many.
async fn withdraw(conn: &mut Connection, planner: LeaseId) -> Result<u64, Error> {
    let done = db::query(
        "/* ledger.task_withdraw */
        UPDATE sluice.task
        SET admitted_at = NULL,
            published_at = NULL
        WHERE kind = 'chunk'
            AND (state = 'ready' OR (state = 'leased' AND lease_until < clock_timestamp()))
            AND admitted_at IS NOT NULL
            AND job NOT IN (
                SELECT j.id
                FROM sluice.job j
                JOIN sluice.throttle p ON p.job = j.id
                WHERE j.state = 'backfilling' AND p.go)
            AND EXISTS (
                SELECT FROM sluice.lease WHERE name = 'planner' AND lease = $1 AND until > clock_timestamp())",
    )
    .bind(planner.0)
    .execute(conn)
    .await
    .map_err(Error::of("ledger.task_withdraw"))?;
    Ok(done.rows_affected())
}
