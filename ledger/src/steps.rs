//! Steps: their tasks' outcome, and the marker that says that this job ran a step.
//!
//! Every step forward leaves its marker in the transaction of its effect (one outside a transaction: just before it
//! begins). It answers for steps whose effect no catalog query can show, and it keeps the way back from taking away
//! what this job never made.

use engine::db::{self, Connection};
use std::collections::{BTreeMap, BTreeSet};

use proto::{JobId, TaskId};

use crate::error::Error;
use crate::open::Ledger;
use crate::tasks::{Failure, Fence};

/// How far a step's or a check's task is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// Waiting for a worker.
    Ready,
    /// A worker has it.
    Leased {
        /// Who.
        worker: String,
    },
    /// Done.
    Done,
    /// Given up, with the reason.
    Failed(Failure),
    /// Not to be done any more.
    Cancelled,
}

/// What became of a marker that was to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marked {
    /// It is new.
    Now,
    /// It was there: this job has run the step before.
    Before,
}

/// Whether the task is still held under this fence.
///
/// # Errors
/// What the database says.
pub async fn is_held(conn: &mut Connection, task: TaskId, fence: Fence) -> Result<bool, Error> {
    db::scalar(
        "/* ledger.step_held */
        SELECT EXISTS (SELECT FROM sluice.task WHERE id = $1 AND attempt = $2 AND lease = $3 AND state = 'leased')",
    )
    .bind(task.0)
    .bind(fence.attempt)
    .bind(fence.lease.0)
    .fetch_one(conn)
    .await
    .map_err(Error::of("ledger.step_held"))
}

/// Writes the marker of a step, in the transaction of the step itself (owner role). Whoever writes it first makes the
/// others wait, so of two attempts the later one learns that it is too late before it does anything.
///
/// # Errors
/// What the database says.
pub async fn mark(conn: &mut Connection, job: JobId, step: u32) -> Result<Marked, Error> {
    let done = db::query("/* ledger.step_mark */ INSERT INTO sluice.step_marker (job, step) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(job.0)
        .bind(step as i32)
        .execute(conn)
        .await
        .map_err(Error::of("ledger.step_mark"))?;
    Ok(if done.rows_affected() == 1 {
        Marked::Now
    } else {
        Marked::Before
    })
}

/// Whether a step's marker is there (owner role).
///
/// # Errors
/// What the database says.
pub async fn is_marked(conn: &mut Connection, job: JobId, step: u32) -> Result<bool, Error> {
    db::scalar(
        "/* ledger.step_marked */ SELECT EXISTS (SELECT 1 FROM sluice.step_marker WHERE job = $1 AND step = $2)",
    )
    .bind(job.0)
    .bind(step as i32)
    .fetch_one(conn)
    .await
    .map_err(Error::of("ledger.step_marked"))
}

/// The steps that a job has run.
///
/// # Errors
/// What the database says.
pub async fn marked(conn: &mut Connection, job: JobId) -> Result<BTreeSet<u32>, Error> {
    let steps: Vec<i32> =
        db::scalar("/* ledger.steps_marked */ SELECT step FROM sluice.step_marker WHERE job = $1")
            .bind(job.0)
            .fetch_all(conn)
            .await
            .map_err(Error::of("ledger.steps_marked"))?;
    Ok(steps.into_iter().map(i32::unsigned_abs).collect())
}

impl Ledger {
    /// The steps that a job has run; see [`mark`].
    ///
    /// # Errors
    /// What the database says.
    pub async fn steps_run(&self, job: JobId) -> Result<BTreeSet<u32>, Error> {
        let mut conn = self
            .pool
            .acquire()
            .await
            .map_err(Error::of("ledger.steps_marked"))?;
        marked(&mut conn, job).await
    }

    /// Whether this job ever ran a step; see [`mark`].
    ///
    /// # Errors
    /// What the database says.
    pub async fn has_run(&self, job: JobId, step: u32) -> Result<bool, Error> {
        let mut conn = self
            .pool
            .acquire()
            .await
            .map_err(Error::of("ledger.step_marked"))?;
        is_marked(&mut conn, job, step).await
    }

    /// The tasks of these ids that exist, with how far each is.
    ///
    /// # Errors
    /// What the database says.
    pub async fn task_states(&self, ids: &[TaskId]) -> Result<BTreeMap<TaskId, TaskState>, Error> {
        let raw: Vec<uuid::Uuid> = ids.iter().map(|t| t.0).collect();
        let rows = db::query(
            "/* ledger.task_states */ SELECT id, state, worker, error FROM sluice.task WHERE id = ANY ($1)",
        )
        .bind(raw.as_slice())
        .fetch_all(&self.pool)
        .await
        .map_err(Error::of("ledger.task_states"))?;
        rows.iter()
            .map(|row| {
                let get = || -> Result<_, sqlx::Error> {
                    Ok((
                        row.try_get::<uuid::Uuid, _>("id")?,
                        row.try_get::<String, _>("state")?,
                        row.try_get::<Option<String>, _>("worker")?,
                        row.try_get::<Option<serde_json::Value>, _>("error")?,
                    ))
                };
                let (id, state, worker, error) = get().map_err(Error::of("ledger.task_states"))?;
                let state = match state.as_str() {
                    "ready" => TaskState::Ready,
                    "leased" => TaskState::Leased {
                        worker: worker.unwrap_or_default(),
                    },
                    "done" => TaskState::Done,
                    "failed" => {
                        TaskState::Failed(serde_json::from_value(error.unwrap_or_default()).map_err(
                            |source| Error::Document {
                                what: "failure",
                                source,
                            },
                        )?)
                    }
                    _ => TaskState::Cancelled,
                };
                Ok((TaskId(id), state))
            })
            .collect()
    }

    /// How many tasks of each job somebody holds; a job without any is not there. A step counts even when its lease has lapsed: until
    /// the next holder has proven its backend gone, its statement may still be running.
    ///
    /// # Errors
    /// What the database says.
    pub async fn leased_by_job(&self) -> Result<BTreeMap<JobId, u64>, Error> {
        let rows = db::query(
            "/* ledger.tasks_leased_by_job */
            SELECT job, count(*) AS tasks
            FROM sluice.task
            WHERE state = 'leased'
                AND (kind = 'step' OR lease_until > clock_timestamp())
            GROUP BY job",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(Error::of("ledger.tasks_leased_by_job"))?;
        rows.iter()
            .map(|row| {
                let tasks: i64 = row.try_get("tasks")?;
                Ok((JobId(row.try_get("job")?), tasks.unsigned_abs()))
            })
            .collect::<Result<_, sqlx::Error>>()
            .map_err(Error::of("ledger.tasks_leased_by_job"))
    }

    /// How many tasks of a job somebody holds. A step counts even when its lease has lapsed: until the next holder has
    /// proven its backend gone, its statement may still be running.
    ///
    /// # Errors
    /// What the database says.
    pub async fn leased_tasks(&self, job: JobId) -> Result<u64, Error> {
        let count: i64 = db::scalar(
            "/* ledger.tasks_leased */
            SELECT count(*)
            FROM sluice.task
            WHERE job = $1
                AND state = 'leased'
                AND (kind = 'step' OR lease_until > clock_timestamp())",
        )
        .bind(job.0)
        .fetch_one(&self.pool)
        .await
        .map_err(Error::of("ledger.tasks_leased"))?;
        Ok(count.unsigned_abs())
    }
}
