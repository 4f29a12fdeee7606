//! Publishing with confirms over a few channels, one message in flight on each.
//!
//! A channel goes back to the pool only after a clean answer. A publish that was given up, failed or
//! dropped half-way takes its channel with it, so that a late confirm is never taken for the next one's.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{Channel, Confirmation};
use tokio::sync::Semaphore;

use super::call::{LIMIT, call, not_allowed};
use super::link::{Link, Live, chain};
use super::topology::{self, Rights, Route, Unrouted};
use super::{Context, Error, Letter, PATIENCE, Queue, letter};
use crate::bus::Depth;
use crate::clock::within;

/// Messages in flight at a time. A quorum queue's confirm waits for a disk: a few beside each other share it.
const CHANNELS: usize = 8;
/// Between a lost message and the next attempt, so that the link has noticed what happened.
const BREATH: Duration = Duration::from_millis(100);

/// The publishing side.
#[derive(Debug)]
pub(super) struct Publisher {
    link: Link,
    context: Context,
    permits: Semaphore,
    pool: Mutex<Pool>,
}

/// Channels and known queues of one generation.
#[derive(Debug, Default)]
struct Pool {
    generation: u64,
    idle: Vec<Channel>,
    declared: HashSet<Queue>,
}

/// How the broker answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Taken,
    NoQueue,
    Refused,
}

impl Publisher {
    pub(super) fn new(link: Link, context: Context) -> Self {
        Self {
            link,
            context,
            permits: Semaphore::new(CHANNELS),
            pool: Mutex::default(),
        }
    }

    /// Returns once the broker has confirmed. A connection lost meanwhile is tried again for [`PATIENCE`]; the
    /// message may then be there twice.
    pub(super) async fn publish(&self, route: &Route, letter: &Letter) -> Result<(), Error> {
        let began = self.context.clock.monotonic();
        let mut declared_anew = false;
        loop {
            let live = self.writable(&route.label, began).await?;
            let error = match self.attempt(&live, route, letter).await {
                Ok(Answer::Taken) => return Ok(()),
                Ok(Answer::NoQueue) if route.unrouted == Unrouted::Fine => return Ok(()),
                // Somebody deleted the queue under us: make it again, once.
                Ok(Answer::NoQueue) if !route.declare.is_empty() && !declared_anew => {
                    declared_anew = true;
                    self.pool(&live).declared.clear();
                    continue;
                }
                Ok(Answer::NoQueue) => {
                    return Err(Error::Unroutable {
                        queue: route.label.clone(),
                    });
                }
                Ok(Answer::Refused) => {
                    return Err(Error::Full {
                        queue: route.label.clone(),
                    });
                }
                Err(error) => error,
            };
            let waited = self.context.clock.monotonic() - began;
            if !error.is_transient() || waited >= PATIENCE {
                return Err(error);
            }
            tracing::debug!(queue = route.label, error = chain(&error), "publishing again");
            self.context.clock.sleep(BREATH).await;
        }
    }

    /// How much waits in a queue.
    pub(super) async fn depth(&self, queue: &Queue) -> Result<Depth, Error> {
        let live = self
            .writable(&queue.name(), self.context.clock.monotonic())
            .await?;
        let channel = self.open(&live).await?;
        topology::declare(&*self.context.clock, &channel, live.rights, queue).await?;
        let (ready, consumers) = topology::count(&*self.context.clock, &channel, queue).await?;
        self.shut(&channel).await;
        Ok(Depth {
            queue: queue.name(),
            ready,
            unacked: None,
            consumers,
        })
    }

    async fn writable(&self, queue: &str, began: Duration) -> Result<Arc<Live>, Error> {
        let clock = &*self.context.clock;
        let left = PATIENCE.saturating_sub(clock.monotonic() - began);
        match within(clock, left, self.link.writable()).await {
            Some(Some(live)) => Ok(live),
            Some(None) => Err(Error::Closed),
            None => Err(Error::NotConnected {
                queue: queue.to_owned(),
                waited: PATIENCE,
                why: self.link.why_not(),
            }),
        }
    }

    async fn attempt(&self, live: &Live, route: &Route, letter: &Letter) -> Result<Answer, Error> {
        for queue in &route.declare {
            self.declare(live, queue).await?;
        }
        let _permit = self
            .permits
            .acquire()
            .await
            .expect("the semaphore is never closed");
        let idle = self.pool(live).idle.pop();
        let channel = match idle {
            Some(channel) => channel,
            None => self.open_confirming(live).await?,
        };
        let unconfirmed = |why: String| Error::Unconfirmed {
            queue: route.label.clone(),
            why,
        };
        let sending = within(&*self.context.clock, LIMIT, send(&channel, route, letter));
        let answer = match live.session.run_until_cancelled(sending).await {
            Some(Some(Ok(answer))) => answer,
            Some(Some(Err(error))) => {
                let refusal = not_allowed(&route.label, &error);
                return Err(refusal.unwrap_or_else(|| unconfirmed(chain(&error))));
            }
            Some(None) => {
                return Err(unconfirmed(format!(
                    "no answer within {}",
                    crate::units::format_duration(LIMIT)
                )));
            }
            None if self.context.closing.is_cancelled() => return Err(Error::Closed),
            None => return Err(unconfirmed("the connection was lost".to_owned())),
        };
        self.pool(live).idle.push(channel);
        Ok(answer)
    }

    async fn declare(&self, live: &Live, queue: &Queue) -> Result<(), Error> {
        if live.rights == Rights::Use || self.pool(live).declared.contains(queue) {
            return Ok(());
        }
        // On a channel of its own: a refusal closes it.
        let channel = self.open(live).await?;
        topology::declare(&*self.context.clock, &channel, live.rights, queue).await?;
        self.shut(&channel).await;
        self.pool(live).declared.insert(queue.clone());
        Ok(())
    }

    async fn open(&self, live: &Live) -> Result<Channel, Error> {
        let opened = call(
            &*self.context.clock,
            "opening",
            "a channel",
            live.connection.create_channel(),
        )
        .await;
        if matches!(opened, Err(Error::Timeout { .. })) {
            // A connection that opens no channel is of no use to anybody.
            live.session.cancel();
        }
        opened
    }

    async fn open_confirming(&self, live: &Live) -> Result<Channel, Error> {
        let channel = self.open(live).await?;
        let confirming = channel.confirm_select(ConfirmSelectOptions::default());
        call(
            &*self.context.clock,
            "asking for confirms on",
            "a channel",
            confirming,
        )
        .await?;
        Ok(channel)
    }

    async fn shut(&self, channel: &Channel) {
        // It has done its work: what goes wrong with it now matters to nobody.
        let _ = within(&*self.context.clock, LIMIT, channel.close(200, "done".into())).await;
    }

    /// The pool, emptied of what belonged to an earlier generation.
    fn pool(&self, live: &Live) -> MutexGuard<'_, Pool> {
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        if pool.generation != live.generation {
            *pool = Pool {
                generation: live.generation,
                ..Pool::default()
            };
        }
        pool
    }
}

async fn send(channel: &Channel, route: &Route, letter: &Letter) -> lapin::Result<Answer> {
    let options = BasicPublishOptions {
        mandatory: route.unrouted == Unrouted::Error,
        ..BasicPublishOptions::default()
    };
    let properties = letter::properties(letter);
    let handed = channel.basic_publish(
        route.exchange.into(),
        route.key.as_str().into(),
        options,
        &letter.bytes,
        properties,
    );
    Ok(match handed.await?.await? {
        Confirmation::Ack(None) => Answer::Taken,
        Confirmation::Ack(Some(_)) => Answer::NoQueue,
        Confirmation::Nack(_) | Confirmation::NotRequested => Answer::Refused,
    })
}
