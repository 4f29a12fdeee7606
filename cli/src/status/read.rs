//! From ledger rows to the status object.

use std::time::Duration;

use jiff::Timestamp;
use ledger::jobs::Job;
use ledger::plan::Fill;
use ledger::status::Beat;
use ledger::{Ledger, Plan};
use planner::decide::Machine;

use super::keys;
use super::model::{
    CommandLine, EventLine, FailedLine, GateLine, GivenBackLine, JobHead, MismatchLine, PaceLine,
    QuarantineLine, SignalLine, Status, WorkerLine,
};
use super::moves::{Crew, Standstill, progress, waits};
use crate::place::Place;
use crate::rest::rest;
use crate::view::is_throttled;
use crate::way_back::way_back;

/// Rows of each kind that are shown; `--json` has no more either, the ledger has all.
const SHOWN: i64 = 50;
/// Entries of the audit trail that are shown.
const EVENTS: usize = 12;
/// A process that was not heard for longer does not count as alive.
const ALIVE: Duration = Duration::from_secs(15);
/// One that was not heard for longer is not shown by name: every command that carried itself out has left one behind.
const REMEMBERED: Duration = Duration::from_secs(60);

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
    let cut_by = plan.fills.first().map_or("", Fill::cut_by);
    let counts = crate::filled::by_rows(ledger, &plan, ledger.counts(job).await?).await;
    let pace = pace(ledger, job).await?;
    let planner = ledger.lease_holder("planner").await?;
    let approvals = ledger.approvals(job.id).await?;
    let approved: Vec<String> = approvals.iter().map(|(gate, _)| gate.clone()).collect();
    let resting = rest(job, &plan, &approved, None);
    let beats = ledger.beats().await?;
    let crew = Crew {
        planner: planner.as_deref(),
        backfiller: beats.iter().any(|b| b.role == "backfiller" && b.age < ALIVE),
        idle: ledger.idle(job.id).await?,
    };
    let waits = waits(job, resting.as_ref(), pace.as_ref(), &counts, crew);
    let still = Standstill {
        throttled: pace.as_ref().map_or(0.0, |p| p.throttled_seconds),
        now: waits.is_some(),
        idle: crew.idle,
        drifts: drifts(job),
    };
    let (workers, workers_gone) = workers(beats);
    Ok(Status {
        engine: plan.engine,
        waits,
        planner,
        authority: job.authority.as_str().to_owned(),
        flags: ledger.flags(job.id).await?,
        way_back: way_back(job, &plan, ledger.closed(job.id, &job.tag).await?),
        gates: gates(&plan, &approvals),
        given_back: given_back(ledger, job, &plan).await?,
        progress: progress(job.state, &counts, &stages, reader.now, (still, cut_by)),
        pace,
        signals: signals(ledger).await?,
        workers,
        workers_gone,
        commands: commands(ledger, job).await?,
        quarantined: quarantined(ledger, job).await?,
        mismatches: mismatches(ledger, job).await?,
        failed_chunks: failed(reader, job, &plan).await?,
        events: events(ledger, job).await?,
        job: head(job),
        stages,
    })
}

/// How often a table changed under a sweep of this job.
fn drifts(job: &Job) -> u32 {
    serde_json::from_value::<Machine>(job.machine.clone())
        .map_or(0, |machine| machine.fills.iter().map(|fill| fill.drifts).sum())
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

fn gates(plan: &Plan, approvals: &[(String, String)]) -> Vec<GateLine> {
    let by = |name: &str| {
        approvals
            .iter()
            .find(|(gate, _)| gate == name)
            .map(|(_, actor)| actor.clone())
    };
    let gates = plan.gates.iter();
    gates
        .map(|g| GateLine {
            name: g.name.clone(),
            before: g.before,
            reasons: g.reasons.clone(),
            approved_by: by(&g.name),
        })
        .collect()
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
        stopped_by_signal: is_throttled(job, &pace),
        stopped_since: stopped.since,
        signal: pace.signal.clone(),
        factor: pace.factor,
        eased_by: pace.eased_by.clone(),
        go: pace.go,
        reason: pace.reason,
        max_parallel: pace.max_parallel,
        rows_per_second_each: pace.rows_per_second,
        throttled_seconds: stopped.total.as_secs_f64(),
    }))
}

async fn signals(ledger: &Ledger) -> Result<Vec<SignalLine>, ledger::Error> {
    let signals = ledger.signals().await?.into_iter();
    // What is gone has left its last reading behind.
    Ok(signals
        .filter(|s| s.required || s.age < REMEMBERED)
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

/// Those that are worth a line, and how many others there were.
fn workers(beats: Vec<Beat>) -> (Vec<WorkerLine>, usize) {
    let (heard, gone): (Vec<Beat>, Vec<Beat>) = beats.into_iter().partition(|beat| beat.age < REMEMBERED);
    let lines = heard
        .into_iter()
        .map(|b| WorkerLine {
            name: b.worker,
            role: b.role,
            age_seconds: b.age.as_secs_f64(),
        })
        .collect();
    (lines, gone.len())
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

    #[test]
    fn processes_of_long_ago_are_only_counted() {
        let beat = |worker: &str, seconds| Beat {
            worker: worker.to_owned(),
            role: "backfiller".to_owned(),
            age: Duration::from_secs(seconds),
        };
        let (lines, gone) = workers(vec![beat("a", 1), beat("b", 40), beat("c", 61), beat("d", 7_200)]);
        let names: Vec<&str> = lines.iter().map(|line| line.name.as_str()).collect();
        assert_eq!((names.as_slice(), gone), (&["a", "b"][..], 2));
    }
}
