//! `sluice wait JOB --until MILESTONE`: for deploy pipelines. A milestone is reached in its state or any later one.
//!
//! A job that cannot reach it by itself any more (held, failed, aborted, on its way back, at the end of its plan) ends
//! the waiting at once with exit code 1. At a closed gate the answer is 3 with what to type; with a time limit somebody may
//! still open it, so that is waited for, as a pause is.

use std::time::Duration;

use clap::ValueEnum;
use ledger::jobs::Job;
use ledger::status::StageRow;
use ledger::{JobState, Plan, Stage, StageStatus};
use shared::clock::{Clock as _, SystemClock};
use shared::units::{format_duration, parse_duration};

use crate::error::{Error, Outcome};
use crate::out;
use crate::place::PlaceArgs;
use crate::rest::{Rest, rest};

const POLL: Duration = Duration::from_millis(500);

/// Arguments of `sluice wait`.
#[derive(clap::Args)]
pub struct WaitArgs {
    /// The job: its name, its id, or the first 8 digits of it.
    #[arg(value_name = "JOB")]
    job: String,
    /// What to wait for.
    #[arg(long, value_enum)]
    until: Milestone,
    /// For how long, such as 30m; without it for ever.
    #[arg(long, value_name = "TIME", value_parser = |text: &str| parse_duration(text).map_err(|e| e.to_string()))]
    timeout: Option<Duration>,
    /// Which database.
    #[command(flatten)]
    place: PlaceArgs,
}

/// What a pipeline may wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Milestone {
    /// New objects and triggers are in place: code that knows both sides may be deployed.
    Expanded,
    /// Every row was checked and is right.
    Verified,
    /// Reads and writes use new.
    Flipped,
    /// The job is finished.
    Done,
    /// The job is taken back.
    RolledBack,
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

#[derive(Debug, PartialEq, Eq)]
enum Reached {
    Yes,
    NotYet,
    /// Somebody must open a gate first; what to type.
    AtGate(String),
    /// Why not.
    Never(String),
}

/// A job with what tells how far it is.
struct View<'a> {
    job: &'a Job,
    plan: &'a Plan,
    stages: &'a [StageRow],
    approved: &'a [String],
    /// How to name the target in a command.
    flag: &'a str,
}

/// Carries it out.
///
/// # Errors
/// If the ledger cannot be reached, or there is no such job.
pub async fn run(args: &WaitArgs) -> Result<Outcome, Error> {
    let place = args.place.place()?;
    let ledger = place.ledger().await?;
    let clock = SystemClock::new();
    let begun = clock.monotonic();
    let found = ledger.find_job(&args.job).await?;
    let plan = ledger.plan(&found.plan_hash).await?;
    loop {
        let job = ledger.job(found.id).await?;
        let stages = ledger.stages(job.id).await?;
        let approved: Vec<String> = ledger
            .approvals(job.id)
            .await?
            .into_iter()
            .map(|(gate, _)| gate)
            .collect();
        let view = View {
            job: &job,
            plan: &plan,
            stages: &stages,
            approved: &approved,
            flag: &place.flag(),
        };
        match reached(args.until, &view) {
            Reached::Yes => {
                out::answer(&format!("{} is {}", job.name, job.state));
                return Ok(Outcome::Done);
            }
            Reached::Never(why) => {
                out::note(&format!(
                    "{}: it will not get there by itself: {why}",
                    words(&job)
                ));
                return Ok(Outcome::Refused);
            }
            Reached::AtGate(what) if args.timeout.is_none() => {
                out::note(&what);
                return Ok(Outcome::Waiting);
            }
            Reached::AtGate(_) | Reached::NotYet => {}
        }
        if let Some(limit) = args
            .timeout
            .filter(|limit| clock.monotonic().saturating_sub(begun) >= *limit)
        {
            return Ok(too_late(limit, &job));
        }
        clock.sleep(POLL).await;
    }
}

fn too_late(limit: Duration, job: &Job) -> Outcome {
    out::note(&format!(
        "not reached within {}: {}",
        format_duration(limit),
        words(job)
    ));
    if matches!(job.state, JobState::Paused | JobState::Classified) {
        Outcome::Waiting
    } else {
        Outcome::Refused
    }
}

fn words(job: &Job) -> String {
    match &job.reason {
        Some(why) => format!("{} is {}: {why}", job.name, job.state),
        None => format!("{} is {}", job.name, job.state),
    }
}

fn reached(milestone: Milestone, view: &View<'_>) -> Reached {
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
    match rest(view.job.state, view.plan, view.approved) {
        Some(resting @ Rest::AtGate(_)) => Reached::AtGate(crate::rest::words(&resting, view.job, view.flag)),
        _ => Reached::NotYet,
    }
}

/// A plan that ends before the milestone never gets there, however long one waits.
fn beyond_the_plan(wanted: JobState, view: &View<'_>) -> Option<Reached> {
    let last = view.plan.last_state;
    (wanted > last).then(|| {
        Reached::Never(format!(
            "its plan ends at {last}, before {wanted}; wait for {last} instead"
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
        JobState::Done | JobState::Held | JobState::Failed => {
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
            (Milestone::RolledBack, JobState::RollingBack, Reached::NotYet),
            (Milestone::RolledBack, JobState::RolledBack, Reached::Yes),
        ] {
            assert_eq!(check(milestone, state, &[]), expected, "{milestone:?} {state}");
        }
    }

    #[test]
    fn a_plan_that_ends_before_the_milestone_is_not_waited_for() {
        for milestone in [Milestone::Flipped, Milestone::Done] {
            let said = check(milestone, JobState::Verified, &[]);
            assert!(
                matches!(&said, Reached::Never(why) if why.contains("ends at verified")),
                "{said:?}"
            );
        }
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
    fn a_closed_gate_says_what_to_type() {
        let mut plan = example::plan();
        plan.gates.push(ledger::plan::Gate {
            name: "expand".to_owned(),
            before: ledger::plan::Phase::Expand,
            reasons: vec!["raw SQL".to_owned()],
        });
        let mut view = View {
            job: &example::job(JobState::Classified),
            plan: &plan,
            stages: &[],
            approved: &[],
            flag: "--target main",
        };
        let said = reached(Milestone::Verified, &view);
        assert!(
            matches!(&said, Reached::AtGate(what) if what.contains("sluice approve track-seconds --gate expand")),
            "{said:?}"
        );
        let open = ["expand".to_owned()];
        view.approved = &open;
        assert_eq!(reached(Milestone::Verified, &view), Reached::NotYet);
    }
}
