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
use std::sync::Arc;

use proto::message::TaskOutcome;
use proto::{ChunkId, Message, TargetName};
use shared::bus::{Delivery, Settlement};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio_util::task::AbortOnDropHandle;

use crate::intake::{self, Inbound};
use crate::site::Site;
use crate::{Context, Error, beat, check, reread, sampler};

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

/// Hints that wait to be looked at; more are dropped, the poll finds them.
const HINTS: usize = 256;

/// See [`crate::start`].
pub(crate) async fn run(context: Context) -> Result<(), Error> {
    let sites: Vec<Arc<Site>> = context
        .targets
        .iter()
        .map(|target| Site::new(&context, target.clone()))
        .collect();
    let mut inbox = intake::open(&sites).await?;
    let mut work = JoinSet::new();
    let mut hints = BTreeMap::new();
    for site in &sites {
        let (sender, receiver) = mpsc::channel(HINTS);
        hints.insert(site.target.name.clone(), sender);
        work.spawn(reread::run(site.clone(), receiver));
        work.spawn(sampler::run(site.clone()));
    }
    let _beats = AbortOnDropHandle::new(tokio::spawn(beat::run(sites)));
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
    panicked.map_or(Ok(()), |panic| Err(Error::Panicked(panic)))
}

async fn handle(Inbound { site, delivery }: Inbound, hints: BTreeMap<TargetName, mpsc::Sender<ChunkId>>) {
    let message = match &delivery.content {
        Err(unreadable) => Err(unreadable.to_string()),
        Ok(envelope) => match site.misdirected(envelope) {
            Some(reason) => Err(reason),
            None => Ok(envelope.message.clone()),
        },
    };
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
