//! How long a statement's work takes, from the size of its tables: an order of magnitude, as a range.
//!
//! The rates are measured on PostgreSQL 15 (2 cores, shared buffers of 2 GB) with 10 million rows of 149 bytes; the slow end is that of a cold disk.
//! What would break it: a table whose rows are mostly dead, or a disk that is slower than 100 MB/s.

use super::model::{Outcome, Work, WorkKind};
use crate::{Facts, Seconds};

/// Bytes read in a second: from a cold disk, and as measured in memory with two workers (4.3 million rows a second).
const SCAN: (f64, f64) = (100e6, 640e6);

/// Bytes of a table that an index is built over in a second: read, sorted, written.
const BUILD_INDEX: (f64, f64) = (20e6, 150e6);

/// Bytes written anew in a second, table and indexes together: as one UPDATE of all rows writes them (141,000 rows a second), and what a copy without
/// the old versions and the log can reach.
const REWRITE: (f64, f64) = (20e6, 150e6);

/// A change of the catalog alone, in seconds, with its commit.
const CATALOG: Seconds = Seconds {
    low: 0.001,
    high: 0.05,
};

/// How long the strongest lock is held; None: the database was not asked, nothing is locked, or a table is not known.
pub(crate) fn held(outcome: &Outcome, facts: Option<&Facts>) -> Option<Seconds> {
    if outcome.effect.locks.is_empty() {
        return None;
    }
    let work = work(outcome, facts)?;
    Some(Seconds {
        low: CATALOG.low + work.low,
        high: CATALOG.high + work.high,
    })
}

/// The work alone; None likewise.
pub(crate) fn work(outcome: &Outcome, facts: Option<&Facts>) -> Option<Seconds> {
    let facts = facts?;
    let each: Option<Vec<Seconds>> = outcome.work.iter().map(|work| one(work, facts)).collect();
    let sum = |total: Seconds, one: Seconds| Seconds {
        low: total.low + one.low,
        high: total.high + one.high,
    };
    each.map(|all| all.into_iter().fold(Seconds { low: 0.0, high: 0.0 }, sum))
}

fn one(work: &Work, facts: &Facts) -> Option<Seconds> {
    let table = facts.tables.get(work.table.as_ref()?)?;
    let (bytes, (slow, fast)) = match work.kind {
        WorkKind::Scan => (table.bytes, SCAN),
        WorkKind::BuildIndex => (table.bytes, BUILD_INDEX),
        WorkKind::Rewrite => (table.bytes.saturating_add(table.index_bytes), REWRITE),
    };
    // Sizes are far below where a float loses bytes that matter.
    let bytes = bytes as f64;
    Some(Seconds {
        low: bytes / fast,
        high: bytes / slow,
    })
}
