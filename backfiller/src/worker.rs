//! The loop: one `select!` over a closed set of events, each handled in a tracked task.
//!
//! ```text
//!   stage queue ──┐                    ┌─ stage: turn ─ claim ─ acknowledge ─ step ─ ledger ─ event
//!                 ├─ intake ─ loop ────┤
//!   chunk queue ──┘    │               └─ chunk: claim ─ batches ─ ledger ─ event ─ acknowledge
//!                      └─ ended tasks (a panic is logged; its lease lapses)
//! ```
//!
//! What would break it: work inside a branch of the `select!`. A slow database would then keep the process from
//! hearing that it should stop.

use std::collections::BTreeMap;

use ledger::role::beat;
use ledger::role::intake::{self, Inbound};
use ledger::role::site;
use ledger::role::turns::{self, CLAIMED_WITHIN, Turns};
use proto::{Message, TargetName};
use shared::bus::Queue;
use shared::clock::within;
use tokio::task::{JoinError, JoinSet};
use tokio_util::task::AbortOnDropHandle;

use crate::busy::Busy;
use crate::conclude::{Handled, conclude, publish, settle};
use crate::{Context, Error, chunk, stage};

/// Steps in hand at a time, per target: one that takes hours leaves room for a short one, and other processes get the rest.
const STEPS: usize = 2;

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

/// See [`crate::start`].
pub(crate) async fn run(context: Context) -> Result<(), Error> {
    let busy = Busy::default();
    let sites = site::all(
        &context.targets,
        &context.name,
        &context.bus,
        &context.clock,
        &context.shutdown,
    );
    // Steps are bounded by their turns, see `ledger::role::turns`.
    let queues = |target: TargetName| {
        [
            (Queue::Stage(target.clone()), 1),
            (Queue::Chunk(target), context.slots.max(1)),
        ]
    };
    let mut inbox = intake::open(&sites, queues).await?;
    let turns: BTreeMap<TargetName, Turns> = sites
        .iter()
        .map(|site| (site.target.name.clone(), Turns::new(STEPS)))
        .collect();
    let (slots, counted) = (context.slots, busy.clone());
    let detail = move || serde_json::json!({ "slots": slots, "busy": counted.count() });
    let _beats = AbortOnDropHandle::new(tokio::spawn(beat::run(sites, "backfiller", detail)));
    tracing::info!(worker = %context.name, slots = context.slots, targets = context.targets.len(), "backfiller is ready");
    let mut work = JoinSet::new();
    let mut drained = false;
    while !(drained && work.is_empty()) {
        let event = tokio::select! {
            biased;
            () = context.shutdown.abort.cancelled() => Event::Aborted,
            Some(ended) = work.join_next() => Event::Ended(ended),
            arrived = inbox.recv(), if !drained => arrived.map_or(Event::Drained, |inbound| Event::Arrived(Box::new(inbound))),
        };
        match event {
            // Dropped unsettled, it goes back to the queue.
            Event::Arrived(_) if context.shutdown.stopping.is_cancelled() => {}
            Event::Arrived(inbound) => {
                work.spawn(handle(*inbound, turns.clone(), busy.clone()));
            }
            Event::Drained => drained = true,
            Event::Ended(Ok(())) => {}
            Event::Ended(Err(panic)) => {
                tracing::error!(error = %panic, "a handler panicked; its message comes again once its lease has lapsed");
            }
            Event::Aborted => break,
        }
    }
    if context.shutdown.stopping.is_cancelled() || context.shutdown.abort.is_cancelled() {
        Ok(())
    } else {
        Err(Error::BusClosed)
    }
}

async fn handle(inbound: Inbound, turns: BTreeMap<TargetName, Turns>, busy: Busy) {
    let message = inbound.message();
    let Inbound { site, delivery } = inbound;
    match message {
        Err(reason) => conclude(&site, delivery, Handled::park(reason)).await,
        Ok(Message::StageTask(task)) => {
            let of_target = &turns[&site.target.name];
            let _turn = match of_target.take(&site, task.task).await {
                Ok(turn) => turn,
                Err(Some(settlement)) => return settle(delivery, settlement).await,
                // Dropped unsettled, it goes back to the queue.
                Err(None) => return,
            };
            let admitting = within(&*site.clock, CLAIMED_WITHIN, stage::admit(&site, task.task));
            // Dropped unsettled, it goes back to the queue.
            let Some(admitted) = admitting.await else { return };
            // Once the lease is in the ledger: long DDL outlives the broker's acknowledgement timeout.
            settle(delivery, admitted.settlement).await;
            if let Some(in_hand) = admitted.in_hand {
                let _busy = busy.one_more();
                let lost = in_hand.lease.lost().clone();
                match turns::under(lost, &*site.clock, stage::run(&site, in_hand)).await {
                    Some(Some(event)) => publish(&site, &event).await,
                    Some(None) => {}
                    None => {
                        tracing::warn!(task = %task.task, "a step hung without its lease, and was dropped");
                    }
                }
            }
        }
        Ok(Message::ChunkTask(task)) => {
            let busy = busy.one_more();
            let handled = chunk::run(&site, task, &delivery.session).await;
            drop(busy);
            conclude(&site, delivery, handled).await;
        }
        Ok(
            other @ (Message::JobSubmit(_)
            | Message::JobReply(_)
            | Message::JobEvent(_)
            | Message::CheckTask(_)
            | Message::TaskEvent(_)
            | Message::Wake(_)),
        ) => {
            let reason = format!(
                "a backfiller does stage.task and chunk.task; this is {}",
                other.kind()
            );
            conclude(&site, delivery, Handled::park(reason)).await;
        }
    }
}
