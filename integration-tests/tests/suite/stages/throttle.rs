//! One budget, however many workers; and no writing without somebody who watches.

use std::time::Duration;

use ledger::JobState;
use proto::JobId;
use testbed::database::Database;
use testbed::embedded::{Embedded, PATIENCE, Part};
use testbed::{oracle, wait};

use super::ground::{Outcome, SECONDS, ask, database, seconds_at, some_rows_filled, tracks, until};

/// The most chunks that were in hand at any look, until the job is verified.
async fn most_in_hand(embedded: &Embedded, job: JobId) -> anyhow::Result<i64> {
    let mut most = 0;
    wait::until(
        "the job is verified",
        PATIENCE,
        async || -> anyhow::Result<wait::Look<()>> {
            let leased = "SELECT count(*) FROM sluice.task WHERE kind = 'chunk' AND state = 'leased'";
            let now: i64 = engine::db::scalar(leased)
                .fetch_one(embedded.target.ledger.pool())
                .await?;
            most = most.max(now);
            let job = embedded.job(job).await?;
            Ok(match job.state {
                JobState::Verified => wait::Look::There(()),
                state => wait::Look::NotYet(format!("{state} {:?}", job.reason)),
            })
        },
    )
    .await?;
    Ok(most)
}

/// The fullest second, and seconds from the first row to the last.
async fn pace(database: &Database<'_>) -> anyhow::Result<(i64, f64)> {
    let fullest = "SELECT max(n) FROM (SELECT (SELECT count(*) FROM audit.row_change AS later
            WHERE later.application_name LIKE 'sluice%' AND later.at BETWEEN first.at AND first.at + interval '1 second') AS n
        FROM (SELECT DISTINCT min(at) AS at FROM audit.row_change WHERE application_name LIKE 'sluice%'
            GROUP BY transaction_id) AS first) AS windows";
    let took = "SELECT extract(epoch FROM max(at) - min(at))::float8 FROM audit.row_change WHERE application_name LIKE 'sluice%'";
    Ok((ask(database, fullest).await?, ask(database, took).await?))
}

/// Invariant 8: the same budget for one slot and for twelve.
async fn budget_holds(workers: &[Part]) -> Outcome {
    let database = database().await?;
    tracks(&database, 5000).await?;
    oracle::audit(&database, "track", "id").await?;
    let mut embedded = Embedded::connect(&database).await?;
    embedded.start_parts(&[Part::Planner, Part::Verifier]);
    embedded.start_parts(workers);
    let job = embedded.submit(&database, &seconds_at(1000, 2)).await?;
    let most = most_in_hand(&embedded, job).await?;
    assert!(
        most <= 2,
        "{most} chunks were in hand at a time, the budget says 2"
    );
    let (fullest, took) = pace(&database).await?;
    // A share may save up a second's worth, so a second may hold two.
    assert!(
        fullest <= 2000,
        "{fullest} rows in one second, the budget says 1000"
    );
    assert!(
        took >= 3.0,
        "5000 rows in {took} s, the budget says 1000 a second"
    );
    embedded.stop().await
}

#[tokio::test]
async fn one_worker_keeps_to_the_budget() -> Outcome {
    budget_holds(&[Part::Backfiller(1)]).await
}

#[tokio::test]
async fn more_workers_add_no_load_beyond_the_budget() -> Outcome {
    budget_holds(&[Part::Backfiller(4), Part::Backfiller(4), Part::Backfiller(4)]).await
}

/// Invariant 7.
#[tokio::test]
async fn nothing_is_written_while_nobody_samples_the_signals() -> Outcome {
    let database = database().await?;
    tracks(&database, 2000).await?;
    let mut embedded = Embedded::connect(&database).await?;
    embedded.start_parts(&[Part::Planner, Part::Backfiller(2)]);
    let job = embedded.submit(&database, SECONDS).await?;
    let stopped = "SELECT count(*) > 0 FROM sluice.throttle WHERE NOT go AND reason LIKE '%no verifier%' AND beat_at > stopped_at + interval '2 seconds'";
    until(
        &database,
        "the planner says why nothing is written",
        stopped,
        "SELECT string_agg(coalesce(reason, 'go'), ' ') FROM sluice.throttle",
    )
    .await?;
    assert_eq!(
        ask::<i64>(&database, "SELECT count(*) FROM track WHERE seconds IS NOT NULL").await?,
        0
    );
    embedded.start_parts(&[Part::Verifier]);
    embedded.verified(job).await?;
    embedded.stop().await
}

/// Invariant 7: a verifier that dies takes the permission to write with it.
#[tokio::test]
async fn work_stops_when_the_last_verifier_is_gone_and_goes_on_by_itself() -> Outcome {
    let database = database().await?;
    tracks(&database, 9000).await?;
    let mut embedded = Embedded::connect(&database).await?;
    embedded.start_parts(&[Part::Planner, Part::Backfiller(2)]);
    let mut eyes = Embedded::connect(&database).await?;
    eyes.start_parts(&[Part::Verifier]);
    let job = embedded.submit(&database, &seconds_at(600, 2)).await?;
    some_rows_filled(&database).await?;
    eyes.stop().await?;
    let stopped = "SELECT count(*) > 0 FROM sluice.throttle WHERE NOT go AND reason LIKE '%no verifier has sampled%' AND beat_at > stopped_at + interval '2 seconds'";
    until(
        &database,
        "work has stopped",
        stopped,
        "SELECT string_agg(coalesce(reason, 'go'), ' ') FROM sluice.throttle",
    )
    .await?;
    let filled = "SELECT count(*) FROM track WHERE seconds IS NOT NULL";
    let before: i64 = ask(&database, filled).await?;
    let later = "SELECT clock_timestamp() > stopped_at + interval '4 seconds' FROM sluice.throttle";
    until(
        &database,
        "time passes",
        later,
        "SELECT reason FROM sluice.throttle",
    )
    .await?;
    assert_eq!(
        ask::<i64>(&database, filled).await?,
        before,
        "rows were written while nobody watched"
    );
    assert!(before < 9000, "the job was over before: nothing was tested");
    embedded.start_parts(&[Part::Verifier]);
    let tune = ledger::commands::Tune {
        max_rows_per_second: Some(0),
        ..Default::default()
    };
    super::ground::applied(&embedded, job, ledger::commands::Command::Tune(tune)).await?;
    embedded.verified(job).await?;
    let throttled: Duration = embedded
        .target
        .ledger
        .pace(job)
        .await?
        .map(|(_, stopped)| stopped.total)
        .unwrap_or_default();
    assert!(
        throttled >= Duration::from_secs(3),
        "only {throttled:?} count as throttled"
    );
    embedded.stop().await
}
