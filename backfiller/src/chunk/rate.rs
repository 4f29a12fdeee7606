//! This lease's share of the budget, rows and bytes of write-ahead log a second, kept by pauses between batches. Pure; time is passed in.
//!
//! An account for each of the two: it fills with the share's speed up to half a second's worth, and a batch runs once the account
//! holds what it will probably cost. What it really cost is taken off, and the chunk does not end before it is paid. Over any time T
//! a lease writes at most `share * (T + 0.5 s)` plus what one batch costs more than was expected of it; a batch is cut so
//! that it holds about half a second's worth (one block at least). Shares of all leases sum to the budget, so the sum over workers
//! keeps it too (invariant 8), and a worker that is killed owes no more than one batch.
//!
//! A row costs one when it is changed; ten rows that are only read cost one. Bytes are those by which the server's log grew while the
//! batch wrote: what others wrote meanwhile counts too, so beside a busy application the limit is kept with room to spare.

use std::time::Duration;

use ledger::shares::Share;

/// Seconds of the share that may be saved up, and that one batch may hold.
const SAVED: f64 = 0.5;
/// Rows read for the price of one written.
const READS_A_WRITE: u64 = 10;

/// What a batch did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Spent {
    /// Blocks it covered.
    pub(super) blocks: u64,
    /// Rows it looked at.
    pub(super) seen: u64,
    /// Rows it changed.
    pub(super) changed: u64,
    /// Bytes by which the write-ahead log grew; 0 where that is not limited.
    pub(super) wal_bytes: u64,
}

/// The accounts.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rate {
    rows: Account,
    wal: Account,
    at: Duration,
}

#[derive(Clone, Debug, PartialEq)]
struct Account {
    /// A second; infinite: not limited.
    share: f64,
    balance: f64,
    /// What a block costs, as far as is known.
    a_block: Option<f64>,
}

impl Rate {
    /// Empty accounts without a limit.
    pub(super) fn new(now: Duration) -> Self {
        let account = Account {
            share: f64::INFINITY,
            balance: 0.0,
            a_block: None,
        };
        Self {
            rows: account.clone(),
            wal: account,
            at: now,
        }
    }

    /// The share as the planner set it.
    pub(super) fn set_share(&mut self, share: Share, now: Duration) {
        self.accrue(now);
        self.rows.set(share.rows_per_second);
        self.wal.set(share.wal_bytes_per_second);
    }

    /// Takes off what a batch cost.
    pub(super) fn spend(&mut self, spent: Spent, now: Duration) {
        self.accrue(now);
        let Spent {
            blocks,
            seen,
            changed,
            wal_bytes,
        } = spent;
        self.rows.spend(changed.max(seen.div_ceil(READS_A_WRITE)) as f64);
        self.wal.spend(wal_bytes as f64);
        if blocks > 0 {
            self.rows.learn(seen as f64 / blocks as f64);
            self.wal.learn(wal_bytes as f64 / blocks as f64);
        }
    }

    /// How long a batch of so many blocks has to wait.
    pub(super) fn wait(&mut self, blocks: u64, now: Duration) -> Duration {
        self.accrue(now);
        self.rows.wait_for(blocks).max(self.wal.wait_for(blocks))
    }

    /// How long until everything is paid.
    pub(super) fn debt(&mut self, now: Duration) -> Duration {
        self.accrue(now);
        self.rows.wait_until(0.0).max(self.wal.wait_until(0.0))
    }

    /// Most blocks of the next batch.
    pub(super) fn cap_blocks(&self) -> u64 {
        self.rows.cap_blocks().min(self.wal.cap_blocks())
    }

    fn accrue(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        self.at = now;
        self.rows.accrue(passed);
        self.wal.accrue(passed);
    }
}

impl Account {
    fn set(&mut self, share: f64) {
        self.share = share;
        if share.is_infinite() {
            self.balance = 0.0;
        } else {
            self.balance = self.balance.min(share * SAVED);
        }
    }

    fn spend(&mut self, cost: f64) {
        if self.share.is_finite() {
            self.balance -= cost;
        }
    }

    /// The dearer of what was and what is: a batch too small is slow, one too large breaks the budget.
    fn learn(&mut self, a_block: f64) {
        self.a_block = Some(self.a_block.map_or(a_block, |old| a_block.max(old * 0.9)));
    }

    fn wait_for(&self, blocks: u64) -> Duration {
        let cost = self.a_block.unwrap_or_default() * blocks as f64;
        // A single block may cost more than can be saved.
        self.wait_until(cost.min(self.share * SAVED))
    }

    fn wait_until(&self, balance: f64) -> Duration {
        let missing = balance - self.balance;
        // A share of nothing is never waited for: the ledger says no before that.
        if self.share.is_infinite() || self.share <= 0.0 || missing <= self.share * 1e-6 {
            Duration::ZERO
        } else {
            Duration::try_from_secs_f64(missing / self.share).unwrap_or(Duration::MAX)
        }
    }

    fn cap_blocks(&self) -> u64 {
        match self.a_block {
            Some(a_block) if a_block > 0.0 && self.share.is_finite() => {
                ((self.share * SAVED / a_block) as u64).max(1)
            }
            Some(_) | None => u64::MAX,
        }
    }

    fn accrue(&mut self, passed: f64) {
        if self.share.is_finite() {
            self.balance = (self.balance + passed * self.share).min(self.share * SAVED);
        }
    }
}

#[cfg(test)]
mod tests {
    use shared::clock::{Clock, ManualClock};

    use super::*;

    fn rows_share(rows_per_second: u64) -> Share {
        Share {
            rows_per_second: rows_per_second as f64,
            ..Share::UNLIMITED
        }
    }

    fn changed(blocks: u64, rows: u64) -> Spent {
        Spent {
            blocks,
            seen: rows,
            changed: rows,
            wal_bytes: 0,
        }
    }

    /// Rows changed in `seconds` when batches of `rows` take `took` each.
    fn changed_in(seconds: u64, share: u64, rows: u64, took: Duration) -> u64 {
        let clock = ManualClock::default();
        let mut rate = Rate::new(clock.monotonic());
        rate.set_share(rows_share(share), clock.monotonic());
        let mut total = 0;
        loop {
            let wait = rate.wait(1, clock.monotonic());
            clock.advance(wait);
            if clock.monotonic() >= Duration::from_secs(seconds) {
                return total;
            }
            clock.advance(took);
            total += rows;
            rate.spend(changed(1, rows), clock.monotonic());
        }
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
    fn bytes_of_the_log_are_kept_beside_rows_and_the_slower_one_decides() {
        let mut rate = Rate::new(Duration::ZERO);
        let share = Share {
            rows_per_second: 1000.0,
            wal_bytes_per_second: 10_000.0,
        };
        rate.set_share(share, Duration::ZERO);
        let spent = Spent {
            wal_bytes: 20_000,
            ..changed(10, 100)
        };
        rate.spend(spent, Duration::ZERO);
        assert_eq!(rate.debt(Duration::ZERO), Duration::from_secs(2));
        assert_eq!(rate.cap_blocks(), 2, "half a second of 2,000 bytes a block");
    }

    #[test]
    fn no_share_means_no_waiting() {
        let mut rate = Rate::new(Duration::ZERO);
        rate.spend(changed(10, 1_000_000), Duration::from_secs(1));
        assert_eq!(rate.wait(10, Duration::from_secs(1)), Duration::ZERO);
        assert_eq!(rate.cap_blocks(), u64::MAX);
    }

    #[test]
    fn a_batch_is_cut_to_half_a_second_of_the_share_and_never_to_nothing() {
        let mut rate = Rate::new(Duration::ZERO);
        rate.set_share(rows_share(1000), Duration::ZERO);
        rate.spend(changed(10, 1000), Duration::ZERO);
        assert_eq!(rate.cap_blocks(), 5);
        rate.set_share(rows_share(10), Duration::ZERO);
        assert_eq!(rate.cap_blocks(), 1);
    }

    #[test]
    fn a_batch_whose_cost_is_known_waits_for_it_before_it_runs() {
        let mut rate = Rate::new(Duration::ZERO);
        rate.set_share(rows_share(1000), Duration::ZERO);
        rate.spend(changed(1, 100), Duration::ZERO);
        assert_eq!(rate.debt(Duration::ZERO), Duration::from_millis(100));
        assert_eq!(
            rate.wait(3, Duration::ZERO),
            Duration::from_millis(400),
            "its own 300 rows too"
        );
    }

    #[test]
    fn idle_time_is_not_saved_up_for_a_burst() {
        let mut rate = Rate::new(Duration::ZERO);
        rate.set_share(rows_share(100), Duration::ZERO);
        rate.spend(changed(1, 100), Duration::from_secs(3600));
        assert_eq!(rate.debt(Duration::from_secs(3600)), Duration::from_millis(500));
    }

    #[test]
    fn reading_is_ten_times_cheaper_than_writing() {
        let mut rate = Rate::new(Duration::ZERO);
        rate.set_share(rows_share(100), Duration::ZERO);
        let read = Spent {
            changed: 0,
            ..changed(1, 1000)
        };
        rate.spend(read, Duration::ZERO);
        assert_eq!(rate.debt(Duration::ZERO), Duration::from_secs(1));
    }

    #[test]
    fn a_limit_that_comes_later_begins_at_nothing_saved() {
        let mut rate = Rate::new(Duration::ZERO);
        rate.spend(changed(1, 50), Duration::from_secs(1));
        rate.set_share(rows_share(100), Duration::from_secs(60));
        assert_eq!(rate.wait(1, Duration::from_secs(60)), Duration::from_millis(500));
    }
}
