//! `sluice report JOB`: the final checklist of a careful migration, with its evidence.

use crate::error::{Error, Outcome};
use crate::place::PlaceArgs;
use crate::{out, report};

/// Arguments of `sluice report`.
#[derive(clap::Args)]
pub struct ReportArgs {
    /// The job: its name, its id, or an unambiguous beginning of the id.
    #[arg(value_name = "JOB")]
    job: String,
    /// As one JSON object.
    #[arg(long)]
    json: bool,
    /// Which database.
    #[command(flatten)]
    place: PlaceArgs,
}

/// Carries it out.
///
/// # Errors
/// If the ledger cannot be reached, or there is no such job.
pub async fn run(args: &ReportArgs) -> Result<Outcome, Error> {
    let ledger = args.place.place()?.ledger().await?;
    let job = ledger.find_job(&args.job).await?;
    let report = report::report(&report::read(&ledger, job).await?);
    if args.json {
        out::json(&report);
    } else {
        out::answer(&report::text(&report));
    }
    Ok(Outcome::Done)
}
