//! Leave to write: the planner's word about a job, and whether it is fresh.

use engine::db::{self, Connection, Row};
use std::time::Duration;

use proto::JobId;

use crate::error::Error;
use crate::job::JobState;

/// Whether a worker may go on with the next batch; read inside the batch's own transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leave {
    /// The planner's word is fresh and says go.
    pub go: bool,
    /// Why not, for logs and status.
    pub reason: Option<String>,
    /// The job no longer backfills (rollback, abort): give the chunk back at once.
    pub ended: bool,
    /// This lease's share of the budget, rows a second.
    pub rows_per_second: Option<u64>,
}

/// Age at which the planner's word is stale and work stops (invariant 7).
pub const STALE_AFTER: Duration = Duration::from_secs(5);

/// Reads whether the holder of a chunk may write now.
///
/// # Errors
/// What the database says.
pub async fn leave(conn: &mut Connection, job: JobId) -> Result<Leave, Error> {
    let row = db::query(
        "/* ledger.leave */
        SELECT t.go,
            t.reason,
            extract(epoch FROM clock_timestamp() - t.beat_at)::double precision AS age,
            t.rows_per_second,
            j.state
        FROM sluice.throttle t
        JOIN sluice.job j ON j.id = t.job
        WHERE t.job = $1",
    )
    // Asked over the data route too, which may be pooled: the driver names a persistent statement even without a cache.
    .persistent(false)
    .bind(job.0)
    .fetch_optional(conn)
    .await
    .map_err(Error::of("ledger.leave"))?;
    let Some(row) = row else {
        return Ok(Leave {
            go: false,
            reason: Some("the planner has not said anything about this job yet".to_owned()),
            ended: false,
            rows_per_second: None,
        });
    };
    read_leave(&row).map_err(Error::of("ledger.leave"))
}

fn read_leave(row: &Row) -> Result<Leave, sqlx::Error> {
    let age: f64 = row.try_get("age")?;
    let state: String = row.try_get("state")?;
    let go: bool = row.try_get("go")?;
    let share: Option<i64> = row.try_get("rows_per_second")?;
    let stale = age > STALE_AFTER.as_secs_f64();
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
        rows_per_second: share.map(|s| s.unsigned_abs()),
    })
}
