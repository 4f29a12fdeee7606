//! Separate processes over RabbitMQ: one planner, several backfillers, one verifier, while an application writes
//! and something dies.
//!
//! What is asked at the end is always the same: the job is verified, an oracle that shares no code with Sluice finds
//! no wrong row, the chunks tile, the ledger's counts are what an audit trigger saw, no write of the application
//! failed and none is lost.

mod broker;
mod budget;
mod clones;
mod crashes;
mod failover;
mod foreign;
mod half_open;
mod messages;
mod pooled;
mod processes;
mod queues;
mod scale;
mod sharing;
mod targets;
mod verifiers;

use std::time::Duration;

use testbed::database::{Database, Role};
use testbed::desk::Desk;
use testbed::fleet::Fleet;
use testbed::postgres::Server;
use testbed::process::Settings;
use testbed::rabbitmq::Vhost;
use testbed::tracks::{self, Filling};
use testbed::traffic::{Traffic, beside_services};
use testbed::wait;
use testbed::watch::Watched;

type Outcome = anyhow::Result<()>;

/// A small job takes seconds; what it survives here may cost a lease or two.
const PATIENCE: Duration = Duration::from_secs(120);
/// Rows of the small tests: about 2,700 sparse blocks, so three chunks.
const ROWS: u32 = 20_000;
/// Slow enough that there is something to interrupt.
const SLOW: &str = "[backfill]\nmax_parallel = 3\nmax_rows_per_second = 4000\n";

/// A database with 20,000 tracks, and settings to work on it over a virtual host.
async fn small<'s>(server: &'s Server, vhost: &Vhost) -> anyhow::Result<(Database<'s>, Settings)> {
    let database = Database::new(server).await?;
    tracks::load(&database, ROWS, Filling::Sparse).await?;
    let settings = Settings::of(&database).over(vhost);
    Ok((database, settings))
}

/// Submits the migration of the tracks and gives the job.
async fn submit<'d>(desk: &Desk, database: &'d Database<'d>, sections: &str) -> anyhow::Result<Watched<'d>> {
    let spec = desk.write("spec.toml", &tracks::spec("track-seconds", sections))?;
    let id = desk
        .ok(&["submit", &spec, "--target", "main", "--as", "tester"])
        .await?;
    Watched::new(database, &id)
}

/// Waits until a chunk lies in its queue and nobody has it: more chunks go out than one backfiller has slots.
async fn queued(job: &Watched<'_>) -> Outcome {
    const QUEUED: &str = "SELECT EXISTS (SELECT FROM sluice.task
        WHERE job = $1 AND kind = 'chunk' AND state = 'ready' AND published_at IS NOT NULL)";
    wait::until("a chunk lies in its queue", PATIENCE, async || {
        job.value::<bool>(QUEUED).await
    })
    .await
}

/// The application.
async fn traffic(database: &Database<'_>) -> anyhow::Result<Traffic> {
    Ok(Traffic::start(&database.url(Role::App), tracks::traffic(), beside_services()).await?)
}

/// The end of every test here.
async fn assert_settled(job: &Watched<'_>, traffic: Traffic, fleet: Fleet) -> Outcome {
    job.until("verified", PATIENCE).await?;
    job.settled_beside(traffic, tracks::EXPECTED).await?;
    fleet.dismiss().await
}
