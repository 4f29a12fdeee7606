//! This lease's share of the budget: rows a second, kept by pauses between batches. Pure; time is passed in.
//!
//! An account in rows: it fills with the share's speed up to half a second's worth, a batch is paid for after it ran, and the
//! next one waits while the account is overdrawn. Over any time T the rows are at most `share * (T + 0.5 s)` plus one
//! batch, and a batch is cut so that it holds about half a second's worth (one block at least). Shares of all leases
//! sum to the job's budget, so the sum over workers keeps it too (invariant 8).
//!
//! A row costs one when it is changed; ten rows that are only read cost one.

use std::time::Duration;

/// Seconds of the share that may be saved up, and that one batch may hold.
const SAVED: f64 = 0.5;
/// Rows read for the price of one written.
const READS_A_WRITE: u64 = 10;

/// The account.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rate {
    share: Option<f64>,
    balance: f64,
    at: Duration,
    rows_a_block: Option<f64>,
}

impl Rate {
    /// An empty account.
    pub(super) fn new(now: Duration) -> Self {
        Self {
            share: None,
            balance: 0.0,
            at: now,
            rows_a_block: None,
        }
    }

    /// The share as the planner set it; None: not limited.
    pub(super) fn set_share(&mut self, share: Option<u64>, now: Duration) {
        self.accrue(now);
        self.share = share.map(|rows| (rows as f64).max(1.0));
    }

    /// A batch over `blocks` looked at `seen` rows and changed `changed`.
    pub(super) fn spend(&mut self, blocks: u64, seen: u64, changed: u64, now: Duration) {
        self.accrue(now);
        if self.share.is_some() {
            self.balance -= changed.max(seen.div_ceil(READS_A_WRITE)) as f64;
        } else {
            self.balance = 0.0;
        }
        if blocks > 0 {
            let dense = seen as f64 / blocks as f64;
            // The denser of what was and what is: a batch too small is slow, one too large breaks the budget.
            self.rows_a_block = Some(self.rows_a_block.map_or(dense, |old| dense.max(old * 0.9)));
        }
    }

    /// How long the next batch has to wait.
    pub(super) fn wait(&mut self, now: Duration) -> Duration {
        self.accrue(now);
        match self.share {
            Some(share) if self.balance < 0.0 => Duration::from_secs_f64(-self.balance / share),
            Some(_) | None => Duration::ZERO,
        }
    }

    /// Most blocks of the next batch.
    pub(super) fn cap_blocks(&self) -> u64 {
        let (Some(share), Some(dense)) = (self.share, self.rows_a_block) else {
            return u64::MAX;
        };
        if dense <= 0.0 {
            u64::MAX
        } else {
            ((share * SAVED / dense) as u64).max(1)
        }
    }

    fn accrue(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        self.at = now;
        if let Some(share) = self.share {
            self.balance = (self.balance + passed * share).min(share * SAVED);
        }
    }
}

#[cfg(test)]
mod tests {
    use shared::clock::{Clock, ManualClock};

    use super::*;

    /// Rows changed in `seconds` when batches of `rows` take `took` each.
    fn changed_in(seconds: u64, share: u64, rows: u64, took: Duration) -> u64 {
        let clock = ManualClock::default();
        let mut rate = Rate::new(clock.monotonic());
        rate.set_share(Some(share), clock.monotonic());
        let mut total = 0;
        while clock.monotonic() < Duration::from_secs(seconds) {
            clock.advance(took);
            total += rows;
            rate.spend(1, rows, rows, clock.monotonic());
            let wait = rate.wait(clock.monotonic());
            clock.advance(wait);
        }
        total
    }

    #[test]
    fn rows_stay_within_the_share_and_use_it() {
        for (share, rows, took) in [
            (1000, 50, 10),
            (1000, 500, 100),
            (10, 200, 50),
            (20_000, 4000, 150),
        ] {
            let total = changed_in(60, share, rows, Duration::from_millis(took));
            let budget = share * 60;
            assert!(total <= budget + share / 2 + rows, "{total} rows of {budget}");
            assert!(total >= budget * 8 / 10, "{total} rows of {budget}");
        }
    }

    #[test]
    fn no_share_means_no_waiting() {
        let mut rate = Rate::new(Duration::ZERO);
        rate.spend(10, 1_000_000, 1_000_000, Duration::from_secs(1));
        assert_eq!(rate.wait(Duration::from_secs(1)), Duration::ZERO);
        assert_eq!(rate.cap_blocks(), u64::MAX);
    }

    #[test]
    fn a_batch_is_cut_to_half_a_second_of_the_share_and_never_to_nothing() {
        let mut rate = Rate::new(Duration::ZERO);
        rate.set_share(Some(1000), Duration::ZERO);
        rate.spend(10, 1000, 1000, Duration::ZERO);
        assert_eq!(rate.cap_blocks(), 5);
        rate.set_share(Some(10), Duration::ZERO);
        assert_eq!(rate.cap_blocks(), 1);
    }

    #[test]
    fn idle_time_is_not_saved_up_for_a_burst() {
        let mut rate = Rate::new(Duration::ZERO);
        rate.set_share(Some(100), Duration::ZERO);
        rate.spend(1, 100, 100, Duration::from_secs(3600));
        assert_eq!(rate.wait(Duration::from_secs(3600)), Duration::from_millis(500));
    }

    #[test]
    fn reading_is_ten_times_cheaper_than_writing() {
        let mut rate = Rate::new(Duration::ZERO);
        rate.set_share(Some(100), Duration::ZERO);
        rate.spend(1, 1000, 0, Duration::ZERO);
        assert_eq!(rate.wait(Duration::ZERO), Duration::from_secs(1));
    }
}
