//! The budget of a target: all of it for whoever is there, never more, and fairly over jobs.

use ledger::JobState;
use ledger::commands::Command;
use testbed::embedded::{Embedded, PATIENCE, Part};
use testbed::gauge::Gauge;
use testbed::target;
use testbed::wait::{self, Look};

use super::ground::{Outcome, SECONDS, applied, ask, database, seconds_at, tracks, until};

/// Rows of a block of [`tracks`], and some to spare.
const ROWS_A_BLOCK: f64 = 30.0;

const SHARES: &str = "SELECT string_agg(rows_per_second::text, ' ') FROM sluice.share";

/// One worker does not idle beside places that nobody takes.
#[tokio::test]
async fn a_single_lease_gets_the_whole_budget_and_a_second_one_half() -> Outcome {
    let database = database().await?;
    tracks(&database, 20_000).await?;
    let mut embedded = Embedded::connect(&database).await?;
    embedded.start_parts(&[Part::Planner, Part::Verifier, Part::Backfiller(1)]);
    let gauge = Gauge::start(&database).await?;
    embedded.submit(&database, &seconds_at(800, 4)).await?;
    let all = "SELECT count(*) = 1 AND max(rows_per_second) = 800 FROM sluice.share";
    until(&database, "one lease has all of it", all, SHARES).await?;
    embedded.start_parts(&[Part::Backfiller(1)]);
    let half = "SELECT count(*) = 2 AND bool_and(rows_per_second = 400) FROM sluice.share";
    until(&database, "two leases have half of it each", half, SHARES).await?;
    embedded.stop().await?;
    gauge.stop().await?.ensure_within(4, 800.0, ROWS_A_BLOCK)
}

/// Two jobs, one target: neither the chunks in flight nor the rows a second of both together exceed what the target allows.
#[tokio::test]
async fn jobs_share_what_their_target_allows() -> Outcome {
    let database = database().await?;
    tracks(&database, 6000).await?;
    let other =
        "CREATE TABLE other AS SELECT * FROM track; ALTER TABLE other ADD PRIMARY KEY (id); ANALYZE other";
    database.execute_as(testbed::database::Role::Owner, other).await?;
    database.grant_data_privileges(&["other"]).await?;
    let mut settings = target::settings(&database);
    settings.budget.max_parallel = Some(3);
    settings.budget.max_rows_per_second = Some(1500);
    let mut embedded = Embedded::connect_with(&database, &settings).await?;
    embedded.start_parts(&[Part::Planner, Part::Verifier, Part::Backfiller(8)]);
    let gauge = Gauge::start(&database).await?;
    let first = embedded
        .submit(&database, &format!("{SECONDS}[backfill]\nmax_parallel = 4\n"))
        .await?;
    // It rests until the other is as far: however slow this machine is, none is over before the other begins.
    embedded.until(first, &[JobState::Backfilling]).await?;
    applied(&embedded, first, Command::Pause).await?;
    let spec = SECONDS
        .replace("\"track\"", "\"other\"")
        .replace("track-seconds", "other-seconds");
    // Its own limit is lower than half of the target's: the first job gets the rest.
    let second = format!("{spec}[backfill]\nmax_parallel = 4\nmax_rows_per_second = 500\n");
    let second = embedded.submit(&database, &second).await?;
    embedded.until(second, &[JobState::Backfilling]).await?;
    applied(&embedded, first, Command::Resume).await?;
    let shared = "SELECT count(*) FILTER (WHERE rows = 500) = 1 AND count(*) FILTER (WHERE rows = 1000) = 1
        FROM (SELECT round(sum(s.rows_per_second)) AS rows FROM sluice.share s JOIN sluice.task t ON t.id = s.task GROUP BY t.job) jobs";
    until(&database, "both jobs have their shares", shared, SHARES).await?;
    for job in [first, second] {
        embedded.verified(job).await?;
    }
    embedded.stop().await?;
    gauge.stop().await?.ensure_within(3, 1500.0, ROWS_A_BLOCK)
}

/// The log grows no faster than the budget says, although rows are not limited.
#[tokio::test]
async fn the_write_ahead_log_grows_within_its_budget() -> Outcome {
    const BYTES: f64 = 300_000.0;
    let database = database().await?;
    tracks(&database, 5000).await?;
    let mut embedded = Embedded::connect(&database).await?;
    embedded.start_parts(&[Part::Planner, Part::Verifier, Part::Backfiller(4)]);
    let spec = format!("{SECONDS}[backfill]\nmax_parallel = 2\nmax_wal_bytes_per_second = {BYTES}\n");
    let job = embedded.submit(&database, &spec).await?;
    let mut largest: f64 = 0.0;
    wait::until("the job is verified", PATIENCE, async || {
        let sum: Option<f64> = ask(&database, "SELECT sum(wal_bytes_per_second) FROM sluice.share").await?;
        largest = largest.max(sum.unwrap_or_default());
        let job = embedded.job(job).await?;
        Ok::<_, anyhow::Error>(match job.state {
            JobState::Verified => Look::There(()),
            state => Look::NotYet(format!("{state} {:?}", job.reason)),
        })
    })
    .await?;
    assert!(
        largest > 0.0 && largest <= BYTES * 1.000_001,
        "shares of {largest} bytes a second"
    );
    // 5000 rows of more than 300 bytes, each written once: a new version with its header at the least.
    let took: f64 = ask(
        &database,
        "SELECT extract(epoch FROM max(updated_at) - (SELECT min(started_at) FROM sluice.sweep))::float8 FROM sluice.chunk_cursor",
    )
    .await?;
    let least = 5000.0 * 300.0 / BYTES;
    assert!(took >= least, "{took} s, at least {least} s by the budget");
    embedded.stop().await
}
