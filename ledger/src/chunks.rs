//! Chunks: ranges of blocks of a leaf, and the cursor that advances with the rows.
//!
//! `issue` makes a chunk with its cursor and its task; `fence` is how a batch advances under its lease; `leave` whether it
//! may; `finish` its end; `facts` what the planner sees of a sweep; `tiling` the proof that a sweep leaves nothing out.

mod facts;
mod fence;
mod finish;
mod issue;
mod leave;
mod row;
mod tiling;

use engine::catalog::TableName;
use engine::db;
use proto::{ChunkId, JobId};

use crate::error::Error;
use crate::open::Ledger;

pub use facts::{FailedChunk, RecentChunks, SweepFacts};
pub(crate) use fence::move_fence;
pub use fence::{Progress, advance, batch_mark};
pub use issue::{ChunkKind, NewChunk, create};
pub use leave::{Leave, SLOWEST, STALE_AFTER, leave, leave_to_write};
pub(crate) use row::{block, leaf_of, oid, read_chunk};
pub use tiling::TILING;

/// A chunk as a worker or a verifier reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Identity.
    pub id: ChunkId,
    /// Its job.
    pub job: JobId,
    /// Fill of the plan.
    pub fill: u32,
    /// Sweep.
    pub sweep: u32,
    /// The leaf, by oid.
    pub leaf_oid: u32,
    /// The leaf, by name.
    pub leaf: TableName,
    /// Fingerprint that each batch compares.
    pub fingerprint: String,
    /// First block of the range.
    pub first_block: u64,
    /// Block after the last one.
    pub end_block: u64,
    /// Next block to work.
    pub cursor_block: u64,
}

impl Ledger {
    /// Reads a chunk with its cursor.
    ///
    /// # Errors
    /// What the database says.
    pub async fn chunk(&self, id: ChunkId) -> Result<Chunk, Error> {
        let row = db::query(
            "/* ledger.chunk */
            SELECT c.id, c.job, c.fill, c.sweep, c.leaf_oid, c.leaf_schema, c.leaf_name, c.fingerprint, c.first_block,
                c.end_block, k.cursor_block
            FROM sluice.chunk c
            JOIN sluice.chunk_cursor k ON k.chunk = c.id
            WHERE c.id = $1",
        )
        .bind(id.0)
        .fetch_one(&self.pool)
        .await
        .map_err(Error::of("ledger.chunk"))?;
        read_chunk(&row).map_err(Error::of("ledger.chunk"))
    }
}
