//! The imperative shell around [`crate::decide`]: one loop a target.
//!
//! A round reads the ledger, asks the core until nothing changes, carries each decision out in one
//! transaction under the job's version, sets the pace, and publishes what is not published. Messages
//! only make a round come sooner than the tick; losing every one of them delays work by a tick.
//!
//! Only the holder of the lease `planner` makes rounds; another planner of the same target waits for the lease to lapse.
//! A round that loses a race (its version is stale) is thrown away whole and made again.

mod apply;
mod assumptions;
mod facts;
mod leaves;
mod publish;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use engine::catalog::EngineKind;
use ledger::commands::{Answer, Pending};
use ledger::jobs::Job;
use ledger::pace::{Pace, StopKind};
use ledger::{JobState, Plan, Target};
use proto::{JobId, LeaseId, PlanHash};
use shared::bus::{self, Bus, Delivery, Queue, Settlement, Subscription};
use shared::clock::Clock;
use shared::service::{Shutdown, chain};
use tokio::sync::Notify;

use crate::decide::{Decision, Effect, Input, Machine, decide};

/// A job may take this many steps of its life in one round before the others get their turn.
const STEPS_A_ROUND: usize = 64;
/// After a failed round (database away, say) the next one waits this long.
const AFTER_ERROR: Duration = Duration::from_secs(1);

/// A pace that does not change is written this often: workers take a planner for dead after five times that.
const BEAT: Duration = Duration::from_secs(1);

/// Why a round failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The ledger.
    #[error("the ledger of target {target} could not be used")]
    Ledger {
        /// Target.
        target: String,
        /// Why.
        #[source]
        source: ledger::Error,
    },
    /// The engine.
    #[error("reading the catalog of target {target} failed")]
    Engine {
        /// Target.
        target: String,
        /// Why.
        #[source]
        source: engine::postgres::error::Error,
    },
    /// A stored machine cannot be read.
    #[error("the machine of job {job} was written by a newer sluice")]
    Machine {
        /// Job.
        job: JobId,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The bus.
    #[error("the bus could not be used")]
    Bus(#[from] bus::Error),
    /// A bug.
    #[error("a loop of the planner panicked")]
    Panicked(#[source] tokio::task::JoinError),
}

/// The planner of one target.
#[derive(Debug)]
pub struct TargetPlanner {
    target: Target,
    bus: Arc<dyn Bus>,
    clock: Arc<dyn Clock>,
    tick: Duration,
    until: Option<JobState>,
    name: String,
    lease: LeaseId,
    active: Activity,
    plans: HashMap<PlanHash, Arc<Plan>>,
    paces: HashMap<JobId, Written>,
    looked: HashMap<JobId, assumptions::Looked>,
    published: Arc<Notify>,
}

/// The pace of a job as it was written last.
#[derive(Debug)]
struct Written {
    pace: Pace,
    stop: StopKind,
    at: Duration,
}

/// Whether this planner is the active one of its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Activity {
    Waiting,
    Active,
}

/// Why the loop wakes.
enum Event {
    Tick,
    Message(Option<Delivery>),
    Wake(Option<Delivery>),
    Stop,
}

impl TargetPlanner {
    /// A planner that has not begun.
    #[must_use]
    pub fn new(
        target: Target,
        bus: Arc<dyn Bus>,
        clock: Arc<dyn Clock>,
        tick: Duration,
        name: String,
    ) -> Self {
        Self {
            target,
            bus,
            clock,
            tick,
            until: None,
            name,
            lease: LeaseId::random(),
            active: Activity::Waiting,
            plans: HashMap::new(),
            paces: HashMap::new(),
            looked: HashMap::new(),
            published: Arc::new(Notify::new()),
        }
    }

    /// Drives no job beyond a state.
    #[must_use]
    pub fn until(self, state: Option<JobState>) -> Self {
        Self { until: state, ..self }
    }

    /// Makes rounds until it is asked to stop.
    ///
    /// # Errors
    /// Only if the bus refuses the subscriptions for good; a database that is away is waited for.
    pub async fn run(mut self, shutdown: Shutdown) -> Result<(), Error> {
        let mut events = self
            .bus
            .subscribe(&Queue::EventsPlanner(self.target.name.clone()), 100)
            .await?;
        let mut control = self.bus.subscribe(&Queue::Control, 100).await?;
        let mut pause = Duration::ZERO;
        // Publishing waits for the broker; rounds must not, because the pace they set is the workers' heartbeat.
        let publisher = publish::Publisher::new(&self.target, &self.bus, &self.clock, self.lease);
        let publisher = tokio::spawn(publisher.run(self.published.clone(), shutdown.clone()));
        loop {
            match self.next(&mut events, &mut control, &shutdown, pause).await {
                Event::Stop | Event::Message(None) | Event::Wake(None) => break,
                Event::Tick => {}
                Event::Message(Some(delivery)) | Event::Wake(Some(delivery)) => {
                    settle(delivery).await;
                    // A burst of events is one reason to look.
                    drain(&mut events).await;
                    drain(&mut control).await;
                }
            }
            pause = match self.round().await {
                Ok(()) => self.tick,
                Err(error) => {
                    tracing::warn!(target = %self.target.name, error = %chain(&error), "round failed; trying again");
                    AFTER_ERROR
                }
            };
        }
        publisher.abort();
        if self.active == Activity::Active
            && let Err(error) = self.target.ledger.drop_lease("planner", self.lease).await
        {
            tracing::debug!(%error, "the lease was not given up; it lapses");
        }
        Ok(())
    }

    async fn next(
        &self,
        events: &mut Subscription,
        control: &mut Subscription,
        shutdown: &Shutdown,
        pause: Duration,
    ) -> Event {
        tokio::select! {
            biased;
            () = shutdown.stopping.cancelled() => Event::Stop,
            delivery = events.next() => Event::Message(delivery),
            delivery = control.next() => Event::Wake(delivery),
            () = self.clock.sleep(pause) => Event::Tick,
        }
    }

    /// One round over every unfinished job of the target.
    ///
    /// # Errors
    /// What the ledger or the catalog says; everything half done was rolled back.
    pub async fn round(&mut self) -> Result<(), Error> {
        if !self.hold_lease().await? {
            return Ok(());
        }
        let jobs = self
            .target
            .ledger
            .unfinished_jobs()
            .await
            .map_err(self.ledger_error())?;
        self.forget_ended(&jobs);
        for job in jobs {
            let id = job.id;
            if let Err(error) = self.drive(job).await {
                // One job must not stop the others.
                tracing::warn!(job = %id, error = %chain(&error), "job could not be driven; trying again");
            }
        }
        self.published.notify_one();
        Ok(())
    }

    async fn hold_lease(&mut self) -> Result<bool, Error> {
        let held = self
            .target
            .ledger
            .hold_lease("planner", &self.name, self.lease)
            .await
            .map_err(self.ledger_error())?;
        if held && self.active == Activity::Waiting {
            // The broker may be a new one, and messages of the planner before us may be lost.
            let again = self
                .target
                .ledger
                .republish_all()
                .await
                .map_err(self.ledger_error())?;
            tracing::info!(target = %self.target.name, reissued = again, "this planner is active");
        }
        self.active = if held { Activity::Active } else { Activity::Waiting };
        Ok(held)
    }

    async fn drive(&mut self, mut job: Job) -> Result<(), Error> {
        let plan = self.plan(&job.plan_hash).await?;
        for _ in 0..STEPS_A_ROUND {
            let machine: Machine = serde_json::from_value(job.machine.clone())
                .map_err(|source| Error::Machine { job: job.id, source })?;
            let pending = self
                .target
                .ledger
                .pending_commands(job.id)
                .await
                .map_err(self.ledger_error())?;
            let facts = facts::load(self, &job, &plan, &machine).await?;
            let command: Option<Pending> = pending.into_iter().next();
            let input = match &command {
                Some(pending) => Input::Command(pending.clone(), facts.clone()),
                None => Input::Look(facts.clone()),
            };
            let decision = decide(&plan, &machine, input);
            if decision.machine == machine && decision.effects.is_empty() {
                return self.set_pace(&job, &machine).await;
            }
            if !self.carry_out(&job, &plan, &decision, &facts).await? {
                tracing::debug!(job = %job.id, "the job was changed by somebody else; reading it again");
            }
            job = self
                .target
                .ledger
                .job(job.id)
                .await
                .map_err(self.ledger_error())?;
            if job.state == JobState::RolledBack || job.state == JobState::Done {
                let machine = decision.machine;
                return self.set_pace(&job, &machine).await;
            }
        }
        Ok(())
    }

    /// False: the version was stale, nothing was done.
    async fn carry_out(
        &self,
        job: &Job,
        plan: &Plan,
        decision: &Decision,
        facts: &crate::decide::Facts,
    ) -> Result<bool, Error> {
        let applying = apply::Applying {
            target: &self.target,
            job,
            plan,
            decision,
            facts,
            planner: self.lease,
        };
        match applying.carry_out().await {
            Ok(()) => {
                if decision.machine.state != job.state {
                    tracing::info!(job = %job.id, from = %job.state, to = %decision.machine.state,
                        reason = decision.machine.reason().unwrap_or_default(), "job moved");
                }
                Ok(true)
            }
            Err(Error::Ledger {
                source: ledger::Error::Conflict { .. },
                ..
            }) => Ok(false),
            Err(Error::Ledger {
                source: source @ ledger::Error::TableTaken { .. },
                ..
            }) => {
                self.refuse(decision, &source.to_string()).await?;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// A command that the ledger itself refuses is answered all the same.
    async fn refuse(&self, decision: &Decision, why: &str) -> Result<(), Error> {
        let error = || self.ledger_error();
        let mut tx = self
            .target
            .ledger
            .pool()
            .begin()
            .await
            .map_err(ledger::Error::of("planner.refuse"))
            .map_err(error())?;
        for effect in &decision.effects {
            if let Effect::Answer(id, _) = effect {
                let answer = Answer::Refused(why.to_owned());
                ledger::commands::settle(&mut tx, *id, &answer)
                    .await
                    .map_err(error())?;
            }
        }
        ledger::jobs::require_planner(&mut tx, self.lease)
            .await
            .map_err(error())?;
        tx.commit()
            .await
            .map_err(ledger::Error::of("planner.refuse"))
            .map_err(error())
    }

    async fn set_pace(&mut self, job: &Job, machine: &Machine) -> Result<(), Error> {
        let signals = match self.target.data.engine() {
            EngineKind::Postgresql => Some(self.target.ledger.signals().await.map_err(self.ledger_error())?),
            EngineKind::Sqlite => None,
        };
        let leased = self
            .target
            .ledger
            .leased_tasks(job.id)
            .await
            .map_err(self.ledger_error())?;
        let before = self.paces.get(&job.id);
        let (pace, stop) = crate::pace::pace(machine, signals.as_deref(), leased, before.map(|b| &b.pace));
        let now = self.clock.monotonic();
        if before.is_some_and(|b| b.pace == pace && b.stop == stop && now.saturating_sub(b.at) < BEAT) {
            return Ok(());
        }
        let mut conn = self
            .target
            .ledger
            .pool()
            .acquire()
            .await
            .map_err(ledger::Error::of("planner.pace"))
            .map_err(self.ledger_error())?;
        ledger::pace::set(&mut conn, job.id, &pace, stop, self.lease)
            .await
            .map_err(self.ledger_error())?;
        self.log_pace(job.id, &pace, stop);
        metrics::gauge!("sluice_job_go", "job" => job.name.clone()).set(f64::from(u8::from(pace.go)));
        self.paces.insert(job.id, Written { pace, stop, at: now });
        Ok(())
    }

    fn log_pace(&self, job: JobId, pace: &Pace, stop: StopKind) {
        let before = self.paces.get(&job);
        if stop == StopKind::Signal && before.is_none_or(|b| b.pace.go != pace.go) {
            match &pace.reason {
                Some(reason) => tracing::warn!(%job, %reason, "throttled"),
                None => tracing::info!(%job, "not throttled"),
            }
        }
    }

    async fn plan(&mut self, hash: &PlanHash) -> Result<Arc<Plan>, Error> {
        if let Some(plan) = self.plans.get(hash) {
            return Ok(plan.clone());
        }
        let plan = Arc::new(self.target.ledger.plan(hash).await.map_err(self.ledger_error())?);
        self.plans.insert(hash.clone(), plan.clone());
        Ok(plan)
    }

    fn forget_ended(&mut self, jobs: &[Job]) {
        self.paces.retain(|id, _| jobs.iter().any(|j| j.id == *id));
        self.looked.retain(|id, _| jobs.iter().any(|j| j.id == *id));
        self.plans
            .retain(|hash, _| jobs.iter().any(|j| j.plan_hash == *hash));
    }

    fn ledger_error(&self) -> impl FnOnce(ledger::Error) -> Error + use<> {
        let target = self.target.name.to_string();
        move |source| Error::Ledger { target, source }
    }

    fn engine_error(&self) -> impl FnOnce(engine::postgres::error::Error) -> Error + use<> {
        let target = self.target.name.to_string();
        move |source| Error::Engine { target, source }
    }
}

/// Events say nothing that the ledger does not; an unreadable one is parked.
async fn settle(delivery: Delivery) {
    let settlement = match &delivery.content {
        Ok(_) => Settlement::Done,
        Err(why) => Settlement::Park(why.to_string()),
    };
    if let Err(error) = delivery.settle(settlement).await {
        tracing::debug!(%error, "an event was not settled; it comes again");
    }
}

async fn drain(subscription: &mut Subscription) {
    while let Ok(Some(delivery)) = tokio::time::timeout(Duration::ZERO, subscription.next()).await {
        settle(delivery).await;
    }
}
