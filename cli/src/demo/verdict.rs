//! What a demonstration proves: a promise holds if what was read again at the end says so. Pure.
//! What is told of it is an [`Answer`].
//!
//! What would break it: a promise that holds because nothing happened. So an application that made no write breaks one.

mod answer;

use std::time::Duration;

use ledger::StageStatus;
use ledger::status::StageRow;
use shared::units::format_count;

use super::ground::Untouched;
use crate::report::Report;
use crate::traffic::{self, Histogram, Latencies, Phase};

pub use answer::{Answer, Latency, Percentiles, Promise, StageTime, TakenBack, Writes};

/// Everything that was seen.
#[derive(Clone, Debug)]
pub struct Findings {
    /// Rows that were made.
    pub rows: u64,
    /// From the application's first statement to the last comparison.
    pub took: Duration,
    /// The first migration.
    pub first: First,
    /// The second one.
    pub second: Second,
}

/// The migration that went through.
#[derive(Clone, Debug)]
pub struct First {
    /// Its report.
    pub report: Report,
    /// What the application did meanwhile.
    pub application: Application,
    /// The rows it left alone.
    pub untouched: Untouched,
    /// How long its statements took.
    pub latencies: Latencies,
}

/// The migration that was taken back.
#[derive(Clone, Debug)]
pub struct Second {
    /// Where it is.
    pub state: String,
    /// That is where it should be.
    pub is_back: bool,
    /// The schema is what it was before.
    pub schema_equal: bool,
    /// What the application did meanwhile.
    pub application: Application,
    /// The rows that neither application touched.
    pub untouched: Untouched,
}

/// What the application did, and what was found of it.
#[derive(Clone, Debug, Default)]
pub struct Application {
    /// Statements that were acknowledged, reads among them.
    pub statements: u64,
    /// How many of them read or wrote the new column.
    pub on_new: u64,
    /// Writes that were acknowledged.
    pub writes: u64,
    /// Statements that failed, missed their row, or read what was not the last write; one sentence each.
    pub failed: Vec<String>,
    /// Rows that it wrote.
    pub touched: u64,
    /// Rows among them that do not hold their last acknowledged write; one sentence each.
    pub lost: Vec<String>,
}

impl Application {
    /// Adds a release.
    pub fn add(&mut self, report: &traffic::Report, lost: Vec<String>) {
        self.statements += report.total();
        self.on_new += report.on_new;
        self.writes += report.writes();
        self.failed.extend(report.errors.iter().cloned());
        self.touched += report.model.len() as u64;
        self.lost.extend(lost);
    }

    fn writes(&self) -> Writes {
        Writes {
            made: self.writes,
            // Each row that is not right has lost at least its last write.
            found: self.writes.saturating_sub(self.lost.len() as u64),
        }
    }
}

/// Judges.
#[must_use]
pub fn answer(found: &Findings) -> Answer {
    let promises = promises(found);
    let held = promises.iter().all(|p| p.holds);
    let at = |phase| percentiles(found.first.latencies.of(phase));
    Answer {
        verdict: if held {
            "every promise held"
        } else {
            "not every promise held"
        },
        promises,
        rows: found.rows,
        mismatches: mismatches(found),
        writes: found.first.application.writes(),
        latency_ms: Latency {
            before: at(Phase::Before),
            during: at(Phase::During),
            after: at(Phase::After),
        },
        stages: found.first.report.stages.iter().map(stage_time).collect(),
        checklist: found.first.report.checklist.clone(),
        second: TakenBack {
            state: found.second.state.clone(),
            schema_equal: found.second.schema_equal,
            writes: found.second.application.writes(),
        },
        seconds: rounded(found.took.as_secs_f64()),
    }
}

fn promises(found: &Findings) -> Vec<Promise> {
    let (first, second) = (&found.first, &found.second);
    let rows = &first.report.rows;
    let done = first
        .report
        .stages
        .iter()
        .filter(|s| s.status == StageStatus::Done)
        .count();
    let both = [&first.application, &second.application];
    vec![
        Promise {
            promise: "all six stages were gone through",
            holds: done == 6 && first.report.state == "done",
            evidence: format!("{done} stages are done, the job is {}", first.report.state),
        },
        Promise {
            promise: "every row was filled, and checked before anything moved",
            holds: rows.total >= found.rows && rows.mismatched == 0 && rows.quarantined == 0,
            evidence: format!(
                "{} rows checked, {} wrong, {} set aside",
                format_count(rows.total),
                format_count(rows.mismatched),
                format_count(rows.quarantined)
            ),
        },
        Promise {
            promise: "rows that the application left alone are as they were made",
            holds: [first.untouched, second.untouched].iter().all(|u| wrong(*u) == 0),
            evidence: [first.untouched, second.untouched].map(compared).join("; then "),
        },
        Promise {
            promise: "the application moved over while it worked",
            holds: both.iter().all(|a| a.on_new > 0),
            evidence: format!(
                "{} of its statements used the new column; then {} used the one that was taken back",
                format_count(first.application.on_new),
                format_count(second.application.on_new)
            ),
        },
        Promise {
            promise: "no write was lost",
            holds: both.iter().all(|a| a.lost.is_empty() && a.writes > 0),
            evidence: both.map(lost).join("; then "),
        },
        Promise {
            promise: "no statement failed, and no read was stale",
            holds: both.iter().all(|a| a.failed.is_empty()),
            evidence: both.map(failed).join("; then "),
        },
        Promise {
            promise: "the way back leads to where it began",
            holds: second.is_back && second.schema_equal,
            evidence: format!(
                "the second migration is {}, and the schema is {} it was before",
                second.state,
                if second.schema_equal { "what" } else { "NOT what" }
            ),
        },
    ]
}

fn mismatches(found: &Findings) -> u64 {
    let rows = &found.first.report.rows;
    let lost = found.first.application.lost.len() as u64;
    rows.mismatched + rows.quarantined + wrong(found.first.untouched) + lost
}

fn wrong(rows: Untouched) -> u64 {
    rows.expected.abs_diff(rows.right) + rows.strangers
}

fn compared(rows: Untouched) -> String {
    format!(
        "{} rows compared with how they were made, {} differ",
        format_count(rows.expected),
        format_count(wrong(rows))
    )
}

fn lost(application: &Application) -> String {
    let text = format!(
        "{} writes to {} rows, {} rows not as last written",
        format_count(application.writes),
        format_count(application.touched),
        format_count(application.lost.len() as u64)
    );
    with_first(text, &application.lost)
}

fn failed(application: &Application) -> String {
    let text = format!(
        "{} statements acknowledged, {} not",
        format_count(application.statements),
        format_count(application.failed.len() as u64)
    );
    with_first(text, &application.failed)
}

fn with_first(text: String, faults: &[String]) -> String {
    match faults.first() {
        Some(fault) => format!("{text} (the first: {fault})"),
        None => text,
    }
}

fn percentiles(histogram: &Histogram) -> Percentiles {
    let at = |percent| {
        histogram
            .percentile(percent)
            .map(|p| rounded(p.as_secs_f64() * 1000.0))
    };
    Percentiles {
        p50: at(50),
        p99: at(99),
    }
}

fn stage_time(row: &StageRow) -> StageTime {
    let times = row.started_at.zip(row.ended_at);
    StageTime {
        name: row.name,
        status: row.status,
        seconds: times.map(|(from, to)| rounded(to.duration_since(from).as_secs_f64())),
    }
}

fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
pub(super) mod tests;
