//! Holding the lease on a task: renewal in the background, and the holder's own idea of when it ends.
//!
//! The database's clock decides who owns a task; the holder cannot see it. So it counts on its own monotonic clock from
//! the moment it *sent* the claim or the last renewal that was granted, and stops [`MARGIN`] before the lease
//! could have lapsed: the server cannot have started to count before that moment. Renewal runs beside the work, so a long
//! statement does not keep it from happening; the work asks [`Held::is_ours`] before each batch, or watches
//! [`Held::lost`].
//!
//! What would break it: counting from the *answer* to a renewal. An answer that took ten seconds would
//! then promise ten seconds too many.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use shared::clock::{Clock, within};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::open::Ledger;
use crate::tasks::{Claim, LEASE};

/// How long before the lease could lapse its holder stops.
pub const MARGIN: Duration = Duration::from_secs(2);
/// Pause after a renewal that failed for a reason other than being too late.
const RETRY: Duration = Duration::from_millis(500);

/// A lease in hand. Dropping it ends the renewal; the lease then lapses by itself unless the task was ended or given back.
#[derive(Debug)]
pub struct Held {
    clock: Arc<dyn Clock>,
    until: Arc<AtomicU64>,
    lost: CancellationToken,
    _renewal: AbortOnDropHandle<()>,
}

impl Held {
    /// Begins to renew the lease of a claim that was sent at `sent` of the clock's monotonic time.
    #[must_use]
    pub fn begin(ledger: &Ledger, claim: Claim, sent: Duration, clock: &Arc<dyn Clock>) -> Self {
        let until = Arc::new(AtomicU64::new(millis(sent + LEASE - MARGIN)));
        let lost = CancellationToken::new();
        let renewal = renew(ledger.clone(), claim, clock.clone(), until.clone(), lost.clone());
        Self {
            clock: clock.clone(),
            until,
            lost,
            _renewal: AbortOnDropHandle::new(tokio::spawn(renewal)),
        }
    }

    /// Whether work may go on under this lease. To be asked before each batch: a process that was stopped for a
    /// while wakes up here before its renewal does.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        !self.lost.is_cancelled() && millis(self.clock.monotonic()) < self.until.load(Ordering::Acquire)
    }

    /// Cancelled once the lease is lost: whatever is done under it must stop.
    #[must_use]
    pub fn lost(&self) -> &CancellationToken {
        &self.lost
    }
}

async fn renew(
    ledger: Ledger,
    claim: Claim,
    clock: Arc<dyn Clock>,
    until: Arc<AtomicU64>,
    lost: CancellationToken,
) {
    let _lost_at_the_end = lost.drop_guard();
    let mut pause = LEASE / 3;
    loop {
        let left = Duration::from_millis(until.load(Ordering::Acquire)).saturating_sub(clock.monotonic());
        clock.sleep(pause.min(left)).await;
        let sent = clock.monotonic();
        let left = Duration::from_millis(until.load(Ordering::Acquire)).saturating_sub(sent);
        if left.is_zero() {
            tracing::warn!(task = %claim.task, "the lease could not be renewed in time; work on this task stops");
            return;
        }
        match within(&*clock, left, ledger.renew(claim.task, claim.fence)).await {
            Some(Ok(true)) => {
                until.store(millis(sent + LEASE - MARGIN), Ordering::Release);
                pause = LEASE / 3;
            }
            Some(Ok(false)) => {
                tracing::debug!(task = %claim.task, "the lease is no longer ours");
                return;
            }
            Some(Err(error)) => {
                tracing::warn!(task = %claim.task, error = %error, "renewing a lease failed; trying again");
                pause = RETRY;
            }
            None => pause = Duration::ZERO,
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
