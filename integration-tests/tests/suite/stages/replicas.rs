//! Replica lag: required means required. Each test has a server of its own, because a replica is server-wide.

use ledger::commands::{Command, Tune};
use proto::JobId;
use shared::settings::TargetSettings;
use testbed::database::{Database, Role};
use testbed::embedded::{ALL, Embedded};
use testbed::postgres::{Durability, Server};
use testbed::{oracle, target};

use super::ground::{Outcome, applied, ask, seconds_at, some_rows_filled, tracks, until};

const REASON: &str = "SELECT string_agg(CASE WHEN go THEN 'go' ELSE reason END, ' ') FROM sluice.throttle";

async fn begun(database: &Database<'_>, required: &[&str]) -> anyhow::Result<(Embedded, JobId)> {
    let mut settings = target::settings(database);
    settings.replicas = required.iter().map(|r| (*r).to_owned()).collect();
    begun_with(database, &settings, "max_replica_lag = \"1s\"").await
}

/// A job of some 20 s, with these keys in its `[throttle]`; every change of a row is logged.
pub(super) async fn begun_with(
    database: &Database<'_>,
    settings: &TargetSettings,
    throttle: &str,
) -> anyhow::Result<(Embedded, JobId)> {
    tracks(database, 9000).await?;
    oracle::audit(database, "track", "id").await?;
    let mut embedded = Embedded::connect_with(database, settings).await?;
    embedded.start_parts(&ALL);
    let spec = format!("{}[throttle]\n{throttle}\n", seconds_at(400, 2));
    let job = embedded.submit(database, &spec).await?;
    Ok((embedded, job))
}

/// It goes on without anybody's word.
pub(super) async fn goes_on_by_itself(database: &Database<'_>) -> Outcome {
    let go = "SELECT bool_or(go) FROM sluice.throttle";
    until(database, "work goes on by itself", go, REASON).await
}

pub(super) async fn stopped(database: &Database<'_>, reason: &str) -> Outcome {
    let query = format!("SELECT count(*) > 0 FROM sluice.throttle WHERE NOT go AND reason LIKE '{reason}'");
    until(database, "work has stopped", &query, REASON).await
}

/// No row is written from two seconds after the stop until four seconds after it.
pub(super) async fn nothing_is_written(database: &Database<'_>) -> Outcome {
    let later =
        "SELECT coalesce(clock_timestamp() > stopped_at + interval '4 seconds', false) FROM sluice.throttle";
    until(database, "time passes while work is stopped", later, REASON).await?;
    let late = "SELECT count(*) FROM audit.row_change
        WHERE application_name LIKE 'sluice%' AND at > (SELECT stopped_at + interval '2 seconds' FROM sluice.throttle)";
    assert_eq!(
        ask::<i64>(database, late).await?,
        0,
        "rows were written two seconds after the stop"
    );
    let left = "SELECT count(*) FROM track WHERE seconds IS NULL";
    assert!(
        ask::<i64>(database, left).await? > 0,
        "the job was over before: nothing was tested"
    );
    Ok(())
}

pub(super) async fn finishes(embedded: Embedded, job: JobId) -> Outcome {
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
    embedded.stop().await
}

/// Invariant 7.
#[tokio::test]
async fn a_lagging_replica_stops_the_work_and_a_caught_up_one_lets_it_go_on_by_itself() -> Outcome {
    let server = Server::start(Durability::ThrowAway).await?;
    let replica = server.replica("replica1").await?;
    let database = Database::new(&server).await?;
    let (embedded, job) = begun(&database, &["replica1"]).await?;
    some_rows_filled(&database).await?;
    replica.pause().await?;
    stopped(&database, "replica_lag of replica1 is %limit 1.0 s%").await?;
    nothing_is_written(&database).await?;
    replica.resume().await?;
    goes_on_by_itself(&database).await?;
    finishes(embedded, job).await
}

/// Invariant 7: it fails closed. The replica was not configured; it was there when the job began.
#[tokio::test]
async fn a_replica_that_is_gone_stops_the_work_until_it_is_back() -> Outcome {
    let server = Server::start(Durability::ThrowAway).await?;
    let replica = server.replica("replica1").await?;
    let database = Database::new(&server).await?;
    let (embedded, job) = begun(&database, &[]).await?;
    some_rows_filled(&database).await?;
    replica.kill().await?;
    stopped(&database, "replica_lag of replica1 %").await?;
    nothing_is_written(&database).await?;
    replica.start_again(&server).await?;
    finishes(embedded, job).await
}

#[tokio::test]
async fn a_configured_replica_that_was_never_there_stops_the_work_from_the_beginning() -> Outcome {
    let server = Server::start(Durability::ThrowAway).await?;
    let database = Database::new(&server).await?;
    let (embedded, _) = begun(&database, &["standby7"]).await?;
    stopped(&database, "replica_lag of standby7 cannot be read%").await?;
    nothing_is_written(&database).await?;
    let written = database
        .value::<i64>(Role::App, "SELECT count(*) FROM track WHERE seconds IS NOT NULL")
        .await?;
    assert_eq!(written, 0);
    embedded.stop().await
}
