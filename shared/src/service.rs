//! The skeleton that the three services share: health endpoints, readiness, a shutdown in two steps.
//!
//! The first SIGTERM (or SIGINT) cancels [`Shutdown::stopping`]: claim nothing new, finish what is in
//! hand. A second one, or the end of the budget, cancels [`Shutdown::abort`]: roll back and leave; what
//! was in hand is redelivered. The HTTP side stays up until the end, so that an orchestrator sees
//! "not ready: stopping" and not a vanished port.
//!
//! ```text
//!  running --SIGTERM--> stopping --work and tasks done--> Ended::Finished
//!                          |--second signal or budget--> abort --(a second)--> Ended::Aborted
//! ```

mod binary;
mod chain;
mod http;
mod readiness;
mod signals;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::{Clock, within};
use crate::settings::ServiceSettings;
use crate::telemetry::Metrics;

pub use binary::run_binary;
pub use chain::chain;
pub use readiness::{Health, Part, Readiness};
use signals::Ears;
pub use signals::stop_on_signals;

/// How long aborted work may take to roll back before it is dropped where it stands.
const ABORT_GRACE: Duration = Duration::from_secs(1);
/// How often histograms are folded, see [`Metrics::upkeep`].
const UPKEEP: Duration = Duration::from_secs(5);

/// How a process is asked to end. Clones share their tokens.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    /// Claim nothing new, finish what is in hand.
    pub stopping: CancellationToken,
    /// Stop at once.
    pub abort: CancellationToken,
    /// Tasks that must end before the process does.
    pub tasks: TaskTracker,
}

impl Shutdown {
    /// Nobody has asked yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

/// A service that could not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is taken or not ours.
    #[error("cannot listen on {address} (service.listen); take another address, or port 0 for a free one")]
    Bind {
        /// As configured.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The process may not listen to signals.
    #[error("cannot listen to signals")]
    Signals(#[source] std::io::Error),
}

/// How a service ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Ended<T> {
    /// The work returned, by itself or after it was asked to stop, and every task ended.
    Finished(T),
    /// Work or tasks did not end within the budget, or a second signal came; what was in hand is left to redelivery.
    Aborted,
}

/// What a service is made of.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its role, for logs: `planner`.
    pub name: &'static str,
    /// Where it listens and how long it may drain.
    pub settings: ServiceSettings,
    /// Its parts; those of [`Bus::readiness`](crate::bus::Bus::readiness) once there is a bus, see [`Bound::with_readiness`].
    pub readiness: Readiness,
    /// Served under `/metrics`.
    pub metrics: Metrics,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// A service whose port is open.
#[derive(Debug)]
pub struct Bound {
    service: Service,
    listener: TcpListener,
    address: SocketAddr,
    ears: Ears,
}

impl Service {
    /// Opens the port and logs `listening on ADDRESS`. Signals are heard from here on.
    ///
    /// # Errors
    /// [`Error::Bind`], [`Error::Signals`].
    pub async fn bind(self) -> Result<Bound, Error> {
        let ears = Ears::open()?;
        let address = self.settings.listen;
        let fault = |source| Error::Bind { address, source };
        let listener = TcpListener::bind(address).await.map_err(fault)?;
        let address = listener.local_addr().map_err(fault)?;
        tracing::info!(service = self.name, "listening on {address}");
        Ok(Bound {
            service: self,
            listener,
            address,
            ears,
        })
    }

    /// [`bind`](Self::bind), then [`Bound::run`].
    ///
    /// # Errors
    /// If the port or the signals are not to be had.
    pub async fn run<T>(self, shutdown: Shutdown, work: impl Future<Output = T>) -> Result<Ended<T>, Error> {
        self.bind().await?.run(shutdown, work).await
    }
}

impl Bound {
    /// The address it listens on, with the port that was free.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// With these parts instead of its own. The port is opened before the bus, so that a service that cannot have its port
    /// ends without ever having connected to anything; the bus's parts come afterwards.
    #[must_use]
    pub fn with_readiness(mut self, readiness: Readiness) -> Self {
        self.service.readiness = readiness;
        self
    }

    /// Serves health and metrics, listens to signals, and drives `work` to its end.
    ///
    /// # Errors
    /// None once the port is open; the type is that of [`Service::run`].
    pub async fn run<T>(self, shutdown: Shutdown, work: impl Future<Output = T>) -> Result<Ended<T>, Error> {
        let Self {
            service,
            listener,
            ears,
            ..
        } = self;
        let budget = service.settings.shutdown_budget;
        // Dropped at the end, whichever way: no task of the skeleton outlives the service.
        let _signals = ears.stop(&shutdown, budget, service.clock.clone());
        let over = CancellationToken::new();
        let _over = over.clone().drop_guard();
        let server = tokio::spawn(http::serve(
            listener,
            service.clone(),
            shutdown.stopping.clone(),
            over.clone(),
        ));
        tokio::spawn(upkeep(
            service.metrics.clone(),
            service.clock.clone(),
            over.clone(),
        ));

        let ended = drive(&shutdown, &*service.clock, work).await;
        over.cancel();
        // An open connection of a slow scraper must not hold the process.
        let _ = within(&*service.clock, ABORT_GRACE, server).await;
        tracing::info!(
            service = service.name,
            aborted = matches!(ended, Ended::Aborted),
            "stopped"
        );
        Ok(ended)
    }
}

/// The work, then the tasks, each given up a moment after `abort`.
async fn drive<T>(shutdown: &Shutdown, clock: &dyn Clock, work: impl Future<Output = T>) -> Ended<T> {
    let given_up = async {
        shutdown.abort.cancelled().await;
        clock.sleep(ABORT_GRACE).await;
    };
    tokio::pin!(given_up);
    let value = tokio::select! {
        value = work => value,
        () = &mut given_up => return Ended::Aborted,
    };
    // Work that ends by itself ends the service: its tasks must hear of it.
    shutdown.stopping.cancel();
    shutdown.tasks.close();
    tokio::select! {
        () = shutdown.tasks.wait() => Ended::Finished(value),
        () = &mut given_up => Ended::Aborted,
    }
}

async fn upkeep(metrics: Metrics, clock: Arc<dyn Clock>, over: CancellationToken) {
    while over.run_until_cancelled(clock.sleep(UPKEEP)).await.is_some() {
        metrics.upkeep();
    }
}

#[cfg(test)]
mod tests;
