//! The end of a chunk: its counts, its outcome and its task in one transaction.

use crate::error::Error;
use crate::open::Ledger;
use crate::tasks::{self, Claim, Failure, Work};
use engine::db;

impl Ledger {
    /// Ends a chunk: counts move from the cursor into the chunk, and its task ends, in one transaction.
    /// False: the lease was lost.
    ///
    /// # Errors
    /// What the database says.
    pub async fn finish_chunk(&self, claim: &Claim, failure: Option<&Failure>) -> Result<bool, Error> {
        let Work::Chunk { chunk, .. } = claim.work else {
            return Ok(false);
        };
        let mut tx = self
            .pool
            .begin()
            .await
            .map_err(Error::of("ledger.chunk_finish"))?;
        let error = failure
            .map(serde_json::to_value)
            .transpose()
            .map_err(|source| Error::Document {
                what: "failure",
                source,
            })?;
        let done = db::query(
            "/* ledger.chunk_finish */
            UPDATE sluice.chunk AS c
            SET state = $4,
                rows_seen = k.rows_seen,
                rows_changed = k.rows_changed,
                batches = k.batches,
                retries = k.retries,
                error = $5,
                done_at = CASE WHEN $4 = 'done' THEN clock_timestamp() END
            FROM sluice.chunk_cursor k
            WHERE c.id = $1
                AND k.chunk = c.id
                AND k.attempt = $2
                AND k.lease = $3
                AND c.state = 'open'
                AND ($4 <> 'done' OR k.cursor_block = c.end_block)",
        )
        .bind(chunk.0)
        .bind(claim.fence.attempt)
        .bind(claim.fence.lease.0)
        .bind(if failure.is_some() { "failed" } else { "done" })
        .bind(error)
        .execute(&mut *tx)
        .await
        .map_err(Error::of("ledger.chunk_finish"))?;
        if done.rows_affected() != 1 || !tasks::end_in(&mut tx, claim.task, claim.fence, failure).await? {
            tx.rollback().await.map_err(Error::of("ledger.chunk_finish"))?;
            return Ok(false);
        }
        tx.commit().await.map_err(Error::of("ledger.chunk_finish"))?;
        Ok(true)
    }
}
