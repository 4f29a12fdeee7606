//! The loop: one `select!` over a closed set of events, each handled in a tracked task.
//!
//! ```text
//!   check queue ──┐                 ┌─ check: claim ─ acknowledge ─ ranges ─ verdict ─ event
//!                 ├─ intake ─ loop ─┤
//!   event queue ──┘    │            └─ chunk done: acknowledge ─ reread ─ ledger ─ event
//!                      └─ beside it, per target: reread (polls too), sampler, heartbeat
//! ```
//!
//! An event is acknowledged as soon as it is noted: it is a hint, and a lost hint is found by the poll a second later.

use std::collections::BTreeMap;

use ledger::role::beat;
use ledger::role::intake::{self, Inbound};
use ledger::role::site;
use proto::message::TaskOutcome;
use proto::{ChunkId, Message, TargetName};
use shared::bus::{Delivery, Queue, Settlement};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio_util::task::AbortOnDropHandle;

use crate::{Context, Error, check, reread, sampler};

enum Event {
    /// A message.
    Arrived(Box<Inbound>),
    /// No more messages will come.
    Drained,
    /// A task ended; an error is a panic.
    Ended(Result<(), JoinError>),
    /// Stop at once.
    Aborted,
}

/// Events in hand at a time: they are only noted down, so a few are enough.
const EVENTS: u16 = 16;
/// Hints that wait to be looked at; more are dropped, the poll finds them.
const HINTS: usize = 256;

/// See [`crate::start`].
pub(crate) async fn run(context: Context) -> Result<(), Error> {
    let sites = site::all(
        &context.targets,
        &context.name,
        &context.bus,
        &context.clock,
        &context.shutdown,
    );
    let queues = |target: TargetName| {
        [
            (Queue::Check(target.clone()), 1),
            (Queue::EventsVerifier(target), EVENTS),
        ]
    };
    let mut inbox = intake::open(&sites, queues).await?;
    let mut work = JoinSet::new();
    let mut hints = BTreeMap::new();
    for site in &sites {
        let (sender, receiver) = mpsc::channel(HINTS);
        hints.insert(site.target.name.clone(), sender);
        work.spawn(reread::run(site.clone(), receiver));
        let replicas = context.replicas.get(&site.target.name).cloned();
        work.spawn(sampler::run(site.clone(), replicas.unwrap_or_default()));
    }
    let detail = || serde_json::json!({});
    let _beats = AbortOnDropHandle::new(tokio::spawn(beat::run(sites, "verifier", detail)));
    tracing::info!(worker = %context.name, targets = context.targets.len(), "verifier is ready");
    let mut drained = false;
    let mut panicked = None;
    while !(drained && work.is_empty()) {
        let event = tokio::select! {
            biased;
            () = context.shutdown.abort.cancelled() => Event::Aborted,
            Some(ended) = work.join_next() => Event::Ended(ended),
            arrived = inbox.recv(), if !drained => arrived.map_or(Event::Drained, |i| Event::Arrived(Box::new(i))),
        };
        match event {
            Event::Arrived(_) if context.shutdown.stopping.is_cancelled() => {}
            Event::Arrived(inbound) => {
                work.spawn(handle(*inbound, hints.clone()));
            }
            Event::Drained => {
                drained = true;
                if !context.shutdown.stopping.is_cancelled() {
                    return Err(Error::BusClosed);
                }
            }
            Event::Ended(Ok(())) => {}
            Event::Ended(Err(panic)) => {
                // It may have been the sampler or the re-reader: a verifier without them must not look alive.
                tracing::error!(error = %panic, "a part of the verifier panicked; it stops");
                context.shutdown.stopping.cancel();
                panicked = Some(panic);
            }
            Event::Aborted => break,
        }
    }
    panicked.map_or(Ok(()), |source| {
        Err(Error::Panicked {
            role: "verifier",
            source,
        })
    })
}

async fn handle(inbound: Inbound, hints: BTreeMap<TargetName, mpsc::Sender<ChunkId>>) {
    let message = inbound.message();
    let Inbound { site, delivery } = inbound;
    match message {
        Err(reason) => settle(delivery, Settlement::Park(reason)).await,
        Ok(Message::CheckTask(task)) => {
            let admitted = check::admit(&site, task.task).await;
            settle(delivery, admitted.settlement).await;
            if let Some(in_hand) = admitted.in_hand {
                check::run(&site, in_hand).await;
            }
        }
        Ok(Message::TaskEvent(event)) => {
            if let (TaskOutcome::Done, Some(chunk), Some(hints)) =
                (event.what, event.chunk, hints.get(&site.target.name))
                && hints.try_send(chunk).is_err()
            {
                tracing::debug!(%chunk, "too many hints at once; the poll finds the chunk");
            }
            settle(delivery, Settlement::Done).await;
        }
        Ok(
            other @ (Message::JobSubmit(_)
            | Message::JobReply(_)
            | Message::StageTask(_)
            | Message::ChunkTask(_)
            | Message::Wake(_)),
        ) => {
            let reason = format!(
                "a verifier does check.task and task.event; this is {}",
                other.kind()
            );
            settle(delivery, Settlement::Park(reason)).await;
        }
    }
}

async fn settle(delivery: Delivery, settlement: Settlement) {
    if let Err(error) = delivery.settle(settlement).await {
        tracing::debug!(%error, "settling failed; the message comes again");
    }
}
