//! Whether a milestone is reached, can still be, or waits for somebody. Pure.

use ledger::jobs::Job;
use ledger::plan::MIRROR_STAYS;
use ledger::status::StageRow;
use ledger::{JobState, Plan, Stage, StageStatus};

use super::Milestone;
use crate::rest::{Rest, rest};

/// Whether it is reached.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reached {
    Yes,
    NotYet,
    /// Somebody must open a gate first; what to type.
    AtGate(String),
    /// Why not.
    Never(String),
}

/// A job with what tells how far it is.
pub(super) struct View<'a> {
    pub(super) job: &'a Job,
    pub(super) plan: &'a Plan,
    pub(super) stages: &'a [StageRow],
    pub(super) approved: &'a [String],
    /// How to name the target in a command.
    pub(super) flag: &'a str,
}

impl Milestone {
    /// The first state in which it is reached on the way forward.
    fn state(self) -> Option<JobState> {
        match self {
            Self::Expanded => Some(JobState::DualWriting),
            Self::Verified => Some(JobState::Verified),
            Self::Flipped => Some(JobState::Flipped),
            Self::Done => Some(JobState::Done),
            Self::RolledBack => None,
        }
    }
}

/// Whether a job has reached a milestone.
pub(super) fn reached(milestone: Milestone, view: &View<'_>) -> Reached {
    let Some(wanted) = milestone.state() else {
        return reached_back(view.job.state);
    };
    let state = view.job.state;
    if state.is_forward() {
        return forward(wanted, view);
    }
    let never = |why: &str| Reached::Never(why.to_owned());
    match state {
        JobState::RollingBack | JobState::RolledBack => never("it goes the other way"),
        _ if was_reached(milestone, view) => Reached::Yes,
        JobState::Paused => beyond_the_plan(wanted, view).unwrap_or(Reached::NotYet),
        _ => never("it stopped; `sluice status` says what can be done"),
    }
}

fn forward(wanted: JobState, view: &View<'_>) -> Reached {
    if view.job.state >= wanted {
        return Reached::Yes;
    }
    if let Some(never) = beyond_the_plan(wanted, view) {
        return never;
    }
    match rest(view.job, view.plan, view.approved, None) {
        Some(resting @ Rest::AtGate(_)) => Reached::AtGate(crate::rest::words(&resting, view.job, view.flag)),
        _ => Reached::NotYet,
    }
}

/// A plan that ends before the milestone never gets there, however long one waits.
fn beyond_the_plan(wanted: JobState, view: &View<'_>) -> Option<Reached> {
    let last = view.plan.last_state;
    let why = if last == JobState::Flipped {
        format!(" (the triggers have to stay, because {MIRROR_STAYS})")
    } else {
        String::new()
    };
    (wanted > last).then(|| {
        Reached::Never(format!(
            "its plan ends at {last}, before {wanted}{why}; wait for {last} instead"
        ))
    })
}

/// What the stages say of a job that stopped. One that stopped by itself after its rows were verified found something
/// (a drift), so there only a person's stop leaves that standing.
fn was_reached(milestone: Milestone, view: &View<'_>) -> bool {
    let done = |stage| {
        view.stages
            .iter()
            .any(|s| s.name == stage && s.status == StageStatus::Done)
    };
    match milestone {
        Milestone::Expanded => done(Stage::Expand),
        Milestone::Verified => {
            matches!(view.job.state, JobState::Paused | JobState::Aborted) && done(Stage::Backfill)
        }
        Milestone::Flipped => done(Stage::Flip),
        Milestone::Done | Milestone::RolledBack => false,
    }
}

fn reached_back(state: JobState) -> Reached {
    match state {
        JobState::RolledBack => Reached::Yes,
        JobState::Contracted | JobState::Watching | JobState::Done => {
            Reached::Never("it has nothing left that could be taken back".to_owned())
        }
        JobState::Held | JobState::Failed => {
            Reached::Never("nobody takes it back; `sluice rollback` would".to_owned())
        }
        _ => Reached::NotYet,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    /// What is said of a job in a state with these stages done.
    fn check(milestone: Milestone, state: JobState, done: &[Stage]) -> Reached {
        let stages: Vec<StageRow> = done
            .iter()
            .map(|stage| StageRow {
                name: *stage,
                status: StageStatus::Done,
                started_at: None,
                ended_at: None,
            })
            .collect();
        let view = View {
            job: &example::job(state),
            plan: &example::plan(),
            stages: &stages,
            approved: &[],
            flag: "--target main",
        };
        reached(milestone, &view)
    }

    #[test]
    fn a_milestone_is_reached_in_its_state_or_any_later_one() {
        for (milestone, state, expected) in [
            (Milestone::Expanded, JobState::Expanding, Reached::NotYet),
            (Milestone::Expanded, JobState::DualWriting, Reached::Yes),
            (Milestone::Expanded, JobState::Verified, Reached::Yes),
            (Milestone::Verified, JobState::Backfilling, Reached::NotYet),
            (Milestone::Verified, JobState::FlippingReads, Reached::Yes),
            (Milestone::Flipped, JobState::FlippingWrites, Reached::NotYet),
            (Milestone::Flipped, JobState::ContractReady, Reached::Yes),
            (Milestone::Done, JobState::Watching, Reached::NotYet),
            (Milestone::Done, JobState::Done, Reached::Yes),
            (Milestone::RolledBack, JobState::RollingBack, Reached::NotYet),
            (Milestone::RolledBack, JobState::RolledBack, Reached::Yes),
        ] {
            assert_eq!(check(milestone, state, &[]), expected, "{milestone:?} {state}");
        }
    }

    #[test]
    fn a_plan_that_ends_before_the_milestone_is_not_waited_for() {
        let view = View {
            job: &example::job(JobState::Backfilling),
            plan: &example::plan_that_stays(),
            stages: &[],
            approved: &[],
            flag: "--target main",
        };
        let said = reached(Milestone::Done, &view);
        assert!(
            matches!(&said, Reached::Never(why) if why.contains("ends at flipped") && why.contains("`down`")),
            "{said:?}"
        );
        assert_eq!(reached(Milestone::Flipped, &view), Reached::NotYet);
    }

    #[test]
    fn a_job_that_stopped_ends_the_waiting() {
        for state in [
            JobState::Held,
            JobState::Failed,
            JobState::Aborted,
            JobState::RollingBack,
            JobState::RolledBack,
        ] {
            let said = check(Milestone::Expanded, state, &[]);
            assert!(matches!(said, Reached::Never(_)), "{state}");
        }
        assert_eq!(
            check(Milestone::Verified, JobState::Paused, &[Stage::Expand]),
            Reached::NotYet
        );
    }

    #[test]
    fn a_job_that_stopped_later_has_reached_what_its_stages_say() {
        let expanded = [Stage::Classify, Stage::Expand];
        for state in [JobState::Paused, JobState::Held, JobState::Aborted] {
            assert_eq!(
                check(Milestone::Expanded, state, &expanded),
                Reached::Yes,
                "{state}"
            );
        }
        let filled = [Stage::Classify, Stage::Expand, Stage::Backfill];
        assert_eq!(
            check(Milestone::Verified, JobState::Paused, &filled),
            Reached::Yes
        );
        let drifted = check(Milestone::Verified, JobState::Held, &filled);
        assert!(matches!(drifted, Reached::Never(_)), "{drifted:?}");
    }

    #[test]
    fn what_was_dropped_is_not_waited_for_to_come_back() {
        for state in [JobState::Contracted, JobState::Watching, JobState::Done] {
            let said = check(Milestone::RolledBack, state, &[]);
            assert!(matches!(said, Reached::Never(_)), "{state}");
        }
    }

    #[test]
    fn a_closed_gate_says_what_to_type() {
        let mut plan = example::plan();
        plan.gates.push(example::expand_gate());
        for (state, milestone, gate) in [
            (JobState::Classified, Milestone::Verified, "expand"),
            (JobState::ContractReady, Milestone::Done, "contract"),
        ] {
            let mut job = example::job(state);
            job.reason = Some(format!("gate `{gate}` waits for an approval"));
            let mut view = View {
                job: &job,
                plan: &plan,
                stages: &[],
                approved: &[],
                flag: "--target main",
            };
            let said = reached(milestone, &view);
            let what = format!("sluice approve track-seconds --gate {gate}");
            assert!(
                matches!(&said, Reached::AtGate(words) if words.contains(&what)),
                "{said:?}"
            );
            let open = [gate.to_owned()];
            view.approved = &open;
            assert_eq!(reached(milestone, &view), Reached::NotYet);
        }
    }
}
