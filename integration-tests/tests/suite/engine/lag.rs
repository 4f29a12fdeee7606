//! Replica lag, with a real replica.

use std::time::Duration;

use engine::postgres::signals::replica_lag::{Reading, ReplicaLag};
use testbed::database::{Database, Role};
use testbed::postgres::{Durability, Server};
use testbed::wait::{self, Look};

use super::{Outcome, connect};

/// The only reading, as soon as `wanted` holds of it.
async fn until(
    lag: &mut ReplicaLag,
    conn: &mut sqlx::PgConnection,
    wanted: impl Fn(&Reading) -> bool,
) -> Outcome {
    // The test's clock: only differences matter, and they grow with each look.
    let mut now = Duration::from_secs(1000);
    wait::until("the reading", Duration::from_secs(30), async || {
        now += Duration::from_millis(50);
        let readings = lag.sample(conn, now).await?;
        anyhow::Ok(match readings.as_slice() {
            [reading] if wanted(reading) => Look::There(()),
            other => Look::NotYet(format!("{other:?}")),
        })
    })
    .await
}

#[tokio::test]
async fn a_paused_replica_lags_and_a_killed_one_is_a_problem_and_not_zero() -> Outcome {
    let server = Server::start(Durability::ThrowAway).await?;
    let database = Database::new(&server).await?;
    let replica = server.replica("one").await?;
    replica.caught_up(&server).await?;
    let mut conn = connect(&database, Role::Monitor).await?;
    let mut lag = ReplicaLag::new(vec!["one".into()]);
    let idle = |r: &Reading| r.problem.is_none() && r.lag == Some(Duration::ZERO);
    until(&mut lag, &mut conn, idle).await?;
    replica.pause().await?;
    database
        .execute_as(Role::Owner, "CREATE TABLE t (id int)")
        .await?;
    until(&mut lag, &mut conn, |r| r.lag >= Some(Duration::from_millis(500))).await?;
    replica.resume().await?;
    until(&mut lag, &mut conn, idle).await?;
    replica.kill().await?;
    until(&mut lag, &mut conn, |r| r.lag.is_none() && r.problem.is_some()).await?;
    replica.start_again(&server).await?;
    until(&mut lag, &mut conn, idle).await
}

#[tokio::test]
async fn without_pg_monitor_a_replica_is_a_problem() -> Outcome {
    let server = Server::start(Durability::ThrowAway).await?;
    let database = Database::new(&server).await?;
    let _replica = server.replica("one").await?;
    let mut conn = connect(&database, Role::Data).await?;
    let hidden = |r: &Reading| r.problem.as_deref().is_some_and(|p| p.contains("pg_monitor"));
    until(&mut ReplicaLag::new(vec![]), &mut conn, hidden).await
}
