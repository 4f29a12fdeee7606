//! Tasks: work that somebody should do, its lease and its outcome.
//!
//! A row comes before its message. A message that finds its task not claimable (done, cancelled, or
//! leased by somebody who is alive) is acknowledged and forgotten: the row is the fact.
//!
//! Leases use the database's clock. The fence is (attempt, lease id): the attempt alone could be issued twice after an
//! asynchronous fail-over.

use std::time::Duration;

use proto::{ChunkId, JobId, LeaseId, TaskId, WorkerName};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use crate::error::Error;
use crate::open::Ledger;
use crate::plan::Phase;

/// How long a lease lasts without renewal. The holder renews every third of it and stops a margin early.
pub const LEASE: Duration = Duration::from_secs(15);

/// A `ready` task whose message was published this long ago is published again: the message may be lost.
pub const REPUBLISH_AFTER: Duration = Duration::from_secs(15);

/// What a task asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Step of the plan with this id.
    Step {
        /// Phase of the step.
        phase: Phase,
        /// Number of the step within the plan.
        step: u32,
    },
    /// A chunk.
    Chunk {
        /// Fill the chunk belongs to.
        fill: u32,
        /// The chunk.
        chunk: ChunkId,
    },
    /// The whole-table check of a fill.
    Check {
        /// Fill.
        fill: u32,
        /// Round of the check; a new round is a new task.
        round: u32,
    },
}

/// A claimed task: what to do, and the fence under which to do it.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// The task.
    pub task: TaskId,
    /// The job.
    pub job: JobId,
    /// What to do.
    pub work: Work,
    /// The fence.
    pub fence: Fence,
    /// An earlier attempt left its lease to lapse: its backend may still be at work and must be ended first.
    pub took_over: Option<LeaseId>,
}

/// What a holder must show to change anything in the name of its task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fence {
    /// Counts claims of this task from 1.
    pub attempt: i32,
    /// Random.
    pub lease: LeaseId,
}

/// Why a claim got nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claimed<T> {
    /// It is ours now.
    Ours(T),
    /// Done, failed, cancelled, or never existed: forget the message.
    NothingToDo,
    /// Somebody holds it, or it is not due yet; the planner will issue it again if need be.
    Busy,
}

/// Why a task failed, as the ledger keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What kind of failure, which decides what the planner does.
    pub class: FailureClass,
    /// SQLSTATE, if the database said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sqlstate: Option<String>,
    /// What was attempted and what happened; no row values.
    pub message: String,
}

/// What kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureClass {
    /// A row cannot be migrated (the expression raised, a constraint refused).
    Data,
    /// The table is not what the plan or the sweep relied on.
    Drift,
    /// The role may not.
    Permission,
    /// Anything else that trying again will not mend.
    Permanent,
}

/// A task as the publisher sees it.
#[derive(Clone, Copy, Debug)]
pub struct Outstanding {
    /// The task.
    pub task: TaskId,
    /// Its job.
    pub job: JobId,
    /// What it asks for.
    pub work: Work,
    /// How often it was published before.
    pub publications: u32,
}

/// Makes the task row of a step or a check; nothing if it exists.
///
/// # Errors
/// What the database says.
pub async fn create(conn: &mut PgConnection, task: TaskId, job: JobId, work: Work) -> Result<(), Error> {
    let (kind, phase, step, fill, chunk) = match work {
        Work::Step { phase, step } => ("step", Some(phase.as_str()), Some(step as i32), None, None),
        Work::Chunk { fill, chunk } => ("chunk", None, None, Some(fill as i32), Some(chunk.0)),
        Work::Check { fill, round } => ("check", None, Some(round as i32), Some(fill as i32), None),
    };
    sqlx::query(
        "/* ledger.task_insert */
        INSERT INTO sluice.task (id, job, kind, phase, step, fill, chunk)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (id) DO NOTHING",
    )
    .bind(task.0)
    .bind(job.0)
    .bind(kind)
    .bind(phase)
    .bind(step)
    .bind(fill)
    .bind(chunk)
    .execute(conn)
    .await
    .map_err(Error::of("ledger.task_insert"))?;
    Ok(())
}

/// Cancels what nobody holds; what is leased ends by itself (its worker sees that the job does not go on).
///
/// # Errors
/// What the database says.
pub async fn cancel_ready(conn: &mut PgConnection, job: JobId) -> Result<(), Error> {
    sqlx::query(
        "/* ledger.task_cancel */
        UPDATE sluice.task
        SET state = 'cancelled',
            ended_at = now()
        WHERE job = $1
            -- A step whose lease has lapsed is not cancelled: its backend may still be at work, and only the next
            -- holder ends it.
            AND (state IN ('ready', 'failed') OR (state = 'leased' AND lease_until < clock_timestamp() AND kind <> 'step'))",
    )
    .bind(job.0)
    .execute(&mut *conn)
    .await
    .map_err(Error::of("ledger.task_cancel"))?;
    sqlx::query(
        "/* ledger.chunk_abandon */
        UPDATE sluice.chunk c
        SET state = 'abandoned'
        WHERE c.job = $1
            AND c.state IN ('open', 'failed')
            AND EXISTS (SELECT FROM sluice.task t WHERE t.chunk = c.id AND t.state = 'cancelled')",
    )
    .bind(job.0)
    .execute(conn)
    .await
    .map_err(Error::of("ledger.chunk_abandon"))?;
    Ok(())
}

/// Makes failed tasks ready again, for `resume`.
///
/// # Errors
/// What the database says.
pub async fn requeue_failed(conn: &mut PgConnection, job: JobId) -> Result<(), Error> {
    sqlx::query(
        "/* ledger.task_requeue */
        UPDATE sluice.task
        SET state = 'ready',
            error = NULL,
            lease = NULL,
            published_at = NULL,
            due_at = now()
        WHERE job = $1
            AND state = 'failed'",
    )
    .bind(job.0)
    .execute(&mut *conn)
    .await
    .map_err(Error::of("ledger.task_requeue"))?;
    sqlx::query("/* ledger.chunk_reopen */ UPDATE sluice.chunk SET state = 'open', error = NULL WHERE job = $1 AND state = 'failed'")
        .bind(job.0)
        .execute(conn)
        .await
        .map_err(Error::of("ledger.chunk_reopen"))?;
    Ok(())
}

impl Ledger {
    /// Claims a task for `worker`; for a chunk the cursor's fence moves in the same transaction.
    ///
    /// # Errors
    /// What the database says.
    pub async fn claim(&self, task: TaskId, worker: &WorkerName) -> Result<Claimed<Claim>, Error> {
        let lease = LeaseId::random();
        let mut tx = self.pool.begin().await.map_err(Error::of("ledger.task_claim"))?;
        let row = sqlx::query(
            "/* ledger.task_claim */
            WITH old AS (
                SELECT id, lease, state FROM sluice.task WHERE id = $1 FOR UPDATE)
            UPDATE sluice.task t
            SET state = 'leased',
                attempt = t.attempt + 1,
                lease = $2,
                lease_until = clock_timestamp() + $3 * interval '1 second',
                worker = $4,
                backend_pid = NULL,
                backend_start = NULL
            FROM old
            WHERE t.id = old.id
                AND ((t.state = 'ready' AND t.due_at <= clock_timestamp())
                    OR (t.state = 'leased' AND t.lease_until < clock_timestamp()))
            RETURNING t.id, t.job, t.kind, t.phase, t.step, t.fill, t.chunk, t.attempt, t.publications,
                CASE WHEN old.state = 'leased' THEN old.lease END AS took_over",
        )
        .bind(task.0)
        .bind(lease.0)
        .bind(LEASE.as_secs_f64())
        .bind(worker.as_str())
        .fetch_optional(&mut *tx)
        .await
        .map_err(Error::of("ledger.task_claim"))?;
        let Some(row) = row else {
            drop(tx);
            return self.why_not_claimed(task).await;
        };
        let outstanding = read_outstanding(&row)?;
        let attempt: i32 = row.try_get("attempt").map_err(Error::of("ledger.task_claim"))?;
        let took_over: Option<Uuid> = row.try_get("took_over").map_err(Error::of("ledger.task_claim"))?;
        let fence = Fence { attempt, lease };
        if let Work::Chunk { chunk, .. } = outstanding.work {
            crate::chunks::move_fence(&mut tx, chunk, fence).await?;
        }
        tx.commit().await.map_err(Error::of("ledger.task_claim"))?;
        Ok(Claimed::Ours(Claim {
            task,
            job: outstanding.job,
            work: outstanding.work,
            fence,
            took_over: took_over.map(LeaseId),
        }))
    }

    async fn why_not_claimed(&self, task: TaskId) -> Result<Claimed<Claim>, Error> {
        let state: Option<String> =
            sqlx::query_scalar("/* ledger.task_state */ SELECT state FROM sluice.task WHERE id = $1")
                .bind(task.0)
                .fetch_optional(&self.pool)
                .await
                .map_err(Error::of("ledger.task_state"))?;
        Ok(match state.as_deref() {
            Some("ready" | "leased") => Claimed::Busy,
            _ => Claimed::NothingToDo,
        })
    }

    /// The lease that a lapsed holder of this task left, if it lapsed: the backend tagged with it must be
    /// ended *before* the claim, because it may hold the cursor's row lock.
    ///
    /// # Errors
    /// What the database says.
    pub async fn lapsed_lease(&self, task: TaskId) -> Result<Option<LeaseId>, Error> {
        let lease: Option<Uuid> = sqlx::query_scalar(
            "/* ledger.task_lapsed */
            SELECT lease
            FROM sluice.task
            WHERE id = $1
                AND lease IS NOT NULL
                AND state IN ('leased', 'ready')
                AND (lease_until < clock_timestamp() OR state = 'ready')",
        )
        .bind(task.0)
        .fetch_optional(&self.pool)
        .await
        .map_err(Error::of("ledger.task_lapsed"))?
        .flatten();
        Ok(lease.map(LeaseId))
    }

    /// Renews a lease; false means that it is lost and everything done under it must stop.
    ///
    /// # Errors
    /// What the database says.
    pub async fn renew(&self, task: TaskId, fence: Fence) -> Result<bool, Error> {
        let done = sqlx::query(
            "/* ledger.task_renew */
            UPDATE sluice.task
            SET lease_until = clock_timestamp() + $4 * interval '1 second'
            WHERE id = $1
                AND attempt = $2
                AND lease = $3
                AND state = 'leased'
                AND lease_until > clock_timestamp()",
        )
        .bind(task.0)
        .bind(fence.attempt)
        .bind(fence.lease.0)
        .bind(LEASE.as_secs_f64())
        .execute(&self.pool)
        .await
        .map_err(Error::of("ledger.task_renew"))?;
        Ok(done.rows_affected() == 1)
    }

    /// Records which backend works on a task, so that a takeover can end it.
    ///
    /// # Errors
    /// What the database says.
    pub async fn record_backend(
        &self,
        task: TaskId,
        fence: Fence,
        backend: (i32, String),
    ) -> Result<(), Error> {
        sqlx::query(
            "/* ledger.task_backend */
            UPDATE sluice.task
            SET backend_pid = $4,
                backend_start = $5
            WHERE id = $1
                AND attempt = $2
                AND lease = $3",
        )
        .bind(task.0)
        .bind(fence.attempt)
        .bind(fence.lease.0)
        .bind(backend.0)
        .bind(backend.1)
        .execute(&self.pool)
        .await
        .map_err(Error::of("ledger.task_backend"))?;
        Ok(())
    }

    /// The backend that the last holder of a task recorded, as (process id, start): what a takeover must prove gone.
    /// To be read before the claim, which forgets it.
    ///
    /// # Errors
    /// What the database says.
    pub async fn recorded_backend(&self, task: TaskId) -> Result<Option<(i32, String)>, Error> {
        let row = sqlx::query(
            "/* ledger.task_backend_recorded */
            SELECT backend_pid, backend_start
            FROM sluice.task
            WHERE id = $1
                AND backend_pid IS NOT NULL
                AND backend_start IS NOT NULL",
        )
        .bind(task.0)
        .fetch_optional(&self.pool)
        .await
        .map_err(Error::of("ledger.task_backend_recorded"))?;
        row.map(|row| Ok((row.try_get("backend_pid")?, row.try_get("backend_start")?)))
            .transpose()
            .map_err(Error::of("ledger.task_backend_recorded"))
    }

    /// A step or a check is done. False: the lease was lost, and somebody else will say so.
    ///
    /// # Errors
    /// What the database says.
    pub async fn finish(&self, task: TaskId, fence: Fence) -> Result<bool, Error> {
        end(
            &self.pool,
            task,
            fence,
            Ended {
                state: "done",
                error: None,
                due_in: Duration::ZERO,
                note: None,
            },
        )
        .await
    }

    /// A task failed for a reason that trying again will not mend.
    ///
    /// # Errors
    /// What the database says.
    pub async fn fail(&self, task: TaskId, fence: Fence, failure: &Failure) -> Result<bool, Error> {
        let error = serde_json::to_value(failure).map_err(|source| Error::Document {
            what: "failure",
            source,
        })?;
        end(
            &self.pool,
            task,
            fence,
            Ended {
                state: "failed",
                error: Some(error),
                due_in: Duration::ZERO,
                note: None,
            },
        )
        .await
    }

    /// Gives a task back: it becomes ready again after `due_in`, with a note that says why.
    ///
    /// # Errors
    /// What the database says.
    pub async fn give_back(
        &self,
        task: TaskId,
        fence: Fence,
        due_in: Duration,
        why: &str,
    ) -> Result<bool, Error> {
        end(
            &self.pool,
            task,
            fence,
            Ended {
                state: "ready",
                error: None,
                due_in,
                note: Some(why.to_owned()),
            },
        )
        .await
    }

    /// Tasks of this target whose message should go out now: never published, published long ago and
    /// still unclaimed, or leased by somebody whose lease has lapsed. Tasks of jobs that do not go on are left out.
    ///
    /// # Errors
    /// What the database says.
    pub async fn to_publish(&self, limit: i64) -> Result<Vec<Outstanding>, Error> {
        let rows = sqlx::query(
            "/* ledger.task_to_publish */
            SELECT t.id, t.job, t.kind, t.phase, t.step, t.fill, t.chunk, t.publications
            FROM (
                SELECT *, row_number() OVER (PARTITION BY job, kind ORDER BY created_at, id) AS place
                FROM sluice.task
                WHERE state IN ('ready', 'leased')) t
            JOIN sluice.job j ON j.id = t.job
            LEFT JOIN sluice.throttle p ON p.job = t.job
            WHERE t.state IN ('ready', 'leased')
                -- A repair makes all its chunks at once; they go out through the same window as a sweep's.
                AND (t.kind <> 'chunk' OR t.place <= coalesce(p.max_parallel, 1))
                AND t.due_at <= clock_timestamp()
                AND (
                    (t.state = 'ready' AND t.published_at IS NULL)
                    OR (t.state = 'ready' AND t.published_at < clock_timestamp() - $1 * interval '1 second')
                    OR (t.state = 'leased'
                        AND t.lease_until < clock_timestamp()
                        -- Not published: given back, then taken by a message of before, by a worker that died.
                        AND (t.published_at IS NULL OR t.published_at < clock_timestamp() - interval '2 seconds')))
                AND j.state IN ('expanding', 'dual-writing', 'backfilling', 'verified', 'flipping-reads', 'flipping-writes',
                    'flipped', 'contract-ready', 'soft-dropped', 'contracted', 'watching', 'rolling-back')
                AND (j.state <> 'rolling-back' OR t.phase IN ('rollback', 'discard') OR (t.kind = 'step' AND t.state = 'leased'))
            ORDER BY t.created_at
            LIMIT $2",
        )
        .bind(REPUBLISH_AFTER.as_secs_f64())
        .bind(limit)
        .fetch_all(&self.pool)
        .await
        .map_err(Error::of("ledger.task_to_publish"))?;
        rows.iter().map(read_outstanding).collect()
    }

    /// Marks a task as published, after the transport's confirm.
    ///
    /// # Errors
    /// What the database says.
    pub async fn mark_published(&self, task: TaskId) -> Result<(), Error> {
        sqlx::query(
            "/* ledger.task_published */
            UPDATE sluice.task
            SET published_at = clock_timestamp(),
                publications = publications + 1
            WHERE id = $1",
        )
        .bind(task.0)
        .execute(&self.pool)
        .await
        .map_err(Error::of("ledger.task_published"))?;
        Ok(())
    }

    /// Forgets what was published: on start a planner re-issues everything outstanding, because the broker may be a new one.
    ///
    /// # Errors
    /// What the database says.
    pub async fn republish_all(&self) -> Result<u64, Error> {
        let done = sqlx::query(
            "/* ledger.task_republish */
            UPDATE sluice.task SET published_at = NULL WHERE state = 'ready' AND published_at IS NOT NULL",
        )
        .execute(&self.pool)
        .await
        .map_err(Error::of("ledger.task_republish"))?;
        Ok(done.rows_affected())
    }
}

struct Ended {
    state: &'static str,
    error: Option<Value>,
    due_in: Duration,
    note: Option<String>,
}

async fn end<'e>(
    executor: impl sqlx::PgExecutor<'e>,
    task: TaskId,
    fence: Fence,
    ended: Ended,
) -> Result<bool, Error> {
    let done = sqlx::query(
        "/* ledger.task_end */
        UPDATE sluice.task
        SET state = $4,
            error = $5,
            note = $7,
            lease = CASE WHEN $4 = 'ready' THEN NULL ELSE lease END,
            lease_until = NULL,
            published_at = CASE WHEN $4 = 'ready' THEN NULL ELSE published_at END,
            due_at = clock_timestamp() + $6 * interval '1 second',
            ended_at = CASE WHEN $4 <> 'ready' THEN clock_timestamp() END
        WHERE id = $1
            AND attempt = $2
            AND lease = $3
            AND state = 'leased'",
    )
    .bind(task.0)
    .bind(fence.attempt)
    .bind(fence.lease.0)
    .bind(ended.state)
    .bind(ended.error)
    .bind(ended.due_in.as_secs_f64())
    .bind(ended.note)
    .execute(executor)
    .await
    .map_err(Error::of("ledger.task_end"))?;
    Ok(done.rows_affected() == 1)
}

/// Ends the task of a chunk inside the transaction that ends the chunk.
pub(crate) async fn end_in(
    conn: &mut PgConnection,
    task: TaskId,
    fence: Fence,
    failure: Option<&Failure>,
) -> Result<bool, Error> {
    let error = failure
        .map(serde_json::to_value)
        .transpose()
        .map_err(|source| Error::Document {
            what: "failure",
            source,
        })?;
    let state = if failure.is_some() { "failed" } else { "done" };
    end(
        conn,
        task,
        fence,
        Ended {
            state,
            error,
            due_in: Duration::ZERO,
            note: None,
        },
    )
    .await
}

fn read_outstanding(row: &PgRow) -> Result<Outstanding, Error> {
    let get = || -> Result<Outstanding, sqlx::Error> {
        let kind: String = row.try_get("kind")?;
        let number = |column: &str| -> Result<u32, sqlx::Error> {
            Ok(row
                .try_get::<Option<i32>, _>(column)?
                .unwrap_or_default()
                .unsigned_abs())
        };
        let work = match kind.as_str() {
            "step" => {
                let phase: Option<String> = row.try_get("phase")?;
                Work::Step {
                    phase: phase_of(phase.as_deref()),
                    step: number("step")?,
                }
            }
            "chunk" => Work::Chunk {
                fill: number("fill")?,
                chunk: ChunkId(row.try_get("chunk")?),
            },
            _ => Work::Check {
                fill: number("fill")?,
                round: number("step")?,
            },
        };
        Ok(Outstanding {
            task: TaskId(row.try_get("id")?),
            job: JobId(row.try_get("job")?),
            work,
            publications: number("publications")?,
        })
    };
    get().map_err(Error::of("ledger.task_read"))
}

fn phase_of(text: Option<&str>) -> Phase {
    match text {
        Some("finish") => Phase::Finish,
        Some("rollback") => Phase::Rollback,
        Some("discard") => Phase::Discard,
        _ => Phase::Expand,
    }
}
