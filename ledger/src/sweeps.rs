//! Sweeps: which leaves a pass over a table covers, up to which block, and with which fingerprint.

use engine::catalog::TableName;
use engine::db::{self, Connection};
use proto::JobId;

use crate::chunks::{block, leaf_of, oid};
use crate::error::Error;
use crate::open::Ledger;

/// One leaf of a sweep. The bound is read after the triggers committed, in a new snapshot (PITFALLS 23).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SweepLeaf {
    /// Number within the sweep.
    pub seq: u32,
    /// `pg_class.oid`.
    pub oid: u32,
    /// Its name.
    pub name: TableName,
    /// Blocks to cover: `[0, blocks)`.
    pub blocks: u64,
    /// Fingerprint when the sweep began.
    pub fingerprint: String,
}

/// Records the leaves of a new sweep.
///
/// # Errors
/// What the database says.
pub async fn create(
    conn: &mut Connection,
    job: JobId,
    fill: u32,
    sweep: u32,
    leaves: &[SweepLeaf],
) -> Result<(), Error> {
    for leaf in leaves {
        db::query(
            "/* ledger.sweep_insert */
            INSERT INTO sluice.sweep (job, fill, sweep, seq, leaf_oid, leaf_schema, leaf_name, blocks, fingerprint)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
            ON CONFLICT DO NOTHING",
        )
        .bind(job.0)
        .bind(fill as i32)
        .bind(sweep as i32)
        .bind(leaf.seq as i32)
        .bind(i64::from(leaf.oid))
        .bind(&leaf.name.schema)
        .bind(&leaf.name.name)
        .bind(leaf.blocks as i64)
        .bind(&leaf.fingerprint)
        .execute(&mut *conn)
        .await
        .map_err(Error::of("ledger.sweep_insert"))?;
    }
    Ok(())
}

impl Ledger {
    /// The leaves of a sweep, in order.
    ///
    /// # Errors
    /// What the database says.
    pub async fn sweep_leaves(&self, job: JobId, fill: u32, sweep: u32) -> Result<Vec<SweepLeaf>, Error> {
        let rows = db::query(
            "/* ledger.sweep_leaves */
            SELECT seq, leaf_oid, leaf_schema, leaf_name, blocks, fingerprint
            FROM sluice.sweep
            WHERE job = $1
                AND fill = $2
                AND sweep = $3
            ORDER BY seq",
        )
        .bind(job.0)
        .bind(fill as i32)
        .bind(sweep as i32)
        .fetch_all(&self.pool)
        .await
        .map_err(Error::of("ledger.sweep_leaves"))?;
        rows.iter()
            .map(|row| {
                Ok(SweepLeaf {
                    seq: row.try_get::<i32, _>("seq")?.unsigned_abs(),
                    oid: oid(row)?,
                    name: leaf_of(row)?,
                    blocks: block(row, "blocks")?,
                    fingerprint: row.try_get("fingerprint")?,
                })
            })
            .collect::<Result<_, sqlx::Error>>()
            .map_err(Error::of("ledger.sweep_leaves"))
    }
}
