//! Every role in the test's own process, over the in-process bus, on a server with the documented database roles, or on a file.
//!
//! What `sluice run` does, but with the parts in reach: a test can start roles one by one, stop them, and look at the
//! ledger in between.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use ledger::commands::{Answer, Command};
use ledger::jobs::Job;
use ledger::status::Counts;
use ledger::{JobState, Plan, Target};
use planner::Targets;
use planner::compile::Acknowledged;
use planner::spec::{Fault, Spec};
use proto::JobId;
use shared::bus::Bus;
use shared::bus::local::LocalBus;
use shared::clock::{Clock, SystemClock};
use shared::service::Shutdown;
use shared::settings::TargetSettings;
use tokio::task::JoinSet;

use crate::place::Place;
use crate::wait;

/// How long a small job may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// The roles at work on one database.
#[derive(Debug)]
pub struct Embedded {
    /// The target, connected.
    pub target: Target,
    /// The bus between the roles.
    pub bus: Arc<dyn Bus>,
    /// Replicas that the target's settings require.
    replicas: Vec<String>,
    /// See [`planner::Context::until`].
    until: Option<JobState>,
    clock: Arc<dyn Clock>,
    shutdown: Shutdown,
    running: JoinSet<anyhow::Result<()>>,
}

/// Which role to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The brain.
    Planner,
    /// Hands, with so many slots.
    Backfiller(u16),
    /// The eyes.
    Verifier,
}

/// What every run needs.
pub const ALL: [Part; 3] = [Part::Planner, Part::Backfiller(4), Part::Verifier];

/// Compiles a spec as the data role, before there is a ledger.
///
/// # Errors
/// Every fault of the spec.
pub async fn compile<'a>(place: impl Into<Place<'a>>, spec: &str) -> Result<Plan, Vec<Fault>> {
    let spec = Spec::from_toml(spec, "test.toml")?;
    let mut conn = place.into().data().await.expect("the data role may connect");
    planner::submit::prepare(&mut conn, &spec, &Acknowledged::default()).await
}

/// The faults of a spec that must be refused, one line each.
///
/// # Panics
/// If it is not refused.
pub async fn faults<'a>(place: impl Into<Place<'a>>, spec: &str) -> String {
    match compile(place, spec).await {
        Ok(plan) => panic!("accepted: {}", plan.name),
        Err(faults) => faults
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n"),
    }
}

impl Embedded {
    /// Connects, without any role yet.
    ///
    /// # Errors
    /// What a service would say.
    pub async fn connect<'a>(place: impl Into<Place<'a>>) -> anyhow::Result<Self> {
        let place = place.into();
        Self::connect_with(place, &place.settings()).await
    }

    /// Connects with settings of the test's own.
    ///
    /// # Errors
    /// What a service would say.
    pub async fn connect_with<'a>(
        place: impl Into<Place<'a>>,
        settings: &TargetSettings,
    ) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = SystemClock::shared();
        let target = place.into().target(settings).await?;
        Ok(Self {
            target,
            bus: Arc::new(LocalBus::new(clock.clone())),
            replicas: settings.replicas.clone(),
            until: Some(JobState::Verified),
            clock,
            shutdown: Shutdown::new(),
            running: JoinSet::new(),
        })
    }

    /// Jobs come to rest in this state; without it they go to the end of their plan. Most tests look at what is
    /// `verified`, so that is where jobs rest unless a test says otherwise, before it starts a planner.
    #[must_use]
    pub fn resting_at(self, state: Option<JobState>) -> Self {
        Self { until: state, ..self }
    }

    /// Roles that are started from now on take their time from this clock.
    #[must_use]
    pub fn on_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Connects and starts every role.
    ///
    /// # Errors
    /// What a service would say.
    pub async fn start<'a>(place: impl Into<Place<'a>>) -> anyhow::Result<Self> {
        let mut embedded = Self::connect(place).await?;
        embedded.start_parts(&ALL);
        Ok(embedded)
    }

    /// Starts roles.
    pub fn start_parts(&mut self, parts: &[Part]) {
        for part in parts {
            let (targets, bus, clock, shutdown) = (
                vec![self.target.clone()],
                self.bus.clone(),
                self.clock.clone(),
                self.shutdown.clone(),
            );
            match part {
                Part::Planner => {
                    let context = planner::Context {
                        targets: Targets::opened(targets.into_iter().map(|t| (t, Acknowledged::default()))),
                        bus,
                        clock,
                        shutdown,
                        name: "test-planner".to_owned(),
                        tick: Duration::from_millis(100),
                        until: self.until,
                    };
                    self.running
                        .spawn(async move { Ok(planner::start(context).await?) });
                }
                Part::Backfiller(slots) => {
                    let name = format!("test-backfiller-{}", self.running.len()).as_str().into();
                    let context = backfiller::Context {
                        targets,
                        bus,
                        clock,
                        shutdown,
                        name,
                        slots: *slots,
                    };
                    self.running
                        .spawn(async move { Ok(backfiller::start(context).await?) });
                }
                Part::Verifier => {
                    let name = format!("test-verifier-{}", self.running.len()).as_str().into();
                    let replicas = BTreeMap::from([(self.target.name.clone(), self.replicas.clone())]);
                    let context = verifier::Context {
                        targets,
                        replicas,
                        bus,
                        clock,
                        shutdown,
                        name,
                    };
                    self.running
                        .spawn(async move { Ok(verifier::start(context).await?) });
                }
            }
        }
    }

    /// Compiles a spec and takes the job in.
    ///
    /// # Errors
    /// Its faults, or a busy table.
    pub async fn submit<'a>(&self, place: impl Into<Place<'a>>, spec: &str) -> anyhow::Result<JobId> {
        let plan = compile(place, spec).await.map_err(|faults| {
            anyhow::anyhow!(
                faults
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join("\n")
            )
        })?;
        let id = JobId::new();
        planner::submit::take(&self.target, id, &plan, "test").await?;
        Ok(id)
    }

    /// The job as it is.
    ///
    /// # Errors
    /// There is none.
    pub async fn job(&self, id: JobId) -> anyhow::Result<Job> {
        Ok(self.target.ledger.job(id).await?)
    }

    /// Waits until the job is in one of these states; fails with the last one seen.
    ///
    /// # Errors
    /// It never is.
    pub async fn until(&self, id: JobId, states: &[JobState]) -> anyhow::Result<Job> {
        let what = format!("the job is {states:?}");
        wait::until(&what, PATIENCE, async || -> anyhow::Result<wait::Look<Job>> {
            let job = self.target.ledger.job(id).await?;
            Ok(if states.contains(&job.state) {
                wait::Look::There(job)
            } else {
                wait::Look::NotYet(format!("{} ({})", job.state, job.reason.unwrap_or_default()))
            })
        })
        .await
    }

    /// Waits for `verified`; held or failed on the way is a failure at once, with its reason.
    ///
    /// # Errors
    /// It is not verified.
    pub async fn verified(&self, id: JobId) -> anyhow::Result<Job> {
        let job = self
            .until(id, &[JobState::Verified, JobState::Held, JobState::Failed])
            .await?;
        anyhow::ensure!(
            job.state == JobState::Verified,
            "the job is {}: {}",
            job.state,
            job.reason.unwrap_or_default()
        );
        Ok(job)
    }

    /// Says something and waits for the planner's answer.
    ///
    /// # Errors
    /// No answer.
    pub async fn say(&self, id: JobId, command: &Command) -> anyhow::Result<Answer> {
        let said = self.target.ledger.command(id, command, "test").await?;
        wait::until("the planner answers", PATIENCE, async || {
            self.target.ledger.answer(said).await
        })
        .await
    }

    /// Rolls a job back and waits for the end of it.
    ///
    /// # Errors
    /// It holds on the way.
    pub async fn roll_back(&self, id: JobId, discard: bool) -> anyhow::Result<()> {
        let command = Command::Rollback {
            discard,
            accept_loss: false,
        };
        let answer = self.say(id, &command).await?;
        anyhow::ensure!(matches!(answer, Answer::Applied(_)), "{answer:?}");
        let job = self.until(id, &[JobState::RolledBack, JobState::Held]).await?;
        anyhow::ensure!(
            job.state == JobState::RolledBack,
            "held: {}",
            job.reason.unwrap_or_default()
        );
        Ok(())
    }

    /// Counts of a job.
    ///
    /// # Errors
    /// What the ledger says.
    pub async fn counts(&self, id: JobId) -> anyhow::Result<Counts> {
        let job = self.job(id).await?;
        Ok(self.target.ledger.counts(&job).await?)
    }

    /// Every chunk of every sweep of fill 0 tiles its range (invariant 1).
    ///
    /// # Errors
    /// What is not tiled.
    pub async fn assert_tiled(&self, id: JobId) -> anyhow::Result<()> {
        let sweeps: Vec<i32> =
            engine::db::scalar("SELECT DISTINCT sweep FROM sluice.sweep WHERE job = $1 AND sweep = (SELECT max(sweep) FROM sluice.sweep WHERE job = $1)")
                .bind(id.0)
                .fetch_all(self.target.ledger.pool())
                .await?;
        for sweep in sweeps {
            let faults = self
                .target
                .ledger
                .tiling_faults(id, 0, sweep.unsigned_abs())
                .await?;
            anyhow::ensure!(faults.is_empty(), "sweep {sweep}: {faults:?}");
        }
        Ok(())
    }

    /// Asks every role to stop and waits for them.
    ///
    /// # Errors
    /// What a role ended with.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.shutdown.stopping.cancel();
        while let Some(ended) = self.running.join_next().await {
            ended.context("a role panicked")??;
        }
        Ok(())
    }
}
