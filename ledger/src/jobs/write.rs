//! What changes a job: its state under its version, its hold on tables, its stages in their order.

use engine::db::{self, Connection};
use proto::{JobId, LeaseId};
use serde_json::Value;

use crate::error::Error;
use crate::job::{JobState, Stage, StageStatus};

/// A change of a job, to be committed under its version.
#[derive(Clone, Debug)]
pub struct JobChange {
    /// The job.
    pub id: JobId,
    /// The version that was read.
    pub version: i64,
    /// New state.
    pub state: JobState,
    /// New reason.
    pub reason: Option<String>,
    /// New machine.
    pub machine: Value,
}

/// Writes a job's new state if its version is still the one that was read, and `planner` still holds the planner's lease: the version
/// alone lets one that slept decide on what it read before, as long as nobody else has decided since.
///
/// # Errors
/// [`Error::Conflict`] or [`Error::NotActive`] if not: nothing of this transaction may be kept.
pub async fn change(conn: &mut Connection, change: &JobChange, planner: LeaseId) -> Result<(), Error> {
    let done = db::query(
        "/* ledger.job_change */
        UPDATE sluice.job
        SET state = $3,
            reason = $4,
            machine = $5,
            version = version + 1,
            updated_at = now(),
            ended_at = CASE WHEN $6 THEN coalesce(ended_at, now()) END
        WHERE id = $1
            AND version = $2
            AND EXISTS (
                SELECT FROM sluice.lease WHERE name = 'planner' AND lease = $7 AND until > clock_timestamp())",
    )
    .bind(change.id.0)
    .bind(change.version)
    .bind(change.state.as_str())
    .bind(&change.reason)
    .bind(&change.machine)
    .bind(change.state.is_final())
    .bind(planner.0)
    .execute(&mut *conn)
    .await
    .map_err(Error::of("ledger.job_change"))?;
    if done.rows_affected() != 1 {
        require_planner(conn, planner).await?;
        return Err(Error::Conflict { job: change.id });
    }
    Ok(())
}

/// The last statement of a planner's transaction. Between the first one and the commit the process may have slept through its
/// lease: what it then commits would be the decision of a planner that is no longer the active one.
///
/// # Errors
/// [`Error::NotActive`]: nothing of this transaction may be kept.
pub async fn require_planner(conn: &mut Connection, planner: LeaseId) -> Result<(), Error> {
    let active: bool = db::scalar(
        "/* ledger.planner_lease */
        SELECT EXISTS (
            SELECT FROM sluice.lease WHERE name = 'planner' AND lease = $1 AND until > clock_timestamp())",
    )
    .bind(planner.0)
    .fetch_one(conn)
    .await
    .map_err(Error::of("ledger.planner_lease"))?;
    if active { Ok(()) } else { Err(Error::NotActive) }
}

/// Sets whether the job holds its tables. Taking them again fails if another job has one of them.
///
/// # Errors
/// [`Error::TableTaken`] if another unfinished job has one of them by now.
pub async fn hold_tables(conn: &mut Connection, job: JobId, hold: TableHold) -> Result<(), Error> {
    // Asked before, because after the refusal nothing more can be asked in this transaction. The index below decides.
    let other = match hold {
        TableHold::Keep => holder_instead(&mut *conn, job).await?,
        TableHold::Release => None,
    };
    db::query("/* ledger.job_table_hold */ UPDATE sluice.job_table SET unfinished = $2 WHERE job = $1 AND unfinished <> $2")
        .bind(job.0)
        .bind(hold == TableHold::Keep)
        .execute(conn)
        .await
        .map_err(|source| match &source {
            sqlx::Error::Database(refusal) if refusal.is_unique_violation() => Error::TableTaken {
                job,
                other: other.unwrap_or_else(|| "which has just been taken in".to_owned()),
            },
            _ => Error::of("ledger.job_table_hold")(source),
        })?;
    Ok(())
}

/// Another unfinished job that has one of this job's tables, in words.
async fn holder_instead(conn: &mut Connection, job: JobId) -> Result<Option<String>, Error> {
    db::scalar(
        "/* ledger.job_table_holder */
        SELECT format('%s (%s, %s)', o.name, o.id, o.state)
        FROM sluice.job_table m
        JOIN sluice.job_table t ON t.root_schema = m.root_schema AND t.root_table = m.root_table
        JOIN sluice.job o ON o.id = t.job
        WHERE m.job = $1
            AND t.job <> m.job
            AND t.unfinished
        LIMIT 1",
    )
    .bind(job.0)
    .fetch_optional(conn)
    .await
    .map_err(Error::of("ledger.job_table_holder"))
}

/// Whether a job holds its tables against other jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableHold {
    /// No other job may work on them.
    Keep,
    /// They are free.
    Release,
}

/// Records how far a stage is. A stage starts only if every earlier one is done (invariant 4).
///
/// # Errors
/// [`Error::StageOrder`].
pub async fn set_stage(
    conn: &mut Connection,
    job: JobId,
    stage: Stage,
    status: StageStatus,
) -> Result<(), Error> {
    let earlier: Vec<&str> = Stage::ALL
        .iter()
        .filter(|s| **s < stage)
        .map(|s| s.as_str())
        .collect();
    let done = db::query(
        "/* ledger.stage_set */
        UPDATE sluice.stage
        SET status = $3,
            started_at = CASE WHEN $3 = 'running' THEN coalesce(started_at, now()) ELSE started_at END,
            ended_at = CASE WHEN $3 IN ('done', 'undone') THEN now() END
        WHERE job = $1
            AND name = $2
            AND ($3 <> 'running' OR NOT EXISTS (
                SELECT FROM sluice.stage e WHERE e.job = $1 AND e.name = ANY ($4) AND e.status <> 'done'))",
    )
    .bind(job.0)
    .bind(stage.as_str())
    .bind(status.as_str())
    .bind(earlier.as_slice())
    .execute(conn)
    .await
    .map_err(Error::of("ledger.stage_set"))?;
    if done.rows_affected() != 1 {
        return Err(Error::StageOrder {
            job,
            stage: stage.as_str(),
        });
    }
    Ok(())
}
