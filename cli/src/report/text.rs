//! The report for people.

use std::time::Duration;

use ledger::JobState;
use shared::units::{format_count, format_duration};

use super::Report;
use crate::paint::{Tone, painted};

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
    let none = if report.state == JobState::RolledBack.as_str() {
        "none: the job was rolled back"
    } else {
        "none yet"
    };
    out.push_str(&format!("verdict: {}\n", report.verdict.unwrap_or(none)));
    for why in &report.verdict_reasons {
        out.push_str(&format!("  {why}\n"));
    }
    out.push_str(&cutover(report));
    out.push_str("checklist:\n");
    for item in &report.checklist {
        let mark = if item.holds {
            painted(Tone::Good, "holds")
        } else {
            painted(Tone::Waits, "  not")
        };
        out.push_str(&format!("  {mark}  {}\n         {}\n", item.item, item.evidence));
    }
    out
}

fn cutover(report: &Report) -> String {
    let mut line = format!("authority: {}", report.authority);
    for flag in &report.flags {
        line.push_str(&format!("; {} at {} %", flag.name, flag.percentage));
    }
    if let Some(way) = &report.way_back {
        line.push_str(&format!("\nway back: {}", way.words()));
    }
    line.push('\n');
    line
}
