//! From signals to the two steps of a shutdown.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::{Error, Shutdown};
use crate::clock::Clock;
use crate::units::format_duration;

/// Lets SIGTERM and SIGINT end this process in two steps, until the handle is dropped. The budget also begins
/// when something else cancels [`Shutdown::stopping`].
///
/// # Errors
/// [`Error::Signals`].
pub fn stop_on_signals(
    shutdown: &Shutdown,
    budget: Duration,
    clock: Arc<dyn Clock>,
) -> Result<AbortOnDropHandle<()>, Error> {
    Ok(Ears::open()?.stop(shutdown, budget, clock))
}

/// SIGTERM and SIGINT as they come in from now on: one that comes while a service still starts ends it as any other does.
#[derive(Debug)]
pub(super) struct Ears {
    terminate: Signal,
    interrupt: Signal,
}

impl Ears {
    pub(super) fn open() -> Result<Self, Error> {
        Ok(Self {
            terminate: signal(SignalKind::terminate()).map_err(Error::Signals)?,
            interrupt: signal(SignalKind::interrupt()).map_err(Error::Signals)?,
        })
    }

    /// See [`stop_on_signals`].
    pub(super) fn stop(
        self,
        shutdown: &Shutdown,
        budget: Duration,
        clock: Arc<dyn Clock>,
    ) -> AbortOnDropHandle<()> {
        let (heard, signals) = mpsc::channel(4);
        let shutdown = shutdown.clone();
        AbortOnDropHandle::new(tokio::spawn(async move {
            tokio::join!(
                listen(self.terminate, self.interrupt, heard),
                two_steps(signals, shutdown, budget, &*clock)
            );
        }))
    }
}

async fn listen(mut terminate: Signal, mut interrupt: Signal, heard: mpsc::Sender<&'static str>) {
    loop {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
            () = heard.closed() => return,
        };
        if heard.send(name).await.is_err() {
            return;
        }
    }
}

/// First signal: stop. Second one, or the end of the budget: abort.
pub(super) async fn two_steps(
    mut signals: mpsc::Receiver<&'static str>,
    shutdown: Shutdown,
    budget: Duration,
    clock: &dyn Clock,
) {
    tokio::select! {
        Some(name) = signals.recv() => {
            tracing::info!(signal = name, budget = format_duration(budget), "stopping: finishing what is in hand");
            shutdown.stopping.cancel();
        }
        () = shutdown.stopping.cancelled() => {}
        () = shutdown.abort.cancelled() => return,
    }
    tokio::select! {
        Some(name) = signals.recv() => tracing::warn!(signal = name, "second signal: stopping at once"),
        () = clock.sleep(budget) => tracing::warn!(budget = format_duration(budget), "shutdown budget used up: stopping at once"),
        () = shutdown.abort.cancelled() => return,
    }
    shutdown.abort.cancel();
}
