//! `add_column` in its three forms.

use testbed::database::Role;
use testbed::embedded::Embedded;
use testbed::oracle;
use testbed::traffic::{Column, Load, Table, Traffic};

use super::ground::{
    Outcome, SECONDS, Trip, WRONG, ask, database, there_and_back, track_traffic, tracks, until,
};

#[tokio::test]
async fn a_column_with_a_way_back_is_filled_under_traffic_and_taken_back() -> Outcome {
    let database = database().await?;
    tracks(&database, 4000).await?;
    let trip = Trip {
        spec: SECONDS,
        traffic: track_traffic(),
        wrong: &[("track", WRONG)],
        afterwards: &["INSERT INTO track (id, milliseconds) VALUES (-1, 5), (-2, 6)"],
    };
    there_and_back(&database, trip).await
}

#[tokio::test]
async fn a_derived_column_is_filled_under_traffic_and_taken_back() -> Outcome {
    let database = database().await?;
    tracks(&database, 3000).await?;
    let spec = r#"
name = "note-lower"
[[change]]
kind = "add_column"
table = "track"
column = "note_lower"
type = "text"
up = "lower(note)"
"#;
    let trip = Trip {
        spec,
        traffic: track_traffic(),
        wrong: &[("track", "note_lower IS DISTINCT FROM lower(note)")],
        afterwards: &["INSERT INTO track (id, milliseconds) VALUES (-1, 5)"],
    };
    there_and_back(&database, trip).await
}

#[tokio::test]
async fn a_column_without_an_expression_is_added_empty_and_taken_back() -> Outcome {
    let database = database().await?;
    tracks(&database, 100).await?;
    let spec = "name = \"plain\"\n[[change]]\nkind = \"add_column\"\ntable = \"track\"\ncolumn = \"rating\"\ntype = \"numeric(3,1)\"\n";
    let trip = Trip {
        spec,
        traffic: track_traffic(),
        wrong: &[("track", "rating IS NOT NULL")],
        afterwards: &["INSERT INTO track (id, milliseconds, rating) VALUES (-1, 5, 9.5)"],
    };
    there_and_back(&database, trip).await
}

/// Invariant 2: what the ledger counted is what was written, row by row, and no row was written twice.
#[tokio::test]
async fn every_row_is_written_once_and_counted_once() -> Outcome {
    let database = database().await?;
    tracks(&database, 5000).await?;
    // One row is right already: it must not be rewritten.
    database
        .execute_as(Role::Owner, "UPDATE track SET milliseconds = 0 WHERE id = 7")
        .await?;
    oracle::audit(&database, "track", "id").await?;
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, SECONDS).await?;
    embedded.verified(job).await?;
    let mut conn = database.superuser().await?;
    let written = oracle::rows_logged_for_sluice(&mut conn).await?;
    assert_eq!(oracle::rows_changed(&mut conn, job).await?, written);
    assert_eq!(written, 5000);
    let twice = "SELECT count(*) FROM (SELECT row_key FROM audit.row_change GROUP BY row_key HAVING count(*) > 1) AS twice";
    assert_eq!(ask::<i64>(&database, twice).await?, 0);
    let counts = embedded.counts(job).await?;
    assert_eq!((counts.rows_changed, counts.rows_checked), (5000, 5000));
    embedded.stop().await
}

/// Invariant 9: a new release writes the new side only; after a rollback the old release finds all of it.
#[tokio::test]
async fn a_rollback_loses_no_write_to_the_new_side() -> Outcome {
    let database = database().await?;
    tracks(&database, 1000).await?;
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, SECONDS).await?;
    embedded.verified(job).await?;
    let seconds = Column {
        value: |rng| rng.u32(0..100_000).to_string(),
        ..Column::integer("seconds")
    };
    // The key tells which rows the new release made.
    let new_release = Table::new("track", "id", seconds, Column::text("note")).keeping_existing_rows();
    let traffic = Traffic::start(&database.url(Role::App), new_release, Load::default()).await?;
    let wrote = "SELECT count(*) > 50 FROM track WHERE id >= 1000000000";
    until(
        &database,
        "the new release has written",
        wrote,
        "SELECT count(*)::text FROM track",
    )
    .await?;
    let report = traffic.stop().await?;
    report.assert_no_errors()?;
    embedded.roll_back(job, false).await?;
    report
        .assert_all_writes_found(&mut database.reader().await?)
        .await?;
    let lost = "SELECT count(*) FROM track WHERE seconds IS DISTINCT FROM milliseconds / 1000 OR (id >= 1000000000 AND milliseconds <> seconds * 1000)";
    assert_eq!(ask::<i64>(&database, lost).await?, 0);
    assert_eq!(
        ask::<i64>(&database, "SELECT count(*) FROM sluice.quarantine").await?,
        0
    );
    embedded.stop().await
}
