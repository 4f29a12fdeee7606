//! The bus between processes: RabbitMQ through lapin, with our own reconnecting.
//!
//! Why our own: lapin's automatic recovery lets a handler keep a delivery whose connection is gone
//! without ever learning it, and can leave a consumer hanging for ever. Here every connection is a
//! *generation* with a token; whatever was born in a generation dies with it:
//!
//! ```text
//!  Link (consume) ── generation n ── one channel a subscription ── Delivery { session }
//!  Link (publish) ── generation n ── a few confirm channels, one message in flight on each
//! ```
//!
//! Two connections, because a broker with a full disk blocks the publishing one entirely, acks
//! included. One message in flight a channel, because lapin can attach a returned message to another
//! confirm of the same channel. A timeout around every await, because a blocked socket answers nothing.
//!
//! Order inside a settlement: publish (to retry or parking), *await the confirm*, then acknowledge. Broken in
//! between, the message is there twice, never not at all.

mod address;
mod call;
mod consumer;
mod hand;
mod letter;
mod link;
mod management;
mod outage;
mod publisher;
mod tls;
mod topology;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Bus, Depth, Error, Letter, Queue, Subscription};
use crate::clock::{Clock, within};
use crate::service::Readiness;
use crate::settings::BusTls;
use address::Address;
pub use address::vhost;
use link::Link;
pub use management::unacknowledged;
use outage::Outage;
use publisher::Publisher;
use tls::Tls;
use topology::Route;
pub use topology::{Permissions, User, definitions, permission_commands, permissions};

/// How long a publisher or a new subscription waits for a connection.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long [`Bus::close`] waits for connections to be closed in order.
const CLOSING: Duration = Duration::from_secs(5);

/// The RabbitMQ transport.
#[derive(Debug)]
pub struct RabbitBus {
    context: Context,
    consuming: Link,
    publisher: Arc<Publisher>,
    readiness: Readiness,
    /// The management API's URL, with the virtual host.
    management: Option<(SecretString, String)>,
}

/// What every part of the transport needs.
#[derive(Clone, Debug)]
struct Context {
    clock: Arc<dyn Clock>,
    closing: CancellationToken,
    tasks: TaskTracker,
    /// Of both connections: when an operator was last told that there is none.
    outage: Arc<Outage>,
}

impl RabbitBus {
    /// Starts to connect and returns at once. `name` is what the broker shows.
    ///
    /// # Errors
    /// [`Error::Url`] if the URL is not one; [`Error::Certificate`] if a file cannot be used.
    pub fn open(url: &SecretString, tls: &BusTls, name: &str, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let address = Address::new(url, name)?.with(Tls::read(tls)?);
        let context = Context {
            clock,
            closing: CancellationToken::new(),
            tasks: TaskTracker::new(),
            outage: Arc::default(),
        };
        let readiness = Readiness::new();
        let consuming = Link::start(
            address.named("consume"),
            context.clone(),
            readiness.part("bus.consume"),
        );
        let publishing = Link::start(
            address.named("publish"),
            context.clone(),
            readiness.part("bus.publish"),
        );
        let publisher = Arc::new(Publisher::new(publishing, context.clone()));
        Ok(Self {
            context,
            consuming,
            publisher,
            readiness,
            management: None,
        })
    }

    /// Asks the management API for what AMQP does not tell.
    #[must_use]
    pub fn asking(mut self, management: Option<&SecretString>, url: &SecretString) -> Self {
        self.management = management.map(|base| (base.clone(), vhost(url.expose_secret())));
        self
    }
}

#[async_trait]
impl Bus for RabbitBus {
    async fn send(&self, queue: &Queue, letter: Letter) -> Result<(), Error> {
        if let Some(why) = queue.misuse_by_publishing() {
            return Err(Error::Misused {
                queue: queue.name(),
                why,
            });
        }
        self.publisher
            .publish(
                &Route::to(queue),
                &Letter {
                    parked: None,
                    ..letter
                },
            )
            .await
    }

    async fn subscribe(&self, queue: &Queue, prefetch: u16) -> Result<Subscription, Error> {
        if let Some(why) = queue.misuse_by_subscribing() {
            return Err(Error::Misused {
                queue: queue.name(),
                why,
            });
        }
        let part = self.readiness.part(format!("bus.consume {queue}"));
        let (subscription, first) = consumer::start(consumer::Wish {
            queue: queue.clone(),
            prefetch: prefetch.clamp(1, 2000),
            link: self.consuming.clone(),
            publisher: self.publisher.clone(),
            context: self.context.clone(),
            part,
        });
        match within(&*self.context.clock, PATIENCE, first).await {
            Some(Ok(established)) => established.map(|()| subscription),
            Some(Err(_ended)) => Err(Error::Closed),
            // The broker is away: it is not ready, and goes on trying.
            None => Ok(subscription),
        }
    }

    async fn depth(&self, queue: &Queue) -> Result<Depth, Error> {
        match queue.misuse_by_asking_depth() {
            Some(why) => Err(Error::Misused {
                queue: queue.name(),
                why,
            }),
            None => {
                let mut depth = self.publisher.depth(queue).await?;
                if let Some((base, vhost)) = &self.management {
                    depth.unacked = unacknowledged(base, vhost, &depth.queue).await.ok();
                }
                Ok(depth)
            }
        }
    }

    fn readiness(&self) -> Readiness {
        self.readiness.clone()
    }

    async fn close(&self) {
        self.context.closing.cancel();
        self.context.tasks.close();
        if within(&*self.context.clock, CLOSING, self.context.tasks.wait())
            .await
            .is_none()
        {
            tracing::warn!("the broker's connections did not close in time; they are dropped");
        }
    }
}

impl Drop for RabbitBus {
    fn drop(&mut self) {
        self.context.closing.cancel();
    }
}
