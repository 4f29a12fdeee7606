//! The receiving end: subscriptions of every target, poured into one channel for the loop.
//!
//! A pump only receives. When the service is asked to stop it drops its subscription, and what nobody took goes
//! back to the queue at once.

use std::sync::Arc;

use proto::{Message, TargetName};
use shared::bus::{Delivery, Queue, Subscription};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Error;
use super::site::Site;

/// A delivery with the target it is about.
#[derive(Debug)]
pub struct Inbound {
    /// The target.
    pub site: Arc<Site>,
    /// The message, to be settled.
    pub delivery: Delivery,
}

impl Inbound {
    /// What it asks for.
    ///
    /// # Errors
    /// Why it is to be parked: nobody can read it, or it is not for us.
    pub fn message(&self) -> Result<Message, String> {
        match &self.delivery.content {
            Err(unreadable) => Err(unreadable.to_string()),
            Ok(envelope) => match self.site.misdirected(envelope) {
                Some(reason) => Err(reason),
                None => Ok(envelope.message.clone()),
            },
        }
    }
}

/// Subscribes to the queues of every target, each with what may be unsettled of it at a time. The channel ends when every
/// pump has.
///
/// # Errors
/// [`Error::Subscribe`] if a queue can never be consumed.
pub async fn open(
    sites: &[Arc<Site>],
    queues: impl Fn(TargetName) -> [(Queue, u16); 2],
) -> Result<mpsc::Receiver<Inbound>, Error> {
    let (sender, receiver) = mpsc::channel(1);
    for site in sites {
        for (queue, prefetch) in queues(site.target.name.clone()) {
            let subscription =
                site.bus
                    .subscribe(&queue, prefetch)
                    .await
                    .map_err(|source| Error::Subscribe {
                        queue: queue.name(),
                        source,
                    })?;
            let stopping = site.shutdown.stopping.clone();
            tokio::spawn(pump(site.clone(), subscription, sender.clone(), stopping));
        }
    }
    Ok(receiver)
}

async fn pump(
    site: Arc<Site>,
    mut subscription: Subscription,
    sender: mpsc::Sender<Inbound>,
    stopping: CancellationToken,
) {
    loop {
        let next = tokio::select! {
            biased;
            () = stopping.cancelled() => return,
            () = sender.closed() => return,
            next = subscription.next() => next,
        };
        let Some(delivery) = next else { return };
        if sender
            .send(Inbound {
                site: site.clone(),
                delivery,
            })
            .await
            .is_err()
        {
            return;
        }
    }
}
