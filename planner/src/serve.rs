//! The planner as a service: settings in, exit code out. Shared by its own binary and by `sluice planner`.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use ledger::Target;
use ledger::target::{Missing, Presence};
use proto::TargetName;
use shared::bus;
use shared::clock::{Clock, SystemClock};
use shared::service::{Ended, Part, Readiness, Service, Shutdown, chain};
use shared::settings::{Settings, TargetSettings};
use shared::telemetry;
use tokio::task::JoinSet;

use crate::compile::Acknowledged;
use crate::start::{Context, start};

/// Between two attempts to reach a target.
const RETRY: Duration = Duration::from_secs(2);

/// Runs until a signal asks to stop.
///
/// # Errors
/// What keeps the service from starting.
pub async fn serve(settings: Settings) -> anyhow::Result<ExitCode> {
    let metrics = telemetry::init(&settings.telemetry).context("telemetry could not be set up")?;
    let clock: Arc<dyn Clock> = SystemClock::shared();
    let name = format!("planner-{}", std::process::id());
    let service = Service {
        name: "planner",
        settings: settings.service.clone(),
        readiness: Readiness::new(),
        metrics,
        clock: clock.clone(),
    };
    // Before the bus: what has no port connects to nothing.
    let bound = service.bind().await?;
    let bus = bus::open(&settings.bus, &name, clock.clone())?;
    let bound = bound.with_readiness(bus.readiness());
    let shutdown = Shutdown::new();
    let work = work(settings, bus.clone(), clock, shutdown.clone(), name);
    let ended = bound.run(shutdown, work).await?;
    bus.close().await;
    match ended {
        Ended::Finished(outcome) => outcome.map(|()| ExitCode::SUCCESS),
        Ended::Aborted => Ok(ExitCode::FAILURE),
    }
}

async fn work(
    settings: Settings,
    bus: Arc<dyn bus::Bus>,
    clock: Arc<dyn Clock>,
    shutdown: Shutdown,
    name: String,
) -> anyhow::Result<()> {
    anyhow::ensure!(
        !settings.targets.is_empty(),
        "no [targets.NAME] is configured; a planner needs at least one"
    );
    let mut targets = Vec::new();
    // Dropped at the end, which ends it.
    let mut health = JoinSet::new();
    for (target_name, target) in &settings.targets {
        let part = bus.readiness().part(format!("ledger of {target_name}"));
        let connected = tokio::select! {
            () = shutdown.stopping.cancelled() => return Ok(()),
            connected = connect(target_name, target, (&name, &part), &clock) => connected?,
        };
        let (watched, its_clock) = (connected.clone(), clock.clone());
        health.spawn(async move { watched.watch_health(&part, &*its_clock).await });
        let publications = target.acknowledge_publications.iter().cloned().collect();
        targets.push((
            connected,
            Acknowledged {
                publications,
                ..Acknowledged::default()
            },
        ));
    }
    let context = Context {
        targets,
        bus,
        clock,
        shutdown,
        name,
        tick: settings.planner.tick,
        until: None,
    };
    Ok(start(context).await?)
}

/// Waits for a target that is away; gives up on one that says no.
async fn connect(
    name: &TargetName,
    settings: &TargetSettings,
    (planner, part): (&str, &Part),
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Target> {
    let presence = Presence {
        application_name: format!("sluice {planner}"),
        data_connections: 4,
    };
    loop {
        match Target::connect(name.clone(), settings, &presence, Missing::Create, clock).await {
            Ok(target) => return Ok(target),
            Err(error) if error.is_transient() => {
                let why = chain(&error);
                tracing::warn!(target_name = %name, error = why, "target is away; trying again");
                part.not_ready(why);
                clock.sleep(RETRY).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}
