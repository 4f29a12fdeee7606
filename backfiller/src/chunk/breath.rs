//! Pauses between batches on SQLite, where whoever writes keeps everybody else from writing. Pure.
//!
//! A second writer does not queue: its busy handler tries again and again, at most 100 ms apart, until its timeout. So a batch is followed
//! by a pause half as long as itself, and at least once a second by one that is longer than any such interval: a writer with a busy
//! timeout of a few seconds meets several moments in which the lock is free, whatever its luck.

use std::time::Duration;

/// Shortest pause.
const SHORTEST: Duration = Duration::from_millis(5);
/// Longer than the longest interval between two tries of SQLite's busy handler.
const LONG: Duration = Duration::from_millis(120);
/// Time of work and short pauses after which a long one is due.
const EVERY: Duration = Duration::from_secs(1);

/// What has passed since the last long pause.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Breath {
    since: Duration,
}

impl Breath {
    /// How long to pause after a batch that took so long.
    pub(super) fn after(&mut self, took: Duration) -> Duration {
        let pause = (took / 2).max(SHORTEST);
        self.since += took + pause;
        if pause < LONG && self.since < EVERY {
            return pause;
        }
        self.since = Duration::ZERO;
        pause.max(LONG)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_is_free_for_a_third_of_the_time_and_for_long_enough_once_a_second() {
        for took in [1, 5, 50, 90, 400, 1500].map(Duration::from_millis) {
            let mut breath = Breath::default();
            let (mut worked, mut paused, mut since_long) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
            for _ in 0..200 {
                let pause = breath.after(took);
                worked += took;
                paused += pause;
                since_long += took;
                if pause >= LONG {
                    assert!(
                        since_long <= EVERY + took,
                        "{took:?}: {since_long:?} without a long pause"
                    );
                    since_long = Duration::ZERO;
                } else {
                    since_long += pause;
                }
            }
            assert!(paused * 2 >= worked, "{took:?}");
        }
    }
}
