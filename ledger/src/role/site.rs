//! What every handler of one target holds: its connections, the bus, time, and the plans it has read.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proto::message::{TaskEvent, TaskOutcome};
use proto::{Envelope, JobId, Message, MessageId, PlanHash, TaskId, WorkerName};
use shared::bus::{Bus, Settlement};
use shared::clock::Clock;
use shared::service::Shutdown;
use tokio::sync::Mutex;

use crate::error::Error;
use crate::hold::Held;
use crate::plan::Plan;
use crate::target::Target;
use crate::tasks::{Claim, Claimed, Work};

/// Plans kept in memory; a plan is immutable, so a hash never goes stale.
const PLANS_KEPT: usize = 32;

/// One target as its handlers see it.
#[derive(Debug)]
pub struct Site {
    /// Its connections and its ledger.
    pub target: Target,
    /// Where events go to.
    pub bus: Arc<dyn Bus>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// What this process is called in the ledger.
    pub worker: WorkerName,
    /// How it is asked to end.
    pub shutdown: Shutdown,
    plans: Mutex<BTreeMap<PlanHash, Arc<Plan>>>,
}

/// A task in hand.
#[derive(Debug)]
pub struct InHand {
    /// What to do, and the fence under which to do it.
    pub claim: Claim,
    /// Its lease, which is renewed until this is dropped.
    pub lease: Held,
}

/// What came of a message that asks for a task.
#[derive(Debug)]
pub enum Taken {
    /// It is ours.
    InHand(InHand),
    /// It is over, or somebody holds it: forget the message.
    Nothing,
    /// It ended everybody who worked on it, and has failed: park the message with this reason.
    SetAside(String),
}

impl Taken {
    /// For work whose message is settled once its lease is in the ledger: what becomes of the message, and the task if it is ours.
    #[must_use]
    pub fn admit(self) -> (Settlement, Option<InHand>) {
        match self {
            Self::InHand(in_hand) => (Settlement::Done, Some(in_hand)),
            Self::Nothing => (Settlement::Done, None),
            Self::SetAside(why) => (Settlement::Park(why), None),
        }
    }
}

/// The sites of a process that works for `targets`.
#[must_use]
pub fn all(
    targets: &[Target],
    worker: &WorkerName,
    bus: &Arc<dyn Bus>,
    clock: &Arc<dyn Clock>,
    shutdown: &Shutdown,
) -> Vec<Arc<Site>> {
    let site = |target: &Target| {
        Arc::new(Site {
            target: target.clone(),
            bus: bus.clone(),
            clock: clock.clone(),
            worker: worker.clone(),
            shutdown: shutdown.clone(),
            plans: Mutex::default(),
        })
    };
    targets.iter().map(site).collect()
}

impl Site {
    /// Whether nothing more should be begun.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.shutdown.stopping.is_cancelled()
    }

    /// Claims a task and begins to renew its lease.
    ///
    /// # Errors
    /// What the database says.
    pub async fn claim(&self, task: TaskId) -> Result<Taken, Error> {
        let ledger = &self.target.ledger;
        // The lease is counted from here, see [`crate::hold`].
        let sent = self.clock.monotonic();
        Ok(match ledger.claim(task, &self.worker).await? {
            Claimed::Ours(claim) => Taken::InHand(InHand {
                claim,
                lease: Held::begin(ledger, claim, sent, &self.clock),
            }),
            Claimed::NothingToDo | Claimed::Busy => Taken::Nothing,
            Claimed::SetAside(why) => {
                tracing::error!(%task, "a task is set aside: {why}");
                Taken::SetAside(why)
            }
        })
    }

    /// The plan of a job.
    ///
    /// # Errors
    /// What the database says, or that this build cannot read it.
    pub async fn plan_of(&self, job: JobId) -> Result<Arc<Plan>, Error> {
        let hash = self.target.ledger.job(job).await?.plan_hash;
        let mut plans = self.plans.lock().await;
        if let Some(plan) = plans.get(&hash) {
            return Ok(plan.clone());
        }
        let plan = Arc::new(self.target.ledger.plan(&hash).await?);
        if plans.len() >= PLANS_KEPT {
            plans.clear();
        }
        plans.insert(hash, plan.clone());
        Ok(plan)
    }

    /// Why a message is not for us, if it is not.
    pub(super) fn misdirected(&self, envelope: &Envelope) -> Option<String> {
        if envelope.target != self.target.name {
            return Some(format!(
                "the message is for target {}, this queue is for {}",
                envelope.target, self.target.name
            ));
        }
        let ours = self.target.ledger.id();
        envelope.ledger.filter(|theirs| *theirs != ours).map(|theirs| {
            format!(
                "the message is for ledger {theirs}, target {} has ledger {ours}: two installations share a broker, \
                 or the database was replaced",
                self.target.name
            )
        })
    }

    /// The event that tells what became of a claimed task.
    #[must_use]
    pub fn event(&self, claim: &Claim, what: TaskOutcome) -> Envelope {
        let chunk = match claim.work {
            Work::Chunk { chunk, .. } => Some(chunk),
            Work::Step { .. } | Work::Check { .. } => None,
        };
        let event = TaskEvent {
            task: claim.task,
            chunk,
            what,
        };
        self.event_of(claim.job, event)
    }

    /// An event about a task of `job`, as a message of this target.
    #[must_use]
    pub fn event_of(&self, job: JobId, event: TaskEvent) -> Envelope {
        Envelope {
            id: MessageId::new(),
            version: proto::VERSION,
            target: self.target.name.clone(),
            ledger: Some(self.target.ledger.id()),
            job: Some(job),
            sent_at: self.clock.now(),
            attempt: 1,
            trace: None,
            message: Message::TaskEvent(event),
        }
    }

    /// Sleeps, but not past the moment in which work should end.
    pub async fn rest(&self, time: Duration) {
        tokio::select! {
            () = self.clock.sleep(time) => {}
            () = self.shutdown.stopping.cancelled() => {}
        }
    }
}
