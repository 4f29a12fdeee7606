//! Leaves that came after the sweep or the check that should have read them.
//!
//! A partition that was made empty has been filled through the triggers: a quick read of it shows that nothing is wrong, and it is
//! noted as read. One that was attached with rows is not, and must be swept. So a table that gets a partition every hour goes
//! on, and ATTACH PARTITION of a filled table, which fires no trigger, is found.

use std::time::Duration;

use engine::catalog::Leaf;
use engine::db::Raw;
use engine::postgres::session::{BEGIN_READ_ONLY, BatchSettings, set_local};
use engine::postgres::{catalog, fingerprint, ident};
use ledger::Plan;
use ledger::checks::{CheckedRange, Last};
use ledger::plan::Fill;
use proto::JobId;
use sqlx::Connection as _;

use super::{Error, TargetPlanner};

/// A partition that is new is small; one that takes longer to read was attached, or is swept like one.
const LONGEST_READ: Duration = Duration::from_secs(2);

/// A leaf with rows that is not among `known`, and what it looks like. Asked as the owner: a partition of this hour has no grants
/// of its own yet.
async fn stranger(
    planner: &TargetPlanner,
    plan: &Plan,
    fill: &Fill,
    known: &[u32],
) -> Result<Option<(Leaf, Looks)>, Error> {
    let failed = || engine::postgres::Error::query("look for new partitions".to_owned());
    let mut conn = planner
        .target
        .owner
        .acquire()
        .await
        .map_err(failed())
        .map_err(planner.engine_error())?;
    // A file has no partitions.
    let Raw::Postgres(conn) = conn.raw() else {
        return Ok(None);
    };
    let mut tx = conn
        .begin_with(BEGIN_READ_ONLY)
        .await
        .map_err(failed())
        .map_err(planner.engine_error())?;
    let leaves = catalog::leaves(&mut tx, &fill.table)
        .await
        .map_err(planner.engine_error())?;
    let new = leaves
        .into_iter()
        .find(|leaf| leaf.blocks > 0 && !known.contains(&leaf.oid));
    let Some(leaf) = new else { return Ok(None) };
    let settings = BatchSettings {
        statement_timeout: LONGEST_READ,
        lock_timeout: LONGEST_READ,
        idle_timeout: LONGEST_READ,
        search_path: plan.search_path.clone(),
    };
    set_local(&mut tx, &settings)
        .await
        .map_err(planner.engine_error())?;
    let root = catalog::oid(&mut tx, &fill.table)
        .await
        .map_err(planner.engine_error())?;
    let print = match root {
        Some(root) => fingerprint::leaf(&mut tx, root, leaf.oid)
            .await
            .map_err(planner.engine_error())?,
        None => None,
    };
    let Some(print) = print else { return Ok(None) };
    let name = ident::table(&leaf.name)
        .map_err(engine::postgres::Error::from)
        .map_err(planner.engine_error())?;
    let text = format!(
        "/* sluice:planner.new_leaf */ SELECT count(*), count(*) FILTER (WHERE {}) FROM ONLY {name} AS {}",
        fill.wrong, fill.alias
    );
    // What raises, or takes too long, is not called right.
    let counted: Result<(i64, i64), sqlx::Error> = engine::sql::query_as(text).fetch_one(&mut *tx).await;
    let looks = match counted {
        Ok((rows, 0)) => Looks::Right {
            rows: rows.unsigned_abs(),
            fingerprint: print.0,
        },
        Ok(_) | Err(_) => Looks::Unread,
    };
    Ok(Some((leaf, looks)))
}

/// What a new leaf looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Looks {
    /// Every row is right.
    Right {
        /// How many there are.
        rows: u64,
        /// What was read.
        fingerprint: String,
    },
    /// Some row is wrong, or nobody could tell in time.
    Unread,
}

/// The first leaf of a fill that is not right and that `known` does not have; right ones are noted as checked in `round`.
pub(super) async fn unchecked(
    planner: &TargetPlanner,
    job: JobId,
    plan: &Plan,
    fill: &Fill,
    round: u32,
) -> Result<Option<String>, Error> {
    let ledger = &planner.target.ledger;
    loop {
        let read = ledger
            .check_leaves(job, fill.id, round)
            .await
            .map_err(planner.ledger_error())?;
        let known: Vec<u32> = read.iter().map(|leaf| leaf.oid).collect();
        let Some((leaf, looks)) = stranger(planner, plan, fill, &known).await? else {
            return Ok(None);
        };
        let Looks::Right { rows, fingerprint } = looks else {
            return Ok(Some(format!("{}.{}", leaf.name.schema, leaf.name.name)));
        };
        let range = CheckedRange {
            leaf_oid: leaf.oid,
            fingerprint: &fingerprint,
            from: 0,
            to: leaf.blocks,
            rows_checked: rows,
            rows_mismatched: 0,
            last: Last::Yes,
        };
        ledger
            .begin_check(job, fill.id, round, &[(leaf.clone(), fingerprint.clone())])
            .await
            .map_err(planner.ledger_error())?;
        ledger
            .record_check(job, fill.id, round, &range, &[])
            .await
            .map_err(planner.ledger_error())?;
    }
}

/// The first leaf of a fill that is not right and that is not among `known`.
pub(super) async fn attached(
    planner: &TargetPlanner,
    plan: &Plan,
    fill: &Fill,
    mut known: Vec<u32>,
) -> Result<Option<String>, Error> {
    while let Some((leaf, looks)) = stranger(planner, plan, fill, &known).await? {
        if looks == Looks::Unread {
            return Ok(Some(format!("{}.{}", leaf.name.schema, leaf.name.name)));
        }
        known.push(leaf.oid);
    }
    Ok(None)
}
