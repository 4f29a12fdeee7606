//! Trap 21: CREATE INDEX CONCURRENTLY under a short lock timeout.

use ledger::JobState;
use ledger::commands::Command;
use proto::JobId;
use testbed::database::{Database, Role};
use testbed::embedded::Embedded;

use crate::stages::ground::{Outcome, applied, ask, database, tracks, until};

const RENAME: &str = r#"
name = "note-to-remark"
[[change]]
kind = "rename_column"
table = "track"
from = "note"
to = "remark"
"#;

/// What the index build says of itself, as seconds since it began.
const BUILDING: &str = "SELECT extract(epoch FROM clock_timestamp() - query_start)::float8 FROM pg_stat_activity
    WHERE datname = current_database() AND query LIKE '%CREATE INDEX CONCURRENTLY%' AND pid <> pg_backend_pid() AND state = 'active'";

/// A job that is about to carry an index, and an application's transaction that is older than that.
async fn building<'s>() -> anyhow::Result<(Database<'s>, Embedded, JobId, sqlx::PgConnection)> {
    let database = database().await?;
    tracks(&database, 500).await?;
    database
        .execute_as(Role::Owner, "CREATE INDEX track_note ON track (md5(note))")
        .await?;
    let embedded = Embedded::start(&database).await?;
    let mut app = database.connect(Role::App).await?;
    let job = embedded.submit(&database, RENAME).await?;
    until(
        &database,
        "the backfill runs",
        "SELECT state IN ('backfilling', 'verified') FROM sluice.job",
        "SELECT state FROM sluice.job",
    )
    .await?;
    // Its snapshot is what the build has to wait for; it holds no row that a batch wants.
    engine::sql::execute_script(&mut app, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1").await?;
    Ok((database, embedded, job, app))
}

const INVALID: &str = "SELECT count(*) FROM pg_index WHERE indrelid = 'track'::regclass AND NOT indisvalid";

#[tokio::test]
async fn an_index_build_is_not_cut_short_by_an_older_transaction() -> Outcome {
    let (database, embedded, job, mut app) = building().await?;
    let waits = format!("SELECT coalesce(max(s), 0) > 4 FROM ({BUILDING}) AS building (s)");
    until(
        &database,
        "the build waits for the older transaction",
        &waits,
        "SELECT state || ' ' || coalesce(reason, '') FROM sluice.job",
    )
    .await?;
    engine::sql::execute_script(&mut app, "COMMIT").await?;
    embedded.verified(job).await?;
    assert_eq!(
        ask::<i64>(&database, INVALID).await?,
        0,
        "an invalid index was left"
    );
    let attempts = "SELECT max(attempt) FROM sluice.task WHERE kind = 'step'";
    assert_eq!(
        ask::<i32>(&database, attempts).await?,
        1,
        "it was not built in one go"
    );
    embedded.stop().await
}

#[tokio::test]
async fn an_index_build_that_was_cancelled_leaves_no_invalid_index_behind() -> Outcome {
    let (database, embedded, job, mut app) = building().await?;
    let there = format!("SELECT count(*) > 0 FROM ({BUILDING}) AS building (s)");
    until(
        &database,
        "the build waits",
        &there,
        "SELECT state || ' ' || coalesce(reason, '') FROM sluice.job",
    )
    .await?;
    until(
        &database,
        "the index is there, invalid",
        &format!("SELECT ({INVALID}) = 1"),
        "SELECT state FROM sluice.job",
    )
    .await?;
    let cancel = "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND query LIKE '%CREATE INDEX CONCURRENTLY%' AND pid <> pg_backend_pid()";
    assert!(ask::<i64>(&database, cancel).await? > 0);
    engine::sql::execute_script(&mut app, "COMMIT").await?;
    let job_now = embedded.until(job, &[JobState::Verified, JobState::Held]).await?;
    if job_now.state == JobState::Held {
        assert!(job_now.reason.unwrap_or_default().contains("57014"));
        applied(&embedded, job, Command::Resume).await?;
        embedded.verified(job).await?;
    }
    assert_eq!(
        ask::<i64>(&database, INVALID).await?,
        0,
        "an invalid index was left"
    );
    let carried = "SELECT count(*) FROM pg_index WHERE indrelid = 'track'::regclass AND pg_get_indexdef(indexrelid) LIKE '%md5(remark)%'";
    assert_eq!(ask::<i64>(&database, carried).await?, 1);
    embedded.stop().await
}

/// It would otherwise wait for that transaction, however long it lasts, and the way back with it.
#[tokio::test]
async fn a_rollback_ends_an_index_build_that_is_under_way() -> Outcome {
    let (database, embedded, job, mut app) = building().await?;
    let there = format!("SELECT count(*) > 0 FROM ({BUILDING}) AS building (s)");
    until(
        &database,
        "the build waits",
        &there,
        "SELECT state || ' ' || coalesce(reason, '') FROM sluice.job",
    )
    .await?;
    embedded.roll_back(job, false).await?;
    engine::sql::execute_script(&mut app, "COMMIT").await?;
    embedded.stop().await
}
