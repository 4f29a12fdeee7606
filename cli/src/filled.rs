//! How far a fill is, where blocks do not tell: on SQLite a run of rowids may be full or empty, and one row with a rowid of a billion makes
//! a table of ten rows look endless. There rows are counted instead.
//!
//! How many there are is taken from the last ANALYZE, or counted in a table that is small for sure; otherwise blocks have to do.

use engine::db::{self, Connection};
use ledger::plan::Fill;
use ledger::status::Counts;
use ledger::{Ledger, Plan};

/// Rowids below which a table is counted: a fraction of a second.
const COUNTED: i64 = 3_000_000;

/// The same counts, with the rows of a file's tables in the place of blocks.
pub async fn by_rows(ledger: &Ledger, plan: &Plan, counts: Counts) -> Counts {
    if counts.blocks_done >= counts.blocks_total || plan.fills.iter().all(|fill| fill.row.is_none()) {
        return counts;
    }
    match rows(ledger, plan).await {
        Ok(Some(rows)) => Counts {
            blocks_total: rows.max(1),
            // Not all of them before every chunk is done: the number is an estimate.
            blocks_done: counts.rows_seen.min(rows.saturating_sub(1)),
            ..counts
        },
        Ok(None) => counts,
        Err(error) => {
            tracing::debug!(%error, "the rows of a table could not be counted");
            counts
        }
    }
}

async fn rows(ledger: &Ledger, plan: &Plan) -> Result<Option<u64>, sqlx::Error> {
    let mut conn = ledger.pool().acquire().await?;
    let mut total = 0;
    for fill in &plan.fills {
        match of_fill(&mut conn, fill).await? {
            Some(rows) => total += rows.unsigned_abs(),
            None => return Ok(None),
        }
    }
    Ok(Some(total))
}

async fn of_fill(conn: &mut Connection, fill: &Fill) -> Result<Option<i64>, sqlx::Error> {
    const ANALYZED: &str = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat1')";
    const ROWS: &str = "SELECT max(CAST(stat AS INTEGER)) FROM sqlite_stat1 WHERE tbl = $1 COLLATE NOCASE";
    if db::scalar(ANALYZED).fetch_one(&mut *conn).await? {
        let rows: Option<i64> = db::scalar(ROWS)
            .bind(&fill.table.name)
            .fetch_one(&mut *conn)
            .await?;
        if rows.is_some() {
            return Ok(rows);
        }
    }
    let Some(row) = &fill.row else { return Ok(None) };
    let last: Option<i64> = db::scalar(format!("SELECT max({row}) FROM {}", fill.alias))
        .fetch_one(&mut *conn)
        .await?;
    if last.is_some_and(|last| last > COUNTED) {
        return Ok(None);
    }
    db::scalar(format!("SELECT count(*) FROM {}", fill.alias))
        .fetch_one(conn)
        .await
        .map(Some)
}
