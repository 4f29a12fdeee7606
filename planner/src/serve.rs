//! The planner as a service: settings in, exit code out. Shared by its own binary and by `sluice planner`.
//!
//! Each target is opened on its own, and nothing waits for it but what is about it.

use std::convert::Infallible;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use ledger::Target;
use ledger::target::{Missing, Presence};
use proto::TargetName;
use shared::bus;
use shared::clock::{Clock, SystemClock};
use shared::service::{Ended, Part, Readiness, Service, Shutdown};
use shared::settings::{Settings, TargetSettings};
use shared::telemetry;
use tokio::task::JoinSet;

use crate::compile::Acknowledged;
use crate::start::{Context, start};
use crate::submit::AT_ONCE;
use crate::targets::Targets;

/// Connections in a target's data pool: one for each submission that is compiled at a time, and a spare.
const DATA_CONNECTIONS: u32 = AT_ONCE as u32 + 1;

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
    let targets = Targets::expected(settings.targets.keys().cloned());
    let mut opening = JoinSet::new();
    for (target_name, target) in settings.targets {
        let lane = Lane {
            part: bus.readiness().part(format!("ledger of {target_name}")),
            name: target_name,
            settings: target,
            planner: name.clone(),
            targets: targets.clone(),
            clock: clock.clone(),
        };
        opening.spawn(lane.hold());
    }
    let context = Context {
        targets,
        bus,
        clock,
        shutdown: shutdown.clone(),
        name,
        tick: settings.planner.tick,
        until: None,
    };
    let working = start(context);
    tokio::pin!(working);
    let mut refused = Ok(());
    loop {
        tokio::select! {
            ended = &mut working => return refused.and(ended.map_err(Into::into)),
            Some(ended) = opening.join_next() => {
                // What waiting cannot mend ends the service, in order.
                let why = match ended {
                    Ok(Err(error)) => anyhow::Error::new(error),
                    Err(panic) => anyhow::Error::new(panic).context("the task of a target panicked"),
                    Ok(Ok(never)) => match never {},
                };
                refused = refused.and(Err(why));
                shutdown.stopping.cancel();
            }
        }
    }
}

/// One target: opened for as long as it takes, then looked after.
struct Lane {
    part: Part,
    name: TargetName,
    settings: TargetSettings,
    planner: String,
    targets: Targets,
    clock: Arc<dyn Clock>,
}

impl Lane {
    /// Opens the target, again and again: each time that it turns out to be another database, or another timeline, than what was opened.
    async fn hold(self) -> Result<Infallible, ledger::target::Error> {
        loop {
            let target = self.connect().await?;
            let publications = self.settings.acknowledge_publications.iter().cloned().collect();
            let acknowledged = Acknowledged {
                publications,
                ..Acknowledged::default()
            };
            self.targets.open(target.clone(), acknowledged);
            let why = target.watch_health(&self.part, &*self.clock).await;
            self.targets.away(&self.name, why);
            target.close(&*self.clock).await;
        }
    }

    /// Waits for a target that is away, or that is a copy nobody has adopted; gives up on one that says no.
    async fn connect(&self) -> Result<Target, ledger::target::Error> {
        let presence = Presence {
            application_name: format!("sluice {}", self.planner),
            data_connections: DATA_CONNECTIONS,
        };
        let waiting = |why: String| {
            tracing::warn!(target_name = %self.name, error = why, "target is away; trying again");
            self.targets.away(&self.name, why.clone());
            self.part.not_ready(why);
        };
        Target::connect_when_there(
            self.name.clone(),
            &self.settings,
            &presence,
            Missing::Create,
            &self.clock,
            waiting,
        )
        .await
    }
}
