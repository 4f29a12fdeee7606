//! The check of a whole table: one row a leaf, advanced by compare-and-set, so that it survives its verifier.

use engine::catalog::TableName;
use engine::db;
use proto::JobId;

use super::mismatch::{FoundBy, Mismatch, insert_mismatches};
use crate::chunks::{block, leaf_of, oid};
use crate::error::Error;
use crate::open::Ledger;

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

/// What one short read of a check covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckedRange<'a> {
    /// The leaf.
    pub leaf_oid: u32,
    /// What the leaf looked like.
    pub fingerprint: &'a str,
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

impl Ledger {
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
            db::query(
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
        db::query(
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
        let rows = db::query(
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

    /// Records what reading blocks `[from, to)` of a leaf found; `from` must be where the cursor is, and the leaf must be the one that the
    /// check has read so far (false otherwise: another verifier did it, or began anew).
    ///
    /// # Errors
    /// What the database says.
    pub async fn record_check(
        &self,
        job: JobId,
        fill: u32,
        round: u32,
        read: &CheckedRange<'_>,
        mismatches: &[Mismatch],
    ) -> Result<bool, Error> {
        let mut tx = self
            .pool
            .begin()
            .await
            .map_err(Error::of("ledger.check_advance"))?;
        let done = db::query(
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
                AND fingerprint = $10
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
        .bind(read.fingerprint)
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
}
