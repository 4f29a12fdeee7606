//! Makes it all exist. Declaring what is there already changes nothing, so whoever comes first declares.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, ExchangeKind};
use proto::MessageId;

use super::{Argument, Binding, CONTROL, Exchange, Kind, QueueSpec, Topology};
use crate::bus::Error;
use crate::bus::queue::{Nature, Queue};
use crate::bus::rabbitmq::call::call;
use crate::clock::Clock;

/// What the broker's user may do about what all share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::bus::rabbitmq) enum Rights {
    /// Make what is missing.
    Make,
    /// Use what an administrator has made. Asking whether it is there would need the same right from RabbitMQ 4.3 on, so nothing is
    /// asked: a queue that is missing shows when it is used.
    Use,
}

/// What all queues lean on. Declared once a connection; afterwards the channel is of no more use.
pub(in crate::bus::rabbitmq) async fn declare_base(
    clock: &dyn Clock,
    channel: &Channel,
) -> Result<Rights, Error> {
    match everything(clock, channel, &Topology::base()).await {
        Ok(()) => Ok(Rights::Make),
        Err(Error::NotAllowed { .. }) => Ok(Rights::Use),
        Err(error) => Err(error),
    }
}

/// A queue that is there for good. Exclusive ones are made by their consumer.
pub(in crate::bus::rabbitmq) async fn declare(
    clock: &dyn Clock,
    channel: &Channel,
    rights: Rights,
    queue: &Queue,
) -> Result<(), Error> {
    if rights == Rights::Use {
        return Ok(());
    }
    everything(clock, channel, &Topology::of(queue)).await
}

async fn everything(clock: &dyn Clock, channel: &Channel, topology: &Topology) -> Result<(), Error> {
    for exchange in &topology.exchanges {
        declare_exchange(clock, channel, exchange).await?;
    }
    for queue in &topology.queues {
        declare_queue(clock, channel, queue).await?;
    }
    for binding in &topology.bindings {
        bind(clock, channel, binding).await?;
    }
    Ok(())
}

/// The queue to consume from, made if need be; answers its name.
pub(in crate::bus::rabbitmq) async fn declare_for_consumer(
    clock: &dyn Clock,
    channel: &Channel,
    rights: Rights,
    queue: &Queue,
) -> Result<String, Error> {
    let name = match queue {
        // A new name each time: after a lost connection the old queue may linger under its name for a while.
        // Ours and not the server's, so that a permission on ^sluice\. covers it.
        Queue::Control => format!("{CONTROL}.{}", MessageId::new()),
        other => other.name(),
    };
    if queue.nature() != Nature::Exclusive {
        declare(clock, channel, rights, queue).await?;
        return Ok(name);
    }
    let arguments = table(&[
        ("x-max-length", Argument::Number(100)),
        ("x-message-ttl", Argument::Number(60_000)),
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
        bind(clock, channel, &Binding::new(&name, CONTROL, "")).await?;
    }
    Ok(name)
}

/// Ready messages and consumers, without changing anything.
pub(in crate::bus::rabbitmq) async fn count(
    clock: &dyn Clock,
    channel: &Channel,
    queue: &Queue,
) -> Result<(u64, u64), Error> {
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

fn table(entries: &[(&'static str, Argument)]) -> FieldTable {
    let mut table = FieldTable::default();
    for (key, value) in entries {
        let value = match value {
            Argument::Text(text) => AMQPValue::LongString((*text).into()),
            Argument::Number(number) => AMQPValue::LongLongInt(*number),
        };
        table.insert((*key).into(), value);
    }
    table
}

async fn declare_queue(clock: &dyn Clock, channel: &Channel, queue: &QueueSpec) -> Result<(), Error> {
    let declared = channel.queue_declare(
        queue.name.as_str().into(),
        QueueDeclareOptions::durable(),
        table(&queue.arguments),
    );
    call(clock, "declaring", &queue.name, declared).await.map(drop)
}

async fn declare_exchange(clock: &dyn Clock, channel: &Channel, exchange: &Exchange) -> Result<(), Error> {
    let options = ExchangeDeclareOptions {
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    let kind = match exchange.kind {
        Kind::Direct => ExchangeKind::Direct,
        Kind::Fanout => ExchangeKind::Fanout,
        Kind::Topic => ExchangeKind::Topic,
    };
    call(
        clock,
        "declaring exchange",
        exchange.name,
        channel.exchange_declare(exchange.name.into(), kind, options, FieldTable::default()),
    )
    .await
}

async fn bind(clock: &dyn Clock, channel: &Channel, binding: &Binding) -> Result<(), Error> {
    let bound = channel.queue_bind(
        binding.queue.as_str().into(),
        binding.exchange.into(),
        binding.key.as_str().into(),
        QueueBindOptions::default(),
        FieldTable::default(),
    );
    call(clock, "binding", &binding.queue, bound).await
}
