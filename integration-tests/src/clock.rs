//! A machine whose wall clock is set while everything runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use shared::clock::{Clock, SystemClock};

/// The machine's clocks, the wall clock off by some seconds: the monotonic one cannot be set on any system.
#[derive(Debug, Default)]
pub struct SteppingClock {
    machine: SystemClock,
    off: AtomicI64,
}

impl SteppingClock {
    /// One that is right still.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Sets the wall clock on, or back.
    pub fn step(&self, seconds: i64) {
        self.off.fetch_add(seconds, Ordering::AcqRel);
    }
}

#[async_trait]
impl Clock for SteppingClock {
    fn now(&self) -> Timestamp {
        let off = SignedDuration::from_secs(self.off.load(Ordering::Acquire));
        self.machine.now().checked_add(off).unwrap_or(Timestamp::MAX)
    }

    fn monotonic(&self) -> Duration {
        self.machine.monotonic()
    }

    async fn sleep(&self, duration: Duration) {
        self.machine.sleep(duration).await;
    }
}
