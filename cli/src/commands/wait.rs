//! `sluice wait JOB --until MILESTONE`: for deploy pipelines. A milestone is reached in its state or any later one.
//!
//! A job that cannot reach it by itself any more (held, failed, aborted, on its way back, at the end of its plan) ends
//! the waiting at once with exit code 1. At a closed gate the answer is 3 with what to type; with a time limit somebody may
//! still open it, so that is waited for, as a pause is.

mod reached;

use std::time::Duration;

use clap::ValueEnum;
use ledger::JobState;
use ledger::jobs::Job;
use shared::clock::{Clock as _, SystemClock};
use shared::units::{format_duration, parse_duration};

use crate::error::{Error, Outcome};
use crate::out;
use crate::place::PlaceArgs;
use reached::{Reached, View, reached};

const POLL: Duration = Duration::from_millis(500);

/// Arguments of `sluice wait`.
#[derive(clap::Args)]
pub struct WaitArgs {
    /// The job: its name, its id, or an unambiguous beginning of the id.
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

/// Carries it out.
///
/// # Errors
/// If the ledger cannot be reached, or there is no such job.
pub async fn run(args: &WaitArgs) -> Result<Outcome, Error> {
    let place = args.place.place()?;
    let ledger = place.ledger().await?;
    let clock = SystemClock::new();
    let begun = clock.monotonic();
    let known = ledger.find_job(&args.job).await?;
    let plan = ledger.plan(&known.plan_hash).await?;
    loop {
        let job = ledger.job(known.id).await?;
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
        let found = reached(args.until, &view);
        match &found {
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
                out::note(what);
                return Ok(Outcome::Waiting);
            }
            Reached::AtGate(_) | Reached::NotYet => {}
        }
        if let Some(limit) = args
            .timeout
            .filter(|limit| clock.monotonic().saturating_sub(begun) >= *limit)
        {
            return Ok(too_late(limit, &job, &found));
        }
        clock.sleep(POLL).await;
    }
}

fn too_late(limit: Duration, job: &Job, found: &Reached) -> Outcome {
    out::note(&format!(
        "not reached within {}: {}",
        format_duration(limit),
        words(job)
    ));
    if matches!(found, Reached::AtGate(_)) || job.state == JobState::Paused {
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
