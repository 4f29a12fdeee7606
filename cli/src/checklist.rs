//! The final checklist of a careful migration: six items, each holds with its evidence, or does not.
//!
//! Honest by construction: an item that this build cannot bring about says so in its evidence and does not hold.
//! What would break it: an item that holds because nothing was looked at.

use ledger::checks::{Outcome, Verdict};
use ledger::plan::{Phase, RiskLevel};
use ledger::status::{Counts, StageRow};
use ledger::{JobState, Plan, Stage, StageStatus};
use serde::Serialize;
use shared::units::{format_count, format_duration};
use std::time::Duration;

/// One item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Item {
    /// What a careful migration does.
    pub item: &'static str,
    /// It was done here.
    pub holds: bool,
    /// How that is known, or what is missing.
    pub evidence: String,
}

/// What the ledger says, as far as the checklist asks.
#[derive(Clone, Copy, Debug)]
pub struct Findings<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Where the job is.
    pub state: JobState,
    /// Its stages.
    pub stages: &'a [StageRow],
    /// Its counts.
    pub counts: &'a Counts,
    /// The verdict on each fill in the last round; None: not issued.
    pub verdicts: &'a [Option<Verdict>],
    /// Gates with who opened them.
    pub approvals: &'a [(String, String)],
    /// How long a signal stopped it.
    pub throttled: Duration,
}

/// The six items, in the order of a job's life.
#[must_use]
pub fn checklist(found: &Findings<'_>) -> Vec<Item> {
    vec![
        classified(found),
        additive(found),
        filled(found),
        flipped(),
        contracted(),
        watched(found),
    ]
}

impl Findings<'_> {
    fn is_done(&self, stage: Stage) -> bool {
        self.stages
            .iter()
            .any(|s| s.name == stage && s.status == StageStatus::Done)
    }

    fn status(&self, stage: Stage) -> &'static str {
        self.stages
            .iter()
            .find(|s| s.name == stage)
            .map_or("not recorded", |s| s.status.as_str())
    }
}

fn classified(found: &Findings<'_>) -> Item {
    let plan = found.plan;
    let unknown = plan
        .steps
        .iter()
        .filter(|s| s.risk.level == RiskLevel::Unknown)
        .count();
    let forward = plan
        .steps
        .iter()
        .filter(|s| matches!(s.phase, Phase::Expand | Phase::Finish))
        .count();
    let back = plan.steps.len() - forward;
    let approvals: Vec<String> = found
        .approvals
        .iter()
        .map(|(gate, who)| format!("gate {gate} opened by {who}"))
        .collect();
    let mut evidence = format!(
        "stage classify is {}; {forward} steps forward and {back} back have their lock and risk, {unknown} of them unknown",
        found.status(Stage::Classify)
    );
    if !approvals.is_empty() {
        evidence.push_str(&format!("; {}", approvals.join(", ")));
    }
    evidence.push_str("; the contract is not built yet, so the plan has no path to it");
    Item {
        item: "classified, with a clear expand and contract path",
        // Half of the item: until plans contain their contract, there is no path to be clear about.
        holds: false,
        evidence,
    }
}

fn additive(found: &Findings<'_>) -> Item {
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

fn filled(found: &Findings<'_>) -> Item {
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

fn flipped() -> Item {
    Item {
        item: "cut-over sequenced by flags",
        holds: false,
        evidence: "flip is not built yet: reads and writes still use the old side".to_owned(),
    }
}

fn contracted() -> Item {
    Item {
        item: "contract only after references are gone",
        holds: false,
        evidence: "contract is not built yet: nothing was dropped, and no proof of no use was gathered"
            .to_owned(),
    }
}

fn watched(found: &Findings<'_>) -> Item {
    let rollback = match found.state {
        JobState::RolledBack => "this job was rolled back, so its way back works",
        _ => "the way back is compiled, and this job did not use it",
    };
    Item {
        item: "monitoring and rollback tested",
        holds: false,
        evidence: format!("watching after the drop is not built yet; {rollback}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    fn stages(done: &[Stage]) -> Vec<StageRow> {
        Stage::ALL
            .iter()
            .map(|name| StageRow {
                name: *name,
                status: if done.contains(name) {
                    StageStatus::Done
                } else {
                    StageStatus::Pending
                },
                started_at: None,
                ended_at: None,
            })
            .collect()
    }

    fn holding(state: JobState, done: &[Stage], verdict: Option<Outcome>) -> Vec<bool> {
        let (plan, stages) = (example::plan(), stages(done));
        let verdict = verdict.map(|outcome| Verdict {
            outcome,
            rows_checked: 9,
            rows_mismatched: 0,
            why: "looked".to_owned(),
        });
        let found = Findings {
            plan: &plan,
            state,
            stages: &stages,
            counts: &Counts::default(),
            verdicts: &[verdict],
            approvals: &[],
            throttled: Duration::ZERO,
        };
        checklist(&found).iter().map(|item| item.holds).collect()
    }

    #[test]
    fn an_item_holds_only_when_its_stage_ended_and_its_verdict_says_so() {
        let all = [Stage::Classify, Stage::Expand, Stage::Backfill];
        assert_eq!(holding(JobState::Submitted, &[], None), [false; 6]);
        assert_eq!(
            holding(JobState::Backfilling, &all[..2], None),
            [false, true, false, false, false, false]
        );
        assert_eq!(
            holding(JobState::Verified, &all, Some(Outcome::Proceed)),
            [false, true, true, false, false, false]
        );
        assert_eq!(
            holding(JobState::Held, &all, Some(Outcome::Hold)),
            [false, true, false, false, false, false]
        );
    }

    #[test]
    fn nothing_holds_because_nothing_was_looked_at() {
        let mut plan = example::plan();
        plan.fills.clear();
        plan.steps[0].risk.level = RiskLevel::Unknown;
        let stages = stages(&[Stage::Classify, Stage::Expand, Stage::Backfill]);
        let found = Findings {
            plan: &plan,
            state: JobState::Verified,
            stages: &stages,
            counts: &Counts::default(),
            verdicts: &[],
            approvals: &[],
            throttled: Duration::ZERO,
        };
        let items = checklist(&found);
        assert!(items.iter().all(|item| !item.holds), "{items:?}");
        assert!(items[1].evidence.contains("raw SQL") && items[2].evidence.contains("nothing was verified"));
    }

    #[test]
    fn what_is_not_built_says_so() {
        let plan = example::plan();
        let found = Findings {
            plan: &plan,
            state: JobState::Verified,
            stages: &[],
            counts: &Counts::default(),
            verdicts: &[],
            approvals: &[],
            throttled: Duration::ZERO,
        };
        for item in &checklist(&found)[3..] {
            assert!(!item.holds && item.evidence.contains("not built yet"), "{item:?}");
        }
    }
}
