//! Publishing from the ledger: a task is a row first, then a message, then marked after the confirm.
//!
//! A loop of its own beside the rounds: while the broker is away a publish waits for it, and rounds must go on meanwhile
//! (commands are answered, the pace is set). What was published twice is claimed once.

use std::sync::Arc;

use ledger::tasks::{Outstanding, Work};
use ledger::{Error, Target};
use proto::message::{ChunkTask, StageTask};
use proto::{Envelope, LeaseId, Message, MessageId, VERSION};
use shared::bus::{Bus, Queue};
use shared::clock::Clock;
use shared::service::{Shutdown, chain};
use tokio::sync::Notify;

/// Messages published between two looks at the ledger.
const BATCH: i64 = 200;

/// Publishes the outstanding tasks of one target.
#[derive(Debug)]
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

    /// Publishes whenever a round was made, until it is asked to stop.
    pub(super) async fn run(self, round: Arc<Notify>, shutdown: Shutdown) {
        loop {
            tokio::select! {
                biased;
                () = shutdown.stopping.cancelled() => return,
                () = round.notified() => {}
            }
            if let Err(error) = self.outstanding().await {
                tracing::warn!(target = %self.target.name, error = %chain(&error), "tasks wait to be published");
            }
        }
    }

    async fn outstanding(&self) -> Result<(), Error> {
        for task in self.target.ledger.to_publish(BATCH).await? {
            let (queue, message) = self.address(&task);
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
            if let Err(error) = self.bus.publish(&queue, &envelope).await {
                // The row stays unpublished; the next round finds it again.
                tracing::warn!(task = %task.task, %error, "a task was not published");
                return Ok(());
            }
            self.target.ledger.mark_published(task.task, self.lease).await?;
        }
        Ok(())
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
