//! From ledger rows to the status object.

use std::time::Duration;

use jiff::Timestamp;
use ledger::jobs::Job;
use ledger::status::{Counts, StageRow};
use ledger::{JobState, Ledger, Plan, Stage, StageStatus};
use planner::decide::Machine;

use super::keys;
use super::model::{
    ChunkCounts, CommandLine, EventLine, FailedLine, GateLine, GivenBackLine, JobHead, MismatchLine,
    PaceLine, Progress, QuarantineLine, SignalLine, Status, WorkerLine,
};
use crate::eta;
use crate::place::Place;

/// Rows of each kind that are shown; `--json` has no more either, the ledger has all.
const SHOWN: i64 = 50;
/// Entries of the audit trail that are shown.
const EVENTS: usize = 12;
/// A process that was not heard for longer is not shown as alive.
const ALIVE: Duration = Duration::from_secs(15);

/// Where a status is read from.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    /// The target.
    pub place: &'a Place,
    /// Its ledger.
    pub ledger: &'a Ledger,
    /// The wall clock's time, for the rate over the stage.
    pub now: Timestamp,
}

/// Reads everything about one job.
///
/// # Errors
/// What the ledger says.
pub async fn read(reader: &Reader<'_>, job: &Job) -> Result<Status, ledger::Error> {
    let ledger = reader.ledger;
    let plan = ledger.plan(&job.plan_hash).await?;
    let stages = ledger.stages(job.id).await?;
    let counts = ledger.counts(job).await?;
    let pace = pace(ledger, job).await?;
    let planner = ledger.lease_holder("planner").await?;
    let throttled = pace.as_ref().map_or(0.0, |p| p.throttled_seconds);
    Ok(Status {
        waits: waits(job, pace.as_ref(), planner.as_deref()),
        planner,
        gates: gates(ledger, job, &plan).await?,
        given_back: given_back(ledger, job, &plan).await?,
        progress: progress(job.state, &counts, &stages, reader.now, throttled),
        pace,
        signals: signals(ledger).await?,
        workers: workers(ledger).await?,
        commands: commands(ledger, job).await?,
        quarantined: quarantined(ledger, job).await?,
        mismatches: mismatches(ledger, job).await?,
        failed_chunks: failed(reader, job, &plan).await?,
        events: events(ledger, job).await?,
        job: head(job),
        stages,
    })
}

fn head(job: &Job) -> JobHead {
    JobHead {
        id: job.id.to_string(),
        name: job.name.clone(),
        target: job.target.to_string(),
        state: job.state.to_string(),
        plan: job.plan_hash.to_string(),
        submitted_by: job.submitted_by.clone(),
        created_at: job.created_at,
        updated_at: job.updated_at,
        ended_at: job.ended_at,
    }
}

/// The first thing an operator asks: why is nothing happening?
fn waits(job: &Job, pace: Option<&PaceLine>, planner: Option<&str>) -> Option<String> {
    let moves = match job.state {
        JobState::Verified
        | JobState::Done
        | JobState::Paused
        | JobState::Held
        | JobState::RolledBack
        | JobState::Failed
        | JobState::Aborted => false,
        state => state.is_forward() || state == JobState::RollingBack,
    };
    if moves && planner.is_none() {
        return Some(
            "no planner is active, so nothing goes on: start one (`sluice planner`), or run the spec again (`sluice run`)".to_owned(),
        );
    }
    let throttled = pace
        .filter(|p| job.state == JobState::Backfilling && !p.go)
        .map(|p| {
            format!(
                "throttled: {}",
                p.reason.as_deref().unwrap_or("no reason is recorded")
            )
        });
    throttled.or_else(|| job.reason.clone())
}

fn progress(
    state: JobState,
    counts: &Counts,
    stages: &[StageRow],
    now: Timestamp,
    throttled: f64,
) -> Progress {
    let stage = stages
        .iter()
        .find(|s| s.name == Stage::Backfill && s.status == StageStatus::Running);
    let elapsed = stage
        .and_then(|s| s.started_at)
        .and_then(|started| Duration::try_from(now.duration_since(started)).ok())
        .map(|elapsed| elapsed.saturating_sub(Duration::try_from_secs_f64(throttled).unwrap_or_default()))
        .filter(|_| state == JobState::Backfilling);
    let eta = elapsed.and_then(|e| eta::from_average(counts.blocks_done, counts.blocks_total, e));
    Progress {
        blocks_total: counts.blocks_total,
        blocks_done: counts.blocks_done,
        rows_seen: counts.rows_seen,
        rows_changed: counts.rows_changed,
        rows_checked: counts.rows_checked,
        rows_mismatched: counts.rows_mismatched,
        rows_quarantined: counts.rows_quarantined,
        rows_per_second: elapsed
            .filter(|e| !e.is_zero())
            .map(|e| counts.rows_seen as f64 / e.as_secs_f64()),
        eta_seconds: eta
            .filter(|_| counts.blocks_done < counts.blocks_total)
            .map(|e| [e.low.as_secs(), e.high.as_secs()]),
        chunks: ChunkCounts {
            total: counts.chunks_total,
            done: counts.chunks_done,
            in_hand: counts.chunks_leased,
            failed: counts.chunks_failed,
            retried: counts.retried,
        },
    }
}

async fn gates(ledger: &Ledger, job: &Job, plan: &Plan) -> Result<Vec<GateLine>, ledger::Error> {
    let approvals = ledger.approvals(job.id).await?;
    let by = |name: &str| {
        approvals
            .iter()
            .find(|(gate, _)| gate == name)
            .map(|(_, actor)| actor.clone())
    };
    Ok(plan
        .gates
        .iter()
        .map(|g| GateLine {
            name: g.name.clone(),
            before: g.before,
            reasons: g.reasons.clone(),
            approved_by: by(&g.name),
        })
        .collect())
}

async fn given_back(ledger: &Ledger, job: &Job, plan: &Plan) -> Result<Vec<GivenBackLine>, ledger::Error> {
    let title = |id: u32| plan.steps.iter().find(|s| s.id == id).map(|s| s.title.clone());
    let notes = ledger.notes(job.id).await?.into_iter();
    Ok(notes
        .map(|n| GivenBackLine {
            step: n.step.and_then(title),
            attempts: n.attempts,
            why: n.note,
        })
        .collect())
}

async fn pace(ledger: &Ledger, job: &Job) -> Result<Option<PaceLine>, ledger::Error> {
    Ok(ledger.pace(job.id).await?.map(|(pace, stopped)| PaceLine {
        go: pace.go,
        reason: pace.reason,
        max_parallel: pace.max_parallel,
        rows_per_second_each: pace.rows_per_second,
        throttled_seconds: stopped.as_secs_f64(),
    }))
}

async fn signals(ledger: &Ledger) -> Result<Vec<SignalLine>, ledger::Error> {
    let signals = ledger.signals().await?.into_iter();
    Ok(signals
        .map(|s| SignalLine {
            name: s.name,
            source: s.source,
            value: s.value,
            unit: s.unit,
            problem: s.problem,
            required: s.required,
            age_seconds: s.age.as_secs_f64(),
        })
        .collect())
}

async fn workers(ledger: &Ledger) -> Result<Vec<WorkerLine>, ledger::Error> {
    let beats = ledger.beats().await?.into_iter().filter(|beat| beat.age < ALIVE);
    Ok(beats
        .map(|b| WorkerLine {
            name: b.worker,
            role: b.role,
            age_seconds: b.age.as_secs_f64(),
        })
        .collect())
}

async fn commands(ledger: &Ledger, job: &Job) -> Result<Vec<CommandLine>, ledger::Error> {
    let pending = ledger.pending_commands(job.id).await?.into_iter();
    Ok(pending
        .map(|p| CommandLine {
            command: p.command.name().to_owned(),
            actor: p.actor,
            at: p.at,
        })
        .collect())
}

async fn quarantined(ledger: &Ledger, job: &Job) -> Result<Vec<QuarantineLine>, ledger::Error> {
    let rows = ledger.quarantined(&job.tag, SHOWN).await?.into_iter();
    Ok(rows
        .map(|q| QuarantineLine {
            table: format!("{}.{}", q.table.schema, q.table.name),
            key: q.key,
            column: q.column,
            kind: q.kind,
            sqlstate: q.sqlstate,
            message: q.message,
            at: q.at,
        })
        .collect())
}

async fn mismatches(ledger: &Ledger, job: &Job) -> Result<Vec<MismatchLine>, ledger::Error> {
    let rows = ledger.mismatches(job.id, SHOWN).await?.into_iter();
    Ok(rows
        .map(|(_, m)| MismatchLine {
            table: format!("{}.{}", m.leaf.schema, m.leaf.name),
            key: m.key,
            detail: m.detail,
        })
        .collect())
}

async fn failed(reader: &Reader<'_>, job: &Job, plan: &Plan) -> Result<Vec<FailedLine>, ledger::Error> {
    let Ok(machine) = serde_json::from_value::<Machine>(job.machine.clone()) else {
        return Ok(Vec::new());
    };
    let mut lines = Vec::new();
    for (fill, state) in plan.fills.iter().zip(&machine.fills) {
        for chunk in reader
            .ledger
            .sweep_facts(job.id, fill.id, state.sweep)
            .await?
            .failed
        {
            lines.push(FailedLine {
                table: format!("{}.{}", chunk.leaf.schema, chunk.leaf.name),
                first_block: chunk.cursor_block,
                end_block: chunk.end_block,
                keys: keys::of_range(reader.place, fill, &chunk).await,
                sqlstate: chunk.failure.sqlstate,
                message: chunk.failure.message,
            });
        }
    }
    Ok(lines)
}

async fn events(ledger: &Ledger, job: &Job) -> Result<Vec<EventLine>, ledger::Error> {
    let entries = ledger.events(job.id).await?;
    let skipped = entries.len().saturating_sub(EVENTS);
    let last = entries.into_iter().skip(skipped);
    Ok(last
        .map(|e| EventLine {
            at: e.at,
            actor: e.actor,
            kind: e.kind,
            detail: e.detail,
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn a_job_that_nobody_drives_says_so_and_what_to_start() {
        let why = waits(&example::job(JobState::Backfilling), None, None).unwrap();
        assert!(why.contains("no planner") && why.contains("sluice run"), "{why}");
        assert_eq!(waits(&example::job(JobState::Verified), None, None), None);
    }

    #[test]
    fn a_throttle_says_which_signal() {
        let pace = PaceLine {
            go: false,
            reason: Some("replica_lag of b is 7.0 s, limit 5 s".to_owned()),
            max_parallel: 2,
            rows_per_second_each: None,
            throttled_seconds: 3.0,
        };
        let why = waits(
            &example::job(JobState::Backfilling),
            Some(&pace),
            Some("planner-1"),
        );
        assert_eq!(why.unwrap(), "throttled: replica_lag of b is 7.0 s, limit 5 s");
    }

    #[test]
    fn the_rate_leaves_throttled_time_out() {
        let counts = Counts {
            blocks_done: 50,
            blocks_total: 100,
            rows_seen: 1_000,
            ..Counts::default()
        };
        let stages = [StageRow {
            name: Stage::Backfill,
            status: StageStatus::Running,
            started_at: Some(example::time(0)),
            ended_at: None,
        }];
        let progress = progress(JobState::Backfilling, &counts, &stages, example::time(110), 10.0);
        assert_eq!(progress.rows_per_second, Some(10.0));
        assert_eq!(progress.eta_seconds, Some([90, 125]));
    }
}
