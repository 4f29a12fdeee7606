//! From ledger rows to what a report is made from.

use std::time::Duration;

use ledger::jobs::Job;
use ledger::status::StageRow;
use ledger::{JobState, Ledger, Stage, StageStatus};
use planner::decide::Machine;

use super::Rowset;
use crate::checklist::{KINDS, Rehearsal};

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
        flags: ledger.flags(job.id).await?,
        closed: ledger.closed(job.id, &job.tag).await?,
        trail: ledger.events_of(job.id, KINDS).await?,
        rehearsal: rehearsal(ledger, &job).await?,
        throttled: ledger
            .pace(job.id)
            .await?
            .map_or(Duration::ZERO, |(_, stopped)| stopped.total),
        verdicts,
        plan,
        job,
    })
}

/// The earlier job of the same spec that was rolled back from furthest.
async fn rehearsal(ledger: &Ledger, job: &Job) -> Result<Option<Rehearsal>, ledger::Error> {
    let mut furthest: Option<Rehearsal> = None;
    for other in ledger.jobs_of_tag(&job.tag).await? {
        let earlier = other.state == JobState::RolledBack && other.created_at < job.created_at;
        if other.id == job.id || !earlier {
            continue;
        }
        let Some(stage) = taken_back(&ledger.stages(other.id).await?) else {
            continue;
        };
        if furthest.as_ref().is_none_or(|f| f.stage < stage) {
            furthest = Some(Rehearsal {
                job: other.id,
                stage,
                at: other.ended_at.unwrap_or(other.updated_at),
            });
        }
    }
    Ok(furthest)
}

/// The last stage that had begun and was taken back; None for a job that had changed nothing, whose way back proves nothing.
fn taken_back(stages: &[StageRow]) -> Option<Stage> {
    stages
        .iter()
        .filter(|s| s.status == StageStatus::Undone && s.started_at.is_some())
        .map(|s| s.name)
        .max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn a_job_that_had_changed_nothing_tests_no_way_back() {
        let stage = |name, status, begun: bool| StageRow {
            name,
            status,
            started_at: begun.then(|| example::time(1)),
            ended_at: None,
        };
        let nothing = [
            stage(Stage::Classify, StageStatus::Done, true),
            stage(Stage::Expand, StageStatus::Undone, false),
        ];
        assert_eq!(taken_back(&nothing), None);
        let filled = [
            stage(Stage::Expand, StageStatus::Undone, true),
            stage(Stage::Backfill, StageStatus::Undone, true),
            stage(Stage::Flip, StageStatus::Undone, false),
        ];
        assert_eq!(taken_back(&filled), Some(Stage::Backfill));
    }
}
