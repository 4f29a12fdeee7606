//! The items up to the verified table: what was known before, what was added, what was filled.

use ledger::Stage;
use ledger::checks::Outcome;
use ledger::plan::{Phase, RiskLevel};
use shared::units::{format_count, format_duration};

use super::cutover::why_nothing_is_dropped;
use super::{Findings, Item};

pub(super) fn classified(found: &Findings<'_>) -> Item {
    let plan = found.plan;
    let unknown = plan
        .steps
        .iter()
        .filter(|s| s.risk.level == RiskLevel::Unknown)
        .count();
    let forward = plan.steps.iter().filter(|s| s.phase.is_forward()).count();
    let back = plan.steps.len() - forward;
    let mut evidence = format!(
        "stage classify is {}; {forward} steps forward and {back} back have their lock and risk, {unknown} of them unknown",
        found.status(Stage::Classify)
    );
    for (gate, who) in found.approvals {
        evidence.push_str(&format!("; gate {gate} opened by {who}"));
    }
    evidence.push_str(&match &plan.contract {
        Some(contract) => format!("; the contract drops {}", contract.drops.join(", ")),
        None => format!("; {}", why_nothing_is_dropped(plan)),
    });
    Item {
        item: "classified, with a clear expand and contract path",
        holds: found.is_done(Stage::Classify) && unknown == 0,
        evidence,
    }
}

pub(super) fn additive(found: &Findings<'_>) -> Item {
    let steps: Vec<&str> = found
        .plan
        .steps_of(Phase::Expand)
        .map(|s| s.title.as_str())
        .collect();
    let unknown = found
        .plan
        .steps_of(Phase::Expand)
        .filter(|s| s.risk.level == RiskLevel::Unknown)
        .count();
    let mut evidence = format!(
        "stage expand is {}; its steps: {}",
        found.status(Stage::Expand),
        if steps.is_empty() {
            "none".to_owned()
        } else {
            steps.join("; ")
        }
    );
    if unknown > 0 {
        evidence.push_str(&format!(
            "; {unknown} of them are raw SQL, and nobody knows that it only adds"
        ));
    }
    Item {
        item: "additive before dependent code",
        holds: found.is_done(Stage::Expand) && unknown == 0,
        evidence,
    }
}

pub(super) fn filled(found: &Findings<'_>) -> Item {
    let counts = found.counts;
    let proceeds = !found.verdicts.is_empty()
        && found
            .verdicts
            .iter()
            .all(|v| v.as_ref().is_some_and(|v| v.outcome == Outcome::Proceed));
    let why: Vec<&str> = found.verdicts.iter().flatten().map(|v| v.why.as_str()).collect();
    let rows = found
        .plan
        .budget
        .max_rows_per_second
        .map_or("rows/s not limited".to_owned(), |r| {
            format!("at most {} rows/s", format_count(r))
        });
    let mut evidence = format!(
        "{} rows changed by {} chunks under a planned budget of {} in flight and {rows}, stopped by signals for {}; \
         the whole-table check read {} rows, {} wrong, {} in quarantine",
        format_count(counts.rows_changed),
        format_count(counts.chunks_total),
        found.plan.budget.max_parallel,
        format_duration(found.throttled),
        format_count(counts.rows_checked),
        format_count(counts.rows_mismatched),
        format_count(counts.rows_quarantined),
    );
    if found.verdicts.is_empty() {
        evidence.push_str("; the plan fills no table, so nothing was verified");
    }
    if !why.is_empty() {
        evidence.push_str(&format!("; verdict: {}", why.join("; ")));
    }
    Item {
        item: "backfill throttled and verified",
        holds: found.is_done(Stage::Backfill) && proceeds && counts.rows_mismatched == 0,
        evidence,
    }
}
