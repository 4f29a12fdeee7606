//! How long statements took, by the part of the demonstration that they began in.
//!
//! A histogram of fixed size: below 32 µs each microsecond has its own bucket, above that each power of two has
//! sixteen. So a percentile is at most a sixteenth too high, whatever the load and however long it lasts, and
//! the histograms of all writers add up exactly. A vector of samples would need a choice of what to forget.

use std::time::Duration;

/// What the migration does while a statement begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// It has not begun.
    #[default]
    Before,
    /// It is under way.
    During,
    /// It is over.
    After,
}

/// One histogram a phase.
#[derive(Clone, Debug, Default)]
pub struct Latencies {
    before: Histogram,
    during: Histogram,
    after: Histogram,
}

/// Counts by duration.
#[derive(Clone, Debug)]
pub struct Histogram {
    buckets: Vec<u64>,
}

/// Values below this have a bucket each.
const EXACT: u64 = 32;
/// Buckets of each power of two above.
const PARTS: u64 = 16;
/// From 2^5 to 2^63 microseconds.
const BUCKETS: usize = (EXACT + (63 - 4) * PARTS) as usize;

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: vec![0; BUCKETS],
        }
    }
}

impl Histogram {
    /// Counts one.
    pub fn record(&mut self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.buckets[bucket(micros)] += 1;
    }

    /// How many were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// The upper end of the bucket in which this percentile lies; None if nothing was counted.
    #[must_use]
    pub fn percentile(&self, percent: u64) -> Option<Duration> {
        let count = self.count();
        let rank = (count * percent).div_ceil(100).max(1);
        let mut seen = 0;
        let place = self.buckets.iter().position(|n| {
            seen += n;
            seen >= rank
        })?;
        Some(Duration::from_micros(upper_end(place)))
    }

    fn absorb(&mut self, other: &Self) {
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine += theirs;
        }
    }
}

impl Latencies {
    /// The histogram of a phase.
    #[must_use]
    pub fn of(&self, phase: Phase) -> &Histogram {
        match phase {
            Phase::Before => &self.before,
            Phase::During => &self.during,
            Phase::After => &self.after,
        }
    }

    /// Counts one statement.
    pub(super) fn record(&mut self, phase: Phase, took: Duration) {
        let histogram = match phase {
            Phase::Before => &mut self.before,
            Phase::During => &mut self.during,
            Phase::After => &mut self.after,
        };
        histogram.record(took);
    }

    /// Adds what another one counted.
    pub fn absorb(&mut self, other: &Self) {
        self.before.absorb(&other.before);
        self.during.absorb(&other.during);
        self.after.absorb(&other.after);
    }
}

fn bucket(micros: u64) -> usize {
    if micros < EXACT {
        return micros as usize;
    }
    let power = u64::from(micros.ilog2());
    let part = (micros >> (power - 4)) % PARTS;
    (EXACT + (power - 5) * PARTS + part) as usize
}

/// The largest value of a bucket.
fn upper_end(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < EXACT {
        return bucket;
    }
    let (power, part) = ((bucket - EXACT) / PARTS + 5, (bucket - EXACT) % PARTS);
    // The last bucket of all ends at the largest value there is.
    let begin = u128::from(PARTS + part) << (power - 4);
    u64::try_from(begin + (1 << (power - 4)) - 1).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_in_a_bucket_that_ends_at_most_a_sixteenth_above_it() {
        let mut last = 0;
        for power in 0..64 {
            for value in [1_u64 << power, (1 << power) + (1 << power) / 3] {
                let place = bucket(value);
                let end = upper_end(place);
                assert!(place >= last && place < BUCKETS, "{value} is in {place}");
                assert!(end >= value && end - value <= value / 16, "{value} ends at {end}");
                last = place;
            }
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn percentiles_are_those_of_all_writers_together() {
        let (mut one, mut two) = (Latencies::default(), Latencies::default());
        for millis in 1..=99 {
            one.record(Phase::During, Duration::from_millis(millis));
        }
        two.record(Phase::During, Duration::from_secs(7));
        two.record(Phase::After, Duration::from_millis(3));
        one.absorb(&two);
        let during = one.of(Phase::During);
        let at = |percent| during.percentile(percent).map(|p| p.as_millis());
        assert_eq!(during.count(), 100);
        assert!((50..54).contains(&at(50).unwrap()), "{:?}", at(50));
        assert!((99..106).contains(&at(99).unwrap()), "{:?}", at(99));
        assert!(at(100).unwrap() >= 7000);
        assert_eq!(one.of(Phase::Before).percentile(50), None);
    }
}
