//! How long there is, and how long a turn took at most.

use std::sync::Arc;
use std::time::Duration;

use shared::clock::{Clock, SystemClock};

/// See the module.
#[derive(Debug)]
pub(super) struct Time {
    clock: Arc<dyn Clock>,
    limit: Option<Duration>,
    turn: Duration,
    longest: Duration,
}

impl Time {
    /// It begins to run.
    pub(super) fn new(limit: Option<Duration>) -> Self {
        Self::on(SystemClock::shared(), limit)
    }

    /// Its origin is the clock's.
    fn on(clock: Arc<dyn Clock>, limit: Option<Duration>) -> Self {
        Self {
            clock,
            limit,
            turn: Duration::ZERO,
            longest: Duration::ZERO,
        }
    }

    /// Whether a turn as long as the longest so far would end in time.
    pub(super) fn suffices(&self) -> bool {
        let end = self.clock.monotonic() + self.longest;
        self.limit.is_none_or(|limit| end < limit)
    }

    pub(super) fn begins(&mut self) {
        self.turn = self.clock.monotonic();
    }

    pub(super) fn ends(&mut self) {
        self.longest = self.longest.max(self.clock.monotonic().saturating_sub(self.turn));
    }
}

#[cfg(test)]
mod tests {
    use shared::clock::ManualClock;

    use super::*;

    const fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn nothing_is_begun_that_would_probably_end_too_late() {
        let clock = ManualClock::new(jiff::Timestamp::UNIX_EPOCH);
        let mut time = Time::on(clock.clone(), Some(seconds(100)));
        for (took, suffices) in [(30, true), (20, true), (25, false)] {
            time.begins();
            clock.advance(seconds(took));
            time.ends();
            assert_eq!(time.suffices(), suffices, "after {:?}", clock.monotonic());
        }
    }

    #[test]
    fn without_a_limit_there_is_always_time() {
        let clock = ManualClock::new(jiff::Timestamp::UNIX_EPOCH);
        let time = Time::on(clock.clone(), None);
        clock.advance(seconds(1_000_000));
        assert!(time.suffices());
    }
}
