//! A TCP proxy between a client and a server, to break the way between them.
//!
//! Killing a server loses its state and takes seconds; a network that fails loses nothing and is
//! what happens more often. It runs on the runtime of the test that made it.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The state of the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Way {
    /// New connections get through.
    open: bool,
    /// Bytes get through.
    flows: bool,
    /// Counts the cuts; a connection lives in the era in which it was made.
    era: u64,
    /// Where new connections lead.
    server: u16,
}

/// A proxy on a free port of 127.0.0.1; dropping it cuts everything.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    way: Arc<watch::Sender<Way>>,
    _accepting: JoinSet<()>,
}

impl Proxy {
    /// Stands before a port of 127.0.0.1.
    ///
    /// # Errors
    /// It cannot listen.
    pub async fn start(server: u16) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let way = Arc::new(watch::Sender::new(Way {
            open: true,
            flows: true,
            era: 0,
            server,
        }));
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, Arc::clone(&way)));
        Ok(Self {
            port,
            way,
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

    /// Half-open: connections stay, and nothing passes in either direction.
    pub fn stall(&self) {
        self.way.send_modify(|way| way.flows = false);
    }

    /// Lets bytes pass again after [`Self::stall`], also those that waited.
    pub fn flow(&self) {
        self.way.send_modify(|way| way.flows = true);
    }
}

/// Connections end with the task that accepts them.
async fn accept(listener: TcpListener, way: Arc<watch::Sender<Way>>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let seen = way.subscribe();
        let now = *seen.borrow();
        if now.open {
            connections.spawn(connect(client, now.server, seen, now.era));
        }
    }
}

async fn connect(client: TcpStream, server: u16, mut way: watch::Receiver<Way>, era: u64) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else {
        return;
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let (up, down) = (way.clone(), way.clone());
    tokio::select! {
        _ = way.wait_for(|way| way.era != era) => {}
        _ = pump(from_client, to_server, up) => {}
        _ = pump(from_server, to_client, down) => {}
    }
}

/// One direction, until either end is closed.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut way: watch::Receiver<Way>,
) -> anyhow::Result<()> {
    let mut bytes = vec![0; 64 * 1024];
    loop {
        let count = from.read(&mut bytes).await?;
        way.wait_for(|way| way.flows).await?;
        if count == 0 {
            to.shutdown().await?;
            return Ok(());
        }
        to.write_all(&bytes[..count]).await?;
    }
}
