//! Taking a task and keeping it: the claim, the renewal of its lease, and what a takeover must know of the holder before.

use proto::{LeaseId, TaskId, WorkerName};
use sqlx::Row;
use uuid::Uuid;

use super::outstanding::read_outstanding;
use super::{Claim, Claimed, Fence, LEASE, Work};
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
}
