//! Task rows as the planner makes, cancels and revives them, inside the transaction of its decision.

use engine::db::{self, Connection};
use proto::{JobId, TaskId};

use super::Work;
use crate::error::Error;

/// Makes the task row of a step or a check; nothing if it exists.
///
/// # Errors
/// What the database says.
pub async fn create(conn: &mut Connection, task: TaskId, job: JobId, work: Work) -> Result<(), Error> {
    let (kind, phase, step, fill, chunk) = match work {
        Work::Step { phase, step } => ("step", Some(phase.as_str()), Some(step as i32), None, None),
        Work::Chunk { fill, chunk } => ("chunk", None, None, Some(fill as i32), Some(chunk.0)),
        Work::Check { fill, round } => ("check", None, Some(round as i32), Some(fill as i32), None),
    };
    db::query(
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
pub async fn cancel_ready(conn: &mut Connection, job: JobId) -> Result<(), Error> {
    db::query(
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
    db::query(
        "/* ledger.chunk_abandon */
        UPDATE sluice.chunk AS c
        SET state = 'abandoned'
        WHERE c.job = $1
            AND c.state IN ('open', 'failed')
            AND EXISTS (SELECT 1 FROM sluice.task t WHERE t.chunk = c.id AND t.state = 'cancelled')",
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
pub async fn requeue_failed(conn: &mut Connection, job: JobId) -> Result<(), Error> {
    db::query(
        "/* ledger.task_requeue */
        UPDATE sluice.task
        SET state = 'ready',
            error = NULL,
            lease = NULL,
            published_at = NULL,
            admitted_at = NULL,
            lapses = 0,
            lapsed_at_block = NULL,
            due_at = now()
        WHERE job = $1
            AND state = 'failed'",
    )
    .bind(job.0)
    .execute(&mut *conn)
    .await
    .map_err(Error::of("ledger.task_requeue"))?;
    db::query("/* ledger.chunk_reopen */ UPDATE sluice.chunk SET state = 'open', error = NULL WHERE job = $1 AND state = 'failed'")
        .bind(job.0)
        .execute(conn)
        .await
        .map_err(Error::of("ledger.chunk_reopen"))?;
    Ok(())
}
