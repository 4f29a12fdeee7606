//! Taking hold of a chunk's cursor at the beginning of a batch.
//!
//! A batch must begin where the last committed one ended, and nobody's memory says where that is: a worker that
//! lost its connection in COMMIT does not know, and a zombie's COMMIT may still be under way. So the batch's
//! own transaction locks the cursor row first and reads it. Step by step: worker A's connection breaks in COMMIT;
//! A reconnects while the server still works on that COMMIT; A's next batch waits here for the row (or runs into
//! its lock timeout and tries again) and then reads what became of it. Without the lock it would read the old
//! position, and the rows of one range would be counted twice.
//!
//! The row is the chunk's own: nobody else waits for it, except whoever takes the chunk over.

use engine::db::{self, Connection};
use proto::ChunkId;

use crate::chunks::batch_mark;
use crate::error::Error;
use crate::tasks::Fence;

/// Locks a chunk's cursor under the fence, inside the batch's transaction, and says which block is next.
///
/// # Errors
/// [`Error::LeaseLost`] if another attempt owns the chunk.
pub async fn hold(conn: &mut Connection, chunk: ChunkId, fence: Fence) -> Result<u64, Error> {
    let next: Option<i64> = db::scalar(format!(
        "/* ledger.cursor_hold {} */
        SELECT cursor_block
        FROM sluice.chunk_cursor
        WHERE chunk = $1
            AND attempt = $2
            AND lease = $3
        FOR NO KEY UPDATE",
        batch_mark(fence.lease)
    ))
    .bind(chunk.0)
    .bind(fence.attempt)
    .bind(fence.lease.0)
    .fetch_optional(conn)
    .await
    .map_err(Error::of("ledger.cursor_hold"))?;
    next.map(i64::unsigned_abs).ok_or(Error::LeaseLost { chunk })
}
