//! What every transport must do, as cases that run against any of them.
//!
//! `integration-tests` runs the same cases against a real broker (feature `conformance`). Each case
//! gets a bus of its own: the queues of a fresh virtual host, or a fresh process-local bus. No case
//! waits a fixed time: it waits for a condition and fails with the last state seen.

mod outage;
mod routing;
mod settling;

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use proto::message::Wake;
use proto::{Envelope, Message, MessageId, TargetName, Unreadable};

use super::{Bus, Delivery, Error, Letter, Queue, Settlement, Subscription};

/// Longer than the shortest retry of a real broker.
const PATIENCE: Duration = Duration::from_secs(40);

/// A bus under test.
#[async_trait]
pub trait Harness: Send + Sync + Debug {
    /// The bus.
    fn bus(&self) -> &dyn Bus;

    /// Lets time pass for the transport's retries. With real time there is nothing to do: the cases wait.
    async fn let_pass(&self, duration: Duration);
}

/// A bus whose way to the broker can be cut.
#[async_trait]
pub trait Breakable: Harness {
    /// Cuts every connection and lets none through.
    async fn cut(&self);

    /// Lets connections through again.
    async fn restore(&self);

    /// Cuts every connection; the next one gets through.
    async fn blink(&self);
}

/// One case.
#[derive(Clone, Copy)]
pub struct Case<H: ?Sized = dyn Harness> {
    /// The behavior.
    pub name: &'static str,
    /// Panics if the transport behaves otherwise.
    pub run: fn(Arc<H>) -> Running,
}

/// A case at work.
pub type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

impl<H: ?Sized> Debug for Case<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// Every case.
#[must_use]
pub fn cases() -> Vec<Case> {
    let case = |name, run| Case { name, run };
    vec![
        case("what_is_published_is_delivered_once_settled_never_again", |h| {
            Box::pin(settling::delivered(h))
        }),
        case("what_is_dropped_unsettled_comes_again", |h| {
            Box::pin(settling::dropped(h))
        }),
        case("what_a_stopped_subscription_had_not_taken_goes_to_another", |h| {
            Box::pin(settling::stopped(h))
        }),
        case(
            "what_is_in_hand_can_be_settled_after_the_subscription_stopped",
            |h| Box::pin(settling::draining(h)),
        ),
        case("retry_after_comes_back_counted", |h| {
            Box::pin(settling::retried(h))
        }),
        case("park_arrives_in_parking_with_its_reason", |h| {
            Box::pin(settling::parked(h))
        }),
        case("unreadable_bytes_surface_and_can_be_parked", |h| {
            Box::pin(settling::unreadable(h))
        }),
        case("prefetch_bounds_what_is_unsettled", |h| {
            Box::pin(settling::prefetch(h))
        }),
        case("control_reaches_every_subscriber_and_nobody_is_no_error", |h| {
            Box::pin(routing::control(h))
        }),
        case("events_reach_planner_and_verifier", |h| {
            Box::pin(routing::events(h))
        }),
        case("an_answer_finds_who_asked_and_fails_when_nobody_waits", |h| {
            Box::pin(routing::answers(h))
        }),
        case("targets_do_not_see_each_other", |h| Box::pin(routing::targets(h))),
        case("many_messages_over_many_consumers_all_arrive", |h| {
            Box::pin(routing::many(h))
        }),
        case("queues_are_used_as_they_are_meant", |h| {
            Box::pin(routing::misuse(h))
        }),
        case("close_ends_subscriptions", |h| Box::pin(routing::close(h))),
    ]
}

/// What a transport between processes must do beside [`cases`] when its broker is away.
#[must_use]
pub fn outage_cases() -> Vec<Case<dyn Breakable>> {
    let case = |name, run| Case { name, run };
    vec![
        case("readiness_follows_the_broker", |h| Box::pin(outage::readiness(h))),
        case(
            "a_lost_connection_cancels_what_is_in_hand_and_delivers_it_again",
            |h| Box::pin(outage::in_hand(h)),
        ),
        case("a_message_published_during_an_outage_arrives", |h| {
            Box::pin(outage::publishing(h))
        }),
        case("a_publisher_is_told_when_the_outage_lasts", |h| {
            Box::pin(outage::given_up(h))
        }),
        case("nothing_confirmed_is_lost_while_connections_blink", |h| {
            Box::pin(outage::blinking(h))
        }),
        case("wake_ups_and_answers_arrive_again_after_an_outage", |h| {
            Box::pin(outage::exclusive(h))
        }),
        case("a_bus_opened_during_an_outage_works_after_it", |h| {
            Box::pin(outage::subscribing(h))
        }),
    ]
}

fn target() -> TargetName {
    TargetName::from("main")
}

fn chunk() -> Queue {
    Queue::Chunk(target())
}

fn envelope(reason: &str) -> Envelope {
    Envelope {
        id: MessageId::new(),
        version: proto::VERSION,
        target: target(),
        ledger: None,
        job: None,
        sent_at: jiff::Timestamp::UNIX_EPOCH,
        attempt: 1,
        trace: None,
        message: Message::Wake(Wake {
            reason: reason.to_owned(),
        }),
    }
}

/// The text a test envelope carries.
fn reason(delivery: &Delivery) -> &str {
    match &delivery.content {
        Ok(Envelope {
            message: Message::Wake(wake),
            ..
        }) => &wake.reason,
        other => panic!("not a test envelope: {other:?}"),
    }
}

async fn publish(bus: &dyn Bus, queue: &Queue, reason: &str) {
    bus.publish(queue, &envelope(reason)).await.expect("publish");
}

async fn subscribe(bus: &dyn Bus, queue: &Queue, prefetch: u16) -> Subscription {
    bus.subscribe(queue, prefetch).await.expect("subscribe")
}

async fn next(subscription: &mut Subscription) -> Delivery {
    let waiting = tokio::time::timeout(PATIENCE, subscription.next());
    waiting
        .await
        .expect("nothing was delivered in time")
        .expect("the subscription ended")
}

async fn done(delivery: Delivery) {
    assert!(
        delivery.settle(Settlement::Done).await.expect("settle"),
        "the transport no longer knew the delivery"
    );
}

/// Waits until (ready, consumers) of a queue are as wanted.
async fn until_depth(bus: &dyn Bus, queue: &Queue, ready: u64, consumers: u64) {
    let mut seen = None;
    let look = async {
        loop {
            let depth = bus.depth(queue).await.expect("depth");
            if depth.ready == ready && depth.consumers == consumers {
                return;
            }
            seen = Some(depth);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let outcome = tokio::time::timeout(PATIENCE, look).await;
    assert!(
        outcome.is_ok(),
        "wanted {ready} ready and {consumers} consumers, last seen {seen:?}"
    );
}
