//! From a sample to the whole table. Pure arithmetic, in ranges, because a sample does not know what else goes on.

use std::time::Duration;

use ledger::plan::Budget;
use serde::Serialize;

/// What an image of a page adds to the log at most.
const PAGE: u64 = 8192;

/// What was measured on the copy.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sample {
    /// Rows of the copy that the batches went through.
    pub rows: u64,
    /// How many of them they changed.
    pub changed: u64,
    /// How many of those stayed on their page, so that no index was written.
    pub hot: u64,
    /// Time the batches took.
    #[serde(serialize_with = "seconds")]
    pub took: Duration,
    /// Write-ahead log of the batches.
    pub wal_bytes: u64,
    /// Pages in it that were logged in full.
    pub full_pages: u64,
    /// By how much the copy grew.
    pub heap_growth: u64,
    /// By how much its indexes grew.
    pub index_growth: u64,
    /// What the new columns hold.
    pub new_bytes: u64,
    /// Whether a batch skips the mirror's function: nothing else writes the table when it does.
    pub alone: bool,
}

/// What the mirror costs a write of the application.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mirror {
    /// The same UPDATE of every row, with it and without, the fastest of a few of each.
    Measured {
        /// The column that was written.
        column: String,
        /// Without the mirror.
        #[serde(serialize_with = "seconds")]
        without: Duration,
        /// With it.
        #[serde(serialize_with = "seconds")]
        with: Duration,
    },
    /// Why there is no figure.
    NotMeasured(String),
}

/// What is known of the whole table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Whole {
    /// The server's estimate.
    pub rows: u64,
    /// The files of its rows.
    pub heap_bytes: u64,
    /// Its indexes.
    pub index_bytes: u64,
    /// Pages are logged in full once after each checkpoint.
    pub full_page_writes: bool,
    /// Triggers of its own, which the copy has not.
    pub triggers: u64,
}

/// From the least to the most that is likely.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Between<T> {
    /// The least.
    pub low: T,
    /// The most.
    pub high: T,
}

/// The whole fill.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// Rows to change.
    pub changed: u64,
    /// Bytes of write-ahead log: without images of pages, and with one of each page that the fill finds.
    pub wal_bytes: Between<u64>,
    /// Seconds with all chunks at once that the budget allows, if that scales, and with one at a time.
    pub seconds: Between<f64>,
    /// Seconds that the job's own limits ask for.
    pub seconds_at_limits: Option<f64>,
    /// Bytes by which table and indexes grow: the new values alone if all freed space is used again, and if none is.
    pub growth: Between<u64>,
    /// How many times as long an UPDATE takes with the mirror.
    pub mirror_ratio: Option<f64>,
}

/// Extrapolates. Whatever a sample is too small for is 0.
#[must_use]
pub fn of(sample: &Sample, mirror: &Mirror, whole: &Whole, budget: &Budget) -> Estimate {
    let scaled = |bytes: u64| (whole.rows as f64 * bytes as f64 / sample.rows.max(1) as f64).round() as u64;
    let changed = scaled(sample.changed);
    let without_images = sample
        .wal_bytes
        .saturating_sub(sample.full_pages.saturating_mul(PAGE));
    let low = scaled(without_images);
    let indexes_written = if sample.hot < sample.changed {
        whole.index_bytes
    } else {
        0
    };
    let images = match (whole.full_page_writes, sample.changed) {
        (false, _) | (_, 0) => 0,
        (true, _) => whole.heap_bytes + indexes_written,
    };
    let one = sample.took.as_secs_f64() * whole.rows as f64 / sample.rows.max(1) as f64;
    let most = scaled(sample.heap_growth + sample.index_growth);
    Estimate {
        changed,
        wal_bytes: Between {
            low,
            high: low + images,
        },
        seconds: Between {
            low: one / f64::from(budget.max_parallel.max(1)),
            high: one,
        },
        seconds_at_limits: at_limits(changed, low, budget),
        growth: Between {
            low: scaled(sample.new_bytes).min(most),
            high: most,
        },
        mirror_ratio: ratio(mirror),
    }
}

fn at_limits(rows: u64, wal_bytes: u64, budget: &Budget) -> Option<f64> {
    let at = |amount: u64, limit: Option<u64>| limit.map(|limit| amount as f64 / limit.max(1) as f64);
    let by_rows = at(rows, budget.max_rows_per_second);
    let by_wal = at(wal_bytes, budget.max_wal_bytes_per_second);
    by_rows.into_iter().chain(by_wal).reduce(f64::max)
}

fn ratio(mirror: &Mirror) -> Option<f64> {
    match mirror {
        Mirror::Measured { without, with, .. } if !without.is_zero() => {
            Some(with.as_secs_f64() / without.as_secs_f64())
        }
        Mirror::Measured { .. } | Mirror::NotMeasured(_) => None,
    }
}

fn seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::example;

    pub(in crate::measure) fn sample() -> Sample {
        Sample {
            rows: 10_000,
            changed: 8_000,
            hot: 100,
            took: Duration::from_millis(500),
            wal_bytes: 4_100_000,
            full_pages: 12,
            heap_growth: 1_600_000,
            index_growth: 200_000,
            new_bytes: 160_000,
            alone: true,
        }
    }

    pub(in crate::measure) fn mirror() -> Mirror {
        Mirror::Measured {
            column: "note".to_owned(),
            without: Duration::from_millis(40),
            with: Duration::from_millis(60),
        }
    }

    pub(in crate::measure) const WHOLE: Whole = Whole {
        rows: 1_000_000,
        heap_bytes: 200_000_000,
        index_bytes: 30_000_000,
        full_page_writes: true,
        triggers: 0,
    };

    pub(in crate::measure) fn budget() -> Budget {
        Budget {
            max_parallel: 4,
            max_rows_per_second: Some(5_000),
            max_wal_bytes_per_second: Some(1_000_000),
            ..example::plan().budget
        }
    }

    #[test]
    fn a_sample_is_scaled_by_the_rows_it_went_through() {
        let estimate = of(&sample(), &mirror(), &WHOLE, &budget());
        let low = (4_100_000 - 12 * 8192) * 100;
        let expected = Estimate {
            changed: 800_000,
            wal_bytes: Between {
                low,
                high: low + 230_000_000,
            },
            seconds: Between {
                low: 12.5,
                high: 50.0,
            },
            seconds_at_limits: Some(low as f64 / 1_000_000.0),
            growth: Between {
                low: 16_000_000,
                high: 180_000_000,
            },
            mirror_ratio: Some(1.5),
        };
        assert_eq!(estimate, expected);
    }

    #[test]
    fn indexes_count_only_where_they_are_written_and_images_only_where_there_are_any() {
        let check = |sample: Sample, whole: Whole, images: u64| {
            let between = of(&sample, &mirror(), &whole, &budget()).wal_bytes;
            assert_eq!(between.high - between.low, images, "{sample:?}");
        };
        let hot = Sample {
            hot: 8_000,
            ..sample()
        };
        check(hot, WHOLE, 200_000_000);
        let none = Sample {
            changed: 0,
            hot: 0,
            ..sample()
        };
        check(none, WHOLE, 0);
        let whole = Whole {
            full_page_writes: false,
            ..WHOLE
        };
        check(sample(), whole, 0);
    }

    #[test]
    fn without_limits_and_without_rows_nothing_is_made_up() {
        let budget = Budget {
            max_rows_per_second: None,
            max_wal_bytes_per_second: None,
            ..budget()
        };
        let nothing = Sample {
            rows: 0,
            changed: 0,
            took: Duration::ZERO,
            wal_bytes: 0,
            ..sample()
        };
        let estimate = of(
            &nothing,
            &Mirror::NotMeasured("no ledger".to_owned()),
            &WHOLE,
            &budget,
        );
        assert_eq!(estimate.seconds_at_limits, None);
        assert_eq!(estimate.mirror_ratio, None);
        assert_eq!(estimate.changed, 0);
        assert!(estimate.seconds.high.abs() < f64::EPSILON);
    }
}
