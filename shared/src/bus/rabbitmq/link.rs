//! One connection that is always being kept up, generation after generation.
//!
//! The supervisor connects, declares the base topology, publishes the new generation, and waits for
//! its end: an error event, a status that is no longer "connected", or somebody who found it dead
//! and cancelled its session. Then everything of that generation is cancelled, and it begins anew
//! after a jittered pause. Nothing here ever gives up: a service without its broker is not ready, not dead.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use lapin::{Connection, ConnectionProperties, Event};
use secrecy::ExposeSecret;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::address::Address;
use super::call::{LIMIT, call};
use super::outage::placed;
use super::topology::{self, Rights};
use super::{Context, Error};
use crate::clock::within;
use crate::service::Part;

const SHORTEST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// A connection that held this long was a good one: the next pause is short again.
const HEALTHY: Duration = Duration::from_secs(60);
/// Events can be missed between connecting and listening; the status cannot.
const STATUS_CHECK: Duration = Duration::from_secs(1);
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

/// A connection of one generation.
pub(super) struct Live {
    pub(super) generation: u64,
    pub(super) connection: Connection,
    /// What its user may make.
    pub(super) rights: Rights,
    /// Cancelled when it is gone; cancelling it makes it go.
    pub(super) session: CancellationToken,
    /// Why the broker takes no messages from it at the moment.
    pub(super) blocked: watch::Receiver<Option<String>>,
}

#[derive(Clone)]
enum State {
    Down(String),
    Up(Arc<Live>),
    Closed,
}

/// A handle to the connection that is there at the moment.
#[derive(Clone)]
pub(super) struct Link {
    state: watch::Receiver<State>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("down", &self.why_not()).finish()
    }
}

impl Link {
    /// Starts the supervisor.
    pub(super) fn start(address: Address, context: Context, part: Part) -> Self {
        let (state, receiver) = watch::channel(State::Down("connecting".to_owned()));
        let tasks = context.tasks.clone();
        tasks.spawn(
            Supervisor {
                address,
                context,
                part,
                state,
                generation: 0,
                probe_first: false,
            }
            .run(),
        );
        Self { state: receiver }
    }

    /// The connection, once there is one; None when the bus is closed.
    pub(super) async fn live(&self) -> Option<Arc<Live>> {
        let mut state = self.state.clone();
        let up = |state: &State| match state {
            State::Down(_) => false,
            State::Up(live) => !live.session.is_cancelled(),
            State::Closed => true,
        };
        match &*state.wait_for(up).await.ok()? {
            State::Up(live) => Some(live.clone()),
            State::Down(_) | State::Closed => None,
        }
    }

    /// The connection, once there is one that the broker takes messages from.
    pub(super) async fn writable(&self) -> Option<Arc<Live>> {
        loop {
            let live = self.live().await?;
            let mut blocked = live.blocked.clone();
            let free = blocked.wait_for(Option::is_none);
            if let Some(Ok(_)) = live.session.run_until_cancelled(free).await {
                return Some(live.clone());
            }
        }
    }

    /// Why there is no usable connection.
    pub(super) fn why_not(&self) -> String {
        match &*self.state.borrow() {
            State::Down(why) => why.clone(),
            State::Up(live) => match &*live.blocked.borrow() {
                Some(reason) => format!("the broker takes no messages: {reason}"),
                None => "the connection has just been lost".to_owned(),
            },
            State::Closed => "the bus is closed".to_owned(),
        }
    }
}

struct Supervisor {
    address: Address,
    context: Context,
    part: Part,
    state: watch::Sender<State>,
    generation: u64,
    /// A connection attempt that timed out leaves a thread behind in lapin; so ask first whether
    /// anybody answers there.
    probe_first: bool,
}

impl Supervisor {
    async fn run(mut self) {
        let closing = self.context.closing.clone();
        let mut failures = 0;
        loop {
            let began = self.context.clock.monotonic();
            let Some(why) = closing.run_until_cancelled(self.one_generation()).await else {
                break;
            };
            if self.context.clock.monotonic() - began > HEALTHY {
                failures = 0;
            }
            let pause = pause_after(failures);
            failures = failures.saturating_add(1);
            self.tell(&why);
            metrics::counter!("sluice_bus_connections_lost_total").increment(1);
            self.down(why);
            if closing
                .run_until_cancelled(self.context.clock.sleep(pause))
                .await
                .is_none()
            {
                break;
            }
        }
        // Dropped half-way, a generation left its connection in the state: close it in order.
        let last = self.state.send_replace(State::Closed);
        self.part.not_ready("closed");
        if let State::Up(live) = last {
            live.session.cancel();
            self.close(&live.connection).await;
        }
    }

    fn tell(&self, why: &str) {
        let why = placed(why, &self.address.shown);
        if self.context.outage.is_news(self.context.clock.monotonic()) {
            tracing::warn!(
                why,
                "no connection to the broker; trying again until there is one"
            );
        } else {
            tracing::debug!(connection = self.address.name, why, "no connection to the broker");
        }
    }

    fn down(&self, why: String) {
        self.part.not_ready(why.clone());
        self.state.send_replace(State::Down(why));
    }

    /// Connects, serves, and answers why it ended.
    async fn one_generation(&mut self) -> String {
        self.generation += 1;
        let connection = match self.connect().await {
            Ok(connection) => connection,
            Err(error) => return chain(&error),
        };
        let events = connection.events_listener();
        let (blocked_now, blocked) = watch::channel(None);
        let rights = match self.declare_base(&connection).await {
            Ok(rights) => rights,
            Err(error) => {
                self.close(&connection).await;
                return chain(&error);
            }
        };
        let live = Arc::new(Live {
            generation: self.generation,
            connection,
            rights,
            session: self.context.closing.child_token(),
            blocked,
        });
        tracing::info!(
            broker = self.address.shown,
            connection = self.address.name,
            generation = self.generation,
            makes_queues = rights == Rights::Make,
            "connected to the broker"
        );
        self.context.outage.over();
        self.state.send_replace(State::Up(live.clone()));
        self.part.ready();
        let why = self.until_gone(&live, events, blocked_now).await;
        live.session.cancel();
        self.down(why.clone());
        self.close(&live.connection).await;
        why
    }

    async fn connect(&mut self) -> Result<Connection, Error> {
        let doing = "connecting to";
        if self.probe_first && !self.address.answers(&*self.context.clock).await {
            return Err(Error::Timeout {
                doing: format!("{doing} {}", self.address.shown),
                waited: LIMIT,
            });
        }
        let properties =
            ConnectionProperties::default().with_connection_name(self.address.name.as_str().into());
        let attempt = async {
            let (url, tls) = (self.address.url.expose_secret(), self.address.tls.config());
            Connection::connect_with_config(url, properties, tls, lapin::runtime::default_runtime()?).await
        };
        let outcome = within(&*self.context.clock, LIMIT, attempt).await;
        self.probe_first = outcome.is_none();
        match outcome {
            Some(Ok(connection)) => Ok(connection),
            Some(Err(error)) => Err(self.address.not_connected(error)),
            None => Err(Error::Timeout {
                doing: format!("{doing} {}", self.address.shown),
                waited: LIMIT,
            }),
        }
    }

    async fn declare_base(&self, connection: &Connection) -> Result<Rights, Error> {
        let clock = &*self.context.clock;
        let channel = call(
            clock,
            "opening a channel for",
            "the topology",
            connection.create_channel(),
        )
        .await?;
        let rights = topology::declare_base(clock, &channel).await?;
        // A refusal has closed it.
        if rights == Rights::Make {
            let closing = channel.close(200, "done".into());
            call(clock, "closing the channel for", "the topology", closing).await?;
        }
        Ok(rights)
    }

    async fn until_gone(
        &self,
        live: &Live,
        events: impl futures_util::Stream<Item = Event>,
        blocked: watch::Sender<Option<String>>,
    ) -> String {
        tokio::pin!(events);
        loop {
            let event = tokio::select! {
                event = events.next() => event,
                () = live.session.cancelled() => return "it was found not to answer any more".to_owned(),
                () = self.context.clock.sleep(STATUS_CHECK) => match live.connection.status().connected() {
                    true => continue,
                    false => return "it is no longer connected".to_owned(),
                },
            };
            match event {
                Some(Event::ConnectionBlocked(reason)) => {
                    tracing::warn!(
                        broker = self.address.shown,
                        reason,
                        "the broker takes no messages"
                    );
                    self.part
                        .not_ready(format!("the broker takes no messages: {reason}"));
                    blocked.send_replace(Some(reason));
                }
                Some(Event::ConnectionUnblocked) => {
                    tracing::info!(broker = self.address.shown, "the broker takes messages again");
                    self.part.ready();
                    blocked.send_replace(None);
                }
                // Of one channel: whoever holds it hears of it there, the others go on.
                Some(Event::Error(error)) if error.is_amqp_soft_error() => {
                    tracing::debug!(
                        connection = self.address.name,
                        error = chain(&error),
                        "a channel was closed by the broker"
                    );
                }
                Some(Event::Error(error)) => return chain(&error),
                Some(_) => {}
                None => return "its events ended".to_owned(),
            }
        }
    }

    async fn close(&self, connection: &Connection) {
        if connection.status().connected() {
            let closed = connection.close(200, "bye".into());
            // A broker that does not answer is left to its heartbeats.
            let _ = within(&*self.context.clock, CLOSE_LIMIT, closed).await;
        }
    }
}

/// Doubling from the shortest to the longest, of which a random half is waited.
pub(super) fn pause_after(failures: u32) -> Duration {
    let full = SHORTEST_PAUSE
        .saturating_mul(2_u32.saturating_pow(failures.min(10)))
        .min(LONGEST_PAUSE);
    full.mul_f64(0.5 + fastrand::f64() / 2.0)
}

/// An error with its sources, in one line for an operator.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        // lapin's own errors repeat their source.
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_differ() {
        for failures in [0, 1, 5, 6, 100, u32::MAX] {
            let full = SHORTEST_PAUSE.as_secs_f64() * 2_f64.powi(i32::try_from(failures.min(10)).unwrap());
            let pause = pause_after(failures).as_secs_f64();
            assert!(
                pause <= full.min(10.0) && pause >= full.min(10.0) / 2.0,
                "{failures}: {pause}"
            );
        }
    }
}
