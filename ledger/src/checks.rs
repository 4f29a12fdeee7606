//! What the verifier found: re-read chunks, whole-table checks, mismatches by key, and verdicts that stick.

use engine::catalog::TableName;
use proto::{ChunkId, JobId};
use serde_json::Value;
use sqlx::{PgConnection, Row};

use crate::chunks::{Chunk, block, leaf_of, oid, read_chunk};
use crate::error::Error;
use crate::events;
use crate::open::Ledger;
use crate::tasks::{Failure, FailureClass};

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

/// A row that is not right.
#[derive(Clone, Debug, PartialEq)]
pub struct Mismatch {
    /// The leaf, by oid.
    pub leaf_oid: u32,
    /// The leaf, by name.
    pub leaf: TableName,
    /// Key columns and values.
    pub key: Value,
    /// Block it was found in.
    pub block: u64,
    /// Per column: found and expected.
    pub detail: Value,
}

/// How far the whole-table check of one leaf is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckLeaf {
    /// The leaf, by oid.
    pub oid: u32,
    /// The leaf, by name.
    pub name: TableName,
    /// Blocks to read.
    pub blocks: u64,
    /// Fingerprint that each read compares: with another storage file, block numbers mean other rows.
    pub fingerprint: String,
    /// Next block to read.
    pub cursor_block: u64,
    /// Rows read so far.
    pub rows_checked: u64,
    /// Rows found wrong so far.
    pub rows_mismatched: u64,
    /// It is read to its end.
    pub ended: bool,
}

/// What the verifier concludes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Go on.
    Proceed,
    /// Stop and let a person look.
    Hold,
    /// Take the job back.
    RollBack,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Proceed => "proceed",
            Self::Hold => "hold",
            Self::RollBack => "roll-back",
        }
    }
}

/// A verdict on one fill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Conclusion.
    pub outcome: Outcome,
    /// Rows read.
    pub rows_checked: u64,
    /// Rows found wrong.
    pub rows_mismatched: u64,
    /// Why, for people.
    pub why: String,
}

/// Mismatched rows are recorded up to this many a job; more would not help anybody.
pub const MISMATCH_LIMIT: i64 = 10_000;

impl Ledger {
    /// Chunks of each fill's newest sweep that are done and not re-read yet, oldest first: what the verifier looks for when no event comes.
    ///
    /// # Errors
    /// What the database says.
    pub async fn unverified_chunks(&self, limit: i64) -> Result<Vec<Chunk>, Error> {
        let rows = sqlx::query(
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
        let done = sqlx::query(
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
        let done = sqlx::query(
            "/* ledger.chunk_reread_drifted */
            UPDATE sluice.chunk
            SET state = 'failed',
                error = $2
            WHERE id = $1
                AND state = 'done'
                AND verification = 'pending'
                AND sweep = (SELECT max(n.sweep) FROM sluice.sweep n WHERE n.job = $3 AND n.fill = $4)",
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
        sqlx::query(
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

    /// Begins (or continues) the whole-table check: one row a leaf, with its fingerprint; a leaf that has one keeps it.
    ///
    /// # Errors
    /// What the database says.
    pub async fn begin_check(
        &self,
        job: JobId,
        fill: u32,
        round: u32,
        leaves: &[(engine::catalog::Leaf, String)],
    ) -> Result<(), Error> {
        for (leaf, fingerprint) in leaves {
            sqlx::query(
                "/* ledger.check_begin */
                INSERT INTO sluice.check_run (job, fill, round, leaf_oid, leaf_schema, leaf_name, blocks, fingerprint)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                ON CONFLICT DO NOTHING",
            )
            .bind(job.0)
            .bind(fill as i32)
            .bind(round as i32)
            .bind(i64::from(leaf.oid))
            .bind(&leaf.name.schema)
            .bind(&leaf.name.name)
            .bind(leaf.blocks as i64)
            .bind(fingerprint)
            .execute(&self.pool)
            .await
            .map_err(Error::of("ledger.check_begin"))?;
        }
        Ok(())
    }

    /// The storage of a leaf changed while it was checked: it is read again from its first block.
    ///
    /// # Errors
    /// What the database says.
    pub async fn restart_check(
        &self,
        job: JobId,
        fill: u32,
        round: u32,
        leaf: &(engine::catalog::Leaf, String),
    ) -> Result<(), Error> {
        sqlx::query(
            "/* ledger.check_restart */
            UPDATE sluice.check_run
            SET cursor_block = 0,
                rows_checked = 0,
                rows_mismatched = 0,
                ended_at = NULL,
                blocks = $5,
                fingerprint = $6
            WHERE job = $1
                AND fill = $2
                AND round = $3
                AND leaf_oid = $4
                AND fingerprint <> $6",
        )
        .bind(job.0)
        .bind(fill as i32)
        .bind(round as i32)
        .bind(i64::from(leaf.0.oid))
        .bind(leaf.0.blocks as i64)
        .bind(&leaf.1)
        .execute(&self.pool)
        .await
        .map_err(Error::of("ledger.check_restart"))?;
        Ok(())
    }

    /// The leaves of a check and how far each is.
    ///
    /// # Errors
    /// What the database says.
    pub async fn check_leaves(&self, job: JobId, fill: u32, round: u32) -> Result<Vec<CheckLeaf>, Error> {
        let rows = sqlx::query(
            "/* ledger.check_leaves */
            SELECT leaf_oid, leaf_schema, leaf_name, blocks, fingerprint, cursor_block, rows_checked, rows_mismatched,
                ended_at IS NOT NULL AS ended
            FROM sluice.check_run
            WHERE job = $1
                AND fill = $2
                AND round = $3
            ORDER BY leaf_oid",
        )
        .bind(job.0)
        .bind(fill as i32)
        .bind(round as i32)
        .fetch_all(&self.pool)
        .await
        .map_err(Error::of("ledger.check_leaves"))?;
        rows.iter()
            .map(|row| {
                Ok(CheckLeaf {
                    oid: oid(row)?,
                    name: leaf_of(row)?,
                    blocks: block(row, "blocks")?,
                    fingerprint: row.try_get("fingerprint")?,
                    cursor_block: block(row, "cursor_block")?,
                    rows_checked: block(row, "rows_checked")?,
                    rows_mismatched: block(row, "rows_mismatched")?,
                    ended: row.try_get("ended")?,
                })
            })
            .collect::<Result<_, sqlx::Error>>()
            .map_err(Error::of("ledger.check_leaves"))
    }

    /// Records what reading blocks `[from, to)` of a leaf found; `from` must be where the cursor is
    /// (false otherwise: another verifier did it).
    ///
    /// # Errors
    /// What the database says.
    pub async fn record_check(
        &self,
        job: JobId,
        fill: u32,
        round: u32,
        read: &CheckedRange,
        mismatches: &[Mismatch],
    ) -> Result<bool, Error> {
        let mut tx = self
            .pool
            .begin()
            .await
            .map_err(Error::of("ledger.check_advance"))?;
        let done = sqlx::query(
            "/* ledger.check_advance */
            UPDATE sluice.check_run
            SET cursor_block = $6,
                rows_checked = rows_checked + $7,
                rows_mismatched = rows_mismatched + $8,
                ended_at = CASE WHEN $9 THEN clock_timestamp() END
            WHERE job = $1
                AND fill = $2
                AND round = $3
                AND leaf_oid = $4
                AND cursor_block = $5
                AND ended_at IS NULL",
        )
        .bind(job.0)
        .bind(fill as i32)
        .bind(round as i32)
        .bind(i64::from(read.leaf_oid))
        .bind(read.from as i64)
        .bind(read.to as i64)
        .bind(read.rows_checked as i64)
        .bind(read.rows_mismatched as i64)
        .bind(read.last == Last::Yes)
        .execute(&mut *tx)
        .await
        .map_err(Error::of("ledger.check_advance"))?;
        if done.rows_affected() != 1 {
            return Ok(false);
        }
        insert_mismatches(
            &mut tx,
            FoundBy {
                job,
                fill,
                round,
                chunk: None,
            },
            mismatches,
        )
        .await?;
        tx.commit().await.map_err(Error::of("ledger.check_advance"))?;
        Ok(true)
    }

    /// Issues a verdict; the first one of a round stands.
    ///
    /// # Errors
    /// What the database says.
    pub async fn issue_verdict(
        &self,
        job: JobId,
        fill: u32,
        round: u32,
        verdict: &Verdict,
    ) -> Result<(), Error> {
        sqlx::query(
            "/* ledger.verdict_insert */
            INSERT INTO sluice.verdict (job, fill, round, outcome, rows_checked, rows_mismatched, why)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            ON CONFLICT (job, fill, round) DO NOTHING",
        )
        .bind(job.0)
        .bind(fill as i32)
        .bind(round as i32)
        .bind(verdict.outcome.as_str())
        .bind(verdict.rows_checked as i64)
        .bind(verdict.rows_mismatched as i64)
        .bind(&verdict.why)
        .execute(&self.pool)
        .await
        .map_err(Error::of("ledger.verdict_insert"))?;
        Ok(())
    }

    /// The verdict of a round, if it was issued.
    ///
    /// # Errors
    /// What the database says.
    pub async fn verdict(&self, job: JobId, fill: u32, round: u32) -> Result<Option<Verdict>, Error> {
        let row = sqlx::query(
            "/* ledger.verdict */
            SELECT outcome, rows_checked, rows_mismatched, why
            FROM sluice.verdict
            WHERE job = $1
                AND fill = $2
                AND round = $3",
        )
        .bind(job.0)
        .bind(fill as i32)
        .bind(round as i32)
        .fetch_optional(&self.pool)
        .await
        .map_err(Error::of("ledger.verdict"))?;
        row.map(|row| {
            let outcome: String = row.try_get("outcome")?;
            Ok(Verdict {
                outcome: match outcome.as_str() {
                    "proceed" => Outcome::Proceed,
                    "roll-back" => Outcome::RollBack,
                    _ => Outcome::Hold,
                },
                rows_checked: block(&row, "rows_checked")?,
                rows_mismatched: block(&row, "rows_mismatched")?,
                why: row.try_get("why")?,
            })
        })
        .transpose()
        .map_err(Error::of("ledger.verdict"))
    }

    /// Rows found wrong and not resolved, oldest first.
    ///
    /// # Errors
    /// What the database says.
    pub async fn mismatches(&self, job: JobId, limit: i64) -> Result<Vec<(u32, Mismatch)>, Error> {
        let rows = sqlx::query(
            "/* ledger.mismatches */
            SELECT fill, leaf_oid, leaf_schema, leaf_name, row_key, block, detail
            FROM sluice.mismatch
            WHERE job = $1
                AND resolved_at IS NULL
            ORDER BY fill, leaf_oid, block
            LIMIT $2",
        )
        .bind(job.0)
        .bind(limit)
        .fetch_all(&self.pool)
        .await
        .map_err(Error::of("ledger.mismatches"))?;
        rows.iter()
            .map(|row| {
                Ok((
                    row.try_get::<i32, _>("fill")?.unsigned_abs(),
                    Mismatch {
                        leaf_oid: oid(row)?,
                        leaf: leaf_of(row)?,
                        key: row.try_get("row_key")?,
                        block: block(row, "block")?,
                        detail: row.try_get("detail")?,
                    },
                ))
            })
            .collect::<Result<_, sqlx::Error>>()
            .map_err(Error::of("ledger.mismatches"))
    }
}

/// What one short read of a check covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckedRange {
    /// The leaf.
    pub leaf_oid: u32,
    /// First block read.
    pub from: u64,
    /// Block after the last one read.
    pub to: u64,
    /// Rows read.
    pub rows_checked: u64,
    /// Rows found wrong.
    pub rows_mismatched: u64,
    /// Whether the leaf ends here.
    pub last: Last,
}

/// Whether a read was the last one of its leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Last {
    /// It was.
    Yes,
    /// There is more.
    No,
}

struct FoundBy {
    job: JobId,
    fill: u32,
    round: u32,
    chunk: Option<ChunkId>,
}

async fn insert_mismatches(
    conn: &mut PgConnection,
    found: FoundBy,
    mismatches: &[Mismatch],
) -> Result<(), Error> {
    for mismatch in mismatches {
        sqlx::query(
            "/* ledger.mismatch_insert */
            INSERT INTO sluice.mismatch (job, fill, round, chunk, leaf_oid, leaf_schema, leaf_name, row_key, block, detail)
            SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10
            WHERE NOT EXISTS (
                    SELECT FROM sluice.mismatch
                    WHERE job = $1 AND fill = $2 AND leaf_oid = $5 AND row_key = $8 AND resolved_at IS NULL)
                AND (SELECT count(*) FROM sluice.mismatch WHERE job = $1 AND resolved_at IS NULL) < $11",
        )
        .bind(found.job.0)
        .bind(found.fill as i32)
        .bind(found.round as i32)
        .bind(found.chunk.map(|c| c.0))
        .bind(i64::from(mismatch.leaf_oid))
        .bind(&mismatch.leaf.schema)
        .bind(&mismatch.leaf.name)
        .bind(&mismatch.key)
        .bind(mismatch.block as i64)
        .bind(&mismatch.detail)
        .bind(MISMATCH_LIMIT)
        .execute(&mut *conn)
        .await
        .map_err(Error::of("ledger.mismatch_insert"))?;
    }
    Ok(())
}

/// Starts over: what was found wrong is to be looked at again, chunk by chunk, in a new round.
///
/// # Errors
/// What the database says.
pub async fn forget_findings(conn: &mut PgConnection, job: JobId) -> Result<(), Error> {
    sqlx::query(
        "/* ledger.chunks_reverify */
        UPDATE sluice.chunk
        SET verification = 'pending',
            verified_at = NULL
        WHERE job = $1
            AND verification IN ('mismatched', 'unreadable')",
    )
    .bind(job.0)
    .execute(&mut *conn)
    .await
    .map_err(Error::of("ledger.chunks_reverify"))?;
    sqlx::query(
        "/* ledger.mismatches_resolve */
        UPDATE sluice.mismatch SET resolved_at = now() WHERE job = $1 AND resolved_at IS NULL",
    )
    .bind(job.0)
    .execute(conn)
    .await
    .map_err(Error::of("ledger.mismatches_resolve"))?;
    Ok(())
}
