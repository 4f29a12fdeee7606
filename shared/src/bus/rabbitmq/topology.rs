//! Every exchange, queue, binding and argument, in one place. Declaring is idempotent, and whoever comes first declares.
//!
//! ```text
//!  publish ─> sluice.work (direct, key = queue) ──────────> work queue <──┐ key = queue
//!  publish ─> sluice.events (direct, key = target) ─> .events.planner, .events.verifier
//!  retry ───> sluice.retry.30s (fanout) ─> sluice.retry.30s ─ttl─> sluice.return (direct)
//!  park ────> sluice.dead (fanout) ─> sluice.dead.parking       (also where the broker dead-letters)
//!  wake ────> sluice.control (fanout) ─> one exclusive queue a subscriber
//!  answer ──> default exchange, key = the asker's exclusive queue
//! ```
//!
//! A retried message keeps its routing key, the name of its queue, through the waiting queue; so four
//! waiting queues serve all. Not one queue with a time to live per message: messages expire at the head
//! only. Arguments cannot be changed on a live queue, so there are few; limits belong in policies.

use std::time::Duration;

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, ExchangeKind};
use proto::MessageId;

use super::call::call;
use super::{Error, Queue};
use crate::bus::queue::Nature;
use crate::clock::Clock;

const WORK: &str = "sluice.work";
const EVENTS: &str = "sluice.events";
const RETURN: &str = "sluice.return";
const DEAD: &str = "sluice.dead";
const CONTROL: &str = "sluice.control";

/// The waiting queues, shortest first.
const RETRIES: [(&str, Duration); 4] = [
    ("sluice.retry.5s", Duration::from_secs(5)),
    ("sluice.retry.30s", Duration::from_secs(30)),
    ("sluice.retry.2m", Duration::from_secs(120)),
    ("sluice.retry.10m", Duration::from_secs(600)),
];

/// How a message is addressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) exchange: &'static str,
    pub(super) key: String,
    /// The queue in the words of whoever publishes, for errors.
    pub(super) label: String,
    /// Must exist before publishing, because nobody may have listened yet.
    pub(super) declare: Vec<Queue>,
    /// What it means if no queue takes it.
    pub(super) unrouted: Unrouted,
}

/// What it means if no queue takes a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unrouted {
    /// It is lost: an error.
    Error,
    /// Nobody listens, which is fine.
    Fine,
}

impl Route {
    /// To a queue that may be published to.
    pub(super) fn to(queue: &Queue) -> Self {
        let (exchange, key, unrouted) = match queue {
            Queue::Events(target) => (EVENTS, target.to_string(), Unrouted::Error),
            Queue::Control => (CONTROL, String::new(), Unrouted::Fine),
            Queue::Reply(name) => ("", name.clone(), Unrouted::Error),
            Queue::Parking => (DEAD, String::new(), Unrouted::Error),
            Queue::Submit
            | Queue::Stage(_)
            | Queue::Chunk(_)
            | Queue::Check(_)
            | Queue::EventsPlanner(_)
            | Queue::EventsVerifier(_) => (WORK, queue.name(), Unrouted::Error),
        };
        let durable = |queue: &Queue| queue.nature() == Nature::Work;
        let declare = queue.copies().into_iter().filter(durable).collect();
        Self {
            exchange,
            key,
            label: queue.name(),
            declare,
            unrouted,
        }
    }

    /// Back to a work queue after at least `delay`, or after the longest there is.
    pub(super) fn retry(queue: &Queue, delay: Duration) -> Self {
        let longest = RETRIES[RETRIES.len() - 1].0;
        let exchange = RETRIES
            .iter()
            .find(|(_, wait)| *wait >= delay)
            .map_or(longest, |(name, _)| name);
        // The queue itself is there: the message came from it.
        Self {
            exchange,
            key: queue.name(),
            label: exchange.to_owned(),
            declare: Vec::new(),
            unrouted: Unrouted::Error,
        }
    }
}

/// What all queues lean on. Declared once a connection.
pub(super) async fn declare_base(clock: &dyn Clock, channel: &Channel) -> Result<(), Error> {
    for (name, kind) in [
        (WORK, ExchangeKind::Direct),
        (EVENTS, ExchangeKind::Direct),
        (RETURN, ExchangeKind::Direct),
        (DEAD, ExchangeKind::Fanout),
        (CONTROL, ExchangeKind::Fanout),
    ] {
        declare_exchange(clock, channel, name, kind).await?;
    }
    let parking = Queue::Parking.name();
    declare_durable(clock, channel, &parking, &[]).await?;
    bind(clock, channel, &parking, DEAD, "").await?;
    for (name, wait) in RETRIES {
        declare_exchange(clock, channel, name, ExchangeKind::Fanout).await?;
        let millis = i64::try_from(wait.as_millis()).expect("the waits are minutes");
        let mut arguments = dead_letters_to(RETURN);
        arguments.push(("x-message-ttl", AMQPValue::LongLongInt(millis)));
        declare_durable(clock, channel, name, &arguments).await?;
        bind(clock, channel, name, name, "").await?;
    }
    Ok(())
}

/// A queue that is there for good. Exclusive ones are made by their consumer.
pub(super) async fn declare(clock: &dyn Clock, channel: &Channel, queue: &Queue) -> Result<(), Error> {
    let name = queue.name();
    let arguments = match queue.nature() {
        Nature::Work => dead_letters_to(DEAD),
        // Part of the base.
        Nature::Parking | Nature::Exclusive | Nature::Fanout => return Ok(()),
    };
    declare_durable(clock, channel, &name, &arguments).await?;
    bind(clock, channel, &name, WORK, &name).await?;
    bind(clock, channel, &name, RETURN, &name).await?;
    match queue {
        Queue::EventsPlanner(target) | Queue::EventsVerifier(target) => {
            bind(clock, channel, &name, EVENTS, target.as_str()).await
        }
        Queue::Submit
        | Queue::Stage(_)
        | Queue::Chunk(_)
        | Queue::Check(_)
        | Queue::Events(_)
        | Queue::Control
        | Queue::Reply(_)
        | Queue::Parking => Ok(()),
    }
}

/// The queue to consume from, made if need be; answers its name.
pub(super) async fn declare_for_consumer(
    clock: &dyn Clock,
    channel: &Channel,
    queue: &Queue,
) -> Result<String, Error> {
    let name = match queue {
        // A new name each time: after a lost connection the old queue may linger under its name for a while.
        // Ours and not the server's, so that a permission on ^sluice\. covers it.
        Queue::Control => format!("{CONTROL}.{}", MessageId::new()),
        other => other.name(),
    };
    if queue.nature() != Nature::Exclusive {
        declare(clock, channel, queue).await?;
        return Ok(name);
    }
    let arguments = table(&[
        ("x-max-length", AMQPValue::LongLongInt(100)),
        ("x-message-ttl", AMQPValue::LongLongInt(60_000)),
    ]);
    let options = QueueDeclareOptions::exclusive().auto_delete();
    let made = call(
        clock,
        "declaring",
        &queue.name(),
        channel.queue_declare(name.as_str().into(), options, arguments),
    )
    .await?;
    let name = made.name().to_string();
    if *queue == Queue::Control {
        bind(clock, channel, &name, CONTROL, "").await?;
    }
    Ok(name)
}

/// Ready messages and consumers, without changing anything.
pub(super) async fn count(clock: &dyn Clock, channel: &Channel, queue: &Queue) -> Result<(u64, u64), Error> {
    let name = queue.name();
    let options = QueueDeclareOptions::durable().passive();
    let found = call(
        clock,
        "asking for",
        &name,
        channel.queue_declare(name.as_str().into(), options, FieldTable::default()),
    )
    .await?;
    Ok((
        u64::from(found.message_count()),
        u64::from(found.consumer_count()),
    ))
}

/// A dead letter is handed over with confirms, which needs a queue that refuses instead of dropping.
fn dead_letters_to(exchange: &'static str) -> Vec<(&'static str, AMQPValue)> {
    let text = |value: &str| AMQPValue::LongString(value.into());
    vec![
        ("x-dead-letter-exchange", text(exchange)),
        ("x-dead-letter-strategy", text("at-least-once")),
        ("x-overflow", text("reject-publish")),
    ]
}

fn table(entries: &[(&str, AMQPValue)]) -> FieldTable {
    let mut table = FieldTable::default();
    for (key, value) in entries {
        table.insert((*key).into(), value.clone());
    }
    table
}

async fn declare_durable(
    clock: &dyn Clock,
    channel: &Channel,
    name: &str,
    arguments: &[(&str, AMQPValue)],
) -> Result<(), Error> {
    let mut arguments = table(arguments);
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    let declared = channel.queue_declare(name.into(), QueueDeclareOptions::durable(), arguments);
    call(clock, "declaring", name, declared).await.map(drop)
}

async fn declare_exchange(
    clock: &dyn Clock,
    channel: &Channel,
    name: &str,
    kind: ExchangeKind,
) -> Result<(), Error> {
    let options = ExchangeDeclareOptions {
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    call(
        clock,
        "declaring exchange",
        name,
        channel.exchange_declare(name.into(), kind, options, FieldTable::default()),
    )
    .await
}

async fn bind(
    clock: &dyn Clock,
    channel: &Channel,
    queue: &str,
    exchange: &str,
    key: &str,
) -> Result<(), Error> {
    let bound = channel.queue_bind(
        queue.into(),
        exchange.into(),
        key.into(),
        QueueBindOptions::default(),
        FieldTable::default(),
    );
    call(clock, "binding", queue, bound).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_waits_at_least_as_long_as_asked_if_there_is_such_a_wait() {
        for (seconds, exchange) in [
            (0, "sluice.retry.5s"),
            (5, "sluice.retry.5s"),
            (6, "sluice.retry.30s"),
            (31, "sluice.retry.2m"),
            (121, "sluice.retry.10m"),
            (86_400, "sluice.retry.10m"),
        ] {
            let route = Route::retry(&Queue::Submit, Duration::from_secs(seconds));
            assert_eq!((route.exchange, route.key.as_str()), (exchange, "sluice.submit"));
        }
    }
}
