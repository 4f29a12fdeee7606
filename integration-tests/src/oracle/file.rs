//! The same questions about a ledger in a file, which has one leaf a fill.

use engine::db::{self, Connection};
use proto::JobId;

use super::tiles::{Range, Tiled, tile};

/// Checks invariant 1 for every sweep of a job. Returns how many chunks it saw.
///
/// # Errors
/// Says which sweep is not tiled, and where.
pub async fn chunks_of_a_file_tile(conn: &mut Connection, job: JobId) -> anyhow::Result<usize> {
    const SWEEPS: &str = "SELECT fill, sweep, leaf_oid, blocks, sweep = max(sweep) OVER (PARTITION BY fill) FROM sluice.sweep WHERE job = $1";
    const CHUNKS: &str = "SELECT first_block, end_block, state = 'done' FROM sluice.chunk
        WHERE job = $1 AND fill = $2 AND sweep = $3 AND leaf_oid = $4 AND kind = 'sweep'";
    let mut seen = 0;
    for sweep in db::query(SWEEPS).bind(job.0).fetch_all(&mut *conn).await? {
        let (fill, number, oid): (i32, i32, i64) = (sweep.try_get(0)?, sweep.try_get(1)?, sweep.try_get(2)?);
        let chunks = db::query(CHUNKS).bind(job.0).bind(fill).bind(number).bind(oid);
        let mut ranges = Vec::new();
        for row in chunks.fetch_all(&mut *conn).await? {
            ranges.push(Range {
                first: row.try_get(0)?,
                end: row.try_get(1)?,
                done: row.try_get(2)?,
            });
        }
        seen += ranges.len();
        let (bound, is_last) = (sweep.try_get(3)?, sweep.try_get::<bool, _>(4)?);
        let expected = if is_last {
            Tiled::DoneUpTo(bound)
        } else {
            Tiled::WithoutOverlapUpTo(bound)
        };
        if let Err(fault) = tile(ranges, expected) {
            anyhow::bail!("fill {fill}, sweep {number}: {fault}");
        }
    }
    Ok(seen)
}
