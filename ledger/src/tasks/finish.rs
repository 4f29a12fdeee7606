//! The end of a task under its fence: done, failed, or given back to whoever comes next.

use engine::db::{self, Connection, On};
use std::time::Duration;

use proto::TaskId;
use serde_json::Value;

use super::{Failure, Fence};
use crate::error::Error;
use crate::open::Ledger;

impl Ledger {
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

    /// Leaves a task that nobody has to whoever gets it later: its message is issued again after `due_in`. One that somebody
    /// has, or had until its lease lapsed, is left alone; the planner sees to that.
    ///
    /// # Errors
    /// What the database says.
    pub async fn postpone(&self, task: TaskId, due_in: Duration, why: &str) -> Result<(), Error> {
        db::query(
            "/* ledger.task_postpone */
            UPDATE sluice.task
            SET note = $3,
                published_at = NULL,
                due_at = clock_timestamp() + $2 * interval '1 second'
            WHERE id = $1
                AND state = 'ready'",
        )
        .bind(task.0)
        .bind(due_in.as_secs_f64())
        .bind(why)
        .execute(&self.pool)
        .await
        .map_err(Error::of("ledger.task_postpone"))?;
        Ok(())
    }
}

struct Ended {
    state: &'static str,
    error: Option<Value>,
    due_in: Duration,
    note: Option<String>,
}

async fn end<'e>(on: impl Into<On<'e>>, task: TaskId, fence: Fence, ended: Ended) -> Result<bool, Error> {
    let done = db::query(
        "/* ledger.task_end */
        UPDATE sluice.task
        SET state = $4,
            error = $5,
            note = $7,
            lease = CASE WHEN $4 = 'ready' THEN NULL ELSE lease END,
            lease_until = NULL,
            lapses = 0,
            lapsed_at_block = NULL,
            published_at = CASE WHEN $4 = 'ready' THEN NULL ELSE published_at END,
            admitted_at = CASE WHEN $4 = 'ready' THEN NULL ELSE admitted_at END,
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
    .execute(on)
    .await
    .map_err(Error::of("ledger.task_end"))?;
    Ok(done.rows_affected() == 1)
}

/// Ends the task of a chunk inside the transaction that ends the chunk.
pub(crate) async fn end_in(
    conn: &mut Connection,
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
