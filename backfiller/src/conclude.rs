//! The giving end: publish with confirm, then settle. The only place that acknowledges.
//!
//! Handlers return what happened as data. The order is the ledger's commit (in the handler), the event, the
//! acknowledgement: a crash between two of them repeats a message about a fact that is in the ledger, and the repeated
//! message finds that there is nothing to do.

use ledger::role::crash;
use ledger::role::site::Site;
use proto::Envelope;
use shared::bus::{Delivery, Queue, Settlement};

/// What a handler wants done with its message.
#[derive(Debug)]
pub(crate) struct Handled {
    /// What to tell, if anything.
    pub(crate) event: Option<Envelope>,
    /// What becomes of the message; None: it is left to the transport, because its connection is gone.
    pub(crate) settlement: Option<Settlement>,
}

impl Handled {
    /// The message is answered by what is in the ledger already.
    pub(crate) fn forget() -> Self {
        Self {
            event: None,
            settlement: Some(Settlement::Done),
        }
    }

    /// As [`forget`](Self::forget), with something to tell.
    pub(crate) fn told(event: Envelope) -> Self {
        Self {
            event: Some(event),
            settlement: Some(Settlement::Done),
        }
    }

    /// Not now.
    pub(crate) fn later(after: std::time::Duration) -> Self {
        Self {
            event: None,
            settlement: Some(Settlement::RetryAfter(after)),
        }
    }

    /// Never.
    pub(crate) fn park(reason: String) -> Self {
        Self {
            event: None,
            settlement: Some(Settlement::Park(reason)),
        }
    }
}

/// Publishes and settles.
pub(crate) async fn conclude(site: &Site, delivery: Delivery, handled: Handled) {
    if let Some(event) = handled.event {
        crash::point("chunk.before_event");
        publish(site, &event).await;
        crash::point("chunk.before_ack");
    }
    if let Some(settlement) = handled.settlement {
        settle(delivery, settlement).await;
    }
}

/// Tells an event. One that is lost delays the next look at the ledger, nothing else.
pub(crate) async fn publish(site: &Site, event: &Envelope) {
    if let Err(error) = site
        .bus
        .publish(&Queue::Events(site.target.name.clone()), event)
        .await
    {
        tracing::warn!(target_name = %site.target.name, %error, "an event could not be published; the planner will see it in the ledger");
    }
}

/// Settles a delivery.
pub(crate) async fn settle(delivery: Delivery, settlement: Settlement) {
    match delivery.settle(settlement).await {
        Ok(true) => {}
        Ok(false) => {
            tracing::debug!("the message was settled too late; it comes again and is forgotten then");
        }
        Err(error) => tracing::debug!(%error, "settling failed; the message comes again"),
    }
}
