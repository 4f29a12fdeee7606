//! What travels, what arrives, and what the receiver does with it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use proto::{Envelope, Unreadable};
use tokio_util::sync::CancellationToken;

use super::{Error, Queue};

/// Bytes with what the transport must carry beside them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// An encoded envelope, or what somebody took for one.
    pub bytes: Arc<[u8]>,
    /// The envelope's id, for people who look into the broker.
    pub message_id: Option<String>,
    /// Where an answer is awaited.
    pub reply_to: Option<String>,
    /// By what whoever awaits an answer tells it from others: theirs on the way in, given back on the way out.
    pub correlation_id: Option<String>,
    /// How often it was put aside for a retry before.
    pub retries: u32,
    /// Set for what lies in the parking queue.
    pub parked: Option<Parked>,
}

/// Why a message lies in the parking queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    /// In words.
    pub reason: String,
    /// The queue it came from, by its name in the broker.
    pub queue: String,
}

impl Letter {
    /// The letter that carries an envelope.
    #[must_use]
    pub fn of(envelope: &Envelope) -> Self {
        Self {
            message_id: Some(envelope.id.to_string()),
            ..Self::raw(envelope.encode())
        }
    }

    /// A letter with any bytes: to put what was parked back, and for tests.
    #[must_use]
    pub fn raw(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self {
            bytes: bytes.into(),
            message_id: None,
            reply_to: None,
            correlation_id: None,
            retries: 0,
            parked: None,
        }
    }

    /// The queue it was parked from first, if it is parked again.
    pub(super) fn origin(&self, queue: &Queue) -> String {
        self.parked
            .as_ref()
            .map_or_else(|| queue.name(), |parked| parked.queue.clone())
    }
}

/// What becomes of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// It is handled; the ledger has committed what it asked for.
    Done,
    /// Not now: it comes again after at least this long (the transport may round up, to 10 minutes at most).
    RetryAfter(Duration),
    /// Never: its bytes go to the parking queue with this reason.
    Park(String),
}

/// A message in hand. Dropped without [`settle`](Delivery::settle) (an error, a panic), it is delivered again.
pub struct Delivery {
    /// The envelope, or why it is none; what is none should be parked.
    pub content: Result<Envelope, Unreadable>,
    /// The transport knows that it was delivered before. `false` proves nothing: only the ledger can tell.
    pub redelivered: bool,
    /// How often it was put aside by [`Settlement::RetryAfter`] before.
    pub retries: u32,
    /// Where an answer is awaited: the name for a [`Queue::Reply`].
    pub reply_to: Option<String>,
    /// What the answer must bear, if the sender said so.
    pub correlation_id: Option<String>,
    /// Set for what lies in the parking queue.
    pub parked: Option<Parked>,
    /// Cancelled when the connection it came by is gone: it is being delivered to somebody else then.
    pub session: CancellationToken,
    bytes: Arc<[u8]>,
    hand: Box<dyn Hand>,
}

/// The transport's side of a delivery. Dropping it unsettled returns the message.
#[async_trait]
pub(super) trait Hand: Send {
    /// See [`Delivery::settle`].
    async fn settle(self: Box<Self>, settlement: Settlement) -> Result<bool, Error>;
}

impl Delivery {
    pub(super) fn new(
        letter: &Letter,
        redelivered: bool,
        session: CancellationToken,
        hand: Box<dyn Hand>,
    ) -> Self {
        Self {
            content: Envelope::decode(&letter.bytes),
            redelivered,
            retries: letter.retries,
            reply_to: letter.reply_to.clone(),
            correlation_id: letter.correlation_id.clone(),
            parked: letter.parked.clone(),
            session,
            bytes: letter.bytes.clone(),
            hand,
        }
    }

    /// The bytes as they came.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Tells the transport what to do with the message. `false`: the transport no longer knew it, it
    /// comes again and somebody finds in the ledger that it is done.
    ///
    /// # Errors
    /// The message comes again; the caller need not do anything.
    pub async fn settle(self, settlement: Settlement) -> Result<bool, Error> {
        self.hand.settle(settlement).await
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("content", &self.content)
            .field("redelivered", &self.redelivered)
            .field("retries", &self.retries)
            .field("reply_to", &self.reply_to)
            .field("correlation_id", &self.correlation_id)
            .field("parked", &self.parked)
            .finish_non_exhaustive()
    }
}

/// The transport's side of a subscription. Dropping it stops consuming and returns what nobody has in hand.
#[async_trait]
pub(super) trait Source: Send {
    /// Must be safe to drop half-way: a delivery is taken only when the future answers.
    async fn next(&mut self) -> Option<Delivery>;
}

/// A standing wish for the messages of one queue.
pub struct Subscription {
    source: Option<Box<dyn Source>>,
}

impl Subscription {
    pub(super) fn new(source: Box<dyn Source>) -> Self {
        Self { source: Some(source) }
    }

    /// The next message. `None` only after [`stop`](Subscription::stop) or [`Bus::close`](super::Bus::close).
    /// May be dropped half-way, in a `select!`, without losing one.
    pub async fn next(&mut self) -> Option<Delivery> {
        match &mut self.source {
            Some(source) => source.next().await,
            None => None,
        }
    }

    /// Takes no more messages. Those in hand can still be settled; those that nobody took go back at once.
    pub fn stop(&mut self) {
        self.source = None;
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("stopped", &self.source.is_none())
            .finish()
    }
}
