//! Chunks as the planner makes them: row, cursor and task together.

use engine::catalog::TableName;
use engine::db::{self, Connection};
use proto::{ChunkId, JobId, TaskId};

use crate::error::Error;
use crate::tasks::{self, Work};

/// Why a chunk exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkKind {
    /// Part of a sweep over the whole table.
    Sweep,
    /// Covers rows that were found wrong, on command.
    Repair,
}

impl ChunkKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Sweep => "sweep",
            Self::Repair => "repair",
        }
    }
}

/// A range to work, as the planner makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewChunk {
    /// Identity, deterministic in (job, fill, sweep, seq).
    pub id: ChunkId,
    /// Fill of the plan.
    pub fill: u32,
    /// Sweep number, from 1.
    pub sweep: u32,
    /// Number within the sweep, from 0.
    pub seq: u64,
    /// Why.
    pub kind: ChunkKind,
    /// The leaf, by oid.
    pub leaf_oid: u32,
    /// The leaf, by name.
    pub leaf: TableName,
    /// Fingerprint of the leaf that the sweep began with.
    pub fingerprint: String,
    /// First block of the range.
    pub first_block: u64,
    /// Block after the last one.
    pub end_block: u64,
}

/// Makes a chunk, its cursor and its task; nothing if it exists.
///
/// # Errors
/// What the database says.
pub async fn create(conn: &mut Connection, job: JobId, chunk: &NewChunk) -> Result<(), Error> {
    db::query(
        "/* ledger.chunk_insert */
        INSERT INTO sluice.chunk (id, job, fill, sweep, seq, kind, leaf_oid, leaf_schema, leaf_name, fingerprint,
            first_block, end_block)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        ON CONFLICT DO NOTHING",
    )
    .bind(chunk.id.0)
    .bind(job.0)
    .bind(chunk.fill as i32)
    .bind(chunk.sweep as i32)
    .bind(chunk.seq as i64)
    .bind(chunk.kind.as_str())
    .bind(i64::from(chunk.leaf_oid))
    .bind(&chunk.leaf.schema)
    .bind(&chunk.leaf.name)
    .bind(&chunk.fingerprint)
    .bind(chunk.first_block as i64)
    .bind(chunk.end_block as i64)
    .execute(&mut *conn)
    .await
    .map_err(Error::of("ledger.chunk_insert"))?;
    db::query(
        "/* ledger.cursor_insert */
        INSERT INTO sluice.chunk_cursor (chunk, cursor_block) VALUES ($1, $2) ON CONFLICT DO NOTHING",
    )
    .bind(chunk.id.0)
    .bind(chunk.first_block as i64)
    .execute(&mut *conn)
    .await
    .map_err(Error::of("ledger.cursor_insert"))?;
    tasks::create(
        conn,
        TaskId::of_chunk(chunk.id),
        job,
        Work::Chunk {
            fill: chunk.fill,
            chunk: chunk.id,
        },
    )
    .await
}
