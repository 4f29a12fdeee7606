//! Where a job comes to rest: it goes on only when somebody says something, or has arrived. Pure.

use ledger::plan::{Gate, Phase};
use ledger::{JobState, Plan};

use crate::error::Outcome;

/// Why nothing more happens by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rest {
    /// The plan's last state is reached.
    Arrived,
    /// Waits for a named approval.
    AtGate(Gate),
    /// A person stopped it.
    Paused,
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
    /// At the end of its plan.
    Forward,
    /// Back.
    Back,
}

/// Whether a job with no command outstanding rests.
#[must_use]
pub fn rest(state: JobState, plan: &Plan, approved: &[String]) -> Option<Rest> {
    match state {
        JobState::Done => Some(Rest::Arrived),
        JobState::Paused => Some(Rest::Paused),
        JobState::Held => Some(Rest::Held),
        JobState::Failed => Some(Rest::Failed),
        JobState::Aborted => Some(Rest::Aborted),
        JobState::RolledBack => Some(Rest::RolledBack),
        JobState::Classified => plan
            .gate_before(Phase::Expand)
            .filter(|gate| !approved.contains(&gate.name))
            .map(|gate| Rest::AtGate(gate.clone())),
        JobState::RollingBack => None,
        JobState::Submitted
        | JobState::Planned
        | JobState::Expanding
        | JobState::DualWriting
        | JobState::Backfilling
        | JobState::Verified
        | JobState::FlippingReads
        | JobState::FlippingWrites
        | JobState::Flipped
        | JobState::ContractReady
        | JobState::SoftDropped
        | JobState::Contracted
        | JobState::Watching => (state == plan.last_state).then_some(Rest::Arrived),
    }
}

/// What that means for somebody who wanted to get to `goal`.
#[must_use]
pub fn outcome(rest: &Rest, goal: Goal) -> Outcome {
    match (rest, goal) {
        (Rest::Arrived, Goal::Forward) | (Rest::RolledBack, Goal::Back) => Outcome::Done,
        (Rest::AtGate(_) | Rest::Paused, _) => Outcome::Waiting,
        (Rest::Arrived | Rest::RolledBack | Rest::Held | Rest::Failed | Rest::Aborted, _) => Outcome::Refused,
    }
}

/// What to tell a person: what it is, why, and what to type.
#[must_use]
pub fn words(rest: &Rest, job: &ledger::jobs::Job, flag: &str) -> String {
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
        Rest::Held => format!("{name} is held: {why}"),
        Rest::Failed => format!("{name} has failed: {why}"),
        Rest::Aborted => format!("{name} is aborted: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn a_job_rests_only_where_somebody_must_say_something_or_it_has_arrived() {
        let plan = example::plan();
        for state in JobState::ALL {
            let rests = rest(*state, &plan, &[]).is_some();
            let expected = matches!(
                state,
                JobState::Verified
                    | JobState::Done
                    | JobState::Paused
                    | JobState::Held
                    | JobState::Failed
                    | JobState::Aborted
                    | JobState::RolledBack
            );
            assert_eq!(rests, expected, "{state}");
        }
    }

    #[test]
    fn a_gate_holds_until_it_is_approved() {
        let mut plan = example::plan();
        plan.gates.push(Gate {
            name: "expand".to_owned(),
            before: Phase::Expand,
            reasons: vec!["raw SQL".to_owned()],
        });
        let resting = rest(JobState::Classified, &plan, &[]).unwrap();
        assert_eq!(outcome(&resting, Goal::Forward), Outcome::Waiting);
        let said = words(&resting, &example::job(JobState::Classified), "--target main");
        assert!(
            said.contains("sluice approve track-seconds --gate expand") && said.contains("raw SQL"),
            "{said}"
        );
        assert_eq!(rest(JobState::Classified, &plan, &["expand".to_owned()]), None);
    }

    #[test]
    fn being_rolled_back_is_success_only_for_who_wanted_it() {
        assert_eq!(outcome(&Rest::RolledBack, Goal::Back), Outcome::Done);
        assert_eq!(outcome(&Rest::RolledBack, Goal::Forward), Outcome::Refused);
        assert_eq!(outcome(&Rest::Held, Goal::Back), Outcome::Refused);
    }
}
