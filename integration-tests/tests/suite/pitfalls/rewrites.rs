//! Traps 14, 15 and 23: blocks are places, not rows.

use testbed::database::Role;
use testbed::embedded::{Embedded, Part};
use testbed::{oracle, wait};

use ledger::JobState;
use ledger::commands::{Command, Tune};

use crate::stages::ground::{
    Outcome, SECONDS, WRONG, applied, ask, before_the_first_batch, database, seconds_at, some_rows_filled,
    sweeps, tracks, until,
};

/// Trap 14: new versions land in free space ahead of the cursor, and are met again.
#[tokio::test]
async fn a_row_that_is_met_twice_is_not_written_twice() -> Outcome {
    let database = database().await?;
    tracks(&database, 8000).await?;
    // Holes everywhere, and the server knows of them.
    database
        .execute_as(Role::Owner, "DELETE FROM track WHERE id % 2 = 0")
        .await?;
    database.execute_as(Role::Owner, "VACUUM track").await?;
    oracle::audit(&database, "track", "id").await?;
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, SECONDS).await?;
    embedded.verified(job).await?;
    let ahead = "SELECT count(*) FROM (SELECT row_key FROM audit.row_change GROUP BY row_key HAVING count(*) > 1) AS twice";
    assert_eq!(ask::<i64>(&database, ahead).await?, 0);
    let mut conn = database.superuser().await?;
    assert_eq!(oracle::rows_changed(&mut conn, job).await?, 4000);
    embedded.stop().await
}

/// Trap 14: an expression that reads what it computes would have no end.
#[tokio::test]
async fn an_expression_over_its_own_column_is_not_accepted() -> Outcome {
    let database = database().await?;
    tracks(&database, 10).await?;
    let spec = SECONDS.replace("milliseconds / 1000", "seconds + milliseconds / 1000");
    let found = testbed::embedded::faults(&database, &spec).await;
    assert!(
        found.contains("seconds") && found.contains("test.toml:8"),
        "{found}"
    );
    Ok(())
}

/// Trap 15: the table is rewritten between "look" and "update". The one batch there is waits for the lock meanwhile, so nothing that
/// comes after it can make good what it missed.
#[tokio::test]
async fn a_rewrite_while_a_batch_waits_for_its_lock_hides_no_row() -> Outcome {
    let database = database().await?;
    tracks(&database, 300).await?;
    let (mut embedded, job) = before_the_first_batch(&database, SECONDS).await?;
    let mut owner = database.connect(Role::Owner).await?;
    // Ten times the blocks: most rows will lie beyond the batch.
    engine::sql::execute_script(&mut owner, "ALTER TABLE track SET (fillfactor = 10)").await?;
    engine::sql::execute_script(&mut owner, "BEGIN; LOCK TABLE track IN ACCESS EXCLUSIVE MODE").await?;
    embedded.start_parts(&[Part::Verifier]);
    let waiting = "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%sluice:batch%'";
    until(
        &database,
        "a batch waits for the lock",
        waiting,
        "SELECT string_agg(query, '; ') FROM pg_stat_activity WHERE query LIKE '%sluice:%'",
    )
    .await?;
    engine::sql::execute_script(&mut owner, "CLUSTER track USING track_pkey; COMMIT").await?;
    embedded.verified(job).await?;
    let mut conn = database.superuser().await?;
    assert_eq!(oracle::mismatched(&mut conn, "track", WRONG).await?, 0);
    let by_old_places = "SELECT sum(k.rows_changed)::bigint FROM sluice.chunk_cursor AS k JOIN sluice.chunk AS c ON c.id = k.chunk WHERE c.sweep = 1";
    assert_eq!(
        ask::<i64>(&database, by_old_places).await?,
        0,
        "the batch wrote by blocks of a file that is gone"
    );
    assert_eq!(
        sweeps(&database).await?,
        2,
        "the sweep of the file that is gone counted"
    );
    embedded.stop().await
}

/// Trap 15, after the last batch and before anybody re-read what it wrote: no batch is left that could notice.
#[tokio::test]
async fn a_rewrite_after_the_last_batch_does_not_stall_the_job() -> Outcome {
    let database = database().await?;
    tracks(&database, 300).await?;
    let (mut embedded, job) = before_the_first_batch(&database, SECONDS).await?;
    let mut app = database.connect(Role::App).await?;
    engine::sql::execute_script(&mut app, "BEGIN; UPDATE track SET note = 'held' WHERE id = 300").await?;
    let mut eyes = Embedded::connect(&database).await?;
    eyes.start_parts(&[Part::Verifier]);
    until(
        &database,
        "the planner lets batches begin",
        "SELECT bool_or(go) FROM sluice.throttle",
        "SELECT 'stopped'",
    )
    .await?;
    eyes.stop().await?;
    // The last sample lasts some seconds longer: long enough for the batch, and nobody is there to re-read it.
    engine::sql::execute_script(&mut app, "COMMIT").await?;
    let state = "SELECT string_agg(state || ' ' || verification, ', ') FROM sluice.chunk";
    let filled = "SELECT bool_and(state = 'done' AND verification = 'pending') FROM sluice.chunk";
    until(
        &database,
        "the one chunk is filled and not re-read",
        filled,
        state,
    )
    .await?;
    database.execute_as(Role::Owner, "VACUUM FULL track").await?;
    embedded.start_parts(&[Part::Verifier]);
    embedded.verified(job).await?;
    assert_eq!(
        oracle::mismatched(&mut database.superuser().await?, "track", WRONG).await?,
        0
    );
    embedded.stop().await
}

/// Trap 15, with real VACUUM FULLs at any moment.
#[tokio::test]
async fn vacuum_full_in_the_middle_of_a_sweep_hides_no_row() -> Outcome {
    let database = database().await?;
    tracks(&database, 4000).await?;
    oracle::audit(&database, "track", "id").await?;
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, &seconds_at(1500, 2)).await?;
    some_rows_filled(&database).await?;
    database.execute_as(Role::Owner, "VACUUM FULL track").await?;
    let second = "SELECT EXISTS (SELECT FROM sluice.chunk AS c JOIN sluice.chunk_cursor AS k ON k.chunk = c.id WHERE c.sweep > 1 AND k.cursor_block > c.first_block)";
    until(
        &database,
        "a second sweep is under way",
        second,
        "SELECT max(sweep)::text FROM sluice.sweep",
    )
    .await?;
    database.execute_as(Role::Owner, "VACUUM FULL track").await?;
    applied(
        &embedded,
        job,
        Command::Tune(Tune {
            max_rows_per_second: Some(0),
            ..Tune::default()
        }),
    )
    .await?;
    embedded.verified(job).await?;
    let mut conn = database.superuser().await?;
    assert_eq!(oracle::mismatched(&mut conn, "track", WRONG).await?, 0);
    assert_eq!(
        oracle::rows_logged_for_sluice(&mut conn).await?,
        4000,
        "rows that were right were written again"
    );
    assert_eq!(oracle::rows_changed(&mut conn, job).await?, 4000);
    oracle::chunks_tile(&mut conn, job).await?;
    embedded.stop().await
}

/// Trap 23: rows whose transaction is older than the trigger and commits after everything else was made ready.
#[tokio::test]
async fn rows_that_no_trigger_saw_lie_below_the_bound() -> Outcome {
    let database = database().await?;
    tracks(&database, 200).await?;
    let embedded = Embedded::start(&database).await?;
    let mut late = database.connect(Role::App).await?;
    let insert =
        "BEGIN; INSERT INTO track SELECT n, 5000, repeat('x', 300) FROM generate_series(1001, 3000) AS n";
    engine::sql::execute_script(&mut late, insert).await?;
    let job = embedded.submit(&database, SECONDS).await?;
    let trying = "SELECT count(*) > 0 FROM sluice.task WHERE kind = 'step' AND state = 'leased' AND created_at < clock_timestamp() - interval '1500 milliseconds'";
    until(
        &database,
        "expand waits for the open transaction",
        trying,
        "SELECT string_agg(state, ' ') FROM sluice.task",
    )
    .await?;
    assert_eq!(embedded.job(job).await?.state, JobState::Expanding);
    // Nobody queues behind the statement that waits: the lock timeout is short.
    let mut app = database.connect(Role::App).await?;
    let write = engine::sql::execute_script(
        &mut app,
        "SET statement_timeout = '5s'; UPDATE track SET note = 'not queued' WHERE id = 1",
    );
    write.await?;
    engine::sql::execute_script(&mut late, "COMMIT").await?;
    embedded.verified(job).await?;
    assert_eq!(
        ask::<i64>(&database, &format!("SELECT count(*) FROM track WHERE {WRONG}")).await?,
        0
    );
    assert_eq!(sweeps(&database).await?, 1);
    embedded.stop().await
}

/// Trap 23, while inserts never stop.
#[tokio::test]
async fn inserts_all_along_are_all_filled() -> Outcome {
    let database = database().await?;
    tracks(&database, 100).await?;
    let embedded = Embedded::start(&database).await?;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let mut app = database.connect(Role::App).await?;
    let inserting = tokio::spawn(async move {
        let mut n = 10_000_i64;
        while !*stopped.borrow() {
            sqlx::query("INSERT INTO track SELECT g, g::integer, repeat('y', 300) FROM generate_series($1, $1 + 49) AS g")
                .bind(n)
                .execute(&mut app)
                .await?;
            n += 50;
        }
        Ok::<_, sqlx::Error>(n)
    });
    wait::until("inserts have begun", testbed::embedded::PATIENCE, async || {
        Ok::<_, anyhow::Error>(ask::<i64>(&database, "SELECT count(*) FROM track").await? > 1000)
    })
    .await?;
    let job = embedded.submit(&database, SECONDS).await?;
    embedded.verified(job).await?;
    stop.send_replace(true);
    inserting.await??;
    assert_eq!(
        ask::<i64>(&database, &format!("SELECT count(*) FROM track WHERE {WRONG}")).await?,
        0
    );
    embedded.stop().await
}

/// Trap 15 once more: under this default every statement of a transaction sees the snapshot of its first one, and a
/// fingerprint read after the lock would be one from before it.
#[tokio::test]
async fn a_database_that_defaults_to_repeatable_read_hides_no_rewrite() -> Outcome {
    let database = database().await?;
    let default = format!(
        "ALTER DATABASE \"{}\" SET default_transaction_isolation = 'repeatable read'",
        database.name()
    );
    engine::sql::execute_script(&mut database.superuser().await?, default).await?;
    tracks(&database, 4000).await?;
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, &seconds_at(1500, 2)).await?;
    some_rows_filled(&database).await?;
    database.execute_as(Role::Owner, "VACUUM FULL track").await?;
    applied(
        &embedded,
        job,
        Command::Tune(Tune {
            max_rows_per_second: Some(0),
            ..Tune::default()
        }),
    )
    .await?;
    embedded.verified(job).await?;
    assert!(sweeps(&database).await? > 1, "the rewrite went unnoticed");
    let mut conn = database.superuser().await?;
    assert_eq!(oracle::mismatched(&mut conn, "track", WRONG).await?, 0);
    embedded.stop().await
}

/// The verifier meets the change first: nobody fills that chunk again, so it has to say so.
#[tokio::test]
async fn a_chunk_that_changed_before_it_was_re_read_begins_a_new_sweep() -> Outcome {
    let database = database().await?;
    tracks(&database, 4000).await?;
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, &seconds_at(800, 1)).await?;
    let done = "SELECT EXISTS (SELECT FROM sluice.chunk WHERE state = 'done' AND verification = 'ok')";
    let chunks = "SELECT string_agg(state || ' ' || verification, ', ') FROM sluice.chunk";
    until(&database, "a chunk is re-read", done, chunks).await?;
    let other = "UPDATE sluice.chunk SET fingerprint = 'another', verification = 'pending' WHERE state = 'done' AND verification = 'ok'";
    engine::sql::execute_script(&mut database.superuser().await?, other).await?;
    let told = "SELECT EXISTS (SELECT FROM sluice.event WHERE kind = 'chunk.drifted')";
    until(&database, "the drift is recorded", told, chunks).await?;
    applied(
        &embedded,
        job,
        Command::Tune(Tune {
            max_rows_per_second: Some(0),
            ..Tune::default()
        }),
    )
    .await?;
    embedded.verified(job).await?;
    assert!(sweeps(&database).await? > 1);
    embedded.stop().await
}
