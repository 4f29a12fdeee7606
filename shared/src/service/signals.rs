//! From signals to the two steps of a shutdown.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::{Error, Shutdown};
use crate::clock::Clock;
use crate::units::format_duration;

/// Lets SIGTERM, SIGINT and a terminal that goes away (SIGHUP, unless it is ignored, as under `nohup`) end this process in two steps, until the handle is dropped. The budget also begins
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

/// Signals as they come in from now on: one that comes while a service still starts ends it as any other does.
#[derive(Debug)]
pub(super) struct Ears {
    terminate: Signal,
    interrupt: Signal,
    hangup: Option<Signal>,
}

impl Ears {
    pub(super) fn open() -> Result<Self, Error> {
        Ok(Self {
            terminate: signal(SignalKind::terminate()).map_err(Error::Signals)?,
            interrupt: signal(SignalKind::interrupt()).map_err(Error::Signals)?,
            hangup: if ignores_hangup() {
                None
            } else {
                Some(signal(SignalKind::hangup()).map_err(Error::Signals)?)
            },
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
            tokio::join!(listen(self, heard), two_steps(signals, shutdown, budget, &*clock));
        }))
    }
}

/// Whoever started this process wants it to outlive the terminal. Only Linux tells.
fn ignores_hangup() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| ignored(&status, SignalKind::hangup()))
}

/// The mask has the bit `number - 1` of each signal that is ignored.
fn ignored(status: &str, kind: SignalKind) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (kind.as_raw_value() - 1) & 1 == 1)
}

async fn hung_up(hangup: &mut Option<Signal>) {
    match hangup {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
    // A shell and the terminal may each say it; it is no second wish.
    *hangup = None;
}

async fn listen(mut ears: Ears, heard: mpsc::Sender<&'static str>) {
    loop {
        let name = tokio::select! {
            _ = ears.terminate.recv() => "SIGTERM",
            _ = ears.interrupt.recv() => "SIGINT",
            () = hung_up(&mut ears.hangup) => "SIGHUP",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hangup_that_is_ignored_is_left_so() {
        let status = |mask: &str| format!("Name:\tsluice\nSigIgn:\t{mask}\nSigCgt:\t0000000000000001\n");
        assert!(ignored(&status("0000000000001001"), SignalKind::hangup()));
        assert!(!ignored(&status("0000000000001000"), SignalKind::hangup()));
        assert!(!ignored("", SignalKind::hangup()));
    }
}
