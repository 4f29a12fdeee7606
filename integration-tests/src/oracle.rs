//! Slow, obvious answers to the questions that correctness tests ask.
//!
//! An oracle shares no code with what it judges: it reads tables and counts. It uses a superuser's
//! connection, so that neither row security nor a missing grant can hide a row from it.

mod audit;
mod file;
mod tiles;

use proto::JobId;
use sqlx::{PgConnection, Row};

pub use audit::{
    Sides, audit, audit_sides, left_wrong, rewritten_though_right, rewritten_twice, rows_logged,
    rows_logged_for_sluice,
};
pub use file::chunks_of_a_file_tile;
pub use tiles::{Range, Tiled, tile};

/// How many rows of a table satisfy a condition such as `new IS DISTINCT FROM up(old)`.
///
/// # Errors
/// The server refuses.
pub async fn mismatched(conn: &mut PgConnection, table: &str, wrong: &str) -> sqlx::Result<i64> {
    engine::sql::scalar(format!(
        "SELECT count(*) FROM {table} WHERE ({wrong}) IS NOT FALSE"
    ))
    .fetch_one(conn)
    .await
}

/// Checks invariant 1 for every sweep of a job: within each leaf the chunks are neither missing nor
/// overlapping, and the last sweep of each fill is done up to its bound. Returns how many chunks it saw.
///
/// # Errors
/// Says which leaf of which sweep is not tiled, and where.
pub async fn chunks_tile(conn: &mut PgConnection, job: JobId) -> anyhow::Result<usize> {
    let mut seen = 0;
    let leaves = sqlx::query(
        "SELECT fill, sweep, leaf_oid, leaf_name, blocks,
                sweep = max(sweep) OVER (PARTITION BY fill) AS is_last
         FROM sluice.sweep WHERE job = $1 ORDER BY fill, sweep, leaf_oid",
    );
    for leaf in leaves.bind(job.0).fetch_all(&mut *conn).await? {
        let (fill, sweep, oid): (i32, i32, i64) = (leaf.try_get(0)?, leaf.try_get(1)?, leaf.try_get(2)?);
        let (name, blocks, is_last): (String, i64, bool) =
            (leaf.try_get(3)?, leaf.try_get(4)?, leaf.try_get(5)?);
        let chunks = sqlx::query(
            "SELECT first_block, end_block, state = 'done' AS done FROM sluice.chunk
             WHERE job = $1 AND fill = $2 AND sweep = $3 AND leaf_oid = $4 AND kind = 'sweep'",
        );
        let rows = chunks
            .bind(job.0)
            .bind(fill)
            .bind(sweep)
            .bind(oid)
            .fetch_all(&mut *conn)
            .await?;
        let ranges = rows.iter().map(|row| {
            Ok(Range {
                first: row.try_get(0)?,
                end: row.try_get(1)?,
                done: row.try_get(2)?,
            })
        });
        let ranges = ranges.collect::<sqlx::Result<Vec<_>>>()?;
        seen += ranges.len();
        let expected = if is_last {
            Tiled::DoneUpTo(blocks)
        } else {
            Tiled::WithoutOverlapUpTo(blocks)
        };
        if let Err(fault) = tile(ranges, expected) {
            anyhow::bail!("fill {fill}, sweep {sweep}, leaf {name}: {fault}");
        }
    }
    Ok(seen)
}

/// Rows that the ledger says the job's chunks changed, repairs included.
///
/// # Errors
/// The server refuses.
pub async fn rows_changed(conn: &mut PgConnection, job: JobId) -> sqlx::Result<i64> {
    let sum = "SELECT coalesce(sum(rows_changed), 0)::bigint FROM sluice.chunk WHERE job = $1";
    sqlx::query_scalar(sum).bind(job.0).fetch_one(conn).await
}
