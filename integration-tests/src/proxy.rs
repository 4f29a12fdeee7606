//! A TCP proxy between a client and a server, to break the way between them.
//!
//! Killing a server loses its state and takes seconds; a network that fails loses nothing and is
//! what happens more often. It runs on the runtime of the test that made it.
//!
//! It breaks the way as a network does: [`Proxy::cut`], [`Proxy::delay`], [`Proxy::stall`] (also in one
//! direction), [`Proxy::abandon`]. And it breaks it at one exact place, for what no timing would ever hit: one that
//! [listens](Proxy::start_listening) understands enough of a protocol to swallow one confirm or to cut at one COMMIT. See [`Order`].

mod amqp;
mod commit;
mod conversation;
mod pump;
mod script;

use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use conversation::Conversation;
use pump::Pump;
use script::Script;
pub use script::{Cut, Order, Protocol};

use crate::wait::{self, Look};

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toward {
    /// From the client to the server.
    Server,
    /// From the server to the client.
    Client,
}

/// The state of the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Way {
    /// New connections get through.
    open: bool,
    /// Bytes get through to the server.
    to_server: bool,
    /// Bytes get through to the client.
    to_client: bool,
    /// By how much every piece comes later.
    delay: Duration,
    /// Counts the cuts; a connection lives in the era in which it was made.
    era: u64,
    /// Where new connections lead.
    server: u16,
    /// Counts how often the server's side alone was cut.
    abandoned: u64,
    /// Counts the releases of what a script holds.
    released: u64,
}

impl Way {
    fn flows(&self, toward: Toward) -> bool {
        match toward {
            Toward::Server => self.to_server,
            Toward::Client => self.to_client,
        }
    }
}

/// A proxy on a free port of 127.0.0.1; dropping it cuts everything.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    way: Arc<watch::Sender<Way>>,
    script: Arc<Script>,
    _accepting: JoinSet<()>,
}

impl Proxy {
    /// Stands before a port of 127.0.0.1.
    ///
    /// # Errors
    /// It cannot listen.
    pub async fn start(server: u16) -> anyhow::Result<Self> {
        Self::begin(server, Script::default()).await
    }

    /// The same, and it understands what passes, so that it can be given an [`Order`].
    ///
    /// # Errors
    /// It cannot listen.
    pub async fn start_listening(server: u16, protocol: Protocol) -> anyhow::Result<Self> {
        Self::begin(server, Script::of(protocol)).await
    }

    async fn begin(server: u16, script: Script) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let way = Arc::new(watch::Sender::new(Way {
            open: true,
            to_server: true,
            to_client: true,
            delay: Duration::ZERO,
            era: 0,
            server,
            abandoned: 0,
            released: 0,
        }));
        let script = Arc::new(script);
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, Arc::clone(&way), Arc::clone(&script)));
        Ok(Self {
            port,
            way,
            script,
            _accepting: accepting,
        })
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Cuts every connection, and every new one at once.
    pub fn cut(&self) {
        self.way.send_modify(|way| {
            *way = Way {
                open: false,
                era: way.era + 1,
                ..*way
            }
        });
    }

    /// Lets connections through again after [`Self::cut`].
    pub fn restore(&self) {
        self.way.send_modify(|way| way.open = true);
    }

    /// Cuts every connection; the next one gets through.
    pub fn blink(&self) {
        self.way.send_modify(|way| way.era += 1);
    }

    /// Cuts every connection; from the next one on they lead to another port, as after a fail-over.
    pub fn repoint(&self, server: u16) {
        self.way.send_modify(|way| {
            *way = Way {
                server,
                era: way.era + 1,
                ..*way
            }
        });
    }

    /// Connections stay, and nothing passes in either direction.
    pub fn stall(&self) {
        self.way
            .send_modify(|way| (way.to_server, way.to_client) = (false, false));
    }

    /// Connections stay, and nothing passes in one direction: a route or a filter that is broken on one side.
    pub fn stall_toward(&self, toward: Toward) {
        self.way.send_modify(|way| match toward {
            Toward::Server => way.to_server = false,
            Toward::Client => way.to_client = false,
        });
    }

    /// Lets bytes pass again after [`Self::stall`], also those that waited: TCP would have sent them again.
    pub fn flow(&self) {
        self.way
            .send_modify(|way| (way.to_server, way.to_client) = (true, true));
    }

    /// Every piece that passes comes this much later, in both directions.
    pub fn delay(&self, by: Duration) {
        self.way.send_modify(|way| way.delay = by);
    }

    /// Half-open: the server sees its connections closed, the client sees nothing. New ones get through.
    pub fn abandon(&self) {
        self.way.send_modify(|way| way.abandoned += 1);
    }

    /// Gives an order, which is carried out once, by whichever connection meets it first.
    ///
    /// # Panics
    /// If the proxy does not understand the order's protocol.
    pub fn order(&self, order: Order) {
        self.script.arm(order);
    }

    /// How many orders were carried out.
    #[must_use]
    pub fn carried_out(&self) -> usize {
        self.script.carried_out()
    }

    /// Waits until so many orders were carried out.
    ///
    /// # Errors
    /// They are not in time.
    pub async fn until_carried_out(&self, count: usize, patience: Duration) -> anyhow::Result<()> {
        wait::until("the proxy carried its orders out", patience, async || {
            let done = self.carried_out();
            Ok::<_, anyhow::Error>(if done >= count {
                Look::There(())
            } else {
                Look::NotYet(format!("{done} of {count}, waiting: {}", self.script.waiting()))
            })
        })
        .await
    }

    /// Lets go what an order holds.
    pub fn release(&self) {
        self.script.release();
        self.way.send_modify(|way| way.released += 1);
    }
}

/// Connections end with the task that accepts them.
async fn accept(listener: TcpListener, way: Arc<watch::Sender<Way>>, script: Arc<Script>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let seen = way.subscribe();
        let begun = *seen.borrow();
        if begun.open {
            connections.spawn(connect(client, begun, seen, Arc::clone(&script)));
        }
    }
}

async fn connect(client: TcpStream, begun: Way, mut way: watch::Receiver<Way>, script: Arc<Script>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", begun.server)).await else {
        return;
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ((mut from_client, mut to_client), (from_server, to_server)) =
        (client.into_split(), server.into_split());
    let said = Conversation::shared(&script);
    let to_server = Pump::new(
        Toward::Server,
        &mut from_client,
        to_server,
        way.clone(),
        said.clone(),
    );
    let to_client = Pump::new(Toward::Client, from_server, &mut to_client, way.clone(), said);
    tokio::select! {
        _ = way.wait_for(|way| (way.era, way.abandoned) != (begun.era, begun.abandoned)) => {}
        _ = to_server.run() => return,
        _ = to_client.run() => return,
    }
    // Half-open: whatever the client says is taken, and nothing answers.
    let mut bytes = vec![0; 64 * 1024];
    let listen = async { while matches!(from_client.read(&mut bytes).await, Ok(count) if count > 0) {} };
    tokio::select! {
        _ = way.wait_for(|way| way.era != begun.era) => {}
        () = listen => {}
    }
}

#[cfg(test)]
mod tests;
