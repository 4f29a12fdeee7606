//! All three roles in this process, over the in-process bus: the same code that the services run.
//!
//! Nothing is special about it for the ledger: leases, fences and heartbeats are as with services, so a run that
//! is killed is continued by the next one, and a planner elsewhere is respected. What was in hand when the
//! process ends is found again in the ledger; the bus keeps nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ledger::target::{Missing, Presence};
use ledger::{JobState, Target};
use proto::WorkerName;
use shared::bus::Bus;
use shared::bus::local::LocalBus;
use shared::clock::{Clock, within};
use shared::service::Shutdown;
use tokio::task::JoinSet;

use crate::error::Error;
use crate::place::Place;

/// Chunks worked on at a time; the job's own budget bounds them further.
const SLOTS: u16 = 8;
/// Time between two looks of the planner: short, because the person waits.
const TICK: Duration = Duration::from_millis(100);

/// Which roles run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Roles {
    /// Planner, backfiller and verifier.
    All,
    /// The planner alone: enough to answer a command that asks for no work.
    PlannerOnly,
}

/// What this process does for the jobs of its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Which roles run.
    pub roles: Roles,
    /// The state beyond which no job is driven; None: to the end of its plan.
    pub until: Option<JobState>,
}

/// The roles of this process.
#[derive(Debug)]
pub struct Embedded {
    /// The target they work for.
    pub target: Target,
    bus: Arc<dyn Bus>,
    clock: Arc<dyn Clock>,
    shutdown: Shutdown,
    running: JoinSet<(&'static str, anyhow::Result<()>)>,
}

/// Connects a target with all its roles; the ledger is created if it is not there.
///
/// # Errors
/// Which connection failed, or why the ledger was refused.
pub async fn connect(place: &Place, clock: &Arc<dyn Clock>) -> Result<Target, Error> {
    let presence = Presence {
        application_name: format!("sluice {}", process_name()),
        data_connections: u32::from(SLOTS) + 3 + verifier::DATA_CONNECTIONS,
    };
    Ok(Target::connect(
        place.name.clone(),
        &place.target,
        &presence,
        Missing::Create,
        clock,
    )
    .await?)
}

/// How this process is called in leases and heartbeats.
#[must_use]
pub fn process_name() -> String {
    format!("run-{}", std::process::id())
}

impl Embedded {
    /// Starts the roles.
    #[must_use]
    pub fn start(
        place: &Place,
        target: Target,
        scope: Scope,
        clock: Arc<dyn Clock>,
        shutdown: Shutdown,
    ) -> Self {
        let bus: Arc<dyn Bus> = Arc::new(LocalBus::new(clock.clone()));
        let mut embedded = Self {
            target,
            bus,
            clock,
            shutdown,
            running: JoinSet::new(),
        };
        embedded.watch_home();
        embedded.start_planner(place, scope.until);
        if scope.roles == Roles::All {
            embedded.start_backfiller();
            embedded.start_verifier(place);
        }
        embedded
    }

    /// A run is over when its database turns out to be another one: whoever runs it again opens what is there then.
    fn watch_home(&mut self) {
        let (target, stopping, clock) = (
            self.target.clone(),
            self.shutdown.stopping.clone(),
            self.clock.clone(),
        );
        self.running.spawn(async move {
            let Some(why) = stopping.run_until_cancelled(target.home.left()).await else {
                return ("connection to the database", Ok(()));
            };
            target.close(&*clock).await;
            ("connection to the database", Err(anyhow::anyhow!(why)))
        });
    }

    fn start_planner(&mut self, place: &Place, until: Option<JobState>) {
        let context = planner::Context {
            targets: planner::Targets::opened([(self.target.clone(), place.acknowledged())]),
            bus: self.bus.clone(),
            clock: self.clock.clone(),
            shutdown: self.shutdown.clone(),
            name: process_name(),
            tick: TICK,
            until,
        };
        self.running
            .spawn(async move { ("planner", planner::start(context).await.map_err(Into::into)) });
    }

    fn start_backfiller(&mut self) {
        let context = backfiller::Context {
            targets: vec![self.target.clone()],
            bus: self.bus.clone(),
            clock: self.clock.clone(),
            shutdown: self.shutdown.clone(),
            name: WorkerName(format!("{}-backfiller", process_name())),
            slots: SLOTS,
        };
        self.running
            .spawn(async move { ("backfiller", backfiller::start(context).await.map_err(Into::into)) });
    }

    fn start_verifier(&mut self, place: &Place) {
        let context = verifier::Context {
            targets: vec![self.target.clone()],
            replicas: BTreeMap::from([(place.name.clone(), place.target.replicas.clone())]),
            bus: self.bus.clone(),
            clock: self.clock.clone(),
            shutdown: self.shutdown.clone(),
            name: WorkerName(format!("{}-verifier", process_name())),
        };
        self.running
            .spawn(async move { ("verifier", verifier::start(context).await.map_err(Into::into)) });
    }

    /// Answers only when a role ended although nobody asked it to. Safe to drop half-way.
    pub async fn failed(&mut self) -> Error {
        loop {
            let Some(ended) = self.running.join_next().await else {
                return std::future::pending().await;
            };
            let (role, result) = match ended {
                Ok(ended) => ended,
                Err(panic) => {
                    return Error::Role {
                        role: "role",
                        source: panic.into(),
                    };
                }
            };
            match result {
                Err(source) => return Error::Role { role, source },
                Ok(()) if self.shutdown.stopping.is_cancelled() => {}
                Ok(()) => {
                    return Error::Role {
                        role,
                        source: anyhow::anyhow!("it ended without a reason"),
                    };
                }
            }
        }
    }

    /// Lets what is in hand end, then ends the roles; after `budget`, or on a second Ctrl-C, at once.
    pub async fn stop(mut self, budget: Duration) {
        self.shutdown.stopping.cancel();
        let abort = self.shutdown.abort.clone();
        let clock = self.clock.clone();
        let drained = async {
            while self.running.join_next().await.is_some() {}
            self.shutdown.tasks.close();
            self.shutdown.tasks.wait().await;
        };
        tokio::select! {
            () = abort.cancelled() => {}
            _ = within(&*clock, budget, drained) => {}
        }
        self.shutdown.abort.cancel();
        self.bus.close().await;
    }
}
