//! The service around a role: settings in, exit code out. Shared by a role's own binary and by `sluice ROLE`.
//!
//! Each target is worked on its own, so that one whose ledger does not exist yet keeps no other waiting. What a process knows of a
//! target is of one ledger on one server: if that is another one at some moment (a fail-over, a clone), all of it is dropped, and
//! the target is opened anew.

use std::process::ExitCode;
use std::sync::Arc;

use proto::{TargetName, WorkerName};
use shared::bus::Bus;
use shared::clock::{Clock, SystemClock};
use shared::service::{Ended, Part, Readiness, Service, Shutdown};
use shared::settings::{Settings, TargetSettings};
use tokio::task::JoinSet;

use crate::target::{Missing, Presence, Target};

/// Which role is served, and what it asks for.
#[derive(Clone, Debug)]
pub struct Role {
    /// What it is called in logs and messages, such as `backfiller`.
    pub name: &'static str,
    /// What this process is called in the ledger; by default host and process id.
    pub worker: Option<String>,
    /// Connections in the data pool of each target.
    pub data_connections: u32,
}

/// One target to work for, and what to work with.
#[derive(Clone, Debug)]
pub struct Assignment {
    /// The target, connected.
    pub target: Target,
    /// As configured.
    pub settings: TargetSettings,
    /// Where messages come from and events go to.
    pub bus: Arc<dyn Bus>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// How the role is asked to end.
    pub shutdown: Shutdown,
    /// What this process is called in the ledger.
    pub worker: WorkerName,
}

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
    Target(#[from] crate::target::Error),
    /// The loop.
    #[error("the {role} stopped")]
    Stopped {
        /// Which role.
        role: &'static str,
        /// Why.
        #[source]
        source: super::Error,
    },
    /// A bug.
    #[error("the {role} panicked")]
    Panicked {
        /// Which role.
        role: &'static str,
        /// The panic.
        #[source]
        source: tokio::task::JoinError,
    },
}

/// Serves until a signal asks it to stop; `start` is the role's work for one target.
///
/// # Errors
/// [`Error`], for what waiting cannot mend.
pub async fn serve<S, W>(role: Role, settings: Settings, start: S) -> Result<ExitCode, Error>
where
    S: Fn(Assignment) -> W + Clone + Send + 'static,
    W: Future<Output = Result<(), super::Error>> + Send + 'static,
{
    let metrics = shared::telemetry::init(&settings.telemetry)?;
    let clock: Arc<dyn Clock> = SystemClock::shared();
    if settings.targets.is_empty() {
        return Err(Error::NoTarget);
    }
    let name = role.worker.clone().unwrap_or_else(|| default_name(role.name));
    let service = Service {
        name: role.name,
        settings: settings.service.clone(),
        readiness: Readiness::new(),
        metrics,
        clock: clock.clone(),
    };
    // Before the bus: what has no port connects to nothing.
    let bound = service.bind().await?;
    let bus = shared::bus::open(&settings.bus, &format!("sluice {name}"), clock.clone())?;
    let readiness = bus.readiness();
    let bound = bound.with_readiness(readiness.clone());
    let shutdown = Shutdown::new();
    let shared = Shared {
        role: role.name,
        data_connections: role.data_connections,
        bus: bus.clone(),
        clock,
        shutdown: shutdown.clone(),
        worker: WorkerName(name),
    };
    let mut work = JoinSet::new();
    for (target, its) in &settings.targets {
        let part = readiness.part(format!("ledger of {target}"));
        work.spawn(
            shared
                .clone()
                .one_target(target.clone(), its.clone(), part, start.clone()),
        );
    }
    let ended = bound.run(shutdown, all(work, role.name)).await?;
    bus.close().await;
    match ended {
        Ended::Finished(result) => result.map(|()| ExitCode::SUCCESS),
        Ended::Aborted => Ok(ExitCode::FAILURE),
    }
}

async fn all(mut work: JoinSet<Result<(), Error>>, role: &'static str) -> Result<(), Error> {
    while let Some(ended) = work.join_next().await {
        ended.map_err(|source| Error::Panicked { role, source })??;
    }
    Ok(())
}

/// What a target's task needs beside its own settings.
#[derive(Clone)]
struct Shared {
    role: &'static str,
    data_connections: u32,
    bus: Arc<dyn Bus>,
    clock: Arc<dyn Clock>,
    shutdown: Shutdown,
    worker: WorkerName,
}

impl Shared {
    async fn one_target<S, W>(
        self,
        name: TargetName,
        settings: TargetSettings,
        part: Part,
        start: S,
    ) -> Result<(), Error>
    where
        S: Fn(Assignment) -> W,
        W: Future<Output = Result<(), super::Error>>,
    {
        let presence = Presence {
            application_name: format!("sluice {}", self.worker),
            data_connections: self.data_connections,
        };
        let waiting = |why: String| {
            tracing::info!(target_name = %name, "waiting: {why}");
            part.not_ready(why);
        };
        loop {
            let connecting = Target::connect_when_there(
                name.clone(),
                &settings,
                &presence,
                Missing::Fail,
                &self.clock,
                &waiting,
            );
            let Some(target) = self.shutdown.stopping.run_until_cancelled(connecting).await else {
                part.retire();
                return Ok(());
            };
            let target = target?;
            let work = start(Assignment {
                target: target.clone(),
                settings: settings.clone(),
                bus: self.bus.clone(),
                clock: self.clock.clone(),
                shutdown: self.shutdown.clone(),
                worker: self.worker.clone(),
            });
            // Work that is dropped stops at once: its messages come again, and its leases are not its own any more.
            let ended = tokio::select! {
                ended = work => Some(ended),
                _ = target.watch_health(&part, &*self.clock) => None,
            };
            if let Some(ended) = ended {
                part.retire();
                return ended.map_err(|source| Error::Stopped {
                    role: self.role,
                    source,
                });
            }
            target.close(&*self.clock).await;
        }
    }
}

/// Host and process id: unique among the processes of an installation.
fn default_name(role: &str) -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim();
    let host = if host.is_empty() { role } else { host };
    format!("{host}-{}", std::process::id())
}
