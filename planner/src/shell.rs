//! The imperative shell around [`crate::decide`]: one loop a target.
//!
//! A round reads the ledger, asks the core until nothing changes, carries each decision out in one
//! transaction under the job's version, sets the pace, and publishes what is not published. Messages
//! only make a round come sooner than the tick; losing every one of them delays work by a tick.
//!
//! Only the holder of the lease `planner` makes rounds; another planner of the same target waits for the lease to lapse. The lease is
//! renewed (`tenure`) and the paces are kept fresh (`pacer`) beside the rounds, so that a long round costs neither.
//! A round that loses a race (its version is stale) is thrown away whole and made again.

mod apply;
mod assumptions;
mod facts;
mod herald;
mod leaves;
mod pacer;
mod publish;
mod tenure;
mod turns;
mod upkeep;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ledger::commands::{Answer, Pending};
use ledger::jobs::Job;
use ledger::{JobState, Plan, Target};
use proto::{JobId, LeaseId, PlanHash};
use shared::bus::{self, Bus, Delivery, Queue, Settlement, Subscription};
use shared::clock::{Clock, within};
use shared::service::{Shutdown, chain};
use tokio::sync::{Mutex, Notify};
use tokio_util::task::AbortOnDropHandle;

use self::herald::Herald;
use self::pacer::Pacer;
use self::tenure::Tenure;
use self::turns::Turns;
use self::upkeep::Upkeep;
use crate::decide::{Decision, Effect, Input, Machine, decide};

/// A job may take this many steps of its life in one round before the others get their turn.
const STEPS_A_ROUND: usize = 64;
/// After a failed round (database away, say) the next one waits this long.
const AFTER_ERROR: Duration = Duration::from_secs(1);
/// How long giving up the lease may take at the end.
const LEAVING: Duration = Duration::from_secs(2);

/// One job may take this long: its questions are short, and the longest (a new partition) has a limit of its own. It ends what waits on a
/// socket whose other end is gone; commands of every job wait meanwhile.
const DRIVE_LIMIT: Duration = Duration::from_secs(60);

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
    pacer: Arc<Mutex<Pacer>>,
    looked: HashMap<JobId, assumptions::Looked>,
    herald: Herald,
    published: Arc<Notify>,
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
        let lease = LeaseId::random();
        Self {
            pacer: Arc::new(Mutex::new(Pacer::new(&target, &clock, lease))),
            herald: Herald::start(&target, &bus, &clock),
            target,
            bus,
            clock,
            tick,
            until: None,
            name,
            lease,
            active: Activity::Waiting,
            plans: HashMap::new(),
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
        // Lease and heartbeat must not wait for a round.
        let mut tenure = Tenure::begin(&self.target, &self.name, self.lease, &self.clock);
        // Publishing waits for the broker; rounds must not, because the pace they set is the workers' heartbeat.
        let publisher = publish::Publisher::new(&self.target, &self.bus, &self.clock, self.lease);
        let publishing = publisher.run(self.published.clone(), tenure.clone(), shutdown.clone());
        let _publisher = AbortOnDropHandle::new(tokio::spawn(publishing));
        let beats = pacer::beat(self.pacer.clone(), tenure.clone(), self.clock.clone());
        let _beats = AbortOnDropHandle::new(tokio::spawn(beats));
        let upkeep = Upkeep::new(&self.target, &self.clock, tenure.clone(), shutdown.clone());
        let upkeep = AbortOnDropHandle::new(tokio::spawn(upkeep.run()));
        shutdown.stopping.run_until_cancelled(tenure.answered()).await;
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
            pause = self.turn(&tenure).await;
        }
        // It ends what it has running on the server.
        let _ = within(&*self.clock, LEAVING, upkeep).await;
        drop((tenure, _beats, _publisher));
        let dropping = self.target.ledger.drop_lease("planner", self.lease);
        if self.active == Activity::Active
            && let Some(Err(error)) = within(&*self.clock, LEAVING, dropping).await
        {
            tracing::debug!(%error, "the lease was not given up; it lapses");
        }
        Ok(())
    }

    /// A round, if this planner is the active one. The time until the next one.
    async fn turn(&mut self, tenure: &Tenure) -> Duration {
        if !tenure.is_held() {
            self.active = Activity::Waiting;
            return self.tick;
        }
        // Dropped in the middle, what it had begun is rolled back.
        let done = tokio::select! {
            biased;
            done = self.round() => Some(done),
            () = tenure.lost() => None,
        };
        match done {
            Some(Ok(())) => self.tick,
            Some(Err(error)) => {
                tracing::warn!(target = %self.target.name, error = %chain(&error), "round failed; trying again");
                AFTER_ERROR
            }
            None => {
                tracing::warn!(target = %self.target.name, "the planner's lease is lost; the round is thrown away");
                self.active = Activity::Waiting;
                self.tick
            }
        }
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
    async fn round(&mut self) -> Result<(), Error> {
        self.begin_tenure().await?;
        let jobs = self
            .target
            .ledger
            .unfinished_jobs()
            .await
            .map_err(self.ledger_error())?;
        self.pacer.lock().await.keep(&jobs);
        self.forget_ended(&jobs);
        let jobs = jobs.into_iter().map(|job| (job.id, job));
        let mut turns = Turns::of(jobs, self.clock.monotonic());
        loop {
            let now = self.clock.monotonic();
            if turns.must_hear(now) {
                turns.hear(self.commanded().await?, now);
            }
            let Some((id, job)) = turns.next() else { break };
            let clock = self.clock.clone();
            // One job must not stop the others.
            match within(&*clock, DRIVE_LIMIT, self.drive(job)).await {
                Some(Ok(())) => {}
                Some(Err(error)) => {
                    tracing::warn!(job = %id, error = %chain(&error), "job could not be driven; trying again");
                }
                None => {
                    tracing::warn!(job = %id, "the database does not answer about this job; trying again");
                }
            }
        }
        self.published.notify_one();
        Ok(())
    }

    /// Jobs with commands that wait, as they are now.
    async fn commanded(&self) -> Result<Vec<(JobId, Job)>, Error> {
        let ledger = &self.target.ledger;
        let mut jobs = Vec::new();
        for id in ledger.commanded_jobs().await.map_err(self.ledger_error())? {
            jobs.push((id, ledger.job(id).await.map_err(self.ledger_error())?));
        }
        Ok(jobs)
    }

    /// The broker may be a new one, and messages of the planner before us may be lost.
    async fn begin_tenure(&mut self) -> Result<(), Error> {
        if self.active == Activity::Waiting {
            let again = self
                .target
                .ledger
                .republish_all()
                .await
                .map_err(self.ledger_error())?;
            tracing::info!(target = %self.target.name, reissued = again, "this planner is active");
            self.active = Activity::Active;
        }
        Ok(())
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
                let mut pacer = self.pacer.lock().await;
                return pacer.set(&job, &machine, facts.leased).await;
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
                let mut pacer = self.pacer.lock().await;
                return pacer.set(&job, &machine, facts.leased).await;
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
                self.herald.tell(job, decision);
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

    async fn plan(&mut self, hash: &PlanHash) -> Result<Arc<Plan>, Error> {
        if let Some(plan) = self.plans.get(hash) {
            return Ok(plan.clone());
        }
        let plan = Arc::new(self.target.ledger.plan(hash).await.map_err(self.ledger_error())?);
        self.plans.insert(hash.clone(), plan.clone());
        Ok(plan)
    }

    fn forget_ended(&mut self, jobs: &[Job]) {
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
