//! Trap 28: dual-write that is silently off.

use ledger::JobState;
use ledger::commands::{Command, Tune};
use testbed::database::{Database, Role};
use testbed::embedded::{Embedded, Part};
use testbed::oracle;

use crate::stages::ground::{
    Outcome, SECONDS, WRONG, applied, ask, before_the_first_batch, database, seconds_at, some_rows_filled,
    sweeps, tracks, until,
};

async fn right(database: &Database<'_>) -> Outcome {
    assert_eq!(
        oracle::mismatched(&mut database.superuser().await?, "track", WRONG).await?,
        0
    );
    Ok(())
}

fn unlimited() -> Command {
    Command::Tune(Tune {
        max_rows_per_second: Some(0),
        ..Tune::default()
    })
}

/// Once with the job at rest: whoever looks at the status must not be told that all is well.
#[tokio::test]
async fn a_trigger_that_is_off_does_not_go_unnoticed_while_the_job_rests() -> Outcome {
    let database = database().await?;
    tracks(&database, 500).await?;
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, SECONDS).await?;
    embedded.verified(job).await?;
    for off in [
        "ALTER TABLE track DISABLE TRIGGER USER",
        "DO $$ BEGIN EXECUTE (SELECT format('DROP TRIGGER %I ON track', tgname) FROM pg_trigger WHERE tgrelid = 'track'::regclass AND NOT tgisinternal); END $$",
        "DO $$ BEGIN EXECUTE (SELECT format('CREATE OR REPLACE FUNCTION %s() RETURNS trigger LANGUAGE plpgsql AS %L', tgfoid::regproc, 'BEGIN RETURN NEW; END')
            FROM pg_trigger WHERE tgrelid = 'track'::regclass AND NOT tgisinternal); END $$",
    ] {
        database.execute_as(Role::Owner, off).await?;
        let held = embedded.until(job, &[JobState::Held]).await?;
        let why = held.reason.unwrap_or_default();
        assert!(why.contains("may have been missed") && why.contains("resume"), "{off}: {why}");
        database.execute_as(Role::App, "UPDATE track SET milliseconds = milliseconds + 5000 WHERE id < 50").await?;
        applied(&embedded, job, Command::Resume).await?;
        embedded.verified(job).await?;
        right(&database).await?;
    }
    embedded.stop().await
}

/// One transaction switches the trigger off, writes, and switches it on again: no look can fall between.
#[tokio::test]
async fn a_trigger_that_was_off_between_two_looks_does_not_go_unnoticed() -> Outcome {
    let database = database().await?;
    tracks(&database, 500).await?;
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, SECONDS).await?;
    embedded.verified(job).await?;
    let paused = |command| applied(&embedded, job, command);
    for pause in [false, true] {
        if pause {
            paused(Command::Pause).await?;
        }
        let blink = "BEGIN; ALTER TABLE track DISABLE TRIGGER USER; UPDATE track SET milliseconds = milliseconds + 5000 WHERE id < 50; \
            DO $$ BEGIN EXECUTE (SELECT format('ALTER TABLE track ENABLE ALWAYS TRIGGER %I', tgname) FROM pg_trigger \
            WHERE tgrelid = 'track'::regclass AND NOT tgisinternal); END $$; COMMIT";
        database.execute_as(Role::Owner, blink).await?;
        if pause {
            paused(Command::Resume).await?;
        }
        let held = embedded.until(job, &[JobState::Held]).await?;
        let why = held.reason.unwrap_or_default();
        assert!(
            why.contains("was changed since the last look") && why.contains("resume"),
            "{why}"
        );
        applied(&embedded, job, Command::Resume).await?;
        embedded.verified(job).await?;
        right(&database).await?;
    }
    embedded.stop().await
}

#[tokio::test]
async fn a_trigger_that_is_off_during_the_backfill_does_not_end_in_verified() -> Outcome {
    let database = database().await?;
    tracks(&database, 5000).await?;
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, &seconds_at(800, 2)).await?;
    some_rows_filled(&database).await?;
    let off = "ALTER TABLE track DISABLE TRIGGER USER; UPDATE track SET milliseconds = milliseconds + 5000 WHERE id % 10 = 0";
    database.execute_as(Role::Owner, off).await?;
    applied(&embedded, job, unlimited()).await?;
    let held = embedded.until(job, &[JobState::Held, JobState::Verified]).await?;
    assert_eq!(held.state, JobState::Held, "verified without a trigger");
    applied(&embedded, job, Command::Resume).await?;
    embedded.verified(job).await?;
    right(&database).await?;
    embedded.stop().await
}

/// Rows that come with a partition never met our trigger.
#[tokio::test]
async fn a_partition_that_arrives_full_is_swept_too() -> Outcome {
    let database = database().await?;
    let create = "CREATE TABLE track (id bigint PRIMARY KEY, milliseconds integer NOT NULL, note text NOT NULL DEFAULT '') PARTITION BY RANGE (id);
        CREATE TABLE track_1 PARTITION OF track FOR VALUES FROM (0) TO (10000);
        INSERT INTO track SELECT n, n * 977 % 400000, repeat('x', 300) FROM generate_series(1, 3000) AS n";
    database.execute_as(Role::Owner, create).await?;
    database.grant_data_privileges(&["track", "track_1"]).await?;
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, &seconds_at(800, 2)).await?;
    some_rows_filled(&database).await?;
    let arrives = "CREATE TABLE track_2 (LIKE track INCLUDING ALL);
        INSERT INTO track_2 SELECT n, 5000, 'arrived' FROM generate_series(10000, 10499) AS n";
    database.execute_as(Role::Owner, arrives).await?;
    database.grant_data_privileges(&["track_2"]).await?;
    database
        .execute_as(
            Role::Owner,
            "ALTER TABLE track ATTACH PARTITION track_2 FOR VALUES FROM (10000) TO (20000)",
        )
        .await?;
    applied(&embedded, job, unlimited()).await?;
    embedded.verified(job).await?;
    right(&database).await?;
    assert_eq!(
        ask::<i64>(
            &database,
            "SELECT count(*) FROM track WHERE note = 'arrived' AND seconds = 5"
        )
        .await?,
        500
    );
    assert!(sweeps(&database).await? > 1);
    embedded.stop().await
}

/// And after the job is verified: nothing but the list of partitions shows it.
#[tokio::test]
async fn a_partition_that_arrives_full_after_verified_is_swept_too() -> Outcome {
    let database = database().await?;
    let create = "CREATE TABLE track (id bigint PRIMARY KEY, milliseconds integer NOT NULL, note text NOT NULL DEFAULT '') PARTITION BY RANGE (id);
        CREATE TABLE track_1 PARTITION OF track FOR VALUES FROM (0) TO (10000);
        INSERT INTO track SELECT n, 5000, 'x' FROM generate_series(1, 500) AS n";
    database.execute_as(Role::Owner, create).await?;
    database.grant_data_privileges(&["track", "track_1"]).await?;
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, SECONDS).await?;
    embedded.verified(job).await?;
    let arrives = "CREATE TABLE track_2 (LIKE track INCLUDING ALL);
        INSERT INTO track_2 (id, milliseconds, note) SELECT n, 5000, 'arrived' FROM generate_series(10000, 10499) AS n";
    database.execute_as(Role::Owner, arrives).await?;
    database.grant_data_privileges(&["track_2"]).await?;
    database
        .execute_as(
            Role::Owner,
            "ALTER TABLE track ATTACH PARTITION track_2 FOR VALUES FROM (10000) TO (20000)",
        )
        .await?;
    let swept = "SELECT state = 'verified' AND (SELECT max(sweep) FROM sluice.sweep) = 2 FROM sluice.job";
    until(
        &database,
        "the job is verified again",
        swept,
        "SELECT state || ' ' || coalesce(reason, '') FROM sluice.job",
    )
    .await?;
    embedded.verified(job).await?;
    right(&database).await?;
    embedded.stop().await
}

/// On one partition alone: the root's trigger says nothing of it.
#[tokio::test]
async fn a_trigger_that_is_off_on_one_partition_does_not_go_unnoticed() -> Outcome {
    let database = database().await?;
    let create = "CREATE TABLE track (id bigint PRIMARY KEY, milliseconds integer NOT NULL, note text NOT NULL DEFAULT '') PARTITION BY RANGE (id);
        CREATE TABLE track_1 PARTITION OF track FOR VALUES FROM (0) TO (10000);
        CREATE TABLE track_2 PARTITION OF track FOR VALUES FROM (10000) TO (20000);
        INSERT INTO track SELECT n * 20, n * 977 % 400000, 'x' FROM generate_series(1, 900) AS n";
    database.execute_as(Role::Owner, create).await?;
    database
        .grant_data_privileges(&["track", "track_1", "track_2"])
        .await?;
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, SECONDS).await?;
    embedded.verified(job).await?;
    database
        .execute_as(Role::Owner, "ALTER TABLE track_2 DISABLE TRIGGER USER")
        .await?;
    embedded.until(job, &[JobState::Held]).await?;
    database
        .execute_as(Role::App, "UPDATE track SET milliseconds = milliseconds + 5000")
        .await?;
    applied(&embedded, job, Command::Resume).await?;
    embedded.verified(job).await?;
    right(&database).await?;
    database
        .execute_as(Role::App, "UPDATE track SET milliseconds = milliseconds + 5000")
        .await?;
    right(&database).await?;
    embedded.stop().await
}

/// What a subscription applies comes under `session_replication_role = replica`.
#[tokio::test]
async fn what_is_applied_from_elsewhere_is_mirrored() -> Outcome {
    let database = database().await?;
    tracks(&database, 500).await?;
    let (mut embedded, job) = before_the_first_batch(&database, SECONDS).await?;
    let apply = "SET session_replication_role = replica; UPDATE track SET milliseconds = milliseconds + 3000 WHERE id % 3 = 0;
        INSERT INTO track (id, milliseconds) SELECT n, 4000 FROM generate_series(1000, 1100) AS n";
    engine::sql::execute_script(&mut database.superuser().await?, apply).await?;
    embedded.start_parts(&[Part::Verifier]);
    embedded.verified(job).await?;
    right(&database).await?;
    embedded.stop().await
}

/// Somebody cleans up: the ledger is gone, and with it every function and trigger of ours.
#[tokio::test]
async fn the_application_writes_on_when_the_ledger_is_dropped_and_nothing_is_written_behind_it() -> Outcome {
    let database = database().await?;
    tracks(&database, 5000).await?;
    let embedded = Embedded::start(&database).await?;
    embedded.submit(&database, &seconds_at(500, 2)).await?;
    some_rows_filled(&database).await?;
    let mut admin = database.superuser().await?;
    engine::sql::execute_script(&mut admin, "DROP SCHEMA sluice CASCADE").await?;
    let filled = "SELECT count(*) FROM track WHERE seconds IS NOT NULL";
    let before: i64 = ask(&database, filled).await?;
    let writes = "INSERT INTO track (id, milliseconds) VALUES (-1, 5); UPDATE track SET note = 'on' WHERE id % 7 = 0; DELETE FROM track WHERE id = 3";
    database.execute_as(Role::App, writes).await?;
    let after: i64 = ask(&database, filled).await?;
    assert!(after <= before, "rows were written without a ledger");
    assert_eq!(
        ask::<i64>(
            &database,
            "SELECT count(*) FROM pg_trigger WHERE tgrelid = 'track'::regclass AND NOT tgisinternal"
        )
        .await?,
        0
    );
    embedded.stop().await
}
