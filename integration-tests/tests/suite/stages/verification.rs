//! A failed verification: it is found, it sticks, it is repaired.

use ledger::JobState;
use ledger::commands::{Command, Tune};
use testbed::database::{Database, Role};
use testbed::embedded::Embedded;
use testbed::oracle;

use super::ground::{
    Outcome, SECONDS, WRONG, applied, ask, database, held, refused, seconds_at, spoil, tracks, until,
};

const SPOIL: &str = "UPDATE track SET seconds = -7 WHERE id IN (1, 2, 3)";

/// Rows found wrong, by key, in order.
async fn found(database: &Database<'_>) -> anyhow::Result<String> {
    let keys = "SELECT coalesce(string_agg(row_key ->> 'id' || ':' || detail::text, ' ' ORDER BY row_key ->> 'id'), '')
        FROM sluice.mismatch WHERE resolved_at IS NULL";
    ask(database, keys).await
}

/// Invariant 5.
#[tokio::test]
async fn a_failed_verification_stays_failed_over_restarts_until_it_is_repaired() -> Outcome {
    let database = database().await?;
    tracks(&database, 5000).await?;
    // Otherwise free space decides whether a spoiled row lands before a batch that would mend it.
    database
        .execute_as(Role::Owner, "ALTER TABLE track SET (autovacuum_enabled = off)")
        .await?;
    let first = Embedded::start(&database).await?;
    let job = first.submit(&database, &seconds_at(1500, 1)).await?;
    let reread = "SELECT EXISTS (SELECT FROM sluice.chunk WHERE verification = 'ok' AND first_block = 0)";
    until(
        &database,
        "the first chunk is re-read",
        reread,
        "SELECT string_agg(state || ' ' || verification, ', ') FROM sluice.chunk",
    )
    .await?;
    spoil(&database, "track", SPOIL).await?;
    applied(
        &first,
        job,
        Command::Tune(Tune {
            max_rows_per_second: Some(0),
            ..Tune::default()
        }),
    )
    .await?;
    let why = held(&first, job).await?;
    assert!(why.contains("3 rows") && why.contains("repair"), "{why}");
    first.stop().await?;

    let second = Embedded::start(&database).await?;
    let answer = refused(&second, job, Command::Resume).await?;
    assert!(
        answer.contains("stays failed") && answer.contains("repair"),
        "{answer}"
    );
    assert_eq!(second.job(job).await?.state, JobState::Held);
    second.stop().await?;

    let third = Embedded::start(&database).await?;
    assert_eq!(third.job(job).await?.reason.as_deref(), Some(why.as_str()));
    let rows = found(&database).await?;
    assert!(
        rows.contains("1:") && rows.contains("2:") && rows.contains("3:") && rows.contains("-7"),
        "{rows}"
    );
    applied(&third, job, Command::Repair).await?;
    third.verified(job).await?;
    let mut conn = database.superuser().await?;
    assert_eq!(oracle::mismatched(&mut conn, "track", WRONG).await?, 0);
    assert_eq!(found(&database).await?, "");
    third.stop().await
}

#[tokio::test]
async fn a_row_that_went_wrong_after_verified_is_found_by_verify_and_mended_by_repair() -> Outcome {
    let database = database().await?;
    tracks(&database, 1000).await?;
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, SECONDS).await?;
    embedded.verified(job).await?;
    for round in 0..2 {
        spoil(&database, "track", SPOIL).await?;
        applied(&embedded, job, Command::Verify).await?;
        let why = held(&embedded, job).await?;
        assert!(why.contains("3 rows"), "round {round}: {why}");
        // Looking again finds them again: nothing was mended behind anybody's back.
        applied(&embedded, job, Command::Verify).await?;
        let again = embedded.until(job, &[JobState::Held]).await?;
        assert!(
            again.reason.unwrap_or_default().contains("3 rows"),
            "round {round}"
        );
        applied(&embedded, job, Command::Repair).await?;
        embedded.verified(job).await?;
        assert_eq!(
            ask::<i64>(&database, &format!("SELECT count(*) FROM track WHERE {WRONG}")).await?,
            0
        );
    }
    embedded.stop().await
}

/// Whoever mends a row by writing the old side needs no repair: looking again is enough.
#[tokio::test]
async fn a_row_that_the_application_mends_is_right_when_looked_at_again() -> Outcome {
    let database = database().await?;
    tracks(&database, 1000).await?;
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, SECONDS).await?;
    embedded.verified(job).await?;
    spoil(&database, "track", SPOIL).await?;
    applied(&embedded, job, Command::Verify).await?;
    held(&embedded, job).await?;
    database
        .execute_as(Role::App, "UPDATE track SET note = 'mended' WHERE id < 10")
        .await?;
    applied(&embedded, job, Command::Verify).await?;
    embedded.verified(job).await?;
    embedded.stop().await
}
