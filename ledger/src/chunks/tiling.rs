//! The proof that the chunks of a sweep tile its range (invariant 1), as a query that lists what they do not.

use engine::db;
use proto::JobId;

use crate::error::Error;
use crate::open::Ledger;

/// Invariant 1 as a query: what is not tiled.
pub const TILING: &str = "/* ledger.tiling */
WITH edges AS (
    SELECT leaf_oid,
        first_block,
        end_block,
        lag(end_block, 1, 0::bigint) OVER (PARTITION BY leaf_oid ORDER BY first_block) AS expected
    FROM sluice.chunk
    WHERE job = $1
        AND fill = $2
        AND sweep = $3
        AND kind = 'sweep')
SELECT format('leaf %s: a chunk begins at block %s, expected %s', leaf_oid, first_block, expected)
FROM edges
WHERE first_block <> expected
UNION ALL
SELECT format('leaf %s.%s: chunks end at block %s, its bound is %s', s.leaf_schema, s.leaf_name,
    coalesce(max(e.end_block), 0), s.blocks)
FROM sluice.sweep s
LEFT JOIN edges e ON e.leaf_oid = s.leaf_oid
WHERE s.job = $1
    AND s.fill = $2
    AND s.sweep = $3
GROUP BY s.leaf_oid, s.leaf_schema, s.leaf_name, s.blocks
HAVING coalesce(max(e.end_block), 0) <> s.blocks";

impl Ledger {
    /// Proves that the chunks of a sweep tile its leaves: one line per gap, overlap or missing end (invariant 1).
    ///
    /// # Errors
    /// What the database says.
    pub async fn tiling_faults(&self, job: JobId, fill: u32, sweep: u32) -> Result<Vec<String>, Error> {
        db::scalar(TILING)
            .bind(job.0)
            .bind(fill as i32)
            .bind(sweep as i32)
            .fetch_all(&self.pool)
            .await
            .map_err(Error::of("ledger.tiling"))
    }
}
