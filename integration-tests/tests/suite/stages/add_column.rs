//! `add_column` in its three forms.

use testbed::database::Role;
use testbed::embedded::Embedded;
use testbed::oracle;

use super::ground::{Outcome, SECONDS, Trip, WRONG, ask, database, there_and_back, track_traffic, tracks};

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
