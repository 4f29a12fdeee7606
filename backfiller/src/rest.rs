//! Waiting with a task in hand.

use std::time::Duration;

use ledger::role::site::{InHand, Site};

/// Sleeps, but not past the moment in which work should end, nor past the lease.
pub(crate) async fn rest(site: &Site, in_hand: &InHand, time: Duration) {
    tokio::select! {
        () = site.rest(time) => {}
        () = in_hand.lease.lost().cancelled() => {}
    }
}

/// `time`, lengthened by up to a half, so that workers that failed together do not try again together.
pub(crate) fn jittered(time: Duration) -> Duration {
    time.mul_f64(1.0 + fastrand::f64() / 2.0)
}
