//! Steps: their tasks' outcome, and the marker for steps whose effect no catalog query can show.

use std::collections::BTreeMap;

use proto::{JobId, TaskId};
use sqlx::{PgConnection, Row};

use crate::error::Error;
use crate::open::Ledger;
use crate::tasks::Failure;

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

/// Writes the marker of a step, in the transaction of the step itself (owner role).
///
/// # Errors
/// What the database says.
pub async fn mark(conn: &mut PgConnection, job: JobId, step: u32) -> Result<(), Error> {
    sqlx::query("/* ledger.step_mark */ INSERT INTO sluice.step_marker (job, step) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(job.0)
        .bind(step as i32)
        .execute(conn)
        .await
        .map_err(Error::of("ledger.step_mark"))?;
    Ok(())
}

/// Whether a step's marker is there (owner role).
///
/// # Errors
/// What the database says.
pub async fn is_marked(conn: &mut PgConnection, job: JobId, step: u32) -> Result<bool, Error> {
    sqlx::query_scalar(
        "/* ledger.step_marked */ SELECT EXISTS (SELECT FROM sluice.step_marker WHERE job = $1 AND step = $2)",
    )
    .bind(job.0)
    .bind(step as i32)
    .fetch_one(conn)
    .await
    .map_err(Error::of("ledger.step_marked"))
}

impl Ledger {
    /// The tasks of these ids that exist, with how far each is.
    ///
    /// # Errors
    /// What the database says.
    pub async fn task_states(&self, ids: &[TaskId]) -> Result<BTreeMap<TaskId, TaskState>, Error> {
        let raw: Vec<uuid::Uuid> = ids.iter().map(|t| t.0).collect();
        let rows = sqlx::query(
            "/* ledger.task_states */ SELECT id, state, worker, error FROM sluice.task WHERE id = ANY ($1)",
        )
        .bind(&raw)
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

    /// How many tasks of a job somebody holds with a lease that has not lapsed.
    ///
    /// # Errors
    /// What the database says.
    pub async fn leased_tasks(&self, job: JobId) -> Result<u64, Error> {
        let count: i64 = sqlx::query_scalar(
            "/* ledger.tasks_leased */
            SELECT count(*)
            FROM sluice.task
            WHERE job = $1
                AND state = 'leased'
                AND lease_until > clock_timestamp()",
        )
        .bind(job.0)
        .fetch_one(&self.pool)
        .await
        .map_err(Error::of("ledger.tasks_leased"))?;
        Ok(count.unsigned_abs())
    }
}
