//! What every handler of one target holds: its connections, the bus, time, and the plans it has read.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ledger::hold::Held;
use ledger::tasks::Claim;
use ledger::{Plan, Target};
use proto::message::{TaskEvent, TaskOutcome};
use proto::{ChunkId, Envelope, JobId, Message, MessageId, PlanHash, TaskId, WorkerName};
use shared::bus::{Bus, Queue};
use shared::clock::Clock;
use shared::service::Shutdown;
use tokio::sync::Mutex;

/// Plans kept in memory; a plan is immutable, so a hash never goes stale.
const PLANS_KEPT: usize = 32;

/// One target as its handlers see it.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) target: Target,
    pub(crate) replicas: Vec<String>,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) worker: WorkerName,
    pub(crate) shutdown: Shutdown,
    plans: Mutex<BTreeMap<PlanHash, Arc<Plan>>>,
}

/// A check in hand.
#[derive(Debug)]
pub(crate) struct InHand {
    pub(crate) claim: Claim,
    pub(crate) lease: Held,
}

impl Site {
    pub(crate) fn new(context: &crate::Context, target: Target) -> Arc<Self> {
        Arc::new(Self {
            replicas: context.replicas.get(&target.name).cloned().unwrap_or_default(),
            target,
            bus: context.bus.clone(),
            clock: context.clock.clone(),
            worker: context.name.clone(),
            shutdown: context.shutdown.clone(),
            plans: Mutex::default(),
        })
    }

    /// The plan of a job.
    pub(crate) async fn plan_of(&self, job: JobId) -> Result<Arc<Plan>, ledger::Error> {
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
    pub(crate) fn misdirected(&self, envelope: &Envelope) -> Option<String> {
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

    /// Wakes the planner: something about this task is in the ledger now. Lost, it sees it at its next tick.
    pub(crate) async fn tell_planner(
        &self,
        job: JobId,
        task: TaskId,
        chunk: Option<ChunkId>,
        what: TaskOutcome,
    ) {
        let envelope = Envelope {
            id: MessageId::new(),
            version: proto::VERSION,
            target: self.target.name.clone(),
            ledger: Some(self.target.ledger.id()),
            job: Some(job),
            sent_at: self.clock.now(),
            attempt: 1,
            trace: None,
            message: Message::TaskEvent(TaskEvent { task, chunk, what }),
        };
        let queue = Queue::EventsPlanner(self.target.name.clone());
        if let Err(error) = self.bus.publish(&queue, &envelope).await {
            tracing::debug!(target_name = %self.target.name, %error, "the planner could not be woken; it looks by itself");
        }
    }

    /// Sleeps, but not past the moment in which work should end.
    pub(crate) async fn rest(&self, time: Duration) {
        tokio::select! {
            () = self.clock.sleep(time) => {}
            () = self.shutdown.stopping.cancelled() => {}
        }
    }
}

/// An error with its sources, on one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}
