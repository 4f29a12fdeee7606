//! Our check of a whole table beside one parallel scan that answers the same question.
//!
//! Both read a table that is filled, quiet and in the same caches, in turn. Ours is dated by its own row in the ledger, so neither the
//! start of the command nor its connections count.

use anyhow::{Context as _, ensure};
use sqlx::Row as _;

use super::ground::Ground;
use super::method::arguments;
use super::results::Check;
use super::subject::{NAME, Subject, WRONG};
use crate::database::Role;
use crate::process::{Settings, run_cli};

/// As many processes read for the scan as there are workers for us, and the one that adds up.
const SCANNERS: u32 = 2;

/// One turn of each, over a table that a job has filled.
pub(super) async fn check(ground: &Ground, subject: &Subject<'_>, round: u32) -> anyhow::Result<Check> {
    let scan = scan(ground, subject).await?;
    let ours = ours(subject).await?;
    Ok(Check {
        table: subject.kind.table().to_owned(),
        rows: subject.rows,
        round,
        ours,
        scan,
    })
}

async fn scan(ground: &Ground, subject: &Subject<'_>) -> anyhow::Result<f64> {
    let mut conn = subject.database.connect(Role::Owner).await?;
    let parallel = format!("SET max_parallel_workers_per_gather = {SCANNERS}");
    engine::sql::execute_script(&mut conn, parallel).await?;
    let begun = ground.clock.monotonic();
    let count = format!(
        "SELECT count(*) FILTER (WHERE {WRONG}) FROM {}",
        subject.kind.table()
    );
    let wrong: i64 = engine::sql::scalar(count).fetch_one(&mut conn).await?;
    let took = ground.clock.monotonic() - begun;
    ensure!(wrong == 0, "{wrong} rows are wrong");
    Ok(subject.rows as f64 / took.as_secs_f64())
}

async fn ours(subject: &Subject<'_>) -> anyhow::Result<f64> {
    let folder = tempfile::tempdir()?;
    let mut args = vec![
        "verify".to_owned(),
        NAME.to_owned(),
        "--as".to_owned(),
        "bench".to_owned(),
    ];
    args.extend(
        arguments(subject)
            .into_iter()
            .filter_map(|argument| argument.into_string().ok()),
    );
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let said = run_cli(&args, &Settings::default(), folder.path()).await?;
    let words = String::from_utf8_lossy(&said.stderr);
    ensure!(
        said.status.success(),
        "sluice verify ended with {}: {words}",
        said.status
    );
    let mut conn = subject.database.superuser().await?;
    let row = sqlx::query(LAST)
        .fetch_one(&mut conn)
        .await
        .context("no check was made")?;
    let (rows, seconds): (i64, f64) = (row.try_get("rows_checked")?, row.try_get("seconds")?);
    ensure!(
        rows.cast_unsigned() == subject.rows,
        "{rows} rows of {} were checked",
        subject.rows
    );
    Ok(rows as f64 / seconds)
}

const LAST: &str = "SELECT rows_checked, extract(epoch FROM ended_at - started_at)::float8 AS seconds
    FROM sluice.check_run WHERE ended_at IS NOT NULL ORDER BY round DESC LIMIT 1";
