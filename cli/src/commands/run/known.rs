//! Which job a spec means that was run before: one that is under way is continued, one that is done stays done.

use ledger::jobs::Job;
use ledger::{JobState, Ledger, Plan};
use planner::spec::Spec;

use crate::diff::{Difference, differences, only_budget};
use crate::error::Error;
use crate::place::Place;
use crate::way_back::{Way, way_back};

/// The unfinished job of the spec's name, if there is one and the spec is still the same; or the last one, if it is done.
pub(super) async fn job(place: &Place, spec: &Spec) -> Result<Option<(Ledger, Job)>, Error> {
    let Some(ledger) = place.existing_ledger().await? else {
        return Ok(None);
    };
    let jobs = ledger.jobs().await?;
    let Some(job) = job_to_run(jobs, &spec.name) else {
        return Ok(None);
    };
    let plan = ledger.plan(&job.plan_hash).await?;
    let differ = differences(&plan.spec, &spec.canonical());
    let is_done = job.state == JobState::Done;
    if differ.is_empty() || (is_done && only_budget(&differ)) {
        return Ok(Some((ledger, job)));
    }
    if is_done {
        return Ok(None);
    }
    Err(Error::Refused(another_spec(
        (&job, &plan),
        &differ,
        &place.flag(),
    )))
}

/// Of all jobs, newest first: the unfinished one of this name, otherwise the newest if it is done.
fn job_to_run(jobs: Vec<Job>, name: &str) -> Option<Job> {
    let mut named: Vec<Job> = jobs.into_iter().filter(|j| j.name == name).collect();
    match named.iter().position(|j| !j.state.is_final()) {
        Some(at) => Some(named.swap_remove(at)),
        None => named.into_iter().next().filter(|j| j.state == JobState::Done),
    }
}

fn another_spec((job, plan): (&Job, &Plan), differ: &[Difference], flag: &str) -> String {
    let lines: Vec<String> = differ.iter().map(|d| format!("\n  {d}")).collect();
    let name = &job.name;
    let todo = if only_budget(differ) {
        format!("only the budget differs: `sluice tune {name} {flag}` changes it while the job runs")
    } else if way_back(job, plan, 0).is_some_and(|way| way.state == Way::Gone) {
        "there is no way back from here: let it come to its end, then run the new spec".to_owned()
    } else {
        format!("`sluice rollback {name} --discard {flag}` takes the job back, then run the new spec")
    };
    format!(
        "job {name} ({}) is {} with another spec of this name, and its objects are in place; what differs (job -> file):{}\n\
         change the file back to continue that job; {todo}",
        job.id,
        job.state,
        lines.concat()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn a_spec_is_run_anew_only_after_its_job_was_rolled_back() {
        let chosen = |states: &[JobState]| {
            let jobs = states.iter().map(|s| example::job(*s)).collect();
            job_to_run(jobs, "track-seconds").map(|j| j.state)
        };
        assert_eq!(chosen(&[]), None);
        assert_eq!(
            chosen(&[JobState::Done, JobState::RolledBack]),
            Some(JobState::Done)
        );
        assert_eq!(chosen(&[JobState::RolledBack, JobState::Done]), None);
        assert_eq!(
            chosen(&[JobState::RolledBack, JobState::Held]),
            Some(JobState::Held)
        );
        assert!(job_to_run(vec![example::job(JobState::Done)], "another").is_none());
    }

    #[test]
    fn a_changed_spec_is_told_the_way_out_that_there_is() {
        let differ = [Difference {
            key: "[[change]] 1 up".to_owned(),
            old: Some("a".to_owned()),
            new: Some("b".to_owned()),
        }];
        let said = |state| another_spec((&example::job(state), &example::plan()), &differ, "--target main");
        assert!(said(JobState::Flipped).contains("sluice rollback track-seconds --discard --target main"));
        assert!(said(JobState::Watching).contains("no way back from here"));
    }
}
