//! The service around the eyes: settings in, exit code out. Shared by its own binary and by `sluice verifier`.
//!
//! Each target is worked on its own, so that one whose ledger does not exist yet keeps no other waiting.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use ledger::target::{Presence, Target};
use proto::{TargetName, WorkerName};
use shared::bus::Bus;
use shared::clock::{Clock, SystemClock};
use shared::service::{Ended, Part, Service, Shutdown};
use shared::settings::{Settings, TargetSettings};
use tokio::task::JoinSet;

use crate::Context;

/// Why the service ended otherwise than asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing to work for.
    #[error("no target is configured; add a table such as [targets.main] with a url")]
    NoTarget,
    /// Logs or metrics.
    #[error("telemetry could not be set up")]
    Telemetry(#[from] shared::telemetry::Error),
    /// The bus.
    #[error("the bus cannot be used")]
    Bus(#[from] shared::bus::Error),
    /// Port or signals.
    #[error("the service could not start")]
    Service(#[from] shared::service::Error),
    /// A target.
    #[error("a target cannot be used")]
    Target(#[from] ledger::target::Error),
    /// The loop.
    #[error("the verifier stopped")]
    Worker(#[from] crate::Error),
    /// A bug.
    #[error("the verifier panicked")]
    Panicked(#[source] tokio::task::JoinError),
}

/// What a target's task needs beside its own settings.
#[derive(Clone)]
struct Shared {
    bus: Arc<dyn Bus>,
    clock: Arc<dyn Clock>,
    shutdown: Shutdown,
    name: WorkerName,
}

/// Serves until a signal asks it to stop.
///
/// # Errors
/// [`Error`], for what waiting cannot mend.
pub async fn serve(settings: Settings) -> Result<ExitCode, Error> {
    let metrics = shared::telemetry::init(&settings.telemetry)?;
    let clock: Arc<dyn Clock> = SystemClock::shared();
    if settings.targets.is_empty() {
        return Err(Error::NoTarget);
    }
    let name = default_name();
    let bus = shared::bus::open(&settings.bus, &format!("sluice {name}"), clock.clone())?;
    let service = Service {
        name: "verifier",
        settings: settings.service.clone(),
        readiness: bus.readiness(),
        metrics,
        clock: clock.clone(),
    };
    let shutdown = Shutdown::new();
    let shared = Shared {
        bus: bus.clone(),
        clock,
        shutdown: shutdown.clone(),
        name: WorkerName(name),
    };
    let mut work = JoinSet::new();
    for (target, its) in &settings.targets {
        let part = service.readiness.part(format!("ledger of {target}"));
        work.spawn(one_target(shared.clone(), target.clone(), its.clone(), part));
    }
    let ended = service.run(shutdown, all(work)).await?;
    bus.close().await;
    match ended {
        Ended::Finished(result) => result.map(|()| ExitCode::SUCCESS),
        Ended::Aborted => Ok(ExitCode::FAILURE),
    }
}

async fn all(mut work: JoinSet<Result<(), Error>>) -> Result<(), Error> {
    while let Some(ended) = work.join_next().await {
        ended.map_err(Error::Panicked)??;
    }
    Ok(())
}

async fn one_target(
    shared: Shared,
    name: TargetName,
    settings: TargetSettings,
    part: Part,
) -> Result<(), Error> {
    let presence = Presence {
        application_name: format!("sluice {}", shared.name),
        data_connections: crate::DATA_CONNECTIONS,
    };
    let waiting = |why: String| {
        tracing::info!(target_name = %name, "waiting: {why}");
        part.not_ready(why);
    };
    let connecting = Target::connect_when_there(name.clone(), &settings, &presence, &shared.clock, waiting);
    let Some(target) = shared.shutdown.stopping.run_until_cancelled(connecting).await else {
        part.retire();
        return Ok(());
    };
    let target = target?;
    let (watched, clock) = (target.clone(), shared.clock.clone());
    let context = Context {
        targets: vec![target],
        replicas: BTreeMap::from([(name, settings.replicas)]),
        bus: shared.bus,
        clock: shared.clock,
        shutdown: shared.shutdown,
        name: shared.name,
    };
    let ended = tokio::select! {
        ended = crate::start(context) => ended,
        never = watched.watch_health(&part, &*clock) => match never {},
    };
    part.retire();
    Ok(ended?)
}

/// Host and process id: unique among the processes of an installation.
fn default_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim();
    let host = if host.is_empty() { "verifier" } else { host };
    format!("{host}-{}", std::process::id())
}
