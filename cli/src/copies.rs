//! Ledgers that are not where they were made: what is said of their jobs before anything is done, and when it is refused.
//!
//! `sluice detach` leaves the application's tables as they are. That is only right while they work without our triggers: old is the
//! truth and stands under its own name, and nothing demands of a new column what only a trigger sees to. Otherwise the job is taken
//! back first, which needs somebody who works on the copy.

use std::collections::BTreeSet;

use engine::mirror::Authority;
use ledger::copies::Found;
use ledger::jobs::Job;
use ledger::plan::{Phase, Step};
use ledger::{JobState, Plan};
use planner::decide::{Machine, OldSide};

use crate::error::Error;

/// A job that has not ended for good.
#[derive(Clone, Debug)]
pub struct Unfinished {
    /// The job.
    pub job: Job,
    /// Its plan.
    pub plan: Plan,
    /// The steps that it has run.
    pub run: BTreeSet<u32>,
}

/// Reads what is to be said about each job.
///
/// # Errors
/// What the ledger says.
pub async fn read(found: &Found) -> Result<Vec<Unfinished>, Error> {
    let mut unfinished = Vec::new();
    for job in &found.jobs {
        unfinished.push(Unfinished {
            job: job.clone(),
            plan: found.ledger.plan(&job.plan_hash).await?,
            run: found.ledger.steps_run(job.id).await?,
        });
    }
    Ok(unfinished)
}

/// A line a job.
#[must_use]
pub fn list(jobs: &[Job]) -> String {
    let lines: Vec<String> = jobs
        .iter()
        .map(|job| format!("  {} ({}, {})", job.name, job.id, job.state))
        .collect();
    lines.join("\n")
}

impl Unfinished {
    /// Why the tables of this job would not work without its triggers, if so.
    #[must_use]
    pub fn obstacle(&self) -> Option<String> {
        let name = &self.job.name;
        let Ok(machine) = serde_json::from_value::<Machine>(self.job.machine.clone()) else {
            return Some(format!(
                "{name}: its state was written by a newer sluice, and this build cannot tell what depends on its triggers"
            ));
        };
        let gone = matches!(machine.state, JobState::Contracted | JobState::Watching);
        match (machine.old, machine.authority) {
            (OldSide::InPlace | OldSide::Hidden | OldSide::Dropping, _) if gone => return None,
            (OldSide::Hidden | OldSide::Dropping, _) => {
                return Some(format!(
                    "{name} ({}): old is hidden under a name of Sluice's, and its triggers keep it at what new says; without them it would stay \
                     behind as an odd column that goes stale, and where it is NOT NULL every INSERT would fail",
                    machine.state
                ));
            }
            (OldSide::InPlace, Authority::New) => {
                return Some(format!(
                    "{name} ({}): new is the authority; without the triggers the old columns would go stale, and where one is NOT NULL an INSERT \
                     that gives only new would fail",
                    machine.state
                ));
            }
            (OldSide::InPlace, Authority::Old) => {}
        }
        let leans = self.steps(Phase::Rollback).find(|step| !self.is_mirror(step));
        leans.map(|step| {
            format!(
                "{name} ({}): \"{}\" is in place, and only its triggers see to that: without them writes of the application would fail, or what \
                 was relaxed for the job would stay so",
                machine.state, step.title
            )
        })
    }

    /// What stays in the application's tables: everything that only `rollback --discard` would take away.
    #[must_use]
    pub fn stays(&self) -> Vec<String> {
        self.steps(Phase::Discard)
            .map(|step| step.title.clone())
            .collect()
    }

    /// The steps it has run that a phase of the way back would undo.
    fn steps(&self, back: Phase) -> impl Iterator<Item = &Step> {
        let undone: BTreeSet<u32> = self.plan.steps_of(back).filter_map(|step| step.undoes).collect();
        self.plan
            .steps
            .iter()
            .filter(move |step| undone.contains(&step.id) && self.run.contains(&step.id))
    }

    fn is_mirror(&self, step: &Step) -> bool {
        let mut triggers = self.plan.tables.iter().flat_map(|table| &table.triggers);
        triggers.any(|trigger| step.statements.iter().any(|text| text.contains(trigger.as_str())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    fn unfinished(change: impl FnOnce(&mut Machine)) -> Unfinished {
        let plan = example::plan();
        let mut job = example::job(JobState::Verified);
        let mut machine: Machine = serde_json::from_value(job.machine.clone()).unwrap();
        change(&mut machine);
        job.machine = serde_json::to_value(machine).unwrap();
        let run = plan.steps_of(Phase::Expand).map(|step| step.id).collect();
        Unfinished { job, plan, run }
    }

    #[test]
    fn a_copy_is_detached_while_old_is_the_truth_and_not_after_that() {
        assert_eq!(unfinished(|_| {}).obstacle(), None);
        let hidden = unfinished(|machine| {
            machine.state = JobState::SoftDropped;
            machine.old = OldSide::Hidden;
            machine.authority = Authority::New;
        });
        assert!(hidden.obstacle().unwrap().contains("old is hidden"));
        let moved = unfinished(|machine| {
            machine.state = JobState::Paused;
            machine.authority = Authority::New;
        });
        assert!(moved.obstacle().unwrap().contains("new is the authority"));
        let gone = unfinished(|machine| {
            machine.state = JobState::Watching;
            machine.old = OldSide::Dropping;
            machine.authority = Authority::New;
        });
        assert_eq!(
            gone.obstacle(),
            None,
            "there is nothing left that a trigger sees to"
        );
    }

    #[test]
    fn a_step_that_was_not_run_leaves_nothing() {
        let whole = unfinished(|_| {});
        let nothing = Unfinished {
            run: BTreeSet::new(),
            ..whole
        };
        assert!(nothing.stays().is_empty());
    }
}
