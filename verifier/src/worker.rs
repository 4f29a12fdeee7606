//! The loop: one `select!` over a closed set of events, each handled in a tracked task.
//!
//! ```text
//!   check queue ──┐                 ┌─ check: turn ─ claim ─ acknowledge ─ ranges ─ verdict ─ event
//!                 ├─ intake ─ loop ─┤
//!   event queue ──┘    │            └─ chunk done: acknowledge ─ reread ─ ledger ─ event
//!                      └─ beside it, per target: reread (polls too), sampler, heartbeat
//! ```
//!
//! An event is acknowledged as soon as it is noted: it is a hint, and a lost hint is found by the poll a second later.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ledger::role::beat;
use ledger::role::intake::{self, Inbound};
use ledger::role::site::{self, InHand, Site};
use ledger::role::turns::{self, CLAIMED_WITHIN, Turns};
use proto::message::TaskOutcome;
use proto::{ChunkId, Message, TargetName};
use shared::bus::{Delivery, Queue, Settlement};
use shared::clock::within;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio_util::task::AbortOnDropHandle;

use crate::{Context, Error, check, reread, sampler};

enum Event {
    /// A message.
    Arrived(Box<Inbound>),
    /// No more messages will come.
    Drained,
    /// A part of the service ended; an error is a panic.
    PartEnded(Result<(), JoinError>),
    /// A handler ended; an error is a panic.
    Ended(Result<(), JoinError>),
    /// Stop at once.
    Aborted,
}

/// Checks in hand at a time, per target: each reads with two connections.
const CHECKS: usize = 2;
/// Events in hand at a time: they are only noted down, so a few are enough.
const EVENTS: u16 = 16;
/// Hints that wait to be looked at; more are dropped, the poll finds them.
const HINTS: usize = 256;

/// A task whose handler panicked is tried again after this.
const AFTER_PANIC: Duration = Duration::from_secs(5);

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
    // What this service is made of, and what it has in hand: a part that is gone ends the service, a handler costs its task a while.
    let mut parts = JoinSet::new();
    let mut work = JoinSet::new();
    let mut lanes = BTreeMap::new();
    for site in &sites {
        let (sender, receiver) = mpsc::channel(HINTS);
        let lane = Lane {
            hints: sender,
            turns: Turns::new(CHECKS),
        };
        lanes.insert(site.target.name.clone(), lane);
        parts.spawn(reread::run(site.clone(), receiver));
        let replicas = context.replicas.get(&site.target.name).cloned();
        parts.spawn(sampler::run(site.clone(), replicas.unwrap_or_default()));
    }
    let detail = || serde_json::json!({});
    let _beats = AbortOnDropHandle::new(tokio::spawn(beat::run(sites, "verifier", detail)));
    tracing::info!(worker = %context.name, targets = context.targets.len(), "verifier is ready");
    let mut drained = false;
    let mut panicked = None;
    while !(drained && work.is_empty() && parts.is_empty()) {
        let event = tokio::select! {
            biased;
            () = context.shutdown.abort.cancelled() => Event::Aborted,
            Some(ended) = parts.join_next() => Event::PartEnded(ended),
            Some(ended) = work.join_next() => Event::Ended(ended),
            arrived = inbox.recv(), if !drained => arrived.map_or(Event::Drained, |i| Event::Arrived(Box::new(i))),
        };
        match event {
            Event::Arrived(_) if context.shutdown.stopping.is_cancelled() => {}
            Event::Arrived(inbound) => {
                let lane = lanes[&inbound.site.target.name].clone();
                work.spawn(handle(*inbound, lane));
            }
            Event::Drained => {
                drained = true;
                if !context.shutdown.stopping.is_cancelled() {
                    return Err(Error::BusClosed);
                }
            }
            Event::PartEnded(Ok(())) | Event::Ended(Ok(())) => {}
            Event::Ended(Err(panic)) => {
                tracing::error!(error = %panic, "a handler panicked; its message comes again");
            }
            Event::PartEnded(Err(panic)) => {
                // The sampler or the re-reader: a verifier without them must not look alive.
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

/// What the handlers of one target share.
#[derive(Clone)]
struct Lane {
    hints: mpsc::Sender<ChunkId>,
    turns: Turns,
}

async fn handle(inbound: Inbound, lane: Lane) {
    let message = inbound.message();
    let Inbound { site, delivery } = inbound;
    match message {
        Err(reason) => settle(delivery, Settlement::Park(reason)).await,
        Ok(Message::CheckTask(task)) => {
            let _turn = match lane.turns.take(&site, task.task).await {
                Ok(turn) => turn,
                Err(Some(settlement)) => return settle(delivery, settlement).await,
                // Dropped unsettled, it goes back to the queue.
                Err(None) => return,
            };
            let admitting = within(&*site.clock, CLAIMED_WITHIN, check::admit(&site, task.task));
            // Dropped unsettled, it goes back to the queue.
            let Some(admitted) = admitting.await else { return };
            settle(delivery, admitted.settlement).await;
            if let Some(in_hand) = admitted.in_hand {
                guarded(site, in_hand).await;
            }
        }
        Ok(Message::TaskEvent(event)) => {
            if let (TaskOutcome::Done, Some(chunk)) = (event.what, event.chunk)
                && lane.hints.try_send(chunk).is_err()
            {
                tracing::debug!(%chunk, "too many hints at once; the poll finds the chunk");
            }
            settle(delivery, Settlement::Done).await;
        }
        Ok(
            other @ (Message::JobSubmit(_)
            | Message::JobReply(_)
            | Message::JobEvent(_)
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

/// Runs a check; one that panics is given back, with the panic as its note, so that another attempt need not wait for the lease.
async fn guarded(site: Arc<Site>, in_hand: InHand) {
    let claim = in_hand.claim;
    let checking = tokio::spawn({
        let site = site.clone();
        async move {
            let lost = in_hand.lease.lost().clone();
            let checked = turns::under(lost, &*site.clock, check::run(&site, in_hand)).await;
            if checked.is_none() {
                tracing::warn!(task = %claim.task, "a check hung without its lease, and was dropped");
            }
        }
    });
    // Stops the check if this is dropped.
    let Err(panic) = AbortOnDropHandle::new(checking).await else {
        return;
    };
    metrics::counter!("sluice_handler_panics_total", "role" => "verifier").increment(1);
    tracing::error!(task = %claim.task, job = %claim.job, error = %panic, "a check panicked; it is given back");
    let why = format!("a check panicked: {panic}");
    let ledger = &site.target.ledger;
    if let Err(error) = ledger.give_back(claim.task, claim.fence, AFTER_PANIC, &why).await {
        tracing::warn!(task = %claim.task, %error, "it could not be given back; its lease lapses");
    }
}

async fn settle(delivery: Delivery, settlement: Settlement) {
    if let Err(error) = delivery.settle(settlement).await {
        tracing::debug!(%error, "settling failed; the message comes again");
    }
}
