//! Traps 18 and 19: locks, and who gives way.

use ledger::tasks::Claimed;
use proto::TaskId;
use sqlx::Connection as _;
use testbed::database::Role;
use testbed::embedded::{Embedded, PATIENCE, Part};
use testbed::{oracle, wait};

use crate::stages::ground::{Outcome, SECONDS, WRONG, ask, before_the_first_batch, database, tracks, until};

/// How long batches of this database wait for a lock, in seconds; None: none waits.
const WAITED: &str =
    "SELECT max(extract(epoch FROM clock_timestamp() - query_start))::float8 FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%sluice:batch%'";

/// Trap 18: batch in block order, application in key order. Whoever waits longer than `deadlock_timeout` decides who is the
/// victim, so a batch must not.
#[tokio::test]
async fn the_application_is_never_the_victim_of_a_deadlock_with_a_batch() -> Outcome {
    let database = database().await?;
    tracks(&database, 300).await?;
    let (mut embedded, job) = before_the_first_batch(&database, SECONDS).await?;
    let mut app = database.connect(Role::App).await?;
    engine::sql::execute_script(&mut app, "BEGIN; UPDATE track SET note = 'last' WHERE id = 300").await?;
    embedded.start_parts(&[Part::Verifier]);
    // The batch holds the rows before it and waits for this one, again and again.
    let mut watcher = database.superuser().await?;
    let (mut waits, mut longest, mut before) = (0, 0.0_f64, None);
    wait::until(
        "a batch has waited and given way three times",
        PATIENCE,
        async || {
            let now: Option<f64> = engine::sql::scalar(WAITED).fetch_one(&mut watcher).await?;
            longest = longest.max(now.unwrap_or_default());
            waits += i32::from(before.is_some() && now.is_none());
            before = now;
            let seen = format!("{waits} waits, the longest {longest} s");
            Ok::<_, sqlx::Error>(if waits >= 3 || longest > 1.5 {
                wait::Look::There(())
            } else {
                wait::Look::NotYet(seen)
            })
        },
    )
    .await?;
    let update =
        engine::sql::execute_script(&mut app, "UPDATE track SET note = 'first' WHERE id = 1; COMMIT");
    update.await?;
    assert!(
        longest < 1.0,
        "a batch waited {longest} s for a row, deadlock_timeout is 1 s"
    );
    embedded.verified(job).await?;
    let notes = "SELECT string_agg(note, ' ' ORDER BY id) FROM track WHERE id IN (1, 300)";
    assert_eq!(ask::<String>(&database, notes).await?, "first last");
    embedded.stop().await
}

/// Trap 19: a worker that was stopped in the middle of a batch holds its rows; whoever takes over ends its backend.
#[tokio::test]
async fn a_zombie_in_the_middle_of_a_batch_does_not_block_its_heir() -> Outcome {
    let database = database().await?;
    tracks(&database, 300).await?;
    oracle::audit(&database, "track", "id").await?;
    let (embedded, job) = before_the_first_batch(&database, SECONDS).await?;
    let ledger = embedded.target.ledger.clone();
    let task = TaskId(ask(&database, "SELECT id FROM sluice.task WHERE kind = 'chunk'").await?);
    embedded.stop().await?;
    engine::db::query("UPDATE sluice.task SET admitted_at = clock_timestamp() WHERE id = $1")
        .bind(task.0)
        .execute(ledger.pool())
        .await?;
    let zombie = wait::until(
        "the zombie has the chunk",
        PATIENCE,
        async || -> anyhow::Result<_> {
            Ok(match ledger.claim(task, &"zombie".into()).await? {
                Claimed::Ours(claim) => wait::Look::There(claim),
                other => wait::Look::NotYet(format!("{other:?}")),
            })
        },
    )
    .await?;
    let mut batch = database.connect(Role::Data).await?;
    let mark = ledger::chunks::batch_mark(zombie.fence.lease);
    engine::sql::execute_script(
        &mut batch,
        format!("/* {mark} */ BEGIN; UPDATE track SET note = 'stolen', seconds = 1 WHERE id < 200"),
    )
    .await?;
    engine::db::query(
        "UPDATE sluice.task SET lease_until = clock_timestamp() - interval '1 second' WHERE id = $1",
    )
    .bind(task.0)
    .execute(ledger.pool())
    .await?;
    let heirs = Embedded::start(&database).await?;
    heirs.verified(job).await?;
    assert!(batch.ping().await.is_err(), "the zombie's backend is still there");
    assert_eq!(
        ask::<i64>(&database, "SELECT count(*) FROM track WHERE note = 'stolen'").await?,
        0
    );
    assert_eq!(
        ask::<i64>(&database, &format!("SELECT count(*) FROM track WHERE {WRONG}")).await?,
        0
    );
    let mut conn = database.superuser().await?;
    assert_eq!(oracle::rows_changed(&mut conn, job).await?, 300);
    heirs.stop().await
}

/// Trap 19: should nobody take over, the server itself ends a batch that stands still.
#[tokio::test]
async fn a_batch_that_stands_still_loses_its_locks_by_itself() -> Outcome {
    let database = database().await?;
    tracks(&database, 300).await?;
    let (mut embedded, job) = before_the_first_batch(&database, SECONDS).await?;
    // A batch that waits for this row shows what its session allows.
    let mut app = database.connect(Role::App).await?;
    engine::sql::execute_script(&mut app, "BEGIN; UPDATE track SET note = 'held' WHERE id = 300").await?;
    embedded.start_parts(&[Part::Verifier]);
    until(
        &database,
        "a batch waits",
        &format!("SELECT ({WAITED}) IS NOT NULL"),
        "SELECT 'none waits'",
    )
    .await?;
    engine::sql::execute_script(&mut app, "COMMIT").await?;
    embedded.verified(job).await?;
    let mut data = embedded.target.data.begin().await?;
    let engine::db::Raw::Postgres(data_conn) = data.raw() else {
        anyhow::bail!("the target is no PostgreSQL");
    };
    let settings = engine::postgres::session::BatchSettings {
        statement_timeout: std::time::Duration::from_millis(1500),
        lock_timeout: std::time::Duration::from_millis(500),
        idle_timeout: std::time::Duration::from_secs(1),
        search_path: vec!["public".to_owned()],
    };
    engine::postgres::session::set_local(data_conn, &settings).await?;
    engine::sql::query("UPDATE track SET note = 'still' WHERE id = 1".to_owned())
        .execute(data_conn)
        .await?;
    database
        .execute_as(
            Role::App,
            "SET lock_timeout = '10s'; UPDATE track SET note = 'mine' WHERE id = 1",
        )
        .await?;
    drop(data);
    assert_eq!(
        ask::<String>(&database, "SELECT note FROM track WHERE id = 1").await?,
        "mine"
    );
    embedded.stop().await
}
