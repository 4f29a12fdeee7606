//! Publishing from the ledger: a task is a row first, then a message, then marked after the confirm.
//!
//! Chunks are admitted first, within the budget of the target: what is not admitted has no message, and nobody can claim it.
//!
//! A loop of its own beside the rounds: while the broker is away a publish waits for it, and rounds must go on meanwhile
//! (commands are answered, the pace is set). And a round over hundreds of jobs takes seconds, while a place that a chunk has left is to
//! be taken at once: places would stand empty, and small jobs wait for them. A few messages are on their way at a time; a queue that refuses one (it is full,
//! say) gets no more until the next look, and holds up no other queue. What was published twice is claimed once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ledger::role::crash;
use ledger::tasks::{Outstanding, Work};
use ledger::{Error, Target};
use proto::message::{ChunkTask, StageTask};
use proto::{Envelope, LeaseId, Message, MessageId, VERSION};
use shared::bus::{Bus, Queue};
use shared::clock::{Clock, within};
use shared::service::{Shutdown, chain};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::tenure::Tenure;

/// Messages of one queue that are published between two looks at the ledger.
const BATCH: i64 = 200;
/// A look that takes longer waits on a socket whose other end is gone. What it had on its way is found again.
const LIMIT: Duration = Duration::from_secs(60);
/// How often the ledger is looked at, besides after each round.
const EVERY: Duration = Duration::from_millis(250);
/// Messages on their way at a time: as many as the transport sends beside each other.
const IN_FLIGHT: usize = 8;

/// Publishes the outstanding tasks of one target.
#[derive(Clone, Debug)]
pub(super) struct Publisher {
    target: Target,
    bus: Arc<dyn Bus>,
    clock: Arc<dyn Clock>,
    lease: LeaseId,
}

impl Publisher {
    pub(super) fn new(target: &Target, bus: &Arc<dyn Bus>, clock: &Arc<dyn Clock>, lease: LeaseId) -> Self {
        Self {
            target: target.clone(),
            bus: bus.clone(),
            clock: clock.clone(),
            lease,
        }
    }

    /// Publishes again and again while the lease is held, and whenever a round was made, until it is asked to stop.
    pub(super) async fn run(self, round: Arc<Notify>, tenure: Tenure, shutdown: Shutdown) {
        loop {
            tokio::select! {
                biased;
                () = shutdown.stopping.cancelled() => return,
                () = round.notified() => {}
                () = self.clock.sleep(EVERY) => {}
            }
            if !tenure.is_held() {
                continue;
            }
            match within(&*self.clock, LIMIT, self.outstanding()).await {
                Some(Ok(())) => {}
                Some(Err(error)) => {
                    tracing::warn!(target = %self.target.name, error = %chain(&error), "tasks wait to be published");
                }
                None => {
                    tracing::warn!(target = %self.target.name, "the ledger or the broker does not answer; tasks wait to be published");
                }
            }
        }
    }

    async fn outstanding(&self) -> Result<(), Error> {
        let max_parallel = self.target.budget.max_parallel.unwrap_or(u32::MAX);
        self.target.ledger.admit(max_parallel, self.lease).await?;
        let mut on_their_way = JoinSet::new();
        let mut refusing = BTreeSet::new();
        for task in self.target.ledger.to_publish(BATCH).await? {
            if on_their_way.len() == IN_FLIGHT {
                arrived(on_their_way.join_next().await, &mut refusing);
            }
            let (queue, message) = self.address(&task);
            if refusing.contains(&queue.name()) {
                continue;
            }
            let publisher = self.clone();
            on_their_way.spawn(async move { publisher.one(task, queue, message).await });
        }
        while let Some(ended) = on_their_way.join_next().await {
            arrived(Some(ended), &mut refusing);
        }
        Ok(())
    }

    /// The queue's name, if it did not take it. The row stays unpublished then; the next round finds it again.
    async fn one(&self, task: Outstanding, queue: Queue, message: Message) -> Option<String> {
        let envelope = Envelope {
            id: MessageId::of_task(task.task, task.publications + 1),
            version: VERSION,
            target: self.target.name.clone(),
            ledger: Some(self.target.ledger.id()),
            job: Some(task.job),
            sent_at: self.clock.now(),
            attempt: task.publications + 1,
            trace: None,
            message,
        };
        crash::point("publish.before");
        if let Err(error) = self.bus.publish(&queue, &envelope).await {
            tracing::warn!(task = %task.task, %error, "a task was not published");
            return Some(queue.name());
        }
        crash::point("publish.before_mark");
        if let Err(error) = self.target.ledger.mark_published(task.task, self.lease).await {
            tracing::warn!(task = %task.task, error = %chain(&error), "a task was published and is published again");
        }
        crash::point("publish.after_mark");
        None
    }

    fn address(&self, task: &Outstanding) -> (Queue, Message) {
        let target = self.target.name.clone();
        match task.work {
            Work::Step { .. } => (
                Queue::Stage(target),
                Message::StageTask(StageTask { task: task.task }),
            ),
            Work::Chunk { chunk, .. } => (
                Queue::Chunk(target),
                Message::ChunkTask(ChunkTask {
                    task: task.task,
                    chunk,
                }),
            ),
            Work::Check { .. } => (
                Queue::Check(target),
                Message::CheckTask(StageTask { task: task.task }),
            ),
        }
    }
}

fn arrived(ended: Option<Result<Option<String>, tokio::task::JoinError>>, refusing: &mut BTreeSet<String>) {
    match ended {
        Some(Ok(Some(queue))) => {
            refusing.insert(queue);
        }
        Some(Ok(None)) | None => {}
        Some(Err(panic)) => tracing::error!(%panic, "publishing a task panicked"),
    }
}
