//! The one home of time. Everything else takes an `Arc<dyn Clock>`, so that a test moves time
//! instead of waiting for it, and so that a wall clock that jumps cannot lengthen a lease.
//!
//! Two readings, never mixed: [`Clock::now`] is for people (logs, `sent_at`), [`Clock::monotonic`] is
//! for decisions (timeouts, pace, leases). Comparing wall-clock times of two machines is a bug;
//! leases between machines use the database's clock.

use std::fmt::Debug;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

/// A source of time.
#[async_trait]
pub trait Clock: Send + Sync + Debug {
    /// The wall clock; may jump in either direction. For people, never for decisions.
    fn now(&self) -> Timestamp;

    /// Time since some fixed origin of this process; never goes back.
    fn monotonic(&self) -> Duration;

    /// Returns once [`Clock::monotonic`] has advanced by `duration`.
    async fn sleep(&self, duration: Duration);
}

/// Runs `future` for at most `limit` of the clock's time; `None` if it did not finish. The future is dropped then.
pub async fn within<T>(clock: &dyn Clock, limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        value = future => Some(value),
        () = clock.sleep(limit) => None,
    }
}

/// The machine's own clocks.
#[derive(Debug)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    /// A clock whose origin is now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this module is the home of time")]
    pub fn new() -> Self {
        Self {
            origin: Instant::now(),
        }
    }

    /// The same, ready to be handed around.
    #[must_use]
    pub fn shared() -> Arc<dyn Clock> {
        Arc::new(Self::new())
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this module is the home of time")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn monotonic(&self) -> Duration {
        self.origin.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// A clock that stands still until a test moves it.
#[derive(Debug)]
pub struct ManualClock {
    start: Timestamp,
    elapsed: watch::Sender<Duration>,
    sleepers: watch::Sender<usize>,
}

impl ManualClock {
    /// A clock that shows `start`.
    #[must_use]
    pub fn new(start: Timestamp) -> Arc<Self> {
        Arc::new(Self {
            start,
            elapsed: watch::Sender::new(Duration::ZERO),
            sleepers: watch::Sender::new(0),
        })
    }

    /// Moves both readings on and wakes every sleeper whose time has come.
    pub fn advance(&self, by: Duration) {
        self.elapsed.send_modify(|elapsed| *elapsed += by);
    }

    /// Waits until at least `count` tasks sleep on this clock, so that a test advances only after they do.
    pub async fn wait_for_sleepers(&self, count: usize) {
        let mut sleepers = self.sleepers.subscribe();
        sleepers
            .wait_for(|n| *n >= count)
            .await
            .expect("the sender lives in self");
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self {
            start: Timestamp::UNIX_EPOCH,
            elapsed: watch::Sender::new(Duration::ZERO),
            sleepers: watch::Sender::new(0),
        }
    }
}

/// Counts a sleeper for as long as it sleeps, also when its future is dropped half-way.
struct Asleep<'a>(&'a watch::Sender<usize>);

impl<'a> Asleep<'a> {
    fn on(sleepers: &'a watch::Sender<usize>) -> Self {
        sleepers.send_modify(|n| *n += 1);
        Self(sleepers)
    }
}

impl Drop for Asleep<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|n| *n -= 1);
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(*self.elapsed.borrow()).unwrap_or(SignedDuration::MAX);
        self.start.checked_add(elapsed).unwrap_or(Timestamp::MAX)
    }

    fn monotonic(&self) -> Duration {
        *self.elapsed.borrow()
    }

    async fn sleep(&self, duration: Duration) {
        let mut elapsed = self.elapsed.subscribe();
        let deadline = elapsed.borrow_and_update().saturating_add(duration);
        if duration.is_zero() {
            return;
        }
        let _asleep = Asleep::on(&self.sleepers);
        elapsed
            .wait_for(|now| *now >= deadline)
            .await
            .expect("the sender lives in self");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sleeper_wakes_when_its_time_has_come_and_not_before() {
        let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move {
                clock.sleep(Duration::from_secs(10)).await;
                clock.monotonic()
            }
        });
        clock.wait_for_sleepers(1).await;
        clock.advance(Duration::from_secs(9));
        assert!(!sleeper.is_finished());
        clock.advance(Duration::from_secs(2));
        assert_eq!(sleeper.await.unwrap(), Duration::from_secs(11));
        assert_eq!(clock.now().as_second(), 11);
    }

    #[tokio::test]
    async fn a_dropped_sleep_no_longer_counts_as_a_sleeper() {
        let clock = ManualClock::default();
        assert_eq!(within(&clock, Duration::from_secs(1), async { 7 }).await, Some(7));
        assert_eq!(*clock.sleepers.borrow(), 0);
    }

    #[tokio::test]
    async fn what_does_not_finish_within_its_limit_is_given_up() {
        let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
        let waiting = tokio::spawn({
            let clock = clock.clone();
            async move { within(&*clock, Duration::from_secs(5), std::future::pending::<()>()).await }
        });
        clock.wait_for_sleepers(1).await;
        clock.advance(Duration::from_secs(5));
        assert_eq!(waiting.await.unwrap(), None);
    }

    #[tokio::test]
    async fn the_system_clock_moves_forward() {
        let clock = SystemClock::new();
        let before = clock.monotonic();
        clock.sleep(Duration::from_millis(1)).await;
        assert!(clock.monotonic() > before);
    }
}
