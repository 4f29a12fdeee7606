//! The whole thing at its size: 2,000,000 rows, the data role behind a transaction pooler, and a backfiller that dies.

use std::time::Duration;

use testbed::database::{Database, Role};
use testbed::desk::Desk;
use testbed::fleet::Fleet;
use testbed::pgbouncer::Pooler;
use testbed::postgres::{Durability, Server};
use testbed::process::Settings;
use testbed::rabbitmq::Broker;
use testbed::tracks::{self, Filling};
use testbed::watch::Watched;

use super::{Outcome, traffic};

/// The knob: how many rows.
const KNOB: &str = "SLUICE_TEST_ROWS";
const PATIENCE: Duration = Duration::from_secs(360);

fn rows() -> anyhow::Result<u32> {
    match std::env::var(KNOB) {
        Ok(text) => Ok(text.parse()?),
        Err(_) => Ok(2_000_000),
    }
}

#[tokio::test]
async fn two_million_rows_are_verified_although_a_backfiller_is_killed() -> Outcome {
    let rows = rows()?;
    let server = Server::start(Durability::ThrowAway).await?;
    let (pooler, broker) = (Pooler::start(&server).await?, Broker::start().await?);
    let database = Database::new(&server).await?;
    tracks::load(&database, rows, Filling::Full).await?;
    let pooled = pooler.url(&database, Role::Data);
    let settings = Settings::of(&database)
        .over(&broker.vhost().await?)
        .with("SLUICE__TARGETS__MAIN__URL", &pooled);
    let desk = Desk::new(&settings)?;
    let fleet = Fleet::start(&settings, 3).await?;
    let writes = traffic(&database).await?;

    let spec = desk.write(
        "spec.toml",
        &tracks::spec("big", "[backfill]\nmax_parallel = 6\n"),
    )?;
    let id = desk
        .ok(&["submit", &spec, "--target", "main", "--as", "tester"])
        .await?;
    let job = Watched::new(&database, &id)?;
    job.under_way(i64::from(rows) / 20, PATIENCE).await?;
    fleet.backfillers[1].kill().await?;
    job.until("verified", PATIENCE).await?;

    let (changed, report) = job.settled_beside(writes, tracks::EXPECTED).await?;
    eprintln!(
        "{changed} rows changed beside {} writes of the application",
        report.total()
    );
    fleet.dismiss().await
}
