//! Replicas that are configured by URL: each is asked itself, and must prove whose replica it is.

use secrecy::SecretString;
use testbed::database::{Database, Role};
use testbed::desk::Desk;
use testbed::postgres::{Durability, Server};
use testbed::process::Settings;
use testbed::proxy::Proxy;
use testbed::target;

use super::ground::{Outcome, ask, some_rows_filled};
use super::replicas::{begun_with, finishes, goes_on_by_itself, nothing_is_written, stopped};

/// The settings of a target with the replica `far` at a port of this machine, and its throttle.
fn far(database: &Database<'_>, url: &str) -> shared::settings::TargetSettings {
    let mut settings = target::settings(database);
    let url = SecretString::from(url.to_owned());
    settings.throttle.replicas.insert("far".to_owned(), url);
    settings
}

const LIMIT: &str = "max_replica_lag = \"1s\"";

/// Invariant 7. What the replica itself shows counts, whatever the primary sees of it.
#[tokio::test]
async fn a_replica_that_does_not_replay_stops_the_work_and_the_status_names_it_with_its_lag() -> Outcome {
    let server = Server::start(Durability::ThrowAway).await?;
    let replica = server.replica("replica1").await?;
    let database = Database::new(&server).await?;
    let url = database.url_through(Role::Monitor, replica.port());
    let (embedded, job) = begun_with(&database, &far(&database, &url), LIMIT).await?;
    some_rows_filled(&database).await?;
    replica.pause().await?;
    stopped(
        &database,
        "replica_lag of far is %limit 1.0 s, work goes on at 0.5 s",
    )
    .await?;
    let desk = Desk::new(&Settings::of(&database))?;
    let status = desk
        .json(&["status", "track-seconds", "--target", "main", "--json"])
        .await?;
    let waits = status["waits"].as_str().unwrap_or_default();
    assert!(
        waits.starts_with("throttled since ") && waits.contains("replica_lag of far is "),
        "{waits}"
    );
    assert_eq!(status["pace"]["signal"], "replica_lag");
    nothing_is_written(&database).await?;
    replica.resume().await?;
    goes_on_by_itself(&database).await?;
    finishes(embedded, job).await
}

/// Invariant 7: it fails closed. The primary still streams to the replica; nobody can read from it.
#[tokio::test]
async fn a_replica_whose_host_says_nothing_stops_the_work_until_it_answers_again() -> Outcome {
    let server = Server::start(Durability::ThrowAway).await?;
    let replica = server.replica("replica1").await?;
    let way = Proxy::start(replica.port()).await?;
    let database = Database::new(&server).await?;
    let url = database.url_through(Role::Monitor, way.port());
    let (embedded, job) = begun_with(&database, &far(&database, &url), LIMIT).await?;
    some_rows_filled(&database).await?;
    way.stall();
    stopped(
        &database,
        "replica_lag of far cannot be read: no answer within 2 s",
    )
    .await?;
    nothing_is_written(&database).await?;
    way.cut();
    stopped(
        &database,
        "replica_lag of far cannot be read: could not connect to PostgreSQL at 127.0.0.1%",
    )
    .await?;
    way.flow();
    way.restore();
    goes_on_by_itself(&database).await?;
    finishes(embedded, job).await
}

/// Invariant 7: what another server says about itself is worth nothing, however healthy it is.
#[tokio::test]
async fn a_replica_of_another_primary_is_refused_and_no_row_is_written() -> Outcome {
    let (server, other) = tokio::try_join!(
        Server::start(Durability::ThrowAway),
        Server::start(Durability::ThrowAway)
    )?;
    let elsewhere = Database::new(&other).await?;
    let replica = other.replica("replica1").await?;
    let database = Database::new(&server).await?;
    let url = elsewhere.url_through(Role::Monitor, replica.port());
    let (embedded, _) = begun_with(&database, &far(&database, &url), LIMIT).await?;
    stopped(
        &database,
        "replica_lag of far cannot be read: it is a server of another primary: its system identifier is %",
    )
    .await?;
    nothing_is_written(&database).await?;
    let filled = "SELECT count(*) FROM track WHERE seconds IS NOT NULL";
    assert_eq!(ask::<i64>(&database, filled).await?, 0);
    embedded.stop().await
}

/// The primary's own URL, say: it has every beat, and is no replica.
#[tokio::test]
async fn a_server_that_takes_writes_is_no_replica() -> Outcome {
    let server = Server::shared().await?;
    let database = Database::new(server).await?;
    let url = database.url(Role::Monitor);
    let (embedded, _) = begun_with(&database, &far(&database, &url), LIMIT).await?;
    stopped(&database, "replica_lag of far cannot be read: it is no standby%").await?;
    let filled = "SELECT count(*) FROM track WHERE seconds IS NOT NULL";
    assert_eq!(ask::<i64>(&database, filled).await?, 0);
    embedded.stop().await
}
