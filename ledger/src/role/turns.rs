//! Turns: how many long tasks a process has in hand at a time for one target.
//!
//! The message of a step or a check is settled once its lease is in the ledger, because it may outlast the broker's patience. So the
//! broker's prefetch bounds nothing here: without a limit of its own one process would take every step there is, a session of
//! the owner for each, while the others stand idle.
//!
//! A turn is taken *before* the claim and held to the end. Who gets none for a moment leaves the task to whoever has one: it goes
//! back to the planner ([`Ledger::postpone`](crate::Ledger::postpone)), which issues it again, and the message is forgotten. Waiting with the
//! message in hand would keep it from an idle process; returning it to the broker would bring it straight back.

use std::sync::Arc;
use std::time::Duration;

use proto::TaskId;
use shared::bus::Settlement;
use shared::clock::{Clock, within};
use shared::service::chain;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::site::Site;

/// How long a message waits for a turn. Most steps are over sooner.
const WAIT: Duration = Duration::from_secs(1);
/// When a task that got none is issued again.
const AGAIN: Duration = Duration::from_secs(2);
/// A message whose ledger cannot be reached comes again after this.
const LATER: Duration = Duration::from_secs(5);

/// The turns of one process at one target. Clones share them.
#[derive(Clone, Debug)]
pub struct Turns(Arc<Semaphore>);

/// A turn, until it is dropped.
#[derive(Debug)]
pub struct Turn {
    _permit: OwnedSemaphorePermit,
}

/// What claims a task for this long waits on a socket whose other end is gone: ending a predecessor takes a third of it.
pub const CLAIMED_WITHIN: Duration = Duration::from_secs(30);
/// How long work may go on after its lease is lost. It ends in order by itself, unless it waits on such a socket.
const GRACE: Duration = Duration::from_secs(30);

/// Works under a lease, so that no turn is held for ever. None: the lease was lost, and the work did not end of itself; it was dropped
/// where it stood, with its connections. Whoever takes the task over ends what still runs on the server.
pub async fn under<T>(
    lost: CancellationToken,
    clock: &dyn Clock,
    work: impl Future<Output = T>,
) -> Option<T> {
    let too_late = async {
        lost.cancelled().await;
        clock.sleep(GRACE).await;
    };
    tokio::select! {
        biased;
        done = work => Some(done),
        () = too_late => None,
    }
}

impl Turns {
    /// So many at a time.
    #[must_use]
    pub fn new(at_once: usize) -> Self {
        Self(Arc::new(Semaphore::new(at_once)))
    }

    /// A turn for this task.
    ///
    /// # Errors
    /// There is none: what becomes of the message. None of that either while the service stops: the message goes back as it is.
    pub async fn take(&self, site: &Site, task: TaskId) -> Result<Turn, Option<Settlement>> {
        let taking = within(&*site.clock, WAIT, self.0.clone().acquire_owned());
        match site.shutdown.stopping.run_until_cancelled(taking).await {
            Some(Some(Ok(permit))) => return Ok(Turn { _permit: permit }),
            Some(Some(Err(_)) | None) => {}
            None => return Err(None),
        }
        let why = format!("{} had its hands full", site.worker);
        let postponing = site.target.ledger.postpone(task, AGAIN, &why);
        Err(Some(match within(&*site.clock, LATER, postponing).await {
            Some(Ok(())) => Settlement::Done,
            Some(Err(error)) => {
                tracing::warn!(%task, error = %chain(&error), "a task could not be left to others; its message comes again");
                Settlement::RetryAfter(LATER)
            }
            None => Settlement::RetryAfter(LATER),
        }))
    }
}

#[cfg(test)]
mod tests {
    use shared::clock::ManualClock;

    use super::*;

    #[tokio::test]
    async fn work_that_hangs_is_dropped_some_time_after_its_lease_is_lost_and_not_before() {
        let clock = ManualClock::new(jiff::Timestamp::UNIX_EPOCH);
        let lost = CancellationToken::new();
        let working = tokio::spawn({
            let (clock, lost) = (clock.clone(), lost.clone());
            async move { under(lost, &*clock, std::future::pending::<()>()).await }
        });
        clock.advance(GRACE * 10);
        tokio::task::yield_now().await;
        assert!(!working.is_finished(), "its lease is its own");
        lost.cancel();
        clock.wait_for_sleepers(1).await;
        assert!(!working.is_finished(), "it may end in order");
        clock.advance(GRACE);
        assert_eq!(working.await.unwrap(), None);
        let clock = ManualClock::new(jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(
            under(CancellationToken::new(), &*clock, async { 7 }).await,
            Some(7)
        );
    }
}
