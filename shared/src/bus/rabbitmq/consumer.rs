//! A subscription: a channel and a consumer that are made anew for as long as somebody wants them.
//!
//! lapin ends a consumer's stream with a plain `None` when the broker cancels it (a queue deleted, a
//! consumer that took too long), with no error and a connection that looks well. So `None` never means
//! "no more": it means "make it again", unless we asked to stop.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Consumer};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::call::{LIMIT, call};
use super::hand::RabbitHand;
use super::link::{Link, Live, chain, pause_after};
use super::publisher::Publisher;
use super::topology::Rights;
use super::{Context, Error, Queue, Subscription, letter, topology};
use crate::bus::Delivery;
use crate::bus::delivery::Source;
use crate::bus::queue::Nature;
use crate::clock::within;
use crate::service::Part;

/// What somebody wants.
pub(super) struct Wish {
    pub(super) queue: Queue,
    pub(super) prefetch: u16,
    pub(super) link: Link,
    pub(super) publisher: Arc<Publisher>,
    pub(super) context: Context,
    pub(super) part: Part,
}

/// How the first attempt went, unless the broker was away.
type First = oneshot::Sender<Result<(), Error>>;

/// Starts to consume; the second answer tells when it does, or that it never will.
pub(super) fn start(wish: Wish) -> (Subscription, oneshot::Receiver<Result<(), Error>>) {
    let (deliveries, received) = mpsc::channel(usize::from(wish.prefetch));
    let (first, established) = oneshot::channel();
    let tasks = wish.context.tasks.clone();
    tasks.spawn(wish.keep_up(deliveries, first));
    (
        Subscription::new(Box::new(RabbitSource { received })),
        established,
    )
}

struct RabbitSource {
    received: mpsc::Receiver<Delivery>,
}

#[async_trait]
impl Source for RabbitSource {
    async fn next(&mut self) -> Option<Delivery> {
        loop {
            let delivery = self.received.recv().await?;
            // One from a lost connection is already on its way to somebody else.
            if !delivery.session.is_cancelled() {
                return Some(delivery);
            }
        }
    }
}

/// A consumer of one generation.
struct Consuming {
    channel: Channel,
    consumer: Consumer,
    /// Cancelled with the channel or the connection.
    session: CancellationToken,
    /// One token a delivery in hand.
    in_hand: TaskTracker,
}

/// Why a consumer ended.
enum End {
    /// Nobody wants the messages any more.
    Unwanted,
    /// To be made again.
    Broken(String),
}

impl Wish {
    async fn keep_up(self, deliveries: mpsc::Sender<Delivery>, first: First) {
        let mut first = Some(first);
        let mut failures = 0;
        loop {
            let live = tokio::select! {
                live = self.link.live() => live,
                () = deliveries.closed() => None,
            };
            let Some(live) = live else { break };
            let why = match self.establish(&live).await {
                Ok(consuming) => {
                    self.part.ready();
                    if let Some(first) = first.take() {
                        // Whoever asked may have stopped waiting.
                        let _ = first.send(Ok(()));
                    }
                    failures = 0;
                    match self.serve(&live, consuming, &deliveries).await {
                        End::Unwanted => break,
                        End::Broken(why) => why,
                    }
                }
                Err(error) => {
                    if let Some(first) = first.take_if(|_| !error.is_transient()) {
                        let _ = first.send(Err(error));
                        break;
                    }
                    chain(&error)
                }
            };
            self.part.not_ready(why.clone());
            let lost = live.session.is_cancelled();
            drop(live);
            if self.context.closing.is_cancelled() {
                break;
            }
            if lost {
                // The link has told it, for every queue.
                tracing::debug!(queue = %self.queue, why, "not consuming; trying again");
            } else {
                tracing::warn!(queue = %self.queue, why, "not consuming; trying again");
            }
            let pause = self.context.clock.sleep(pause_after(failures));
            failures = failures.saturating_add(1);
            if self.context.closing.run_until_cancelled(pause).await.is_none() {
                break;
            }
        }
        self.part.retire();
    }

    async fn establish(&self, live: &Live) -> Result<Consuming, Error> {
        let (clock, name) = (&*self.context.clock, self.queue.name());
        let channel = match call(
            clock,
            "opening a channel for",
            &name,
            live.connection.create_channel(),
        )
        .await
        {
            Err(error @ Error::Timeout { .. }) => {
                live.session.cancel();
                return Err(error);
            }
            other => other?,
        };
        let queue = topology::declare_for_consumer(clock, &channel, live.rights, &self.queue).await?;
        // Before consuming: until then, nothing bounds what the broker sends.
        call(
            clock,
            "limiting",
            &name,
            channel.basic_qos(self.prefetch, BasicQosOptions::default()),
        )
        .await?;
        // The broker lets a second consumer of the same connection into an exclusive queue, unless told otherwise.
        let options = BasicConsumeOptions {
            exclusive: self.queue.nature() == Nature::Exclusive,
            ..BasicConsumeOptions::default()
        };
        let consumed =
            channel.basic_consume(queue.as_str().into(), "".into(), options, FieldTable::default());
        let doing = match live.rights {
            Rights::Make => "consuming from",
            Rights::Use => "consuming from (`sluice queues --definitions` is what an administrator makes)",
        };
        let consumer = call(clock, doing, &name, consumed).await?;
        Ok(Consuming {
            channel,
            consumer,
            session: live.session.child_token(),
            in_hand: TaskTracker::new(),
        })
    }

    /// Hands deliveries over until the consumer breaks or nobody wants them.
    async fn serve(&self, live: &Live, mut consuming: Consuming, deliveries: &mpsc::Sender<Delivery>) -> End {
        let end = loop {
            let item = tokio::select! {
                biased;
                () = consuming.session.cancelled() => break End::Broken("the connection was lost".to_owned()),
                () = deliveries.closed() => break End::Unwanted,
                item = consuming.consumer.next() => item,
            };
            match item {
                Some(Ok(found)) => {
                    let delivery = self.delivery(live, &consuming, found);
                    // Never waits long: there is room for as many as may be unsettled.
                    let _ = consuming
                        .session
                        .run_until_cancelled(deliveries.send(delivery))
                        .await;
                }
                Some(Err(error)) => break End::Broken(chain(&error)),
                None => {
                    break End::Broken(
                        "the broker cancelled the consumer (was the queue deleted?)".to_owned(),
                    );
                }
            }
        };
        match end {
            End::Unwanted => self.drain(&mut consuming).await,
            // Whoever still works on a delivery learns here that somebody else gets it.
            End::Broken(_) => consuming.session.cancel(),
        }
        if consuming.channel.status().connected() {
            let _ = within(
                &*self.context.clock,
                LIMIT,
                consuming.channel.close(200, "done".into()),
            )
            .await;
        }
        end
    }

    fn delivery(&self, live: &Live, consuming: &Consuming, found: lapin::message::Delivery) -> Delivery {
        let redelivered = found.redelivered;
        let letter = letter::letter(&self.queue, found.data, &found.properties);
        let hand = RabbitHand::new(
            found.acker,
            letter.clone(),
            self.queue.clone(),
            super::hand::Ties {
                publisher: self.publisher.clone(),
                context: self.context.clone(),
                session: consuming.session.clone(),
                connection: live.session.clone(),
                in_hand: consuming.in_hand.token(),
            },
        );
        Delivery::new(&letter, redelivered, consuming.session.clone(), Box::new(hand))
    }

    /// Takes no more, returns what nobody took, and keeps the channel until what is in hand is settled.
    async fn drain(&self, consuming: &mut Consuming) {
        let clock = &*self.context.clock;
        let cancelled = consuming
            .channel
            .basic_cancel(consuming.consumer.tag(), BasicCancelOptions::default());
        if call(clock, "cancelling the consumer of", &self.queue.name(), cancelled)
            .await
            .is_ok()
        {
            // Ends with `None` because the consumer is cancelled.
            while let Some(Some(Ok(left))) = within(clock, LIMIT, consuming.consumer.next()).await {
                let requeue = BasicNackOptions {
                    requeue: true,
                    ..BasicNackOptions::default()
                };
                let _ = within(clock, LIMIT, left.acker.nack(requeue)).await;
            }
        }
        consuming.in_hand.close();
        let _ = consuming
            .session
            .run_until_cancelled(consuming.in_hand.wait())
            .await;
    }
}
