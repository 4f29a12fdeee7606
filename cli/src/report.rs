//! The report of a job: one JSON object, or the same for people. Built from ledger rows by a pure function.

mod read;
mod text;
mod writable;

use std::time::Duration;

use ledger::checks::{Outcome, Verdict};
use ledger::events::Entry;
use ledger::flags::Flag;
use ledger::jobs::Job;
use ledger::status::{Counts, StageRow};
use ledger::{JobState, Plan};
pub use read::read;
use serde::Serialize;
pub use text::text;
pub use writable::writable;

use crate::checklist::{Findings, Item, Rehearsal, checklist};
use crate::way_back::{WayBack, way_back};

/// What a job did and what came of it. The field names are an interface.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The job's id.
    pub job: String,
    /// The spec's name.
    pub name: String,
    /// The target's name.
    pub target: String,
    /// The plan it ran.
    pub plan: String,
    /// Where it is.
    pub state: String,
    /// Why it waits or was held.
    pub reason: Option<String>,
    /// The six stages.
    pub stages: Vec<StageRow>,
    /// Rows.
    pub rows: Rows,
    /// Chunks.
    pub chunks: Chunks,
    /// How long signals stopped it.
    pub throttled_seconds: f64,
    /// `proceed`, `hold` or `roll-back`; the worst over its tables; null before one is issued.
    pub verdict: Option<&'static str>,
    /// Why, one sentence a table.
    pub verdict_reasons: Vec<String>,
    /// Which side is the truth: `old` or `new`.
    pub authority: String,
    /// The flags that the application follows.
    pub flags: Vec<Flag>,
    /// Whether it can still be taken back; null once it was.
    pub way_back: Option<WayBack>,
    /// The final checklist.
    pub checklist: Vec<Item>,
}

/// Counts of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Rows {
    /// Read by the last whole-table check.
    pub total: u64,
    /// Changed by batches, over every sweep.
    pub changed: u64,
    /// Found wrong and not resolved.
    pub mismatched: u64,
    /// Set aside by the triggers and not resolved.
    pub quarantined: u64,
}

/// Counts of chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Chunks {
    /// Made, without those that were abandoned.
    pub total: u64,
    /// Batches repeated and chunks taken over.
    pub retried: u64,
}

/// The rows a report is made from.
#[derive(Clone, Debug)]
pub struct Rowset {
    /// The job.
    pub job: Job,
    /// Its plan.
    pub plan: Plan,
    /// Its stages.
    pub stages: Vec<StageRow>,
    /// Its counts.
    pub counts: Counts,
    /// The verdict on each fill, in the last round.
    pub verdicts: Vec<Option<Verdict>>,
    /// Gates with who opened them.
    pub approvals: Vec<(String, String)>,
    /// Its flags.
    pub flags: Vec<Flag>,
    /// Rows for which the way back is closed.
    pub closed: u64,
    /// What the checklist reads of the audit trail.
    pub trail: Vec<Entry>,
    /// How the way back was used before.
    pub rehearsal: Option<Rehearsal>,
    /// How long signals stopped it.
    pub throttled: Duration,
}

/// Builds the report.
#[must_use]
pub fn report(rows: &Rowset) -> Report {
    let found = Findings {
        plan: &rows.plan,
        state: rows.job.state,
        stages: &rows.stages,
        counts: &rows.counts,
        verdicts: &rows.verdicts,
        approvals: &rows.approvals,
        trail: &rows.trail,
        rehearsal: rows.rehearsal.as_ref(),
        throttled: rows.throttled,
    };
    // What was right before the job was taken back says nothing of the table that is there now.
    let verdicts = match rows.job.state {
        JobState::RolledBack => &[],
        _ => rows.verdicts.as_slice(),
    };
    Report {
        job: rows.job.id.to_string(),
        name: rows.job.name.clone(),
        target: rows.job.target.to_string(),
        plan: rows.job.plan_hash.to_string(),
        state: rows.job.state.to_string(),
        reason: rows.job.reason.clone(),
        stages: rows.stages.clone(),
        rows: Rows {
            total: rows.counts.rows_checked,
            changed: rows.counts.rows_changed,
            mismatched: rows.counts.rows_mismatched,
            quarantined: rows.counts.rows_quarantined,
        },
        chunks: Chunks {
            total: rows.counts.chunks_total,
            retried: rows.counts.retried,
        },
        throttled_seconds: (rows.throttled.as_secs_f64() * 1000.0).round() / 1000.0,
        verdict: worst(verdicts),
        verdict_reasons: verdicts.iter().flatten().map(|v| v.why.clone()).collect(),
        authority: rows.job.authority.as_str().to_owned(),
        flags: rows.flags.clone(),
        way_back: way_back(&rows.job, &rows.plan, rows.closed),
        checklist: checklist(&found),
    }
}

/// A table without a verdict keeps the job from having one, unless another one is already bad.
fn worst(verdicts: &[Option<Verdict>]) -> Option<&'static str> {
    let any = |outcome| verdicts.iter().flatten().any(|v| v.outcome == outcome);
    if any(Outcome::RollBack) {
        Some("roll-back")
    } else if any(Outcome::Hold) {
        Some("hold")
    } else if !verdicts.is_empty() && verdicts.iter().all(Option::is_some) {
        Some("proceed")
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
