//! What every handler of one target holds: its connections, the bus, time, and the plans it has read.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ledger::hold::Held;
use ledger::tasks::Claim;
use ledger::{Plan, Target};
use proto::message::{TaskEvent, TaskOutcome};
use proto::{Envelope, JobId, Message, MessageId, PlanHash, WorkerName};
use shared::bus::Bus;
use shared::clock::Clock;
use shared::service::Shutdown;
use tokio::sync::Mutex;

/// Plans kept in memory; a plan is immutable, so a hash never goes stale.
const PLANS_KEPT: usize = 32;

/// One target as its handlers see it.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) target: Target,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) worker: WorkerName,
    pub(crate) shutdown: Shutdown,
    pub(crate) busy: Arc<AtomicU32>,
    plans: Mutex<BTreeMap<PlanHash, Arc<Plan>>>,
}

/// A task in hand.
#[derive(Debug)]
pub(crate) struct InHand {
    pub(crate) claim: Claim,
    pub(crate) lease: Held,
}

/// Counts as busy until it is dropped.
pub(crate) struct Busy(Arc<AtomicU32>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Site {
    pub(crate) fn new(context: &crate::Context, target: Target, busy: Arc<AtomicU32>) -> Arc<Self> {
        Arc::new(Self {
            target,
            bus: context.bus.clone(),
            clock: context.clock.clone(),
            worker: context.name.clone(),
            shutdown: context.shutdown.clone(),
            busy,
            plans: Mutex::default(),
        })
    }

    pub(crate) fn busy(&self) -> Busy {
        self.busy.fetch_add(1, Ordering::AcqRel);
        Busy(self.busy.clone())
    }

    /// Whether nothing more should be begun.
    pub(crate) fn is_stopping(&self) -> bool {
        self.shutdown.stopping.is_cancelled()
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

    /// The event that tells what became of a task.
    pub(crate) fn event(&self, claim: &Claim, what: TaskOutcome) -> Envelope {
        let chunk = match claim.work {
            ledger::tasks::Work::Chunk { chunk, .. } => Some(chunk),
            ledger::tasks::Work::Step { .. } | ledger::tasks::Work::Check { .. } => None,
        };
        Envelope {
            id: MessageId::new(),
            version: proto::VERSION,
            target: self.target.name.clone(),
            ledger: Some(self.target.ledger.id()),
            job: Some(claim.job),
            sent_at: self.clock.now(),
            attempt: 1,
            trace: None,
            message: Message::TaskEvent(TaskEvent {
                task: claim.task,
                chunk,
                what,
            }),
        }
    }

    /// `time`, lengthened by up to a half, so that workers that failed together do not try again together.
    pub(crate) fn jittered(&self, time: Duration) -> Duration {
        time.mul_f64(1.0 + fastrand::f64() / 2.0)
    }

    /// Sleeps, but not past the moment in which work should end.
    pub(crate) async fn rest(&self, time: Duration, in_hand: &InHand) {
        tokio::select! {
            () = self.clock.sleep(time) => {}
            () = self.shutdown.stopping.cancelled() => {}
            () = in_hand.lease.lost().cancelled() => {}
        }
    }
}
