//! The copy: a table of the live one's shape with some of its rows, what is run on it, and what that cost.
//!
//! It is a plain table, because a temporary one writes no log. It lives in the live table's schema, where the owner role may create
//! anyway, inside a transaction that the caller takes back. Bounds: the rows and blocks of [`live`],
//! [`STATEMENT`] a statement, and no batch is begun after [`BATCHES`].
//!
//! What may fail without spoiling the rest (the mirror needs the ledger's schema, the trial of a write may raise) runs under a savepoint.

mod live;
mod mirror;

use std::ops::Range;
use std::time::Duration;

use engine::catalog::TableName;
use engine::postgres::error::Error;
use engine::postgres::session::{BatchSettings, set_local};
use engine::postgres::{ident, triggers};
use engine::sql;
use ledger::Plan;
use ledger::plan::{Fill, Phase};
use planner::compile::{self, Acknowledged};
use planner::spec::Spec;
use serde_json::Value;
use sqlx::PgConnection;

use super::estimate::{Mirror, Sample};
use super::explain::{self, Cost, EXPLAIN};
use super::{Failure, Tried};
use live::Live;

/// Batches that the sample is gone through in.
const STEPS: u64 = 10;
/// One statement.
const STATEMENT: Duration = Duration::from_secs(20);
/// After it no further batch is begun.
const BATCHES: Duration = Duration::from_secs(10);
/// A wait for the live table: below the server's usual `deadlock_timeout`.
const LOCK: Duration = Duration::from_millis(500);
/// A process that is stopped in the middle loses its transaction after it.
const IDLE: Duration = Duration::from_secs(30);

/// The copy, inside its transaction.
struct Copy {
    name: TableName,
    quoted: String,
    oid: u32,
    /// Columns that can be written, unquoted.
    columns: Vec<String>,
}

/// Makes the copy of a fill's table, runs the fill on it and tries the mirror. The caller takes the transaction back.
pub(super) async fn measured(
    conn: &mut PgConnection,
    (spec, acknowledged): (&Spec, &Acknowledged),
    plan: &Plan,
    fill: &Fill,
) -> Result<Tried, Failure> {
    let settings = BatchSettings {
        statement_timeout: STATEMENT,
        lock_timeout: LOCK,
        idle_timeout: IDLE,
        search_path: plan.search_path.clone(),
    };
    set_local(conn, &settings).await?;
    let live = Live::read(conn, &fill.table).await?;
    let copy = live
        .copied(conn, &format!("sluice_{}_measured", plan.tag))
        .await?;
    let plan = compile::compile_for_copy(conn, spec, (&fill.table, &copy.name), acknowledged)
        .await
        .map_err(Failure::Copy)?;
    let Some(of_copy) = plan.fills.first() else {
        return Err(Failure::Unfit("the plan fills nothing on a copy of the table"));
    };
    let unmirrored = expand(conn, &plan).await?;
    let sample = filled(conn, &live, &copy, of_copy).await?;
    let mirror = match unmirrored {
        Some(reason) => Mirror::NotMeasured(reason),
        None => mirror::tried(conn, &copy, &plan).await?,
    };
    Ok(Tried {
        sample,
        mirror,
        whole: live.whole,
    })
}

/// The plan's own steps. Some(why) if the mirror could not be put in place; everything else has to succeed.
async fn expand(conn: &mut PgConnection, plan: &Plan) -> Result<Option<String>, Failure> {
    let mut unmirrored = None;
    for step in plan.steps_of(Phase::Expand) {
        // The mirror's is the only one that another body replaces.
        if step.holds_until == Some(Phase::Lead) {
            unmirrored = mirror::installed(conn, step).await?;
            continue;
        }
        for statement in &step.statements {
            run(conn, statement, || format!("{} on a copy", step.title)).await?;
        }
    }
    Ok(unmirrored)
}

/// Goes through the copy in batches, as a fill goes through the table.
async fn filled(conn: &mut PgConnection, live: &Live, copy: &Copy, fill: &Fill) -> Result<Sample, Failure> {
    // As on the live table: whose own triggers decide whether a batch may skip the mirror's function.
    let alone = triggers::declare_alone(conn, live.oid, live.leaf_oid).await?;
    let before = Size::of(conn, copy.oid).await?;
    let blocks = before.heap.div_ceil(8192);
    let ranges = ranges(blocks);
    // Counted before the first batch, whose rows may land in the last block.
    let mut counts = Vec::new();
    for range in &ranges {
        counts.push(live_rows(conn, copy, fill, range).await?);
    }
    let (mut rows, mut cost) = (0, Cost::default());
    for (range, count) in ranges.iter().zip(counts) {
        if cost.milliseconds > BATCHES.as_secs_f64() * 1000.0 {
            break;
        }
        rows += count;
        let batch = fill.batch_sql(&copy.quoted, range, "sluice:cli.measure_batch");
        cost = cost.and(explained(conn, &batch, "run a batch over the sample").await?);
    }
    let after = Size::of(conn, copy.oid).await?;
    Ok(Sample {
        rows,
        changed: cost.changed,
        hot: after.hot.saturating_sub(before.hot),
        took: Duration::from_secs_f64(cost.milliseconds / 1000.0),
        wal_bytes: cost.wal_bytes,
        full_pages: cost.full_pages,
        heap_growth: after.heap.saturating_sub(before.heap),
        index_growth: after.indexes.saturating_sub(before.indexes),
        new_bytes: new_bytes(conn, copy, fill).await?,
        alone,
    })
}

/// At most [`STEPS`] ranges that tile the blocks.
fn ranges(blocks: u64) -> Vec<Range<u64>> {
    let step = blocks.div_ceil(STEPS).max(1);
    let starts = (0..blocks).step_by(usize::try_from(step).unwrap_or(usize::MAX));
    starts.map(|start| start..(start + step).min(blocks)).collect()
}

async fn live_rows(
    conn: &mut PgConnection,
    copy: &Copy,
    fill: &Fill,
    range: &Range<u64>,
) -> Result<u64, Error> {
    let text = format!(
        "/* sluice:cli.measure_seen */ SELECT count(*) FROM {} WHERE {}",
        fill.only(&copy.quoted),
        fill.within(range)
    );
    number(conn, text, "count the rows of the sample").await
}

/// What the new columns hold, as they are stored.
async fn new_bytes(conn: &mut PgConnection, copy: &Copy, fill: &Fill) -> Result<u64, Error> {
    let columns: Result<Vec<String>, _> = fill
        .columns
        .iter()
        .map(|column| {
            ident::quote(&column.column).map(|name| format!("coalesce(pg_catalog.pg_column_size({name}), 0)"))
        })
        .collect();
    let text = format!(
        "/* sluice:cli.measure_new */ SELECT coalesce(sum({}), 0)::int8 FROM ONLY {}",
        columns?.join(" + "),
        copy.quoted
    );
    number(conn, text, "measure the new values").await
}

async fn number(conn: &mut PgConnection, text: String, doing: &str) -> Result<u64, Error> {
    let number: i64 = sql::scalar(text)
        .fetch_one(conn)
        .await
        .map_err(Error::query(doing))?;
    Ok(number.unsigned_abs())
}

/// How large the copy is, and how many rows of it were updated on their page.
struct Size {
    heap: u64,
    indexes: u64,
    hot: u64,
}

impl Size {
    async fn of(conn: &mut PgConnection, table: u32) -> Result<Self, Error> {
        const SQL: &str = "/* sluice:cli.measure_size */ \
            SELECT pg_catalog.pg_relation_size($1::int8::oid), pg_catalog.pg_indexes_size($1::int8::oid), \
                pg_catalog.pg_stat_get_xact_tuples_hot_updated($1::int8::oid)";
        let (heap, indexes, hot): (i64, i64, i64) = sql::query_as(SQL)
            .bind(i64::from(table))
            .fetch_one(conn)
            .await
            .map_err(Error::query("read the size of the copy"))?;
        Ok(Self {
            heap: heap.unsigned_abs(),
            indexes: indexes.unsigned_abs(),
            hot: hot.unsigned_abs(),
        })
    }
}

/// Runs a statement and answers with its costs.
async fn explained(conn: &mut PgConnection, statement: &str, doing: &str) -> Result<Cost, Failure> {
    let answer: Value = sql::scalar(format!("{EXPLAIN} {statement}"))
        .fetch_one(conn)
        .await
        .map_err(Error::query(doing))?;
    explain::cost(&answer).ok_or(Failure::Unfit(
        "the server explains a statement in a form that is not known",
    ))
}

async fn run(conn: &mut PgConnection, statement: &str, doing: impl FnOnce() -> String) -> Result<u64, Error> {
    sql::execute_script(conn, statement)
        .await
        .map_err(Error::query(doing()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_batches_tile_the_copy() {
        assert!(ranges(0).is_empty());
        assert_eq!(ranges(2), [0..1, 1..2]);
        assert_eq!(ranges(25).last(), Some(&(24..25)));
        assert_eq!(
            ranges(25)
                .iter()
                .map(|range| range.end - range.start)
                .sum::<u64>(),
            25
        );
    }
}
