//! Are our objects and the columns the plan relies on still there? (invariant 10, PITFALLS 28)
//!
//! Looked at once the triggers are in place: at the gate into the backfill, after a chunk saw another
//! fingerprint, and every two seconds while the job rests on its triggers, until old is dropped; after that only the columns are.
//! The questions are the plan's own: each step says with its `done` query whether what it made is still there and ours, until a
//! step of a later phase has put something else in its place.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::db::{self, Connection, Raw};
use engine::error::Class;
use engine::mirror::Authority;
use engine::postgres::triggers::{self, Versions};
use ledger::plan::Phase;
use ledger::steps::TaskState;
use ledger::{JobState, Plan};
use proto::JobId;

use super::{Error, TargetPlanner, leaves};
use crate::decide::{Machine, OldSide};

/// How often a job that rests on its triggers is looked at.
const EVERY: Duration = Duration::from_secs(2);

/// The last look at a job.
#[derive(Clone, Debug, Default)]
pub(super) struct Looked {
    at: Option<Duration>,
    /// In which round of steps, and resting on which phases.
    of: (u32, Vec<Phase>),
    /// Against which round of the check leaves were looked for.
    check_round: u32,
    /// The versions of our triggers at the first look of this planner, in this round and these phases: whoever disables one and enables it again
    /// leaves another one behind, also when nobody looked meanwhile.
    versions: Option<Versions>,
    /// What does not hold.
    pub(super) drift: Option<String>,
    /// A leaf with rows that the last check did not read.
    pub(super) unchecked: Option<String>,
}

impl Looked {
    /// Is it recent enough, and of the same things, to be gone by again? What the next check reads is no stranger any more.
    fn serves(&self, of: &(u32, Vec<Phase>), check_round: u32, now: Duration) -> bool {
        self.of == *of
            && self.check_round == check_round
            && self.at.is_some_and(|at| now.saturating_sub(at) < EVERY)
    }
}

pub(super) async fn look(
    planner: &mut TargetPlanner,
    job: JobId,
    plan: &Plan,
    machine: &Machine,
    steps: &BTreeMap<u32, TaskState>,
    drifted: bool,
) -> Result<Looked, Error> {
    let state = machine.state;
    let Some(phases) = rests_on(plan, machine, steps) else {
        // The versions stay: what happens while the job is paused or held shows once it goes on.
        if let Some(looked) = planner.looked.get_mut(&job) {
            looked.at = None;
        }
        return Ok(Looked::default());
    };
    let of = (machine.round, phases);
    let now = planner.clock.monotonic();
    let fresh = planner
        .looked
        .get(&job)
        .filter(|l| l.serves(&of, machine.check_round, now));
    if let Some(looked) = fresh
        && !drifted
        && state != JobState::DualWriting
    {
        return Ok(looked.clone());
    }
    let mut drift = match columns(planner, plan, machine.old).await? {
        Some(drift) => Some(drift),
        None => objects(planner, plan, &of.1).await?,
    };
    let before = planner.looked.get(&job).filter(|l| l.of == of);
    let before = before.and_then(|l| l.versions.clone());
    let versions = versions(planner, plan).await?;
    if let (None, Some(before), Some(now)) = (&drift, &before, &versions) {
        drift = now.changed_since(before).map(|trigger| {
            format!("trigger {trigger} was changed since the last look and is as it was again: writes in between may not have been mirrored")
        });
    }
    let unchecked = if matches!(
        state,
        JobState::DualWriting | JobState::Backfilling | JobState::SoftDropped | JobState::Watching
    ) {
        None
    } else {
        match unchecked(planner, job, plan, machine).await {
            // Somebody has a leaf to himself, so none is being attached to its root now; the next look will tell.
            Err(Error::Engine { source, .. }) if source.class() == Class::LockTimeout => None,
            other => other?,
        }
    };
    let looked = Looked {
        at: Some(now),
        of,
        check_round: machine.check_round,
        versions: match (before, versions) {
            (Some(before), Some(now)) => Some(before.with_new(now)),
            (before, now) => before.or(now),
        },
        drift,
        unchecked,
    };
    planner.looked.insert(job, looked.clone());
    Ok(looked)
}

/// The phases whose work must still be in place; None while it is being put there, or is no longer needed.
fn rests_on(plan: &Plan, machine: &Machine, steps: &BTreeMap<u32, TaskState>) -> Option<Vec<Phase>> {
    let done = |phase| {
        plan.steps_of(phase)
            .all(|step| steps.get(&step.id) == Some(&TaskState::Done))
    };
    let led = machine.authority == Authority::New;
    match machine.state {
        JobState::DualWriting => Some(vec![Phase::Expand]),
        JobState::Backfilling | JobState::Verified if !led => Some(vec![Phase::Expand]),
        JobState::FlippingReads | JobState::Flipped if !led => Some(vec![Phase::Expand]),
        // Until a step replaces the functions.
        JobState::FlippingWrites
            if !led && !plan.steps_of(Phase::Lead).any(|s| steps.contains_key(&s.id)) =>
        {
            Some(vec![Phase::Expand])
        }
        JobState::Backfilling
        | JobState::Verified
        | JobState::FlippingReads
        | JobState::FlippingWrites
        | JobState::Flipped
        | JobState::ContractReady
            if machine.old == OldSide::InPlace && led && done(Phase::Lead) =>
        {
            Some(vec![Phase::Expand, Phase::Lead])
        }
        JobState::SoftDropped if machine.old == OldSide::Hidden && done(Phase::Hide) => {
            Some(vec![Phase::Expand, Phase::Lead, Phase::Hide])
        }
        JobState::Watching => Some(Vec::new()),
        _ => None,
    }
}

/// A leaf that holds rows now and was not there at the last check: its rows may never have been filled (ATTACH PARTITION
/// clones our trigger, so nothing else shows it).
async fn unchecked(
    planner: &TargetPlanner,
    job: JobId,
    plan: &Plan,
    machine: &Machine,
) -> Result<Option<String>, Error> {
    let plan = plan.judged_under(machine.authority);
    for fill in &plan.fills {
        let found = leaves::unchecked(planner, job, &plan, fill, machine.check_round).await?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// Of every trigger of ours; a file's cannot be disabled, only dropped, which the steps' own questions find.
async fn versions(planner: &TargetPlanner, plan: &Plan) -> Result<Option<Versions>, Error> {
    let names: Vec<String> = plan.tables.iter().flat_map(|t| t.triggers.clone()).collect();
    let mut conn = acquire(planner).await?;
    match conn.raw() {
        Raw::Postgres(conn) => triggers::versions(conn, &names)
            .await
            .map(Some)
            .map_err(planner.engine_error()),
        Raw::Sqlite(_) => Ok(None),
    }
}

/// The columns that the plan relies on, with their types: everything that is not as it was, so that one more makes another text.
async fn columns(planner: &TargetPlanner, plan: &Plan, old: OldSide) -> Result<Option<String>, Error> {
    let mut conn = acquire(planner).await?;
    let mut missing = Vec::new();
    for planned in &plan.tables {
        let name = format!("{}.{}", planned.name.schema, planned.name.name);
        let found = engine::relation::column_types(&mut conn, &planned.name)
            .await
            .map_err(planner.engine_error())?;
        let Some(found) = found else {
            missing.push(format!("table {name} is gone"));
            continue;
        };
        let standing = |replaced: bool| !replaced || old == OldSide::InPlace;
        for relied in planned.relies_on.iter().filter(|c| standing(c.replaced)) {
            match found.iter().find(|(column, _)| *column == relied.name) {
                None => missing.push(format!("column {name}.{} is gone", relied.name)),
                Some((_, type_name)) if *type_name != relied.type_name => missing.push(format!(
                    "column {name}.{} has type {type_name}, the plan was made for {}",
                    relied.name, relied.type_name
                )),
                Some(_) => {}
            }
        }
    }
    Ok((!missing.is_empty()).then(|| missing.join("; ")))
}

/// What the steps of these phases made, as far as none of a later one has replaced it.
async fn objects(planner: &TargetPlanner, plan: &Plan, phases: &[Phase]) -> Result<Option<String>, Error> {
    let mut conn = acquire(planner).await?;
    let standing = plan.steps.iter().filter(|step| {
        let replaced = step.holds_until.is_some_and(|by| phases.contains(&by));
        phases.contains(&step.phase) && !replaced
    });
    for step in standing {
        let Some(question) = &step.done else { continue };
        let holds: Option<Option<bool>> = db::scalar(question.clone())
            .fetch_optional(&mut conn)
            .await
            .map_err(engine::postgres::error::Error::query(format!(
                "ask whether \"{}\" still holds",
                step.title
            )))
            .map_err(planner.engine_error())?;
        if holds.flatten() != Some(true) {
            return Ok(Some(format!("\"{}\" does not hold any more", step.title)));
        }
    }
    Ok(None)
}

async fn acquire(planner: &TargetPlanner) -> Result<Connection, Error> {
    planner
        .target
        .owner
        .acquire()
        .await
        .map_err(engine::postgres::error::Error::query(
            "connect as the owner role".to_owned(),
        ))
        .map_err(planner.engine_error())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_serves_until_it_is_old_or_another_check_reads_what_it_found() {
        let of = (1, vec![Phase::Expand]);
        let looked = Looked {
            at: Some(Duration::from_secs(10)),
            of: of.clone(),
            check_round: 1,
            unchecked: Some("public.track_2".to_owned()),
            ..Looked::default()
        };
        let soon = Duration::from_secs(11);
        assert!(looked.serves(&of, 1, soon));
        assert!(!looked.serves(&of, 2, soon));
        assert!(!looked.serves(&(2, vec![Phase::Expand]), 1, soon));
        assert!(!looked.serves(&(1, vec![Phase::Expand, Phase::Lead]), 1, soon));
        assert!(!looked.serves(&of, 1, Duration::from_secs(12)));
        assert!(!Looked { at: None, ..looked }.serves(&of, 1, soon));
    }
}
