//! `sluice run SPEC`: planner, workers and verifier in this process, until the job rests. Run again to continue.
//!
//! Everything that can be refused is refused before the ledger is created: the spec, the plan against the live
//! database, the privileges. An unfinished job of the same name is continued with the plan it has; a changed spec is
//! refused with the difference, because its triggers are already in place. With `--until` the job comes to rest on the way:
//! it goes on when the spec is run again. A job that is done stays done: run again, its spec only says so.

mod known;
mod taking;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::ValueEnum;
use ledger::jobs::Job;
use ledger::{JobState, Plan};
use shared::clock::SystemClock;
use shared::service::Shutdown;

use crate::actor::ActorArgs;
use crate::drive::{Drive, Ways, conclude, following, interruptible, stop};
use crate::embedded::{self, Embedded, Roles, Scope};
use crate::error::{Error, Outcome, chain};
use crate::follow::{Driver, End, Follow};
use crate::place::PlaceArgs;
use crate::progress::Progress;
use crate::rest::{Goal, Rest, outcome, rest, words};
use crate::{out, report, specfile};

/// Arguments of `sluice run`.
#[derive(clap::Args)]
pub struct RunArgs {
    /// The spec file, or - for standard input.
    #[arg(value_name = "SPEC")]
    spec: PathBuf,
    /// How far; run the spec again to go on. A plan that comes to rest earlier stays there.
    #[arg(long, value_enum, value_name = "WHERE", default_value_t = Until::Done)]
    until: Until,
    /// Approve every gate when the job reaches it, in the name of --as: also the one before old is dropped.
    #[arg(long)]
    yes: bool,
    /// Write the report of the job, as JSON, also when it did not get to its end.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Print the report as JSON on standard output instead of one line.
    #[arg(long)]
    json: bool,
    /// Who runs it.
    #[command(flatten)]
    actor: ActorArgs,
    /// Which database.
    #[command(flatten)]
    place: PlaceArgs,
}

/// How far a run goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Until {
    /// Every row is filled, checked and mirrored; nothing has moved. Where a planner runs, it goes on.
    Verified,
    /// Reads and writes use new; old is still there.
    Flipped,
    /// The end of the plan.
    Done,
}

impl Until {
    /// The state in which the job is to stay; None: where its plan ends.
    fn state(self, plan: &Plan) -> Option<JobState> {
        let state = match self {
            Self::Verified => JobState::Verified,
            Self::Flipped => JobState::Flipped,
            Self::Done => JobState::Done,
        };
        Some(state).filter(|state| *state < plan.last_state)
    }
}

/// Carries it out.
///
/// # Errors
/// Every fault of the spec, or what keeps the job from being driven.
pub async fn run(args: &RunArgs) -> Result<Outcome, Error> {
    let actor = args.actor.actor()?;
    let spec = specfile::read(&args.spec)?;
    let place = args.place.place()?;
    if let Some(path) = &args.report {
        report::writable(path)?;
    }
    let clock = SystemClock::shared();
    let (shutdown, _listening) = interruptible(&place, &clock)?;
    let known = match known::job(&place, &spec).await {
        // One role is locked out: what all of them lack says more.
        Err(error @ Error::Locked(_)) => {
            return Err(taking::lacking(&place, &spec).await.err().unwrap_or(error));
        }
        known => known?,
    };
    let (ledger, job) = match known {
        Some((ledger, job)) => (ledger, job),
        None => taking::take(&place, &spec, &actor, &clock).await?,
    };
    let drive = Drive {
        place: &place,
        ledger: &ledger,
        job,
        clock,
    };
    let approver = args.yes.then_some(actor);
    let outcome = to_rest(&drive, &shutdown, approver, args).await;
    let told = tell(args, &drive).await;
    let outcome = outcome?;
    told?;
    Ok(outcome)
}

/// Drives the job, or watches whoever drives it, until it rests.
async fn to_rest(
    drive: &Drive<'_>,
    shutdown: &Shutdown,
    approver: Option<String>,
    args: &RunArgs,
) -> Result<Outcome, Error> {
    let plan = Arc::new(drive.ledger.plan(&drive.job.plan_hash).await?);
    let mut progress = Progress::new();
    let until = args.until.state(&plan);
    let follow = Follow {
        approver,
        until,
        ..following(drive, plan, shutdown)
    };
    loop {
        if let Some(outcome) = already(drive, &follow, args).await? {
            return Ok(outcome);
        }
        let mut driver = driver(drive, shutdown, until).await?;
        let ours = matches!(driver, Driver::Ours(_));
        let end = follow.run(&mut driver, &mut progress).await;
        stop(driver, drive.place).await;
        match end? {
            End::Orphaned => progress.note("that planner is gone: this process goes on in its place"),
            end => {
                progress.finish();
                let outcome = said(&end, drive, args);
                if let Some(until) = until.filter(|_| outcome == Outcome::Done) {
                    let on = if ours {
                        "run the spec again without --until to go on"
                    } else {
                        "the planner goes on with the job"
                    };
                    out::note(&format!("this run was asked to end at {until}; {on}"));
                }
                return Ok(outcome);
            }
        }
    }
}

/// A job that has arrived needs nobody to drive it.
async fn already(drive: &Drive<'_>, follow: &Follow<'_>, args: &RunArgs) -> Result<Option<Outcome>, Error> {
    let job = drive.ledger.job(drive.job.id).await?;
    let arrived = rest(&job, &follow.plan, &[], follow.until) == Some(Rest::Arrived);
    if !arrived || !drive.ledger.pending_commands(job.id).await?.is_empty() {
        return Ok(None);
    }
    let text = nothing_left(&job, follow.until);
    if args.json {
        out::note(&text);
    } else {
        out::answer(&text);
    }
    Ok(Some(Outcome::Done))
}

fn nothing_left(job: &Job, until: Option<JobState>) -> String {
    let (name, state) = (&job.name, job.state);
    match until {
        Some(until) => format!("{name} is {state}: there is nothing left to do until {until}"),
        None => format!("{name} is {state}: there is nothing left to do"),
    }
}

/// Roles in this process, unless a planner elsewhere holds the lease.
async fn driver(drive: &Drive<'_>, shutdown: &Shutdown, until: Option<JobState>) -> Result<Driver, Error> {
    if let Some(holder) = drive.ledger.lease_holder("planner").await? {
        out::note(&watching(&holder, &drive.job.name, until));
        return Ok(Driver::Theirs);
    }
    let target = embedded::connect(drive.place, &drive.clock).await?;
    let scope = Scope {
        roles: Roles::All,
        until,
    };
    let embedded = Embedded::start(drive.place, target, scope, drive.clock.clone(), shutdown.clone());
    Ok(Driver::Ours(Box::new(embedded)))
}

/// A planner serves every job of its database to the end: where this run ends is nothing to it.
fn watching(holder: &str, job: &str, until: Option<JobState>) -> String {
    let beyond = until.map_or_else(String::new, |until| {
        format!(
            ". It does not stop at {until}, only this command does: `sluice pause {job}` stops it where it is, `sluice flip {job} hold` keeps \
             reads and writes from moving further"
        )
    });
    format!("planner {holder} is active for this database: watching what it does{beyond}")
}

fn said(end: &End, drive: &Drive<'_>, args: &RunArgs) -> Outcome {
    let flag = drive.place.flag();
    match end {
        End::Rest(rest, view) if args.json => {
            out::note(&words(rest, &view.job, &flag));
            outcome(rest, Goal::Forward)
        }
        end => {
            let ways = Ways {
                flag,
                name: &drive.job.name,
                again: "run the same command again to continue",
            };
            conclude(end, &ways, Goal::Forward)
        }
    }
}

/// Writes the report, whichever way the run ended: a pipeline wants to know most when it failed.
async fn tell(args: &RunArgs, drive: &Drive<'_>) -> Result<(), Error> {
    if args.report.is_none() && !args.json {
        return Ok(());
    }
    let job = drive.ledger.job(drive.job.id).await?;
    let report = report::report(&report::read(drive.ledger, job).await?);
    if args.json {
        out::json(&report);
    }
    match &args.report {
        Some(path) => write(path, &out::pretty(&report)),
        None => Ok(()),
    }
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    std::fs::write(path, format!("{text}\n")).map_err(|source| {
        let error = Error::File {
            path: path.to_owned(),
            doing: "written",
            source,
        };
        out::note(&format!("the report was not written: {}", chain(&error)));
        error
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn beside_a_planner_it_is_said_that_the_job_goes_on() {
        let text = watching("planner-7", "track-seconds", Some(JobState::Verified));
        assert!(
            text.contains("does not stop at verified") && text.contains("`sluice pause track-seconds`"),
            "{text}"
        );
        let text = watching("planner-7", "track-seconds", None);
        assert!(text.ends_with("watching what it does"), "{text}");
    }

    #[test]
    fn a_run_stays_where_it_is_asked_to_unless_the_plan_ends_before() {
        let (plan, stays) = (example::plan(), example::plan_that_stays());
        assert_eq!(Until::Verified.state(&plan), Some(JobState::Verified));
        assert_eq!(Until::Flipped.state(&plan), Some(JobState::Flipped));
        assert_eq!(Until::Done.state(&plan), None);
        assert_eq!(Until::Verified.state(&stays), Some(JobState::Verified));
        assert_eq!(Until::Flipped.state(&stays), None);
        assert_eq!(Until::Done.state(&stays), None);
    }
}
