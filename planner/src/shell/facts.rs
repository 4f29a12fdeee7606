//! From ledger rows to [`Facts`]: only what the job's state asks about.

use std::collections::{BTreeMap, BTreeSet};

use engine::db::{self, Raw};
use jiff::Timestamp;
use ledger::jobs::Job;
use ledger::plan::{Fill, Flip, Phase};
use ledger::{JobState, Plan};
use proto::{JobId, TaskId};
use shared::service::chain;

use super::{Error, TargetPlanner, assumptions, leaves};
use crate::decide::{Counted, Facts, FillFacts, Machine, OldSide, Others, Progress, Rollback, Sweeping};

pub(super) async fn load(
    planner: &mut TargetPlanner,
    job: &Job,
    plan: &Plan,
    machine: &Machine,
) -> Result<Facts, Error> {
    let ledger = planner.target.ledger.clone();
    let error = || planner.ledger_error();
    let approvals: BTreeSet<String> = ledger
        .approvals(job.id)
        .await
        .map_err(error())?
        .into_iter()
        .map(|(gate, _)| gate)
        .collect();
    let leased = ledger.leased_tasks(job.id).await.map_err(error())?;
    let steps = step_states(planner, job.id, plan, machine).await?;
    let mut fills = Vec::new();
    let sweeps = matches!(machine.state, JobState::Backfilling);
    for fill in &plan.fills {
        fills.push(if sweeps {
            fill_facts(planner, job.id, plan, fill, machine).await?
        } else {
            FillFacts::default()
        });
    }
    let drifted = fills.iter().any(|f| {
        f.sweep
            .failed
            .iter()
            .any(|c| c.failure.class == ledger::tasks::FailureClass::Drift)
    });
    let now = ledger.now().await.map_err(error())?;
    let closed = ledger
        .unresolved(job.id, &plan.tag, "closed")
        .await
        .map_err(error())?;
    let set_aside = ledger
        .unresolved(job.id, &plan.tag, "error")
        .await
        .map_err(error())?;
    let flags = ledger.flags(job.id).await.map_err(error())?;
    let flags = flags
        .into_iter()
        .map(|flag| (flag.name, flag.percentage))
        .collect();
    let looked = assumptions::look(planner, job.id, plan, machine, &steps, drifted).await?;
    let (counted, others) = drain(planner, plan, machine).await?;
    Ok(Facts {
        approvals,
        steps,
        leased,
        fills,
        drift: looked.drift,
        unchecked: looked.unchecked,
        now,
        closed,
        set_aside,
        flags,
        counted,
        others,
        until: planner.until,
    })
}

/// How many writes of the new side there were, and since when somebody may have one open: only while the job waits for
/// instances that may go by an old flag.
async fn drain(
    planner: &TargetPlanner,
    plan: &Plan,
    machine: &Machine,
) -> Result<(Option<Counted>, Others), Error> {
    let (before_hiding, draining) = match machine.state {
        JobState::ContractReady => (machine.old == OldSide::InPlace, false),
        JobState::RollingBack => {
            let waits = |r: Rollback| r.drain.flags_off.is_some() && !r.drain.over;
            (false, machine.rollback.is_some_and(waits))
        }
        _ => (false, false),
    };
    let Some(flip) = plan.flip.as_ref().filter(|_| before_hiding || draining) else {
        return Ok((None, Others::None));
    };
    // Who has a transaction open is asked first: whatever one that has just ended wrote is counted then.
    let others = match others(planner).await {
        Ok(None) => Others::None,
        Ok(Some(began)) => Others::Since(began),
        Err(error) => Others::Unseen(chain(&error)),
    };
    if !draining {
        return Ok((None, others));
    }
    let writes = match written(planner, flip).await {
        Ok(writes) => writes,
        // Commands must be heard all the same, and the status says what is in the way.
        Err(error) => return Ok((None, Others::Unseen(chain(&error)))),
    };
    let at = planner
        .target
        .ledger
        .now()
        .await
        .map_err(planner.ledger_error())?;
    Ok((Some(Counted { writes, at }), others))
}

/// Writes of the new side that the triggers have counted (owner role, whose sequences they are).
async fn written(planner: &TargetPlanner, flip: &Flip) -> Result<i64, engine::postgres::error::Error> {
    let failed = |doing: &str| engine::postgres::error::Error::query(doing.to_owned());
    let mut conn = planner
        .target
        .owner
        .acquire()
        .await
        .map_err(failed("connect as the owner role"))?;
    let mut counted = 0;
    for question in &flip.counted {
        let count: i64 = db::scalar(question.clone())
            .fetch_one(&mut conn)
            .await
            .map_err(failed("count writes of the new side"))?;
        counted += count;
    }
    Ok(counted)
}

async fn others(planner: &TargetPlanner) -> Result<Option<Timestamp>, engine::postgres::error::Error> {
    let failed = || engine::postgres::error::Error::query("connect as the monitor role".to_owned());
    let mut conn = planner.target.monitor.acquire().await.map_err(failed())?;
    if let Raw::Postgres(conn) = conn.raw() {
        return engine::postgres::activity::oldest_transaction(conn).await;
    }
    // A file has one writer: whoever gets its lock knows that no transaction that may write is open. One that has only read so far
    // cannot write any more, because the flags were written since it began.
    let tx = planner.target.monitor.begin().await.map_err(failed())?;
    tx.rollback().await.map_err(failed())?;
    Ok(None)
}

async fn step_states(
    planner: &TargetPlanner,
    job: JobId,
    plan: &Plan,
    machine: &Machine,
) -> Result<BTreeMap<u32, ledger::steps::TaskState>, Error> {
    let ids: BTreeMap<TaskId, u32> = plan
        .steps
        .iter()
        .map(|s| (step_task(job, s.phase, s.id, machine.round), s.id))
        .collect();
    let wanted: Vec<TaskId> = ids.keys().copied().collect();
    let states = planner
        .target
        .ledger
        .task_states(&wanted)
        .await
        .map_err(planner.ledger_error())?;
    Ok(states
        .into_iter()
        .filter_map(|(task, state)| ids.get(&task).map(|id| (*id, state)))
        .collect())
}

async fn fill_facts(
    planner: &TargetPlanner,
    job: JobId,
    plan: &Plan,
    fill: &Fill,
    machine: &Machine,
) -> Result<FillFacts, Error> {
    let ledger = &planner.target.ledger;
    let error = || planner.ledger_error();
    let Some(state) = machine.fills.get(fill.id as usize) else {
        return Ok(FillFacts::default());
    };
    let check = check_task(job, fill.id, machine.check_round);
    let leaves = ledger
        .sweep_leaves(job, fill.id, state.sweep)
        .await
        .map_err(error())?;
    let sweep = ledger
        .sweep_facts(job, fill.id, state.sweep)
        .await
        .map_err(error())?;
    let is_over = state.swept == Progress::Open
        && state.repair == Sweeping::Whole
        && sweep.open + sweep.unverified == 0
        && state.leaf as usize >= leaves.len();
    let attached = if is_over {
        let known: Vec<u32> = leaves.iter().map(|leaf| leaf.oid).collect();
        leaves::attached(planner, plan, fill, known).await?
    } else {
        None
    };
    Ok(FillFacts {
        leaves,
        sweep,
        attached,
        verdict: ledger
            .verdict(job, fill.id, machine.check_round)
            .await
            .map_err(error())?,
        check: ledger
            .task_states(&[check])
            .await
            .map_err(error())?
            .remove(&check),
    })
}

/// The task of a step in a round.
pub(super) fn step_task(job: JobId, phase: Phase, step: u32, round: u32) -> TaskId {
    TaskId::of_step(job, phase.as_str(), step, round)
}

/// The task of a whole-table check in a round.
pub(super) fn check_task(job: JobId, fill: u32, round: u32) -> TaskId {
    TaskId::of_step(job, "check", fill, round)
}
