//! `sluice pause JOB`: stops its writes; mirroring goes on, so nothing is lost and `resume` goes on where it was.

use ledger::commands::Command;

use crate::error::{Error, Outcome};
use crate::order::{self, OrderArgs, Work};

/// Arguments of `sluice pause`.
#[derive(clap::Args)]
pub struct PauseArgs {
    /// Which job, and who commands.
    #[command(flatten)]
    order: OrderArgs,
}

/// Carries it out.
///
/// # Errors
/// If the ledger cannot be reached, or there is no such job.
pub async fn run(args: &PauseArgs) -> Result<Outcome, Error> {
    order::give(&args.order, &Command::Pause, Work::Answer).await
}
