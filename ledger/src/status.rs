//! What people see of a job: stages, counts, pace, and what waits.

use engine::db;
use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use proto::JobId;
use serde::Serialize;

use crate::error::Error;
use crate::job::{Stage, StageStatus};
use crate::jobs::Job;
use crate::open::Ledger;

/// One stage of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StageRow {
    /// Which.
    pub name: Stage,
    /// How far.
    pub status: StageStatus,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// Counts over every sweep of a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Chunks made, without those that a drift or a rollback abandoned.
    pub chunks_total: u64,
    /// Done.
    pub chunks_done: u64,
    /// In somebody's hands now.
    pub chunks_leased: u64,
    /// Failed.
    pub chunks_failed: u64,
    /// Batches that had to be repeated, and chunks that were taken over.
    pub retried: u64,
    /// Batches that gave way to a session that waited for them.
    pub gave_way: u64,
    /// Blocks of the current sweeps, and how many of them are done.
    pub blocks_total: u64,
    /// Blocks behind the cursors of the current sweeps.
    pub blocks_done: u64,
    /// Rows that batches looked at.
    pub rows_seen: u64,
    /// Rows that batches changed.
    pub rows_changed: u64,
    /// Rows the last whole-table check read.
    pub rows_checked: u64,
    /// Rows found wrong and not resolved.
    pub rows_mismatched: u64,
    /// Rows in quarantine.
    pub rows_quarantined: u64,
}

/// Work that was given back and waits, with the reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TaskNote {
    /// The step of the plan; None for a chunk or a check.
    pub step: Option<u32>,
    /// Why it was given back.
    pub note: String,
    /// How often it was tried.
    pub attempts: u32,
}

/// A process that is alive, or was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Beat {
    /// Name.
    pub worker: String,
    /// planner, backfiller, verifier.
    pub role: String,
    /// How long ago it was heard.
    pub age: Duration,
}

impl Ledger {
    /// The stages of a job, in order.
    ///
    /// # Errors
    /// What the database says.
    pub async fn stages(&self, job: JobId) -> Result<Vec<StageRow>, Error> {
        let rows = db::query(
            "/* ledger.stages */ SELECT name, status, started_at, ended_at FROM sluice.stage WHERE job = $1",
        )
        .bind(job.0)
        .fetch_all(&self.pool)
        .await
        .map_err(Error::of("ledger.stages"))?;
        let mut stages = Vec::new();
        for row in rows {
            let get = || -> Result<_, sqlx::Error> {
                Ok((
                    row.try_get::<String, _>("name")?,
                    row.try_get::<String, _>("status")?,
                    row.try_get::<Option<jiff_sqlx::Timestamp>, _>("started_at")?,
                    row.try_get::<Option<jiff_sqlx::Timestamp>, _>("ended_at")?,
                ))
            };
            let (name, status, started, ended) = get().map_err(Error::of("ledger.stages"))?;
            stages.push(StageRow {
                name: name.parse()?,
                status: status.parse()?,
                started_at: started.map(|t| t.to_jiff()),
                ended_at: ended.map(|t| t.to_jiff()),
            });
        }
        stages.sort_by_key(|s| s.name);
        Ok(stages)
    }

    /// Counts over every sweep of a job.
    ///
    /// # Errors
    /// What the database says.
    pub async fn counts(&self, job: &Job) -> Result<Counts, Error> {
        let row = db::query(COUNTS)
            .bind(job.id.0)
            .bind(&job.tag)
            .fetch_one(&self.pool)
            .await
            .map_err(Error::of("ledger.counts"))?;
        let get = |column: &str| -> Result<u64, Error> {
            Ok(row
                .try_get::<i64, _>(column)
                .map_err(Error::of("ledger.counts"))?
                .unsigned_abs())
        };
        Ok(Counts {
            chunks_total: get("chunks_total")?,
            chunks_done: get("chunks_done")?,
            chunks_leased: get("chunks_leased")?,
            chunks_failed: get("chunks_failed")?,
            retried: get("retried")?,
            gave_way: get("gave_way")?,
            blocks_total: get("blocks_total")?,
            blocks_done: get("blocks_done")?,
            rows_seen: get("rows_seen")?,
            rows_changed: get("rows_changed")?,
            rows_checked: get("rows_checked")?,
            rows_mismatched: get("rows_mismatched")?,
            rows_quarantined: get("rows_quarantined")?,
        })
    }

    /// Why work of a job waits that somebody has had and given back; the longest-waiting first, at most 20.
    ///
    /// # Errors
    /// What the database says.
    pub async fn notes(&self, job: JobId) -> Result<Vec<TaskNote>, Error> {
        let rows = db::query(
            "/* ledger.task_notes */
            SELECT step, note, attempt
            FROM sluice.task
            WHERE job = $1
                AND state IN ('ready', 'leased')
                AND note IS NOT NULL
            ORDER BY created_at
            LIMIT 20",
        )
        .bind(job.0)
        .fetch_all(&self.pool)
        .await
        .map_err(Error::of("ledger.task_notes"))?;
        rows.iter()
            .map(|row| {
                let step: Option<i32> = row.try_get("step")?;
                let attempts: i32 = row.try_get("attempt")?;
                Ok(TaskNote {
                    step: step.map(i32::unsigned_abs),
                    note: row.try_get("note")?,
                    attempts: attempts.unsigned_abs(),
                })
            })
            .collect::<Result<_, sqlx::Error>>()
            .map_err(Error::of("ledger.task_notes"))
    }

    /// How long ago the oldest task of each kind that is still to be done went out, or was made if it has not yet: seconds of the database's
    /// clock, by kind (`step`, `chunk`, `check`).
    ///
    /// # Errors
    /// What the database says.
    pub async fn oldest_outstanding(&self) -> Result<BTreeMap<String, Duration>, Error> {
        let rows = db::query(
            "/* ledger.oldest_outstanding */
            SELECT kind, extract(epoch FROM clock_timestamp() - since)::double precision AS age
            FROM (
                SELECT kind, min(coalesce(published_at, created_at)) AS since
                FROM sluice.task
                WHERE state IN ('ready', 'leased')
                GROUP BY kind) AS oldest",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(Error::of("ledger.oldest_outstanding"))?;
        rows.iter()
            .map(|row| {
                let age: f64 = row.try_get("age")?;
                Ok((row.try_get("kind")?, Duration::from_secs_f64(age.max(0.0))))
            })
            .collect::<Result<_, sqlx::Error>>()
            .map_err(Error::of("ledger.oldest_outstanding"))
    }

    /// Processes that were heard within the last day.
    ///
    /// # Errors
    /// What the database says.
    pub async fn beats(&self) -> Result<Vec<Beat>, Error> {
        let rows = db::query(
            "/* ledger.beats */
            SELECT worker, role, extract(epoch FROM clock_timestamp() - at)::double precision AS age
            FROM sluice.heartbeat
            WHERE at > now() - interval '1 day'
            ORDER BY role, worker",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(Error::of("ledger.beats"))?;
        rows.iter()
            .map(|row| {
                let age: f64 = row.try_get("age")?;
                Ok(Beat {
                    worker: row.try_get("worker")?,
                    role: row.try_get("role")?,
                    age: Duration::from_secs_f64(age.max(0.0)),
                })
            })
            .collect::<Result<_, sqlx::Error>>()
            .map_err(Error::of("ledger.beats"))
    }
}

const COUNTS: &str = "/* ledger.counts */
WITH current AS (
    SELECT fill, max(sweep) AS sweep FROM sluice.sweep WHERE job = $1 GROUP BY fill),
chunks AS (
    SELECT count(*) FILTER (WHERE c.state <> 'abandoned') AS total,
        count(*) FILTER (WHERE c.state = 'done') AS done,
        count(*) FILTER (WHERE c.state = 'failed') AS failed,
        coalesce(sum(k.rows_seen), 0)::bigint AS rows_seen,
        coalesce(sum(k.rows_changed), 0)::bigint AS rows_changed,
        coalesce(sum(k.retries + greatest(k.attempt - 1, 0)), 0)::bigint AS retried,
        coalesce(sum(k.gave_way), 0)::bigint AS gave_way,
        coalesce(sum(k.cursor_block - c.first_block) FILTER (WHERE c.sweep = u.sweep), 0)::bigint AS blocks_done
    FROM sluice.chunk c
    JOIN sluice.chunk_cursor k ON k.chunk = c.id
    JOIN current u ON u.fill = c.fill
    WHERE c.job = $1)
SELECT chunks.total AS chunks_total,
    chunks.done AS chunks_done,
    chunks.failed AS chunks_failed,
    chunks.retried,
    chunks.gave_way,
    chunks.rows_seen,
    chunks.rows_changed,
    chunks.blocks_done,
    (SELECT count(*) FROM sluice.task
        WHERE job = $1 AND kind = 'chunk' AND state = 'leased' AND lease_until > clock_timestamp()) AS chunks_leased,
    (SELECT coalesce(sum(s.blocks), 0)::bigint
        FROM sluice.sweep s JOIN current u ON u.fill = s.fill AND u.sweep = s.sweep
        WHERE s.job = $1) AS blocks_total,
    (SELECT coalesce(sum(r.rows_checked), 0)::bigint FROM sluice.check_run r
        WHERE r.job = $1
            AND r.round = (SELECT max(m.round) FROM sluice.check_run m WHERE m.job = $1 AND m.fill = r.fill)) AS rows_checked,
    (SELECT count(*) FROM sluice.mismatch WHERE job = $1 AND resolved_at IS NULL) AS rows_mismatched,
    (SELECT count(*) FROM sluice.quarantine WHERE job_tag = $2 AND resolved_at IS NULL) AS rows_quarantined
FROM chunks";
