//! Rows in quarantine: they are no findings of a read, but as long as one cannot be computed nothing proceeds.
//!
//! An entry is resolved when its row is right now, or gone: the application mended it, and the trigger computed it. It is
//! found by its key over the root, because an update may have moved it. A table without a key names whole rows, by
//! which none is found again: there a check that reads the whole table and finds nothing resolves what it had seen when it
//! began, and its reads set nothing aside. Such a key is never told: it is the row.

use std::collections::BTreeSet;
use std::time::Duration;

use engine::db::{self, Raw};
use engine::error::{Class, classify, sqlstate};
use engine::postgres::session::{BatchSettings, set_local};
use ledger::Plan;
use ledger::plan::Fill;
use ledger::quarantine::{Blocking, Quarantined};
use ledger::role::site::Site;
use proto::JobId;
use serde_json::Value;

use crate::read::sql;

/// Entries looked at; with more than these the verdict is clear.
const LIMIT: i64 = 1000;
const TIMEOUT: Duration = Duration::from_secs(5);

/// The key columns of a fill's table; none if it has no key.
pub(crate) fn key_columns<'p>(plan: &'p Plan, fill: &Fill) -> &'p [String] {
    plan.tables
        .iter()
        .find(|t| t.name == fill.table)
        .map_or(&[][..], |t| t.key.as_slice())
}

/// The entries that keep a fill from going on, oldest first.
pub(crate) async fn entries(
    site: &Site,
    job: JobId,
    plan: &Plan,
    fill: &Fill,
) -> Result<Vec<Quarantined>, ledger::Error> {
    let columns: Vec<String> = fill.columns.iter().map(|c| c.column.clone()).collect();
    let of = Blocking {
        job,
        tag: &plan.tag,
        table: &fill.table,
        columns: &columns,
    };
    site.target.ledger.blocking(of, LIMIT).await
}

/// Keys of the rows that are set aside.
pub(crate) async fn keys(
    site: &Site,
    job: JobId,
    plan: &Plan,
    fill: &Fill,
) -> Result<BTreeSet<String>, ledger::Error> {
    if key_columns(plan, fill).is_empty() {
        return Ok(BTreeSet::new());
    }
    let entries = entries(site, job, plan, fill).await?;
    Ok(entries.iter().map(|e| e.key.to_string()).collect())
}

/// The entries that still stand after each row was looked at again; the others are resolved.
pub(crate) async fn unresolved(
    site: &Site,
    job: JobId,
    plan: &Plan,
    fill: &Fill,
) -> Result<Vec<Quarantined>, ledger::Error> {
    let key = key_columns(plan, fill);
    let (mut standing, mut resolved) = (Vec::new(), Vec::new());
    for entry in entries(site, job, plan, fill).await? {
        match is_right(site, plan, fill, key, &entry.key).await {
            Ok(true) => resolved.push(entry.id),
            Ok(false) => standing.push(entry),
            Err(error) => {
                if classify(&error) != Class::Data {
                    tracing::warn!(
                        sqlstate = sqlstate(&error),
                        "a row in quarantine could not be looked at; it stays there"
                    );
                }
                standing.push(entry);
            }
        }
    }
    if !resolved.is_empty() {
        tracing::info!(rows = resolved.len(), table = %fill.table.name, "rows in quarantine are right now");
        site.target.ledger.resolve_quarantined(&resolved).await?;
    }
    Ok(standing)
}

async fn is_right(
    site: &Site,
    plan: &Plan,
    fill: &Fill,
    columns: &[String],
    key: &Value,
) -> Result<bool, sqlx::Error> {
    let named = columns.iter().all(|c| key.get(c).is_some_and(|v| !v.is_null()));
    if columns.is_empty() || !named {
        return Ok(false);
    }
    let config = |e: Box<dyn std::error::Error + Send + Sync>| sqlx::Error::Configuration(e);
    let text = sql::by_key(fill, columns).map_err(|e| config(Box::new(e)))?;
    let settings = BatchSettings {
        statement_timeout: TIMEOUT,
        lock_timeout: TIMEOUT,
        idle_timeout: TIMEOUT,
        search_path: plan.search_path.clone(),
    };
    let mut tx = site.target.data.begin_reading().await?;
    if let Raw::Postgres(conn) = tx.raw() {
        set_local(conn, &settings)
            .await
            .map_err(|e| config(Box::new(e)))?;
    }
    let wrong: Option<bool> = db::scalar(text).bind(key).fetch_optional(&mut tx).await?;
    tx.rollback().await?;
    // No row: it is gone.
    Ok(!wrong.unwrap_or(false))
}
