//! `sluice run SPEC`: planner, workers and verifier in this process, until the job rests. Run again to continue.
//!
//! Everything that can be refused is refused before the ledger is created: the spec, the plan against the live
//! database, the privileges. An unfinished job of the same name is continued with the plan it has; a changed spec is
//! refused with the difference, because its triggers are already in place.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ledger::jobs::Job;
use ledger::{Ledger, Plan};
use planner::spec::Spec;
use planner::submit;
use proto::JobId;
use shared::clock::{Clock, SystemClock};
use shared::service::Shutdown;
use shared::settings::DatabaseRole;

use crate::actor::ActorArgs;
use crate::diff::{differences, only_budget};
use crate::drive::{Drive, conclude, following, interruptible, stop};
use crate::embedded::{self, Embedded, Roles};
use crate::error::{Error, Outcome, chain};
use crate::follow::{Driver, End};
use crate::place::{Place, PlaceArgs};
use crate::progress::Progress;
use crate::rest::{Goal, rest};
use crate::{out, privileges, report, specfile};

/// Arguments of `sluice run`.
#[derive(clap::Args)]
pub struct RunArgs {
    /// The spec file, or - for standard input.
    #[arg(value_name = "SPEC")]
    spec: PathBuf,
    /// Approve every gate in the name of --as.
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

/// Carries it out.
///
/// # Errors
/// Every fault of the spec, or what keeps the job from being driven.
pub async fn run(args: &RunArgs) -> Result<Outcome, Error> {
    let actor = args.actor.actor()?;
    let spec = specfile::read(&args.spec)?;
    let place = args.place.place()?;
    let clock = SystemClock::shared();
    let (shutdown, _listening) = interruptible(&place, &clock)?;
    let (ledger, job) = match unfinished(&place, &spec).await? {
        Some((ledger, job)) => (ledger, job),
        None => take(&place, &spec, &actor, &clock).await?,
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

/// The unfinished job of the spec's name, if there is one and the spec is still the same.
async fn unfinished(place: &Place, spec: &Spec) -> Result<Option<(Ledger, Job)>, Error> {
    let Some(ledger) = place.existing_ledger().await? else {
        return Ok(None);
    };
    let jobs = ledger.jobs().await?;
    let Some(job) = jobs
        .into_iter()
        .find(|j| j.name == spec.name && !j.state.is_final())
    else {
        return Ok(None);
    };
    let plan = ledger.plan(&job.plan_hash).await?;
    let differ = differences(&plan.spec, &spec.canonical());
    if differ.is_empty() {
        return Ok(Some((ledger, job)));
    }
    let lines: Vec<String> = differ.iter().map(|d| format!("\n  {d}")).collect();
    let todo = if only_budget(&differ) {
        format!(
            "only the budget differs: `sluice tune {} {}` changes it while the job runs",
            job.name,
            place.flag()
        )
    } else {
        format!(
            "`sluice rollback {} --discard {}` takes the job back, then run the new spec",
            job.name,
            place.flag()
        )
    };
    Err(Error::Refused(format!(
        "job {} ({}) is {} with another spec of this name, and its objects are in place; what differs (job -> file):{}\n\
         change the file back to continue that job; {todo}",
        job.name,
        job.id,
        job.state,
        lines.concat()
    )))
}

/// Compiles the spec, refuses what must be refused, and only then creates the ledger and the job.
async fn take(
    place: &Place,
    spec: &Spec,
    actor: &str,
    clock: &Arc<dyn Clock>,
) -> Result<(Ledger, Job), Error> {
    let plan = prepare(place, spec).await?;
    let target = embedded::connect(place, clock).await?;
    let id = JobId::new();
    submit::take(&target, id, &plan, actor).await?;
    let job = target.ledger.job(id).await?;
    out::note(&format!("job {id} ({}) taken in", job.name));
    Ok((target.ledger, job))
}

/// The plan. A role that may not even read the table makes the database's answer a fault of the spec; what it lacks
/// says more, so that is asked first then.
async fn prepare(place: &Place, spec: &Spec) -> Result<Plan, Error> {
    let pool = place.pool(DatabaseRole::Data).await?;
    let mut conn = pool
        .acquire()
        .await
        .map_err(engine::postgres::error::Error::query("take a connection"))?;
    let prepared = submit::prepare(&mut conn, spec, &place.acknowledged()).await;
    let only_the_spec = prepared
        .as_ref()
        .is_err_and(|faults| !submit::could_not_ask(faults));
    if !only_the_spec {
        let tables = submit::tables_of(&mut conn, spec).await;
        privileges::require(place, &tables).await?;
    }
    prepared.map_err(Error::Spec)
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
    let follow = following(drive, plan, shutdown, approver);
    loop {
        if let Some(outcome) = already(drive, args).await? {
            return Ok(outcome);
        }
        let mut driver = driver(drive, shutdown).await?;
        let end = follow.run(&mut driver, &mut progress).await;
        stop(driver, drive.place).await;
        match end? {
            End::Orphaned => progress.note("that planner is gone: this process goes on in its place"),
            end => {
                progress.finish();
                return Ok(said(&end, drive.place, args));
            }
        }
    }
}

/// A job that has arrived needs nobody to drive it.
async fn already(drive: &Drive<'_>, args: &RunArgs) -> Result<Option<Outcome>, Error> {
    let job = drive.ledger.job(drive.job.id).await?;
    let plan = drive.ledger.plan(&job.plan_hash).await?;
    let arrived = rest(job.state, &plan, &[]) == Some(crate::rest::Rest::Arrived);
    if !arrived || !drive.ledger.pending_commands(job.id).await?.is_empty() {
        return Ok(None);
    }
    let text = format!(
        "{} is {}: every row was checked, there is nothing left to do",
        job.name, job.state
    );
    if args.json {
        out::note(&text);
    } else {
        out::answer(&text);
    }
    Ok(Some(Outcome::Done))
}

/// Roles in this process, unless a planner elsewhere holds the lease.
async fn driver(drive: &Drive<'_>, shutdown: &Shutdown) -> Result<Driver, Error> {
    if let Some(holder) = drive.ledger.lease_holder("planner").await? {
        out::note(&format!(
            "planner {holder} is active for this database: watching what it does"
        ));
        return Ok(Driver::Theirs);
    }
    let target = embedded::connect(drive.place, &drive.clock).await?;
    let embedded = Embedded::start(
        drive.place,
        target,
        Roles::All,
        drive.clock.clone(),
        shutdown.clone(),
    );
    Ok(Driver::Ours(Box::new(embedded)))
}

fn said(end: &End, place: &Place, args: &RunArgs) -> Outcome {
    match end {
        End::Rest(rest, view) if args.json => {
            out::note(&crate::rest::words(rest, &view.job, &place.flag()));
            crate::rest::outcome(rest, Goal::Forward)
        }
        end => conclude(end, place, Goal::Forward),
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
