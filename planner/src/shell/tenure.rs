//! The planner's lease, held beside the rounds: a round over many jobs may take longer than a lease lasts.
//!
//! The holder counts on its own clock from the moment it *sent* the renewal, and stops a margin before the lease could lapse, as
//! `ledger::hold` argues. It is a courtesy to the other planner: what keeps the two apart is that every transaction asks for the
//! lease. But it also ends a round that waits on a socket whose other end is gone, because the renewals fail then too.

use std::sync::Arc;
use std::time::Duration;

use ledger::Target;
use ledger::leases::LEASE;
use proto::LeaseId;
use shared::clock::{Clock, within};
use shared::service::chain;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// Between two renewals.
const EVERY: Duration = Duration::from_secs(1);
/// How long the lease is surely ours from the sending of a renewal. The ledger does not write one that is younger than a second, and
/// a second is the margin.
const SURE: Duration = LEASE.saturating_sub(Duration::from_secs(2));

/// The lease, as its holder may believe in it. Clones share it; when the last one is dropped, the renewals end.
#[derive(Clone, Debug)]
pub(super) struct Tenure {
    /// Of the clock's monotonic time.
    until: watch::Receiver<Duration>,
    clock: Arc<dyn Clock>,
    _renewals: Arc<AbortOnDropHandle<()>>,
}

impl Tenure {
    /// Begins to ask for the lease, for as long as it takes, and to renew it.
    pub(super) fn begin(target: &Target, name: &str, lease: LeaseId, clock: &Arc<dyn Clock>) -> Self {
        let (sender, until) = watch::channel(Duration::ZERO);
        let renewals = renew(target.clone(), name.to_owned(), lease, (clock.clone(), sender));
        Self {
            until,
            clock: clock.clone(),
            _renewals: Arc::new(AbortOnDropHandle::new(tokio::spawn(renewals))),
        }
    }

    /// Whether it is ours.
    pub(super) fn is_held(&self) -> bool {
        self.clock.monotonic() < *self.until.borrow()
    }

    /// Returns once the ledger has answered for the first time, or has not for the length of a lease.
    pub(super) async fn answered(&mut self) {
        let clock = self.clock.clone();
        // That it was not answered shows in `is_held`.
        let _ = within(&*clock, LEASE, self.until.changed()).await;
    }

    /// Returns once it is not ours any more, or no longer surely so.
    pub(super) async fn lost(&self) {
        loop {
            let left = self.until.borrow().saturating_sub(self.clock.monotonic());
            if left.is_zero() {
                return;
            }
            self.clock.sleep(left).await;
        }
    }
}

async fn renew(
    target: Target,
    name: String,
    lease: LeaseId,
    (clock, until): (Arc<dyn Clock>, watch::Sender<Duration>),
) {
    loop {
        let sent = clock.monotonic();
        match within(&*clock, SURE, target.ledger.hold_lease("planner", &name, lease)).await {
            Some(Ok(held)) => {
                until.send_replace(if held { sent + SURE } else { Duration::ZERO });
            }
            Some(Err(error)) => {
                tracing::warn!(target = %target.name, error = %chain(&error), "the planner's lease could not be renewed; trying again");
            }
            None => {
                tracing::warn!(target = %target.name, "the ledger does not answer; the planner's lease is not renewed");
            }
        }
        clock.sleep(EVERY).await;
    }
}
