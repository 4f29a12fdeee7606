//! What the planner publishes: tasks whose message is due, for the first time or because it may be lost.

use engine::db::{self, Row};
use std::time::Duration;

use proto::{ChunkId, JobId, LeaseId, TaskId};

use super::Work;
use crate::error::Error;
use crate::open::Ledger;
use crate::plan::Phase;

/// A `ready` task whose message was published this long ago is published again: the message may be lost.
pub const REPUBLISH_AFTER: Duration = Duration::from_secs(15);

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

impl Ledger {
    /// Tasks of this target whose message should go out now: never published, published long ago and
    /// still unclaimed, or leased by somebody whose lease has lapsed. Chunks that are not admitted and tasks of jobs that do not go on are left out. At most `limit`
    /// of a kind, and so of a queue: one that takes nothing must not fill the list.
    ///
    /// # Errors
    /// What the database says.
    pub async fn to_publish(&self, limit: i64) -> Result<Vec<Outstanding>, Error> {
        let rows = db::query(
            "/* ledger.task_to_publish */
            SELECT id, job, kind, phase, step, fill, chunk, publications
            FROM (
            SELECT t.id, t.job, t.kind, t.phase, t.step, t.fill, t.chunk, t.publications, t.created_at,
                row_number() OVER (PARTITION BY t.kind ORDER BY t.created_at, t.id) AS turn
            FROM sluice.task t
            JOIN sluice.job j ON j.id = t.job
            WHERE t.state IN ('ready', 'leased')
                AND (t.kind <> 'chunk' OR t.admitted_at IS NOT NULL)
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
                AND (j.state <> 'rolling-back' OR t.phase IN ('unhide', 'rollback', 'discard') OR (t.kind = 'step' AND t.state = 'leased'))
            ) due
            WHERE turn <= $2
            ORDER BY created_at",
        )
        .bind(REPUBLISH_AFTER.as_secs_f64())
        .bind(limit)
        .fetch_all(&self.pool)
        .await
        .map_err(Error::of("ledger.task_to_publish"))?;
        rows.iter().map(read_outstanding).collect()
    }

    /// Marks a task as published, after the transport's confirm. A planner that has slept through its lease marks nothing: its
    /// messages are found again, and one too many is forgotten by whoever claims.
    ///
    /// # Errors
    /// What the database says.
    pub async fn mark_published(&self, task: TaskId, planner: LeaseId) -> Result<(), Error> {
        db::query(
            "/* ledger.task_published */
            UPDATE sluice.task
            SET published_at = clock_timestamp(),
                publications = publications + 1
            WHERE id = $1
                AND EXISTS (
                    SELECT FROM sluice.lease WHERE name = 'planner' AND lease = $2 AND until > clock_timestamp())",
        )
        .bind(task.0)
        .bind(planner.0)
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
        let done = db::query(
            "/* ledger.task_republish */
            UPDATE sluice.task SET published_at = NULL WHERE state = 'ready' AND published_at IS NOT NULL",
        )
        .execute(&self.pool)
        .await
        .map_err(Error::of("ledger.task_republish"))?;
        Ok(done.rows_affected())
    }
}

/// Reads a row that has the columns of [`Outstanding`].
pub(super) fn read_outstanding(row: &Row) -> Result<Outstanding, Error> {
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

/// A text that this build does not know cannot have been written by it; the step's plan then says what it is.
fn phase_of(text: Option<&str>) -> Phase {
    let known = Phase::ALL.iter().find(|phase| Some(phase.as_str()) == text);
    known.copied().unwrap_or(Phase::Expand)
}
