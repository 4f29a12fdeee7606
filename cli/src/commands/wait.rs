//! `sluice wait JOB --until MILESTONE`: for deploy pipelines. A milestone is reached in its state or any later one.
//!
//! A job that cannot reach it by itself any more (held, failed, aborted, on its way back) ends the waiting at once with
//! exit code 1; a pause or a gate is waited at, and ends with 3 when the time is over.

use std::time::Duration;

use clap::ValueEnum;
use ledger::jobs::Job;
use ledger::status::StageRow;
use ledger::{JobState, Stage, StageStatus};
use shared::clock::{Clock as _, SystemClock};
use shared::units::{format_duration, parse_duration};

use crate::error::{Error, Outcome};
use crate::out;
use crate::place::PlaceArgs;

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

#[derive(Debug, PartialEq, Eq)]
enum Reached {
    Yes,
    NotYet,
    Never,
}

/// Carries it out.
///
/// # Errors
/// If the ledger cannot be reached, or there is no such job.
pub async fn run(args: &WaitArgs) -> Result<Outcome, Error> {
    let ledger = args.place.place()?.ledger().await?;
    let clock = SystemClock::new();
    let begun = clock.monotonic();
    let id = ledger.find_job(&args.job).await?.id;
    loop {
        let job = ledger.job(id).await?;
        let stages = ledger.stages(id).await?;
        match reached(args.until, job.state, &stages) {
            Reached::Yes => {
                out::answer(&format!("{} is {}", job.name, job.state));
                return Ok(Outcome::Done);
            }
            Reached::Never => {
                out::note(&format!("{}: {}", words(&job), "it will not get there by itself"));
                return Ok(Outcome::Refused);
            }
            Reached::NotYet => {}
        }
        if let Some(limit) = args
            .timeout
            .filter(|limit| clock.monotonic().saturating_sub(begun) >= *limit)
        {
            out::note(&format!(
                "not reached within {}: {}",
                format_duration(limit),
                words(&job)
            ));
            let waits = matches!(job.state, JobState::Paused | JobState::Classified);
            return Ok(if waits { Outcome::Waiting } else { Outcome::Refused });
        }
        clock.sleep(POLL).await;
    }
}

fn words(job: &Job) -> String {
    match &job.reason {
        Some(why) => format!("{} is {}: {why}", job.name, job.state),
        None => format!("{} is {}", job.name, job.state),
    }
}

fn reached(milestone: Milestone, state: JobState, stages: &[StageRow]) -> Reached {
    let wanted = match milestone {
        Milestone::Expanded => JobState::DualWriting,
        Milestone::Verified => JobState::Verified,
        Milestone::Flipped => JobState::Flipped,
        Milestone::Done => JobState::Done,
        Milestone::RolledBack => return reached_back(state),
    };
    let expanded = stages
        .iter()
        .any(|s| s.name == Stage::Expand && s.status == StageStatus::Done);
    match state {
        JobState::Held
        | JobState::Failed
        | JobState::Aborted
        | JobState::RollingBack
        | JobState::RolledBack => Reached::Never,
        JobState::Paused if milestone == Milestone::Expanded && expanded => Reached::Yes,
        state if state.is_forward() && state >= wanted => Reached::Yes,
        _ => Reached::NotYet,
    }
}

fn reached_back(state: JobState) -> Reached {
    match state {
        JobState::RolledBack => Reached::Yes,
        JobState::Done | JobState::Held | JobState::Failed => Reached::Never,
        _ => Reached::NotYet,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_milestone_is_reached_in_its_state_or_any_later_one() {
        let check = |milestone, state, expected| {
            assert_eq!(reached(milestone, state, &[]), expected, "{milestone:?} {state}");
        };
        check(Milestone::Expanded, JobState::Expanding, Reached::NotYet);
        check(Milestone::Expanded, JobState::DualWriting, Reached::Yes);
        check(Milestone::Expanded, JobState::Verified, Reached::Yes);
        check(Milestone::Verified, JobState::Backfilling, Reached::NotYet);
        check(Milestone::Verified, JobState::FlippingReads, Reached::Yes);
        check(Milestone::Done, JobState::Verified, Reached::NotYet);
        check(Milestone::RolledBack, JobState::RollingBack, Reached::NotYet);
        check(Milestone::RolledBack, JobState::RolledBack, Reached::Yes);
    }

    #[test]
    fn a_job_that_stopped_ends_the_waiting() {
        for state in [
            JobState::Held,
            JobState::Failed,
            JobState::Aborted,
            JobState::RolledBack,
        ] {
            assert_eq!(
                reached(Milestone::Expanded, state, &[]),
                Reached::Never,
                "{state}"
            );
        }
        assert_eq!(
            reached(Milestone::Verified, JobState::Paused, &[]),
            Reached::NotYet
        );
    }
}
