//! Settling a delivery with the broker.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lapin::Acker;
use lapin::options::{BasicAckOptions, BasicNackOptions};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::call::LIMIT;
use super::publisher::Publisher;
use super::topology::Route;
use super::{Context, Error, Letter, Queue};
use crate::bus::delivery::Hand;
use crate::bus::queue::Nature;
use crate::bus::{Parked, Settlement};
use crate::clock::within;

/// What a delivery hangs on.
pub(super) struct Ties {
    pub(super) publisher: Arc<Publisher>,
    pub(super) context: Context,
    /// Of the channel it came by.
    pub(super) session: CancellationToken,
    /// Of the connection under that channel; cancelled to have it made anew.
    pub(super) connection: CancellationToken,
    /// Keeps the channel open.
    pub(super) in_hand: TaskTrackerToken,
}

/// A delivery's way back to the broker.
pub(super) struct RabbitHand {
    letter: Letter,
    queue: Queue,
    /// Taken when it is settled; what is left when the hand is dropped is returned.
    open: Option<(Acker, Ties)>,
    runtime: Handle,
}

impl RabbitHand {
    pub(super) fn new(acker: Acker, letter: Letter, queue: Queue, ties: Ties) -> Self {
        Self {
            letter,
            queue,
            open: Some((acker, ties)),
            runtime: Handle::current(),
        }
    }

    /// Puts the message where it shall go, with a confirm; only then may it be acknowledged here.
    async fn forward(&self, ties: &Ties, settlement: Settlement) -> Result<(), Error> {
        let (route, letter) = match settlement {
            Settlement::Done => return Ok(()),
            Settlement::RetryAfter(delay) => {
                let retries = self.letter.retries.saturating_add(1);
                (
                    Route::retry(&self.queue, delay),
                    Letter {
                        retries,
                        parked: None,
                        ..self.letter.clone()
                    },
                )
            }
            Settlement::Park(reason) => {
                let parked = Parked {
                    reason,
                    queue: self.letter.origin(&self.queue),
                };
                (
                    Route::to(&Queue::Parking),
                    Letter {
                        parked: Some(parked),
                        ..self.letter.clone()
                    },
                )
            }
        };
        ties.publisher.publish(&route, &letter).await
    }
}

#[async_trait]
impl Hand for RabbitHand {
    async fn settle(mut self: Box<Self>, settlement: Settlement) -> Result<bool, Error> {
        let Some((acker, ties)) = &self.open else {
            return Ok(false);
        };
        if ties.session.is_cancelled() {
            return Ok(false);
        }
        if let (Settlement::RetryAfter(delay), Nature::Exclusive | Nature::Parking) =
            (&settlement, self.queue.nature())
        {
            // Such a queue is in nobody's way: the message waits in our hand and then goes back.
            let delay = *delay;
            if let Some((acker, ties)) = self.open.take() {
                self.runtime.spawn(give_back(acker, ties, delay));
            }
            return Ok(true);
        }
        // If this fails or is dropped half-way, dropping the hand returns the message: twice, never lost.
        self.forward(ties, settlement).await?;
        if ties.session.is_cancelled() {
            return Ok(false);
        }
        let acknowledged = within(&*ties.context.clock, LIMIT, acker.ack(BasicAckOptions::default())).await;
        let outcome = match acknowledged {
            Some(Ok(known)) => Ok(known),
            // The channel went while we were at it; the message comes again.
            Some(Err(_)) => Ok(false),
            None => {
                ties.connection.cancel();
                Err(Error::Timeout {
                    doing: format!("acknowledging a message of {}", self.queue),
                    waited: LIMIT,
                })
            }
        };
        self.open = None;
        outcome
    }
}

impl Drop for RabbitHand {
    fn drop(&mut self) {
        if let Some((acker, ties)) = self.open.take()
            && !ties.session.is_cancelled()
        {
            self.runtime.spawn(give_back(acker, ties, Duration::ZERO));
        }
    }
}

/// Returns a message to its queue after `delay`. If it cannot, the broker does so when the channel is gone.
async fn give_back(acker: Acker, ties: Ties, delay: Duration) {
    let clock = &*ties.context.clock;
    if ties
        .session
        .run_until_cancelled(clock.sleep(delay))
        .await
        .is_none()
    {
        return;
    }
    let requeue = BasicNackOptions {
        requeue: true,
        ..BasicNackOptions::default()
    };
    if within(clock, LIMIT, acker.nack(requeue)).await.is_none() {
        ties.connection.cancel();
    }
    drop(ties.in_hand);
}
