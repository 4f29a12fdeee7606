//! Chunks as they are read a second time: which are due, and what was found.

use super::mismatch::{FoundBy, Mismatch, insert_mismatches};
use crate::chunks::{Chunk, read_chunk};
use crate::error::Error;
use crate::events;
use crate::open::Ledger;
use crate::tasks::{Failure, FailureClass};
use engine::db;

/// Result of re-reading a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reread {
    /// Every row is right.
    Ok,
    /// Some are not.
    Mismatched,
    /// The expression raises on a row.
    Unreadable,
}

impl Reread {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Mismatched => "mismatched",
            Self::Unreadable => "unreadable",
        }
    }
}

/// Rows of a chunk that was re-read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Read.
    pub checked: u64,
    /// Wrong, or such that the expression raises.
    pub mismatched: u64,
}

impl Ledger {
    /// Chunks of each fill's newest sweep that are done and not re-read yet, oldest first: what the verifier looks for when no event comes.
    ///
    /// # Errors
    /// What the database says.
    pub async fn unverified_chunks(&self, limit: i64) -> Result<Vec<Chunk>, Error> {
        let rows = db::query(
            "/* ledger.chunks_unverified */
            SELECT c.id, c.job, c.fill, c.sweep, c.leaf_oid, c.leaf_schema, c.leaf_name, c.fingerprint, c.first_block,
                c.end_block, c.end_block AS cursor_block
            FROM sluice.chunk c
            JOIN sluice.job j ON j.id = c.job
            WHERE c.state = 'done'
                AND c.verification = 'pending'
                AND j.state NOT IN ('rolling-back', 'rolled-back', 'done')
                -- What an abandoned sweep left unread would otherwise fill the list for ever.
                AND c.sweep = (SELECT max(n.sweep) FROM sluice.chunk n WHERE n.job = c.job AND n.fill = c.fill)
            ORDER BY c.done_at
            LIMIT $1",
        )
        .bind(limit)
        .fetch_all(&self.pool)
        .await
        .map_err(Error::of("ledger.chunks_unverified"))?;
        rows.iter()
            .map(read_chunk)
            .collect::<Result<_, _>>()
            .map_err(Error::of("ledger.chunks_unverified"))
    }

    /// Records what re-reading a chunk found; of the rows found wrong `named` may hold only some. The first reader wins; false: somebody else had recorded it.
    ///
    /// # Errors
    /// What the database says.
    pub async fn record_reread(
        &self,
        chunk: &Chunk,
        result: Reread,
        counted: Counted,
        named: &[Mismatch],
    ) -> Result<bool, Error> {
        let mut tx = self
            .pool
            .begin()
            .await
            .map_err(Error::of("ledger.chunk_verified"))?;
        let done = db::query(
            "/* ledger.chunk_verified */
            UPDATE sluice.chunk
            SET verification = $2,
                rows_checked = $3,
                rows_mismatched = $4,
                verified_at = clock_timestamp()
            WHERE id = $1
                AND state = 'done'
                AND verification = 'pending'",
        )
        .bind(chunk.id.0)
        .bind(result.as_str())
        .bind(counted.checked as i64)
        .bind(counted.mismatched as i64)
        .execute(&mut *tx)
        .await
        .map_err(Error::of("ledger.chunk_verified"))?;
        if done.rows_affected() != 1 {
            return Ok(false);
        }
        let found = FoundBy {
            job: chunk.job,
            fill: chunk.fill,
            round: 0,
            chunk: Some(chunk.id),
        };
        insert_mismatches(&mut tx, found, named).await?;
        tx.commit().await.map_err(Error::of("ledger.chunk_verified"))?;
        Ok(true)
    }

    /// A chunk that was filled cannot be re-read, because its table is no longer what the sweep began with: it fails as
    /// one that met the change while it was filled, and the planner begins a new sweep. False: somebody else was first, or a
    /// newer sweep has begun.
    ///
    /// # Errors
    /// What the database says.
    pub async fn reread_drifted(&self, chunk: &Chunk, actor: &str, message: &str) -> Result<bool, Error> {
        let failure = Failure {
            class: FailureClass::Drift,
            sqlstate: None,
            message: message.to_owned(),
        };
        let error = serde_json::to_value(&failure).map_err(|source| Error::Document {
            what: "failure",
            source,
        })?;
        let of = || Error::of("ledger.chunk_reread_drifted");
        let mut tx = self.pool.begin().await.map_err(of())?;
        let done = db::query(
            "/* ledger.chunk_reread_drifted */
            UPDATE sluice.chunk
            SET state = 'failed',
                error = $2
            WHERE id = $1
                AND state = 'done'
                AND verification = 'pending'
                -- A repair has no sweep of its own, and its number is the next one.
                AND sweep >= coalesce((SELECT max(n.sweep) FROM sluice.sweep n WHERE n.job = $3 AND n.fill = $4), 0)",
        )
        .bind(chunk.id.0)
        .bind(&error)
        .bind(chunk.job.0)
        .bind(chunk.fill as i32)
        .execute(&mut *tx)
        .await
        .map_err(of())?;
        if done.rows_affected() != 1 {
            return Ok(false);
        }
        // Its task fails with it: the planner abandons a sweep by its tasks, and one that is done would keep the chunk
        // standing there, failed, for ever.
        db::query(
            "/* ledger.task_reread_drifted */
            UPDATE sluice.task
            SET state = 'failed',
                error = $2
            WHERE chunk = $1
                AND state = 'done'",
        )
        .bind(chunk.id.0)
        .bind(&error)
        .execute(&mut *tx)
        .await
        .map_err(of())?;
        let detail = serde_json::json!({ "chunk": chunk.id, "why": message });
        events::append(&mut tx, Some(chunk.job), actor, "chunk.drifted", &detail).await?;
        tx.commit().await.map_err(of())?;
        Ok(true)
    }
}
