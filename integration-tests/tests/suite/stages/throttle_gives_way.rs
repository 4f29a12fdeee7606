//! A batch that keeps a session of the application waiting gives way.

use testbed::database::{Database, Role};
use testbed::embedded::{ALL, Embedded, Part};
use testbed::oracle;

use super::ground::{Outcome, ask, before_the_first_batch, database, tracks, until};

/// Takes its time in a batch, and nowhere else.
const SLOW: &str = "CREATE FUNCTION slow(n integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$
    BEGIN
        IF current_query() LIKE '%sluice:batch%UPDATE ONLY%' THEN PERFORM pg_sleep(0.02); END IF;
        RETURN n / 1000;
    END $$";

const SPEC: &str = r#"
name = "slow-seconds"
[[change]]
kind = "add_column"
table = "track"
column = "seconds"
type = "integer"
up = "slow(milliseconds)"
down = "seconds * 1000"
[backfill]
max_parallel = 1
"#;

const ROWS: u32 = 200;

/// A batch over the whole table would take four seconds, and holds its first row from the beginning.
#[tokio::test]
async fn a_session_that_waits_for_a_batch_goes_first_and_no_row_is_lost_or_counted_twice() -> Outcome {
    let database = database().await?;
    tracks(&database, ROWS).await?;
    database.execute_as(Role::Owner, SLOW).await?;
    oracle::audit(&database, "track", "id").await?;
    let (mut embedded, job) = before_the_first_batch(&database, SPEC).await?;
    embedded.start_parts(&[Part::Verifier]);
    batch_holds_the_first_row(&database).await?;
    let note = "UPDATE track SET note = 'mine' WHERE id = 1";
    database.execute_as(Role::App, note).await?;
    // The batch that was in its way had not committed: nobody but the session itself has filled the row.
    let by = "SELECT count(*) FROM audit.row_change WHERE row_key = '1' AND application_name LIKE 'sluice%'";
    assert_eq!(ask::<i64>(&database, by).await?, 0, "the batch went first");
    embedded.verified(job).await?;

    let counts = embedded.counts(job).await?;
    assert!(
        counts.gave_way >= 1 && counts.retried >= counts.gave_way,
        "{counts:?}"
    );
    assert_eq!(counts.chunks_failed, 0, "giving way is no failure");
    let mut conn = database.superuser().await?;
    let wrong = "seconds IS DISTINCT FROM milliseconds / 1000";
    assert_eq!(oracle::mismatched(&mut conn, "track", wrong).await?, 0);
    assert_eq!(
        ask::<i64>(&database, "SELECT count(*) FROM track WHERE note = 'mine'").await?,
        1
    );
    let changed = oracle::rows_changed(&mut conn, job).await?;
    assert_eq!(
        changed,
        i64::from(ROWS) - 1,
        "all but the row that the session wrote"
    );
    assert_eq!(oracle::rows_logged_for_sluice(&mut conn).await?, changed);
    assert_eq!(oracle::rewritten_twice(&mut conn).await?, Vec::<String>::new());
    embedded.stop().await
}

async fn batch_holds_the_first_row(database: &Database<'_>) -> Outcome {
    let at_work =
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'
        AND query LIKE '/* sluice:batch%UPDATE ONLY%' AND wait_event = 'PgSleep')";
    let seen = "SELECT string_agg(query, ' ') FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'";
    until(database, "a batch is at work", at_work, seen).await
}

/// Whoever only reads waits for nobody, so nothing gives way.
#[tokio::test]
async fn a_batch_that_nobody_waits_for_gives_way_to_nobody() -> Outcome {
    let database = database().await?;
    tracks(&database, 40).await?;
    database.execute_as(Role::Owner, SLOW).await?;
    let mut embedded = Embedded::connect(&database).await?;
    embedded.start_parts(&ALL);
    let job = embedded.submit(&database, SPEC).await?;
    batch_holds_the_first_row(&database).await?;
    database
        .execute_as(Role::App, "SELECT count(note) FROM track")
        .await?;
    embedded.verified(job).await?;
    assert_eq!(embedded.counts(job).await?.gave_way, 0);
    embedded.stop().await
}
