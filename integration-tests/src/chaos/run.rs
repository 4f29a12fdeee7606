//! One seed, from an empty database to its verdict.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::Mutex;

use super::act::Stage;
use super::crew::Crew;
use super::plan::Plan;
use super::verdict::{Tally, Violation, judge};
use crate::database::{Database, Role};
use crate::desk::Desk;
use crate::postgres::{Durability, Server};
use crate::process::Settings;
use crate::rabbitmq::Broker;
use crate::tracks::{self, Filling};
use crate::traffic::{Load, Outages, Traffic, beside_services};
use crate::watch::Watched;

/// About 4,000 sparse blocks, so four chunks.
const ROWS: u32 = 30_000;
/// So that the faults come while there is work.
const BUDGET: &str = "[backfill]\nmax_parallel = 4\nmax_rows_per_second = 1500\n";
/// Until the job is under way, and from the last fault until it is verified.
const PATIENCE: Duration = Duration::from_secs(360);

/// The servers of a run, which all its seeds share.
#[derive(Debug)]
pub struct Grounds {
    server: Server,
    broker: Broker,
}

/// How a seed ended.
#[derive(Debug)]
pub struct Ran {
    /// What was counted, if it came to that.
    pub tally: Tally,
    /// What must not be, if something was.
    pub violation: Option<Violation>,
}

impl Grounds {
    /// Starts them.
    ///
    /// # Errors
    /// One of them is not installed or does not start.
    pub async fn start() -> anyhow::Result<Self> {
        Ok(Self {
            server: Server::start(Durability::ThrowAway).await?,
            broker: Broker::start().await?,
        })
    }
}

/// Runs a plan. Logs of the services are left in `folder` if something was wrong.
///
/// # Errors
/// The servers could not be set up. Whatever happens after that is a violation.
pub async fn one(grounds: &Grounds, plan: &Plan, folder: &Path) -> anyhow::Result<Ran> {
    let vhost = grounds.broker.vhost().await?;
    let database = Database::new(&grounds.server).await?;
    tracks::load(&database, ROWS, Filling::Sparse).await?;
    let crew = Crew::start(plan.backfillers, &database, &grounds.broker, &vhost)
        .await
        .context("the services do not start")?;
    let load = Load {
        seed: plan.traffic,
        outages: Outages::AreEndured,
        ..beside_services()
    };
    let traffic = Traffic::start(&database.url(Role::App), tracks::traffic(), load).await?;
    let desk = Desk::new(&Settings::of(&database).over(&vhost))?;
    let ended = under_faults(grounds, plan, &database, (&crew, &desk)).await;
    let mut ran = Ran {
        tally: Tally::default(),
        violation: None,
    };
    let mut faults = Vec::new();
    match ended {
        Ok(job) => {
            let report = traffic.stop().await?;
            (ran.tally, faults) = judge(&job, &database, &report).await?;
            if let Err(error) = crew.dismiss().await {
                faults.push(format!("{error:#}"));
            }
        }
        Err(error) => faults.push(format!("{error:#}")),
    }
    for fault in &plan.faults {
        *ran.tally.faults.entry(fault.kind).or_default() += 1;
    }
    if !faults.is_empty() {
        crew.keep_logs(folder).await?;
        std::fs::write(folder.join("plan"), format!("{plan:#?}\n{}\n", faults.join("\n")))?;
        ran.violation = Some(Violation(faults));
    }
    Ok(ran)
}

/// Returns the job once it is verified, every fault healed.
async fn under_faults<'d>(
    grounds: &Grounds,
    plan: &Plan,
    database: &'d Database<'d>,
    (crew, desk): (&Crew, &Desk),
) -> anyhow::Result<Watched<'d>> {
    let spec = desk.write("spec.toml", &tracks::spec("track-seconds", BUDGET))?;
    let submit = ["submit", &spec, "--target", "main", "--as", "chaos"];
    let job = Watched::new(database, &desk.ok(&submit).await?)?;
    job.under_way(500, PATIENCE).await?;
    let servers = Mutex::new(());
    let stage = Stage {
        crew,
        broker: &grounds.broker,
        server: &grounds.server,
        servers: &servers,
    };
    let faults = plan.faults.iter().map(|fault| async move {
        tokio::time::sleep(fault.at).await;
        stage
            .carry_out(*fault)
            .await
            .with_context(|| format!("{fault:?}"))
    });
    let carried_out = all(faults).await;
    crew.mend().await?;
    carried_out?;
    // The limit was there to leave time for faults.
    let lift = ["tune", "track-seconds", "--max-rows-per-second", "0"];
    let whose = ["--target", "main", "--as", "chaos"];
    // Refused where the job is at its end already.
    desk.run(&[lift, whose].concat()).await?;
    job.until("verified", PATIENCE).await?;
    Ok(job)
}

/// All at once, and each to its end: one that fails must not leave another unhealed.
async fn all(faults: impl Iterator<Item = impl Future<Output = anyhow::Result<()>>>) -> anyhow::Result<()> {
    let outcomes = futures_util::future::join_all(faults).await;
    outcomes.into_iter().collect()
}
