//! `sluice resume JOB`: lets a paused, held or aborted job go on; failed work is tried again.

use ledger::commands::Command;

use crate::error::{Error, Outcome};
use crate::order::{self, OrderArgs, Work};
use crate::rest::Goal;

/// Arguments of `sluice resume`.
#[derive(clap::Args)]
pub struct ResumeArgs {
    /// Which job, and who commands.
    #[command(flatten)]
    order: OrderArgs,
}

/// Carries it out.
///
/// # Errors
/// If the ledger cannot be reached, or there is no such job.
pub async fn run(args: &ResumeArgs) -> Result<Outcome, Error> {
    order::give(&args.order, &Command::Resume, Work::Until(Goal::Forward)).await
}
