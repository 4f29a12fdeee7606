//! Taking a task and keeping it: the claim, the renewal of its lease, and what a takeover must know of the holder before.
//!
//! A task that ends its worker each time (it takes all memory, say) would go on ending workers for ever: nobody is left to say so. So
//! whoever takes over counts how often in a row the lease lapsed without any progress, and at [`MOST_LAPSES`] the task fails instead. Of a
//! chunk only those leases count whose worker had begun to write ([`Ledger::begun`]): one that dies while it waits for its share of the
//! budget was not ended by the chunk, and where workers are replaced all the time there are many of them.

use engine::db::{self, Connection};
use proto::{LeaseId, TaskId, WorkerName};
use uuid::Uuid;

use super::outstanding::read_outstanding;
use super::{Claim, Claimed, Failure, FailureClass, Fence, LEASE, MOST_LAPSES, Work};
use crate::error::Error;
use crate::open::Ledger;

impl Ledger {
    /// Claims a task for `worker`; for a chunk the cursor's fence moves in the same transaction.
    ///
    /// # Errors
    /// What the database says.
    pub async fn claim(&self, task: TaskId, worker: &WorkerName) -> Result<Claimed<Claim>, Error> {
        let lease = LeaseId::random();
        let mut tx = self.pool.begin().await.map_err(Error::of("ledger.task_claim"))?;
        // The row is ours from here on, so what the holder before left is still there when it is overwritten.
        let before = before(&mut tx, task).await?;
        let row = db::query(
            "/* ledger.task_claim */
            UPDATE sluice.task
            SET state = 'leased',
                attempt = attempt + 1,
                lease = $2,
                lease_until = clock_timestamp() + $3 * interval '1 second',
                worker = $4,
                backend_pid = NULL,
                backend_start = NULL,
                lapses = $5,
                lapsed_at_block = $6
            WHERE id = $1
                -- A message of before its chunk was given back lets nobody past the budget.
                AND (kind <> 'chunk' OR admitted_at IS NOT NULL)
                AND ((state = 'ready' AND due_at <= clock_timestamp())
                    OR (state = 'leased' AND lease_until < clock_timestamp()))
            RETURNING id, job, kind, phase, step, fill, chunk, attempt, publications",
        )
        .bind(task.0)
        .bind(lease.0)
        .bind(LEASE.as_secs_f64())
        .bind(worker.as_str())
        .bind(before.lapses)
        .bind(before.lapsed_at)
        .fetch_optional(&mut *tx)
        .await
        .map_err(Error::of("ledger.task_claim"))?;
        let Some(row) = row else {
            drop(tx);
            return self.why_not_claimed(task).await;
        };
        let outstanding = read_outstanding(&row)?;
        let attempt: i32 = row.try_get("attempt").map_err(Error::of("ledger.task_claim"))?;
        let fence = Fence { attempt, lease };
        if let Work::Chunk { chunk, .. } = outstanding.work {
            crate::chunks::move_fence(&mut tx, chunk, fence).await?;
        }
        tx.commit().await.map_err(Error::of("ledger.task_claim"))?;
        let claim = Claim {
            task,
            job: outstanding.job,
            work: outstanding.work,
            fence,
            took_over: before.lease.map(LeaseId),
        };
        if before.lapses < MOST_LAPSES {
            return Ok(Claimed::Ours(claim));
        }
        // If this process ends here, the next one comes to the same end.
        let failure = before.failure();
        match claim.work {
            Work::Chunk { .. } => self.finish_chunk(&claim, Some(&failure)).await?,
            Work::Step { .. } | Work::Check { .. } => self.fail(task, fence, &failure).await?,
        };
        Ok(Claimed::SetAside(failure.message))
    }

    async fn why_not_claimed(&self, task: TaskId) -> Result<Claimed<Claim>, Error> {
        let state: Option<String> =
            db::scalar("/* ledger.task_state */ SELECT state FROM sluice.task WHERE id = $1")
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
        let lease: Option<Uuid> = db::scalar(
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

    /// Counts that the holder of a chunk begins to write: should its lease lapse without progress, it may have been the chunk.
    ///
    /// # Errors
    /// What the database says.
    pub async fn begun(&self, task: TaskId, fence: Fence) -> Result<(), Error> {
        db::query(
            "/* ledger.task_begun */
            UPDATE sluice.task
            SET lapses = lapses + 1
            WHERE id = $1
                AND attempt = $2
                AND lease = $3
                AND state = 'leased'",
        )
        .bind(task.0)
        .bind(fence.attempt)
        .bind(fence.lease.0)
        .execute(&self.pool)
        .await
        .map_err(Error::of("ledger.task_begun"))?;
        Ok(())
    }

    /// Renews a lease; false means that it is lost and everything done under it must stop.
    ///
    /// # Errors
    /// What the database says.
    pub async fn renew(&self, task: TaskId, fence: Fence) -> Result<bool, Error> {
        let done = db::query(
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
        db::query(
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
        let row = db::query(
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
}

/// What the holder before left.
#[derive(Clone, Debug, Default)]
struct Before {
    /// Its lease, if it did not end the task.
    lease: Option<Uuid>,
    worker: Option<String>,
    /// Leases in a row that lapsed without progress, this one included.
    lapses: i32,
    /// How far the work was then, in blocks; -1: it has no such measure, or has not begun.
    lapsed_at: Option<i64>,
    /// That measure is a place: the work is a chunk.
    is_place: bool,
}

impl Before {
    fn failure(&self) -> Failure {
        let place = match self.lapsed_at {
            Some(block) if self.is_place && block >= 0 => format!(" at block {block}"),
            Some(_) | None => String::new(),
        };
        Failure {
            class: FailureClass::Permanent,
            sqlstate: None,
            message: format!(
                "{} leases in a row lapsed{place} without any progress, the last one of worker {}: it seems to end whoever works on it \
                 (memory? a crash?); look at the logs of the workers, then resume the job",
                self.lapses,
                self.worker.as_deref().unwrap_or("unknown")
            ),
        }
    }
}

async fn before(conn: &mut Connection, task: TaskId) -> Result<Before, Error> {
    let row = db::query(
        "/* ledger.task_claim_old */
        SELECT kind, state, lease, worker, lapses, lapsed_at_block,
            CASE t.kind
                WHEN 'chunk' THEN (SELECT cursor_block FROM sluice.chunk_cursor c WHERE c.chunk = t.chunk)
                WHEN 'check' THEN (
                    SELECT CAST(sum(r.cursor_block) + count(r.ended_at) AS bigint)
                    FROM sluice.check_run r
                    WHERE r.job = t.job AND r.fill = t.fill AND r.round = t.step)
            END AS progress
        FROM sluice.task t
        WHERE id = $1
        FOR UPDATE",
    )
    .bind(task.0)
    .fetch_optional(conn)
    .await
    .map_err(Error::of("ledger.task_claim_old"))?;
    let Some(row) = row else {
        return Ok(Before::default());
    };
    let read = || -> Result<Before, sqlx::Error> {
        let taken = row.try_get::<String, _>("state")? == "leased";
        let is_place = row.try_get::<String, _>("kind")? == "chunk";
        let progress = row.try_get::<Option<i64>, _>("progress")?.unwrap_or(-1);
        let counted: i32 = row.try_get("lapses")?;
        let stands_still = row.try_get::<Option<i64>, _>("lapsed_at_block")? == Some(progress);
        let lapses = match (taken, is_place, stands_still) {
            // Counted by the holder when it began.
            (true, true, true) => counted,
            (true, false, true) => counted + 1,
            (true, false, false) => 1,
            (true, true, false) | (false, _, _) => 0,
        };
        Ok(Before {
            lease: if taken { row.try_get("lease")? } else { None },
            worker: row.try_get("worker")?,
            lapses,
            lapsed_at: Some(progress),
            is_place,
        })
    };
    read().map_err(Error::of("ledger.task_claim_old"))
}
