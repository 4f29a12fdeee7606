//! What comes of a demonstration, as `--json` prints it and the table shows it. The field names are an interface.

use ledger::{Stage, StageStatus};
use serde::Serialize;

use crate::checklist::Item;

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer {
    /// In three words.
    pub verdict: &'static str,
    /// What was promised, and how it is known.
    pub promises: Vec<Promise>,
    /// Rows of the table when it was made.
    pub rows: u64,
    /// Rows that are not what they must be: those the whole-table check left, and those read again at the end.
    pub mismatches: u64,
    /// What the application wrote in the first migration.
    pub writes: Writes,
    /// How long its statements took.
    pub latency_ms: Latency,
    /// The six stages of the first migration.
    pub stages: Vec<StageTime>,
    /// Its checklist.
    pub checklist: Vec<Item>,
    /// The second migration.
    pub second: TakenBack,
    /// How long all of it took, without making the rows.
    pub seconds: f64,
}

/// One promise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Promise {
    /// What was promised.
    pub promise: &'static str,
    /// It was kept.
    pub holds: bool,
    /// How that is known.
    pub evidence: String,
}

/// Acknowledged writes, and how many of them the rows still show or have replaced by a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Writes {
    /// Acknowledged.
    pub made: u64,
    /// Found again.
    pub found: u64,
}

/// Milliseconds, by what the migration did meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Latency {
    /// It had not begun.
    pub before: Percentiles,
    /// It was under way.
    pub during: Percentiles,
    /// It was over.
    pub after: Percentiles,
}

/// Milliseconds; null if there was no statement.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Percentiles {
    /// Half of the statements took at most this.
    pub p50: Option<f64>,
    /// All but one in a hundred did.
    pub p99: Option<f64>,
}

/// One stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StageTime {
    /// Which.
    pub name: Stage,
    /// How far.
    pub status: StageStatus,
    /// How long; null if it has not ended.
    pub seconds: Option<f64>,
}

/// The migration that was taken back.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TakenBack {
    /// Where its job is.
    pub state: String,
    /// The schema is what it was before.
    pub schema_equal: bool,
    /// What the application wrote meanwhile.
    pub writes: Writes,
}

impl Answer {
    /// Every promise was kept.
    #[must_use]
    pub fn held(&self) -> bool {
        self.promises.iter().all(|p| p.holds)
    }
}
