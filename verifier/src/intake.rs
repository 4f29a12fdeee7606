//! The receiving end: subscriptions of every target, poured into one channel for the loop.
//!
//! A pump only receives. When the service is asked to stop it drops its subscription, and what nobody took goes
//! back to the queue at once.

use std::sync::Arc;

use shared::bus::{Delivery, Queue, Subscription};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::site::Site;

/// Events in hand at a time: they are only noted down, so a few are enough.
const EVENTS: u16 = 16;

/// A delivery with the target it is about.
pub(crate) struct Inbound {
    pub(crate) site: Arc<Site>,
    pub(crate) delivery: Delivery,
}

/// Subscribes to the check and event queues of every target. The channel ends when every pump has.
pub(crate) async fn open(sites: &[Arc<Site>]) -> Result<mpsc::Receiver<Inbound>, Error> {
    let (sender, receiver) = mpsc::channel(1);
    for site in sites {
        let name = site.target.name.clone();
        for (queue, prefetch) in [
            (Queue::Check(name.clone()), 1),
            (Queue::EventsVerifier(name), EVENTS),
        ] {
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
