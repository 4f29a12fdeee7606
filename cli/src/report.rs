//! The report of a job: one JSON object, or the same for people. Built from ledger rows by a pure function.

use std::time::Duration;

use ledger::checks::{Outcome, Verdict};
use ledger::jobs::Job;
use ledger::status::{Counts, StageRow};
use ledger::{Ledger, Plan};
use planner::decide::Machine;
use serde::Serialize;
use shared::units::{format_count, format_duration};

use crate::checklist::{Findings, Item, checklist};

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
    /// How long signals stopped it.
    pub throttled: Duration,
}

/// Reads what a report needs.
///
/// # Errors
/// What the ledger says.
pub async fn read(ledger: &Ledger, job: Job) -> Result<Rowset, ledger::Error> {
    let plan = ledger.plan(&job.plan_hash).await?;
    let machine: Machine =
        serde_json::from_value(job.machine.clone()).map_err(|source| ledger::Error::Document {
            what: "machine",
            source,
        })?;
    let mut verdicts = Vec::new();
    for fill in &plan.fills {
        verdicts.push(ledger.verdict(job.id, fill.id, machine.check_round).await?);
    }
    Ok(Rowset {
        stages: ledger.stages(job.id).await?,
        counts: ledger.counts(&job).await?,
        approvals: ledger.approvals(job.id).await?,
        throttled: ledger
            .pace(job.id)
            .await?
            .map_or(Duration::ZERO, |(_, stopped)| stopped),
        verdicts,
        plan,
        job,
    })
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
        throttled: rows.throttled,
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
        verdict: worst(&rows.verdicts),
        verdict_reasons: rows.verdicts.iter().flatten().map(|v| v.why.clone()).collect(),
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

/// The report for people.
#[must_use]
pub fn text(report: &Report) -> String {
    let mut out = format!(
        "{} ({}) on {}: {}\n",
        report.name, report.job, report.target, report.state
    );
    if let Some(reason) = &report.reason {
        out.push_str(&format!("  {reason}\n"));
    }
    let rows = &report.rows;
    out.push_str(&format!(
        "rows: {} checked, {} changed, {} wrong, {} in quarantine\nchunks: {}, {} retries; throttled for {}\n",
        format_count(rows.total),
        format_count(rows.changed),
        format_count(rows.mismatched),
        format_count(rows.quarantined),
        format_count(report.chunks.total),
        format_count(report.chunks.retried),
        format_duration(Duration::from_secs_f64(report.throttled_seconds.max(0.0))),
    ));
    out.push_str(&format!("verdict: {}\n", report.verdict.unwrap_or("none yet")));
    for why in &report.verdict_reasons {
        out.push_str(&format!("  {why}\n"));
    }
    out.push_str("checklist:\n");
    for item in &report.checklist {
        let mark = if item.holds { "holds" } else { "  not" };
        out.push_str(&format!("  {mark}  {}\n         {}\n", item.item, item.evidence));
    }
    out
}

#[cfg(test)]
mod tests {
    use ledger::{JobState, Stage, StageStatus};

    use super::*;
    use crate::example;

    fn rows() -> Rowset {
        let stage = |name, status| StageRow {
            name,
            status,
            started_at: Some(example::time(1)),
            ended_at: None,
        };
        Rowset {
            job: example::job(JobState::Verified),
            plan: example::plan(),
            stages: vec![
                stage(Stage::Classify, StageStatus::Done),
                stage(Stage::Expand, StageStatus::Done),
                stage(Stage::Backfill, StageStatus::Done),
            ],
            counts: Counts {
                chunks_total: 4,
                retried: 1,
                rows_changed: 3_500,
                rows_checked: 3_503,
                ..Counts::default()
            },
            verdicts: vec![Some(Verdict {
                outcome: Outcome::Proceed,
                rows_checked: 3_503,
                rows_mismatched: 0,
                why: "every row is right".to_owned(),
            })],
            approvals: Vec::new(),
            throttled: Duration::from_millis(1_234),
        }
    }

    #[test]
    fn the_object_has_the_keys_that_programs_read() {
        let value = serde_json::to_value(report(&rows())).unwrap();
        assert_eq!(value["job"], "01890a5d-ac96-774b-bcce-b302099a8057");
        assert_eq!(value["state"], "verified");
        assert_eq!(
            value["stages"][0],
            serde_json::json!({ "name": "classify", "status": "done", "started_at": "2026-01-01T00:00:01Z", "ended_at": null })
        );
        assert_eq!(
            value["rows"],
            serde_json::json!({ "total": 3503, "changed": 3500, "mismatched": 0, "quarantined": 0 })
        );
        assert_eq!(value["chunks"], serde_json::json!({ "total": 4, "retried": 1 }));
        assert_eq!(value["throttled_seconds"], 1.234);
        assert_eq!(value["verdict"], "proceed");
        assert_eq!(value["checklist"].as_array().unwrap().len(), 6);
        for key in ["item", "holds", "evidence"] {
            assert!(value["checklist"][0].get(key).is_some(), "{key}");
        }
    }

    #[test]
    fn the_worst_verdict_stands_and_a_missing_one_is_no_verdict() {
        let verdict = |outcome| {
            Some(Verdict {
                outcome,
                rows_checked: 1,
                rows_mismatched: 0,
                why: String::new(),
            })
        };
        assert_eq!(
            worst(&[verdict(Outcome::Proceed), verdict(Outcome::Hold)]),
            Some("hold")
        );
        assert_eq!(worst(&[verdict(Outcome::Proceed), None]), None);
        assert_eq!(worst(&[None, verdict(Outcome::RollBack)]), Some("roll-back"));
        assert_eq!(worst(&[]), None);
    }

    #[test]
    fn the_text_says_what_holds_and_what_does_not() {
        let text = text(&report(&rows()));
        let head: Vec<&str> = text.lines().take(5).collect();
        assert_eq!(
            head,
            [
                "track-seconds (01890a5d-ac96-774b-bcce-b302099a8057) on main: verified",
                "rows: 3,503 checked, 3,500 changed, 0 wrong, 0 in quarantine",
                "chunks: 4, 1 retries; throttled for 1.2s",
                "verdict: proceed",
                "  every row is right",
            ]
        );
        assert_eq!(text.matches("holds  ").count(), 2, "{text}");
        assert_eq!(text.matches("not  ").count(), 4, "{text}");
    }
}
