//! Messages between roles: one trait, two transports, one conformance suite.
//!
//! A message is a hint, the ledger is the fact; so the bus promises little and keeps it: *at least
//! once, in no order*. What is published is confirmed or an error; what is delivered is settled or comes
//! again; what cannot be read is parked with the reason. Exactly-once is the ledger's business.
//!
//! - [`local::LocalBus`]: inside one process, nothing survives it; the ledger re-issues.
//! - [`rabbitmq::RabbitBus`]: between processes, survives broker restarts and cut connections.
//!
//! What would break this: settling before the ledger has committed, or settling after
//! [`Delivery::session`] is cancelled and believing it (the answer is `false` then).

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod delivery;
pub mod local;
mod queue;
pub mod rabbitmq;

use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use proto::Envelope;

pub use delivery::{Delivery, Letter, Parked, Settlement, Subscription};
pub use queue::Queue;

use crate::clock::Clock;
use crate::service::Readiness;
use crate::settings::BusSettings;

/// A way for roles to talk. Keep it alive as long as its subscriptions: they end with it.
#[async_trait]
pub trait Bus: Send + Sync + Debug {
    /// Hands a letter over. Returns once the transport has taken responsibility for it.
    ///
    /// # Errors
    /// Then it is not known to have arrived; sending it again is safe, because receivers expect duplicates.
    async fn send(&self, queue: &Queue, letter: Letter) -> Result<(), Error>;

    /// Consumes a queue, with at most `prefetch` deliveries unsettled (1 to 2000; others are taken as the nearest of
    /// these). Survives lost connections. Waits a bounded time for the transport and then goes on trying.
    ///
    /// # Errors
    /// Only if trying again cannot help.
    async fn subscribe(&self, queue: &Queue, prefetch: u16) -> Result<Subscription, Error>;

    /// How much waits in a queue, and for whom.
    ///
    /// # Errors
    /// If the transport cannot be asked, or the queue has no one depth.
    async fn depth(&self, queue: &Queue) -> Result<Depth, Error>;

    /// Its connections and subscriptions as parts; the service adds its own to the same [`Readiness`].
    fn readiness(&self) -> Readiness;

    /// Ends every subscription; what is unsettled comes again elsewhere.
    async fn close(&self);

    /// Publishes an envelope; see [`send`](Bus::send).
    ///
    /// # Errors
    /// As [`send`](Bus::send).
    async fn publish(&self, queue: &Queue, envelope: &Envelope) -> Result<(), Error> {
        self.send(queue, Letter::of(envelope)).await
    }

    /// Publishes the answer to what bore `correlation_id`.
    ///
    /// # Errors
    /// As [`send`](Bus::send).
    async fn answer(&self, queue: &Queue, envelope: &Envelope, correlation_id: &str) -> Result<(), Error> {
        self.send(
            queue,
            Letter {
                correlation_id: Some(correlation_id.to_owned()),
                ..Letter::of(envelope)
            },
        )
        .await
    }

    /// Publishes an envelope whose receiver answers to `reply_to`, the name inside a [`Queue::Reply`].
    ///
    /// # Errors
    /// As [`send`](Bus::send).
    async fn request(&self, queue: &Queue, envelope: &Envelope, reply_to: &str) -> Result<(), Error> {
        self.send(
            queue,
            Letter {
                reply_to: Some(reply_to.to_owned()),
                ..Letter::of(envelope)
            },
        )
        .await
    }
}

/// The bus that the settings name, for a process that is to meet others on it. `name` is what the broker shows as the
/// connection's name.
///
/// # Errors
/// [`Error::Url`]. A broker that is away is not an error: the bus is not ready then, and keeps trying.
pub fn open(settings: &BusSettings, name: &str, clock: Arc<dyn Clock>) -> Result<Arc<dyn Bus>, Error> {
    Ok(match settings {
        BusSettings::Local => {
            tracing::warn!(
                "no broker is configured (bus.kind = \"rabbitmq\" and bus.url): this process talks to no other one, and what is \
                 submitted elsewhere does not reach it"
            );
            Arc::new(local::LocalBus::new(clock))
        }
        BusSettings::RabbitMq { url, management, tls } => {
            let bus = rabbitmq::RabbitBus::open(url, tls, name, clock)?;
            Arc::new(bus.asking(management.as_ref(), url))
        }
    })
}

/// How full a queue is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Depth {
    /// As the transport calls it.
    pub queue: String,
    /// Messages that wait for a consumer.
    pub ready: u64,
    /// Messages that a consumer has in hand, if the transport says.
    pub unacked: Option<u64>,
    /// Who listens.
    pub consumers: u64,
}

/// What can go wrong on the bus.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// [`Bus::close`] was called.
    #[error("the bus is closed")]
    Closed,
    /// The broker's URL cannot be used.
    #[error("bus.url cannot be used: {0}")]
    Url(String),
    /// A file of a certificate cannot be used.
    #[error("{key} {} cannot be used: {why}", .path.display())]
    Certificate {
        /// The setting that names it.
        key: &'static str,
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// No connection within the time that a publisher waits for one.
    #[error("no connection to the broker within {} to reach {queue}: {why}", crate::units::format_duration(*.waited))]
    NotConnected {
        /// Where it should have gone.
        queue: String,
        /// How long it was tried.
        waited: Duration,
        /// Why there is none.
        why: String,
    },
    /// Taken over by the transport or not: not known. Sending again is safe.
    #[error("the broker did not confirm a message to {queue} ({why}); it may have arrived")]
    Unconfirmed {
        /// Where it went.
        queue: String,
        /// What happened instead.
        why: String,
    },
    /// Nobody is there to take it.
    #[error("no queue takes messages for {queue}; whoever waited for them is gone")]
    Unroutable {
        /// Where it should have gone.
        queue: String,
    },
    /// The broker refused it: the queue is full.
    #[error("the broker refused a message to {queue}: the queue is full")]
    Full {
        /// Which.
        queue: String,
    },
    /// The queue exists otherwise than we need it, or may not be used by us.
    #[error("queue {queue} cannot be used: {why}")]
    Topology {
        /// Which.
        queue: String,
        /// What is wrong and what to do.
        why: String,
    },
    /// The broker's user lacks a permission.
    #[error(
        "the broker's user may not use {what} like this: give it the permissions of its role, which `sluice queues --permissions` prints; \
         the broker says: {said}"
    )]
    NotAllowed {
        /// The queue, or what was attempted.
        what: String,
        /// How the broker puts it.
        said: String,
    },
    /// The queue is not made for this.
    #[error("{queue} cannot be used like this: {why}")]
    Misused {
        /// Which.
        queue: String,
        /// What to use instead.
        why: &'static str,
    },
    /// The conversation with the broker failed.
    #[error("the broker failed while {doing}")]
    Transport {
        /// What was attempted.
        doing: String,
        /// What the client library said.
        #[source]
        source: Arc<lapin::Error>,
    },
    /// The broker did not answer in time.
    #[error("the broker did not answer within {} while {doing}", crate::units::format_duration(*.waited))]
    Timeout {
        /// What was attempted.
        doing: String,
        /// How long it was waited for.
        waited: Duration,
    },
}

impl Error {
    /// Whether the same call can succeed later without anybody changing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::NotConnected { .. }
            | Self::Unconfirmed { .. }
            | Self::Full { .. }
            | Self::Transport { .. }
            | Self::Timeout { .. } => true,
            Self::Closed
            | Self::Url(_)
            | Self::Certificate { .. }
            | Self::Unroutable { .. }
            | Self::Topology { .. }
            | Self::NotAllowed { .. }
            | Self::Misused { .. } => false,
        }
    }
}
