//! Leave to write: the planner's word about a job, and whether it is fresh.

use engine::db::{self, Connection, Row};
use std::time::Duration;

use proto::{JobId, LeaseId, TaskId};

use crate::error::Error;
use crate::job::JobState;
use crate::shares::Share;

/// Whether a worker may go on with the next batch; read inside the batch's own transaction.
#[derive(Clone, Debug, PartialEq)]
pub struct Leave {
    /// The planner's word is fresh and says go.
    pub go: bool,
    /// Why not, for logs and status.
    pub reason: Option<String>,
    /// The job no longer backfills (rollback, abort): give the chunk back at once.
    pub ended: bool,
    /// This lease's share of the budget.
    pub share: Share,
    /// Part of its speed at which the worker works, above 0 and at most 1: it rests for the rest of the time.
    pub factor: f64,
}

/// Age at which the planner's word is stale and work stops (invariant 7).
pub const STALE_AFTER: Duration = Duration::from_secs(5);

/// The least factor: whoever may write at all does so now and then, and it shows whether the pressure is still there.
pub const SLOWEST: f64 = 0.05;

/// Reads whether work on a job may go on now, for those who only read rows.
///
/// # Errors
/// What the database says.
pub async fn leave(conn: &mut Connection, job: JobId) -> Result<Leave, Error> {
    Ok(ask(conn, job, None).await?.leave)
}

/// Reads whether the holder of a chunk may write now, and how fast. Without a share of a limited budget it may not.
///
/// # Errors
/// What the database says.
pub async fn leave_to_write(
    conn: &mut Connection,
    job: JobId,
    task: TaskId,
    lease: LeaseId,
) -> Result<Leave, Error> {
    let Answer { mut leave, shared } = ask(conn, job, Some((task, lease))).await?;
    if !shared {
        leave.share = Share::UNLIMITED;
    } else if leave.go && (leave.share.rows_per_second <= 0.0 || leave.share.wal_bytes_per_second <= 0.0) {
        leave.go = false;
        leave.reason = Some("waits for its share of the budget".to_owned());
    }
    Ok(leave)
}

struct Answer {
    leave: Leave,
    /// The budget is limited, so that a lease needs a share.
    shared: bool,
}

async fn ask(conn: &mut Connection, job: JobId, holder: Option<(TaskId, LeaseId)>) -> Result<Answer, Error> {
    let row = db::query(
        "/* ledger.leave */
        SELECT t.go,
            t.factor,
            t.reason,
            extract(epoch FROM clock_timestamp() - t.beat_at)::double precision AS age,
            t.shared,
            s.rows_per_second,
            s.wal_bytes_per_second,
            j.state
        FROM sluice.throttle t
        JOIN sluice.job j ON j.id = t.job
        LEFT JOIN sluice.share s ON s.task = $2 AND s.lease = $3
        WHERE t.job = $1",
    )
    // Asked over the data route too, which may be pooled: the driver names a persistent statement even without a cache.
    .persistent(false)
    .bind(job.0)
    .bind(holder.map(|(task, _)| task.0))
    .bind(holder.map(|(_, lease)| lease.0))
    .fetch_optional(conn)
    .await
    .map_err(Error::of("ledger.leave"))?;
    let Some(row) = row else {
        let leave = Leave {
            go: false,
            reason: Some("the planner has not said anything about this job yet".to_owned()),
            ended: false,
            share: Share::NONE,
            factor: 1.0,
        };
        return Ok(Answer { leave, shared: true });
    };
    let shared: bool = row.try_get("shared").map_err(Error::of("ledger.leave"))?;
    let leave = read_leave(&row).map_err(Error::of("ledger.leave"))?;
    Ok(Answer { leave, shared })
}

fn read_leave(row: &Row) -> Result<Leave, sqlx::Error> {
    let age: f64 = row.try_get("age")?;
    let state: String = row.try_get("state")?;
    let go: bool = row.try_get("go")?;
    let factor: f64 = row.try_get("factor")?;
    let rate = |column: &str| {
        row.try_get::<Option<f64>, _>(column)
            .map(Option::unwrap_or_default)
    };
    // From the future: the clock was set back since.
    let stale = age.abs() > STALE_AFTER.as_secs_f64();
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
        share: Share {
            rows_per_second: rate("rows_per_second")?,
            wal_bytes_per_second: rate("wal_bytes_per_second")?,
        },
        factor: factor.clamp(SLOWEST, 1.0),
    })
}
