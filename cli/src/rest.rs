//! Where a job comes to rest: it goes on only when somebody says something, or has arrived. Pure.
//!
//! What waits for a time, a worker or a signal goes on by itself and is no rest, however long it takes.

use ledger::jobs::Job;
use ledger::plan::{Gate, Phase};
use ledger::{JobState, Plan};
use planner::decide::Machine;

use crate::error::Outcome;

/// Why nothing more happens by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rest {
    /// It is at the end of its plan, or where the caller wants it to stay.
    Arrived,
    /// Waits for a named approval.
    AtGate(Gate),
    /// A person stopped it.
    Paused,
    /// A person said that its flags stay where they are.
    FlagsStay,
    /// It stopped by itself.
    Held,
    /// It cannot go on.
    Failed,
    /// A person gave it up.
    Aborted,
    /// It is back where it started.
    RolledBack,
}

/// Where the caller wants the job to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// At the end of its plan, or as far as the caller wants it.
    Forward,
    /// Back.
    Back,
}

/// Whether a job with no command outstanding rests. `until`: where the caller wants it to stay, if not at the end of its plan.
#[must_use]
pub fn rest(job: &Job, plan: &Plan, approved: &[String], until: Option<JobState>) -> Option<Rest> {
    let state = job.state;
    let far_enough = until.is_some_and(|until| state.is_forward() && state >= until);
    if far_enough && !is_comparing(job) {
        return Some(Rest::Arrived);
    }
    let flips = matches!(state, JobState::FlippingReads | JobState::FlippingWrites);
    if flips && flags_stay(job) {
        return Some(Rest::FlagsStay);
    }
    match state {
        JobState::Done => Some(Rest::Arrived),
        JobState::Paused => Some(Rest::Paused),
        JobState::Held => Some(Rest::Held),
        JobState::Failed => Some(Rest::Failed),
        JobState::Aborted => Some(Rest::Aborted),
        JobState::RolledBack => Some(Rest::RolledBack),
        JobState::Classified => at_gate(job, plan.gate_before(Phase::Expand), approved),
        JobState::FlippingWrites => at_gate(job, plan.gate_before(Phase::Lead), approved),
        JobState::ContractReady | JobState::SoftDropped => {
            at_gate(job, plan.gate_before(Phase::Hide), approved)
        }
        // The planner ends the stage after it has entered the state, and says so in the reason.
        JobState::Flipped => {
            let stays = plan.last_state == JobState::Flipped && job.reason.is_some() && !is_comparing(job);
            stays.then_some(Rest::Arrived)
        }
        JobState::Submitted
        | JobState::Planned
        | JobState::Expanding
        | JobState::DualWriting
        | JobState::Backfilling
        | JobState::Verified
        | JobState::FlippingReads
        | JobState::Contracted
        | JobState::Watching
        | JobState::RollingBack => (state == plan.last_state).then_some(Rest::Arrived),
    }
}

/// At a gate that the planner has come to, looked at, and found closed.
fn at_gate(job: &Job, gate: Option<&Gate>, approved: &[String]) -> Option<Rest> {
    let gate = gate.filter(|gate| !approved.contains(&gate.name))?;
    (job.reason.is_some() && !is_comparing(job)).then(|| Rest::AtGate(gate.clone()))
}

/// Our objects are put back in a state that would be a rest otherwise; from there the job goes back to comparing rows.
fn is_comparing(job: &Job) -> bool {
    serde_json::from_value::<Machine>(job.machine.clone()).is_ok_and(|machine| machine.compare)
}

/// Somebody holds the flags, and the planner has said so.
fn flags_stay(job: &Job) -> bool {
    let machine = serde_json::from_value::<Machine>(job.machine.clone());
    let held = machine.is_ok_and(|machine| machine.flip.is_some_and(|flip| flip.held_by.is_some()));
    held && job.reason.is_some()
}

/// What that means for somebody who wanted to get to `goal`.
#[must_use]
pub fn outcome(rest: &Rest, goal: Goal) -> Outcome {
    match (rest, goal) {
        (Rest::Arrived, Goal::Forward) | (Rest::RolledBack, Goal::Back) => Outcome::Done,
        (Rest::AtGate(_) | Rest::Paused | Rest::FlagsStay, _) => Outcome::Waiting,
        (Rest::Arrived | Rest::RolledBack | Rest::Held | Rest::Failed | Rest::Aborted, _) => Outcome::Refused,
    }
}

/// What to tell a person: what it is, why, and what to type.
#[must_use]
pub fn words(rest: &Rest, job: &Job, flag: &str) -> String {
    let (name, state) = (&job.name, job.state);
    let why = job
        .reason
        .clone()
        .unwrap_or_else(|| "no reason is recorded".to_owned());
    match rest {
        Rest::Arrived => format!("{name} is {state}"),
        Rest::RolledBack => format!("{name} is rolled back"),
        Rest::AtGate(gate) => format!(
            "{name} waits at gate `{}`: {}\napprove with: sluice approve {name} --gate {} --as YOUR-NAME {flag}",
            gate.name,
            gate.reasons.join("; "),
            gate.name
        ),
        Rest::Paused => format!("{name} is paused: {why}\ngo on with: sluice resume {name} {flag}"),
        Rest::FlagsStay => format!("{name} is {state}, {why}\ngo on with: sluice flip {name} forward {flag}"),
        Rest::Held => format!("{name} is held: {why}"),
        Rest::Failed => format!("{name} has failed: {why}"),
        Rest::Aborted => format!("{name} is aborted: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    /// A job whose planner has said what it waits for.
    fn told(state: JobState) -> Job {
        Job {
            reason: Some("said by the planner".to_owned()),
            ..example::job(state)
        }
    }

    #[test]
    fn flags_that_somebody_holds_are_a_rest_that_waits_for_somebody() {
        let held = |by: Option<&str>| Job {
            machine: serde_json::to_value(Machine {
                flip: Some(planner::decide::FlipMachine {
                    held_by: by.map(str::to_owned),
                    ..planner::decide::FlipMachine::default()
                }),
                ..example::machine(JobState::FlippingReads)
            })
            .unwrap(),
            ..told(JobState::FlippingReads)
        };
        let found = rest(&held(Some("ann")), &example::plan(), &[], None);
        assert_eq!(found, Some(Rest::FlagsStay));
        assert_eq!(outcome(&Rest::FlagsStay, Goal::Forward), Outcome::Waiting);
        assert_eq!(rest(&held(None), &example::plan(), &[], None), None);
        let said = words(&Rest::FlagsStay, &held(Some("ann")), "--target main");
        assert!(
            said.ends_with("sluice flip track-seconds forward --target main"),
            "{said}"
        );
    }

    fn resting(plan: &Plan, until: Option<JobState>) -> Vec<JobState> {
        let all = JobState::ALL.iter().copied();
        all.filter(|state| rest(&told(*state), plan, &[], until).is_some())
            .collect()
    }

    const STOPPED: [JobState; 5] = [
        JobState::Paused,
        JobState::Held,
        JobState::RolledBack,
        JobState::Failed,
        JobState::Aborted,
    ];

    #[test]
    fn a_job_rests_only_where_somebody_must_say_something_or_it_has_arrived() {
        // None of the gates is approved: after a drift that is so in the soft drop too.
        let waits = [JobState::ContractReady, JobState::SoftDropped, JobState::Done];
        let ends = [&waits, &STOPPED[..]].concat();
        assert_eq!(resting(&example::plan(), None), ends);
        let stays = [&[JobState::Flipped, JobState::Done], &STOPPED[..]].concat();
        assert_eq!(resting(&example::plan_that_stays(), None), stays);
    }

    #[test]
    fn a_job_rests_where_the_caller_wants_it_or_beyond() {
        let beyond = |from: JobState| {
            JobState::ALL
                .iter()
                .copied()
                .filter(move |s| *s >= from && s.is_forward())
        };
        for until in [JobState::Verified, JobState::Flipped] {
            let expected: Vec<JobState> = beyond(until).chain(STOPPED).collect();
            assert_eq!(resting(&example::plan(), Some(until)), expected, "{until}");
        }
    }

    #[test]
    fn a_gate_holds_until_it_is_approved() {
        let mut plan = example::plan();
        plan.gates.push(example::expand_gate());
        for (state, gate) in [
            (JobState::Classified, "expand"),
            (JobState::ContractReady, "contract"),
            (JobState::SoftDropped, "contract"),
        ] {
            let resting = rest(&told(state), &plan, &[], None).unwrap();
            assert_eq!(outcome(&resting, Goal::Forward), Outcome::Waiting);
            let said = words(&resting, &told(state), "--target main");
            let what = format!("sluice approve track-seconds --gate {gate} --as YOUR-NAME --target main");
            assert!(said.contains(&what), "{said}");
            assert_eq!(rest(&told(state), &plan, &[gate.to_owned()], None), None);
            assert_eq!(
                rest(&example::job(state), &plan, &[], None),
                None,
                "before the planner has looked"
            );
        }
    }

    #[test]
    fn a_job_that_is_about_to_compare_its_rows_does_not_rest() {
        let comparing = |state| Job {
            machine: serde_json::to_value(Machine {
                compare: true,
                ..example::machine(state)
            })
            .unwrap(),
            ..told(state)
        };
        let (plan, stays) = (example::plan(), example::plan_that_stays());
        assert_eq!(rest(&comparing(JobState::ContractReady), &plan, &[], None), None);
        assert_eq!(rest(&comparing(JobState::Flipped), &stays, &[], None), None);
        let until = Some(JobState::Flipped);
        assert_eq!(rest(&comparing(JobState::Flipped), &plan, &[], until), None);
    }

    #[test]
    fn being_rolled_back_is_success_only_for_who_wanted_it() {
        assert_eq!(outcome(&Rest::RolledBack, Goal::Back), Outcome::Done);
        assert_eq!(outcome(&Rest::RolledBack, Goal::Forward), Outcome::Refused);
        assert_eq!(outcome(&Rest::Held, Goal::Back), Outcome::Refused);
    }
}
