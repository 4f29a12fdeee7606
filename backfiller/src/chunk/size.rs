//! How many blocks the next batch takes: adapts to measured time, pure.
//!
//! A batch aims at the plan's `target_batch`. It grows at most twofold and shrinks by half, so that one slow batch
//! (a checkpoint, a lock) does not decide for long, and a table whose rows get wider is met within a few batches.

use std::ops::Range;
use std::time::Duration;

/// Most blocks of one batch: 16 MiB.
pub(super) const MAX_BLOCKS: u64 = 2048;
/// Blocks of the first batch, when nothing is known yet.
const FIRST_BLOCKS: u64 = 16;
/// Longest statement of an ordinary batch; see [`super::shift`] for why.
pub(super) const STATEMENT_TIMEOUT: Duration = Duration::from_millis(1500);
/// Longest statement once a single block has proven too slow for the ordinary limit.
pub(super) const PATIENT_TIMEOUT: Duration = Duration::from_secs(30);

/// The size of the next batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BatchSize {
    blocks: u64,
    /// While a refused range is being narrowed: its end, up to which nothing grows.
    narrow_until: Option<u64>,
    /// A single block took longer than [`STATEMENT_TIMEOUT`].
    patient: bool,
}

impl BatchSize {
    /// For a chunk whose rows nobody has seen. A limited rate begins with one block: it may hold a second's worth.
    pub(super) fn first(limited: bool) -> Self {
        Self {
            blocks: if limited { 1 } else { FIRST_BLOCKS },
            narrow_until: None,
            patient: false,
        }
    }

    /// Blocks of the next batch, at most `cap`.
    pub(super) fn blocks(&self, cap: u64) -> u64 {
        self.blocks.min(cap).max(1)
    }

    /// Longest statement of the next batch.
    pub(super) fn statement_timeout(&self) -> Duration {
        if self.patient {
            PATIENT_TIMEOUT
        } else {
            STATEMENT_TIMEOUT
        }
    }

    /// A batch over `range` was committed in `took`.
    pub(super) fn committed(&mut self, range: &Range<u64>, took: Duration, target: Duration) {
        if self.narrow_until.is_some_and(|end| range.end < end) {
            return;
        }
        self.narrow_until = None;
        let ratio = target.as_secs_f64() / took.as_secs_f64().max(0.001);
        // Measured on this range, which the end of the chunk or the rate may have cut short.
        let measured = range.end - range.start;
        if ratio < 0.67 {
            self.blocks = (measured / 2).max(1);
        } else if ratio >= 1.2 {
            self.blocks = self
                .blocks
                .max(measured.saturating_mul(2).min(grown(measured, ratio)));
            self.patient = false;
        }
        self.blocks = self.blocks.clamp(1, MAX_BLOCKS);
    }

    /// A batch over `range` ran into a limit of time or into somebody's lock.
    pub(super) fn breached(&mut self, range: &Range<u64>) {
        self.blocks = ((range.end - range.start) / 2).max(1);
    }

    /// One block alone ran into [`STATEMENT_TIMEOUT`].
    pub(super) fn be_patient(&mut self) {
        self.patient = true;
    }

    /// A row in `range` was refused: halve until it stands alone. False: the range is one block already.
    pub(super) fn narrow(&mut self, range: &Range<u64>) -> bool {
        let blocks = range.end - range.start;
        self.narrow_until = Some(self.narrow_until.unwrap_or(range.end).max(range.end));
        self.blocks = (blocks / 2).max(1);
        blocks > 1
    }
}

fn grown(blocks: u64, ratio: f64) -> u64 {
    (blocks as f64 * ratio.min(2.0)).ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Duration = Duration::from_millis(250);

    #[test]
    fn a_fast_batch_grows_the_next_at_most_twofold() {
        for (took, expected) in [
            (1, 32),
            (125, 32),
            (200, 20),
            (240, 16),
            (250, 16),
            (300, 16),
            (500, 8),
            (5000, 8),
        ] {
            let mut size = BatchSize::first(false);
            size.committed(&(0..16), Duration::from_millis(took), TARGET);
            assert_eq!(size.blocks(MAX_BLOCKS), expected, "{took} ms");
        }
    }

    #[test]
    fn the_size_stays_within_its_bounds() {
        let mut size = BatchSize::first(false);
        let mut at = 0;
        for _ in 0..30 {
            let range = at..at + size.blocks(MAX_BLOCKS);
            size.committed(&range, Duration::from_millis(1), TARGET);
            at = range.end;
        }
        assert_eq!(size.blocks(MAX_BLOCKS), MAX_BLOCKS);
        for _ in 0..30 {
            size.breached(&(0..size.blocks(MAX_BLOCKS)));
        }
        assert_eq!(size.blocks(MAX_BLOCKS), 1);
    }

    #[test]
    fn a_short_batch_at_the_end_of_a_chunk_does_not_shrink_the_next() {
        let mut size = BatchSize::first(false);
        size.committed(&(0..3), Duration::from_millis(1), TARGET);
        assert_eq!(size.blocks(MAX_BLOCKS), 16);
    }

    #[test]
    fn narrowing_ends_at_one_block_and_nothing_grows_until_the_range_is_passed() {
        let mut size = BatchSize::first(false);
        assert!(size.narrow(&(100..116)));
        assert_eq!(size.blocks(MAX_BLOCKS), 8);
        size.committed(&(100..108), Duration::from_millis(1), TARGET);
        assert_eq!(size.blocks(MAX_BLOCKS), 8, "still narrowing");
        assert!(size.narrow(&(108..116)));
        assert!(size.narrow(&(108..112)));
        assert!(size.narrow(&(108..110)));
        assert!(!size.narrow(&(108..109)), "the block stands alone");
        size.committed(&(115..116), Duration::from_millis(1), TARGET);
        assert_eq!(size.blocks(MAX_BLOCKS), 2, "passed: it grows again");
    }

    #[test]
    fn one_slow_block_gets_more_time_until_a_fast_one_comes() {
        let mut size = BatchSize::first(true);
        assert_eq!(size.statement_timeout(), STATEMENT_TIMEOUT);
        size.be_patient();
        assert_eq!(size.statement_timeout(), PATIENT_TIMEOUT);
        size.committed(&(0..1), Duration::from_secs(3), TARGET);
        assert_eq!(size.statement_timeout(), PATIENT_TIMEOUT);
        size.committed(&(1..2), Duration::from_millis(3), TARGET);
        assert_eq!(size.statement_timeout(), STATEMENT_TIMEOUT);
    }
}
